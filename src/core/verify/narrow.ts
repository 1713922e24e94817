/**
 * From an interval in which two engines went apart to the first instruction that they do differently. First by ticks:
 * both machines go back to the last equal snapshot and the interval is halved until one tick is left. An engine that
 * runs many instructions in one piece only shows its fault when a piece is run whole, so the tick found is where a
 * piece ends; then the piece is shortened from its front: from every state of the reference, latest first, the suspect
 * runs to that end, several times, so that code is compiled. The latest start from which it still fails is the
 * instruction; where it lies inside of a long piece, the suspect is run with shorter blocks.
 */
import type { Snapshot } from '../machine/snapshot.ts';
import { type HeldPage, heldPages, refillTlb } from '../memory/refill.ts';
import { CR0, CR0_PG } from '../state/layout.ts';
import { type InstructionAt, instructionAt } from './instruction-at.ts';
import { type Fails, laterPiece, PIECE_TICKS_MAX } from './later-piece.ts';
import { compareSnapshots, type StateDifferences } from './state-rows.ts';
import {
  isSameOutcome,
  isSameState,
  type Lockstep,
  type LockstepStep,
  type Outcome,
  type Runner,
  type Contestant,
} from './lockstep.ts';

/** How many intervals before the last equal moment a run may begin again. */
const EARLIER_INTERVALS = [1, 3, 7, 15];
/** Instructions before the differing tick among which the culprit is looked for; a block has 64 at most. */
const WINDOW_TICKS = 160;
/** A string instruction takes a tick an iteration: so far it is gone back to where one begins. */
const WINDOW_TICKS_MAX = 10_000;
/**
 * Runs of a window: the first decodes, the second finds the code warm, the third lets a compiler come in. All but the
 * first find translations too: without them the first access to a page is a slow path, and what follows it is
 * interpreted. The last one finds pages that have been hashed, as in the middle of a run: a write to one is noted.
 */
const WARM_RUNS = 4;
const warmthOf = (turn: number): Warmth | null =>
  turn === 0 ? null : turn === WARM_RUNS - 1 ? 'hashed' : 'translated';
type Warmth = 'translated' | 'hashed';
/** The words of string instructions that repeat. */
const REPEATS = /^REP/;

export interface FirstDifference {
  readonly reference: string;
  readonly suspect: string;
  /** Contestants that did as the reference did over the whole interval. */
  readonly agreeing: readonly string[];
  readonly referencePolicy: string;
  readonly suspectPolicy: string;
  /** The instruction, or the first of the piece, that the suspect does differently. */
  readonly instruction: InstructionAt;
  /**
   * `instruction`: it alone shows the difference, or every piece that begins behind it is done alike. `interval`: not
   * found again.
   */
  readonly precision: 'instruction' | 'interval';
  /** The states are equal at `instruction.tick` and differ here. */
  readonly tick: number;
  /** The interval by which it was noticed. */
  readonly noticedTick: number;
  /** What the suspect threw when it was noticed; it may not be thrown again from a snapshot. */
  readonly noticedFailure: string | null;
  /** What the suspect runs in one piece, from `instruction` on. */
  readonly piece: readonly InstructionAt[];
  /** Instructions of a block at most, of the suspect that shows it; null: as many as it has. */
  readonly block: number | null;
  /** Translations that the reference had used by then. */
  readonly held: readonly HeldPage[];
  /** Both at `tick`: reference left, suspect right. */
  readonly differences: StateDifferences;
  /** Registers before, reference left and right. */
  readonly before: Snapshot;
  readonly referenceOutcome: Outcome;
  readonly suspectOutcome: Outcome;
  /** What the suspect makes of the code there; empty when it does not say. */
  readonly explanation: string;
}

type Different = Extract<LockstepStep, { kind: 'different' }>;

