/**
 * The parts of the continuous integration that need more than Node: npm run ci:extra [WORD...]
 *
 * A step is one line of the table: a name, the Debian packages it needs with a command that shows they are there, and
 * what to run; `only` is a command that fails, with a word, on a host that the step is not for. As root, missing
 * packages are installed, each step's by itself; otherwise the step is skipped and says why. A step that runs and fails
 * makes the whole fail. A WORD keeps the steps whose name contains it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const timeoutPerStepMs = 20 * 60_000;

/** $TMP in a command is a fresh folder that is removed afterwards. */
const steps = [
  {
    name: 'package: packed, installed elsewhere, answers',
    packages: [],
    probe: 'true',
    run: 'node proptests/package-check.mjs $TMP',
  },
  {
    name: 'races: each bug found, shrunk, replayed 100 times; fixed twins not accused',
    packages: [],
    probe: 'true',
    run: 'node src/host/bootstrap.mjs && node dist/proptests/chaos/campaign.js',
  },
  {
    name: 'queue: a campaign over redis-server, workers killed',
    packages: ['redis-server'],
    probe: 'command -v redis-server && command -v redis-cli',
    run: 'node src/host/bootstrap.mjs && node proptests/chaos/queue.mjs $TMP',
  },
  {
    name: 'power cuts: ext4 and FAT of a Debian guest, cut at many places, checked and replayed',
    packages: ['apt', 'e2fsprogs', 'dosfstools', 'mtools'],
    probe: 'command -v apt-get && command -v dpkg-deb && command -v e2fsck && command -v fsck.fat && command -v mtype',
    run:
      'node src/host/bootstrap.mjs && ' +
      'node proptests/chaos/powercut.mjs $TMP --quick --cuts 100 --samples 1 --rounds 8',
  },
  {
    name: 'system: protection rules against QEMU',
    packages: ['gcc', 'qemu-system-x86'],
    probe: 'command -v gcc && command -v qemu-system-i386',
    run: 'node proptests/witnesses/emulators/second-opinion.mjs $TMP',
  },
  {
    name: 'Debian: boots, records, replays with and without devices; queries and an origin are what happened',
    packages: ['apt'],
    probe: 'command -v apt-get && command -v dpkg-deb',
    run:
      'node proptests/debian/boot.mjs $TMP quick && node dist/proptests/query/debian.js $TMP/full.rlog ' +
      '--kernel $TMP/debian/vmlinuz --initrd $TMP/debian/initrd.gz',
  },
  {
    name: 'Debian session: typed at a terminal, Ctrl-C too, recorded and replayed',
    packages: ['apt', 'bsdutils'],
    probe: 'command -v apt-get && command -v dpkg-deb && command -v script',
    run: 'node proptests/debian/session.mjs $TMP',
  },
  {
    name: 'systems: a diskette of ours boots, is typed at, shows what QEMU shows',
    packages: ['seabios', 'qemu-system-x86'],
    probe: 'ls /usr/share/seabios/bios-256k.bin && command -v qemu-system-i386',
    run: 'node src/host/bootstrap.mjs && node proptests/boot/systems.mjs $TMP floppy',
  },
  {
    name: 'UEFI: OVMF comes to its shell, says what it says to QEMU',
    packages: ['qemu-system-x86'],
    probe: 'command -v qemu-system-i386',
    only:
      'test -f "$REPRISE_OVMF" || { echo "set REPRISE_OVMF to an image as proptests/boot/uefi.mjs wants it" >&2; ' +
      'exit 1; }',
    run: 'node src/host/bootstrap.mjs && node proptests/boot/uefi.mjs $TMP "$REPRISE_OVMF"',
  },
  {
    name: 'Debian disk: logged in, written to, checked, killed; every engine',
    packages: ['seabios', 'e2fsprogs', 'chromium'],
    probe: 'ls /usr/share/seabios/bios-256k.bin && command -v e2fsck debugfs chromium',
    only:
      'test -f "$REPRISE_DEBIAN_DISK" || { echo "takes an hour: set REPRISE_DEBIAN_DISK to the disk of ' +
      'npm run guests -- debian-disk" >&2; exit 1; }',
    run:
      'node src/host/bootstrap.mjs && node proptests/debian/disk.mjs $TMP --image "$REPRISE_DEBIAN_DISK" && ' +
      'node dist/proptests/page/walk-recording.js $TMP/disk.rlog --image "$REPRISE_DEBIAN_DISK" --image $TMP',
  },
  {
    name: 'page: the recording in Chromium, a hundred mutated logs, a Debian kernel from a disk',
    packages: ['chromium', 'apt', 'seabios', 'e2fsprogs', 'grub-common', 'grub-pc-bin'],
    probe:
      'command -v chromium && command -v apt-get && command -v dpkg-deb && command -v mke2fs && ' +
      'command -v grub-mkimage && ls /usr/share/seabios/bios-256k.bin /usr/lib/grub/i386-pc/boot.img',
    run:
      'node src/host/bootstrap.mjs && REPRISE_MUTANTS=100 node proptests/run.mjs page/ measure/report && ' +
      'node dist/proptests/page/pictures.js $TMP/pictures && node dist/proptests/page/measure-debian.js $TMP',
  },
  {
    name: 'Debian idle: an hour of it is small, replays on every engine, is walked within its memory',
    packages: ['apt'],
    probe: 'command -v apt-get && command -v dpkg-deb',
    run: 'node src/host/bootstrap.mjs && node proptests/debian/idle.mjs $TMP',
  },
  {
    name: 'Debian debugged: no image and no symbol file named, from another folder',
    packages: ['apt'],
    probe: 'command -v apt-get && command -v dpkg-deb',
    run: 'node src/host/bootstrap.mjs && node proptests/debian/debug.mjs $TMP',
  },
  {
    name: 'gdb: the reverse-debugging scenario at random places',
    packages: ['gdb'],
    probe: 'gdb --version',
    run: 'node src/host/bootstrap.mjs && node dist/proptests/timeline/gdb-scenario.js --repeat 8',
  },
  {
    name: 'editors: 200 random sessions of the debug adapter',
    packages: ['gcc-multilib'],
    probe: 'echo "int x;" | gcc -m32 -x c -c -o /dev/null -',
    run: 'node src/host/bootstrap.mjs && node dist/proptests/dap/scenarios.js --count 200 --seed 1',
  },
  {
    name: 'Neovim: a session of the debug adapter by a real editor',
    packages: ['neovim', 'gcc-multilib'],
    probe: 'nvim --version && echo "int x;" | gcc -m32 -x c -c -o /dev/null -',
    run: 'node src/host/bootstrap.mjs && node dist/proptests/dap/neovim.js $TMP',
  },
  {
    name: 'silicon witness: the host processor against the engines',
    packages: ['gcc'],
    probe: 'command -v gcc && npm run --silent witness -- --cases 0',
    only: 'npm run --silent witness -- --cases 0 --imitated-only',
    run:
      'npm run --silent witness -- --seed 1 --cases 200000 && ' +
      'npm run --silent witness -- --seed 1 --cases 50000 --engine js:threshold=1',
  },
  {
    name: 'system campaign: random system states on Reprise, QEMU and Bochs',
    packages: ['qemu-system-x86', 'bochs', 'bochsbios', 'vgabios'],
    probe: 'node src/host/bootstrap.mjs && node dist/proptests/witnesses/emulators/run.js --probe',
    run: 'npm run --silent campaign -- --seed 7 --cases 4000',
  },
  {
    name: 'programs: the same output natively and in the Debian guest',
    packages: ['gcc-multilib', 'libc6-dev-i386'],
    probe: "test $(uname -m) = x86_64 && echo 'int main(void) { return 0; }' | gcc -m32 -static -x c -o /dev/null -",
    run: 'node src/host/bootstrap.mjs && node proptests/witnesses/programs/compare.mjs $TMP tiered',
  },
];

