// Linear memory accesses of instructions: the TLB's fast path inline, everything else in the slow
// functions below: page walks, MMIO, unaligned and page-crossing accesses, alignment checks, the first
// write to a clean page, writes to code and page tables, watchpoints. SDM 3 §4.6 (access rights), §6.15.
// `load*`/`store*` throw GUEST_FAULT; `slow*` set the fault fields and return 0 instead (hot loops).

import * as slowWay from '../base/slow-way.ts';
import * as pages from '../base/pages.ts';
import { VECTOR_AC } from '../base/vectors.ts';
import * as layout from '../state/layout.ts';
import * as cpuState from '../state/cpu.ts';
import { type FetchStops, GUEST_FAULT, setFault, type Cpu } from '../state/cpu.ts';
import { walk } from '../cpu/system/paging.ts';
import { matchDataBreakpoint } from '../cpu/system/debug.ts';
import { noteGlobal } from './page-tables.ts';
import * as tlbBits from './tlb.ts';
import { fillTlb, makeRoom } from './tlb.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { AC, CPU_BLOCK_SIZE, CR0, CR0_AM, CR0_PG, EFLAGS, MODE_CPL3, MODE_KEY } = layout;
const { EXIT_FAULT } = cpuState;
const { PAGE_BYTES } = pages;
const { NOT_PLAIN } = slowWay;
const {
  TLB_GLOBAL,
  TLB_INVALID,
  TLB_NO_SUPER_FETCH,
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_FETCH,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
  TLB_SUPER_WRITABLE,
  TLB_USER_WRITABLE,
} = tlbBits;

/** translate() results that are no host address (host addresses are at least CPU_BLOCK_SIZE). */
const FAULTED = 0;
const DEVICE = 1;

const readDeny = (user: boolean): number => (user ? TLB_NO_USER_READ : TLB_NO_SUPER_READ);
const writeDeny = (user: boolean): number => (user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE);

/** Whether explicit accesses of the running code are user-mode accesses. */
function isUser(cpu: Cpu): boolean {
  return (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0;
}

/**
 * Translate one byte's page and fill the TLB. Returns the host address of `linear`, or DEVICE with
 * cpu.walkPhysical = its full physical address, or FAULTED with the fault fields set. A write through it
 * must still call memory.touch unless the TLB allows the write.
 */
function translate(cpu: Cpu, linear: number, write: boolean, user: boolean, fetch: boolean): number {
  const page = linear >>> 12;
  let deny = 0;
  let global = false;
  let isFleeting = false;
  if (fetch) cpu.fetchedPages?.add(page);
  if ((cpu.m32[CR0] & CR0_PG) !== 0) {
    const entry = cpu.tlb[page];
    if (write && entry !== TLB_INVALID && (entry & (user ? TLB_USER_WRITABLE : TLB_SUPER_WRITABLE)) !== 0) {
      return allowWrite(cpu, linear, entry);
    }
    makeRoom(cpu);
    if (!walk(cpu, linear, write, user, fetch)) return FAULTED;
    deny = cpu.walkDeny;
    global = cpu.walkGlobal;
    isFleeting = cpu.walkFleeting;
    if (global) noteGlobal(cpu);
  } else {
    makeRoom(cpu);
    cpu.walkPhysical = (linear & -4096) >>> 0;
  }
  const physicalPage = cpu.walkPhysical;
  const place = cpu.space.hostPage(physicalPage);
  cpu.walkPhysical = physicalPage + (linear & 0xfff);
  if (place < 0) return DEVICE;
  const host = place - cpu.base;
  const ramPage = (host - cpu.ramBase) >>> 12;
  if (cpu.touchedPages !== null) cpu.touchedPages[ramPage] = 1;
  let entry = (host - (linear & -4096)) | 0 | deny;
  if (global) entry |= TLB_GLOBAL;
  const rom = cpu.space.isRom(physicalPage);
  if (!rom) {
    if ((deny & TLB_NO_USER_WRITE) === 0) entry |= TLB_USER_WRITABLE;
    if ((deny & TLB_NO_SUPER_WRITE) === 0) entry |= TLB_SUPER_WRITABLE;
  }
  if (write && !rom) cpu.memory.markDirty(ramPage);
  if (!cpu.space.plainWrite(physicalPage)) entry |= TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE;
  if (cpu.watchActive) {
    entry |= TLB_NO_USER_READ | TLB_NO_SUPER_READ | TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE;
  }
  if (cpu.fetchStops !== null && !placeStops(cpu, cpu.fetchStops, page, host, fetch)) {
    entry |= TLB_NO_USER_FETCH | TLB_NO_SUPER_FETCH;
  }
  // The first fetch must come by here to be noted.
  if (!fetch && (cpu.fetchedPages !== null || cpu.probes?.hasPage(page) === true)) {
    entry |= TLB_NO_USER_FETCH | TLB_NO_SUPER_FETCH;
  }
  if (fetch) cpu.probes?.fetched(page, host >>> 12);
  if (cpu.memory.isReadWatched(ramPage)) entry |= TLB_NO_USER_READ | TLB_NO_SUPER_READ;
  if (!isFleeting) fillTlb(cpu, page, entry);
  if (write && rom) return DEVICE;
  return host + (linear & 0xfff);
}

/** A debugger's stops in a page get their doors before anything is fetched from it; false: fetches stay slow. */
function placeStops(cpu: Cpu, stops: FetchStops, page: number, host: number, fetch: boolean): boolean {
  if (stops.isEverywhere) return true;
  const offsets = stops.offsetsIn(page);
  if (offsets.length > 0 && !fetch) return false;
  if (offsets.length > 0) cpu.memory.stopIn(host - cpu.ramBase, offsets);
  return true;
}

/** The tables allow this write but the entry is slow: make it fast again if nothing else stands against it. */
function allowWrite(cpu: Cpu, linear: number, entry: number): number {
  const host = ((entry & -4096) + linear) | 0;
  const ramPage = (host - cpu.ramBase) >>> 12;
  cpu.memory.markDirty(ramPage);
  if (!cpu.watchActive && cpu.memory.isPlain(ramPage)) {
    let open = entry & ~(TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE);
    if ((entry & TLB_USER_WRITABLE) === 0) open |= TLB_NO_USER_WRITE;
    if ((entry & TLB_SUPER_WRITABLE) === 0) open |= TLB_NO_SUPER_WRITE;
    cpu.tlb[linear >>> 12] = open;
  }
  return host;
}

/** Translate for an instruction fetch. Host address, DEVICE (1) or 0 with the fault fields set. */
export function translateFetch(cpu: Cpu, linear: number, user: boolean): number {
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & (user ? TLB_NO_USER_FETCH : TLB_NO_SUPER_FETCH)) === 0) return ((entry & -4096) + linear) | 0;
  return translate(cpu, linear, false, user, true);
}

