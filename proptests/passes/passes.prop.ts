/**
 * Passes change nothing: random code, lifted and then evaluated by the IR's own evaluator, leaves the same bits as
 * the interpreter with no pass, with each pass alone, and with all of them in order. The IR satisfies `validate` after
 * every pass and survives printing and parsing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Form } from '../../src/core/isa/encoding.ts';
import { rowOf } from '../../src/core/isa/ops.ts';
import { record, verify } from '../../src/library.ts';
import { MODE_REAL } from '../../src/core/state/layout.ts';
import { FLAT_MODE, liftBytes } from '../../tiers/explain.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { ATTEMPTS } from '../../tiers/ir/attempts.ts';
import { CONVERT, type IrFunction, LANE_SHIFTS, type Op, VECTOR } from '../../tiers/ir/ir.ts';
import { parse, print } from '../../tiers/ir/text.ts';
import { validate } from '../../tiers/ir/validate.ts';
import { emitFunction } from '../../tiers/js/emit.ts';
import { NAMES } from '../../tiers/js/spelling.ts';
import { optimise, PASSES } from '../../tiers/opt/pipeline.ts';
import { JS_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeEvaluator } from '../engines/scratch-backends.ts';
import { compare, makeRunner } from '../engines/lockstep.ts';
import {
  conditions,
  DATA,
  type Draft,
  draft,
  encode,
  FLAT,
  isInstruction,
  segmentedDraft,
  type Width,
} from '../engines/random-code.ts';
import { wordsFrom } from '../flags/harness.ts';
import { ALL_FORMS, encodeForm } from '../support/forms.ts';
import { assertEachJudged, Judged } from '../support/judged.ts';

const POLICY = { ...JS_POLICY, threshold: 1, ahead: 1, losses: 1e9 };

const seed = Number(process.env.REPRISE_SEED ?? 1);
const NUM_RUNS = 300;

test('lifting alone, each pass alone, and all of them mean what the interpreter does', () => {
  const judged = new Judged('ticks');
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
      for (const one of starts) judged.add(compare(reference, runners, { ...one, code }, 60, [60]));
    },
  );
  fc.assert(property, { seed, numRuns: 250, includeErrorInReport: true });
  judged.atLeast(40 * 250);
});

/**
 * How often each operation is reached at least by the programs of the property below: all of them, thin ones rarely.
 */
/** Code of real mode. */
const REAL: Width = {
  isWide: false,
  isSegmented: true,
  selectors: [0x1000],
  places: [{ selector: 0x1000, offset: 0 }],
};

const LEAST: Readonly<Record<Op['op'], number>> = {
  insn: 4000,
  const: 10_000,
  get: 4000,
  set: 2000,
  word: 1000,
  spare: 1,
  stamp: 2,
  put: 18,
  unary: 1200,
  binary: 12_000,
  select: 400,
  quotient: 1,
  vector: 60,
  shuffle: 30,
  laneShift: 2,
  mask: 2,
  convert: 2,
  load: 1000,
  store: 900,
  guard: 1200,
  cc: 1000,
  bits: 450,
  condition: 200,
  carry: 200,
  flags: 400,
  handler: 280,
  assist: 60,
  peek: 550,
  poke: 600,
  fetch: 130,
  stash: 25,
  attempt: 240,
};

test('IR is valid after every pass and equals itself after printing and parsing', () => {
  const functions = new Judged('functions');
  const operations = new Map<string, number>();
  const count = (fn: IrFunction): void => {
    functions.add();
    for (const { op } of fn.blocks.flatMap(({ ops }) => ops)) operations.set(op, (operations.get(op) ?? 0) + 1);
  };
  const check = (code: Uint8Array, mode: number): void => {
    let fn = liftBytes(code, mode);
    const end = fn.blocks.at(-1);
    const last = end?.ops.filter((op) => op.op === 'insn').at(-1);
    assert.equal(last?.op === 'insn' ? last.delta + last.length : 0, code.length, 'the program is lifted to its end');
    count(fn);
    for (const pass of [null, ...PASSES]) {
      if (pass !== null) fn = optimise(fn, [pass], true);
      validate(fn);
      assert.deepEqual(parse(print(fn)), fn);
    }
  };
  // The bytes behind what is no instruction are not lifted: programs are made of what decodes.
  const checkDrafts = (drafts: readonly Draft[], width: Width, mode: number): void => {
    const instructions = drafts.filter((d) => isInstruction(d, width));
    check(encode(instructions, width), mode);
  };
  const many = { minLength: 1, maxLength: 30, size: 'max' } as const;
  const property = fc.property(fc.array(draft, many), fc.array(segmentedDraft, many), (drafts, narrow) => {
    checkDrafts(drafts, FLAT, FLAT_MODE);
    checkDrafts(narrow, REAL, MODE_REAL);
  });
  fc.assert(property, { seed, numRuns: NUM_RUNS, includeErrorInReport: true });
  // What random programs would leave by a fault.
  for (const text of ['cli', 'sti', 'popfd', 'mov fs, cx', 'pop gs', 'mov cr0, eax', 'mov cr2, eax', 'clts', 'cld']) {
    check(assemble(`bits 32\n${text}`).bytes, FLAT_MODE);
  }
  functions.atLeast(2 * NUM_RUNS);
  for (const [op, least] of Object.entries(LEAST)) assertEachJudged(operations, [op], least);
});

