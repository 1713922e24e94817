/**
 * The map of physical pages: apertures on devices, ROM and bulk memory that are placed, hidden and filled otherwise at
 * random give what a model says that looks every page up afresh, under any A20; what changed is told exactly, so that a
 * second address space that only follows what it is told leads to the same everywhere. Bulk memory closes and opens.
 * Translations hold what the map says, at every moment.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { Random } from '../../src/core/base/random.ts';
import { load32, store32 } from '../../src/core/memory/access.ts';
import {
  AddressSpace,
  BELOW_RAM,
  type MappedRun,
  type MapAperture,
  OVER_ALL,
  OVER_RAM,
  OVER_ROM,
} from '../../src/core/memory/address-space.ts';
import { DIRTY_CHECKPOINT, Memory } from '../../src/core/memory/memory.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { Cpu } from '../../src/core/state/cpu.ts';
import { A20, CR0, CR0_PG, CR0_PE, CR3, RAM_BASE } from '../../src/core/state/layout.ts';
import { updateMode } from '../../src/core/cpu/system/segmentation.ts';
import { hex } from '../../src/core/log/events.ts';

const RAM_PAGES = 0x280;
const BULK_PAGES = 0x30;
const ROM_PAGES = 8;

/** A page as the model names it: `ram 5`, `bulk 3`, `rom 1`, `device 2`, `nothing`; read-only memory with a `!`. */
type Leads = string;

interface Laid {
  readonly aperture: MapAperture;
  readonly pages: number;
  readonly priority: number;
  address: number;
  content: Content;
}

type Content =
  | { readonly kind: 'device'; readonly number: number }
  | { readonly kind: 'rom'; readonly first: number }
  | { readonly kind: 'bulk'; readonly first: number; readonly isWritable: boolean };

function makeSpace() {
  const memory = new Memory(RAM_PAGES * PAGE_BYTES, ROM_PAGES * PAGE_BYTES, 1, BULK_PAGES * PAGE_BYTES);
  const space = new AddressSpace(memory);
  space.addBulk('test.memory', memory.ramBytes, BULK_PAGES * PAGE_BYTES);
  const cpu = new Cpu(space);
  resetCpu(cpu);
  cpu.m32[A20] = 1;
  space.flatten();
  const bulk = space.bulks.get('test.memory');
  assert.ok(bulk !== undefined);
  return { memory, space, cpu, bulk };
}

/** What a page of the map leads to, as the model would say it. */
function leads(space: AddressSpace, page: number, deviceOf: (physical: number) => Leads): Leads {
  const entry = space.pageMap[page];
  if (entry === 0) return 'nothing';
  if (entry < 0) return deviceOf(page * PAGE_BYTES);
  const number = (entry - RAM_BASE) >>> 12;
  const mark = (entry & 1) !== 0 ? '!' : '';
  if (number < RAM_PAGES) return `ram ${number}${mark}`;
  if (number < RAM_PAGES + BULK_PAGES) return `bulk ${number - RAM_PAGES}${mark}`;
  return `rom ${number - RAM_PAGES - BULK_PAGES}${mark}`;
}

function expected(laid: readonly Laid[], closed: Uint8Array, isA20On: boolean, page: number): Leads {
  const seen = isA20On ? page : page & ~0x100;
  let best: Laid | null = null;
  for (const each of laid) {
    const first = each.address / PAGE_BYTES;
    if (each.address < 0 || seen < first || seen >= first + each.pages) continue;
    if (best === null || each.priority >= best.priority) best = each;
  }
  if (seen < RAM_PAGES && (best === null || best.priority === BELOW_RAM)) return `ram ${seen}`;
  if (best === null) return 'nothing';
  const at = seen - best.address / PAGE_BYTES;
  const { content } = best;
  if (content.kind === 'device') return `device ${content.number}`;
  if (content.kind === 'rom') return `rom ${content.first + at}!`;
  const number = content.first + at;
  return closed[number] === 1 ? 'device of bulk' : `bulk ${number}${content.isWritable ? '' : '!'}`;
}

const PAGES_LOOKED_AT = [...Array(0x318).keys()].filter((page) => page < 8 || (page & 0x80) !== 0 || page > 0x270);

const PRIORITIES = [BELOW_RAM, OVER_RAM, OVER_ROM, OVER_ALL] as const;

const content = (pages: number): fc.Arbitrary<Content> =>
  fc.oneof(
    fc.record({ kind: fc.constant('device' as const), number: fc.nat(9) }),
    fc.record({ kind: fc.constant('rom' as const), first: fc.nat(Math.max(0, ROM_PAGES - pages)) }),
    fc.record({
      kind: fc.constant('bulk' as const),
      first: fc.nat(Math.max(0, BULK_PAGES - pages)),
      isWritable: fc.boolean(),
    }),
  );

