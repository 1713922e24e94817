// Moves between memory and MMX and XMM registers, aligned, unaligned, non-temporal and masked; halves, duplicates and
// sign masks. SDM 2 under each name. Non-temporal stores are plain stores: nothing here is weakly ordered.

import { enterBoth, enterMmx, enterSse, touchMmx } from '../../../src/core/cpu/float/sse/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import * as record from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite, store32, store8 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, kindA, kindB, linearOf, segmentOf, writeA } from '../operands.ts';
import {
  load128,
  load64,
  loadSource,
  markMmx,
  mmxWord,
  store128,
  store64,
  storeAligned128,
  xmmWord,
} from './simd-operands.ts';
import { plainMove128, plainMove32, plainMove64 } from './simd-plain-convert.ts';
import * as simdOperands from './simd-operands.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { KIND_MEMORY, KIND_MMX, KIND_XMM, META_ADDRSIZE_32, R_A, R_B, R_META } = record;
const { EDI } = layout;
const { source, sourceBytes } = simdOperands;

function writeXmm(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  const word = xmmWord(code[pc + R_A]);
  m32[word] = source[0];
  m32[word + 1] = source[1];
  m32[word + 2] = source[2];
  m32[word + 3] = source[3];
}

function writeMmx(cpu: Cpu, code: Int32Array, pc: number): void {
  const word = mmxWord(code[pc + R_A]);
  cpu.m32[word] = source[0];
  cpu.m32[word + 1] = source[1];
  markMmx(cpu, code[pc + R_A]);
}

/** MOVAPS, MOVAPD, MOVDQA and the non-temporal stores. */
function moveAligned(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  if (kindA(code, pc) === KIND_MEMORY) {
    storeAligned128(cpu, code, pc, xmmWord(code[pc + R_B]));
    return;
  }
  loadSource(cpu, code, pc);
  writeXmm(cpu, code, pc);
}

/** MOVUPS, MOVUPD, MOVDQU, LDDQU. */
function moveUnaligned(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  if (kindA(code, pc) === KIND_MEMORY) {
    store128(cpu, addressOf(cpu, code, pc, 16, true), xmmWord(code[pc + R_B]));
    return;
  }
  if (kindB(code, pc) === KIND_MEMORY) load128(cpu, addressOf(cpu, code, pc, 16, false));
  else loadSource(cpu, code, pc);
  writeXmm(cpu, code, pc);
}

/** A load clears the rest of the register; between registers only the scalar moves. */
function movss(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  if (kindA(code, pc) === KIND_MEMORY) {
    store32(cpu, addressOf(cpu, code, pc, 4, true), cpu.m32[xmmWord(code[pc + R_B])]);
    return;
  }
  loadSource(cpu, code, pc);
  if (kindB(code, pc) === KIND_MEMORY) writeXmm(cpu, code, pc);
  else cpu.m32[xmmWord(code[pc + R_A])] = source[0];
}

function movsd(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  if (kindA(code, pc) === KIND_MEMORY) {
    const from = xmmWord(code[pc + R_B]);
    store64(cpu, addressOf(cpu, code, pc, 8, true), cpu.m32[from], cpu.m32[from + 1]);
    return;
  }
  loadSource(cpu, code, pc);
  if (kindB(code, pc) === KIND_MEMORY) {
    writeXmm(cpu, code, pc);
    return;
  }
  const word = xmmWord(code[pc + R_A]);
  cpu.m32[word] = source[0];
  cpu.m32[word + 1] = source[1];
}

/** MOVD of either register file from or to 32 bits. */
function movd(cpu: Cpu, code: Int32Array, pc: number): void {
  switch (kindA(code, pc)) {
    case KIND_MMX:
      if (!enterMmx(cpu)) return;
      loadSource(cpu, code, pc);
      touchMmx(cpu);
      writeMmx(cpu, code, pc);
      return;
    case KIND_XMM:
      enterSse(cpu);
      loadSource(cpu, code, pc);
      writeXmm(cpu, code, pc);
      return;
    default:
  }
  if (kindB(code, pc) === KIND_MMX) {
    if (!enterMmx(cpu)) return;
    writeA(cpu, code, pc, cpu.m32[mmxWord(code[pc + R_B])]);
    touchMmx(cpu);
  } else {
    enterSse(cpu);
    writeA(cpu, code, pc, cpu.m32[xmmWord(code[pc + R_B])]);
  }
}

