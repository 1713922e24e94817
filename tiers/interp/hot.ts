// The interpreter's inner loop: runs chains of decoded blocks while everything is plain. One switch over
// the records' R_HOT numbers; a case that meets anything special (TLB miss, unaligned, device, fault)
// breaks out and lets the row's handler do the same instruction from the start, so each case is only
// ever the plain path. Registers and flags live in the CPU block at all times: leaving is free.
// Why one huge function: a switch over flat records needs no warm-up and no calls (MEASUREMENTS.md).

import * as flags from '../../src/core/state/flags.ts';
import * as record from '../../src/core/isa/record.ts';
import * as layout from '../../src/core/state/layout.ts';
import * as tlbBits from '../../src/core/memory/tlb.ts';
import { runProbed } from '../../src/core/cpu/probed.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import * as header from './blocks.ts';
import type { BlockCache } from './blocks.ts';
import { multiplyHigh } from './handlers/multiply.ts';
import * as above from './tier-above.ts';

// V8 reads an imported constant from its module each time, with checks, even in optimised code; one of this module
// becomes part of the code. 1.5 times the speed of the loop (MEASUREMENTS.md).
const {
  CC_ADC32,
  CC_ADD32,
  CC_ADD8,
  CC_DEC32,
  CC_EFLAGS,
  CC_INC32,
  CC_LOGIC32,
  CC_LOGIC8,
  CC_SBB32,
  CC_SUB32,
  CC_SUB8,
  CC_SZP32,
  carry,
  changeFlags,
  condition,
  setLazy,
} = flags;
const { HOT_PROBED, META_OP_MASK, R_A, R_B, R_DISP, R_EA, R_HOT, R_IMM, R_META, R_POSITION, RECORD_WORDS } = record;
const {
  AF,
  CC_DST,
  CC_OP,
  CC_SRC,
  CF,
  CS,
  EAX,
  EBP,
  ECX,
  EDX,
  EFLAGS,
  EIP,
  ESP,
  EXIT_REQUEST,
  LEFT,
  MODE_CPL3,
  MODE_FLAT_CODE,
  MODE_KEY,
  OF,
  SEG_BASE,
  SEG_LIMIT,
  SF,
  ZERO,
  ZF,
} = layout;
const {
  TLB_NO_SUPER_FETCH,
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_FETCH,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
} = tlbBits;
const { B_BYTES, B_COUNT, BLOCK_HEADER_WORDS } = header;
const { B_COMPILED, B_HEAT } = above;

/** IMUL r32: the low half; CF and OF say whether it was all; the other flags stay (as handlers/multiply.ts). */
function multiplySigned(cpu: Cpu, a: number, b: number): number {
  const result = Math.imul(a, b);
  // Beyond 2^53 the double is inexact but still far outside the 32-bit range, so the comparison holds.
  changeFlags(cpu, CF | OF, a * b === result ? 0 : CF | OF);
  return result;
}

// Shifts of a 32-bit register by 1–31, flags as in handlers/shift.ts.

function shiftLeft(cpu: Cpu, value: number, count: number): number {
  const result = value << count;
  const out = (value >>> (32 - count)) & 1;
  setLazy(cpu, CC_SZP32, result, AF | out | (((result >>> 31) ^ out) << 11));
  return result;
}

function shiftRight(cpu: Cpu, value: number, count: number): number {
  const result = (value >>> count) | 0;
  const overflow = (result ^ (result << 1)) >>> 31;
  setLazy(cpu, CC_SZP32, result, AF | ((value >>> (count - 1)) & 1) | (overflow << 11));
  return result;
}

function shiftArithmetic(cpu: Cpu, value: number, count: number): number {
  const result = value >> count;
  setLazy(cpu, CC_SZP32, result, AF | ((value >> (count - 1)) & 1));
  return result;
}

// Rotations by 1–31 change CF and OF alone (SDM 2, ROL).

function rotateLeft(cpu: Cpu, value: number, count: number): number {
  const result = (value << count) | (value >>> (32 - count));
  changeFlags(cpu, CF | OF, (result & 1) | ((((result >>> 31) ^ result) & 1) << 11));
  return result;
}

