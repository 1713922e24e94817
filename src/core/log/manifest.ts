/**
 * What a log says about the machine it was recorded on: enough to build the same machine again, and to say which
 * image is missing. It names no path of the recording host; an image is known by the SHA-256 of its bytes.
 */
import { isList, isName, isSafe, isUnsigned } from './event-codec.ts';
import type { Packed } from './payload.ts';
import { quirksOfLog } from './quirks.ts';

export type LogProfile =
  /** Every check with its value: devices need not run at replay. */
  | 'full'
  /** Checks as running digests. */
  | 'checked'
  /** Inputs and state hashes only. */
  | 'inputs';

/** The image of a recording that begins at a snapshot (session/snapshot-file.ts). */
export const SNAPSHOT_ROLE = 'snapshot';

export interface ImageRecord {
  /** What the image is for: kernel, initrd, bios, hda … */
  readonly role: string;
  /** File name without its directory, for people. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface DeviceRecord {
  readonly name: string;
  /** Version of the model: raised when its guest-visible behaviour changes. */
  readonly version: number;
}

export interface MachineManifest {
  readonly cpu: string;
  readonly memoryMegabytes: number;
  readonly devices: readonly DeviceRecord[];
  /** Power of two, below 1 too. */
  readonly nsPerTick: number;
  /** Wall clock of the guest at tick 0, in seconds since 1970. */
  readonly epochSeconds: number;
  readonly seed: number;
  readonly boot: { readonly method: 'multiboot' | 'linux' | 'bios'; readonly commandLine: string };
  readonly images: readonly ImageRecord[];
  /** Names of behaviours kept for old logs (quirks.ts). */
  readonly quirks: readonly string[];
  /** Other options that the guest can notice, such as `serial-timing`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

export interface LogHeader {
  /** Program and version that recorded. */
  readonly creator: string;
  readonly profile: LogProfile;
  readonly machine: MachineManifest;
}

const PROFILES: readonly LogProfile[] = ['full', 'checked', 'inputs'];
const BOOT_METHODS = ['multiboot', 'linux', 'bios'] as const;
const TEXT_LENGTH_MAX = 1 << 16;

export function encodeHeader(header: LogHeader): Packed {
  const { machine } = header;
  return {
    creator: header.creator,
    profile: header.profile,
    cpu: machine.cpu,
    memoryMegabytes: machine.memoryMegabytes,
    devices: machine.devices.map(({ name, version }) => ({ name, version })),
    nsPerTick: machine.nsPerTick,
    epochSeconds: machine.epochSeconds,
    seed: machine.seed,
    boot: { method: machine.boot.method, commandLine: machine.boot.commandLine },
    images: machine.images.map(({ role, name, sha256, sizeBytes }) => ({ role, name, sha256, sizeBytes })),
    quirks: [...machine.quirks],
    options: Object.fromEntries(Object.entries(machine.options).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** The header of a log of this format, or the name of the first field that is not what it must be. */
export function decodeHeader(payload: Packed, format: number): LogHeader | string {
  if (!isMap(payload)) return 'header';
  const { creator, profile, cpu, memoryMegabytes, nsPerTick, epochSeconds, seed, boot, quirks, options } = payload;
  if (!isText(creator)) return 'creator';
  const knownProfile = PROFILES.find((name) => name === profile);
  if (knownProfile === undefined) return 'profile';
  if (!isText(cpu)) return 'cpu';
  if (!isUnsigned(memoryMegabytes, 65536) || memoryMegabytes === 0) return 'memoryMegabytes';
  if (!isPowerOfTwo(nsPerTick)) return 'nsPerTick';
  if (typeof epochSeconds !== 'number' || !Number.isSafeInteger(epochSeconds)) return 'epochSeconds';
  if (!isSafe(seed)) return 'seed';
  if (!isMap(boot) || !isText(boot.commandLine)) return 'boot';
  const method = BOOT_METHODS.find((name) => name === boot.method);
  if (method === undefined) return 'boot';
  const devices = decodeList(payload.devices, decodeDevice);
  if (devices === null) return 'devices';
  const images = decodeList(payload.images, decodeImage);
  if (images === null) return 'images';
  if (!isList(quirks) || !quirks.every(isName)) return 'quirks';
  if (!isMap(options)) return 'options';
  const knownOptions: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return 'options';
    knownOptions[name] = value;
  }
  const machine: MachineManifest = {
    cpu,
    memoryMegabytes,
    devices,
    nsPerTick,
    epochSeconds,
    seed,
    boot: { method, commandLine: boot.commandLine },
    images,
    quirks: [...new Set([...quirks, ...quirksOfLog(format, { boot: { method }, options: knownOptions, devices })])],
    options: knownOptions,
  };
  return { creator, profile: knownProfile, machine };
}

/** From 2^-20 to 2^20: `1` or a fraction. */
function isPowerOfTwo(value: Packed | undefined): value is number {
  for (let power = 1 / (1 << 20); power <= 1 << 20; power *= 2) if (power === value) return true;
  return false;
}

function decodeDevice(value: Packed): DeviceRecord | null {
  if (!isMap(value) || !isName(value.name) || !isUnsigned(value.version, 65535)) return null;
  return { name: value.name, version: value.version };
}

function decodeImage(value: Packed): ImageRecord | null {
  if (!isMap(value) || !isName(value.role) || !isText(value.name) || !isSafe(value.sizeBytes)) return null;
  const { sha256 } = value;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  return { role: value.role, name: value.name, sha256, sizeBytes: value.sizeBytes };
}

function decodeList<T>(list: Packed | undefined, decode: (value: Packed) => T | null): T[] | null {
  if (!isList(list) || list.length > 255) return null;
  const out: T[] = [];
  for (const value of list) {
    const item = decode(value);
    if (item === null) return null;
    out.push(item);
  }
  return out;
}

export function isMap(value: Packed | undefined): value is { readonly [key: string]: Packed } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function isText(value: Packed | undefined): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX;
}
