/**
 * One instruction on a random state, by its row's handler, and what it changed that its row (isa/row.ts) does not say:
 * general registers, flags, memory, words of other units, EIP, faults, what ends a block. Descriptor tables and page
 * tables lie apart: the bits that the processor itself sets in them are no writes of the instruction.
 */
import * as vectors from '../../src/core/base/vectors.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { registersWritten } from '../../src/core/isa/effects.ts';
import { faultsOf, flagMask, rowOf } from '../../src/core/isa/ops.ts';
import * as record from '../../src/core/isa/record.ts';
import type { Row } from '../../src/core/isa/row.ts';
import { SIMD_ROWS } from '../../src/core/isa/rows-simd.ts';
import { X87_ROWS } from '../../src/core/isa/rows-x87.ts';
import { EXIT_CODE, EXIT_DEADLINE, EXIT_FAULT, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { getFlags } from '../../src/core/state/flags.ts';
import * as layout from '../../src/core/state/layout.ts';
import { elementName } from '../../src/core/state/names.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { HANDLER_TABLE } from '../../tiers/interp/handlers.ts';
import { makeRunner, prepare, RAM_BYTES, type Start } from '../engines/lockstep.ts';
import { CODE, DATA } from '../engines/random-code.ts';

const { EIP, RAM_BASE } = layout;
const runner = makeRunner('handlers', (cpu) => new Interpreter(cpu));
export const { cpu } = runner;

/** Below it lie page tables, descriptor tables and task segments. */
const TABLES_END = 0x4000;
const TSS = 0x400;
const LDT = 0xc00;
const GDT = 0x3000;
const IDT = 0x3800;
export const SYSTEM_SELECTORS = { ldt: 0x30, tss: 0x38 } as const;

/** Base, limit and access byte of a descriptor as two words. */
function descriptor(base: number, limit: number, access: number, flags: number): [number, number] {
  return [
    (limit & 0xffff) | (base << 16),
    ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000),
  ];
}

const TABLES: readonly (readonly [at: number, words: readonly number[]])[] = [
  [
    GDT,
    [
      [0, 0],
      descriptor(0, 0xfffff, 0x9b, 0xc),
      descriptor(0, 0xfffff, 0x93, 0xc),
      descriptor(DATA, 0xfff, 0x93, 4),
      descriptor(0, 0xfffff, 0xfb, 0xc),
      descriptor(0, 0xfffff, 0xf3, 0xc),
      descriptor(LDT, 0xff, 0x82, 0),
      descriptor(TSS, 0x67, 0x89, 0),
    ].flat(),
  ],
  // Interrupt gates to the code segment.
  [IDT, Array.from({ length: 256 }, () => [0x00080000 | (CODE & 0xffff), (CODE & 0xffff0000) | 0xee00]).flat()],
];

/** Prepared for one instruction; the record is at 0 of `code`. */
export const code = new Int32Array(record.RECORD_WORDS);

/** False when the bytes are no instruction. */
export function prepareOne(start: Start): boolean {
  const { m32 } = cpu;
  const length = decodeInstruction(start.code, 0, start.code.length, true, code, 0);
  if (length !== start.code.length) return false;
  for (const field of layout.PLACED.values()) cpu.m8.fill(0, field.offset, field.offset + field.size);
  m32[layout.A20] = 1;
  m32[layout.DR + 7] = 0x400;
  prepare(runner, start);
  for (const [at, words] of TABLES) cpu.space.writeBytes(at, new Uint8Array(Int32Array.from(words).buffer));
  m32[layout.GDTR_BASE] = GDT;
  m32[layout.GDTR_LIMIT] = 0x3f;
  m32[layout.IDTR_BASE] = IDT;
  m32[layout.IDTR_LIMIT] = 0x7ff;
  m32[layout.SEG_SELECTOR + layout.CS] = start.user ? 0x23 : 8;
  m32[layout.SYSENTER_CS] = 8;
  m32[layout.SYSENTER_ESP] = DATA;
  m32[layout.SYSENTER_EIP] = CODE;
  cpu.nextEip = CODE + length;
  cpu.left = 1000;
  cpu.deadlineTick = 1000;
  cpu.extraTicks = 0;
  cpu.exitRequest = 0;
  return true;
}

