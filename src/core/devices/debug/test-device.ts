/**
 * The test device that kernel test suites expect beside QEMU (its documentation of `-device pc-testdev`): ports E0h–E3h
 * and E8h–EBh, a dword of storage seen through any access size (bytes only at E8h); E4h–E7h, a page to flush, which
 * has no effect here; ports 2000h–2017h, where a write drives interrupt line 0–23; and 64 KiB of memory at FF000000h
 * that is reached as device memory, byte by byte.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine } from '../../board/device.ts';
import { bytes } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

export const testMemoryAddress = 0xff000000;
const memoryBytes = 0x10000;
const lineCount = 24;

const FIELDS = fields({ storage: bytes(4), memory: bytes(memoryBytes) });

export class TestDevice extends withFields(FIELDS) implements Device {
  readonly name = 'test-device';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  readonly #lines: IrqLine[];

  constructor(context: DeviceContext) {
    super();
    this.#lines = Array.from({ length: lineCount }, (_, line) => context.irq(line));
    const storage = {
      read: (port: number, size: number) => littleEndian(this.storage, port & 3, size),
      write: (port: number, size: number, value: number) => {
        for (let i = 0; i < size; i++) this.storage[(port & 3) + i] = value >>> (i * 8);
      },
    };
    context.ports(0xe0, 4, { ...storage, maxSize: 4 });
    context.ports(0xe4, 4, { maxSize: 4, read: () => 0xffffffff, write: () => {} });
    context.ports(0xe8, 1, storage);
    // E9h, where the byte window goes on, is the debug console's.
    context.ports(0xea, 2, storage);
    context.ports(0x2000, lineCount, {
      maxSize: 4,
      read: () => 0xffffffff,
      write: (port, _size, value) => this.#lines[port - 0x2000].set(value !== 0),
    });
    context.mmio(testMemoryAddress, memoryBytes, {
      read: (offset, size) => littleEndian(this.memory, offset, size),
      write: (offset, size, value) => {
        for (let i = 0; i < size; i++) this.memory[offset + i] = value >>> (i * 8);
      },
    });
  }

  reset(): void {
    for (const line of this.#lines) line.set(false);
  }
}

function littleEndian(storage: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (storage[offset + i] ?? 0xff);
  return value;
}

export const testDevice: DeviceEntry = {
  isPresent: ({ testDevice: isWanted }) => isWanted !== false,
  create: (context) => new TestDevice(context),
};
