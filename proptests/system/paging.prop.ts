/**
 * The page walk against a model that states SDM 3 §4.3–4.7 as a table of rights, for random entries, and single facts:
 * A and D bits, large pages, PAE, execute-disable, reserved bits, stores across pages.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadPdptes, walk } from '../../src/core/cpu/system/paging.ts';
import { writeCr0, writeCr3, writeCr4 } from '../../src/core/cpu/system/control.ts';
import {
  CR0,
  CR0_PG,
  CR0_WP,
  CR2,
  CR3,
  CR4,
  EAX,
  EBX,
  EFER,
  EFER_NXE,
  EIP,
  PDPTE,
} from '../../src/core/state/layout.ts';
import { EXIT_FAULT, type Cpu } from '../../src/core/state/cpu.ts';
import { deliver, faults, handlerOf, hex, protectedBench, raises, read32, runs, TABLES, write32 } from './fixture.ts';
import { Judged } from '../support/judged.ts';

const P = 1;
const W = 2;
const U = 4;
const A = 0x20;
const D = 0x40;
const PS = 0x80;
const G = 0x100;
const LINEAR = 0x00c05123;
const PDE = TABLES + (LINEAR >>> 22) * 4;
const TABLE = TABLES + 0x1000;
const PTE = TABLE + ((LINEAR >>> 12) & 0x3ff) * 4;
const FRAME = 0x7000;

interface Access {
  readonly write: boolean;
  readonly user: boolean;
  readonly fetch: boolean;
}

const access: fc.Arbitrary<Access> = fc.constantFrom(
  ...[false, true].flatMap((user) => [
    { write: false, user, fetch: false },
    { write: true, user, fetch: false },
    { write: false, user, fetch: true },
  ]),
);

/** The error code of the access, or −1. */
function tryWalk(cpu: Cpu, linear: number, { write, user, fetch }: Access): number {
  cpu.exitRequest = 0;
  if (walk(cpu, linear, write, user, fetch)) return -1;
  assert.equal(cpu.exitRequest & EXIT_FAULT, EXIT_FAULT);
  assert.equal(cpu.faultVector, 14);
  assert.equal(cpu.m32[CR2], linear);
  return cpu.faultError;
}

function paged(cr4 = 0): Cpu {
  const { cpu } = protectedBench();
  cpu.m32[CR3] = TABLES;
  cpu.m32[CR4] = cr4;
  cpu.m32[CR0] |= CR0_PG;
  return cpu;
}

test('4 KiB pages: rights, error codes, A and D bits of any pair of entries', () => {
  const cpu = paged(0x80);
  const judged = new Judged('accesses that are allowed');
  const some = fc.subarray([P, W, U, A, D, G]).map((bits) => bits.reduce((sum, bit) => sum | bit, 0));
  // Of both entries each right is needed: half of them have most.
  const flags = fc.oneof(
    some,
    some.map((bits) => bits | P | U),
  );
  fc.assert(
    fc.property(flags, flags, access, fc.boolean(), (pdeFlags, pteFlags, how, wp) => {
      cpu.m32[CR0] = wp ? cpu.m32[CR0] | CR0_WP : cpu.m32[CR0] & ~CR0_WP;
      write32(cpu, PDE, TABLE | pdeFlags);
      write32(cpu, PTE, FRAME | pteFlags);
      const both = pdeFlags & pteFlags;
      const user = how.user ? 4 : 0;
      const write = how.write ? 2 : 0;
      let expected = -1;
      if ((both & P) === 0) expected = user | write;
      else if (how.user && (both & U) === 0) expected = 1 | user | write;
      else if (how.write && (both & W) === 0 && (how.user || wp)) expected = 1 | user | write;
      assert.equal(tryWalk(cpu, LINEAR, how), expected);
      const pdeAfter = (pdeFlags & P) !== 0 ? pdeFlags | A : pdeFlags;
      assert.equal(hex(read32(cpu, PDE)), hex(TABLE | pdeAfter));
      const pteAfter = expected < 0 ? pteFlags | A | (how.write ? D : 0) : pteFlags;
      assert.equal(hex(read32(cpu, PTE)), hex(FRAME | pteAfter));
      if (expected >= 0) return;
      judged.add();
      assert.equal(cpu.walkPhysical, FRAME);
      assert.equal(cpu.walkGlobal, (pteFlags & G) !== 0);
      // What the TLB may allow without another walk is what another walk would allow, and writes only once D is set.
      for (const [other, deny] of [
        [{ write: false, user: true, fetch: false }, 1],
        [{ write: true, user: true, fetch: false }, 2],
        [{ write: false, user: false, fetch: false }, 4],
        [{ write: true, user: false, fetch: false }, 8],
        [{ write: false, user: true, fetch: true }, 16],
        [{ write: false, user: false, fetch: true }, 32],
      ] as const) {
        const denied = (cpu.walkDeny & deny) !== 0;
        const clean = other.write && (pteAfter & D) === 0;
        const keep = cpu.walkDeny;
        assert.equal(denied, clean || tryWalk(cpu, LINEAR, other) >= 0, `deny bit ${deny}`);
        cpu.walkDeny = keep;
        write32(cpu, PTE, FRAME | pteAfter);
      }
    }),
    { seed: 3, numRuns: 400 },
  );
  judged.atLeast(60);
});

