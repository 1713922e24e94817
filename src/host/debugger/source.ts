// Commands by source line, where debug information tells one: list, locals, and steps from line to line in both
// directions. Frames tell a recursion from a return; where nothing describes them the stack pointer does. All ways are
// the timeline's, and everything else is symbols/source-level.ts.

import { basename } from 'node:path';
import type { Evaluator } from '../../core/timeline/expression.ts';
import { comparePositions, positionInRun } from '../../core/timeline/lookout.ts';
import type { Breakpoint, Position } from '../../core/timeline/lookout.ts';
import { PositionError } from '../../core/timeline/positions.ts';
import type { Stop, Way } from '../../core/timeline/timeline.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { peekNumber } from '../../core/memory/peek.ts';
import { ESP, SEG_BASE, SS } from '../../core/state/layout.ts';
import { DwarfError } from '../dwarf/cursor.ts';
import type { SourceFunction, SourcePlace } from '../symbols/source-level.ts';
import { backtrace, type Frame } from '../symbols/unwind.ts';
import { countOf, plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { linearEip } from './views.ts';

/** Backwards the run is looked through in windows of so many ticks, the nearest first. */
const WINDOW_TICKS = [1 << 8, 1 << 12, 1 << 16, 1 << 20, 1 << 24, 1 << 28];
const LIST_LINES = 10;

/** The frame in hand, without those outside of it. */
export function frameHere(debug: Debugger): Frame {
  const { cpu } = debug.timeline.machine;
  return backtrace(cpu, debug.symbols, undefined, 1)[0];
}

/** The line that the next instruction is of, or null. */
export function placeHere(debug: Debugger): SourcePlace | null {
  return debug.source.placeAt(linearEip(debug.timeline.machine.cpu));
}

/** Whether steps go by line here. */
export const hasLine = (debug: Debugger): boolean => placeHere(debug) !== null;

/** What tells one call of a function from another: where its frame begins. Grows outwards. */
function depthOf(debug: Debugger, cpu: Cpu): number {
  const eip = linearEip(cpu);
  const registers = frameRegisters(cpu, eip);
  return debug.source.cfa(cpu, registers) ?? registers.esp;
}

function frameRegisters(cpu: Cpu, eip: number) {
  const { m32 } = cpu;
  const others = [0, 1, 2, 3, 6, 7].map((register) => m32[register] >>> 0);
  return { eip, esp: stackOf(cpu), ebp: m32[5] >>> 0, others };
}

type Line = Pick<SourcePlace, 'file' | 'line'>;
const isSameLine = (a: Line, b: Line): boolean => a.line === b.line && a.file === b.file;

/** Places are asked for at every instruction: they are remembered. */
class Lines {
  private readonly debug: Debugger;
  private readonly starts = new Map<number, SourcePlace | null>();
  private readonly functions = new Map<number, SourceFunction | null>();

  constructor(debug: Debugger) {
    this.debug = debug;
  }

  /** The statement that begins just here. */
  statementAt(address: number): SourcePlace | null {
    let found = this.starts.get(address);
    if (found === undefined) {
      const place = this.debug.source.placeAt(address);
      found = place?.from === address && place.isStatement ? place : null;
      this.starts.set(address, found);
    }
    return found;
  }

  /** The function that begins just here. */
  functionFrom(address: number): SourceFunction | null {
    let found = this.functions.get(address);
    if (found === undefined) {
      const owner = this.debug.source.functionAt(address);
      found = owner?.from === address ? owner : null;
      this.functions.set(address, found);
    }
    return found;
  }
}

/** On to the next line of this function, or back in its caller: calls run at full speed, and stop where one is told. */
function* lineOver(debug: Debugger): Way<Stop> {
  const { timeline, source } = debug;
  const { cpu } = timeline.machine;
  const here = placeHere(debug);
  const owner = source.functionAt(linearEip(cpu));
  const unit = source.unitPlaces(linearEip(cpu));
  if (here === null || owner === null || unit === null) return yield* lineInto(debug, false);
  const depth = depthOf(debug, cpu);
  const isSameCall = (later: Cpu): number => (depthOf(debug, later) === depth ? 1 : 0);
  const targets = unit.statements
    .filter((each) => each.owner === owner.from && each.from !== owner.from && !isSameLine(each, here))
    .map(({ from }) => ({ address: from, condition: debug.inProcess(here.process, isSameCall) }));
  const outer = backtrace(cpu, debug.symbols, source.frameStep(cpu), 2)[1];
  if (outer !== undefined) {
    const condition: Evaluator = (later) => (stackOf(later) >= depth ? 1 : 0);
    targets.push({ address: outer.address, condition: debug.inProcess(here.process, condition) });
  }
  const ids = targets.map(({ address, condition }) => timeline.addBreakpoint(address, condition).id);
  try {
    const stop = yield* timeline.continueForward();
    const isOurs = stop.breakpoint !== null && ids.includes(stop.breakpoint.id);
    return isOurs ? { ...stop, kind: 'position', breakpoint: null } : stop;
  } finally {
    for (const id of ids) timeline.remove(id);
  }
}

const stackOf = (cpu: Cpu): number => (cpu.m32[ESP] + cpu.m32[SEG_BASE + SS]) >>> 0;

/** On to the next line: of this function or of one that it calls (`isInto`), or of the caller. */
function* lineInto(debug: Debugger, isInto: boolean): Way<Stop> {
  const { timeline } = debug;
  const here = placeHere(debug);
  if (here === null) return yield* timeline.step();
  const lines = new Lines(debug);
  const depth = depthOf(debug, timeline.machine.cpu);
  let before = linearEip(timeline.machine.cpu);
  let isAfterCall = isCall(timeline.machine.cpu, before);
  /** The function that has been called from here and is being entered. */
  let entered: SourceFunction | null = null;
  let hit: Breakpoint | null = null;
  const stop = yield* timeline.continueUntil((cpu) => {
    const address = linearEip(cpu);
    hit = breakpointAt(debug, cpu, address);
    if (hit !== null) return 1;
    if (address === before) return 0;
    const called = isInto && isAfterCall ? lines.functionFrom(address) : null;
    before = address;
    isAfterCall = isInto && isCall(cpu, address);
    if (called !== null) entered = called;
    if (entered !== null && address === entered.body) return 1;
    // Returned: what called it is in the middle of a line, and that is where one stands.
    if (stackOf(cpu) >= depth) return debug.source.placeAt(address) === null ? 0 : 1;
    const statement = lines.statementAt(address);
    if (statement === null || isSameLine(statement, here)) return 0;
    return depthOf(debug, cpu) === depth && lines.functionFrom(address) === null ? 1 : 0;
  });
  if (stop.kind !== 'condition') return stop;
  return hit === null ? { ...stop, kind: 'position' } : { ...stop, kind: 'breakpoint', breakpoint: hit };
}

/** Of the user's own, that stops here. */
function breakpointAt({ timeline }: Debugger, cpu: Cpu, address: number): Breakpoint | null {
  const isHit = (each: Breakpoint): boolean =>
    each.address === address && (each.condition === null || each.condition(cpu) !== 0);
  return timeline.breakpoints.find(isHit) ?? null;
}

/** Whether a CALL stands at the address (SDM 2, opcodes E8 and FF /2). */
function isCall(cpu: Cpu, address: number): boolean {
  const linear = address >>> 0;
  const first = byteAt(cpu, linear);
  return first === 0xe8 || (first === 0xff && ((byteAt(cpu, linear + 1) >>> 3) & 7) === 2);
}

/** Back to the beginning of the line that was run before: in calls too, or over them. */
function* lineBackward(debug: Debugger, isInto: boolean): Way<Stop> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const here = placeHere(debug);
  if (here === null) return yield* timeline.stepBack();
  const lines = new Lines(debug);
  const from = timeline.position;
  const depth = depthOf(debug, cpu);
  const isInside = here.from !== linearEip(cpu);
  // From the middle of a line to its beginning; else to a line before. Of several in a row of one line the first.
  const wanted = (each: Cpu): SourcePlace | null => {
    const statement = lines.statementAt(linearEip(each));
    if (statement === null || lines.functionFrom(statement.from) !== null) return null;
    const own = depthOf(debug, each);
    return isInto || own >= depth ? statement : null;
  };
  const found = yield* lastLine(debug, from, wanted, isInside ? null : here, depth);
  if (found === null) {
    yield* timeline.seek({ tick: 0, seq: 0 });
    return { ...(yield* timeline.seek({ tick: 0, seq: 0 })), kind: 'start' };
  }
  return yield* timeline.seek(found);
}

