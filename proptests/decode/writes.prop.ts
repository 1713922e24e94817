/**
 * What rows say is written (isa/row.ts, `writes`) against iced-x86: for every form, with registers and with memory,
 * with either operand size and repeated, the general registers written, named or not, and whether memory is written.
 * And the rules that keep a row from promising what compiled code cannot see.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code, InstructionInfoFactory, OpAccess, RegisterExt } from 'iced-x86';
import { REGISTERS_32 } from '../../src/core/base/names.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { registersWritten } from '../../src/core/isa/effects.ts';
import { rowOf } from '../../src/core/isa/ops.ts';
import {
  KIND_MEMORY,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  R_META,
  RECORD_WORDS,
} from '../../src/core/isa/record.ts';
import { row } from '../../src/core/isa/row.ts';
import { wordsFrom } from '../flags/harness.ts';
import { ALL_FORMS, encodeForm } from '../support/forms.ts';
import { hexOf, icedDecode } from './iced.ts';

const code = new Int32Array(RECORD_WORDS);
const infos = new InstructionInfoFactory();
const WRITES: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

/** Registers by name and whether memory is written, as one can compare it. */
const text = (mask: number, memory: boolean): string =>
  [...REGISTERS_32.filter((_, register) => ((mask >> register) & 1) !== 0), ...(memory ? ['memory'] : [])].join(' ');

function ours(): string {
  const meta = code[R_META];
  const { writes } = rowOf(meta & META_OP_MASK);
  const isMemory = (shift: number): boolean => ((meta >> shift) & 15) === KIND_MEMORY;
  const memory =
    writes.memory || (writes.a && isMemory(META_KIND_A_SHIFT)) || (writes.b && isMemory(META_KIND_B_SHIFT));
  return text(registersWritten(code, 0), memory);
}

function theirs(bytes: Uint8Array): string {
  const instruction = icedDecode(bytes, 32);
  assert.notEqual(instruction.code, Code.INVALID, hexOf(bytes));
  const info = infos.info(instruction);
  let mask = 0;
  for (const used of info.usedRegisters()) {
    if (WRITES.has(used.access) && RegisterExt.isGPR(used.register)) {
      mask |= 1 << RegisterExt.number(RegisterExt.fullRegister32(used.register));
    }
  }
  const memory = info.usedMemory().some((used) => WRITES.has(used.access));
  info.free();
  instruction.free();
  return text(mask, memory);
}

const ADDRESS = 0x20040;

test('registers and memory written are those that iced-x86 knows', () => {
  const word = wordsFrom(77);
  const differences = new Map<string, string>();
  const judged = new Set<string>();
  let count = 0;
  for (const form of ALL_FORMS) {
    for (const address of [null, ADDRESS]) {
      for (const prefixes of [[], [0x66], [0xf3], [0xf3, 0x66]]) {
        for (let i = 0; i < 6; i++) {
          const bytes = encodeForm(form, { address, prefixes }, word);
          if (bytes === null || decodeInstruction(bytes, 0, bytes.length, true, code, 0) !== bytes.length) continue;
          const { name, writes } = rowOf(code[R_META] & META_OP_MASK);
          judged.add(form.text + form.name);
          count++;
          // A task switch replaces everything; iced says what happens without one.
          if (writes.task) continue;
          const [left, right] = [ours(), theirs(bytes)];
          if (left !== right) {
            differences.set(name, `${name} (${hexOf(bytes)}): row "${left}", iced "${right}"`);
          }
        }
      }
    }
  }
  assert.deepEqual([...differences.values()], []);
  assert.deepEqual(
    ALL_FORMS.filter((form) => !judged.has(form.text + form.name)).map((form) => `${form.name} ${form.text}`),
    [],
    'forms that were not reached',
  );
  assert.ok(count > 10_000, `only ${count} instructions were judged`);
});

test('a row that promises more than compiled code can see is refused', () => {
  const sse = { faults: 'NM UD XM', assists: 'sse' } as const;
  const encoding = '66 0F 3A /r Vdq,Wdq,Ib';
  assert.equal(row('PSCRATCH', encoding, { ...sse, writes: 'A' }).assists, 'sse');
  const refused = (facts: Parameters<typeof row>[2], why: RegExp): void => {
    assert.throws(() => row('PSCRATCH', encoding, facts), why);
  };
  refused({ ...sse, writes: 'EAX' }, /PSCRATCH cannot assist: it writes a general register that no operand names/);
  refused({ ...sse, writes: 'A ECX' }, /a general register/);
  refused({ ...sse, writes: 'MEM' }, /it writes memory/);
  refused({ ...sse, writes: 'A', read: 'C' }, /it reads flags/);
  refused({ ...sse, writes: 'A', undefined: 'A', choice: 'A=0' }, /flags undefined/);
  refused({ ...sse, writes: 'A', faults: 'NM UD GP' }, /it can raise #GP/);
  refused({ ...sse, writes: 'A', kind: 'system' }, /more than change registers/);
  refused({ faults: 'NM MF XM', assists: 'x87', writes: 'A' }, /it can raise #XM/);
  refused({ writes: 'RAX' }, /RAX is nothing that PSCRATCH can write/);
});
