// Delivery of exceptions and interrupts: real mode through the vector table, protected mode through interrupt, trap
// and task gates, from virtual-8086 mode to ring 0, and VME's redirection of INT n. Double and triple faults.
// SDM 2 INT n/INTO/INT3/INT1 (the operation section), SDM 3 chapter 6 (§6.12 gates, §6.13 error codes, §6.15 table
// 6-5 double faults), §17.3 (#DB, RF), §20.1.4, §20.2.7, §20.3 (8086 modes). Delivery takes no tick.
// Registers change only after the whole frame is written; stack bytes below ESP may have changed by then.

import {
  VECTOR_AC,
  VECTOR_BR,
  VECTOR_DB,
  VECTOR_DE,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_MF,
  VECTOR_NM,
  VECTOR_NMI,
  VECTOR_NP,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  VECTOR_UD,
  VECTOR_XM,
} from '../../base/vectors.ts';
import {
  AC,
  CR4,
  CR4_VME,
  CS,
  DS,
  EFLAGS,
  EIP,
  ES,
  ESP,
  FS,
  GS,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  IF,
  INTERRUPT_SHADOW,
  IOPL,
  NMI_BLOCKED,
  NMI_PENDING,
  NT,
  PENDING_DEBUG,
  RF,
  SEG_SELECTOR,
  SHUTDOWN,
  SS,
  TF,
  VIF,
  VM,
} from '../../state/layout.ts';
import { EXIT_FAULT, EXIT_MODE, EXIT_STOP, EXIT_WINDOW, GUEST_FAULT, raise, type Cpu } from '../../state/cpu.ts';
import { getFlags } from '../../state/flags.ts';
import { systemLoad16, systemLoad32 } from '../../memory/access.ts';
import {
  attributes,
  type Descriptor,
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isPresent,
  limit,
  markAccessed,
  TYPE_INTERRUPT_GATE16,
  TYPE_INTERRUPT_GATE32,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE16,
  TYPE_TRAP_GATE32,
} from './descriptors.ts';
import {
  cpl,
  fetchStackDescriptor,
  isProtected,
  isVm86,
  outsideLimit,
  setCodeSegment,
  setFromDescriptor,
  setNull,
  setRealSegment,
  setVm86Segment,
  updateMode,
} from './segmentation.ts';
import { checkRoom, commitStack, currentStack, innerStack, push } from './stack.ts';
import { innerStackPointer, isRedirectionBitSet } from './tss.ts';
import { checkTaskEntry, fetchTss, switchTask } from './task-switch.ts';
import { clearGeneralDetect, DR6_BT, recordDebugReason } from './debug.ts';
import { virtualFlags } from './eflags.ts';
import { enterStraight } from './straight.ts';

/** What is being delivered. */
interface Event {
  readonly vector: number;
  /** undefined: the vector pushes no error code. */
  readonly errorCode: number | undefined;
  readonly returnEip: number;
  /** Bits ORed into the pushed flags: RF for faults. */
  readonly flagBits: number;
  /** EXT bit of error codes raised by the delivery itself: 0 only for INT n, INT3 and INTO. */
  readonly ext: number;
  /** The gate's DPL must admit the CPL. */
  readonly checkDpl: boolean;
}

/** EXT bit and IDT bit of a selector error code, SDM 3 §6.13. */
const EXT = 1;
const IDT = 2;

/** Not a vector: what a fault during the delivery of #DF becomes. */
const TRIPLE_FAULT = -1;
/** Nested deliveries before we give up: a #AC handler whose own frame is misaligned would nest for ever. */
const NESTING_MAX = 16;

