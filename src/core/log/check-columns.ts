/**
 * The frequent checks of one frame as columns: a `full` log of a kernel boot holds millions of port reads, and
 * recording one must cost a few tens of nanoseconds and far less than a byte.
 *
 * A check is a triple (slot, delta, value): `slot` indexes the frame's dictionary of (kind, operand), operand being
 * port and size, vector, timer or address; `delta` is the ticks since the check before. A table indexed by a hash of
 * the last two triples predicts the next one. Hits are only counted. A miss writes one control byte
 * (bits 0-2: slot, delta, value were not as predicted; bits 3-7: hits before it, 31 meaning 31 plus a varint) and the
 * fields that missed, each to its own column, where deflate finds its like. Values of 4-byte reads are written as
 * the difference from the last value of that slot (counters), smaller ones as they are (data).
 * Slot 0 stands for a row (`event-codec.ts`); rows follow in order. Every frame starts from empty tables.
 * Encoder and decoder share `learn` and must make the same steps in the same order.
 */
import { accessOperand, isAccessOperand, operandSize } from './access-operand.ts';
import { encodeRowCheck, isBytes, isList, isUnsigned } from './event-codec.ts';
import type { RowCheck } from './event-codec.ts';
import { CHECK_KIND, MAY_SKIP_KIND } from './events.ts';
import type { Packed } from './payload.ts';

/** Events, dictionary entries and bytes that close a frame; a reader accepts no more of them. */
export const FRAME_CHECKS_MAX = 1 << 16;
export const FRAME_SLOTS_MAX = 1 << 12;
const COLUMN_BYTES_CLOSE = 1 << 18;
/** The most one miss can append to a column: a varint of a tick. */
const APPEND_BYTES_MAX = 16;

const PORT_MAX = 0xffff;
const CONTEXT_BITS = 12;
const CONTEXT_COUNT = 1 << CONTEXT_BITS;
const HITS_INLINE_MAX = 31;

const MISS_SLOT = 1;
const MISS_DELTA = 2;
const MISS_VALUE = 4;

/** Slot of rows in every dictionary. */
export const ROW_SLOT = 0;

/** Prediction by context: the triple that followed this context last time in this frame (below 0 in `delta`: none). */
interface Predictor {
  readonly slot: Int32Array;
  readonly delta: Float64Array;
  readonly value: Int32Array;
  context: number;
  recent: number;
}

function createPredictor(): Predictor {
  return {
    slot: new Int32Array(CONTEXT_COUNT),
    delta: new Float64Array(CONTEXT_COUNT).fill(Number.NEGATIVE_INFINITY),
    value: new Int32Array(CONTEXT_COUNT),
    context: 0,
    recent: 0,
  };
}

function resetPredictor(predictor: Predictor): void {
  predictor.slot.fill(0);
  predictor.delta.fill(Number.NEGATIVE_INFINITY);
  predictor.value.fill(0);
  predictor.context = 0;
  predictor.recent = 0;
}

/** Moves the context on: a hash of this triple and of the one before it. */
function learn(predictor: Predictor, slot: number, delta: number, value: number): void {
  const word = Math.imul((delta | 0) ^ (slot << 20), 0x9e3779b1) ^ Math.imul(value, 0x85ebca6b);
  predictor.context = (word ^ Math.imul(predictor.recent, 0x27d4eb2f)) >>> (32 - CONTEXT_BITS);
  predictor.recent = word;
}

interface Column {
  bytes: Uint8Array;
  size: number;
}

function createColumn(): Column {
  return { bytes: new Uint8Array(COLUMN_BYTES_CLOSE + APPEND_BYTES_MAX), size: 0 };
}

function putVarint(column: Column, value: number): void {
  const { bytes } = column;
  while (value >= 0x80) {
    bytes[column.size++] = (value & 0x7f) | 0x80;
    value = value > 0x7fffffff ? Math.floor(value / 128) : value >>> 7;
  }
  bytes[column.size++] = value;
}

/** One frame's checks being written. Slots are looked up by the caller's tables and made by `addSlot`. */
export interface CheckEncoder {
  count: number;
  /** The next check might not fit: the frame has to be closed first. */
  isFull: boolean;
  firstTick: number;
  lastTick: number;
  hits: number;
  slotCount: number;
  /** Value bytes of each slot: 1, 2, or 4 (4: differences). */
  readonly slotSize: Uint8Array;
  readonly slotLast: Int32Array;
  readonly predictor: Predictor;
  readonly dictionary: Column;
  readonly control: Column;
  readonly slots: Column;
  readonly deltas: Column;
  readonly values: Column;
  rows: Packed[];
  rowBytes: number;
}

