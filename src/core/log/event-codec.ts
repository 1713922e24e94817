/**
 * Events as msgpack rows `[kind number, fields …]` and back. Rows hold the inputs and the rare checks; the frequent
 * checks go into columns (`check-columns.ts`). A row that breaks its shape gives null: the caller names the frame.
 */
import { MEDIA_MAX } from '../base/defaults.ts';
import { PAGE_BYTES, PAGES_MAX } from '../base/pages.ts';
import type { CheckEvent, DmaContent, InputEvent, StateHash } from './events.ts';
import { CHECK_KIND, INPUT_KIND } from './events.ts';
import type { Packed } from './payload.ts';

const UINT32_MAX = 0xffffffff;

/** The bytes of an event are copied: whoever made it may go on using its buffer until the frame is packed. */
export function encodeInput(event: InputEvent): Packed[] {
  const kind = INPUT_KIND[event.kind];
  switch (event.kind) {
    case 'serial':
      return [kind, event.port, new Uint8Array(event.bytes)];
    case 'key':
      return [kind, event.key, event.down];
    case 'scancode':
    case 'entropy':
      return [kind, new Uint8Array(event.bytes)];
    case 'mouse':
      return [kind, event.dx, event.dy, event.dz, event.buttons];
    case 'packet':
      return [kind, event.device, new Uint8Array(event.bytes)];
    case 'epoch':
      return [kind, event.seconds];
    case 'end-of-input':
    case 'serial-break':
      return [kind, event.port];
    case 'edit-memory':
      return [kind, event.address, new Uint8Array(event.bytes)];
    case 'edit-register':
      return [kind, event.register, event.value];
    case 'medium':
      // No medium is 0 in a row, where numbers are not negative.
      return [kind, event.drive, event.medium + 1];
    case 'disk-fault':
      return [kind, event.drive, event.isWrite, event.from, event.to];
    case 'edit-disk':
      return [kind, event.drive, event.sector, new Uint8Array(event.bytes)];
    case 'power-cut':
      return [kind, event.drive, event.seed];
    case 'stall':
      return [kind, event.drive, event.ticks];
    case 'irq-line':
      return [kind, event.line, event.level];
    case 'hold-interrupts':
    case 'time-stamp':
      return [kind, event.ticks];
    case 'flip-bit':
      return [kind, event.address, event.bit];
    case 'power-button':
    case 'reset':
    case 'nmi':
      return [kind];
  }
}