/** Bytes of a memory operand by SIZE_*. */
const OPERAND_BYTES = [1, 2, 4, 8, 16, 10, 8, 512];

const UNIT_X87: ReadonlySet<string> = new Set(X87_ROWS.map(({ name }) => name));
const UNIT_SIMD: ReadonlySet<string> = new Set(SIMD_ROWS.map(({ name }) => name));

const FAULT_NAMES = new Map(
  Object.entries(vectors).map(([name, vector]) => [vector as number, name.replace('VECTOR_', '')]),
);

interface Word {
  readonly name: string;
  readonly group: layout.FieldGroup;
  readonly field: string;
}

/** What each word of the CPU block is. */
const WORDS: Word[] = [];
for (const field of layout.PLACED.values()) {
  const unit = field.size / field.count;
  for (let at = 0; at < field.size; at += 4) {
    WORDS[(field.offset + at) >> 2] = {
      name: elementName(field, Math.floor(at / unit)),
      group: field.group,
      field: field.name,
    };
  }
}

/** Groups of words that the instruction may change besides general registers and flags. */
function groupsOf(row: Row): ReadonlySet<layout.FieldGroup> {
  const groups = new Set<layout.FieldGroup>(['derived']);
  if (UNIT_X87.has(row.name) || UNIT_SIMD.has(row.name)) groups.add('fpu');
  if (UNIT_SIMD.has(row.name)) groups.add('sse');
  // Near transfers change EIP alone.
  if (row.kind === 'system' || (row.kind === 'branch' && row.lifted === '')) {
    for (const group of ['segment', 'system', 'debug', 'msr', 'control'] as const) groups.add(group);
  }
  return groups;
}

/** What faults leave behind although nothing else may change, as silicon does. */
const LEFT_BY_FAULTS: Readonly<Record<string, RegExp>> = {
  // It pushes level by level, below the ESP that a fault keeps.
  ENTER: /^memory/,
  // The registers are in MMX state before the store, or the conversion, faults.
  MASKMOVQ: /^fp(Status|Tag)$/,
  CVTPS2PI: /^fp(Status|Tag)$/,
  CVTPD2PI: /^fp(Status|Tag)$/,
  CVTTPS2PI: /^fp(Status|Tag)$/,
  CVTTPD2PI: /^fp(Status|Tag)$/,
};

export interface Outcome {
  /** Mnemonic of the fault, '' when it completed. */
  readonly fault: string;
  /** What changed that the row does not say. */
  readonly undeclared: readonly string[];
}

/** Linear addresses that the instruction may write besides those of MEM: each operand in memory that the row names. */
function destinations(row: Row, before: Int32Array): readonly (readonly [from: number, to: number])[] {
  const meta = code[record.R_META];
  const found: (readonly [number, number])[] = [];
  const sides = [
    [row.writes.a, record.META_KIND_A_SHIFT, record.META_SIZE_A_SHIFT],
    [row.writes.b, record.META_KIND_B_SHIFT, record.META_SIZE_B_SHIFT],
  ] as const;
  for (const [isWritten, kindShift, sizeShift] of sides) {
    if (!isWritten || ((meta >> kindShift) & 15) !== record.KIND_MEMORY) continue;
    const size = (meta >> sizeShift) & 7;
    let from = code[record.R_DISP];
    // A register index of BTS and its like reaches beyond the operand.
    if (/^BT[SRC]$/.test(row.name) && ((meta >> record.META_KIND_B_SHIFT) & 15) === record.KIND_REGISTER) {
      const unused = size === record.SIZE_16 ? 16 : 0;
      from += ((before[code[record.R_B]] << unused) >> (unused + 3 + size)) << size;
    }
    found.push([from, from + OPERAND_BYTES[size]]);
  }
  return found;
}

