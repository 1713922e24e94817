/**
 * Inputs that disturb a run are inputs like any other: interrupts that are held back come late by exactly that much, a
 * line that is pulled interrupts, a bit that flips has flipped, and the recording replays on every engine, with devices
 * and without. Trials of one experiment do not know of each other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { loadEngine } from '../../src/engines.ts';
import { engineNames, logEvents, record, replay } from '../../src/library.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { flatGuest, setUpPic } from '../support/flat-guest.ts';

/** Counts interrupts of line 5 and leaves with the count and a byte of its memory when nothing happens any more. */
const LISTENER = flatGuest(
  `${setUpPic(0xdf)}  xor ebx, ebx
  sti
  mov ecx, 20000
again:
  dec ecx
  jnz again
  cli
  add bl, [flag]
  mov al, bl
  out 0xf4, al
five:
  inc ebx
  push eax
  mov al, 0x20
  out 0x20, al
  pop eax
  iret
flag: db 0`,
  `idt: times 296 db 0
  dw five - 0x100000, 0x08, 0x8e00, 0x10`,
  304,
);

const assembled = assemble(LISTENER);
const images = { kernel: assembled.bytes };
const at = (tick: number, event: TimedInput['event']): TimedInput => ({ tick, event });
const pulse = (tick: number, line = 5): TimedInput[] => [
  at(tick, { kind: 'irq-line', line, level: true }),
  at(tick + 50, { kind: 'irq-line', line, level: false }),
];

test('lines that are pulled, interrupts that are held and bits that flip are replayed on every engine', async () => {
  const flag = 0x100000 + Buffer.from(assembled.bytes).indexOf(Uint8Array.of(0x58, 0xcf, 0x00)) + 2;
  const inputs = [
    ...pulse(5000),
    at(8000, { kind: 'hold-interrupts', ticks: 3000 }),
    ...pulse(8500),
    at(15_000, { kind: 'flip-bit', address: flag, bit: 4 }),
  ];
  const { log, debugExit } = await record({ images, memoryMegabytes: 4, inputs, maxTicks: 400_000 });
  assert.equal(debugExit, 1 + 16, 'one interrupt arrived, the other was gone before it could, and the bit had flipped');
  const late = await record({
    images,
    memoryMegabytes: 4,
    inputs: [at(8000, { kind: 'hold-interrupts', ticks: 3000 }), at(8500, { kind: 'irq-line', line: 5, level: true })],
    maxTicks: 400_000,
  });
  assert.equal(late.debugExit, 1);
  const arrived = [...logEvents(openLog(late.log))].find(({ event }) => event.kind === 'interrupt');
  assert.equal(arrived?.tick, 11_000);
  for (const recorded of [log, late.log]) {
    for (const engine of engineNames()) {
      for (const devices of ['model', 'log'] as const) {
        const again = await replay(recorded, { images, engine, devices });
        assert.equal(again.divergence, null, `${engine}, devices ${devices}`);
      }
    }
  }
});

test('a trial gives the same outcome whatever was tried before it', async () => {
  const kernel = buildGuest('race');
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, epochSeconds: 0, maxTicks: 600_000 });
  const { machine: manifest } = openLog(log).header;
  const makeEngine = await loadEngine('tiered');
  const setup = {
    manifest,
    images: new Map([['kernel', kernel]]),
    makeEngine,
    recorded: [],
    script: [],
    failures: [parseFailure('exit:0x11')],
  };
  const fresh = (): Experiment => {
    const experiment = new Experiment(setup);
    experiment.stand(100_000);
    return experiment;
  };
  const used = fresh();
  const byte = fc.integer({ min: 0x31, max: 0x39 }).map((code) => Uint8Array.of(code));
  const input = fc.record({
    tick: fc.integer({ min: 100_000, max: 480_000 }),
    event: fc.oneof(
      fc.record({ kind: fc.constant('serial' as const), port: fc.constant(0), bytes: byte }),
      fc.record({ kind: fc.constant('hold-interrupts' as const), ticks: fc.integer({ min: 1, max: 50_000 }) }),
      fc.record({ kind: fc.constant('flip-bit' as const), address: fc.nat(0x3fffff), bit: fc.nat(7) }),
    ),
  });
  fc.assert(
    fc.property(fc.array(input, { maxLength: 6 }), (inputs) => {
      inputs.sort((a, b) => a.tick - b.tick);
      assert.deepEqual(used.run(inputs, 500_000), fresh().run(inputs, 500_000));
    }),
    { numRuns: 25 },
  );
});

test('runs that end while states are compared end as they do by themselves', async () => {
  const kernel = buildGuest('race');
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, epochSeconds: 0, maxTicks: 600_000 });
  const { machine: manifest } = openLog(log).header;
  const setup = {
    manifest,
    images: new Map([['kernel', kernel]]),
    makeEngine: await loadEngine('tiered'),
    recorded: [],
    script: [],
    failures: ['hang', 'serial:"LOST"'].map(parseFailure),
  };
  const [merging, alone] = [new Experiment(setup), new Experiment(setup)];
  for (const experiment of [merging, alone]) experiment.stand(501_900);
  const known = { ticks: [510_000, 600_000], known: new Map() };
  let merged = 0;
  const reasons = new Set<string>();
  for (let tick = 501_940; tick < 501_956; tick++) {
    const inputs = [at(tick, { kind: 'serial', port: 0, bytes: Uint8Array.of(0x35) })];
    const [a, b] = [merging.run(inputs, 700_000, known), alone.run(inputs, 700_000)];
    if (a.isMerged) merged++;
    assert.deepEqual([a.fails, a.reason, a.tick, a.debugExit], [b.fails, b.reason, b.tick, b.debugExit]);
    reasons.add(a.reason);
  }
  assert.deepEqual([...reasons].sort(), ['event', 'tick']);
  assert.ok(merged > 0);
});

test('a text that the guest was saying at the moment is heard to its end', async () => {
  const kernel = buildGuest('race');
  const recorded = await record({ images: { kernel }, memoryMegabytes: 4, epochSeconds: 0, maxTicks: 600_000 });
  const { machine: manifest } = openLog(recorded.log).header;
  const text = String.fromCharCode(...recorded.serial.subarray(0, 8));
  assert.match(text, /^[ !#-~]{8}$/);
  const makeEngine = await loadEngine('interp');
  const setup = { manifest, images: new Map([['kernel', kernel]]), makeEngine, recorded: [], script: [], failures: [] };
  const experiment = new Experiment(setup);
  const runFrom = (tick: number, wanted: string) => {
    experiment.failures = [parseFailure(`serial:"${wanted}"`)];
    experiment.stand(tick);
    return experiment.run([], 600_000);
  };
  // A run ends one tick behind the byte.
  const half = runFrom(0, text.slice(0, 4)).tick;
  const whole = runFrom(0, text).tick;
  for (const tick of [half, whole - 1]) assert.deepEqual([runFrom(tick, text).tick, half < whole], [whole, true]);
  assert.ok(!runFrom(whole, text).fails);
});
