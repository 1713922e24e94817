/**
 * An instruction that somebody asks for (Probes in state/cpu.ts), done by its handler: the same on every engine. Each
 * iteration of a REP is told of by itself, so that it makes no difference where slices end.
 */
import { mayWriteMemory, registersWritten, WRITES_FLAGS } from '../isa/effects.ts';
import { META_OP_MASK, META_REP, META_REPNE, R_META } from '../isa/record.ts';
import { type Cpu, EXIT_FAULT, type Probes } from '../state/cpu.ts';
import { CS, EIP, EXIT_REQUEST, SEG_BASE } from '../state/layout.ts';

type Handlers = readonly ((cpu: Cpu, code: Int32Array, pc: number) => void)[];

/** Whether the instruction whose record is at `pc` is asked for by its row or by what it may change. */
export function isAskedFor(probes: Probes, code: Int32Array, pc: number): boolean {
  const row = code[pc + R_META] & META_OP_MASK;
  if (probes.rows[row] !== 0 || (probes.hasFlags && WRITES_FLAGS[row] !== 0)) return true;
  if (probes.readsMemory === true && mayWriteMemory(code, pc)) return true;
  return probes.registers !== 0 && (registersWritten(code, pc) & probes.registers) !== 0;
}

/** The record at `pc` is marked; EIP, nextEip, registers and `left` are exact. */
export function runProbed(handlers: Handlers, cpu: Cpu, code: Int32Array, pc: number): void {
  const { probes } = cpu;
  const row = code[pc + R_META] & META_OP_MASK;
  if (probes === null) {
    handlers[row](cpu, code, pc);
    return;
  }
  let hasRetired = false;
  probes.begins(cpu, row);
  try {
    if ((code[pc + R_META] & (META_REP | META_REPNE)) === 0) handlers[row](cpu, code, pc);
    else iterate(handlers[row], cpu, code, pc, probes.iterations?.(cpu, code, pc) ?? 1);
    hasRetired = (cpu.m32[EXIT_REQUEST] & EXIT_FAULT) === 0;
  } finally {
    probes.ends(cpu, hasRetired);
  }
}

/** The same for a record that may be marked or not, outside a block: whoever asks knows it by its address too. */
export function runIfProbed(handlers: Handlers, cpu: Cpu, code: Int32Array, pc: number): void {
  const { m32, probes } = cpu;
  const row = code[pc + R_META] & META_OP_MASK;
  const page = ((m32[EIP] + m32[SEG_BASE + CS]) >>> 0) >>> 12;
  if (probes !== null && (probes.hasPage(page) || isAskedFor(probes, code, pc))) runProbed(handlers, cpu, code, pc);
  else handlers[row](cpu, code, pc);
}

/** So many iterations: the slice has as many ticks for them. What they have asked of the loop is looked at behind. */
function iterate(handler: Handlers[number], cpu: Cpu, code: Int32Array, pc: number, iterations: number): void {
  const { left, repeatTicks } = cpu;
  const ticks = Math.min(iterations, left);
  cpu.deadlineTick -= left - ticks;
  cpu.left = ticks;
  cpu.repeatTicks = 0;
  try {
    handler(cpu, code, pc);
  } finally {
    cpu.deadlineTick += left - ticks;
    cpu.left = left;
    cpu.repeatTicks = repeatTicks;
    cpu.endSlice();
  }
}
