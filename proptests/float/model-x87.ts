/**
 * What the library says an x87 instruction of native-float.c leaves behind, in the layout of its answers: the glue
 * that instruction handlers will have, written down once for the tests.
 */
import {
  addF80,
  divideF80,
  multiplyF80,
  squareRootF80,
  subtractF80,
} from '../../src/core/cpu/float/x87/f80-arithmetic.ts';
import {
  compareF80,
  comparisonCodes,
  comparisonEflags,
  examineF80,
  loadConstant,
  testF80,
} from '../../src/core/cpu/float/x87/f80-compare.ts';
import {
  fromInt32,
  fromInt64,
  loadF32,
  loadF64,
  roundIntegralF80,
  storeF32,
  storeF64,
  storeInt16,
  storeInt32,
  storeInt64,
  widenF32,
  widenF64,
} from '../../src/core/cpu/float/x87/f80-convert.ts';
import { loadDecimal, storeDecimal } from '../../src/core/cpu/float/x87/f80-decimal.ts';
import { extractF80, REMAINDER_INVALID, remainderF80, scaleF80 } from '../../src/core/cpu/float/x87/f80-scale.ts';
import type { FloatEnvironment } from '../../src/core/cpu/float/ieee/environment.ts';
import {
  keepsMemory,
  keepsRegister,
  makeFloatEnvironment,
  useControlWord,
} from '../../src/core/cpu/float/ieee/environment.ts';
import type { F80 } from '../../src/core/cpu/float/x87/f80.ts';
import { makeF80 } from '../../src/core/cpu/float/x87/f80.ts';
import { ANSWER, REQUEST } from './native.ts';

export type OperandKind = 'f80' | 'f64' | 'f64x2' | 'f32' | 'f32x4' | 'integer' | 'bcd' | 'none';

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

type Frame = { requests: Int32Array; at: number; answer: Int32Array; codes: number };

/** An instruction whose model writes what it changes; the native answer stands for the rest. */
function custom(
  number: number,
  name: string,
  operands: readonly [OperandKind, OperandKind],
  near: readonly number[],
  statusMask: number,
  operate: (frame: Frame) => number,
): Operation {
  return {
    number,
    name,
    a: operands[0],
    b: operands[1],
    near,
    family: 'x87',
    statusMask,
    model(requests, at, answer) {
      begin(requests, at);
      const frame = { requests, at, answer, codes: requests[at + REQUEST.conditionCodes]! & 0x4700 };
      finish(answer, operate(frame));
    },
  };
}

/** A store: the memory operand keeps the request's bytes when the store is suppressed. */
function storing(number: number, name: string, near: readonly number[], put: (memory: Int32Array) => void): Operation {
  const memory = new Int32Array(3);
  return custom(number, name, ['f80', 'integer'], near, 0x023f, ({ requests, at, answer }) => {
    for (let i = 0; i < 3; i++) memory[i] = requests[at + REQUEST.b + i]!;
    put(memory);
    for (let i = 0; i < 3; i++) {
      answer[ANSWER.memory + i] = keepsMemory(environment) ? requests[at + REQUEST.b + i]! : memory[i]!;
    }
    return 0;
  });
}

function comparing(number: number, name: string, b: OperandKind, order: (frame: Frame) => number): Operation {
  return custom(number, name, ['f80', b], [16383, 16383, 0], 0x473f, (frame) => comparisonCodes(order(frame)));
}

function comparingFlags(number: number, name: string, quiet: boolean): Operation {
  // EFLAGS are loaded with 8D7h before; these write all six arithmetic flags. C1 keeps its value on silicon.
  return custom(number, name, ['f80', 'f80'], [16383, 0], 0x473f, ({ answer, codes }) => {
    answer[ANSWER.eflags] = (answer[ANSWER.eflags]! & ~0x8d5) | comparisonEflags(compareF80(environment, a, b, quiet));
    return codes;
  });
}

