// One virtual CPU: typed views over the machine's single WebAssembly.Memory that begin at its block (state/layout.ts
// says what lies where), the TLB, and the transient fields by which engines and the machine loop speak to each
// other. Everything the guest can see is in the block; what is here besides is derived or wiring. RAM is not the
// CPU's: several share one memory/memory.ts.

import * as layout from './layout.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { Memory } from '../memory/memory.ts';
import type { RegisterTerm } from './register-term.ts';
import { SavedSpaces } from './saved-spaces.ts';
import { TableNotes } from './table-notes.ts';
import { TlbList } from './tlb-list.ts';

// Constants of this module: V8 checks imported ones at each use (MEASUREMENTS.md).
const { DEADLINE_F64, EIP, EXIT_REQUEST, LEFT, RAM_BASE, TICK_F64, ZERO } = layout;

/** Why an engine must leave after the current instruction (bits of Cpu.exitRequest). */
export const EXIT_FAULT = 1; // the instruction did not retire: faultVector says why
export const EXIT_DEADLINE = 2; // a device access moved the next event or raised a line
export const EXIT_WINDOW = 4; // IF, a shadow, TF, DR7 or the interrupt priority may have changed
export const EXIT_MODE = 8; // modeKey, paging or CS changed: look the next block up afresh
export const EXIT_CODE = 16; // the running block was invalidated
export const EXIT_HALT = 32; // HLT retired
export const EXIT_STOP = 64; // power-off, reset, debug-exit: the machine decides

/** Sentinel thrown by cold paths after they filled the fault fields; never allocated twice, never leaves an engine. */
export class GuestFault {}
export const GUEST_FAULT = new GuestFault();

/** Port I/O as instructions see it. size in bytes: 1, 2 or 4; value zero-extended. */
export interface PortBus {
  read(port: number, size: number): number;
  write(port: number, size: number, value: number): void;
}

/** A debugger's breakpoints, as engines see them; the guest never does. */
export interface FetchStops {
  /** Every instruction is looked at: engines run nothing but single instructions. */
  readonly isEverywhere: boolean;
  /** Every instruction of code that is not flat is looked at, since its EIP is no linear address. */
  readonly isOutsideFlat: boolean;
  /** Offsets in a linear page (address >>> 12) of instructions that are looked at. */
  offsetsIn(page: number): readonly number[];
  /** Whether the instruction at this linear address is looked at; `mode` is its mode key. */
  looksAt(linear: number, mode: number): boolean;
  /** The instruction at this linear address is about to begin; true: leave before it with EXIT_STOP. */
  reached(linear: number): boolean;
}

/**
 * Who is told of instructions, by where they lie or by their row; the guest never notices. Engines mark what is asked
 * for when they decode it, and do it by its handler: all else is as fast as ever. Decoded code knows host pages, and
 * which of them a linear page leads to is learnt when an instruction is fetched from it for the first time. Of a REP
 * each iteration is told. Whoever changes what is asked for says so by `Memory.probesChanged`.
 */
export interface Probes {
  /** By byte offset in a host page: not 0 where an instruction that begins there is asked for; null: none is. */
  marksOf(hostPage: number): Uint8Array | null;
  /** By row number. */
  readonly rows: Uint8Array;
  /** Mask of general registers (bit = number): instructions that may change one of them are asked for; 0: none is. */
  readonly registers: number;
  /** Instructions that may change an arithmetic flag are asked for. */
  readonly hasFlags: boolean;
  /**
   * One that is asked for by what it changes need not be told of where this is 0 behind it: compiled code looks for
   * itself. Null: all are told of.
   */
  readonly term: RegisterTerm | null;
  /**
   * Instructions that may write memory are asked for, and those that lead to devices.
   */
  readonly readsMemory?: boolean;
  /** How many iterations of the REP at `pc` may go by before it is told of them; absent: one. */
  iterations?(cpu: Cpu, code: Int32Array, pc: number): number;
  /** Page tables have been marked as used, while `readsMemory`: in an instruction. */
  marked?(): void;
  /** Instructions of this linear page are asked for. */
  hasPage(page: number): boolean;
  /** An instruction is fetched from a linear page, by a translation that is not in the TLB yet. */
  fetched(page: number, hostPage: number): void;
  /** The instruction is about to begin: EIP, registers and ticks are exact. */
  begins(cpu: Cpu, row: number): void;
  /** It has retired, or it has not: it faulted. EIP is still its own, `nextEip` where it leads. */
  ends(cpu: Cpu, hasRetired: boolean): void;
  /**
   * Something else than an instruction may have changed registers or memory: an interrupt, an exception, a reset, an
   * input, a device.
   */
  intervened(cpu: Cpu): void;
}

