/**
 * npm run witness -- [--seed S] [--minutes M | --cases N] [--only PATTERN] [--vectors FOLDER [--per-form N]]
 *
 * Runs generated cases on silicon and on an engine until the budget is spent, form after form, and compares every
 * defined bit. A mismatch is seen again on silicon before it is believed, shrunk, and printed with both sides and as
 * one line of JSON that `caseFromText` reads. Ends with the coverage of forms; status 1 when there were mismatches.
 * With --vectors it writes committed vectors instead of comparing (vectors.ts).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Interpreter } from '../../tiers/interp/engine.ts';
import type { CaseResult, MachineCase } from './case.ts';
import { caseToText, compareResults, showComparison, showStop } from './compare.ts';
import { Emulated } from './emulated.ts';
import { formName, UNWITNESSED, WITNESSED_FORMS } from './forms.ts';
import { type GeneratedCase, generateCase } from './generator.ts';
import { hexOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import { type Vector, writeVectors } from './vectors.ts';
import { openWitness, type Witness, witnessAvailable } from './witness.ts';

const BATCH_CASES = 2048;
/** Shrinking takes about a second: one example of a kind, and not of too many kinds. */
const EXAMPLES_MAX = 40;
const SEED_STEP = 7919;

const usage =
  'npm run witness -- [--seed S] [--minutes M | --cases N] [--only PATTERN] [--vectors FOLDER [--per-form N]]';

interface Kind {
  count: number;
  examples: string[];
}

function integer(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) {
    process.stderr.write(`--${name} wants a number, not ${text}\nusage: ${usage}\n`);
    process.exit(2);
  }
  return value;
}

/** The form and seed of the n-th case of a campaign: forms take turns. */
function caseNumber(forms: typeof WITNESSED_FORMS, seed: number, n: number): GeneratedCase {
  return generateCase(forms[n % forms.length], (Math.imul(seed, 0x9e3779b1) + Math.imul(n, SEED_STEP)) | 0);
}

async function campaign(
  witness: Witness,
  forms: typeof WITNESSED_FORMS,
  seed: number,
  budget: Budget,
): Promise<boolean> {
  const ours = new Emulated((cpu) => new Interpreter(cpu));
  const kinds = new Map<string, Kind>();
  const completed = new Set<string>();
  const visited = new Set<string>();
  let count = 0;
  let mismatches = 0;
  const draw = () => Array.from({ length: BATCH_CASES }, () => caseNumber(forms, seed, count++));
  let batch = draw();
  let answers = witness.run(batch.map((g) => g.machineCase));
  while (!budget.spent(count)) {
    // Silicon works on the next batch while we run this one.
    const next = draw();
    const silicon = await answers;
    answers = witness.run(next.map((g) => g.machineCase));
    for (let i = 0; i < batch.length; i++) {
      const g = batch[i];
      visited.add(g.form);
      if (silicon[i].stop !== 'fault') completed.add(g.form);
      const result = runOurs(ours, g.machineCase);
      if (typeof result !== 'string' && compareResults(silicon[i], result, g.tolerance).length === 0) continue;
      const [again] = await witness.run([g.machineCase]);
      if (typeof result !== 'string' && compareResults(again, result, g.tolerance).length === 0) continue;
      mismatches++;
      await note(kinds, witness, ours, g, again, result);
    }
    batch = next;
  }
  await answers;
  report(kinds, witness, forms, seed, count - batch.length, mismatches, visited, completed);
  return mismatches === 0;
}

/** A string is an exception of ours: always a mismatch. */
function runOurs(ours: Emulated, c: MachineCase): CaseResult | string {
  try {
    return ours.run(c);
  } catch (error) {
    return (error as Error).stack?.split('\n').slice(0, 4).join(' | ') ?? String(error);
  }
}

/** The fields in which two results differ, memory, stack registers and vector registers as one each. */
function differing(silicon: CaseResult, result: CaseResult | string, g: GeneratedCase): string {
  if (typeof result === 'string') return 'exception';
  const fields = compareResults(silicon, result, g.tolerance).map(({ field }) =>
    field.startsWith('[') ? 'memory' : field.replace(/^(st|xmm)\d$/, '$1'),
  );
  if (fields[0] !== 'stop') return [...new Set(fields)].join(' ');
  return `${showStop(silicon).slice(0, 9)} not ${showStop(result).slice(0, 9)}`;
}

async function note(
  kinds: Map<string, Kind>,
  witness: Witness,
  ours: Emulated,
  g: GeneratedCase,
  silicon: CaseResult,
  result: CaseResult | string,
) {
  const fields = differing(silicon, result, g);
  const name = `${g.form.split(' | ')[0]}: ${fields}`;
  const kind = kinds.get(name) ?? { count: 0, examples: [] };
  kinds.set(name, kind);
  const shown = [...kinds.values()].reduce((sum, each) => sum + each.examples.length, 0);
  if (kind.count++ > 0 || shown >= EXAMPLES_MAX) return;
  const small = await shrink(g.machineCase, async (c) => {
    const [answer] = await witness.run([c]);
    if (answer.stop === 'rejected') return false;
    return differing(answer, runOurs(ours, c), g) === fields;
  });
  const [answer] = await witness.run([small]);
  const mine = runOurs(ours, small);
  const code = hexOf(small.patches[small.patches.length - 1].bytes);
  const table = typeof mine === 'string' ? mine : showComparison(small, answer, mine, g.tolerance);
  kind.examples.push(`${g.label}\n  seed ${g.seed}, code ${code}\n${table}\n${caseToText(small)}`);
  process.stdout.write(`mismatch: ${name}\n${kind.examples[kind.examples.length - 1]}\n\n`);
}