/** Vectors of class fault (EIP of the instruction, RF pushed as 1). #DB counts when raised by general detect. */
const FAULTS = new Set([
  VECTOR_DE,
  VECTOR_DB,
  VECTOR_BR,
  VECTOR_UD,
  VECTOR_NM,
  VECTOR_TS,
  VECTOR_NP,
  VECTOR_SS,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_MF,
  VECTOR_AC,
  VECTOR_XM,
]);
/** The same by vector: RF for these, which is what they add to the pushed flags. */
const FAULT_FLAGS = Int32Array.from({ length: 256 }, (_, vector) => (FAULTS.has(vector) ? RF : 0));
const CONTRIBUTORY = new Set([VECTOR_DE, VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP]);

function setEip(cpu: Cpu, eip: number): void {
  cpu.m32[EIP] = eip;
  cpu.nextEip = eip;
}

/** After a successful delivery: the CPU runs, shadows are gone, the loop looks afresh. */
function finish(cpu: Cpu): void {
  cpu.m32[HALTED] = 0;
  cpu.m32[INTERRUPT_SHADOW] = 0;
  updateMode(cpu);
  cpu.exitRequest |= EXIT_MODE | EXIT_WINDOW;
}

/** SDM 3 §20.1.4. No error codes in real mode. */
function deliverReal(cpu: Cpu, event: Event): void {
  const entry = event.vector * 4;
  if (entry + 3 > cpu.m32[IDTR_LIMIT] >>> 0) raise(cpu, VECTOR_GP, 0);
  const vectorAddress = (cpu.m32[IDTR_BASE] + entry) | 0;
  const ip = systemLoad16(cpu, vectorAddress);
  const cs = systemLoad16(cpu, (vectorAddress + 2) | 0);
  const stack = currentStack(cpu);
  checkRoom(cpu, stack, 3, 2);
  push(cpu, stack, getFlags(cpu), 2);
  push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], 2);
  push(cpu, stack, event.returnEip, 2);
  commitStack(cpu, stack);
  cpu.m32[EFLAGS] &= ~(IF | TF | AC | RF);
  setRealSegment(cpu, CS, cs);
  setEip(cpu, ip);
  finish(cpu);
}

function deliverThroughTask(cpu: Cpu, event: Event, selector: number): void {
  const d = fetchTss(cpu, selector, 'call', VECTOR_GP, event.ext);
  const wide = switchTask(cpu, d, 'call', event.returnEip, getFlags(cpu) | event.flagBits, event.ext);
  if (event.errorCode !== undefined) {
    const stack = currentStack(cpu, event.ext);
    push(cpu, stack, event.errorCode, wide ? 4 : 2);
    commitStack(cpu, stack);
  }
  checkTaskEntry(cpu, event.ext);
  finish(cpu);
}

