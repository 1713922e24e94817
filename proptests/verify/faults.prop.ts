/**
 * Faults where they hurt: in a pass of the compiler, which verification names; in the engine of a recording, which a
 * shadow stops at the first difference, and which without a shadow leaves a log that is whole and shows the divergence
 * on the interpreter.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { Cpu } from '../../src/core/state/cpu.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import type { LivePort } from '../../src/core/session/live-port.ts';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { LogWriter, openLog } from '../../src/core/log/log.ts';
import { type EngineFactory, Session } from '../../src/core/session/session.ts';
import { Shadow, ShadowedPort } from '../../src/core/verify/shadow.ts';
import { EAX, EBX, RAM_BASE } from '../../src/core/state/layout.ts';
import { record, replay } from '../../src/library.ts';
import { verifyLog } from '../../src/verification.ts';
import { loadContestants } from '../../src/contestants.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import type { Block, IrFunction } from '../../tiers/ir/ir.ts';
import { liftBlock } from '../../tiers/lift/lift.ts';
import { optimise, type Pass, PASSES } from '../../tiers/opt/pipeline.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import type { BackendFactory, Region } from '../../tiers/runtime/backend.ts';
import { JS_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { FaultyAtTick } from './faulty.ts';
import { CONSTANT_COUNT, CONSTANTS, randomKernel } from './programs.ts';

/** Does what the pass does, and then takes every XOR of two values for an OR. */
function faulty(pass: Pass): Pass {
  const run = (block: Block): Block => {
    const done = pass.run(block);
    const ops = done.ops.map((op) => (op.op === 'binary' && op.how === 'xor' ? ({ ...op, how: 'or' } as const) : op));
    return { ...done, ops };
  };
  return { name: pass.name, run };
}

/** The instruction itself, NOT, and those whose flags or conditions are made with one. */
const LIFTS_TO_XOR = /^(XOR|NOT|SET|CMOV|J|SHL|SHR|SAR|RO|RC|SHLD|SHRD|CMC|CMP|SUB|SBB|TEST|ADD|ADC|AND|B)/;

const PROGRAM = randomKernel(31, 300, 4);
const SETTINGS = { images: { kernel: PROGRAM }, memoryMegabytes: 2, reboot: false, embed: true } as const;

test('a fault in a pass is pinned on the instruction and on the pass', async () => {
  const { log } = await record({ ...SETTINGS, maxTicks: 20_000 });
  for (const name of ['forward', 'known-bits']) {
    const passes = PASSES.map((pass) => (pass.name === name ? faulty(pass) : pass));
    const policy = { ...JS_POLICY, threshold: 1 };
    const makeEngine: EngineFactory = (cpu) => new CompilingEngine(cpu, 'js', policy, makeJsBackend, passes);
    const contestants = [
      ...(await loadContestants(['interp'])),
      { name: 'js', policy: '', family: 'compiling', makeEngine },
    ];
    const images = new Map([['kernel', PROGRAM]]);
    const verified = await verifyLog({ log: openLog(log), images, contestants, intervalTicks: 97 });
    assert.ok(verified.difference !== null, `the fault in ${name} is found`);
    const { instruction, precision, reference } = verified.difference;
    assert.equal(reference, 'interp');
    assert.equal(precision, 'instruction', verified.report);
    assert.match(instruction.text, LIFTS_TO_XOR);
    const number = PASSES.findIndex((pass) => pass.name === name) + 1;
    assert.ok(
      verified.report.includes(`It shows once the pass ${name} has run (pass ${number} of ${PASSES.length}).`),
      verified.report,
    );
    assert.match(verified.report, /-- IR as lifted/);
    assert.match(verified.report, /-- JavaScript/);
  }
});

/** Every XOR of two values becomes an OR. */
function orForXor(block: Block): Block {
  const ops = block.ops.map((op) => (op.op === 'binary' && op.how === 'xor' ? ({ ...op, how: 'or' } as const) : op));
  return { ...block, ops };
}

async function reportOf(makeEngine: EngineFactory): Promise<string> {
  const { log } = await record({ ...SETTINGS, maxTicks: 20_000 });
  const contestants = [
    ...(await loadContestants(['interp'])),
    { name: 'js', policy: '', family: 'compiling', makeEngine },
  ];
  const images = new Map([['kernel', PROGRAM]]);
  const verified = await verifyLog({ log: openLog(log), images, contestants, intervalTicks: 97 });
  assert.ok(verified.difference !== null, 'the fault is found');
  return verified.report;
}

