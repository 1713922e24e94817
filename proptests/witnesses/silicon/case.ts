/**
 * A machine case: everything a short program at CPL 3 starts from, and everything observable that it leaves.
 * Plain data, so that the silicon witness, the engines and the committed vectors run the very same thing. The world is
 * that of a 32-bit process under a 64-bit Linux: flat user segments in the GDT, an LDT of the case's own, no ring but
 * 3. Conventions: linear addresses, register values and flags are unsigned 32-bit numbers; README.md lists what is not
 * seen.
 */
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import type { SEGMENTS } from '../../../src/core/base/names.ts';

/** Selectors of the flat user segments. All other GDT selectors belong to the kernel: cases keep away from them. */
export const FLAT_CODE = 0x23;
export const FLAT_DATA = 0x2b;
/** The descriptors behind them (SDM 3A 3.4.5), low word first. */
export const FLAT_CODE_DESCRIPTOR: readonly [number, number] = [0x0000ffff, 0x00cffb00];
export const FLAT_DATA_DESCRIPTOR: readonly [number, number] = [0x0000ffff, 0x00cff300];

export const PAGE_COUNT_MAX = 128;
export const LDT_ENTRY_COUNT = 64;
/** FXSAVE image up to XMM7: what comes after it is not part of a 32-bit machine. */
export const FX_BYTES = 288;

export type Selectors = Record<(typeof SEGMENTS)[number], number>;

/** An LDT entry with DPL 3 and the accessed bit set; the selector is `ldtSelector(index)`. */
export interface LdtDescriptor {
  index: number;
  base: number;
  /** The 20-bit field as stored: bytes, or pages when `granular`. */
  limit: number;
  /** `stack` is expand-down data. `conforming` must be not present: modify_ldt allows no other. */
  kind: 'data' | 'stack' | 'code' | 'conforming';
  /** Writable for data, readable for code. */
  open: boolean;
  /** D/B: 32-bit code, 32-bit stack pointer, 4 GiB upper bound for expand-down. */
  big: boolean;
  granular: boolean;
  present: boolean;
}

export interface MemoryRegion {
  /** Page-aligned linear address. What no region covers is not mapped. */
  address: number;
  pageCount: number;
  writable: boolean;
  executable: boolean;
  /** What the pages hold before patches: 0..255 that byte, above a pattern seed (see `fillDword`). */
  fill: number;
}

export interface MemoryBytes {
  address: number;
  bytes: Uint8Array;
}

export interface MachineCase {
  registers: number[];
  eip: number;
  /** IF and bit 1 are always set, IOPL and VM always clear, whatever stands here. */
  eflags: number;
  selectors: Selectors;
  descriptors: LdtDescriptor[];
  regions: MemoryRegion[];
  /** Code and data laid over the regions, in order. */
  patches: MemoryBytes[];
  /** FXSAVE image (FX_BYTES), or null for the state after FNINIT with MXCSR 1F80h. FCS and FDS must be zero. */
  fx: Uint8Array | null;
  /** 0: run to a fault. n: start with TF set and stop at the n-th single-step trap or an earlier fault. */
  steps: number;
  /** EIP of the HLT that ends an untroubled run; −1 when there is none. */
  end: number;
}

export type Stop =
  /** reached the HLT at `end` */
  | 'completed'
  /** the wanted number of single-step traps was seen */
  | 'stepped'
  | 'fault'
  /** did not end within some 10 to 20 ms of processor time */
  | 'timeout'
  /** entered the kernel by a system call instruction */
  | 'syscall'
  /** the starting state itself is impossible (see `reason`) */
  | 'rejected';

export interface Fault {
  vector: number;
  errorCode: number;
  /** Linear address of a page fault; 0 for every other vector. */
  cr2: number;
}

export interface CaseResult {
  stop: Stop;
  registers: number[];
  eip: number;
  eflags: number;
  selectors: Selectors;
  fx: Uint8Array;
  /** null when completed, stepped, timeout, syscall. */
  fault: Fault | null;
  stepCount: number;
  /** Bytes that differ from the start, in ascending address order, adjacent runs joined. */
  changes: MemoryBytes[];
  reason: string;
}

export function ldtSelector(index: number): number {
  return (index << 3) | 7;
}

