/**
 * Two Intel 8237A DMA controllers and the page registers of the PC/AT (data sheet 231466; IBM AT Technical Reference):
 * all registers as a driver programs and probes them, and the channels as ISA devices use them. A device asks how much
 * its channel would move and moves it in one go. Channels 5–7 count words and address 128 KiB pages; addresses wrap
 * inside their page. Memory-to-memory transfers are not done, request bits of the status are never set, and the mask of
 * the cascade (channel 4) holds up nobody.
 */
import type { DeviceContext, DeviceEntry, IsaDma } from '../../board/context.ts';
import type { Device, Dma } from '../../board/device.ts';
import { bits, byte, bytes, flag, list, word16 } from '../../base/field-kinds.ts';
import { fields, type FieldValues, withFields } from '../../base/fields.ts';

const CHANNEL = fields({
  baseAddress: word16(),
  baseCount: word16(),
  address: word16(),
  count: word16(),
  mode: bits(0xfc),
});
type Channel = FieldValues<typeof CHANNEL.shape>;

/** Page register offsets from port 80h, by channel 0–7 (channel 4 is the cascade). */
const pageOffsets = [0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa];

const CHIP = fields({
  command: byte(),
  /** Bits 3–0 terminal count reached (cleared by reading), 7–4 request. */
  status: byte(),
  requests: bits(0x0f),
  masks: bits(0x0f, 0x0f),
  temporary: byte(),
  /** The byte pointer: the next access to an address or count is to the high byte. */
  high: flag(),
  channels: list(CHANNEL, 4, 4),
});

class Chip8237 extends withFields(CHIP) {
  read(register: number): number {
    if (register < 8) {
      const channel = this.channels[register >> 1];
      const value = (register & 1) !== 0 ? channel.count : channel.address;
      this.high = !this.high;
      return this.high ? value & 0xff : value >> 8;
    }
    if (register === 8) {
      const { status } = this;
      this.status &= 0xf0;
      return status;
    }
    return register === 13 ? this.temporary : register === 15 ? this.masks | 0xf0 : 0xff;
  }

  write(register: number, value: number): void {
    if (register < 8) {
      this.#writeChannel(this.channels[register >> 1], (register & 1) !== 0, value);
      return;
    }
    const bit = 1 << (value & 3);
    switch (register) {
      case 8:
        this.command = value;
        break;
      case 9:
        this.requests = (value & 4) !== 0 ? this.requests | bit : this.requests & ~bit;
        break;
      case 10:
        this.masks = (value & 4) !== 0 ? this.masks | bit : this.masks & ~bit;
        break;
      case 11:
        this.channels[value & 3].mode = value & 0xfc;
        break;
      case 12:
        this.high = false;
        break;
      case 13:
        this.clear();
        break;
      case 14:
        this.masks = 0;
        break;
      default:
        this.masks = value & 0x0f;
    }
  }

  #writeChannel(channel: Channel, isCount: boolean, value: number): void {
    const before = isCount ? channel.baseCount : channel.baseAddress;
    const after = this.high ? (before & 0xff) | (value << 8) : (before & 0xff00) | value;
    this.high = !this.high;
    if (isCount) {
      channel.baseCount = after;
      channel.count = after;
    } else {
      channel.baseAddress = after;
      channel.address = after;
    }
  }

  /** Master clear: as the reset line. */
  clear(): void {
    this.command = 0;
    this.status = 0;
    this.requests = 0;
    this.temporary = 0;
    this.high = false;
    this.masks = 0x0f;
  }
}

/** Transfer types of the mode register, bits 3–2. */
const TYPES = { verify: 0x00, 'to-memory': 0x04, 'from-memory': 0x08 } as const;
const TYPE_BITS = 0x0c;
const AUTO_INITIALISE = 0x10;
const DECREMENT = 0x20;
const CASCADE = 0xc0;
/** Command register: the controller is off. */
const DISABLED = 0x04;

const FIELDS = fields({
  low: CHIP,
  high: CHIP,
  /** Ports 81h–8Fh; those that no channel uses are plain storage. */
  pages: bytes(16),
});

