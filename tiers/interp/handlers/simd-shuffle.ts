// Packing with saturation, interleaving, shuffles, single halves. SDM 2 under each name. Both operands are copied
// before the result is written, since they may be one register.

import { enterMmx, enterSse, touchMmx } from '../../../src/core/cpu/float/sse/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_MMX, R_A, R_B, R_IMM } from '../../../src/core/isa/record.ts';
import type { Handler } from '../handler.ts';
import { kindB } from '../operands.ts';
import { toSignedByte, toSignedHalf, toUnsignedByte } from './simd-integer.ts';
import {
  begin,
  destinationWord,
  loadTarget,
  mmxWord,
  source,
  sourceBytes,
  sourceHalves,
  target,
  targetBytes,
  targetHalves,
  xmmWord,
} from './simd-operands.ts';

/** PACKSSWB and PACKUSWB: the halves of A become the low bytes, those of B the high ones. */
function packHalves(saturate: (value: number) => number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    loadTarget(cpu, word, count);
    const halves = 2 * count;
    const at = 4 * word;
    for (let k = 0; k < halves; k++) {
      cpu.m8[at + k] = saturate((targetHalves[k] << 16) >> 16);
      cpu.m8[at + halves + k] = saturate((sourceHalves[k] << 16) >> 16);
    }
  };
}

const packssdw: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const word = destinationWord(code, pc, count);
  loadTarget(cpu, word, count);
  const at = 2 * word;
  for (let k = 0; k < count; k++) {
    cpu.m16[at + k] = toSignedHalf(target[k]);
    cpu.m16[at + count + k] = toSignedHalf(source[k]);
  }
};

/** PUNPCKLBW (`part` 0) and PUNPCKHBW (1): bytes of A and B in turns. */
function interleaveBytes(part: number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    loadTarget(cpu, word, count);
    const half = 2 * count;
    const from = part * half;
    const at = 4 * word;
    for (let k = 0; k < half; k++) {
      cpu.m8[at + 2 * k] = targetBytes[from + k];
      cpu.m8[at + 2 * k + 1] = sourceBytes[from + k];
    }
  };
}

function interleaveHalves(part: number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    loadTarget(cpu, word, count);
    const from = part * count;
    const at = 2 * word;
    for (let k = 0; k < count; k++) {
      cpu.m16[at + 2 * k] = targetHalves[from + k];
      cpu.m16[at + 2 * k + 1] = sourceHalves[from + k];
    }
  };
}

/** PUNPCKLDQ, PUNPCKHDQ; UNPCKLPS and UNPCKHPS are the same on XMM registers. */
function interleaveWords(part: number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    loadTarget(cpu, word, count);
    const half = count >> 1;
    const from = part * half;
    for (let k = 0; k < half; k++) {
      cpu.m32[word + 2 * k] = target[from + k];
      cpu.m32[word + 2 * k + 1] = source[from + k];
    }
  };
}

/** PUNPCKLQDQ, PUNPCKHQDQ, UNPCKLPD, UNPCKHPD. */
function interleaveQuadwords(part: number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    loadTarget(cpu, word, count);
    const m32 = cpu.m32;
    m32[word] = target[2 * part];
    m32[word + 1] = target[2 * part + 1];
    m32[word + 2] = source[2 * part];
    m32[word + 3] = source[2 * part + 1];
  };
}

const pshufd: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const word = destinationWord(code, pc, count);
  const order = code[pc + R_IMM];
  const m32 = cpu.m32;
  m32[word] = source[order & 3];
  m32[word + 1] = source[(order >> 2) & 3];
  m32[word + 2] = source[(order >> 4) & 3];
  m32[word + 3] = source[(order >> 6) & 3];
};

/** PSHUFW and PSHUFLW (first half 0), PSHUFHW (4): four halves are chosen, the others copied. */
function shuffleHalves(first: number): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const word = destinationWord(code, pc, count);
    const order = code[pc + R_IMM];
    const at = 2 * word;
    for (let k = 0; k < 2 * count; k++) {
      const isChosen = k >= first && k < first + 4;
      cpu.m16[at + k] = sourceHalves[isChosen ? first + ((order >> (2 * (k - first))) & 3) : k];
    }
  };
}

/** The low two words come from A, the high two from B. */
const shufps: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const word = destinationWord(code, pc, count);
  loadTarget(cpu, word, count);
  const order = code[pc + R_IMM];
  const m32 = cpu.m32;
  m32[word] = target[order & 3];
  m32[word + 1] = target[(order >> 2) & 3];
  m32[word + 2] = source[(order >> 4) & 3];
  m32[word + 3] = source[(order >> 6) & 3];
};

const shufpd: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const word = destinationWord(code, pc, count);
  loadTarget(cpu, word, count);
  const low = (code[pc + R_IMM] & 1) << 1;
  const high = code[pc + R_IMM] & 2;
  const m32 = cpu.m32;
  m32[word] = target[low];
  m32[word + 1] = target[low + 1];
  m32[word + 2] = source[high];
  m32[word + 3] = source[high + 1];
};

const pinsrw: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  if (count === 0) return;
  const word = destinationWord(code, pc, count);
  cpu.m16[2 * word + (code[pc + R_IMM] & (2 * count - 1))] = source[0];
};

const pextrw: Handler = (cpu, code, pc) => {
  const isMmx = kindB(code, pc) === KIND_MMX;
  if (isMmx) {
    if (!enterMmx(cpu)) return;
    touchMmx(cpu);
  } else enterSse(cpu);
  const half = code[pc + R_IMM] & (isMmx ? 3 : 7);
  const word = isMmx ? mmxWord(code[pc + R_B]) : xmmWord(code[pc + R_B]);
  cpu.m32[code[pc + R_A]] = cpu.m16[2 * word + half];
};

export const simdShuffleHandlers = {
  PACKSSWB: packHalves(toSignedByte),
  PACKUSWB: packHalves(toUnsignedByte),
  PACKSSDW: packssdw,
  PUNPCKLBW: interleaveBytes(0),
  PUNPCKHBW: interleaveBytes(1),
  PUNPCKLWD: interleaveHalves(0),
  PUNPCKHWD: interleaveHalves(1),
  PUNPCKLDQ: interleaveWords(0),
  PUNPCKHDQ: interleaveWords(1),
  PUNPCKLQDQ: interleaveQuadwords(0),
  PUNPCKHQDQ: interleaveQuadwords(1),
  PSHUFW: shuffleHalves(0),
  PSHUFD: pshufd,
  PSHUFHW: shuffleHalves(4),
  PSHUFLW: shuffleHalves(0),
  PINSRW: pinsrw,
  PEXTRW: pextrw,
  SHUFPS: shufps,
  SHUFPD: shufpd,
  UNPCKLPS: interleaveWords(0),
  UNPCKHPS: interleaveWords(1),
  UNPCKLPD: interleaveQuadwords(0),
  UNPCKHPD: interleaveQuadwords(1),
} satisfies Partial<Record<OpName, Handler>>;
