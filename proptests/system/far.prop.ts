/**
 * Far transfers and returns, one fact a test: call gates with parameters, conforming code, RET and IRET to outer
 * levels, SYSENTER and SYSEXIT, virtual-8086 mode in and out with VME. SDM 2 CALL, JMP, RET, IRET; SDM 3 chapter 20.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpl, loadSegment, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import {
  AC,
  CR4,
  CR4_VME,
  CS,
  DS,
  EAX,
  ECX,
  EDX,
  EIP,
  ES,
  ESP,
  FS,
  GS,
  IF,
  IOPL,
  MODE_KEY,
  MODE_VM86,
  NT,
  RF,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TF,
  VIF,
  VIP,
  VM,
} from '../../src/core/state/layout.ts';
import {
  ABSENT_CODE,
  type Bench,
  CODE,
  CODE0,
  CODE0_16,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA3,
  DATA3_16,
  deliver,
  faults,
  flagsOf,
  frame,
  FREE,
  GDT,
  handlerOf,
  hex,
  IDT,
  protectedBench,
  realBench,
  runs,
  segmentsOf,
  setEflags,
  setGate,
  STACK0,
  STACK3,
  TSS,
  write16,
  write32,
} from './fixture.ts';

const farPointer = (opcode: number, selector: number, offset: number): number[] => [
  opcode,
  offset & 0xff,
  (offset >>> 8) & 0xff,
  (offset >>> 16) & 0xff,
  offset >>> 24,
  selector & 0xff,
  selector >>> 8,
];
const jmp = (selector: number, offset = 0x12000): number[] => farPointer(0xea, selector, offset);
const call = (selector: number, offset = 0x12000): number[] => farPointer(0x9a, selector, offset);

function pushAll(bench: Bench, values: readonly number[]): void {
  const { cpu } = bench;
  for (const value of values) {
    cpu.m32[ESP] -= 4;
    write32(cpu, cpu.m32[ESP], value);
  }
}

test('JMP and CALL far to code of the same level', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  runs(bench, call(CODE0_16, 0x123));
  assert.equal(cpu.m32[EIP], 0x123);
  assert.equal(cpu.m32[SEG_BASE + CS], 0x10000);
  assert.deepEqual(frame(cpu, 2), [hex(CODE + 7), hex(CODE0)]);
  const other = protectedBench();
  runs(other, jmp(CODE0));
  assert.equal(other.cpu.m32[EIP], 0x12000);
});

test('what JMP and CALL far refuse', () => {
  for (const [level, selector, vector, error] of [
    [0, 0, 13, 0],
    [0, 0x1000, 13, 0x1000],
    [0, DATA0, 13, DATA0],
    [0, ABSENT_CODE, 11, ABSENT_CODE],
    [0, CODE0 | 3, 13, CODE0],
    [0, CODE3, 13, CODE3 & ~3],
    [3, CODE0, 13, CODE0],
    [0, CODE0_16, 13, 0], // offset beyond its limit
  ] as const) {
    faults(protectedBench(level), jmp(selector), vector, error);
    faults(protectedBench(level), call(selector), vector, error);
  }
});

test('conforming code keeps the level', () => {
  const bench = protectedBench(3);
  runs(bench, jmp(CONFORMING0));
  assert.equal(cpl(bench.cpu), 3);
  assert.equal(bench.cpu.m32[SEG_SELECTOR + CS], CONFORMING0 | 3);
});

test('a 32-bit call gate to level 0 switches stacks and copies parameters', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  setGate(cpu, GDT + FREE, CODE0, 0x12345, 0xec, 2);
  pushAll(bench, [0x11, 0x22]);
  runs(bench, call(FREE | 3));
  assert.equal(cpu.m32[EIP], 0x12345);
  assert.equal(cpl(cpu), 0);
  assert.deepEqual(frame(cpu, 6), [hex(CODE + 7), hex(CODE3), '22', '11', hex(STACK3 - 8), hex(DATA3)]);
  assert.equal(cpu.m32[ESP], STACK0 - 24);
  // And back: RETF 8 releases the parameters on both stacks.
  loadSegment(cpu, ES, DATA0);
  loadSegment(cpu, FS, CONFORMING0);
  runs(bench, [0xca, 8, 0]);
  assert.equal(cpl(cpu), 3);
  assert.equal(cpu.m32[EIP], CODE + 7);
  assert.equal(cpu.m32[ESP], STACK3);
  assert.deepEqual(segmentsOf(cpu), [0, CODE3, DATA3, DATA3, CONFORMING0, DATA3]);
});

test('a 16-bit call gate pushes words', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  setGate(cpu, GDT + FREE, CODE0, 0x99992345, 0xe4, 1);
  pushAll(bench, [0x77776666]);
  runs(bench, call(FREE | 3));
  assert.equal(cpu.m32[EIP], 0x2345);
  const words = [0, 2, 4, 6, 8].map((at) => cpu.space.read16(cpu.m32[ESP] + at));
  assert.deepEqual(words, [(CODE + 7) & 0xffff, CODE3, 0x6666, (STACK3 - 4) & 0xffff, DATA3]);
});

test('call gates: levels, absence, and JMP may not change the level', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  setGate(cpu, GDT + FREE, CODE0, 0x12345, 0x8c);
  faults(bench, call(FREE | 3), 13, FREE);
  setGate(cpu, GDT + FREE, CODE0, 0x12345, 0x6c);
  faults(bench, call(FREE | 3), 11, FREE);
  setGate(cpu, GDT + FREE, CODE0, 0x12345, 0xec);
  faults(bench, jmp(FREE | 3), 13, CODE0);
  setGate(cpu, GDT + FREE, DATA0, 0x12345, 0xec);
  faults(bench, call(FREE | 3), 13, DATA0);
  setGate(cpu, GDT + FREE, CODE0, 0x12345, 0xec);
  write32(cpu, TSS + 8, DATA3);
  faults(bench, call(FREE | 3), 10, DATA3 & ~3);
});

test('RETF: same level, outer level, and what it refuses', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  const esp = cpu.m32[ESP];
  pushAll(bench, [CODE0, 0x12000]);
  runs(bench, [0xcb]);
  assert.equal(cpu.m32[EIP], 0x12000);
  assert.equal(cpu.m32[ESP], esp);
  for (const [cs, ss, vector, error] of [
    [0, 0, 13, 0],
    [DATA0, 0, 13, DATA0],
    [CODE3, 0, 13, 0],
    [CODE3, DATA0, 13, DATA0],
    [CODE3, 0x1003, 13, 0x1000],
    [CODE3 & ~3, DATA3, 13, CODE3 & ~3],
  ]) {
    const other = protectedBench();
    pushAll(other, [ss, 0x9000, cs, 0x12000]);
    faults(other, [0xcb], vector, error);
  }
  const inward = protectedBench(3);
  pushAll(inward, [CODE0, 0x12000]);
  faults(inward, [0xcb], 13, CODE0);
});

test('a return to a 16-bit stack keeps the upper half of ESP', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.m32[ESP] = 0x51000;
  pushAll(bench, [DATA3_16, 0x99991234, 2, CODE3, 0x12000]);
  runs(bench, [0xcf]);
  assert.equal(hex(cpu.m32[ESP]), '51234');
});

test('IRET: which flags change at which level', () => {
  const all = 0x3f7fd5 & ~(NT | VM);
  for (const [level, iopl, opsize, changed] of [
    [0, 0, 32, all],
    [0, 0, 16, all & 0xffff],
    [3, 0, 32, all & ~(IF | IOPL | VIF | VIP)],
    [3, 3, 32, all & ~(IOPL | VIF | VIP)],
    [3, 3, 16, all & 0xffff & ~IOPL],
  ] as const) {
    const bench = protectedBench(level);
    const { cpu } = bench;
    setEflags(cpu, iopl << 12);
    if (opsize === 32) pushAll(bench, [all, level === 0 ? CODE0 : CODE3, 0x12000]);
    else {
      cpu.m32[ESP] -= 6;
      write16(cpu, cpu.m32[ESP] + 4, all & 0xffff);
      write16(cpu, cpu.m32[ESP] + 2, level === 0 ? CODE0 : CODE3);
      write16(cpu, cpu.m32[ESP], 0x2000);
    }
    runs(bench, opsize === 32 ? [0xcf] : [0x66, 0xcf]);
    assert.equal(hex(flagsOf(cpu)), hex((changed & all) | (iopl << 12) | 2), `level ${level} IOPL ${iopl} ${opsize}`);
  }
});

test('SYSENTER and SYSEXIT load flat segments from the MSR, or #GP(0)', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  faults(bench, [0x0f, 0x34], 13, 0);
  cpu.m32[SYSENTER_CS] = CODE0 | 3;
  cpu.m32[SYSENTER_ESP] = 0x7000;
  cpu.m32[SYSENTER_EIP] = 0x12000;
  setEflags(cpu, IF | TF | RF);
  runs(bench, [0x0f, 0x34]);
  assert.deepEqual(segmentsOf(cpu).slice(1, 3), [CODE0, DATA0]);
  assert.equal(flagsOf(cpu), TF | 2);
  assert.equal(cpu.m32[ESP], 0x7000);
  assert.equal(cpl(cpu), 0);
  cpu.m32[ECX] = 0x9000;
  cpu.m32[EDX] = 0x13000;
  runs(bench, [0x0f, 0x35]);
  assert.deepEqual(segmentsOf(cpu).slice(1, 3), [CODE3, DATA3]);
  assert.equal(cpu.m32[SEG_ATTRIBUTES + CS], 0xc0fb);
  assert.equal(cpu.m32[SEG_LIMIT + SS], -1);
  assert.equal(cpu.m32[EIP], 0x13000);
  faults(bench, [0x0f, 0x35], 13, 0);
});

test('BOUND and INTO', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  write32(cpu, 0x6000, -5);
  write32(cpu, 0x6004, 5);
  for (const [value, inside] of [
    [-5, true],
    [5, true],
    [-6, false],
    [6, false],
  ] as const) {
    cpu.m32[EAX] = value;
    const bytes = [0x62, 0x05, 0x00, 0x60, 0, 0];
    if (inside) runs(bench, bytes);
    else faults(bench, bytes, 5);
  }
  runs(bench, [0xce]);
  setEflags(cpu, 0x800);
  runs(bench, [0xce]);
  assert.equal(cpu.m32[EIP], handlerOf(4));
});

test('real mode: far CALL, RETF, IRET', () => {
  const bench = realBench();
  const { cpu } = bench;
  runs(bench, [0x9a, 0x10, 0x00, 0x00, 0x18]);
  assert.equal(cpu.m32[SEG_BASE + CS], 0x18000);
  assert.equal(cpu.m32[EIP], 0x10);
  runs(bench, [0xcb]);
  assert.equal(cpu.m32[SEG_BASE + CS], CODE);
  assert.equal(cpu.m32[EIP], 5);
  assert.equal(cpu.m32[ESP], 0x7000);
  cpu.m32[ESP] -= 6;
  write16(cpu, cpu.m32[ESP], 0x20);
  write16(cpu, cpu.m32[ESP] + 2, 0x1800);
  write16(cpu, cpu.m32[ESP] + 4, 0xffff);
  runs(bench, [0xcf]);
  assert.equal(hex(flagsOf(cpu)), hex(0x7fd7));
});

/** At CS:IP = 1000:0000, SS:SP = 0900:1000, reached by IRETD from level 0. */
function vm86Bench(eflags: number, cr4 = 0): Bench {
  const bench = protectedBench();
  bench.cpu.m32[CR4] = cr4;
  pushAll(bench, [0x6000, 0x5000, 0x4000, 0x3000, 0x900, 0x1000, VM | eflags | 2, 0x1000, 0]);
  runs(bench, [0xcf]);
  return bench;
}

