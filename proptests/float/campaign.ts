/**
 * Random cases for one operation, run on the library and on the host processor and compared bit for bit. A mismatch
 * is reported as text with everything needed to see it again.
 */
import { Random } from '../../src/core/base/random.ts';
import type { Operation } from './model-x87.ts';
import { ANSWER, ANSWER_WORDS, askNative, REQUEST, REQUEST_WORDS } from './native.ts';
import { putBcd, putF32, putF64, putF80, putInteger } from './values.ts';

function putOperand(random: Random, kind: Operation['a'], words: Int32Array, near: number): void {
  if (kind === 'f80') putF80(random, words, near);
  else if (kind === 'f64') putF64(random, words, near);
  else if (kind === 'f32') putF32(random, words, near);
  else if (kind === 'f64x2') {
    putF64(random, words, near);
    const lo = words[0]!;
    const hi = words[1]!;
    putF64(random, words, near);
    words[2] = lo;
    words[3] = hi;
  } else if (kind === 'f32x4') {
    const elements: number[] = [];
    for (let i = 0; i < 4; i++) {
      putF32(random, words, near);
      elements.push(words[0]!);
    }
    words.set(elements);
  } else if (kind === 'integer') putInteger(random, words);
  else if (kind === 'bcd') putBcd(random, words);
  else words.fill(0);
}

/** The exponent of the same number in another format's bias, so that unlike operands meet. */
function nearFor(kind: Operation['a'], near80: number): number {
  if (kind === 'f64' || kind === 'f64x2') return near80 - 16383 + 1023;
  if (kind === 'f32' || kind === 'f32x4') return near80 - 16383 + 127;
  return near80;
}

export function makeRequests(operation: Operation, seed: number, count: number): Int32Array {
  const random = new Random(seed + operation.number * 7919);
  const requests = new Int32Array(count * REQUEST_WORDS);
  for (let i = 0; i < count; i++) {
    const at = i * REQUEST_WORDS;
    const masks = random.below(4) === 0 ? random.below(64) : 63;
    const control = masks | 0x40 | (random.below(4) << 8) | (random.below(4) << 10);
    const modes = random.below(8) === 0 ? random.word() & 0x8040 : 0;
    requests[at + REQUEST.head] = operation.number | (control << 16);
    requests[at + REQUEST.mxcsr] = (masks << 7) | (random.below(4) << 13) | modes;
    requests[at + REQUEST.conditionCodes] = random.below(4) === 0 ? random.word() & 0x4700 : 0;
    const near = operation.near[random.below(operation.near.length)]!;
    putOperand(random, operation.a, requests.subarray(at + REQUEST.a, at + REQUEST.a + 4), nearFor(operation.a, near));
    const nearB = random.below(4) === 0 ? near + random.below(300) - 150 : near;
    putOperand(random, operation.b, requests.subarray(at + REQUEST.b, at + REQUEST.b + 4), nearFor(operation.b, nearB));
    if (operation.a === operation.b && random.below(24) === 0) {
      // The same number twice, or its opposite, or a NaN's other kind: ties, exact zeros, equal NaNs.
      requests.copyWithin(at + REQUEST.b, at + REQUEST.a, at + REQUEST.a + 4);
      const top = operation.a === 'f80' ? 2 : operation.a === 'f64' ? 1 : 0;
      if (random.below(2) === 0) requests[at + REQUEST.b + top]! ^= operation.a === 'f80' ? 0x8000 : 0x80000000;
      if (operation.a === 'f80' && random.below(8) === 0) requests[at + REQUEST.b + 1]! ^= 0x40000000;
    }
  }
  return requests;
}

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
const words3 = (words: Int32Array, at: number) =>
  `${hex(words[at + 3]!)} ${hex(words[at + 2]!)} ${hex(words[at + 1]!)}${hex(words[at]!)}`;

/** The rows in which a native answer differs from the model's; empty when they agree. */
export function compareAnswer(
  operation: Operation,
  requests: Int32Array,
  at: number,
  native: Int32Array,
  answerAt: number,
): string {
  const expected = native.slice(answerAt, answerAt + ANSWER_WORDS);
  const answer = native.slice(answerAt, answerAt + ANSWER_WORDS);
  if (operation.family === 'x87') {
    answer[ANSWER.status] = expected[ANSWER.status]! & ~operation.statusMask;
  }
  operation.model(requests, at, answer);
  if (operation.family === 'x87') {
    answer[ANSWER.status] =
      (answer[ANSWER.status]! & operation.statusMask) | (expected[ANSWER.status]! & ~operation.statusMask);
  }
  const differing: string[] = [];
  const rows = [
    ['st0', ANSWER.st0, 4],
    ['st1', ANSWER.st1, 4],
    ['memory', ANSWER.memory, 4],
    ['status', ANSWER.status, 1],
    ['eflags', ANSWER.eflags, 1],
    ['mxcsr', ANSWER.mxcsr, 1],
    ['fault', ANSWER.fault, 1],
  ] as const;
  let same = true;
  for (const [name, offset, size] of rows) {
    let equal = true;
    for (let i = 0; i < size; i++) if (answer[offset + i] !== expected[offset + i]) equal = false;
    if (!equal) same = false;
    const show = (words: Int32Array) => (size === 4 ? words3(words, offset) : hex(words[offset]!));
    differing.push(`  ${name.padEnd(7)}${equal ? ' ' : '*'} silicon ${show(expected)}  library ${show(answer)}`);
  }
  if (same) return '';
  const head = requests[at + REQUEST.head]!;
  return [
    `${operation.name} (operation ${operation.number})`,
    `  control word ${(head >>> 16).toString(16)}, MXCSR ${hex(requests[at + REQUEST.mxcsr]!)}`,
    `  condition codes ${hex(requests[at + REQUEST.conditionCodes]!)}`,
    `  a ${words3(requests, at + REQUEST.a)}`,
    `  b ${words3(requests, at + REQUEST.b)}`,
    ...differing,
  ].join('\n');
}

/** Runs `count` cases; returns the reports of the first mismatches and how many there were. */
export function runCases(
  path: string,
  operation: Operation,
  seed: number,
  count: number,
): { mismatchCount: number; reports: string[] } {
  const requests = makeRequests(operation, seed, count);
  const native = askNative(path, requests, count);
  const reports: string[] = [];
  let mismatchCount = 0;
  for (let i = 0; i < count; i++) {
    const report = compareAnswer(operation, requests, i * REQUEST_WORDS, native, i * ANSWER_WORDS);
    if (report === '') continue;
    mismatchCount++;
    if (reports.length < 4) reports.push(`case ${i} of seed ${seed}: ${report}`);
  }
  return { mismatchCount, reports };
}
