// What differs between two moments of the run: registers, fields of devices, and memory, by pages first and then by
// bytes. Walks to both, and comes back.

import { PAGE_BYTES } from '../../../../../core/base/pages.ts';
import { RAM_BASE } from '../../../../../core/state/layout.ts';
import { registers } from '../../../../debugger/views.ts';
import type { Opened } from '../opened.ts';
import type { WorkerSession } from '../session.ts';

/** Pages whose bytes are looked at. */
const PAGES_MAX = 128;
const LISTED_RANGES_MAX = 200;
/** Bytes of a range that are shown. */
const SHOWN_BYTES_MAX = 16;
/** Equal bytes between two ranges that make them two. */
const SAME_BYTES = 4;

export interface ChangedValue {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface ChangedRange {
  readonly physical: number;
  readonly sizeBytes: number;
  readonly before: string;
  readonly after: string;
}

export interface Difference {
  readonly registers: readonly ChangedValue[];
  readonly devices: readonly ChangedValue[];
  readonly pages: number;
  readonly ranges: readonly ChangedRange[];
  /** Not everything is listed. */
  readonly isCut: boolean;
}

export async function difference(
  session: WorkerSession,
  ask: { fromTick: number; toTick: number },
): Promise<Difference> {
  const opened = await session.recording();
  const { timeline } = opened;
  const go = (tick: number) => session.walk(opened, timeline.seek({ tick, seq: 0 }));
  const { memory } = timeline.machine;
  const ram = (): Uint8Array => memory.m8.subarray(RAM_BASE, RAM_BASE + memory.ramBytes);
  await go(ask.fromTick);
  const [valuesBefore, fieldsBefore, digestsBefore] = [
    registers(timeline.machine.cpu),
    fieldsOf(opened),
    digests(ram()),
  ];
  await go(ask.toTick);
  const [valuesAfter, fieldsAfter, digestsAfter] = [registers(timeline.machine.cpu), fieldsOf(opened), digests(ram())];
  const changed: number[] = [];
  for (let page = 0; page < digestsBefore.length; page++) {
    if (digestsBefore[page] !== digestsAfter[page]) changed.push(page);
  }
  const looked = changed.slice(0, PAGES_MAX);
  const after = looked.map((page) => ram().slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
  await go(ask.fromTick);
  const ranges: ChangedRange[] = [];
  for (const [i, page] of looked.entries()) {
    const before = ram().subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    addRanges(ranges, page * PAGE_BYTES, before, after[i]);
  }
  const isCut = changed.length > PAGES_MAX || ranges.length > LISTED_RANGES_MAX;
  const digits = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
  const shown: ChangedValue[] = Object.keys(valuesBefore)
    .filter((name) => valuesBefore[name] !== valuesAfter[name])
    .map((name) => ({ name, before: digits(valuesBefore[name]), after: digits(valuesAfter[name]) }));
  const devices = [...fieldsBefore]
    .filter(([name, text]) => fieldsAfter.get(name) !== text)
    .map(([name, text]) => ({ name, before: text, after: fieldsAfter.get(name) ?? '' }));
  return { registers: shown, devices, pages: changed.length, ranges: ranges.slice(0, LISTED_RANGES_MAX), isCut };
}

function fieldsOf({ timeline }: Opened): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, fields } of timeline.machine.board.devices) {
    for (const { field, text } of fields.show()) found.set(`${name}.${field}`, text);
  }
  return found;
}

/** FNV-1a over the words of each page: to find pages, not to prove anything. */
function digests(ram: Uint8Array): Uint32Array {
  const words = new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4);
  const found = new Uint32Array(ram.length / PAGE_BYTES);
  const perPage = PAGE_BYTES / 4;
  for (let page = 0; page < found.length; page++) {
    let digest = 0x811c9dc5 | 0;
    for (let i = page * perPage; i < (page + 1) * perPage; i++)
      digest = Math.imul(digest ^ words[i], 0x01000193) + (digest >>> 15);
    found[page] = digest;
  }
  return found;
}

function addRanges(ranges: ChangedRange[], at: number, before: Uint8Array, after: Uint8Array): void {
  const text = (bytes: Uint8Array, from: number, to: number): string =>
    [...bytes.subarray(from, Math.min(to, from + SHOWN_BYTES_MAX))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ');
  for (let from = 0; from < before.length && ranges.length <= LISTED_RANGES_MAX; from++) {
    if (before[from] === after[from]) continue;
    let to = from + 1;
    for (let same = 0, i = to; i < before.length && same < SAME_BYTES; i++) {
      if (before[i] === after[i]) same++;
      else {
        same = 0;
        to = i + 1;
      }
    }
    ranges.push({
      physical: at + from,
      sizeBytes: to - from,
      before: text(before, from, to),
      after: text(after, from, to),
    });
    from = to;
  }
}