/** Translate for data through the TLB when it allows the access, else afresh. */
function locate(cpu: Cpu, linear: number, write: boolean, user: boolean): number {
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & (write ? writeDeny(user) : readDeny(user))) === 0) return ((entry & -4096) + linear) | 0;
  return translate(cpu, linear, write, user, false);
}

/** #AC applies to this access: CR0.AM, EFLAGS.AC and CPL 3 (SDM 3 §6.15, interrupt 17). */
function alignmentFault(cpu: Cpu, linear: number, size: number): boolean {
  if (!wouldFaultOnAlignment(cpu, linear, size)) return false;
  setFault(cpu, VECTOR_AC, 0);
  return true;
}

function readLocated(cpu: Cpu, host: number, size: number): number {
  if (host >= CPU_BLOCK_SIZE) {
    const at = host - cpu.ramBase;
    if (cpu.memory.isReadWatched(at >>> 12)) cpu.memory.onWatched(at, size, false);
    if (size === 4) return cpu.view.getInt32(host, true);
    return size === 2 ? cpu.view.getUint16(host, true) : cpu.m8[host];
  }
  return host === DEVICE ? cpu.space.read(cpu.walkPhysical, size) : 0;
}

function writeLocated(cpu: Cpu, host: number, size: number, value: number): void {
  if (host >= CPU_BLOCK_SIZE) {
    cpu.memory.touch(host - cpu.ramBase, size);
    if (size === 4) cpu.view.setInt32(host, value, true);
    else if (size === 2) cpu.view.setUint16(host, value, true);
    else cpu.m8[host] = value;
  } else if (host === DEVICE) cpu.space.write(cpu.walkPhysical, size, value);
}

/** Read 1, 2 or 4 bytes as `user` or supervisor; on a fault returns 0 with EXIT_FAULT set. */
function slowLoad(cpu: Cpu, linear: number, size: number, user: boolean): number {
  if (cpu.watchActive) matchDataBreakpoint(cpu, linear, size, false);
  if ((linear & 0xfff) + size <= PAGE_BYTES) return readLocated(cpu, locate(cpu, linear, false, user), size);
  let value = 0;
  for (let k = 0; k < size; k++) {
    const byte = readLocated(cpu, locate(cpu, (linear + k) | 0, false, user), 1);
    if ((cpu.exitRequest & EXIT_FAULT) !== 0) return 0;
    value |= byte << (8 * k);
  }
  return value;
}

