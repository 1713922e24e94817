/**
 * What instructions read from devices and write to them: through I/O ports, and through memory that devices answer for.
 * What a device does to memory by itself is no part of it (accesses has that).
 */
import { NOBODY_LISTENS } from '../memory/address-space.ts';
import type { PortBus } from '../state/cpu.ts';
import { type Gatherer, type Gathering, linearEip, record } from './gatherer.ts';

export const DEVICE = { place: 4, bytes: 5, kind: 6, value: 7, eip: 8 } as const;

export interface DevicesJob {
  readonly table: 'io' | 'mmio';
  readonly first: number;
  /** The last one. */
  readonly last: number;
}

export class DevicesGatherer implements Gatherer {
  private readonly gathering: Gathering;
  private readonly job: DevicesJob;
  /** What stands between two windows; others may listen too. */
  private bus: PortBus;

  constructor(gathering: Gathering, job: DevicesJob) {
    this.gathering = gathering;
    this.job = job;
    this.bus = gathering.machine.cpu.ports;
  }

  begin(): void {
    const { cpu, space } = this.gathering.machine;
    const bus = cpu.ports;
    this.bus = bus;
    if (this.job.table === 'mmio') {
      space.onMmioRead = (physical, size, value) => this.note(0, physical, size, value);
      space.onMmioWrite = (physical, size, value) => this.note(1, physical, size, value);
      return;
    }
    cpu.ports = {
      read: (port, size) => {
        const value = bus.read(port, size);
        this.note(0, port, size, value);
        return value;
      },
      write: (port, size, value) => {
        this.note(1, port, size, value);
        bus.write(port, size, value);
      },
    };
  }

  end(): void {
    const { cpu, space } = this.gathering.machine;
    if (this.job.table === 'io') {
      cpu.ports = this.bus;
      return;
    }
    space.onMmioRead = NOBODY_LISTENS;
    space.onMmioWrite = NOBODY_LISTENS;
  }

  release(): void {}

  private note(kind: number, place: number, size: number, value: number): void {
    const { first, last } = this.job;
    if (place > last || place + size <= first) return;
    const { batch, machine } = this.gathering;
    const at = record(this.gathering);
    batch.set(at + DEVICE.place, place >>> 0);
    batch.set(at + DEVICE.bytes, size);
    batch.set(at + DEVICE.kind, kind);
    batch.set(at + DEVICE.value, size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff));
    batch.set(at + DEVICE.eip, linearEip(machine.cpu));
  }
}
