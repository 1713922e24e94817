// What the options of run and record that describe a machine mean: the images that they name are read, and
// core/session/describe-machine.ts makes a manifest of it all. The options themselves are rows in options.ts.

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ImageContent } from '../../core/board/image.ts';
import { isLinuxImage } from '../../core/machine/boot/linux.ts';
import { splitModuleList } from '../../core/machine/boot/multiboot.ts';
import {
  type BootImages,
  describeMachine,
  type GuestOptions,
  type MachineSetup,
  type NamedDrive,
  type NamedImage,
} from '../../core/session/describe-machine.ts';
import {
  BOOT_ORDER_WANTED,
  HASH_EVERY_TICKS_DEFAULT,
  isBootOrder,
  isNsPerTick,
  MEMORY_MEGABYTES_DEFAULT,
  NS_PER_TICK_DEFAULT,
  NS_PER_TICK_WANTED,
  WRITE_CACHE_KILOBYTES_DEFAULT,
} from '../../core/base/defaults.ts';
import type { Arguments } from './args.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { DRIVE_ROLES, mediumRole } from '../../core/devices/disk/roles.ts';
import { checkDigests, type MergedMachine } from './machine-file.ts';
import { isQuirk } from '../../core/log/quirks.ts';
import { guestFolder } from '../node/guest-images.ts';
import { openDisk } from '../node/disks.ts';
import { readGivenFile, sha256 } from '../node/images.ts';

export interface ReadMachine extends MachineSetup {
  /** The files that the images came from, by role. */
  readonly imagePaths: ReadonlyMap<string, string>;
}

/** What the options ask for. Throws UsageError, CommandError or BootError. */
export function buildMachine(merged: MergedMachine, media: readonly string[] = []): ReadMachine {
  const { args, names } = merged;
  const options: GuestOptions = {
    append: args.text('append') ?? '',
    memoryMegabytes: args.number('memory') ?? MEMORY_MEGABYTES_DEFAULT,
    nsPerTick: readNsPerTick(args.text('ns-per-tick')),
    epochSeconds: readEpoch(args.text('epoch')),
    seed: args.number('seed') ?? 0,
    reboot: !args.has('no-reboot'),
    serialTiming: args.text('serial-timing') === 'baud' ? 'baud' : 'instant',
    ...readBoot(args),
    ...(args.has('vga') ? { vga: args.text('vga') === 'std' ? 'std' : 'none' } : {}),
    ...(args.has('disk-room') ? { diskRoomMegabytes: args.number('disk-room') ?? 1 } : {}),
    ...writeCacheOf(args),
    hashEveryTicks: args.number('hash-every') ?? HASH_EVERY_TICKS_DEFAULT,
    ...(args.has('hpet') ? { hpet: true } : {}),
    ...(args.has('parallel') ? { parallel: true } : {}),
    quirks: args.list('quirk').filter(isQuirk),
  };
  const paths = new Map<ImageContent, string>();
  const read: ReadImage = (path, what, how) => {
    const data = readGivenFile(path, what, how);
    paths.set(data, path);
    return { name: names.get(path) ?? basename(path), data };
  };
  const drives = readDrives(merged, paths, media);
  const images = readBootImages(args, read, drives !== null);
  const boot = { ...images, ...readVgaBios(args, read, images.bios !== undefined), ...drives };
  const setup = describeMachine(boot, options, sha256);
  checkDigests(merged, setup.manifest.images);
  const imagePaths = [...setup.images].map(([role, data]) => [role, paths.get(data) ?? ''] as const);
  return { ...setup, imagePaths: new Map(imagePaths) };
}

/** A power cut is of disks that have one. */
function writeCacheOf(args: Arguments): Pick<GuestOptions, 'writeCacheKilobytes'> {
  if (!args.has('write-cache') && !args.has('powercut')) return {};
  return { writeCacheKilobytes: args.number('write-cache') ?? WRITE_CACHE_KILOBYTES_DEFAULT };
}

function readNsPerTick(text: string | undefined): number {
  if (text === undefined) return NS_PER_TICK_DEFAULT;
  const match = /^(?:(\d{1,7})|1\/(\d{1,7}))$/.exec(text);
  const value = match === null ? Number.NaN : match[1] === undefined ? 1 / Number(match[2]) : Number(match[1]);
  if (!isNsPerTick(value)) throw new UsageError(`--ns-per-tick wants ${NS_PER_TICK_WANTED}, not "${text}".`);
  return value;
}

function readEpoch(text: string | undefined): number {
  if (text === undefined) return Math.floor(Date.now() / 1000);
  const seconds = /^@(-?\d{1,12})$/.exec(text);
  if (seconds !== null) return Number(seconds[1]);
  const milliseconds = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(withZone(text)) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw new UsageError(
      `--epoch wants a date and time such as 2026-01-31T12:00:00Z, or @ and seconds since 1970, not "${text}".`,
    );
  }
  return Math.floor(milliseconds / 1000);
}

