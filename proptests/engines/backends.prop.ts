/**
 * A backend is whatever compiles regions: the IR's evaluator, and backends whose functions become ready some slices
 * later and many together, behind the same tiering, leave what the interpreter leaves; on random code, in whole random
 * guests with all their modes, and on the permanent recordings. So do modules that somebody else makes of what they are
 * told. Random moments of readiness, under random schedules,
 * give one chain of state hashes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { ScheduledEngine, scheduleOf } from '../../src/core/verify/schedule.ts';
import type { Contestant } from '../../src/core/verify/lockstep.ts';
import { record } from '../../src/library.ts';
import { findImages } from '../../src/host/node/find-images.ts';
import { verifyLog } from '../../src/verification.ts';
import { loadContestants } from '../../src/contestants.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { makeWasmBackend, wasmBackendMaker } from '../../tiers/wasm/backend.ts';
import { JS_POLICY, TIERED_POLICY, type TierPolicy } from '../../tiers/policy.ts';
import type { BackendFactory } from '../../tiers/runtime/backend.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { goldenFolder, goldenLogs } from '../replay/golden.ts';
import { randomWorld } from '../verify/worlds.ts';
import { compare, makeRunner, prepare, type Runner, slice } from './lockstep.ts';
import { LOOP_NAMES, loopCases } from './loops.ts';
import { CODE, conditions, draft, draftTouchingCode, encode } from './random-code.ts';
import { later, makeEvaluator, noFigures } from './scratch-backends.ts';
import { noOrders, scratchCompiler } from './scratch-compiler.ts';
import { Judged } from '../support/judged.ts';

const seed = Number(process.env.REPRISE_SEED ?? 1);
const figures = noFigures();
const orders = noOrders();

/** Each line is a backend. */
const BACKENDS: Readonly<Record<string, BackendFactory>> = {
  eval: makeEvaluator,
  'eval later': later(makeEvaluator, seed, 3, figures),
  'js later': later(makeJsBackend, seed + 1, 1, figures),
  'js many later': later(makeJsBackend, seed + 2, 16, figures),
  'wasm many later': later(makeWasmBackend, seed + 3, 16, figures),
  'wasm by another': wasmBackendMaker(scratchCompiler(seed + 4, orders)),
};

const EAGER: TierPolicy = { ...JS_POLICY, threshold: 1, losses: 1e9 };
/** Small functions that jump to each other, several made together. */
const GATHERING: TierPolicy = { ...EAGER, region: 1, calls: 0, overlap: 0, wait: 3 };
/** Functions of several blocks, before and behind their entry: of those that run at once each is compiled alone. */
const AHEAD: TierPolicy = { ...EAGER, ahead: 1 };
const runners: readonly Runner[] = [EAGER, GATHERING, AHEAD].flatMap((policy) =>
  Object.entries(BACKENDS)
    .filter(([name]) => policy === EAGER || name.startsWith(policy === AHEAD ? 'wasm by another' : 'wasm'))
    .map(([name, makeBackend]) => makeRunner(name, (cpu) => new CompilingEngine(cpu, name, policy, makeBackend))),
);
const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));

test('random code on scratch backends leaves what the interpreter leaves', () => {
  const before = { ...figures };
  const judged = new Judged('ticks');
  const property = fc.property(
    fc.array(fc.oneof(draft, draft, draft, draftTouchingCode), { minLength: 1, maxLength: 16 }),
    fc.array(conditions, { minLength: 2, maxLength: 2 }),
    fc.array(fc.integer({ min: 1, max: 41 }), { minLength: 1, maxLength: 6 }),
    (program, starts, lengths) => {
      const code = encode(program);
      for (const start of starts) judged.add(compare(reference, runners, { ...start, code }, 120, lengths));
    },
  );
  fc.assert(property, { seed, numRuns: 250, includeErrorInReport: true });
  judged.atLeast(60 * 250);
  // What the backends are here for has happened.
  assert.ok(figures.given - before.given > 500, JSON.stringify(figures));
  assert.ok(figures.refusals > 1000 && figures.declined > 20 && figures.released > 100, JSON.stringify(figures));
  assert.ok(figures.calls > 1000, JSON.stringify(figures));
  assert.ok(
    Object.values(orders).every((times) => times > 10),
    JSON.stringify(orders),
  );
});

