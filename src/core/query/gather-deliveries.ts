/**
 * Interrupts, exceptions and resets as the machine delivers them, and bytes that the guest sends on serial lines.
 * The state is that of the interrupted code.
 */
import { VECTOR_PF } from '../base/vectors.ts';
import { describeReset } from '../machine/reset-cause.ts';
import type { DeliveryWatcher } from '../machine/machine.ts';
import { type Gatherer, type Gathering, linearEip, privilegeOf, record } from './gatherer.ts';

export const DELIVERY = { vector: 4, kind: 5, error: 6, address: 7, eip: 8, privilege: 9 } as const;
export const DELIVERY_KINDS = ['interrupt', 'fault', 'trap', 'nmi', 'reset'] as const;
export const RESET = { cause: 4, eip: 5 } as const;

export interface DeliveriesJob {
  readonly table: 'interrupts' | 'faults';
  /** Null: all. */
  readonly vectors: readonly number[] | null;
}

export class DeliveriesGatherer implements Gatherer, DeliveryWatcher {
  private readonly gathering: Gathering;
  private readonly job: DeliveriesJob;

  constructor(gathering: Gathering, job: DeliveriesJob) {
    this.gathering = gathering;
    this.job = job;
  }

  begin(): void {
    this.gathering.machine.watcher = this;
  }

  end(): void {
    this.gathering.machine.watcher = null;
  }

  release(): void {}

  delivered(kind: (typeof DELIVERY_KINDS)[number], vector: number): void {
    const { table, vectors } = this.job;
    if (kind === 'reset' || (table === 'interrupts') !== (kind === 'interrupt')) return;
    if (vectors !== null && !vectors.includes(vector)) return;
    const { batch, machine } = this.gathering;
    const { cpu } = machine;
    const at = record(this.gathering);
    batch.set(at + DELIVERY.vector, vector);
    batch.set(at + DELIVERY.kind, DELIVERY_KINDS.indexOf(kind));
    if (kind === 'fault' && cpu.faultHasError) batch.set(at + DELIVERY.error, cpu.faultError >>> 0);
    if (kind === 'fault' && vector === VECTOR_PF) batch.set(at + DELIVERY.address, cpu.faultAddress >>> 0);
    batch.set(at + DELIVERY.eip, linearEip(cpu));
    batch.set(at + DELIVERY.privilege, privilegeOf(cpu));
  }
}

export interface ResetsJob {
  readonly table: 'resets';
}

export class ResetsGatherer implements Gatherer {
  private readonly gathering: Gathering;

  constructor(gathering: Gathering) {
    this.gathering = gathering;
  }

  begin(): void {
    const { batch, machine } = this.gathering;
    machine.watcher = {
      delivered: (kind) => {
        if (kind !== 'reset') return;
        const at = record(this.gathering);
        batch.set(at + RESET.cause, batch.text(describeReset(machine.resetCause())));
        batch.set(at + RESET.eip, linearEip(machine.cpu));
      },
    };
  }

  end(): void {
    this.gathering.machine.watcher = null;
  }

  release(): void {}
}

export const SERIAL = { line: 4, byte: 5 } as const;

export interface SerialJob {
  readonly table: 'serial';
  /** Null: all. */
  readonly lines: readonly number[] | null;
}

export class SerialGatherer implements Gatherer {
  private readonly gathering: Gathering;
  private readonly job: SerialJob;

  constructor(gathering: Gathering, job: SerialJob) {
    this.gathering = gathering;
    this.job = job;
  }

  begin(): void {
    const { batch, timeline } = this.gathering;
    const { lines } = this.job;
    timeline.onSent = (line, byte) => {
      if (lines !== null && !lines.includes(line)) return;
      const at = record(this.gathering);
      batch.set(at + SERIAL.line, line);
      batch.set(at + SERIAL.byte, byte);
    };
  }

  end(): void {
    this.gathering.timeline.onSent = null;
  }

  release(): void {}
}
