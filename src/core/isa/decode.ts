// Bytes to decoded records (record.ts), for 16- and 32-bit code: SDM vol. 2 chapter 2 and the opcode maps, which come
// from the rows. Tables are built once from the parsed encodings (encoding.ts); decoding allocates nothing.
// It knows no mode besides CS.D and no memory besides the window it is given: page crossings, fetch faults and
// checks that depend on CR0, CR4 or EFLAGS.VM belong to the caller and to the handlers.
import { SEGMENTS } from '../base/names.ts';
import { FORMS, type Form, type Immediate, matchesModrm, type Operand, opcodeCount, SIZE_OPERAND } from './encoding.ts';
import {
  EA_16,
  INSTRUCTION_BYTES_MAX,
  KIND_MEMORY,
  KIND_NONE,
  META_ADDRSIZE_32,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_LOCK,
  META_OPSIZE_32,
  META_REP,
  META_REPNE,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_IMM,
  R_META,
  R_POSITION,
  SIZE_16,
  SIZE_32,
} from './record.ts';
import { ZERO } from '../state/layout.ts';

/** The window ends inside the instruction: fetch more bytes, or fault as the fetch does. */
export const DECODE_TRUNCATED = -1;
/** #UD: no such instruction, a reserved form, or LOCK where it is not legal. */
export const DECODE_UD = -2;
/** #GP(0): longer than 15 bytes. */
export const DECODE_GP = -3;

const SEGMENT_SS = SEGMENTS.indexOf('ss');
const SEGMENT_DS = SEGMENTS.indexOf('ds');

// ---------------------------------------------------------------------------------------------------------------
// Tables

/** How the words of operand A and B are filled. */
const FROM_CONSTANT = 0;
const FROM_RM = 1;
const FROM_REG = 2;
const FROM_OPCODE = 3;
const FROM_CONDITION = 4;

// How the bytes behind ModRM are read.
const IMM_NONE = 0;
const IMM_BYTE = 1;
const IMM_SIGNED_BYTE = 2;
const IMM_WORD = 3;
const IMM_OPERAND_SIZE = 4;
const IMM_SHORT_JUMP = 5;
const IMM_NEAR_JUMP = 6;
const IMM_FAR = 7;
const IMM_ENTER = 8;
const IMM_ONE = 9;
const IMM_MOFFS = 10;
const IMMEDIATES: Record<Immediate, number> = {
  none: IMM_NONE,
  b: IMM_BYTE,
  s: IMM_SIGNED_BYTE,
  w: IMM_WORD,
  z: IMM_OPERAND_SIZE,
  jb: IMM_SHORT_JUMP,
  jz: IMM_NEAR_JUMP,
  far: IMM_FAR,
  enter: IMM_ENTER,
  one: IMM_ONE,
  moffs: IMM_MOFFS,
};

// One form in FORM_WORDS words.
/** R_META of: 16-bit register, 16-bit memory, 32-bit register, 32-bit memory form. */
const F_META = 0;
/** FROM_* in bits 0–2, the constant above. */
const F_A = 4;
const F_B = 5;
/** Number of an IMMEDIATES entry. */
const F_IMMEDIATE = 6;
/** FORM_* bits. */
const F_FACTS = 7;
const FORM_WORDS = 8;

const FORM_LOCK = 1;
/** mod is ignored: the r/m field is a register always. */
const FORM_REGISTER = 2;
/** The condition goes to R_IMM. */
const FORM_IMM_CONDITION = 4;
/** 66, F2 and F3 are part of the opcode: they repeat nothing and change no size. */
const FORM_MANDATORY = 8;
/** Reserved: #UD, but only once ModRM, address and immediate have been fetched, as silicon does. */
const FORM_RESERVED = 16;

function metaOf(form: Form, operandSize32: boolean, memory: boolean): number {
  const [a, b] = form.operands;
  const kind = (operand: Operand | undefined): number => {
    if (operand === undefined) return KIND_NONE;
    return operand.carrier === 'rm' && memory ? KIND_MEMORY : operand.kind;
  };
  const size = (operand: Operand | undefined): number => {
    if (operand === undefined) return 0;
    const wanted = memory ? operand.memorySize : operand.size;
    return wanted === SIZE_OPERAND ? (operandSize32 ? SIZE_32 : SIZE_16) : wanted;
  };
  return (
    form.op |
    (kind(a) << META_KIND_A_SHIFT) |
    (kind(b) << META_KIND_B_SHIFT) |
    (size(a) << META_SIZE_A_SHIFT) |
    (size(b) << META_SIZE_B_SHIFT)
  );
}