/** Interrupt or trap gate; `size` is the width of the frame's items. SDM 2, INT: interrupt-or-trap-gate. */
function deliverThroughGate(
  cpu: Cpu,
  event: Event,
  selector: number,
  offset: number,
  size: number,
  clears: number,
): void {
  const { ext } = event;
  const fromVm86 = isVm86(cpu);
  const oldCpl = cpl(cpu);
  const code = fetchDescriptor(cpu, selector, VECTOR_GP, ext);
  const codeError = (selector & 0xfffc) | ext;
  const a = attributes(code);
  if (!isCode(a) || dplOf(code) > oldCpl) raise(cpu, VECTOR_GP, codeError);
  if (!isPresent(code)) raise(cpu, VECTOR_NP, codeError);
  const inner = !isConforming(a) && dplOf(code) < oldCpl;
  if (fromVm86 && (!inner || dplOf(code) !== 0)) raise(cpu, VECTOR_GP, codeError);
  const flags = getFlags(cpu) | event.flagBits;
  const level = inner ? dplOf(code) : oldCpl;

  let stack = currentStack(cpu, ext);
  let stackDescriptor: Descriptor | null = null;
  let ss = 0;
  if (inner) {
    const pointer = innerStackPointer(cpu, level, ext);
    ss = pointer.ss;
    stackDescriptor = fetchStackDescriptor(cpu, ss, level, VECTOR_TS, ext);
    stack = innerStack(stackDescriptor, pointer.esp, (ss & 0xfffc) | ext);
  }
  const items = 3 + (inner ? 2 : 0) + (fromVm86 ? 4 : 0) + (event.errorCode !== undefined ? 1 : 0);
  checkRoom(cpu, stack, items, size);
  if (outsideLimit(a, limit(code), offset, 1)) raise(cpu, VECTOR_GP, ext);
  if (stackDescriptor !== null) markAccessed(cpu, stackDescriptor);
  markAccessed(cpu, code);

  if (fromVm86) {
    push(cpu, stack, cpu.m32[SEG_SELECTOR + GS], size);
    push(cpu, stack, cpu.m32[SEG_SELECTOR + FS], size);
    push(cpu, stack, cpu.m32[SEG_SELECTOR + DS], size);
    push(cpu, stack, cpu.m32[SEG_SELECTOR + ES], size);
  }
  if (inner) {
    push(cpu, stack, cpu.m32[SEG_SELECTOR + SS], size);
    push(cpu, stack, cpu.m32[ESP], size);
  }
  push(cpu, stack, flags, size);
  push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], size);
  push(cpu, stack, event.returnEip, size);
  if (event.errorCode !== undefined) push(cpu, stack, event.errorCode, size);

  cpu.m32[EFLAGS] &= ~(clears | TF | NT | VM | RF);
  if (fromVm86) for (const seg of [GS, FS, DS, ES]) setNull(cpu, seg, 0);
  if (stackDescriptor !== null) setFromDescriptor(cpu, SS, ss, stackDescriptor);
  setCodeSegment(cpu, selector, level, code);
  commitStack(cpu, stack);
  setEip(cpu, offset);
  finish(cpu);
}

/** SDM 3 §6.12: look up the gate and go through it. */
function deliverProtected(cpu: Cpu, event: Event): void {
  const { vector, ext } = event;
  const gateError = (vector << 3) | IDT | ext;
  if (vector * 8 + 7 > cpu.m32[IDTR_LIMIT] >>> 0) raise(cpu, VECTOR_GP, gateError);
  const address = (cpu.m32[IDTR_BASE] + vector * 8) | 0;
  const low = systemLoad32(cpu, address);
  const high = systemLoad32(cpu, (address + 4) | 0);
  const type = (high >>> 8) & 0x1f;
  const isInterruptGate = type === TYPE_INTERRUPT_GATE16 || type === TYPE_INTERRUPT_GATE32;
  const isTrapGate = type === TYPE_TRAP_GATE16 || type === TYPE_TRAP_GATE32;
  if (!isInterruptGate && !isTrapGate && type !== TYPE_TASK_GATE) raise(cpu, VECTOR_GP, gateError);
  if (event.checkDpl && ((high >>> 13) & 3) < cpl(cpu)) raise(cpu, VECTOR_GP, gateError);
  if ((high & 0x8000) === 0) raise(cpu, VECTOR_NP, gateError);
  const selector = low >>> 16;
  if (type === TYPE_TASK_GATE) {
    deliverThroughTask(cpu, event, selector);
    return;
  }
  const wide = type === TYPE_INTERRUPT_GATE32 || type === TYPE_TRAP_GATE32;
  const offset = wide ? (high & 0xffff0000) | (low & 0xffff) : low & 0xffff;
  deliverThroughGate(cpu, event, selector, offset, wide ? 4 : 2, isInterruptGate ? IF : 0);
}

function deliver(cpu: Cpu, event: Event): void {
  if (isProtected(cpu)) deliverProtected(cpu, event);
  else deliverReal(cpu, event);
}

/** What a fault `second` raised while delivering `first` becomes. SDM 3 table 6-5. */
export function escalate(first: number, second: number): number {
  if (first === VECTOR_DF) return TRIPLE_FAULT;
  const secondCounts = CONTRIBUTORY.has(second);
  if (CONTRIBUTORY.has(first) && secondCounts) return VECTOR_DF;
  if (first === VECTOR_PF && (secondCounts || second === VECTOR_PF)) return VECTOR_DF;
  return second;
}

