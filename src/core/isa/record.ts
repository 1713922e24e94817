// A decoded instruction as eight 32-bit words in one flat Int32Array (the code arena). The decoder
// fills it, the interpreter executes it, the lifter reads it, `reprise explain` prints it.
// Slots are absolute: word k of the instruction at arena position `pc` is code[pc + k].

/** No instruction is longer, prefixes included: #GP(0). SDM 2 §2.3.11. */
export const INSTRUCTION_BYTES_MAX = 15;

/** Words per instruction. */
export const RECORD_WORDS = 8;

/**
 * Number of the interpreter's inlined case; 0 = call the row's handler. Set by the interpreter, not the decoder
 * (tiers/interp/specialise.ts). Besides it the interpreter sets R_A and R_DISP of the direct near branches that it
 * inlines (see there), whose only operand is their displacement in R_IMM: handlers, lifters and texts do not read them.
 */
export const R_HOT = 0;
/** In R_HOT: somebody asks for this instruction (Probes in state/cpu.ts), which its handler does on every engine. */
export const HOT_PROBED = -1;
/**
 * Operand 0 (the destination): register number, or the meaning its kind gives it; ZERO for an immediate, 0 for memory.
 * JCC, JMP and CALL with an inlined case: place of what follows, relative to the start of the block.
 */
export const R_A = 1;
/** Operand 1 (the source), likewise. JCC and SETCC: the condition code 0–15 (the manual's tttn). */
export const R_B = 2;
/**
 * Immediate, extended as the row says; branch displacement; CMOVCC: the condition code. ENTER: size | level << 16.
 * x87: FOP. 0 when there is none, so that an operand in R_B (or R_A) that is no memory is register + R_IMM.
 */
export const R_IMM = 3;
/**
 * Memory displacement, sign-extended; selector of far pointers. JCC, JMP and CALL with an inlined case: place of the
 * target, relative to the start of the block.
 */
export const R_DISP = 4;
/** Effective address: base | index<<4 | scale<<8 | segment<<12 | EA_16 (base and index 8 = none). */
export const R_EA = 5;
/** Byte offset of the instruction from the start of its block (bits 0–15) | length in bytes << 16. */
export const R_POSITION = 6;
/** Row number and decode facts: see META_*. */
export const R_META = 7;

export const EA_16 = 0x10000; // 16-bit address size: the offset wraps at 64 KiB

// R_META: row number (bits 0–10) and
export const META_OP_MASK = 0x7ff;
export const META_OPSIZE_32 = 1 << 11; // effective operand size is 32 (otherwise 16)
export const META_ADDRSIZE_32 = 1 << 12; // effective address size is 32
export const META_REPNE = 1 << 13; // F2
export const META_REP = 1 << 14; // F3
export const META_LOCK = 1 << 15;
export const META_KIND_A_SHIFT = 16; // 4 bits
export const META_KIND_B_SHIFT = 20; // 4 bits
export const META_SIZE_A_SHIFT = 24; // 3 bits: SIZE_*
export const META_SIZE_B_SHIFT = 27; // 3 bits: SIZE_*

// Operand kinds.
export const KIND_REGISTER = 0; // general register, by size: 8-bit 0–7 = AL CL DL BL AH CH DH BH
export const KIND_MEMORY = 1; // R_EA, R_DISP
export const KIND_IMMEDIATE = 2; // R_IMM
export const KIND_SEGMENT = 3; // segment register number
export const KIND_CONTROL = 4; // CRn
export const KIND_DEBUG = 5; // DRn
export const KIND_ST = 6; // ST(i)
export const KIND_MMX = 7;
export const KIND_XMM = 8;
export const KIND_NONE = 9;

// Operand sizes.
export const SIZE_8 = 0;
export const SIZE_16 = 1;
export const SIZE_32 = 2;
export const SIZE_64 = 3;
export const SIZE_128 = 4;
export const SIZE_80 = 5;
export const SIZE_FAR = 6; // offset (operand size) followed by a 16-bit selector; also pseudo-descriptors
export const SIZE_STATE = 7; // FSAVE, FXSAVE, FLDENV … images
