/**
 * What the instruction about to run uses, as far as it matters whether an interrupt comes before or behind it: bytes of
 * memory, bytes of registers that it fills, flags. Only of instructions that change nothing else: whatever speaks to
 * devices, changes the mode or the interrupt flag, or cannot be told in bytes, has no footprint.
 */
import { flagMask } from '../isa/ops.ts';
import { KIND_MEMORY, KIND_SEGMENT } from '../isa/record.ts';
import type { Cpu } from '../state/cpu.ts';
import { ESP, HALTED, MODE_KEY, MODE_SS32, SEG_BASE, SS } from '../state/layout.ts';
import { flowsOf } from '../timeline/provenance/flows.ts';
import {
  hasImmediateB,
  type Instruction,
  instructionHere,
  kindA,
  kindB,
  linearStack,
  operandPlaces,
} from '../timeline/provenance/operands.ts';
import { generalRegister, memoryAt, type Place } from '../timeline/provenance/place.ts';

export interface Footprint {
  /** Memory that is read, or written, the instruction's own bytes among what is read. */
  readonly reads: readonly Place[];
  readonly writes: readonly Place[];
  /** Bytes of the processor's block. */
  readonly fills: readonly Place[];
  readonly flags: number;
  /** It speaks of the stack by pushing and popping alone. */
  readonly isStack: boolean;
  /** Linear address of the top of the stack. */
  readonly stackTop: number;
}

const BRANCHES = new Set('JCC JMP JMP_IND CALL CALL_IND RET LOOP LOOPE LOOPNE JCXZ'.split(' '));
const STACK_ROWS = new Set('PUSH PUSHA POP POPA CALL RET LEAVE PUSH_SREG'.split(' '));
/** Images of whole units, memory that no operand names, levels of ENTER. */
const UNTOLD = /^(F(LDENV|NSTENV|RSTOR|NSAVE|XSAVE|XRSTOR)|MASKMOV.*|ENTER|BOUND)$/;
const BIT_STRINGS = /^BT[SRC]?$/;

/** A bit that a register names may lie far from the operand. */
export function isBitString(instruction: Instruction): boolean {
  const isMemory = kindA(instruction) === KIND_MEMORY;
  return BIT_STRINGS.test(instruction.row.name) && isMemory && !hasImmediateB(instruction);
}

function isTold(instruction: Instruction): boolean {
  const { row } = instruction;
  if (row.kind === 'system' || (row.kind === 'branch' && !BRANCHES.has(row.name))) return false;
  return !UNTOLD.test(row.name) && kindA(instruction) !== KIND_SEGMENT && !isBitString(instruction);
}

const TIMELESS = new Set('STI CLI PUSHF POPF IRET INT MOV_TO_SREG POP_SREG'.split(' '));

/** The next instruction does the same whenever it runs: it asks no device, tells none, and no clock. */
export function isTimeless(cpu: Cpu, footprint: Footprint | null): boolean {
  if (footprint !== null) return true;
  const instruction = cpu.m32[HALTED] === 0 ? instructionHere(cpu) : null;
  if (instruction === null || !TIMELESS.has(instruction.row.name)) return false;
  return operandPlaces(cpu, instruction, 1).every(({ space }) => space !== 'device');
}

export function linearStackTop({ m32 }: Cpu): number {
  return (m32[ESP] + m32[SEG_BASE + SS]) >>> 0;
}

/** Null: there is none. */
export function footprintHere(cpu: Cpu): Footprint | null {
  if (cpu.m32[HALTED] !== 0 || (cpu.m32[MODE_KEY] & MODE_SS32) === 0) return null;
  const instruction = instructionHere(cpu);
  if (instruction === null || !isTold(instruction)) return null;
  const { row, linear, length } = instruction;
  const [a, b] = [operandPlaces(cpu, instruction, 0), operandPlaces(cpu, instruction, 1)];
  const reads = [...memoryAt(cpu, linear, length)];
  const filled: Place[] = [];
  for (const { to, from, inputs } of flowsOf(cpu, instruction)) {
    filled.push(to);
    if (from !== null) reads.push(from);
    for (const { places } of inputs) reads.push(...places);
  }
  if (row.name === 'RET') reads.push(...memoryAt(cpu, linearStack(cpu, 0), 4));
  if (row.writes.a) filled.push(...a);
  if (row.writes.b) filled.push(...b);
  for (let register = 0; register < 8; register++) {
    if ((row.writes.registers & (1 << register)) !== 0) filled.push(generalRegister(register, 4));
  }
  reads.push(...a, ...b);
  if ([...reads, ...filled].some(({ space }) => space === 'device')) return null;
  const memory = (places: readonly Place[]): Place[] => places.filter(({ space }) => space === 'memory');
  return {
    reads: memory(reads),
    writes: memory(filled),
    fills: filled.filter(({ space }) => space === 'register'),
    flags: flagMask(row.flags.written + row.flags.undefined),
    isStack: STACK_ROWS.has(row.name) && kindA(instruction) !== KIND_MEMORY && kindB(instruction) !== KIND_MEMORY,
    stackTop: linearStackTop(cpu),
  };
}
