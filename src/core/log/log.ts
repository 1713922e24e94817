/**
 * The log: its writer and its reader, side by side so that they stay in step. A log is a header frame, then inputs
 * and checks as the run makes them, then an index and an end frame (`frames.ts` has the layout of a frame). It is
 * only ever appended to; a frame is handed to the sink whole, so a process that is killed loses the frame it was
 * filling and nothing before it, and every prefix of a log is a log. The inputs of a stretch of ticks come before its
 * checks: whatever tick a prefix reaches, it holds every input up to there.
 * A log is untrusted. Everything wrong with it is a `LogError`; memory is bounded by the file and by the caps of
 * `payload.ts` and `check-columns.ts`. This file opens nothing: the host feeds bytes and takes bytes.
 */
import { operandAddress, operandSize } from './access-operand.ts';
import {
  createCheckColumns,
  createCheckDecoder,
  createCheckEncoder,
  packColumns,
  resetCheckEncoder,
  ROW_SLOT,
  unpackColumns,
} from './check-columns.ts';
import type { CheckColumns } from './check-columns.ts';
import { DigestRecorder, FullRecorder, HashOnlyRecorder } from './check-recorder.ts';
import type { CheckRecorder, FrameTurner } from './check-recorder.ts';
import {
  decodeRowCheck,
  encodeInput,
  hashFromBytes,
  hashToBytes,
  isBytes,
  isList,
  isName,
  isSafe,
} from './event-codec.ts';
import type { RowCheck } from './event-codec.ts';
import { CHECK_KIND, MAY_SKIP_KIND } from './events.ts';
import type { CheckEvent, InputEvent, LoggedCheck, LoggedInput, StateHash } from './events.ts';
import {
  encodeFrame,
  FRAME_FLAG,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  LOG_FORMAT,
  readFrame,
  readPayload,
  startsWithMagic,
} from './frames.ts';
import type { FrameInfo } from './frames.ts';
import { decodeInputs, InputCursor, skipUnknown } from './input-cursor.ts';
import { LogError, malformed } from './log-error.ts';
import { runSteps } from '../base/steps.ts';
import { decodeHeader, encodeHeader } from './manifest.ts';
import type { LogHeader } from './manifest.ts';
import type { Packed } from './payload.ts';

/**
 * Ticks in one frame at most: what a kill can lose of a busy run, half a second of host time.
 */
export const FRAME_TICKS_DEFAULT = 2 ** 25;
/** So many idle ticks count as one: they take no host time, and each frame learns anew what is regular. */
const IDLE_TICKS_WEIGHT = 64;
/** The part of its ticks that a guest has idled when it was quiet, and for how long: two seconds of guest time. */
const QUIET_PART = 15 / 16;
const QUIET_TICKS_MIN = 2 ** 28;
/** Of so many short state hashes in a row the next one is whole. */
const SHORT_HASHES_MAX = 63;
const FRAME_INPUTS_MAX = 1 << 12;
const FRAME_INPUT_BYTES_CLOSE = 1 << 18;
/** One input of ours is at most this long; `push` in the port splits longer serial text. */
export const INPUT_BYTES_MAX = 1 << 20;

/** Takes one whole frame; the bytes are the sink's to keep. */
export type LogSink = (frame: Uint8Array) => void;

export interface LogWriterOptions {
  readonly frameTicks?: number;
}

export interface LogEnd {
  readonly tick: number;
  /** Why the run ended: `power-off`, `debug-exit`, `triple-fault`, `max-ticks`, `stopped` … */
  readonly reason: string;
  /** State hash at `tick`, or null when none was taken. */
  readonly hash: string | null;
  readonly inputCount: number;
  readonly checkCount: number;
}

export class LogWriter implements FrameTurner {
  /** Where checks go; which of the three it is follows from the profile. */
  readonly checks: CheckRecorder;
  frameEndTick = -1;
  private readonly sink: LogSink;
  private readonly frameTicks: number;
  /** Where the frame would end if the guest never idled, and the idle ticks before it. */
  private frameBusyEndTick = -1;
  private frameIdleTicks = 0;
  private idleTicks = 0;
  /** Of the last state hash. */
  private hashTick = 0;
  private hashIdleTicks = 0;
  /** Idle ticks since the last one of a guest that was not quiet. */
  private quietTicks = 0;
  /** In a row, up to the last one. */
  private shortHashes = 0;
  private readonly encoder = createCheckEncoder();
  private readonly frames: { kind: number; firstTick: number; bytes: number }[] = [];
  private inputRows: Packed[] = [];
  private inputTicks: number[] = [];
  private inputPlaces: number[] = [];
  private inputBytes = 0;
  /** Events in frames that are closed. */
  private closedInputs = 0;
  private closedChecks = 0;
  private isEnded = false;

