/**
 * From an interval in which two engines went apart to the first instruction that they do differently. First by ticks:
 * both machines go back to the last equal snapshot and the interval is halved until one tick is left. An engine that
 * runs many instructions in one piece only shows its fault when a piece is run whole, so the tick found is where a piece
 * ends; then the piece is shortened from its front: from every state of the reference, latest first, the suspect runs to
 * that end, several times, so that code is compiled. The latest start from which it still fails is the instruction.
 */
import { instructionText } from '../isa/describe.ts';
import { decodeInstruction } from '../isa/decode.ts';
import { RECORD_WORDS } from '../isa/record.ts';
import type { Snapshot } from '../machine/snapshot.ts';
import { peekLinear8 } from '../cpu/probe.ts';
import type { Cpu } from '../state/cpu.ts';
import { CS, EIP, MODE_CS32, MODE_KEY, SEG_BASE } from '../state/layout.ts';
import { compareSnapshots, type StateDifferences } from './state-rows.ts';
import {
  isSameOutcome,
  isSameState,
  type Lockstep,
  type LockstepStep,
  type Outcome,
  type Runner,
  type Witness,
} from './verify.ts';

/** Instructions before the differing tick among which the culprit is looked for; a block has 64 at most. */
const WINDOW_TICKS = 160;
/** Runs of a window: the first decodes, the second finds the code warm, the others let a compiler come in. */
const WARM_RUNS = 4;

export interface InstructionPlace {
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
  /** Witnesses that did as the reference did over the whole interval. */
  readonly agreeing: readonly string[];
  readonly referencePolicy: string;
  readonly suspectPolicy: string;
  /** The instruction, or the first of the piece, that the suspect does differently. */
  readonly instruction: InstructionPlace;
  /** `instruction`: it alone shows the difference, or every piece that begins behind it is done alike. `interval`: not found again. */
  readonly precision: 'instruction' | 'interval';
  /** The states are equal at `instruction.tick` and differ here. */
  readonly tick: number;
  /** The interval by which it was noticed. */
  readonly noticedTick: number;
  /** What the suspect runs in one piece, from `instruction` on. */
  readonly piece: readonly InstructionPlace[];
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
  const [referenceIndex, suspectIndex] = choosePair(step.outcomes);
  const reference = lockstep.runners[referenceIndex];
  const suspect = lockstep.runners[suspectIndex];
  const search = new Search(reference, suspect, lockstep.agreed, step.tick, onProgress);
  const found = search.run(lockstep);
  const agreeing = lockstep.runners
    .filter((runner, i) => runner !== reference && isSameOutcome(step.outcomes[i], step.outcomes[referenceIndex]))
    .map(({ witness }) => witness.name);
  return {
    reference: reference.witness.name,
    suspect: suspect.witness.name,
    agreeing,
    referencePolicy: reference.witness.policy,
    suspectPolicy: suspect.witness.policy,
    noticedTick: step.tick,
    ...found,
  };
}

/** Whether another witness, put where `found` begins, leaves the reference by where it ends. */
export function showsDifference(lockstep: Lockstep, found: FirstDifference, witness: Witness): boolean {
  const runner = lockstep.createRunner(witness);
  for (let turn = 0; turn < WARM_RUNS; turn++) {
    runner.restore(found.before, turn > 0);
    if (!isSameState(runner.runTo(found.tick), found.referenceOutcome)) return true;
  }
  return false;
}

