// A thread of a pool (pool.ts) that runs pieces of campaigns and schedules of verifications, all of one guest or each
// of the guest that it names.
// `workerData` has the guest, or null when each piece comes with one.

import { workerData } from 'node:worker_threads';
import type { Batch } from '../../core/chaos/campaign.ts';
import type { Experiment, Outcome } from '../../core/chaos/experiment.ts';
import type { ScheduleAnswer } from '../../verification.ts';
import { type ScheduleGuest, type SchedulePiece, type ScheduleWork, scheduleWorkOf } from './schedule-guest.ts';
import { experimentOfGuest, pieceOutcomes, type TrialGuest } from './trial-guest.ts';
import { setV8Flags } from './v8-flags.ts';

setV8Flags();

/** Tinypool hands its own data before ours. */
const [, given] = workerData as readonly [unknown, TrialGuest | ScheduleGuest | null];

let experiment: Experiment | null = null;
let schedules: ScheduleWork | null = null;
let guestId = '';

export async function ownSchedule(piece: SchedulePiece): Promise<ScheduleAnswer> {
  if (given === null || !isOfSchedules(given)) throw new Error('this thread was given no verification');
  schedules ??= await scheduleWorkOf(given);
  return await schedules(piece);
}

function isOfSchedules(guest: TrialGuest | ScheduleGuest): guest is ScheduleGuest {
  return 'kind' in guest;
}

export async function ownPiece(piece: Batch): Promise<Outcome[]> {
  if (given === null || isOfSchedules(given)) throw new Error('this thread was given no guest');
  experiment ??= await experimentOfGuest(given);
  return pieceOutcomes(experiment, piece);
}

export interface ForeignPiece {
  /** Digest of the guest: the one before is kept while it stays the same. */
  readonly id: string;
  readonly guest: TrialGuest | ScheduleGuest;
  /** Of the guest's kind. */
  readonly piece: Batch | SchedulePiece;
}

export async function foreignPiece({ id, guest, piece }: ForeignPiece): Promise<Outcome[] | ScheduleAnswer> {
  if (guestId !== id) [experiment, schedules, guestId] = [null, null, id];
  if (isOfSchedules(guest)) {
    schedules ??= await scheduleWorkOf(guest);
    return await schedules(piece as SchedulePiece);
  }
  experiment ??= await experimentOfGuest(guest);
  return pieceOutcomes(experiment, piece as Batch);
}
