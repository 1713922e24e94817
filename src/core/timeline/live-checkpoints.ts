/**
 * What a timeline leaves behind where it passes, gathered while a run is recorded: checkpoints at equal distances, what
 * intervals did to pages, what the guest sent. So the first who opens the log goes on as a second one does. All of it
 * is in memory until the log is whole; when the budget is used up every second checkpoint goes. Where a replay's door
 * stands at each is read from the log afterwards.
 */
import type { OutputPort } from '../board/device.ts';
import type { LogReader } from '../log/log.ts';
import type { Machine } from '../machine/machine.ts';
import { PageStore, type Snapshot } from '../machine/snapshot.ts';
import { DIRTY_INTERVAL } from '../memory/memory.ts';
import type { PortMark } from '../session/log-port.ts';
import type { KnownText } from './checkpoint-source.ts';
import { type Checkpoint, snapshotBytes } from './checkpoints.ts';
import { beginNotes, notedPages } from './page-notes.ts';
import { INTERVAL_TICKS, joinRecords, type PageRecord, PageRecords } from './page-records.ts';
import { SerialHistory, type SerialMark, sentThrough } from './serial-history.ts';

export class LiveCheckpoints {
  private readonly bytesMax: number;
  private readonly intervalTicks: number;
  private readonly serial = new SerialHistory();
  private readonly records = new PageRecords();
  private list: { readonly snapshot: Snapshot; readonly sent: SerialMark; readonly bytes: number }[] = [];
  private bytes = 0;
  private everyTicks: number;
  private machine: Machine | null = null;
  private store: PageStore | null = null;
  /** The interval that is being run from its beginning, or −1. */
  private openInterval = -1;

  constructor(bytesMax: number, intervalTicks = INTERVAL_TICKS) {
    this.bytesMax = bytesMax;
    this.intervalTicks = intervalTicks;
    this.everyTicks = intervalTicks;
  }

  /** What the guest sends passes through here. */
  listen(output: OutputPort): OutputPort {
    return sentThrough(output, (line, byte) => this.serial.add(line, byte, this.machine?.cpu.now() ?? 0));
  }

  /** Takes over the dirty bits of the machine for checkpoints and intervals. */
  attach(machine: Machine): void {
    this.machine = machine;
    this.store = new PageStore(machine);
    machine.memory.takeDirty(DIRTY_INTERVAL);
    this.begin(machine.tick % this.intervalTicks === 0 ? machine.tick / this.intervalTicks : -1);
  }

  private begin(interval: number): void {
    const { machine } = this;
    if (machine === null) return;
    this.openInterval = interval;
    beginNotes(machine.cpu, interval >= 0);
    machine.memory.dropTranslations();
  }

  /** Between slices, where a run has just stopped at its tick: an interval begins there, or nothing is done. */
  passed(): void {
    const { machine, intervalTicks } = this;
    if (machine === null) return;
    const interval = Math.floor(machine.tick / intervalTicks);
    const isBegin = machine.tick === interval * intervalTicks;
    if (interval === this.openInterval || (this.openInterval < 0 && !isBegin)) return;
    const written = machine.memory.takeDirty(DIRTY_INTERVAL);
    if (this.openInterval >= 0) {
      const pages = notedPages(machine.cpu, written);
      // Several at once only when a reset spans them.
      for (let i = this.openInterval; i < interval; i++) this.records.note(i, pages);
    }
    this.begin(isBegin ? interval : -1);
    if (isBegin) this.take(machine);
  }

  private take(machine: Machine): void {
    const { store } = this;
    if (store === null || machine.tick === 0 || machine.tick % this.everyTicks !== 0) return;
    if (machine.dueTick === machine.tick || machine.deliveryTick === machine.tick) return;
    const snapshot = store.take();
    const bytes = snapshotBytes(snapshot, this.list.at(-1)?.snapshot ?? null);
    this.list.push({ snapshot, sent: this.serial.mark(), bytes });
    this.bytes += bytes;
    while (this.bytes > this.bytesMax && this.list.length > 1) this.thin();
  }

  private thin(): void {
    this.everyTicks *= 2;
    const kept = this.list.filter(({ snapshot }) => snapshot.tick % this.everyTicks === 0);
    this.list = kept.map((each, i) => ({
      ...each,
      bytes: snapshotBytes(each.snapshot, kept[i - 1]?.snapshot ?? null),
    }));
    this.bytes = this.list.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** All that was gathered, for timelines of the log that was recorded meanwhile. */
  of(log: LogReader): GatheredCheckpoints {
    const marks = marksAt(
      log,
      this.list.map(({ snapshot }) => snapshot.tick),
    );
    const checkpoints = this.list.map(({ snapshot, sent }, i): Checkpoint => ({ snapshot, port: marks[i], sent }));
    const text = { serial: this.serial.partsSince(0), knownTick: log.lastTick };
    return { checkpoints, records: this.records.all(), intervalTicks: this.intervalTicks, text };
  }
}

/** What is known of intervals as long as those of a timeline, which knows how long the run has become. */
export function recordsFor({ intervalTicks, records }: GatheredCheckpoints, timelineTicks: number): PageRecord[] {
  return timelineTicks % intervalTicks === 0 ? joinRecords(records, timelineTicks / intervalTicks) : [];
}

/** Of a whole run. */
export interface GatheredCheckpoints {
  /** Ascending by tick. */
  readonly checkpoints: readonly Checkpoint[];
  readonly records: readonly PageRecord[];
  /** Of the intervals that `records` are of. */
  readonly intervalTicks: number;
  readonly text: KnownText;
}

/** Where a port stands that has replayed everything before each of these ticks, which ascend. */
function marksAt(log: LogReader, ticks: readonly number[]): PortMark[] {
  const [inputs, checks] = [log.inputs(), log.checks()];
  return ticks.map((tick) => {
    for (let next = inputs.peek(); next !== null && next.tick < tick; next = inputs.peek()) inputs.next();
    while (checks.tick < tick) checks.step();
    return {
      inputs: inputs.save(),
      checks: checks.save(),
      ahead: null,
      running: [0, 0, 0, 0],
      agreedTick: tick,
      divergence: null,
    };
  });
}
