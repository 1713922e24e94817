// The task switch. SDM 3 §7.3 gives the steps and table 7-1 the checks: what fails before the commit point raises
// in the old task, what fails while segment registers are loaded raises in the new one (registers, TR, CR3 and EIP
// are then already those of the new task; its T bit is forgotten). 16- and 32-bit TSS; §7.2.1 and §7.6 have the
// layouts.

import { VECTOR_GP, VECTOR_NP, VECTOR_SS, VECTOR_TS } from '../../base/vectors.ts';
import {
  ATTR_TYPE,
  CR0,
  CR0_PG,
  CR0_TS,
  CR3,
  CS,
  DS,
  EAX,
  EIP,
  ES,
  INTERRUPT_SHADOW,
  LDTR,
  NT,
  PENDING_DEBUG,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  TR,
  VM,
} from '../../state/layout.ts';
import { EXIT_MODE, EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { setFlags } from '../../state/flags.ts';
import {
  systemCheckRead,
  systemCheckWrite,
  systemLoad16,
  systemLoad32,
  systemStore16,
  systemStore32,
} from '../../memory/access.ts';
import {
  attributes,
  base,
  type Descriptor,
  dplOf,
  fetchDescriptor,
  findDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isWritableData,
  limit,
  markAccessed,
  setBusy,
  TYPE_32,
  TYPE_BUSY,
  TYPE_LDT,
  TYPE_TSS16,
  TYPE_TSS32,
  typeOf,
} from './descriptors.ts';
import {
  fetchDataDescriptor,
  outsideLimit,
  setCodeSegment,
  setFromDescriptor,
  setNull,
  setVm86Segment,
  updateMode,
} from './segmentation.ts';
import { writeCr3 } from './control.ts';
import { clearLocalBreakpoints, DR6_BT } from './debug.ts';
import { EFLAGS_ALWAYS_ONE, EFLAGS_WRITABLE } from './eflags.ts';

/** What brought the switch about: CALL also stands for interrupts and exceptions. */
export type SwitchKind = 'jump' | 'call' | 'return';

// Offsets in a 32-bit TSS.
const TSS32 = { cr3: 0x1c, eip: 0x20, eflags: 0x24, registers: 0x28, segments: 0x48, ldt: 0x60, trap: 0x64 } as const;
// Offsets in a 16-bit TSS; four segments only.
const TSS16 = { ip: 0x0e, flags: 0x10, registers: 0x12, segments: 0x22, ldt: 0x2a } as const;
const TSS32_LIMIT = 0x67;
const TSS16_LIMIT = 0x2b;

interface NewState {
  cr3: number;
  eip: number;
  eflags: number;
  readonly registers: number[];
  /** ES CS SS DS FS GS. */
  readonly segments: number[];
  ldt: number;
  trap: boolean;
}

function readState(cpu: Cpu, tss: number, wide: boolean): NewState {
  const registers: number[] = [];
  const segments: number[] = [];
  const word = (offset: number): number => systemLoad16(cpu, (tss + offset) | 0);
  const long = (offset: number): number => systemLoad32(cpu, (tss + offset) | 0);
  if (wide) {
    for (let r = 0; r < 8; r++) registers.push(long(TSS32.registers + r * 4));
    for (let s = 0; s < 6; s++) segments.push(word(TSS32.segments + s * 4));
    return {
      cr3: long(TSS32.cr3),
      eip: long(TSS32.eip),
      eflags: long(TSS32.eflags),
      registers,
      segments,
      ldt: word(TSS32.ldt),
      trap: (word(TSS32.trap) & 1) !== 0,
    };
  }
  for (let r = 0; r < 8; r++) registers.push(word(TSS16.registers + r * 2));
  for (let s = 0; s < 4; s++) segments.push(word(TSS16.segments + s * 2));
  segments.push(0, 0);
  const eip = word(TSS16.ip);
  const eflags = word(TSS16.flags);
  return { cr3: cpu.m32[CR3], eip, eflags, registers, segments, ldt: word(TSS16.ldt), trap: false };
}

/** Write the dynamic fields of the old TSS. The caller has checked that the page accesses succeed. */
function saveState(cpu: Cpu, tss: number, wide: boolean, eip: number, eflags: number): void {
  if (wide) {
    systemStore32(cpu, (tss + TSS32.eip) | 0, eip);
    systemStore32(cpu, (tss + TSS32.eflags) | 0, eflags);
    for (let r = 0; r < 8; r++) systemStore32(cpu, (tss + TSS32.registers + r * 4) | 0, cpu.m32[EAX + r]);
    for (let s = 0; s < 6; s++) systemStore16(cpu, (tss + TSS32.segments + s * 4) | 0, cpu.m32[SEG_SELECTOR + s]);
    return;
  }
  systemStore16(cpu, (tss + TSS16.ip) | 0, eip & 0xffff);
  systemStore16(cpu, (tss + TSS16.flags) | 0, eflags & 0xffff);
  for (let r = 0; r < 8; r++) systemStore16(cpu, (tss + TSS16.registers + r * 2) | 0, cpu.m32[EAX + r] & 0xffff);
  for (let s = 0; s < 4; s++) systemStore16(cpu, (tss + TSS16.segments + s * 2) | 0, cpu.m32[SEG_SELECTOR + s]);
}

/**
 * The TSS descriptor that `selector` names, for a switch by `kind`: in the GDT, of the right type (available, or busy
 * for a return), present, large enough. `vector` is raised for the first two: #GP for JMP, CALL and gates, #TS for
 * IRET.
 */
export function fetchTss(cpu: Cpu, selector: number, kind: SwitchKind, vector: number, ext: number): Descriptor {
  const code = (selector & 0xfffc) | ext;
  if ((selector & 4) !== 0) raise(cpu, vector, code);
  const d = fetchDescriptor(cpu, selector, vector, ext);
  const wanted = kind === 'return' ? TYPE_BUSY : 0;
  const type = typeOf(d);
  if (type !== (TYPE_TSS16 | wanted) && type !== (TYPE_TSS32 | wanted)) raise(cpu, vector, code);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, code);
  const wide = (type & TYPE_32) !== 0;
  if (limit(d) >>> 0 < (wide ? TSS32_LIMIT : TSS16_LIMIT)) raise(cpu, VECTOR_TS, code);
  return d;
}

