/**
 * Many short lists of ascending numbers in little memory: steps of seven bits a byte, the lowest first, one list behind
 * the other in chunks. An array for each would take ten times as much. A list never changes.
 */

const CHUNK_BYTES = 1 << 16;
/** Of a number below 2^32. */
const STEP_BYTES_MAX = 5;

export class PackedLists {
  private readonly chunks: Uint8Array[] = [];
  /** Used of the last chunk. */
  private used = 0;
  bytes = 0;

  /** Where the list is from now on; `before`, when it is the same as the one there. */
  add(list: Uint32Array, before?: number): number {
    if (before !== undefined && this.isAt(before, list)) return before;
    const most = (list.length + 1) * STEP_BYTES_MAX;
    if (this.chunks.length === 0 || this.used + most > this.chunks[this.chunks.length - 1].length) {
      this.chunks.push(new Uint8Array(Math.max(CHUNK_BYTES, most)));
      this.bytes += Math.max(CHUNK_BYTES, most);
      this.used = 0;
    }
    const place = (this.chunks.length - 1) * 2 ** 32 + this.used;
    this.put(list.length);
    let last = 0;
    for (const value of list) {
      this.put(value - last);
      last = value;
    }
    return place;
  }

  private put(value: number): void {
    const chunk = this.chunks[this.chunks.length - 1];
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) chunk[this.used++] = (rest & 0x7f) | 0x80;
    chunk[this.used++] = rest;
  }

  /** A copy of the list at a place that `add` has given. */
  at(place: number): Uint32Array {
    const chunk = this.chunks[Math.floor(place / 2 ** 32)];
    let from = place % 2 ** 32;
    const next = (): number => {
      let value = 0;
      for (let weight = 1; ; weight *= 0x80) {
        const byte = chunk[from++];
        value += (byte & 0x7f) * weight;
        if (byte < 0x80) return value;
      }
    };
    const list = new Uint32Array(next());
    let last = 0;
    for (let i = 0; i < list.length; i++) {
      last += next();
      list[i] = last;
    }
    return list;
  }

  private isAt(place: number, list: Uint32Array): boolean {
    const there = this.at(place);
    return there.length === list.length && there.every((value, i) => value === list[i]);
  }
}
