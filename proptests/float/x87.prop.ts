/**
 * The x87 around its arithmetic, one fact a test: who may execute, pending exceptions by #MF or IRQ 13, stack faults,
 * the images of FNSTENV, FNSAVE and FXSAVE, and that a fault changes nothing. SDM 1 chapter 8, SDM 2 under each name.
 * What CPL 3 can see is also compared with silicon: npm run witness -- --only '^F'.
 */
import { VECTOR_GP, VECTOR_MF, VECTOR_NM } from '../../src/core/base/vectors.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setFullTagWord } from '../../src/core/cpu/float/x87/registers.ts';
import { BoardErrorPins } from '../../src/core/machine/error-pins.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import {
  CR0,
  CR0_EM,
  CR0_MP,
  CR0_NE,
  CR0_TS,
  CR4,
  CR4_OSFXSR,
  DS,
  EIP,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  FS,
  MXCSR,
  SEG_LIMIT,
  SEG_SELECTOR,
  XMM,
} from '../../src/core/state/layout.ts';
import {
  type Bench,
  CODE,
  CODE0,
  CODE0_16,
  DATA0,
  faults,
  hex,
  protectedBench,
  read32,
  realBench,
  runs,
  step,
  write16,
  write32,
} from '../system/fixture.ts';

const PLACE = 0x50000;

const bytes = (text: string): number[] => text.split(' ').map((pair) => Number.parseInt(pair, 16));
/** Runs instructions one after another, at the same place. */
function run(bench: Bench, ...instructions: string[]): void {
  for (const text of instructions) runs(bench, bytes(text));
}

const FNINIT = 'db e3';
const FLD1 = 'd9 e8';
const FLDZ = 'd9 ee';
const FLDPI = 'd9 eb';
const FDIVP = 'de f9';
const FNCLEX = 'db e2';
const FNSTSW = 'df e0';
const FWAIT = '9b';
/** With a 32-bit address of `PLACE`. */
const at = (opcode: string): string => `${opcode} 00 00 05 00`;
const FSTP_M80 = at('db 3d');
const FLD_M80 = at('db 2d');
const FSTP_M32 = at('d9 1d');
const FLD_M32 = at('d9 05');
const FNSTENV = at('d9 35');
const FNSAVE = at('dd 35');
const FRSTOR = at('dd 25');
const FXSAVE = at('0f ae 05');
const FXRSTOR = at('0f ae 0d');
const FLDCW = at('d9 2d');

/** A processor after FNINIT, with CR0.NE and CR4.OSFXSR. */
function fpuBench(): Bench {
  const bench = protectedBench();
  bench.cpu.m32[CR0] |= CR0_NE;
  bench.cpu.m32[CR4] |= CR4_OSFXSR;
  run(bench, FNINIT);
  return bench;
}

const top = (cpu: Cpu): number => (cpu.m32[FP_STATUS] >> 11) & 7;
const statusOf = (cpu: Cpu): string => hex(cpu.m32[FP_STATUS] & 0xffff);

/** Sign and exponent, then significand, of ST(index). */
function stackText(cpu: Cpu, index: number): string {
  const register = (top(cpu) + index) & 7;
  const word = (value: number): string => hex(value).padStart(8, '0');
  const [lo, hi] = [cpu.m32[FP_SIGNIFICAND + 2 * register], cpu.m32[FP_SIGNIFICAND + 2 * register + 1]];
  const text = `${hex(cpu.m16[FP_SIGN_EXPONENT_16 + register]).padStart(4, '0')}:${word(hi)}${word(lo)}`;
  return ((cpu.m32[FP_TAG] >> register) & 1) !== 0 ? `empty ${text}` : text;
}

function setControl(bench: Bench, word: number): void {
  write16(bench.cpu, PLACE, word);
  run(bench, FLDCW);
}

/** 1 / 0 with the divide exception unmasked: pending. */
function divideByZero(bench: Bench): void {
  setControl(bench, 0x37b);
  run(bench, FLD1, FLDZ, FDIVP);
}

const x87State = (cpu: Cpu): string =>
  [FP_CONTROL, FP_STATUS, FP_TAG, FP_OPCODE, FP_IP, FP_CS, FP_DP, FP_DS]
    .map((word) => hex(cpu.m32[word]))
    .concat([0, 1, 2, 3, 4, 5, 6, 7].map((index) => stackText(cpu, index)))
    .join(' ');

test('fldpi stores 4000:C90FDAA22168C235', () => {
  const bench = fpuBench();
  run(bench, FLDPI, FSTP_M80);
  assert.equal(hex(read32(bench.cpu, PLACE)), '2168c235');
  assert.equal(hex(read32(bench.cpu, PLACE + 4)), 'c90fdaa2');
  assert.equal(hex(read32(bench.cpu, PLACE + 8) & 0xffff), '4000');
  assert.equal(bench.cpu.m32[FP_TAG], 0xff);
});

