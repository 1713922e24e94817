// String instructions, SDM 2: MOVS CMPS SCAS LODS STOS. Source is segment:eSI (override allowed), destination
// ES:eDI. Each has one plain iteration, which makes all checks, and a bulk form for spans of plain RAM that
// must have the same effect as that many iterations in order.

import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_REP, R_META, SIZE_16, SIZE_32, SIZE_8 } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { CC_SUB, setLazy } from '../../../src/core/state/flags.ts';
import { DF, EAX, EDI, EFLAGS, ES, ESI } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { extend, linearOf, loadSized, readRegister, segmentOf, sizeA, storeSized, writeRegister } from '../operands.ts';
import {
  advance,
  elementCount,
  elementHost,
  indexOffset,
  REPEAT_COMPARE,
  REPEAT_COUNT,
  repeat,
} from './string-repeat.ts';

/** Linear address of the source element; raises what the segment demands. */
export function sourceAddress(cpu: Cpu, code: Int32Array, pc: number): number {
  return linearOf(cpu, segmentOf(code, pc), indexOffset(cpu, code, pc, ESI), 1 << sizeA(code, pc), false);
}

/** Linear address of the destination element. */
export function destinationAddress(cpu: Cpu, code: Int32Array, pc: number, write: boolean): number {
  return linearOf(cpu, ES, indexOffset(cpu, code, pc, EDI), 1 << sizeA(code, pc), write);
}

/** Zero-extended element at a host address (any alignment). */
function elementAt(cpu: Cpu, host: number, size: number): number {
  if (size === SIZE_8) return cpu.m8[host];
  return size === SIZE_16 ? cpu.view.getUint16(host, true) : cpu.view.getInt32(host, true);
}

// ---- MOVS

function moveOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const value = loadSized(cpu, sourceAddress(cpu, code, pc), size);
  storeSized(cpu, destinationAddress(cpu, code, pc, true), size, value);
  advance(cpu, code, pc, ESI, 1);
  advance(cpu, code, pc, EDI, 1);
}

/** Where the destination would overtake the source, only the elements before that point are moved at once. */
function moveMany(cpu: Cpu, code: Int32Array, pc: number, limit: number): number {
  const size = sizeA(code, pc);
  const segment = segmentOf(code, pc);
  const from = indexOffset(cpu, code, pc, ESI);
  const to = indexOffset(cpu, code, pc, EDI);
  const source = elementHost(cpu, segment, from, size, false);
  if (source < 0) return 0;
  const target = elementHost(cpu, ES, to, size, true);
  if (target < 0) return 0;
  const down = (cpu.m32[EFLAGS] & DF) !== 0;
  const lead = down ? source - target : target - source;
  let n = Math.min(
    limit,
    elementCount(cpu, code, pc, segment, from, source),
    elementCount(cpu, code, pc, ES, to, target),
  );
  if (lead > 0 && lead < n << size) n = lead >> size;
  if (n === 0) return 0;
  const back = down ? (n - 1) << size : 0;
  cpu.m8.copyWithin(target - back, source - back, source - back + (n << size));
  advance(cpu, code, pc, ESI, n);
  advance(cpu, code, pc, EDI, n);
  return n;
}

function movs(cpu: Cpu, code: Int32Array, pc: number): void {
  repeat(cpu, code, pc, moveOne, moveMany, REPEAT_COUNT);
}

// ---- STOS

function storeOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  storeSized(cpu, destinationAddress(cpu, code, pc, true), size, readRegister(cpu, EAX, size));
  advance(cpu, code, pc, EDI, 1);
}

function storeMany(cpu: Cpu, code: Int32Array, pc: number, limit: number): number {
  const size = sizeA(code, pc);
  const to = indexOffset(cpu, code, pc, EDI);
  const target = elementHost(cpu, ES, to, size, true);
  if (target < 0) return 0;
  const n = Math.min(limit, elementCount(cpu, code, pc, ES, to, target));
  const lowest = (cpu.m32[EFLAGS] & DF) !== 0 ? target - ((n - 1) << size) : target;
  const value = readRegister(cpu, EAX, size);
  if (size === SIZE_8) cpu.m8.fill(value, lowest, lowest + n);
  else if (size === SIZE_32 && (lowest & 3) === 0) cpu.m32.fill(value, lowest >> 2, (lowest >> 2) + n);
  else if (size === SIZE_16 && (lowest & 1) === 0) cpu.m16.fill(value, lowest >> 1, (lowest >> 1) + n);
  else if (size === SIZE_32) for (let k = 0; k < n; k++) cpu.view.setInt32(lowest + k * 4, value, true);
  else for (let k = 0; k < n; k++) cpu.view.setUint16(lowest + k * 2, value, true);
  advance(cpu, code, pc, EDI, n);
  return n;
}

