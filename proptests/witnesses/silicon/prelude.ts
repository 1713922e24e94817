/**
 * Puts an arithmetic instruction before the one under test, so that engines which compute flags when they are wanted
 * meet flags not computed yet. It defines all six status flags and changes no register; the tested instruction keeps
 * its address, operands and tolerance. Cases with other than flat 32-bit segments are left as they are.
 */
import { Random } from '../../../src/core/base/random.ts';
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import { CODE, STACK } from './background.ts';
import { FLAT_CODE, FLAT_DATA } from './case.ts';
import { littleEndian } from './draft.ts';
import type { GeneratedCase } from './generator.ts';

/** Below what generated programs keep on the stack. */
const SCRATCH = STACK + 0x20;
const OPERAND_SIZE = 0x66;
const CMP = 0x38;
/** ADD, ADC, SBB, SUB with a register as source. */
const SOURCE_OPS = [0x00, 0x10, 0x18, 0x28];
/** INC, DEC, NEG: opcode and /n. */
const SINGLE_OPS: readonly (readonly [number, number])[] = [
  [0xfe, 0],
  [0xfe, 1],
  [0xf6, 3],
];
const DISPLACEMENT_ONLY = 5;

function instruction(random: Random): number[] {
  const wide = random.below(3);
  const prefix = wide === 2 ? [OPERAND_SIZE] : [];
  const w = wide === 0 ? 0 : 1;
  const reg = random.below(8);
  if (random.oneIn(3)) return [...prefix, CMP | w, 0xc0 | (reg << 3) | random.below(8)];
  const address = littleEndian(SCRATCH, 4);
  if (random.oneIn(2)) {
    const [opcode, digit] = random.pick(SINGLE_OPS);
    return [...prefix, opcode | w, (digit << 3) | DISPLACEMENT_ONLY, ...address];
  }
  return [...prefix, random.pick(SOURCE_OPS) | w, (reg << 3) | DISPLACEMENT_ONLY, ...address];
}

export function withPrelude(g: GeneratedCase): GeneratedCase {
  const { machineCase: c } = g;
  const { selectors, patches } = c;
  const program = patches[patches.length - 1];
  const bytes = instruction(new Random(g.seed ^ 0x5f1a95));
  const address = program.address - bytes.length;
  const flat = selectors.cs === FLAT_CODE && selectors.ds === FLAT_DATA;
  if (!flat || program.address !== c.eip || address < CODE || address >>> 12 !== (program.address - 1) >>> 12) return g;
  if (program.address % PAGE_BYTES === 0 || c.steps > 1) return g;
  const whole = new Uint8Array([...bytes, ...program.bytes]);
  return {
    ...g,
    label: `${g.label} ; flags`,
    machineCase: {
      ...c,
      eip: address,
      steps: c.steps && c.steps + 1,
      patches: [...patches.slice(0, -1), { address, bytes: whole }],
    },
  };
}
