/**
 * Gathering: what listens while a machine runs a window, and what every listener has. A gatherer is told the window by
 * `begin` and `end`, on a timeline that stands there; it writes records (batch.ts) and changes nothing that the guest
 * can see. Its hooks stay between windows, because putting probes in costs decoded code.
 */
import { CS, EIP, SEG_BASE, SEG_SELECTOR } from '../state/layout.ts';
import type { Cpu, Probes } from '../state/cpu.ts';
import type { Machine } from '../machine/machine.ts';
import { positionInRun } from '../timeline/lookout.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { ROWS } from '../isa/ops.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import { type BatchBuilder, FIELD_SEQ, FIELD_TICK } from './batch.ts';

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
}

/** A record of the moment in hand; index of its first number. */
export function record({ machine, batch }: Gathering): number {
  const at = batch.add();
  const { tick, seq } = positionInRun(machine);
  batch.set(at + FIELD_TICK, tick);
  batch.set(at + FIELD_SEQ, seq);
  return at;
}

export const linearEip = ({ m32 }: Cpu): number => (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;

export const privilegeOf = ({ m32 }: Cpu): number => m32[SEG_SELECTOR + CS] & 3;

/** What is asked for: places by how many want them. Whoever adds says `apply` when it is done. */
export class ProbePlaces {
  readonly offsets = new Uint8Array(PAGE_BYTES);
  readonly rows = new Uint8Array(ROWS.length);

  /** True: it was not asked for before. */
  add(address: number): boolean {
    const offset = address & (PAGE_BYTES - 1);
    if (this.offsets[offset] !== 0) return false;
    this.offsets[offset] = 1;
    return true;
  }
}

/** Asks a machine's engine; null: for nothing. */
export function putProbes({ cpu, memory }: Machine, probes: Probes | null): void {
  cpu.probes = probes;
  memory.probesChanged();
}
