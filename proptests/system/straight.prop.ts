/**
 * The straight way of INT n, faults, interrupts, IRET and far transfers leaves the bits that the general way leaves, or
 * declines and has changed nothing: two processors in the same random state, of which one has no translations, so that
 * nothing is straight there. Descriptors, gates, frames, flags, rings and places of stacks are mostly as kernels have
 * them, each with one thing that is not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deliverFault, deliverInterrupt, softwareInterrupt } from '../../src/core/cpu/system/exceptions.ts';
import { farReturn, farTransfer, sysenter, sysexit } from '../../src/core/cpu/system/far.ts';
import { interruptReturn } from '../../src/core/cpu/system/iret.ts';
import { setFlatSegment, setNull, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import {
  enterStraight,
  farReturnStraight,
  returnStraight,
  transferStraight,
} from '../../src/core/cpu/system/straight.ts';
import { systemCheckRead, systemCheckWrite } from '../../src/core/memory/access.ts';
import { flushTlb } from '../../src/core/memory/tlb.ts';
import { type Cpu, EXIT_FAULT, GUEST_FAULT, setFault } from '../../src/core/state/cpu.ts';
import * as at from '../../src/core/state/layout.ts';
import { CODE0, CODE3, DATA0, DATA3, GDT, IDT, protectedBench, TSS, write32 } from './fixture.ts';

/** Where the tables and stacks of the fixture lie, to be looked up before. */
const PAGES = Array.from({ length: 32 }, (_, page) => page << 12);
const FLAGS = at.IF | at.TF | at.NT | at.RF | at.VM | at.VIF | at.VIP | at.IOPL | at.AC | at.DF | at.ARITHMETIC_FLAGS;
const FRAME_STACK = 0x9000;

interface World {
  readonly level: 0 | 1 | 3;
  readonly flags: number;
  readonly lazy: readonly [op: number, dst: number, src: number];
  readonly esp: number;
  readonly frame: readonly number[];
  /** Words of the tables that are other than usual: place and value. */
  readonly odd: readonly (readonly [place: number, value: number])[];
  readonly nullData: boolean;
  readonly limits: readonly [gdt: number, idt: number, tss: number];
  readonly isNmiBlocked: boolean;
}

/** `usual` mostly, `odd` one time in eight. */
function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: odd });
}
const selector = fc.constantFrom(0, 3, CODE0, CODE0 | 1, CODE0 | 4, DATA0, CODE3, CODE3 & ~3, DATA3, 0x41, 0x73, 0x80);
const descriptorPlace = fc.constantFrom(GDT + 8, GDT + 16, GDT + 24, GDT + 32).chain((place) => {
  const high = fc.constantFrom(
    ...[0x00cf9a00, 0x00cf9f00, 0x00cf9900, 0x008f9b00, 0x004f9b00, 0x00cf1b00, 0x10cf9b00, 0x00cf9200, 0x00cf9700],
    ...[0x008f9300, 0x00cff200, 0x00cfb300, 0x00cfdb00, 0x00dffb00, 0x00df9b00, 0x00cffb01, 0x00cf9100, 0x00cf8b00],
  );
  return fc.oneof(
    high.map((value) => [place + 4, value] as const),
    fc.constantFrom(0x0000fffe, 0x0010ffff).map((value) => [place, value] as const),
  );
});
const gatePlace = fc.oneof(
  fc
    .constantFrom(...[0x188f00, 0x18ee00, 0x18ef00, 0x188600, 0x180e00, 0x188c00, 0x188500, 0x28700], 0x18ae00)
    .map((high) => [IDT + 0x20 * 8 + 4, high] as const),
  selector.map((cs) => [IDT + 0x20 * 8, (cs << 16) | 0x8200] as const),
);
const tssPlace = fc.oneof(
  selector.map((ss) => [TSS + 8, ss] as const),
  fc.constantFrom(0x8002, 0x9004, 0x7008, 0xffc).map((esp) => [TSS + 4, esp] as const),
);
const world: fc.Arbitrary<World> = fc.record({
  level: mostly(fc.constantFrom(0 as const, 3 as const), fc.constant(1 as const)),
  flags: mostly(
    fc.nat().map((bits) => bits & (at.IF | at.ARITHMETIC_FLAGS | at.AC | at.IOPL)),
    fc.nat().map((bits) => bits & FLAGS & ~at.VM),
  ),
  lazy: fc.tuple(fc.nat(24), fc.integer(), fc.integer()),
  esp: mostly(
    fc.constantFrom(FRAME_STACK, FRAME_STACK + 0xfec, FRAME_STACK + 0x800),
    fc.constantFrom(FRAME_STACK + 2, FRAME_STACK + 0xff0, FRAME_STACK + 0xff8, FRAME_STACK + 0xff4),
  ),
  frame: fc.tuple(
    fc.nat(0x1ffff),
    mostly(fc.constantFrom(CODE0, CODE3), selector),
    mostly(
      fc.nat().map((bits) => bits & (at.IF | at.ARITHMETIC_FLAGS | at.IOPL)),
      fc.nat().map((bits) => bits & FLAGS),
    ),
    fc.nat(0x1ffff),
    mostly(fc.constant(DATA3), selector),
  ),
  odd: mostly<World['odd']>(
    fc.constant([]),
    fc.oneof(descriptorPlace, gatePlace, tssPlace).map((each) => [each]),
  ),
  nullData: mostly(fc.constant(false), fc.constant(true)),
  limits: mostly<World['limits']>(
    fc.constant([0xcf, 0x1ff, 0x67] as const),
    fc.constantFrom([0x1e, 0x1ff, 0x67] as const, [0xcf, 0x106, 0x67] as const, [0xcf, 0x1ff, 8] as const),
  ),
  isNmiBlocked: fc.boolean(),
});

