/**
 * Each form of each row of SSE that is lifted, on XMM registers and on memory, with integers at which lanes saturate,
 * carry and change their sign: compiled code of both backends, optimised or not, leaves what the interpreter leaves.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { rowOf } from '../../src/core/isa/ops.ts';
import { MXCSR, XMM } from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, WASM_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { wordsFrom } from '../flags/harness.ts';
import { CORNERS_F32, CORNERS_F64 } from '../support/float-corners.ts';
import { ALL_FORMS, encodeForm } from '../support/forms.ts';
import { Judged } from '../support/judged.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { DATA } from './random-code.ts';

const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const js = { ...JS_POLICY, threshold: 1, losses: 1e9 };
const wasm = { ...WASM_POLICY, threshold: 1, wait: 0, losses: 1e9 };
const runners = [
  makeRunner('js', (cpu) => new CompilingEngine(cpu, 'js', js, makeJsBackend)),
  makeRunner('wasm', (cpu) => new CompilingEngine(cpu, 'wasm', wasm, makeWasmBackend)),
  makeRunner('wasm plain', (cpu) => new CompilingEngine(cpu, 'plain', { ...wasm, optimise: 0 }, makeWasmBackend)),
];

/** Bytes and words at the ends of their ranges, and around the middle. */
const EDGES = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7f7f, 0x8080, 0x7fffffff, 0x80000000, 0x00ff00ff];
/** MXCSR with all masked, with PE set, with FTZ and DAZ, rounding upwards, and with #P unmasked. */
const CONTROLS = [0x1f80, 0x1fa0, 0x1fa0, 0x9fe0, 0x5fa0, 0x0f80];
const JUMP_TO_ITSELF = [0xeb, 0xfe];
const TIMES = 9;

/** Words of all eight registers: some equal, so that comparisons meet that too. */
function registers(random: Random): number[] {
  const kind = random.below(4);
  const word = (): number =>
    random.below(3) === 0 ? random.word() : random.pick(EDGES) | (random.pick(EDGES) << random.pick([0, 8, 16]));
  const words = Array.from({ length: 32 }, word);
  if (kind === 1) for (let k = 4; k < 32; k++) words[k] = random.below(2) === 0 ? words[k - 4] : words[k];
  if (kind === 2) for (let k = 0; k < 32; k++) words[k] = random.pick(CORNERS_F32) | 0;
  if (kind === 3) for (let k = 0; k < 32; k += 2) words.splice(k, 2, ...random.pick(CORNERS_F64));
  return words;
}

test('what is lifted of SSE is the same compiled, whatever stands in the lanes', () => {
  const bytesOf = wordsFrom(7);
  const random = new Random(Number(process.env.REPRISE_SEED ?? 3));
  const judged = new Judged('ticks');
  const seen = new Set<string>();
  for (const form of ALL_FORMS) {
    const { name, lifted } = rowOf(form.op);
    if (lifted !== 'simd') continue;
    for (let time = 0; time < TIMES; time++) {
      const address = time % 3 === 2 ? DATA + 0x40 : null;
      const code = encodeForm(form, { address, prefixes: [] }, bytesOf);
      if (code === null) continue;
      const words = registers(random);
      const control = random.pick(CONTROLS);
      const settle = ({ cpu }: Runner): void => {
        cpu.m32.set(words, XMM);
        cpu.m32[MXCSR] = control;
      };
      const start = {
        code: Uint8Array.of(...code, ...JUMP_TO_ITSELF),
        registers: Array.from({ length: 8 }, () => random.word()),
        flags: random.word(),
        seed: random.below(16),
        user: false,
        settle,
      };
      judged.add(compare(reference, runners, start, 4, [4]));
      seen.add(name);
    }
  }
  judged.atLeast(3000);
  assert.ok(seen.size > 120, `${seen.size} rows`);
});
