// Lazy condition codes: the last arithmetic result and source instead of six flag bits, from which any
// flag or condition is computed when somebody looks. SDM 1 §3.4.3.1, appendices A and B.
// All engines write the same three words:
//   ccOp   CC_EFLAGS (the bits are in the eflags word) or kind * 3 + sizeIndex + 1 (0 = 8, 1 = 16, 2 = 32 bits)
//   ccDst  the result, truncated to the size and SIGN-extended to 32 bits
//   ccSrc  ADD ADC SUB SBB: the second operand (without the carry), SIGN-extended; INC DEC: the previous CF in
//          bit 0; SZP: the CF, AF and OF bits themselves; LOGIC: ignored
// Sign extension makes SF, ZF and all comparisons independent of the size (it keeps unsigned order too).
// While ccOp is not CC_EFLAGS the arithmetic bits of the eflags word mean nothing.

import type { Cpu } from './cpu.ts';
import * as layout from './layout.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { AF, ARITHMETIC_FLAGS, CC_DST, CC_OP, CC_SRC, CF, EFLAGS, OF, PF, SF, ZF } = layout;

export const CC_EFLAGS = 0;
/** ADD, XADD, and ADC with carry 0. */
export const CC_ADD8 = 1;
export const CC_ADD16 = 2;
export const CC_ADD32 = 3;
/** ADC when the carry was 1. */
export const CC_ADC8 = 4;
export const CC_ADC16 = 5;
export const CC_ADC32 = 6;
/** SUB, CMP, NEG (source operand: what is subtracted), SBB with borrow 0. */
export const CC_SUB8 = 7;
export const CC_SUB16 = 8;
export const CC_SUB32 = 9;
/** SBB when the borrow was 1. */
export const CC_SBB8 = 10;
export const CC_SBB16 = 11;
export const CC_SBB32 = 12;
/** AND, OR, XOR, TEST: CF = OF = AF = 0. */
export const CC_LOGIC8 = 13;
export const CC_LOGIC16 = 14;
export const CC_LOGIC32 = 15;
export const CC_INC8 = 16;
export const CC_INC16 = 17;
export const CC_INC32 = 18;
export const CC_DEC8 = 19;
export const CC_DEC16 = 20;
export const CC_DEC32 = 21;
/** SF, ZF, PF from the result; CF, AF, OF given: shifts, multiplications. */
export const CC_SZP8 = 22;
export const CC_SZP16 = 23;
export const CC_SZP32 = 24;

// Kinds: number = kind + sizeIndex.
export const CC_ADD = CC_ADD8;
export const CC_ADC = CC_ADC8;
export const CC_SUB = CC_SUB8;
export const CC_SBB = CC_SBB8;
export const CC_LOGIC = CC_LOGIC8;
export const CC_INC = CC_INC8;
export const CC_DEC = CC_DEC8;
export const CC_SZP = CC_SZP8;

// Exported numbers are read from the module each time, as imported ones are: these are not.
const EFLAGS_KIND = CC_EFLAGS;
const ADC_KIND = CC_ADC;
const SUB_KIND = CC_SUB;
const SBB_KIND = CC_SBB;
const LOGIC_KIND = CC_LOGIC;
const INC_KIND = CC_INC;
const DEC_KIND = CC_DEC;
const SZP_KIND = CC_SZP;
const SUB32_KIND = CC_SUB32;
const LOGIC32_KIND = CC_LOGIC32;

/** Left shift that brings the operand's sign bit to bit 31, by ccOp. */
const SIGN_SHIFT = new Int32Array(25);
for (let kind = 0; kind < 8; kind++) SIGN_SHIFT.set([24, 16, 0], kind * 3 + 1);

/** PF of a result: set when its low byte has an even number of ones. */
export function parity(result: number): number {
  return ((0x9669 >> ((result ^ (result >> 4)) & 15)) & 1) << 2;
}

/** Write the lazy triple. `dst` and `src` sign-extended as the header says. */
export function setLazy(cpu: Cpu, op: number, dst: number, src: number): void {
  const m32 = cpu.m32;
  m32[CC_OP] = op;
  m32[CC_DST] = dst;
  m32[CC_SRC] = src;
}

