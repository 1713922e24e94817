/**
 * One session of the debug adapter by a real editor: Neovim, headless, with the client in neovim.lua.
 *
 *   node dist/proptests/dap/neovim.js FOLDER
 *
 * Needs nvim and a gcc for 32 bits. The editor opens the kernel's source at each stop; the lines under its cursor are
 * those that a kernel in C runs, forwards and backwards.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { record } from '../../src/library.ts';
import { reprisePath } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';
import { buildKernel, KERNEL_SOURCE, lineOf } from '../symbols/kernel/kernel.ts';

const [folder] = process.argv.slice(2);
assert.ok(folder !== undefined, 'usage: node dist/proptests/dap/neovim.js FOLDER');
mkdirSync(folder, { recursive: true });
const elf = buildKernel(folder);
const kernel = new Uint8Array(readFileSync(elf));
const { log } = await record({ images: { kernel }, memoryMegabytes: 8, maxTicks: 100_000, embed: true });
writeFileSync(join(folder, 'kernel.rlog'), log);
const out = join(folder, 'neovim.txt');
const client = join(projectRoot, 'proptests/dap/neovim.lua');
const ended = spawnSync('nvim', ['--headless', '-u', 'NONE', '-i', 'NONE', '-n', '-c', `luafile ${client}`], {
  cwd: folder,
  timeout: 300_000,
  encoding: 'utf8',
  env: {
    ...process.env,
    XDG_CACHE_HOME: folder,
    XDG_STATE_HOME: folder,
    XDG_DATA_HOME: folder,
    REPRISE_OUT: out,
    REPRISE_NODE: process.execPath,
    REPRISE_PATH: reprisePath,
    REPRISE_LOG: join(folder, 'kernel.rlog'),
    REPRISE_SYMBOLS: elf,
    REPRISE_SOURCE: join(folder, 'kernel.c'),
    REPRISE_LINE: String(lineOf('call add')),
  },
});
const said = readFileSync(out, 'utf8').trim().split('\n');
assert.equal(ended.status, 0, `${ended.stderr}\n${said.join('\n')}`);
const text = (mark: string): string => `line ${KERNEL_SOURCE[lineOf(mark) - 1].trim()}`;
assert.deepEqual(
  said.map((line) => (line.startsWith('origin ') ? 'origin' : line)),
  [
    'stepsBack true',
    'verified true',
    'reason entry',
    text('call add'),
    'reason breakpoint',
    text('counted'),
    text('call add'),
    text('add'),
    text('call add'),
    'total 0',
    text('counted'),
    'reason data breakpoint',
    text('call add'),
    'reason data breakpoint',
    'origin',
    'end well',
  ],
  said.join('\n'),
);
process.stdout.write('neovim: the session is well\n');
