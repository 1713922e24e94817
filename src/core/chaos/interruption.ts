/**
 * What an interrupt does from its delivery to its return, as a footprint: memory that it reads and writes, and which
 * registers and flags of what it interrupted it uses (interrupt-follower.ts). What lies below the stack pointer of what
 * was interrupted is the handler's own, as any interrupt may come at any time.
 */
import type { TimedInput } from '../log/timed-input.ts';
import { peekNumber } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { EFLAGS, EIP, ESP, MODE_CPL3, MODE_KEY, MODE_SS32, VM } from '../state/layout.ts';
import { instructionHere, linearStack } from '../timeline/provenance/operands.ts';
import type { Place } from '../timeline/provenance/place.ts';
import { FRAME_EIP, registerKey } from './byte-names.ts';
import type { Experiment } from './experiment.ts';
import { type Footprint, linearStackTop } from './footprint.ts';
import { Follower } from './interrupt-follower.ts';

/** Longer ones cost more to look at than what is saved by them. */
const TICKS_MAX = 2048;

export interface Interruption {
  /** When it is delivered, and when what it interrupted goes on. */
  readonly deliveryTick: number;
  readonly returnTick: number;
  /** Physical addresses. */
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Its own, below the stack of what it interrupted. */
  readonly own: ReadonlySet<number>;
  /** So many bytes below the stack pointer, where it uses the same stack; else 0. */
  readonly depth: number;
  /** Linear address of the top of the stack that was interrupted. */
  readonly stackTop: number;
  /** Bytes of the processor's block whose values it uses, and flags. */
  readonly uses: ReadonlySet<number>;
  readonly flags: number;
}

/**
 * What the interrupt does that a run with these inputs comes to; the moment must be the experiment's. Null when none is
 * delivered soon, when another one comes meanwhile, or when it cannot be followed to its return.
 */
export function followInterrupt(
  experiment: Experiment,
  inputs: readonly TimedInput[],
  fromTick: number,
  wanted: 'interrupt' | 'nmi',
): Interruption | null {
  const { cpu } = experiment.machine;
  let follower: Follower | null = null;
  let [deliveryTick, returnTick, stackTop] = [-1, -1, 0];
  let [eip, esp, isOuter] = [0, 0, false];
  let isReturning = false;
  let isLost = false;
  const step = (): void => {
    const instruction = instructionHere(cpu);
    if (follower === null || instruction === null) isLost = true;
    else if (follower.isReturn(cpu, instruction)) {
      isReturning = true;
      isLost = !follower.givesBack(cpu);
    } else isLost = !follower.step(cpu, instruction);
  };
  const look = (_: Cpu, tick: number): boolean => {
    if (follower === null) {
      [eip, esp, isOuter] = [cpu.m32[EIP], cpu.m32[ESP], (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0];
      stackTop = linearStackTop(cpu);
    } else if (!isReturning) step();
    else {
      returnTick = tick;
      isLost = cpu.m32[EIP] !== eip || cpu.m32[ESP] !== esp;
      return false;
    }
    return !isLost;
  };
  const delivered = (kind: string, vector: number): boolean => {
    isLost = follower !== null || kind !== wanted || !hasWideFrame(cpu, eip);
    if (isLost) return false;
    deliveryTick = experiment.machine.tick;
    follower = new Follower(cpu, isOuter, vector);
    step();
    return !isLost;
  };
  experiment.walk(inputs, fromTick + TICKS_MAX, look, delivered);
  return isLost || returnTick < 0 ? null : result(follower, { deliveryTick, returnTick, stackTop });
}

/** 32-bit frames of protected mode alone. */
function hasWideFrame(cpu: Cpu, eip: number): boolean {
  const isVirtual = (cpu.m32[EFLAGS] & VM) !== 0;
  return !isVirtual && (cpu.m32[MODE_KEY] & MODE_SS32) !== 0 && peekNumber(cpu, linearStack(cpu, 0), 4) === eip >>> 0;
}

function result(
  follower: Follower | null,
  ticks: Pick<Interruption, 'deliveryTick' | 'returnTick' | 'stackTop'>,
): Interruption | null {
  if (follower === null) return null;
  const { reads, writes, own, isOuter, lowest } = follower;
  const { uses, flags } = follower.names;
  const isFollowed = !uses.has(FRAME_EIP);
  const depth = isOuter ? 0 : ticks.stackTop - lowest;
  return isFollowed ? { ...ticks, reads, writes, own, uses, flags, depth } : null;
}

/** Whether the two come to the same in either order, the instruction being the next one of what is interrupted. */
export function commutes(footprint: Footprint, interruption: Interruption): boolean {
  const { reads, writes, own, uses, flags, depth } = interruption;
  if ((footprint.flags & flags) !== 0) return false;
  const lowest = footprint.stackTop - depth;
  const meets = (place: Place, isWrite: boolean): boolean => {
    const { at, size, linear = 0 } = place;
    for (let i = 0; i < size; i++) {
      const isBelow = linear + i >= lowest && linear + i < footprint.stackTop;
      if (isBelow && !footprint.isStack) return true;
      if (depth === 0 && own.has(at + i)) return true;
      if (writes.has(at + i) || (isWrite && reads.has(at + i))) return true;
    }
    return false;
  };
  if (footprint.writes.some((place) => meets(place, true))) return false;
  if (footprint.reads.some((place) => meets(place, false))) return false;
  return !footprint.fills.some(({ at, size }) => {
    return Array.from({ length: size }, (_, i) => registerKey(at + i)).some((key) => uses.has(key));
  });
}