function sourceOf(operand: Operand | undefined): number {
  if (operand === undefined) return FROM_CONSTANT;
  if (operand.carrier === 'rm') return FROM_RM;
  if (operand.carrier === 'reg') return FROM_REG;
  if (operand.carrier === 'opcode') return FROM_OPCODE;
  // Register plus immediate is then the value of either.
  if (operand.carrier === 'immediate') return FROM_CONSTANT | (ZERO << 3);
  return FROM_CONSTANT | (operand.carrier === 'constant' ? operand.number << 3 : 0);
}

/** Number of the reserved form whose immediate has this IMMEDIATES number. */
const reservedForm = (immediate: number): number => FORMS.length + immediate;

function buildForms(): Int32Array {
  const reservedCount = Object.keys(IMMEDIATES).length;
  const table = new Int32Array((FORMS.length + reservedCount) * FORM_WORDS);
  for (let immediate = 0; immediate < reservedCount; immediate++) {
    table[reservedForm(immediate) * FORM_WORDS + F_IMMEDIATE] = immediate;
    table[reservedForm(immediate) * FORM_WORDS + F_FACTS] = FORM_RESERVED;
  }
  FORMS.forEach((form, index) => {
    if (form === undefined) return;
    const at = index * FORM_WORDS;
    for (let i = 0; i < 4; i++) table[at + F_META + i] = metaOf(form, i >= 2, (i & 1) !== 0);
    const conditionInImm = form.low === 'cc' && form.operands.length === 2;
    table[at + F_A] = sourceOf(form.operands[0]);
    table[at + F_B] = form.low === 'cc' && !conditionInImm ? FROM_CONDITION : sourceOf(form.operands[1]);
    table[at + F_IMMEDIATE] = IMMEDIATES[form.immediate];
    table[at + F_FACTS] =
      (form.lock ? FORM_LOCK : 0) |
      (form.rm === 'ignored' ? FORM_REGISTER : 0) |
      (conditionInImm ? FORM_IMM_CONDITION : 0) |
      (form.prefix >= 0 ? FORM_MANDATORY : 0);
  });
  return table;
}

/** Entries of a ModRM block: memory by reg field, then registers by reg and r/m. */
const MODRM_ENTRIES = 72;
const modrmEntry = (modrm: number): number => (modrm < 0xc0 ? (modrm >> 3) & 7 : 8 + (modrm & 63));
/** A ModRM byte of each: no form tells one address from another. */
const MODRM_OF_ENTRY = Array.from({ length: MODRM_ENTRIES }, (_, i) => (i < 8 ? i << 3 : 0xc0 + i - 8));

/** The more an encoding fixes, the later it is entered: PAUSE over NOP over XCHG, PREFETCH over the hint NOPs. */
function specificity(form: Form): number {
  return (
    (form.prefix >= 0 ? 8 : 0) +
    (form.fixed >= 0 ? 4 : 0) +
    (form.digit >= 0 ? 2 : 0) +
    (form.low === '' ? 1 : 0) +
    (form.rm === 'memory' || form.rm === 'register' ? 1 : 0)
  );
}

/** Mandatory prefix class: none, 66, F3, F2. F2 and F3 win over 66. */
const PREFIX_CLASSES: Readonly<Record<number, number>> = { 0: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 };

interface OpcodeTables {
  /** By (escape << 8 | opcode) << 2 | prefix class: form number << 1, or position in `modrm` << 1 | 1; 0 = #UD. */
  readonly opcodes: Int32Array;
  readonly modrm: Int16Array;
}

