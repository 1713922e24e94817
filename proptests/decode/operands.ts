/**
 * A decoded record back into the operands that the encoder takes: what round trips need. The inverse of the decoder as
 * far as the meaning goes; of several encodings of the same instruction the encoder may choose another.
 */
import type { EncodeOperand, EncodeOptions } from '../../src/core/isa/encode.ts';
import { type OpName, rowOf } from '../../src/core/isa/ops.ts';
import {
  EA_16,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_NONE,
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
  SIZE_8,
} from '../../src/core/isa/record.ts';
import type { Bits } from './iced.ts';

export interface Reencoding {
  readonly name: OpName;
  readonly operands: readonly EncodeOperand[];
  readonly options: EncodeOptions;
}

function operandOf(code: Int32Array, which: 0 | 1): EncodeOperand | undefined {
  const meta = code[R_META];
  const kind = (meta >> (which === 0 ? META_KIND_A_SHIFT : META_KIND_B_SHIFT)) & 15;
  const size = (meta >> (which === 0 ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
  if (kind === KIND_NONE) return undefined;
  if (kind === KIND_IMMEDIATE) return { kind, size: -1, number: code[R_IMM] };
  if (kind !== KIND_MEMORY) return { kind, size, number: code[which === 0 ? R_A : R_B] };
  const ea = code[R_EA];
  return {
    kind,
    size,
    number: 0,
    base: ea & 15,
    index: (ea >> 4) & 15,
    scale: 1 << ((ea >> 8) & 3),
    displacement: code[R_DISP],
    segment: (ea >> 12) & 7,
    addressBits: (ea & EA_16) !== 0 ? 16 : 32,
  };
}

/** Rows whose memory operand is implied but may have another segment. */
export const IMPLIED_SOURCE: RegExp = /^(MOVS|CMPS|LODS|OUTS|XLAT|MASKMOVQ|MASKMOVDQU)$/;

/** Operands and options that must encode to an instruction with the same record. */
export function reencoding(code: Int32Array, bits: Bits, length: number): Reencoding {
  const meta = code[R_META];
  const { name, encodings, kind } = rowOf(meta & META_OP_MASK);
  const operandBits = (meta & META_OPSIZE_32) !== 0 ? 32 : 16;
  const operands: EncodeOperand[] = [];
  let [a, b] = [operandOf(code, 0), operandOf(code, 1)];
  if (name === 'ENTER') {
    a = { kind: KIND_IMMEDIATE, size: -1, number: code[R_IMM] & 0xffff };
    b = { kind: KIND_IMMEDIATE, size: -1, number: code[R_IMM] >>> 16 };
  }
  if (a !== undefined && a.kind === KIND_IMMEDIATE && kind === 'branch') {
    if (name === 'JMP_FAR' || name === 'CALL_FAR') a = { ...a, selector: code[R_DISP] };
    else if (!/^(RET|INT)/.test(name)) a = { ...a, number: (code[R_IMM] + length) | 0 };
  }
  if (a !== undefined) operands.push(a);
  if (b !== undefined) operands.push(b);
  if (encodings.some((text) => /,[^,]*,s?I/.test(text))) {
    operands.push({ kind: KIND_IMMEDIATE, size: -1, number: code[R_IMM] });
  }
  const isString = encodings.some((text) => /[XY][bvz]/.test(text));
  const size = (meta >> META_SIZE_A_SHIFT) & 7;
  const options: EncodeOptions = {
    bits,
    lock: (meta & META_LOCK) !== 0,
    repeat: (meta & META_REP) !== 0 ? 0xf3 : (meta & META_REPNE) !== 0 ? 0xf2 : undefined,
    condition: name === 'CMOVCC' ? code[R_IMM] : code[R_B],
    addressBits: (meta & META_ADDRSIZE_32) !== 0 ? 32 : 16,
    operandBits,
    segment: IMPLIED_SOURCE.test(name) ? (code[R_EA] >> 12) & 7 : undefined,
    stringSize: isString ? (size === SIZE_8 ? SIZE_8 : operandBits === 32 ? 2 : 1) : undefined,
  };
  return { name, operands, options };
}
