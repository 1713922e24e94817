/**
 * What a device is given: everything by which it can reach the guest (ports, apertures, interrupt lines, PCI, DMA,
 * timers on the tick clock) and the host (images, inputs, the output port), and nothing else. A board with models gives
 * it (device-board.ts); one that is only looked at gives the same without effect (survey.ts). Types alone.
 */
import type { SavedFields } from '../base/fields.ts';
import type { A20Gate } from '../devices/chipset/port92.ts';
import type { LocalApic } from '../devices/interrupts/apic.ts';
import type { IoApic } from '../devices/interrupts/ioapic.ts';
import type { Pic } from '../devices/interrupts/pic.ts';
import type { InputEvent, SignalPin } from '../log/events.ts';
import type { QuirkName } from '../log/quirks.ts';
import type { BulkMemory } from '../memory/bulk.ts';
import type { BoardOptions } from './board.ts';
import type { Clock, Device, Dma, IrqLine, MmioHandler, OutputPort, PortHandler } from './device.ts';

/** Bytes that the machine was started with, wherever they are kept. Never written. */
export interface ImageSource {
  readonly sizeBytes: number;
  /** Fills `target` from that offset on; what lies behind the end reads as 0. */
  read(offset: number, target: Uint8Array): void;
}

export interface DeviceImage extends ImageSource {
  /** Its number in the manifest. */
  readonly index: number;
}

export interface ImagePart {
  readonly image: DeviceImage;
  readonly offset: number;
  readonly count: number;
}

/** The same for a device, whose images need not go into a log a second time. */
export interface DeviceDma extends Dma {
  /** Bytes of an image, from the image's `offset` on. They lie inside it. */
  writeImage(address: number, image: DeviceImage, offset: number, count: number): void;
}

/** Memory of a device's own: hashed, snapshotted and stored page by page as RAM is. See memory/bulk.ts. */
export type Bulk = Pick<
  BulkMemory,
  | 'sizeBytes'
  | 'bytes'
  | 'read8'
  | 'read16'
  | 'read32'
  | 'write8'
  | 'write16'
  | 'write32'
  | 'merge32'
  | 'isFree'
  | 'write'
  | 'fill'
  | 'clear'
  | 'copy'
>;

/**
 * What a range of addresses shows: registers, or from that byte on bulk memory, RAM or the firmware's ROM, as fast as
 * RAM.
 */
export type ApertureContent =
  | MmioHandler
  | { readonly bulk: Bulk; readonly offset?: number; readonly isReadOnly?: boolean }
  | { readonly memory: 'ram' | 'rom'; readonly offset: number; readonly isReadOnly: boolean };

/** A range of physical addresses of a device. It may be moved, hidden and filled otherwise at any time. */
export interface Aperture {
  /** −1 hides it. */
  place(address: number): void;
  show(content: ApertureContent): void;
}

/** Ports that may be moved. */
export interface PortAperture {
  /** −1: they are decoded nowhere. */
  place(first: number): void;
}

/** A base address register: what it decodes, and how much of it. Sizes are powers of two, memory at least 4 KiB. */
export type BaseAddress =
  | {
      readonly kind: 'memory';
      readonly sizeBytes: number;
      readonly content: ApertureContent;
      readonly isPrefetchable?: true;
    }
  | { readonly kind: 'ports'; readonly count: number; readonly handler: PortHandler };

export interface PciSpec {
  /** Unique on the bus: names its configuration in saved states. */
  readonly name: string;
  /** Device · 8 + function on bus 0. */
  readonly slot: number;
  readonly vendor: number;
  readonly device: number;
  /** Base class, subclass, interface. */
  readonly classCode: number;
  readonly revision?: number;
  readonly subsystem?: { readonly vendor: number; readonly device: number };
  /** By number 0–5; left out where there is none. */
  readonly bars?: readonly (BaseAddress | undefined)[];
  /** Bulk memory with the expansion ROM, whole. */
  readonly rom?: Bulk;
  /** 1 for INTA# to 4 for INTD#; none unless given. */
  readonly interruptPin?: 1 | 2 | 3 | 4;
  /** Bytes of the configuration after reset, by offset, where they are not what follows from the above. */
  readonly config?: Readonly<Record<number, number>>;
  /** Bits that software can write, by offset: in place of those that follow from the above. */
  readonly writable?: Readonly<Record<number, number>>;
  /** Bits that go to 0 where software writes 1, by offset. */
  readonly clearable?: Readonly<Record<number, number>>;
  /** Bits that the device changes by itself, by offset. */
  readonly volatile?: Readonly<Record<number, number>>;
  /** Software has written configuration bytes [offset, offset + size), or they have been reset. */
  written?(offset: number, size: number): void;
  /** The configuration has come from a saved state; other devices may still be waiting for theirs. */
  loaded?(): void;
}

/** A function of the PCI bus, as its device sees it. */
export interface PciPort {
  /** The 256 bytes as software reads them. Status bits that the device sets go here. */
  readonly config: Uint8Array;
  /** The function may read and write memory by itself (command register, bit 2). */
  readonly isBusMaster: boolean;
  /** Memory as the function reaches it: while it may not, reads give all ones and writes are lost. */
  readonly dma: DeviceDma;
  /** The level of its interrupt pin. */
  readonly interrupt: IrqLine;
}

