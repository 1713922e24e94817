/**
 * What must hold when an engine hands a slice back to the loop, whatever engine it is and whatever the guest did. The
 * checks stay on: they are a few comparisons a slice (11 ns), and an engine that breaks one would otherwise show
 * somewhere else, as a tick too many or a loop that never ends. What is wrong throws: no guest can cause it (law 7).
 */
import { type Cpu, EXIT_FAULT, EXIT_HALT, EXIT_STOP } from '../state/cpu.ts';
import { EIP, HALTED, SHUTDOWN } from '../state/layout.ts';

/** An engine or the loop itself has broken a rule that all exactness hangs on. */
export class BrokenSlice extends Error {
  override readonly name = 'BrokenSlice';
}

export interface Slice {
  readonly engine: string;
  readonly tick: number;
  /** Most ticks that it may take. */
  readonly budgetTicks: number;
  /** One instruction (of a REP one iteration or more): it must be done, or fault. */
  readonly isSingle: boolean;
  /** Something has asked the loop to stop. */
  readonly isStopping: boolean;
}

/** After `engine.run`, before anything is made of it. */
export function checkSlice(cpu: Cpu, slice: Slice): void {
  const rule = brokenRule(cpu, slice);
  if (rule !== null) throw new BrokenSlice(describe(cpu, slice, rule));
}

/** The loop goes from tick to tick; it may stay at one, as when a fault is delivered. */
export function checkTick(before: number, after: number): void {
  if (after >= before && Number.isSafeInteger(after)) return;
  throw new BrokenSlice(`The machine loop went from tick ${before} to tick ${after}: time only goes forward.`);
}

function brokenRule(cpu: Cpu, { tick, budgetTicks, isSingle, isStopping }: Slice): string | null {
  const { left, exitRequest, m32 } = cpu;
  const passed = cpu.deadlineTick - left - tick;
  if (!(passed >= 0 && passed <= budgetTicks)) return `${passed} ticks passed`;
  if (!isSingle && left < 0) return 'it went beyond the end of the slice';
  if (passed === 0 && (exitRequest & (isSingle ? EXIT_FAULT | EXIT_STOP : -1)) === 0) return 'nothing was done';
  if ((exitRequest & EXIT_FAULT) !== 0 && !(cpu.faultVector >= 0 && cpu.faultVector < 32))
    return 'the fault has no vector';
  if (((exitRequest & EXIT_HALT) !== 0) !== (m32[HALTED] !== 0)) return 'HLT and the request to leave for it disagree';
  if (((exitRequest & EXIT_STOP) !== 0) !== (isStopping || m32[SHUTDOWN] !== 0)) {
    return 'the request to stop and what asked for it disagree';
  }
  return null;
}

function describe(cpu: Cpu, slice: Slice, rule: string): string {
  const { engine, tick, budgetTicks, isSingle } = slice;
  const kind = isSingle ? 'a single instruction' : 'a slice';
  const state = `left ${cpu.left}, exit request ${cpu.exitRequest}, EIP ${(cpu.m32[EIP] >>> 0).toString(16)}h`;
  return `The engine ${engine} broke ${kind} of ${budgetTicks} ticks at tick ${tick}: ${rule} (${state}).`;
}
