// Verification of a log on several engines: lockstep over all of them, then single runs under random schedules against
// the chain of digests that the lockstep left. A difference is narrowed to its instruction and written up. Everything
// between two intervals is the event loop's, so that signals and progress come through.

import { narrow, type FirstDifference } from './core/verify/narrow.ts';
import { INTERVAL_TICKS_DEFAULT } from './core/base/defaults.ts';
import { type LogReader, openLog } from './core/log/log.ts';
import { reproductionLog } from './core/verify/reproduction.ts';
import type { Images } from './core/session/session.ts';
import { Lockstep, type LockstepStep, type LogDisagreement, type Contestant } from './core/verify/lockstep.ts';
import { describeFirstDifference, type Disassemble } from './core/verify/verify-report.ts';
import { CREATOR } from './version.ts';
import { explainSuspect, scheduledContestant } from './contestants.ts';

/** Other intervals at which a reproduction may show what it is about: engines begin anew at each comparison. */
const INTERVALS_TRIED = [2 ** 20, 2 ** 12];
const TRYING = 'the reproduction';

export interface VerifyPhase {
  /** `interp, js` or `schedule 3 of 20`. */
  readonly label: string;
  readonly tick: number;
  readonly endTick: number;
}

export interface VerifyJob {
  readonly log: LogReader;
  readonly images: Images;
  readonly contestants: readonly Contestant[];
  readonly intervalTicks?: number;
  /** Runs under random schedules after the lockstep. */
  readonly schedules?: number;
  readonly seed?: number;
  /** Who runs the schedules; here, one after the other, when nobody is named. */
  readonly scheduleRunner?: ScheduleRunner;
  /** After a difference: verify the reproduction too, to say how it shows the difference again. */
  readonly triesReproduction?: boolean;
  /** Between two intervals; false ends the verification. It may wait, so that signals and messages come through. */
  readonly onProgress?: (phase: VerifyPhase) => boolean | Promise<boolean>;
  /** Another's words for guest instructions in the report, loaded when there is one to write. */
  readonly loadDisassembler?: () => Promise<Disassemble>;
}

/** One schedule: whether its run gave the chain of digests that it was asked about. */
export interface ScheduleAnswer {
  readonly agrees: boolean;
  readonly policy: string;
  readonly comparisons: number;
}

/** Schedules that others run, in threads or elsewhere. Null: given up by the user. */
export interface ScheduleRunner {
  /** So many at once. */
  readonly width: number;
  run(index: number, chain: readonly string[]): Promise<ScheduleAnswer | null>;
}

export interface ScheduleRun {
  readonly index: number;
  readonly engine: string;
  readonly policy: string;
}

export interface Verified {
  readonly engines: readonly string[];
  /** How far all agreed. */
  readonly tick: number;
  /** How the run ended; `stopped` when `onProgress` said so, `difference` when the engines went apart. */
  readonly reason: string;
  /** Digest of the final state; empty unless the end was reached. */
  readonly hash: string;
  /** Comparisons that agreed, all engines and schedules together. */
  readonly comparisons: number;
  /** Schedules that gave the same chain. */
  readonly schedules: readonly ScheduleRun[];
  /** The engines agree with each other and not with the log. */
  readonly log: LogDisagreement | null;
  readonly difference: FirstDifference | null;
  /** The difference in words; empty without one. */
  readonly report: string;
  /** A log of its own that shows the difference. */
  readonly reproduction: Uint8Array | null;
  /** How the reproduction was verified to show it again; null: alone it does not, or it was not tried. */
  readonly again: Again | null;
}

/** What a verification depends on beside log and engines. */
export interface Again {
  readonly intervalTicks: number;
  readonly schedules: number;
  readonly seed: number;
}

export async function verifyLog(job: VerifyJob): Promise<Verified> {
  return new Verification(job).run();
}

/** One schedule of the job against the chain of the plain run; null when `onProgress` ended it. */
export async function runSchedule(
  job: VerifyJob,
  index: number,
  chain: readonly string[],
): Promise<ScheduleAnswer | null> {
  return new Verification(job).schedule(index, chain);
}

class Verification {
  private readonly job: VerifyJob;
  private comparisons = 0;
  private readonly schedules: ScheduleRun[] = [];

  constructor(job: VerifyJob) {
    this.job = job;
  }

  async run(): Promise<Verified> {
    const { contestants, schedules = 0, seed = 0 } = this.job;
    const all = this.lockstep(contestants);
    const label = contestants.map(({ name }) => name).join(', ');
    const step = await this.advance(all, label, []);
    if (step.kind !== 'end') return this.ended(all, step);
    const answers = await this.runSchedules(all.chain);
    for (let index = 1; index <= schedules; index++) {
      const answer = answers[index - 1];
      if (answer === undefined) return this.ended(all, { kind: 'equal', tick: step.tick });
      this.comparisons += answer.comparisons;
      const plain = this.scheduledEngine(index);
      if (!answer.agrees) {
        // Again, beside the reference, so that there is something to narrow.
        const scheduled = await scheduledContestant(plain, seed, index, all.endTick);
        const pair = this.lockstep([contestants[0], scheduled]);
        const again = await this.advance(pair, scheduled.name, []);
        if (again.kind === 'end')
          throw new Error(`schedule ${index} gave two results: the engine is not deterministic`);
        return this.ended(pair, again);
      }
      this.schedules.push({ index, engine: plain.name, policy: answer.policy });
    }
    return this.ended(all, step);
  }

  private scheduledEngine(index: number): Contestant {
    const { contestants } = this.job;
    return contestants[(index - 1) % contestants.length];
  }

