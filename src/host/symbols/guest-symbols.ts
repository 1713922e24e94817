// The symbols of a guest as it runs: the table, and what has to be looked up in the machine before its names have
// addresses. `refresh` looks at one moment and is cheap when there is nothing to learn; `locate` goes on in a recording
// until a kernel that places itself at random has done so, and comes back. What is not known is said by `problem`.
// Tells nothing of a terminal.

import type { Cpu } from '../../core/state/cpu.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { isPlaced, mayMove, slideByBanner } from './slide.ts';
import type { SymbolSource, SymbolTable } from './symbol-table.ts';

export interface MovedSource {
  readonly label: string;
  /** Null: not known yet. */
  readonly slide: number | null;
}

export class GuestSymbols {
  readonly table: SymbolTable;
  /** Sources whose slide is looked for. */
  private readonly moving = new Set<SymbolSource>();
  /** Sources that are known already. */
  private readonly seen = new WeakSet<SymbolSource>();
  /** Where a look has found nothing: not to look twice. */
  private missedTick = -1;

  constructor(table: SymbolTable) {
    this.table = table;
    this.takeNew();
  }

  /** Sources that have been added since: a kernel's is unplaced until it is found. */
  private takeNew(): void {
    for (const source of this.table.sources) {
      if (this.seen.has(source)) continue;
      this.seen.add(source);
      this.missedTick = -1;
      if (source.slide !== null) continue;
      this.moving.add(source);
    }
  }

  /** Looks at the machine as it stands; whether anything has been learnt. */
  refresh(cpu: Cpu): boolean {
    this.takeNew();
    const tick = cpu.now();
    if (this.moving.size === 0 || tick === this.missedTick) return false;
    let isChanged = false;
    for (const source of this.moving) {
      // Another boot has another place.
      if (source.slide !== null && isPlaced(cpu, source)) continue;
      const slide = slideByBanner(cpu, source);
      if (slide === null || slide === source.slide) continue;
      this.table.setSlide(source, slide);
      isChanged = true;
    }
    this.missedTick = this.isUnplaced ? tick : -1;
    return isChanged;
  }

  /** Names exist whose addresses are not known yet. */
  get isUnplaced(): boolean {
    this.takeNew();
    return [...this.moving].some(({ slide }) => slide === null);
  }

  /** Kernels that may have moved, and how far they have. */
  get moved(): readonly MovedSource[] {
    this.takeNew();
    return [...this.moving].map(({ label, slide }) => ({ label, slide }));
  }

  /** Where the text of a kernel that has moved begins; null when none has. */
  get textSegment(): number | null {
    this.takeNew();
    for (const { slide, symbols } of this.moving) {
      if (slide === null || slide === 0) continue;
      const first = symbols.reduce(
        (least, { kind, address }) => (kind === 'code' ? Math.min(least, address) : least),
        2 ** 32,
      );
      const text = symbols.find(({ name }) => name === '_text')?.address ?? first;
      if (text < 2 ** 32) return (text + slide) >>> 0;
    }
    return null;
  }

  /** Why names have no addresses here, as a sentence; '' when all is well. */
  get problem(): string {
    const open = this.moved.filter(({ slide }) => slide === null).map(({ label }) => label);
    if (open.length === 0) return '';
    return (
      `Where the kernel of ${open.join(', ')} has placed itself is not known yet (it may do so at random), so its ` +
      'names have no addresses here: seek a moment at which it runs; if it runs, they are the names of another kernel.'
    );
  }

  /** Goes on until every name has its address, and comes back; false when the run does not tell. */
  *locate(timeline: Timeline): Way<boolean> {
    this.refresh(timeline.machine.cpu);
    if (!this.isUnplaced) return true;
    const from = timeline.position;
    const { intervalTicks } = timeline;
    try {
      while (this.isUnplaced && timeline.position.tick < timeline.endTick) {
        const next = (Math.floor(timeline.position.tick / intervalTicks) + 1) * intervalTicks;
        const { position } = yield* timeline.seek({ tick: next, seq: 0 });
        this.refresh(timeline.machine.cpu);
        if (position.tick < Math.min(next, timeline.endTick)) break;
        yield undefined;
      }
    } finally {
      for (const back = timeline.seek(from); back.next().done !== true; ) {
        // Always back, whatever happened.
      }
    }
    return !this.isUnplaced;
  }
}

/** Whether symbols from this source are to be looked for in the guest. */
export const slideOfFile = (source: SymbolSource, offset: number | null): number | null =>
  offset ?? (mayMove(source) ? null : 0);