/** The LDT of the new task if its selector is valid; it may still be absent. */
function loadLdtr(cpu: Cpu, selector: number, ext: number): Descriptor | null {
  if (isNull(selector)) return null;
  const code = (selector & 0xfffc) | ext;
  if ((selector & 4) !== 0) raise(cpu, VECTOR_TS, code);
  const d = fetchDescriptor(cpu, selector, VECTOR_TS, ext);
  if (typeOf(d) !== TYPE_LDT) raise(cpu, VECTOR_TS, code);
  setFromDescriptor(cpu, LDTR, selector, d);
  return d;
}

/**
 * Qualify the selectors of the new task, in its own context. SDM 3 table 7-1 has the checks, in the order of the P6
 * family: the privilege of CS before SS, SS before the rest of CS. Until SS is there CPL counts as 3, so that a handler
 * comes in on the inner stack of the new TSS; the manual only says that SS may not be usable.
 */
function loadSegments(cpu: Cpu, state: NewState, ext: number): void {
  const level = state.segments[CS] & 3;
  const ldt = loadLdtr(cpu, state.ldt, ext);
  const cs = state.segments[CS];
  const csCode = (cs & 0xfffc) | ext;
  const ss = state.segments[SS];
  const checkLdtPresent = (): void => {
    if (ldt === null || isPresent(ldt)) return;
    setNull(cpu, LDTR, state.ldt);
    raise(cpu, VECTOR_TS, (state.ldt & 0xfffc) | ext);
  };
  if ((state.eflags & VM) !== 0) {
    checkLdtPresent();
    for (let seg = ES; seg <= 5; seg++) setVm86Segment(cpu, seg, state.segments[seg]);
    return;
  }
  const early = isNull(cs) ? null : findDescriptor(cpu, cs);
  if (early !== null) {
    const a = attributes(early);
    if (isCode(a) && !isConforming(a) && dplOf(early) !== level) raise(cpu, VECTOR_TS, csCode);
  }
  const stack = fetchDescriptor(cpu, ss, VECTOR_TS, ext);
  const ssCode = (ss & 0xfffc) | ext;
  if (!isWritableData(attributes(stack))) raise(cpu, VECTOR_TS, ssCode);
  if (!isPresent(stack)) raise(cpu, VECTOR_SS, ssCode);
  if (dplOf(stack) !== level) raise(cpu, VECTOR_TS, ssCode);
  checkLdtPresent();
  const isMatching = (ss & 3) === level;
  if (isMatching) {
    markAccessed(cpu, stack);
    setFromDescriptor(cpu, SS, ss, stack);
  }
  const d = fetchDescriptor(cpu, cs, VECTOR_TS, ext);
  const a = attributes(d);
  if (!isCode(a) || (isConforming(a) && dplOf(d) > level)) raise(cpu, VECTOR_TS, csCode);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, csCode);
  if (!isMatching) raise(cpu, VECTOR_TS, ssCode);
  markAccessed(cpu, d);
  setCodeSegment(cpu, cs, level, d);
  for (const seg of [DS, ES, 4, 5]) {
    const selector = state.segments[seg];
    if (isNull(selector)) continue;
    const data = fetchDataDescriptor(cpu, selector, level, VECTOR_TS, ext);
    markAccessed(cpu, data);
    setFromDescriptor(cpu, seg, selector, data);
  }
}

