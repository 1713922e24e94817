/**
 * The attempts of the x87 that are WebAssembly (tiers/wasm/x87.ts) against those that are TypeScript
 * (tiers/runtime/wide-x87.ts, whose arithmetic float/plain.prop.ts holds against the general handlers): the same
 * answer, the same words of the x87 and, where it has been done, the same scratch words. REPRISE_CASES of each attempt
 * and REPRISE_SEED.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import {
  EFLAGS,
  FP_CONTROL,
  FP_DS,
  FP_SIGNIFICAND,
  OPERAND,
  OPERAND_WORDS,
  WIDE,
  WIDE_WORDS,
} from '../../src/core/state/layout.ts';
import { ATTEMPTS, type AttemptName, type Role } from '../../tiers/ir/attempts.ts';
import { makeWide } from '../../tiers/runtime/wide.ts';
import { encodeThreads, ENVIRONMENT } from '../../tiers/wasm/threads.ts';
import { X87_ATTEMPTS } from '../../tiers/wasm/x87.ts';
import { putF32, putF64, putF80, putInteger } from '../float/values.ts';
import { edge, fillX87, NEARS, NEARS_OF_DOUBLE, NEARS_OF_SINGLE, pick } from '../float/x87-states.ts';
import { assertEachJudged } from '../support/judged.ts';
import { hex, protectedBench } from '../system/fixture.ts';

const caseCount = Number(process.env.REPRISE_CASES ?? 4000);
const seed = Number(process.env.REPRISE_SEED ?? 1);
/** Of those of one attempt as many at least are done, and as many refused, where it can refuse. */
const LEAST = 1 / 16;
const LEAST_REFUSED = 1 / 64;
const NEVER_REFUSES: readonly AttemptName[] = ['operandInt32', 'operandInt64'];

type Attempts = Readonly<Record<string, (a: number, b: number) => number>>;

function instantiate(cpu: Cpu): Attempts {
  const places = {
    tlbBase: cpu.tlbBase,
    sharedBase: cpu.compiledBase,
    pages: cpu.memory.m8.byteLength >>> 16,
    isCounted: false,
  };
  const module = new WebAssembly.Module(encodeThreads(places));
  const own: Record<string, unknown> = {
    memory: cpu.memory.wasm,
    table: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
  };
  // Whatever else it imports: no attempt may call it.
  const environment = new Proxy(own, {
    get: (_, name: string) => own[name] ?? ((): number => assert.fail(`${name} of JavaScript is called`)),
  });
  return new WebAssembly.Instance(module, { [ENVIRONMENT]: environment }).exports as Attempts;
}

/** The x87's words, and scratch. */
const FIRST = FP_SIGNIFICAND;
const FLOAT_WORDS = FP_DS + 1 - FIRST;
const SCRATCH = Math.min(WIDE, OPERAND);
const SCRATCH_WORDS = Math.max(WIDE + WIDE_WORDS, OPERAND + OPERAND_WORDS) - SCRATCH;

const words = new Int32Array(4);

/** What is in WIDE is for the operand; OPERAND is as the register that it meets. */
function fill(random: Random, cpu: Cpu, name: AttemptName): void {
  const near = pick(random, NEARS);
  fillX87(random, cpu, near, /^(push|load)/.test(name));
  if (name === 'operandF32') putF32(random, words, pick(random, NEARS_OF_SINGLE));
  else if (name === 'operandF64') putF64(random, words, pick(random, NEARS_OF_DOUBLE));
  else if (name === 'loadControl') words[0] = random.word();
  else if (name === 'moveStackIf') words[0] = random.below(2);
  else putInteger(random, words);
  cpu.m32.set(words, WIDE);
  const from = FP_SIGNIFICAND + 2 * random.below(8);
  putF80(random, words, near);
  if (random.below(4) === 0) words.set(cpu.m32.subarray(from, from + 2));
  cpu.m32.set(words.subarray(0, 3), OPERAND);
  if (random.below(4) !== 0) return;
  // Words at the edges: quotients whose remainders are near zero and near the divisor, carries through all columns.
  cpu.m32.set([edge(random), edge(random) | 0x80000000, 0x3fff + random.below(4)], OPERAND);
  for (let k = 0; k < 8; k++) cpu.m32.set([edge(random), edge(random) | 0x80000000], FP_SIGNIFICAND + 2 * k);
}

function argument(random: Random, role: Role): number {
  if (role.is === 'unused') return 0;
  if (role.is === 'number') return random.below(role.below);
  return role.at ?? WIDE;
}

test('the x87 of WebAssembly does what the TypeScript does', () => {
  const random = new Random(seed);
  const { cpu } = protectedBench();
  const wide: Attempts = makeWide(cpu);
  const inside = instantiate(cpu);
  const done = new Map<string, number>();
  const refused = new Map<string, number>();
  const { m32 } = cpu;
  const written = (role: Role, at: number): Iterable<number> =>
    role.is === 'words' && role.writes ? m32.subarray(at, at + role.words) : [];
  for (const name of X87_ATTEMPTS) {
    for (let i = 0; i < caseCount; i++) {
      fill(random, cpu, name);
      const [a, b] = [argument(random, ATTEMPTS[name].a), argument(random, ATTEMPTS[name].b)];
      const flags = random.word();
      const floats = m32.slice(FIRST, FIRST + FLOAT_WORDS);
      const scratch = m32.slice(SCRATCH, SCRATCH + SCRATCH_WORDS);
      m32[EFLAGS] = flags;
      const snapshot = (answer: number): number[] => [
        answer,
        m32[EFLAGS],
        ...m32.subarray(FIRST, FIRST + FLOAT_WORDS),
        ...(answer > 0 ? [...written(ATTEMPTS[name].a, a), ...written(ATTEMPTS[name].b, b)] : []),
      ];
      const wanted = snapshot(wide[name]!(a, b));
      m32.set(floats, FIRST);
      m32.set(scratch, SCRATCH);
      m32[EFLAGS] = flags;
      const seen = snapshot(inside[name]!(a, b));
      if (wanted.some((value, k) => value !== seen[k])) {
        const text = (values: Iterable<number>): string => [...values].map(hex).join(' ');
        const before = `${name}(${a}, ${b}) control ${hex(floats[FP_CONTROL - FIRST]!)} of ${text(floats)}`;
        const message = `${before}, scratch ${text(scratch)}, case ${i} of seed ${seed}`;
        assert.equal(text(seen), text(wanted), message);
      }
      const counts = wanted[0] === 0 ? refused : done;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  assertEachJudged(done, X87_ATTEMPTS, caseCount * LEAST);
  const refusing = X87_ATTEMPTS.filter((name) => !NEVER_REFUSES.includes(name));
  assertEachJudged(refused, refusing, caseCount * LEAST_REFUSED);
});
