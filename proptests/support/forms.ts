/**
 * Encodings of the rows as bytes: for a form of isa/encoding.ts the bytes of an instruction with register operands or
 * with one in memory, at a given address. 32-bit code. What an encoding does not fix comes from the caller's random
 * words.
 */
import { formAt } from '../../src/core/isa/decode.ts';
import { type Form, FORMS, matchesModrm } from '../../src/core/isa/encoding.ts';

/** Every form of every row. */
export const ALL_FORMS: readonly Form[] = FORMS.flatMap((form) => (form === undefined ? [] : [form]));

export interface Wish {
  /** Address of the memory operand; null: registers alone. */
  readonly address: number | null;
  /** 66, F2, F3; not for forms that have a mandatory one. */
  readonly prefixes: readonly number[];
}

const little = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, k) => (value >>> (8 * k)) & 0xff);

/** Selectors that far pointers take: they exist in the tests' descriptor tables. */
const SELECTORS = [0x08, 0x10, 0x18, 0x20];

function immediateBytes(form: Form, is16: boolean, word: () => number, address: number): number[] {
  const z = is16 ? 2 : 4;
  switch (form.immediate) {
    case 'none':
    case 'one':
      return [];
    case 'b':
    case 's':
    case 'jb': {
      // Counts of shifts are small.
      const value = word();
      return little((value & 0x100) === 0 ? value : value & 0x1f, 1);
    }
    case 'w':
      return little(word(), 2);
    case 'z':
    case 'jz':
      return little(word(), z);
    case 'far':
      return [...little(word() & 0xfff, z), ...little(SELECTORS[word() & 3], 2)];
    case 'enter':
      return [...little(word() & 0x3f, 2), word() & 3];
    case 'moffs':
      return little(address, 4);
    default:
      throw new Error(`no bytes for an immediate ${form.immediate}`);
  }
}

/** Null when the form has no such operands, or when other bytes than wished would be another instruction. */
export function encodeForm(form: Form, wish: Wish, word: () => number): Uint8Array | null {
  const { address, prefixes } = wish;
  const hasMemory =
    form.immediate === 'moffs' || (form.modrm && form.fixed < 0 && form.rm !== 'register' && form.rm !== 'ignored');
  if ((address === null && (form.rm === 'memory' || form.immediate === 'moffs')) || (address !== null && !hasMemory))
    return null;
  if (form.prefix >= 0 && prefixes.length > 0) return null;
  const low = form.low === 'r' ? word() & 7 : form.low === 'cc' ? word() & 15 : 0;
  const modrm: number[] = [];
  if (form.fixed >= 0) modrm.push(form.fixed | (form.fixedStack ? word() & 7 : 0));
  else if (form.modrm) {
    for (let tries = 0; tries < 64 && modrm.length === 0; tries++) {
      const reg = form.digit >= 0 ? form.digit : word() & 7;
      const byte = (reg << 3) | (address === null ? 0xc0 | (word() & 7) : 5);
      if (matchesModrm(form, byte)) modrm.push(byte);
    }
    if (modrm.length === 0) return null;
    if (address !== null) modrm.push(...little(address, 4));
  }
  const bytes = Uint8Array.from([
    ...prefixes,
    ...(form.prefix > 0 ? [form.prefix] : []),
    ...(form.escape ? [0x0f] : []),
    form.opcode + low,
    ...modrm,
    ...immediateBytes(form, prefixes.includes(0x66), word, address ?? 0),
  ]);
  return formAt(bytes, 0, bytes.length) === form ? bytes : null;
}
