// Where the ticks of a counted run went: by block, function, page, instruction or device, hottest first, each with the
// command that shows it. Functions are those of the guest, by its symbols; where there are none, those that were
// compiled. Ticks are counted, not sampled.

import { ROWS } from '../../core/isa/ops.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import type { BlockCount } from '../../../tiers/watch-blocks.ts';
import type { HotBy } from './hot-by.ts';
import type { Watch } from '../../../tiers/watch.ts';

export interface HotRow {
  readonly name: string;
  /** Linear address; −1: the row is no place. */
  readonly address: number;
  /** Ticks, or accesses of a device. */
  readonly count: number;
  /** Of these: in compiled code. */
  readonly compiled: number;
  /** Entries of its blocks; accesses that write. */
  readonly entries: number;
  /** Prints what the row is. */
  readonly command: string;
}

export const hex = (address: number): string => (address >>> 0).toString(16);

/** ISA ports by who decodes them on a PC, for people. */
const PORTS: readonly (readonly [first: number, last: number, name: string])[] = [
  [0x00, 0x0f, '8237 DMA'],
  [0x20, 0x21, '8259 master'],
  [0x40, 0x43, '8254 timer'],
  [0x60, 0x60, '8042 keyboard'],
  [0x61, 0x61, 'port B'],
  [0x64, 0x64, '8042 keyboard'],
  [0x70, 0x71, 'MC146818 clock and CMOS'],
  [0x80, 0x8f, 'DMA pages'],
  [0x92, 0x92, 'port A'],
  [0xa0, 0xa1, '8259 slave'],
  [0xc0, 0xdf, '8237 DMA'],
  [0xe9, 0xe9, 'debug console'],
  [0xf0, 0xf1, 'x87 error'],
  [0xf4, 0xf4, 'debug exit'],
  [0x1f0, 0x1f7, 'IDE'],
  [0x2e8, 0x2ef, '16550, line 3'],
  [0x2f8, 0x2ff, '16550, line 1'],
  [0x3b0, 0x3df, 'VGA'],
  [0x3e8, 0x3ef, '16550, line 2'],
  [0x3f8, 0x3ff, '16550, line 0'],
  [0x402, 0x402, 'debug console'],
  [0xcf8, 0xcff, 'PCI configuration'],
];
const APIC_PAGE = 0xfee00;
const IO_APIC_PAGE = 0xfec00;

function deviceOfPort(port: number): string {
  return PORTS.find(([first, last]) => port >= first && port <= last)?.[2] ?? `port ${hex(port)}h`;
}

function deviceOfPage(page: number): string {
  if (page === APIC_PAGE) return 'local APIC';
  return page === IO_APIC_PAGE ? 'I/O APIC' : `memory of a device at ${hex(page << 12)}h`;
}

interface Gathered {
  name: string;
  address: number;
  count: number;
  compiled: number;
  entries: number;
  /** The block that has most of it, and how much. */
  show: BlockCount;
  shown: number;
}

export interface HotOptions {
  readonly by: HotBy;
  readonly path: string;
  readonly symbols: SymbolTable;
}

