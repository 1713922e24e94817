/**
 * The other side of the comparison: runs a MachineCase on a Machine of ours with any engine, in the world that the
 * witness's cases see (README.md): flat user segments, the case's LDT, CPL 3, paging without NX, the control registers
 * of a Linux process. Every vector leads through the IDT to a HLT in ring 0, so that exception delivery with its frame,
 * error codes and RF is under test as well. What the supervisor needs lies at a linear address that cases seldom name.
 */
import { TOP_SHIFT } from '../../../src/core/cpu/float/x87/status-word.ts';
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { SILENT_OUTPUT } from '../../../src/core/board/silent.ts';
import { attributes, base, limit } from '../../../src/core/cpu/system/descriptors.ts';
import { resetCpu } from '../../../src/core/cpu/system/reset.ts';
import { updateMode } from '../../../src/core/cpu/system/segmentation.ts';
import type { Engine } from '../../../src/core/machine/engine.ts';
import { LivePort } from '../../../src/core/session/live-port.ts';
import { Machine } from '../../../src/core/machine/machine.ts';
import { translateFetch } from '../../../src/core/memory/access.ts';
import { flushTlb } from '../../../src/core/memory/tlb.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { getFlags, setFlags } from '../../../src/core/state/flags.ts';
import * as at from '../../../src/core/state/layout.ts';
import {
  type CaseResult,
  descriptorWords,
  FLAT_CODE,
  FLAT_CODE_DESCRIPTOR,
  FLAT_DATA,
  FLAT_DATA_DESCRIPTOR,
  FX_BYTES,
  initialFx,
  initialPages,
  LDT_ENTRY_COUNT,
  type MachineCase,
  type MemoryBytes,
  pageChanges,
  type Selectors,
} from './case.ts';
import { judge } from './protocol.ts';

const MEMORY_MEGABYTES = 4;
/** Linear and physical place of the supervisor's pages: tables, stack and stubs, one page each. */
const SYSTEM_LINEAR = 0xc9a50000;
const SYSTEM_PHYSICAL = 0x100000;
const GDT = 0;
const LDT = 0x200;
const TSS = 0x600;
const STUBS = 0x800;
const IDT = 0x1000;
const STACK_TOP = 0x3000;
const SYSTEM_BYTES = 0x3000;
const PAGE_DIRECTORY = 0x110000;
const PAGE_TABLES = 0x111000;
const GUEST_PAGES = 0x200000;

const KERNEL_CODE = 0x08;
const KERNEL_DATA = 0x18;
const TSS_SELECTOR = 0x40;
const LDT_SELECTOR = 0x50;
const GDT_LIMIT = 0x7f;
const TSS_LIMIT = 0x67;

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const ACCESSED_DIRTY = 0x60;

const CR0 = at.CR0_PE | at.CR0_MP | at.CR0_ET | at.CR0_NE | at.CR0_WP | at.CR0_AM | at.CR0_PG;
const CR4 = at.CR4_OSFXSR | at.CR4_OSXMMEXCPT | at.CR4_PSE;
const FLAGS_SETTABLE = 0x254dd5;
const FLAGS_FIXED = 0x202;
/** Enough for the longest REP over the mapped pages. */
const BUDGET_TICKS = 60_000;
const SLICE_TICKS = 2_000;
const VECTORS_WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);
const STOP_FAULT = 0;
const STOP_TIMEOUT = 1;
const STOP_MALFORMED = 6;

function word(bytes: Uint8Array, offset: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value, true);
}

/** One machine that runs case after case. */
export class Emulated {
  readonly machine: Machine;
  private layout = '';
  /** Memory at the start of the last case, and what its last run changed. */
  private before = new Map<number, Uint8Array>();
  private changes: MemoryBytes[] = [];
  /** Linear page → physical page, of the case in hand. */
  private readonly pages = new Map<number, number>();

  constructor(makeEngine: (cpu: Cpu) => Engine) {
    this.machine = new Machine(
      {
        memoryMegabytes: MEMORY_MEGABYTES,
        nsPerTick: 1,
        epochSeconds: 0,
        reboot: false,
        serialTiming: 'instant',
        hashEveryTicks: 0,
      },
      new LivePort(),
      SILENT_OUTPUT,
      makeEngine,
    );
    // No interrupt of a device may come in between.
    this.machine.cpu.ports.write(0x21, 1, 0xff);
    this.machine.cpu.ports.write(0xa1, 1, 0xff);
    this.placeSystem();
  }

