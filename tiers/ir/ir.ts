// The intermediate representation between decoded instructions and emitted code: a function is a few blocks of
// guest code of one page and one mode, each a straight list of operations on values that are assigned once, have a type
// and live inside their block. Guest registers are globals (get, set). Nothing here depends on where the code lies:
// places are deltas from the entry block's EIP.
// The rule of restart: inside one instruction nothing that the guest can see changes before an operation that can go
// the slow way (canGoSlow). The slow way is always the same: the row's handler does the whole instruction.

import { REGISTERS_32 } from '../../src/core/base/names.ts';
import type { ValueAttempt, WordAttempt } from './attempts.ts';

/**
 * What a value is. i32 are the bits of guest registers and flags; i64 and v128 are moved, combined and compared as
 * bits; f32 and f64 are numbers, never NaNs: an operation that could make one is an attempt, which works on words.
 */
export const TYPES = ['i32', 'i64', 'f32', 'f64', 'v128'] as const;
export type Type = (typeof TYPES)[number];

/** Words of the CPU block that a value of the type takes. */
export const WORDS_OF: Readonly<Record<Type, 1 | 2 | 4>> = { i32: 1, i64: 2, f32: 1, f64: 2, v128: 4 };

/** Index of a value; −1 stands for none. */
export type Temp = number;

/** Names by register number; `base` is the EIP of the function's entry, which can only be read. */
export const REGISTER_NAMES = [...REGISTERS_32, 'base'] as const;
export const BASE = 8;

/** Operations on one value. clz of 0 is 32; parity is the PF bit (4 or 0) of the low byte. */
export const UNARY = ['sext8', 'sext16', 'clz', 'parity'] as const;
export type Unary = (typeof UNARY)[number];

/**
 * Operations on two values, int32 in and out. Shift counts are taken modulo 32. mulhu and mulhs are the high halves
 * of products; comparisons give 1 or 0 (u: unsigned). The divisor of a division is never 0 and divs never overflows
 * (a guard comes before).
 */
export const BINARY = [
  'add',
  'sub',
  'mul',
  'mulhu',
  'mulhs',
  'divu',
  'remu',
  'divs',
  'rems',
  'and',
  'or',
  'xor',
  'shl',
  'shr',
  'sar',
  'eq',
  'ne',
  'lt',
  'le',
  'ltu',
  'leu',
] as const;
export type Binary = (typeof BINARY)[number];

/**
 * Operations on two v128, lane by lane; the number is the bits of a lane. andnot is a & ~b; eq and gt (signed) give
 * lanes of all ones or all zeros. adds, subs, mins, maxs and packs are signed, addu, subu, minu, maxu and packu are
 * not; adds to subu saturate; avg rounds up. mul is the low half of a product, mulhs and mulhu are the high one.
 * dot16 sums pairs of signed products of words, mulu32 makes quadwords of even doublewords, sad8 sums absolute
 * differences of eight bytes in each quadword. packs16, packs32 and packu16 saturate lanes of that size to half of it,
 * those of `a` first; packu16 takes signed ones, too.
 */
export const VECTOR = [
  'and',
  'or',
  'xor',
  'andnot',
  'add8',
  'add16',
  'add32',
  'add64',
  'sub8',
  'sub16',
  'sub32',
  'sub64',
  'adds8',
  'adds16',
  'addu8',
  'addu16',
  'subs8',
  'subs16',
  'subu8',
  'subu16',
  'avg8',
  'avg16',
  'minu8',
  'mins16',
  'maxu8',
  'maxs16',
  'eq8',
  'eq16',
  'eq32',
  'gt8',
  'gt16',
  'gt32',
  'mul16',
  'mulhs16',
  'mulhu16',
  'mulu32',
  'dot16',
  'sad8',
  'packs16',
  'packs32',
  'packu16',
] as const;
export type Vector = (typeof VECTOR)[number];

/** Shifts of the lanes of a v128 by a number of bits that is known and less than theirs. */
export const LANE_SHIFTS = ['shl16', 'shl32', 'shl64', 'shr16', 'shr32', 'shr64', 'sar16', 'sar32'] as const;
export type LaneShift = (typeof LANE_SHIFTS)[number];
/** Bits of a lane. */
export const laneBits = (how: LaneShift): number => Number(how.slice(3));

