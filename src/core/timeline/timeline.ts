/**
 * A recording as a place to walk in: seek, step, continue, each forwards and backwards, with breakpoints and
 * watchpoints. Backwards is forwards from an earlier checkpoint; a property test holds that every way to a position
 * gives the same state. A position is (tick, seq): before the instruction of that tick, after `seq` of the interrupts
 * and exceptions that come at it. A reset takes time in which no position lies.
 *
 * Ways that may take long are generators: each `yield` is a moment at which the host may look at its keyboard and give
 * up; `finish` runs one to its end. Breakpoints are linear addresses and stop before the instruction; engines run at
 * full speed and look only there. Watchpoints are RAM bytes (of memory, whatever page tables say) and see whoever
 * writes them, DMA too. Forwards they stop after the access, backwards before it, as debuggers expect. The run is cut
 * into intervals, each with lists of the RAM pages written and looked at in it and of the linear pages executed in it,
 * so that a search backwards runs only the intervals that matter.
 */
import { SILENT_OUTPUT } from '../board/silent.ts';
import type { Engine } from '../machine/engine.ts';
import { CHECKPOINT_BYTES_DEFAULT } from '../base/defaults.ts';
import { DevicelessPort } from '../session/deviceless-port.ts';
import { ReplayingPort } from '../session/replaying-port.ts';
import type { DeliveryWatcher, Machine, StopReason } from '../machine/machine.ts';
import { PageStore } from '../machine/snapshot.ts';
import { DIRTY_INTERVAL } from '../memory/memory.ts';
import { HALTED } from '../state/layout.ts';
import type { CheckpointSource, KnownText } from './checkpoint-source.ts';
import { CHUNK_TICKS, HOLD_TICKS, NEAR_TICKS, RETURN_TICKS, SAVED_PARTS } from './distances.ts';
import { EngineSwitch } from './engine-switch.ts';
import { type Checkpoint, CheckpointStore } from './checkpoints.ts';
import { Goal, type WayProgress } from './goal.ts';
import type { Divergence } from '../session/divergence.ts';
import { type Condition, conditionOf, type Evaluator } from './expression.ts';
import type { LogReader } from '../log/log.ts';
import { type Listener, startListening } from './listener.ts';
import { comparePositions, Lookout, positionAtRest, positionInRun, writeTo } from './lookout.ts';
import type { Breakpoint, Hit, Position, Search, Watchpoint, WatchKind } from './lookout.ts';
import { TextSearch } from './hear-text.ts';
import { DEBUG_CONSOLE_LINE, SerialHistory } from './serial-history.ts';
import { chooseInterval, PageRecords, type Wanted } from './page-records.ts';
import { beginNotes, notedPages } from './page-notes.ts';
import { createReplay, type EngineFactory } from '../session/session.ts';
import { ConditionProbes, searchByBound } from './condition-probes.ts';
import { seekBefore } from './seek-before.ts';
import type { TimelineOptions } from './timeline-options.ts';
import { StoredCheckpoints } from './stored-checkpoints.ts';

export interface Stop {
  readonly kind: 'position' | 'breakpoint' | 'watchpoint' | 'condition' | 'delivery' | 'start' | 'end' | 'divergence';
  readonly position: Position;
  readonly breakpoint: Breakpoint | null;
  readonly watchpoint: Watchpoint | null;
  /** Of a watchpoint: the access. */
  readonly access: { readonly physical: number; readonly sizeBytes: number; readonly isWrite: boolean } | null;
}

/** A way that may be given up at each `yield`. */
export type Way<T> = Generator<undefined, T>;

/** Walks a way to its end without pause. */
export function finish<T>(way: Way<T>): T {
  for (;;) {
    const { done, value } = way.next();
    if (done === true) return value;
  }
}