test('CR0.EM and CR0.TS make every x87 instruction #NM, FWAIT only TS with MP', () => {
  for (const bit of [CR0_EM, CR0_TS]) {
    const bench = fpuBench();
    bench.cpu.m32[CR0] |= bit;
    for (const text of [FLD1, FNINIT, FNCLEX, FNSTSW, FNSTENV, FNSAVE, FXSAVE, FXRSTOR, FLD_M32, 'db e0']) {
      faults(bench, bytes(text), VECTOR_NM);
    }
    run(bench, FWAIT);
  }
  const bench = fpuBench();
  bench.cpu.m32[CR0] |= CR0_TS | CR0_MP;
  faults(bench, bytes(FWAIT), VECTOR_NM);
  bench.cpu.m32[CR0] &= ~CR0_TS;
  run(bench, FWAIT);
});

test('an unmasked exception is #MF at the next waiting instruction, not at those without WAIT', () => {
  const bench = fpuBench();
  divideByZero(bench);
  const { cpu } = bench;
  assert.equal(statusOf(cpu), 'b084');
  assert.equal(stackText(cpu, 0), '0000:0000000000000000', 'the operands stay');
  assert.equal(stackText(cpu, 1), '3fff:8000000000000000');
  const before = x87State(cpu);
  for (const text of [FLD1, FWAIT, FDIVP, FLD_M32, FLDCW, FRSTOR, at('d9 25'), '0f 6f c1', '0f 77']) {
    faults(bench, bytes(text), VECTOR_MF);
  }
  assert.equal(x87State(cpu), before);
  run(bench, FNSTSW, at('d9 3d'), at('dd 3d'), FXSAVE, FNCLEX);
  assert.equal(statusOf(cpu), '3000');
  run(bench, FLD1);
});

test('FNSTENV masks all exceptions, so that none is pending; FLDCW can make one pending again', () => {
  const bench = fpuBench();
  divideByZero(bench);
  run(bench, FNSTENV);
  assert.equal(hex(read32(bench.cpu, PLACE + 4)), 'ffffb084');
  assert.equal(statusOf(bench.cpu), '3004');
  setControl(bench, 0x37b);
  faults(bench, bytes(FWAIT), VECTOR_MF);
});

test('with CR0.NE clear a pending exception is IRQ 13; a write to F0h lets the handler go on', () => {
  const bench = fpuBench();
  const { cpu } = bench;
  const levels: boolean[] = [];
  const pins = new BoardErrorPins(cpu, { set: (level) => levels.push(level) });
  cpu.ferr = pins;
  cpu.m32[CR0] &= ~CR0_NE;
  divideByZero(bench);
  assert.deepEqual(levels, [], 'nothing happens before the next waiting instruction');
  const eip = cpu.m32[EIP];
  run(bench, FLD1);
  run(bench, FLD1);
  assert.equal(cpu.m32[EIP], eip, 'the processor waits for the interrupt');
  assert.equal(top(cpu), 6);
  assert.deepEqual(levels, [true]);
  pins.acknowledge();
  assert.deepEqual(levels, [true, false]);
  run(bench, FLD1);
  assert.equal(cpu.m32[EIP], eip + 2, 'IGNNE#');
  assert.equal(top(cpu), 5);
  run(bench, FNCLEX);
  assert.equal(cpu.m32[FP_STATUS], 5 << 11, 'both pins are inactive again');
  divideByZero(bench);
  run(bench, FWAIT);
  assert.deepEqual(levels, [true, false, true], 'the next error is reported again');
});

test('a ninth push is an overflow: IE, SF and C1, and the indefinite', () => {
  const bench = fpuBench();
  run(bench, ...Array<string>(8).fill(FLD1));
  assert.equal(statusOf(bench.cpu), '0');
  run(bench, FLDZ);
  assert.equal(statusOf(bench.cpu), '3a41');
  assert.equal(stackText(bench.cpu, 0), 'ffff:c000000000000000');
});

test('an operation on an empty register is an underflow: IE and SF, C1 clear', () => {
  const bench = fpuBench();
  run(bench, FLD1, 'd8 c1');
  assert.equal(statusOf(bench.cpu), '3841');
  assert.equal(stackText(bench.cpu, 0), 'ffff:c000000000000000');
});

test('unmasked, a stack fault leaves the stack alone', () => {
  const bench = fpuBench();
  setControl(bench, 0x37e);
  const before = [bench.cpu.m32[FP_TAG], top(bench.cpu)];
  run(bench, FSTP_M32);
  assert.deepEqual([bench.cpu.m32[FP_TAG], top(bench.cpu)], before);
  assert.equal(statusOf(bench.cpu), '80c1');
});

