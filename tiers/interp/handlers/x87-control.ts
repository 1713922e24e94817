// x87 control: control and status word, environments and saved states, FNINIT, FNCLEX, FWAIT, and what is left of the
// 8087's and 80287's control instructions. SDM 2 under each name. The instructions without WAIT (FN…) do not look at
// pending exceptions. None of these changes the last instruction and data pointers except by loading them.

import { VECTOR_GP } from '../../../src/core/base/vectors.ts';
import {
  fxRestore,
  fxSave,
  type Image,
  loadEnvironment,
  loadState,
  saveBytes,
  environmentBytes,
  storeEnvironment,
  storeState,
  FX_IMAGE_BYTES,
} from '../../../src/core/cpu/float/x87/images.ts';
import {
  checkAvailable,
  clearExceptions,
  enter,
  enterWait,
  initialise,
  setControl,
} from '../../../src/core/cpu/float/x87/status.ts';
import { checkLimit } from '../../../src/core/cpu/system/segmentation.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { EA_16, META_OPSIZE_32, R_EA, R_META } from '../../../src/core/isa/record.ts';
import { checkAlignment, checkRead, checkWrite, load16, store16 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { EAX, FP_CONTROL, FP_STATUS, SEG_BASE } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, addressPast, effectiveOffset, segmentOf } from '../operands.ts';

/** Six exception masks. */
const ALL_MASKED = 0x3f;

const isWide = (code: Int32Array, pc: number): boolean => (code[pc + R_META] & META_OPSIZE_32) !== 0;

function check(cpu: Cpu, address: number, bytes: number, write: boolean): void {
  if (write) checkWrite(cpu, address, bytes);
  else checkRead(cpu, address, bytes);
}

/** Linear address of the last of `bytes`, checked. */
function checkLast(cpu: Cpu, code: Int32Array, pc: number, bytes: number, write: boolean): void {
  check(cpu, addressPast(cpu, code, pc, bytes - 1, 1, write), 1, write);
}

/** The image in hand: one instruction at a time has one. */
const image: Image = { at: 0, segment: 0, offset: 0, wrapsAt: 0, write: false };

function placeImage(cpu: Cpu, code: Int32Array, pc: number, at: number, write: boolean): Image {
  image.at = at;
  image.segment = segmentOf(code, pc);
  image.offset = effectiveOffset(cpu, code, pc);
  image.wrapsAt = (code[pc + R_EA] & EA_16) === 0 ? Number.MAX_SAFE_INTEGER : 0x10000 - image.offset;
  image.write = write;
  return image;
}

/** Where the image of FNSTENV or FNSAVE lies, first word and last byte checked, in silicon's order. */
function stateImage(cpu: Cpu, code: Int32Array, pc: number, bytes: number, write: boolean): Image {
  const word = isWide(code, pc) ? 4 : 2;
  const at = addressOf(cpu, code, pc, word, write);
  checkAlignment(cpu, at, word);
  check(cpu, at, word, write);
  checkLast(cpu, code, pc, bytes, write);
  return placeImage(cpu, code, pc, at, write);
}

/**
 * Where the image of FXSAVE lies, checked in silicon's order: limit of four bytes, alignment (#AC where it applies and
 * not even 4 divides), that the segment may be written, last byte, first byte.
 */
function fxImage(cpu: Cpu, code: Int32Array, pc: number, write: boolean): Image {
  const offset = effectiveOffset(cpu, code, pc);
  checkLimit(cpu, segmentOf(code, pc), offset, 4);
  checkAlignment(cpu, (cpu.m32[SEG_BASE + segmentOf(code, pc)] + offset) | 0, 4);
  const at = addressOf(cpu, code, pc, 1, write);
  if ((at & 15) !== 0) raise(cpu, VECTOR_GP, 0);
  checkLast(cpu, code, pc, FX_IMAGE_BYTES, write);
  check(cpu, at, 1, write);
  return placeImage(cpu, code, pc, at, write);
}

function loadControl(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  setControl(cpu, load16(cpu, addressOf(cpu, code, pc, 2, false)));
}

function storeControl(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  store16(cpu, addressOf(cpu, code, pc, 2, true), cpu.m32[FP_CONTROL]);
}

function storeStatus(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  store16(cpu, addressOf(cpu, code, pc, 2, true), cpu.m32[FP_STATUS] & 0xffff);
}

function statusToAx(cpu: Cpu): void {
  checkAvailable(cpu);
  cpu.m16[EAX << 1] = cpu.m32[FP_STATUS];
}

function clear(cpu: Cpu): void {
  checkAvailable(cpu);
  clearExceptions(cpu);
}

function init(cpu: Cpu): void {
  checkAvailable(cpu);
  initialise(cpu);
}

/** Masks all exceptions once the environment is stored. */
function fnstenv(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  const wide = isWide(code, pc);
  storeEnvironment(cpu, stateImage(cpu, code, pc, environmentBytes(wide), true), wide);
  setControl(cpu, cpu.m32[FP_CONTROL] | ALL_MASKED);
}

function fldenv(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  const wide = isWide(code, pc);
  loadEnvironment(cpu, stateImage(cpu, code, pc, environmentBytes(wide), false), wide);
}

function fnsave(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  const wide = isWide(code, pc);
  storeState(cpu, stateImage(cpu, code, pc, saveBytes(wide), true), wide);
  initialise(cpu);
}

function frstor(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  const wide = isWide(code, pc);
  loadState(cpu, stateImage(cpu, code, pc, saveBytes(wide), false), wide);
}

function fxsave(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  fxSave(cpu, fxImage(cpu, code, pc, true));
}

function fxrstor(cpu: Cpu, code: Int32Array, pc: number): void {
  checkAvailable(cpu);
  fxRestore(cpu, fxImage(cpu, code, pc, false));
}

/** FNENI, FNDISI, FNSETPM: meant something to the 8087 and 80287 alone. */
const ignored: Handler = (cpu) => checkAvailable(cpu);

export const x87ControlHandlers = {
  FLDCW: loadControl,
  FNSTCW: storeControl,
  FNSTSW: storeStatus,
  FNSTSW_AX: statusToAx,
  FNCLEX: clear,
  FNINIT: init,
  FNSTENV: fnstenv,
  FLDENV: fldenv,
  FNSAVE: fnsave,
  FRSTOR: frstor,
  FXSAVE: fxsave,
  FXRSTOR: fxrstor,
  FNENI: ignored,
  FNDISI: ignored,
  FNSETPM: ignored,
  FWAIT: (cpu: Cpu) => {
    enterWait(cpu);
  },
} satisfies Partial<Record<OpName, Handler>>;
