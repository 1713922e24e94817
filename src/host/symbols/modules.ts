// Symbols of the modules that a Linux guest has loaded, from its own structures (include/linux/module.h, 4.x to 6.x):
// the list of modules, and what each keeps for kallsyms. Where the list begins a symbol tells; without that it is
// found by the shape of a struct module (state, list, name) whose neighbours in the list know it. What kallsyms has of
// a module lies at offsets that differ from build to build: it is found by shape too. Changes nothing.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { guestBytes, guestRam, guestText, guestWord, KERNEL_MIN } from './guest-memory.ts';
import { kindOfLetter, STT_FUNC, SYMBOL_BYTES, textAt } from './read-symbols.ts';
import { type GuestSymbol, SYMBOL_COUNT_MAX } from './symbol-table.ts';

const MODULES_MAX = 512;
/** In struct module: enum state, list_head, then the name. */
const LIST = 4;
const NAME = 12;
const MODULE_NAME_BYTES = 56;
const STATE_MAX = 3;
const STRUCT_ALIGN = 32;
const PAGE_WORDS = PAGE_BYTES / 4;
/** What kallsyms needs is not further into the structure. */
const STRUCT_BYTES_MAX = 1024;

const MODULE_SYMBOLS_MAX = 1 << 17;
const STRINGS_BYTES_MAX = 1 << 22;

export interface Module {
  readonly name: string;
  /** Linear address of its struct module. */
  readonly address: number;
}

/** The modules of a list whose head is at this linear address, newest first. */
export function listModules(cpu: Cpu, head: number): Module[] {
  const found: Module[] = [];
  let entry = guestWord(cpu, head);
  while (entry !== null && entry !== 0 && entry !== head && found.length < MODULES_MAX) {
    const name = nameOf(cpu, entry - LIST);
    if (name === null) break;
    found.push({ name, address: (entry - LIST) >>> 0 });
    entry = guestWord(cpu, entry);
  }
  return found;
}

function nameOf(cpu: Cpu, module: number): string | null {
  return /^(\w+)\0/.exec(guestText(cpu, module + NAME, MODULE_NAME_BYTES))?.[1] ?? null;
}

/**
 * Head of the list of modules by the shape of one of them; null: none is loaded, or the kernel is hidden. `likely`:
 * what an earlier search of this run gave; looked at first.
 */
export function findModuleList(cpu: Cpu, likely: number | null = null): number | null {
  const first = likely === null ? null : guestWord(cpu, likely);
  if (first !== null && first >= KERNEL_MIN && headOf(cpu, first) === likely) return likely;
  const ram = guestRam(cpu);
  const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.length >>> 2);
  for (let at = 0; at + STRUCT_ALIGN <= words.length; at += STRUCT_ALIGN / 4) {
    if (at % PAGE_WORDS === 0 && cpu.memory.isFresh(at / PAGE_WORDS)) {
      at += PAGE_WORDS - STRUCT_ALIGN / 4;
      continue;
    }
    const next = words[at + 1];
    const previous = words[at + 2];
    if (words[at] > STATE_MAX || next < KERNEL_MIN || previous < KERNEL_MIN) continue;
    if (((next | previous) & 3) !== 0 || !isNameAt(ram, at * 4 + NAME)) continue;
    const list = guestWord(cpu, next + 4);
    if (list === null || peekPhysical(cpu, list) !== at * 4 + LIST || guestWord(cpu, previous) !== list) continue;
    const head = headOf(cpu, list);
    if (head !== null) return head;
  }
  return null;
}

function isNameAt(ram: Uint8Array, at: number): boolean {
  for (let i = 0; i < MODULE_NAME_BYTES; i++) {
    const byte = ram[at + i];
    if (byte === 0) return i > 1;
    const isWord = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f;
    if (!isWord && !(byte >= 0x41 && byte <= 0x5a)) return false;
  }
  return false;
}

/** In the ring all but one are modules with symbols. */
function headOf(cpu: Cpu, list: number): number | null {
  let head: number | null = null;
  let entry: number | null = list;
  for (let i = 0; i < MODULES_MAX && entry !== null; i++) {
    if (nameOf(cpu, entry - LIST) === null || placesOf(cpu, entry - LIST) === null) {
      if (head !== null) return null;
      head = entry;
    }
    entry = guestWord(cpu, entry);
    if (entry === list) return head;
  }
  return null;
}

