/**
 * Task switches and the I/O permission bit map, one fact a test. SDM 3 chapter 7, SDM 1 §18.5. Task B is in TSS_B;
 * what the switch saved is looked up in the TSS of the fixture.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cpl } from '../../src/core/cpu/system/segmentation.ts';
import { checkIo } from '../../src/core/cpu/system/tss.ts';
import {
  CR0,
  CR0_TS,
  CS,
  DR,
  EAX,
  EBX,
  EIP,
  ESP,
  IOPL,
  LDTR,
  NT,
  PENDING_DEBUG,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  TR,
  ZF,
} from '../../src/core/state/layout.ts';
import {
  ABSENT_CODE,
  ABSENT_DATA,
  assertFault,
  type Bench,
  CODE,
  CODE0,
  CODE0_16,
  CODE3,
  DATA0,
  DATA0_16,
  DATA3,
  deliver,
  faults,
  flagsOf,
  frame,
  FREE,
  GDT,
  handlerOf,
  hex,
  LDT_SELECTOR,
  protectedBench,
  raises,
  read32,
  runs,
  segmentsOf,
  setEflags,
  setGate,
  STACK0,
  STACK_B,
  step,
  TSS,
  TSS16,
  TSS16_SELECTOR,
  TSS_B,
  TSS_B_SELECTOR,
  TSS_SELECTOR,
  write16,
  write32,
} from './fixture.ts';

const farTo = (opcode: number, selector: number): number[] => [opcode, 0, 0, 0, 0, selector & 0xff, selector >>> 8];
const JMP = 0xea;
const CALL = 0x9a;
const ENTRY_B = 0x14000;

interface TaskOptions {
  readonly cs?: number;
  readonly ss?: number;
  readonly ds?: number;
  readonly ldt?: number;
  readonly eip?: number;
  readonly trap?: boolean;
}

/** Fill TSS B: registers 0xb0…0xb7, ESP = STACK_B. */
function prepareB({ cpu }: Bench, o: TaskOptions = {}): void {
  write32(cpu, TSS_B + 0x20, o.eip ?? ENTRY_B);
  write32(cpu, TSS_B + 0x24, 2 | ZF);
  for (let r = 0; r < 8; r++) write32(cpu, TSS_B + 0x28 + r * 4, r === 4 ? STACK_B : 0xb0 + r);
  const segments = [DATA0, o.cs ?? CODE0, o.ss ?? DATA0, o.ds ?? DATA0, 0, 0];
  segments.forEach((selector, seg) => {
    write32(cpu, TSS_B + 0x48 + seg * 4, selector);
  });
  write32(cpu, TSS_B + 0x60, o.ldt ?? 0);
  write16(cpu, TSS_B + 0x64, o.trap === true ? 1 : 0);
}

const typeAt = ({ cpu }: Bench, selector: number): number => (read32(cpu, GDT + selector + 4) >>> 8) & 0xf;

test('JMP to a TSS: state saved and loaded, busy bits moved, TS set, local breakpoints cleared', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench);
  cpu.m32[EAX] = 0x11;
  cpu.m32[DR + 7] = 0x4ff;
  const esp = cpu.m32[ESP];
  setEflags(cpu, 1);
  runs(bench, farTo(JMP, TSS_B_SELECTOR));
  assert.equal(cpu.m32[EIP], ENTRY_B);
  assert.equal(cpu.m32[EAX], 0xb0);
  assert.equal(cpu.m32[ESP], STACK_B);
  assert.equal(flagsOf(cpu), ZF | 2);
  assert.deepEqual(segmentsOf(cpu), [DATA0, CODE0, DATA0, DATA0, 0, 0]);
  assert.equal(cpu.m32[SEG_SELECTOR + TR], TSS_B_SELECTOR);
  assert.equal(typeAt(bench, TSS_SELECTOR), 9);
  assert.equal(typeAt(bench, TSS_B_SELECTOR), 11);
  assert.equal(cpu.m32[CR0] & CR0_TS, CR0_TS);
  assert.equal(cpu.m32[DR + 7], 0x4aa);
  assert.equal(read32(cpu, TSS + 0x20), CODE + 7);
  assert.equal(read32(cpu, TSS + 0x24), 3);
  assert.equal(read32(cpu, TSS + 0x28), 0x11);
  assert.equal(read32(cpu, TSS + 0x38), esp);
  assert.equal(read32(cpu, TSS + 0x4c), CODE0);
});

