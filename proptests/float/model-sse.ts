/**
 * What the library says an SSE instruction of native-float.c leaves behind, in the layout of its answers: element by
 * element for the packed ones, with the destination kept and the fault noted where #XM is raised. The glue that
 * instruction handlers will have, written down once for the tests.
 */
import { makeFloatEnvironment, raisesSimd, settlePacked, useMxcsr } from '../../src/core/cpu/float/ieee/environment.ts';
import type { FloatEnvironment } from '../../src/core/cpu/float/ieee/environment.ts';
import { comparisonEflags } from '../../src/core/cpu/float/x87/f80-compare.ts';
import type { Words } from '../../src/core/cpu/float/x87/f80.ts';
import { reciprocalF32, reciprocalRootF32 } from '../../src/core/cpu/float/sse/sse-approximate.ts';
import { compareF32, compareF64, compareMaskF32, compareMaskF64 } from '../../src/core/cpu/float/sse/sse-compare.ts';
import {
  f32ToF64,
  f32ToInt32,
  f64ToF32,
  f64ToInt32,
  int32ToF32,
  int32ToF64,
} from '../../src/core/cpu/float/sse/sse-convert.ts';
import {
  addF32,
  divideF32,
  maximumF32,
  minimumF32,
  multiplyF32,
  squareRootF32,
  subtractF32,
} from '../../src/core/cpu/float/sse/sse-f32.ts';
import {
  addF64,
  divideF64,
  maximumF64,
  minimumF64,
  multiplyF64,
  squareRootF64,
  subtractF64,
} from '../../src/core/cpu/float/sse/sse-f64.ts';
import type { OperandKind, Operation } from './model-x87.ts';
import { ANSWER, REQUEST } from './native.ts';

const environment: FloatEnvironment = makeFloatEnvironment();
const out: Words = { hi: 0, lo: 0 };

const NEAR_SINGLE = [16383, 16383, 16383 - 126, 16383 + 127, 16383 - 63, 16383 + 63, 16383 + 23, 16383 + 31];
const NEAR_DOUBLE = [16383, 16383, 16383 - 1022, 16383 + 1023, 16383 - 511, 16383 + 511, 16383 + 31];

/** Runs `operate` on the four words of a and b; it fills `destination`, which is dropped when #XM is raised. */
function sse(
  number: number,
  name: string,
  kinds: readonly [OperandKind, OperandKind],
  operate: (env: FloatEnvironment, a: Int32Array, b: Int32Array, destination: Int32Array) => void,
): Operation {
  const destination = new Int32Array(4);
  const single = kinds.some((kind) => kind === 'f32' || kind === 'f32x4');
  return {
    number,
    name,
    a: kinds[0],
    b: kinds[1],
    near: single ? NEAR_SINGLE : NEAR_DOUBLE,
    family: 'sse',
    statusMask: 0,
    model(requests, at, answer) {
      const mxcsr = requests[at + REQUEST.mxcsr]!;
      useMxcsr(environment, mxcsr);
      const a = requests.subarray(at + REQUEST.a, at + REQUEST.a + 4);
      const b = requests.subarray(at + REQUEST.b, at + REQUEST.b + 4);
      destination.set(a);
      operate(environment, a, b, destination);
      settlePacked(environment);
      const raised = raisesSimd(environment);
      answer.set(raised ? a : destination, ANSWER.st0);
      answer[ANSWER.mxcsr] = mxcsr | environment.flags;
      answer[ANSWER.fault] = raised ? 1 : 0;
    },
  };
}

type Single = (env: FloatEnvironment, a: number, b: number) => number;
type Double = (env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words) => void;

function single(number: number, name: string, operate: Single): Operation {
  return sse(number, name, ['f32', 'f32'], (env, a, b, d) => {
    d[0] = operate(env, a[0]!, b[0]!);
  });
}

function double(number: number, name: string, operate: Double): Operation {
  return sse(number, name, ['f64', 'f64'], (env, a, b, d) => {
    operate(env, a[0]!, a[1]!, b[0]!, b[1]!, out);
    d[0] = out.lo;
    d[1] = out.hi;
  });
}

/** COMISx: EFLAGS (loaded with 8D7h before) in the answer; unchanged when #XM is raised. */
function comparing(number: number, name: string, kind: 'f32' | 'f64', quiet: boolean): Operation {
  return {
    ...sse(number, name, [kind, kind], () => {}),
    model(requests, at, answer) {
      const mxcsr = requests[at + REQUEST.mxcsr]!;
      useMxcsr(environment, mxcsr);
      const a = at + REQUEST.a;
      const b = at + REQUEST.b;
      const order =
        kind === 'f32'
          ? compareF32(environment, requests[a]!, requests[b]!, quiet)
          : compareF64(environment, requests[a]!, requests[a + 1]!, requests[b]!, requests[b + 1]!, quiet);
      const raised = raisesSimd(environment);
      if (!raised) answer[ANSWER.eflags] = (answer[ANSWER.eflags]! & ~0x8d5) | comparisonEflags(order);
      answer[ANSWER.mxcsr] = mxcsr | environment.flags;
      answer[ANSWER.fault] = raised ? 1 : 0;
    },
  };
}

/** Conversions to an integer: EAX is in the answer's first word. */
function toInteger(
  number: number,
  name: string,
  kind: OperandKind,
  convert: (env: FloatEnvironment, b: Int32Array) => number,
) {
  const operation = sse(number, name, ['none', kind], (env, _, b, d) => {
    d.fill(0);
    d[0] = convert(env, b);
  });
  return operation;
}

