/**
 * Perturbations are what their knobs say, within the run and within what the machine has, in the order of their ticks;
 * a seed gives the same plan again. What tells runs apart is collected without being counted twice. Pairs of
 * placements: all of them within the budget, else different ones, and each that fails is found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { concatenate } from '../../src/core/base/bytes.ts';
import { Random } from '../../src/core/base/random.ts';
import { finishCampaign } from '../../src/core/chaos/campaign.ts';
import { spoiled } from '../../src/core/chaos/bad-line.ts';
import { chaos } from '../../src/core/chaos/chaos.ts';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { explorePairs } from '../../src/core/chaos/explore-pairs.ts';
import { someVariant, variantHorizon, variantManifest } from '../../src/core/chaos/machine-variant.ts';
import { Novelties } from '../../src/core/chaos/novelties.ts';
import { type Knob, KNOBS, makeContinuation, makePlan, varyPlan } from '../../src/core/chaos/perturb.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { recordTrial } from '../../src/core/chaos/record-trial.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { openLog } from '../../src/core/log/log.ts';
import { loadEngine } from '../../src/engines.ts';
import { engineNames, replay } from '../../src/library.ts';
import { assembleRace } from '../../src/host/node/guest-images.ts';
import { flatGuest, setUpPic } from '../support/flat-guest.ts';
import { smallMachine } from './small-machine.ts';

/** Null: it changes the machine, and no input. */
const KIND: Readonly<Record<Knob, InputEvent['kind'] | null>> = {
  latency: 'stall',
  powercut: 'power-cut',
  hold: 'hold-interrupts',
  jitter: 'hold-interrupts',
  entropy: 'time-stamp',
  input: 'serial',
  line: 'serial',
  spurious: 'irq-line',
  nmi: 'nmi',
  reset: 'reset',
  disk: 'disk-fault',
  epoch: 'epoch',
  memory: null,
  ratio: null,
  flip: 'flip-bit',
};
const key: TimedInput = { tick: 60_000, event: { kind: 'serial', port: 0, bytes: Uint8Array.of(0x31) } };

test('each knob makes what it says, inside the machine, behind the moment, in order', () => {
  const knob = fc.constantFrom(...(Object.keys(KNOBS) as Knob[]));
  fc.assert(
    fc.property(knob, fc.integer(), (name, seed) => {
      const settings = {
        ...{ knobs: [name], inputs: [key], fromTick: 50_000, endTick: 900_000, interruptTicks: [70_000, 400_000] },
        ...{ ramBytes: 1 << 22, epochSeconds: 1e9, drives: [{ drive: 'hda', sectors: 2048 }] },
      };
      const plan = makePlan(new Random(seed), settings);
      assert.deepEqual(makePlan(new Random(seed), settings), plan);
      const others = [makeContinuation(new Random(seed), settings), varyPlan(new Random(seed), settings, plan)];
      for (const inputs of [plan, ...others]) {
        let before = settings.fromTick;
        for (const { tick, event } of inputs) {
          assert.ok(tick >= before, `${tick} behind ${before}`);
          before = tick;
          assert.ok([KIND[name], 'serial', name === 'powercut' ? 'reset' : null].includes(event.kind));
          if (event.kind === 'flip-bit') assert.ok(event.address < settings.ramBytes);
          if (event.kind === 'disk-fault') assert.ok(event.from < event.to && event.to <= 2048);
          if (event.kind === 'epoch') assert.ok(Math.abs(event.seconds - settings.epochSeconds) <= 366 * 86_400);
        }
        assert.ok(['input', 'line', 'hold'].includes(name) || inputs.includes(key), 'what was there stays');
      }
      if (KIND[name] === null || name === 'entropy') assert.deepEqual(plan, [key]);
      if (['disk', 'latency', 'powercut'].includes(name))
        assert.deepEqual(makePlan(new Random(seed), { ...settings, drives: [] }), [key]);
    }),
  );
});

