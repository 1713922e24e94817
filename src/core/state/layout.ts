// The one declaration of every byte of state that engines touch: a table of fields, from which the
// byte offsets, the snapshot schema, the state hash ranges, gdb's register map and dumps are derived.
// A processor's block starts at byte 0 of its views of the machine's one WebAssembly.Memory, so that the general
// registers are words 0–7 of the 32-bit view and a register number is its own index.
// Intel SDM vol. 3 chapter 2 names the system registers. No hand-written offset exists elsewhere.

/** How one element of a field is stored (little-endian). */
export type FieldType = 'u8' | 'u16' | 'i32' | 'f64';

/**
 * Which part of the state a field belongs to. `derived` fields can be recomputed or are meaningless
 * between slices: they are neither hashed nor saved. `lazy` fields are folded into eflags first.
 */
export type FieldGroup =
  | 'general'
  | 'segment'
  | 'system'
  | 'debug'
  | 'fpu'
  | 'sse'
  | 'msr'
  | 'control'
  | 'lazy'
  | 'derived';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Number of elements. */
  readonly count: number;
  readonly group: FieldGroup;
  /** Bytes; the size of an element when it is left out. */
  readonly align?: number;
}

const field = (name: string, type: FieldType, count: number, group: FieldGroup, align?: number): Field => ({
  name,
  type,
  count,
  group,
  ...(align === undefined ? {} : { align }),
});

/** Order is memory order; each field is aligned to its element size, or to what it asks for. */
export const FIELDS: readonly Field[] = [
  field('gpr', 'i32', 8, 'general'), // eax ecx edx ebx esp ebp esi edi
  field('zero', 'i32', 1, 'derived'), // always 0: "no base" and "no index" are register number 8
  field('eip', 'i32', 1, 'general'),
  field('eflags', 'i32', 1, 'general'), // arithmetic bits are valid only while ccOp is CC_EFLAGS
  field('ccOp', 'i32', 1, 'lazy'),
  field('ccDst', 'i32', 1, 'lazy'),
  field('ccSrc', 'i32', 1, 'lazy'),
  // Segment registers: 0–5 ES CS SS DS FS GS, 6 LDTR, 7 TR (the manual's encoding order).
  field('segSelector', 'i32', 8, 'segment'),
  field('segBase', 'i32', 8, 'segment'),
  field('segLimit', 'i32', 8, 'segment'), // byte-granular effective limit, compared unsigned
  field('segAttributes', 'i32', 8, 'segment'), // descriptor bits 40–55 in bits 0–15 (see ATTR_*); 0 = null/unusable
  field('gdtrBase', 'i32', 1, 'system'),
  field('gdtrLimit', 'i32', 1, 'system'),
  field('idtrBase', 'i32', 1, 'system'),
  field('idtrLimit', 'i32', 1, 'system'),
  field('cr0', 'i32', 1, 'system'),
  field('cr2', 'i32', 1, 'system'),
  field('cr3', 'i32', 1, 'system'),
  field('cr4', 'i32', 1, 'system'),
  field('efer', 'i32', 1, 'system'),
  field('pdpte', 'i32', 8, 'system'), // PAE: the four entries cached by MOV CR3, low/high pairs
  field('dr', 'i32', 8, 'debug'), // DR0–DR3 at 0–3, DR6 at 6, DR7 at 7; 4 and 5 unused
  // x87: significands as lo,hi pairs by physical register (not stack position), sign+exponent apart.
  field('fpSignificand', 'i32', 16, 'fpu'),
  field('fpSignExponent', 'u16', 8, 'fpu'),
  field('fpControl', 'i32', 1, 'fpu'),
  field('fpStatus', 'i32', 1, 'fpu'), // TOP lives here, bits 11–13; above the word: FP_FERR, FP_IGNNE
  field('fpTag', 'i32', 1, 'fpu'), // bit i set = physical register i is EMPTY
  field('fpOpcode', 'i32', 1, 'fpu'),
  field('fpIp', 'i32', 1, 'fpu'),
  field('fpCs', 'i32', 1, 'fpu'),
  field('fpDp', 'i32', 1, 'fpu'),
  field('fpDs', 'i32', 1, 'fpu'),
  field('xmm', 'i32', 32, 'sse', 16), // XMM0–7, four words each, least significant first
  field('wide', 'i32', 4, 'derived'), // operands and results of compiled SSE and x87 code that are no register
  // The second operand of plain x87 arithmetic: low and high word of the significand, sign and exponent.
  field('operand', 'i32', 3, 'derived'),
  field('mxcsr', 'i32', 1, 'sse'),
  field('sysenterCs', 'i32', 1, 'msr'),
  field('sysenterEsp', 'i32', 1, 'msr'),
  field('sysenterEip', 'i32', 1, 'msr'),
  field('apicBase', 'i32', 2, 'msr'),
  field('pat', 'i32', 2, 'msr'),
  field('miscEnable', 'i32', 2, 'msr'),
  field('mtrr', 'i32', 64, 'msr'), // storage only: cpu/system/msr.ts says which word is which register
  field('tscOffset', 'f64', 1, 'msr'), // TSC = tick + tscOffset, modulo 2^64 by cpu/system/msr.ts
  field('mcg', 'i32', 16, 'msr'),
  // Activity: what the loop needs to know between instructions.
  field('halted', 'i32', 1, 'control'), // 1 after HLT, until an interrupt, NMI, SMI or reset
  field('shutdown', 'i32', 1, 'control'), // 1 after a triple fault until reset
  field('interruptShadow', 'i32', 1, 'control'), // SHADOW_*: cleared after the next instruction
  field('nmiBlocked', 'i32', 1, 'control'), // from NMI delivery to the next IRET
  field('nmiPending', 'i32', 1, 'control'),
  field('pendingDebug', 'i32', 1, 'control'), // DR6 bits of a #DB trap due before the next instruction
  field('a20', 'i32', 1, 'control'), // 1 = address line 20 passes
  field('scratch', 'i32', 1, 'derived'), // where compiled code leaves a value that lies unaligned in memory
  field('modeKey', 'i32', 1, 'derived'), // MODE_*: what decoded code depends on; updateMode makes it
  field('tick', 'f64', 1, 'control'), // retired instructions plus idle ticks, exact below 2^53
  // Between the loop and its engine, inside a slice. At the end: no other place depends on them.
  // ticks left in the slice; engines store it before anything that may look at the clock
  field('left', 'i32', 1, 'derived'),
  field('exitRequest', 'i32', 1, 'derived'), // EXIT_* of state/cpu.ts: why to leave after the current instruction
  field('intr', 'i32', 1, 'derived'), // the level of INTR, as the board drives it
  field('unprotected', 'i32', 1, 'derived'), // 1 = the TLB may let a supervisor write to read-only pages (CR0.WP is 0)
  field('deadline', 'f64', 1, 'derived'), // tick at which the slice ends: what is left of it says which tick it is
];

