// As much of Node's Buffer as the readers of symbols use, over a plain Uint8Array: put in its place when the worker is
// bundled (bundle.mjs). Little-endian hosts only, as the core.

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

class Bytes extends Uint8Array {
  readUInt8(at: number): number {
    return this[at];
  }

  readUInt16LE(at: number): number {
    return this[at] | (this[at + 1] << 8);
  }

  readUInt32LE(at: number): number {
    return this.readInt32LE(at) >>> 0;
  }

  readInt32LE(at: number): number {
    return this[at] | (this[at + 1] << 8) | (this[at + 2] << 16) | (this[at + 3] << 24);
  }

  override indexOf(wanted: number | Uint8Array, from = 0): number {
    if (typeof wanted === 'number') return super.indexOf(wanted, from);
    for (let at = super.indexOf(wanted[0], from); at >= 0; at = super.indexOf(wanted[0], at + 1)) {
      let same = 1;
      while (same < wanted.length && this[at + same] === wanted[same]) same++;
      if (same === wanted.length) return at;
    }
    return -1;
  }

  override subarray(begin?: number, end?: number): Bytes {
    const part = super.subarray(begin, end);
    return new Bytes(part.buffer as ArrayBuffer, part.byteOffset, part.byteLength);
  }

  /** As Node's, of part of this with part of another. */
  compare(target: Uint8Array, targetStart = 0, targetEnd = target.length, start = 0, end = this.length): number {
    return compareBytes(super.subarray(start, end), target.subarray(targetStart, targetEnd));
  }

  override toString(encoding = 'utf8', start = 0, end = this.length): string {
    if (encoding === 'hex') return Array.from(super.subarray(start, end), hexOf).join('');
    return new TextDecoder(encoding === 'latin1' ? 'latin1' : 'utf-8').decode(super.subarray(start, end));
  }
}

export const Buffer = {
  from: (source: ArrayBuffer | ArrayLike<number>, offset?: number, length?: number): Bytes =>
    source instanceof ArrayBuffer ? new Bytes(source, offset, length) : new Bytes(source as ArrayLike<number>),

  compare: compareBytes,
};