/** A line that was run, and where that began. */
interface LineRun {
  readonly place: SourcePlace;
  readonly depth: number;
  readonly position: Position;
  /** It may have begun before it was looked at. */
  readonly isCut: boolean;
}

/**
 * Where the last run of a line before a position began: of any line, or of one other than `current` (or of another
 * frame). Leaves the machine somewhere.
 */
function* lastLine(
  debug: Debugger,
  before: Position,
  wanted: (cpu: Cpu) => SourcePlace | null,
  current: SourcePlace | null,
  depth: number,
): Way<Position | null> {
  const { timeline } = debug;
  const { machine } = timeline;
  for (const window of WINDOW_TICKS) {
    const begin = Math.max(0, before.tick - window);
    yield* timeline.seek({ tick: begin, seq: 0 });
    /** The run of one line that is going on, and the last whole one that is no longer. */
    const runs: { open: LineRun | null; last: LineRun | null } = { open: null, last: null };
    /** The lines that are being run, outermost first: one a frame. */
    const callers: LineRun[] = [];
    const look = (cpu: Cpu): number => {
      const position = positionInRun(machine);
      if (comparePositions(position, before) >= 0) return 1;
      const place = wanted(cpu);
      if (place === null) return 0;
      const own = depthOf(debug, cpu);
      const { open } = runs;
      while (callers.length > 0 && callers[callers.length - 1].depth < own) callers.pop();
      const caller = callers[callers.length - 1];
      // The rest of a line after a call in it belongs to the line.
      if (caller !== undefined && isSameLine(caller.place, place) && caller.depth === own) return 0;
      runs.last = open;
      // The first in a window may have begun before it.
      runs.open = { place, depth: own, position, isCut: open === null && begin > 0 };
      if (caller?.depth === own) callers.pop();
      callers.push(runs.open);
      return 0;
    };
    look(machine.cpu);
    yield* timeline.continueUntil(look);
    const { open: running, last: finished } = runs;
    const isCurrent =
      running !== null && current !== null && isSameLine(running.place, current) && running.depth === depth;
    const found = isCurrent ? finished : running;
    if (found !== null && !found.isCut) return found.position;
    if (begin === 0) return found?.position ?? null;
  }
  return null;
}