test('loops on scratch backends leave what the interpreter leaves', () => {
  const before = { ...figures };
  for (const name of LOOP_NAMES) {
    for (const { start, ticks, lengths } of loopCases(name)) compare(reference, runners, start, ticks, lengths);
  }
  assert.ok(figures.given - before.given > 50, JSON.stringify(figures));
  assert.ok(figures.calls - before.calls > 1000, JSON.stringify(figures));
});

test('a function becomes ready inside a slice that is long enough', () => {
  const late = noFigures();
  const make = later(makeJsBackend, seed, 1, late);
  const runner = makeRunner('late', (cpu) => new CompilingEngine(cpu, 'late', { ...EAGER, wait: 1000 }, make));
  const code = assemble('bits 32\ntop: add eax, ebx\n dec ecx\n jnz top\nagain: jmp top\n', { origin: CODE }).bytes;
  prepare(runner, { code, registers: [0, 1000, 0, 3, 0, 0, 0, 0], flags: 0, seed: 0, user: false });
  assert.equal(slice(runner, 0, 10_000_000), 10_000_000);
  assert.ok(late.given > 0 && late.calls > 0, JSON.stringify(late));
});

const contestantOf = (name: string, policy: TierPolicy, makeBackend: BackendFactory): Contestant => ({
  name,
  policy: '',
  family: 'compiling',
  makeEngine: (cpu) => new CompilingEngine(cpu, name, policy, makeBackend),
});

for (const { file, hash, tick } of goldenLogs()) {
  test(`${file} on scratch backends`, async () => {
    const log = openLog(readFileSync(join(goldenFolder, file)));
    const contestants = [
      ...(await loadContestants(['interp'])),
      ...Object.entries(BACKENDS).map(([name, makeBackend]) => contestantOf(name, TIERED_POLICY, makeBackend)),
    ];
    const verified = await verifyLog({
      log,
      images: findImages({ log, path: '.', given: { files: [], places: [] }, warn: assert.fail }),
      contestants,
      intervalTicks: 250_007,
    });
    assert.equal(verified.report, '');
    assert.equal(verified.log, null);
    assert.deepEqual([verified.tick, verified.hash], [tick, hash]);
  });
}

const SCHEDULES = Number(process.env.REPRISE_SCHEDULES ?? 6);
test('random moments of readiness under random schedules give one chain of hashes', async () => {
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 0 } as const;
  const recorded = await record({ ...settings, images: { kernel: randomWorld(seed) }, maxTicks: 100_000 });
  const late = noFigures();
  const scheduled = Array.from({ length: SCHEDULES }, (_, index): Contestant => {
    const name = `schedule ${index}`;
    const policy = { ...EAGER, threshold: 1 + (index % 3), wait: 3 * (index % 4), evict: 50 * (index % 2) };
    const makeBackend = later(makeJsBackend, seed + index, 1 + 4 * (index % 3), late);
    const makeEngine: Contestant['makeEngine'] = (cpu) =>
      new ScheduledEngine(new CompilingEngine(cpu, name, policy, makeBackend), scheduleOf(seed, index, 100_000));
    return { name, policy: '', family: 'compiling', makeEngine };
  });
  const contestants = [...(await loadContestants(['interp'])), ...scheduled];
  const log = openLog(recorded.log);
  const verified = await verifyLog({
    log,
    images: findImages({ log, path: '.', given: { files: [], places: [] }, warn: assert.fail }),
    contestants,
    intervalTicks: 1999,
  });
  assert.equal(verified.report, '');
  assert.equal(verified.log, null);
  assert.equal(verified.reason, 'debug-exit');
  assert.ok(late.given > 100 && late.refusals > 100 && late.calls > 1000, JSON.stringify(late));
});
