/**
 * Checkpoints that somebody else keeps than the timeline: a log that was recorded with some (stored-checkpoints.ts), or
 * a host that has a place for what an earlier session found (its cache). Whoever keeps them, the replay that goes on
 * from one asserts every check behind it. And what of a checkpoint is not pages, as a value that can be kept: its
 * encoding and its decoding side by side. What is decoded is believed to have any shape.
 */
import type { DeviceState } from '../board/device.ts';
import type { Machine } from '../machine/machine.ts';
import { bulkPlaces, type PageGroup, savedProblem } from '../machine/snapshot.ts';
import { isBytes, isList, isSafe, isUnsigned } from '../log/event-codec.ts';
import type { InputMark } from '../log/input-cursor.ts';
import type { CheckMark, LogReader } from '../log/log.ts';
import type { Packed } from '../log/payload.ts';
import type { PortMark } from '../session/log-port.ts';
import type { Checkpoint } from './checkpoints.ts';
import type { PageRecord } from './page-records.ts';
import { SERIAL_LINES, type SerialPart } from './serial-history.ts';

/** What the guest sent in a run up to a tick. */
export interface KnownText {
  readonly serial: readonly SerialPart[];
  readonly knownTick: number;
}

export interface FoundCheckpoint {
  readonly checkpoint: Checkpoint;
  /** What is known of text up to there, unless that has been told before. */
  readonly text: KnownText | null;
}

export interface CheckpointSource {
  /** The last usable one at or before `tick` and after `afterTick`, or null. */
  before(tick: number, afterTick: number): FoundCheckpoint | null;
  /** What intervals of the timeline's length did to pages. */
  pageRecords(): readonly PageRecord[];
  /** What is known of text beyond what is known up to `tick`, or null. */
  textAfter(tick: number): KnownText | null;
}

/** All of a checkpoint that is not memory. */
export function encodeCheckpoint({ snapshot, port, sent }: Checkpoint): Packed {
  const { inputs, checks, ahead, running, agreedTick } = port;
  return [
    snapshot.tick,
    snapshot.cpu,
    snapshot.loop as Packed,
    snapshot.board.map(([name, device]) => [name, device as Packed]),
    [inputs.frameIndex, inputs.index, inputs.lastTick, inputs.nextSeq],
    encodeMark(checks),
    ahead === null ? null : encodeMark(ahead),
    [...running],
    agreedTick,
    [...sent],
  ];
}

function encodeMark({ frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd }: CheckMark): Packed {
  return [frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd];
}

/** The inverse, with the memory that belongs to it; null when this cannot be a checkpoint of that machine and log. */
export function decodeCheckpoint(
  value: Packed | undefined,
  machine: Machine,
  log: LogReader,
  groups: readonly PageGroup[],
): Checkpoint | null {
  if (!isList(value) || value.length !== 10) return null;
  const [tick, cpu, loop, devices, inputs, checks, ahead, running, agreedTick, sent] = value;
  if (!isCount(tick) || tick >= log.lastTick || !isBytes(cpu) || !isList(devices) || !isCount(agreedTick)) return null;
  const board: (readonly [string, DeviceState])[] = [];
  for (const pair of devices) {
    const [name, state] = isList(pair) ? pair : [];
    if (typeof name !== 'string') return null;
    board.push([name, state as DeviceState]);
  }
  if (savedProblem(machine, { tick, cpu, loop: loop as DeviceState, board }) !== null) return null;
  const inputMark = decodeInputs(inputs, log);
  const checkMark = decodeMark(checks, log);
  const aheadMark = ahead === null ? null : decodeMark(ahead, log);
  if (inputMark === null || checkMark === null || (ahead !== null && aheadMark === null)) return null;
  if (!isList(running) || running.length !== 4 || !running.every(Number.isSafeInteger)) return null;
  if (!isList(sent) || sent.length !== SERIAL_LINES || !sent.every(isCount)) return null;
  return {
    snapshot: {
      tick,
      cpu: Uint8Array.from(cpu),
      loop: loop as DeviceState,
      board,
      groups,
      bulks: bulkPlaces(machine),
    },
    port: {
      inputs: inputMark,
      checks: checkMark,
      ahead: aheadMark,
      running: running as readonly number[] as PortMark['running'],
      agreedTick,
      divergence: null,
    },
    sent: sent as readonly number[],
  };
}

function isCount(value: Packed | undefined): value is number {
  return isSafe(value);
}

/** A frame of the log, the one before the first, or the place behind the last. */
function isFrameIndex(value: Packed | undefined, log: LogReader): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= -1 && value <= log.frames.length;
}

function decodeInputs(value: Packed | undefined, log: LogReader): InputMark | null {
  const [frameIndex, index, lastTick, nextSeq] = isList(value) ? value : [];
  if (!isFrameIndex(frameIndex, log) || !isUnsigned(index, 0xffffffff)) return null;
  if (!isSafe(lastTick) || !isCount(nextSeq)) return null;
  return { frameIndex, index, lastTick, nextSeq };
}

function decodeMark(value: Packed | undefined, log: LogReader): CheckMark | null {
  const [frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd] = isList(value) ? value : [];
  if (!isFrameIndex(frameIndex, log) || !isUnsigned(index, 0xffffffff) || !isUnsigned(rowIndex, 0xffffffff))
    return null;
  if (!isCount(firstSeq) || !isSafe(lastTick) || typeof isAtEnd !== 'boolean') return null;
  return { frameIndex, index, rowIndex, firstSeq, lastTick, isAtEnd };
}
