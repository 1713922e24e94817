/**
 * What the library says an x87 instruction of native-float.c leaves behind, in the layout of its answers: the glue
 * that instruction handlers will have, written down once for the tests.
 */
import { addF80, divideF80, multiplyF80, squareRootF80, subtractF80 } from '../../src/core/cpu/float/f80-arithmetic.ts';
import type { FloatEnvironment } from '../../src/core/cpu/float/environment.ts';
import { makeFloatEnvironment, useControlWord } from '../../src/core/cpu/float/environment.ts';
import type { F80 } from '../../src/core/cpu/float/f80.ts';
import { makeF80 } from '../../src/core/cpu/float/f80.ts';
import { ANSWER, REQUEST } from './native.ts';

export type OperandKind = 'f80' | 'f64' | 'f32' | 'integer' | 'bcd' | 'none';

/** `model` computes from the request at `at` in `requests` the sixteen words of the answer. */
export type Operation = {
  number: number;
  name: string;
  a: OperandKind;
  b: OperandKind;
  /** Exponents that operands are gathered around (biased as in their format). */
  near: readonly number[];
  family: 'x87' | 'sse';
  model: (requests: Int32Array, at: number, answer: Int32Array) => void;
  /** Status word bits that are compared. */
  statusMask: number;
};

const environment: FloatEnvironment = makeFloatEnvironment();
const a: F80 = makeF80();
const b: F80 = makeF80();
const out: F80 = makeF80();

function load(words: Int32Array, at: number, into: F80): void {
  into.lo = words[at]!;
  into.hi = words[at + 1]!;
  into.se = words[at + 2]! & 0xffff;
}

function store(words: Int32Array, at: number, from: F80): void {
  words[at] = from.lo;
  words[at + 1] = from.hi;
  words[at + 2] = from.se;
  words[at + 3] = 0;
}

function begin(requests: Int32Array, at: number): void {
  useControlWord(environment, requests[at + REQUEST.head]! >>> 16);
  load(requests, at + REQUEST.a, a);
  load(requests, at + REQUEST.b, b);
  out.se = a.se;
  out.hi = a.hi;
  out.lo = a.lo;
}

function finish(answer: Int32Array, conditionCodes: number): void {
  answer[ANSWER.status] = environment.flags | conditionCodes | (environment.roundedUp << 9);
}

type Register = (env: FloatEnvironment, a: F80, b: F80, out: F80) => void;

function register(number: number, name: string, operate: Register): Operation {
  return {
    number,
    name,
    a: 'f80',
    b: 'f80',
    near: [16383, 16383, 0, 0x7ffe, 8192],
    family: 'x87',
    statusMask: 0x023f,
    model(requests, at, answer) {
      begin(requests, at);
      operate(environment, a, b, out);
      store(answer, ANSWER.st0, out);
      finish(answer, 0);
    },
  };
}

export const x87Operations: readonly Operation[] = [
  register(0, 'FADD', addF80),
  register(1, 'FSUB', subtractF80),
  register(2, 'FMUL', multiplyF80),
  register(3, 'FDIV', divideF80),
  register(4, 'FSQRT', (env, x, _, result) => squareRootF80(env, x, result)),
  register(16, 'FSUBR', (env, x, y, result) => subtractF80(env, y, x, result)),
  register(17, 'FDIVR', (env, x, y, result) => divideF80(env, y, x, result)),
];
