// One command line, from its words to its exit status: finds the verb, loads its file and nothing else, and turns
// whatever goes wrong into one sentence. Nothing here knows what the verbs do; verbs.ts is the table.

import { VERSION } from '../../version.ts';
import { parseArguments } from './args.ts';
import { overview, verbHelp } from './help.ts';
import { findVerb } from './help-command.ts';
import { sentenceOf } from './sentence.ts';
import { VERBS } from './verbs.ts';

/** EX_SOFTWARE of sysexits.h: a bug of ours. */
const BUG_STATUS = 70;

async function obey(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    process.stderr.write(overview(VERBS, VERSION));
    return 2;
  }
  if (name === '--help' || name === '-h') return obey(['help', ...rest]);
  if (name === '--version' || name === '-V') {
    process.stdout.write(`reprise ${VERSION}\n`);
    return 0;
  }
  const verb = findVerb(VERBS, name);
  const args = parseArguments(verb, rest);
  if (args.has('help')) {
    process.stdout.write(verbHelp(verb));
    return 0;
  }
  const run = await verb.load();
  return run(args, VERBS);
}

/** Says on standard error what was thrown. Returns the exit status for it. */
export function tellError(error: unknown): number {
  const known = sentenceOf(error);
  if (known !== null) {
    process.stderr.write(`reprise: ${known.text}\n`);
    return known.status;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`reprise: this is a bug of Reprise, please report it with the following.\n${text}\n`);
  return BUG_STATUS;
}

/** Does what the words behind `reprise` say. Returns the exit status; what is thrown was told. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  try {
    return await obey(words);
  } catch (error) {
    return tellError(error);
  }
}
