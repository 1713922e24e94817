// `reprise debug LOG`: the recorded run as a place to walk in, at a terminal, by script (--exec) or by gdb (--gdb).
// Which of them it is and what is said then; what is opened is open-debugger.ts, and the commands are the debugger's.

import type { Arguments } from './args.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { runPiped, runScript } from '../debugger/script.ts';
import { withLogProblems } from '../node/log-file.ts';
import { gdbLines } from '../symbols/describe.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';
import { openDebugger } from './open-debugger.ts';

export async function debugCommand(args: Arguments): Promise<number> {
  const { debug, finish } = await openDebugger(args, 'debug');
  return await withLogProblems(args.positionals[0], async () => {
    const status = await talk(args, debug);
    await finish();
    return status;
  });
}

async function talk(args: Arguments, debug: Debugger): Promise<number> {
  const scripts = args.list('exec');
  if (args.has('gdb')) return await serve(args, debug);
  const isJson = args.has('json');
  if (scripts.length > 0) {
    await runScript(debug, scripts, isJson);
    return EXIT.ok;
  }
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    await runPiped(debug, isJson);
    return EXIT.ok;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  if (colors.level > 0) debug.mark = (text) => colors.yellow(text);
  const { runTerminal } = await import('../debugger/terminal.ts');
  await runTerminal(debug, colors);
  return EXIT.ok;
}

async function serve(args: Arguments, debug: Debugger): Promise<number> {
  await runScript(debug, args.list('exec'), false);
  const { RecordingTarget } = await import('../gdb/recording-target.ts');
  const { listenForGdb } = await import('../gdb/listen.ts');
  const wanted = args.number('gdb') ?? 0;
  const server = await listenForGdb({ target: new RecordingTarget(debug), port: wanted, say });
  if (args.has('json')) printJson({ command: 'debug', gdb: server.port });
  say(`debug: gdb can connect with: target remote :${server.port}`);
  debug.guest.refresh(debug.timeline.machine.cpu);
  for (const line of gdbLines(debug.guest)) say(`debug: ${line}`);
  if (debug.guest.isUnplaced) say('debug: where the kernel will lie is not known yet; once it runs: monitor symbols');
  process.once('SIGINT', server.close);
  process.once('SIGTERM', server.close);
  await server.closed;
  return EXIT.ok;
}