/** The event, null when the row breaks its shape, or `unknown` when the kind is not one of ours. */
export function decodeInput(row: readonly Packed[]): InputEvent | null | 'unknown' {
  const [kind, a, b, c, d] = row;
  switch (kind) {
    case INPUT_KIND.serial:
      return isUnsigned(a, 255) && isBytes(b) ? { kind: 'serial', port: a, bytes: new Uint8Array(b) } : null;
    case INPUT_KIND.key:
      return isName(a) && typeof b === 'boolean' ? { kind: 'key', key: a, down: b } : null;
    case INPUT_KIND.scancode:
      return isBytes(a) ? { kind: 'scancode', bytes: new Uint8Array(a) } : null;
    case INPUT_KIND.mouse:
      return isInt32(a) && isInt32(b) && isInt32(c) && isUnsigned(d, 255)
        ? { kind: 'mouse', dx: a, dy: b, dz: c, buttons: d }
        : null;
    case INPUT_KIND.packet:
      return isUnsigned(a, 255) && isBytes(b) ? { kind: 'packet', device: a, bytes: new Uint8Array(b) } : null;
    case INPUT_KIND.entropy:
      return isBytes(a) ? { kind: 'entropy', bytes: new Uint8Array(a) } : null;
    case INPUT_KIND.epoch:
      return isSafe(a) ? { kind: 'epoch', seconds: a } : null;
    case INPUT_KIND['end-of-input']:
      return isUnsigned(a, 255) ? { kind: 'end-of-input', port: a } : null;
    case INPUT_KIND['serial-break']:
      return isUnsigned(a, 255) ? { kind: 'serial-break', port: a } : null;
    case INPUT_KIND['edit-memory']:
      return isUnsigned(a, UINT32_MAX) && isBytes(b)
        ? { kind: 'edit-memory', address: a, bytes: new Uint8Array(b) }
        : null;
    case INPUT_KIND['edit-register']:
      return isName(a) && isUnsigned(b, UINT32_MAX) ? { kind: 'edit-register', register: a, value: b } : null;
    case INPUT_KIND.medium:
      return isName(a) && isUnsigned(b, MEDIA_MAX + 1) ? { kind: 'medium', drive: a, medium: b - 1 } : null;
    case INPUT_KIND['disk-fault']:
      return isName(a) && typeof b === 'boolean' && isSafe(c) && isSafe(d) && c < d
        ? { kind: 'disk-fault', drive: a, isWrite: b, from: c, to: d }
        : null;
    case INPUT_KIND['edit-disk']:
      return isName(a) && isSafe(b) && isBytes(c)
        ? { kind: 'edit-disk', drive: a, sector: b, bytes: new Uint8Array(c) }
        : null;
    case INPUT_KIND['power-cut']:
      return isName(a) && isUnsigned(b, UINT32_MAX) ? { kind: 'power-cut', drive: a, seed: b } : null;
    case INPUT_KIND.stall:
      return isName(a) && isUnsigned(b, UINT32_MAX) ? { kind: 'stall', drive: a, ticks: b } : null;
    case INPUT_KIND['irq-line']:
      return isUnsigned(a, 15) && typeof b === 'boolean' ? { kind: 'irq-line', line: a, level: b } : null;
    case INPUT_KIND['hold-interrupts']:
      return isUnsigned(a, UINT32_MAX) ? { kind: 'hold-interrupts', ticks: a } : null;
    case INPUT_KIND['time-stamp']:
      return isUnsigned(a, UINT32_MAX) ? { kind: 'time-stamp', ticks: a } : null;
    case INPUT_KIND['flip-bit']:
      return isUnsigned(a, UINT32_MAX) && isUnsigned(b, 7) ? { kind: 'flip-bit', address: a, bit: b } : null;
    case INPUT_KIND['power-button']:
      return { kind: 'power-button' };
    case INPUT_KIND.reset:
      return { kind: 'reset' };
    case INPUT_KIND.nmi:
      return { kind: 'nmi' };
    default:
      return 'unknown';
  }
}

/** Checks that are written as rows. */
export type RowCheck = Extract<
  CheckEvent,
  { kind: 'dma-write' | 'guest-reset' | 'state-hash' | 'digest' | 'map' | 'reveal' | 'signal' | 'port-block' }
>;

/** Pins of the processor, by number in the log. */
const SIGNAL_PINS = ['nmi', 'init'] as const;
/** What pages may lead to, by number in the log. */
const MAP_TARGETS = ['nothing', 'device', 'memory', 'rom'] as const;
/** Ends a row whose event was made by an access. */
const IN_ACCESS = 1;

export function encodeRowCheck(event: RowCheck): Packed[] {
  const kind = CHECK_KIND[event.kind];
  switch (event.kind) {
    case 'dma-write': {
      const { content } = event;
      const row =
        'bytes' in content
          ? [kind, event.address, new Uint8Array(content.bytes)]
          : [kind, event.address, content.image, content.offset, content.length];
      return event.isInAccess === true ? [...row, IN_ACCESS] : row;
    }
    case 'map': {
      const row = [kind, event.page, event.count, MAP_TARGETS.indexOf(event.to), event.memoryPage];
      return event.isInAccess === true ? [...row, IN_ACCESS] : row;
    }
    case 'reveal': {
      const row = [kind, event.memoryPage, new Uint8Array(event.bytes)];
      return event.isInAccess === true ? [...row, IN_ACCESS] : row;
    }
    case 'signal': {
      const row = [kind, SIGNAL_PINS.indexOf(event.pin)];
      return event.isInAccess === true ? [...row, IN_ACCESS] : row;
    }
    case 'port-block': {
      const row = [kind, event.port, event.image, event.offset, event.length];
      return event.isInAccess === true ? [...row, IN_ACCESS] : row;
    }
    case 'guest-reset':
      return [kind];
    case 'state-hash':
      return [kind, ...encodeStateHash(event.hash)];
    case 'digest':
      return [kind, event.count, hashToBytes(event.digest)];
  }
}

