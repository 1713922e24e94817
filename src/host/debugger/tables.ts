// The tables that the processor reads from memory, as a person reads them: interrupt vectors, descriptors, the task
// state segment, page tables (SDM 3, chapters 3, 4, 6, 7). Addresses are linear but for those of page-table entries.

import { REGISTERS_16, SEGMENTS } from '../../core/base/names.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { base, type Descriptor, dplOf, isPresent, limit, typeOf } from '../../core/cpu/system/descriptors.ts';
import { vectorName } from '../../core/machine/reset-cause.ts';
import { peekNumber, peekPhysicalBytes } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import {
  CR0,
  CR0_PE,
  CR0_PG,
  CR3,
  CR4,
  CR4_PAE,
  CR4_PSE,
  GDTR_BASE,
  GDTR_LIMIT,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  PDPTE,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  TR,
} from '../../core/state/layout.ts';
import { DebuggerError } from './debugger-error.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { hex, hexValue } from './views.ts';

const hex4 = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;
const named = (symbols: SymbolTable, address: number): string => {
  const name = symbols.describe(address >>> 0);
  return name === '' ? '' : `  ${name}`;
};

function descriptorAt(cpu: Cpu, address: number, selector = 0): Descriptor | null {
  const low = peekNumber(cpu, address >>> 0, 4);
  const high = peekNumber(cpu, (address + 4) >>> 0, 4);
  return low === null || high === null ? null : { selector, address, low: low | 0, high: high | 0 };
}

// --- Interrupts --------------------------------------------------------------------------------------------------

const GATES: Readonly<Record<number, string>> = {
  5: 'task gate',
  6: 'interrupt gate, 16-bit',
  7: 'trap gate, 16-bit',
  14: 'interrupt gate',
  15: 'trap gate',
};

const VECTORS_NAMED = 20;
const vectorTitle = (vector: number): string =>
  `${hexValue(vector).padEnd(5)} ${(vector < VECTORS_NAMED ? vectorName(vector) : '').padEnd(9)}`;

/** One text a vector; the same text several times becomes one line. */
function folded(texts: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < texts.length; ) {
    let last = i;
    while (last + 1 < texts.length && texts[last + 1] === texts[i]) last++;
    const isRun = last - i > 1;
    for (let k = i; k <= (isRun ? i : last); k++) {
      const title = isRun ? `${hexValue(i)} to ${hexValue(last)}`.padEnd(15) : vectorTitle(k);
      lines.push(`${title} ${texts[k]}`);
    }
    i = last + 1;
  }
  return lines;
}

function realVectors(cpu: Cpu, symbols: SymbolTable): string {
  const table = cpu.m32[IDTR_BASE] >>> 0;
  const texts: string[] = [];
  for (let vector = 0; vector < 256 && vector * 4 + 3 <= cpu.m32[IDTR_LIMIT] >>> 0; vector++) {
    const entry = peekNumber(cpu, table + vector * 4, 4);
    if (entry === null) break;
    const [segment, offset] = [entry >>> 16, entry & 0xffff];
    texts.push(`${hex4(segment)}:${hex4(offset)}${named(symbols, segment * 16 + offset)}`);
  }
  return [
    `interrupt vector table at ${hex(table)}, limit ${hexValue(cpu.m32[IDTR_LIMIT] >>> 0)}`,
    ...folded(texts),
  ].join('\n');
}

export function idtLines(cpu: Cpu, symbols: SymbolTable): string {
  if ((cpu.m32[CR0] & CR0_PE) === 0) return realVectors(cpu, symbols);
  const table = cpu.m32[IDTR_BASE] >>> 0;
  const size = cpu.m32[IDTR_LIMIT] >>> 0;
  const texts: string[] = [];
  for (let vector = 0; vector < 256 && vector * 8 + 7 <= size; vector++) {
    const gate = descriptorAt(cpu, table + vector * 8);
    if (gate === null) {
      texts.push('not mapped');
      continue;
    }
    const type = typeOf(gate);
    const selector = (gate.low >>> 16) & 0xffff;
    if (!isPresent(gate)) texts.push('not present');
    else if (GATES[type] === undefined) texts.push(`no gate (type ${hexValue(type)})`);
    else {
      const offset = type < 8 ? gate.low & 0xffff : ((gate.high & 0xffff0000) | (gate.low & 0xffff)) >>> 0;
      const where = type === 5 ? `task ${hex4(selector)}` : `${hex4(selector)}:${hex(offset)}`;
      texts.push(`${where} ${GATES[type]}, DPL ${dplOf(gate)}${type === 5 ? '' : named(symbols, offset)}`);
    }
  }
  return [`IDT at ${hex(table)}, limit ${hexValue(size)}, ${texts.length} gates`, ...folded(texts)].join('\n');
}

