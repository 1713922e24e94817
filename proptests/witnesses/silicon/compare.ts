/**
 * Compares what silicon answered with what an engine left, within a case's tolerance, and shows a mismatch as text.
 * Knows which bits the witness cannot see (README.md): the instruction-fetch bit of a page fault's code, and the x87
 * pointers while no unmasked exception is pending.
 */
import { REGISTERS_32, SEGMENTS } from '../../../src/core/base/names.ts';
import { type CaseResult, FX_BYTES, type MachineCase, type MemoryBytes } from './case.ts';
import { bytesOf, hexOf } from './scenario.ts';
import type { Tolerance } from './vectors.ts';

export interface Difference {
  field: string;
  silicon: string;
  ours: string;
}

const FETCH_BIT = 0x10;
const ERROR_SUMMARY = 0x80;
/** Each side may be off by 1.5 * 2^-12 (SDM 2, RCPPS and RSQRTPS). */
const APPROXIMATION_ERROR_MAX = 2 ** -10;
const FLAG_NAMES: [number, string][] = [
  [0x1, 'CF'],
  [0x4, 'PF'],
  [0x10, 'AF'],
  [0x40, 'ZF'],
  [0x80, 'SF'],
  [0x100, 'TF'],
  [0x400, 'DF'],
  [0x800, 'OF'],
  [0x4000, 'NT'],
  [0x10000, 'RF'],
  [0x40000, 'AC'],
  [0x200000, 'ID'],
];

export function showFlags(eflags: number): string {
  return `${hex(eflags)} ${FLAG_NAMES.flatMap(([bit, name]) => (eflags & bit ? [name] : [])).join(' ')}`.trim();
}

function hex(value: number, digits = 8): string {
  return (value >>> 0).toString(16).padStart(digits, '0');
}

/** The kernel's IRET clears the RPL of null selectors before the handler can read it. */
function showSelector(selector: number): string {
  return hex(selector < 4 ? 0 : selector, 4);
}

/** What ended the run, in one comparable word. */
export function showStop(r: CaseResult): string {
  if (!r.fault) return r.stop;
  const { vector, errorCode, cr2 } = r.fault;
  return (
    `fault ${vector} error ` +
    `${hex(vector === 14 ? errorCode & ~FETCH_BIT : errorCode, 4)}${vector === 14 ? ` cr2 ${hex(cr2)}` : ''}`
  );
}

function byteMap(changes: readonly MemoryBytes[]): Map<number, number> {
  const map = new Map<number, number>();
  for (const { address, bytes } of changes) for (let i = 0; i < bytes.length; i++) map.set(address + i, bytes[i]);
  return map;
}

/** The significand and biased exponent of an extended real as one ordered integer, for distances in last places. */
function f80Order(bytes: Uint8Array, offset: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const magnitude =
    (BigInt(view.getUint16(offset + 8, true) & 0x7fff) << 63n) |
    (view.getBigUint64(offset, true) & 0x7fffffffffffffffn);
  return bytes[offset + 9] & 0x80 ? -magnitude : magnitude;
}

function sameF80(a: Uint8Array, b: Uint8Array, offset: number, ulps: number): boolean {
  if (ulps === 0) return false;
  const distance = f80Order(a, offset) - f80Order(b, offset);
  return distance <= BigInt(ulps) && distance >= -BigInt(ulps);
}

