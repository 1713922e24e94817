/**
 * MMX to SSE3 around their arithmetic: who may execute, unmasked exceptions, alignment, the x87 state under MMX; and
 * packed integers against a model that takes one element at a time, floats by the fast and by the integer path. SDM 1
 * chapters 9 to 12. What CPL 3 can see is also compared with silicon: npm run witness -- --only '^(P|MOV|CVT|ADD)'.
 */
import { VECTOR_GP, VECTOR_NM, VECTOR_UD, VECTOR_XM } from '../../src/core/base/vectors.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeInstruction } from '../../src/core/isa/encode.ts';
import { KIND_MMX, KIND_XMM, SIZE_128, SIZE_64 } from '../../src/core/isa/record.ts';
import type { OpName } from '../../src/core/isa/ops.ts';
import {
  CR0,
  CR0_EM,
  CR0_NE,
  CR0_TS,
  CR4,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  EAX,
  EBX,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  MXCSR,
  XMM,
} from '../../src/core/state/layout.ts';
import { type Bench, faults, flagsOf, hex, protectedBench, read32, runs, write32 } from '../system/fixture.ts';

const PLACE = 0x50000;

const bytes = (text: string): number[] => text.split(' ').map((pair) => Number.parseInt(pair, 16));
function run(bench: Bench, ...instructions: string[]): void {
  for (const text of instructions) runs(bench, bytes(text));
}

/** With a 32-bit address of `PLACE`. */
const at = (opcode: string): string => `${opcode} 00 00 05 00`;

function simdBench(): Bench {
  const bench = protectedBench();
  bench.cpu.m32[CR0] |= CR0_NE;
  bench.cpu.m32[CR4] |= CR4_OSFXSR | CR4_OSXMMEXCPT;
  run(bench, 'db e3');
  return bench;
}

/** Instructions on XMM registers or MXCSR. */
const ON_XMM = ['0f 58 c1', '66 0f ef c1', at('0f 28 05'), at('0f ae 15'), at('0f ae 1d'), '0f 2a c1', 'f3 0f d6 c1'];
/** Instructions on MMX registers alone, of MMX and of SSE. */
const ON_MMX = ['0f ef c1', '0f 77', '0f 70 c1 1b', '0f e0 c1', '0f d7 c1', at('0f e7 05'), at('0f 6f 05')];
/** Neither. */
const ON_NEITHER = [at('0f c3 05'), '0f ae e8', '0f ae f0', '0f ae f8', at('0f ae 3d'), at('0f 18 0d')];

test('CR0.EM makes MMX and SSE #UD, CR0.TS makes them #NM; MOVNTI, fences and hints do not mind', () => {
  const bench = simdBench();
  bench.cpu.m32[CR0] |= CR0_EM | CR0_TS;
  for (const text of [...ON_XMM, ...ON_MMX]) faults(bench, bytes(text), VECTOR_UD);
  run(bench, ...ON_NEITHER);
  bench.cpu.m32[CR0] &= ~CR0_EM;
  for (const text of [...ON_XMM, ...ON_MMX]) faults(bench, bytes(text), VECTOR_NM);
  run(bench, ...ON_NEITHER);
});

test('without CR4.OSFXSR, XMM registers are #UD, before TS is looked at; MMX registers are not', () => {
  const bench = simdBench();
  bench.cpu.m32[CR4] &= ~CR4_OSFXSR;
  run(bench, ...ON_MMX, ...ON_NEITHER);
  bench.cpu.m32[CR0] |= CR0_TS;
  for (const text of ON_XMM) faults(bench, bytes(text), VECTOR_UD);
});

test('an unmasked exception is #XM, or #UD without OSXMMEXCPT; flags stick, the destination stays', () => {
  const bench = simdBench();
  const { cpu } = bench;
  cpu.m32.set([0x3f800000, 1, 2, 3], XMM);
  cpu.m32.set([0, 0x3f800000, 0x3f800000, 0x3f800000], XMM + 4);
  cpu.m32[MXCSR] = 0x1d80;
  faults(bench, bytes('0f 5e c1'), VECTOR_XM);
  // The denormals in the other elements are reported with it; the inexact quotients are not.
  assert.equal(hex(cpu.m32[MXCSR]), '1d86');
  assert.deepEqual([...cpu.m32.subarray(XMM, XMM + 4)], [0x3f800000, 1, 2, 3]);
  cpu.m32[CR4] &= ~CR4_OSXMMEXCPT;
  faults(bench, bytes('0f 5e c1'), VECTOR_UD);
  cpu.m32[MXCSR] = 0x1f80;
  run(bench, '0f 5e c1');
  assert.equal(hex(cpu.m32[XMM]), '7f800000');
});

