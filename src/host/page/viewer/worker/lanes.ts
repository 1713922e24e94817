// What happened when, by kind: for each lane the ticks in ascending order, with a number that says more. Memory is
// bounded: a lane that has too many goes on counting them, by stretches of ticks that grow with the run.

/** Groups in the order in which the page shows them. */
export const LANE_GROUPS = [
  'inputs',
  'interrupts',
  'faults',
  'calls',
  'spaces',
  'devices',
  'serial',
  'screen',
  'engine',
  'resets',
] as const;
export type LaneGroup = (typeof LANE_GROUPS)[number];

/** A lane of states, each of which lasts until the next. */
export const levelled = (group: LaneGroup): boolean => group === 'spaces';

/** Events that a lane keeps one by one: twelve bytes each. */
export const EVENTS_MAX = 1 << 20;
const FIRST_CAPACITY = 256;
/** Stretches in which later ones are counted: when there are more, two become one. */
const STRETCHES_MAX = 1 << 14;
const FIRST_STRETCH_TICKS = 1 << 16;

export class Lane {
  readonly key: string;
  readonly group: LaneGroup;
  readonly name: string;
  private ticks = new Float64Array(FIRST_CAPACITY);
  private values = new Uint32Array(FIRST_CAPACITY);
  private length = 0;
  /** Events beyond those that are kept: so many in each stretch, the first of which begins at tick 0. */
  private later: number[] = [];
  /** What the last of each stretch said. */
  private laterValues: number[] = [];
  private stretchTicks = FIRST_STRETCH_TICKS;
  private laterCount = 0;

  constructor(key: string, group: LaneGroup, name: string) {
    this.key = key;
    this.group = group;
    this.name = name;
  }

  get count(): number {
    return this.length + this.laterCount;
  }

  add(tick: number, value: number): void {
    if (this.length === EVENTS_MAX) {
      this.addLater(tick, value);
      return;
    }
    if (this.length === this.ticks.length) {
      const [ticks, values] = [new Float64Array(this.length * 2), new Uint32Array(this.length * 2)];
      ticks.set(this.ticks);
      values.set(this.values);
      this.ticks = ticks;
      this.values = values;
    }
    this.ticks[this.length] = tick;
    this.values[this.length++] = value;
  }

  private addLater(tick: number, value: number): void {
    while (tick >= this.stretchTicks * STRETCHES_MAX) {
      const [counts, values] = [this.later, this.laterValues];
      this.later = [];
      this.laterValues = [];
      this.stretchTicks *= 2;
      for (let i = 0; i < counts.length; i++) {
        if (counts[i] > 0) this.countLater(i >> 1, counts[i], values[i]);
      }
    }
    this.countLater(Math.floor(tick / this.stretchTicks), 1, value);
    this.laterCount++;
  }

  private countLater(stretch: number, count: number, value: number): void {
    while (this.later.length <= stretch) {
      this.later.push(0);
      this.laterValues.push(0);
    }
    this.later[stretch] += count;
    this.laterValues[stretch] = value;
  }

  /** Of the events that are only counted: those between two ticks, as if they were even in their stretch. */
  private laterBetween(from: number, to: number): number {
    let found = 0;
    const { later, stretchTicks } = this;
    for (let i = Math.floor(from / stretchTicks); i < later.length && i * stretchTicks < to; i++) {
      // None came before those that are kept.
      const begin = Math.max(i * stretchTicks, this.keptTick);
      const end = (i + 1) * stretchTicks;
      const part = Math.min(to, end) - Math.max(from, begin);
      if (part > 0) found += (later[i] * part) / (end - begin);
    }
    return Math.ceil(found);
  }

  /** Of the last event that is kept. */
  private get keptTick(): number {
    return this.ticks[this.length - 1];
  }

  /** What the last event said at or before a tick, plus one; 0: none. */
  private levelAt(tick: number): number {
    if (this.laterCount > 0 && tick > this.keptTick) {
      for (let i = Math.min(Math.floor(tick / this.stretchTicks), this.later.length - 1); i >= 0; i--) {
        if (this.later[i] > 0) return this.laterValues[i] + 1;
      }
    }
    const at = this.indexAt(tick + 1) - 1;
    return at < 0 ? 0 : this.values[at] + 1;
  }

  /** Index of the first event at or after a tick, of those that are kept. */
  indexAt(tick: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ticks[middle] < tick) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  tickAt(index: number): number | null {
    return index >= 0 && index < this.length ? this.ticks[index] : null;
  }

  valueAt(index: number): number {
    return this.values[index];
  }

  /** Events in each of `buckets` equal stretches. */
  histogram(from: number, to: number, buckets: number): Uint32Array {
    const found = new Uint32Array(buckets);
    const width = (to - from) / buckets;
    let at = this.indexAt(from);
    for (let i = 0; i < buckets; i++) {
      const next = i === buckets - 1 ? this.indexAt(to) : this.indexAt(from + width * (i + 1));
      found[i] = next - at;
      at = next;
      if (this.laterCount > 0) found[i] += this.laterBetween(from + width * i, from + width * (i + 1));
    }
    return found;
  }

  /** Value of the last event at or before the beginning of each stretch, plus one; 0: none. */
  levels(from: number, to: number, buckets: number): Uint32Array {
    const found = new Uint32Array(buckets);
    const width = (to - from) / buckets;
    for (let i = 0; i < buckets; i++) {
      found[i] = this.levelAt(from + width * i);
    }
    return found;
  }
}

export class Lanes {
  readonly byKey = new Map<string, Lane>();
  /** What address spaces are called, by their directory: the program that ran there last. */
  readonly spaceNames = new Map<number, string>();

  add(group: LaneGroup, key: string, name: string, tick: number, value = 0): void {
    let lane = this.byKey.get(key);
    if (lane === undefined) {
      lane = new Lane(key, group, name);
      this.byKey.set(key, lane);
    }
    lane.add(tick, value);
  }

  /** In the order of their groups, the busiest of each first. */
  all(): Lane[] {
    return [...this.byKey.values()].sort(
      (a, b) => LANE_GROUPS.indexOf(a.group) - LANE_GROUPS.indexOf(b.group) || b.count - a.count,
    );
  }
}
