// axe-core finds nothing to complain of, light and dark: before anything is open, in the list of keys, while a guest
// runs, in every view of a recording that has a screen and a source, and beside another run.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { record } from '../../src/library.ts';
import { buildKernel, skipKernel } from '../symbols/kernel/kernel.ts';
import { goTo, made, settled, skip, testBrowser, untilPassed, VIEWER, watch } from './browser.ts';
import { viewIds } from './same.ts';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const browser = testBrowser();

async function assertClean(page: Page, place: string, where: string): Promise<void> {
  const found = (await page.evaluate(
    `axe.run(${JSON.stringify(place)}, { resultTypes: ['violations'] })` +
      '.then(({ violations }) => violations.map(' +
      "({ id, nodes }) => `${id}: ${nodes.map((node) => node.target + ' ' + node.failureSummary).join('; ')}`))",
  )) as string[];
  assert.deepEqual(found, [], where);
}

/** With a source where gcc can build one. */
function kernel(): Uint8Array {
  if (skipKernel !== false) return buildGuest('tasks');
  const folder = mkdtempSync(join(tmpdir(), 'reprise-axe-'));
  try {
    return new Uint8Array(readFileSync(buildKernel(folder)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe-core finds nothing, ${colorScheme}`, { skip }, async () => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 800 } });
    const wrong = watch(page);
    await page.goto(VIEWER);
    // The page's policy keeps scripts out: it is evaluated.
    await page.evaluate(readFileSync(axe, 'utf8'));
    await page.click('.boot summary');
    await assertClean(page, 'html', 'nothing is open');
    await page.selectOption('[aria-label="Built-in guest"]', 'echo');
    await page.click('text="Boot"');
    await page.waitForFunction("document.querySelector('.live .xterm-rows')?.textContent.includes('type quit')");
    await assertClean(page, 'html', 'a guest runs');
    const images = { kernel: kernel() };
    const { log } = await record({ images, memoryMegabytes: 8, vga: 'std', maxTicks: 50_000, embed: true });
    await page.setInputFiles('#file', made('run.rlog', log));
    await untilPassed(page);
    await goTo(page, '50%');
    await assertClean(page, 'html', 'a recording is open');
    const ids = await viewIds(page);
    for (const id of ['screen', 'stack', ...(skipKernel === false ? ['source'] : [])]) assert.ok(ids.includes(id), id);
    for (const id of ids) {
      await page.click(`#tab-${id}`);
      await settled(page);
      await page.evaluate(`document.querySelectorAll('#view-${id} details').forEach((each) => (each.open = true))`);
      await settled(page);
      await assertClean(page, `#view-${id}`, id);
    }
    await goTo(page, 'no such place');
    await page.click('header [aria-label="Keys"]');
    await assertClean(page, 'html', 'a message and the list of keys');
    await page.keyboard.press('Escape');
    await page.click('#tab-compare');
    await page.click('text=Same recording');
    await settled(page);
    await assertClean(page, 'html', 'two runs');
    assert.deepEqual(wrong, []);
    await page.close();
  });
}
