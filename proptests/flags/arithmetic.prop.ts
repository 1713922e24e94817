/**
 * Every arithmetic and logical instruction against the eager model: all operands and carries at 8 bits, corners and
 * random words at 16 and 32. After each, all flags and all sixteen conditions are looked at, lazily and folded.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, condition, foldFlags, getFlags } from '../../src/core/state/flags.ts';
import { AF, ARITHMETIC_FLAGS, CC_OP, CF, EAX, EBX, EFLAGS, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import { arithmeticFlags, CORNERS, cpu, flagText, Instruction, wordsFrom } from './harness.ts';
import { adder, CONDITIONS, logic, type Outcome, subtractor } from './model.ts';

type Model = (a: number, b: number, flags: number, bits: number) => Outcome;

const and: Model = (a, b, _flags, bits) => logic(a, b, (x, y) => x * y, bits);
const keepCarry = (outcome: Outcome, flags: number): Outcome => ({
  result: outcome.result,
  flags: (outcome.flags & ~CF) | (flags & CF),
});

/** Opcode of the 8-bit form with operands AL, BL; the word form is the next opcode. */
const BINARY: readonly [string, string, Model][] = [
  ['ADD', '00d8', (a, b, _f, bits) => adder(a, b, 0, bits)],
  ['ADC', '10d8', (a, b, f, bits) => adder(a, b, f & CF, bits)],
  ['SUB', '28d8', (a, b, _f, bits) => subtractor(a, b, 0, bits)],
  ['SBB', '18d8', (a, b, f, bits) => subtractor(a, b, f & CF, bits)],
  ['CMP', '38d8', (a, b, _f, bits) => ({ result: a, flags: subtractor(a, b, 0, bits).flags })],
  ['AND', '20d8', and],
  ['OR', '08d8', (a, b, _f, bits) => logic(a, b, (x, y) => Math.max(x, y), bits)],
  ['XOR', '30d8', (a, b, _f, bits) => logic(a, b, (x, y) => (x + y) % 2, bits)],
  ['TEST', '84d8', (a, b, f, bits) => ({ result: a, flags: and(a, b, f, bits).flags })],
  ['XADD', '0fc0d8', (a, b, _f, bits) => adder(a, b, 0, bits)],
];

const UNARY: readonly [string, string, Model][] = [
  ['INC', 'fec0', (a, _b, f, bits) => keepCarry(adder(a, 1, 0, bits), f)],
  ['DEC', 'fec8', (a, _b, f, bits) => keepCarry(subtractor(a, 1, 0, bits), f)],
  ['NEG', 'f6d8', (a, _b, _f, bits) => subtractor(0, a, 0, bits)],
  ['NOT', 'f6d0', (a, _b, f, bits) => ({ result: 2 ** bits - 1 - a, flags: f })],
];

/** The 16- or 32-bit form of an 8-bit encoding: the opcode with its low bit set. */
function widened(hex: string, bits: number): string {
  if (bits === 8) return hex;
  const at = hex.startsWith('0f') ? 2 : 0;
  const opcode = (Number.parseInt(hex.slice(at, at + 2), 16) | 1).toString(16).padStart(2, '0');
  return (bits === 16 ? '66' : '') + hex.slice(0, at) + opcode + hex.slice(at + 2);
}

const zeroExtended = (register: number, bits: number): number =>
  bits === 32 ? cpu.m32[register] >>> 0 : cpu.m32[register] & (2 ** bits - 1);