function buildOpcodes(): OpcodeTables {
  const specificities = FORMS.map((form) => (form === undefined ? -1 : specificity(form)));
  const opcodes = new Int32Array(2 * 256 * 4);
  const blocks = new Map<number, Int16Array>();
  const order = FORMS.flatMap((form, index) => (form === undefined ? [] : [{ form, index }]));
  order.sort((x, y) => specificities[x.index] - specificities[y.index]);
  const enter = (previous: number, index: number): number => {
    const other = FORMS[previous];
    const form = FORMS[index];
    if (other !== undefined && form !== undefined && specificities[previous] === specificities[index]) {
      throw new Error(`${other.name} ${other.text} and ${form.name} ${form.text} claim the same bytes`);
    }
    return index;
  };
  for (const { form, index } of order) {
    const classes = form.prefix < 0 ? [0, 1, 2, 3] : [PREFIX_CLASSES[form.prefix]];
    const matching = form.modrm ? MODRM_OF_ENTRY.filter((modrm) => matchesModrm(form, modrm)) : [];
    for (let i = 0; i < opcodeCount(form); i++) {
      for (const prefixClass of classes) {
        const slot = (((form.escape ? 256 : 0) + form.opcode + i) << 2) | prefixClass;
        if (!form.modrm) {
          opcodes[slot] = enter(opcodes[slot] >> 1, index) << 1;
          continue;
        }
        let block = blocks.get(slot);
        if (block === undefined) {
          block = new Int16Array(MODRM_ENTRIES);
          blocks.set(slot, block);
        }
        for (const modrm of matching) {
          const entry = modrmEntry(modrm);
          block[entry] = enter(block[entry], index);
        }
      }
    }
  }
  // Where an opcode has a ModRM byte, its reserved encodings have one too, and the same immediate.
  for (const { form } of order) {
    if (!form.modrm || form.low === 'cc') continue;
    for (let prefixClass = 0; prefixClass < 4; prefixClass++) {
      const slot = (((form.escape ? 256 : 0) + form.opcode) << 2) | prefixClass;
      const block = blocks.get(slot) ?? new Int16Array(MODRM_ENTRIES);
      blocks.set(slot, block);
      block.forEach((entry, at) => {
        if (entry === 0) block[at] = reservedForm(IMMEDIATES[form.immediate]);
      });
    }
  }
  // Equal blocks are stored once: all the decoder touches then fits the host's caches.
  const positions = new Map<string, number>();
  const entries: number[] = [];
  for (const [slot, block] of blocks) {
    const key = block.join();
    let position = positions.get(key);
    if (position === undefined) {
      position = entries.length;
      positions.set(key, position);
      entries.push(...block);
    }
    if (opcodes[slot] !== 0) throw new Error(`opcode slot ${slot.toString(16)} both has and has no ModRM byte`);
    opcodes[slot] = (position << 1) | 1;
  }
  return { opcodes, modrm: Int16Array.from(entries) };
}

const FORM_TABLE = buildForms();
const { opcodes: OPCODES, modrm: MODRM } = buildOpcodes();

/** 16-bit addressing by r/m: base | index << 4 (SDM table 2-1). BX+SI BX+DI BP+SI BP+DI SI DI BP BX. */
const EA16 = Int32Array.of(0x63, 0x73, 0x65, 0x75, 0x86, 0x87, 0x85, 0x83);
/** Default segment of the same: SS where BP takes part. */
const SEGMENT16 = Int32Array.of(3, 3, 2, 2, 3, 3, 2, 3);

// ---------------------------------------------------------------------------------------------------------------
// Decoding

/**
 * Decode the instruction at bytes[index], of which `available` bytes may be looked at, into the record at code[pc].
 * Returns its length in bytes (1–15), or DECODE_TRUNCATED, DECODE_UD, DECODE_GP; then the record is not valid.
 * Writes every word but R_HOT; the block offset in R_POSITION is 0. `cs32` is CS.D.
 * Immediates: sign- or zero-extended to the operand size as the row says, then stored as that operand's unsigned value
 * (32-bit ones as int32); branch displacements are signed.
 */