/** Without a zone UTC is meant, whatever the zone of the host. */
function withZone(text: string): string {
  return /T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text;
}

/** `order=cd,menu=on`. */
function readBoot(args: Arguments): Pick<GuestOptions, 'bootOrder' | 'bootMenu'> {
  const text = args.text('boot');
  if (text === undefined) return {};
  const settings: { bootOrder?: string; bootMenu?: boolean } = {};
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=');
    if (name === 'order' && isBootOrder(value)) settings.bootOrder = value;
    else if (name === 'menu' && (value === 'on' || value === 'off')) settings.bootMenu = value === 'on';
    else throw new UsageError(`--boot wants order=${BOOT_ORDER_WANTED}, or menu=on or off, not "${part}".`);
  }
  return settings;
}

type ReadImage = (path: string, what: string, how: string) => NamedImage;

/** What is in the drives; null where there are none. */
function readDrives(
  { args, names }: MergedMachine,
  paths: Map<ImageContent, string>,
  media: readonly string[],
): Pick<BootImages, 'drives'> | null {
  const drives: Record<string, NamedDrive> = {};
  const read = (role: string, path: string, how: string): void => {
    const data = openDisk(path, `${role} image`, how, args.list('backing'));
    paths.set(data, path);
    drives[role] = { name: names.get(path) ?? basename(path), data };
  };
  for (const role of DRIVE_ROLES) {
    const path = args.text(role);
    if (path !== undefined) read(role, path, `give one with --${role}`);
  }
  media.forEach((path, index) => {
    read(mediumRole('', index + 1), path, 'name another in the input script');
  });
  return Object.keys(drives).length === 0 ? null : { drives };
}

/** Where Debian's package seabios has it. */
const SEABIOS = '/usr/share/seabios/bios-256k.bin';

/** A file of SeaBIOS: of the package where it is installed, else as `npm run guests -- firmware` fetched it. */
function firmwareFile(installed: string): string | null {
  const fetched = join(dirname(guestFolder()), 'guests/cache/firmware', basename(installed));
  return [installed, fetched].find((path) => existsSync(path)) ?? null;
}

/** The firmware of a machine that is given drives alone. */
function findFirmware(): string {
  const found = firmwareFile(SEABIOS);
  if (found !== null) return found;
  throw new UsageError(
    'To boot from a drive takes firmware, and none is installed: name one with --bios FILE, or fetch SeaBIOS with ' +
      `npm run guests -- firmware (or install ${SEABIOS}, Debian's package seabios).`,
  );
}

/** Where Debian's package seabios has the one of this screen. */
const VGA_BIOS = '/usr/share/seabios/vgabios-stdvga.bin';

/** Firmware finds the BIOS of the screen that is installed unless another one is named, or there is no screen. */
function readVgaBios(args: Arguments, readImage: ReadImage, hasFirmware: boolean): Pick<BootImages, 'vgaBios'> {
  const isWanted = hasFirmware && args.text('vga') !== 'none';
  const path = args.text('vga-bios') ?? (isWanted ? (firmwareFile(VGA_BIOS) ?? '') : '');
  return path === '' ? {} : { vgaBios: readImage(path, 'BIOS of the screen', 'give one with --vga-bios') };
}

/** The files that the options name. */
function readBootImages(args: Arguments, readImage: ReadImage, hasDrives: boolean): BootImages {
  const bootsFromDrive = hasDrives && !args.has('kernel');
  const biosPath = args.text('bios') ?? (bootsFromDrive ? findFirmware() : undefined);
  if (biosPath !== undefined) {
    for (const name of ['kernel', 'initrd', 'append']) {
      if (args.has(name)) throw new UsageError(`--bios and --${name} exclude each other: give one of them.`);
    }
    return { bios: readImage(biosPath, 'firmware image', 'give one with --bios') };
  }
  const kernelPath = args.text('kernel');
  if (kernelPath === undefined) {
    throw new UsageError(
      'There is nothing to boot: give a kernel with --kernel FILE, a disk with --hda FILE, or a firmware with ' +
        '--bios FILE.',
    );
  }
  const kernel = readImage(kernelPath, 'kernel', 'give one with --kernel');
  const initrd = args.text('initrd');
  if (initrd === undefined) return { kernel };
  if (isLinuxImage(kernel.data)) {
    return { kernel, initrd: readImage(initrd, 'initial RAM disk', 'give one with --initrd') };
  }
  const modules = splitModuleList(initrd).map(({ file, commandLine }) => ({
    ...readImage(file, 'module', 'give modules with --initrd "FILE ARGUMENTS,FILE ARGUMENTS"'),
    commandLine: basename(file) + commandLine.slice(file.length),
  }));
  return { kernel, modules };
}
