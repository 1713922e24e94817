// What kernels do in the middle of their code: interrupt flag, PUSHF and POPF, control registers, INVLPG, the time
// stamp. SDM 2 under
// each name, SDM 1 §3.4.3, SDM 3 §6.8 (windows and shadows). At CPL 0 and, POPF and PUSHF, CPL 3; where an interrupt
// is waiting for the window that opens, a trap flag is set, or translations have to go, the handler does it and the
// function is left.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import {
  AC,
  ARITHMETIC_FLAGS,
  ATTR_DPL_SHIFT,
  CR0,
  CR0_AM,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_TS,
  CR0_WP,
  CR2,
  CR3,
  CR4,
  CR4_PAE,
  CR4_TSD,
  DF,
  EAX,
  EDX,
  EFLAGS,
  ESP,
  ID,
  IF,
  INTR,
  IOPL,
  MODE_CPL3,
  MODE_VM86,
  NT,
  RF,
  SEG_ATTRIBUTES,
  SS,
  TF,
  UNPROTECTED,
  VM,
} from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import { type Lift, type Lifter, NOT_LIFTED, operandSize32, registerA, registerB } from './operands.ts';
import { popValue, pushValue } from './stack.ts';

const CONTROL_WORDS: Readonly<Record<number, number | undefined>> = { 0: CR0, 2: CR2, 3: CR3, 4: CR4 };
/** What MOV CR0 may change by itself: nothing that code was decoded or, but for WP, translated for. */
const PLAIN_CR0 = CR0_WP | CR0_AM | CR0_NE | CR0_TS | CR0_EM | CR0_MP;
/** Bit number of IF, and of CR0.WP. */
const IF_SHIFT = 9;
const WP_SHIFT = 16;

/** CPL is the DPL of SS. */
export function requireCpl0(l: Lift): void {
  const { b, mode } = l;
  if ((mode & (MODE_CPL3 | MODE_VM86)) !== 0) throw NOT_LIFTED;
  b.guard(b.with('and', b.word(SEG_ATTRIBUTES + SS), 3 << ATTR_DPL_SHIFT));
}

function pushFlags(l: Lift): void {
  const { b } = l;
  if ((l.mode & MODE_VM86) !== 0) throw NOT_LIFTED;
  const others = b.with('and', b.word(EFLAGS), ~(ARITHMETIC_FLAGS | VM | RF));
  pushValue(l, b.binary('or', others, b.flags()));
}

/** At CPL 3 neither IOPL nor, unless IOPL is 3, IF change. */
function popFlags(l: Lift): void {
  const { b, mode } = l;
  if ((mode & MODE_VM86) !== 0 || !operandSize32(l)) throw NOT_LIFTED;
  const isUser = (mode & MODE_CPL3) !== 0;
  if (isUser) b.guard(b.with('eq', b.with('and', b.word(EFLAGS), IOPL), IOPL));
  else requireCpl0(l);
  const { value, pointer } = popValue(l);
  b.guard(b.with('and', value, TF));
  if (!isUser) b.guard(waiting(l, b.with('and', b.with('shr', value, IF_SHIFT), 1)));
  const mask = TF | DF | NT | AC | ID | (isUser ? 0 : IF | IOPL);
  const kept = b.with('and', b.word(EFLAGS), ~(mask | RF));
  b.put(EFLAGS, b.binary('or', kept, b.with('and', value, mask)));
  b.bits(b.with('and', value, ARITHMETIC_FLAGS));
  b.set(ESP, pointer);
}

/** 1 when an interrupt comes as soon as IF, 0 or 1, is set. */
function waiting(l: Lift, flag: Temp): Temp {
  const { b } = l;
  return b.binary('and', b.peek(INTR), flag);
}

function clearInterruptFlag(l: Lift): void {
  const { b } = l;
  requireCpl0(l);
  b.put(EFLAGS, b.with('and', b.word(EFLAGS), ~IF));
}

/** The shadow is over with the next instruction: where that one is in the slice, nobody sees it. It ends its block. */
function setInterruptFlag(l: Lift): void {
  const { b } = l;
  requireCpl0(l);
  b.guard(b.with('lt', b.spare(), 1));
  b.guard(b.peek(INTR));
  b.put(EFLAGS, b.with('or', b.word(EFLAGS), IF));
}

function movFromControl(l: Lift): void {
  const { b } = l;
  const word = CONTROL_WORDS[registerB(l)];
  if (word === undefined) throw NOT_LIFTED;
  requireCpl0(l);
  b.set(registerA(l), b.word(word));
}

/** CR3 when it stays: what is translated is true (core/memory/spaces.ts). PAE's pointers are read again. */
function movToControl(l: Lift): void {
  const { b } = l;
  requireCpl0(l);
  const value = b.get(registerB(l));
  switch (registerA(l)) {
    case 0: {
      const changed = b.binary('xor', b.with('or', value, CR0_ET), b.word(CR0));
      b.guard(b.with('and', changed, ~PLAIN_CR0));
      const protects = b.with('and', b.with('shr', changed, WP_SHIFT), 1);
      b.guard(b.binary('and', b.peek(UNPROTECTED), protects));
      b.put(CR0, b.with('or', value, CR0_ET));
      break;
    }
    case 2:
      b.put(CR2, value);
      break;
    case 3:
      b.guard(b.binary('xor', value, b.word(CR3)));
      b.guard(b.with('and', b.word(CR4), CR4_PAE));
      break;
    default:
      throw NOT_LIFTED;
  }
}

function clearTaskSwitched(l: Lift): void {
  const { b } = l;
  requireCpl0(l);
  b.put(CR0, b.with('and', b.word(CR0), ~CR0_TS));
}

/** What CR4.TSD forbids some is left to the handler. */
function readTimeStamp(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.word(CR4), CR4_TSD));
  b.set(EAX, b.stamp('low'));
  b.set(EDX, b.stamp('high'));
}

export const systemLifters = {
  PUSHF: pushFlags,
  POPF: popFlags,
  CLI: clearInterruptFlag,
  STI: setInterruptFlag,
  RDTSC: readTimeStamp,
  CLTS: clearTaskSwitched,
  MOV_FROM_CR: movFromControl,
  MOV_TO_CR: movToControl,
  INVLPG: requireCpl0,
} satisfies Record<OpLiftedBy<'system'>, Lifter>;
