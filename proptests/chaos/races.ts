/**
 * The proof on one racy guest (guests/races): its plain run is well, chaos finds the bug within a budget, what it found
 * is shrunk and recorded and replayed again and again; its fixed twin stands as many runs. Shared by the test, which
 * does a part of it, and by the campaign (campaign.ts).
 */
import { chaos, type ChaosResult } from '../../src/core/chaos/chaos.ts';
import { finishCampaign } from '../../src/core/chaos/campaign.ts';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { KNOBS_DEFAULT } from '../../src/core/chaos/perturb.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { recordTrial } from '../../src/core/chaos/record-trial.ts';
import { shrink } from '../../src/core/chaos/shrink.ts';
import { concatenate } from '../../src/core/base/bytes.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import type { MachineSetup } from '../../src/core/session/describe-machine.ts';
import type { EngineFactory } from '../../src/core/session/session.ts';
import { loadEngine } from '../../src/engines.ts';
import { engineNames, replay } from '../../src/library.ts';
import { assembleRace } from '../../src/host/node/guest-images.ts';
import { smallMachine } from './small-machine.ts';

/** How the guests show their bugs. */
const FAILURES = ['exit:0x11', 'exit:0x12', 'hang'].map(parseFailure);
/** Behind the end of the plain run: what is held back comes later. */
const SLACK_TICKS = 1 << 21;
/** No plain run is longer. */
const TICKS_MAX = 2 ** 31;

export interface Race {
  readonly setup: MachineSetup;
  readonly makeEngine: EngineFactory;
  readonly experiment: Experiment;
  /** When the plain run ends. */
  readonly endTick: number;
  readonly interruptTicks: readonly number[];
  readonly horizonTick: number;
}

/** Throws when the guest fails without any perturbation. */
export async function openRace(name: string, isFixed: boolean): Promise<Race> {
  const setup = smallMachine(name, assembleRace(name, isFixed).bytes);
  const makeEngine = await loadEngine('tiered');
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures: FAILURES });
  const plain = experiment.run([], TICKS_MAX);
  if (plain.fails || plain.reason !== 'debug-exit') {
    throw new Error(`${name}${isFixed ? ', fixed,' : ''} fails by itself: ${plain.reason} ${plain.debugExit}`);
  }
  const horizonTick = plain.tick + SLACK_TICKS;
  return { setup, makeEngine, experiment, endTick: plain.tick, interruptTicks: plain.interruptTicks, horizonTick };
}

/** `toTick`: nothing is disturbed behind. */
export function disturb(race: Race, runs: number, seed: number, toTick = race.endTick): ChaosResult {
  const { experiment, horizonTick } = race;
  const ramBytes = race.setup.manifest.memoryMegabytes << 20;
  const interruptTicks = race.interruptTicks.filter((tick) => tick < toTick);
  const machine = { ramBytes, epochSeconds: 0, drives: [] };
  const plan = { knobs: KNOBS_DEFAULT, inputs: [], fromTick: 0, endTick: toTick, interruptTicks, ...machine };
  return finishCampaign(experiment, chaos({ seed, runs, plan, horizonTick, machine: race.setup.manifest }));
}

/** What of the inputs is needed. */
export function shrunk({ experiment, horizonTick }: Race, inputs: readonly TimedInput[]): readonly TimedInput[] {
  return finishCampaign(experiment, shrink({ inputs, horizonTick, recorded: null, startTick: 0, onSmaller: () => {} }))
    .inputs;
}

/** The failing run as a log; throws when it does not fail. */
export function logOf({ setup, makeEngine, horizonTick }: Race, inputs: readonly TimedInput[]): Uint8Array {
  const frames: Uint8Array[] = [];
  const sink = (frame: Uint8Array): void => void frames.push(frame);
  const shared = { ...setup, makeEngine, script: [], failures: FAILURES, horizonTick };
  if (!recordTrial({ ...shared, inputs, creator: 'race', sink })) throw new Error('the recorded run does not fail');
  return concatenate(frames);
}

/** The guests whose symptom comes late do nothing but wait behind their first 2^18 ticks. */
export function racyUntil(name: string, { endTick }: Race): number {
  return name.startsWith('late-') ? 1 << 18 : endTick;
}

/** Runs that chaos may take to find the bug of any of them. */
export const RUNS_MAX = 400;
/** Perturbations that are left of what was found. */
export const PERTURBATIONS_MAX = 3;

export interface Proof {
  /** The run that failed. */
  readonly foundAt: number;
  readonly perturbations: readonly TimedInput[];
  readonly log: Uint8Array;
}

/** Throws with what is missing, in one sentence. */
export async function proveBug(name: string, replays: number, seed = 1): Promise<Proof> {
  const race = await openRace(name, false);
  const { failing } = disturb(race, RUNS_MAX, seed, racyUntil(name, race));
  if (failing === null) throw new Error(`${name}: ${RUNS_MAX} runs did not find the bug`);
  const perturbations = shrunk(race, failing.inputs);
  if (perturbations.length > PERTURBATIONS_MAX) {
    throw new Error(`${name}: ${perturbations.length} perturbations are left, expected ${PERTURBATIONS_MAX} at most`);
  }
  const log = logOf(race, perturbations);
  const engines = engineNames();
  for (let i = 0; i < replays; i++) {
    const engine = engines[i % engines.length];
    const again = await replay(log, { images: { kernel: assembleRace(name).bytes }, engine });
    if (again.divergence !== null) throw new Error(`${name}: replay ${i + 1} of ${replays} on ${engine} diverged`);
  }
  return { foundAt: failing.run, perturbations, log };
}

/** The twin without the bug stands so many runs. */
export async function proveTwin(name: string, runs: number, seed = 1): Promise<void> {
  const race = await openRace(name, true);
  const { failing } = disturb(race, runs, seed, racyUntil(name, race));
  if (failing === null) return;
  const { reason, debugExit } = failing.outcome;
  throw new Error(`${name}, fixed, is accused: run ${failing.run} ends with ${reason} ${debugExit ?? ''}`);
}