export class Dma8237 extends withFields(FIELDS) implements Device, IsaDma {
  readonly name = 'dma';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  override readonly low = new Chip8237();
  override readonly high = new Chip8237();
  readonly #chips = [this.low, this.high];
  readonly #dma: Dma;

  constructor(context: DeviceContext) {
    super();
    this.#dma = context.dma;
    context.services.isaDma = this;
    const { low, high } = this;
    context.ports(0x00, 16, {
      read: (port) => low.read(port & 15),
      write: (port, _size, value) => low.write(port & 15, value),
    });
    // The second controller's registers stand at even ports.
    context.ports(0xc0, 32, {
      read: (port) => ((port & 1) !== 0 ? 0xff : high.read((port >> 1) & 15)),
      write: (port, _size, value) => {
        if ((port & 1) === 0) high.write((port >> 1) & 15, value);
      },
    });
    context.ports(0x81, 15, {
      read: (port) => this.pages[port & 15],
      write: (port, _size, value) => {
        this.pages[port & 15] = value;
      },
    });
  }

  /** Bytes of a unit of the channel's count. */
  #unit(index: number): number {
    return index < 4 ? 1 : 2;
  }

  available(index: number, direction: keyof typeof TYPES): number {
    const chip = this.#chips[index >> 2];
    const { count, mode } = chip.channels[index & 3];
    const isMasked = (chip.masks & (1 << (index & 3))) !== 0 || (chip.command & DISABLED) !== 0;
    if (isMasked || (mode & CASCADE) === CASCADE || (mode & TYPE_BITS) !== TYPES[direction]) return 0;
    return (count + 1) * this.#unit(index);
  }

  /** Physical address of the next unit. */
  #address(index: number): number {
    const { address } = this.#chips[index >> 2].channels[index & 3];
    const page = this.pages[pageOffsets[index]];
    return index < 4 ? (page << 16) | address : ((page & 0xfe) << 16) | (address << 1);
  }

  /** Moves bytes that are available, in runs of ascending addresses. */
  #move(index: number, count: number, piece: (address: number, at: number, run: number) => void): number {
    const channel = this.#chips[index >> 2].channels[index & 3];
    const unit = this.#unit(index);
    const total = count - (count % unit);
    for (let done = 0; done < total; ) {
      const untilWrap = (channel.mode & DECREMENT) !== 0 ? unit : (0x10000 - channel.address) * unit;
      const run = Math.min(total - done, untilWrap);
      piece(this.#address(index), done, run);
      this.#advance(index, run / unit);
      done += run;
    }
    return total;
  }

  /** So many units have been moved; at terminal count the channel initialises itself again or masks itself. */
  #advance(index: number, units: number): void {
    const chip = this.#chips[index >> 2];
    const channel = chip.channels[index & 3];
    const step = (channel.mode & DECREMENT) !== 0 ? -units : units;
    channel.address = (channel.address + step) & 0xffff;
    const rest = channel.count - units;
    channel.count = rest & 0xffff;
    if (rest >= 0) return;
    chip.status |= 1 << (index & 3);
    if ((channel.mode & AUTO_INITIALISE) !== 0) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else chip.masks |= 1 << (index & 3);
  }

  toMemory(index: number, source: Uint8Array): number {
    const count = Math.min(source.length, this.available(index, 'to-memory'));
    return this.#move(index, count, (address, at, run) => this.#dma.write(address, source.subarray(at, at + run)));
  }

  fromMemory(index: number, target: Uint8Array): number {
    const count = Math.min(target.length, this.available(index, 'from-memory'));
    return this.#move(index, count, (address, at, run) => this.#dma.read(address, target.subarray(at, at + run)));
  }

  verify(index: number, wanted: number): number {
    return this.#move(index, Math.min(wanted, this.available(index, 'verify')), () => {});
  }

  reset(): void {
    for (const chip of this.#chips) chip.clear();
  }
}

export const dma8237: DeviceEntry = { create: (context) => new Dma8237(context) };
