/**
 * From what somebody wants to boot to the manifest that a log holds: the kind of kernel is recognised, what cannot be
 * is refused, and everything that the guest can notice gets its value. The only maker of manifests: the command line
 * and the library differ in where the bytes come from. Errors name the parameters below.
 */
import { digestOf, type ImageContent, sizeOfContent } from '../board/image.ts';
import { DISK_BYTES_MAX } from '../devices/disk/disk-contents.ts';
import { FLOPPY_BYTES_MAX } from '../devices/disk/floppy-formats.ts';
import { CDROM_ROLE, DISK_ROLES, DRIVE_ROLES, FLOPPY_ROLES, isDriveImage } from '../devices/disk/roles.ts';
import type { Sha256 } from '../base/sha256.ts';
import type { ImageRecord, MachineManifest } from '../log/manifest.ts';
import type { QuirkName } from '../log/quirks.ts';
import { UsageError } from '../base/usage-error.ts';
import { BootError, tooLarge } from '../machine/boot/boot-error.ts';
import { isElf } from '../machine/boot/elf.ts';
import { isLinuxImage } from '../machine/boot/linux.ts';
import { findMultibootHeader } from '../machine/boot/multiboot.ts';
import {
  BOOT_ORDER_DEFAULT,
  BOOT_ORDER_WANTED,
  DISK_ROOM_MEGABYTES_DEFAULT,
  HASH_EVERY_TICKS_DEFAULT,
  isBootOrder,
  isNsPerTick,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MAX,
  NS_PER_TICK_DEFAULT,
  NS_PER_TICK_WANTED,
  WRITE_CACHE_KILOBYTES_MAX,
} from '../base/defaults.ts';
import { CPU_MODEL, deviceRecords, excessMegabytes, type Images, memoryProblem } from './session.ts';

export interface NamedImage {
  /** File name without its directory, for people; multiboot guests see the kernel's. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** An image that need not be in memory as a whole. */
export interface NamedDrive {
  readonly name: string;
  readonly data: ImageContent;
}

export interface NamedModule extends NamedImage {
  /** What the guest sees as the module's string. */
  readonly commandLine: string;
}

export interface BootImages {
  /** A Linux bzImage or a multiboot 1 kernel. */
  readonly kernel?: NamedImage;
  /** Initial RAM disk of Linux. */
  readonly initrd?: NamedImage;
  /** Multiboot modules, in order. */
  readonly modules?: readonly NamedModule[];
  /** Firmware, started from the reset vector; excludes kernels. */
  readonly bios?: NamedImage;
  /** BIOS of the screen, which firmware finds as its expansion ROM. */
  readonly vgaBios?: NamedImage;
  /** What is in the drives, by role: hda to hdd, cdrom, fda, fdb; medium1 and so on are put into one later. */
  readonly drives?: Readonly<Record<string, NamedDrive>>;
}

/** What the guest can notice beside its images; what is absent has its default. */
export interface GuestOptions {
  /** Command line of the kernel. */
  readonly append?: string;
  readonly memoryMegabytes?: number;
  /** Guest nanoseconds per tick, a power of two. */
  readonly nsPerTick?: number;
  /** Wall clock of the guest at tick 0, in whole seconds since 1970. */
  readonly epochSeconds?: number;
  /** Of the entropy that the guest can ask for. */
  readonly seed?: number;
  /** False: a triple fault or reset ends the run. */
  readonly reboot?: boolean;
  readonly serialTiming?: 'instant' | 'baud';
  /** A screen; there when firmware starts the machine, unless `none`. */
  readonly vga?: 'std' | 'none';
  /** High precision event timers. */
  readonly hpet?: boolean;
  /** A parallel port with a printer behind it. */
  readonly parallel?: boolean;
  /** Ticks between state hashes in a log; 0 for none. */
  readonly hashEveryTicks?: number;
  /** What firmware boots from: up to three of c (disk), d (CD-ROM), a (diskette), n (network), in their order. */
  readonly bootOrder?: string;
  /** Firmware asks what to boot from. */
  readonly bootMenu?: boolean;
  /** Room for what the guest writes to its disks, all together. */
  readonly diskRoomMegabytes?: number;
  /** Disks have a write cache of so much, which a cut of the power loses; not imitated unless given. */
  readonly writeCacheKilobytes?: number;
  /** Behaviours of earlier versions. */
  readonly quirks?: readonly QuirkName[];
}

export interface MachineSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
}

