// The real gdb as a client, in batch mode: runs commands against a server and gives the lines that begin with `@`,
// which are the test's own printf. Tests that use it are skipped where gdb is not installed; nothing else is checked
// here.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { GdbServer } from '../../src/host/gdb/server.ts';

const GDB_MS_MAX = 120_000;

/** For `skip` of a test: false, or why there is none. */
export const skipGdb = spawnSync('gdb', ['--version']).status === 0 ? false : 'gdb is not installed';

/** `program` is a file whose symbols gdb is to know. */
export async function runGdb(
  server: GdbServer,
  commands: readonly string[],
  program?: string,
  protocol: 'remote' | 'extended-remote' = 'remote',
): Promise<string[]> {
  const all = ['set debuginfod enabled off', 'set confirm off', `target ${protocol} :${server.port}`, ...commands];
  const files = program === undefined ? [] : [program];
  const child = spawn('gdb', ['-nx', '-batch', ...all.flatMap((command) => ['-ex', command]), ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const timer = setTimeout(() => child.kill(), GDB_MS_MAX);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  server.close();
  await server.closed;
  const lines = text.split('\n').filter((line) => line.startsWith('@'));
  assert.ok(lines.length > 0, text);
  return lines;
}
