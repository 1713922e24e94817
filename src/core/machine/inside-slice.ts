// What may be passed between two instructions without leaving the engine (Loop in state/cpu.ts): which requests, and
// what keeps the machine's loop from going on. SDM 3 §6.8.3 (shadows), §17.3.1 (RF), table 6-2 (priorities).

import type { Engine } from './engine.ts';
import { type Cpu, EXIT_CODE, EXIT_FAULT, EXIT_MODE, EXIT_WINDOW } from '../state/cpu.ts';
import {
  CS,
  EFLAGS,
  EIP,
  IF,
  MODE_CPL3,
  MODE_KEY,
  NMI_PENDING,
  PENDING_DEBUG,
  RF,
  SEG_BASE,
  SEG_SELECTOR,
  SHUTDOWN,
  TF,
  TR,
  VIF,
  VIP,
} from '../state/layout.ts';
import { TLB_NO_SUPER_FETCH, TLB_NO_USER_FETCH } from '../memory/tlb.ts';

/** Requests that the loop may answer without the engine being left. */
const PASSABLE = EXIT_FAULT | EXIT_WINDOW | EXIT_MODE | EXIT_CODE;
/** First bytes of instructions that may repeat (SDM 2 §2.1.1). */
const PREFIXES: ReadonlySet<number> = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** Nothing else is requested, and no instruction has to be looked at. */
export function isPassable(cpu: Cpu): boolean {
  return (cpu.exitRequest & ~PASSABLE) === 0 && !cpu.breakActive && !isLookedAt(cpu);
}

/** A debugger that stops before the next instruction must find RF and shadow as they are. */
function isLookedAt({ fetchStops, m32 }: Cpu): boolean {
  return fetchStops !== null && fetchStops.looksAt((m32[EIP] + m32[SEG_BASE + CS]) | 0, m32[MODE_KEY]);
}

/** One instruction, at which a debugger has looked already: with its RF, which it runs without. */
export function runAfterLook(cpu: Cpu, engine: Engine): void {
  const stops = cpu.fetchStops;
  if (stops !== null) cpu.fetchStops = { ...stops, isEverywhere: false, looksAt: () => false, reached: () => false };
  engine.run(cpu);
  cpu.fetchStops = stops;
}

/**
 * Whether a trap, an NMI or an interrupt comes before the next instruction or, held back by a shadow, after it. `intr`:
 * the level of INTR.
 */
export function isAnythingPending(cpu: Cpu, intr: boolean): boolean {
  const { m32 } = cpu;
  const flags = m32[EFLAGS];
  if ((m32[PENDING_DEBUG] | m32[NMI_PENDING] | m32[SHUTDOWN] | (flags & TF)) !== 0) return true;
  return (flags & (VIF | VIP)) === (VIF | VIP) || ((flags & IF) !== 0 && intr);
}

/** The next instruction is in the TLB and begins with no prefix: it is no string instruction with iterations. */
function isPlainNext(cpu: Cpu): boolean {
  const { m32 } = cpu;
  const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
  const entry = cpu.tlb[linear >>> 12];
  const deny = (m32[MODE_KEY] & MODE_CPL3) !== 0 ? TLB_NO_USER_FETCH : TLB_NO_SUPER_FETCH;
  return (entry & deny) === 0 && !PREFIXES.has(cpu.m8[((entry & -4096) + linear) | 0]);
}

/** RF inside a slice: an instruction with RF runs without it, and has it again when it faults, as if run by itself. */
export class Resumed {
  /** Tick of the last such instruction, and the task it was of. */
  private tick = -1;
  private task = 0;

  /** The next instruction is about to run; false: it has RF and has to be run by itself. */
  begin(cpu: Cpu): boolean {
    const { m32 } = cpu;
    if ((m32[EFLAGS] & RF) === 0) return true;
    // Whoever is told of flags is told when RF goes.
    if (cpu.probes !== null || !isPlainNext(cpu)) return false;
    m32[EFLAGS] &= ~RF;
    this.tick = cpu.now();
    this.task = m32[SEG_SELECTOR + TR];
    return true;
  }

  /** The fault of the instruction in hand is about to be delivered. */
  faults(cpu: Cpu): void {
    const { m32 } = cpu;
    if (cpu.now() === this.tick && m32[SEG_SELECTOR + TR] === this.task) m32[EFLAGS] |= RF;
    this.forget();
  }

  forget(): void {
    this.tick = -1;
  }
}
