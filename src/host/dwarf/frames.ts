// Call frame information (DWARF 5, section 6.4; .eh_frame after the System V ABI supplement): from the registers of a
// frame to those of its caller. Augmentations are read as far as compilers of C make them.

import { Cursor, DwarfError } from './cursor.ts';
import { evaluate, type Surroundings } from './expressions.ts';
import type { Section } from './sections.ts';

const ENTRIES_MAX = 1 << 20;
const STEPS_MAX = 1 << 16;
const STATES_MAX = 64;
export const DWARF_ESP = 4;
export const DWARF_EBP = 5;
export const DWARF_EIP = 8;
const REGISTER_COUNT = 9;

/** What of a register the caller had. */
type Rule =
  | { readonly kind: 'same' }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'offset' | 'value-offset'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression' | 'value-expression'; readonly expression: Uint8Array };

type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

interface Common {
  readonly codeAlign: number;
  readonly dataAlign: number;
  readonly returnRegister: number;
  readonly hasData: boolean;
  readonly encoding: number;
  readonly program: Uint8Array;
}

interface Description {
  readonly from: number;
  readonly to: number;
  readonly common: Common;
  readonly program: Uint8Array;
}

/** Registers of a frame, by DWARF's numbers for i386; null: not known. */
export type Registers = readonly (number | null)[];

export class FrameTable {
  /** Ascending. */
  private readonly descriptions: Description[];

  constructor(sections: readonly Section[]) {
    this.descriptions = sections.flatMap((section) => (section.bytes.length === 0 ? [] : readSection(section)));
    this.descriptions.sort((a, b) => a.from - b.from);
  }

  get count(): number {
    return this.descriptions.length;
  }

  private find(address: number): Description | null {
    let [low, high] = [0, this.descriptions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.descriptions[middle].from <= address) low = middle + 1;
      else high = middle;
    }
    // Descriptions of sections that were dropped all begin at 0.
    for (let i = low - 1; i >= 0 && i >= low - 4; i--) {
      if (address < this.descriptions[i].to) return this.descriptions[i];
    }
    return null;
  }

  /** Canonical frame address at an address of the file; null: nothing is said of it. */
  cfa(address: number, around: Surroundings): number | null {
    const found = this.find(address);
    return found === null ? null : cfaOf(rowAt(found, address).cfa, around);
  }

  /** The caller's registers; null: nothing is said of this address, or it has no caller. */
  caller(address: number, around: Surroundings): Registers | null {
    const found = this.find(address);
    if (found === null) return null;
    const { cfa: rule, rules } = rowAt(found, address);
    const cfa = cfaOf(rule, around);
    if (cfa === null) return null;
    const registers = Array.from({ length: REGISTER_COUNT }, (_, i): number | null => {
      const own = rules.get(i);
      // Callee-saved registers that nothing is said of are as they are; ESP is the frame address.
      if (own === undefined) return i === DWARF_ESP ? cfa : i === 3 || i >= 5 ? around.register(i) : null;
      return ruledValue(own, i, cfa, around);
    });
    const back = rules.get(found.common.returnRegister);
    if (back === undefined || back.kind === 'undefined') return null;
    const eip = ruledValue(back, DWARF_EIP, cfa, around);
    if (eip === null) return null;
    registers[DWARF_EIP] = eip;
    return registers;
  }
}

function ruledValue(rule: Rule, register: number, cfa: number, around: Surroundings): number | null {
  switch (rule.kind) {
    case 'same':
      return around.register(register);
    case 'undefined':
      return null;
    case 'offset':
      return around.memory((cfa + rule.offset) >>> 0, 4);
    case 'value-offset':
      return (cfa + rule.offset) >>> 0;
    case 'register':
      return around.register(rule.register);
    case 'expression':
    case 'value-expression': {
      const place = evaluate(rule.expression, around, [cfa]);
      if (place.kind !== 'memory') return null;
      return rule.kind === 'expression' ? around.memory(place.address, 4) : place.address;
    }
  }
}

