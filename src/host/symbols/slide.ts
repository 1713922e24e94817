// How far a Linux kernel is from where its symbols say: it may place itself at random (CONFIG_RANDOMIZE_BASE), and its
// file knows nothing of that. Its banner tells: the text "Linux version " stands at the symbol linux_banner, moved by a
// multiple of the alignment. Without that symbol, a table that was read out of the guest tells.

import type { Cpu } from '../../core/state/cpu.ts';
import { guestText, PAGE_OFFSET } from './guest-memory.ts';
import type { SymbolSource } from './symbol-table.ts';

const BANNER_SYMBOL = 'linux_banner';
const BANNER = 'Linux version ';
/** Kernels move in steps of this or a multiple. */
const SLIDE_STEP = 0x10_0000;
const SLIDE_MAX = 0x2000_0000;
/** Symbols that every kernel has once. */
const ANCHORS = ['_stext', '_text', 'start_kernel', 'startup_32', 'schedule', 'do_exit'];

/** Whether the symbols are of a kernel that may have moved. */
export function mayMove(source: SymbolSource): boolean {
  return source.find(BANNER_SYMBOL) !== undefined;
}

/** Whether the kernel is where its slide says, as far as one can see from here. */
export function isPlaced(cpu: Cpu, source: SymbolSource): boolean {
  const banner = source.find(BANNER_SYMBOL);
  if (banner === undefined || source.slide === null) return true;
  const text = guestText(cpu, banner.address + source.slide, BANNER.length);
  return text === BANNER || text.length < BANNER.length;
}

/** Null: not there, now. */
export function slideByBanner(cpu: Cpu, source: SymbolSource): number | null {
  const banner = source.find(BANNER_SYMBOL);
  if (banner === undefined) return null;
  for (let slide = 0; slide <= SLIDE_MAX; slide += SLIDE_STEP) {
    for (const signed of slide === 0 ? [0] : [slide, -slide]) {
      if (guestText(cpu, banner.address + signed, BANNER.length) === BANNER) return signed;
    }
  }
  return null;
}

/** From what the guest itself says of where its functions are. */
export function slideByAnchors(source: SymbolSource, guests: SymbolSource): number | null {
  if (guests.slide === null) return null;
  const slides = new Map<number, number>();
  for (const name of ANCHORS) {
    const [linked, placed] = [source.find(name), guests.find(name)];
    if (linked === undefined || placed === undefined) continue;
    const slide = (placed.address + guests.slide - linked.address) | 0;
    slides.set(slide, (slides.get(slide) ?? 0) + 1);
  }
  // One slide for all: else it is another kernel.
  return slides.size === 1 ? [...slides.keys()][0] : null;
}

const SETUP_MAGIC_AT = 0x202;
const SETUP_MAGIC = 0x53726448;
const PROTOCOL_AT = 0x206;
/** Since this protocol the header says where the kernel likes to lie. */
const PROTOCOL_PREFERRED = 0x20a;
const PREFERRED_AT = 0x258;

/** Where the text of a bzImage is linked (Linux boot protocol); null for anything else. */
export function linkedText(image: Uint8Array): number | null {
  if (image.length < PREFERRED_AT + 8) return null;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (view.getUint32(SETUP_MAGIC_AT, true) !== SETUP_MAGIC) return null;
  const preferred = view.getUint16(PROTOCOL_AT, true) >= PROTOCOL_PREFERRED ? view.getUint32(PREFERRED_AT, true) : 0;
  return (PAGE_OFFSET + (preferred === 0 ? 0x10_0000 : preferred)) >>> 0;
}
