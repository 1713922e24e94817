/**
 * The walk at the end of `npm start`: for customers that arrive at several moments inside a deposit it comes from the
 * message to the very load, store and interrupt that a machine which only runs forwards sees; nowhere else is
 * anything lost, and then there is nothing to walk back from.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EIP } from '../../src/core/state/layout.ts';
import { DebuggerError } from '../../src/host/debugger/debugger-error.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { createMachine, logEvents, openLog, record, serialText } from '../../src/library.ts';
import { walkBack } from '../../src/host/cli/walk-back.ts';

const { bytes, symbols } = assembleGuest('race');
const kernel = new Map([['kernel', bytes]]);
const settings = { images: { kernel: bytes }, memoryMegabytes: 4, epochSeconds: 0 };
const deposit = symbols.get('deposit') ?? 0;
const overflow = symbols.get('deposit_overflow') ?? 0;
const balance = symbols.get('balance') ?? 0;

/** EIP before each tick of a round, without customers. */
async function path(fromTick: number, toTick: number): Promise<Map<number, number>> {
  const guest = await createMachine(settings);
  const seen = new Map<number, number>();
  for (let tick = fromTick; tick < toTick; tick++) {
    guest.run(tick);
    seen.set(tick, guest.machine.cpu.m32[EIP]);
  }
  return seen;
}

async function recordWithCustomer(tick: number) {
  const inputs = [{ tick, event: serialText('7') }];
  return await record({ ...settings, inputs, maxTicks: 400_000 });
}

test('from the message back to load, store and interrupt, early and late in the deposit', async () => {
  const seen = await path(300_000, 301_500);
  const inside = [...seen].filter(([, eip]) => eip > deposit && eip < overflow).map(([tick]) => tick);
  assert.ok(inside.length >= 4);
  for (const tick of [inside[0], inside[inside.length - 1]]) {
    const recorded = await recordWithCustomer(tick);
    const cause = await walkBack(openLog(recorded.log), kernel);
    assert.equal(cause.load.symbol, 'deposit');
    assert.equal(seen.get(cause.load.tick), deposit, 'the run up to the customer is the one without');
    assert.ok(cause.load.tick < tick && tick <= cause.store.tick);
    assert.deepEqual(
      cause.interruptions.map((each) => [each.tick, each.vector, each.eip]),
      [[tick, 0x24, seen.get(tick)]],
    );
    assert.equal(cause.lostValue, cause.staleValue + 7);
    // A machine that never looks back.
    const guest = await createMachine(settings);
    guest.push(serialText('7'), tick);
    guest.run(cause.load.tick);
    assert.equal(guest.machine.space.read32(balance), cause.staleValue);
    guest.run(cause.store.tick);
    assert.equal(guest.machine.space.read32(balance), cause.lostValue);
    assert.equal(guest.machine.cpu.m32[EIP], cause.store.eip);
    guest.run(cause.store.tick + 1);
    assert.ok(guest.machine.space.read32(balance) < cause.lostValue);
    guest.run(cause.symptom.tick);
    assert.equal(guest.machine.cpu.m32[EIP], symbols.get('audit_wrong'));
  }
});

/** The first tick from `fromTick` on at which a customer costs a deposit. */
async function tickInside(fromTick: number): Promise<number> {
  const seen = await path(fromTick, fromTick + 1_500);
  const found = [...seen].find(([, eip]) => eip > deposit && eip < overflow);
  assert.ok(found !== undefined);
  return found[0];
}

test('a deposit that is lost after the last timer interrupt of the run is walked back to as well', async () => {
  // The books are looked at every 16 rounds, of some 1200 ticks each: a loss in the last round before is the one.
  const early = await recordWithCustomer(await tickInside(305_000));
  const { symptom } = await walkBack(openLog(early.log), kernel);
  const tick = await tickInside(symptom.tick - 1_800);
  const recorded = await recordWithCustomer(tick);
  const interrupts = [...logEvents(openLog(recorded.log))].filter(({ event }) => event.kind === 'interrupt');
  assert.equal(interrupts.at(-1)?.tick, tick, 'no interrupt comes after');
  const cause = await walkBack(openLog(recorded.log), kernel);
  assert.deepEqual(
    cause.interruptions.map((each) => each.tick),
    [tick],
  );
});

test('where nothing was lost there is no symptom', async () => {
  const recorded = await recordWithCustomer(200_000);
  await assert.rejects(walkBack(openLog(recorded.log), kernel), DebuggerError);
});
