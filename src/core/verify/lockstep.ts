/**
 * Lockstep: one log on several engines in one process. Each contestant has a machine of its own; all run to the end of
 * the next interval, and then state, tick, reason and everything that passed their doors must be the same (law 3). The
 * first contestant is the reference and keeps a snapshot of the last moment at which all agreed; narrow.ts goes on from
 * there. Also compared: the state hashes that the log itself holds. No I/O: the host calls `advance` until it is over.
 */
import type { Engine } from '../machine/engine.ts';
import type { StopReason } from '../machine/machine.ts';
import { PageStore, type Snapshot } from '../machine/snapshot.ts';
import { CHECK_KIND } from '../log/events.ts';
import type { LogReader } from '../log/log.ts';
import { INTERVAL_TICKS_DEFAULT } from '../base/defaults.ts';
import { checkManifest, type EngineFactory, type Images, Session } from '../session/session.ts';
import { LockstepPort } from './lockstep-port.ts';
import { inputsOf, type TimedInput } from '../log/timed-input.ts';

export interface Contestant {
  /** As people call the engine; unique among the contestants. */
  readonly name: string;
  /** The tier decisions in effect, in words: thresholds, slices, evictions. Empty when there are none. */
  readonly policy: string;
  readonly makeEngine: EngineFactory;
  /**
   * Engines of one family share code, so that they can be wrong alike: together they have one vote. Absent: its name.
   */
  readonly family?: string;
  /** The same engine, ready to compile at first sight: what shows a fault in a run of a few instructions. */
  readonly makeEager?: EngineFactory;
  /** That one with blocks of so many instructions at most, shortest first: it runs fewer of them in one piece. */
  readonly shorter?: readonly { readonly block: number; readonly makeEngine: EngineFactory }[];
}

export interface LockstepSetup {
  readonly log: LogReader;
  readonly images: Images;
  readonly contestants: readonly Contestant[];
  readonly intervalTicks?: number;
}

/** Where a machine is. Two machines that ran the same stretch must have equal outcomes. */
export interface Outcome {
  readonly tick: number;
  readonly reason: StopReason | 'failure';
  /** Digest of the whole state. */
  readonly root: string;
  /** Digest of what passed the door. */
  readonly passed: string;
  /** The exception of ours that ended it (law 7), or null. */
  readonly failure: string | null;
}

/** One contestant with its machine. */
export class Runner {
  readonly contestant: Contestant;
  readonly session: Session;
  readonly port: LockstepPort;
  readonly store: PageStore;

  constructor(contestant: Contestant, log: LogReader, images: Images, inputs: readonly TimedInput[], endTick: number) {
    this.contestant = contestant;
    this.port = new LockstepPort(inputs, endTick);
    const { port } = this;
    let session: Session | null = null;
    const output = port.output(() => (session === null ? 0 : session.machine.cpu.now()));
    const manifest = log.header.machine;
    session = new Session({ manifest, images, makeEngine: contestant.makeEngine, port, output });
    this.session = session;
    this.store = new PageStore(session.machine);
  }

  get engine(): Engine {
    return this.session.machine.engine;
  }

  /** Goes on until `tick` is reached or the machine ends. */
  runTo(tick: number): Outcome {
    const { session, port } = this;
    const { machine } = session;
    try {
      const reason = session.advance(tick);
      return { tick: machine.tick, reason, root: machine.hash().root, passed: port.digest, failure: null };
    } catch (error) {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { tick: machine.tick, reason: 'failure', root: '', passed: port.digest, failure };
    }
  }

  /** Puts the machine to a moment that a machine of the same log was at. */
  restore(snapshot: Snapshot, keepCode = false): void {
    this.store.restore(snapshot, keepCode);
    this.port.seek(snapshot.tick);
  }
}

export function isSameOutcome(a: Outcome, b: Outcome): boolean {
  return isSameState(a, b) && a.passed === b.passed;
}

export function isSameState(a: Outcome, b: Outcome): boolean {
  return a.tick === b.tick && a.reason === b.reason && a.root === b.root && a.failure === null && b.failure === null;
}

/** All engines agree with each other and not with the log. */
export interface LogDisagreement {
  readonly tick: number;
  /** Digest in the log. */
  readonly expected: string;
  readonly actual: string;
}

