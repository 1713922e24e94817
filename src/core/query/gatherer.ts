/**
 * Gathering: what listens while a machine runs a window, and what every listener has. A gatherer is told the window by
 * `begin` and `end`, on a timeline that stands there; it writes records (batch.ts) and changes nothing that the guest
 * can see. Its hooks stay between windows, because putting probes in costs decoded code.
 */
import { CR0, CR0_PG, CR3, CS, EIP, SEG_BASE, SEG_SELECTOR } from '../state/layout.ts';
import { type Cpu, EXIT_CODE, type Probes } from '../state/cpu.ts';
import type { Machine } from '../machine/machine.ts';
import { positionInRun } from '../timeline/lookout.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { ROWS } from '../isa/ops.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { Memory } from '../memory/memory.ts';
import { type BatchBuilder, FIELD_PROCESS, FIELD_SEQ, FIELD_SPACE, FIELD_TICK } from './batch.ts';
import { type CurrentTask, runningTaskName } from './current-task.ts';

export interface Gatherer {
  /** The timeline stands where a window begins. */
  begin(): void;
  /** It stands where the window ends: what is held back is written. */
  end(): void;
  /** No window comes any more: hooks are taken out. */
  release(): void;
}

export interface Gathering {
  readonly timeline: Timeline;
  readonly machine: Machine;
  readonly batch: BatchBuilder;
  /** Null: nobody asks which process it is. */
  readonly task: CurrentTask | null;
}

/** A record of the moment in hand; index of its first number. */
export function record({ machine, batch, task }: Gathering): number {
  const { cpu } = machine;
  const at = batch.add();
  const { tick, seq } = positionInRun(machine);
  batch.set(at + FIELD_TICK, tick);
  batch.set(at + FIELD_SEQ, seq);
  if ((cpu.m32[CR0] & CR0_PG) !== 0) batch.set(at + FIELD_SPACE, cpu.m32[CR3] >>> 0);
  const name = task === null ? null : runningTaskName(cpu, task);
  if (name !== null) batch.set(at + FIELD_PROCESS, batch.text(name));
  return at;
}

export const linearEip = ({ m32 }: Cpu): number => (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;

export const privilegeOf = ({ m32 }: Cpu): number => m32[SEG_SELECTOR + CS] & 3;

/** Within an instruction: what was decoded may be gone, and whoever runs it leaves behind it. */
export function leaveCode(cpu: Cpu): void {
  cpu.exitRequest |= EXIT_CODE;
}

/** What is asked for: linear addresses, and rows. Knows the host pages that linear pages have led to. */
export class ProbePlaces {
  readonly rows = new Uint8Array(ROWS.length);
  private readonly memory: Memory;
  /** Offsets by linear page, and those of host pages that they have led to. */
  private readonly byPage = new Map<number, Uint8Array>();
  private readonly byHost = new Map<number, Uint8Array>();
  private readonly hostsOf = new Map<number, number[]>();

  constructor({ memory }: Machine) {
    this.memory = memory;
  }

  /** True: nothing of its page was asked for before, and it may have been fetched from. */
  add(address: number): boolean {
    const page = Math.floor(address / PAGE_BYTES);
    const offset = address & (PAGE_BYTES - 1);
    const known = this.byPage.get(page);
    const offsets = known ?? new Uint8Array(PAGE_BYTES);
    offsets[offset] = 1;
    this.byPage.set(page, offsets);
    for (const host of this.hostsOf.get(page) ?? []) {
      this.mark(host, offsets);
      this.memory.probesChanged(host);
    }
    return known === undefined;
  }

  hasPage(page: number): boolean {
    return this.byPage.has(page);
  }

  marksOf(hostPage: number): Uint8Array | null {
    return this.byHost.get(hostPage) ?? null;
  }

  fetched(page: number, hostPage: number): void {
    const offsets = this.byPage.get(page);
    if (offsets === undefined) return;
    const hosts = this.hostsOf.get(page) ?? [];
    if (hosts.includes(hostPage)) return;
    this.hostsOf.set(page, [...hosts, hostPage]);
    this.mark(hostPage, offsets);
    this.memory.probesChanged(hostPage);
  }

  private mark(hostPage: number, offsets: Uint8Array): void {
    const marks = this.byHost.get(hostPage) ?? new Uint8Array(PAGE_BYTES);
    offsets.forEach((flag, i) => {
      marks[i] |= flag;
    });
    this.byHost.set(hostPage, marks);
  }
}

/** A gatherer that asks for places, and takes back what it wrote of an instruction that did not retire. */
export abstract class PlaceProbes implements Gatherer, Probes {
  protected readonly gathering: Gathering;
  protected readonly places: ProbePlaces;
  readonly rows: Uint8Array;
  readonly registers = 0;
  readonly hasFlags = false;
  readonly term = null;
  protected isOn = false;
  /** Records that there were before the instruction in hand: `begins` sets it. */
  protected before = 0;

  constructor(gathering: Gathering) {
    this.gathering = gathering;
    this.places = new ProbePlaces(gathering.machine);
    this.rows = this.places.rows;
  }

  begin(): void {
    this.isOn = true;
  }

  end(): void {
    this.isOn = false;
  }

  release(): void {
    putProbes(this.gathering.machine, null);
  }

  hasPage(page: number): boolean {
    return this.places.hasPage(page);
  }

  marksOf(hostPage: number): Uint8Array | null {
    return this.places.marksOf(hostPage);
  }

  fetched(page: number, hostPage: number): void {
    this.places.fetched(page, hostPage);
  }

  abstract begins(cpu: Cpu, row: number): void;

  intervened(): void {}

  ends(_cpu: Cpu, hasRetired: boolean): void {
    if (!hasRetired && this.isOn) this.gathering.batch.truncate(this.before);
  }
}

/** Asks a machine's engine; null: for nothing. */
export function putProbes({ cpu, memory }: Machine, probes: Probes | null): void {
  cpu.probes = probes;
  memory.probesChanged();
}
