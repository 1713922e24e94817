// Rounds of runs in fresh processes, the contestants in turns: each round runs each once, the next the other way.
// Two builds of one engine run side by side, piece by piece in turns, so that what comes and goes within a second (a
// neighbour on the same core, heat, somebody else's load) hits both alike. A contestant that fails is out, with its
// reason; the others go on. Ctrl-C ends with the rounds that are whole.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../node/errors.ts';
import { Child, Stopped } from './child.ts';
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

export interface RoundsSetup {
  readonly contestants: readonly Contestant[];
  readonly job: Omit<Job, 'protocol' | 'engine' | 'isSampled' | 'isInTurns'>;
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
  const start = (one: Runs, isSampled: boolean, isInTurns: boolean): Child => {
    const { contestant } = one;
    setup.progress(done++, all, label(contestant));
    const { engine, script } = contestant;
    return new Child(script, { ...job, protocol: PROTOCOL, engine, isSampled, isInTurns }, isStopped);
  };
  const resultOf = async (one: Runs, child: Child): Promise<ChildResult | null> => {
    try {
      return await child.result;
    } catch (error) {
      if (error instanceof Stopped) throw error;
      one.failure = (error as Error).message;
      return null;
    }
  };
  const isIn = ({ failure }: Runs): boolean => failure === '';
  /** All of one engine, from the first piece to the last. */
  const sideBySide = async (group: readonly Runs[]): Promise<void> => {
    const list: { readonly one: Runs; readonly child: Child }[] = [];
    for (const one of group.filter(isIn)) {
      const child = start(one, false, true);
      // One after the other: what they load is no part of the measurement and disturbs nobody.
      await child.settles();
      list.push({ one, child });
    }
    for (let goesOn = true; goesOn; list.reverse()) {
      goesOn = false;
      for (const { child } of list) if (await child.waits()) goesOn = (await child.turn()) || goesOn;
    }
    for (const { one, child } of list) {
      const result = await resultOf(one, child);
      if (result !== null) one.results.push(result);
    }
  };
  const groups = [...new Set(contestants.map(({ engine }) => engine))].map((engine) =>
    runs.filter(({ contestant }) => contestant.engine === engine),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (const group of round % 2 === 0 ? groups : [...groups].reverse()) {
        await sideBySide(round % 2 === 0 ? group : [...group].reverse());
      }
    }
    for (const one of setup.isSampled ? runs.filter(isIn) : []) {
      one.sampled = await resultOf(one, start(one, true, false));
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  const counts = runs.filter(({ failure }) => failure === '').map(({ results }) => results.length);
  const whole = counts.length === 0 ? 0 : Math.min(...counts);
  for (const { results } of runs) results.length = Math.min(results.length, whole);
  return { runs, whole };
}
