/**
 * Formats of diskettes by the size of their image, with the data rate that reads them and the drive that takes them, as
 * CMOS numbers drives (IBM AT and PS/2 Technical Reference). An image of another size is the beginning of the next
 * larger format. Imports nothing.
 */

export interface FloppyFormat {
  readonly sizeBytes: number;
  readonly tracks: number;
  readonly heads: number;
  /** Of a track. */
  readonly sectors: number;
  /** Codes of the rate register: 0 for 500 kbit/s, 1 for 300, 2 for 250, 3 for 1000. */
  readonly rates: readonly number[];
  /** 1 for 360 K, 2 for 1.2 M, 3 for 720 K, 4 for 1.44 M, 5 for 2.88 M. */
  readonly drive: number;
}

function format(kilobytes: number, shape: readonly number[], rates: readonly number[], drive: number): FloppyFormat {
  const [tracks, heads, sectors] = shape;
  return { sizeBytes: kilobytes * 1024, tracks, heads, sectors, rates, drive };
}

const FORMATS: readonly FloppyFormat[] = [
  format(160, [40, 1, 8], [1, 2], 1),
  format(180, [40, 1, 9], [1, 2], 1),
  format(320, [40, 2, 8], [1, 2], 1),
  format(360, [40, 2, 9], [1, 2], 1),
  format(720, [80, 2, 9], [2], 3),
  format(1200, [80, 2, 15], [0], 2),
  format(1440, [80, 2, 18], [0], 4),
  format(1680, [80, 2, 21], [0], 4),
  format(2880, [80, 2, 36], [3], 5),
];

export const FLOPPY_BYTES_MAX = 2880 * 1024;

/** Null for what no diskette holds. */
export function formatOf(sizeBytes: number): FloppyFormat | null {
  return FORMATS.find((each) => sizeBytes > 0 && sizeBytes <= each.sizeBytes) ?? null;
}