export function decodeRowCheck(row: readonly Packed[]): RowCheck | null | 'unknown' {
  const [kind, a, b, c, d] = row;
  // The elements of the row without the mark of an access.
  const inAccess = (count: number): { isInAccess?: true } => (row[count] === IN_ACCESS ? { isInAccess: true } : {});
  switch (kind) {
    case CHECK_KIND['dma-write']: {
      const content = decodeDmaContent(b, c, d);
      if (!isSafe(a) || content === null) return null;
      return { kind: 'dma-write', address: a, content, ...inAccess('bytes' in content ? 3 : 5) };
    }
    case CHECK_KIND.map: {
      if (!isUnsigned(a, PAGES_MAX) || !isUnsigned(b, PAGES_MAX) || b === 0 || a + b > PAGES_MAX) return null;
      if (!isUnsigned(c, MAP_TARGETS.length - 1) || !isUnsigned(d, PAGES_MAX)) return null;
      return { kind: 'map', page: a, count: b, to: MAP_TARGETS[c], memoryPage: d, ...inAccess(5) };
    }
    case CHECK_KIND.reveal: {
      if (!isUnsigned(a, PAGES_MAX) || !isBytes(b) || b.length !== PAGE_BYTES) return null;
      return { kind: 'reveal', memoryPage: a, bytes: new Uint8Array(b), ...inAccess(3) };
    }
    case CHECK_KIND.signal:
      if (!isUnsigned(a, SIGNAL_PINS.length - 1)) return null;
      return { kind: 'signal', pin: SIGNAL_PINS[a], ...inAccess(2) };
    case CHECK_KIND['port-block']:
      if (!isUnsigned(a, 0xffff) || !isUnsigned(b, 255) || !isSafe(c) || !isUnsigned(d, UINT32_MAX)) return null;
      return { kind: 'port-block', port: a, image: b, offset: c, length: d, ...inAccess(5) };
    case CHECK_KIND['guest-reset']:
      return { kind: 'guest-reset' };
    case CHECK_KIND['state-hash']: {
      const hash = decodeStateHash(row.slice(1));
      return hash === null ? null : { kind: 'state-hash', hash };
    }
    case CHECK_KIND.digest: {
      const digest = hashFromBytes(b);
      return isUnsigned(a, UINT32_MAX) && a > 0 && digest !== null ? { kind: 'digest', count: a, digest } : null;
    }
    default:
      return 'unknown';
  }
}

function decodeDmaContent(a: Packed, b: Packed, c: Packed): DmaContent | null {
  if (isBytes(a)) return { bytes: new Uint8Array(a) };
  return isUnsigned(a, 255) && isSafe(b) && isUnsigned(c, UINT32_MAX) ? { image: a, offset: b, length: c } : null;
}

/**
 * [root, cpu | nil, ram | nil, devices | nil, registers | nil, page numbers | nil, page digests | nil], nils cut off.
 */
export function encodeStateHash(hash: StateHash): Packed[] {
  const row: Packed[] = [
    hashToBytes(hash.root),
    hash.cpu === undefined ? null : hashToBytes(hash.cpu),
    hash.ram === undefined ? null : hashToBytes(hash.ram),
    hash.devices === undefined ? null : hash.devices.flatMap(([name, digest]): Packed[] => [name, hashToBytes(digest)]),
    hash.registers === undefined ? null : hash.registers.flat(),
    hash.pages === undefined ? null : wordsToBytes(differences(hash.pages.numbers)),
    hash.pages === undefined ? null : wordsToBytes(hash.pages.digests),
  ];
  while (row[row.length - 1] === null) row.pop();
  return row;
}

