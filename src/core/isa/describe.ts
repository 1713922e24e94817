// Decoded records and rows as text: what `reprise explain`, autopsies and test failures print. Intel operand order,
// the manual's register names, numbers in hexadecimal. The text depends on the record alone (no addresses, no symbols):
// branches show their displacement. Not a disassembler for programs to parse.
import { CONDITIONS, REGISTERS_16, REGISTERS_32, REGISTERS_8, SEGMENTS } from '../base/names.ts';
import { DECODE_GP, DECODE_TRUNCATED, decodeInstruction, formAt } from './decode.ts';
import { faultsOf, OP, type OpName, rowOf } from './ops.ts';
import { SS } from '../state/layout.ts';
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
  META_ADDRSIZE_32,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_LOCK,
  META_OP_MASK,
  META_OPSIZE_32,
  META_REP,
  META_REPNE,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_IMM,
  R_META,
  INSTRUCTION_BYTES_MAX,
  RECORD_WORDS,
  SIZE_128,
  SIZE_16,
  SIZE_8,
} from './record.ts';
import type { Row } from './row.ts';

/** By SIZE_*. */
export const SIZE_NAMES = ['byte', 'word', 'dword', 'qword', 'oword', 'tword', 'far', 'state'] as const;

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const signedHex = (value: number): string => (value < 0 ? `-0x${(-value).toString(16)}` : `+0x${value.toString(16)}`);

/** The memory operand of a record: `ds:ebx+ecx*4+0x10`. */
export function addressText(code: Int32Array, pc: number): string {
  const ea = code[pc + R_EA];
  const names = (ea & EA_16) !== 0 ? REGISTERS_16 : REGISTERS_32;
  const base = ea & 15;
  const index = (ea >> 4) & 15;
  const scale = (ea >> 8) & 3;
  const displacement = code[pc + R_DISP];
  const parts: string[] = [];
  if (base !== 8) parts.push(names[base]);
  if (index !== 8) parts.push(scale === 0 ? names[index] : `${names[index]}*${1 << scale}`);
  let text = parts.join('+');
  if (parts.length === 0) text = hex((ea & EA_16) !== 0 ? displacement & 0xffff : displacement);
  else if (displacement !== 0) text += signedHex(displacement);
  return `${SEGMENTS[(ea >> 12) & 7]}:${text}`;
}

