/**
 * The x87's plain handlers against the general ones (plain-bench.ts). Operands meet at ties, at the ends of formats,
 * near each other; control words of every rounding, precision and mask; registers that are empty; memory on every
 * alignment, across pages and behind a segment with a base. REPRISE_CASES and REPRISE_SEED.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFloatEnvironment, PE, useControlWord } from '../../src/core/cpu/float/ieee/environment.ts';
import { divideF80, multiplyF80, squareRootF80 } from '../../src/core/cpu/float/x87/f80-arithmetic.ts';
import { makeF80, setF80 } from '../../src/core/cpu/float/x87/f80.ts';
import { dividePlain, multiplyPlain, rootPlain } from '../../src/core/cpu/float/plain.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { getFlags } from '../../src/core/state/flags.ts';
import {
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
  OPERAND,
} from '../../src/core/state/layout.ts';
import { generalArithmetic } from '../../tiers/interp/handlers/x87-arithmetic.ts';
import { generalCompare } from '../../tiers/interp/handlers/x87-compare.ts';
import { generalFunctions } from '../../tiers/interp/handlers/x87-functions.ts';
import { generalTransfer } from '../../tiers/interp/handlers/x87-transfer.ts';
import { hex, protectedBench } from '../system/fixture.ts';
import { comparePlain, readBytes, writeBytes } from './plain-bench.ts';
import { putF32, putF64, putF80, putInteger } from './values.ts';
import { edge, fillX87, NEARS, NEARS_OF_DOUBLE, NEARS_OF_SINGLE, pick } from './x87-states.ts';

const caseCount = Number(process.env.REPRISE_CASES ?? 250);
const seed = Number(process.env.REPRISE_SEED ?? 1);
const words = new Int32Array(4);

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
  ...['FCHS', 'FABS', 'FSQRT'],
];

const WORDS = [FP_CONTROL, FP_STATUS, FP_TAG, FP_OPCODE, FP_IP, FP_CS, FP_DP, FP_DS];

function stateText(cpu: Cpu, at: number): string {
  const registers: string[] = [];
  for (let k = 0; k < 8; k++) {
    const [lo, hi] = [cpu.m32[FP_SIGNIFICAND + 2 * k], cpu.m32[FP_SIGNIFICAND + 2 * k + 1]];
    registers.push(`R${k} ${hex(cpu.m16[FP_SIGN_EXPONENT_16 + k])}:${hex(hi)}'${hex(lo)}`);
  }
  const words = WORDS.map((word) => hex(cpu.m32[word]));
  const bytes = readBytes(cpu, at, 16).map((byte) => byte.toString(16).padStart(2, '0'));
  return `${words.join(' ')} flags ${hex(getFlags(cpu))} ${registers.join(' ')} memory ${bytes.join('')}`;
}

function fillState(random: Random, cpu: Cpu, text: string, at: number): void {
  const near = pick(random, NEARS);
  fillX87(random, cpu, near, /^FI?LD/.test(text));
  for (const pointer of [FP_OPCODE, FP_IP, FP_CS, FP_DP, FP_DS]) cpu.m32[pointer] = random.word() & 0x7ff;
  if (/ dword/.test(text) && !/^FI/.test(text)) putF32(random, words, pick(random, NEARS_OF_SINGLE));
  else if (/^FI/.test(text)) putInteger(random, words);
  else if (/ tword/.test(text)) putF80(random, words, near);
  else putF64(random, words, pick(random, NEARS_OF_DOUBLE));
  writeBytes(cpu, at, new Uint8Array(words.buffer));
}

for (const level of [0, 3] as const) {
  test(`the plain x87 handlers do what the general ones do, at CPL ${level}`, () => {
    const tables = [generalArithmetic, generalTransfer, generalCompare, generalFunctions];
    const subject = { forms: FORMS, tables, fill: fillState, show: stateText };
    comparePlain(subject, level, new Random(seed), seed, caseCount);
  });
}

test('plain quotients, products and roots of words at the edges, remainders near zero and near the divisor', () => {
  const random = new Random(seed);
  const { cpu } = protectedBench();
  const environment = makeFloatEnvironment();
  const [a, b, out] = [makeF80(), makeF80(), makeF80()];
  for (let i = 0; i < 200 * caseCount; i++) {
    setF80(a, 0x3fff + random.below(4), edge(random) | 0x80000000, edge(random));
    setF80(b, 0x3fff, edge(random) | 0x80000000, edge(random));
    if (random.below(6) === 0) {
      const divisor = (BigInt(b.hi >>> 0) << 32n) | BigInt(b.lo >>> 0);
      const product = (BigInt(random.word() >>> 0) | 0x80000000n) * divisor + BigInt(random.below(8) - 4);
      const significand = product >> (product >> 95n === 0n ? 31n : 32n);
      setF80(a, a.se, Number(significand >> 32n) | 0, Number(significand & 0xffffffffn) | 0);
    }
    cpu.m32[FP_CONTROL] = pick(random, [0x37f, 0x27f]);
    cpu.m32[FP_SIGNIFICAND] = a.lo;
    cpu.m32[FP_SIGNIFICAND + 1] = a.hi;
    cpu.m16[FP_SIGN_EXPONENT_16] = a.se;
    cpu.m32.set([b.lo, b.hi, b.se], OPERAND);
    useControlWord(environment, cpu.m32[FP_CONTROL]!);
    const operation = random.below(4);
    let bits: number;
    if (operation === 0) {
      bits = multiplyPlain(cpu, 0);
      multiplyF80(environment, a, b, out);
    } else if (operation === 1) {
      bits = rootPlain(cpu, 0);
      squareRootF80(environment, a, out);
    } else {
      bits = dividePlain(cpu, 0, operation === 3);
      if (operation === 3) divideF80(environment, b, a, out);
      else divideF80(environment, a, b, out);
    }
    const seen = [cpu.m16[FP_SIGN_EXPONENT_16], cpu.m32[FP_SIGNIFICAND + 1], cpu.m32[FP_SIGNIFICAND], bits];
    const wanted = [out.se, out.hi, out.lo, (environment.flags & PE) | (environment.roundedUp << 9)];
    const text = `operation ${operation} of ${hex(a.hi)}'${hex(a.lo)} and ${hex(b.hi)}'${hex(b.lo)}`;
    assert.deepEqual(seen, wanted, `${text}, case ${i} of seed ${seed}`);
  }
});