test('a fault of lifting is no pass and no emitter, a fault of emitting no lifter', async () => {
  const policy = { ...JS_POLICY, threshold: 1 };
  interface Lifting {
    lift(region: Region): IrFunction;
  }
  const lifting = CompilingEngine.prototype as unknown as Lifting;
  const { lift } = lifting;
  lifting.lift = function (this: CompilingEngine & { blocks: { code: Int32Array } }, { mode, blocks }) {
    const { code } = this.blocks;
    const lifted = blocks.map(({ first, count, delta }) => orForXor(liftBlock(code, first, count, delta, mode)));
    const fn = { mode, blocks: lifted };
    return this.policy.optimise !== 0 ? optimise(fn, this.passes) : fn;
  };
  try {
    const report = await reportOf((cpu) => new CompilingEngine(cpu, 'js', policy, makeJsBackend, PASSES));
    assert.match(report, /The IR as lifted is wrong already, as its evaluation shows: lifting, not a pass/);
    assert.doesNotMatch(report, /once the pass/);
  } finally {
    lifting.lift = lift;
  }
  const faultyBackend: BackendFactory = (runtime, liftRegion, recipe) => {
    const lift = (region: Region): IrFunction => {
      const fn = liftRegion(region);
      return { ...fn, blocks: fn.blocks.map(orForXor) };
    };
    return makeJsBackend(runtime, lift, recipe);
  };
  const report = await reportOf((cpu) => new CompilingEngine(cpu, 'js', policy, faultyBackend, PASSES));
  // What a pass makes of flags may be the first XOR that is emitted: that pass is not to blame either.
  assert.match(
    report,
    /the IR as lifted is right: emitting\.|is right when it is evaluated: what is emitted for it is wrong/,
  );
});

test('a fault in code that is compiled in batches is pinned on the instruction and on the pass', async () => {
  const { log } = await record({ ...SETTINGS, maxTicks: 20_000 });
  const [reference, usual] = await loadContestants(['interp', 'wasm:threshold=1']);
  const passes = PASSES.map((pass) => (pass.name === 'known-bits' ? faulty(pass) : pass));
  // The engines of the contestant, with the faulty pass: they compile when those do.
  const withFault =
    (makeEngine: EngineFactory): EngineFactory =>
    (cpu) => {
      const engine = makeEngine(cpu);
      assert.ok(engine instanceof CompilingEngine);
      return new CompilingEngine(cpu, 'wasm', engine.policy, engine.makeBackend, passes);
    };
  const { makeEngine, makeEager = makeEngine } = usual;
  const suspect = { ...usual, makeEngine: withFault(makeEngine), makeEager: withFault(makeEager) };
  const images = new Map([['kernel', PROGRAM]]);
  const contestants = [reference, suspect];
  const { difference, report } = await verifyLog({ log: openLog(log), images, contestants, intervalTicks: 997 });
  assert.equal(difference?.precision, 'instruction', report);
  assert.match(difference.instruction.text, LIFTS_TO_XOR);
  assert.match(report, /It shows once the pass known-bits has run/);
  assert.match(report, /-- WebAssembly/);
});

test('a pass that makes no valid IR does not take the report with it', async () => {
  const { log } = await record({ ...SETTINGS, maxTicks: 20_000 });
  // Says that there are no values at all, which no backend asks.
  const invalid = (pass: Pass): Pass => ({
    name: pass.name,
    run: (block) => ({ ...faulty(pass).run(block), temps: 0 }),
  });
  const passes = PASSES.map((pass) => (pass.name === 'known-bits' ? invalid(pass) : pass));
  const makeEngine: EngineFactory = (cpu) =>
    new CompilingEngine(cpu, 'js', { ...JS_POLICY, threshold: 1 }, makeJsBackend, passes);
  const contestants = [
    ...(await loadContestants(['interp'])),
    { name: 'js', policy: '', family: 'compiling', makeEngine },
  ];
  const images = new Map([['kernel', PROGRAM]]);
  const { difference, report } = await verifyLog({ log: openLog(log), images, contestants, intervalTicks: 97 });
  assert.equal(difference?.precision, 'instruction', report);
  assert.match(report, /What the passes make of it is not valid: block at 0, instruction \d+: v\d+ is beyond/);
});

test('a fault that also writes where no snapshot notices is pinned on the instruction', async () => {
  const { log } = await record({ ...SETTINGS, maxTicks: 20_000 });
  const tick = 4_500;
  const makeEngine: EngineFactory = (cpu) =>
    new FaultyAtTick(cpu, tick, () => {
      cpu.m32[EBX] ^= 0x4000;
      // The program reads these all along: a machine that has met the fault once goes wrong long before it.
      for (let i = 0; i < CONSTANT_COUNT; i++) cpu.m32[((RAM_BASE + CONSTANTS) >>> 2) + i] ^= 0x55;
    });
  const contestants = [...(await loadContestants(['interp'])), { name: 'faulty', policy: '', makeEngine }];
  const images = new Map([['kernel', PROGRAM]]);
  const { difference, report } = await verifyLog({ log: openLog(log), images, contestants, intervalTicks: 997 });
  assert.equal(difference?.instruction.tick, tick, report);
  assert.equal(difference?.precision, 'instruction', report);
});

