/**
 * The transcendental instructions on the library, and the comparison with an answer of native-float.c: silicon is good
 * to about one unit in the last place (Intel SDM volume 1, section 8.3.10), the library gives true values rounded, so
 * the two may differ by one unit; special cases, exceptions and condition codes other than C1 must be the same.
 */
import { Random } from '../../src/core/base/random.ts';
import { PI_OF_66_BITS } from '../../src/core/cpu/float/ieee/big-fixed.ts';
import { keepsRegister, makeFloatEnvironment, useControlWord } from '../../src/core/cpu/float/ieee/environment.ts';
import type { F80 } from '../../src/core/cpu/float/x87/f80.ts';
import { makeF80 } from '../../src/core/cpu/float/x87/f80.ts';
import {
  arcTangentF80,
  cosineF80,
  exponentialF80,
  logarithmF80,
  logarithmPlusOneF80,
  sineCosineF80,
  sineF80,
  tangentF80,
} from '../../src/core/cpu/float/x87/f80-transcendental.ts';
import { ANSWER, REQUEST, REQUEST_WORDS } from './native.ts';
import { putF80 } from './values.ts';

const environment = makeFloatEnvironment();
const a = makeF80();
const b = makeF80();
/** What should be in ST(0) and, where `second` is true, in ST(1). */
const top = makeF80();
const next = makeF80();

export type Instruction = {
  number: number;
  name: string;
  near: readonly number[];
  /** Gives false when C2 must be set. */
  run: () => boolean;
  second: boolean;
};

function keep(operate: () => void): () => boolean {
  return () => {
    operate();
    return true;
  };
}

/** FSINCOS and FPTAN leave what they pushed in ST(0). */
function pushing(operate: (source: F80, replaced: F80, pushed: F80) => boolean): () => boolean {
  const replaced = makeF80();
  const pushed = makeF80();
  return () => {
    Object.assign(replaced, a);
    Object.assign(pushed, a);
    const done = operate(a, replaced, pushed);
    if (done && !keepsRegister(environment)) {
      Object.assign(top, pushed);
      Object.assign(next, replaced);
    }
    return done;
  };
}

const CIRCULAR = [16383, 16383, 16383 + 30, 16383 + 62, 16383 - 20, 0];
export const transcendentals: readonly Instruction[] = [
  { number: 70, name: 'FSIN', near: CIRCULAR, run: () => sineF80(environment, a, top, PI_OF_66_BITS), second: false },
  { number: 71, name: 'FCOS', near: CIRCULAR, run: () => cosineF80(environment, a, top, PI_OF_66_BITS), second: false },
  {
    number: 72,
    name: 'FSINCOS',
    near: CIRCULAR,
    run: pushing((x, replaced, pushed) => sineCosineF80(environment, x, replaced, pushed, PI_OF_66_BITS)),
    second: true,
  },
  {
    number: 73,
    name: 'FPTAN',
    near: CIRCULAR,
    run: pushing((x, replaced, pushed) => tangentF80(environment, x, replaced, pushed, PI_OF_66_BITS)),
    second: true,
  },
  {
    number: 74,
    name: 'FPATAN',
    near: [16383, 16383, 0, 0x7ffe],
    run: keep(() => arcTangentF80(environment, a, b, top)),
    second: false,
  },
  {
    number: 75,
    name: 'F2XM1',
    near: [16383 - 3, 16383 - 30, 0, 16383],
    run: keep(() => exponentialF80(environment, a, top)),
    second: false,
  },
  {
    number: 76,
    name: 'FYL2X',
    near: [16383, 16383, 0, 0x7ffe],
    run: keep(() => logarithmF80(environment, a, b, top)),
    second: false,
  },
  {
    number: 77,
    name: 'FYL2XP1',
    near: [16383 - 3, 16383 - 30, 16383, 0],
    run: keep(() => logarithmPlusOneF80(environment, a, b, top)),
    second: false,
  },
];

