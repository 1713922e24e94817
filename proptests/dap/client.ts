/**
 * The debug adapter as a child process, and the test client of its protocol: what the tests, the random scenarios and
 * the editor's session have in common.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import { reprisePath } from '../cli/command.ts';

/** Adapters that are started in a folder; `close` ends them. */
export class Adapters {
  private readonly children: ChildProcess[] = [];
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  close(): void {
    for (const child of this.children) child.kill();
  }

  /** Of the last one that was started. */
  get lastPid(): number {
    return this.children.at(-1)?.pid ?? -1;
  }

  /** The port that a new one listens on. */
  async listening(...words: string[]): Promise<number> {
    const env = { ...process.env, XDG_CACHE_HOME: this.folder, XDG_STATE_HOME: this.folder };
    const child = spawn(process.execPath, [reprisePath, 'dap', '--listen', '0', '--json', ...words], {
      cwd: this.folder,
      env,
    });
    this.children.push(child);
    const said = await new Promise<string>((resolve, reject) => {
      let heard = '';
      child.stdout.on('data', (data) => {
        heard += String(data);
        if (heard.includes('\n')) resolve(heard);
      });
      child.on('close', (code) => reject(new Error(`reprise dap ended with status ${code}`)));
    });
    return JSON.parse(said.split('\n')[0]).port;
  }
}

/** A client, its recording open and everything set that `configure` sets; stopped at the entry. */
export async function opened(
  port: number,
  launch: Record<string, unknown>,
  configure: (client: DebugClient) => Promise<unknown> = async () => {},
): Promise<DebugClient> {
  const client = new DebugClient('node', '', 'reprise');
  await client.start(port);
  await client.initializeRequest();
  const initialized = client.waitForEvent('initialized');
  const launched = client.launchRequest(launch as DebugProtocol.LaunchRequestArguments);
  await launched;
  await initialized;
  await configure(client);
  const stopped = client.waitForEvent('stopped');
  await client.configurationDoneRequest();
  assert.equal((await stopped).body.reason, 'entry');
  return client;
}

/** A request that moves, and why it stopped. */
export async function moved(client: DebugClient, command: string, args: object = { threadId: 1 }): Promise<string> {
  const stopped = client.waitForEvent('stopped');
  await client.send(command, args);
  return (await stopped).body.reason;
}

export async function top(client: DebugClient): Promise<DebugProtocol.StackFrame> {
  return (await client.stackTraceRequest({ threadId: 1 })).body.stackFrames[0];
}

export async function evaluated(client: DebugClient, expression: string, context = 'watch'): Promise<string> {
  return (await client.evaluateRequest({ expression, context, frameId: 1 })).body.result;
}