/** Runs the handler of what prepareOne has prepared and judges it by `row`. */
export function runAndJudge(row: Row = rowOf(code[record.R_META] & record.META_OP_MASK)): Outcome {
  const { m32, m8 } = cpu;
  const before = m32.slice(0, layout.CPU_BLOCK_SIZE >> 2);
  const ramBefore = m8.slice(RAM_BASE + TABLES_END, RAM_BASE + RAM_BYTES);
  const flagsBefore = getFlags(cpu);
  const next = cpu.nextEip;
  const meta = code[record.R_META];
  const isRepeated = row.writes.count && (meta & (record.META_REP | record.META_REPNE)) !== 0;
  let fault = '';
  try {
    HANDLER_TABLE[meta & record.META_OP_MASK](cpu, code, 0);
  } catch (error) {
    if (error !== GUEST_FAULT) throw error;
    fault = FAULT_NAMES.get(cpu.faultVector) ?? `${cpu.faultVector}`;
  }
  const undeclared: string[] = [];
  if (fault !== '' && !faultsOf(row).includes(fault)) undeclared.push(`#${fault}`);
  // A task switch replaces everything, and may fault in the new task; a repetition has done some of its turns.
  if (row.writes.task || (isRepeated && fault !== '')) return { fault, undeclared };
  const hasFaulted = fault !== '';

  const flags = hasFaulted ? 0 : flagMask(row.flags.written + row.flags.undefined);
  const changed = (getFlags(cpu) ^ flagsBefore) & ~flags;
  if (changed !== 0) undeclared.push(`flags ${(changed >>> 0).toString(16)}`);

  const registers = hasFaulted ? 0 : registersWritten(code, 0, row.writes);
  const groups = groupsOf(row);
  for (let word = 0; word < before.length; word++) {
    if (m32[word] === before[word] || WORDS[word] === undefined) continue;
    const { name, group, field } = WORDS[word];
    if (group === 'lazy' || field === 'eflags') continue;
    const isAllowed =
      field === 'gpr'
        ? ((registers >> word) & 1) !== 0
        : hasFaulted
          ? group === 'derived' ||
            (fault === 'PF' && field === 'cr2') ||
            (fault === 'XM' && field === 'mxcsr') ||
            (fault === 'DB' && field === 'dr')
          : groups.has(group) && (field !== 'modeKey' || groups.has('segment'));
    if (!isAllowed) undeclared.push(name);
  }
  if (m32[EIP] !== before[EIP]) undeclared.push('eip');
  if (!hasFaulted && cpu.nextEip !== next && row.kind !== 'branch' && !isRepeated) undeclared.push('next eip');
  if (cpu.extraTicks !== 0 && !isRepeated) undeclared.push('ticks');
  if ((cpu.exitRequest & ~(EXIT_FAULT | EXIT_CODE | EXIT_DEADLINE)) !== 0 && !row.endsBlock) {
    undeclared.push(`exit ${cpu.exitRequest}`);
  }

  if (!row.writes.memory || hasFaulted) {
    const ram = m8.subarray(RAM_BASE + TABLES_END, RAM_BASE + RAM_BYTES);
    if (Buffer.compare(ram, ramBefore) !== 0) {
      const allowed = hasFaulted ? [] : destinations(row, before);
      for (let i = 0; i < ram.length; i++) {
        const at = TABLES_END + i;
        if (ram[i] === ramBefore[i] || allowed.some(([from, to]) => at >= from && at < to)) continue;
        undeclared.push(`memory ${at.toString(16)}`);
        break;
      }
    }
  }
  const left = hasFaulted ? LEFT_BY_FAULTS[row.name] : undefined;
  return { fault, undeclared: undeclared.filter((what) => left === undefined || !left.test(what)) };
}
