/**
 * Whole systems from an image: our diskette with a file system, GRUB's shell, iPXE's, GNU Mach, memtest86+ and the
 * first dialog of Debian's installer. Each boots through SeaBIOS from a medium that is made here, is typed at,
 * recorded, and replayed with devices and without; the screen at the end, and what was said on the serial line, are
 * QEMU's for the same medium, but for lines that name hardware or time.
 *
 *   node proptests/boot/systems.mjs FOLDER [NAME...]     all of them unless names are given
 *
 * Pictures of the last screens stay in the folder. Packages are downloaded and unpacked there, nothing of them is
 * installed. Needs apt, grub-common with grub-pc-bin, xorriso and mtools; without qemu-system-x86 nothing is compared.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Archive, unpackPackage } from '../../dist/src/host/node/guests/packages.js';
import { fatDiskette } from '../../dist/proptests/disk/fat-disk.js';
import { Checks, last, reprise } from '../debian/guest.mjs';
import { qemuScreen } from './qemu-screen.mjs';

const INSTALLER = 'usr/lib/debian-installer/images/12/i386/text/debian-installer/i386';

/**
 * By name: the package, which of its files go onto the disc, and what GRUB does with them; or the disc itself. `steps`
 * are what is waited for and typed; `meets` what must stand there on the way; `end` what must stand there at last,
 * `shows` what else; `speaks` what it says on the first serial line; `differs` says which lines are a machine's own
 * business, `hides` which part of a line.
 */
const SYSTEMS = {
  floppy: {
    diskette: () => fatDiskette({ 'README.TXT': new TextEncoder().encode('first line\nand the rest\n') }),
    memory: 64,
    steps: [['press a key:', 'y']],
    end: 'all well',
    shows: [/diskette 0009 fc00 0000/, /first line/, /press a key: y/],
    differs: /^(SeaBIOS|iPXE|Booting|Press|diskette)/,
    ticks: 2e9,
  },
  grub: {
    config: 'set timeout=-1\nserial --unit=0 --speed=115200\nterminal_output console serial\n',
    speaks: /grub> .*hello from value/s,
    memory: 64,
    options: ['--ns-per-tick', '64'],
    steps: [
      ['grub>', 'ls\n'],
      ['grub>', 'set name=value\n'],
      ['grub>', 'echo hello\\ from $name\n'],
    ],
    end: 'hello from value',
    shows: [/\(cd0?\)/],
    ticks: 3e9,
  },
  ipxe: {
    package: 'ipxe',
    disc: 'usr/lib/ipxe/ipxe.iso',
    memory: 64,
    options: ['--ns-per-tick', '64'],
    steps: [
      ['Ctrl-B', '<ctrl-b>'],
      ['iPXE>', 'set name value\n'],
      ['iPXE>', 'show version\n'],
      ['iPXE>', 'echo hello from ${name}\n'],
    ],
    end: 'hello from value',
    shows: [/version:string = /],
    ticks: 6e9,
  },
  mach: {
    package: 'gnumach-image-1.8-486',
    files: ['boot/gnumach-1.8-486.gz'],
    config: 'set timeout=0\nmenuentry mach { multiboot /boot/gnumach-1.8-486.gz\n boot\n}\n',
    memory: 64,
    options: ['--ns-per-tick', '64'],
    meets: ['GNU Mach 1.8'],
    steps: [],
    end: 'he kernel!',
    shows: [/PCI BIOS revision/, /Partition check/, /panic .*No bootstrap code loaded/],
    differs: /floppy0:|FDC 0|com\d:|hd\d:|ide\d?:|ide\d at|intnull|BIOS32|Controller|com \d|RTC time|unexpected ACK/,
    ticks: 2e9,
  },
  memtest: {
    package: 'memtest86+',
    files: ['boot/memtest86+ia32.bin'],
    config: 'set timeout=0\nmenuentry memtest { linux /boot/memtest86+ia32.bin\n boot\n}\n',
    memory: 16,
    options: ['--ns-per-tick', '512'],
    steps: [],
    end: 'Pass:  1',
    shows: [/Memtest86\+ v6/, /Errors: 0/],
    differs: /CLK|Temp|GHz|MHz|MB\/s|GB\/s|Time:|##|Test #|Pattern|Testing|RAM|Cache|v6|i440FX/,
    // Which processors there are to choose from, and which one is drawn as busy.
    hides: /^Using: [^│]*/,
    ticks: 60e9,
  },
  installer: {
    package: 'debian-installer-12-netboot-i386',
    files: [`${INSTALLER}/linux`, `${INSTALLER}/initrd.gz`],
    config: 'set timeout=0\nmenuentry installer { linux /boot/linux nomodeset\n initrd /boot/initrd.gz\n boot\n}\n',
    memory: 512,
    options: ['--ns-per-tick', '32'],
    steps: [],
    end: '<Go Back>',
    shows: [/Select a language/, /English/],
    ticks: 60e9,
  },
};

/** Of a run that ended by a reset, or by the diskette's word that all was well. */
const ENDED = 3;

const [folderWord, ...names] = process.argv.slice(2);
const unknown = names.find((name) => !Object.hasOwn(SYSTEMS, name));
if (folderWord === undefined || unknown !== undefined) {
  console.error(`usage: node proptests/boot/systems.mjs FOLDER [NAME...], names of ${Object.keys(SYSTEMS).join(', ')}`);
  process.exit(2);
}
const folder = resolve(folderWord);
const checks = new Checks('what boots from a disc');
const hasQemu = spawnSync('qemu-system-i386', ['--version']).status === 0;
if (!hasQemu) console.log('not compared with QEMU: needs qemu-system-i386 (Debian: qemu-system-x86)');