function stos(cpu: Cpu, code: Int32Array, pc: number): void {
  repeat(cpu, code, pc, storeOne, storeMany, REPEAT_COUNT);
}

// ---- LODS

function loadOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  writeRegister(cpu, EAX, size, loadSized(cpu, sourceAddress(cpu, code, pc), size));
  advance(cpu, code, pc, ESI, 1);
}

function lods(cpu: Cpu, code: Int32Array, pc: number): void {
  repeat(cpu, code, pc, loadOne, undefined, REPEAT_COUNT);
}

// ---- CMPS and SCAS

function setCompareFlags(cpu: Cpu, size: number, first: number, second: number): void {
  const b = extend(second, size);
  setLazy(cpu, CC_SUB + size, extend(first - b, size), b);
}

/** Where both elements fault, silicon reports the one in ES, except for REPE CMPSB. */
function compareOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const sourceFirst = size === SIZE_8 && (code[pc + R_META] & META_REP) !== 0;
  const early = sourceFirst ? loadSized(cpu, sourceAddress(cpu, code, pc), size) : 0;
  const second = loadSized(cpu, destinationAddress(cpu, code, pc, false), size);
  const first = sourceFirst ? early : loadSized(cpu, sourceAddress(cpu, code, pc), size);
  advance(cpu, code, pc, ESI, 1);
  advance(cpu, code, pc, EDI, 1);
  setCompareFlags(cpu, size, first, second);
}

function compareMany(cpu: Cpu, code: Int32Array, pc: number, limit: number): number {
  const size = sizeA(code, pc);
  const segment = segmentOf(code, pc);
  const from = indexOffset(cpu, code, pc, ESI);
  const to = indexOffset(cpu, code, pc, EDI);
  const source = elementHost(cpu, segment, from, size, false);
  if (source < 0) return 0;
  const target = elementHost(cpu, ES, to, size, false);
  if (target < 0) return 0;
  const step = (cpu.m32[EFLAGS] & DF) !== 0 ? -(1 << size) : 1 << size;
  const whileEqual = (code[pc + R_META] & META_REP) !== 0;
  const n = Math.min(
    limit,
    elementCount(cpu, code, pc, segment, from, source),
    elementCount(cpu, code, pc, ES, to, target),
  );
  let first = 0;
  let second = 0;
  let k = 0;
  do {
    first = elementAt(cpu, source + k * step, size);
    second = elementAt(cpu, target + k * step, size);
    k++;
  } while (k < n && (first === second) === whileEqual);
  advance(cpu, code, pc, ESI, k);
  advance(cpu, code, pc, EDI, k);
  setCompareFlags(cpu, size, first, second);
  return k;
}

function cmps(cpu: Cpu, code: Int32Array, pc: number): void {
  repeat(cpu, code, pc, compareOne, compareMany, REPEAT_COMPARE);
}

function scanOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const value = loadSized(cpu, destinationAddress(cpu, code, pc, false), size);
  advance(cpu, code, pc, EDI, 1);
  setCompareFlags(cpu, size, readRegister(cpu, EAX, size), value);
}

function scanMany(cpu: Cpu, code: Int32Array, pc: number, limit: number): number {
  const size = sizeA(code, pc);
  const to = indexOffset(cpu, code, pc, EDI);
  const target = elementHost(cpu, ES, to, size, false);
  if (target < 0) return 0;
  const step = (cpu.m32[EFLAGS] & DF) !== 0 ? -(1 << size) : 1 << size;
  const whileEqual = (code[pc + R_META] & META_REP) !== 0;
  const n = Math.min(limit, elementCount(cpu, code, pc, ES, to, target));
  const wanted = readRegister(cpu, EAX, size);
  let value = 0;
  let k = 0;
  do {
    value = elementAt(cpu, target + k * step, size);
    k++;
  } while (k < n && (value === wanted) === whileEqual);
  advance(cpu, code, pc, EDI, k);
  setCompareFlags(cpu, size, wanted, value);
  return k;
}

function scas(cpu: Cpu, code: Int32Array, pc: number): void {
  repeat(cpu, code, pc, scanOne, scanMany, REPEAT_COMPARE);
}

export const stringHandlers = {
  MOVS: movs,
  CMPS: cmps,
  SCAS: scas,
  LODS: lods,
  STOS: stos,
} satisfies Partial<Record<OpName, Handler>>;
