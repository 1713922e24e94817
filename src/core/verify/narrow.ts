/**
 * From an interval in which two engines went apart to the first instruction that they do differently. First by ticks:
 * both machines go back to the last equal snapshot and the interval is halved until one tick is left. An engine that
 * runs many instructions in one piece only shows its fault when a piece is run whole, so the tick found is where a
 * piece ends; then the piece is shortened from its front: from every state of the reference, latest first, the suspect
 * runs to that end, several times, so that code is compiled. The latest start from which it still fails is the
 * instruction.
 */
import { instructionText } from '../isa/describe.ts';
import { decodeInstruction } from '../isa/decode.ts';
import { INSTRUCTION_BYTES_MAX, RECORD_WORDS } from '../isa/record.ts';
import type { Snapshot } from '../machine/snapshot.ts';
import { type HeldPage, heldPages, refillTlb } from '../memory/refill.ts';
import { peekBytes } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { CR0, CR0_PG, CS, EIP, MODE_CS32, MODE_KEY, SEG_BASE } from '../state/layout.ts';
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
/** Instructions that a block has at most. */
const PIECE_TICKS_MAX = 64;
/**
 * Runs of a window: the first decodes, the second finds the code warm, the third lets a compiler come in. The last ones
 * find translations too: without them the first access to a page is a slow path, and what follows it is interpreted.
 */
const WARM_RUNS = 3;
const RUNS_WITHOUT_TRANSLATIONS = 1;

export interface InstructionAt {
  readonly tick: number;
  readonly eip: number;
  readonly linear: number;
  readonly bits: 16 | 32;
  /** From EIP on, 15 at most; fewer when the next page cannot be read. */
  readonly bytes: Uint8Array;
  /** Of the decoder of this project. */
  readonly text: string;
}

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
  /** What the suspect runs in one piece, from `instruction` on. */
  readonly piece: readonly InstructionAt[];
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
    ...found,
  };
}

/** Whether another contestant, put where `found` begins, leaves the reference by where it ends. */
export function showsDifference(lockstep: Lockstep, found: FirstDifference, contestant: Contestant): boolean {
  const runner = lockstep.createRunner(contestant);
  for (let turn = 0; turn < WARM_RUNS; turn++) {
    runner.restore(found.before, turn > 0);
    if (turn >= RUNS_WITHOUT_TRANSLATIONS) warmTlb(runner, found.before, found.held);
    if (!isSameState(runner.runTo(found.tick), found.referenceOutcome)) return true;
  }
  return false;
}

