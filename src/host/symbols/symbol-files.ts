// Symbol files as people name them, FILE, FILE+OFFSET or FILE@PROCESS, and those that come with the images of a run.
// Reads files; what is wrong with one is a CommandError that says what to do.

import { existsSync } from 'node:fs';
import type { Images } from '../../core/session/session.ts';
import { CommandError } from '../node/errors.ts';
import type { Assembly } from '../../core/isa/assemble.ts';
import { assembleGuest, assembleRace, buildGuest, listGuests, listRaces } from '../node/guest-images.ts';
import { readGivenFile } from '../node/images.ts';
import { DebugInfo } from '../dwarf/debug-info.ts';
import { buildIdOf } from './build-id.ts';
import { slideOfFile } from './guest-symbols.ts';
import { ModuleFile } from './module-file.ts';
import { parseProcess, type ProcessName } from './process.ts';
import { ProgramFile } from './program-file.ts';
import { readElfSymbols, readSystemMap } from './read-symbols.ts';
import { symbolOf, SymbolSource, SymbolTable } from './symbol-table.ts';

const WANTED = 'give an ELF file (vmlinux), a System.map or a listing of /proc/kallsyms';
/** What Debian puts in the place of a System.map. */
const STUB = /real System\.map is in the (\S+) package/;

/** `FILE+0x1a00000`: a file of just that name comes first. */
export function splitOffset(given: string): { path: string; offset: number | null } {
  const match = /^(.+)\+(0x[0-9a-f]{1,8}|\d{1,10})$/i.exec(given);
  if (match === null || existsSync(given)) return { path: given, offset: null };
  return { path: match[1], offset: Number(match[2]) >>> 0 };
}

/** `prog@init`, `prog+0x1000@17`, `prog@0x1234000`: a file of just that name comes first. */
export function splitProcess(given: string): { rest: string; process: ProcessName | null } {
  const match = /^(.+)@([^@/]+)$/.exec(given);
  if (match === null || existsSync(given)) return { rest: given, process: null };
  return { rest: match[1], process: parseProcess(match[2]) };
}

/** The symbols of a file, each at its place once its slide is known. */
export function readSymbolFile(given: string): SymbolSource {
  const { rest, process } = splitProcess(given);
  const { path, offset } = splitOffset(rest);
  const bytes = readGivenFile(path, 'symbol file', WANTED);
  const moduleFile = ModuleFile.of(path, bytes);
  if (moduleFile !== null) return sourceOfModule(path, moduleFile, { offset, process });
  const source = symbolsFromBytes(path, bytes, offset, process === null ? path : given);
  source.process = process;
  source.isCurrent = process === null;
  const program = offset === null ? ProgramFile.of(bytes) : null;
  if (program === null) return source;
  source.program = program;
  source.process ??= { kind: 'program', program };
  source.slide = null;
  source.isCurrent = false;
  return source;
}

/** Without names until the guest has loaded it. */
function sourceOfModule(
  path: string,
  moduleFile: ModuleFile,
  { offset, process }: { readonly offset: number | null; readonly process: ProcessName | null },
): SymbolSource {
  if (offset !== null || process !== null) {
    throw new CommandError(
      `${path} is a kernel module: its sections lie where the guest has loaded each, and all processes have it; ` +
        'give the file alone.',
    );
  }
  const source = new SymbolSource(path, [], null);
  source.moduleFile = moduleFile;
  return source;
}

export function symbolsFromBytes(
  path: string,
  bytes: Uint8Array,
  offset: number | null = null,
  label = path,
): SymbolSource {
  const ofElf = readElfSymbols(bytes);
  const text = ofElf.length > 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const symbols = ofElf.length > 0 ? ofElf : readSystemMap(text);
  if (symbols.length === 0) throw new CommandError(whyNone(path, text));
  const source = new SymbolSource(label, symbols);
  source.debug = ofElf.length > 0 ? DebugInfo.of(bytes) : null;
  source.buildId = ofElf.length > 0 ? buildIdOf(bytes) : null;
  source.slide = slideOfFile(source, offset);
  return source;
}

