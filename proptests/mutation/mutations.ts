/**
 * Faults to inject, one a line: the emitted file, a text that stands before the place ('' for the file's start), the
 * text to replace (its first occurrence behind that), its replacement, what that breaks, and what a right report says.
 * They are the faults that people make in emulators: a wrong flag, a shift count off by one, swapped operands, a missed
 * extension, a stale translation, a missed invalidation, a lost tick. Each must be distinct in effect; one that cannot
 * be seen at all is no mutation and does not belong here.
 */
import * as answers from './answers.ts';
import { inFile, type Mutation } from './answers.ts';
import { LIFT_FAULTS } from './lift-faults.ts';
import { WASM_FAULTS } from './wasm-faults.ts';

const {
  at,
  CHANGES_CODE,
  ENDS_BLOCK,
  flagsReadBy,
  FOLDS_FLAGS,
  LOADS_SIGNED,
  NARROW,
  SETS_FLAGS,
  SHIFTS_RIGHT,
  STORES,
} = answers;
const { WRITES_REGISTER } = answers;

/** Reads memory, by an operand, the stack, or as string instructions do, which name none. */
const LOADS = /\[|^(POP|RET|LEAVE|(REP )?(LODS|MOVS|CMPS|SCAS)|XLAT)/;
/** Goes to memory; string instructions name no operand. */
const ACCESSES = /^\w+ .*\[|^(REP )?(STOS|MOVS|LODS|SCAS|CMPS)\b/;
/** Takes an exception, by itself or for what it accesses: the last instruction before which all is as it should be. */
const ENTERS_HANDLER = at(/^INT|\[|^(PUSH|POP|CALL|RET|REP|STOS|MOVS)/);

export const MUTATIONS: readonly Mutation[] = [
  ...inFile('tiers/interp/hot.js', [
    ['// ADD_R_S', 'CC_ADD32', 'CC_SUB32', 'ADD leaves the flags of SUB', at(/^ADD /)],
    ['// SUB_R_S', '- source', '+ source', 'SUB adds', at(/^SUB /)],
    [
      '// SUB_R_S',
      'm32[CC_SRC] = source',
      'm32[CC_SRC] = result',
      'SUB loses its second operand: CF is wrong',
      at(/^SUB /),
    ],
    ['// AND_R_S', '& source', '| source', 'AND does OR', at(/^AND /)],
    [
      '// CMP_R_S',
      'm32[code[pc + R_A]] - source',
      'source - m32[code[pc + R_A]]',
      'CMP with swapped operands',
      at(/^CMP /),
    ],
    ['// ADC_R_S', '+ source + carryIn', '+ source', 'ADC forgets the carry', at(/^ADC /)],
    [
      '// ADC_R_S',
      'carryIn === 0 ? CC_ADD32 : CC_ADC32',
      'CC_ADD32',
      'ADC: CF wrong when the carry came in',
      at(/^ADC /),
    ],
    ['// SBB_R_S', '- source - carryIn', '- source', 'SBB forgets the borrow', at(/^SBB /)],
    ['// MOVZX_R_M16', 'm16[', '(-65536) | m16[', 'MOVZX does not clear the high half', at(/^MOVZX \w+, word \[/)],
    ['// MOVSX_R_M8', '<< 24) >> 24', '<< 24) >>> 24', 'MOVSX of a byte extends with zeros', at(/^MOVSX \w+, byte \[/)],
    ['// MOVSX_R_R16', '<< 16) >> 16', '<< 16) >>> 16', 'MOVSX of a word extends with zeros', at(/^MOVSX \w+, \w+$/)],
    ['// LEA', '>> 8) & 3', '>> 8) & 1', 'LEA: scales 4 and 8 are taken for 1 and 2', at(/^LEA /)],
    ['// MOV_R8_R8', '(code[pc + R_B] >> 2)', '0', 'AH CH DH BH read as AL CL DL BL', at(/^MOV [abcd][lh], [abcd]h$/)],
    ['// PUSH_S', 'm32[ESP] = address', 'm32[ESP] = address + 4', 'PUSH leaves ESP', at(/^PUSH /)],
    ['// POP_R', 'address + 4', 'address + 2', 'POP moves ESP by a word', at(/^POP e/)],
    ['// LEAVE', 'm32[ESP] = address + 4', 'm32[ESP] = address', 'LEAVE forgets the popped word', at(/^LEAVE/)],
    ['// CALL\n', 'code[pc + R_A]', 'code[pc + R_A] + 1', 'CALL pushes a wrong return address', at(/^CALL /)],
    ['// RET', '+ code[pc + R_IMM]', '', 'RET n leaves the parameters', at(/^RET 0x/)],
    ['// CDQ', '>> 31', '>>> 31', 'CDQ of a negative number gives 1', at(/^CWD/)],
    [
      '// IMUL3_R_R',
      'm32[code[pc + R_B]]',
      'm32[code[pc + R_A]]',
      'IMUL with three operands multiplies the wrong one',
      at(/^IMUL3 /),
    ],
    [
      '// CMOVCC_R_R',
      'condition(cpu, code[pc + R_IMM])',
      'condition(cpu, code[pc + R_IMM] ^ 1)',
      'CMOVcc inverted',
      at(/^CMOVCC/),
    ],
    ['// SETCC_R8', '? 1 : 0', '? -1 : 0', 'SETcc gives FFh', at(/^SETCC/)],
    ['// MUL_R', 'm32[EDX] = high', 'm32[EDX] = high + 1', 'MUL leaves a wrong high half', at(/^MUL /)],
    ['function rotateRight', '(result >>> 30)', '(result >>> 29)', 'ROR: OF from the wrong bit', at(/^ROR /)],
    ['// JB', ': carry(cpu) !== 0', ': carry(cpu) === 0', 'JB inverted unless after CMP', at(/^JCC\.b /)],
    ['// JLE', '<= m32[CC_SRC]', '< m32[CC_SRC]', 'JLE does not jump when equal', flagsReadBy(/^JCC\.le /)],
    ['// JBE', '<= m32[CC_SRC]', '< m32[CC_SRC]', 'JBE does not jump when equal', flagsReadBy(/^JCC\.be /)],
    ['function shiftLeft', '32 - count', '31 - count', 'SHL: CF is the neighbour of the bit shifted out', at(/^SHL /)],
    ['function shiftRight', 'count - 1', 'count', 'SHR: CF is the bit after the last shifted out', at(/^SHR /)],
    ['function shiftArithmetic', 'value >> count', 'value >>> count', 'SAR shifts in zeros', at(/^SAR /)],
    ['// SHL_R_CL', '& 31', '& 15', 'SHL by CL: counts over 15', at(/^SHL \w+, cl$/)],
    ['enter: for', 'left -= count;', 'left -= count + 1;', 'a block costs a tick too many', ENDS_BLOCK],
    [
      'The row',
      'left = exactLeft - reserve - 1 - cpu.extraTicks',
      'left = exactLeft - reserve - cpu.extraTicks',
      'an instruction that branches by its handler costs no tick',
      { names: /^(LOOP|JCXZ|REP|STOS|MOVS|CALL|RET|IRET|POP|MOV_TO|STI|INT|JMP|HLT|OUT)/ },
    ],
    [
      '// MOV_M_S',
      'entry & writeDeny',
      'entry & readDeny',
      'stores do not look at the right to write',
      // Nor do they note what they write, where a digest has made the page's entry one that must not be written.
      { shows: /^MOV dword \[/, differs: /memory|digest/ },
    ],
    ['// MOV_M_S', 'address & 3', 'address & 1', 'a crooked store goes to the word below', at(/^MOV dword \[/)],
    ['// MOV_R_M', 'address & 3', 'address & 0', 'a crooked load reads the word below', at(/^MOV \w+, dword \[/)],
  ]),
  ...inFile('tiers/interp/page-blocks.js', [
    ['touches(', '> start', '< start', 'changed code is not invalidated', CHANGES_CODE],
  ]),
  ...inFile('tiers/interp/blocks.js', [
    ['renew(', 'if (at >= to)', 'if (at + 4 >= to)', 'what was written to of code stays as it was', CHANGES_CODE],
    [
      'build(',
      '(length << 16)',
      '((length + 1) << 16)',
      'instructions are taken for longer than they are',
      { differs: /eip/ },
    ],
  ]),
  ...inFile('tiers/interp/specialise.js', [
    [
      'memory',
      '(mode & MODE_FLAT_DATA) === 0',
      '(mode & MODE_FLAT_CODE) === 0',
      'segment bases are ignored when only the code is flat',
      at(/^\w+ .*\[[ds]s:/),
    ],
  ]),
  ...inFile('src/core/memory/memory.js', [
    [
      'isFromCode(page, offset, size) {',
      'offset + size; at++',
      'offset + size - 1; at++',
      'a write to the last byte of code goes unnoticed',
      CHANGES_CODE,
    ],
    ['markDirty(', 'DIRTY_ALL', '0', 'writes are not noted: pages keep their old digest', { says: /page \d+/ }],
  ]),
  ...inFile('src/core/memory/page-tables.js', [
    [
      'function touchTable',
      'offset >>> shift',
      '(offset >>> shift) + 1',
      'a page table write drops the next page',
      { names: ACCESSES, shows: /^MOV dword \[ds:0x1a/ },
    ],
  ]),
  ...inFile('src/core/memory/tlb.js', [
    [
      'function dropPages',
      'cpu.tlb[firstPage] = TLB_INVALID',
      'cpu.tlb[firstPage] |= 0',
      'a page table write leaves the translation',
      { names: ACCESSES },
    ],
    [
      'function denyWrites',
      'TLB_NO_SUPER_WRITE',
      '0',
      'pages that come to hold code stay writable unseen',
      CHANGES_CODE,
    ],
  ]),
  ...inFile('src/core/machine/machine.js', [
    [
      'runSlice(tick, budget) {',
      'cpu.deadlineTick - cpu.left',
      'cpu.deadlineTick - cpu.left + 1',
      'a slice takes a tick more than it ran',
      { differs: /tick/ },
    ],
    [
      'runSingle(tick, budget) {',
      'm32[INTERRUPT_SHADOW] = 0',
      'm32[INTERRUPT_SHADOW] = shadow',
      'the shadow of STI never ends',
      // The log tells by an interrupt that does not come; side by side the engines part where a shadow is cast.
      { says: /interrupt/, names: /^(STI|MOV_TO_SREG ss)/ },
    ],
    ['deliverPending(tick) {', '|| shadow !== 0', '', 'an interrupt comes in the shadow of STI', { says: /interrupt/ }],
  ]),
  ...inFile('src/core/board/device-board.js', [
    ['runDue(', 'nextDue() > tick', 'nextDue() >= tick', 'timers fire a tick late', { says: /timer|interrupt/ }],
  ]),
  ...inFile('tiers/lift/lift.js', [
    [
      '',
      'b.handler(registersWritten(code, pc))',
      'b.handler(registersWritten(code, pc) & ~2)',
      'ECX is not read again after a handler that writes it',
      { shows: /^(REP|REPNE|CPUID|LOOP|BS[FR] ecx|RC[LR] (ecx|cx|ch|cl)|DIV|SH[LR]D|XADD|POPA|RDMSR)/ },
    ],
  ]),
  ...inFile('tiers/lift/alu.js', [
    ['', 'b.binary(how, plain, carry)', 'plain', 'compiled ADC and SBB forget the carry', at(/^(ADC|SBB) /)],
    ['function cmp', 'source, left);', 'left, source);', 'compiled CMP with swapped operands', at(/^CMP /)],
    [
      'function logic',
      'extend(l, b.binary(how, target.value, source), size)',
      'b.binary(how, target.value, source)',
      'SF of narrow AND OR XOR is bit 31',
      at(new RegExp(`^(AND|OR|XOR) ${NARROW}`)),
    ],
    ['function step', 'result, carry, left', 'result, left, left', 'INC and DEC change CF', at(/^(INC|DEC) /)],
    [
      'function neg',
      "b.binary('sub', zero, source)",
      "b.binary('xor', zero, source)",
      'NEG changes nothing',
      at(/^NEG /),
    ],
    [
      'function addOrSubtract',
      'readSignedB(l)',
      'readB(l)',
      'narrow ADD and SUB without sign extension',
      at(new RegExp(`^(ADD|SUB|ADC|SBB) ${NARROW}`)),
    ],
  ]),
  ...inFile('tiers/lift/move.js', [
    ['function movsx', 'readSignedB(l)', 'readB(l)', 'compiled MOVSX extends with zeros', at(/^MOVSX /)],
    ['function cmovcc', 'value, old', 'old, value', 'compiled CMOVcc inverted', at(/^CMOVCC/)],
    ['function cwd', '31', '30', 'compiled CDQ takes bit 30', at(/^CWD/)],
    ['function xchg', 'target.value);', 'value);', 'XCHG loses a register', at(/^XCHG /)],
  ]),
  ...inFile('tiers/lift/flow.js', [
    [
      'function branch',
      'taken: delta, next: l.following',
      'taken: l.following, next: delta',
      'compiled Jcc inverted',
      at(/^(JCC|LOOP|JCXZ)/),
    ],
    ['const pushReturn', 'l.following', 'l.following - 1', 'compiled CALL pushes a wrong address', at(/^CALL/)],
    ['function ret', 'immediate(l)', '0', 'compiled RET n leaves the parameters', at(/^RET 0x/)],
    ['function loop', "'ne', count, 0", "'ne', count, 1", 'LOOP ends one turn early', at(/^LOOP/)],
  ]),
  ...inFile('tiers/lift/stack.js', [
    ['function leave', '1 << size)', '0)', 'compiled LEAVE: ESP is off by 4', at(/^LEAVE/)],
    [
      'function pointerAt',
      "b.binary('or', b.with('and', b.get(ESP), ~0xffff), offset)",
      'offset',
      'a stack pointer of 16 bits loses the high half of ESP',
      at(/^(PUSH|POP|CALL|RET|LEAVE)/),
    ],
  ]),
  ...inFile('src/core/cpu/system/straight.js', [
    [
      'function enterStraight',
      'm32[at] = returnEip;',
      'm32[at] = returnEip + (flagBits >>> 16);',
      'faults push the address behind',
      ENTERS_HANDLER,
    ],
    ['function enterStraight', '? 0 : IF', '? 0 : 0', 'an interrupt gate leaves interrupts open', ENTERS_HANDLER],
    [
      'function enterStraight',
      'm32[at + 4] = m32[SEG_SELECTOR + SS]',
      'm32[at + 4] = ss',
      'the stack segment of ring 3 is not in the frame',
      ENTERS_HANDLER,
    ],
    [
      'function returnStraight',
      'm32[ESP] = userEsp',
      'm32[ESP] = (esp + 20) | 0',
      'IRET to ring 3 keeps the stack of the kernel',
      at(/^IRET/),
    ],
    [
      'function returnStraight',
      '(flags & WRITABLE_FLAGS) | 2',
      '(flags & WRITABLE_FLAGS & ~IF) | 2',
      'IRET loses IF',
      at(/^IRET/),
    ],
    [
      'function farReturnStraight',
      '(esp + 8 + release)',
      '(esp + 4 + release)',
      'RET far leaves CS on the stack',
      at(/^RET_FAR/),
    ],
  ]),
  ...inFile('tiers/lift/system.js', [
    ['function clearInterruptFlag', '~IF', '-1', 'compiled CLI leaves IF', at(/^CLI/)],
    ['function setInterruptFlag', ', IF)', ', 0)', 'compiled STI leaves interrupts closed', at(/^STI/)],
    [
      'function popFlags',
      "b.bits(b.with('and', value, ARITHMETIC_FLAGS))",
      "b.bits(b.with('and', value, ARITHMETIC_FLAGS & ~1))",
      'compiled POPF loses CF',
      at(/^POPF/),
    ],
    ['function clearTaskSwitched', '~CR0_TS', '-1', 'compiled CLTS leaves CR0.TS', at(/^CLTS/)],
    [
      'systemLifters',
      'INVLPG: requireCpl0',
      'INVLPG: clearInterruptFlag',
      'INVLPG has the lifter of CLI',
      at(/^INVLPG/),
    ],
  ]),
  ...inFile('tiers/lift/selectors.js', [
    [
      'function load',
      'b.put(SEG_LIMIT + segment, limit)',
      'b.put(SEG_LIMIT + segment, raw)',
      'the limit of a loaded segment is in pages',
      at(/^(MOV_TO_SREG|POP_SREG)/),
    ],
    ['function popSegment', 'pointer);', 'l.b.get(ESP));', 'POP of a segment register leaves ESP', at(/^POP_SREG/)],
  ]),
  ...inFile('tiers/lift/segments.js', [
    [
      'function linearIn',
      "b.binary('add', b.word(SEG_BASE + segment), offset)",
      'offset',
      'compiled code forgets the base of a segment',
      at(/\[|^(PUSH|POP|CALL|RET|LEAVE|LODS|STOS|MOVS|XLAT)/),
    ],
  ]),
  ...inFile('tiers/lift/operands.js', [
    [
      'function wrapped',
      "isAddress16(l) ? l.b.with('and', offset, 0xffff) : offset",
      'offset',
      'addresses of 16 bits do not wrap',
      at(/\[|^LEA/),
    ],
  ]),
  ...inFile('tiers/opt/dead.js', [
    [
      "op.op === 'handler' || canGoSlow(op)",
      'registersSeen = 0xff',
      'registersSeen = 0xfe',
      'a write of EAX is dropped before a slow path: lost spill',
      {
        names: /^\w+ (eax|ax|al|ah)\b|^(MUL|IMUL1|DIV|IDIV|CMPXCHG|XADD|XCHG|CBW|POP|RDTSC)/,
        // A handler looks at all registers too.
        shows: /\[|^(PUSH|POP|CALL|RET|LEAVE|REP|STOS|MOVS|XADD|CMPXCHG|RDTSC|RCL|RCR|MOV_TO_CR)/,
      },
    ],
    // Not the reads of CF: that pass `flags` lowers them all, since every subtraction keeps its left operand.
    [
      '',
      "op.op === 'condition' || op.op === 'carry'",
      "op.op === 'carry'",
      'flags that SETO reads are dropped',
      flagsReadBy(/^(SETCC|CMOVCC|JCC)\.(o|no|l|nl|le|nle)\b/),
    ],
    [
      'function removeDead',
      'registersSeen = 0xff',
      'registersSeen = 0x7f',
      'the last write of EDI in a block is dropped',
      { names: /^\w+(\.\w+)? (edi|di)\b|^(XADD|XCHG|CMPXCHG|POP|REP|STOS|MOVS)/ },
    ],
  ]),
  ...inFile('tiers/ir/flag-values.js', [
    [
      'function carryOf',
      "b.binary('ltu', state.left, state.source)",
      "b.binary('leu', state.left, state.source)",
      'lowered CF after CMP: equal counts as below',
      flagsReadBy(/\.(b|nb|be|nbe)\b|^(ADC|SBB|RCL|RCR|INC|DEC|CMC)/),
    ],
    [
      'function carryOf',
      "b.binary('ltu', state.result, state.source)",
      "b.binary('ltu', state.source, state.result)",
      'lowered CF after ADD inverted',
      flagsReadBy(/\.(b|nb|be|nbe)\b|^(ADC|SBB|RCL|RCR|INC|DEC|CMC)/),
    ],
  ]),
  ...inFile('tiers/opt/flags.js', [
    [
      'function lessOf',
      "orEqual ? 'le' : 'lt'",
      "orEqual ? 'lt' : 'lt'",
      'lowered JLE does not jump when equal',
      flagsReadBy(/\.(le|nle)\b/),
    ],
    [
      "if (op.op === 'handler')",
      'state = null',
      'state = state',
      'flags survive an instruction that changes them',
      { names: SETS_FLAGS, shows: /^(ADC|SBB|RCL|RCR|CMC|INC|DEC|\w+\.\w+)\b/ },
    ],
  ]),
  ...inFile('tiers/opt/fold.js', [
    [
      "how === 'sub' && y !== null",
      '-y | 0',
      'y | 0',
      'x − c folds to x + c',
      at(/^(SUB|DEC|CMP|PUSH|CALL|CALL_IND|LOOP|SBB|SHL|SHR|SAR|SHLD|SHRD|PUSHF|NEG) ?/),
    ],
    ['const INVERSE', "lt: ['le', true]", "lt: ['le', false]", 'a negated < becomes <=', flagsReadBy(/\.n[ls]\b/)],
    [
      "y === 0 && (how === 'and'",
      'value: 0',
      'value: 1',
      'x & 0 folds to 1',
      // Where CF is known to be 0, what is added with carry has a carry-in of 0; where the count of LOOPE and LOOPNE is
      // known to end, ZF is taken with a 0; AND and TEST with a byte that is known to be 0 are the fault itself. The
      // piece begins where a constant comes to be in the register.
      {
        names: new RegExp(`${SETS_FLAGS.source}| 0x0$|^MOV \\w+, 0x`),
        shows: / 0x0$|^(ADC|SBB|LOOPN?E)\b|^(AND|TEST) .*\b[abcd]h\b/,
      },
    ],
  ]),
  ...inFile('tiers/opt/known-bits.js', [
    ["case 'load'", '0xffff : 0xff', '0xff : 0xff', 'a word load is taken for a byte', at(/word \[/)],
    ["case 'shr'", '>>> by', '>>> (by + 1)', 'a bit is forgotten after SHR', SHIFTS_RIGHT],
  ]),
  ...inFile('tiers/opt/forward.js', [
    [
      "op.op === 'handler'",
      'known.delete(register)',
      'known.get(register)',
      'registers are not read again after a handler',
      { shows: /^(LOOP|RCL|RCR|REP|MOVS|STOS|PUSHF|XADD|DIV|SHLD|SHRD|RDTSC|BS[FR]|POP|CMPXCHG|MOV_FROM_CR)/ },
    ],
  ]),
  ...inFile('tiers/opt/checks.js', [
    [
      "op.op === 'handler'",
      'proven.clear()',
      'proven.size',
      'translations are trusted over a handler',
      // The handler walks through a table, whose page is not plain from then on.
      { names: /\[ds:0x1a/, shows: /^(STOS|MOVS|REP|PUSHF|PUSHA|XADD)/ },
    ],
    [
      'const found',
      '(!needsWrite || found.write)',
      'true',
      'a read proves the right to write',
      // The store behind the load: of a table entry that changes the page, or of the page itself.
      { names: /^(?!LEA )\w+(\.\w+)? .*\[|^(PUSH|POP|CALL|RET|LEAVE)/, shows: STORES },
    ],
  ]),
  ...inFile('tiers/js/block.js', [
    [
      'body() {',
      'left - ${block.count} | 0',
      'left - ${block.count - 1} | 0',
      'a compiled block costs a tick too few',
      ENDS_BLOCK,
    ],
    [
      'slow() {',
      'this.block.count - index',
      'this.block.count - index - 1',
      'a slow path counts a tick twice',
      { names: /\[|^(PUSH|POP|CALL|RET|LEAVE|DIV|IDIV|MOV_TO_CR)/, differs: /^(tick|eip)$/ },
    ],
    [
      'body() {',
      'left < ${block.count}',
      'left < ${block.count - 1}',
      'a compiled block overruns its budget',
      { differs: /tick|eip/ },
    ],
    [
      "case 'sar':",
      '>> ${b}',
      '>>> ${b}',
      'emitted SAR shifts in zeros',
      at(/^(SAR|CWD|IDIV|IMUL|IMUL1|IMUL3|SHL|SHR|SHLD|SHRD) ?/),
    ],
    [
      'access(op)',
      'deny |= user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE',
      'deny |= 0',
      'compiled stores do not look at the right to write',
      at(STORES),
    ],
    [
      'function spill',
      'all.dirty.map',
      'all.dirty.slice(1).map',
      'one register is not spilled',
      { names: WRITES_REGISTER, differs: /^(e(ax|cx|dx|bx|sp|bp|si|di)|memory)$/ },
    ],
    [
      'settle() {',
      'co = 0; ',
      '',
      'folded flags are taken for lazy ones',
      // Seen when lazy ones are still in the locals: from an instruction in front of the one that folds them.
      {
        names: SETS_FLAGS,
        shows: FOLDS_FLAGS,
      },
    ],
    [
      'handler(writes)',
      '((writes >> register) & 1) !== 0',
      '((writes >> register) & 1) === 0',
      'registers are not reloaded after a handler',
      // Conversions that round as MXCSR says are done by handlers too.
      {
        shows:
          /^(LOOP|RCL|RCR|REP|MOVS|STOS|PUSHF|XADD|DIV|SHLD|SHRD|RDTSC|BS[FR]|POP|CMPXCHG|MOV_FROM_CR|CVTS[SD]2SI)/,
      },
    ],
  ]),
  ...inFile('tiers/runtime/wide-x87.js', [
    ['const end', 'a >= STACK_POPS ? 1 : 0', '0', 'compiled x87 arithmetic does not pop', at(/^F\w+P\b/)],
    [
      'const compareTop',
      'popped(register, pops)',
      '0',
      'a comparison that pops empties nothing',
      at(/^FU?COMI?PP?|^FICOMP/),
    ],
    ['exchangeStack:', 'put(register);', '', 'compiled FXCH copies ST(0)', at(/^FXCH/)],
  ]),
  ...inFile('tiers/lift/x87.js', [
    [
      'FSUBRP:',
      "arithmetic('subtractFromStack', 1)",
      "arithmetic('subtractStack', 1)",
      'FSUBRP does FSUBP',
      at(/^FSUBRP/),
    ],
    ['FCMOVNB:', 'moveIf(3)', 'moveIf(2)', 'compiled FCMOVNB does FCMOVB', at(/^FCMOVNB /)],
    [
      'function storeLong(',
      '1 << TOP_SHIFT',
      '0',
      'compiled FSTP of ten bytes does not pop',
      at(/^FSTP (tword|tbyte|\w+ \[)/),
    ],
    [
      'function noteCode(',
      'b.poke(FP_OPCODE',
      'b.poke(FP_CS',
      'compiled x87 code loses the opcode',
      { shows: /^F\w/, differs: /^fp|memory/ },
    ],
  ]),
  ...inFile('tiers/runtime/miss.js', [
    [
      'const loadMiss',
      'return SCRATCH << 2',
      'return host',
      'an unaligned load in compiled code takes the aligned word',
      at(LOADS),
    ],
    [
      'const storeMiss',
      'view.setInt32(host, value, true)',
      'view.setInt16(host, value, true)',
      'an unaligned store in compiled code loses its upper half',
      at(new RegExp(`${STORES.source}|^(STOS|MOVS)\\b`)),
    ],
  ]),
  ...inFile('tiers/lift/simd.js', [
    ['function moveDouble', 'to + 2', 'to', 'a compiled load of MOVSD clears the wrong half', at(/^(MOVSD|MOVQ) xmm/)],
    ['MOVHLPS', '[0, 1]', '[0, 1], [1, 1]', 'compiled MOVHLPS moves too much', at(/^MOVHLPS /)],
  ]),
  ...inFile('tiers/js/block.js', [
    [
      "case 'load'",
      '>> ${32 - (8 << op.size)}',
      '>>> ${32 - (8 << op.size)}',
      'signed loads of JavaScript extend with zeros',
      at(LOADS_SIGNED),
    ],
  ]),
  ...inFile('tiers/js/vectors.js', [
    ["case 'andnot'", '~${b}', '${b}', 'compiled PANDN does not complement', at(/^(PANDN|ANDNP[SD]) /)],
    [
      'const equal',
      '(1 << bits) - 1',
      '(1 << (bits - 1)) - 1',
      'compiled PCMPEQB leaves the top bits',
      at(/^PCMPEQ[BW] /),
    ],
  ]),
  ...inFile('tiers/runtime/wide.js', [
    ['const truncate', 'Math.trunc(x)', 'Math.round(x)', 'compiled CVTTSD2SI rounds', at(/^CVTTS[SD]2SI /)],
    ['const compare', 'x < y', 'x <= y', 'compiled UCOMISD takes equal for below', at(/^U?COMIS[SD] /)],
  ]),
  ...inFile('tiers/js/block.js', [
    [
      'assist(row) {',
      '${this.word(EIP)} = ${this.at(delta)}; ',
      '',
      'the x87 remembers a wrong instruction',
      // Where a function begins with it, it remembers that place rightly: the piece may begin with what stands before.
      { shows: /^F\w/, differs: /^(fp|memory)/ },
    ],
  ]),
  ...inFile('tiers/runtime/miss.js', [
    [
      'const fetchMiss',
      'host + 4 * k',
      'host + 4 * (k & 1)',
      'a load of 16 bytes that is not plain yet reads its first half twice',
      // Moves that lie crooked, and whatever is the first to touch a page.
      at(/^\w+ xmm\d, oword \[/),
    ],
  ]),
  ...inFile('tiers/tiering.js', [
    [
      'unlink(dropped, isChanged) {',
      "this.remove(unit, 'code')",
      'unit.slot',
      'functions of overwritten code are kept',
      CHANGES_CODE,
    ],
  ]),
  ...LIFT_FAULTS,
  ...WASM_FAULTS,
];
