/**
 * A replay that is tampered with says so: one bit of RAM, of a register or of a device flipped at a random tick is
 * reported as a divergence that names the interval, the part and the command to look closer. Every time, when the bit
 * is one that the guest leaves alone; a bit that it overwrites before anything depends on it may also heal, and then
 * nothing may be left of it.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device, DeviceState, DeviceValue } from '../../src/core/board/device.ts';
import { foldFlags } from '../../src/core/state/flags.ts';
import {
  CR2,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  ESP,
  FS,
  GS,
  RAM_BASE,
  SEG_SELECTOR,
} from '../../src/core/state/layout.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { describeDivergence, type Machine, record, replay, serialText } from '../../src/library.ts';

const CASES = 100;
const CASES_ANYWHERE = 30;
const HASH_EVERY_TICKS = 20_000;
const TICKS = 120_000;

const settings = {
  images: { kernel: buildGuest('race') },
  memoryMegabytes: 4,
  hashEveryTicks: HASH_EVERY_TICKS,
  inputs: [30_000, 60_000, 90_000].map((tick) => ({ tick, event: serialText('3') })),
  maxTicks: TICKS,
};

type Meddle = (machine: Machine, dice: Random) => string;

function flipByte(machine: Machine, dice: Random, address: number): string {
  machine.memory.touch(address, 1);
  machine.cpu.m8[RAM_BASE + address] ^= 1 << dice.below(8);
  return `page ${address >>> 12} `;
}

function flipRegister(machine: Machine, dice: Random, names: readonly string[]): string {
  const name = dice.pick(names);
  foldFlags(machine.cpu);
  machine.cpu.m32[REGISTERS[name]] ^= 1 << dice.below(name.length === 2 ? 16 : 32);
  return `register ${name}`;
}

const REGISTERS: Readonly<Record<string, number>> = {
  ...{ eax: EAX, ecx: ECX, edx: EDX, ebx: EBX, esp: ESP, ebp: EBP, esi: ESI, edi: EDI },
  ...{ cr2: CR2, fs: SEG_SELECTOR + FS, gs: SEG_SELECTOR + GS },
};

/** Never written by the guest once it runs. */
const QUIET_REGISTERS = ['ebp', 'cr2', 'fs', 'gs'];
const QUIET_DEVICES = ['uart1', 'uart2', 'uart3'];

/** Numbers and booleans of a saved state, as functions that change them. */
function fieldsOf(state: DeviceState, change: (() => void)[] = []): (() => void)[] {
  const visit = (holder: Record<string, DeviceValue> | DeviceValue[], key: string | number): void => {
    const slots = holder as Record<string | number, DeviceValue>;
    const value = slots[key];
    if (typeof value === 'boolean') change.push(() => (slots[key] = !value));
    else if (typeof value === 'number' && Number.isSafeInteger(value)) change.push(() => (slots[key] = value ^ 1));
    else if (value instanceof Uint8Array) change.push(() => (value[value.length >> 1] ^= 1));
    else if (Array.isArray(value)) value.forEach((_, i) => visit(value, i));
    else if (value !== null && typeof value === 'object') {
      for (const name of Object.keys(value)) visit(value, name);
    }
  };
  for (const name of Object.keys(state)) visit(state, name);
  return change;
}

/** A field that can be changed: what makes a state that no device can be in is refused. */
function flipDevice(machine: Machine, dice: Random, names: readonly string[]): string {
  for (;;) {
    const device: Device = dice.pick(
      machine.board.devices.filter(({ name }) => names.length === 0 || names.includes(name)),
    );
    const before = device.fields.save();
    const state = structuredClone(before);
    const flips = fieldsOf(state);
    if (flips.length === 0) continue;
    dice.pick(flips)();
    const armed = machine.clock.save();
    const moment = { tick: machine.tick, due: (id: string) => Number(armed[id] ?? Number.POSITIVE_INFINITY) };
    if (device.fields.problem(state, moment) !== null) continue;
    device.fields.load(state);
    // There is no bit to flip in an empty list.
    if (JSON.stringify(device.fields.save()) !== JSON.stringify(before)) return `device ${device.name}`;
  }
}

