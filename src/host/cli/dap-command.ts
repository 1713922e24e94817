// `reprise dap [LOG]`: a recording for editors, by the Debug Adapter Protocol on standard input and output, or for one
// client at a time on a port of the loopback interface. The launch request may name the recording.

import { createServer, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { UsageError } from '../../core/base/usage-error.ts';
import { Guard } from '../dap/guard.ts';
import { type LaunchSettings, type OpenRecording, RecordingSession } from '../dap/session.ts';
import type { Arguments } from './args.ts';
import { EXIT, printJson, say } from './report.ts';
import { openDebugger } from './open-debugger.ts';

export async function dapCommand(args: Arguments): Promise<number> {
  const open: OpenRecording = (settings) => openRecording(args, settings);
  const port = args.number('listen');
  if (port === undefined) {
    await serve(open, process.stdin, process.stdout);
    // The client may hold its end open: the session is over all the same.
    process.stdin.destroy();
    return EXIT.ok;
  }
  return await listen(args, open, port);
}

/** One client, until it leaves. */
function serve(open: OpenRecording, input: Readable, output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const session = new RecordingSession(open, resolve);
    const guard = new Guard(output, (problem) => {
      say(`dap: ${problem}`);
      session.shutdown();
    });
    input.on('end', () => session.shutdown());
    input.on('error', () => session.shutdown());
    output.on('error', () => session.shutdown());
    session.start(input.pipe(guard), output);
  });
}

async function listen(args: Arguments, open: OpenRecording, port: number): Promise<number> {
  let isBusy = false;
  const server = createServer((socket: Socket) => {
    if (isBusy) {
      socket.end();
      return;
    }
    isBusy = true;
    void serve(open, socket, socket).then(() => {
      isBusy = false;
      socket.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new UsageError(`Port ${port} cannot be listened on (${error.message}).`)));
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const given = typeof address === 'object' && address !== null ? address.port : port;
  if (args.has('json')) printJson({ command: 'dap', port: given });
  say(`dap: editors can connect to port ${given} of this machine; Ctrl-C ends it`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  server.close();
  return EXIT.ok;
}

async function openRecording(args: Arguments, settings: LaunchSettings): ReturnType<OpenRecording> {
  const path = settings.log ?? args.positionals[0];
  if (path === undefined) throw new UsageError('Which recording? Give it as "log" in the launch configuration.');
  const asked = args.and('image', settings.images, [path]).and('symbols', settings.symbols, [path]);
  return await openDebugger(asked, 'dap');
}