/** Operand 0 or 1 of the record at pc; empty for none. */
export function operandText(code: Int32Array, pc: number, operand: 0 | 1): string {
  const meta = code[pc + R_META];
  const kind = (meta >> (operand === 0 ? META_KIND_A_SHIFT : META_KIND_B_SHIFT)) & 15;
  const size = (meta >> (operand === 0 ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
  const word = code[pc + (operand === 0 ? R_A : R_B)];
  switch (kind) {
    case KIND_NONE:
      return '';
    case KIND_REGISTER:
      return size === SIZE_8 ? REGISTERS_8[word] : size === SIZE_16 ? REGISTERS_16[word] : REGISTERS_32[word];
    case KIND_MEMORY:
      return `${SIZE_NAMES[size]} [${addressText(code, pc)}]`;
    case KIND_IMMEDIATE:
      return rowOf(meta & META_OP_MASK).kind === 'branch' ? '' : hex(code[pc + R_IMM]);
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
    default:
      return `xmm${word}`;
  }
}

/** One line: prefixes that matter, row name, operands. */
export function instructionText(code: Int32Array, pc: number): string {
  const meta = code[pc + R_META];
  const row = rowOf(meta & META_OP_MASK);
  const immediate = code[pc + R_IMM];
  const operands = [operandText(code, pc, 0), operandText(code, pc, 1)].filter((text) => text !== '');
  let name: string = row.name;
  if (name === 'JCC' || name === 'SETCC') name += `.${CONDITIONS[code[pc + R_B]]}`;
  else if (name === 'CMOVCC') name += `.${CONDITIONS[immediate]}`;
  else if (name === 'JMP_FAR' || name === 'CALL_FAR') operands.push(`${hex(code[pc + R_DISP])}:${hex(immediate)}`);
  else if (name === 'ENTER') {
    operands.length = 0;
    operands.push(hex(immediate & 0xffff), hex(immediate >>> 16));
  } else if (row.encodings.some((text) => /,[^,]*,s?I/.test(text))) operands.push(hex(immediate));
  if (row.kind === 'branch' && ((meta >> META_KIND_A_SHIFT) & 15) === KIND_IMMEDIATE && !name.includes('FAR')) {
    operands.push(/^(RET|INT)/.test(name) ? hex(immediate) : signedHex(immediate));
  }
  const lock = (meta & META_LOCK) !== 0 ? 'LOCK ' : '';
  const repeat = (meta & META_REP) !== 0 ? 'REP ' : (meta & META_REPNE) !== 0 ? 'REPNE ' : '';
  return `${lock}${repeat}${name}${operands.length === 0 ? '' : ` ${operands.join(', ')}`}`;
}

const letters = (text: string): string => (text === '' ? 'none' : text.split('').join(' '));

function compiledText(row: Row): string {
  const handler = row.assists === '' ? 'a call of its handler' : `its handler in place (${row.assists} registers)`;
  return row.lifted === '' ? handler : `lift/${row.lifted}.ts, or ${handler}`;
}

/** What the row says, one fact a line, with the faults of one form of it or of all. */
export function rowText(row: Row, faults: readonly string[] = faultsOf(row)): string {
  const { read, written, undefined: left, choice } = row.flags;
  const lines = [`row        ${row.name} (${row.kind}${row.endsBlock ? ', ends a block' : ''})`];
  lines.push(`flags      read ${letters(read)} · written ${letters(written)} · undefined ${letters(left)}`);
  if (choice !== '') lines.push(`           undefined ones: ${choice}`);
  lines.push(`writes     ${row.writes.words === '' ? 'none' : row.writes.words}`);
  lines.push(`compiled   ${compiledText(row)}`);
  lines.push(`faults     ${faults.length === 0 ? 'none' : faults.map((fault) => `#${fault}`).join(' ')}`);
  return lines.join('\n');
}

/** What is told of one instruction, as data. */
export interface InstructionFacts {
  readonly bytes: readonly number[];
  /** Bytes of it; of something that is no instruction those that were looked at. */
  readonly length: number;
  /** `#UD        no such instruction`, or null. */
  readonly problem: string | null;
  readonly decoded: string;
  /** Name of the row. */
  readonly row: string;
  readonly kind: string;
  readonly operands: readonly string[];
  readonly operandBits: number;
  readonly addressBits: number;
  /** In the manual's notation. */
  readonly encoding: string;
  readonly flags: {
    readonly read: string;
    readonly written: string;
    readonly undefined: string;
    readonly choice: string;
  };
  readonly writes: string;
  readonly compiled: string;
  /** Those that this form can raise, by their mnemonics. */
  readonly faults: readonly string[];
}

/** The facts about the instruction at bytes[index]. */
export function explainInstruction(
  bytes: Uint8Array,
  index: number,
  available: number,
  cs32: boolean,
): InstructionFacts {
  const code = new Int32Array(RECORD_WORDS);
  const length = decodeInstruction(bytes, index, available, cs32, code, 0);
  const shown = length > 0 ? length : Math.min(available - index, INSTRUCTION_BYTES_MAX);
  const form = formAt(bytes, index, available);
  const nothing: InstructionFacts = {
    bytes: [...bytes.subarray(index, index + shown)],
    length: shown,
    problem: null,
    decoded: '',
    row: '',
    kind: '',
    operands: [],
    operandBits: 0,
    addressBits: 0,
    encoding: '',
    flags: { read: '', written: '', undefined: '', choice: '' },
    writes: '',
    compiled: '',
    faults: [],
  };
  if (length === DECODE_TRUNCATED) return { ...nothing, problem: 'truncated  the instruction needs more bytes' };
  if (length === DECODE_GP) return { ...nothing, problem: '#GP(0)     longer than 15 bytes' };
  if (length < 0) {
    const why = form === undefined ? 'no such instruction' : `${form.name} does not allow LOCK here`;
    return { ...nothing, problem: `#UD        ${why}` };
  }
  const meta = code[R_META];
  const row = rowOf(meta & META_OP_MASK);
  return {
    ...nothing,
    decoded: instructionText(code, 0),
    row: row.name,
    kind: row.kind,
    operands: [operandText(code, 0, 0), operandText(code, 0, 1)].filter((text) => text !== ''),
    operandBits: (meta & META_OPSIZE_32) !== 0 ? 32 : 16,
    addressBits: (meta & META_ADDRSIZE_32) !== 0 ? 32 : 16,
    encoding: form?.text ?? '',
    flags: { ...row.flags },
    writes: row.writes.words,
    compiled: compiledText(row),
    faults: faultsOfForm(row, code, 0),
  };
}

const FAULT_ORDER = ['DE', 'DB', 'BR', 'UD', 'NM', 'TS', 'NP', 'SS', 'GP', 'PF', 'MF', 'AC', 'XM'];

/** Faults that the record at pc can raise: of a row's, those that need an operand in memory only where it has one. */
export function faultsOfForm(row: Row, code: Int32Array, pc: number): string[] {
  const meta = code[pc + R_META];
  const kinds = [META_KIND_A_SHIFT, META_KIND_B_SHIFT].map((shift) => (meta >> shift) & 15);
  const sizes = [META_SIZE_A_SHIFT, META_SIZE_B_SHIFT].map((shift) => (meta >> shift) & 7);
  const memory = kinds.indexOf(KIND_MEMORY);
  const found = new Set<string>(row.faults);
  // A stack segment that is not present has a fault of its own; the others share #NP.
  if (kinds[0] === KIND_SEGMENT && found.has('NP')) found.delete(code[pc + R_A] === SS ? 'NP' : 'SS');
  const touches = memory >= 0 && faultsOf(row).length > row.faults.length;
  if (touches || (memory >= 0 && row.faults.includes('PF'))) {
    const isStack = ((code[pc + R_EA] >> 12) & 7) === SS;
    found.add(isStack ? 'SS' : 'GP');
    // Operands of sixteen bytes that must be aligned have #GP for that.
    if (sizes[memory] === SIZE_128) found.add('GP');
    found.add('PF');
    if (sizes[memory] !== SIZE_8) found.add('AC');
  }
  return FAULT_ORDER.filter((fault) => found.has(fault));
}

/** The same as lines of text: bytes, decoded form, encoding, row. */
export function explanationText(facts: InstructionFacts, bits: 16 | 32): string {
  const { problem, decoded, length, operandBits, addressBits, encoding, row } = facts;
  const dump = facts.bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const lines = [`bytes      ${dump} (${bits}-bit code)`];
  if (problem !== null) return [...lines, problem].join('\n');
  lines.push(`decoded    ${decoded}`);
  lines.push(`length     ${length} · operand size ${operandBits} · address size ${addressBits}`);
  if (encoding !== '') lines.push(`encoding   ${encoding}`);
  lines.push(rowText(rowOf(OP[row as OpName]), facts.faults));
  return lines.join('\n');
}

/** Everything about the instruction at bytes[index] as lines of text. */
export function explainBytes(bytes: Uint8Array, index: number, available: number, cs32: boolean): string {
  return explanationText(explainInstruction(bytes, index, available, cs32), cs32 ? 32 : 16);
}