test('CALL nests and IRET returns', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench);
  cpu.m32[EBX] = 0x77;
  runs(bench, farTo(CALL, TSS_B_SELECTOR));
  assert.equal(flagsOf(cpu), NT | ZF | 2);
  assert.equal(cpu.space.read16(TSS_B), TSS_SELECTOR);
  assert.equal(typeAt(bench, TSS_SELECTOR), 11, 'the caller stays busy');
  runs(bench, [0xcf]);
  assert.equal(cpu.m32[EIP], CODE + 7);
  assert.equal(cpu.m32[EBX], 0x77);
  assert.equal(flagsOf(cpu), 2);
  assert.equal(typeAt(bench, TSS_B_SELECTOR), 9);
  assert.equal(typeAt(bench, TSS_SELECTOR), 11);
  assert.equal(read32(cpu, TSS_B + 0x24) & NT, 0, 'NT is cleared in the image of the task that returns');
  assert.equal(read32(cpu, TSS_B + 0x20), ENTRY_B + 1);
});

test('to a 16-bit TSS and back', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  write16(cpu, TSS16 + 0x0e, 0x2345);
  write16(cpu, TSS16 + 0x10, 2);
  write16(cpu, TSS16 + 0x1a, 0x4000);
  [DATA0_16, CODE0_16, DATA0_16, DATA0_16].forEach((selector, seg) => {
    write16(cpu, TSS16 + 0x22 + seg * 2, selector);
  });
  runs(bench, farTo(CALL, TSS16_SELECTOR));
  assert.equal(cpu.m32[EIP], 0x2345);
  assert.equal(cpu.m32[ESP], 0x4000);
  assert.deepEqual(segmentsOf(cpu), [DATA0_16, CODE0_16, DATA0_16, DATA0_16, 0, 0]);
  runs(bench, [0xcf]);
  assert.equal(cpu.m32[EIP], CODE + 7);
  assert.deepEqual(segmentsOf(cpu), [DATA0, CODE0, DATA0, DATA0, DATA0, DATA0]);
});

test('refused before the switch: busy, too small, absent, privileged, TI', () => {
  const bench = protectedBench();
  prepareB(bench);
  faults(bench, farTo(JMP, TSS_SELECTOR), 13, TSS_SELECTOR);
  const high = GDT + TSS_B_SELECTOR + 4;
  write32(bench.cpu, high, 0x0900);
  faults(bench, farTo(JMP, TSS_B_SELECTOR), 11, TSS_B_SELECTOR);
  write32(bench.cpu, high, 0x8900);
  write32(bench.cpu, high - 4, (TSS_B << 16) | 0x66);
  faults(bench, farTo(JMP, TSS_B_SELECTOR), 10, TSS_B_SELECTOR);
  faults(protectedBench(3), farTo(JMP, TSS_B_SELECTOR), 13, TSS_B_SELECTOR);
  const gate = protectedBench();
  setGate(gate.cpu, GDT + FREE, TSS_B_SELECTOR | 4, 0, 0x85);
  faults(gate, farTo(JMP, FREE), 13, TSS_B_SELECTOR | 4);
});

test('a task gate reaches a TSS that its own DPL hides', () => {
  const bench = protectedBench(3);
  prepareB(bench);
  setGate(bench.cpu, GDT + FREE, TSS_B_SELECTOR, 0, 0xe5);
  runs(bench, farTo(CALL, FREE | 3));
  assert.equal(cpl(bench.cpu), 0);
  runs(bench, [0xcf]);
  assert.equal(cpl(bench.cpu), 3);
});

test('bad segments raise in the new task, with its EIP and stack', () => {
  for (const [options, vector, error] of [
    [{ cs: 0 }, 10, 0],
    [{ cs: DATA0 }, 10, DATA0],
    [{ cs: ABSENT_CODE }, 11, ABSENT_CODE],
    [{ ss: 0 }, 10, 0],
    [{ ss: DATA3 }, 10, DATA3 & ~3],
    [{ ss: ABSENT_DATA }, 12, ABSENT_DATA],
    [{ ds: TSS_SELECTOR }, 10, TSS_SELECTOR],
    [{ ds: ABSENT_DATA }, 11, ABSENT_DATA],
    [{ ldt: DATA0 }, 10, DATA0],
    [{ ldt: 0x0c }, 10, 0x0c],
    [{ cs: CODE0_16, eip: 0x12345 }, 13, 0],
  ] as const) {
    const bench = protectedBench();
    const { cpu } = bench;
    prepareB(bench, options);
    assert.ok(step(bench, farTo(JMP, TSS_B_SELECTOR)), `${JSON.stringify(options)} was accepted`);
    assertFault(cpu, vector, error);
    assert.equal(cpu.m32[SEG_SELECTOR + TR], TSS_B_SELECTOR);
    assert.equal(cpu.m32[EIP], 'eip' in options ? options.eip : ENTRY_B);
    assert.equal(cpu.m32[ESP], STACK_B);
  }
});

test('such a fault is delivered on the new stack', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench, { ds: ABSENT_DATA });
  assert.ok(step(bench, farTo(JMP, TSS_B_SELECTOR)));
  deliver(bench);
  assert.equal(cpu.m32[EIP], handlerOf(11));
  assert.deepEqual(frame(cpu, 3), [ABSENT_DATA, ENTRY_B, CODE0].map(hex));
  assert.equal(cpu.m32[ESP], STACK_B - 16);
});

