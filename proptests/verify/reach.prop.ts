/**
 * The random programs of the mutation check meet what faults hide behind: every row that is lifted or has a case in the
 * inner loop runs, and its operands are met in as many classes as its encodings give reason to expect (reach.ts);
 * conversions meet every class that decides how they round. `npm run mutation -- --reach` prints all of it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { OP, type OpName, rowOf } from '../../src/core/isa/ops.ts';
import { HOT } from '../../tiers/interp/specialise.ts';
import { LIFTERS } from '../../tiers/lift/lift.ts';
import { PROGRAMS, programOf } from '../mutation/programs.ts';
import { addReach, expectedClasses, Reach } from './reach.ts';

const SEED = Number(process.env.REPRISE_SEED ?? 1);
const TICKS_MAX = 100_000;
/** Twelve turns of one program. */
const RUNS_MIN = 12;

/** Of those that are lifted: what the source is called, and classes that it must be met in besides the usual ones. */
const CONVERSIONS: readonly (readonly [rows: string, role: string, besides: readonly string[]])[] = [
  ['CVTTSD2SI CVTTSS2SI', 'B', ['end of 32 bits']],
  ['CVTSD2SS', 'B', ['half of single', 'beyond single', 'below single']],
  ['FIST FISTP FISTTP', 'ST0', ['end of 32 bits']],
  ['FST FSTP', 'ST0', ['half of single', 'beyond single', 'below single']],
  ['FRNDINT', 'ST0', []],
];
/** Of each line one at the least. */
const DECIDING: readonly (readonly string[])[] = [
  ...['denormal', 'integer', 'fraction', 'tie to even below', 'tie to even above', 'negative', 'positive'],
  'beyond 32 bits',
].map((name) => [name]);
const DECIDING_EITHER = [
  ['zero', '−0'],
  ['infinity', '−infinity'],
  ['quiet NaN', 'signalling NaN'],
];

/**
 * These look at descriptor tables, privilege and waiting interrupts, of which a flat kernel has one kind: the random
 * code of `engines/system-code.prop.ts` meets all kinds.
 */
const OF_SYSTEM_CODE = new Set(
  'MOV_TO_SREG MOV_FROM_SREG PUSH_SREG POP_SREG POPF CLI STI CLTS INVLPG'.split(' ') as OpName[],
);

const reach = new Reach();
for (let i = 0; i < PROGRAMS; i++) addReach(reach, programOf(SEED, i), TICKS_MAX);

/** Rows of the cases of the inner loop: what stands before the first underscore, three names apart. */
const OF_CASE: Readonly<Record<string, string>> = { CDQ: 'CWD', CALL_R: 'CALL_IND', CALL_M: 'CALL_IND' };
const hotRows = Object.keys(HOT).map((name) => {
  const jumps = name.replace(/^JMP_.*/, 'JMP_IND');
  return OF_CASE[name] ?? (jumps === name ? name.split('_')[0] : jumps);
});

test('every row that is lifted or has a case of its own runs on operands of every kind', () => {
  for (const name of hotRows) assert.ok(name in LIFTERS, `${name} has a case in the inner loop and no lifter`);
  const met = (Object.keys(LIFTERS) as OpName[]).filter((name) => !OF_SYSTEM_CODE.has(name));
  const thin = met.flatMap((name) => {
    const [runs, classes, wanted] = [reach.runsOf(name), reach.classesOf(name), expectedClasses(rowOf(OP[name]))];
    return runs >= RUNS_MIN && classes >= wanted ? [] : [`${name}: ${runs} runs, ${classes} classes of ${wanted}`];
  });
  assert.deepEqual(thin, [], 'make proptests/verify/probes.ts or float-probes.ts meet these more often');
});

test('conversions meet what decides how they round', () => {
  for (const [rows, role, besides] of CONVERSIONS) {
    for (const name of rows.split(' ')) {
      const wanted = [...DECIDING, ...DECIDING_EITHER, ...besides.map((each) => [each])];
      const isMet = (each: string): boolean => reach.rows.get(name)?.has(`${role} ${each}`) === true;
      const missing = wanted.filter((either) => !either.some(isMet));
      assert.deepEqual(missing, [], name);
    }
  }
});

test('shifts of doublewords meet every kind of count in CL', () => {
  for (const name of 'SHL SHR SAR ROL ROR RCL RCR SHLD_CL SHRD_CL'.split(' ')) {
    const spans = ['0', '1', 'below 16', 'from 16', '31', 'above 31'].map((span) => `doubleword by CL, ${span}`);
    const missing = spans.filter((span) => reach.rows.get(name)?.has(span) !== true);
    assert.deepEqual(missing, [], name);
  }
});

test('a class is counted where an instruction meets it, and nowhere else', () => {
  const lines = `
    movsd xmm0, [value]\ncvttsd2si eax, xmm0\nmov ebx, 0x80000000\nstc\nadc ebx, ebx\nshl ebx, 31
    cmp eax, [value + 1]\nmov al, 1\nout 0xf4, al\nvalue: dd 0, 0xc0040000, 0`;
  const { bytes } = assemble(`
    bits 32\norg 0x100000
    header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
    start: mov eax, cr4\nor eax, 0x600\nmov cr4, eax\n${lines}`);
  const one = new Reach();
  addReach(one, bytes, 100);
  const classesOf = (row: string): string[] =>
    [...(one.rows.get(row)?.keys() ?? [])].filter((each) => each !== '').sort();
  assert.deepEqual(
    classesOf('CVTTSD2SI').filter((each) => each.startsWith('B')),
    ['B negative', 'B tie', 'B tie to even below'],
  );
  assert.deepEqual(classesOf('ADC'), ['A least', 'B least', 'carry comes in', 'equal', 'one register twice']);
  assert.deepEqual(classesOf('SHL'), ['A one', 'B byte positive', 'count of all bits but one']);
  assert.ok(classesOf('CMP').includes('crooked') && !classesOf('CMP').includes('aligned'));
  assert.equal(one.runsOf('ADC'), 1);
  assert.equal(one.runsOf('SBB'), 0);
});
