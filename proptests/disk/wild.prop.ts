/**
 * Drives and chipset under anything that a guest may do to their ports: random accesses, commands with random task
 * files, bus masters with tables of random bytes. Nothing throws, and at any moment what is saved is loaded into a
 * second board that goes on exactly alike. REPRISE_CASES and REPRISE_SEED for more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytesSource } from '../../src/core/board/image.ts';
import { type Action, Harness, type HarnessOptions, perform, printActions } from '../devices/harness.ts';
import { fuzz } from '../devices/tamper.ts';
import { numberedDisk } from './ide-driver.ts';

const numRuns = Number(process.env.REPRISE_CASES ?? 60);
const seed = Number(process.env.REPRISE_SEED ?? 4);

const byte = fc.integer({ min: 0, max: 255 });
const size = fc.constantFrom(1, 1, 2, 4);
const out = (port: number, value: number, width = 1): Action => ({ do: 'out', port, size: width, value });
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

const PORTS = [
  ...[...range(0x1f0, 8), 0x3f6, ...range(0x170, 8), 0x376, ...range(0xc000, 16)],
  ...[...range(0x510, 2), 0x514, 0x518, 0xcf8, 0xcfc, 0xcfe, 0xcf9, 0x3f2, 0x3f4, 0x3f5, 0x3f7],
];

const COMMANDS = [
  ...[0x00, 0x08, 0x10, 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x90, 0x91, 0xa0, 0xa1, 0xb0],
  ...[0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe5, 0xe7, 0xec, 0xef, 0xf8],
];

const single = fc.oneof(
  fc.record({ port: fc.constantFrom(...PORTS), size }).map(({ port, size }): Action[] => [{ do: 'in', port, size }]),
  fc
    .record({ port: fc.constantFrom(...PORTS), size, value: fc.oneof(byte, fc.nat(0x7fffffff)) })
    // Resets of the whole machine are another's.
    .map(({ port, size, value }): Action[] => [out(port, port === 0xcf9 ? value & ~4 : value, size)]),
);

const runs = fc.constantFrom(1, 100, 3000, 100_000).map((ticks): Action[] => [{ do: 'run', ticks }]);

const command = fc
  .record({
    base: fc.constantFrom(0x1f0, 0x1f0, 0x170),
    device: byte,
    registers: fc.tuple(byte, byte, fc.nat(9), fc.nat(2), fc.constantFrom(0, 0, 0, 0xeb, 0x4f)),
    command: fc.oneof(fc.constantFrom(...COMMANDS), byte),
    moves: fc.nat(300),
    ticks: fc.constantFrom(0, 5000, 50_000),
  })
  .map(({ base, device, registers, command, moves, ticks }): Action[] => [
    out(base + 6, device),
    ...registers.map((value, i) => out(base + 1 + i, value)),
    out(base + 7, command),
    { do: 'run', ticks },
    ...range(0, moves).map((i): Action => (i % 2 === 0 ? { do: 'in', port: base, size: 2 } : out(base, i, 2))),
    { do: 'in', port: base + 7, size: 1 },
  ]);

const master = fc
  .record({
    base: fc.constantFrom(0xc000, 0xc008),
    table: fc.constantFrom(0x1000, 0x1ffe8, 0xfff0),
    way: fc.constantFrom(1, 9),
  })
  .map(({ base, table, way }): Action[] => [
    out(base, 0),
    out(base + 4, table, 4),
    out(base, way),
    { do: 'run', ticks: 60_000 },
  ]);

const transfer = fc
  .record({ word: fc.constantFrom(0x1000, 0x1fff8, 0xffff_fff0) })
  .map(({ word }): Action[] => [out(0x514, 0, 4), out(0x518, swap(word), 4)]);

function swap(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

const actions = fc
  .array(fc.oneof({ weight: 4, arbitrary: single }, command, command, master, runs, transfer), { maxLength: 30 })
  .map((lists) => lists.flat());

const contents = {
  ...{ hda: numberedDisk(300), hdd: numberedDisk(70, 9), cdrom: numberedDisk(200) },
  ...{ fda: numberedDisk(2880), medium1: numberedDisk(100) },
};
const images = Object.entries(contents).map(([role, bytes]) => ({
  role,
  source: bytesSource(bytes),
}));

const firmware = {
  romBytes: 0x10000,
  files: new Map([['etc/test', Uint8Array.of(1, 2, 3)]]),
  hasScreen: false,
  hasBootMenu: false,
  bootOrder: 'c',
};

function boardWith(options: HarnessOptions, filler: number): Harness {
  const harness = new Harness({ ...options, images });
  for (let i = 0; i < harness.memory.length; i++) harness.memory[i] = (i * filler + (i >> 5)) & 0xff;
  return harness;
}

for (const [name, options] of [
  ['a machine without firmware', {}],
  ['a machine with firmware', { firmware }],
] as const) {
  test(`${name}: random accesses throw nothing, take no time, and are gone on with after saving`, () => {
    fc.assert(
      fc.property(actions, actions, byte, (before, after, filler) => {
        const told = `${printActions(before)} | ${printActions(after)}`;
        const first = boardWith(options, filler);
        for (const action of before) perform(first, action);
        const second = boardWith({ ...options, tick: first.tick }, filler);
        second.memory.set(first.memory);
        for (const [bulk, { bytes }] of first.bulks) second.bulks.get(bulk)?.bytes.set(bytes);
        second.board.load([...first.board.save()].reverse());
        second.intr = first.intr;
        assert.equal(second.save(), first.save(), `loading changed the state: ${told}`);
        first.trace.length = 0;
        second.trace.length = 0;
        for (const action of after) {
          perform(first, action);
          perform(second, action);
        }
        assert.deepEqual(second.trace, first.trace, told);
        assert.equal(second.save(), first.save(), told);
        assert.deepEqual(second.memory, first.memory, told);
        for (const [bulk, { bytes }] of first.bulks) assert.deepEqual(second.bulks.get(bulk)?.bytes, bytes, told);
      }),
      { seed, numRuns },
    );
  });
}

const packet = fc
  .tuple(fc.constantFrom(0x03, 0x12, 0x1b, 0x25, 0x28, 0x43, 0x46, 0x4a, 0x5a), byte, byte)
  .map(([operation, first, second]): Action[] => [
    ...[
      out(0x176, 0xa0),
      out(0x174, second),
      out(0x175, first & 7),
      out(0x177, 0xa0),
      { do: 'run', ticks: 3000 } as const,
    ],
    ...[operation, first, 0, 0, 0, 1].map((word) => out(0x170, word, 2)),
    { do: 'run', ticks: 30_000 },
    ...range(0, 40).map((): Action => ({ do: 'in', port: 0x170, size: 2 })),
  ]);
const diskette = fc
  .tuple(fc.constantFrom(0xe6, 0xc5, 0x07, 0x0f, 0x4a, 0x4d, 0x08), fc.array(byte, { maxLength: 9 }))
  .map(([operation, operands]): Action[] => [
    ...[
      out(0x3f2, 0x0c),
      { do: 'run', ticks: 5000 } as const,
      out(0x3f5, 8),
      { do: 'in', port: 0x3f5, size: 1 } as const,
    ],
    ...[operation, ...operands].map((value) => out(0x3f5, value)),
    { do: 'run', ticks: 30_000 },
  ]);

for (const [name, device, options] of [
  ['drives', /^(ide|floppy)$/, { images }],
  ['chipset', /^(pci|fw-cfg|acpi-pm|rtc)$/, { images, firmware }],
] as const) {
  test(`${name}: a changed state is refused by name or gives a board that works`, () => {
    const tally = fuzz({ ports: PORTS, recipes: [command, master, packet, diskette] }, device, 31, 300, options);
    assert.ok(tally.refused > 30 && tally.loaded > 30, JSON.stringify(tally));
  });
}
