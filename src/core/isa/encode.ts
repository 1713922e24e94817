// A row and operands to bytes: the decoder's tables read the other way (encoding.ts). Of the encodings that can express
// the operands the shortest is taken, the earlier of the row among equals; SDM vol. 2 chapter 2 for ModRM, SIB and
// prefixes. Knows no text: mnemonics.ts has the names that assembly sources use, assemble.ts the source language.
import { formAt } from './decode.ts';
import { type Form, FORMS, type Operand, SIZE_OPERAND } from './encoding.ts';
import type { OpName } from './ops.ts';
import {
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_REGISTER,
  KIND_ST,
  SIZE_16,
  SIZE_32,
  SIZE_8,
  SIZE_FAR,
  SIZE_STATE,
} from './record.ts';

/** Size not said: the other operands or the row decide. */
export const SIZE_UNKNOWN = -1;
const NO_REGISTER = 8;

/** One operand of an instruction to encode. What a kind has no use for is ignored. */
export interface EncodeOperand {
  /** KIND_*. */
  readonly kind: number;
  /** SIZE_* or SIZE_UNKNOWN. */
  readonly size: number;
  /** Register number, immediate, branch target, or offset of a far pointer. */
  readonly number: number;
  /** The number or displacement may still change: no encoding may depend on its being small. */
  readonly wide?: boolean;
  /** Far pointers: the selector. */
  readonly selector?: number;
  /** Memory: register numbers, 8 = none. */
  readonly base?: number;
  readonly index?: number;
  /** Memory: 1, 2, 4 or 8. */
  readonly scale?: number;
  readonly displacement?: number;
  /** Memory: segment register of an override. */
  readonly segment?: number;
  /** Memory: width of the address registers; without any, the mode's or the prefix's. */
  readonly addressBits?: 16 | 32;
}

export interface EncodeOptions {
  readonly bits: 16 | 32;
  /** Offset of the instruction in its segment: branch targets are offsets too. */
  readonly address?: number;
  readonly lock?: boolean;
  /** 0xf2 or 0xf3. */
  readonly repeat?: number;
  /** Condition code of JCC, SETCC, CMOVCC. */
  readonly condition?: number;
  /** Source segment of a string instruction, XLAT or MASKMOVQ. */
  readonly segment?: number;
  /** Element size of a string instruction. */
  readonly stringSize?: number;
  readonly operandBits?: 16 | 32;
  readonly addressBits?: 16 | 32;
  /** Branches: true = only the byte form, false = never. */
  readonly short?: boolean;
}

/** The operands cannot be encoded; the message says why, for the author of the source. */
export class EncodeError extends Error {
  override name = 'EncodeError';
}

const FORMS_BY_NAME = new Map<OpName, Form[]>();
for (const form of FORMS) {
  if (form === undefined) continue;
  const list = FORMS_BY_NAME.get(form.name);
  if (list === undefined) FORMS_BY_NAME.set(form.name, [form]);
  else list.push(form);
}

/** Do a register or immediate and the operand of a form agree? SIZE_OPERAND is settled by the caller. */
function agrees(spec: Operand, operand: EncodeOperand, form: Form): boolean {
  const { kind, size, number } = operand;
  switch (spec.carrier) {
    case 'rm':
      if (kind === KIND_MEMORY) {
        if (form.fixed >= 0 || form.rm === 'register' || form.rm === 'ignored') return false;
        const wanted = spec.memorySize;
        return size === SIZE_UNKNOWN || size === wanted || [SIZE_OPERAND, SIZE_FAR, SIZE_STATE].includes(wanted);
      }
      if (form.rm === 'memory' || kind !== spec.kind) return false;
      return kind !== KIND_REGISTER || size === spec.size || (spec.size === SIZE_OPERAND && size !== SIZE_8);
    case 'reg':
    case 'opcode':
      if (kind !== spec.kind) return false;
      return kind !== KIND_REGISTER || size === spec.size || (spec.size === SIZE_OPERAND && size !== SIZE_8);
    case 'constant':
      if (kind !== spec.kind || number !== spec.number) return false;
      return kind !== KIND_REGISTER || size === spec.size || (spec.size === SIZE_OPERAND && size !== SIZE_8);
    case 'offset':
      if (kind !== KIND_MEMORY || operand.base !== NO_REGISTER || operand.index !== NO_REGISTER) return false;
      return size === SIZE_UNKNOWN || size === spec.size || (spec.size === SIZE_OPERAND && size !== SIZE_8);
    case 'immediate':
      if (kind !== KIND_IMMEDIATE || (operand.selector !== undefined) !== spec.text.startsWith('A')) return false;
      if (spec.text === '1') return number === 1 && operand.wide !== true;
      if (spec.text === 'Iz') return size !== SIZE_8;
      return true;
    default:
      return false;
  }
}

