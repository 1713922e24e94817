/**
 * Where a character came from that a Debian guest has printed: from the serial port back through the kernel's buffers,
 * a system call, the stack of one process, another system call of another process, to the kernel's unpacking of the
 * initial file system. Called by query/debian.ts, which has such a recording; it takes some seconds.
 */
import { runningTaskName } from '../../src/core/query/current-task.ts';
import { CR3 } from '../../src/core/state/layout.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import { follow } from '../../src/core/timeline/provenance/chain.ts';
import { Origins } from '../../src/core/timeline/provenance/origin.ts';
import { questionOf } from '../../src/core/timeline/provenance/what.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { PAGE_OFFSET } from '../../src/host/symbols/guest-memory.ts';
import type { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { currentTaskPlace } from '../../src/host/symbols/linux-tasks.ts';

/** By uname: the name that the init script has given to the machine. The last letter is asked about. */
const PRINTED = 'serial:"Linux reprise"';
const PASSED = ['serial8250_tx_chars', '__copy_user_ll', '__do_sys_newuname', 'memcpy'];

/** What holds of the chain, in words. Leaves the timeline somewhere. */
export function* lettersOrigin(
  timeline: Timeline,
  guest: GuestSymbols,
): Generator<{ what: string; holds: boolean; detail: string }, void> {
  const { cpu } = timeline.machine;
  finish(goTo(timeline, parsePosition(PRINTED)));
  guest.refresh(cpu);
  const { origins, stop } = finish(follow(new Origins(timeline), questionOf('al', cpu, timeline.position)));
  const steps = origins.flatMap(({ end, links }) => [
    ...links.map(({ step }) => step),
    ...('step' in end && end.step !== null ? [end.step] : []),
  ]);
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