/** Packed singles: element i of the destination from elements of both operands. */
function packedSingles(
  number: number,
  name: string,
  element: (env: FloatEnvironment, a: Int32Array, b: Int32Array, index: number) => number,
): Operation {
  return sse(number, name, ['f32x4', 'f32x4'], (env, a, b, d) => {
    for (let i = 0; i < 4; i++) d[i] = element(env, a, b, i);
  });
}

export const sseOperations: readonly Operation[] = [
  single(100, 'ADDSS', addF32),
  single(101, 'SUBSS', subtractF32),
  single(102, 'MULSS', multiplyF32),
  single(103, 'DIVSS', divideF32),
  single(104, 'SQRTSS', (env, _, b) => squareRootF32(env, b)),
  single(105, 'MINSS', minimumF32),
  single(106, 'MAXSS', maximumF32),
  single(107, 'RCPSS', (_env, _, b) => reciprocalF32(b)),
  single(108, 'RSQRTSS', (_env, _, b) => reciprocalRootF32(b)),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((predicate) =>
    single(110 + predicate, `CMPSS ${predicate}`, (env, a, b) => compareMaskF32(env, a, b, predicate)),
  ),
  comparing(118, 'COMISS', 'f32', false),
  comparing(119, 'UCOMISS', 'f32', true),
  double(120, 'ADDSD', addF64),
  double(121, 'SUBSD', subtractF64),
  double(122, 'MULSD', multiplyF64),
  double(123, 'DIVSD', divideF64),
  double(124, 'SQRTSD', (env, _lo, _hi, lo, hi, result) => squareRootF64(env, lo, hi, result)),
  double(125, 'MINSD', minimumF64),
  double(126, 'MAXSD', maximumF64),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((predicate) =>
    double(130 + predicate, `CMPSD ${predicate}`, (env, aLo, aHi, bLo, bHi, result) => {
      result.lo = result.hi = compareMaskF64(env, aLo, aHi, bLo, bHi, predicate);
    }),
  ),
  comparing(138, 'COMISD', 'f64', false),
  comparing(139, 'UCOMISD', 'f64', true),
  sse(140, 'CVTSS2SD', ['f64', 'f32'], (env, _, b, d) => {
    f32ToF64(env, b[0]!, out);
    d[0] = out.lo;
    d[1] = out.hi;
  }),
  sse(141, 'CVTSD2SS', ['f32', 'f64'], (env, _, b, d) => {
    d[0] = f64ToF32(env, b[0]!, b[1]!);
  }),
  toInteger(142, 'CVTSS2SI', 'f32', (env, b) => f32ToInt32(env, b[0]!, false)),
  toInteger(143, 'CVTTSS2SI', 'f32', (env, b) => f32ToInt32(env, b[0]!, true)),
  toInteger(144, 'CVTSD2SI', 'f64', (env, b) => f64ToInt32(env, b[0]!, b[1]!, false)),
  toInteger(145, 'CVTTSD2SI', 'f64', (env, b) => f64ToInt32(env, b[0]!, b[1]!, true)),
  sse(146, 'CVTDQ2PS', ['none', 'integer'], (env, _, b, d) => {
    for (let i = 0; i < 4; i++) d[i] = int32ToF32(env, b[i]!);
  }),
  sse(147, 'CVTDQ2PD', ['none', 'integer'], (_env, _, b, d) => {
    for (let i = 0; i < 2; i++) {
      int32ToF64(b[i]!, out);
      d[2 * i] = out.lo;
      d[2 * i + 1] = out.hi;
    }
  }),
  packedSingles(150, 'ADDPS', (env, a, b, i) => addF32(env, a[i]!, b[i]!)),
  packedSingles(151, 'DIVPS', (env, a, b, i) => divideF32(env, a[i]!, b[i]!)),
  sse(152, 'MULPD', ['f64x2', 'f64x2'], (env, a, b, d) => {
    for (let i = 0; i < 4; i += 2) {
      multiplyF64(env, a[i]!, a[i + 1]!, b[i]!, b[i + 1]!, out);
      d[i] = out.lo;
      d[i + 1] = out.hi;
    }
  }),
  packedSingles(153, 'CVTPS2DQ', (env, _, b, i) => f32ToInt32(env, b[i]!, false)),
  sse(154, 'CVTPD2PS', ['none', 'f64x2'], (env, _, b, d) => {
    d.fill(0);
    for (let i = 0; i < 2; i++) d[i] = f64ToF32(env, b[2 * i]!, b[2 * i + 1]!);
  }),
  packedSingles(155, 'HADDPS', (env, a, b, i) => {
    const source = i < 2 ? a : b;
    const first = (i & 1) * 2;
    return addF32(env, source[first]!, source[first + 1]!);
  }),
  packedSingles(156, 'ADDSUBPS', (env, a, b, i) => (i & 1 ? addF32 : subtractF32)(env, a[i]!, b[i]!)),
  packedSingles(157, 'RCPPS', (_env, _, b, i) => reciprocalF32(b[i]!)),
  packedSingles(158, 'RSQRTPS', (_env, _, b, i) => reciprocalRootF32(b[i]!)),
  packedSingles(159, 'CMPLTPS', (env, a, b, i) => compareMaskF32(env, a[i]!, b[i]!, 1)),
];
