// The command `reprise`: the process around one command line (command-line.ts): its flags of V8, its standard streams,
// what is thrown outside of any command, its exit status.

import { compileBeside } from '../../engines.ts';
import { guardStandardStreams, lostOutputStatus } from '../node/standard-streams.ts';
import { setV8Flags } from '../node/v8-flags.ts';
import { runCommandLine, tellError } from './command-line.ts';

guardStandardStreams();
process.on('uncaughtException', (error) => {
  process.exitCode = tellError(error);
  process.exit();
});
setV8Flags();
compileBeside(async (isInAnyCase) => {
  const { compilerThread } = await import('../node/compiler-thread.ts');
  return compilerThread(isInAnyCase, (sentence) => process.stderr.write(`reprise: ${sentence}\n`));
});
const status = await runCommandLine(process.argv.slice(2));
process.exitCode = lostOutputStatus() ?? status;
