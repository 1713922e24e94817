// What kernels read in the middle of their code: PUSHF and control registers. SDM 2 under each name, SDM 1 §3.4.3.
// Control registers at CPL 0; PUSHF in virtual-8086 mode, which asks for more, is left to its handler.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import {
  ARITHMETIC_FLAGS,
  ATTR_DPL_SHIFT,
  CR0,
  CR2,
  CR3,
  CR4,
  EFLAGS,
  MODE_CPL3,
  MODE_VM86,
  RF,
  SEG_ATTRIBUTES,
  SS,
  VM,
} from '../../src/core/state/layout.ts';
import { type Lift, type Lifter, NOT_LIFTED, registerA, registerB } from './operands.ts';
import { pushValue } from './stack.ts';

const CONTROL_WORDS: Readonly<Record<number, number | undefined>> = { 0: CR0, 2: CR2, 3: CR3, 4: CR4 };

function pushFlags(l: Lift): void {
  const { b } = l;
  if ((l.mode & MODE_VM86) !== 0) throw NOT_LIFTED;
  const others = b.with('and', b.word(EFLAGS), ~(ARITHMETIC_FLAGS | VM | RF));
  pushValue(l, b.binary('or', others, b.flags()));
}

function movFromControl(l: Lift): void {
  const { b } = l;
  const word = CONTROL_WORDS[registerB(l)];
  if (word === undefined || (l.mode & MODE_CPL3) !== 0) throw NOT_LIFTED;
  // CPL is the DPL of SS.
  b.guard(b.with('and', b.word(SEG_ATTRIBUTES + SS), 3 << ATTR_DPL_SHIFT));
  b.set(registerA(l), b.word(word));
}

export const systemLifters = {
  PUSHF: pushFlags,
  MOV_FROM_CR: movFromControl,
} satisfies Record<OpLiftedBy<'system'>, Lifter>;
