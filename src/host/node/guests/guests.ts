// `npm run guests -- …`: obtains guests: Debian's i386 kernel with busybox (debian.ts), and a
// disk with a whole Debian system (debian-disk.ts), kept in guests/cache, which git ignores. Results go to stdout,
// progress to stderr and only on a terminal. Exit status: 0 done, 1 could not be done, 2 wrong usage.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UsageError } from '../../../core/base/usage-error.ts';
import { assembleGuest, assembleRace, listGuests, listRaces } from '../guest-images.ts';
import { guardStandardStreams } from '../standard-streams.ts';
import { installDebianDisk } from './debian-disk.ts';
import { FLAVOURS, installDebian, type DebianManifest } from './debian.ts';
import { installFirmware } from './firmware.ts';
import type { AddedFile } from './initramfs.ts';
import { GuestSetupError } from './packages.ts';

const DISK_MEGABYTES_DEFAULT = 1536;

const HELP = `usage: npm run guests -- debian [options]
       npm run guests -- debian-disk [options]
       npm run guests -- firmware [options]
       npm run guests -- build NAME... [--fixed] [--output DIR]
       npm run guests -- --list

Installs guest systems into guests/cache.

  debian              kernel and static busybox from Debian's i386 packages (needs apt and dpkg;
                      nothing is installed on this system)
  debian-disk         a disk that boots a Debian i386 system by GRUB (as root; needs debootstrap,
                      e2fsprogs and grub-pc-bin)
  firmware            SeaBIOS and its BIOS of the screen from Debian's package seabios, which machines that
                      boot from drives then find (needs apt and dpkg; nothing is installed on this system)
  build NAME...       built-in guests, as kernels for --kernel: those of guests, and those of guests/races,
                      which have a race on purpose

  --fixed             build them without their race
  --flavour NAME      kernel flavour: ${FLAVOURS.join(' or ')} (default 686)
  --suite NAME        take packages from this Debian release, for example bookworm,
                      instead of this system's apt sources
  --mirror URL        archive for --suite
  --megabytes N       size of the disk (default ${DISK_MEGABYTES_DEFAULT})
  --update            look for newer packages even when some are in the cache
  --add FILE:PATH     put a file of this system at PATH in the initramfs (may be repeated)
  --output DIR        write vmlinuz, initrd.gz and manifest.json there (default guests/cache/debian)
  --list              what is installed
  --json              results as JSON
  --help              this text
`;

/** The checkout: the nearest directory above this file that holds package.json. */
function projectRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json')) && dirname(at) !== at) at = dirname(at);
  return at;
}

function readAdded(argument: string): AddedFile {
  const colon = argument.lastIndexOf(':');
  if (colon <= 0 || colon === argument.length - 1) {
    throw new UsageError(`--add wants FILE:PATH, for example --add ./test:/bin/test, not "${argument}".`);
  }
  const file = argument.slice(0, colon);
  try {
    return {
      path: argument.slice(colon + 1),
      data: readFileSync(file),
      executable: (statSync(file).mode & 0o111) !== 0,
    };
  } catch (error) {
    throw new UsageError(`--add cannot read ${file} (${(error as NodeJS.ErrnoException).code}): give a readable file.`);
  }
}

function readManifest(directory: string): DebianManifest | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as DebianManifest;
  } catch {
    return undefined;
  }
}

function describe(directory: string, manifest: DebianManifest): string {
  const shown = relative(process.cwd(), directory) || '.';
  const packages = manifest.packages.map((each) => `  ${each.name} ${each.version}`);
  const files = Object.entries(manifest.files).map(
    ([name, file]) => `  ${join(shown, name)}  ${file.size} bytes  sha256 ${file.sha256.slice(0, 16)}…`,
  );
  return [`debian (${manifest.flavour}) in ${shown}`, ...packages, ...files].join('\n');
}

async function main(argv: string[]): Promise<void> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('\n')[0].replace(/\.?$/, '.')} --help lists the options.`);
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (positionals.length === 1 && positionals[0] === 'debian-disk') {
    makeDisk(values);
    return;
  }
  if (positionals.length === 1 && positionals[0] === 'firmware') {
    await fetchFirmware(values);
    return;
  }
  if (positionals[0] === 'build') {
    buildGuests(positionals.slice(1), values);
    return;
  }
  const cache = join(projectRoot(), 'guests/cache/debian');
  const output = values.output === undefined ? cache : resolve(values.output);
  if (values.list === true) {
    const manifest = readManifest(output);
    if (values.json === true) {
      process.stdout.write(`${JSON.stringify(manifest === undefined ? [] : [{ directory: output, ...manifest }])}\n`);
    } else {
      process.stdout.write(
        manifest === undefined
          ? 'no guests are installed: npm run guests -- debian installs one.\n'
          : `${describe(output, manifest)}\n`,
      );
    }
    return;
  }
  if (positionals.length !== 1 || positionals[0] !== 'debian') {
    throw new UsageError(
      positionals.length === 0
        ? 'name a guest: debian.'
        : `there is no guest "${positionals.join(' ')}": debian, debian-disk and firmware are those that there are, ` +
            'and build NAME makes the built-in ones.',
    );
  }
  const flavour = values.flavour ?? FLAVOURS[0];
  if (!(FLAVOURS as readonly string[]).includes(flavour)) {
    throw new UsageError(`there is no flavour "${flavour}": choose ${FLAVOURS.join(' or ')}.`);
  }
  if (values.mirror !== undefined && values.suite === undefined) {
    throw new UsageError('--mirror needs --suite: name the release, for example --suite bookworm.');
  }
  for (const name of ['suite', 'mirror'] as const) {
    const value = values[name];
    if (value !== undefined && !/^[a-zA-Z0-9][-a-zA-Z0-9.:/_~+]*$/.test(value)) {
      throw new UsageError(
        `--${name} "${value}" is not the ${name === 'suite' ? 'name of a release' : 'address of an archive'}.`,
      );
    }
  }
  const manifest = await installDebian({
    output,
    cache,
    flavour,
    suite: values.suite,
    mirror: values.mirror,
    update: values.update === true,
    added: (values.add ?? []).map(readAdded),
    progress: (step) => {
      if (process.stderr.isTTY) process.stderr.write(`guests: ${step}\n`);
    },
  });
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ directory: output, ...manifest })}\n`
      : `${describe(output, manifest)}\n`,
  );
}

