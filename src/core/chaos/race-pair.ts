/**
 * The two sides of a race: where an interrupt found the guest, which memory did both it and what it interrupted use, so
 * that the order is to be seen in the result? The four orders of accesses that nothing one after the other can give
 * (Lu, Tucek, Qin and Zhou, "AVIO", 2006) are looked for: the interrupted side before and behind, the interrupt in
 * between. Stacks are left out, whose use by an interrupt is its own affair.
 */
import type { TimedInput } from '../log/timed-input.ts';
import type { Cpu } from '../state/cpu.ts';
import { CS, EIP, ESP, SEG_SELECTOR } from '../state/layout.ts';
import { peekNumber, peekPhysical, peekPhysicalBytes } from '../memory/peek.ts';
import { flowsOf } from '../timeline/provenance/flows.ts';
import { instructionHere, linearHere, linearStack } from '../timeline/provenance/operands.ts';
import type { Arrival, Experiment } from './experiment.ts';

export interface Access {
  readonly tick: number;
  /** Linear address of the instruction. */
  readonly linear: number;
  readonly isWrite: boolean;
}

export interface RacePair {
  /** Physical address of a byte that both sides use, and the linear one by which the interrupted side did. */
  readonly physical: number;
  readonly address: number;
  readonly before: Access;
  readonly between: Access;
  readonly behind: Access;
}

/** How far on both sides of the interrupt the interrupted side is looked at, and how long an interrupt at most. */
const REACH_TICKS = 64;
/** The same where nothing is found so near: then only a read that the interrupt makes stale counts. */
const FAR_TICKS = 512;
/** And where what is interrupted has itself interrupted the other side. */
const NESTED_TICKS = 1 << 12;
const INTERRUPT_TICKS_MAX = 1 << 16;
/** EIP, CS and EFLAGS. */
const FRAME_BYTES = 12;
/** Kernels' stacks are no larger. */
const KERNEL_STACK_BYTES = 8192;

interface Used extends Access {
  readonly physical: number;
  readonly address: number;
}

/** Bytes of memory that the instruction about to run uses. */
function uses(cpu: Cpu, tick: number): Used[] {
  const instruction = instructionHere(cpu);
  if (instruction === null) return [];
  const stack = cpu.m32[ESP] & -KERNEL_STACK_BYTES;
  const stackPages = [0, 4096].map((at) => peekPhysical(cpu, stack + at) & -4096);
  const found: Used[] = [];
  const linear = linearHere(cpu);
  const add = (place: { space: string; at: number; size: number; linear?: number }, isWrite: boolean): void => {
    if (place.space !== 'memory' || stackPages.includes(place.at & -4096)) return;
    for (let i = 0; i < place.size; i++) {
      found.push({ tick, linear, isWrite, physical: place.at + i, address: (place.linear ?? place.at) + i });
    }
  };
  for (const flow of flowsOf(cpu, instruction)) {
    for (const { places } of flow.inputs) for (const place of places) add(place, false);
    if (flow.from !== null) add(flow.from, false);
    add(flow.to, true);
  }
  return found;
}

/** Whether three accesses in this order differ from both orders without the interruption. */
function isTorn(before: Access, between: Access, behind: Access): boolean {
  if (between.isWrite) return !before.isWrite || !behind.isWrite;
  return before.isWrite && behind.isWrite;
}

/** The closest such pair around an interrupt; null: there is none. `inputs`: of the run, from any tick on. */
export function racePair(experiment: Experiment, inputs: readonly TimedInput[], arrival: Arrival): RacePair | null {
  const near = sidesOf(experiment, inputs, arrival, REACH_TICKS);
  const changed = closest(lasting(near));
  if (changed !== null) return changed;
  for (const reachTicks of [FAR_TICKS, NESTED_TICKS]) {
    const far = closest(staleReads(lasting(sidesOf(experiment, inputs, arrival, reachTicks))));
    if (far !== null) return far;
  }
  return closest(near);
}

interface Sides extends Record<'before' | 'between' | 'behind', readonly Used[]> {
  /** Bytes that the interrupt has written and left as they were: counters of nesting, for example. */
  readonly restored: ReadonlySet<number>;
}

/** Without what the interrupt has put back. */
function lasting(sides: Sides): Sides {
  const between = sides.between.filter(({ isWrite, physical }) => !isWrite || !sides.restored.has(physical));
  return { ...sides, between };
}

