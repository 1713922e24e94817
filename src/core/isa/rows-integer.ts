// The rows of the integer and system instructions of a P6-class processor (SDM vol. 2), in the notation of row.ts.
// Includes the undocumented encodings silicon has: 82, D6, F1, F6/F7 /1, C0–D3 /6, 0F B9, 0F FF.
// Where flags are undefined the choice is what the AMD processors do that the handlers were compared with.
import { row } from './row.ts';

/** The eight operations of the manual's table A-6 group 1 share their shape; the digit is the group's /n. */
function group1(digit: number, lock: '' | ' lock'): string {
  const byte = (low: number): string => (digit * 8 + low).toString(16).toUpperCase().padStart(2, '0');
  return [
    `${byte(0)} /r Eb,Gb${lock}`,
    `${byte(1)} /r Ev,Gv${lock}`,
    `${byte(2)} /r Gb,Eb`,
    `${byte(3)} /r Gv,Ev`,
    `${byte(4)} AL,Ib`,
    `${byte(5)} eAX,Iz`,
    `80 /${digit} Eb,Ib${lock}`,
    `81 /${digit} Ev,Iz${lock}`,
    `83 /${digit} Ev,sIb${lock}`,
    `82 /${digit} Eb,Ib${lock}`,
  ].join('|');
}

/** Shift group 2: by 1, by CL, by an immediate. */
function group2(...digits: number[]): string {
  return digits
    .map((n) => `D0 /${n} Eb,1|D1 /${n} Ev,1|D2 /${n} Eb,CL|D3 /${n} Ev,CL|C0 /${n} Eb,Ib|C1 /${n} Ev,Ib`)
    .join('|');
}

const ARITHMETIC = 'OSZAPC';
const STACK_FAULTS = 'SS PF AC';
const EVERY_FLAG = 'ODITSZAPCNLRVKF';

const none = { writes: '' } as const;
const add = { written: ARITHMETIC, writes: 'A', lifted: 'alu' } as const;
const addCarry = { ...add, read: 'C' } as const;
const logic = { written: 'OSZPC', undefined: 'A', choice: 'A=0', writes: 'A', lifted: 'alu' } as const;
const shift = { written: 'OSZPC', undefined: 'OA', choice: 'O=result A=1', writes: 'A', lifted: 'shift' } as const;
const rotate = { written: 'OC', undefined: 'O', choice: 'O=result', writes: 'A', lifted: 'shift' } as const;
const bit = {
  written: 'C',
  undefined: 'OSAP',
  choice: 'O=kept S=kept A=kept P=kept',
  writes: 'A',
  lifted: 'bits',
} as const;
const scan = {
  written: 'Z',
  undefined: 'OSAPC',
  choice: 'O=0 S=0 A=0 P=result C=0',
  writes: 'A',
  lifted: 'bits',
} as const;
const multiply = {
  written: 'OC',
  undefined: 'SZAP',
  choice: 'S=kept Z=kept A=kept P=kept',
  writes: 'A',
  lifted: 'multiply',
} as const;
const flagsKept = { undefined: ARITHMETIC, choice: 'O=kept S=kept Z=kept A=kept P=kept C=kept' } as const;
const divide = {
  undefined: ARITHMETIC,
  choice: 'O=kept S=0 Z=0 A=1 P=0 C=kept',
  faults: 'DE',
  writes: 'EAX HIGH',
  lifted: 'multiply',
} as const;
const decimal = { read: 'AC', written: 'SZAPC', undefined: 'O', choice: 'O=result', writes: 'EAX' } as const;
const unpacked = {
  read: 'A',
  written: 'AC',
  undefined: 'OSZP',
  choice: 'O=result S=result Z=result P=result',
  writes: 'EAX',
} as const;
const move = { writes: 'A', lifted: 'move' } as const;
const push = { kind: 'memory', faults: STACK_FAULTS, writes: 'ESP MEM' } as const;
const pop = { kind: 'memory', faults: STACK_FAULTS, writes: 'A ESP' } as const;
const segmentLoad = { kind: 'system', faults: 'NP SS GP', writes: 'A', endsBlock: true } as const;
const string = { kind: 'memory', read: 'D', faults: 'GP SS PF AC' } as const;
const port = { kind: 'system', read: 'LV', faults: 'GP PF' } as const;
const portString = { ...port, faults: 'GP SS PF AC', read: 'DLV', endsBlock: true } as const;
const transfer = { kind: 'branch', faults: 'GP', writes: '', lifted: 'flow' } as const;
const call = { kind: 'branch', faults: 'GP SS PF AC', writes: 'ESP MEM', lifted: 'flow' } as const;
const loop = { ...transfer, writes: 'ECX' } as const;
const farTransfer = { kind: 'branch', faults: 'GP SS NP TS PF AC', writes: 'TASK' } as const;
const interrupt = {
  kind: 'branch',
  read: EVERY_FLAG,
  written: 'ITNRVK',
  faults: 'GP SS NP TS PF AC',
  writes: 'TASK',
} as const;
const privileged = { kind: 'system', faults: 'GP', writes: '' } as const;
const privilegedEnd = { ...privileged, endsBlock: true } as const;
const invalid = { kind: 'system', faults: 'UD', writes: '', endsBlock: true } as const;
const system = { kind: 'system', writes: 'A' } as const;

