/**
 * A processor in a megabyte of flat RAM with a GDT, an IDT and TSSs, for tests that are one fact long: put bytes at
 * EIP, step, look at the fault or the frame. Selectors and places below are what the tests name. No machine, no
 * devices; the loop's part (delivering a fault) is the call of `deliver`.
 */
import assert from 'node:assert/strict';
import { deliverFault } from '../../src/core/cpu/system/exceptions.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { loadSegment, setFlatSegment, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import { loadTaskRegister } from '../../src/core/cpu/system/selectors.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { Cpu, EXIT_FAULT, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { getFlags, setFlags } from '../../src/core/state/flags.ts';
import {
  CR0,
  CS,
  EFLAGS,
  EIP,
  ESP,
  GDTR_BASE,
  GDTR_LIMIT,
  IDTR_BASE,
  IDTR_LIMIT,
  SEG_BASE,
  SEG_SELECTOR,
  SS,
} from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';

// Places in RAM.
export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
export const TSS_B = 0x3400;
export const TSS16 = 0x3800;
export const LDT = 0x3c00;
export const STACK0 = 0x8000;
export const STACK3 = 0xa000;
export const STACK_B = 0xc000;
export const CODE = 0x10000;
export const HANDLERS = 0x18000;
export const TABLES = 0x40000;

// Selectors.
export const CODE0 = 0x08;
export const DATA0 = 0x10;
export const CODE3 = 0x1b;
export const DATA3 = 0x23;
export const TSS_SELECTOR = 0x28;
export const CODE0_16 = 0x30;
export const DATA0_16 = 0x38;
export const CONFORMING0 = 0x40;
export const EXPAND_DOWN = 0x48;
export const ABSENT_DATA = 0x50;
export const LDT_SELECTOR = 0x58;
export const TSS_B_SELECTOR = 0x60;
export const TSS16_SELECTOR = 0x68;
export const EXECUTE_ONLY = 0x70;
export const READ_ONLY = 0x78;
export const ABSENT_CODE = 0x80;
export const DATA3_16 = 0x8b;
/** First of 8 free slots for gates. */
export const FREE = 0x90;
const SLOTS = 0x1a;

export interface Bench {
  readonly cpu: Cpu;
  readonly engine: Interpreter;
}

const RAM_SIZE = 1 << 20;

export const hex = (value: number): string => (value >>> 0).toString(16);

export function read32(cpu: Cpu, address: number): number {
  return cpu.space.read32(address);
}

export function write32(cpu: Cpu, address: number, value: number): void {
  cpu.space.write32(address, value);
}

export function write16(cpu: Cpu, address: number, value: number): void {
  cpu.space.write16(address, value);
}

/** access: descriptor bits 40–47 (P, DPL, S, type); flags: G D/B 0 AVL, a hex digit. */
export function setDescriptor(cpu: Cpu, at: number, base: number, limit: number, access: number, flags: number): void {
  write32(cpu, at, (limit & 0xffff) | (base << 16));
  const high = ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000);
  write32(cpu, at + 4, high);
}

/** access: P, DPL and the gate type. */
export function setGate(cpu: Cpu, at: number, selector: number, offset: number, access: number, parameters = 0): void {
  write32(cpu, at, (selector << 16) | (offset & 0xffff));
  write32(cpu, at + 4, (offset & 0xffff0000) | (access << 8) | parameters);
}

/** The handler of `vector` lies here. */
export const handlerOf = (vector: number): number => HANDLERS + vector * 16;

function fillTables(cpu: Cpu): void {
  const d = (selector: number, base: number, limit: number, access: number, flags: number): void =>
    setDescriptor(cpu, GDT + (selector & 0xfff8), base, limit, access, flags);
  d(CODE0, 0, 0xfffff, 0x9a, 0xc);
  d(DATA0, 0, 0xfffff, 0x92, 0xc);
  d(CODE3, 0, 0xfffff, 0xfa, 0xc);
  d(DATA3, 0, 0xfffff, 0xf2, 0xc);
  d(TSS_SELECTOR, TSS, 0x67, 0x89, 0);
  d(CODE0_16, 0x10000, 0xffff, 0x9a, 0);
  d(DATA0_16, 0, 0xffff, 0x92, 0);
  d(CONFORMING0, 0, 0xfffff, 0x9e, 0xc);
  d(EXPAND_DOWN, 0, 0x00fff, 0x96, 0x4);
  d(ABSENT_DATA, 0, 0xfffff, 0x12, 0xc);
  d(LDT_SELECTOR, LDT, 0x3f, 0x82, 0);
  d(TSS_B_SELECTOR, TSS_B, 0x67, 0x89, 0);
  d(TSS16_SELECTOR, TSS16, 0x2b, 0x81, 0);
  d(EXECUTE_ONLY, 0, 0xfffff, 0x98, 0xc);
  d(READ_ONLY, 0, 0xfffff, 0x90, 0xc);
  d(ABSENT_CODE, 0, 0xfffff, 0x1a, 0xc);
  d(DATA3_16, 0, 0xffff, 0xf2, 0);
  setDescriptor(cpu, LDT + 8, 0x5000, 0xff, 0x92, 4);
  for (let vector = 0; vector < 0x40; vector++) setGate(cpu, IDT + vector * 8, CODE0, handlerOf(vector), 0x8e);
  write32(cpu, TSS + 4, STACK0);
  write32(cpu, TSS + 8, DATA0);
  write16(cpu, TSS + 0x66, 0x68);
}

