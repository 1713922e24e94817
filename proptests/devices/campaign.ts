/**
 * Random accesses to everything that a whole machine has, by port and by address, with time between them: nothing
 * throws, and a second machine that is put where the first stands does the same from there, also when everything
 * derived is dropped. Some thousands run in `npm test`; a campaign, which also says what holds the host for 10 ms, is
 * `node dist/proptests/devices/campaign.js [--accesses N] [--seed N]`, and a failure prints the seed of its round.
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Machine } from '../../src/core/machine/machine.ts';
import { PageStore } from '../../src/core/machine/snapshot.ts';
import { createMachine, type MachineSettings } from '../../src/library.ts';
import { numberedDisk } from '../disk/ide-driver.ts';

const ACCESSES_A_ROUND = 2000;
const HOST_MS_MAX = 10;
/** A timer may be programmed to fire at every tick of a halted guest. */
const TICK_MS_MAX = 0.05;

const KERNEL = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start: hlt
jmp start
`;

function machines(): MachineSettings[] {
  const drives = { hda: numberedDisk(64), hdb: numberedDisk(9), cdrom: numberedDisk(160), fda: numberedDisk(2880) };
  const common = {
    memoryMegabytes: 2,
    diskRoomMegabytes: 1,
    vga: 'std',
    hpet: true,
    parallel: true,
    engine: 'interp',
  } as const;
  // It halts wherever it starts, and is no blank image.
  const bios = new Uint8Array(0x10000).fill(0xf4).fill(0x90, 0xfff0, 0xfff8);
  return [
    { ...common, images: { kernel: assemble(KERNEL).bytes, drives } },
    { ...common, images: { bios, drives } },
    { ...common, images: { kernel: assemble(KERNEL).bytes }, serialTiming: 'baud', nsPerTick: 1024 },
  ];
}

const ranges: readonly (readonly [first: number, count: number])[] = [
  ...([
    [0x00, 0x10],
    [0x20, 2],
    [0x40, 4],
    [0x60, 5],
    [0x70, 4],
    [0x80, 0x20],
    [0xa0, 2],
    [0xb2, 2],
    [0xc0, 0x20],
  ] as const),
  ...([
    [0xe9, 1],
    [0xf0, 2],
    [0xf4, 1],
    [0x170, 8],
    [0x1ce, 4],
    [0x1f0, 8],
    [0x2e8, 8],
    [0x2f8, 8],
    [0x376, 1],
    [0x378, 3],
  ] as const),
  ...([
    [0x3b0, 0x30],
    [0x3e8, 8],
    [0x3f0, 8],
    [0x3f8, 8],
    [0x402, 1],
    [0x4d0, 2],
    [0x510, 12],
    [0x600, 0x40],
  ] as const),
  ...([
    [0xcf8, 8],
    [0xc000, 16],
    [0x2000, 24],
    [0, 0x10000],
  ] as const),
];
const windows: readonly (readonly [first: number, bytes: number])[] = [
  ...([
    [0xa0000, 0x20000],
    [0xc0000, 0x40000],
    [0xfec00000, 0x40],
    [0xfed00000, 0x160],
    [0xfee00000, 0x400],
  ] as const),
  ...([
    [0xe0000000, 0x1000000],
    [0xfebf0000, 0x1000],
    [0xffff0000, 0x10000],
    [0, 0x300000],
  ] as const),
];

type Access =
  | { readonly kind: 'in' | 'load'; readonly at: number; readonly size: number }
  | { readonly kind: 'out' | 'store'; readonly at: number; readonly size: number; readonly value: number }
  | { readonly kind: 'run'; readonly ticks: number };

function randomAccess(dice: Random): Access {
  const what = dice.below(20);
  if (what === 0) return { kind: 'run', ticks: 1 + dice.below(dice.pick([3, 100, 5000, 200_000])) };
  const size = dice.pick([1, 1, 1, 2, 4, 4]);
  const isWrite = dice.below(2) === 0;
  const value = dice.pick([
    () => dice.below(0x100),
    () => 1 << dice.below(32),
    () => dice.below(0x1_0000_0000),
    () => dice.pick([0, 0xff, 0x20, 0xec, 0xa0, 0xc8, 0xca, 0x8000_0800 | (dice.below(16) << 11), 0xffff_ffff]),
  ])();
  const word = size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
  if (what < 15) {
    const [first, count] = dice.pick(ranges);
    const at = first + dice.below(count);
    return isWrite ? { kind: 'out', at, size, value: word } : { kind: 'in', at, size };
  }
  const [first, bytes] = dice.pick(windows);
  const at = first + dice.below(bytes / 4) * 4;
  return isWrite ? { kind: 'store', at, size, value: word } : { kind: 'load', at, size };
}

/** What it gave. */
function act(machine: Machine, access: Access): number | string {
  const { board, space } = machine;
  switch (access.kind) {
    case 'run':
      return machine.run(machine.tick + access.ticks);
    case 'in':
      return board.ports.read(access.at, access.size);
    case 'load':
      return space.read(access.at, access.size) >>> 0;
    case 'out':
      board.ports.write(access.at, access.size, access.value);
      return 0;
    case 'store':
      space.write(access.at, access.size, access.value | 0);
      return 0;
  }
}

export interface CampaignReport {
  readonly accesses: number;
  readonly seed: number;
  readonly rounds: number;
  /** Took longer than they may, on both machines and each time that their round was repeated. */
  readonly slow: number;
  readonly slowestMs: number;
}

interface Pair {
  readonly first: Machine;
  readonly second: Machine;
  readonly stores: readonly [PageStore, PageStore];
  readonly begin: ReturnType<PageStore['take']>;
}

/** A slow access is looked at so often before it is believed: a busy host makes any slow. */
const LOOKS_MAX = 6;

interface Slow {
  readonly access: Access;
  readonly milliseconds: number;
}

/** The accesses of a seed; those by their number that took longer than they may, of `suspects` if there are any. */
function goRound({ first, second, stores, begin }: Pair, seed: number, suspects?: ReadonlyMap<number, Slow>) {
  const told = `--seed ${seed} --accesses 1`;
  const dice = new Random(seed);
  stores[0].restore(begin, true);
  for (const [machine, count] of [
    [first, dice.below(ACCESSES_A_ROUND)],
    [second, dice.below(200)],
  ] as const) {
    for (let i = 0; i < count; i++) act(machine, randomAccess(dice));
  }
  const snapshot = stores[0].take();
  stores[1].restore(snapshot, dice.below(2) === 0);
  // A restore forgets what belongs to the run that was left, here as there.
  stores[0].restore(snapshot, true);
  const slow = new Map<number, Slow>();
  let slowestMs = 0;
  for (let i = 0; i < ACCESSES_A_ROUND; i++) {
    const access = randomAccess(dice);
    const startMs = performance.now();
    const expected = act(first, access);
    const middleMs = performance.now();
    const given = act(second, access);
    // What one of them took may be the host's own business.
    const milliseconds = Math.min(middleMs - startMs, performance.now() - middleMs);
    assert.equal(given, expected, `${told}: ${JSON.stringify(access)}`);
    if (i % 500 === 0) second.dropDerived();
    const ticks = access.kind === 'run' ? access.ticks : 0;
    const isSlow = milliseconds > HOST_MS_MAX + ticks * TICK_MS_MAX;
    if (isSlow && suspects?.has(i) !== false) slow.set(i, { access, milliseconds });
    else if (access.kind !== 'run') slowestMs = Math.max(slowestMs, Math.min(milliseconds, HOST_MS_MAX));
  }
  assert.equal(second.hash().root, first.hash().root, told);
  return { slow, slowestMs };
}

export async function accessEverything(
  accesses: number,
  seed: number,
  say?: (line: string) => void,
): Promise<CampaignReport> {
  const pairs = await Promise.all(
    machines().map(async (settings): Promise<Pair> => {
      const [first, second] = [(await createMachine(settings)).machine, (await createMachine(settings)).machine];
      const stores = [new PageStore(first), new PageStore(second)] as const;
      return { first, second, stores, begin: stores[0].take() };
    }),
  );
  let done = 0;
  let rounds = 0;
  let slowestMs = 0;
  let slow = 0;
  for (; done < accesses; rounds++) {
    const roundSeed = seed + rounds;
    const told = `--seed ${roundSeed} --accesses 1`;
    const pair = pairs[roundSeed % pairs.length];
    let round = goRound(pair, roundSeed);
    slowestMs = Math.max(slowestMs, round.slowestMs);
    for (let looks = 1; round.slow.size > 0 && looks < LOOKS_MAX; looks++) {
      round = goRound(pair, roundSeed, round.slow);
    }
    for (const { access, milliseconds } of round.slow.values()) {
      slow++;
      slowestMs = Math.max(slowestMs, milliseconds);
      say?.(`${told}: ${JSON.stringify(access)} took ${milliseconds.toFixed(1)} ms on both machines, again and again`);
    }
    done += ACCESSES_A_ROUND;
    if (rounds % 500 === 499) say?.(`${done} accesses, up to ${told}: the slowest took ${slowestMs.toFixed(2)} ms`);
  }
  return { accesses: done, seed, rounds, slow, slowestMs };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { accesses: { type: 'string' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? 1);
  console.log(`seed ${seed}`);
  const report = await accessEverything(Number(values.accesses ?? 10_000_000), seed, (line) => console.log(line));
  console.log(JSON.stringify(report));
  if (report.slow > 0) process.exitCode = 1;
}
