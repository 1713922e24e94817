// Where the symbols of a guest come from, in words and as plain data; the line that tells gdb how far a kernel is from
// where its file says.

import type { GuestSymbols } from './guest-symbols.ts';
import type { SymbolTable } from './symbol-table.ts';

/** `0x1a00000`, with its sign. */
export const signedHex = (value: number): string => `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16)}`;

export interface SourceReport {
  readonly label: string;
  readonly count: number;
  /** Null: not known. */
  readonly slide: number | null;
}

export function symbolSources(table: SymbolTable): SourceReport[] {
  return table.sources.map(({ label, count, slide }) => ({ label, count, slide }));
}

export function symbolsText(guest: GuestSymbols): string {
  const lines = guest.table.sources.map(({ label, count, slide, isCurrent, isOtherBuild }) => {
    if (isOtherBuild) return `none from ${label}, which is of another build than the guest runs`;
    const elsewhere = isCurrent ? '' : ', of a process that does not run here';
    const where =
      slide === null ? ', where they are is not known yet' : slide === 0 ? '' : `, moved by ${signedHex(slide)}`;
    return `${count} symbols from ${label}${where}${elsewhere}`;
  });
  const rest = [...gdbLines(guest), guest.problem].filter((line) => line !== '');
  return lines.length === 0 ? 'no symbols: --symbols FILE or symbols FILE gives some' : [...lines, ...rest].join('\n');
}

/** What to type in gdb, whose own symbols know nothing of a slide. */
export function gdbLines(guest: GuestSymbols): string[] {
  return guest.moved
    .filter(({ slide }) => slide !== null && slide !== 0)
    .map(({ label, slide }) => `the kernel has moved; in gdb type: symbol-file -o ${signedHex(slide ?? 0)} ${label}`);
}
