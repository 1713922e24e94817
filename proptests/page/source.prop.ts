// A kernel in C in the page: the line of each moment with its text, the variables of its frame, watches by name, calls
// with their lines; and a recording whose source nobody gave.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { finish } from '../../src/core/timeline/timeline.ts';
import { DebugInfo } from '../../src/host/dwarf/debug-info.ts';
import { openRun, record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { buildKernel, KERNEL_SOURCE, lineOf, skipKernel } from '../symbols/kernel/kernel.ts';
import { goTo, settled, skip, testBrowser, textOf, untilPassed, watch } from './browser.ts';

const browser = testBrowser();

test('the source of a moment, its variables and its calls', { skip: skip || skipKernel }, async () => {
  await inFolder(async (folder) => {
    const elf = buildKernel(folder);
    const image = new Uint8Array(readFileSync(elf));
    const { log } = await record({ images: { kernel: image }, memoryMegabytes: 8, maxTicks: 100_000, embed: true });
    const path = join(folder, 'kernel.rlog');
    writeFileSync(path, log);
    const html = join(folder, 'kernel.html');
    const packed = await reprise(['pack', path, '--html', html], { cwd: folder });
    assert.equal(packed.status, 0, packed.stderr);
    const added = lineOf('added');
    const address = DebugInfo.of(image)?.addressesOf('kernel.c', added)[0]?.from ?? 0;
    const run = await openRun(log);
    run.timeline.addBreakpoint(address);
    finish(run.timeline.continueForward());
    const page = await browser.newPage();
    const wrong = watch(page);
    await page.goto(pathToFileURL(html).href);
    await untilPassed(page);
    await page.click('#tab-source');
    await goTo(page, String(run.position.tick));
    assert.match(await textOf(page.locator('#view-source')), new RegExp(`kernel\\.c:${added}\\b`));
    const shown = await textOf(page.locator('#view-source .here td:last-child'));
    assert.equal(shown.trim(), KERNEL_SOURCE[added - 1].trim());
    const variables = await textOf(page.locator('[aria-label="Variables"]'));
    assert.match(variables, /sum\s+int\s+30/);
    // The file's name above the lines and the variables below stay in the panel, however far the lines are scrolled.
    const panel = await page.locator('#view-source').boundingBox();
    for (const part of ['.source-place', '.source-variables']) {
      const box = await page.locator(`#view-source ${part}`).boundingBox();
      assert.ok(panel !== null && box !== null && box.y >= panel.y - 1, part);
      assert.ok(box.y + box.height <= panel.y + panel.height + 1, part);
    }
    assert.match(await textOf(page.locator('#view-stack')), /kernel_main.*kernel\.c:\d+/);
    await page.click('#tab-watches');
    await page.fill('[aria-label="Expression to watch"]', 'head->amount');
    await page.press('[aria-label="Expression to watch"]', 'Enter');
    await settled(page);
    assert.match(await textOf(page.locator('#view-watches')), /head->amount\s+30/);
    // The log alone, without the folder that the source lies in.
    await page.setInputFiles('#file', path);
    await untilPassed(page);
    await page.click('#tab-source');
    await goTo(page, String(run.position.tick));
    assert.match(await textOf(page.locator('#view-source')), /its text was not given/);
    assert.deepEqual(wrong, []);
    await page.close();
  });
});
