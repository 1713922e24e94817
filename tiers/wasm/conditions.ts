// The lazy flags of state/flags.ts as WebAssembly: CF, the six bits, and each condition tttn without its negation, as
// functions of the three words. What an addition, a comparison or a logical operation of doublewords left is answered
// without computing all bits. SDM 1 §3.4.3.1 and appendix B; tiers/ir/arithmetic.ts says the same in TypeScript.

import {
  CC_ADC,
  CC_DEC,
  CC_INC,
  CC_LOGIC,
  CC_LOGIC32,
  CC_SBB,
  CC_SUB,
  CC_SUB32,
  CC_SZP,
} from '../../src/core/state/flags.ts';
import { AF, ARITHMETIC_FLAGS, CF, EFLAGS, OF, SF, ZF } from '../../src/core/state/layout.ts';
import { Body, I32, type ModuleBuilder, type ValueType, W } from './encode.ts';

const OP = 0;
const DST = 1;
const SRC = 2;
const THREE: readonly ValueType[] = [I32, I32, I32];

/** Number of the bit that a flag is. */
const shiftOf = (flag: number): number => 31 - Math.clz32(flag);

/** A few words on top of Body, so that an expression is a line. */
class Writer extends Body {
  constructor() {
    super(3);
  }

  /** Push local `at`, then a constant, then do the operation. */
  with(at: number, value: number, code: number): void {
    this.get(at);
    this.i32(value);
    this.op(code);
  }

  /** Return what `push` pushes when the kind of the flags is below or equal to a number. */
  when(how: number, kind: number, push: () => void): void {
    this.with(OP, kind, how);
    this.open(W.if);
    push();
    this.op(W.return);
    this.end();
  }

  eflags(): void {
    this.i32(0);
    this.memory(W.i32_load, 2, 4 * EFLAGS);
  }

  /** DST + SRC + more: the first operand of a subtraction. */
  sum(more: number): void {
    this.get(DST);
    this.get(SRC);
    this.op(W.i32_add);
    if (more === 0) return;
    this.i32(more);
    this.op(W.i32_add);
  }
}

function carry(): Body {
  const w = new Writer();
  const shift = w.local();
  w.when(W.i32_eq, CC_SUB32, () => {
    w.sum(0);
    w.get(SRC);
    w.op(W.i32_lt_u);
  });
  w.get(OP);
  w.op(W.i32_eqz);
  w.open(W.if);
  w.eflags();
  w.i32(CF);
  w.op(W.i32_and);
  w.op(W.return);
  w.end();
  w.when(W.i32_ge_s, CC_INC, () => w.with(SRC, CF, W.i32_and));
  w.when(W.i32_ge_s, CC_LOGIC, () => w.i32(0));
  // Narrow operands count from the top.
  w.i32(32);
  w.i32(8);
  w.with(OP, 1, W.i32_sub);
  w.i32(3);
  w.op(W.i32_rem_u);
  w.op(W.i32_shl);
  w.op(W.i32_sub);
  w.set(shift);
  const top = (push: () => void): void => {
    push();
    w.get(shift);
    w.op(W.i32_shl);
  };
  const source = (): void => top(() => w.get(SRC));
  const compared = (push: () => void, how: number) => (): void => {
    top(push);
    source();
    w.op(how);
  };
  w.when(
    W.i32_lt_s,
    CC_ADC,
    compared(() => w.get(DST), W.i32_lt_u),
  );
  w.when(
    W.i32_lt_s,
    CC_SUB,
    compared(() => w.get(DST), W.i32_le_u),
  );
  w.when(
    W.i32_lt_s,
    CC_SBB,
    compared(() => w.sum(0), W.i32_lt_u),
  );
  compared(() => w.sum(1), W.i32_le_u)();
  return w;
}