// --- Segments ----------------------------------------------------------------------------------------------------

const SYSTEM_TYPES: Readonly<Record<number, string>> = {
  1: '16-bit TSS, available',
  2: 'LDT',
  3: '16-bit TSS, busy',
  4: '16-bit call gate',
  5: 'task gate',
  6: '16-bit interrupt gate',
  7: '16-bit trap gate',
  9: '32-bit TSS, available',
  11: '32-bit TSS, busy',
  12: '32-bit call gate',
  14: '32-bit interrupt gate',
  15: '32-bit trap gate',
};

function segmentText(d: Descriptor): string {
  const type = typeOf(d);
  const place = `base ${hex(base(d))} limit ${hex(limit(d))}`;
  const rights = `DPL ${dplOf(d)}${isPresent(d) ? '' : ', not present'}`;
  if ((type & 0x10) === 0) {
    const name = SYSTEM_TYPES[type & 15] ?? `reserved type ${type & 15}`;
    return /gate/.test(name) ? `${name}, ${rights}` : `${place} ${name}, ${rights}`;
  }
  const isBig = (d.high & 0x400000) !== 0;
  const isCodeSegment = (type & 8) !== 0;
  const words = isCodeSegment
    ? [`code ${isBig ? '32' : '16'}-bit`, (type & 2) !== 0 ? 'readable' : '', (type & 4) !== 0 ? 'conforming' : '']
    : [
        'data',
        (type & 2) !== 0 ? 'writable' : 'read-only',
        (type & 4) !== 0 ? 'expand-down' : '',
        isBig ? '32-bit' : '16-bit',
      ];
  return `${place} ${words.filter((word) => word !== '').join(' ')}, ${rights}${(type & 1) !== 0 ? ', accessed' : ''}`;
}

function descriptorTable(cpu: Cpu, title: string, table: number, size: number, tableBit: number): string {
  const lines: string[] = [];
  let nulls = 0;
  for (let at = 0; at + 7 <= size && at < 0x10000; at += 8) {
    const d = descriptorAt(cpu, table + at, at | tableBit);
    if (d === null) {
      lines.push(`${hex4(at | tableBit)} and behind it: not mapped`);
      break;
    }
    if (d.low === 0 && d.high === 0) nulls++;
    else lines.push(`${hex4(at | tableBit)}  ${segmentText(d)}`);
  }
  const head = `${title} at ${hex(table)}, limit ${hexValue(size)}, ${nulls} of ${(size + 1) >>> 3} entries are null`;
  return [head, ...lines].join('\n');
}

export function gdtLines(cpu: Cpu): string {
  return descriptorTable(cpu, 'GDT', cpu.m32[GDTR_BASE] >>> 0, cpu.m32[GDTR_LIMIT] >>> 0, 0);
}

export function ldtLines(cpu: Cpu): string {
  const selector = cpu.m32[SEG_SELECTOR + LDTR];
  if ((selector & 0xfffc) === 0) return 'no LDT is loaded';
  const title = `LDT ${hex4(selector)}`;
  return descriptorTable(cpu, title, cpu.m32[SEG_BASE + LDTR] >>> 0, cpu.m32[SEG_LIMIT + LDTR] >>> 0, 4);
}

// --- Tasks -------------------------------------------------------------------------------------------------------

