// SSE arithmetic in place: what an attempt (ir/attempts.ts) does where all is plain and PE is set already, which is
// what goes on and on in code that computes. Everything else is the attempt's own function, as it would be without
// this: so nothing here decides a rounding or a flag. The conditions are those of core/cpu/float/ieee/fast-path.ts.
// SDM 1 §11.5; SDM 2 under each name.

import { GREATEST_F32, GREATEST_F64, LEAST_F32, LEAST_F64 } from '../../src/core/cpu/float/ieee/limits.ts';
import { MXCSR } from '../../src/core/state/layout.ts';
import type { AttemptName } from '../ir/attempts.ts';
import type { Type } from '../ir/ir.ts';
import { type Body, V, W } from './encode.ts';
import type { Values } from './values.ts';

/** RC, PM and PE of MXCSR; to nearest, masked, and set. */
const ROUNDING = 0x7020;
const ROUNDS_FREELY = 0x1020;
/** CF is bit 0 of EFLAGS, and ZF bit 6. */
const ZF_SHIFT = 6;
/** Where the numbers end whose integral part an int32 holds. */
const BELOW_INT32 = -2147483649;
const ABOVE_INT32 = 2147483648;

type Operation = 'add' | 'subtract' | 'multiply' | 'divide';
type Format = 'f32' | 'f64' | 'f32x4' | 'f64x2';

/** Of one format: its instructions, how its constants are pushed, what a value is as a local. */
interface Instructions {
  readonly type: Type;
  readonly load: (body: Body, word: number) => void;
  readonly store: (body: Body, word: number) => void;
  readonly op: (body: Body, name: Operation | 'abs' | 'eq' | 'gt' | 'ge' | 'le' | 'and' | 'or') => void;
  readonly constant: (body: Body, value: number) => void;
  /** Turns what comparisons made, all of one or of four lanes, into an i32: not 0 when all hold. */
  readonly all: (body: Body) => void;
  readonly least: number;
  readonly greatest: number;
}

const SCALAR_CODES = {
  f32: { add: W.f32_add, subtract: W.f32_sub, multiply: W.f32_mul, divide: W.f32_div, abs: W.f32_abs },
  f64: { add: W.f64_add, subtract: W.f64_sub, multiply: W.f64_mul, divide: W.f64_div, abs: W.f64_abs },
} as const;
const SCALAR_COMPARISONS = {
  f32: { eq: W.f32_eq, gt: W.f32_gt, ge: W.f32_ge, le: W.f32_le, and: W.i32_and, or: W.i32_or },
  f64: { eq: W.f64_eq, gt: W.f64_gt, ge: W.f64_ge, le: W.f64_le, and: W.i32_and, or: W.i32_or },
} as const;
const VECTOR_CODES = {
  f32x4: { add: V.f32x4_add, subtract: V.f32x4_sub, multiply: V.f32x4_mul, divide: V.f32x4_div, abs: V.f32x4_abs },
  f64x2: { add: V.f64x2_add, subtract: V.f64x2_sub, multiply: V.f64x2_mul, divide: V.f64x2_div, abs: V.f64x2_abs },
} as const;
const VECTOR_COMPARISONS = {
  f32x4: { eq: V.f32x4_eq, gt: V.f32x4_gt, ge: V.f32x4_ge, le: V.f32x4_le, and: V.v128_and, or: V.v128_or },
  f64x2: { eq: V.f64x2_eq, gt: V.f64x2_gt, ge: V.f64x2_ge, le: V.f64x2_le, and: V.v128_and, or: V.v128_or },
} as const;

function scalar(type: 'f32' | 'f64'): Instructions {
  const isSingle = type === 'f32';
  const codes = { ...SCALAR_CODES[type], ...SCALAR_COMPARISONS[type] };
  return {
    type,
    load: (body, word) => {
      body.i32(0);
      body.memory(isSingle ? W.f32_load : W.f64_load, 2, 4 * word);
    },
    store: (body, word) => body.memory(isSingle ? W.f32_store : W.f64_store, 2, 4 * word),
    op: (body, name) => body.op(codes[name]),
    constant: (body, value) => (isSingle ? body.f32(value) : body.f64(value)),
    all: () => {},
    least: isSingle ? LEAST_F32 : LEAST_F64,
    greatest: isSingle ? GREATEST_F32 : GREATEST_F64,
  };
}