function movq(cpu: Cpu, code: Int32Array, pc: number): void {
  const isMmx = kindA(code, pc) === KIND_MMX || kindB(code, pc) === KIND_MMX;
  if (isMmx) {
    if (!enterMmx(cpu)) return;
  } else enterSse(cpu);
  if (kindA(code, pc) === KIND_MEMORY) {
    const from = isMmx ? mmxWord(code[pc + R_B]) : xmmWord(code[pc + R_B]);
    store64(cpu, addressOf(cpu, code, pc, 8, true), cpu.m32[from], cpu.m32[from + 1]);
    if (isMmx) touchMmx(cpu);
    return;
  }
  loadSource(cpu, code, pc);
  if (isMmx) {
    touchMmx(cpu);
    writeMmx(cpu, code, pc);
    return;
  }
  source[2] = 0;
  source[3] = 0;
  writeXmm(cpu, code, pc);
}

/** MOVQ2DQ clears the upper half. */
function movq2dq(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enterBoth(cpu)) return;
  loadSource(cpu, code, pc);
  touchMmx(cpu);
  writeXmm(cpu, code, pc);
}

function movdq2q(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enterBoth(cpu)) return;
  loadSource(cpu, code, pc);
  touchMmx(cpu);
  writeMmx(cpu, code, pc);
}

/** MOVLPS, MOVLPD (half 0), MOVHPS, MOVHPD (half 2, in words): 8 bytes between memory and one half. */
function moveHalf(half: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    const m32 = cpu.m32;
    if (kindA(code, pc) === KIND_MEMORY) {
      const from = xmmWord(code[pc + R_B]) + half;
      store64(cpu, addressOf(cpu, code, pc, 8, true), m32[from], m32[from + 1]);
      return;
    }
    load64(cpu, addressOf(cpu, code, pc, 8, false));
    const word = xmmWord(code[pc + R_A]) + half;
    m32[word] = source[0];
    m32[word + 1] = source[1];
  };
}

/** MOVHLPS and MOVLHPS: a half of one register into the other half of another. */
function crossHalf(to: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    const word = xmmWord(code[pc + R_A]) + to;
    const from = xmmWord(code[pc + R_B]) + 2 - to;
    const low = cpu.m32[from];
    const high = cpu.m32[from + 1];
    cpu.m32[word] = low;
    cpu.m32[word + 1] = high;
  };
}

/** MOVSLDUP, MOVSHDUP, MOVDDUP: the source words that make up the result. */
function duplicate(a: number, b: number, c: number, d: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    const m32 = cpu.m32;
    const word = xmmWord(code[pc + R_A]);
    m32[word] = source[a];
    m32[word + 1] = source[b];
    m32[word + 2] = source[c];
    m32[word + 3] = source[d];
  };
}

function movmskps(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  loadSource(cpu, code, pc);
  cpu.m32[code[pc + R_A]] =
    (source[0] >>> 31) | ((source[1] >>> 31) << 1) | ((source[2] >>> 31) << 2) | ((source[3] >>> 31) << 3);
}

function movmskpd(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  loadSource(cpu, code, pc);
  cpu.m32[code[pc + R_A]] = (source[1] >>> 31) | ((source[3] >>> 31) << 1);
}

/** Top bits of four bytes as four bits: the product moves each to its place without carries. */
function byteSigns(word: number): number {
  return Math.imul((word >>> 7) & 0x01010101, 0x10204080) >>> 28;
}

function pmovmskb(cpu: Cpu, code: Int32Array, pc: number): void {
  if (kindB(code, pc) === KIND_MMX) {
    if (!enterMmx(cpu)) return;
    touchMmx(cpu);
  } else enterSse(cpu);
  loadSource(cpu, code, pc);
  cpu.m32[code[pc + R_A]] =
    byteSigns(source[0]) | (byteSigns(source[1]) << 4) | (byteSigns(source[2]) << 8) | (byteSigns(source[3]) << 12);
}

function movntq(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enterMmx(cpu)) return;
  const from = mmxWord(code[pc + R_B]);
  store64(cpu, addressOf(cpu, code, pc, 8, true), cpu.m32[from], cpu.m32[from + 1]);
  touchMmx(cpu);
}

