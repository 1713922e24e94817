// Every key and button of the bar, the pointer and the wheel on the timeline: each leads where the library leads, from
// the whole run down to single ticks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { peekBytes } from '../../src/core/memory/peek.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { linearEip } from '../../src/host/debugger/views.ts';
import { LEFT } from '../../src/host/page/viewer/timeline/draw.ts';
import { openRun, type RecordedRun } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, opened, settled, skip, testBrowser, textOf, untilPassed } from './browser.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');
const browser = testBrowser();
let page: Page;
let wrong: string[];
let run: RecordedRun;

before(async () => {
  if (skip !== false) return;
  run = await openRun(readFileSync(tasks));
  ({ page, wrong } = await opened(browser, tasks));
  await untilPassed(page);
});

const tick = async (): Promise<number> => Number(await page.getAttribute('canvas.timeline', 'aria-valuenow'));
const eip = async (): Promise<number> =>
  Number.parseInt(await textOf(page.locator('#view-registers .register:has-text("eip") .value')), 16);

async function press(key: string): Promise<number> {
  await page.locator('canvas.timeline').focus();
  await page.keyboard.press(key);
  await settled(page);
  return tick();
}

async function click(name: string): Promise<number> {
  await page.click(`[aria-label="${name}"]`);
  await settled(page);
  return tick();
}

test('to the start, to the end, far and near, by key and by button', { skip }, async () => {
  assert.equal(await press('End'), run.endTick);
  assert.equal(await press('Home'), 0);
  assert.equal(await click('To the end'), run.endTick);
  assert.equal(await click('To the start'), 0);
  await goTo(page, '5000');
  assert.equal(await press('Shift+ArrowRight'), 6000);
  assert.equal(await press('Shift+ArrowLeft'), 5000);
  await run.seek(5000);
  finish(run.timeline.stepInstruction());
  assert.equal(await click('One instruction on'), run.position.tick);
  assert.equal(await eip(), linearEip(run.timeline.machine.cpu));
  assert.equal(await click('One instruction back'), 5000);
});

test('to the next interrupt or exception and to the last one', { skip }, async () => {
  const delivered: number[] = [];
  await run.seek(0);
  finish(
    run.timeline.listen(
      { tick: run.endTick, seq: 0 },
      { delivered: () => delivered.push(run.timeline.machine.cpu.now()) },
    ),
  );
  const after = (from: number): number => delivered.find((each) => each > from) ?? -1;
  await goTo(page, '5000');
  const [first, second] = [after(5000), after(after(5000))];
  assert.ok(first > 5000 && second > first);
  assert.equal(await press('e'), first);
  assert.equal(await click('To the next interrupt or exception'), second);
  assert.equal(await press('Shift+E'), first);
  assert.equal(await click('To the last interrupt or exception'), delivered.filter((each) => each < first).at(-1) ?? 0);
});

test('over a call', { skip }, async () => {
  const CALL = 0xe8;
  const byte = new Uint8Array(1);
  await run.seek(1);
  finish(run.timeline.continueUntil((cpu) => (peekBytes(cpu, linearEip(cpu), byte) === 1 && byte[0] === CALL ? 1 : 0)));
  const { cpu } = run.timeline.machine;
  const wanted = linearEip(cpu) + 5;
  await goTo(page, String(run.position.tick));
  assert.match(await textOf(page.locator('#view-code .here')), /call/);
  await press('n');
  assert.equal(await eip(), wanted);
  await goTo(page, String(run.position.tick));
  await click('Over a call');
  assert.equal(await eip(), wanted);
});

test('plays at guest time and fast, and stops', { skip }, async () => {
  const isPressed = (name: string): Promise<string | null> =>
    page.getAttribute(`[aria-label="${name}"]`, 'aria-pressed');
  await goTo(page, '0');
  await press('f');
  await page.waitForFunction(`document.querySelector('canvas.timeline').ariaValueNow === '${run.endTick}'`);
  assert.match(await textOf(page.locator('.why')), /the end of the recording/);
  assert.equal(await isPressed('Play fast'), 'false');
  await goTo(page, '0');
  await page.click('[aria-label="Play at guest time"]');
  await page.waitForFunction("Number(document.querySelector('canvas.timeline').ariaValueNow) > 0");
  await page.waitForFunction('document.querySelector(\'[aria-label="Play at guest time"]\').ariaPressed === "false"');
  await settled(page);
});

test('search is focused, keys are listed, a way is given up', { skip }, async () => {
  await press('/');
  assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Go to a position');
  await press('?');
  assert.match(await textOf(page.locator('dialog[open]')), /one instruction back/);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog[open]').count(), 0);
  await goTo(page, '3000');
  assert.equal(await press('Escape'), 3000);
});

test('the pointer scrubs to a moment of its pixel, wheel and keys zoom down to single ticks', { skip }, async () => {
  const box = await page.locator('canvas.timeline').boundingBox();
  assert.ok(box !== null);
  const plot = box.width - LEFT;
  const at = (x: number): [number, number] => [box.x + LEFT + x, box.y + 20];
  /** Presses there and lets go: the moment that this leads to. */
  const scrub = async (x: number): Promise<number> => {
    await page.mouse.move(...at(x));
    await page.mouse.down();
    await page.mouse.up();
    await settled(page);
    return tick();
  };
  await press('0');
  const pixel = run.endTick / plot;
  for (const x of [10, 500, 300, 700]) {
    const found = await scrub(x);
    assert.ok(found >= Math.floor(x * pixel) && found <= Math.ceil((x + 1) * pixel), `pixel ${x}: tick ${found}`);
    await run.seek(found);
    assert.equal(await eip(), linearEip(run.timeline.machine.cpu));
  }
  // A drag goes on with each move.
  await page.mouse.move(...at(100));
  await page.mouse.down();
  await page.mouse.move(...at(200), { steps: 5 });
  await settled(page);
  const dragged = await tick();
  await page.mouse.up();
  assert.ok(Math.abs(dragged - 200 * pixel) <= pixel + 1, `${dragged}`);
  // The wheel, around the pointer.
  await page.mouse.move(...at(400));
  // Without Control it scrolls the lanes where there are many.
  await page.keyboard.down('Control');
  for (let i = 0; i < 60; i++) await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await settled(page);
  const ticks = [await scrub(100), await scrub(100 + Math.ceil(plot / 32)), await scrub(100)];
  assert.deepEqual([ticks[1] - ticks[0], ticks[2] - ticks[0]], [1, 0], 'neighbours when zoomed in as far as it goes');
  assert.ok(Math.abs(ticks[0] - 400 * pixel) < 64, `${ticks[0]} is not near ${400 * pixel}`);
  await press('0');
  await goTo(page, '5000');
  for (const [closer, further] of [
    ['+', '-'],
    ['+', '-'],
  ]) {
    await press(closer);
    await press(further);
  }
  const again = await scrub(500);
  assert.ok(Math.abs(again - 500 * pixel) <= pixel + 1, `${again}: the whole run is shown again`);
  assert.deepEqual(wrong, []);
});