interface Places {
  readonly symbolsAt: number;
  readonly count: number;
  readonly stringsAt: number;
  /** Letters of the symbols (since 5.2), or null: each has its own in place of its type. */
  readonly lettersAt: number | null;
}

/** Where a module keeps its symbols. */
function placesOf(cpu: Cpu, module: number): Places | null {
  const bytes = new Uint8Array(STRUCT_BYTES_MAX);
  const got = guestBytes(cpu, module, bytes);
  const view = new DataView(bytes.buffer);
  const isTable = (symbolsAt: number, count: number, stringsAt: number): boolean =>
    symbolsAt >= KERNEL_MIN &&
    (symbolsAt & 3) === 0 &&
    count > 1 &&
    count <= MODULE_SYMBOLS_MAX &&
    stringsAt >= KERNEL_MIN &&
    isEmptySymbol(cpu, symbolsAt) &&
    guestText(cpu, stringsAt, 1) === '\0';
  for (let at = NAME + MODULE_NAME_BYTES; at + 24 <= got; at += 4) {
    // Since 4.5: struct mod_kallsyms, behind a pointer.
    const pointer = view.getUint32(at, true);
    if (pointer >= KERNEL_MIN && (pointer & 3) === 0) {
      const [symbolsAt, count, stringsAt] = [0, 4, 8].map((offset) => guestWord(cpu, pointer + offset) ?? 0);
      if (isTable(symbolsAt, count, stringsAt)) {
        const letters = guestWord(cpu, pointer + 12) ?? 0;
        const isThere = letters >= KERNEL_MIN && /^[a-zA-Z?]$/.test(guestText(cpu, letters + count - 1, 1));
        return { symbolsAt, count, stringsAt, lettersAt: isThere ? letters : null };
      }
    }
    // Before: symtab, core_symtab, num_symtab, core_num_syms, strtab, core_strtab.
    const [symbolsAt, , count, , stringsAt] = [0, 4, 8, 12, 16].map((offset) => view.getUint32(at + offset, true));
    if (isTable(symbolsAt, count, stringsAt)) return { symbolsAt, count, stringsAt, lettersAt: null };
  }
  return null;
}

function isEmptySymbol(cpu: Cpu, at: number): boolean {
  const bytes = new Uint8Array(SYMBOL_BYTES);
  // The first entry of an ELF symbol table is all zero, but for the letter that kallsyms may put there.
  return guestBytes(cpu, at, bytes) === SYMBOL_BYTES && bytes.every((byte, i) => byte === 0 || i === 12);
}

/** The symbols of a module; none when they are not to be found. */
export function moduleSymbols(cpu: Cpu, module: Module): GuestSymbol[] {
  const places = placesOf(cpu, module.address);
  if (places === null) return [];
  const { symbolsAt, count, stringsAt, lettersAt } = places;
  const table = bytesAt(cpu, symbolsAt, count * SYMBOL_BYTES);
  const letters = lettersAt === null ? null : bytesAt(cpu, lettersAt, count);
  const view = new DataView(table.buffer);
  let stringsEnd = 0;
  for (let at = 0; at + SYMBOL_BYTES <= table.length; at += SYMBOL_BYTES) {
    stringsEnd = Math.max(stringsEnd, Math.min(view.getUint32(at, true), STRINGS_BYTES_MAX) + 512);
  }
  const strings = bytesAt(cpu, stringsAt, stringsEnd);
  const found: GuestSymbol[] = [];
  for (let i = 0; (i + 1) * SYMBOL_BYTES <= table.length && found.length < SYMBOL_COUNT_MAX; i++) {
    const at = i * SYMBOL_BYTES;
    const [address, type, section] = [view.getUint32(at + 4, true), table[at + 12], view.getUint16(at + 14, true)];
    const name = textAt(strings, view.getUint32(at, true), strings.length);
    if (section === 0 || address < KERNEL_MIN || name === '') continue;
    const letter = String.fromCharCode(letters?.[i] ?? type);
    const isLetter = /[a-zA-Z]/.test(letter);
    const kind = isLetter ? kindOfLetter(letter) : (type & 15) === STT_FUNC ? 'code' : 'data';
    found.push({ name, address, kind, isGlobal: isLetter && letter <= 'Z', module: module.name });
  }
  return found;
}

function bytesAt(cpu: Cpu, linear: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, guestBytes(cpu, linear, bytes));
}