/** `onProgress` hears of every halving. Neither machine of the lockstep can be gone on with afterwards. */
export function narrow(
  lockstep: Lockstep,
  step: Different,
  onProgress: (agreedTick: number, tick: number) => void = () => {},
): FirstDifference {
  const [referenceIndex, suspectIndex] = choosePair(
    step.outcomes,
    lockstep.runners.map(({ contestant }) => contestant.family ?? contestant.name),
  );
  const reference = lockstep.runners[referenceIndex];
  const suspect = lockstep.runners[suspectIndex];
  const search = new Search(lockstep, reference, suspect, lockstep.agreed, step.tick, onProgress);
  const found = search.run();
  const agreeing = lockstep.runners
    .filter((runner, i) => runner !== reference && isSameOutcome(step.outcomes[i], step.outcomes[referenceIndex]))
    .map(({ contestant }) => contestant.name);
  return {
    reference: reference.contestant.name,
    suspect: suspect.contestant.name,
    agreeing,
    referencePolicy: reference.contestant.policy,
    suspectPolicy: suspect.contestant.policy,
    noticedTick: step.tick,
    noticedFailure: step.outcomes[suspectIndex].failure,
    ...found,
  };
}

/** Whether another contestant, put where `found` begins, leaves the reference by where it ends. */
export function showsDifference(
  lockstep: Lockstep,
  found: Pick<FirstDifference, 'before' | 'tick' | 'referenceOutcome' | 'held'>,
  contestant: Contestant,
): boolean {
  const runner = lockstep.createRunner(contestant);
  for (let turn = 0; turn < WARM_RUNS; turn++) {
    runner.restore(found.before, turn > 0);
    warmTlb(runner, found.before, found.held, warmthOf(turn));
    if (!isSameState(runner.runTo(found.tick), found.referenceOutcome)) return true;
  }
  return false;
}

/** Bring translations back, unless that is visible: then the state is as it was without them. */
function warmTlb(runner: Runner, snapshot: Snapshot, held: readonly HeldPage[], warmth: Warmth | null): void {
  if (warmth === null) return;
  const { machine } = runner.session;
  // Without paging there is nothing that a translation could leave in memory.
  const isVisible = (machine.cpu.m32[CR0] & CR0_PG) !== 0;
  const root = isVisible ? machine.hash().root : '';
  refillTlb(machine.cpu, held);
  if (isVisible && machine.hash().root !== root) runner.restore(snapshot, true);
  // Hashing makes writes slow again.
  else if (warmth === 'hashed') machine.hash();
  else if (isVisible) refillTlb(machine.cpu, held);
}

/**
 * The majority of families against the first that stands apart; without a majority the first contestant is the
 * reference. Two compiling engines that agree are no majority: what they share can be wrong.
 */
function choosePair(outcomes: readonly Outcome[], families: readonly string[]): [number, number] {
  const votes = outcomes.map((outcome) => {
    const alike = families.filter((_, i) => isSameOutcome(outcome, outcomes[i]));
    return new Set(alike).size;
  });
  const referenceIndex = votes.indexOf(Math.max(...votes));
  const suspectIndex = outcomes.findIndex((outcome) => !isSameOutcome(outcome, outcomes[referenceIndex]));
  return suspectIndex < 0 || suspectIndex === referenceIndex
    ? [0, outcomes.length - 1]
    : [referenceIndex, suspectIndex];
}

type Found = Omit<
  FirstDifference,
  'reference' | 'suspect' | 'agreeing' | 'referencePolicy' | 'suspectPolicy' | 'noticedTick' | 'noticedFailure'
>;

/** How a run ended that should have ended otherwise; the machine is still there. */
interface Failure {
  readonly outcome: Outcome;
  readonly runner: Runner;
}

/** A state of the reference. */
interface Moment {
  readonly snapshot: Snapshot;
  readonly place: InstructionAt;
  readonly outcome: Outcome;
}

