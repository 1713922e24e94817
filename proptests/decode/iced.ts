/**
 * The same instruction in two opinions, ours and that of iced-x86, both brought into one form that can be compared:
 * length, row, operands as text. iced knows every extension up to this year; CPU_MODEL says which of its features our
 * processor has, everything else must be #UD here. Where the two differ on purpose, the code says why
 * (isRegisterPrefetch, WORD_SOURCES).
 */
import {
  Code,
  CpuidFeature,
  Decoder,
  DecoderOptions,
  type Instruction,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
} from 'iced-x86';
import { DECODE_UD, decodeInstruction } from '../../src/core/isa/decode.ts';
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, SEGMENTS } from '../../src/core/base/names.ts';
import { type OpName, rowOf } from '../../src/core/isa/ops.ts';
import {
  EA_16,
  KIND_CONTROL,
  KIND_DEBUG,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_MMX,
  KIND_NONE,
  KIND_REGISTER,
  KIND_SEGMENT,
  KIND_ST,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  META_OPSIZE_32,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_IMM,
  R_META,
  RECORD_WORDS,
  SIZE_16,
  SIZE_8,
  SIZE_FAR,
} from '../../src/core/isa/record.ts';

export type Bits = 16 | 32;

export interface Opinion {
  /** DECODE_UD or the length. */
  readonly length: number;
  readonly row: string;
  readonly operands: readonly string[];
}

const invalid: Opinion = { length: DECODE_UD, row: '', operands: [] };

/** iced's names of what the processor has. */
export const CPU_MODEL = new Set(
  (
    'INTEL8086 INTEL8086_ONLY INTEL186 INTEL286 INTEL386 INTEL486 FPU FPU287 FPU387 CPUID CMOV CX8 MMX SSE SSE2 SSE3 ' +
    'FXSR CLFSH TSC MSR SEP SMM PAUSE MULTIBYTENOP PREFETCHW UDBG RDPMC'
  ).split(' '),
);

const OPTIONS =
  DecoderOptions.ForceReservedNop | DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD | DecoderOptions.NoWbnoinvd;

/** AMD's and P6's reading: 0F 0D with a register is #UD; Intel made it a hint NOP with its 64-bit processors. */
const isRegisterPrefetch = (instruction: Instruction): boolean =>
  /_0F0D$/.test(Code[instruction.code]) && instruction.opKind(0) === OpKind.Register;

/** Features of an instruction that our processor lacks; empty when it must decode. */
export function missingFeatures(instruction: Instruction): string[] {
  return [...instruction.cpuidFeatures()]
    .map((feature) => CpuidFeature[feature])
    .filter((name) => !CPU_MODEL.has(name));
}

/** iced's instruction, to be freed by the caller. The instruction pointer is 0. */
export function icedDecode(bytes: Uint8Array, bits: Bits): Instruction {
  const decoder = new Decoder(bits, bytes, OPTIONS);
  const instruction = decoder.decode();
  decoder.free();
  return instruction;
}

// ---------------------------------------------------------------------------------------------------------------
// iced's opinion

const registerNames: string[] = [];
for (const [name, value] of Object.entries(Register)) {
  if (typeof value === 'number') registerNames[value] ??= name.toLowerCase();
}

