// Segments in IR, SDM 3 §3.4 and §5.3–5.4: type and limit are guards, so that what would fault is the handler's,
// and the base is a word of the CPU block that is added. Segments that the mode says are flat cost nothing. Types
// that are rare (expand-down, and code where data is meant) always go the slow way.

import {
  ATTR_CODE,
  ATTR_EXPAND_DOWN,
  ATTR_PRESENT,
  ATTR_S,
  ATTR_WRITABLE,
  CS,
  FLAT_SEGMENTS,
  MODE_FLAT_CODE,
  MODE_FLAT_DATA,
  MODE_REAL,
  MODE_VM86,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import type { Lift } from './operands.ts';

/** Whether the mode says that the segment has base 0, limit 4 GiB, and a type that allows everything. */
export const isFlat = (mode: number, segment: number): boolean =>
  (mode & MODE_FLAT_DATA) !== 0 && ((FLAT_SEGMENTS >> segment) & 1) !== 0;

/** The instruction goes the slow way unless the segment is one of the usual kind that allows the access. */
function requireType(l: Lift, segment: number, isWrite: boolean): void {
  const { b, mode } = l;
  let mask = ATTR_PRESENT | ATTR_S | ATTR_CODE | ATTR_EXPAND_DOWN;
  let wanted = ATTR_PRESENT | ATTR_S;
  if (segment === CS && (mode & (MODE_REAL | MODE_VM86)) === 0) {
    // Code may be read where it is readable; a write always faults.
    if (isWrite) b.guard(b.constant(1));
    mask = ATTR_PRESENT | ATTR_S | ATTR_CODE | ATTR_WRITABLE;
    wanted = mask;
  } else if (isWrite) {
    mask |= ATTR_WRITABLE;
    wanted |= ATTR_WRITABLE;
  }
  b.guard(b.with('ne', b.with('and', b.word(SEG_ATTRIBUTES + segment), mask), wanted));
}

/**
 * Linear address of an access of `bytes` at an offset in the segment. `isNarrow`: the offset is below 64 KiB, so that
 * the last byte's does not wrap.
 */
export function linearIn(
  l: Lift,
  segment: number,
  offset: Temp,
  bytes: number,
  isWrite: boolean,
  isNarrow: boolean,
): Temp {
  const { b, mode } = l;
  if (isFlat(mode, segment)) return offset;
  requireType(l, segment, isWrite);
  if (segment === CS && (mode & MODE_FLAT_CODE) !== 0) return offset;
  const limit = b.word(SEG_LIMIT + segment);
  if (bytes === 1 || !isNarrow) b.guard(b.binary('ltu', limit, offset));
  if (bytes > 1) b.guard(b.binary('ltu', limit, b.with('add', offset, bytes - 1)));
  return b.binary('add', b.word(SEG_BASE + segment), offset);
}