/** Most results are the same without any tolerance but that for flags: found out without making text of them. */
function plainlyEqual(a: CaseResult, b: CaseResult, tolerance: Tolerance): boolean {
  if (a.stop !== b.stop || a.eip !== b.eip || (a.stop === 'stepped' && a.stepCount !== b.stepCount)) return false;
  if (((a.eflags ^ b.eflags) & ~tolerance.flags) !== 0) return false;
  for (let i = 0; i < 8; i++) if (a.registers[i] !== b.registers[i]) return false;
  for (const name of SEGMENTS) if (a.selectors[name] !== b.selectors[name]) return false;
  if (a.fault !== null || b.fault !== null) {
    if (a.fault?.vector !== b.fault?.vector || a.fault?.errorCode !== b.fault?.errorCode) return false;
    if (a.fault?.cr2 !== b.fault?.cr2) return false;
  }
  for (let i = 0; i < FX_BYTES; i++) if (a.fx[i] !== b.fx[i]) return false;
  if (a.changes.length !== b.changes.length) return false;
  return a.changes.every((m, i) => m.address === b.changes[i].address && sameBytes(m.bytes, b.changes[i].bytes));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Empty when the two agree in every bit that counts. */
export function compareResults(silicon: CaseResult, ours: CaseResult, tolerance: Tolerance): Difference[] {
  if (plainlyEqual(silicon, ours, tolerance)) return [];
  const found: Difference[] = [];
  const check = (field: string, a: string, b: string) => {
    if (a !== b) found.push({ field, silicon: a, ours: b });
  };
  const bothFault = silicon.stop === 'fault' && ours.stop === 'fault';
  if (!(tolerance.faultOrder && bothFault)) check('stop', showStop(silicon), showStop(ours));
  check('eip', hex(silicon.eip), hex(ours.eip));
  REGISTERS_32.forEach((name, i) => {
    if (!(tolerance.registers & (1 << i))) check(name, hex(silicon.registers[i]), hex(ours.registers[i]));
  });
  check('eflags', showFlags(silicon.eflags & ~tolerance.flags), showFlags(ours.eflags & ~tolerance.flags));
  for (const name of SEGMENTS) check(name, showSelector(silicon.selectors[name]), showSelector(ours.selectors[name]));
  if (silicon.stop === 'stepped') check('steps', `${silicon.stepCount}`, `${ours.stepCount}`);
  compareFx(silicon.fx, ours.fx, tolerance, check);
  compareMemory(silicon.changes, ours.changes, tolerance, check);
  return found;
}

type Check = (field: string, silicon: string, ours: string) => void;

function compareFx(a: Uint8Array, b: Uint8Array, tolerance: Tolerance, check: Check): void {
  const [left, right] = [a, b].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset));
  const word = (field: string, offset: number, mask: number) =>
    check(field, hex(left.getUint16(offset, true) & mask, 4), hex(right.getUint16(offset, true) & mask, 4));
  word('fcw', 0, 0xffff);
  word('fsw', 2, 0xffff & ~tolerance.statusWord);
  check('tags', hex(a[4], 2), hex(b[4], 2));
  if (left.getUint16(2, true) & ERROR_SUMMARY && right.getUint16(2, true) & ERROR_SUMMARY) {
    word('fop', 6, 0x7ff);
    check('fip', hex(left.getUint32(8, true)), hex(right.getUint32(8, true)));
    check('fdp', hex(left.getUint32(16, true)), hex(right.getUint32(16, true)));
  }
  check('mxcsr', hex(left.getUint32(24, true)), hex(right.getUint32(24, true)));
  for (let i = 0; i < 8; i++) {
    const offset = 32 + 16 * i;
    if (sameBytes(a.subarray(offset, offset + 10), b.subarray(offset, offset + 10))) continue;
    if (!sameF80(a, b, offset, tolerance.x87Ulps)) check(`st${i}`, showF80(a, offset), showF80(b, offset));
  }
  for (let i = 0; i < 8; i++) {
    const offset = 160 + 16 * i;
    if (sameBytes(a.subarray(offset, offset + 16), b.subarray(offset, offset + 16))) continue;
    if (tolerance.xmmApproximate && nearVector(left, right, offset)) continue;
    check(`xmm${i}`, showVector(a, offset), showVector(b, offset));
  }
}

