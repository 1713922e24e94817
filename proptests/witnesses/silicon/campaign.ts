/**
 * npm run witness -- [--seed S] [--minutes M | --cases N] [--engine NAME] [--only PATTERN] [--area AREA]
 *                    [--coverage | --vectors FOLDER [--per-form N]]
 *
 * Runs generated cases on silicon and on an engine and compares every defined bit (hunt.ts); status 1 when there were
 * mismatches. With --coverage it reports what is tested of each row instead (coverage.ts), with --vectors it takes
 * vectors for committing (harvest.ts). Without a witness it says why and ends with status 2.
 */
import { parseArgs } from 'node:util';
import { UsageError } from '../../../src/host/cli/args.ts';
import { DEFAULT_ENGINE, EngineError, loadEngine } from '../../../src/engines.ts';
import { coverage } from './coverage.ts';
import { Emulated } from './emulated.ts';
import { formName, WITNESSED_FORMS } from './forms.ts';
import { takeVectors } from './harvest.ts';
import { type Budget, hunt } from './hunt.ts';
import { openWitness, witnessAvailable } from './witness.ts';

const usage = `npm run witness -- [--seed S] [--minutes M | --cases N] [--engine NAME] [--only PATTERN]
  [--area integer|x87|simd] [--coverage | --vectors FOLDER [--per-form N]]`;
const AREAS = ['integer', 'x87', 'simd'];
const COVERAGE_CASES_PER_FORM = 40;

function number(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new UsageError(`--${name} wants a number, not "${text}"`);
  return value;
}

function chooseForms(only: string | undefined, area: string | undefined): typeof WITNESSED_FORMS {
  if (area !== undefined && !AREAS.includes(area))
    throw new UsageError(`--area wants one of ${AREAS.join(', ')}, not "${area}"`);
  let pattern: RegExp | null;
  try {
    pattern = only === undefined ? null : new RegExp(only);
  } catch (error) {
    throw new UsageError(`--only wants a regular expression: ${(error as Error).message}`);
  }
  const forms = WITNESSED_FORMS.filter((f) => (!pattern || pattern.test(formName(f))) && (!area || f.area === area));
  if (forms.length === 0)
    throw new UsageError(`no form matches ${only}; forms are named like ${formName(WITNESSED_FORMS[0])}`);
  return forms;
}

function makeBudget(minutes: number, casesMax: number): Budget {
  const end = performance.now() + minutes * 60_000;
  return {
    spent: (cases) => cases >= casesMax || performance.now() >= end,
    left(cases) {
      if (Number.isFinite(casesMax)) return `${casesMax - cases} left`;
      const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
      return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;
    },
  };
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      seed: text,
      minutes: text,
      cases: text,
      engine: text,
      only: text,
      area: text,
      coverage: { type: 'boolean' },
      vectors: text,
      'per-form': text,
    },
  });
  const seed = number('seed', values.seed, 1);
  const casesMax = number('cases', values.cases, Number.POSITIVE_INFINITY);
  const minutes = number('minutes', values.minutes, values.cases === undefined ? 1 : Number.POSITIVE_INFINITY);
  const perForm = number('per-form', values['per-form'], 12);
  const forms = chooseForms(values.only, values.area);
  const engineName = values.engine ?? DEFAULT_ENGINE;
  const ours = new Emulated(await loadEngine(engineName));
  const reason = witnessAvailable();
  if (reason !== null) process.stderr.write(`no silicon witness: ${reason}\n`);
  if (reason !== null && !values.coverage) return 2;
  const witness = reason === null ? await openWitness() : null;
  try {
    if (values.coverage || witness === null) {
      for (const line of await coverage(witness, seed, COVERAGE_CASES_PER_FORM)) process.stdout.write(`${line}\n`);
      return 0;
    }
    const agreed =
      values.vectors === undefined
        ? await hunt({ witness, engineName, ours, forms, seed, budget: makeBudget(minutes, casesMax) })
        : await takeVectors(witness, ours, forms, seed, values.vectors, perForm);
    return agreed ? 0 : 1;
  } finally {
    witness?.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const { code } = error as { code?: string };
  if (!(error instanceof UsageError || error instanceof EngineError) && !code?.startsWith('ERR_PARSE_ARGS'))
    throw error;
  process.stderr.write(`${(error as Error).message}\nusage: ${usage}\n`);
  process.exitCode = 2;
}
