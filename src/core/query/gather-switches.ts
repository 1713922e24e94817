/**
 * Switches: of the address space (another CR3), of the task register, and, where the caller knows the function that
 * does it, of the kernel's own tasks (Linux: __switch_to_asm, with the old task in EAX and the new one in EDX).
 */
import { OP } from '../isa/ops.ts';
import { peekBytes } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { CR3, EAX, EDX, SEG_SELECTOR, TR } from '../state/layout.ts';
import { NAME_BYTES } from './current-task.ts';
import { type Gathering, linearEip, PlaceProbes, putProbes, record } from './gatherer.ts';

export const SWITCH = { kind: 4, from: 5, to: 6, fromName: 7, toName: 8, eip: 9 } as const;
export const SWITCH_KINDS = ['space', 'tss', 'task'] as const;

/** Of a Linux kernel. */
export interface LinuxTasks {
  /** Address of __switch_to_asm. */
  readonly switchTo: number;
  /** Where a task has its name; −1: not known. */
  readonly nameOffset: number;
}

export interface SwitchesJob {
  readonly table: 'switches';
  readonly tasks: LinuxTasks | null;
}

/** Rows that may change the task register (SDM 3 §7.3). */
const TASK_ROWS = [OP.JMP_FAR, OP.JMP_FAR_IND, OP.CALL_FAR, OP.CALL_FAR_IND, OP.IRET, OP.INT, OP.LTR];

export class SwitchesGatherer extends PlaceProbes {
  private readonly tasks: LinuxTasks | null;
  private space = 0;
  private task = 0;

  constructor(gathering: Gathering, { tasks }: SwitchesJob) {
    super(gathering);
    this.tasks = tasks;
    const { places } = this;
    for (const row of [OP.MOV_TO_CR, ...TASK_ROWS]) places.rows[row] = 1;
    if (tasks !== null) places.add(tasks.switchTo);
    putProbes(gathering.machine, this);
  }

  begins(cpu: Cpu): void {
    const { m32 } = cpu;
    this.before = this.gathering.batch.count;
    this.space = m32[CR3] >>> 0;
    this.task = m32[SEG_SELECTOR + TR] & 0xffff;
    const { tasks } = this;
    if (!this.isOn || tasks === null || linearEip(cpu) !== tasks.switchTo) return;
    const { batch } = this.gathering;
    const [from, to] = [m32[EAX] >>> 0, m32[EDX] >>> 0];
    const at = this.write(2, from, to, cpu);
    if (tasks.nameOffset < 0) return;
    batch.set(at + SWITCH.fromName, batch.text(nameAt(cpu, from + tasks.nameOffset)));
    batch.set(at + SWITCH.toName, batch.text(nameAt(cpu, to + tasks.nameOffset)));
  }

  override ends(cpu: Cpu, hasRetired: boolean): void {
    super.ends(cpu, hasRetired);
    if (!this.isOn || !hasRetired) return;
    const { m32 } = cpu;
    const [space, task] = [m32[CR3] >>> 0, m32[SEG_SELECTOR + TR] & 0xffff];
    if (space !== this.space) this.write(0, this.space, space, cpu);
    if (task !== this.task) this.write(1, this.task, task, cpu);
  }

  private write(kind: number, from: number, to: number, cpu: Cpu): number {
    const { batch } = this.gathering;
    const at = record(this.gathering);
    batch.set(at + SWITCH.kind, kind);
    batch.set(at + SWITCH.from, from);
    batch.set(at + SWITCH.to, to);
    batch.set(at + SWITCH.eip, linearEip(cpu));
    return at;
  }
}

function nameAt(cpu: Cpu, address: number): string {
  const bytes = new Uint8Array(NAME_BYTES);
  const found = bytes.subarray(0, peekBytes(cpu, address >>> 0, bytes));
  const end = found.indexOf(0);
  return String.fromCharCode(...found.subarray(0, end < 0 ? found.length : end));
}
