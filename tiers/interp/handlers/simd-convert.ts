// Conversions between 32-bit integers, singles and doubles in general, MMX and XMM registers. SDM 2 under each name
// (CVT…). Those with an MMX operand are also MMX instructions: they enter MMX state and look at pending x87 errors.

import { settlePacked } from '../../../src/core/cpu/float/ieee/environment.ts';
import type { Words } from '../../../src/core/cpu/float/x87/f80.ts';
import {
  f32ToF64,
  f32ToInt32,
  f64ToF32,
  f64ToInt32,
  int32ToF32,
  int32ToF64,
} from '../../../src/core/cpu/float/sse/sse-convert.ts';
import { enterBoth, enterSse, finishSimd, prepareSimd, simd, touchMmx } from '../../../src/core/cpu/float/sse/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_MMX, R_A } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import type { Handler } from '../handler.ts';
import { kindB } from '../operands.ts';
import { commitTarget, loadSource, markMmx, mmxWord, source, target, xmmWord } from './simd-operands.ts';
import {
  plainF32ToF64,
  plainF32ToInteger,
  plainF64ToF32,
  plainF64ToInteger,
  plainIntegersToF32,
  plainIntegersToF64,
  plainSinglesToIntegers,
} from './simd-plain-convert.ts';

const pair: Words = { hi: 0, lo: 0 };

/** XMM to XMM and general to XMM: `compute` fills the low `count` words of `target` from `source`. */
function toXmm(compute: () => void, count: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    prepareSimd(cpu);
    compute();
    writeXmm(cpu, xmmWord(code[pc + R_A]), count);
  };
}

function writeXmm(cpu: Cpu, word: number, count: number): void {
  settlePacked(simd);
  finishSimd(cpu);
  for (let k = 0; k < count; k++) cpu.m32[word + k] = target[k];
}

/**
 * CVTPI2PS and CVTPI2PD: MMX or memory to XMM. With its operand in memory it is no MMX instruction: the manual says so
 * of CVTPI2PD alone, silicon does the same for both.
 */
function fromMmx(compute: () => void, count: number): Handler {
  return (cpu, code, pc) => {
    const isMmx = kindB(code, pc) === KIND_MMX;
    if (!isMmx) enterSse(cpu);
    else if (!enterBoth(cpu)) return;
    loadSource(cpu, code, pc);
    if (isMmx) touchMmx(cpu);
    prepareSimd(cpu);
    compute();
    writeXmm(cpu, xmmWord(code[pc + R_A]), count);
  };
}

/** XMM or memory to MMX. */
function toMmx(compute: () => void): Handler {
  return (cpu, code, pc) => {
    if (!enterBoth(cpu)) return;
    loadSource(cpu, code, pc);
    // Silicon is in MMX state even when #XM follows.
    touchMmx(cpu);
    prepareSimd(cpu);
    compute();
    settlePacked(simd);
    finishSimd(cpu);
    markMmx(cpu, code[pc + R_A]);
    commitTarget(cpu, mmxWord(code[pc + R_A]), 2);
  };
}

/** XMM or memory to a general register. */
function toGeneral(compute: () => number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    prepareSimd(cpu);
    const value = compute();
    finishSimd(cpu);
    cpu.m32[code[pc + R_A]] = value;
  };
}

function integersToSingles(count: number): () => void {
  return () => {
    for (let k = 0; k < count; k++) target[k] = int32ToF32(simd, source[k]);
  };
}

function integersToDoubles(count: number): () => void {
  return () => {
    for (let k = 0; k < count; k++) {
      int32ToF64(source[k], pair);
      target[2 * k] = pair.lo;
      target[2 * k + 1] = pair.hi;
    }
  };
}

function singlesToIntegers(count: number, truncates: boolean): () => void {
  return () => {
    for (let k = 0; k < count; k++) target[k] = f32ToInt32(simd, source[k], truncates);
  };
}

/** Two doubles; the upper words become 0. */
function doublesToIntegers(truncates: boolean): () => void {
  return () => {
    for (let k = 0; k < 2; k++) target[k] = f64ToInt32(simd, source[2 * k], source[2 * k + 1], truncates);
    target[2] = 0;
    target[3] = 0;
  };
}

function singlesToDoubles(count: number): () => void {
  return () => {
    for (let k = 0; k < count; k++) {
      f32ToF64(simd, source[k], pair);
      target[2 * k] = pair.lo;
      target[2 * k + 1] = pair.hi;
    }
  };
}