/** The bus as its host bridge sees it. */
export interface PciBusPort {
  /** Bytes of a function's configuration space, zero-extended; all ones where there is no function. */
  read(slot: number, offset: number, size: number): number;
  write(slot: number, offset: number, size: number, value: number): void;
  /** `address` and the configuration of every function by its name. */
  readonly fields: SavedFields;
  /** The configuration address register, which is saved with the functions. */
  address: number;
  reset(): void;
  /** The levels of PIRQA# to PIRQD#. */
  readonly pirqLevels: readonly boolean[];
  routeInterrupts(router: InterruptRouter): void;
}

/** From PIRQA#–PIRQD# to the lines of the board. */
export interface InterruptRouter {
  /** Some function drives its pin. Called while the board is made, once. */
  connect(): void;
  /** The levels of the four wires have changed. */
  changed(): void;
}

/** A channel 0–7 of the ISA bus's DMA controllers, as the device on it sees it. */
export interface IsaDma {
  /** Bytes until terminal count that the channel would move in that direction; 0 while it is not set up for it. */
  available(channel: number, direction: 'to-memory' | 'from-memory' | 'verify'): number;
  /** Moves as many as are available at most; returns how many. At terminal count it reinitialises or masks itself. */
  toMemory(channel: number, source: Uint8Array): number;
  fromMemory(channel: number, target: Uint8Array): number;
  verify(channel: number, count: number): number;
}

/** The interrupt wiring (board/interrupts.ts), told by the controllers. */
export interface InterruptWires {
  picChanged(level: boolean): void;
  update(): void;
}

/**
 * What one chip offers to others by wires of its own. It is entered when the chip is created; whoever needs it looks
 * when it uses it, or while it is created if the other stands above it in the table.
 */
export interface Services {
  pic?: Pic;
  localApic?: LocalApic;
  ioApic?: IoApic;
  /** Opened and closed by port 92h and the keyboard controller alike. */
  a20Gate?: A20Gate;
  isaDma?: IsaDma;
  hpet?: LegacyReplacement;
  /** Called when that changes, by whoever is replaced. */
  legacyLines?: (() => void)[];
}

/** The high precision event timers, as the 8254 and the CMOS clock see them. */
export interface LegacyReplacement {
  /** They take the lines 0 and 8. */
  readonly replacesLegacy: boolean;
}

export type InputKind = InputEvent['kind'];
export type InputOf<K extends InputKind> = Extract<InputEvent, { readonly kind: K }>;

export interface DeviceContext {
  readonly clock: Clock;
  readonly output: OutputPort;
  readonly dma: DeviceDma;
  readonly services: Services;
  readonly interrupts: InterruptWires;
  readonly pciBus: PciBusPort;
  /** ISA interrupt line 0–15, or pin 16–23 of the I/O APIC: one more source on it. */
  irq(line: number): IrqLine;
  /** Ports for good. */
  ports(first: number, count: number, handler: PortHandler): void;
  /** Ports that move, decoded nowhere until they are placed. */
  portAperture(count: number, handler: PortHandler): PortAperture;
  /**
   * What will be read from a data port, by words or double words, is that part of an image; null takes back what has
   * not been read. A log has the block in the place of the reads.
   */
  portBlock(port: number, part: ImagePart | null): void;
  /** Said while such a read is made. False: it is part of a wider access, which has to be in the log. */
  portBlockRead(port: number): boolean;
  /** Registers in memory, in whole pages; they win over everything else that is there. Seldom moved. */
  mmio(address: number, sizeBytes: number, handler: MmioHandler): Aperture;
  /** An aperture that wins over RAM and ROM, hidden until it is placed. Whole pages. */
  aperture(sizeBytes: number, content: ApertureContent): Aperture;
  /** A function of the PCI bus; its base addresses are placed by whoever programs them. */
  pci(spec: PciSpec): PciPort;
  /** Bulk memory that the device's line of the table has asked for. */
  bulk(name: string): Bulk;
  /** The machine does as an earlier version did (log/quirks.ts). */
  hasQuirk(name: QuirkName): boolean;
  /** The image of a role, null when the machine has none. */
  image(role: string): DeviceImage | null;
  /** The device takes host inputs of that kind. Every taker gets each of them, in order of creation. */
  input<K extends InputKind>(kind: K, take: (event: InputOf<K>) => void): void;
  /** The NMI pin, for an event from outside. */
  nmi(): void;
  /** A message of the local APIC pulls a pin of the processor. INIT of a machine without firmware is a reset. */
  signal(pin: SignalPin): void;
  /** Ask for a machine reset after this instruction; who asks, as in "port 92h", is for people. */
  requestReset(by: string): void;
  setA20(enabled: boolean): void;
}

/** A line of the machine table (board/table.ts). */
export interface DeviceEntry {
  /** Whether a machine of these options has it; every machine has it if this is left out. */
  isPresent?(options: BoardOptions): boolean;
  /** Sizes in bytes of the bulk memories that it needs, by names that are unique on the board. Whole pages. */
  bulk?(options: BoardOptions): Readonly<Record<string, number>>;
  create(context: DeviceContext, options: BoardOptions): Device;
}
