/**
 * A number that is made of general registers, arithmetic flags, constants, and memory at addresses made of these, as
 * plain data: what a debugger's condition asks of them. It changes only where one of them does, so compiled code can
 * work it out for itself. All values are int32.
 */
import type { Cpu } from './cpu.ts';
import { flagValue } from './flags.ts';

/** Reads `1 << size` bytes at a linear address, 0 where nothing is, and changes nothing. */
export type MemoryReader = (cpu: Cpu, linear: number, size: 0 | 1 | 2) => number;

/** What a term may do with two others; comparisons give 1 or 0, shift counts are constants below 32. */
export type TermOperator = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | TermComparison;
type TermComparison = 'eq' | 'ne' | 'lt' | 'le' | 'ltu' | 'leu';

export type RegisterTerm =
  | { readonly kind: 'constant'; readonly value: number }
  /** Bits of a register by number: shifted right, then masked. */
  | { readonly kind: 'register'; readonly register: number; readonly shift: number; readonly mask: number }
  /** An arithmetic flag, as its bit of EFLAGS: 1 or 0. */
  | { readonly kind: 'flag'; readonly bit: number }
  /** Memory at a linear address: `1 << size` bytes, zero-extended. */
  | { readonly kind: 'memory'; readonly size: 0 | 1 | 2; readonly address: RegisterTerm }
  | { readonly kind: 'apply'; readonly how: TermOperator; readonly a: RegisterTerm; readonly b: RegisterTerm };

const APPLY: Readonly<Record<TermOperator, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => (a >>> b) | 0,
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a === b ? 0 : 1),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  ltu: (a, b) => (a >>> 0 < b >>> 0 ? 1 : 0),
  leu: (a, b) => (a >>> 0 <= b >>> 0 ? 1 : 0),
};

/** A function that gives the term's value. */
export function termValue(term: RegisterTerm, read: MemoryReader): (cpu: Cpu) => number {
  switch (term.kind) {
    case 'constant': {
      const { value } = term;
      return () => value;
    }
    case 'register': {
      const { register, shift, mask } = term;
      return ({ m32 }) => (m32[register] >>> shift) & mask;
    }
    case 'flag': {
      const { bit } = term;
      return (cpu) => flagValue(cpu, bit);
    }
    case 'memory': {
      const { size } = term;
      const address = termValue(term.address, read);
      return (cpu) => read(cpu, address(cpu), size) | 0;
    }
    case 'apply': {
      const [apply, a, b] = [APPLY[term.how], termValue(term.a, read), termValue(term.b, read)];
      if (term.how !== 'and') return (cpu) => apply(a(cpu), b(cpu));
      return (cpu) => {
        const left = a(cpu);
        return left === 0 ? 0 : left & b(cpu);
      };
    }
  }
}

/** Whether the term is more than a constant. */
export function readsState(term: RegisterTerm): boolean {
  return term.kind === 'apply' ? readsState(term.a) || readsState(term.b) : term.kind !== 'constant';
}
