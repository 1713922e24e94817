// MOVS CMPS SCAS LODS STOS without a repeat prefix, SDM 2: one element, then the index registers move by its size,
// downwards while DF is set. With a prefix the handler moves spans at once. Where both elements of MOVS or CMPS could
// fault the handler decides which does.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, META_REP, META_REPNE, R_EA, SIZE_16, SIZE_32 } from '../../src/core/isa/record.ts';
import { CC_SUB } from '../../src/core/state/flags.ts';
import { DF, EAX, EDI, EFLAGS, ES, ESI } from '../../src/core/state/layout.ts';
import type { Size, Temp } from '../ir/ir.ts';
import {
  extend,
  type Lift,
  type Lifter,
  metaOf,
  NOT_LIFTED,
  readRegister,
  readSignedRegister,
  sizeA,
  writeRegister,
} from './operands.ts';
import { linearIn } from './segments.ts';

/** Number of the bit that DF is. */
const DF_SHIFT = 31 - Math.clz32(DF);

function requireSingle(l: Lift): void {
  if ((metaOf(l) & (META_REP | META_REPNE)) !== 0) throw NOT_LIFTED;
}

/** Index registers are as wide as addresses. */
const indexSize = (l: Lift): Size => ((metaOf(l) & META_ADDRSIZE_32) !== 0 ? SIZE_32 : SIZE_16);

/** Linear address of an element at segment:register. */
function element(l: Lift, segment: number, register: number, size: Size, isWrite: boolean): Temp {
  const width = indexSize(l);
  return linearIn(l, segment, readRegister(l, register, width), 1 << size, isWrite, width === SIZE_16);
}

/** Linear address of ES:eDI, which no prefix moves. */
const destination = (l: Lift, size: Size, isWrite: boolean): Temp => element(l, ES, EDI, size, isWrite);

const source = (l: Lift, size: Size): Temp => element(l, (l.code[l.pc + R_EA] >> 12) & 7, ESI, size, false);

/** The size of an element, negative while DF is set. */
function stride(l: Lift, size: Size): Temp {
  const { b } = l;
  const down = b.with('and', b.with('shr', b.word(EFLAGS), DF_SHIFT), 1);
  return b.binary('sub', b.constant(1 << size), b.with('shl', down, size + 1));
}

function advance(l: Lift, register: number, by: Temp): void {
  const width = indexSize(l);
  writeRegister(l, register, width, l.b.binary('add', l.b.get(register), by));
}

function movs(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  const value = b.load(size, source(l, size));
  b.store(size, destination(l, size, true), value);
  advance(l, ESI, by);
  advance(l, EDI, by);
}

function stos(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  b.store(size, destination(l, size, true), readRegister(l, EAX, size));
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
  const second = b.load(size, destination(l, size, false), { signed: true });
  const first = readSignedRegister(l, EAX, size);
  advance(l, EDI, by);
  compare(l, size, first, second);
}

function cmps(l: Lift): void {
  const { b } = l;
  requireSingle(l);
  const size = sizeA(l);
  const by = stride(l, size);
  const second = b.load(size, destination(l, size, false), { signed: true });
  const first = b.load(size, source(l, size), { signed: true });
  advance(l, ESI, by);
  advance(l, EDI, by);
  compare(l, size, first, second);
}

export const stringLifters = { MOVS: movs, CMPS: cmps, SCAS: scas, LODS: lods, STOS: stos } satisfies Record<
  OpLiftedBy<'string'>,
  Lifter
>;