/** Conversions to f64 that are exact for every value: of an i32 as a signed number, and of an f32. */
export const CONVERT = ['fromInt32', 'promote'] as const;
export type Convert = (typeof CONVERT)[number];

/** Sizes of memory accesses: log2 of the bytes. */
export type Size = 0 | 1 | 2;

export type Op =
  /** An instruction begins: its index in the block, row, place, length, and the arena position of its record. */
  | {
      readonly op: 'insn';
      readonly index: number;
      readonly row: number;
      readonly delta: number;
      readonly length: number;
      readonly pc: number;
    }
  /** Of an i64: `value` sign-extended. */
  | { readonly op: 'const'; readonly to: Temp; readonly type: 'i32' | 'i64'; readonly value: number }
  | { readonly op: 'get'; readonly to: Temp; readonly type: 'i32'; readonly register: number }
  | { readonly op: 'set'; readonly register: number; readonly value: Temp }
  /**
   * A word of the CPU block that only handlers and `put` change: segment and system registers, and EFLAGS for the sake
   * of its bits that are no arithmetic flags.
   */
  | { readonly op: 'word'; readonly to: Temp; readonly type: 'i32'; readonly index: number }
  /** Such a word becomes another; of EFLAGS, all but the arithmetic flags. What modeKey is made of does not change. */
  | { readonly op: 'put'; readonly index: number; readonly value: Temp }
  /** Ticks of the slice that are left behind the block. */
  | { readonly op: 'spare'; readonly to: Temp; readonly type: 'i32' }
  /** Half of the time stamp counter, as it is before the instruction. */
  | { readonly op: 'stamp'; readonly to: Temp; readonly type: 'i32'; readonly half: 'low' | 'high' }
  | { readonly op: 'unary'; readonly to: Temp; readonly type: 'i32'; readonly how: Unary; readonly a: Temp }
  | {
      readonly op: 'binary';
      readonly to: Temp;
      readonly type: 'i32';
      readonly how: Binary;
      readonly a: Temp;
      readonly b: Temp;
    }
  /** `a` when `test` is not 0, else `b`. */
  | {
      readonly op: 'select';
      readonly to: Temp;
      readonly type: 'i32';
      readonly test: Temp;
      readonly a: Temp;
      readonly b: Temp;
    }
  /** high:low by the divisor, unsigned; the divisor is above `high` (a guard comes before), so that it fits. */
  | {
      readonly op: 'quotient';
      readonly to: Temp;
      readonly type: 'i32';
      readonly high: Temp;
      readonly low: Temp;
      readonly divisor: Temp;
    }
  | {
      readonly op: 'vector';
      readonly to: Temp;
      readonly type: 'v128';
      readonly how: Vector;
      readonly a: Temp;
      readonly b: Temp;
    }
  /** Four doublewords in their order, 0 to 3 of `a` and 4 to 7 of `b`; or sixteen bytes, 0 to 15 and 16 to 31. */
  | {
      readonly op: 'shuffle';
      readonly to: Temp;
      readonly type: 'v128';
      readonly a: Temp;
      readonly b: Temp;
      readonly lanes: readonly number[];
    }
  | {
      readonly op: 'laneShift';
      readonly to: Temp;
      readonly type: 'v128';
      readonly how: LaneShift;
      readonly a: Temp;
      readonly count: number;
    }
  /** The top bits of the lanes of a v128, the lowest lane's in bit 0. */
  | { readonly op: 'mask'; readonly to: Temp; readonly type: 'i32'; readonly bits: 8 | 32 | 64; readonly a: Temp }
  | { readonly op: 'convert'; readonly to: Temp; readonly type: 'f64'; readonly how: Convert; readonly a: Temp }
  /**
   * `signed`: sign-extended, else zero-extended; 32 bits are neither. `write`: the store to the same address follows,
   * so the page must be writable too. `checked`: an access before it in the block has shown that this one is plain.
   * `quiet`: not the instruction's own, so nothing is done to make it plain.
   */
  | {
      readonly op: 'load';
      readonly to: Temp;
      readonly type: 'i32';
      readonly size: Size;
      readonly signed: boolean;
      readonly address: Temp;
      readonly write: boolean;
      readonly checked: boolean;
      readonly quiet: boolean;
    }
  | {
      readonly op: 'store';
      readonly size: Size;
      readonly address: Temp;
      readonly value: Temp;
      readonly checked: boolean;
    }
  /** When the value is not 0 the instruction goes the slow way. */
  | { readonly op: 'guard'; readonly test: Temp }
  /**
   * The lazy flags of state/flags.ts: kind (a CC_* number), result and source; `left` is the first operand when it is
   * known (it only helps conditions), `carryIn` (0 or 1) makes ADD an ADC and SUB an SBB.
   */
  | {
      readonly op: 'cc';
      readonly kind: number;
      readonly result: Temp;
      readonly source: Temp;
      readonly left: Temp;
      readonly carryIn: Temp;
    }
  /** All six arithmetic flags at once, as EFLAGS bits. */
  | { readonly op: 'bits'; readonly value: Temp }
  /** What the current flags say: condition tttn, CF, or the six arithmetic bits. */
  | { readonly op: 'condition'; readonly to: Temp; readonly type: 'i32'; readonly code: number }
  | { readonly op: 'carry'; readonly to: Temp; readonly type: 'i32' }
  | { readonly op: 'flags'; readonly to: Temp; readonly type: 'i32' }
  /**
   * The handler does the current instruction; everything may have changed, of general registers those in the mask
   * `writes` (bit = number).
   */
  | { readonly op: 'handler'; readonly writes: number }
  /**
   * The handler of the current instruction's row does it on words of the CPU block, in the middle of the function: the
   * row says so (`assists`), and so promises that this form changes x87 or SSE state alone and cannot fault. Flags that
   * the row writes are in EFLAGS behind it, where a `peek` takes them.
   */
  | { readonly op: 'assist'; readonly row: number }
  /** A value in words of the CPU block, from `index` on, as it is here: x87, SSE, scratch. */
  | { readonly op: 'peek'; readonly to: Temp; readonly type: Type; readonly index: number }
  | { readonly op: 'poke'; readonly type: Type; readonly index: number; readonly value: Temp }
  /** Memory to words of the CPU block and back: 2 (64 bits) or 4. `aligned`: another alignment goes the slow way. */
  | {
      readonly op: 'fetch' | 'stash';
      readonly words: 2 | 4;
      readonly index: number;
      readonly address: Temp;
      readonly aligned: boolean;
    }
  /**
   * A function of attempts.ts. It does all of it, or nothing, and then the instruction goes the slow way; if it is
   * `assisted`, its row's handler does it in place instead, as with `assist`, and nothing of it has been done before.
   */
  | {
      readonly op: 'attempt';
      readonly how: WordAttempt;
      readonly a: number;
      readonly b: number;
      readonly assisted: boolean;
    }
  | {
      readonly op: 'attempt';
      readonly to: Temp;
      readonly type: 'i32';
      readonly how: ValueAttempt;
      readonly a: number;
      readonly b: number;
    };

