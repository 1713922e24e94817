// The one place where bytes become WebAssembly code, synchronously. What every module of a processor shares: its
// memory, one table of functions, and the functions of the threads module (threads.ts).

import * as access from '../../src/core/memory/access.ts';
import * as cpuState from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';
import * as tlbBits from '../../src/core/memory/tlb.ts';
import type { Runtime } from '../runtime/runtime.ts';
import * as convention from './convention.ts';
import { encodeThreads, ENVIRONMENT, type Places } from './threads.ts';

const { EXIT_FAULT, GUEST_FAULT } = cpuState;
const { CPU_BLOCK_SIZE, CR0, CR0_PG, EIP, EXIT_REQUEST, LEFT } = layout;
const { TLB_INVALID, TLB_NO_SUPER_READ, TLB_NO_SUPER_WRITE, TLB_NO_USER_READ, TLB_NO_USER_WRITE } = tlbBits;
const { TLB_SUPER_WRITABLE, TLB_USER_WRITABLE } = tlbBits;
const READS = TLB_NO_SUPER_READ | TLB_NO_USER_READ;

/** The bit of an entry by which a write is allowed, though slow, to whom the bits of a miss are about; 0: none. */
const writableFor = (deny: number): number =>
  ((deny & TLB_NO_USER_WRITE) !== 0 ? TLB_USER_WRITABLE : 0) |
  ((deny & TLB_NO_SUPER_WRITE) !== 0 ? TLB_SUPER_WRITABLE : 0);

/** A module of no use but that it has a tail call: (module (func (return_call 0))). */
const TAIL_CALL = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  96,
  0,
  0,
  3,
  2,
  1,
  0,
  10,
  6,
  1,
  4,
  0,
  0x12,
  0,
  11,
);

/** Whether this host can run what the engine makes. */
export const hasTailCalls = (): boolean => WebAssembly.validate(TAIL_CALL);

const TABLE_ENTRIES = 1 << 12;

/** A processor's shared parts. */
export interface Threads {
  readonly places: Places;
  /** Run the function of a table entry from what is in memory until it leaves. */
  readonly enter: (entry: number) => void;
  /** Look EIP up and go on there, or leave. */
  readonly jump: unknown;
  /** Of a module: its functions `0`, `1` …, and a table for it alone. */
  readonly instantiate: (
    module: WasmModule,
    count: number,
    entries: number,
  ) => { readonly exported: readonly unknown[]; readonly table: WebAssembly.Table };
  /** Give a function an entry of the table, not 0. */
  readonly link: (code: unknown) => number;
  /** The entry leaves at once from now on, and may be given to another. */
  readonly unlink: (entry: number) => void;
}

export type WasmModule = WebAssembly.Module;

export const moduleOf = (bytes: Uint8Array): WasmModule => new WebAssembly.Module(bytes);