  /** In halves: a whole page written makes an engine drop all its code, not that of the page. */
  private write(physical: number, bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES / 2)
      this.machine.space.writeBytes(physical + offset, bytes.subarray(offset, offset + PAGE_BYTES / 2));
  }

  /** GDT, IDT, TSS and stubs: the same for every case. */
  private placeSystem(): void {
    const bytes = new Uint8Array(SYSTEM_BYTES);
    const descriptor = (selector: number, [low, high]: readonly [number, number]) => {
      word(bytes, GDT + (selector & ~7), low);
      word(bytes, GDT + (selector & ~7) + 4, high);
    };
    descriptor(KERNEL_CODE, [0x0000ffff, 0x00cf9b00]);
    descriptor(KERNEL_DATA, [0x0000ffff, 0x00cf9300]);
    descriptor(FLAT_CODE, FLAT_CODE_DESCRIPTOR);
    descriptor(FLAT_DATA, FLAT_DATA_DESCRIPTOR);
    const system = (linear: number, size: number, type: number): [number, number] => [
      ((linear << 16) | size) >>> 0,
      ((linear & 0xff000000) | ((linear >>> 16) & 0xff) | (type << 8)) >>> 0,
    ];
    descriptor(TSS_SELECTOR, system(SYSTEM_LINEAR + TSS, TSS_LIMIT, 0x8b));
    descriptor(LDT_SELECTOR, system(SYSTEM_LINEAR + LDT, LDT_ENTRY_COUNT * 8 - 1, 0x82));
    word(bytes, TSS + 4, SYSTEM_LINEAR + STACK_TOP);
    word(bytes, TSS + 8, KERNEL_DATA);
    word(bytes, TSS + 0x64, (TSS_LIMIT + 1) << 16);
    for (let vector = 0; vector < 256; vector++) {
      const stub = SYSTEM_LINEAR + STUBS + vector;
      const open = vector === 3 || vector === 4 || vector === 0x80;
      word(bytes, IDT + vector * 8, ((KERNEL_CODE << 16) | (stub & 0xffff)) >>> 0);
      word(bytes, IDT + vector * 8 + 4, ((stub & 0xffff0000) | (open ? 0xee00 : 0x8e00)) >>> 0);
      bytes[STUBS + vector] = 0xf4;
    }
    this.write(SYSTEM_PHYSICAL, bytes);
  }

  /** Page tables for the regions of a case; kept while the regions stay the same. */
  private map(c: MachineCase): void {
    const key = JSON.stringify(c.regions.map((r) => [r.address, r.pageCount, r.writable]));
    if (key === this.layout) return;
    this.layout = key;
    this.pages.clear();
    const directory = new Uint8Array(PAGE_BYTES);
    const tables = new Map<number, Uint8Array>();
    const put = (linear: number, physical: number, bits: number) => {
      const slot = linear >>> 22;
      let table = tables.get(slot);
      if (!table) {
        table = new Uint8Array(PAGE_BYTES);
        tables.set(slot, table);
      }
      word(table, ((linear >>> 12) & 0x3ff) * 4, (physical | bits | PRESENT | ACCESSED_DIRTY) >>> 0);
    };
    for (let offset = 0; offset < SYSTEM_BYTES; offset += PAGE_BYTES)
      put(SYSTEM_LINEAR + offset, SYSTEM_PHYSICAL + offset, WRITABLE);
    let next = GUEST_PAGES;
    for (const region of c.regions)
      for (let i = 0; i < region.pageCount; i++) {
        const linear = (region.address + i * PAGE_BYTES) >>> 0;
        put(linear, next, USER | (region.writable ? WRITABLE : 0));
        this.pages.set(linear, next);
        next += PAGE_BYTES;
      }
    let tableAddress = PAGE_TABLES;
    for (const [slot, table] of tables) {
      word(directory, slot * 4, tableAddress | USER | WRITABLE | PRESENT | 0x20);
      this.write(tableAddress, table);
      tableAddress += PAGE_BYTES;
    }
    this.write(PAGE_DIRECTORY, directory);
  }

  /** From memory that no engine has seen: every instruction meets the engine for the first time. */
  run(c: MachineCase): CaseResult {
    this.map(c);
    this.before = initialPages(c);
    for (const [linear, bytes] of this.before) this.write(this.pages.get(linear) as number, bytes);
    return this.execute(c);
  }

  /**
   * The case of the last run() once more, from the same state, with the code decoded and its page in the TLB, as it is
   * in a loop: engines that have a fast path for code they know take it now.
   */
  runAgain(c: MachineCase): CaseResult {
    for (const { address, bytes } of this.changes)
      bytes.forEach((_, i) => {
        const page = ((address + i) & -PAGE_BYTES) >>> 0;
        const offset = (address + i) & (PAGE_BYTES - 1);
        const was = this.before.get(page) as Uint8Array;
        this.write((this.pages.get(page) as number) + offset, was.subarray(offset, offset + 1));
      });
    return this.execute(c, true);
  }

  private execute(c: MachineCase, isKnown = false): CaseResult {
    const { cpu } = this.machine;
    const { before } = this;
    this.placeLocalDescriptors(c);
    resetCpu(cpu);
    this.setSystemState(cpu);
    this.setUserState(cpu, c);
    if (isKnown) {
      const linear = (cpu.m32[at.SEG_BASE + at.CS] + cpu.m32[at.EIP]) >>> 0;
      if (this.pages.has((linear & -PAGE_BYTES) >>> 0)) translateFetch(cpu, linear | 0, true);
    }
    let stepCount = 0;
    let outcome = this.untilHalt();
    while (outcome?.vector === 1 && c.steps > 0 && ++stepCount < c.steps) {
      this.resume(cpu, outcome);
      outcome = this.untilHalt();
    }
    const after = new Map(
      [...before.keys()].map((linear) => [linear, this.read(this.pages.get(linear) as number, PAGE_BYTES)]),
    );
    this.changes = pageChanges(before, after);
    const frame = outcome ?? { ...readUser(cpu), vector: 0, errorCode: 0 };
    const result: CaseResult = {
      stop: 'fault',
      registers: frame.registers,
      eip: frame.eip,
      eflags: frame.eflags,
      selectors: frame.selectors,
      fx: readFx(cpu),
      fault: { vector: frame.vector, errorCode: frame.errorCode, cr2: cpu.m32[at.CR2] >>> 0 },
      stepCount,
      changes: this.changes,
      reason: '',
    };
    const shutdown = cpu.m32[at.SHUTDOWN] !== 0;
    return judge(c, result, outcome ? STOP_FAULT : shutdown ? STOP_MALFORMED : STOP_TIMEOUT);
  }

  private read(physical: number, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength);
    this.machine.space.readBytes(physical, bytes);
    return bytes;
  }

  private placeLocalDescriptors(c: MachineCase): void {
    const table = new Uint8Array(LDT_ENTRY_COUNT * 8);
    for (const d of c.descriptors) {
      const [low, high] = descriptorWords(d);
      word(table, d.index * 8, low);
      word(table, d.index * 8 + 4, high);
    }
    this.write(SYSTEM_PHYSICAL + LDT, table);
  }

  private setSystemState(cpu: Cpu): void {
    const { m32 } = cpu;
    m32[at.CR0] = CR0;
    m32[at.CR3] = PAGE_DIRECTORY;
    m32[at.CR4] = CR4;
    m32[at.GDTR_BASE] = SYSTEM_LINEAR + GDT;
    m32[at.GDTR_LIMIT] = GDT_LIMIT;
    m32[at.IDTR_BASE] = SYSTEM_LINEAR + IDT;
    m32[at.IDTR_LIMIT] = 256 * 8 - 1;
    m32[at.SEG_SELECTOR + at.TR] = TSS_SELECTOR;
    m32[at.SEG_BASE + at.TR] = SYSTEM_LINEAR + TSS;
    m32[at.SEG_LIMIT + at.TR] = TSS_LIMIT;
    m32[at.SEG_ATTRIBUTES + at.TR] = 0x8b;
    m32[at.SEG_SELECTOR + at.LDTR] = LDT_SELECTOR;
    m32[at.SEG_BASE + at.LDTR] = SYSTEM_LINEAR + LDT;
    m32[at.SEG_LIMIT + at.LDTR] = LDT_ENTRY_COUNT * 8 - 1;
    m32[at.SEG_ATTRIBUTES + at.LDTR] = 0x82;
  }

  private setUserState(cpu: Cpu, c: MachineCase): void {
    const { m32 } = cpu;
    for (let i = 0; i < 8; i++) m32[i] = c.registers[i];
    m32[at.EIP] = c.eip;
    setFlags(cpu, (c.eflags & FLAGS_SETTABLE) | FLAGS_FIXED | (c.steps > 0 ? at.TF : 0));
    SEGMENTS.forEach((name, segment) => {
      setSegment(cpu, c, segment, c.selectors[name]);
    });
    writeFx(cpu, c.fx ?? initialFx());
    flushTlb(cpu);
    updateMode(cpu);
  }

  /** Runs until a vector's HLT; null when the budget ends first or the machine shuts down. */
  private untilHalt(): Outcome | null {
    const { machine } = this;
    const { cpu } = machine;
    const end = machine.tick + BUDGET_TICKS;
    while (machine.tick < end) {
      const stop = machine.run(Math.min(end, machine.tick + SLICE_TICKS));
      if (cpu.m32[at.HALTED] !== 0) return this.outcome(cpu);
      if (stop !== 'tick') return null;
    }
    return null;
  }

  /** The state of the interrupted program: registers, and the frame on the ring-0 stack. */
  private outcome(cpu: Cpu): Outcome {
    const vector = ((cpu.m32[at.EIP] >>> 0) - SYSTEM_LINEAR - STUBS - 1) >>> 0;
    const frameBytes = SYSTEM_LINEAR + STACK_TOP - (cpu.m32[at.ESP] >>> 0);
    const frame = new DataView(this.read(SYSTEM_PHYSICAL + STACK_TOP - 24, 24).buffer);
    const field = (offset: number) => frame.getUint32(offset, true);
    const user = readUser(cpu);
    user.registers[at.ESP] = field(16);
    user.eip = field(4);
    user.eflags = field(12);
    user.selectors.cs = field(8) & 0xffff;
    user.selectors.ss = field(20) & 0xffff;
    if (frameBytes !== 20 && frameBytes !== 24) throw new Error(`frame of ${frameBytes} bytes for vector ${vector}`);
    const hasError = frameBytes === 24;
    if (hasError !== VECTORS_WITH_ERROR.has(vector))
      throw new Error(`vector ${vector} with a frame of ${frameBytes} bytes`);
    return { ...user, vector, errorCode: hasError ? field(0) : 0 };
  }

  /** Back into the program after a single-step trap, as IRET would. */
  private resume(cpu: Cpu, from: Outcome): void {
    const { m32 } = cpu;
    m32[at.HALTED] = 0;
    m32[at.INTERRUPT_SHADOW] = 0;
    m32[at.ESP] = from.registers[at.ESP];
    m32[at.EIP] = from.eip;
    setFlags(cpu, from.eflags);
    const words = (selector: number) => this.descriptorOf(selector);
    for (const [segment, selector] of [
      [at.CS, from.selectors.cs],
      [at.SS, from.selectors.ss],
    ])
      load(cpu, segment, selector, words(selector));
    updateMode(cpu);
  }

  private descriptorOf(selector: number): readonly [number, number] {
    const table = SYSTEM_PHYSICAL + (selector & 4 ? LDT : GDT) + (selector & 0xfff8);
    const view = new DataView(this.read(table, 8).buffer);
    return [view.getUint32(0, true), view.getUint32(4, true)];
  }
}