/** Take the fault out of the fault fields. */
function takeFault(cpu: Cpu): { vector: number; errorCode: number | undefined } {
  const taken = { vector: cpu.faultVector, errorCode: cpu.faultHasError ? cpu.faultError : undefined };
  cpu.faultVector = -1;
  cpu.faultHasError = false;
  cpu.exitRequest &= ~EXIT_FAULT;
  return taken;
}

/** Deliver `event`, and whatever its delivery raises, until a handler is entered or the CPU shuts down. */
function deliverWithNesting(cpu: Cpu, event: Event, beganWithInterrupt = false): void {
  const vectors: number[] = [];
  for (let nesting = 0; nesting < NESTING_MAX; nesting++) {
    try {
      deliver(cpu, event);
      if (event.vector === VECTOR_DB) clearGeneralDetect(cpu);
      return;
    } catch (thrown) {
      if (thrown !== GUEST_FAULT) throw thrown;
    }
    vectors.push(event.vector);
    cpu.m32[PENDING_DEBUG] &= ~DR6_BT; // of a task gate whose task could not be entered
    const raised = takeFault(cpu);
    const vector = escalate(event.vector, raised.vector);
    if (vector === TRIPLE_FAULT) break;
    const errorCode = vector === VECTOR_DF ? 0 : raised.errorCode;
    event = makeFault(cpu, vector, errorCode);
  }
  cpu.failedDeliveries = { vectors, beganWithInterrupt };
  cpu.m32[SHUTDOWN] = 1;
  cpu.exitRequest |= EXIT_STOP;
}

function makeFault(cpu: Cpu, vector: number, errorCode: number | undefined): Event {
  const flagBits = FAULT_FLAGS[vector];
  return { vector, errorCode, returnEip: cpu.m32[EIP], flagBits, ext: EXT, checkDpl: false };
}

/**
 * An event that is neither a fault nor a software interrupt: EIP is the next instruction, RF is pushed as it is. That
 * holds between the iterations of a REP too: RF stays what it was before the first. (SDM 3, Instruction-Breakpoint
 * Exception Condition, has 1 there in any case; AMD's processors, which the witness was, do not.)
 */
function makeInterrupt(cpu: Cpu, vector: number): Event {
  return { vector, errorCode: undefined, returnEip: cpu.m32[EIP], flagBits: 0, ext: EXT, checkDpl: false };
}

/** The common case of deliverFault, or false and nothing changed. Faults of debugging have their own bits in DR6. */
function deliverFaultStraight(cpu: Cpu): boolean {
  const vector = cpu.faultVector;
  if (vector === VECTOR_DB) return false;
  const { m32, faultHasError, faultError } = cpu;
  if (!enterStraight(cpu, vector, faultHasError, faultError, m32[EIP], FAULT_FLAGS[vector], false)) return false;
  cpu.faultVector = -1;
  cpu.faultHasError = false;
  cpu.exitRequest &= ~EXIT_FAULT;
  m32[PENDING_DEBUG] = 0;
  cpu.faultDebug = 0;
  return true;
}

/**
 * Deliver the fault in the fault fields; EIP is the faulting instruction. An instruction breakpoint comes here too
 * (cpu.faultDebug holds its DR6 bits) and pushes RF unchanged. Debug hits of the instruction are dropped: it will run
 * again. Never throws for the guest; may end in SHUTDOWN = 1 with EXIT_STOP.
 */
export function deliverFault(cpu: Cpu): void {
  if (deliverFaultStraight(cpu)) return;
  const { vector, errorCode } = takeFault(cpu);
  cpu.m32[PENDING_DEBUG] = 0; // the T bit too, of a task whose entry failed: it has no first instruction
  const hits = cpu.faultDebug;
  cpu.faultDebug = 0;
  if (vector === VECTOR_DB && hits !== 0) {
    recordDebugReason(cpu, hits);
    deliverWithNesting(cpu, makeInterrupt(cpu, VECTOR_DB));
  } else deliverWithNesting(cpu, makeFault(cpu, vector, errorCode));
}

