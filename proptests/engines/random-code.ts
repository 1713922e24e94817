/**
 * Random guest code: drafts (a template and a few numbers) that fast-check can shrink, and their encoding. Every draft
 * encodes to complete instructions; jumps lead to the beginning of another one. Memory operands lie mostly in DATA,
 * sometimes in the code itself, and through registers anywhere. The same drafts are code for flat 32-bit segments or
 * for others, 16 or 32 bits wide, where operands are small offsets, prefixes of all kinds are more, and segment
 * registers change (segment-worlds.ts).
 */
import fc from 'fast-check';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { RECORD_WORDS } from '../../src/core/isa/record.ts';

export const CODE = 0x10000;
export const DATA = 0x20000;
/** All RAM is mapped here again: host address less linear address overflows 32 bits. */
export const ALIAS = 0x80000000;

export interface Draft {
  readonly template: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

interface Placed {
  readonly bytes: number[];
  /** Where a displacement goes, how wide it is, and to which instruction. */
  readonly jump: number;
  readonly jumpBytes: number;
  readonly target: number;
  /** It is a far pointer: an offset that wide, then a selector. */
  readonly isFar?: boolean;
}

/** The places that far pointers to code name: a selector, and the offset of the first byte there. */
export interface CodePlace {
  readonly selector: number;
  readonly offset: number;
}

/** What code is made for. */
export interface Width {
  readonly isWide: boolean;
  readonly isSegmented: boolean;
  /** Selectors that segment registers may be given, and places of the code; none in flat code. */
  readonly selectors: readonly number[];
  readonly places: readonly CodePlace[];
}

export const FLAT: Width = { isWide: true, isSegmented: false, selectors: [], places: [] };

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const leZ = (isWide: boolean, value: number): number[] => le32(value).slice(0, isWide ? 4 : 2);

/** An address for an absolute operand: data, its page ends, pages that fault, or code. */
function linearPlace(x: number): number {
  const low = x & 0xfff;
  switch ((x >>> 12) & 63) {
    case 0:
      return CODE + (low & 0xff);
    case 1:
      return DATA + 0x0ff8 + (low & 15);
    case 2:
    case 6:
    case 7:
    case 8:
      return DATA + 0x1000 + (low & 0xffc); // read-only page
    case 9:
      return ALIAS + CODE + (low & 0xff);
    case 10:
    case 11:
    case 12:
    case 13:
      return ALIAS + DATA + (low & 0x7c);
    case 3:
      return DATA + 0x1ff8 + (low & 15);
    case 4:
      return DATA + 0x4000 + low; // absent page
    case 5:
      return DATA + low;
    default:
      return DATA + (low & 0x7c);
  }
}

/** An offset in a segment: mostly inside and aligned, else at its end, at that of 64 KiB, or anywhere. */
function offset(x: number): number {
  const low = x & 0xfff;
  switch ((x >>> 12) & 31) {
    case 0:
      return 0xfff0 + (low & 15);
    case 1:
      return LIMITS[low % LIMITS.length] - 4 + ((low >>> 4) & 7);
    case 2:
      return low;
    case 3:
      return (low << 4) | (low & 15);
    default:
      return 0x100 + (low & 0x7c);
  }
}

/** Limits that segments have besides the usual ones. */
export const LIMITS = [0x17f, 0x7ff, 0x123, 0x1ff, 0xfff, 0xffff] as const;

const hasAddressPrefix = (d: Draft, w: Width): boolean => w.isSegmented && ((d.c >>> 16) & 15) === 3;

/** ModRM of 16-bit addresses. */
function modrm16(d: Draft, field: number, registerOnly: boolean): number[] {
  const how = registerOnly ? 0 : (d.a >>> 6) & 15;
  const rm = d.a & 7;
  if (how <= 3) return [0xc0 | (field << 3) | rm];
  if (how <= 9) return [(field << 3) | 6, ...le32(offset(d.b)).slice(0, 2)];
  if (how <= 11 && rm !== 6) return [(field << 3) | rm];
  if (how <= 13) return [0x40 | (field << 3) | rm, d.b & 0xff];
  return [0x80 | (field << 3) | rm, ...le32(offset(d.b)).slice(0, 2)];
}

/** ModRM with its SIB byte and displacement. `reg`: the reg field, or −1 for a random one. */
function modrm(d: Draft, w: Width, reg: number, registerOnly = false): number[] {
  const field = (reg < 0 ? d.a >>> 3 : reg) & 7;
  if (w.isWide === hasAddressPrefix(d, w)) return modrm16(d, field, registerOnly);
  const place = w.isSegmented ? offset : linearPlace;
  const how = registerOnly ? 0 : (d.a >>> 6) & 15;
  const rm = d.a & 7;
  if (how >= 8 && how < 12 && rm !== 4) return [0xc0 | (field << 3) | rm];
  if (how >= 12) return [(field << 3) | 5, ...le32(place(d.b))];
  if (how <= 2) return [0xc0 | (field << 3) | rm];
  if (how <= 5) return [(field << 3) | 5, ...le32(place(d.b))];
  const base = rm === 4 ? 6 : rm;
  if (how === 6) return [0x40 | (field << 3) | base, ((d.b & 0x7c) - 0x40 + (d.b & 0x80 ? 1 : 0)) & 0xff];
  // Base, scaled index (masked to something small by luck only) and a displacement that leads to data for small values.
  return [
    0x80 | (field << 3) | 4,
    ((d.b & 3) << 6) | ((d.b >>> 2) & 0x38) | base,
    ...le32(d.b & 0x100 ? 0 : w.isSegmented ? 0x100 : DATA),
  ];
}

/** ModRM of an operand in memory. */
const memory = (d: Draft, w: Width): number[] => modrm({ ...d, a: d.a | 0x300 }, w, -1);

const imm8 = (d: Draft): number => (d.c & 0x700 ? [0, 1, 2, 7, 8, 0x1f, 0x80, 0xff][d.c & 7] : d.c & 0xff);
const constant = (d: Draft): number =>
  d.c & 0x100 ? [0, 1, -1, 0x7fffffff, -0x80000000, 0x80, 0xffff, 0x8000][d.c & 7] : d.c;

/** Of F6 and F7: divisions, which fault often, are rare. */
const GROUP3 = [2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 6, 7];

const span = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, k) => first + k);

