// The rows' encoding strings (notation in row.ts) parsed into forms: what the decoder's tables, the assembler and
// `reprise explain` are made from. Runs once when the module is loaded; a string it cannot read is a broken invariant.
// Facts that the manual states for operand letters and not per instruction live here too: which segment, control
// registers exist (SDM vol. 2, 3.1.1.3), and that the CR and DR forms ignore mod.
import { OP, type OpName, ROWS } from './ops.ts';
import {
  KIND_CONTROL,
  KIND_DEBUG,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_MMX,
  KIND_NONE,
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
  SIZE_FAR,
  SIZE_STATE,
} from './record.ts';

/** Size that follows the effective operand size: 16 or 32 bits. */
export const SIZE_OPERAND = 8;

/** Where the operand's number comes from. */
export type Carrier = 'none' | 'rm' | 'reg' | 'opcode' | 'constant' | 'immediate' | 'offset';

/** How an immediate is stored; `z` has the operand size, `s` is a byte sign-extended to it. */
export type Immediate = 'none' | 'b' | 's' | 'w' | 'z' | 'far' | 'enter' | 'jb' | 'jz' | 'one' | 'moffs';

export interface Operand {
  readonly text: string;
  readonly carrier: Carrier;
  /** Kind of the register form; `rm` operands are KIND_MEMORY when mod is not 3. */
  readonly kind: number;
  /** SIZE_* or SIZE_OPERAND. */
  readonly size: number;
  readonly memorySize: number;
  /** Register number of a `constant`, value of the constant 1. */
  readonly number: number;
}

export interface Form {
  readonly op: number;
  readonly name: OpName;
  /** The row's own string. */
  readonly text: string;
  /** -1 any, 0 none allowed (NP), 0x66, 0xf2, 0xf3. */
  readonly prefix: number;
  readonly escape: boolean;
  readonly opcode: number;
  /** Low bits of the opcode: '' fixed, 'r' register, 'cc' condition. */
  readonly low: '' | 'r' | 'cc';
  readonly modrm: boolean;
  /** reg field that extends the opcode, or -1. */
  readonly digit: number;
  /** The whole ModRM byte when fixed, or -1. */
  readonly fixed: number;
  /** Low three bits of the fixed byte name a stack register. */
  readonly fixedStack: boolean;
  /** What the r/m field may be. `ignored`: always a register. */
  readonly rm: 'any' | 'memory' | 'register' | 'ignored';
  readonly operands: readonly Operand[];
  readonly immediate: Immediate;
  readonly lock: boolean;
}

const SIZES: Readonly<Record<string, number>> = {
  '': SIZE_8,
  b: SIZE_8,
  w: SIZE_16,
  d: SIZE_32,
  ss: SIZE_32,
  q: SIZE_64,
  sd: SIZE_64,
  dq: SIZE_128,
  ps: SIZE_128,
  pd: SIZE_128,
  t: SIZE_80,
  p: SIZE_FAR,
  s: SIZE_FAR,
  e: SIZE_STATE,
  v: SIZE_OPERAND,
  z: SIZE_OPERAND,
  a: SIZE_OPERAND,
};

/** Operands that are one fixed register, the constant 1, or a stack register: kind, size, number. */
const FIXED: Readonly<Record<string, readonly [number, number, number]>> = {
  AL: [KIND_REGISTER, SIZE_8, 0],
  CL: [KIND_REGISTER, SIZE_8, 1],
  eAX: [KIND_REGISTER, SIZE_OPERAND, 0],
  DX: [KIND_REGISTER, SIZE_16, 2],
  ES: [KIND_SEGMENT, SIZE_16, 0],
  CS: [KIND_SEGMENT, SIZE_16, 1],
  SS: [KIND_SEGMENT, SIZE_16, 2],
  DS: [KIND_SEGMENT, SIZE_16, 3],
  FS: [KIND_SEGMENT, SIZE_16, 4],
  GS: [KIND_SEGMENT, SIZE_16, 5],
  ST0: [KIND_ST, SIZE_80, 0],
};

const LETTERS: Readonly<Record<string, readonly [Carrier, number]>> = {
  E: ['rm', KIND_REGISTER],
  M: ['rm', KIND_MEMORY],
  R: ['rm', KIND_REGISTER],
  Q: ['rm', KIND_MMX],
  N: ['rm', KIND_MMX],
  W: ['rm', KIND_XMM],
  U: ['rm', KIND_XMM],
  G: ['reg', KIND_REGISTER],
  P: ['reg', KIND_MMX],
  V: ['reg', KIND_XMM],
  S: ['reg', KIND_SEGMENT],
  C: ['reg', KIND_CONTROL],
  D: ['reg', KIND_DEBUG],
  Z: ['opcode', KIND_REGISTER],
  I: ['immediate', KIND_IMMEDIATE],
  J: ['immediate', KIND_IMMEDIATE],
  A: ['immediate', KIND_IMMEDIATE],
  O: ['offset', KIND_MEMORY],
  X: ['none', KIND_NONE],
  Y: ['none', KIND_NONE],
};

const none: Operand = { text: '', carrier: 'none', kind: KIND_NONE, size: SIZE_8, memorySize: SIZE_8, number: 0 };