function cfaOf(rule: CfaRule | null, around: Surroundings): number | null {
  if (rule === null) return null;
  if (rule.kind === 'expression') {
    const place = evaluate(rule.expression, around);
    return place.kind === 'memory' ? place.address : null;
  }
  const base = around.register(rule.register);
  return base === null ? null : (base + rule.offset) >>> 0;
}

interface Row {
  cfa: CfaRule | null;
  rules: Map<number, Rule>;
}

function rowAt({ common, from, program }: Description, address: number): Row {
  const row: Row = { cfa: null, rules: new Map() };
  run(common.program, common, from, 2 ** 32, row, null);
  const initial = new Map(row.rules);
  run(program, common, from, address, row, initial);
  return row;
}

/** Call frame instructions (table 7.29) up to an address. */
function run(
  program: Uint8Array,
  common: Common,
  from: number,
  until: number,
  row: Row,
  initial: Map<number, Rule> | null,
): void {
  const cursor = new Cursor(program);
  const states: Row[] = [];
  let at = from;
  const data = (value: number): number => value * common.dataAlign;
  const restore = (register: number): void => {
    const rule = initial?.get(register);
    if (rule === undefined) row.rules.delete(register);
    else row.rules.set(register, rule);
  };
  const setCfa = (register: number, offset: number): void => {
    row.cfa = { kind: 'register', register, offset };
  };
  const cfaRegister = (): number => (row.cfa?.kind === 'register' ? row.cfa.register : DWARF_ESP);
  const cfaOffset = (): number => (row.cfa?.kind === 'register' ? row.cfa.offset : 0);
  for (let steps = 0; !cursor.isAtEnd; steps++) {
    if (steps > STEPS_MAX) throw new DwarfError('the description of a frame is too long');
    const operation = cursor.u8();
    const low = operation & 0x3f;
    let advance = -1;
    if (operation >>> 6 === 1) advance = low;
    else if (operation >>> 6 === 2) row.rules.set(low, { kind: 'offset', offset: data(cursor.uleb()) });
    else if (operation >>> 6 === 3) restore(low);
    else {
      switch (operation) {
        case 0x00:
          break;
        case 0x01:
          at = cursor.u32();
          if (at > until) return;
          break;
        case 0x02:
          advance = cursor.u8();
          break;
        case 0x03:
          advance = cursor.u16();
          break;
        case 0x04:
          advance = cursor.u32();
          break;
        case 0x05:
          row.rules.set(cursor.uleb(), { kind: 'offset', offset: data(cursor.uleb()) });
          break;
        case 0x06:
          restore(cursor.uleb());
          break;
        case 0x07:
          row.rules.set(cursor.uleb(), { kind: 'undefined' });
          break;
        case 0x08:
          row.rules.set(cursor.uleb(), { kind: 'same' });
          break;
        case 0x09:
          row.rules.set(cursor.uleb(), { kind: 'register', register: cursor.uleb() });
          break;
        case 0x0a:
          if (states.length >= STATES_MAX) throw new DwarfError('the description of a frame remembers too much');
          states.push({ cfa: row.cfa, rules: new Map(row.rules) });
          break;
        case 0x0b: {
          const state = states.pop();
          if (state === undefined) throw new DwarfError('the description of a frame restores what it never had');
          row.cfa = state.cfa;
          row.rules = state.rules;
          break;
        }
        case 0x0c:
          setCfa(cursor.uleb(), cursor.uleb());
          break;
        case 0x0d:
          setCfa(cursor.uleb(), cfaOffset());
          break;
        case 0x0e:
          setCfa(cfaRegister(), cursor.uleb());
          break;
        case 0x0f:
          row.cfa = { kind: 'expression', expression: cursor.part(cursor.uleb()) };
          break;
        case 0x10:
        case 0x16: {
          const register = cursor.uleb();
          const expression = cursor.part(cursor.uleb());
          row.rules.set(register, { kind: operation === 0x10 ? 'expression' : 'value-expression', expression });
          break;
        }
        case 0x11:
          row.rules.set(cursor.uleb(), { kind: 'offset', offset: data(cursor.sleb()) });
          break;
        case 0x12:
          setCfa(cursor.uleb(), data(cursor.sleb()));
          break;
        case 0x13:
          setCfa(cfaRegister(), data(cursor.sleb()));
          break;
        case 0x14:
          row.rules.set(cursor.uleb(), { kind: 'value-offset', offset: data(cursor.uleb()) });
          break;
        case 0x15:
          row.rules.set(cursor.uleb(), { kind: 'value-offset', offset: data(cursor.sleb()) });
          break;
        case 0x2e:
          // DW_CFA_GNU_args_size
          cursor.uleb();
          break;
        default:
          throw new DwarfError(`the instruction 0x${operation.toString(16)} for frames is not known`);
      }
    }
    if (advance >= 0) {
      at += advance * common.codeAlign;
      if (at > until) return;
    }
  }
}

