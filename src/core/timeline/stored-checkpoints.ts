/**
 * Checkpoints that a recording leaves in its log, so that the first seek of a debugger need not run everything before
 * it: their writer and their reader side by side. A checkpoint is some frames of pages that changed since the one
 * before (every eighth is whole), then a frame with the rest of the machine and what the guest has sent meanwhile.
 * Readers may skip all of them. What is damaged or not of this machine is not used, nor what builds on it: the replay
 * then starts further back. Nothing here is believed because it is in the log: the replay that goes on from a
 * checkpoint asserts every check behind it.
 */
import type { BoardState } from '../board/board.ts';
import type { DeviceState, OutputPort } from '../board/device.ts';
import type { Machine } from '../machine/machine.ts';
import { bulkPlaces, type PageGroup, PageStore, savedProblem, type Snapshot } from '../machine/snapshot.ts';
import type { CheckpointSource, FoundCheckpoint, KnownText } from './checkpoint-source.ts';
import type { Checkpoint } from './checkpoints.ts';
import { isBytes, isList, isSafe } from '../log/event-codec.ts';
import { FRAME_FLAG, FRAME_KIND, readPayload } from '../log/frames.ts';
import { CheckCursor, type LogReader, type LogWriter } from '../log/log.ts';
import { LogError } from '../log/log-error.ts';
import type { Packed } from '../log/payload.ts';
import { GatheredPages, pagePayloads, readStates, stepsOf } from '../log/saved-pages.ts';
import type { PageRecord } from './page-records.ts';
import { SerialHistory, type SerialMark, type SerialPart, sentThrough } from './serial-history.ts';

/** So many checkpoints share the fate of a damaged one at most. */
const WHOLE_EVERY = 8;

/** What is kept of what the guest has sent: a checkpoint that stands alone has no more than that. */
const SERIAL_BYTES_MAX = 4 << 20;
/** A state whose text of a line begins behind what came before it has another tag: older readers pass it over. */
const STATE = 'state';
const STATE_WITH_STARTS = 'state-with-starts';

/** Writes the checkpoints of a run that is being recorded. */
export class CheckpointRecorder {
  private readonly writer: LogWriter;
  private readonly everyTicks: number;
  private readonly serial = new SerialHistory(SERIAL_BYTES_MAX);
  private machine: Machine | null = null;
  private store: PageStore | null = null;
  private nextTick: number;
  private before: Snapshot | null = null;
  private sentBefore: SerialMark = [];
  count = 0;

  constructor(writer: LogWriter, everyTicks: number) {
    this.writer = writer;
    this.everyTicks = everyTicks;
    this.nextTick = everyTicks;
  }

  /** What the guest sends passes through here. */
  listen(output: OutputPort): OutputPort {
    return sentThrough(output, (line, byte) => this.serial.add(line, byte, this.machine?.cpu.now() ?? 0));
  }

  /** Takes over the checkpoint dirty bits of the machine. */
  attach(machine: Machine): void {
    this.machine = machine;
    this.store = new PageStore(machine);
  }

  /** Between slices, where a run has just stopped at its tick. */
  passed(): void {
    const { machine, store } = this;
    if (machine === null || store === null || machine.tick < this.nextTick) return;
    if (machine.dueTick === machine.tick || machine.deliveryTick === machine.tick) return;
    this.nextTick = (Math.floor(machine.tick / this.everyTicks) + 1) * this.everyTicks;
    const snapshot = store.take();
    const clock = snapshot.board.find(([name]) => name === 'clock');
    const isWhole = this.count++ % WHOLE_EVERY === 0;
    let frameCount = 0;
    for (const payload of pagePayloads(snapshot, isWhole ? null : this.before)) {
      this.writer.writeFrame(FRAME_KIND.checkpoint, FRAME_FLAG.maySkip, snapshot.tick, payload);
      frameCount++;
    }
    const from = isWhole ? [] : this.sentBefore;
    const parts = this.serial.partsSince(isWhole ? 0 : (this.before?.tick ?? 0));
    const isTold = parts.every(({ start }, line) => start <= (from[line] ?? 0));
    this.sentBefore = this.serial.mark();
    const state = [
      isTold ? STATE : STATE_WITH_STARTS,
      isWhole,
      frameCount,
      snapshot.cpu,
      snapshot.loop,
      clock?.[1] ?? {},
      snapshot.board.filter((each) => each !== clock).map(([name, device]) => [name, device]),
      parts.map(({ start, bytes, ticks }) => (isTold ? [bytes, stepsOf(ticks)] : [bytes, stepsOf(ticks), start])),
    ] as Packed;
    this.writer.writeFrame(FRAME_KIND.checkpoint, FRAME_FLAG.maySkip, snapshot.tick, state);
    this.before = snapshot;
  }
}