  /** Writes the header frame before it returns. */
  constructor(sink: LogSink, header: LogHeader, options: LogWriterOptions = {}) {
    this.sink = sink;
    this.frameTicks = options.frameTicks ?? FRAME_TICKS_DEFAULT;
    const { encoder } = this;
    this.checks =
      header.profile === 'full'
        ? new FullRecorder(encoder, this)
        : header.profile === 'checked'
          ? new DigestRecorder(encoder, this)
          : new HashOnlyRecorder(encoder, this);
    const manifest = encodeHeader(header);
    const problem = decodeHeader(manifest, LOG_FORMAT);
    if (typeof problem === 'string') throw new Error(`the manifest's ${problem} is not what a log can hold`);
    this.emit(FRAME_KIND.header, 0, 0, manifest);
  }

  input(tick: number, event: InputEvent): void {
    if (tick >= this.frameEndTick || this.inputBytes >= FRAME_INPUT_BYTES_CLOSE) this.turnFrame(tick);
    if (this.inputRows.length >= FRAME_INPUTS_MAX) this.turnFrame(tick);
    const lastTick = this.inputTicks.at(-1) ?? 0;
    if (tick < lastTick) throw new Error(`an input at tick ${tick} after one at tick ${lastTick}`);
    const row = encodeInput(event);
    this.inputRows.push(row);
    this.inputTicks.push(tick);
    this.inputPlaces.push(this.closedChecks + this.encoder.count);
    this.inputBytes += 32;
    for (const field of row) if (isBytes(field)) this.inputBytes += field.length;
  }

  /**
   * Tells the writer how far the run is, so that a quiet guest's last events reach the file too; the last `idleTicks`
   * were idle, which takes no time and makes a frame longer. Whoever stops in between changes nothing: what is over
   * stays over.
   */
  advance(tick: number, idleTicks = 0): void {
    const isOver = tick - idleTicks >= this.frameEndTick;
    this.idleTicks += idleTicks;
    if (!isOver && idleTicks > 0) {
      const idle = this.idleTicks - this.frameIdleTicks;
      this.frameEndTick = this.frameBusyEndTick + idle - Math.floor(idle / IDLE_TICKS_WEIGHT);
    }
    if (tick >= this.frameEndTick && this.frameEndTick >= 0) this.closeFrame();
  }

  /**
   * A state hash: with what it is made of where something has happened; of a guest that has idled for a while with
   * processor and memory alone, since most of a quiet log would be the digests of its devices and pages.
   */
  stateHash(tick: number, hash: StateHash): void {
    const idle = this.idleTicks - this.hashIdleTicks;
    const isIdle = tick > this.hashTick && idle >= (tick - this.hashTick) * QUIET_PART;
    this.quietTicks = isIdle ? this.quietTicks + idle : 0;
    const isQuiet = this.quietTicks >= QUIET_TICKS_MIN && this.shortHashes < SHORT_HASHES_MAX;
    this.hashTick = tick;
    this.hashIdleTicks = this.idleTicks;
    this.shortHashes = isQuiet ? this.shortHashes + 1 : 0;
    if (!isQuiet) this.checks.stateHash(tick, hash);
    else {
      const { root, cpu, ram } = hash;
      this.checks.stateHash(tick, {
        root,
        ...(cpu === undefined ? {} : { cpu }),
        ...(ram === undefined ? {} : { ram }),
      });
    }
  }

  /**
   * Closes the frame now. The bytes of the log then depend on when this was called: for hosts that want a typed key
   * on disk at once, not for runs that must come out byte-identical.
   */
  flush(): void {
    this.closeFrame();
  }

  /** Appends a frame of another kind (images, checkpoints, bookmarks), after everything recorded so far. */
  writeFrame(kind: number, flags: number, tick: number, payload: Packed): void {
    this.closeFrame();
    this.emit(kind, flags, tick, payload);
  }