test('IRETD to virtual-8086 mode', () => {
  const { cpu } = vm86Bench(IF | IOPL | AC);
  assert.deepEqual(segmentsOf(cpu), [0x3000, 0x1000, 0x900, 0x4000, 0x5000, 0x6000]);
  assert.equal(cpu.m32[EIP], 0);
  assert.equal(cpu.m32[ESP], 0x1000);
  assert.equal(cpu.m32[SEG_BASE + DS], 0x40000);
  assert.equal(cpu.m32[SEG_LIMIT + GS], 0xffff);
  assert.equal(cpl(cpu), 3);
  assert.equal(cpu.m32[MODE_KEY] & MODE_VM86, MODE_VM86);
  assert.equal(flagsOf(cpu), VM | IF | IOPL | AC | 2);
});

test('a fault in virtual-8086 mode pushes the data segments and clears them; IRETD brings all back', () => {
  const bench = vm86Bench(IOPL | IF);
  const { cpu } = bench;
  faults(bench, [0x0f, 0x0b], 6);
  deliver(bench);
  assert.equal(cpl(cpu), 0);
  assert.deepEqual(segmentsOf(cpu), [0, CODE0, DATA0, 0, 0, 0]);
  const expected = [0, 0x1000, VM | IOPL | IF | RF | 2, 0x1000, 0x900, 0x3000, 0x4000, 0x5000, 0x6000];
  assert.deepEqual(frame(cpu, 9), expected.map(hex));
  assert.equal(cpu.m32[EIP], handlerOf(6));
  runs(bench, [0xcf]);
  assert.deepEqual(segmentsOf(cpu), [0x3000, 0x1000, 0x900, 0x4000, 0x5000, 0x6000]);
});