/** Prefix, opcode behind 0F, whether an immediate follows, digit of a group: every family of lifters is among them. */
const SSE: readonly (readonly [prefix: number, opcode: number, hasImmediate?: boolean, digit?: number])[] = [
  ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x50, 0x54, 0x55, 0x56, 0x57].flatMap(
    (opcode): [number, number][] => [
      [0, opcode],
      [0x66, opcode],
    ],
  ),
  ...[0x10, 0x11, 0x12, 0x2a, 0x2c, 0x2d, 0x51, 0x58, 0x59, 0x5a, 0x5c, 0x5d, 0x5e, 0x5f].flatMap(
    (opcode): [number, number][] => [
      [0xf2, opcode],
      [0xf3, opcode],
    ],
  ),
  ...[0x2e, 0x2f, 0x58, 0x59, 0x5a, 0x5c, 0x5e, 0x5b, 0x51].flatMap((opcode): [number, number][] => [
    [0, opcode],
    [0x66, opcode],
  ]),
  ...[
    ...span(0x60, 0x6f),
    0x74,
    0x75,
    0x76,
    0x7e,
    0x7f,
    ...span(0xd1, 0xef),
    ...span(0xf1, 0xf6),
    ...span(0xf8, 0xfe),
  ].map((opcode): [number, number] => [0x66, opcode]),
  ...[2, 4, 6].flatMap((digit): [number, number, boolean, number][] => [
    [0x66, 0x71, true, digit],
    [0x66, 0x72, true, digit],
    [0x66, 0x73, true, digit === 4 ? 3 : digit],
  ]),
  [0x66, 0x73, true, 7],
  [0xf2, 0x70, true],
  [0xf3, 0xe6],
  ...[0x6f, 0x7e, 0x7f, 0x16].map((opcode): [number, number] => [0xf3, opcode]),
  [0xf2, 0xf0],
  [0, 0x2b],
  [0, 0xc3],
  [0x66, 0x70, true],
  [0xf3, 0x70, true],
  [0, 0xc6, true],
  [0x66, 0xc6, true],
  [0x66, 0xc4, true],
  [0x66, 0xc5, true],
  [0xf2, 0xc2, true],
];
const sse: Template = (d, w) => {
  const [prefix, opcode, hasImmediate = false, digit = -1] = SSE[(d.c >>> 8) % SSE.length];
  const operand = modrm(d, w, digit, digit >= 0 || ((opcode & 0xf7) === 0xd7 && opcode !== 0xdf));
  return [...(prefix === 0 ? [] : [prefix]), 0x0f, opcode, ...operand, ...(hasImmediate ? [imm8(d)] : [])];
};

