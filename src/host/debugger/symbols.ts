// Names of addresses: from the symbol table of an ELF kernel (System V gABI chapter 4), a System.map or /proc/kallsyms
// listing, or the assembler of a built-in guest. Only looks at bytes it is given.

import type { Images } from '../../core/session/session.ts';
import { assembleGuest, buildGuest, listGuests } from '../node/guest-images.ts';

const SYMBOL_COUNT_MAX = 1 << 20;
/** Further away than this from the symbol before it an address has no name. */
const DISTANCE_MAX = 1 << 20;

export class SymbolTable {
  private readonly byName = new Map<string, number>();
  /** Ascending by address. */
  private sorted: [address: number, name: string][] = [];
  /** Values that have a name without being a place in the code: for expressions alone. */
  private readonly numbers = new Map<string, number>();

  get count(): number {
    return this.byName.size;
  }

  add(symbols: Iterable<readonly [name: string, address: number]>): void {
    for (const [name, address] of symbols) {
      if (this.byName.size >= SYMBOL_COUNT_MAX) break;
      this.byName.set(name, address >>> 0);
    }
    this.sorted = [...this.byName].map(([name, address]) => [address, name] as [number, string]);
    this.sorted.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
  }

  /** Names that expressions know and listings do not. */
  addNumbers(numbers: Iterable<readonly [name: string, value: number]>): void {
    for (const [name, value] of numbers) this.numbers.set(name, value >>> 0);
  }

  address(name: string): number | undefined {
    return this.byName.get(name) ?? this.numbers.get(name);
  }

  names(): Iterable<string> {
    return this.byName.keys();
  }

  /** `name` or `name+0x12`; empty where there is none near. */
  describe(address: number): string {
    const found = this.nearest(address);
    if (found === null) return '';
    const [start, name] = found;
    return start === address ? name : `${name}+0x${(address - start).toString(16)}`;
  }

  /** The symbol at or before an address. */
  nearest(address: number): readonly [address: number, name: string] | null {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle][0] <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.sorted[low - 1];
    if (found === undefined || address - found[0] > DISTANCE_MAX) return null;
    // Of several names of one address the first.
    let at = low - 1;
    while (at > 0 && this.sorted[at - 1][0] === found[0]) at--;
    return this.sorted[at];
  }
}

/** Symbols of the kernel among the images, when it carries any or is a built-in guest. */
export function symbolsOfImages(images: Images): SymbolTable {
  const table = new SymbolTable();
  const kernel = images.get('kernel');
  if (kernel === undefined) return table;
  table.add(readElfSymbols(kernel));
  if (table.count > 0) return table;
  for (const { name } of listGuests()) {
    const image = buildGuest(name);
    if (image.length !== kernel.length || !image.every((byte, i) => byte === kernel[i])) continue;
    const { symbols, bytes, origin } = assembleGuest(name);
    const isPlace = (address: number): boolean => address >= origin && address < origin + bytes.length;
    table.add([...symbols].filter(([, value]) => isPlace(value)));
    // Data of the built-in guests has its names by equ.
    table.addNumbers([...symbols].filter(([, value]) => !isPlace(value)));
  }
  return table;
}

/** Functions, objects and plain labels of an ELF32 file; nothing for any other file. */
export function readElfSymbols(image: Uint8Array): [string, number][] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < 52 || view.getUint32(0, true) !== 0x464c457f || image[4] !== 1) return [];
  const found: [string, number][] = [];
  const sectionsAt = view.getUint32(32, true);
  const sectionSize = view.getUint16(46, true);
  const sectionCount = view.getUint16(48, true);
  if (sectionSize < 40 || sectionsAt + sectionSize * sectionCount > image.length) return [];
  for (let i = 0; i < sectionCount; i++) {
    const section = sectionsAt + i * sectionSize;
    if (view.getUint32(section + 4, true) !== 2) continue; // SHT_SYMTAB
    const link = view.getUint32(section + 24, true);
    if (link >= sectionCount) continue;
    const strings = sectionsAt + link * sectionSize;
    const [stringsAt, stringsSize] = [view.getUint32(strings + 16, true), view.getUint32(strings + 20, true)];
    const [at, size] = [view.getUint32(section + 16, true), view.getUint32(section + 20, true)];
    if (at + size > image.length || stringsAt + stringsSize > image.length) continue;
    for (let entry = at; entry + 16 <= at + size && found.length < SYMBOL_COUNT_MAX; entry += 16) {
      const type = image[entry + 12] & 15;
      const isDefined = view.getUint16(entry + 14, true) !== 0;
      if (type > 2 || !isDefined) continue;
      const name = textAt(image, stringsAt + view.getUint32(entry, true), stringsAt + stringsSize);
      if (name !== '') found.push([name, view.getUint32(entry + 4, true)]);
    }
  }
  return found;
}

function textAt(bytes: Uint8Array, from: number, limit: number): string {
  let text = '';
  for (let at = from; at < limit && bytes[at] !== 0 && text.length < 512; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

/** Lines `c0100000 T name`, as in System.map and /proc/kallsyms. */
export function readSystemMap(text: string): [string, number][] {
  const found: [string, number][] = [];
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{8})\s+[a-zA-Z?]\s+(\S+)/.exec(line.trim());
    if (match !== null && match[1] !== '00000000') found.push([match[2], Number.parseInt(match[1], 16)]);
  }
  return found;
}
