/**
 * The Debian guest with kernel modules in it, and a moment of it to begin at: modules of the kernel's own package and
 * of ours are unpacked into a cache, the guest boots, loads those that are asked for and waits for a command; that
 * moment is a snapshot, from which recordings of commands begin that take no boot. Needs what guest.mjs needs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { last, reprise, root } from './guest.mjs';

const cache = join(root, 'guests/cache/debian');
const builder = join(root, 'dist/src/host/node/guests/guests.js');
/** What a disk and its file systems need, in the order in which they are loaded. */
export const DISK_MODULES = [
  ...['lib/crc16', 'crypto/crc32c_generic', 'crypto/crct10dif_common', 'crypto/crct10dif_generic', 'lib/crc-t10dif'],
  ...['lib/crc64', 'crypto/crc64_rocksoft_generic', 'lib/crc64-rocksoft', 'block/t10-pi', 'drivers/scsi/scsi_common'],
  ...['drivers/scsi/scsi_mod', 'drivers/scsi/sd_mod', 'drivers/ata/libata', 'drivers/ata/ata_piix', 'fs/mbcache'],
  ...['fs/jbd2/jbd2', 'fs/ext4/ext4', 'fs/fat/fat', 'fs/fat/vfat', 'fs/nls/nls_cp437', 'fs/nls/nls_ascii'],
];

export function run(program, words, options = {}) {
  const ended = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (ended.error !== undefined) throw new Error(`${program} cannot be run: ${ended.error.message}`);
  if (ended.status === 0) return ended.stdout;
  throw new Error(`${program} ${words.join(' ')} failed: ${last(ended.stderr)} ${last(ended.stdout)}`);
}

/** The file of the kernel's package in the cache, which is fetched when it is not there. */
export function kernelPackage() {
  const packages = join(cache, 'packages');
  const find = () => readdirSync(packages).find((name) => /^linux-image-.*-686_.*\.deb$/.test(name));
  if (!existsSync(packages) || find() === undefined) run(process.execPath, [builder, 'debian'], { cwd: root });
  return join(packages, find());
}

/** Paths of these modules of the kernel's package, by names such as fs/ext4/ext4, unpacked once. */
export function kernelModules(names) {
  const file = kernelPackage();
  const folder = join(cache, 'modules', basename(file, '.deb'));
  if (!existsSync(folder)) {
    rmSync(`${folder}.new`, { recursive: true, force: true });
    mkdirSync(`${folder}.new`, { recursive: true });
    run('sh', ['-c', `dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" ./lib/modules`, file, `${folder}.new`]);
    renameSync(`${folder}.new`, folder);
  }
  const modules = join(folder, 'lib/modules');
  const [version] = readdirSync(modules);
  return names.map((name) => join(modules, version, 'kernel', `${name}.ko`));
}

const WORK = `#!/bin/sh
for module in $(cat /lib/order); do insmod /lib/$module || echo "insmod $module fails"; done
i=0
while [ -n "$1" ] && [ ! -e $1 ] && [ $i -lt 50 ]; do i=$((i+1)); usleep 20000; done
echo 3 > /proc/sys/kernel/printk
echo ready
read command
eval "$command"
`;

/**
 * Boots the guest up to where it waits. `loaded`: modules that it loads; `files`: [path in the guest, path here]
 * beside; `device`: what must be there; `options`: of its machine. The images and the snapshot as options of run and
 * record, and its tick.
 */
export function bootToCommand(folder, { loaded, files = [], device = '', options = [] }, checks) {
  mkdirSync(folder, { recursive: true });
  const put = (name, text) => {
    writeFileSync(join(folder, name), text, { mode: 0o755 });
    return join(folder, name);
  };
  const order = put('order', `${loaded.map((path) => basename(path)).join('\n')}\n`);
  const added = [
    ...loaded.map((path) => [`/lib/${basename(path)}`, path]),
    ...[['/lib/order', order], ['/bin/work', put('work', WORK)], ...files],
  ];
  const guest = join(folder, 'debian');
  const words = added.flatMap(([there, here]) => ['--add', `${here}:${there}`]);
  run(process.execPath, [builder, 'debian', '--output', guest, ...words], { cwd: root });
  const images = ['--kernel', join(guest, 'vmlinuz'), '--initrd', join(guest, 'initrd.gz')];
  const script = put('nobody', '# nobody types\n');
  const boot = join(folder, 'boot.rlog');
  const snapshot = join(folder, 'boot.snap');
  for (const path of [boot, snapshot]) rmSync(path, { force: true });
  const booted = reprise([
    ...['record', boot, ...images, ...options, '--append', `console=ttyS0 quiet run="work ${device}"`],
    ...['--memory', '64', '--epoch', '2026-01-01T00:00:00Z', '--input', script, '--stop-on', 'serial:"ready"'],
    ...['--checkpoint-every', '1500000000'],
  ]);
  checks.that('the guest boots and waits for a command', /^ready/m.test(booted.output), last(booted.errors));
  const saved = reprise(['snapshot', 'save', `${boot}@end`, snapshot]);
  checks.that('that moment is saved', saved.status === 0, last(saved.errors));
  const info = reprise(['info', '--json', snapshot]).output;
  return { images, snapshot, tick: Number(/"tick":\s*(\d+)/.exec(info)?.[1]) };
}

/** Records a command from the snapshot, typed soon after it; the log, and what `record` said. */
export function recordCommand(log, { images, snapshot, tick }, command, options = []) {
  rmSync(log, { force: true });
  const script = `${log}.in`;
  writeFileSync(script, `at ${tick + 100_000} serial "${command}\\r"\n`);
  return reprise(['record', log, '--from', snapshot, ...images, ...options, '--input', script]);
}