/** Deliver external interrupt `vector` between instructions, or between iterations of a REP. */
export function deliverInterrupt(cpu: Cpu, vector: number): void {
  if (enterStraight(cpu, vector, false, 0, cpu.m32[EIP], 0, false)) return;
  deliverWithNesting(cpu, makeInterrupt(cpu, vector), true);
}

/** Deliver the pending NMI; further ones are blocked until IRET. SDM 3 §6.7. */
export function deliverNmi(cpu: Cpu): void {
  cpu.m32[NMI_PENDING] = 0;
  cpu.m32[NMI_BLOCKED] = 1;
  deliverWithNesting(cpu, makeInterrupt(cpu, VECTOR_NMI), true);
}

/** Deliver the debug traps in PENDING_DEBUG: EIP is the next instruction. SDM 3 §17.3.1. */
export function deliverDebugTrap(cpu: Cpu): void {
  recordDebugReason(cpu, cpu.m32[PENDING_DEBUG]);
  cpu.m32[PENDING_DEBUG] = 0;
  deliverWithNesting(cpu, makeInterrupt(cpu, VECTOR_DB));
}

/** VME: INT n within the virtual-8086 program, by the vector table at linear 0. SDM 3 §20.3.3, methods 5 and 6. */
function redirectInterrupt(cpu: Cpu, vector: number, returnEip: number): void {
  const ip = systemLoad16(cpu, vector * 4);
  const cs = systemLoad16(cpu, vector * 4 + 2);
  const flags = getFlags(cpu);
  const virtual = (flags & IOPL) !== IOPL;
  const stack = currentStack(cpu);
  checkRoom(cpu, stack, 3, 2);
  push(cpu, stack, virtual ? virtualFlags(flags) : flags, 2);
  push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], 2);
  push(cpu, stack, returnEip, 2);
  commitStack(cpu, stack);
  cpu.m32[EFLAGS] &= ~((virtual ? VIF : IF) | TF | RF);
  setVm86Segment(cpu, CS, cs);
  setEip(cpu, ip);
  finish(cpu);
}

/**
 * INT n (`explicit`), INT3 and INTO, from their handler: pushes `returnEip`. Raises (throws) like any instruction, with
 * EIP still at it. In virtual-8086 mode INT n needs IOPL 3 or VME; INT3 and INTO do not (SDM 3 §20.3.3, table 20-2).
 */
export function softwareInterrupt(cpu: Cpu, vector: number, returnEip: number, explicit = true): void {
  if (explicit && isVm86(cpu)) {
    const allowed = (cpu.m32[EFLAGS] & IOPL) === IOPL;
    if ((cpu.m32[CR4] & CR4_VME) !== 0 && !isRedirectionBitSet(cpu, vector)) {
      redirectInterrupt(cpu, vector, returnEip);
      cpu.trapInhibit = true;
      return;
    }
    if (!allowed) raise(cpu, VECTOR_GP, 0);
  }
  if (!enterStraight(cpu, vector, false, 0, returnEip, 0, true)) {
    deliver(cpu, { vector, errorCode: undefined, returnEip, flagBits: 0, ext: 0, checkDpl: true });
  }
  cpu.trapInhibit = true;
  cpu.systemWatcher?.called(vector);
}

/** INT1 (F1): a #DB trap that sets no DR6 bit and asks no gate privilege. SDM 2, INT1. */
export function debugInterrupt(cpu: Cpu, returnEip: number): void {
  deliver(cpu, { vector: VECTOR_DB, errorCode: undefined, returnEip, flagBits: 0, ext: EXT, checkDpl: false });
  cpu.trapInhibit = true;
  clearGeneralDetect(cpu);
}
