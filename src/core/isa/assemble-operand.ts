// One operand of an assembly source: register, immediate, [memory], or selector:offset, with the words that may stand
// before it (byte … oword, short, near, far, ptr, strict). Produces what encode.ts takes.
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, SEGMENTS } from '../base/names.ts';
import { AssemblyError, type Cursor, evaluate, evaluateLinear, type Scope } from './assemble-expression.ts';
import { type EncodeOperand, SIZE_UNKNOWN } from './encode.ts';
import {
  KIND_CONTROL,
  KIND_DEBUG,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_MMX,
  KIND_REGISTER,
  KIND_SEGMENT,
  KIND_ST,
  KIND_XMM,
  SIZE_128,
  SIZE_16,
  SIZE_32,
  SIZE_64,
  SIZE_8,
  SIZE_80,
} from './record.ts';

export interface ParsedOperand {
  readonly operand: EncodeOperand;
  /** `short` or `near` was written. */
  readonly short: boolean | undefined;
  readonly far: boolean;
}

function buildRegisters(): Map<string, EncodeOperand> {
  const registers = new Map<string, EncodeOperand>();
  const add = (names: readonly string[], kind: number, size: number): void => {
    names.forEach((name, number) => registers.set(name, { kind, size, number }));
  };
  const numbered = (stem: string, count: number): string[] => Array.from({ length: count }, (_, i) => stem + i);
  add(REGISTERS_8, KIND_REGISTER, SIZE_8);
  add(REGISTERS_16, KIND_REGISTER, SIZE_16);
  add(REGISTERS_32, KIND_REGISTER, SIZE_32);
  add(SEGMENTS, KIND_SEGMENT, SIZE_16);
  add(numbered('cr', 8), KIND_CONTROL, SIZE_32);
  add(numbered('dr', 8), KIND_DEBUG, SIZE_32);
  add(numbered('st', 8), KIND_ST, SIZE_80);
  add(numbered('mm', 8), KIND_MMX, SIZE_64);
  add(numbered('xmm', 8), KIND_XMM, SIZE_128);
  return registers;
}

const REGISTERS = buildRegisters();
const SIZE_WORDS: Readonly<Record<string, number>> = {
  byte: SIZE_8,
  word: SIZE_16,
  dword: SIZE_32,
  qword: SIZE_64,
  tword: SIZE_80,
  oword: SIZE_128,
};

export function parseOperand(cursor: Cursor, scope: Scope): ParsedOperand {
  let size = SIZE_UNKNOWN;
  let short: boolean | undefined;
  let far = false;
  for (;;) {
    const word = cursor.peek()?.kind === 'name' ? cursor.peek()?.text.toLowerCase() : undefined;
    if (word === undefined) break;
    if (SIZE_WORDS[word] !== undefined) size = SIZE_WORDS[word];
    else if (word === 'short') short = true;
    else if (word === 'near') short = false;
    else if (word === 'far') far = true;
    else if (word !== 'ptr' && word !== 'strict') break;
    cursor.next();
  }
  const token = cursor.peek();
  if (token === undefined) throw new AssemblyError(cursor.line, 'the line ends where an operand was expected');
  const register = token.kind === 'name' ? REGISTERS.get(token.text.toLowerCase()) : undefined;
  if (register !== undefined) {
    cursor.next();
    return { operand: register, short, far };
  }
  if (cursor.accept('[')) return { operand: parseMemory(cursor, scope, size), short, far };
  const { value, wide } = evaluate(cursor, scope);
  if (cursor.accept(':')) {
    const offset = evaluate(cursor, scope);
    const operand = { kind: KIND_IMMEDIATE, size, number: offset.value, wide: offset.wide, selector: value };
    return { operand, short, far };
  }
  return { operand: { kind: KIND_IMMEDIATE, size, number: value, wide }, short, far };
}

function parseMemory(cursor: Cursor, scope: Scope, size: number): EncodeOperand {
  const bad = (message: string): never => {
    throw new AssemblyError(cursor.line, message);
  };
  let segment: number | undefined;
  let addressBits: 16 | 32 | undefined;
  const first = cursor.peek()?.text.toLowerCase() ?? '';
  if (cursor.peek()?.kind === 'name' && cursor.peek(1)?.text === ':') {
    const register = REGISTERS.get(first);
    if (register?.kind !== KIND_SEGMENT) bad(`${first} is no segment register`);
    segment = register?.number;
    cursor.next();
    cursor.next();
  }
  if (cursor.accept('word')) addressBits = 16;
  else if (cursor.accept('dword')) addressBits = 32;
  const { value, wide, registers } = evaluateLinear(cursor, scope);
  if (!cursor.accept(']')) bad('] is missing');
  let base = 8;
  let index = 8;
  let scale = 1;
  for (const [key, factor] of registers) {
    if (factor === 0) continue;
    const bits = key >> 4 === 16 ? 16 : 32;
    if (addressBits !== undefined && addressBits !== bits) bad('16- and 32-bit registers do not mix in an address');
    addressBits = bits;
    const number = key & 15;
    if (factor === 1 && base === 8) base = number;
    else if (index === 8 && [1, 2, 4, 8].includes(factor)) [index, scale] = [number, factor];
    else if (index === 8 && base === 8 && [3, 5, 9].includes(factor))
      [base, index, scale] = [number, number, factor - 1];
    else bad('an address is base + index * 1, 2, 4 or 8 + displacement');
  }
  return { kind: KIND_MEMORY, size, number: 0, base, index, scale, displacement: value, wide, segment, addressBits };
}