/** Write 1, 2 or 4 bytes; a page-crossing write that faults changes nothing. */
function slowStore(cpu: Cpu, linear: number, size: number, value: number, user: boolean): void {
  if ((linear & 0xfff) + size <= PAGE_BYTES) {
    const host = locate(cpu, linear, true, user);
    if (host === FAULTED) return;
    if (cpu.watchActive) matchDataBreakpoint(cpu, linear, size, true);
    writeLocated(cpu, host, size, value);
    return;
  }
  if (locate(cpu, linear, true, user) === FAULTED) return;
  if (locate(cpu, (linear + size - 1) & -4096, true, user) === FAULTED) return;
  if (cpu.watchActive) matchDataBreakpoint(cpu, linear, size, true);
  for (let k = 0; k < size; k++) {
    writeLocated(cpu, locate(cpu, (linear + k) | 0, true, user), 1, (value >>> (8 * k)) & 0xff);
  }
}

export function slowLoad8(cpu: Cpu, linear: number): number {
  return slowLoad(cpu, linear, 1, isUser(cpu));
}

export function slowLoad16(cpu: Cpu, linear: number): number {
  if ((linear & 1) !== 0 && alignmentFault(cpu, linear, 2)) return 0;
  return slowLoad(cpu, linear, 2, isUser(cpu));
}

export function slowLoad32(cpu: Cpu, linear: number): number {
  if ((linear & 3) !== 0 && alignmentFault(cpu, linear, 4)) return 0;
  return slowLoad(cpu, linear, 4, isUser(cpu));
}

export function slowStore8(cpu: Cpu, linear: number, value: number): void {
  slowStore(cpu, linear, 1, value, isUser(cpu));
}

export function slowStore16(cpu: Cpu, linear: number, value: number): void {
  if ((linear & 1) !== 0 && alignmentFault(cpu, linear, 2)) return;
  slowStore(cpu, linear, 2, value, isUser(cpu));
}

export function slowStore32(cpu: Cpu, linear: number, value: number): void {
  if ((linear & 3) !== 0 && alignmentFault(cpu, linear, 4)) return;
  slowStore(cpu, linear, 4, value, isUser(cpu));
}

/** Read-modify-write's read: permission to write is checked first, so a fault reports a write. Returns 0 on a fault. */
export function slowLoadForWrite(cpu: Cpu, linear: number, size: number): number {
  const user = isUser(cpu);
  if (size > 1 && alignmentFault(cpu, linear, size)) return 0;
  if (locate(cpu, linear, true, user) === FAULTED) return 0;
  if ((linear & 0xfff) + size > PAGE_BYTES && locate(cpu, (linear + size - 1) & -4096, true, user) === FAULTED)
    return 0;
  return slowLoad(cpu, linear, size, user);
}

function rethrow(cpu: Cpu): void {
  if ((cpu.exitRequest & EXIT_FAULT) !== 0) throw GUEST_FAULT;
}

export function load8(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & readDeny(isUser(cpu))) === 0) return cpu.m8[((entry & -4096) + linear) | 0];
  const value = slowLoad8(cpu, linear);
  rethrow(cpu);
  return value;
}

export function load16(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & readDeny(isUser(cpu))) | (linear & 1)) === 0) return cpu.m16[((entry & -4096) + linear) >>> 1];
  const value = slowLoad16(cpu, linear);
  rethrow(cpu);
  return value;
}

export function load32(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & readDeny(isUser(cpu))) | (linear & 3)) === 0) return cpu.m32[((entry & -4096) + linear) >>> 2];
  const value = slowLoad32(cpu, linear);
  rethrow(cpu);
  return value;
}

export function store8(cpu: Cpu, linear: number, value: number): void {
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & writeDeny(isUser(cpu))) === 0) {
    cpu.m8[((entry & -4096) + linear) | 0] = value;
    return;
  }
  slowStore8(cpu, linear, value);
  rethrow(cpu);
}

export function store16(cpu: Cpu, linear: number, value: number): void {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & writeDeny(isUser(cpu))) | (linear & 1)) === 0) {
    cpu.m16[((entry & -4096) + linear) >>> 1] = value;
    return;
  }
  slowStore16(cpu, linear, value);
  rethrow(cpu);
}

export function store32(cpu: Cpu, linear: number, value: number): void {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & writeDeny(isUser(cpu))) | (linear & 3)) === 0) {
    cpu.m32[((entry & -4096) + linear) >>> 2] = value;
    return;
  }
  slowStore32(cpu, linear, value);
  rethrow(cpu);
}

export function loadForWrite8(cpu: Cpu, linear: number): number {
  const value = slowLoadForWrite(cpu, linear, 1);
  rethrow(cpu);
  return value;
}

export function loadForWrite16(cpu: Cpu, linear: number): number {
  const value = slowLoadForWrite(cpu, linear, 2);
  rethrow(cpu);
  return value;
}

