/**
 * What the machine loop asks of a board: time, inputs, the interrupt pin, ports, reset, state. Two boards answer:
 * one of device models (device-board.ts), one of a log that says what the devices did (log-board.ts). The loop never
 * asks which one it has. A board knows no CPU and no engine: the machine hands in what it needs of them.
 */
import type { InputEvent } from '../log/events.ts';
import type { TickClock } from './clock.ts';
import type { PortBus } from '../state/cpu.ts';
import type { SerialTiming } from '../devices/serial/uart.ts';
import type { StateError } from '../base/fields.ts';
import type { BulkMemory } from '../memory/bulk.ts';
import type { MappedRun, MapAperture, Shown } from '../memory/address-space.ts';
import type { ImageSource } from './context.ts';
import type { Device, DeviceState, Dma, IrqLine, MmioHandler, OutputPort } from './device.ts';

/** What the board is given by the machine around it. */
export interface BoardContext {
  readonly clock: TickClock;
  readonly output: OutputPort;
  readonly dma: Dma;
  readonly space: BoardSpace;
  /** The level of the CPU's INTR pin changed. */
  intr(level: boolean): void;
  nmi(): void;
  /** INIT: the processor starts anew at its reset vector (SDM 3, 10.1). */
  init(): void;
  requestReset(by: string): void;
  setA20(enabled: boolean): void;
  /** A write to ports F0h and F1h: the x87's error pin is let go (Intel SDM vol. 1, section 8.7.2). */
  acknowledgeError(): void;
}

/** The address space as a board lays it out (memory/address-space.ts). */
export interface BoardSpace {
  aperture(sizeBytes: number, priority: number, shown: Shown): Pick<MapAperture, 'place' | 'show' | 'address'>;
  /** The bulk memories of the machine's table (table.ts, planBulk), by name. */
  readonly bulks: ReadonlyMap<string, BulkMemory>;
  /** The host address of a byte of RAM, or of the firmware's ROM. */
  hostOf(memory: 'ram' | 'rom', offset: number): number;
  /** A bus master is about to reach these bytes. */
  openRange(address: number, sizeBytes: number): void;
  /** Set by the board: told when addresses lead elsewhere. */
  onMapped: (run: MappedRun) => void;
  /** What all addresses lead to, whatever the A20 line does. */
  mapped(): MappedRun[];
}

/** The same for a board that does as a log says. */
export interface FollowingSpace extends BoardSpace {
  canFollow(run: MappedRun): boolean;
  /** Nothing is done where there is no such memory. */
  follow(run: MappedRun, handler: MmioHandler): void;
  followed(): MappedRun[];
  unfollow(): void;
  /** Puts a page of bulk memory in place; false where there is none of that number. */
  putBulkPage(page: number, bytes: Uint8Array): boolean;
}

/** Bytes that the machine was started with, in the order of the manifest. */
export interface BoardImage {
  /** kernel, initrd, bios, hda … */
  readonly role: string;
  readonly source: ImageSource;
}

/** What a machine that firmware starts tells it, and where the firmware is. */
export interface FirmwareOptions {
  /** Size of the ROM. */
  readonly romBytes: number;
  /** Files of the configuration device (devices/chipset/fw-cfg.ts) by name, in their order. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** There is a screen: firmware does not speak on the serial line. */
  readonly hasScreen: boolean;
  /** The user may choose what to boot from. */
  readonly hasBootMenu: boolean;
  /** What to boot from, in order: c, d, a, n. */
  readonly bootOrder: string;
}

export interface BoardOptions {
  readonly memoryBytes: number;
  /** 'instant' unless given. */
  readonly serialTiming?: SerialTiming;
  /** Local and I/O APIC; there unless false. */
  readonly apic?: boolean;
  /** The test device of kernel test suites; there unless false. */
  readonly testDevice?: boolean;
  /** A screen; none unless given. */
  readonly vga?: 'std';
  /** High precision event timers; none unless given. */
  readonly hpet?: true;
  /** A parallel port; none unless given. */
  readonly parallel?: true;
  /** Behaviours of earlier versions (log/quirks.ts). */
  readonly quirks?: readonly string[];
  /** None unless given. */
  readonly images?: readonly BoardImage[];
  /** Room for what guests write to their disks; devices/disk/ide.ts has a default. */
  readonly diskRoomMegabytes?: number;
  /** Of the write cache of each disk; it is not imitated unless given (devices/disk/write-cache.ts). */
  readonly writeCacheKilobytes?: number;
  /** The machine starts at the reset vector and finds the chipset as it is after power-on. */
  readonly firmware?: FirmwareOptions;
}

/** State by name. */
export type BoardState = readonly (readonly [name: string, state: DeviceState])[];

/** The same from a log or a file: anything may be in it. */
export type SavedStates = readonly (readonly [name: string, state: unknown])[];

/** Who can interrupt a processor that takes interrupts: nobody, what a person or a serial line does, or anything. */
export type Wakers = 'nobody' | 'people' | 'anything';

export interface Board {
  /** What IN and OUT reach. */
  readonly ports: PortBus;
  /** IRQ 13, which the x87's error pin raises. */
  readonly errorLine: IrqLine;
  /** CPUID announces a local APIC and IA32_APIC_BASE exists. */
  readonly hasApic: boolean;
  /** The models, in order of creation; none where no device runs. */
  readonly devices: readonly Device[];

  /** Tick of the next thing that happens by itself, Infinity when nothing will. */
  nextDue(): number;
  /** Does what is due at or before `tick`, except interrupts; true when there was anything. */
  runDue(tick: number): boolean;
  /** Hands an input to what it is for. Inputs for what is not there have no effect. */
  input(event: InputEvent): void;
  /** The CPU can be interrupted before its next instruction: INTA, and its vector; −1 when INTR is low. */
  takeInterrupt(tick: number): number;
  /** The level of INTR where it is known. */
  readonly intr: boolean;
  /** As far as it is known. */
  readonly wakers: Wakers;
  /**
   * IA32_APIC_BASE (Intel SDM vol. 3, section 10.4.3), 36 bits, as WRMSR has just set it, or as it is in a state that
   * has been loaded.
   */
  setApicBase(base: number, isLoaded: boolean): void;
  /** The reset line of everything on the board. */
  reset(): void;

  /** What state hashes cover; null where nothing is known of devices. */
  hashParts(): BoardState | null;
  /** All there is to save. */
  save(): BoardState;
  /** What a board of the log would save at this moment (log-board.ts). */
  saveAsLogged(): BoardState;
  /** Why states that claim to be of that tick cannot be loaded, or null. */
  problem(states: SavedStates, tick: number): StateError | null;
  /** Inverse of save; the order does not matter. States without problem. */
  load(states: BoardState): void;
}

/** Ports F0h and F1h. */
export const ERROR_PORT = 0xf0;
export const ERROR_PORT_COUNT = 2;
