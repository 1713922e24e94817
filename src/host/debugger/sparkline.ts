// A row of values in one line of text: time goes to the right, the height of a block is the value, between the least
// and the largest of them. Unicode's block elements (2581h to 2588h).
// Knows no terminal.

const BLOCKS = '▁▂▃▄▅▆▇█';

export interface Sample {
  readonly tick: number;
  readonly value: number;
}

/** The last value of each column, between the least and the largest; before the first sample a column is empty. */
export function sparkline(samples: readonly Sample[], columns: number): string {
  if (samples.length === 0) return '';
  const [first, last] = [samples[0].tick, samples[samples.length - 1].tick];
  const values = samples.map(({ value }) => value);
  const least = values.reduce((a, b) => Math.min(a, b));
  const largest = values.reduce((a, b) => Math.max(a, b));
  let text = '';
  let index = 0;
  for (let column = 0; column < columns; column++) {
    const end = first + ((last - first) * (column + 1)) / columns;
    while (index + 1 < samples.length && samples[index + 1].tick <= end) index++;
    const part = largest === least ? 0 : (samples[index].value - least) / (largest - least);
    text += BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(part * BLOCKS.length))];
  }
  return text;
}
