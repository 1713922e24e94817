// Rounds of runs in fresh processes, the contestants in turns: every round runs each once, the next one in the opposite
// order, so that what drifts (heat, somebody else's load) hits all alike. A contestant that fails is out, with its
// reason; the others go on. Ctrl-C ends with the rounds that are whole.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../node/errors.ts';
import { type ChildResult, type Job, PROTOCOL } from './child-run.ts';

/** An engine of a build. */
export interface Contestant {
  readonly engine: string;
  /** Its name in reports: '' for this build. */
  readonly build: string;
  /** The script that runs a job. */
  readonly script: string;
}

export interface Runs {
  readonly contestant: Contestant;
  readonly results: ChildResult[];
  /** Of the sampled run, if there was one. */
  sampled: ChildResult | null;
  /** Why it is out; '' while it is not. */
  failure: string;
}

const HERE = fileURLToPath(new URL('./child-run.js', import.meta.url));
const IN_BUILD = 'dist/src/host/measure/child-run.js';

/** Engines of this build, and of another checkout when one is given. */
export function contestantsOf(engines: readonly string[], against: string | undefined): Contestant[] {
  const ours = engines.map((engine): Contestant => ({ engine, build: '', script: HERE }));
  if (against === undefined) return ours;
  const script = join(against, IN_BUILD);
  if (!existsSync(script)) {
    const isCheckout = existsSync(join(against, 'package.json'));
    const why = isCheckout
      ? `${against} has no ${IN_BUILD}: build it (npm run build); one from before reprise bench cannot be measured`
      : `${against} is no checkout of Reprise: give the folder that has package.json and dist`;
    throw new CommandError(`--against: ${why}.`);
  }
  // The other build first: what is asked is what this one has changed.
  return engines.flatMap((engine) => [
    { engine, build: against, script },
    ...ours.filter((one) => one.engine === engine),
  ]);
}

export class Stopped extends Error {}

/** One run; rejects with the last line that the process said. */
function runChild(script: string, job: Job, isStopped: () => boolean): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => reject(error));
    child.on('close', (status, signal) => {
      if (isStopped()) reject(new Stopped());
      else if (status === 0) resolve(JSON.parse(stdout) as ChildResult);
      else {
        const said = stderr.trimEnd().split('\n').at(-1) ?? '';
        reject(new Error(said !== '' ? said : `its process ended with ${signal ?? `status ${status}`}`));
      }
    });
    const timer = setInterval(() => {
      if (isStopped()) child.kill('SIGTERM');
    }, 100);
    child.on('close', () => clearInterval(timer));
  });
}

export interface RoundsSetup {
  readonly contestants: readonly Contestant[];
  readonly job: Omit<Job, 'protocol' | 'engine' | 'isSampled'>;
  readonly rounds: number;
  /** Whether each contestant gets one more run that is sampled. */
  readonly isSampled: boolean;
  /** Told of each run that is over, of all. */
  readonly progress: (done: number, all: number, what: string) => void;
  readonly isStopped: () => boolean;
}

export interface Rounds {
  readonly runs: readonly Runs[];
  /** Rounds that every contestant that is not out has run. */
  readonly whole: number;
}

const label = ({ engine, build }: Contestant): string => (build === '' ? engine : `${engine} of ${build}`);

export async function runRounds(setup: RoundsSetup): Promise<Rounds> {
  const { contestants, job, rounds, isStopped } = setup;
  const runs = contestants.map((contestant): Runs => ({ contestant, results: [], sampled: null, failure: '' }));
  const all = contestants.length * (rounds + (setup.isSampled ? 1 : 0));
  let done = 0;
  const once = async (one: Runs, isSampled: boolean): Promise<void> => {
    const { contestant } = one;
    done++;
    if (one.failure !== '') return;
    setup.progress(done - 1, all, label(contestant));
    try {
      const whole: Job = { ...job, protocol: PROTOCOL, engine: contestant.engine, isSampled };
      const result = await runChild(contestant.script, whole, isStopped);
      if (isSampled) one.sampled = result;
      else one.results.push(result);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      one.failure = (error as Error).message;
    }
  };
  try {
    for (let round = 0; round < rounds; round++) {
      for (const one of round % 2 === 0 ? runs : [...runs].reverse()) await once(one, false);
    }
    if (setup.isSampled) for (const one of runs) await once(one, true);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  const counts = runs.filter(({ failure }) => failure === '').map(({ results }) => results.length);
  const whole = counts.length === 0 ? 0 : Math.min(...counts);
  for (const { results } of runs) results.length = Math.min(results.length, whole);
  return { runs, whole };
}