const READ: Access = { write: false, user: false, fetch: false };
const WRITE: Access = { write: true, user: false, fetch: false };
const FETCH: Access = { write: false, user: true, fetch: true };

test('4 MiB pages need CR4.PSE; PSE-36 address bits and reserved bits', () => {
  const cpu = paged(0x10);
  write32(cpu, PDE, 0x00400000 | PS | P | W);
  assert.equal(tryWalk(cpu, LINEAR, WRITE), -1);
  assert.equal(cpu.walkPhysical, 0x405000);
  assert.equal(read32(cpu, PDE) & (A | D), A | D);
  write32(cpu, PDE, 0x00400000 | (0xf << 13) | PS | P);
  assert.equal(tryWalk(cpu, LINEAR, READ), -1);
  assert.equal(cpu.walkPhysical, 0xf_0000_0000 + 0x405000);
  for (const bit of [17, 20, 21]) {
    write32(cpu, PDE, (1 << bit) | PS | P);
    assert.equal(tryWalk(cpu, LINEAR, READ), 9, `bit ${bit} is reserved`);
  }
  cpu.m32[CR4] = 0;
  write32(cpu, PDE, TABLE | PS | P);
  write32(cpu, PTE, FRAME | P);
  assert.equal(tryWalk(cpu, LINEAR, READ), -1);
  assert.equal(cpu.walkPhysical, FRAME);
});

const PDPT = TABLES + 0x2000;
const DIRECTORY = TABLES + 0x3000;
const PAE_PDE = DIRECTORY + ((LINEAR >>> 21) & 0x1ff) * 8;
const PAE_PTE = TABLE + ((LINEAR >>> 12) & 0x1ff) * 8;

function pae(nxe: boolean): Cpu {
  const cpu = paged(0x20);
  write32(cpu, PDPT, DIRECTORY | P);
  cpu.m32[CR3] = PDPT;
  loadPdptes(cpu, PDPT);
  cpu.m32[EFER] = nxe ? EFER_NXE : 0;
  write32(cpu, PAE_PDE, TABLE | P | W | U);
  write32(cpu, PAE_PTE, FRAME | P | W | U);
  return cpu;
}

test('PAE: 4 KiB and 2 MiB pages, 36 address bits', () => {
  const cpu = pae(false);
  assert.equal(tryWalk(cpu, LINEAR, WRITE), -1);
  assert.equal(cpu.walkPhysical, FRAME);
  assert.equal(read32(cpu, PAE_PTE) & (A | D), A | D);
  write32(cpu, PAE_PTE + 4, 0xa);
  assert.equal(tryWalk(cpu, LINEAR, READ), -1);
  assert.equal(cpu.walkPhysical, 0xa_0000_0000 + FRAME);
  write32(cpu, PAE_PDE, 0x00200000 | PS | P);
  assert.equal(tryWalk(cpu, LINEAR, READ), -1);
  assert.equal(cpu.walkPhysical, 0x205000);
});

test('PAE: execute-disable at either level denies fetches, with error code bit 4 only under NXE', () => {
  for (const entry of [PAE_PDE, PAE_PTE]) {
    const cpu = pae(true);
    write32(cpu, entry + 4, 0x80000000 | 0);
    assert.equal(tryWalk(cpu, LINEAR, FETCH), 1 | 4 | 16);
    assert.equal(tryWalk(cpu, LINEAR, READ), -1);
    assert.equal(cpu.walkDeny & 0x30, 0x30);
    cpu.m32[EFER] = 0;
    assert.equal(tryWalk(cpu, LINEAR, READ), 9, 'without NXE bit 63 is reserved');
  }
});

test('PAE: reserved bits of each level', () => {
  for (const [entry, low, high] of [
    [PAE_PDE, 0, 0x10],
    [PAE_PDE, 0, 0x40000000],
    [PAE_PTE, 0, 0x10],
    [PAE_PDE, PS | 0x2000, 0],
    [PAE_PDE, PS | 0x100000, 0],
  ]) {
    const cpu = pae(true);
    write32(cpu, entry, low === 0 ? read32(cpu, entry) : low | P);
    write32(cpu, entry + 4, high);
    assert.equal(tryWalk(cpu, LINEAR, READ), 9, `${hex(high)}:${hex(low)}`);
  }
});

