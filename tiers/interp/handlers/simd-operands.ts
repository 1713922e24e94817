// Operands of MMX and SSE instructions: 4 to 16 bytes from memory or a register into `source`, register destinations
// as word indices of the CPU block, stores that change nothing when a part of them faults. 128-bit operands in memory
// are #GP(0) when 16 does not divide their address, but for the instructions that say otherwise (SDM 1 §10.4.1).

import { VECTOR_GP } from '../../../src/core/base/vectors.ts';
import { enterMmx, enterSse, touchMmx } from '../../../src/core/cpu/float/sse/simd.ts';
import * as record from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite, hostSpan, load16, load32, store32 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { addressOf, effectiveOffset, kindA, kindB, linearOf, segmentOf, sizeB } from '../operands.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { KIND_IMMEDIATE, KIND_MEMORY, KIND_MMX, KIND_REGISTER, R_A, R_B, R_IMM, SIZE_128, SIZE_16, SIZE_32, SIZE_64 } =
  record;
const { FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, SEG_BASE, XMM } = layout;

/** The source operand, least significant word first; words beyond its size are 0 when it came from memory. */
export const source = new Int32Array(4);
export const sourceBytes = new Uint8Array(source.buffer);
export const sourceHalves = new Uint16Array(source.buffer);
/** Copy of the destination's old value, or the result while it is not yet certain. */
export const target = new Int32Array(4);
export const targetBytes = new Uint8Array(target.buffer);
export const targetHalves = new Uint16Array(target.buffer);

/** Word index of an MMX register: the significand of the physical register of its number. */
export const mmxWord = (register: number): number => FP_SIGNIFICAND + 2 * register;
export const xmmWord = (register: number): number => XMM + 4 * register;

/** Writing an MMX register fills sign and exponent with ones. */
export function markMmx(cpu: Cpu, register: number): void {
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = 0xffff;
}

/**
 * Linear address of a 16-byte operand. A wrong alignment is found before the segment's limit, even with SS (silicon).
 */
function aligned128(cpu: Cpu, code: Int32Array, pc: number, write: boolean): number {
  const segment = segmentOf(code, pc);
  const offset = effectiveOffset(cpu, code, pc);
  if (((cpu.m32[SEG_BASE + segment] + offset) & 15) !== 0) raise(cpu, VECTOR_GP, 0);
  return linearOf(cpu, segment, offset, 16, write);
}

/** 8 bytes into the low half of `source`, the rest 0. */
export function load64(cpu: Cpu, at: number): void {
  if ((at & 7) !== 0) checkAlignment(cpu, at, 8);
  source[0] = load32(cpu, at);
  source[1] = load32(cpu, (at + 4) | 0);
  source[2] = 0;
  source[3] = 0;
}

/** 16 bytes into `source`. */
export function load128(cpu: Cpu, at: number): void {
  if ((at & 15) === 0) {
    const host = hostSpan(cpu, at, false);
    if (host >= 0) {
      const word = host >>> 2;
      const m32 = cpu.m32;
      source[0] = m32[word];
      source[1] = m32[word + 1];
      source[2] = m32[word + 2];
      source[3] = m32[word + 3];
      return;
    }
  } else checkAlignment(cpu, at, 16);
  source[0] = load32(cpu, at);
  source[1] = load32(cpu, (at + 4) | 0);
  source[2] = load32(cpu, (at + 8) | 0);
  source[3] = load32(cpu, (at + 12) | 0);
}

export function loadAligned128(cpu: Cpu, code: Int32Array, pc: number): void {
  load128(cpu, aligned128(cpu, code, pc, false));
}

export function store64(cpu: Cpu, at: number, lo: number, hi: number): void {
  if ((at & 7) !== 0) {
    checkAlignment(cpu, at, 8);
    checkWrite(cpu, at, 8);
  }
  store32(cpu, at, lo);
  store32(cpu, (at + 4) | 0, hi);
}