function doublesToSingles(count: number): () => void {
  return () => {
    for (let k = 0; k < count; k++) target[k] = f64ToF32(simd, source[2 * k], source[2 * k + 1]);
    target[2] = 0;
    target[3] = 0;
  };
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalConvert = {
  CVTPI2PS: fromMmx(integersToSingles(2), 2),
  CVTPI2PD: fromMmx(integersToDoubles(2), 4),
  CVTSI2SS: toXmm(integersToSingles(1), 1),
  CVTSI2SD: toXmm(integersToDoubles(1), 2),
  CVTTPS2PI: toMmx(singlesToIntegers(2, true)),
  CVTTPD2PI: toMmx(doublesToIntegers(true)),
  CVTTSS2SI: toGeneral(() => f32ToInt32(simd, source[0], true)),
  CVTTSD2SI: toGeneral(() => f64ToInt32(simd, source[0], source[1], true)),
  CVTPS2PI: toMmx(singlesToIntegers(2, false)),
  CVTPD2PI: toMmx(doublesToIntegers(false)),
  CVTSS2SI: toGeneral(() => f32ToInt32(simd, source[0], false)),
  CVTSD2SI: toGeneral(() => f64ToInt32(simd, source[0], source[1], false)),
  CVTPS2PD: toXmm(singlesToDoubles(2), 4),
  CVTPD2PS: toXmm(doublesToSingles(2), 4),
  CVTSS2SD: toXmm(singlesToDoubles(1), 2),
  CVTSD2SS: toXmm(doublesToSingles(1), 1),
  CVTDQ2PS: toXmm(integersToSingles(4), 4),
  CVTPS2DQ: toXmm(singlesToIntegers(4, false), 4),
  CVTTPS2DQ: toXmm(singlesToIntegers(4, true), 4),
  CVTTPD2DQ: toXmm(doublesToIntegers(true), 4),
  CVTDQ2PD: toXmm(integersToDoubles(2), 4),
  CVTPD2DQ: toXmm(doublesToIntegers(false), 4),
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalConvert = generalConvert;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const simdConvertHandlers = {
  ...generalConvert,
  CVTSI2SD: (cpu, code, pc) => {
    if (!plainIntegersToF64(cpu, code, pc, 1)) general.CVTSI2SD(cpu, code, pc);
  },
  CVTDQ2PD: (cpu, code, pc) => {
    if (!plainIntegersToF64(cpu, code, pc, 2)) general.CVTDQ2PD(cpu, code, pc);
  },
  CVTSI2SS: (cpu, code, pc) => {
    if (!plainIntegersToF32(cpu, code, pc, 1)) general.CVTSI2SS(cpu, code, pc);
  },
  CVTDQ2PS: (cpu, code, pc) => {
    if (!plainIntegersToF32(cpu, code, pc, 4)) general.CVTDQ2PS(cpu, code, pc);
  },
  CVTTSD2SI: (cpu, code, pc) => {
    if (!plainF64ToInteger(cpu, code, pc, true)) general.CVTTSD2SI(cpu, code, pc);
  },
  CVTSD2SI: (cpu, code, pc) => {
    if (!plainF64ToInteger(cpu, code, pc, false)) general.CVTSD2SI(cpu, code, pc);
  },
  CVTTSS2SI: (cpu, code, pc) => {
    if (!plainF32ToInteger(cpu, code, pc, true)) general.CVTTSS2SI(cpu, code, pc);
  },
  CVTSS2SI: (cpu, code, pc) => {
    if (!plainF32ToInteger(cpu, code, pc, false)) general.CVTSS2SI(cpu, code, pc);
  },
  CVTTPS2DQ: (cpu, code, pc) => {
    if (!plainSinglesToIntegers(cpu, code, pc, true)) general.CVTTPS2DQ(cpu, code, pc);
  },
  CVTPS2DQ: (cpu, code, pc) => {
    if (!plainSinglesToIntegers(cpu, code, pc, false)) general.CVTPS2DQ(cpu, code, pc);
  },
  CVTSS2SD: (cpu, code, pc) => {
    if (!plainF32ToF64(cpu, code, pc, 1)) general.CVTSS2SD(cpu, code, pc);
  },
  CVTPS2PD: (cpu, code, pc) => {
    if (!plainF32ToF64(cpu, code, pc, 2)) general.CVTPS2PD(cpu, code, pc);
  },
  CVTSD2SS: (cpu, code, pc) => {
    if (!plainF64ToF32(cpu, code, pc, 1)) general.CVTSD2SS(cpu, code, pc);
  },
  CVTPD2PS: (cpu, code, pc) => {
    if (!plainF64ToF32(cpu, code, pc, 2)) general.CVTPD2PS(cpu, code, pc);
  },
} satisfies Partial<Record<OpName, Handler>>;
