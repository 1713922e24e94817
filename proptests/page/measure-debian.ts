/**
 * The page on a Debian boot, measured: first paint, the first pass against Node's replay of the same log, scrubbing at
 * random places after it, and memory meanwhile. Prints figures; fails when the page does anything that it must not, or
 * shows other registers than the library. Not a test file of `npm test`.
 *
 *   node dist/proptests/page/measure-debian.js FOLDER [SECONDS]    scrubs for so long (default 60)
 *
 * FOLDER may hold boot.rlog and its images already; otherwise the boot is recorded there. Needs chromium, and Debian's
 * packages for the guest (npm run guests -- debian).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from '../../src/core/base/random.ts';
import { projectRoot } from '../support/poison.ts';
import { buildPage, launch, settled, untilPassed, watch } from './browser.ts';

const [folder, seconds = '60'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node dist/proptests/page/measure-debian.js FOLDER [SECONDS]');
  process.exit(2);
}
const guest = join(folder, 'debian');
const log = join(folder, 'boot.rlog');
const html = join(folder, 'boot.html');
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
if (!existsSync(html)) node(cli, 'pack', log, '--html', html, ...images);
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

const endTick = Number(await page.getAttribute('canvas.timeline', 'aria-valuemax'));
const memory = async (): Promise<number> => {
  const session = await page.context().newCDPSession(page);
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
  return usedSize;
};
const resident = (): number => {
  const { stdout } = spawnSync('ps', ['-C', 'chromium', '-o', 'rss='], { encoding: 'utf8' });
  return stdout.split('\n').reduce((sum, line) => sum + Number(line), 0) / 1024;
};
const times: number[] = [];
const random = new Random(1);
const residents: number[] = [];
const endMs = performance.now() + Number(seconds) * 1000;
while (performance.now() < endMs) {
  // From the wish to the moment at which every view shows it, measured inside the page.
  const taken = (await page.evaluate(`(async () => {
    const start = performance.now();
    location.hash = '#tick=${random.below(endTick)}';
    await new Promise((resolve) => setTimeout(resolve));
    while (document.documentElement.dataset.busy !== 'no') await new Promise((resolve) => setTimeout(resolve));
    return performance.now() - start;
  })()`)) as number;
  times.push(taken);
  if (times.length % 50 === 0) residents.push(resident());
}
await settled(page);
times.sort((a, b) => a - b);
const at = (share: number): string => times[Math.floor((times.length - 1) * share)].toFixed(0);
console.log(`scrubbing: ${times.length} places, median ${at(0.5)} ms, 90 % ${at(0.9)} ms, longest ${at(1)} ms`);
console.log(`memory of all processes of the browser, MiB: ${residents.map((each) => each.toFixed(0)).join(' ')}`);
console.log(`script heap of the page: ${((await memory()) / 2 ** 20).toFixed(0)} MiB`);
await browser.close();
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
