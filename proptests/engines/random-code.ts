/**
 * Random guest code: drafts (a template and a few numbers) that fast-check can shrink, and their encoding. Every draft
 * encodes to a complete instruction; jumps lead to the beginning of another one. Memory operands lie mostly in DATA,
 * sometimes in the code itself, and through registers anywhere.
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
  /** Where a 32-bit displacement goes, and to which instruction. */
  readonly jump: number;
  readonly target: number;
}

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** An address for an absolute operand: data, its page ends, pages that fault, or code. */
function place(x: number): number {
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

/** ModRM with its SIB byte and displacement. `reg`: the reg field, or −1 for a random one. */
function modrm(d: Draft, reg: number, registerOnly = false): number[] {
  const field = (reg < 0 ? d.a >>> 3 : reg) & 7;
  const how = registerOnly ? 0 : (d.a >>> 6) & 15;
  const rm = d.a & 7;
  if (how >= 8 && how < 12 && rm !== 4) return [0xc0 | (field << 3) | rm];
  if (how >= 12) return [(field << 3) | 5, ...le32(place(d.b))];
  if (how <= 2) return [0xc0 | (field << 3) | rm];
  if (how <= 5) return [(field << 3) | 5, ...le32(place(d.b))];
  const base = rm === 4 ? 6 : rm;
  if (how === 6) return [0x40 | (field << 3) | base, ((d.b & 0x7c) - 0x40 + (d.b & 0x80 ? 1 : 0)) & 0xff];
  // Base, scaled index (masked to something small by luck only) and a displacement that leads to data for small values.
  return [0x80 | (field << 3) | 4, ((d.b & 3) << 6) | ((d.b >>> 2) & 0x38) | base, ...le32(d.b & 0x100 ? 0 : DATA)];
}

const imm8 = (d: Draft): number => (d.c & 0x700 ? [0, 1, 2, 7, 8, 0x1f, 0x80, 0xff][d.c & 7] : d.c & 0xff);
const imm32 = (d: Draft): number[] =>
  le32(d.c & 0x100 ? [0, 1, -1, 0x7fffffff, -0x80000000, 0x80, 0xffff, 0x8000][d.c & 7] : d.c);

/** Of F6 and F7: divisions, which fault often, are rare. */
const GROUP3 = [2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 6, 7];

/** Prefix, opcode behind 0F, and whether an immediate follows: SSE, every family of lifters among them. */
const SSE: readonly (readonly [prefix: number, opcode: number, hasImmediate?: boolean])[] = [
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
  ...[0x60, 0x62, 0x64, 0x66, 0x6a, 0x6c, 0x6d, 0x6e, 0x6f, 0x74, 0x75, 0x76, 0x7e, 0x7f, 0xd4, 0xd7, 0xda].map(
    (opcode): [number, number] => [0x66, opcode],
  ),
  ...[0xdb, 0xdf, 0xe7, 0xeb, 0xef, 0xf4, 0xf8, 0xf9, 0xfa, 0xfc, 0xfd, 0xfe, 0xd6].map((opcode): [number, number] => [
    0x66,
    opcode,
  ]),
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
const sse: Template = (d) => {
  const [prefix, opcode, hasImmediate = false] = SSE[(d.c >>> 8) % SSE.length];
  const operand = modrm(d, -1, (opcode & 0xf7) === 0xd7 && opcode !== 0xdf);
  return [...(prefix === 0 ? [] : [prefix]), 0x0f, opcode, ...operand, ...(hasImmediate ? [imm8(d)] : [])];
};

type Template = (d: Draft) => number[] | Placed;

/** Operand size and segment prefixes by a few bits. */
function prefixes(d: Draft): number[] {
  const bits = (d.c >>> 24) & 0x1f;
  const found: number[] = [];
  if (bits === 1) found.push(0x64);
  if (bits === 2) found.push(0x65);
  return found;
}
const wide = (d: Draft): number[] => [...prefixes(d), ...((d.c >>> 20) % 5 === 0 ? [0x66] : [])];
const is16 = (d: Draft): boolean => (d.c >>> 20) % 5 === 0;
const immZ = (d: Draft): number[] => (is16(d) ? imm32(d).slice(0, 2) : imm32(d));

const TEMPLATES: readonly Template[] = [
  // Group 1, four directions, and immediates
  (d) => [...wide(d), ((d.c >>> 8) & 7) * 8 + 1, ...modrm(d, -1)],
  (d) => [...wide(d), ((d.c >>> 8) & 7) * 8 + 3, ...modrm(d, -1)],
  (d) => [...prefixes(d), ((d.c >>> 8) & 7) * 8, ...modrm(d, -1)],
  (d) => [...prefixes(d), ((d.c >>> 8) & 7) * 8 + 2, ...modrm(d, -1)],
  (d) => [...wide(d), 0x81, ...modrm(d, -1), ...immZ(d)],
  (d) => [...wide(d), 0x83, ...modrm(d, -1), imm8(d)],
  (d) => [...prefixes(d), 0x80, ...modrm(d, -1), imm8(d)],
  // TEST, NOT, NEG, MUL, IMUL, DIV, IDIV, INC, DEC
  (d) => [...wide(d), 0xf7, ...modrm(d, 0), ...immZ(d)],
  (d) => [...wide(d), 0xf7, ...modrm(d, GROUP3[(d.c >>> 8) % 12])],
  (d) => [...prefixes(d), 0xf6, ...modrm(d, GROUP3[(d.c >>> 8) % 12])],
  (d) => [...prefixes(d), 0xf6, ...modrm(d, 0), imm8(d)],
  (d) => [...wide(d), 0x85, ...modrm(d, -1)],
  (d) => [...wide(d), 0xff, ...modrm(d, (d.c >>> 8) & 1)],
  (d) => [0xfe, ...modrm(d, (d.c >>> 8) & 1)],
  (d) => [...wide(d), 0x40 + (d.a & 15)],
  // Shifts
  (d) => [...wide(d), 0xc1, ...modrm(d, -1), imm8(d)],
  (d) => [...prefixes(d), 0xc0, ...modrm(d, -1), imm8(d)],
  (d) => [...wide(d), 0xd1, ...modrm(d, -1)],
  (d) => [0xd0, ...modrm(d, -1)],
  (d) => [...wide(d), 0xd3, ...modrm(d, -1)],
  (d) => [0xd2, ...modrm(d, -1)],
  (d) => [...wide(d), 0x0f, (d.c >>> 8) & 1 ? 0xa4 : 0xac, ...modrm(d, -1), imm8(d)],
  (d) => [...wide(d), 0x0f, (d.c >>> 8) & 1 ? 0xa5 : 0xad, ...modrm(d, -1)],
  // Multiplications, extensions, bits
  (d) => [...wide(d), 0x0f, 0xaf, ...modrm(d, -1)],
  (d) => [...wide(d), 0x69, ...modrm(d, -1), ...immZ(d)],
  (d) => [...wide(d), 0x6b, ...modrm(d, -1), imm8(d)],
  (d) => [...wide(d), 0x0f, [0xb6, 0xb7, 0xbe, 0xbf][(d.c >>> 8) & 3], ...modrm(d, -1)],
  (d) => [...wide(d), 0x0f, [0xa3, 0xab, 0xb3, 0xbb][(d.c >>> 8) & 3], ...modrm(d, -1, (d.c & 1) === 0)],
  (d) => [...wide(d), 0x0f, 0xba, ...modrm(d, 4 + ((d.c >>> 8) & 3)), imm8(d)],
  (d) => [...wide(d), 0x0f, (d.c >>> 8) & 1 ? 0xbc : 0xbd, ...modrm(d, -1)],
  (d) => [...wide(d), 0x0f, 0xc8 + (d.a & 7)],
  // Conditions
  (d) => [0x0f, 0x90 + ((d.c >>> 8) & 15), ...modrm(d, -1)],
  (d) => [...wide(d), 0x0f, 0x40 + ((d.c >>> 8) & 15), ...modrm(d, -1)],
  // Exchanges and moves
  (d) => [...wide(d), 0x0f, 0xc1, ...modrm(d, -1)],
  (d) => [0x0f, 0xc0, ...modrm(d, -1)],
  (d) => [...wide(d), 0x0f, 0xb1, ...modrm(d, -1)],
  (d) => [0x0f, 0xb0, ...modrm(d, -1)],
  (d) => [...wide(d), 0x87, ...modrm(d, -1)],
  (d) => [0x86, ...modrm(d, -1)],
  (d) => [...wide(d), 0x8d, ...modrm({ ...d, a: d.a | 0xc0 }, -1)],
  (d) => [...wide(d), (d.c >>> 8) & 1 ? 0x89 : 0x8b, ...modrm(d, -1)],
  (d) => [...wide(d), (d.c >>> 8) & 1 ? 0x89 : 0x8b, ...modrm(d, -1)],
  (d) => [...prefixes(d), (d.c >>> 8) & 1 ? 0x88 : 0x8a, ...modrm(d, -1)],
  (d) => [...wide(d), 0xc7, ...modrm(d, 0), ...immZ(d)],
  (d) => [0xc6, ...modrm(d, 0), imm8(d)],
  (d) => [...wide(d), 0xb8 + (d.a & 7), ...immZ(d)],
  (d) => [0xb8 + (d.a & 7), ...le32(place(d.b))],
  (d) => [0xb0 + (d.a & 7), imm8(d)],
  (d) => [...wide(d), [0x98, 0x99, 0x90, 0x9e, 0x9f][d.a % 5]],
  // Stack
  (d) => [...wide(d), 0x50 + (d.a & 15)],
  (d) => [0x50 + (d.a & 15)],
  (d) => (d.a & 1 ? [0x68, ...imm32(d)] : [0x6a, imm8(d)]),
  (d) => [0xff, ...modrm(d, 6)],
  (d) => [0x8f, ...modrm(d, 0)],
  (d) => [[0xc9, 0x9c, 0x60, 0x61][d.a & 3]],
  // Flags
  (d) => [[0xf5, 0xf8, 0xf9, 0xfc, 0xfd, 0xd6][d.a % 6]],
  // Strings
  (d) => [...(d.a & 8 ? [0xf3] : []), ...wide(d), [0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xaf][d.a & 7]],
  // Jumps: conditional three times as often as the others
  ...[0, 1, 2].map((): Template => (d) => ({ bytes: [0x0f, 0x80 + (d.a & 15), 0, 0, 0, 0], jump: 2, target: d.b })),
  (d) => ({ bytes: [0xe9, 0, 0, 0, 0], jump: 1, target: d.b }),
  (d) => ({ bytes: [0xe8, 0, 0, 0, 0], jump: 1, target: d.b }),
  (d) => (d.a & 1 ? [0xc3] : [0xc2, d.b & 12, 0]),
  (d) => (d.c & 0xe ? [0x90] : [0xff, ...modrm(d, d.c & 1 ? 2 : 4)]),
  // Floats
  ...Array.from({ length: 10 }, () => sse),
  ...[0, 1, 2].map((): Template => (d) => [0xd8 + ((d.c >>> 8) & 7), ...modrm(d, -1)]),
  (d) => [0xd8 + ((d.c >>> 8) & 7), 0xc0 + (d.a & 0x3f)],
  (d) => [0x9b, 0xdf, 0xe0].slice(d.a & 1),
  // LOOP and JCXZ over a short jump, so that their target can be anywhere
  (d) => ({ bytes: [0xe0 + (d.a & 3), 2, 0xeb, 5, 0xe9, 0, 0, 0, 0], jump: 5, target: d.b }),
];

export const draft: fc.Arbitrary<Draft> = fc.record({
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
export function isInstruction(d: Draft): boolean {
  const made = TEMPLATES[d.template](d);
  const bytes = Uint8Array.from(Array.isArray(made) ? made : made.bytes);
  return decodeInstruction(bytes, 0, bytes.length, true, scratch, 0) > 0;
}

/** The bytes of a program, placed from its first byte; ends in a jump to itself. */
export function encode(drafts: readonly Draft[]): Uint8Array {
  const placed: Placed[] = drafts.map((d) => {
    const made = TEMPLATES[d.template](d);
    return Array.isArray(made) ? { bytes: made, jump: -1, target: 0 } : made;
  });
  const starts: number[] = [];
  let at = 0;
  for (const one of placed) {
    starts.push(at);
    at += one.bytes.length;
  }
  const out: number[] = [];
  placed.forEach((one, index) => {
    const bytes = [...one.bytes];
    if (one.jump >= 0) {
      const from = starts[index] + one.jump + 4;
      bytes.splice(one.jump, 4, ...le32(starts[one.target % placed.length] - from));
    }
    out.push(...bytes);
  });
  return Uint8Array.from([...out, 0xeb, 0xfe]);
}