/** ST(0) = ST(0) op memory operand of a float or integer type. */
function withMemory(
  number: number,
  name: string,
  kind: 'f32' | 'f64' | 'int16' | 'int32',
  operate: (env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal: number) => void,
): Operation {
  const operands = ['f80', kind === 'f32' || kind === 'f64' ? kind : 'integer'] as const;
  return custom(number, name, operands, [16383, 16383, 15360, 16383 - 126], 0x023f, ({ requests, at, answer }) => {
    const lo = requests[at + REQUEST.b]!;
    let denormal = 0;
    if (kind === 'f32') denormal = widenF32(lo, b);
    else if (kind === 'f64') denormal = widenF64(lo, requests[at + REQUEST.b + 1]!, b);
    else fromInt32(kind === 'int16' ? (lo << 16) >> 16 : lo, b);
    operate(environment, a, b, out, denormal);
    store(answer, ANSWER.st0, out);
    return 0;
  });
}

/** A load: `get` fills `out` and tells whether it is pushed. */
function loading(
  number: number,
  name: string,
  kind: OperandKind,
  get: (lo: number, hi: number, top: number) => boolean,
) {
  return custom(
    number,
    name,
    ['none', kind],
    [16383, 16383 - 1022, 16383 - 126],
    0x023f,
    ({ requests, at, answer }) => {
      const pushed = get(requests[at + REQUEST.b]!, requests[at + REQUEST.b + 1]!, requests[at + REQUEST.b + 2]!);
      if (pushed) store(answer, ANSWER.st0, out);
      return 0;
    },
  );
}

function remainder(number: number, name: string, nearest: boolean): Operation {
  return custom(number, name, ['f80', 'f80'], [16383, 16383, 8192, 100, 0], 0x473f, ({ answer, codes }) => {
    const found = remainderF80(environment, a, b, nearest, out);
    store(answer, ANSWER.st0, out);
    return found === REMAINDER_INVALID ? codes & 0x4100 : found;
  });
}

const INTEGER_EXPONENTS = [16383, 16383 + 15, 16383 + 31, 16383 + 63, 0];
const SINGLE_EXPONENTS = [16383, 16383 - 126, 16383 + 127, 16383 - 150, 16383 + 128, 0];
const DOUBLE_EXPONENTS = [16383, 16383 - 1022, 16383 + 1023, 16383 - 1070, 0];
const CONSTANT_NAMES = ['FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ'];
const pair = { hi: 0, lo: 0 };
const decimal = { lo: 0, middle: 0, top: 0 };
const second: F80 = makeF80();

