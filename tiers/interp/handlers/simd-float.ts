// SSE, SSE2 and SSE3 floating point arithmetic and comparison. SDM 2 under each name, SDM 1 §11.5 (exceptions: a packed
// instruction reports those of all elements together and writes nothing when one is unmasked). The general handlers
// compute with integers alone; in front of most stands a plain one (simd-plain.ts), which uses host arithmetic where
// that is proven.

import { type FloatEnvironment, settlePacked } from '../../../src/core/cpu/float/ieee/environment.ts';
import type { Words } from '../../../src/core/cpu/float/x87/f80.ts';
import { comparisonEflags } from '../../../src/core/cpu/float/x87/f80-compare.ts';
import { reciprocalF32, reciprocalRootF32 } from '../../../src/core/cpu/float/sse/sse-approximate.ts';
import { compareF32, compareF64, compareMaskF32, compareMaskF64 } from '../../../src/core/cpu/float/sse/sse-compare.ts';
import {
  addF32,
  divideF32,
  maximumF32,
  minimumF32,
  multiplyF32,
  squareRootF32,
  subtractF32,
} from '../../../src/core/cpu/float/sse/sse-f32.ts';
import {
  addF64,
  divideF64,
  maximumF64,
  minimumF64,
  multiplyF64,
  squareRootF64,
  subtractF64,
} from '../../../src/core/cpu/float/sse/sse-f64.ts';
import { enterSse, finishSimd, prepareSimd, simd } from '../../../src/core/cpu/float/sse/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_A, R_IMM } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { setArithmeticFlags } from '../../../src/core/state/flags.ts';
import type { Handler } from '../handler.ts';
import { commitTarget, loadSource, loadTarget, source, target, xmmWord } from './simd-operands.ts';
import {
  ADD,
  plainAddF32,
  plainAddF64,
  plainDivideF32,
  plainDivideF64,
  plainMultiplyF32,
  plainMultiplyF64,
  plainSubtractF32,
  plainSubtractF64,
  DIVIDE,
  MULTIPLY,
  plainHorizontalF32,
  plainHorizontalF64,
  plainMaskF32,
  plainMaskF64,
  plainOrderF32,
  plainOrderF64,
  plainPackedF32,
  plainPackedF64,
  plainPickF32,
  plainPickF64,
  plainRootF32,
  plainRootF64,
  SUBTRACT,
} from './simd-plain.ts';

type ComputeF32 = (env: FloatEnvironment, a: number, b: number) => number;
type ComputeF64 = (env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words) => void;

const pair: Words = { hi: 0, lo: 0 };

/** Operand A in `target`, B in `source`, MXCSR in `simd`; gives A's word index. */
function start(cpu: Cpu, code: Int32Array, pc: number): number {
  enterSse(cpu);
  loadSource(cpu, code, pc);
  const word = xmmWord(code[pc + R_A]);
  loadTarget(cpu, word, 4);
  prepareSimd(cpu);
  return word;
}

/** All elements are in `target`: report, then write. */
function finishPacked(cpu: Cpu, word: number): void {
  settlePacked(simd);
  finishSimd(cpu);
  commitTarget(cpu, word, 4);
}

function scalarF32(compute: ComputeF32): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const m32 = cpu.m32;
    const word = xmmWord(code[pc + R_A]);
    prepareSimd(cpu);
    const bits = compute(simd, m32[word], source[0]);
    finishSimd(cpu);
    m32[word] = bits;
  };
}

function scalarF64(compute: ComputeF64): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const m32 = cpu.m32;
    const word = xmmWord(code[pc + R_A]);
    prepareSimd(cpu);
    compute(simd, m32[word], m32[word + 1], source[0], source[1], pair);
    finishSimd(cpu);
    m32[word] = pair.lo;
    m32[word + 1] = pair.hi;
  };
}

/** Element k of `target`: f(target, source). */
function elementF32(compute: ComputeF32, k: number): void {
  target[k] = compute(simd, target[k], source[k]);
}

function elementF64(compute: ComputeF64, k: number): void {
  compute(simd, target[2 * k], target[2 * k + 1], source[2 * k], source[2 * k + 1], pair);
  target[2 * k] = pair.lo;
  target[2 * k + 1] = pair.hi;
}

