/**
 * The inputs of a log, read back one frame at a time. What writes them is the log's writer (log.ts), whose layout of a
 * frame of inputs this follows. A log is untrusted: what is wrong with it is a `LogError`.
 */
import { decodeInput, isList, isSafe } from './event-codec.ts';
import { MAY_SKIP_KIND } from './events.ts';
import type { LoggedInput } from './events.ts';
import { FRAME_KIND, readPayload } from './frames.ts';
import type { FrameInfo } from './frames.ts';
import { LogError, malformed } from './log-error.ts';
import type { LogReader } from './log.ts';
import type { Packed } from './payload.ts';

export interface InputMark {
  readonly frameIndex: number;
  readonly index: number;
  readonly lastTick: number;
  readonly nextSeq: number;
}

/** Inputs in (tick, seq) order; frames without inputs are never decoded. */
export class InputCursor {
  private readonly log: LogReader;
  private frameIndex = -1;
  private loaded: readonly LoggedInput[] = [];
  private index = 0;
  private lastTick = 0;
  private nextSeq = 0;

  constructor(log: LogReader) {
    this.log = log;
    this.load();
  }

  /** The next input, or null at the end. */
  peek(): LoggedInput | null {
    return this.index < this.loaded.length ? this.loaded[this.index] : null;
  }

  next(): LoggedInput | null {
    const input = this.peek();
    this.index++;
    if (this.index >= this.loaded.length) this.load();
    return input;
  }

  save(): InputMark {
    const { frameIndex, index, lastTick, nextSeq } = this;
    return { frameIndex, index, lastTick, nextSeq };
  }

  /** Inverse of save. */
  restore(mark: InputMark): void {
    if (this.frameIndex !== mark.frameIndex) {
      this.frameIndex = mark.frameIndex - 1;
      this.lastTick = 0;
      this.nextSeq = 0;
      if (mark.frameIndex < this.log.frames.length) this.load();
      else {
        this.frameIndex = mark.frameIndex;
        this.loaded = [];
      }
    }
    this.index = mark.index;
    this.lastTick = mark.lastTick;
    this.nextSeq = mark.nextSeq;
  }

  private load(): void {
    const { frames, file } = this.log;
    this.index = 0;
    this.loaded = [];
    while (this.loaded.length === 0 && ++this.frameIndex < frames.length) {
      const frame = frames[this.frameIndex];
      if (frame.kind !== FRAME_KIND.inputs) continue;
      this.loaded = decodeInputs(file, frame);
      if (this.loaded.length === 0) continue;
      const [first] = this.loaded;
      if (first.tick < this.lastTick || first.seq < this.nextSeq)
        throw malformed('order of inputs', frame.seq, frame.offset);
      const last = this.loaded[this.loaded.length - 1];
      this.lastTick = last.tick;
      this.nextSeq = last.seq + 1;
    }
  }
}

export function decodeInputs(file: Uint8Array, frame: FrameInfo): LoggedInput[] {
  const payload = readPayload(file, frame);
  if (!isList(payload)) throw malformed('inputs', frame.seq, frame.offset);
  const [firstSeq, firstPlace, tickSteps, placeSteps, rows] = payload;
  if (!isSafe(firstSeq) || !isSafe(firstPlace) || !isList(tickSteps) || !isList(placeSteps) || !isList(rows)) {
    throw malformed('inputs', frame.seq, frame.offset);
  }
  if (tickSteps.length !== rows.length || placeSteps.length !== rows.length || rows.length === 0) {
    throw malformed('number of inputs', frame.seq, frame.offset);
  }
  const inputs: LoggedInput[] = [];
  let tick = frame.firstTick;
  let place = firstPlace;
  rows.forEach((row, i) => {
    const tickStep = tickSteps[i];
    const placeStep = placeSteps[i];
    const event = isList(row) ? decodeInput(row) : null;
    if (event === null || !isSafe(tickStep) || !isSafe(placeStep) || !isSafe(tick + tickStep)) {
      throw malformed(`input ${firstSeq + i}`, frame.seq, frame.offset);
    }
    tick += tickStep;
    place += placeStep;
    if (event === 'unknown') {
      skipUnknown(isList(row) ? row[0] : 0, frame);
      return;
    }
    inputs.push({ class: 'input', tick, seq: firstSeq + i, checksBefore: place, frame: frame.seq, event });
  });
  return inputs;
}

export function skipUnknown(kind: Packed, frame: FrameInfo): void {
  if (typeof kind === 'number' && kind >= MAY_SKIP_KIND) return;
  throw new LogError(
    'newer',
    `Frame ${frame.seq} at offset ${frame.offset} holds an event of kind ${String(kind)}, which this version of ` +
      `Reprise ` +
      'must understand and does not: replay the log with a newer version of Reprise.',
    frame.seq,
    frame.offset,
  );
}
