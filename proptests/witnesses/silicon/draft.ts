/**
 * A case in the making: where its code lies and in which kind of segment, which descriptors it has, and where its
 * memory operands point. The parts that every generated instruction shares; the instruction itself comes from
 * generator.ts. Choices favour what goes wrong: page ends, read-only pages, segment limits, unaligned operands.
 */
import { Random } from '../../../src/core/base/random.ts';
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import { EBP, EBX, EDI, ESI, ESP } from '../../../src/core/state/layout.ts';
import { SEGMENTS } from '../../../src/core/base/names.ts';
import {
  backgroundCase,
  CODE,
  DATA,
  DATA_BYTES,
  MIXED,
  MIXED_END,
  MIXED_READ_ONLY,
  STACK,
  STACK_BYTES,
} from './background.ts';
import { FLAT_CODE, FLAT_DATA, type LdtDescriptor, ldtSelector, type MachineCase, type Selectors } from './case.ts';

export type SegmentName = keyof Selectors;

export const SEGMENT_PREFIX: Readonly<Record<SegmentName, number>> = {
  es: 0x26,
  cs: 0x2e,
  ss: 0x36,
  ds: 0x3e,
  fs: 0x64,
  gs: 0x65,
};

export interface Draft {
  random: Random;
  seed: number;
  machineCase: MachineCase;
  /** Default operand and address size of the code segment: 16 or 32. */
  codeBits: 16 | 32;
  /** Registers whose value the instruction relies on: addresses are solved around them. Bit i is register i. */
  pinned: number;
  /** Says what is special, for the label. */
  notes: string[];
}

export interface Layout {
  codeBits: 16 | 32;
  /** Data segments from the LDT instead of the flat ones. */
  segmented: boolean;
}

export function newDraft(seed: number, layout: Layout): Draft {
  const random = new Random(seed ^ 0x5bd1e995);
  const machineCase = backgroundCase(seed);
  const draft: Draft = { random, seed, machineCase, codeBits: layout.codeBits, pinned: 0, notes: [] };
  if (layout.segmented) useLocalSegments(draft);
  placeCode(draft, layout.codeBits === 16 || (layout.segmented && random.oneIn(2)));
  return draft;
}

export function segmentBase(c: MachineCase, name: SegmentName): number {
  return descriptorOf(c, name)?.base ?? 0;
}

/** The LDT entry a segment register refers to; undefined for flat and null selectors. */
export function descriptorOf(c: MachineCase, name: SegmentName): LdtDescriptor | undefined {
  const selector = c.selectors[name];
  return selector & 4 ? c.descriptors.find((d) => d.index === selector >>> 3) : undefined;
}

// ---- segments ----

const LDT_CODE = 0;
const LDT_DS = 1;
const LDT_ES = 2;
const LDT_SS = 3;
const LDT_FS = 4;

/** A data segment around `region`: mostly roomy, at times with its limit inside the region. */
function dataSegment(
  random: Random,
  index: number,
  region: number,
  regionBytes: number,
  forStack: boolean,
): LdtDescriptor {
  const lead = random.pick([0, 0, 0x10, random.below(0x1000), random.below(0x6000)]);
  const base = (region - lead) >>> 0;
  const open = forStack || !random.oneIn(8);
  const tight = lead + random.below(regionBytes);
  if (random.oneIn(6)) {
    // Expand-down: valid from limit + 1 up to FFFFh or FFFFFFFFh.
    const limit = random.oneIn(2) && lead > 0 ? lead - 1 : tight;
    return { index, base, limit, kind: 'stack', open, big: random.oneIn(2), granular: false, present: true };
  }
  const big = forStack ? random.oneIn(2) : !random.oneIn(4);
  if (random.oneIn(5)) {
    const pages = (lead + regionBytes) >>> 12;
    return {
      index,
      base,
      limit: Math.max(0, pages - random.below(2)),
      kind: 'data',
      open,
      big,
      granular: true,
      present: true,
    };
  }
  const limit = random.oneIn(3) ? tight : random.pick([0xffff, 0xfffff, lead + regionBytes - 1]);
  return { index, base, limit, kind: 'data', open, big, granular: false, present: true };
}

/** A page 64 KiB below the data pages, for segments that start in it: what wraps at FFFFh comes from there. */
const WRAPPED = DATA - 0x10000;