/** Effective operand size in bits, `undefined` when two operands contradict each other. */
function operandBitsOf(form: Form, specs: readonly Operand[], operands: readonly EncodeOperand[], o: EncodeOptions) {
  let bits = o.operandBits;
  for (let i = 0; i < specs.length; i++) {
    const operand = operands[i];
    const isMemory = operand.kind === KIND_MEMORY;
    const size = isMemory && specs[i].carrier === 'rm' ? specs[i].memorySize : specs[i].size;
    const decides =
      size === SIZE_OPERAND || (size === SIZE_FAR && operand.selector !== undefined) || form.immediate === 'jz';
    if (!decides || operand.size === SIZE_UNKNOWN) continue;
    if (operand.size !== SIZE_16 && operand.size !== SIZE_32) {
      if (operand.kind === KIND_IMMEDIATE) continue;
      return undefined;
    }
    const wanted = operand.size === SIZE_32 ? 32 : 16;
    if (bits !== undefined && bits !== wanted) return undefined;
    bits = wanted;
  }
  return bits ?? o.bits;
}

const pushNumber = (out: number[], value: number, count: number): void => {
  for (let i = 0; i < count; i++) out.push((value >> (8 * i)) & 0xff);
};

/** Is the value expressible as a signed or as an unsigned number of so many bits? */
const fits = (value: number, bits: 8 | 16 | 32): boolean =>
  bits === 32 ? value >= -0x80000000 && value <= 0xffffffff : value >= -(1 << (bits - 1)) && value < 1 << bits;
/** Wrapped to 16 or 32 bits, is the value a signed number of so many bits? */
const fitsSigned = (value: number, bits: number, within: number): boolean => {
  const signed = within === 16 ? (value << 16) >> 16 : value | 0;
  return signed >= -(1 << (bits - 1)) && signed < 1 << (bits - 1);
};

/** r/m of a 16-bit base and index, by base | index << 4 (8 = none). */
const RM16: Readonly<Record<number, number>> = {
  [3 | (6 << 4)]: 0,
  [3 | (7 << 4)]: 1,
  [5 | (6 << 4)]: 2,
  [5 | (7 << 4)]: 3,
  [6 | (8 << 4)]: 4,
  [7 | (8 << 4)]: 5,
  [5 | (8 << 4)]: 6,
  [3 | (8 << 4)]: 7,
};

