// `npm run guests -- debian-disk`: a bootable disk with a Debian i386 system, made by Debian's own tools: debootstrap
// unpacks and configures it (as root, without starting anything of it but its installation scripts), mke2fs makes a
// file system of the directory, grub-mkimage a boot loader, which is put into the MBR and the sectors behind it as
// grub-bios-setup would. One partition, ext4; console on screen and first serial line; root without a password.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECTOR_BYTES } from '../../../core/devices/disk/disk-contents.ts';
import { GuestSetupError, sha256OfFile } from './packages.ts';

/** First sector of the partition: the gap before it is the boot loader's. */
const PARTITION_FIRST = 2048;
const GRUB_FOLDER = '/usr/lib/grub/i386-pc';
/** What the boot loader needs to find a kernel on the partition, and to be talked to. */
const GRUB_MODULES = [
  ...['biosdisk', 'part_msdos', 'ext2', 'normal', 'linux', 'configfile', 'boot', 'serial', 'terminal', 'echo'],
  ...['ls', 'cat', 'search', 'halt', 'reboot', 'test', 'minicmd'],
];
const PACKAGES = [
  ...['systemd-sysv', 'udev', 'dbus', 'linux-image-686', 'initramfs-tools', 'kmod', 'e2fsprogs', 'tar', 'procps'],
  ...['util-linux', 'mount', 'login', 'passwd', 'iproute2'],
];
/** Drivers in the initial RAM disk: those of the machine. */
const INITIAL_MODULES = ['ata_piix', 'ata_generic', 'sd_mod', 'ext4'];

export interface DiskOptions {
  /** Where the image and its manifest go. */
  readonly output: string;
  readonly suite: string;
  readonly mirror: string;
  readonly megabytes: number;
  readonly progress: (step: string) => void;
}

export interface DiskManifest {
  readonly image: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly kernel: string;
}

function run(program: string, args: readonly string[], packageName: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) {
    throw new GuestSetupError(`${program} was not found: install Debian's package ${packageName}.`);
  }
  if (status === 0) return stdout;
  const words = stderr.trim().split('\n').slice(-3).join(' ') || stdout.trim().split('\n').slice(-3).join(' ');
  throw new GuestSetupError(`${program} failed (${words}): mend that and run again.`);
}