/** A data segment whose offset FFFFh lies at the start of the data pages, and offset 0 in a page of its own. */
function wrappingSegment(draft: Draft, index: number): LdtDescriptor {
  const { random, machineCase: c } = draft;
  draft.notes.push('wrap');
  const fill = c.regions[1].fill;
  c.regions.push({ address: WRAPPED, pageCount: 1, writable: !random.oneIn(8), executable: true, fill });
  const base = WRAPPED + random.pick([0, 0, 4, 8, 12, random.below(64), random.below(0xe00)]);
  const limit = random.pick([0xffff, 0xfffff, 0xfffff]);
  return { index, base, limit, kind: 'data', open: true, big: random.oneIn(2), granular: false, present: true };
}

export const isWrapping = (descriptor: LdtDescriptor): boolean =>
  descriptor.base >= WRAPPED && descriptor.base < WRAPPED + PAGE_BYTES && descriptor.index === LDT_DS;

function useLocalSegments(draft: Draft): void {
  const { random, machineCase: c } = draft;
  const [ds, es] = random.oneIn(2) ? [DATA, DATA] : [DATA, MIXED];
  c.descriptors.push(
    random.oneIn(10) ? wrappingSegment(draft, LDT_DS) : dataSegment(random, LDT_DS, ds, DATA_BYTES, false),
    dataSegment(random, LDT_ES, es, DATA_BYTES, false),
    dataSegment(random, LDT_SS, STACK, STACK_BYTES, true),
    dataSegment(random, LDT_FS, random.pick([DATA, MIXED, STACK]), STACK_BYTES, false),
  );
  c.selectors.ds = random.oneIn(12) ? 0 : ldtSelector(LDT_DS);
  c.selectors.es = random.oneIn(4) ? c.selectors.ds : ldtSelector(LDT_ES);
  c.selectors.fs = random.oneIn(6) ? 0 : ldtSelector(LDT_FS);
  c.selectors.gs = random.pick([0, FLAT_DATA, ldtSelector(LDT_DS)]);
  if (random.oneIn(2)) {
    c.selectors.ss = ldtSelector(LDT_SS);
    const offset = (c.registers[ESP] - segmentBase(c, 'ss')) >>> 0;
    c.registers[ESP] = descriptorOf(c, 'ss')?.big ? offset : ((offset & 0xffff) | (random.word() & 0xffff0000)) >>> 0;
  }
}

/** A code segment of the LDT, or the flat one; EIP somewhere in the code pages, at times at their very end. */
function placeCode(draft: Draft, local: boolean): void {
  const { random, machineCase: c } = draft;
  let place = random.below(PAGE_BYTES - 64);
  if (random.oneIn(8)) place = PAGE_BYTES - 1 - random.below(12); // across the page edge
  if (random.oneIn(60)) {
    place = 2 * PAGE_BYTES - 1 - random.below(6); // into nothing
    draft.notes.push('code-page-end');
  }
  c.eip = CODE + place;
  c.selectors.cs = FLAT_CODE;
  if (!local) return;
  const lead = random.pick([0, random.below(0x8000), random.below(0xd000)]);
  let limit = random.pick([0xffff, 0xfffff]);
  if (random.oneIn(30)) {
    limit = lead + place + random.below(8);
    draft.notes.push('code-limit');
  }
  c.descriptors.push({
    index: LDT_CODE,
    base: CODE - lead,
    limit,
    kind: 'code',
    open: !random.oneIn(4),
    big: draft.codeBits === 32,
    granular: false,
    present: true,
  });
  c.selectors.cs = ldtSelector(LDT_CODE);
  c.eip = lead + place;
}

/** Puts the program at EIP and the end behind it. */
export function setProgram(draft: Draft, bytes: readonly number[]): void {
  const { machineCase: c } = draft;
  const linear = (segmentBase(c, 'cs') + c.eip) >>> 0;
  const room = CODE + 2 * PAGE_BYTES - linear;
  c.patches.push({ address: linear, bytes: Uint8Array.from(bytes.slice(0, room)) });
  c.end = (c.eip + bytes.length) >>> 0;
}

// ---- memory operands ----

