/**
 * A Debian shell session typed at a terminal, recorded and replayed: a pseudo-terminal (`script`, in every Debian)
 * stands between this program and `reprise record`; what it types depends on what the guest has printed, as a person's
 * typing does. Not a test file of `npm test`: the guest boots twice.
 *
 *   node proptests/debian/session.mjs FOLDER
 *
 * Needs Debian's packages for the guest (npm run guests -- debian).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node proptests/debian/session.mjs FOLDER');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const cli = join(root, 'dist/src/host/cli/cli.js');
const guest = join(folder, 'debian');
const log = join(folder, 'session.rlog');
const remarks = join(folder, 'record.txt');

let failed = 0;
function check(what, holds, detail = '') {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `: ${detail}`}`);
  if (!holds) failed++;
}

if (!existsSync(join(guest, 'vmlinuz'))) {
  const built = spawnSync(process.execPath, [
    join(root, 'dist/src/host/node/guests/guests.js'),
    'debian',
    '--output',
    guest,
  ]);
  check('the Debian guest is built from its packages', built.status === 0, String(built.stderr).trim());
  if (built.status !== 0) process.exit(1);
}
const images = ['--kernel', join(guest, 'vmlinuz'), '--initrd', join(guest, 'initrd.gz')];
const PROMPT = '/root # ';

/**
 * What the guest must have printed since the last keys, and the keys then typed. The echo of keys counts as printed;
 * carriage returns are left out, since the terminal adds some.
 */
const conversation = [
  [PROMPT, 'echo one two | tr a-z A-Z\r'],
  [`ONE TWO\n${PROMPT}`, 'seq 1 200 | grep 7 | sort -rn | head -n 3\r'],
  [`197\n187\n179\n${PROMPT}`, 'ls -lR /sys\r'],
  [`\n${PROMPT}`, 'echo go; sleep 1000; echo "status $?"\r'],
  ['\ngo\n', '\x03'],
  [`^C\n${PROMPT}`, 'mistyped\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7fecho mended\r'],
  [`\nmended\n${PROMPT}`, 'exit\r'],
];

const withoutReturns = (text) => text.replaceAll('\r', '');

function record() {
  const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;
  const words = [process.execPath, cli, 'record', log, ...images, '--append', 'console=ttyS0', '--memory', '256'];
  return new Promise((resolve) => {
    const terminal = spawn('script', ['-qec', `${words.map(quote).join(' ')} 2>${quote(remarks)}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let seen = '';
    let next = 0;
    let whole = '';
    terminal.stdout.on('data', (data) => {
      const text = withoutReturns(data.toString('latin1'));
      whole += text;
      seen += text;
      if (next === conversation.length) return;
      const [expected, keys] = conversation[next];
      const at = seen.indexOf(expected);
      if (at < 0) return;
      next++;
      seen = '';
      terminal.stdin.write(keys, 'latin1');
    });
    terminal.on('error', (error) => resolve({ status: null, whole: error.message, next }));
    terminal.on('close', (status) => resolve({ status, whole, next }));
  });
}

const recorded = await record();
check(
  'the session was typed to its end',
  recorded.next === conversation.length,
  `${recorded.next} of ${conversation.length}`,
);
check(
  'the recording ended with power-off',
  recorded.status === 0,
  readFileSync(remarks, 'utf8').trim().split('\n').at(-1),
);
check('Ctrl-C ended sleep', recorded.whole.includes('^C') && !recorded.whole.includes('status 0'));
if (existsSync(log)) {
  console.log(`     log: ${statSync(log).size} bytes, terminal output: ${recorded.whole.length} bytes`);
  const replayed = spawnSync(process.execPath, [cli, 'replay', log, ...images], { maxBuffer: 1 << 28 });
  const output = replayed.stdout.toString('latin1');
  check('replay agrees to the end', replayed.status === 0, String(replayed.stderr).trim().split('\n').at(-1));
  check(
    'replay prints the same bytes',
    output.length > 0 && recorded.whole === withoutReturns(output),
    `${output.length} bytes`,
  );
}
console.log(failed === 0 ? 'the session holds' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
