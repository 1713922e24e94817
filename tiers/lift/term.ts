// Instructions that somebody asks for because they write a register or flags that a condition is made of (Probes in
// state/cpu.ts): compiled code works out what the condition's term will be behind the instruction, and only where it
// holds leaves the instruction to its handler, which tells. So a search for a condition runs as fast as compiled code.
// Memory that a term reads it reads where that is plain, before what the instruction stores, and leaves a store that
// may hit it to the handler: linear addresses differ and mean the same byte only where their low 12 bits agree.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { META_OP_MASK, META_REP, META_REPNE, R_META } from '../../src/core/isa/record.ts';
import type { Probes } from '../../src/core/state/cpu.ts';
import type { RegisterTerm } from '../../src/core/state/register-term.ts';
import type { Builder } from '../ir/builder.ts';
import { type FlagState, flagOf } from '../ir/flag-values.ts';
import { isPure, type Op, type Temp } from '../ir/ir.ts';
import { NOT_LIFTED } from './operands.ts';

/** The term that an instruction which is asked for has to be looked at for; null: its handler does it in any case. */
export function termAsked(code: Int32Array, pc: number, probes: Probes | null): RegisterTerm | null {
  if (probes === null || probes.term === null) return null;
  const meta = code[pc + R_META];
  // Each iteration is looked at.
  if ((meta & (META_REP | META_REPNE)) !== 0 || probes.rows[meta & META_OP_MASK] !== 0) return null;
  return probes.term;
}

/** What changes something that the guest can see, and may as well do so a few operations later. */
const isLate = ({ op }: Op): boolean =>
  op === 'set' || op === 'cc' || op === 'bits' || op === 'store' || op === 'stash';

/** What leaves a place where the term cannot be worked out before anything has changed. */
const isFixed = ({ op }: Op): boolean =>
  op === 'put' || op === 'poke' || op === 'handler' || op === 'assist' || op === 'attempt' || op === 'fetch';

/**
 * Behind an instruction whose operations begin at `mark`: before the first of its changes a guard, that the term is 0
 * when all of them are made. Throws NOT_LIFTED where that cannot be known in time.
 */
export function guardTerm(b: Builder, mark: number, term: RegisterTerm, probes: Probes): void {
  const own = b.ops.splice(mark);
  const early: Op[] = [];
  const late: Op[] = [];
  const behind: Behind = { registers: new Map(), flags: null };
  for (const op of own) {
    if (isFixed(op)) throw NOT_LIFTED;
    if (isLate(op)) late.push(op);
    else if (late.length === 0 || isPure(op) || isAsBefore(op, behind)) early.push(op);
    else throw NOT_LIFTED;
    if (op.op === 'set') behind.registers.set(op.register, op.value);
    if (op.op === 'cc' || op.op === 'bits') behind.flags = op;
  }
  b.ops.push(...early);
  const isWritten = [...behind.registers.keys()].some((register) => ((probes.registers >> register) & 1) !== 0);
  const stores = probes.readsMemory === true ? late.filter(isStore) : [];
  // What is no part of a term may change with what is stored.
  const isConcerned = isWritten || (probes.hasFlags && behind.flags !== null) || stores.length > 0;
  if (isConcerned) b.guard(termOf(b, term, behind));
  for (const store of stores) guardStore(b, term, store, behind);
  b.ops.push(...late);
}

/** That a store cannot hit what the term reads behind the instruction. */
function guardStore(b: Builder, term: RegisterTerm, op: Store, behind: Behind): void {
  const storedBytes = op.op === 'store' ? 1 << op.size : 4 * op.words;
  for (const read of readsOf(term)) {
    const distance = b.binary('sub', termOf(b, read.address, behind), op.address);
    const readBytes = 1 << read.size;
    const inPage = b.with('and', b.with('add', distance, readBytes - 1), PAGE_BYTES - 1);
    b.guard(b.with('ltu', inPage, readBytes + storedBytes - 1));
  }
}

type Store = Op & { op: 'store' | 'stash' };
const isStore = (op: Op): op is Store => op.op === 'store' || op.op === 'stash';

type MemoryTerm = Extract<RegisterTerm, { kind: 'memory' }>;

function readsOf(term: RegisterTerm): MemoryTerm[] {
  if (term.kind === 'apply') return [...readsOf(term.a), ...readsOf(term.b)];
  return term.kind === 'memory' ? [term, ...readsOf(term.address)] : [];
}

/** What an instruction leaves of what a term may ask for. */
interface Behind {
  readonly registers: Map<number, Temp>;
  /** Null: the flags as they were before it. */
  flags: FlagState | null;
}

/** What reads something that the instruction has not changed so far. */
function isAsBefore(op: Op, { registers, flags }: Behind): boolean {
  if (op.op === 'get') return !registers.has(op.register);
  return flags === null && (op.op === 'flags' || op.op === 'carry' || op.op === 'condition');
}

function termOf(b: Builder, term: RegisterTerm, behind: Behind): Temp {
  switch (term.kind) {
    case 'constant':
      return b.constant(term.value);
    case 'register': {
      const whole = behind.registers.get(term.register) ?? b.get(term.register);
      const moved = term.shift === 0 ? whole : b.with('shr', whole, term.shift);
      return term.mask === -1 ? moved : b.with('and', moved, term.mask);
    }
    case 'flag': {
      if (behind.flags === null) return b.with('ne', b.with('and', b.flags(), term.bit), 0);
      const value = flagOf(b, behind.flags, term.bit);
      if (value < 0) throw NOT_LIFTED;
      return value;
    }
    case 'memory':
      return b.load(term.size, termOf(b, term.address, behind), { quiet: true });
    case 'apply':
      return b.binary(term.how, termOf(b, term.a, behind), termOf(b, term.b, behind));
  }
}
