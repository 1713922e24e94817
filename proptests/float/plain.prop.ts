/**
 * The x87's plain handlers against the general ones: the same instruction on two processors in the same state, one by its
 * row, the other by the general handler alone. Everything the instruction can change is compared. Operands meet at ties,
 * at the ends of formats, near each other; control words of every rounding, precision and mask; registers that are
 * empty; memory on every alignment, across pages and behind a segment with a base. REPRISE_CASES and REPRISE_SEED.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { META_OP_MASK, R_META, R_POSITION, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { type OpName, ROWS } from '../../src/core/isa/ops.ts';
import { type Cpu, EXIT_FAULT, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import {
  AC,
  ARITHMETIC_FLAGS,
  CR0,
  CR0_AM,
  EBX,
  EFLAGS,
  EIP,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  FS,
  RAM_BASE,
  SEG_BASE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import { getFlags, setArithmeticFlags } from '../../src/core/state/flags.ts';
import type { Handler } from '../../tiers/interp/handler.ts';
import { HANDLERS } from '../../tiers/interp/handlers.ts';
import { generalArithmetic } from '../../tiers/interp/handlers/x87-arithmetic.ts';
import { generalCompare } from '../../tiers/interp/handlers/x87-compare.ts';
import { generalTransfer } from '../../tiers/interp/handlers/x87-transfer.ts';
import { CODE, hex, protectedBench } from '../system/fixture.ts';
import { putF32, putF64, putF80, putInteger, RandomWords } from './values.ts';

const caseCount = Number(process.env['REPRISE_CASES'] ?? 250);
const seed = Number(process.env['REPRISE_SEED'] ?? 1);

/** Where operands lie, but for those near the end of the page. */
const PLACE = 0x50000;
const PLACE_BYTES = 64;
const FS_BASE = 0x40000;

const REGISTERS = ['FADD', 'FMUL', 'FSUB', 'FSUBR', 'FDIV', 'FDIVR'];
const FORMS: readonly string[] = [
  ...REGISTERS.flatMap((name) => [
    `${name} st0, st3`,
    `${name} st2, st0`,
    `${name} dword [ebx]`,
    `${name} qword [ebx]`,
    `${name}P st1, st0`,
    `FI${name.slice(1)} word [ebx]`,
    `FI${name.slice(1)} dword [ebx]`,
  ]),
  ...['FLD st2', 'FLD dword [ebx]', 'FLD qword [ebx]', 'FLD tword [ebx]', 'FLD1', 'FLDZ'],
  ...['FILD word [ebx]', 'FILD dword [ebx]', 'FILD qword [ebx]'],
  ...['FST st2', 'FST dword [ebx]', 'FST qword [ebx]', 'FIST word [ebx]', 'FIST dword [ebx]', 'FXCH st3'],
  ...['FSTP st1', 'FSTP st0', 'FSTP dword [ebx]', 'FSTP qword [ebx]', 'FSTP tword [ebx]'],
  ...['FISTP word [ebx]', 'FISTP dword [ebx]', 'FISTP qword [ebx]'],
  ...['FISTTP word [ebx]', 'FISTTP dword [ebx]', 'FISTTP qword [ebx]'],
  ...['FCOM st1', 'FCOM dword [ebx]', 'FCOM qword [ebx]', 'FCOMP st3', 'FCOMP dword [ebx]', 'FCOMP qword [ebx]'],
  ...['FCOMPP', 'FUCOM st1', 'FUCOMP st2', 'FUCOMPP', 'FTST'],
  ...['FICOM word [ebx]', 'FICOM dword [ebx]', 'FICOMP word [ebx]', 'FICOMP dword [ebx]'],
  ...['FCOMI st0, st1', 'FCOMIP st0, st3', 'FUCOMI st0, st1', 'FUCOMIP st0, st2'],
];

const general: Partial<Record<OpName, Handler>> = { ...generalArithmetic, ...generalTransfer, ...generalCompare };

