// Which decoded forms the interpreter's loop executes inline, and under which number. Everything else
// is number 0: the row's handler. Only forms whose plain path needs no segment arithmetic qualify
// (flat data, 32-bit addresses); the inlined case falls back to the handler whenever anything is not plain.
// The record stays as the decoder made it (a source is register[R_B] + R_IMM, one of which is 0, so that one case
// serves registers and immediates) but for direct near branches: their two places are worked out here, since where
// in its block an instruction stands is known only then.

import { CONDITIONS } from '../../src/core/base/names.ts';
import { OP, type OpName } from '../../src/core/isa/ops.ts';
import {
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_REGISTER,
  META_ADDRSIZE_32,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_LOCK,
  META_OP_MASK,
  META_OPSIZE_32,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_HOT,
  R_IMM,
  R_META,
  R_POSITION,
  SIZE_16,
  SIZE_32,
  SIZE_8,
} from '../../src/core/isa/record.ts';
import { DS, ES, MODE_CS32, MODE_FLAT_CODE, MODE_FLAT_DATA, MODE_SS32, SS } from '../../src/core/state/layout.ts';

export const HOT_COLD = 0;
/** Pseudo-record behind the last instruction of a block. */
export const HOT_END = 1;

// R = 32-bit register, M = 32-bit memory, S = register or immediate source, 8/16 = narrower forms.
export const HOT = {
  MOV_R_S: 2,
  MOV_R_M: 3,
  MOV_M_S: 4,
  MOV_R8_M8: 5,
  MOV_M8_R8: 6,
  MOV_M8_I: 7,
  MOV_R8_R8: 8,
  MOV_R8_I: 9,
  MOV_M16_R16: 10,
  MOVZX_R_M8: 11,
  MOVZX_R_R8: 12,
  MOVZX_R_M16: 13,
  MOVZX_R_R16: 14,
  MOVSX_R_M8: 15,
  MOVSX_R_R8: 16,
  MOVSX_R_M16: 17,
  MOVSX_R_R16: 18,
  LEA: 19,
  ADD_R_S: 20,
  SUB_R_S: 21,
  AND_R_S: 22,
  OR_R_S: 23,
  XOR_R_S: 24,
  CMP_R_S: 25,
  TEST_R_S: 26,
  ADC_R_S: 27,
  SBB_R_S: 28,
  ADD_R_M: 29,
  SUB_R_M: 30,
  AND_R_M: 31,
  OR_R_M: 32,
  XOR_R_M: 33,
  CMP_R_M: 34,
  CMP_M_S: 35,
  TEST_M_S: 36,
  ADD_M_S: 37,
  SUB_M_S: 38,
  AND_M_S: 39,
  OR_M_S: 40,
  XOR_M_S: 41,
  INC_R: 42,
  DEC_R: 43,
  INC_M: 44,
  DEC_M: 45,
  NEG_R: 46,
  NOT_R: 47,
  SHL_R_I: 48,
  SHR_R_I: 49,
  SAR_R_I: 50,
  SHL_R_CL: 51,
  SHR_R_CL: 52,
  SAR_R_CL: 53,
  IMUL_R_R: 54,
  IMUL_R_M: 55,
  IMUL3_R_R: 56,
  PUSH_S: 57,
  PUSH_M: 58,
  POP_R: 59,
  CALL: 60,
  CALL_R: 61,
  CALL_M: 62,
  RET: 63,
  JMP: 64,
  JMP_R: 65,
  JMP_M: 66,
  LEAVE: 67,
  CMP_R8_S8: 68,
  CMP_M8_S8: 69,
  TEST_R8_S8: 70,
  TEST_M8_I: 71,
  SETCC_R8: 72,
  CMOVCC_R_R: 73,
  XCHG_R_R: 74,
  CDQ: 75,
  NOP: 76,
  ROL_R_I: 77,
  ROR_R_I: 78,
  XOR_R8_S8: 79,
  AND_R8_S8: 80,
  OR_R8_S8: 81,
  ADD_R8_S8: 82,
  SUB_R8_S8: 83,
  MUL_R: 84,
  CMP_R8_M8: 85,
  /** HOT.JCC + condition code. */
  JCC: 96,
} as const;

