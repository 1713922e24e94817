/**
 * A Debian guest that idles for an hour of guest time: its log stays small, replays on every engine and without
 * devices, and a debugger that seeks to random places keeps to its memory. Not a test file of `npm test`: some
 * 4.6 * 10^11 ticks, nearly all of them idle, a few minutes of a host.
 *
 *   node proptests/debian/idle.mjs FOLDER [--seconds 3600] [--places 20] [--seed 1]
 *
 * Needs Debian's packages for the guest (npm run guests -- debian).
 */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Checks, debianGuest, last, randomParts, reprise } from './guest.mjs';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    places: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: node proptests/debian/idle.mjs FOLDER [--seconds N] [--places N] [--seed N]');
  process.exit(2);
}
const checks = new Checks('the idle hour');
const seconds = Number(values.seconds);
const guestMegabytes = 256;
const guest = debianGuest(folder, checks);
const script = join(folder, 'script');
writeFileSync(script, '# nobody types\n');
const log = join(folder, 'idle.rlog');

if (!existsSync(log)) {
  const recorded = reprise([
    ...['record', log, ...guest, '--append', `console=ttyS0 run="sleep ${seconds}; echo rested"`],
    ...['--memory', `${guestMegabytes}`, '--epoch', '2026-01-01T00:00:00Z', '--input', script],
  ]);
  checks.that('the hour is recorded', recorded.status === 0, last(recorded.errors));
  checks.that('the guest wakes', recorded.output.includes('rested'));
}
const bytes = statSync(log).size;
checks.that(
  'the log is under 1 MB an hour, and 300 kB for the boot',
  bytes < 300_000 + (1e6 * seconds) / 3600,
  `${bytes}`,
);

for (const words of [['tiered'], ['interp'], ['js'], ['wasm'], ['tiered', '--devices', 'log']]) {
  const again = reprise(['replay', log, '--engine', ...words]);
  checks.that(`replays on ${words.join(' ')}`, again.status === 0, last(again.errors));
}

const places = [];
for (const part of randomParts(Number(values.seed))) {
  if (places.push(`${(part * 100).toFixed(4)}%`) >= Number(values.places)) break;
}
for (const budgetMegabytes of [128, 512]) {
  const walked = reprise(
    [
      ...['debug', log, '--checkpoint-cache', '0', '--checkpoint-memory', `${budgetMegabytes}`],
      ...places.flatMap((place) => ['--exec', `seek ${place}`]),
    ],
    { peak: true },
  );
  const peakMegabytes = walked.peakBytes / 2 ** 20;
  const mostMegabytes = guestMegabytes + budgetMegabytes + 200;
  checks.that(`${places.length} random places are reached`, walked.status === 0, last(walked.output));
  checks.that(
    `memory stays within guest, ${budgetMegabytes} MB of checkpoints and 200 MB`,
    peakMegabytes <= mostMegabytes,
    `${peakMegabytes.toFixed(0)} of ${mostMegabytes} MB`,
  );
}
checks.end();