function shell(command, options) {
  return spawnSync('bash', ['-c', command], { cwd: root, ...options });
}

let listsAreFresh = false;

/** Undefined when the step can run, otherwise why not. */
function whyNot(step) {
  const missing = whyMissing(step);
  if (missing !== undefined || step.only === undefined) return missing;
  const told = shell(step.only, { encoding: 'utf8', timeout: 60_000 });
  return told.status === 0 ? undefined : told.stderr.trim();
}

function whyMissing({ packages, probe }) {
  const present = () => shell(probe, { stdio: 'ignore', timeout: 60_000 }).status === 0;
  if (present()) return undefined;
  const wanted = packages.join(' ');
  if (wanted === '') return `\`${probe}\` fails here`;
  if (process.getuid?.() !== 0) return `needs ${wanted} (not root, so not installed)`;
  if (shell('command -v apt-get', { stdio: 'ignore' }).status !== 0) return `needs ${wanted} (no apt-get here)`;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (!listsAreFresh)
    shell('apt-get update -qq', { stdio: ['ignore', 'ignore', 'inherit'], env: environment, timeout: 300_000 });
  listsAreFresh = true;
  const installed = shell(`apt-get install -y -qq --no-install-recommends ${wanted}`, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: environment,
    timeout: 600_000,
  });
  if (installed.status !== 0) return `apt-get could not install ${wanted}`;
  return present() ? undefined : `\`${probe}\` fails although ${wanted} is installed`;
}

const words = process.argv.slice(2);
if (words.includes('--help')) {
  const names = steps.map(({ name }) => `  ${name}`).join('\n');
  console.log(`usage: npm run ci:extra -- [WORD...]\n\nRuns the steps whose name contains one of the WORDs:\n${names}`);
  process.exit(0);
}
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const step of steps) {
  if (words.length > 0 && !words.some((word) => step.name.includes(word))) continue;
  console.log(`\n-- ${step.name}`);
  const reason = whyNot(step);
  if (reason !== undefined) {
    counts.skipped++;
    console.log(`skipped: ${reason}`);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), 'reprise-ci-'));
  const startMs = Date.now();
  const ended = shell(step.run, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TMP: folder },
    timeout: timeoutPerStepMs,
  });
  rmSync(folder, { recursive: true, force: true });
  const how = ended.signal === null ? `status ${ended.status}` : `signal ${ended.signal}`;
  const took = `${((Date.now() - startMs) / 1000).toFixed(1)} s`;
  if (ended.status === 0) {
    counts.passed++;
    console.log(`ran: ${took}`);
  } else {
    counts.failed++;
    console.log(`failed: ${how} after ${took}; run \`${step.run}\` to see it again`);
  }
}
console.log(`\nextra: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