export function createCheckEncoder(): CheckEncoder {
  return {
    count: 0,
    isFull: false,
    firstTick: 0,
    lastTick: 0,
    hits: 0,
    slotCount: 1,
    slotSize: new Uint8Array(FRAME_SLOTS_MAX),
    slotLast: new Int32Array(FRAME_SLOTS_MAX),
    predictor: createPredictor(),
    dictionary: createColumn(),
    control: createColumn(),
    slots: createColumn(),
    deltas: createColumn(),
    values: createColumn(),
    rows: [],
    rowBytes: 0,
  };
}

export function resetCheckEncoder(encoder: CheckEncoder): void {
  encoder.count = 0;
  encoder.isFull = false;
  encoder.hits = 0;
  encoder.slotCount = 1;
  encoder.slotLast.fill(0);
  resetPredictor(encoder.predictor);
  for (const name of ['dictionary', 'control', 'slots', 'deltas', 'values'] as const) encoder[name].size = 0;
  encoder.rows = [];
  encoder.rowBytes = 0;
}

/** A new dictionary entry; `operand` is a whole number below 2^53. */
export function addSlot(encoder: CheckEncoder, kind: number, operand: number): number {
  const slot = encoder.slotCount++;
  encoder.dictionary.bytes[encoder.dictionary.size++] = kind;
  putVarint(encoder.dictionary, operand);
  encoder.slotSize[slot] = slotValueSize(kind, operand);
  if (encoder.slotCount === FRAME_SLOTS_MAX) encoder.isFull = true;
  return slot;
}

/** An access is as wide as its operand says; every other value is a byte. */
function slotValueSize(kind: number, operand: number): number {
  if (kind !== CHECK_KIND['port-read'] && kind !== CHECK_KIND['mmio-read']) return 1;
  return operandSize(operand);
}

/** `value` as a signed word. The hot path of recording. */
export function appendCheck(encoder: CheckEncoder, slot: number, tick: number, value: number): void {
  const { predictor } = encoder;
  if (encoder.count++ === 0) {
    encoder.firstTick = tick;
    encoder.lastTick = tick;
  }
  const delta = tick - encoder.lastTick;
  encoder.lastTick = tick;
  const context = predictor.context;
  if (predictor.slot[context] === slot && predictor.delta[context] === delta && predictor.value[context] === value) {
    encoder.hits++;
  } else {
    putMiss(encoder, context, slot, delta, value);
  }
  if (encoder.count === FRAME_CHECKS_MAX) encoder.isFull = true;
  encoder.slotLast[slot] = value;
  learn(predictor, slot, delta, value);
}

export function appendRow(encoder: CheckEncoder, tick: number, event: RowCheck): void {
  appendCheck(encoder, ROW_SLOT, tick, 0);
  const row = encodeRowCheck(event);
  encoder.rows.push(row);
  encoder.rowBytes += 32;
  for (const field of row) encoder.rowBytes += isBytes(field) ? field.length : isList(field) ? field.length * 16 : 0;
  if (encoder.rowBytes >= COLUMN_BYTES_CLOSE) encoder.isFull = true;
}

function putMiss(encoder: CheckEncoder, context: number, slot: number, delta: number, value: number): void {
  const { predictor, control } = encoder;
  if (!(delta >= 0)) throw new Error(`a check at tick ${encoder.lastTick} after one ${-delta} ticks later`);
  let misses = 0;
  if (predictor.slot[context] !== slot) {
    misses |= MISS_SLOT;
    putVarint(encoder.slots, slot);
  }
  if (predictor.delta[context] !== delta) {
    misses |= MISS_DELTA;
    putVarint(encoder.deltas, delta);
  }
  if (predictor.value[context] !== value) {
    misses |= MISS_VALUE;
    putValue(encoder.values, encoder.slotSize[slot], value, encoder.slotLast[slot]);
  }
  putControl(control, misses, encoder.hits);
  if (encoder.values.size >= COLUMN_BYTES_CLOSE || encoder.deltas.size >= COLUMN_BYTES_CLOSE) encoder.isFull = true;
  encoder.hits = 0;
  predictor.slot[context] = slot;
  predictor.delta[context] = delta;
  predictor.value[context] = value;
}

