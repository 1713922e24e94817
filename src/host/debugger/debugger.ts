// The debugger itself: a timeline, symbols, bookmarks, the places where one has been, and a table of commands
// (commands.ts, questions.ts). The terminal, --exec scripts and gdb's `monitor` all come through execute(). A command
// gives text for people and plain data for --json; what goes wrong is a DebuggerError, one sentence.

import { compileExpression, type Evaluator, ExpressionError, mistakeText } from '../../core/timeline/expression.ts';
import { encodeBookmark, readBookmarks } from '../../core/timeline/bookmarks.ts';
import type { Bookmark } from '../../core/timeline/bookmarks.ts';
import { describePosition, goTo, parsePosition, PositionError } from '../../core/timeline/positions.ts';
import { comparePositions } from '../../core/timeline/lookout.ts';
import type { EngineFactory, Images } from '../../core/session/session.ts';
import type { Position } from '../../core/timeline/lookout.ts';
import type { Stop, Timeline, Way } from '../../core/timeline/timeline.ts';
import { RESET_NANOSECONDS } from '../../core/machine/machine.ts';
import { plightOf } from '../../core/machine/plight.ts';
import { describeReset, type ResetCause } from '../../core/machine/reset-cause.ts';
import { nearest } from '../nearest.ts';
import { PacedWay } from '../node/paced-way.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import { isCurrent, type ProcessName } from '../symbols/process.ts';
import { SourceFiles } from '../symbols/source-files.ts';
import { SourceLevel } from '../symbols/source-level.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { DebuggerError, Interrupted } from './debugger-error.ts';
import { sourceLine } from './source.ts';
import type { Form } from './examine.ts';
import { type Disassembler, hex, hexValue, instructionLines, instructions, linearEip } from './views.ts';

export interface Output {
  readonly text: string;
  readonly data: unknown;
}

/** What the words behind a command can be, for completion. */
export type Completion =
  | 'symbol'
  | 'position'
  | 'bookmark'
  | 'topic'
  | 'device'
  | 'engine'
  | 'file'
  | 'command'
  | 'query';

export interface Command {
  /** In full, then shorter; any beginning that only one command has will do as well. */
  readonly names: readonly string[];
  /** What stands behind the name. */
  readonly usage: string;
  readonly summary: string;
  /** More, for `help NAME`. */
  readonly details?: string;
  readonly group: 'move' | 'stop' | 'ask' | 'look' | 'other';
  readonly completes?: readonly Completion[];
  /** An empty line at the terminal does it once more (or what `again` of the debugger says then). */
  readonly repeats?: boolean;
  /** Takes gdb's letters behind a slash, as in x/10i; `run` gets them without it. */
  readonly takesFormat?: boolean;
  /** When the user gives the way up: back to where it began, unless this says to stay. */
  readonly whenInterrupted?: 'stay';
  readonly run: (debug: Debugger, rest: string, format: string) => Output | Way<Output> | Promise<Output>;
}

export interface DebuggerOptions {
  readonly timeline: Timeline;
  readonly commands: readonly Command[];
  readonly symbols: SymbolTable;
  readonly disassemble: Disassembler;
  readonly logName: string;
  /** What a branch is made from. */
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  /** Appends a frame to the log file; null when it cannot be written. Throws DebuggerError. */
  readonly appendFrame: ((frame: Uint8Array) => void) | null;
}

