/**
 * An instruction that somebody asks for (Probes in state/cpu.ts), done by its handler: the same on every engine. Each
 * iteration of a REP is told of by itself, so that it makes no difference where slices end.
 */
import { registersWritten } from '../isa/effects.ts';
import { META_OP_MASK, META_REP, META_REPNE, R_META } from '../isa/record.ts';
import { type Cpu, EXIT_FAULT } from '../state/cpu.ts';
import { CS, EIP, EXIT_REQUEST, SEG_BASE } from '../state/layout.ts';

type Handlers = readonly ((cpu: Cpu, code: Int32Array, pc: number) => void)[];

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
    else iterate(handlers[row], cpu, code, pc);
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
  const isAsked =
    probes !== null &&
    (probes.rows[row] !== 0 || probes.hasPage(page) || (registersWritten(code, pc) & probes.registers) !== 0);
  if (isAsked) runProbed(handlers, cpu, code, pc);
  else handlers[row](cpu, code, pc);
}

/** One iteration: the slice has one tick for it. What it has asked of the loop is looked at behind it. */
function iterate(handler: Handlers[number], cpu: Cpu, code: Int32Array, pc: number): void {
  const { left, repeatTicks } = cpu;
  cpu.deadlineTick -= left - 1;
  cpu.left = 1;
  cpu.repeatTicks = 0;
  try {
    handler(cpu, code, pc);
  } finally {
    cpu.deadlineTick += left - 1;
    cpu.left = left;
    cpu.repeatTicks = repeatTicks;
    cpu.endSlice();
  }
}