/** Throws `BootError` for images that no loader takes, `UsageError` for options that no machine has. */
export function describeMachine(boot: BootImages, options: GuestOptions, sha256: Sha256): MachineSetup {
  const memoryMegabytes = whole(
    'memoryMegabytes',
    options.memoryMegabytes ?? MEMORY_MEGABYTES_DEFAULT,
    1,
    MEMORY_MEGABYTES_MAX,
  );
  const nsPerTick = options.nsPerTick ?? NS_PER_TICK_DEFAULT;
  checkNsPerTick(nsPerTick);
  const { method, commandLine, images, moduleOptions } = arrange(boot, options.append ?? '');
  const { quirks = [] } = options;
  const vga = screenOf(options.vga ?? (method === 'bios' ? 'std' : 'none'));
  if (boot.vgaBios !== undefined) {
    if (vga === 'none') throw new UsageError('A BIOS of the screen wants a screen: give vga as std, or leave it out.');
    images.set('vgabios', boot.vgaBios);
  }
  checkFits(method, images, memoryMegabytes);
  const records: ImageRecord[] = [...images].map(([role, { name, data }]) => ({
    role,
    name,
    sha256: digestOf(data, sha256),
    sizeBytes: sizeOfContent(data),
  }));
  const machineWith = (roomMegabytes: number | null) => ({
    memoryMegabytes,
    nsPerTick,
    epochSeconds: whole('epochSeconds', options.epochSeconds ?? 0, Number.MIN_SAFE_INTEGER),
    options: {
      reboot: options.reboot ?? true,
      'serial-timing': serialTimingOf(options.serialTiming ?? 'instant'),
      'hash-every': whole('hashEveryTicks', options.hashEveryTicks ?? HASH_EVERY_TICKS_DEFAULT),
      ...(vga === 'none' ? {} : { vga }),
      ...(options.hpet === true ? { hpet: true } : {}),
      ...(options.parallel === true ? { parallel: true } : {}),
      ...moduleOptions,
      ...(roomMegabytes === null ? {} : { 'disk-room': roomMegabytes }),
      ...writeCacheOf(options),
      ...(method === 'bios' && !quirks.includes('plain-firmware') ? firmwareSettings(options) : {}),
    },
  });
  const excessOf = (room: number): number => excessMegabytes({ ...machineWith(room), images: records, quirks: [] });
  const machine = machineWith(diskRoom(images, options, memoryMegabytes, excessOf));
  const problem = memoryProblem({ ...machine, images: records, quirks: [] });
  if (problem !== null) throw new UsageError(`This would be ${problem}: give it so much or less.`);
  const manifest: MachineManifest = {
    cpu: CPU_MODEL,
    ...machine,
    devices: deviceRecords({ ...machine, images: records, quirks }),
    seed: whole('seed', options.seed ?? 0),
    boot: { method, commandLine },
    images: records,
    quirks,
  };
  return { manifest, images: new Map([...images].map(([role, { data }]) => [role, data])) };
}

function writeCacheOf({ writeCacheKilobytes }: GuestOptions): MachineManifest['options'] {
  if (writeCacheKilobytes === undefined) return {};
  return { 'write-cache': whole('writeCacheKilobytes', writeCacheKilobytes, 1, WRITE_CACHE_KILOBYTES_MAX) };
}

/** What firmware is told: which drives to try in which order, and whether the user may choose. */
function firmwareSettings({
  bootOrder = BOOT_ORDER_DEFAULT,
  bootMenu = false,
}: GuestOptions): MachineManifest['options'] {
  if (!isBootOrder(bootOrder)) throw new UsageError(`bootOrder is ${BOOT_ORDER_WANTED}, not ${bootOrder}.`);
  return { 'boot-order': bootOrder, 'boot-menu': bootMenu };
}

interface Arrangement {
  readonly method: MachineManifest['boot']['method'];
  readonly commandLine: string;
  /** By role, in the order of the manifest. */
  readonly images: Map<string, NamedDrive>;
  /** Command lines of modules, by role. */
  readonly moduleOptions: Readonly<Record<string, string>>;
}

function arrange(boot: BootImages, append: string): Arrangement {
  const arranged = arrangeBoot(boot, append);
  const images = new Map(arranged.images);
  for (const [role, image] of Object.entries(boot.drives ?? {})) {
    if (!isDriveImage(role)) {
      throw new UsageError(`There is no drive ${role}: name one of ${DRIVE_ROLES.join(', ')}.`);
    }
    if (sizeOfContent(image.data) === 0) throw new BootError(`the ${role} image ${image.name} is empty: give another.`);
    if ((FLOPPY_ROLES as readonly string[]).includes(role) && sizeOfContent(image.data) > FLOPPY_BYTES_MAX) {
      const what = `the ${role} image ${image.name} has ${sizeOfContent(image.data)} bytes`;
      throw new BootError(`${what}, and a diskette has ${FLOPPY_BYTES_MAX} at most: give another, or use --hda.`);
    }
    // Before anybody reads all of it for its digest.
    if (sizeOfContent(image.data) > DISK_BYTES_MAX) {
      const what = `the ${role} image ${image.name} has ${sizeOfContent(image.data)} bytes`;
      throw new BootError(`${what}, and a disk has ${DISK_BYTES_MAX} at most (2 TiB): give another.`);
    }
    images.set(role, image);
  }
  if (images.has(CDROM_ROLE) && images.has('hdc')) {
    throw new UsageError('The CD-ROM drive takes the place of hdc: give one of them, or use hdd.');
  }
  return { ...arranged, images };
}

