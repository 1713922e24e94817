/**
 * Listening to a stretch of a run: each instruction before it begins, what goes past the instruction stream, writes to
 * memory, reads of ports, what bus masters bring. Nothing that the guest can see depends on it.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import type { DmaWriteCheck, PortBlockCheck } from '../log/events.ts';
import type { DeliveryWatcher, Machine } from '../machine/machine.ts';
import { PAGE_WATCH_WRITE } from '../memory/memory.ts';
import type { LogPort } from '../session/log-port.ts';
import { type Position, positionInRun } from './lookout.ts';

export interface Listener {
  /** Before each instruction and each iteration of a REP; `linear` is its address. One that faults is told of too. */
  step?(position: Position, linear: number): void;
  /** Linear page numbers of the instructions that are told of; all of them by default. */
  readonly stepPages?: readonly number[];
  /** As of a DeliveryWatcher. */
  delivered?(kind: Parameters<DeliveryWatcher['delivered']>[0], vector: number): void;
  /** Pages of memory whose writes are told, by physical page number, and who is told: bytes are about to be written. */
  readonly pages?: readonly number[];
  written?(position: Position, physical: number, size: number): void;
  portRead?(position: Position, port: number, size: number, value: number): void;
  /** A bus master has written, or a data port will give a part of an image. */
  outside?(position: Position, event: DmaWriteCheck | PortBlockCheck): void;
}

/** Every byte of a page may begin an instruction. */
const ALL_OFFSETS: readonly number[] = Array.from({ length: PAGE_BYTES }, (_, offset) => offset);
const NO_OFFSETS: readonly number[] = [];

/** Gives back what ends it. One at a time, and no Lookout meanwhile. */
export function startListening(machine: Machine, port: LogPort, listener: Listener): () => void {
  const { cpu, space } = machine;
  const { ports } = cpu;
  const here = (): Position => positionInRun(machine);
  const { step, delivered, written, portRead, outside } = listener;
  if (step !== undefined) {
    let last = { tick: -1, seq: 0 };
    const reached = (linear: number): boolean => {
      const position = here();
      // Instructions that are run alone are asked about twice.
      if (position.tick !== last.tick || position.seq !== last.seq) step(position, linear >>> 0);
      last = position;
      return false;
    };
    const pages = listener.stepPages === undefined ? null : new Set(listener.stepPages);
    cpu.fetchStops = {
      isEverywhere: pages === null,
      isOutsideFlat: false,
      offsetsIn: (page) => (pages?.has(page) === true ? ALL_OFFSETS : NO_OFFSETS),
      looksAt: (linear) => pages === null || pages.has(linear >>> 12),
      reached,
    };
    machine.memory.setStops(false);
  }
  if (delivered !== undefined) machine.watcher = { delivered };
  if (written !== undefined) {
    space.onWatched = (physical, size, isWrite) => {
      if (isWrite) written(here(), physical, size);
    };
  }
  if (portRead !== undefined) {
    cpu.ports = {
      read: (number, size) => {
        const value = ports.read(number, size);
        portRead(here(), number, size, value);
        return value;
      },
      write: (number, size, value) => ports.write(number, size, value),
    };
  }
  if (outside !== undefined) port.heard = (event) => outside(here(), event);
  space.watch(new Map((listener.pages ?? []).map((page) => [page, PAGE_WATCH_WRITE])));
  return () => {
    if (cpu.fetchStops !== null) machine.memory.setStops(false);
    cpu.fetchStops = null;
    machine.watcher = null;
    cpu.ports = ports;
    port.heard = null;
    space.onWatched = () => {};
    space.watch(new Map());
  };
}
