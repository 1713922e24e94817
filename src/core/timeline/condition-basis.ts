/**
 * What the value of a condition is made of, so that it can change only where one of that does: general registers,
 * flags, segments, control registers, memory at addresses that are watched, and memory at addresses that move with
 * registers. Who searches looks there and nowhere else (condition-probes.ts). Built beside the evaluator
 * (expression.ts). Of && with something that can change anywhere (`tick`) one side is enough: where it is 0, so is the
 * whole.
 */
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, STATE_SEGMENTS } from '../base/names.ts';
import { FLAG_NAMES } from '../state/flag-names.ts';
import { ARITHMETIC_FLAGS } from '../state/layout.ts';
import type { Evaluator } from './expression.ts';

/** Memory that is read: so many bytes at a linear address. */
export interface Place {
  readonly address: Evaluator;
  readonly sizeBytes: number;
}

export interface Basis {
  /** Mask of general registers (bit = number). */
  readonly registers: number;
  /** CF PF AF ZF SF OF. */
  readonly hasFlags: boolean;
  /** Other bits of EFLAGS. */
  readonly hasSystemFlags: boolean;
  readonly hasSegments: boolean;
  /** CR0 to CR4, EFER; with memory, where it lies. */
  readonly hasControl: boolean;
  readonly places: readonly Place[];
  /** Memory at addresses that general registers or flags take part in, too: wherever something is written. */
  readonly moving: readonly Place[];
}

/** A part of an expression with a basis; `isExact`: of the same value, else it is not 0 wherever that is not. */
export interface Bound {
  readonly evaluate: Evaluator;
  readonly basis: Basis;
  readonly isExact: boolean;
}

const NOTHING: Basis = {
  registers: 0,
  hasFlags: false,
  hasSystemFlags: false,
  hasSegments: false,
  hasControl: false,
  places: [],
  moving: [],
};

const exact = (evaluate: Evaluator, basis: Partial<Basis>): Bound => ({
  evaluate,
  basis: { ...NOTHING, ...basis },
  isExact: true,
});

export const constantBound = (evaluate: Evaluator): Bound => exact(evaluate, {});

/** Of a register by its name in lower case; undefined for those that change with every instruction. */
export function registerBound(name: string, evaluate: Evaluator): Bound | undefined {
  if (name === 'eip' || name === 'tick') return undefined;
  for (const names of [REGISTERS_32, REGISTERS_16, REGISTERS_8] as const) {
    const number = (names as readonly string[]).indexOf(name);
    if (number >= 0) return exact(evaluate, { registers: 1 << (names === REGISTERS_8 ? number & 3 : number) });
  }
  if (name === 'eflags') return exact(evaluate, { hasFlags: true, hasSystemFlags: true });
  if (Object.hasOwn(FLAG_NAMES, name)) {
    const isArithmetic = (FLAG_NAMES[name] & ARITHMETIC_FLAGS) !== 0;
    return exact(evaluate, isArithmetic ? { hasFlags: true } : { hasSystemFlags: true });
  }
  const segment = name.replace(/\.(base|limit)$/, '');
  const isSegment = name === 'cpl' || (STATE_SEGMENTS as readonly string[]).includes(segment);
  return exact(evaluate, isSegment ? { hasSegments: true } : { hasControl: true });
}

/** Of memory at an address; undefined where that is made of what changes all the time. `evaluate`: what it holds. */
export function memoryBound(address: Bound | undefined, sizeBytes: number, evaluate: Evaluator): Bound | undefined {
  if (address === undefined || !address.isExact) return undefined;
  if (address.basis.registers !== 0 || address.basis.hasFlags) {
    const moving = [...address.basis.moving, { address: address.evaluate, sizeBytes }];
    return exact(evaluate, { ...address.basis, hasControl: true, moving });
  }
  const places = [...address.basis.places, { address: address.evaluate, sizeBytes }];
  return exact(evaluate, { ...address.basis, hasControl: true, places });
}

function union(a: Basis, b: Basis): Basis {
  return {
    registers: a.registers | b.registers,
    hasFlags: a.hasFlags || b.hasFlags,
    hasSystemFlags: a.hasSystemFlags || b.hasSystemFlags,
    hasSegments: a.hasSegments || b.hasSegments,
    hasControl: a.hasControl || b.hasControl,
    places: [...a.places, ...b.places],
    moving: [...a.moving, ...b.moving],
  };
}

/** Of an operator between two parts; `whole` evaluates it. */
export function combinedBound(
  operator: string,
  left: Bound | undefined,
  right: Bound | undefined,
  whole: Evaluator,
): Bound | undefined {
  if (left === undefined || right === undefined) {
    const one = operator === '&&' ? (left ?? right) : undefined;
    return one === undefined ? undefined : { ...one, isExact: false };
  }
  const basis = union(left.basis, right.basis);
  if (left.isExact && right.isExact) return { evaluate: whole, basis, isExact: true };
  const [a, b] = [left.evaluate, right.evaluate];
  if (operator === '&&') {
    return { evaluate: (cpu) => (a(cpu) !== 0 && b(cpu) !== 0 ? 1 : 0), basis, isExact: false };
  }
  if (operator !== '||') return undefined;
  return { evaluate: (cpu) => (a(cpu) !== 0 || b(cpu) !== 0 ? 1 : 0), basis, isExact: false };
}

/** Of an operator before one part. */
export function negatedBound(part: Bound | undefined, whole: Evaluator): Bound | undefined {
  return part?.isExact === true ? { ...part, evaluate: whole } : undefined;
}

/** Whether the value can change at all. */
export function isChangeable({ registers, hasFlags, hasSystemFlags, hasSegments, hasControl }: Basis): boolean {
  return registers !== 0 || hasFlags || hasSystemFlags || hasSegments || hasControl;
}