test('the interpreter, whose inner loop runs blocks whole, is narrowed down with shorter ones', async () => {
  const [interp] = await loadContestants(['interp']);
  const lengths = interp.shorter?.map(({ block, makeEngine }) => {
    const engine = makeEngine(new Cpu(new AddressSpace(new Memory(1 << 20))));
    assert.ok(engine instanceof Interpreter);
    return [block, engine.blocks.longest];
  });
  assert.deepEqual(
    lengths,
    [1, 2, 4, 8, 16, 32].map((length) => [length, length]),
  );
});

const FAULT_TICK = 3_000;
const HASH_EVERY_TICKS = 512;
/** An engine that damages EBX, once, behind the instruction at FAULT_TICK. */
const makeFaulty: EngineFactory = (cpu) =>
  new FaultyAtTick(cpu, FAULT_TICK, () => {
    cpu.m32[EBX] ^= 0x4000;
    cpu.m32[EAX] ^= 0x10;
  });

interface Recorded {
  readonly log: Uint8Array;
  readonly shadow: Shadow | null;
  readonly tick: number;
}

/** Records with an engine that has a fault, as the command does: in slices, the shadow behind each. */
async function recordWithFault(isShadowed: boolean): Promise<Recorded> {
  const sound = await record({ ...SETTINGS, hashEveryTicks: HASH_EVERY_TICKS, maxTicks: 100 });
  const images = new Map([['kernel', PROGRAM]]);
  const frames: Uint8Array[] = [];
  const header = { creator: 'a test', profile: 'full', machine: sound.manifest } as const;
  const writer = new LogWriter((frame) => frames.push(frame), header);
  const shadowed = isShadowed ? new ShadowedPort(writer) : null;
  const port: LivePort = shadowed ?? new RecordingPort(writer);
  const session = new Session({
    manifest: sound.manifest,
    images,
    makeEngine: makeFaulty,
    port,
    output: SILENT_OUTPUT,
  });
  const makeEngine: EngineFactory = (cpu) => new Interpreter(cpu);
  const shadow = shadowed === null ? null : new Shadow(shadowed, sound.manifest, images, makeEngine);
  let reason = session.advance(1000);
  while (reason === 'tick' && session.tick < 8_000 && shadow?.catchUp(session.tick) !== false) {
    reason = session.advance(session.tick + 1000);
  }
  const { tick } = session.end(reason === 'tick' ? 'max-ticks' : reason);
  return { log: Buffer.concat(frames), shadow, tick };
}

test('a shadow stops a recording at the first difference', async () => {
  const { shadow, tick } = await recordWithFault(true);
  const difference = shadow?.difference ?? null;
  assert.ok(difference !== null, 'the shadow notices');
  assert.ok(difference.agreedTick <= FAULT_TICK && difference.tick > FAULT_TICK, JSON.stringify(difference));
  assert.ok(difference.tick - difference.agreedTick <= HASH_EVERY_TICKS, JSON.stringify(difference));
  assert.ok(tick <= FAULT_TICK + 1000 + HASH_EVERY_TICKS, `it goes no further than its slice: ${tick}`);
});

test('a fault while recording without a shadow leaves a whole log that shows it on the interpreter', async () => {
  const { log, tick } = await recordWithFault(false);
  const reader = openLog(log);
  assert.equal(reader.truncated, false);
  assert.equal(reader.lastTick, tick);
  const images = { kernel: PROGRAM };
  const replayed = await replay(log, { images, engine: 'interp' });
  assert.ok(replayed.divergence !== null, 'the replay leaves the log');
  const { agreedTick, tick: shownTick } = replayed.divergence;
  assert.ok(agreedTick <= FAULT_TICK && shownTick > FAULT_TICK, `${agreedTick} to ${shownTick}`);
  assert.ok(shownTick - agreedTick <= HASH_EVERY_TICKS, `${agreedTick} to ${shownTick}`);
  // The engine with the fault beside the interpreter: the log is enough to find the instruction.
  const contestants = [...(await loadContestants(['interp'])), { name: 'faulty', policy: '', makeEngine: makeFaulty }];
  const verified = await verifyLog({
    log: reader,
    images: new Map([['kernel', PROGRAM]]),
    contestants,
    intervalTicks: 101,
  });
  assert.equal(verified.difference?.instruction.tick, FAULT_TICK, verified.report);
});
