/**
 * `reprise view` as a process, for tests: started without a browser, its address read from what it prints.
 * Whoever starts one ends it.
 */
import { spawn } from 'node:child_process';
import { reprisePath } from '../cli/command.ts';

export interface ViewProcess {
  readonly address: string;
  readonly end: () => void;
}

export function serveView(words: readonly string[], cwd: string): Promise<ViewProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [reprisePath, 'view', ...words, '--no-open', '--json'], { cwd });
    let text = '';
    let problem = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => (problem += part));
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (!text.includes('\n')) return;
      const { address } = JSON.parse(text) as { address: string };
      resolve({ address, end: () => child.kill('SIGTERM') });
    });
    child.on('close', () => reject(new Error(`reprise view has ended: ${problem}`)));
  });
}