const TSS32_FIELDS: readonly (readonly [name: string, offset: number, size: 2 | 4])[] = [
  ['link', 0, 2],
  ['esp0', 4, 4],
  ['ss0', 8, 2],
  ['esp1', 12, 4],
  ['ss1', 16, 2],
  ['esp2', 20, 4],
  ['ss2', 24, 2],
  ['cr3', 28, 4],
  ['eip', 32, 4],
  ['eflags', 36, 4],
  ['eax', 40, 4],
  ['ecx', 44, 4],
  ['edx', 48, 4],
  ['ebx', 52, 4],
  ['esp', 56, 4],
  ['ebp', 60, 4],
  ['esi', 64, 4],
  ['edi', 68, 4],
  ['es', 72, 2],
  ['cs', 76, 2],
  ['ss', 80, 2],
  ['ds', 84, 2],
  ['fs', 88, 2],
  ['gs', 92, 2],
  ['ldt', 96, 2],
  ['trap', 100, 2],
  ['iomap', 102, 2],
];
const TSS16_FIELDS = [
  ...['link', 'sp0', 'ss0', 'sp1', 'ss1', 'sp2', 'ss2', 'ip', 'flags'],
  ...REGISTERS_16,
  ...SEGMENTS.slice(0, 4),
  'ldt',
].map((name, i) => [name, i * 2, 2] as const);

export function tssFields(cpu: Cpu): { name: string; value: number | null; size: number }[] {
  const is32 = ((cpu.m32[SEG_ATTRIBUTES + TR] >>> 3) & 1) !== 0;
  const at = cpu.m32[SEG_BASE + TR] >>> 0;
  return (is32 ? TSS32_FIELDS : TSS16_FIELDS).map(([name, offset, size]) => ({
    name,
    size,
    value: peekNumber(cpu, (at + offset) >>> 0, size),
  }));
}

export function tssLines(cpu: Cpu): string {
  const selector = cpu.m32[SEG_SELECTOR + TR];
  if ((selector & 0xfffc) === 0) return 'no task register is loaded';
  const is32 = ((cpu.m32[SEG_ATTRIBUTES + TR] >>> 3) & 1) !== 0;
  const cells = tssFields(cpu).map(({ name, value, size }) => {
    const digits = value === null ? 'not mapped' : size === 4 ? hex(value) : hex4(value);
    return `${name.padEnd(6)} ${digits.padEnd(10)}`;
  });
  const rows: string[] = [];
  for (let i = 0; i < cells.length; i += 4)
    rows.push(
      cells
        .slice(i, i + 4)
        .join('  ')
        .trimEnd(),
    );
  const place = `at ${hex(cpu.m32[SEG_BASE + TR])}, limit ${hexValue(cpu.m32[SEG_LIMIT + TR] >>> 0)}`;
  return [`TSS ${hex4(selector)}, ${is32 ? '32' : '16'}-bit, ${place}`, ...rows].join('\n');
}

// --- Pages -------------------------------------------------------------------------------------------------------

export interface PageEntry {
  /** `PDPTE`, `PDE`, `PTE`. */
  readonly level: string;
  /** Physical address of the entry; −1 for those that the processor keeps. */
  readonly at: number;
  readonly value: bigint;
  readonly isPresent: boolean;
  /** It maps memory by itself: a PTE, or a large page. */
  readonly isLeaf: boolean;
}

const PRESENT = 1n;
const LARGE = 0x80n;

