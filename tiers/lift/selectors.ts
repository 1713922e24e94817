// Segment registers, SDM 2 MOV, PUSH, POP: reading them, and loading data segments at CPL 0 from
// the GDT where nothing has to be written there and modeKey stays what it is. Everything else, SS with its shadow among
// it, is left to the handlers (core/cpu/system/segmentation.ts).

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { SIZE_32 } from '../../src/core/isa/record.ts';
import {
  CS,
  ESP,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  MODE_FLAT_DATA,
  MODE_REAL,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
} from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import { type Lift, type Lifter, NOT_LIFTED, readB, registerA, registerB, writeA } from './operands.ts';
import { popValue, pushValue } from './stack.ts';
import { requireCpl0 } from './system.ts';

// Second word of a descriptor: present, code or data, code, expand-down, writable, accessed; SDM 3 §3.4.5.
const PRESENT = 0x8000;
const CODE_OR_DATA = 0x1000;
const CODE = 0x800;
const EXPAND_DOWN = 0x400;
const WRITABLE = 0x200;
const ACCESSED = 0x100;

function movFromSegment(l: Lift): void {
  if (registerB(l) > GS) throw NOT_LIFTED;
  writeA(l, l.b.word(SEG_SELECTOR + registerB(l)));
}

function pushSegment(l: Lift): void {
  pushValue(l, l.b.word(SEG_SELECTOR + registerA(l)));
}

/** The four words of `segment` from the descriptor of a selector of 16 bits, behind the checks. */
function load(l: Lift, segment: number, selector: Temp): () => void {
  const { b, mode } = l;
  const isPlain = segment === FS || segment === GS || (mode & MODE_FLAT_DATA) !== 0;
  if (segment === CS || segment === SS || segment > GS || !isPlain || (mode & MODE_REAL) !== 0) throw NOT_LIFTED;
  requireCpl0(l);
  // Null, in the LDT, or beyond the table.
  b.guard(b.with('eq', b.with('and', selector, 0xfffc), 0));
  b.guard(b.with('and', selector, 4));
  b.guard(b.binary('ltu', b.word(GDTR_LIMIT), b.with('or', selector, 7)));
  const at = b.binary('add', b.word(GDTR_BASE), b.with('and', selector, 0xfff8));
  const low = b.load(SIZE_32, at);
  const high = b.load(SIZE_32, b.with('add', at, 4));
  const type = PRESENT | CODE_OR_DATA | CODE | ACCESSED;
  b.guard(b.with('ne', b.with('and', high, type), PRESENT | CODE_OR_DATA | ACCESSED));
  const dpl = b.with('and', b.with('shr', high, 13), 3);
  b.guard(b.binary('ltu', dpl, b.with('and', selector, 3)));
  const middle = b.with('shl', b.with('and', high, 0xff), 16);
  const base = b.binary('or', b.binary('or', b.with('shr', low, 16), middle), b.with('and', high, 0xff000000 | 0));
  const raw = b.binary('or', b.with('and', low, 0xffff), b.with('and', high, 0xf0000));
  const pages = b.with('or', b.with('shl', raw, 12), 0xfff);
  const limit = b.select(b.with('and', high, 0x800000), pages, raw);
  if (segment !== FS && segment !== GS) {
    // As flat as it was.
    b.guard(base);
    b.guard(b.with('ne', limit, -1));
    b.guard(b.with('ne', b.with('and', high, EXPAND_DOWN | WRITABLE), WRITABLE));
  }
  return () => {
    b.put(SEG_SELECTOR + segment, selector);
    b.put(SEG_BASE + segment, base);
    b.put(SEG_LIMIT + segment, limit);
    b.put(SEG_ATTRIBUTES + segment, b.with('and', b.with('shr', high, 8), 0xf0ff));
  };
}

function movToSegment(l: Lift): void {
  load(l, registerA(l), l.b.with('and', readB(l), 0xffff))();
}

function popSegment(l: Lift): void {
  const { value, pointer } = popValue(l);
  load(l, registerA(l), l.b.with('and', value, 0xffff))();
  l.b.set(ESP, pointer);
}

export const selectorLifters = {
  MOV_TO_SREG: movToSegment,
  MOV_FROM_SREG: movFromSegment,
  PUSH_SREG: pushSegment,
  POP_SREG: popSegment,
} satisfies Record<OpLiftedBy<'selectors'>, Lifter>;