/** ModRM, SIB and displacement of a memory operand. */
function encodeAddress(operand: EncodeOperand, reg: number, addressBits: number): number[] {
  const base = operand.base ?? NO_REGISTER;
  const index = operand.index ?? NO_REGISTER;
  const scale = operand.scale ?? 1;
  const displacement = operand.displacement ?? 0;
  const out: number[] = [];
  const small = operand.wide !== true && fitsSigned(displacement, 8, addressBits);
  if (addressBits === 16) {
    if (!fits(displacement, 16)) throw new EncodeError(`displacement ${displacement} exceeds 16-bit addresses`);
    if (base === NO_REGISTER && index === NO_REGISTER) {
      out.push((reg << 3) | 6);
      pushNumber(out, displacement, 2);
      return out;
    }
    const rm = RM16[base | (index << 4)];
    if (rm === undefined || scale !== 1) throw new EncodeError('16-bit addresses are [bx|bp + si|di + displacement]');
    const mod = displacement === 0 && operand.wide !== true && rm !== 6 ? 0 : small ? 1 : 2;
    out.push((mod << 6) | (reg << 3) | rm);
    pushNumber(out, displacement, mod);
    return out;
  }
  if (index === 4) throw new EncodeError('esp cannot be a scaled index');
  const zero = displacement === 0 && operand.wide !== true && base !== 5;
  const mod = base === NO_REGISTER || zero ? 0 : small ? 1 : 2;
  const scaleBits = scale === 1 ? 0 : scale === 2 ? 1 : scale === 4 ? 2 : scale === 8 ? 3 : -1;
  if (scaleBits < 0) throw new EncodeError('a scale is 1, 2, 4 or 8');
  const baseBits = base === NO_REGISTER ? 5 : base;
  if (index === NO_REGISTER && base !== 4) out.push((mod << 6) | (reg << 3) | baseBits);
  else {
    out.push((mod << 6) | (reg << 3) | 4);
    out.push((scaleBits << 6) | ((index === NO_REGISTER ? 4 : index) << 3) | baseBits);
  }
  pushNumber(out, displacement, base === NO_REGISTER ? 4 : mod === 0 ? 0 : mod === 1 ? 1 : 4);
  return out;
}

/** The registers of an address in the order the encoding has them: ESP is no index, BX and BP are bases. */
function inOrder(operand: EncodeOperand): EncodeOperand {
  const { kind, base, index, scale } = operand;
  if (kind !== KIND_MEMORY || index === undefined || (scale ?? 1) !== 1) return operand;
  const swap = operand.addressBits === 16 ? base === NO_REGISTER || index === 3 || index === 5 : index === 4;
  return swap ? { ...operand, base: index, index: base } : operand;
}

/** Segment an address uses without an override. */
function defaultSegment(operand: EncodeOperand): number {
  return operand.base === 5 || operand.base === 4 ? 2 : 3;
}