function* several(debug: Debugger, rest: string, once: () => Way<Stop>): Way<Output> {
  let stop = yield* once();
  for (let left = countOf(rest, 1); left > 1 && stop.kind === 'position'; left--) stop = yield* once();
  return debug.moved(stop);
}

export const stepLine = (debug: Debugger, rest: string): Way<Output> =>
  several(debug, rest, () => lineInto(debug, true));
export const nextLine = (debug: Debugger, rest: string): Way<Output> => several(debug, rest, () => lineOver(debug));
export const stepLineBack = (debug: Debugger, rest: string): Way<Output> =>
  several(debug, rest, () => lineBackward(debug, true));
export const nextLineBack = (debug: Debugger, rest: string): Way<Output> =>
  several(debug, rest, () => lineBackward(debug, false));

/** `main.c:54  text of the line`; '' where no line is known. */
export function sourceLine(debug: Debugger, address: number): string {
  const place = debug.source.placeAt(address);
  if (place === null) return '';
  const text = debug.sourceFiles.lines(place.file)?.[place.line - 1];
  return `${basename(place.file)}:${place.line}${text === undefined ? '' : `  ${text}`}`;
}

/**
 * Addresses of `file.c:54`; null where that is not what the text says. What is not known may be so once a kernel, a
 * module or a program lies where it will: such a PositionError is of an unknown name.
 */
