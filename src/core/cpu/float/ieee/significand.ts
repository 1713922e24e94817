/**
 * Arithmetic on 64-bit significands held in two 32-bit words: the core under all three formats. A significand is
 * normalised (top bit of `hi` set) and stands for a number in [1, 2). Results have 96 bits: hi, lo and `extra`, whose
 * lowest bit is sticky (the OR of everything below it), so that any format can round them once and exactly.
 * Imports nothing; does not know exponents' ranges, signs of zero, NaNs or flags.
 */

/** The last result. Scratch: written and read inside one operation, never kept. */
export const result = { hi: 0, lo: 0, extra: 0 };

/** 2^−16: more than 32 bits of a quotient are estimated wrong by, in the last of them, with the host's numbers. */
export const NEAR = 0.0000152587890625;

/** High word of the unsigned product of two words. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow) >>> 16;
  // Neither sum can pass 2^32: (2^16-1)^2 + 2^16-1 < 2^32.
  const middle = (Math.imul(aHigh, bLow) + low) | 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** Shifts hi:lo:extra right by `count` (0 or more), ORing what falls out into the sticky bit; into `result`. */
export function shiftRightSticky(hi: number, lo: number, extra: number, count: number): void {
  if (count >= 96) {
    result.hi = 0;
    result.lo = 0;
    result.extra = (hi | lo | extra) !== 0 ? 1 : 0;
    return;
  }
  let sticky = 0;
  while (count >= 32) {
    sticky |= extra;
    extra = lo;
    lo = hi;
    hi = 0;
    count -= 32;
  }
  if (count > 0) {
    const left = 32 - count;
    sticky |= extra << left;
    extra = (extra >>> count) | (lo << left);
    lo = (lo >>> count) | (hi << left);
    hi = hi >>> count;
  }
  result.hi = hi | 0;
  result.lo = lo | 0;
  result.extra = sticky !== 0 ? extra | 1 : extra | 0;
}

/** Shifts result left until its top bit is set and returns the count. The result must not be zero. */
export function normalizeResult(): number {
  let hi = result.hi;
  let lo = result.lo;
  let extra = result.extra;
  let count = 0;
  while (hi === 0) {
    hi = lo;
    lo = extra;
    extra = 0;
    count += 32;
  }
  const shift = Math.clz32(hi);
  if (shift > 0) {
    const right = 32 - shift;
    hi = (hi << shift) | (lo >>> right);
    lo = (lo << shift) | (extra >>> right);
    extra = extra << shift;
  }
  result.hi = hi;
  result.lo = lo;
  result.extra = extra;
  return count + shift;
}

/** a + b·2^−distance. Returns 1 when the sum carried (its exponent is one more), else 0. */
export function addSignificands(aHi: number, aLo: number, bHi: number, bLo: number, distance: number): number {
  let extra = 0;
  if (distance !== 0) {
    shiftRightSticky(bHi, bLo, 0, distance);
    bHi = result.hi;
    bLo = result.lo;
    extra = result.extra;
  }
  let lo = (aLo + bLo) | 0;
  let carry = lo >>> 0 < aLo >>> 0 ? 1 : 0;
  let hi = (aHi + bHi + carry) | 0;
  if (hi >>> 0 < aHi >>> 0 || (carry === 1 && hi === aHi)) {
    extra = (extra >>> 1) | (extra & 1) | (lo << 31);
    lo = (lo >>> 1) | (hi << 31);
    hi = (hi >>> 1) | 0x80000000;
    carry = 1;
  } else {
    carry = 0;
  }
  result.hi = hi;
  result.lo = lo;
  result.extra = extra;
  return carry;
}

/**
 * a − b·2^−distance, where a is the greater number. Returns how far the difference was shifted left to normalise it,
 * or −1 when it is zero.
 */