export const x87Operations: readonly Operation[] = [
  register(0, 'FADD', addF80),
  register(1, 'FSUB', subtractF80),
  register(2, 'FMUL', multiplyF80),
  register(3, 'FDIV', divideF80),
  register(4, 'FSQRT', (env, x, _, result) => squareRootF80(env, x, result)),
  register(16, 'FSUBR', (env, x, y, result) => subtractF80(env, y, x, result)),
  register(17, 'FDIVR', (env, x, y, result) => divideF80(env, y, x, result)),
  remainder(5, 'FPREM', false),
  remainder(6, 'FPREM1', true),
  register(7, 'FRNDINT', (env, x, _, result) => roundIntegralF80(env, x, result)),
  custom(8, 'FSCALE', ['f80', 'f80'], [16383, 16383 + 13, 16383 + 14, 16383 + 7, 0], 0x023f, ({ answer }) => {
    scaleF80(environment, a, b, out);
    store(answer, ANSWER.st0, out);
    return 0;
  }),
  custom(9, 'FXTRACT', ['f80', 'none'], [16383, 0, 0x7ffe], 0x023f, ({ answer }) => {
    extractF80(environment, a, second, out);
    if (!keepsRegister(environment)) {
      store(answer, ANSWER.st0, out);
      store(answer, ANSWER.st1, second);
    }
    return 0;
  }),
  comparing(10, 'FCOM', 'f80', () => compareF80(environment, a, b, false)),
  comparing(11, 'FUCOM', 'f80', () => compareF80(environment, a, b, true)),
  comparingFlags(12, 'FCOMI', false),
  comparingFlags(13, 'FUCOMI', true),
  comparing(14, 'FTST', 'none', () => testF80(environment, a)),
  custom(15, 'FXAM', ['f80', 'none'], [16383, 0], 0x473f, () => examineF80(a)),
  loading(20, 'FLD m32fp', 'f32', (lo) => loadF32(environment, lo, out)),
  loading(21, 'FLD m64fp', 'f64', (lo, hi) => loadF64(environment, lo, hi, out)),
  loading(22, 'FILD m16int', 'integer', (lo) => {
    fromInt32((lo << 16) >> 16, out);
    return true;
  }),
  loading(23, 'FILD m32int', 'integer', (lo) => {
    fromInt32(lo, out);
    return true;
  }),
  loading(24, 'FILD m64int', 'integer', (lo, hi) => {
    fromInt64(lo, hi, out);
    return true;
  }),
  loading(25, 'FBLD', 'bcd', (lo, hi, top) => {
    loadDecimal(lo, hi, top & 0xffff, out);
    return true;
  }),
  storing(26, 'FST m32fp', SINGLE_EXPONENTS, (memory) => {
    memory[0] = storeF32(environment, a);
  }),
  storing(27, 'FST m64fp', DOUBLE_EXPONENTS, (memory) => {
    storeF64(environment, a, pair);
    memory[0] = pair.lo;
    memory[1] = pair.hi;
  }),
  storing(28, 'FIST m16int', INTEGER_EXPONENTS, (memory) => {
    memory[0] = (memory[0]! & 0xffff0000) | (storeInt16(environment, a, false) & 0xffff);
  }),
  storing(29, 'FIST m32int', INTEGER_EXPONENTS, (memory) => {
    memory[0] = storeInt32(environment, a, false);
  }),
  storing(30, 'FISTP m64int', INTEGER_EXPONENTS, (memory) => {
    storeInt64(environment, a, false, pair);
    memory[0] = pair.lo;
    memory[1] = pair.hi;
  }),
  storing(31, 'FISTTP m16int', INTEGER_EXPONENTS, (memory) => {
    memory[0] = (memory[0]! & 0xffff0000) | (storeInt16(environment, a, true) & 0xffff);
  }),
  storing(32, 'FISTTP m32int', INTEGER_EXPONENTS, (memory) => {
    memory[0] = storeInt32(environment, a, true);
  }),
  storing(33, 'FISTTP m64int', INTEGER_EXPONENTS, (memory) => {
    storeInt64(environment, a, true, pair);
    memory[0] = pair.lo;
    memory[1] = pair.hi;
  }),
  storing(34, 'FBSTP', [16383, 16383 + 59, 16383 + 40, 0], (memory) => {
    storeDecimal(environment, a, decimal);
    memory[0] = decimal.lo;
    memory[1] = decimal.middle;
    memory[2] = (memory[2]! & 0xffff0000) | decimal.top;
  }),
  withMemory(40, 'FADD m32fp', 'f32', addF80),
  withMemory(41, 'FSUB m32fp', 'f32', subtractF80),
  withMemory(42, 'FMUL m32fp', 'f32', multiplyF80),
  withMemory(43, 'FDIV m32fp', 'f32', divideF80),
  withMemory(44, 'FADD m64fp', 'f64', addF80),
  withMemory(45, 'FSUB m64fp', 'f64', subtractF80),
  withMemory(46, 'FMUL m64fp', 'f64', multiplyF80),
  withMemory(47, 'FDIV m64fp', 'f64', divideF80),
  comparing(48, 'FCOM m32fp', 'f32', ({ requests, at }) => {
    const denormal = widenF32(requests[at + REQUEST.b]!, b);
    return compareF80(environment, a, b, false, denormal);
  }),
  comparing(49, 'FCOM m64fp', 'f64', ({ requests, at }) => {
    const denormal = widenF64(requests[at + REQUEST.b]!, requests[at + REQUEST.b + 1]!, b);
    return compareF80(environment, a, b, false, denormal);
  }),
  withMemory(50, 'FDIVR m32fp', 'f32', (env, x, y, result, denormal) => divideF80(env, y, x, result, denormal)),
  withMemory(51, 'FSUBR m64fp', 'f64', (env, x, y, result, denormal) => subtractF80(env, y, x, result, denormal)),
  withMemory(52, 'FIADD m16int', 'int16', addF80),
  withMemory(53, 'FIDIV m32int', 'int32', divideF80),
  ...CONSTANT_NAMES.map((name, index) =>
    custom(60 + index, name, ['none', 'none'], [0], 0x023f, ({ answer }) => {
      loadConstant(environment, index, out);
      store(answer, ANSWER.st0, out);
      return 0;
    }),
  ),
];
