/**
 * A Debian system on a disk, whole: GRUB and ext4 through SeaBIOS to a login prompt on the screen and on the serial
 * line. A script logs in at both, writes (dd, tar, a file system on a second disk, which is unmounted and checked),
 * syncs and powers off. Recorded, replayed on every engine and without devices; killed while recording nothing is lost
 * that was flushed; the images stay as they are, and the overlays hold what was written. Each run is more than ten
 * thousand million instructions, so this is started by hand:
 *
 *   node proptests/debian/disk.mjs FOLDER [--image DISK.IMG] [--engines NAME,NAME…]
 *
 * Without --image the disk is built in the folder (npm run guests -- debian-disk: as root, with debootstrap, e2fsprogs
 * and grub-pc-bin). The engine `js` comes last, since it takes the longest by far. The engine `step` is left out unless
 * it is named: it would take a day.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openDisk } from '../../dist/src/host/node/disks.js';
import { Checks, last, reprise, root } from './guest.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { image: { type: 'string' }, engines: { type: 'string', default: 'tiered,wasm,interp,js' } },
});
if (positionals.length !== 1) {
  console.error('usage: node proptests/debian/disk.mjs FOLDER [--image DISK.IMG] [--engines NAME,NAME…]');
  process.exit(2);
}
const folder = resolve(positionals[0]);
const path = (name) => join(folder, name);
const checks = new Checks('the Debian disk');
const LOG_BYTES_MAX = 3_000_000;
const SECOND_DISK_BYTES = 48 << 20;
/** Where the partition begins, as debian-disk makes it. */
const PARTITION_BYTES = 2048 * 512;

/**
 * The kernel's driver of the screen draws dots, which a script cannot read: what is typed there is typed while the
 * serial line, on which somebody has logged in by then, waits.
 */
const SCRIPT = String.raw`
when "reprise login:" serial "root\n"
when "root@reprise:~#" serial "stty -echo; PS1='rea''dy> '; echo o''ne; sleep 15; echo t''wo; sleep 10\n"
when "one" type "root\n"
when "two" type "echo typed at $(tty) > /root/typed\n"
when "ready> " serial "dd if=/dev/zero of=/root/zeros bs=64k count=128 conv=fsync\n"
when "ready> " serial "tar cf /root/etc.tar /etc; sha256sum /root/etc.tar | tee /root/sum\n"
when "ready> " serial "mkfs.ext4 -q -F /dev/sdb; mount /dev/sdb /mnt; tar xf /root/etc.tar -C /mnt; umount /mnt\n"
when "ready> " serial "fsck.ext4 -f -y /dev/sdb; echo fsck gave $?\n"
when "ready> " serial "cat /root/typed; sync; poweroff\n"
`;

function sha256(file) {
  const digest = createHash('sha256');
  const piece = Buffer.alloc(1 << 22);
  const opened = openSync(file, 'r');
  for (let count = readSync(opened, piece); count > 0; count = readSync(opened, piece)) {
    digest.update(piece.subarray(0, count));
  }
  closeSync(opened);
  return digest.digest('hex');
}

/** What a qcow2 overlay and the images below it hold, as a raw file. */
function flatten(overlay, raw) {
  const disk = openDisk(overlay, 'overlay', 'run again', [image, second]);
  const target = openSync(raw, 'w');
  const piece = Buffer.alloc(1 << 22);
  const zeros = Buffer.alloc(piece.length);
  ftruncateSync(target, disk.sizeBytes);
  for (let at = 0; at < disk.sizeBytes; at += piece.length) {
    const count = Math.min(piece.length, disk.sizeBytes - at);
    disk.read(at, piece.subarray(0, count));
    if (!piece.subarray(0, count).equals(zeros.subarray(0, count))) writeSync(target, piece, 0, count, at);
  }
  closeSync(target);
}

function tool(program, ...words) {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, text: `${stdout}${stderr}`.trim() };
}

mkdirSync(folder, { recursive: true });
let image = values.image === undefined ? path('disk.img') : resolve(values.image);
if (!existsSync(image)) {
  const builder = join(root, 'dist/src/host/node/guests/guests.js');
  const built = spawnSync(process.execPath, [builder, 'debian-disk', '--output', folder], { stdio: 'inherit' });
  checks.that('the disk is built', built.status === 0);
  if (built.status !== 0) checks.end();
  image = path('disk.img');
}
const second = path('second.img');
writeFileSync(second, new Uint8Array(SECOND_DISK_BYTES));
writeFileSync(path('script'), SCRIPT);
const before = [image, second].map(sha256);

