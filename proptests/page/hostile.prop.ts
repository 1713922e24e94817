// Mutated logs dropped on the page: each is opened, or refused in a sentence; no error of the page, no request,
// and a good recording opens after them all. The mutations are those of a seed, of bytes with checksums made right too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32c } from '../../src/core/log/crc32c.ts';
import { FRAME_HEADER_BYTES } from '../../src/core/log/frames.ts';
import { Random } from '../../src/core/base/random.ts';
import { openLog } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { made, settled, skip, testBrowser, textOf, untilPassed, VIEWER, watch } from './browser.ts';

/** The campaign of a hundred is a step of ci-extra. */
const MUTANTS = Number(process.env.REPRISE_MUTANTS ?? 20);
const SEED = Number(process.env.REPRISE_SEED ?? 16);
const browser = testBrowser();

function mutant(log: Uint8Array, below: (n: number) => number): Uint8Array {
  const bytes = Uint8Array.from(log);
  const { frames } = openLog(log);
  switch (below(4)) {
    case 0:
      return bytes.subarray(0, below(bytes.length));
    case 1:
      for (let i = 1 + below(8); i > 0; i--) bytes[below(bytes.length)] = below(256);
      return bytes;
    default: {
      // Another payload under checksums that agree.
      const frame = frames[below(frames.length)];
      const at = frame.offset + FRAME_HEADER_BYTES;
      for (let i = 1 + below(4); i > 0 && frame.payloadBytes > 0; i--)
        bytes[at + below(frame.payloadBytes)] = below(256);
      const view = new DataView(bytes.buffer);
      const head = crc32c(bytes, frame.offset, frame.offset + 32);
      view.setUint32(frame.offset + 32, crc32c(bytes, at, at + frame.payloadBytes, head), true);
      return bytes;
    }
  }
}

test(`${MUTANTS} mutated logs: a sentence each, nothing else (seed ${SEED})`, { skip }, async () => {
  const names = ['echo', 'tasks', 'race-full'];
  const logs = names.map((name) => readFileSync(join(projectRoot, `replay-logs/${name}.rlog`)));
  const random = new Random(SEED);
  const below = (limit: number): number => random.below(limit);
  const page = await browser.newPage();
  const wrong = watch(page);
  await page.goto(VIEWER);
  for (let i = 0; i < MUTANTS; i++) {
    const which = below(logs.length);
    await page.setInputFiles('#file', made(`mutant${i}.rlog`, mutant(logs[which], below)));
    await settled(page);
    const said = await page.locator('.messages p, .missing h3').allInnerTexts();
    const isOpen = await page.locator('main:not([hidden])').count();
    assert.ok(isOpen === 1 || said.length > 0, `mutant ${i} of ${names[which]}: neither opened nor refused`);
    for (const text of said) {
      assert.doesNotMatch(text, /undefined|\[object|TypeError|RangeError|Cannot read|at \w+ \(/, `mutant ${i}`);
    }
    await page.evaluate("document.querySelectorAll('.messages p').forEach((line) => line.remove())");
  }
  await page.setInputFiles('#file', join(projectRoot, 'replay-logs/tasks.rlog'));
  await page.waitForFunction("document.querySelector('h1').textContent === 'tasks.rlog'");
  await untilPassed(page);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('a file that is read slowly is under way from the moment it is given', { skip }, async () => {
  const page = await browser.newPage();
  const wrong = watch(page);
  await page.goto(VIEWER);
  await settled(page);
  await page.evaluate(`{
    const { arrayBuffer } = Blob.prototype;
    Blob.prototype.arrayBuffer = function () {
      return new Promise((resolve) => setTimeout(() => resolve(arrayBuffer.call(this)), 400));
    };
  }`);
  await page.setInputFiles('#file', made('no log', Buffer.from('no log')));
  await settled(page);
  assert.equal(await page.locator('.messages p').count(), 1);
  await page.setInputFiles('#file', join(projectRoot, 'replay-logs/tasks.rlog'));
  await settled(page);
  assert.equal(await page.locator('main:not([hidden])').count(), 1);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('images that are missing are asked for by name and digest', { skip }, async () => {
  const page = await browser.newPage();
  const wrong = watch(page);
  const { buildGuest } = await import('../../src/host/node/guest-images.ts');
  const { record } = await import('../../src/library.ts');
  const kernel = buildGuest('echo');
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 100_000 });
  await page.goto(VIEWER);
  await page.setInputFiles('#file', made('bare.rlog', log));
  await page.waitForSelector('.missing h3');
  assert.match(await textOf(page.locator('.missing')), /kernel.*SHA-256 [0-9a-f]{64}/);
  await page.setInputFiles('#file', made('wrong', kernel.slice().reverse()));
  await settled(page);
  assert.match(await textOf(page.locator('.missing')), /kernel/);
  await page.setInputFiles('#file', made('right', kernel));
  await untilPassed(page);
  assert.deepEqual(wrong, []);
  await page.close();
});