test('an unmasked exception of a comparison leaves EFLAGS alone', () => {
  const bench = simdBench();
  bench.cpu.m32[MXCSR] = 0x1f00;
  bench.cpu.m32[XMM] = 0x7fc00000;
  const before = flagsOf(bench.cpu);
  faults(bench, bytes('0f 2f c1'), VECTOR_XM);
  assert.equal(flagsOf(bench.cpu), before);
  run(bench, '0f 2e c1');
});

test('LDMXCSR of a reserved bit is #GP(0)', () => {
  const bench = simdBench();
  write32(bench.cpu, PLACE, 0x11f80);
  faults(bench, bytes(at('0f ae 15')), VECTOR_GP, 0);
  write32(bench.cpu, PLACE, 0xffff);
  run(bench, at('0f ae 15'), '0f ae 1d 04 00 05 00');
  assert.equal(hex(read32(bench.cpu, PLACE + 4)), 'ffff');
});

test('16-byte operands must be aligned, but for the instructions that say otherwise', () => {
  const bench = simdBench();
  const unaligned = (opcode: string): number[] => bytes(`${opcode} 08 00 05 00`);
  for (const opcode of ['0f 28 05', '0f 29 05', '66 0f 6f 05', '0f 58 05', '66 0f ef 05', '0f 2b 05', '66 0f e7 05']) {
    faults(bench, unaligned(opcode), VECTOR_GP, 0);
  }
  for (const opcode of [
    '0f 10 05',
    '0f 11 05',
    'f3 0f 6f 05',
    'f2 0f f0 05',
    '0f 16 05',
    'f2 0f 58 05',
    'f2 0f 12 05',
  ]) {
    runs(bench, unaligned(opcode));
  }
});

test('an MMX instruction sets TOP to 0 and all tags to valid, and fills the exponent of what it writes', () => {
  const bench = simdBench();
  const { cpu } = bench;
  run(bench, 'd9 e8');
  assert.equal((cpu.m32[FP_STATUS] >> 11) & 7, 7);
  cpu.m32[FP_SIGNIFICAND + 6] = 5;
  run(bench, '0f 6f d3');
  assert.equal((cpu.m32[FP_STATUS] >> 11) & 7, 0);
  assert.equal(cpu.m32[FP_TAG], 0);
  assert.equal(cpu.m16[FP_SIGN_EXPONENT_16 + 2], 0xffff);
  assert.equal(cpu.m16[FP_SIGN_EXPONENT_16 + 3], 0);
  assert.equal(cpu.m32[FP_SIGNIFICAND + 4], 5);
  run(bench, '0f 77');
  assert.equal(cpu.m32[FP_TAG], 0xff);
});

test('shift counts beyond the element leave nothing, or only signs; all 64 bits of the count matter', () => {
  const bench = simdBench();
  const { cpu } = bench;
  const shifted = (opcode: string, low: number, high: number): string => {
    cpu.m32.set([0x80008001, 0xffffffff, 0x12345678, 0x89abcdef], XMM);
    cpu.m32.set([low, high, 0, 0], XMM + 4);
    run(bench, opcode);
    return [...cpu.m32.subarray(XMM, XMM + 4)].map(hex).join(' ');
  };
  assert.equal(shifted('66 0f d3 c1', 64, 0), '0 0 0 0');
  assert.equal(shifted('66 0f d3 c1', 0, 1), '0 0 0 0');
  assert.equal(shifted('66 0f d3 c1', 32, 0), 'ffffffff 0 89abcdef 0');
  assert.equal(shifted('66 0f f3 c1', 63, 0), '0 80000000 0 0');
  assert.equal(shifted('66 0f e1 c1', 200, 0), 'ffffffff ffffffff 0 ffffffff');
  assert.equal(shifted('66 0f e1 c1', 0, 5), 'ffffffff ffffffff 0 ffffffff');
  assert.equal(shifted('66 0f d2 c1', 31, 0), '1 1 0 1');
  assert.equal(shifted('66 0f d1 c1', 16, 0), '0 0 0 0');
  assert.equal(shifted('66 0f 73 d8 0f', 0, 0), '89 0 0 0');
  assert.equal(shifted('66 0f 73 d8 ff', 0, 0), '0 0 0 0');
});

test('PEXTRW, PINSRW and the masks reach general registers', () => {
  const bench = simdBench();
  const { cpu } = bench;
  cpu.m32.set([0x80017f80, 0xff000000, 0, 0x80008000], XMM);
  run(bench, '66 0f c5 c0 07', '66 0f d7 d8');
  assert.equal(hex(cpu.m32[EAX]), '8000');
  assert.equal(hex(cpu.m32[EBX]), 'a089');
  run(bench, '66 0f c4 c3 0a', '0f 50 c0');
  assert.equal(hex(cpu.m32[XMM + 1]), 'ff00a089');
  assert.equal(cpu.m32[EAX], 0b1011);
});