interface UserState {
  registers: number[];
  eip: number;
  eflags: number;
  selectors: Selectors;
}

interface Outcome extends UserState {
  vector: number;
  errorCode: number;
}

function readUser(cpu: Cpu): UserState {
  const { m32 } = cpu;
  const selector = (segment: number) => m32[at.SEG_SELECTOR + segment] & 0xffff;
  const [es, cs, ss, ds, fs, gs] = [0, 1, 2, 3, 4, 5].map(selector);
  return {
    registers: Array.from({ length: 8 }, (_, i) => m32[i] >>> 0),
    eip: m32[at.EIP] >>> 0,
    eflags: getFlags(cpu) >>> 0,
    selectors: { es, cs, ss, ds, fs, gs },
  };
}

function load(cpu: Cpu, segment: number, selector: number, [low, high]: readonly [number, number]): void {
  const d = { selector, low, high, address: 0 };
  cpu.m32[at.SEG_SELECTOR + segment] = selector;
  cpu.m32[at.SEG_BASE + segment] = base(d);
  cpu.m32[at.SEG_LIMIT + segment] = limit(d);
  cpu.m32[at.SEG_ATTRIBUTES + segment] = attributes(d);
}

function setSegment(cpu: Cpu, c: MachineCase, segment: number, selector: number): void {
  const local = selector & 4 ? c.descriptors.find((d) => d.index === selector >>> 3) : undefined;
  if (local) load(cpu, segment, selector, descriptorWords(local));
  else if (selector === FLAT_CODE) load(cpu, segment, selector, FLAT_CODE_DESCRIPTOR);
  else if (selector === FLAT_DATA) load(cpu, segment, selector, FLAT_DATA_DESCRIPTOR);
  else if ((selector & 0xfffc) === 0) {
    cpu.m32[at.SEG_SELECTOR + segment] = selector;
    cpu.m32[at.SEG_BASE + segment] = 0;
    cpu.m32[at.SEG_LIMIT + segment] = 0;
    cpu.m32[at.SEG_ATTRIBUTES + segment] = 0;
  } else throw new RangeError(`a case cannot start with selector ${selector.toString(16)}`);
}