/** A linear address for an operand of `byteLength`, natural alignment mostly. */
export function chooseTarget(draft: Draft, segment: SegmentName, byteLength: number): number {
  const { random, machineCase: c } = draft;
  const align = byteLength >= 16 ? 16 : byteLength === 10 ? 2 : Math.max(1, byteLength & -byteLength);
  const inside = (address: number, length: number) => {
    const room = Math.max(1, length - byteLength);
    return address + (random.oneIn(5) ? random.below(room) : Math.floor(random.below(room) / align) * align);
  };
  const across = (edge: number) => edge - 1 - random.below(Math.max(1, byteLength - 1));
  const descriptor = descriptorOf(c, segment);
  const home = segmentHome(c, segment);
  if (descriptor && isWrapping(descriptor) && !random.oneIn(6)) {
    const before = align * (1 + random.below(Math.max(1, byteLength / align)));
    return descriptor.base + 0x10000 - (random.oneIn(4) ? random.below(byteLength + 2) : before);
  }
  if (descriptor && random.oneIn(5)) {
    draft.notes.push('limit-edge');
    const last = descriptor.granular ? descriptor.limit * PAGE_BYTES + PAGE_BYTES - 1 : descriptor.limit;
    return (descriptor.base + last + 1 - byteLength + random.pick([-1, 0, 0, 0, 1, 1, 2, byteLength])) >>> 0;
  }
  if (descriptor && !random.oneIn(8)) return inside(home.address, home.byteLength);
  switch (random.below(24)) {
    case 0:
      draft.notes.push('page-cross');
      return across(DATA + PAGE_BYTES);
    case 1:
      draft.notes.push('page-end');
      return across(DATA + DATA_BYTES);
    case 2:
      draft.notes.push('page-start');
      return across(DATA);
    case 3:
      draft.notes.push('read-only-cross');
      return across(MIXED_READ_ONLY);
    case 4:
      draft.notes.push('read-only');
      return inside(MIXED_READ_ONLY, PAGE_BYTES);
    case 5:
      draft.notes.push('read-only-end');
      return across(MIXED_END);
    case 6:
      draft.notes.push('unmapped');
      return random.pick([DATA - 0x100, MIXED_END + 8, 0x40000000, 0x1000, 0]) + random.below(64);
    case 7:
      return inside(STACK, STACK_BYTES);
    default:
      return inside(DATA, DATA_BYTES);
  }
}

/** The mapped memory that a segment was made for. */
function segmentHome(c: MachineCase, segment: SegmentName): { address: number; byteLength: number } {
  const base = segmentBase(c, segment);
  if (base > STACK - 0x10000) return { address: STACK, byteLength: STACK_BYTES };
  if (base > MIXED - 0x10000) return { address: MIXED, byteLength: DATA_BYTES };
  if (base > DATA - 0x10000) return { address: DATA, byteLength: DATA_BYTES };
  return { address: DATA, byteLength: DATA_BYTES };
}

export interface MemoryOperand {
  /** ModRM with `reg` zero, then SIB and displacement. */
  bytes: number[];
  /** Segment override prefix, or 0. */
  override: number;
  /** The linear address it was made to have (before any bit offset). */
  linear: number;
  /** Bytes of it that lie below offset 64 KiB, where a 16-bit address wraps to 0; Infinity for a 32-bit one. */
  wrapsAt: number;
}

export function littleEndian(value: number, byteCount: number): number[] {
  return Array.from({ length: byteCount }, (_, i) => (value >>> (8 * i)) & 0xff);
}

/** Memory operand by ModRM in the given address size, pointing at a chosen target. */
export function memoryOperand(draft: Draft, addressBits: 16 | 32, byteLength: number, adjust = 0): MemoryOperand {
  return addressBits === 32
    ? { ...operand32(draft, byteLength, adjust), wrapsAt: Number.POSITIVE_INFINITY }
    : operand16(draft, byteLength, adjust);
}

function chooseSegment(draft: Draft, byDefault: SegmentName): { segment: SegmentName; override: number } {
  const { random, machineCase: c } = draft;
  if (!random.oneIn(5)) return { segment: byDefault, override: 0 };
  const segment = random.pick(SEGMENTS);
  // A null segment is worth a look now and then, but not most of the time.
  if (c.selectors[segment] === 0 && !random.oneIn(6)) return { segment: byDefault, override: 0 };
  return { segment, override: SEGMENT_PREFIX[segment] };
}

