// Segment registers and selectors: MOV, PUSH and POP of segment registers, LDS LES LFS LGS LSS, LAR LSL VERR VERW
// ARPL, LLDT SLDT LTR STR. SDM 2 under each name; the checks are in src/core/cpu (segmentation.ts, selectors.ts).
// MOV SS and POP SS hold off interrupts and debug traps until the next instruction is done (SDM 3 §6.8.3).

import { VECTOR_GP, VECTOR_UD } from '../../../src/core/base/vectors.ts';
import { cpl, loadSegment } from '../../../src/core/cpu/system/segmentation.ts';
import {
  accessRights,
  checkProtected,
  isVerifiedReadable,
  isVerifiedWritable,
  loadLdt,
  loadTaskRegister,
  segmentLimit,
} from '../../../src/core/cpu/system/selectors.ts';
import { peekValue, pushValue, topAfter } from '../../../src/core/cpu/system/stack.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_OPSIZE_32, R_A, R_B, R_META } from '../../../src/core/isa/record.ts';
import { load16, load32 } from '../../../src/core/memory/access.ts';
import { type Cpu, EXIT_WINDOW, raise } from '../../../src/core/state/cpu.ts';
import { changeFlags } from '../../../src/core/state/flags.ts';
import {
  CS,
  DS,
  ES,
  ESP,
  FS,
  GS,
  INTERRUPT_SHADOW,
  LDTR,
  SEG_SELECTOR,
  SHADOW_MOV_SS,
  SS,
  TR,
  ZF,
} from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, addressPast, readA, readB, sizeA, writeA, writeRegister } from '../operands.ts';

const operandBytes = (code: Int32Array, pc: number): number => ((code[pc + R_META] & META_OPSIZE_32) !== 0 ? 4 : 2);

/** A second MOV SS in a row does not prolong the shadow of the first. */
function shadowAfterSs(cpu: Cpu, seg: number): void {
  if (seg !== SS || (cpu.m32[INTERRUPT_SHADOW] & SHADOW_MOV_SS) !== 0) return;
  cpu.m32[INTERRUPT_SHADOW] |= SHADOW_MOV_SS;
  cpu.exitRequest |= EXIT_WINDOW;
}

function movToSegment(cpu: Cpu, code: Int32Array, pc: number): void {
  const seg = code[pc + R_A];
  if (seg === CS || seg > GS) raise(cpu, VECTOR_UD);
  loadSegment(cpu, seg, readB(cpu, code, pc));
  shadowAfterSs(cpu, seg);
}

function movFromSegment(cpu: Cpu, code: Int32Array, pc: number): void {
  const seg = code[pc + R_B];
  if (seg > GS) raise(cpu, VECTOR_UD);
  writeA(cpu, code, pc, cpu.m32[SEG_SELECTOR + seg]);
}

/** With a 32-bit operand the selector is pushed zero-extended, as the P6 and AMD processors do. */
function pushSegment(cpu: Cpu, code: Int32Array, pc: number): void {
  pushValue(cpu, cpu.m32[SEG_SELECTOR + code[pc + R_A]], operandBytes(code, pc));
}

function popSegment(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = operandBytes(code, pc);
  const seg = code[pc + R_A];
  const selector = peekValue(cpu, size) & 0xffff;
  const esp = topAfter(cpu, size);
  loadSegment(cpu, seg, selector);
  cpu.m32[ESP] = esp;
  shadowAfterSs(cpu, seg);
}

function loadFarPointer(seg: number): Handler {
  return (cpu, code, pc) => {
    const size = operandBytes(code, pc);
    const at = addressOf(cpu, code, pc, size, false);
    const offset = size === 4 ? load32(cpu, at) : load16(cpu, at);
    loadSegment(cpu, seg, load16(cpu, addressPast(cpu, code, pc, size, 2, false)));
    writeRegister(cpu, code[pc + R_A], sizeA(code, pc), offset);
  };
}

/** LAR, LSL: write the destination only when ZF becomes 1. */
function query(ask: (cpu: Cpu, selector: number) => number | null): Handler {
  return (cpu, code, pc) => {
    checkProtected(cpu);
    const answer = ask(cpu, readB(cpu, code, pc) & 0xffff);
    changeFlags(cpu, ZF, answer === null ? 0 : ZF);
    if (answer !== null) writeRegister(cpu, code[pc + R_A], sizeA(code, pc), answer);
  };
}

function verify(ask: (cpu: Cpu, selector: number) => boolean): Handler {
  return (cpu, code, pc) => {
    checkProtected(cpu);
    changeFlags(cpu, ZF, ask(cpu, readA(cpu, code, pc) & 0xffff) ? ZF : 0);
  };
}

/** Memory is read plainly and written only when the RPL changes, as AMD processors do; a fault leaves ZF alone. */
function arpl(cpu: Cpu, code: Int32Array, pc: number): void {
  checkProtected(cpu);
  const source = readB(cpu, code, pc);
  const destination = readA(cpu, code, pc);
  const raised = (destination & 3) < (source & 3);
  if (raised) writeA(cpu, code, pc, (destination & ~3) | (source & 3));
  changeFlags(cpu, ZF, raised ? ZF : 0);
}

function loadSystemSegment(load: (cpu: Cpu, selector: number) => void): Handler {
  return (cpu, code, pc) => {
    checkProtected(cpu);
    if (cpl(cpu) !== 0) raise(cpu, VECTOR_GP, 0);
    load(cpu, readA(cpu, code, pc) & 0xffff);
  };
}

function storeSystemSegment(seg: number): Handler {
  return (cpu, code, pc) => {
    checkProtected(cpu);
    writeA(cpu, code, pc, cpu.m32[SEG_SELECTOR + seg]);
  };
}

export const segmentHandlers = {
  MOV_TO_SREG: movToSegment,
  MOV_FROM_SREG: movFromSegment,
  PUSH_SREG: pushSegment,
  POP_SREG: popSegment,
  LES: loadFarPointer(ES),
  LDS: loadFarPointer(DS),
  LSS: loadFarPointer(SS),
  LFS: loadFarPointer(FS),
  LGS: loadFarPointer(GS),
  LAR: query(accessRights),
  LSL: query(segmentLimit),
  VERR: verify(isVerifiedReadable),
  VERW: verify(isVerifiedWritable),
  ARPL: arpl,
  LLDT: loadSystemSegment(loadLdt),
  LTR: loadSystemSegment(loadTaskRegister),
  SLDT: storeSystemSegment(LDTR),
  STR: storeSystemSegment(TR),
} satisfies Partial<Record<OpName, Handler>>;