/** The first operand, low bits exact (bits above the size are not), of ADD ADC SUB SBB. */
function firstOperand(op: number, dst: number, src: number): number {
  if (op < ADC_KIND) return (dst - src) | 0;
  if (op < SUB_KIND) return (dst - src - 1) | 0;
  if (op < SBB_KIND) return (dst + src) | 0;
  return (dst + src + 1) | 0;
}

/** CF. */
export function carry(cpu: Cpu): 0 | 1 {
  const m32 = cpu.m32;
  const op = m32[CC_OP];
  const dst = m32[CC_DST];
  const src = m32[CC_SRC];
  switch (op) {
    case 0: // EFLAGS
      return (m32[EFLAGS] & CF) as 0 | 1;
    case 1: // ADD8
    case 2: // ADD16
    case 3: // ADD32
      return dst >>> 0 < src >>> 0 ? 1 : 0;
    case 4: // ADC8
    case 5: // ADC16
    case 6: // ADC32
      return dst >>> 0 <= src >>> 0 ? 1 : 0;
    case 9: // SUB32
      return (dst + src) >>> 0 < src >>> 0 ? 1 : 0;
    case 7: // SUB8
    case 8: {
      // SUB16
      const shift = SIGN_SHIFT[op];
      return ((dst + src) << shift) >>> 0 < (src << shift) >>> 0 ? 1 : 0;
    }
    case 10: // SBB8
    case 11: // SBB16
    case 12: {
      // SBB32
      const shift = SIGN_SHIFT[op];
      return ((dst + src + 1) << shift) >>> 0 <= (src << shift) >>> 0 ? 1 : 0;
    }
    case 13: // LOGIC8
    case 14: // LOGIC16
    case 15: // LOGIC32
      return 0;
    default: // INC, DEC, SZP
      return (src & CF) as 0 | 1;
  }
}

/** OF as a boolean. */
function overflow(cpu: Cpu): boolean {
  const m32 = cpu.m32;
  const op = m32[CC_OP];
  if (op === EFLAGS_KIND) return (m32[EFLAGS] & OF) !== 0;
  const dst = m32[CC_DST];
  const src = m32[CC_SRC];
  if (op < LOGIC_KIND) {
    const first = firstOperand(op, dst, src);
    const signs = op < SUB_KIND ? (first ^ dst) & (src ^ dst) : (first ^ src) & (first ^ dst);
    return signs << SIGN_SHIFT[op] < 0;
  }
  if (op < INC_KIND) return false;
  const lowest = 0x80000000 >> SIGN_SHIFT[op];
  if (op < DEC_KIND) return dst === lowest;
  if (op < SZP_KIND) return dst === ~lowest;
  return (src & OF) !== 0;
}

/** The arithmetic flags of a lazy state (ccOp is not CC_EFLAGS). */
function arithmeticFlags(cpu: Cpu): number {
  const m32 = cpu.m32;
  const op = m32[CC_OP];
  const dst = m32[CC_DST];
  const src = m32[CC_SRC];
  let flags = parity(dst) | (dst === 0 ? ZF : 0) | (dst < 0 ? SF : 0);
  if (op >= SZP_KIND) return flags | (src & (CF | AF | OF));
  flags |= carry(cpu);
  if (overflow(cpu)) flags |= OF;
  if (op < LOGIC_KIND) flags |= (firstOperand(op, dst, src) ^ src ^ dst) & AF;
  else if (op >= DEC_KIND) flags |= (dst & 15) === 15 ? AF : 0;
  else if (op >= INC_KIND) flags |= (dst & 15) === 0 ? AF : 0;
  return flags;
}

/** All of EFLAGS, without changing the lazy state. */
export function getFlags(cpu: Cpu): number {
  const eflags = cpu.m32[EFLAGS];
  if (cpu.m32[CC_OP] === EFLAGS_KIND) return eflags;
  return (eflags & ~ARITHMETIC_FLAGS) | arithmeticFlags(cpu);
}