function packedF32(even: ComputeF32, odd = even): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    for (let k = 0; k < 4; k++) elementF32((k & 1) === 0 ? even : odd, k);
    finishPacked(cpu, word);
  };
}

function packedF64(even: ComputeF64, odd = even): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    elementF64(even, 0);
    elementF64(odd, 1);
    finishPacked(cpu, word);
  };
}

/** HADDPS and HSUBPS: A0∘A1, A2∘A3, B0∘B1, B2∘B3. The operands change places and the packed operation does the rest. */
function horizontalF32(compute: ComputeF32): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const [a0, a1, a2, a3] = [target[0], target[1], target[2], target[3]];
    const [b0, b1, b2, b3] = [source[0], source[1], source[2], source[3]];
    target[0] = a0;
    source[0] = a1;
    target[1] = a2;
    source[1] = a3;
    target[2] = b0;
    source[2] = b1;
    target[3] = b2;
    source[3] = b3;
    for (let k = 0; k < 4; k++) elementF32(compute, k);
    finishPacked(cpu, word);
  };
}

/** HADDPD and HSUBPD: A0∘A1, B0∘B1. */
function horizontalF64(compute: ComputeF64): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const upperLow = target[2];
    const upperHigh = target[3];
    target[2] = source[0];
    target[3] = source[1];
    source[0] = upperLow;
    source[1] = upperHigh;
    elementF64(compute, 0);
    elementF64(compute, 1);
    finishPacked(cpu, word);
  };
}

const rootF32: ComputeF32 = (env, _a, b) => squareRootF32(env, b);
const rootF64: ComputeF64 = (env, _aLo, _aHi, bLo, bHi, out) => squareRootF64(env, bLo, bHi, out);

/** RCP and RSQRT: no exceptions, MXCSR does not matter. */
function approximate(compute: (bits: number) => number, count: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const word = xmmWord(code[pc + R_A]);
    for (let k = 0; k < count; k++) cpu.m32[word + k] = compute(source[k]);
  };
}

/** CMPPS and CMPSS: the predicate is the low three bits of the immediate. */
function compareMasksF32(count: number): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const predicate = code[pc + R_IMM] & 7;
    for (let k = 0; k < count; k++) target[k] = compareMaskF32(simd, target[k], source[k], predicate);
    finishPacked(cpu, word);
  };
}

function compareMasksF64(count: number): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const predicate = code[pc + R_IMM] & 7;
    for (let k = 0; k < 2 * count; k += 2) {
      const mask = compareMaskF64(simd, target[k], target[k + 1], source[k], source[k + 1], predicate);
      target[k] = mask;
      target[k + 1] = mask;
    }
    finishPacked(cpu, word);
  };
}

/** COMISS and UCOMISS: ZF, PF, CF by the order, OF, SF, AF cleared; nothing when an exception is unmasked. */
function compareScalarF32(isQuiet: boolean): Handler {
  return (cpu, code, pc) => {
    start(cpu, code, pc);
    const order = compareF32(simd, target[0], source[0], isQuiet);
    finishSimd(cpu);
    setArithmeticFlags(cpu, comparisonEflags(order));
  };
}

