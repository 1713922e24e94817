/**
 * One processor without memory for tests of register instructions: bytes are decoded once, then the row's handler
 * is called as the interpreter does. Flags are compared as the six arithmetic bits.
 */
import { Random } from '../../src/core/base/random.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { META_OP_MASK, R_META, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { Cpu, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { getFlags, setArithmeticFlags } from '../../src/core/state/flags.ts';
import { AF, ARITHMETIC_FLAGS, CF, EFLAGS, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import { HANDLER_TABLE } from '../../tiers/interp/handlers.ts';

export const cpu = new Cpu(new AddressSpace(new Memory(0x10000)));
cpu.m32[EFLAGS] = 2;

/** One decoded 32-bit instruction, to be executed many times. */
export class Instruction {
  private readonly record = new Int32Array(RECORD_WORDS);
  readonly hex: string;

  constructor(hex: string) {
    this.hex = hex;
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const length = decodeInstruction(bytes, 0, bytes.length, true, this.record, 0);
    if (length !== bytes.length) throw new Error(`${hex} decodes to length ${length}`);
  }

  /** Execute with these arithmetic flags; returns the vector of the exception, or −1. */
  run(flags: number): number {
    setArithmeticFlags(cpu, flags);
    return this.again();
  }

  /** Execute with the flags the last instruction left. */
  again(): number {
    try {
      HANDLER_TABLE[this.record[R_META] & META_OP_MASK](cpu, this.record, 0);
      return -1;
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      cpu.exitRequest = 0;
      return cpu.faultVector;
    }
  }
}

/** The six arithmetic flags as the guest would see them. */
export function arithmeticFlags(): number {
  return getFlags(cpu) & ARITHMETIC_FLAGS;
}

const LETTERS: readonly [string, number][] = [
  ['O', OF],
  ['S', SF],
  ['Z', ZF],
  ['A', AF],
  ['P', PF],
  ['C', CF],
];

export function flagText(flags: number): string {
  return LETTERS.map(([letter, bit]) => ((flags & bit) !== 0 ? letter : '-')).join('');
}

/** Operand values where carries, signs and parities change, for sizes that cannot be enumerated. */
export const CORNERS = [
  0, 1, 2, 3, 0x0f, 0x10, 0x7e, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000,
  0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0xfffffffe, 0xffffffff,
];

/** Unsigned random words. */
export function wordsFrom(seed: number): () => number {
  const random = new Random(seed);
  return () => random.word() >>> 0;
}
