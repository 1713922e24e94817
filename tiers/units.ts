// Functions that a backend made of regions, and regions on their way to become some: which blocks each was made from,
// which block each is linked to, and what happens to it when blocks go. Linking writes into the headers of blocks
// (interp/tier-above.ts); nothing here decides when anything is compiled or thrown away.

import type { Cpu } from '../src/core/state/cpu.ts';
import { B_COMPILED } from './interp/tier-above.ts';
import type { Batch, CompiledRegion, Region } from './runtime/backend.ts';

/** A region that is being compiled, or that runs as a function. */
export interface Unit {
  readonly region: Region;
  /** Index of the function; 0: not linked. */
  slot: number;
  made: CompiledRegion | null;
  /** Those that go on in it without asking. */
  readonly reliers: Set<Unit>;
  /** Its code is gone, or it was thrown away: what comes of it is not linked. */
  isDropped: boolean;
}

/** Regions that a backend has begun to compile. */
interface Underway {
  readonly batch: Batch;
  readonly units: readonly Unit[];
}

export class Units {
  /** By slot, as the inner loop calls them; index 0 is none. */
  readonly functions: ((cpu: Cpu) => void)[] = [notLinked];
  /** Those that are linked, by slot, in order of linking. */
  readonly linked = new Map<number, Unit>();
  private readonly code: Int32Array;
  /** Units that contain a block, linked or not. */
  private readonly byMember = new Map<number, Set<Unit>>();
  private readonly freeSlots: number[] = [];
  private underway: Underway[] = [];
  /** Of units that are being compiled, by entry block. */
  private readonly entries = new Map<number, Unit>();

  /** `code`: the arena of the blocks. */
  constructor(code: Int32Array) {
    this.code = code;
  }

  get isAnyUnderway(): boolean {
    return this.underway.length !== 0;
  }

  /** Whether a function that begins with the block is being compiled. */
  isUnderway(block: number): boolean {
    return this.entries.has(block);
  }

  /** A region that is going to be compiled. */
  add(region: Region): Unit {
    const unit: Unit = { region, slot: 0, made: null, reliers: new Set(), isDropped: false };
    for (const { block } of region.blocks) {
      const users = this.byMember.get(block);
      if (users === undefined) this.byMember.set(block, new Set([unit]));
      else users.add(unit);
    }
    return unit;
  }

  /** The backend has begun with these. */
  begun(batch: Batch, units: readonly Unit[]): void {
    this.underway.push({ batch, units });
    for (const unit of units) this.entries.set(unit.region.blocks[0].block, unit);
  }

  /** Hand out what has become ready since, except what nobody needs any more. */
  takeReady(ready: (unit: Unit, made: CompiledRegion) => void): void {
    for (const entry of [...this.underway]) {
      const { batch, units } = entry;
      const isWanted = units.some((unit) => !unit.isDropped);
      const made = isWanted ? batch.take() : null;
      if (made === null && isWanted) continue;
      this.underway = this.underway.filter((other) => other !== entry);
      for (const unit of units) this.ended(unit);
      for (const [index, unit] of units.entries()) {
        for (const on of made?.[index]?.relies ?? []) units[on].reliers.add(unit);
      }
      const isLost = (index: number): boolean => units[index].isDropped || (made?.[index] ?? null) === null;
      for (const [index, unit] of units.entries()) if (isLost(index)) this.lose(unit);
      for (const [index, unit] of units.entries()) {
        const one = made?.[index] ?? null;
        if (one === null) continue;
        if (unit.isDropped) one.release();
        else ready(unit, one);
      }
    }
  }

  /** From now on `run` is called when the entry is reached. */
  link(unit: Unit, made: CompiledRegion, run: (cpu: Cpu) => void): void {
    unit.slot = this.freeSlots.pop() ?? this.functions.length;
    unit.made = made;
    this.functions[unit.slot] = run;
    this.code[unit.region.blocks[0].block + B_COMPILED] = unit.slot;
    this.linked.set(unit.slot, unit);
  }

  /** The entry is interpreted again; whatever is still being made of the region is not linked. */
  remove(unit: Unit): void {
    const { slot, region, made } = unit;
    if (slot !== 0) {
      const entry = region.blocks[0].block + B_COMPILED;
      if (this.code[entry] === slot) this.code[entry] = 0;
      this.functions[slot] = notLinked;
      this.freeSlots.push(slot);
      this.linked.delete(slot);
      made?.release();
    }
    this.forget(unit);
  }

  /** What becomes of it is not linked, nor what relies on it. */
  private lose(unit: Unit): void {
    this.forget(unit);
    for (const relier of unit.reliers) if (!relier.isDropped) this.lose(relier);
  }

  /** It is not underway any more. */
  private ended(unit: Unit): void {
    const { block } = unit.region.blocks[0];
    if (this.entries.get(block) === unit) this.entries.delete(block);
  }

  private forget(unit: Unit): void {
    unit.isDropped = true;
    this.ended(unit);
    for (const { block } of unit.region.blocks) {
      const users = this.byMember.get(block);
      users?.delete(unit);
      if (users?.size === 0) this.byMember.delete(block);
    }
  }

  /** Those that contain a block. */
  containing(block: number): Unit[] {
    return [...(this.byMember.get(block) ?? [])];
  }

  /** All blocks are gone, and with them their headers. */
  removeAll(): void {
    for (const users of this.byMember.values()) {
      for (const unit of users) {
        if (!unit.isDropped) unit.made?.release();
        unit.isDropped = true;
      }
    }
    this.functions.length = 1;
    this.linked.clear();
    this.byMember.clear();
    this.underway = [];
    this.entries.clear();
    this.freeSlots.length = 0;
  }
}

function notLinked(): void {
  throw new Error('a function that was unlinked was called');
}
