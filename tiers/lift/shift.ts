// ROL ROR RCL RCR (by a known count) SHL SHR SAR SHLD SHRD (doublewords), SDM 2. Counts are modulo 32; a count of 0
// leaves the flags. Undefined ones: shifts set AF, OF is computed for every count as for a count of one.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { KIND_IMMEDIATE, SIZE_32 } from '../../src/core/isa/record.ts';
import { CC_SZP } from '../../src/core/state/flags.ts';
import { AF, ARITHMETIC_FLAGS, CF, ECX, OF } from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import { carryOverflow, changeFlags, signZeroParity } from './flags.ts';
import {
  bitsOf,
  extend,
  immediate,
  kindB,
  type Lift,
  type Lifter,
  modifyA,
  modifySignedA,
  NOT_LIFTED,
  readRegister,
  registerB,
  sizeA,
  writeBack,
} from './operands.ts';

/** The count when it is an immediate, else −1 (CL). */
const staticCount = (l: Lift): number => (kindB(l) === KIND_IMMEDIATE ? immediate(l) & 31 : -1);

const countTemp = (l: Lift, fixed: number): Temp =>
  fixed >= 0 ? l.b.constant(fixed) : l.b.with('and', l.b.get(ECX), 31);

/** SF ZF PF from the result, AF set, CF and OF given (bit 0); nothing when the count is 0. */
function shiftFlags(l: Lift, fixed: number, count: Temp, result: Temp, carry: Temp, overflow: Temp): void {
  const { b } = l;
  if (fixed === 0) return;
  const given = b.with('or', carryOverflow(l, carry, overflow), AF);
  if (fixed > 0) {
    b.cc(CC_SZP + sizeA(l), result, given);
    return;
  }
  b.bits(b.select(count, b.binary('or', signZeroParity(l, result), given), b.flags()));
}

/** CF and OF given (bit 0), the rest kept; nothing when the count is 0. */
function rotateFlags(l: Lift, fixed: number, count: Temp, carry: Temp, overflow: Temp): void {
  const { b } = l;
  if (fixed === 0) return;
  const given = carryOverflow(l, carry, overflow);
  if (fixed > 0) {
    changeFlags(l, CF | OF, given);
    return;
  }
  const old = b.flags();
  b.bits(b.select(count, b.binary('or', b.with('and', old, ARITHMETIC_FLAGS & ~(CF | OF)), given), old));
}

/** XOR of the two top bits of a result. */
function topBitsDiffer(l: Lift, result: Temp): Temp {
  const { b } = l;
  return b.with('shr', b.binary('xor', result, b.with('shl', result, 1)), bitsOf(sizeA(l)) - 1);
}

function shl(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const bits = bitsOf(size);
  const fixed = staticCount(l);
  const count = countTemp(l, fixed);
  const target = modifyA(l);
  const result = extend(l, b.binary('shl', target.value, count), size);
  writeBack(l, target, result);
  // The bit shifted out last; a narrow operand has none beyond its width, and its zero-extension gives 0 there.
  const out =
    size === SIZE_32
      ? b.binary('shr', target.value, b.binary('sub', b.constant(bits), count))
      : b.with('shr', b.binary('shl', target.value, count), bits);
  const carry = b.with('and', out, 1);
  shiftFlags(l, fixed, count, result, carry, b.binary('xor', b.with('shr', result, 31), carry));
}

function shr(l: Lift): void {
  const { b } = l;
  const fixed = staticCount(l);
  const count = countTemp(l, fixed);
  const target = modifyA(l);
  const result = extend(l, b.binary('shr', target.value, count), sizeA(l));
  writeBack(l, target, result);
  const out = b.binary('shr', target.value, b.with('sub', count, 1));
  shiftFlags(l, fixed, count, result, out, topBitsDiffer(l, result));
}

function sar(l: Lift): void {
  const { b } = l;
  const fixed = staticCount(l);
  const count = countTemp(l, fixed);
  const target = modifySignedA(l);
  const { value } = target;
  const result = b.binary('sar', value, count);
  writeBack(l, target, result);
  shiftFlags(l, fixed, count, result, b.binary('sar', value, b.with('sub', count, 1)), b.constant(0));
}

