/**
 * All tables of events (events.ts) gathered in one pass: whoever asks for one of them pays for the run, and what the
 * others would have found costs little more. Records of all tables lie in one batch, each as wide as the widest, with
 * the number of its table behind. A table of which there is too much is given up, unless it is the one that is asked
 * for.
 */
import type { Cpu, PortBus, Probes } from '../state/cpu.ts';
import type { DeliveryWatcher, Machine } from '../machine/machine.ts';
import { ROWS } from '../isa/ops.ts';
import { type Batch, BatchBuilder } from './batch.ts';
import { EVENT_TABLES, type EventTable, fieldsOf, wholeJob } from './events.ts';
import type { LinuxTasks } from './gather-switches.ts';
import { type Gatherer, type Gathering, putProbes } from './gatherer.ts';
import type { TableJob } from './jobs.ts';

export interface EventsJob {
  readonly table: 'events';
  readonly tasks: LinuxTasks | null;
  /** Number of the table that is asked for, which is gathered whatever its size; −1: none is. */
  readonly asked: number;
}

/** Field with the number of the table; −1 less the number: the table has been given up. */
const FIELD_TABLE = Math.max(...EVENT_TABLES.map(fieldsOf));
export const EVENT_RECORD_FIELDS = FIELD_TABLE + 1;

interface Part {
  readonly number: number;
  readonly gatherer: Gatherer;
  readonly batch: BatchBuilder;
  records: number;
  isGivenUp: boolean;
}

/** Its texts are those of the whole. */
class PartBatch extends BatchBuilder {
  private readonly whole: BatchBuilder;

  constructor(fields: number, whole: BatchBuilder) {
    super(fields);
    this.whole = whole;
  }

  override text(value: string): number {
    return this.whole.text(value);
  }
}

export class EventsGatherer implements Gatherer {
  /** Records of a table beyond which it is given up. */
  recordsMax = 1 << 20;
  private readonly gathering: Gathering;
  private readonly asked: number;
  private readonly parts: readonly Part[];
  private readonly bus: PortBus;

  constructor(gathering: Gathering, job: EventsJob, make: (job: TableJob, gathering: Gathering) => Gatherer) {
    const { batch, machine } = gathering;
    this.gathering = gathering;
    this.asked = job.asked;
    this.bus = machine.cpu.ports;
    const probes: Probes[] = [];
    this.parts = EVENT_TABLES.map((table, number): Part => {
      const own = new PartBatch(fieldsOf(table), batch);
      machine.cpu.probes = null;
      const gatherer = make(wholeJob(table, job.tasks), { ...gathering, batch: own });
      const asks = probesOf(machine.cpu);
      if (asks !== null) probes.push(asks);
      return { number, gatherer, batch: own, records: 0, isGivenUp: false };
    });
    putProbes(machine, new ProbesTogether(probes));
  }

  private get listening(): readonly Part[] {
    return this.parts.filter(({ isGivenUp }) => !isGivenUp);
  }

  begin(): void {
    const { machine } = this.gathering;
    const watchers: DeliveryWatcher[] = [];
    for (const { gatherer } of this.listening) {
      machine.watcher = null;
      gatherer.begin();
      const watcher = watcherOf(machine);
      if (watcher !== null) watchers.push(watcher);
    }
    machine.watcher = {
      delivered: (kind, vector) => {
        for (const watcher of watchers) watcher.delivered(kind, vector);
      },
    };
  }

  end(): void {
    const { machine } = this.gathering;
    for (const part of this.listening) {
      part.gatherer.end();
      this.collect(part, part.batch.take());
    }
    machine.watcher = null;
    machine.cpu.ports = this.bus;
  }

  private collect(part: Part, { count, numbers }: Batch): void {
    const { batch } = this.gathering;
    const { fields } = part.batch;
    for (let i = 0; i < count; i++) {
      const at = batch.add();
      for (let field = 0; field < fields; field++) batch.set(at + field, numbers[i * fields + field]);
      batch.set(at + FIELD_TABLE, part.number);
    }
    part.records += count;
    if (part.records <= this.recordsMax || part.number === this.asked) return;
    part.isGivenUp = true;
    batch.set(batch.add() + FIELD_TABLE, -1 - part.number);
  }

  release(): void {
    putProbes(this.gathering.machine, null);
  }
}

const probesOf = ({ probes }: Cpu): Probes | null => probes;
const watcherOf = ({ watcher }: Machine): DeliveryWatcher | null => watcher;

/** What several ask for. Each hears of what the others have asked for too. */
class ProbesTogether implements Probes {
  readonly rows = new Uint8Array(ROWS.length);
  readonly registers = 0;
  readonly hasFlags = false;
  readonly term = null;
  private readonly all: readonly Probes[];

  constructor(all: readonly Probes[]) {
    this.all = all;
    for (const { rows } of all) for (const [row, isAsked] of rows.entries()) this.rows[row] |= isAsked;
  }

  marksOf(hostPage: number): Uint8Array | null {
    let marks: Uint8Array | null = null;
    for (const each of this.all) {
      const own = each.marksOf(hostPage);
      if (own === null) continue;
      const others: Uint8Array | null = marks;
      marks = others === null ? own : own.map((mark, i) => mark | others[i]);
    }
    return marks;
  }

  hasPage(page: number): boolean {
    return this.all.some((each) => each.hasPage(page));
  }

  fetched(page: number, hostPage: number): void {
    for (const each of this.all) each.fetched(page, hostPage);
  }

  begins(cpu: Cpu, row: number): void {
    for (const each of this.all) each.begins(cpu, row);
  }

  ends(cpu: Cpu, hasRetired: boolean): void {
    for (const each of this.all) each.ends(cpu, hasRetired);
  }

  intervened(cpu: Cpu): void {
    for (const each of this.all) each.intervened(cpu);
  }
}

/** A batch of all tables, table by table, and which of them have been given up. */
export interface EventBatches {
  readonly byTable: ReadonlyMap<EventTable, Batch>;
  readonly givenUp: readonly EventTable[];
}

export function splitEvents({ count, numbers, texts }: Batch): EventBatches {
  const counts = new Array<number>(EVENT_TABLES.length).fill(0);
  const givenUp: EventTable[] = [];
  for (let i = 0; i < count; i++) {
    const number = numbers[i * EVENT_RECORD_FIELDS + FIELD_TABLE];
    if (number >= 0) counts[number]++;
    else givenUp.push(EVENT_TABLES[-1 - number]);
  }
  const places = counts.map(() => 0);
  const lists = counts.map((records, number) => new Float64Array(records * fieldsOf(EVENT_TABLES[number])));
  for (let i = 0; i < count; i++) {
    const from = i * EVENT_RECORD_FIELDS;
    const number = numbers[from + FIELD_TABLE];
    if (number < 0) continue;
    const fields = fieldsOf(EVENT_TABLES[number]);
    lists[number].set(numbers.subarray(from, from + fields), places[number]);
    places[number] += fields;
  }
  const byTable = new Map<EventTable, Batch>();
  for (const [number, table] of EVENT_TABLES.entries()) {
    if (counts[number] > 0) byTable.set(table, { count: counts[number], numbers: lists[number], texts });
  }
  return { byTable, givenUp };
}
