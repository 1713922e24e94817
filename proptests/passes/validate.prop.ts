/**
 * `validate` refuses what it must: a value of another type in the place of each operand of each operation, and one
 * breach of every other rule. Modes and words of the CPU block survive their names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CR0, MODE_FLAT_CODE, PLACED, XMM } from '../../src/core/state/layout.ts';
import { type Block, type IrFunction, type Op, TYPES, usesOf, withUses } from '../../tiers/ir/ir.ts';
import { modeOf, modeText, wordIndex, wordName } from '../../tiers/ir/names.ts';
import { IrTextError, parse, print } from '../../tiers/ir/text.ts';
import { validate } from '../../tiers/ir/validate.ts';
import { assertEachJudged } from '../support/judged.ts';

/** A function of one block; `lines` are its instructions, numbered and placed here: `ADD` begins one. */
function functionOf(lines: string, exit = 'jump 99'): IrFunction {
  let count = 0;
  let values = 0;
  const body = lines
    .trim()
    .split('\n')
    .map((line) => {
      const text = line.trim();
      for (const [, value] of text.matchAll(/\bv(\d+)\b/g)) values = Math.max(values, Number(value) + 1);
      return /^[A-Z]/.test(text) ? `insn ${count} ${text} at=${count++} length=1 pc=0` : text;
    });
  return parse(`function mode user32\nblock 0 count=${count} values=${values}\n${body.join('\n')}\nexit ${exit}\n`);
}

/** A value of each type, in the order of TYPES, and then every operation. */
const EVERYTHING = `
ADD
  v0: i32 = peek xmm0.d0
  v1: i64 = peek xmm0.q0
  v2: f32 = peek xmm0.d0
  v3: f64 = peek xmm0.q0
  v4: v128 = peek xmm0
  v5: i32 = const 5
  v6: i32 = get eax
  v7: i32 = word cr0
  v8: i32 = clz v0
  v9: i32 = add v0 v5
  v10: i32 = select v0 v5 v6
  v11: v128 = add8 v4 v4
  v12: v128 = shuffle v4 v11 0 1 6 7
  v13: i32 = mask8 v4
  v14: f64 = fromInt32 v0
  v15: f64 = promote v2
  v16: i32 = load16s v0 write
  v17: i32 = condition nz
  v18: i32 = carry
  v19: i32 = flags
  v20: i32 = attempt compareF32 xmm0.d0 xmm1.d0
  guard v0
  fetch64 wide.q0 v0
  attempt operandF64 operand wide.q0
  store16 v0 v9 checked
  poke.i32 xmm1.d0 v0
  poke.i64 xmm1.q0 v1
  poke.f32 xmm1.d0 v2
  poke.f64 xmm1.q0 v3
  poke.v128 xmm1 v4
  set ebx v0
  cc add32 result=v0 source=v5 left=v6 carry=v18
  bits v0
  v21: i32 = spare
  v22: v128 = sar16 v4 15
  v23: v128 = shuffle v4 v11 31 0 16 15 0 0 0 0 1 1 1 1 2 2 2 2
  put fs.base v0
  v25: i32 = stamp high
  v24: i32 = quotient v0 v5 v6
CPUID
  handler writes eax ecx edx ebx
FADDP
  assist FADDP
ADD
  stash64 xmm1.q0 v0
`;

/** The same with another operation at a place. */
function replaced(fn: IrFunction, at: number, op: Op): IrFunction {
  const [block] = fn.blocks;
  return { ...fn, blocks: [{ ...block, ops: block.ops.map((old, index) => (index === at ? op : old)) }] };
}

const KINDS: Readonly<Record<Op['op'], true>> = {
  insn: true,
  const: true,
  get: true,
  set: true,
  word: true,
  spare: true,
  stamp: true,
  put: true,
  unary: true,
  binary: true,
  select: true,
  quotient: true,
  vector: true,
  shuffle: true,
  laneShift: true,
  mask: true,
  convert: true,
  load: true,
  store: true,
  guard: true,
  cc: true,
  bits: true,
  condition: true,
  carry: true,
  flags: true,
  handler: true,
  assist: true,
  peek: true,
  poke: true,
  fetch: true,
  stash: true,
  attempt: true,
};