class Search {
  private readonly lockstep: Lockstep;
  private readonly reference: Runner;
  private suspect: Runner;
  /** Equal on both; the runs start here. */
  private base: Snapshot;
  private origin: Snapshot;
  private readonly noticedTick: number;
  /**
   * The suspect writes where no snapshot notices, so that restoring does not mend it: every run needs a new machine.
   */
  private isFresh = false;
  /** What ran the piece that was described last. */
  private shownBy: Runner;
  private low: number;
  private high: number;
  /** Translations that the reference has used up to the interval's end. */
  private held: readonly HeldPage[] = [];
  /** What the suspect starts with; null: without any translation. */
  private warmth: Warmth | null = null;
  private readonly onProgress: (agreedTick: number, tick: number) => void;

  constructor(
    lockstep: Lockstep,
    reference: Runner,
    suspect: Runner,
    base: Snapshot,
    tick: number,
    onProgress: (agreedTick: number, tick: number) => void,
  ) {
    this.lockstep = lockstep;
    this.reference = reference;
    this.suspect = suspect;
    this.shownBy = suspect;
    this.base = base;
    this.origin = base;
    this.noticedTick = tick;
    this.low = base.tick;
    this.high = tick;
    this.onProgress = onProgress;
  }

  run(): Found {
    // From the snapshot both start cold; a fault that needs what the run before had compiled does not come again.
    if (!this.differsFrom(this.base, this.high) && !this.showsWarm() && !this.showsFromEarlier()) return this.give();
    this.halve();
    if (!this.isConfirmed()) this.startFresh();
    return this.shorten() ?? this.shortenAfterRun() ?? this.atTick();
  }

  /**
   * Halves again on new machines, when they show it at all: what a schedule needs may have gone by. Pages of a new
   * machine have not been hashed as those of one that ran before, and what needs that does not show without.
   */
  private startFresh(): void {
    const { base, low, high, warmth, held } = this;
    this.isFresh = true;
    [this.base, this.low, this.high] = [this.origin, this.origin.tick, this.noticedTick];
    if (this.differsFrom(this.base, this.high)) {
      this.halve();
      return;
    }
    this.held = this.translations();
    this.warmth = 'hashed';
    if (this.differsFrom(this.base, this.high)) {
      this.halve();
      return;
    }
    this.isFresh = false;
    [this.base, this.low, this.high, this.warmth, this.held] = [base, low, high, warmth, held];
  }

  /** Whether machines that have not run yet do as the halving found: one differs at its end, one does not before. */
  private isConfirmed(): boolean {
    const { suspect } = this;
    const differsAfresh = (tick: number): boolean => {
      this.suspect = this.lockstep.createRunner(suspect.contestant);
      return this.differsFrom(this.base, tick);
    };
    const isConfirmed = differsAfresh(this.high) && (this.low <= this.base.tick || !differsAfresh(this.low));
    this.suspect = suspect;
    return isConfirmed;
  }

  /**
   * Whether it shows with translations, with those of pages that have been hashed, with everything compiled at first
   * sight, or with that and one of those; so it goes on then.
   */
  private showsWarm(): boolean {
    this.held = this.translations();
    const showsWith = (warmth: Warmth | null): boolean => {
      this.warmth = warmth;
      return this.differsFrom(this.base, this.high);
    };
    if (showsWith('translated') || showsWith('hashed')) return true;
    const { suspect } = this;
    const eager = suspect.contestant.makeEager;
    if (eager === undefined) return false;
    this.suspect = this.lockstep.createRunner({ ...suspect.contestant, makeEngine: eager });
    if (showsWith(null) || showsWith('translated') || showsWith('hashed')) return true;
    // What does not show it is not looked at any further: from earlier, or never again, it is the suspect as it was.
    this.suspect = suspect;
    return false;
  }

  /**
   * Whether it shows when the run begins some intervals earlier, where the suspect may have compiled what has gone
   * stale since; so it goes on then. Costs a run of the reference from the start, as giving up does.
   */
  private showsFromEarlier(): boolean {
    const { intervalTicks } = this.lockstep;
    const reference = this.lockstep.createRunner(this.reference.contestant);
    const ticks = EARLIER_INTERVALS.map((count) => Math.max(0, this.origin.tick - count * intervalTicks));
    const bases = [...new Set(ticks)]
      .sort((a, b) => a - b)
      .map((tick) => {
        reference.runTo(tick);
        return reference.store.take();
      });
    this.warmth = null;
    const base = bases.reverse().find((earlier) => this.differsFrom(earlier, this.high));
    if (base === undefined) return false;
    this.base = base;
    this.origin = base;
    return true;
  }

