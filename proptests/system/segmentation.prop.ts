/**
 * Segment checks at every access and segment loads, one fact a test; limits also against a model that asks for each
 * byte by itself. SDM 3 chapter 5, SDM 2 MOV, LAR, LSL, VERR, VERW, ARPL.
 */
import { SEGMENTS } from '../../src/core/base/names.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linear, loadSegment, outsideLimit, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import { loadLdt } from '../../src/core/cpu/system/selectors.ts';
import {
  CR0,
  CS,
  DS,
  EAX,
  EBX,
  EIP,
  ES,
  ESP,
  INTERRUPT_SHADOW,
  MODE_CPL3,
  MODE_CS32,
  MODE_FLAT_CODE,
  MODE_FLAT_DATA,
  MODE_KEY,
  MODE_REAL,
  MODE_SS32,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  ZF,
} from '../../src/core/state/layout.ts';
import {
  ABSENT_DATA,
  CODE0,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA0_16,
  DATA3,
  EXECUTE_ONLY,
  EXPAND_DOWN,
  faults,
  flagsOf,
  FREE,
  GDT,
  hex,
  LDT_SELECTOR,
  protectedBench,
  raises,
  READ_ONLY,
  read32,
  realBench,
  runs,
  setDescriptor,
  TSS_SELECTOR,
  write32,
} from './fixture.ts';
import { Judged } from '../support/judged.ts';

const DATA_RW = 0x93;
const DATA_DOWN = 0x97;

test('limits: an access is inside exactly when each of its bytes is', () => {
  const judged = new Judged('accesses');
  const edge = fc.constantFrom(0, 1, 2, 3, 0xfff, 0x1000, 0xfffe, 0xffff, 0x10000, 0x7fffffff, 0xfffffffe, 0xffffffff);
  const near = fc.tuple(edge, fc.integer({ min: -4, max: 4 })).map(([at, by]) => (at + by) >>> 0);
  fc.assert(
    fc.property(
      near,
      near,
      fc.constantFrom(1, 2, 4, 6, 8, 16),
      fc.boolean(),
      fc.boolean(),
      (limit, offset, size, down, big) => {
        if (!down && limit === 0xffffffff) return; // wraps: below
        judged.add();
        const attributes = (down ? DATA_DOWN : DATA_RW) | (big ? 0x4000 : 0);
        let outside = false;
        for (let k = 0; k < size; k++) {
          const at = offset + k;
          if (down ? at <= limit || at > (big ? 0xffffffff : 0xffff) : at > limit) outside = true;
        }
        assert.equal(outsideLimit(attributes, limit | 0, offset | 0, size), outside);
      },
    ),
    { seed: 2, numRuns: 5000 },
  );
  judged.atLeast(4000);
  assert.equal(outsideLimit(DATA_RW, -1, -2, 4), false, 'a 4 GiB segment wraps');
});

test('types: writing code or read-only data, reading execute-only code, null', () => {
  const { cpu } = protectedBench();
  loadSegment(cpu, DS, READ_ONLY);
  assert.equal(linear(cpu, DS, 16, 4, false), 16);
  raises(cpu, () => linear(cpu, DS, 16, 4, true), 13, 0);
  loadSegment(cpu, DS, CODE0);
  raises(cpu, () => linear(cpu, DS, 16, 4, true), 13, 0);
  loadSegment(cpu, DS, 0);
  raises(cpu, () => linear(cpu, DS, 16, 1, false), 13, 0);
  loadSegment(cpu, DS, 3);
  raises(cpu, () => linear(cpu, DS, 16, 1, false), 13, 0);
  cpu.m32[SEG_LIMIT + SS] = 15;
  raises(cpu, () => linear(cpu, SS, 16, 1, false), 12, 0);
});

test('expand-down: below the limit is outside', () => {
  const { cpu } = protectedBench();
  loadSegment(cpu, DS, EXPAND_DOWN);
  assert.equal(cpu.m32[SEG_LIMIT + DS], 0xfff);
  raises(cpu, () => linear(cpu, DS, 0xfff, 1, false), 13, 0);
  assert.equal(linear(cpu, DS, 0x1000, 4, true), 0x1000);
});

