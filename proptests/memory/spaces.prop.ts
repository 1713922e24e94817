/**
 * Translations that outlive MOV CR3, CR0.WP and CR4.PGE: a processor that keeps what it may does what one does that
 * forgets everything before each access. More address spaces than are remembered share some of few tables; entries are
 * changed through the mapped tables, from outside and by DMA, recycled as other tables and as data; global pages agree
 * and disagree between directories; the rights, the privilege level and the paging mode change in between.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { writeCr0, writeCr3, writeCr4 } from '../../src/core/cpu/system/control.ts';
import { load32, store32, translateFetch } from '../../src/core/memory/access.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { DIRTY_HASH, Memory } from '../../src/core/memory/memory.ts';
import { flushTlb } from '../../src/core/memory/tlb.ts';
import { Cpu, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import * as at from '../../src/core/state/layout.ts';
import { SPACES } from '../../src/core/state/saved-spaces.ts';
import { Judged } from '../support/judged.ts';

/** Pages of RAM. The first are directories, pointer tables and tables as chance has it, the others data. */
const PAGES = 48;
const ROOTS = SPACES + 4;
const TABLES = 24;
const DEVICE_PAGE = 0x200;
/** Linear pages in use: of two tables, of one whose pages are global mostly, and of one far above. */
const LINEAR = [0x000, 0x001, 0x002, 0x200, 0x400, 0x401, 0x800, 0x801, 0xc0000, 0xc0001];
/** Entries of directories and tables that those pages go through, in either mode. */
const INDICES = [0, 1, 2, 4, 0x200, 0x300];

type Step =
  | { readonly what: 'entry'; readonly page: number; readonly index: number; readonly value: number }
  | { readonly what: 'mapped entry'; readonly linear: number; readonly offset: number; readonly value: number }
  | { readonly what: 'copy'; readonly page: number; readonly from: number }
  | { readonly what: 'pointer'; readonly root: number; readonly page: number }
  | { readonly what: 'load' | 'fetch'; readonly linear: number }
  | { readonly what: 'store'; readonly linear: number; readonly value: number }
  | { readonly what: 'cr3'; readonly page: number; readonly low: number }
  | { readonly what: 'wp' | 'user' | 'pge' | 'pse' | 'pae' | 'cd' | 'pg' | 'clean' | 'forget' };

/** Present mostly, every right, accessed and dirty at random; PS now and then. */
const entry = fc
  .record({
    frame: fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 0, max: PAGES - 1 }) },
      { weight: 1, arbitrary: fc.constant(DEVICE_PAGE) },
    ),
    bits: fc.integer({ min: 0, max: 0x1ff }),
    isPresent: fc.boolean(),
    isLarge: fc.integer({ min: 0, max: 7 }),
  })
  .map(({ frame, bits, isPresent, isLarge }) => {
    const rights = isPresent ? bits | 0x27 : bits | 1;
    return (frame << 12) | (isLarge === 0 ? (rights | 0x80) & 0x1ff : rights & ~0x80);
  });
/** Mostly those that are in use. */
const table = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 12, max: 21 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: TABLES - 1 }) },
);
const linear = fc.constantFrom(...LINEAR);
const index = fc.constantFrom(...INDICES);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ what: fc.constant('entry' as const), page: table, index, value: entry }) },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('mapped entry' as const), linear, offset: index, value: entry }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('pointer' as const),
      root: fc.nat(2),
      page: fc.integer({ min: 12, max: 15 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('copy' as const), page: table, from: table }) },
  { weight: 30, arbitrary: fc.record({ what: fc.constantFrom('load' as const, 'fetch' as const), linear }) },
  { weight: 20, arbitrary: fc.record({ what: fc.constant('store' as const), linear, value: fc.nat(0xffff) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      what: fc.constant('cr3' as const),
      page: fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(ROOTS - 1) }),
      low: fc.constantFrom(0, 0, 0, 8),
    }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constantFrom('wp' as const, 'wp' as const, 'user' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constantFrom(...(['pge', 'pge', 'pse', 'pae', 'cd', 'cd', 'pg', 'clean', 'forget'] as const)),
    }),
  },
);