type Form = Partial<Record<'RS' | 'RM' | 'MS' | 'R' | 'M', number>>;

/** 32-bit forms by row: destination and source kinds. */
const FORMS_32: Partial<Record<OpName, Form>> = {
  MOV: { RS: HOT.MOV_R_S, RM: HOT.MOV_R_M, MS: HOT.MOV_M_S },
  ADD: { RS: HOT.ADD_R_S, RM: HOT.ADD_R_M, MS: HOT.ADD_M_S },
  SUB: { RS: HOT.SUB_R_S, RM: HOT.SUB_R_M, MS: HOT.SUB_M_S },
  AND: { RS: HOT.AND_R_S, RM: HOT.AND_R_M, MS: HOT.AND_M_S },
  OR: { RS: HOT.OR_R_S, RM: HOT.OR_R_M, MS: HOT.OR_M_S },
  XOR: { RS: HOT.XOR_R_S, RM: HOT.XOR_R_M, MS: HOT.XOR_M_S },
  CMP: { RS: HOT.CMP_R_S, RM: HOT.CMP_R_M, MS: HOT.CMP_M_S },
  TEST: { RS: HOT.TEST_R_S, MS: HOT.TEST_M_S },
  ADC: { RS: HOT.ADC_R_S },
  SBB: { RS: HOT.SBB_R_S },
  INC: { R: HOT.INC_R, M: HOT.INC_M },
  DEC: { R: HOT.DEC_R, M: HOT.DEC_M },
  NEG: { R: HOT.NEG_R },
  NOT: { R: HOT.NOT_R },
  IMUL: { RS: HOT.IMUL_R_R, RM: HOT.IMUL_R_M },
  PUSH: { R: HOT.PUSH_S, M: HOT.PUSH_M },
  POP: { R: HOT.POP_R },
  CALL_IND: { R: HOT.CALL_R, M: HOT.CALL_M },
  JMP_IND: { R: HOT.JMP_R, M: HOT.JMP_M },
  MUL: { R: HOT.MUL_R },
};

const FORMS_8: Partial<Record<OpName, Form>> = {
  CMP: { RS: HOT.CMP_R8_S8, MS: HOT.CMP_M8_S8, RM: HOT.CMP_R8_M8 },
  TEST: { RS: HOT.TEST_R8_S8 },
  XOR: { RS: HOT.XOR_R8_S8 },
  AND: { RS: HOT.AND_R8_S8 },
  OR: { RS: HOT.OR_R8_S8 },
  ADD: { RS: HOT.ADD_R8_S8 },
  SUB: { RS: HOT.SUB_R8_S8 },
};

const byNumber = (forms: Partial<Record<OpName, Form>>): (Form | undefined)[] => {
  const table: (Form | undefined)[] = [];
  for (const [name, form] of Object.entries(forms)) table[OP[name as OpName]] = form;
  return table;
};
const TABLE_32 = byNumber(FORMS_32);
const TABLE_8 = byNumber(FORMS_8);

const SHIFTS_I: Partial<Record<number, number>> = {
  [OP.SHL]: HOT.SHL_R_I,
  [OP.SHR]: HOT.SHR_R_I,
  [OP.SAR]: HOT.SAR_R_I,
  [OP.ROL]: HOT.ROL_R_I,
  [OP.ROR]: HOT.ROR_R_I,
};
const SHIFTS_CL: Partial<Record<number, number>> = {
  [OP.SHL]: HOT.SHL_R_CL,
  [OP.SHR]: HOT.SHR_R_CL,
  [OP.SAR]: HOT.SAR_R_CL,
};