  /** Ends the log: index and end frame. Nothing can be recorded after it. */
  end(tick: number, reason: string, hash: string | null): void {
    if (this.isEnded) throw new Error('the log has already ended');
    this.closeFrame();
    this.emit(FRAME_KIND.index, FRAME_FLAG.maySkip, tick, encodeIndex(this.frames));
    const counts = [this.closedInputs, this.closedChecks];
    this.emit(FRAME_KIND.end, 0, tick, [reason, hash === null ? null : hashToBytes(hash), ...counts]);
    this.isEnded = true;
  }

  /** For `FrameTurner`: closes a frame that is full or over, and opens the next at `tick`. */
  turnFrame(tick: number): void {
    this.closeFrame();
    this.frameEndTick = tick + this.frameTicks;
    this.frameBusyEndTick = this.frameEndTick;
    this.frameIdleTicks = this.idleTicks;
  }

  private closeFrame(): void {
    this.checks.settle();
    const { encoder } = this;
    this.frameEndTick = -1;
    if (this.inputRows.length > 0) {
      const { inputTicks: ticks, inputPlaces: places } = this;
      const steps = (list: number[]): number[] => list.map((value, i) => (i === 0 ? 0 : value - list[i - 1]));
      const payload = [this.closedInputs, places[0], steps(ticks), steps(places), this.inputRows];
      this.closedInputs += this.inputRows.length;
      this.inputRows = [];
      this.inputTicks = [];
      this.inputPlaces = [];
      this.inputBytes = 0;
      this.emit(FRAME_KIND.inputs, 0, ticks[0], payload);
    }
    if (encoder.count > 0) {
      const payload = [this.closedChecks, ...packColumns(encoder)];
      this.closedChecks += encoder.count;
      this.emit(FRAME_KIND.checks, 0, encoder.firstTick, payload);
      resetCheckEncoder(encoder);
      this.checks.reset();
    }
  }

  private emit(kind: number, flags: number, firstTick: number, payload: Packed): void {
    if (this.isEnded) throw new Error('nothing can be recorded after the end of the log');
    const bytes = encodeFrame(kind, flags, this.frames.length, firstTick, payload);
    this.frames.push({ kind, firstTick, bytes: bytes.length });
    this.sink(bytes);
  }
}

/** Kind, first tick and length of every frame before the index, as differences. */
function encodeIndex(frames: readonly { kind: number; firstTick: number; bytes: number }[]): Packed {
  return [
    Uint8Array.from(frames, ({ kind }) => kind),
    frames.map(({ firstTick }, i) => firstTick - (i === 0 ? 0 : frames[i - 1].firstTick)),
    frames.map(({ bytes }) => bytes),
  ];
}

/** The payload that the index frame of these frames must have: an index can always be made again. */
export function rebuildIndex(frames: readonly Pick<FrameInfo, 'kind' | 'firstTick' | 'payloadBytes'>[]): Packed {
  return encodeIndex(
    frames.map(({ kind, firstTick, payloadBytes }) => ({ kind, firstTick, bytes: payloadBytes + FRAME_HEADER_BYTES })),
  );
}

export interface OpenLogOptions {
  /** Take the whole frames before the first damaged one as a log that was cut off there. */
  readonly salvage?: boolean;
}

const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(FRAME_KIND));

/** Reads every frame header and verifies every checksum; payloads are decoded when they are asked for. */
export function openLog(file: Uint8Array, options: OpenLogOptions = {}): LogReader {
  return runSteps(openLogSteps(file, options));
}

/** The same in steps, each with the offset that is reached. */
export function* openLogSteps(file: Uint8Array, options: OpenLogOptions = {}): Generator<number, LogReader> {
  if (file.length === 0) {
    throw new LogError(
      'empty',
      'The log is empty: recording ended before its first byte was written; record the run again.',
    );
  }
  if (!startsWithMagic(file)) {
    throw new LogError(
      'foreign',
      'This is not a Reprise log (its first bytes are not those of one): give a file that `reprise record` wrote.',
    );
  }
  const frames: FrameInfo[] = [];
  let offset = 0;
  let hasEnded = false;
  let damage: LogError | null = null;
  try {
    for (let frame: FrameInfo | null; offset < file.length; offset += FRAME_HEADER_BYTES + frame.payloadBytes) {
      frame = readFrame(file, offset, frames.length);
      if (frame === null) break;
      checkSequence(frame, hasEnded);
      if (frame.kind === FRAME_KIND.end) hasEnded = true;
      frames.push(frame);
      yield offset;
    }
  } catch (error) {
    if (!(error instanceof LogError) || options.salvage !== true || frames.length === 0) throw error;
    damage = error;
  }
  if (frames.length === 0) {
    throw new LogError(
      'headerless',
      'The log was cut off before its header was whole, so nothing can be replayed: record the run again.',
      0,
      0,
    );
  }
  return new LogReader(file, frames, offset, damage);
}