export const INTEGER_ROWS = [
  // Arithmetic and logic
  row('ADD', group1(0, ' lock'), add),
  row('OR', group1(1, ' lock'), logic),
  row('ADC', group1(2, ' lock'), addCarry),
  row('SBB', group1(3, ' lock'), addCarry),
  row('AND', group1(4, ' lock'), logic),
  row('SUB', group1(5, ' lock'), add),
  row('XOR', group1(6, ' lock'), logic),
  row('CMP', group1(7, ''), { ...add, writes: '' }),
  row(
    'TEST',
    `84 /r Eb,Gb | 85 /r Ev,Gv | A8 AL,Ib | A9 eAX,Iz
    | F6 /0 Eb,Ib | F7 /0 Ev,Iz | F6 /1 Eb,Ib | F7 /1 Ev,Iz`,
    { ...logic, writes: '' },
  ),
  row('INC', '40+r Zv | FE /0 Eb lock | FF /0 Ev lock', { ...add, written: 'OSZAP' }),
  row('DEC', '48+r Zv | FE /1 Eb lock | FF /1 Ev lock', { ...add, written: 'OSZAP' }),
  row('NOT', 'F6 /2 Eb lock | F7 /2 Ev lock', { writes: 'A', lifted: 'alu' }),
  row('NEG', 'F6 /3 Eb lock | F7 /3 Ev lock', add),
  row('MUL', 'F6 /4 Eb | F7 /4 Ev', { ...multiply, writes: 'EAX HIGH' }),
  row('IMUL1', 'F6 /5 Eb | F7 /5 Ev', { ...multiply, writes: 'EAX HIGH' }),
  row('IMUL', '0F AF /r Gv,Ev', multiply),
  row('IMUL3', '69 /r Gv,Ev,Iz | 6B /r Gv,Ev,sIb', multiply),
  row('DIV', 'F6 /6 Eb | F7 /6 Ev', divide),
  row('IDIV', 'F6 /7 Eb | F7 /7 Ev', divide),

  // Shifts and rotates: B is an immediate or CL
  row('ROL', group2(0), rotate),
  row('ROR', group2(1), rotate),
  row('RCL', group2(2), { ...rotate, read: 'C' }),
  row('RCR', group2(3), { ...rotate, read: 'C' }),
  row('SHL', group2(4, 6), shift),
  row('SHR', group2(5), shift),
  row('SAR', group2(7), shift),
  row('SHLD', '0F A4 /r Ev,Gv,Ib', shift),
  row('SHLD_CL', '0F A5 /r Ev,Gv', shift),
  row('SHRD', '0F AC /r Ev,Gv,Ib', shift),
  row('SHRD_CL', '0F AD /r Ev,Gv', shift),

  // Bits: a register index of a memory operand reaches beyond the operand
  row('BT', '0F A3 /r Ev,Gv | 0F BA /4 Ev,Ib', { ...bit, writes: '' }),
  row('BTS', '0F AB /r Ev,Gv lock | 0F BA /5 Ev,Ib lock', bit),
  row('BTR', '0F B3 /r Ev,Gv lock | 0F BA /6 Ev,Ib lock', bit),
  row('BTC', '0F BB /r Ev,Gv lock | 0F BA /7 Ev,Ib lock', bit),
  row('BSF', '0F BC /r Gv,Ev', scan),
  row('BSR', '0F BD /r Gv,Ev', scan),

  // Moves
  row(
    'MOV',
    `88 /r Eb,Gb | 89 /r Ev,Gv | 8A /r Gb,Eb | 8B /r Gv,Ev | A0 AL,Ob | A1 eAX,Ov | A2 Ob,AL | A3 Ov,eAX
    | B0+r Zb,Ib | B8+r Zv,Iz | C6 /0 Eb,Ib | C7 /0 Ev,Iz`,
    move,
  ),
  row('MOV_TO_SREG', '8E /r Sw,Ew', { ...segmentLoad, lifted: 'selectors' }),
  row('MOV_FROM_SREG', '8C /r Rv/Mw,Sw', { writes: 'A', lifted: 'selectors' }),
  row('MOV_TO_CR', '0F 22 /r Cd,Rd', { ...privilegedEnd, ...flagsKept, writes: 'A', lifted: 'system' }),
  row('MOV_FROM_CR', '0F 20 /r Rd,Cd', { ...privileged, ...flagsKept, writes: 'A', lifted: 'system' }),
  row('MOV_TO_DR', '0F 23 /r Dd,Rd', { ...privilegedEnd, ...flagsKept, writes: 'A', faults: 'GP UD DB' }),
  row('MOV_FROM_DR', '0F 21 /r Rd,Dd', { ...privileged, ...flagsKept, writes: 'A', faults: 'GP UD DB' }),
  row('MOVZX', '0F B6 /r Gv,Eb | 0F B7 /r Gv,Ew', move),
  row('MOVSX', '0F BE /r Gv,Eb | 0F BF /r Gv,Ew', move),
  row('LEA', '8D /r Gv,M', move),
  row('XCHG', '86 /r Eb,Gb lock | 87 /r Ev,Gv lock | 90+r eAX,Zv', { ...move, writes: 'A B' }),
  row('XADD', '0F C0 /r Eb,Gb lock | 0F C1 /r Ev,Gv lock', { ...add, writes: 'A B' }),
  row('CMPXCHG', '0F B0 /r Eb,Gb lock | 0F B1 /r Ev,Gv lock', { ...add, writes: 'A EAX' }),
  row('CMPXCHG8B', '0F C7 /1 Mq lock', { written: 'Z', writes: 'A EAX EDX' }),
  row('BSWAP', '0F C8+r Zv', { writes: 'A', lifted: 'bits' }),
  row('SETCC', '0F 90+cc /r Eb', { ...move, read: 'OSZPC' }),
  row('CMOVCC', '0F 40+cc /r Gv,Ev', { ...move, read: 'OSZPC' }),
  row('XLAT', 'D7', { kind: 'memory', faults: 'GP SS PF', writes: 'EAX', lifted: 'move' }),
  row('SALC', 'D6', { ...move, writes: 'EAX', read: 'C' }),
  row('CBW', '98', { ...move, writes: 'EAX' }),
  row('CWD', '99', { ...move, writes: 'EDX' }),

  // Stack
  row('PUSH', '50+r Zv | 68 Iz | 6A sIb | FF /6 Ev', { ...push, lifted: 'stack' }),
  row('PUSH_SREG', '06 ES | 0E CS | 16 SS | 1E DS | 0F A0 FS | 0F A8 GS', { ...push, lifted: 'selectors' }),
  row('POP', '58+r Zv | 8F /0 Ev', { ...pop, lifted: 'stack' }),
  row('POP_SREG', '07 ES | 17 SS | 1F DS | 0F A1 FS | 0F A9 GS', {
    ...segmentLoad,
    writes: 'A ESP',
    faults: 'NP SS GP PF AC',
    lifted: 'selectors',
  }),
  row('PUSHA', '60', push),
  row('POPA', '61', { ...pop, writes: 'EAX ECX EDX EBX ESP EBP ESI EDI' }),
  row('PUSHF', '9C', { kind: 'system', read: EVERY_FLAG, writes: 'ESP MEM', faults: 'GP SS PF AC', lifted: 'system' }),
  row('POPF', '9D', {
    kind: 'system',
    read: 'LV',
    written: EVERY_FLAG,
    writes: 'ESP',
    faults: 'GP SS PF AC',
    endsBlock: true,
    lifted: 'system',
  }),
  row('LAHF', '9F', { read: 'SZAPC', writes: 'EAX', lifted: 'flags' }),
  row('SAHF', '9E', { written: 'SZAPC', writes: '', lifted: 'flags' }),
  row('ENTER', 'C8 Iw,Ib', { ...push, writes: 'ESP EBP MEM' }),
  row('LEAVE', 'C9', { ...pop, writes: 'ESP EBP', lifted: 'stack' }),

  // Decimal
  row('DAA', '27', decimal),
  row('DAS', '2F', decimal),
  row('AAA', '37', unpacked),
  row('AAS', '3F', unpacked),
  row('AAM', 'D4 Ib', { written: 'SZP', undefined: 'OAC', choice: 'O=0 A=0 C=0', writes: 'EAX', faults: 'DE' }),
  row('AAD', 'D5 Ib', { written: 'SZP', undefined: 'OAC', choice: 'O=result A=result C=result', writes: 'EAX' }),

  // Flags
  row('CLC', 'F8', { written: 'C', writes: '', lifted: 'flags' }),
  row('STC', 'F9', { written: 'C', writes: '', lifted: 'flags' }),
  row('CMC', 'F5', { read: 'C', written: 'C', writes: '', lifted: 'flags' }),
  row('CLD', 'FC', { written: 'D', writes: '', lifted: 'flags' }),
  row('STD', 'FD', { written: 'D', writes: '', lifted: 'flags' }),
  row('CLI', 'FA', { ...privileged, read: 'LV', written: 'IF', lifted: 'system' }),
  row('STI', 'FB', { ...privilegedEnd, read: 'LV', written: 'IF', lifted: 'system' }),

  // Strings: the size is that of operand A, the source segment is in R_EA
  row('MOVS', 'A4 Yb,Xb | A5 Yv,Xv', { ...string, lifted: 'string', writes: 'ESI EDI COUNT MEM' }),
  row('CMPS', 'A6 Xb,Yb | A7 Xv,Yv', { ...string, lifted: 'string', written: ARITHMETIC, writes: 'ESI EDI COUNT' }),
  row('SCAS', 'AE Yb | AF Yv', { ...string, lifted: 'string', written: ARITHMETIC, writes: 'EDI COUNT' }),
  row('LODS', 'AC Xb | AD Xv', { ...string, lifted: 'string', writes: 'EAX ESI COUNT' }),
  row('STOS', 'AA Yb | AB Yv', { ...string, lifted: 'string', writes: 'EDI COUNT MEM' }),
  row('INS', '6C Yb | 6D Yz', { ...portString, writes: 'EDI COUNT MEM' }),
  row('OUTS', '6E Xb | 6F Xz', { ...portString, writes: 'ESI COUNT' }),
  row('IN', 'E4 AL,Ib | E5 eAX,Ib | EC AL,DX | ED eAX,DX', { ...port, writes: 'A' }),
  row('OUT', 'E6 Ib,AL | E7 Ib,eAX | EE DX,AL | EF DX,eAX', { ...port, writes: '' }),

  // Flow
  row('JCC', '70+cc Jb | 0F 80+cc Jz', { ...transfer, read: 'OSZPC' }),
  row('JMP', 'EB Jb | E9 Jz', transfer),
  row('JMP_IND', 'FF /4 Ev', transfer),
  row('JMP_FAR', 'EA Ap', farTransfer),
  row('JMP_FAR_IND', 'FF /5 Mp', farTransfer),
  row('CALL', 'E8 Jz', call),
  row('CALL_IND', 'FF /2 Ev', call),
  row('CALL_FAR', '9A Ap', farTransfer),
  row('CALL_FAR_IND', 'FF /3 Mp', farTransfer),
  row('RET', 'C2 Iw | C3', { ...call, writes: 'ESP' }),
  row('RET_FAR', 'CA Iw | CB', farTransfer),
  row('IRET', 'CF', { ...farTransfer, read: 'NLV', written: EVERY_FLAG }),
  row('INT', 'CD Ib', interrupt),
  row('INT3', 'CC', interrupt),
  row('INT1', 'F1', interrupt),
  row('INTO', 'CE', interrupt),
  row('LOOP', 'E2 Jb', loop),
  row('LOOPE', 'E1 Jb', { ...loop, read: 'Z' }),
  row('LOOPNE', 'E0 Jb', { ...loop, read: 'Z' }),
  row('JCXZ', 'E3 Jb', transfer),
  row('BOUND', '62 /r Gv,Ma', { faults: 'BR', writes: '' }),

  // Segments and far pointers
  row('LES', 'C4 /r Gv,Mp', segmentLoad),
  row('LDS', 'C5 /r Gv,Mp', segmentLoad),
  row('LSS', '0F B2 /r Gv,Mp', segmentLoad),
  row('LFS', '0F B4 /r Gv,Mp', segmentLoad),
  row('LGS', '0F B5 /r Gv,Mp', segmentLoad),
  row('ARPL', '63 /r Ew,Gw', { ...system, written: 'Z', faults: 'UD' }),
  row('LAR', '0F 02 /r Gv,Ew', { ...system, written: 'Z', faults: 'UD' }),
  row('LSL', '0F 03 /r Gv,Ew', { ...system, written: 'Z', faults: 'UD' }),
  row('VERR', '0F 00 /4 Ew', { ...system, writes: '', written: 'Z', faults: 'UD' }),
  row('VERW', '0F 00 /5 Ew', { ...system, writes: '', written: 'Z', faults: 'UD' }),

  // Nothing
  row(
    'NOP',
    `90 | 0F 1F /r Ev | 0F 18 /r Ev | 0F 19 /r Ev | 0F 1A /r Ev | 0F 1B /r Ev
    | 0F 1C /r Ev | 0F 1D /r Ev | 0F 1E /r Ev`,
    { ...none, lifted: 'move' },
  ),
  row('PREFETCH', '0F 18 /0 Mb | 0F 18 /1 Mb | 0F 18 /2 Mb | 0F 18 /3 Mb | 0F 0D /r Mb', { ...none, lifted: 'move' }),
  row('PAUSE', 'F3 90', { ...none, lifted: 'move' }),
  row('FWAIT', '9B', { ...none, faults: 'NM MF' }),
  row('UD0', '0F FF /r Gv,Ev', invalid),
  row('UD1', '0F B9 /r Gv,Ev', invalid),
  row('UD2', '0F 0B', invalid),

  // System
  row('HLT', 'F4', privilegedEnd),
  row('CLTS', '0F 06', { ...privilegedEnd, lifted: 'system' }),
  row('INVD', '0F 08', privileged),
  row('WBINVD', '0F 09', privileged),
  row('INVLPG', '0F 01 /7 Mb', { ...privileged, lifted: 'system' }),
  row('LGDT', '0F 01 /2 Ms', privileged),
  row('LIDT', '0F 01 /3 Ms', privileged),
  row('SGDT', '0F 01 /0 Ms', system),
  row('SIDT', '0F 01 /1 Ms', system),
  row('LLDT', '0F 00 /2 Ew', { ...system, writes: '', faults: 'GP NP UD' }),
  row('LTR', '0F 00 /3 Ew', { ...system, writes: '', faults: 'GP NP UD' }),
  row('SLDT', '0F 00 /0 Rv/Mw', { ...system, faults: 'UD' }),
  row('STR', '0F 00 /1 Rv/Mw', { ...system, faults: 'UD' }),
  row('LMSW', '0F 01 /6 Ew', privilegedEnd),
  row('SMSW', '0F 01 /4 Rv/Mw', system),
  row('RDTSC', '0F 31', { ...system, writes: 'EAX EDX', faults: 'GP', lifted: 'system' }),
  row('RDPMC', '0F 33', { ...privileged, writes: 'EAX EDX' }),
  row('RDMSR', '0F 32', { ...privileged, writes: 'EAX EDX' }),
  row('WRMSR', '0F 30', privilegedEnd),
  row('CPUID', '0F A2', { ...system, writes: 'EAX ECX EDX EBX' }),
  row('SYSENTER', '0F 34', { kind: 'branch', written: 'IRV', writes: 'ESP', faults: 'GP' }),
  row('SYSEXIT', '0F 35', { kind: 'branch', writes: 'ESP', faults: 'GP' }),
  row('RSM', '0F AA', { ...invalid, written: EVERY_FLAG }),
] as const;
