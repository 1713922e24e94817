// The images that FNSTENV, FNSAVE, FLDENV, FRSTOR, FXSAVE and FXRSTOR move. SDM 1 §8.1.10 (figures 8-9 to 8-12: the
// four layouts of the environment), §10.5 (table 10-2: FXSAVE). The caller has checked the whole access: nothing here
// faults but FXRSTOR for MXCSR. Words above 16-bit fields are stored as ones, as silicon does.
// FXSAVE keeps the pointers always, as Intel's processors do (AMD's only while an exception is pending).

import type { F80 } from '../float/f80.ts';
import { makeF80 } from '../float/f80.ts';
import { load16, load32, store16, store32 } from '../../memory/access.ts';
import { type Cpu, raise } from '../../state/cpu.ts';
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
} from '../../state/layout.ts';
import { isRealAddressing } from '../segmentation.ts';
import { fullTagWord, physical, readPhysical, setFullTagWord, writePhysical } from './registers.ts';
import { setControl, setStatus } from './status.ts';

/** MXCSR bits that exist: flags, DAZ, masks, RC, FTZ. Others are #GP(0) to set. */
export const MXCSR_MASK = 0xffff;

export const FX_IMAGE_BYTES = 512;

/** Bytes of the environment and of the whole image of FNSAVE, by operand size. */
export const environmentBytes = (wide: boolean): number => (wide ? 28 : 14);
export const saveBytes = (wide: boolean): number => environmentBytes(wide) + 80;

const scratch: F80 = makeF80();

/** In real and virtual-8086 mode the pointers are stored as linear addresses. */
const linearPointer = (selector: number, offset: number): number => ((selector << 4) + offset) | 0;

/** FNSTENV without its masking of the exceptions. */
export function storeEnvironment(cpu: Cpu, at: number, wide: boolean): void {
  const m32 = cpu.m32;
  const real = isRealAddressing(cpu);
  const ip = real ? linearPointer(m32[FP_CS], m32[FP_IP]) : m32[FP_IP];
  const dp = real ? linearPointer(m32[FP_DS], m32[FP_DP]) : m32[FP_DP];
  const tags = fullTagWord(cpu);
  if (wide) {
    const ones = 0xffff0000;
    store32(cpu, at, ones | m32[FP_CONTROL]);
    store32(cpu, at + 4, ones | m32[FP_STATUS]);
    store32(cpu, at + 8, ones | tags);
    store32(cpu, at + 12, real ? ones | (ip & 0xffff) : ip);
    store32(cpu, at + 16, real ? ((ip >>> 16) << 12) | m32[FP_OPCODE] : (m32[FP_OPCODE] << 16) | m32[FP_CS]);
    store32(cpu, at + 20, real ? ones | (dp & 0xffff) : dp);
    store32(cpu, at + 24, real ? (dp >>> 16) << 12 : ones | m32[FP_DS]);
    return;
  }
  store16(cpu, at, m32[FP_CONTROL]);
  store16(cpu, at + 2, m32[FP_STATUS]);
  store16(cpu, at + 4, tags);
  store16(cpu, at + 6, ip & 0xffff);
  store16(cpu, at + 8, real ? (((ip >>> 16) & 15) << 12) | m32[FP_OPCODE] : m32[FP_CS]);
  store16(cpu, at + 10, dp & 0xffff);
  store16(cpu, at + 12, real ? ((dp >>> 16) & 15) << 12 : m32[FP_DS]);
}