interface Side {
  readonly cpu: Cpu;
  readonly memory: Memory;
  /** What the device has answered: each read is another value. */
  reads: number;
  /** log2 of the bytes of an entry. */
  shift: 2 | 3;
}

function makeSide(): Side {
  const memory = new Memory(PAGES << 12);
  const space = new AddressSpace(memory);
  const cpu = new Cpu(space);
  cpu.ports = { read: () => 0, write: () => {} };
  const side: Side = { cpu, memory, reads: 0, shift: 2 };
  // As a table: entries that map page after page.
  space.addMmio(DEVICE_PAGE << 12, 0x1000, {
    read: () => ((++side.reads % PAGES) << 12) | 0x67,
    write: () => {},
  });
  return side;
}

/** Everything anew: tables that lead to tables, every page with its number in it. */
function begin(side: Side, words: Int32Array, shift: 2 | 3 = 2): void {
  const { cpu, memory } = side;
  side.shift = shift;
  side.reads = 0;
  flushTlb(cpu);
  resetCpu(cpu);
  cpu.m32[at.A20] = 1;
  cpu.space.flatten();
  cpu.m32.set(words, cpu.ramBase >>> 2);
  cpu.m32[at.CR0] = at.CR0_PE | at.CR0_ET;
  cpu.m32[at.CR4] = at.CR4_PGE | at.CR4_PSE | (shift === 3 ? at.CR4_PAE : 0);
  cpu.m32[at.CR3] = 0;
  writeCr0(cpu, cpu.m32[at.CR0] | at.CR0_PG);
  memory.takeDirty(DIRTY_HASH);
}

/** What the access gives, or how it faults. */
function attempt({ cpu }: Side, access: () => unknown): string {
  cpu.exitRequest = 0;
  try {
    const value = access();
    if ((cpu.exitRequest & 1) === 0) return String(value);
  } catch (error) {
    if (error !== GUEST_FAULT) throw error;
  }
  return `fault ${cpu.faultVector} ${cpu.faultError} ${cpu.m32[at.CR2]}`;
}

function take(side: Side, what: Step): string {
  const { cpu, memory } = side;
  const { m32 } = cpu;
  switch (what.what) {
    case 'entry':
      cpu.space.write32(what.page * 4096 + ((what.index << side.shift) & 0xfff), what.value);
      return '';
    case 'mapped entry':
      return attempt(side, () => {
        store32(cpu, (what.linear << 12) + ((what.offset << side.shift) & 0xfff), what.value);
      });
    case 'copy': {
      const page = new Uint8Array(4096);
      cpu.space.readBytes(what.from << 12, page);
      cpu.space.writeBytes(what.page << 12, page);
      return '';
    }
    case 'pointer':
      // Which a processor with PAE holds in registers until CR3 is loaded again.
      cpu.space.write32(what.root * 4096, (what.page << 12) | (side.shift === 3 ? 1 : 0x67));
      return '';
    case 'load':
      return attempt(side, () => load32(cpu, (what.linear << 12) + 0xffc));
    case 'store':
      return attempt(side, () => store32(cpu, (what.linear << 12) + 0xff8, what.value));
    case 'fetch':
      return attempt(side, () => {
        const isUser = (m32[at.MODE_KEY] & at.MODE_CPL3) !== 0;
        const host = translateFetch(cpu, what.linear << 12, isUser);
        return host < at.CPU_BLOCK_SIZE ? host : host - cpu.ramBase;
      });
    case 'cr3':
      return attempt(side, () => writeCr3(cpu, (what.page << 12) | what.low));
    case 'wp':
      return attempt(side, () => writeCr0(cpu, m32[at.CR0] ^ at.CR0_WP));
    case 'cd':
      return attempt(side, () => writeCr0(cpu, m32[at.CR0] ^ at.CR0_CD));
    case 'pg':
      return attempt(side, () => writeCr0(cpu, m32[at.CR0] ^ at.CR0_PG));
    case 'pge':
      return attempt(side, () => writeCr4(cpu, m32[at.CR4] ^ at.CR4_PGE));
    case 'pse':
      return attempt(side, () => writeCr4(cpu, m32[at.CR4] ^ at.CR4_PSE));
    case 'pae':
      return attempt(side, () => writeCr4(cpu, m32[at.CR4] ^ at.CR4_PAE));
    case 'user':
      m32[at.MODE_KEY] ^= at.MODE_CPL3;
      return '';
    case 'clean':
      return memory.takeDirty(DIRTY_HASH).join(' ');
    case 'forget':
      memory.dropTranslations();
      return '';
    default:
      return what satisfies never;
  }
}

