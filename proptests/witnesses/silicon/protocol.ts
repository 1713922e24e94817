/**
 * The bytes spoken with native/witness.c: little-endian records, a request of many cases answered by as many results.
 * Request: byteLength, caseCount, then cases; response: byteLength, resultCount, then results. Each record starts with
 * its own size. The C file holds the same layout as structs; a change here is a change there.
 */
import { SEGMENTS } from '../../../src/core/base/names.ts';
import {
  type CaseResult,
  FX_BYTES,
  joinChanges,
  type LdtDescriptor,
  type MachineCase,
  type MemoryBytes,
  type Selectors,
} from './case.ts';

export const REQUEST_BYTES_MAX = 8 << 20;
const CASE_HEADER_BYTES = 72;
export const HELLO_BYTES = 64;
export const HELLO_MAGIC = 0x31575052;
const PROT_WRITE = 2;
const PROT_EXEC = 4;

const REJECTED_REASONS: Record<number, string> = {
  3: 'the processor refused to enter the case',
  4: 'modify_ldt refused a descriptor',
  5: 'a region could not be mapped, or a patch lies outside the regions',
  6: 'the request was malformed',
};

export function caseBytes(c: MachineCase): number {
  let size = CASE_HEADER_BYTES + 16 * c.descriptors.length + 12 * c.regions.length + (c.fx ? FX_BYTES : 0);
  for (const patch of c.patches) size += 8 + ((patch.bytes.length + 3) & ~3);
  return size;
}

/** The flag word of linux/ldt.h's user_desc. */
function userDescFlags(d: LdtDescriptor): number {
  const contents = { data: 0, stack: 1, code: 2, conforming: 3 }[d.kind];
  return (d.big ? 1 : 0) | (contents << 1) | (d.open ? 0 : 8) | (d.granular ? 16 : 0) | (d.present ? 0 : 32);
}

export function encodeRequest(cases: readonly MachineCase[]): Uint8Array {
  let size = 8;
  for (const c of cases) size += caseBytes(c);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const u32 = (value: number) => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const u16 = (value: number) => {
    view.setUint16(at, value, true);
    at += 2;
  };
  u32(size - 8);
  u32(cases.length);
  for (const c of cases) {
    u32(caseBytes(c));
    u32(c.fx ? 1 : 0);
    for (let i = 0; i < 8; i++) u32(c.registers[i]);
    u32(c.eip);
    u32(c.eflags);
    for (const name of SEGMENTS) u16(c.selectors[name]);
    u32(c.steps);
    u16(c.descriptors.length);
    u16(c.regions.length);
    u16(c.patches.length);
    u16(0);
    for (const d of c.descriptors) {
      u32(d.index);
      u32(d.base);
      u32(d.limit);
      u32(userDescFlags(d));
    }
    for (const r of c.regions) {
      u32(r.address);
      u16(r.pageCount);
      u16((r.writable ? PROT_WRITE : 0) | (r.executable ? PROT_EXEC : 0));
      u32(r.fill);
    }
    for (const p of c.patches) {
      u32(p.address);
      u32(p.bytes.length);
      bytes.set(p.bytes, at);
      at += (p.bytes.length + 3) & ~3;
    }
    if (c.fx) {
      if (c.fx.length !== FX_BYTES) throw new RangeError(`fx must have ${FX_BYTES} bytes, not ${c.fx.length}`);
      bytes.set(c.fx, at);
      at += FX_BYTES;
    }
  }
  return bytes;
}

/** `response` comes without its eight leading bytes; `cases` are those of the request, in order. */
export function decodeResponse(response: Uint8Array, cases: readonly MachineCase[]): CaseResult[] {
  // A Buffer's slice() shares memory with the pipe's buffer; a Uint8Array's copies.
  const body = new Uint8Array(response.buffer, response.byteOffset, response.byteLength);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let start = 0;
  return cases.map((c) => {
    let at = start;
    const u32 = () => {
      at += 4;
      return view.getUint32(at - 4, true);
    };
    const size = u32();
    const stop = u32();
    const registers = Array.from({ length: 8 }, u32);
    const eip = u32();
    const eflags = u32();
    const selectors: Selectors = { es: 0, cs: 0, ss: 0, ds: 0, fs: 0, gs: 0 };
    for (const name of SEGMENTS) {
      selectors[name] = view.getUint16(at, true);
      at += 2;
    }
    const fault = { vector: u32(), errorCode: u32(), cr2: u32() };
    const stepCount = u32();
    const fx = body.slice(at, at + FX_BYTES);
    at += FX_BYTES;
    const changes: MemoryBytes[] = [];
    for (let count = u32(); count > 0; count--) {
      const address = u32();
      const length = u32();
      changes.push({ address, bytes: body.slice(at, at + length) });
      at += (length + 3) & ~3;
    }
    start += size;
    return judge(
      c,
      {
        stop: 'fault',
        registers,
        eip,
        eflags,
        selectors,
        fx,
        fault,
        stepCount,
        changes: joinChanges(changes),
        reason: '',
      },
      stop,
    );
  });
}

/** Places the artefacts of how a run ends: the HLT and the last single-step trap are ends, not faults of the case. */
export function judge(c: MachineCase, result: CaseResult, stop: number): CaseResult {
  const fault = result.fault;
  if (stop === 1) return { ...result, stop: 'timeout', fault: null };
  if (stop === 2) return { ...result, stop: 'syscall', fault: null };
  if (stop >= 3) return { ...result, stop: 'rejected', reason: REJECTED_REASONS[stop] ?? `stop ${stop}` };
  if (!fault) return result;
  if (fault.vector !== 14) fault.cr2 = 0;
  if (fault.vector === 13 && fault.errorCode === 0 && result.eip === c.end && result.selectors.cs === c.selectors.cs)
    return { ...result, stop: 'completed', fault: null, eflags: clearRF(result.eflags) };
  if (fault.vector === 1 && c.steps > 0 && result.stepCount === c.steps)
    return { ...result, stop: 'stepped', fault: null };
  return result;
}

/** The fault of the HLT pushes RF; the program before it did not have it. */
function clearRF(eflags: number): number {
  return (eflags & ~0x10000) >>> 0;
}