/** A total order of finite numbers in units of the last place. */
function position(se: number, hi: number, lo: number): bigint {
  const exponent = se & 0x7fff;
  const significand = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  const magnitude = exponent === 0 ? significand : (BigInt(exponent - 1) << 63n) + significand;
  return (se & 0x8000) !== 0 ? -magnitude : magnitude;
}

function distance(native: Int32Array, at: number, ours: F80): bigint {
  const se = native[at + 2]! & 0xffff;
  if (se === ours.se && native[at] === ours.lo && native[at + 1] === ours.hi) return 0n;
  if ((se & 0x7fff) === 0x7fff || (ours.se & 0x7fff) === 0x7fff) return 1n << 80n;
  const difference = position(se, native[at + 1]!, native[at]!) - position(ours.se, ours.hi, ours.lo);
  return difference < 0n ? -difference : difference;
}

export function makeTranscendentalRequests(instruction: Instruction, seed: number, count: number): Int32Array {
  const random = new Random(seed + instruction.number);
  const requests = new Int32Array(count * REQUEST_WORDS);
  for (let i = 0; i < count; i++) {
    const at = i * REQUEST_WORDS;
    const masks = random.below(4) === 0 ? random.below(64) : 63;
    const control = masks | 0x40 | (random.below(4) << 8) | (random.below(4) << 10);
    requests[at + REQUEST.head] = instruction.number | (control << 16);
    requests[at + REQUEST.conditionCodes] = random.below(2) === 0 ? random.word() & 0x4700 : 0;
    const near = instruction.near[random.below(instruction.near.length)]!;
    putF80(random, requests.subarray(at + REQUEST.a, at + REQUEST.a + 4), near);
    putF80(random, requests.subarray(at + REQUEST.b, at + REQUEST.b + 4), near);
  }
  return requests;
}

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
const show = (x: F80) => `${hex(x.se).slice(4)}:${hex(x.hi)}${hex(x.lo)}`;

function load(words: Int32Array, at: number, into: F80): F80 {
  into.lo = words[at]!;
  into.hi = words[at + 1]!;
  into.se = words[at + 2]! & 0xffff;
  return into;
}

/** The report of a difference that is more than one unit or anything else than a unit; empty when there is none. */
export function compareTranscendental(
  instruction: Instruction,
  requests: Int32Array,
  at: number,
  answers: Int32Array,
  answerAt: number,
): string {
  load(requests, at + REQUEST.a, a);
  load(requests, at + REQUEST.b, b);
  const control = requests[at + REQUEST.head]! >>> 16;
  useControlWord(environment, control);
  Object.assign(top, a);
  const done = instruction.run();
  const status = answers[answerAt + ANSWER.status]! & 0x453f;
  const pushed = instruction.second && done && !keepsRegister(environment);
  const away = distance(answers, answerAt + ANSWER.st0, top);
  const awayNext = pushed ? distance(answers, answerAt + ANSWER.st1, next) : 0n;
  let codes = requests[at + REQUEST.conditionCodes]! & 0x4500;
  if (instruction.number < 74) codes = (codes & 0x4100) | (done ? 0 : 0x400);
  const wanted = environment.flags | codes;
  // One unit apart beside the least normal number, one of the two may be an underflow and the other not.
  const edge = ((status ^ wanted) & ~0x10) === 0 && away + awayNext > 0n;
  if (away <= 1n && awayNext <= 1n && (status === wanted || edge)) return '';
  const st0 = load(answers, answerAt + ANSWER.st0, makeF80());
  const st1 = load(answers, answerAt + ANSWER.st1, makeF80());
  return [
    `${instruction.name} control word ${control.toString(16)}, a ${show(a)}, b ${show(b)}`,
    `  silicon ${show(st0)} ${show(st1)} status ${status.toString(16)}`,
    `  library ${show(top)} ${show(next)} status ${wanted.toString(16)}`,
  ].join('\n');
}
