/**
 * CRC-32C (Castagnoli): polynomial 1EDC6F41h reflected, initial value and final exclusive-or all ones, as in RFC 3720
 * section 12.1 and the SSE4.2 CRC32 instruction. Guards every frame of a log: any burst of up to 32 bits is found.
 */

const REFLECTED_POLYNOMIAL = 0x82f63b78;

/** Row k holds the remainder of a byte followed by k zero bytes: eight bytes are folded in one turn. */
const TABLES = buildTables();

function buildTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? (remainder >>> 1) ^ REFLECTED_POLYNOMIAL : remainder >>> 1;
    }
    first[byte] = remainder;
  }
  const tables = [first];
  for (let k = 1; k < 8; k++) {
    const previous = tables[k - 1];
    tables.push(first.map((_, byte) => (previous[byte] >>> 8) ^ first[previous[byte] & 255]));
  }
  return tables;
}

/** CRC of `bytes[start, end)`. `previous` is the CRC of what came before, so that a CRC can be taken in pieces. */
export function crc32c(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = ~previous;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const low = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    crc =
      t7[low & 255] ^
      t6[(low >>> 8) & 255] ^
      t5[(low >>> 16) & 255] ^
      t4[low >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}