export class Timeline {
  readonly machine: Machine;
  readonly log: LogReader;
  readonly serial: SerialHistory;
  readonly checkpoints: CheckpointStore;
  readonly intervalTicks: number;
  /** Ticks between two yields: who looks at a clock may choose as many as a look at the keyboard can wait. */
  chunkTicks = CHUNK_TICKS;
  /** Told of each byte that the guest sends on a line. */
  onSent: ((line: number, byte: number) => void) | null = null;
  /** Why the run ended, once its end has been reached. */
  ending: StopReason | null = null;
  private readonly port: ReplayingPort | DevicelessPort;
  private readonly store: PageStore;
  private readonly holdTicks: number;
  private readonly leavesCheckpoints: boolean;
  private readonly notesPages: boolean;
  /** What the recording left in the log, and what the host keeps. */
  private readonly sources: CheckpointSource[] = [];
  private makeEngine: EngineFactory;
  private readonly makeStepper: EngineFactory;
  private readonly engines: EngineSwitch;
  /** Where the run begins: 0, or where its snapshot was taken. */
  readonly startTick: number;
  private lastTick: number;
  private furthestTick: number;
  private breakpointList: Breakpoint[] = [];
  private watchpointList: Watchpoint[] = [];
  private nextId = 1;
  private passingId = 0;
  readonly records = new PageRecords();
  /** What others know of pages has been taken over. */
  private hasAskedForRecords = false;
  /** Intervals run by searches backwards, for figures. */
  searchedIntervals = 0;
  /** Run from its beginning without a gap, or −1. */
  private openInterval = -1;
  /** Where the way in hand began and where it ends at the latest. */
  private goal: Goal | null = null;
  /** Ticks that the search in hand has run: together many short ways are a long one. */
  private searchedTicks = 0;
  private readonly lookout: Lookout;

  constructor(options: TimelineOptions) {
    const { log, images, makeEngine, devices = 'model' } = options;
    this.log = log;
    this.serial = new SerialHistory(options.serialBytesMax);
    this.port = devices === 'log' ? new DevicelessPort(log) : new ReplayingPort(log);
    const send = (line: number, byte: number): void => {
      this.serial.add(line, byte, this.machine.cpu.now());
      this.onSent?.(line, byte);
    };
    const output = {
      ...SILENT_OUTPUT,
      serial: send,
      debugConsole: (byte: number) => send(DEBUG_CONSOLE_LINE, byte),
    };
    const session = createReplay({ log, images, makeEngine, output, devices, port: this.port });
    this.machine = session.machine;
    this.startTick = session.startTick;
    this.furthestTick = session.startTick;
    this.lookout = new Lookout(this.machine);
    this.makeEngine = makeEngine;
    this.makeStepper = options.makeStepper ?? makeEngine;
    this.engines = new EngineSwitch(this.machine, makeEngine);
    this.lastTick = Math.max(this.port.endTick, this.startTick);
    const runTicks = this.lastTick - this.startTick;
    this.intervalTicks = options.intervalTicks ?? chooseInterval(runTicks);
    // In the places of checks a log without devices has more than a stored checkpoint knows.
    if (devices === 'model') this.addSource(new StoredCheckpoints(log, this.machine, options.warn ?? (() => {})));
    this.holdTicks = options.holdTicks ?? HOLD_TICKS;
    this.leavesCheckpoints = options.leavesCheckpoints ?? true;
    this.notesPages = options.notesPages ?? true;
    this.store = new PageStore(this.machine);
    this.checkpoints = new CheckpointStore(options.checkpointBytesMax ?? CHECKPOINT_BYTES_DEFAULT, runTicks);
    this.machine.memory.takeDirty(DIRTY_INTERVAL);
    this.beginInterval(this.startTick % this.intervalTicks === 0 ? this.firstInterval : -1);
    this.checkpoint();
  }

  /** Somebody else who has checkpoints of this very run. */
  addSource(source: CheckpointSource): void {
    this.sources.push(source);
  }

  /** The run is known up to this tick: it has been there. */
  get knownTick(): number {
    return Math.max(this.furthestTick, this.machine.tick);
  }

  private get firstInterval(): number {
    return Math.floor(this.startTick / this.intervalTicks);
  }

  /** Where the run ends, as far as is known. */
  get endTick(): number {
    return this.lastTick;
  }

  get position(): Position {
    return positionAtRest(this.machine);
  }

  /** What the replay has found to differ from the recording, up to the position. */
  get divergence(): Divergence | null {
    return this.port.divergence;
  }

  get breakpoints(): readonly Breakpoint[] {
    return this.breakpointList;
  }

  get watchpoints(): readonly Watchpoint[] {
    return this.watchpointList;
  }

  /** `isPassing`: for one way only, without a number that people count. */
  addBreakpoint(address: number, condition: Evaluator | null = null, isPassing = false): Breakpoint {
    const breakpoint = { id: isPassing ? --this.passingId : this.nextId++, address: address >>> 0, condition };
    this.breakpointList.push(breakpoint);
    return breakpoint;
  }