/** Roots that share some of few directories and tables, and whose tables map data, global where they are shared. */
function draw(
  shift: 2 | 3,
  choices: readonly number[],
  words: readonly (readonly [number, number, number])[],
): Int32Array {
  const ram = new Int32Array(PAGES * 1024);
  for (let page = 0; page < PAGES; page++) ram.fill(page, page * 1024 + 1022, (page + 1) * 1024);
  const put = (page: number, index: number, value: number): void => {
    ram[page * 1024 + ((index << (shift - 2)) & 0x3ff)] = value;
  };
  for (const [page, where, value] of words) if (page >= ROOTS) put(page, where, value);
  const choice = (k: number): number => choices[k % choices.length];
  for (let root = 0; root < ROOTS; root++) {
    if (shift === 3) {
      put(root, 0, ((12 + (choice(root) % 4)) << 12) | 1);
      put(root, 3, ((12 + (choice(root + 5) % 4)) << 12) | 1);
      continue;
    }
    for (const index of [0, 1, 0x300]) put(root, index, ((16 + (choice(root + index) % 4)) << 12) | 0x67);
    put(root, 2, ((20 + (choice(root + 3) % 5 === 0 ? 1 : 0)) << 12) | 0x67);
  }
  if (shift === 3) {
    for (let directory = 12; directory < 16; directory++) {
      for (const index of [0, 1, 2]) put(directory, index, ((16 + (choice(directory + index) % 4)) << 12) | 0x67);
      put(directory, 4, 0x14067);
    }
  }
  for (let table = 16; table < 22; table++) {
    for (const index of [0, 1, 2, 0x200]) {
      const frame =
        choice(table + index) % 3 === 0 ? choice(table - index) % TABLES : 24 + (choice(table * 3 + index) % 24);
      put(table, index, (frame << 12) | 0x67 | (table >= 20 ? 0x100 : 0));
    }
  }
  return ram;
}

test('a processor that keeps translations does what one does that forgets them before each step', () => {
  const keeper = makeSide();
  const forgetful = makeSide();
  const judged = new Judged('accesses through translations that were kept');
  const words = fc.array(fc.tuple(table, index, entry), { minLength: 0, maxLength: 20 });
  const choices = fc.array(fc.nat(60), { minLength: 3, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.constantFrom(2, 3),
      choices,
      words,
      fc.array(step, { minLength: 20, maxLength: 250 }),
      (...drawn) => {
        const [shift, chosen, others, steps] = drawn as [2 | 3, number[], [number, number, number][], Step[]];
        const ram = draw(shift, chosen, others);
        for (const side of [keeper, forgetful]) begin(side, ram, shift);
        for (const [number, what] of steps.entries()) {
          flushTlb(forgetful.cpu);
          const { fills } = keeper.cpu.tlbList;
          const expected = take(forgetful, what);
          const found = take(keeper, what);
          const place = `step ${number}, ${JSON.stringify(what)}`;
          assert.equal(found, expected, place);
          assert.deepEqual(keeper.cpu.m32.slice(at.CR0, at.DR), forgetful.cpu.m32.slice(at.CR0, at.DR), place);
          if ('linear' in what && keeper.cpu.tlbList.fills === fills && !found.startsWith('fault')) judged.add(1);
        }
        const of = ({ cpu }: Side): Int32Array => cpu.m32.slice(cpu.ramBase >>> 2, (cpu.ramBase >>> 2) + PAGES * 1024);
        assert.deepEqual(of(keeper), of(forgetful), 'memory');
        assert.equal(keeper.reads, forgetful.reads, 'reads of the device');
      },
    ),
    { seed: 1, numRuns: 1000 },
  );
  judged.atLeast(5000);
});

