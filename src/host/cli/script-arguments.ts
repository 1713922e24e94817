// The command lines of npm's scripts (bench, peers, mutation and so on), in the way of `reprise`: a row of options,
// help from it, one sentence and status 2 for what does not fit. Ends the process where there is nothing to run.

import { UsageError } from '../../core/base/usage-error.ts';
import { guardStandardStreams } from '../node/standard-streams.ts';
import { type Arguments, parseArguments, type VerbSpec } from './args.ts';
import { verbHelp } from './help.ts';

export function scriptArguments(script: VerbSpec, words: readonly string[] = process.argv.slice(2)): Arguments {
  guardStandardStreams();
  try {
    const args = parseArguments(script, words);
    if (!args.has('help')) return args;
    process.stdout.write(verbHelp(script));
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${script.name}: ${error.message}\n`);
    process.exit(2);
  }
}