  addWatchpoint(
    physical: number,
    sizeBytes: number,
    kind: WatchKind = 'write',
    condition: Evaluator | null = null,
  ): Watchpoint {
    const watchpoint = { id: this.nextId++, physical, sizeBytes, kind, condition };
    this.watchpointList.push(watchpoint);
    return watchpoint;
  }

  /** Takes a breakpoint or watchpoint away; false when there is none of that id. */
  remove(id: number): boolean {
    const count = this.breakpointList.length + this.watchpointList.length;
    this.breakpointList = this.breakpointList.filter((each) => each.id !== id);
    this.watchpointList = this.watchpointList.filter((each) => each.id !== id);
    return this.breakpointList.length + this.watchpointList.length < count;
  }

  /** Another engine for what follows; the guest does not notice. */
  useEngine(make: EngineFactory): void {
    this.makeEngine = make;
    this.engines.use(make);
  }

  /** How far the way in hand is; null when none is. */
  get progress(): WayProgress | null {
    return this.goal?.progress(this.machine.tick) ?? null;
  }

  /** A way that ends at `endTick` at the latest; one within another is a part of it. */
  private *toward<T>(endTick: number, way: Way<T>): Way<T> {
    if (this.goal !== null) return yield* way;
    this.goal = new Goal(this.machine.tick, endTick);
    try {
      return yield* way;
    } finally {
      this.goal = null;
    }
  }

  // --- Going to a position ---------------------------------------------------------------------------------------

  /** For a hand that drags: to the last checkpoint of so many ticks from `tick` on, or to the first; leaves none. */
  *seekWithin(tick: number, ticks: number): Way<Stop> {
    const known = this.checkpoints.before(tick + Math.max(1, ticks) - 1).snapshot.tick;
    return yield* this.seek({ tick: Math.max(tick, known), seq: 0 }, []);
  }

  /** Goes to a position, or to the nearest that the run has; `marks`: so far before it checkpoints are left. */
  *seek(target: Position, marks: readonly number[] = NEAR_TICKS): Way<Stop> {
    const tick = Math.max(this.startTick, Math.min(target.tick, this.lastTick));
    const wanted = { tick, seq: tick === target.tick ? target.seq : 0 };
    const here = this.position;
    const isAhead = comparePositions(here, wanted) <= 0;
    const base = this.checkpointBefore(tick, isAhead ? here.tick : -1);
    const isBack = !isAhead || base.snapshot.tick > here.tick;
    this.markReturn(tick - (isBack ? base.snapshot.tick : here.tick));
    if (isBack) this.restore(base);
    return yield* this.toward(tick, this.approach(tick, wanted, marks));
  }

  private *approach(tick: number, wanted: Position, marks: readonly number[]): Way<Stop> {
    for (const distance of marks) {
      const mark = tick - distance;
      if (distance >= this.intervalTicks || mark - this.machine.tick < distance) continue;
      if (this.checkpoints.before(tick).snapshot.tick > mark - distance / 2) continue;
      yield* this.runTo(mark);
      this.checkpoint();
    }
    yield* this.runTo(tick);
    if (wanted.seq > 0 && this.machine.tick === tick) this.passDeliveries(tick, wanted.seq);
    return this.stopped('position');
  }

  /** Before a way of so many ticks. */
  private markReturn(ticks: number): void {
    if (ticks < this.holdTicks || this.goal !== null) return;
    const { tick } = this.machine;
    if (tick - this.checkpoints.before(tick).snapshot.tick >= RETURN_TICKS) this.checkpoint();
  }

  /** The nearest, from memory or, where that saves running, from others; `reachedTick` can be gone on from. */
  private checkpointBefore(tick: number, reachedTick: number): Checkpoint {
    let best = this.checkpoints.before(tick);
    for (const source of this.sources) {
      const near = Math.max(best.snapshot.tick, reachedTick) + this.intervalTicks / SAVED_PARTS;
      const found = tick > near ? source.before(tick, near) : null;
      if (found === null) continue;
      if (found.text !== null) this.learn(found.text);
      best = found.checkpoint;
    }
    if (best !== this.checkpoints.before(tick)) this.checkpoints.add(best);
    return best;
  }

  /** Takes over what somebody else knows of text. */
  learn({ serial, knownTick }: KnownText): void {
    this.serial.learn(serial);
    this.furthestTick = Math.max(this.knownTick, knownTick);
  }

