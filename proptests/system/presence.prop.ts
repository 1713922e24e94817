/**
 * What the processor says it has is there, and what it does not say it has is not: each feature bit of CPUID and each
 * presence bit of IA32_MISC_ENABLE against the instructions and registers behind it. A guest that relies on a bit for
 * something that is missing waits for ever or crashes. SDM 2 CPUID; SDM 4 table 2-2, IA32_MISC_ENABLE. (Presence bits
 * of the board are those of boot/firmware.prop.ts, devices/board.prop.ts and boot/acpi.prop.ts.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VECTOR_GP, VECTOR_UD } from '../../src/core/base/vectors.ts';
import { CR0, CR4_OSFXSR, EAX, EBX, ECX, EDX } from '../../src/core/state/layout.ts';
import { updateMode } from '../../src/core/cpu/system/segmentation.ts';
import { type Bench, faults, protectedBench, runs } from './fixture.ts';

/** Data for what accesses memory, aligned. */
const PLACE = 0x6000;
const OSFXSR = [0x0f, 0x22, 0xe0];

/** With SSE switched on, EAX at a place in memory. */
function ready(): Bench {
  const bench = protectedBench();
  bench.cpu.m32[CR0] = 0x11;
  bench.cpu.m32[EAX] = CR4_OSFXSR;
  runs(bench, OSFXSR);
  bench.cpu.m32[EAX] = PLACE;
  updateMode(bench.cpu);
  return bench;
}

const code =
  (...bytes: number[]) =>
  (bench: Bench): void =>
    runs(bench, bytes);

const cr4 =
  (bit: number) =>
  (bench: Bench): void => {
    bench.cpu.m32[EAX] = CR4_OSFXSR | (1 << bit);
    runs(bench, OSFXSR);
  };

const msr =
  (...registers: number[]) =>
  (bench: Bench): void => {
    for (const register of registers) {
      bench.cpu.m32[ECX] = register;
      runs(bench, [0x0f, 0x32]);
    }
  };

const noCode =
  (...bytes: number[]) =>
  (bench: Bench): void =>
    faults(bench, bytes, VECTOR_UD);

const noMsr =
  (...registers: number[]) =>
  (bench: Bench): void => {
    for (const register of registers) {
      bench.cpu.m32[ECX] = register;
      faults(bench, [0x0f, 0x32], VECTOR_GP, 0);
    }
  };

const noCr4 =
  (bit: number) =>
  (bench: Bench): void => {
    bench.cpu.m32[EAX] = CR4_OSFXSR | (1 << bit);
    faults(bench, OSFXSR, VECTOR_GP, 0);
  };

type Witness = (bench: Bench) => void;

interface Feature {
  readonly name: string;
  readonly bit: number;
  readonly isThere?: Witness;
  readonly isMissing?: Witness;
}

const has = (name: string, bit: number, isThere: Witness): Feature => ({ name, bit, isThere });
const lacks = (name: string, bit: number, isMissing: Witness): Feature => ({ name, bit, isMissing });

/** Leaf 1, EDX. */
const FEATURES_EDX: readonly Feature[] = [
  has('FPU', 0, code(0xd9, 0xe8)),
  has('VME', 1, cr4(0)),
  has('DE', 2, cr4(3)),
  has('PSE', 3, cr4(4)),
  has('TSC', 4, code(0x0f, 0x31)),
  has('MSR', 5, msr(0x10)),
  has('PAE', 6, cr4(5)),
  has('MCE', 7, cr4(6)),
  has('CX8', 8, code(0x0f, 0xc7, 0x08)),
  has('SEP', 11, msr(0x174, 0x175, 0x176)),
  has('MTRR', 12, msr(0xfe, 0x200, 0x2ff)),
  has('PGE', 13, cr4(7)),
  has('MCA', 14, msr(0x179, 0x17a, 0x400, 0x401)),
  has('CMOV', 15, code(0x0f, 0x44, 0xc1)),
  has('PAT', 16, msr(0x277)),
  lacks('PSN', 18, noMsr(0x119)),
  has('CLFSH', 19, code(0x0f, 0xae, 0x38)),
  lacks('DS', 21, noMsr(0x600)),
  lacks('ACPI', 22, noMsr(0x19a, 0x19b)),
  has('MMX', 23, code(0x0f, 0x77)),
  has('FXSR', 24, code(0x0f, 0xae, 0x00)),
  has('SSE', 25, code(0x0f, 0x57, 0xc0)),
  has('SSE2', 26, code(0x66, 0x0f, 0x57, 0xc0)),
];