/** How often an instruction went the general way, by counting handlers put in its place. */
let generalCount = 0;
for (const table of [generalArithmetic, generalTransfer, generalCompare] as Partial<Record<OpName, Handler>>[]) {
  for (const name of Object.keys(table) as OpName[]) {
    const handler = table[name]!;
    table[name] = (cpu, code, pc) => {
      generalCount++;
      handler(cpu, code, pc);
    };
  }
}

const WORDS = [FP_CONTROL, FP_STATUS, FP_TAG, FP_OPCODE, FP_IP, FP_CS, FP_DP, FP_DS];

function stateText(cpu: Cpu, at: number): string {
  const registers: string[] = [];
  for (let k = 0; k < 8; k++) {
    const [lo, hi] = [cpu.m32[FP_SIGNIFICAND + 2 * k], cpu.m32[FP_SIGNIFICAND + 2 * k + 1]];
    registers.push(`R${k} ${hex(cpu.m16[FP_SIGN_EXPONENT_16 + k])}:${hex(hi)}'${hex(lo)}`);
  }
  const words = WORDS.map((word) => hex(cpu.m32[word]));
  const bytes = [...memory(cpu, at)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${words.join(' ')} flags ${hex(getFlags(cpu))} ${registers.join(' ')} memory ${bytes.join('')}`;
}

const memory = (cpu: Cpu, at: number): Uint8Array => {
  const host = at + RAM_BASE;
  return cpu.m8.subarray(host, host + PLACE_BYTES);
};

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

const NEARS = [16383, 16383, 16383, 16383 + 40, 16383 - 1000, 16383 + 1000, 1, 0x7ffd, 16383 + 31, 16383 + 62];
const NEARS_OF_DOUBLE = [1023, 1023, 1023 + 40, 1, 2045, 1023 + 31];
const NEARS_OF_SINGLE = [127, 127, 127 + 40, 1, 253, 127 + 31];

const pick = (random: RandomWords, list: readonly number[]): number => list[random.below(list.length)]!;

/** A register as programs have it: the value of a double or single, an integer, a zero; or anything at all. */
function fillRegister(random: RandomWords, cpu: Cpu, register: number, near: number, words: Int32Array): void {
  putF80(random, words, near);
  const kind = random.below(8);
  if (kind === 0) words[0]! &= -0x800;
  else if (kind === 1) words.set([0, words[1]! & -0x100]);
  else if (kind === 2 && random.below(3) === 0) words.set([0, 0, words[2]! & 0x8000]);
  cpu.m32[FP_SIGNIFICAND + 2 * register] = words[0]!;
  cpu.m32[FP_SIGNIFICAND + 2 * register + 1] = words[1]!;
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = words[2]!;
}

function fillState(random: RandomWords, cpu: Cpu, text: string, at: number, words: Int32Array): void {
  const near = pick(random, NEARS);
  for (let k = 0; k < 8; k++) fillRegister(random, cpu, k, near, words);
  // The same number twice, or its opposite: ties, exact zeros, equal comparisons.
  if (random.below(6) === 0) {
    const lowBits = random.below(3) - 1;
    for (let k = 1; k < 8; k++) {
      cpu.m32[FP_SIGNIFICAND + 2 * k] = cpu.m32[FP_SIGNIFICAND] + lowBits;
      cpu.m32[FP_SIGNIFICAND + 2 * k + 1] = cpu.m32[FP_SIGNIFICAND + 1];
      cpu.m16[FP_SIGN_EXPONENT_16 + k] = cpu.m16[FP_SIGN_EXPONENT_16] ^ (random.below(2) << 15);
    }
  }
  const common = [0x37f, 0x37f, 0x27f, 0x17f, 0x372, 0x37f | (random.below(4) << 10)];
  const anything = 0x40 | random.below(64) | (random.below(4) << 8) | (random.below(4) << 10);
  cpu.m32[FP_CONTROL] = random.below(3) === 0 ? anything : pick(random, common);
  cpu.m32[FP_STATUS] = (random.word() & 0x7f7f) | 0;
  const pushes = /^FI?LD/.test(text);
  cpu.m32[FP_TAG] =
    random.below(8) === 0 ? random.below(256) : pushes ? 1 << (((cpu.m32[FP_STATUS] >> 11) + 7) & 7) : 0;
  setArithmeticFlags(cpu, random.word() & ARITHMETIC_FLAGS);
  for (const pointer of [FP_OPCODE, FP_IP, FP_CS, FP_DP, FP_DS]) cpu.m32[pointer] = random.word() & 0x7ff;
  cpu.m32[EIP] = CODE;
  cpu.m32[EBX] = at;
  // FS has a base, now and then a limit that the operand passes; #AC may apply.
  cpu.m32[SEG_BASE + FS] = FS_BASE;
  cpu.m32[SEG_LIMIT + FS] = random.below(16) === 0 ? at - FS_BASE + random.below(12) : -1;
  cpu.m32[CR0] |= CR0_AM;
  cpu.m32[EFLAGS] = (cpu.m32[EFLAGS] & ~AC) | (random.below(3) === 0 ? AC : 0);
  const bytes = memory(cpu, at);
  if (/ dword/.test(text) && !/^FI/.test(text)) putF32(random, words, pick(random, NEARS_OF_SINGLE));
  else if (/^FI/.test(text)) putInteger(random, words);
  else if (/ tword/.test(text)) putF80(random, words, near);
  else putF64(random, words, pick(random, NEARS_OF_DOUBLE));
  bytes.set(new Uint8Array(words.buffer, 0, 16));
}

function copyState(from: Cpu, to: Cpu, at: number): void {
  to.m32.set(from.m32.subarray(0, 0x400), 0);
  memory(to, at).set(memory(from, at));
}

for (const level of [0, 3] as const) {
  test(`the plain x87 handlers do what the general ones do, at CPL ${level}`, () => {
    const plainBench = protectedBench(level);
    const generalBench = protectedBench(level);
    const [a, b] = [plainBench.cpu, generalBench.cpu];
    const words = new Int32Array(4);
    const record = new Int32Array(RECORD_WORDS);
    const random = new RandomWords(seed);
    let plainCount = 0;
    let count = 0;
    for (const form of FORMS) {
      let plainOfForm = 0;
      for (const text of [form, form.replace('[ebx]', `[fs:ebx - ${FS_BASE}]`)]) {
        const { bytes } = assemble(`bits 32\n${text.toLowerCase()}\n`);
        const length = decodeInstruction(bytes, 0, bytes.length, true, record, 0);
        assert.equal(length, bytes.length, text);
        record[R_POSITION] = length << 16;
        const name = ROWS[record[R_META]! & META_OP_MASK]!.name;
        for (let i = 0; i < caseCount; i++) {
          const at = PLACE + (random.below(6) === 0 ? random.below(16) + (random.below(2) === 0 ? 0xff0 : 0) : 0);
          fillState(random, a, text, at, words);
          copyState(a, b, at);
          const before = stateText(a, at);
          generalCount = 0;
          const answer = execute(HANDLERS[name], a, record);
          if (generalCount === 0) plainOfForm++;
          const expected = execute(general[name]!, b, record);
          const [seen, wanted] = [stateText(a, at), stateText(b, at)];
          if (seen !== wanted || answer !== expected) {
            assert.fail(
              `${text}, case ${i} of seed ${seed}\nbefore  ${before}\nplain   ${answer} ${seen}\ngeneral ${expected} ${wanted}`,
            );
          }
          count++;
        }
      }
      assert.ok(plainOfForm > caseCount / 20, `${form} was plain ${plainOfForm} times`);
      plainCount += plainOfForm;
    }
    assert.ok(plainCount > count / 4, `plain ${plainCount} times of ${count}`);
  });
}