/**
 * Switch to the task of `d` (from fetchTss). `returnEip` and `savedFlags` go into the old TSS; `ext` into error codes.
 * Sets EIP and nextEip; the caller ends with checkTaskEntry. Returns whether the new TSS is a 32-bit one (the width of
 * a pushed error code).
 */
export function switchTask(
  cpu: Cpu,
  d: Descriptor,
  kind: SwitchKind,
  returnEip: number,
  savedFlags: number,
  ext: number,
): boolean {
  const wide = (typeOf(d) & TYPE_32) !== 0;
  const newTss = base(d);
  const oldTss = cpu.m32[SEG_BASE + TR];
  const oldWide = (cpu.m32[SEG_ATTRIBUTES + TR] & ATTR_TYPE & TYPE_32) !== 0;
  const oldSelector = cpu.m32[SEG_SELECTOR + TR];
  if (cpu.m32[SEG_LIMIT + TR] >>> 0 < (oldWide ? TSS32.ldt - 1 : TSS16.ldt - 1)) {
    raise(cpu, VECTOR_TS, (oldSelector & 0xfffc) | ext);
  }
  // Everything that paging could refuse is tried before the first change; the whole new TSS must be there (§7.3).
  systemCheckRead(cpu, newTss, (wide ? TSS32_LIMIT : TSS16_LIMIT) + 1);
  systemCheckWrite(cpu, oldWide ? (oldTss + TSS32.eip) | 0 : (oldTss + TSS16.ip) | 0, oldWide ? 0x40 : 0x1c);
  if (kind === 'call') systemCheckWrite(cpu, newTss, 2);
  const oldDescriptor = kind === 'call' ? null : findDescriptor(cpu, oldSelector);
  if (oldDescriptor !== null) systemCheckWrite(cpu, (oldDescriptor.address + 5) | 0, 1);
  if (kind !== 'return') systemCheckWrite(cpu, (d.address + 5) | 0, 1);

  if (oldDescriptor !== null) setBusy(cpu, oldDescriptor, false);
  saveState(cpu, oldTss, oldWide, returnEip, kind === 'return' ? savedFlags & ~NT : savedFlags);
  // Loaded after the old state is saved (the order of §7.3): IRET may return to its own task.
  const state = readState(cpu, newTss, wide);
  if (kind === 'call') {
    systemStore16(cpu, newTss, oldSelector);
    state.eflags |= NT;
  }
  if (kind !== 'return') setBusy(cpu, d, true);
  d.high |= TYPE_BUSY << 8;
  setFromDescriptor(cpu, TR, d.selector, d);
  cpu.m32[CR0] |= CR0_TS;

  // The commit point: from here faults belong to the new task.
  for (let r = 0; r < 8; r++) cpu.m32[EAX + r] = state.registers[r];
  for (let seg = ES; seg <= 5; seg++) setNull(cpu, seg, state.segments[seg], seg === SS ? 3 : 0);
  setNull(cpu, LDTR, state.ldt);
  setFlags(cpu, (state.eflags & EFLAGS_WRITABLE) | EFLAGS_ALWAYS_ONE);
  cpu.m32[EIP] = state.eip;
  cpu.nextEip = state.eip;
  cpu.m32[INTERRUPT_SHADOW] = 0;
  cpu.trapInhibit = true; // the old task's TF does not trap in the new one
  clearLocalBreakpoints(cpu);
  updateMode(cpu);
  cpu.exitRequest |= EXIT_MODE | EXIT_WINDOW;
  if (wide && (cpu.m32[CR0] & CR0_PG) !== 0) writeCr3(cpu, state.cr3);
  loadSegments(cpu, state, ext);
  updateMode(cpu);
  if (state.trap) cpu.m32[PENDING_DEBUG] |= DR6_BT;
  return wide;
}

/** The last check, in the new task: after the error code has been pushed, if there is one. SDM 2, INT: task-gate. */
export function checkTaskEntry(cpu: Cpu, ext: number): void {
  if (outsideLimit(cpu.m32[SEG_ATTRIBUTES + CS], cpu.m32[SEG_LIMIT + CS], cpu.m32[EIP], 1)) raise(cpu, VECTOR_GP, ext);
}