export type Exit =
  /** To a known place in the same page or beyond it. */
  | { readonly exit: 'jump'; readonly delta: number }
  | { readonly exit: 'branch'; readonly test: Temp; readonly taken: number; readonly next: number }
  | { readonly exit: 'indirect'; readonly target: Temp }
  /** After a handler that ends the block: EIP is where it says. */
  | { readonly exit: 'leave' };

export interface Block {
  /** Place relative to the function's entry. */
  readonly delta: number;
  /** Instructions, which is ticks when all of them retire. */
  readonly count: number;
  readonly ops: readonly Op[];
  readonly exit: Exit;
  /** Number of temps. */
  readonly temps: number;
}

export interface IrFunction {
  /** modeKey that the code was decoded for. */
  readonly mode: number;
  /** The first one is the entry, at delta 0. */
  readonly blocks: readonly Block[];
}

/** The temp that an operation assigns, or −1. */
export function resultOf(op: Op): Temp {
  return 'to' in op ? op.to : -1;
}

/** The temps that an operation reads. */
export function usesOf(op: Op): Temp[] {
  switch (op.op) {
    case 'set':
    case 'put':
    case 'bits':
      return [op.value];
    case 'unary':
    case 'mask':
    case 'convert':
    case 'laneShift':
      return [op.a];
    case 'binary':
    case 'vector':
    case 'shuffle':
      return [op.a, op.b];
    case 'select':
      return [op.test, op.a, op.b];
    case 'quotient':
      return [op.high, op.low, op.divisor];
    case 'load':
    case 'fetch':
    case 'stash':
      return [op.address];
    case 'store':
      return [op.address, op.value];
    case 'guard':
      return [op.test];
    case 'poke':
      return [op.value];
    case 'cc':
      return [op.result, op.source, op.left, op.carryIn].filter((temp) => temp >= 0);
    case 'assist':
    case 'peek':
    case 'attempt':
    case 'insn':
    case 'const':
    case 'get':
    case 'word':
    case 'spare':
    case 'stamp':
    case 'condition':
    case 'carry':
    case 'flags':
    case 'handler':
      return [];
    default:
      return unknown(op);
  }
}

