/**
 * The page on a Debian boot, measured: first paint, the first pass against Node's replay of the same log, scrubbing
 * with the pointer after it, and memory meanwhile. Prints figures; fails when the page does anything that it must not,
 * or takes more and more memory. Not a test file of `npm test`.
 *
 *   npm run measure:page -- FOLDER [SECONDS]    scrubs for so long (default 60)
 *
 * FOLDER may hold boot.rlog and its images already; otherwise the boot is recorded there. Needs chromium, and Debian's
 * packages for the guest (npm run guests -- debian).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from '../../src/core/base/random.ts';
import { projectRoot } from '../support/poison.ts';
import { LEFT } from '../../src/host/page/viewer/timeline/draw.ts';
import { buildPage, launch, settled, untilPassed, watch } from './browser.ts';

const [folder, seconds = '60'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npm run measure:page -- FOLDER [SECONDS]');
  process.exit(2);
}
/** From the first hundred places to the last: the budget of checkpoints is full by then. */
const GROWTH_MAX = 1.25;
const guest = join(folder, 'debian');
const log = join(folder, 'boot.rlog');
const html = join(folder, 'boot.html');
rmSync(html, { force: true });
const images = ['--kernel', join(guest, 'vmlinuz'), '--initrd', join(guest, 'initrd.gz')];

/** Processor time of it, in seconds: other work on the machine disturbs that little. */
function node(...words: string[]): number {
  const script = '"$@" >/dev/null && times';
  const shell = ['-c', script, 'bash', process.execPath, ...words];
  const ended = spawnSync('bash', shell, { cwd: projectRoot, encoding: 'utf8' });
  if (ended.status !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}`);
  const [, children] = ended.stdout.trim().split('\n');
  return children
    .split(' ')
    .map((text) => /(\d+)m([\d.]+)s/.exec(text) ?? ['', '0', '0'])
    .reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

/** Processor time of all processes of the browser. */
function browserSeconds(): number {
  const { stdout } = spawnSync('ps', ['-C', 'chromium', '-o', 'cputimes='], { encoding: 'utf8' });
  return stdout.split('\n').reduce((sum, line) => sum + Number(line), 0);
}

const cli = join(projectRoot, 'dist/src/host/cli/cli.js');
if (!existsSync(join(guest, 'vmlinuz'))) {
  node(join(projectRoot, 'dist/src/host/node/guests/guests.js'), 'debian', '--output', guest);
}
if (!existsSync(log)) {
  const script = join(folder, 'script');
  writeFileSync(script, '# nobody types\n');
  const append = 'console=ttyS0 run="uname -a; ls -R /sys | sha256sum; echo ready"';
  const machine = ['--append', append, '--memory', '256', '--epoch', '2026-01-01T00:00:00Z'];
  node(cli, 'record', log, ...images, ...machine, '--input', script, '--serial', 'none');
}
buildPage();
node(cli, 'pack', log, '--html', html, ...images);
console.log(`page: ${(statSync(html).size / 2 ** 20).toFixed(1)} MiB`);
const replayed = node(cli, 'replay', log, ...images, '--serial', 'none');
console.log(`Node: replay in ${replayed.toFixed(1)} s of processor time`);

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const wrong = watch(page);
const startMs = performance.now();
await page.goto(pathToFileURL(html).href, { waitUntil: 'commit' });
await page.waitForFunction("document.documentElement.dataset.ready === 'yes'");
await page.waitForSelector('main:not([hidden])', { timeout: 120_000 });
const openMs = performance.now();
const openSeconds = browserSeconds();
const paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1");
console.log(`first contentful paint: ${Number(paint).toFixed(0)} ms`);
console.log(`open: ${((openMs - startMs) / 1000).toFixed(1)} s`);
await page.waitForFunction("document.documentElement.dataset.passed === 'yes'", null, { timeout: 900_000 });
const passSeconds = browserSeconds() - openSeconds;
const share = (replayed / passSeconds).toFixed(2);
const wall = ((performance.now() - openMs) / 1000).toFixed(1);
console.log(`first pass: ${passSeconds} s of processor time (${wall} s), ${share} of Node's replay speed`);
await untilPassed(page);

// Debian's table of names holds code alone, no init_task: its address spaces are called by their directories.
await page.click('#tab-events');
await page.selectOption('[aria-label="Lane"]', 'spaces');
await page.fill('[aria-label="Go to a position"]', '90%');
await page.press('[aria-label="Go to a position"]', 'Enter');
await settled(page);
const named = new Set(
  (await page.locator('#view-events li span:last-child').allInnerTexts()).map((each) => each.trim()),
);
console.log(`address spaces around 90 %: ${[...named].join(' ')}`);

/** Memory of all processes of the browser in MiB; what they share is counted once. */
function residentMegabytes(): number {
  const { stdout } = spawnSync('ps', ['-C', 'chromium', '-o', 'pid='], { encoding: 'utf8' });
  let kilobytes = 0;
  for (const id of stdout.split('\n').map((line) => line.trim())) {
    try {
      const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'utf8');
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It has ended meanwhile, or it is another user's.
    }
  }
  return kilobytes / 1024;
}

