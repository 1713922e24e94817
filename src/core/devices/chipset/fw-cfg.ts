/**
 * QEMU's firmware configuration device (docs/specs/fw_cfg in QEMU), ports 510h (selector, 16 bits) and 511h (data, a
 * byte at a time): what firmware and kernel test suites ask about the machine. Items are little-endian numbers, but
 * for the file directory, which is big-endian and empty here. No DMA interface (bit 1 of the id is clear).
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { word16, word32 } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

const SIGNATURE = 0x00;
const ID = 0x01;
const RAM_SIZE = 0x03;
const NO_GRAPHIC = 0x04;
const CPU_COUNT = 0x05;
const CPU_COUNT_MAX = 0x0f;
const FILE_DIRECTORY = 0x19;

/** The offset is that of the next byte of the selected item. */
const FIELDS = fields({ selector: word16(), offset: word32() });

export interface FirmwareFacts {
  readonly memoryBytes: number;
}

export class FwCfg extends withFields(FIELDS) implements Device {
  readonly name = 'fw-cfg';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  readonly #items: ReadonlyMap<number, Uint8Array>;

  constructor(context: DeviceContext, { memoryBytes }: FirmwareFacts) {
    super();
    this.#items = new Map([
      [SIGNATURE, Uint8Array.of(0x51, 0x45, 0x4d, 0x55)],
      [ID, littleEndian(1, 4)],
      [RAM_SIZE, littleEndian(memoryBytes, 8)],
      [NO_GRAPHIC, littleEndian(1, 2)],
      [CPU_COUNT, littleEndian(1, 2)],
      [CPU_COUNT_MAX, littleEndian(1, 2)],
      [FILE_DIRECTORY, new Uint8Array(4)],
    ]);
    context.ports(0x510, 2, {
      maxSize: 2,
      // The selector is write-only; what lies beyond an item, or is no item, reads as 0.
      read: (port, size) => (port === 0x511 && size === 1 ? this.#next() : size === 1 ? 0xff : 0xffff),
      write: (port, size, value) => {
        if (port !== 0x510 || size !== 2) return;
        this.selector = value;
        this.offset = 0;
      },
    });
  }

  #next(): number {
    const item = this.#items.get(this.selector);
    return item === undefined || this.offset >= item.length ? 0 : item[this.offset++];
  }

  reset(): void {
    this.selector = 0;
    this.offset = 0;
  }
}

function littleEndian(value: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  for (let i = 0; i < byteCount; i++) {
    bytes[i] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

export const fwCfg: DeviceEntry = { create: (context, { memoryBytes }) => new FwCfg(context, { memoryBytes }) };
