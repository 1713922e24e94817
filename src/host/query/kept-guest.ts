// What queries ask of a Linux guest that carries its own names, as it is in the middle of a run: its names, and where
// it says which task runs. Kept for queries after them (kept-values.ts), which then look at no memory before they are
// planned. What depends on the moment is not in it.

import { createHash } from 'node:crypto';
import { isBytes, isList } from '../../core/log/event-codec.ts';
import type { Packed } from '../../core/log/payload.ts';
import type { LinuxPlaces } from '../../core/query/events.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { keptAnswerPath } from '../node/cache-folder.ts';
import { readKept, writeKept } from '../node/kept-values.ts';
import { type GuestSymbols, KALLSYMS_LABEL, MODULES_LABEL, TASKS_LABEL } from '../symbols/guest-symbols.ts';
import { type GuestSymbol, type SymbolKind, SymbolSource, type SymbolTable } from '../symbols/symbol-table.ts';
import { planContext } from './guest-view.ts';

/** What is read out of a guest. */
const LABELS = [KALLSYMS_LABEL, MODULES_LABEL, TASKS_LABEL];
const KINDS: readonly SymbolKind[] = ['code', 'data', 'absolute'];
const GLOBAL_BIT = 4;

export interface KeptGuest extends LinuxPlaces {
  readonly sources: readonly SymbolSource[];
}

const pathOf = (key: string): string => keptAnswerPath(createHash('sha256').update(`${key} guest`).digest('hex'));

/** The tick at which a kernel is looked for first where checkpoints are near. */
export const middleOf = ({ endTick, intervalTicks }: Timeline): number =>
  Math.floor(endTick / 2 / intervalTicks) * intervalTicks;

/** Keeps what the guest shows where the timeline stands, if that is all that queries ask for. */
export function keepGuest(key: string, timeline: Timeline, guest: GuestSymbols): void {
  const { currentTask, tasks } = planContext(timeline.machine, guest.table).guest;
  if (timeline.position.tick !== middleOf(timeline) || guest.isUnplaced || currentTask === null) return;
  const sources = guest.table.sources.filter(({ label }) => LABELS.includes(label));
  // A guest may call things as it likes.
  const isPlain = sources.every(({ symbols }) =>
    symbols.every(({ name, module }) => !`${name}${module}`.includes('\n')),
  );
  if (sources.length === 0 || !isPlain) return;
  const packed = sources.map(({ label, slide, symbols }): Packed => {
    const bits = symbols.map(({ isGlobal, kind }) => KINDS.indexOf(kind) | (isGlobal ? GLOBAL_BIT : 0));
    const addresses = Uint32Array.from(symbols, ({ address }) => address);
    const [names, modules] = [symbols.map(({ name }) => name), symbols.map(({ module }) => module)];
    return [
      label,
      slide,
      names.join('\n'),
      modules.join('\n'),
      new Uint8Array(addresses.buffer),
      Uint8Array.from(bits),
    ];
  });
  writeKept(pathOf(key), [JSON.stringify(currentTask), JSON.stringify(tasks), packed]);
}

/** Goes to the middle of the run, which has been walked through, and keeps what the guest shows there. */
export function* findAndKeepGuest(key: string, timeline: Timeline, guest: GuestSymbols): Way<void> {
  yield* timeline.seek({ tick: middleOf(timeline), seq: 0 }, []);
  guest.refresh(timeline.machine.cpu);
  keepGuest(key, timeline, guest);
}

/** Null: it is not kept. */
export function readGuest(key: string): KeptGuest | null {
  const value = readKept(pathOf(key));
  const [currentTask, tasks, packed] = isList(value) ? value : [];
  if (typeof currentTask !== 'string' || typeof tasks !== 'string' || !isList(packed)) return null;
  const sources: SymbolSource[] = [];
  for (const each of packed) {
    const source = isList(each) ? sourceOf(each) : null;
    if (source === null) return null;
    sources.push(source);
  }
  return { sources, currentTask: JSON.parse(currentTask), tasks: JSON.parse(tasks) };
}

function sourceOf([label, slide, names, modules, bytes, bits]: readonly Packed[]): SymbolSource | null {
  if (typeof label !== 'string' || typeof names !== 'string' || typeof modules !== 'string') return null;
  if (!isBytes(bytes) || !isBytes(bits) || bytes.length !== bits.length * 4) return null;
  const addresses = new Uint32Array(Uint8Array.from(bytes).buffer);
  const [nameList, moduleList] = [names.split('\n'), modules.split('\n')];
  if (nameList.length !== bits.length || moduleList.length !== bits.length) return null;
  const symbols = nameList.map((name, i): GuestSymbol => {
    const kind = KINDS[bits[i] & (GLOBAL_BIT - 1)];
    return { name, address: addresses[i], kind, isGlobal: (bits[i] & GLOBAL_BIT) !== 0, module: moduleList[i] };
  });
  return new SymbolSource(label, symbols, typeof slide === 'number' ? slide : null);
}

/** Names of a guest in a table, as if they had been read out of it. */
export function showGuest(table: SymbolTable, { sources }: KeptGuest): void {
  for (const source of sources) table.add(source);
}

export function hideGuest(table: SymbolTable): void {
  for (const label of LABELS) table.remove(label);
}
