// Snapshots of a whole machine, copy-on-write at page granularity: a PageStore remembers the last copy
// of each RAM page, and a new snapshot copies only pages written since (dirty tracking); snapshots
// share the rest. Restoring copies only pages that differ from what the machine holds.
// A snapshot is plain data and belongs to machines of the same manifest; the input port is not in it.

import type { DeviceState } from '../devices/device.ts';
import { updateWatch } from '../cpu/debug.ts';
import { updateMode } from '../cpu/segmentation.ts';
import { DIRTY_CHECKPOINT } from '../memory/address-space.ts';
import { RAM_BASE, TICK_F64 } from '../state/layout.ts';
import type { Machine } from './machine.ts';
import { cpuBytes, loadCpuBytes } from './state-hash.ts';

const PAGE_SIZE = 4096;

export interface Snapshot {
  readonly tick: number;
  readonly cpu: Uint8Array;
  readonly loop: DeviceState;
  readonly clock: DeviceState;
  readonly devices: readonly (readonly [string, DeviceState])[];
  /** One entry a RAM page; null = all zero. Shared between snapshots, never written. */
  readonly pages: readonly (Uint8Array | null)[];
}

export class PageStore {
  private readonly machine: Machine;
  /** What the machine's clean pages hold; undefined = not known (the page is to be written in any case). */
  private readonly current: (Uint8Array | null | undefined)[];
  /** Pages copied by the last take(): what it cost. */
  copiedPages = 0;

  /** Takes over the machine's checkpoint dirty bits: one store a machine. */
  constructor(machine: Machine) {
    this.machine = machine;
    this.current = new Array<Uint8Array | null | undefined>(machine.space.ramPages).fill(null);
  }

  /** The machine between slices, as it is now. Cost: the pages written since the last one. */
  take(): Snapshot {
    const { machine } = this;
    this.refresh();
    return {
      tick: machine.tick,
      cpu: cpuBytes(machine.cpu),
      loop: machine.saveLoop(),
      clock: machine.clock.save(),
      devices: machine.board.devices.map((device) => [device.name, device.save()] as const),
      pages: this.current.slice() as (Uint8Array | null)[],
    };
  }

  private refresh(): void {
    const { m8, m32 } = this.machine.cpu;
    this.copiedPages = 0;
    for (const page of this.machine.space.takeDirty(DIRTY_CHECKPOINT)) {
      const start = RAM_BASE + page * PAGE_SIZE;
      const word = start >> 2;
      let end = word;
      while (end < word + 1024 && m32[end] === 0) end++;
      const isZero = end === word + 1024;
      this.current[page] = isZero ? null : m8.slice(start, start + PAGE_SIZE);
      if (!isZero) this.copiedPages++;
    }
  }

  /**
   * Make the machine what it was. Derived state is dropped; with `keepCode` the engine keeps what it made of code
   * bytes that stay the same, so that code which only runs once it is warm can be run again from here. That is for
   * snapshots a few instructions away, with the same memory map.
   */
  restore(snapshot: Snapshot, keepCode = false): void {
    const { machine } = this;
    const { cpu, space } = machine;
    if (snapshot.pages.length !== space.ramPages) throw new Error('the snapshot is of a machine with other memory');
    for (const page of space.takeDirty(DIRTY_CHECKPOINT)) this.current[page] = undefined;
    for (let page = 0; page < snapshot.pages.length; page++) {
      const wanted = snapshot.pages[page];
      if (wanted === this.current[page]) continue;
      const start = RAM_BASE + page * PAGE_SIZE;
      if (keepCode) this.touchDifferences(start, wanted);
      if (wanted === null) cpu.m8.fill(0, start, start + PAGE_SIZE);
      else cpu.m8.set(wanted, start);
      space.markDirty(start);
      // It holds the very bytes of the snapshot: to the store it is clean.
      this.current[page] = wanted;
      space.dirty[page] &= ~DIRTY_CHECKPOINT;
    }
    loadCpuBytes(cpu, snapshot.cpu);
    cpu.f64[TICK_F64] = snapshot.tick;
    updateMode(cpu);
    machine.board.devices.forEach((device, i) => {
      const [name, state] = snapshot.devices[i];
      if (name !== device.name) throw new Error(`the snapshot has device ${name} where the machine has ${device.name}`);
      device.load(state);
    });
    machine.clock.load(snapshot.clock);
    machine.loadLoop(snapshot.loop);
    if (keepCode) space.touchDerived();
    else space.flatten();
    updateWatch(cpu);
    if (!keepCode) machine.engine.drop();
    machine.loadLoop(snapshot.loop);
  }

  /** Words of a page that are about to change: blocks made from them are invalid. */
  private touchDifferences(start: number, wanted: Uint8Array | null): void {
    const { m8 } = this.machine.cpu;
    for (let at = 0; at < PAGE_SIZE; at += 4) {
      let differs = false;
      for (let i = at; i < at + 4; i++) differs ||= m8[start + i] !== (wanted === null ? 0 : wanted[i]);
      if (differs) this.machine.space.touch(start + at, 4);
    }
  }
}
