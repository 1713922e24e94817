/**
 * The Debian guest, whole: boots the kernel to userland, records it in profile `full`, replays the log with devices and
 * without, and in profile `checked`. Not a test file of `npm test`: each run is some six thousand million instructions.
 *
 *   node proptests/debian/boot.mjs FOLDER [quick]     `quick` leaves out the checked profile
 *
 * Needs Debian's packages for the guest (npm run guests -- debian). No step has a time limit of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node proptests/debian/boot.mjs FOLDER [quick]');
  process.exit(2);
}
const quick = process.argv[3] === 'quick';
const guest = join(folder, 'debian');
const LOG_BYTES_MAX = { full: 2_000_000, checked: 1_000_000 };
const COMMAND = 'uname -a; for i in 1 2 3; do echo round $i | gzip | gunzip; done; ls -R /sys | sha256sum; echo ready';

let failed = 0;
function check(what, holds, detail = '') {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `: ${detail}`}`);
  if (!holds) failed++;
}

function run(args, input) {
  const result = spawnSync(process.execPath, args, { cwd: root, maxBuffer: 1 << 28, input });
  return { status: result.status, output: result.stdout.toString('latin1'), errors: result.stderr.toString() };
}

const reprise = (...args) => run([join(root, 'dist/src/host/cli/cli.js'), ...args]);

if (!existsSync(join(guest, 'vmlinuz'))) {
  const built = run([join(root, 'dist/src/host/node/guests/guests.js'), 'debian', '--output', guest]);
  check('the Debian guest is built from its packages', built.status === 0, built.errors.trim());
  if (built.status !== 0) process.exit(1);
}

const images = ['--kernel', join(guest, 'vmlinuz'), '--initrd', join(guest, 'initrd.gz')];
const script = join(folder, 'script');
mkdirSync(folder, { recursive: true });
// With a script nothing of the host's time is in the log: frames too end by the guest's.
writeFileSync(script, '# nobody types\n');
const boot = [
  ...images,
  '--append',
  `console=ttyS0 run="${COMMAND}"`,
  '--memory',
  '256',
  '--epoch',
  '2026-01-01T00:00:00Z',
  '--input',
  script,
];
const last = (text) => text.trim().split('\n').at(-1) ?? '';
const full = join(folder, 'full.rlog');
const recorded = reprise('record', full, ...boot);
check('record ends with power-off', recorded.status === 0, last(recorded.errors));
check(
  'userland is reached',
  recorded.output.includes('BOOTED') && recorded.output.includes('ready'),
  last(recorded.output),
);
const bytes = statSync(full).size;
check(`the full log is under ${LOG_BYTES_MAX.full} bytes`, bytes < LOG_BYTES_MAX.full, `${bytes}`);

for (const options of [[], ['--devices', 'log']]) {
  const again = reprise('replay', full, ...images, ...options);
  const name = options.length === 0 ? 'replay' : 'replay without devices';
  check(`${name} agrees to the end`, again.status === 0, last(again.errors));
  check(`${name} prints the same bytes`, again.output === recorded.output);
}

if (!quick) {
  const checked = join(folder, 'checked.rlog');
  const second = reprise('record', checked, ...boot, '--profile', 'checked');
  const size = statSync(checked).size;
  check(
    'the same run in profile checked',
    second.status === 0 && second.output === recorded.output,
    last(second.errors),
  );
  check(`the checked log is under ${LOG_BYTES_MAX.checked} bytes`, size < LOG_BYTES_MAX.checked, `${size}`);
  const third = join(folder, 'again.rlog');
  reprise('record', third, ...boot);
  check('two recordings are byte-identical', readFileSync(third).equals(readFileSync(full)));
}
console.log(failed === 0 ? 'the Debian guest holds' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