const declared = fc
  .record({ pages: fc.constantFrom(1, 2, 5, 8), priority: fc.constantFrom(...PRIORITIES) })
  .chain(({ pages, priority }) => content(pages).map((first) => ({ pages, priority, first })));

const place = fc.oneof(
  fc.nat(0x310),
  fc.constantFrom(0xa0, 0xb8, 0xc0, 0x100, 0x1f8, 0x1ff, 0xff000, 0xffff8, 0xe0000),
  fc.constant(-1),
);

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('place' as const), which: fc.nat(), page: place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('show' as const), which: fc.nat(), what: content(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('a20' as const), isOn: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), which: fc.nat(), within: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), which: fc.nat(), within: fc.nat(7) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('use' as const), which: fc.nat(), within: fc.nat(7) }) },
);

test('random apertures lead where a fresh look says, and what is told is enough to follow', () => {
  let opened = 0;
  fc.assert(
    fc.property(
      fc.array(declared, { minLength: 2, maxLength: 7 }),
      fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }),
      (declarations, steps) => {
        const { memory, space, cpu, bulk } = makeSpace();
        const follower = makeSpace();
        let answered: Leads = '';
        const answering = (name: Leads) => ({
          read: () => {
            answered = name;
            return 0;
          },
          write: () => {},
        });
        bulk.wrap = (_aperture, handler) => ({
          read: (offset, size) => {
            answered = 'device of bulk';
            return isLooking ? 0 : handler.read(offset, size);
          },
          write: (offset, size, value) => handler.write(offset, size, value),
        });
        let isLooking = false;
        const deviceOf = (physical: number): Leads => {
          isLooking = true;
          space.read(physical, 1);
          isLooking = false;
          return answered;
        };
        const shown = (what: Content) =>
          what.kind === 'device'
            ? { handler: answering(`device ${what.number}`) }
            : what.kind === 'rom'
              ? { host: memory.romBase + what.first * PAGE_BYTES, isWritable: false }
              : { bulk, offset: what.first * PAGE_BYTES, isWritable: what.isWritable };
        const laid: Laid[] = declarations.map(({ pages, priority, first }) => ({
          aperture: space.aperture(pages * PAGE_BYTES, priority, shown(first)),
          pages,
          priority,
          address: -1,
          content: first,
        }));
        space.onMapped = (run: MappedRun) => follower.space.follow(run, answering('followed'));
        bulk.onOpened = (page, bytes) => {
          opened++;
          assert.equal(
            hex(bytes),
            hex(memory.m8.slice(RAM_BASE + page * PAGE_BYTES, RAM_BASE + (page + 1) * PAGE_BYTES)),
          );
        };
        let isA20On = true;
        for (const each of steps) {
          const chosen = 'which' in each && laid.length > 0 ? laid[each.which % laid.length] : null;
          if (each.do === 'place' && chosen !== null) {
            const address = each.page < 0 || each.page + chosen.pages > 0x100000 ? -1 : each.page * PAGE_BYTES;
            chosen.address = address;
            chosen.aperture.place(address);
          } else if (each.do === 'show' && chosen !== null) {
            chosen.content = each.what;
            chosen.aperture.show(shown(each.what));
          } else if (each.do === 'a20') {
            isA20On = each.isOn;
            for (const one of [cpu, follower.cpu]) one.m32[A20] = isA20On ? 1 : 0;
            space.lookThroughLine();
            follower.space.lookThroughLine();
          }
          if (each.do === 'write' || each.do === 'use') {
            const first = chosen?.content.kind === 'bulk' ? chosen.content.first : 0;
            const page = (first + (each.within % (chosen?.pages ?? 8))) % BULK_PAGES;
            bulk.write8(page * PAGE_BYTES + 5, 77);
            assert.equal(bulk.closed[page], 1);
          }
          if ((each.do === 'read' || each.do === 'use') && chosen !== null && chosen.address >= 0) {
            const page = chosen.address / PAGE_BYTES + (each.within % chosen.pages);
            const before = expected(laid, bulk.closed, isA20On, page);
            const value = space.read(page * PAGE_BYTES + 5, 1);
            if (before === 'device of bulk') {
              const after = expected(laid, bulk.closed, isA20On, page);
              assert.match(after, /^bulk \d+!?$/, 'asking has opened it');
              assert.equal(value, 77, 'and the device wrote it before');
            }
          }
          const followed = (page: number): Leads => leads(follower.space, page, () => 'device');
          for (const page of [...PAGES_LOOKED_AT, 0xe0000, 0xff000, 0xff007, 0xffff8, 0xfffff]) {
            const wanted = expected(laid, bulk.closed, isA20On, page);
            const same = leads(space, page, deviceOf) === wanted;
            const sameFollowed = followed(page) === (wanted.startsWith('device') ? 'device' : wanted);
            if (same && sameFollowed) continue;
            const found = `${leads(space, page, deviceOf)} and ${followed(page)}`;
            assert.fail(`page ${page.toString(16)} leads to ${found}, not to ${wanted}, after ${JSON.stringify(each)}`);
          }
        }
        // What a log has said, as it is saved with a snapshot and loaded again.
        const other = makeSpace();
        other.cpu.m32[A20] = isA20On ? 1 : 0;
        other.space.lookThroughLine();
        for (const run of follower.space.followed()) other.space.follow(run, answering('followed'));
        assert.deepEqual(other.space.pageMap, follower.space.pageMap);
      },
    ),
    { seed: 31, numRuns: 60 },
  );
  assert.ok(opened > 30, `${opened} pages opened`);
});

