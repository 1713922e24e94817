// The one place where source text becomes code. The free names of emitted functions are bound here once for a
// machine, so that V8 can treat them as constants of each function.

import { META_OP_MASK, R_META, R_POSITION } from '../../src/core/isa/record.ts';
import { EIP, MODE_KEY } from '../../src/core/state/layout.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { makeMiss, type Miss } from './miss.ts';
import { makeWide, type Wide } from '../ir/wide.ts';
import { carryOf, conditionOf, flagsOf, multiplyHigh, multiplyHighSigned, parityFlag } from '../ir/arithmetic.ts';

export type Compiled = (cpu: Cpu) => void;
/** The interpreter's handlers by row number, injected: lifters and emitters do not know the interpreter. */
export type HandlerTable = readonly ((cpu: Cpu, code: Int32Array, pc: number) => void)[];

/** What emitted code calls and reads besides its parameter. */
export interface Environment extends Miss {
  readonly code: Int32Array;
  readonly handlers: HandlerTable;
  readonly wide: Wide;
  readonly m8: Uint8Array;
  readonly m16: Uint16Array;
  readonly m32: Int32Array;
  readonly tlb: Int32Array;
  /**
   * Let the handler do the instruction whose record is at `pc`; registers and flags are in memory. `at`: its EIP,
   * `left`: ticks left before it, `rest`: instructions that follow it in its block. Returns true when the function
   * must be left; EIP and cpu.left are exact in any case.
   */
  readonly step: (cpu: Cpu, pc: number, at: number, left: number, rest: number) => boolean;
  /** The way out, at EIP `at` with `left` ticks left; the record at `pc` has to be done by its handler before (0: none). */
  readonly leave: (cpu: Cpu, pc: number, at: number, left: number) => void;
}

export function makeEnvironment(cpu: Cpu, code: Int32Array, handlers: HandlerTable): Environment {
  const { m8, m16, m32, tlb } = cpu;
  const step = (processor: Cpu, pc: number, at: number, left: number, rest: number): boolean => {
    const mode = m32[MODE_KEY];
    const following = (at + (code[pc + R_POSITION] >>> 16)) | 0;
    m32[EIP] = at;
    processor.nextEip = following;
    processor.left = left;
    handlers[code[pc + R_META] & META_OP_MASK](processor, code, pc);
    const extra = processor.extraTicks;
    processor.extraTicks = 0;
    m32[EIP] = processor.nextEip;
    processor.left = left - 1 - extra;
    // A REP string that is done may have used up what the rest of the block was promised.
    const isShort = extra !== 0 && processor.left < rest;
    return isShort || processor.exitRequest !== 0 || processor.nextEip !== following || m32[MODE_KEY] !== mode;
  };
  const leave = (processor: Cpu, pc: number, at: number, left: number): void => {
    if (pc !== 0) {
      step(processor, pc, at, left, 0);
      return;
    }
    m32[EIP] = at;
    processor.left = left;
  };
  return { m8, m16, m32, tlb, code, handlers, wide: makeWide(cpu), step, leave, ...makeMiss(cpu) };
}

const NAMES = [
  'm8',
  'm16',
  'm32',
  'tlb',
  'step',
  'leave',
  'loadMiss',
  'storeMiss',
  'fetchMiss',
  'stashMiss',
  'code',
  'handlers',
  'wide',
  'carryOf',
  'flagsOf',
  'conditionOf',
  'parityFlag',
  'multiplyHigh',
  'multiplyHighSigned',
] as const;

/** Characters of a function for each rehearsal: V8 takes notes after about eight times a function's size has been run. */
const REHEARSED_CHARACTERS = 50;

/**
 * Run a function that loops with less than no budget: it leaves at once and changes nothing, and V8 has seen its way
 * out before it optimises the loop, which may take it first after a million rounds. EIP is written back as it is.
 */
export function rehearse(made: Compiled, cpu: Cpu, source: string): void {
  if (!source.includes('for (;;)')) return;
  const { left } = cpu;
  cpu.left = -1;
  for (let i = 0; i < source.length; i += REHEARSED_CHARACTERS) made(cpu);
  cpu.left = left;
}

/** Make the function. Each has a scope of its own. */
export function instantiate(environment: Environment, body: string): Compiled {
  const make = new Function(...NAMES, `"use strict";\nreturn function compiled(cpu) {\n${body}\n};`);
  return make(
    environment.m8,
    environment.m16,
    environment.m32,
    environment.tlb,
    environment.step,
    environment.leave,
    environment.loadMiss,
    environment.storeMiss,
    environment.fetchMiss,
    environment.stashMiss,
    environment.code,
    environment.handlers,
    environment.wide,
    carryOf,
    flagsOf,
    conditionOf,
    parityFlag,
    multiplyHigh,
    multiplyHighSigned,
  ) as Compiled;
}