test('a bad line loses a byte, doubles one or turns a bit, nothing else', () => {
  const bytes = Uint8Array.from([...'hello'].map((letter) => letter.charCodeAt(0)));
  const input: TimedInput = { tick: 5, event: { kind: 'serial', port: 1, bytes } };
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const arriving = spoiled(new Random(seed), input);
    assert.ok(
      arriving !== null && arriving.tick === 5 && arriving.event.kind === 'serial' && arriving.event.port === 1,
    );
    const got = [...arriving.event.bytes];
    const turned = got.reduce((sum, byte, i) => sum + (byte ^ bytes[i]).toString(2).replaceAll('0', '').length, 0);
    const without = (list: ArrayLike<number>, at: number): string => `${Array.from(list).filter((_, i) => i !== at)}`;
    const isDoubled = got.some((byte, i) => byte === got[i + 1] && without(got, i) === `${bytes}`);
    const isLost = bytes.some((_, i) => without(bytes, i) === `${got}`);
    assert.ok(got.length === 5 ? turned === 1 : isDoubled || isLost, `${got}`);
    seen.add(`${got.length}`);
  }
  assert.deepEqual([...seen].sort(), ['4', '5', '6']);
  const alone: TimedInput = { tick: 5, event: { kind: 'serial', port: 0, bytes: Uint8Array.of(1) } };
  const all = Array.from({ length: 50 }, (_, seed) => spoiled(new Random(seed), alone));
  assert.ok(all.includes(null) && all.some((one) => one !== null));
});

test('what a guest takes for chance is another from its first tick on, and replays', async () => {
  const guest = { ramBytes: 1 << 22, epochSeconds: 0, drives: [] };
  const plan = { knobs: ['entropy' as const], inputs: [], fromTick: 0, endTick: 100, interruptTicks: [], ...guest };
  // It fails for one value of four bits.
  const source = flatGuest('  rdtsc\n  and eax, 0xf00\n  cmp eax, 0x700\n  sete al\n  out 0xf4, al');
  const kernel = assemble(source).bytes;
  const setup = smallMachine('chance', kernel);
  const makeEngine = await loadEngine('interp');
  const failures = [parseFailure('exit:1')];
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  assert.equal(experiment.run([], 1000).fails, false);
  const settings = { seed: 1, runs: 200, plan, horizonTick: 1000, machine: setup.manifest };
  const { failing } = finishCampaign(experiment, chaos(settings));
  assert.ok(failing !== null && failing.inputs.every(({ tick, event }) => tick === 0 && event.kind === 'time-stamp'));
  const frames: Uint8Array[] = [];
  const { inputs } = failing;
  const trial = { ...setup, makeEngine, script: [], failures, horizonTick: 1000, inputs, creator: 'test' };
  assert.ok(recordTrial({ ...trial, sink: (frame) => frames.push(frame) }));
  for (const engine of engineNames()) {
    const again = await replay(concatenate(frames), { images: { kernel }, engine });
    assert.deepEqual([again.divergence, again.debugExit], [null, 1], engine);
  }
});

