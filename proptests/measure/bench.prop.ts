// `reprise bench` as a user runs it: identical work on several engines, files that are compared and refused, another
// build that is measured in turns, and what cannot be measured, each in one line with the right status. Verdicts are
// tried on invented measurements (statistics.prop.ts): no test here depends on how fast this machine is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Measurement } from '../../src/host/measure/measurement.ts';
import { contestantsOf, runRounds } from '../../src/host/measure/rounds.ts';
import { inFolder, reprise, reprisePath } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');
const interrupts = join(projectRoot, 'replay-logs/interrupts.rlog');
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);

/** The same measurement with every time multiplied. */
function slowed(measured: Measurement, factor: number): Measurement {
  const rows = measured.rows.map((row) => ({
    ...row,
    times: row.times.map((round) => round.map((ms) => ms * factor)),
  }));
  return { ...measured, rows };
}

/** Rounds enough for a verdict, all alike. */
function repeated(measured: Measurement, rounds: number): Measurement {
  const rows = measured.rows.map((row) => ({ ...row, times: new Array(rounds).fill(row.times[0]) }));
  return { ...measured, rounds, rows };
}

test('a recording is measured, kept and compared', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'a.json');
    const words = ['bench', tasks, '--engines', 'interp,step,js:threshold=2', '--rounds', '1', '--pieces', '4'];
    const ended = await reprise([...words, '--save', file, '--json']);
    assert.equal(ended.status, 0, ended.stderr);
    const measured = JSON.parse(ended.stdout) as Measurement;
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Measurement;
    assert.deepEqual(saved.rows, measured.rows);
    assert.deepEqual(
      measured.rows.map(({ engine, failure }) => [engine, failure]),
      [
        ['interp', ''],
        ['step', ''],
        ['js:threshold=2', ''],
      ],
    );
    for (const row of measured.rows) {
      assert.equal(row.pieceTicks.length, 4);
      assert.equal(sum(row.pieceTicks) + row.idleTicks, saved.work.toTick, 'all ticks of the run');
      assert.ok(row.host !== null);
      const told = sum(Object.values(row.host.tiersMs));
      assert.ok(sum(row.host.stacks.map(({ ms }) => ms)) <= told + 1e-6);
    }
    // The engine that only steps has nothing to count.
    assert.deepEqual(
      saved.counted.map(({ engine }) => engine),
      ['interp', 'js:threshold=2'],
    );
    for (const { figures, blocks } of saved.counted) {
      assert.equal(sum(Object.values(figures.tiers)), figures.ticks);
      assert.equal(sum(blocks.map(({ count }) => count)), figures.ticks - figures.tiers.idle);
    }
    assert.ok(measured.rows[2].compile.functions > 0);

    const [a, b, c] = ['same.json', 'slow.json', 'other.json'].map((name) => join(folder, name));
    writeFileSync(a, JSON.stringify(repeated(saved, 5)));
    writeFileSync(b, JSON.stringify(slowed(repeated(saved, 5), 1.05)));
    const same = await reprise(['bench', 'diff', a, a]);
    assert.equal(same.status, 0, same.stderr);
    assert.match(same.stdout, /^interp: no difference, \+0\.0 % time/m);
    const slow = await reprise(['bench', 'diff', a, b]);
    assert.equal(slow.status, 1);
    assert.match(slow.stdout, /^js:threshold=2: slower, \+5\.0 % time/m);
    const fast = await reprise(['bench', 'diff', b, a, '--json']);
    assert.equal(fast.status, 0);
    assert.ok(JSON.parse(fast.stdout).differences.every(({ verdict }: { verdict: string }) => verdict === 'faster'));
    const once = await reprise(['bench', 'diff', file, file]);
    assert.match(once.stdout, /interp: too noisy for a verdict, too few rounds with 1 rounds; --rounds 5 would do/);

    writeFileSync(c, JSON.stringify({ ...saved, work: { ...saved.work, name: 'other.rlog', sha256: 'f'.repeat(64) } }));
    const cut = join(folder, 'cut.json');
    writeFileSync(cut, readFileSync(file).subarray(0, 1000));
    for (const [files, expected] of [
      [[a, c], /measured tasks\.rlog \(SHA-256 [0-9a-f]{64}\), .* measured other\.rlog \(SHA-256 f{64}\)/],
      [[a], /needs two measurements/],
      [[a, cut], /cut\.json is no JSON, or was cut off/],
      [[a, join(projectRoot, 'package.json')], /package\.json is no measurement/],
      [[a, join(folder, 'none.json')], /there is no such file/],
    ] as const) {
      const refused = await reprise(['bench', 'diff', ...files]);
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, expected);
      assert.equal(refused.stderr.trimEnd().split('\n').length, 1);
    }
    const exists = await reprise(['bench', tasks, '--save', file]);
    assert.equal(exists.status, 2);
    assert.match(exists.stderr, /a\.json cannot be created, it exists and nothing is overwritten/);
  });
});