  /** In their order, up to the first that differs, or to where the user ended it. */
  private async runSchedules(chain: readonly string[]): Promise<ScheduleAnswer[]> {
    const { schedules = 0, scheduleRunner, onProgress } = this.job;
    const answers: (ScheduleAnswer | null)[] = Array.from({ length: schedules }, () => null);
    let [next, wanted, done] = [1, schedules, 0];
    const lane = async (): Promise<void> => {
      while (next <= wanted) {
        const index = next++;
        const answer =
          scheduleRunner === undefined ? await this.schedule(index, chain) : await scheduleRunner.run(index, chain);
        answers[index - 1] = answer;
        if (answer === null) wanted = 0;
        if (answer?.agrees === false) wanted = Math.min(wanted, index);
        const phase = { label: `${schedules} schedules`, tick: ++done, endTick: schedules };
        if (scheduleRunner !== undefined && (await onProgress?.(phase)) === false) wanted = 0;
      }
    };
    await Promise.all(Array.from({ length: Math.min(scheduleRunner?.width ?? 1, schedules) }, lane));
    const known: ScheduleAnswer[] = [];
    for (const answer of answers) {
      if (answer === null) break;
      known.push(answer);
    }
    return known;
  }

  /** Null: it was given up. */
  async schedule(index: number, chain: readonly string[], label?: string): Promise<ScheduleAnswer | null> {
    const { log, schedules = 0, seed = 0 } = this.job;
    const scheduled = await scheduledContestant(this.scheduledEngine(index), seed, index, log.lastTick);
    const one = this.lockstep([scheduled]);
    const before = this.comparisons;
    const result = await this.advance(one, label ?? `schedule ${index} of ${schedules}`, chain);
    const comparisons = this.comparisons - before;
    this.comparisons = before;
    if (result.kind === 'equal') return null;
    const agrees = result.kind !== 'different' && one.chain.length === chain.length;
    return { agrees, policy: scheduled.policy, comparisons };
  }

  /** Whether there is a difference, and no more about it; null: it was given up. */
  async shows(): Promise<boolean | null> {
    const { contestants, schedules = 0 } = this.job;
    const all = this.lockstep(contestants);
    const step = await this.advance(all, TRYING, []);
    if (step.kind !== 'end') return step.kind === 'different' ? true : null;
    for (let index = 1; index <= schedules; index++) {
      const answer = await this.schedule(index, all.chain, TRYING);
      if (answer?.agrees !== true) return answer === null ? null : true;
    }
    return false;
  }

  /** The first way to verify the reproduction by which the difference shows again. */
  private async again(reproduction: Uint8Array): Promise<Again | null> {
    const { images, schedules = 0, seed = 0, intervalTicks = INTERVAL_TICKS_DEFAULT } = this.job;
    const log = openLog(reproduction);
    const intervals = [...new Set([intervalTicks, INTERVAL_TICKS_DEFAULT, ...INTERVALS_TRIED])];
    const plain = intervals.map((each) => ({ intervalTicks: each, schedules: 0, seed: 0 }));
    const ways = schedules === 0 ? plain : [plain[0], { intervalTicks, schedules, seed }, ...plain.slice(1)];
    for (const way of ways) {
      const isShown = await new Verification({ ...this.job, ...way, log, images }).shows();
      if (isShown === null) return null;
      if (isShown) return way;
    }
    return null;
  }

  private lockstep(contestants: readonly Contestant[]): Lockstep {
    const { log, images, intervalTicks } = this.job;
    return new Lockstep({ log, images, contestants, ...(intervalTicks === undefined ? {} : { intervalTicks }) });
  }

  /** To the end, a difference from `chain` (empty: from each other), or `equal` when it was stopped. */
  private async advance(lockstep: Lockstep, label: string, chain: readonly string[]): Promise<LockstepStep> {
    const { onProgress } = this.job;
    for (;;) {
      const step = lockstep.advance();
      if (step.kind === 'different') return step;
      const at = lockstep.compared - 1;
      if (chain.length > 0 && chain[at] !== lockstep.chain[at]) {
        return { kind: 'different', agreedTick: lockstep.agreed.tick, tick: step.tick, outcomes: [] };
      }
      this.comparisons++;
      if (step.kind === 'end') return step;
      if (onProgress !== undefined) {
        if (!(await onProgress({ label, tick: step.tick, endTick: lockstep.endTick }))) return step;
      }
    }
  }

  private async ended(lockstep: Lockstep, step: LockstepStep): Promise<Verified> {
    const { log, images, contestants, onProgress, loadDisassembler } = this.job;
    const common = {
      engines: contestants.map(({ name }) => name),
      comparisons: this.comparisons,
      schedules: this.schedules,
      log: null,
      difference: null,
      report: '',
      reproduction: null,
      again: null,
    };
    if (step.kind === 'equal') return { ...common, tick: step.tick, reason: 'stopped', hash: '' };
    if (step.kind === 'end') {
      return { ...common, tick: step.tick, reason: step.reason, hash: step.hash, log: step.log };
    }
    const narrowed = narrow(lockstep, step, (agreedTick, tick) => {
      void onProgress?.({ label: 'narrowing', tick: agreedTick, endTick: tick });
    });
    const explanation = await explainSuspect(lockstep, narrowed);
    const found = explanation === '' ? narrowed : { ...narrowed, explanation };
    const reproduction = reproductionLog(log, images, found, CREATOR);
    return {
      ...common,
      tick: step.agreedTick,
      reason: 'difference',
      hash: '',
      difference: found,
      report: describeFirstDifference(found, await loadDisassembler?.()),
      reproduction,
      again: this.job.triesReproduction === true ? await this.again(reproduction) : null,
    };
  }
}
