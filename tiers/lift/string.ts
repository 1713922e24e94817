// MOVS CMPS SCAS LODS STOS without a repeat prefix, SDM 2: one element, then the index registers move by its size,
// downwards while DF is set. With a prefix the handler moves spans at once. Where both elements of MOVS or CMPS could
// fault the handler decides which does.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, META_REP, META_REPNE } from '../../src/core/isa/record.ts';
import { CC_SUB } from '../../src/core/state/flags.ts';
import { DF, EAX, EDI, EFLAGS, ESI, MODE_FLAT_DATA } from '../../src/core/state/layout.ts';
import type { Size, Temp } from '../ir/ir.ts';
import {
  extend,
  type Lift,
  type Lifter,
  linear,
  metaOf,
  NOT_LIFTED,
  readRegister,
  readSignedRegister,
  sizeA,
  writeRegister,
} from './operands.ts';

/** Number of the bit that DF is. */
const DF_SHIFT = 31 - Math.clz32(DF);

function requireSingle(l: Lift): void {
  if ((metaOf(l) & (META_REP | META_REPNE)) !== 0 || (metaOf(l) & META_ADDRSIZE_32) === 0) throw NOT_LIFTED;
}

/** Linear address of ES:EDI, which no prefix moves. */
function destination(l: Lift): Temp {
  if ((l.mode & MODE_FLAT_DATA) === 0) throw NOT_LIFTED;
  return l.b.get(EDI);
}

const source = (l: Lift, size: Size): Temp => linear(l, l.b.get(ESI), 1 << size);

/** The size of an element, negative while DF is set. */
function stride(l: Lift, size: Size): Temp {
  const { b } = l;
  const down = b.with('and', b.with('shr', b.word(EFLAGS), DF_SHIFT), 1);
  return b.binary('sub', b.constant(1 << size), b.with('shl', down, size + 1));
}

function advance(l: Lift, register: number, by: Temp): void {
  l.b.set(register, l.b.binary('add', l.b.get(register), by));
}

function movs(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  b.store(size, destination(l), b.load(size, source(l, size)));
  advance(l, ESI, by);
  advance(l, EDI, by);
}

function stos(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  b.store(size, destination(l), readRegister(l, EAX, size));
  advance(l, EDI, by);
}

function lods(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  writeRegister(l, EAX, size, b.load(size, source(l, size)));
  advance(l, ESI, by);
}

function compare(l: Lift, size: Size, first: Temp, second: Temp): void {
  const { b } = l;
  b.cc(CC_SUB + size, extend(l, b.binary('sub', first, second), size), second, first);
}

function scas(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  const second = b.load(size, destination(l), { signed: true });
  const first = readSignedRegister(l, EAX, size);
  advance(l, EDI, by);
  compare(l, size, first, second);
}

function cmps(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  const second = b.load(size, destination(l), { signed: true });
  const first = b.load(size, source(l, size), { signed: true });
  advance(l, ESI, by);
  advance(l, EDI, by);
  compare(l, size, first, second);
}

export const stringLifters = { MOVS: movs, CMPS: cmps, SCAS: scas, LODS: lods, STOS: stos } satisfies Record<
  OpLiftedBy<'string'>,
  Lifter
>;
