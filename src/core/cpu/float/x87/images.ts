// The images that FNSTENV, FNSAVE, FLDENV, FRSTOR, FXSAVE and FXRSTOR move. SDM 1 §8.1.10 (figures 8-9 to 8-12: the
// four layouts of the environment), §10.5 (table 10-2: FXSAVE). The caller has checked the first and the last byte:
// nothing here faults but FXRSTOR for MXCSR, and the middle of an image that wraps at the end of a 16-bit address,
// which silicon moves in pieces of 2 to 16 bytes, each with its own offset. Words above 16-bit fields are stored as
// ones, as silicon does. FXSAVE keeps the pointers always, as Intel's processors do (AMD's only while an exception is
// pending).

import { VECTOR_GP } from '../../../base/vectors.ts';
import type { F80 } from './f80.ts';
import { makeF80 } from './f80.ts';
import { checkRead, load16, load32, store16, store32 } from '../../../memory/access.ts';
import { type Cpu, raise } from '../../../state/cpu.ts';
import {
  CR4,
  CR4_OSFXSR,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_STATUS,
  FP_TAG,
  MXCSR,
  XMM,
} from '../../../state/layout.ts';
import { isRealAddressing, linear } from '../../system/segmentation.ts';
import { fullTagWord, physical, readPhysical, setFullTagWord, writePhysical } from './registers.ts';
import { setControl, setStatus } from './status.ts';

/** MXCSR bits that exist: flags, DAZ, masks, RC, FTZ. Others are #GP(0) to set. */
export const MXCSR_MASK = 0xffff;

export const FX_IMAGE_BYTES = 512;

/** Bytes of the environment and of the whole image of FNSAVE, by operand size. */
export const environmentBytes = (wide: boolean): number => (wide ? 28 : 14);
export const saveBytes = (wide: boolean): number => environmentBytes(wide) + 80;

/** Where an image lies: from `wrapsAt` bytes on (16-bit addresses) at the start of the segment again. */
export type Image = { at: number; segment: number; offset: number; wrapsAt: number; write: boolean };

/** Linear address of the piece of `bytes` bytes at `skip`. */
function piece(cpu: Cpu, image: Image, skip: number, bytes: number): number {
  if (skip + bytes <= image.wrapsAt) return (image.at + skip) | 0;
  return linear(cpu, image.segment, (image.offset + skip) & 0xffff, bytes, image.write);
}

const get16 = (cpu: Cpu, image: Image, skip: number): number => load16(cpu, piece(cpu, image, skip, 2));
const get32 = (cpu: Cpu, image: Image, skip: number): number => load32(cpu, piece(cpu, image, skip, 4));

function put16(cpu: Cpu, image: Image, skip: number, value: number): void {
  store16(cpu, piece(cpu, image, skip, 2), value);
}

function put32(cpu: Cpu, image: Image, skip: number, value: number): void {
  store32(cpu, piece(cpu, image, skip, 4), value);
}

/** In halves: the registers of FNSAVE lie at even addresses, and only the first word of an image is checked for #AC. */
function put32At(cpu: Cpu, at: number, value: number): void {
  store16(cpu, at, value & 0xffff);
  store16(cpu, (at + 2) | 0, value >>> 16);
}

const get32At = (cpu: Cpu, at: number): number => load16(cpu, at) | (load16(cpu, (at + 2) | 0) << 16);

function put64(cpu: Cpu, image: Image, skip: number, lo: number, hi: number): void {
  const at = piece(cpu, image, skip, 8);
  put32At(cpu, at, lo);
  put32At(cpu, (at + 4) | 0, hi);
}

const scratch: F80 = makeF80();

/** In real and virtual-8086 mode the pointers are stored as linear addresses. */
const linearPointer = (selector: number, offset: number): number => ((selector << 4) + offset) | 0;

