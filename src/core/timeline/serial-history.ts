/**
 * What the guest sent on its serial lines and its debug console, and when: recorded the first time that a replay
 * passes, found again whenever it goes back. Each line is a row of blocks, bytes beside the packed steps between their
 * ticks. Beyond a budget of memory the blocks heard longest ago become gaps, of which only the length is kept: the run
 * can be heard again there, and then the gap is filled. What has been sent up to a moment is a count a line (`mark`),
 * which goes with each checkpoint.
 */
import type { OutputPort } from '../board/device.ts';

/** COM1 to COM4, then the debug console. */
export const SERIAL_LINES = 5;
export const DEBUG_CONSOLE_LINE = 4;

/** For all lines together: some 8 MB of text with its ticks. */
const BYTES_MAX_DEFAULT = 32 << 20;
/** A byte and its tick take three bytes or so; a block is given up whole. */
const BLOCK_BYTES = 4096;
/** A step of 53 bits, seven in each byte. */
const STEP_BYTES_MAX = 8;
/** Objects around the bytes of a block. */
const BLOCK_OVERHEAD_BYTES = 512;

/** What was sent on a line in some stretch of ticks, of which the first byte is the line's `start`-th, from 0. */
export interface SerialPart {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly ticks: readonly number[];
}

/** Bytes sent on each line up to a moment. */
export type SerialMark = readonly number[];

/** Bytes `start` to `start + count` of a line, kept or a gap. Two gaps never follow each other. */
interface Block {
  readonly start: number;
  count: number;
  /** Null: a gap. Of the rest, `count` bytes are meant. */
  bytes: Uint8Array | null;
  /** Steps from each tick to the next, seven bits a byte, the lowest first; the first counts from 0. */
  steps: Uint8Array;
  stepBytes: number;
  lastTick: number;
}

interface LineHistory {
  /** Ascending and without holes, up to all that is known to have been sent. */
  readonly blocks: Block[];
  count: number;
  /** Bytes sent up to the moment where the replay is now. */
  sent: number;
  /** The block that is written, if one is. */
  open: Block | null;
}

/** A stretch of a line that is kept. */
export interface KeptText {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly ticks: Float64Array;
}

/** An output whose bytes are heard on their way. */
export function sentThrough(output: OutputPort, hear: (line: number, byte: number) => void): OutputPort {
  return {
    serial: (line, byte) => {
      hear(line, byte);
      output.serial(line, byte);
    },
    debugConsole: (byte) => {
      hear(DEBUG_CONSOLE_LINE, byte);
      output.debugConsole(byte);
    },
    parallel: (byte) => output.parallel(byte),
    debugExit: (value) => output.debugExit(value),
    powerOff: () => output.powerOff(),
  };
}

export class SerialHistory {
  private readonly bytesMax: number;
  private readonly lines: LineHistory[] = Array.from({ length: SERIAL_LINES }, () => ({
    blocks: [],
    count: 0,
    sent: 0,
    open: null,
  }));
  /** Blocks that are kept and no longer written, with their lines; the one heard longest ago first. */
  private readonly kept = new Map<Block, LineHistory>();
  private keptBytes = 0;
  /** Told of each byte with its place in the line, whether it is known or not. */
  listener: ((line: number, index: number, byte: number, tick: number) => void) | null = null;

  constructor(bytesMax = BYTES_MAX_DEFAULT) {
    this.bytesMax = bytesMax;
  }

  /** The guest sends a byte at `tick`; one that is kept from a run before is only counted. */
  add(line: number, byte: number, tick: number): void {
    const history = this.lines[line];
    if (history === undefined) return;
    const index = history.sent++;
    this.put(history, index, byte, tick);
    this.listener?.(line, index, byte, tick);
  }