const ELEMENT_BYTES: Record<FieldType, number> = { u8: 1, u16: 2, i32: 4, f64: 8 };

export interface PlacedField extends Field {
  /** Byte offset from the start of the memory. */
  readonly offset: number;
  /** Size in bytes of all elements. */
  readonly size: number;
}

function place(): Map<string, PlacedField> {
  const placed = new Map<string, PlacedField>();
  let offset = 0;
  for (const f of FIELDS) {
    const unit = ELEMENT_BYTES[f.type];
    const align = f.align ?? unit;
    offset = Math.ceil(offset / align) * align;
    placed.set(f.name, { ...f, offset, size: unit * f.count });
    offset += unit * f.count;
  }
  return placed;
}

/** Every field with its byte offset, in memory order. */
export const PLACED: ReadonlyMap<string, PlacedField> = place();

/** Byte offset of a field; an unknown name is a broken invariant. */
export function byteOffset(name: string): number {
  const found = PLACED.get(name);
  if (found === undefined) throw new Error(`layout has no field ${name}`);
  return found.offset;
}

const word = (name: string): number => byteOffset(name) >> 2;

/** Bytes reserved for the block of one CPU. The blocks stand one after another in front of guest RAM, at RAM_BASE. */
export const CPU_BLOCK_SIZE = 0x1000;
export const RAM_BASE = 0x10000;
export const PROCESSORS_MAX = RAM_BASE / CPU_BLOCK_SIZE;

// Register numbers (word indices 0–8 of the 32-bit view).
export const EAX = 0;
export const ECX = 1;
export const EDX = 2;
export const EBX = 3;
export const ESP = 4;
export const EBP = 5;
export const ESI = 6;
export const EDI = 7;
/** Register number of the constant zero: stands for an absent base or index. */
export const ZERO = 8;

