/**
 * Looking out for breakpoints, watchpoints and conditions while a machine runs: what the timeline of a recording and a
 * live run under gdb have in common. Nothing that the guest can see depends on it. Breakpoints need an engine that asks
 * `fetchStops` (the interpreter, and those that begin with it); watchpoints work with every engine. Where a condition
 * can hold at some values of EIP only, it costs no more than breakpoints there.
 */
import type { Machine } from '../machine/machine.ts';
import { PAGE_WATCH_READ, PAGE_WATCH_WRITE } from '../memory/memory.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { FetchStops } from '../state/cpu.ts';
import { MODE_FLAT_CODE } from '../state/layout.ts';
import type { Condition, Evaluator } from './expression.ts';

export interface Position {
  readonly tick: number;
  /** Interrupts and exceptions delivered at this tick before the position. */
  readonly seq: number;
}

/** A watchpoint for one search. */
export function writeTo(physical: number, sizeBytes: number): Watchpoint {
  return { id: 0, physical, sizeBytes, kind: 'write', condition: null };
}

/** Below 0 when `a` is earlier. */
export function comparePositions(a: Position, b: Position): number {
  return a.tick === b.tick ? a.seq - b.seq : a.tick - b.tick;
}

export interface Breakpoint {
  readonly id: number;
  /** Linear address of an instruction, unsigned. */
  readonly address: number;
  readonly condition: Evaluator | null;
}

export type WatchKind = 'write' | 'read' | 'access';

export interface Watchpoint {
  readonly id: number;
  readonly physical: number;
  readonly sizeBytes: number;
  readonly kind: WatchKind;
  /** Looked at in the instruction that makes the access, before it is made. */
  readonly condition: Evaluator | null;
}

export interface Access {
  readonly physical: number;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
}

export interface Hit {
  readonly position: Position;
  readonly breakpoint: Breakpoint | null;
  readonly watchpoint: Watchpoint | null;
  readonly access: Access | null;
}

/** What the machine is asked to look for while it runs. */
export interface Search {
  readonly breakpoints: readonly Breakpoint[];
  readonly watchpoints: readonly Watchpoint[];
  /** Looked at before every instruction, or before those where it can hold. */
  readonly condition: Condition | null;
  /** Stop at the first hit after `from`, or go on and remember the last one before `before`. */
  readonly from: Position | null;
  readonly before: Position | null;
}

const NO_OFFSETS: readonly number[] = [];

/** Between runs. */
export function positionAtRest({ tick, deliveryTick, deliveryCount }: Machine): Position {
  return { tick, seq: deliveryTick === tick ? deliveryCount : 0 };
}

/** While the machine runs, between two instructions or inside one. */
export function positionInRun(machine: Machine): Position {
  const tick = machine.cpu.now();
  return { tick, seq: machine.deliveryTick === tick ? machine.deliveryCount : 0 };
}

export class Lookout {
  private readonly machine: Machine;
  private hit: Hit | null = null;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  get hasHit(): boolean {
    return this.hit !== null;
  }

  /** The hit of the search in hand, once. */
  take(): Hit | null {
    const { hit } = this;
    this.hit = null;
    return hit;
  }

  /** What is looked for, from here on until `disarm`. */
  arm(search: Search): void {
    this.hit = null;
    const { machine } = this;
    const { cpu, space } = machine;
    const { breakpoints, condition, watchpoints } = search;
    if (breakpoints.length > 0 || condition !== null) {
      cpu.fetchStops = this.fetchStops(search);
      machine.memory.setStops(cpu.fetchStops.isOutsideFlat);
    }
    const pages = new Map<number, number>();
    for (const { kind, physical, sizeBytes } of watchpoints) {
      const bits =
        kind === 'write' ? PAGE_WATCH_WRITE : kind === 'read' ? PAGE_WATCH_READ : PAGE_WATCH_WRITE | PAGE_WATCH_READ;
      for (let page = physical >>> 12; page <= (physical + sizeBytes - 1) >>> 12; page++) {
        pages.set(page, (pages.get(page) ?? 0) | bits);
      }
    }
    if (pages.size > 0) space.onWatched = (at, size, isWrite) => this.accessed(search, at, size, isWrite);
    space.watch(pages);
  }

  disarm(): void {
    const { cpu, memory, space } = this.machine;
    if (cpu.fetchStops !== null) memory.setStops(false);
    cpu.fetchStops = null;
    space.onWatched = () => {};
    space.watch(new Map());
  }

  private fetchStops({ breakpoints, condition, from, before }: Search): FetchStops {
    const { machine } = this;
    const { cpu } = machine;
    const byAddress = new Map<number, Breakpoint[]>();
    // In flat code EIP is the linear address.
    for (const eip of condition?.eips ?? []) byAddress.set(eip >>> 0, []);
    for (const breakpoint of breakpoints) {
      byAddress.set(breakpoint.address, [...(byAddress.get(breakpoint.address) ?? []), breakpoint]);
    }
    const offsets = new Map<number, number[]>();
    for (const address of byAddress.keys()) {
      const page = address >>> 12;
      offsets.set(page, [...(offsets.get(page) ?? []), address % PAGE_BYTES]);
    }
    const reached = (linear: number): boolean => {
      const candidates = byAddress.get(linear >>> 0);
      const isConditionMet = condition !== null && condition.evaluate(cpu) !== 0;
      if (candidates === undefined && !isConditionMet) return false;
      const position = positionInRun(this.machine);
      if (from !== null && comparePositions(position, from) <= 0) return false;
      if (before !== null && comparePositions(position, before) >= 0) return false;
      const breakpoint = candidates?.find((each) => each.condition === null || each.condition(cpu) !== 0) ?? null;
      if (!isConditionMet && breakpoint === null) return false;
      this.hit = { position, breakpoint, watchpoint: null, access: null };
      if (before !== null) return false;
      machine.breakIn();
      return true;
    };
    const isEverywhere = condition !== null && condition.eips === null;
    const isOutsideFlat = condition !== null && !isEverywhere;
    return {
      isEverywhere,
      isOutsideFlat,
      offsetsIn: (page) => offsets.get(page) ?? NO_OFFSETS,
      looksAt: (linear, mode) =>
        isEverywhere || byAddress.has(linear >>> 0) || (isOutsideFlat && (mode & MODE_FLAT_CODE) === 0),
      reached,
    };
  }

  private accessed(search: Search, physical: number, sizeBytes: number, isWrite: boolean): void {
    const position = positionInRun(this.machine);
    if (search.before !== null && comparePositions(position, search.before) >= 0) return;
    if (search.before === null && this.hit !== null) return;
    const watchpoint = search.watchpoints.find(
      (each) =>
        physical < each.physical + each.sizeBytes &&
        each.physical < physical + sizeBytes &&
        (each.kind === 'access' || (each.kind === 'write') === isWrite) &&
        (each.condition === null || each.condition(this.machine.cpu) !== 0),
    );
    if (watchpoint === undefined) return;
    this.hit = { position, breakpoint: null, watchpoint, access: { physical, sizeBytes, isWrite } };
    if (search.before === null) this.machine.breakIn();
  }
}
