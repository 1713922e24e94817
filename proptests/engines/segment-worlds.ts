/**
 * Surroundings for segmented code: real mode, 16- and 32-bit protected mode, virtual-8086 mode, each from a seed. Data
 * segments have odd bases and limits, are read-only, expand down or are code; the code lies in several segments, in
 * some of them across their limit or across 64 KiB; the stack pointer is 16 or 32 bits wide and near its ends. In
 * protected mode a table of descriptors holds them all, so that selectors can be loaded.
 */
import { Random } from '../../src/core/base/random.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import {
  ATTR_BIG,
  ATTR_GRANULARITY,
  CR0,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CS,
  DS,
  EFLAGS,
  ES,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  IOPL,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  VM,
} from '../../src/core/state/layout.ts';
import { CODE, type CodePlace, DATA, LIMITS, type Width } from './random-code.ts';

export const MODES = ['real', 'vm86', 'protected16', 'protected32'] as const;
export type Mode = (typeof MODES)[number];

interface Segment {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  /** As in SEG_ATTRIBUTES. */
  readonly attributes: number;
}

export interface SegmentWorld extends Width {
  readonly mode: Mode;
  /** By number of the segment register; CS is the first of the places. */
  readonly segments: readonly Segment[];
  /** Of the code, relative to its segment. */
  readonly eip: number;
  readonly esp: number;
  /** Physical. */
  readonly table: Uint8Array;
  readonly flags: number;
}

/** Where the table of descriptors lies, in the first pages, which hold page tables else. */
export const GDT = 0x4000;
const DATA_SEGMENTS = 10;
const CODE_SEGMENTS = 4;
/** Read/write data, accessed, DPL 0 and 3. */
const REAL_ACCESS = 0x93;
const VM86_ACCESS = 0xf3;

function descriptor({ base, limit, attributes }: Segment): number[] {
  const raw = (attributes & ATTR_GRANULARITY) !== 0 ? limit >>> 12 : limit;
  const high = (base & 0xff000000) | ((base >>> 16) & 0xff) | (raw & 0xf0000) | ((attributes & 0xf0ff) << 8);
  const low = ((base & 0xffff) << 16) | (raw & 0xffff);
  return [low, high].flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff));
}

/** With the granularity that the limit needs. */
function segment(selector: number, base: number, limit: number, attributes: number): Segment {
  const isLarge = limit >>> 0 > 0xfffff;
  return { selector, base, limit, attributes: attributes | (isLarge ? ATTR_GRANULARITY : 0) };
}

/** Distances of the code from the beginning of its segment: usual ones, and those at which it lies across 64 KiB. */
function distance(random: Random, codeBytes: number): number {
  const across = 0x10000 - 1 - random.below(codeBytes + 2);
  return random.pick([0, 0x100, 0x230, 0x8000, 0x8000, across]);
}

