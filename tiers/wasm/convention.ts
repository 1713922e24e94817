// What every function of guest code has in common, whichever module it stands in: its parameters, the words of memory
// that modules and the JavaScript around them share, and the jump cache. Derived state: nothing here is hashed.
// A function gets EIP, the budget and all registers as parameters and gives nothing back: it ends by a tail call to the
// code that follows, or to one that writes everything to memory.

import { REGISTER_NAMES } from '../ir/ir.ts';
import type { FunctionType } from './encode.ts';
import { I32 } from './encode.ts';

/** Parameters. Words of the same order as in the CPU block: eight registers, then the lazy flags. */
export const P_EIP = 0;
export const P_LEFT = 1;
export const P_REGISTERS = 2;
export const P_CC_OP = 10;
export const P_CC_DST = 11;
export const P_CC_SRC = 12;
export const PARAMETERS = 13;
export const PARAMETER_NAMES = ['eip', 'left', ...REGISTER_NAMES.slice(0, 8), 'ccOp', 'ccDst', 'ccSrc'];

/** Type of a function of guest code. */
export const CODE_TYPE: FunctionType = { parameters: new Array(PARAMETERS).fill(I32), results: [] };

const PAIR: FunctionType = { parameters: [I32, I32], results: [I32] };
const FLAGS: FunctionType = { parameters: [I32, I32, I32], results: [I32] };

/** Functions that the threads module has and all others import, but for the attempts of the IR, which are pairs. */
export const HELPERS: Readonly<Record<string, FunctionType>> = {
  out: CODE_TYPE,
  jump: CODE_TYPE,
  /** The same where CS may have a base. */
  jumpInSegment: CODE_TYPE,
  /** (linear, how): MISS_*. */
  miss: PAIR,
  /** (linear, how, value): the same of a store, whose value may be taken. */
  storeMiss: { parameters: [I32, I32, I32], results: [I32] },
  /** (pc, EIP, ticks left before it, instructions that follow it in its block): 1 when the function must be left. */
  step: { parameters: [I32, I32, I32, I32], results: [I32] },
  /** (row, pc) */
  assist: { parameters: [I32, I32], results: [] },
  carry: FLAGS,
  flags: FLAGS,
  ifO: FLAGS,
  ifB: FLAGS,
  ifE: FLAGS,
  ifBe: FLAGS,
  ifS: FLAGS,
  ifP: FLAGS,
  ifL: FLAGS,
  ifLe: FLAGS,
};

export const helperType = (name: string): FunctionType => HELPERS[name] ?? PAIR;

/**
 * The jump cache, which finds the function of a place: two words an entry, by a hash of the host address, or its
 * neighbour. The host address, or 0, and the table entry above the modeKey. It is looked up through the TLB, so that it
 * outlives mappings.
 */
export const JUMP_ENTRIES = 1 << 14;
export const JUMP_MODE_BITS = 7;
const JUMP_BYTES = JUMP_ENTRIES * 8;

/**
 * A word behind the jump cache: arena position of the record that the handler has to do before the engine goes on; 0:
 * none, leave.
 */
export const SHARED_PC = JUMP_BYTES;
/** Words behind it, for modules that count: how often the jump cache was asked, and how often in vain. */
export const SHARED_ASKED = SHARED_PC + 4;
export const SHARED_IN_VAIN = SHARED_PC + 8;
export const SHARED_BYTES = JUMP_BYTES + 64;

/** `how` of a miss: TLB_* bits that must not be set, and these. */
export const MISS_DENY_MASK = 15;
export const MISS_SIZE_SHIFT = 4;
/** The page tables may be read. */
export const MISS_WALK = 0x80;
/** An address that is not aligned is the handler's. */
export const MISS_ALIGNED = 0x100;
/**
 * What a miss answers when the access is the handler's; otherwise host address − linear address: page aligned.
 */
export const MISS_NONE = 1;
/** Of a store: it has been done. */
export const MISS_STORED = 2;

/** Its neighbour is the entry with the lowest bit of the number changed. */
export const jumpIndex = (host: number): number => (host ^ (host >>> 14)) & (JUMP_ENTRIES - 1);
