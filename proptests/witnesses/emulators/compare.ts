/**
 * What two emulators must agree on after a case: how it ended, every field that the monitor prints, every doubleword of
 * the arena. Not compared: arithmetic flags of the monitor's own, and what an empty port reads.
 */
import { ARENA, FIELDS, type Field } from './layout.ts';
import type { Outcome } from './emulators.ts';
import type { CampaignCase } from './world.ts';

/** Not compared: the monitor's own arithmetic has changed them. */
const ARITHMETIC = 0x8d5;

const ENDS = ['done', 'reset', 'hang', 'stop'] as const;

/** A field, `end` (how the case ended; no values), or the address of a doubleword of the arena. */
export type Place = Field | 'end' | number;

export interface Difference {
  readonly place: Place;
  readonly ours: number;
  readonly theirs: number;
}

/** A doubleword of the arena when the case began. */
export function before(c: CampaignCase, template: DataView, address: number): number {
  const offset = address - ARENA;
  if (offset < 0 || offset + 4 > template.byteLength) return 0;
  return c.patches.get(address) ?? template.getUint32(offset, true);
}

/** What is comparable of an outcome at a place. */
export function valueAt(c: CampaignCase, template: DataView, outcome: Outcome, place: Place): number {
  if (place === 'end') return ENDS.indexOf(outcome.end);
  if (typeof place === 'number') return outcome.memory.get(place) ?? before(c, template, place);
  const value = outcome.fields[place];
  if (place === 'flags') return (value & ~ARITHMETIC) >>> 0;
  // An empty port floats.
  return place === 'eax' && c.tags.has('io') ? 0 : value;
}

/** Every place that must agree: all fields, and the doublewords that either has changed. */
export function placesOf(ours: Outcome, theirs: Outcome): Place[] {
  const addresses = new Set([...ours.memory.keys(), ...theirs.memory.keys()]);
  return [...FIELDS, ...[...addresses].sort((x, y) => x - y)];
}

export function compareOutcomes(c: CampaignCase, template: DataView, ours: Outcome, theirs: Outcome): Difference[] {
  const difference = (place: Place): Difference => ({
    place,
    ours: valueAt(c, template, ours, place),
    theirs: valueAt(c, template, theirs, place),
  });
  if (ours.end !== theirs.end) return [difference('end')];
  return placesOf(ours, theirs)
    .map(difference)
    .filter((d) => d.ours !== d.theirs);
}

const show = (value: number): string => (value >>> 0).toString(16);

export function showDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ place, ours, theirs }) => {
      if (place === 'end') return `end: ${ENDS[ours]} / ${ENDS[theirs]}`;
      return `${typeof place === 'number' ? `[${show(place)}]` : place}: ${show(ours)} / ${show(theirs)}`;
    })
    .join(', ');
}
