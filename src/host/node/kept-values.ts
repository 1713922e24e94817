// Small things that sessions leave for sessions after them, beside the checkpoints of a run and as easily thrown away:
// a value, deflated and hashed. What is damaged or of another run is as if it were not there.

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Packed, packPayload, unpackPayload } from '../../core/log/payload.ts';
import { makeCacheFolder, touchKept } from './cache-folder.ts';
import { DIGEST_BYTES } from './kept-format.ts';

const FILE_BYTES_MAX = 1 << 28;

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Null: there is none. Its shape is not known. */
export function readKept(path: string): Packed | null {
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
export function writeKept(path: string, value: Packed): void {
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