/** Rows whose name is not the mnemonic. */
function rowOfIced(instruction: Instruction, name: string): string {
  const first = instruction.opCount > 0 ? instruction.opKind(0) : -1;
  const register = (operand: number): string =>
    instruction.opCount > operand && instruction.opKind(operand) === OpKind.Register
      ? registerNames[instruction.opRegister(operand)]
      : '';
  switch (name) {
    case 'Mov':
      for (const [pattern, to, from] of [
        [/^[ecsdfg]s$/, 'MOV_TO_SREG', 'MOV_FROM_SREG'],
        [/^cr/, 'MOV_TO_CR', 'MOV_FROM_CR'],
        [/^dr/, 'MOV_TO_DR', 'MOV_FROM_DR'],
      ] as const) {
        if (pattern.test(register(0))) return to;
        if (pattern.test(register(1))) return from;
      }
      return 'MOV';
    case 'Push':
    case 'Pop':
      return name.toUpperCase() + (/^[ecsdfg]s$/.test(register(0)) ? '_SREG' : '');
    case 'Imul':
      return ['', 'IMUL1', 'IMUL', 'IMUL3'][instruction.opCount];
    case 'Jmp':
    case 'Call': {
      const row = name.toUpperCase();
      if (first === OpKind.NearBranch16 || first === OpKind.NearBranch32) return row;
      if (first === OpKind.FarBranch16 || first === OpKind.FarBranch32) return `${row}_FAR`;
      return /_m16(16|32)$/.test(Code[instruction.code]) ? `${row}_FAR_IND` : `${row}_IND`;
    }
    case 'Ret':
      return 'RET';
    case 'Retf':
      return 'RET_FAR';
    case 'Shld':
    case 'Shrd':
      return name.toUpperCase() + (register(2) === 'cl' ? '_CL' : '');
    case 'Fnstsw':
      return register(0) === 'ax' ? 'FNSTSW_AX' : 'FNSTSW';
    default:
  }
  const upper = name.toUpperCase();
  if (instruction.isStringInstruction) return upper.slice(0, -1);
  if (/^J[ER]?CXZ$/.test(upper)) return 'JCXZ';
  if (/^J[A-Z]+$/.test(upper)) return 'JCC';
  if (/^SET[A-Z]+$/.test(upper)) return 'SETCC';
  if (/^CMOV/.test(upper)) return 'CMOVCC';
  if (/^PREFETCH/.test(upper)) return 'NOP';
  return ICED_NAMES[upper] ?? upper;
}

const ICED_NAMES: Readonly<Record<string, string>> = {
  CWDE: 'CBW',
  CDQ: 'CWD',
  PUSHAD: 'PUSHA',
  POPAD: 'POPA',
  PUSHFD: 'PUSHF',
  POPFD: 'POPF',
  IRETD: 'IRET',
  SAL: 'SHL',
  XLATB: 'XLAT',
  WAIT: 'FWAIT',
  RESERVEDNOP: 'NOP',
  ENDBR32: 'NOP',
  ENDBR64: 'NOP',
  FSTPNCE: 'FSTP',
  SYSEXITQ: 'SYSEXIT',
};

/** Operand sizes that no memory access has: the address is all there is. */
const NO_ACCESS = new Set<string>(['LEA', 'INVLPG', 'CLFLUSH', 'UD0', 'UD1']);

function icedOperand(instruction: Instruction, i: number, row: string): string {
  const kind = instruction.opKind(i);
  switch (kind) {
    case OpKind.Register:
      return registerNames[instruction.opRegister(i)];
    case OpKind.NearBranch16:
    case OpKind.NearBranch32: {
      const width = kind === OpKind.NearBranch16 ? 16 : 32;
      return `target ${BigInt.asUintN(width, instruction.nearBranchTarget).toString(16)}`;
    }
    case OpKind.FarBranch16:
      return `far ${instruction.farBranchSelector.toString(16)}:${instruction.farBranch16.toString(16)}`;
    case OpKind.FarBranch32:
      return `far ${instruction.farBranchSelector.toString(16)}:${instruction.farBranch32.toString(16)}`;
    case OpKind.Memory: {
      const name = (register: Register): string => (register === Register.None ? '-' : registerNames[register]);
      const index = name(instruction.memoryIndex);
      const wide = instruction.memoryDisplSize === 4 || /^e/.test(name(instruction.memoryBase) + index);
      const displacement = BigInt.asUintN(wide ? 32 : 16, instruction.memoryDisplacement).toString(16);
      const scale = index === '-' ? 1 : instruction.memoryIndexScale;
      const segment = registerNames[instruction.memorySegment];
      let size = `${MemorySizeExt.size(instruction.memorySize)}`;
      if (NO_ACCESS.has(row)) size = 'any';
      const address = `${segment}:${name(instruction.memoryBase)}+${index}*${scale}+${displacement}`;
      return `memory ${size} ${address}`;
    }
    case OpKind.Immediate8:
    case OpKind.Immediate8_2nd:
      return `immediate ${instruction[kind === OpKind.Immediate8 ? 'immediate8' : 'immediate8_2nd'].toString(16)}`;
    case OpKind.Immediate16:
    case OpKind.Immediate8to16:
      return `immediate ${BigInt.asUintN(16, instruction.immediate(i)).toString(16)}`;
    case OpKind.Immediate32:
    case OpKind.Immediate8to32:
      return `immediate ${BigInt.asUintN(32, instruction.immediate(i)).toString(16)}`;
    default:
      // Implied memory operands: only the segment of a source can vary.
      return /^MemorySeg/.test(OpKind[kind]) ? `source ${registerNames[instruction.memorySegment]}` : '';
  }
}

