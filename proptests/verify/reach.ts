/**
 * What random programs reach: for each row, the classes of the operands that its instructions meet as they run. Zero,
 * one, all ones and the ends of the range for integers; signs, fractions, ties, ends, denormals, infinities and NaNs
 * for floats; counts of shifts; aligned, crooked and page-crossing addresses; equal operands, a register twice; the
 * carry that comes in, conditions both ways, roundings. A fault in one of these shows only where a program meets it.
 */
import { CONDITIONS } from '../../src/core/base/names.ts';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { C2, TOP_SHIFT } from '../../src/core/cpu/float/x87/status-word.ts';
import { PE } from '../../src/core/cpu/float/ieee/environment.ts';
import { GREATEST_F32, LEAST_F32 } from '../../src/core/cpu/float/ieee/limits.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { OP, ROWS, rowOf } from '../../src/core/isa/ops.ts';
import {
  INSTRUCTION_BYTES_MAX,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_REGISTER,
  KIND_ST,
  KIND_XMM,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_EA,
  R_IMM,
  R_META,
  RECORD_WORDS,
  SIZE_128,
  SIZE_16,
  SIZE_32,
  SIZE_64,
  SIZE_8,
  SIZE_80,
} from '../../src/core/isa/record.ts';
import type { Row } from '../../src/core/isa/row.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { bootMultiboot } from '../../src/core/machine/boot/multiboot.ts';
import { Machine } from '../../src/core/machine/machine.ts';
import { peekBytes } from '../../src/core/memory/peek.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { condition, getFlags } from '../../src/core/state/flags.ts';
import {
  CF,
  CS,
  EAX,
  ECX,
  EIP,
  FP_CONTROL,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  MODE_CS32,
  MODE_KEY,
  MXCSR,
  SEG_BASE,
  XMM,
} from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { effectiveOffset } from '../../tiers/interp/operands.ts';
import { runSome } from './faulty.ts';

const MEMORY_MEGABYTES = 2;
const BYTES_OF_SIZE: Readonly<Record<number, number>> = {
  [SIZE_8]: 1,
  [SIZE_16]: 2,
  [SIZE_32]: 4,
  [SIZE_64]: 8,
  [SIZE_80]: 10,
  [SIZE_128]: 16,
};

/** How the bytes of an operand are read. */
type Element = 'integer' | 'f32' | 'f64' | 'f80';

interface Operand {
  readonly kind: number;
  readonly bytes: Uint8Array;
  readonly element: Element;
  /** Bytes that count: a scalar has one element. */
  readonly size: number;
}

// ---------------------------------------------------------------------------------------------------------------
// Classes of values

const ROUGHLY: Readonly<Record<number, readonly [least: number, greatest: number]>> = {
  1: [0x80, 0x7f],
  2: [0x8000, 0x7fff],
  4: [0x80000000, 0x7fffffff],
};

function integerClass(value: number, bytes: number): string {
  const [least, greatest] = ROUGHLY[bytes];
  if (value === 0) return 'zero';
  if (value === 1) return 'one';
  if (value === 2 * greatest + 1) return 'all ones';
  if (value === least) return 'least';
  if (value === greatest) return 'greatest';
  return value > greatest ? 'negative' : 'positive';
}

/** Of a finite number that is not 0. */
function numberClasses(x: number, element: Element): string[] {
  const size = Math.abs(x);
  const part = size - Math.floor(size);
  const classes = [x < 0 ? 'negative' : 'positive', part === 0 ? 'integer' : part === 0.5 ? 'tie' : 'fraction'];
  if (part === 0.5) classes.push(Math.floor(size) % 2 === 0 ? 'tie to even below' : 'tie to even above');
  if (size >= 2 ** 31 - 1 && size <= 2 ** 31 + 1) classes.push('end of 32 bits');
  else if (size > 2 ** 31) classes.push('beyond 32 bits');
  if (element !== 'f32' && size > GREATEST_F32) classes.push('beyond single');
  if (element !== 'f32' && size < LEAST_F32) classes.push('below single');
  if (element !== 'f32' && Math.fround(x) !== x && isHalfOfSingle(x)) classes.push('half of single');
  return classes;
}

const scratch = new DataView(new ArrayBuffer(8));

function isHalfOfSingle(x: number): boolean {
  scratch.setFloat64(0, x);
  return (scratch.getUint32(4) & 0x1fffffff) === 0x10000000;
}

