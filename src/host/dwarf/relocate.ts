// Relocation of a file that is not linked (ET_REL), such as a kernel module: where each of its sections lies is for the
// caller to say, and what refers to them is changed accordingly. i386 psABI, chapter 4: R_386_32 and R_386_PC32 are all
// that debug information and tables of frames have; the addend stands in the place. What is not placed is nowhere.

import { SHN_ABS, SHN_LORESERVE, SYMBOL_BYTES } from '../symbols/read-symbols.ts';

export const ET_REL = 1;
export const SHT_REL = 9;
export const SHF_ALLOC = 2;
const R_386_32 = 1;
const R_386_PC32 = 2;
const REL_BYTES = 8;
/** No code begins there: an address that is not known is this, whatever is added. */
const NOWHERE = 0xffff_ffff;

/** Linear addresses by the number of a section; null: of a section that is loaded, and nobody knows where. */
export type PlaceOfSection = (section: number) => number | null;

export interface Relocation {
  /** Entries of a SHT_REL section. */
  readonly entries: Uint8Array;
  /** Entries of the table of symbols that they name. */
  readonly symbols: Uint8Array;
  readonly placeOf: PlaceOfSection;
  /** Of the section that is changed. */
  readonly address: number;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A changed copy of a section. What lies outside of it is passed over. */
export function relocated(section: Uint8Array, { entries, symbols, placeOf, address }: Relocation): Uint8Array {
  const bytes = Uint8Array.from(section);
  const [view, table, names] = [viewOf(bytes), viewOf(entries), viewOf(symbols)];
  for (let at = 0; at + REL_BYTES <= entries.length; at += REL_BYTES) {
    const offset = table.getUint32(at, true);
    const info = table.getUint32(at + 4, true);
    const kind = info & 255;
    if (offset + 4 > bytes.length || (kind !== R_386_32 && kind !== R_386_PC32)) continue;
    const symbol = (info >>> 8) * SYMBOL_BYTES;
    if (symbol + SYMBOL_BYTES > symbols.length) continue;
    const index = names.getUint16(symbol + 14, true);
    const base = index === SHN_ABS ? 0 : index === 0 || index >= SHN_LORESERVE ? null : placeOf(index);
    const value = base === null ? NOWHERE : base + names.getUint32(symbol + 4, true) + view.getUint32(offset, true);
    view.setUint32(offset, (kind === R_386_32 ? value : value - address - offset) >>> 0, true);
  }
  return bytes;
}
