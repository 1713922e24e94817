// What queries leave for queries after them, beside the checkpoints of a run and as easily thrown away: the records of
// whole answers. A file is deflated and hashed; what is damaged or of another run is as if it were not there.

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { isBytes, isList } from '../../core/log/event-codec.ts';
import { type Packed, packPayload, unpackPayload } from '../../core/log/payload.ts';
import type { Batch } from '../../core/query/batch.ts';
import type { Job } from '../../core/query/jobs.ts';
import type { QueryWindow } from '../../core/query/run.ts';
import { keptAnswerPath, makeCacheFolder, touchKept } from '../node/cache-folder.ts';
import { DIGEST_BYTES } from '../node/kept-format.ts';

/** Answers whose records are more are not kept. */
export const ANSWER_BYTES_MAX = 1 << 26;
const FILE_BYTES_MAX = 1 << 28;

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

function read(path: string): Packed | null {
  try {
    const file = readFileSync(path);
    const body = file.subarray(DIGEST_BYTES);
    if (!digestOf(body).equals(file.subarray(0, DIGEST_BYTES))) return null;
    const value = unpackPayload(inflateRawSync(body, { maxOutputLength: FILE_BYTES_MAX }));
    touchKept(path);
    return value ?? null;
  } catch {
    return null;
  }
}

/** That it cannot be kept is of no importance. */
function write(path: string, value: Packed): void {
  const temporary = `${path}.${process.pid}`;
  try {
    makeCacheFolder();
    const body = deflateRawSync(packPayload(value), { level: 1 });
    writeFileSync(temporary, Buffer.concat([digestOf(body), body]), { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
}

/** What was gathered does not depend on what is made of it: where, select and the like are free. */
function answerPath(key: string, job: Job, { fromTick, toTick }: QueryWindow): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([key, job, fromTick, toTick]))
    .digest('hex');
  return keptAnswerPath(digest);
}

/** Null: it is not kept. */
export function readAnswer(key: string, job: Job, fields: number, stretch: QueryWindow): Batch[] | null {
  const value = read(answerPath(key, job, stretch));
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
  const list = batches.map(
    ({ numbers, texts }): Packed => [
      new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
      [...texts],
    ],
  );
  write(answerPath(key, job, stretch), list);
}