test('another checkout is measured in turns; the same sources are the same work', async () => {
  const words = ['--engines', 'interp', '--rounds', '1', '--pieces', '2', '--no-sampling', '--json'];
  const ended = await reprise(['bench', interrupts, '--against', projectRoot, ...words]);
  assert.equal(ended.status, 0, ended.stderr);
  const { rows, differences } = JSON.parse(ended.stdout) as Measurement & { differences: readonly unknown[] };
  assert.deepEqual(
    rows.map(({ engine, build }) => [engine, build]),
    [
      ['interp', projectRoot],
      ['interp', ''],
    ],
  );
  assert.deepEqual(rows[0].pieceTicks, rows[1].pieceTicks);
  assert.equal(differences.length, 1);
});

test('what cannot be measured is one line', async () => {
  for (const [words, expected] of [
    [[tasks, '--from', '99999999'], /the run ends at tick 12 901/],
    [[tasks, '--engines', 'warp'], /There is no engine "warp"/],
    [[tasks, '--engines', 'interp,interp'], /--engines names interp twice/],
    [[tasks, '--against', '/'], /is no checkout of Reprise/],
    [[tasks, 'more'], /takes one LOG, and "more" is too much/],
    [['none.rlog'], /none\.rlog cannot be used, there is no such file/],
  ] as const) {
    const ended = await reprise(['bench', ...words]);
    assert.equal(ended.status, 2, ended.stderr);
    assert.match(ended.stderr, expected);
    assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
  }
});

test('a contestant that fails is out with its reason, and the others stand', async () => {
  const [ours] = contestantsOf(['interp'], undefined);
  const { runs, whole } = await runRounds({
    contestants: [ours, { ...ours, engine: 'warp' }, { ...ours, build: 'gone', script: '/no/such/script.js' }],
    rounds: 1,
    isSampled: false,
    job: { path: tasks, given: { files: [], places: [] }, isSalvaged: false, fromTick: 0, toTick: 1000, pieces: 2 },
    progress: () => {},
    isStopped: () => false,
  });
  assert.equal(whole, 1);
  assert.deepEqual(
    runs.map(({ failure, results }) => [failure === '', results.length]),
    [
      [true, 1],
      [false, 0],
      [false, 0],
    ],
  );
  assert.match(runs[1].failure, /There is no engine "warp"/);
});

test('Ctrl-C ends a measurement with the rounds that are whole', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'a.json');
    const words = ['bench', tasks, '--engines', 'interp', '--rounds', '1000', '--no-sampling', '--save', file];
    const child = spawn(process.execPath, [reprisePath, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const timer = setInterval(() => {
      // The file is made before the first round.
      if (!existsSync(file)) return;
      child.kill('SIGINT');
      clearInterval(timer);
    }, 50);
    const status = await new Promise((resolve) => child.on('close', resolve));
    clearInterval(timer);
    assert.equal(status, 130, stderr);
    assert.match(stderr, /^bench: stopped by the user after \d+ whole rounds; [a-z ]+\n$/);
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Measurement;
    assert.equal(saved.isWhole, false);
  });
});