/** What may stand where: the header first and once, nothing that must be understood after the end. */
function checkSequence(frame: FrameInfo, hasEnded: boolean): void {
  const { kind, seq, offset } = frame;
  const maySkip = (frame.flags & FRAME_FLAG.maySkip) !== 0;
  if ((kind === FRAME_KIND.header) !== (seq === 0)) throw malformed('place of the header', seq, offset);
  if (hasEnded && !maySkip) throw malformed('a frame after the end', seq, offset);
  if (maySkip) return;
  if (
    !KNOWN_KINDS.has(kind) ||
    kind === FRAME_KIND.branchParent ||
    frame.flags > FRAME_FLAG.maySkip + FRAME_FLAG.deflated
  ) {
    throw new LogError(
      'newer',
      `Frame ${seq} at offset ${offset} is of kind ${kind}, which this version of Reprise must understand and ` +
        `does not: ` +
        'replay the log with a newer version of Reprise.',
      seq,
      offset,
    );
  }
}

export class LogReader {
  readonly file: Uint8Array;
  readonly header: LogHeader;
  readonly frames: readonly FrameInfo[];
  /** Null when the log was cut off: it then replays to its last whole frame. */
  readonly end: LogEnd | null;
  /** Bytes after the last whole frame. */
  readonly trailingBytes: number;
  /** With `salvage`: what ended the readable part. */
  readonly damage: LogError | null;
  private lastTickOrUnknown = -1;

  constructor(file: Uint8Array, frames: readonly FrameInfo[], endOffset: number, damage: LogError | null) {
    this.file = file;
    this.frames = frames;
    this.trailingBytes = file.length - endOffset;
    this.damage = damage;
    const payload = readPayload(file, frames[0]);
    const header = decodeHeader(payload, frames[0].format);
    if (typeof header === 'string') throw malformed(`${header} of the manifest`, 0, 0);
    this.header = header;
    const end = frames.find(({ kind }) => kind === FRAME_KIND.end);
    this.end = end === undefined ? null : decodeEnd(file, end);
  }

  /** True when the log has no end frame: killed while recording, or the file was cut. */
  get truncated(): boolean {
    return this.end === null;
  }

  /** The last tick that the log knows about: replay stops there. */
  get lastTick(): number {
    if (this.lastTickOrUnknown < 0) this.lastTickOrUnknown = this.end === null ? this.findLastTick() : this.end.tick;
    return this.lastTickOrUnknown;
  }

  inputs(): InputCursor {
    return new InputCursor(this);
  }

  checks(): CheckCursor {
    return new CheckCursor(this);
  }

  private findLastTick(): number {
    let lastTick = 0;
    const last = (kind: number): FrameInfo | undefined => this.frames.filter((frame) => frame.kind === kind).pop();
    const inputs = last(FRAME_KIND.inputs);
    if (inputs !== undefined) lastTick = decodeInputs(this.file, inputs).at(-1)?.tick ?? 0;
    const checks = last(FRAME_KIND.checks);
    if (checks !== undefined) {
      const cursor = new CheckCursor(this, this.frames.indexOf(checks));
      lastTick = Math.max(lastTick, cursor.columns.tick[cursor.columns.count - 1]);
    }
    return lastTick;
  }
}

function decodeEnd(file: Uint8Array, frame: FrameInfo): LogEnd {
  const payload = readPayload(file, frame);
  if (!isList(payload)) throw malformed('end', frame.seq, frame.offset);
  const [reason, hashBytes, inputCount, checkCount] = payload;
  const hash = hashFromBytes(hashBytes);
  if (!isName(reason) || (hashBytes !== null && hash === null) || !isSafe(inputCount) || !isSafe(checkCount)) {
    throw malformed('end', frame.seq, frame.offset);
  }
  return { tick: frame.firstTick, reason, hash, inputCount, checkCount };
}

