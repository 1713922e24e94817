/**
 * Faults to inject, one a line: the emitted file, a text that stands before the place ('' for the file's start), the text
 * to replace (its first occurrence behind that) and its replacement, and what that breaks. They are the faults that
 * people make in emulators: a wrong flag, a shift count off by one, swapped operands, a missed extension, a stale
 * translation, a missed invalidation, a lost tick. Each must be distinct in effect; one that cannot be seen at all is
 * no mutation and does not belong here.
 */
export interface Mutation {
  readonly file: string;
  readonly after: string;
  readonly find: string;
  readonly replace: string;
  readonly breaks: string;
}

type Row = readonly [after: string, find: string, replace: string, breaks: string];

const inFile = (file: string, rows: readonly Row[]): Mutation[] =>
  rows.map(([after, find, replace, breaks]) => ({ file, after, find, replace, breaks }));

export const MUTATIONS: readonly Mutation[] = [
  ...inFile('tiers/interp/hot.js', [
    ['// ADD_R_S', 'CC_ADD32', 'CC_SUB32', 'ADD leaves the flags of SUB'],
    ['// SUB_R_S', '- source', '+ source', 'SUB adds'],
    ['// SUB_R_S', 'm32[CC_SRC] = source', 'm32[CC_SRC] = result', 'SUB loses its second operand: CF is wrong'],
    ['// AND_R_S', '& source', '| source', 'AND does OR'],
    ['// CMP_R_S', 'm32[code[pc + R_A]] - source', 'source - m32[code[pc + R_A]]', 'CMP with swapped operands'],
    ['// ADC_R_S', '+ source + carryIn', '+ source', 'ADC forgets the carry'],
    ['// ADC_R_S', 'carryIn === 0 ? CC_ADD32 : CC_ADC32', 'CC_ADD32', 'ADC: CF wrong when the carry came in'],
    ['// SBB_R_S', '- source - carryIn', '- source', 'SBB forgets the borrow'],
    ['// MOVZX_R_M16', 'm16[', '(-65536) | m16[', 'MOVZX does not clear the high half'],
    ['// MOVSX_R_M8', '<< 24) >> 24', '<< 24) >>> 24', 'MOVSX of a byte extends with zeros'],
    ['// MOVSX_R_R16', '<< 16) >> 16', '<< 16) >>> 16', 'MOVSX of a word extends with zeros'],
    ['// LEA', '>> 8) & 3', '>> 8) & 1', 'LEA: scales 4 and 8 are taken for 1 and 2'],
    ['// MOV_R8_R8', '(code[pc + R_B] >> 2)', '0', 'AH CH DH BH read as AL CL DL BL'],
    ['// PUSH_S', 'm32[ESP] = address', 'm32[ESP] = address + 4', 'PUSH leaves ESP'],
    ['// POP_R', 'address + 4', 'address + 2', 'POP moves ESP by a word'],
    ['// LEAVE', 'm32[ESP] = address + 4', 'm32[ESP] = address', 'LEAVE forgets the popped word'],
    ['// CALL\n', 'code[pc + R_A]', 'code[pc + R_A] + 1', 'CALL pushes a wrong return address'],
    ['// RET', '+ code[pc + R_IMM]', '', 'RET n leaves the parameters'],
    ['// CDQ', '>> 31', '>>> 31', 'CDQ of a negative number gives 1'],
    ['// IMUL3_R_R', 'm32[code[pc + R_B]]', 'm32[code[pc + R_A]]', 'IMUL with three operands multiplies the wrong one'],
    ['// CMOVCC_R_R', 'condition(cpu, code[pc + R_IMM])', 'condition(cpu, code[pc + R_IMM] ^ 1)', 'CMOVcc inverted'],
    ['// SETCC_R8', '? 1 : 0', '? -1 : 0', 'SETcc gives FFh'],
    ['// JB', ': carry(cpu) !== 0', ': carry(cpu) === 0', 'JB inverted unless after CMP'],
    ['// JLE', '<= m32[CC_SRC]', '< m32[CC_SRC]', 'JLE does not jump when equal'],
    ['// JBE', '<= m32[CC_SRC]', '< m32[CC_SRC]', 'JBE does not jump when equal'],
    ['function shiftLeft', '32 - count', '31 - count', 'SHL: CF is the neighbour of the bit shifted out'],
    ['function shiftRight', 'count - 1', 'count', 'SHR: CF is the bit after the last shifted out'],
    ['function shiftArithmetic', 'value >> count', 'value >>> count', 'SAR shifts in zeros'],
    ['// SHL_R_CL', '& 31', '& 15', 'SHL by CL: counts over 15'],
    ['enter: for', 'left -= count;', 'left -= count + 1;', 'a block costs a tick too many'],
    [
      'The row',
      'left = exactLeft - reserve - 1 - cpu.extraTicks',
      'left = exactLeft - reserve - cpu.extraTicks',
      'an instruction that branches by its handler costs no tick',
    ],
    ['// MOV_M_S', 'entry & writeDeny', 'entry & readDeny', 'stores do not look at the right to write'],
    ['// MOV_M_S', 'address & 3', 'address & 1', 'a crooked store goes to the word below'],
    ['// MOV_R_M', 'address & 3', 'address & 0', 'a crooked load reads the word below'],
  ]),
  ...inFile('tiers/interp/blocks.js', [
    ['invalidate(', 'host < end', 'host + 1 < start', 'changed code is not invalidated'],
    ['build(', '(length << 16)', '((length + 1) << 16)', 'instructions are taken for longer than they are'],
  ]),
  ...inFile('tiers/interp/specialise.js', [
    ['', 'MODE_FLAT_DATA', 'MODE_FLAT_CODE', 'segment bases are ignored when only the code is flat'],
  ]),
  ...inFile('src/core/memory/address-space.js', [
    ['touchCode(', 'offset + size; at++', 'offset + size - 1; at++', 'a write to the last byte of code goes unnoticed'],
    ['touchTable(', 'offset >>> shift', '(offset >>> shift) + 1', 'a page table write drops the next page'],
    ['markDirty(', 'DIRTY_ALL', '0', 'writes are not noted: pages keep their old digest'],
  ]),
  ...inFile('src/core/memory/tlb.js', [
    ['function dropPages', 'pageCount', 'pageCount - 1', 'INVLPG leaves the translation'],
    ['function denyWrites', 'TLB_NO_SUPER_WRITE', '0', 'pages that come to hold code stay writable unseen'],
  ]),
  ...inFile('src/core/machine/machine.js', [
    [
      'runSlice(',
      'cpu.deadlineTick - cpu.left',
      'cpu.deadlineTick - cpu.left + 1',
      'a slice takes a tick more than it ran',
    ],
    ['runSingle(', 'm32[INTERRUPT_SHADOW] = 0', 'm32[INTERRUPT_SHADOW] = shadow', 'the shadow of STI never ends'],
    ['deliverPending(', '&& shadow === 0', '', 'an interrupt comes in the shadow of STI'],
    ['takeDue(', 'nextDue() > tick', 'nextDue() >= tick', 'timers fire a tick late'],
  ]),
  ...inFile('tiers/lift/alu.js', [
    ['', 'b.binary(how, plain, carry)', 'plain', 'compiled ADC and SBB forget the carry'],
    ['function cmp', 'source, left);', 'left, source);', 'compiled CMP with swapped operands'],
    ['function logic', 'CC_LOGIC + size', 'CC_LOGIC + 2', 'flags of narrow AND OR XOR as of 32 bits'],
    ['function step', 'result, carry, left', 'result, left, left', 'INC and DEC change CF'],
    ['function neg', "b.binary('sub', zero, source)", "b.binary('xor', zero, source)", 'NEG changes nothing'],
    ['function addOrSubtract', 'extend(l, readB(l), size)', 'readB(l)', 'narrow ADD and SUB without sign extension'],
  ]),
  ...inFile('tiers/lift/shift.js', [
    ['const staticCount', '& 31', '& 63', 'compiled shifts by 32 and more'],
    ['function shl', 'b.constant(bits), count', 'b.constant(bits - 1), count', 'compiled SHL: wrong CF'],
    ['function shr', "'sub', count, 1", "'sub', count, 0", 'compiled SHR: CF one bit too far'],
    ['function sar', "b.binary('sar', value, count)", "b.binary('shr', value, count)", 'compiled SAR shifts in zeros'],
    ['function shiftFlags', 'if (fixed === 0)', 'if (fixed === 99)', 'a count of 0 changes flags'],
    ['function rotate(', 'left ? turns : back', 'left ? back : turns', 'ROL turns right'],
    ['function rcr', '- 1)', '- 2)', 'RCR puts the carry one bit too low'],
  ]),
  ...inFile('tiers/lift/move.js', [
    ['function movsx', 'extend(l, readB(l), sizeB(l))', 'readB(l)', 'compiled MOVSX extends with zeros'],
    ['function cmovcc', 'value, old', 'old, value', 'compiled CMOVcc inverted'],
    ['function cwd', '31', '30', 'compiled CDQ takes bit 30'],
    ['function leave', "'add', frame, 4", "'add', frame, 0", 'compiled LEAVE: ESP is off by 4'],
    ['function xchg', 'target.value);', 'value);', 'XCHG loses a register'],
  ]),
  ...inFile('tiers/lift/flow.js', [
    [
      'function branch',
      'taken: targetOf(l), next: l.following',
      'taken: l.following, next: targetOf(l)',
      'compiled Jcc inverted',
    ],
    ['function pushReturn', 'l.following', 'l.following - 1', 'compiled CALL pushes a wrong address'],
    ['function ret', '4 + immediate(l)', '4', 'compiled RET n leaves the parameters'],
    ['function loop', "'ne', count, 0", "'ne', count, 1", 'LOOP ends one turn early'],
  ]),
  ...inFile('tiers/lift/multiply.js', [
    ['function multiplyInto', "'mulhs', x, y", "'mulhu', x, y", 'IMUL: overflow as of unsigned numbers'],
    ['function mul(', 'b.set(EDX, high)', 'b.set(EDX, low)', 'MUL: EDX gets the low half'],
  ]),
  ...inFile('tiers/opt/dead.js', [
    [
      "op.op === 'handler' || canGoSlow(op)",
      'registersSeen = 0xff',
      'registersSeen = 0xfe',
      'a write of EAX is dropped before a slow path: lost spill',
    ],
    ['', "op.op === 'condition' || op.op === 'carry'", "op.op === 'condition'", 'flags that ADC reads are dropped'],
    [
      "op.op === 'get'",
      'registersSeen |= 1 << op.register',
      'registersSeen |= 2 << op.register',
      'register writes that are read are dropped',
    ],
  ]),
  ...inFile('tiers/opt/flags.js', [
    [
      'function carryOf',
      "b.binary('ltu', state.left, state.source)",
      "b.binary('leu', state.left, state.source)",
      'lowered CF after CMP: equal counts as below',
    ],
    [
      'function carryOf',
      "b.binary('ltu', state.result, state.source)",
      "b.binary('ltu', state.source, state.result)",
      'lowered CF after ADD inverted',
    ],
    ['function lessOf', "orEqual ? 'le' : 'lt'", "orEqual ? 'lt' : 'lt'", 'lowered JLE does not jump when equal'],
    ["if (op.op === 'handler')", 'state = null', 'state = state', 'flags survive an instruction that changes them'],
  ]),
  ...inFile('tiers/opt/fold.js', [
    ["how === 'sub' && y !== null", '-y | 0', 'y | 0', 'x − c folds to x + c'],
    ['const INVERSE', "lt: ['le', true]", "lt: ['le', false]", 'a negated < becomes <='],
    ["y === 0 && (how === 'and'", 'value: 0', 'value: 1', 'x & 0 folds to 1'],
  ]),
  ...inFile('tiers/opt/known-bits.js', [
    ["case 'load'", '0xffff : 0xff', '0xff : 0xff', 'a word load is taken for a byte'],
    ["case 'shr'", '>>> by', '>>> (by + 1)', 'a bit is forgotten after SHR'],
  ]),
  ...inFile('tiers/opt/forward.js', [
    ["op.op === 'handler'", 'known.clear()', 'known.size', 'registers are not read again after a handler'],
  ]),
  ...inFile('tiers/opt/checks.js', [
    ["op.op === 'handler'", 'proven.clear()', 'proven.size', 'translations are trusted over a handler'],
    ['const found', '(!needsWrite || found.write)', 'true', 'a read proves the right to write'],
  ]),
  ...inFile('tiers/js/emit.js', [
    ['body() {', 'left - ${block.count} | 0', 'left - ${block.count - 1} | 0', 'a compiled block costs a tick too few'],
    ['slow() {', 'this.block.count - index', 'this.block.count - index - 1', 'a slow path counts a tick twice'],
    ['body() {', 'left < ${block.count}', 'left < ${block.count - 1}', 'a compiled block overruns its budget'],
    ["case 'sar':", '>> ${b}', '>>> ${b}', 'emitted SAR shifts in zeros'],
    [
      'access(op)',
      'deny |= user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE',
      'deny |= 0',
      'compiled stores do not look at the right to write',
    ],
    ['function spill', 'all.dirty.map', 'all.dirty.slice(1).map', 'one register is not spilled'],
    ['settle() {', 'co = 0; ', '', 'folded flags are taken for lazy ones'],
    ['handler(writes)', 'if (writes)', 'if (!writes)', 'registers are not reloaded after a handler'],
  ]),
  ...inFile('tiers/tiering.js', [
    ['unlink(dropped)', 'this.remove(unit)', 'unit.slot', 'functions of overwritten code are kept'],
  ]),
];