function floatClasses(bytes: Uint8Array, at: number, element: Element): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const isWide = element === 'f64';
  if (element === 'f80') return extendedClasses(view);
  const high = isWide ? view.getUint32(4, true) : view.getUint32(0, true);
  const x = isWide ? view.getFloat64(0, true) : view.getFloat32(0, true);
  const exponent = isWide ? (high >>> 20) & 0x7ff : (high >>> 23) & 0xff;
  const isNegative = high >>> 31 !== 0;
  if (exponent === (isWide ? 0x7ff : 0xff)) {
    if (!Number.isNaN(x)) return [isNegative ? '−infinity' : 'infinity'];
    return [(high & (isWide ? 0x80000 : 0x400000)) !== 0 ? 'quiet NaN' : 'signalling NaN'];
  }
  if (x === 0) return [isNegative ? '−0' : 'zero'];
  return exponent === 0 ? ['denormal'] : numberClasses(x, element);
}

function extendedClasses(view: DataView): string[] {
  const [low, high, top] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint16(8, true)];
  const exponent = top & 0x7fff;
  const isNegative = top >>> 15 !== 0;
  if (exponent === 0) {
    if (high === 0 && low === 0) return [isNegative ? '−0' : 'zero'];
    return ['denormal'];
  }
  if (high >>> 31 === 0) return ['unsupported'];
  if (exponent === 0x7fff) {
    if (low === 0 && (high & 0x7fffffff) === 0) return [isNegative ? '−infinity' : 'infinity'];
    return [(high & 0x40000000) !== 0 ? 'quiet NaN' : 'signalling NaN'];
  }
  const power = exponent - 16383 - 63;
  // Beyond the range of doubles it is an integer far away, or below any fraction.
  if (power > 900) return [isNegative ? 'negative' : 'positive', 'integer', 'beyond 32 bits', 'beyond double'];
  if (power < -1000) return [isNegative ? 'negative' : 'positive', 'fraction', 'below double'];
  return numberClasses((high * 2 ** 32 + low) * 2 ** power * (isNegative ? -1 : 1), 'f80');
}

// ---------------------------------------------------------------------------------------------------------------
// Operands of an instruction

/** The last letters of operands in the manual's notation: what their elements are, and whether there is one alone. */
function elementsOf(row: Row): readonly (readonly [element: Element, isScalar: boolean])[] {
  const found: [Element, boolean][] = [];
  for (const encoding of row.encodings) {
    const operands = encoding.split(/\s+/).find((word) => word.includes(',')) ?? '';
    operands.split(',').forEach((text, i) => {
      const letters = /(ss|sd|ps|pd)$/.exec(text)?.[1];
      if (letters === undefined || found[i] !== undefined) return;
      found[i] = [letters.endsWith('s') ? 'f32' : 'f64', letters.startsWith('s')];
    });
  }
  return found;
}

const ELEMENTS = ROWS.map((row: Row) => elementsOf(row));

/** Of a memory operand of the x87. */
function elementOfX87(name: string, size: number): Element {
  if (/^F(I|BLD|BSTP|LDCW|NST|LDENV|RSTOR|NSAVE)/.test(name)) return 'integer';
  return size === SIZE_32 ? 'f32' : size === SIZE_64 ? 'f64' : size === SIZE_80 ? 'f80' : 'integer';
}

/** Work on the accumulator, which no operand names. */
const ON_ACCUMULATOR = /^(CBW|CWD|MUL|IMUL1|DIV|IDIV|CMPXCHG)$/;
/** Of the x87: work on ST(0), which no operand names. */
const isOnTop = ({ name, faults }: Row): boolean =>
  name.startsWith('F') && faults.includes('MF') && !/^F(LD|ILD|BLD|RSTOR|NOP|DECSTP|INCSTP)/.test(name);
/** Of a count of five bits. */
const spanOf = (count: number): string =>
  count < 2 || count === 31 ? String(count) : count < 16 ? 'below 16' : 'from 16';
const SHIFT = /^(SHL|SHR|SAR|ROL|ROR|RCL|RCR|SHLD|SHRD)(_CL)?$/;

/** The first operand is written and not read: its old value does not matter. */
const WRITES_ONLY = /^(MOV|CVT|LEA|SETCC|POP|FN?ST|FIST|BS[FR]|IMUL3|PSHUFD|PMOVMSKB|LDDQU)/;
/** No value of theirs matters. */
const IGNORES_VALUES = /^(NOP|PREFETCH|(JMP|CALL)_IND|RET)$/;

