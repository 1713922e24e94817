// A guest and what a failure of it is, as plain data that can be handed to a thread or to another process: all that
// running a piece of a campaign needs. Images lie in it whole.

import type { Batch } from '../../core/chaos/campaign.ts';
import { runPiece } from '../../core/chaos/campaign.ts';
import { Experiment, type Outcome } from '../../core/chaos/experiment.ts';
import { parseFailure } from '../../core/chaos/predicate.ts';
import type { MachineManifest } from '../../core/log/manifest.ts';
import type { TimedInput } from '../../core/log/timed-input.ts';
import type { ScriptStep } from '../../core/session/input-script.ts';
import { loadCoveringEngine, loadEngine } from '../../engines.ts';

export interface TrialGuest {
  readonly manifest: MachineManifest;
  readonly images: readonly (readonly [role: string, bytes: Uint8Array])[];
  /** As loadEngine takes it. */
  readonly engine: string;
  readonly recorded: readonly TimedInput[];
  readonly script: readonly ScriptStep[];
  /** As --fails takes them. */
  readonly failures: readonly string[];
  /** The engine shall count branches. */
  readonly countsBranches: boolean;
  /** As Experiment takes them. */
  readonly endings: readonly string[];
  readonly plainNovelties: readonly number[];
}

export async function experimentOfGuest(guest: TrialGuest): Promise<Experiment> {
  const { manifest, images, engine, recorded, script, failures, endings } = guest;
  const makeEngine = await (guest.countsBranches ? loadCoveringEngine : loadEngine)(engine);
  const setup = { manifest, images: new Map(images), makeEngine, recorded, script, endings };
  const experiment = new Experiment({ ...setup, failures: failures.map(parseFailure) });
  experiment.plainNovelties = new Set(guest.plainNovelties);
  return experiment;
}

/** All outcomes of a piece. */
export function pieceOutcomes(experiment: Experiment, piece: Batch): Outcome[] {
  return [...runPiece(experiment, piece)];
}