test('each operand of each operation takes its type and no other', () => {
  const fn = functionOf(EVERYTHING, 'branch v0 0 99');
  validate(fn);
  assert.deepEqual(parse(print(fn)), fn);
  const [block] = fn.blocks;
  const types = new Map(block.ops.flatMap((op) => ('to' in op ? [[op.to, op.type] as const] : [])));
  const seen = new Set(block.ops.map(({ op }) => op));
  assert.deepEqual(
    Object.keys(KINDS).filter((kind) => !seen.has(kind as Op['op'])),
    [],
  );
  const judged = new Map<string, number>();
  block.ops.forEach((op, at) => {
    for (const temp of new Set(usesOf(op))) {
      for (const [value, type] of TYPES.entries()) {
        if (type === types.get(temp)) continue;
        const wrong = withUses(op, (used) => (used === temp ? value : used));
        assert.throws(
          () => validate(replaced(fn, at, wrong)),
          new RegExp(`${op.op} takes ${types.get(temp)}, and v${value} is ${type}`),
          print(replaced(fn, at, wrong)),
        );
        judged.set(op.op, (judged.get(op.op) ?? 0) + 1);
      }
    }
    if (!('to' in op) || op.op === 'peek') return;
    for (const type of TYPES) {
      if (type === op.type || (op.op === 'const' && type === 'i64')) continue;
      assert.throws(
        () => validate(replaced(fn, at, { ...op, type: type as never })),
        new RegExp(`${op.op} gives no ${type}|takes`),
      );
      judged.set(`${op.op} gives`, (judged.get(`${op.op} gives`) ?? 0) + 1);
    }
  });
  const reading = block.ops.filter((op) => usesOf(op).length > 0).map(({ op }) => op);
  assertEachJudged(judged, reading, TYPES.length - 1);
  const wrongExit: Block = { ...block, exit: { exit: 'indirect', target: 4 } };
  assert.throws(() => validate({ ...fn, blocks: [wrongExit] }), /indirect takes i32, and v4 is v128/);
});

