/**
 * Rows against what their handlers do: every form of every row runs on random states, and whatever changes must be
 * what the row says (effects.ts); after a fault nothing has changed. Handlers that may assist compiled code are held
 * to more: they read and change words of their unit alone. A row that lies is found, which forged rows show.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instructionText } from '../../src/core/isa/describe.ts';
import { FORMS } from '../../src/core/isa/encoding.ts';
import { type OpName, ROWS, rowOf } from '../../src/core/isa/ops.ts';
import * as record from '../../src/core/isa/record.ts';
import { type Row, type RowFacts, row } from '../../src/core/isa/row.ts';
import * as layout from '../../src/core/state/layout.ts';
import { setArithmeticFlags } from '../../src/core/state/flags.ts';
import { CODE, DATA } from '../engines/random-code.ts';
import type { Start } from '../engines/lockstep.ts';
import { CORNERS, wordsFrom } from '../flags/harness.ts';
import { ALL_FORMS, encodeForm } from '../support/forms.ts';
import { code, cpu, prepareOne, runAndJudge, SYSTEM_SELECTORS } from './effects.ts';

const seed = Number(process.env.REPRISE_SEED ?? 1);
const { m32 } = cpu;
const kindA = (): number => (code[record.R_META] >> record.META_KIND_A_SHIFT) & 15;
const kindB = (): number => (code[record.R_META] >> record.META_KIND_B_SHIFT) & 15;

/** Plain data mostly; also unaligned, read-only and absent pages, and the end of a page. */
function address(word: () => number): number {
  const low = word() & 0x3fc;
  switch (word() & 15) {
    case 0:
      return DATA + (word() & 0x3ff);
    case 1:
      return DATA + 0x1000 + low;
    case 2:
      return DATA + 0x4000 + low;
    case 3:
      return DATA + 0xffd;
    default:
      return DATA + (low & 0x3f0);
  }
}

function registers(word: () => number): number[] {
  return Array.from({ length: 8 }, () => {
    const kind = word() % 5;
    return kind === 0
      ? CORNERS[word() % CORNERS.length] | 0
      : kind === 1
        ? word() & 31
        : kind === 2
          ? word() | 0
          : DATA + (word() & 0x3fc);
  });
}

/** What some rows need to come to their end at all. */
function help(name: OpName, word: () => number): void {
  const poke = (at: number, ...values: number[]): void => {
    cpu.space.writeBytes(at, new Uint8Array(Int32Array.from(values).buffer));
  };
  if (/^(RDMSR|WRMSR)$/.test(name)) m32[layout.ECX] = 0x10;
  if (name === 'RDPMC') m32[layout.ECX] = word() & 1;
  if (name === 'IRET' || name === 'RET_FAR') poke(m32[layout.ESP], CODE, 8, 0x202);
  if (name === 'MOV_TO_CR') m32.fill(m32[layout.CR0 + code[record.R_A]], 0, 4);
  if (name === 'CMPXCHG8B') [m32[layout.EAX], m32[layout.EDX]] = [cpu.view.getInt32(layout.RAM_BASE + DATA, true), 0];
  if (/^(MOV_TO_SREG|L[DEFGS]S|LLDT|LTR|LAR|LSL|VERR|VERW|ARPL)$/.test(name)) {
    const selector =
      name === 'LLDT' ? SYSTEM_SELECTORS.ldt : name === 'LTR' ? SYSTEM_SELECTORS.tss : 8 * (1 + (word() % 5));
    if (kindA() === record.KIND_REGISTER) m32[code[record.R_A]] = selector;
    if (kindB() === record.KIND_REGISTER) m32[code[record.R_B]] = selector;
    const at = code[record.R_DISP];
    if (at >= DATA && at < DATA + 0x1000 - 8) poke(at, /^L[DEFGS]S$/.test(name) ? word() : selector, selector);
  }
  const operand = code[record.R_DISP];
  const isData = operand >= DATA && operand < DATA + 0x1000 - 512;
  if (name === 'BOUND' && isData && (word() & 1) === 0) poke(operand, -0x80000000, 0x7fffffff);
  if (kindA() === record.KIND_MEMORY && isData) {
    if (/^(JMP|CALL)_FAR_IND$/.test(name)) poke(operand, CODE, 8);
    if (name === 'LDMXCSR') poke(operand, 0x1f80);
    if (name === 'FXRSTOR') poke(operand + 24, 0x1f80);
  }
  if (name === 'POP_SREG') poke(m32[layout.ESP], 8 * (1 + (word() & 1)));
}

