// The contract of the project: one row per instruction, numbered. The decoder, the assembler, the interpreter, the
// lifters, the generators and the coverage report are all checked against or derived from this list. Row numbers are
// what R_META holds; they follow the order of the lists, are not stored in logs and may change between versions.
import { AC, AF, CF, DF, ID, IF, IOPL, NT, OF, PF, RF, SF, TF, VIF, VIP, VM, ZF } from '../state/layout.ts';
import type { LiftedBy, Row } from './row.ts';
import { INTEGER_ROWS } from './rows-integer.ts';
import { SIMD_ROWS } from './rows-simd.ts';
import { X87_ROWS } from './rows-x87.ts';

/** Every instruction; the index is the row number. */
export const ROWS = [...INTEGER_ROWS, ...X87_ROWS, ...SIMD_ROWS] as const;

/** The name of a row: what handlers and lifters are keyed by. */
export type OpName = (typeof ROWS)[number]['name'];

/** The rows that a file of tiers/lift has a lifter for, by their facts. */
export type OpLiftedBy<By extends LiftedBy> = Extract<(typeof ROWS)[number], { readonly lifted: By }>['name'];

/** By row number: whether the instruction ends a block. */
export const ENDS_BLOCK: readonly boolean[] = ROWS.map((entry) => entry.endsBlock);

/** Row number by name. */
export const OP = Object.fromEntries(ROWS.map((entry, index) => [entry.name, index])) as Record<OpName, number>;

/** The row with this number; an unknown number is a broken invariant. */
export function rowOf(op: number): Row<OpName> {
  const found: Row<OpName> | undefined = ROWS[op];
  if (found === undefined) throw new Error(`no instruction row has number ${op}`);
  return found;
}

/** Bits of EFLAGS by the letter that rows use. */
const FLAG_LETTERS: Readonly<Record<string, number>> = {
  ...{ C: CF, P: PF, A: AF, Z: ZF, S: SF, T: TF, I: IF, D: DF, O: OF },
  ...{ L: IOPL, N: NT, R: RF, V: VM, K: AC, F: VIF | VIP | ID },
};

/** EFLAGS mask of a row's letters. */
export function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) {
    const bits = FLAG_LETTERS[letter];
    if (bits === undefined) throw new Error(`${letter} in ${letters} is no flag`);
    mask |= bits;
  }
  return mask;
}

/** Every fault the instruction can raise, those of accessing an operand in memory included. */
export function faultsOf(row: Row): readonly string[] {
  const accesses = row.encodings.some((text) => /[ ,](?:[EQW][a-z]+|M[a-z]+|O[bv]|R[a-z]\/M[a-z])(?:,| |$)/.test(text));
  const touches = accesses && row.name !== 'NOP' && row.name !== 'PREFETCH' && row.name !== 'INVLPG';
  return [...new Set([...row.faults, ...(touches ? ['GP', 'SS', 'PF', 'AC'] : [])])];
}