  private put(history: LineHistory, index: number, byte: number, tick: number): void {
    let { open } = history;
    if (open === null || open.start + open.count !== index || open.count === BLOCK_BYTES) {
      if (index < history.count && this.blockAt(history, index).bytes !== null) return;
      if (open !== null) this.close(history, open);
      open = this.openAt(history, index);
    } else if (index < history.count && !this.takeFromGap(history, open)) {
      this.close(history, open);
      return;
    }
    const { bytes } = open;
    if (bytes === null) return;
    bytes[open.count++] = byte;
    let step = tick - open.lastTick;
    for (; step > 0x7f; step = Math.floor(step / 0x80)) open.steps[open.stepBytes++] = (step & 0x7f) | 0x80;
    open.steps[open.stepBytes++] = step;
    open.lastTick = tick;
    if (index === history.count) history.count++;
  }

  private indexOfBlock({ blocks }: LineHistory, index: number): number {
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle].start <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private blockAt(history: LineHistory, index: number): Block {
    return history.blocks[this.indexOfBlock(history, index)];
  }

  /** A new block for the byte of this index, which is the next one or lies in a gap. */
  private openAt(history: LineHistory, index: number): Block {
    const { blocks } = history;
    const open: Block = {
      start: index,
      count: 0,
      bytes: new Uint8Array(BLOCK_BYTES),
      steps: new Uint8Array(BLOCK_BYTES * STEP_BYTES_MAX),
      stepBytes: 0,
      lastTick: 0,
    };
    history.open = open;
    if (index >= history.count) {
      if (index > history.count) this.addGap(history, index);
      blocks.push(open);
      return open;
    }
    const at = this.indexOfBlock(history, index);
    const gap = blocks[at];
    const end = gap.start + gap.count;
    const parts = [open];
    if (gap.start < index) parts.unshift({ ...gap, count: index - gap.start });
    if (index + 1 < end) parts.push({ ...gap, start: index + 1, count: end - index - 1 });
    blocks.splice(at, 1, ...parts);
    return open;
  }

  /** What is known to have been sent grows to `count`, but not what it was. */
  private addGap(history: LineHistory, count: number): void {
    const { blocks } = history;
    const last = blocks.at(-1);
    if (last?.bytes === null) last.count += count - history.count;
    else {
      const steps = new Uint8Array(0);
      blocks.push({
        start: history.count,
        count: count - history.count,
        bytes: null,
        steps,
        stepBytes: 0,
        lastTick: 0,
      });
    }
    history.count = count;
  }

  /** The open block grows into the gap behind it; false when no gap is there. */
  private takeFromGap({ blocks }: LineHistory, open: Block): boolean {
    const at = blocks.indexOf(open) + 1;
    const gap = blocks[at];
    if (gap === undefined || gap.bytes !== null) return false;
    if (gap.count === 1) blocks.splice(at, 1);
    else blocks[at] = { ...gap, start: gap.start + 1, count: gap.count - 1 };
    return true;
  }

  private close(history: LineHistory, block: Block): void {
    history.open = null;
    block.bytes = (block.bytes ?? new Uint8Array(0)).slice(0, block.count);
    block.steps = block.steps.slice(0, block.stepBytes);
    this.kept.set(block, history);
    this.keptBytes += block.count + block.stepBytes + BLOCK_OVERHEAD_BYTES;
    for (const [oldest, its] of this.kept) {
      if (this.keptBytes <= this.bytesMax) break;
      this.giveUp(its, oldest);
    }
  }

  private giveUp({ blocks }: LineHistory, block: Block): void {
    this.kept.delete(block);
    this.keptBytes -= block.count + block.stepBytes + BLOCK_OVERHEAD_BYTES;
    const at = blocks.indexOf(block);
    const [before, after] = [blocks[at - 1], blocks[at + 1]];
    const first = before?.bytes === null ? before : block;
    const last = after?.bytes === null ? after : block;
    const gap: Block = {
      start: first.start,
      count: last.start + last.count - first.start,
      bytes: null,
      steps: new Uint8Array(0),
      stepBytes: 0,
      lastTick: 0,
    };
    blocks.splice(blocks.indexOf(first), blocks.indexOf(last) - blocks.indexOf(first) + 1, gap);
  }

  /** Memory of what is kept. */
  get bytes(): number {
    return this.keptBytes + this.lines.filter(({ open }) => open !== null).length * BLOCK_BYTES * (STEP_BYTES_MAX + 1);
  }

  // --- Moments -----------------------------------------------------------------------------------------------------