// From the pointer's event to the frame in which every view shows the place, measured inside the page.
await page.evaluate(`{
  globalThis.scrubTimes = [];
  let startMs = null;
  document.querySelector('canvas.timeline').addEventListener('pointermove', (event) => { startMs = event.timeStamp; });
  new MutationObserver(() => {
    if (document.documentElement.dataset.busy !== 'no' || startMs === null) return;
    const begun = startMs;
    startMs = null;
    requestAnimationFrame(() => setTimeout(() => globalThis.scrubTimes.push(performance.now() - begun)));
  }).observe(document.documentElement, { attributeFilter: ['data-busy'] });
}`);
const box = await page.locator('canvas.timeline').boundingBox();
if (box === null) throw new Error('there is no timeline');
const random = new Random(1);
const [left, right] = [box.x + LEFT + 1, box.x + box.width - 2];
const residents: number[] = [];
const jumps: number[] = [];
const moves: number[] = [];
let x = left;
await page.mouse.move(x, box.y + 20);
await page.mouse.down();
await settled(page);
const endMs = performance.now() + Number(seconds) * 1000;
for (let places = 0; performance.now() < endMs; places++) {
  // A hand goes on a little, mostly; every fourth place is anywhere.
  const isJump = places % 4 === 0;
  const wanted = isJump ? left + random.below(Math.floor(right - left)) : x + random.below(81) - 40;
  const next = Math.round(Math.max(left, Math.min(right, wanted)));
  if (next === x) continue;
  x = next;
  await page.evaluate('globalThis.scrubTimes.length = 0');
  await page.mouse.move(x, box.y + 20);
  await page.waitForFunction('globalThis.scrubTimes.length > 0', null, { timeout: 120_000, polling: 20 });
  (isJump ? jumps : moves).push((await page.evaluate('globalThis.scrubTimes.at(-1)')) as number);
  if (places % 100 === 99) residents.push(residentMegabytes());
}
await page.mouse.up();
await settled(page);
residents.push(residentMegabytes());
function told(times: number[]): string {
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor((times.length - 1) * share)].toFixed(0);
  return `${times.length} places, median ${at(0.5)} ms, 90 % ${at(0.9)} ms, longest ${at(1)} ms`;
}
console.log(`scrubbing, all: ${told([...moves, ...jumps])}`);
console.log(`scrubbing, up to 40 pixels on: ${told(moves)}`);
console.log(`scrubbing, anywhere: ${told(jumps)}`);
console.log(`memory of all processes of the browser, MiB: ${residents.map((each) => each.toFixed(0)).join(' ')}`);
const growth = residents[residents.length - 1] / residents[0];
await browser.close();
if (growth > GROWTH_MAX) wrong.push(`memory has grown by ${((growth - 1) * 100).toFixed(0)} % while scrubbing`);
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
