// Snapshots of a whole machine, copy-on-write at page granularity: a PageStore remembers the last copy
// of each RAM page, and a new snapshot copies only pages written since (dirty tracking); snapshots
// share the rest, and whole groups of pages in which nothing was written. Restoring copies only pages that differ
// from what the machine holds, and drops only code whose bytes differ.
// A snapshot is plain data and belongs to machines of the same manifest; the input port is not in it.

import { PAGE_BYTES } from '../base/pages.ts';
import type { BoardState, SavedStates } from '../board/board.ts';
import type { DeviceState, DeviceValue } from '../board/device.ts';
import { StateError } from '../base/fields.ts';
import { updateWatch } from '../cpu/system/debug.ts';
import { apicBase } from '../cpu/system/msr.ts';
import { updateMode } from '../cpu/system/segmentation.ts';
import { DIRTY_CHECKPOINT } from '../memory/memory.ts';
import { A20, RAM_BASE, TICK_F64 } from '../state/layout.ts';
import type { Machine } from './machine.ts';
import { CPU_BYTES, cpuBytes, loadCpuBytes } from './state-hash.ts';

/** Pages of a group: 1 MiB. */
const GROUP_SHIFT = 8;
export const GROUP_PAGES = 1 << GROUP_SHIFT;

/** One entry a page; null = all zero. Shared between snapshots, never written. */
export type PageGroup = readonly (Uint8Array | null)[];

export interface Snapshot {
  readonly tick: number;
  readonly cpu: Uint8Array;
  readonly loop: DeviceState;
  readonly board: BoardState;
  /** All of RAM, then of bulk memory; page `n` is entry `n % GROUP_PAGES` of group `n / GROUP_PAGES`. */
  readonly groups: readonly PageGroup[];
  /** What the pages behind RAM are. */
  readonly bulks: readonly BulkPlace[];
}

/** A bulk memory, as an offset from the begin of RAM. */
export interface BulkPlace {
  readonly name: string;
  readonly place: number;
  readonly sizeBytes: number;
}

/** The bulk memories of a machine. */
export function bulkPlaces({ space }: Machine): BulkPlace[] {
  return [...space.bulks.values()].map(({ name, place, sizeBytes }) => ({ name, place, sizeBytes }));
}

/** The pages of a snapshot, in order. */
export function snapshotPages(snapshot: Snapshot): (Uint8Array | null)[] {
  return snapshot.groups.flat();
}

/** What of a machine is not RAM, as it comes from a snapshot or a log. */
export interface SavedMachine {
  readonly tick: number;
  readonly cpu: Uint8Array;
  readonly loop: unknown;
  readonly board: SavedStates;
}

/** Why this cannot be the state of the machine, or null. */
export function savedProblem(machine: Machine, saved: SavedMachine): StateError | null {
  if (saved.cpu.length !== CPU_BYTES) {
    return new StateError('cpu', `it has ${saved.cpu.length} bytes, expected ${CPU_BYTES}`);
  }
  const problem = machine.loopProblem(saved.loop, saved.tick);
  if (problem !== null) return new StateError('loop', problem);
  return machine.board.problem(saved.board, saved.tick);
}

