/**
 * Handlers against their rows: a flag that the row does not name is never touched, an undefined one ends as the row's
 * choice says, and a fault leaves all of them. Every register form of every plain integer row, with random operands.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMS, type Form } from '../../src/core/isa/encoding.ts';
import { flagMask, rowOf } from '../../src/core/isa/ops.ts';
import { INTEGER_ROWS } from '../../src/core/isa/rows-integer.ts';
import { getFlags } from '../../src/core/state/flags.ts';
import { ARITHMETIC_FLAGS, DF, EDI, EFLAGS, ESP } from '../../src/core/state/layout.ts';
import { CORNERS, cpu, flagText, Instruction, wordsFrom } from './harness.ts';
import { Judged } from '../support/judged.ts';

const RUNS_PER_FORM = 60;
const word = wordsFrom(20);
const hex = (value: number, byteCount: number): string => {
  let text = '';
  for (let i = 0; i < byteCount; i++) text += ((value >>> (8 * i)) & 0xff).toString(16).padStart(2, '0');
  return text;
};

const IMMEDIATE_BYTES: Readonly<Record<string, number>> = { none: 0, one: 0, b: 1, s: 1, w: 2, z: 4, jb: 1, jz: 4 };

/** Bytes of the form with register operands, 32-bit operand size; '' when it has none such. */
function registerForm(form: Form): string {
  const immediate = IMMEDIATE_BYTES[form.immediate];
  if (immediate === undefined || form.rm === 'memory' || form.prefix > 0 || form.name === 'MOV_FROM_SREG') return '';
  const low = form.low === 'r' ? word() & 7 : form.low === 'cc' ? word() & 15 : 0;
  const modrm = 0xc0 | ((form.digit >= 0 ? form.digit : word() & 7) << 3) | (word() & 7);
  const bytes = [...(form.escape ? [0x0f] : []), form.opcode + low, ...(form.modrm ? [modrm] : [])];
  return bytes.map((byte) => hex(byte, 1)).join('') + hex(word(), immediate);
}

/** Whether an undefined flag's outcome is what the row says. */
function isChosen(choice: string, bit: number, before: number, after: number): boolean {
  if (choice === '0') return (after & bit) === 0;
  if (choice === '1') return (after & bit) !== 0;
  return choice === 'result' || ((before ^ after) & bit) === 0;
}

function check(form: Form): void {
  const { name, flags } = rowOf(form.op);
  const touched = flagMask(flags.written + flags.undefined);
  const choices = flags.choice === '' ? [] : flags.choice.split(' ').map((text) => text.split('='));
  const mayKeep = /^(SH[LR]|SAR$)/.test(name); // by zero
  const judged = new Judged(`runs of ${name} ${form.text}`);
  for (let i = 0; i < RUNS_PER_FORM; i++) {
    const text = registerForm(form);
    for (let r = 0; r <= EDI; r++) if (r !== ESP) cpu.m32[r] = i % 3 === 0 ? CORNERS[word() % CORNERS.length] : word();
    const before = (word() & ARITHMETIC_FLAGS) | (word() & DF) | 2;
    cpu.m32[EFLAGS] = before;
    const vector = new Instruction(text).run(before);
    const after = getFlags(cpu);
    const where = `${name} ${form.text} (${text}): ${flagText(before)} became ${flagText(after)}`;
    if (vector >= 0) assert.equal(after, before, `${where} by a fault`);
    else assert.equal((after ^ before) & ~touched, 0, where);
    if (vector >= 0 || (mayKeep && after === before)) continue;
    judged.add();
    for (const [letter, choice] of choices) {
      assert.ok(isChosen(choice, flagMask(letter), before, after), `${where}, ${letter} should be ${choice}`);
    }
  }
  judged.atLeast(RUNS_PER_FORM / 10);
}

const PLAIN = new Set<string>(INTEGER_ROWS.filter((row) => row.kind === 'plain').map((row) => row.name));
const forms = FORMS.flatMap((form) => (form !== undefined && PLAIN.has(form.name) ? [form] : []));

test('plain instructions change the flags their rows name, and undefined ones as chosen', () => {
  let count = 0;
  for (const form of forms) {
    if (registerForm(form) === '') continue;
    check(form);
    count++;
  }
  assert.ok(count > 150, `only ${count} forms have registers`);
});
