// A thread of a pool (pool.ts) that runs pieces of campaigns, all of one guest or each of the guest that it names.
// `workerData` has the guest, or null when each piece comes with one.

import { workerData } from 'node:worker_threads';
import type { Batch } from '../../core/chaos/campaign.ts';
import type { Experiment, Outcome } from '../../core/chaos/experiment.ts';
import { experimentOfGuest, pieceOutcomes, type TrialGuest } from './trial-guest.ts';
import { setV8Flags } from './v8-flags.ts';

setV8Flags();

/** Tinypool hands its own data before ours. */
const [, given] = workerData as readonly [unknown, TrialGuest | null];

let experiment: Experiment | null = null;
let guestId = '';

export async function ownPiece(piece: Batch): Promise<Outcome[]> {
  if (given === null) throw new Error('this thread was given no guest');
  experiment ??= await experimentOfGuest(given);
  return pieceOutcomes(experiment, piece);
}

export interface ForeignPiece {
  /** Digest of the guest: the one before is kept while it stays the same. */
  readonly id: string;
  readonly guest: TrialGuest;
  readonly piece: Batch;
}

export async function foreignPiece({ id, guest, piece }: ForeignPiece): Promise<Outcome[]> {
  if (experiment === null || guestId !== id) {
    experiment = await experimentOfGuest(guest);
    guestId = id;
  }
  return pieceOutcomes(experiment, piece);
}
