/**
 * Starts the real command in another process, for the tests of the command line: its exit status, both outputs, the
 * time it took. A command that hangs is killed. Knows nothing of what the verbs do.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../support/poison.ts';

export const reprisePath = join(projectRoot, 'src/host/reprise.mjs');

export interface Ended {
  /** 128 + number when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Bytes for standard input; absent: none (closed at once). `hold`: it stays open without a byte. */
  readonly input?: string | 'hold';
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs `reprise` with these words. A command that hangs is killed and has status 137. */
export function reprise(words: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { cwd, input, env = {}, timeoutMs = 60_000 } = options;
  return new Promise((resolve) => {
    const startMs = performance.now();
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
      resolve({ status, stdout, stderr, milliseconds: performance.now() - startMs });
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
