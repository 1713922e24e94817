// `reprise stat` as a user runs it: ticks by tier add up to the ticks of the window on every engine, the command in
// each row shows the row, names are the guest's, and what cannot be measured is one line that says why.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Figures } from '../../src/host/measure/figures.ts';
import type { HotRow } from '../../src/host/measure/hot-rows.ts';
import { reprise } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');
const interrupts = join(projectRoot, 'replay-logs/interrupts.rlog');

type Stat = Figures & { readonly rows: readonly HotRow[]; readonly status: number };

async function stat(...words: string[]): Promise<Stat> {
  const ended = await reprise(['stat', ...words, '--json']);
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout) as Stat;
}

const sum = (record: Readonly<Record<string, number>>): number => Object.values(record).reduce((all, n) => all + n, 0);

test('ticks by tier are the ticks of the window, whatever the engine and the window', async () => {
  for (const words of [
    ['--engine', 'interp'],
    ['--engine', 'js:threshold=2'],
    ['--tier-policy', 'threshold=2'],
  ]) {
    const whole = await stat(interrupts, ...words);
    assert.equal(sum(whole.tiers), whole.ticks);
    assert.equal(whole.unexplained, 0);
    const [from, to] = [Math.floor(whole.ticks / 3), Math.floor(whole.ticks / 2)];
    const part = await stat(interrupts, ...words, '--from', `${from}`, '--to', `${to}`);
    assert.deepEqual([part.fromTick, part.toTick, sum(part.tiers)], [from, to, to - from]);
    assert.ok(part.tiers.single + part.tiers.loop + part.tiers.compiled > 0);
  }
});

test('functions are named as the guest names them, and each row says how to see it', async () => {
  const { rows, ticks } = await stat(tasks, '--top', '1000');
  assert.equal(rows[0].name, 'put_char_wait');
  assert.equal(
    rows.reduce((all, { count }) => all + count, 0),
    ticks,
  );
  const command = /^reprise (debug) (\S+) --exec '(.*)'$/.exec(rows[0].command);
  assert.ok(command, rows[0].command);
  const shown = await reprise([command[1], command[2], '--exec', command[3]]);
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /<put_char_wait\+0x5>/);
});

test('where control falls into the next function in the middle of a block, each has its own instructions', async () => {
  const { rows } = await stat(tasks, '--top', '1000');
  const { rows: instructions } = await stat(tasks, '--by', 'instruction', '--top', '100000');
  for (const name of ['put_char', 'put_char_wait', 'put_text_next', 'put_text']) {
    const own = instructions.filter((row) => new RegExp(`^\\S+ +${name}(\\+0x[0-9a-f]+)?$`).test(row.name));
    const least = own.reduce((all, row) => all + row.count, 0);
    const count = rows.find((row) => row.name === name)?.count ?? 0;
    assert.ok(own.length > 1 && least > 0, name);
    // Single instructions at ends of slices are counted by block alone.
    assert.ok(count >= least && count < 1.1 * least, `${name}: ${count} ticks, its instructions ${least}`);
  }
});

test('every --by lists something, and blocks and pages add up', async () => {
  for (const by of ['block', 'page', 'instruction', 'device']) {
    const { rows, ticks } = await stat(tasks, '--by', by, '--top', '100000');
    assert.ok(rows.length > 0, by);
    const all = rows.reduce((total, { count }) => total + count, 0);
    if (by === 'block' || by === 'page') assert.equal(all, ticks, by);
    if (by === 'device') assert.ok(rows.some(({ name }) => name === '16550, line 0'));
  }
});

test('the text has the same figures, without colour where nobody sees it', async () => {
  const ended = await reprise(['stat', tasks]);
  assert.equal(ended.status, 0, ended.stderr);
  const text = Buffer.from(ended.stdout, 'latin1').toString('utf8');
  assert.match(text, /^ {2}all +12 901$/m);
  const { tiers, ticks } = await stat(tasks);
  const handlers = tiers.handler.toLocaleString('en-US').replaceAll(',', ' ');
  const part = ((tiers.handler * 100) / ticks).toFixed(1);
  assert.match(text, new RegExp(`^ {2}interpreter, handlers +${handlers} +${part.replace('.', '\\.')} % +█`, 'm'));
  assert.ok(!text.includes('\x1b'));
});

test('windows beyond the run and engines without counts are refused in one line', async () => {
  for (const [words, expected] of [
    [['--from', '99999999'], /no tick lies after --from 99 999 999: the run ends at tick 12 901\.$/],
    [['--to', '99999999'], /--to 99 999 999 is beyond the run: the run ends at tick 12 901\.$/],
    [['--from', '500', '--to', '400'], /no tick lies between --from 500 and --to 400: give a greater --to\.$/],
    [['--engine', 'step'], /has nothing to count: give one of interp, js, wasm, tiered\.$/],
    [['--by', 'colour'], /--by/],
    [['--symbols', 'nowhere'], /nowhere/],
  ] as const) {
    const ended = await reprise(['stat', tasks, ...words]);
    assert.equal(ended.status, 2, ended.stderr);
    assert.match(ended.stderr.trimEnd(), expected);
    assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
  }
});
