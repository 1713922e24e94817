// Decoded records and rows as text: what `reprise explain`, autopsies and test failures print. Intel operand order,
// the manual's register names, numbers in hexadecimal. The text depends on the record alone (no addresses, no symbols):
// branches show their displacement. Not a disassembler for programs to parse.
import { CONDITIONS, REGISTERS_16, REGISTERS_32, REGISTERS_8, SEGMENTS } from '../base/names.ts';
import { DECODE_GP, DECODE_TRUNCATED, decodeInstruction, formAt } from './decode.ts';
import { faultsOf, rowOf } from './ops.ts';
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
  R_POSITION,
  RECORD_WORDS,
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

/** What the row says, one fact a line. */
export function rowText(row: Row): string {
  const { read, written, undefined: left, choice } = row.flags;
  const lines = [`row        ${row.name} (${row.kind}${row.endsBlock ? ', ends a block' : ''})`];
  lines.push(`flags      read ${letters(read)} · written ${letters(written)} · undefined ${letters(left)}`);
  if (choice !== '') lines.push(`           undefined ones: ${choice}`);
  lines.push(`writes     ${row.writes.words === '' ? 'none' : row.writes.words}`);
  const handler = row.assists === '' ? 'a call of its handler' : `its handler in place (${row.assists} registers)`;
  lines.push(`compiled   ${row.lifted === '' ? handler : `lift/${row.lifted}.ts, or ${handler}`}`);
  const faults = faultsOf(row);
  if (faults.length > 0) lines.push(`faults     ${faults.map((fault) => `#${fault}`).join(' ')}`);
  return lines.join('\n');
}

/** Everything about the instruction at bytes[index] as lines of text: bytes, decoded form, encoding, row. */
export function explainBytes(bytes: Uint8Array, index: number, available: number, cs32: boolean): string {
  const code = new Int32Array(RECORD_WORDS);
  const length = decodeInstruction(bytes, index, available, cs32, code, 0);
  const shown = length > 0 ? length : Math.min(available, 15);
  const dump = [...bytes.subarray(index, index + shown)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const lines = [`bytes      ${dump} (${cs32 ? 32 : 16}-bit code)`];
  if (length === DECODE_TRUNCATED) return [...lines, 'truncated  the instruction needs more bytes'].join('\n');
  if (length === DECODE_GP) return [...lines, '#GP(0)     longer than 15 bytes'].join('\n');
  const form = formAt(bytes, index, available);
  if (length < 0) {
    lines.push(
      form === undefined ? '#UD        no such instruction' : `#UD        ${form.name} does not allow LOCK here`,
    );
    return lines.join('\n');
  }
  const meta = code[R_META];
  const operandSize = (meta & META_OPSIZE_32) !== 0 ? 32 : 16;
  const addressSize = (meta & META_ADDRSIZE_32) !== 0 ? 32 : 16;
  lines.push(`decoded    ${instructionText(code, 0)}`);
  lines.push(`length     ${code[R_POSITION] >>> 16} · operand size ${operandSize} · address size ${addressSize}`);
  if (form !== undefined) lines.push(`encoding   ${form.text}`);
  lines.push(rowText(rowOf(meta & META_OP_MASK)));
  return lines.join('\n');
}
