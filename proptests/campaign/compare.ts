/**
 * What two emulators must agree on after a case: how it ended, every field that the monitor prints, every doubleword of
 * the arena that changed. Not compared: arithmetic flags of the monitor's own, and what an empty port reads.
 */
import { FIELDS, type Field } from './layout.ts';
import type { Outcome } from './emulators.ts';
import type { CampaignCase } from './world.ts';

/** Not compared: what a board or model may choose. */
const arithmetic = 0x8d5;

export interface Difference {
  /** A field, `memory`, or `end`. */
  readonly what: Field | 'memory' | 'end';
  readonly address?: number;
  readonly ours: number | string;
  readonly theirs: number | string;
}

export function compareOutcomes(c: CampaignCase, ours: Outcome, theirs: Outcome): Difference[] {
  if (ours.end !== theirs.end) return [{ what: 'end', ours: ours.end, theirs: theirs.end }];
  const differences: Difference[] = [];
  for (const field of FIELDS) {
    let a = ours.fields[field];
    let b = theirs.fields[field];
    if (field === 'flags') {
      a &= ~arithmetic;
      b &= ~arithmetic;
    }
    // An empty port floats.
    if (field === 'eax' && c.tags.has('io')) continue;
    if (a !== b) differences.push({ what: field, ours: a, theirs: b });
  }
  const addresses = new Set([...ours.memory.keys(), ...theirs.memory.keys()]);
  for (const address of [...addresses].sort((x, y) => x - y)) {
    const a = ours.memory.get(address);
    const b = theirs.memory.get(address);
    if (a !== b) differences.push({ what: 'memory', address, ours: a ?? 'unchanged', theirs: b ?? 'unchanged' });
  }
  return differences;
}

const show = (value: number | string): string => (typeof value === 'number' ? (value >>> 0).toString(16) : value);

export function showDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ what, address, ours, theirs }) => {
      const where = address === undefined ? what : `[${address.toString(16)}]`;
      return `${where}: ${show(ours)} / ${show(theirs)}`;
    })
    .join(', ');
}
