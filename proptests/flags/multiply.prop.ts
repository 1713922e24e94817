/**
 * Multiplication and division against BigInt: everything at 8 bits, random and corner operands at 16 and 32, all #DE
 * cases; decimal adjustments against what they are for (adding and subtracting decimal digits).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ARITHMETIC_FLAGS, CF, EAX, EBX, EDX, OF } from '../../src/core/state/layout.ts';
import { arithmeticFlags, CORNERS, cpu, Instruction } from './harness.ts';

const prefix = (bits: number): string => (bits === 16 ? '66' : '');
const opcode = (bits: number): string => (bits === 8 ? 'f6' : 'f7');
const MUL = (bits: number): Instruction => new Instruction(`${prefix(bits)}${opcode(bits)}e3`);
const IMUL1 = (bits: number): Instruction => new Instruction(`${prefix(bits)}${opcode(bits)}eb`);
const DIV = (bits: number): Instruction => new Instruction(`${prefix(bits)}${opcode(bits)}f3`);
const IDIV = (bits: number): Instruction => new Instruction(`${prefix(bits)}${opcode(bits)}fb`);

/** The double-width accumulator: AX, DX:AX, EDX:EAX. */
function setWide(bits: number, value: bigint): void {
  const low = Number(BigInt.asUintN(32, value));
  if (bits === 8) cpu.m32[EAX] = low & 0xffff;
  else if (bits === 16) {
    cpu.m32[EAX] = 0x12340000 | (low & 0xffff);
    cpu.m32[EDX] = 0x56780000 | (low >>> 16);
  } else {
    cpu.m32[EAX] = low;
    cpu.m32[EDX] = Number(BigInt.asUintN(32, value >> 32n));
  }
}

function wide(bits: number): bigint {
  if (bits === 8) return BigInt(cpu.m32[EAX] & 0xffff);
  if (bits === 16) return BigInt(cpu.m32[EAX] & 0xffff) | (BigInt(cpu.m32[EDX] & 0xffff) << 16n);
  return BigInt(cpu.m32[EAX] >>> 0) | (BigInt(cpu.m32[EDX] >>> 0) << 32n);
}

function checkProduct(instruction: Instruction, signed: boolean, bits: number, a: number, b: number): void {
  const x = signed ? BigInt.asIntN(bits, BigInt(a)) : BigInt.asUintN(bits, BigInt(a));
  const y = signed ? BigInt.asIntN(bits, BigInt(b)) : BigInt.asUintN(bits, BigInt(b));
  cpu.m32[EAX] = a;
  cpu.m32[EBX] = b;
  instruction.run(ARITHMETIC_FLAGS & ~CF);
  const product = x * y;
  const where = `${instruction.hex} ${a.toString(16)} × ${b.toString(16)}`;
  assert.equal(wide(bits), BigInt.asUintN(2 * bits, product), where);
  const fits = signed ? BigInt.asIntN(bits, product) === product : BigInt.asUintN(bits, product) === product;
  assert.equal(arithmeticFlags() & (CF | OF), fits ? 0 : CF | OF, where);
}

/** Runs the division and checks quotient, remainder or #DE with nothing changed. */
function checkQuotient(instruction: Instruction, signed: boolean, bits: number, dividend: bigint, b: number): void {
  const n = signed ? BigInt.asIntN(2 * bits, dividend) : BigInt.asUintN(2 * bits, dividend);
  const d = signed ? BigInt.asIntN(bits, BigInt(b)) : BigInt.asUintN(bits, BigInt(b));
  setWide(bits, n);
  cpu.m32[EBX] = b;
  const before = wide(bits);
  const vector = instruction.run(CF);
  const where = `${instruction.hex} ${n} / ${d}`;
  const quotient = d === 0n ? 0n : n / d;
  const fits = signed ? BigInt.asIntN(bits, quotient) === quotient : BigInt.asUintN(bits, quotient) === quotient;
  if (d === 0n || !fits) {
    assert.equal(vector, 0, `${where} must be #DE`);
    assert.equal(wide(bits), before, `${where}: changed`);
    assert.equal(arithmeticFlags(), CF, `${where}: flags changed`);
    return;
  }
  assert.equal(vector, -1, where);
  const size = BigInt(bits);
  assert.equal(wide(bits), BigInt.asUintN(bits, quotient) | (BigInt.asUintN(bits, n % d) << size), where);
}

test('MUL and IMUL: all 8-bit operands', () => {
  const mul = MUL(8);
  const imul = IMUL1(8);
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      checkProduct(mul, false, 8, a, b);
      checkProduct(imul, true, 8, a, b);
    }
  }
});

test('DIV and IDIV: all 8-bit divisors with many dividends', () => {
  const div = DIV(8);
  const idiv = IDIV(8);
  for (let n = 0; n < 0x10000; n += 61) {
    for (let b = 0; b < 256; b++) {
      checkQuotient(div, false, 8, BigInt(n), b);
      checkQuotient(idiv, true, 8, BigInt(n), b);
    }
  }
});

const operand = fc.oneof(fc.constantFrom(...CORNERS), fc.nat({ max: 0xffff }), fc.integer({ min: 0, max: 0xffffffff }));
const SETTINGS = { seed: 1, numRuns: 5000 };

