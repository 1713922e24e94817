// Seeded random numbers: the same on every host, from one word. What is made of them (the committed vectors of silicon,
// generated programs, eviction schedules) is found again by its seed, so the sequence never changes: new ways to draw
// are added. The only generator in the project; proptests/tidy fails where another one is written.

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x3c6ef372) | 0;
  }

  /** A uniform signed word: a Weyl sequence through a 32-bit finalizer. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return x ^ (x >>> 15);
  }

  /** 0 … limit − 1. */
  below(limit: number): number {
    return Math.floor(((this.word() >>> 0) / 0x100000000) * limit);
  }

  /** True once in `count`. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}