function rotateRight(cpu: Cpu, value: number, count: number): number {
  const result = (value >>> count) | (value << (32 - count));
  const top = result >>> 31;
  changeFlags(cpu, CF | OF, top | ((top ^ ((result >>> 30) & 1)) << 11));
  return result;
}

/** Why the inner loop was left. */
/** The slice is used up. */
export const LEFT_AT_END = 0;
/** cpu.exitRequest is set. */
export const LEFT_ON_REQUEST = 1;
/** The next block is longer than what is left of the slice. */
export const LEFT_SHORT = 2;
/** Only to be entered again: the slice goes on. */
export const LEFT_TO_REST = 3;
/** The next instruction may not be fetched through the TLB. */
export const LEFT_UNTRANSLATED = 4;
/** The next block is not in the cache. */
export const LEFT_UNDECODED = 5;
/** The next block lies across the limit of the code segment. */
export const LEFT_AT_LIMIT = 6;
/** Mode or code segment are others now: what the loop holds for them is to be looked up afresh. */
export const LEFT_IN_OTHER_MODE = 7;
export type WhyLeft = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/**
 * Run blocks from EIP until something else has to be done; says what. EIP and cpu.left are exact on return. Throws
 * GUEST_FAULT from handlers, with EIP at the instruction and cpu.left before it (less cpu.extraTicks).
 */