test('the segments of a new task are checked in the order of the P6: level of CS, SS, then the rest of CS', () => {
  for (const [options, vector, error] of [
    [{ cs: CODE3 & ~3, ss: 0 }, 10, CODE3 & ~3], // DPL 3, RPL 0
    [{ cs: DATA0, ss: 0 }, 10, 0],
    [{ cs: ABSENT_CODE, ss: ABSENT_DATA }, 12, ABSENT_DATA],
    [{ cs: ABSENT_CODE, ds: ABSENT_DATA }, 11, ABSENT_CODE],
  ] as const) {
    const bench = protectedBench();
    prepareB(bench, options);
    assert.ok(step(bench, farTo(JMP, TSS_B_SELECTOR)), `${JSON.stringify(options)} was accepted`);
    assertFault(bench.cpu, vector, error);
  }
});

test('a fault before the new task has a stack is delivered on its inner one', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench, { ldt: DATA0 });
  write32(cpu, TSS_B + 4, STACK0);
  write32(cpu, TSS_B + 8, DATA0);
  assert.ok(step(bench, farTo(JMP, TSS_B_SELECTOR)));
  deliver(bench);
  assert.equal(cpu.m32[EIP], handlerOf(10));
  assert.deepEqual(frame(cpu, 3), [DATA0, ENTRY_B, CODE0].map(hex));
  assert.equal(cpu.m32[ESP], STACK0 - 24);
});

test('IRET to the task it leaves comes back with what it has saved', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setEflags(cpu, NT);
  write16(cpu, TSS, TSS_SELECTOR);
  cpu.m32[EBX] = 0x1234567;
  runs(bench, [0xcf]);
  assert.equal(cpu.m32[EBX], 0x1234567);
  assert.equal(cpu.m32[EIP], CODE + 1);
  assert.equal(flagsOf(cpu) & NT, 0);
});

test('the T bit of a task that could not be entered is forgotten', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench, { cs: CODE0_16, eip: 0x12345, trap: true });
  assert.ok(step(bench, farTo(JMP, TSS_B_SELECTOR)));
  deliver(bench);
  assert.equal(cpu.m32[EIP], handlerOf(13));
  assert.equal(cpu.m32[PENDING_DEBUG], 0);
});

test('the LDT, the level 3 segments and the T bit of the new task', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  prepareB(bench, { cs: CODE3, ss: DATA3, ds: DATA3, ldt: LDT_SELECTOR, trap: true });
  write32(cpu, TSS_B + 0x48, DATA3);
  runs(bench, farTo(JMP, TSS_B_SELECTOR));
  assert.equal(cpl(cpu), 3);
  assert.equal(cpu.m32[SEG_SELECTOR + LDTR], LDT_SELECTOR);
  assert.notEqual(cpu.m32[SEG_ATTRIBUTES + LDTR] & 0x80, 0);
  assert.equal(cpu.m32[PENDING_DEBUG], 0x8000);
  assert.equal(cpu.m32[SEG_SELECTOR + SS], DATA3);
  assert.equal(cpu.m32[SEG_BASE + CS], 0);
});

test('IRET with NT: a back link that is no busy TSS is #TS', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  setEflags(cpu, NT);
  write16(cpu, TSS, TSS_B_SELECTOR);
  faults(bench, [0xcf], 10, TSS_B_SELECTOR);
  write16(cpu, TSS, DATA0);
  faults(bench, [0xcf], 10, DATA0);
  write16(cpu, TSS, 0);
  faults(bench, [0xcf], 10, 0);
});

test('the I/O bit map against a model that asks for each port', () => {
  const { cpu } = protectedBench(3);
  cpu.m32[SEG_LIMIT + TR] = 0x68 + 0x20;
  for (let at = 0; at <= 0x20; at++) cpu.space.write8(TSS + 0x68 + at, (at * 0x9d) & 0xff);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x120 }), fc.constantFrom(1, 2, 4), (port, size) => {
      let allowed = (port >>> 3) + 1 <= 0x20;
      for (let k = 0; k < size; k++) {
        const bits = cpu.space.read8(TSS + 0x68 + ((port + k) >>> 3));
        if (((bits >>> ((port + k) & 7)) & 1) !== 0) allowed = false;
      }
      if (allowed) checkIo(cpu, port, size);
      else raises(cpu, () => checkIo(cpu, port, size), 13, 0);
    }),
    { seed: 4, numRuns: 2000 },
  );
  setEflags(cpu, IOPL);
  checkIo(cpu, 0xffff, 1);
  setEflags(cpu, 0);
  cpu.m32[SEG_LIMIT + TR] = 0x66;
  raises(cpu, () => checkIo(cpu, 0, 1), 13, 0);
});
