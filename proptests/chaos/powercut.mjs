/**
 * File systems whose disk loses power: node proptests/chaos/powercut.mjs FOLDER [--cuts N] [--samples N] [--seed S]
 *
 * The Debian guest writes, renames and removes files on an ext4 and a FAT disk at once and says what it has synced.
 * From one recording the disks are cut at N places. Every ext4 must come clean out of its journal, or e2fsck must say
 * why not and mend it (a superblock of 1 KiB may be torn between its two sectors); every FAT be clean or told by
 * fsck.fat what is wrong; and on both the last file that was synced before the cut must be whole.
 * Samples are recorded again as runs of their own, with --powercut, whose disks are the same byte for byte, and
 * replayed on every engine and without devices. With the barriers of ext4 off the same check must find losses: a check
 * that cannot fail shows nothing. At last the images of a sample are mounted by the guest. `--quick` leaves out
 * these two. Needs apt, e2fsprogs, dosfstools, mtools.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Checks, last, reprise } from '../debian/guest.mjs';
import { bootToCommand, DISK_MODULES, kernelModules, recordCommand, run } from '../debian/with-modules.mjs';

const { values, positionals } = parseArgs({
  options: {
    cuts: { type: 'string', default: '1000' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '16' },
    quick: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: node proptests/chaos/powercut.mjs FOLDER [--cuts N] [--samples N] [--seed S] [--quick]');
  process.exit(2);
}
const checks = new Checks('what power cuts leave');
mkdirSync(folder, { recursive: true });
const path = (name) => join(folder, name);

/** files FOLDER TAG ROUNDS: of each round n a file with as many lines, some moved, some removed; even ones synced. */
const FILES = `#!/bin/sh
cd $1
n=1
while [ $n -le $3 ]; do
  d=d$((n%5))
  f=$d/f$n
  mkdir -p $d
  seq $((n*1000)) $((n*1000+n*37)) > $f
  if [ $((n%3)) = 0 ]; then mv $f $d/g$n; f=$d/g$n; fi
  [ $((n%4)) = 0 ] && rm -f d$(((n-3)%5))/?$((n-3))
  if [ $((n%2)) = 0 ]; then sync; dd if=/dev/null of=$f conv=notrunc,fsync 2> /dev/null; echo "$2 synced $n"; fi
  n=$((n+1))
done
cd /
umount $1
echo $2 done
`;

/** check HDA HDB: the cut's tick stands in the names. Says what is wrong; status 1 for what must not be. */
const CHECK = `#!/bin/sh
tick=$(basename $1); tick=\${tick%%-*}
bad=0
e2fsck -fp $1 > $1.said 2>&1
if [ $? -gt 1 ]; then
  e2fsck -fy $1 > $1.said 2>&1
  echo "ext4: $(sed -n 1,2p $1.said | tr '\n' ' ')"
fi
e2fsck -fn $1 > $1.said 2>&1 || { echo "ext4 is not clean then: $(tail -n 3 $1.said)"; bad=1; }
fsck.fat -n $2 > $1.said 2>&1
case $? in
  0) ;;
  1) echo "FAT: $(grep -v -e ^fsck.fat -e files, -e '^$' -e Leaving $1.said | tr '\\n' ' ')" ;;
  *) echo "FAT cannot be checked: $(cat $1.said)"; bad=1 ;;
esac
for kind in ext4 fat; do
  n=$(awk -v tick=$tick -v kind=$kind '$2 == kind && $1 < tick { n = $3 } END { print n + 0 }' SYNCED)
  [ $n = 0 ] && continue
  name=d$((n%5))/f$n
  [ $((n%3)) = 0 ] && name=d$((n%5))/g$n
  if [ $kind = ext4 ]; then debugfs -R "cat /$name" $1 > $1.file 2> /dev/null; else mtype -i $2 ::/$name > $1.file; fi
  seq $((n*1000)) $((n*1000+n*37)) | cmp -s - $1.file || { echo "$kind: $name was synced and is lost"; bad=1; }
done
rm -f $1.said $1.file
exit $bad
`;

writeFileSync(path('files'), FILES, { mode: 0o755 });
const [ext4, fat] = [path('ext4.img'), path('fat.img')];
for (const image of [ext4, fat]) {
  rmSync(image, { force: true });
  run('truncate', ['-s', '16M', image]);
}
run('mke2fs', ['-q', '-F', '-t', 'ext4', ext4]);
run('mkfs.fat', ['-F', '16', fat]);
const disks = ['--hda', ext4, '--hdb', fat];
const guest = bootToCommand(
  folder,
  {
    loaded: kernelModules(DISK_MODULES),
    files: [['/bin/files', path('files')]],
    device: '/dev/sdb',
    options: [...disks, '--write-cache', '8192'],
  },
  checks,
);