interface Loaded {
  readonly checkpoint: Checkpoint;
  readonly serial: readonly SerialPart[];
}

/** The checkpoints of a log, brought into memory when they are asked for. */
export class StoredCheckpoints implements CheckpointSource {
  private readonly log: LogReader;
  /** A machine of the log's manifest: what its states look like. */
  private readonly machine: Machine;
  private readonly warn: (text: string) => void;
  /** Ascending; frame index of the state and its tick. */
  private readonly list: { readonly frame: number; readonly tick: number }[] = [];
  /** The last one that was loaded, to build the next one on. */
  private last: { readonly index: number; readonly loaded: Loaded } | null = null;
  private readonly unusable = new Set<number>();
  /** Once is enough: what is wrong with one is often wrong with all. */
  private hasWarned = false;

  constructor(log: LogReader, machine: Machine, warn: (text: string) => void) {
    this.log = log;
    this.machine = machine;
    this.warn = warn;
    let tick = 0;
    log.frames.forEach((frame, i) => {
      const next = log.frames[i + 1];
      // The last frame of a tick is the one with the state.
      const isLast = next?.kind !== FRAME_KIND.checkpoint || next.firstTick !== frame.firstTick;
      if (frame.kind !== FRAME_KIND.checkpoint || !isLast || frame.firstTick <= tick) return;
      tick = frame.firstTick;
      if (tick < log.lastTick) this.list.push({ frame: i, tick });
    });
  }

  get count(): number {
    return this.list.length;
  }

  /** The last usable one at or before `tick` and after `afterTick`, or null. */
  before(tick: number, afterTick: number): FoundCheckpoint | null {
    for (let i = this.list.length - 1; i >= 0 && this.list[i].tick > afterTick; i--) {
      if (this.list[i].tick > tick) continue;
      const loaded = this.load(i);
      if (loaded === null) continue;
      const { checkpoint, serial } = loaded;
      return { checkpoint, text: { serial, knownTick: checkpoint.snapshot.tick } };
    }
    return null;
  }

  /** A log has none. */
  pageRecords(): readonly PageRecord[] {
    return [];
  }

  textAfter(tick: number): KnownText | null {
    return this.before(Number.POSITIVE_INFINITY, tick)?.text ?? null;
  }

  private load(index: number): Loaded | null {
    if (this.last?.index === index) return this.last.loaded;
    if (this.unusable.has(index)) return null;
    const loaded = this.read(index);
    if (loaded === null) this.unusable.add(index);
    else this.last = { index, loaded };
    return loaded;
  }