/** `adjust` is added by the instruction itself (a bit offset): the operand points that much lower. */
function operand32(draft: Draft, byteLength: number, adjust: number): Omit<MemoryOperand, 'wrapsAt'> {
  const { random, machineCase: c } = draft;
  const base = random.oneIn(6) ? -1 : random.below(8);
  const useSib = base === ESP || random.oneIn(3);
  const index = useSib ? random.below(8) : ESP;
  const scale = useSib ? random.below(4) : 0;
  const byDefault: SegmentName = base === ESP || base === EBP ? 'ss' : 'ds';
  const { segment, override } = chooseSegment(draft, byDefault);
  const linear = chooseTarget(draft, segment, byteLength);
  const offset = (linear - segmentBase(c, segment) - adjust) | 0;
  const scaled = index === ESP ? 0 : c.registers[index] << scale;
  const sib = (base < 0 ? 5 : base) | (index << 3) | (scale << 6);
  if (base < 0) {
    if (useSib) return { bytes: [4, sib, ...littleEndian(offset - scaled, 4)], override, linear };
    return { bytes: [5, ...littleEndian(offset, 4)], override, linear };
  }
  const rm = useSib ? 4 : base;
  const tail = useSib ? [sib] : [];
  const fixed = (draft.pinned >>> base) & 1 || base === ESP || (index === base && useSib) || random.oneIn(4);
  if (fixed)
    return { bytes: [0x80 | rm, ...tail, ...littleEndian(offset - scaled - c.registers[base], 4)], override, linear };
  const short = base === EBP || random.oneIn(2);
  const displacement = short ? (random.word() << 24) >> 24 : 0;
  c.registers[base] = (offset - scaled - displacement) >>> 0;
  draft.pinned |= (1 << base) | (useSib && index !== ESP ? 1 << index : 0);
  return short
    ? { bytes: [0x40 | rm, ...tail, displacement & 0xff], override, linear }
    : { bytes: [rm, ...tail], override, linear };
}

/** Base and index of the eight 16-bit forms (SDM 2A table 2-1); −1 is none. */
const FORMS_16: readonly (readonly [number, number])[] = [
  [EBX, ESI],
  [EBX, EDI],
  [EBP, ESI],
  [EBP, EDI],
  [ESI, -1],
  [EDI, -1],
  [EBP, -1],
  [EBX, -1],
];

function operand16(draft: Draft, byteLength: number, adjust: number): MemoryOperand {
  const { random, machineCase: c } = draft;
  const rm = random.below(8);
  const direct = rm === 6 && random.oneIn(2);
  const [base, index] = direct ? [-1, -1] : FORMS_16[rm];
  const byDefault: SegmentName = base === EBP ? 'ss' : 'ds';
  const { segment, override } = chooseSegment(draft, byDefault);
  const segmentStart = segmentBase(c, segment);
  const target = (chooseTarget(draft, segment, byteLength) - segmentStart) & 0xffff;
  const linear = (segmentStart + target) >>> 0;
  const offset = (target - adjust) & 0xffff;
  const wrapsAt = 0x10000 - offset;
  if (direct) return { bytes: [6, ...littleEndian(offset, 2)], override, linear, wrapsAt };
  const sum = c.registers[base] + (index < 0 ? 0 : c.registers[index]);
  if ((draft.pinned >>> base) & 1 || random.oneIn(3))
    return { bytes: [0x80 | rm, ...littleEndian(offset - sum, 2)], override, linear, wrapsAt };
  const short = rm === 6 || random.oneIn(2);
  const displacement = short ? (random.word() << 24) >> 24 : 0;
  const low = (offset - displacement - (index < 0 ? 0 : c.registers[index])) & 0xffff;
  c.registers[base] = ((c.registers[base] & 0xffff0000) | low) >>> 0;
  draft.pinned |= (1 << base) | (index < 0 ? 0 : 1 << index);
  const bytes = short ? [0x40 | rm, displacement & 0xff] : [rm];
  return { bytes, override, linear, wrapsAt };
}

/** Points a register of an implied operand (string instructions, XLAT, MASKMOV) at a target of the segment. */
export function pointRegister(
  draft: Draft,
  register: number,
  segment: SegmentName,
  addressBits: 16 | 32,
  byteLength: number,
): void {
  const { machineCase: c } = draft;
  const offset = chooseTarget(draft, segment, byteLength) - segmentBase(c, segment);
  c.registers[register] =
    addressBits === 32 ? offset >>> 0 : ((c.registers[register] & 0xffff0000) | (offset & 0xffff)) >>> 0;
  draft.pinned |= 1 << register;
}

/** The offset of a MOV between the accumulator and memory. */
export function offsetOperand(draft: Draft, addressBits: 16 | 32, byteLength: number): MemoryOperand {
  const { segment, override } = chooseSegment(draft, 'ds');
  const linear = chooseTarget(draft, segment, byteLength);
  const offset = linear - segmentBase(draft.machineCase, segment);
  const wrapsAt = addressBits === 16 ? 0x10000 - (offset & 0xffff) : Number.POSITIVE_INFINITY;
  return { bytes: littleEndian(offset, addressBits / 8), override, linear, wrapsAt };
}

/** Base plus offset, as a linear address. */
export function segmentLinear(c: MachineCase, name: SegmentName, offset: number): number {
  return (segmentBase(c, name) + offset) >>> 0;
}
