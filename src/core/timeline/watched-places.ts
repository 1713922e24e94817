/**
 * Memory that a condition reads, watched so that a search is told where it may have changed: the bytes themselves and
 * the table entries that lead to them, wherever they lie in physical memory at the moment. What moves them elsewhere
 * without a write (another CR3, another segment base) is seen when somebody asks `hasMoved`.
 */
import type { Machine } from '../machine/machine.ts';
import { PAGE_WATCH_WRITE } from '../memory/memory.ts';
import { dwordsBehind } from '../memory/peek.ts';
import { CR0, CR3, CR4, PDPTE } from '../state/layout.ts';
import type { Place } from './condition-basis.ts';

/** What leads from linear addresses to physical ones, beside memory. */
const LEADING = [CR0, CR3, CR4, ...Array.from({ length: 8 }, (_, i) => PDPTE + i)];
/** Tables of other address spaces stay watched: who comes back to one need not watch anew. */
const PAGES_MAX = 1024;

export class WatchedPlaces {
  private readonly machine: Machine;
  private readonly places: readonly Place[];
  /** By their physical address / 4, and by the host address / 4 that this leads to. */
  private readonly dwords = new Set<number>();
  private readonly hosts = new Set<number>();
  private readonly pages = new Map<number, number>();
  private leading: readonly number[] = [];
  private addresses: readonly number[] = [];

  constructor(machine: Machine, places: readonly Place[]) {
    this.machine = machine;
    this.places = places;
  }

  /** Between slices: from here on the run breaks where something is written that the places depend on now. */
  watch(): void {
    const { machine, places, dwords, hosts, pages } = this;
    const { cpu, space } = machine;
    this.leading = LEADING.map((word) => cpu.m32[word]);
    this.addresses = places.map(({ address }) => address(cpu));
    const wanted = places.flatMap(({ sizeBytes }, i) => [...dwordsBehind(cpu, this.addresses[i], sizeBytes)]);
    if (wanted.every((dword) => dwords.has(dword))) return;
    if (pages.size > PAGES_MAX) this.forget();
    for (const dword of wanted) {
      dwords.add(dword);
      pages.set(Math.floor(dword / 1024), PAGE_WATCH_WRITE);
      hosts.add(this.hostOf(dword * 4));
    }
    space.watch(new Map(pages));
    space.onWatched = (physical, size, isWrite) => {
      if (isWrite && this.isConcerned(physical, size)) machine.breakIn();
    };
    space.onMoved = () => {
      this.forget();
      machine.breakIn();
    };
  }

  /** Of the doubleword at a physical address, / 4; below 0 where there is no memory. */
  private hostOf(physical: number): number {
    const page = this.machine.space.peekPage(physical);
    return page < 0 ? -1 : (page + (physical & 0xfff)) >>> 2;
  }

  private isConcerned(physical: number, size: number): boolean {
    const first = this.hostOf(physical);
    const count = Math.floor((physical + size - 1) / 4) - Math.floor(physical / 4);
    for (let dword = first; dword <= first + count; dword++) if (this.hosts.has(dword)) return true;
    return false;
  }

  /** Whether registers lead elsewhere than when this was last watched. */
  get hasMoved(): boolean {
    const { cpu } = this.machine;
    if (LEADING.some((word, i) => cpu.m32[word] !== this.leading[i])) return true;
    return this.places.some(({ address }, i) => address(cpu) !== this.addresses[i]);
  }

  /** Somebody else has used the watches since, or has the machine back. */
  forget(): void {
    this.dwords.clear();
    this.hosts.clear();
    this.pages.clear();
    this.machine.space.onMoved = () => {};
  }
}
