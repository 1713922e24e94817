/**
 * Programs as a second opinion: the programs of this folder, compiled for 32-bit Linux with x87 and with SSE2
 * arithmetic, run natively and in the Debian guest of this emulator; every line of their output must be the same.
 * node proptests/witnesses/programs/compare.mjs FOLDER [ENGINE] — needs a build, gcc -m32, and an x86 Linux host.
 *
 * Both builds go into one initramfs and run in one boot. Output comes over the serial line between markers.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(dirname(here)));
const bootTimeoutMs = 18 * 60_000;
const outputBytesMax = 64 << 20;
/** -frounding-math: some programs change the rounding direction; -ffp-contract and builtins must not fold it away. */
const commonFlags = ['-m32', '-march=i686', '-std=gnu11', '-O2', '-frounding-math', '-ffp-contract=off'];
const builds = {
  x87: ['-mfpmath=387', '-mno-sse'],
  sse: ['-msse2', '-mfpmath=sse'],
};

function fail(line) {
  console.error(line);
  process.exit(1);
}

function run(command, parameters, options = {}) {
  const ended = spawnSync(command, parameters, { cwd: root, encoding: 'utf8', maxBuffer: outputBytesMax, ...options });
  if (ended.error) fail(`${command}: ${ended.error.message}`);
  if (ended.status !== 0)
    fail(
      `${command} ${parameters.join(' ')}: status ${ended.status} ${ended.signal ?? ''}\n${ended.stderr.slice(-2000)}`,
    );
  return ended.stdout;
}

const [given, engine = 'interp'] = process.argv.slice(2);
if (given === undefined) fail('usage: node proptests/witnesses/programs/compare.mjs FOLDER [ENGINE]');
const folder = resolve(given);
mkdirSync(folder, { recursive: true });

for (const [build, flags] of Object.entries(builds)) {
  const objects = [];
  for (const file of readdirSync(here).filter((name) => name.endsWith('.c'))) {
    const name = file.slice(0, -2);
    const object = join(folder, `${name}-${build}.o`);
    const rename = name === 'all' ? [] : [`-Dmain=${name}_main`];
    run('gcc', [...commonFlags, ...flags, ...rename, '-c', join(here, file), '-o', object]);
    objects.push(object);
  }
  run('gcc', ['-m32', '-static', '-s', '-o', join(folder, build), ...objects, '-lm']);
}

const native = new Map();
for (const build of Object.keys(builds)) {
  const program = join(folder, build);
  for (const name of run(program, []).split('\n').filter(Boolean)) native.set(`${build} ${name}`, run(program, [name]));
}

// The kernel may print a line of its own while a program runs: output is collected first, then shown.
const script = [...native.keys()].map((key) => {
  const [build, name] = key.split(' ');
  return `/root/${build} ${name} > out 2>&1; echo "status $?" >> out; echo "=== ${key}"; cat out`;
});
const scriptFile = join(folder, 'all.sh');
writeFileSync(scriptFile, `${script.join('\n')}\necho "=== end"\n`);
const guest = join(folder, 'guest');
const added = [...Object.keys(builds).map((build) => [build, build]), ['all.sh', 'all.sh']];
run('node', [
  'dist/src/host/node/guests/guests.js',
  'debian',
  ...added.flatMap(([file, path]) => ['--add', `${join(folder, file)}:/root/${path}`]),
  '--output',
  guest,
]);
const startMs = Date.now();
const serial = run(
  'node',
  [
    'src/host/reprise.mjs',
    'run',
    '--engine',
    engine,
    '--kernel',
    join(guest, 'vmlinuz'),
    '--initrd',
    join(guest, 'initrd.gz'),
    '--append',
    'console=ttyS0 quiet loglevel=0 run="sh /root/all.sh"',
  ],
  { input: '', timeout: bootTimeoutMs },
);
const seconds = Math.round((Date.now() - startMs) / 1000);
writeFileSync(join(folder, 'serial.txt'), serial);

const sections = new Map();
for (const section of serial.replaceAll('\r', '').split(/^=== /m).slice(1)) {
  const end = section.indexOf('\n');
  sections.set(section.slice(0, end), section.slice(end + 1));
}
if (!sections.has('end')) fail(`the guest did not come to the end; its last words:\n${serial.slice(-1500)}`);
let differing = 0;
let lineCount = 0;
for (const [key, text] of native) {
  const wanted = `${text}status 0\n`.split('\n');
  const got = (sections.get(key) ?? '').split('\n');
  lineCount += wanted.length;
  const wrong = wanted.map((_, i) => i).filter((i) => wanted[i] !== got[i]);
  if (wrong.length === 0 && got.length === wanted.length) continue;
  differing++;
  console.log(`${key}: ${wrong.length} of ${wanted.length} lines differ`);
  for (const i of wrong.slice(0, 5)) console.log(`  line ${i + 1}\n    native ${wanted[i]}\n    guest  ${got[i]}`);
}
console.log(
  `${native.size} programs, ${lineCount} lines, engine ${engine}, ${seconds} s: ${differing} programs differ`,
);
process.exit(differing === 0 ? 0 : 1);
