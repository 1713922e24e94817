// `reprise trace LOG`: a stretch of a recorded run as Trace Event JSON, for chrome://tracing and Perfetto: interrupts,
// timers, inputs, resets and, if asked for, accesses to devices, all from the log; with --functions the run is made
// again and shows exceptions and in which function each moment was spent. Times are guest time: ticks times the
// nanoseconds of a tick. (Trace Event Format: phases X, i and M; timestamps in microseconds.)

import { resolve } from 'node:path';
import { eventToText } from '../../core/log/events.ts';
import type { LoggedEvent } from '../../core/log/events.ts';
import { LogError } from '../../core/log/log-error.ts';
import { type LogReader, logEvents } from '../../core/log/log.ts';
import { mistakeText } from '../../core/timeline/expression.ts';
import { goTo, parsePosition, PositionError } from '../../core/timeline/positions.ts';
import { SessionError } from '../../core/session/session.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import type { Arguments } from './args.ts';
import { CommandError } from '../node/errors.ts';
import { TICK_MAX } from './options.ts';
import { linearEip } from '../debugger/views.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { findImages } from '../node/find-images.ts';
import { logProblem, openLogFile, sessionProblem } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { count } from '../node/progress.ts';
import { signalStatus } from '../node/work.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import { SymbolTable } from '../symbols/symbol-table.ts';
import { loadNodeListing } from '../node/listing.ts';
import { writeCoverage } from './coverage.ts';
import { Walk } from './walk.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';
import { packPayload } from '../../core/log/payload.ts';
import { type Counts, type Window, writeDeviceAccesses, writeMemoryAccesses } from './trace-formats.ts';

/** One event of the format; `tid` is a row of the picture. */
interface TraceEvent {
  readonly name: string;
  readonly ph: 'C' | 'X' | 'i' | 'M';
  readonly ts: number;
  readonly dur?: number;
  readonly pid: 1;
  /** Not of counters, which belong to the process. */
  readonly tid?: number;
  readonly s?: 't';
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Events between two looks at the clock. */
const EVENTS_AT_ONCE = 1024;
/** Lines that are written at once. */
const PARTS_MAX = 4096;
const ROWS = {
  functions: 1,
  interrupts: 2,
  exceptions: 3,
  timers: 4,
  inputs: 5,
  io: 6,
  machine: 7,
  engine: 8,
} as const;

function rowOf({ class: className, event }: LoggedEvent): number {
  if (className === 'input') return ROWS.inputs;
  if (event.kind === 'interrupt') return ROWS.interrupts;
  if (event.kind === 'timer') return ROWS.timers;
  return event.kind === 'port-read' || event.kind === 'mmio-read' ? ROWS.io : ROWS.machine;
}

/** Writes events as they come; the file is a whole JSON array only when it has been closed. */
class TraceFile {
  eventCount = 0;
  private readonly file: NewFile;
  private readonly nsPerTick: number;
  private parts: string[] = ['[\n'];

  constructor(path: string, nsPerTick: number) {
    this.nsPerTick = nsPerTick;
    this.file = newTrace(path);
    this.add({ name: 'process_name', ph: 'M', ts: 0, pid: 1, tid: 0, args: { name: 'guest' } });
    for (const [name, tid] of Object.entries(ROWS)) {
      this.add({ name: 'thread_name', ph: 'M', ts: 0, pid: 1, tid, args: { name } });
    }
  }

  private add(event: TraceEvent): void {
    this.parts.push(`${this.eventCount++ === 0 ? '' : ',\n'}${JSON.stringify(event)}`);
    if (this.parts.length >= PARTS_MAX) this.flush();
  }

  private flush(): void {
    this.file.write(this.parts.join(''));
    this.parts = [];
  }

  instant(tid: number, tick: number, name: string, cat: string, args: Readonly<Record<string, unknown>>): void {
    this.add({ name, ph: 'i', ts: (tick * this.nsPerTick) / 1000, pid: 1, tid, s: 't', cat, args: { tick, ...args } });
  }

  counter(tick: number, name: string, cat: string, values: Readonly<Record<string, number>>): void {
    this.add({ name, ph: 'C', ts: (tick * this.nsPerTick) / 1000, pid: 1, cat, args: values });
  }

  span(tid: number, fromTick: number, toTick: number, name: string): void {
    const [ts, end] = [(fromTick * this.nsPerTick) / 1000, (toTick * this.nsPerTick) / 1000];
    this.add({ name, ph: 'X', ts, dur: end - ts, pid: 1, tid, cat: 'function', args: { tick: fromTick } });
  }

