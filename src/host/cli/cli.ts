// The command `reprise`: finds the verb, loads its file and nothing else, and turns whatever goes wrong into one
// sentence and an exit status. Nothing here knows what the verbs do; verbs.ts is the table.

import { guardStandardStreams, lostOutputStatus } from '../node/standard-streams.ts';
import { setV8Flags } from '../node/v8-flags.ts';
import { VERSION } from '../../version.ts';
import { parseArguments } from './args.ts';
import { overview, verbHelp } from './help.ts';
import { findVerb } from './help-command.ts';
import { sentenceOf } from './sentence.ts';
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

guardStandardStreams();
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});
try {
  setV8Flags();
  const status = await main(process.argv.slice(2));
  process.exitCode = lostOutputStatus() ?? status;
} catch (error) {
  fail(error);
}