test('other machines: more memory, another time of a tick, each in the manifest of the failing run', async () => {
  const base = { memoryMegabytes: 4, nsPerTick: 8 };
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    assert.equal(someVariant(new Random(seed), ['hold'], base), null);
    const variant = someVariant(new Random(seed), ['memory', 'ratio'], base) ?? base;
    assert.ok(variant.memoryMegabytes >= 4 && variant.memoryMegabytes <= 8);
    assert.ok([2, 4, 8, 16, 32].includes(variant.nsPerTick));
    seen.add(JSON.stringify(variant));
    assert.equal(variantHorizon(1000, base, variant), 1000 * Math.max(1, 8 / variant.nsPerTick));
  }
  assert.equal(seen.size, 20, 'every memory with every ratio');
  // A guest that asks how much it runs in a millisecond: it fails where a tick takes long.
  const kernel = assembleRace('lost-update').bytes;
  const setup = smallMachine('slow', kernel);
  const makeEngine = await loadEngine('interp');
  const failures = [parseFailure('exit:0x11')];
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  const plain = experiment.run([], 1 << 22);
  const guest = { ramBytes: 1 << 22, epochSeconds: 0, drives: [] };
  const plan = {
    knobs: ['ratio' as const],
    inputs: [],
    fromTick: 0,
    endTick: plain.tick,
    interruptTicks: [],
    ...guest,
  };
  const settings = { seed: 1, runs: 640, plan, horizonTick: 1 << 22, machine: setup.manifest };
  const { failing } = finishCampaign(experiment, chaos(settings));
  assert.ok(failing !== null && failing.machine !== null, 'the timer comes at other instructions');
  const manifest = variantManifest(setup.manifest, failing.machine);
  const frames: Uint8Array[] = [];
  const recorded = {
    ...setup,
    manifest,
    makeEngine,
    script: [],
    failures,
    horizonTick: 1 << 24,
    inputs: failing.inputs,
  };
  assert.ok(recordTrial({ ...recorded, creator: 'test', sink: (frame) => frames.push(frame) }));
  const log = concatenate(frames);
  assert.equal(openLog(log).header.machine.nsPerTick, failing.machine.nsPerTick);
  const again = await replay(log, { images: { kernel } });
  assert.equal(again.divergence, null);
});

test('lines, faults and pairs of places are each one word, however often they come', () => {
  const wordsOf = (build: (novelties: Novelties) => void): number => {
    const novelties = new Novelties();
    build(novelties);
    return novelties.words.length;
  };
  const line = (text: string) => (novelties: Novelties) => {
    for (const character of text) novelties.sent(character.charCodeAt(0));
  };
  assert.equal(wordsOf(line('one\ntwo\none\n')), 2);
  assert.equal(wordsOf(line('one\ntw')), 1, 'a line that has not ended is none');
  assert.equal(
    wordsOf((novelties) => {
      for (const vector of [14, 13, 14]) novelties.fault(vector, 0x1000);
      for (const place of [5, 6, 5]) novelties.pair(7, place);
    }),
    4,
  );
});

/** Counts what arrives at line 5 and leaves with the count. */
const COUNTER = flatGuest(
  `${setUpPic(0xdf)}  xor ebx, ebx
  sti
  mov ecx, 400
again:
  dec ecx
  jnz again
  cli
  mov al, bl
  out 0xf4, al
five:
  inc ebx
  push eax
  mov al, 0x20
  out 0x20, al
  pop eax
  iret`,
  `idt: times 296 db 0
  dw five - 0x100000, 0x08, 0x8e00, 0x10`,
  304,
);

test('pairs: all of them, or different ones, and those that fail together', async () => {
  const kernel = assemble(COUNTER).bytes;
  const setup = smallMachine('counter', kernel);
  const failures = [parseFailure('exit:2')];
  const makeEngine = await loadEngine('interp');
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  const event = { kind: 'irq-line', line: 5, level: true } as const;
  const settings = {
    ...{ fromTick: 200, toTick: 212, event, releaseTicks: 3, inputs: [], horizonTick: 10_000 },
    ...{ seed: 1, failingAlone: new Set<number>() },
  };
  const all = finishCampaign(experiment, explorePairs({ ...settings, budget: 1000 }));
  assert.deepEqual([all.runs, all.all], [66, 66]);
  // Pulses that overlap are one; others interrupt twice.
  const expected: [number, number][] = [];
  for (let second = 200; second < 212; second++) {
    for (let first = 200; first < second; first++) if (second - first > 3) expected.push([first, second]);
  }
  assert.deepEqual(all.failing, expected);
  const some = finishCampaign(experiment, explorePairs({ ...settings, budget: 20 }));
  assert.equal(some.runs, 20);
  assert.ok(
    some.failing.length > 0 && some.failing.every((pair) => expected.some((each) => each.join() === pair.join())),
  );
  const less = finishCampaign(experiment, explorePairs({ ...settings, budget: 1000, failingAlone: new Set([200]) }));
  assert.equal(less.all, 55);
});