/** Where a cursor stands, to come back to; belongs to one log. */
export interface CheckMark {
  readonly frameIndex: number;
  readonly index: number;
  readonly rowIndex: number;
  readonly firstSeq: number;
  readonly lastTick: number;
  readonly isAtEnd: boolean;
}

/** Checks in (tick, seq) order, one decoded frame at a time, as columns: replay compares millions of them. */
export class CheckCursor {
  /** The frame under the cursor; after the last check its `tick[0]` is -1, which no check has. */
  readonly columns: CheckColumns = createCheckColumns();
  /** Of the next check in `columns`. */
  index = 0;
  /** Of the first check in `columns`, in the log. */
  firstSeq = 0;
  isAtEnd = false;
  private readonly log: LogReader;
  private readonly decoder = createCheckDecoder();
  private frameIndex: number;
  private rowEvents: RowCheck[] = [];
  private rowIndex = 0;
  private lastTick = 0;

  /** `frameIndex`: the frame to begin with, 0 for all. */
  constructor(log: LogReader, frameIndex = 0) {
    this.log = log;
    this.frameIndex = frameIndex - 1;
    this.load();
  }

  /** Tick of the next check, Infinity at the end. */
  get tick(): number {
    return this.isAtEnd ? Number.POSITIVE_INFINITY : this.columns.tick[this.index];
  }

  get seq(): number {
    return this.firstSeq + this.index;
  }

  /** True, and one step on, when the next check is exactly this one. `value` is a signed word. */
  matches(tick: number, kind: number, operand: number, value: number): boolean {
    const { columns, index } = this;
    const slot = columns.slot[index];
    if (
      columns.tick[index] !== tick ||
      columns.value[index] !== value ||
      columns.slotOperand[slot] !== operand ||
      columns.slotKind[slot] !== kind
    ) {
      return false;
    }
    this.step();
    return true;
  }

  /** Like `matches`, for any value: the logged value as a signed word is then `lastValue`. */
  matchesAccess(tick: number, kind: number, operand: number): boolean {
    const { columns, index } = this;
    const slot = columns.slot[index];
    if (columns.tick[index] !== tick || columns.slotOperand[slot] !== operand || columns.slotKind[slot] !== kind) {
      return false;
    }
    this.lastValue = columns.value[index];
    this.step();
    return true;
  }
  lastValue = 0;

  /** The next check as an event, or null at the end. Not for hot paths. */
  peek(): LoggedCheck | null {
    if (this.isAtEnd) return null;
    const { columns, index } = this;
    const frame = this.log.frames[this.frameIndex].seq;
    return { class: 'check', tick: columns.tick[index], seq: this.firstSeq + index, frame, event: this.event() };
  }

  next(): LoggedCheck | null {
    const check = this.peek();
    if (check !== null) this.step();
    return check;
  }

  step(): void {
    if (this.columns.slot[this.index] === ROW_SLOT) this.rowIndex++;
    this.index++;
    if (this.index >= this.columns.count) this.load();
  }

  save(): CheckMark {
    const { frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd } = this;
    return { frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd };
  }

  /** Inverse of save; costs the decoding of a frame when the place is in another one. */
  restore(mark: CheckMark): void {
    if (this.frameIndex !== mark.frameIndex) {
      this.frameIndex = mark.frameIndex - 1;
      this.lastTick = 0;
      this.isAtEnd = false;
      this.load();
    }
    this.index = mark.index;
    this.rowIndex = mark.rowIndex;
    this.firstSeq = mark.firstSeq;
    this.lastTick = mark.lastTick;
  }

  /** Kind number of the next check, 0 at the end. */
  get kind(): number {
    if (this.isAtEnd) return 0;
    const slot = this.columns.slot[this.index];
    return slot === ROW_SLOT ? CHECK_KIND[this.rowEvents[this.rowIndex].kind] : this.columns.slotKind[slot];
  }