/** Builds disk.img, unless one is there. */
export function installDebianDisk(options: DiskOptions): DiskManifest {
  const { output, progress } = options;
  if (process.getuid?.() !== 0) {
    throw new GuestSetupError('debootstrap makes files of root: run this as root, for example in a container.');
  }
  mkdirSync(output, { recursive: true });
  const root = join(output, 'root');
  const image = join(output, 'disk.img');
  // What has been done, beside the directory and not in it.
  const [unpacked, configured] = [join(output, 'unpacked'), join(output, 'configured')];
  if (!existsSync(unpacked)) {
    rmSync(root, { recursive: true, force: true });
    rmSync(configured, { force: true });
    progress(`debootstrap of ${options.suite}: some minutes`);
    const include = `--include=${PACKAGES.join(',')}`;
    run(
      'debootstrap',
      ['--arch=i386', '--variant=minbase', include, options.suite, root, options.mirror],
      'debootstrap',
    );
    writeFileSync(unpacked, '');
  }
  if (!existsSync(configured)) {
    progress('settings and initial RAM disk');
    configure(root);
    writeFileSync(configured, '');
  }
  const kernel = kernelOf(root);
  const linux = `/boot/vmlinuz-${kernel} root=/dev/sda1 ro console=tty0 console=ttyS0,115200`;
  writeFileSync(join(root, 'boot/grub/grub.cfg'), grubConfiguration(linux, `/boot/initrd.img-${kernel}`));
  progress('file system and boot loader');
  makeDisk({ root, output, megabytes: options.megabytes });
  const manifest = { image, sizeBytes: statSync(image).size, sha256: sha256OfFile(image), kernel };
  writeFileSync(join(output, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** disk.img in `output`: a boot loader, and a partition with what is in the folder `root`, boot/grub/grub.cfg too. */
export function makeDisk({ root, output, megabytes }: { root: string; output: string; megabytes: number }): string {
  const image = join(output, 'disk.img');
  const sectors = (megabytes * 0x100000) / SECTOR_BYTES;
  rmSync(image, { force: true });
  const offset = PARTITION_FIRST * SECTOR_BYTES;
  const blocks = `${((sectors - PARTITION_FIRST) * SECTOR_BYTES) / 1024}k`;
  run('truncate', ['-s', String(sectors * SECTOR_BYTES), image], 'coreutils');
  const features = ['-F', '-q', '-t', 'ext4', '-L', 'debian', '-E', `offset=${offset}`, '-d', root];
  run('mke2fs', [...features, image, blocks], 'e2fsprogs');
  putBootLoader(image, sectors, output);
  return image;
}

function configure(root: string): void {
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text);
  write('etc/fstab', '/dev/sda1 / ext4 errors=remount-ro 0 1\n');
  write('etc/hostname', 'reprise\n');
  write('etc/hosts', '127.0.0.1 localhost reprise\n');
  write('etc/initramfs-tools/conf.d/modules', 'MODULES=list\n');
  write('etc/initramfs-tools/modules', `${INITIAL_MODULES.join('\n')}\n`);
  run('chroot', [root, 'passwd', '-d', 'root'], 'coreutils');
  run('chroot', [root, 'update-initramfs', '-u'], 'coreutils');
  run('chroot', [root, 'apt-get', 'clean'], 'coreutils');
  mkdirSync(join(root, 'boot/grub'), { recursive: true });
  for (const name of readdirSync(join(root, 'var/lib/apt/lists'))) {
    rmSync(join(root, 'var/lib/apt/lists', name), { recursive: true, force: true });
  }
}

function kernelOf(root: string): string {
  const found = readdirSync(join(root, 'boot')).filter((name) => name.startsWith('vmlinuz-'));
  const last = found.sort().at(-1);
  if (last === undefined) throw new GuestSetupError(`${root} has no kernel: delete it and run again.`);
  return last.slice('vmlinuz-'.length);
}

/** `linux`: the kernel's path and its command line. */
export function grubConfiguration(linux: string, initrd: string): string {
  return `set timeout=0
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
menuentry 'Debian' {
  linux ${linux}
  initrd ${initrd}
}
`;
}

/** The MBR with its partition table, and the core image in the sectors behind it. */
function putBootLoader(image: string, sectors: number, output: string): void {
  const core = join(output, 'core.img');
  if (!existsSync(join(GRUB_FOLDER, 'boot.img'))) {
    throw new GuestSetupError(`${GRUB_FOLDER} is not there: install Debian's package grub-pc-bin.`);
  }
  const prefix = '(hd0,msdos1)/boot/grub';
  run('grub-mkimage', ['-O', 'i386-pc', '-o', core, '-p', prefix, ...GRUB_MODULES], 'grub-common');
  const coreBytes = readFileSync(core);
  if (coreBytes.length > (PARTITION_FIRST - 1) * SECTOR_BYTES) {
    throw new GuestSetupError('The boot loader does not fit before the partition: install an older grub-pc-bin.');
  }
  const record = Buffer.alloc(SECTOR_BYTES);
  readFileSync(join(GRUB_FOLDER, 'boot.img')).copy(record, 0, 0, 440);
  record.writeUInt32LE(0x52504456, 440); // the disk's signature
  const entry = 446;
  record[entry] = 0x80;
  record.set([0x20, 0x21, 0x00, 0x83, 0xfe, 0xff, 0xff], entry + 1);
  record.writeUInt32LE(PARTITION_FIRST, entry + 8);
  record.writeUInt32LE(sectors - PARTITION_FIRST, entry + 12);
  record.set([0x55, 0xaa], 510);
  for (const [from, bytes] of [
    [0, record],
    [SECTOR_BYTES, coreBytes],
  ] as const) {
    const part = join(output, 'boot.part');
    writeFileSync(part, bytes);
    run('dd', [`if=${part}`, `of=${image}`, 'bs=512', `seek=${from / SECTOR_BYTES}`, 'conv=notrunc'], 'coreutils');
    rmSync(part);
  }
}