  close(): void {
    this.parts.push('\n]\n');
    this.flush();
    this.file.close();
  }
}

export async function traceCommand(args: Arguments): Promise<number> {
  const [path, target] = args.positionals;
  const log = await openLogFile(args);
  const walk = new Walk(
    args.has('json'),
    args.number('from') ?? 0,
    Math.min(args.number('to') ?? TICK_MAX, log.lastTick),
    (text) => say(`trace: ${text}`),
  );
  try {
    return await traceLog(args, path, log, target, walk);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    if (error instanceof PositionError) throw new CommandError(`${path}: ${mistakeText(error)}`);
    throw error;
  } finally {
    walk.work.release();
  }
}

async function traceLog(args: Arguments, path: string, log: LogReader, target: string, walk: Walk): Promise<number> {
  const fromTick = args.number('from') ?? 0;
  const toTick = Math.min(args.number('to') ?? TICK_MAX, log.lastTick);
  if (toTick < fromTick)
    throw new CommandError(`No tick lies between ${fromTick} and ${toTick}: the run ends at tick ${log.lastTick}.`);
  const makeEngine = await loadEngine(DEFAULT_ENGINE);
  const format = args.text('format') ?? 'events';
  if (args.has('functions') && args.has('engine-events')) {
    throw new CommandError(
      '--functions looks at every instruction, and nothing is compiled: leave --engine-events out.',
    );
  }
  if (args.has('msgpack') && format !== 'memory' && format !== 'io') {
    throw new CommandError('--msgpack goes with --format memory or --format io: the other formats are text.');
  }
  const runsAgain = format !== 'events' || args.has('functions') || args.has('engine-events');
  const warn = (text: string): void => say(`trace: ${text}`);
  const images = runsAgain ? findImages({ log, path, given: givenImages(args), warn }) : null;
  const guest =
    images === null
      ? new GuestSymbols(new SymbolTable())
      : new GuestSymbols(symbolsFor(images, args.list('symbols')), images);
  if (images !== null && format !== 'events') {
    const timeline = new Timeline({ log, images, makeEngine });
    return await traceLines(args, path, format, { timeline, guest, fromTick, toTick, walk }, target);
  }
  const trace = new TraceFile(target, log.header.machine.nsPerTick);
  const counts: Record<string, number> = {};
  let seen = 0;
  for (const logged of logEvents(log, { fromTick, toTick })) {
    if (++seen % EVENTS_AT_ONCE === 0 && !(await walk.work.turn(logged.tick - fromTick))) break;
    const { kind } = logged.event;
    if ((kind === 'port-read' || kind === 'mmio-read') && !args.has('io')) continue;
    if (kind === 'state-hash' || kind === 'digest') continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
    trace.instant(rowOf(logged), logged.tick, eventToText(logged.event), kind, { seq: logged.seq });
  }
  if (images !== null) {
    // Nothing is held back from being compiled because the way is short.
    const timeline = new Timeline({ log, images, makeEngine, holdTicks: 0 });
    const isThere = await walk.go(timeline, goTo(timeline, parsePosition(String(fromTick))));
    if (isThere && args.has('functions')) await traceFunctions(timeline, walk, guest, trace, counts, fromTick, toTick);
    else if (isThere) await traceEngine(timeline, walk, trace, counts, toTick);
  }
  trace.close();
  return report(args, path, target, fromTick, toTick, counts, walk);
}

/** So often new names are looked for, where there is none. */
const LOOK_AGAIN_TICKS = 1 << 20;

/** Exceptions, and the function of every moment. */
async function traceFunctions(
  timeline: Timeline,
  walk: Walk,
  guest: GuestSymbols,
  trace: TraceFile,
  counts: Record<string, number>,
  fromTick: number,
  toTick: number,
): Promise<void> {
  if (!(await walk.place(guest, timeline))) return;
  counts.function = 0;
  counts.exception = 0;
  let name = '';
  let since = fromTick;
  let lookTick = fromTick;
  const end = (tick: number): void => {
    if (name !== '' && tick > since) {
      trace.span(ROWS.functions, since, tick, name);
      counts.function++;
    }
    since = tick;
  };
  const { machine } = timeline;
  machine.watcher = {
    delivered: (kind, vector) => {
      const tick = machine.cpu.now();
      if ((kind !== 'fault' && kind !== 'trap') || tick > toTick) return;
      counts.exception++;
      trace.instant(ROWS.exceptions, tick, `${kind} ${vector}`, 'exception', { eip: linearEip(machine.cpu) });
    },
  };
  await walk.go(
    timeline,
    timeline.continueUntil((cpu) => {
      const tick = cpu.now();
      if (tick >= toTick) return 1;
      let found = guest.table.functionAt(linearEip(cpu));
      if (found === null && tick >= lookTick) {
        // A module may have been loaded meanwhile.
        lookTick = tick + LOOK_AGAIN_TICKS;
        if (guest.refresh(cpu)) found = guest.table.functionAt(linearEip(cpu));
      }
      const here = found?.symbol.name ?? '?';
      if (here !== name) {
        end(tick);
        name = here;
      }
      return 0;
    }),
  );
  end(Math.min(timeline.position.tick, toTick));
}

/** Ticks that one sample of the exits stands for. */
const EXIT_SAMPLE_TICKS = 2 ** 20;

/** What the engine compiles and drops, and how often compiled code is left and why, as a counter with samples. */
async function traceEngine(
  timeline: Timeline,
  walk: Walk,
  trace: TraceFile,
  counts: Record<string, number>,
  toTick: number,
): Promise<void> {
  const { machine, engine } = timeline;
  engine.onUnit = (what, physical, blocks) => {
    const kind = `engine-${what}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
    trace.instant(ROWS.engine, machine.cpu.now(), `${what} 0x${physical.toString(16)}`, kind, { physical, blocks });
  };
  let exits = { request: 0, budget: 0, outside: 0 };
  let sampleTick = machine.cpu.now();
  const sample = (): void => {
    trace.counter(sampleTick, 'exits of compiled code', 'engine-exits', exits);
    counts['engine-exits'] = (counts['engine-exits'] ?? 0) + 1;
    exits = { request: 0, budget: 0, outside: 0 };
    sampleTick = machine.cpu.now();
  };
  engine.onLeave = (why) => {
    exits[why]++;
    if (machine.cpu.now() - sampleTick >= EXIT_SAMPLE_TICKS) sample();
  };
  // What was compiled before nobody hears of.
  engine.drop();
  await walk.go(timeline, timeline.runOn(toTick));
  sample();
  engine.onUnit = null;
  engine.onLeave = null;
}

/** The formats that are lines. */
async function traceLines(
  args: Arguments,
  path: string,
  format: string,
  window: Omit<Window, 'write' | 'writeAccess'>,
  target: string,
): Promise<number> {
  const range = args.text('range');
  const match = /^(\d+|0x[0-9a-f]+)-(\d+|0x[0-9a-f]+)$/i.exec(range ?? '');
  const [from, to] = match === null ? [0, 0] : [Number(match[1]), Number(match[2])];
  const ramBytes = window.timeline.machine.cpu.memory.ramBytes;
  if (format === 'memory' && (from >= to || to > ramBytes)) {
    throw new CommandError(
      `--format memory wants --range FROM-TO inside the ${ramBytes} bytes of memory, such as 0x1000-0x2000.`,
    );
  }
  const file = newTrace(target);
  let parts: Uint8Array[] = [];
  const flush = (): void => {
    file.write(Buffer.concat(parts));
    parts = [];
  };
  const put = (part: Uint8Array): void => {
    parts.push(part);
    if (parts.length >= PARTS_MAX) flush();
  };
  const write = (line: string): void => put(Buffer.from(`${line}\n`));
  const isPacked = args.has('msgpack');
  const writeAccess: Window['writeAccess'] = isPacked
    ? (access) => put(packPayload(access))
    : (access) => write(JSON.stringify(access));
  const all = { ...window, write, writeAccess };
  const listing = listingBeside(target);
  const counts =
    format === 'coverage'
      ? await writeCoverage({ ...all, ...listing, disassemble: await loadNodeListing() })
      : format === 'memory'
        ? await writeMemoryAccesses(all, from, to)
        : await writeDeviceAccesses(all);
  flush();
  file.close();
  listing.close();
  return report(args, path, target, window.fromTick, window.toTick, counts, window.walk);
}

/** What is written beside a trace, once there is anything. */
function listingBeside(target: string) {
  const listingPath = resolve(`${target}.listing`);
  let file: NewFile | null = null;
  let parts: string[] = [];
  const flush = (): void => {
    file?.write(parts.join(''));
    parts = [];
  };
  return {
    listingPath,
    writeListing: (text: string): void => {
      file ??= newTrace(listingPath);
      parts.push(`${text}\n`);
      if (parts.length >= PARTS_MAX) flush();
    },
    close: (): void => {
      flush();
      file?.close();
    },
  };
}

function newTrace(path: string): NewFile {
  return new NewFile(path, { what: 'trace', rest: 'what is in it is not whole' }).open();
}

function report(
  args: Arguments,
  path: string,
  target: string,
  fromTick: number,
  toTick: number,
  counts: Counts,
  walk: Walk,
): number {
  const { signal } = walk.work;
  const status = signal === null ? EXIT.ok : signalStatus(signal);
  walk.work.release();
  if (args.has('json')) {
    printJson({ command: 'trace', log: path, file: target, status, fromTick, toTick, events: counts });
    return status;
  }
  const listed = Object.entries(counts).map(([kind, number]) => `${count(number)} ${kind}`);
  const what = `ticks ${count(fromTick)} to ${count(toTick)} in ${target}: ${listed.join(', ') || 'nothing happened'}`;
  say(`trace: ${what}${signal === null ? '' : '; stopped by the user before the end'}`);
  return status;
}
