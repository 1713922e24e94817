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
  const out: number[] = [];
  const number = (n: number): void => {
    const bytes = new Uint8Array(new Float64Array([n]).buffer);
    for (const b of bytes) out.push(b);
  };
  const text = (s: string): void => {
    number(s.length);
    for (let i = 0; i < s.length; i++) out.push(s.charCodeAt(i) & 0xff, s.charCodeAt(i) >> 8);
  };
  const walk = (v: DeviceValue): void => {
    if (v === null) out.push(0);
    else if (typeof v === 'number') {
      out.push(1);
      number(v);
    } else if (typeof v === 'boolean') out.push(v ? 3 : 2);
    else if (typeof v === 'string') {
      out.push(4);
      text(v);
    } else if (v instanceof Uint8Array) {
      out.push(5);
      number(v.length);
      for (const b of v) out.push(b);
    } else if (Array.isArray(v)) {
      out.push(6);
      number(v.length);
      for (const item of v) walk(item);
    } else {
      out.push(7);
      const keys = Object.keys(v).sort();
      number(keys.length);
      for (const key of keys) {
        text(key);
        walk(v[key]);
      }
    }
  };
  walk(value);
  return Uint8Array.from(out);
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

export class StateHasher {
  private readonly cpu: Cpu;
  /** Two words a RAM page. */
  private readonly pageDigests: Int32Array;
  private readonly out = new Int32Array(2);

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.pageDigests = new Int32Array(cpu.memory.ramPages * 2);
  }

  private hexOf(bytes: Uint8Array): string {
    hashBytes(bytes, 0, bytes.length, this.out, 0);
    return hashToHex(this.out[0], this.out[1]);
  }

  /** Digest of everything; `devices` null when no device exists (`--devices log`): then only CPU and RAM are given. */
  compute(devices: readonly (readonly [string, DeviceState])[] | null): StateHash {
    const { cpu, pageDigests, out } = this;
    const numbers = cpu.memory.takeDirty(DIRTY_HASH);
    const digests = new Uint32Array(numbers.length);
    numbers.forEach((page, i) => {
      const word = (RAM_BASE + page * PAGE_BYTES) >> 2;
      hashWords(cpu.memory.m32, word, word + 1024, pageDigests, page * 2);
      digests[i] = pageDigests[page * 2] >>> 0;
    });
    hashWords(pageDigests, 0, pageDigests.length, out, 0);
    const ram = hashToHex(out[0], out[1]);
    const cpuHex = this.hexOf(cpuBytes(cpu));
    const deviceHexes = devices?.map(([name, state]) => [name, this.hexOf(encodeState(state))] as const);
    const root = this.hexOf(encodeState([cpuHex, ram, ...(deviceHexes ?? []).map(([, hex]) => hex)]));
    return {
      root,
      cpu: cpuHex,
      ram,
      ...(deviceHexes === undefined ? {} : { devices: deviceHexes }),
      registers: NAMED_REGISTERS.map(([name, at]) => [name, cpu.m32[at] >>> 0] as const),
      pages: { numbers: Uint32Array.from(numbers), digests },
    };
  }
}
