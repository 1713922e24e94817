/**
 * QEMU's firmware configuration device (docs/specs/fw_cfg in QEMU): ports 510h (selector, 16 bits) and 511h (data, a
 * byte at a time), and 514h, where the address of a transfer by DMA goes. What firmware and kernel test suites ask
 * about the machine: items by number, which are little-endian, and files by name, whose directory is big-endian. Files
 * and DMA (bit 1 of the id) are for a machine that firmware starts. Guests cannot write items.
 */
import type { BoardOptions, FirmwareOptions } from '../../board/board.ts';
import type { DeviceContext, DeviceDma, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { word16, word32 } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

const SIGNATURE = 0x00;
const ID = 0x01;
const RAM_SIZE = 0x03;
const NO_GRAPHIC = 0x04;
const CPU_COUNT = 0x05;
const BOOT_MENU = 0x0e;
const CPU_COUNT_MAX = 0x0f;
const FILE_DIRECTORY = 0x19;
const FIRST_FILE = 0x20;
const FILE_NAME_BYTES = 56;

const ID_TRADITIONAL = 1;
const ID_DMA = 2;

/** Control word of a transfer. */
const DMA_ERROR = 0x01;
const DMA_READ = 0x02;
const DMA_SKIP = 0x04;
const DMA_SELECT = 0x08;
const DMA_WRITE = 0x10;
/** What a read of the address register gives: "QEMU CFG". */
const DMA_SIGNATURE = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47];
const ZEROS_MAX = 0x10000;

/** The offset is that of the next byte of the selected item; `dmaHigh` the first half of an address, as written. */
const FIELDS = fields({ selector: word16(), offset: word32() });
const FIRMWARE_FIELDS = fields({ selector: word16(), offset: word32(), dmaHigh: word32() });

export class FwCfg extends withFields(FIRMWARE_FIELDS) implements Device {
  readonly name = 'fw-cfg';
  /** 2: among the files of firmware is one that names the drives. */
  readonly version: number;
  readonly fields;
  readonly #items: ReadonlyMap<number, Uint8Array>;
  readonly #dma: DeviceDma;

  constructor(context: DeviceContext, { memoryBytes, firmware }: Pick<BoardOptions, 'memoryBytes' | 'firmware'>) {
    super();
    this.#dma = context.dma;
    this.version = firmware !== undefined && !context.hasQuirk('no-bootorder') ? 2 : 1;
    this.fields = firmware === undefined ? FIELDS.of(this) : FIRMWARE_FIELDS.of(this);
    this.#items = new Map([
      [SIGNATURE, Uint8Array.of(0x51, 0x45, 0x4d, 0x55)],
      [ID, littleEndian(firmware === undefined ? ID_TRADITIONAL : ID_TRADITIONAL | ID_DMA, 4)],
      [RAM_SIZE, littleEndian(memoryBytes, 8)],
      [NO_GRAPHIC, littleEndian(firmware?.hasScreen === true ? 0 : 1, 2)],
      [CPU_COUNT, littleEndian(1, 2)],
      [CPU_COUNT_MAX, littleEndian(1, 2)],
      [FILE_DIRECTORY, new Uint8Array(4)],
      ...(firmware === undefined ? [] : firmwareItems(firmware)),
    ]);
    context.ports(0x510, 2, {
      maxSize: 2,
      // The selector is write-only; what lies beyond an item, or is no item, reads as 0.
      read: (port, size) => (port === 0x511 && size === 1 ? this.#next() : size === 1 ? 0xff : 0xffff),
      write: (port, size, value) => {
        if (port === 0x510 && size === 2) this.#select(value);
      },
    });
    if (firmware === undefined) return;
    context.ports(0x514, 8, {
      maxSize: 4,
      read: (port, size) => {
        const at = port - 0x514;
        return DMA_SIGNATURE.slice(at, at + size).reduceRight((value, byte) => value * 256 + byte, 0);
      },
      write: (port, size, value) => {
        if (size !== 4) return;
        if (port === 0x514) this.dmaHigh = value;
        else if (port === 0x518) this.#transfer(swapped(this.dmaHigh) * 0x1_0000_0000 + swapped(value));
      },
    });
  }

  #select(item: number): void {
    this.selector = item;
    this.offset = 0;
  }

  get #item(): Uint8Array {
    return this.#items.get(this.selector) ?? new Uint8Array(0);
  }

  #next(): number {
    const item = this.#item;
    return this.offset >= item.length ? 0 : item[this.offset++];
  }

  /** What the descriptor at that address asks for: control, length and address, big-endian. */
  #transfer(descriptor: number): void {
    this.dmaHigh = 0;
    const bytes = new Uint8Array(16);
    this.#dma.read(descriptor, bytes);
    const word = (at: number): number =>
      ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    const control = word(0);
    const length = word(4);
    if ((control & DMA_SELECT) !== 0) this.#select(control >>> 16);
    const isRefused = (control & DMA_WRITE) !== 0 && (control & (DMA_READ | DMA_SKIP)) === 0;
    if ((control & DMA_READ) !== 0) this.#give(word(8) * 0x1_0000_0000 + word(12), length);
    if ((control & (DMA_READ | DMA_SKIP)) !== 0) this.offset = Math.min(this.offset + length, this.#item.length);
    this.#dma.write(descriptor, Uint8Array.of(0, 0, 0, isRefused ? DMA_ERROR : 0));
  }

  /** Behind the item come zeros, but not more of them than firmware can want. */
  #give(address: number, length: number): void {
    if (address + length > 0x1_0000_0000) return;
    const item = this.#item.subarray(this.offset, this.offset + length);
    const zerosCount = Math.min(length - item.length, ZEROS_MAX);
    if (item.length > 0) this.#dma.write(address, item);
    if (zerosCount > 0) this.#dma.write(address + item.length, new Uint8Array(zerosCount));
  }

  reset(): void {
    this.#select(0);
    this.dmaHigh = 0;
  }
}

/** The directory, the files, and what stands beside them. */
function firmwareItems({ files, hasBootMenu }: FirmwareOptions): [number, Uint8Array][] {
  const named = [...files];
  const directory = new Uint8Array(4 + named.length * (8 + FILE_NAME_BYTES));
  const bigEndian = (at: number, value: number, count: number): void => {
    for (let i = 0; i < count; i++) directory[at + i] = value >>> (8 * (count - 1 - i));
  };
  bigEndian(0, named.length, 4);
  named.forEach(([name, bytes], index) => {
    const at = 4 + index * (8 + FILE_NAME_BYTES);
    if (name.length >= FILE_NAME_BYTES) throw new Error(`a file name of ${name.length} characters: ${name}`);
    bigEndian(at, bytes.length, 4);
    bigEndian(at + 4, FIRST_FILE + index, 2);
    for (let i = 0; i < name.length; i++) directory[at + 8 + i] = name.charCodeAt(i);
  });
  return [
    [BOOT_MENU, littleEndian(hasBootMenu ? 1 : 0, 2)],
    [FILE_DIRECTORY, directory],
    ...named.map(([, bytes], index): [number, Uint8Array] => [FIRST_FILE + index, bytes]),
  ];
}

function swapped(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

function littleEndian(value: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  for (let i = 0; i < byteCount; i++) {
    bytes[i] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

export const fwCfg: DeviceEntry = { create: (context, options) => new FwCfg(context, options) };
