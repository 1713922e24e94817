/**
 * What tells one run from another beside its end, as words that a search can collect: pairs of places at which
 * interrupts arrived one behind the other, faults with their place, lines that the guest sent. Two things may share a
 * word; that costs a search a seed and nothing else.
 */

/** Words of one run at most. */
const WORDS_MAX = 1 << 12;

const mixed = (a: number, b: number, salt: number): number => {
  const word = Math.imul(a ^ salt, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  return (word ^ (word >>> 15)) >>> 0;
};

export class Novelties {
  private readonly seen = new Set<number>();
  private line = 0;

  private add(word: number): number {
    if (this.seen.size < WORDS_MAX) this.seen.add(word);
    return word;
  }

  pair(before: number, place: number): void {
    this.add(mixed(before, place, 1));
  }

  /** The word of it. */
  fault(vector: number, eip: number): number {
    return this.add(mixed(vector, eip, 2));
  }

  /** A byte of a serial line; a line of text ends with a line feed. */
  sent(byte: number): void {
    if (byte === 10) {
      this.add(mixed(this.line, 0, 3));
      this.line = 0;
    } else this.line = Math.imul(this.line, 31) + byte;
  }

  get words(): number[] {
    return [...this.seen];
  }
}
