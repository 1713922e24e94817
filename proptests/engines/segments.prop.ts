/**
 * Engines are invisible where segments have bases and limits: random code in real mode, 16- and 32-bit protected mode
 * and virtual-8086 mode leaves the same registers, segments, flags, memory, faults and ticks on the interpreter that
 * steps single ticks and on every engine, wherever the slices end. Code lies across limits and across 64 KiB, stacks
 * wrap, segment registers change, and far jumps go to other names of the same code.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, type TierPolicy, WASM_POLICY } from '../../tiers/policy.ts';
import { makeEvaluatingBackend } from '../../tiers/runtime/evaluating.ts';
import type { BackendFactory } from '../../tiers/runtime/backend.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { Judged } from '../support/judged.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { encode, segmentedDraft, word } from './random-code.ts';
import { MODES, type Mode, segmentWorld } from './segment-worlds.ts';

const compiling = (name: string, base: TierPolicy, makeBackend: BackendFactory, changes: Partial<TierPolicy>): Runner =>
  makeRunner(name, (cpu) => new CompilingEngine(cpu, name, { ...base, losses: 1e9, wait: 0, ...changes }, makeBackend));

const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const runners: readonly Runner[] = [
  makeRunner('interp', (cpu) => new Interpreter(cpu)),
  compiling('eval', JS_POLICY, makeEvaluatingBackend, { threshold: 1, ahead: 1 }),
  compiling('js', JS_POLICY, makeJsBackend, { threshold: 1, ahead: 1, region: 24 }),
  compiling('js not optimised', JS_POLICY, makeJsBackend, { threshold: 2, optimise: 0 }),
  compiling('wasm', WASM_POLICY, makeWasmBackend, { threshold: 1, ahead: 1, region: 24 }),
  compiling('wasm single blocks', WASM_POLICY, makeWasmBackend, { threshold: 1, region: 1 }),
  compiling('wasm batches', WASM_POLICY, makeWasmBackend, { threshold: 1, region: 1, wait: 5, optimise: 0 }),
];

const seed = Number(process.env.REPRISE_SEED ?? 1);
const scale = Number(process.env.REPRISE_CASES ?? 100) / 100;

/** Register contents: small offsets half of the time. */
const register = fc.oneof(
  fc.nat(0x7f).map((n) => 0x100 + 4 * n),
  fc.nat(0x1ff).map((n) => n - 16),
  word,
);

function runs(mode: Mode, most: number, numRuns: number, ticks: number, least: number): void {
  const judged = new Judged('ticks');
  const property = fc.property(
    fc.array(segmentedDraft, { minLength: 1, maxLength: most, size: 'max' }),
    fc.array(fc.record({ registers: fc.array(register, { minLength: 8, maxLength: 8 }), world: fc.nat(0xffff) }), {
      minLength: 3,
      maxLength: 3,
    }),
    fc.array(
      fc.nat(40).map((n) => n + 1),
      { minLength: 1, maxLength: 6 },
    ),
    (program, starts, lengths) => {
      for (const { registers, world: worldSeed } of starts) {
        // The code's length decides where it is put, and where it is put what its far jumps are.
        const length = encode(program, segmentWorld(mode, worldSeed, 1)).length;
        const world = segmentWorld(mode, worldSeed, length);
        const code = encode(program, world);
        const start = { code, registers, flags: worldSeed & 0xfff, seed: worldSeed & 0xff, user: false, world };
        judged.add(compare(reference, runners, start, ticks, lengths));
      }
    },
  );
  fc.assert(property, { seed, numRuns: Math.ceil(numRuns * scale), includeErrorInReport: true });
  judged.atLeast(least * numRuns * scale);
}

for (const mode of MODES) {
  test(`${mode}: single instructions`, () => runs(mode, 1, 130, 3, 4));
  test(`${mode}: programs`, () => runs(mode, 24, 70, 160, 40));
}