/** SeaBIOS, in guests/cache/firmware unless --output says where. */
async function fetchFirmware(values: ReturnType<typeof parse>['values']): Promise<void> {
  const output = values.output === undefined ? join(projectRoot(), 'guests/cache/firmware') : resolve(values.output);
  const manifest = await installFirmware({
    ...{ output, suite: values.suite, mirror: values.mirror, update: values.update === true },
    progress: (step) => {
      if (process.stderr.isTTY) process.stderr.write(`guests: ${step}\n`);
    },
  });
  const shown = relative(process.cwd(), output) || '.';
  const lines = Object.entries(manifest.files).map(
    ([name, file]) => `  ${join(shown, name)}  ${file.size} bytes  sha256 ${file.sha256.slice(0, 16)}…`,
  );
  const text = [`firmware (seabios ${manifest.version}) in ${shown}`, ...lines].join('\n');
  process.stdout.write(`${values.json === true ? JSON.stringify({ directory: output, ...manifest }) : text}\n`);
}

/** Built-in guests as files, in guests/cache unless --output says where. */
function buildGuests(names: readonly string[], values: ReturnType<typeof parse>['values']): void {
  const guests = listGuests().map(({ name }) => name);
  const races = listRaces();
  const isFixed = values.fixed === true;
  const known = isFixed ? races : [...guests, ...races];
  const wrong = names.find((name) => !known.includes(name));
  if (names.length === 0 || wrong !== undefined) {
    const what = wrong === undefined ? 'build wants the name of a guest' : `there is no guest "${wrong}" to build`;
    throw new UsageError(`${what}: ${known.join(', ')}.`);
  }
  const output = values.output === undefined ? join(projectRoot(), 'guests/cache') : resolve(values.output);
  mkdirSync(output, { recursive: true });
  for (const name of names) {
    const { bytes } = races.includes(name) ? assembleRace(name, isFixed) : assembleGuest(name);
    const path = join(output, isFixed ? `${name}-fixed` : name);
    writeFileSync(path, bytes);
    process.stdout.write(`${relative(process.cwd(), path)}  ${bytes.length} bytes\n`);
  }
}

/** The disk, in guests/cache/debian-disk unless --output says where. */
function makeDisk(values: ReturnType<typeof parse>['values']): void {
  const megabytes = Number(values.megabytes ?? DISK_MEGABYTES_DEFAULT);
  if (!Number.isSafeInteger(megabytes) || megabytes < 512 || megabytes > 65536) {
    throw new UsageError(`--megabytes wants a number from 512 to 65536, not "${values.megabytes}".`);
  }
  const output = values.output === undefined ? join(projectRoot(), 'guests/cache/debian-disk') : resolve(values.output);
  const manifest = installDebianDisk({
    output,
    suite: values.suite ?? 'bookworm',
    mirror: values.mirror ?? 'http://deb.debian.org/debian',
    megabytes,
    progress: (step) => {
      if (process.stderr.isTTY) process.stderr.write(`guests: ${step}\n`);
    },
  });
  const { image, sizeBytes, sha256, kernel } = manifest;
  const words = `debian-disk (${kernel}) in ${relative(process.cwd(), image)}  ${sizeBytes} bytes`;
  process.stdout.write(
    `${values.json === true ? JSON.stringify(manifest) : `${words}  sha256 ${sha256.slice(0, 16)}…`}\n`,
  );
}

function parse(argv: string[]) {
  return parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      flavour: { type: 'string' },
      suite: { type: 'string' },
      mirror: { type: 'string' },
      megabytes: { type: 'string' },
      update: { type: 'boolean' },
      fixed: { type: 'boolean' },
      add: { type: 'string', multiple: true },
      output: { type: 'string' },
      list: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

guardStandardStreams();
main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError || error instanceof GuestSetupError) {
    process.stderr.write(`guests: ${error.message}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
    return;
  }
  process.stderr.write(`guests: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