/** Bring translations back, unless that is visible: then the state is as it was without them. */
function warmTlb(runner: Runner, snapshot: Snapshot, held: readonly HeldPage[]): void {
  const { machine } = runner.session;
  // Without paging there is nothing that a translation could leave in memory.
  if ((machine.cpu.m32[CR0] & CR0_PG) === 0) {
    refillTlb(machine.cpu, held);
    return;
  }
  const { root } = machine.hash();
  refillTlb(machine.cpu, held);
  // Hashing makes writes slow again.
  if (machine.hash().root === root) refillTlb(machine.cpu, held);
  else runner.restore(snapshot, true);
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
  'reference' | 'suspect' | 'agreeing' | 'referencePolicy' | 'suspectPolicy' | 'noticedTick'
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
  private low: number;
  private high: number;
  /** Translations that the reference has used up to the interval's end; null: the suspect starts without any. */
  private held: readonly HeldPage[] | null = null;
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

  /** Halves again on new machines, when they show it at all: what a schedule needs may have gone by. */
  private startFresh(): void {
    const { base, low, high } = this;
    this.isFresh = true;
    [this.base, this.low, this.high] = [this.origin, this.origin.tick, this.noticedTick];
    if (this.differsFrom(this.base, this.high)) {
      this.halve();
      return;
    }
    this.isFresh = false;
    [this.base, this.low, this.high] = [base, low, high];
  }

  /** Whether a machine that has not run yet does as the halving found. */
  private isConfirmed(): boolean {
    const { suspect } = this;
    this.suspect = this.lockstep.createRunner(suspect.contestant);
    const isConfirmed = this.differsFrom(this.base, this.high);
    this.suspect = suspect;
    return isConfirmed;
  }

  /** Whether it shows with translations, with everything compiled at first sight, or with both; so it goes on then. */
  private showsWarm(): boolean {
    const held = this.translations();
    this.held = held;
    if (this.differsFrom(this.base, this.high)) return true;
    const eager = this.suspect.contestant.makeEager;
    if (eager === undefined) return false;
    this.suspect = this.lockstep.createRunner({ ...this.suspect.contestant, makeEngine: eager });
    this.held = null;
    if (this.differsFrom(this.base, this.high)) return true;
    this.held = held;
    return this.differsFrom(this.base, this.high);
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
    this.held = null;
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
    if (this.held !== null) warmTlb(this.suspect, base, this.held);
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
   * States of the reference, tick by tick, from the window's start to as far behind `high` as a block reaches, or to
   * the end of the run; each with the outcome there.
   */
  private trace(): Moment[] {
    const { reference } = this;
    const { machine } = reference.session;
    const until = Math.min(this.high + PIECE_TICKS_MAX, this.lockstep.endTick);
    reference.restore(this.base);
    let outcome = reference.runTo(Math.max(this.base.tick, this.high - WINDOW_TICKS));
    const moments: Moment[] = [];
    for (let isOver = false; ; isOver = outcome.reason !== 'tick' || machine.tick >= until) {
      moments.push({ ...this.momentOf(reference), outcome });
      if (isOver) return moments;
      outcome = reference.runTo(machine.tick + 1);
    }
  }

  /** How the suspect does from `start` to `end` when that is not as the reference did; null when it is. */
  private failureOf(suspect: Runner, start: Moment, end: Moment, held: readonly HeldPage[]): Failure | null {
    const runner = this.isFresh ? this.lockstep.createRunner(suspect.contestant) : suspect;
    for (let turn = 0; turn < WARM_RUNS; turn++) {
      runner.restore(start.snapshot, turn > 0);
      if (turn >= RUNS_WITHOUT_TRANSLATIONS) warmTlb(runner, start.snapshot, held);
      const outcome = runner.runTo(end.snapshot.tick);
      if (!isSameState(outcome, end.outcome)) return { outcome, runner };
    }
    return null;
  }

  private shorten(): Found | null {
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
        const [from, to] = this.later(suspect, moments, i, endIndex, held) ?? [i, endIndex];
        // Once more: the suspect has run other pieces since.
        const failure = this.failureOf(suspect, moments[from], moments[to], held);
        if (failure === null) continue;
        return this.describe({
          start: moments[from],
          end: moments[to].snapshot,
          suspect: failure.runner,
          outcomes: [moments[to].outcome, failure.outcome],
          piece: moments.slice(from, to).map((moment) => moment.place),
          precision: 'instruction',
          held,
        });
      }
    }
    return null;
  }

  /**
   * A block that begins behind moment `first` may be longer than what is left to `end`, and is not run in one piece
   * then. So the end is moved back, as far as nothing else goes wrong in between, and a later start is looked for.
   */
  private later(
    suspect: Runner,
    moments: readonly Moment[],
    first: number,
    end: number,
    held: readonly HeldPage[],
  ): [from: number, to: number] | null {
    if (end - first < 2) return null;
    for (const more of [PIECE_TICKS_MAX, 12]) {
      const to = end + more;
      if (to >= moments.length || moments[to].outcome.failure !== null) continue;
      const failsFrom = (i: number): boolean => this.failureOf(suspect, moments[i], moments[to], held) !== null;
      let from = end - 1;
      while (from > first && !failsFrom(from)) from--;
      if (from === first) continue;
      let clear = to - 1;
      while (clear >= end && !failsFrom(clear)) clear--;
      if (clear < end) return [from, to];
    }
    return null;
  }

  /**
   * What shows only with what the suspect compiled before, such as a function of code that has changed since: the run
   * from `base` is interrupted ever earlier, and what stands between there and `high` is then run in one piece.
   */
  private shortenAfterRun(): Found | null {
    const moments = this.trace();
    const found = moments.findIndex(({ snapshot }) => snapshot.tick >= this.high);
    const end = found < 0 ? moments.length - 1 : found;
    for (let i = end - 1; i >= 0; i--) {
      const { snapshot, outcome } = moments[i];
      this.restoreSuspect(this.base);
      // Cut elsewhere, the run before may show it, or something else.
      if (!isSameState(this.suspect.runTo(snapshot.tick), outcome)) continue;
      const suspectOutcome = this.suspect.runTo(moments[end].snapshot.tick);
      if (isSameState(suspectOutcome, moments[end].outcome)) continue;
      return this.describe({
        start: moments[i],
        end: moments[end].snapshot,
        suspect: this.suspect,
        outcomes: [moments[end].outcome, suspectOutcome],
        piece: moments.slice(i, end).map((moment) => moment.place),
        precision: 'instruction',
        held: this.held ?? [],
      });
    }
    return null;
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
    const isExact = this.high - this.low === 1;
    const precision = isExact ? 'instruction' : 'interval';
    const held = this.held ?? [];
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

  private describe(found: {
    readonly start: Omit<Moment, 'outcome'>;
    readonly end: Snapshot;
    readonly suspect: Runner;
    readonly outcomes: readonly [Outcome, Outcome];
    readonly piece: readonly InstructionAt[];
    readonly precision: FirstDifference['precision'];
    readonly held: readonly HeldPage[];
  }): Found {
    const { start, end, suspect, outcomes, piece, precision, held } = found;
    const differences = compareSnapshots(end, suspect.store.take());
    return {
      instruction: start.place,
      precision,
      tick: end.tick,
      piece,
      held,
      differences,
      before: start.snapshot,
      referenceOutcome: outcomes[0],
      suspectOutcome: outcomes[1],
      explanation: '',
    };
  }
}

/** The instruction at EIP, read through the page tables without changing anything that counts. */
export function instructionAt(cpu: Cpu, tick: number): InstructionAt {
  const { m32 } = cpu;
  const eip = m32[EIP];
  const linear = (eip + m32[SEG_BASE + CS]) | 0;
  const bits = (m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
  const ahead = new Uint8Array(INSTRUCTION_BYTES_MAX);
  const array = ahead.subarray(0, peekBytes(cpu, linear, ahead));
  const code = new Int32Array(RECORD_WORDS);
  const length = decodeInstruction(array, 0, array.length, bits === 32, code, 0);
  const text = length > 0 ? instructionText(code, 0) : 'no instruction that decodes';
  return { tick, eip, linear, bits, bytes: length > 0 ? array.subarray(0, length) : array, text };
}
