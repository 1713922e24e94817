/**
 * Long work as a generator: what it yields tells how far it is, and between two steps its caller may look around or
 * give it up. Here for callers who do neither.
 */
export function runSteps<T>(steps: Generator<unknown, T, never>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
