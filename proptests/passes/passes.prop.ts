/**
 * Passes change nothing: random code, lifted and then evaluated by the IR's own evaluator, leaves the same bits as
 * the interpreter with no pass, with each pass alone, and with all of them in order. The IR satisfies `verify` after
 * every pass and survives printing and parsing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FLAT_MODE, liftBytes } from '../../tiers/explain.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { parse, print } from '../../tiers/ir/text.ts';
import { verify } from '../../tiers/ir/verify.ts';
import { optimise, PASSES } from '../../tiers/opt/pipeline.ts';
import { JS_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeEvaluator } from '../engines/scratch-backends.ts';
import { compare, makeRunner } from '../engines/lockstep.ts';
import { conditions, draft, encode } from '../engines/random-code.ts';

const POLICY = { ...JS_POLICY, threshold: 1, ahead: 1, losses: 1e9 };

const seed = Number(process.env.REPRISE_SEED ?? 1);
test('lifting alone, each pass alone, and all of them mean what the interpreter does', () => {
  const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
  const runners = [[], ...PASSES.map((pass) => [pass]), PASSES].map((passes) =>
    makeRunner(
      `eval ${passes.map((pass) => pass.name).join(' ')}`,
      (cpu) => new CompilingEngine(cpu, 'eval', POLICY, makeEvaluator, passes),
    ),
  );
  const property = fc.property(
    fc.array(draft, { minLength: 1, maxLength: 12 }),
    fc.array(conditions, { minLength: 2, maxLength: 2 }),
    (drafts, starts) => {
      const code = encode(drafts);
      for (const one of starts) compare(reference, runners, { ...one, code }, 60, [60]);
    },
  );
  fc.assert(property, { seed, numRuns: 250, includeErrorInReport: true });
});

test('IR is verified after every pass and equals itself after printing and parsing', () => {
  const property = fc.property(fc.array(draft, { minLength: 1, maxLength: 30 }), (drafts) => {
    let fn = liftBytes(encode(drafts), FLAT_MODE);
    // Some encodings are no instructions.
    if (fn.blocks.length === 0) return;
    for (const pass of [null, ...PASSES]) {
      if (pass !== null) fn = optimise(fn, [pass], true);
      verify(fn);
      assert.deepEqual(parse(print(fn)), fn);
    }
  });
  fc.assert(property, { seed, numRuns: 300, includeErrorInReport: true });
});