/** `codeBytes`: length of the code that will lie at CODE. */
export function segmentWorld(mode: Mode, seed: number, codeBytes: number): SegmentWorld {
  const random = new Random(seed);
  const isReal = mode === 'real' || mode === 'vm86';
  const ring = mode === 'vm86' || (mode !== 'real' && random.below(2) === 0) ? 3 : 0;
  const isWide = mode === 'protected32';
  const codes: Segment[] = [];
  const datas: Segment[] = [];
  if (isReal) {
    const access = mode === 'real' ? REAL_ACCESS : VM86_ACCESS;
    // What protected mode has left: other limits and a wide stack.
    const isUnreal = mode === 'real' && random.below(4) === 0;
    const real = (selector: number): Segment => {
      const limit = isUnreal ? random.pick([-1, 0xffff, 0x7ff, 0x1ffff]) : 0xffff;
      return segment(selector, selector << 4, limit, access | (isUnreal && random.below(2) === 0 ? ATTR_BIG : 0));
    };
    for (let k = 0; k < CODE_SEGMENTS; k++) {
      const { selector, base } = real((CODE - (distance(random, codeBytes) & ~15)) >>> 4);
      codes.push(segment(selector, base, 0xffff, access));
    }
    for (let k = 0; k < DATA_SEGMENTS; k++) {
      datas.push(real((DATA >>> 4) + random.pick([0, 0, 0, 1, 0x40, 0x100, -0xff0])));
    }
  } else {
    const dpl = ring << 5;
    for (let k = 0; k < CODE_SEGMENTS; k++) {
      const from = distance(random, codeBytes);
      const ends = from + codeBytes + 1;
      const limit = random.pick([0xffff, 0xffff, -1, ends, ends - 1, ends - 1 - random.below(codeBytes)]);
      const wide = isWide ? ATTR_BIG : 0;
      codes.push(segment(8 * (k + 1) + ring, CODE - from, limit, wide | random.pick([0x9b, 0x9b, 0x99, 0x9f]) | dpl));
    }
    for (let k = 0; k < DATA_SEGMENTS; k++) {
      const type = random.pick([0x93, 0x93, 0x93, 0x93, 0x93, 0x91, 0x97, 0x97, 0x9b]);
      const base = DATA + random.pick([0, 0, 0, 0, 0x10, 0x20, 3, 0x800]);
      // The offsets of a segment that expands down are those above the limit.
      const limit = type === 0x97 ? random.pick([0, 0x7f, 0xff, 0x123]) : random.pick([...LIMITS, 0xffff, -1]);
      const wide = random.below(2) === 0 ? ATTR_BIG : 0;
      datas.push(segment(8 * (CODE_SEGMENTS + k + 1) + ring, base, limit, type | wide | dpl));
    }
  }
  const isStack = ({ attributes }: Segment): boolean => (attributes & 0x0a) === 0x02;
  const stacks = datas.filter(isStack);
  const stack = stacks.length > 0 ? random.pick(stacks) : { ...datas[0], attributes: (datas[0].attributes & ~15) | 3 };
  const others = [ES, DS, FS, GS].map((): Segment => random.pick(random.below(3) === 0 ? datas : datas.slice(0, 3)));
  const segments: Segment[] = [];
  segments[CS] = codes[0];
  segments[SS] = stack;
  for (const [k, number] of [ES, DS, FS, GS].entries()) segments[number] = others[k];
  const table = Uint8Array.from([...new Array<number>(8).fill(0), ...[...codes, ...datas].flatMap(descriptor)]);
  const place = ({ selector, base }: Segment): CodePlace => ({ selector, offset: CODE - base });
  const high = random.pick([0, 0, 0xabcd0000, 0xffff0000]) * ((stack.attributes & ATTR_BIG) === 0 ? 1 : 0);
  return {
    mode,
    isWide,
    isSegmented: true,
    // Null, one without a descriptor, and one of code are bad for most.
    selectors: [...datas, ...datas, ...datas]
      .map(({ selector }) => selector)
      .concat(0, 0x1f0 + ring, codes[1].selector),
    places: codes.map(place),
    segments,
    eip: CODE - codes[0].base,
    esp: high + random.pick([0x700, 0x700, 0x700, 0x7fe, 0x120, 0x17e, 4, 2, 1, 0, 0xfffe, 0x10000]),
    table: isReal ? new Uint8Array(0) : table,
    flags: mode === 'vm86' ? VM | (random.below(2) === 0 ? IOPL : 0) : random.below(2) === 0 ? IOPL : 0,
  };
}

/** Segments, table and mode as the world says; CPL is that of SS. Caller: updateMode. */
export function enterWorld(cpu: Cpu, world: SegmentWorld): void {
  const { m32 } = cpu;
  for (const [number, { selector, base, limit, attributes }] of world.segments.entries()) {
    m32[SEG_SELECTOR + number] = selector & 0xffff;
    m32[SEG_BASE + number] = base;
    m32[SEG_LIMIT + number] = limit;
    m32[SEG_ATTRIBUTES + number] = attributes;
  }
  m32[GDTR_BASE] = GDT;
  m32[GDTR_LIMIT] = Math.max(0, world.table.length - 1);
  m32[CR0] = world.mode === 'real' ? m32[CR0] & ~(CR0_PE | CR0_PG | CR0_WP) : m32[CR0] | CR0_PE;
  m32[EFLAGS] = (m32[EFLAGS] & ~(VM | IOPL)) | world.flags;
}