const NAMES: readonly string[] = Object.entries(HOT).reduce<string[]>((names, [name, number]) => {
  names[number] = name;
  return names;
}, []);

/** For people: the inlined case of a specialised record, and what it reads that the decoder did not write. */
export function hotText(code: Int32Array, pc: number): string {
  const hot = code[pc + R_HOT];
  if (hot === HOT_COLD) return 'none: the handler';
  const isConditional = hot >= HOT.JCC;
  if (!isConditional && hot !== HOT.JMP && hot !== HOT.CALL) return NAMES[hot];
  const target = `to block ${signed(code[pc + R_DISP])}`;
  if (isConditional) return `JCC.${CONDITIONS[hot - HOT.JCC]}, ${target}, otherwise block ${signed(code[pc + R_A])}`;
  return hot === HOT.JMP ? `JMP, ${target}` : `CALL, ${target}, back to block ${signed(code[pc + R_A])}`;
}

const signed = (value: number): string => (value < 0 ? `- ${-value}` : `+ ${value}`);

/** R_A and R_DISP of a direct near branch: what follows and the target, relative to the start of the block. */
function branchPlaces(code: Int32Array, pc: number): void {
  const after = (code[pc + R_POSITION] & 0xffff) + (code[pc + R_POSITION] >>> 16);
  code[pc + R_A] = after;
  code[pc + R_DISP] = (after + code[pc + R_IMM]) | 0;
}