/** The work, recorded, with these options of ext4; and when which file was known to be synced. */
function work(name, options) {
  const log = path(`${name}.rlog`);
  const command =
    `mkdir -p /e /f; mount -t ext4 -o ${options} /dev/sda /e; mount -t vfat /dev/sdb /f; ` +
    `files /e ext4 ${values.rounds} & files /f fat ${values.rounds} & wait; poweroff -f`;
  const recorded = recordCommand(log, guest, command, disks);
  const isDone = recorded.output.includes('ext4 done') && recorded.output.includes('fat done');
  checks.that(`the guest writes on both disks (${options})`, recorded.status === 0 && isDone, last(recorded.errors));
  const lines = reprise(['query', log, 'serial() where text ~ "synced"', '--json']).output;
  const synced = [];
  for (const line of lines.split('\n')) {
    const row = /"position":"(\d+)".*"text":"(ext4|fat) synced (\d+)"/.exec(line);
    if (row !== null) synced.push(row.slice(1).join(' '));
  }
  checks.that(
    'and says what it has synced',
    synced.length === 2 * Math.floor(Number(values.rounds) / 2),
    `${synced.length}`,
  );
  writeFileSync(path(`${name}.synced`), `${synced.join('\n')}\n`);
  writeFileSync(path(`${name}.check`), CHECK.replaceAll('SYNCED', path(`${name}.synced`)), { mode: 0o755 });
  return { log, check: `${path(`${name}.check`)} {hda} {hdb}` };
}

function cut({ log, check }, words) {
  const ended = reprise(['powercut', log, '--seed', values.seed, '--check', check, '--json', ...words]);
  if (ended.status !== 0 && ended.status !== 1) throw new Error(ended.errors);
  return JSON.parse(ended.output).cuts;
}

const plain = work('work', 'commit=1');
rmSync(path('work.cut.rlog'), { force: true });
const cuts = cut(plain, ['--cuts', values.cuts]);
const bad = cuts.filter(({ status }) => status !== 0);
const toldOf = (kind) => cuts.filter(({ status, text }) => status === 0 && text.includes(`${kind}: `));
checks.that(
  `${cuts.length} of ${values.cuts} cuts: clean, or fsck says why not, and what was synced is there`,
  cuts.length === Number(values.cuts) && bad.length === 0,
  bad.length === 0
    ? `${toldOf('ext4').length} ext4 and ${toldOf('FAT').length} FAT with remarks`
    : JSON.stringify(bad[0]),
);

/** The sample whose images the guest mounts. */
const MOUNTED = Math.floor(Number(values.samples) / 2);
const sampleOf = (i) => cuts[Math.floor(((i + 0.5) * cuts.length) / Number(values.samples))];
for (let i = 0; i < Number(values.samples); i++) {
  const { tick, seed } = sampleOf(i);
  const what = `cut ${tick}:${seed}`;
  const images = path(`cut-${i}`);
  rmSync(images, { recursive: true, force: true });
  reprise(['powercut', plain.log, '--cut', `${tick}:${seed}`, '--images', images]);
  const own = { hda: path('own.hda'), hdb: path('own.hdb') };
  copyFileSync(ext4, own.hda);
  copyFileSync(fat, own.hdb);
  const log = path(`sample-${i}.rlog`);
  rmSync(log, { force: true });
  reprise([
    ...['record', log, '--from', guest.snapshot, ...guest.images, '--hda', own.hda, '--hdb', own.hdb],
    ...['--input', `${plain.log}.in`, '--powercut', `${tick}:${seed}`, '--writable', 'hda', '--writable', 'hdb'],
  ]);
  const isSame = Object.entries(own).every(([role, file]) =>
    readFileSync(join(images, `${tick}-${seed}.${role}`)).equals(readFileSync(file)),
  );
  checks.that(`${what} by a run of its own leaves the same disks`, isSame);
  for (const words of [['tiered'], ['interp'], ['js'], ['wasm'], ['tiered', '--devices', 'log']]) {
    const again = reprise(['replay', log, '--engine', ...words, ...guest.images, ...disks]);
    checks.that(`${what} replays on ${words.join(' ')}`, again.status === 0, last(again.errors));
  }
  if (i !== MOUNTED) rmSync(images, { recursive: true });
}

if (values.quick) checks.end();
const careless = work('careless', 'commit=1,nobarrier');
rmSync(path('careless.cut.rlog'), { force: true });
const found = cut(careless, ['--cuts', values.cuts]).at(-1);
checks.that('without barriers the same check finds a loss', found.status === 1, found.text.split('\n').at(-1));

if (Number(values.samples) > 0) {
  const { tick, seed } = sampleOf(MOUNTED);
  const [hda, hdb] = ['hda', 'hdb'].map((role) => join(path(`cut-${MOUNTED}`), `${tick}-${seed}.${role}`));
  const mount =
    'mkdir /e /f; mount -t ext4 /dev/sda /e && mount -t vfat /dev/sdb /f && { ls -R /e /f; echo moun""ted; }';
  writeFileSync(path('mount.in'), `when "ready" serial ${JSON.stringify(`${mount}; poweroff -f\r`)}\n`);
  const booted = reprise([
    ...['run', ...guest.images, '--hda', hda, '--hdb', hdb, '--memory', '64', '--input', path('mount.in')],
    ...['--append', 'console=ttyS0 quiet run="work /dev/sdb"'],
  ]);
  checks.that(
    'the guest boots beside what is left and mounts both',
    /^mounted/m.test(booted.output),
    last(booted.output),
  );
}
checks.end();
