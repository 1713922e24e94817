/**
 * npm run witness -- [--seed S] [--minutes M | --cases N] [--engine NAME] [--only PATTERN] [--area AREA]
 *                    [--coverage | --vectors FOLDER [--per-form N]]
 *
 * Runs generated cases on silicon and on an engine and compares every defined bit (hunt.ts); status 1 when there were
 * mismatches. With --coverage it reports what is tested of each row instead (coverage.ts), with --vectors it takes
 * vectors for committing (harvest.ts). Without a witness it says why and ends with status 2.
 */
import { scriptArguments } from '../../../src/host/cli/script-arguments.ts';
import { UsageError } from '../../../src/core/base/usage-error.ts';
import { DEFAULT_ENGINE, EngineError, loadEngine } from '../../../src/engines.ts';
import { coverage } from './coverage.ts';
import { Emulated } from './emulated.ts';
import { formName, WITNESSED_FORMS } from './forms.ts';
import { takeVectors } from './harvest.ts';
import { type Budget, hunt } from './hunt.ts';
import { whyNotImitated } from '../../support/imitated.ts';
import { openWitness, witnessAvailable } from './witness.ts';

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
  const args = scriptArguments({
    name: 'witness',
    program: 'npm run witness --',
    isText: true,
    positionals: [],
    brief: 'random instructions against this processor',
    summary:
      'Runs random instructions on the processor of this machine and on an engine, and compares every defined bit.',
    options: [
      { name: 'seed', value: 'S', help: 'of the cases (default 1)' },
      { name: 'minutes', value: 'M', help: 'for so long (default 1)' },
      { name: 'cases', value: 'N', help: 'so many cases instead' },
      { name: 'engine', value: 'NAME', kind: 'engine', help: `the engine (default ${DEFAULT_ENGINE})` },
      { name: 'only', value: 'PATTERN', help: 'forms whose name matches this regular expression' },
      { name: 'area', value: 'NAME', choices: AREAS, help: `one of ${AREAS.join(', ')}` },
      { name: 'coverage', help: 'say what is tested of each row, run nothing else' },
      { name: 'vectors', value: 'FOLDER', kind: 'directory', help: 'take vectors for committing' },
      {
        name: 'imitated-only',
        help: 'end with status 3, and a word, on a processor that differs from those that the engines imitate (AMD)',
      },
      { name: 'per-form', value: 'N', help: 'so many vectors a form (default 12)' },
    ],
    notes: [
      'Status 1 when there were mismatches; 2 without a witness, with the reason.',
      'Processors differ where the manuals leave room; proptests/witnesses/silicon/README.md lists where Intel does.',
    ],
  });
  const seed = number('seed', args.text('seed'), 1);
  const casesMax = number('cases', args.text('cases'), Number.POSITIVE_INFINITY);
  const minutes = number('minutes', args.text('minutes'), args.has('cases') ? Number.POSITIVE_INFINITY : 1);
  const perForm = number('per-form', args.text('per-form'), 12);
  const forms = chooseForms(args.text('only'), args.text('area'));
  const engineName = args.text('engine') ?? DEFAULT_ENGINE;
  const vectors = args.text('vectors');
  const ours = new Emulated(await loadEngine(engineName));
  const reason = witnessAvailable();
  if (reason !== null) process.stderr.write(`no silicon witness: ${reason}\n`);
  if (reason !== null && !args.has('coverage')) return 2;
  const witness = reason === null ? await openWitness() : null;
  try {
    const other = args.has('imitated-only') && witness !== null ? whyNotImitated(witness.processor) : null;
    if (other !== null) {
      process.stderr.write(`${other}\n`);
      return 3;
    }
    if (args.has('coverage') || witness === null) {
      for (const line of await coverage(witness, seed, COVERAGE_CASES_PER_FORM)) process.stdout.write(`${line}\n`);
      return 0;
    }
    const agreed =
      vectors === undefined
        ? await hunt({ witness, engineName, ours, forms, seed, budget: makeBudget(minutes, casesMax) })
        : await takeVectors(witness, ours, forms, seed, vectors, perForm);
    return agreed ? 0 : 1;
  } finally {
    witness?.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof EngineError)) throw error;
  process.stderr.write(`witness: ${error.message}; npm run witness -- --help lists the options.\n`);
  process.exitCode = 2;
}