/** FNSTENV without its masking of the exceptions. */
export function storeEnvironment(cpu: Cpu, image: Image, wide: boolean): void {
  const m32 = cpu.m32;
  const real = isRealAddressing(cpu);
  const ip = real ? linearPointer(m32[FP_CS], m32[FP_IP]) : m32[FP_IP];
  const dp = real ? linearPointer(m32[FP_DS], m32[FP_DP]) : m32[FP_DP];
  const tags = fullTagWord(cpu);
  if (wide) {
    const ones = 0xffff0000;
    put32(cpu, image, 0, ones | m32[FP_CONTROL]);
    put32(cpu, image, 4, ones | m32[FP_STATUS]);
    put32(cpu, image, 8, ones | tags);
    put32(cpu, image, 12, real ? ones | (ip & 0xffff) : ip);
    put32(cpu, image, 16, real ? ((ip >>> 16) << 12) | m32[FP_OPCODE] : (m32[FP_OPCODE] << 16) | m32[FP_CS]);
    put32(cpu, image, 20, real ? ones | (dp & 0xffff) : dp);
    put32(cpu, image, 24, real ? (dp >>> 16) << 12 : ones | m32[FP_DS]);
    return;
  }
  put16(cpu, image, 0, m32[FP_CONTROL]);
  put16(cpu, image, 2, m32[FP_STATUS]);
  put16(cpu, image, 4, tags);
  put16(cpu, image, 6, ip & 0xffff);
  put16(cpu, image, 8, real ? (((ip >>> 16) & 15) << 12) | m32[FP_OPCODE] : m32[FP_CS]);
  put16(cpu, image, 10, dp & 0xffff);
  put16(cpu, image, 12, real ? ((dp >>> 16) & 15) << 12 : m32[FP_DS]);
}

/** FLDENV. */
export function loadEnvironment(cpu: Cpu, image: Image, wide: boolean): void {
  const m32 = cpu.m32;
  const step = wide ? 4 : 2;
  const control = get16(cpu, image, 0);
  const status = get16(cpu, image, step);
  const tags = get16(cpu, image, 2 * step);
  let ip = wide ? get32(cpu, image, 12) : get16(cpu, image, 6);
  const middle = wide ? get32(cpu, image, 16) : get16(cpu, image, 8);
  let dp = wide ? get32(cpu, image, 20) : get16(cpu, image, 10);
  const last = wide ? get32(cpu, image, 24) : get16(cpu, image, 12);
  let cs = 0;
  let ds = 0;
  let opcode = 0;
  if (isRealAddressing(cpu)) {
    const high = wide ? 0xffff : 15;
    ip = (ip & 0xffff) | (((middle >>> 12) & high) << 16);
    dp = (dp & 0xffff) | (((last >>> 12) & high) << 16);
    opcode = middle & 0x7ff;
  } else {
    cs = middle & 0xffff;
    ds = last & 0xffff;
    opcode = wide ? (middle >>> 16) & 0x7ff : 0;
  }
  setControl(cpu, control);
  setStatus(cpu, status);
  setFullTagWord(cpu, tags);
  m32[FP_IP] = ip;
  m32[FP_CS] = cs;
  m32[FP_DP] = dp;
  m32[FP_DS] = ds;
  m32[FP_OPCODE] = opcode;
}

/** FNSAVE without its initialisation: the environment and ST(0) to ST(7), ten bytes each. */
export function storeState(cpu: Cpu, image: Image, wide: boolean): void {
  storeEnvironment(cpu, image, wide);
  let to = environmentBytes(wide);
  for (let index = 0; index < 8; index++) {
    readPhysical(cpu, physical(cpu, index), scratch);
    put64(cpu, image, to, scratch.lo, scratch.hi);
    put16(cpu, image, to + 8, scratch.se);
    to += 10;
  }
}

