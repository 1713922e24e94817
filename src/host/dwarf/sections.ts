// Sections of an ELF32 file by name (System V gABI, chapter 4), with those that are compressed as they were before
// (ELFCOMPRESS_ZLIB). Looks at bytes it is given; what is out of bounds is not there.

import { unzlibSync } from 'fflate';
import { isElf32, textAt } from '../symbols/read-symbols.ts';
import { DwarfError } from './cursor.ts';

const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
const COMPRESSION_HEADER_BYTES = 12;
const ELFCOMPRESS_ZLIB = 1;
const SECTION_BYTES_MAX = 1 << 30;

export interface Section {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where it is loaded. */
  readonly address: number;
}

const EMPTY = new Uint8Array(0);

export class Sections {
  private readonly byName = new Map<string, { at: number; size: number; flags: number; address: number }>();
  private readonly image: Uint8Array;

  constructor(image: Uint8Array) {
    this.image = image;
    if (!isElf32(image)) return;
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const [headersAt, size, count] = [view.getUint32(32, true), view.getUint16(46, true), view.getUint16(48, true)];
    const namesIndex = view.getUint16(50, true);
    if (size < 40 || headersAt + size * count > image.length || namesIndex >= count) return;
    const namesAt = view.getUint32(headersAt + namesIndex * size + 16, true);
    for (let i = 0; i < count; i++) {
      const header = headersAt + i * size;
      const word = (offset: number): number => view.getUint32(header + offset, true);
      if (word(4) === SHT_NOBITS || word(16) + word(20) > image.length) continue;
      const name = textAt(image, namesAt + word(0), image.length);
      if (name !== '') this.byName.set(name, { at: word(16), size: word(20), flags: word(8), address: word(12) });
    }
  }

  has(name: string): boolean {
    return (this.byName.get(name)?.size ?? 0) > 0;
  }

  /** Empty when there is none. Throws DwarfError for a compression that is not known. */
  get(name: string): Section {
    const found = this.byName.get(name);
    if (found === undefined) return { name, bytes: EMPTY, address: 0 };
    const bytes = this.image.subarray(found.at, found.at + found.size);
    return { name, bytes: (found.flags & SHF_COMPRESSED) === 0 ? bytes : expand(name, bytes), address: found.address };
  }
}

function expand(name: string, bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < COMPRESSION_HEADER_BYTES) throw new DwarfError(`the section ${name} is cut off`);
  const [kind, size] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (kind !== ELFCOMPRESS_ZLIB || size > SECTION_BYTES_MAX) {
    throw new DwarfError(
      `the section ${name} is compressed in a way that is not known here: objcopy --decompress-debug-sections helps`,
    );
  }
  try {
    return unzlibSync(bytes.subarray(COMPRESSION_HEADER_BYTES), { out: new Uint8Array(size) });
  } catch {
    throw new DwarfError(`the section ${name} cannot be decompressed`);
  }
}