export function subtractSignificands(aHi: number, aLo: number, bHi: number, bLo: number, distance: number): number {
  let extra = 0;
  if (distance !== 0) {
    shiftRightSticky(bHi, bLo, 0, distance);
    bHi = result.hi;
    bLo = result.lo;
    extra = -result.extra | 0;
  }
  const borrowLow = extra !== 0 ? 1 : 0;
  const lo = (aLo - bLo - borrowLow) | 0;
  const borrowHigh = bLo >>> 0 > aLo >>> 0 || (borrowLow === 1 && aLo === bLo) ? 1 : 0;
  const hi = (aHi - bHi - borrowHigh) | 0;
  result.hi = hi;
  result.lo = lo;
  result.extra = extra;
  if (hi < 0) return 0;
  if ((hi | lo | extra) === 0) return -1;
  return normalizeResult();
}

/** a · b. Returns 1 when the product is 2 or more (its exponent is one more than the sum), else 0. */
export function multiplySignificands(aHi: number, aLo: number, bHi: number, bLo: number): number {
  let hi = multiplyHigh(aHi, bHi);
  let lo = Math.imul(aHi, bHi);
  let extra = 0;
  if ((aLo | bLo) !== 0) {
    const lowHi = multiplyHigh(aLo, bLo);
    const lowLo = Math.imul(aLo, bLo);
    const crossHi = multiplyHigh(aHi, bLo);
    const crossLo = Math.imul(aHi, bLo);
    const otherHi = multiplyHigh(aLo, bHi);
    const otherLo = Math.imul(aLo, bHi);
    // Columns of 32 bits, carries counted by comparison.
    let sum = (lowHi + crossLo) | 0;
    let carry = sum >>> 0 < crossLo >>> 0 ? 1 : 0;
    extra = (sum + otherLo) | 0;
    if (extra >>> 0 < otherLo >>> 0) carry++;
    sum = (lo + carry) | 0;
    carry = sum >>> 0 < carry ? 1 : 0;
    sum = (sum + crossHi) | 0;
    if (sum >>> 0 < crossHi >>> 0) carry++;
    lo = (sum + otherHi) | 0;
    if (lo >>> 0 < otherHi >>> 0) carry++;
    hi = (hi + carry) | 0;
    if (lowLo !== 0) extra |= 1;
  }
  let above = 1;
  if (hi >= 0) {
    above = 0;
    hi = (hi << 1) | (lo >>> 31);
    lo = (lo << 1) | (extra >>> 31);
    // The sticky bit stays the lowest bit; shifting a set one up as well changes no rounding.
    extra = (extra << 1) | (extra & 1);
  }
  result.hi = hi;
  result.lo = lo;
  result.extra = extra;
  return above;
}

/** The remainder of the running division, below the divisor. Scratch. */
export const remainder = { hi: 0, lo: 0 };

/**
 * One digit of a long division: with remainder R < D (D normalised) and 1 ≤ shift ≤ 32, returns floor(R·2^shift / D)
 * as a word and leaves R·2^shift mod D in `remainder`. The digit is guessed from doubles (relative error below 2^−50,
 * so wrong by at most one) and then corrected by the exact remainder.
 */