export function decodeInstruction(
  bytes: Uint8Array,
  index: number,
  available: number,
  cs32: boolean,
  code: Int32Array,
  pc: number,
): number {
  const short = available < INSTRUCTION_BYTES_MAX ? DECODE_TRUNCATED : DECODE_GP;
  const end = index + (available < INSTRUCTION_BYTES_MAX ? available : INSTRUCTION_BYTES_MAX);
  let at = index;
  let size32 = cs32;
  let address32 = cs32;
  let segment = -1;
  let prefixMeta = 0;
  let prefixClass = 0;
  let byte = 0;

  // Prefixes, in any order and number; of F2 and F3 and of the segments the last one counts.
  prefixes: for (;;) {
    if (at >= end) return short;
    byte = bytes[at++];
    switch (byte) {
      case 0x66:
        size32 = !cs32;
        if (prefixClass === 0) prefixClass = 1;
        break;
      case 0x67:
        address32 = !cs32;
        break;
      case 0xf0:
        prefixMeta |= META_LOCK;
        break;
      case 0xf2:
        prefixMeta = (prefixMeta & ~META_REP) | META_REPNE;
        prefixClass = 3;
        break;
      case 0xf3:
        prefixMeta = (prefixMeta & ~META_REPNE) | META_REP;
        prefixClass = 2;
        break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
        segment = (byte >> 3) & 3;
        break;
      case 0x64:
      case 0x65:
        segment = byte & 7;
        break;
      default:
        break prefixes;
    }
  }

  let slot = byte;
  if (byte === 0x0f) {
    if (at >= end) return short;
    slot = 256 + bytes[at++];
  }
  const entry = OPCODES[(slot << 2) | prefixClass];
  if (entry === 0) return DECODE_UD;

  let form = entry >> 1;
  let modrm = 0;
  let memory = false;
  let displacement = 0;
  let ea = 0x88;
  let defaultSegment = SEGMENT_DS;
  if ((entry & 1) !== 0) {
    if (at >= end) return short;
    modrm = bytes[at++];
    form = MODRM[form + (modrm < 0xc0 ? (modrm >> 3) & 7 : 8 + (modrm & 63))];
    memory = modrm < 0xc0 && (FORM_TABLE[form * FORM_WORDS + F_FACTS] & FORM_REGISTER) === 0;
    if (memory) {
      const mod = modrm >> 6;
      const rm = modrm & 7;
      let bytesOfDisplacement = mod === 1 ? 1 : 0;
      if (address32) {
        let base = rm;
        let scaled = 0x80;
        if (rm === 4) {
          if (at >= end) return short;
          const sib = bytes[at++];
          base = sib & 7;
          const indexRegister = (sib >> 3) & 7;
          if (indexRegister !== 4) scaled = (indexRegister << 4) | ((sib & 0xc0) << 2);
        }
        if (mod === 0 && base === 5) {
          base = 8;
          bytesOfDisplacement = 4;
        } else if (mod === 2) bytesOfDisplacement = 4;
        if (base === 4 || base === 5) defaultSegment = SEGMENT_SS;
        ea = base | scaled;
      } else if (mod === 0 && rm === 6) {
        bytesOfDisplacement = 2;
      } else {
        if (mod === 2) bytesOfDisplacement = 2;
        ea = EA16[rm];
        defaultSegment = SEGMENT16[rm];
      }
      if (bytesOfDisplacement !== 0) {
        if (at + bytesOfDisplacement > end) return short;
        if (bytesOfDisplacement === 1) displacement = (bytes[at] << 24) >> 24;
        else if (bytesOfDisplacement === 2) displacement = ((bytes[at] | (bytes[at + 1] << 8)) << 16) >> 16;
        else displacement = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
        at += bytesOfDisplacement;
      }
    }
  }

  const words = form * FORM_WORDS;
  const facts = FORM_TABLE[words + F_FACTS];
  if ((facts & FORM_MANDATORY) !== 0) {
    size32 = cs32;
    prefixMeta &= META_LOCK;
  }
  let meta = FORM_TABLE[words + F_META + (size32 ? 2 : 0) + (memory ? 1 : 0)] | prefixMeta;

  // The escapes D8–DF have no immediate: the word holds what the x87 remembers as the last opcode (SDM 1 §8.1.9).
  let immediate = (slot & ~7) === 0xd8 ? ((slot & 7) << 8) | modrm : 0;
  const immediateKind = FORM_TABLE[words + F_IMMEDIATE];
  if (immediateKind !== IMM_NONE) {
    switch (immediateKind) {
      case IMM_BYTE:
        if (at >= end) return short;
        immediate = bytes[at++];
        break;
      case IMM_SIGNED_BYTE:
        if (at >= end) return short;
        immediate = (bytes[at++] << 24) >> 24;
        if (!size32) immediate &= 0xffff;
        break;
      case IMM_WORD:
        if (at + 2 > end) return short;
        immediate = bytes[at] | (bytes[at + 1] << 8);
        at += 2;
        break;
      case IMM_OPERAND_SIZE:
      case IMM_NEAR_JUMP:
        if (size32) {
          if (at + 4 > end) return short;
          immediate = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
          at += 4;
        } else {
          if (at + 2 > end) return short;
          immediate = bytes[at] | (bytes[at + 1] << 8);
          if (immediateKind === IMM_NEAR_JUMP) immediate = (immediate << 16) >> 16;
          at += 2;
        }
        break;
      case IMM_SHORT_JUMP:
        if (at >= end) return short;
        immediate = (bytes[at++] << 24) >> 24;
        break;
      case IMM_FAR:
        if (at + (size32 ? 6 : 4) > end) return short;
        immediate = bytes[at] | (bytes[at + 1] << 8);
        at += 2;
        if (size32) {
          immediate |= (bytes[at] << 16) | (bytes[at + 1] << 24);
          at += 2;
        }
        displacement = bytes[at] | (bytes[at + 1] << 8);
        at += 2;
        break;
      case IMM_ENTER:
        if (at + 3 > end) return short;
        immediate = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
        at += 3;
        break;
      case IMM_ONE:
        immediate = 1;
        break;
      default: // moffs: an address of the address size
        if (at + (address32 ? 4 : 2) > end) return short;
        displacement = bytes[at] | (bytes[at + 1] << 8);
        at += 2;
        if (address32) {
          displacement |= (bytes[at] << 16) | (bytes[at + 1] << 24);
          at += 2;
        } else displacement = (displacement << 16) >> 16;
    }
  }

  if ((facts & FORM_RESERVED) !== 0) return DECODE_UD;
  if ((meta & META_LOCK) !== 0 && ((facts & FORM_LOCK) === 0 || !memory)) return DECODE_UD;

  if (size32) meta |= META_OPSIZE_32;
  if (address32) meta |= META_ADDRSIZE_32;
  else ea |= EA_16;
  if ((facts & FORM_IMM_CONDITION) !== 0) immediate = slot & 15;
  code[pc + R_A] = operandWord(FORM_TABLE[words + F_A], modrm, slot, memory);
  code[pc + R_B] = operandWord(FORM_TABLE[words + F_B], modrm, slot, memory);
  code[pc + R_IMM] = immediate;
  code[pc + R_DISP] = displacement;
  code[pc + R_EA] = ea | ((segment < 0 ? defaultSegment : segment) << 12);
  code[pc + R_POSITION] = (at - index) << 16;
  code[pc + R_META] = meta;
  return at - index;
}

