/**
 * What a condition asks of general registers, arithmetic flags and memory at addresses made of them, as a term that
 * compiled code can work out (state/register-term.ts), built beside its evaluator (expression.ts). A term that is made
 * here has the value of its expression at every moment, but for && with something that is no term: there what is left
 * of it holds at least wherever the whole does.
 */
import { REGISTERS_16, REGISTERS_32, REGISTERS_8 } from '../base/names.ts';
import { FLAG_NAMES } from '../state/flag-names.ts';
import { ARITHMETIC_FLAGS } from '../state/layout.ts';
import { type RegisterTerm, readsState, type TermOperator } from '../state/register-term.ts';

/** `isExact`: of the same value as the expression; else it is not 0 wherever that is not. */
export interface Term {
  readonly term: RegisterTerm;
  readonly isExact: boolean;
}

const exact = (term: RegisterTerm): Term => ({ term, isExact: true });
const bits = (register: number, shift: number, mask: number): Term =>
  exact({ kind: 'register', register, shift, mask });

/** Of a constant; undefined when it does not fit into 32 bits. */
export function constantTerm(value: number): Term | undefined {
  return value >= 0 && value <= 0xffffffff ? exact({ kind: 'constant', value: value | 0 }) : undefined;
}

/** Of a general register, a part of one, or an arithmetic flag; undefined for all else. `name` is in lower case. */
export function registerTerm(name: string): Term | undefined {
  const flag = Object.hasOwn(FLAG_NAMES, name) ? FLAG_NAMES[name] & ARITHMETIC_FLAGS : 0;
  if (flag !== 0) return exact({ kind: 'flag', bit: flag });
  const whole = REGISTERS_32.indexOf(name as (typeof REGISTERS_32)[number]);
  if (whole >= 0) return bits(whole, 0, -1);
  const word = REGISTERS_16.indexOf(name as (typeof REGISTERS_16)[number]);
  if (word >= 0) return bits(word, 0, 0xffff);
  const byte = REGISTERS_8.indexOf(name as (typeof REGISTERS_8)[number]);
  return byte >= 0 ? bits(byte & 3, byte < 4 ? 0 : 8, 0xff) : undefined;
}

const apply = (how: TermOperator, a: RegisterTerm, b: RegisterTerm): RegisterTerm => ({ kind: 'apply', how, a, b });
const ZERO: RegisterTerm = { kind: 'constant', value: 0 };
const holds = (term: RegisterTerm): RegisterTerm => apply('ne', term, ZERO);

/** By operator of expressions; `true`: with its operands exchanged. */
const OPERATORS: Readonly<Record<string, readonly [TermOperator, boolean] | undefined>> = {
  '|': ['or', false],
  '^': ['xor', false],
  '&': ['and', false],
  '==': ['eq', false],
  '!=': ['ne', false],
  '<': ['ltu', false],
  '<=': ['leu', false],
  '>': ['ltu', true],
  '>=': ['leu', true],
  's<': ['lt', false],
  's<=': ['le', false],
  's>': ['lt', true],
  's>=': ['le', true],
  '+': ['add', false],
  '-': ['sub', false],
  '*': ['mul', false],
};

/** Of memory at an address that moves with registers; undefined for others, which can be watched. */
export function memoryTerm(address: Term | undefined, sizeBytes: number): Term | undefined {
  if (address === undefined || !address.isExact || !readsState(address.term)) return undefined;
  const size = sizeBytes === 4 ? 2 : sizeBytes === 2 ? 1 : 0;
  return exact({ kind: 'memory', size, address: address.term });
}

/** Of an operator between two parts. */
export function combinedTerm(operator: string, left: Term | undefined, right: Term | undefined): Term | undefined {
  if (operator === '&&') {
    if (left === undefined || right === undefined) {
      const one = left ?? right;
      return one === undefined ? undefined : { term: one.term, isExact: false };
    }
    return { term: apply('and', holds(left.term), holds(right.term)), isExact: left.isExact && right.isExact };
  }
  if (left === undefined || right === undefined) return undefined;
  if (operator === '||') {
    return { term: apply('or', holds(left.term), holds(right.term)), isExact: left.isExact && right.isExact };
  }
  if (!left.isExact || !right.isExact) return undefined;
  const known = OPERATORS[operator];
  if (known !== undefined) {
    const [how, isExchanged] = known;
    return exact(isExchanged ? apply(how, right.term, left.term) : apply(how, left.term, right.term));
  }
  const count = right.term.kind === 'constant' ? right.term.value : -1;
  if (count < 0 || count > 31 || (operator !== '<<' && operator !== '>>')) return undefined;
  return exact(apply(operator === '<<' ? 'shl' : 'shr', left.term, right.term));
}

/** Of an operator before one part. */
export function negatedTerm(operator: '-' | '~' | '!', part: Term | undefined): Term | undefined {
  if (part === undefined || !part.isExact) return undefined;
  if (operator === '!') return exact(apply('eq', part.term, ZERO));
  if (operator === '-') return exact(apply('sub', ZERO, part.term));
  return exact(apply('xor', part.term, { kind: 'constant', value: -1 }));
}
