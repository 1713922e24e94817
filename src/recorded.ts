/**
 * A recorded run to walk in, for programs: what `reprise debug` can, as methods. Positions are written as people write
 * them (core/timeline/positions.ts) or given as ticks. Everything that may take long is a promise: between two pieces
 * of it `pause` is awaited, where a host can look at the world, and rejects to give the way up. One way at a time.
 * Nothing that is done here changes the recording.
 */
import { concatenate } from './core/base/bytes.ts';
import { PAGE_BYTES } from './core/base/pages.ts';
import { UsageError } from './core/base/usage-error.ts';
import { peekBytes, peekPhysical, peekPhysicalBytes } from './core/memory/peek.ts';
import type { Images } from './core/session/session.ts';
import { RAM_BASE } from './core/state/layout.ts';
import { compileExpression, type Evaluator } from './core/timeline/expression.ts';
import { planQuery } from './core/query/plan.ts';
import { answerQuery } from './core/query/run.ts';
import type { Value } from './core/query/values.ts';
import type { Breakpoint, Position, Watchpoint, WatchKind } from './core/timeline/lookout.ts';
import { bytesOfText, goTo, parsePosition, type PositionQuery } from './core/timeline/positions.ts';
import { takeSnapshot } from './core/timeline/take-snapshot.ts';
import type { Stop, Timeline, Way } from './core/timeline/timeline.ts';
import { CREATOR } from './version.ts';
import { type Chain, type ChainOptions, follow } from './core/timeline/provenance/chain.ts';
import { type Change, changesOf, valuesAt } from './core/timeline/provenance/changes.ts';
import { CodeMap } from './core/timeline/provenance/code-map.ts';
import { type OriginGraph, originGraph } from './core/timeline/provenance/graph.ts';
import { Origins, type Question } from './core/timeline/provenance/origin.ts';
import { questionOf } from './core/timeline/provenance/what.ts';
import { type WhyNot, whyNot } from './core/timeline/provenance/why-not.ts';

export interface RecordedRunOptions {
  /** Awaited between two pieces of a long way, of some tens of milliseconds; a rejection gives the way up. */
  readonly pause?: () => Promise<void>;
  /** What names in expressions mean: addresses, or undefined. */
  readonly symbolOf?: (name: string) => number | undefined;
}

/** Of a query: values by the names of columns. */
export type QueryRow = Readonly<Record<string, Value>>;

export interface BreakOptions {
  /** An expression over registers and memory, such as `eax == 5 && [esp + 4] > 7`, that must not be 0. */
  readonly condition?: string;
}

export interface WatchOptions extends BreakOptions {
  /** Default 4; within one page. */
  readonly sizeBytes?: number;
  /** Default `write`. */
  readonly kind?: WatchKind;
  /** The address is physical; default: linear, as it is mapped now. */
  readonly isPhysical?: boolean;
}

/** Bytes in memory: where, and since when; null: since the boot. */
export interface FoundBytes {
  readonly physical: number;
  readonly since: Position | null;
}

const START: Position = { tick: 0, seq: 0 };

/** One step of a way as a way of its own; whether that was the last. */
function* once(way: Way<unknown>): Way<boolean> {
  const { done } = way.next();
  yield undefined;
  return done === true;
}

export class RecordedRun {
  /** The core's own timeline, with its machine, checkpoints and serial history. */
  readonly timeline: Timeline;
  /** What was booted and what is in the drives, by role. */
  readonly images: Images;
  private readonly options: RecordedRunOptions;
  private isBusy = false;
  private readonly origins: Origins;

  constructor(timeline: Timeline, images: Images, options: RecordedRunOptions = {}) {
    this.timeline = timeline;
    this.images = images;
    this.options = options;
    this.origins = new Origins(timeline);
  }

  get position(): Position {
    return this.timeline.position;
  }

  /** Where the run ends, as far as is known. */
  get endTick(): number {
    return this.timeline.endTick;
  }

  /** Digest of the whole guest-visible state here. */
  hash(): string {
    return this.timeline.machine.hash().root;
  }