/** The eight bytes in the table, as two words, low first (SDM 3A figure 3-8). */
export function descriptorWords(d: LdtDescriptor): [number, number] {
  const kindBits = { data: 0, stack: 4, code: 8, conforming: 12 }[d.kind];
  const type = kindBits | (d.open ? 2 : 0) | 1;
  const low = ((d.limit & 0xffff) | (d.base << 16)) >>> 0;
  const high =
    ((d.base >>> 16) & 0xff) |
    (type << 8) |
    0x7000 |
    (d.present ? 0x8000 : 0) |
    (d.limit & 0xf0000) |
    (d.big ? 0x400000 : 0) |
    (d.granular ? 0x800000 : 0) |
    (d.base & 0xff000000);
  return [low, high >>> 0];
}

/** The dword of a pattern-filled page at a dword-aligned linear address; native/witness.c computes the same. */
export function fillDword(address: number, fill: number): number {
  if (fill < 256) return Math.imul(fill, 0x01010101) >>> 0;
  let x = (Math.imul(address >>> 2, 0x9e3779b1) + Math.imul(fill, 0x85ebca77)) | 0;
  x ^= x >>> 15;
  x = Math.imul(x, 0x2c1b3c6d);
  x ^= x >>> 12;
  x = Math.imul(x, 0x297a2d39);
  return (x ^ (x >>> 15)) >>> 0;
}

/** FNINIT and MXCSR 1F80h. */
export function initialFx(): Uint8Array {
  const fx = new Uint8Array(FX_BYTES);
  fx[0] = 0x7f;
  fx[1] = 0x03;
  fx[24] = 0x80;
  fx[25] = 0x1f;
  return fx;
}

/** What the pages of a case hold at the start: page address → bytes, after fill and patches. */
export function initialPages(c: MachineCase): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (const region of c.regions)
    for (let index = 0; index < region.pageCount; index++) {
      const address = (region.address + index * PAGE_BYTES) >>> 0;
      const bytes = new Uint8Array(PAGE_BYTES);
      if (region.fill < 256) bytes.fill(region.fill);
      else {
        const dwords = new Int32Array(bytes.buffer);
        for (let i = 0; i < dwords.length; i++) dwords[i] = fillDword(address + 4 * i, region.fill);
      }
      pages.set(address, bytes);
    }
  for (const patch of c.patches)
    for (let i = 0; i < patch.bytes.length; i++) {
      const address = (patch.address + i) >>> 0;
      const page = pages.get((address & -PAGE_BYTES) >>> 0);
      if (!page) throw new RangeError(`patch at ${address.toString(16)} lies outside the regions of the case`);
      page[address & (PAGE_BYTES - 1)] = patch.bytes[i];
    }
  return pages;
}

/**
 * Runs of differing bytes between two sets of pages (whole pages, aligned in their buffers), in the form of
 * `CaseResult.changes`.
 */
export function pageChanges(
  before: ReadonlyMap<number, Uint8Array>,
  after: ReadonlyMap<number, Uint8Array>,
): MemoryBytes[] {
  const changes: MemoryBytes[] = [];
  for (const [address, was] of before) {
    const now = after.get(address);
    if (!now) throw new RangeError(`page ${address.toString(16)} is missing after the run`);
    const [dwordsWere, dwordsAre] = [was, now].map(
      (page) => new Int32Array(page.buffer, page.byteOffset, PAGE_BYTES / 4),
    );
    for (let i = 0; i < PAGE_BYTES / 4; i++) {
      if (dwordsWere[i] === dwordsAre[i]) continue;
      for (let offset = 4 * i; offset < 4 * i + 4; offset++)
        if (was[offset] !== now[offset])
          changes.push({ address: address + offset, bytes: now.slice(offset, offset + 1) });
    }
  }
  return joinChanges(changes);
}

/** Sorts runs and joins those that touch. */
export function joinChanges(changes: MemoryBytes[]): MemoryBytes[] {
  changes.sort((a, b) => a.address - b.address);
  const joined: MemoryBytes[] = [];
  for (let first = 0; first < changes.length; ) {
    let last = first + 1;
    let end = changes[first].address + changes[first].bytes.length;
    while (last < changes.length && changes[last].address === end) end += changes[last++].bytes.length;
    const { address } = changes[first];
    const bytes = new Uint8Array(end - address);
    for (let i = first; i < last; i++) bytes.set(changes[i].bytes, changes[i].address - address);
    joined.push({ address, bytes });
    first = last;
  }
  return joined;
}