/** Classes that an operand should be met in, by what the row's encodings say of it. */
function expectedOf(notation: string, row: Row): number {
  const letters = notation.slice(1);
  const isWritten = WRITES_ONLY.test(row.name);
  // Registers of 128 bits must lie aligned.
  const places = !/^[EMWQ]/.test(notation) ? 0 : /^(ps|pd|dq)$/.test(letters) ? 1 : 2;
  if (row.name === 'NOP') return 0;
  if (IGNORES_VALUES.test(row.name)) return places;
  if (row.name === 'LEA') return 3;
  if (/^(ST0|STi)$/.test(notation)) return 11;
  if (/^(ss|sd|ps|pd)$/.test(letters)) return places + (isWritten ? 4 : row.faults.includes('XM') ? 10 : 6);
  if (/^[VWUPQN]/.test(notation)) return places + 3;
  if (notation.startsWith('M') && row.name.startsWith('F'))
    return places + (row.name.startsWith('FNST') ? 1 : /^F(I|LDCW)/.test(row.name) ? 3 : 10);
  // The register form of a fence: whatever register it is, nothing is read or written.
  if (notation === 'R') return 0;
  if (/^[EGMRZ]/.test(notation)) return places + (isWritten ? 3 : 6);
  return /^s?I/.test(notation) ? 2 : 0;
}

/**
 * How many classes the instructions of a row should have met at the least: for each operand that an encoding names the
 * usual ones of its kind, and what else the row looks at.
 */
export function expectedClasses(row: Row): number {
  const most = [0, 0];
  for (const encoding of row.encodings) {
    const words = encoding.split(/\s+/).filter((word) => !/^([\dA-F]{2}(\+\w+)?|NP|\/\w|lock)$/.test(word));
    const operands = (words[0] ?? '').split(',');
    operands.slice(0, 2).forEach((operand, i) => {
      most[i] = Math.max(most[i], expectedOf(operand, row));
    });
  }
  const { name } = row;
  const isConditional = name === 'JCC' || name === 'SETCC' || name === 'CMOVCC';
  const extra =
    (isConditional ? 32 : row.flags.read === 'C' ? 2 : 0) +
    (SHIFT.test(name) ? 6 : 0) +
    (isOnTop(row) && !row.encodings.some((text) => text.includes('ST0')) ? 11 : 0) +
    (ON_ACCUMULATOR.test(name) ? 5 : 0) +
    (most[0] > 6 && most[1] > 6 ? 3 : 0);
  return most[0] + most[1] + extra;
}

export class Reach {
  /** Row, class, how often. */
  readonly rows = new Map<string, Map<string, number>>();
  private readonly code = new Int32Array(RECORD_WORDS);
  private readonly window = new Uint8Array(INSTRUCTION_BYTES_MAX);

  /** How often the row ran. */
  runsOf(row: string): number {
    return this.rows.get(row)?.get('') ?? 0;
  }

  /** How many classes its operands were met in. */
  classesOf(row: string): number {
    return Math.max(0, (this.rows.get(row)?.size ?? 0) - 1);
  }

