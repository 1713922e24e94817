/**
 * What the instruction that is about to run will do to values: which places it fills, and from what. A copy says so
 * byte for byte; everything else is computed from its inputs, or comes from outside (a port, a clock). Follows the rows
 * (isa/row.ts: operands, flags, writes); what a row leaves to its handler (the stack, strings, ports) is in
 * flows-implied.ts. Instructions are taken to retire: one that faults changes nothing and is asked for nothing.
 */
import { flagMask } from '../../isa/ops.ts';
import { KIND_MEMORY, KIND_XMM, META_REP, META_REPNE, R_A, R_IMM } from '../../isa/record.ts';
import type { Cpu } from '../../state/cpu.ts';
import { EAX, EBX, ECX, EDX, XMM } from '../../state/layout.ts';
import { type Flow, FlowBuilder, type FlowInput, namesOf } from './flow.ts';
import { implied } from './flows-implied.ts';
import {
  addressParts,
  bytesA,
  bytesB,
  hasImmediateB,
  type Instruction,
  isSameRegister,
  kindA,
  kindB,
  operandBytes,
  stackRegister,
} from './operands.ts';
import { flagsPlace, part, type Place, registerBytes } from './place.ts';

/** Rows that copy operand B, or A of it, as it is; of XMM registers what they leave out becomes 0. */
const COPIES = new Set(
  (
    'MOV MOVD MOVQ MOVQ2DQ MOVDQ2Q MOVUPS MOVUPD MOVAPS MOVAPD MOVDQA MOVDQU LDDQU MOVNTPS MOVNTPD MOVNTQ MOVNTDQ ' +
    'MOVNTI MOVSS MOVSD MOVLPS MOVLPD MOVZX MOV_TO_SREG MOV_FROM_SREG MOV_TO_CR MOV_FROM_CR MOV_TO_DR MOV_FROM_DR ' +
    'SMSW LMSW'
  ).split(' '),
);

/** Rows whose result does not depend on what operand A held. */
const ONLY_WRITTEN = new Set(
  (
    'LEA IMUL3 BSF BSR SETCC POP LAR LSL FST FSTP FIST FISTP FISTTP FBSTP SMSW SLDT STR SGDT SIDT MOVSX PMOVMSKB ' +
    'MOVMSKPS MOVMSKPD PEXTRW PSHUFD PSHUFW PSHUFHW PSHUFLW MOVSLDUP MOVSHDUP MOVDDUP SQRTPS SQRTPD RCPPS RSQRTPS ' +
    'CVTPI2PD CVTTPS2PI CVTTPD2PI CVTTSS2SI CVTTSD2SI CVTPS2PI CVTPD2PI CVTSS2SI CVTSD2SI CVTPS2PD CVTPD2PS CVTDQ2PS ' +
    'CVTPS2DQ CVTTPS2DQ CVTTPD2DQ CVTDQ2PD CVTPD2DQ FNSTCW FNSTSW FNSTENV FNSAVE STMXCSR FXSAVE'
  ).split(' '),
);

/** Registers that no operand names and that are read. */
const IMPLIED: Readonly<Record<string, readonly (readonly [register: number, size: number])[]>> = {
  CBW: [[EAX, 4]],
  CWD: [[EAX, 4]],
  DAA: [[EAX, 1]],
  DAS: [[EAX, 1]],
  AAA: [[EAX, 2]],
  AAS: [[EAX, 2]],
  AAM: [[EAX, 1]],
  AAD: [[EAX, 2]],
  SAHF: [[EAX + 4, 1]],
  STOS: [[EAX, 4]],
  SCAS: [[EAX, 4]],
  OUT: [[EDX, 2]],
  LOOP: [[ECX, 4]],
  LOOPE: [[ECX, 4]],
  LOOPNE: [[ECX, 4]],
  JCXZ: [[ECX, 4]],
  SHLD_CL: [[ECX, 1]],
  SHRD_CL: [[ECX, 1]],
  WRMSR: [
    [EAX, 4],
    [EDX, 4],
    [ECX, 4],
  ],
  CMPXCHG8B: [
    [EAX, 4],
    [EDX, 4],
    [EBX, 4],
    [ECX, 4],
  ],
};

/** Rows whose result has each bit, or each byte, from those of its place; from those and what lies below. */
const SAME_LANES = /^(AND|OR|XOR|NOT|PAND|PANDN|POR|PXOR|ANDPS|ANDPD|ORPS|ORPD|XORPS|XORPD)$/;
const LOWER_LANES = /^(ADD|ADC|SUB|SBB|INC|DEC|NEG|LEA|XADD)$/;

const SHIFTS = /^(ROL|ROR|RCL|RCR|SHL|SHR|SAR)$/;

export function flowsOf(cpu: Cpu, instruction: Instruction): readonly Flow[] {
  const flows = new FlowBuilder(cpu, instruction);
  const { row, meta } = instruction;
  // A repeated instruction that has come to its end does nothing any more.
  const isRepeated = (meta & (META_REP | META_REPNE)) !== 0 && row.writes.count;
  if (isRepeated && flows.count === 0) return [];
  if (isRepeated) flows.compute([flows.register(ECX, 4)], [flows.input(flows.register(ECX, 4))]);
  if (implied(flows)) return flows.all;
  if (COPIES.has(row.name)) copy(flows);
  else general(flows);
  return flows.all;
}

