/**
 * A machine in a file, to go on from: writer and reader side by side. The file is made of the frames of a log: the
 * header of the run that it was taken of, pages of memory, one frame with the rest of the machine, an end with the
 * digest of all of it. So it is checked, packed, searched for and refused as logs are. Beside the states of the devices
 * it has what a board of the log would know, so that a recording that begins here replays without devices too. A
 * snapshot is untrusted: what cannot be a state of the machine of its manifest is a `LogError` and changes nothing.
 */
import type { BoardState } from '../board/board.ts';
import { type ImageContent, wholeImage } from '../board/image.ts';
import type { DeviceState } from '../board/device.ts';
import { StateError } from '../base/fields.ts';
import { PAGES_MAX } from '../base/pages.ts';
import { isBytes, isList, isSafe } from '../log/event-codec.ts';
import { FRAME_KIND, readPayload } from '../log/frames.ts';
import { type LogReader, type LogSink, LogWriter, openLog } from '../log/log.ts';
import { LogError } from '../log/log-error.ts';
import { isMap, type MachineManifest, SNAPSHOT_ROLE } from '../log/manifest.ts';
import type { Packed } from '../log/payload.ts';
import { GatheredPages, pagePayloads, readStates } from '../log/saved-pages.ts';
import type { MappedRun } from '../memory/address-space.ts';
import type { Machine } from '../machine/machine.ts';
import { bulkPlaces, GROUP_PAGES, PageStore, savedProblem, type Snapshot } from '../machine/snapshot.ts';

/** How its file ends. */
export const SNAPSHOT_REASON = 'snapshot';
const STATE = 'state';
/** The part of a board of the log that says what addresses lead to. */
const MAP = 'map';

export interface SnapshotSetup {
  readonly creator: string;
  /** Of the run, which may itself have begun at a snapshot. */
  readonly manifest: MachineManifest;
  /** At a tick of which nothing has happened yet. */
  readonly machine: Machine;
  readonly snapshot: Snapshot;
  readonly sink: LogSink;
}

/** True when the file holds a machine and no run. */
export function isSnapshotFile(log: LogReader): boolean {
  return log.frames.some(({ kind }) => kind === FRAME_KIND.snapshot);
}

/** Whether a machine of the manifest begins at a snapshot. */
export function beginsAtSnapshot({ images }: Pick<MachineManifest, 'images'>): boolean {
  return images.some(({ role }) => role === SNAPSHOT_ROLE);
}

/** The machine of `machine` and of its `snapshot`, which is the same moment. */
export function writeSnapshot({ creator, manifest, machine, snapshot, sink }: SnapshotSetup): void {
  const images = manifest.images.filter(({ role }) => role !== SNAPSHOT_ROLE);
  const writer = new LogWriter(sink, { creator, profile: 'full', machine: { ...manifest, images } });
  const { tick } = snapshot;
  for (const payload of pagePayloads(snapshot, null)) writer.writeFrame(FRAME_KIND.snapshot, 0, tick, payload);
  const states = (board: BoardState): Packed => board.map(([name, state]) => [name, state as Packed]);
  const asLogged = states(machine.board.saveAsLogged());
  const state = [STATE, snapshot.cpu, snapshot.loop as Packed, states(snapshot.board), asLogged];
  writer.writeFrame(FRAME_KIND.snapshot, 0, tick, state);
  writer.end(tick, SNAPSHOT_REASON, machine.hash().root);
}

/** What is in a file, as far as that can be said without a machine. */
interface ReadSnapshot {
  readonly tick: number;
  readonly hash: string | null;
  readonly cpu: Uint8Array;
  readonly loop: Packed;
  readonly board: readonly (readonly [string, Packed])[];
  readonly asLogged: readonly (readonly [string, Packed])[];
  readonly pages: readonly Packed[];
  /** Put together for machines of so many pages. */
  groups: { readonly pageCount: number; readonly groups: Snapshot['groups'] } | null;
}

/** Of files that are at hand: many machines may begin at the same. */
const known = new WeakMap<Uint8Array, ReadSnapshot>();

function unusable(why: string): LogError {
  return new LogError('malformed', `The snapshot cannot be used, ${why}: take it again, or copy it once more.`);
}

