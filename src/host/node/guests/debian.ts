// The Debian guest: kernel and static busybox from Debian's i386 packages, an initramfs of our own
// (initramfs.ts), and a manifest that says what was taken from where. Packages stay in the cache, so a
// second run needs no network; --update looks for newer ones.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Archive, GuestSetupError, packageField, sha256, sha256OfFile, unpackPackage } from './packages.ts';
import { buildInitramfs, type AddedFile } from './initramfs.ts';

/** Debian's kernel flavours for i386: the plain one has no PAE and runs on the widest range of machines. */
export const FLAVOURS = ['686', '686-pae'] as const;

export interface DebianOptions {
  /** Where vmlinuz, initrd.gz, System.map and manifest.json go. */
  readonly output: string;
  /** Where packages and apt's state are kept. */
  readonly cache: string;
  readonly flavour: string;
  readonly suite?: string;
  readonly mirror?: string;
  readonly update: boolean;
  readonly added: readonly AddedFile[];
  /** Told what is being done, for a person to read. */
  readonly progress: (step: string) => void;
}

export interface DebianManifest {
  readonly guest: 'debian';
  readonly flavour: string;
  readonly packages: readonly { name: string; version: string; architecture: string; sha256: string }[];
  readonly files: Record<string, { size: number; sha256: string }>;
  readonly added: readonly { path: string; size: number; sha256: string }[];
}

/** Write beside the target, then rename: a reader never sees half a file. */
/** A System.map that only points elsewhere is shorter. */
const POINTER_BYTES_MAX = 4096;
function writeWhole(path: string, data: Uint8Array | string): void {
  writeFileSync(`${path}.new`, data);
  renameSync(`${path}.new`, path);
}

/** The packages of an earlier run, by what they are for, when they are still there. */
function rememberedPackages(cache: string, flavour: string): { kernel: string; busybox: string } | undefined {
  try {
    const remembered = JSON.parse(readFileSync(join(cache, 'packages', `${flavour}.json`), 'utf8'));
    const kernel = join(cache, 'packages', remembered.kernel);
    const busybox = join(cache, 'packages', remembered.busybox);
    return existsSync(kernel) && existsSync(busybox) ? { kernel, busybox } : undefined;
  } catch {
    return undefined;
  }
}

async function obtainPackages(options: DebianOptions): Promise<{ kernel: string; busybox: string }> {
  const { cache, flavour } = options;
  const remembered = options.update || options.suite !== undefined ? undefined : rememberedPackages(cache, flavour);
  if (remembered !== undefined) return remembered;
  const archive = new Archive({ directory: cache, architecture: 'i386', suite: options.suite, mirror: options.mirror });
  options.progress('fetching package lists');
  await archive.update();
  const metapackage = `linux-image-${flavour}`;
  const kernelName = await archive.firstDependency(metapackage);
  if (kernelName === undefined) {
    throw new GuestSetupError(
      `the apt sources hold no package ${metapackage} for i386 (Debian 13 and later have none): ` +
        'try --suite bookworm, or check the network.',
    );
  }
  options.progress(`downloading ${kernelName}`);
  const kernel = await archive.download(kernelName);
  options.progress('downloading busybox-static');
  const busybox = await archive.download('busybox-static');
  const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  writeWhole(
    join(cache, 'packages', `${flavour}.json`),
    `${JSON.stringify({ kernel: fileName(kernel), busybox: fileName(busybox) })}\n`,
  );
  return { kernel, busybox };
}

function singleFile(directory: string, prefix: string): string | undefined {
  if (!existsSync(directory)) return undefined;
  const found = readdirSync(directory).filter((name) => name.startsWith(prefix));
  return found.length === 1 ? join(directory, found[0]) : undefined;
}

/** Install the guest and return its manifest. Throws GuestSetupError for what the user can mend. */
export async function installDebian(options: DebianOptions): Promise<DebianManifest> {
  mkdirSync(options.output, { recursive: true });
  mkdirSync(options.cache, { recursive: true });
  const { kernel, busybox } = await obtainPackages(options);
  options.progress('unpacking');
  const unpacked = mkdtempSync(join(options.cache, 'unpacked-'));
  try {
    await unpackPackage(kernel, join(unpacked, 'kernel'));
    await unpackPackage(busybox, join(unpacked, 'busybox'));
    const vmlinuz = singleFile(join(unpacked, 'kernel/boot'), 'vmlinuz-');
    const busyboxProgram = ['bin/busybox', 'usr/bin/busybox']
      .map((p) => join(unpacked, 'busybox', p))
      .find((p) => existsSync(p));
    if (vmlinuz === undefined)
      throw new GuestSetupError(`${kernel} holds no kernel in /boot: delete it and run with --update.`);
    if (busyboxProgram === undefined)
      throw new GuestSetupError(`${busybox} holds no busybox: delete it and run with --update.`);
    options.progress('building the initramfs');
    const outputs: Record<string, Uint8Array> = {
      vmlinuz: readFileSync(vmlinuz),
      'initrd.gz': buildInitramfs(readFileSync(busyboxProgram), options.added),
    };
    const map = singleFile(join(unpacked, 'kernel/boot'), 'System.map-');
    // Signed kernel packages carry a one-line System.map that only names the debug package.
    if (map !== undefined) {
      const contents = readFileSync(map);
      if (contents.length > POINTER_BYTES_MAX) outputs['System.map'] = contents;
    }
    const config = singleFile(join(unpacked, 'kernel/boot'), 'config-');
    if (config !== undefined) outputs.config = readFileSync(config);
    for (const [name, data] of Object.entries(outputs)) writeWhole(join(options.output, name), data);
    const manifest: DebianManifest = {
      guest: 'debian',
      flavour: options.flavour,
      packages: await Promise.all(
        [kernel, busybox].map(async (file) => ({
          name: await packageField(file, 'Package'),
          version: await packageField(file, 'Version'),
          architecture: await packageField(file, 'Architecture'),
          sha256: sha256OfFile(file),
        })),
      ),
      files: Object.fromEntries(
        Object.entries(outputs).map(([name, data]) => [name, { size: data.length, sha256: sha256(data) }]),
      ),
      added: options.added.map((file) => ({ path: file.path, size: file.data.length, sha256: sha256(file.data) })),
    };
    writeWhole(join(options.output, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}
