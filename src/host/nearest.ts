// The name that somebody may have meant who typed another: for verbs, options, commands, tables of queries, columns.
// Knows no terminal; the page of a browser asks it too.

/** The only candidate that begins so, or the one that is at most two edits away, if any. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const longer = word === '' ? [] : candidates.filter((candidate) => candidate.startsWith(word));
  if (longer.length === 1) return longer[0];
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(word.length / 2) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