/** The log frames of a snapshot file. Throws a `LogError` for what is none. */
export function openSnapshot(file: Uint8Array): LogReader {
  const log = openLog(file);
  if (isSnapshotFile(log)) return log;
  throw new LogError(
    'foreign',
    'This is the log of a run and no snapshot: take one with `reprise snapshot save LOG@POSITION FILE`.',
  );
}

function readSnapshot(file: Uint8Array): ReadSnapshot {
  const before = known.get(file);
  if (before !== undefined) return before;
  const log = openSnapshot(file);
  const frames = log.frames.filter(({ kind }) => kind === FRAME_KIND.snapshot);
  const payloads = frames.map((frame) => readPayload(log.file, frame));
  const state = payloads.pop();
  const [tag, cpu, loop, boardStates, loggedStates] = isList(state) ? state : [];
  const board = readStates(boardStates);
  const asLogged = readStates(loggedStates);
  const tick = frames.at(-1)?.firstTick ?? 0;
  if (log.end === null) throw unusable('its file was cut off');
  if (tag !== STATE || !isBytes(cpu) || loop === undefined || board === null || asLogged === null) {
    throw unusable('a frame of it is not what it must be');
  }
  if (log.end.tick !== tick || log.end.reason !== SNAPSHOT_REASON) throw unusable('its end is not that of a snapshot');
  const { hash } = log.end;
  const read = { tick, hash, cpu: Uint8Array.from(cpu), loop, board, asLogged, pages: payloads, groups: null };
  known.set(file, read);
  return read;
}

/** The tick at which a machine begins that goes on from the file. */
export function snapshotTick(file: Uint8Array): number {
  return readSnapshot(file).tick;
}

/** The tick at which a run with these images begins. */
export function startTickOf(images: ReadonlyMap<string, ImageContent>): number {
  const content = images.get(SNAPSHOT_ROLE);
  return content === undefined ? 0 : snapshotTick(wholeImage(content));
}

/** Puts a machine that has just been started where the file says. Throws a `LogError`. */
export function loadSnapshot(machine: Machine, file: Uint8Array, isDeviceless: boolean): void {
  const read = readSnapshot(file);
  const { tick, cpu, loop, hash } = read;
  const board = isDeviceless ? asFollowed(machine, read.asLogged) : (read.board as BoardState);
  const problem = savedProblem(machine, { tick, cpu, loop, board });
  if (problem !== null) throw unusable(`it is of another machine (${problem.message})`);
  const bulks = bulkPlaces(machine);
  const groups = groupsOf(read, machine.memory.pageCount);
  const state = loop as DeviceState;
  try {
    new PageStore(machine).restore({ tick, cpu, loop: state, board: board as BoardState, groups, bulks });
  } catch (error) {
    if (error instanceof StateError) throw unusable(`it is of another machine (${error.message})`);
    throw error;
  }
  // To everybody who comes later the machine is one of which nothing is known.
  groups.forEach((group, first) => {
    group.forEach((page, i) => {
      if (page !== null) machine.memory.markDirty(first * GROUP_PAGES + i);
    });
  });
  // Taken here by all machines that begin here, and by none later: hashes tell of the pages written between them.
  const { root } = machine.hash();
  if (!isDeviceless && hash !== null && root !== hash) {
    throw unusable(`its state has the hash ${root} and not ${hash}`);
  }
}

function groupsOf(read: ReadSnapshot, pageCount: number): Snapshot['groups'] {
  if (read.groups?.pageCount === pageCount) return read.groups.groups;
  const gathered = new GatheredPages(pageCount, null);
  for (const payload of read.pages) {
    if (!gathered.add(payload)) throw unusable('its pages are not those of its machine');
  }
  const groups = gathered.groups();
  read.groups = { pageCount, groups };
  return groups;
}

/** Of all addresses, what a machine does not find there as it is made. */
function asFollowed({ space }: Machine, states: ReadSnapshot['asLogged']): readonly (readonly [string, Packed])[] {
  return states.map(([name, state]) => {
    if (name !== MAP || !isMap(state) || !isList(state.runs)) return [name, state];
    const runs = state.runs.filter(isRun);
    return runs.length === state.runs.length
      ? [name, { runs: space.unlike(runs) as unknown as Packed }]
      : [name, state];
  });
}

function isRun(value: Packed): value is Packed & MappedRun {
  if (!isMap(value)) return false;
  const { page, count, to, memoryPage } = value;
  return isSafe(page) && isSafe(count) && typeof to === 'string' && isSafe(memoryPage) && page + count <= PAGES_MAX;
}
