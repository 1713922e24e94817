// Coverage of a stretch of a run as an lcov tracefile (geninfo(1)): files with their functions, branches and lines, by
// the debug information of the guest. Code that has none is covered too: its instructions are the lines of a listing
// that is written beside the trace. Counts are exact: every instruction of the window is looked at as it begins, the
// first one too, and whether a conditional jump is taken is told by the flags that it finds.

import type { Cpu } from '../../core/state/cpu.ts';
import { INSTRUCTION_BYTES_MAX } from '../../core/isa/record.ts';
import { peekBytes } from '../../core/memory/peek.ts';
import { MODE_CS32, MODE_KEY } from '../../core/state/layout.ts';
import type { Disassembler } from '../debugger/views.ts';
import { hex8, isHalted, linearEip } from '../debugger/views.ts';
import { SourceLevel, type UnitPlaces } from '../symbols/source-level.ts';
import { branchAt, isTaken } from './branches.ts';
import type { Counts, Window } from './trace-formats.ts';

/** More of a function that was not run is not listed. */
const FUNCTION_BYTES_MAX = 1 << 14;

export interface CoverageWindow extends Window {
  readonly disassemble: Disassembler;
  /** Where the listing goes; its path in the trace. */
  readonly listingPath: string;
  readonly writeListing: (text: string) => void;
}

interface Seen {
  times: number;
  readonly bytes: Uint8Array;
  readonly bits: 16 | 32;
  readonly isBranch: boolean;
  taken: number;
}

/** What one file of the trace has. */
interface FileCoverage {
  readonly functions: { readonly name: string; readonly line: number; readonly times: number }[];
  /** By line, in the order of addresses. */
  readonly branches: Map<number, { readonly isReached: boolean; readonly taken: number; readonly not: number }[]>;
  readonly lines: Map<number, number>;
}

export async function writeCoverage(window: CoverageWindow): Promise<Counts> {
  const { walk, timeline, guest, fromTick } = window;
  const isThere = await walk.go(timeline, timeline.seek({ tick: fromTick, seq: 0 }));
  const seen = new Map<number, Seen>();
  if (isThere && (await walk.place(guest, timeline))) await lookAtAll(window, seen);
  guest.refresh(timeline.machine.cpu);
  const source = new SourceLevel(guest.table);
  const files = new Map<string, FileCoverage>();
  const unlisted = byUnits(seen, source, files);
  const listing = new Listing(window, seen);
  if (unlisted.length > 0) files.set(window.listingPath, listing.make(unlisted));
  const counts = { function: 0, line: 0, branch: 0, instruction: seen.size, time: 0 };
  for (const { times } of seen.values()) counts.time += times;
  for (const [path, file] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    writeFile(window.write, path, file);
    counts.function += file.functions.filter(({ times }) => times > 0).length;
    counts.line += [...file.lines.values()].filter((times) => times > 0).length;
    for (const all of file.branches.values()) counts.branch += all.length * 2;
  }
  return counts;
}

/** Every instruction of the window as it begins. */
async function lookAtAll({ walk, timeline, toTick }: CoverageWindow, seen: Map<number, Seen>): Promise<void> {
  let [lastTick, lastAddress] = [-1, -1];
  const look = (cpu: Cpu): number => {
    const tick = cpu.now();
    if (tick >= toTick) return 1;
    const address = linearEip(cpu);
    // An instruction that is done alone is looked at twice.
    if (tick === lastTick && address === lastAddress) return 0;
    [lastTick, lastAddress] = [tick, address];
    let found = seen.get(address);
    if (found === undefined) {
      found = firstSight(cpu, address);
      seen.set(address, found);
    }
    found.times++;
    if (found.isBranch && isTaken(cpu, found.bytes, found.bits)) found.taken++;
    return 0;
  };
  // A search begins behind the instruction where it stands.
  if (!isHalted(timeline.machine.cpu)) look(timeline.machine.cpu);
  await walk.go(timeline, timeline.continueUntil(look));
}

function firstSight(cpu: Cpu, address: number): Seen {
  const bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);
  const got = bytes.subarray(0, peekBytes(cpu, address, bytes));
  const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
  return { times: 0, bytes: got, bits, isBranch: branchAt(got) !== null, taken: 0 };
}

const fileOf = (files: Map<string, FileCoverage>, path: string): FileCoverage => {
  const file = files.get(path) ?? { functions: [], branches: new Map(), lines: new Map() };
  files.set(path, file);
  return file;
};

/** All that was run of units with debug information, with what of them was not; the addresses that are of none. */
function byUnits(seen: ReadonlyMap<number, Seen>, source: SourceLevel, files: Map<string, FileCoverage>): number[] {
  const units = new Map<string, UnitPlaces>();
  const unlisted: number[] = [];
  let last: UnitPlaces | null = null;
  for (const address of [...seen.keys()].sort((a, b) => a - b)) {
    if (last === null || !last.has(address)) last = source.unitPlaces(address);
    if (last === null || last.lineAt(address) === null) unlisted.push(address);
    if (last !== null) units.set(last.key, last);
  }
  const addresses = [...seen.keys()].sort((a, b) => a - b);
  for (const unit of units.values())
    addUnit(
      unit,
      addresses.filter((address) => unit.has(address)),
      seen,
      files,
    );
  return unlisted;
}