// ---- FXSAVE image (SDM 1 table 10-2): registers by stack position, tags by physical register ----

function writeFx(cpu: Cpu, fx: Uint8Array): void {
  const { m32 } = cpu;
  const view = new DataView(fx.buffer, fx.byteOffset);
  m32[at.FP_CONTROL] = view.getUint16(0, true);
  m32[at.FP_STATUS] = view.getUint16(2, true);
  m32[at.FP_TAG] = ~fx[4] & 0xff;
  m32[at.FP_OPCODE] = view.getUint16(6, true);
  m32[at.FP_IP] = view.getUint32(8, true);
  m32[at.FP_DP] = view.getUint32(16, true);
  m32[at.FP_CS] = 0;
  m32[at.FP_DS] = 0;
  m32[at.MXCSR] = view.getUint32(24, true);
  const top = (m32[at.FP_STATUS] >>> TOP_SHIFT) & 7;
  for (let i = 0; i < 8; i++) {
    const register = (top + i) & 7;
    m32[at.FP_SIGNIFICAND + 2 * register] = view.getUint32(32 + 16 * i, true);
    m32[at.FP_SIGNIFICAND + 2 * register + 1] = view.getUint32(36 + 16 * i, true);
    cpu.m16[at.FP_SIGN_EXPONENT_16 + register] = view.getUint16(40 + 16 * i, true);
  }
  for (let i = 0; i < 32; i++) m32[at.XMM + i] = view.getUint32(160 + 4 * i, true);
}

