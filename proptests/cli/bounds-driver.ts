// Runs many command lines in one process, for bounds.prop.ts: a list of word lists comes as JSON in a file, each is
// parsed and done as the command `reprise` does it, and what came of it goes to another file, a line of JSON each. What
// the commands print is kept from the terminal.

import { appendFileSync, readFileSync } from 'node:fs';
import { parseArguments } from '../../src/host/cli/args.ts';
import { sentenceOf } from '../../src/host/cli/sentence.ts';
import { VERBS } from '../../src/host/cli/verbs.ts';

export interface Outcome {
  readonly words: readonly string[];
  readonly status: number;
  /** What a person reads; empty when all went well. */
  readonly text: string;
  /** The stack of an error that no person should see. */
  readonly bug: string | null;
}

async function outcomeOf(words: readonly string[]): Promise<Outcome> {
  const [name, ...rest] = words;
  const verb = VERBS.find((each) => each.name === name);
  if (verb === undefined) throw new Error(`no verb ${name}`);
  try {
    const args = parseArguments(verb, rest);
    const run = await verb.load();
    return { words, status: await run(args, VERBS), text: '', bug: null };
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence !== null) return { words, ...sentence, bug: null };
    return { words, status: 70, text: '', bug: error instanceof Error ? (error.stack ?? '') : String(error) };
  }
}

const [, , from, to] = process.argv;
if (from !== undefined && to !== undefined) {
  const silent = (_text: unknown, ...more: readonly unknown[]): boolean => {
    const done = more.at(-1);
    if (typeof done === 'function') done();
    return true;
  };
  process.stdout.write = silent as typeof process.stdout.write;
  process.stderr.write = silent as typeof process.stderr.write;
  let current: readonly string[] = [];
  process.on('uncaughtException', (error) => {
    appendFileSync(to, `${JSON.stringify({ words: current, status: 70, text: '', bug: error.stack ?? '' })}\n`);
    process.exit(1);
  });
  for (const words of JSON.parse(readFileSync(from, 'utf8')) as string[][]) {
    current = words;
    appendFileSync(to, `${JSON.stringify(await outcomeOf(words))}\n`);
  }
  process.exit(0);
}
