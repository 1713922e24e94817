/**
 * Calls of functions by their address: a record where one begins, with the registers and the first words of its stack,
 * and one where an instruction behind a call is come to. Which of these end which calls is found out by whoever has all
 * of them (fold-calls.ts): a call may end in another window than it began in.
 */
import { CR3, EAX, ECX, EDX, ESP } from '../state/layout.ts';
import { SEG_BASE, SS } from '../state/layout.ts';
import type { Cpu } from '../state/cpu.ts';
import { peekNumber } from '../memory/peek.ts';
import { type Gathering, leaveCode, linearEip, privilegeOf, PlaceProbes, putProbes, record } from './gatherer.ts';

/** Fields behind tick and seq. */
export const CALL = {
  /** 0: a call begins; 1: behind a call. */
  kind: 4,
  /** Of the function, or where the call returns to. */
  address: 5,
  /** Where the return address lies, or lay: ESP at the begin, ESP − 4 behind. */
  slot: 6,
  eax: 7,
  edx: 8,
  ecx: 9,
  /** Of its stack: CR3 in user mode, 0 in the kernel, which every address space has. */
  space: 10,
  returnTo: 11,
  /** The words above the return address. */
  stack: 12,
} as const;

export interface CallsJob {
  readonly table: 'calls';
  readonly addresses: readonly number[];
  /** Words of the stack that are read. */
  readonly stackWords: number;
  /** Ends are wanted too. */
  readonly wantsReturns: boolean;
  /** Places behind calls that are known already. */
  readonly returns: readonly number[];
}

export class CallsGatherer extends PlaceProbes {
  /** Places that were listened to from the begin of the window on, and all that are now. */
  readonly listened = new Set<number>();
  private readonly job: CallsJob;
  private readonly entries: ReadonlySet<number>;

  constructor(gathering: Gathering, job: CallsJob) {
    super(gathering);
    this.job = job;
    this.entries = new Set(job.addresses);
    for (const address of [...job.addresses, ...(job.wantsReturns ? job.returns : [])]) this.places.add(address);
    for (const address of job.returns) this.listened.add(address);
    putProbes(gathering.machine, this);
  }

  /** Listens behind more calls, from the next window on. */
  listen(returns: Iterable<number>): void {
    let isNew = false;
    for (const address of returns) {
      this.listened.add(address);
      isNew = this.places.add(address) || isNew;
    }
    if (isNew) putProbes(this.gathering.machine, this);
  }

  begins(cpu: Cpu): void {
    if (!this.isOn) return;
    const { batch } = this.gathering;
    this.before = batch.count;
    const linear = linearEip(cpu);
    if (this.listened.has(linear)) this.write(cpu, 1, linear);
    if (this.entries.has(linear)) this.write(cpu, 0, linear);
  }

  private write(cpu: Cpu, kind: number, address: number): void {
    const { batch, machine } = this.gathering;
    const { m32 } = cpu;
    const at = record(this.gathering);
    const stack = (m32[ESP] + m32[SEG_BASE + SS]) >>> 0;
    batch.set(at + CALL.kind, kind);
    batch.set(at + CALL.address, address);
    batch.set(at + CALL.slot, kind === 0 ? stack : (stack - 4) >>> 0);
    batch.set(at + CALL.eax, m32[EAX] >>> 0);
    batch.set(at + CALL.edx, m32[EDX] >>> 0);
    batch.set(at + CALL.ecx, m32[ECX] >>> 0);
    batch.set(at + CALL.space, privilegeOf(cpu) === 3 ? m32[CR3] >>> 0 : 0);
    if (kind === 1) return;
    const returnTo = peekNumber(cpu, stack, 4);
    if (returnTo === null) return;
    batch.set(at + CALL.returnTo, returnTo);
    for (let i = 0; i < this.job.stackWords; i++) {
      const word = peekNumber(cpu, (stack + 4 + 4 * i) >>> 0, 4);
      if (word !== null) batch.set(at + CALL.stack + i, word);
    }
    if (!this.job.wantsReturns || this.listened.has(returnTo)) return;
    this.listened.add(returnTo);
    if (this.places.add(returnTo)) machine.memory.probesChanged();
    leaveCode(cpu);
  }
}
