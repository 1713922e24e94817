/**
 * Speaks to native-float.c: builds it with a 32-bit compiler into a temporary folder, sends batches of requests, gives
 * back the answers as words. Says in one line why it cannot, where there is no x86 host or no such compiler.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REQUEST_WORDS = 12;
export const ANSWER_WORDS = 16;

/** Offsets in words within a request. */
export const REQUEST = { head: 0, mxcsr: 1, conditionCodes: 2, a: 4, b: 8 } as const;
/** Offsets in words within an answer. */
export const ANSWER = { st0: 0, st1: 4, memory: 8, status: 12, eflags: 13, mxcsr: 14, fault: 15 } as const;

let built: { path: string } | { reason: string } | undefined;

/** The path of the built witness, or the reason why there is none. */
export function nativeFloat(): { path: string } | { reason: string } {
  if (built) return built;
  if (process.arch !== 'x64' && process.arch !== 'ia32') {
    built = { reason: `the host is ${process.arch}, not x86` };
    return built;
  }
  // From dist/proptests/float/native.js back to the source beside native.ts.
  const source = fileURLToPath(new URL('../../../proptests/float/native-float.c', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'reprise-float-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'native-float');
  const compiled = spawnSync('gcc', ['-O1', '-m32', '-msse3', source, '-o', path], { encoding: 'utf8' });
  if (compiled.error || compiled.status !== 0) {
    built = { reason: 'no compiler for 32-bit x86 (gcc -m32; Debian: apt-get install gcc gcc-multilib)' };
    return built;
  }
  const probe = spawnSync(path, { input: new Uint8Array(0) });
  built = probe.status === 0 ? { path } : { reason: 'the host does not run 32-bit programs' };
  return built;
}

/** Runs `count` requests on the host processor. */
export function askNative(path: string, requests: Int32Array, count: number): Int32Array {
  const run = spawnSync(path, {
    input: new Uint8Array(requests.buffer, requests.byteOffset, count * REQUEST_WORDS * 4),
    maxBuffer: 1 << 30,
  });
  if (run.error) throw run.error;
  const bytes = run.stdout;
  if (run.status !== 0 || bytes.length !== count * ANSWER_WORDS * 4) {
    throw new Error(`native-float stopped early: status ${run.status}, ${bytes.length} bytes of answers`);
  }
  const copy = new Uint8Array(bytes);
  return new Int32Array(copy.buffer, 0, count * ANSWER_WORDS);
}
