/**
 * The operands of the instruction that is about to run, as places: what the decoder's record says, put together with
 * the registers and page tables of the moment. Looks without touching (memory/peek.ts). SDM 1 §3.7.
 */
import { REGISTERS_16, REGISTERS_32 } from '../../base/names.ts';
import { decodeInstruction } from '../../isa/decode.ts';
import { rowOf } from '../../isa/ops.ts';
import {
  EA_16,
  INSTRUCTION_BYTES_MAX,
  KIND_CONTROL,
  KIND_DEBUG,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_MMX,
  KIND_REGISTER,
  KIND_SEGMENT,
  KIND_ST,
  KIND_XMM,
  META_ADDRSIZE_32,
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
  R_META,
  RECORD_WORDS,
} from '../../isa/record.ts';
import type { Row } from '../../isa/row.ts';
import { peekBytes } from '../../memory/peek.ts';
import type { Cpu } from '../../state/cpu.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DR,
  EIP,
  ESP,
  FP_SIGNIFICAND,
  FP_STATUS,
  MODE_CS32,
  MODE_KEY,
  MODE_SS32,
  SEG_BASE,
  SEG_SELECTOR,
  SS,
  XMM,
  ZERO,
} from '../../state/layout.ts';
import { generalRegister, memoryAt, type Place, registerBytes } from './place.ts';

/** By SIZE_*: bytes of what an operand of that size holds; images of whole units count as nothing. */
const SIZE_BYTES = [1, 2, 4, 8, 16, 10, 6, 0] as const;
const CONTROL_WORDS: Readonly<Record<number, number>> = { 0: CR0, 2: CR2, 3: CR3, 4: CR4 };

/** An instruction about to run. */
export interface Instruction {
  readonly code: Int32Array;
  readonly row: Row;
  readonly meta: number;
  readonly linear: number;
  readonly length: number;
}

const bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);

/** The instruction at EIP; null when there is none to be decoded. */
export function instructionHere(cpu: Cpu): Instruction | null {
  return instructionAt(cpu, linearHere(cpu));
}

/** Linear address of EIP. */
export function linearHere({ m32 }: Cpu): number {
  return (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
}

/** That at a linear address, as the code segment has it. */
export function instructionAt(cpu: Cpu, linear: number): Instruction | null {
  const available = peekBytes(cpu, linear, bytes);
  const code = new Int32Array(RECORD_WORDS);
  const is32 = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0;
  const length = decodeInstruction(bytes, 0, available, is32, code, 0);
  if (length <= 0) return null;
  const meta = code[R_META];
  return { code, row: rowOf(meta & META_OP_MASK), meta, linear, length };
}

export const kindA = ({ meta }: Instruction): number => (meta >> META_KIND_A_SHIFT) & 15;
export const kindB = ({ meta }: Instruction): number => (meta >> META_KIND_B_SHIFT) & 15;
export const bytesA = ({ meta }: Instruction): number => SIZE_BYTES[(meta >> META_SIZE_A_SHIFT) & 7];
export const bytesB = ({ meta }: Instruction): number => SIZE_BYTES[(meta >> META_SIZE_B_SHIFT) & 7];
/** Bytes of the operand size: 2 or 4. */
export const operandBytes = ({ meta }: Instruction): number => ((meta & META_OPSIZE_32) === 0 ? 2 : 4);

/** Offset of the memory operand in its segment. */
function offsetOf(cpu: Cpu, { code }: Instruction): number {
  const ea = code[R_EA];
  const { m32 } = cpu;
  const offset = m32[ea & 15] + (m32[(ea >> 4) & 15] << ((ea >> 8) & 3)) + code[R_DISP];
  return (ea & EA_16) === 0 ? offset : offset & 0xffff;
}

/** Linear address of the memory operand. */
export function linearOperand(cpu: Cpu, instruction: Instruction, skip = 0): number {
  const segment = (instruction.code[R_EA] >> 12) & 7;
  return (offsetOf(cpu, instruction) + skip + cpu.m32[SEG_BASE + segment]) >>> 0;
}

/** Linear address of an element of a string instruction, by its index register. */
export function linearElement(cpu: Cpu, { meta }: Instruction, segment: number, register: number): number {
  const offset = (meta & META_ADDRSIZE_32) === 0 ? cpu.m32[register] & 0xffff : cpu.m32[register];
  return (offset + cpu.m32[SEG_BASE + segment]) >>> 0;
}

/** Linear address of the stack so many bytes above ESP. */
export function linearStack(cpu: Cpu, above: number): number {
  const offset = cpu.m32[ESP] + above;
  return (((cpu.m32[MODE_KEY] & MODE_SS32) === 0 ? offset & 0xffff : offset) + cpu.m32[SEG_BASE + SS]) >>> 0;
}

/** Number in the register file of ST(i). */
export function stackRegister(cpu: Cpu, i: number): Place {
  const top = (cpu.m32[FP_STATUS] >> 11) & 7;
  return registerBytes(FP_SIGNIFICAND * 4 + ((top + i) & 7) * 8, 8);
}

/** Operand 0 or 1 as places; none for immediates. */
export function operandPlaces(cpu: Cpu, instruction: Instruction, operand: 0 | 1): Place[] {
  const kind = operand === 0 ? kindA(instruction) : kindB(instruction);
  const size = operand === 0 ? bytesA(instruction) : bytesB(instruction);
  const word = instruction.code[operand === 0 ? R_A : R_B];
  switch (kind) {
    case KIND_REGISTER:
      return [generalRegister(word, size)];
    case KIND_MEMORY:
      return memoryAt(cpu, linearOperand(cpu, instruction), size);
    case KIND_SEGMENT:
      return [registerBytes((SEG_SELECTOR + word) * 4, 2)];
    case KIND_CONTROL:
      return Object.hasOwn(CONTROL_WORDS, word) ? [registerBytes(CONTROL_WORDS[word] * 4, 4)] : [];
    case KIND_DEBUG:
      return [registerBytes((DR + word) * 4, 4)];
    case KIND_ST:
      return [stackRegister(cpu, word)];
    case KIND_MMX:
      return [registerBytes(FP_SIGNIFICAND * 4 + word * 8, Math.min(size, 8))];
    case KIND_XMM:
      return [registerBytes(XMM * 4 + word * 16, Math.min(size, 16))];
    default:
      return [];
  }
}

export interface AddressPart {
  readonly place: Place;
  readonly name: string;
}

/** The registers of a memory operand's address, the index first: it is what picks an entry of a table. */
export function addressParts(instruction: Instruction): AddressPart[] {
  const { code } = instruction;
  if (kindA(instruction) !== KIND_MEMORY && kindB(instruction) !== KIND_MEMORY) return [];
  const ea = code[R_EA];
  const is16 = (ea & EA_16) !== 0;
  const names = is16 ? REGISTERS_16 : REGISTERS_32;
  return [(ea >> 4) & 15, ea & 15].flatMap((register) =>
    register === ZERO ? [] : [{ place: generalRegister(register, is16 ? 2 : 4), name: names[register] }],
  );
}

/** Both operands name the same register: XOR and SUB give 0 whatever it holds. */
export function isSameRegister(instruction: Instruction): boolean {
  const { code } = instruction;
  const kind = kindA(instruction);
  const isRegister = kind === KIND_REGISTER || kind === KIND_XMM || kind === KIND_MMX;
  return isRegister && kind === kindB(instruction) && code[R_A] === code[R_B];
}

export const hasImmediateB = (instruction: Instruction): boolean => kindB(instruction) === KIND_IMMEDIATE;