/** Bring the arithmetic flags into the eflags word (before a snapshot, a hash, an edit of single bits). */
export function foldFlags(cpu: Cpu): void {
  if (cpu.m32[CC_OP] === EFLAGS_KIND) return;
  cpu.m32[EFLAGS] = getFlags(cpu);
  cpu.m32[CC_OP] = EFLAGS_KIND;
}

/** Set CF PF AF ZF SF OF from `bits`; other bits of `bits` are ignored and of EFLAGS kept. */
export function setArithmeticFlags(cpu: Cpu, bits: number): void {
  const m32 = cpu.m32;
  m32[EFLAGS] = (m32[EFLAGS] & ~ARITHMETIC_FLAGS) | (bits & ARITHMETIC_FLAGS);
  m32[CC_OP] = EFLAGS_KIND;
}

/** Replace the whole of EFLAGS; the caller has masked what may change. */
export function setFlags(cpu: Cpu, eflags: number): void {
  cpu.m32[EFLAGS] = eflags;
  cpu.m32[CC_OP] = EFLAGS_KIND;
}

/** Replace the arithmetic flags in `mask` (others keep their value). */
export function changeFlags(cpu: Cpu, mask: number, bits: number): void {
  foldFlags(cpu);
  cpu.m32[EFLAGS] = (cpu.m32[EFLAGS] & ~mask) | (bits & mask);
}

function isZero(cpu: Cpu): boolean {
  const m32 = cpu.m32;
  return m32[CC_OP] === EFLAGS_KIND ? (m32[EFLAGS] & ZF) !== 0 : m32[CC_DST] === 0;
}

function isNegative(cpu: Cpu): boolean {
  const m32 = cpu.m32;
  return m32[CC_OP] === EFLAGS_KIND ? (m32[EFLAGS] & SF) !== 0 : m32[CC_DST] < 0;
}

function isParityEven(cpu: Cpu): boolean {
  const m32 = cpu.m32;
  return (m32[CC_OP] === EFLAGS_KIND ? m32[EFLAGS] & PF : parity(m32[CC_DST])) !== 0;
}

/** One bit of EFLAGS as 1 or 0, without working out the others. */
export function flagValue(cpu: Cpu, bit: number): 0 | 1 {
  switch (bit) {
    case CF:
      return carry(cpu);
    case ZF:
      return isZero(cpu) ? 1 : 0;
    case SF:
      return isNegative(cpu) ? 1 : 0;
    case PF:
      return isParityEven(cpu) ? 1 : 0;
    case OF:
      return overflow(cpu) ? 1 : 0;
    default:
      return ((bit === AF ? getFlags(cpu) : cpu.m32[EFLAGS]) & bit) === 0 ? 0 : 1;
  }
}

/** SF ≠ OF. */
function isLess(cpu: Cpu): boolean {
  const m32 = cpu.m32;
  const op = m32[CC_OP];
  if (op === SUB32_KIND) return ((m32[CC_DST] + m32[CC_SRC]) | 0) < m32[CC_SRC];
  if (op >= LOGIC_KIND && op <= LOGIC32_KIND) return m32[CC_DST] < 0;
  return isNegative(cpu) !== overflow(cpu);
}

/** Condition tttn of Jcc, SETcc, CMOVcc (SDM 2 appendix B, table B-10). */
export function condition(cpu: Cpu, cc: number): boolean {
  switch (cc) {
    case 0: // O
      return overflow(cpu);
    case 1: // NO
      return !overflow(cpu);
    case 2: // B
      return carry(cpu) !== 0;
    case 3: // AE
      return carry(cpu) === 0;
    case 4: // E
      return isZero(cpu);
    case 5: // NE
      return !isZero(cpu);
    case 6: // BE
      return isZero(cpu) || carry(cpu) !== 0;
    case 7: // A
      return !isZero(cpu) && carry(cpu) === 0;
    case 8: // S
      return isNegative(cpu);
    case 9: // NS
      return !isNegative(cpu);
    case 10: // P
      return isParityEven(cpu);
    case 11: // NP
      return !isParityEven(cpu);
    case 12: // L
      return isLess(cpu);
    case 13: // GE
      return !isLess(cpu);
    case 14: // LE
      return isZero(cpu) || isLess(cpu);
    default: // G
      return !isZero(cpu) && !isLess(cpu);
  }
}