export function makeThreads(runtime: Runtime): Threads {
  const { cpu, m32, tlb, handlers, code } = runtime;
  const { locateExplicit } = access;
  // Functions name places of the whole memory, and the first processor's views begin where it does.
  if (cpu.base !== 0) throw new Error('WebAssembly code is made for the first processor of a memory alone');
  const places: Places = {
    tlbBase: cpu.tlbBase,
    sharedBase: cpu.compiledBase,
    pages: cpu.memory.m8.byteLength >>> 16,
    isCounted: runtime.isCounted,
  };
  const place = (cpu.compiledBase + convention.SHARED_PC) >>> 2;
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_ENTRIES });
  const memory = cpu.memory.wasm;

  /** The handler's turn inside a function; true when the function must be left. Everything is in memory and exact. */
  const step = (pc: number, at: number, leftBefore: number, rest: number): boolean => {
    let mustLeave = true;
    try {
      mustLeave = runtime.step(cpu, pc, at, leftBefore, rest);
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      m32[LEFT] -= cpu.extraTicks;
      cpu.extraTicks = 0;
    }
    return mustLeave;
  };
  /** The function has been left already, and the next one is looked up afresh, unless there is more to do. */
  const mustEnd = (): boolean => m32[LEFT] <= 0 || (m32[EXIT_REQUEST] !== 0 && !cpu.loop.goOn());
  /** The handler's turn at the end of a function; true when there is more to do than to go on at EIP. */
  const goOn = (): boolean => {
    // Otherwise `fill` has met the fault that the handler would meet.
    if ((m32[EXIT_REQUEST] & EXIT_FAULT) === 0) step(m32[place], m32[EIP], m32[LEFT], 0);
    else runtime.faulted(m32[place]);
    return mustEnd();
  };
  /** Where a function has no way on: true when there is more to do than to go on at EIP. */
  const cross = (): boolean => !runtime.cross() || mustEnd();
  /** Physical address of what `fill` was asked for, if a device answers there; else −1. */
  let atDevice = -1;
  /** As convention.MISS_*, for what is not in the TLB or may not be written yet. */
  const fill = (linear: number, how: number): number => {
    atDevice = -1;
    if (cpu.watchActive || (how & convention.MISS_WALK) === 0) return convention.MISS_NONE;
    const deny = how & convention.MISS_DENY_MASK;
    const bytes = 1 << ((how >>> convention.MISS_SIZE_SHIFT) & 7);
    const known = tlb[linear >>> 12];
    // A counter beside code: its page is written slowly, as the tables allow, and nothing else is to be found out.
    if (known !== TLB_INVALID && (known & deny & READS) === 0 && (known & writableFor(deny)) !== 0) {
      const at = (((known & -4096) + linear) | 0) - cpu.ramBase;
      if (cpu.memory.writesBesideCode(at, bytes)) return known & -4096;
    }
    const tables = cpu.tables.marked;
    const isWrite = (deny & (TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE)) !== 0;
    // A device answers: the handler will find the same.
    if ((m32[CR0] & CR0_PG) === 0 && cpu.space.isDevice(linear >>> 0)) {
      atDevice = linear >>> 0;
      return convention.MISS_NONE;
    }
    const host = locateExplicit(cpu, linear, isWrite);
    // A fault is that of the instruction, which has changed nothing and accesses nothing else.
    if (m32[EXIT_REQUEST] !== 0) return convention.MISS_NONE;
    if (cpu.tables.marked !== tables) return convention.MISS_NONE;
    if (host < CPU_BLOCK_SIZE) {
      atDevice = cpu.walkPhysical;
      return convention.MISS_NONE;
    }
    const entry = tlb[linear >>> 12];
    if ((entry & deny) === 0) return entry & -4096;
    const isBeside = isWrite && cpu.memory.isBesideCode(host - cpu.ramBase, bytes);
    return isBeside ? entry & -4096 : convention.MISS_NONE;
  };
  /** The same of a store, which a device may take at once. */
  const fillStore = (linear: number, how: number, value: number): number => {
    const filled = fill(linear, how);
    if (atDevice < 0) return filled;
    const bytes = 1 << ((how >>> convention.MISS_SIZE_SHIFT) & 7);
    const isAligned = (linear & (bytes - 1)) === 0;
    return isAligned && cpu.space.writesQuietly(atDevice, bytes, value) ? convention.MISS_STORED : filled;
  };
  const assist = (row: number, pc: number): void => handlers[row](cpu, code, pc);

  const threads = new WebAssembly.Instance(new WebAssembly.Module(encodeThreads(places)), {
    [ENVIRONMENT]: { ...runtime.wide, memory, table, goOn, cross, fill, fillStore, step, assist },
  }).exports;
  const leave: unknown = threads.leave;
  for (let entry = 0; entry < TABLE_ENTRIES; entry++) table.set(entry, leave);
  let entries = 1;
  const free: number[] = [];
  const newEntry = (): number => {
    if (entries === table.length) {
      table.grow(entries);
      for (let entry = entries; entry < table.length; entry++) table.set(entry, leave);
    }
    return entries++;
  };
  return {
    places,
    enter: threads.enter as (entry: number) => void,
    jump: threads.jumpInSegment,
    instantiate: (module, count, own) => {
      // No other module has the shared table: V8 keeps a copy of it for each that does.
      const entriesOf = new WebAssembly.Table({ element: 'anyfunc', initial: own });
      const environment = { [ENVIRONMENT]: { ...threads, memory, entries: entriesOf } };
      const { exports } = new WebAssembly.Instance(module, environment);
      return { exported: Array.from({ length: count }, (_, k): unknown => exports[k]), table: entriesOf };
    },
    link: (code) => {
      const entry = free.pop() ?? newEntry();
      table.set(entry, code);
      return entry;
    },
    unlink: (entry) => {
      table.set(entry, leave);
      free.push(entry);
    },
  };
}