function rotate(left: boolean): Lifter {
  return (l) => {
    const { b } = l;
    const bits = bitsOf(sizeA(l));
    const fixed = staticCount(l);
    const count = countTemp(l, fixed);
    const turns = fixed >= 0 ? b.constant(fixed & (bits - 1)) : b.with('and', count, bits - 1);
    const target = modifyA(l);
    const back = b.binary('sub', b.constant(bits), turns);
    const up = b.binary('shl', target.value, left ? turns : back);
    const result = b.binary('or', up, b.binary('shr', target.value, left ? back : turns));
    writeBack(l, target, result);
    const top = b.with('shr', result, bits - 1);
    if (left) rotateFlags(l, fixed, count, result, b.binary('xor', top, result));
    else rotateFlags(l, fixed, count, top, topBitsDiffer(l, result));
  };
}

/** `count` turns to the left through carry, 1 to the operand's bits. */
function throughCarry(l: Lift, value: Temp, carry: Temp, count: number): Temp {
  const { b } = l;
  // Shifts count modulo 32: what goes out of a doubleword altogether is left out.
  if (count === 1) return b.binary('or', b.with('shl', value, 1), carry);
  const low = b.binary('or', b.with('shl', carry, count - 1), b.with('shr', value, bitsOf(sizeA(l)) + 1 - count));
  return count === 32 ? low : b.binary('or', b.with('shl', value, count), low);
}

/** RCL and RCR by a count that is known: of 9, 17 or 33 bits. */
function rotateThroughCarry(left: boolean): Lifter {
  return (l) => {
    const { b } = l;
    const fixed = staticCount(l);
    const bits = bitsOf(sizeA(l));
    const turns = fixed % (bits + 1);
    if (turns <= 0) throw NOT_LIFTED;
    const target = modifyA(l);
    const carry = b.carry();
    // To the right is the rest of the whole way to the left.
    const result = throughCarry(l, target.value, carry, left ? turns : bits + 1 - turns);
    writeBack(l, target, result);
    if (left) {
      const out = b.with('shr', target.value, bits - turns);
      rotateFlags(l, fixed, -1, out, b.binary('xor', b.with('shr', result, bits - 1), out));
    } else rotateFlags(l, fixed, -1, b.with('shr', target.value, turns - 1), topBitsDiffer(l, result));
  };
}

/** SHLD and SHRD of doublewords. A count of 0 writes the destination back unchanged. */
function double(left: boolean, byCl: boolean): Lifter {
  return (l) => {
    const { b } = l;
    if (sizeA(l) !== SIZE_32) throw NOT_LIFTED;
    const fixed = byCl ? -1 : immediate(l) & 31;
    const count = countTemp(l, fixed);
    const source = readRegister(l, registerB(l), SIZE_32);
    const target = modifyA(l);
    const back = b.binary('sub', b.constant(32), count);
    const moved = left
      ? b.binary('or', b.binary('shl', target.value, count), b.binary('shr', source, back))
      : b.binary('or', b.binary('shr', target.value, count), b.binary('shl', source, back));
    const result = fixed > 0 ? moved : b.select(count, moved, target.value);
    writeBack(l, target, result);
    if (left) {
      const out = b.binary('shr', target.value, back);
      shiftFlags(l, fixed, count, result, out, b.binary('xor', b.with('shr', result, 31), out));
    } else {
      const out = b.binary('shr', target.value, b.with('sub', count, 1));
      shiftFlags(l, fixed, count, result, out, topBitsDiffer(l, result));
    }
  };
}

export const shiftLifters = {
  SHL: shl,
  SHR: shr,
  SAR: sar,
  ROL: rotate(true),
  ROR: rotate(false),
  RCL: rotateThroughCarry(true),
  RCR: rotateThroughCarry(false),
  SHLD: double(true, false),
  SHLD_CL: double(true, true),
  SHRD: double(false, false),
  SHRD_CL: double(false, true),
} satisfies Record<OpLiftedBy<'shift'>, Lifter>;
