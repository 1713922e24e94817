// The names that assembly sources use, as rows and options: `movsd` is the row MOVS with 32-bit elements or the row
// MOVSD, `jz` is JCC with condition 4, `finit` is FWAIT and FNINIT. Names follow the SDM and what NASM accepts.
// Which of several rows is meant, the operands decide (encode.ts tries them in order).
import { CONDITION_SPELLINGS } from '../base/names.ts';
import type { EncodeOperand, EncodeOptions } from './encode.ts';
import { OP, type OpName } from './ops.ts';
import { KIND_REGISTER, KIND_ST, SIZE_16, SIZE_32, SIZE_8, SIZE_80 } from './record.ts';

export interface Candidate {
  readonly name: OpName;
  readonly options: Partial<EncodeOptions>;
  /** The source's name includes a leading WAIT (9B). */
  readonly wait: boolean;
}

const candidate = (name: OpName, options: Partial<EncodeOptions> = {}, wait = false): Candidate => ({
  name,
  options,
  wait,
});

/** Names that stand for several rows, or for one with another name. */
const SYNONYMS: Readonly<Record<string, readonly OpName[]>> = {
  mov: ['MOV', 'MOV_TO_SREG', 'MOV_FROM_SREG', 'MOV_TO_CR', 'MOV_FROM_CR', 'MOV_TO_DR', 'MOV_FROM_DR'],
  push: ['PUSH', 'PUSH_SREG'],
  pop: ['POP', 'POP_SREG'],
  imul: ['IMUL1', 'IMUL', 'IMUL3'],
  jmp: ['JMP', 'JMP_IND', 'JMP_FAR'],
  call: ['CALL', 'CALL_IND', 'CALL_FAR'],
  retn: ['RET'],
  retf: ['RET_FAR'],
  sal: ['SHL'],
  shld: ['SHLD', 'SHLD_CL'],
  shrd: ['SHRD', 'SHRD_CL'],
  xlatb: ['XLAT'],
  loopz: ['LOOPE'],
  loopnz: ['LOOPNE'],
  wait: ['FWAIT'],
  icebp: ['INT1'],
  fnstsw: ['FNSTSW', 'FNSTSW_AX'],
};

const WIDTHS: readonly (readonly [string, 16 | 32])[] = [
  ['w', 16],
  ['d', 32],
];

function buildMnemonics(): Map<string, Candidate[]> {
  const names = new Map<string, Candidate[]>();
  const add = (mnemonic: string, entry: Candidate): void => {
    const list = names.get(mnemonic);
    if (list === undefined) names.set(mnemonic, [entry]);
    else list.push(entry);
  };
  for (const name of Object.keys(OP) as OpName[]) {
    if (name.includes('_') || /^(JCC|SETCC|CMOVCC|IMUL[13]|JCXZ)$/.test(name)) continue;
    if (/^(MOVS|CMPS|SCAS|LODS|STOS|INS|OUTS|CBW|CWD)$/.test(name) || SYNONYMS[name.toLowerCase()] !== undefined)
      continue;
    add(name.toLowerCase(), candidate(name));
  }
  for (const [mnemonic, rows] of Object.entries(SYNONYMS)) for (const name of rows) add(mnemonic, candidate(name));
  CONDITION_SPELLINGS.forEach((synonyms, condition) => {
    for (const suffix of synonyms) {
      add(`j${suffix}`, candidate('JCC', { condition }));
      add(`set${suffix}`, candidate('SETCC', { condition }));
      add(`cmov${suffix}`, candidate('CMOVCC', { condition }));
    }
  });
  for (const name of ['MOVS', 'CMPS', 'SCAS', 'LODS', 'STOS', 'INS', 'OUTS'] as const) {
    for (const [suffix, stringSize] of [
      ['b', SIZE_8],
      ['w', SIZE_16],
      ['d', SIZE_32],
    ] as const) {
      add(`${name.toLowerCase()}${suffix}`, candidate(name, { stringSize }));
    }
  }
  for (const [suffix, operandBits] of WIDTHS) {
    for (const name of ['PUSHA', 'POPA', 'PUSHF', 'POPF', 'IRET', 'RET_FAR', 'RET'] as const) {
      const base = name === 'RET_FAR' ? 'retf' : name.toLowerCase();
      add(`${base}${suffix}`, candidate(name, { operandBits }));
    }
  }
  add('cbw', candidate('CBW', { operandBits: 16 }));
  add('cwde', candidate('CBW', { operandBits: 32 }));
  add('cwd', candidate('CWD', { operandBits: 16 }));
  add('cdq', candidate('CWD', { operandBits: 32 }));
  add('jcxz', candidate('JCXZ', { addressBits: 16 }));
  add('jecxz', candidate('JCXZ', { addressBits: 32 }));
  for (const name of ['FNINIT', 'FNCLEX', 'FNSAVE', 'FNSTENV', 'FNSTCW', 'FNSTSW', 'FNSTSW_AX'] as const) {
    add(`f${name.split('_')[0].slice(2).toLowerCase()}`, candidate(name, {}, true));
  }
  return names;
}

const MNEMONICS = buildMnemonics();

/** What a name can mean, in the order to try; empty when it is no instruction. */
export function candidatesOf(mnemonic: string): readonly Candidate[] {
  return MNEMONICS.get(mnemonic) ?? [];
}

const stackRegister = (number: number): EncodeOperand => ({ kind: KIND_ST, size: SIZE_80, number });

/** The operand lists a source may mean: `imul eax, 3`; x87 instructions may name ST(0) or leave it out. */
export function operandVariants(name: OpName, operands: readonly EncodeOperand[]): (readonly EncodeOperand[])[] {
  if (name === 'IMUL3' && operands.length === 2) return [[operands[0], ...operands]];
  if (name === 'SHLD_CL' || name === 'SHRD_CL') {
    const count = operands[2];
    const isCl = count !== undefined && count.kind === KIND_REGISTER && count.size === SIZE_8 && count.number === 1;
    return isCl ? [operands.slice(0, 2)] : [];
  }
  if (!name.startsWith('F')) return [operands];
  const isTop = (operand: EncodeOperand): boolean => operand.kind === KIND_ST && operand.number === 0;
  const variants: (readonly EncodeOperand[])[] = [operands];
  if (operands.length === 0) variants.push([stackRegister(1)], [stackRegister(1), stackRegister(0)]);
  if (operands.length === 1) variants.push([stackRegister(0), operands[0]], [operands[0], stackRegister(0)]);
  if (operands.length === 1 && operands[0].kind !== KIND_ST) variants.push([]); // fnstsw ax
  if (operands.length === 2 && isTop(operands[0])) variants.push([operands[1]]);
  return variants;
}
