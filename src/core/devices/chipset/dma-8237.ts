/**
 * Two Intel 8237A DMA controllers and the page registers of the PC/AT (data sheet 231466; IBM AT Technical Reference):
 * all registers as a driver programs and probes them. channel() tells a floppy or sound device where to transfer, and
 * advance() moves the count; no device of the board transfers yet. Memory-to-memory transfers are not done.
 */
import type { Device, DeviceContext } from '../../board/device.ts';
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

export interface DmaTransfer {
  /** Physical address of the next byte. */
  readonly address: number;
  /** Bytes until terminal count. */
  readonly byteCount: number;
  /** Mode register, bits 7–2: 3–2 say 1 for writing memory, 2 for reading it. */
  readonly mode: number;
  readonly masked: boolean;
}

const FIELDS = fields({
  low: CHIP,
  high: CHIP,
  /** Ports 81h–8Fh; those that no channel uses are plain storage. */
  pages: bytes(16),
});

export class Dma8237 extends withFields(FIELDS) implements Device {
  readonly name = 'dma';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  override readonly low = new Chip8237();
  override readonly high = new Chip8237();
  readonly #chips = [this.low, this.high];

  constructor(context: DeviceContext) {
    super();
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

  /** Where channel 0–7 transfers next. Channels 5–7 count words and address 128 KiB pages. */
  channel(index: number): DmaTransfer {
    const chip = this.#chips[index >> 2];
    const { address, count, mode } = chip.channels[index & 3];
    const page = this.pages[pageOffsets[index]];
    const masked = (chip.masks & (1 << (index & 3))) !== 0;
    if (index < 4) return { address: (page << 16) | address, byteCount: count + 1, mode, masked };
    return { address: ((page & 0xfe) << 16) | (address << 1), byteCount: (count + 1) * 2, mode, masked };
  }

  /** A device has moved so many bytes on the channel; at terminal count it auto-initialises or masks itself. */
  advance(index: number, byteCount: number): void {
    const chip = this.#chips[index >> 2];
    const channel = chip.channels[index & 3];
    const units = index < 4 ? byteCount : byteCount >> 1;
    const step = (channel.mode & 0x20) !== 0 ? -units : units;
    channel.address = (channel.address + step) & 0xffff;
    channel.count -= units;
    if (channel.count >= 0) return;
    channel.count &= 0xffff;
    chip.status |= 1 << (index & 3);
    if ((channel.mode & 0x10) !== 0) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else chip.masks |= 1 << (index & 3);
  }

  reset(): void {
    for (const chip of this.#chips) chip.clear();
  }
}