export function addressesOfLine(debug: Debugger, text: string): readonly SourcePlace[] | null {
  const match = /^([^\s:]+\.[\w+]+):(\d{1,7})$/.exec(text);
  const own = /^:?(\d{1,6})$/.exec(text);
  const here = own !== null && text.startsWith(':') ? placeHere(debug) : null;
  if (match === null && here === null) return null;
  const [file, line] = match === null ? [here?.file ?? '', Number(own?.[1])] : [match[1], Number(match[2])];
  if (!debug.source.hasLines) {
    const problem = 'No line numbers are known: give the ELF file that was built with -g, --symbols FILE.';
    throw new PositionError(problem, null, true);
  }
  const found = debug.source.addressesOf(file, line);
  if (found.length > 0) return found;
  const [problem] = debug.source.problems;
  const why = problem === undefined ? '' : ` (${problem})`;
  throw new PositionError(`No code is known of ${file} at line ${line} or behind it${why}.`, null, true);
}

function list(debug: Debugger, rest: string): Output {
  let place: { file: string; line: number } | null;
  if (rest === '') {
    place = debug.listed ?? placeHere(debug);
    if (place === null) throw new DebuggerError('No line is known of the code here: list FILE:LINE or list FUNCTION.');
  } else {
    const lines = addressesOfLine(debug, rest);
    place =
      lines === null
        ? debug.source.placeAt(debug.evaluate(rest) >>> 0)
        : { file: lines[0].file, line: Number(rest.split(':')[1]) };
    if (place === null) throw new DebuggerError(`No line is known of ${rest}.`);
  }
  const isContinued = rest === '' && debug.listed !== null;
  const text = debug.sourceFiles.lines(place.file);
  if (text === null) {
    throw new DebuggerError(`The source ${place.file} is not to be found: start in the folder that has it.`);
  }
  const first = isContinued ? place.line : Math.max(1, place.line - LIST_LINES / 2);
  if (first > text.length) throw new DebuggerError(`${place.file} has ${text.length} lines.`);
  const here = placeHere(debug);
  const shown = text.slice(first - 1, first - 1 + LIST_LINES).map((content, i) => {
    const line = first + i;
    const mark = here !== null && here.line === line && here.file === place?.file ? '=>' : '  ';
    return `${mark} ${String(line).padStart(5)}  ${content}`;
  });
  debug.listed = { file: place.file, line: first + LIST_LINES };
  debug.again = 'list';
  return plain(shown.join('\n'), {
    file: place.file,
    line: first,
    text: text.slice(first - 1, first - 1 + LIST_LINES),
  });
}

function locals(debug: Debugger): Output {
  const { cpu } = debug.timeline.machine;
  const found = debug.source.locals(cpu, frameHere(debug));
  if (found.length === 0) throw new DebuggerError('No variables are known here: debug information (-g) names them.');
  return plain(found.map(({ name, value }) => `${name} = ${value}`).join('\n'), found);
}

/** The value of a variable by its C name; null where none is meant. */
export function printVariable(debug: Debugger, text: string): Output | null {
  if (!debug.source.hasLines) return null;
  try {
    const found = debug.source.print(debug.timeline.machine.cpu, frameHere(debug), text);
    if (found === null) return null;
    return plain(`${text} = ${found.text}`, { name: text, type: found.type, text: found.text, value: found.value });
  } catch (error) {
    if (!(error instanceof DwarfError)) throw error;
    throw new DebuggerError(`${text} cannot be shown here: ${error.message}.`);
  }
}

export const SOURCE: readonly Command[] = [
  {
    names: ['list', 'l'],
    usage: '[FILE:LINE|FUNCTION]',
    summary: 'source lines, around here or there; again: those behind',
    group: 'look',
    completes: ['symbol'],
    run: list,
  },
  {
    names: ['locals'],
    usage: '',
    summary: 'parameters and variables of the function in hand, by debug information',
    group: 'look',
    run: locals,
  },
];

function byteAt(cpu: Cpu, linear: number): number {
  return peekNumber(cpu, linear >>> 0, 1) ?? 0;
}
