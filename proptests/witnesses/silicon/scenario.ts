/**
 * A small notation for hand-written cases: a standard layout of pages and the parts that differ from it.
 * Used by the self tests of the witness and by named tests of things other emulators get wrong; generated cases have
 * layouts of their own (generator.ts).
 */
import { ESP } from '../../../src/core/state/layout.ts';
import { REGISTERS_32 } from '../../../src/core/base/names.ts';
import { FLAT_CODE, FLAT_DATA, initialFx, type LdtDescriptor, type MachineCase, type Selectors } from './case.ts';

/**
 * One code page, two data pages with nothing mapped around them, a read-only page directly after nothing, a stack page.
 */
export const CODE = 0x10000000;
export const DATA = 0x20000000;
export const DATA_END = 0x20002000;
export const READ_ONLY = 0x28000000;
export const STACK = 0x30000000;
export const STACK_TOP = 0x30000800;
export const DATA_FILL = 0x1234;

export interface Scenario {
  /** Hexadecimal bytes, blanks ignored; a HLT is put behind them. */
  code: string;
  /** Linear address of the code; EIP is this minus `codeBase`. */
  at?: number;
  codeBase?: number;
  eflags?: number;
  registers?: Partial<Record<(typeof REGISTERS_32)[number], number>>;
  selectors?: Partial<Selectors>;
  descriptors?: Partial<LdtDescriptor>[];
  memory?: Record<number, string>;
  fx?: (view: DataView) => void;
  steps?: number;
}

export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, '');
  if (digits.length % 2 || /[^0-9a-fA-F]/.test(digits)) throw new SyntaxError(`not hexadecimal bytes: ${hex}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function scenario(s: Scenario): MachineCase {
  const code = bytesOf(s.code);
  const at = s.at ?? CODE;
  const eip = (at - (s.codeBase ?? 0)) >>> 0;
  const registers = REGISTERS_32.map((name) => (s.registers?.[name] ?? 0) >>> 0);
  if (s.registers?.esp === undefined) registers[ESP] = STACK_TOP;
  const fx = initialFx();
  s.fx?.(new DataView(fx.buffer));
  const patches = [{ address: at, bytes: code }];
  for (const [address, hex] of Object.entries(s.memory ?? {}))
    patches.push({ address: Number(address), bytes: bytesOf(hex) });
  return {
    registers,
    eip,
    eflags: s.eflags ?? 0x202,
    selectors: { es: FLAT_DATA, cs: FLAT_CODE, ss: FLAT_DATA, ds: FLAT_DATA, fs: 0, gs: 0, ...s.selectors },
    descriptors: (s.descriptors ?? []).map((d, index) => ({
      index,
      base: 0,
      limit: 0xfffff,
      kind: 'data',
      open: true,
      big: true,
      granular: false,
      present: true,
      ...d,
    })),
    regions: [
      { address: CODE, pageCount: 1, writable: true, executable: true, fill: 0xf4 },
      { address: DATA, pageCount: 2, writable: true, executable: true, fill: DATA_FILL },
      { address: READ_ONLY, pageCount: 1, writable: false, executable: true, fill: DATA_FILL },
      { address: STACK, pageCount: 1, writable: true, executable: true, fill: 0 },
    ],
    patches,
    fx,
    steps: s.steps ?? 0,
    end: (eip + code.length) >>> 0,
  };
}