test('PAE: the page-directory pointers are read by MOV CR3 alone, and reserved bits there are #GP(0)', () => {
  const { cpu } = protectedBench();
  cpu.m32[CR4] = 0x20;
  write32(cpu, PDPT, DIRECTORY | P);
  for (let entry = 1; entry < 4; entry++) write32(cpu, PDPT + entry * 8, 0x1e6);
  cpu.m32[CR3] = PDPT;
  writeCr0(cpu, cpu.m32[CR0] | CR0_PG);
  assert.equal(cpu.m32[PDPTE], DIRECTORY | P);
  write32(cpu, PDPT, 0);
  assert.equal(tryWalk(cpu, 0, READ), 0, 'the directory is empty, not the pointer');
  assert.equal(cpu.m32[PDPTE], DIRECTORY | P);
  write32(cpu, PDPT + 8, 0x7);
  raises(cpu, () => writeCr3(cpu, PDPT), 13, 0);
  assert.equal(cpu.m32[PDPTE], DIRECTORY | P, 'a refused load changes nothing');
  raises(cpu, () => writeCr4(cpu, 0x30), 13, 0);
});

/** Identity-map the first megabyte and turn paging on, through MOV CR3 and MOV CR0. */
function identity(level: 0 | 3 = 0): ReturnType<typeof protectedBench> {
  const bench = protectedBench(level);
  const { cpu } = bench;
  write32(cpu, TABLES, TABLE | 7);
  for (let page = 0; page < 256; page++) write32(cpu, TABLE + page * 4, (page << 12) | 7);
  writeCr3(cpu, TABLES);
  writeCr0(cpu, cpu.m32[CR0] | CR0_PG | CR0_WP);
  return bench;
}

test('a store across a page that faults on the second page writes nothing', () => {
  for (const level of [0, 3] as const) {
    const bench = identity(level);
    const { cpu } = bench;
    write32(cpu, TABLE + 0x51 * 4, 0x51000 | 5); // read-only
    write32(cpu, 0x50ffc, 0x11111111);
    cpu.m32[EBX] = 0x50ffe;
    cpu.m32[EAX] = 0x22222222;
    faults(bench, [0x89, 0x03], 14, level === 3 ? 7 : 3);
    assert.equal(cpu.m32[CR2], 0x51000);
    assert.equal(read32(cpu, 0x50ffc), 0x11111111);
    assert.equal(read32(cpu, TABLE + 0x51 * 4) & D, 0);
    deliver(bench);
    assert.equal(bench.cpu.eip, handlerOf(14));
  }
});

test('a change of a page table is seen by the next access', () => {
  const bench = identity();
  const { cpu } = bench;
  cpu.m32[EBX] = 0x50000;
  write32(cpu, 0x50000, 1);
  write32(cpu, 0x51000, 2);
  runs(bench, [0x8b, 0x03]);
  assert.equal(cpu.m32[EAX], 1);
  write32(cpu, TABLE + 0x50 * 4, 0x51000 | 7);
  runs(bench, [0x0f, 0x01, 0x3b]); // invlpg [ebx]
  runs(bench, [0x8b, 0x03]);
  assert.equal(cpu.m32[EAX], 2);
});

test('an instruction that crosses into an absent page faults at that page, as a fetch', () => {
  const bench = identity(3);
  const { cpu } = bench;
  cpu.m32[EIP] = 0x50fff;
  write32(cpu, TABLE + 0x51 * 4, 0);
  faults(bench, [0xb8], 14, 4);
  assert.equal(cpu.m32[CR2], 0x51000);
});

test('a global page survives MOV CR3 only where the new directory agrees, and is dropped when that one changes', () => {
  const bench = identity();
  const { cpu } = bench;
  const other = TABLES + 0x8000;
  writeCr4(cpu, 0x80);
  write32(cpu, TABLE + 0x50 * 4, 0x50000 | G | 7);
  cpu.m32[EBX] = 0x50000;
  write32(cpu, 0x50000, 1);
  write32(cpu, 0x51000, 2);
  write32(cpu, TABLES + 0x9000 + 0x50 * 4, 0x51000 | G | 7);
  for (let page = 0; page < 0x50; page++) write32(cpu, TABLES + 0x9000 + page * 4, (page << 12) | 7);
  runs(bench, [0x8b, 0x03]);
  write32(cpu, other, read32(cpu, TABLES));
  writeCr3(cpu, other);
  assert.notEqual(cpu.tlb[0x50], -1, 'the same entry: kept');
  write32(cpu, other, (TABLES + 0x9000) | 7);
  runs(bench, [0x8b, 0x03]);
  assert.equal(cpu.m32[EAX], 2, 'a write to the new directory is seen');
  writeCr3(cpu, TABLES);
  assert.equal(cpu.tlb[0x50], -1, 'another entry: dropped');
  runs(bench, [0x8b, 0x03]);
  assert.equal(cpu.m32[EAX], 1);
});