function readEntry(cpu: Cpu, physical: number, size: 4 | 8): bigint {
  const bytes = new Uint8Array(size);
  if (peekPhysicalBytes(cpu, physical, bytes) < size) return 0n;
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The entries that a walk for this address reads, as far as they are present. */
export function pageEntries(cpu: Cpu, linear: number): PageEntry[] {
  const { m32 } = cpu;
  const isPae = (m32[CR4] & CR4_PAE) !== 0;
  const size = isPae ? 8 : 4;
  const found: PageEntry[] = [];
  let table = (m32[CR3] & -4096) >>> 0;
  if (isPae) {
    const word = PDPTE + (linear >>> 30) * 2;
    const value = (BigInt(m32[word + 1] >>> 0) << 32n) | BigInt(m32[word] >>> 0);
    found.push({ level: 'PDPTE', at: -1, value, isPresent: (value & PRESENT) !== 0n, isLeaf: false });
    if ((value & PRESENT) === 0n) return found;
    table = Number(value & 0xf_ffff_f000n);
  }
  const index = isPae ? (linear >>> 21) & 0x1ff : linear >>> 22;
  const pde = readEntry(cpu, table + index * size, size);
  const isLarge = (pde & LARGE) !== 0n && (isPae || (m32[CR4] & CR4_PSE) !== 0);
  const isThere = (pde & PRESENT) !== 0n;
  found.push({ level: 'PDE', at: table + index * size, value: pde, isPresent: isThere, isLeaf: isThere && isLarge });
  if (!isThere || isLarge) return found;
  const at = Number(pde & 0xf_ffff_f000n) + ((linear >>> 12) & (isPae ? 0x1ff : 0x3ff)) * size;
  const pte = readEntry(cpu, at, size);
  found.push({ level: 'PTE', at, value: pte, isPresent: (pte & PRESENT) !== 0n, isLeaf: (pte & PRESENT) !== 0n });
  return found;
}

const ENTRY_BITS: readonly (readonly [bit: bigint, set: string, clear: string])[] = [
  [1n, 'writable', 'read-only'],
  [2n, 'user', 'supervisor'],
  [3n, 'write-through', ''],
  [4n, 'uncached', ''],
  [5n, 'accessed', ''],
];

function entryText(entry: PageEntry): string {
  const { level, at, value, isPresent: isThere, isLeaf } = entry;
  const where = at < 0 ? '' : ` at physical ${hexValue(at)}`;
  const words = ENTRY_BITS.map(([bit, set, clear]) => (((value >> bit) & 1n) !== 0n ? set : clear));
  if (isLeaf && (value & 0x40n) !== 0n) words.push('dirty');
  if (isLeaf && (value & 0x100n) !== 0n) words.push('global');
  if (isLeaf && level === 'PDE') words.push('large page');
  const rights = level === 'PDPTE' ? [] : words.filter((word) => word !== '');
  const text = isThere ? rights.join(' ') : 'not present';
  return `${level.padEnd(5)}${where} ${hexValue(Number(value))}  ${text}`.trimEnd();
}

/** The walk for one address. */
function walkLines(cpu: Cpu, linear: number, physical: number): string {
  const entries = pageEntries(cpu, linear);
  const end = physical < 0 ? 'is not mapped' : `is physical ${hexValue(physical)}`;
  return [...entries.map(entryText), `${hex(linear)} ${end}`].join('\n');
}

export interface MappedRange {
  readonly linear: number;
  readonly physical: number;
  bytes: number;
  readonly rights: string;
}

/** Ranges that one run of physical memory stands behind, with the same rights. */
export function pageRanges(cpu: Cpu, physicalOf: (linear: number) => number): MappedRange[] {
  const ranges: MappedRange[] = [];
  const largeBytes = (cpu.m32[CR4] & CR4_PAE) !== 0 ? 0x20_0000 : 0x40_0000;
  for (let linear = 0; linear < 2 ** 32; ) {
    const entries = pageEntries(cpu, linear);
    const last = entries[entries.length - 1];
    const bytes = last.level === 'PDPTE' ? 2 ** 30 : last.level === 'PDE' ? largeBytes : PAGE_BYTES;
    if (last.isLeaf) {
      const all = (bit: bigint): boolean =>
        entries.every(({ level, value }) => level === 'PDPTE' || (value & bit) !== 0n);
      const isGlobal = (last.value & 0x100n) !== 0n;
      const rights = `${all(2n) ? 'rw' : 'r-'} ${all(4n) ? 'user' : 'supervisor'}${isGlobal ? ' global' : ''}`;
      const physical = physicalOf(linear);
      const open = ranges.at(-1);
      const follows =
        open !== undefined && open.linear + open.bytes === linear && open.physical + open.bytes === physical;
      if (follows && open.rights === rights) open.bytes += bytes;
      else ranges.push({ linear, physical, bytes, rights });
    }
    linear += bytes - (linear % bytes);
  }
  return ranges;
}

/** All ranges, or the walk for one address. */
export function pageTableLines(cpu: Cpu, linear: number | null, physicalOf: (linear: number) => number): string {
  if ((cpu.m32[CR0] & CR0_PG) === 0) throw new DebuggerError('Paging is off: linear addresses are physical ones.');
  if (linear !== null) return walkLines(cpu, linear, physicalOf(linear));
  const how = (cpu.m32[CR4] & CR4_PAE) !== 0 ? 'PAE' : '32-bit';
  const lines = pageRanges(cpu, physicalOf).map(
    ({ linear: first, physical, bytes, rights }) =>
      `${hex(first)} to ${hex(first + bytes - 1)}  physical ${hex(physical)}  ${rights}`,
  );
  return [`${how} paging, tables at physical ${hexValue((cpu.m32[CR3] & -32) >>> 0)}`, ...lines].join('\n');
}