/** The FERR# and IGNNE# pins: how a board reports x87 errors while CR0.NE is 0 (SDM 1 §8.7.2). */
export interface ErrorPins {
  /** An unmasked exception is pending at a waiting instruction. True: IGNNE# says to go on regardless. */
  assert(): boolean;
  /** No unmasked exception is pending any more. */
  release(): void;
}

/** The processor's own local APIC, as WRMSR reaches it (SDM 3 §10.4.3). */
export interface ApicPin {
  /** IA32_APIC_BASE, 36 bits, as it is from now on. */
  setBase(base: number): void;
}

/** The loop that owns time, as an engine reaches it from inside a slice. */
export interface Loop {
  /**
   * exitRequest is set, ticks are left, EIP and `left` are exact. True: the loop has done what comes before the next
   * instruction, exitRequest is 0, the slice goes on at EIP, in whatever mode. False: leave, and it does the rest.
   */
  goOn(): boolean;
}

/** Somebody outside who hears of what only handlers do; the guest never notices. */
export interface SystemWatcher {
  /** INT n has led to its handler; −1: SYSENTER has. */
  called(vector: number): void;
  /** CR3 has been loaded, by MOV or a task switch. */
  spaceChanged(directory: number): void;
}

/** Every request leads out of the engine. */
const NO_LOOP: Loop = { goOn: () => false };

/** A board without the wires: errors are ignored. */
const NO_PINS: ErrorPins = { assert: () => true, release: () => {} };

const TLB_ENTRIES = 1 << 20;

/**
 * First value of fields that hold doubles or unsigned 32-bit numbers: a field that begins as a small integer makes the
 * host engine throw compiled code away when the first large value arrives.
 */
const DOUBLE = 2 ** 52;

export class Cpu {
  /** What it shares with other processors: RAM and what is known of its pages, and which address leads where. */
  readonly memory: Memory;
  readonly space: AddressSpace;
  /** Its number; 0 is the one that starts. */
  readonly number: number;
  /**
   * Where its block lies in the memory. Its views begin there, so that word 0 is EAX of each processor; host addresses
   * in its TLB and below count from there too. What the memory itself calls a place is `base` more.
   */
  readonly base: number;
  /** Host address of guest RAM in its views. */
  readonly ramBase: number;
  readonly m8: Uint8Array;
  readonly m16: Uint16Array;
  readonly m32: Int32Array;
  readonly f64: Float64Array;
  readonly view: DataView;
  /** TLB: entry = (host address − linear address), TLB_* deny bits in the low 12; −1 = invalid. memory/tlb.ts. */
  readonly tlb: Int32Array;
  /** Byte address of the TLB in the memory (for wasm code). */
  readonly tlbBase: number;
  /** Byte address of what its compiled code keeps for itself (tiers/wasm/convention.ts). Derived. */
  readonly compiledBase: number;
  /** Linear pages with a TLB entry. */
  readonly tlbList: TlbList;
  /** Pages of RAM that its translations came from. */
  readonly tables: TableNotes;
  /** Its translations of address spaces that are not in use. */
  readonly spaces = new SavedSpaces();
  /** Null: there is none, CPUID announces none and IA32_APIC_BASE does not exist. */
  apic: ApicPin | null = null;
  /** The quirk `exact-pi` of old logs: FSIN and its kin reduce by the true π, not by the processor's of 66 bits. */
  reducesByExactPi = false;
  ports!: PortBus;
  ferr: ErrorPins = NO_PINS;
  loop: Loop = NO_LOOP;
  systemWatcher: SystemWatcher | null = null;
  /**
   * The last instruction was one that waits for the interrupt of FERR#: it is to be executed again, and will wait again
   * until something comes from outside. Derived.
   */
  waitsForError = false;

  faultVector = -1;
  faultError = 0;
  faultHasError = false;
  /** Linear address of a page fault (CR2 is written when the fault is raised). */
  faultAddress = 0;
  /** INT n / INT3 / INTO / INT1 in delivery: 1, changes error code EXT bit and privilege checks. */
  faultSoftware = 0;

  /** DR6 bits of an instruction breakpoint (faultVector 1 as a fault); 0 otherwise. */
  faultDebug = 0;
  /** What was in delivery when the processor shut down: for people, not state. */
  failedDeliveries: { readonly vectors: readonly number[]; readonly beganWithInterrupt: boolean } | null = null;
  /** Set by the delivery of a software interrupt: no single-step trap follows this instruction (SDM 3 §17.3.1.4). */
  trapInhibit = false;

