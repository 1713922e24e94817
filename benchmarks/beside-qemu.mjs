/**
 * What a disk and a screen cost beside QEMU's TCG, in turns on the same images:
 *
 *   node benchmarks/beside-qemu.mjs FOLDER [--rounds N] [NAME...]     disk, scroll, chained, linear, planar; or all
 *
 * disk: the Debian guest reads 256 MB of a disk by bus master DMA and writes as many, run, recorded and on QEMU.
 * The others: guests/screen-*.asm at two lengths, whose difference counts. Processor time of the whole process, all its
 * threads, between what the guest says on its serial line: other work on the host counts little. Medians of N rounds
 * (3). Needs qemu-system-x86, for the disk the Debian guest's packages too (npm run guests -- debian).
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { scriptArguments } from '../dist/src/host/cli/script-arguments.js';
import { assembleSource } from '../dist/src/host/node/guest-images.js';
import { root } from '../proptests/debian/guest.mjs';
import { DISK_MODULES, kernelModules, run } from '../proptests/debian/with-modules.mjs';

const SCREENS = { scroll: [1000, 6000], chained: [200, 2200], linear: [40, 240], planar: [20, 140] };
const DISK_BYTES = 256 << 20;
/** Of the times in /proc (sysconf(_SC_CLK_TCK)). */
const CLOCK_HERTZ = 100;
/** Fields of /proc/PID/stat behind the name of the program: time in user mode and in the kernel. */
const [UTIME, STIME] = [11, 12];

const all = ['disk', ...Object.keys(SCREENS)];
const args = scriptArguments({
  name: 'peers:devices',
  program: 'npm run peers:devices --',
  positionals: [
    { name: 'FOLDER', kind: 'file' },
    { name: 'NAME', choices: all, isOptional: true, isRepeated: true },
  ],
  brief: 'a disk and a screen beside those of QEMU',
  summary: `Measures what a disk and a screen cost beside QEMU's TCG, in turns on the same images. Needs
qemu-system-x86, and for the disk Debian's packages for the guest (npm run guests -- debian).`,
  options: [{ name: 'rounds', value: 'N', range: [1, 1000], help: 'medians of so many rounds (default 3)' }],
});
const [folderWord, ...names] = args.positionals;
const folder = resolve(folderWord);
const path = (name) => join(folder, name);
const rounds = args.number('rounds') ?? 3;
mkdirSync(folder, { recursive: true });