test('coming back to an address space reads none of its tables again', () => {
  const side = makeSide();
  const { cpu } = side;
  const ram = new Int32Array(PAGES * 1024);
  for (const root of [0, 1]) {
    ram[root * 1024] = ((2 + root) << 12) | 0x67;
    for (let page = 0; page < 8; page++) ram[(2 + root) * 1024 + page] = ((10 + page + root) << 12) | 0x67;
  }
  begin(side, ram);
  const visit = (root: number): void => {
    writeCr3(cpu, root << 12);
    for (let page = 0; page < 8; page++) load32(cpu, page << 12);
  };
  visit(0);
  visit(1);
  const { fills } = cpu.tlbList;
  for (let round = 0; round < 10; round++) {
    for (const root of [0, 1]) {
      writeCr3(cpu, root << 12);
      for (let page = 0; page < 8; page++) {
        assert.equal((cpu.tlb[page] & -4096) + (page << 12) - cpu.ramBase, (10 + page + root) << 12);
      }
    }
  }
  // They are put back as entries, and nothing else is.
  assert.equal(cpu.tlbList.fills - fills, 20 * 8);
});

test('a table that becomes data is written freely after a while, whoever it was a table of', () => {
  for (const isAway of [false, true]) {
    const side = makeSide();
    const { cpu, memory } = side;
    const ram = new Int32Array(PAGES * 1024);
    for (const root of [0, 1]) {
      ram[root * 1024] = ((2 + root) << 12) | 0x67;
      ram[root * 1024 + 1] = 0x6067;
      ram[(2 + root) * 1024 + 9] = 0x9067;
    }
    // Through this one the others are written.
    for (let page = 0; page < 30; page++) ram[6 * 1024 + page] = (page << 12) | 0x67;
    begin(side, ram);
    load32(cpu, 0x9000);
    assert.notEqual(memory.pageFlags[2], 0);
    if (isAway) writeCr3(cpu, 0x1000);
    for (let word = 512; word < 600; word++) {
      if (word - 512 < (isAway ? 1 : 63)) assert.notEqual(memory.pageFlags[2], 0, `write ${word - 512}`);
      store32(cpu, 0x402000 + word * 4, word);
    }
    assert.equal(memory.pageFlags[2], 0);
    // And is a table again when it is used as one.
    if (isAway) writeCr3(cpu, 0);
    assert.equal(load32(cpu, 0x9000), 0);
    store32(cpu, 0x402000 + 9 * 4, 0xa067);
    side.cpu.space.write32(0xa000, 10);
    assert.equal(load32(cpu, 0x9000), 10);
  }
});

/** Root 0 maps page 5 to page 30, root 1 to 31, by a table each or by one; all is written by 400000h on, table 6. */
function twoSpaces(isShared: boolean, bits = 0x67): Side {
  const side = makeSide();
  const ram = new Int32Array(PAGES * 1024);
  for (const root of [0, 1, 3]) {
    ram[root * 1024] = ((isShared ? 10 : 10 + root) << 12) | 0x67;
    ram[root * 1024 + 1] = 0x6067;
    ram[(10 + root) * 1024 + 5] = ((30 + root) << 12) | bits;
    ram[(10 + root) * 1024 + 6] = 0x20067;
    ram[(30 + root) * 1024] = 30 + root;
  }
  for (let page = 0; page < PAGES; page++) ram[6 * 1024 + page] = (page << 12) | 0x67;
  begin(side, ram);
  return side;
}
const remap = ({ cpu }: Side, table: number, index: number, page: number): void =>
  store32(cpu, 0x400000 + (table << 12) + index * 4, (page << 12) | 0x67);