  /** The machine as it is at this tick, as a snapshot file: `images.snapshot` of `record` goes on from it. */
  async snapshot(): Promise<Uint8Array> {
    const frames: Uint8Array[] = [];
    await this.walk(takeSnapshot(this.timeline, CREATOR, (frame) => frames.push(frame)));
    return concatenate(frames);
  }

  // --- Going -------------------------------------------------------------------------------------------------------

  /**
   * To a tick, or to a position as people write it: `50%`, `end`, `serial:"BUG"`, `fault:14`, `eax == 5`. Rejects with
   * a PositionError when the run has no such position; the position is then what it was.
   */
  async seek(position: number | string | Position): Promise<Stop> {
    if (typeof position === 'object') return await this.walk(this.timeline.seek(position));
    return await this.walk(goTo(this.timeline, parsePosition(String(position), this.options.symbolOf)));
  }

  /** `count` ticks on, or back where it is negative. */
  async step(count = 1): Promise<Stop> {
    return await this.walk(count < 0 ? this.timeline.stepBack(-count) : this.timeline.step(count));
  }

  /** On to the next breakpoint or watchpoint, or to the end. */
  async continue(): Promise<Stop> {
    return await this.walk(this.timeline.continueForward());
  }

  /** Back to the last one before here, or to the start. */
  async reverseContinue(): Promise<Stop> {
    return await this.walk(this.timeline.continueBackward());
  }

  // --- Stops -------------------------------------------------------------------------------------------------------

  /** Stops before the instruction at a linear address. */
  breakAt(address: number, { condition }: BreakOptions = {}): Breakpoint {
    return this.timeline.addBreakpoint(address, this.condition(condition));
  }

  /** Stops at accesses to memory, whoever makes them. Throws UsageError where no memory is mapped. */
  watch(address: number, options: WatchOptions = {}): Watchpoint {
    const { sizeBytes = 4, kind = 'write', condition } = options;
    const physical = this.physical(address, options.isPhysical === true);
    if (sizeBytes < 1 || (physical % PAGE_BYTES) + sizeBytes > PAGE_BYTES) {
      throw new UsageError(`A watchpoint of ${sizeBytes} bytes does not lie within one page: set two.`);
    }
    return this.timeline.addWatchpoint(physical, sizeBytes, kind, this.condition(condition));
  }

  /** Takes a breakpoint or watchpoint away; false when there is none of that id. */
  remove(stop: Breakpoint | Watchpoint): boolean {
    return this.timeline.remove(stop.id);
  }

  // --- Questions ---------------------------------------------------------------------------------------------------

  /** The instruction that last wrote one of these bytes before here; null: the boot loader left them so. */
  async lastWrite(address: number, { sizeBytes = 4, isPhysical = false }: WatchOptions = {}): Promise<Stop | null> {
    return await this.walk(this.timeline.lastWrite(this.physical(address, isPhysical), sizeBytes));
  }

  /**
   * Every place from here on that a position speaks of, one after the other: each time that a text was sent
   * (`serial:"…"`), an exception, interrupt or reset came (`fault`, `irq:20h`, `reset`), a condition holds before an
   * instruction. The run stands there while the loop looks at it; whoever leaves the loop leaves it there.
   */
  async *find(text: string): AsyncGenerator<Stop, void> {
    const query = parsePosition(text, this.options.symbolOf);
    if (query.kind === 'serial') yield* this.findText(query);
    else {
      const step = this.finderOf(query, text);
      for (;;) {
        const stop = await this.walk(step());
        if (stop.kind === 'end' || stop.kind === 'divergence') return;
        yield stop;
      }
    }
  }

  /** Every hit of a breakpoint or watchpoint from here to the end. */
  async *hits(): AsyncGenerator<Stop, void> {
    for (;;) {
      const stop = await this.continue();
      if (stop.kind === 'end' || stop.kind === 'divergence') return;
      yield stop;
    }
  }