const BREACHES: readonly (readonly [what: string, lines: string, complaint: RegExp])[] = [
  ['a value before it is assigned', 'ADD\n set eax v0\n v0: i32 = const 1', /set reads v0 before it is assigned/],
  ['a value twice', 'ADD\n v0: i32 = const 1\n v0: i32 = const 2', /v0 is assigned twice/],
  [
    'a change before a load',
    'ADD\n v0: i32 = get eax\n set eax v0\n v1: i32 = load32 v0',
    /load can go slow after set/,
  ],
  [
    'a change before an attempt',
    'ADD\n v0: i32 = get eax\n poke.i32 xmm0.d0 v0\n attempt addF32 xmm1.d0 xmm0.d0',
    /attempt can go slow after poke/,
  ],
  ['a change before a handler', 'CPUID\n v0: i32 = get eax\n set eax v0\n handler writes all', /handler after set/],
  ['something after the handler', 'CPUID\n handler writes all\n v0: i32 = get eax', /get after the handler/],
  ['fewer registers than the row', 'CPUID\n handler writes eax', /CPUID writes more registers than it says/],
  ['a write of base', 'ADD\n v0: i32 = get base\n set base v0', /set with register 8/],
  [
    'scratch that nobody has written',
    'ADD\n v0: i32 = peek wide.d0',
    /peek reads scratch that this instruction has not written/,
  ],
  [
    'scratch of the instruction before',
    'ADD\n v0: i32 = get eax\n poke.i32 wide.d0 v0\nADD\n v1: i32 = peek wide.d0',
    /peek reads scratch that this instruction has not written/,
  ],
  [
    'an operand that nobody has made',
    'FADD\n attempt addOperand operand',
    /attempt addOperand reads scratch that this instruction has not written/,
  ],
  [
    'an operand that another attempt has used in the instruction before',
    `FADD\n v0: i32 = get eax\n poke.i32 wide.d0 v0\n attempt operandF32 operand wide.d0\n attempt addOperand operand
     FADD\n attempt addOperand operand`,
    /attempt addOperand reads scratch/,
  ],
  ['a general register as a word', 'ADD\n v0: i32 = peek eax', /peek reads word 0, which is neither float nor scratch/],
  ['a put of a register', 'ADD\n v0: i32 = get eax\n put eax v0', /put changes word 0/],
  ['a guard after a put', 'ADD\n v0: i32 = get eax\n put cr0 v0\n guard v0', /guard can go slow after put/],
  ['a poke of CR0', 'ADD\n v0: i32 = get eax\n poke.i32 cr0 v0', /poke writes word \d+, which is neither float nor/],
  [
    'an attempt of a row that does not offer to assist',
    'FCMOVB\n attempt exchangeStack 1 or assist',
    /FCMOVB does not say that its handler may/,
  ],
  [
    'an attempt that may be assisted after a change',
    'FXCH\n v0: i32 = get eax\n poke.i32 xmm0.d0 v0\n attempt exchangeStack 1 or assist',
    /assist after poke/,
  ],
  [
    'flags that an attempt leaves and nobody takes',
    'FCOMIP\n attempt compareStackFlags 1 1 or assist\n ADD\n v0: i32 = carry',
    /carry sees flags that were not taken/,
  ],
  ['a store that may be assisted', 'FST\n attempt storeF64 0 wide or assist', /or assist, which changes more/],
  ['a register that is none', 'FXCH\n attempt exchangeStack 8 or assist', /attempt exchangeStack with 8/],
  ['EFLAGS without an assist', 'ADD\n v0: i32 = peek eflags', /neither float nor scratch/],
  ['a word that changes', 'ADD\n v0: i32 = word mxcsr', /is not for handlers alone/],
  ['an assist of another row', 'FADDP\n assist FMULP', /assist of row \d+ in an instruction of row/],
  ['an assist of a row that does not offer it', 'CPUID\n assist CPUID', /CPUID does not say that its handler may/],
  ['an assist after a change', 'FADDP\n v0: i32 = get eax\n poke.i32 xmm0.d0 v0\n assist FADDP', /assist after poke/],
  [
    'flags of an assist that nobody takes',
    'FCOMI\n assist FCOMI\nJCC\n v0: i32 = condition b',
    /condition sees flags that were not taken from a handler/,
  ],
  [
    'a checked load without proof',
    'ADD\n v0: i32 = get eax\n v1: i32 = load8u v0\n v2: i32 = load32 v0 checked',
    /load at v0 is checked, and nothing before it has shown that/,
  ],
  [
    'a checked store where only a read was shown',
    'ADD\n v0: i32 = get eax\n v1: i32 = load32 v0\n store32 v0 v1 checked',
    /store at v0 is checked/,
  ],
  [
    'a proof from before a handler',
    `ADD\n v0: i32 = get eax\n v1: i32 = load32 v0\nCPUID\n handler writes all
     ADD\n v2: i32 = load32 v0 checked`,
    /load at v0 is checked/,
  ],
];

for (const [what, lines, complaint] of BREACHES) {
  test(`refused: ${what}`, () => {
    const fn = functionOf(lines);
    assert.deepEqual(parse(print(fn)), fn);
    assert.throws(() => validate(fn), complaint);
  });
}

/** What text cannot say, or says only of whole functions. */
test('refused: numbers out of range, places and counts that do not fit', () => {
  const fn = functionOf(EVERYTHING);
  const [block] = fn.blocks;
  const at = (kind: Op['op']): number => block.ops.findIndex(({ op }) => op === kind);
  const refuse = (kind: Op['op'], changes: Record<string, unknown>, complaint: RegExp): void => {
    const op = { ...block.ops[at(kind)], ...changes } as Op;
    assert.throws(() => validate(replaced(fn, at(kind), op)), complaint);
  };
  const peeked = block.ops.findIndex((op) => op.op === 'peek' && op.type === 'i64');
  const crossing = { ...block.ops[peeked], index: XMM + 3 } as Op;
  assert.throws(() => validate(replaced(fn, peeked, crossing)), /2 words at \d+ are no unit/);
  refuse('insn', { row: 2000 }, /insn with row 2000/);
  refuse('insn', { index: 1 }, /it has number 1/);
  refuse('insn', { delta: 1 }, /it is at 1, not 0/);
  refuse('const', { value: 0.5 }, /const with value 0.5/);
  refuse('get', { register: 9 }, /get with register 9/);
  refuse('set', { register: -1 }, /set with register -1/);
  refuse('shuffle', { lanes: [0, 1, 2, 8] }, /shuffle with lanes 0 1 2 8/);
  refuse('shuffle', { lanes: [0, 1, 2] }, /shuffle with lanes 0 1 2/);
  refuse('shuffle', { lanes: Array(16).fill(32) }, /shuffle with lanes 32/);
  refuse('laneShift', { count: 16 }, /laneShift with count 16/);
  refuse('load', { size: 2, signed: true }, /load with size 2, signed/);
  refuse('store', { size: 3 }, /store with size 3/);
  refuse('cc', { kind: 25 }, /cc with kind 25/);
  refuse('condition', { code: 16 }, /condition with condition 16/);
  refuse('handler', { writes: 256 }, /handler with registers 256/);
  refuse('attempt', { to: undefined, how: 'addF32' }, /attempt addF32 gives nothing/);
  const other = (changes: Partial<Block>): IrFunction => ({ ...fn, blocks: [{ ...block, ...changes }] });
  assert.throws(() => validate(other({ count: 3 })), /it is the last, and there should be 3/);
  assert.throws(() => validate(other({ temps: 20 })), /v20 is beyond the number of values/);
  assert.throws(() => validate(other({ delta: 1 })), /the entry block is not at delta 0/);
  assert.throws(() => validate({ ...fn, blocks: [block, block] }), /two blocks at delta 0/);
  assert.throws(() => validate(functionOf('ADD\n v0: i32 = get eax', 'leave')), /exit leave does not fit/);
});

