/**
 * FBLD and FBSTP: eighteen packed decimal digits and a sign in ten bytes (Intel SDM volume 1, section 4.7; volume 2).
 * Rare instructions, so they count in BigInt. Digits above 9 load as their value, which is what silicon does.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { IE, PE } from '../ieee/environment.ts';
import { fromInt64, integer, roundToInteger } from './f80-convert.ts';
import type { F80 } from './f80.ts';
import { CLASS_INFINITY, classifyF80 } from './f80.ts';

/** Ten bytes as words: digits 0 to 7 in `lo`, 8 to 15 in `middle`, 16 and 17 and the sign byte in `top`. */
export type Decimal = { lo: number; middle: number; top: number };

const LIMIT = 999_999_999_999_999_999n;

/** FBLD. */
export function loadDecimal(lo: number, middle: number, top: number, out: F80): void {
  let value = 0n;
  for (let shift = 4; shift >= 0; shift -= 4) value = value * 10n + BigInt((top >> shift) & 15);
  for (let shift = 28; shift >= 0; shift -= 4) value = value * 10n + BigInt((middle >> shift) & 15);
  for (let shift = 28; shift >= 0; shift -= 4) value = value * 10n + BigInt((lo >> shift) & 15);
  fromInt64(Number(BigInt.asIntN(32, value)), Number(value >> 32n), out);
  out.se |= top & 0x8000;
}

/** FBSTP: what is stored unless keepsMemory(env). */
export function storeDecimal(env: FloatEnvironment, a: F80, out: Decimal): void {
  env.roundedUp = 0;
  const sign = a.se & 0x8000;
  const rounded = classifyF80(a) < CLASS_INFINITY && roundToInteger(env.rounding, a);
  let value = rounded ? (BigInt(integer.hi >>> 0) << 32n) | BigInt(integer.lo >>> 0) : LIMIT + 1n;
  if (value > LIMIT) {
    env.flags |= IE;
    out.lo = 0;
    out.middle = 0xc0000000 | 0;
    out.top = 0xffff;
    return;
  }
  if (integer.inexact) env.flags |= PE;
  env.roundedUp = integer.up ? 1 : 0;
  let digits = 0n;
  for (let shift = 0n; value !== 0n; shift += 4n) {
    digits |= (value % 10n) << shift;
    value /= 10n;
  }
  out.lo = Number(BigInt.asIntN(32, digits));
  out.middle = Number(BigInt.asIntN(32, digits >> 32n));
  out.top = Number(digits >> 64n) | sign;
}