async function tampered(seed: number, meddle: Meddle) {
  const dice = new Random(seed);
  const atTick = 5000 + dice.below(TICKS - 10_000);
  let part = '';
  const replayed = await replay(log, {
    images: settings.images,
    inspect: {
      everyTicks: atTick,
      look: (machine) => {
        if (part === '') part = meddle(machine, dice);
      },
    },
  });
  return { replayed, atTick, part };
}

const recorded = await record(settings);
const { log } = recorded;

test('the run that is tampered with replays when it is left alone', async () => {
  const { divergence } = await replay(log, { images: settings.images, inspect: { everyTicks: 777, look: () => {} } });
  assert.equal(divergence, null);
});

function assertReported(seed: number, result: Awaited<ReturnType<typeof tampered>>): string {
  const { replayed, atTick, part } = result;
  const { divergence } = replayed;
  assert.ok(divergence !== null, `seed ${seed}: ${part} changed at tick ${atTick} and nothing was reported`);
  assert.ok(
    divergence.agreedTick <= atTick,
    `seed ${seed}: agreed up to ${divergence.agreedTick}, changed at ${atTick}`,
  );
  assert.ok(divergence.tick >= atTick, `seed ${seed}: reported at ${divergence.tick}, changed at ${atTick}`);
  // What is not consumed on the way shows at the next state hash at the latest.
  if (divergence.kind === 'state')
    assert.ok(divergence.tick - divergence.agreedTick <= HASH_EVERY_TICKS, `seed ${seed}`);
  const text = describeDivergence(divergence, 'x.rlog');
  assert.match(text, new RegExp(`after tick ${divergence.agreedTick} and by tick ${divergence.tick}`));
  assert.match(text, /reprise events x\.rlog --from \d+ --to \d+/);
  return text;
}

const quiet: Record<string, Meddle> = {
  'a page of RAM': (machine, dice) => flipByte(machine, dice, 0x300000 + dice.below(0x100000)),
  'a register': (machine, dice) => flipRegister(machine, dice, QUIET_REGISTERS),
  'a device': (machine, dice) => flipDevice(machine, dice, QUIET_DEVICES),
};

for (const [name, meddle] of Object.entries(quiet)) {
  test(`one bit of ${name} flipped at a random tick is reported and named, ${CASES} of ${CASES} times`, async () => {
    for (let seed = 1; seed <= CASES; seed++) {
      const result = await tampered(seed, meddle);
      const text = assertReported(seed, result);
      assert.ok(
        `${text} `.includes(result.part),
        `seed ${seed}: ${result.part} changed at tick ${result.atTick}: ${text}`,
      );
    }
  });
}

const anywhere: Record<string, Meddle> = {
  'the guest and its data': (machine, dice) =>
    flipByte(machine, dice, dice.pick([0x100000, 0x200000]) + dice.below(0x500)),
  'any general register': (machine, dice) => flipRegister(machine, dice, Object.keys(REGISTERS)),
  'any device': (machine, dice) => flipDevice(machine, dice, []),
};

for (const [name, meddle] of Object.entries(anywhere)) {
  test(`one bit of ${name} flipped at a random tick is reported, or nothing is left of it`, async () => {
    let reported = 0;
    for (let seed = 1; seed <= CASES_ANYWHERE; seed++) {
      const result = await tampered(seed, meddle);
      if (result.replayed.divergence === null) assert.equal(result.replayed.hash, recorded.hash, `seed ${seed}`);
      else {
        assertReported(seed, result);
        reported++;
      }
    }
    assert.ok(reported > CASES_ANYWHERE / 2, `${reported} of ${CASES_ANYWHERE}`);
  });
}