/** Processors of ring 0 and 3 to be begun with again and again: each has megabytes of TLB. */
const benches = [0, 1, 2].map(() => [protectedBench(0).cpu, protectedBench(3).cpu]);
const RAM_BYTES = 0x20000;
const beginnings = benches[0].map((cpu) => ({
  block: cpu.m8.slice(0, at.CPU_BLOCK_SIZE),
  ram: cpu.m8.slice(cpu.ramBase, cpu.ramBase + RAM_BYTES),
}));

function make(w: World, which: number): Cpu {
  const ring3 = w.level === 3 ? 1 : 0;
  const cpu = benches[which][ring3];
  const { m32 } = cpu;
  flushTlb(cpu);
  cpu.m8.set(beginnings[ring3].block);
  cpu.m8.set(beginnings[ring3].ram, cpu.ramBase);
  cpu.faultVector = -1;
  cpu.faultHasError = false;
  cpu.faultError = 0;
  // Everything has been accessed, as after the first time.
  [0xcf9b00, 0xcf9300, 0xcffb00, 0xcff300].forEach((high, k) => write32(cpu, GDT + 12 + 8 * k, high));
  write32(cpu, IDT + 0x20 * 8 + 4, 0x0001ee00);
  m32[at.SYSENTER_CS] = CODE0;
  m32[at.SYSENTER_ESP] = 0x8000;
  m32[at.SYSENTER_EIP] = 0x18000;
  w.frame.forEach((value, k) => write32(cpu, w.esp + 4 * k, value));
  for (const [place, value] of w.odd) write32(cpu, place, value);
  if (w.level === 1) setFlatSegment(cpu, at.SS, DATA0 | 1, 0xc0b3);
  if (w.level === 1) setFlatSegment(cpu, at.CS, CODE0 | 1, 0xc0bb);
  if (w.level === 0) setFlatSegment(cpu, at.FS, DATA0, 0xc093);
  if (w.level === 0) for (const segment of [at.DS, at.ES]) setFlatSegment(cpu, segment, DATA3, 0xc0f3);
  if (w.nullData) setNull(cpu, at.ES, 0);
  [m32[at.GDTR_LIMIT], m32[at.IDTR_LIMIT], m32[at.SEG_LIMIT + at.TR]] = w.limits;
  m32[at.ESP] = w.esp;
  m32[at.NMI_BLOCKED] = w.isNmiBlocked ? 1 : 0;
  m32[at.EFLAGS] = w.flags | 2;
  [m32[at.CC_OP], m32[at.CC_DST], m32[at.CC_SRC]] = w.lazy;
  updateMode(cpu);
  cpu.exitRequest = 0;
  cpu.nextEip = 0x10002;
  return cpu;
}

function warm(cpu: Cpu): void {
  for (const page of PAGES) {
    systemCheckRead(cpu, page, 1);
    systemCheckWrite(cpu, page, 1);
  }
}

