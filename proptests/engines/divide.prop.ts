/**
 * DIV and IDIV of 64 bits by 32 on every engine: dividends and divisors at the corners of what fits, with EDX from
 * anywhere and from CDQ, and a divisor that is a register of the dividend or lies in memory. What #DE is raised for is
 * among them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, WASM_POLICY } from '../../tiers/policy.ts';
import { makeEvaluatingBackend } from '../../tiers/runtime/evaluating.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { DATA } from './random-code.ts';

const shapes = { threshold: 1, losses: 1e9, wait: 0 };
const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const runners: readonly Runner[] = [
  makeRunner('eval', (cpu) => new CompilingEngine(cpu, 'eval', { ...JS_POLICY, ...shapes }, makeEvaluatingBackend)),
  makeRunner('js', (cpu) => new CompilingEngine(cpu, 'js', { ...JS_POLICY, ...shapes }, makeJsBackend)),
  makeRunner('wasm', (cpu) => new CompilingEngine(cpu, 'wasm', { ...WASM_POLICY, ...shapes }, makeWasmBackend)),
  makeRunner('wasm plain', (cpu) => {
    return new CompilingEngine(cpu, 'wasm', { ...WASM_POLICY, ...shapes, optimise: 0 }, makeWasmBackend);
  }),
];

const CORNERS = [0, 1, 2, 3, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_0000, 0xffff_fffe, -1];
const word = fc.oneof(fc.constantFrom(...CORNERS.map((value) => value | 0)), fc.integer());
const [EAX, ECX, EDX, EBX] = [0, 1, 2, 3];
const AT_DATA = [0, 8, 16, 24].map((shift) => (DATA >>> shift) & 0xff);
/** MOV [DATA], ECX, and the division by it. */
const inMemory = (by: number): number[] => [0x89, 0x0d, ...AT_DATA, 0xf7, (by << 3) | 5, ...AT_DATA];
const division = fc.tuple(
  fc.constantFrom(6, 7),
  fc.constantFrom<number[]>([], [0x99], [0x99, 0x89, 0xce], [0x31, 0xd2], [0x99, 0x92], [0x66, 0x99]),
  fc.constantFrom<number>(ECX, ECX, EBX, EDX, EAX, -1),
);

test('divisions of 64 bits go alike on every engine', () => {
  let quotients = 0;
  const property = fc.property(
    division,
    fc.array(word, { minLength: 4, maxLength: 4 }),
    ([by, before, place], words) => {
      const divide = place < 0 ? inMemory(by) : [0xf7, 0xc0 | (by << 3) | place];
      const code = Uint8Array.from([...before, ...divide, 0x89, 0xc7, 0x90, 0xeb, 0xfe]);
      const [eax, ecx, edx, ebx] = words;
      // Half of the dividends fit: their high word is a part of the divisor.
      const high = (edx & 1) === 0 ? edx : Math.trunc(ecx / 3);
      const registers = [eax, ecx, high, ebx, 0, 5, 6, 7];
      const ticks = compare(reference, runners, { code, registers, flags: 0, seed: 1, user: false }, 12, [12]);
      if (ticks === 12) quotients++;
    },
  );
  fc.assert(property, { numRuns: 1500, includeErrorInReport: true });
  assert.ok(quotients > 500, `${quotients} of 1500 have a quotient`);
});
