/**
 * SHA-256 (FIPS 180-4): how images are named in manifests. Integers alone, so that it runs wherever the core does; a
 * host that has a faster one hands it in where a digest is wanted. The fast digests of states are in hash.ts.
 */

/** The SHA-256 of bytes as 64 hexadecimal digits. */
export type Sha256 = (bytes: Uint8Array) => string;

const BLOCK_BYTES = 64;
/** Behind the message: a bit 1, zero bytes, and the length in bits as 64-bit big-endian word. */
const LENGTH_BYTES = 8;

/** Section 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes. */
const K = fractionsOfRoots(64, 3);
/** Section 5.3.3: likewise of the square roots of the first 8. */
const INITIAL = fractionsOfRoots(8, 2);

/** Exact by integers: the largest `root` with root^degree ≤ prime · 2^(32·degree), of which the low 32 bits. */
function fractionsOfRoots(count: number, degree: number): Int32Array {
  const words = new Int32Array(count);
  for (let prime = 2, found = 0; found < count; prime++) {
    let divisor = 2;
    while (divisor * divisor <= prime && prime % divisor !== 0) divisor++;
    if (divisor * divisor <= prime) continue;
    const wanted = BigInt(prime) << BigInt(32 * degree);
    let root = 0n;
    for (let bit = 1n << 37n; bit > 0n; bit >>= 1n) {
      const tried = root | bit;
      if ((degree === 2 ? tried * tried : tried * tried * tried) <= wanted) root = tried;
    }
    words[found++] = Number(BigInt.asIntN(32, root));
  }
  return words;
}

/** The schedule W of the block in hand. */
const schedule = new Int32Array(64);

/** Section 6.2.2 for the 64 bytes at `at`. */
function digestBlock(state: Int32Array, bytes: Uint8Array, at: number): void {
  const w = schedule;
  for (let t = 0; t < 16; t++, at += 4) {
    w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15];
    const y = w[t - 2];
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (sigma1 + w[t - 7] + sigma0 + w[t - 16]) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + sum1 + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

export const sha256: Sha256 = (bytes) => {
  const state = INITIAL.slice();
  const wholeBytes = bytes.length - (bytes.length % BLOCK_BYTES);
  for (let at = 0; at < wholeBytes; at += BLOCK_BYTES) digestBlock(state, bytes, at);
  const restBytes = bytes.length - wholeBytes;
  const tail = new Uint8Array(restBytes + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES);
  tail.set(bytes.subarray(wholeBytes));
  tail[restBytes] = 0x80;
  new DataView(tail.buffer).setBigUint64(tail.length - LENGTH_BYTES, BigInt(bytes.length) * 8n);
  for (let at = 0; at < tail.length; at += BLOCK_BYTES) digestBlock(state, tail, at);
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
};
