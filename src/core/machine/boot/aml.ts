// A few constructors of ACPI machine language (ACPI 6.4 chapter 20): just what a small DSDT is made of.
// Each returns bytes; a definition block is their concatenation.

type Aml = readonly number[];

/** A name of up to four characters, padded with underscores; "\\" in front makes it absolute. */
function nameString(name: string): Aml {
  const root = name.startsWith('\\') ? [0x5c] : [];
  const segment = name.replace(/^\\/, '').padEnd(4, '_');
  return [...root, ...Array.from(segment, (character) => character.charCodeAt(0))];
}

/** PkgLength counts itself: one byte up to 63, else a nibble and one or two further bytes. */
function withLength(body: Aml): Aml {
  if (body.length + 1 < 0x40) return [body.length + 1, ...body];
  if (body.length + 2 < 0x1000) {
    const length = body.length + 2;
    return [0x40 | (length & 0xf), length >> 4, ...body];
  }
  const length = body.length + 3;
  return [0x80 | (length & 0xf), (length >> 4) & 0xff, length >> 12, ...body];
}

const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (value >>> (8 * i)) & 0xff);

export function integer(value: number): Aml {
  if (value === 0) return [0x00];
  if (value === 1) return [0x01];
  if (value < 0x100) return [0x0a, value];
  if (value < 0x10000) return [0x0b, ...bytesOf(value, 2)];
  return [0x0c, ...bytesOf(value, 4)];
}

/** Name (name, value) */
export function name(path: string, value: Aml): Aml {
  return [0x08, ...nameString(path), ...value];
}

export function packageOf(...elements: Aml[]): Aml {
  return [0x12, ...withLength([elements.length, ...elements.flat()])];
}

export function buffer(contents: Aml): Aml {
  return [0x11, ...withLength([...integer(contents.length), ...contents])];
}

export function scope(path: string, ...terms: Aml[]): Aml {
  return [0x10, ...withLength([...nameString(path), ...terms.flat()])];
}

export function device(path: string, ...terms: Aml[]): Aml {
  return [0x5b, 0x82, ...withLength([...nameString(path), ...terms.flat()])];
}

/** Compressed identifier such as "PNP0A03" (ACPI 6.4 §19.3.4): five bits a letter, then four hex digits. */
export function eisaId(id: string): Aml {
  const letter = (index: number): number => id.charCodeAt(index) - 0x40;
  const high = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const low = Number.parseInt(id.slice(3), 16);
  return [0x0c, high >> 8, high & 0xff, low >> 8, low & 0xff];
}

// Resource descriptors (ACPI 6.4 §6.4); a template is a buffer of them with an end tag.

/** Fixed ports decoded with 16 address lines. */
export function ioPorts(first: number, count: number): Aml {
  return [0x47, 0x01, ...bytesOf(first, 2), ...bytesOf(first, 2), 0x01, count];
}

/** Edge-triggered, active high, not shared ISA interrupt. */
export function isaInterrupt(line: number): Aml {
  return [0x22, ...bytesOf(1 << line, 2)];
}

/** A range that a bridge passes on. Bus numbers and ports are 16 bits wide, memory 32. */
export function bridgeRange(kind: 'bus' | 'io' | 'memory', first: number, last: number): Aml {
  const size = kind === 'memory' ? 4 : 2;
  const type = kind === 'memory' ? 0 : kind === 'io' ? 1 : 2;
  // General flags: minimum and maximum fixed, positive decode. Specific: whole I/O range, or read/write memory.
  const flags = [type, 0x0c, kind === 'io' ? 3 : kind === 'memory' ? 1 : 0];
  const fields = [0, first, last, 0, last - first + 1].flatMap((value) => bytesOf(value, size));
  const body = [...flags, ...fields];
  return [size === 4 ? 0x87 : 0x88, ...bytesOf(body.length, 2), ...body];
}

export function resources(...descriptors: Aml[]): Aml {
  return buffer([...descriptors.flat(), 0x79, 0x00]);
}
