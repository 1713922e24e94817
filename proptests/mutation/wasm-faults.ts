/**
 * Faults of what compiles to WebAssembly (tiers/wasm): the emitter, its values, the lazy flags, the parameters that
 * functions hand on, the ways out and what goes on behind a handler. Written as in mutations.ts; noticed by the
 * interpreter beside engines of WebAssembly alone (run.ts).
 */
import * as answers from './answers.ts';
import { inFile, type Mutation, type Row } from './answers.ts';

const { at, CHANGES_CODE, ENDS_BLOCK, flagsReadBy, LOADS_SIGNED, SETS_FLAGS, SHIFTS_RIGHT, STORES } = answers;
const { WRITES_REGISTER } = answers;

const onWasm = (file: string, rows: readonly Row[]): Mutation[] => inFile(`tiers/wasm/${file}`, rows, 'wasm');

/** What is done by its handler in the middle of a block. */
const HANDLED = new RegExp(
  '^(LOOP|RCL|RCR|REP|MOVS|STOS|CMPS|SCAS|LODS|PUSHF|XADD|DIV|IDIV|SHLD|SHRD|RDTSC|BS[FR]|POP|CMPXCHG|' +
    'CVTT?S[SD]2SI|MOV_FROM_CR|MOV_TO_CR|F|CPUID|STMXCSR|LDMXCSR)',
);
/** Goes the slow way where memory is not plain, or where a value is not. */
const MAY_GO_SLOW =
  /\[|^(PUSH|POP|CALL|RET|LEAVE|DIV|IDIV|REP|STOS|MOVS|F|LOOP|MOV_TO_CR|U?COMIS|CVT|ADD[PS]|MUL[PS]|SUB[PS]|DIV[PS])/;
/** Ends a block by going somewhere. */
const JUMPS = /^(JCC|JMP|LOOP|CALL|RET|JCXZ|JECXZ|IRET)/;
const LOSES_TICKS: answers.Answer = { differs: /tick|eip/ };
/** Where a function goes on in another one, or comes to be entered, the wrong one runs. */
const RUNS_ANOTHER: answers.Answer = {
  differs: /tick|eip|memory|e(ax|cx|dx|bx|sp|bp|si|di)|xmm|^fp|mxcsr|eflags/,
};
/** INC, DEC, DIV and IDIV keep it. */
const READS_CARRY = /\.(b|nb|be|nbe)\b|^(ADC|SBB|RCL|RCR|INC|DEC|CMC|SALC|I?DIV)/;
const conditional = (codes: string): RegExp => new RegExp(`^(JCC|SETCC|CMOVCC|LOOPN?E)(\\.(${codes}))?\\b`);

/** The x87's arithmetic. */
const ROUNDS = /^FI?(ADD|SUB|MUL|DIV)/;
const COMPARES = /^F[IU]?COM|^FTST/;

export const WASM_FAULTS: readonly Mutation[] = [
  ...onWasm('emit.js', [
    ['emit() {', 'W.i32_shr_s', 'W.i32_shr_u', 'a way out before the entry goes elsewhere', { differs: /eip/ }],
    [
      'slow() {',
      'this.block.count - index',
      'this.block.count - index - 1',
      'a slow path of WebAssembly counts a tick twice',
      { names: MAY_GO_SLOW, differs: /^(tick|eip)$/ },
    ],
    [
      'emitBlock(index) {',
      'body.i32(block.count)',
      'body.i32(block.count - 1)',
      'a block of WebAssembly costs a tick too few',
      ENDS_BLOCK,
    ],
    [
      "case 'stamp'",
      'this.block.count - this.inside().index',
      'this.block.count',
      'RDTSC of WebAssembly is the time of the block',
      // Alone it is the first of its block.
      { shows: /^RDTSC/, differs: /e(ax|dx)|memory/ },
    ],
    ['emitBlock(index) {', 'body.i32(0)', 'body.i32(-1)', 'a block of WebAssembly overruns its budget', LOSES_TICKS],
    [
      'emitBlock(index) {',
      'this.breakOut(block.delta, block.count)',
      'this.breakOut(block.delta, block.count - 1)',
      'a budget that is used up loses a tick',
      LOSES_TICKS,
    ],
    [
      'emitBlock(index) {',
      'this.breakOut(block.delta, block.count)',
      'this.breakOut(0, block.count)',
      'a budget that is used up leaves at the entry',
      { differs: /eip/ },
    ],
    ['handler(writes) {', 'k < 8', 'k < 7', 'EDI is not written back before a handler', { shows: HANDLED }],
    [
      'handler(writes) {',
      'this.reload(P_CC_OP, 4 * CC_OP, 0)',
      '',
      'flags that a handler leaves are not read again',
      { shows: HANDLED },
    ],
    [
      'handler(writes) {',
      'this.reload(P_LEFT, 4 * LEFT, rest)',
      'this.reload(P_LEFT, 4 * LEFT, 0)',
      'what follows a handler costs nothing',
      LOSES_TICKS,
    ],
    [
      'handler(writes) {',
      'body.i32(rest + 1)',
      'body.i32(rest)',
      'a handler of WebAssembly sees a later tick',
      { shows: HANDLED },
    ],
    [
      'handler(writes) {',
      '((writes >> register) & 1) !== 0',
      '((writes >> register) & 1) === 0',
      'WebAssembly does not read registers again after a handler',
      { shows: HANDLED },
    ],
    [
      'load(op) {',
      'op.signed ? LOADS_SIGNED : LOADS',
      'LOADS',
      'signed loads of WebAssembly extend with zeros',
      at(LOADS_SIGNED),
    ],
    [
      'store(op) {',
      'W.i32_store8, W.i32_store16',
      'W.i32_store8, W.i32_store8',
      'WebAssembly stores a byte of a word',
      { names: /word \[|^(STOS|MOVS|PUSH)/, differs: /memory/ },
    ],
    [
      'place32(op) {',
      'deny |= this.deny[1]',
      'deny |= this.deny[0]',
      'stores of WebAssembly do not look at the right to write',
      at(STORES),
    ],
    [
      'transfer(op) {',
      '[here, 4 * op.index, there, 0]',
      '[here, 4 * op.index + 4, there, 0]',
      'loads of 8 and 16 bytes go a word too far',
      at(/^(MOV|F|LDDQU|P|ADD|SUB|MUL|DIV|U?COMI|CVT|SQRT|MIN|MAX|AND|OR|XOR|UNPCK|SHUF|CMP).*\[/),
    ],
    [
      "case 'set'",
      'this.values.release(parameter)',
      'this.values.remaining',
      'what a register was is read after it is written',
      // From where the register is read on: what is read and written by one instruction, or moved.
      { names: WRITES_REGISTER },
    ],
    ["case 'cc'", 'body.i32(3)', 'body.i32(0)', 'WebAssembly: CF wrong when the carry came in', at(/^(ADC|SBB) /)],
    [
      "case 'cc'",
      'body.set(P_CC_SRC)',
      'body.set(P_CC_DST)',
      'WebAssembly loses the second operand of the flags',
      { names: SETS_FLAGS },
    ],
    [
      "case 'bits'",
      'body.i32(~ARITHMETIC_FLAGS)',
      'body.i32(~0)',
      'flags that were set stay set',
      { names: SETS_FLAGS },
    ],
    [
      "case 'bits'",
      'body.set(P_CC_OP)',
      'body.op(W.drop)',
      'WebAssembly takes folded flags for lazy ones',
      { names: SETS_FLAGS },
    ],
    [
      "case 'flags':",
      '(op.code & 1) !== 0',
      '(op.code & 1) === 0',
      'conditions that WebAssembly asks for are inverted',
      { shows: conditional('\\w+') },
    ],
    ['', "'ifS', 'ifP'", "'ifP', 'ifS'", 'SF is asked for and PF answers', { shows: conditional('n?s|n?p') }],
    [
      'assist(row) {',
      'this.at(delta)',
      'this.at(0)',
      'the x87 of WebAssembly remembers a wrong instruction',
      // The one that its function begins with, which is what a report names.
      { shows: /^F\w/ },
    ],
    [
      "exit.exit === 'branch'",
      'this.go(index, exit.taken)',
      'this.go(index, exit.next)',
      'WebAssembly never takes a branch',
      at(JUMPS),
    ],
    [
      'leaveTo(delta) {',
      'this.at(delta)',
      'this.at(0)',
      'a jump out of a function goes to its entry',
      { differs: /eip|tick/ },
    ],
    ['indirect(index, target) {', 'W.i32_eq', 'W.i32_ne', 'RET goes on behind another call', { shows: /^(RET|CALL)/ }],
  ]),
  ...onWasm('time-stamp.js', [
    ['pushStamp', 'W.f64_sub', 'W.f64_add', 'RDTSC counts what is left twice', at(/^RDTSC/)],
  ]),
  ...onWasm('values.js', [
    [
      '',
      'body.op(W.i32_extend8_s)',
      'body.op(W.i32_extend16_s)',
      'bytes are extended from bit 15',
      // CBW too, which has its byte without naming it.
      at(/^CBW\b|\b([abcd][lh])\b|byte \[|0x/),
    ],
    ["case 'unary'", 'body.i32(-1)', 'body.i32(0)', 'WebAssembly inverts PF', { shows: SETS_FLAGS }],
    [
      "case 'select'",
      'this.value(op.b)',
      'this.value(op.a)',
      'the second of two values is never chosen',
      // Counts of 0 in CL, conditional moves, the ends of ranges.
      { shows: /^(CMOVCC|SH|SA|RO|RC|BS|CMPXCHG|BT|CWD|DIV|IDIV|LOOP|STOS|MOVS|CMPS|SCAS|LODS)/ },
    ],
    ["case 'quotient'", 'W.i64_div_u', 'W.i64_div_s', 'WebAssembly takes a long dividend for negative', at(/^I?DIV /)],
    ['this.value(op.low)', 'W.i64_extend_i32_u', 'W.i64_extend_i32_s', 'its low half has a sign', at(/^I?DIV /)],
    ["case 'quotient'", 'body.i64(32n)', 'body.i64(31n)', 'its high half lies a bit too low', at(/^I?DIV /)],
    [
      'const SIMPLE',
      'sar: W.i32_shr_s',
      'sar: W.i32_shr_u',
      'SAR of WebAssembly shifts in zeros',
      at(/^(SAR|CWD|IDIV|IMUL|IMUL1|IMUL3|SHL|SHR|SHLD|SHRD) ?/),
    ],
    [
      'const SIMPLE',
      'ltu: W.i32_lt_u',
      'ltu: W.i32_lt_s',
      'below of WebAssembly looks at signs',
      { names: SETS_FLAGS },
    ],
    [
      'const SIMPLE',
      'shr: W.i32_shr_u',
      'shr: W.i32_shr_s',
      'SHR of WebAssembly shifts in the sign',
      { shows: SHIFTS_RIGHT.shows ?? /./ },
    ],
  ]),
  ...onWasm('vectors.js', [
    [
      'const VECTORS',
      'andnot: V.v128_andnot',
      'andnot: V.v128_and',
      'PANDN of WebAssembly does not complement',
      at(/^(PANDN|ANDNP[SD]) /),
    ],
    [
      "case 'shuffle'",
      '4 * lane + k',
      '4 * lane + (k ^ 1)',
      'shuffled lanes have their bytes swapped',
      at(/^(PSHUF|SHUFP|MOVHLPS|MOVLHPS|P?UNPCK|MOVS|MOVD|MOVQ|MOV[LH]P)/),
    ],
    [
      'const VECTORS',
      'addu8: V.i8x16_add_sat_u',
      'addu8: V.i8x16_add',
      'PADDUSB of WebAssembly wraps around',
      at(/^PADDUSB /),
    ],
    [
      'const VECTORS',
      'packs16: V.i8x16_narrow_i16x8_s',
      'packs16: V.i8x16_narrow_i16x8_u',
      'PACKSSWB of WebAssembly keeps no sign',
      at(/^PACKSSWB /),
    ],
    [
      'const LANE_SHIFT_CODES',
      'sar16: V.i16x8_shr_s',
      'sar16: V.i16x8_shr_u',
      'PSRAW of WebAssembly shifts in zeros',
      at(/^PSRAW /),
    ],
  ]),
  ...onWasm('floats.js', [
    [
      'function testArithmetic(',
      "operation === 'multiply' ? [x, y]",
      "operation === 'multiply' ? [x, y, result]",
      'a product of WebAssembly that underflows to zero is taken',
      at(/^MUL[SP][SD] /),
    ],
    [
      'function pushFinite(',
      'format.constant(body, format.greatest)',
      'format.constant(body, Infinity)',
      'a result of WebAssembly that overflows is taken',
      at(/^((ADD|SUB|MUL|DIV)[SP][SD]|CVTSD2SS) /),
    ],
    [
      'function pushPlain(',
      'format.constant(body, format.least)',
      'format.constant(body, 0)',
      'denormal operands are plain to WebAssembly',
      at(/^((ADD|SUB|MUL|DIV)[SP][SD]|U?COMIS[SD]|CVTT) ?/),
    ],
    [
      'const ROUNDS_FREELY',
      '0x1020',
      '0x1000',
      'what WebAssembly rounds sets no PE',
      at(/^((ADD|SUB|MUL|DIV)[SP][SD]|CVT)/),
    ],
    [
      'function testComparison(',
      'body.i32(ZF_SHIFT)',
      'body.i32(2)',
      'equal numbers set PF in WebAssembly',
      at(/^U?COMIS[SD] /),
    ],
  ]),
  ...onWasm('x87-arithmetic.js', [
    [
      'settle(',
      'hasTopBit(tail).and(',
      'hasTopBit(tail).or(',
      'the x87 of WebAssembly rounds up what is inexact',
      at(ROUNDS),
    ],
    ['settle(', 'long(0x800n)', 'long(0x400n)', 'the x87 of WebAssembly rounds 53 bits up by half a bit', at(ROUNDS)],
    ['function sum()', '.sub(tail.ne(0n).wide())', '', 'differences of the x87 do not borrow', at(/^FI?(ADD|SUB)/)],
    [
      'function sum()',
      'lesser.shl(long(63n).sub(distance)).shl(1n)',
      'lesser.shl(long(64n).sub(distance))',
      'x87 operands of one exponent leave a tail',
      at(/^FI?(ADD|SUB)/),
    ],
    [
      'function sum()',
      'choose(isLess, signB, signA)',
      'signA',
      'sums of the x87 have the sign of the first operand',
      at(/^FI?(ADD|SUB)/),
    ],
    [
      'function sum()',
      'exponent.sub(shift.low())',
      'exponent',
      'differences of the x87 that are short keep the exponent',
      at(/^FI?(ADD|SUB)/),
    ],
    ['function product()', '.add(second.shr(32n))', '', 'products of the x87 lose a column', at(/^FI?MUL/)],
    [
      'function quotient()',
      'divisor.sub(remainder).below(remainder)',
      'remainder.below(divisor.sub(remainder))',
      'quotients of the x87 are rounded the wrong way',
      at(/^FI?DIV/),
    ],
    [
      'function quotient()',
      'exponent.sub(1)',
      'exponent',
      'quotients of the x87 below 1 are twice as great',
      at(/^FI?DIV/),
    ],
  ]),
  ...onWasm('x87-state.js', [
    [
      'statusAfter',
      '.shl(TOP_SHIFT)',
      '.shl(TOP_SHIFT + 1)',
      'a pop of WebAssembly moves the stack by two',
      at(/^F\w*P\b|^FU?COMI?PP?\b/),
    ],
  ]),
  ...onWasm('x87.js', [
    [
      'function widenInteger(',
      'kept.xor(sign).sub(sign)',
      'kept.sub(sign)',
      'negative integers of the x87 have a wrong size',
      at(/^FI/),
    ],
    [
      'function order()',
      'exponentA.below(exponentB).xor(isNegative)',
      'exponentA.below(exponentB)',
      'negative numbers of the x87 compare by their size',
      at(COMPARES),
    ],
    [
      'function compare(',
      'found.and(4).shl(12)',
      'found.and(4).shl(11)',
      'x87 numbers that are equal do not set C3',
      at(COMPARES),
    ],
    [
      'function compare(',
      'found.and(4).shl(4)',
      'found.and(4).shl(2)',
      'FCOMI of equal numbers sets AF instead of ZF',
      at(/^FU?COMI/),
    ],
    ['function copyStack(', 'full.or(B.shl(top))', 'full', 'FSTP to a register does not empty ST(0)', at(/^FSTP st/)],
    [
      'function moveStackIf(',
      'load32(0, PLACE)',
      'load32(0, PLACE).isZero()',
      'FCMOV moves when it should not',
      at(/^FCMOV/),
    ],
    [
      'function exchangeStack(',
      'setRegister(w, other, signExponent, significand)',
      'setRegister(w, other, signExponentOf(top), significandOf(top))',
      'FXCH copies',
      at(/^FXCH/),
    ],
    [
      'const narrow',
      'BigInt(fraction + 1)',
      'BigInt(fraction)',
      'narrowing stores of the x87 look at a bit too many',
      at(/^FSTP? (d|q)word/),
    ],
    [
      'const round',
      'word(2).sub(isNegative)',
      'word(1).add(isNegative)',
      'FIST rounds up where it should round down',
      at(/^FISTP? /),
    ],
    [
      'const round',
      'signed16()',
      'signed16().or(value.low())',
      'FIST of 16 bits stores what does not fit',
      at(/^FIST\w* word/),
    ],
  ]),
  ...onWasm('conditions.js', [
    [
      'function carry()',
      'W.i32_lt_u',
      'W.i32_le_u',
      'CF of WebAssembly after CMP: equal counts as below',
      // What reads is wrong; what set the flags is named where one piece has both.
      { names: new RegExp(`${SETS_FLAGS.source}|${READS_CARRY.source}`), shows: READS_CARRY },
    ],
    [
      'function flags(',
      'w.i32(shiftOf(ZF))',
      'w.i32(shiftOf(ZF) + 1)',
      'ZF of WebAssembly is given as SF',
      flagsReadBy(/./),
    ],
    [
      "'ifLe'",
      'W.i32_le_s',
      'W.i32_lt_s',
      'JLE of WebAssembly does not jump when equal',
      flagsReadBy(conditional('n?le')),
    ],
    ["'ifBe'", 'bit(CF)(w, bits)', 'bit(ZF)(w, bits)', 'JBE of WebAssembly forgets CF', { shows: conditional('n?be') }],
    ['function less(', 'shiftOf(OF)', 'shiftOf(CF)', 'JL of WebAssembly looks at CF', { shows: conditional('n?le?') }],
    [
      "'ifS'",
      '31, W.i32_shr_u',
      '30, W.i32_shr_u',
      'JS of WebAssembly looks at bit 30',
      flagsReadBy(conditional('n?s')),
    ],
  ]),
  ...onWasm('threads.js', [
    [
      'function homes()',
      '4 * CC_SRC',
      '4 * CC_DST',
      'the second operand of the flags comes from the first',
      // It goes wrong where a function is left: what the function ran has what set the flags.
      { shows: SETS_FLAGS, differs: /eflags/ },
    ],
    [
      'function homes()',
      'found[P_REGISTERS + k] = 4 * k',
      'found[P_REGISTERS + k] = 4 * (k ^ 1)',
      'registers are handed over in another order',
      RUNS_ANOTHER,
    ],
    [
      'function goingOn(',
      'body.set(P_EIP)',
      'body.op(W.drop)',
      'after a handler the function of the place before is run',
      RUNS_ANOTHER,
    ],
    [
      'function miss(',
      'body.i32(4096)',
      'body.i32(4100)',
      'an access across the end of a page is taken for plain',
      at(/\[|^(PUSH|POP|CALL|RET|LEAVE)/),
    ],
  ]),
  ...onWasm('batch.js', [
    [
      'export function encodeRegions(',
      'known.get(keyOf(host + delta, mode))',
      'known.get(keyOf(host, mode))',
      'a jump out of a function begins it anew',
      RUNS_ANOTHER,
    ],
    [
      'const link = (delta)',
      'jumps.push(delta) - 1',
      'jumps.push(delta) - 2',
      'a jump has the entry before',
      RUNS_ANOTHER,
    ],
  ]),
  ...onWasm('order.js', [
    [
      'export function orderOf(',
      'at += count * RECORD_WORDS',
      'at += (count - 1) * RECORD_WORDS',
      'records that are handed over lie upon each other',
      RUNS_ANOTHER,
    ],
    [
      'export function readOrder(',
      'block.first);',
      'block.first + RECORD_WORDS);',
      'whoever is handed records has each behind its place',
      RUNS_ANOTHER,
    ],
    [
      'export function readOrder(',
      'count: words[at + 1]',
      'count: Math.max(1, words[at + 1] - 1)',
      'blocks that are handed over lose their last instruction',
      RUNS_ANOTHER,
    ],
    [
      'export function readOrder(',
      'delta: words[at + 2]',
      'delta: words[at + 2] + 1',
      'blocks that are handed over lie a byte behind their places',
      RUNS_ANOTHER,
    ],
    [
      'export function answerWords(',
      'words.push(size, entry,',
      'words.push(size, 0,',
      'what is handed back has its first jumps alone',
      RUNS_ANOTHER,
    ],
    [
      'export function readAnswer(',
      'const relies = [...words.subarray(at, at + relied)]',
      'const relies = []',
      'functions that are handed back rely on none',
      CHANGES_CODE,
    ],
  ]),
];