  /** Notes the instruction at EIP, which is about to run. */
  look(cpu: Cpu): void {
    const { m32 } = cpu;
    const { code, window } = this;
    const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
    const available = peekBytes(cpu, linear, window);
    const isWide = (m32[MODE_KEY] & MODE_CS32) !== 0;
    // What is compiled is flat 32-bit code.
    if (!isWide || decodeInstruction(window, 0, available, true, code, 0) <= 0) return;
    const op = code[R_META] & META_OP_MASK;
    const row = rowOf(op);
    let classes = this.rows.get(row.name);
    if (classes === undefined) {
      classes = new Map();
      this.rows.set(row.name, classes);
    }
    const counts = classes;
    const note = (name: string): void => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    };
    note('');
    const a = this.operand(cpu, row, 0, note);
    const b = this.operand(cpu, row, 1, note);
    this.describe(a, 'A', note);
    this.describe(b, 'B', note);
    if (isOnTop(row) && a?.kind !== KIND_ST) this.describe(this.stackRegister(cpu, 0, 'ST0', note), 'ST0', note);
    if (ON_ACCUMULATOR.test(row.name)) note(`EAX ${integerClass(m32[EAX] >>> 0, 4)}`);
    this.relate(a, b, note);
    this.surroundings(cpu, row, note);
  }

  private operand(cpu: Cpu, row: Row, role: 0 | 1, note: (name: string) => void): Operand | null {
    const { code } = this;
    const { m32, m8 } = cpu;
    const meta = code[R_META];
    const kind = (meta >> (role === 0 ? META_KIND_A_SHIFT : META_KIND_B_SHIFT)) & 15;
    const sizeCode = (meta >> (role === 0 ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
    const number = code[role === 0 ? R_A : R_B];
    const size = BYTES_OF_SIZE[sizeCode];
    if (kind === KIND_REGISTER && size <= 4) {
      const at = size === 1 ? (number & 3) * 4 + (number >> 2) : number * 4;
      return { kind, bytes: m8.slice(at, at + size), element: 'integer', size };
    }
    if (kind === KIND_IMMEDIATE) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setInt32(0, code[R_IMM], true);
      return { kind, bytes, element: 'integer', size: size <= 4 ? size : 4 };
    }
    if (kind === KIND_ST) return this.stackRegister(cpu, number, role === 0 ? 'A' : 'B', note);
    if (kind === KIND_XMM) {
      const [element, isScalar] = ELEMENTS[OP[row.name as keyof typeof OP]][role] ?? ['integer', false];
      const at = (XMM + number * 4) << 2;
      return { kind, bytes: m8.slice(at, at + 16), element, size: isScalar ? (element === 'f32' ? 4 : 8) : 16 };
    }
    if (kind !== KIND_MEMORY || size === undefined || row.name === 'LEA') return null;
    const segment = (code[R_EA] >> 12) & 7;
    const linear = (effectiveOffset(cpu, code, 0) + m32[SEG_BASE + segment]) | 0;
    const inPage = linear & (PAGE_BYTES - 1);
    if (inPage + size > PAGE_BYTES) note('crosses a page');
    else note((linear & (Math.min(size, 16) - 1)) === 0 ? 'aligned' : 'crooked');
    const bytes = new Uint8Array(size);
    if (peekBytes(cpu, linear, bytes) < size) {
      note('not mapped');
      return null;
    }
    const [element] = row.name.startsWith('F')
      ? [elementOfX87(row.name, sizeCode)]
      : (ELEMENTS[OP[row.name as keyof typeof OP]][role] ?? ['integer']);
    return { kind, bytes, element, size };
  }

  private stackRegister(cpu: Cpu, index: number, role: string, note: (name: string) => void): Operand | null {
    const { m32 } = cpu;
    const register = ((m32[FP_STATUS] >> TOP_SHIFT) + index) & 7;
    if (((m32[FP_TAG] >> register) & 1) !== 0) {
      note(`${role} empty`);
      return null;
    }
    const bytes = new Uint8Array(10);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, m32[FP_SIGNIFICAND + register * 2], true);
    view.setInt32(4, m32[FP_SIGNIFICAND + register * 2 + 1], true);
    view.setUint16(8, cpu.m16[FP_SIGN_EXPONENT_16 + register], true);
    return { kind: KIND_ST, bytes, element: 'f80', size: 10 };
  }

  private describe(operand: Operand | null, role: string, note: (name: string) => void): void {
    if (operand === null) return;
    const { bytes, element, size } = operand;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (element !== 'integer') {
      const step = element === 'f32' ? 4 : element === 'f64' ? 8 : 10;
      for (let at = 0; at + step <= size; at += step) {
        for (const name of floatClasses(bytes, at, element)) note(`${role} ${name}`);
      }
      return;
    }
    // Narrow registers are named apart: their flags and extensions are other code.
    if (size === 1) note(`${role} byte ${integerClass(bytes[0], 1)}`);
    else if (size === 2) note(`${role} word ${integerClass(view.getUint16(0, true), 2)}`);
    else for (let at = 0; at + 4 <= size; at += 4) note(`${role} ${integerClass(view.getUint32(at, true), 4)}`);
  }

  private relate(a: Operand | null, b: Operand | null, note: (name: string) => void): void {
    const { code } = this;
    if (a === null || b === null) return;
    const isNamed = a.kind !== KIND_MEMORY && a.kind !== KIND_IMMEDIATE;
    if (isNamed && a.kind === b.kind && a.size === b.size && code[R_A] === code[R_B]) note('one register twice');
    if (a.element !== b.element || a.size !== b.size) return;
    const views = [a, b].map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset));
    if (a.element === 'f64' || a.element === 'f32') {
      const [x, y] = views.map((view) => (a.element === 'f64' ? view.getFloat64(0, true) : view.getFloat32(0, true)));
      note(x === y ? 'equal' : x < y ? 'less' : x > y ? 'greater' : 'unordered');
    } else if (a.element === 'integer' && a.size <= 4) {
      const [x, y] = views.map((view) =>
        a.size === 4 ? view.getInt32(0, true) : a.size === 2 ? view.getInt16(0, true) : view.getInt8(0),
      );
      if (x === y) note('equal');
      else note(`${x < y ? 'less' : 'greater'}, ${x >>> 0 < y >>> 0 ? 'below' : 'above'}`);
    }
  }

  private surroundings(cpu: Cpu, row: Row, note: (name: string) => void): void {
    const { code } = this;
    const { m32 } = cpu;
    const meta = code[R_META];
    const { name } = row;
    if (name === 'JCC' || name === 'SETCC' || name === 'CMOVCC') {
      const cc = name === 'CMOVCC' ? code[R_IMM] : code[R_B];
      note(`${CONDITIONS[cc]} ${condition(cpu, cc) ? 'holds' : 'does not hold'}`);
    } else if (row.flags.read === 'C') note((getFlags(cpu) & CF) !== 0 ? 'carry comes in' : 'no carry comes in');
    if (SHIFT.test(name)) {
      const bits = 8 * BYTES_OF_SIZE[(meta >> META_SIZE_A_SHIFT) & 7];
      const isByImmediate = name.startsWith('SH') && name.endsWith('D');
      const isImmediate = isByImmediate || ((meta >> META_KIND_B_SHIFT) & 15) === KIND_IMMEDIATE;
      const given = isImmediate ? code[R_IMM] & 0xff : m32[ECX] & 0xff;
      const count = given & 31;
      const how = isImmediate ? '' : 'CL ';
      if (given > 31) note(`${how}count above 31`);
      if (count < 2) note(`${how}count ${count}`);
      else if (count === bits - 1) note(`${how}count of all bits but one`);
      else if (count >= bits) note(`${how}count of all bits and more`);
      else note(`${how}count between`);
      // The widest has cases of its own, where all five bits count.
      if (!isImmediate && bits === 32) note(`doubleword by CL, ${given > 31 ? 'above 31' : spanOf(count)}`);
    }
    if (row.faults.includes('XM')) {
      note(`MXCSR rounds ${(m32[MXCSR] >> 13) & 3}`);
      note((m32[MXCSR] & PE) !== 0 ? 'PE set' : 'PE clear');
    }
    if (name.startsWith('F') && row.faults.includes('MF')) {
      note(`x87 rounds ${(m32[FP_CONTROL] >> 10) & 3}`);
      note(`x87 precision ${(m32[FP_CONTROL] >> 8) & 3}`);
      if ((m32[FP_STATUS] & C2) !== 0) note('C2 set');
    }
  }
}

