/**
 * Runs the same code on several engines, each with a processor of its own, and compares everything: registers, all
 * flag bits, segments, ticks, faults and RAM. The reference is the interpreter made to stop after every tick. Paging is
 * on: some pages are read-only or absent, FS and GS are small segments, the stack lies in data. A case may have other
 * segments (segment-worlds.ts).
 */
import { Random } from '../../src/core/base/random.ts';
import { REGISTERS_32 } from '../../src/core/base/names.ts';
import assert from 'node:assert/strict';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { setFlatSegment, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { translateFetch } from '../../src/core/memory/access.ts';
import { flushTlb } from '../../src/core/memory/tlb.ts';
import { Cpu, EXIT_FAULT } from '../../src/core/state/cpu.ts';
import { getFlags, setFlags } from '../../src/core/state/flags.ts';
import {
  CR0,
  CR0_EM,
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR3,
  CR4,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CS,
  DS,
  EIP,
  ES,
  FP_CONTROL,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  FS,
  GS,
  INTERRUPT_SHADOW,
  MODE_CPL3,
  MODE_KEY,
  MXCSR,
  PLACED,
  RAM_BASE,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  XMM,
} from '../../src/core/state/layout.ts';
import { CORNERS_F32, CORNERS_F64, CORNERS_F80 } from '../support/float-corners.ts';
import { ALIAS, CODE, DATA } from './random-code.ts';
import { enterWorld, GDT, type SegmentWorld } from './segment-worlds.ts';

export const RAM_BYTES = 0x40000;
const DIRECTORY = 0x1000;
const TABLE = 0x2000;
const TABLES_END = 0x3000;
const STACK = DATA + 0x800;
const REGISTERS = [...REGISTERS_32, 'eip', 'flags', 'fault', 'code', 'left'];
/** Words of the x87's and of SSE's state, and of segments, in the order of their fields. */
const MORE = [...PLACED.values()]
  .filter(({ group }) => group === 'fpu' || group === 'sse' || group === 'segment')
  .flatMap(({ name, group, offset, size }) => {
    const isFloat = group !== 'segment';
    const words = Array.from({ length: Math.ceil(size / 4) }, (_, k) => k);
    return words.map((k) => ({ name: `${name}+${k}`, index: (offset >> 2) + k, isFloat }));
  });
const XMM_VALUES = [0, 0x3ff00000, 0xbff80000, 0x40490fdb, 0x7f800000, 0x7ff80000, 1, 0x80000000, 0x41200000, -1];
const MXCSR_VALUES = [0x1f80, 0x1fa0, 0x1fa0, 0x1fa0, 0x9fe0, 0x7fa0, 0x1f00, 0x3fbf];
const CONTROL_VALUES = [0x37f, 0x37f, 0x27f, 0x37e, 0x0f7f, 0x340];

export interface Runner {
  readonly name: string;
  readonly cpu: Cpu;
  readonly engine: Engine;
  /** Physical address of the RAM that is the runner's own. */
  readonly physical: number;
}

/** On a memory of its own, or as one more processor on `space`, where its RAM begins at `physical`. */
export function makeRunner(
  name: string,
  makeEngine: (cpu: Cpu) => Engine,
  space = new AddressSpace(new Memory(RAM_BYTES)),
  physical = 0,
): Runner {
  const cpu = new Cpu(space);
  cpu.ports = { read: () => 0, write: () => {} };
  resetCpu(cpu);
  return { name, cpu, engine: makeEngine(cpu), physical };
}

export interface Start {
  readonly code: Uint8Array;
  /** EAX … EDI without ESP, and seeds of flags and memory. */
  readonly registers: readonly number[];
  readonly flags: number;
  readonly seed: number;
  readonly user: boolean;
  /** Instead of flat segments, and of `user`. */
  readonly world?: SegmentWorld;
  /** What else is to be there before the first instruction. */
  readonly settle?: (runner: Runner) => void;
}

function setSegment(cpu: Cpu, segment: number, base: number, limit: number, attributes: number): void {
  cpu.m32[SEG_SELECTOR + segment] = 0;
  cpu.m32[SEG_BASE + segment] = base;
  cpu.m32[SEG_LIMIT + segment] = limit;
  cpu.m32[SEG_ATTRIBUTES + segment] = attributes;
}

const images: Uint8Array[] = [];

/** Four words that are singles, doubles or an extended real at which operations change their mind. */
function floatWords(random: Random): readonly number[] {
  const kind = random.below(3);
  if (kind === 0) return [0, 1, 2, 3].map(() => random.pick(CORNERS_F32) | 0);
  if (kind === 1) return [random.pick(CORNERS_F64), random.pick(CORNERS_F64)].flat();
  return [...random.pick(CORNERS_F80), random.word()];
}

/** Content of the data pages: words with small and with large values. */
function image(seed: number): Uint8Array {
  const known = images[seed];
  if (known !== undefined) return known;
  const bytes = new Uint8Array(0x5000);
  const view = new DataView(bytes.buffer);
  const random = new Random(seed);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.word() & ((i >> 2) & 3 ? 0xff : 0x03);
  // Every other sixteen bytes hold floating point corners.
  for (let at = 0; at < bytes.length; at += 32) {
    const words = floatWords(random);
    for (let k = 0; k < 4; k++) view.setInt32(at + 4 * k, words[k], true);
  }
  images[seed] = bytes;
  return bytes;
}

/** x87 and SSE, mostly usable: registers of all kinds, masks and rounding as the case says. */
function prepareFloats(cpu: Cpu, { seed, flags }: Start): void {
  const { m32 } = cpu;
  const random = new Random(seed);
  const next = (): number => random.below(0x8000);
  for (const { index, isFloat } of MORE) if (isFloat) m32[index] = 0;
  for (let k = 0; k < 32; k++) m32[XMM + k] = next() % 3 === 0 ? next() * 0x10001 : XMM_VALUES[next() % 10];
  // Half of the registers are of one format throughout, so that conversions meet fractions, ties and ends.
  for (let k = 0; k < 32; k += 4) if (next() % 2 === 0) m32.set(floatWords(random), XMM + k);
  m32[MXCSR] = MXCSR_VALUES[seed & 7];
  m32[FP_CONTROL] = CONTROL_VALUES[seed % 6];
  m32[FP_STATUS] = (next() & 7) << 11;
  m32[FP_TAG] = next() % 3 === 0 ? next() & 0xff : 0;
  for (let k = 0; k < 8; k++) {
    const isNormal = next() % 4 !== 0;
    m32[FP_SIGNIFICAND + 2 * k] = next() % 2 === 0 ? 0 : next() * 0x1800;
    m32[FP_SIGNIFICAND + 2 * k + 1] = isNormal ? 0x80000000 | (next() << 12) | 0 : 0;
    cpu.m16[FP_SIGN_EXPONENT_16 + k] = isNormal ? 0x3ff0 + (next() % 40) : 0;
    if (next() % 2 === 0) continue;
    const [low, high, top] = random.pick(CORNERS_F80);
    m32[FP_SIGNIFICAND + 2 * k] = low;
    m32[FP_SIGNIFICAND + 2 * k + 1] = high;
    cpu.m16[FP_SIGN_EXPONENT_16 + k] = top;
  }
  m32[CR4] = (flags & 0xf0) === 0x20 ? 0 : CR4_OSFXSR | CR4_OSXMMEXCPT;
  m32[CR0] |= CR0_NE;
  if ((flags & 0xf0) === 0x30) m32[CR0] |= (flags & 1) === 0 ? CR0_TS : CR0_EM;
}

/** Code and data as the case says; the engine keeps what it knows about bytes that do not change. */
export function prepare(runner: Runner, start: Start): void {
  const { cpu, physical } = runner;
  const { m32, memory, space } = cpu;
  m32[CR0] = CR0_PE;
  const dpl = start.user ? 0x60 : 0;
  setFlatSegment(cpu, CS, start.user ? 0x1b : 8, 0xc09b | dpl);
  for (const segment of [ES, SS, DS]) setFlatSegment(cpu, segment, start.user ? 0x23 : 0x10, 0xc093 | dpl);
  setSegment(cpu, FS, DATA, 0x7f, 0x4093 | dpl);
  setSegment(cpu, GS, DATA + 0x20, start.seed & 1 ? -1 : 0xfff, start.seed & 2 ? 0x4091 | dpl : 0x4093 | dpl);
  const all = new Uint8Array(RAM_BYTES);
  all.set(start.code, CODE);
  all.set(start.world?.table ?? [], GDT);
  all.set(image(start.seed & 15), DATA);
  const view = new DataView(all.buffer);
  view.setUint32(DIRECTORY, (physical + TABLE) | 7, true);
  view.setUint32(DIRECTORY + (ALIAS >>> 22) * 4, (physical + TABLE) | 7, true);
  for (let page = 0; page < RAM_BYTES >>> 12; page++) {
    const at = page << 12;
    const rights = at === DATA + 0x1000 ? 5 : at === DATA + 0x4000 ? 0 : 7;
    view.setUint32(TABLE + page * 4, (physical + at) | rights, true);
  }
  for (let at = 0; at < RAM_BYTES; at += 0x1000) {
    const wanted = all.subarray(at, at + 0x1000);
    const old = memory.m8.subarray(RAM_BASE + physical + at, RAM_BASE + physical + at + 0x1000);
    if (Buffer.compare(wanted, old) !== 0) space.writeBytes(physical + at, wanted);
  }
  m32[CR3] = physical + DIRECTORY;
  m32[CR0] = CR0_PE | CR0_PG | CR0_WP;
  start.registers.forEach((value, index) => {
    m32[index] = value;
  });
  m32[4] = STACK;
  setFlags(cpu, (start.flags & 0xcd5) | 2);
  prepareFloats(cpu, start);
  m32[EIP] = CODE;
  m32[INTERRUPT_SHADOW] = 0;
  if (start.world !== undefined) {
    enterWorld(cpu, start.world);
    m32[EIP] = start.world.eip;
    m32[4] = start.world.esp;
  }
  flushTlb(cpu);
  updateMode(cpu);
  // Otherwise the first block of each run would be stepped, and compiled code reached by loops alone.
  translateFetch(cpu, CODE, (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0);
  start.settle?.(runner);
  cpu.exitRequest = 0;
}

/** At most `budget` ticks; returns the ticks done. */
export function slice(runner: Runner, tick: number, budget: number): number {
  const { cpu } = runner;
  cpu.deadlineTick = tick + budget;
  cpu.left = budget;
  cpu.exitRequest = 0;
  runner.engine.run(cpu);
  return budget - cpu.left;
}

export function isFaulted(runner: Runner): boolean {
  return (runner.cpu.exitRequest & EXIT_FAULT) !== 0;
}

export function stateOf(runner: Runner): number[] {
  const { cpu } = runner;
  const fault = isFaulted(runner);
  return [
    ...cpu.m32.subarray(0, 8),
    cpu.m32[EIP],
    getFlags(cpu),
    fault ? cpu.faultVector : -1,
    fault ? cpu.faultError : 0,
    cpu.extraTicks,
    ...MORE.map(({ index }) => cpu.m32[index]),
  ];
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

export function report(names: [string, string], a: readonly number[], b: readonly number[]): string {
  return [...REGISTERS, ...MORE.map(({ name }) => name)]
    .map(
      (name, i) => `${a[i] === b[i] ? ' ' : '*'} ${name.padEnd(6)} ${names[0]} ${hex(a[i])}  ${names[1]} ${hex(b[i])}`,
    )
    .join('\n');
}

export function compareMemory(reference: Runner, runner: Runner, context: string): void {
  // Page tables name other pages where the RAM lies elsewhere.
  const from = reference.physical === runner.physical ? 0 : TABLES_END;
  const ramOf = ({ cpu, physical }: Runner): Uint8Array =>
    cpu.memory.m8.subarray(RAM_BASE + physical + from, RAM_BASE + physical + RAM_BYTES);
  const a = ramOf(reference);
  const b = ramOf(runner);
  if (Buffer.compare(a, b) === 0) return;
  const at = a.findIndex((byte, index) => byte !== b[index]);
  assert.fail(`${context}: RAM at ${hex(from + at)} is ${b[at]}, not ${a[at]} (${runner.name})`);
}

/** `lengths`: budgets of the slices, used in turn. Gives the ticks that were compared, on the reference. */
export function compare(
  reference: Runner,
  runners: readonly Runner[],
  start: Start,
  ticks: number,
  lengths: readonly number[],
): number {
  const text = Buffer.from(start.code).toString('hex');
  prepare(reference, start);
  const trace: number[][] = [];
  let end = 0;
  for (; end < ticks; end++) {
    const done = slice(reference, end, 1);
    trace.push(stateOf(reference));
    if (done === 0) break;
  }
  for (const runner of runners) {
    prepare(runner, start);
    let tick = 0;
    for (let turn = 0; tick < end || end < ticks; turn++) {
      // Where the reference faulted the engine gets one tick more than it can use.
      const most = end < ticks ? end - tick + 1 : end - tick;
      const budget = Math.min(lengths[turn % lengths.length], most);
      const from = tick;
      tick += slice(runner, tick, budget);
      const faulted = isFaulted(runner);
      const expected = trace[faulted ? tick : tick - 1];
      const where = `${runner.name}, ticks ${from} to ${tick} of ${text}`;
      if (tick === from && !faulted) assert.fail(`${where}: no progress`);
      if (expected === undefined) assert.fail(`${where}: went on after a fault`);
      const state = stateOf(runner);
      if (state.some((value, i) => value !== expected[i])) {
        assert.fail(`${where}\n${report(['interp', runner.name], expected, state)}`);
      }
      if (faulted) break;
    }
    compareMemory(reference, runner, text);
  }
  return end;
}