/** All descriptions of .debug_frame or .eh_frame. */
function readSection({ name, bytes, address }: Section): Description[] {
  const isEh = name === '.eh_frame';
  const commons = new Map<number, Common>();
  const found: Description[] = [];
  const cursor = new Cursor(bytes);
  while (!cursor.isAtEnd && found.length < ENTRIES_MAX) {
    const start = cursor.at;
    const { end, isLong } = cursor.unitEnd();
    // A length of 0 ends .eh_frame, or separates what a linker has put together.
    if (end === cursor.at) continue;
    const idAt = cursor.at;
    const id = cursor.number(isLong ? 8 : 4);
    const inner = new Cursor(bytes, cursor.at, end);
    cursor.at = end;
    if (id === (isEh ? 0 : 0xffff_ffff)) commons.set(start, readCommon(inner));
    else {
      const common = commons.get(isEh ? idAt - id : id);
      if (common !== undefined) found.push(readDescription(inner, common, isEh, address));
    }
  }
  return found.filter(({ from, to }) => to > from);
}

function readCommon(cursor: Cursor): Common {
  const version = cursor.u8();
  if (version !== 1 && version !== 3 && version !== 4)
    throw new DwarfError(`frames of version ${version} are not known`);
  const augmentation = cursor.text();
  if (version === 4) cursor.skip(2);
  const [codeAlign, dataAlign] = [cursor.uleb(), cursor.sleb()];
  const returnRegister = version === 1 ? cursor.u8() : cursor.uleb();
  let encoding = 0;
  const hasData = augmentation.startsWith('z');
  if (hasData) {
    const length = cursor.uleb();
    const next = cursor.at + length;
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') encoding = cursor.u8();
      else if (letter === 'L') cursor.skip(1);
      else if (letter === 'P') encoded(cursor, cursor.u8(), 0);
      else if (letter !== 'S') break;
    }
    cursor.skip(next - cursor.at);
  }
  return { codeAlign, dataAlign, returnRegister, hasData, encoding, program: cursor.part(cursor.end - cursor.at) };
}

function readDescription(cursor: Cursor, common: Common, isEh: boolean, sectionAddress: number): Description {
  const encoding = isEh ? common.encoding : 0;
  const from = encoded(cursor, encoding, sectionAddress);
  const size = encoded(cursor, encoding & 0x0f, 0);
  if (common.hasData) cursor.skip(cursor.uleb());
  return { from, to: from + size, common, program: cursor.part(cursor.end - cursor.at) };
}

/** DW_EH_PE: what a pointer is made of; relative to itself, or absolute. */
function encoded(cursor: Cursor, encoding: number, sectionAddress: number): number {
  const place = sectionAddress + cursor.at;
  const value = ((): number => {
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x03:
        return cursor.u32();
      case 0x01:
        return cursor.uleb();
      case 0x02:
        return cursor.u16();
      case 0x04:
      case 0x0c:
        return cursor.number(8);
      case 0x09:
        return cursor.sleb();
      case 0x0a:
        return (cursor.u16() << 16) >> 16;
      case 0x0b:
        return cursor.u32() | 0;
      default:
        throw new DwarfError(`pointers of the kind 0x${encoding.toString(16)} are not known`);
    }
  })();
  return ((encoding & 0x70) === 0x10 ? place + value : value) >>> 0;
}
