/**
 * Engines are invisible: random code leaves the same registers, flags, memory, faults and ticks on the interpreter
 * stepping single ticks and on every engine in several compile shapes, wherever the slices end. Code may overwrite
 * itself, fault in the middle, loop, call, and run out of its budget inside repeated string instructions.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../src/core/isa/assemble.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, type TierPolicy, TIERED_POLICY, WASM_POLICY } from '../../tiers/policy.ts';
import type { BackendFactory } from '../../tiers/runtime/backend.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { CODE, conditions, DATA, type Draft, draft, draftTouchingCode, encode } from './random-code.ts';

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
  wasm('wasm evicting', { threshold: 2, evict: 300, seed: 5 }),
  compiling('tiered', { ...TIERED_POLICY, threshold: 4, cache: 3, losses: 1e9 }),
];

const seed = Number(process.env.REPRISE_SEED ?? 1);

interface Shape {
  readonly drafts: fc.Arbitrary<Draft[]>;
  readonly runners: readonly Runner[];
  readonly numRuns: number;
  readonly ticks: number;
}

function runs({ drafts, runners, numRuns, ticks }: Shape): void {
  const property = fc.property(
    drafts,
    fc.array(conditions, { minLength: 2, maxLength: 3 }),
    fc.array(
      fc.nat(40).map((n) => n + 1),
      { minLength: 1, maxLength: 6 },
    ),
    (program, starts, lengths) => {
      const code = encode(program);
      for (const start of starts) compare(reference, runners, { ...start, code }, ticks, lengths);
    },
  );
  fc.assert(property, { seed, numRuns, includeErrorInReport: true, endOnFailure: process.env.REPRISE_SHRINK === '0' });
}

const many = (one: fc.Arbitrary<Draft>, most: number): fc.Arbitrary<Draft[]> =>
  fc.array(one, { minLength: 1, maxLength: most });

test('one random instruction, again and again with other registers', () => {
  runs({ drafts: many(draft, 1), runners: [everything, plain, bytes], numRuns: 2000, ticks: 3 });
});
test('straight lines, branches and loops', () => {
  runs({ drafts: many(draft, 16), runners: shapes, numRuns: 400, ticks: 120 });
});
test('long random programs', () => {
  runs({ drafts: many(draft, 90), runners: shapes, numRuns: 60, ticks: 400 });
});
test('programs that overwrite themselves', () => {
  runs({ drafts: many(draftTouchingCode, 16), runners: shapes, numRuns: 300, ticks: 120 });
});

/** Small loops over fixed code: what random programs reach too rarely. */
const PROGRAMS: readonly [string, string][] = [
  [
    'a store into the other block of a loop',
    'sub:  mov eax, 1\n add [place + 1], cl\n jmp place\nplace: add ebx, 0x100\n dec ecx\n jnz sub\nend: jmp end',
  ],
  [
    'compare equal and borrow',
    'top: mov eax, ecx\n and eax, 3\n cmp eax, 2\n sbb edx, 5\n cmp eax, 2\n adc edi, 9\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'divide with and without a high half',
    'top: mov edx, ecx\n and edx, 1\n mov eax, ecx\n mov ebx, 77\n div ebx\n add edi, eax\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'read, then write to a page that may be read-only',
    'top: mov edx, [0x21ffc]\n mov eax, [esi]\n add edi, eax\n mov [esi], edi\n add esi, 64\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'calls, returns and a repeated string',
    'top: call work\n call work\n dec ebp\n jnz top\nend: jmp end\nwork: push esi\n push ecx\n mov ecx, 5\n rep movsb\n pop ecx\n pop esi\n inc ebx\n ret',
  ],
  [
    'accesses at the end of a segment',
    'top: mov eax, [fs:ebx + 0x70]\n add edi, eax\n inc ebx\n mov [fs:ebx + 0x60], edi\n mov [fs:ebx + 0x68], di\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'bytes at the linear addresses where the TLB arithmetic overflows',
    'top: mov al, [0x80020010]\n add edi, eax\n mov [0x80020011], al\n inc byte [0x80020010]\n add bl, [0x80020011]\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'unaligned and page-crossing accesses',
    'top: mov eax, [esi]\n add esi, 3\n mov [esi + 1], eax\n dec ecx\n jnz top\nend: jmp end',
  ],
];

for (const [name, source] of PROGRAMS) {
  test(`a loop: ${name}`, () => {
    const code = assemble(`bits 32\n${source}\n`, { origin: CODE }).bytes;
    for (const user of [false, true]) {
      for (const [index, lengths] of [[1000], [1], [7, 2], [13]].entries()) {
        const registers = [1, 40 + index, 3, 0, 5, 12, DATA + (index === 3 ? 0xe02 : 0xd00), DATA + 0x200];
        compare(reference, shapes, { code, registers, flags: index, seed: 3, user }, 600, lengths);
      }
    }
  });
}