/** Store four words of the CPU block from `word` on. */
export function store128(cpu: Cpu, at: number, word: number): void {
  const m32 = cpu.m32;
  if ((at & 15) === 0) {
    const host = hostSpan(cpu, at, true);
    if (host >= 0) {
      const to = host >>> 2;
      m32[to] = m32[word];
      m32[to + 1] = m32[word + 1];
      m32[to + 2] = m32[word + 2];
      m32[to + 3] = m32[word + 3];
      return;
    }
  } else {
    checkAlignment(cpu, at, 16);
    checkWrite(cpu, at, 16);
  }
  store32(cpu, at, m32[word]);
  store32(cpu, (at + 4) | 0, m32[word + 1]);
  store32(cpu, (at + 8) | 0, m32[word + 2]);
  store32(cpu, (at + 12) | 0, m32[word + 3]);
}

export function storeAligned128(cpu: Cpu, code: Int32Array, pc: number, word: number): void {
  store128(cpu, aligned128(cpu, code, pc, true), word);
}

/** Operand B, of whatever kind and size, into `source`. */
export function loadSource(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  const kind = kindB(code, pc);
  if (kind === KIND_MEMORY) {
    switch (sizeB(code, pc)) {
      case SIZE_128:
        loadAligned128(cpu, code, pc);
        return;
      case SIZE_64:
        load64(cpu, addressOf(cpu, code, pc, 8, false));
        return;
      case SIZE_16:
        source[0] = load16(cpu, addressOf(cpu, code, pc, 2, false));
        break;
      case SIZE_32:
      default:
        source[0] = load32(cpu, addressOf(cpu, code, pc, 4, false));
    }
    source[1] = 0;
    source[2] = 0;
    source[3] = 0;
    return;
  }
  if (kind === KIND_MMX) {
    const word = mmxWord(code[pc + R_B]);
    source[0] = m32[word];
    source[1] = m32[word + 1];
    source[2] = 0;
    source[3] = 0;
  } else if (kind === KIND_REGISTER || kind === KIND_IMMEDIATE) {
    source[0] = kind === KIND_REGISTER ? m32[code[pc + R_B]] : code[pc + R_IMM];
    source[1] = 0;
    source[2] = 0;
    source[3] = 0;
  } else {
    const word = xmmWord(code[pc + R_B]);
    source[0] = m32[word];
    source[1] = m32[word + 1];
    source[2] = m32[word + 2];
    source[3] = m32[word + 3];
  }
}

/**
 * The beginning of an instruction of either register file that changes its register A: checks, then B in `source`.
 * Returns the words of the register: 2 for MMX, 4 for XMM, 0 when the processor waits for an x87 error to be reported.
 */
export function begin(cpu: Cpu, code: Int32Array, pc: number): number {
  if (kindA(code, pc) !== KIND_MMX) {
    enterSse(cpu);
    loadSource(cpu, code, pc);
    return 4;
  }
  if (!enterMmx(cpu)) return 0;
  loadSource(cpu, code, pc);
  touchMmx(cpu);
  markMmx(cpu, code[pc + R_A]);
  return 2;
}

/** Word index of register A, given its number of words. */
export function destinationWord(code: Int32Array, pc: number, words: number): number {
  return words === 2 ? mmxWord(code[pc + R_A]) : xmmWord(code[pc + R_A]);
}

/** Copy register A into `target`. */
export function loadTarget(cpu: Cpu, word: number, words: number): void {
  const m32 = cpu.m32;
  target[0] = m32[word];
  target[1] = m32[word + 1];
  if (words === 2) return;
  target[2] = m32[word + 2];
  target[3] = m32[word + 3];
}

/** Write the low words of `target` to register A. */
export function commitTarget(cpu: Cpu, word: number, words: number): void {
  const m32 = cpu.m32;
  m32[word] = target[0];
  m32[word + 1] = target[1];
  if (words === 2) return;
  m32[word + 2] = target[2];
  m32[word + 3] = target[3];
}