function putControl(control: Column, misses: number, hits: number): void {
  if (hits < HITS_INLINE_MAX) {
    control.bytes[control.size++] = misses | (hits << 3);
  } else {
    control.bytes[control.size++] = misses | (HITS_INLINE_MAX << 3);
    putVarint(control, hits - HITS_INLINE_MAX);
  }
}

function putValue(values: Column, size: number, value: number, last: number): void {
  if (size === 4) {
    const difference = (value - last) | 0;
    putVarint(values, ((difference << 1) ^ (difference >> 31)) >>> 0);
    return;
  }
  values.bytes[values.size++] = value;
  if (size === 2) values.bytes[values.size++] = value >>> 8;
}

/** [count, dictionary, control, slots, deltas, values, rows]: what a checks frame holds after its positions. */
export function packColumns(encoder: CheckEncoder): Packed[] {
  if (encoder.hits > 0) {
    putControl(encoder.control, 0, encoder.hits); // no miss: the decoder stops at the count
    encoder.hits = 0;
  }
  const taken = (column: Column): Uint8Array => column.bytes.subarray(0, column.size);
  const { dictionary, control, slots, deltas, values } = encoder;
  return [encoder.count, taken(dictionary), taken(control), taken(slots), taken(deltas), taken(values), encoder.rows];
}

/** The checks of one frame: parallel arrays over `[0, count)`, and the dictionary that `slot` indexes. */
export interface CheckColumns {
  count: number;
  readonly tick: Float64Array;
  readonly slot: Int32Array;
  /** Signed words. */
  readonly value: Int32Array;
  slotCount: number;
  readonly slotKind: Uint8Array;
  readonly slotOperand: Float64Array;
  rows: readonly (readonly Packed[])[];
}

export interface CheckDecoder {
  readonly predictor: Predictor;
  readonly slotSize: Uint8Array;
  readonly slotLast: Int32Array;
}

export function createCheckDecoder(): CheckDecoder {
  return {
    predictor: createPredictor(),
    slotSize: new Uint8Array(FRAME_SLOTS_MAX),
    slotLast: new Int32Array(FRAME_SLOTS_MAX),
  };
}

export function createCheckColumns(): CheckColumns {
  return {
    count: 0,
    tick: new Float64Array(FRAME_CHECKS_MAX),
    slot: new Int32Array(FRAME_CHECKS_MAX),
    value: new Int32Array(FRAME_CHECKS_MAX),
    slotCount: 0,
    slotKind: new Uint8Array(FRAME_SLOTS_MAX),
    slotOperand: new Float64Array(FRAME_SLOTS_MAX),
    rows: [],
  };
}

/** Reads a column; past its end it gives -1 and stays there. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  failed: boolean;
}

function nextByte(cursor: Cursor): number {
  if (cursor.at >= cursor.bytes.length) {
    cursor.failed = true;
    return 0;
  }
  return cursor.bytes[cursor.at++];
}

function nextVarint(cursor: Cursor): number {
  let value = 0;
  for (let scale = 1; scale <= Number.MAX_SAFE_INTEGER; scale *= 128) {
    const byte = nextByte(cursor);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  cursor.failed = true;
  return 0;
}

/** Fills `out` from the list that `packColumns` made. Returns what is wrong with it, or null when nothing is. */
export function unpackColumns(
  decoder: CheckDecoder,
  packed: readonly Packed[],
  firstTick: number,
  out: CheckColumns,
): string | null {
  const [count, dictionary, control, slots, deltas, values, rows] = packed;
  if (!isUnsigned(count, FRAME_CHECKS_MAX) || count === 0) return 'number of checks';
  if (!isBytes(dictionary) || !isBytes(control) || !isBytes(slots) || !isBytes(deltas) || !isBytes(values)) {
    return 'column types';
  }
  if (!isList(rows)) return 'rows';
  const rowList: (readonly Packed[])[] = [];
  for (const row of rows) {
    if (!isList(row) || !isUnsigned(row[0], 255)) return 'row';
    rowList.push(row);
  }
  out.rows = rowList;
  out.count = count;
  return (
    unpackDictionary(decoder, cursorOf(dictionary), out) ??
    unpackTriples(decoder, control, slots, deltas, values, firstTick, out)
  );
}