// ---------------------------------------------------------------------------------------------------------------
// Packed integers against a model by elements

type Element = readonly [bits: number, isSigned: boolean, compute: (a: bigint, b: bigint) => bigint];

const clampSigned =
  (bits: number, compute: (a: bigint, b: bigint) => bigint) =>
  (a: bigint, b: bigint): bigint => {
    const limit = 1n << BigInt(bits - 1);
    const value = compute(a, b);
    return value < -limit ? -limit : value >= limit ? limit - 1n : value;
  };
const clampUnsigned =
  (bits: number, compute: (a: bigint, b: bigint) => bigint) =>
  (a: bigint, b: bigint): bigint => {
    const limit = 1n << BigInt(bits);
    const value = compute(a, b);
    return value < 0n ? 0n : value >= limit ? limit - 1n : value;
  };
const add = (a: bigint, b: bigint): bigint => a + b;
const subtract = (a: bigint, b: bigint): bigint => a - b;
const truth = (holds: boolean): bigint => (holds ? -1n : 0n);

const ELEMENTS: Partial<Record<OpName, Element>> = {
  PADDB: [8, false, add],
  PADDW: [16, false, add],
  PADDD: [32, false, add],
  PADDQ: [64, false, add],
  PSUBB: [8, false, subtract],
  PSUBW: [16, false, subtract],
  PSUBD: [32, false, subtract],
  PSUBQ: [64, false, subtract],
  PADDSB: [8, true, clampSigned(8, add)],
  PADDSW: [16, true, clampSigned(16, add)],
  PADDUSB: [8, false, clampUnsigned(8, add)],
  PADDUSW: [16, false, clampUnsigned(16, add)],
  PSUBSB: [8, true, clampSigned(8, subtract)],
  PSUBSW: [16, true, clampSigned(16, subtract)],
  PSUBUSB: [8, false, clampUnsigned(8, subtract)],
  PSUBUSW: [16, false, clampUnsigned(16, subtract)],
  PMULLW: [16, true, (a, b) => a * b],
  PMULHW: [16, true, (a, b) => (a * b) >> 16n],
  PMULHUW: [16, false, (a, b) => (a * b) >> 16n],
  PMULUDQ: [64, false, (a, b) => (a & 0xffffffffn) * (b & 0xffffffffn)],
  PAVGB: [8, false, (a, b) => (a + b + 1n) >> 1n],
  PAVGW: [16, false, (a, b) => (a + b + 1n) >> 1n],
  PMINUB: [8, false, (a, b) => (a < b ? a : b)],
  PMAXUB: [8, false, (a, b) => (a > b ? a : b)],
  PMINSW: [16, true, (a, b) => (a < b ? a : b)],
  PMAXSW: [16, true, (a, b) => (a > b ? a : b)],
  PCMPEQB: [8, false, (a, b) => truth(a === b)],
  PCMPEQW: [16, false, (a, b) => truth(a === b)],
  PCMPEQD: [32, false, (a, b) => truth(a === b)],
  PCMPGTB: [8, true, (a, b) => truth(a > b)],
  PCMPGTW: [16, true, (a, b) => truth(a > b)],
  PCMPGTD: [32, true, (a, b) => truth(a > b)],
  PAND: [64, false, (a, b) => a & b],
  PANDN: [64, false, (a, b) => ~a & b],
  POR: [64, false, (a, b) => a | b],
  PXOR: [64, false, (a, b) => a ^ b],
  PSRLW: [16, false, (a, b) => (b > 15n ? 0n : a >> b)],
  PSRLD: [32, false, (a, b) => (b > 31n ? 0n : a >> b)],
  PSRLQ: [64, false, (a, b) => (b > 63n ? 0n : a >> b)],
  PSLLW: [16, false, (a, b) => (b > 15n ? 0n : a << b)],
  PSLLD: [32, false, (a, b) => (b > 31n ? 0n : a << b)],
  PSLLQ: [64, false, (a, b) => (b > 63n ? 0n : a << b)],
  PSRAW: [16, true, (a, b) => a >> (b > 15n ? 15n : b)],
  PSRAD: [32, true, (a, b) => a >> (b > 31n ? 31n : b)],
};