export type LockstepStep =
  /** All agreed at `tick` and can go on. */
  | { readonly kind: 'equal'; readonly tick: number }
  /** All agreed to the end. */
  | {
      readonly kind: 'end';
      readonly tick: number;
      readonly reason: string;
      readonly hash: string;
      readonly log: LogDisagreement | null;
    }
  /** The engines went apart after `agreedTick` and by `tick`. */
  | {
      readonly kind: 'different';
      readonly agreedTick: number;
      readonly tick: number;
      /** By contestant. */
      readonly outcomes: readonly Outcome[];
    };

export class Lockstep {
  readonly log: LogReader;
  readonly images: Images;
  readonly inputs: readonly TimedInput[];
  readonly intervalTicks: number;
  readonly runners: readonly Runner[];
  readonly endTick: number;
  /** The last moment at which all agreed. */
  agreed: Snapshot;
  /** Comparisons that agreed, and the chain of their digests. */
  compared = 0;
  readonly chain: string[] = [];
  /** State hashes of the log: checked against the reference as it passes them. */
  private readonly logged: Map<number, string>;
  private disagreement: LogDisagreement | null = null;

  /** Throws `SessionError` for a log of another machine, `LogError` for a damaged one. */
  constructor(setup: LockstepSetup) {
    const { log, images, contestants } = setup;
    checkManifest(log.header.machine);
    this.log = log;
    this.images = images;
    this.inputs = inputsOf(log);
    this.intervalTicks = setup.intervalTicks ?? INTERVAL_TICKS_DEFAULT;
    this.endTick = log.lastTick;
    this.runners = contestants.map((contestant) => this.createRunner(contestant));
    this.logged = stateHashesOf(log);
    const [reference] = this.runners;
    reference.port.onStateHash = (tick, root) => this.compareWithLog(tick, root);
    this.agreed = reference.store.take();
  }

  createRunner(contestant: Contestant): Runner {
    return new Runner(contestant, this.log, this.images, this.inputs, this.endTick);
  }

  private compareWithLog(tick: number, actual: string): void {
    const expected = this.logged.get(tick);
    if (expected === undefined || expected === actual || this.disagreement !== null) return;
    this.disagreement = { tick, expected, actual };
  }

  /** One interval further. */
  advance(): LockstepStep {
    const { runners, intervalTicks } = this;
    const agreedTick = this.agreed.tick;
    const target = Math.min(this.endTick, (Math.floor(agreedTick / intervalTicks) + 1) * intervalTicks);
    const outcomes = runners.map((runner) => runner.runTo(target));
    const [first] = outcomes;
    if (!outcomes.every((outcome) => isSameOutcome(outcome, first))) {
      return { kind: 'different', agreedTick, tick: target, outcomes };
    }
    this.compared++;
    this.chain.push(first.root);
    if (first.reason === 'tick' && first.tick < this.endTick) {
      this.agreed = runners[0].store.take();
      return { kind: 'equal', tick: first.tick };
    }
    return { kind: 'end', tick: first.tick, ...this.ending(first) };
  }

  private ending(outcome: Outcome): { reason: string; hash: string; log: LogDisagreement | null } {
    const { end } = this.log;
    // A decision of the host (`max-ticks`, `stopped`) is not made again: the run is over where its log is.
    const reason = outcome.reason === 'tick' ? 'log-end' : outcome.reason;
    if (this.disagreement === null && end !== null && end.hash !== null && end.hash !== outcome.root) {
      this.disagreement = { tick: outcome.tick, expected: end.hash, actual: outcome.root };
    }
    return { reason, hash: outcome.root, log: this.disagreement };
  }
}

function stateHashesOf(log: LogReader): Map<number, string> {
  const hashes = new Map<number, string>();
  for (const cursor = log.checks(); !cursor.isAtEnd; cursor.step()) {
    if (cursor.kind !== CHECK_KIND['state-hash']) continue;
    const check = cursor.peek();
    // The final state stands behind all that is due at the last tick, as the end frame's does.
    if (check?.event.kind === 'state-hash' && check.tick < log.lastTick) hashes.set(check.tick, check.event.hash.root);
  }
  return hashes;
}
