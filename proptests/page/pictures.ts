/**
 * Pictures of the page to be looked at: every view on a recording of ours, light and dark, at two widths, and the page
 * before anything is open, with its keys, and while a guest runs. Those of the README are two of them. Compares
 * nothing: eyes do.
 *
 *   node dist/proptests/page/pictures.js FOLDER [LOG POSITION [OPTION…]]     default: race-full; options of pack
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reprise } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';
import { buildPage, goTo, launch, settled, untilPassed, VIEWER } from './browser.ts';
import { viewIds } from './same.ts';

const [folder, log = join(projectRoot, 'replay-logs/race-full.rlog'), position = '60%', ...options] =
  process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node dist/proptests/page/pictures.js FOLDER [LOG POSITION [OPTION…]]');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
buildPage();
const html = join(folder, 'page.html');
rmSync(html, { force: true });
const packed = await reprise(['pack', log, '--html', html, ...options], { timeoutMs: 600_000 });
if (packed.status !== 0) throw new Error(packed.stderr);
const browser = await launch();
const page = await browser.newPage();
page.setDefaultTimeout(900_000);

/** In both schemes, at both widths. */
async function take(name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
    ]) {
      await page.setViewportSize({ width, height });
      await settled(page);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`) });
    }
  }
}

await page.goto(VIEWER);
await page.click('.boot summary');
await take('start');
await page.click('text="Boot"');
await page.waitForFunction("document.querySelector('.live .xterm-rows')?.textContent.trim() !== ''");
await take('live');
await page.goto(pathToFileURL(html).href);
await untilPassed(page);
await goTo(page, position);
const end = Number(await page.getAttribute('canvas.timeline', 'aria-valuemax'));
const tick = Number(await page.getAttribute('canvas.timeline', 'aria-valuenow'));
await page.click('#tab-bookmarks');
await page.fill('[aria-label="Name of the bookmark"]', 'balance');
await page.fill('[aria-label="Note"]', 'look at the balance');
await page.click('text=Bookmark this moment');
await page.click('#tab-difference');
await page.click('text="Mark this moment"');
await goTo(page, String(Math.max(0, tick - Math.floor(end / 50))));
await page.click('text=Count executions');
await settled(page);
await page.click('text=Compare with the mark');
await settled(page);
await page.click('#tab-ask');
await page.fill('[aria-label="Query"]', 'interrupts() group by vector');
await page.press('[aria-label="Query"]', 'Enter');
await settled(page);
const ids = await viewIds(page);
for (const id of ids.filter((each) => each !== 'compare')) {
  await page.click(`#tab-${id}`);
  await settled(page);
  await take(id);
}
await page.click('header [aria-label="Keys"]');
await take('keys');
await page.keyboard.press('Escape');
await page.click('#tab-compare');
await page.click('text=Same recording');
await page.waitForSelector('#view-compare tbody tr');
await take('compare');
await browser.close();
