// `reprise origin`, `reprise why-not` and `reprise changes`: questions of the debugger about a moment of a recording,
// as verbs. --at says which moment; Ctrl-C gives the way up, and what has been found by then is told.

import { UsageError } from '../../core/base/usage-error.ts';
import { DebuggerError, Interrupted } from '../debugger/debugger-error.ts';
import { withLogProblems } from '../node/log-file.ts';
import { CommandError } from '../node/errors.ts';
import { signalStatus } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { openDebugger } from './open-debugger.ts';
import { EXIT, printJson, say } from './report.ts';

/** What is asked about: the words behind the log. */
const wanted = (args: Arguments): string => args.positionals.slice(1).join(' ');

export function originCommand(args: Arguments): Promise<number> {
  const via = args.text('via');
  const format = args.text('format');
  if (via !== undefined && !/^[1-9]\d*([.,][1-9]\d*)*$/.test(via)) {
    throw new UsageError(`--via wants numbers of choices such as 2.1, not "${via}".`);
  }
  const isGraph = format === 'dot' || args.has('all');
  if (isGraph && via !== undefined) {
    throw new UsageError('--via follows one way and --all shows every way: give one of them.');
  }
  const form = format === 'dot' ? 'dot ' : args.has('all') ? 'all ' : '';
  return ask(args, `origin ${form}${wanted(args)}${via === undefined ? '' : ` via ${via}`}`);
}

export function whyNotCommand(args: Arguments): Promise<number> {
  return ask(args, `why-not ${wanted(args)}`);
}

export function changesCommand(args: Arguments): Promise<number> {
  const where = args.text('each');
  const limit = args.number('limit');
  const at = where === undefined ? '' : ` at ${where}`;
  return ask(args, `changes ${wanted(args)}${at}${limit === undefined ? '' : ` limit ${limit}`}`);
}

async function ask(args: Arguments, line: string): Promise<number> {
  const { debug, finish } = await openDebugger(args, line.split(' ', 1)[0]);
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
    debug.isInterrupted = true;
  };
  process.on('SIGINT', interrupt);
  try {
    return await withLogProblems(args.positionals[0], async () => {
      await debug.execute(`seek ${args.text('at') ?? 'end'}`);
      const { text, data } = await debug.execute(line);
      if (args.has('json')) printJson(data);
      else process.stdout.write(`${text}\n`);
      await finish();
      return isInterrupted ? signalStatus('SIGINT') : EXIT.ok;
    });
  } catch (error) {
    if (error instanceof Interrupted && isInterrupted) {
      say(`${line.split(' ', 1)[0]}: given up before there was an answer`);
      return signalStatus('SIGINT');
    }
    if (error instanceof DebuggerError) throw new CommandError(error.message);
    throw error;
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}