test('D9 D8+i pops an empty register without a word', () => {
  const bench = fpuBench();
  run(bench, 'd9 d9');
  assert.equal(statusOf(bench.cpu), '800');
  assert.equal(bench.cpu.m32[FP_TAG], 0xff);
});

test('a faulting load or store changes no x87 state, and a store does not pop', () => {
  const bench = fpuBench();
  const { cpu } = bench;
  run(bench, FLD1);
  // FS, since a flat DS is not looked at again.
  cpu.m32[SEG_LIMIT + FS] = PLACE;
  const before = x87State(cpu);
  const instructions = [
    'd9 05',
    'dd 05',
    'db 2d',
    'd9 1d',
    'dd 1d',
    'db 3d',
    'df 3d',
    'df 35',
    'd8 05',
    'da 05',
    'd9 25',
  ];
  for (const opcode of instructions) {
    faults(bench, [0x64, ...bytes(at(opcode))], VECTOR_GP, 0);
    assert.equal(x87State(cpu), before, opcode);
  }
});

test('the tag word tells zero, special and empty from the contents', () => {
  const bench = fpuBench();
  write32(bench.cpu, PLACE, 0x7f800000);
  run(bench, FLD1, FLDZ, FLD_M32, FNSTENV);
  assert.equal(hex(read32(bench.cpu, PLACE + 8)), 'ffff1bff', 'valid 00, zero 01, special 10, empty 11');
});

test('a tag word is loaded for its empty registers alone', () => {
  const { cpu } = fpuBench();
  setFullTagWord(cpu, 0b11_10_01_00_11_11_00_00);
  assert.equal(cpu.m32[FP_TAG], 0b10001100);
});

test('the last instruction and data pointers are those of the last instruction that was no control instruction', () => {
  const bench = fpuBench();
  run(bench, FLD_M32);
  run(bench, FNSTSW, FLDCW, FNCLEX);
  const { m32 } = bench.cpu;
  assert.deepEqual([m32[FP_IP], m32[FP_CS], m32[FP_DP], m32[FP_DS]].map(hex), [hex(CODE + 2), '8', '50000', '10']);
  assert.equal(hex(m32[FP_OPCODE]), '105');
});

test('FNSTENV in the four layouts', () => {
  const set = (cpu: Cpu): void => {
    cpu.m32[FP_CONTROL] = 0x127f;
    cpu.m32[FP_STATUS] = 0x4123;
    cpu.m32[FP_TAG] = 0xff;
    cpu.m32[FP_OPCODE] = 0x5a5;
    cpu.m32[FP_IP] = 0x1234567;
    cpu.m32[FP_CS] = 0;
    cpu.m32[FP_DP] = 0x89abcd;
    cpu.m32[FP_DS] = 0;
  };
  const words = (cpu: Cpu, count: number, place: number): string[] =>
    Array.from({ length: count }, (_, k) => hex(read32(cpu, place + 4 * k)));
  const wide = fpuBench();
  set(wide.cpu);
  wide.cpu.m32[FP_CS] = 0x23;
  wide.cpu.m32[FP_DS] = 0x2b;
  run(wide, FNSTENV);
  assert.deepEqual(words(wide.cpu, 7, PLACE), [
    'ffff127f',
    'ffff4123',
    'ffffffff',
    '1234567',
    '5a50023',
    '89abcd',
    'ffff002b',
  ]);
  set(wide.cpu);
  wide.cpu.m32[FP_CS] = 0x23;
  wide.cpu.m32[FP_DS] = 0x2b;
  run(wide, `66 ${FNSTENV}`);
  assert.deepEqual(words(wide.cpu, 3, PLACE), ['4123127f', '4567ffff', 'abcd0023']);
  const real = realBench();
  set(real.cpu);
  run(real, 'd9 36 00 60');
  assert.deepEqual(words(real.cpu, 3, 0x6000), ['4123127f', '4567ffff', 'abcd35a5']);
  assert.equal(hex(read32(real.cpu, 0x600c) & 0xffff), '9000');
  set(real.cpu);
  run(real, '66 d9 36 00 60');
  assert.deepEqual(words(real.cpu, 7, 0x6000), [
    'ffff127f',
    'ffff4123',
    'ffffffff',
    'ffff4567',
    '1235a5',
    'ffffabcd',
    '89000',
  ]);
});

test('FNSAVE initialises, FRSTOR brings everything back, in both sizes', () => {
  for (const prefix of ['', '66 ']) {
    const bench = fpuBench();
    const { cpu } = bench;
    run(bench, FLD1, FLDPI, FLDZ, FLD_M32);
    // The short layout has no opcode in protected mode.
    if (prefix !== '') cpu.m32[FP_OPCODE] = 0;
    if (prefix !== '') cpu.m32[FP_IP] &= 0xffff;
    if (prefix !== '') cpu.m32[FP_DP] &= 0xffff;
    const before = x87State(cpu);
    run(bench, prefix + FNSAVE);
    assert.equal(hex(cpu.m32[FP_CONTROL]), '37f');
    assert.deepEqual([cpu.m32[FP_STATUS], cpu.m32[FP_TAG], cpu.m32[FP_IP], cpu.m32[FP_DP]], [0, 0xff, 0, 0]);
    run(bench, prefix + FRSTOR);
    assert.equal(x87State(cpu), before);
  }
});