/** A copy of operand B, zero-extended where A is wider. */
function copy(flows: FlowBuilder): void {
  const { instruction, a, b } = flows;
  const [sizeA, sizeB] = [bytesA(instruction), bytesB(instruction)];
  if (hasImmediateB(instruction)) flows.constant(a, 'an immediate');
  else if (a.length === 0 || b.length === 0) flows.compute(a, [{ name: 'operand', places: b }]);
  else {
    flows.move(a, b, kindB(instruction) === KIND_MEMORY ? addressParts(instruction) : []);
    if (sizeA > sizeB && a.length === 1) flows.constant([part(a[0], sizeB, sizeA - sizeB)], 'zero-extended');
  }
  // Loads of less than an XMM register clear the rest of it.
  const { code, row } = instruction;
  const isScalarMove = /^MOV(SS|SD|LPS|LPD)$/.test(row.name);
  const clears = !isScalarMove || (/^MOVS/.test(row.name) && kindB(instruction) === KIND_MEMORY);
  if (kindA(instruction) === KIND_XMM && clears) {
    const held = Math.min(sizeA, sizeB);
    if (held < 16) flows.constant([registerBytes(XMM * 4 + code[R_A] * 16 + held, 16 - held)], 'zero-extended');
  }
}

/** What the row says: A, or registers that no operand names, from the operands and what is implied. */
function general(flows: FlowBuilder): void {
  const { cpu, instruction, a, b } = flows;
  const { row, code } = instruction;
  const { writes, flags } = row;
  if (/^(XOR|SUB|PXOR|XORPS|XORPD|PSUB[BWDQ]|PCMPEQ[BWD])$/.test(row.name) && isSameRegister(instruction)) {
    flows.constant(a, 'the same whatever the register held');
    flows.constant([flagsPlace(flagMask(flags.written + flags.undefined))], 'of a constant');
    return;
  }
  const inputs: FlowInput[] = [];
  if (!ONLY_WRITTEN.has(row.name)) inputs.push({ name: namesOf(a), places: a });
  if (row.name === 'LEA') {
    for (const { place, name } of addressParts(instruction)) inputs.push({ name, places: [place] });
  } else if (!hasImmediateB(instruction)) inputs.push({ name: namesOf(b), places: b });
  if (SHIFTS.test(row.name) && !hasImmediateB(instruction) && b.length === 0) {
    inputs.push(flows.input(flows.register(ECX, 1)));
  }
  const size = Object.hasOwn(IMPLIED, row.name) ? IMPLIED[row.name] : [];
  for (const [register, bytes] of size) inputs.push(flows.input(flows.register(register, bytes)));
  if (/^(MUL|IMUL1|DIV|IDIV)$/.test(row.name)) {
    const width = bytesA(instruction);
    inputs.push(flows.input(flows.register(EAX, width === 1 && row.name.endsWith('DIV') ? 2 : width)));
    if (row.name.endsWith('DIV') && width > 1) inputs.push(flows.input(flows.register(EDX, width)));
  }
  const read = flagMask(flags.read.replace(/[LVNRFKD]/g, ''));
  if (read !== 0) inputs.push(flows.input(flagsPlace(read)));
  fpu(flows, inputs);
  const to: Place[] = [];
  if (writes.a) to.push(...a);
  if (writes.b) to.push(...b);
  const width = /^(MUL|IMUL1|DIV|IDIV|CBW|CWD)$/.test(row.name) ? bytesA(instruction) || operandBytes(instruction) : 4;
  for (let register = 0; register < 8; register++) {
    const isHigh = writes.high && register === EDX && width > 1;
    const isWritten = (writes.registers & (1 << register)) !== 0;
    if (isWritten || isHigh) to.push(flows.register(register, width === 1 ? 2 : width));
  }
  const { name } = row;
  const lanes = SAME_LANES.test(name) ? 'same' : LOWER_LANES.test(name) ? 'lower' : null;
  flows.compute(to, inputs, '', lanes);
  const written = flagMask(flags.written + flags.undefined);
  const isShiftByNothing = SHIFTS.test(row.name) && b.length > 0 && (cpu.m8[ECX << 2] & 31) === 0;
  if (written !== 0 && !isShiftByNothing) flows.compute([flagsPlace(written)], inputs);
  if (code[R_IMM] === 0 && row.name === 'AND' && hasImmediateB(instruction)) flows.all.length = 0;
  if (code[R_IMM] === 0 && row.name === 'AND' && hasImmediateB(instruction)) flows.constant(a, 'masked to 0');
}

/** x87 rows name their stack registers only in part. */
function fpu(flows: FlowBuilder, inputs: FlowInput[]): void {
  const { cpu, instruction, a } = flows;
  const { name } = instruction.row;
  if (!name.startsWith('F')) return;
  const top = (i: number): Place => stackRegister(cpu, i);
  if (/^F(LD|ILD|BLD)$/.test(name)) {
    inputs.length = 0;
    flows.compute([top(7)], [{ name: namesOf(a), places: a }]);
  } else if (/^FLD/.test(name) && a.length === 0) flows.constant([top(7)], 'a constant of the x87');
  else if (/^F(ST|STP|IST|ISTP|ISTTP|BSTP)$/.test(name)) inputs.push(flows.input(top(0), 'st0'));
  else if (/^F(COM|UCOM|TST|XAM|ICOM)/.test(name) && a.length === 0) inputs.push(flows.input(top(0), 'st0'));
  else if (/^F(CHS|ABS|SQRT|RNDINT|SIN|COS|2XM1|PTAN|SINCOS|XTRACT)$/.test(name)) {
    flows.compute([top(0)], [flows.input(top(0), 'st0')]);
  } else if (/^F(SCALE|PREM|PREM1)$/.test(name)) {
    flows.compute([top(0)], [flows.input(top(0), 'st0'), flows.input(top(1), 'st1')]);
  } else if (/^F(YL2X|YL2XP1|PATAN)$/.test(name)) {
    flows.compute([top(1)], [flows.input(top(0), 'st0'), flows.input(top(1), 'st1')]);
  }
}