/**
 * With a 32-bit operand size iced shows a 32-bit register where only its low word is read; we say what is read.
 * From which operand on, by row.
 */
const WORD_SOURCES: Readonly<Record<string, number>> = {
  ARPL: 0,
  LAR: 1,
  LLDT: 0,
  LMSW: 0,
  LSL: 1,
  LTR: 0,
  MOV_TO_SREG: 1,
  VERR: 0,
  VERW: 0,
};

/** x87 rows whose ST(0) we imply. */
const IMPLIED_TOP = /^F(COM|COMP|UCOM|UCOMP|XCH|LD|ST|STP)$/;

export function icedOpinion(instruction: Instruction): Opinion {
  if (instruction.code === Code.INVALID) return invalid;
  if (missingFeatures(instruction).length > 0 || isRegisterPrefetch(instruction)) return invalid;
  const row = rowOfIced(instruction, Mnemonic[instruction.mnemonic]);
  let operands: string[] = [];
  if (row === 'NOP') return { length: instruction.length, row, operands: instruction.opCount === 0 ? [] : ['any'] };
  for (let i = 0; i < instruction.opCount; i++) {
    let text = icedOperand(instruction, i, row);
    if ((WORD_SOURCES[row] ?? 9) <= i) text = text.replace(/^e(?=..$)/, '');
    if (text !== '') operands.push(text);
  }
  if (row === 'XLAT') operands = [`source ${registerNames[instruction.memorySegment]}`];
  if (row.endsWith('_CL')) operands.pop();
  if (row === 'FNSTSW_AX') operands = [];
  if (instruction.isStringInstruction) {
    const source = operands.filter((text) => text.startsWith('source'));
    operands = [/B$/i.test(Mnemonic[instruction.mnemonic]) ? 'byte' : '', ...source];
  } else if (IMPLIED_TOP.test(row) && operands.length === 2) {
    operands = row === 'FSTP' || row === 'FST' ? operands.slice(0, 1) : operands.slice(1);
  }
  if (row === 'JCC' || row === 'SETCC' || row === 'CMOVCC') operands.push(`condition ${instruction.conditionCode - 1}`);
  if (row === 'XCHG') operands.sort();
  return { length: instruction.length, row, operands };
}

// ---------------------------------------------------------------------------------------------------------------
// Our opinion

const SIZE_BYTES = [1, 2, 4, 8, 16, 10];

function memorySizeText(row: string, size: number, meta: number): string {
  if (NO_ACCESS.has(row)) return 'any';
  const size32 = (meta & META_OPSIZE_32) !== 0;
  if (size === SIZE_FAR) return /^(LGDT|LIDT|SGDT|SIDT)$/.test(row) || size32 ? '6' : '4';
  if (row === 'BOUND') return size32 ? '8' : '4';
  if (row === 'FXSAVE' || row === 'FXRSTOR') return '512';
  if (row === 'FNSTENV' || row === 'FLDENV') return size32 ? '28' : '14';
  if (row === 'FNSAVE' || row === 'FRSTOR') return size32 ? '108' : '94';
  return `${SIZE_BYTES[size]}`;
}

