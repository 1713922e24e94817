/**
 * Coverage as lcov has it: of a kernel in C by its lines, functions and branches, with the counts that one can read off
 * its source; of a guest without debug information by the lines of a listing. genhtml takes both.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { branchAt, isTaken } from '../../src/host/cli/branches.ts';
import { CF, ECX, OF, SF, ZF } from '../../src/core/state/layout.ts';
import { setFlags } from '../../src/core/state/flags.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { mappedMachine } from './fixture.ts';
import { buildKernel, lineOf, skipKernel } from './kernel/kernel.ts';

interface Coverage {
  readonly files: string[];
  readonly lines: Map<number, number>;
  readonly functions: Map<string, number>;
  readonly branches: Map<number, (number | string)[]>;
  readonly totals: Map<string, number>;
}

function parse(text: string): Coverage {
  const found: Coverage = { files: [], lines: new Map(), functions: new Map(), branches: new Map(), totals: new Map() };
  for (const line of text.trim().split('\n')) {
    const [key, ...rest] = line.split(/[:,]/);
    if (key === 'SF') found.files.push(rest.join(':'));
    else if (key === 'DA') found.lines.set(Number(rest[0]), Number(rest[1]));
    else if (key === 'FNDA') found.functions.set(rest[1], Number(rest[0]));
    else if (key === 'BRDA') {
      const taken = rest[3] === '-' ? '-' : Number(rest[3]);
      found.branches.set(Number(rest[0]), [...(found.branches.get(Number(rest[0])) ?? []), taken]);
    } else if (/^(LF|LH|FNF|FNH|BRF|BRH)$/.test(key)) found.totals.set(key, Number(rest[0]));
  }
  return found;
}

async function coverageOf(folder: string, kernel: Uint8Array, ...options: string[]): Promise<string> {
  const { log } = await record({ images: { kernel }, append: '1', memoryMegabytes: 8, embed: true, maxTicks: 60_000 });
  const [path, target] = [join(folder, 'run.rlog'), join(folder, 'run.info')];
  writeFileSync(path, log);
  const ended = await reprise(['trace', path, target, '--format', 'coverage', '--json', ...options]);
  assert.equal(ended.status, 0, ended.stderr);
  return readFileSync(target, 'utf8');
}

const skipGenhtml = spawnSync('genhtml', ['--version']).status === 0 ? false : 'genhtml (lcov) is not installed';

function takenByGenhtml(folder: string, what: RegExp): void {
  const words = ['--branch-coverage', '--output-directory', join(folder, 'html'), join(folder, 'run.info')];
  const made = spawnSync('genhtml', words, { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, what);
  assert.ok(existsSync(join(folder, 'html', 'index.html')));
}

test('lines, functions and branches of a kernel in C have the counts of its source', { skip: skipKernel }, async () => {
  await inFolder(async (folder) => {
    const elf = buildKernel(folder);
    const text = await coverageOf(folder, new Uint8Array(readFileSync(elf)));
    const { files, lines, functions, branches, totals } = parse(text);
    assert.ok(
      files.some((file) => file.endsWith('/kernel.c')),
      text,
    );
    const counts = ['begin', 'call link', 'call add', 'counted', 'add', 'base', 'recursion', 'never', 'end'].map(
      (mark) => [mark, lines.get(lineOf(mark))],
    );
    assert.deepEqual(Object.fromEntries(counts), {
      ...{ begin: 1, 'call link': 1, 'call add': 3, counted: 3, add: 3, base: 4, recursion: 3, never: 0, end: 1 },
    });
    const calls = ['kernel_main', 'add', 'factorial', 'link_items', 'put'].map((name) => functions.get(name));
    assert.deepEqual(calls, [1, 3, 4, 1, 1]);
    assert.deepEqual([...(branches.get(lineOf('base')) ?? [])].sort(), [1, 3]);
    assert.deepEqual([...(branches.get(lineOf('never') - 1) ?? [])].sort(), [0, 1]);
    assert.equal(totals.get('LF'), [...text.matchAll(/^DA:/gm)].length);
    assert.equal(totals.get('BRF'), [...text.matchAll(/^BRDA:/gm)].length);
    if (skipGenhtml === false) takenByGenhtml(folder, /functions/);
  });
});

test('code without debug information is covered by a listing that genhtml takes', { skip: skipGenhtml }, async () => {
  await inFolder(async (folder) => {
    const { files, lines, functions } = parse(await coverageOf(folder, buildGuest('sort')));
    assert.equal(files.length, 1);
    const listing = readFileSync(files[0], 'utf8').split('\n');
    assert.ok(files[0].endsWith('run.info.listing'));
    assert.ok((functions.get('quicksort') ?? 0) > 0);
    for (const line of lines.keys()) assert.match(listing[line - 1], /^ {2}0x[0-9a-f]{8} {2}\S/);
    // Instructions that were never begun are lines too.
    assert.ok([...lines.values()].some((times) => times === 0));
    takenByGenhtml(folder, /lines/);
  });
});

test('whether a jump is taken is told by flags and ECX', async () => {
  const { cpu } = await mappedMachine();
  const taken = (bytes: number[], flags: number, ecx = 0): boolean => {
    setFlags(cpu, flags | 2);
    cpu.m32[ECX] = ecx;
    return isTaken(cpu, Uint8Array.from(bytes), 32);
  };
  assert.ok(taken([0x74, 0], ZF) && !taken([0x74, 0], 0));
  assert.ok(!taken([0x0f, 0x85, 0, 0, 0, 0], ZF) && taken([0x0f, 0x85, 0, 0, 0, 0], 0));
  assert.ok(taken([0x7c, 0], SF) && !taken([0x7c, 0], SF | OF) && taken([0x7e, 0], ZF) && !taken([0x7f, 0], ZF));
  assert.ok(taken([0x76, 0], CF) && taken([0x77, 0], 0) && !taken([0x77, 0], CF));
  assert.ok(taken([0xe3, 0], 0, 0) && !taken([0xe3, 0], 0, 0x1_0000) && taken([0x67, 0xe3, 0], 0, 0x1_0000));
  assert.ok(taken([0xe2, 0], 0, 2) && !taken([0xe2, 0], 0, 1) && taken([0xe1, 0], ZF, 2) && !taken([0xe0, 0], ZF, 2));
  assert.equal(branchAt(Uint8Array.from([0xeb, 0])), null);
  assert.equal(branchAt(Uint8Array.from([0x0f, 0xa2])), null);
});
