// The report of `reprise bench` in a real browser: opened from disk it shows the figures of the JSON in light and dark,
// without an error and without asking a network for anything; and the speedscope file in speedscope itself. Needs
// Debian's chromium, and is skipped by name without it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Measurement, rowFigures } from '../../src/host/measure/measurement.ts';
import { type SpeedscopeFile, speedscopeFile, csvText } from '../../src/host/measure/speedscope.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { launch, skip, watch } from '../page/browser.ts';
import { projectRoot } from '../support/poison.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');

test('the report opens from disk and has the figures of the JSON', { skip }, async () => {
  await inFolder(async (folder) => {
    const [html, json] = [join(folder, 'report.html'), join(folder, 'a.json')];
    const words = ['--engines', 'interp,js:threshold=2', '--rounds', '1', '--pieces', '10', '--top', '5'];
    const ended = await reprise(['bench', tasks, ...words, '--html', html, '--save', json]);
    assert.equal(ended.status, 0, ended.stderr);
    const measured = JSON.parse(readFileSync(json, 'utf8')) as Measurement;
    const browser = await launch();
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ colorScheme });
        const wrong = watch(page);
        await page.goto(pathToFileURL(html).href);
        await page.waitForFunction("document.documentElement.dataset.drawn === 'yes'");
        const text = String(await page.evaluate('document.body.innerText'));
        for (const row of measured.rows) {
          assert.ok(text.includes(rowFigures(row).speed.toFixed(1)), `${row.engine}: ${rowFigures(row).speed}`);
        }
        for (const { figures } of measured.counted) {
          assert.ok(text.includes(String(figures.tiers.loop).replace(/\B(?=(\d{3})+$)/g, ' ')));
        }
        const [hottest] = measured.counted[1].hot;
        assert.ok(text.includes(hottest.name) && text.includes(hottest.command));
        assert.equal(await page.locator('#curves canvas').count(), 1);
        assert.equal(await page.locator('.u-over').count(), 1 + measured.counted.length);
        for (const [i] of measured.counted.entries()) {
          assert.ok((await page.locator(`#flame${i} rect`).count()) > 5, 'a flame graph has frames');
        }
        // Searching marks a function, and a click on one makes it the whole.
        await page.fill('.flame-tools input >> nth=0', hottest.name);
        await page.click('#flame0 g >> nth=1');
        const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        assert.equal(background, colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(13, 17, 23)');
        assert.deepEqual(wrong, []);
        await page.close();
      }
      const side = join(folder, 'side.html');
      const compared = await reprise(['bench', 'diff', json, json, '--html', side]);
      assert.equal(compared.status, 0, compared.stderr);
      const page = await browser.newPage();
      const wrong = watch(page);
      await page.goto(pathToFileURL(side).href);
      await page.waitForFunction("document.documentElement.dataset.drawn === 'yes'");
      assert.match(String(await page.evaluate('document.body.innerText')), /Two runs side by side/);
      assert.deepEqual(wrong, []);
    } finally {
      await browser.close();
    }
    const again = await reprise(['bench', 'diff', json, json, '--html', html]);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /report\.html cannot be created, it exists and nothing is overwritten/);
  });
});

test('speedscope loads the speedscope file', { skip }, async () => {
  await inFolder(async (folder) => {
    const words = ['--engines', 'js:threshold=2', '--rounds', '1', '--pieces', '2', '--format', 'speedscope'];
    const ended = await reprise(['bench', tasks, ...words]);
    assert.equal(ended.status, 0, ended.stderr);
    const file = join(folder, 'a.speedscope.json');
    writeFileSync(file, ended.stdout, 'latin1');
    const { profiles } = JSON.parse(ended.stdout) as SpeedscopeFile;
    const release = dirname(createRequire(import.meta.url).resolve('speedscope/package.json'));
    const browser = await launch();
    try {
      const page = await browser.newPage();
      const wrong = watch(page);
      // As its own command line does: the page takes a script with the file.
      const script = join(folder, 'load.js');
      const base64 = readFileSync(file).toString('base64');
      writeFileSync(script, `speedscope.loadFileFromBase64('a.speedscope.json', '${base64}')`);
      const address = pathToFileURL(join(release, 'dist/release/index.html')).href;
      await page.goto(`${address}#localProfilePath=${script}`);
      await page.waitForFunction(`document.body.innerText.includes(${JSON.stringify(profiles[0].name)})`);
      assert.deepEqual(
        wrong.filter((line) => line.startsWith('error') || line.startsWith('request')),
        [],
      );
    } finally {
      await browser.close();
    }
  });
});

test('the formats for programs hold what was measured', async () => {
  const words = ['--engines', 'interp', '--rounds', '1', '--pieces', '2', '--json'];
  const ended = await reprise(['bench', tasks, ...words]);
  assert.equal(ended.status, 0, ended.stderr);
  const measured = JSON.parse(Buffer.from(ended.stdout, 'latin1').toString('utf8')) as Measurement;
  const { profiles, shared } = speedscopeFile(measured);
  assert.deepEqual(
    profiles.map(({ name }) => name),
    ['guest ticks, interp', 'host time, interp'],
  );
  const { figures } = measured.counted[0];
  assert.equal(profiles[0].endValue, figures.ticks - figures.tiers.idle);
  for (const { samples, weights } of profiles) {
    assert.equal(samples.length, weights.length);
    assert.ok(samples.flat().every((frame) => shared.frames[frame] !== undefined));
  }
  const [head, row] = csvText(measured).split('\r\n');
  assert.equal(head.split(',').length, row.split(',').length);
  assert.ok(row.startsWith('interp,,,'));
});