/**
 * Memory and what guests write to their disks share the machine's memory; `excessOf` says by how many MB that is
 * exceeded with a room. Unless a room is asked for, it is what there is.
 */
function diskRoom(
  images: ReadonlyMap<string, unknown>,
  options: GuestOptions,
  memoryMegabytes: number,
  excessOf: (room: number) => number,
): number | null {
  const { diskRoomMegabytes } = options;
  if (!DISK_ROLES.some((role) => images.has(role))) return null;
  const most = MEMORY_MEGABYTES_MAX - memoryMegabytes;
  if (most < 1) {
    throw new UsageError(`A machine with disks has at most ${MEMORY_MEGABYTES_MAX - 1} MB of memory: give it less.`);
  }
  if (diskRoomMegabytes !== undefined) return whole('diskRoomMegabytes', diskRoomMegabytes, 1, most);
  const wanted = Math.min(DISK_ROOM_MEGABYTES_DEFAULT, most);
  return Math.max(1, wanted - excessOf(wanted));
}

function arrangeBoot({ kernel, initrd, modules = [], bios }: BootImages, append: string): Arrangement {
  const images = new Map<string, NamedImage>();
  if (bios !== undefined) {
    if (kernel !== undefined || initrd !== undefined || modules.length > 0 || append !== '') {
      throw new UsageError(
        'A firmware boots without a kernel, its images and its command line: give one or the other.',
      );
    }
    return { method: 'bios', commandLine: '', images: images.set('bios', bios), moduleOptions: {} };
  }
  if (kernel === undefined) {
    throw new UsageError('There is nothing to boot: give a kernel or a firmware (images.kernel or images.bios).');
  }
  images.set('kernel', kernel);
  if (isLinuxImage(kernel.data)) {
    if (modules.length > 0)
      throw new UsageError('Linux takes no multiboot modules: give an initial RAM disk (images.initrd) instead.');
    if (initrd !== undefined) images.set('initrd', initrd);
    return { method: 'linux', commandLine: append, images, moduleOptions: {} };
  }
  if (findMultibootHeader(kernel.data) === -1) throw notBootable(kernel);
  if (initrd !== undefined)
    throw new UsageError('A multiboot kernel takes no initial RAM disk: give modules (images.modules) instead.');
  const moduleOptions: Record<string, string> = {};
  modules.forEach((module, index) => {
    images.set(`module${index}`, module);
    moduleOptions[`module${index}`] = module.commandLine;
  });
  const commandLine = append === '' ? kernel.name : `${kernel.name} ${append}`;
  return { method: 'multiboot', commandLine, images, moduleOptions };
}

function notBootable({ name, data }: NamedImage): BootError {
  const what =
    data.length === 0 ? 'is empty' : isElf(data) ? 'is an ELF file without a multiboot header' : 'is neither';
  return new BootError(
    `the kernel ${name} ${what}: expected a Linux bzImage (protocol 2.03 or newer) or a kernel with a multiboot 1 ` +
      'header.',
  );
}

/** For what a kernel needs besides its images. */
const ROOM_BYTES = 16 << 20;

/** The loaders check exactly; this keeps an image that can never fit from being copied around first. */
function checkFits(method: string, images: ReadonlyMap<string, NamedDrive>, memoryMegabytes: number): void {
  if (method === 'bios') return;
  for (const [role, { name, data }] of images) {
    const sizeBytes = sizeOfContent(data);
    if (isDriveImage(role) || sizeBytes <= memoryMegabytes * 2 ** 20) continue;
    const what = `the ${role} image ${name} has ${sizeBytes} bytes`;
    throw tooLarge(what, sizeBytes + ROOM_BYTES, memoryMegabytes * 2 ** 20);
  }
}

function checkNsPerTick(nsPerTick: number): void {
  if (!isNsPerTick(nsPerTick))
    throw new UsageError(`nsPerTick wants ${NS_PER_TICK_WANTED}, not ${String(nsPerTick)}: give one.`);
}

function serialTimingOf(value: string): string {
  if (value === 'instant' || value === 'baud') return value;
  throw new UsageError(`serialTiming is instant or baud, not ${String(value)}: give one of them.`);
}

function screenOf(value: string): 'std' | 'none' {
  if (value === 'std' || value === 'none') return value;
  throw new UsageError(`vga is std or none, not ${String(value)}: give one of them.`);
}

function whole(name: string, value: number, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${name} wants a whole number from ${min} to ${max}, not ${String(value)}: give one.`);
}
