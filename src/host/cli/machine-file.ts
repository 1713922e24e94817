// Machine files (`--machine pc.json`): all that describes a machine, as JSON. The schema (machine.schema.json) says
// what may stand there, and what is wrong is told with its place. What is read becomes the values of options, so that
// options given beside it go before it and there is one way from them to a machine. The other way round is
// `reprise info --machine LOG`.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../../core/base/usage-error.ts';
import { isQuirk } from '../../core/log/quirks.ts';
import { DRIVE_ROLES } from '../../core/devices/disk/roles.ts';
import type { ImageRecord, MachineManifest } from '../../core/log/manifest.ts';
import { SNAPSHOT_ROLE } from '../../core/log/manifest.ts';
import { guestFolder } from '../node/guest-images.ts';
import { placesOf } from '../node/image-index.ts';
import { readGivenFile } from '../node/images.ts';
import { CommandError } from '../node/errors.ts';
import type { Arguments } from './args.ts';

type NamedFile = string | { readonly file: string; readonly sha256?: string };

/** What a file says, when it keeps to the schema. */
export interface MachineFile {
  readonly kernel?: NamedFile;
  readonly initrd?: NamedFile;
  readonly modules?: readonly { readonly file: string; readonly sha256?: string; readonly arguments?: string }[];
  readonly append?: string;
  readonly bios?: NamedFile;
  readonly vgaBios?: NamedFile | false;
  readonly drives?: Readonly<Record<string, NamedFile>>;
  readonly backing?: readonly string[];
  readonly overlay?: Readonly<Record<string, string>>;
  readonly writable?: readonly string[];
  readonly diskRoom?: number;
  readonly writeCache?: number;
  readonly boot?: { readonly order?: string; readonly menu?: boolean };
  readonly vga?: 'std' | 'none';
  readonly memory?: number;
  readonly nsPerTick?: number | string;
  readonly epoch?: number | string;
  readonly seed?: number;
  readonly reboot?: boolean;
  readonly serialTiming?: 'instant' | 'baud';
  readonly hashEvery?: number;
  readonly hpet?: boolean;
  readonly parallel?: boolean;
  readonly quirks?: readonly string[];
}

/** Options with what a machine file adds, and what it says of the files. */
export interface MergedMachine {
  readonly args: Arguments;
  /** What files are called, by path. */
  readonly names: ReadonlyMap<string, string>;
  /** By role: where it stands in the machine file, and what must be there. */
  readonly digests: ReadonlyMap<string, { readonly place: string; readonly sha256: string }>;
  readonly path: string;
}

const SCHEMA_FILE = 'machine.schema.json';

interface SchemaError {
  readonly instanceLocation: string;
  readonly keyword: string;
  readonly keywordLocation: string;
  readonly error: string;
}

