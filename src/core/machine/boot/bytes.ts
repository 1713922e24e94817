// Little-endian fields of an image, and a buffer to build tables in. Reading beyond the end is the
// caller's mistake: loaders check sizes first, so that their messages can say what is missing.

export function read16(data: Uint8Array, at: number): number {
  return data[at] | (data[at + 1] << 8);
}

/** Unsigned. */
export function read32(data: Uint8Array, at: number): number {
  return (data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24)) >>> 0;
}

export function write16(data: Uint8Array, at: number, value: number): void {
  data[at] = value;
  data[at + 1] = value >>> 8;
}

export function write32(data: Uint8Array, at: number, value: number): void {
  write16(data, at, value);
  write16(data, at + 2, value >>> 16);
}

/** Text as the guest reads it: UTF-8, ended by a zero byte. Hand-made, because the core has no TextEncoder. */
export function zeroEnded(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  bytes.push(0);
  return Uint8Array.from(bytes);
}

/** Sums of 32-bit fields may lie beyond 4 GiB: nothing wraps here. */
export function hex(value: number): string {
  return `0x${(value < 0 ? value >>> 0 : value).toString(16)}`;
}

/** Sizes in words. */
export function mebibytes(size: number): string {
  return `${Math.ceil(size / 0x100000)} MiB`;
}
