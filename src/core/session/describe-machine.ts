/**
 * From what somebody wants to boot to the manifest that a log holds: the kind of kernel is recognised, what cannot be
 * is refused, and everything that the guest can notice gets its value. The only maker of manifests: the command line
 * and the library differ in where the bytes come from. Errors name the options of the command line, as the loaders' do.
 */
import type { Sha256 } from '../base/sha256.ts';
import type { ImageRecord, MachineManifest } from '../log/manifest.ts';
import { BootError } from '../machine/boot/boot-error.ts';
import { isElf } from '../machine/boot/elf.ts';
import { isLinuxImage } from '../machine/boot/linux.ts';
import { findMultibootHeader } from '../machine/boot/multiboot.ts';
import {
  HASH_EVERY_TICKS_DEFAULT,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MAX,
  NS_PER_TICK_DEFAULT,
} from './defaults.ts';
import { CPU_MODEL, deviceRecords, type Images } from './session.ts';

/** The log holds powers of two between 1 / this and this. */
const NS_PER_TICK_MAX = 2 ** 20;

export interface NamedImage {
  /** File name without its directory, for people; multiboot guests see the kernel's. */
  readonly name: string;
  readonly data: Uint8Array;
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
  /** Firmware, started from the reset vector; excludes everything else. */
  readonly bios?: NamedImage;
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
  /** Ticks between state hashes in a log; 0 for none. */
  readonly hashEveryTicks?: number;
}

export interface MachineSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
}

/** Throws `BootError` for images that no loader takes and options that no machine has. */
export function describeMachine(boot: BootImages, options: GuestOptions, sha256: Sha256): MachineSetup {
  const memoryMegabytes = whole('memory', options.memoryMegabytes ?? MEMORY_MEGABYTES_DEFAULT, 1, MEMORY_MEGABYTES_MAX);
  const nsPerTick = options.nsPerTick ?? NS_PER_TICK_DEFAULT;
  checkNsPerTick(nsPerTick);
  const { method, commandLine, images, moduleOptions } = arrange(boot, options.append ?? '');
  checkFits(method, images, memoryMegabytes);
  const machine = {
    memoryMegabytes,
    nsPerTick,
    epochSeconds: whole('epoch', options.epochSeconds ?? 0, Number.MIN_SAFE_INTEGER),
    options: {
      reboot: options.reboot ?? true,
      'serial-timing': options.serialTiming ?? 'instant',
      'hash-every': whole('hash-every', options.hashEveryTicks ?? HASH_EVERY_TICKS_DEFAULT),
      ...moduleOptions,
    },
  };
  const records: ImageRecord[] = [...images].map(([role, { name, data }]) => ({
    role,
    name,
    sha256: sha256(data),
    sizeBytes: data.length,
  }));
  const manifest: MachineManifest = {
    cpu: CPU_MODEL,
    ...machine,
    devices: deviceRecords(machine),
    seed: whole('seed', options.seed ?? 0),
    boot: { method, commandLine },
    images: records,
    quirks: [],
  };
  return { manifest, images: new Map([...images].map(([role, { data }]) => [role, data])) };
}

interface Arrangement {
  readonly method: MachineManifest['boot']['method'];
  readonly commandLine: string;
  /** By role, in the order of the manifest. */
  readonly images: ReadonlyMap<string, NamedImage>;
  /** Command lines of modules, by role. */
  readonly moduleOptions: Readonly<Record<string, string>>;
}

function arrange({ kernel, initrd, modules = [], bios }: BootImages, append: string): Arrangement {
  const images = new Map<string, NamedImage>();
  if (bios !== undefined) {
    if (kernel !== undefined || initrd !== undefined || modules.length > 0 || append !== '') {
      throw new BootError('a firmware boots without a kernel, its images and its command line: give one or the other.');
    }
    return { method: 'bios', commandLine: '', images: images.set('bios', bios), moduleOptions: {} };
  }
  if (kernel === undefined) {
    throw new BootError('there is nothing to boot: give a kernel (--kernel FILE) or a firmware (--bios FILE).');
  }
  images.set('kernel', kernel);
  if (isLinuxImage(kernel.data)) {
    if (modules.length > 0) throw new BootError('Linux takes no multiboot modules: give an initial RAM disk instead.');
    if (initrd !== undefined) images.set('initrd', initrd);
    return { method: 'linux', commandLine: append, images, moduleOptions: {} };
  }
  if (findMultibootHeader(kernel.data) === -1) throw notBootable(kernel);
  if (initrd !== undefined) throw new BootError('a multiboot kernel takes modules instead of an initial RAM disk.');
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

/** The loaders check exactly; this keeps an image that can never fit from being copied around first. */
function checkFits(method: string, images: ReadonlyMap<string, NamedImage>, memoryMegabytes: number): void {
  if (method === 'bios') return;
  for (const [role, { name, data }] of images) {
    if (data.length <= memoryMegabytes * 2 ** 20) continue;
    const wanted = Math.ceil(data.length / 2 ** 20) + 16;
    const advice =
      wanted <= MEMORY_MEGABYTES_MAX ? `give --memory ${wanted} or more` : 'it is too large for any machine here';
    throw new BootError(
      `the ${role} image ${name} has ${data.length} bytes and the machine ${memoryMegabytes} MB of memory: ${advice}.`,
    );
  }
}

function checkNsPerTick(nsPerTick: number): void {
  let isPower = false;
  for (let power = 1; power <= NS_PER_TICK_MAX; power *= 2) isPower ||= nsPerTick === power || nsPerTick === 1 / power;
  if (!isPower) {
    throw new BootError(`--ns-per-tick wants a power of two such as 1, 8 or 1/2, not ${nsPerTick}: give one.`);
  }
}

function whole(option: string, value: number, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new BootError(`--${option} wants a whole number from ${min} to ${max}, not ${value}: give one.`);
}