/** FLDENV. */
export function loadEnvironment(cpu: Cpu, at: number, wide: boolean): void {
  const m32 = cpu.m32;
  const step = wide ? 4 : 2;
  const control = load16(cpu, at);
  const status = load16(cpu, at + step);
  const tags = load16(cpu, at + 2 * step);
  let ip = wide ? load32(cpu, at + 12) : load16(cpu, at + 6);
  const middle = wide ? load32(cpu, at + 16) : load16(cpu, at + 8);
  let dp = wide ? load32(cpu, at + 20) : load16(cpu, at + 10);
  const last = wide ? load32(cpu, at + 24) : load16(cpu, at + 12);
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
export function storeState(cpu: Cpu, at: number, wide: boolean): void {
  storeEnvironment(cpu, at, wide);
  let to = at + environmentBytes(wide);
  for (let index = 0; index < 8; index++) {
    readPhysical(cpu, physical(cpu, index), scratch);
    store16(cpu, to, scratch.lo & 0xffff);
    store16(cpu, to + 2, scratch.lo >>> 16);
    store16(cpu, to + 4, scratch.hi & 0xffff);
    store16(cpu, to + 6, scratch.hi >>> 16);
    store16(cpu, to + 8, scratch.se);
    to += 10;
  }
}

/** FRSTOR. */
export function loadState(cpu: Cpu, at: number, wide: boolean): void {
  loadEnvironment(cpu, at, wide);
  let from = at + environmentBytes(wide);
  for (let index = 0; index < 8; index++) {
    scratch.lo = load16(cpu, from) | (load16(cpu, from + 2) << 16);
    scratch.hi = load16(cpu, from + 4) | (load16(cpu, from + 6) << 16);
    scratch.se = load16(cpu, from + 8);
    writePhysical(cpu, physical(cpu, index), scratch);
    from += 10;
  }
}

/** FXSAVE: bytes 288 to 511 are not written. XMM registers and MXCSR only with CR4.OSFXSR. */
export function fxSave(cpu: Cpu, at: number): void {
  const m32 = cpu.m32;
  store32(cpu, at, m32[FP_CONTROL] | (m32[FP_STATUS] << 16));
  store32(cpu, at + 4, (~m32[FP_TAG] & 0xff) | (m32[FP_OPCODE] << 16));
  store32(cpu, at + 8, m32[FP_IP]);
  store32(cpu, at + 12, m32[FP_CS]);
  store32(cpu, at + 16, m32[FP_DP]);
  store32(cpu, at + 20, m32[FP_DS]);
  for (let index = 0; index < 8; index++) {
    readPhysical(cpu, physical(cpu, index), scratch);
    const to = at + 32 + 16 * index;
    store32(cpu, to, scratch.lo);
    store32(cpu, to + 4, scratch.hi);
    store32(cpu, to + 8, scratch.se);
    store32(cpu, to + 12, 0);
  }
  if ((m32[CR4] & CR4_OSFXSR) === 0) return;
  store32(cpu, at + 24, m32[MXCSR]);
  store32(cpu, at + 28, MXCSR_MASK);
  for (let k = 0; k < 32; k++) store32(cpu, at + 160 + 4 * k, m32[XMM + k]);
}

/** FXRSTOR. A reserved bit of MXCSR is #GP(0), before anything has changed. */
export function fxRestore(cpu: Cpu, at: number): void {
  const m32 = cpu.m32;
  const withSse = (m32[CR4] & CR4_OSFXSR) !== 0;
  const mxcsr = load32(cpu, at + 24);
  if (withSse && (mxcsr & ~MXCSR_MASK) !== 0) raise(cpu, 13, 0);
  setControl(cpu, load16(cpu, at));
  setStatus(cpu, load16(cpu, at + 2));
  m32[FP_TAG] = ~load16(cpu, at + 4) & 0xff;
  m32[FP_OPCODE] = load16(cpu, at + 6) & 0x7ff;
  m32[FP_IP] = load32(cpu, at + 8);
  m32[FP_CS] = load16(cpu, at + 12);
  m32[FP_DP] = load32(cpu, at + 16);
  m32[FP_DS] = load16(cpu, at + 20);
  for (let index = 0; index < 8; index++) {
    const from = at + 32 + 16 * index;
    scratch.lo = load32(cpu, from);
    scratch.hi = load32(cpu, from + 4);
    scratch.se = load16(cpu, from + 8);
    writePhysical(cpu, physical(cpu, index), scratch);
  }
  if (!withSse) return;
  m32[MXCSR] = mxcsr;
  for (let k = 0; k < 32; k++) m32[XMM + k] = load32(cpu, at + 160 + 4 * k);
}