test('a write to a table that spaces share reaches what is away', () => {
  const side = twoSpaces(true);
  const { cpu } = side;
  assert.equal(load32(cpu, 0x5000), 30);
  writeCr3(cpu, 0x1000);
  load32(cpu, 0x6000);
  remap(side, 10, 5, 31);
  writeCr3(cpu, 0);
  assert.equal(load32(cpu, 0x5000), 31);
});

test('a directory that is no longer in use is cleared, and all that is in use stays', () => {
  for (const bits of [0x67, 0x167]) {
    const side = twoSpaces(true, bits);
    const { cpu } = side;
    load32(cpu, 0x5000);
    writeCr3(cpu, 0x1000);
    load32(cpu, 0x5000);
    load32(cpu, 0x6000);
    const { flushes, fills } = cpu.tlbList;
    cpu.space.writeBytes(0, new Uint8Array(4096));
    load32(cpu, 0x5000);
    load32(cpu, 0x6000);
    assert.deepEqual([cpu.tlbList.flushes, cpu.tlbList.fills], [flushes, fills]);
    writeCr3(cpu, 0);
    assert.match(
      attempt(side, () => load32(cpu, 0x5000)),
      /^fault 14 /,
    );
  }
});

test('what was written freely is a table of another space when it comes back', () => {
  const side = twoSpaces(false);
  const { cpu } = side;
  cpu.space.write32(0x400, 0);
  store32(cpu, 0x5000, 0x20067);
  store32(cpu, 0x5004, 0x20067);
  // Data page 30 translates 800000h in space 1.
  cpu.space.write32(0x1008, 0x1e067);
  writeCr3(cpu, 0x1000);
  assert.equal(load32(cpu, 0x800000), 0);
  writeCr3(cpu, 0);
  store32(cpu, 0x5000, 0x1f067);
  writeCr3(cpu, 0x1000);
  assert.equal(load32(cpu, 0x800000), 31);
});

test('read-only pages are that again where CR0.WP has become 1 meanwhile', () => {
  const side = twoSpaces(false, 0x65);
  const { cpu } = side;
  store32(cpu, 0x5000, 1);
  writeCr3(cpu, 0x1000);
  writeCr0(cpu, cpu.m32[at.CR0] | at.CR0_WP);
  writeCr3(cpu, 0);
  assert.match(
    attempt(side, () => store32(cpu, 0x5000, 2)),
    /^fault 14 3 /,
  );
  assert.equal(load32(cpu, 0x5000), 1);
});

test('global translations are forgotten without PGE, whoever made them', () => {
  const side = twoSpaces(true, 0x167);
  const { cpu } = side;
  assert.equal(load32(cpu, 0x5000), 30);
  writeCr3(cpu, 0x1000);
  writeCr4(cpu, cpu.m32[at.CR4] & ~at.CR4_PGE);
  writeCr3(cpu, 0x3000);
  remap(side, 10, 5, 31);
  writeCr3(cpu, 0x1000);
  assert.equal(load32(cpu, 0x5000), 31);
});

test('pointer entries that CR0.CD or CR4.PGE load again lead elsewhere', () => {
  const side = makeSide();
  const { cpu } = side;
  const ram = new Int32Array(PAGES * 1024);
  ram[0] = 0x1001;
  for (const [directory, page] of [
    [1, 30],
    [2, 31],
  ]) {
    ram[directory * 1024] = ((directory + 2) << 12) | 0x67;
    ram[(directory + 2) * 1024 + 10] = (page << 12) | 0x67;
    ram[page * 1024] = page;
  }
  begin(side, ram, 3);
  assert.equal(load32(cpu, 0x5000), 30);
  cpu.space.write32(0, 0x2001);
  assert.equal(load32(cpu, 0x5000), 30);
  writeCr0(cpu, cpu.m32[at.CR0] ^ at.CR0_CD);
  assert.equal(load32(cpu, 0x5000), 31);
  cpu.space.write32(0, 0x1001);
  assert.equal(load32(cpu, 0x5000), 31);
  writeCr4(cpu, cpu.m32[at.CR4] ^ at.CR4_PGE);
  assert.equal(load32(cpu, 0x5000), 30);
});
