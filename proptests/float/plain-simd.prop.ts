/**
 * The plain SSE handlers against the general ones (plain-bench.ts): results, MXCSR, flags. Operands are exact and
 * inexact together, at ties, at the ends of formats, where products and quotients come near the least normal or cannot
 * be split; MXCSR of every rounding, mask, FTZ and DAZ, with PE set and clear. And that a root is proven only when it
 * is the right one. REPRISE_CASES and REPRISE_SEED.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootExactnessF32, rootExactnessF64, NOT_PROVEN } from '../../src/core/cpu/float/ieee/fast-path.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { getFlags } from '../../src/core/state/flags.ts';
import { EAX, MXCSR, XMM } from '../../src/core/state/layout.ts';
import { generalConvert } from '../../tiers/interp/handlers/simd-convert.ts';
import { generalFloat } from '../../tiers/interp/handlers/simd-float.ts';
import { generalMove } from '../../tiers/interp/handlers/simd-move.ts';
import { hex } from '../system/fixture.ts';
import { comparePlain, readBytes, writeBytes } from './plain-bench.ts';
import { putF32, putF64, putInteger } from './values.ts';
import { Judged } from '../support/judged.ts';

const caseCount = Number(process.env.REPRISE_CASES ?? 250);
const seed = Number(process.env.REPRISE_SEED ?? 1);
const words = new Int32Array(4);
const singles = new Float32Array(words.buffer);
const doubles = new Float64Array(words.buffer);

const SIZES = { SS: 'dword', SD: 'qword', PS: 'oword', PD: 'oword' } as const;
const both = (name: string, size: string, immediate = ''): string[] => [
  `${name} xmm0, xmm1${immediate}`,
  `${name} xmm0, ${size} [ebx]${immediate}`,
];
const moves = (name: string, size: string): string[] => [...both(name, size), `${name} ${size} [ebx], xmm1`];
const FORMS: readonly string[] = [
  ...['ADD', 'SUB', 'MUL', 'DIV', 'MIN', 'MAX'].flatMap((name) =>
    Object.entries(SIZES).flatMap(([suffix, size]) => both(name + suffix, size)),
  ),
  ...['ADDSUBPS', 'ADDSUBPD', 'HADDPS', 'HADDPD', 'HSUBPS', 'HSUBPD'].flatMap((name) => both(name, 'oword')),
  ...['SQRTSS', 'COMISS', 'UCOMISS'].flatMap((name) => both(name, 'dword')),
  ...['SQRTSD', 'COMISD', 'UCOMISD'].flatMap((name) => both(name, 'qword')),
  ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((predicate) =>
    Object.entries(SIZES).flatMap(([suffix, size]) => both(`CMP${suffix}`, size, `, ${predicate}`)),
  ),
  ...['CVTSI2SD xmm0, eax', 'CVTSI2SD xmm0, dword [ebx]', 'CVTSI2SS xmm0, eax', 'CVTSI2SS xmm0, dword [ebx]'],
  ...['CVTTSD2SI', 'CVTSD2SI'].flatMap((name) => [`${name} eax, xmm1`, `${name} eax, qword [ebx]`]),
  ...['CVTTSS2SI', 'CVTSS2SI'].flatMap((name) => [`${name} eax, xmm1`, `${name} eax, dword [ebx]`]),
  ...['CVTSS2SD'].flatMap((name) => both(name, 'dword')),
  ...['CVTSD2SS', 'CVTDQ2PD', 'CVTPS2PD'].flatMap((name) => both(name, 'qword')),
  ...['CVTDQ2PS', 'CVTTPS2DQ', 'CVTPS2DQ', 'CVTPD2PS'].flatMap((name) => both(name, 'oword')),
  ...['MOVAPS', 'MOVAPD', 'MOVDQA', 'MOVUPS', 'MOVUPD', 'MOVDQU'].flatMap((name) => moves(name, 'oword')),
  ...[...moves('MOVSS', 'dword'), ...moves('MOVSD', 'qword'), ...moves('MOVQ', 'qword'), 'LDDQU xmm0, oword [ebx]'],
];

const NEARS_OF_DOUBLE = [1023, 1023, 1023, 0, 1, 2046, 511, 1023 + 52, 1534, 1023 + 31, 1923, 123, 573, 1473, 2040];
const NEARS_OF_SINGLE = [127, 127, 127, 0, 1, 254, 63, 127 + 23, 190, 127 + 31];

const pick = (random: Random, list: readonly number[]): number => list[random.below(list.length)]!;

/** A number with few bits, such as programs count with. */
const fewBits = (random: Random): number => (random.below(4001) - 2000) * 2 ** (random.below(9) - 6);

