// Packed integer arithmetic, comparison, logic and shifts of MMX and XMM registers. SDM 2 under each name. Most work
// on one 32-bit word of both operands at a time: four bytes, two halves or one doubleword; additions of bytes and
// halves keep the carries apart by leaving the top bits out and putting them in by exclusive or.

import { multiplyHigh } from '../../../src/core/cpu/float/ieee/significand.ts';
import { enterSse } from '../../../src/core/cpu/float/sse/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_A, R_IMM } from '../../../src/core/isa/record.ts';
import type { Handler } from '../handler.ts';
import {
  begin,
  commitTarget,
  destinationWord,
  loadTarget,
  source,
  target,
  targetBytes,
  xmmWord,
} from './simd-operands.ts';

type WordOperation = (a: number, b: number) => number;

/** A := f(A, B) word by word. */
function words(compute: WordOperation): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    if (count === 0) return;
    const m32 = cpu.m32;
    const word = destinationWord(code, pc, count);
    m32[word] = compute(m32[word], source[0]);
    m32[word + 1] = compute(m32[word + 1], source[1]);
    if (count === 2) return;
    m32[word + 2] = compute(m32[word + 2], source[2]);
    m32[word + 3] = compute(m32[word + 3], source[3]);
  };
}

/** Four unsigned bytes; the low eight bits of what comes out are kept. */
function unsignedBytes(f: WordOperation): WordOperation {
  return (a, b) =>
    (f(a & 0xff, b & 0xff) & 0xff) |
    ((f((a >>> 8) & 0xff, (b >>> 8) & 0xff) & 0xff) << 8) |
    ((f((a >>> 16) & 0xff, (b >>> 16) & 0xff) & 0xff) << 16) |
    (f(a >>> 24, b >>> 24) << 24);
}

function signedBytes(f: WordOperation): WordOperation {
  return (a, b) =>
    (f((a << 24) >> 24, (b << 24) >> 24) & 0xff) |
    ((f((a << 16) >> 24, (b << 16) >> 24) & 0xff) << 8) |
    ((f((a << 8) >> 24, (b << 8) >> 24) & 0xff) << 16) |
    (f(a >> 24, b >> 24) << 24);
}

function unsignedHalves(f: WordOperation): WordOperation {
  return (a, b) => (f(a & 0xffff, b & 0xffff) & 0xffff) | (f(a >>> 16, b >>> 16) << 16);
}

function signedHalves(f: WordOperation): WordOperation {
  return (a, b) => (f((a << 16) >> 16, (b << 16) >> 16) & 0xffff) | (f(a >> 16, b >> 16) << 16);
}

const clamp = (value: number, least: number, greatest: number): number =>
  value < least ? least : value > greatest ? greatest : value;
export const toSignedByte = (value: number): number => clamp(value, -0x80, 0x7f);
export const toSignedHalf = (value: number): number => clamp(value, -0x8000, 0x7fff);
export const toUnsignedByte = (value: number): number => clamp(value, 0, 0xff);
const toUnsignedHalf = (value: number): number => clamp(value, 0, 0xffff);

const addBytes: WordOperation = (a, b) => ((a & 0x7f7f7f7f) + (b & 0x7f7f7f7f)) ^ ((a ^ b) & 0x80808080);
const addHalves: WordOperation = (a, b) => ((a & 0x7fff7fff) + (b & 0x7fff7fff)) ^ ((a ^ b) & 0x80008000);
const subtractBytes: WordOperation = (a, b) => ((a | 0x80808080) - (b & 0x7f7f7f7f)) ^ ((a ^ ~b) & 0x80808080);
const subtractHalves: WordOperation = (a, b) => ((a | 0x80008000) - (b & 0x7fff7fff)) ^ ((a ^ ~b) & 0x80008000);

/** FFh for each byte that is zero. */
function zeroBytes(word: number): number {
  const tops = ~(((word & 0x7f7f7f7f) + 0x7f7f7f7f) | word) & 0x80808080;
  return Math.imul(tops >>> 7, 0xff);
}

function zeroHalves(word: number): number {
  return ((word & 0xffff) === 0 ? 0xffff : 0) | ((word & 0xffff0000) === 0 ? 0xffff0000 : 0);
}

const least: WordOperation = (a, b) => (a < b ? a : b);
const greatest: WordOperation = (a, b) => (a > b ? a : b);
const isGreater: WordOperation = (a, b) => (a > b ? -1 : 0);
const average: WordOperation = (a, b) => (a + b + 1) >> 1;