export function decodeStateHash(row: readonly Packed[]): StateHash | null {
  const [rootBytes, cpuBytes = null, ramBytes = null, deviceList = null, registerList = null] = row;
  const [, , , , , pageNumbers = null, pageDigests = null] = row;
  const root = hashFromBytes(rootBytes);
  if (root === null) return null;
  const hash: { -readonly [K in keyof StateHash]: StateHash[K] } = { root };
  if (cpuBytes !== null) {
    const cpu = hashFromBytes(cpuBytes);
    if (cpu === null) return null;
    hash.cpu = cpu;
  }
  if (ramBytes !== null) {
    const ram = hashFromBytes(ramBytes);
    if (ram === null) return null;
    hash.ram = ram;
  }
  if (deviceList !== null) {
    const devices = decodePairs(deviceList, hashFromBytes);
    if (devices === null) return null;
    hash.devices = devices;
  }
  if (registerList !== null) {
    const registers = decodePairs(registerList, (value) => (isUnsigned(value, UINT32_MAX) ? value : null));
    if (registers === null) return null;
    hash.registers = registers;
  }
  if (pageNumbers !== null) {
    const steps = wordsFromBytes(pageNumbers);
    const digests = wordsFromBytes(pageDigests);
    if (steps === null || digests === null || steps.length !== digests.length) return null;
    hash.pages = { numbers: sums(steps), digests };
  }
  return hash;
}

function decodePairs<T>(list: Packed, decode: (value: Packed) => T | null): [string, T][] | null {
  if (!isList(list) || list.length % 2 !== 0) return null;
  const pairs: [string, T][] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i];
    const value = decode(list[i + 1]);
    if (!isName(name) || value === null) return null;
    pairs.push([name, value]);
  }
  return pairs;
}

function differences(words: Uint32Array): Uint32Array {
  return words.map((word, i) => (i === 0 ? word : word - words[i - 1]));
}

function sums(words: Uint32Array): Uint32Array {
  for (let i = 1; i < words.length; i++) words[i] += words[i - 1];
  return words;
}

/** Byte planes (all low bytes, then the next …): small page steps then compress to almost nothing. */
function wordsToBytes(words: Uint32Array): Uint8Array {
  const count = words.length;
  const bytes = new Uint8Array(count * 4);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0; i < count; i++) bytes[plane * count + i] = words[i] >>> (plane * 8);
  }
  return bytes;
}

function wordsFromBytes(bytes: Packed): Uint32Array | null {
  if (!isBytes(bytes) || bytes.length % 4 !== 0) return null;
  const count = bytes.length / 4;
  const words = new Uint32Array(count);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0; i < count; i++) words[i] |= bytes[plane * count + i] << (plane * 8);
  }
  return words;
}

export function hashToBytes(hash: string): Uint8Array {
  const bytes = new Uint8Array(hash.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hash.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function hashFromBytes(bytes: Packed | undefined): string | null {
  if (!isBytes(bytes) || bytes.length !== 8) return null;
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export function isBytes(value: Packed | undefined): value is Uint8Array {
  return value instanceof Uint8Array;
}

export function isList(value: Packed | undefined): value is readonly Packed[] {
  return Array.isArray(value);
}

export function isUnsigned(value: Packed | undefined, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

/** A tick, an offset, a size: a whole number that a double holds exactly. */
export function isSafe(value: Packed | undefined): value is number {
  return isUnsigned(value, Number.MAX_SAFE_INTEGER);
}

function isInt32(value: Packed | undefined): value is number {
  return typeof value === 'number' && (value | 0) === value;
}

export function isName(value: Packed | undefined): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 64;
}