function cursorOf(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, failed: false };
}

function unpackDictionary(decoder: CheckDecoder, cursor: Cursor, out: CheckColumns): string | null {
  let slot = 1;
  for (; cursor.at < cursor.bytes.length; slot++) {
    if (slot >= FRAME_SLOTS_MAX) return 'dictionary size';
    const kind = nextByte(cursor);
    const operand = nextVarint(cursor);
    if (cursor.failed || !isOperand(kind, operand)) return 'dictionary entry';
    out.slotKind[slot] = kind;
    out.slotOperand[slot] = operand;
    decoder.slotSize[slot] = slotValueSize(kind, operand);
  }
  out.slotKind[ROW_SLOT] = 0;
  out.slotOperand[ROW_SLOT] = 0;
  out.slotCount = slot;
  return null;
}

function isOperand(kind: number, operand: number): boolean {
  switch (kind) {
    case CHECK_KIND.interrupt:
      return operand <= 255;
    case CHECK_KIND['port-read']:
      return isAccessOperand(operand, accessOperand(PORT_MAX, 4));
    case CHECK_KIND['mmio-read']:
      return isAccessOperand(operand, Number.MAX_SAFE_INTEGER);
    case CHECK_KIND.timer:
      return operand <= 65535;
    case CHECK_KIND.a20:
      return operand === 0;
    default:
      return kind >= MAY_SKIP_KIND;
  }
}

function unpackTriples(
  decoder: CheckDecoder,
  controlBytes: Uint8Array,
  slotBytes: Uint8Array,
  deltaBytes: Uint8Array,
  valueBytes: Uint8Array,
  firstTick: number,
  out: CheckColumns,
): string | null {
  const { predictor, slotSize, slotLast } = decoder;
  resetPredictor(predictor);
  slotLast.fill(0);
  const control = cursorOf(controlBytes);
  const slots = cursorOf(slotBytes);
  const deltas = cursorOf(deltaBytes);
  const values = cursorOf(valueBytes);
  let tick = firstTick;
  let hits = 0;
  let misses = 0;
  let rowCount = 0;
  let isMissDue = false;
  for (let i = 0; i < out.count; i++) {
    if (hits === 0 && !isMissDue) {
      const byte = nextByte(control);
      misses = byte & 7;
      hits = byte >>> 3;
      if (hits === HITS_INLINE_MAX) hits += nextVarint(control);
      isMissDue = true;
    }
    const context = predictor.context;
    if (hits > 0) {
      hits--;
      if (predictor.delta[context] < 0) return 'prediction';
    } else {
      isMissDue = false;
      if (misses === 0) return 'control';
      if (misses & MISS_SLOT) predictor.slot[context] = nextVarint(slots);
      if (predictor.slot[context] >= out.slotCount) return 'slot';
      if (misses & MISS_DELTA) predictor.delta[context] = nextVarint(deltas);
      if (predictor.delta[context] < 0) return 'delta';
      if (misses & MISS_VALUE) {
        const slot = predictor.slot[context];
        predictor.value[context] = nextValue(values, slotSize[slot], slotLast[slot]);
      }
    }
    const slot = predictor.slot[context];
    const delta = predictor.delta[context];
    const value = predictor.value[context];
    tick += delta;
    out.tick[i] = tick;
    out.slot[i] = slot;
    out.value[i] = value;
    if (slot === ROW_SLOT) rowCount++;
    slotLast[slot] = value;
    learn(predictor, slot, delta, value);
  }
  for (const cursor of [control, slots, deltas, values]) {
    if (cursor.failed || cursor.at !== cursor.bytes.length) return 'column length';
  }
  if (hits !== 0 || (isMissDue && misses !== 0)) return 'number of checks';
  if (tick > Number.MAX_SAFE_INTEGER) return 'tick';
  return rowCount === out.rows.length ? null : 'number of rows';
}

function nextValue(values: Cursor, size: number, last: number): number {
  if (size === 4) {
    const zigzag = nextVarint(values);
    return (last + ((zigzag >>> 1) ^ -(zigzag & 1))) | 0;
  }
  const low = nextByte(values);
  return size === 2 ? low | (nextByte(values) << 8) : low;
}