test('from virtual-8086 mode only to level 0', () => {
  const bench = vm86Bench(IOPL);
  setGate(bench.cpu, IDT + 0x20 * 8, CONFORMING0, 0, 0xee);
  faults(bench, [0xcd, 0x20], 13, CONFORMING0);
});

test('without VME, IOPL below 3 makes INT n, PUSHF, POPF, CLI, STI and IRET #GP(0), but not INT3', () => {
  for (const bytes of [[0xcd, 0x20], [0x9c], [0x9d], [0xfa], [0xfb], [0xcf]]) faults(vm86Bench(0), bytes, 13, 0);
  const bench = vm86Bench(0);
  setGate(bench.cpu, IDT + 3 * 8, CODE0, handlerOf(3), 0xee);
  runs(bench, [0xcc]);
  assert.equal(bench.cpu.m32[EIP], handlerOf(3));
});

/** A TSS with a redirection map (all clear) below an I/O map. */
function withRedirection(bench: Bench): Bench {
  const { cpu } = bench;
  write16(cpu, TSS + 0x66, 0x88);
  cpu.m32[SEG_LIMIT + 7] = 0x90;
  return bench;
}

test('VME: INT n goes to the 8086 handler when its bit is clear, with VIF for IF', () => {
  const bench = withRedirection(vm86Bench(IF | VIF, CR4_VME));
  const { cpu } = bench;
  write32(cpu, 0x21 * 4, 0x1234_5678);
  runs(bench, [0xcd, 0x21]);
  assert.equal(cpu.m32[EIP], 0x5678);
  assert.equal(cpu.m32[SEG_SELECTOR + CS], 0x1234);
  const words = [0, 2, 4].map((at) => cpu.space.read16(0x9000 + 0x1000 - 6 + at));
  assert.deepEqual(words, [2, 0x1000, IOPL | IF | 2]);
  assert.equal(flagsOf(cpu), VM | IF | 2);
});