/** FRSTOR. Nothing changes when a piece of a wrapped image faults. */
export function loadState(cpu: Cpu, image: Image, wide: boolean): void {
  if (image.wrapsAt < saveBytes(wide)) {
    for (let skip = environmentBytes(wide); skip < saveBytes(wide); skip += 10) {
      checkRead(cpu, piece(cpu, image, skip, 8), 8);
      checkRead(cpu, piece(cpu, image, skip + 8, 2), 2);
    }
  }
  loadEnvironment(cpu, image, wide);
  let from = environmentBytes(wide);
  for (let index = 0; index < 8; index++) {
    const significand = piece(cpu, image, from, 8);
    scratch.lo = get32At(cpu, significand);
    scratch.hi = get32At(cpu, (significand + 4) | 0);
    scratch.se = get16(cpu, image, from + 8);
    writePhysical(cpu, physical(cpu, index), scratch);
    from += 10;
  }
}

/** FXSAVE: bytes 288 to 511 are not written. XMM registers and MXCSR only with CR4.OSFXSR. */
export function fxSave(cpu: Cpu, image: Image): void {
  const m32 = cpu.m32;
  put16(cpu, image, 0, m32[FP_CONTROL]);
  put16(cpu, image, 2, m32[FP_STATUS]);
  put16(cpu, image, 4, ~m32[FP_TAG] & 0xff);
  put16(cpu, image, 6, m32[FP_OPCODE]);
  put64(cpu, image, 8, m32[FP_IP], m32[FP_CS]);
  put64(cpu, image, 16, m32[FP_DP], m32[FP_DS]);
  for (let index = 0; index < 8; index++) {
    readPhysical(cpu, physical(cpu, index), scratch);
    put64(cpu, image, 32 + 16 * index, scratch.lo, scratch.hi);
    put64(cpu, image, 40 + 16 * index, scratch.se, 0);
  }
  if ((m32[CR4] & CR4_OSFXSR) === 0) return;
  put32(cpu, image, 24, m32[MXCSR]);
  put32(cpu, image, 28, MXCSR_MASK);
  // The last register first: seen on silicon where a limit cuts the image.
  for (let k = 28; k >= 0; k -= 4) {
    const at = piece(cpu, image, 160 + 4 * k, 16);
    for (let i = 0; i < 4; i++) store32(cpu, (at + 4 * i) | 0, m32[XMM + k + i]);
  }
}

/** FXRSTOR. A reserved bit of MXCSR is #GP(0), before anything has changed. */
export function fxRestore(cpu: Cpu, image: Image): void {
  const m32 = cpu.m32;
  const withSse = (m32[CR4] & CR4_OSFXSR) !== 0;
  const mxcsr = get32(cpu, image, 24);
  if (withSse && (mxcsr & ~MXCSR_MASK) !== 0) raise(cpu, VECTOR_GP, 0);
  setControl(cpu, get16(cpu, image, 0));
  setStatus(cpu, get16(cpu, image, 2));
  m32[FP_TAG] = ~get16(cpu, image, 4) & 0xff;
  m32[FP_OPCODE] = get16(cpu, image, 6) & 0x7ff;
  m32[FP_IP] = get32(cpu, image, 8);
  m32[FP_CS] = get16(cpu, image, 12);
  m32[FP_DP] = get32(cpu, image, 16);
  m32[FP_DS] = get16(cpu, image, 20);
  for (let index = 0; index < 8; index++) {
    const from = piece(cpu, image, 32 + 16 * index, 8);
    scratch.lo = load32(cpu, from);
    scratch.hi = load32(cpu, (from + 4) | 0);
    scratch.se = get16(cpu, image, 40 + 16 * index);
    writePhysical(cpu, physical(cpu, index), scratch);
  }
  if (!withSse) return;
  m32[MXCSR] = mxcsr;
  for (let k = 28; k >= 0; k -= 4) {
    const from = piece(cpu, image, 160 + 4 * k, 16);
    for (let i = 0; i < 4; i++) m32[XMM + k + i] = load32(cpu, (from + 4 * i) | 0);
  }
}