/** Sixteen bytes of one format into `words`. */
function putVector(random: Random, format: string, near: number): void {
  const from = new Int32Array(4);
  for (let k = 0; k < 4; k++) {
    if (format === 'integer') putInteger(random, from);
    else if (format === 'single') putF32(random, from, near);
    else putF64(random, from, near);
    words[k] = from[0]!;
    if (format !== 'double') continue;
    words[++k] = from[1]!;
  }
  if (random.below(3) !== 0) return;
  for (let k = 0; k < 4; k++) {
    if (format === 'single') singles[k] = fewBits(random);
    else if (format === 'double') doubles[k >> 1] = fewBits(random);
  }
}

function formatOf(text: string): string {
  if (/^CVT(SI|DQ|PI)/.test(text)) return 'integer';
  return /^CVTT?[SP]S|^\w+S[S] |^\w+PS /.test(text) && !/^CVT[SP]D/.test(text) ? 'single' : 'double';
}

function fillState(random: Random, cpu: Cpu, text: string, at: number): void {
  const format = formatOf(text);
  const near = pick(random, format === 'single' ? NEARS_OF_SINGLE : NEARS_OF_DOUBLE);
  for (const register of [0, 1]) {
    putVector(random, format, near);
    cpu.m32.set(words, XMM + 4 * register);
  }
  // Equal operands, and those that differ in sign or in the last bit.
  if (random.below(6) === 0) {
    cpu.m32.copyWithin(XMM + 4, XMM, XMM + 4);
    for (let k = 4; k < 8; k++) cpu.m32[XMM + k] = cpu.m32[XMM + k]! ^ pick(random, [0, 0, 1, 0x80000000]);
  }
  cpu.m32[EAX] = cpu.m32[XMM]!;
  const masks = random.below(4) === 0 ? random.below(64) : 63;
  const rounding = random.below(4) === 0 ? random.below(4) : 0;
  const modes = random.below(4) === 0 ? random.word() & 0x8040 : 0;
  cpu.m32[MXCSR] = (masks << 7) | (rounding << 13) | modes | pick(random, [0, 0, 0x20, 0x21, 0x3f]);
  putVector(random, format, near);
  // Just below one times the least normal: rounded it is that, but it was tiny.
  if (random.below(12) === 0) {
    const scale = 2 ** random.below(60);
    if (format === 'single') {
      singles.fill(2 ** -126 * scale * (random.below(2) === 0 ? -1 : 1));
      cpu.m32.set(words, XMM);
      singles.fill((1 - 2 ** -24) / scale);
    } else if (format === 'double') {
      doubles.fill(2 ** -1022 * scale * (random.below(2) === 0 ? -1 : 1));
      cpu.m32.set(words, XMM);
      doubles.fill((1 - 2 ** -53) / scale);
    }
    cpu.m32.set(words, XMM + 4);
  }
  writeBytes(cpu, at, new Uint8Array(words.buffer));
}

function stateText(cpu: Cpu, at: number): string {
  const registers = [0, 1].map((k) =>
    [3, 2, 1, 0].map((j) => hex(cpu.m32[XMM + 4 * k + j]!).padStart(8, '0')).join("'"),
  );
  const bytes = readBytes(cpu, at, 16).map((byte) => byte.toString(16).padStart(2, '0'));
  const rest = `MXCSR ${hex(cpu.m32[MXCSR]!)} flags ${hex(getFlags(cpu))} EAX ${hex(cpu.m32[EAX]!)}`;
  return `${rest} XMM0 ${registers[0]} XMM1 ${registers[1]} memory ${bytes.join('')}`;
}

for (const level of [0, 3] as const) {
  test(`the plain SSE handlers do what the general ones do, at CPL ${level}`, () => {
    const subject = {
      forms: FORMS,
      tables: [generalFloat, generalConvert, generalMove],
      fill: fillState,
      show: stateText,
    };
    comparePlain(subject, level, new Random(seed), seed, caseCount);
  });
}

test('a root one unit off is not proven, whichever side', () => {
  const random = new Random(seed);
  const judged = new Judged('roots');
  for (let i = 0; i < 20 * caseCount; i++) {
    putF64(random, words, 1023);
    words[1] = (words[1]! & 0xfffff) | ((1023 + random.below(2)) << 20);
    const radicand = doubles[0]!;
    const root = Math.sqrt(radicand);
    for (const step of [1, -1]) {
      doubles[0] = root;
      if (words[0] === (step < 0 ? 0 : -1)) continue;
      judged.add();
      words[0]! += step;
      const wrong = doubles[0]!;
      assert.equal(rootExactnessF64(radicand, wrong), NOT_PROVEN, `${radicand} ${wrong}`);
    }
    putF32(random, words, 127);
    words[0] = (words[0]! & 0x7fffff) | ((127 + random.below(2)) << 23);
    const single = singles[0]!;
    singles[0] = Math.sqrt(single);
    words[0]! += random.below(2) === 0 ? 1 : -1;
    const wrong = singles[0]!;
    assert.equal(rootExactnessF32(single, wrong), NOT_PROVEN, `${single} ${wrong}`);
  }
  judged.atLeast(30 * caseCount);
});