  /** `count` ticks on: instructions, iterations of a REP, or idle ticks. */
  *step(count = 1): Way<Stop> {
    return this.isAtEnd ? this.stopped('end') : yield* this.seek({ tick: this.position.tick + count, seq: 0 });
  }

  /** `count` ticks back. From within a tick the first step leads to its beginning. */
  *stepBack(count = 1): Way<Stop> {
    const { tick, seq } = this.position;
    const { startTick } = this;
    if (tick === startTick && seq === 0) return this.stopped('start');
    const target = seq > 0 ? tick - count + 1 : tick - count;
    const stop = yield* this.seek({ tick: target, seq: 0 });
    // In the ticks of a reset there is no position: go to the one before it.
    if (this.position.tick > Math.max(target, startTick) && comparePositions(this.position, { tick, seq }) >= 0) {
      return yield* seekBefore(this, tick);
    }
    return target < startTick ? this.stopped('start') : stop;
  }

  private get isHalted(): boolean {
    return this.machine.cpu.m32[HALTED] !== 0;
  }

  /** One instruction on; from a halted processor through the idle time and the first instruction after it. */
  *stepInstruction(): Way<Stop> {
    if (!this.isHalted) return yield* this.step();
    if (this.isAtEnd) return this.stopped('end');
    const woken = yield* this.continueToDelivery(() => true);
    if (woken.kind !== 'delivery' || !this.isHalted) return woken;
    return yield* this.seek({ tick: woken.position.tick + 1, seq: 0 });
  }

