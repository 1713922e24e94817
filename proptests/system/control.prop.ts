/**
 * Control and debug registers, MSRs, CPUID, the time-stamp counter and the interrupt flag, one fact a test. SDM 3 §2.5,
 * chapters 11 and 17; SDM 2 under each mnemonic.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  matchDataBreakpoint,
  matchInstructionBreakpoint,
  matchIoBreakpoint,
  updateWatch,
} from '../../src/core/cpu/system/debug.ts';
import {
  AC,
  CR0,
  CR0_PE,
  CR0_TS,
  CR4,
  CR4_DE,
  CR4_PVI,
  DR,
  EAX,
  EBX,
  ECX,
  EDX,
  EIP,
  ESP,
  GDTR_BASE,
  GDTR_LIMIT,
  HALTED,
  ID,
  IF,
  INTERRUPT_SHADOW,
  IOPL,
  NT,
  PENDING_DEBUG,
  RF,
  SHADOW_STI,
  TF,
  TICK_F64,
  VIF,
  VIP,
  VM,
} from '../../src/core/state/layout.ts';
import {
  type Bench,
  faults,
  flagsOf,
  hex,
  protectedBench,
  read32,
  realBench,
  runs,
  setEflags,
  write32,
} from './fixture.ts';

const MOV_CR0_EAX = [0x0f, 0x22, 0xc0];
const MOV_CR4_EAX = [0x0f, 0x22, 0xe0];

function withEax(bench: Bench, value: number): Bench {
  bench.cpu.m32[EAX] = value;
  return bench;
}

test('privileged instructions are #GP(0) at level 3', () => {
  for (const bytes of [
    [0xf4],
    [0x0f, 0x06],
    [0x0f, 0x08],
    [0x0f, 0x09],
    [0x0f, 0x01, 0x38],
    [0x0f, 0x01, 0x10],
    [0x0f, 0x01, 0x18],
    [0x0f, 0x01, 0xf0],
    [0x0f, 0x20, 0xc0],
    MOV_CR0_EAX,
    [0x0f, 0x21, 0xc0],
    [0x0f, 0x23, 0xc0],
    [0x0f, 0x32],
    [0x0f, 0x30],
    [0x0f, 0x33],
    [0xfa],
    [0xfb],
  ]) {
    faults(protectedBench(3), bytes, 13, 0);
  }
});

test('CR0: PG needs PE, NW needs CD, ET is fixed, unknown bits are dropped', () => {
  faults(withEax(realBench(), 0x80000000 | 0), MOV_CR0_EAX, 13, 0);
  faults(withEax(realBench(), 0x20000000), MOV_CR0_EAX, 13, 0);
  const bench = withEax(realBench(), 0x1ff50020 | 0);
  runs(bench, MOV_CR0_EAX);
  assert.equal(hex(bench.cpu.m32[CR0]), hex(0x50030));
});

test('CR4: reserved bits are #GP(0)', () => {
  for (let bit = 0; bit < 32; bit++) {
    const bench = withEax(protectedBench(), (1 << bit) | 0);
    if (bit <= 10) runs(bench, MOV_CR4_EAX);
    else faults(bench, MOV_CR4_EAX, 13, 0);
  }
});

test('LMSW sets PE but never clears it; SMSW and CLTS', () => {
  const bench = realBench();
  const { cpu } = bench;
  runs(withEax(bench, 0xfff0 | CR0_TS), [0x0f, 0x01, 0xf0]);
  assert.equal(cpu.m32[CR0] & 0xf, CR0_TS);
  runs(bench, [0x0f, 0x06]);
  assert.equal(cpu.m32[CR0] & 0xf, 0);
  runs(withEax(bench, CR0_PE), [0x0f, 0x01, 0xf0]);
  runs(withEax(bench, 0), [0x0f, 0x01, 0xf0]);
  assert.equal(cpu.m32[CR0] & 0xf, CR0_PE);
  runs(bench, [0x66, 0x0f, 0x01, 0xe0]);
  assert.equal(cpu.m32[EAX], cpu.m32[CR0]);
});

test('LGDT takes 24 base bits with a 16-bit operand; SGDT stores them all', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.m32[EBX] = 0x6000;
  write32(cpu, 0x6000, 0x5678_0fff);
  write32(cpu, 0x6004, 0x1234);
  runs(bench, [0x0f, 0x01, 0x13]);
  assert.equal(cpu.m32[GDTR_LIMIT], 0xfff);
  assert.equal(cpu.m32[GDTR_BASE], 0x12345678);
  runs(bench, [0x66, 0x0f, 0x01, 0x13]);
  assert.equal(cpu.m32[GDTR_BASE], 0x345678);
  write32(cpu, 0x6000, 0);
  write32(cpu, 0x6004, 0);
  runs(bench, [0x0f, 0x01, 0x03]);
  assert.equal(hex(read32(cpu, 0x6000)), '56780fff');
});

test('HLT halts; STI casts a shadow only when IF was clear', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  runs(bench, [0xfb]);
  assert.equal(cpu.m32[INTERRUPT_SHADOW], SHADOW_STI);
  cpu.m32[INTERRUPT_SHADOW] = 0;
  runs(bench, [0xfb]);
  assert.equal(cpu.m32[INTERRUPT_SHADOW], 0);
  runs(bench, [0xf4]);
  assert.equal(cpu.m32[HALTED], 1);
});

test('POPF: which flags change at which level and width', () => {
  const all = 0x3f7fd5;
  for (const [level, iopl, opsize, kept] of [
    [0, 0, 32, VM | RF | VIF | VIP],
    [0, 3, 16, 0xffff0000],
    [3, 0, 32, VM | RF | VIF | VIP | IOPL | IF],
    [3, 3, 32, VM | RF | VIF | VIP | IOPL],
    [3, 0, 16, 0xffff0000 | IOPL | IF],
  ] as const) {
    const bench = protectedBench(level);
    const { cpu } = bench;
    setEflags(cpu, iopl << 12);
    write32(cpu, cpu.m32[ESP], all);
    const esp = cpu.m32[ESP];
    runs(bench, opsize === 32 ? [0x9d] : [0x66, 0x9d]);
    const expected = (all & ~kept) | ((iopl << 12) & kept) | 2;
    assert.equal(hex(flagsOf(cpu)), hex(expected), `level ${level} IOPL ${iopl} ${opsize}`);
    assert.equal(cpu.m32[ESP], esp + opsize / 8);
  }
});

test('PUSHFD shows VM and RF as 0', () => {
  const bench = protectedBench();
  setEflags(bench.cpu, RF | AC | ID | NT | 1);
  runs(bench, [0x9c]);
  assert.equal(hex(read32(bench.cpu, bench.cpu.m32[ESP])), hex(AC | ID | NT | 3));
});

test('PVI: CLI and STI at level 3 act on VIF', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  cpu.m32[CR4] = CR4_PVI;
  runs(bench, [0xfb]);
  assert.equal(flagsOf(cpu), VIF | 2);
  runs(bench, [0xfa]);
  assert.equal(flagsOf(cpu), 2);
  setEflags(cpu, VIP);
  faults(bench, [0xfb], 13, 0);
});

test('debug registers: DR4 and DR5, fixed bits, general detect', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  runs(withEax(bench, -1), [0x0f, 0x23, 0xe0]);
  assert.equal(hex(cpu.m32[DR + 6]), 'ffffefff');
  runs(withEax(bench, -1 & ~0x2000), [0x0f, 0x23, 0xe8]);
  assert.equal(hex(cpu.m32[DR + 7]), 'ffff07ff');
  cpu.m32[CR4] = CR4_DE;
  faults(bench, [0x0f, 0x21, 0xe0], 6);
  cpu.m32[DR + 7] = 0x2400;
  cpu.m32[CR4] = 0;
  faults(bench, [0x0f, 0x21, 0xc0], 1);
  assert.equal(cpu.m32[DR + 6] & 0x2000, 0x2000);
});

test('data breakpoints: any overlap of the aligned range, by kind of access', () => {
  const { cpu } = protectedBench();
  fc.assert(
    fc.property(
      fc.integer({ min: 0x1000, max: 0x1010 }),
      fc.constantFrom(0, 1, 3),
      fc.constantFrom(1, 3),
      fc.integer({ min: 0xffa, max: 0x1016 }),
      fc.constantFrom(1, 2, 4),
      fc.boolean(),
      (address, length, when, at, size, write) => {
        cpu.m32[DR + 2] = address;
        cpu.m32[DR + 7] = 0x20 | (when << 24) | (length << 26);
        cpu.m32[PENDING_DEBUG] = 0;
        matchDataBreakpoint(cpu, at, size, write);
        const first = address & ~length;
        let hit = false;
        for (let k = 0; k < size; k++) if (at + k >= first && at + k <= first + length) hit = true;
        assert.equal(cpu.m32[PENDING_DEBUG], hit && (write || when === 3) ? 4 : 0);
      },
    ),
    { seed: 5, numRuns: 1000 },
  );
});

test('breakpoints: instruction and I/O conditions, and what they switch on', () => {
  const { cpu } = protectedBench();
  cpu.m32[DR + 1] = 0x1234;
  cpu.m32[DR + 7] = 0x4;
  updateWatch(cpu);
  assert.deepEqual([cpu.breakActive, cpu.watchActive], [true, false]);
  assert.equal(matchInstructionBreakpoint(cpu, 0x1234), 2);
  assert.equal(matchInstructionBreakpoint(cpu, 0x1235), 0);
  cpu.m32[DR + 7] = 0x4 | (2 << 20);
  cpu.m32[CR4] = CR4_DE;
  updateWatch(cpu);
  assert.deepEqual([cpu.breakActive, cpu.watchActive], [false, false]);
  matchIoBreakpoint(cpu, 0x1234, 1);
  assert.equal(cpu.m32[PENDING_DEBUG], 2);
});

function msr(bench: Bench, register: number): [string, string] {
  bench.cpu.m32[ECX] = register;
  runs(bench, [0x0f, 0x32]);
  return [hex(bench.cpu.m32[EDX]), hex(bench.cpu.m32[EAX])];
}

function setMsr(bench: Bench, register: number, high: number, low: number): void {
  bench.cpu.m32[ECX] = register;
  bench.cpu.m32[EDX] = high;
  bench.cpu.m32[EAX] = low;
}

const WRMSR = [0x0f, 0x30];

test('MSRs: what can be written reads back', () => {
  const bench = protectedBench();
  for (const [register, high, low] of [
    [0x174, 0, 0x1234],
    [0x175, 0, 0x5678],
    [0x200, 0xf, 0x12345006],
    [0x201, 0xf, 0xfffff800],
    [0x250, 0x06060606, 0x05040100],
    [0x277, 0x07060504, 0x01000706],
    [0x2ff, 0, 0xc06],
    [0xc0000080, 0, 0x800],
  ]) {
    setMsr(bench, register, high, low);
    runs(bench, WRMSR);
    assert.deepEqual(msr(bench, register), [hex(high), hex(low)], hex(register));
  }
});

test('MSRs: unknown registers and reserved bits are #GP(0)', () => {
  const bench = protectedBench();
  for (const [register, high, low] of [
    [0x12345, 0, 0],
    [0x1b, 0, 0xfee00900],
    [0x200, 0, 2],
    [0x200, 0x10, 6],
    [0x201, 0, 0x400],
    [0x250, 0, 0x03000000],
    [0x277, 0, 0x02],
    [0x2ff, 0, 0x100],
    [0xfe, 0, 0],
    [0x179, 0, 0],
    [0xc0000080, 0, 1],
  ]) {
    setMsr(bench, register, high, low);
    faults(bench, WRMSR, 13, 0);
  }
  bench.cpu.m32[ECX] = 0x12345;
  faults(bench, [0x0f, 0x32], 13, 0);
});

test('the TSC is the tick; a write sets its low half; TSD', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.f64[TICK_F64] = 0x3_0000_0005;
  runs(bench, [0x0f, 0x31]);
  assert.deepEqual([cpu.m32[EDX], cpu.m32[EAX]], [3, 5]);
  setMsr(bench, 0x10, 0x77, -1);
  runs(bench, WRMSR);
  assert.deepEqual(msr(bench, 0x10), ['0', 'ffffffff']);
  cpu.f64[TICK_F64] += 1;
  assert.deepEqual(msr(bench, 0x10), ['1', '0']);
  const user = protectedBench(3);
  runs(user, [0x0f, 0x31]);
  user.cpu.m32[CR4] = 4;
  faults(user, [0x0f, 0x31], 13, 0);
});

test('CPUID: vendor, brand, features that follow the machine', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  const leaf = (number: number): number[] => {
    cpu.m32[EAX] = number;
    cpu.m32[ECX] = 0;
    runs(bench, [0x0f, 0xa2]);
    return [EAX, EBX, ECX, EDX].map((register) => cpu.m32[register]);
  };
  const text = (words: readonly number[]): string =>
    words.map((w) => String.fromCharCode(w & 255, (w >> 8) & 255, (w >> 16) & 255, w >>> 24)).join('');
  const [, ebx, ecx, edx] = leaf(0);
  assert.equal(text([ebx, edx, ecx]), 'GenuineIntel');
  const brand = text([...leaf(0x80000002 | 0), ...leaf(0x80000003 | 0), ...leaf(0x80000004 | 0)]);
  assert.equal(brand.replaceAll('\0', ''), 'Reprise virtual CPU');
  assert.equal(leaf(1)[3] & 0x200, 0);
  cpu.apic = { setBase: () => {} };
  assert.equal(leaf(1)[3] & 0x200, 0x200);
  assert.equal(leaf(0x80000001 | 0)[3], 1 << 20);
  assert.deepEqual(leaf(0x40000000), leaf(7), 'beyond the maximum: the highest basic leaf');
});

test('RDPMC: level, CR4.PCE, counter number', () => {
  const bench = protectedBench();
  bench.cpu.m32[ECX] = 1;
  runs(bench, [0x0f, 0x33]);
  bench.cpu.m32[ECX] = 2;
  faults(bench, [0x0f, 0x33], 13, 0);
  assert.equal(bench.cpu.m32[EIP] > 0, true);
});

test('POPF at level 0 sets TF and IF', () => {
  const bench = protectedBench();
  write32(bench.cpu, bench.cpu.m32[ESP], TF | IF);
  runs(bench, [0x9d]);
  assert.equal(flagsOf(bench.cpu), TF | IF | 2);
});
