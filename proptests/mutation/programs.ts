/**
 * The random programs of the mutation check: so many of a seed, of so many lines and turns. What they reach is counted
 * (verify/reach.prop.ts), so that what is caught hangs on no lucky seed.
 */
import { randomKernel } from '../verify/programs.ts';

export const PROGRAMS = 60;
const LINES = 400;
/** The tables of operands are turned on after each. */
const TURNS = 12;

export function programOf(seed: number, index: number): Uint8Array {
  return randomKernel(seed * 1000 + index, LINES, TURNS);
}
