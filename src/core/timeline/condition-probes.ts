/**
 * Looking out for a condition where it can come to hold alone: behind instructions that write what it is made of
 * (condition-basis.ts), where its memory is written, and behind what changes any of that without an instruction. The
 * machine breaks in at the first such place where it may hold; whether it does is for whoever looks closely from there
 * on (lookout.ts).
 */
import { PAGE_BYTES } from '../base/pages.ts';
import { registersWritten, WRITES_CONTROL, WRITES_SEGMENTS, WRITES_SYSTEM_FLAGS } from '../isa/effects.ts';
import { OP, ROWS } from '../isa/ops.ts';
import { META_OP_MASK, META_SIZE_A_SHIFT, R_META } from '../isa/record.ts';
import type { Machine } from '../machine/machine.ts';
import { peekNumber } from '../memory/peek.ts';
import type { Cpu, Probes } from '../state/cpu.ts';
import { DF, EDI, EFLAGS, ES, HALTED, SEG_BASE } from '../state/layout.ts';
import { type RegisterTerm, termValue } from '../state/register-term.ts';
import type { Basis, Bound, Place } from './condition-basis.ts';
import { CHUNK_TICKS, CLOSE_PART, CLOSE_TICKS } from './distances.ts';
import type { Evaluator } from './expression.ts';
import type { Lookout, Search } from './lookout.ts';
import type { Way } from './timeline.ts';
import { WatchedPlaces } from './watched-places.ts';

/** Rows that write some of it, beside those that are known by their operands and the many that write flags. */
function rowsOf({ hasSystemFlags, hasSegments, hasControl }: Basis): Uint8Array {
  return Uint8Array.from(ROWS, (_, row) =>
    (hasSystemFlags && WRITES_SYSTEM_FLAGS[row] !== 0) ||
    (hasSegments && WRITES_SEGMENTS[row] !== 0) ||
    (hasControl && WRITES_CONTROL[row] !== 0)
      ? 1
      : 0,
  );
}

/** What they change of memory is known before. */
const FILLING_ROWS: ReadonlySet<number> = new Set([OP.MOVS, OP.STOS]);

export class ConditionProbes implements Probes {
  readonly rows: Uint8Array;
  readonly registers: number;
  readonly hasFlags: boolean;
  readonly term: RegisterTerm | null;
  readonly readsMemory: boolean;
  private readonly moving: readonly Place[];
  /** False: somebody looks more closely. */
  private isOn = false;
  private readonly machine: Machine;
  private readonly value: Evaluator;
  /** 0 where the value is, and sooner worked out; null: there is none. */
  private readonly part: Evaluator | null;
  /** Of the instruction in hand. */
  private row = 0;
  private readonly places: WatchedPlaces | null;

  constructor(machine: Machine, { evaluate, basis }: Bound, term: RegisterTerm | null) {
    this.machine = machine;
    this.term = term;
    this.registers = basis.registers;
    this.hasFlags = basis.hasFlags;
    this.rows = rowsOf(basis);
    this.value = evaluate;
    this.part = term === null ? null : termValue(term, (cpu, at, size) => peekNumber(cpu, at, 1 << size) ?? 0);
    this.moving = basis.moving;
    this.readsMemory = basis.moving.length > 0;
    this.places = basis.places.length === 0 ? null : new WatchedPlaces(machine, basis.places);
  }

  /** Between slices: looks out from here on. False: the condition may hold here already. */
  begin(): boolean {
    this.isOn = !this.mayHold(this.machine.cpu);
    if (this.isOn) this.places?.watch();
    else this.places?.forget();
    return this.isOn;
  }

  end(): void {
    this.isOn = false;
    this.places?.forget();
  }

  marksOf(): null {
    return null;
  }

  hasPage(): boolean {
    return false;
  }

  fetched(): void {}

  begins(_cpu: Cpu, row: number): void {
    this.row = row;
  }

  ends(cpu: Cpu, hasRetired: boolean): void {
    if (!hasRetired) return;
    // What is told of for registers or flags leads nowhere else.
    if (this.rows[this.row] !== 0) this.intervened(cpu);
    else if (this.isOn && this.mayHold(cpu)) this.machine.breakIn();
  }

  intervened(cpu: Cpu): void {
    if (this.isOn && (this.mayHold(cpu) || this.places?.hasMoved === true)) this.machine.breakIn();
  }

  /** In an instruction, that may have changed what the condition reads. */
  marked(): void {
    if (this.isOn) this.machine.breakIn();
  }

  /** MOVS and STOS, until they come to what the condition reads: linear addresses of one byte agree in 12 bits. */
  iterations(cpu: Cpu, code: Int32Array, pc: number): number {
    const { m32 } = cpu;
    const row = code[pc + R_META] & META_OP_MASK;
    const isForward = (m32[EFLAGS] & DF) === 0;
    if (!this.isOn || !FILLING_ROWS.has(row) || !isForward || this.rows[row] !== 0) return 1;
    if ((registersWritten(code, pc) & this.registers) !== 0) return 1;
    const size = (code[pc + R_META] >> META_SIZE_A_SHIFT) & 7;
    const first = m32[SEG_BASE + ES] + m32[EDI];
    let most = PAGE_BYTES >> size;
    for (const { address, sizeBytes } of this.moving) {
      const ahead = (address(cpu) - first) & (PAGE_BYTES - 1);
      // What begins behind it may reach into it.
      most = Math.min(most, ahead + sizeBytes > PAGE_BYTES ? 0 : ahead >> size);
    }
    return Math.max(most, 1);
  }

  private mayHold(cpu: Cpu): boolean {
    return (this.part === null || this.part(cpu) !== 0) && this.value(cpu) !== 0;
  }
}

/** Of a timeline, what a search needs. */
export interface BoundSearch {
  readonly machine: Machine;
  readonly lookout: Lookout;
  readonly search: Search;
  /** On by so many ticks, or to the end. */
  readonly run: (ticks: number) => Way<void>;
  readonly isAtEnd: () => boolean;
}

/** On to where the condition of a search holds, or to the end: the lookout has the hit. */
export function* searchByBound(bound: Bound, term: RegisterTerm | null, context: BoundSearch): Way<void> {
  const { cpu, memory } = context.machine;
  const probes = new ConditionProbes(context.machine, bound, term);
  cpu.probes = probes;
  memory.probesChanged();
  try {
    yield* alternate(probes, context);
  } finally {
    probes.end();
    cpu.probes = null;
    memory.probesChanged();
  }
}

/** Where it may hold and does not, looking closely pays the longer the more often that was so. */
function* alternate(probes: ConditionProbes, { machine, lookout, search, run, isAtEnd }: BoundSearch): Way<void> {
  let closeTicks = CLOSE_TICKS;
  while (!isAtEnd()) {
    const { tick } = machine;
    if (probes.begin()) {
      yield* run(Number.POSITIVE_INFINITY);
      if (machine.tick - tick > closeTicks * CLOSE_PART) closeTicks = CLOSE_TICKS;
      // Where much is written that it depends on, the breaks are all there is of pauses.
      yield undefined;
      continue;
    }
    lookout.arm(search);
    // Halted, the next instruction may be far away.
    yield* run(machine.cpu.m32[HALTED] !== 0 ? CHUNK_TICKS : closeTicks);
    if (lookout.hasHit) return;
    lookout.disarm();
    closeTicks = Math.min(closeTicks * 2, CHUNK_TICKS);
  }
}