/** Sum of the products of two pairs of signed halves; only 8000h · 8000h twice leaves the range, and wraps. */
const multiplyAdd: WordOperation = (a, b) => (((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16)) | 0;

/** PADDQ and PSUBQ. */
function quadwords(isSubtraction: boolean): Handler {
  return (cpu, code, pc) => {
    const count = begin(cpu, code, pc);
    const m32 = cpu.m32;
    const word = destinationWord(code, pc, count);
    for (let k = 0; k < count; k += 2) {
      const low = m32[word + k] >>> 0;
      const other = source[k] >>> 0;
      if (isSubtraction) {
        m32[word + k] = low - other;
        m32[word + k + 1] = m32[word + k + 1] - source[k + 1] - (low < other ? 1 : 0);
      } else {
        m32[word + k] = low + other;
        m32[word + k + 1] = m32[word + k + 1] + source[k + 1] + (low + other > 0xffffffff ? 1 : 0);
      }
    }
  };
}

const pmuludq: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const m32 = cpu.m32;
  const word = destinationWord(code, pc, count);
  for (let k = 0; k < count; k += 2) {
    const a = m32[word + k];
    m32[word + k] = Math.imul(a, source[k]);
    m32[word + k + 1] = multiplyHigh(a, source[k]);
  }
};

/** Sum of four absolute differences. */
function distance(a: number, b: number): number {
  return (
    Math.abs((a & 0xff) - (b & 0xff)) +
    Math.abs(((a >>> 8) & 0xff) - ((b >>> 8) & 0xff)) +
    Math.abs(((a >>> 16) & 0xff) - ((b >>> 16) & 0xff)) +
    Math.abs((a >>> 24) - (b >>> 24))
  );
}

const psadbw: Handler = (cpu, code, pc) => {
  const count = begin(cpu, code, pc);
  const m32 = cpu.m32;
  const word = destinationWord(code, pc, count);
  for (let k = 0; k < count; k += 2) {
    m32[word + k] = distance(m32[word + k], source[k]) + distance(m32[word + k + 1], source[k + 1]);
    m32[word + k + 1] = 0;
  }
};

/** Counts of this many bits or more leave nothing, or only signs. */
const TOO_MANY = 255;

/** The shift count: the whole low quadword of the source counts. */
function countOf(): number {
  return source[1] !== 0 || source[0] >>> 0 > TOO_MANY ? TOO_MANY : source[0];
}

/** PSRLW and the like: `shift` gets one word of the register and a count below or beyond the element's width. */
function shiftWords(shift: WordOperation): Handler {
  return (cpu, code, pc) => {
    const size = begin(cpu, code, pc);
    const m32 = cpu.m32;
    const word = destinationWord(code, pc, size);
    const count = countOf();
    for (let k = 0; k < size; k++) m32[word + k] = shift(m32[word + k], count);
  };
}

const shiftRightHalves: WordOperation = (a, n) => (n > 15 ? 0 : ((a & 0xffff) >>> n) | (((a >>> 16) >>> n) << 16));
const shiftLeftHalves: WordOperation = (a, n) => (n > 15 ? 0 : ((a << n) & 0xffff) | (((a >>> 16) << n) << 16));
const shiftSignedHalves: WordOperation = (a, n) => {
  const count = n > 15 ? 15 : n;
  return ((((a << 16) >> 16) >> count) & 0xffff) | (((a >> 16) >> count) << 16);
};
const shiftRightWord: WordOperation = (a, n) => (n > 31 ? 0 : a >>> n);
const shiftLeftWord: WordOperation = (a, n) => (n > 31 ? 0 : a << n);
const shiftSignedWord: WordOperation = (a, n) => a >> (n > 31 ? 31 : n);

const psrlq: Handler = (cpu, code, pc) => {
  const size = begin(cpu, code, pc);
  const m32 = cpu.m32;
  const word = destinationWord(code, pc, size);
  const count = countOf();
  for (let k = 0; k < size; k += 2) {
    const low = m32[word + k];
    const high = m32[word + k + 1];
    if (count === 0) continue;
    if (count < 32) m32[word + k] = (low >>> count) | (high << (32 - count));
    else m32[word + k] = count < 64 ? high >>> (count - 32) : 0;
    m32[word + k + 1] = count < 32 ? high >>> count : 0;
  }
};

