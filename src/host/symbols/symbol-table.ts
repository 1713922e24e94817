// Names of addresses. A table has sources (a file, a kernel's own listing, its modules), each moved as a whole by its
// slide: a kernel that places itself at random lies elsewhere than its file says (KASLR). While the slide of a source
// is not known, none of its names has an address. Knows no files, no machine and no terminal; fit for whoever names
// addresses: debugger, traces, coverage, profiles.

import type { DebugInfo } from '../dwarf/debug-info.ts';
import type { BuildId } from './build-id.ts';
import type { ModuleFile } from './module-file.ts';
import type { ProcessName } from './process.ts';
import type { ProgramFile } from './program-file.ts';

/** Absolute symbols are numbers: they move with nothing and name no place. */
export type SymbolKind = 'code' | 'data' | 'absolute';

export interface GuestSymbol {
  readonly name: string;
  /** As its source says, unsigned, before any slide. */
  readonly address: number;
  readonly kind: SymbolKind;
  readonly isGlobal: boolean;
  /** The module that it is of, or ''. */
  readonly module: string;
}

export const symbolOf = (name: string, address: number, kind: SymbolKind = 'code'): GuestSymbol => ({
  name,
  address: address >>> 0,
  kind,
  isGlobal: true,
  module: '',
});

export const SYMBOL_COUNT_MAX = 1 << 20;
/** So many lookups are done by looking through all symbols: most sessions that are scripts ask for no more. */
const PLAIN_LOOKS = 8;
/** Further away than this from the symbol before it an address has no name. */
const DISTANCE_MAX = 1 << 20;

export class SymbolSource {
  /** For people: a path, or where the symbols were found. */
  readonly label: string;
  readonly symbols: readonly GuestSymbol[];
  /** Added to every address that is not absolute; null while it is not known. */
  slide: number | null;
  /** Lines, frames and variables, where the file has them. */
  debug: DebugInfo | null = null;
  /** Of an ELF file that has one. */
  buildId: BuildId | null = null;
  /** The process that the names are of; null: they hold in every address space. */
  process: ProcessName | null = null;
  /** Of a module's file: it has names once the guest has loaded the module. */
  moduleFile: ModuleFile | null = null;
  /** Of a file that lies wherever it is loaded: its slide is that of the address space that the processor has. */
  program: ProgramFile | null = null;
  /** False: its process is not the one that runs, and no address is called by its names. */
  isCurrent = true;
  /** The guest runs another build: nothing of the file holds. */
  isOtherBuild = false;
  /** Null: not made yet. */
  private index: Map<string, GuestSymbol> | null = null;
  private plainLooks = 0;

  constructor(label: string, symbols: readonly GuestSymbol[], slide: number | null = 0) {
    this.label = label;
    this.symbols = symbols.length > SYMBOL_COUNT_MAX ? symbols.slice(0, SYMBOL_COUNT_MAX) : symbols;
    this.slide = slide;
  }

  /** By name; of several the first global one, or the first. */
  private get byName(): ReadonlyMap<string, GuestSymbol> {
    if (this.index !== null) return this.index;
    const index = new Map<string, GuestSymbol>();
    for (const symbol of this.symbols) {
      const before = index.get(symbol.name);
      if (before === undefined || (!before.isGlobal && symbol.isGlobal)) index.set(symbol.name, symbol);
    }
    this.index = index;
    return index;
  }

  find(name: string): GuestSymbol | undefined {
    if (this.index !== null || ++this.plainLooks > PLAIN_LOOKS) return this.byName.get(name);
    let found: GuestSymbol | undefined;
    for (const symbol of this.symbols) {
      if (symbol.name !== name) continue;
      if (symbol.isGlobal) return symbol;
      found ??= symbol;
    }
    return found;
  }

  names(): Iterable<string> {
    return this.byName.keys();
  }

  get count(): number {
    return this.byName.size;
  }
}

/** A symbol where it is now. */
export interface Placed {
  readonly address: number;
  readonly symbol: GuestSymbol;
}

export class SymbolTable {
  private list: SymbolSource[] = [];
  /** Ascending by address, one symbol an address; null: to be made again. */
  private places: readonly Placed[] | null = null;
  private plainLooks = 0;
  private functions: readonly Placed[] | null = null;
  /** Where `functionAt` has last been: walks ask for one function many times. */
  private last: { from: number; to: number; found: Placed | null } = { from: 1, to: 0, found: null };

  get sources(): readonly SymbolSource[] {
    return this.list;
  }

  get count(): number {
    return this.list.reduce((sum, { count }) => sum + count, 0);
  }

  /** Sources that were added first are asked first; one with the label of another takes its place. */
  add(source: SymbolSource): void {
    const at = this.list.findIndex(({ label }) => label === source.label);
    if (at < 0) this.list.push(source);
    else this.list[at] = source;
    this.changed();
  }

  remove(label: string): void {
    this.list = this.list.filter((source) => source.label !== label);
    this.changed();
  }

  setSlide(source: SymbolSource, slide: number | null): void {
    if (source.slide === slide) return;
    source.slide = slide;
    this.changed();
  }

