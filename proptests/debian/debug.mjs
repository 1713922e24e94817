/**
 * A Debian boot as somebody meets it who has the log and nothing else in mind: replayed, verified and debugged from
 * another folder with no image named; a clear line when the kernel has been moved away; and, although KASLR has moved
 * the kernel and there is no symbol file, breakpoints by name, call chains out of interrupt handlers, and traces that
 * name functions. Not a test file of `npm test`: the boot is some 6.7 * 10^9 instructions, gone through four times.
 *
 *   node proptests/debian/debug.mjs FOLDER [--places N] [--seed N]
 *
 * Needs Debian's packages for the guest (npm run guests -- debian).
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Checks, debianGuest, last, randomParts, reprise } from './guest.mjs';

const { values, positionals } = parseArgs({
  options: { places: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: node proptests/debian/debug.mjs FOLDER [--places N] [--seed N]');
  process.exit(2);
}
const checks = new Checks('the Debian boot, debugged,');
const [, vmlinuz, ...rest] = debianGuest(folder, checks);
const elsewhere = join(folder, 'elsewhere');
const kernels = join(folder, 'kernels');
for (const each of [elsewhere, kernels]) mkdirSync(each, { recursive: true });
const kernel = join(kernels, 'vmlinuz');
copyFileSync(vmlinuz, kernel);
writeFileSync(join(folder, 'script'), '# nobody types\n');
const env = { XDG_STATE_HOME: join(folder, 'state'), XDG_CACHE_HOME: join(folder, 'cache') };
const log = join(folder, 'debug.rlog');
const here = { cwd: elsewhere, env };

if (!existsSync(log)) {
  const recorded = reprise(
    [
      ...['record', log, '--kernel', kernel, ...rest, '--append', 'console=ttyS0 run="echo ready"', '--memory', '256'],
      ...['--epoch', '2026-01-01T00:00:00Z', '--input', join(folder, 'script')],
    ],
    { env },
  );
  checks.that('the boot is recorded', recorded.status === 0, last(recorded.errors));
}
const replayed = reprise(['replay', log], here);
checks.that('replays from another folder, no image named', replayed.status === 0, last(replayed.errors));
const verified = reprise(['verify', log, '--engines', 'tiered,js'], here);
checks.that('verifies there', verified.status === 0, last(`${verified.output}${verified.errors}`));

const debug = (...commands) => reprise(['debug', log, ...commands.flatMap((each) => ['--exec', each])], here);

const started = debug('seek serial:"BOOTED"', 'b start_kernel', 'rc', 'bt');
checks.that(
  'b start_kernel; rc stops there, without a symbol file',
  started.status === 0 && /=> 0x[c-f][0-9a-f]{7} <start_kernel>/.test(started.output),
  last(started.output),
);

let frames = 0;
let named = 0;
const places = Number(values.places);
const parts = randomParts(Number(values.seed));
const ways = Array.from({ length: places }, () => `seek ${(30 + parts.next().value * 65).toFixed(3)}%`);
// Some way into the handler of the next interrupt.
const walked = debug(...ways.flatMap((way) => [way, 'seek irq', 'si 40', 'bt']));
for (const line of walked.output.split('\n')) {
  if (!/^#\d+ +0x/.test(line)) continue;
  frames++;
  if (/^#\d+ +0x[0-9a-f]{8} +\S+\+0x[0-9a-f]+|^#\d+ +0x[0-9a-f]{8} +[a-z_]\w*/i.test(line)) named++;
}
checks.that(
  `call chains in ${places} interrupt handlers have 90 % of their frames named`,
  frames >= places * 4 && named >= frames * 0.9,
  `${named} of ${frames}`,
);

const trace = join(folder, 'trace.json');
const traced = reprise(['trace', log, trace, '--functions', '--from', '5000000000', '--to', '5002000000'], here);
const names = new Set();
if (existsSync(trace)) {
  for (const { name, cat } of JSON.parse(readFileSync(trace, 'utf8'))) if (cat === 'function') names.add(name);
}
checks.that(
  'the trace of a window names functions',
  traced.status === 0 && names.size > 20 && !names.has('?'),
  `${names.size}: ${[...names].slice(0, 4).join(', ')}`,
);

// Not beside the log, where it would be found.
const moved = join(folder, 'away', 'moved');
mkdirSync(join(folder, 'away'));
renameSync(kernel, moved);
for (const words of [
  ['replay', log],
  ['verify', log],
  ['debug', log, '--exec', 'p 1'],
]) {
  const missing = reprise(words, here);
  const line = missing.errors.trim();
  checks.that(
    `${words[0]} says in one line that the kernel is not where it was`,
    missing.status === 2 && !line.includes('\n') && /kernel image "vmlinuz".*--image/.test(line),
    line,
  );
}
const found = reprise(['debug', log, '--image', moved, '--exec', 'p 1'], here);
checks.that('and --image finds it', found.status === 0, last(found.errors));
checks.end();