function parseOperand(text: string): Operand {
  if (text === 'R') return none; // only says that the r/m field is a register
  if (text === '1') return { ...none, text, carrier: 'immediate', kind: KIND_IMMEDIATE, number: 1 };
  if (text === 'STi') return { ...none, text, carrier: 'rm', kind: KIND_ST, size: SIZE_80, memorySize: SIZE_80 };
  const fixed = FIXED[text];
  if (fixed !== undefined) {
    return { text, carrier: 'constant', kind: fixed[0], size: fixed[1], memorySize: fixed[1], number: fixed[2] };
  }
  const match = /^s?([A-Z])([a-z]*)(?:\/M([a-z]+))?$/.exec(text);
  const letter = match === null ? undefined : LETTERS[match[1]];
  const size = match === null ? undefined : /^[sJ]/.test(text) ? SIZE_OPERAND : SIZES[match[2]];
  if (match === null || letter === undefined || size === undefined) throw new Error(`operand ${text} is not readable`);
  const memorySize = match[3] === undefined ? size : SIZES[match[3]];
  const kind = match[3] !== undefined || letter[0] !== 'rm' || match[1] !== 'R' ? letter[1] : KIND_REGISTER;
  return { text, carrier: letter[0], kind, size, memorySize, number: 0 };
}

function rmOf(operands: readonly string[]): Form['rm'] {
  for (const text of operands) {
    if (text.includes('/M')) return 'any';
    if (text.startsWith('M')) return 'memory';
    if (text.startsWith('N') || text.startsWith('U') || text === 'R') return 'register';
    if (text.startsWith('R')) return 'ignored';
  }
  return 'any';
}

function immediateOf(operands: readonly string[]): Immediate {
  const texts = operands.filter((text) => /^(s?I|J|A[a-z]|O|1$)/.test(text));
  if (texts.length === 0) return 'none';
  if (texts.length === 2) return 'enter';
  const text = texts[0];
  if (text === '1') return 'one';
  if (text === 'sIb') return 's';
  if (text.startsWith('O')) return 'moffs';
  if (text.startsWith('A')) return 'far';
  if (text.startsWith('J')) return text === 'Jb' ? 'jb' : 'jz';
  return text === 'Ib' ? 'b' : text === 'Iw' ? 'w' : 'z';
}

function parseForm(name: OpName, text: string): Form {
  const tokens = text.split(/\s+/);
  const bad = (): never => {
    throw new Error(`encoding ${text} of ${name} is not readable`);
  };
  let at = 0;
  let prefix = -1;
  if (/^(NP|66|F2|F3)$/.test(tokens[0])) {
    prefix = tokens[0] === 'NP' ? 0 : Number.parseInt(tokens[0], 16);
    at++;
  }
  const isEscape = tokens[at] === '0F';
  if (isEscape) at++;
  const opcodeMatch = /^([0-9A-F]{2})(?:\+(r|cc))?$/.exec(tokens[at++] ?? '') ?? bad();
  const fixedMatch = /^([0-9A-F]{2})(\+i)?$/.exec(tokens[at] ?? '');
  if (fixedMatch !== null) at++;
  const digitMatch = /^\/([r0-7])$/.exec(tokens[at] ?? '');
  if (digitMatch !== null) at++;
  const lock = tokens.at(-1) === 'lock';
  const rest = tokens.slice(at, lock ? -1 : undefined);
  if (rest.length > 1) bad();
  const operandTexts = rest.length === 0 ? [] : rest[0].split(',');
  return {
    op: OP[name],
    name,
    text,
    prefix,
    escape: isEscape,
    opcode: Number.parseInt(opcodeMatch[1], 16),
    low: (opcodeMatch[2] ?? '') as Form['low'],
    modrm: fixedMatch !== null || digitMatch !== null,
    digit: digitMatch === null || digitMatch[1] === 'r' ? -1 : Number(digitMatch[1]),
    fixed: fixedMatch === null ? -1 : Number.parseInt(fixedMatch[1], 16),
    fixedStack: fixedMatch?.[2] !== undefined,
    rm: fixedMatch === null ? rmOf(operandTexts) : 'register',
    operands: operandTexts.map(parseOperand),
    immediate: immediateOf(operandTexts),
    lock,
  };
}

/** Every encoding of every row. Index 0 is no form, so that 0 can mean an invalid opcode in tables. */
export const FORMS: readonly (Form | undefined)[] = [
  undefined,
  ...ROWS.flatMap((row) => row.encodings.map((text) => parseForm(row.name, text))),
];

/** Opcode bytes a form stands for: 1, 8 registers or 16 conditions. */
export function opcodeCount(form: Form): number {
  return form.low === 'r' ? 8 : form.low === 'cc' ? 16 : 1;
}

/** Does a ModRM byte select this form, as far as its fields are opcode or name registers that exist? */
export function matchesModrm(form: Form, modrm: number): boolean {
  const register = modrm >= 0xc0;
  const reg = (modrm >> 3) & 7;
  if (form.fixed >= 0) return form.fixedStack ? (modrm & 0xf8) === form.fixed : modrm === form.fixed;
  if (form.digit >= 0 && form.digit !== reg) return false;
  if (form.rm === 'memory' && register) return false;
  if (form.rm === 'register' && !register) return false;
  for (let i = 0; i < form.operands.length; i++) {
    const { carrier, kind } = form.operands[i];
    if (carrier !== 'reg') continue;
    if (kind === KIND_SEGMENT && (reg > 5 || (i === 0 && reg === 1))) return false; // CS is not loaded by MOV
    if (kind === KIND_CONTROL && reg !== 0 && reg !== 2 && reg !== 3 && reg !== 4) return false;
  }
  return true;
}
