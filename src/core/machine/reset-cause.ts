/**
 * Why a machine was reset, or with `reboot` off ended: for people. Who pulled the reset line and where, or how the
 * processor came to its third fault (SDM 3, 6.15). Nothing of it is state, so a machine that was restored from a
 * snapshot just then cannot say it.
 */
import { VECTOR_NMI } from '../base/vectors.ts';
import type { Cpu } from '../state/cpu.ts';
import { CS, EFLAGS, EIP, SEG_SELECTOR, VM } from '../state/layout.ts';
import { isProtected } from '../cpu/system/segmentation.ts';

export interface ResetCause {
  readonly kind: 'triple-fault' | 'request';
  /** Of a request: who asked, as in "port 92h". */
  readonly by: string;
  /** Of the instruction that asked or faulted. */
  readonly eip: number;
  /** The same for people: `eip 0x100018`, or with the code segment where that is part of the address. */
  readonly place: string;
  /**
   * Of a triple fault: vectors in the order in which their delivery failed, the first one an exception or an interrupt.
   */
  readonly vectors: readonly number[];
  readonly beganWithInterrupt: boolean;
}

function placeOf(cpu: Cpu): string {
  const { m32 } = cpu;
  const hex = (value: number): string => (value >>> 0).toString(16);
  if (isProtected(cpu) && (m32[EFLAGS] & VM) === 0) return `eip 0x${hex(m32[EIP])}`;
  return `cs:ip ${hex(m32[SEG_SELECTOR + CS]).padStart(4, '0')}:${hex(m32[EIP]).padStart(4, '0')}`;
}

/** Somebody asks for a reset while the instruction at CS:EIP is executed. */
export function requestCause(cpu: Cpu, by: string): ResetCause {
  return { kind: 'request', by, eip: cpu.m32[EIP] >>> 0, place: placeOf(cpu), vectors: [], beganWithInterrupt: false };
}

/** The processor has just shut down. */
export function shutdownCause(cpu: Cpu): ResetCause {
  const { vectors, beganWithInterrupt } = cpu.failedDeliveries ?? { vectors: [], beganWithInterrupt: false };
  return { kind: 'triple-fault', by: '', eip: cpu.m32[EIP] >>> 0, place: placeOf(cpu), vectors, beganWithInterrupt };
}

const NAMES = '#DE #DB NMI #BP #OF #BR #UD #NM #DF vector-9 #TS #NP #SS #GP #PF vector-15 #MF #AC #MC #XM'.split(' ');

/** `#GP`; vectors that have no name by their number. */
export function vectorName(vector: number): string {
  return NAMES[vector] ?? `vector 0x${vector.toString(16)}`;
}

/** `triple fault at eip 0x100018 after #UD, #GP, #DF`, `reset by port 92h at eip 0x100022` */
export function describeReset({ kind, by, place, vectors, beganWithInterrupt }: ResetCause): string {
  if (kind === 'request') return `reset by ${by} at ${place}`;
  const names = vectors.map((vector, i) =>
    i === 0 && beganWithInterrupt && vector !== VECTOR_NMI ? `interrupt 0x${vector.toString(16)}` : vectorName(vector),
  );
  return `triple fault at ${place}${names.length === 0 ? '' : ` after ${names.join(', ')}`}`;
}