/** The value of before where it is the same, whole or in parts: most devices do nothing most of the time. */
function shared(before: DeviceValue, now: DeviceValue): DeviceValue {
  if (before === now || typeof now !== 'object' || now === null) return now;
  if (typeof before !== 'object' || before === null) return now;
  if (now instanceof Uint8Array) {
    return before instanceof Uint8Array && isSameBytes(before, now) ? before : now;
  }
  if (Array.isArray(now) || Array.isArray(before) || before instanceof Uint8Array) {
    if (!Array.isArray(now) || !Array.isArray(before) || before.length !== now.length) return now;
    const parts = now.map((value, i) => shared(before[i], value));
    return parts.every((value, i) => value === before[i]) ? before : parts;
  }
  const names = Object.keys(now);
  let isSame = Object.keys(before).length === names.length;
  const parts: DeviceState = {};
  for (const name of names) {
    parts[name] = Object.hasOwn(before, name) ? shared(before[name], now[name]) : now[name];
    isSame &&= parts[name] === before[name];
  }
  return isSame ? before : parts;
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class PageStore {
  private readonly machine: Machine;
  /** What the machine's clean pages hold; undefined = not known (the page is to be written in any case). */
  private readonly groups: (Uint8Array | null | undefined)[][] = [];
  /** By group: a snapshot has it, so that it must be copied before it changes. */
  private readonly isShared: boolean[] = [];
  private readonly bulks: readonly BulkPlace[];
  /** Of the last snapshot: what has not changed since is shared with it. */
  private board: BoardState = [];
  /** Those that were taken here: nothing can be wrong with them. */
  private readonly own = new WeakSet<Snapshot>();
  /** Pages copied by the last take(): what it cost. */
  copiedPages = 0;

  /** Takes over the machine's checkpoint dirty bits: one store a machine. */
  constructor(machine: Machine) {
    this.machine = machine;
    this.bulks = bulkPlaces(machine);
    const { pageCount } = machine.memory;
    for (let page = 0; page < pageCount; page += GROUP_PAGES) {
      this.groups.push(new Array<Uint8Array | null>(Math.min(GROUP_PAGES, pageCount - page)).fill(null));
      this.isShared.push(false);
    }
  }

  private know(page: number, bytes: Uint8Array | null | undefined): void {
    const group = page >>> GROUP_SHIFT;
    if (this.isShared[group]) {
      this.groups[group] = this.groups[group].slice();
      this.isShared[group] = false;
    }
    this.groups[group][page & (GROUP_PAGES - 1)] = bytes;
  }

  /** The machine between slices, as it is now. Cost: the pages written since the last one. */
  take(): Snapshot {
    const { machine } = this;
    this.refresh();
    this.isShared.fill(true);
    const before = this.board;
    this.board = machine.board.save().map(([name, state], i) => {
      const [nameBefore, stateBefore] = before[i] ?? [];
      const isSame = nameBefore === name && stateBefore !== undefined;
      return [name, isSame ? (shared(stateBefore, state) as DeviceState) : state];
    });
    const snapshot = {
      tick: machine.tick,
      cpu: cpuBytes(machine.cpu),
      loop: machine.saveLoop(),
      board: this.board,
      groups: this.groups.slice() as PageGroup[],
      bulks: this.bulks,
    };
    this.own.add(snapshot);
    return snapshot;
  }

  private refresh(): void {
    const { memory } = this.machine;
    const { m8, m32 } = memory;
    this.copiedPages = 0;
    for (const page of memory.takeDirty(DIRTY_CHECKPOINT)) {
      const start = RAM_BASE + page * PAGE_BYTES;
      const word = start >> 2;
      let end = word;
      while (end < word + 1024 && m32[end] === 0) end++;
      const isZero = end === word + 1024;
      this.know(page, isZero ? null : m8.slice(start, start + PAGE_BYTES));
      if (!isZero) this.copiedPages++;
    }
  }

  /**
   * Make the machine what it was. Derived state is dropped; with `keepCode` the engine keeps what it made of code
   * bytes that stay the same, so that code which is warm stays warm. Throws `StateError`, and then nothing has changed,
   * when the snapshot cannot be one of this machine.
   */
  restore(snapshot: Snapshot, keepCode = false): void {
    const { machine, groups } = this;
    const { cpu, memory, space } = machine;
    if (snapshot.groups.length !== groups.length || snapshot.groups.at(-1)?.length !== groups.at(-1)?.length) {
      throw new Error('the snapshot is of a machine with other memory');
    }
    const problem = this.own.has(snapshot) ? null : savedProblem(machine, snapshot);
    if (problem !== null) throw problem;
    for (const page of memory.takeDirty(DIRTY_CHECKPOINT)) this.know(page, undefined);
    for (let group = 0; group < groups.length; group++) {
      const wanted = snapshot.groups[group];
      const current = groups[group];
      if (wanted === current) continue;
      for (let i = 0; i < wanted.length; i++) {
        if (wanted[i] !== current[i]) this.loadPage(group * GROUP_PAGES + i, wanted[i], keepCode);
      }
      groups[group] = wanted as (Uint8Array | null)[];
      this.isShared[group] = true;
    }
    const a20 = cpu.m32[A20];
    loadCpuBytes(cpu, snapshot.cpu);
    cpu.f64[TICK_F64] = snapshot.tick;
    updateMode(cpu);
    machine.board.load(snapshot.board);
    machine.board.setApicBase(apicBase(cpu), true);
    machine.loadLoop(snapshot.loop);
    const isMapSame = cpu.m32[A20] === a20;
    if (keepCode && isMapSame) memory.dropTranslations();
    else space.flatten();
    updateWatch(cpu);
    if (!keepCode) machine.engine.drop();
    machine.loadLoop(snapshot.loop);
  }

  /** The page then holds the very bytes of the snapshot: to the store it is clean. */
  private loadPage(page: number, wanted: Uint8Array | null, keepCode: boolean): void {
    const { memory } = this.machine;
    const start = RAM_BASE + page * PAGE_BYTES;
    if (keepCode && memory.holdsCode(page)) this.touchDifferences(page, wanted);
    if (wanted === null) memory.m8.fill(0, start, start + PAGE_BYTES);
    else memory.m8.set(wanted, start);
    memory.markDirty(page);
    memory.dirty[page] &= ~DIRTY_CHECKPOINT;
  }

  /** Words of a page that are about to change: blocks made from them are invalid. */
  private touchDifferences(page: number, wanted: Uint8Array | null): void {
    const { memory } = this.machine;
    const at = page * PAGE_BYTES;
    const own = new Int32Array(memory.m8.buffer, RAM_BASE + at, PAGE_BYTES >> 2);
    const words = wanted === null ? null : new Int32Array(wanted.buffer, wanted.byteOffset, PAGE_BYTES >> 2);
    for (let i = 0; i < PAGE_BYTES >> 2; i++) {
      if (own[i] !== (words === null ? 0 : words[i])) memory.touch(at + i * 4, 4);
    }
  }
}