export function loadForWrite32(cpu: Cpu, linear: number): number {
  const value = slowLoadForWrite(cpu, linear, 4);
  rethrow(cpu);
  return value;
}

function check(cpu: Cpu, linear: number, size: number, write: boolean, user: boolean): void {
  if (locate(cpu, linear, write, user) === FAULTED) throw GUEST_FAULT;
  if ((linear & 0xfff) + size > PAGE_BYTES) {
    if (locate(cpu, (linear + size - 1) & -4096, write, user) === FAULTED) throw GUEST_FAULT;
  }
}

/** Raise what a read of `size` bytes (at most a page) would raise by paging; touches nothing. */
export function checkRead(cpu: Cpu, linear: number, size: number): void {
  check(cpu, linear, size, false, isUser(cpu));
}

/** Raise what a write of `size` bytes (at most a page) would raise by paging; touches nothing. */
export function checkWrite(cpu: Cpu, linear: number, size: number): void {
  check(cpu, linear, size, true, isUser(cpu));
}

/** As checkWrite, with supervisor rights whatever the CPL: TSS, descriptor tables, inner stacks. */
export function systemCheckWrite(cpu: Cpu, linear: number, size: number): void {
  check(cpu, linear, size, true, false);
}

export function systemCheckRead(cpu: Cpu, linear: number, size: number): void {
  check(cpu, linear, size, false, false);
}

/** Alignment check for operands wider than 4 bytes (MMX, SSE, FXSAVE): size is the alignment in bytes. */
export function checkAlignment(cpu: Cpu, linear: number, size: number): void {
  if (alignmentFault(cpu, linear, size)) throw GUEST_FAULT;
}

// Implicit supervisor accesses (descriptor tables, TSS, inner stacks): CPL does not matter, no #AC. Exceptions make
// some twenty of them: aligned ones that the TLB allows are done at once.
export function systemLoad8(cpu: Cpu, linear: number): number {
  const value = slowLoad(cpu, linear, 1, false);
  rethrow(cpu);
  return value;
}

export function systemLoad16(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & TLB_NO_SUPER_READ) | (linear & 1)) === 0) return cpu.m16[((entry & -4096) + linear) >>> 1];
  const value = slowLoad(cpu, linear, 2, false);
  rethrow(cpu);
  return value;
}

export function systemLoad32(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & TLB_NO_SUPER_READ) | (linear & 3)) === 0) return cpu.m32[((entry & -4096) + linear) >>> 2];
  const value = slowLoad(cpu, linear, 4, false);
  rethrow(cpu);
  return value;
}

export function systemStore8(cpu: Cpu, linear: number, value: number): void {
  slowStore(cpu, linear, 1, value, false);
  rethrow(cpu);
}

export function systemStore16(cpu: Cpu, linear: number, value: number): void {
  slowStore(cpu, linear, 2, value, false);
  rethrow(cpu);
}

export function systemStore32(cpu: Cpu, linear: number, value: number): void {
  const entry = cpu.tlb[linear >>> 12];
  if (((entry & TLB_NO_SUPER_WRITE) | (linear & 3)) === 0) {
    cpu.m32[((entry & -4096) + linear) >>> 2] = value;
    return;
  }
  slowStore(cpu, linear, 4, value, false);
  rethrow(cpu);
}

/**
 * Host address of the byte at `linear` when instructions may access it directly from here to the end of its page (plain
 * RAM; for writes already dirty, no code, no page table), else NOT_PLAIN. Never faults; may fill the TLB.
 */
export function hostSpan(cpu: Cpu, linear: number, write: boolean): number {
  const entry = cpu.tlb[linear >>> 12];
  const user = isUser(cpu);
  if ((entry & (write ? writeDeny(user) : readDeny(user))) !== 0) return NOT_PLAIN;
  return ((entry & -4096) + linear) | 0;
}

/**
 * Translate for an access of the running code without making it: the host address of `linear`, or a number below
 * CPU_BLOCK_SIZE when it is a device's or faults (EXIT_FAULT is set then). Fills the TLB and does to the page tables
 * what the access would do. Entries of other pages change when a page table is read for the first time
 * (cpu.tables.marked grows).
 */
export function locateExplicit(cpu: Cpu, linear: number, write: boolean): number {
  return locate(cpu, linear, write, isUser(cpu));
}

/** An access of `size` bytes would raise #AC; no fault is recorded. */
export function wouldFaultOnAlignment(cpu: Cpu, linear: number, size: number): boolean {
  return (linear & (size - 1)) !== 0 && (cpu.m32[EFLAGS] & AC) !== 0 && (cpu.m32[CR0] & CR0_AM) !== 0 && isUser(cpu);
}