/** mov ds, ax and mov ss, ax with AX = selector. */
const loads: readonly (readonly [number, string, number, 0 | 3, number, number])[] = [
  [DS, 'null is allowed', 0, 0, -1, 0],
  [SS, 'null', 0, 0, 13, 0],
  [SS, 'null at level 3', 3, 3, 13, 0],
  [DS, 'beyond the GDT', 0x1000, 0, 13, 0x1000],
  [DS, 'beyond the GDT, RPL is not in the error code', 0x1003, 0, 13, 0x1000],
  [DS, 'LDT without one', 0x0c, 0, 13, 0x0c],
  [DS, 'a TSS', TSS_SELECTOR, 0, 13, TSS_SELECTOR],
  [DS, 'execute-only code', EXECUTE_ONLY, 0, 13, EXECUTE_ONLY],
  [DS, 'readable code', CODE0, 0, -1, 0],
  [DS, 'absent', ABSENT_DATA, 0, 11, ABSENT_DATA],
  [DS, 'RPL 3 to DPL 0', DATA0 | 3, 0, 13, DATA0],
  [DS, 'level 3 to DPL 0', DATA0, 3, 13, DATA0],
  [DS, 'level 3 to conforming code', CONFORMING0 | 3, 3, -1, 0],
  [DS, 'level 0 to DPL 3', DATA3, 0, -1, 0],
  [SS, 'RPL above the level', DATA0 | 1, 0, 13, DATA0],
  [SS, 'DPL 3 at level 0', DATA3 & ~3, 0, 13, DATA3 & ~3],
  [SS, 'read-only', READ_ONLY, 0, 13, READ_ONLY],
  [SS, 'code', CODE0, 0, 13, CODE0],
  [SS, 'absent is #SS', ABSENT_DATA, 0, 12, ABSENT_DATA],
  [SS, 'right', DATA0, 0, -1, 0],
  [SS, 'right at level 3', DATA3, 3, -1, 0],
  [CS, 'CS is #UD', CODE0, 0, 6, 0],
];

for (const [seg, what, selector, level, vector, error] of loads) {
  test(`mov ${SEGMENTS[seg]}, ${hex(selector)} at level ${level}: ${what}`, () => {
    const bench = protectedBench(level);
    bench.cpu.m32[EAX] = selector;
    const bytes = [0x8e, 0xc0 | (seg << 3)];
    if (vector < 0) {
      runs(bench, bytes);
      assert.equal(bench.cpu.m32[SEG_SELECTOR + seg], selector);
    } else faults(bench, bytes, vector, vector === 6 ? undefined : error);
  });
}

test('a load sets the accessed bit in the table, once', () => {
  const { cpu } = protectedBench();
  setDescriptor(cpu, GDT + FREE, 0x1234, 0x10, 0x92, 4);
  loadSegment(cpu, ES, FREE);
  assert.equal((read32(cpu, GDT + FREE + 4) >>> 8) & 0xff, 0x93);
  assert.equal(cpu.m32[SEG_ATTRIBUTES + ES], 0x4093);
  assert.equal(cpu.m32[SEG_BASE + ES], 0x1234);
});

test('selectors with TI come from the LDT', () => {
  const { cpu } = protectedBench();
  loadLdt(cpu, LDT_SELECTOR);
  loadSegment(cpu, ES, 0x0c);
  assert.equal(cpu.m32[SEG_BASE + ES], 0x5000);
  raises(cpu, () => loadSegment(cpu, ES, 0x44), 13, 0x44);
});

test('the mode key follows the segments', () => {
  const { cpu } = protectedBench();
  const flat = MODE_CS32 | MODE_SS32 | MODE_FLAT_CODE | MODE_FLAT_DATA;
  assert.equal(cpu.m32[MODE_KEY], flat);
  loadSegment(cpu, ES, 0);
  assert.equal(cpu.m32[MODE_KEY], flat & ~MODE_FLAT_DATA);
  loadSegment(cpu, ES, READ_ONLY);
  assert.equal(cpu.m32[MODE_KEY], flat & ~MODE_FLAT_DATA);
  loadSegment(cpu, ES, DATA3);
  assert.equal(cpu.m32[MODE_KEY], flat);
  loadSegment(cpu, SS, DATA0_16);
  assert.equal(cpu.m32[MODE_KEY], MODE_CS32 | MODE_FLAT_CODE);
  assert.equal(protectedBench(3).cpu.m32[MODE_KEY], flat | MODE_CPL3);
  assert.equal(realBench().cpu.m32[MODE_KEY], MODE_REAL);
});

test('real mode: 64 KiB limits by default, and "unreal" limits left over from protected mode', () => {
  const bench = realBench();
  const { cpu } = bench;
  loadSegment(cpu, DS, 0x1234);
  assert.equal(linear(cpu, DS, 0xffff, 1, true), 0x12340 + 0xffff);
  raises(cpu, () => linear(cpu, DS, 0xffff, 2, true), 13, 0);
  raises(cpu, () => linear(cpu, SS, 0xffff, 2, true), 12, 0);
  cpu.m32[SEG_LIMIT + DS] = -1;
  loadSegment(cpu, DS, 0x2000);
  assert.equal(linear(cpu, DS, 0x100000, 4, true), 0x120000);
  assert.equal(cpu.m32[CR0] & 1, 0);
});

test('MOV SS and POP SS cast a shadow; a second MOV SS does not prolong it', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.m32[EAX] = DATA0;
  runs(bench, [0x8e, 0xd0]);
  assert.equal(cpu.m32[INTERRUPT_SHADOW], 2);
  cpu.m32[INTERRUPT_SHADOW] = 0;
  write32(cpu, cpu.m32[ESP], DATA0);
  const esp = cpu.m32[ESP];
  runs(bench, [0x17]);
  assert.equal(cpu.m32[INTERRUPT_SHADOW], 2);
  assert.equal(cpu.m32[ESP], esp + 4);
  cpu.m32[INTERRUPT_SHADOW] = 0;
  runs(bench, [0x8e, 0xd8]);
  assert.equal(cpu.m32[INTERRUPT_SHADOW], 0);
});

