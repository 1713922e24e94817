// What queries leave for queries after them, beside the checkpoints of a run and as easily thrown away: the records of
// whole answers (kept-values.ts).

import { createHash } from 'node:crypto';
import { isBytes, isList } from '../../core/log/event-codec.ts';
import type { Packed } from '../../core/log/payload.ts';
import type { Batch } from '../../core/query/batch.ts';
import type { Job } from '../../core/query/jobs.ts';
import type { QueryWindow } from '../../core/query/run.ts';
import { keptAnswerPath } from '../node/cache-folder.ts';
import { readKept, writeKept } from '../node/kept-values.ts';

/** Answers whose records are more are not kept. */
export const ANSWER_BYTES_MAX = 1 << 26;

/** What was gathered does not depend on what is made of it: where, select and the like are free. */
function answerPath(key: string, job: Job, { fromTick, toTick }: QueryWindow): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([key, job, fromTick, toTick]))
    .digest('hex');
  return keptAnswerPath(digest);
}

const markPath = (key: string, text: string): string =>
  keptAnswerPath(createHash('sha256').update(`${key} answered ${text}`).digest('hex'));

/** The answer to this very text is probably kept, which is known before the query is planned. */
export const isProbablyKept = (key: string, text: string): boolean => readKept(markPath(key, text)) === true;

export const noteKept = (key: string, text: string): void => writeKept(markPath(key, text), true);

/** Null: it is not kept. */
export function readAnswer(key: string, job: Job, fields: number, stretch: QueryWindow): Batch[] | null {
  return unpackBatches(readKept(answerPath(key, job, stretch)), fields);
}

/** Null: that is no list of batches with so many fields. */
export function unpackBatches(value: Packed | undefined, fields: number): Batch[] | null {
  if (!isList(value)) return null;
  const batches: Batch[] = [];
  for (const each of value) {
    const [numbers, texts] = isList(each) ? each : [];
    if (!isBytes(numbers) || numbers.length % (8 * fields) !== 0 || !isList(texts)) return null;
    batches.push({
      count: numbers.length / (8 * fields),
      numbers: new Float64Array(Uint8Array.from(numbers).buffer),
      texts: texts.map(String),
    });
  }
  return batches;
}

export function writeAnswer(key: string, job: Job, stretch: QueryWindow, batches: readonly Batch[]): void {
  writeKept(answerPath(key, job, stretch), packBatches(batches));
}

export function packBatches(batches: readonly Batch[]): Packed {
  return batches.map(
    ({ numbers, texts }): Packed => [
      new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
      [...texts],
    ],
  );
}