test('text that is no IR is named by its line', () => {
  const refuse = (line: string, complaint: RegExp): void => {
    assert.throws(
      () => functionOf(`ADD\n ${line}`),
      (error: Error) =>
        error instanceof IrTextError && /^line 4: /.test(error.message) && complaint.test(error.message),
      line,
    );
  };
  refuse('v0: i33 = const 1', /expected a type/);
  refuse('v0: f64 = const 1', /expected type i32 or i64 for const/);
  refuse('v0: i64 = add v1 v2', /expected type i32 for add/);
  refuse('v0: v128 = shl v1 v2', /expected an operation on v128/);
  refuse('v0 = const 1', /expected an operation/);
  refuse('v0: i32 = peek xmm8.d0', /expected a word of the CPU block/);
  refuse('v0: i64 = peek xmm0.d0', /expected 2 words of the CPU block/);
  refuse('poke.v128 xmm0.q0 v0', /expected 4 words of the CPU block/);
  refuse('fetch64 xmm0 v0', /expected 2 words of the CPU block/);
  refuse('poke.i31 xmm0.d0 v0', /expected a type behind poke/);
  refuse('attempt frobnicate xmm0.d0', /expected the name of an attempt/);
  refuse('attempt compareF32 xmm0.d0 xmm1.d0', /expected an attempt that gives nothing/);
  refuse('v0: i32 = attempt addF32 xmm0.d0 xmm1.d0', /expected an attempt that gives a value/);
  refuse('attempt exchangeStack 1 or else', /expected "assist" behind "or"/);
  refuse('assist FROBNICATE', /expected the name of a row/);
  refuse('handler writes eax xyz', /expected general registers/);
  refuse('set eax v0 v1', /expected nothing more/);
  assert.throws(() => parse('function mode flat32\n'), /line 1: expected a mode/);
  assert.throws(() => parse('function mode user32\nblock 0 count=0 values=0\n'), /the text ends inside a block/);
});

test('modes survive their names, and so do words of the CPU block', () => {
  for (let mode = 0; mode < 2 * MODE_FLAT_CODE; mode++) assert.equal(modeOf(modeText(mode)), mode, modeText(mode));
  assert.equal(modeOf('user32 user32'), -1);
  assert.equal(modeOf('kernel32 stack32'), -1, 'said without need');
  let count = 0;
  for (const { name, offset, size, type } of PLACED.values()) {
    // Those are no words; and the operand has a name as a whole alone.
    if (type === 'f64' || name === 'operand') continue;
    for (let word = offset >> 2; word < (offset + size) >> 2; word++) {
      assert.equal(wordIndex(wordName(word, 1)), word, wordName(word, 1));
      count++;
    }
  }
  assert.ok(count > 200, `${count} words`);
  assert.deepEqual(
    [wordName(CR0, 1), wordName(XMM + 5, 1), wordName(XMM + 6, 2), wordName(XMM + 8, 4)],
    ['cr0', 'xmm1.d1', 'xmm1.q1', 'xmm2'],
  );
  assert.equal(wordIndex('xmm8'), -1);
  assert.throws(() => wordName(XMM + 1, 2), /have no name/);
});
