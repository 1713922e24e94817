/**
 * What the tests of plain handlers share: the same instruction on two processors in the same state, one by its row, the
 * other by the general handler alone, and how often the row went the general way.
 */
import type { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { assemble } from '../../src/core/isa/assemble.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { type OpName, ROWS } from '../../src/core/isa/ops.ts';
import { META_OP_MASK, R_META, R_POSITION, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { flushTlb } from '../../src/core/memory/tlb.ts';
import { type Cpu, EXIT_FAULT, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import {
  AC,
  ARITHMETIC_FLAGS,
  CPU_BLOCK_SIZE,
  CR0,
  CR0_AM,
  CR0_PG,
  CR3,
  CR4,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  EBX,
  EFLAGS,
  EIP,
  FS,
  RAM_BASE,
  SEG_BASE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import { setArithmeticFlags } from '../../src/core/state/flags.ts';
import type { Handler } from '../../tiers/interp/handler.ts';
import { HANDLERS } from '../../tiers/interp/handlers.ts';
import { CODE, protectedBench, write32 } from '../system/fixture.ts';

type Table = Partial<Record<OpName, Handler>>;

/** Where operands lie, but for those near the end of the page. */
const PLACE = 0x50000;
const PLACE_BYTES = 16;
const FS_BASE = 0x40000;

/** Paging is on: every page is mapped to itself but for the one after PLACE's. */
const DIRECTORY = 0x20000;
const TABLE = 0x21000;
const PRESENT_WRITABLE_USER = 7;
const MOVED_PAGE = (PLACE >> 12) + 1;
const MOVED_TO = 0x60;

function mapPages(cpu: Cpu): void {
  write32(cpu, DIRECTORY, TABLE | PRESENT_WRITABLE_USER);
  for (let page = 0; page < 0x100; page++) {
    write32(cpu, TABLE + 4 * page, ((page === MOVED_PAGE ? MOVED_TO : page) << 12) | PRESENT_WRITABLE_USER);
  }
  cpu.m32[CR3] = DIRECTORY;
  cpu.m32[CR0] |= CR0_PG;
  flushTlb(cpu);
}

const hostOf = (linear: number): number =>
  RAM_BASE + (linear >>> 12 === MOVED_PAGE ? (MOVED_TO << 12) | (linear & 0xfff) : linear);

/** The bytes of memory at a linear address. */
export function readBytes(cpu: Cpu, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, k) => cpu.m8[hostOf(at + k)]!);
}

export function writeBytes(cpu: Cpu, at: number, bytes: ArrayLike<number>): void {
  for (let k = 0; k < bytes.length; k++) cpu.m8[hostOf(at + k)] = bytes[k]!;
}

/** The handler's outcome: the fault's vector, or −1. */
function execute(handler: Handler, cpu: Cpu, code: Int32Array): number {
  cpu.exitRequest = 0;
  cpu.nextEip = CODE + 8;
  try {
    handler(cpu, code, 0);
  } catch (error) {
    if (error !== GUEST_FAULT) throw error;
    return cpu.faultVector;
  }
  assert.equal(cpu.exitRequest & EXIT_FAULT, 0);
  return -1;
}

/**
 * Flags, EBX = the operand's address, FS with a base and now and then a limit that the operand passes; #AC may apply.
 */
function fillSurroundings(random: Random, cpu: Cpu, at: number): void {
  setArithmeticFlags(cpu, random.word() & ARITHMETIC_FLAGS);
  cpu.m32[EIP] = CODE;
  cpu.m32[EBX] = at;
  cpu.m32[SEG_BASE + FS] = FS_BASE;
  cpu.m32[SEG_LIMIT + FS] = random.below(16) === 0 ? at - FS_BASE + random.below(20) : -1;
  cpu.m32[CR0] |= CR0_AM;
  cpu.m32[CR4] |= CR4_OSFXSR | CR4_OSXMMEXCPT;
  cpu.m32[EFLAGS] = (cpu.m32[EFLAGS] & ~AC) | (random.below(3) === 0 ? AC : 0);
}

/** The linear address of a case's operand: mostly aligned, else anywhere, also across a page's end. */
function placeOf(random: Random): number {
  if (random.below(6) !== 0) return PLACE + 16 * random.below(2);
  return PLACE + random.below(24) + (random.below(2) === 0 ? 0xfe8 : 0);
}

export type Subject = {
  /** Instructions as text; those with [ebx] are also run behind FS. */
  readonly forms: readonly string[];
  /** Their general handlers, in the tables that the rows look into. */
  readonly tables: readonly Table[];
  /** Registers, control and the memory at `at`. */
  readonly fill: (random: Random, cpu: Cpu, text: string, at: number) => void;
  /** Everything an instruction can change, to be compared and read. */
  readonly show: (cpu: Cpu, at: number) => string;
};

/**
 * Runs `caseCount` cases of every form at a privilege level; fails at the first difference, or where nothing is plain.
 */
export function comparePlain(subject: Subject, level: 0 | 3, random: Random, seed: number, caseCount: number): void {
  const general: Table = {};
  let generalCount = 0;
  for (const table of subject.tables as Table[]) {
    for (const name of Object.keys(table) as OpName[]) {
      const handler = table[name]!;
      general[name] = handler;
      table[name] = (cpu, code, pc) => {
        generalCount++;
        handler(cpu, code, pc);
      };
    }
  }
  const { cpu: a } = protectedBench(level);
  const { cpu: b } = protectedBench(level);
  mapPages(a);
  mapPages(b);
  const record = new Int32Array(RECORD_WORDS);
  for (const form of subject.forms) {
    let plainCount = 0;
    const texts = form.includes('[ebx]') ? [form, form.replace('[ebx]', `[fs:ebx - ${FS_BASE}]`)] : [form];
    for (const text of texts) {
      const { bytes } = assemble(`bits 32\n${text.toLowerCase()}\n`);
      assert.equal(decodeInstruction(bytes, 0, bytes.length, true, record, 0), bytes.length, text);
      record[R_POSITION] = bytes.length << 16;
      const { name } = ROWS[record[R_META]! & META_OP_MASK]!;
      for (let i = 0; i < caseCount; i++) {
        const at = placeOf(random);
        fillSurroundings(random, a, at);
        subject.fill(random, a, text, at);
        b.m32.set(a.m32.subarray(0, CPU_BLOCK_SIZE >> 2));
        writeBytes(b, at, readBytes(a, at, PLACE_BYTES));
        const before = subject.show(a, at);
        generalCount = 0;
        const answer = execute(HANDLERS[name], a, record);
        if (generalCount === 0) plainCount++;
        const expected = execute(general[name]!, b, record);
        const [seen, wanted] = [subject.show(a, at), subject.show(b, at)];
        if (seen === wanted && answer === expected) continue;
        const outcomes = `before  ${before}\nplain   ${answer} ${seen}\ngeneral ${expected} ${wanted}`;
        assert.fail(`${text}, case ${i} of seed ${seed} at CPL ${level}\n${outcomes}`);
      }
    }
    assert.ok(plainCount > caseCount / 20, `${form} was plain ${plainCount} times`);
  }
  for (const table of subject.tables as Table[])
    Object.assign(table, Object.fromEntries(Object.keys(table).map((name) => [name, general[name as OpName]])));
}