/** Leaf 1, ECX. */
const FEATURES_ECX: readonly Feature[] = [
  has('SSE3', 0, code(0xf2, 0x0f, 0x7c, 0xc0)),
  lacks('MONITOR', 3, noCode(0x0f, 0x01, 0xc8)),
  lacks('VMX', 5, noCode(0x0f, 0x01, 0xc1)),
  lacks('VMX', 5, noCr4(13)),
  lacks('SMX', 6, noCr4(14)),
  lacks('EIST', 7, noMsr(0x198, 0x199)),
  lacks('SSSE3', 9, noCode(0x0f, 0x38, 0x00, 0xc0)),
  lacks('PDCM', 15, noMsr(0x345)),
  lacks('PCID', 17, noCr4(17)),
  lacks('SSE4.1', 19, noCode(0x66, 0x0f, 0x38, 0x10, 0xc0)),
  lacks('SSE4.2', 20, noCode(0xf2, 0x0f, 0x38, 0xf1, 0xc0)),
  lacks('x2APIC', 21, noMsr(0x802)),
  lacks('POPCNT', 23, noCode(0xf3, 0x0f, 0xb8, 0xc0)),
  lacks('TSC deadline', 24, noMsr(0x6e0)),
  lacks('XSAVE', 26, noCr4(18)),
  lacks('XSAVE', 26, noCode(0x0f, 0x01, 0xd0)),
  lacks('AVX', 28, noCode(0xc5, 0xf8, 0x57, 0xc0)),
  lacks('RDRAND', 30, noCode(0x0f, 0xc7, 0xf0)),
];

/** Bits that say that something is there (`isSet`: is not there), and must be as they are. */
const MISC_ENABLE: readonly { readonly name: string; readonly bit: number; readonly isSet: boolean }[] = [
  { name: 'performance monitoring', bit: 7, isSet: false },
  { name: 'BTS unavailable', bit: 11, isSet: true },
  { name: 'PEBS unavailable', bit: 12, isSet: true },
  { name: 'SpeedStep', bit: 16, isSet: false },
  { name: 'MONITOR', bit: 18, isSet: false },
];

function leaf(bench: Bench, number: number): { eax: number; ebx: number; ecx: number; edx: number } {
  const { cpu } = bench;
  cpu.m32[EAX] = number;
  cpu.m32[ECX] = 0;
  runs(bench, [0x0f, 0xa2]);
  return { eax: cpu.m32[EAX], ebx: cpu.m32[EBX], ecx: cpu.m32[ECX], edx: cpu.m32[EDX] };
}

test('what CPUID names is there, and what it does not name is refused', () => {
  const { ecx, edx } = leaf(ready(), 1);
  for (const [word, features] of [
    [edx, FEATURES_EDX],
    [ecx, FEATURES_ECX],
  ] as const) {
    for (const { name, bit, isThere, isMissing } of features) {
      assert.equal((word >>> bit) & 1, isThere === undefined ? 0 : 1, name);
      try {
        (isThere ?? isMissing)?.(ready());
      } catch (error) {
        throw new Error(`${name}: ${error instanceof Error ? error.message : ''}`);
      }
    }
  }
  // And nothing is named that nobody has looked at here: PSE-36 is a matter of page tables, the APIC one of the board.
  const looked = FEATURES_EDX.reduce((bits, { bit }) => bits | (1 << bit), (1 << 17) | (1 << 9));
  assert.equal(edx & ~looked, 0);
  assert.equal(ecx & ~1, 0);
  // No leaf beyond the basic ones of this model says more: no performance monitoring, no extended state.
  const { ebx, ecx: structuredEcx } = leaf(ready(), 7);
  assert.deepEqual([ebx, structuredEcx], [0, 0]);
  assert.ok(leaf(ready(), 0).eax < 0xa);
  assert.equal(leaf(ready(), 5).ecx, 0, 'MONITOR');
  assert.equal(leaf(ready(), 6).eax, 0, 'thermal sensors');
});

test('IA32_MISC_ENABLE announces nothing that is missing, and a guest cannot switch that on', () => {
  const bench = ready();
  const { cpu } = bench;
  const read = (): number => {
    cpu.m32[ECX] = 0x1a0;
    runs(bench, [0x0f, 0x32]);
    return cpu.m32[EAX];
  };
  for (const { name, bit, isSet } of MISC_ENABLE) assert.equal((read() >>> bit) & 1, isSet ? 1 : 0, name);
  for (const { name, bit, isSet } of MISC_ENABLE) {
    const value = read();
    cpu.m32[ECX] = 0x1a0;
    cpu.m32[EAX] = value ^ (1 << bit);
    try {
      runs(bench, [0x0f, 0x30]);
    } catch {
      // Refused is as good as ignored.
    }
    assert.equal((read() >>> bit) & 1, isSet ? 1 : 0, name);
  }
});
