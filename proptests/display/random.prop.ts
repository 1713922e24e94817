/**
 * Random accesses to the VGA: nothing throws, what it shows can always be drawn, and a machine that loads the state of
 * another goes on exactly alike, picture included. States that are changed are refused by name or work.
 * `REPRISE_CASES=N` makes it N rounds, `REPRISE_SEED=S` other ones.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { StateError } from '../../src/core/base/fields.ts';
import { Random } from '../../src/core/base/random.ts';
import { PageStore, type Snapshot } from '../../src/core/machine/snapshot.ts';
import { Bench } from './fixture.ts';
import { CGA_4, EGA_320, MODE_X, TEXT_40, TEXT_80, VGA_320, VGA_640 } from './modes.ts';
import { FRAME_BUFFER, REGISTERS } from './vga-guest.ts';

const ROUNDS = Number(process.env.REPRISE_CASES ?? 12);
const SEED = Number(process.env.REPRISE_SEED ?? 1);
const ACCESSES = 3000;
const MODES = [CGA_4, EGA_320, MODE_X, TEXT_40, TEXT_80, VGA_320, VGA_640];
const SIZES = [1, 2, 4] as const;

/** One access, or a change of mode; what was read. */
function access(bench: Bench, dice: Random): number {
  const size = SIZES[dice.below(3)];
  const value = dice.below(3) === 0 ? dice.below(8) : dice.word();
  const masked = size === 4 ? value : value & (size === 2 ? 0xffff : 0xff);
  const isRead = dice.below(3) === 0;
  const kind = dice.below(1000);
  if (kind < 3) bench.mode(MODES[dice.below(MODES.length)]);
  else if (kind < 8) bench.machine.board.reset();
  else if (kind < 20) {
    // Offsets that are multiples of four, so that the mechanism of the host bridge is what is reached.
    const offset = [0x04, 0x10, 0x18, 0x30][dice.below(4)];
    const places = [0x00000003, FRAME_BUFFER, REGISTERS, 0xe4000001];
    bench.config(offset, dice.below(3) === 0 ? dice.word() : places[[0x04, 0x10, 0x18, 0x30].indexOf(offset)]);
  } else if (kind < 80) bench.dispi(dice.below(12), [dice.word() & 0xffff, dice.below(1100), 0x41, 32][dice.below(4)]);
  else if (kind < 420) {
    const port = dice.below(10) === 0 ? 0x1ce + dice.below(3) : 0x3b4 + dice.below(0x28);
    if (isRead) return bench.in(port, size);
    bench.out(port, masked, size);
  } else {
    const address =
      kind < 700
        ? 0xa0000 + dice.below(0x20000)
        : kind < 900
          ? FRAME_BUFFER + dice.below(16 << 20)
          : REGISTERS + [0x400, 0x500, 0][dice.below(3)] + dice.below(0x30);
    // An instruction's access lies within one page.
    const at = (address & 0xfff) + size > 0x1000 ? address & ~0xf : address;
    if (isRead) return bench.read(at, size);
    bench.write(at, masked, size);
  }
  return 0;
}

function look(bench: Bench): string {
  const { width, height, rgba } = bench.screen(3);
  return `${width} ${height} ${createHash('sha1').update(rgba).digest('hex')} ${bench.text()?.join('|') ?? ''}`;
}

test('random accesses: nothing throws, and a loaded state goes on the same', async () => {
  const dice = new Random(SEED);
  const first = await Bench.make();
  const second = await Bench.make();
  const store = new PageStore(first.machine);
  const other = new PageStore(second.machine);
  for (let round = 0; round < ROUNDS; round++) {
    const told = `round ${round}, REPRISE_SEED=${SEED}`;
    for (let i = 0; i < ACCESSES; i++) access(first, dice);
    other.restore(store.take(), dice.below(2) === 0);
    assert.equal(second.machine.hash().root, first.machine.hash().root, told);
    assert.equal(look(second), look(first), told);
    const seed = dice.word();
    const reads = [first, second].map((bench) => {
      const own = new Random(seed);
      return Array.from({ length: ACCESSES / 10 }, () => access(bench, own));
    });
    assert.deepEqual(reads[1], reads[0], told);
    assert.equal(second.machine.hash().root, first.machine.hash().root, told);
    assert.equal(look(second), look(first), told);
  }
});

test('a changed state is refused by name or works', async () => {
  const dice = new Random(SEED + 1);
  const bench = await Bench.make();
  const store = new PageStore(bench.machine);
  const snapshots: Snapshot[] = [];
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 1000; j++) access(bench, dice);
    snapshots.push(store.take());
  }
  const tally = { refused: 0, loaded: 0 };
  for (let round = 0; round < 120; round++) {
    const snapshot = snapshots[dice.below(snapshots.length)];
    const board = structuredClone(snapshot.board) as [string, Record<string, unknown>][];
    const state = board.find(([name]) => name === 'vga')?.[1] ?? {};
    const holder = dice.below(3) === 0 ? (state.dispi as Record<string, unknown>) : state;
    const names = Object.keys(holder);
    const name = names[dice.below(names.length)];
    const before = holder[name];
    if (before instanceof Uint8Array) before[dice.below(before.length)] = dice.below(256);
    else holder[name] = dice.below(4) === 0 ? dice.word() : dice.below(64);
    try {
      store.restore({ ...snapshot, board } as Snapshot);
      tally.loaded++;
    } catch (error) {
      assert.ok(error instanceof StateError, `round ${round}, ${name}: ${String(error)}`);
      tally.refused++;
    }
    for (let i = 0; i < 50; i++) access(bench, dice);
    look(bench);
  }
  assert.ok(tally.refused > 5 && tally.loaded > 20, JSON.stringify(tally));
});