const VISITED_MAX = 200;
const RESETS_MAX = 1000;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export class Debugger {
  readonly timeline: Timeline;
  readonly symbols: SymbolTable;
  /** What the guest itself tells of them. */
  readonly guest: GuestSymbols;
  /** Lines, frames and variables, where debug information tells them. */
  readonly source: SourceLevel;
  readonly sourceFiles: SourceFiles;
  /** Where `list` goes on; null after every move. */
  listed: { readonly file: string; readonly line: number } | null = null;
  readonly disassemble: Disassembler;
  readonly logName: string;
  /** Registers as they were shown last, to tell what has changed. */
  shownRegisters: Record<string, number> | null = null;
  /** How changed registers look. */
  mark: (text: string) => string = (text) => `${text}*`;
  isQuitting = false;
  /** Set by Ctrl-C: a way that is being walked is given up. */
  isInterrupted = false;
  /** What an empty line at the terminal does next: the last command, or what carries it on. */
  again: string | null = null;
  /** Where memory is shown next when no address is given, and in which form. */
  examineNext: number | null = null;
  lastForm: Form = { count: 1, letter: 'x', size: 4 };
  /** Resets that were passed, in the order of their ticks. */
  resets: { readonly tick: number; readonly cause: ResetCause }[] = [];
  /** Linear addresses of watchpoints, by id: where they were set. */
  readonly watchedAt = new Map<number, number>();
  bookmarks: Bookmark[];
  readonly commands: readonly Command[];
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  private readonly appendFrame: DebuggerOptions['appendFrame'];
  private frameCount: number;
  private readonly visited: Position[] = [];
  private visitedIndex = -1;

  constructor(options: DebuggerOptions) {
    this.timeline = options.timeline;
    this.commands = options.commands;
    this.images = options.images;
    this.makeEngine = options.makeEngine;
    this.symbols = options.symbols;
    this.guest = new GuestSymbols(options.symbols, options.images);
    this.source = new SourceLevel(options.symbols);
    this.sourceFiles = new SourceFiles(options.symbols.sources.map(({ label }) => label));
    this.disassemble = options.disassemble;
    this.logName = options.logName;
    this.appendFrame = options.appendFrame;
    this.bookmarks = readBookmarks(options.timeline.log);
    this.frameCount = options.timeline.log.frames.length;
    this.timeline.machine.onReset = (cause) => this.noteReset(cause);
    this.visit();
  }

  /** Runs one command line. */
  async execute(line: string): Promise<Output> {
    this.again = null;
    const called = splitCall(this.commands, line);
    if (called === null) return { text: '', data: null };
    const { command, rest, format } = called;
    if (command.repeats === true) this.again = line;
    this.guest.refresh(this.timeline.machine.cpu);
    const heard = this.guest.takeTold();
    const run = async (): Promise<Output> => {
      const result = command.run(this, rest, format);
      if (result instanceof Promise) return await result;
      return 'next' in result ? await this.walk(result, command.whenInterrupted) : result;
    };
    try {
      const output = await run();
      const told = [...heard, ...this.guest.takeTold()].map((each) => `note: ${each}`);
      return told.length === 0 ? output : { ...output, text: [...told, output.text].join('\n') };
    } catch (error) {
      if (!(error instanceof PositionError || error instanceof ExpressionError)) throw error;
      // A name may be that of a kernel which has not placed itself yet, or of what it loads later: the recording tells.
      const isOpen = this.guest.isUnplaced || this.guest.hasAbsent;
      if (!(error.isUnknownName && isOpen)) throw new DebuggerError(mistakeText(error));
      return await this.runPlaced(run);
    }
  }

  private async runPlaced(run: () => Promise<Output>): Promise<Output> {
    await this.walk(this.guest.locate(this.timeline));
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof PositionError || error instanceof ExpressionError)) throw error;
      const { problem } = this.guest;
      const message = problem === '' ? error.message : `${error.message} ${problem}`;
      throw new DebuggerError(mistakeText({ message, place: error.place }));
    }
  }

  /**
   * Walks a way, looking at the world outside between its steps. Given up, it leads back to where it began, or stays.
   */
  async walk<T>(way: Way<T>, whenInterrupted: 'return' | 'stay' = 'return'): Promise<T> {
    const from = this.timeline.position;
    const steps = new PacedWay(this.timeline, way);
    for (;;) {
      const { done, value } = await steps.next();
      if (done === true) return value;
      if (!this.isInterrupted) continue;
      this.isInterrupted = false;
      steps.giveUp();
      if (whenInterrupted === 'stay')
        throw new Interrupted(`Interrupted at ${this.describe(this.timeline.position)}.\n${this.here()}`);
      for (const back = this.timeline.seek(from); back.next().done !== true; ) {
        // The way back is not given up.
      }
      throw new Interrupted('Interrupted: back where it began.');
    }
  }

  // --- Places ------------------------------------------------------------------------------------------------------

  *go(text: string): Way<Stop> {
    const query = parsePosition(text, (name) => this.symbols.address(name));
    return yield* goTo(this.timeline, query, (name) => this.bookmarks.find((each) => each.name === name)?.position);
  }

  /** Remembers the position as a place that `back` leads to. */
  visit(): void {
    const { position } = this.timeline;
    const last = this.visited[this.visitedIndex];
    if (last !== undefined && comparePositions(last, position) === 0) return;
    this.visited.length = this.visitedIndex + 1;
    this.visited.push(position);
    if (this.visited.length > VISITED_MAX) this.visited.shift();
    this.visitedIndex = this.visited.length - 1;
  }

  /** The place visited before or after, or null. */
  revisit(direction: -1 | 1): Position | null {
    const found = this.visited[this.visitedIndex + direction];
    if (found === undefined) return null;
    this.visitedIndex += direction;
    return found;
  }

  setBookmark(name: string, note: string, position: Position | null): void {
    if (this.appendFrame === null) {
      throw new DebuggerError(
        'The log cannot take bookmarks, it was cut off in the middle of a frame: replay it into a new one.',
      );
    }
    this.appendFrame(encodeBookmark(this.frameCount, name, note, position));
    this.frameCount++;
    this.bookmarks = this.bookmarks.filter((each) => each.name !== name);
    if (position !== null) this.bookmarks.push({ name, note, position });
  }

  // --- Values and texts --------------------------------------------------------------------------------------------

  /** A number: an expression over registers, memory and symbols. */
  evaluate(text: string): number {
    return compileExpression(text, (name) => this.symbols.address(name))(this.timeline.machine.cpu);
  }

  condition(text: string) {
    return compileExpression(text, (name) => this.symbols.address(name));
  }

  /** A condition that holds in one process alone; the same where no process is meant. */
  inProcess(process: ProcessName | null, condition: Evaluator | null): Evaluator | null {
    if (process === null) return condition;
    return (cpu) => (isCurrent(cpu, process, this.symbols) && (condition === null || condition(cpu) !== 0) ? 1 : 0);
  }

  /** The process that a place is of which is given by a name, such as `main` or `main + 4`; null: of none. */
  processOf(text: string): ProcessName | null {
    const [name] = /^[A-Za-z_.$@][\w.$@]*/.exec(text) ?? [];
    return name === undefined ? null : (this.symbols.placeOf(name)?.source.process ?? null);
  }

  describe(position: Position): string {
    const { endTick } = this.timeline;
    const percent = endTick === 0 ? 100 : (position.tick * 100) / endTick;
    return `tick ${describePosition(position)} (${percent.toFixed(2)}%)`;
  }

  /** The line of the next instruction. */
  here(): string {
    const { cpu } = this.timeline.machine;
    const address = linearEip(cpu);
    const line = instructionLines(instructions(cpu, this.disassemble, address, 1), this.symbols, address);
    const plight = plightOf(this.timeline.machine);
    return plight === null ? line : `${line}  (${plight.text})`;
  }

  /** What people and programs hear after a move. */
  moved(stop: Stop): Output {
    this.visit();
    const { cpu } = this.timeline.machine;
    this.guest.refresh(cpu);
    const eip = linearEip(cpu);
    this.listed = null;
    const place = this.source.placeAt(eip);
    const lines = [`${this.describe(stop.position)}${this.reason(stop)}`, sourceLine(this, eip), this.here()];
    const { kind, position, breakpoint, watchpoint, access } = stop;
    const data = {
      kind,
      ...position,
      eip,
      symbol: this.symbols.describe(eip),
      ...(place === null ? {} : { file: place.file, line: place.line }),
      breakpoint: breakpoint?.id ?? watchpoint?.id ?? null,
      access,
    };
    return { text: lines.filter((line) => line !== '').join('\n'), data };
  }

  private reason(stop: Stop): string {
    switch (stop.kind) {
      case 'breakpoint':
        return `, breakpoint ${stop.breakpoint?.id ?? 0}`;
      case 'watchpoint': {
        const { access, watchpoint } = stop;
        if (access === null || watchpoint === null) return '';
        const what = access.isWrite ? 'write' : 'read';
        const linear = this.watchedAt.get(watchpoint.id);
        const place =
          linear === undefined
            ? `physical ${hexValue(access.physical)}`
            : hex(linear + access.physical - watchpoint.physical);
        return `, watchpoint ${watchpoint.id}: ${what} of ${access.sizeBytes} bytes at ${place}`;
      }
      case 'start':
        return ', the start of the recording';
      case 'end': {
        const { ending, log, machine } = this.timeline;
        const why = log.end?.reason ?? ending ?? 'cut off';
        const how = why === 'shutdown' ? `: ${describeReset(machine.resetCause())}` : '';
        return `, the end of the recording (${why}${how})`;
      }
      case 'divergence':
        return ', the replay leaves the recorded run here';
      default:
        return this.resetBefore(stop.position);
    }
  }

  /** What stands behind a position at which a reset has just been done. */
  private resetBefore({ tick }: Position): string {
    const { nsPerTick } = this.timeline.machine.options;
    const last = this.resets.filter((each) => each.tick < tick).at(-1);
    if (last === undefined || tick - last.tick > RESET_NANOSECONDS / nsPerTick + 1) return '';
    return `, after the ${describeReset(last.cause)}`;
  }

  private noteReset(cause: ResetCause): void {
    const { tick } = this.timeline.machine;
    const isKnown = this.resets.some((each) => each.tick === tick);
    if (isKnown) return;
    this.resets = [...this.resets, { tick, cause }].sort((a, b) => a.tick - b.tick).slice(-RESETS_MAX);
  }

  status(): Output {
    const { timeline } = this;
    const { checkpoints, machine } = timeline;
    const { position } = timeline;
    const data = {
      log: this.logName,
      ...position,
      endTick: timeline.endTick,
      engine: timeline.engine.name,
      checkpoints: checkpoints.count,
      checkpointBytes: checkpoints.bytes,
      intervalTicks: timeline.intervalTicks,
      guestSeconds: (position.tick * machine.options.nsPerTick) / 1e9,
    };
    const text = [
      `${this.describe(position)} of ${timeline.endTick}, ${data.guestSeconds.toFixed(3)} s of guest time, ` +
        `engine ${data.engine}`,
      `${checkpoints.count} checkpoints, ${mebibytes(checkpoints.bytes)} of ${mebibytes(checkpoints.bytesMax)}, ` +
        `intervals of ${timeline.intervalTicks} ticks`,
    ].join('\n');
    return { text, data };
  }
}

