// --gdb PORT, as run, record and debug have it: the port, with sentences for what is wrong with it, and the live run
// that waits for its first client. Knows nothing of the protocol (stub.ts) or of what a target does (live-target.ts,
// recording-target.ts).

import type { Images, Session } from '../../core/session/session.ts';
import type { Arguments } from '../cli/args.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import { loadEngine, stepperName } from '../../engines.ts';
import { LiveTarget } from './live-target.ts';
import { type GdbServer, type GdbServerOptions, serveGdb } from './server.ts';
import { printJson, say } from '../cli/report.ts';

/** serveGdb, with sentences for what is wrong with the port. */
export async function listenForGdb(options: GdbServerOptions): Promise<GdbServer> {
  const { port } = options;
  try {
    return await serveGdb(options);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'EADDRINUSE')
      throw new CommandError(`Port ${port} is in use: choose another one, or 0 for any free one.`);
    if (code === 'EACCES') throw new CommandError(`Port ${port} is not allowed: choose one above 1023.`);
    throw error;
  }
}

export interface LiveGdb {
  readonly target: LiveTarget;
  readonly server: GdbServer;
}

/** The run will not begin before a client has let it; null without --gdb. */
export async function prepareLiveGdb(
  args: Arguments,
  label: string,
  session: Session,
  isRecorded: boolean,
  images: Images,
): Promise<LiveGdb | null> {
  const port = args.number('gdb');
  if (port === undefined) {
    if (args.has('symbols')) throw new UsageError('--symbols names places for gdb: give --gdb PORT too.');
    return null;
  }
  const symbols = symbolsFor(images, args.list('symbols'));
  const makeStepper = await loadEngine(stepperName());
  const target = new LiveTarget({ machine: session.machine, isRecorded, makeStepper, images, symbols });
  const server = await listenForGdb({ target, port, isUnreferenced: true, say });
  if (args.has('json')) printJson({ command: label, gdb: server.port });
  say(`${label}: waiting for gdb: target remote :${server.port}`);
  return { target, server };
}
