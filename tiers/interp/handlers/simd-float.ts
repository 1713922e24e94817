// SSE, SSE2 and SSE3 floating point arithmetic and comparison. SDM 2 under each name, SDM 1 §11.5 (exceptions: a packed
// instruction reports those of all elements together and writes nothing when one is unmasked). Host arithmetic is used
// where fast-path.ts proves that it gives the same bits and changes no flag; everything else goes the integer way.

import { type FloatEnvironment, settlePacked } from '../../../src/core/cpu/float/environment.ts';
import type { Words } from '../../../src/core/cpu/float/f80.ts';
import { comparisonEflags } from '../../../src/core/cpu/float/f80-compare.ts';
import {
  allowsFastPath,
  fastAddF32,
  fastAddF64,
  fastDivideF32,
  fastDivideF64,
  fastMultiplyF32,
  fastMultiplyF64,
  fastSubtractF32,
  fastSubtractF64,
  NOT_TAKEN,
} from '../../../src/core/cpu/float/fast-path.ts';
import { reciprocalF32, reciprocalRootF32 } from '../../../src/core/cpu/float/sse-approximate.ts';
import { compareF32, compareF64, compareMaskF32, compareMaskF64 } from '../../../src/core/cpu/float/sse-compare.ts';
import {
  addF32,
  divideF32,
  maximumF32,
  minimumF32,
  multiplyF32,
  squareRootF32,
  subtractF32,
} from '../../../src/core/cpu/float/sse-f32.ts';
import {
  addF64,
  divideF64,
  maximumF64,
  minimumF64,
  multiplyF64,
  squareRootF64,
  subtractF64,
} from '../../../src/core/cpu/float/sse-f64.ts';
import { enterSse, finishSimd, prepareSimd, simd } from '../../../src/core/cpu/fpu/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_A, R_IMM } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { setArithmeticFlags } from '../../../src/core/state/flags.ts';
import { MXCSR } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import {
  commitTarget,
  loadSource,
  loadTarget,
  source,
  sourceF32,
  sourceF64,
  target,
  targetF32,
  targetF64,
  xmmWord,
} from './simd-operands.ts';
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

type Fast = (a: number, b: number) => number;
type SlowF32 = (env: FloatEnvironment, a: number, b: number) => number;
type SlowF64 = (env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words) => void;

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

/** Never taken: operations without a fast path. */
const slowOnly: Fast = () => NOT_TAKEN;

function scalarF32(fast: Fast, slow: SlowF32): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const m32 = cpu.m32;
    const word = xmmWord(code[pc + R_A]);
    if (allowsFastPath(m32[MXCSR])) {
      target[0] = m32[word];
      const value = fast(targetF32[0], sourceF32[0]);
      if (value === value) {
        targetF32[0] = value;
        m32[word] = target[0];
        return;
      }
    }
    prepareSimd(cpu);
    const bits = slow(simd, m32[word], source[0]);
    finishSimd(cpu);
    m32[word] = bits;
  };
}

function scalarF64(fast: Fast, slow: SlowF64): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const m32 = cpu.m32;
    const word = xmmWord(code[pc + R_A]);
    if (allowsFastPath(m32[MXCSR])) {
      target[0] = m32[word];
      target[1] = m32[word + 1];
      const value = fast(targetF64[0], sourceF64[0]);
      if (value === value) {
        targetF64[0] = value;
        m32[word] = target[0];
        m32[word + 1] = target[1];
        return;
      }
    }
    prepareSimd(cpu);
    slow(simd, m32[word], m32[word + 1], source[0], source[1], pair);
    finishSimd(cpu);
    m32[word] = pair.lo;
    m32[word + 1] = pair.hi;
  };
}

/** Element k of `target`: f(target, source). */
function elementF32(allowed: boolean, fast: Fast, slow: SlowF32, k: number): void {
  if (allowed) {
    const value = fast(targetF32[k], sourceF32[k]);
    if (value === value) {
      targetF32[k] = value;
      return;
    }
  }
  target[k] = slow(simd, target[k], source[k]);
}

function elementF64(allowed: boolean, fast: Fast, slow: SlowF64, k: number): void {
  if (allowed) {
    const value = fast(targetF64[k], sourceF64[k]);
    if (value === value) {
      targetF64[k] = value;
      return;
    }
  }
  slow(simd, target[2 * k], target[2 * k + 1], source[2 * k], source[2 * k + 1], pair);
  target[2 * k] = pair.lo;
  target[2 * k + 1] = pair.hi;
}

