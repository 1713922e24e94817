// BT BTS BTR BTC (also on bit strings in memory), BSF BSR, BSWAP, SDM 2. BTx keep all flags but CF; BSF and BSR clear
// CF OF SF AF, set PF from the index, and leave the destination alone when the source is 0.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { KIND_IMMEDIATE, KIND_MEMORY, SIZE_32 } from '../../src/core/isa/record.ts';
import { CF, PF, ZF } from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import type { Builder } from '../ir/builder.ts';
import { changeFlags } from './flags.ts';
import {
  bitsOf,
  effectiveOffset,
  immediate,
  kindA,
  kindB,
  type Lift,
  type Lifter,
  linear,
  modifyA,
  NOT_LIFTED,
  readA,
  readB,
  readRegister,
  readSignedRegister,
  registerA,
  registerB,
  sizeA,
  wrapped,
  writeBack,
  writeRegister,
} from './operands.ts';

/** The bit index, sign-extended, and where its word is when it is one of a bit string (else −1). */
function locate(l: Lift, isWrite: boolean): { index: Temp; at: Temp } {
  const { b } = l;
  const size = sizeA(l);
  if (kindB(l) === KIND_IMMEDIATE) return { index: b.constant(immediate(l)), at: -1 };
  const index = readSignedRegister(l, registerB(l), size);
  if (kindA(l) !== KIND_MEMORY) return { index, at: -1 };
  const element = b.with('shl', b.with('sar', index, 3 + size), size);
  const offset = wrapped(l, b.binary('add', effectiveOffset(l), element));
  return { index, at: linear(l, offset, 1 << size, isWrite) };
}

function bt(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const { index, at } = locate(l, false);
  const value = at < 0 ? readA(l) : b.load(size, at);
  const position = b.with('and', index, bitsOf(size) - 1);
  changeFlags(l, CF, b.with('and', b.binary('shr', value, position), CF));
}

function change(how: (b: Builder, value: Temp, bit: Temp) => Temp): Lifter {
  return (l) => {
    const { b } = l;
    const { index, at } = locate(l, true);
    const target = at < 0 ? modifyA(l) : modifyA(l, at);
    const position = b.with('and', index, bitsOf(sizeA(l)) - 1);
    const bit = b.binary('shl', b.constant(1), position);
    writeBack(l, target, how(b, target.value, bit));
    changeFlags(l, CF, b.with('and', b.binary('shr', target.value, position), CF));
  };
}

function scan(lowest: boolean): Lifter {
  return (l) => {
    const { b } = l;
    const size = sizeA(l);
    const value = readB(l);
    const bit = lowest ? b.binary('and', value, b.binary('sub', b.constant(0), value)) : value;
    const index = b.binary('sub', b.constant(31), b.unary('clz', bit));
    const old = readRegister(l, registerA(l), size);
    writeRegister(l, registerA(l), size, b.select(value, index, old));
    b.bits(b.select(value, b.unary('parity', index), b.constant(ZF | PF)));
  };
}

function bswap(l: Lift): void {
  const { b } = l;
  if (sizeA(l) !== SIZE_32) throw NOT_LIFTED;
  const value = b.get(registerA(l));
  const outer = b.binary('or', b.with('shl', value, 24), b.with('shr', value, 24));
  const high = b.with('shl', b.with('and', value, 0xff00), 8);
  const low = b.with('and', b.with('shr', value, 8), 0xff00);
  b.set(registerA(l), b.binary('or', outer, b.binary('or', high, low)));
}

export const bitLifters = {
  BT: bt,
  BTS: change((b, value, bit) => b.binary('or', value, bit)),
  BTR: change((b, value, bit) => b.binary('and', value, b.with('xor', bit, -1))),
  BTC: change((b, value, bit) => b.binary('xor', value, bit)),
  BSF: scan(true),
  BSR: scan(false),
  BSWAP: bswap,
} satisfies Record<OpLiftedBy<'bits'>, Lifter>;
