// Sections of an ELF32 file by name (System V gABI, chapter 4), with those that are compressed as they were before
// (ELFCOMPRESS_ZLIB), and those of a file that is not linked as they are where it lies (relocate.ts). Looks at bytes it
// is given; what is out of bounds is not there.

import { unzlibSync } from 'fflate';
import { isElf32, textAt } from '../symbols/read-symbols.ts';
import { DwarfError } from './cursor.ts';
import { ET_REL, type PlaceOfSection, relocated, SHF_ALLOC, SHT_REL } from './relocate.ts';

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

interface Header {
  readonly index: number;
  readonly at: number;
  readonly size: number;
  readonly flags: number;
  readonly address: number;
}

export class Sections {
  private readonly byName = new Map<string, Header>();
  /** In their order; what has no bytes in the file is undefined. */
  private readonly byIndex: (Header | undefined)[] = [];
  /** Headers of SHT_REL sections, by the section that they change, with the table of symbols. */
  private readonly relocations = new Map<number, { readonly entries: Header; readonly symbolsIndex: number }>();
  private readonly image: Uint8Array;
  private readonly placeOf: PlaceOfSection;

  /** `placed`: of a file that is not linked, linear addresses by the number of a section. */
  constructor(image: Uint8Array, placed: ReadonlyMap<number, number> = new Map()) {
    this.image = image;
    // What is not loaded is only referred to by debug information, from its beginning on.
    this.placeOf = (index) =>
      placed.get(index) ?? (((this.byIndex[index]?.flags ?? SHF_ALLOC) & SHF_ALLOC) === 0 ? 0 : null);
    if (!isElf32(image)) return;
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const [headersAt, size, count] = [view.getUint32(32, true), view.getUint16(46, true), view.getUint16(48, true)];
    const namesIndex = view.getUint16(50, true);
    if (size < 40 || headersAt + size * count > image.length || namesIndex >= count) return;
    const isLinked = view.getUint16(16, true) !== ET_REL;
    const namesAt = view.getUint32(headersAt + namesIndex * size + 16, true);
    for (let i = 0; i < count; i++) {
      const header = headersAt + i * size;
      const word = (offset: number): number => view.getUint32(header + offset, true);
      if (word(4) === SHT_NOBITS || word(16) + word(20) > image.length) continue;
      const name = textAt(image, namesAt + word(0), image.length);
      const address = isLinked ? word(12) : (placed.get(i) ?? 0);
      const found: Header = { index: i, at: word(16), size: word(20), flags: word(8), address };
      this.byIndex[i] = found;
      if (!isLinked && word(4) === SHT_REL) this.relocations.set(word(28), { entries: found, symbolsIndex: word(24) });
      if (name !== '') this.byName.set(name, found);
    }
  }

  has(name: string): boolean {
    return (this.byName.get(name)?.size ?? 0) > 0;
  }

  /** Empty when there is none. Throws DwarfError for a compression that is not known. */
  get(name: string): Section {
    const found = this.byName.get(name);
    if (found === undefined) return { name, bytes: EMPTY, address: 0 };
    const { address, flags, index } = found;
    const whole = this.bytesOf(found);
    const bytes = (flags & SHF_COMPRESSED) === 0 ? whole : expand(name, whole);
    const relocation = this.relocations.get(index);
    const symbols = relocation === undefined ? undefined : this.byIndex[relocation.symbolsIndex];
    if (relocation === undefined || symbols === undefined) return { name, bytes, address };
    const entries = this.bytesOf(relocation.entries);
    const changed = relocated(bytes, { entries, symbols: this.bytesOf(symbols), placeOf: this.placeOf, address });
    return { name, bytes: changed, address };
  }

  /** The same, and empty where it is damaged. */
  tryGet(name: string): Section {
    try {
      return this.get(name);
    } catch (error) {
      if (!(error instanceof DwarfError)) throw error;
      return { name, bytes: EMPTY, address: 0 };
    }
  }

  private bytesOf({ at, size }: Header): Uint8Array {
    return this.image.subarray(at, at + size);
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