function whyNone(path: string, text: string): string {
  const stub = STUB.exec(text);
  if (stub !== null) {
    // It says "linux-image-<version>-dbg": its own name tells the version.
    const version = /System\.map-(\S+)$/.exec(path)?.[1] ?? /^linux-image-([^<]+)-dbg$/.exec(stub[1])?.[1];
    const unknown = version === undefined ? ', where VERSION is what uname -r says in the guest' : '';
    const word = version ?? 'VERSION';
    return (
      `${path} holds no symbols, it only says where they are: get the package linux-image-${word}-dbg and give ` +
      `/usr/lib/debug/boot/vmlinux-${word} (or System.map-${word}) out of it${unknown}; without any file the names ` +
      'that the kernel carries itself are used.'
    );
  }
  if (/^0{8}\s+[a-zA-Z] \S/m.test(text)) {
    return `All addresses in ${path} are 0: only root with kptr_restrict 0 sees those of /proc/kallsyms.`;
  }
  if (text.startsWith('\x7fELF')) return `${path} has no table of symbols, or is not of a 32-bit machine: ${WANTED}.`;
  return `${path} holds no symbols: ${WANTED}.`;
}

/** All that a run's images tell, then the files: what is given by hand comes first. */
export function symbolsFor(images: Images, files: readonly string[]): SymbolTable {
  const table = new SymbolTable();
  for (const file of files) table.add(readSymbolFile(file));
  for (const source of sourcesOfImages(images)) {
    source.slide = slideOfFile(source, null);
    table.add(source);
  }
  return table;
}

export function symbolsOfImages(images: Images): SymbolTable {
  return symbolsFor(images, []);
}

/** No built-in guest is larger; to assemble them all takes half a second, and other small kernels need not wait. */
const GUEST_BYTES_MAX = 1 << 20;
/** All built-in guests begin with these bytes of guests/common.inc: header, descriptors and the first code. */
export const GUEST_BYTES_ALIKE = 160;
const RACE_BYTES_MAX = 1 << 12;

/** Symbols of the kernel among the images, when it carries any or is a built-in guest. */
function sourcesOfImages(images: Images): SymbolSource[] {
  const kernel = images.get('kernel');
  if (!(kernel instanceof Uint8Array)) return [];
  const ofElf = readElfSymbols(kernel);
  if (ofElf.length > 0) {
    const source = new SymbolSource('the kernel image', ofElf);
    source.debug = DebugInfo.of(kernel);
    return [source];
  }
  if (kernel.length > GUEST_BYTES_MAX) return [];
  const guests = listGuests();
  const alike = buildGuest(guests[0].name).subarray(0, GUEST_BYTES_ALIKE);
  if (!alike.every((byte, i) => byte === kernel[i])) return [];
  const isIt = ({ bytes }: { readonly bytes: Uint8Array }): boolean =>
    bytes.length === kernel.length && bytes.every((byte, i) => byte === kernel[i]);
  for (const { name } of guests) {
    if (isIt({ bytes: buildGuest(name) })) return [sourceOfGuest(`guests/${name}`, assembleGuest(name))];
  }
  if (kernel.length > RACE_BYTES_MAX) return [];
  for (const name of listRaces()) {
    for (const isFixed of [false, true]) {
      const assembly = assembleRace(name, isFixed);
      if (isIt(assembly)) return [sourceOfGuest(`guests/races/${name}`, assembly)];
    }
  }
  return [];
}

function sourceOfGuest(path: string, { symbols, bytes, origin }: Assembly): SymbolSource {
  const isPlace = (address: number): boolean => address >= origin && address < origin + bytes.length;
  // Data of the built-in guests has its names by equ: for expressions alone.
  const all = [...symbols].map(([label, value]) => symbolOf(label, value, isPlace(value) ? 'code' : 'absolute'));
  return new SymbolSource(path, all);
}
