// The registers as gdb knows them for i386: the numbers of a target description made of the standard features
// org.gnu.gdb.i386.core and .sse, and one of our own for segment bases and control registers. Values are little-endian
// bytes. Read only: a recording does not change.

import { FLAG_NAMES } from '../../core/state/flag-names.ts';
import { REGISTERS_32 } from '../../core/base/names.ts';
import { fullTagWord, physical } from '../../core/cpu/float/x87/registers.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { getFlags } from '../../core/state/flags.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DS,
  EFER,
  EIP,
  ES,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FS,
  GS,
  MXCSR,
  SEG_BASE,
  SEG_SELECTOR,
  SS,
  TICK_F64,
  XMM,
} from '../../core/state/layout.ts';

interface Register {
  readonly name: string;
  readonly bits: 32 | 64 | 80 | 128;
  readonly type: string;
  readonly group?: string;
  readonly read: (cpu: Cpu, view: DataView) => void;
}

const word = (name: string, type: string, value: (cpu: Cpu) => number, group?: string): Register => ({
  name,
  bits: 32,
  type,
  ...(group === undefined ? {} : { group }),
  read: (cpu, view) => view.setInt32(0, value(cpu), true),
});

const at = (name: string, index: number, type = 'int32'): Register => word(name, type, (cpu) => cpu.m32[index]);

/** In gdb's order. */
const SEGMENTS = [
  ['cs', CS],
  ['ss', SS],
  ['ds', DS],
  ['es', ES],
  ['fs', FS],
  ['gs', GS],
] as const;

const CORE: readonly Register[] = [
  ...REGISTERS_32.map((name, i) => at(name, i, name === 'esp' || name === 'ebp' ? 'data_ptr' : 'int32')),
  at('eip', EIP, 'code_ptr'),
  word('eflags', 'i386_eflags', (cpu) => getFlags(cpu)),
  ...SEGMENTS.map(([name, segment]) => at(name, SEG_SELECTOR + segment)),
  ...Array.from(
    { length: 8 },
    (_, i): Register => ({
      name: `st${i}`,
      bits: 80,
      type: 'i387_ext',
      read: (cpu, view) => {
        const register = physical(cpu, i);
        view.setInt32(0, cpu.m32[FP_SIGNIFICAND + register * 2], true);
        view.setInt32(4, cpu.m32[FP_SIGNIFICAND + register * 2 + 1], true);
        view.setUint16(8, cpu.m16[FP_SIGN_EXPONENT_16 + register], true);
      },
    }),
  ),
  word('fctrl', 'int', (cpu) => cpu.m32[FP_CONTROL], 'float'),
  word('fstat', 'int', (cpu) => cpu.m32[FP_STATUS], 'float'),
  word('ftag', 'int', (cpu) => fullTagWord(cpu), 'float'),
  word('fiseg', 'int', (cpu) => cpu.m32[FP_CS], 'float'),
  word('fioff', 'int', (cpu) => cpu.m32[FP_IP], 'float'),
  word('foseg', 'int', (cpu) => cpu.m32[FP_DS], 'float'),
  word('fooff', 'int', (cpu) => cpu.m32[FP_DP], 'float'),
  word('fop', 'int', (cpu) => cpu.m32[FP_OPCODE], 'float'),
];

const SSE: readonly Register[] = [
  ...Array.from(
    { length: 8 },
    (_, i): Register => ({
      name: `xmm${i}`,
      bits: 128,
      type: 'vec128',
      read: (cpu, view) => {
        for (let k = 0; k < 4; k++) view.setInt32(k * 4, cpu.m32[XMM + i * 4 + k], true);
      },
    }),
  ),
  word('mxcsr', 'i386_mxcsr', (cpu) => cpu.m32[MXCSR], 'vector'),
];

const SYSTEM: readonly Register[] = [
  ...SEGMENTS.map(([name, segment]) => word(`${name}_base`, 'int32', (cpu) => cpu.m32[SEG_BASE + segment], 'system')),
  ...(
    [
      ['cr0', CR0],
      ['cr2', CR2],
      ['cr3', CR3],
      ['cr4', CR4],
      ['efer', EFER],
    ] as const
  ).map(([name, index]) => word(name, 'int32', (cpu) => cpu.m32[index], 'system')),
  // Where the recording stands, so that gdb's conditions and scripts can look at it.
  {
    name: 'tick',
    bits: 64,
    type: 'uint64',
    group: 'system',
    read: (cpu, view) => view.setBigUint64(0, BigInt(cpu.f64[TICK_F64]), true),
  },
];

export const REGISTERS: readonly Register[] = [...CORE, ...SSE, ...SYSTEM];

export function readRegister(cpu: Cpu, { bits, read }: Register): Uint8Array {
  const bytes = new Uint8Array(bits / 8);
  read(cpu, new DataView(bytes.buffer));
  return bytes;
}

/** Bit 1, which is always set, has no name; gdb shows it all the same. */
const EFLAGS_FIELDS = [
  ...Object.entries(FLAG_NAMES).map(([name, bit]) => [name.toUpperCase(), 31 - Math.clz32(bit)] as const),
  ['', 1] as const,
].sort(([, a], [, b]) => a - b);
const MXCSR_FIELDS = [
  ['IE', 0],
  ['DE', 1],
  ['ZE', 2],
  ['OE', 3],
  ['UE', 4],
  ['PE', 5],
  ['DAZ', 6],
  ['IM', 7],
  ['DM', 8],
  ['ZM', 9],
  ['OM', 10],
  ['UM', 11],
  ['PM', 12],
  ['FZ', 15],
] as const;

function flags(id: string, fields: readonly (readonly [name: string, bit: number])[]): string {
  const lines = fields.map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`);
  return `<flags id="${id}" size="4">${lines.join('')}</flags>`;
}

function feature(name: string, types: string, registers: readonly Register[], first: number): string {
  const lines = registers.map(({ name: register, bits, type, group }, i) => {
    const attribute = group === undefined ? '' : ` group="${group}"`;
    return `<reg name="${register}" bitsize="${bits}" type="${type}"${attribute} regnum="${first + i}"/>`;
  });
  return `<feature name="${name}">${types}${lines.join('')}</feature>`;
}

const VECTORS =
  '<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>' +
  '<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>' +
  '<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>' +
  '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>' +
  '<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>' +
  '<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>';

export const TARGET_XML = [
  '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386</architecture>',
  feature('org.gnu.gdb.i386.core', flags('i386_eflags', EFLAGS_FIELDS), CORE, 0),
  feature('org.gnu.gdb.i386.sse', VECTORS + flags('i386_mxcsr', MXCSR_FIELDS), SSE, CORE.length),
  feature('org.reprise.system', '', SYSTEM, CORE.length + SSE.length),
  '</target>',
].join('');
