/**
 * What stands in memory before a generated instruction reads it: biased operands by the row's kind, x87 and SSE
 * state images that can be loaded, pointers and selectors that mostly lead somewhere.
 */
import type { Random } from '../../../src/core/base/random.ts';
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import { FLAT_CODE, FLAT_DATA, ldtSelector, type MachineCase } from './case.ts';
import type { Draft } from './draft.ts';
import { biasedDword, biasedF32, biasedF64, biasedF80, biasedVector } from './random.ts';

/** Lays bytes over memory, leaving out those that lie in unmapped pages. */
export function patchMapped(c: MachineCase, address: number, bytes: Uint8Array): void {
  const mapped = (linear: number) =>
    c.regions.some((r) => linear >= r.address && linear < r.address + r.pageCount * PAGE_BYTES);
  for (let first = 0; first < bytes.length; ) {
    const linear = (address + first) >>> 0;
    const last = Math.min(bytes.length, first + PAGE_BYTES - (linear % PAGE_BYTES));
    if (mapped(linear)) c.patches.push({ address: linear, bytes: bytes.slice(first, last) });
    first = last;
  }
}

function words(byteLength: number, set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  set(new DataView(bytes.buffer));
  return bytes;
}

export function integerOperand(random: Random, byteLength: number): Uint8Array {
  return words(byteLength, (view) => {
    for (let i = 0; i < byteLength; i++)
      if (i % 4 === 0 && i + 4 <= byteLength) view.setUint32(i, biasedDword(random), true);
    for (let i = byteLength & ~3; i < byteLength; i++) view.setUint8(i, biasedDword(random));
  });
}

export function vectorOperand(random: Random, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(16);
  biasedVector(random, bytes, 0);
  return bytes.slice(0, byteLength);
}

/** Real, integer or decimal memory operand of an x87 instruction. */
export function x87Operand(random: Random, row: string, byteLength: number): Uint8Array {
  if (row === 'FBLD') return decimalOperand(random);
  if (/^FI/.test(row)) return integerOperand(random, byteLength);
  if (byteLength === 4) return words(4, (view) => view.setUint32(0, biasedF32(random), true));
  if (byteLength === 8) {
    const [low, high] = biasedF64(random);
    return words(8, (view) => {
      view.setUint32(0, low, true);
      view.setUint32(4, high, true);
    });
  }
  const bytes = new Uint8Array(Math.max(10, byteLength));
  biasedF80(random, bytes, 0);
  return bytes.slice(0, byteLength);
}

function decimalOperand(random: Random): Uint8Array {
  const bytes = new Uint8Array(10);
  const digit = () => (random.oneIn(40) ? random.below(16) : random.below(10));
  const count = random.below(10);
  for (let i = 0; i < count; i++) bytes[i] = (digit() << 4) | digit();
  if (random.oneIn(6)) bytes.fill(0x99, 0, 9);
  bytes[9] = (random.oneIn(2) ? 0x80 : 0) | (random.oneIn(4) ? random.below(128) : 0);
  return bytes;
}

/** Control, status and tag word with mostly masked exceptions. */
function controlStatusTag(random: Random): [number, number, number] {
  const control = random.oneIn(4) ? random.word() & 0xffff : 0x37f | (random.below(4) << 10);
  const status = random.oneIn(3) ? random.word() & 0xffff : random.word() & 0x7f00;
  return [control, status, random.oneIn(2) ? 0xffff : random.word() & 0xffff];
}

/** FLDENV and FRSTOR image in the protected-mode format of either operand size (SDM 1 figures 8-9 and 8-11). */
export function environmentImage(random: Random, operandBits: number, withRegisters: boolean): Uint8Array {
  const step = operandBits === 16 ? 2 : 4;
  const length = 7 * step;
  const [control, status, tag] = controlStatusTag(random);
  const bytes = words(length + (withRegisters ? 80 : 0), (view) => {
    view.setUint16(0, control, true);
    view.setUint16(step, status, true);
    view.setUint16(2 * step, tag, true);
    for (let i = 3; i < 7; i++) {
      // Selectors are zero: what the witness starts from has none, and preemption would lose them.
      if (i === 4 || i === 6) continue;
      if (step === 4) view.setUint32(i * 4, random.word(), true);
      else view.setUint16(i * 2, random.word() & 0xffff, true);
    }
    if (step === 4) view.setUint16(18, random.word() & 0x7ff, true);
  });
  if (withRegisters)
    for (let i = 0; i < 8; i++) {
      const value = new Uint8Array(16);
      biasedF80(random, value, 0);
      bytes.set(value.subarray(0, 10), length + 10 * i);
    }
  return bytes;
}

/** MXCSR: at times with reserved bits. Bit 17 exists on AMD processors alone and is never set. */
export function mxcsrImage(random: Random): Uint8Array {
  const value = random.oneIn(5) ? random.word() & ~0x20000 : random.word() & 0xffff;
  return words(4, (view) => view.setUint32(0, value, true));
}

/** FXRSTOR image; pointers without selectors. */
export function fxImage(random: Random): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  const [control, status] = controlStatusTag(random);
  view.setUint16(0, control, true);
  view.setUint16(2, status, true);
  bytes[4] = random.below(256);
  view.setUint16(6, random.word() & 0x7ff, true);
  view.setUint32(8, random.word(), true);
  view.setUint32(16, random.word(), true);
  bytes.set(mxcsrImage(random), 24);
  for (let i = 0; i < 8; i++) biasedF80(random, bytes, 32 + 16 * i);
  for (let i = 0; i < 8; i++) biasedVector(random, bytes, 160 + 16 * i);
  return bytes;
}

const LDT_NOT_PRESENT = 8;
const LDT_NOT_PRESENT_CODE = 9;
const LDT_EXECUTE_ONLY = 10;
const LDT_OTHER_CODE = 11;
const LDT_READ_ONLY = 12;
const LDT_NEVER_USED = 13;

/** Adds entries for instructions that load segment registers; returns selectors worth loading, good and bad. */
export function selectorPool(draft: Draft): number[] {
  const { random, machineCase: c } = draft;
  const entry = (
    index: number,
    kind: 'data' | 'stack' | 'code',
    open: boolean,
    present: boolean,
    base: number,
    big: boolean,
  ) => ({
    index,
    base: base >>> 0,
    limit: 0xffff,
    kind,
    open,
    big,
    granular: false,
    present,
  });
  const code = c.descriptors.find((d) => d.kind === 'code');
  const codeBase = code?.base ?? 0x10000000;
  c.descriptors.push(
    entry(LDT_NOT_PRESENT, 'data', true, false, 0x20000000, true),
    entry(LDT_NOT_PRESENT_CODE, 'code', true, false, codeBase, true),
    entry(LDT_EXECUTE_ONLY, 'code', false, true, codeBase, random.oneIn(2)),
    entry(LDT_OTHER_CODE, 'code', true, true, codeBase, random.oneIn(2)),
    entry(LDT_READ_ONLY, random.oneIn(2) ? 'data' : 'stack', false, true, 0x20000000, true),
  );
  const local = c.descriptors.map((d) => ldtSelector(d.index));
  return [
    ...local,
    ...local.map((selector) => selector - 1 - random.below(3)), // a better RPL than CPL
    FLAT_CODE,
    FLAT_DATA,
    FLAT_DATA - random.below(4),
    random.below(4),
    ldtSelector(LDT_NEVER_USED),
    0xfffb,
    0xffff,
  ];
}