export function divideDigit(divisorHi: number, divisorLo: number, shift: number): number {
  const hi = remainder.hi;
  const lo = remainder.lo;
  const scale = shift === 32 ? 4294967296 : (1 << shift) >>> 0;
  const guess = ((hi >>> 0) * 4294967296 + (lo >>> 0)) / ((divisorHi >>> 0) * 4294967296 + (divisorLo >>> 0));
  let estimate = Math.floor(guess * scale);
  if (estimate >= scale) estimate = scale - 1;
  let digit = estimate | 0;
  // R·2^shift in three words.
  const left = 32 - shift;
  let top = shift === 32 ? hi : hi >>> left;
  let middle = shift === 32 ? lo : (hi << shift) | (lo >>> left);
  let bottom = shift === 32 ? 0 : lo << shift;
  // minus digit · D, modulo 2^96: the difference lies in (−D, 2D), so the top word tells its sign.
  const productLo = Math.imul(digit, divisorLo);
  const crossLo = Math.imul(digit, divisorHi);
  const productMiddle = (multiplyHigh(digit, divisorLo) + crossLo) | 0;
  const productTop = (multiplyHigh(digit, divisorHi) + (productMiddle >>> 0 < crossLo >>> 0 ? 1 : 0)) | 0;
  let borrow = bottom >>> 0 < productLo >>> 0 ? 1 : 0;
  bottom = (bottom - productLo) | 0;
  const borrowNext = middle >>> 0 < productMiddle >>> 0 || (borrow === 1 && middle === productMiddle) ? 1 : 0;
  middle = (middle - productMiddle - borrow) | 0;
  top = (top - productTop - borrowNext) | 0;
  while (top < 0) {
    digit = (digit - 1) | 0;
    bottom = (bottom + divisorLo) | 0;
    borrow = bottom >>> 0 < divisorLo >>> 0 ? 1 : 0;
    const carry = (middle >>> 0) + (divisorHi >>> 0) + borrow >= 4294967296 ? 1 : 0;
    middle = (middle + divisorHi + borrow) | 0;
    top = (top + carry) | 0;
  }
  while (top !== 0 || middle >>> 0 > divisorHi >>> 0 || (middle === divisorHi && bottom >>> 0 >= divisorLo >>> 0)) {
    digit = (digit + 1) | 0;
    borrow = bottom >>> 0 < divisorLo >>> 0 ? 1 : 0;
    bottom = (bottom - divisorLo) | 0;
    const carry = middle >>> 0 < (divisorHi >>> 0) + borrow ? 1 : 0;
    middle = (middle - divisorHi - borrow) | 0;
    top = (top - carry) | 0;
  }
  remainder.hi = middle;
  remainder.lo = bottom;
  return digit;
}

