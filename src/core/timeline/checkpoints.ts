/**
 * The checkpoints of a timeline: snapshots with the place of the port, ordered by tick, within a budget of memory.
 * When the budget is used up the one whose loss costs least is given up: the gap that it leaves is compared with its
 * distance from the present, so that checkpoints lie dense around where one works and thin exponentially away from
 * it. No gap grows beyond GAP_PARTS of the run while there is another choice: that bounds the longest seek. Pages are
 * shared between snapshots; a checkpoint is charged for the pages that its neighbours do not have.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import type { PortMark } from '../session/log-port.ts';
import { GROUP_PAGES, type Snapshot } from '../machine/snapshot.ts';
import type { SerialMark } from './serial-history.ts';

export interface Checkpoint {
  readonly snapshot: Snapshot;
  readonly port: PortMark;
  /** What the guest has sent up to here. */
  readonly sent: SerialMark;
}

/** A page's slot in a group, and a group's in a snapshot. */
const SLOT_BYTES = 8;
/** What a host takes for a page besides its bytes: measured as resident memory of 65536 of them. */
const PAGE_OVERHEAD_BYTES = 512;
/** Of a checkpoint without its pages: processor, devices that have changed, where the port stands. */
const STATE_BYTES = 8192;
/**
 * So much of the budget stays free for pages that have been given up and lie about until the host collects them (V8
 * begins when 64 MB have come to what it found alive, and while it marks others come), and for what its compiler takes
 * for moments: 95 MB were seen, beside an interpreter that had become hot again.
 */
const GARBAGE_PARTS = 4;
const GARBAGE_BYTES_MAX = 128 << 20;
/** Distances below this part of the run count as this: no gap far away grows beyond a few parts of it. */
const FAR_PARTS = 12;
/** A seek runs at most this part of the run: two seconds' worth of a Debian boot, at 100 M ticks/s. */
const GAP_PARTS = 32;

export class CheckpointStore {
  readonly bytesMax: number;
  /** Ascending by tick; the first one, at the start of the run, is never given up. */
  private readonly list: Checkpoint[] = [];
  private readonly runTicks: number;
  /** What they may hold. */
  private readonly heldBytesMax: number;
  bytes = 0;
  /** What others hold of the same budget; half of it is the checkpoints' in any case. */
  otherBytes = 0;

  constructor(bytesMax: number, runTicks: number) {
    this.bytesMax = bytesMax;
    this.runTicks = runTicks;
    this.heldBytesMax = bytesMax - Math.min(bytesMax / GARBAGE_PARTS, GARBAGE_BYTES_MAX);
  }

  get count(): number {
    return this.list.length;
  }

  ticks(): number[] {
    return this.list.map(({ snapshot }) => snapshot.tick);
  }

  /** Ascending by tick. */
  all(): readonly Checkpoint[] {
    return this.list;
  }

  /** Ticks of the checkpoints at which some page of RAM passes the test; a page that several share is tested once. */
  ticksHolding(test: (page: Uint8Array) => boolean): number[] {
    const known = new Map<Uint8Array, boolean>();
    const passes = (page: Uint8Array | null): boolean => {
      if (page === null) return false;
      const before = known.get(page);
      if (before !== undefined) return before;
      const result = test(page);
      known.set(page, result);
      return result;
    };
    return this.list
      .filter(({ snapshot }) => snapshot.groups.some((group) => group.some(passes)))
      .map(({ snapshot }) => snapshot.tick);
  }

  /** The last checkpoint at or before `tick`. */
  before(tick: number): Checkpoint {
    return this.list[Math.max(0, this.indexAfter(tick) - 1)];
  }

  /** Index of the first checkpoint after `tick`. */
  private indexAfter(tick: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle].snapshot.tick <= tick) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds one that is not there yet, then gives up others until the budget is kept. The present is where it is. */
  add(checkpoint: Checkpoint): void {
    const at = this.indexAfter(checkpoint.snapshot.tick);
    this.list.splice(at, 0, checkpoint);
    this.bytes += this.ownBytes(at);
    const most = this.heldBytesMax - Math.min(this.otherBytes, this.heldBytesMax / 2);
    while (this.bytes > most && this.list.length > 2) this.giveUpOne(checkpoint.snapshot.tick);
  }

  /** Memory that only this checkpoint holds. */
  private ownBytes(at: number): number {
    return snapshotBytes(this.list[at].snapshot, this.list[at - 1]?.snapshot, this.list[at + 1]?.snapshot);
  }

  private giveUpOne(presentTick: number): void {
    const { list } = this;
    const tick = (index: number): number => list[index].snapshot.tick;
    const floor = this.runTicks / FAR_PARTS;
    const gapMax = this.runTicks / GAP_PARTS;
    let chosen = -1;
    let lowest = Number.POSITIVE_INFINITY;
    for (let i = 1; i < list.length; i++) {
      if (tick(i) === presentTick) continue;
      const gapEnd = i + 1 < list.length ? tick(i + 1) : Math.max(tick(i), this.runTicks);
      const distance = Math.min(Math.abs(presentTick - tick(i)), floor) + 1;
      const gap = gapEnd - tick(i - 1);
      const cost = gap / distance + (gap > gapMax ? this.runTicks : 0);
      if (cost < lowest) {
        lowest = cost;
        chosen = i;
      }
    }
    if (chosen < 0) return;
    this.bytes -= this.ownBytes(chosen);
    list.splice(chosen, 1);
  }
}

/** Memory that a snapshot holds besides what it shares with its neighbours. */
export function snapshotBytes({ groups }: Snapshot, previous?: Snapshot | null, next?: Snapshot | null): number {
  let bytes = STATE_BYTES + groups.length * SLOT_BYTES;
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    const [before, after] = [previous?.groups[i], next?.groups[i]];
    if (group === before || group === after) continue;
    bytes += GROUP_PAGES * SLOT_BYTES;
    for (let k = 0; k < group.length; k++) {
      const page = group[k];
      if (page !== null && page !== before?.[k] && page !== after?.[k]) bytes += PAGE_BYTES + PAGE_OVERHEAD_BYTES;
    }
  }
  return bytes;
}
