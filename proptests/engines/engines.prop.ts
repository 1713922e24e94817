/**
 * Engines are invisible: random code leaves the same registers, flags, memory, faults and ticks on the interpreter
 * stepping single ticks and on every engine in several compile shapes, wherever the slices end. Code may overwrite
 * itself, fault in the middle, loop, call, and run out of its budget inside repeated string instructions.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, type TierPolicy, TIERED_POLICY, WASM_POLICY } from '../../tiers/policy.ts';
import type { BackendFactory } from '../../tiers/runtime/backend.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { LOOP_NAMES, loopCases } from './loops.ts';
import { conditions, type Draft, draft, draftTouchingCode, encode } from './random-code.ts';
import { Judged } from '../support/judged.ts';

const compiling = (name: string, policy: TierPolicy, makeBackend: BackendFactory = makeJsBackend): Runner =>
  makeRunner(name, (cpu) => new CompilingEngine(cpu, name, policy, makeBackend));
const js = (name: string, changes: Partial<TierPolicy>): Runner =>
  compiling(name, { ...JS_POLICY, losses: 1e9, ...changes });
const wasm = (name: string, changes: Partial<TierPolicy>): Runner =>
  compiling(name, { ...WASM_POLICY, losses: 1e9, wait: 0, ...changes }, makeWasmBackend);

const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const interpreter = makeRunner('interp', (cpu) => new Interpreter(cpu));
const everything = js('js', { threshold: 1, ahead: 1, region: 24 });
const plain = js('js not optimised', { threshold: 1, optimise: 0 });
const bytes = wasm('wasm', { threshold: 1, ahead: 1, region: 24 });
const shapes: readonly Runner[] = [
  interpreter,
  everything,
  plain,
  js('js single blocks', { threshold: 1, region: 1 }),
  js('js evicting', { threshold: 2, ahead: 0, evict: 300, seed: 5 }),
  bytes,
  wasm('wasm not optimised', { threshold: 1, optimise: 0 }),
  wasm('wasm single blocks', { threshold: 1, region: 1 }),
  wasm('wasm batches', { threshold: 1, region: 1, wait: 5 }),
  wasm('wasm evicting', { threshold: 2, evict: 300, seed: 5 }),
  compiling('tiered', { ...TIERED_POLICY, threshold: 4, cache: 3, losses: 1e9 }),
];

const seed = Number(process.env.REPRISE_SEED ?? 1);

interface Shape {
  readonly drafts: fc.Arbitrary<Draft[]>;
  readonly runners: readonly Runner[];
  readonly numRuns: number;
  readonly ticks: number;
  /** Ticks that a run has on the average at least: programs end early by faults. */
  readonly least: number;
}

function runs({ drafts, runners, numRuns, ticks, least }: Shape): void {
  const judged = new Judged('ticks');
  const property = fc.property(
    drafts,
    fc.array(conditions, { minLength: 2, maxLength: 3 }),
    fc.array(
      fc.nat(40).map((n) => n + 1),
      { minLength: 1, maxLength: 6 },
    ),
    (program, starts, lengths) => {
      const code = encode(program);
      for (const start of starts) judged.add(compare(reference, runners, { ...start, code }, ticks, lengths));
    },
  );
  fc.assert(property, { seed, numRuns, includeErrorInReport: true, endOnFailure: process.env.REPRISE_SHRINK === '0' });
  judged.atLeast(least * numRuns);
}

const many = (one: fc.Arbitrary<Draft>, most: number): fc.Arbitrary<Draft[]> =>
  fc.array(one, { minLength: 1, maxLength: most });

test('one random instruction, again and again with other registers', () => {
  runs({ drafts: many(draft, 1), runners: [everything, plain, bytes], numRuns: 1200, ticks: 3, least: 4 });
});
test('straight lines, branches and loops', () => {
  runs({ drafts: many(draft, 16), runners: shapes, numRuns: 240, ticks: 120, least: 90 });
});
test('long random programs', () => {
  runs({ drafts: many(draft, 90), runners: shapes, numRuns: 40, ticks: 400, least: 250 });
});
test('programs that overwrite themselves', () => {
  runs({ drafts: many(draftTouchingCode, 16), runners: shapes, numRuns: 180, ticks: 120, least: 90 });
});

for (const name of LOOP_NAMES) {
  test(`a loop: ${name}`, () => {
    for (const { start, ticks, lengths } of loopCases(name)) compare(reference, shapes, start, ticks, lengths);
  });
}