export function runHot(cpu: Cpu, blocks: BlockCache, tier: above.TierAbove): WhyLeft {
  const { m8, m16, m32, tlb } = cpu;
  const code = blocks.code;
  const mode = m32[MODE_KEY];
  const user = (mode & MODE_CPL3) !== 0;
  const readDeny = user ? TLB_NO_USER_READ : TLB_NO_SUPER_READ;
  const writeDeny = user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE;
  const modifyDeny = readDeny | writeDeny;
  const fetchDeny = user ? TLB_NO_USER_FETCH : TLB_NO_SUPER_FETCH;
  const tables = blocks.tablesOf(mode);
  const flatCode = (mode & MODE_FLAT_CODE) !== 0;
  const csBase = m32[SEG_BASE + CS];
  const csLimit = m32[SEG_LIMIT + CS] >>> 0;
  // Leaving now and then lets the host engine enter its compiled version by a plain call, which it has ready
  // seconds before one that enters in the middle of the loop.
  const reserve = Math.max(0, m32[LEFT] - CALL_TICKS_MAX);
  let left = m32[LEFT] - reserve;
  let eip = m32[EIP];
  const { functions, handlers } = tier;
  let why: WhyLeft = LEFT_ON_REQUEST;
  let pageLinear = 1; // never equal to a page's address
  let table = header.NO_BLOCKS;
  let declined = 0;

  enter: for (;;) {
    const linear = (eip + csBase) | 0;
    if ((linear & -4096) !== pageLinear) {
      const entry = tlb[linear >>> 12];
      if ((entry & fetchDeny) !== 0) {
        why = LEFT_UNTRANSLATED;
        break;
      }
      table = tables[((entry & -4096) + (linear & -4096)) >>> 12];
      pageLinear = linear & -4096;
    }
    let block = table[linear & 0xfff];
    if (block <= 0) {
      m32[EIP] = eip;
      m32[LEFT] = left + reserve;
      if (block === 0 || !blocks.renew(-block)) {
        why = LEFT_UNDECODED;
        break;
      }
      block = -block;
    }
    const count = code[block + B_COUNT];
    if (count > left) {
      why = count > left + reserve ? LEFT_SHORT : LEFT_TO_REST;
      break;
    }
    const compiled = code[block + B_COMPILED];
    if (compiled !== 0 && block !== declined) {
      m32[EIP] = eip;
      m32[LEFT] = left + reserve;
      functions[compiled](cpu);
      // Nothing is what a function does when it declines, since its code does not lie inside the segment.
      declined = m32[LEFT] === left + reserve && m32[EIP] === eip ? block : 0;
      left = m32[LEFT] - reserve;
      eip = m32[EIP];
      if (m32[EXIT_REQUEST] !== 0) break;
      // What it did may have been passed on the way (goOn): a fault, or a return to another mode.
      if (m32[MODE_KEY] !== mode || m32[SEG_BASE + CS] !== csBase || m32[SEG_LIMIT + CS] >>> 0 !== csLimit) {
        why = LEFT_IN_OTHER_MODE;
        break;
      }
      continue;
    }
    declined = 0;
    if (--code[block + B_HEAT] === 0) {
      m32[EIP] = eip;
      m32[LEFT] = left + reserve;
      tier.onHot(block);
      pageLinear = 1;
      continue;
    }
    if (!flatCode && (eip >>> 0) + code[block + B_BYTES] - 1 > csLimit) {
      why = LEFT_AT_LIMIT;
      break;
    }
    left -= count;
    const blockEip = eip;
    let pc = block + BLOCK_HEADER_WORDS;
    const end = pc + count * RECORD_WORDS;

    dispatch: for (;;) {
      switch (code[pc + R_HOT]) {
        case 1: // HOT_END
          eip = (blockEip + code[pc + R_POSITION]) | 0;
          continue enter;
        case 2: {
          // MOV_R_S
          m32[code[pc + R_A]] = m32[code[pc + R_B]] + code[pc + R_IMM];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 3: {
          // MOV_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          m32[code[pc + R_A]] = m32[((entry & -4096) + address) >>> 2];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 4: {
          // MOV_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & writeDeny) | (address & 3)) !== 0) break;
          m32[((entry & -4096) + address) >>> 2] = m32[code[pc + R_B]] + code[pc + R_IMM];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 5: {
          // MOV_R8_M8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] = m8[((entry & -4096) + address) | 0];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 6: {
          // MOV_M8_R8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & writeDeny) !== 0) break;
          m8[((entry & -4096) + address) | 0] = m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 7: {
          // MOV_M8_I
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & writeDeny) !== 0) break;
          m8[((entry & -4096) + address) | 0] = code[pc + R_IMM];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 8: {
          // MOV_R8_R8
          m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] = m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 9: {
          // MOV_R8_I
          m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] = code[pc + R_IMM];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 10: {
          // MOV_M16_R16
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & writeDeny) | (address & 1)) !== 0) break;
          m16[((entry & -4096) + address) >>> 1] = m16[code[pc + R_B] << 1];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 11: {
          // MOVZX_R_M8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          m32[code[pc + R_A]] = m8[((entry & -4096) + address) | 0];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 12: {
          // MOVZX_R_R8
          m32[code[pc + R_A]] = m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 13: {
          // MOVZX_R_M16
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 1)) !== 0) break;
          m32[code[pc + R_A]] = m16[((entry & -4096) + address) >>> 1];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 14: {
          // MOVZX_R_R16
          m32[code[pc + R_A]] = m16[code[pc + R_B] << 1];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 15: {
          // MOVSX_R_M8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          m32[code[pc + R_A]] = (m8[((entry & -4096) + address) | 0] << 24) >> 24;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 16: {
          // MOVSX_R_R8
          m32[code[pc + R_A]] = (m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)] << 24) >> 24;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 17: {
          // MOVSX_R_M16
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 1)) !== 0) break;
          m32[code[pc + R_A]] = (m16[((entry & -4096) + address) >>> 1] << 16) >> 16;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 18: {
          // MOVSX_R_R16
          m32[code[pc + R_A]] = (m16[code[pc + R_B] << 1] << 16) >> 16;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 19: {
          // LEA
          m32[code[pc + R_A]] =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 20: {
          // ADD_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] + source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_ADD32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 21: {
          // SUB_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] - source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 22: {
          // AND_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] & source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 23: {
          // OR_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = m32[code[pc + R_A]] | source | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 24: {
          // XOR_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] ^ source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 25: {
          // CMP_R_S
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = m32[code[pc + R_A]] - source;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 26: {
          // TEST_R_S
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = m32[code[pc + R_A]] & ((m32[code[pc + R_B]] + code[pc + R_IMM]) | 0);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 27: {
          // ADC_R_S
          const carryIn = carry(cpu) | 0;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] + source + carryIn) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = carryIn === 0 ? CC_ADD32 : CC_ADC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 28: {
          // SBB_R_S
          const carryIn = carry(cpu) | 0;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[code[pc + R_A]] - source - carryIn) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = carryIn === 0 ? CC_SUB32 : CC_SBB32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 29: {
          // ADD_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          const result = (m32[code[pc + R_A]] + source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_ADD32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 30: {
          // SUB_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          const result = (m32[code[pc + R_A]] - source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 31: {
          // AND_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          const result = (m32[code[pc + R_A]] & source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 32: {
          // OR_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          const result = m32[code[pc + R_A]] | source | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 33: {
          // XOR_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          const result = (m32[code[pc + R_A]] ^ source) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 34: {
          // CMP_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = m32[((entry & -4096) + address) >>> 2];
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = m32[code[pc + R_A]] - source;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 35: {
          // CMP_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = m32[((entry & -4096) + address) >>> 2] - source;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 36: {
          // TEST_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = m32[((entry & -4096) + address) >>> 2] & ((m32[code[pc + R_B]] + code[pc + R_IMM]) | 0);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 37: {
          // ADD_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[((entry & -4096) + address) >>> 2] + source) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_ADD32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 38: {
          // SUB_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[((entry & -4096) + address) >>> 2] - source) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 39: {
          // AND_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[((entry & -4096) + address) >>> 2] & source) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 40: {
          // OR_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = m32[((entry & -4096) + address) >>> 2] | source | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 41: {
          // XOR_M_S
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          const source = (m32[code[pc + R_B]] + code[pc + R_IMM]) | 0;
          const result = (m32[((entry & -4096) + address) >>> 2] ^ source) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_LOGIC32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 42: {
          // INC_R
          m32[CC_SRC] = carry(cpu);
          const result = (m32[code[pc + R_A]] + 1) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_INC32;
          m32[CC_DST] = result;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 43: {
          // DEC_R
          m32[CC_SRC] = carry(cpu);
          const result = (m32[code[pc + R_A]] - 1) | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_DEC32;
          m32[CC_DST] = result;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 44: {
          // INC_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          m32[CC_SRC] = carry(cpu);
          const result = (m32[((entry & -4096) + address) >>> 2] + 1) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_INC32;
          m32[CC_DST] = result;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 45: {
          // DEC_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & modifyDeny) | (address & 3)) !== 0) break;
          m32[CC_SRC] = carry(cpu);
          const result = (m32[((entry & -4096) + address) >>> 2] - 1) | 0;
          m32[((entry & -4096) + address) >>> 2] = result;
          m32[CC_OP] = CC_DEC32;
          m32[CC_DST] = result;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 46: {
          // NEG_R
          const source = m32[code[pc + R_A]];
          const result = -source | 0;
          m32[code[pc + R_A]] = result;
          m32[CC_OP] = CC_SUB32;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 47: {
          // NOT_R
          m32[code[pc + R_A]] = ~m32[code[pc + R_A]];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 68: {
          // CMP_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const first = m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)];
          m32[CC_OP] = CC_SUB8;
          m32[CC_DST] = ((first - source) << 24) >> 24;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 69: {
          // CMP_M8_S8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          m32[CC_OP] = CC_SUB8;
          m32[CC_DST] = ((m8[((entry & -4096) + address) | 0] - source) << 24) >> 24;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 85: {
          // CMP_R8_M8
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          const source = (m8[((entry & -4096) + address) | 0] << 24) >> 24;
          m32[CC_OP] = CC_SUB8;
          m32[CC_DST] = ((m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] - source) << 24) >> 24;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 70: {
          // TEST_R8_S8
          const source =
            code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)];
          m32[CC_OP] = CC_LOGIC8;
          m32[CC_DST] = ((m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] & source) << 24) >> 24;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 71: {
          // TEST_M8_I
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if ((entry & readDeny) !== 0) break;
          m32[CC_OP] = CC_LOGIC8;
          m32[CC_DST] = ((m8[((entry & -4096) + address) | 0] & code[pc + R_IMM]) << 24) >> 24;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 82: {
          // ADD_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const at = (code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2);
          const result = ((m8[at] + source) << 24) >> 24;
          m8[at] = result;
          m32[CC_OP] = CC_ADD8;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 83: {
          // SUB_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const at = (code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2);
          const result = ((m8[at] - source) << 24) >> 24;
          m8[at] = result;
          m32[CC_OP] = CC_SUB8;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 80: {
          // AND_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const at = (code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2);
          const result = ((m8[at] & source) << 24) >> 24;
          m8[at] = result;
          m32[CC_OP] = CC_LOGIC8;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 81: {
          // OR_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const at = (code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2);
          const result = ((m8[at] | source) << 24) >> 24;
          m8[at] = result;
          m32[CC_OP] = CC_LOGIC8;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 79: {
          // XOR_R8_S8
          const source =
            ((code[pc + R_B] === ZERO ? code[pc + R_IMM] : m8[(code[pc + R_B] & 3) * 4 + (code[pc + R_B] >> 2)]) <<
              24) >>
            24;
          const at = (code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2);
          const result = ((m8[at] ^ source) << 24) >> 24;
          m8[at] = result;
          m32[CC_OP] = CC_LOGIC8;
          m32[CC_DST] = result;
          m32[CC_SRC] = source;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 72: {
          // SETCC_R8
          m8[(code[pc + R_A] & 3) * 4 + (code[pc + R_A] >> 2)] = condition(cpu, code[pc + R_B]) ? 1 : 0;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 73: {
          // CMOVCC_R_R
          if (condition(cpu, code[pc + R_IMM])) m32[code[pc + R_A]] = m32[code[pc + R_B]];
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 74: {
          // XCHG_R_R
          const first = m32[code[pc + R_A]];
          m32[code[pc + R_A]] = m32[code[pc + R_B]];
          m32[code[pc + R_B]] = first;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 75: {
          // CDQ
          m32[EDX] = m32[EAX] >> 31;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 76: {
          // NOP
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 54: {
          // IMUL_R_R
          const result = multiplySigned(cpu, m32[code[pc + R_A]], m32[code[pc + R_B]]);
          m32[code[pc + R_A]] = result;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 55: {
          // IMUL_R_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          m32[code[pc + R_A]] = multiplySigned(cpu, m32[code[pc + R_A]], m32[((entry & -4096) + address) >>> 2]);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 56: {
          // IMUL3_R_R
          m32[code[pc + R_A]] = multiplySigned(cpu, m32[code[pc + R_B]], code[pc + R_IMM]);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 57: {
          // PUSH_S
          const address = (m32[ESP] - 4) | 0;
          const entry = tlb[address >>> 12];
          if (((entry & writeDeny) | (address & 3)) !== 0) break;
          m32[((entry & -4096) + address) >>> 2] = m32[code[pc + R_A]] + code[pc + R_IMM];
          m32[ESP] = address;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 58: {
          // PUSH_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const value = m32[((entry & -4096) + address) >>> 2];
          const target = (m32[ESP] - 4) | 0;
          const stack = tlb[target >>> 12];
          if (((stack & writeDeny) | (target & 3)) !== 0) break;
          m32[((stack & -4096) + target) >>> 2] = value;
          m32[ESP] = target;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 59: {
          // POP_R
          const address = m32[ESP];
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const value = m32[((entry & -4096) + address) >>> 2];
          m32[ESP] = address + 4;
          m32[code[pc + R_A]] = value;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 67: {
          // LEAVE
          const address = m32[EBP];
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          m32[EBP] = m32[((entry & -4096) + address) >>> 2];
          m32[ESP] = address + 4;
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 60: {
          // CALL
          const target = (m32[ESP] - 4) | 0;
          const stack = tlb[target >>> 12];
          if (((stack & writeDeny) | (target & 3)) !== 0) break;
          m32[((stack & -4096) + target) >>> 2] = blockEip + code[pc + R_A];
          m32[ESP] = target;
          eip = (blockEip + code[pc + R_DISP]) | 0;
          continue enter;
        }
        case 61: {
          // CALL_R
          const destination = m32[code[pc + R_A]];
          const target = (m32[ESP] - 4) | 0;
          const stack = tlb[target >>> 12];
          if (((stack & writeDeny) | (target & 3)) !== 0) break;
          m32[((stack & -4096) + target) >>> 2] =
            blockEip + (code[pc + R_POSITION] & 0xffff) + (code[pc + R_POSITION] >>> 16);
          m32[ESP] = target;
          eip = destination;
          continue enter;
        }
        case 62: {
          // CALL_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          const destination = m32[((entry & -4096) + address) >>> 2];
          const target = (m32[ESP] - 4) | 0;
          const stack = tlb[target >>> 12];
          if (((stack & writeDeny) | (target & 3)) !== 0) break;
          m32[((stack & -4096) + target) >>> 2] =
            blockEip + (code[pc + R_POSITION] & 0xffff) + (code[pc + R_POSITION] >>> 16);
          m32[ESP] = target;
          eip = destination;
          continue enter;
        }
        case 63: {
          // RET
          const address = m32[ESP];
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          eip = m32[((entry & -4096) + address) >>> 2];
          m32[ESP] = address + 4 + code[pc + R_IMM];
          continue enter;
        }
        case 64: {
          // JMP
          eip = (blockEip + code[pc + R_DISP]) | 0;
          continue enter;
        }
        case 65: {
          // JMP_R
          eip = m32[code[pc + R_A]];
          continue enter;
        }
        case 66: {
          // JMP_M
          const address =
            (m32[code[pc + R_EA] & 15] +
              (m32[(code[pc + R_EA] >> 4) & 15] << ((code[pc + R_EA] >> 8) & 3)) +
              code[pc + R_DISP]) |
            0;
          const entry = tlb[address >>> 12];
          if (((entry & readDeny) | (address & 3)) !== 0) break;
          eip = m32[((entry & -4096) + address) >>> 2];
          continue enter;
        }
        case 48: {
          // SHL_R_I
          m32[code[pc + R_A]] = shiftLeft(cpu, m32[code[pc + R_A]], code[pc + R_IMM] & 31);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 49: {
          // SHR_R_I
          m32[code[pc + R_A]] = shiftRight(cpu, m32[code[pc + R_A]], code[pc + R_IMM] & 31);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 50: {
          // SAR_R_I
          m32[code[pc + R_A]] = shiftArithmetic(cpu, m32[code[pc + R_A]], code[pc + R_IMM] & 31);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 77: {
          // ROL_R_I
          m32[code[pc + R_A]] = rotateLeft(cpu, m32[code[pc + R_A]], code[pc + R_IMM] & 31);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 78: {
          // ROR_R_I
          m32[code[pc + R_A]] = rotateRight(cpu, m32[code[pc + R_A]], code[pc + R_IMM] & 31);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 84: {
          // MUL_R
          const first = m32[EAX];
          const second = m32[code[pc + R_A]];
          const high = multiplyHigh(first, second);
          m32[EAX] = Math.imul(first, second);
          m32[EDX] = high;
          changeFlags(cpu, CF | OF, high !== 0 ? CF | OF : 0);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 51: {
          // SHL_R_CL
          const count = m32[ECX] & 31;
          if (count !== 0) m32[code[pc + R_A]] = shiftLeft(cpu, m32[code[pc + R_A]], count);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 52: {
          // SHR_R_CL
          const count = m32[ECX] & 31;
          if (count !== 0) m32[code[pc + R_A]] = shiftRight(cpu, m32[code[pc + R_A]], count);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 53: {
          // SAR_R_CL
          const count = m32[ECX] & 31;
          if (count !== 0) m32[code[pc + R_A]] = shiftArithmetic(cpu, m32[code[pc + R_A]], count);
          pc += RECORD_WORDS;
          continue dispatch;
        }
        case 96: // JO
          eip = (blockEip + code[pc + (condition(cpu, 0) ? R_DISP : R_A)]) | 0;
          continue enter;
        case 97: // JNO
          eip = (blockEip + code[pc + (condition(cpu, 0) ? R_A : R_DISP)]) | 0;
          continue enter;
        case 98: // JB
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? (m32[CC_DST] + m32[CC_SRC]) >>> 0 < m32[CC_SRC] >>> 0 : carry(cpu) !== 0)
                    ? R_DISP
                    : R_A)
              ]) |
            0;
          continue enter;
        case 99: // JNB
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? (m32[CC_DST] + m32[CC_SRC]) >>> 0 < m32[CC_SRC] >>> 0 : carry(cpu) !== 0)
                    ? R_A
                    : R_DISP)
              ]) |
            0;
          continue enter;
        case 100: // JZ
          eip =
            (blockEip +
              code[pc + ((m32[CC_OP] === CC_EFLAGS ? (m32[EFLAGS] & ZF) !== 0 : m32[CC_DST] === 0) ? R_DISP : R_A)]) |
            0;
          continue enter;
        case 101: // JNZ
          eip =
            (blockEip +
              code[pc + ((m32[CC_OP] === CC_EFLAGS ? (m32[EFLAGS] & ZF) !== 0 : m32[CC_DST] === 0) ? R_A : R_DISP)]) |
            0;
          continue enter;
        case 102: // JBE
          eip =
            (blockEip +
              code[
                pc +
                  ((
                    m32[CC_OP] === CC_SUB32
                      ? (m32[CC_DST] + m32[CC_SRC]) >>> 0 <= m32[CC_SRC] >>> 0
                      : condition(cpu, 6)
                  )
                    ? R_DISP
                    : R_A)
              ]) |
            0;
          continue enter;
        case 103: // JNBE
          eip =
            (blockEip +
              code[
                pc +
                  ((
                    m32[CC_OP] === CC_SUB32
                      ? (m32[CC_DST] + m32[CC_SRC]) >>> 0 <= m32[CC_SRC] >>> 0
                      : condition(cpu, 6)
                  )
                    ? R_A
                    : R_DISP)
              ]) |
            0;
          continue enter;
        case 104: // JS
          eip =
            (blockEip +
              code[pc + ((m32[CC_OP] === CC_EFLAGS ? (m32[EFLAGS] & SF) !== 0 : m32[CC_DST] < 0) ? R_DISP : R_A)]) |
            0;
          continue enter;
        case 105: // JNS
          eip =
            (blockEip +
              code[pc + ((m32[CC_OP] === CC_EFLAGS ? (m32[EFLAGS] & SF) !== 0 : m32[CC_DST] < 0) ? R_A : R_DISP)]) |
            0;
          continue enter;
        case 106: // JP
          eip = (blockEip + code[pc + (condition(cpu, 10) ? R_DISP : R_A)]) | 0;
          continue enter;
        case 107: // JNP
          eip = (blockEip + code[pc + (condition(cpu, 10) ? R_A : R_DISP)]) | 0;
          continue enter;
        case 108: // JL
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? ((m32[CC_DST] + m32[CC_SRC]) | 0) < m32[CC_SRC] : condition(cpu, 12))
                    ? R_DISP
                    : R_A)
              ]) |
            0;
          continue enter;
        case 109: // JNL
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? ((m32[CC_DST] + m32[CC_SRC]) | 0) < m32[CC_SRC] : condition(cpu, 12))
                    ? R_A
                    : R_DISP)
              ]) |
            0;
          continue enter;
        case 110: // JLE
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? ((m32[CC_DST] + m32[CC_SRC]) | 0) <= m32[CC_SRC] : condition(cpu, 14))
                    ? R_DISP
                    : R_A)
              ]) |
            0;
          continue enter;
        case 111: // JNLE
          eip =
            (blockEip +
              code[
                pc +
                  ((m32[CC_OP] === CC_SUB32 ? ((m32[CC_DST] + m32[CC_SRC]) | 0) <= m32[CC_SRC] : condition(cpu, 14))
                    ? R_A
                    : R_DISP)
              ]) |
            0;
          continue enter;
        default:
      }

      // The row's handler, with everything exact.
      const position = code[pc + R_POSITION];
      const here = (blockEip + (position & 0xffff)) | 0;
      const following = (here + (position >>> 16)) | 0;
      const exactLeft = left + reserve + ((end - pc) >> 3);
      m32[EIP] = here;
      cpu.nextEip = following;
      m32[LEFT] = exactLeft;
      if (code[pc + R_HOT] === HOT_PROBED) runProbed(handlers, cpu, code, pc);
      else handlers[code[pc + R_META] & META_OP_MASK](cpu, code, pc);
      if (cpu.nextEip !== following || (m32[EXIT_REQUEST] | cpu.extraTicks) !== 0 || m32[MODE_KEY] !== mode) {
        left = exactLeft - reserve - 1 - cpu.extraTicks;
        cpu.extraTicks = 0;
        eip = cpu.nextEip;
        if (m32[EXIT_REQUEST] !== 0) break enter;
        if (m32[MODE_KEY] === mode && m32[SEG_BASE + CS] === csBase && m32[SEG_LIMIT + CS] >>> 0 === csLimit) {
          continue enter;
        }
        why = LEFT_IN_OTHER_MODE;
        break enter;
      }
      pc += RECORD_WORDS;
    }
  }
  m32[EIP] = eip;
  m32[LEFT] = left + reserve;
  return left + reserve <= 0 ? LEFT_AT_END : why;
}

const CALL_TICKS_MAX = 1 << 18;
