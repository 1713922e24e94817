// What a browser may lack and a tab may go through: no tail calls in WebAssembly, little memory, memory that ends in
// the middle of the first pass, sleep, and being thrown away: each is told in a sentence or not noticed, nothing
// crashes, and bookmarks stay.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { projectRoot } from '../support/poison.ts';
import { goTo, opened, settled, skip, testBrowser, textOf, untilPassed } from './browser.ts';

const golden = (name: string): string => join(projectRoot, `replay-logs/${name}.rlog`);
const browser = testBrowser();

/** A script for the page after which its first `times` workers begin with another: a browser that has less. */
const workersBegin = (text: string, times: number): string => `{
  const Real = Blob;
  let left = ${times};
  globalThis.Blob = class extends Real {
    constructor(parts, options) {
      super(options?.type === 'text/javascript' && left-- > 0 ? [${JSON.stringify(text)}, ...parts] : parts, options);
    }
  };
}`;

async function bookmark(page: Page, name: string): Promise<void> {
  await page.click('#tab-bookmarks');
  await page.fill('[aria-label="Name of the bookmark"]', name);
  await page.click('text=Bookmark this moment');
  await settled(page);
}

const bookmarks = async (page: Page): Promise<string[]> => {
  await page.click('#tab-bookmarks');
  await settled(page);
  return page.locator('#view-bookmarks li button:first-child').allInnerTexts();
};

const tick = (page: Page): Promise<string | null> => page.getAttribute('canvas.timeline', 'aria-valuenow');

test('without tail calls the page says so, and runs JavaScript', { skip }, async () => {
  // What has one is no module there.
  const without = 'WebAssembly.validate = () => false;';
  const { page, wrong } = await opened(browser, golden('tasks'), { script: workersBegin(without, 9) });
  await untilPassed(page);
  assert.match(await textOf(page.locator('.messages')), /no tail calls: the engine tiered makes JavaScript/);
  await goTo(page, 'end');
  const end = await tick(page);
  await page.selectOption('[aria-label="Engine"]', 'wasm');
  await settled(page);
  assert.match(await textOf(page.locator('.messages')), /wasm needs a host whose WebAssembly has tail calls/);
  // The way on that the sentence names.
  await page.selectOption('[aria-label="Engine"]', 'js');
  await untilPassed(page);
  await goTo(page, 'end');
  assert.equal(await tick(page), end);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('on a device with little memory fewer checkpoints are kept, and the page says so', { skip }, async () => {
  const little = "Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 0.5 });";
  const { page, wrong } = await opened(browser, golden('tasks'), { script: little });
  await untilPassed(page);
  assert.match(await textOf(page.locator('.messages')), /little memory: 51.2 MiB/);
  await page.click('#tab-facts');
  assert.match(await textOf(page.locator('#view-facts')), /in at most 51.2 MiB of memory/);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('memory that ends in the middle of the pass is told, and the page goes on with less', { skip }, async () => {
  // Copies of pages, for checkpoints, are no longer to be had after some.
  const ending = `{
    const { slice } = Uint8Array.prototype;
    let left = 40;
    Uint8Array.prototype.slice = function (...range) {
      if (range[1] - range[0] === 4096 && left-- <= 0) throw new RangeError('Array buffer allocation failed');
      return slice.apply(this, range);
    };
  }`;
  const { page, wrong } = await opened(browser, golden('race-full'), { script: workersBegin(ending, 1) });
  await page.waitForSelector('.messages p');
  await untilPassed(page);
  assert.match(await textOf(page.locator('.messages')), /ran short of memory: fewer moments are kept/);
  await page.click('#tab-facts');
  assert.match(await textOf(page.locator('#view-facts')), /in at most 96.0 MiB of memory/);
  await goTo(page, '50%');
  assert.notEqual(await tick(page), '0');
  assert.deepEqual(wrong, []);
  await page.close();
});

test('a machine larger than memory is refused in a sentence, and the page goes on', { skip }, async () => {
  const none = `{
    const { Memory } = WebAssembly;
    let left = 1;
    WebAssembly.Memory = function (...given) {
      if (left-- > 0) throw new RangeError('WebAssembly.Memory(): could not allocate memory');
      return new Memory(...given);
    };
  }`;
  const { page, wrong } = await opened(browser, golden('tasks'), { script: workersBegin(none, 1) });
  await page.waitForSelector('.messages p');
  assert.match(await textOf(page.locator('.messages')), /not enough memory for this machine/);
  await page.setInputFiles('#file', golden('tasks'));
  await untilPassed(page);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('a tab that sleeps while it plays and while it passes wakes where it was, with its bookmarks', {
  skip,
}, async () => {
  const { page, wrong } = await opened(browser, golden('interrupts'));
  const session = await page.context().newCDPSession(page);
  const sleep = async (): Promise<void> => {
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await session.send('Page.setWebLifecycleState', { state: 'active' });
  };
  await page.waitForSelector('main:not([hidden])');
  // The pass is under way.
  await sleep();
  await untilPassed(page);
  await goTo(page, '10%');
  await bookmark(page, 'before sleep');
  await page.click('[aria-label="Play at guest time"]');
  await sleep();
  // It is a tenth of a second long, and is played to its end.
  await page.waitForFunction(
    "(({ ariaValueNow, ariaValueMax }) => ariaValueNow === ariaValueMax)(document.querySelector('canvas.timeline'))",
  );
  await settled(page);
  await goTo(page, '20%');
  await bookmark(page, 'after sleep');
  assert.deepEqual(await bookmarks(page), ['before sleep', 'after sleep']);
  // Thrown away, as browsers do with tabs that have slept for long: the recording is dropped again.
  await page.click('[aria-label="Remove bookmark before sleep"]');
  await settled(page);
  await page.reload();
  await page.setInputFiles('#file', golden('interrupts'));
  await untilPassed(page);
  assert.deepEqual(await bookmarks(page), ['after sleep']);
  assert.equal(await page.locator('.messages p').count(), 0);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('a bookmark that was moved in the page stays moved, and one that was removed removed', { skip }, async () => {
  const { page, wrong } = await opened(browser, golden('echo'));
  await untilPassed(page);
  for (const [name, at] of [
    ['moved', '1000'],
    ['removed', '2000'],
  ]) {
    await goTo(page, at);
    await bookmark(page, name);
  }
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download log')]);
  const file = await download.path();
  const reopen = async (): Promise<void> => {
    await page.reload();
    await page.setInputFiles('#file', file);
    await untilPassed(page);
  };
  await page.setInputFiles('#file', file);
  await untilPassed(page);
  await goTo(page, '3000');
  await bookmark(page, 'moved');
  await page.click('[aria-label="Remove bookmark removed"]');
  await settled(page);
  await reopen();
  assert.deepEqual(await bookmarks(page), ['moved']);
  await page.click('#view-bookmarks li button:has-text("moved")');
  await settled(page);
  assert.equal(await tick(page), '3000');
  assert.deepEqual(wrong, []);
  await page.close();
});