/** A line taken apart; null when it is empty. Throws DebuggerError. */
function splitCall(
  commands: readonly Command[],
  line: string,
): { command: Command; rest: string; format: string } | null {
  const match = /^\s*([^\s/]+|\/)(?:\/(\w*))?(?:\s+(.*))?$/s.exec(line);
  if (match === null) return null;
  const [, word, joined, behind = ''] = match;
  const command = findCommand(commands, word);
  // gdb lets a space stand before the slash too.
  const spaced = joined === undefined && command.takesFormat === true ? /^\/(\w+)(?:\s+(.*))?$/s.exec(behind) : null;
  const format = joined ?? spaced?.[1] ?? '';
  const rest = (spaced === null ? behind : (spaced[2] ?? '')).trim();
  if (joined === undefined || command.takesFormat === true) return { command, rest, format };
  throw new DebuggerError(`${command.names[0]} takes no /${format}: help ${command.names[0]} says what it takes.`);
}

/** The one that has this name, or whose name alone begins so; null for none. Throws DebuggerError for several. */
export function chooseByName<T extends { readonly names: readonly string[] }>(
  choices: readonly T[],
  word: string,
): T | null {
  const exact = choices.find(({ names }) => names.includes(word));
  if (exact !== undefined) return exact;
  const begun = choices.filter(({ names }) => names.some((name) => name.startsWith(word)));
  if (begun.length > 1) {
    const names = begun.map(({ names: all }) => all.find((name) => name.startsWith(word))).join(', ');
    throw new DebuggerError(`"${word}" can be ${names}: write more of it.`);
  }
  return begun[0] ?? null;
}

export function findCommand(commands: readonly Command[], word: string): Command {
  const found = chooseByName(commands, word);
  if (found !== null) return found;
  const near = nearest(
    word,
    commands.flatMap(({ names }) => names),
  );
  throw new DebuggerError(
    `There is no command "${word}"${near === undefined ? '' : `, did you mean ${near}`}: help lists them.`,
  );
}
