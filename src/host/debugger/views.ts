// What a debugger shows of a machine at rest, as text and as plain data: registers, memory, stack, instructions,
// devices, page translations. Reads through memory/peek.ts only, so that looking changes nothing.

import { FLAG_NAMES } from '../../core/state/flag-names.ts';
import { INSTRUCTION_BYTES_MAX } from '../../core/isa/record.ts';
import { REGISTERS_32, SEGMENTS } from '../../core/base/names.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { peekBytes, peekNumber } from '../../core/memory/peek.ts';
import type { DeviceState, DeviceValue } from '../../core/board/device.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { getFlags } from '../../core/state/flags.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  EIP,
  ESP,
  HALTED,
  MODE_CS32,
  MODE_KEY,
  SEG_BASE,
  SEG_SELECTOR,
  SS,
} from '../../core/state/layout.ts';
import { callBefore } from '../symbols/calls.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';

/** A number as one can type it again: addresses with all their digits. */
export const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
/** The same without digits that say nothing, also above 32 bits: values, physical addresses. */
export const hexValue = (value: number): string => `0x${value.toString(16)}`;
export const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const hex4 = (value: number): string => `0x${(value & 0xffff).toString(16).padStart(4, '0')}`;

/** Linear address of the next instruction. */
export function linearEip(cpu: Cpu): number {
  return (cpu.m32[EIP] + cpu.m32[SEG_BASE + CS]) >>> 0;
}

export function registers(cpu: Cpu): Record<string, number> {
  const { m32 } = cpu;
  const values: Record<string, number> = {};
  REGISTERS_32.forEach((name, i) => (values[name] = m32[i] >>> 0));
  values.eip = m32[EIP] >>> 0;
  values.eflags = getFlags(cpu) >>> 0;
  SEGMENTS.forEach((name, i) => (values[name] = m32[SEG_SELECTOR + i] >>> 0));
  SEGMENTS.forEach((name, i) => (values[`${name}.base`] = m32[SEG_BASE + i] >>> 0));
  values.cr0 = m32[CR0] >>> 0;
  values.cr2 = m32[CR2] >>> 0;
  values.cr3 = m32[CR3] >>> 0;
  values.cr4 = m32[CR4] >>> 0;
  return values;
}

export function flagNames(eflags: number): string {
  return Object.entries(FLAG_NAMES)
    .filter(([, bit]) => (eflags & bit) !== 0)
    .map(([name]) => name)
    .join(' ');
}

/** Lines of registers; `mark` is put around those whose value is not the one in `before`. */
export function registerLines(
  values: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>> | null,
  mark: (text: string) => string,
): string {
  const show = (name: string, digits: (value: number) => string): string => {
    const text = `${name.padEnd(name.includes('.') ? 7 : 3)} ${digits(values[name])}`;
    return before !== null && before[name] !== values[name] ? mark(text) : text;
  };
  const line = (names: readonly string[], digits = hex): string => names.map((name) => show(name, digits)).join('  ');
  const bases = SEGMENTS.filter((name) => values[`${name}.base`] !== 0).map((name) => `${name}.base`);
  return [
    line(['eax', 'ebx', 'ecx', 'edx']),
    line(['esi', 'edi', 'ebp', 'esp']),
    `${line(['eip'])}  ${show('eflags', hex)} [${flagNames(values.eflags)}]`,
    line(SEGMENTS, hex4),
    ...(bases.length > 0 ? [line(bases)] : []),
    line(['cr0', 'cr2', 'cr3', 'cr4']),
  ].join('\n');
}