  private finderOf(query: PositionQuery, text: string): () => Way<Stop> {
    const { timeline } = this;
    switch (query.kind) {
      case 'delivery': {
        const { what, vector } = query;
        return () => timeline.continueToDelivery((kind, its) => kind === what && (vector === null || vector === its));
      }
      case 'condition':
        return () => timeline.continueToCondition(query.condition);
      default:
        throw new UsageError(
          `${text} is one place, which seek finds: find wants serial:"text", fault, irq:N, nmi, reset or a condition.`,
        );
    }
  }

  private async *findText(query: Extract<PositionQuery, { kind: 'serial' }>): AsyncGenerator<Stop, void> {
    const { timeline } = this;
    const from = this.position.tick;
    const search = timeline.searchText(query.line, bytesOfText(query.text));
    for (let occurrence = 1; ; ) {
      const tick = await this.walk(search.next());
      if (tick < 0) return;
      // Sent by the instruction of that tick: it has been when the run stands behind it.
      if (tick < from || occurrence++ < query.occurrence) continue;
      yield await this.walk(timeline.seek({ tick: tick + 1, seq: 0 }));
    }
  }

  /**
   * The rows of a query (core/query; `reprise query --grammar`), in the order of their positions, as they are found:
   * records by the names of their columns. Comes back to where the run stood, also when the loop is left. Rejects with
   * a QueryError where the text is no query.
   */
  async *query(text: string): AsyncGenerator<QueryRow, void> {
    const { timeline } = this;
    const symbolOf = this.options.symbolOf ?? (() => undefined);
    const from = timeline.position;
    const { cpu, space } = timeline.machine;
    const plan = planQuery(text, {
      guest: {
        symbolOf,
        names: () => [],
        remarkOn: () => '',
        physicalOf: (linear) => {
          const physical = peekPhysical(cpu, linear);
          return physical >= 0 && space.peekPage(physical) >= 0 ? physical : null;
        },
        passesInRegisters: () => false,
        currentTask: null,
        tasks: null,
      },
      describe: () => '',
      suggest: () => undefined,
    });
    if (this.isBusy) throw new UsageError('The run is on its way already: await what was asked for before.');
    this.isBusy = true;
    const rows: QueryRow[] = [];
    const answer = plan.start((row) => {
      rows.push(Object.fromEntries(plan.columns.map(({ name }, i) => [name, row[i]])));
    });
    const way = answerQuery(timeline, plan, answer, symbolOf);
    try {
      for (let isOver = false; !isOver; ) {
        isOver = way.next().done === true;
        yield* rows.splice(0);
        if (!isOver) await this.options.pause?.();
      }
    } finally {
      way.return();
      this.isBusy = false;
      await this.walk(timeline.seek(from));
    }
  }

  /** Where bytes are in memory here, and which instruction wrote them last. Does not move. */
  async *findBytes(wanted: Uint8Array): AsyncGenerator<FoundBytes, void> {
    if (wanted.length === 0) return;
    const { memory } = this.timeline.machine;
    const places: number[] = [];
    const ram = memory.m8.subarray(RAM_BASE, RAM_BASE + memory.ramBytes);
    for (let at = ram.indexOf(wanted[0]); at >= 0; at = ram.indexOf(wanted[0], at + 1)) {
      if (at + wanted.length <= ram.length && wanted.every((byte, i) => ram[at + i] === byte)) places.push(at);
    }
    for (const physical of places) {
      const stop = await this.walk(this.timeline.lastWrite(physical, wanted.length));
      yield { physical, since: stop?.position ?? null };
    }
  }

  /**
   * Where the value of a register or of memory came from: `eax`, `byte [esi + 4]`, `0x200000 4`
   * (core/timeline/provenance/what.ts). At forks `via` says which input is followed, from 1. Does not move.
   */
  async origin(what: string, options: ChainOptions = {}): Promise<Chain> {
    return await this.stay(follow(this.origins, this.question(what), options));
  }

  /** Everything that it depends on, the nearest first, up to so many nodes. Does not move. */
  async originGraph(what: string, nodesMax?: number): Promise<OriginGraph> {
    return await this.stay(originGraph(this.origins, this.question(what), nodesMax));
  }