function ourOperand(code: Int32Array, operand: 0 | 1, row: string, length: number): string {
  const meta = code[R_META];
  const kind = (meta >> (operand === 0 ? META_KIND_A_SHIFT : META_KIND_B_SHIFT)) & 15;
  const size = (meta >> (operand === 0 ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
  const word = code[operand === 0 ? R_A : R_B];
  const immediate = code[R_IMM] >>> 0;
  const size32 = (meta & META_OPSIZE_32) !== 0;
  switch (kind) {
    case KIND_REGISTER:
      return size === SIZE_8 ? REGISTERS_8[word] : size === SIZE_16 ? REGISTERS_16[word] : REGISTERS_32[word];
    case KIND_MEMORY: {
      const ea = code[R_EA];
      const names = (ea & EA_16) !== 0 ? REGISTERS_16 : REGISTERS_32;
      const name = (register: number): string => (register === 8 ? '-' : names[register]);
      const displacement = ((ea & EA_16) !== 0 ? code[R_DISP] & 0xffff : code[R_DISP] >>> 0).toString(16);
      const address = `${name(ea & 15)}+${name((ea >> 4) & 15)}*${1 << ((ea >> 8) & 3)}+${displacement}`;
      return `memory ${memorySizeText(row, size, meta)} ${SEGMENTS[(ea >> 12) & 7]}:${address}`;
    }
    case KIND_IMMEDIATE:
      if (row.endsWith('_FAR') && row !== 'RET_FAR')
        return `far ${(code[R_DISP] >>> 0).toString(16)}:${immediate.toString(16)}`;
      if (/^(JMP|CALL|JCC|JCXZ|LOOP)/.test(row)) {
        const target = code[R_IMM] + length;
        return `target ${(size32 ? target >>> 0 : target & 0xffff).toString(16)}`;
      }
      if (row === 'ENTER') return `immediate ${(operand === 0 ? immediate & 0xffff : immediate >>> 16).toString(16)}`;
      return `immediate ${immediate.toString(16)}`;
    case KIND_SEGMENT:
      return SEGMENTS[word];
    case KIND_CONTROL:
      return `cr${word}`;
    case KIND_DEBUG:
      return `dr${word}`;
    case KIND_ST:
      return `st${word}`;
    case KIND_MMX:
      return `mm${word}`;
    case KIND_NONE:
      return '';
    default:
      return `xmm${word}`;
  }
}

const THIRD_IMMEDIATE = new Set(
  'IMUL3 SHLD SHRD PSHUFW PSHUFD PSHUFHW PSHUFLW PINSRW PEXTRW SHUFPS SHUFPD CMPPS CMPPD CMPSS CMPSD'.split(' '),
);
const SOURCES = /^(MOVS|CMPS|LODS|OUTS|XLAT|MASKMOVQ|MASKMOVDQU)$/;

const code = new Int32Array(RECORD_WORDS);

/** Our opinion; the record is left in `record`. */
export function ourOpinion(bytes: Uint8Array, bits: Bits): Opinion {
  const length = decodeInstruction(bytes, 0, bytes.length, bits === 32, code, 0);
  if (length < 0) return { ...invalid, length };
  const meta = code[R_META];
  let row: OpName = rowOf(meta & META_OP_MASK).name;
  if (row === 'PREFETCH') row = 'NOP'; // iced is told to see hint NOPs, as P6 does
  if (row === 'NOP') return { length, row, operands: ((meta >> META_KIND_A_SHIFT) & 15) === KIND_NONE ? [] : ['any'] };
  const operands: string[] = [];
  const segment = `source ${SEGMENTS[(code[R_EA] >> 12) & 7]}`;
  if (/^(MOVS|CMPS|SCAS|LODS|STOS|INS|OUTS)$/.test(row)) {
    operands.push(((meta >> META_SIZE_A_SHIFT) & 7) === SIZE_8 ? 'byte' : '');
  }
  if (SOURCES.test(row)) operands.push(segment);
  for (const operand of [0, 1] as const) {
    const text = ourOperand(code, operand, row, length);
    if (text === '') continue;
    operands.push(text);
  }
  if (row.startsWith('F') && operands.length === 2 && operands[0] === 'st0' && operands[1].startsWith('memory')) {
    operands.shift();
  }
  if (THIRD_IMMEDIATE.has(row)) operands.push(`immediate ${(code[R_IMM] >>> 0).toString(16)}`);
  if (row === 'JCC' || row === 'SETCC') operands.push(`condition ${code[R_B]}`);
  if (row === 'CMOVCC') operands.push(`condition ${code[R_IMM]}`);
  if (row === 'XCHG') operands.sort();
  return { length, row, operands };
}

/** The record of the last ourOpinion(). */
export const record: Int32Array = code;

export const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** What to read when the opinions differ; undefined when they agree. */
export function disagreement(bytes: Uint8Array, bits: Bits): string | undefined {
  const instruction = icedDecode(bytes, bits);
  const theirs = icedOpinion(instruction);
  const codeName = Code[instruction.code];
  instruction.free();
  const ours = ourOpinion(bytes, bits);
  if (ours.length < 0 && theirs.length < 0) return undefined;
  if (ours.length === theirs.length && ours.row === theirs.row && ours.operands.join() === theirs.operands.join()) {
    return undefined;
  }
  const text = ({ length, row, operands }: Opinion): string =>
    length < 0 ? `invalid (${length})` : `${length} bytes, ${row} ${operands.join(', ')}`;
  return (
    `${bits}-bit ${hexOf(bytes)}\n  ours ${text(ours)}\n  iced ${text(theirs)} (${codeName})\n  reprise ` +
    `explain ${hexOf(bytes)}`
  );
}