/** Real mode with CS:EIP = 1000:0000, SS:SP = 0000:7000. */
export function realBench(): Bench {
  const cpu = new Cpu(new AddressSpace(new Memory(RAM_SIZE)));
  cpu.ports = { read: () => 0, write: () => {} };
  resetCpu(cpu);
  for (const seg of [0, 2, 3, 4, 5]) loadSegment(cpu, seg, 0);
  cpu.m32[SEG_SELECTOR + CS] = 0x1000;
  cpu.m32[SEG_BASE + CS] = CODE;
  cpu.m32[EIP] = 0;
  cpu.m32[ESP] = 0x7000;
  cpu.m32[IDTR_LIMIT] = 0x3ff;
  updateMode(cpu);
  cpu.exitRequest = 0;
  return { cpu, engine: new Interpreter(cpu) };
}

/** Flat 32-bit protected mode at `level` (0 or 3), TR loaded, EIP = CODE, ESP = STACK0 − 256 or STACK3. */
export function protectedBench(level: 0 | 3 = 0): Bench {
  const bench = realBench();
  const { cpu } = bench;
  fillTables(cpu);
  cpu.m32[GDTR_BASE] = GDT;
  cpu.m32[GDTR_LIMIT] = SLOTS * 8 - 1;
  cpu.m32[IDTR_BASE] = IDT;
  cpu.m32[IDTR_LIMIT] = 0x1ff;
  cpu.m32[CR0] = 0x11;
  setFlatSegment(cpu, CS, CODE0, 0xc09b);
  updateMode(cpu);
  for (const seg of [0, 2, 3, 4, 5]) loadSegment(cpu, seg, DATA0);
  loadTaskRegister(cpu, TSS_SELECTOR);
  cpu.m32[ESP] = STACK0 - 0x100;
  if (level === 3) {
    setFlatSegment(cpu, CS, CODE3, 0xc0fb);
    setFlatSegment(cpu, SS, DATA3, 0xc0f3);
    for (const seg of [0, 3, 4, 5]) loadSegment(cpu, seg, DATA3);
    cpu.m32[ESP] = STACK3;
  }
  cpu.m32[EIP] = CODE;
  updateMode(cpu);
  cpu.exitRequest = 0;
  return bench;
}

/** Run the one instruction `bytes` at CS:EIP; true when it faulted (the fault fields say how). */
export function step({ cpu, engine }: Bench, bytes: readonly number[]): boolean {
  cpu.space.writeBytes((cpu.m32[SEG_BASE + CS] + cpu.m32[EIP]) >>> 0, Uint8Array.from(bytes));
  cpu.deadlineTick = cpu.tick + 1;
  cpu.left = 1;
  cpu.exitRequest = 0;
  cpu.faultVector = -1;
  engine.run(cpu);
  return (cpu.exitRequest & EXIT_FAULT) !== 0;
}

/** As the loop does after a fault. */
export function deliver({ cpu }: Bench): void {
  deliverFault(cpu);
}

/** The instruction must retire. */
export function runs(bench: Bench, bytes: readonly number[]): void {
  if (step(bench, bytes)) assert.fail(`#${bench.cpu.faultVector}(${hex(bench.cpu.faultError)}) instead of retiring`);
}

/** The instruction must raise `vector` (with `errorCode` if given) and leave registers and flags as they were. */
export function faults(bench: Bench, bytes: readonly number[], vector: number, errorCode?: number): void {
  const { cpu } = bench;
  const before = visible(cpu);
  assert.ok(step(bench, bytes), `retired instead of #${vector}`);
  assertFault(cpu, vector, errorCode);
  assert.deepEqual(visible(cpu), before, 'a fault changes nothing');
}

export function assertFault(cpu: Cpu, vector: number, errorCode?: number): void {
  assert.equal(cpu.faultVector, vector, `vector (error code ${hex(cpu.faultError)})`);
  assert.equal(cpu.faultHasError, errorCode !== undefined, 'has an error code');
  if (errorCode !== undefined) assert.equal(hex(cpu.faultError), hex(errorCode), 'error code');
}

/** What `action` raises when called directly. */
export function raises(cpu: Cpu, action: () => unknown, vector: number, errorCode?: number): void {
  cpu.faultVector = -1;
  assert.throws(action, (thrown) => thrown === GUEST_FAULT);
  cpu.exitRequest &= ~EXIT_FAULT;
  assertFault(cpu, vector, errorCode);
}

/** General registers, EIP, EFLAGS, selectors. */
function visible(cpu: Cpu): number[] {
  return [...cpu.m32.subarray(0, 8), cpu.m32[EIP], getFlags(cpu), ...cpu.m32.subarray(SEG_SELECTOR, SEG_SELECTOR + 8)];
}

/** Doublewords from ESP upwards, linear = offset (flat or zero-based stacks). */
export function frame(cpu: Cpu, count: number): string[] {
  return Array.from({ length: count }, (_, k) => hex(read32(cpu, (cpu.m32[ESP] + k * 4) >>> 0)));
}

export function setEflags(cpu: Cpu, value: number): void {
  setFlags(cpu, value | 2);
  updateMode(cpu);
}

export const flagsOf = (cpu: Cpu): number => getFlags(cpu);
export const segmentsOf = (cpu: Cpu): number[] => [...cpu.m32.subarray(SEG_SELECTOR, SEG_SELECTOR + 6)];
export const clearFlags = (cpu: Cpu, bits: number): void => {
  cpu.m32[EFLAGS] &= ~bits;
};