/** The whole block, RAM that matters, and what engines are told. */
const stateOf = (cpu: Cpu): string =>
  JSON.stringify([
    [...cpu.m32.subarray(0, at.CPU_BLOCK_SIZE >> 2)].map((word, k) => (k === at.SCRATCH ? 0 : word)),
    Buffer.from(cpu.m8.subarray(cpu.ramBase, cpu.ramBase + RAM_BYTES)).toString('base64'),
    [cpu.nextEip, cpu.faultVector, cpu.faultHasError, cpu.faultError, cpu.faultDebug],
  ]);

function attempt(cpu: Cpu, action: (cpu: Cpu) => void): void {
  try {
    action(cpu);
  } catch (error) {
    if (error !== GUEST_FAULT) throw error;
    assert.notEqual(cpu.exitRequest & EXIT_FAULT, 0);
  }
}

/** How it is asked for, and the straight way of it alone. */
const WAYS: Readonly<Record<string, { act: (cpu: Cpu) => void; straight: (cpu: Cpu) => boolean }>> = {
  'INT n': {
    act: (cpu) => softwareInterrupt(cpu, 0x20, cpu.nextEip),
    straight: (cpu) => enterStraight(cpu, 0x20, false, 0, cpu.nextEip, 0, true),
  },
  'an interrupt': {
    act: (cpu) => deliverInterrupt(cpu, 0x20),
    straight: (cpu) => enterStraight(cpu, 0x20, false, 0, cpu.m32[at.EIP], 0, false),
  },
  'a page fault': {
    act: (cpu) => {
      setFault(cpu, 14, 6);
      deliverFault(cpu);
    },
    straight: (cpu) => enterStraight(cpu, 14, true, 6, cpu.m32[at.EIP], at.RF, false),
  },
  'a trap as a fault': {
    act: (cpu) => {
      setFault(cpu, 3);
      deliverFault(cpu);
    },
    straight: (cpu) => enterStraight(cpu, 3, false, 0, cpu.m32[at.EIP], 0, false),
  },
  IRET: { act: (cpu) => interruptReturn(cpu, 4), straight: returnStraight },
  'CALL far': {
    act: (cpu) => farTransfer(cpu, cpu.view.getInt32(cpu.ramBase + cpu.m32[at.ESP] + 4, true), 0x10100, 4, true),
    straight: (cpu) => transferStraight(cpu, cpu.view.getInt32(cpu.ramBase + cpu.m32[at.ESP] + 4, true), 0x10100, true),
  },
  'JMP far': {
    act: (cpu) => farTransfer(cpu, cpu.view.getInt32(cpu.ramBase + cpu.m32[at.ESP] + 4, true), 0x10100, 4, false),
    straight: (cpu) =>
      transferStraight(cpu, cpu.view.getInt32(cpu.ramBase + cpu.m32[at.ESP] + 4, true), 0x10100, false),
  },
  'RET far': { act: (cpu) => farReturn(cpu, 4, 8), straight: (cpu) => farReturnStraight(cpu, 8) },
};

for (const [name, { act, straight }] of Object.entries(WAYS)) {
  test(`${name}: straight as in general, or not at all`, () => {
    let runs = 0;
    let straights = 0;
    fc.assert(
      fc.property(world, (w) => {
        const [tried, direct, general] = [0, 1, 2].map((which) => make(w, which));
        for (const cpu of [tried, direct]) warm(cpu);
        flushTlb(general);
        // Which asks for a look as well.
        general.exitRequest = 0;
        const before = stateOf(tried);
        runs++;
        if (straight(tried)) straights++;
        else assert.equal(stateOf(tried), before, 'what declines has changed nothing');
        attempt(direct, act);
        attempt(general, act);
        assert.equal(stateOf(direct), stateOf(general));
      }),
      { numRuns: 400 },
    );
    assert.ok(straights > runs / 10 && straights < runs, `${straights} of ${runs} were straight`);
  });
}

test('SYSENTER and SYSEXIT leave the mode key that the segments say', () => {
  fc.assert(
    fc.property(world, fc.boolean(), (w, isExit) => {
      const cpu = make(w, 0);
      attempt(cpu, isExit ? sysexit : sysenter);
      const key = cpu.m32[at.MODE_KEY];
      updateMode(cpu);
      assert.equal(cpu.m32[at.MODE_KEY], key);
    }),
    { numRuns: 200 },
  );
});