  setCurrent(source: SymbolSource, isCurrent: boolean): void {
    if (source.isCurrent === isCurrent) return;
    source.isCurrent = isCurrent;
    this.changed();
  }

  /** Takes its names and lines away. */
  setOtherBuild(source: SymbolSource): void {
    source.isOtherBuild = true;
    this.changed();
  }

  private changed(): void {
    this.places = null;
    this.functions = null;
    this.last = { from: 1, to: 0, found: null };
  }

  /** Where the name is now; undefined when it is not known, or where its source has been moved to is not. */
  address(name: string): number | undefined {
    return this.placeOf(name)?.address;
  }

  /** The same with the source; of a process that does not run too, behind those that hold here. */
  placeOf(name: string): { readonly address: number; readonly source: SymbolSource } | undefined {
    for (const isCurrent of [true, false]) {
      for (const source of this.list) {
        const symbol = source.isOtherBuild || source.isCurrent !== isCurrent ? undefined : source.find(name);
        if (symbol === undefined) continue;
        if (symbol.kind === 'absolute') return { address: symbol.address, source };
        if (source.slide !== null) return { address: (symbol.address + source.slide) >>> 0, source };
      }
    }
    return undefined;
  }

  *names(): Iterable<string> {
    for (const source of this.list) if (!source.isOtherBuild) yield* source.names();
  }

  /** `name`, `name+0x12` or `name+0x12 [module]`; empty where there is none near. */
  describe(address: number): string {
    const found = this.nearest(address);
    return found === null ? '' : describePlaced(found, address);
  }

  /** The symbol at or before an address, of code or data. */
  nearest(address: number): Placed | null {
    if (this.places === null && ++this.plainLooks <= PLAIN_LOOKS) return this.nearestOfAll(address >>> 0);
    this.places ??= this.sorted(false);
    return nearestOf(this.places, address >>> 0);
  }

  /** The same without the order that many lookups want. */
  private nearestOfAll(address: number): Placed | null {
    let best: Placed | null = null;
    this.eachPlaced(false, (symbol, at) => {
      if (at > address || (best !== null && at < best.address)) return;
      if (best !== null && at === best.address && rankOf(symbol) >= rankOf(best.symbol)) return;
      best = { address: at, symbol };
    });
    return nearestOf(best === null ? [] : [best], address);
  }

  /** The function that the address lies in: the code symbol at or before it. */
  functionAt(address: number): Placed | null {
    const unsigned = address >>> 0;
    const { last } = this;
    if (unsigned >= last.from && unsigned < last.to) return last.found;
    this.functions ??= this.sorted(true);
    const index = indexBefore(this.functions, unsigned);
    const found = nearestOf(this.functions, unsigned);
    if (found !== null) {
      const next = this.functions[index + 1]?.address ?? 2 ** 32;
      this.last = { from: found.address, to: Math.min(next, found.address + DISTANCE_MAX), found };
    }
    return found;
  }

  /** Functions that begin in a range, ascending. */
  functionsIn(from: number, to: number): readonly Placed[] {
    this.functions ??= this.sorted(true);
    const first = indexBefore(this.functions, (from >>> 0) - 1) + 1;
    return this.functions.slice(first, indexBefore(this.functions, to - 1) + 1);
  }

  /** Every symbol that has an address now. */
  private eachPlaced(isCodeOnly: boolean, tell: (symbol: GuestSymbol, address: number) => void): void {
    for (const { isCurrent, isOtherBuild, slide, symbols } of this.list) {
      if (slide === null || !isCurrent || isOtherBuild) continue;
      for (const symbol of symbols) {
        if (symbol.kind === 'absolute' || (isCodeOnly && symbol.kind !== 'code')) continue;
        tell(symbol, (symbol.address + slide) >>> 0);
      }
    }
  }

  private sorted(isCodeOnly: boolean): Placed[] {
    const all: Placed[] = [];
    this.eachPlaced(isCodeOnly, (symbol, address) => all.push({ address, symbol }));
    // The order of sources remains among equals: the sort is stable.
    all.sort((a, b) => a.address - b.address || rankOf(a.symbol) - rankOf(b.symbol));
    return all.filter(({ address }, i) => i === 0 || all[i - 1].address !== address);
  }
}

/** Of several names of one place the plainest: global before local, without underscores before with. */
function rankOf({ isGlobal, name }: GuestSymbol): number {
  const underscores = /^_*/.exec(name)?.[0].length ?? 0;
  return underscores * 2 + (isGlobal ? 0 : 1);
}

/** Index of the last one at or before an address, or −1. */
function indexBefore(list: readonly Placed[], address: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function nearestOf(list: readonly Placed[], address: number): Placed | null {
  const found = list[indexBefore(list, address)];
  return found === undefined || address - found.address > DISTANCE_MAX ? null : found;
}

export function describePlaced({ address: start, symbol }: Placed, address: number): string {
  const offset = (address >>> 0) - start;
  const place = offset === 0 ? symbol.name : `${symbol.name}+0x${offset.toString(16)}`;
  return symbol.module === '' ? place : `${place} [${symbol.module}]`;
}
