/**
 * The rows of the contract taken apart: every row × encoding × register or memory form × operand size is one form,
 * the unit of coverage. Reads the notation of src/core/isa/row.ts; chooses nothing.
 */
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { ROWS } from '../../../src/core/isa/ops.ts';
import type { Row } from '../../../src/core/isa/row.ts';
import { SIMD_ROWS } from '../../../src/core/isa/rows-simd.ts';
import { X87_ROWS } from '../../../src/core/isa/rows-x87.ts';

export interface Operand {
  /** Place letter of the notation (`E`, `G`, `sI`, …), or the whole literal (`AL`, `ST0`, `STi`, `1`). */
  place: string;
  /** Size letters of the notation; empty for literals. */
  size: string;
}

export interface Form {
  row: Row;
  area: 'integer' | 'x87' | 'simd';
  encoding: string;
  /** 0 none stated, 1 NP, or the prefix byte. */
  mandatoryPrefix: number;
  opcode: number[];
  /** What the low bits of the last opcode byte hold. */
  plus: '' | 'r' | 'i' | 'cc';
  /** −1: no ModRM; 8: /r; 0..7: /n. */
  modrm: number;
  operands: Operand[];
  lockable: boolean;
  /** The ModRM operand is memory; null when there is no choice to make. */
  memory: boolean | null;
  /** Operand size where the form has one, else 0. */
  operandBits: 0 | 16 | 32;
}

export const NO_PREFIX_ALLOWED = 1;
export const NO_MODRM = -1;
export const ANY_REG_FIELD = 8;

const LITERALS = new Set([
  ...['AL', 'eAX', 'CL', 'DX', 'ST0', 'STi', '1'],
  ...SEGMENTS.map((name) => name.toUpperCase()),
]);
/** Places that the rm field of ModRM names. */
const RM_PLACES = new Set(['E', 'M', 'R', 'Q', 'N', 'W', 'U']);
const EITHER_PLACES = new Set(['E', 'Q', 'W']);

function parseOperand(text: string): Operand {
  if (LITERALS.has(text)) return { place: text, size: '' };
  const match = /^(sI|[A-Z])([a-z]*)$/.exec(text);
  if (!match) throw new SyntaxError(`operand ${text} is not in the notation`);
  return { place: match[1], size: match[2] };
}

/** All forms of one encoding. */
function formsOf(row: Row, area: Form['area'], encoding: string): Form[] {
  const words = encoding.split(/\s+/);
  let mandatoryPrefix = 0;
  if (words[0] === 'NP') mandatoryPrefix = NO_PREFIX_ALLOWED;
  else if (/^(66|F2|F3)$/.test(words[0]) && words.length > 1) mandatoryPrefix = Number.parseInt(words[0], 16);
  if (mandatoryPrefix) words.shift();
  const lockable = words[words.length - 1] === 'lock';
  if (lockable) words.pop();
  const opcode: number[] = [];
  let plus: Form['plus'] = '';
  while (words.length > 0 && /^[0-9A-F]{2}(\+(r|i|cc))?$/.test(words[0])) {
    const [byte, low] = (words.shift() as string).split('+');
    opcode.push(Number.parseInt(byte, 16));
    if (low) plus = low as Form['plus'];
  }
  let modrm = NO_MODRM;
  if (words[0]?.startsWith('/')) {
    const digit = (words.shift() as string).slice(1);
    modrm = digit === 'r' ? ANY_REG_FIELD : Number(digit);
  }
  const operandTexts = words.length > 0 ? (words.shift() as string).split(',') : [];
  if (words.length > 0) throw new SyntaxError(`${row.name}: ${encoding}: ${words.join(' ')} is not in the notation`);
  const make = (texts: string[], memory: boolean | null): Form[] => {
    const operands = texts.map(parseOperand);
    const sized =
      operands.some(
        (o) =>
          /^[vzpa]$/.test(o.size) || (o.size === 'e' && mandatoryPrefix === 0) || o.place === 'eAX' || o.place === 'S',
      ) || isSizedByName(row.name);
    return (sized ? ([16, 32] as const) : ([0] as const)).map((operandBits) => ({
      row,
      area,
      encoding,
      mandatoryPrefix,
      opcode,
      plus,
      modrm,
      operands,
      lockable,
      memory,
      operandBits,
    }));
  };
  const split = operandTexts.findIndex((text) => text.includes('/'));
  if (split >= 0) {
    const [register, memory] = operandTexts[split].split('/');
    const swap = (text: string) => operandTexts.map((t, i) => (i === split ? text : t));
    return [...make(swap(register), false), ...make(swap(memory), true)];
  }
  if (modrm === NO_MODRM) return make(operandTexts, null);
  const rm = operandTexts.map(parseOperand).find((o) => RM_PLACES.has(o.place));
  if (!rm) throw new SyntaxError(`${row.name}: ${encoding} has a ModRM byte but no operand for it`);
  if (EITHER_PLACES.has(rm.place)) return [...make(operandTexts, false), ...make(operandTexts, true)];
  return make(operandTexts, rm.place === 'M');
}

