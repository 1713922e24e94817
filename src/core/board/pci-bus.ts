/**
 * PCI bus 0 (PCI Local Bus Specification 2.3, chapter 6): the configuration space of every function, base address
 * registers that move what they decode, the command register's bits for ports, memory, bus mastering and interrupts,
 * interrupt pins as wires to PIRQA#–PIRQD# (the swizzle of PC boards: device − 1 + pin). A function is declared by its
 * device with a PciSpec; the host bridge (devices/chipset/pci.ts) reaches it by slot and saves all of them.
 *
 * A base address of 0, beyond the space, or while its command bit is clear decodes nothing. Memory of functions lies
 * below RAM: where RAM answers, they do not (82441FX data sheet, "Memory address map").
 */
import { bits, bytes } from '../base/field-kinds.ts';
import { describe, fields, type Kind, type SavedFields } from '../base/fields.ts';
import type {
  BaseAddress,
  Bulk,
  DeviceDma,
  InterruptRouter,
  PciBusPort,
  PciPort,
  PciSpec,
  PortAperture,
  Aperture,
  ApertureContent,
} from './context.ts';
import type { IrqLine, PortHandler } from './device.ts';

const configBytes = 256;
const barCount = 6;
const BAR = 0x10;
const ROM_BAR = 0x30;
const COMMAND = 0x04;
const STATUS = 0x06;
const COMMAND_PORTS = 0x0001;
const COMMAND_MEMORY = 0x0002;
const COMMAND_MASTER = 0x0004;
/** Ports, memory, bus master, parity response, SERR, interrupt disable. */
const COMMAND_WRITABLE = 0x0547;
const INTERRUPT_DISABLE = 0x0400;
const INTERRUPT_STATUS = 0x08;
const ROM_ENABLE = 1;
const pirqCount = 4;

/** What a bus needs to let functions answer. */
export interface PciSpace {
  readonly dma: DeviceDma;
  /** Below RAM, hidden. */
  aperture(sizeBytes: number, content: ApertureContent): Aperture;
  ports(count: number, handler: PortHandler): PortAperture;
}

/** A base address register and what it moves. */
interface Decoder {
  readonly offset: number;
  readonly mask: number;
  readonly commandBit: number;
  /** Bit of the register itself that must be set too. */
  readonly enableBit: number;
  readonly addressMax: number;
  readonly aperture: Aperture | PortAperture;
  placed: number;
}

class PciFunction implements PciPort {
  readonly spec: PciSpec;
  readonly config = new Uint8Array(configBytes);
  readonly interrupt: IrqLine;
  readonly dma: DeviceDma;
  /** Which of the four wires its pin is on, −1 for none. */
  readonly pirq: number;
  readonly #initial = new Uint8Array(configBytes);
  readonly #writable = new Uint8Array(configBytes);
  readonly #clearable = new Uint8Array(configBytes);
  /** Bits that the bus or the device sets by itself. */
  readonly #volatile = new Uint8Array(configBytes);
  readonly #decoders: Decoder[] = [];

  constructor(spec: PciSpec, space: PciSpace, levelChanged: () => void) {
    this.spec = spec;
    const { vendor, device, classCode, revision = 0, subsystem, interruptPin, bars = [], rom } = spec;
    this.#put(0x00, 2, vendor);
    this.#put(0x02, 2, device);
    this.#put(0x08, 1, revision);
    this.#put(0x09, 3, classCode);
    this.#allow(COMMAND, 2, COMMAND_WRITABLE);
    this.#allow(0x0d, 1, 0xf8);
    this.#allow(0x3c, 1, 0xff);
    if (subsystem !== undefined) {
      this.#put(0x2c, 2, subsystem.vendor);
      this.#put(0x2e, 2, subsystem.device);
    }
    if (interruptPin !== undefined) {
      this.#put(0x3d, 1, interruptPin);
      this.#volatile[STATUS] = INTERRUPT_STATUS;
    }
    this.pirq = interruptPin === undefined ? -1 : ((spec.slot >> 3) - 1 + interruptPin - 1) & (pirqCount - 1);
    this.interrupt = {
      set: (level) => {
        if (this.pirq < 0 || level === this.isAsserted) return;
        this.config[STATUS] ^= INTERRUPT_STATUS;
        levelChanged();
      },
    };
    const { dma } = space;
    this.dma = {
      read: (address, target) => {
        if (this.isBusMaster) dma.read(address, target);
        else target.fill(0xff);
      },
      write: (address, source) => {
        if (this.isBusMaster) dma.write(address, source);
      },
      writeImage: (address, image, offset, count) => {
        if (this.isBusMaster) dma.writeImage(address, image, offset, count);
      },
    };
    if (bars.length > barCount) throw new Error(`${spec.name} has ${bars.length} base addresses`);
    bars.forEach((bar, i) => {
      if (bar !== undefined) this.#decode(BAR + i * 4, bar, space);
    });
    if (rom !== undefined) this.#decodeRom(rom, space);
    for (const [offset, byte] of Object.entries(spec.config ?? {})) this.#put(Number(offset), 1, byte);
    for (const [offset, mask] of Object.entries(spec.writable ?? {})) this.#writable[Number(offset)] = mask;
    for (const [offset, mask] of Object.entries(spec.clearable ?? {})) this.#clearable[Number(offset)] = mask;
    for (const [offset, mask] of Object.entries(spec.volatile ?? {})) this.#volatile[Number(offset)] |= mask;
    this.config.set(this.#initial);
  }

  #put(offset: number, count: number, value: number): void {
    for (let i = 0; i < count; i++) this.#initial[offset + i] = value >>> (i * 8);
  }