for (const bits of [16, 32]) {
  test(`MUL and IMUL at ${bits} bits are exact`, () => {
    const mul = MUL(bits);
    const imul = IMUL1(bits);
    for (const a of CORNERS) for (const b of CORNERS) checkProduct(mul, false, bits, a, b);
    for (const a of CORNERS) for (const b of CORNERS) checkProduct(imul, true, bits, a, b);
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        checkProduct(mul, false, bits, a, b);
        checkProduct(imul, true, bits, a, b);
      }),
      SETTINGS,
    );
  });

  test(`DIV and IDIV at ${bits} bits are exact, and #DE exactly when the quotient does not fit`, () => {
    const div = DIV(bits);
    const idiv = IDIV(bits);
    const mask = (1n << BigInt(bits)) - 1n;
    const each = (high: number, low: number, b: number): void => {
      const n = ((BigInt(high) & mask) << BigInt(bits)) | (BigInt(low) & mask);
      checkQuotient(div, false, bits, n, b);
      checkQuotient(idiv, true, bits, n, b);
      // A dividend near divisor × largest quotient: both sides of the overflow limit.
      const edge = BigInt.asIntN(bits, BigInt(b)) * (1n << BigInt(bits - 1)) + BigInt.asIntN(8, BigInt(low));
      checkQuotient(idiv, true, bits, edge, b);
      checkQuotient(div, false, bits, (BigInt(b) & mask) * mask + (BigInt(low) & 0xffn), b);
    };
    for (const high of CORNERS) for (const low of CORNERS) for (const b of CORNERS) each(high, low, b);
    fc.assert(fc.property(operand, operand, operand, each), SETTINGS);
  });

  test(`two- and three-operand IMUL at ${bits} bits`, () => {
    const two = new Instruction(`${prefix(bits)}0fafc3`);
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        const product = BigInt.asIntN(bits, BigInt(a)) * BigInt.asIntN(bits, BigInt(b));
        const fits = BigInt.asIntN(bits, product) === product;
        cpu.m32[EAX] = a;
        cpu.m32[EBX] = b;
        two.run(0);
        assert.equal(BigInt.asUintN(bits, BigInt(cpu.m32[EAX])), BigInt.asUintN(bits, product));
        assert.equal(arithmeticFlags() & (CF | OF), fits ? 0 : CF | OF);
        const bytes = (b >>> 0).toString(16).padStart(8, '0').match(/../g)?.reverse().join('') ?? '';
        const three = new Instruction(`${prefix(bits)}69d8${bytes.slice(0, bits / 4)}`);
        cpu.m32[EAX] = a;
        three.run(0);
        assert.equal(BigInt.asUintN(bits, BigInt(cpu.m32[EBX])), BigInt.asUintN(bits, product));
        assert.equal(arithmeticFlags() & (CF | OF), fits ? 0 : CF | OF);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
}

const bcd = (value: number): number => Math.floor(value / 10) * 16 + (value % 10);

test('DAA and DAS turn binary sums and differences of packed decimals into decimal ones', () => {
  const add = new Instruction('00d8');
  const sub = new Instruction('28d8');
  const daa = new Instruction('27');
  const das = new Instruction('2f');
  for (let x = 0; x < 100; x++) {
    for (let y = 0; y < 100; y++) {
      cpu.m32[EAX] = bcd(x);
      cpu.m32[EBX] = bcd(y);
      add.run(0);
      daa.again();
      assert.equal(cpu.m32[EAX] & 0xff, bcd((x + y) % 100), `${x} + ${y}`);
      assert.equal(arithmeticFlags() & CF, x + y >= 100 ? CF : 0, `${x} + ${y}`);
      cpu.m32[EAX] = bcd(x);
      sub.run(0);
      das.again();
      assert.equal(cpu.m32[EAX] & 0xff, bcd((x - y + 100) % 100), `${x} - ${y}`);
      assert.equal(arithmeticFlags() & CF, x < y ? CF : 0, `${x} - ${y}`);
    }
  }
});

test('AAA, AAS, AAM and AAD on unpacked digits', () => {
  const add = new Instruction('00d8');
  const sub = new Instruction('28d8');
  const aaa = new Instruction('37');
  const aas = new Instruction('3f');
  const aam = new Instruction('d40a');
  const aad = new Instruction('d50a');
  for (let x = 0; x < 10; x++) {
    for (let y = 0; y < 10; y++) {
      cpu.m32[EAX] = x;
      cpu.m32[EBX] = y;
      add.run(0);
      aaa.again();
      assert.equal(cpu.m32[EAX] & 0xffff, x + y >= 10 ? 0x100 | (x + y - 10) : x + y, `${x} + ${y}`);
      cpu.m32[EAX] = 0x100 | x;
      sub.run(0);
      aas.again();
      assert.equal(cpu.m32[EAX] & 0xffff, x < y ? x - y + 10 : 0x100 | (x - y), `${x} - ${y}`);
      cpu.m32[EAX] = x * y;
      aam.run(0);
      assert.equal(cpu.m32[EAX] & 0xffff, (Math.floor((x * y) / 10) << 8) | ((x * y) % 10));
      aad.again();
      assert.equal(cpu.m32[EAX] & 0xffff, x * y);
    }
  }
  assert.equal(new Instruction('d400').run(0), 0, 'AAM by zero is #DE');
});