test('what may go the slow way stays, though nobody reads what it gives', async () => {
  // A comparison with a NaN sets IE, also where its flags are overwritten; a load that nobody wants may fault.
  const text = 'mov eax, [0x100004]\ncomisd xmm0, xmm1\nxor eax, eax\nucomiss xmm0, xmm1\nxor eax, eax\nret';
  const { ops } = optimise(liftBytes(assemble(`bits 32\n${text}`).bytes, FLAT_MODE), PASSES).blocks[0];
  assert.equal(ops.filter(({ op }) => op === 'attempt').length, 2);
  assert.equal(ops.filter((op) => op.op === 'load' && !op.checked).length, 2);
  const { bytes } = assemble(`
    bits 32
    org 0x100000
    header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
    align 8
    nan: dd 0, 0x7ff80000
    start:
    mov eax, cr4
    or eax, 0x600
    mov cr4, eax
    mov esi, 20
    again:
    ldmxcsr [mask]
    movsd xmm0, [nan]
    comisd xmm0, xmm0
    xor eax, eax
    stmxcsr [esi * 4 + 0x180000]
    dec esi
    jnz again
    mov al, 1
    out 0xf4, al
    mask: dd 0x1f80`);
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, maxTicks: 1000 } as const;
  const { log } = await record({ ...settings, images: { kernel: bytes }, engine: 'interp' });
  const engines = ['interp', 'js:threshold=1', 'wasm:threshold=1,wait=0'];
  const { report, comparisons } = await verify(log, { engines, intervalTicks: 50 });
  assert.equal(report, '');
  assert.ok(comparisons > 2);
});

test('every form of every row lifts to IR that is valid, after every pass, and survives its text', () => {
  const word = wordsFrom(seed * 40 + 5);
  const forms = new Judged('forms');
  const reached = new Map<string, number>();
  const count = (name: string): void => {
    reached.set(name, (reached.get(name) ?? 0) + 1);
  };
  // A shift by a random byte mostly leaves nothing.
  const isShift = (form: Form): boolean => form.immediate === 'b' && /^PS[LR]/.test(rowOf(form.op).name);
  for (const form of ALL_FORMS.flatMap((one) => (isShift(one) ? new Array<Form>(40).fill(one) : [one]))) {
    for (const address of [null, DATA]) {
      for (const prefixes of [[], [0x66], [0x64]]) {
        const code = encodeForm(form, { address, prefixes }, word);
        if (code === null) continue;
        forms.add();
        let fn = liftBytes(code, FLAT_MODE);
        for (const { op, ...rest } of fn.blocks.flatMap(({ ops }) => ops)) {
          count(op);
          if ('how' in rest && op !== 'unary' && op !== 'binary') count(`${op} ${rest.how}`);
        }
        for (const pass of [null, ...PASSES]) {
          if (pass !== null) fn = optimise(fn, [pass], true);
          validate(fn);
          assert.deepEqual(parse(print(fn)), fn);
        }
        // Goldens hold this text: numbers of the layout or of rows in it would move with every new one.
        assert.doesNotMatch(emitFunction(fn, NAMES), /\b(m32|f32|f64|handlers)\[\d/);
      }
    }
  }
  forms.atLeast(ALL_FORMS.length);
  // Flags are written by each form and read by few.
  assertEachJudged(reached, Object.keys(LEAST), 3);
  assertEachJudged(reached, [...Object.keys(ATTEMPTS).map((how) => `attempt ${how}`)], 1);
  const ofVectors = [...VECTOR.map((how) => `vector ${how}`), ...LANE_SHIFTS.map((how) => `laneShift ${how}`)];
  assertEachJudged(reached, [...ofVectors, ...CONVERT.map((how) => `convert ${how}`)], 1);
});