function check(
  name: string,
  instruction: Instruction,
  model: Model,
  a: number,
  b: number,
  flags: number,
  bits: number,
) {
  const filler = bits === 32 ? 0 : 0x5a5a0000 | (bits === 8 ? 0x3300 : 0);
  cpu.m32[EAX] = filler | a;
  cpu.m32[EBX] = filler | b;
  instruction.run(flags);
  const want = model(a, b, flags, bits);
  const found = arithmeticFlags();
  const operands = `a=${a.toString(16)} b=${b.toString(16)} flags=${flagText(flags)}`;
  const where = `${name} ${bits} bits (${instruction.hex}) ${operands}`;
  if (zeroExtended(EAX, bits) !== want.result || found !== want.flags) {
    assert.fail(
      `${where}: result ${zeroExtended(EAX, bits).toString(16)} ${flagText(found)}, ` +
        `wanted ${want.result.toString(16)} ${flagText(want.flags)}`,
    );
  }
  if (bits !== 32 && ((cpu.m32[EAX] ^ filler) & -(2 ** bits)) !== 0) assert.fail(`${where}: bits beyond the operand`);
  if (carry(cpu) !== (want.flags & CF)) assert.fail(`${where}: carry()`);
  for (let cc = 0; cc < 16; cc++) {
    if (condition(cpu, cc) !== CONDITIONS[cc][1](want.flags)) assert.fail(`${where}: condition ${CONDITIONS[cc][0]}`);
  }
  const before = getFlags(cpu);
  foldFlags(cpu);
  if (cpu.m32[CC_OP] !== 0 || cpu.m32[EFLAGS] !== before) assert.fail(`${where}: foldFlags`);
  if (carry(cpu) !== (want.flags & CF)) assert.fail(`${where}: carry() after folding`);
}

const NO_FLAGS = 0;
const ALL = ARITHMETIC_FLAGS;

for (const [name, hex, model] of BINARY) {
  test(`${name}: all 8-bit operands and carries`, () => {
    const instruction = new Instruction(hex);
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        check(name, instruction, model, a, b, NO_FLAGS, 8);
        if (name === 'ADC' || name === 'SBB') check(name, instruction, model, a, b, ALL, 8);
      }
    }
  });
  for (const bits of [16, 32]) {
    test(`${name}: corners and random words at ${bits} bits`, () => {
      const instruction = new Instruction(widened(hex, bits));
      const mask = 2 ** bits - 1;
      const word = wordsFrom(bits + hex.length);
      const corners = CORNERS.filter((value) => value <= mask);
      for (const a of corners)
        for (const b of corners) for (const flags of [0, ALL]) check(name, instruction, model, a, b, flags, bits);
      for (let i = 0; i < 500; i++)
        check(name, instruction, model, word() % (mask + 1), word() % (mask + 1), word() & ALL, bits);
    });
  }
}

for (const [name, hex, model] of UNARY) {
  test(`${name}: all 8-bit operands and flags, corners and random words at 16 and 32 bits`, () => {
    const instruction = new Instruction(hex);
    for (let a = 0; a < 256; a++) {
      for (let i = 0; i < 64; i++) {
        const flags = [CF, PF, AF, ZF, SF, OF].reduce((sum, bit, k) => sum | ((i >> k) & 1 ? bit : 0), 0);
        check(name, instruction, model, a, 0, flags, 8);
      }
    }
    for (const bits of [16, 32]) {
      const wide = new Instruction(widened(hex, bits));
      const mask = 2 ** bits - 1;
      const word = wordsFrom(bits);
      for (const a of CORNERS)
        if (a <= mask) for (const flags of [0, CF, ALL]) check(name, wide, model, a, 0, flags, bits);
      for (let i = 0; i < 500; i++) check(name, wide, model, word() % (mask + 1), 0, word() & ALL, bits);
    }
  });
}

test('flags of one instruction reach the next lazily: INC keeps the carry of any instruction before it', () => {
  const inc = new Instruction('41'); // INC ECX
  for (const [name, hex, model] of BINARY) {
    const instruction = new Instruction(hex);
    for (let i = 0; i < 4096; i++) {
      const a = (i * 37) & 0xff;
      const b = (i * 101 + (i >> 5)) & 0xff;
      cpu.m32[EAX] = a;
      cpu.m32[EBX] = b;
      instruction.run(i & CF);
      inc.again();
      assert.equal(arithmeticFlags() & CF, model(a, b, i & CF, 8).flags & CF, `${name} ${a} ${b} then INC`);
    }
  }
});