  private event(): CheckEvent {
    const { columns, index } = this;
    const slot = columns.slot[index];
    if (slot === ROW_SLOT) return this.rowEvents[this.rowIndex];
    const operand = columns.slotOperand[slot];
    const value = columns.value[index] >>> 0;
    switch (columns.slotKind[slot]) {
      case CHECK_KIND.interrupt:
        return { kind: 'interrupt', vector: operand };
      case CHECK_KIND['port-read']:
        return { kind: 'port-read', port: operandAddress(operand), size: operandSize(operand), value };
      case CHECK_KIND['mmio-read']:
        return { kind: 'mmio-read', address: operandAddress(operand), size: operandSize(operand), value };
      case CHECK_KIND.timer:
        return { kind: 'timer', id: operand };
      default:
        return { kind: 'a20', enabled: value !== 0 };
    }
  }

  private load(): void {
    const { frames, file } = this.log;
    const { columns } = this;
    this.index = 0;
    this.rowIndex = 0;
    for (this.frameIndex++; this.frameIndex < frames.length; this.frameIndex++) {
      const frame = frames[this.frameIndex];
      if (frame.kind !== FRAME_KIND.checks) continue;
      this.decode(file, frame);
      if (columns.count > 0) return;
    }
    this.isAtEnd = true;
    this.firstSeq += columns.count;
    columns.count = 0;
    columns.tick[0] = -1;
    columns.slot[0] = ROW_SLOT;
    this.rowEvents = [];
  }

  private decode(file: Uint8Array, frame: FrameInfo): void {
    const { columns } = this;
    const payload = readPayload(file, frame);
    if (!isList(payload)) throw malformed('checks', frame.seq, frame.offset);
    const [firstSeq, ...packed] = payload;
    if (!isSafe(firstSeq)) throw malformed('checks', frame.seq, frame.offset);
    const problem = unpackColumns(this.decoder, packed, frame.firstTick, columns);
    if (problem !== null) throw malformed(`${problem} of the checks`, frame.seq, frame.offset);
    if (frame.firstTick < this.lastTick) throw malformed('order of checks', frame.seq, frame.offset);
    this.lastTick = columns.tick[columns.count - 1];
    this.firstSeq = firstSeq;
    this.rowEvents = [];
    let hasUnknown = false;
    for (let slot = 1; slot < columns.slotCount; slot++) {
      if (columns.slotKind[slot] >= MAY_SKIP_KIND) hasUnknown = true;
    }
    const isRowKept = columns.rows.map((row) => {
      const event = decodeRowCheck(row);
      if (event === null) throw malformed('row of the checks', frame.seq, frame.offset);
      if (event === 'unknown') {
        skipUnknown(row[0], frame);
        hasUnknown = true;
        return false;
      }
      this.rowEvents.push(event);
      return true;
    });
    if (hasUnknown) dropUnknown(columns, isRowKept);
  }
}

/** Takes checks of kinds that may be skipped out of the columns, in place. */
function dropUnknown(columns: CheckColumns, isRowKept: readonly boolean[]): void {
  let kept = 0;
  let row = 0;
  for (let i = 0; i < columns.count; i++) {
    const slot = columns.slot[i];
    const keep = slot === ROW_SLOT ? isRowKept[row++] : columns.slotKind[slot] < MAY_SKIP_KIND;
    if (!keep) continue;
    columns.tick[kept] = columns.tick[i];
    columns.slot[kept] = slot;
    columns.value[kept] = columns.value[i];
    kept++;
  }
  columns.count = kept;
}

export interface EventFilter {
  readonly fromTick?: number;
  /** Inclusive. */
  readonly toTick?: number;
  readonly class?: 'input' | 'check';
  readonly kinds?: ReadonlySet<string>;
}

/** Both classes merged, in the order in which they happened. */
export function* logEvents(log: LogReader, filter: EventFilter = {}): Generator<LoggedInput | LoggedCheck, void> {
  const { fromTick = 0, toTick = Number.POSITIVE_INFINITY, kinds } = filter;
  const inputs = filter.class === 'check' ? null : log.inputs();
  const checks = filter.class === 'input' ? null : log.checks();
  for (;;) {
    const input = inputs === null ? null : inputs.peek();
    const check = checks === null ? null : checks.peek();
    const isInputNext = input !== null && (check === null || input.checksBefore <= check.seq);
    const logged = isInputNext ? input : check;
    if (logged === null || logged.tick > toTick) return;
    if (isInputNext) inputs?.next();
    else checks?.step();
    if (logged.tick >= fromTick && (kinds === undefined || kinds.has(logged.event.kind))) yield logged;
  }
}
