/**
 * What is to be gathered, as plain data that another thread can be given, and the gatherer that does it.
 * A kind of gathering is a file of its own and a line here.
 */
import { AccessesGatherer, type AccessesJob, ExecutionsGatherer, type ExecutionsJob } from './gather-places.ts';
import { CallsGatherer, type CallsJob } from './gather-calls.ts';
import {
  DeliveriesGatherer,
  type DeliveriesJob,
  ResetsGatherer,
  type ResetsJob,
  SerialGatherer,
  type SerialJob,
} from './gather-deliveries.ts';
import { DevicesGatherer, type DevicesJob } from './gather-devices.ts';
import type { CurrentTask } from './current-task.ts';
import { EventsGatherer, type EventsJob } from './gather-events.ts';
import type { Gatherer, Gathering } from './gatherer.ts';
import { SwitchesGatherer, type SwitchesJob } from './gather-switches.ts';
import { TonesGatherer, type TonesJob } from './gather-tones.ts';
import { SyscallsGatherer, type SyscallsJob } from './gather-syscalls.ts';

/** What a table gathers; the process of each moment too where it is asked for, and the guest shows it. */
export type Job = (TableJob | EventsJob) & { readonly task?: CurrentTask };

export type TableJob =
  | CallsJob
  | ExecutionsJob
  | AccessesJob
  | DeliveriesJob
  | ResetsJob
  | SerialJob
  | DevicesJob
  | SyscallsJob
  | SwitchesJob
  | TonesJob;

export function makeGatherer(job: Job, place: Omit<Gathering, 'task'>): Gatherer {
  const gathering: Gathering = { ...place, task: job.task ?? null };
  return job.table === 'events' ? new EventsGatherer(gathering, job, gathererOf) : gathererOf(job, gathering);
}

function gathererOf(job: TableJob, gathering: Gathering): Gatherer {
  switch (job.table) {
    case 'calls':
      return new CallsGatherer(gathering, job);
    case 'executions':
      return new ExecutionsGatherer(gathering, job);
    case 'accesses':
      return new AccessesGatherer(gathering, job);
    case 'interrupts':
    case 'faults':
      return new DeliveriesGatherer(gathering, job);
    case 'resets':
      return new ResetsGatherer(gathering);
    case 'serial':
      return new SerialGatherer(gathering, job);
    case 'io':
    case 'mmio':
      return new DevicesGatherer(gathering, job);
    case 'syscalls':
      return new SyscallsGatherer(gathering, job);
    case 'switches':
      return new SwitchesGatherer(gathering, job);
    case 'tones':
      return new TonesGatherer(gathering);
  }
}
