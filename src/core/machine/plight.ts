/**
 * Why a guest does nothing at this moment, for people: halted, halted with nothing that it would hear or with people
 * alone, or frozen at an x87 error whose interrupt is kept from it (SDM 2 HLT; SDM 1 §8.7.2). Looks, and changes
 * nothing.
 */
import {
  CR0,
  CR0_NE,
  EFLAGS,
  FP_CONTROL,
  FP_FERR,
  FP_IGNNE,
  FP_STATUS,
  HALTED,
  IF,
  NMI_PENDING,
  SHUTDOWN,
} from '../state/layout.ts';
import { describeReset, shutdownCause } from './reset-cause.ts';
import type { Machine } from './machine.ts';

export interface Plight {
  readonly kind: 'halted' | 'waiting' | 'dead' | 'frozen' | 'shut-down';
  readonly text: string;
}

const X87_ERRORS = ['invalid operation', 'denormal', 'zero divide', 'overflow', 'underflow', 'inexact'];

/** Null: it runs. */
export function plightOf(machine: Machine): Plight | null {
  const { m32 } = machine.cpu;
  if (m32[SHUTDOWN] !== 0) return { kind: 'shut-down', text: describeReset(shutdownCause(machine.cpu)) };
  const isDeaf = (m32[EFLAGS] & IF) === 0;
  if (m32[HALTED] !== 0) {
    if (m32[NMI_PENDING] !== 0) return { kind: 'halted', text: 'halted' };
    const { wakers } = machine.board;
    const why = isDeaf ? 'with interrupts off' : wakers === 'nobody' ? 'with every interrupt masked' : null;
    if (why !== null) return { kind: 'dead', text: `halted ${why}: only an NMI or a reset can wake it` };
    if (wakers === 'anything') return { kind: 'halted', text: 'halted' };
    return { kind: 'waiting', text: 'halted: only a key, the mouse or a byte on a serial line can wake it' };
  }
  const status = m32[FP_STATUS];
  const isWaiting = (m32[CR0] & CR0_NE) === 0 && (status & (FP_FERR | FP_IGNNE)) === FP_FERR;
  if (!isWaiting || !machine.isFrozen) return null;
  const unmasked = status & ~m32[FP_CONTROL] & 0x3f;
  const errors = X87_ERRORS.filter((_name, i) => ((unmasked >>> i) & 1) !== 0).join(', ');
  const why = isDeaf ? 'interrupts are off' : 'the interrupt controller passes it not on';
  return {
    kind: 'frozen',
    text: `frozen at an x87 error (${errors}): CR0.NE is 0, so it waits for IRQ 13, which FERR# has raised, and ${why}`,
  };
}
