/**
 * The page on a Debian kernel that SeaBIOS and GRUB boot from a disk with ext4, measured: first paint, the first pass
 * against Node's of the same log, scrubbing with the pointer after it, and memory meanwhile; then what the page shows
 * at moments all over the run is compared with what the library says, and every view comes to the front. Prints
 * figures; fails when the page shows anything else or does what it must not, or takes more and more memory. Not a test
 * file of `npm test`.
 *
 *   npm run measure:page -- FOLDER [--seconds N]    scrubs for so long (default 60)
 *
 * FOLDER may hold boot.rlog already; otherwise the disk is made and its boot recorded there. Needs chromium, seabios,
 * e2fsprogs, grub-pc-bin, and Debian's packages for the guest (npm run guests -- debian).
 */
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from '../../src/core/base/random.ts';
import { projectRoot } from '../support/poison.ts';
import { LEFT } from '../../src/host/page/viewer/timeline/draw.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { grubConfiguration, makeDisk } from '../../src/host/node/guests/debian-disk.ts';
import { scriptArguments } from '../../src/host/cli/script-arguments.ts';
import { openLog, openRun } from '../../src/library.ts';
import { buildPage, launch, settled, untilPassed, watch } from './browser.ts';
import { assertEveryView, assertSame } from './same.ts';

const args = scriptArguments({
  name: 'measure:page',
  program: 'npm run measure:page --',
  positionals: [{ name: 'FOLDER', kind: 'file' }],
  brief: 'the page on a Debian boot, measured',
  summary: `Measures first paint, first pass, scrubbing and memory of the page on a Debian boot, and compares what it
shows with the library. FOLDER may hold boot.rlog; otherwise it is recorded there. Needs chromium, seabios, e2fsprogs,
grub-pc-bin.`,
  options: [{ name: 'seconds', value: 'N', range: [1, 86_400], help: 'of scrubbing (default 60)' }],
});
const [folder] = args.positionals;
/** As the page has. */
const CHECKPOINT_BYTES = 384 << 20;
/** From the first hundred places to the last: the budget of checkpoints is full by then. */
const GROWTH_MAX = 1.25;
const guest = join(folder, 'debian');
const log = join(folder, 'boot.rlog');
const html = join(folder, 'boot.html');
rmSync(html, { force: true });
const DISK_MEGABYTES = 32;

function node(...words: string[]): void {
  const ended = spawnSync(process.execPath, words, { cwd: projectRoot, encoding: 'utf8' });
  if (ended.status !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}`);
}

/** Processor time of this process, in seconds: other work on the machine disturbs that little. */
function ownSeconds(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1e6;
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
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'boot/grub'), { recursive: true });
  for (const name of ['vmlinuz', 'initrd.gz']) copyFileSync(join(guest, name), join(tree, 'boot', name));
  // GRUB writes quotes in its own way: one word without them.
  const linux = "/boot/vmlinuz console=ttyS0 'run=uname$IFS-a;ls$IFS-R$IFS/sys|sha256sum;echo$IFS/ready'";
  writeFileSync(join(tree, 'boot/grub/grub.cfg'), grubConfiguration(linux, '/boot/initrd.gz'));
  const disk = makeDisk({ root: tree, output: folder, megabytes: DISK_MEGABYTES });
  const machine = ['--hda', disk, '--memory', '256', '--epoch', '2026-01-01T00:00:00Z', '--embed'];
  node(cli, 'record', log, ...machine, '--input', script, '--serial', 'none');
}
buildPage();
node(cli, 'pack', log, '--html', html);
console.log(`page: ${(statSync(html).size / 2 ** 20).toFixed(1)} MiB`);
const run = await openRun(openLog(readFileSync(log)), { checkpointBytesMax: CHECKPOINT_BYTES });
const beginSeconds = ownSeconds();
finish(run.timeline.runOn(run.endTick));
const replayed = ownSeconds() - beginSeconds;
assert.equal(run.timeline.divergence, null);
console.log(`Node: ${run.endTick} ticks in ${replayed.toFixed(1)} s of processor time`);

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

/** Processes of the browser that this one has started, and of no other. */
function browserProcesses(): number[] {
  const { stdout } = spawnSync('ps', ['-C', 'chromium', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const parents = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]),
  );
  const isOurs = (id: number): boolean => {
    const parent = parents.get(id);
    return parent === process.pid || (parent !== undefined && isOurs(parent));
  };
  return [...parents.keys()].filter(isOurs);
}

/** Memory of all processes of the browser in MiB; what they share is counted once. */
function residentMegabytes(): number {
  let kilobytes = 0;
  for (const id of browserProcesses()) {
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
const endMs = performance.now() + (args.number('seconds') ?? 60) * 1000;
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
for (const share of [0.02, 0.3, 0.6, 1]) await assertSame(page, run, Math.floor(run.endTick * share));
console.log(`the page shows what the library says; views: ${(await assertEveryView(page)).join(' ')}`);
const growth = residents[residents.length - 1] / residents[0];
await browser.close();
// Not a number, where nothing was measured, is no success.
if (!(growth <= GROWTH_MAX)) wrong.push(`memory has grown by ${((growth - 1) * 100).toFixed(0)} % while scrubbing`);
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
