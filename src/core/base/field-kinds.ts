/**
 * The kinds of fields that a device may have (fields.ts). The names say what a value may be; the initial value is what
 * it is after power-on, 0 or nothing unless given. What is saved is a number, a boolean, a text, bytes or a list.
 */
import { ByteQueue } from './byte-queue.ts';
import type { DeviceValue } from '../board/device.ts';
import { describe, type Kind } from './fields.ts';

/** Bytes that are shown one by one; of more than that only the beginning. */
const SHOWN_BYTES = 32;
const SHOWN_ITEMS = 16;

function numberKind(
  expected: string,
  accepts: (value: number) => boolean,
  show: (value: number) => string,
  initial: number,
): Kind<number> {
  return {
    initial: () => initial,
    save: (value) => value,
    problem: (saved, path) =>
      typeof saved === 'number' && accepts(saved) && !Object.is(saved, -0)
        ? null
        : `${path} is ${describe(saved)}, expected ${expected}`,
    load: (saved) => saved as number,
    show,
  };
}

function hexadecimal(max: number): (value: number) => string {
  const digits = max.toString(16).length;
  return (value) => `0x${value.toString(16).padStart(digits, '0')}`;
}

/** A register: 0 to `max`. */
export function unsigned(max: number, initial = 0): Kind<number> {
  return numberKind(
    `0 to ${max}`,
    (value) => Number.isInteger(value) && value >= 0 && value <= max,
    hexadecimal(max),
    initial,
  );
}

export const byte = (initial = 0): Kind<number> => unsigned(0xff, initial);
export const word16 = (initial = 0): Kind<number> => unsigned(0xffff, initial);
export const word32 = (initial = 0): Kind<number> => unsigned(0xffff_ffff, initial);

/** A register of which only the bits of `mask` exist. */
export function bits(mask: number, initial = 0): Kind<number> {
  const max = mask >>> 0;
  return numberKind(
    `bits of 0x${max.toString(16)}`,
    (value) => Number.isInteger(value) && value >= 0 && value <= max && (value & ~mask) === 0,
    hexadecimal(max),
    initial,
  );
}