  /**
   * The last branches before here that could have led to an address and did not. `starts`: addresses at which
   * instructions are known to begin, such as functions; code is looked through from the first of them to the page
   * behind the last. Does not move.
   */
  async whyNot(address: number, starts: readonly number[] = []): Promise<WhyNot> {
    const map = new CodeMap();
    const known = [...new Set([...starts, address])].sort((a, b) => a - b);
    map.sweep(this.timeline.machine.cpu, known[0], (known.at(-1) ?? address) + PAGE_BYTES, known);
    return await this.stay(whyNot(this.origins, map, address, this.position));
  }

  /**
   * Every value that up to 4 bytes of memory had in the whole run, and who wrote it, in order. The run stands somewhere
   * while the loop looks; afterwards where it stood before.
   */
  async *changes(what: string): AsyncGenerator<Change, void> {
    const [place, more] = this.question(what).places;
    if (place.space !== 'memory' || more !== undefined || place.size > 4) {
      throw new UsageError(`${what} is not up to 4 bytes of one stretch of memory: ask about a part of it.`);
    }
    yield* this.told((note) => changesOf(this.timeline, place, START, this.end, note));
  }

  /** The value of an expression each time that the instruction at an address is about to run; as `changes`. */
  async *valuesAt(expression: string, address: number): AsyncGenerator<Change, void> {
    const evaluate = compileExpression(expression, this.options.symbolOf);
    yield* this.told((note) => valuesAt(this.timeline, evaluate, address >>> 0, START, this.end, note));
  }

  private get end(): Position {
    return { tick: this.endTick, seq: 0 };
  }

  private question(what: string): Question {
    return questionOf(what, this.timeline.machine.cpu, this.position, this.options.symbolOf);
  }

  /** A way that leads back to where it began. */
  private async stay<T>(way: Way<T>): Promise<T> {
    const { position } = this;
    try {
      return await this.walk(way);
    } finally {
      await this.seek(position);
    }
  }

  private async *told(begin: (note: (change: Change) => boolean) => Way<unknown>): AsyncGenerator<Change, void> {
    const { position } = this;
    const waiting: Change[] = [];
    const way = begin((change) => waiting.push(change) > 0);
    try {
      for (let isDone = false; !isDone; ) {
        isDone = await this.walk(once(way));
        yield* waiting.splice(0);
      }
    } finally {
      way.return(undefined);
      await this.seek(position);
    }
  }

  /** Memory at a linear address here, as much of `count` bytes as is mapped. */
  read(address: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    return bytes.subarray(0, peekBytes(this.timeline.machine.cpu, address, bytes));
  }

  readPhysical(address: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    return bytes.subarray(0, peekPhysicalBytes(this.timeline.machine.cpu, address, bytes));
  }

  /** The value of an expression over registers and memory here, such as `esp` or `[esp + 4]`. */
  evaluate(text: string): number {
    return compileExpression(text, this.options.symbolOf)(this.timeline.machine.cpu);
  }

  /** What the guest has sent on a serial line up to here: the last of it that is kept. */
  serial(line = 0): Uint8Array {
    return this.timeline.serial.sent(line);
  }

  private condition(text: string | undefined): Evaluator | null {
    return text === undefined ? null : compileExpression(text, this.options.symbolOf);
  }

  private physical(address: number, isPhysical: boolean): number {
    const { cpu, space } = this.timeline.machine;
    const physical = isPhysical ? address : peekPhysical(cpu, address);
    if (physical >= 0 && space.hostPage(physical) >= 0) return physical;
    throw new UsageError(`No memory is mapped at ${address.toString(16)}h now: seek a moment when it is.`);
  }

  private async walk<T>(way: Way<T>): Promise<T> {
    if (this.isBusy) throw new UsageError('The run is on its way already: await what was asked for before.');
    this.isBusy = true;
    try {
      for (;;) {
        const { done, value } = way.next();
        if (done === true) return value;
        await this.options.pause?.();
      }
    } finally {
      way.return(undefined as T);
      this.isBusy = false;
    }
  }
}