  private read(index: number): Loaded | null {
    const { frame, tick } = this.list[index];
    const fail = (what: string): null => {
      if (!this.hasWarned) {
        this.warn(
          `The checkpoint of the log at tick ${tick} is not used, ${what}: the replay begins further back; ` +
            'others that cannot be used are passed over too.',
        );
      }
      this.hasWarned = true;
      return null;
    };
    const state = this.payload(frame);
    if (state === null || state.length !== 8) return fail('its frame is damaged');
    const [tag, isWhole, frameCount, cpu, loop, clock, devices, serialParts] = state;
    if (tag !== STATE && tag !== STATE_WITH_STARTS) return fail('its frame is damaged');
    if (!isSafe(frameCount) || frameCount > frame) return fail('its frame is damaged');
    const { machine } = this;
    if (!isBytes(cpu) || !isList(devices) || !isList(serialParts)) return fail('its frame is damaged');
    const board = readStates([...devices, ['clock', clock]]);
    if (board === null) return fail('its frame is damaged');
    const problem = savedProblem(machine, { tick, cpu, loop, board });
    if (problem !== null) return fail(`it is of another machine (${problem.message})`);
    const base = isWhole === true ? null : index > 0 ? this.load(index - 1) : null;
    if (isWhole !== true && base === null) return fail('the one before it cannot be used');
    const groups = this.readPages(frame - frameCount, frame, base?.checkpoint.snapshot ?? null);
    if (groups === null) return fail('a frame of its pages is damaged');
    const serial = readSerial(serialParts, base?.serial ?? [], tag === STATE_WITH_STARTS);
    if (serial === null) return fail('its frame is damaged');
    const snapshot: Snapshot = {
      tick,
      cpu: Uint8Array.from(cpu),
      loop: loop as DeviceState,
      board: board as BoardState,
      groups,
      bulks: bulkPlaces(machine),
    };
    const sent = serial.map(({ start, bytes }) => start + bytes.length);
    return { checkpoint: { snapshot, port: this.placeAt(frame, tick), sent }, serial };
  }

  private payload(frame: number): readonly Packed[] | null {
    const info = this.log.frames[frame];
    if (info.isDamaged === true) return null;
    try {
      const payload = readPayload(this.log.file, info);
      return isList(payload) ? payload : null;
    } catch (error) {
      if (error instanceof LogError) return null;
      throw error;
    }
  }

  private readPages(first: number, end: number, base: Snapshot | null): PageGroup[] | null {
    const { pageCount } = this.machine.memory;
    const gathered = new GatheredPages(pageCount, base);
    for (let frame = first; frame < end; frame++) {
      if (this.log.frames[frame].kind !== FRAME_KIND.checkpoint) return null;
      const payload = this.payload(frame);
      if (payload === null || !gathered.add(payload)) return null;
    }
    return gathered.groups();
  }

  /** Where a port stands that has replayed everything before `tick`; the frames up to `frame` hold nothing after it. */
  private placeAt(frame: number, tick: number): Checkpoint['port'] {
    const inputs = this.log.inputs();
    for (let next = inputs.peek(); next !== null && next.tick < tick; next = inputs.peek()) inputs.next();
    return {
      inputs: inputs.save(),
      checks: new CheckCursor(this.log, frame).save(),
      ahead: null,
      running: [0, 0, 0, 0],
      agreedTick: tick,
      divergence: null,
    };
  }
}

/** Serial text as parts of lines: `base` with what is new, or that alone where something between them is not kept. */
function readSerial(parts: readonly Packed[], base: readonly SerialPart[], hasStarts: boolean): SerialPart[] | null {
  const found: SerialPart[] = [];
  for (const [line, part] of parts.entries()) {
    const [bytes, steps, given] = isList(part) ? part : [];
    if (!isBytes(bytes) || !isList(steps) || steps.length !== bytes.length) return null;
    const before = base[line] ?? { start: 0, bytes: new Uint8Array(0), ticks: [] };
    const end = before.start + before.bytes.length;
    const start = hasStarts ? given : end;
    if (!isSafe(start) || start < 0) return null;
    const ticks: number[] = [];
    let tick = 0;
    for (const step of steps) {
      if (!isSafe(step)) return null;
      tick += step;
      ticks.push(tick);
    }
    if (start === end) {
      const all = new Uint8Array(before.bytes.length + bytes.length);
      all.set(before.bytes);
      all.set(bytes, before.bytes.length);
      found.push({ start: before.start, bytes: all, ticks: before.ticks.concat(ticks) });
    } else found.push({ start, bytes: Uint8Array.from(bytes), ticks });
  }
  return found;
}