/** Implied operands whose size follows the operand size. */
function isSizedByName(name: string): boolean {
  return /^(PUSH|POP)|^(ENTER|LEAVE|RET|RET_FAR|IRET|CBW|CWD|BSWAP)$/.test(name);
}

export function rmOperand(form: Form): Operand | undefined {
  return form.modrm === NO_MODRM ? undefined : form.operands.find((o) => RM_PLACES.has(o.place));
}

/** Bytes that a size letter of the notation stands for. `e` and empty sizes depend on the row. */
export function sizeInBytes(size: string, operandBits: number, name: string): number {
  const v = operandBits / 8;
  switch (size) {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'd':
    case 'ss':
      return 4;
    case 'q':
    case 'sd':
      return 8;
    case 'dq':
    case 'ps':
    case 'pd':
      return 16;
    case 't':
      return 10;
    case 's':
      return 6;
    case 'v':
    case 'z':
      return v;
    case 'p':
      return v + 2;
    case 'a':
      return 2 * v;
    case 'e':
      if (name === 'FXSAVE' || name === 'FXRSTOR') return 512;
      return (name === 'FNSAVE' || name === 'FRSTOR' ? 80 : 0) + (operandBits === 16 ? 14 : 28);
    case '':
      return 1;
    default:
      throw new SyntaxError(`operand size ${size} is not in the notation`);
  }
}

const X87 = new Set<string>(X87_ROWS.map((r) => r.name));
const SIMD = new Set<string>(SIMD_ROWS.map((r) => r.name));

/** Every form of every row, in row order. */
export const FORMS: readonly Form[] = ROWS.flatMap((row: Row) =>
  row.encodings.flatMap((encoding) =>
    formsOf(row, X87.has(row.name) ? 'x87' : SIMD.has(row.name) ? 'simd' : 'integer', encoding),
  ),
);

/** Name of a form in labels and coverage: row, encoding, register or memory, operand size. */
export function formName(form: Form): string {
  const place = form.memory === null ? '' : form.memory ? ' mem' : ' reg';
  return `${form.row.name} | ${form.encoding}${place}${form.operandBits ? ` ${form.operandBits}` : ''}`;
}

/** Rows that a process cannot be a witness of, and why; README.md has the long form. */
export const UNWITNESSED: Readonly<Record<string, string>> = {
  SGDT: 'emulated by the kernel where UMIP is on',
  SIDT: 'emulated by the kernel where UMIP is on',
  SLDT: 'emulated by the kernel where UMIP is on',
  STR: 'emulated by the kernel where UMIP is on',
  SMSW: 'emulated by the kernel where UMIP is on',
  CPUID: 'tells about the host',
  RDTSC: 'tells the time of the host',
  SYSENTER: 'enters the kernel, or is #UD on AMD in this mode',
  SYSEXIT: 'is #UD on AMD in this mode',
  UD0: 'has a ModRM byte or not by vendor, which shows at the end of a page',
  UD1: 'has a ModRM byte or not by vendor, which shows at the end of a page',
  INT1: 'reported with the wrong address under some hypervisors',
};

/** The forms that run on the witness. */
export const WITNESSED_FORMS: readonly Form[] = FORMS.filter((form) => !(form.row.name in UNWITNESSED));