function byteAt(cpu: Cpu, physical: number): number {
  const byte = new Uint8Array(1);
  peekPhysicalBytes(cpu, physical, byte);
  return byte[0];
}

/** Where an interrupt has found the guest, and when. */
interface Interrupted {
  readonly eip: number;
  readonly esp: number;
  readonly tick: number;
}

/** By the frame right behind its delivery, of 32 bits; from another ring it holds the stack pointer too. */
function interruptedBy(cpu: Cpu, tick: number): Interrupted {
  const word = (index: number): number => peekNumber(cpu, linearStack(cpu, 4 * index), 4) ?? 0;
  const isOuter = ((word(1) ^ cpu.m32[SEG_SELECTOR + CS]) & 3) !== 0;
  return { eip: word(0) | 0, esp: isOuter ? word(3) | 0 : (cpu.m32[ESP] + FRAME_BYTES) | 0, tick };
}

function sidesOf(experiment: Experiment, inputs: readonly TimedInput[], arrival: Arrival, reachTicks: number): Sides {
  const sides: { before: Used[]; between: Used[]; behind: Used[] } = { before: [], between: [], behind: [] };
  const fromTick = arrival.tick - reachTicks;
  experiment.stand(fromTick);
  const valuesBefore = new Map<number, number>();
  const restored = new Set<number>();
  let esp = 0;
  let backTick = -1;
  // Other interrupts behind: theirs are no ticks of what was interrupted.
  let away: Interrupted | null = null;
  let awayTicks = 0;
  const behindFrom = inputs.filter(({ tick }) => tick >= fromTick);
  const lookBetween = (cpu: Cpu, tick: number): void => {
    const used = uses(cpu, tick);
    for (const { isWrite, physical } of used) {
      if (isWrite && !valuesBefore.has(physical)) valuesBefore.set(physical, byteAt(cpu, physical));
    }
    sides.between.push(...used);
  };
  const look = (cpu: Cpu, tick: number): boolean => {
    if (tick < arrival.tick) sides.before.push(...uses(cpu, tick));
    else if (tick === arrival.tick) esp = cpu.m32[ESP];
    else {
      if (backTick < 0 && cpu.m32[EIP] >>> 0 === arrival.eip && cpu.m32[ESP] === esp) {
        backTick = tick;
        for (const [at, value] of valuesBefore) if (byteAt(cpu, at) === value) restored.add(at);
      }
      if (away !== null) {
        if (cpu.m32[EIP] !== away.eip || cpu.m32[ESP] !== away.esp) return true;
        awayTicks += tick - away.tick;
        away = null;
      }
      if (backTick < 0) lookBetween(cpu, tick);
      else sides.behind.push(...uses(cpu, tick));
    }
    return backTick < 0 || tick < backTick + reachTicks + awayTicks;
  };
  const { machine } = experiment;
  experiment.walk(behindFrom, arrival.tick + INTERRUPT_TICKS_MAX, look, (kind) => {
    if (kind !== 'interrupt') return true;
    // Its first instruction runs at the tick of the arrival.
    if (machine.tick === arrival.tick) lookBetween(machine.cpu, machine.tick);
    else if (backTick >= 0 && away === null) {
      away = interruptedBy(machine.cpu, machine.tick);
      // The instruction that was about to run runs later.
      sides.behind = sides.behind.filter(({ tick }) => tick < machine.tick);
    }
    return true;
  });
  return { ...sides, restored };
}

/** Of each byte the last use before, where it is a read, what the interrupt wrote, and the first use behind. */
function staleReads({ before, between, behind, restored }: Sides): Sides {
  const last = new Map(before.map((used) => [used.physical, used]));
  const first = new Map([...behind].reverse().map((used) => [used.physical, used]));
  return {
    before: [...last.values()].filter(({ isWrite }) => !isWrite),
    between: between.filter(({ isWrite }) => isWrite),
    behind: [...first.values()],
    restored,
  };
}

function closest({ before, between, behind }: Sides): RacePair | null {
  let best: RacePair | null = null;
  const spanOf = (pair: RacePair): number => pair.behind.tick - pair.before.tick;
  for (const middle of between) {
    for (const first of before) {
      if (first.physical !== middle.physical) continue;
      for (const last of behind) {
        if (last.physical !== middle.physical || !isTorn(first, middle, last)) continue;
        const { physical, address } = first;
        const pair = { physical, address, before: first, between: middle, behind: last };
        if (best === null || spanOf(pair) < spanOf(best)) best = pair;
      }
    }
  }
  return best;
}