/** The number for the record at `pc`, whose R_POSITION is set; prepares direct near branches (record.ts). */
export function specialise(code: Int32Array, pc: number, mode: number): number {
  const meta = code[pc + R_META];
  if ((mode & MODE_CS32) === 0 || (meta & META_LOCK) !== 0) return HOT_COLD;
  const op = meta & META_OP_MASK;
  const kindA = (meta >> META_KIND_A_SHIFT) & 15;
  const kindB = (meta >> META_KIND_B_SHIFT) & 15;
  const sizeA = (meta >> META_SIZE_A_SHIFT) & 7;
  const sizeB = (meta >> META_SIZE_B_SHIFT) & 7;
  const memory = kindA === KIND_MEMORY || kindB === KIND_MEMORY;
  if (memory && op !== OP.LEA) {
    const segment = (code[pc + R_EA] >> 12) & 7;
    if ((mode & MODE_FLAT_DATA) === 0 || (segment !== DS && segment !== SS && segment !== ES)) return HOT_COLD;
  }
  if (memory && (meta & META_ADDRSIZE_32) === 0) return HOT_COLD;
  const flatStack = (mode & (MODE_FLAT_DATA | MODE_SS32)) === (MODE_FLAT_DATA | MODE_SS32);
  const size32 = (meta & META_OPSIZE_32) !== 0;

  switch (op) {
    case OP.JCC:
      if (!size32 || (mode & MODE_FLAT_CODE) === 0) return HOT_COLD;
      branchPlaces(code, pc);
      return HOT.JCC + code[pc + R_B];
    case OP.JMP:
      if (!size32 || (mode & MODE_FLAT_CODE) === 0) return HOT_COLD;
      branchPlaces(code, pc);
      return HOT.JMP;
    case OP.CALL:
      if (!size32 || !flatStack || (mode & MODE_FLAT_CODE) === 0) return HOT_COLD;
      branchPlaces(code, pc);
      return HOT.CALL;
    case OP.CALL_IND:
    case OP.JMP_IND:
      if (!size32 || (mode & MODE_FLAT_CODE) === 0 || (op === OP.CALL_IND && !flatStack)) return HOT_COLD;
      break;
    case OP.RET:
      return size32 && flatStack && (mode & MODE_FLAT_CODE) !== 0 ? HOT.RET : HOT_COLD;
    case OP.LEAVE:
      return size32 && flatStack ? HOT.LEAVE : HOT_COLD;
    case OP.PUSH:
      if (!size32 || !flatStack) return HOT_COLD;
      if (kindA === KIND_IMMEDIATE) return HOT.PUSH_S;
      break;
    case OP.POP:
      if (!size32 || !flatStack || kindA !== KIND_REGISTER) return HOT_COLD;
      return HOT.POP_R;
    case OP.LEA:
      return size32 ? HOT.LEA : HOT_COLD;
    case OP.CWD:
      return size32 ? HOT.CDQ : HOT_COLD;
    case OP.NOP:
      return HOT.NOP;
    case OP.XCHG:
      return sizeA === SIZE_32 && kindA === KIND_REGISTER && kindB === KIND_REGISTER ? HOT.XCHG_R_R : HOT_COLD;
    case OP.SETCC:
      return kindA === KIND_REGISTER ? HOT.SETCC_R8 : HOT_COLD;
    case OP.CMOVCC:
      return sizeA === SIZE_32 && kindB === KIND_REGISTER ? HOT.CMOVCC_R_R : HOT_COLD;
    case OP.IMUL3:
      return sizeA === SIZE_32 && kindB === KIND_REGISTER ? HOT.IMUL3_R_R : HOT_COLD;
    case OP.MOVZX:
      if (!size32) return HOT_COLD;
      if (kindB === KIND_MEMORY) return sizeB === SIZE_8 ? HOT.MOVZX_R_M8 : HOT.MOVZX_R_M16;
      return sizeB === SIZE_8 ? HOT.MOVZX_R_R8 : HOT.MOVZX_R_R16;
    case OP.MOVSX:
      if (!size32) return HOT_COLD;
      if (kindB === KIND_MEMORY) return sizeB === SIZE_8 ? HOT.MOVSX_R_M8 : HOT.MOVSX_R_M16;
      return sizeB === SIZE_8 ? HOT.MOVSX_R_R8 : HOT.MOVSX_R_R16;
    case OP.SHL:
    case OP.SHR:
    case OP.SAR:
    case OP.ROL:
    case OP.ROR: {
      if (sizeA !== SIZE_32 || kindA !== KIND_REGISTER) return HOT_COLD;
      if (kindB !== KIND_IMMEDIATE) return SHIFTS_CL[op] ?? HOT_COLD;
      return (code[pc + R_IMM] & 31) === 0 ? HOT_COLD : (SHIFTS_I[op] ?? HOT_COLD);
    }
    case OP.MOV:
      if (sizeA === SIZE_8) {
        if (kindA === KIND_REGISTER) {
          if (kindB === KIND_MEMORY) return HOT.MOV_R8_M8;
          return kindB === KIND_REGISTER ? HOT.MOV_R8_R8 : HOT.MOV_R8_I;
        }
        return kindB === KIND_REGISTER ? HOT.MOV_M8_R8 : HOT.MOV_M8_I;
      }
      if (sizeA === SIZE_16) return kindA === KIND_MEMORY && kindB === KIND_REGISTER ? HOT.MOV_M16_R16 : HOT_COLD;
      break;
    case OP.TEST:
      if (sizeA === SIZE_8 && kindA === KIND_MEMORY) return kindB === KIND_IMMEDIATE ? HOT.TEST_M8_I : HOT_COLD;
      break;
    default:
  }

  const form = sizeA === SIZE_32 ? TABLE_32[op] : sizeA === SIZE_8 ? TABLE_8[op] : undefined;
  if (form === undefined) return HOT_COLD;
  if (form.R !== undefined || form.M !== undefined) {
    return (kindA === KIND_REGISTER ? form.R : kindA === KIND_MEMORY ? form.M : undefined) ?? HOT_COLD;
  }
  if (kindA === KIND_REGISTER && kindB === KIND_MEMORY) return form.RM ?? HOT_COLD;
  const hot = (kindA === KIND_REGISTER ? form.RS : kindA === KIND_MEMORY ? form.MS : undefined) ?? HOT_COLD;
  return kindB === KIND_REGISTER || kindB === KIND_IMMEDIATE ? hot : HOT_COLD;
}