test('VME: a set bit means the protected-mode handler at IOPL 3 and #GP(0) below', () => {
  const low = withRedirection(vm86Bench(0, CR4_VME));
  low.cpu.space.write8(TSS + 0x68 + 4, 0xff);
  faults(low, [0xcd, 0x21], 13, 0);
  const high = withRedirection(vm86Bench(IOPL, CR4_VME));
  high.cpu.space.write8(TSS + 0x68 + 4, 0xff);
  setGate(high.cpu, IDT + 0x21 * 8, CODE0, handlerOf(0x21), 0xee);
  runs(high, [0xcd, 0x21]);
  assert.equal(high.cpu.m32[EIP], handlerOf(0x21));
});

test('VME: CLI, STI, PUSHF, POPF and IRET act on VIF', () => {
  const bench = vm86Bench(IF, CR4_VME);
  const { cpu } = bench;
  runs(bench, [0xfb]);
  assert.equal(flagsOf(cpu), VM | IF | VIF | 2);
  runs(bench, [0x9c]);
  assert.equal(cpu.space.read16(0x9ffe), IOPL | IF | 2);
  runs(bench, [0xfa]);
  assert.equal(flagsOf(cpu), VM | IF | 2);
  runs(bench, [0x9d]);
  assert.equal(flagsOf(cpu), VM | IF | VIF | 2);
  faults(bench, [0x66, 0x9c], 13, 0);
  setEflags(cpu, VM | IF | VIP);
  updateMode(cpu);
  faults(bench, [0xfb], 13, 0);
  cpu.m32[ESP] -= 2;
  write16(cpu, 0x9000 + cpu.m32[ESP], IF);
  faults(bench, [0x9d], 13, 0);
  write16(cpu, 0x9000 + cpu.m32[ESP], TF);
  faults(bench, [0x9d], 13, 0);
});
