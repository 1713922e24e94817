// The inner loop's case numbers are literals (V8 makes jump tables of nothing else), so nothing but this
// test ties them to the names in specialise.ts; and what specialise.ts writes is what record.ts says. Also holds
// the loop and the handlers against each other on the built-in guests: the same run with every instruction done by
// its handler gives the same state.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import fc from 'fast-check';
import { CONDITIONS } from '../../src/core/base/names.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { instructionText } from '../../src/core/isa/describe.ts';
import { OP } from '../../src/core/isa/ops.ts';
import {
  KIND_IMMEDIATE,
  META_KIND_A_SHIFT,
  META_OP_MASK,
  R_A,
  R_B,
  R_DISP,
  R_HOT,
  R_IMM,
  R_META,
  R_POSITION,
  RECORD_WORDS,
} from '../../src/core/isa/record.ts';
import { bootMultiboot } from '../../src/core/machine/boot/multiboot.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import { Machine } from '../../src/core/machine/machine.ts';
import { buildGuest, listGuests } from '../../src/host/node/guest-images.ts';
import { MODE_CPL3, MODE_CS32, MODE_FLAT_CODE, MODE_FLAT_DATA, ZERO } from '../../src/core/state/layout.ts';
import { FLAT_MODE } from '../../tiers/explain.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { HOT, HOT_COLD, HOT_END, specialise } from '../../tiers/interp/specialise.ts';
import { WARM_UP_ORIGIN, WARM_UP_PROGRAM } from '../../tiers/interp/warm-up-program.ts';
import { WARM_UP_SOURCE } from '../../tiers/interp/warm-up-source.ts';
import { liftBlock } from '../../tiers/lift/lift.ts';
import { draft, encode } from '../engines/random-code.ts';
import { projectRoot } from '../support/poison.ts';