type Template = (d: Draft, w: Width) => number[] | Placed;

/** Segment prefixes by a few bits: FS and GS in flat code, all in other. */
function prefixes(d: Draft): number[] {
  const bits = (d.c >>> 24) & 0x1f;
  const found: number[] = [];
  if (bits === 1) found.push(0x64);
  if (bits === 2) found.push(0x65);
  return found;
}
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e] as const;
const is66 = (d: Draft): boolean => (d.c >>> 20) % 5 === 0;
const wide = (d: Draft, _w: Width): number[] => [...prefixes(d), ...(is66(d) ? [0x66] : [])];
const isWideOperand = (d: Draft, w: Width): boolean => w.isWide !== is66(d);
const immZ = (d: Draft, w: Width): number[] => leZ(isWideOperand(d, w), constant(d));

/** A near jump, in flat code without a prefix: it would leave for the first 64 KiB. */
function jumps(d: Draft, w: Width, ...opcode: readonly number[]): Placed {
  const isNarrow = !(w.isSegmented ? isWideOperand(d, w) : w.isWide);
  const jumpBytes = isNarrow ? 2 : 4;
  const bytes = [...(w.isSegmented && is66(d) ? [0x66] : []), ...opcode];
  return { bytes: [...bytes, ...leZ(!isNarrow, 0)], jump: bytes.length, jumpBytes, target: d.b };
}

/** LOOP and JCXZ over a short jump, so that their target can be anywhere. */
function loops(d: Draft, w: Width): Placed {
  const jumpBytes = w.isWide ? 4 : 2;
  const bytes = [0xe0 + (d.a & 3), 2, 0xeb, 1 + jumpBytes, 0xe9];
  return { bytes: [...bytes, ...leZ(w.isWide, 0)], jump: 5, jumpBytes, target: d.b };
}

/** Far jumps and calls to an instruction, by one of the places of the code. */
function farJumps(d: Draft, w: Width, opcode: number): Placed {
  const { selector } = w.places[d.a % w.places.length];
  const bytes = [opcode, ...leZ(w.isWide, 0), ...le32(selector).slice(0, 2)];
  return { bytes, jump: 1, jumpBytes: w.isWide ? 4 : 2, target: d.b, isFar: true };
}

/** A selector into a register, and from there into ES, SS, DS, FS or GS. */
function loadsSegment(d: Draft, w: Width): number[] {
  const register = d.a & 3;
  const selector = w.selectors[d.b % w.selectors.length];
  const segment = [0, 3, 3, 4, 5, 0, 2, 3][(d.a >>> 3) & 7];
  return [0xb8 + register, ...leZ(w.isWide, selector), 0x8e, 0xc0 | (segment << 3) | register];
}