const quoted = (path: string): string => (/^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** Listing of a block, at a moment at which it was about to run. */
function listing(path: string, block: BlockCount): string {
  const where = `seek ${block.firstTick}; u 0x${hex(block.linear)} ${Math.min(block.count, 32)}`;
  return `reprise debug ${quoted(path)} --exec '${where}'`;
}

export function nameOf(symbols: SymbolTable, address: number): string {
  return symbols.describe(address) || `${hex(address).padStart(8, '0')}h`;
}

/** By what code is gathered: the name of the row, and its address. `linear`: where the code begins. */
export function placeOf({ by, symbols }: HotOptions, linear: number): readonly [name: string, address: number] {
  if (by === 'block') return [nameOf(symbols, linear), linear];
  const page = linear & -4096;
  if (by === 'page') return [`page ${hex(page).padStart(8, '0')}h`, page >>> 0];
  const found = symbols.functionAt(linear);
  // Without a symbol the page is the least that can be said.
  if (found === null) return [`in page ${hex(page).padStart(8, '0')}h`, page >>> 0];
  return [found.symbol.name, found.address];
}

interface Part {
  readonly name: string;
  readonly address: number;
  readonly count: number;
  readonly compiled: number;
}

/** What of a block's ticks belongs to which row: control may fall from one function into the next in its middle. */
export function partsOf(options: HotOptions, block: BlockCount): readonly Part[] {
  const { ticks, compiledTicks } = block;
  const [name, address] = placeOf(options, block.linear);
  const whole: Part = { name, address, count: ticks, compiled: compiledTicks };
  if (options.by !== 'function' || block.count < 2 || ticks === 0) return [whole];
  if (placeOf(options, block.addressOf(block.count - 1))[0] === name) return [whole];
  const counts = new Map<string, { address: number; count: number }>();
  let rest = ticks;
  block.executions().forEach((count, index) => {
    const [other, place] = placeOf(options, block.addressOf(index));
    if (other === name) return;
    const known = counts.get(other);
    if (known === undefined) counts.set(other, { address: place, count });
    else known.count += count;
    rest -= count;
  });
  const compiledOf = (count: number): number => Math.round((compiledTicks * count) / ticks);
  const others = [...counts].map(([other, part]) => ({ name: other, ...part, compiled: compiledOf(part.count) }));
  const compiled = others.reduce((left, part) => left - part.compiled, compiledTicks);
  return [{ name, address, count: rest, compiled }, ...others];
}

export function hotRows(watch: Watch, options: HotOptions): HotRow[] {
  if (options.by === 'device') return deviceRows(watch, options);
  if (options.by === 'instruction') return instructionRows(watch, options);
  const rows = new Map<string, Gathered>();
  for (const block of watch.blocks.all) {
    if (block.ticks === 0) continue;
    const entries = block.interpreted + block.compiled;
    for (const { name, address, count, compiled } of partsOf(options, block)) {
      if (count === 0) continue;
      const key = options.by === 'block' ? `${name} ${block.mode} ${block.physical} ${block.count}` : name;
      const row = rows.get(key);
      if (row === undefined) {
        rows.set(key, { name, address, count, compiled, entries, show: block, shown: count });
        continue;
      }
      row.count += count;
      row.compiled += compiled;
      row.entries += entries;
      if (count > row.shown) {
        row.show = block;
        row.shown = count;
      }
    }
  }
  return [...rows.values()]
    .sort((a, b) => b.count - a.count || a.address - b.address)
    .map(({ name, address, count, compiled, entries, show }) => ({
      name,
      address,
      count,
      compiled,
      entries,
      command: listing(options.path, show),
    }));
}

function instructionRows(watch: Watch, { path, symbols }: HotOptions): HotRow[] {
  const rows = new Map<number, { row: number; count: number; block: BlockCount }>();
  for (const block of watch.blocks.all) {
    if (block.count === 0) continue;
    const executions = block.executions();
    for (let i = 0; i < block.count; i++) {
      if (executions[i] === 0) continue;
      const address = block.addressOf(i);
      const known = rows.get(address);
      if (known === undefined) rows.set(address, { row: block.rowOf(i), count: executions[i], block });
      else known.count += executions[i];
    }
  }
  return [...rows]
    .sort((a, b) => b[1].count - a[1].count || a[0] - b[0])
    .map(([address, { row, count, block }]) => ({
      name: `${ROWS[row].name.padEnd(8)} ${nameOf(symbols, address)}`,
      address,
      count,
      compiled: 0,
      entries: count,
      command: `reprise debug ${quoted(path)} --exec 'seek ${block.firstTick}; u 0x${hex(address)} 1'`,
    }));
}

/** Accesses of the guest. */
function deviceRows(watch: Watch, { path }: HotOptions): HotRow[] {
  const rows = new Map<string, { count: number; writes: number }>();
  const add = (name: string, count: number, writes: number): void => {
    const row = rows.get(name) ?? { count: 0, writes: 0 };
    rows.set(name, { count: row.count + count, writes: row.writes + writes });
  };
  for (const [port, { reads, writes }] of watch.ports) add(deviceOfPort(port), reads + writes, writes);
  for (const [page, count] of watch.devicePages) add(deviceOfPage(page), count, 0);
  return [...rows]
    .sort((a, b) => b[1].count - a[1].count)
    .map(([name, { count, writes }]) => ({
      name,
      address: -1,
      count,
      compiled: 0,
      entries: writes,
      command: `reprise trace ${quoted(path)} io.jsonl --format io`,
    }));
}
