// The built-in guests: assembled on demand by the project's own assembler from the sources in guests/,
// with guests.json saying what each prints and how it ends. An image is a multiboot kernel for --kernel;
// the same sources give the same bytes on every host.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble, type Assembly } from '../../core/isa/assemble.ts';

/** An entry of guests/guests.json. */
export interface GuestDescription {
  readonly name: string;
  /** File in guests/. */
  readonly source: string;
  /** One line for people. */
  readonly description: string;
  /**
   * `test` checks the machine, `benchmark` takes a repetition count on its command line, `demo` and `echo` want input.
   */
  readonly kind: 'test' | 'benchmark' | 'demo' | 'echo';
  /** What it prints on the serial port when run without a command line and with `input`. */
  readonly output: string;
  /** Serial input that it waits for. */
  readonly input?: string;
  /** Exit status of the emulator: twice the debug-exit value plus one. */
  readonly status: number;
  /** Instructions and idle ticks of such a run, roughly. */
  readonly ticks: number;
  /** Benchmarks: repetitions when the command line names none. */
  readonly defaultCount?: number;
}

/** guests/ beside package.json, both in a checkout and in an installed package. */
export function guestFolder(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      readFileSync(join(at, 'guests', 'guests.json'));
      return join(at, 'guests');
    } catch {
      if (dirname(at) === at) throw new Error('the folder guests/ is missing: this installation is incomplete.');
      at = dirname(at);
    }
  }
}

/** All built-in guests, in the order of the manifest. */
export function listGuests(): GuestDescription[] {
  return JSON.parse(readFileSync(join(guestFolder(), 'guests.json'), 'utf8')) as GuestDescription[];
}

/** The built-in guest of that name; throws with the names there are. */
export function findGuest(name: string): GuestDescription {
  const guests = listGuests();
  const found = guests.find((guest) => guest.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no built-in guest "${name}": choose ${guests.map((guest) => guest.name).join(', ')}.`);
}

/** A source that may include the files of guests/. */
export function assembleSource(source: string): Assembly {
  const folder = guestFolder();
  return assemble(source, { include: (file) => readFileSync(join(folder, file), 'utf8') });
}

/** Image, symbols and line addresses of a built-in guest. */
export function assembleGuest(name: string): Assembly {
  return assembleSource(readFileSync(join(guestFolder(), findGuest(name).source), 'utf8'));
}

/** Guests with a race on purpose: names of the sources in guests/races. */
export function listRaces(): string[] {
  const sources = readdirSync(join(guestFolder(), 'races')).filter((name) => name.endsWith('.asm'));
  return sources.map((name) => name.slice(0, -'.asm'.length)).sort();
}

/** A guest of guests/races with its bug, or its twin without. */
export function assembleRace(name: string, isFixed = false): Assembly {
  const source = readFileSync(join(guestFolder(), 'races', `${name}.asm`), 'utf8');
  return assembleSource(isFixed ? `%define FIXED\n${source}` : source);
}

const built = new Map<string, Uint8Array>();

/** The multiboot image of a built-in guest; assembled once a process. */
export function buildGuest(name: string): Uint8Array {
  let image = built.get(name);
  if (image === undefined) {
    image = assembleGuest(name).bytes;
    built.set(name, image);
  }
  return image;
}