  /** What the reference has translated from the last equal moment to `high`, in one run: digests drop translations. */
  private translations(): HeldPage[] {
    const { reference } = this;
    reference.restore(this.origin);
    reference.session.advance(this.high);
    return heldPages(reference.session.machine.cpu);
  }

  private restoreSuspect(base: Snapshot): void {
    if (this.isFresh) this.suspect = this.lockstep.createRunner(this.suspect.contestant);
    this.suspect.restore(base);
    warmTlb(this.suspect, base, this.held, this.warmth);
  }

  private differsFrom(base: Snapshot, tick: number): boolean {
    const { reference } = this;
    reference.restore(base);
    this.restoreSuspect(base);
    return !isSameOutcome(reference.runTo(tick), this.suspect.runTo(tick));
  }

  private halve(): void {
    let canMove = true;
    while (this.high - this.low > 1) {
      this.onProgress(this.low, this.high);
      const middle = this.low + Math.floor((this.high - this.low) / 2);
      if (this.differsFrom(this.base, middle)) {
        this.high = middle;
        continue;
      }
      this.low = middle;
      if (!canMove) continue;
      const moved = this.reference.store.take();
      if (moved.tick < this.high && this.differsFrom(moved, this.high)) this.base = moved;
      else canMove = false;
    }
    this.onProgress(this.low, this.high);
  }

  /**
   * States of the reference, tick by tick, from the window's start to as far behind `high` as two blocks reach, or to
   * the end of the run; each with the outcome there.
   */
  private trace(): Moment[] {
    const { reference } = this;
    const { machine } = reference.session;
    const until = Math.min(this.high + WINDOW_TICKS_MAX, this.lockstep.endTick);
    let outcome = this.toWindow();
    const moments: Moment[] = [];
    let countBehind = 0;
    for (;;) {
      const isOver = outcome.reason !== 'tick' || machine.tick >= until || countBehind >= 2 * PIECE_TICKS_MAX;
      const moment = { ...this.momentOf(reference), outcome };
      // What begins inside a string instruction is no piece: of its iterations the first is kept.
      const before = moments.at(-1)?.place;
      const isIteration = before?.eip === moment.place.eip && REPEATS.test(before.text);
      if (!isIteration || machine.tick === this.high || isOver) {
        moments.push(moment);
        if (machine.tick > this.high) countBehind++;
      }
      if (isOver) return moments;
      outcome = reference.runTo(machine.tick + 1);
    }
  }

  /** Takes the reference to the window's start, outside string instructions as far as that can be had. */
  private toWindow(): Outcome {
    const { reference, base } = this;
    const { machine } = reference.session;
    const toTick = (back: number): Outcome => {
      reference.restore(base);
      return reference.runTo(Math.max(base.tick, this.high - back));
    };
    let outcome = toTick(WINDOW_TICKS);
    for (let back = 2 * WINDOW_TICKS; back <= WINDOW_TICKS_MAX && machine.tick > base.tick; back *= 2) {
      if (!REPEATS.test(instructionAt(machine.cpu, machine.tick).text)) break;
      outcome = toTick(back);
    }
    return outcome;
  }

  /** How the suspect does from `start` to `end` when that is not as the reference did; null when it is. */
  private failureOf(suspect: Runner, start: Moment, end: Moment, held: readonly HeldPage[]): Failure | null {
    const runner = this.isFresh ? this.lockstep.createRunner(suspect.contestant) : suspect;
    for (let turn = 0; turn < WARM_RUNS; turn++) {
      runner.restore(start.snapshot, turn > 0);
      warmTlb(runner, start.snapshot, held, warmthOf(turn));
      const outcome = runner.runTo(end.snapshot.tick);
      if (!isSameState(outcome, end.outcome)) return { outcome, runner };
    }
    return null;
  }

