// Pieces of the text of measurements: tables with aligned columns, bars, percentages. Widths are counted without
// colours, which come after.

/** Eighths of a cell, so that short bars differ. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function bar(part: number, cells: number): string {
  const eighths = Math.round(Math.min(Math.max(part, 0), 1) * cells * 8);
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}

/** `12.3 %`; what is there is never 0. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '–';
  const value = (100 * part) / whole;
  return value < 0.05 ? '<0.1 %' : `${value.toFixed(1)} %`;
}

/** 1.23 k, 45.6 M: four characters of number at most. */
export function short(value: number): string {
  const magnitude = Math.abs(value);
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (magnitude >= size) return `${(value / size).toPrecision(3)} ${letter}`;
  }
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

export type Align = 'left' | 'right';

/** Rows of cells as lines; the last column is not padded. */
export function table(rows: readonly (readonly string[])[], aligns: readonly Align[], indent = '  '): string[] {
  const widths = aligns.map((_, k) => Math.max(0, ...rows.map((row) => [...(row[k] ?? '')].length)));
  return rows.map((row) =>
    (
      indent +
      row
        .map((cell, k) => {
          const gap = ' '.repeat(Math.max(0, widths[k] - [...cell].length));
          return aligns[k] === 'right' ? gap + cell : cell + gap;
        })
        .join('  ')
    ).trimEnd(),
  );
}