/** a / b. Returns 1 when the quotient is below 1 (its exponent is one less than the difference), else 0. */
export function divideSignificands(aHi: number, aLo: number, bHi: number, bLo: number): number {
  const below = aHi >>> 0 < bHi >>> 0 || (aHi === bHi && aLo >>> 0 < bLo >>> 0);
  if (below) {
    remainder.hi = aHi;
    remainder.lo = aLo;
    result.hi = divideDigit(bHi, bLo, 32);
  } else {
    // The digit before the binary point is 1; 31 more make the first word.
    remainder.lo = (aLo - bLo) | 0;
    remainder.hi = (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0;
    result.hi = divideDigit(bHi, bLo, 31) | 0x80000000;
  }
  result.lo = divideDigit(bHi, bLo, 32);
  const hi = remainder.hi;
  const lo = remainder.lo;
  if ((hi | lo) === 0) {
    result.extra = 0;
  } else {
    // 2R ≥ D decides the next bit; the sticky bit tells an exact half from more than a half.
    const twiceHi = (hi << 1) | (lo >>> 31);
    const twiceLo = lo << 1;
    const half = hi < 0 || twiceHi >>> 0 > bHi >>> 0 || (twiceHi === bHi && twiceLo >>> 0 >= bLo >>> 0);
    const exactHalf = hi >= 0 && twiceHi === bHi && twiceLo === bLo;
    result.extra = half ? (exactHalf ? 0x80000000 | 0 : 0x80000001 | 0) : 1;
  }
  return below ? 1 : 0;
}

/** floor(√n) for an integer n in [2^62, 2^64) given as words, by Newton's steps on integers held in doubles. */
function rootOfWords(hi: number, lo: number): number {
  const value = (hi >>> 0) * 4294967296 + (lo >>> 0);
  // Start above the root: each step then falls towards it. IEEE division is exact in every host.
  let root = 2147483648 + value / 8589934592;
  for (let step = 0; step < 5; step++) root = (root + value / root) * 0.5;
  return Math.floor(root);
}

/**
 * √(a·2^odd), odd 0 or 1, where a is a significand in [1, 2): the root is a significand again. Karatsuba's way: the
 * first word from the upper half of the radicand, the second from the remainder divided by twice the first.
 */
export function rootSignificand(aHi: number, aLo: number, odd: number): void {
  // Radicand = a·2^63·2^odd·2^64 with 127 or 128 bits, in four words; its root has 64 bits.
  const word3 = odd === 1 ? aHi : aHi >>> 1;
  const word2 = odd === 1 ? aLo : (aHi << 31) | (aLo >>> 1);
  const word1 = odd === 1 ? 0 : aLo << 31;
  let first = rootOfWords(word3, word2);
  if (first > 4294967295) first = 4294967295;
  // r = upper half − first², corrected until 0 ≤ r ≤ 2·first (r has at most 33 bits and a sign).
  let r = highLowDifference(word3, word2, first);
  while (r < 0) {
    first -= 1;
    r += 2 * first + 1;
  }
  while (r > 2 * first) {
    r -= 2 * first + 1;
    first += 1;
  }
  // second = floor((r·2^32 + word1) / (2·first)), at most a little too large.
  const firstWord = first | 0;
  let second = Math.floor((r * 4294967296 + (word1 >>> 0)) / (2 * first));
  if (second > 4294967295) second = 4294967295;
  // R = r·2^64 + word1·2^32 − 2·first·second·2^32 − second², as signed words (top, middle, bottom).
  for (;;) {
    const secondWord = second | 0;
    const squareHi = multiplyHigh(secondWord, secondWord);
    const squareLo = Math.imul(secondWord, secondWord);
    const crossHi = multiplyHigh(firstWord, secondWord);
    const crossLo = Math.imul(firstWord, secondWord);
    // 2·first·second has up to 65 bits: twiceTop, twiceHi, twiceLo.
    const twiceLo = crossLo << 1;
    const twiceHi = (crossHi << 1) | (crossLo >>> 31);
    const twiceTop = crossHi >>> 31;
    // Column sums as doubles: every term is below 2^34, signs allowed.
    const bottomSum = -(squareLo >>> 0);
    const bottom = bottomSum | 0;
    const middleSum = (word1 >>> 0) - (twiceLo >>> 0) - (squareHi >>> 0) + Math.floor(bottomSum / 4294967296);
    const middle = middleSum | 0;
    const top = r - (twiceHi >>> 0) - twiceTop * 4294967296 + Math.floor(middleSum / 4294967296);
    if (top < 0) {
      second -= 1;
      continue;
    }
    // R > 2Q means that Q is too small; it happens only when second was cut or guessed low.
    const doubledTop = first * 2 + (secondWord < 0 ? 1 : 0);
    const doubledLow = (secondWord << 1) >>> 0;
    const high = top * 4294967296 + (middle >>> 0);
    if (top > 2 || high > doubledTop || (high === doubledTop && bottom >>> 0 > doubledLow)) {
      second += 1;
      continue;
    }
    result.hi = firstWord;
    result.lo = secondWord;
    if (high === 0 && bottom === 0) {
      result.extra = 0;
    } else {
      // (Q + ½)² = Q² + Q + ¼: the root lies above the half exactly when R > Q; an exact half cannot be.
      const above = high > first || (high === first && bottom >>> 0 > second);
      result.extra = above ? 0x80000001 | 0 : 1;
    }
    return;
  }
}

/** hi:lo − n² for a difference that a double holds exactly (|difference| < 2^53). */
function highLowDifference(hi: number, lo: number, n: number): number {
  const word = n | 0;
  const high = (hi >>> 0) - (multiplyHigh(word, word) >>> 0);
  return high * 4294967296 + ((lo >>> 0) - (Math.imul(word, word) >>> 0));
}
