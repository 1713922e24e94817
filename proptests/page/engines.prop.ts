// Recordings that Node made, in the page on every engine there is: the first pass holds each to the log's own hashes to
// the end, and what is shown there is what the library says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { registers } from '../../src/host/debugger/views.ts';
import { engineNames, openRun } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, opened, shownRegisters, skip, testBrowser, textOf, untilPassed } from './browser.ts';

const browser = testBrowser();

for (const name of ['tasks', 'paging']) {
  test(`${name}: recorded in Node, replayed in the page on every engine`, { skip }, async () => {
    const path = join(projectRoot, `replay-logs/${name}.rlog`);
    const run = await openRun(readFileSync(path));
    await run.seek('end');
    const { eip, eflags } = registers(run.timeline.machine.cpu);
    const { page, wrong } = await opened(browser, path);
    await untilPassed(page);
    await page.click('#tab-facts');
    for (const engine of engineNames()) {
      await page.selectOption('[aria-label="Engine"]', engine);
      await untilPassed(page);
      assert.match(await textOf(page.locator('#view-facts')), new RegExp(`Engine\\s+${engine}\\n`));
      await goTo(page, 'end');
      assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(run.endTick), engine);
      const shown = await shownRegisters(page);
      const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
      assert.deepEqual([shown.eip, shown.eflags], [hex(eip), hex(eflags)], engine);
      assert.deepEqual(await page.locator('.messages p').allInnerTexts(), [], engine);
    }
    assert.deepEqual(wrong, []);
    await page.close();
  });
}
