// What happened when, by kind: for each lane the ticks in ascending order, with a number that says more. Memory is
// bounded: a lane that has too many keeps on counting them, a bucket a stretch of ticks.

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
const EVENTS_MAX = 1 << 20;
const FIRST_CAPACITY = 256;

export class Lane {
  readonly key: string;
  readonly group: LaneGroup;
  readonly name: string;
  private ticks = new Float64Array(FIRST_CAPACITY);
  private values = new Uint32Array(FIRST_CAPACITY);
  private length = 0;
  /** Events beyond those that are kept: `left` of them. */
  left = 0;

  constructor(key: string, group: LaneGroup, name: string) {
    this.key = key;
    this.group = group;
    this.name = name;
  }

  get count(): number {
    return this.length + this.left;
  }

  add(tick: number, value: number): void {
    if (this.length === EVENTS_MAX) {
      this.left++;
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

  /** Index of the first event at or after a tick. */
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
    }
    return found;
  }

  /** Value of the last event at or before the beginning of each stretch, plus one; 0: none. */
  levels(from: number, to: number, buckets: number): Uint32Array {
    const found = new Uint32Array(buckets);
    const width = (to - from) / buckets;
    for (let i = 0; i < buckets; i++) {
      const at = this.indexAt(from + width * i + 1) - 1;
      found[i] = at < 0 ? 0 : this.values[at] + 1;
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