function addUnit(
  unit: UnitPlaces,
  addresses: readonly number[],
  seen: ReadonlyMap<number, Seen>,
  files: Map<string, FileCoverage>,
): void {
  for (const { name, from, file, line } of unit.functions) {
    fileOf(files, file).functions.push({ name, line, times: seen.get(from)?.times ?? 0 });
  }
  // A line may begin at several places of one function: it has run as often as the one that has run most. What several
  // functions have of it (a header's) adds up.
  const most = new Map<string, number>();
  for (const { file, line, from, owner } of unit.statements) {
    const key = `${owner} ${line} ${file}`;
    const times = seen.get(from)?.times ?? 0;
    const before = most.get(key);
    const { lines } = fileOf(files, file);
    if (before === undefined) lines.set(line, (lines.get(line) ?? 0) + times);
    else if (times > before) lines.set(line, (lines.get(line) ?? 0) + times - before);
    most.set(key, Math.max(before ?? 0, times));
  }
  for (const address of addresses) {
    const one = seen.get(address);
    const place = unit.lineAt(address);
    if (one === undefined || !one.isBranch || place === null) continue;
    addBranch(fileOf(files, place.file), place.line, one);
  }
}

function addBranch(file: FileCoverage, line: number, { times, taken }: Seen): void {
  const all = file.branches.get(line) ?? [];
  all.push({ isReached: times > 0, taken, not: times - taken });
  file.branches.set(line, all);
}

/** Instructions as lines of a text, for code without debug information. */
class Listing {
  private readonly window: CoverageWindow;
  private readonly seen: ReadonlyMap<number, Seen>;
  private lineCount = 0;
  private readonly file: FileCoverage = { functions: [], branches: new Map(), lines: new Map() };

  constructor(window: CoverageWindow, seen: ReadonlyMap<number, Seen>) {
    this.window = window;
    this.seen = seen;
  }

  make(addresses: readonly number[]): FileCoverage {
    const { table } = this.window.guest;
    for (let i = 0; i < addresses.length; ) {
      const owner = table.functionAt(addresses[i]);
      const next = owner === null ? 2 ** 32 : (table.functionsIn(owner.address + 1, 2 ** 32)[0]?.address ?? 2 ** 32);
      const own: number[] = [];
      for (; i < addresses.length && isOf(table.functionAt(addresses[i])?.address, owner?.address); i++)
        own.push(addresses[i]);
      const name = owner === null ? `code_at_0x${own[0].toString(16)}` : owner.symbol.name;
      const start = owner?.address ?? own[0];
      this.addFunction(
        name,
        start,
        Math.min(next, start + FUNCTION_BYTES_MAX, own[own.length - 1] + FUNCTION_BYTES_MAX),
        own,
      );
    }
    return this.file;
  }

  private put(text: string): number {
    this.window.writeListing(text);
    return ++this.lineCount;
  }

  private addFunction(name: string, start: number, end: number, own: readonly number[]): void {
    const line = this.put(`${name}:`);
    this.file.functions.push({ name, line, times: this.seen.get(start)?.times ?? 0 });
    const isNamed = !name.startsWith('code_at_');
    const last = own[own.length - 1];
    let next = 0;
    // From one instruction to the next; where one was begun that is another line, whatever comes before.
    for (let at = start; at < end && (isNamed || next < own.length); ) {
      while (next < own.length && own[next] < at) this.addInstruction(own[next++]);
      const length = this.addInstruction(at);
      if (own[next] === at) next++;
      if (length === 0 && next >= own.length) break;
      const following = length === 0 || !isNamed ? Math.max(own[next] ?? end, at + 1) : at + length;
      at = next < own.length ? Math.min(following, Math.max(own[next], at + 1)) : following;
      if (!isNamed && at > last) break;
    }
    for (; next < own.length; next++) this.addInstruction(own[next]);
  }

  /** Its length; 0 where nothing is mapped. */
  private addInstruction(address: number): number {
    const { timeline, disassemble } = this.window;
    const one = this.seen.get(address);
    let bytes = one?.bytes ?? new Uint8Array(INSTRUCTION_BYTES_MAX);
    if (one === undefined) bytes = bytes.subarray(0, peekBytes(timeline.machine.cpu, address, bytes));
    if (bytes.length === 0 && one === undefined) return 0;
    const { text, length } =
      bytes.length === 0 ? { text: '(not mapped)', length: 1 } : disassemble(bytes, address, one?.bits ?? 32);
    const line = this.put(`  0x${hex8(address)}  ${text}`);
    this.file.lines.set(line, one?.times ?? 0);
    if (one?.isBranch === true) addBranch(this.file, line, one);
    return length;
  }
}

const isOf = (a: number | undefined, b: number | undefined): boolean => a === b;

function writeFile(write: (line: string) => void, path: string, { functions, branches, lines }: FileCoverage): void {
  write('TN:');
  write(`SF:${path}`);
  const sorted = [...functions].sort((a, b) => a.line - b.line);
  for (const { line, name } of sorted) write(`FN:${line},${name}`);
  for (const { times, name } of sorted) write(`FNDA:${times},${name}`);
  write(`FNF:${sorted.length}`);
  write(`FNH:${sorted.filter(({ times }) => times > 0).length}`);
  let [found, hit] = [0, 0];
  for (const [line, all] of [...branches].sort(([a], [b]) => a - b)) {
    all.forEach(({ isReached, taken, not }, i) => {
      const ways = [taken, not];
      ways.forEach((times, way) => write(`BRDA:${line},${i},${way},${isReached ? times : '-'}`));
      found += ways.length;
      hit += ways.filter((times) => times > 0).length;
    });
  }
  write(`BRF:${found}`);
  write(`BRH:${hit}`);
  const counted = [...lines].sort(([a], [b]) => a - b);
  for (const [line, times] of counted) write(`DA:${line},${times}`);
  write(`LF:${counted.length}`);
  write(`LH:${counted.filter(([, times]) => times > 0).length}`);
  write('end_of_record');
}
