/**
 * The built-in guests on the machine: each prints and ends as guests.json says; benchmarks with small counts agree
 * with models written here (SHA-256 with Node's); the demo's deposit is lost exactly when a byte comes between load
 * and store.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { assembleGuest, buildGuest, findGuest, listGuests } from '../../src/host/node/guest-images.ts';
import { type BootedMachine, createMachine, serialText } from '../../src/library.ts';
import { EIP } from '../../src/core/state/layout.ts';

interface Guest extends BootedMachine {
  text(): string;
}

async function boot(name: string, append = ''): Promise<Guest> {
  let text = '';
  const machine = await createMachine({
    images: { kernel: buildGuest(name) },
    append,
    memoryMegabytes: 8,
    hashEveryTicks: 0,
    reboot: false,
    onSerial: (_line, byte) => {
      text += String.fromCharCode(byte);
    },
  });
  return Object.assign(Object.create(machine) as BootedMachine, { text: () => text });
}

async function outputOf(name: string, append: string): Promise<string> {
  const guest = await boot(name, append);
  assert.equal(guest.run(100e6), 'debug-exit', guest.text());
  assert.equal(guest.machine.debugExitValue, 0x10);
  return guest.text();
}

for (const guest of listGuests()) {
  // Benchmarks run long by default: below with small counts.
  if (guest.kind === 'benchmark') continue;
  test(`${guest.name}: ${guest.description}`, async () => {
    const machine = await boot(guest.name);
    if (guest.input !== undefined) machine.push(serialText(guest.input), 1_000_000);
    assert.equal(machine.run(guest.ticks * 2), 'debug-exit', machine.text());
    assert.equal(machine.text(), guest.output);
    assert.equal((machine.machine.debugExitValue << 1) | 1, guest.status);
    const ratio = machine.tick / guest.ticks;
    assert.ok(guest.input !== undefined || (ratio > 0.9 && ratio < 1.1), `${machine.tick} ticks, not ${guest.ticks}`);
  });
}

test('sieve', async () => {
  assert.equal(await outputOf('sieve', '1'), findGuest('sieve').output);
});

test('sha256 agrees with Node for every small number of blocks', async () => {
  for (const count of [0, 1, 2, 17]) {
    const hash = createHash('sha256');
    for (let n = 0; n < count; n++) hash.update(Uint8Array.from({ length: 64 }, (_, i) => 7 * i + n));
    assert.equal(await outputOf('sha256', `${count}`), `SHA-256: ${hash.digest('hex')}\n`);
  }
});

const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const rotateLeft = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

test('matmul agrees with a model', async () => {
  let x = 12345;
  const numbers = Int32Array.from({ length: 8192 }, () => {
    x = (Math.imul(x, 1103515245) + 12345) | 0;
    return x;
  });
  const [a, b] = [numbers.slice(0, 4096), numbers.slice(4096)];
  let sum = 0;
  for (let turn = 0; turn < 2; turn++) {
    const c = new Int32Array(4096);
    for (let i = 0; i < 64; i++)
      for (let j = 0; j < 64; j++)
        for (let k = 0; k < 64; k++) c[i * 64 + j] += Math.imul(a[i * 64 + k], b[k * 64 + j]);
    for (let i = 0; i < 4096; i++) a[i] = c[i] + 4096 - i;
    sum = c.reduce((total, each) => rotateLeft(total, 5) ^ each, 0);
  }
  assert.equal(await outputOf('matmul', '2'), `matrix checksum: ${hex8(sum)}\n`);
});

test('sort agrees with a model', async () => {
  let seed = 2026;
  let sum = 0;
  for (let turn = 0; turn < 3; turn++) {
    const array = Uint32Array.from({ length: 4096 }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return seed >>> 7;
    });
    for (const each of array.sort().subarray(1)) sum = (rotateLeft(sum, 3) + each) | 0;
  }
  assert.equal(await outputOf('sort', '3'), `sorted, checksum: ${hex8(sum)}\n`);
});

test('mix prints what QEMU and NASM make of it', async () => {
  assert.equal(await outputOf('mix', '1000'), 'sum f1e36041, cases 176 205 186 234 199\n');
});

test('a benchmark takes the last word of its command line, and only a number', async () => {
  const withCount = await outputOf('sieve', 'quiet 2');
  const ticks = async (append: string): Promise<number> => {
    const guest = await boot('sieve', append);
    guest.run(3_000_000);
    return guest.tick;
  };
  assert.equal(withCount, findGuest('sieve').output);
  assert.ok((await ticks('1')) < (await ticks('2')));
  assert.equal(await ticks('2 x'), 3_000_000, 'no number: the default count, which takes longer');
});

test('race: a deposit is lost when a byte comes between load and store, and only then', async () => {
  const symbols = assembleGuest('race').symbols;
  const [first, last] = ['deposit', 'deposit_overflow'].map((name) => symbols.get(name) ?? 0);
  assert.ok(first > 0 && last > first);
  // One round, instruction by instruction: the ticks before which EIP lies in the window, and some others.
  const walk = await boot('race');
  walk.run(300_000);
  const inside: number[] = [];
  const outside: number[] = [];
  for (let tick = 300_000; tick < 301_500; tick++) {
    walk.run(tick);
    const eip = walk.machine.cpu.m32[EIP];
    if (eip > first && eip < last) inside.push(tick);
    else if (tick % 300 === 0) outside.push(tick);
  }
  assert.ok(inside.length >= 4 && outside.length >= 4);
  for (const [ticks, isLost] of [
    [inside, true],
    [outside, false],
  ] as const) {
    for (const tick of ticks.slice(0, 5)) {
      const guest = await boot('race');
      guest.push(serialText('7'), tick);
      const reason = guest.run(400_000);
      assert.equal(reason, isLost ? 'debug-exit' : 'tick', `byte at tick ${tick}`);
      assert.equal(guest.text().includes('LOST UPDATE'), isLost);
      if (isLost) assert.equal(guest.machine.debugExitValue, 0x11);
    }
  }
});

test('an unknown guest is named with those there are', () => {
  assert.throws(() => findGuest('nothing'), /no built-in guest "nothing": choose race, /);
});