  /** EIP after the current instruction; cold handlers that branch overwrite it. */
  nextEip = 0;
  /** Extra ticks of the instruction in hand: REP iterations beyond the first. */
  extraTicks = 0;
  /** Set by a REP instruction that has not come to its end; the loop clears it before single instructions. */
  isUnfinished = false;
  /** Ticks beyond `left` that iterations of a REP in plain memory may take, when one instruction is run by itself. */
  repeatTicks = 0;

  /** DR7 has enabled data breakpoints: no TLB entry gives direct data access. */
  watchActive = false;
  /** DR7 has enabled instruction breakpoints: the loop checks before each instruction. */
  breakActive = false;

  /** Set by debuggers only, between slices, with no translations left: each first fetch from a page asks it. */
  fetchStops: FetchStops | null = null;
  /** Set between slices, with `Memory.probesChanged` behind it. */
  probes: Probes | null = null;
  /**
   * Linear pages from which instructions are fetched are entered here, for a debugger: each at least once a TLB flush.
   */
  fetchedPages: Set<number> | null = null;
  /** By page of memory, for a debugger too: 1 where an instruction has found its way to one since translations went. */
  touchedPages: Uint8Array | null = null;

  /** Result registers of the page walk (cpu/system/paging.ts): page-aligned physical address, TLB deny bits, global. */
  walkPhysical = DOUBLE;
  walkDeny = 0;
  walkGlobal = false;
  /** A device answered for a table: the next walk may find something else. */
  walkFleeting = false;

  /** One more processor on a memory that has room for it. */
  constructor(space: AddressSpace) {
    const { memory } = space;
    this.space = space;
    this.memory = memory;
    this.number = memory.attach(this);
    this.base = memory.blockPlace(this.number);
    this.ramBase = RAM_BASE - this.base;
    this.tlbList = new TlbList(memory.pageCount);
    this.tables = new TableNotes(memory.pageCount);
    this.tlbBase = memory.tlbPlace(this.number);
    this.compiledBase = memory.compiledPlace(this.number);
    const { buffer } = memory.m8;
    this.m8 = new Uint8Array(buffer, this.base);
    this.m16 = new Uint16Array(buffer, this.base);
    this.m32 = new Int32Array(buffer, this.base);
    this.f64 = new Float64Array(buffer, this.base);
    this.view = new DataView(buffer, this.base);
    this.tlb = new Int32Array(buffer, this.tlbBase, TLB_ENTRIES);
    this.tlb.fill(-1);
    this.m32[ZERO] = 0;
    // The time of chips that are made before the power is on, in logs with the quirk `late-power-on`.
    this.deadlineTick = DOUBLE;
    // Until its reset A20 is off.
    if (this.number === 0) space.flatten();
  }

  // The words by which engines and the loop speak to each other inside a slice lie in the block, where compiled
  // code of any kind sees them. Hot code takes them from there by their index; everything else says `left` and
  // `exitRequest`.

  /** Ticks left in the slice; engines store it before anything that may look at the clock. */
  get left(): number {
    return this.m32[LEFT];
  }

  set left(ticks: number) {
    this.m32[LEFT] = ticks;
  }

  /** EXIT_* bits. */
  get exitRequest(): number {
    return this.m32[EXIT_REQUEST];
  }

  set exitRequest(bits: number) {
    this.m32[EXIT_REQUEST] = bits;
  }

  /** Tick at which the current slice ends; now() = deadlineTick − left. */
  get deadlineTick(): number {
    return this.f64[DEADLINE_F64];
  }

  set deadlineTick(tick: number) {
    this.f64[DEADLINE_F64] = tick;
  }

  /** Ticks retired before the current instruction (or REP iteration). */
  now(): number {
    return this.f64[DEADLINE_F64] - this.m32[LEFT];
  }

  /** Something happened that the loop must look at: leave after the current instruction. */
  endSlice(): void {
    this.exitRequest |= EXIT_DEADLINE;
  }

  get tick(): number {
    return this.f64[TICK_F64];
  }

  get eip(): number {
    return this.m32[EIP];
  }
}

/** Raise an exception from a cold path. The caller's instruction must not have changed state yet. */
export function raise(cpu: Cpu, vector: number, errorCode?: number): never {
  setFault(cpu, vector, errorCode);
  throw GUEST_FAULT;
}

/** Record an exception without throwing (hot paths): sets EXIT_FAULT. */
export function setFault(cpu: Cpu, vector: number, errorCode?: number): void {
  cpu.faultVector = vector;
  cpu.faultHasError = errorCode !== undefined;
  cpu.faultError = errorCode ?? 0;
  cpu.faultSoftware = 0;
  cpu.exitRequest |= EXIT_FAULT;
}
