/**
 * The hunt for mismatches: generated cases, form after form, on silicon and on an engine until the budget is spent.
 * A mismatch is seen again on silicon before it is believed, then shrunk; one example of a kind is printed with both
 * sides and as a line that makes it a committed test (found.ts). Prints what it saw at the end.
 */
import type { CaseResult, MachineCase } from './case.ts';
import { compareResults, type Difference, showComparison } from './compare.ts';
import type { Emulated } from './emulated.ts';
import { type Form, formName, UNWITNESSED } from './forms.ts';
import { FOUND_FILE, foundLine } from './found.ts';
import { type GeneratedCase, generateCase } from './generator.ts';
import { withPrelude } from './prelude.ts';
import { hexOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import type { Tolerance } from './vectors.ts';
import type { Witness } from './witness.ts';

const BATCH_CASES = 2048;
/** Shrinking takes about a second: one example of a kind, and not of too many kinds. */
const EXAMPLES_MAX = 40;
const SEED_STEP = 7919;
const PROGRESS_EVERY_MS = 500;

export interface Budget {
  spent(cases: number): boolean;
  /** What is left, for people: "3:20 left". */
  left(cases: number): string;
}

export interface Hunt {
  witness: Witness;
  engineName: string;
  ours: Emulated;
  forms: readonly Form[];
  seed: number;
  budget: Budget;
}

interface Kind {
  count: number;
  example: string | null;
}

/** The n-th case of a campaign: forms take turns, and every other turn flags are left to be computed. */
export function caseNumber(forms: readonly Form[], seed: number, n: number): GeneratedCase {
  const made = generateCase(forms[n % forms.length], (Math.imul(seed, 0x9e3779b1) + Math.imul(n, SEED_STEP)) | 0);
  return Math.floor(n / forms.length) % 2 === 1 ? withPrelude(made) : made;
}

/**
 * What the engine makes of a case that silicon answered: code that it meets for the first time, and if that agrees,
 * code that it knows. A string is an exception of ours: always a mismatch.
 */
export function runOurs(
  ours: Emulated,
  c: MachineCase,
  silicon: CaseResult,
  tolerance: Tolerance,
): { result: CaseResult | string; differences: Difference[] } {
  const attempt = (run: () => CaseResult) => {
    try {
      const result = run();
      return { result, differences: compareResults(silicon, result, tolerance) };
    } catch (error) {
      const text = (error as Error).stack?.split('\n').slice(0, 4).join(' | ') ?? String(error);
      return { result: text, differences: [{ field: 'exception', silicon: '', ours: text }] };
    }
  };
  const first = attempt(() => ours.run(c));
  return first.differences.length > 0 ? first : attempt(() => ours.runAgain(c));
}

/** True when no mismatch was found. */
export async function hunt(h: Hunt): Promise<boolean> {
  const { witness, forms, seed, budget, ours } = h;
  const kinds = new Map<string, Kind>();
  const completed = new Set<string>();
  const visited = new Set<string>();
  const progress = progressLine();
  let drawn = 0;
  let compared = 0;
  let mismatches = 0;
  const draw = () => Array.from({ length: BATCH_CASES }, () => caseNumber(forms, seed, drawn++));
  let batch = draw();
  let answers = witness.run(batch.map((g) => g.machineCase));
  while (!budget.spent(compared)) {
    // Silicon works on the next batch while we run this one.
    const next = draw();
    const silicon = await answers;
    answers = witness.run(next.map((g) => g.machineCase));
    for (let i = 0; i < batch.length && !budget.spent(compared); i++) {
      const g = batch[i];
      compared++;
      visited.add(g.form);
      if (silicon[i].stop !== 'fault') completed.add(g.form);
      // A branch back into what stands before it may never end: nothing to compare.
      if (silicon[i].stop === 'timeout') continue;
      if (runOurs(ours, g.machineCase, silicon[i], g.tolerance).differences.length === 0) continue;
      const [again] = await witness.run([g.machineCase]);
      const { differences } = runOurs(ours, g.machineCase, again, g.tolerance);
      if (differences.length === 0) continue;
      mismatches++;
      progress.clear();
      await note(kinds, h, g, differences);
    }
    progress.show(() => `${compared} cases, ${mismatches} mismatches, ${budget.left(compared)}`);
    batch = next;
  }
  await answers;
  progress.clear();
  const out = (line: string) => process.stdout.write(`${line}\n`);
  for (const [name, kind] of [...kinds].sort((a, b) => b[1].count - a[1].count)) out(`${kind.count} × ${name}`);
  out(`${compared} cases, engine ${h.engineName}, on ${witness.processor}, seed ${seed}: ${mismatches} mismatches`);
  out(`${visited.size} of ${forms.length} forms visited, ${completed.size} of them completed at least once`);
  const missed = forms.map(formName).filter((name) => !visited.has(name));
  if (missed.length > 0) out(`not visited: ${missed.slice(0, 5).join(', ')}${missed.length > 5 ? ' …' : ''}`);
  out(`not for this witness (why: --coverage): ${Object.keys(UNWITNESSED).join(', ')}`);
  return mismatches === 0;
}

/** The kind of a mismatch: the fields, with memory, stack registers and vector registers as one each. */
function kindOf(differences: readonly Difference[]): string {
  const [first] = differences;
  if (first.field === 'stop') return `${first.silicon.slice(0, 8).trim()} not ${first.ours.slice(0, 8).trim()}`;
  const fields = differences.map(({ field }) =>
    field.startsWith('[') ? 'memory' : field.replace(/^(st|xmm)\d$/, '$1'),
  );
  return [...new Set(fields)].join(' ');
}

async function note(
  kinds: Map<string, Kind>,
  { witness, ours }: Hunt,
  g: GeneratedCase,
  differences: readonly Difference[],
): Promise<void> {
  const { tolerance } = g;
  const wanted = kindOf(differences);
  const name = `${g.form.split(' | ')[0]}: ${wanted}`;
  const kind = kinds.get(name) ?? { count: 0, example: null };
  const shown = [...kinds.values()].filter((each) => each.example !== null).length;
  kinds.set(name, kind);
  if (kind.count++ > 0 || shown >= EXAMPLES_MAX) return;
  const small = await shrink(g.machineCase, async (c) => {
    const [answer] = await witness.run([c]);
    if (answer.stop === 'rejected') return false;
    const found = runOurs(ours, c, answer, tolerance).differences;
    return found.length > 0 && kindOf(found) === wanted;
  });
  const [answer] = await witness.run([small]);
  const { result } = runOurs(ours, small, answer, tolerance);
  const code = hexOf(small.patches[small.patches.length - 1].bytes);
  const table = typeof result === 'string' ? result : showComparison(small, answer, result, tolerance);
  const line = foundLine({ label: g.label, machineCase: small, result: answer, tolerance });
  const place = `${g.label}\n  seed ${g.seed}, code ${code}\n${table}`;
  kind.example = `${place}\nas a test, one line for ${FOUND_FILE}:\n${line}`;
  process.stdout.write(`mismatch: ${name}\n${kind.example}\n\n`);
}

/** A line on the terminal that overwrites itself; nothing where standard error is none. */
function progressLine() {
  let shownAt = 0;
  let length = 0;
  const clear = () => {
    if (length > 0) process.stderr.write(`\r${' '.repeat(length)}\r`);
    length = 0;
  };
  const show = (text: () => string) => {
    if (!process.stderr.isTTY || performance.now() - shownAt < PROGRESS_EVERY_MS) return;
    clear();
    const line = text();
    process.stderr.write(line);
    length = line.length;
    shownAt = performance.now();
  };
  return { show, clear };
}
