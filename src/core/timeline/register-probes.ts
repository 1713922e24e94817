/**
 * Looking out for a condition where it can come to hold alone: behind instructions that write one of the registers that
 * it is made of, and behind what changes registers without one. The machine breaks in at the first such place where
 * the condition's term holds; whether the condition does is for whoever looks closely from there on (lookout.ts).
 */
import { ROWS } from '../isa/ops.ts';
import type { Machine } from '../machine/machine.ts';
import type { Cpu, Probes } from '../state/cpu.ts';
import { HALTED } from '../state/layout.ts';
import { type RegisterTerm, termRegisters, termValue } from '../state/register-term.ts';
import { CHUNK_TICKS, CLOSE_PART, CLOSE_TICKS } from './distances.ts';
import type { Lookout, Search } from './lookout.ts';
import type { Way } from './timeline.ts';

export class RegisterProbes implements Probes {
  readonly rows = new Uint8Array(ROWS.length);
  readonly registers: number;
  readonly term: RegisterTerm;
  /** False: somebody looks more closely. */
  isOn = false;
  private readonly machine: Machine;
  private readonly value: (cpu: Cpu) => number;

  constructor(machine: Machine, term: RegisterTerm) {
    this.machine = machine;
    this.term = term;
    this.registers = termRegisters(term);
    this.value = termValue(term);
  }

  /** The condition may hold here. */
  get isPossible(): boolean {
    return this.value(this.machine.cpu) !== 0;
  }

  marksOf(): null {
    return null;
  }

  hasPage(): boolean {
    return false;
  }

  fetched(): void {}

  begins(): void {}

  ends(cpu: Cpu, hasRetired: boolean): void {
    if (hasRetired) this.intervened(cpu);
  }

  intervened(cpu: Cpu): void {
    if (this.isOn && this.value(cpu) !== 0) this.machine.breakIn();
  }
}

/** Of a timeline, what a search needs. */
export interface TermSearch {
  readonly machine: Machine;
  readonly lookout: Lookout;
  readonly search: Search;
  readonly endTick: number;
  readonly runTo: (tick: number) => Way<void>;
  readonly isAtEnd: () => boolean;
}

/** On to where the condition of a search holds, or to the end: the lookout has the hit. */
export function* searchByTerm(term: RegisterTerm, context: TermSearch): Way<void> {
  const { cpu, memory } = context.machine;
  const probes = new RegisterProbes(context.machine, term);
  cpu.probes = probes;
  memory.probesChanged();
  try {
    yield* alternate(probes, context);
  } finally {
    cpu.probes = null;
    memory.probesChanged();
  }
}

/** Where the term holds and the condition does not, looking closely pays the longer the more often that was so. */
function* alternate(
  probes: RegisterProbes,
  { machine, lookout, search, endTick, runTo, isAtEnd }: TermSearch,
): Way<void> {
  let closeTicks = CLOSE_TICKS;
  while (!isAtEnd()) {
    const { tick } = machine;
    probes.isOn = !probes.isPossible;
    if (probes.isOn) {
      yield* runTo(endTick);
      if (machine.tick - tick > closeTicks * CLOSE_PART) closeTicks = CLOSE_TICKS;
      continue;
    }
    lookout.arm(search);
    // Halted, the next instruction may be far away.
    yield* runTo(Math.min(endTick, tick + (machine.cpu.m32[HALTED] !== 0 ? CHUNK_TICKS : closeTicks)));
    if (lookout.hasHit) return;
    lookout.disarm();
    closeTicks = Math.min(closeTicks * 2, CHUNK_TICKS);
  }
}