  #allow(offset: number, count: number, mask: number): void {
    for (let i = 0; i < count; i++) this.#writable[offset + i] = mask >>> (i * 8);
  }

  #decode(offset: number, bar: BaseAddress, space: PciSpace): void {
    const isMemory = bar.kind === 'memory';
    const sizeBytes = isMemory ? bar.sizeBytes : bar.count;
    const least = isMemory ? 0x1000 : 4;
    if (sizeBytes < least || (sizeBytes & (sizeBytes - 1)) !== 0) {
      throw new Error(`${this.spec.name}: a base address of ${sizeBytes} bytes`);
    }
    const mask = -sizeBytes;
    this.#allow(offset, 4, mask);
    this.#put(offset, 1, isMemory ? (bar.isPrefetchable === true ? 8 : 0) : 1);
    this.#decoders.push({
      offset,
      mask,
      commandBit: isMemory ? COMMAND_MEMORY : COMMAND_PORTS,
      enableBit: 0,
      addressMax: (isMemory ? 0x1_0000_0000 : 0x10000) - sizeBytes,
      aperture: isMemory ? space.aperture(sizeBytes, bar.content) : space.ports(bar.count, bar.handler),
      placed: -1,
    });
  }

  #decodeRom(rom: Bulk, space: PciSpace): void {
    const { sizeBytes } = rom;
    if (sizeBytes < 0x1000 || (sizeBytes & (sizeBytes - 1)) !== 0) {
      throw new Error(`${this.spec.name}: an expansion ROM of ${sizeBytes} bytes`);
    }
    this.#allow(ROM_BAR, 4, -sizeBytes | ROM_ENABLE);
    this.#decoders.push({
      offset: ROM_BAR,
      mask: -sizeBytes,
      commandBit: COMMAND_MEMORY,
      enableBit: ROM_ENABLE,
      addressMax: 0x1_0000_0000 - sizeBytes,
      aperture: space.aperture(sizeBytes, { bulk: rom, isReadOnly: true }),
      placed: -1,
    });
  }

  get #command(): number {
    return this.config[COMMAND] | (this.config[COMMAND + 1] << 8);
  }

  get isBusMaster(): boolean {
    return (this.#command & COMMAND_MASTER) !== 0;
  }

  get isAsserted(): boolean {
    return (this.config[STATUS] & INTERRUPT_STATUS) !== 0 && this.pirq >= 0;
  }

  /** The level on its wire. */
  get drives(): boolean {
    return this.isAsserted && (this.#command & INTERRUPT_DISABLE) === 0;
  }

  #word32(offset: number): number {
    const { config } = this;
    return config[offset] | (config[offset + 1] << 8) | (config[offset + 2] << 16) | (config[offset + 3] << 24);
  }

  write(offset: number, value: number): void {
    const mask = this.#writable[offset];
    this.config[offset] = ((this.config[offset] & ~mask) | (value & mask)) & ~(value & this.#clearable[offset]);
  }

  /** What the base addresses and the command register say is decoded. */
  place(): void {
    for (const decoder of this.#decoders) {
      const word = this.#word32(decoder.offset);
      const address = (word & decoder.mask) >>> 0;
      const isOn =
        (this.#command & decoder.commandBit) !== 0 &&
        (word & decoder.enableBit) === decoder.enableBit &&
        address !== 0 &&
        address <= decoder.addressMax;
      const wanted = isOn ? address : -1;
      if (wanted === decoder.placed) continue;
      decoder.placed = wanted;
      decoder.aperture.place(wanted);
    }
  }

  reset(): void {
    this.config.set(this.#initial);
  }

  /** Whether the byte at `offset` can come to have this value. */
  canHold(offset: number, value: number): boolean {
    const changing = this.#writable[offset] | this.#clearable[offset] | this.#volatile[offset];
    return ((value ^ this.#initial[offset]) & ~changing) === 0;
  }
}

/** The bytes of a function in a saved state: those that nothing changes are what they are. */
function configuration(pciFunction: PciFunction): Kind<Uint8Array> {
  const kind = bytes(configBytes);
  return {
    ...kind,
    initial: () => pciFunction.config.slice(),
    problem: (saved, path) => {
      const problem = kind.problem(saved, path);
      if (problem !== null) return problem;
      const config = saved as Uint8Array;
      const at = config.findIndex((value, i) => !pciFunction.canHold(i, value));
      return at < 0 ? null : `${path}[${at}] is ${describe(config[at])}, which nothing can put there`;
    },
  };
}

export class PciBus implements PciBusPort {
  /** CONFIG_ADDRESS of the host bridge. */
  address = 0;
  /** By slot. */
  readonly #functions = new Map<number, PciFunction>();
  readonly #space: PciSpace;
  readonly pirqLevels = new Array<boolean>(pirqCount).fill(false);
  #router: InterruptRouter | null = null;

  constructor(space: PciSpace) {
    this.#space = space;
  }

  add(spec: PciSpec): PciPort {
    if (this.#functions.has(spec.slot)) throw new Error(`PCI slot ${spec.slot.toString(16)}h is taken twice`);
    const added = new PciFunction(spec, this.#space, () => this.#driveInterrupts());
    const isFirst = added.pirq >= 0 && !this.#hasPins;
    this.#functions.set(spec.slot, added);
    added.place();
    if (isFirst) this.#router?.connect();
    return added;
  }

  /** In order of their slots. */
  get #inOrder(): PciFunction[] {
    return [...this.#functions.values()].sort((a, b) => a.spec.slot - b.spec.slot);
  }

  get #hasPins(): boolean {
    for (const each of this.#functions.values()) if (each.pirq >= 0) return true;
    return false;
  }

  routeInterrupts(router: InterruptRouter): void {
    this.#router = router;
    if (this.#hasPins) router.connect();
  }

  /** Takes the levels of the pins to the wires; true when one has changed. */
  #followPins(): boolean {
    let isChanged = false;
    for (let pirq = 0; pirq < pirqCount; pirq++) {
      let level = false;
      for (const each of this.#functions.values()) if (each.pirq === pirq && each.drives) level = true;
      isChanged ||= level !== this.pirqLevels[pirq];
      this.pirqLevels[pirq] = level;
    }
    return isChanged;
  }

  #driveInterrupts(): void {
    if (this.#followPins()) this.#router?.changed();
  }

  read(slot: number, offset: number, size: number): number {
    const found = this.#functions.get(slot);
    if (found === undefined) return 0xffffffff;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + found.config[offset + i];
    return value;
  }

  write(slot: number, offset: number, size: number, value: number): void {
    const found = this.#functions.get(slot);
    if (found === undefined) return;
    for (let i = 0; i < size; i++) found.write(offset + i, (value >>> (i * 8)) & 0xff);
    found.place();
    this.#driveInterrupts();
    found.spec.written?.(offset, size);
  }

  reset(): void {
    this.address = 0;
    for (const each of this.#inOrder) {
      each.reset();
      each.place();
      each.spec.written?.(0, configBytes);
    }
    this.#driveInterrupts();
  }

  /** Made when it is asked for: by then every function is there. */
  get fields(): SavedFields {
    const functions = this.#inOrder;
    const kinds = functions.map((each) => [each.spec.name, configuration(each)] as const);
    const values: { address: number; [name: string]: number | Uint8Array } = {
      address: this.address,
      ...Object.fromEntries(functions.map(({ spec, config }) => [spec.name, config])),
    };
    const loaded = (): void => {
      this.address = values.address;
      for (const each of functions) {
        each.place();
        each.spec.loaded?.();
      }
      // What the router makes of it is in the state of the interrupt wiring.
      this.#followPins();
    };
    return fields({ address: bits(0x80fffffc), ...Object.fromEntries(kinds) }).of(values, { loaded });
  }
}