const PREFIXES: readonly (readonly number[])[] = [[], [], [], [0x66], [0xf3]];
const RUNS = 20;

/** One instruction of the form on one state; null when there is none. */
function start(form: (typeof ALL_FORMS)[number], run: number, word: () => number): Start | null {
  const prefixes = PREFIXES[run % PREFIXES.length];
  const wish = { address: (run & 1) === 0 ? null : address(word), prefixes };
  const other = { address: wish.address === null ? address(word) : null, prefixes: [] };
  const bytes = encodeForm(form, wish, word) ?? encodeForm(form, other, word);
  if (bytes === null) return null;
  // Of the second digit prepare() makes CR0.EM, CR0.TS and CR4.OSFXSR: x87 and SSE are usable but for every fifth run.
  const digit = run % 5 === 4 ? 0x20 + 0x10 * (word() & 1) : 0x40;
  return {
    code: bytes,
    registers: registers(word),
    flags: (word() & 0xc05) | digit,
    seed: word() & 0xff,
    user: run % 6 === 5,
  };
}

/** Rows whose handlers never come to an end here, with the reason. */
const NEVER: Partial<Record<OpName, string>> = {
  UD0: 'raises #UD',
  UD1: 'raises #UD',
  UD2: 'raises #UD',
  RSM: 'raises #UD outside SMM',
};

test('handlers change what their rows say and nothing else', () => {
  const word = wordsFrom(seed * 40 + 3);
  const complaints = new Map<string, string>();
  const completed = new Set<string>();
  const faulted = new Set<string>();
  const reached = new Set<string>();
  let count = 0;
  for (const form of ALL_FORMS) {
    for (let run = 0; run < RUNS; run++) {
      const one = start(form, run, word);
      if (one === null || !prepareOne(one)) continue;
      const { name } = rowOf(form.op);
      reached.add(`${name} ${form.text}`);
      setArithmeticFlags(cpu, word() & layout.ARITHMETIC_FLAGS);
      help(name, word);
      const text = instructionText(code, 0);
      const { fault, undeclared } = runAndJudge();
      count++;
      if (fault === '') completed.add(name);
      else faulted.add(name);
      if (undeclared.length > 0) complaints.set(`${name} ${undeclared.join(', ')}`, text);
    }
  }
  assert.deepEqual(
    [...complaints].map(([complaint, text]) => `${complaint} (${text})`),
    [],
  );
  const forms = FORMS.flatMap((form) => (form === undefined ? [] : [`${form.name} ${form.text}`]));
  assert.deepEqual(
    forms.filter((form) => !reached.has(form)),
    [],
    'forms that were not reached',
  );
  assert.deepEqual(
    ROWS.map(({ name }) => name).filter((name) => !completed.has(name) && NEVER[name] === undefined),
    [],
    'rows that never came to an end',
  );
  assert.ok(count > 10_000, `only ${count} instructions were judged`);
  assert.ok(faulted.size > 300, `only ${faulted.size} rows faulted`);
});

/** The forms of a row that compiled code may have done by its handler in place. */
const isAssisted = (row: Row): boolean => {
  const kinds = [kindA(), kindB()];
  if (row.assists === 'x87') return kinds.every((kind) => kind === record.KIND_ST || kind === record.KIND_NONE);
  return kinds[0] === record.KIND_XMM && (kinds[1] === record.KIND_XMM || kinds[1] === record.KIND_IMMEDIATE);
};

const UNIT_WORDS = [...layout.PLACED.values()]
  .filter(({ group }) => group === 'fpu' || group === 'sse')
  .flatMap(({ offset, size }) => Array.from({ length: Math.ceil(size / 4) }, (_, k) => (offset >> 2) + k));