const archive = new Archive({ directory: join(folder, 'archive'), architecture: 'i386' });
let isUpdated = false;

/** Where the files of a package are. */
async function unpacked(name) {
  const target = join(folder, 'packages', name);
  if (existsSync(target)) return target;
  if (!isUpdated) await archive.update();
  isUpdated = true;
  await unpackPackage(await archive.download(name), target);
  return target;
}

/** The medium to boot from. */
async function mediumOf(name, system) {
  if (system.diskette !== undefined) {
    const file = join(folder, `${name}.img`);
    writeFileSync(file, system.diskette());
    return file;
  }
  const files = system.package === undefined ? '' : await unpacked(system.package);
  if (system.disc !== undefined) return join(files, system.disc);
  const tree = join(folder, `${name}-disc`);
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(join(tree, 'boot/grub'), { recursive: true });
  writeFileSync(join(tree, 'boot/grub/grub.cfg'), system.config);
  for (const each of system.files ?? []) copyFileSync(join(files, each), join(tree, 'boot', basename(each)));
  const disc = join(folder, `${name}.iso`);
  execFileSync('grub-mkrescue', ['-o', disc, tree], { stdio: 'ignore' });
  return disc;
}

/** Without what is a matter of hardware and time. */
const compared = (lines, { differs, hides = /$^/ }) =>
  lines
    .map((line) => line.replace(hides, '').trimEnd())
    .filter((line) => line !== '' && differs?.test(line) !== true)
    .join('\n');

async function boot(name, system) {
  const disc = await mediumOf(name, system);
  const isDiskette = system.diskette !== undefined;
  const log = join(folder, `${name}.rlog`);
  const script = join(folder, `${name}.script`);
  const action = (typed) => (typed.startsWith('<') ? `key ${typed.slice(1, -1)}` : `type ${JSON.stringify(typed)}`);
  const met = (system.meets ?? []).map((text) => [text, '<left-shift>']);
  const lines = [...met, ...system.steps].map(([text, typed]) => {
    return `when screen ${JSON.stringify(text)} ${action(typed)}`;
  });
  // The reset line ends the run, and leaves the screen as it is.
  writeFileSync(script, [...lines, `when screen ${JSON.stringify(system.end)} reset`, ''].join('\n'));
  const [said, theirSaid] = ['serial', 'qemu-serial'].map((end) => join(folder, `${name}.${end}`));
  for (const file of [log, said, theirSaid]) rmSync(file, { force: true });
  const drive = isDiskette ? ['--fda', disc] : ['--cdrom', disc];
  const machine = [...drive, '--memory', String(system.memory), '--epoch', '2026-01-01T00:00:00Z'];
  const words = [...machine, ...(system.options ?? []), '--input', script, '--no-reboot', '--max-ticks'];
  const recorded = reprise(['record', log, ...words, String(system.ticks), '--serial', `file:${said}`]);
  checks.that(`${name} is recorded`, recorded.status === ENDED, last(recorded.errors));
  const { output } = reprise(['debug', log, '--exec', 'seek end; screen']);
  const screen = Buffer.from(output, 'latin1').toString().split('\n').slice(2);
  for (const pattern of [new RegExp(system.end.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')), ...system.shows]) {
    checks.that(`${name} shows ${pattern}`, pattern.test(screen.join('\n')));
  }
  const text = readFileSync(said, 'latin1');
  if (system.speaks !== undefined) checks.that(`${name} says ${system.speaks}`, system.speaks.test(text));
  const picture = join(folder, `${name}.png`);
  rmSync(picture, { force: true });
  for (const devices of ['model', 'log']) {
    const wish = devices === 'model' ? ['--screenshot', `end=${picture}`] : [];
    const again = reprise(['replay', log, '--devices', devices, ...wish]);
    checks.that(`${name} says the same, devices ${devices}`, again.output === text);
    checks.that(`${name} is replayed, devices ${devices}`, again.status === 0, last(again.errors));
  }
  console.log(`     log of ${statSync(log).size} bytes; look at ${picture}`);
  if (!hasQemu) return;
  const { steps, end } = system;
  const media = isDiskette
    ? ['-drive', `if=floppy,format=raw,file=${disc}`, '-boot', 'a']
    : ['-cdrom', disc, '-boot', 'd'];
  const options = ['-m', String(system.memory), ...media, '-serial', `file:${theirSaid}`];
  const other = await qemuScreen({ folder, options, steps, end, secondsMax: 600 });
  const [mine, theirs] = [compared(screen, system), compared(other ?? [], system)];
  checks.that(`${name}: the screen is QEMU's`, mine === theirs);
  if (mine !== theirs) console.log(`--- here\n${mine}\n--- QEMU\n${theirs}\n---`);
  if (system.speaks === undefined) return;
  const isAlike = text === readFileSync(theirSaid, 'latin1');
  checks.that(`${name}: what it says on the serial line is what it says to QEMU`, isAlike, `${text.length} bytes`);
}

mkdirSync(folder, { recursive: true });
for (const [name, system] of Object.entries(SYSTEMS)) {
  if (names.length === 0 || names.includes(name)) await boot(name, system);
}
console.log(
  `     pictures: ${readdirSync(folder)
    .filter((name) => name.endsWith('.png'))
    .join(', ')}`,
);
checks.end();
