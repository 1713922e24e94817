/**
 * The port I/O space: 64K ports, each decoded by at most one device. Wider accesses than a device decodes are split
 * the way an ISA bus splits them: a dword into two words, a word into two bytes, low address first, each looked up
 * on its own (IBM AT Technical Reference, "I/O channel"). What nobody decodes reads as all ones.
 *
 * Ports of ISA devices and of the chipset stay where they are; those of PCI functions are apertures that move. Where a
 * aperture lies over a port that is decoded for good, it is not reached there.
 * The hooks see each access of the guest once, whole, whatever it was split into: they are how a run is recorded.
 */
import type { PortBus } from '../state/cpu.ts';
import type { PortAperture } from './context.ts';
import type { PortHandler } from './device.ts';

interface Range {
  first: number;
  end: number;
  /** Handlers of apertures are given ports that count from there. */
  origin: number;
  readonly maxSize: number;
  readonly handler: PortHandler;
}

const portCount = 0x10000;

export class IoBus implements PortBus {
  onRead: (port: number, size: number, value: number) => void = () => {};
  onWrite: (port: number, size: number, value: number) => void = () => {};

  /** Index into #ranges by port; 0 = undecoded. The same without apertures. */
  readonly #decode = new Uint16Array(portCount);
  readonly #fixed = new Uint16Array(portCount);
  readonly #ranges: (Range | undefined)[] = [undefined];
  /** Those of #ranges that are apertures, in order of creation: the later one wins. */
  readonly #apertures: number[] = [];

  /** A later range may lie inside an earlier one and takes its ports (CF9h inside CF8h–CFBh); other overlaps throw. */
  register(first: number, count: number, handler: PortHandler): void {
    const end = first + count;
    if (!(first >= 0 && count > 0 && end <= portCount)) throw new Error(`ports ${first.toString(16)}h + ${count}`);
    for (let port = first; port < end; port++) {
      const range = this.#ranges[this.#fixed[port]];
      if (range !== undefined && (first < range.first || end > range.end || count === range.end - range.first)) {
        throw new Error(`port ${port.toString(16)}h is decoded twice`);
      }
    }
    this.#fixed.fill(this.#ranges.length, first, end);
    this.#ranges.push({ first, end, origin: 0, maxSize: handler.maxSize ?? 1, handler });
    this.#repaint(first, end);
  }

  /** Ports that are decoded nowhere until they are placed. */
  aperture(count: number, handler: PortHandler): PortAperture {
    const range: Range = { first: 0, end: 0, origin: 0, maxSize: handler.maxSize ?? 1, handler };
    this.#apertures.push(this.#ranges.push(range) - 1);
    return {
      place: (first) => {
        const before = { ...range };
        const isHidden = first < 0 || first + count > portCount;
        range.first = isHidden ? 0 : first;
        range.end = isHidden ? 0 : first + count;
        range.origin = range.first;
        this.#repaint(before.first, before.end);
        this.#repaint(range.first, range.end);
      },
    };
  }

  #repaint(first: number, end: number): void {
    this.#decode.set(this.#fixed.subarray(first, end), first);
    for (const index of this.#apertures) {
      const aperture = this.#ranges[index] as Range;
      for (let port = Math.max(first, aperture.first); port < Math.min(end, aperture.end); port++) {
        if (this.#fixed[port] === 0) this.#decode[port] = index;
      }
    }
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
      return mask(range.handler.read(port - range.origin, size), size);
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
      range.handler.write(port - range.origin, size, mask(value, size));
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
