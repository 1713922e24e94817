/**
 * Counts what a property judged. A property that passes over most of its cases (bytes that are no instruction, a result
 * that is not meant) shows nothing, and nobody sees it: so such a property counts, and fails when it was too little.
 */
import assert from 'node:assert/strict';

export class Judged {
  private readonly what: string;
  private total = 0;

  /** `what`: the cases, as in "instructions". */
  constructor(what: string) {
    this.what = what;
  }

  get count(): number {
    return this.total;
  }

  add(count = 1): void {
    this.total += count;
  }

  atLeast(least: number): void {
    assert.ok(this.total >= least, `only ${this.total} ${this.what} were judged, where ${least} are wanted`);
  }
}

/**
 * The same for each of several kinds of cases: none of those in `kinds` may have been judged fewer than `least` times.
 */
export function assertEachJudged(counts: ReadonlyMap<string, number>, kinds: readonly string[], least: number): void {
  const poor = kinds
    .filter((kind) => (counts.get(kind) ?? 0) < least)
    .map((kind) => `${kind} ${counts.get(kind) ?? 0}`);
  assert.deepEqual(poor, [], `judged fewer than ${least} times`);
}
