// The intermediate representation between decoded instructions and emitted code: a function is a few blocks of
// guest code of one page and one mode, each a straight list of operations on temps that are assigned once and
// live inside their block. Guest registers are globals (get, set). Nothing here depends on where the code lies:
// places are deltas from the entry block's EIP.
// The rule of restart: inside one instruction no `set`, `cc` or `bits` comes before an operation that can go the
// slow way (load, store, guard). The slow way is always the same: the row's handler does the whole instruction.

import { REGISTERS_32 } from '../../src/core/base/names.ts';

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

/** What an attempt changes that somebody can see: nothing. They leave their results in scratch. */
const WIDE_UNSEEN = [
  'operandF32',
  'operandF64',
  'operandInt32',
  'operandInt64',
  'storeF32',
  'storeF64',
  'storeInt16',
  'storeInt32',
  'storeInt64',
] as const;

/** Functions of wide.ts and wide-x87.ts, on words of the CPU block. */
export const WIDE_NAMES = [
  ...WIDE_UNSEEN,
  'addF32',
  'subtractF32',
  'multiplyF32',
  'divideF32',
  'addF64',
  'subtractF64',
  'multiplyF64',
  'divideF64',
  'addPackedF32',
  'subtractPackedF32',
  'multiplyPackedF32',
  'dividePackedF32',
  'addPackedF64',
  'subtractPackedF64',
  'multiplyPackedF64',
  'dividePackedF64',
  'compareF32',
  'compareF64',
  'fromInt32F32',
  'fromInt32F64',
  'truncateF32',
  'truncateF64',
  'widenF32',
  'narrowF64',
  'pushOperand',
  'addOperand',
  'subtractOperand',
  'subtractFromOperand',
  'multiplyOperand',
  'divideOperand',
  'divideIntoOperand',
  'compareOperand',
  'loadControl',
] as const;
export type WideName = (typeof WIDE_NAMES)[number];

/** Whether an attempt changes what the guest can see. */
export const isSeen = (how: WideName): boolean => !(WIDE_UNSEEN as readonly WideName[]).includes(how);

/** Sizes of memory accesses: log2 of the bytes. */
export type Size = 0 | 1 | 2;

export type Op =
  /** An instruction begins: its index in the block, place, length, and the arena position of its record. */
  | {
      readonly op: 'insn';
      readonly index: number;
      readonly delta: number;
      readonly length: number;
      readonly pc: number;
    }
  | { readonly op: 'const'; readonly to: Temp; readonly value: number }
  | { readonly op: 'get'; readonly to: Temp; readonly register: number }
  | { readonly op: 'set'; readonly register: number; readonly value: Temp }
  /** A word of the CPU block that only handlers change (segment bases, limits). */
  | { readonly op: 'word'; readonly to: Temp; readonly index: number }
  | { readonly op: 'unary'; readonly to: Temp; readonly how: Unary; readonly a: Temp }
  | { readonly op: 'binary'; readonly to: Temp; readonly how: Binary; readonly a: Temp; readonly b: Temp }
  | { readonly op: 'select'; readonly to: Temp; readonly test: Temp; readonly a: Temp; readonly b: Temp }
  /** Zero-extended. `write`: the store to the same address follows, so the page must be writable too. `checked`: known to be plain. */
  | {
      readonly op: 'load';
      readonly to: Temp;
      readonly size: Size;
      readonly address: Temp;
      readonly write: boolean;
      readonly checked: boolean;
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
  | { readonly op: 'condition'; readonly to: Temp; readonly code: number }
  | { readonly op: 'carry'; readonly to: Temp }
  | { readonly op: 'flags'; readonly to: Temp }
  /** The handler does the current instruction; everything may have changed. `writes`: general registers may have. */
  | { readonly op: 'handler'; readonly writes: boolean }
  /**
   * The handler does the current instruction, of which is known that it takes its operands from words of the CPU block
   * and leaves general registers, flags, memory and EIP alone, and that it cannot fault. `row`: its number.
   */
  | { readonly op: 'assist'; readonly row: number }
  /** A word of the CPU block as it is here: x87, SSE. */
  | { readonly op: 'peek'; readonly to: Temp; readonly index: number }
  | { readonly op: 'poke'; readonly index: number; readonly value: Temp }
  /** Memory to words of the CPU block and back: 2 (64 bits) or 4. `aligned`: another alignment goes the slow way. */
  | {
      readonly op: 'fetch' | 'stash';
      readonly words: 2 | 4;
      readonly index: number;
      readonly address: Temp;
      readonly aligned: boolean;
    }
  /** A function of wide.ts, of `a` and `b`, mostly words of the CPU block. It does all of it, or nothing and the instruction goes the slow way. */
  | { readonly op: 'attempt'; readonly how: WideName; readonly a: number; readonly b: number };

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
    case 'bits':
      return [op.value];
    case 'unary':
      return [op.a];
    case 'binary':
      return [op.a, op.b];
    case 'select':
      return [op.test, op.a, op.b];
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
    case 'condition':
    case 'carry':
    case 'flags':
    case 'handler':
      return [];
    default:
      return unknown(op);
  }
}

/** The same operation reading other temps. */
export function withUses(op: Op, map: (temp: Temp) => Temp): Op {
  if (!usesOf(op).some((temp) => map(temp) !== temp)) return op;
  switch (op.op) {
    case 'set':
    case 'bits':
    case 'poke':
      return { ...op, value: map(op.value) };
    case 'unary':
      return { ...op, a: map(op.a) };
    case 'binary':
      return { ...op, a: map(op.a), b: map(op.b) };
    case 'select':
      return { ...op, test: map(op.test), a: map(op.a), b: map(op.b) };
    case 'load':
    case 'fetch':
    case 'stash':
      return { ...op, address: map(op.address) };
    case 'store':
      return { ...op, address: map(op.address), value: map(op.value) };
    case 'guard':
      return { ...op, test: map(op.test) };
    case 'cc':
      return {
        ...op,
        result: map(op.result),
        source: map(op.source),
        left: op.left < 0 ? -1 : map(op.left),
        carryIn: op.carryIn < 0 ? -1 : map(op.carryIn),
      };
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

/** Whether the value can be computed again later, or not at all. `get` and flag reads are pure at their place only. */
export function isPure(op: Op): boolean {
  return op.op === 'const' || op.op === 'unary' || op.op === 'binary' || op.op === 'select';
}

/** Whether the operation can go the slow way. */
export function canGoSlow(op: Op): boolean {
  if (op.op === 'load' || op.op === 'store') return !op.checked;
  return op.op === 'guard' || op.op === 'fetch' || op.op === 'stash' || op.op === 'attempt';
}

export function unknown(value: never): never {
  throw new Error(`no such case: ${JSON.stringify(value)}`);
}