const psllq: Handler = (cpu, code, pc) => {
  const size = begin(cpu, code, pc);
  const m32 = cpu.m32;
  const word = destinationWord(code, pc, size);
  const count = countOf();
  for (let k = 0; k < size; k += 2) {
    const low = m32[word + k];
    const high = m32[word + k + 1];
    if (count === 0) continue;
    if (count < 32) m32[word + k + 1] = (high << count) | (low >>> (32 - count));
    else m32[word + k + 1] = count < 64 ? low << (count - 32) : 0;
    m32[word + k] = count < 32 ? low << count : 0;
  }
};

/** PSRLDQ and PSLLDQ: by bytes, right for a positive direction. */
function shiftBytes(direction: number): Handler {
  return (cpu, code, pc) => {
    enterSse(cpu);
    const word = xmmWord(code[pc + R_A]);
    loadTarget(cpu, word, 4);
    source.set(target);
    const distanceBytes = (code[pc + R_IMM] > 15 ? 16 : code[pc + R_IMM]) * direction;
    for (let k = 0; k < 16; k++) {
      const from = k + distanceBytes;
      targetBytes[k] = from >= 0 && from < 16 ? sourceByte(from) : 0;
    }
    commitTarget(cpu, word, 4);
  };
}

function sourceByte(index: number): number {
  return (source[index >> 2] >>> (8 * (index & 3))) & 0xff;
}

export const simdIntegerHandlers = {
  PADDB: words(addBytes),
  PADDW: words(addHalves),
  PADDD: words((a, b) => (a + b) | 0),
  PADDQ: quadwords(false),
  PADDSB: words(signedBytes((a, b) => toSignedByte(a + b))),
  PADDSW: words(signedHalves((a, b) => toSignedHalf(a + b))),
  PADDUSB: words(unsignedBytes((a, b) => toUnsignedByte(a + b))),
  PADDUSW: words(unsignedHalves((a, b) => toUnsignedHalf(a + b))),
  PSUBB: words(subtractBytes),
  PSUBW: words(subtractHalves),
  PSUBD: words((a, b) => (a - b) | 0),
  PSUBQ: quadwords(true),
  PSUBSB: words(signedBytes((a, b) => toSignedByte(a - b))),
  PSUBSW: words(signedHalves((a, b) => toSignedHalf(a - b))),
  PSUBUSB: words(unsignedBytes((a, b) => toUnsignedByte(a - b))),
  PSUBUSW: words(unsignedHalves((a, b) => toUnsignedHalf(a - b))),
  PMULLW: words(signedHalves((a, b) => Math.imul(a, b))),
  PMULHW: words(signedHalves((a, b) => Math.imul(a, b) >> 16)),
  PMULHUW: words(unsignedHalves((a, b) => Math.imul(a, b) >>> 16)),
  PMULUDQ: pmuludq,
  PMADDWD: words(multiplyAdd),
  PSADBW: psadbw,
  PAVGB: words(unsignedBytes(average)),
  PAVGW: words(unsignedHalves(average)),
  PMINUB: words(unsignedBytes(least)),
  PMAXUB: words(unsignedBytes(greatest)),
  PMINSW: words(signedHalves(least)),
  PMAXSW: words(signedHalves(greatest)),
  PCMPEQB: words((a, b) => zeroBytes(a ^ b)),
  PCMPEQW: words((a, b) => zeroHalves(a ^ b)),
  PCMPEQD: words((a, b) => (a === b ? -1 : 0)),
  PCMPGTB: words(signedBytes(isGreater)),
  PCMPGTW: words(signedHalves(isGreater)),
  PCMPGTD: words(isGreater),
  PAND: words((a, b) => a & b),
  PANDN: words((a, b) => ~a & b),
  POR: words((a, b) => a | b),
  PXOR: words((a, b) => a ^ b),
  ANDPS: words((a, b) => a & b),
  ANDPD: words((a, b) => a & b),
  ANDNPS: words((a, b) => ~a & b),
  ANDNPD: words((a, b) => ~a & b),
  ORPS: words((a, b) => a | b),
  ORPD: words((a, b) => a | b),
  XORPS: words((a, b) => a ^ b),
  XORPD: words((a, b) => a ^ b),
  PSRLW: shiftWords(shiftRightHalves),
  PSRLD: shiftWords(shiftRightWord),
  PSRLQ: psrlq,
  PSRAW: shiftWords(shiftSignedHalves),
  PSRAD: shiftWords(shiftSignedWord),
  PSLLW: shiftWords(shiftLeftHalves),
  PSLLD: shiftWords(shiftLeftWord),
  PSLLQ: psllq,
  PSRLDQ: shiftBytes(1),
  PSLLDQ: shiftBytes(-1),
} satisfies Partial<Record<OpName, Handler>>;