function report(
  kinds: Map<string, Kind>,
  witness: Witness,
  forms: typeof WITNESSED_FORMS,
  seed: number,
  count: number,
  mismatches: number,
  visited: Set<string>,
  completed: Set<string>,
): void {
  const out = (line: string) => process.stdout.write(`${line}\n`);
  for (const [name, kind] of [...kinds].sort((a, b) => b[1].count - a[1].count)) out(`${kind.count} × ${name}`);
  out(`${count} cases on ${witness.processor}, seed ${seed}: ${mismatches} mismatches`);
  out(`${visited.size} of ${forms.length} forms visited, ${completed.size} of them completed at least once`);
  const missed = forms.map(formName).filter((name) => !visited.has(name));
  if (missed.length > 0) out(`not visited: ${missed.slice(0, 5).join(', ')}${missed.length > 5 ? ' …' : ''}`);
  out(
    `not for this witness: ${Object.entries(UNWITNESSED)
      .map(([name, why]) => `${name} (${why})`)
      .join(', ')}`,
  );
}

/** Per form: cases that differ in how they end and what is special about them first, then any. */
async function takeVectors(
  witness: Witness,
  forms: typeof WITNESSED_FORMS,
  seed: number,
  folder: string,
  perForm: number,
): Promise<void> {
  const vectors: Record<string, Vector[]> = { integer: [], x87: [], simd: [] };
  for (const [index, form] of forms.entries()) {
    const candidates = Array.from({ length: perForm * 8 }, (_, i) => caseNumber([form], seed + index, i));
    const answers = await witness.run(candidates.map((g) => g.machineCase));
    const repeated = await witness.run(candidates.map((g) => g.machineCase));
    const groups = new Map<string, Vector[]>();
    candidates.forEach((g, i) => {
      const result = answers[i];
      if (result.stop === 'rejected' || result.stop === 'timeout' || result.stop === 'syscall') return;
      if (compareResults(result, repeated[i], g.tolerance).length > 0) return;
      const group = `${result.stop} ${result.fault?.vector} ${g.label}`;
      const vector = { label: g.label, seed: g.seed, machineCase: g.machineCase, result, tolerance: g.tolerance };
      groups.set(group, [...(groups.get(group) ?? []), vector]);
    });
    const rounds = [...groups.values()];
    const chosen: Vector[] = [];
    for (let round = 0; chosen.length < perForm && rounds.some((g) => g.length > round); round++)
      for (const group of rounds) if (group[round] && chosen.length < perForm) chosen.push(group[round]);
    vectors[form.area].push(...chosen);
  }
  for (const [area, list] of Object.entries(vectors)) {
    const bytes = writeVectors({ processor: witness.processor, vectors: list });
    writeFileSync(join(folder, `${area}.vec`), bytes);
    process.stdout.write(`${area}.vec: ${list.length} vectors, ${bytes.length} bytes\n`);
  }
}

interface Budget {
  spent(cases: number): boolean;
}

async function main(): Promise<void> {
  const options = { type: 'string' } as const;
  let values: Record<string, string | undefined>;
  try {
    ({ values } = parseArgs({
      options: {
        seed: options,
        minutes: options,
        cases: options,
        only: options,
        area: options,
        vectors: options,
        'per-form': options,
      },
    }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nusage: ${usage}\n`);
    process.exit(2);
  }
  const reason = witnessAvailable();
  if (reason !== null) {
    process.stderr.write(`no silicon witness: ${reason}\n`);
    process.exit(2);
  }
  const seed = integer('seed', values['seed'], 1);
  const area = values['area'];
  const pattern = values['only'] === undefined ? null : new RegExp(values['only']);
  const forms = WITNESSED_FORMS.filter(
    (form) => (!pattern || pattern.test(formName(form))) && (!area || form.area === area),
  );
  if (forms.length === 0) {
    process.stderr.write(`no form matches ${values['only']}; forms are named like ${formName(WITNESSED_FORMS[0])}\n`);
    process.exit(2);
  }
  const witness = await openWitness();
  if (values['vectors'] !== undefined) {
    await takeVectors(witness, forms, seed, values['vectors'], integer('per-form', values['per-form'], 8));
    witness.close();
    return;
  }
  const casesMax = integer('cases', values['cases'], Number.POSITIVE_INFINITY);
  const minutes = integer('minutes', values['minutes'], values['cases'] === undefined ? 1 : Number.POSITIVE_INFINITY);
  const end = performance.now() + minutes * 60_000;
  const agreed = await campaign(witness, forms, seed, {
    spent: (count) => count > casesMax || performance.now() >= end,
  });
  witness.close();
  process.exitCode = agreed ? 0 : 1;
}

await main();
