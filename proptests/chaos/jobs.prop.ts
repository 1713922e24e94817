/**
 * Who runs the trials, or the schedules of a verification, does not matter: threads give the answers that one
 * thread gives, with outcomes behind a failure left out and with a user who ends it; and what is wrong with --jobs and
 * --queue is said. (Over a real server: proptests/chaos/queue.mjs, a step of the continuous integration.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Batch, Campaign } from '../../src/core/chaos/campaign.ts';
import type { Outcome } from '../../src/core/chaos/experiment.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { assembleRace } from '../../src/host/node/guest-images.ts';
import type { TrialGuest } from '../../src/host/node/trial-guest.ts';
import { packBlob, unpackBlob } from '../../src/host/node/trial-queue.ts';
import { walkCampaign } from '../../src/host/cli/trials.ts';
import { CommandError } from '../../src/host/node/errors.ts';
import { LocalTrials, PooledTrials, runPieces, type TrialRunner } from '../../src/host/node/trial-runners.ts';
import { pooledSchedules } from '../../src/host/node/schedule-runners.ts';
import { loadContestants } from '../../src/contestants.ts';
import { openLog } from '../../src/core/log/log.ts';
import type { ScheduleGuest } from '../../src/host/node/schedule-guest.ts';
import { record } from '../../src/library.ts';
import { verifyLog } from '../../src/verification.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { openRace } from './races.ts';

const always = async (): Promise<boolean> => true;

test('threads give the outcomes that one thread gives', async () => {
  const race = await openRace('lost-update', false);
  const { setup, experiment, horizonTick } = race;
  const images = [['kernel', assembleRace('lost-update').bytes]] as const;
  const failures = ['exit:0x11', 'exit:0x12', 'hang'];
  const guest: TrialGuest = {
    manifest: setup.manifest,
    images,
    engine: 'tiered',
    recorded: [],
    script: [],
    failures,
    countsBranches: false,
    plainNovelties: [],
    endings: [],
  };
  assert.deepEqual(unpackBlob(packBlob(guest)), guest, 'as it goes through a queue');
  const trials = Array.from({ length: 40 }, (_, i): TimedInput[] => [
    { tick: 30_000 + 7 * i, event: { kind: 'hold-interrupts', ticks: 20_000 } },
  ]);
  const batch = { fromTick: 0, horizonTick, trials, mergeTicks: [60_000], pieceTrials: 6 };
  const [one, two] = [new LocalTrials(experiment), new PooledTrials(guest, 2)];
  try {
    for (const isUntilFailure of [false, true]) {
      const alone = await one.run({ ...batch, isUntilFailure }, always);
      assert.deepEqual(await two.run({ ...batch, isUntilFailure }, always), alone);
      assert.equal(alone.outcomes.at(-1)?.fails === true && alone.outcomes.length < 40, isUntilFailure);
    }
  } finally {
    await two.close();
  }
});

const outcomeAt = (tick: number, fails: boolean): Outcome => ({
  ...{ fails, tick, reason: 'tick', debugExit: null, sent: '', places: [], novelties: [], interruptTicks: [] },
  ...{ arrivals: [], faults: [], branches: new Uint32Array(0), site: '', state: '', isMerged: false },
});

const trialAt = (tick: number): TimedInput[] => [{ tick, event: { kind: 'nmi' } }];

test('pieces that end in any order give the answer of pieces in their order', async () => {
  const delays = fc.array(fc.nat(3), { minLength: 12, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(delays, fc.nat(40), fc.integer({ min: 1, max: 5 }), async (waits, failing, width) => {
      const trials = Array.from({ length: 36 }, (_, i) => trialAt(i));
      const shape = { fromTick: 0, horizonTick: 1, mergeTicks: [], pieceTrials: 3, isUntilFailure: true };
      const runOne = async (piece: Batch): Promise<Outcome[]> => {
        for (let i = waits[piece.trials[0][0].tick / 3]; i > 0; i--) await new Promise(setImmediate);
        const outcomes = piece.trials.map(([{ tick }]) => outcomeAt(tick, tick === failing));
        const at = outcomes.findIndex(({ fails }) => fails);
        return at < 0 ? outcomes : outcomes.slice(0, at + 1);
      };
      const { outcomes } = await runPieces({ ...shape, trials }, width, runOne, always);
      const expected = Math.min(36, failing + 1);
      assert.deepEqual(
        outcomes.map(({ tick }) => tick),
        Array.from({ length: expected }, (_, i) => i),
      );
    }),
    { numRuns: 60 },
  );
});

test('of pieces that can no longer be run, those before them are kept, and why is told', async () => {
  const trials = Array.from({ length: 36 }, (_, i) => trialAt(i));
  const batch = { fromTick: 0, horizonTick: 1, trials, mergeTicks: [], pieceTrials: 3, isUntilFailure: false };
  const away = new CommandError('the queue has gone');
  const runOne = async (piece: Batch): Promise<Outcome[]> => {
    if (piece.trials[0][0].tick >= 18) throw away;
    return piece.trials.map(([{ tick }]) => outcomeAt(tick, false));
  };
  const { outcomes, isStopped, problem } = await runPieces(batch, 2, runOne, always);
  assert.deepEqual([outcomes.length, isStopped, problem], [18, true, away]);
  // A campaign ends with what it has; one that has nothing is refused.
  const answers = [{ outcomes, isStopped, problem }];
  const queue: TrialRunner = {
    run: async (_, turn) => {
      const answer = answers.pop() ?? { outcomes: [], isStopped: true, problem: away };
      await turn(answer.outcomes.length);
      return answer;
    },
    close: async () => {},
  };
  function* campaign(): Campaign<number> {
    return (yield batch).outcomes.length;
  }
  const progress = { label: 'test', end: 36, isQuiet: true };
  assert.deepEqual(await walkCampaign(queue, campaign(), progress), { result: 18, made: 18, stopStatus: 2 });
  await assert.rejects(walkCampaign(queue, campaign(), progress), away);
  const fault = new Error('a fault of ours');
  await assert.rejects(
    runPieces(batch, 1, async () => await Promise.reject(fault), always),
    fault,
  );
});

test('what is wrong with --jobs and --queue is said', async () => {
  await inFolder(async (cwd) => {
    const cases: [string[], RegExp][] = [
      [['worker'], /Where is the work\? Name the queue with --queue redis:/],
      [['worker', '--queue', 'http://x'], /--queue wants redis:\/\/HOST:PORT, not "http:\/\/x"/],
    ];
    for (const [words, message] of cases) {
      const { status, stderr } = await reprise(words, { cwd });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
  });
});

test('schedules that others run: the same verification, and no more of them behind one that differs', async () => {
  const kernel = assembleRace('lost-update').bytes;
  const images = { kernel };
  const { log } = await record({ images, memoryMegabytes: 4, maxTicks: 16_000 });
  const contestants = await loadContestants(['interp', 'js']);
  const job = { log: openLog(log), images: new Map([['kernel', kernel]]), contestants, schedules: 5, seed: 7 };
  const { schedules, comparisons, hash } = await verifyLog({ ...job, intervalTicks: 4096 });
  const guest: ScheduleGuest = {
    kind: 'schedules',
    log,
    isSalvaged: false,
    images: [['kernel', kernel]],
    engines: ['interp', 'js'],
    intervalTicks: 4096,
    seed: 7,
  };
  assert.deepEqual(unpackBlob(packBlob(guest)), guest, 'as it goes through a queue');
  const runner = pooledSchedules(guest, 2, always);
  try {
    const pooled = await verifyLog({ ...job, intervalTicks: 4096, scheduleRunner: runner });
    assert.deepEqual([pooled.schedules, pooled.comparisons, pooled.hash], [schedules, comparisons, hash]);
    assert.equal(schedules.length, 5);
  } finally {
    await runner.close();
  }
  // One that is said to differ is run again here, beside the reference.
  const asked: number[] = [];
  const lying = {
    width: 2,
    run: async (index: number) => {
      asked.push(index);
      return { agrees: index !== 2, policy: '', comparisons: 1 };
    },
  };
  await assert.rejects(verifyLog({ ...job, scheduleRunner: lying }), /schedule 2 gave two results/);
  assert.ok(asked.length <= 4, asked.join());
  const ended = await verifyLog({ ...job, scheduleRunner: { width: 1, run: async () => null } });
  assert.deepEqual([ended.reason, ended.schedules], ['stopped', []]);
});
