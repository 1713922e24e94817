/**
 * Makes a case that shows a mismatch as plain as it can be: parts are put to their dullest value one after another,
 * and stay so when the two sides still differ in the same way. What is left is one instruction and what it needs.
 */
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { FLAT_DATA, type MachineCase } from './case.ts';

/** Whether a case still shows what is hunted. */
export type StillFails = (c: MachineCase) => Promise<boolean>;

const PLAIN_FLAGS = 0x202;

/** Every simpler variant of a case, boldest first. */
function* simpler(c: MachineCase): Generator<MachineCase> {
  if (c.fx) yield { ...c, fx: null };
  if (c.eflags !== PLAIN_FLAGS) yield { ...c, eflags: PLAIN_FLAGS };
  if (c.steps) yield { ...c, steps: 0 };
  for (const name of SEGMENTS)
    if (name !== 'cs' && c.selectors[name] !== FLAT_DATA && c.selectors[name] !== 0)
      yield { ...c, selectors: { ...c.selectors, [name]: FLAT_DATA } };
  for (const d of c.descriptors)
    if (SEGMENTS.every((name) => c.selectors[name] >>> 3 !== d.index || !(c.selectors[name] & 4)))
      yield { ...c, descriptors: c.descriptors.filter((other) => other !== d) };
  for (let i = 0; i < 8; i++)
    for (const value of [0, 1])
      if (c.registers[i] > value) yield { ...c, registers: c.registers.map((v, k) => (k === i ? value : v)) };
  // The last patch is the program.
  for (let i = 0; i + 1 < c.patches.length; i++) yield { ...c, patches: c.patches.filter((_, k) => k !== i) };
  for (let bit = 1; bit <= 0x200000; bit <<= 1)
    if (c.eflags & bit & ~PLAIN_FLAGS) yield { ...c, eflags: (c.eflags & ~bit) >>> 0 };
  for (let i = 0; i < 8; i++)
    for (let bit = 0; bit < 32; bit++)
      if ((c.registers[i] >>> bit) & 1 && c.registers[i] > 1)
        yield { ...c, registers: c.registers.map((v, k) => (k === i ? (v & ~(1 << bit)) >>> 0 : v)) };
  for (let i = 0; i + 1 < c.patches.length; i++) {
    const patch = c.patches[i];
    for (let k = 0; k < patch.bytes.length; k++)
      if (patch.bytes[k] !== 0) {
        const bytes = patch.bytes.slice();
        bytes[k] = 0;
        yield { ...c, patches: c.patches.map((p, n) => (n === i ? { ...p, bytes } : p)) };
      }
  }
}

/** At most `attempts` runs. */
export async function shrink(c: MachineCase, stillFails: StillFails, attempts = 600): Promise<MachineCase> {
  let best = c;
  for (let progress = true; progress && attempts > 0; ) {
    progress = false;
    for (const candidate of simpler(best)) {
      if (attempts-- <= 0) break;
      if (!(await stillFails(candidate))) continue;
      best = candidate;
      progress = true;
      break;
    }
  }
  return best;
}
