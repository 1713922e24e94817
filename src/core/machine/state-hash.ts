// The digest of a machine's whole guest-visible state: CPU fields that are neither lazy nor derived,
// each device's saved state, and RAM as digests of its 4 KiB pages, of which only dirty ones are redone.
// Any engine, after any tier schedule, with derived state dropped or not, gives the same digest (laws 3, 4).

import { PAGE_BYTES } from '../base/pages.ts';
import { REGISTERS_32, SEGMENTS } from '../base/names.ts';
import { hashBytes, hashToHex, hashWords } from '../base/hash.ts';
import type { DeviceState, DeviceValue } from '../board/device.ts';
import type { StateHash } from '../log/events.ts';
import { DIRTY_HASH } from '../memory/memory.ts';
import { foldFlags } from '../state/flags.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  EFLAGS,
  EIP,
  PLACED,
  RAM_BASE,
  SEG_BASE,
  SEG_SELECTOR,
  type PlacedField,
} from '../state/layout.ts';
import type { Cpu } from '../state/cpu.ts';

/**
 * The fields of the CPU that make up the state, in the order of `cpuBytes`; each starts at a multiple of four there.
 */
export const HASHED: readonly PlacedField[] = [...PLACED.values()].filter(
  (f) => f.group !== 'derived' && f.group !== 'lazy',
);

/** Bytes of all hashed CPU fields one after another. */
export const CPU_BYTES = HASHED.reduce((sum, f) => sum + ((f.size + 3) & ~3), 0);

/** The CPU fields of a snapshot, in the order of the layout. Flags are folded first. */
export function cpuBytes(cpu: Cpu): Uint8Array {
  foldFlags(cpu);
  const out = new Uint8Array(CPU_BYTES);
  let at = 0;
  for (const f of HASHED) {
    out.set(cpu.m8.subarray(f.offset, f.offset + f.size), at);
    at += (f.size + 3) & ~3;
  }
  return out;
}

/** Inverse of cpuBytes. */
export function loadCpuBytes(cpu: Cpu, bytes: Uint8Array): void {
  if (bytes.length !== CPU_BYTES) throw new Error(`CPU state has ${bytes.length} bytes, expected ${CPU_BYTES}`);
  let at = 0;
  for (const f of HASHED) {
    cpu.m8.set(bytes.subarray(at, at + f.size), f.offset);
    at += (f.size + 3) & ~3;
  }
  foldFlagsAfterLoad(cpu);
}

function foldFlagsAfterLoad(cpu: Cpu): void {
  const ccOp = PLACED.get('ccOp');
  if (ccOp !== undefined) cpu.m32[ccOp.offset >> 2] = 0;
}

/** Plain data as bytes, keys sorted, so that equal states give equal bytes. */
export function encodeState(value: DeviceValue): Uint8Array {
  return encodeInPlace(value).slice();
}

/** Room for the encoding in hand; grows to the largest state. */
let room = new Uint8Array(1 << 12);
let roomView = new DataView(room.buffer);
let used = 0;

function reserve(count: number): void {
  if (used + count <= room.length) return;
  const larger = new Uint8Array(Math.max(room.length * 2, used + count));
  larger.set(room.subarray(0, used));
  room = larger;
  roomView = new DataView(room.buffer);
}

function putByte(byte: number): void {
  reserve(1);
  room[used++] = byte;
}

function putNumber(n: number): void {
  reserve(8);
  roomView.setFloat64(used, n, true);
  used += 8;
}

function putText(s: string): void {
  putNumber(s.length);
  reserve(s.length * 2);
  for (let i = 0; i < s.length; i++, used += 2) roomView.setUint16(used, s.charCodeAt(i), true);
}

function put(v: DeviceValue): void {
  if (v === null) putByte(0);
  else if (typeof v === 'number') {
    putByte(1);
    putNumber(v);
  } else if (typeof v === 'boolean') putByte(v ? 3 : 2);
  else if (typeof v === 'string') {
    putByte(4);
    putText(v);
  } else if (v instanceof Uint8Array) {
    putByte(5);
    putNumber(v.length);
    reserve(v.length);
    room.set(v, used);
    used += v.length;
  } else if (Array.isArray(v)) {
    putByte(6);
    putNumber(v.length);
    for (const item of v) put(item);
  } else {
    putByte(7);
    const keys = Object.keys(v).sort();
    putNumber(keys.length);
    for (const key of keys) {
      putText(key);
      put(v[key]);
    }
  }
}

