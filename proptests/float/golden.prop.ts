/**
 * Answers taken from silicon (an AMD family 19h processor) and committed in golden.txt, so that the library is held to
 * them on every host. REPRISE_BLESS=1 takes them anew from the host processor; look at the difference before you
 * commit. A line: operation number, the request's words but the reserved ones, a bar, the answer's words; all in
 * hexadecimal.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareAnswer, makeRequests } from './campaign.ts';
import { sseOperations } from './model-sse.ts';
import { compareTranscendental, makeTranscendentalRequests, transcendentals } from './model-transcendental.ts';
import { x87Operations } from './model-x87.ts';
import { ANSWER_WORDS, askNative, nativeFloat, REQUEST_WORDS } from './native.ts';

const path = fileURLToPath(new URL('../../../proptests/float/golden.txt', import.meta.url));
const operations = [...x87Operations, ...sseOperations];
const PER_OPERATION = 6;
const SEED = 20_000;
/** Words of a request that a line holds: head, MXCSR, condition codes, a, b. */
const KEPT = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11];

const hex = (word: number) => (word >>> 0).toString(16);

function bless(): void {
  const native = nativeFloat();
  if (!('path' in native)) throw new Error(`Cannot take answers from this host: ${native.reason}.`);
  const lines: string[] = [];
  const take = (requests: Int32Array) => {
    const count = requests.length / REQUEST_WORDS;
    const answers = askNative(native.path, requests, count);
    for (let i = 0; i < count; i++) {
      const request = KEPT.map((offset) => hex(requests[i * REQUEST_WORDS + offset]!));
      const answer = Array.from(answers.subarray(i * ANSWER_WORDS, (i + 1) * ANSWER_WORDS), hex);
      lines.push(`${request.join(' ')} | ${answer.join(' ')}`);
    }
  };
  for (const operation of operations) take(makeRequests(operation, SEED, PER_OPERATION));
  for (const instruction of transcendentals) take(makeTranscendentalRequests(instruction, SEED, PER_OPERATION));
  writeFileSync(path, `${lines.join('\n')}\n`);
}

if (process.env.REPRISE_BLESS === '1') bless();

const requests = new Int32Array(REQUEST_WORDS);
const answers = new Int32Array(ANSWER_WORDS);

function parse(line: string, number: number): void {
  const match = /^((?:[0-9a-f]{1,8} ){11})\|((?: [0-9a-f]{1,8}){16})$/.exec(line);
  if (!match) throw new Error(`golden.txt line ${number} is damaged: ${line}`);
  requests.fill(0);
  match[1]!
    .trim()
    .split(' ')
    .forEach((word, i) => {
      requests[KEPT[i]!] = Number.parseInt(word, 16) | 0;
    });
  match[2]!
    .trim()
    .split(' ')
    .forEach((word, i) => {
      answers[i] = Number.parseInt(word, 16) | 0;
    });
}

test('every committed answer of silicon is the answer of the library', () => {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.ok(lines.length >= PER_OPERATION * (operations.length + transcendentals.length), `${lines.length} lines`);
  const byNumber = new Map(operations.map((operation) => [operation.number, operation]));
  const slow = new Map(transcendentals.map((instruction) => [instruction.number, instruction]));
  const seen = new Set<number>();
  lines.forEach((line, i) => {
    parse(line, i + 1);
    const number = requests[0]! & 0xffff;
    seen.add(number);
    const operation = byNumber.get(number);
    const instruction = slow.get(number);
    assert.ok(operation || instruction, `golden.txt line ${i + 1}: no operation ${number}`);
    const report = operation
      ? compareAnswer(operation, requests, 0, answers, 0)
      : compareTranscendental(instruction!, requests, 0, answers, 0);
    assert.equal(report, '', `golden.txt line ${i + 1}\n${report}`);
  });
  assert.equal(seen.size, operations.length + transcendentals.length, 'operations with golden lines');
});