/** Rows of 16 bytes with their characters. */
export function memoryLines(address: number, bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${hex(address + at)}  ${digits.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}

export interface Instruction {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** One instruction from bytes; `text` is for people. */
export type Disassembler = (bytes: Uint8Array, address: number, bits: 16 | 32) => { text: string; length: number };

/** `count` instructions from a linear address, with names for branch targets. */
export function instructions(cpu: Cpu, disassemble: Disassembler, address: number, count: number): Instruction[] {
  const found: Instruction[] = [];
  const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
  const buffer = new Uint8Array(INSTRUCTION_BYTES_MAX);
  for (let at = address >>> 0; found.length < count; ) {
    const available = peekBytes(cpu, at, buffer);
    if (available === 0) {
      found.push({ address: at, bytes: new Uint8Array(0), text: '(not mapped)' });
      break;
    }
    const { text, length } = disassemble(buffer.slice(0, available), at, bits);
    found.push({ address: at, bytes: buffer.slice(0, length), text });
    at = (at + length) >>> 0;
  }
  return found;
}

export function instructionLines(list: readonly Instruction[], symbols: SymbolTable, here: number): string {
  return list
    .map(({ address, bytes, text }) => {
      const name = symbols.describe(address);
      const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      const target = /\b0x([0-9a-f]{1,8})\b|\b([0-9A-F]{5,8})h\b/i.exec(text);
      const targetName = target === null ? '' : symbols.describe(Number.parseInt(target[1] ?? target[2], 16));
      const comment = targetName === '' || targetName.includes('+0x') ? '' : `  ; ${targetName}`;
      const arrow = address === here ? '=>' : '  ';
      return (
        `${arrow} ${hex(address)} ${name === '' ? '' : `<${name}>`.padEnd(20)} ${digits.padEnd(16)} ` +
        `${text}${comment}`
      );
    })
    .join('\n');
}

export interface StackSlot {
  readonly address: number;
  readonly value: number;
  /** The value looks like a return address: a CALL ends just before it. */
  readonly isReturn: boolean;
}

export function stackSlots(cpu: Cpu, count: number): StackSlot[] {
  const slots: StackSlot[] = [];
  const base = cpu.m32[SEG_BASE + SS];
  for (let i = 0; i < count; i++) {
    const address = (base + cpu.m32[ESP] + i * 4) >>> 0;
    const value = peekNumber(cpu, address, 4);
    if (value === null) break;
    slots.push({ address, value, isReturn: value > 0xfff && callBefore(cpu, value) !== null });
  }
  return slots;
}

export function stackLines(slots: readonly StackSlot[], symbols: SymbolTable): string {
  return slots
    .map(({ address, value, isReturn }) => {
      const name = symbols.describe(value);
      return `${hex(address)}  ${hex(value)}${name === '' ? '' : `  ${name}`}${isReturn ? '  (return address)' : ''}`;
    })
    .join('\n');
}

/** State of a device as JSON; bytes as hexadecimal text. */
export function deviceJson(state: DeviceState): unknown {
  const plain = (value: DeviceValue): unknown => {
    if (value instanceof Uint8Array) return [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
    }
    return value;
  };
  return plain(state);
}

/** The state of the devices whose name begins with `prefix`. */
export function deviceStates(machine: Machine, prefix: string): { name: string; state: unknown }[] {
  return machine.board.devices
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, fields }) => ({ name, state: deviceJson(fields.save()) }));
}

/** The same for a person: a paragraph a device, of one device a line a field. */
export function deviceLines(machine: Machine, prefix: string): string {
  const devices = machine.board.devices.filter(({ name }) => name.startsWith(prefix));
  if (devices.length === 1) {
    const rows = devices[0].fields.show();
    const width = Math.max(0, ...rows.map(({ field }) => field.length));
    return rows.map(({ field, text }) => `${field.padEnd(width)}  ${text}`).join('\n');
  }
  return devices
    .map(({ name, fields }) => {
      const rows = fields.show().map(({ field, text }) => `${field} ${text}`);
      return `${name.padEnd(14)} ${rows.join(', ')}`.trimEnd();
    })
    .join('\n');
}

export function isHalted(cpu: Cpu): boolean {
  return cpu.m32[HALTED] !== 0;
}
