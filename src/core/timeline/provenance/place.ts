/**
 * Where a value can be: bytes of a processor's block (registers of every kind, state/layout.ts), bytes of physical
 * memory, flags, or what a device answers. Addresses of memory are physical, so that it does not matter through which
 * tables a program looks at them; the linear address by which it was last spoken of is kept for people.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, STATE_SEGMENTS } from '../../base/names.ts';
import { peekPhysical, peekPhysicalBytes } from '../../memory/peek.ts';
import type { Cpu } from '../../state/cpu.ts';
import { FLAG_NAMES } from '../../state/flag-names.ts';
import { getFlags } from '../../state/flags.ts';
import { CR0, CR2, CR3, CR4, FP_SIGNIFICAND, PLACED, SEG_SELECTOR, XMM } from '../../state/layout.ts';

export interface Place {
  readonly space: 'register' | 'memory' | 'flags' | 'device';
  /** Byte of the processor's block; physical address; mask of EFLAGS. */
  readonly at: number;
  /** Bytes; 0 of flags. */
  readonly size: number;
  /** Of memory. */
  readonly linear?: number;
}

export function registerBytes(at: number, size: number): Place {
  return { space: 'register', at, size };
}

/** A general register by its number and the bytes of the operand: number 4 of one byte is AH. */
export function generalRegister(register: number, size: number): Place {
  return registerBytes(size === 1 ? ((register & 3) << 2) | (register >> 2) : register * 4, size);
}

export function flagsPlace(mask: number): Place {
  return { space: 'flags', at: mask, size: 0 };
}

/** Memory at a linear address as it is mapped now, in pieces of one page. What is not mapped is left out. */
export function memoryAt(cpu: Cpu, linear: number, size: number): Place[] {
  const places: Place[] = [];
  for (let done = 0; done < size; ) {
    const at = (linear + done) >>> 0;
    const run = Math.min(size - done, PAGE_BYTES - (at % PAGE_BYTES));
    const physical = peekPhysical(cpu, at);
    if (physical >= 0) {
      const space = cpu.space.peekPage(physical) < 0 ? 'device' : 'memory';
      const last = places.at(-1);
      if (last !== undefined && last.space === space && last.at + last.size === physical) {
        places[places.length - 1] = { ...last, size: last.size + run };
      } else places.push({ space, at: physical, size: run, linear: at });
    }
    done += run;
  }
  return places;
}

/** Bytes [from, from + size) of a place. */
export function part(place: Place, from: number, size: number): Place {
  const { linear } = place;
  const piece = { ...place, at: place.at + from, size };
  return linear === undefined ? piece : { ...piece, linear: (linear + from) >>> 0 };
}

/** The bytes, or flags, that both have; null for none. */
export function common(a: Place, b: Place): Place | null {
  if (a.space !== b.space) return null;
  if (a.space === 'flags') return (a.at & b.at) === 0 ? null : flagsPlace(a.at & b.at);
  const from = Math.max(a.at, b.at);
  const end = Math.min(a.at + a.size, b.at + b.size);
  return from < end ? part(a, from - a.at, end - from) : null;
}

/** One place of two that lie one behind the other; null when they do not. */
export function joined(a: Place, b: Place): Place | null {
  if (a.space !== b.space || a.space === 'flags' || a.at + a.size !== b.at) return null;
  return { ...a, size: a.size + b.size };
}

/** What is there now, little-endian; null for what cannot be read or is no number of at most 4 bytes. */
export function valueAt(cpu: Cpu, { space, at, size }: Place): number | null {
  if (space === 'flags') return getFlags(cpu) & at;
  if (space === 'device' || size > 4) return null;
  const bytes = new Uint8Array(size);
  if (space === 'register') bytes.set(cpu.m8.subarray(at, at + size));
  else if (peekPhysicalBytes(cpu, at, bytes) < size) return null;
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

const CONTROLS = [
  [CR0, 'cr0'],
  [CR2, 'cr2'],
  [CR3, 'cr3'],
  [CR4, 'cr4'],
] as const;

/** As people name it: `eax`, `ah`, `bytes 1-3 of ecx`, `dword at 0x00200000`, `zf`. */
export function placeName(place: Place): string {
  const { space, at, size } = place;
  if (space === 'flags') {
    const names = Object.entries(FLAG_NAMES).flatMap(([name, bit]) => ((at & bit) === 0 ? [] : [name]));
    return names.length > 3 ? 'eflags' : names.join(' ');
  }
  if (space === 'register') return registerName(at, size);
  const sized = { 1: 'byte', 2: 'word', 4: 'dword' }[size] ?? `${size} bytes`;
  const linear = place.linear;
  const where = (linear ?? at).toString(16).padStart(8, '0');
  return `${sized} at ${linear === undefined || space === 'device' ? 'physical ' : ''}0x${where}`;
}

function registerName(at: number, size: number): string {
  const number = at >> 2;
  if (number < 8) {
    const from = at & 3;
    if (size === 4 && from === 0) return REGISTERS_32[number];
    if (size === 2 && from === 0) return REGISTERS_16[number];
    if (size === 1 && from < 2 && number < 4) return REGISTERS_8[from * 4 + number];
    return pieceName(REGISTERS_32[number], from, size);
  }
  const control = CONTROLS.find(([word]) => word === number);
  if (control !== undefined) return control[1];
  const fields = [
    { name: (i: number) => `xmm${i}`, word: XMM, bytes: 16, count: 8 },
    { name: (i: number) => `mm${i}`, word: FP_SIGNIFICAND, bytes: 8, count: 8 },
    { name: (i: number) => STATE_SEGMENTS[i], word: SEG_SELECTOR, bytes: 4, count: 8 },
  ];
  for (const { name, word, bytes, count } of fields) {
    const offset = at - word * 4;
    if (offset < 0 || offset >= bytes * count) continue;
    const whole = name(Math.floor(offset / bytes));
    return size === bytes || bytes === 4 ? whole : pieceName(whole, offset % bytes, size);
  }
  const found = [...PLACED.values()].find(({ offset, size: all }) => at >= offset && at < offset + all);
  return found?.name ?? `byte ${at} of the processor`;
}

function pieceName(whole: string, from: number, size: number): string {
  return size === 1 ? `byte ${from} of ${whole}` : `bytes ${from}-${from + size - 1} of ${whole}`;
}