function packedF32(fast: Fast, slow: SlowF32, fastOdd = fast, slowOdd = slow): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const allowed = allowsFastPath(cpu.m32[MXCSR]);
    elementF32(allowed, fast, slow, 0);
    elementF32(allowed, fastOdd, slowOdd, 1);
    elementF32(allowed, fast, slow, 2);
    elementF32(allowed, fastOdd, slowOdd, 3);
    finishPacked(cpu, word);
  };
}

function packedF64(fast: Fast, slow: SlowF64, fastOdd = fast, slowOdd = slow): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const allowed = allowsFastPath(cpu.m32[MXCSR]);
    elementF64(allowed, fast, slow, 0);
    elementF64(allowed, fastOdd, slowOdd, 1);
    finishPacked(cpu, word);
  };
}

/** HADDPS and HSUBPS: A0∘A1, A2∘A3, B0∘B1, B2∘B3. The operands change places and the packed operation does the rest. */
function horizontalF32(fast: Fast, slow: SlowF32): Handler {
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
    const allowed = allowsFastPath(cpu.m32[MXCSR]);
    for (let k = 0; k < 4; k++) elementF32(allowed, fast, slow, k);
    finishPacked(cpu, word);
  };
}

/** HADDPD and HSUBPD: A0∘A1, B0∘B1. */
function horizontalF64(fast: Fast, slow: SlowF64): Handler {
  return (cpu, code, pc) => {
    const word = start(cpu, code, pc);
    const upperLow = target[2];
    const upperHigh = target[3];
    target[2] = source[0];
    target[3] = source[1];
    source[0] = upperLow;
    source[1] = upperHigh;
    const allowed = allowsFastPath(cpu.m32[MXCSR]);
    elementF64(allowed, fast, slow, 0);
    elementF64(allowed, fast, slow, 1);
    finishPacked(cpu, word);
  };
}

const rootF32: SlowF32 = (env, _a, b) => squareRootF32(env, b);
const rootF64: SlowF64 = (env, _aLo, _aHi, bLo, bHi, out) => squareRootF64(env, bLo, bHi, out);

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
  ADDPS: packedF32(fastAddF32, addF32),
  ADDPD: packedF64(fastAddF64, addF64),
  ADDSS: scalarF32(fastAddF32, addF32),
  ADDSD: scalarF64(fastAddF64, addF64),
  MULPS: packedF32(fastMultiplyF32, multiplyF32),
  MULPD: packedF64(fastMultiplyF64, multiplyF64),
  MULSS: scalarF32(fastMultiplyF32, multiplyF32),
  MULSD: scalarF64(fastMultiplyF64, multiplyF64),
  SUBPS: packedF32(fastSubtractF32, subtractF32),
  SUBPD: packedF64(fastSubtractF64, subtractF64),
  SUBSS: scalarF32(fastSubtractF32, subtractF32),
  SUBSD: scalarF64(fastSubtractF64, subtractF64),
  MINPS: packedF32(slowOnly, minimumF32),
  MINPD: packedF64(slowOnly, minimumF64),
  MINSS: scalarF32(slowOnly, minimumF32),
  MINSD: scalarF64(slowOnly, minimumF64),
  DIVPS: packedF32(fastDivideF32, divideF32),
  DIVPD: packedF64(fastDivideF64, divideF64),
  DIVSS: scalarF32(fastDivideF32, divideF32),
  DIVSD: scalarF64(fastDivideF64, divideF64),
  MAXPS: packedF32(slowOnly, maximumF32),
  MAXPD: packedF64(slowOnly, maximumF64),
  MAXSS: scalarF32(slowOnly, maximumF32),
  MAXSD: scalarF64(slowOnly, maximumF64),
  SQRTPS: packedF32(slowOnly, rootF32),
  SQRTPD: packedF64(slowOnly, rootF64),
  SQRTSS: scalarF32(slowOnly, rootF32),
  SQRTSD: scalarF64(slowOnly, rootF64),
  RSQRTPS: approximate(reciprocalRootF32, 4),
  RSQRTSS: approximate(reciprocalRootF32, 1),
  RCPPS: approximate(reciprocalF32, 4),
  RCPSS: approximate(reciprocalF32, 1),
  HADDPD: horizontalF64(fastAddF64, addF64),
  HADDPS: horizontalF32(fastAddF32, addF32),
  HSUBPD: horizontalF64(fastSubtractF64, subtractF64),
  HSUBPS: horizontalF32(fastSubtractF32, subtractF32),
  ADDSUBPD: packedF64(fastSubtractF64, subtractF64, fastAddF64, addF64),
  ADDSUBPS: packedF32(fastSubtractF32, subtractF32, fastAddF32, addF32),
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