/** The majority against the first that stands apart; without a majority the first witness is the reference. */
function choosePair(outcomes: readonly Outcome[]): [number, number] {
  const votes = outcomes.map((outcome) => outcomes.filter((other) => isSameOutcome(outcome, other)).length);
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

interface Moment {
  readonly snapshot: Snapshot;
  readonly place: InstructionPlace;
}

class Search {
  private readonly reference: Runner;
  private suspect: Runner;
  /** Equal on both; the runs start here. */
  private base: Snapshot;
  private low: number;
  private high: number;
  private readonly onProgress: (agreedTick: number, tick: number) => void;

  constructor(
    reference: Runner,
    suspect: Runner,
    base: Snapshot,
    tick: number,
    onProgress: (agreedTick: number, tick: number) => void,
  ) {
    this.reference = reference;
    this.suspect = suspect;
    this.base = base;
    this.low = base.tick;
    this.high = tick;
    this.onProgress = onProgress;
  }

  run(lockstep: Lockstep): Found {
    // From the snapshot both start cold; a fault that needs what the run before had compiled does not come again.
    if (!this.differsFrom(this.base, this.high)) {
      const eager = this.suspect.witness.makeEager;
      if (eager === undefined) return this.give(lockstep);
      this.suspect = lockstep.createRunner({ ...this.suspect.witness, makeEngine: eager });
      if (!this.differsFrom(this.base, this.high)) return this.give(lockstep);
    }
    this.halve();
    return this.shorten(lockstep) ?? this.atTick();
  }

  private differsFrom(base: Snapshot, tick: number): boolean {
    const { reference, suspect } = this;
    reference.restore(base);
    suspect.restore(base);
    return !isSameOutcome(reference.runTo(tick), suspect.runTo(tick));
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

  /** States of the reference, tick by tick, from the window's start to `high` or the end of the run. */
  private trace(): { moments: Moment[]; outcome: Outcome } {
    const { reference } = this;
    const { machine } = reference.session;
    reference.restore(this.base);
    let outcome = reference.runTo(Math.max(this.base.tick, this.high - WINDOW_TICKS));
    const moments: Moment[] = [];
    for (let isOver = false; ; isOver = outcome.reason !== 'tick' || machine.tick >= this.high) {
      moments.push(this.momentOf(reference));
      if (isOver) return { moments, outcome };
      outcome = reference.runTo(machine.tick + 1);
    }
  }

  private shorten(lockstep: Lockstep): Found | null {
    const { moments, outcome: expected } = this.trace();
    const last = moments.pop();
    if (last === undefined || expected.failure !== null) return null;
    const end = last.snapshot.tick;
    const { makeEager } = this.suspect.witness;
    const suspects = [this.suspect];
    if (makeEager !== undefined && this.suspect.witness.makeEngine !== makeEager) {
      suspects.push(lockstep.createRunner({ ...this.suspect.witness, makeEngine: makeEager }));
    }
    for (const suspect of suspects) {
      for (let i = moments.length - 1; i >= 0; i--) {
        const { snapshot, place } = moments[i];
        for (let turn = 0; turn < WARM_RUNS; turn++) {
          suspect.restore(snapshot, turn > 0);
          const outcome = suspect.runTo(end);
          if (isSameState(outcome, expected)) continue;
          return this.describe({
            start: { snapshot, place },
            end: last.snapshot,
            suspect,
            outcomes: [expected, outcome],
            piece: moments.slice(i).map((moment) => moment.place),
            precision: 'instruction',
          });
        }
      }
    }
    return null;
  }

  /** The machines differ at `high` when run from `base`, and no shorter run shows it. */
  private atTick(): Found {
    const { reference, suspect } = this;
    reference.restore(this.base);
    reference.runTo(this.low);
    const start = this.momentOf(reference);
    reference.restore(this.base);
    suspect.restore(this.base);
    const outcomes: [Outcome, Outcome] = [reference.runTo(this.high), suspect.runTo(this.high)];
    const end = reference.store.take();
    const isExact = this.high - this.low === 1;
    const precision = isExact ? 'instruction' : 'interval';
    return this.describe({ start, end, suspect, outcomes, piece: [start.place], precision });
  }

  /** Not found again: the interval is all there is. The lockstep's machines are run again from the start to show it. */
  private give(lockstep: Lockstep): Found {
    const reference = lockstep.createRunner(this.reference.witness);
    const suspect = lockstep.createRunner(this.suspect.witness);
    const { intervalTicks } = lockstep;
    for (let tick = intervalTicks; tick <= this.low; tick += intervalTicks) {
      reference.runTo(tick);
      suspect.runTo(tick);
    }
    const start = this.momentOf(reference);
    const outcomes: [Outcome, Outcome] = [reference.runTo(this.high), suspect.runTo(this.high)];
    const end = reference.store.take();
    return this.describe({ start, end, suspect, outcomes, piece: [start.place], precision: 'interval' });
  }

  private momentOf(runner: Runner): Moment {
    const { machine } = runner.session;
    return { snapshot: runner.store.take(), place: placeOf(machine.cpu, machine.tick) };
  }

  private describe(found: {
    readonly start: Moment;
    readonly end: Snapshot;
    readonly suspect: Runner;
    readonly outcomes: readonly [Outcome, Outcome];
    readonly piece: readonly InstructionPlace[];
    readonly precision: FirstDifference['precision'];
  }): Found {
    const { start, end, suspect, outcomes, piece, precision } = found;
    const differences = compareSnapshots(end, suspect.store.take());
    return {
      instruction: start.place,
      precision,
      tick: end.tick,
      piece,
      differences,
      before: start.snapshot,
      referenceOutcome: outcomes[0],
      suspectOutcome: outcomes[1],
      explanation: explain(suspect, start.snapshot),
    };
  }
}

function explain(suspect: Runner, start: Snapshot): string {
  const { engine } = suspect;
  if (engine.explain === undefined) return '';
  suspect.restore(start, true);
  try {
    return engine.explain(suspect.session.machine.cpu);
  } catch (error) {
    return `the engine could not explain it: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const INSTRUCTION_BYTES_MAX = 15;

/** The instruction at EIP, read through the page tables without changing anything that counts. */
export function placeOf(cpu: Cpu, tick: number): InstructionPlace {
  const { m32 } = cpu;
  const eip = m32[EIP];
  const linear = (eip + m32[SEG_BASE + CS]) | 0;
  const bits = (m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
  const bytes: number[] = [];
  while (bytes.length < INSTRUCTION_BYTES_MAX) {
    const byte = peekLinear8(cpu, (linear + bytes.length) | 0);
    if (byte < 0) break;
    bytes.push(byte);
  }
  const code = new Int32Array(RECORD_WORDS);
  const array = Uint8Array.from(bytes);
  const length = decodeInstruction(array, 0, array.length, bits === 32, code, 0);
  const text = length > 0 ? instructionText(code, 0) : 'no instruction that decodes';
  return { tick, eip, linear, bits, bytes: length > 0 ? array.subarray(0, length) : array, text };
}