  /**
   * Runs that left something where restoring does not mend it may have shown the fault of another piece: what a new
   * machine does not do is looked for on new machines alone, and stands when they find nothing.
   */
  private shorten(): Found | null {
    const found = this.shortenOnce();
    if (found === null || this.isFresh || this.isShownAfresh(found)) return found;
    this.isFresh = true;
    const again = this.shortenOnce();
    this.isFresh = again !== null;
    return again ?? found;
  }

  private isShownAfresh({ before, tick, referenceOutcome, held }: Found): boolean {
    const { contestant } = this.shownBy;
    return showsDifference(this.lockstep, { before, tick, referenceOutcome, held }, contestant);
  }

  private shortenOnce(): Found | null {
    const moments = this.trace();
    const held = this.translations();
    const found = moments.findIndex(({ snapshot }) => snapshot.tick >= this.high);
    const endIndex = found < 0 ? moments.length - 1 : found;
    const end = moments[endIndex];
    if (end.outcome.failure !== null) return null;
    const { makeEager } = this.suspect.contestant;
    const suspects = [this.suspect];
    if (makeEager !== undefined && this.suspect.contestant.makeEngine !== makeEager) {
      suspects.push(this.lockstep.createRunner({ ...this.suspect.contestant, makeEngine: makeEager }));
    }
    for (const suspect of suspects) {
      for (let i = endIndex - 1; i >= 0; i--) {
        if (this.failureOf(suspect, moments[i], end, held) === null) continue;
        const fails: Fails = (start, until) => this.failureOf(suspect, moments[start], moments[until], held) !== null;
        const shortest = this.shortest(moments, i, endIndex, held);
        if (shortest !== null) return shortest;
        const [from, to] = laterPiece(fails, moments, i, endIndex) ?? [i, endIndex];
        // Once more: the suspect has run other pieces since.
        const failure = this.failureOf(suspect, moments[from], moments[to], held);
        if (failure === null) continue;
        return this.describePiece(moments.slice(from, to + 1), failure, held);
      }
    }
    return null;
  }

  /**
   * The same with shorter blocks: a piece from `first` to `end` that fails whole is narrowed down to the latest start
   * and the nearest end between which the suspect still fails, with the shortest blocks that show it. Null: none do.
   */
  private shortest(moments: readonly Moment[], first: number, end: number, held: readonly HeldPage[]): Found | null {
    for (const { block, makeEngine } of this.suspect.contestant.shorter ?? []) {
      if (block >= end - first) return null;
      const suspect = this.lockstep.createRunner({ ...this.suspect.contestant, makeEngine });
      const failureOf = (from: number, to: number): Failure | null =>
        this.failureOf(suspect, moments[from], moments[to], held);
      if (failureOf(first, end) === null) continue;
      let from = end - 1;
      while (from > first && failureOf(from, end) === null) from--;
      let to = from + 1;
      while (to < end && failureOf(from, to) === null) to++;
      // Once more: the suspect has run other pieces since.
      const failure = failureOf(from, to);
      if (failure === null) continue;
      return this.describePiece(moments.slice(from, to + 1), failure, held, block);
    }
    return null;
  }

  /**
   * What shows only after the run before: with what the suspect compiled in it, such as a function of code that has
   * changed since, or with pages that it has written and others that it has not. The run from `base` is interrupted
   * ever earlier, and what stands between there and `high` is then run in one piece.
   */
  private shortenAfterRun(): Found | null {
    const moments = this.trace();
    const found = moments.findIndex(({ snapshot }) => snapshot.tick >= this.high);
    const end = found < 0 ? moments.length - 1 : found;
    const fails: Fails = (from, to) => this.failureAfterRun(moments[from], moments[to]) !== null;
    for (let i = end - 1; i >= 0; i--) {
      if (!fails(i, end)) continue;
      const [from, to] = laterPiece(fails, moments, i, end) ?? [i, end];
      const outcome = this.failureAfterRun(moments[from], moments[to]);
      if (outcome === null) continue;
      return this.describePiece(moments.slice(from, to + 1), { outcome, runner: this.suspect }, this.held);
    }
    return null;
  }