const COMMON: readonly Template[] = [
  // Group 1, four directions, and immediates
  (d, w) => [...wide(d, w), ((d.c >>> 8) & 7) * 8 + 1, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), ((d.c >>> 8) & 7) * 8 + 3, ...modrm(d, w, -1)],
  (d, w) => [...prefixes(d), ((d.c >>> 8) & 7) * 8, ...modrm(d, w, -1)],
  (d, w) => [...prefixes(d), ((d.c >>> 8) & 7) * 8 + 2, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x81, ...modrm(d, w, -1), ...immZ(d, w)],
  (d, w) => [...wide(d, w), 0x83, ...modrm(d, w, -1), imm8(d)],
  (d, w) => [...prefixes(d), 0x80, ...modrm(d, w, -1), imm8(d)],
  // TEST, NOT, NEG, MUL, IMUL, DIV, IDIV, INC, DEC
  (d, w) => [...wide(d, w), 0xf7, ...modrm(d, w, 0), ...immZ(d, w)],
  (d, w) => [...wide(d, w), 0xf7, ...modrm(d, w, GROUP3[(d.c >>> 8) % 12])],
  (d, w) => [...prefixes(d), 0xf6, ...modrm(d, w, GROUP3[(d.c >>> 8) % 12])],
  (d, w) => [...prefixes(d), 0xf6, ...modrm(d, w, 0), imm8(d)],
  (d, w) => [...wide(d, w), 0x85, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0xff, ...modrm(d, w, (d.c >>> 8) & 1)],
  (d, w) => [0xfe, ...modrm(d, w, (d.c >>> 8) & 1)],
  (d, w) => [...wide(d, w), 0x40 + (d.a & 15)],
  // Shifts
  (d, w) => [...wide(d, w), 0xc1, ...modrm(d, w, -1), imm8(d)],
  (d, w) => [...prefixes(d), 0xc0, ...modrm(d, w, -1), imm8(d)],
  (d, w) => [...wide(d, w), 0xd1, ...modrm(d, w, -1)],
  (d, w) => [0xd0, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0xd3, ...modrm(d, w, -1)],
  (d, w) => [0xd2, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x0f, (d.c >>> 8) & 1 ? 0xa4 : 0xac, ...modrm(d, w, -1), imm8(d)],
  (d, w) => [...wide(d, w), 0x0f, (d.c >>> 8) & 1 ? 0xa5 : 0xad, ...modrm(d, w, -1)],
  // Multiplications, extensions, bits
  (d, w) => [...wide(d, w), 0x0f, 0xaf, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x69, ...modrm(d, w, -1), ...immZ(d, w)],
  (d, w) => [...wide(d, w), 0x6b, ...modrm(d, w, -1), imm8(d)],
  (d, w) => [...wide(d, w), 0x0f, [0xb6, 0xb7, 0xbe, 0xbf][(d.c >>> 8) & 3], ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x0f, [0xa3, 0xab, 0xb3, 0xbb][(d.c >>> 8) & 3], ...modrm(d, w, -1, (d.c & 1) === 0)],
  (d, w) => [...wide(d, w), 0x0f, 0xba, ...modrm(d, w, 4 + ((d.c >>> 8) & 3)), imm8(d)],
  (d, w) => [...wide(d, w), 0x0f, (d.c >>> 8) & 1 ? 0xbc : 0xbd, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x0f, 0xc8 + (d.a & 7)],
  // Conditions
  (d, w) => [0x0f, 0x90 + ((d.c >>> 8) & 15), ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x0f, 0x40 + ((d.c >>> 8) & 15), ...modrm(d, w, -1)],
  // Exchanges and moves
  (d, w) => [...wide(d, w), 0x0f, 0xc1, ...modrm(d, w, -1)],
  (d, w) => [0x0f, 0xc0, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x0f, 0xb1, ...modrm(d, w, -1)],
  (d, w) => [0x0f, 0xb0, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x87, ...modrm(d, w, -1)],
  (d, w) => [0x86, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0x8d, ...modrm({ ...d, a: d.a | 0xc0 }, w, -1)],
  (d, w) => [...wide(d, w), (d.c >>> 8) & 1 ? 0x89 : 0x8b, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), (d.c >>> 8) & 1 ? 0x89 : 0x8b, ...modrm(d, w, -1)],
  (d, w) => [...prefixes(d), (d.c >>> 8) & 1 ? 0x88 : 0x8a, ...modrm(d, w, -1)],
  (d, w) => [...wide(d, w), 0xc7, ...modrm(d, w, 0), ...immZ(d, w)],
  (d, w) => [0xc6, ...modrm(d, w, 0), imm8(d)],
  (d, w) => [...wide(d, w), 0xb8 + (d.a & 7), ...immZ(d, w)],
  (d, w) => [0xb8 + (d.a & 7), ...leZ(w.isWide, w.isSegmented ? offset(d.b) : linearPlace(d.b))],
  (d) => [0xb0 + (d.a & 7), imm8(d)],
  (d, w) => [...wide(d, w), [0x98, 0x99, 0x90, 0x9e, 0x9f][d.a % 5]],
  // Stack
  (d, w) => [...wide(d, w), 0x50 + (d.a & 15)],
  (d) => [0x50 + (d.a & 15)],
  (d, w) => (d.a & 1 ? [0x68, ...leZ(w.isWide, constant(d))] : [0x6a, imm8(d)]),
  (d, w) => [...prefixes(d), 0xff, ...modrm(d, w, 6)],
  (d, w) => [...prefixes(d), 0x8f, ...modrm(d, w, 0)],
  (d, w) => [...(w.isSegmented ? wide(d, w) : []), [0xc9, 0x9c, 0x60, 0x61][d.a & 3]],
  // Flags
  // RDTSC among the flags: what is in the middle of a block counts the ticks before it.
  (d) => (d.a % 7 === 6 ? [0x0f, 0x31] : [[0xf5, 0xf8, 0xf9, 0xfc, 0xfd, 0xd6][d.a % 7]]),
  // Strings
  (d, w) => [...(d.a & 8 ? [0xf3] : []), ...wide(d, w), [0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xaf][d.a & 7]],
  // Jumps: conditional three times as often as the others
  ...[0, 1, 2].map((): Template => (d, w) => jumps(d, w, 0x0f, 0x80 + (d.a & 15))),
  (d, w) => jumps(d, w, 0xe9),
  (d, w) => jumps(d, w, 0xe8),
  (d, w) => [...(w.isSegmented ? wide(d, w) : []), ...(d.a & 1 ? [0xc3] : [0xc2, d.b & 12, 0])],
  (d, w) => (d.c & 0xe ? [0x90] : [...prefixes(d), 0xff, ...modrm(d, w, d.c & 1 ? 2 : 4)]),
  // Floats
  ...Array.from({ length: 10 }, () => sse),
  ...[0, 1, 2].map((): Template => (d, w) => [0xd8 + ((d.c >>> 8) & 7), ...modrm(d, w, -1)]),
  (d) => [0xd8 + ((d.c >>> 8) & 7), 0xc0 + (d.a & 0x3f)],
  (d) => [0x9b, 0xdf, 0xe0].slice(d.a & 1),
  (d, w) => loops(d, w),
];