test('what a log says of memory that is not there is not followed', () => {
  const { space } = makeSpace();
  const before = space.pageMap.slice();
  const handler = { read: () => 0, write: () => {} };
  const runs: MappedRun[] = [
    { page: 0xe0000, count: BULK_PAGES + 1, to: 'memory', memoryPage: RAM_PAGES },
    { page: 0xe0000, count: 1, to: 'memory', memoryPage: RAM_PAGES + BULK_PAGES },
    { page: 0xe0000, count: 2, to: 'rom', memoryPage: RAM_PAGES + BULK_PAGES + ROM_PAGES - 1 },
    { page: 0xfffff, count: 2, to: 'nothing', memoryPage: 0 },
  ];
  for (const run of runs) {
    assert.ok(!space.canFollow(run));
    space.follow(run, handler);
  }
  assert.deepEqual(space.pageMap, before);
  assert.ok(!space.putBulkPage(RAM_PAGES - 1, new Uint8Array(PAGE_BYTES)));
  assert.ok(!space.putBulkPage(RAM_PAGES + BULK_PAGES, new Uint8Array(PAGE_BYTES)));
  assert.ok(space.putBulkPage(RAM_PAGES + BULK_PAGES - 1, new Uint8Array(PAGE_BYTES)));
});

const DIRECTORY = 0x4000;
const TABLE = 0x5000;

/** Paging on, with one table for the first 4 MiB; `tables` is added to where the processor is told that they are. */
function paged(tables: number) {
  const made = makeSpace();
  const { space, cpu } = made;
  space.write32(DIRECTORY, (TABLE + tables) | 3);
  for (let page = 0; page < 1024; page++) space.write32(TABLE + page * 4, (page << 12) | 3);
  cpu.m32[CR0] |= CR0_PE;
  cpu.m32[CR3] = DIRECTORY + tables;
  updateMode(cpu);
  cpu.m32[CR0] |= CR0_PG;
  return made;
}

test('page tables that are seen through the closed A20 line are as coherent as others', () => {
  const { space, cpu } = paged(0x100000);
  cpu.m32[A20] = 0;
  space.flatten();
  space.write32(0x21000, 111);
  space.write32(0x22000, 222);
  assert.equal(load32(cpu, 0x21000), 111);
  // By an instruction, through the translation of the table's own page.
  store32(cpu, TABLE + 0x21 * 4, 0x22003);
  assert.equal(load32(cpu, 0x21000), 222, 'the translation is dropped');
});

test('an aperture that moves takes the translations with it, and page tables may lie in bulk memory', () => {
  const { space, cpu, bulk } = paged(0);
  const aperture = space.aperture(16 * PAGE_BYTES, OVER_ROM, { bulk, offset: 0, isWritable: true });
  aperture.place(0x200000);
  store32(cpu, 0x200010, 0x1234);
  store32(cpu, 0x200010, 0x5678);
  assert.equal(bulk.read32(0x10), 0x5678);
  aperture.place(0x210000);
  assert.equal(load32(cpu, 0x200010), 0, 'RAM is there again');
  assert.equal(load32(cpu, 0x210010), 0x5678);
  aperture.show({ bulk, offset: PAGE_BYTES, isWritable: false });
  assert.equal(load32(cpu, 0x210010), 0);
  store32(cpu, 0x210010, 7);
  assert.equal(load32(cpu, 0x210010), 0, 'it cannot be written there');
  // A table in bulk memory: written by the processor, by the device, and moved away.
  aperture.show({ bulk, offset: 0, isWritable: true });
  for (let page = 0; page < 1024; page++) bulk.write32(page * 4, (page << 12) | 3);
  space.write32(DIRECTORY, 0x210003);
  space.write32(0x21000, 111);
  space.write32(0x22000, 222);
  space.write32(0x23000, 333);
  cpu.space.memory.dropTranslations();
  assert.equal(load32(cpu, 0x21000), 111);
  store32(cpu, 0x210000 + 0x21 * 4, 0x22003);
  assert.equal(load32(cpu, 0x21000), 222, 'the processor wrote the table');
  bulk.write32(0x21 * 4, 0x23003);
  assert.equal(load32(cpu, 0x21000), 333, 'the device wrote the table');
  space.write32(0x210000 + 0x21 * 4, 0x21003);
  aperture.place(-1);
  for (let page = 0; page < 1024; page++) space.write32(0x210000 + page * 4, (page << 12) | 3);
  space.write32(0x210000 + 0x21 * 4, 0x22003);
  assert.equal(load32(cpu, 0x21000), 222, 'another table is there now');
});

