// What `reprise explore` tells at a terminal: the window as one line in which every cell is a stretch of places, what
// the places came to, and the instructions at which they come to something else. Draws only.

import { type ExploreResult, type ExploreSettings, outcomeClasses, type Stretch } from '../../core/chaos/explore.ts';
import { count } from '../node/progress.ts';
import type { Arguments } from './args.ts';
import { loadColors, say } from './report.ts';

const CELLS = 64;
const CLASSES_SHOWN = 8;
export const STRETCHES_SHOWN = 20;
/** The commonest outcome is a point. */
const LETTERS = '.ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const MIXED = '+';
const OTHER = '?';

/** Those that are named with their instruction: failing ones or, where nothing was called a failure, uncommon ones. */
export function notableStretches(stretches: readonly Stretch[], hasFailures: boolean): readonly Stretch[] {
  if (hasFailures) return stretches.filter(({ fails }) => fails);
  const commonest = outcomeClasses(stretches)[0]?.outcome;
  return stretches.filter(({ outcome }) => outcome !== commonest);
}

export async function reportWindow(
  args: Arguments,
  result: ExploreResult,
  placeOf: (stretch: Stretch) => string,
  { fromTick, toTick }: ExploreSettings,
): Promise<void> {
  const colors = await loadColors(args.has('no-color'), process.stderr);
  const hasFailures = args.has('fails');
  const { places: all, failing, merged, spared, stretches } = result;
  const classes = outcomeClasses(stretches);
  const letterOf = (outcome: string): string => LETTERS[classes.findIndex((one) => one.outcome === outcome)] ?? OTHER;
  const cellOf = (inCell: readonly Stretch[]): string => {
    if (inCell.length === 0) return ' ';
    if (!hasFailures) {
      const letters = new Set(inCell.map(({ outcome }) => letterOf(outcome)));
      return letters.size === 1 ? [...letters][0] : MIXED;
    }
    if (inCell.every(({ fails }) => fails)) return colors.red('#');
    return inCell.some(({ fails }) => fails) ? colors.red(MIXED) : '.';
  };
  const cells = Math.min(CELLS, toTick - fromTick);
  const cellTicks = (toTick - fromTick) / cells;
  const line = Array.from({ length: cells }, (_, cell) => {
    const from = fromTick + cell * cellTicks;
    return cellOf(stretches.filter((one) => one.fromTick < from + cellTicks && one.toTick > from));
  }).join('');
  if (hasFailures) say(`explore: ${count(failing)} of ${count(all)} places fail`);
  else if (classes.length === 1) say(`explore: all ${count(all)} places come to the same`);
  else say(`explore: ${count(all)} places come to ${count(classes.length)} different outcomes`);
  const early = `${count(merged)} runs came to a known state early`;
  say(`  ${count(spared)} places cannot differ from a neighbour and were not run; ${early}`);
  const legend = hasFailures ? '. well, + some fail, # all fail' : '. the commonest, + several, letters as below';
  say(`  ${count(fromTick)} [${line}] ${count(toTick)}   ${legend}`);
  if (!hasFailures) {
    for (const { outcome, places, fromTick: first } of classes.slice(0, CLASSES_SHOWN)) {
      say(`  ${letterOf(outcome)} ${count(places)} places, the first ${count(first)}: ${outcome}`);
    }
    if (classes.length > CLASSES_SHOWN) say(`  and ${count(classes.length - CLASSES_SHOWN)} more (--json has all)`);
  }
  const rows = notableStretches(stretches, hasFailures);
  for (const stretch of rows.slice(0, STRETCHES_SHOWN)) {
    const size = stretch.toTick - stretch.fromTick;
    const letter = hasFailures ? '' : `${letterOf(stretch.outcome)} `;
    say(
      `  ${letter}${count(stretch.fromTick)}${size === 1 ? '' : ` and ${count(size - 1)} more`}: ${placeOf(stretch)}`,
    );
  }
  if (rows.length > STRETCHES_SHOWN)
    say(`  and ${count(rows.length - STRETCHES_SHOWN)} more stretches (--json has all)`);
  if (!result.isComplete) say('explore: stopped; the places above are those that were run');
}
