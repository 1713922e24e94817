// What `reprise fuzz` is to fuzz, as people name it: --buffer PLACE:LENGTH, --serial, --keyboard, --sectors
// DRIVE:FIRST..LAST, --file FILE; looked up in the guest as it stands at the moment.

import type { FuzzTarget } from '../../core/chaos/fuzz-target.ts';
import { isKeyName } from '../../core/base/key-names.ts';
import { scanCodes } from '../../core/base/keymap.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { DISK_ROLES } from '../../core/devices/disk/roles.ts';
import { SECTOR_BYTES } from '../../core/devices/disk/disk-contents.ts';
import { peekBytes, peekPhysical } from '../../core/memory/peek.ts';
import type { TimedInput } from '../../core/log/timed-input.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { sizeOfContent, sourceOf } from '../../core/board/image.ts';
import { readGivenFile } from '../node/images.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import type { Arguments } from './args.ts';
import type { Guest } from './trials.ts';

const TARGETS = ['buffer', 'serial', 'keyboard', 'sectors', 'file'] as const;
const BUFFER_BYTES_MAX = 1 << 20;
const STREAM_BYTES_DEFAULT = 256;
const LINES = 4;

export interface NamedTarget {
  readonly target: FuzzTarget;
  /** What is there, or comes there, in the recorded run. */
  readonly example: Uint8Array;
  /** As it was asked for. */
  readonly text: string;
}

/** Which one was asked for; throws UsageError for none and for several. */
export function targetOption(args: Arguments): (typeof TARGETS)[number] {
  const given = TARGETS.filter((name) => args.has(name));
  if (given.length === 1) return given[0];
  throw new UsageError(
    'What is fuzzed? Give one of --buffer PLACE:LENGTH, --serial LINE, --keyboard, --sectors DRIVE:FIRST..LAST and ' +
      '--file FILE.',
  );
}

export function namedTarget(args: Arguments, guest: Guest, cpu: Cpu, fromTick: number): NamedTarget {
  const behind = guest.inputs.filter(({ tick }) => tick >= fromTick);
  const bytesMax = args.number('max-length') ?? STREAM_BYTES_DEFAULT;
  switch (targetOption(args)) {
    case 'buffer':
      return bufferTarget(args, guest, cpu);
    case 'serial': {
      const port = args.number('serial') ?? 0;
      if (port >= LINES) throw new UsageError(`--serial ${port}: there are the lines 0 to ${LINES - 1}.`);
      const example = received(behind, port).slice(0, bytesMax);
      return { target: { kind: 'serial', port, bytesMax }, example, text: `serial ${port}` };
    }
    case 'keyboard': {
      const codes = behind.flatMap(codesOf);
      const example = Uint8Array.from(codes.length > 0 ? codes : A_KEY).slice(0, bytesMax);
      return { target: { kind: 'keyboard', bytesMax }, example, text: 'keyboard' };
    }
    case 'sectors':
      return sectorTarget(guest, args.text('sectors') ?? '');
    case 'file':
      return fileTarget(guest, args.text('file') ?? '');
  }
}

/** The key A, pressed and let go, as keyboards send it: in scan code set 2. */
const A_KEY = [0x1c, 0xf0, 0x1c];

/** What the keyboard sends of an input. */
function codesOf({ event }: TimedInput): readonly number[] {
  if (event.kind === 'scancode') return [...event.bytes];
  return event.kind === 'key' && isKeyName(event.key) ? scanCodes(event.key, event.down, 2, NO_KEYS) : [];
}

const NO_KEYS: ReadonlySet<string> = new Set();

function received(inputs: readonly TimedInput[], port: number): Uint8Array {
  const bytes = inputs.flatMap(({ event }) => (event.kind === 'serial' && event.port === port ? [...event.bytes] : []));
  return Uint8Array.from(bytes.length > 0 ? bytes : [0x0a]);
}

/** The linear address of `0x200000`, `name` or `name+8`. */
function placeOf(args: Arguments, guest: Guest, option: string, text: string): number {
  const match = /^([^+]+)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(text);
  const [name, more] = [match?.[1] ?? text, Number(match?.[2] ?? 0)];
  if (/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(name)) return (Number(name) + more) >>> 0;
  const address = symbolsFor(guest.images, args.list('symbols')).address(name);
  if (address !== undefined) return (address + more) >>> 0;
  throw new UsageError(
    `--${option}: there is no symbol "${name}" in the guest: give an address, such as 0x200000, or --symbols FILE.`,
  );
}

function physicalOf(cpu: Cpu, linear: number, option: string): number {
  const physical = peekPhysical(cpu, linear | 0);
  if (physical >= 0 && physical < cpu.memory.ramBytes) return physical;
  throw new UsageError(
    `--${option}: there is no memory at 0x${linear.toString(16)} at that moment: give another place, or another --at.`,
  );
}

