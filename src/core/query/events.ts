/**
 * The tables of what happens wherever it happens, which one pass gathers together (gather-events.ts): their numbers,
 * what is gathered for each, and which records of everything are those of a narrower query.
 */
import type { CurrentTask } from './current-task.ts';
import { DELIVERY, RESET, SERIAL } from './gather-deliveries.ts';
import { DEVICE } from './gather-devices.ts';
import { type LinuxTasks, SWITCH, SWITCH_KINDS } from './gather-switches.ts';
import { SYSCALL, SYSCALL_ARGS, SYSCALL_RETURN, VECTOR_LINUX } from './gather-syscalls.ts';
import { TONE } from './gather-tones.ts';
import type { TableJob } from './jobs.ts';

/** What is known of a Linux where a query is planned. */
export interface LinuxPlaces {
  readonly currentTask: CurrentTask | null;
  readonly tasks: LinuxTasks | null;
}

export type EventTable = Exclude<TableJob['table'], 'calls' | 'executions' | 'accesses'>;

/** Numbers of a record of each table, in the order of the tables' numbers. */
const EVENT_FIELDS: Readonly<Record<EventTable, number>> = {
  interrupts: DELIVERY.privilege + 1,
  faults: DELIVERY.privilege + 1,
  syscalls: SYSCALL.args + SYSCALL_ARGS,
  switches: SWITCH.eip + 1,
  io: DEVICE.eip + 1,
  mmio: DEVICE.eip + 1,
  serial: SERIAL.byte + 1,
  tones: TONE.divisor + 1,
  resets: RESET.eip + 1,
};

export const EVENT_TABLES = Object.keys(EVENT_FIELDS) as readonly EventTable[];

export const fieldsOf = (table: EventTable): number => EVENT_FIELDS[table];

/** The number of a job's table among those of events; −1: it is none of them. */
export const eventNumber = ({ table }: TableJob): number => EVENT_TABLES.indexOf(table as EventTable);

/** Everything that a table can have. */
export function wholeJob(table: EventTable, tasks: LinuxTasks | null): TableJob {
  switch (table) {
    case 'interrupts':
    case 'faults':
      return { table, vectors: null };
    case 'syscalls':
      return { table, vector: VECTOR_LINUX, wantsReturns: true };
    case 'switches':
      return { table, tasks };
    case 'io':
    case 'mmio':
      return { table, first: 0, last: table === 'io' ? 0xffff : 2 ** 32 - 1 };
    case 'serial':
      return { table, lines: null };
    default:
      return { table };
  }
}

export type IsOfJob = (numbers: Float64Array, at: number) => boolean;

/** Which records of `wholeJob` are those of a job; null: it asks for others. */
export function recordsOf(job: TableJob): IsOfJob | null {
  switch (job.table) {
    case 'interrupts':
    case 'faults': {
      const { vectors } = job;
      return (numbers, at) => vectors === null || vectors.includes(numbers[at + DELIVERY.vector]);
    }
    case 'syscalls': {
      const { vector, wantsReturns } = job;
      if (vector !== VECTOR_LINUX) return null;
      return (numbers, at) => wantsReturns || numbers[at + SYSCALL.kind] !== SYSCALL_RETURN;
    }
    case 'switches': {
      const ofTasks = SWITCH_KINDS.indexOf('task');
      return (numbers, at) => job.tasks !== null || numbers[at + SWITCH.kind] !== ofTasks;
    }
    case 'io':
    case 'mmio': {
      const { first, last } = job;
      return (numbers, at) => {
        const place = numbers[at + DEVICE.place];
        return place <= last && place + numbers[at + DEVICE.bytes] > first;
      };
    }
    case 'serial': {
      const { lines } = job;
      return (numbers, at) => lines === null || lines.includes(numbers[at + SERIAL.line]);
    }
    case 'tones':
    case 'resets':
      return () => true;
    default:
      return null;
  }
}
