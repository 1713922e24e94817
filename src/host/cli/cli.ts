// The command `reprise`: finds the verb, loads its file and nothing else, and turns whatever goes wrong into one
// sentence and an exit status. Nothing here knows what the verbs do; verbs.ts is the table.

import { CommandError, UsageError } from '../node/errors.ts';
import { setV8Flags } from '../node/v8-flags.ts';
import { VERSION } from '../../version.ts';
import { parseArguments } from './args.ts';
import { overview, verbHelp } from './help.ts';
import { findVerb } from './help-command.ts';
import { VERBS } from './verbs.ts';

async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    process.stderr.write(overview(VERBS, VERSION));
    return 2;
  }
  if (name === '--help' || name === '-h') return main(['help', ...rest]);
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

/** What a person should read; null for a bug of ours. */
function sentenceOf(error: unknown): { readonly text: string; readonly status: number } | null {
  if (error instanceof UsageError) return { text: error.message, status: 2 };
  if (error instanceof CommandError) return { text: error.message, status: error.status };
  // Loaders, sessions, logs and engines are loaded with the verbs: known by name here.
  if (error instanceof Error && ['BootError', 'SessionError', 'LogError', 'EngineError'].includes(error.name)) {
    // Loaders begin their sentences in lower case, as the rest of one.
    return { text: error.message[0].toUpperCase() + error.message.slice(1), status: 2 };
  }
  return null;
}

function fail(error: unknown): void {
  const known = sentenceOf(error);
  if (known !== null) {
    process.stderr.write(`reprise: ${known.text}\n`);
    process.exitCode = known.status;
    return;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`reprise: this is a bug of Reprise, please report it with the following.\n${text}\n`);
  process.exitCode = 70;
}

try {
  setV8Flags();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