  /** How the suspect ends, run from `base` to `start` and then to `end`, when that is not as the reference did. */
  private failureAfterRun(start: Moment, end: Moment): Outcome | null {
    const { tick } = start.snapshot;
    this.restoreSuspect(this.base);
    // Cut elsewhere, the run before may show it, or something else.
    if (!isSameState(this.suspect.runTo(tick), start.outcome)) return null;
    // Again, since a digest in between is none of the run's.
    this.restoreSuspect(this.base);
    this.suspect.session.advance(tick);
    const outcome = this.suspect.runTo(end.snapshot.tick);
    return isSameState(outcome, end.outcome) ? null : outcome;
  }

  /** The machines differ at `high` when run from `base`, and no shorter run shows it. */
  private atTick(): Found {
    const { reference } = this;
    reference.restore(this.base);
    reference.runTo(this.low);
    const start = this.momentOf(reference);
    reference.restore(this.base);
    this.restoreSuspect(this.base);
    const { suspect } = this;
    const outcomes: [Outcome, Outcome] = [reference.runTo(this.high), suspect.runTo(this.high)];
    const end = reference.store.take();
    // What does not show once more is no instruction's fault for certain.
    const isExact = this.high - this.low === 1 && !isSameOutcome(...outcomes);
    const precision = isExact ? 'instruction' : 'interval';
    const { held } = this;
    return this.describe({ start, end, suspect, outcomes, piece: [start.place], precision, held });
  }

  /** Not found again: the interval is all there is. The lockstep's machines are run again from the start to show it. */
  private give(): Found {
    const reference = this.lockstep.createRunner(this.reference.contestant);
    const suspect = this.lockstep.createRunner(this.suspect.contestant);
    const { intervalTicks } = this.lockstep;
    for (let tick = intervalTicks; tick <= this.low; tick += intervalTicks) {
      reference.runTo(tick);
      suspect.runTo(tick);
    }
    const start = this.momentOf(reference);
    const outcomes: [Outcome, Outcome] = [reference.runTo(this.high), suspect.runTo(this.high)];
    const end = reference.store.take();
    const piece = [start.place];
    return this.describe({ start, end, suspect, outcomes, piece, precision: 'interval', held: [] });
  }

  private momentOf(runner: Runner): Omit<Moment, 'outcome'> {
    const { machine } = runner.session;
    return { snapshot: runner.store.take(), place: instructionAt(machine.cpu, machine.tick) };
  }

  /** From the first of the moments to the last one the suspect did otherwise, in one piece. */
  private describePiece(
    moments: readonly Moment[],
    { outcome, runner }: Failure,
    held: readonly HeldPage[],
    block?: number,
  ): Found {
    const [start, end] = [moments[0], moments[moments.length - 1]];
    this.shownBy = runner;
    const piece = moments.slice(0, -1).map(({ place }) => place);
    const outcomes = [end.outcome, outcome] as const;
    const suspect = runner;
    return this.describe({ start, end: end.snapshot, suspect, outcomes, piece, precision: 'instruction', block, held });
  }

  private describe(found: {
    readonly start: Omit<Moment, 'outcome'>;
    readonly end: Snapshot;
    readonly suspect: Runner;
    readonly outcomes: readonly [Outcome, Outcome];
    readonly piece: readonly InstructionAt[];
    readonly precision: FirstDifference['precision'];
    readonly block?: number | undefined;
    readonly held: readonly HeldPage[];
  }): Found {
    const { start, end, suspect, outcomes, piece, precision, block = null, held } = found;
    const differences = compareSnapshots(end, suspect.store.take());
    return {
      instruction: start.place,
      precision,
      tick: end.tick,
      piece,
      block,
      held,
      differences,
      before: start.snapshot,
      referenceOutcome: outcomes[0],
      suspectOutcome: outcomes[1],
      explanation: '',
    };
  }
}