/** The same operation reading other temps; itself where all are the same: every pass asks for every operation. */
export function withUses(op: Op, map: (temp: Temp) => Temp): Op {
  switch (op.op) {
    case 'set':
    case 'put':
    case 'bits':
    case 'poke': {
      const value = map(op.value);
      return value === op.value ? op : { ...op, value };
    }
    case 'unary':
    case 'mask':
    case 'convert':
    case 'laneShift': {
      const a = map(op.a);
      return a === op.a ? op : { ...op, a };
    }
    case 'binary':
    case 'vector':
    case 'shuffle': {
      const a = map(op.a);
      const b = map(op.b);
      return a === op.a && b === op.b ? op : { ...op, a, b };
    }
    case 'select': {
      const test = map(op.test);
      const a = map(op.a);
      const b = map(op.b);
      return test === op.test && a === op.a && b === op.b ? op : { ...op, test, a, b };
    }
    case 'quotient': {
      const high = map(op.high);
      const low = map(op.low);
      const divisor = map(op.divisor);
      return high === op.high && low === op.low && divisor === op.divisor ? op : { ...op, high, low, divisor };
    }
    case 'load':
    case 'fetch':
    case 'stash': {
      const address = map(op.address);
      return address === op.address ? op : { ...op, address };
    }
    case 'store': {
      const address = map(op.address);
      const value = map(op.value);
      return address === op.address && value === op.value ? op : { ...op, address, value };
    }
    case 'guard': {
      const test = map(op.test);
      return test === op.test ? op : { ...op, test };
    }
    case 'cc': {
      const result = map(op.result);
      const source = map(op.source);
      const left = op.left < 0 ? -1 : map(op.left);
      const carryIn = op.carryIn < 0 ? -1 : map(op.carryIn);
      const isSame = result === op.result && source === op.source && left === op.left && carryIn === op.carryIn;
      return isSame ? op : { ...op, result, source, left, carryIn };
    }
    default:
      return op;
  }
}

/** The temp that an exit reads, or −1. */
export function exitUse(exit: Exit): Temp {
  return exit.exit === 'branch' ? exit.test : exit.exit === 'indirect' ? exit.target : -1;
}

export function withExitUse(exit: Exit, map: (temp: Temp) => Temp): Exit {
  if (exit.exit === 'branch') return { ...exit, test: map(exit.test) };
  return exit.exit === 'indirect' ? { ...exit, target: map(exit.target) } : exit;
}

/** Known places where control can go next. */
export function successors(exit: Exit): number[] {
  if (exit.exit === 'jump') return [exit.delta];
  return exit.exit === 'branch' ? [exit.taken, exit.next] : [];
}

/**
 * Whether the value depends on its operands alone. What is read from registers, flags or words depends on the place
 * too.
 */
export function isPure(op: Op): boolean {
  switch (op.op) {
    case 'const':
    case 'unary':
    case 'binary':
    case 'select':
    case 'quotient':
    case 'vector':
    case 'shuffle':
    case 'mask':
    case 'convert':
    case 'laneShift':
      return true;
    default:
      return false;
  }
}

/** Whether the operation can go the slow way. */
export function canGoSlow(op: Op): boolean {
  if (op.op === 'load' || op.op === 'store') return !op.checked;
  if (op.op === 'attempt') return 'to' in op || !op.assisted;
  return op.op === 'guard' || op.op === 'fetch' || op.op === 'stash';
}

export function unknown(value: never): never {
  throw new Error(`no such case: ${JSON.stringify(value)}`);
}
