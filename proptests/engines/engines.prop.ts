/**
 * Engines are invisible: random code leaves the same registers, flags, memory, faults and ticks on the interpreter
 * stepping single ticks and on every engine in several compile shapes, wherever the slices end. Code may overwrite
 * itself, fault in the middle, loop, call, and run out of its budget inside repeated string instructions.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { JS_POLICY, JsEngine, type TierPolicy, TIERED_POLICY, TieredEngine } from '../../tiers/tiering.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { CODE, DATA, draft, encode } from './random-code.ts';

const js = (name: string, changes: Partial<TierPolicy>): Runner =>
  makeRunner(name, (cpu) => new JsEngine(cpu, { ...JS_POLICY, losses: 1e9, ...changes }));

const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const runners: readonly Runner[] = [
  makeRunner('interp', (cpu) => new Interpreter(cpu)),
  js('js', { threshold: 1, ahead: 1, region: 24 }),
  js('js single blocks', { threshold: 1, region: 1 }),
  js('js not optimised', { threshold: 1, optimise: 0 }),
  js('js evicting', { threshold: 2, ahead: 0, evict: 300, seed: 5 }),
  makeRunner('tiered', (cpu) => new TieredEngine(cpu, { ...TIERED_POLICY, threshold: 4, cache: 3, losses: 1e9 })),
];

const word = fc.oneof(
  fc.integer(),
  fc.nat(0x2fff).map((offset) => DATA + offset),
  fc.nat(255).map((offset) => CODE + offset),
  fc.constantFrom(0, 1, 2, 3, -1, 0x7fffffff, -0x80000000, 0x80, 0xff, 0xffff),
);
const registers = fc.array(word, { minLength: 8, maxLength: 8 });
const seed = Number(process.env.REPRISE_SEED ?? 1);

function runs(length: number, numRuns: number, ticks: number): void {
  const property = fc.property(
    fc.array(draft, { minLength: 1, maxLength: length }),
    fc.array(fc.record({ registers, flags: fc.nat(0xfff), seed: fc.nat(), user: fc.boolean() }), {
      minLength: 2,
      maxLength: 3,
    }),
    fc.array(
      fc.nat(40).map((n) => n + 1),
      { minLength: 1, maxLength: 6 },
    ),
    (drafts, starts, lengths) => {
      const code = encode(drafts);
      for (const start of starts) compare(reference, runners, { ...start, code }, ticks, lengths);
    },
  );
  fc.assert(property, { seed, numRuns, endOnFailure: process.env.REPRISE_SHRINK === '0' });
}

test('one random instruction, again and again with other registers', () => runs(1, 1000, 4));
test('straight lines, branches and loops', () => runs(24, 300, 150));
test('long random programs', () => runs(90, 60, 400));
