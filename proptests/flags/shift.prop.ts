/**
 * Shifts and rotates against the one-bit-at-a-time model: all values, counts and carries at 8 bits, corners and random
 * words at 16 and 32 with every count; SHLD and SHRD against BigInt.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF, ARITHMETIC_FLAGS, CF, EAX, EBX, ECX, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import { arithmeticFlags, CORNERS, cpu, flagText, Instruction, wordsFrom } from './harness.ts';
import { shifter } from './model.ts';

const NAMES = ['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAL', 'SAR'];

/** D2/D3 /digit with the r/m field EBX. */
function byCl(digit: number, bits: number): Instruction {
  const modrm = (0xc0 | (digit << 3) | 3).toString(16);
  return new Instruction((bits === 16 ? '66' : '') + (bits === 8 ? 'd2' : 'd3') + modrm);
}

function read(register: number, bits: number): number {
  return bits === 32 ? cpu.m32[register] >>> 0 : cpu.m32[register] & (2 ** bits - 1);
}

function check(name: string, instruction: Instruction, a: number, count: number, flags: number, bits: number): void {
  cpu.m32[EBX] = bits === 32 ? a : 0x77660000 | a;
  cpu.m32[ECX] = 0xabcdef00 | count;
  instruction.run(flags);
  const want = shifter(name === 'SAL' ? 'SHL' : name, a, count, flags, bits);
  const found = arithmeticFlags();
  if (read(EBX, bits) === want.result && found === want.flags) return;
  assert.fail(
    `${name} ${bits} bits (${instruction.hex}) a=${a.toString(16)} cl=${count} flags=${flagText(flags)}: ` +
      `${read(EBX, bits).toString(16)} ${flagText(found)}, wanted ${want.result.toString(16)} ${flagText(want.flags)}`,
  );
}

NAMES.forEach((name, digit) => {
  test(`${name}: all 8-bit values, counts and carries; 16 and 32 bits with every count`, () => {
    const narrow = byCl(digit, 8);
    for (let count = 0; count < 34; count++) {
      for (let a = 0; a < 256; a++) {
        check(name, narrow, a, count, 0, 8);
        check(name, narrow, a, count, ARITHMETIC_FLAGS, 8);
      }
    }
    for (const bits of [16, 32]) {
      const wide = byCl(digit, bits);
      const word = wordsFrom(digit + bits);
      for (let count = 0; count < 34; count++) {
        for (const a of CORNERS) if (a < 2 ** bits) check(name, wide, a, count, word() & ARITHMETIC_FLAGS, bits);
        for (let i = 0; i < 20; i++) check(name, wide, word() % 2 ** bits, count, word() & ARITHMETIC_FLAGS, bits);
      }
    }
  });
});

test('shifts by one and by an immediate do what shifts by CL do', () => {
  const word = wordsFrom(5);
  NAMES.forEach((name, digit) => {
    const modrm = (0xc0 | (digit << 3) | 3).toString(16);
    for (const count of [0, 1, 2, 7, 8, 9, 31, 32, 33, 255]) {
      const forms = [`c0${modrm}${count.toString(16).padStart(2, '0')}`];
      if (count === 1) forms.push(`d0${modrm}`);
      for (const hex of forms) {
        const instruction = new Instruction(hex);
        for (let i = 0; i < 100; i++) check(name, instruction, word() & 0xff, count, word() & ARITHMETIC_FLAGS, 8);
      }
    }
  });
});

/** dst and src joined, shifted as one number; words by more than 16 shift the source in a second time. */
function doubleShift(
  left: boolean,
  dst: number,
  src: number,
  count: number,
  bits: number,
): { result: number; out: number } {
  const width = BigInt(bits);
  const [d, s, n] = [BigInt(dst), BigInt(src), BigInt(count)];
  const mask = (1n << width) - 1n;
  if (left) {
    const joined = (((d << width) | s) << width) | s;
    return {
      result: Number(((joined << n) >> (2n * width)) & mask),
      out: count > bits ? 0 : Number((d >> (width - n)) & 1n),
    };
  }
  const joined = (((s << width) | s) << width) | d;
  return { result: Number((joined >> n) & mask), out: count > bits ? 0 : Number((d >> (n - 1n)) & 1n) };
}

for (const left of [true, false]) {
  for (const bits of [16, 32]) {
    test(`${left ? 'SHLD' : 'SHRD'} at ${bits} bits with every count`, () => {
      const instruction = new Instruction(`${bits === 16 ? '66' : ''}0f${left ? 'a5' : 'ad'}c3`);
      const word = wordsFrom(bits);
      for (let count = 0; count < 32; count++) {
        for (let i = 0; i < 300; i++) {
          const dst = (i < CORNERS.length ? CORNERS[i] : word()) % 2 ** bits;
          const src = word() % 2 ** bits;
          const before = word() & ARITHMETIC_FLAGS;
          cpu.m32[EBX] = dst;
          cpu.m32[EAX] = src;
          cpu.m32[ECX] = count;
          instruction.run(before);
          const result = read(EBX, bits);
          const flags = arithmeticFlags();
          const where = `count ${count} dst ${dst.toString(16)} src ${src.toString(16)}`;
          if (count === 0) {
            assert.equal(result, dst, where);
            assert.equal(flags, before, where);
            continue;
          }
          const want = doubleShift(left, dst, src, count, bits);
          assert.equal(result, want.result, where);
          assert.equal(flags & CF, want.out, where);
          assert.equal((flags & SF) !== 0, result >= 2 ** (bits - 1), where);
          assert.equal((flags & ZF) !== 0, result === 0, where);
          assert.equal(flags & AF, AF, where);
          let ones = 0;
          for (let k = 0; k < 8; k++) ones += (result >> k) & 1;
          assert.equal((flags & PF) !== 0, ones % 2 === 0, where);
          if (count === 1)
            assert.equal((flags & OF) !== 0, result >= 2 ** (bits - 1) !== dst >= 2 ** (bits - 1), where);
        }
      }
    });
  }
}