test('the cases of the inner loop are the names of specialise.ts, no more and no less', () => {
  const source = readFileSync(join(projectRoot, 'tiers/interp/hot.ts'), 'utf8');
  const cases = [...source.matchAll(/^ {8}case (\d+):(?: \{)?\s*\/\/ (\w+)/gm)].map(
    ([, number, name]) => `${number} ${name}`,
  );
  const { JCC, ...names } = HOT;
  const expected = [
    `${HOT_END} HOT_END`,
    ...Object.entries(names).map(([name, number]) => `${number} ${name}`),
    ...CONDITIONS.map((condition, i) => `${JCC + i} J${condition.toUpperCase()}`),
  ];
  assert.deepEqual(cases.sort(), expected.sort());
  const labels = [...source.matchAll(/^ {8}case /gm)];
  assert.equal(labels.length, cases.length, 'a case without number and name');
  const numbers = new Set(cases.map((text) => text.split(' ')[0]));
  assert.equal(numbers.size, cases.length, 'a number stands twice');
});

test('what the host is shown before it compiles the inner loop reaches every case', () => {
  const { bytes } = assemble(WARM_UP_SOURCE);
  const code = new Int32Array(RECORD_WORDS);
  const reached = new Set<number>([HOT_END]);
  for (let at = 0; at < bytes.length; at += code[R_POSITION] >>> 16) {
    assert.ok(decodeInstruction(bytes, at, bytes.length, true, code, 0) > 0, `undecodable at ${at}`);
    reached.add(specialise(code, 0, FLAT_MODE));
  }
  const { JCC, ...names } = HOT;
  const wanted = [HOT_COLD, HOT_END, ...Object.values(names), ...CONDITIONS.map((_, i) => JCC + i)];
  const ascending = (a: number, b: number): number => a - b;
  assert.deepEqual([...reached].sort(ascending), wanted.sort(ascending));
});

test('the program that the host is shown is its source, assembled', () => {
  const hex = Buffer.from(assemble(WARM_UP_SOURCE).bytes).toString('hex');
  if (process.env.REPRISE_BLESS === '1' && hex !== WARM_UP_PROGRAM) {
    const path = join(projectRoot, 'tiers/interp/warm-up-program.ts');
    const lines = (hex.match(/.{1,112}/g) ?? []).map((part) => `  '${part}'`);
    const text = readFileSync(path, 'utf8').replace(/(WARM_UP_PROGRAM =)[^;]*;/, `$1\n${lines.join(' +\n')};`);
    writeFileSync(path, text);
    return;
  }
  assert.equal(WARM_UP_PROGRAM, hex, 'REPRISE_BLESS=1 npm test -- interp/hot writes it anew');
  assert.match(WARM_UP_SOURCE, new RegExp(`org ${WARM_UP_ORIGIN}\n`));
});

test('records stay as decoded but for the places of inlined branches, of which lifters take no notice', () => {
  const BRANCHES: ReadonlySet<number> = new Set([OP.JCC, OP.JMP, OP.CALL]);
  const modes = [
    FLAT_MODE,
    FLAT_MODE | MODE_CPL3,
    MODE_FLAT_CODE | MODE_CS32,
    MODE_FLAT_CODE | MODE_FLAT_DATA | MODE_CS32,
  ];
  let inlined = 0;
  let branches = 0;
  const property = fc.property(fc.array(draft, { minLength: 1, maxLength: 12 }), fc.nat(0xfff), (drafts, position) => {
    const bytes = encode(drafts);
    const code = new Int32Array(RECORD_WORDS);
    for (let at = 0, length = 0; at < bytes.length; at += length) {
      length = decodeInstruction(bytes, at, bytes.length, true, code, 0);
      if (length <= 0) break;
      code[R_POSITION] |= position;
      const op = code[R_META] & META_OP_MASK;
      for (const mode of modes) {
        const made = code.slice();
        made[R_HOT] = specialise(made, 0, mode);
        if (made[R_HOT] !== HOT_COLD) inlined++;
        const isBranch = BRANCHES.has(op) && made[R_HOT] !== HOT_COLD;
        if (isBranch) branches++;
        const free = new Set(isBranch ? [R_HOT, R_A, R_DISP] : [R_HOT]);
        for (let word = 0; word < RECORD_WORDS; word++) {
          if (!free.has(word)) assert.equal(made[word], code[word], `word ${word} of ${instructionText(code, 0)}`);
        }
        assert.equal(instructionText(made, 0), instructionText(code, 0));
        assert.deepEqual(liftBlock(made, 0, 1, 0, mode), liftBlock(code, 0, 1, 0, mode), instructionText(code, 0));
      }
    }
  });
  fc.assert(property, { seed: Number(process.env.REPRISE_SEED ?? 1), numRuns: 300 });
  assert.ok(inlined > 2000 && branches > 200, `${inlined} inlined, ${branches} branches`);
});

test('of an operand that is no memory, register and immediate word add up to the value', () => {
  const sums = (source: string): string => {
    const code = new Int32Array(RECORD_WORDS);
    assert.ok(decodeInstruction(assemble(`bits 32\n${source}\n`).bytes, 0, 15, true, code, 0) > 0);
    const kindA = (code[R_META] >> META_KIND_A_SHIFT) & 15;
    return `${code[kindA === KIND_IMMEDIATE ? R_A : R_B]} ${code[R_IMM]}`;
  };
  assert.equal(sums('add ebx, 0x12345678'), `${ZERO} ${0x12345678}`);
  assert.equal(sums('add ebx, esi'), '6 0');
  assert.equal(sums('push 7'), `${ZERO} 7`);
  assert.equal(sums('shl edi, 1'), `${ZERO} 1`);
});

/** Final root hash of a guest run in slices of `sliceTicks`. */
function run(name: string, input: string, sliceTicks: number, untilTick: number): string {
  const port = new LivePort();
  const machine = new Machine(
    { memoryMegabytes: 16, nsPerTick: 8, epochSeconds: 0, reboot: false, serialTiming: 'instant', hashEveryTicks: 0 },
    port,
    SILENT_OUTPUT,
    (cpu) => new Interpreter(cpu),
  );
  machine.boot(() =>
    bootMultiboot(machine.cpu, machine.space, { kernel: buildGuest(name), modules: [], commandLine: 'guest 3' }),
  );
  if (input !== '') port.push({ kind: 'serial', port: 0, bytes: new TextEncoder().encode(input) }, 5000);
  let reason = 'tick';
  while (reason === 'tick' && machine.tick < untilTick)
    reason = machine.run(Math.min(untilTick, machine.tick + sliceTicks));
  return `${reason} ${machine.tick} ${machine.hash().root}`;
}

for (const guest of listGuests()) {
  test(`${guest.name}: handlers alone leave the same state as the inner loop`, () => {
    // Slices of one tick never let a block through, so every instruction is done by its handler.
    const until = 60_000;
    assert.equal(run(guest.name, guest.input ?? '', 1, until), run(guest.name, guest.input ?? '', until, until));
    assert.equal(run(guest.name, guest.input ?? '', 7, until), run(guest.name, guest.input ?? '', 1009, until));
  });
}