function compareScalarF64(isQuiet: boolean): Handler {
  return (cpu, code, pc) => {
    start(cpu, code, pc);
    const order = compareF64(simd, target[0], target[1], source[0], source[1], isQuiet);
    finishSimd(cpu);
    setArithmeticFlags(cpu, comparisonEflags(order));
  };
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalFloat = {
  ADDPS: packedF32(addF32),
  ADDPD: packedF64(addF64),
  ADDSS: scalarF32(addF32),
  ADDSD: scalarF64(addF64),
  MULPS: packedF32(multiplyF32),
  MULPD: packedF64(multiplyF64),
  MULSS: scalarF32(multiplyF32),
  MULSD: scalarF64(multiplyF64),
  SUBPS: packedF32(subtractF32),
  SUBPD: packedF64(subtractF64),
  SUBSS: scalarF32(subtractF32),
  SUBSD: scalarF64(subtractF64),
  MINPS: packedF32(minimumF32),
  MINPD: packedF64(minimumF64),
  MINSS: scalarF32(minimumF32),
  MINSD: scalarF64(minimumF64),
  DIVPS: packedF32(divideF32),
  DIVPD: packedF64(divideF64),
  DIVSS: scalarF32(divideF32),
  DIVSD: scalarF64(divideF64),
  MAXPS: packedF32(maximumF32),
  MAXPD: packedF64(maximumF64),
  MAXSS: scalarF32(maximumF32),
  MAXSD: scalarF64(maximumF64),
  SQRTPS: packedF32(rootF32),
  SQRTPD: packedF64(rootF64),
  SQRTSS: scalarF32(rootF32),
  SQRTSD: scalarF64(rootF64),
  RSQRTPS: approximate(reciprocalRootF32, 4),
  RSQRTSS: approximate(reciprocalRootF32, 1),
  RCPPS: approximate(reciprocalF32, 4),
  RCPSS: approximate(reciprocalF32, 1),
  HADDPD: horizontalF64(addF64),
  HADDPS: horizontalF32(addF32),
  HSUBPD: horizontalF64(subtractF64),
  HSUBPS: horizontalF32(subtractF32),
  ADDSUBPD: packedF64(subtractF64, addF64),
  ADDSUBPS: packedF32(subtractF32, addF32),
  CMPPS: compareMasksF32(4),
  CMPPD: compareMasksF64(2),
  CMPSS: compareMasksF32(1),
  CMPSD: compareMasksF64(1),
  UCOMISS: compareScalarF32(true),
  UCOMISD: compareScalarF64(true),
  COMISS: compareScalarF32(false),
  COMISD: compareScalarF64(false),
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalFloat = generalFloat;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const simdFloatHandlers = {
  ...generalFloat,
  ADDPS: (cpu, code, pc) => {
    if (!plainPackedF32(cpu, code, pc, ADD, ADD)) general.ADDPS(cpu, code, pc);
  },
  ADDPD: (cpu, code, pc) => {
    if (!plainPackedF64(cpu, code, pc, ADD, ADD)) general.ADDPD(cpu, code, pc);
  },
  ADDSS: (cpu, code, pc) => {
    if (!plainAddF32(cpu, code, pc)) general.ADDSS(cpu, code, pc);
  },
  ADDSD: (cpu, code, pc) => {
    if (!plainAddF64(cpu, code, pc)) general.ADDSD(cpu, code, pc);
  },
  MULPS: (cpu, code, pc) => {
    if (!plainPackedF32(cpu, code, pc, MULTIPLY, MULTIPLY)) general.MULPS(cpu, code, pc);
  },
  MULPD: (cpu, code, pc) => {
    if (!plainPackedF64(cpu, code, pc, MULTIPLY, MULTIPLY)) general.MULPD(cpu, code, pc);
  },
  MULSS: (cpu, code, pc) => {
    if (!plainMultiplyF32(cpu, code, pc)) general.MULSS(cpu, code, pc);
  },
  MULSD: (cpu, code, pc) => {
    if (!plainMultiplyF64(cpu, code, pc)) general.MULSD(cpu, code, pc);
  },
  SUBPS: (cpu, code, pc) => {
    if (!plainPackedF32(cpu, code, pc, SUBTRACT, SUBTRACT)) general.SUBPS(cpu, code, pc);
  },
  SUBPD: (cpu, code, pc) => {
    if (!plainPackedF64(cpu, code, pc, SUBTRACT, SUBTRACT)) general.SUBPD(cpu, code, pc);
  },
  SUBSS: (cpu, code, pc) => {
    if (!plainSubtractF32(cpu, code, pc)) general.SUBSS(cpu, code, pc);
  },
  SUBSD: (cpu, code, pc) => {
    if (!plainSubtractF64(cpu, code, pc)) general.SUBSD(cpu, code, pc);
  },
  MINPS: (cpu, code, pc) => {
    if (!plainPickF32(cpu, code, pc, false, 4)) general.MINPS(cpu, code, pc);
  },
  MINPD: (cpu, code, pc) => {
    if (!plainPickF64(cpu, code, pc, false, 2)) general.MINPD(cpu, code, pc);
  },
  MINSS: (cpu, code, pc) => {
    if (!plainPickF32(cpu, code, pc, false, 1)) general.MINSS(cpu, code, pc);
  },
  MINSD: (cpu, code, pc) => {
    if (!plainPickF64(cpu, code, pc, false, 1)) general.MINSD(cpu, code, pc);
  },
  DIVPS: (cpu, code, pc) => {
    if (!plainPackedF32(cpu, code, pc, DIVIDE, DIVIDE)) general.DIVPS(cpu, code, pc);
  },
  DIVPD: (cpu, code, pc) => {
    if (!plainPackedF64(cpu, code, pc, DIVIDE, DIVIDE)) general.DIVPD(cpu, code, pc);
  },
  DIVSS: (cpu, code, pc) => {
    if (!plainDivideF32(cpu, code, pc)) general.DIVSS(cpu, code, pc);
  },
  DIVSD: (cpu, code, pc) => {
    if (!plainDivideF64(cpu, code, pc)) general.DIVSD(cpu, code, pc);
  },
  MAXPS: (cpu, code, pc) => {
    if (!plainPickF32(cpu, code, pc, true, 4)) general.MAXPS(cpu, code, pc);
  },
  MAXPD: (cpu, code, pc) => {
    if (!plainPickF64(cpu, code, pc, true, 2)) general.MAXPD(cpu, code, pc);
  },
  MAXSS: (cpu, code, pc) => {
    if (!plainPickF32(cpu, code, pc, true, 1)) general.MAXSS(cpu, code, pc);
  },
  MAXSD: (cpu, code, pc) => {
    if (!plainPickF64(cpu, code, pc, true, 1)) general.MAXSD(cpu, code, pc);
  },
  SQRTSS: (cpu, code, pc) => {
    if (!plainRootF32(cpu, code, pc)) general.SQRTSS(cpu, code, pc);
  },
  SQRTSD: (cpu, code, pc) => {
    if (!plainRootF64(cpu, code, pc)) general.SQRTSD(cpu, code, pc);
  },
  HADDPD: (cpu, code, pc) => {
    if (!plainHorizontalF64(cpu, code, pc, ADD)) general.HADDPD(cpu, code, pc);
  },
  HADDPS: (cpu, code, pc) => {
    if (!plainHorizontalF32(cpu, code, pc, ADD)) general.HADDPS(cpu, code, pc);
  },
  HSUBPD: (cpu, code, pc) => {
    if (!plainHorizontalF64(cpu, code, pc, SUBTRACT)) general.HSUBPD(cpu, code, pc);
  },
  HSUBPS: (cpu, code, pc) => {
    if (!plainHorizontalF32(cpu, code, pc, SUBTRACT)) general.HSUBPS(cpu, code, pc);
  },
  ADDSUBPD: (cpu, code, pc) => {
    if (!plainPackedF64(cpu, code, pc, SUBTRACT, ADD)) general.ADDSUBPD(cpu, code, pc);
  },
  ADDSUBPS: (cpu, code, pc) => {
    if (!plainPackedF32(cpu, code, pc, SUBTRACT, ADD)) general.ADDSUBPS(cpu, code, pc);
  },
  CMPPS: (cpu, code, pc) => {
    if (!plainMaskF32(cpu, code, pc, 4)) general.CMPPS(cpu, code, pc);
  },
  CMPPD: (cpu, code, pc) => {
    if (!plainMaskF64(cpu, code, pc, 2)) general.CMPPD(cpu, code, pc);
  },
  CMPSS: (cpu, code, pc) => {
    if (!plainMaskF32(cpu, code, pc, 1)) general.CMPSS(cpu, code, pc);
  },
  CMPSD: (cpu, code, pc) => {
    if (!plainMaskF64(cpu, code, pc, 1)) general.CMPSD(cpu, code, pc);
  },
  UCOMISS: (cpu, code, pc) => {
    if (!plainOrderF32(cpu, code, pc)) general.UCOMISS(cpu, code, pc);
  },
  UCOMISD: (cpu, code, pc) => {
    if (!plainOrderF64(cpu, code, pc)) general.UCOMISD(cpu, code, pc);
  },
  COMISS: (cpu, code, pc) => {
    if (!plainOrderF32(cpu, code, pc)) general.COMISS(cpu, code, pc);
  },
  COMISD: (cpu, code, pc) => {
    if (!plainOrderF64(cpu, code, pc)) general.COMISD(cpu, code, pc);
  },
} satisfies Partial<Record<OpName, Handler>>;