/** A count, a distance, a cycle: `min` to `max`, both included. */
export function integer(min: number, max: number, initial = 0): Kind<number> {
  return numberKind(
    `a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && value >= min && value <= max,
    String,
    initial,
  );
}

/**
 * A moment, in cycles of some clock since tick 0. Devices are created at a tick beyond all others, so that cycles may
 * lie beyond what is counted exactly; that they lie where the clock can have brought them is the device's to check.
 */
export const cycle = (min = 0, initial = 0): Kind<number> => integer(min, 2 ** 80, initial);

export function flag(initial = false): Kind<boolean> {
  return {
    initial: () => initial,
    save: (value) => value,
    problem: (saved, path) =>
      typeof saved === 'boolean' ? null : `${path} is ${describe(saved)}, expected true or false`,
    load: (saved) => saved as boolean,
    show: (value) => (value ? 'yes' : 'no'),
  };
}

/** One of a few values; `what` says what they are. */
export function oneOf<const T extends number | string>(values: readonly T[], what: string, initial: T): Kind<T> {
  const known: ReadonlySet<unknown> = new Set(values);
  return {
    initial: () => initial,
    save: (value) => value,
    problem: (saved, path) =>
      known.has(saved) && !Object.is(saved, -0) ? null : `${path} is ${describe(saved)}, expected ${what}`,
    load: (saved) => saved as T,
    show: (value) => (typeof value === 'number' ? `0x${value.toString(16)}` : `"${value}"`),
  };
}

/** `count` bytes at one place in memory; saved as bytes. */
export function bytes(count: number): Kind<Uint8Array> {
  return {
    initial: () => new Uint8Array(count),
    save: (value) => value.slice(),
    problem: (saved, path) =>
      saved instanceof Uint8Array && saved.length === count
        ? null
        : `${path} is ${describe(saved)}, expected ${count} bytes`,
    load: (saved, before) => {
      before.set(saved as Uint8Array);
      return before;
    },
    show: showBytes,
  };
}

/** A byte for each mask, of which only the bits of the mask exist; saved as bytes. */
export function registers(masks: readonly number[]): Kind<Uint8Array> {
  const kind = bytes(masks.length);
  return {
    ...kind,
    problem: (saved, path) => {
      const problem = kind.problem(saved, path);
      if (problem !== null) return problem;
      const at = (saved as Uint8Array).findIndex((value, i) => (value & ~masks[i]) !== 0);
      return at < 0
        ? null
        : `${path}[${at}] is ${(saved as Uint8Array)[at]}, expected bits of 0x${masks[at].toString(16)}`;
    },
  };
}

/** `count` words of 32 bits at one place in memory, of which only the bits of `mask` exist; saved as a list. */
export function words(count: number, mask: number | readonly number[] = 0xffff_ffff): Kind<Uint32Array> {
  const items = Array.from({ length: count }, (_, i) => bits(typeof mask === 'number' ? mask : mask[i % mask.length]));
  return {
    initial: () => new Uint32Array(count),
    save: (value) => Array.from(value),
    problem: (saved, path) => listProblem(saved, path, count, count, (i) => items[i]),
    load: (saved, before) => {
      before.set(saved as number[]);
      return before;
    },
    show: (value) => showList(Array.from(value, (word) => `0x${word.toString(16).padStart(8, '0')}`)),
  };
}

/** Up to `countMax` items of one kind, at least `countMin`. */
export function list<T>(item: Kind<T>, countMax: number, countMin = 0): Kind<T[]> {
  return {
    initial: () => Array.from({ length: countMin }, () => item.initial()),
    save: (value) => value.map((each) => item.save(each)),
    problem: (saved, path) => listProblem(saved, path, countMin, countMax, () => item),
    load: (saved, before) => {
      const from = saved as DeviceValue[];
      // In place, item by item: a device may hold on to the list and to what is in it.
      const kept = before.slice(0, from.length);
      before.length = 0;
      from.forEach((each, i) => before.push(item.load(each, i < kept.length ? kept[i] : item.initial())));
      return before;
    },
    show: (value) => showList(value.map((each) => item.show(each))),
  };
}

/** Up to `countMax` bytes in a list; saved as bytes. */
export function byteList(countMax: number): Kind<number[]> {
  return {
    initial: () => [],
    save: (value) => Uint8Array.from(value),
    problem: (saved, path) => byteProblem(saved, path, countMax),
    load: (saved) => Array.from(saved as Uint8Array),
    show: (value) => showBytes(Uint8Array.from(value)),
  };
}

/** Bytes that wait for something; saved as bytes. */
export function byteQueue(): Kind<ByteQueue> {
  return {
    initial: () => new ByteQueue(),
    save: (value) => value.toBytes(),
    problem: (saved, path) => byteProblem(saved, path, Number.POSITIVE_INFINITY),
    load: (saved, before) => {
      before.clear();
      before.push(saved as Uint8Array);
      return before;
    },
    show: (value) => showBytes(value.toBytes()),
  };
}

/** A set at one place in memory; saved as a list in the order of insertion, or ascending. */
export function setOf<T extends number | string>(item: Kind<T>, order: 'insertion' | 'ascending'): Kind<Set<T>> {
  const inOrder = (value: ReadonlySet<T>): T[] => {
    const items = [...value];
    return order === 'ascending' ? items.sort((a, b) => (a < b ? -1 : 1)) : items;
  };
  return {
    initial: () => new Set(),
    save: (value) => inOrder(value),
    problem: (saved, path) => {
      const problem = listProblem(saved, path, 0, Number.POSITIVE_INFINITY, () => item);
      if (problem !== null) return problem;
      const items = saved as T[];
      const isSet = new Set(items).size === items.length;
      if (!isSet) return `${path} has an item twice`;
      const ascends = items.every((each, i) => i === 0 || items[i - 1] < each);
      return order === 'insertion' || ascends ? null : `${path} does not ascend`;
    },
    load: (saved, before) => {
      before.clear();
      for (const each of saved as T[]) before.add(each);
      return before;
    },
    show: (value) => showList(inOrder(value).map((each) => item.show(each))),
  };
}

function listProblem(
  saved: unknown,
  path: string,
  countMin: number,
  countMax: number,
  item: (index: number) => Kind<unknown>,
): string | null {
  if (!Array.isArray(saved) || saved.length < countMin || saved.length > countMax) {
    const count =
      countMin === countMax
        ? `${countMin}`
        : countMax === Number.POSITIVE_INFINITY
          ? 'any length'
          : `at most ${countMax}`;
    return `${path} is ${describe(saved)}, expected a list of ${count}`;
  }
  for (let i = 0; i < saved.length; i++) {
    const problem = item(i).problem(saved[i], `${path}[${i}]`);
    if (problem !== null) return problem;
  }
  return null;
}

function byteProblem(saved: unknown, path: string, countMax: number): string | null {
  if (saved instanceof Uint8Array && saved.length <= countMax) return null;
  const count = countMax === Number.POSITIVE_INFINITY ? 'bytes' : `at most ${countMax} bytes`;
  return `${path} is ${describe(saved)}, expected ${count}`;
}

function showBytes(value: Uint8Array): string {
  const digits = Array.from(value.subarray(0, SHOWN_BYTES), (each) => each.toString(16).padStart(2, '0')).join(' ');
  return value.length <= SHOWN_BYTES ? `[${digits}]` : `[${digits} … ${value.length} bytes]`;
}

function showList(texts: readonly string[]): string {
  const shown = texts.slice(0, SHOWN_ITEMS).join(' ');
  return texts.length <= SHOWN_ITEMS ? `[${shown}]` : `[${shown} … ${texts.length}]`;
}
