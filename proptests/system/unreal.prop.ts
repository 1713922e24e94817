/**
 * What real mode keeps of protected mode, on the way that firmware takes (SDM 3 §9.9.2 and §20.1.1): segments are
 * loaded from descriptors, CR0.PE is cleared, and from then on every instruction that loads a segment register gives
 * it a selector and a base, and leaves its limit. A program that wants more than 64 KiB ("big real mode") has to have
 * loaded a larger limit before. U-Boot 2023.01 has not when it calls a VGA BIOS: there SeaVGABIOS gets #GP for
 * C0000000h.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CR0,
  CS,
  DS,
  EAX,
  ECX,
  ES,
  ESP,
  FS,
  GS,
  IDTR_BASE,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
} from '../../src/core/state/layout.ts';
import {
  type Bench,
  CODE,
  DATA0,
  DATA0_16,
  deliver,
  faults,
  FREE,
  GDT,
  protectedBench,
  runs,
  setDescriptor,
  write16,
} from './fixture.ts';

const SELECTOR = 0x40;
/** CS:8000h: the far pointer that LDS and the like read. */
const POINTER = 0x8000;
const BEYOND = 0x20000;
const FAR_JUMP = [0xea, 0x00, 0x01, 0x00, 0x10]; // to 1000h:0100h

/** Each data segment: its prefix, POP, and the opcode that loads it with a register. */
const SEGMENTS = [
  { name: 'ES', seg: ES, prefix: 0x26, pop: [0x07], far: [0xc4] },
  { name: 'SS', seg: SS, prefix: 0x36, pop: [0x17], far: [0x0f, 0xb2] },
  { name: 'DS', seg: DS, prefix: 0x3e, pop: [0x1f], far: [0xc5] },
  { name: 'FS', seg: FS, prefix: 0x64, pop: [0x0f, 0xa1], far: [0x0f, 0xb4] },
  { name: 'GS', seg: GS, prefix: 0x65, pop: [0x0f, 0xa9], far: [0x0f, 0xb5] },
];

/** Real mode, left with `data` in all data segments and 16-bit code of `codeLimit` (bytes, or pages by its flag G). */
function leftProtectedMode(data: number, codeLimit: number, codeFlags: number): Bench {
  const bench = protectedBench();
  const { cpu } = bench;
  setDescriptor(cpu, GDT + FREE, CODE, codeLimit, 0x9a, codeFlags);
  runs(bench, [0xea, 0x00, 0x00, 0x00, 0x00, FREE, 0x00]);
  cpu.m32[EAX] = data;
  for (const { seg } of SEGMENTS) runs(bench, [0x8e, 0xc0 | (seg << 3)]);
  cpu.m32[EAX] = 0x10;
  runs(bench, [0x0f, 0x22, 0xc0]); // mov cr0,eax
  assert.equal(cpu.m32[CR0] & 1, 0);
  cpu.m32[IDTR_BASE] = 0;
  runs(bench, FAR_JUMP);
  return bench;
}

/** The ways to load SELECTOR into a data segment, each as what has to be done before and the bytes. */
const WAYS = {
  MOV: ({ cpu }: Bench, { seg }: (typeof SEGMENTS)[number]): number[] => {
    cpu.m32[EAX] = SELECTOR;
    return [0x8e, 0xc0 | (seg << 3)];
  },
  POP: ({ cpu }: Bench, { pop }: (typeof SEGMENTS)[number]): number[] => {
    write16(cpu, cpu.m32[SEG_BASE + SS] + cpu.m32[ESP], SELECTOR);
    return pop;
  },
  'a far pointer': ({ cpu }: Bench, { far }: (typeof SEGMENTS)[number]): number[] => {
    write16(cpu, CODE + POINTER, 0);
    write16(cpu, CODE + POINTER + 2, SELECTOR);
    return [0x2e, ...far, 0x1e, POINTER & 0xff, POINTER >> 8]; // into BX
  },
};

for (const [way, bytesOf] of Object.entries(WAYS)) {
  test(`${way} in real mode: the limit that was loaded in protected mode stays, 64 KiB or 4 GiB`, () => {
    for (const segment of SEGMENTS) {
      const readBeyond = [segment.prefix, 0x67, 0x8a, 0x01]; // mov al,[ecx]
      for (const [data, limit] of [
        [DATA0_16, 0xffff],
        [DATA0, -1],
      ]) {
        const bench = leftProtectedMode(data, 0xffff, 0);
        const { cpu } = bench;
        runs(bench, bytesOf(bench, segment));
        assert.equal(cpu.m32[SEG_SELECTOR + segment.seg], SELECTOR, segment.name);
        assert.equal(cpu.m32[SEG_BASE + segment.seg], SELECTOR << 4, segment.name);
        assert.equal(cpu.m32[SEG_LIMIT + segment.seg], limit, segment.name);
        cpu.m32[ECX] = BEYOND;
        cpu.space.write32((SELECTOR << 4) + BEYOND, 0x5a);
        if (limit !== -1) faults(bench, readBeyond, segment.seg === SS ? 12 : 13, 0);
        else {
          runs(bench, readBeyond);
          assert.equal(cpu.m32[EAX] & 0xff, 0x5a, segment.name);
        }
      }
    }
  });
}

test('JMP, CALL, RET, INT n, IRET and the delivery of a fault in real mode leave the limit of CS', () => {
  for (const [limit, flags, kept] of [
    [0xffff, 0, 0xffff],
    [0xfffff, 8, -1],
  ]) {
    const bench = leftProtectedMode(DATA0_16, limit, flags);
    const { cpu } = bench;
    const stays = (bytes: number[], selector: number): void => {
      runs(bench, bytes);
      assert.equal(cpu.m32[SEG_SELECTOR + CS], selector);
      assert.equal(cpu.m32[SEG_BASE + CS], selector << 4);
      assert.equal(cpu.m32[SEG_LIMIT + CS], kept);
    };
    for (const vector of [13, 0x21]) {
      write16(cpu, vector * 4, 0x200);
      write16(cpu, vector * 4 + 2, 0x1100);
    }
    stays(FAR_JUMP, 0x1000);
    stays([0x9a, 0x00, 0x01, 0x00, 0x12], 0x1200);
    stays([0xcb], 0x1000);
    stays([0xcd, 0x21], 0x1100);
    stays([0xcf], 0x1000);
    cpu.m32[ECX] = BEYOND;
    faults(bench, [0x67, 0x8a, 0x01], 13, 0);
    deliver(bench);
    assert.equal(cpu.m32[SEG_BASE + CS], 0x11000);
    stays([0xcf], 0x1000);
  }
});