/** All four singles within the error that approximations are allowed, with room for two different ones. */
function nearVector(a: DataView, b: DataView, offset: number): boolean {
  for (let i = 0; i < 16; i += 4) {
    const [x, y] = [a.getFloat32(offset + i, true), b.getFloat32(offset + i, true)];
    const same = a.getUint32(offset + i, true) === b.getUint32(offset + i, true);
    if (!same && !(Math.abs(x - y) <= Math.abs(x) * APPROXIMATION_ERROR_MAX)) return false;
  }
  return true;
}

/** Sign and exponent, then significand, as the manual prints it. */
function showF80(bytes: Uint8Array, offset: number): string {
  const digits = hexOf(bytes.slice(offset, offset + 10).reverse());
  return `${digits.slice(0, 4)}:${digits.slice(4)}`;
}

/** Most significant dword first. */
function showVector(bytes: Uint8Array, offset: number): string {
  return (hexOf(bytes.slice(offset, offset + 16).reverse()).match(/.{8}/g) ?? []).join(' ');
}

function compareMemory(a: readonly MemoryBytes[], b: readonly MemoryBytes[], tolerance: Tolerance, check: Check): void {
  if (sameChanges(a, b)) return;
  const left = byteMap(a);
  const right = byteMap(b);
  const ignored = (address: number) =>
    tolerance.memory.some((m) => address >= m.address && address < m.address + m.byteLength);
  const addresses = [...new Set([...left.keys(), ...right.keys()])].sort((x, y) => x - y);
  const byte = (value: number | undefined) => (value === undefined ? '--' : hex(value, 2));
  for (const address of addresses)
    if (!ignored(address)) check(`[${hex(address)}]`, byte(left.get(address)), byte(right.get(address)));
}

function sameChanges(a: readonly MemoryBytes[], b: readonly MemoryBytes[]): boolean {
  return a.length === b.length && a.every((m, i) => m.address === b[i].address && sameBytes(m.bytes, b[i].bytes));
}

/** Both sides in columns, a star where they differ. */
export function showComparison(c: MachineCase, silicon: CaseResult, ours: CaseResult, tolerance: Tolerance): string {
  const differences = compareResults(silicon, ours, tolerance);
  const starred = new Set(differences.map((d) => d.field));
  const lines = [`${'field'.padEnd(12)} ${'before'.padEnd(18)} ${'silicon'.padEnd(36)} ours`];
  const row = (field: string, before: string, a: string, b: string) =>
    lines.push(
      `${(starred.has(field) ? '* ' : '  ') + field.padEnd(10)} ${before.padEnd(18)} ${a.padEnd(36)} ${b}`.trimEnd(),
    );
  row('stop', '', showStop(silicon), showStop(ours));
  row('eip', hex(c.eip), hex(silicon.eip), hex(ours.eip));
  REGISTERS_32.forEach((name, i) => {
    row(name, hex(c.registers[i]), hex(silicon.registers[i]), hex(ours.registers[i]));
  });
  row('eflags', hex(c.eflags), showFlags(silicon.eflags), showFlags(ours.eflags));
  for (const name of SEGMENTS)
    if (starred.has(name) || c.selectors[name] !== silicon.selectors[name])
      row(name, hex(c.selectors[name], 4), hex(silicon.selectors[name], 4), hex(ours.selectors[name], 4));
  const shown = new Set(['stop', 'eip', 'eflags', ...REGISTERS_32, ...SEGMENTS]);
  for (const d of differences) if (!shown.has(d.field)) row(d.field, '', d.silicon, d.ours);
  return lines.join('\n');
}

/** A case as one line of JSON that `caseFromText` reads back: what a mismatch prints to be committed as a test. */
export function caseToText(c: MachineCase): string {
  return JSON.stringify(c, (_, value) => (value instanceof Uint8Array ? `hex:${hexOf(value)}` : value));
}

export function caseFromText(text: string): MachineCase {
  return JSON.parse(text, (_, value) =>
    typeof value === 'string' && value.startsWith('hex:') ? bytesOf(value.slice(4)) : value,
  );
}
