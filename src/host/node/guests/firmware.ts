// `npm run guests -- firmware`: SeaBIOS and its BIOS of the screen from Debian's package seabios, into
// guests/cache/firmware, where machines that boot from drives find them (machine-options.ts). For hosts on which the
// package is not installed; nothing is installed on this one.

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Archive, GuestSetupError, packageField, sha256OfFile, unpackPackage } from './packages.ts';

const PACKAGE = 'seabios';
/** Where the package has its files. */
const FOLDER = 'usr/share/seabios';
export const FIRMWARE_FILES = ['bios-256k.bin', 'vgabios-stdvga.bin'] as const;

export interface FirmwareOptions {
  readonly output: string;
  readonly suite: string | undefined;
  readonly mirror: string | undefined;
  readonly update: boolean;
  readonly progress: (step: string) => void;
}

export interface FirmwareManifest {
  readonly version: string;
  readonly files: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

function read(manifestPath: string): FirmwareManifest | null {
  try {
    return JSON.parse(readFileSync(manifestPath, 'utf8')) as FirmwareManifest;
  } catch {
    return null;
  }
}

/** What is there already stays, unless newer packages are asked for. */
export async function installFirmware(options: FirmwareOptions): Promise<FirmwareManifest> {
  const { output, suite, mirror, update, progress } = options;
  const manifestPath = join(output, 'manifest.json');
  const before = read(manifestPath);
  if (before !== null && !update && FIRMWARE_FILES.every((name) => existsSync(join(output, name)))) return before;
  mkdirSync(output, { recursive: true });
  const archive = new Archive({
    ...{ directory: output, architecture: 'i386' },
    ...(suite === undefined ? {} : { suite }),
    ...(mirror === undefined ? {} : { mirror }),
  });
  progress('reading the package lists');
  await archive.update();
  progress(`downloading ${PACKAGE}`);
  const file = await archive.download(PACKAGE);
  const unpacked = join(output, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  await unpackPackage(file, unpacked);
  const files: Record<string, { size: number; sha256: string }> = {};
  for (const name of FIRMWARE_FILES) {
    const from = join(unpacked, FOLDER, name);
    if (!existsSync(from)) throw new GuestSetupError(`${file} has no ${FOLDER}/${name}: try another --suite.`);
    const to = join(output, name);
    copyFileSync(from, to);
    files[name] = { size: statSync(to).size, sha256: sha256OfFile(to) };
  }
  const manifest = { version: await packageField(file, 'Version'), files };
  writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  rmSync(unpacked, { recursive: true, force: true });
  return manifest;
}