function operandWord(source: number, modrm: number, slot: number, memory: boolean): number {
  switch (source & 7) {
    case FROM_RM:
      return memory ? 0 : modrm & 7;
    case FROM_REG:
      return (modrm >> 3) & 7;
    case FROM_OPCODE:
      return slot & 7;
    case FROM_CONDITION:
      return slot & 15;
    default:
      return source >> 3;
  }
}

/**
 * The form that the bytes at bytes[index] select by opcode and ModRM, or undefined for #UD: for reports, not for speed.
 */
export function formAt(bytes: Uint8Array, index: number, available: number): Form | undefined {
  let prefixClass = 0;
  for (let at = index; at < index + available; at++) {
    const byte = bytes[at];
    if (byte === 0xf2) prefixClass = 3;
    else if (byte === 0xf3) prefixClass = 2;
    else if (byte === 0x66) prefixClass = prefixClass === 0 ? 1 : prefixClass;
    else if (![0x67, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].includes(byte)) {
      const isEscape = byte === 0x0f;
      const entry = OPCODES[((isEscape ? 256 + bytes[at + 1] : byte) << 2) | prefixClass];
      if ((entry & 1) === 0) return FORMS[entry >> 1];
      return FORMS[MODRM[(entry >> 1) + modrmEntry(bytes[at + (isEscape ? 2 : 1)])]];
    }
  }
  return undefined;
}