/** What is wrong, at the innermost place of which the schema says something. */
function problemOf(errors: readonly SchemaError[]): string {
  const inner = errors.filter(({ keyword }) => !['properties', 'items', '$ref', 'anyOf'].includes(keyword));
  const deepest = Math.max(...inner.map(({ instanceLocation }) => instanceLocation.split('/').length));
  const found = inner.find(({ instanceLocation }) => instanceLocation.split('/').length === deepest) ?? errors[0];
  const place = found.instanceLocation.replace(/^#/, '') || '/';
  return `${place}: ${found.error}`;
}

export async function readMachineFile(path: string): Promise<MachineFile> {
  const bytes = readGivenFile(path, 'machine file', 'give one with --machine');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The machine file ${path} is no JSON (${why}): mend it, or see reprise info --machine LOG.`);
  }
  const { Validator } = await import('@cfworker/json-schema');
  const schema = JSON.parse(readFileSync(join(dirname(guestFolder()), 'src/host', SCHEMA_FILE), 'utf8')) as object;
  const { valid, errors } = new Validator(schema, '2020-12', false).validate(value);
  if (!valid) {
    throw new CommandError(`The machine file ${path} is wrong at ${problemOf(errors)} See ${SCHEMA_FILE}.`);
  }
  const file = value as MachineFile;
  const unknown = file.quirks?.find((name) => !isQuirk(name));
  if (unknown !== undefined) {
    throw new CommandError(`The machine file ${path} is wrong at /quirks: this version has no quirk "${unknown}".`);
  }
  return file;
}

/** The options, with those of `--machine` behind them. */
export async function withMachineFile(args: Arguments): Promise<MergedMachine> {
  const path = args.text('machine');
  if (path === undefined) return { args, names: new Map(), digests: new Map(), path: '' };
  const file = await readMachineFile(path);
  const names = new Map<string, string>();
  const digests = new Map<string, { place: string; sha256: string }>();
  const folder = dirname(path);
  /** The path that the option gets. */
  const find = (named: NamedFile, role: string, place: string): string => {
    const { file: given, sha256 } = typeof named === 'string' ? { file: named, sha256: undefined } : named;
    if (sha256 !== undefined) digests.set(role, { place, sha256 });
    const near = resolve(folder, given) === resolve(given) ? given : join(folder, given);
    if (sha256 === undefined || existsSync(near)) return near;
    const known = placesOf(sha256).places.find((each) => existsSync(each.path));
    if (known === undefined) return near;
    names.set(known.path, basename(given));
    return known.path;
  };
  let merged = args;
  const put = (option: string, ...values: string[]): void => {
    if (!args.has(option)) merged = merged.and(option, values, args.positionals);
  };
  const putFile = (option: string, role: string, named: NamedFile | undefined, place: string): void => {
    if (named === undefined || args.has(option)) return;
    put(option, find(named, role, place));
  };
  putFile('kernel', 'kernel', file.kernel, '/kernel');
  putFile('initrd', 'initrd', file.initrd, '/initrd');
  if (file.modules !== undefined && !args.has('initrd')) {
    if (file.initrd !== undefined) {
      throw new UsageError(`The machine file ${path} has /initrd and /modules: leave one out.`);
    }
    const parts = file.modules.map((module, i) => {
      const found = find(module, `module${i}`, `/modules/${i}`);
      if (/[ ,]/.test(found)) {
        throw new CommandError(`The machine file ${path}: a module may have no blank or comma in its path: ${found}.`);
      }
      const text = module.arguments === undefined || module.arguments === '' ? '' : ` ${module.arguments}`;
      return `${found}${text}`.replaceAll(',', ',,');
    });
    if (parts.length > 0) put('initrd', parts.join(','));
  }
  if (file.append !== undefined) put('append', file.append);
  putFile('bios', 'bios', file.bios, '/bios');
  if (file.vgaBios === false) put('vga-bios', '');
  else putFile('vga-bios', 'vgabios', file.vgaBios, '/vgaBios');
  for (const role of DRIVE_ROLES) putFile(role, role, file.drives?.[role], `/drives/${role}`);
  const beside = (text: string): string => (resolve(folder, text) === resolve(text) ? text : join(folder, text));
  if (file.backing !== undefined) put('backing', ...file.backing.map(beside));
  if (file.overlay !== undefined) {
    put('overlay', ...Object.entries(file.overlay).map(([role, text]) => `${role}=${beside(text)}`));
  }
  if (file.writable !== undefined) put('writable', ...file.writable);
  if (file.diskRoom !== undefined) put('disk-room', String(file.diskRoom));
  if (file.writeCache !== undefined) put('write-cache', String(file.writeCache));
  const { order, menu } = file.boot ?? {};
  const boot = [
    ...(order === undefined ? [] : [`order=${order}`]),
    ...(menu === undefined ? [] : [`menu=${menu ? 'on' : 'off'}`]),
  ];
  if (boot.length > 0) put('boot', boot.join(','));
  if (file.vga !== undefined) put('vga', file.vga);
  if (file.memory !== undefined) put('memory', String(file.memory));
  if (file.nsPerTick !== undefined) put('ns-per-tick', String(file.nsPerTick));
  if (file.epoch !== undefined) put('epoch', typeof file.epoch === 'number' ? `@${file.epoch}` : file.epoch);
  if (file.seed !== undefined) put('seed', String(file.seed));
  if (file.reboot === false) put('no-reboot', '');
  if (file.hpet === true) put('hpet', '');
  if (file.parallel === true) put('parallel', '');
  if (file.serialTiming !== undefined) put('serial-timing', file.serialTiming);
  if (file.hashEvery !== undefined) put('hash-every', String(file.hashEvery));
  if (file.quirks !== undefined && file.quirks.length > 0) put('quirk', ...file.quirks);
  return { args: merged, names, digests, path };
}

/** The files are those that the machine file speaks of. */
export function checkDigests({ digests, path }: MergedMachine, images: readonly ImageRecord[]): void {
  for (const [role, { place, sha256 }] of digests) {
    const record = images.find((image) => image.role === role);
    if (record === undefined || record.sha256 === sha256) continue;
    throw new CommandError(
      `The machine file ${path} wants at ${place} a file with the SHA-256 ${sha256}, and ${record.name} has ` +
        `${record.sha256}: give the right file with --${role === 'vgabios' ? 'vga-bios' : role}.`,
    );
  }
}

/** The machine of a log as such a file. Throws `CommandError` for one that begins at a snapshot. */
export function machineFileOf(manifest: MachineManifest, log: string): MachineFile & { readonly $schema?: string } {
  const { images, options, boot } = manifest;
  if (images.some(({ role }) => role === SNAPSHOT_ROLE)) {
    throw new CommandError(`${log} begins at a snapshot, which has the machine: reprise info --machine SNAPSHOT.`);
  }
  const fileOf = (role: string): NamedFile | undefined => {
    const record = images.find((image) => image.role === role);
    return record === undefined ? undefined : { file: record.name, sha256: record.sha256 };
  };
  const given = <K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } =>
    value === undefined ? {} : ({ [name]: value } as { readonly [key in K]: V });
  const kernel = images.find(({ role }) => role === 'kernel');
  const isMultiboot = boot.method === 'multiboot';
  const append = isMultiboot ? boot.commandLine.slice((kernel?.name.length ?? 0) + 1) : boot.commandLine;
  const modules = images
    .filter(({ role }) => /^module\d+$/.test(role))
    .map(({ role, name, sha256 }) => {
      const text = String(options[role] ?? name).slice(name.length + 1);
      return { file: name, sha256, ...(text === '' ? {} : { arguments: text }) };
    });
  const drives = DRIVE_ROLES.flatMap((role) => {
    const file = fileOf(role);
    return file === undefined ? [] : [[role, file] as const];
  });
  const { epochSeconds, nsPerTick } = manifest;
  const date = new Date(epochSeconds * 1000);
  const isPlainDate = !Number.isNaN(date.getTime()) && date.getUTCFullYear() >= 0 && date.getUTCFullYear() < 10_000;
  const order = options['boot-order'];
  const room = options['disk-room'];
  const cache = options['write-cache'];
  const hashEvery = options['hash-every'];
  return {
    ...given('kernel', fileOf('kernel')),
    ...given('initrd', fileOf('initrd')),
    ...(modules.length === 0 ? {} : { modules }),
    ...(append === '' ? {} : { append }),
    ...given('bios', fileOf('bios')),
    ...(boot.method === 'bios' ? { vgaBios: fileOf('vgabios') ?? false } : given('vgaBios', fileOf('vgabios'))),
    ...(drives.length === 0 ? {} : { drives: Object.fromEntries(drives) }),
    ...(typeof room === 'number' ? { diskRoom: room } : {}),
    ...(typeof cache === 'number' ? { writeCache: cache } : {}),
    ...(typeof order === 'string' ? { boot: { order, menu: options['boot-menu'] === true } } : {}),
    vga: options.vga === 'std' ? 'std' : 'none',
    memory: manifest.memoryMegabytes,
    nsPerTick: nsPerTick < 1 ? `1/${1 / nsPerTick}` : nsPerTick,
    epoch: isPlainDate ? date.toISOString().replace('.000Z', 'Z') : epochSeconds,
    seed: manifest.seed,
    reboot: options.reboot !== false,
    serialTiming: options['serial-timing'] === 'baud' ? 'baud' : 'instant',
    ...(typeof hashEvery === 'number' ? { hashEvery } : {}),
    ...(options.hpet === true ? { hpet: true } : {}),
    ...(options.parallel === true ? { parallel: true } : {}),
    ...(manifest.quirks.length === 0 ? {} : { quirks: manifest.quirks }),
  };
}