// Word indices (into Cpu.m32).
export const EIP = word('eip');
export const EFLAGS = word('eflags');
export const CC_OP = word('ccOp');
export const CC_DST = word('ccDst');
export const CC_SRC = word('ccSrc');
export const SEG_SELECTOR = word('segSelector');
export const SEG_BASE = word('segBase');
export const SEG_LIMIT = word('segLimit');
export const SEG_ATTRIBUTES = word('segAttributes');
export const GDTR_BASE = word('gdtrBase');
export const GDTR_LIMIT = word('gdtrLimit');
export const IDTR_BASE = word('idtrBase');
export const IDTR_LIMIT = word('idtrLimit');
export const CR0 = word('cr0');
export const CR2 = word('cr2');
export const CR3 = word('cr3');
export const CR4 = word('cr4');
export const EFER = word('efer');
export const PDPTE = word('pdpte');
export const DR = word('dr');
export const FP_SIGNIFICAND = word('fpSignificand');
/** Index into the 16-bit view. */
export const FP_SIGN_EXPONENT_16 = byteOffset('fpSignExponent') >> 1;
export const FP_CONTROL = word('fpControl');
export const FP_STATUS = word('fpStatus');
/** Bits of the status word's place: the FERR# and IGNNE# pins (machine/error-pins.ts). */
export const FP_FERR = 0x10000;
export const FP_IGNNE = 0x20000;
export const FP_TAG = word('fpTag');
export const FP_OPCODE = word('fpOpcode');
export const FP_IP = word('fpIp');
export const FP_CS = word('fpCs');
export const FP_DP = word('fpDp');
export const FP_DS = word('fpDs');
export const XMM = word('xmm');
/** Behind the registers, so that it is as aligned as they are. */
export const WIDE = word('wide');
export const WIDE_WORDS = 4;
/** Scratch of one instruction: cpu/float/plain.ts. */
export const OPERAND = word('operand');
export const OPERAND_WORDS = 3;
export const MXCSR = word('mxcsr');
export const SYSENTER_CS = word('sysenterCs');
export const SYSENTER_ESP = word('sysenterEsp');
export const SYSENTER_EIP = word('sysenterEip');
export const APIC_BASE = word('apicBase');
export const PAT = word('pat');
export const MISC_ENABLE = word('miscEnable');
export const MTRR = word('mtrr');
export const MCG = word('mcg');
/** Index into the 64-bit float view. */
export const TSC_OFFSET_F64 = byteOffset('tscOffset') >> 3;
export const HALTED = word('halted');
export const SHUTDOWN = word('shutdown');
export const INTERRUPT_SHADOW = word('interruptShadow');
export const NMI_BLOCKED = word('nmiBlocked');
export const NMI_PENDING = word('nmiPending');
export const PENDING_DEBUG = word('pendingDebug');
export const A20 = word('a20');
export const MODE_KEY = word('modeKey');
export const SCRATCH = word('scratch');
/** Index into the 64-bit float view. */
export const TICK_F64 = byteOffset('tick') >> 3;
export const LEFT = word('left');
export const EXIT_REQUEST = word('exitRequest');
export const INTR = word('intr');
export const UNPROTECTED = word('unprotected');
export const DEADLINE_F64 = byteOffset('deadline') >> 3;

// Segment register numbers.
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

// segAttributes: bits 8–23 of the descriptor's second word, moved down by 8.
export const ATTR_TYPE = 0x0f;
export const ATTR_ACCESSED = 0x01;
export const ATTR_WRITABLE = 0x02; // data; for code: readable
export const ATTR_EXPAND_DOWN = 0x04; // data; for code: conforming
export const ATTR_CODE = 0x08;
export const ATTR_S = 0x10; // 1 = code or data, 0 = system
export const ATTR_DPL_SHIFT = 5;
export const ATTR_PRESENT = 0x80;
export const ATTR_AVL = 0x1000;
export const ATTR_BIG = 0x4000; // D/B
export const ATTR_GRANULARITY = 0x8000;

// EFLAGS bits.
export const CF = 0x1;
export const PF = 0x4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const TF = 0x100;
export const IF = 0x200;
export const DF = 0x400;
export const OF = 0x800;
export const IOPL = 0x3000;
export const NT = 0x4000;
export const RF = 0x10000;
export const VM = 0x20000;
export const AC = 0x40000;
export const VIF = 0x80000;
export const VIP = 0x100000;
export const ID = 0x200000;
/** CF PF AF ZF SF OF. */
export const ARITHMETIC_FLAGS = 0x8d5;

// CR0, CR4, EFER bits.
export const CR0_PE = 1;
export const CR0_MP = 2;
export const CR0_EM = 4;
export const CR0_TS = 8;
export const CR0_ET = 0x10;
export const CR0_NE = 0x20;
export const CR0_WP = 0x10000;
export const CR0_AM = 0x40000;
export const CR0_NW = 0x20000000;
export const CR0_CD = 0x40000000;
export const CR0_PG = 0x80000000 | 0;
export const CR4_VME = 1;
export const CR4_PVI = 2;
export const CR4_TSD = 4;
export const CR4_DE = 8;
export const CR4_PSE = 0x10;
export const CR4_PAE = 0x20;
export const CR4_MCE = 0x40;
export const CR4_PGE = 0x80;
export const CR4_PCE = 0x100;
export const CR4_OSFXSR = 0x200;
export const CR4_OSXMMEXCPT = 0x400;
export const EFER_SCE = 1;
export const EFER_NXE = 0x800;

// interruptShadow bits: STI blocks maskable interrupts; MOV SS/POP SS block also NMI and debug traps.
export const SHADOW_STI = 1;
export const SHADOW_MOV_SS = 2;

// modeKey bits: everything that the meaning of code bytes depends on besides the bytes.
export const MODE_CS32 = 0x1; // CS.D
export const MODE_SS32 = 0x2; // SS.B
export const MODE_CPL3 = 0x4;
export const MODE_VM86 = 0x8;
export const MODE_REAL = 0x10; // CR0.PE = 0
export const MODE_FLAT_DATA = 0x20; // DS, ES and SS: base 0, limit 4 GiB, present, writable, expand-up
export const MODE_FLAT_CODE = 0x40; // CS: base 0, limit 4 GiB
/** The segments that MODE_FLAT_DATA vouches for, as a set of bits. */
export const FLAT_SEGMENTS = (1 << ES) | (1 << SS) | (1 << DS);