const word = fc.integer();
const image = fc.record({
  registers: fc.array(word, { minLength: 24, maxLength: 24 }),
  xmm: fc.array(word, { minLength: 32, maxLength: 32 }),
  control: fc.integer({ min: 0, max: 0x1fff }),
  status: fc.integer({ min: 0, max: 0xffff }),
  tags: fc.integer({ min: 0, max: 255 }),
  mxcsr: fc.integer({ min: 0, max: 0xffff }),
});

test('FXRSTOR loads what FXSAVE stores', () => {
  fc.assert(
    fc.property(image, ({ registers, xmm, control, status, tags, mxcsr }) => {
      const bench = fpuBench();
      const { cpu } = bench;
      write32(cpu, PLACE, control | (status << 16));
      write32(cpu, PLACE + 4, tags);
      write32(cpu, PLACE + 24, mxcsr);
      for (let i = 0; i < 8; i++) {
        for (let k = 0; k < 3; k++) write32(cpu, PLACE + 32 + 16 * i + 4 * k, registers[3 * i + k]);
      }
      for (let k = 0; k < 32; k++) write32(cpu, PLACE + 160 + 4 * k, xmm[k]);
      run(bench, FXRSTOR);
      const before = x87State(cpu) + [...cpu.m32.subarray(XMM, XMM + 32)].join();
      const pending = (status & ~control & 63) !== 0;
      assert.equal((cpu.m32[FP_STATUS] & 0x8080) !== 0, pending, 'ES and B follow from flags and masks');
      run(bench, FXSAVE, FNINIT);
      cpu.m32.fill(0, XMM, XMM + 32);
      run(bench, FXRSTOR);
      assert.equal(x87State(cpu) + [...cpu.m32.subarray(XMM, XMM + 32)].join(), before);
      assert.equal(cpu.m32[MXCSR], mxcsr);
    }),
    { seed: 11, numRuns: 60 },
  );
});

test('FXSAVE and FXRSTOR want 16 bytes of alignment; reserved bits of MXCSR are #GP(0)', () => {
  const bench = fpuBench();
  faults(bench, bytes('0f ae 05 08 00 05 00'), VECTOR_GP, 0);
  faults(bench, bytes('0f ae 0d 08 00 05 00'), VECTOR_GP, 0);
  write32(bench.cpu, PLACE + 24, 0x10000);
  const before = x87State(bench.cpu);
  faults(bench, bytes(FXRSTOR), VECTOR_GP, 0);
  assert.equal(x87State(bench.cpu), before);
  assert.equal(bench.cpu.m32[MXCSR], 0x1f80);
});

test('without CR4.OSFXSR, FXSAVE and FXRSTOR move the x87 alone', () => {
  const bench = fpuBench();
  const { cpu } = bench;
  cpu.m32[CR4] &= ~CR4_OSFXSR;
  cpu.m32[XMM] = 5;
  write32(cpu, PLACE + 24, -1);
  run(bench, FXSAVE);
  assert.equal(read32(cpu, PLACE + 160), 0);
  run(bench, FXRSTOR);
  assert.equal(cpu.m32[XMM], 5);
});

test('precision control rounds sums, not loads', () => {
  const bench = fpuBench();
  setControl(bench, 0x07f);
  write32(bench.cpu, PLACE, 1);
  write32(bench.cpu, PLACE + 4, 0x80000000 | 0);
  write32(bench.cpu, PLACE + 8, 0x3fff);
  run(bench, FLD_M80);
  assert.equal(stackText(bench.cpu, 0), '3fff:8000000000000001');
  run(bench, FLDZ, 'de c1');
  assert.equal(stackText(bench.cpu, 0), '3fff:8000000000000000');
  assert.equal(statusOf(bench.cpu), '3820');
});

test('a 16-bit code segment works the same', () => {
  const bench = fpuBench();
  const { cpu } = bench;
  assert.equal(step(bench, [0xea, 0, 0, 0, 0, CODE0_16, 0]), false);
  run(bench, FLD1, '67 db 3d 00 00 05 00');
  assert.equal(hex(read32(cpu, PLACE + 4)), '80000000');
  assert.deepEqual([cpu.m32[SEG_SELECTOR + DS], cpu.m32[FP_CS]], [DATA0, CODE0_16]);
  assert.notEqual(CODE0_16, CODE0);
});