  mark(): SerialMark {
    return this.lines.map(({ sent }) => sent);
  }

  /** The replay is where `mark` was taken. */
  rewind(mark: SerialMark): void {
    this.lines.forEach((history, line) => {
      history.sent = mark[line] ?? 0;
    });
  }

  // --- What is kept ------------------------------------------------------------------------------------------------

  /** How many bytes of a line are known to have been sent in the run. */
  count(line: number): number {
    return this.lines[line].count;
  }

  /** From byte `index` of a line on, as far as one block has it; null when that byte is in a gap or not known. */
  keptFrom(line: number, index: number): KeptText | null {
    const history = this.lines[line];
    if (index >= history.count) return null;
    const block = this.blockAt(history, index);
    if (block.bytes === null) return null;
    const skipped = index - block.start;
    return {
      start: index,
      bytes: block.bytes.subarray(skipped, block.count),
      ticks: ticksOf(block).subarray(skipped),
    };
  }

  /** The index of the first byte behind the gap that begins at `index`. */
  gapEnd(line: number, index: number): number {
    const history = this.lines[line];
    if (index >= history.count) return history.count;
    const { start, count } = this.blockAt(history, index);
    return start + count;
  }

  /** A tick up to which no more than the bytes before `index`, a gap's first, have been sent. */
  tickBefore(line: number, index: number): number {
    return index === 0 ? 0 : this.blockAt(this.lines[line], index - 1).lastTick;
  }

  /** What each line has sent at or after a tick: the last of it that is kept without a gap. */
  partsSince(tick: number): SerialPart[] {
    return this.lines.map(({ blocks, count }) => {
      const parts: { bytes: Uint8Array; ticks: Float64Array }[] = [];
      let start = count;
      for (let at = blocks.length - 1; at >= 0; at--) {
        const block = blocks[at];
        if (block.bytes === null || block.lastTick < tick) break;
        const ticks = ticksOf(block);
        let first = 0;
        while (ticks[first] < tick) first++;
        parts.unshift({ bytes: block.bytes.subarray(first, block.count), ticks: ticks.subarray(first) });
        start = block.start + first;
        if (first > 0) break;
      }
      const bytes = new Uint8Array(count - start);
      let length = 0;
      for (const part of parts) {
        bytes.set(part.bytes, length);
        length += part.bytes.length;
      }
      return { start, bytes, ticks: parts.flatMap((part) => [...part.ticks]) };
    });
  }

  /** Takes over what is not known yet of a history that begins where this one does. */
  learn(parts: readonly SerialPart[]): void {
    parts.forEach(({ start, bytes, ticks }, line) => {
      const history = this.lines[line];
      if (history === undefined) return;
      for (let i = Math.max(0, history.count - start); i < bytes.length; i++) {
        this.put(history, start + i, bytes[i], ticks[i]);
      }
      if (start > history.count) this.addGap(history, start);
    });
  }

  /** Bytes sent up to now: the last of them that are kept without a gap. */
  sent(line: number): Uint8Array {
    const history = this.lines[line];
    const parts: Uint8Array[] = [];
    // A checkpoint of an earlier session may know that more was sent, and not what.
    if (history.sent > history.count) return new Uint8Array(0);
    for (let at = this.indexOfBlock(history, history.sent - 1); at >= 0; at--) {
      const { bytes, start, count } = history.blocks[at];
      if (bytes === null) break;
      parts.unshift(bytes.subarray(0, Math.min(count, history.sent - start)));
    }
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let length = 0;
    for (const part of parts) {
      all.set(part, length);
      length += part.length;
    }
    return all;
  }

  /** How many bytes a line has sent up to now, kept or not. */
  sentCount(line: number): number {
    return this.lines[line].sent;
  }
}

function ticksOf({ count, steps }: Block): Float64Array {
  const ticks = new Float64Array(count);
  let at = 0;
  let tick = 0;
  for (let i = 0; i < count; i++) {
    let step = 0;
    for (let weight = 1; ; weight *= 0x80) {
      const byte = steps[at++];
      step += (byte & 0x7f) * weight;
      if (byte < 0x80) break;
    }
    tick += step;
    ticks[i] = tick;
  }
  return ticks;
}