test('LDS: register and segment together, nothing on a fault', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.m32[EBX] = 0x6000;
  write32(cpu, 0x6000, 0x12345678);
  write32(cpu, 0x6004, DATA3);
  runs(bench, [0xc5, 0x03]);
  assert.equal(cpu.m32[EAX], 0x12345678);
  assert.equal(cpu.m32[SEG_SELECTOR + DS], DATA3);
  write32(cpu, 0x6000, 1);
  write32(cpu, 0x6004, TSS_SELECTOR);
  faults(bench, [0xc5, 0x03], 13, TSS_SELECTOR);
});

test('LAR and LSL: what they show, and ZF', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  const ask = (opcode: number, selector: number): number | null => {
    cpu.m32[EAX] = -1;
    cpu.m32[EBX] = selector;
    runs(bench, [0x0f, opcode, 0xc3]);
    if ((flagsOf(cpu) & ZF) !== 0) return cpu.m32[EAX];
    assert.equal(cpu.m32[EAX], -1, 'no result, no write');
    return null;
  };
  assert.equal(ask(0x02, DATA3), 0xcff200);
  assert.equal(ask(0x03, DATA3), -1);
  assert.equal(ask(0x03, DATA0_16), 0xffff);
  assert.equal(ask(0x02, TSS_SELECTOR), 0x8b00);
  assert.equal(ask(0x03, TSS_SELECTOR), 0x67);
  assert.equal(ask(0x02, 0), null);
  assert.equal(ask(0x02, 0x1000), null);
  assert.equal(ask(0x02, DATA0 | 3), null);
  assert.equal(ask(0x02, CONFORMING0 | 3), 0xcf9e00);
  write32(cpu, GDT + FREE + 4, 0x8c00); // call gate
  assert.equal(ask(0x02, FREE), 0x8c00);
  assert.equal(ask(0x03, FREE), null);
  write32(cpu, GDT + FREE + 4, 0x8e00); // interrupt gate
  assert.equal(ask(0x02, FREE), null);
});

test('VERR, VERW and ARPL', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  const zf = (bytes: readonly number[], selector: number): boolean => {
    cpu.m32[EAX] = selector;
    runs(bench, bytes);
    return (flagsOf(cpu) & ZF) !== 0;
  };
  const verr = [0x0f, 0x00, 0xe0];
  const verw = [0x0f, 0x00, 0xe8];
  assert.equal(zf(verr, DATA0), true);
  assert.equal(zf(verr, EXECUTE_ONLY), false);
  assert.equal(zf(verr, TSS_SELECTOR), false);
  assert.equal(zf(verw, DATA0), true);
  assert.equal(zf(verw, READ_ONLY), false);
  assert.equal(zf(verw, CODE0), false);
  cpu.m32[EBX] = 2;
  assert.equal(zf([0x63, 0xd8], CODE3 & ~3), true);
  assert.equal(cpu.m32[EAX], (CODE3 & ~3) | 2);
  assert.equal(zf([0x63, 0xd8], CODE3), false);
  assert.equal(cpu.m32[EAX], CODE3);
});

test('protected-mode instructions are #UD in real mode', () => {
  for (const bytes of [
    [0x0f, 0x00, 0xd0],
    [0x0f, 0x00, 0xd8],
    [0x0f, 0x00, 0xc0],
    [0x0f, 0x00, 0xe0],
    [0x0f, 0x02, 0xc3],
    [0x0f, 0x03, 0xc3],
    [0x63, 0xd8],
  ]) {
    faults(realBench(), bytes, 6);
  }
});

test('LLDT and LTR: levels, types, presence; LTR makes the TSS busy', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  const withAx = (selector: number): void => {
    cpu.m32[EAX] = selector;
  };
  withAx(LDT_SELECTOR);
  runs(bench, [0x0f, 0x00, 0xd0]);
  withAx(0);
  runs(bench, [0x0f, 0x00, 0xd0]);
  faults(bench, [0x0f, 0x00, 0xd8], 13, 0);
  withAx(TSS_SELECTOR); // busy already
  faults(bench, [0x0f, 0x00, 0xd8], 13, TSS_SELECTOR);
  withAx(DATA0);
  faults(bench, [0x0f, 0x00, 0xd0], 13, DATA0);
  withAx(LDT_SELECTOR | 4);
  faults(bench, [0x0f, 0x00, 0xd0], 13, LDT_SELECTOR | 4);
  assert.equal((read32(cpu, GDT + TSS_SELECTOR + 4) >>> 8) & 0xff, 0x8b);
  faults(protectedBench(3), [0x0f, 0x00, 0xd0], 13, 0);
});

test('an instruction at the end of the code segment', () => {
  const bench = protectedBench();
  const { cpu } = bench;
  cpu.m32[SEG_LIMIT + CS] = cpu.m32[EIP] + 1;
  updateMode(cpu);
  faults(bench, [0xb8, 1, 2, 3, 4], 13, 0);
  runs(bench, [0x89, 0xc0]);
  faults(bench, [0x90], 13, 0);
});
