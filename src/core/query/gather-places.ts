/**
 * Instructions executed at an address, and accesses to a range of physical memory, by whoever makes them: instructions,
 * page walks, devices. What a write has written is read when it has been made.
 */
import { CPU_REGISTERS_RECORDED } from './registers-recorded.ts';
import type { Cpu, Probes } from '../state/cpu.ts';
import { PAGE_WATCH_READ, PAGE_WATCH_WRITE } from '../memory/memory.ts';
import { peekPhysical, peekPhysicalBytes } from '../memory/peek.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import { ROWS } from '../isa/ops.ts';
import { type Gatherer, type Gathering, linearEip, PlaceProbes, privilegeOf, putProbes, record } from './gatherer.ts';

export const EXECUTION = { address: 4, privilege: 5, registers: 6 } as const;

export interface ExecutionsJob {
  readonly table: 'executions';
  readonly addresses: readonly number[];
}

export class ExecutionsGatherer extends PlaceProbes {
  private readonly addresses: ReadonlySet<number>;

  constructor(gathering: Gathering, { addresses }: ExecutionsJob) {
    super(gathering);
    this.addresses = new Set(addresses);
    for (const address of addresses) this.places.add(address);
    putProbes(gathering.machine, this);
  }

  begins(cpu: Cpu): void {
    const { batch } = this.gathering;
    this.before = batch.count;
    const linear = linearEip(cpu);
    if (!this.isOn || !this.addresses.has(linear)) return;
    const at = record(this.gathering);
    batch.set(at + EXECUTION.address, linear);
    batch.set(at + EXECUTION.privilege, privilegeOf(cpu));
    CPU_REGISTERS_RECORDED.forEach(({ word }, i) => batch.set(at + EXECUTION.registers + i, cpu.m32[word] >>> 0));
  }
}

export const ACCESS = { physical: 4, bytes: 5, kind: 6, value: 7, old: 8, eip: 9, privilege: 10 } as const;
export const ACCESS_KINDS = ['r', 'w', 'x'] as const;
/** Wider ones have no value of one number. */
const VALUE_BYTES_MAX = 4;

export interface AccessesJob {
  readonly table: 'accesses';
  readonly physical: number;
  readonly bytes: number;
  /** Which of r, w and x. */
  readonly kinds: string;
}

export class AccessesGatherer implements Gatherer, Probes {
  readonly rows = new Uint8Array(ROWS.length);
  readonly registers = 0;
  readonly hasFlags = false;
  readonly term = null;
  /** Offsets by host page. */
  private readonly marks = new Map<number, Uint8Array>();
  private readonly gathering: Gathering;
  private readonly job: AccessesJob;
  private isOn = false;
  private before = 0;
  /** A write of which it is not known yet what it has written: index of its record, or −1. */
  private open = -1;

  constructor(gathering: Gathering, job: AccessesJob) {
    this.gathering = gathering;
    this.job = job;
    const { physical, bytes, kinds } = job;
    const { machine } = gathering;
    const first = Math.floor(physical / PAGE_BYTES);
    const last = Math.floor((physical + bytes - 1) / PAGE_BYTES);
    const bits = (kinds.includes('r') ? PAGE_WATCH_READ : 0) | (kinds.includes('w') ? PAGE_WATCH_WRITE : 0);
    if (bits !== 0) {
      machine.space.onWatched = (at, size, isWrite) => this.accessed(at, size, isWrite);
      const pages = Array.from({ length: last - first + 1 }, (_, i): [number, number] => [first + i, bits]);
      machine.space.watch(new Map(pages));
    }
    if (!kinds.includes('x')) return;
    for (let at = physical; at < physical + bytes; at++) {
      // Not memory: nothing is fetched from there into blocks.
      const host = machine.space.peekPage(at);
      if (host < 0) continue;
      const marks = this.marks.get(host >>> 12) ?? new Uint8Array(PAGE_BYTES);
      marks[at % PAGE_BYTES] = 1;
      this.marks.set(host >>> 12, marks);
    }
    putProbes(machine, this);
  }

  begin(): void {
    this.isOn = true;
  }

  end(): void {
    this.settle();
    this.isOn = false;
  }

  release(): void {
    const { machine } = this.gathering;
    machine.space.onWatched = () => {};
    machine.space.watch(new Map());
    if (machine.cpu.probes === this) putProbes(machine, null);
  }

  marksOf(hostPage: number): Uint8Array | null {
    return this.marks.get(hostPage) ?? null;
  }

  /** Outside of blocks every instruction is told of. */
  hasPage(): boolean {
    return this.marks.size > 0;
  }

  fetched(): void {}

  intervened(): void {}

  /** The last write has been made: what is there now is what it wrote. */
  private settle(): void {
    const { open } = this;
    this.open = -1;
    if (open < 0) return;
    const { batch } = this.gathering;
    const [physical, size] = [batch.get(open + ACCESS.physical), batch.get(open + ACCESS.bytes)];
    batch.set(open + ACCESS.value, this.valueAt(physical, size));
  }

  private valueAt(physical: number, size: number): number {
    const bytes = new Uint8Array(Math.min(size, VALUE_BYTES_MAX));
    const { cpu } = this.gathering.machine;
    if (size > VALUE_BYTES_MAX || peekPhysicalBytes(cpu, physical, bytes) < size) return Number.NaN;
    return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  private accessed(physical: number, size: number, isWrite: boolean): void {
    const { job } = this;
    if (!this.isOn || physical >= job.physical + job.bytes || physical + size <= job.physical) return;
    this.settle();
    const value = this.valueAt(physical, size);
    const at = this.write(isWrite ? 1 : 0, physical, size, value);
    if (isWrite) this.open = at;
    else this.gathering.batch.set(at + ACCESS.value, value);
  }

  private write(kind: number, physical: number, size: number, old: number): number {
    const { batch, machine } = this.gathering;
    const at = record(this.gathering);
    batch.set(at + ACCESS.physical, physical);
    batch.set(at + ACCESS.bytes, size);
    batch.set(at + ACCESS.kind, kind);
    batch.set(at + ACCESS.old, old);
    batch.set(at + ACCESS.eip, linearEip(machine.cpu));
    batch.set(at + ACCESS.privilege, privilegeOf(machine.cpu));
    return at;
  }

  begins(cpu: Cpu): void {
    this.before = this.gathering.batch.count;
    if (!this.isOn) return;
    const { job } = this;
    const linear = linearEip(cpu);
    const physical = peekPhysical(cpu, linear);
    if (physical < job.physical || physical >= job.physical + job.bytes) return;
    this.settle();
    this.before = this.gathering.batch.count;
    this.write(2, physical, (cpu.nextEip - cpu.eip) >>> 0, Number.NaN);
  }

  ends(_cpu: Cpu, hasRetired: boolean): void {
    // What the instruction has read before it faulted has been read.
    if (hasRetired || !this.isOn) return;
    const { batch } = this.gathering;
    const begin = this.before * batch.fields;
    if (batch.count > this.before && batch.get(begin + ACCESS.kind) === 2) {
      batch.remove(this.before);
      if (this.open > begin) this.open -= batch.fields;
    }
  }
}