function readFx(cpu: Cpu): Uint8Array {
  const { m32 } = cpu;
  const fx = new Uint8Array(FX_BYTES);
  const view = new DataView(fx.buffer);
  view.setUint16(0, m32[at.FP_CONTROL], true);
  view.setUint16(2, m32[at.FP_STATUS], true);
  fx[4] = ~m32[at.FP_TAG] & 0xff;
  view.setUint16(6, m32[at.FP_OPCODE], true);
  view.setUint32(8, m32[at.FP_IP], true);
  view.setUint32(16, m32[at.FP_DP], true);
  view.setUint32(24, m32[at.MXCSR], true);
  const top = (m32[at.FP_STATUS] >>> TOP_SHIFT) & 7;
  for (let i = 0; i < 8; i++) {
    const register = (top + i) & 7;
    view.setUint32(32 + 16 * i, m32[at.FP_SIGNIFICAND + 2 * register], true);
    view.setUint32(36 + 16 * i, m32[at.FP_SIGNIFICAND + 2 * register + 1], true);
    view.setUint16(40 + 16 * i, cpu.m16[at.FP_SIGN_EXPONENT_16 + register], true);
  }
  for (let i = 0; i < 32; i++) view.setUint32(160 + 4 * i, m32[at.XMM + i], true);
  return fx;
}