  /** One instruction back, the inverse of `stepInstruction`: idle time is passed to its beginning. */
  *stepInstructionBack(): Way<Stop> {
    const stop = yield* this.stepBack();
    if (!this.isHalted) return stop;
    const idle = this.position;
    const delivery = yield* this.lastDelivery(idle);
    // Between the last delivery and here the processor has been halted once, and not woken.
    let low = delivery === null ? this.startTick : delivery.tick + 1;
    let high = idle.tick;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      yield* this.seek({ tick: middle, seq: 0 });
      if (this.isHalted) high = middle;
      else low = middle + 1;
    }
    return yield* this.seek({ tick: low, seq: 0 });
  }

  /** The last interrupt, exception or reset before a position; leaves the machine somewhere. */
  private *lastDelivery(before: Position): Way<Position | null> {
    this.searchedTicks = 0;
    try {
      return yield* this.toward(this.startTick, this.searchDeliveries(before));
    } finally {
      this.searchedTicks = 0;
    }
  }

  private *searchDeliveries(before: Position): Way<Position | null> {
    const { machine, intervalTicks, firstInterval } = this;
    for (let interval = Math.floor(before.tick / intervalTicks); interval >= firstInterval; interval--) {
      const begin = Math.max(interval * intervalTicks, this.startTick);
      yield* this.seek({ tick: begin, seq: 0 });
      let last: Position | null = null;
      machine.watcher = {
        delivered: () => {
          const position = positionInRun(this.machine);
          if (comparePositions(position, before) < 0) last = position;
        },
      };
      try {
        yield* this.runTo(Math.min((interval + 1) * intervalTicks, before.tick));
        this.searchedTicks += intervalTicks;
      } finally {
        machine.watcher = null;
      }
      if (last !== null) return last;
    }
    return null;
  }

  get isAtEnd(): boolean {
    return this.machine.tick >= this.lastTick || this.port.divergence !== null;
  }

  private stopped(kind: Stop['kind'], hit: Hit | null = null): Stop {
    return {
      kind,
      position: this.position,
      breakpoint: hit?.breakpoint ?? null,
      watchpoint: hit?.watchpoint ?? null,
      access: hit?.access ?? null,
    };
  }

  /** On to `tick`, with checkpoints and records of what is passed; stops at the end of the run or a break. */
  private *runTo(tick: number): Way<void> {
    const { machine, intervalTicks } = this;
    const isLookedFor = machine.cpu.fetchStops !== null || machine.cpu.probes instanceof ConditionProbes;
    if (tick - machine.tick > CHUNK_TICKS && !isLookedFor) this.engines.use(this.makeEngine);
    machine.engine.isHeld = this.searchedTicks + tick - machine.tick < this.holdTicks;
    while (machine.tick < tick) {
      const mark = (Math.floor(machine.tick / intervalTicks) + 1) * intervalTicks;
      const reason = machine.run(Math.min(tick, mark, machine.tick + this.chunkTicks));
      if (reason === 'break') return;
      this.notePassed();
      if (reason !== 'tick') {
        this.noteEnd(reason);
        return;
      }
      if (machine.tick < tick) yield undefined;
    }
  }

  private noteEnd(reason: StopReason): void {
    this.ending = reason;
    this.lastTick = this.machine.tick;
  }

  /** The beginning of an interval gets its checkpoint, the one before it its record. */
  private notePassed(): void {
    const { machine, intervalTicks } = this;
    const interval = Math.floor(machine.tick / intervalTicks);
    if (interval === this.openInterval) return;
    const isBegin = machine.tick === interval * intervalTicks;
    if (this.openInterval < 0 && !isBegin) return;
    if (this.notesPages) this.notePages(interval);
    const isBare = this.checkpoints.before(machine.tick).snapshot.tick < interval * intervalTicks;
    if (this.leavesCheckpoints && isBare) this.checkpoint();
  }

  /** The intervals before this one have been run, and it begins. */
  private notePages(interval: number): void {
    const { machine } = this;
    const written = machine.memory.takeDirty(DIRTY_INTERVAL);
    if (this.openInterval >= 0) {
      const pages = notedPages(machine.cpu, written);
      // Several at once only when a reset spans them.
      for (let i = this.openInterval; i < interval; i++) this.records.note(i, pages);
      this.checkpoints.otherBytes = this.records.bytes;
    }
    this.beginInterval(interval);
  }

  /** From here on pages are noted; −1: no interval begins here. */
  private beginInterval(interval: number): void {
    this.openInterval = this.notesPages ? interval : -1;
    beginNotes(this.machine.cpu, this.openInterval >= 0);
    this.machine.memory.dropTranslations();
  }

  /** Only at a position of seq 0, before anything that is due: true when there is one here now. */
  checkpoint(): boolean {
    const { machine } = this;
    if (this.checkpoints.count > 0 && this.checkpoints.before(machine.tick).snapshot.tick === machine.tick) return true;
    if (this.position.seq !== 0 || machine.dueTick === machine.tick || this.port.divergence !== null) return false;
    this.checkpoints.add({ snapshot: this.store.take(), port: this.port.save(), sent: this.serial.mark() });
    return true;
  }

  private restore({ snapshot, port, sent }: Checkpoint): void {
    const { machine } = this;
    this.furthestTick = this.knownTick;
    this.store.restore(snapshot, true);
    this.port.restore(port);
    this.serial.rewind(sent);
    machine.memory.takeDirty(DIRTY_INTERVAL);
    const interval = Math.floor(snapshot.tick / this.intervalTicks);
    this.beginInterval(snapshot.tick === interval * this.intervalTicks ? interval : -1);
  }

  /** At `tick`: on until so many interrupts and exceptions have come at it. */
  private passDeliveries(tick: number, count: number): void {
    const { machine } = this;
    if (this.position.seq >= count) return;
    machine.stopAfterDeliveries = count;
    machine.run(tick + 1);
    machine.stopAfterDeliveries = 0;
  }

  // --- Searching -------------------------------------------------------------------------------------------------

  /** On to the next hit of a breakpoint or watchpoint, or to the end. */
  *continueForward(): Way<Stop> {
    return yield* this.searchForward(this.breakpointList, this.watchpointList, null);
  }

  /** On until a function says so before an instruction; each is run by itself. */
  *continueUntil(evaluate: Evaluator): Way<Stop> {
    return yield* this.continueToCondition(conditionOf(evaluate));
  }

  /** On until a condition holds before an instruction: at full speed but for the places where it can. */
  *continueToCondition(condition: Condition): Way<Stop> {
    return yield* this.searchForward([], [], condition);
  }

  /** On to the next interrupt, exception or reset that `isWanted`: to just before it, but after a reset. */
  *continueToDelivery(isWanted: (kind: string, vector: number) => boolean): Way<Stop> {
    const { machine } = this;
    const from = this.position;
    let found: Position | null = null;
    let isReset = false;
    const watcher: DeliveryWatcher = {
      delivered: (kind, vector) => {
        const tick = machine.cpu.now();
        const position = { tick, seq: tick === machine.deliveryTick ? machine.deliveryCount : 0 };
        // The one that the position stands before has been found already.
        if (found !== null || !isWanted(kind, vector) || comparePositions(position, from) <= 0) return;
        found = position;
        isReset = kind === 'reset';
        machine.breakIn();
      },
    };
    machine.watcher = watcher;
    try {
      yield* this.runToEnd();
    } finally {
      machine.watcher = null;
    }
    if (found === null) return this.stopped(this.port.divergence === null ? 'end' : 'divergence');
    if (!isReset) yield* this.seek(found);
    return this.stopped('delivery');
  }

  /** On, for those who look out for something. */
  private *runToEnd(): Way<void> {
    this.markReturn(this.lastTick - this.machine.tick);
    yield* this.toward(this.lastTick, this.runTo(this.lastTick));
  }

  /** Looks for a text on a serial line, from the start of the run on, one occurrence after the other. */
  searchText(line: number, text: Uint8Array): TextSearch {
    return new TextSearch(this, line, text);
  }

  /** Takes over what others know of text; false when that is nothing new. */
  learnText(): boolean {
    for (const source of this.sources) {
      const text = source.textAfter(this.knownTick);
      if (text === null || text.knownTick <= this.knownTick) continue;
      this.learn(text);
      return true;
    }
    return false;
  }

  private *searchForward(
    breakpoints: readonly Breakpoint[],
    watchpoints: readonly Watchpoint[],
    condition: Condition | null,
  ): Way<Stop> {
    if (this.isAtEnd) return this.stopped('end');
    const search: Search = { breakpoints, watchpoints, condition, from: this.position, before: null };
    const isAlone = breakpoints.length + watchpoints.length === 0 && this.machine.cpu.probes === null;
    const first = { tick: Math.min(condition?.fromTick ?? 0, this.lastTick), seq: 0 };
    try {
      if (isAlone && first.tick > this.machine.tick) yield* this.seek(first, []);
      if (isAlone && condition?.eips === null && condition.bound !== null) {
        this.markReturn(this.lastTick - this.machine.tick);
        this.engines.use(this.makeStepper);
        const run = (ticks: number): Way<void> => this.runTo(Math.min(this.lastTick, this.machine.tick + ticks));
        const context = { machine: this.machine, lookout: this.lookout, search, run, isAtEnd: () => this.isAtEnd };
        yield* this.toward(this.lastTick, searchByBound(condition.bound, condition.term, context));
      } else {
        this.arm(search);
        yield* this.runToEnd();
      }
    } finally {
      this.lookout.disarm();
    }
    const hit = this.lookout.take();
    if (hit === null) return this.stopped(this.port.divergence === null ? 'end' : 'divergence');
    // What was due at this tick has happened already: the position is the moment before it, or after its access.
    const { machine } = this;
    if (this.position.seq === 0 && machine.dueTick === machine.tick) {
      yield* this.seek({ tick: hit.watchpoint === null ? machine.tick : machine.tick + 1, seq: 0 });
    }
    const kind = hit.watchpoint !== null ? 'watchpoint' : hit.breakpoint !== null ? 'breakpoint' : 'condition';
    return this.stopped(kind, hit);
  }

  /** Back to the last hit of a breakpoint or watchpoint before here, or to the start. */
  *continueBackward(): Way<Stop> {
    const hit = yield* this.searchBackward(this.breakpointList, this.watchpointList);
    if (hit === null) {
      yield* this.seek({ tick: this.startTick, seq: 0 });
      return this.stopped('start');
    }
    yield* this.seek(hit.position);
    return this.stopped(hit.watchpoint === null ? 'breakpoint' : 'watchpoint', hit);
  }

  /** The instruction that last wrote one of these RAM bytes before here; null: only the loader did. Does not move. */
  *lastWrite(physical: number, sizeBytes: number): Way<Stop | null> {
    const here = this.position;
    const hit = yield* this.searchBackward([], [writeTo(physical, sizeBytes)]);
    const stop = hit === null ? null : { ...this.stopped('watchpoint', hit), position: hit.position };
    yield* this.seek(here);
    return stop;
  }

  /** The same before any position, and only where; leaves the machine somewhere. */
  *writeBefore(physical: number, sizeBytes: number, before: Position): Way<Position | null> {
    yield* this.seek(before);
    return (yield* this.searchBackward([], [writeTo(physical, sizeBytes)]))?.position ?? null;
  }

  /** The last time before here that an instruction at one of these places began; leaves the machine somewhere. */
  *executionBefore(breakpoints: readonly Breakpoint[]): Way<Hit | null> {
    return yield* this.searchBackward(breakpoints, []);
  }

  /** The last hit before here; leaves the machine somewhere. */
  private *searchBackward(breakpoints: readonly Breakpoint[], watchpoints: readonly Watchpoint[]): Way<Hit | null> {
    const before = this.position;
    if (breakpoints.length + watchpoints.length === 0) return null;
    const search: Search = { breakpoints, watchpoints, condition: null, from: null, before };
    this.markReturn(before.tick);
    this.searchedTicks = 0;
    try {
      return yield* this.toward(this.startTick, this.searchIntervals(search, before));
    } finally {
      this.searchedTicks = 0;
    }
  }

  /** What intervals did to pages, in this session and in others. */
  get knownRecords(): PageRecords {
    if (this.hasAskedForRecords) return this.records;
    this.hasAskedForRecords = true;
    for (const source of this.sources) this.records.learn(source.pageRecords());
    this.checkpoints.otherBytes = this.records.bytes;
    return this.records;
  }

  private *searchIntervals(search: Search, before: Position): Way<Hit | null> {
    const { intervalTicks, firstInterval } = this;
    const last = Math.floor(before.tick / intervalTicks);
    for (let interval = last; interval >= firstInterval; interval--) {
      if (this.knownRecords.canSkip(interval, search, this.machine.memory.ramPages)) continue;
      const begin = Math.max(interval * intervalTicks, this.startTick);
      this.searchedIntervals++;
      let endTick = Math.min((interval + 1) * intervalTicks, before.tick);
      // What is near is found near: most of what is asked for has just been.
      const near = interval === last ? [...NEAR_TICKS].reverse().map((distance) => before.tick - distance) : [];
      for (const from of [...near.filter((tick) => tick > begin), begin]) {
        const hit = yield* this.searchStretch(search, from, endTick, before);
        if (hit !== null) return hit;
        endTick = from;
      }
    }
    return null;
  }

  private *searchStretch(search: Search, begin: number, endTick: number, before: Position): Way<Hit | null> {
    yield* this.seek({ tick: begin, seq: 0 });
    try {
      this.arm(search);
      yield* this.runTo(endTick);
      this.searchedTicks += endTick - begin;
      if (endTick === before.tick && before.seq > 0) this.passDeliveries(endTick, before.seq);
    } finally {
      this.lookout.disarm();
    }
    yield undefined;
    return this.lookout.take();
  }

  private arm(search: Search): void {
    if (search.breakpoints.length > 0 || search.condition !== null) this.engines.use(this.makeStepper);
    this.lookout.arm(search);
  }

  /** On to `tick`, past checkpoints, for those who listen; `isPiece` of a long way, for which it pays to compile. */
  *runOn(tick: number, isPiece = false): Way<Stop> {
    const wanted = Math.min(tick, this.lastTick);
    this.markReturn(wanted - this.machine.tick);
    if (isPiece) this.searchedTicks = this.holdTicks;
    try {
      yield* this.toward(wanted, this.runTo(wanted));
    } finally {
      this.searchedTicks = 0;
    }
    return this.stopped('position');
  }

  /** Stretches of the run in which something wanted may be; asked one by one, while others learn of pages. */
  stretches(from: Position, to: Position, wanted: Wanted): Generator<{ from: Position; to: Position }, void> {
    const begin = from.tick < this.startTick ? { tick: this.startTick, seq: 0 } : from;
    const end = to.tick > this.lastTick ? { tick: this.lastTick, seq: 0 } : to;
    return this.records.stretches(begin, end, wanted, this.intervalTicks, this.machine.memory.ramPages);
  }

  /** On to `end`, or to the end of the run, and tells of what happens on the way; no search meanwhile. */
  *listen(end: Position, listener: Listener): Way<void> {
    if (listener.step !== undefined) this.engines.use(this.makeStepper);
    const stop = startListening(this.machine, this.port, listener);
    try {
      yield* this.runTo(Math.min(end.tick, this.lastTick));
      if (end.seq > 0 && this.machine.tick === end.tick) this.passDeliveries(end.tick, end.seq);
    } finally {
      stop();
    }
  }

  get engine(): Engine {
    return this.machine.engine;
  }
}