/** Available whatever CR0.EM, CR0.TS and CR4.OSFXSR say. */
function movnti(cpu: Cpu, code: Int32Array, pc: number): void {
  writeA(cpu, code, pc, cpu.m32[code[pc + R_B]]);
}

/**
 * Bytes of register `word` whose mask byte in `source` is negative go to DS:eDI (or the segment of the prefix). Silicon
 * checks eight bytes at a time, whatever the mask says, and stores each by itself: with a 16-bit address each wraps.
 */
function storeMasked(cpu: Cpu, code: Int32Array, pc: number, word: number, bytes: number): void {
  const offsetMask = (code[pc + R_META] & META_ADDRSIZE_32) !== 0 ? -1 : 0xffff;
  const offset = cpu.m32[EDI] & offsetMask;
  const segment = segmentOf(code, pc);
  const at = linearOf(cpu, segment, offset, 8, true);
  checkAlignment(cpu, at, 8);
  checkWrite(cpu, at, 8);
  if (bytes > 8) checkWrite(cpu, linearOf(cpu, segment, (offset + 8) & offsetMask, 8, true), 8);
  const start = (at - offset) | 0;
  for (let k = 0; k < bytes; k++) {
    if ((sourceBytes[k] & 0x80) !== 0) store8(cpu, (start + ((offset + k) & offsetMask)) | 0, cpu.m8[4 * word + k]);
  }
}

function maskmovq(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enterMmx(cpu)) return;
  loadSource(cpu, code, pc);
  // Silicon is in MMX state even when the store faults.
  touchMmx(cpu);
  storeMasked(cpu, code, pc, mmxWord(code[pc + R_A]), 8);
}

function maskmovdqu(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  loadSource(cpu, code, pc);
  storeMasked(cpu, code, pc, xmmWord(code[pc + R_A]), 16);
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalMove = {
  MOVUPS: moveUnaligned,
  MOVUPD: moveUnaligned,
  MOVDQU: moveUnaligned,
  LDDQU: moveUnaligned,
  MOVAPS: moveAligned,
  MOVAPD: moveAligned,
  MOVDQA: moveAligned,
  MOVSS: movss,
  MOVSD: movsd,
  MOVQ: movq,
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalMove = generalMove;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const simdMoveHandlers = {
  MOVD: movd,
  MOVQ: (cpu, code, pc) => {
    if (!plainMove64(cpu, code, pc, true)) general.MOVQ(cpu, code, pc);
  },
  MOVQ2DQ: movq2dq,
  MOVDQ2Q: movdq2q,
  MOVUPS: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVUPS(cpu, code, pc);
  },
  MOVUPD: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVUPD(cpu, code, pc);
  },
  MOVDQU: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVDQU(cpu, code, pc);
  },
  LDDQU: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.LDDQU(cpu, code, pc);
  },
  MOVSS: (cpu, code, pc) => {
    if (!plainMove32(cpu, code, pc)) general.MOVSS(cpu, code, pc);
  },
  MOVSD: (cpu, code, pc) => {
    if (!plainMove64(cpu, code, pc, false)) general.MOVSD(cpu, code, pc);
  },
  MOVAPS: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVAPS(cpu, code, pc);
  },
  MOVAPD: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVAPD(cpu, code, pc);
  },
  MOVDQA: (cpu, code, pc) => {
    if (!plainMove128(cpu, code, pc)) general.MOVDQA(cpu, code, pc);
  },
  MOVNTPS: moveAligned,
  MOVNTPD: moveAligned,
  MOVNTDQ: moveAligned,
  MOVNTQ: movntq,
  MOVNTI: movnti,
  MOVLPS: moveHalf(0),
  MOVLPD: moveHalf(0),
  MOVHPS: moveHalf(2),
  MOVHPD: moveHalf(2),
  MOVHLPS: crossHalf(0),
  MOVLHPS: crossHalf(2),
  MOVSLDUP: duplicate(0, 0, 2, 2),
  MOVSHDUP: duplicate(1, 1, 3, 3),
  MOVDDUP: duplicate(0, 1, 0, 1),
  MOVMSKPS: movmskps,
  MOVMSKPD: movmskpd,
  PMOVMSKB: pmovmskb,
  MASKMOVQ: maskmovq,
  MASKMOVDQU: maskmovdqu,
} satisfies Partial<Record<OpName, Handler>>;