/** Good until the next encoding. */
function encodeInPlace(value: DeviceValue): Uint8Array {
  used = 0;
  put(value);
  return room.subarray(0, used);
}

const NAMED_REGISTERS: readonly (readonly [string, number])[] = [
  ...REGISTERS_32.map((name, i) => [name, i] as const),
  ['eip', EIP],
  ['eflags', EFLAGS],
  ...SEGMENTS.map((name, i) => [name, SEG_SELECTOR + i] as const),
  ...SEGMENTS.map((name, i) => [`${name}.base`, SEG_BASE + i] as const),
  ['cr0', CR0],
  ['cr2', CR2],
  ['cr3', CR3],
  ['cr4', CR4],
];

/** Where a bulk memory lies, as an offset from the begin of RAM. */
export interface HashedBulk {
  readonly name: string;
  readonly place: number;
  readonly sizeBytes: number;
}

export class StateHasher {
  private readonly cpu: Cpu;
  private readonly bulks: readonly HashedBulk[];
  /** Two words a page of RAM and of bulk memory. */
  private readonly pageDigests: Int32Array;
  private readonly out = new Int32Array(2);

  constructor(cpu: Cpu, bulks: readonly HashedBulk[] = []) {
    this.cpu = cpu;
    this.bulks = bulks;
    const { pageCount } = cpu.memory;
    this.pageDigests = new Int32Array(pageCount * 2);
    // Pages count as clean while they are zeros, and those of RAM are named by the first hash without being looked at.
    hashWords(new Int32Array(PAGE_BYTES / 4), 0, PAGE_BYTES / 4, this.out, 0);
    for (let page = 0; page < pageCount; page++) this.pageDigests.set(this.out, page * 2);
  }

  private hexOfPages(first: number, count: number): string {
    const { out } = this;
    hashWords(this.pageDigests, first * 2, (first + count) * 2, out, 0);
    return hashToHex(out[0], out[1]);
  }

  private hexOf(bytes: Uint8Array): string {
    hashBytes(bytes, 0, bytes.length, this.out, 0);
    return hashToHex(this.out[0], this.out[1]);
  }

  /**
   * Digest of everything; `devices` null when no device exists (`--devices log`): then only CPU and RAM are given. The
   * content of a bulk memory stands beside the devices, by its name.
   */
  compute(devices: readonly (readonly [string, DeviceState])[] | null): StateHash {
    const { cpu, pageDigests, bulks } = this;
    const { memory } = cpu;
    const written = memory.takeDirty(DIRTY_HASH);
    for (const page of written) {
      if (memory.isFresh(page)) continue;
      const word = (RAM_BASE + page * PAGE_BYTES) >> 2;
      hashWords(memory.m32, word, word + 1024, pageDigests, page * 2);
    }
    const numbers = Uint32Array.from(written.filter((page) => page < memory.ramPages));
    const digests = numbers.map((page) => pageDigests[page * 2] >>> 0);
    const ram = this.hexOfPages(0, memory.ramPages);
    const cpuHex = this.hexOf(cpuBytes(cpu));
    const deviceHexes = devices?.map(([name, state]) => [name, this.hexOf(encodeInPlace(state))] as const);
    if (deviceHexes !== undefined) {
      for (const { name, place, sizeBytes } of bulks) {
        deviceHexes.push([`${name}.bytes`, this.hexOfPages(place / PAGE_BYTES, sizeBytes / PAGE_BYTES)]);
      }
    }
    const root = this.hexOf(encodeInPlace([cpuHex, ram, ...(deviceHexes ?? []).map(([, hex]) => hex)]));
    return {
      root,
      cpu: cpuHex,
      ram,
      ...(deviceHexes === undefined ? {} : { devices: deviceHexes }),
      registers: NAMED_REGISTERS.map(([name, at]) => [name, cpu.m32[at] >>> 0] as const),
      pages: { numbers, digests },
    };
  }
}
