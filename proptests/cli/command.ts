/**
 * Does what the command `reprise` does with some words, in another process, for the tests of the command line: its exit
 * status, both outputs. A command that hangs is killed. Knows nothing of what the verbs do.
 *
 * Starting a process takes longer than most commands: those of a test file share one (commands.ts), one after another,
 * unless the test is about the process itself, or gives it something on standard input.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../support/poison.ts';
import { Commands } from './commands.ts';

export const reprisePath = join(projectRoot, 'src/host/reprise.mjs');

export interface Ended {
  /** 128 + number when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Bytes for standard input; absent: none (closed at once). `hold`: it stays open without a byte. */
  readonly input?: string | 'hold';
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Started as a user does, in a process of its own, as it is also with `input`. */
  readonly isAlone?: boolean;
}

/** By environment. */
const shared = new Map<string, Commands>();

/** Runs `reprise` with these words. A command that hangs is killed and has status 137. */
export async function reprise(words: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { cwd = process.cwd(), env = {}, timeoutMs = 60_000 } = options;
  if (options.isAlone === true || options.input !== undefined) return repriseAlone(words, options);
  const key = JSON.stringify(env);
  const commands = shared.get(key) ?? new Commands(env);
  shared.set(key, commands);
  return commands.run(words, cwd, timeoutMs);
}

function repriseAlone(words: readonly string[], options: CommandOptions): Promise<Ended> {
  const { cwd, input, env = {}, timeoutMs = 60_000 } = options;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [reprisePath, ...words], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {});
    if (input !== 'hold') child.stdin.end(input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const status = code ?? (signal === 'SIGKILL' ? 137 : 143);
      resolve({ status, stdout, stderr });
    });
  });
}

/** An empty folder for a test, removed when it is over. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-cli-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
