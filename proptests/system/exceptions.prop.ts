/**
 * Delivery of exceptions and interrupts, one fact a test: frames, error codes, flags, stacks, nesting. SDM 3 chapter 6,
 * SDM 2 INT n. The fixture's handler of vector v lies at handlerOf(v), through a 32-bit interrupt gate of DPL 0.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deliverInterrupt, deliverNmi, escalate } from '../../src/core/cpu/system/exceptions.ts';
import { cpl, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import {
  AC,
  CR2,
  CS,
  DR,
  EAX,
  EBX,
  EIP,
  ESP,
  HALTED,
  IDTR_LIMIT,
  IF,
  NMI_BLOCKED,
  NT,
  PENDING_DEBUG,
  RF,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHUTDOWN,
  SS,
  TF,
} from '../../src/core/state/layout.ts';
import {
  ABSENT_CODE,
  CODE,
  CODE0,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA3,
  deliver,
  faults,
  flagsOf,
  frame,
  handlerOf,
  hex,
  IDT,
  protectedBench,
  realBench,
  runs,
  setEflags,
  setGate,
  STACK0,
  STACK3,
  step,
  TSS,
  write16,
  write32,
} from './fixture.ts';

const UD2 = [0x0f, 0x0b];
const DIV_ECX = [0xf7, 0xf1];

test('a fault at the same level pushes EFLAGS with RF, CS, EIP; an interrupt gate clears IF and TF', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setEflags(cpu, IF | TF | NT | AC | 1);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.deepEqual(frame(cpu, 3), [hex(CODE), hex(CODE0), hex(IF | TF | NT | AC | RF | 3)]);
  assert.equal(cpu.m32[EIP], handlerOf(6));
  assert.equal(cpu.m32[ESP], STACK0 - 0x100 - 12);
  assert.equal(flagsOf(cpu), AC | 3);
});

test('a trap gate leaves IF', () => {
  const bench = protectedBench();
  setGate(bench.cpu, IDT + 6 * 8, CODE0, handlerOf(6), 0x8f);
  setEflags(bench.cpu, IF);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.equal(flagsOf(bench.cpu), IF | 2);
});

test('from level 3 the stack comes from the TSS and the old one is pushed', () => {
  const bench = protectedBench(3);
  const { cpu } = bench;
  assert.ok(step(bench, DIV_ECX));
  deliver(bench);
  assert.deepEqual(frame(cpu, 5), [hex(CODE), hex(CODE3), hex(RF | 2), hex(STACK3), hex(DATA3)]);
  assert.equal(cpu.m32[SEG_SELECTOR + SS], DATA0);
  assert.equal(cpu.m32[SEG_SELECTOR + CS], CODE0);
  assert.equal(cpl(cpu), 0);
  assert.equal(cpu.m32[ESP], STACK0 - 20);
});

test('an error code is pushed last, as wide as the gate', () => {
  for (const [access, size] of [
    [0x8e, 4],
    [0x86, 2],
  ]) {
    const bench = protectedBench(3);
    const { cpu } = bench;
    setGate(cpu, IDT + 13 * 8, CODE0, handlerOf(13), access);
    faults(bench, [0xf4], 13, 0); // HLT at level 3
    deliver(bench);
    assert.equal(cpu.m32[ESP], STACK0 - 6 * size);
    assert.equal(cpu.m32[EIP], size === 4 ? handlerOf(13) : handlerOf(13) & 0xffff);
  }
});

test('a conforming handler runs at the level of the interrupted code, on its stack', () => {
  const bench = protectedBench(3);
  setGate(bench.cpu, IDT + 6 * 8, CONFORMING0, handlerOf(6), 0x8e);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.equal(cpl(bench.cpu), 3);
  assert.equal(bench.cpu.m32[SEG_SELECTOR + CS], CONFORMING0 | 3);
  assert.equal(bench.cpu.m32[ESP], STACK3 - 12);
});

test('INT n needs the gate to admit the level; INT1 and exceptions do not', () => {
  const bench = protectedBench(3);
  faults(bench, [0xcd, 0x21], 13, 0x21 * 8 + 2);
  faults(bench, [0xcc], 13, 3 * 8 + 2);
  runs(bench, [0xf1]);
  assert.equal(bench.cpu.m32[EIP], handlerOf(1));
  const second = protectedBench(3);
  setGate(second.cpu, IDT + 0x21 * 8, CODE0, handlerOf(0x21), 0xee);
  runs(second, [0xcd, 0x21]);
  assert.deepEqual(frame(second.cpu, 3), [hex(CODE + 2), hex(CODE3), hex(2)]);
});

test('gates: beyond the IDT, of a wrong type, not present', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setGate(cpu, IDT + 0x20 * 8, CODE0, 0, 0x8c);
  faults(bench, [0xcd, 0x20], 13, 0x20 * 8 + 2);
  setGate(cpu, IDT + 0x20 * 8, CODE0, 0, 0x0e);
  faults(bench, [0xcd, 0x20], 11, 0x20 * 8 + 2);
  cpu.m32[IDTR_LIMIT] = 0x20 * 8 + 6;
  faults(bench, [0xcd, 0x20], 13, 0x20 * 8 + 2);
});

test('the handler: null, beyond the GDT, data, absent, entry beyond the limit', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  for (const [selector, vector, error] of [
    [0, 13, 0],
    [0x300, 13, 0x300],
    [DATA0, 13, DATA0],
    [ABSENT_CODE, 11, ABSENT_CODE],
    [CODE3, 13, CODE3 & ~3],
  ]) {
    setGate(cpu, IDT + 0x20 * 8, selector, 0, 0x8e);
    faults(bench, [0xcd, 0x20], vector, error);
  }
});

test('errors of the inner stack are #TS with its selector, absence is #SS, and EXT is set for exceptions', () => {
  for (const [ss, vector, error] of [
    [0, 10, 0],
    [0x300, 10, 0x300],
    [DATA3, 10, DATA3 & ~3],
    [CODE0, 10, CODE0],
    [0x50, 12, 0x50],
  ]) {
    const bench = protectedBench(3);
    setGate(bench.cpu, IDT + 0x20 * 8, CODE0, handlerOf(0x20), 0xee);
    write32(bench.cpu, TSS + 8, ss);
    faults(bench, [0xcd, 0x20], vector, error);
  }
  // #UD finds a bad inner stack: #TS with EXT, whose own delivery finds it again: double, then triple fault.
  const bench = protectedBench(3);
  write32(bench.cpu, TSS + 8, DATA3);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.equal(bench.cpu.m32[SHUTDOWN], 1);
  assert.equal(bench.cpu.m32[EIP], CODE);
});

test('a TSS too small for the inner stack: #TS(TR)', () => {
  const bench = protectedBench(3);
  setGate(bench.cpu, IDT + 0x20 * 8, CODE0, handlerOf(0x20), 0xee);
  bench.cpu.m32[SEG_LIMIT + 7] = 8;
  faults(bench, [0xcd, 0x20], 10, 0x28);
});

test('a contributory fault while delivering one is #DF(0) with the EIP of the instruction', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setGate(cpu, IDT + 0 * 8, CODE0, 0, 0x0e); // #DE is absent: #NP while delivering #DE
  assert.ok(step(bench, DIV_ECX));
  deliver(bench);
  assert.equal(cpu.m32[EIP], handlerOf(8));
  assert.deepEqual(frame(cpu, 3), ['0', hex(CODE), hex(CODE0)]);
});

test('a benign exception whose delivery faults becomes that fault, with EXT', () => {
  const bench = protectedBench();
  setGate(bench.cpu, IDT + 6 * 8, CODE0, 0, 0x0e);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.equal(bench.cpu.m32[EIP], handlerOf(11));
  assert.deepEqual(frame(bench.cpu, 2), [hex(6 * 8 + 3), hex(CODE)]);
});

test('table 6-5: which pairs make a double fault', () => {
  const benign = [1, 2, 3, 4, 5, 6, 7, 9, 16, 17, 18, 19, 32];
  const contributory = [0, 10, 11, 12, 13];
  for (const second of [...benign, ...contributory, 14]) {
    for (const first of benign) assert.equal(escalate(first, second), second);
    for (const first of contributory) assert.equal(escalate(first, second), contributory.includes(second) ? 8 : second);
    assert.equal(escalate(14, second), contributory.includes(second) || second === 14 ? 8 : second);
    assert.equal(escalate(8, second), -1);
  }
});

test('external interrupts and NMI wake from HLT and push EFLAGS unchanged', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setEflags(cpu, IF);
  cpu.m32[HALTED] = 1;
  deliverInterrupt(cpu, 0x30);
  assert.equal(cpu.m32[HALTED], 0);
  assert.equal(cpu.m32[EIP], handlerOf(0x30));
  assert.deepEqual(frame(cpu, 3), [hex(CODE), hex(CODE0), hex(IF | 2)]);
  deliverNmi(cpu);
  assert.equal(cpu.m32[NMI_BLOCKED], 1);
  assert.equal(cpu.m32[EIP], handlerOf(2));
  runs(bench, [0xcf]);
  assert.equal(cpu.m32[NMI_BLOCKED], 0);
  assert.equal(cpu.m32[EIP], handlerOf(0x30));
});

test('a stack that is not mapped: #UD, #PF, #DF, shutdown; CR2 is where the push went', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  // Paging with everything present but the page of the stack.
  const directory = 0x40000;
  write32(cpu, directory, 0x41000 | 7);
  for (let page = 0; page < 256; page++) write32(cpu, 0x41000 + page * 4, (page << 12) | 7);
  write32(cpu, 0x41000 + 0x50 * 4, 0);
  cpu.m32[EAX] = directory;
  runs(bench, [0x0f, 0x22, 0xd8]);
  cpu.m32[EAX] = 0x80000011 | 0;
  runs(bench, [0x0f, 0x22, 0xc0]);
  cpu.m32[ESP] = 0x50010;
  assert.ok(step(bench, UD2));
  deliver(bench);
  // #UD → #PF(stack) → #PF again: double fault → #PF: shutdown.
  assert.equal(cpu.m32[SHUTDOWN], 1);
  assert.equal(cpu.m32[CR2], 0x5000c);
});

test('a #DF handler behind a task gate survives a dead stack', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setGate(cpu, IDT + 8 * 8, 0x60, 0, 0x85);
  write32(cpu, 0x3400 + 0x20, 0x1234);
  write32(cpu, 0x3400 + 0x24, 2);
  write32(cpu, 0x3400 + 0x38, 0xc000);
  for (const [offset, selector] of [
    [0x48, DATA0],
    [0x4c, CODE0],
    [0x50, DATA0],
    [0x54, DATA0],
  ])
    write16(cpu, 0x3400 + offset, selector);
  cpu.m32[SEG_LIMIT + SS] = 0x100; // every push raises #SS
  updateMode(cpu);
  assert.ok(step(bench, DIV_ECX));
  deliver(bench);
  assert.equal(cpu.m32[SHUTDOWN], 0);
  assert.equal(cpu.m32[EIP], 0x1234);
  assert.deepEqual(frame(cpu, 1), ['0']);
  assert.equal(cpu.space.read16(0x3400), 0x28, 'back link');
  assert.equal(flagsOf(cpu) & NT, NT);
  assert.equal(cpu.space.read32(TSS + 0x20), CODE);
});

test('real mode: three words, no error code, IF TF AC cleared', () => {
  const bench = realBench();
  const { cpu } = bench;
  write32(cpu, 6 * 4, 0x1800_0040);
  setEflags(cpu, IF | TF | AC | 1);
  assert.ok(step(bench, UD2));
  deliver(bench);
  assert.equal(cpu.m32[EIP], 0x40);
  assert.equal(cpu.m32[SEG_SELECTOR + CS], 0x1800);
  assert.deepEqual(
    [0, 2, 4].map((at) => cpu.space.read16(0x7000 - 6 + at)),
    [0, 0x1000, IF | TF | 3],
  );
  assert.equal(flagsOf(cpu), 3);
});

test('real mode: a #GP pushes no error code; beyond the IDT limit it ends in shutdown', () => {
  const bench = realBench();
  const { cpu } = bench;
  write32(cpu, 13 * 4, 0x1800_0040);
  cpu.m32[EBX] = 0xffff;
  faults(bench, [0x8b, 0x07], 13, 0); // mov ax, [bx] across 64 KiB
  deliver(bench);
  assert.equal(cpu.m32[ESP], 0x7000 - 6);
  const second = realBench();
  second.cpu.m32[IDTR_LIMIT] = 3;
  assert.ok(step(second, UD2));
  deliver(second);
  assert.equal(second.cpu.m32[SHUTDOWN], 1);
});

test('a frame that does not fit into the stack segment is #SS(0) and changes no register', () => {
  fc.assert(
    fc.property(fc.integer({ min: -8, max: 8 }), (spare) => {
      const bench = protectedBench();
      const { cpu } = bench;
      cpu.m32[SEG_LIMIT + SS] = cpu.m32[ESP] - 1 + spare; // the frame's last byte is at ESP − 1
      updateMode(cpu);
      if (spare >= 0) runs(bench, [0xcd, 0x20]);
      else faults(bench, [0xcd, 0x20], 12, 0);
    }),
    { seed: 1, numRuns: 40 },
  );
});

test('INT1 and INT n after TF = 1 inhibit the single-step trap; #DB clears GD', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  runs(bench, [0xcd, 0x20]);
  assert.equal(cpu.trapInhibit, true);
  cpu.m32[DR + 7] = 0x2400;
  faults(bench, [0x0f, 0x21, 0xc0], 1);
  assert.equal(cpu.m32[DR + 6] & 0x2000, 0x2000);
  deliver(bench);
  assert.equal(cpu.m32[DR + 7], 0x400);
  assert.equal(cpu.m32[PENDING_DEBUG], 0);
});