const machine = ['--hda', image, '--hdb', second, '--memory', '256', '--epoch', '2026-01-01T00:00:00Z'];
// A guest that never comes to its end is no reason to wait for ever.
const words = [...machine, '--input', path('script'), '--max-ticks', '60_000_000_000'];
const log = path('disk.rlog');
for (const name of ['disk.rlog', 'hda.qcow2', 'hdb.qcow2', 'killed.rlog']) rmSync(path(name), { force: true });
const overlays = ['--overlay', path('hda.qcow2'), '--overlay', `hdb=${path('hdb.qcow2')}`];
const recorded = reprise(['record', log, ...words, ...overlays]);
checks.that('record ends with power-off', /powered off/.test(recorded.errors), last(recorded.errors));
checks.that('login is reached on the serial line', recorded.output.includes('reprise login:'));
checks.that('somebody typed at the screen', recorded.output.includes('typed at /dev/tty1'));
checks.that('dd wrote 8 MB', /8388608 bytes .* copied/.test(recorded.output));
checks.that('fsck -f finds nothing', /fsck gave 0/.test(recorded.output));
const sum = /^([0-9a-f]{64}) {2}\/root\/etc\.tar/m.exec(recorded.output)?.[1];
const logBytes = statSync(log).size;
checks.that(`the log is under ${LOG_BYTES_MAX} bytes`, logBytes < LOG_BYTES_MAX, `${logBytes}`);

checks.that('the images are as they were', [image, second].map(sha256).join() === before.join(), before.join(' '));
flatten(path('hda.qcow2'), path('hda.raw'));
flatten(path('hdb.qcow2'), path('hdb.raw'));
for (const file of [`${path('hda.raw')}?offset=${PARTITION_BYTES}`, path('hdb.raw')]) {
  const { status, text } = tool('e2fsck', '-f', '-n', file);
  checks.that(`e2fsck here finds nothing in ${file.slice(folder.length + 1)}`, status === 0, last(text));
}
const dumped = path('etc.tar');
tool('debugfs', '-R', `dump /root/etc.tar ${dumped}`, `${path('hda.raw')}?offset=${PARTITION_BYTES}`);
const held = existsSync(dumped) ? sha256(dumped) : 'nothing';
checks.that('the overlay holds the archive that the guest made', sum !== undefined && held === sum, held);
// As root, where there are loop devices, the kernel of this host mounts it too.
const mounted = path('mounted');
mkdirSync(mounted, { recursive: true });
const mount = tool('mount', '-o', `loop,ro,offset=${PARTITION_BYTES}`, path('hda.raw'), mounted);
if (mount.status === 0) {
  checks.that('the overlay mounts', sha256(join(mounted, 'root/etc.tar')) === sum);
  tool('umount', mounted);
} else console.log(`     not mounted here: ${last(mount.text)}`);
const listed = tool('debugfs', '-R', 'cat /etc/hostname', path('hdb.raw')).text;
checks.that('the second overlay holds what was unpacked', listed.includes('reprise'), last(listed));

// Killed in the middle of what it writes: what stands in the file by then is a whole recording.
const killed = path('killed.rlog');
const cli = join(root, 'dist/src/host/cli/cli.js');
const child = spawn(process.execPath, [cli, 'record', killed, ...words], { stdio: ['ignore', 'pipe', 'ignore'] });
let heard = '';
await new Promise((done) => {
  child.stdout.on('data', (data) => {
    heard += data.toString('latin1');
    if (heard.includes('copied')) child.kill('SIGKILL');
  });
  child.on('close', done);
});
const flushed = statSync(killed).size;
const part = reprise(['replay', killed]);
checks.that('what was flushed before the kill replays', part.status === 0, `${flushed} bytes; ${last(part.errors)}`);
checks.that('it is the beginning of the same run', recorded.output.startsWith(part.output) && part.output.length > 0);

for (const engine of values.engines.split(',')) {
  const wish = engine === 'tiered' ? ['--screenshot', `serial:"two"=${path('login.png')}`] : [];
  const again = reprise(['replay', log, '--engine', engine, ...wish]);
  checks.that(`replay on ${engine} agrees to the end`, again.status === 0, last(again.errors));
  checks.that(`replay on ${engine} prints the same`, again.output === recorded.output);
}
const bare = reprise(['replay', log, '--devices', 'log']);
checks.that('replay without devices agrees to the end', bare.status === 0, last(bare.errors));
checks.that('replay without devices prints the same', bare.output === recorded.output);

checks.that('the images are still as they were', [image, second].map(sha256).join() === before.join());
checks.end();
