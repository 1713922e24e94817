/**
 * A recording of any kind, walked in on the page beside the library: `reprise view` serves it with its images, the page
 * opens it, and at places all over the run what it shows is compared with what the library says; then every view comes
 * to the front. For recordings that are too long for `npm test`, such as a Debian system on its disk.
 *
 *   node dist/proptests/page/walk-recording.js LOG [SHARE…] [--image PATH]…     default: 0.02 0.3 0.6 1
 *
 * Needs chromium. The images are found where `reprise replay LOG --image PATH` finds them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findImages } from '../../src/host/node/find-images.ts';
import { openLog, openRun } from '../../src/library.ts';
import { buildPage, launch, watch } from './browser.ts';
import { assertEveryView, assertSame } from './same.ts';
import { serveView } from './serve-view.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { image: { type: 'string', multiple: true, default: [] } },
});
const [path, ...shares] = positionals;
if (path === undefined) {
  console.error('usage: node dist/proptests/page/walk-recording.js LOG [SHARE…] [--image PATH]…');
  process.exit(2);
}
const log = openLog(readFileSync(path), { salvage: true });
const warn = (text: string): void => console.error(text);
const images = findImages({ log, path, given: { files: [], places: values.image }, warn });
const run = await openRun(log, { images: { media: Object.fromEntries(images) }, checkpointBytesMax: 384 << 20 });
buildPage();
const server = await serveView(
  [resolve(path), ...values.image.flatMap((place) => ['--image', place])],
  dirname(resolve(path)),
);
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const wrong = watch(page, server.address);
  await page.goto(server.address);
  await page.waitForSelector('main:not([hidden])', { timeout: 120_000 });
  for (const share of shares.length === 0 ? [0.02, 0.3, 0.6, 1] : shares.map(Number)) {
    const tick = Math.floor(run.endTick * share);
    await assertSame(page, run, tick);
    console.log(`tick ${tick}: the page shows what the library says`);
  }
  const views = await assertEveryView(page);
  assert.deepEqual(wrong, []);
  console.log(`${views.length} views: ${views.join(' ')}`);
} finally {
  await browser.close();
  server.end();
}