/** What segmented code has besides. */
const SEGMENTED: readonly Template[] = [
  ...[0, 1, 2].map((): Template => loadsSegment),
  // PUSH ES CS SS DS, and POP ES SS DS of what lies there or was just pushed
  (d, w) => [...wide(d, w), [0x06, 0x0e, 0x16, 0x1e][d.a & 3]],
  (d, w) => [
    ...wide(d, w),
    [0x06, 0x1e, 0x1e, 0x06][d.a & 3],
    ...wide(d, w),
    [0x07, 0x1f, 0x07, 0x17][(d.a >>> 2) & 3],
  ],
  (d, w) => [...wide(d, w), 0x0f, d.a & 1 ? 0xa0 : 0xa8, ...wide(d, w), 0x0f, d.a & 2 ? 0xa1 : 0xa9],
  (d, w) => [...wide(d, w), 0x8c, ...modrm(d, w, (d.c >>> 8) % 6)],
  // LES LDS LSS LFS LGS, BOUND, ARPL or MOVSX
  (d, w) => [
    ...wide(d, w),
    ...[[0xc4], [0xc5], [0x0f, 0xb2], [0x0f, 0xb4], [0x0f, 0xb5]][(d.c >>> 8) % 5],
    ...memory(d, w),
  ],
  (d, w) => [...wide(d, w), 0xd7],
  (d, w) => [...wide(d, w), 0xc8, d.b & 0x1f, 0, d.a & 3],
  (d, w) => [...wide(d, w), [0x9d, 0xfa, 0x9f, 0x9e, 0x9b, 0xd6, 0x9c, 0x9d][d.a & 7]],
  (d, w) => [...wide(d, w), (d.c >>> 8) & 1 ? 0xa1 : 0xa3, ...leZ(w.isWide !== hasAddressPrefix(d, w), offset(d.b))],
  (d, w) => farJumps(d, w, 0xea),
  (d, w) => farJumps(d, w, 0x9a),
  (d, w) => [...wide(d, w), 0xcb],
];