/** The bytes of one form, or undefined when it cannot express the operands. */
function encodeForm(form: Form, operands: readonly EncodeOperand[], o: EncodeOptions): number[] | undefined {
  const specs = form.operands.filter((spec) => spec.carrier !== 'none');
  if (specs.length !== operands.length) return undefined;
  if (form.low === 'cc' && o.condition === undefined) return undefined;
  if (!specs.every((spec, i) => agrees(spec, operands[i], form))) return undefined;
  const strings = form.operands.filter((spec) => /^[XY]/.test(spec.text));
  if (strings.length > 0) {
    const size = strings[0].size === SIZE_8 ? SIZE_8 : SIZE_OPERAND;
    if ((o.stringSize === SIZE_8) !== (size === SIZE_8)) return undefined;
    if (o.stringSize !== SIZE_8) o = { ...o, operandBits: o.stringSize === SIZE_32 ? 32 : 16 };
  }
  const operandBits = operandBitsOf(form, specs, operands, o);
  if (operandBits === undefined) return undefined;
  if (form.prefix >= 0 && operandBits !== o.bits) return undefined;

  const memory = operands.find((operand) => operand.kind === KIND_MEMORY);
  let addressBits = o.addressBits ?? o.bits;
  if (memory?.addressBits !== undefined) addressBits = memory.addressBits;

  const out: number[] = [];
  if (o.lock === true) out.push(0xf0);
  if (o.repeat !== undefined) out.push(o.repeat);
  const segment = memory?.segment ?? o.segment ?? 3;
  if (segment !== (memory === undefined || memory.segment === undefined ? 3 : defaultSegment(memory))) {
    out.push(segment < 4 ? 0x26 | (segment << 3) : 0x60 | segment);
  }
  if (operandBits !== o.bits) out.push(0x66);
  if (addressBits !== o.bits) out.push(0x67);
  if (form.prefix > 0) out.push(form.prefix);
  if (form.escape) out.push(0x0f);

  let opcode = form.opcode;
  if (form.low === 'cc') opcode |= o.condition ?? 0;
  let reg = Math.max(form.digit, 0);
  specs.forEach((spec, i) => {
    if (spec.carrier === 'opcode') opcode |= operands[i].number;
    if (spec.carrier === 'reg') reg = operands[i].number;
  });
  out.push(opcode);
  if (form.fixed >= 0) {
    const stack = specs.findIndex((spec) => spec.kind === KIND_ST && spec.carrier === 'rm');
    out.push(form.fixed | (stack >= 0 ? operands[stack].number : 0));
  } else if (form.modrm) {
    const rm = specs.findIndex((spec) => spec.carrier === 'rm');
    const operand = operands[rm];
    if (operand !== undefined && operand.kind === KIND_MEMORY) out.push(...encodeAddress(operand, reg, addressBits));
    else out.push(0xc0 | (reg << 3) | (operand?.number ?? 0));
  }

  for (let i = 0; i < specs.length; i++) {
    const { carrier, text } = specs[i];
    const operand = operands[i];
    const value = operand.number;
    if (carrier === 'offset') pushNumber(out, operand.displacement ?? 0, addressBits / 8);
    if (carrier !== 'immediate' || text === '1') continue;
    if (text === 'Ib') {
      if (!fits(value, 8)) return undefined;
      out.push(value & 0xff);
    } else if (text === 'sIb') {
      if (operand.wide === true || !fits(value, operandBits) || !fitsSigned(value, 8, operandBits)) return undefined;
      out.push(value & 0xff);
    } else if (text === 'Iw') {
      if (!fits(value, 16)) return undefined;
      pushNumber(out, value, 2);
    } else if (text === 'Iz') {
      if (!fits(value, operandBits)) return undefined;
      pushNumber(out, value, operandBits / 8);
    } else if (text === 'Jb') {
      const displacement = value - ((o.address ?? 0) + out.length + 1);
      if (o.short === false || !fitsSigned(displacement, 8, operandBits)) return undefined;
      out.push(displacement & 0xff);
    } else if (text === 'Jz') {
      if (o.short === true) return undefined;
      const size = operandBits / 8;
      pushNumber(out, value - ((o.address ?? 0) + out.length + size), size);
    } else {
      pushNumber(out, value, operandBits / 8);
      pushNumber(out, operand.selector ?? 0, 2);
    }
  }
  // XCHG EAX,EAX in one byte is NOP: bytes that decode as another row are no encoding of this one.
  return formAt(Uint8Array.from(out), 0, out.length)?.name === form.name ? out : undefined;
}

/** The bytes of an instruction: the shortest encoding of the row that can express the operands. Throws EncodeError. */
export function encodeInstruction(name: OpName, given: readonly EncodeOperand[], o: EncodeOptions): number[] {
  const operands = given.map(inOrder);
  let best: number[] | undefined;
  const memorySizes = new Set<number>();
  const memoryAt = operands.findIndex((operand) => operand.kind === KIND_MEMORY && operand.size === SIZE_UNKNOWN);
  for (const form of FORMS_BY_NAME.get(name) ?? []) {
    const bytes = encodeForm(form, operands, o);
    if (bytes === undefined) continue;
    if (memoryAt >= 0) {
      const spec = form.operands.filter(({ carrier }) => carrier !== 'none')[memoryAt];
      if (spec.carrier === 'rm') memorySizes.add(spec.memorySize);
    }
    if (best === undefined || bytes.length < best.length) best = bytes;
  }
  if (best === undefined) throw new EncodeError(`${name} has no encoding for these operands in ${o.bits}-bit code`);
  if (memorySizes.size > 1)
    throw new EncodeError('the size of the memory operand is not known: write byte, word or dword');
  return best;
}
