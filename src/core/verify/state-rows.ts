/**
 * Two snapshots side by side: one row for every element of CPU state, the bytes of memory that differ, the fields of
 * devices that differ. Rows are data; `rowsToText` prints them with a star where the two differ.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import type { DeviceState, DeviceValue } from '../board/device.ts';
import { type Snapshot, snapshotPages } from '../machine/snapshot.ts';
import { encodeState, HASHED } from '../machine/state-hash.ts';
import { hashBytesHex } from '../base/hash.ts';
import type { PlacedField } from '../state/layout.ts';
import { elementName } from '../state/names.ts';

export interface StateRow {
  readonly name: string;
  /** Digits, by machine. */
  readonly left: string;
  readonly right: string;
  readonly differs: boolean;
  /** Shown even when equal: general registers, EIP and EFLAGS. */
  readonly isGeneral: boolean;
}

/** Consecutive bytes of RAM, or of a device's bulk memory, of which the first and last differ. */
export interface MemoryRow {
  /** `memory` for RAM, whose addresses are physical; else the name of the bulk memory, counted from its begin. */
  readonly memory: string;
  readonly address: number;
  readonly left: Uint8Array;
  readonly right: Uint8Array;
}

export interface DeviceRow {
  readonly device: string;
  readonly field: string;
  readonly left: string;
  readonly right: string;
}

export interface StateDifferences {
  readonly registers: readonly StateRow[];
  readonly memory: readonly MemoryRow[];
  /** Bytes of memory that differ, shown or not. */
  readonly memoryBytes: number;
  readonly devices: readonly DeviceRow[];
}

const MEMORY_ROWS_MAX = 32;
/** Differences closer than this are one row. */
const GAP_BYTES = 4;
const ROW_BYTES_MAX = 16;

function elementText(field: PlacedField, view: DataView, at: number): string {
  const digits = (value: number, count: number): string => (value >>> 0).toString(16).padStart(count, '0');
  if (field.type === 'f64') return String(view.getFloat64(at, true));
  if (field.type === 'i32') return digits(view.getInt32(at, true), 8);
  return field.type === 'u16' ? digits(view.getUint16(at, true), 4) : digits(view.getUint8(at), 2);
}

export function registerRows(left: Uint8Array, right: Uint8Array): StateRow[] {
  const rows: StateRow[] = [];
  const views = [left, right].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  let at = 0;
  for (const field of HASHED) {
    const unit = field.size / field.count;
    for (let i = 0; i < field.count; i++) {
      const [a, b] = views.map((view) => elementText(field, view, at + i * unit));
      const isGeneral = field.group === 'general';
      if (a !== b || isGeneral) {
        rows.push({ name: elementName(field, i), left: a, right: b, differs: a !== b, isGeneral });
      }
    }
    at += (field.size + 3) & ~3;
  }
  return rows;
}

const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

function memoryRows(left: Snapshot, right: Snapshot): { rows: MemoryRow[]; bytes: number } {
  const rows: MemoryRow[] = [];
  let bytes = 0;
  const rightPages = snapshotPages(right);
  snapshotPages(left).forEach((page, number) => {
    if (page === rightPages[number]) return;
    const a = page ?? ZERO_PAGE;
    const b = rightPages[number] ?? ZERO_PAGE;
    for (let at = 0; at < a.length; at++) {
      if (a[at] === b[at]) continue;
      let end = at + 1;
      bytes++;
      for (let next = end; next < Math.min(a.length, end + GAP_BYTES, at + ROW_BYTES_MAX); next++) {
        if (a[next] === b[next]) continue;
        bytes++;
        end = next + 1;
      }
      if (rows.length < MEMORY_ROWS_MAX) {
        const address = number * PAGE_BYTES + at;
        const bulk = left.bulks.find(({ place, sizeBytes }) => address >= place && address < place + sizeBytes);
        const where =
          bulk === undefined ? { memory: 'memory', address } : { memory: bulk.name, address: address - bulk.place };
        rows.push({ ...where, left: a.slice(at, end), right: b.slice(at, end) });
      }
      at = end - 1;
    }
  });
  return { rows, bytes };
}

function valueText(value: DeviceValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `${value.length} bytes ${hashBytesHex(value)}`;
  const text = JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? [...part] : part));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isSameValue(a: DeviceValue | undefined, b: DeviceValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const [left, right] = [encodeState(a), encodeState(b)];
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

function deviceRows(left: Snapshot, right: Snapshot): DeviceRow[] {
  const rows: DeviceRow[] = [];
  const compare = (device: string, a: DeviceState, b: DeviceState): void => {
    for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (isSameValue(a[field], b[field])) continue;
      rows.push({ device, field, left: valueText(a[field]), right: valueText(b[field]) });
    }
  };
  left.board.forEach(([name, state], i) => compare(name, state, right.board[i][1]));
  return rows;
}

export function compareSnapshots(left: Snapshot, right: Snapshot): StateDifferences {
  const { rows, bytes } = memoryRows(left, right);
  return {
    registers: registerRows(left.cpu, right.cpu),
    memory: rows,
    memoryBytes: bytes,
    devices: deviceRows(left, right),
  };
}

const hexBytes = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** A line a row under a heading that names the two machines; a star where they differ. */
export function rowsToText(differences: StateDifferences, leftName: string, rightName: string): string {
  const { registers, memory, memoryBytes, devices } = differences;
  const line = (star: string, name: string, left: string, right: string): string =>
    `${star} ${name.padEnd(20)} ${left.padEnd(24)} ${right}`.trimEnd();
  const lines = [line(' ', '', leftName, rightName)];
  for (const { name, left, right, differs } of registers) lines.push(line(differs ? '*' : ' ', name, left, right));
  for (const { memory: name, address, left, right } of memory) {
    lines.push(line('*', `${name} ${address.toString(16).padStart(8, '0')}`, hexBytes(left), hexBytes(right)));
  }
  if (memory.length === MEMORY_ROWS_MAX) lines.push(`  ${memoryBytes} bytes of memory differ, the first of them shown`);
  for (const { device, field, left, right } of devices) lines.push(line('*', `${device}.${field}`, left, right));
  return lines.join('\n');
}