/** A register as one number. */
const numberOf = (words: readonly number[]): bigint =>
  words.reduceRight((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);

function elementsOf(value: bigint, registerBits: number, [bits, isSigned]: Element): bigint[] {
  const size = BigInt(bits);
  return Array.from({ length: registerBits / bits }, (_, k) => {
    const element = value >> (size * BigInt(k));
    return isSigned ? BigInt.asIntN(bits, element) : BigInt.asUintN(bits, element);
  });
}

function modelled(name: OpName, element: Element, a: bigint, b: bigint, registerBits: number): bigint {
  const isShift = /^PS(RL|LL|RA)[WDQ]$/.test(name);
  const left = elementsOf(a, registerBits, element);
  const right = isShift ? left.map(() => BigInt.asUintN(64, b)) : elementsOf(b, registerBits, element);
  const size = BigInt(element[0]);
  return left.reduceRight((value, x, k) => (value << size) | BigInt.asUintN(element[0], element[2](x, right[k])), 0n);
}

const corner = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x80018000, 0x7fffffff, -1, 0x80000000);
const lane = fc.oneof(corner, fc.integer(), fc.integer({ min: 0, max: 70 }));
const register = fc.array(lane, { minLength: 4, maxLength: 4 });

for (const [name, element] of Object.entries(ELEMENTS) as [OpName, Element][]) {
  test(`${name} is what its elements are`, () => {
    const bench = simdBench();
    const { m32 } = bench.cpu;
    const onXmm = encodeInstruction(
      name,
      [
        { kind: KIND_XMM, size: SIZE_128, number: 1 },
        { kind: KIND_XMM, size: SIZE_128, number: 2 },
      ],
      { bits: 32 },
    );
    const onMmx = encodeInstruction(
      name,
      [
        { kind: KIND_MMX, size: SIZE_64, number: 1 },
        { kind: KIND_MMX, size: SIZE_64, number: 2 },
      ],
      { bits: 32 },
    );
    fc.assert(
      fc.property(register, register, fc.boolean(), (a, b, isSmall) => {
        // Shift counts are rarely in range unless the upper word is 0.
        if (isSmall) b = [b[0], 0, b[2], b[3]];
        m32.set(a, XMM + 4);
        m32.set(b, XMM + 8);
        runs(bench, onXmm);
        const wide = modelled(name, element, numberOf(a), numberOf(b), 128);
        assert.equal(numberOf([...m32.subarray(XMM + 4, XMM + 8)]).toString(16), wide.toString(16));
        m32.set(a.slice(0, 2), FP_SIGNIFICAND + 2);
        m32.set(b.slice(0, 2), FP_SIGNIFICAND + 4);
        runs(bench, onMmx);
        const narrow = modelled(name, element, numberOf(a.slice(0, 2)), numberOf(b.slice(0, 2)), 64);
        assert.equal(
          numberOf([...m32.subarray(FP_SIGNIFICAND + 2, FP_SIGNIFICAND + 4)]).toString(16),
          narrow.toString(16),
        );
      }),
      { seed: 21, numRuns: 60 },
    );
  });
}

// ---------------------------------------------------------------------------------------------------------------
// The fast path is taken with PE set and RC nearest, the integer path otherwise: results and flags must agree

const single = fc.oneof(
  fc.constantFrom(0, 0x80000000, 1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001),
  fc.float().map((value) => new Int32Array(Float32Array.of(value).buffer)[0]),
  fc.integer(),
);
const vector = fc.oneof(
  fc.array(single, { minLength: 4, maxLength: 4 }),
  fc.tuple(fc.double(), fc.double()).map((pair) => [...new Int32Array(Float64Array.from(pair).buffer)]),
  fc
    .tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }))
    .map((pair) => [...new Int32Array(Float64Array.from(pair).buffer)]),
);

const ARITHMETIC: readonly OpName[] = (['ADD', 'SUB', 'MUL', 'DIV'] as const)
  .flatMap((operation) => (['PS', 'PD', 'SS', 'SD'] as const).map((type) => `${operation}${type}` as const))
  .concat(['HADDPS', 'HADDPD', 'HSUBPS', 'HSUBPD', 'ADDSUBPS', 'ADDSUBPD'] as never[]);

for (const name of ARITHMETIC) {
  test(`${name} gives the same bits with PE set before as without`, () => {
    const bench = simdBench();
    const { m32 } = bench.cpu;
    const instruction = encodeInstruction(
      name,
      [
        { kind: KIND_XMM, size: SIZE_128, number: 1 },
        { kind: KIND_XMM, size: SIZE_128, number: 2 },
      ],
      { bits: 32 },
    );
    const result = (a: number[], b: number[], mxcsr: number): string => {
      m32.set(a, XMM + 4);
      m32.set(b, XMM + 8);
      m32[MXCSR] = mxcsr;
      runs(bench, instruction);
      return `${[...m32.subarray(XMM + 4, XMM + 8)].map(hex).join(' ')} ${hex(m32[MXCSR] | 0x20)}`;
    };
    fc.assert(
      fc.property(vector, vector, fc.constantFrom(0, 0x8000, 0x40, 0x8040), (a, b, modes) => {
        assert.equal(result(a, b, 0x1fa0 | modes), result(a, b, 0x1f80 | modes));
      }),
      { seed: 22, numRuns: 150 },
    );
  });
}
