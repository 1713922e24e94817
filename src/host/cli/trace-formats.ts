// What `reprise trace --format` makes besides Trace Events, by running a stretch of a recording again: every access to
// a range of memory, every access to ports and devices; coverage is coverage.ts. Nothing of it has to have been asked
// for when the run was recorded.

import type { Machine } from '../../core/machine/machine.ts';
import { peekPhysicalBytes } from '../../core/memory/peek.ts';
import { listenToPages } from '../../core/timeline/listen.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import type { GuestSymbols } from '../symbols/guest-symbols.ts';
import { hex8, linearEip } from '../debugger/views.ts';
import type { Walk } from './walk.ts';

export interface Window {
  readonly walk: Walk;
  readonly timeline: Timeline;
  readonly guest: GuestSymbols;
  readonly fromTick: number;
  readonly toTick: number;
  /** Takes whole lines without their ends. */
  readonly write: (line: string) => void;
  /** Takes an access, for the formats that are lists of them. */
  readonly writeAccess: (access: Record<string, number | string>) => void;
}

/** Counts of what was written, for the last word of the command. */
export type Counts = Record<string, number>;

/** One object for every access to the physical range, with what was there before it. */
export async function writeMemoryAccesses(window: Window, from: number, to: number): Promise<Counts> {
  const { walk, timeline, guest, fromTick, toTick, writeAccess } = window;
  const { machine } = timeline;
  const counts = { read: 0, write: 0 };
  const note = (physical: number, sizeBytes: number, isWrite: boolean): void => {
    const tick = machine.cpu.now();
    if (physical + sizeBytes <= from || physical >= to || tick >= toTick) return;
    counts[isWrite ? 'write' : 'read']++;
    const bytes = new Uint8Array(sizeBytes);
    peekPhysicalBytes(machine.cpu, physical, bytes);
    const eip = linearEip(machine.cpu);
    const access = isWrite ? 'write' : 'read';
    const before = Buffer.from(bytes).toString('hex');
    writeAccess({ tick, eip: hex8(eip), symbol: guest.table.describe(eip), access, physical, sizeBytes, before });
  };
  if (!(await walk.go(timeline, timeline.seek({ tick: fromTick, seq: 0 })))) return counts;
  if (!(await walk.place(guest, timeline))) return counts;
  listenToPages(timeline, from >>> 12, (to - 1) >>> 12, note);
  await walk.go(timeline, timeline.runOn(toTick));
  listenToPages(timeline, 0, -1, () => {});
  return counts;
}

/** One object for every access to a port and every read of a device's memory, by instruction. */
export async function writeDeviceAccesses(window: Window): Promise<Counts> {
  const { walk, timeline, guest, fromTick, toTick, writeAccess } = window;
  const { machine } = timeline;
  const counts: Counts = { 'port-read': 0, 'port-write': 0, 'mmio-read': 0, 'mmio-write': 0 };
  if (!(await walk.go(timeline, timeline.seek({ tick: fromTick, seq: 0 })))) return counts;
  if (!(await walk.place(guest, timeline))) return counts;
  const restore = listenToDevices(machine, (access, place, sizeBytes, value) => {
    const tick = machine.cpu.now();
    if (tick >= toTick) return;
    counts[access]++;
    const eip = linearEip(machine.cpu);
    const where: Record<string, number> = access.startsWith('port') ? { port: place } : { physical: place };
    const at = { tick, eip: hex8(eip), symbol: guest.table.describe(eip) };
    writeAccess({ ...at, access, ...where, sizeBytes, value: value >>> 0 });
  });
  await walk.go(timeline, timeline.runOn(toTick));
  restore();
  return counts;
}

type DeviceListener = (access: string, place: number, sizeBytes: number, value: number) => void;

/** Puts itself between processor and devices; the result takes it away again. */
function listenToDevices({ cpu, space }: Machine, listen: DeviceListener): () => void {
  const { ports } = cpu;
  const { onMmioRead, onMmioWrite } = space;
  cpu.ports = {
    read: (port, size) => {
      const value = ports.read(port, size);
      listen('port-read', port, size, value);
      return value;
    },
    write: (port, size, value) => {
      listen('port-write', port, size, value);
      ports.write(port, size, value);
    },
  };
  space.onMmioRead = (physical, size, value) => {
    onMmioRead(physical, size, value);
    listen('mmio-read', physical, size, value);
  };
  space.onMmioWrite = (physical, size, value) => listen('mmio-write', physical, size, value);
  return () => {
    cpu.ports = ports;
    space.onMmioRead = onMmioRead;
    space.onMmioWrite = onMmioWrite;
  };
}