test('what is cleared holds zeros, and pages that held them stay open; what was written since is found', () => {
  const { space, bulk } = makeSpace();
  const aperture = space.aperture(BULK_PAGES * PAGE_BYTES, OVER_RAM, { bulk, offset: 0, isWritable: true });
  const address = 0x400000;
  aperture.place(address);
  const dice = new Random(9);
  for (let round = 0; round < 200; round++) {
    const closed = bulk.closed.slice();
    const holds = new Set<number>();
    for (let i = dice.below(6); i > 0; i--) {
      const at = dice.below(bulk.sizeBytes >>> 2) * 4;
      const value = dice.below(3);
      const page = at >>> 12;
      if (dice.below(2) === 0) {
        space.write32(address + at, value);
        closed[page] = 0;
      } else {
        bulk.merge32(at, value, dice.pick([-1, 1, 0]));
        closed[page] = 1;
      }
    }
    for (let page = 0; page < BULK_PAGES; page++) {
      if (bulk.bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES).some((each) => each !== 0)) holds.add(page);
    }
    assert.deepEqual(bulk.closed, closed);
    bulk.clear();
    for (const page of holds) closed[page] = 1;
    assert.ok(bulk.bytes.every((each) => each === 0));
    assert.deepEqual(bulk.closed, closed);
    assert.equal(space.read(address + dice.below(bulk.sizeBytes >>> 2) * 4, 4), 0);
    bulk.closed.forEach((flag, page) => {
      if (flag === 1 && dice.below(2) === 0) space.read(address + page * PAGE_BYTES, 1);
    });
  }
});

test('bulk memory is tracked as RAM is, and a device cannot reach beyond its own', () => {
  const { memory, space, bulk } = makeSpace();
  memory.takeDirty(DIRTY_CHECKPOINT);
  bulk.write(PAGE_BYTES - 1, Uint8Array.of(1, 2));
  bulk.fill(5 * PAGE_BYTES, PAGE_BYTES, 9);
  bulk.copy(9 * PAGE_BYTES, 5 * PAGE_BYTES, 3);
  assert.deepEqual(
    memory.takeDirty(DIRTY_CHECKPOINT).map((page) => page - RAM_PAGES),
    [0, 1, 5, 9],
  );
  assert.deepEqual(
    [bulk.read8(PAGE_BYTES), bulk.read16(5 * PAGE_BYTES), bulk.read32(9 * PAGE_BYTES)],
    [2, 0x909, 0x90909],
  );
  const whole = memory.m8.slice();
  const end = bulk.sizeBytes;
  bulk.write8(-1, 1);
  bulk.write8(end, 1);
  bulk.write16(end - 1, 1);
  bulk.write32(end - 3, 1);
  bulk.write(end - 1, Uint8Array.of(1, 2));
  bulk.fill(end - 1, 2, 1);
  bulk.copy(end - 1, 0, 2);
  bulk.copy(0, end - 1, 2);
  assert.deepEqual(memory.m8, whole);
  assert.deepEqual([bulk.read8(end), bulk.read16(end - 1), bulk.read32(-1)], [0xff, 0xffff, 0xffffffff]);
  // A bus master reaches closed pages.
  const aperture = space.aperture(16 * PAGE_BYTES, BELOW_RAM, { bulk, offset: 0, isWritable: true });
  aperture.place(0xe0000000);
  assert.equal(space.hostPage(0xe0000000), -1, 'closed');
  const read = new Uint8Array(2);
  space.readBytes(0xe0000000 + PAGE_BYTES - 1, read);
  assert.deepEqual([...read], [1, 2]);
  bulk.write8(0, 3);
  space.writeBytes(0xe0000000, Uint8Array.of(4));
  assert.equal(bulk.read8(0), 4);
});
