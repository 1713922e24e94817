/**
 * Where characters came from that a Debian guest has printed: from the serial port back through the kernel's buffers,
 * a system call, the stack of one process, another system call of another process, to the kernel's unpacking of the
 * initial file system; and from what a shell echoes back through a pipe from another process to the command line that
 * the kernel was given. Called by query/debian.ts, which has such a recording; it takes some seconds.
 */
import { peekPhysicalBytes } from '../../src/core/memory/peek.ts';
import { planQuery } from '../../src/core/query/plan.ts';
import { runQuery } from '../../src/core/query/run.ts';
import { runningTaskName } from '../../src/core/query/current-task.ts';
import { CR3 } from '../../src/core/state/layout.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import { follow } from '../../src/core/timeline/provenance/chain.ts';
import { type Origin, Origins } from '../../src/core/timeline/provenance/origin.ts';
import { questionOf } from '../../src/core/timeline/provenance/what.ts';
import type { Step } from '../../src/core/timeline/provenance/writers.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { planContext } from '../../src/host/query/guest-view.ts';
import { PAGE_OFFSET } from '../../src/host/symbols/guest-memory.ts';
import type { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { currentTaskPlace } from '../../src/host/symbols/linux-tasks.ts';

/** By uname: the name that the init script has given to the machine. The last letter is asked about. */
const PRINTED = 'serial:"Linux reprise"';
const PASSED = ['serial8250_tx_chars', '__copy_user_ll', '__do_sys_newuname', 'memcpy'];

/** One fact of a chain, in words. */
interface Fact {
  readonly what: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** All instructions of a chain that moved the value or made it, the last first. */
const stepsOf = (origins: readonly Origin[]): Step[] =>
  origins.flatMap(({ end, links }) => [
    ...links.map(({ step }) => step),
    ...('step' in end && end.step !== null ? [end.step] : []),
  ]);

/** What holds of the chain, in words. Leaves the timeline somewhere. */
export function* lettersOrigin(timeline: Timeline, guest: GuestSymbols): Generator<Fact, void> {
  const { cpu } = timeline.machine;
  finish(goTo(timeline, parsePosition(PRINTED)));
  guest.refresh(cpu);
  const { origins, stop } = finish(follow(new Origins(timeline), questionOf('al', cpu, timeline.position)));
  const steps = stepsOf(origins);
  const functions = new Set(steps.map(({ linear }) => guest.table.functionAt(linear)?.symbol.name ?? ''));
  const detail = `${steps.length} steps in ${functions.size} functions`;
  yield { what: 'a letter through the kernel', holds: PASSED.every((name) => functions.has(name)), detail };
  const task = currentTaskPlace(cpu, guest.table);
  const names = new Map<number, string | null>();
  for (const { position } of steps.filter(({ linear }) => linear < PAGE_OFFSET)) {
    finish(timeline.seek(position));
    names.set(cpu.m32[CR3] >>> 0, task === null ? null : runningTaskName(cpu, task));
  }
  const isShared = names.size > 1 && [...names.values()].includes('uname');
  yield { what: 'from process to process', holds: isShared, detail: [...names.values()].join(', ') };
  const isUnpacked = [...functions].some((name) => /^(zlib_)?inflate/.test(name));
  yield { what: 'to the file system', holds: stop === 'end' && isUnpacked, detail: 'where the kernel unpacks it' };
}

/** The last word of the command line's run="…". The shell has it from sed, by $(sed … /proc/cmdline). */
const ECHOED = 'serial:"-\\r\\nready"';
const WORD = 'ready';

/** A step of a chain within a call of one of the pipe's two functions. */
interface Passage {
  readonly tick: number;
  /** CR3. */
  readonly space: number;
  readonly process: string;
}

export function* pipedOrigin(timeline: Timeline, guest: GuestSymbols): Generator<Fact, void> {
  const { machine } = timeline;
  const { cpu } = machine;
  finish(goTo(timeline, parsePosition(ECHOED)));
  guest.refresh(cpu);
  const { position } = timeline;
  const { origins, stop } = finish(follow(new Origins(timeline), questionOf('al', cpu, position)));
  const steps = stepsOf(origins);
  const inPrograms = steps.filter(({ linear }) => linear < PAGE_OFFSET).map(({ position: { tick } }) => tick);
  const stretch = { fromTick: Math.min(...inPrograms), toTick: position.tick };
  const spaces = steps.map((step) => {
    finish(timeline.seek(step.position));
    return { tick: step.position.tick, space: cpu.m32[CR3] >>> 0 };
  });
  finish(timeline.seek(position));
  const passages = (name: string): Passage[] => {
    const plan = planQuery(`calls("${name}") select tick, returned, space, process`, planContext(machine, guest.table));
    const found: Passage[] = [];
    // Whoever reads may have waited for whoever writes: their calls lie within each other.
    const answer = plan.start(([from, to, space, process]) => {
      const isIn = (at: { tick: number; space: number }): boolean =>
        at.tick >= Number(from) && at.tick < Number(to) && at.space === space;
      const step = spaces.find(isIn);
      if (step !== undefined) found.push({ ...step, process: String(process) });
    });
    finish(runQuery(timeline, plan, stretch, answer));
    return found;
  };
  const written = passages('pipe_write');
  const read = passages('pipe_read');
  const isPiped = written.some((into) => read.some((out) => out.tick > into.tick && out.space !== into.space));
  const detail = `${[...written, ...read].map(({ process, tick }) => `${process} at ${tick}`).join(', ')}`;
  yield { what: 'a letter through a pipe between two processes', holds: isPiped, detail };
  const end = origins[origins.length - 1].end;
  finish(timeline.seek({ tick: timeline.startTick, seq: 0 }));
  const found = new Uint8Array(WORD.length);
  if (end.kind === 'image') peekPhysicalBytes(cpu, end.place.at - (WORD.length - 1), found);
  const text = String.fromCharCode(...found);
  const ending = `${steps.length} steps; ${end.kind} "${text}"`;
  yield {
    what: 'to the command line that the kernel was given',
    holds: stop === 'end' && text === WORD,
    detail: ending,
  };
}
