/**
 * The fast digest behind state hashes and the running digest of a `checked` log: 64 bits from four 32-bit lanes, word
 * by word. It tells runs apart, it does not resist an adversary; images are named by SHA-256 (host). The bits are
 * part of the log format: a change here is a new log version. Little-endian hosts only, as everywhere in the core.
 * Each step is a bijection of the lane for a given word, so two inputs that differ in one word never agree. A word is
 * multiplied before it joins its lane: with an exclusive-or alone, the top bit of one word and one bit of the next in
 * its lane cancelled.
 */

/** Words per turn of the loop; four lanes hide the latency of the multiplications. */
const LANES = 4;
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;

/** Where a digest is written: `out[at]` is the low word, `out[at + 1]` the high word. */
export type HashOut = Int32Array;

/** Spreads every bit of a word over the whole word (a bijection). */
function avalanche(word: number): number {
  word ^= word >>> 16;
  word = Math.imul(word, 0x85ebca6b);
  word ^= word >>> 13;
  word = Math.imul(word, 0xc2b2ae35);
  return word ^ (word >>> 16);
}

function finish(a: number, b: number, c: number, d: number, length: number, out: HashOut, at: number): void {
  // Each lane enters both halves through an avalanche, so that one changed lane changes both words.
  const ab = avalanche(a) ^ Math.imul(avalanche(b + PRIME_3), PRIME_2);
  const cd = avalanche(c + PRIME_1) ^ Math.imul(avalanche(d ^ PRIME_2), PRIME_1);
  out[at] = avalanche(ab ^ Math.imul(cd, PRIME_4) ^ length);
  out[at + 1] = avalanche(cd ^ Math.imul(ab, PRIME_3) ^ Math.imul(length, PRIME_2));
}

/** Digest of `words[start, end)`. */
export function hashWords(words: Int32Array, start: number, end: number, out: HashOut, at: number): void {
  let a = PRIME_1;
  let b = PRIME_2;
  let c = PRIME_3;
  let d = PRIME_4;
  let i = start;
  for (const whole = end - ((end - start) % LANES); i < whole; i += LANES) {
    a = (a + Math.imul(words[i], PRIME_2)) | 0;
    b = (b + Math.imul(words[i + 1], PRIME_2)) | 0;
    c = (c + Math.imul(words[i + 2], PRIME_2)) | 0;
    d = (d + Math.imul(words[i + 3], PRIME_2)) | 0;
    // A product moves bits upwards only; the rotation brings them back down before the second one.
    a = Math.imul((a << 13) | (a >>> 19), PRIME_1);
    b = Math.imul((b << 13) | (b >>> 19), PRIME_1);
    c = Math.imul((c << 13) | (c >>> 19), PRIME_1);
    d = Math.imul((d << 13) | (d >>> 19), PRIME_1);
  }
  for (; i < end; i++) {
    a = (a + Math.imul(words[i], PRIME_3)) | 0;
    a = Math.imul((a << 17) | (a >>> 15), PRIME_4);
  }
  finish(a, b, c, d, (end - start) << 2, out, at);
}

/** Digest of `bytes[start, end)`; equals `hashWords` of the same memory when the length is a multiple of four. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, out: HashOut, at: number): void {
  const length = end - start;
  const address = bytes.byteOffset + start;
  if ((address & 3) === 0 && (length & 3) === 0) {
    hashWords(new Int32Array(bytes.buffer, address, length >> 2), 0, length >> 2, out, at);
    return;
  }
  // Unaligned or ragged: copy, padded with zero bytes; the true length is mixed in after the words.
  const words = new Int32Array((length + 3) >> 2);
  new Uint8Array(words.buffer).set(bytes.subarray(start, end));
  hashWords(words, 0, words.length, out, at);
  if ((length & 3) !== 0) {
    out[at] = avalanche(out[at] ^ Math.imul(length, PRIME_1));
    out[at + 1] = avalanche(out[at + 1] ^ Math.imul(length, PRIME_4));
  }
}

/** Digest of the concatenation of digests: pairs of words in `hashes[start, end)`, as in a node of a Merkle tree. */
export function combineHashes(hashes: Int32Array, start: number, end: number, out: HashOut, at: number): void {
  hashWords(hashes, start, end, out, at);
}

/** Sixteen hexadecimal digits, high word first: how a digest is printed and compared. */
export function hashToHex(low: number, high: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}

const scratch = new Int32Array(2);

/** `hashBytes` over all of `bytes`, as sixteen hexadecimal digits. Not for hot paths. */
export function hashBytesHex(bytes: Uint8Array): string {
  hashBytes(bytes, 0, bytes.length, scratch, 0);
  return hashToHex(scratch[0], scratch[1]);
}
