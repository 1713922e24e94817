// What a device is, and the wires between it and the rest of a board: ports, registers in memory, interrupt lines, DMA,
// timers on the tick clock. A device is a class in one file, headed by the data sheet it follows, and one line of the
// machine table (board/table.ts), which creates it with a DeviceContext (context.ts) and nothing else. Types alone.

import type { SavedFields } from '../base/fields.ts';

/** Plain data only (msgpack-able): numbers, booleans, strings, null, arrays, Uint8Array, nested objects. */
export type DeviceState = { [key: string]: DeviceValue };
export type DeviceValue = number | boolean | string | null | Uint8Array | DeviceValue[] | DeviceState;

export interface Device {
  /** Unique, stable: names the device in snapshots, hashes and divergence reports. */
  readonly name: string;
  /** Raised when the behaviour or the state format changes; stored in the log's manifest. */
  readonly version: number;
  /** Everything that it remembers: what is saved, loaded, hashed and shown. */
  readonly fields: SavedFields;
  /** Power-on and reset line. */
  reset(): void;
  /** What a board of the log has to know of it that begins in the middle of a run. */
  known?(): KnownOfDevice;
}

/** What a run without devices follows by itself (log-board.ts), as far as it concerns one device. */
export interface KnownOfDevice {
  /** Registers of a serial line. */
  readonly serial?: { readonly line: number; readonly lineControl: number; readonly modemControl: number };
  readonly isNmiMasked?: boolean;
  /** What data ports will give is in images. */
  readonly blocks?: readonly KnownBlock[];
}

/** Bytes `offset` on of image `image` of the manifest are read from a data port. */
export interface KnownBlock {
  readonly port: number;
  readonly image: number;
  readonly offset: number;
  readonly length: number;
}

/** size in bytes: 1, 2, 4; values zero-extended. Undecoded ports and sizes read as all ones. */
export interface PortHandler {
  /** Widest access the device decodes, in bytes; wider ones arrive as several, as on the ISA bus. 1 when absent. */
  readonly maxSize?: 1 | 2 | 4;
  read(port: number, size: number): number;
  write(port: number, size: number, value: number): void;
}

/** One armed moment on the tick clock; owned by its device, saved and restored by the clock under the timer's id. */
export interface Timer {
  /** Tick at which it fires, Infinity when disarmed. */
  readonly dueTick: number;
  arm(tick: number): void;
  disarm(): void;
}

export interface Clock {
  /** Ticks retired before the instruction in hand. */
  now(): number;
  /** Nanoseconds of guest time per tick; a power of two (1, 2, 4, …; may be below 1). */
  readonly nsPerTick: number;
  /** Seconds since 1970-01-01 UTC at tick 0, from the log. */
  readonly epochSeconds: number;
  /** Create a timer; creation order breaks ties between timers due at the same tick. */
  timer(id: string, fire: () => void): Timer;
  /** floor(ticks · nsPerTick · hertz / 10^9), exact: cycles of a clock of that frequency since tick 0. */
  cycles(tick: number, hertz: number): number;
  /** The first tick at which cycles(tick, hertz) >= count. */
  tickOfCycle(count: number, hertz: number): number;
}

/** An interrupt wire: level-driven; the controller decides about edges. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Physical memory as bus masters see it: through the same map and the same dirty and code tracking. */
export interface Dma {
  read(address: number, target: Uint8Array): void;
  write(address: number, source: Uint8Array): void;
}

export interface MmioHandler {
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
  /**
   * Makes a write that changes bytes of the device's own memory and nothing else, so that it need not be known when it
   * is made. False: it is none, and nothing has been done.
   */
  writesQuietly?(offset: number, size: number, value: number): boolean;
}

/** What leaves the machine: guest output and requests. Never feeds anything back. */
export interface OutputPort {
  serial(port: number, byte: number): void;
  /** Port E9h / 402h debug console. */
  debugConsole(byte: number): void;
  /** A byte for the printer. */
  parallel(byte: number): void;
  /** Debug-exit value as written by the guest. */
  debugExit(value: number): void;
  powerOff(): void;
}
