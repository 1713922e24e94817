// Reading debug information byte by byte: little-endian numbers, LEB128 and strings (DWARF 5, section 7), never beyond
// the end of what is read. Everything wrong with the bytes is a DwarfError, one sentence; nothing else is thrown.

const LEB_BYTES_MAX = 10;
const DWARF_TEXT_BYTES_MAX = 4096;

export class DwarfError extends Error {
  override readonly name = 'DwarfError';
}

export class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = Math.min(end, bytes.length);
    if (at < 0 || at > this.end) throw new DwarfError('the debug information points outside of itself');
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  private take(sizeBytes: number): number {
    const { at } = this;
    if (sizeBytes < 0 || at + sizeBytes > this.end) throw new DwarfError('the debug information ends too early');
    this.at = at + sizeBytes;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)];
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u24(): number {
    const low = this.u16();
    return low | (this.u8() << 16);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** 1, 2, 4 or 8 bytes; of eight the lower ones, which is all that a 32-bit machine's program has. */
  number(sizeBytes: number): number {
    if (sizeBytes === 1) return this.u8();
    if (sizeBytes === 2) return this.u16();
    if (sizeBytes === 4) return this.u32();
    if (sizeBytes !== 8) throw new DwarfError(`a number of ${sizeBytes} bytes is unknown`);
    const low = this.u32();
    this.skip(4);
    return low;
  }

  /** Unsigned, as far as a double is exact. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < LEB_BYTES_MAX; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) return value;
      scale *= 128;
    }
    throw new DwarfError('a LEB128 number is too long');
  }

  sleb(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < LEB_BYTES_MAX; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) === 0) return (byte & 0x40) !== 0 ? value - scale : value;
    }
    throw new DwarfError('a LEB128 number is too long');
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) throw new DwarfError('a text of the debug information has no end');
    const from = this.take(end + 1 - this.at);
    return utf8(this.bytes.subarray(from, Math.min(end, from + DWARF_TEXT_BYTES_MAX)));
  }

  skip(sizeBytes: number): void {
    this.take(sizeBytes);
  }

  part(sizeBytes: number): Uint8Array {
    const from = this.take(sizeBytes);
    return this.bytes.subarray(from, from + sizeBytes);
  }

  /** The length at the head of a unit: its end, and whether its offsets have 8 bytes. */
  unitEnd(): { end: number; isLong: boolean } {
    const length = this.u32();
    if (length < 0xffff_fff0) return { end: this.limit(this.at + length), isLong: false };
    if (length !== 0xffff_ffff) throw new DwarfError('the length of a unit is reserved');
    const long = this.number(8);
    return { end: this.limit(this.at + long), isLong: true };
  }

  private limit(end: number): number {
    if (end > this.end) throw new DwarfError('a unit is longer than its section');
    return end;
  }
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