function packed(format: 'f32x4' | 'f64x2'): Instructions {
  const isSingle = format === 'f32x4';
  const codes = { ...VECTOR_CODES[format], ...VECTOR_COMPARISONS[format] };
  return {
    type: 'v128',
    load: (body, word) => {
      body.i32(0);
      body.vectorMemory(V.v128_load, 2, 4 * word);
    },
    store: (body, word) => body.vectorMemory(V.v128_store, 2, 4 * word),
    op: (body, name) => body.vector(codes[name]),
    constant: (body, value) => {
      if (isSingle) body.f32(value);
      else body.f64(value);
      body.vector(isSingle ? V.f32x4_splat : V.f64x2_splat);
    },
    all: (body) => body.vector(isSingle ? V.i32x4_all_true : V.i64x2_all_true),
    least: isSingle ? LEAST_F32 : LEAST_F64,
    greatest: isSingle ? GREATEST_F32 : GREATEST_F64,
  };
}

const FORMATS: Readonly<Record<Format, Instructions>> = {
  f32: scalar('f32'),
  f64: scalar('f64'),
  f32x4: packed('f32x4'),
  f64x2: packed('f64x2'),
};

const ARITHMETIC: Readonly<Partial<Record<AttemptName, readonly [Operation, Format]>>> = {
  addF32: ['add', 'f32'],
  subtractF32: ['subtract', 'f32'],
  multiplyF32: ['multiply', 'f32'],
  divideF32: ['divide', 'f32'],
  addF64: ['add', 'f64'],
  subtractF64: ['subtract', 'f64'],
  multiplyF64: ['multiply', 'f64'],
  divideF64: ['divide', 'f64'],
  addPackedF32: ['add', 'f32x4'],
  subtractPackedF32: ['subtract', 'f32x4'],
  multiplyPackedF32: ['multiply', 'f32x4'],
  dividePackedF32: ['divide', 'f32x4'],
  addPackedF64: ['add', 'f64x2'],
  subtractPackedF64: ['subtract', 'f64x2'],
  multiplyPackedF64: ['multiply', 'f64x2'],
  dividePackedF64: ['divide', 'f64x2'],
};

/**
 * An attempt in place: on the stack is an i32 that is not 0 when all is plain, and then `done` does it: what it leaves
 * in words is stored, what it gives is on the stack. `free` gives the locals back.
 */
export interface InPlace {
  readonly done: () => void;
  readonly free: () => void;
}

/** Locals of one attempt. */
type Take = (type: Type) => number;

/** Emits the test of an attempt; null for one that is not done in place. `a` and `b`: words of the CPU block. */
export function testInPlace(body: Body, values: Values, how: AttemptName, a: number, b: number): InPlace | null {
  const taken: (readonly [local: number, type: Type])[] = [];
  const take: Take = (type) => {
    const local = values.takeLocal(type);
    taken.push([local, type]);
    return local;
  };
  const done = test(body, take, how, a, b);
  if (done === null) return null;
  const free = (): void => {
    for (const [local, type] of taken) values.giveLocal(local, type);
  };
  return { done, free };
}

/** Pushes the test; gives what does the attempt, or null. */
function test(body: Body, take: Take, how: AttemptName, a: number, b: number): (() => void) | null {
  const arithmetic = ARITHMETIC[how];
  if (arithmetic !== undefined) return testArithmetic(body, take, arithmetic, a, b);
  switch (how) {
    case 'compareF32':
    case 'compareF64':
      return testComparison(body, take, FORMATS[how === 'compareF32' ? 'f32' : 'f64'], a, b);
    case 'truncateF32':
    case 'truncateF64':
      return testTruncation(body, take, how === 'truncateF32', a, b);
    case 'fromInt32F32':
      pushRoundsFreely(body);
      return () => {
        body.i32(0);
        body.i32(0);
        body.memory(W.i32_load, 2, 4 * b);
        body.op(W.f32_convert_i32_s);
        FORMATS.f32.store(body, a);
      };
    case 'narrowF64':
      return testNarrowing(body, take, a, b);
    default:
      return null;
  }
}

function pushRoundsFreely(body: Body): void {
  body.i32(0);
  body.memory(W.i32_load, 2, 4 * MXCSR);
  body.i32(ROUNDING);
  body.op(W.i32_and);
  body.i32(ROUNDS_FREELY);
  body.op(W.i32_eq);
}

/** Push whether a local, whose size is below infinity or looked at elsewhere, is normal or zero. */
function pushPlain(body: Body, format: Instructions, local: number): void {
  body.get(local);
  format.op(body, 'abs');
  format.constant(body, format.least);
  format.op(body, 'ge');
  pushIsZero(body, format, local);
  format.op(body, 'or');
}

