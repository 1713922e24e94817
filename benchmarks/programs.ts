/**
 * The guest programs that benchmarks run: the built-in compute guests, and those of benchmarks/guests, each about one
 * thing that guests do. A program takes a repetition count on its command line, says `go` when its work begins where it
 * has much to prepare, and ends with a checksum, so that the same image can be timed on any emulator.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '../src/core/isa/assemble.ts';
import { buildGuest, findGuest } from '../src/host/node/guest-images.ts';

export interface Program {
  readonly name: string;
  /** What it covers, for people. */
  readonly covers: string;
  /** Says `go` before its work: can be timed by markers on the serial line. */
  readonly hasMarkers: boolean;
  readonly image: () => Uint8Array;
}

/** The checkout: dist/ mirrors the tree. */
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folders = ['benchmarks/guests', 'guests'].map((folder) => join(root, folder));

const include = (name: string): string => {
  for (const folder of folders) {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      // The next one has it.
    }
  }
  throw new Error(`no folder of guests has ${name}`);
};

const ofBenchmarks = (name: string, covers: string): Program => ({
  name,
  covers,
  hasMarkers: true,
  image: () => assemble(include(`${name}.asm`), { include }).bytes,
});

const builtIn = (name: string): Program => ({
  name,
  covers: findGuest(name).description,
  hasMarkers: false,
  image: () => buildGuest(name),
});

export const PROGRAMS: readonly Program[] = [
  ofBenchmarks('crc', 'CRC-32 by table'),
  builtIn('sha256'),
  builtIn('sort'),
  builtIn('sieve'),
  builtIn('matmul'),
  ofBenchmarks('doubles', 'product of matrices of doubles'),
  ofBenchmarks('text', 'words of a text, hashed and counted'),
  ofBenchmarks('bytecode', 'interpreter of byte code, computed jumps'),
  ofBenchmarks('recursion', 'recursion'),
  builtIn('mix'),
  ofBenchmarks('wide', 'arithmetic of 64 bits'),
  ofBenchmarks('flags', 'code that lives on flags'),
  ofBenchmarks('chase', 'pointers through 8 MiB'),
  ofBenchmarks('rep', 'REP strings, short and long'),
  ofBenchmarks('ports', 'port I/O'),
  ofBenchmarks('timer', 'timer interrupts'),
  ofBenchmarks('rings', 'system calls between rings'),
  ofBenchmarks('faults', 'page faults'),
  ofBenchmarks('flush', 'TLB flushes and changes of mode'),
  ofBenchmarks('switch', 'context switches'),
  ofBenchmarks('modify', 'code that changes itself'),
  ofBenchmarks('beside', 'data beside code'),
  ofBenchmarks('narrow', 'code of 16 bits'),
  ofBenchmarks('kernels', 'kernels of SSE2'),
];

/** Enough for all of them. */
export const PROGRAM_MEGABYTES = 16;

/** Those whose name is given, or all; a name that there is not is a sentence. */
export function choosePrograms(text: string | undefined): Program[] {
  if (text === undefined) return [...PROGRAMS];
  return text.split(',').map((name) => {
    const found = PROGRAMS.find((program) => program.name === name);
    if (found !== undefined) return found;
    throw new Error(`there is no program "${name}": give some of ${PROGRAMS.map((one) => one.name).join(', ')}.`);
  });
}