/** A line for each row that ran: how often, how many classes, and each with its count. */
export function reachText(reach: Reach): string {
  return [...reach.rows.keys()]
    .sort()
    .map((name) => {
      const classes = [...(reach.rows.get(name) ?? [])]
        .filter(([each]) => each !== '')
        .sort(([a], [b]) => (a < b ? -1 : 1));
      const list = classes.map(([each, count]) => `${each} ${count}`).join(', ');
      const runs = `${String(reach.runsOf(name)).padStart(7)} runs`;
      return `${name.padEnd(12)} ${runs} ${String(classes.length).padStart(3)} classes: ${list}`;
    })
    .join('\n');
}

/** The interpreter, an instruction at a time, each looked at before. */
export class Looking implements Engine {
  readonly name = 'looking';
  private readonly inner: Interpreter;
  private readonly reach: Reach;

  constructor(cpu: Cpu, reach: Reach) {
    this.inner = new Interpreter(cpu);
    this.reach = reach;
  }

  drop(): void {
    this.inner.drop();
  }

  run(cpu: Cpu): void {
    while (cpu.left > 0 && cpu.exitRequest === 0) {
      this.reach.look(cpu);
      runSome(this.inner, cpu, 1);
    }
  }
}

/** Runs a guest to its end, or to the tick, and adds what it met. */
export function addReach(reach: Reach, kernel: Uint8Array, ticksMax: number): void {
  const machine = new Machine(
    {
      memoryMegabytes: MEMORY_MEGABYTES,
      nsPerTick: 8,
      epochSeconds: 0,
      reboot: false,
      serialTiming: 'instant',
      hashEveryTicks: 0,
    },
    new LivePort(),
    SILENT_OUTPUT,
    (cpu) => new Looking(cpu, reach),
  );
  machine.boot(() => bootMultiboot(machine.cpu, machine.space, { kernel, modules: [], commandLine: '' }));
  machine.run(ticksMax);
}