/** Drafts of flat code choose among the first of them. */
const TEMPLATES: readonly Template[] = [...COMMON, ...SEGMENTED];

/** A draft's instructions. In segmented code any has, now and then, a prefix of the address size or of a segment. */
function make(d: Draft, w: Width): Placed {
  const made = TEMPLATES[d.template](d, w);
  const placed = Array.isArray(made) ? { bytes: made, jump: -1, jumpBytes: 0, target: 0 } : made;
  if (!w.isSegmented) return placed;
  const more: number[] = hasAddressPrefix(d, w) ? [0x67] : [];
  if (((d.c >>> 28) & 15) < 4) more.push(SEGMENT_PREFIXES[(d.c >>> 28) & 3]);
  return { ...placed, bytes: [...more, ...placed.bytes], jump: placed.jump < 0 ? -1 : placed.jump + more.length };
}

export const draft: fc.Arbitrary<Draft> = fc.record({
  template: fc.nat(COMMON.length - 1),
  a: fc.nat(0x3ff),
  b: fc.nat(0x3ffff),
  c: fc.integer().map((value) => value >>> 0),
});

/** For code of a Width that is segmented. */
export const segmentedDraft: fc.Arbitrary<Draft> = fc.record({
  template: fc.nat(TEMPLATES.length - 1),
  a: fc.nat(0x3ff),
  b: fc.nat(0x3ffff),
  c: fc.integer().map((value) => value >>> 0),
});

/** As draft, with every fourth absolute operand in the first bytes of the program. */
export const draftTouchingCode: fc.Arbitrary<Draft> = draft.map((d) =>
  (d.a & 3) === 0 ? { ...d, b: d.b & 0xfff } : d,
);

/** Register contents: numbers, addresses of data and code, and often one of a few values, so that some are equal. */
export const word = fc.oneof(
  fc.integer(),
  fc.nat(0x2fff).map((offset) => DATA + offset),
  fc.nat(255).map((offset) => CODE + offset),
  fc.nat(0x1fff).map((offset) => (ALIAS + DATA + offset) | 0),
  fc.constantFrom(0, 1, 2, 3, -1, 0x7fffffff, -0x80000000, 0x80, 0xff, 0xffff),
  fc.constantFrom(0, 1, 7, -1),
);

/** State at the start of a run besides the code. */
export const conditions = fc.record({
  registers: fc.array(word, { minLength: 8, maxLength: 8 }),
  flags: fc.nat(0xfff),
  seed: fc.nat(0xff),
  user: fc.boolean(),
});

const scratch = new Int32Array(RECORD_WORDS);

/** Whether the draft's bytes are an instruction of this processor: some templates reach encodings that are none. */
export function isInstruction(d: Draft, width = FLAT): boolean {
  const bytes = Uint8Array.from(make(d, width).bytes);
  return decodeInstruction(bytes, 0, bytes.length, width.isWide, scratch, 0) > 0;
}

/** The bytes of a program, placed from its first byte; ends in a jump to itself. */
export function encode(drafts: readonly Draft[], width = FLAT): Uint8Array {
  const placed = drafts.map((d) => make(d, width));
  const starts: number[] = [];
  let at = 0;
  for (const one of placed) {
    starts.push(at);
    at += one.bytes.length;
  }
  const out: number[] = [];
  placed.forEach((one, index) => {
    const bytes = [...one.bytes];
    const { jump, jumpBytes } = one;
    if (jump >= 0) {
      const target = starts[one.target % placed.length];
      const selector = bytes[jump + jumpBytes] | (bytes[jump + jumpBytes + 1] << 8);
      const first = width.places.find((place) => place.selector === selector)?.offset ?? 0;
      const value = one.isFar === true ? first + target : target - (starts[index] + jump + jumpBytes);
      bytes.splice(jump, jumpBytes, ...le32(value).slice(0, jumpBytes));
    }
    out.push(...bytes);
  });
  return Uint8Array.from([...out, 0xeb, 0xfe]);
}
