/**
 * Many command lines in one process, one after another, as command.ts has them done for tests that are about what the
 * verbs say and not about the process around them. This file is both sides: the tests' and the process's. A command
 * that leaves something open, which would keep a process of its own from ending, is told on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as later } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runCommandLine, tellError } from '../../src/host/cli/command-line.ts';
import { setV8Flags } from '../../src/host/node/v8-flags.ts';

/** What came of a command line. */
export interface Told {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The process has ended with it. */
  readonly isOver?: true;
}

interface Asked {
  readonly words: readonly string[];
  readonly cwd: string;
}

const KILLED: Told = { status: 137, stdout: '', stderr: '', isOver: true };

/** The tests' side. The process begins with the first command line, and again after one that did not end. */
export class Commands {
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** What `reprise` does with these words in this directory, after what was asked before. */
  run(words: readonly string[], cwd: string, timeoutMs: number): Promise<Told> {
    const told = this.#last.then(() => this.#ask({ words, cwd }, timeoutMs));
    this.#last = told;
    return told;
  }

  #ask(asked: Asked, timeoutMs: number): Promise<Told> {
    const child = this.#child ?? this.#begin();
    this.#child = child;
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      const answer = (told: Told): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (told.isOver === true) this.#child = null;
        resolve(told);
      };
      child.once('close', () => answer(KILLED));
      child.once('message', (told) => answer(told as Told));
      child.send(asked);
    });
  }

  #begin(): ChildProcess {
    const child = fork(fileURLToPath(import.meta.url), ['--obey'], {
      env: { ...process.env, ...this.#env },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // The timer of a question keeps the tests going; between questions nothing does.
    child.unref();
    child.channel?.unref();
    process.once('exit', () => child.kill('SIGKILL'));
    return child;
  }
}

/** Keeps what is written to the stream from now on. Returns what takes the text since the last time. */
function listen(stream: NodeJS.WriteStream, encoding: 'latin1' | 'utf8'): () => string {
  const chunks: Buffer[] = [];
  const write = (chunk: string | Uint8Array, ...more: readonly unknown[]): boolean => {
    chunks.push(Buffer.from(chunk as string));
    const done = more.at(-1);
    if (typeof done === 'function') done();
    return true;
  };
  stream.write = write as typeof stream.write;
  return () => Buffer.concat(chunks.splice(0)).toString(encoding);
}

const PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 5;

/** What would keep a process of its own from ending, once it had its time to be closed. `own`: what this one has. */
async function leftOpen(own: readonly string[]): Promise<readonly string[]> {
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    // No timer of this file runs while it looks.
    const open = process.getActiveResourcesInfo();
    for (const name of own) if (open.includes(name)) open.splice(open.indexOf(name), 1);
    if (open.length === 0 || waited >= PATIENCE_MS) return open;
    await later(LOOK_EVERY_MS);
  }
}

function obey(): void {
  setV8Flags();
  const stdout = listen(process.stdout, 'latin1');
  const stderr = listen(process.stderr, 'utf8');
  const told = (status: number): Told => ({ status, stdout: stdout(), stderr: stderr() });
  process.on('uncaughtException', (error) => {
    process.send?.({ ...told(tellError(error)), isOver: true } satisfies Told, () => process.exit());
  });
  process.on('message', async ({ words, cwd }: Asked) => {
    process.chdir(cwd);
    process.exitCode = undefined;
    const status = await runCommandLine(words);
    const open = await leftOpen(own);
    if (open.length > 0) process.stderr.write(`left open: ${open.join(', ')}\n`);
    process.send?.(told(open.length > 0 ? 70 : status));
  });
  // The channel to the tests, which keeps a process that listens to it, and standard error where that is a pipe.
  const own = process.getActiveResourcesInfo().filter((name) => name.endsWith('Wrap'));
}

if (process.argv[2] === '--obey') obey();