function pushIsZero(body: Body, format: Instructions, local: number): void {
  body.get(local);
  format.constant(body, 0);
  format.op(body, 'eq');
}

/** Push whether the size of a local is a number's. */
function pushFinite(body: Body, format: Instructions, local: number): void {
  body.get(local);
  format.op(body, 'abs');
  format.constant(body, format.greatest);
  format.op(body, 'le');
}

/** A local becomes the words from `a` on. */
const storing =
  (body: Body, format: Instructions, a: number, local: number): (() => void) =>
  () => {
    body.i32(0);
    body.get(local);
    format.store(body, a);
  };

function testArithmetic(
  body: Body,
  take: Take,
  [operation, name]: readonly [Operation, Format],
  a: number,
  b: number,
): () => void {
  const format = FORMATS[name];
  const [x, y, result] = [0, 1, 2].map(() => take(format.type));
  format.load(body, a);
  body.tee(x);
  format.load(body, b);
  body.tee(y);
  format.op(body, operation);
  body.tee(result);
  // Above the least normal number, or a zero that is exact.
  format.op(body, 'abs');
  format.constant(body, format.least);
  format.op(body, 'gt');
  const zeros = operation === 'multiply' ? [x, y] : [operation === 'divide' ? x : result];
  for (const local of zeros) {
    pushIsZero(body, format, local);
    format.op(body, 'or');
  }
  // An operand that is no number, or infinite, gives a result that is none: but for a divisor.
  for (const local of operation === 'divide' ? [result, y] : [result]) {
    pushFinite(body, format, local);
    format.op(body, 'and');
  }
  for (const local of [x, y]) {
    pushPlain(body, format, local);
    format.op(body, 'and');
  }
  format.all(body);
  pushRoundsFreely(body);
  body.op(W.i32_and);
  return storing(body, format, a, result);
}

/** Infinities compare as numbers do. */
function testComparison(body: Body, take: Take, format: Instructions, a: number, b: number): () => void {
  const [x, y] = [take(format.type), take(format.type)];
  format.load(body, a);
  body.set(x);
  format.load(body, b);
  body.set(y);
  pushPlain(body, format, x);
  pushPlain(body, format, y);
  body.op(W.i32_and);
  return () => {
    body.get(y);
    body.get(x);
    format.op(body, 'gt');
    body.get(x);
    body.get(y);
    format.op(body, 'eq');
    body.i32(ZF_SHIFT);
    body.op(W.i32_shl);
    body.op(W.i32_or);
  };
}

/** Toward zero, whatever RC is; that it rounds is told already when PE is set. */
function testTruncation(body: Body, take: Take, isSingle: boolean, a: number, b: number): () => void {
  const format = FORMATS[isSingle ? 'f32' : 'f64'];
  const x = take(format.type);
  const wide = isSingle ? take('f64') : x;
  format.load(body, b);
  body.set(x);
  if (isSingle) {
    body.get(x);
    body.op(W.f64_promote_f32);
    body.set(wide);
  }
  body.get(wide);
  body.f64(BELOW_INT32);
  body.op(W.f64_gt);
  body.get(wide);
  body.f64(ABOVE_INT32);
  body.op(W.f64_lt);
  body.op(W.i32_and);
  pushPlain(body, format, x);
  body.op(W.i32_and);
  pushRoundsFreely(body);
  body.op(W.i32_and);
  return () => {
    body.i32(0);
    body.get(wide);
    body.op(W.i32_trunc_f64_s);
    body.memory(W.i32_store, 2, 4 * a);
  };
}

/** CVTSD2SS. A zero comes from a zero alone. */
function testNarrowing(body: Body, take: Take, a: number, b: number): () => void {
  const [wide, narrow] = [take('f64'), take('f32')];
  const single = FORMATS.f32;
  FORMATS.f64.load(body, b);
  body.tee(wide);
  body.op(W.f32_demote_f64);
  body.tee(narrow);
  body.op(W.f32_abs);
  body.f32(LEAST_F32);
  body.op(W.f32_gt);
  pushIsZero(body, FORMATS.f64, wide);
  body.op(W.i32_or);
  pushFinite(body, single, narrow);
  body.op(W.i32_and);
  pushRoundsFreely(body);
  body.op(W.i32_and);
  return storing(body, single, a, narrow);
}
