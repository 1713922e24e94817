/**
 * The two sides of a race by what they did to memory: a deposit that is lost names its read, the interrupt's write and
 * its own; where the interrupt comes outside the deposit no pair is named.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { racePair } from '../../src/core/chaos/race-pair.ts';
import { openLog } from '../../src/core/log/log.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { loadEngine } from '../../src/engines.ts';
import { record } from '../../src/library.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { flatGuest, setUpPic } from '../support/flat-guest.ts';
import { smallMachine } from './small-machine.ts';

/** The word that the bank's books are in. */
const BALANCE = 0x200000;
const deposit = (tick: number, text: string): TimedInput => ({
  tick,
  event: { kind: 'serial', port: 0, bytes: Uint8Array.of(text.charCodeAt(0)) },
});

test('an interrupt inside a deposit is one side of a race, and one beside it is none', async () => {
  const kernel = buildGuest('race');
  const recorded = [deposit(100_000, '1'), deposit(500_000, '2')];
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, inputs: recorded, maxTicks: 1_000_000 });
  const makeEngine = await loadEngine('tiered');
  const experiment = new Experiment({
    manifest: openLog(log).header.machine,
    images: new Map([['kernel', kernel]]),
    makeEngine,
    recorded,
    script: [],
    failures: [],
  });
  const pairs = new Map<number, string>();
  for (let tick = 899_930; tick < 899_970; tick++) {
    const inputs = [deposit(tick, '3')];
    experiment.stand(tick - 1);
    const { arrivals } = experiment.run(inputs, tick + 200);
    const arrival = arrivals.find(({ vector }) => vector === 0x24);
    if (arrival === undefined) continue;
    const pair = racePair(experiment, inputs, arrival);
    if (pair === null) continue;
    const { before, between, behind } = pair;
    assert.equal(pair.physical & ~3, BALANCE);
    assert.ok(before.tick < arrival.tick && arrival.tick < between.tick && between.tick < behind.tick);
    pairs.set(arrival.eip, [before, between, behind].map(({ isWrite }) => (isWrite ? 'writes' : 'reads')).join(' '));
  }
  assert.ok(pairs.size > 2 && pairs.size < 12, `${pairs.size} instructions`);
  assert.ok([...pairs.values()].includes('reads writes writes'), [...pairs.values()].join('; '));
});

/** Line 5 counts up, line 6 takes its time; the loop takes what was counted, and loses what comes in between. */
const BUSY = flatGuest(
  `${setUpPic(0x9f)}  sti
again:
  mov eax, [0x200000]
  add [0x200004], eax
  nop
  nop
  mov dword [0x200000], 0
  jmp again
five:
  inc dword [0x200000]
  push eax
  mov al, 0x20
  out 0x20, al
  pop eax
  iretd
six:
  push ecx
  mov ecx, 3000
wait:
  dec ecx
  jnz wait
  push eax
  mov al, 0x20
  out 0x20, al
  pop eax
  pop ecx
  iretd`,
  `idt: times 296 db 0
  dw five - 0x100000, 0x08, 0x8e00, 0x10
  dw six - 0x100000, 0x08, 0x8e00, 0x10`,
  312,
);

test('another interrupt right behind, however long, is no part of what was interrupted', async () => {
  const setup = smallMachine('busy', assemble(BUSY).bytes);
  const makeEngine = await loadEngine('tiered');
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures: [] });
  const orders: string[] = [];
  for (let tick = 20_000; tick < 20_006; tick++) {
    const inputs = [5, 6].map((line): TimedInput => ({ tick, event: { kind: 'irq-line', line, level: true } }));
    experiment.stand(tick - 1);
    const { arrivals } = experiment.run(inputs, tick + 200);
    assert.deepEqual(
      arrivals.map(({ vector }) => vector),
      [0x25, 0x26],
    );
    const pair = racePair(experiment, inputs, arrivals[0]);
    if (pair === null || pair.physical >>> 2 !== BALANCE >>> 2) continue;
    orders.push([pair.before, pair.between, pair.behind].map(({ isWrite }) => (isWrite ? 'w' : 'r')).join(''));
    assert.ok(pair.behind.tick > tick + 6000, `${pair.behind.tick}`);
  }
  assert.ok(orders.length >= 3 && orders.includes('rww'), orders.join(' '));
});