/** What the handler leaves in the words of its unit and in the arithmetic flags. */
function outcome(one: Start, change: () => void): string {
  assert.ok(prepareOne(one));
  // What the guards of lift/assist.ts make sure of.
  m32[layout.CR0] &= ~(layout.CR0_EM | layout.CR0_TS);
  m32[layout.CR4] |= layout.CR4_OSFXSR;
  m32[layout.FP_STATUS] &= ~0x80ff;
  m32[layout.MXCSR] |= 0x1f80;
  change();
  const { fault, undeclared } = runAndJudge();
  assert.equal(fault, '', instructionText(code, 0));
  assert.deepEqual(undeclared, [], instructionText(code, 0));
  assert.equal(cpu.exitRequest, 0);
  const { flags } = rowOf(code[record.R_META] & record.META_OP_MASK);
  if (flags.written !== '') assert.equal(m32[layout.CC_OP], 0, 'the flags are not in EFLAGS');
  const left = flags.written === '' ? 0 : m32[layout.EFLAGS] & layout.ARITHMETIC_FLAGS;
  return `${UNIT_WORDS.map((word) => m32[word]).join(' ')} flags ${left}`;
}

test('handlers that assist read and change words of their unit alone', () => {
  const word = wordsFrom(seed * 40 + 9);
  const judged = new Map<string, number>();
  for (const form of ALL_FORMS) {
    const row: Row = rowOf(form.op);
    if (row.assists === '') continue;
    for (let run = 0; run < RUNS; run++) {
      const bytes = encodeForm(form, { address: null, prefixes: [] }, word);
      if (bytes === null) continue;
      const one: Start = { code: bytes, registers: registers(word), flags: 0x40, seed: word() & 0xff, user: false };
      assert.ok(prepareOne(one));
      if (!isAssisted(row)) continue;
      judged.set(row.name, (judged.get(row.name) ?? 0) + 1);
      const expected = outcome(one, () => {});
      // In compiled code general registers, flags and the budget in memory are old; EIP is right.
      const other = outcome({ ...one, registers: registers(word) }, () => {
        setArithmeticFlags(cpu, word() & layout.ARITHMETIC_FLAGS);
        m32[layout.CC_OP] = 1 + (word() % 24);
        m32[layout.ESP] = word();
        cpu.left = -1;
        cpu.nextEip = word() | 0;
      });
      assert.equal(other, expected, `${instructionText(code, 0)} reads what compiled code keeps elsewhere`);
    }
  }
  const assisting = ROWS.filter(({ assists }) => assists !== '').map(({ name }) => name);
  assert.deepEqual(
    assisting.filter((name) => (judged.get(name) ?? 0) < RUNS),
    [],
    'rows that assist with too few forms judged',
  );
});

test('a row that lies about its handler is found', () => {
  const word = wordsFrom(7);
  /** Complaints about a handler when its row has these facts in the place of its own. */
  const complaints = (name: OpName, facts: RowFacts, memory = false): Set<string> => {
    const found = new Set<string>();
    for (const form of ALL_FORMS.filter((candidate) => candidate.name === name)) {
      for (let run = 0; run < RUNS; run++) {
        const bytes = encodeForm(form, { address: memory ? DATA + 0x40 : null, prefixes: [] }, word);
        const one = { registers: registers(word), flags: 0x8f5 & word(), seed: word() & 0xff, user: false };
        if (bytes === null || !prepareOne({ code: bytes, ...one })) continue;
        for (const what of runAndJudge(row(name, form.text, facts)).undeclared) found.add(what.replace(/ .*/, ''));
      }
    }
    return found;
  };
  // An implicit general register, as PCMPESTRI or XLAT have one.
  assert.ok(complaints('XLAT', { writes: '', kind: 'memory' }).has('eax'));
  assert.ok(complaints('CPUID', { writes: 'EAX EDX EBX', kind: 'system' }).has('ecx'));
  assert.ok(complaints('PEXTRW', { writes: '', faults: 'NM UD MF' }).has('eax'));
  // A flag, memory, a fault, an end of its block.
  assert.ok(complaints('ADD', { writes: 'A', written: 'OSZAP' }).has('flags'));
  assert.ok(complaints('COMISS', { writes: '', faults: 'NM UD XM' }).has('flags'));
  assert.ok(complaints('MOVUPS', { writes: '', faults: 'NM UD' }, true).has('memory'));
  assert.ok(complaints('PUSH', { writes: 'ESP', kind: 'memory', faults: 'SS PF AC' }).has('memory'));
  assert.ok(complaints('DIV', { writes: 'EAX HIGH', undefined: 'OSZAPC' }).has('#DE'));
  assert.ok(complaints('HLT', { writes: '', kind: 'system', faults: 'GP' }).has('exit'));
  assert.ok(complaints('FADD', { writes: 'A', faults: 'MF' }).size > 0);
});
