/**
 * The port I/O space: 64K ports, each decoded by at most one device. Wider accesses than a device decodes are split
 * the way an ISA bus splits them: a dword into two words, a word into two bytes, low address first, each looked up
 * on its own (IBM AT Technical Reference, "I/O channel"). What nobody decodes reads as all ones.
 *
 * The hooks see each access of the guest once, whole, whatever it was split into: they are how a run is recorded.
 */
import type { PortBus } from '../state/cpu.ts';
import type { PortHandler } from './device.ts';

interface Range {
  readonly first: number;
  readonly end: number;
  readonly maxSize: number;
  readonly handler: PortHandler;
}

const portCount = 0x10000;

export class IoBus implements PortBus {
  onRead: (port: number, size: number, value: number) => void = () => {};
  onWrite: (port: number, size: number, value: number) => void = () => {};

  /** Index into #ranges by port; 0 = undecoded. */
  readonly #decode = new Uint16Array(portCount);
  readonly #ranges: (Range | undefined)[] = [undefined];

  /** A later range may lie inside an earlier one and takes its ports (CF9h inside CF8h–CFBh); other overlaps throw. */
  register(first: number, count: number, handler: PortHandler): void {
    const end = first + count;
    if (!(first >= 0 && count > 0 && end <= portCount)) throw new Error(`ports ${first.toString(16)}h + ${count}`);
    for (let port = first; port < end; port++) {
      const range = this.#ranges[this.#decode[port]];
      if (range !== undefined && (first < range.first || end > range.end || count === range.end - range.first)) {
        throw new Error(`port ${port.toString(16)}h is decoded twice`);
      }
    }
    this.#decode.fill(this.#ranges.length, first, end);
    this.#ranges.push({ first, end, maxSize: handler.maxSize ?? 1, handler });
  }

  read(port: number, size: number): number {
    const value = this.#readAny(port, size);
    this.onRead(port, size, value);
    return value;
  }

  write(port: number, size: number, value: number): void {
    this.onWrite(port, size, size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff));
    this.#writeAny(port, size, value);
  }

  #readAny(port: number, size: number): number {
    const range = this.#ranges[this.#decode[port]];
    if (range !== undefined && size <= range.maxSize && port + size <= range.end) {
      return mask(range.handler.read(port, size), size);
    }
    if (size === 1) return 0xff;
    const half = size >> 1;
    const low = this.#readAny(port, half);
    const high = this.#readAny((port + half) & 0xffff, half);
    return (low | (high << (half * 8))) >>> 0;
  }

  #writeAny(port: number, size: number, value: number): void {
    const range = this.#ranges[this.#decode[port]];
    if (range !== undefined && size <= range.maxSize && port + size <= range.end) {
      range.handler.write(port, size, mask(value, size));
      return;
    }
    if (size === 1) return;
    const half = size >> 1;
    this.#writeAny(port, half, value);
    this.#writeAny((port + half) & 0xffff, half, value >>> (half * 8));
  }
}

function mask(value: number, size: number): number {
  return size === 1 ? value & 0xff : size === 2 ? value & 0xffff : value >>> 0;
}