const cli = join(root, 'dist/src/host/cli/cli.js');
const QEMU = ['qemu-system-i386', '-accel', 'tcg', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'];
const QUIET = ['-no-reboot', '-net', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'];

/** Seconds of processor time that the process has had. */
function seconds(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const words = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(words[UTIME]) + Number(words[STIME])) / CLOCK_HERTZ;
}

/** Processor time at which each of these lines came; the process is ended after the last. */
function timesOf([program, ...words], marks) {
  return new Promise((done, failed) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    const times = [];
    let [said, errors, from] = ['', '', 0];
    child.stdout.setEncoding('latin1').on('data', (text) => {
      said += text;
      while (times.length < marks.length) {
        const found = new RegExp(marks[times.length]).exec(said.slice(from));
        if (found === null) return;
        from += found.index + found[0].length;
        times.push(seconds(child.pid));
        if (times.length === marks.length) child.kill('SIGKILL');
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    child.on('error', failed);
    child.on('close', () => {
      if (times.length === marks.length) done(times);
      else failed(new Error(`${program} ended without "${marks[times.length]}": ${errors.trim()} ${said.slice(-300)}`));
    });
  });
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const shown = (list) => `${median(list).toFixed(2)} s (${list.map((each) => each.toFixed(2)).join(' ')})`;

/** Each of them once a round, in turns; by name the list of what they gave. */
async function inTurns(contestants) {
  const found = new Map(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(contestants);
    if (round % 2 === 1) order.reverse();
    for (const [name, measure] of order) found.get(name).push(await measure());
  }
  return found;
}

const WORK = `#!/bin/sh
for module in $(cat /lib/order); do insmod /lib/$module; done
i=0
while [ ! -e /dev/sda ] && [ $i -lt 50 ]; do i=$((i+1)); usleep 20000; done
cat /sys/block/sda/device/model
dmesg | grep ata1.00
echo ; echo begin""ning
dd if=/dev/sda of=/dev/null bs=1M count=256
echo ; echo re""ad
dd if=/dev/zero of=/dev/sda bs=1M count=256 conv=fsync
echo ; echo writ""ten
sleep 1000
`;

async function disk() {
  const modules = kernelModules(DISK_MODULES);
  const put = (name, text) => {
    writeFileSync(path(name), text, { mode: 0o755 });
    return path(name);
  };
  const order = put('order', `${modules.map((each) => basename(each)).join('\n')}\n`);
  const added = [
    ...modules.map((each) => [`/lib/${basename(each)}`, each]),
    ...[
      ['/lib/order', order],
      ['/bin/work', put('work', WORK)],
    ],
  ];
  const builder = join(root, 'dist/src/host/node/guests/guests.js');
  const wanted = added.flatMap(([there, here]) => ['--add', `${here}:${there}`]);
  run(process.execPath, [builder, 'debian', '--output', path('debian'), ...wanted], { cwd: root });
  const image = path('disk.img');
  writeFileSync(image, new Uint8Array(DISK_BYTES));
  const [kernel, initrd] = [path('debian/vmlinuz'), path('debian/initrd.gz')];
  const line = 'console=ttyS0 quiet run="work"';
  const machine = ['--kernel', kernel, '--initrd', initrd, '--append', line, '--memory', '128', '--hda', image];
  const marks = ['beginning', 'read', 'written'];
  const ours = (verb) => async () => {
    rmSync(path('disk.rlog'), { force: true });
    return timesOf([process.execPath, cli, ...verb, ...machine, '--disk-room', '300'], marks);
  };
  const drive = ['-drive', `file=${image},if=ide,format=raw,snapshot=on`];
  const theirs = [...QEMU, ...QUIET, '-m', '128', '-kernel', kernel, '-initrd', initrd, '-append', line, ...drive];
  const found = await inTurns({
    run: ours(['run']),
    record: ours(['record', path('disk.rlog')]),
    qemu: () => timesOf(theirs, marks),
  });
  for (const [at, what] of ['dd of 256 MB, read', 'dd of 256 MB, written'].entries()) {
    const between = (name) => found.get(name).map((times) => times[at + 1] - times[at]);
    const [ran, recorded, other] = ['run', 'record', 'qemu'].map(between);
    console.log(`${what}: run ${shown(ran)}, record ${shown(recorded)}, QEMU ${shown(other)}`);
    console.log(
      `  run beside QEMU ${(median(ran) / median(other)).toFixed(2)}, ` +
        `record beside run ${(median(recorded) / median(ran)).toFixed(3)}`,
    );
  }
  const whole = (name) => median(found.get(name).map((times) => times[2]));
  console.log(`  with the boot: record beside run ${(whole('record') / whole('run')).toFixed(3)}`);
}

/** The guests say that they have drawn, or scrolled. */
const END = /drawn|scrolled/;

async function screen(name, [short, long]) {
  const image = path(`${name}.bin`);
  writeFileSync(image, assembleSource(readFileSync(join(root, 'guests', `screen-${name}.asm`), 'utf8')).bytes);
  const ours = (count) => [
    ...[process.execPath, cli, 'run', '--kernel', image, '--append', `guest ${count}`, '--memory', '64'],
    ...['--vga', 'std'],
  ];
  const theirs = (count) => [
    ...QEMU,
    ...QUIET,
    '-m',
    '64',
    '-vga',
    'std',
    '-kernel',
    image,
    '-append',
    `guest ${count}`,
  ];
  const frame = (command) => async () => {
    const [[before], [after]] = [await timesOf(command(short), [END]), await timesOf(command(long), [END])];
    return after - before;
  };
  const found = await inTurns({ run: frame(ours), qemu: frame(theirs) });
  const [ran, other] = [found.get('run'), found.get('qemu')];
  console.log(
    `screen-${name}, ${long - short} frames: ${shown(ran)}, QEMU ${shown(other)}: ` +
      `${(median(ran) / median(other)).toFixed(2)} times`,
  );
}

for (const name of all) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (name === 'disk') await disk();
  else await screen(name, SCREENS[name]);
}
