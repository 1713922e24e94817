// What compiled code of any backend calls and reads: the memory, the decoded records, the interpreter's handlers, how
// an instruction is done by its handler (step), the one way out (leave), how an access is made plain (miss.ts), and
// host arithmetic where it is provably the guest's (wide.ts). Handlers are injected: no backend knows the interpreter.

import * as record from '../../src/core/isa/record.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';
import { runProbed } from '../../src/core/cpu/probed.ts';
import type { Wide } from '../ir/attempts.ts';
import { makeMiss, type Miss } from './miss.ts';
import { makeWide } from './wide.ts';

const { HOT_PROBED, META_OP_MASK, R_HOT, R_META, R_POSITION } = record;
const { EIP, EXIT_REQUEST, LEFT, MODE_KEY } = layout;

/** The interpreter's handlers by row number. */
export type HandlerTable = readonly ((cpu: Cpu, code: Int32Array, pc: number) => void)[];

export interface Runtime extends Miss {
  readonly cpu: Cpu;
  /** Decoded records, at the arena positions that the IR names. */
  readonly code: Int32Array;
  readonly handlers: HandlerTable;
  readonly wide: Wide;
  readonly m8: Uint8Array;
  readonly m16: Uint16Array;
  readonly m32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly tlb: Int32Array;
  /** Somebody counts (tiers/watch.ts): code that counts may be emitted, where calls of `handlers` do not tell. */
  readonly isCounted: boolean;
  /** The access of the instruction whose record is at `pc` has met a fault, and its handler is not called for it. */
  readonly faulted: (pc: number) => void;
  /**
   * Let the handler do the instruction whose record is at `pc`; registers and flags are in memory. `at`: its EIP,
   * `left`: ticks left before it, `rest`: instructions that follow it in its block. Returns true when the function
   * must be left; EIP and cpu.left are exact in any case.
   */
  readonly step: (cpu: Cpu, pc: number, at: number, left: number, rest: number) => boolean;
  /**
   * At EIP is no compiled code; true: an instruction there that crosses the end of its page has been done, or has
   * faulted; false: there is none known, and nothing was done. Everything is in memory and exact, before and after.
   */
  readonly cross: () => boolean;
  /**
   * The way out, at EIP `at` with `left` ticks left; the record at `pc` has to be done by its handler before (0: none).
   */
  readonly leave: (cpu: Cpu, pc: number, at: number, left: number) => void;
}

const NOBODY_COUNTS = (): void => {};

/** `cross`: the interpreter's. */
export function makeRuntime(cpu: Cpu, code: Int32Array, handlers: HandlerTable, cross: () => boolean): Runtime {
  const { m8, m16, m32, f64, tlb } = cpu;
  const f32 = new Float32Array(m32.buffer, m32.byteOffset);
  const step = (processor: Cpu, pc: number, at: number, left: number, rest: number): boolean => {
    const mode = m32[MODE_KEY];
    const following = (at + (code[pc + R_POSITION] >>> 16)) | 0;
    m32[EIP] = at;
    processor.nextEip = following;
    m32[LEFT] = left;
    if (code[pc + R_HOT] === HOT_PROBED) runProbed(handlers, processor, code, pc);
    else handlers[code[pc + R_META] & META_OP_MASK](processor, code, pc);
    const extra = processor.extraTicks;
    processor.extraTicks = 0;
    m32[EIP] = processor.nextEip;
    m32[LEFT] = left - 1 - extra;
    // A REP string that is done may have used up what the rest of the block was promised.
    const isShort = extra !== 0 && m32[LEFT] < rest;
    return isShort || m32[EXIT_REQUEST] !== 0 || processor.nextEip !== following || m32[MODE_KEY] !== mode;
  };
  const leave = (processor: Cpu, pc: number, at: number, left: number): void => {
    if (pc !== 0) {
      step(processor, pc, at, left, 0);
      return;
    }
    m32[EIP] = at;
    m32[LEFT] = left;
  };
  const views = { cpu, m8, m16, m32, f32, f64, tlb, code };
  return {
    ...views,
    isCounted: false,
    faulted: NOBODY_COUNTS,
    handlers,
    wide: makeWide(cpu),
    step,
    cross,
    leave,
    ...makeMiss(cpu),
  };
}
