/**
 * System calls of i386 Linux and of whoever does as it does: INT 80h and SYSENTER, and returns from them by IRET and
 * SYSEXIT. Which return ends which call is found out by fold-calls.ts.
 */
import { OP } from '../isa/ops.ts';
import { peekNumber } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { CR3, CS, EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP, SEG_BASE } from '../state/layout.ts';
import { type Gathering, privilegeOf, PlaceProbes, putProbes, record } from './gatherer.ts';

/** Fields behind tick and seq. */
export const SYSCALL = {
  /** SYSCALL_*. */
  kind: 4,
  /** EAX: the number, or the result. */
  eax: 5,
  /** Of the caller: before the call, and behind it. */
  esp: 6,
  space: 7,
  /** Where the call returns to, or has; of SYSENTER the kernel knows where. */
  eip: 8,
  args: 9,
} as const;
export const SYSCALL_ARGS = 6;
/** INT n by which Linux is called. */
export const VECTOR_LINUX = 0x80;
export const SYSCALL_INT = 0;
export const SYSCALL_SYSENTER = 1;
export const SYSCALL_RETURN = 2;

export interface SyscallsJob {
  readonly table: 'syscalls';
  readonly vector: number;
  readonly wantsReturns: boolean;
}

export class SyscallsGatherer extends PlaceProbes {
  private readonly job: SyscallsJob;
  private row = 0;

  constructor(gathering: Gathering, job: SyscallsJob) {
    super(gathering);
    this.job = job;
    const { places } = this;
    for (const row of [OP.INT, OP.SYSENTER, ...(job.wantsReturns ? [OP.IRET, OP.SYSEXIT] : [])]) places.rows[row] = 1;
    putProbes(gathering.machine, this);
  }

  begins(cpu: Cpu, row: number): void {
    const { batch } = this.gathering;
    this.row = row;
    this.before = batch.count;
    if (!this.isOn || (row !== OP.INT && row !== OP.SYSENTER)) return;
    const { m32 } = cpu;
    const isInt = row === OP.INT;
    const next = (cpu.nextEip + m32[SEG_BASE + CS]) >>> 0;
    // The vector is the last byte of the instruction.
    if (isInt && peekNumber(cpu, (next - 1) >>> 0, 1) !== this.job.vector) return;
    const at = this.write(cpu, isInt ? SYSCALL_INT : SYSCALL_SYSENTER);
    if (isInt) batch.set(at + SYSCALL.eip, next);
    // Linux's vDSO leaves the stack pointer in EBP, and what was there on the stack.
    else batch.set(at + SYSCALL.esp, m32[EBP] >>> 0);
    const last = isInt ? m32[EBP] >>> 0 : (peekNumber(cpu, m32[EBP] >>> 0, 4) ?? Number.NaN);
    const args = [m32[EBX] >>> 0, m32[ECX] >>> 0, m32[EDX] >>> 0, m32[ESI] >>> 0, m32[EDI] >>> 0, last];
    args.forEach((value, i) => batch.set(at + SYSCALL.args + i, value));
  }

  override ends(cpu: Cpu, hasRetired: boolean): void {
    super.ends(cpu, hasRetired);
    if (!this.isOn || !hasRetired || (this.row !== OP.IRET && this.row !== OP.SYSEXIT)) return;
    const at = this.write(cpu, SYSCALL_RETURN);
    this.gathering.batch.set(at + SYSCALL.eip, (cpu.nextEip + cpu.m32[SEG_BASE + CS]) >>> 0);
  }

  private write(cpu: Cpu, kind: number): number {
    const { batch } = this.gathering;
    const { m32 } = cpu;
    const at = record(this.gathering);
    batch.set(at + SYSCALL.kind, kind);
    batch.set(at + SYSCALL.eax, m32[EAX] >>> 0);
    batch.set(at + SYSCALL.esp, m32[ESP] >>> 0);
    batch.set(at + SYSCALL.space, privilegeOf(cpu) === 3 ? m32[CR3] >>> 0 : 0);
    return at;
  }
}