/** CF PF AF ZF SF OF. `carryIndex`: number of the function above. */
function flags(carryIndex: number): Body {
  const w = new Writer();
  const szp = w.local();
  const width = w.local();
  const left = w.local();
  const most = w.local();
  w.get(OP);
  w.op(W.i32_eqz);
  w.open(W.if);
  w.eflags();
  w.i32(ARITHMETIC_FLAGS);
  w.op(W.i32_and);
  w.op(W.return);
  w.end();
  // PF: even number of ones in the low byte. ZF and SF of the sign-extended result.
  w.with(DST, 0xff, W.i32_and);
  w.op(W.i32_popcnt);
  w.i32(1);
  w.op(W.i32_and);
  w.op(W.i32_eqz);
  w.i32(2);
  w.op(W.i32_shl);
  w.get(DST);
  w.op(W.i32_eqz);
  w.i32(shiftOf(ZF));
  w.op(W.i32_shl);
  w.op(W.i32_or);
  w.with(DST, 31, W.i32_shr_s);
  w.i32(SF);
  w.op(W.i32_and);
  w.op(W.i32_or);
  w.set(szp);
  w.when(W.i32_ge_s, CC_SZP, () => {
    w.get(szp);
    w.with(SRC, CF | AF | OF, W.i32_and);
    w.op(W.i32_or);
  });
  w.get(szp);
  for (const parameter of [OP, DST, SRC]) w.get(parameter);
  w.call(W.call, carryIndex);
  w.op(W.i32_or);
  w.set(szp);
  w.i32(8);
  w.with(OP, 1, W.i32_sub);
  w.i32(3);
  w.op(W.i32_rem_u);
  w.op(W.i32_shl);
  w.set(width);
  w.i32(1);
  w.with(width, 1, W.i32_sub);
  w.op(W.i32_shl);
  w.set(most);
  /** OR of szp, AF where the low four bits of the result are `nibble`, OF where it is `extreme`. */
  const stepped = (nibble: number, extreme: () => void): void => {
    w.get(szp);
    w.with(DST, 15, W.i32_and);
    w.i32(nibble);
    w.op(W.i32_eq);
    w.i32(shiftOf(AF));
    w.op(W.i32_shl);
    w.op(W.i32_or);
    w.get(DST);
    extreme();
    w.op(W.i32_eq);
    w.i32(shiftOf(OF));
    w.op(W.i32_shl);
    w.op(W.i32_or);
  };
  w.when(W.i32_ge_s, CC_DEC, () => stepped(15, () => w.with(most, 1, W.i32_sub)));
  w.when(W.i32_ge_s, CC_INC, () =>
    stepped(0, () => {
      w.i32(0);
      w.get(most);
      w.op(W.i32_sub);
    }),
  );
  w.when(W.i32_ge_s, CC_LOGIC, () => w.get(szp));
  // The first operand, then what changed between it, the source and the result.
  const isSubtraction = (): void => w.with(OP, CC_SUB, W.i32_ge_s);
  w.sum(0);
  w.with(OP, CC_SBB, W.i32_ge_s);
  w.op(W.i32_add);
  w.get(DST);
  w.get(SRC);
  w.op(W.i32_sub);
  w.with(OP, CC_ADC, W.i32_ge_s);
  w.op(W.i32_sub);
  isSubtraction();
  w.op(W.select);
  w.set(left);
  w.get(szp);
  w.get(left);
  w.get(SRC);
  w.op(W.i32_xor);
  w.get(DST);
  w.op(W.i32_xor);
  w.i32(AF);
  w.op(W.i32_and);
  w.op(W.i32_or);
  // Overflow: the signs of the operands and of the result.
  w.get(left);
  w.get(SRC);
  w.op(W.i32_xor);
  w.get(DST);
  w.get(SRC);
  w.op(W.i32_xor);
  isSubtraction();
  w.op(W.select);
  w.get(left);
  w.get(DST);
  w.op(W.i32_xor);
  w.op(W.i32_and);
  w.with(width, 1, W.i32_sub);
  w.op(W.i32_shr_u);
  w.i32(1);
  w.op(W.i32_and);
  w.i32(shiftOf(OF));
  w.op(W.i32_shl);
  w.op(W.i32_or);
  return w;
}

type Quick = (w: Writer) => void;

/** A condition: quick answers, then by the six bits. `of`: pushes the answer from the bits in the local. */
function condition(flagsIndex: number, quick: Quick, of: (w: Writer, bits: number) => void): Body {
  const w = new Writer();
  const bits = w.local();
  quick(w);
  for (const parameter of [OP, DST, SRC]) w.get(parameter);
  w.call(W.call, flagsIndex);
  w.set(bits);
  of(w, bits);
  return w;
}

const bit =
  (flag: number) =>
  (w: Writer, bits: number): void => {
    w.with(bits, shiftOf(flag), W.i32_shr_u);
    w.i32(1);
    w.op(W.i32_and);
  };

/** SF ≠ OF. */
function less(w: Writer, bits: number): void {
  w.with(bits, shiftOf(SF), W.i32_shr_u);
  w.with(bits, shiftOf(OF), W.i32_shr_u);
  w.op(W.i32_xor);
  w.i32(1);
  w.op(W.i32_and);
}

/** A comparison of doublewords, and a logical result against 0. */
function compared(how: number, logical: (w: Writer) => void): Quick {
  return (w) => {
    w.when(W.i32_eq, CC_SUB32, () => {
      w.sum(0);
      w.get(SRC);
      w.op(how);
    });
    w.when(W.i32_eq, CC_LOGIC32, () => logical(w));
  };
}

/** What is so of the result alone, in every kind but the plain bits. */
const lazily =
  (push: (w: Writer) => void): Quick =>
  (w) => {
    w.get(OP);
    w.open(W.if);
    push(w);
    w.op(W.return);
    w.end();
  };

const isZero = (w: Writer): void => {
  w.get(DST);
  w.op(W.i32_eqz);
};

/** Defines carry, flags and the eight conditions; gives their numbers by name. */
export function defineConditions(module: ModuleBuilder): Map<string, number> {
  const type = module.type(THREE, [I32]);
  const found = new Map<string, number>();
  const add = (name: string, body: Body): number => {
    const index = module.define(type, body);
    found.set(name, index);
    return index;
  };
  const carryIndex = add('carry', carry());
  const all = add('flags', flags(carryIndex));
  add(
    'ifO',
    condition(all, () => {}, bit(OF)),
  );
  found.set('ifB', carryIndex);
  add('ifE', condition(all, lazily(isZero), bit(ZF)));
  add(
    'ifBe',
    condition(all, compared(W.i32_le_u, isZero), (w, bits) => {
      bit(ZF)(w, bits);
      bit(CF)(w, bits);
      w.op(W.i32_or);
    }),
  );
  add(
    'ifS',
    condition(
      all,
      lazily((w) => w.with(DST, 31, W.i32_shr_u)),
      bit(SF),
    ),
  );
  add(
    'ifP',
    condition(all, () => {}, bit(4)),
  );
  add(
    'ifL',
    condition(
      all,
      compared(W.i32_lt_s, (w) => w.with(DST, 0, W.i32_lt_s)),
      less,
    ),
  );
  add(
    'ifLe',
    condition(
      all,
      compared(W.i32_le_s, (w) => w.with(DST, 0, W.i32_le_s)),
      (w, bits) => {
        bit(ZF)(w, bits);
        less(w, bits);
        w.op(W.i32_or);
      },
    ),
  );
  return found;
}