function bufferTarget(args: Arguments, guest: Guest, cpu: Cpu): NamedTarget {
  const text = args.text('buffer') ?? '';
  const match = /^(.+):(0x[0-9a-f]{1,8}|\d{1,10})$/i.exec(text);
  const bytesMax = Number(match?.[2] ?? 0);
  if (match === null || bytesMax === 0 || bytesMax > BUFFER_BYTES_MAX) {
    throw new UsageError(
      `--buffer wants a place and a length of up to ${BUFFER_BYTES_MAX} bytes, such as 0x200000:256 or message:256, ` +
        `not "${text}".`,
    );
  }
  const linear = placeOf(args, guest, 'buffer', match[1]);
  const pieces: { address: number; sizeBytes: number }[] = [];
  for (let at = 0; at < bytesMax; ) {
    const sizeBytes = Math.min(bytesMax - at, PAGE_BYTES - ((linear + at) & (PAGE_BYTES - 1)));
    pieces.push({ address: physicalOf(cpu, linear + at, 'buffer'), sizeBytes });
    at += sizeBytes;
  }
  const lengthText = args.text('length-at');
  const lengthLinear = lengthText === undefined ? null : placeOf(args, guest, 'length-at', lengthText);
  const lengthAddress = lengthLinear === null ? null : physicalOf(cpu, lengthLinear, 'length-at');
  const all = new Uint8Array(bytesMax);
  peekBytes(cpu, linear | 0, all);
  const word = new Uint8Array(4);
  if (lengthLinear !== null) peekBytes(cpu, lengthLinear | 0, word);
  const length = lengthLinear === null ? bytesMax : new DataView(word.buffer).getUint32(0, true);
  const example = length > 0 && length <= bytesMax ? all.slice(0, length) : all;
  const at = lengthText === undefined ? '' : `, length at ${lengthText}`;
  return { target: { kind: 'memory', bytesMax, pieces, lengthAddress }, example, text: `buffer ${text}${at}` };
}

function sectorTarget(guest: Guest, text: string): NamedTarget {
  const match = /^([a-z]+):(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text);
  const drive = match?.[1] ?? '';
  const [first, last] = [Number(match?.[2] ?? -1), Number(match?.[3] ?? match?.[2] ?? -1)];
  const image = guest.images.get(drive);
  const bytesMax = (last - first + 1) * SECTOR_BYTES;
  if (match === null || bytesMax <= 0 || bytesMax > BUFFER_BYTES_MAX) {
    throw new UsageError(`--sectors wants a disk and its sectors, such as hda:2048..2055, not "${text}".`);
  }
  if (!(DISK_ROLES as readonly string[]).includes(drive) || image === undefined) {
    throw new UsageError(`--sectors: the machine has no disk "${drive}".`);
  }
  if ((last + 1) * SECTOR_BYTES > sizeOfContent(image)) {
    throw new UsageError(`--sectors: ${drive} ends before sector ${last}.`);
  }
  const example = new Uint8Array(bytesMax);
  sourceOf(image).read(first * SECTOR_BYTES, example);
  return { target: { kind: 'disk', drive, sector: first, bytesMax }, example, text: `sectors ${text}` };
}

/** The sectors of a disk that hold a file, found by what is in them. */
function fileTarget(guest: Guest, path: string): NamedTarget {
  const bytes = readGivenFile(path, 'file', 'give a copy of a file that lies on a disk of the guest');
  if (bytes.length < SECTOR_BYTES || bytes.length > BUFFER_BYTES_MAX) {
    throw new UsageError(`--file: ${path} has ${bytes.length} bytes: give one of 512 bytes to 1 MiB, or --sectors.`);
  }
  const sectors = Math.ceil(bytes.length / SECTOR_BYTES);
  for (const drive of DISK_ROLES) {
    const image = guest.images.get(drive);
    if (image === undefined) continue;
    const source = sourceOf(image);
    const last = Math.floor(sizeOfContent(image) / SECTOR_BYTES) - sectors;
    const one = new Uint8Array(SECTOR_BYTES);
    for (let sector = 0; sector <= last; sector++) {
      source.read(sector * SECTOR_BYTES, one);
      if (!one.every((byte, i) => byte === bytes[i])) continue;
      const example = new Uint8Array(sectors * SECTOR_BYTES);
      source.read(sector * SECTOR_BYTES, example);
      if (!bytes.every((byte, i) => byte === example[i])) continue;
      const target = { kind: 'disk', drive, sector, bytesMax: example.length } as const;
      return { target, example, text: `file of ${bytes.length} bytes at ${drive}:${sector}` };
    }
  }
  throw new UsageError(
    `--file: what ${path} holds lies on no disk of the guest in one piece: give its sectors with --sectors.`,
  );
}
