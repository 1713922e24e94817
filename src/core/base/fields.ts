/**
 * Field tables: what a device remembers, declared once, typed. A table gives the values as after power-on, the saved
 * form (plain data, in the order of the table, part of the state hash), the check of a saved form that comes from a log
 * or a file, and the debugger's view. Every field is checked for its kind, range and length; what is missing, and what
 * the table does not know, is refused by name. field-kinds.ts has the kinds of fields. Knows no device and no machine.
 */
import type { DeviceState, DeviceValue } from '../board/device.ts';

/** One kind of field. `T` is what the device works with, which need not be what is saved. */
export interface Kind<T> {
  /** A fresh value, as after power-on. */
  initial(): T;
  save(value: T): DeviceValue;
  /** What is wrong with a saved value, as a sentence that begins with `path`; null when it can be loaded. */
  problem(saved: unknown, path: string): string | null;
  /** Takes a saved value without problem; `before` is what the field holds. What has identity is filled in place. */
  load(saved: DeviceValue, before: T): T;
  /** Digits for a person. */
  show(value: T): string;
}

/** A field that follows from the others: saved with them and checked, never loaded. */
export interface DerivedKind<T> extends Kind<T> {
  readonly isDerived: true;
}

export function derived<T>(kind: Kind<T>): DerivedKind<T> {
  return { ...kind, isDerived: true };
}

type Shape = Readonly<Record<string, Kind<unknown> | DerivedKind<unknown>>>;
type KeysOfDerived<S extends Shape> = { [K in keyof S]: S[K] extends DerivedKind<unknown> ? K : never }[keyof S];

/** What a device works with: an object with the fields of its table. */
export type FieldValues<S extends Shape> = {
  -readonly [K in Exclude<keyof S, KeysOfDerived<S>>]: S[K] extends Kind<infer T> ? T : never;
};
/** The same with what follows from it. */
export type AllValues<S extends Shape> = FieldValues<S> & {
  readonly [K in KeysOfDerived<S>]: S[K] extends Kind<infer T> ? T : never;
};

/** What a saved state is held against: the moment at which it was saved. */
export interface SavedMoment {
  readonly tick: number;
  /** Tick at which the timer of that id is due, Infinity when it is disarmed. */
  due(timerId: string): number;
}

/** A saved state cannot be loaded; nothing has been changed. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly device: string;

  constructor(device: string, problem: string) {
    super(`The saved state of ${device} cannot be used: ${problem}.`);
    this.device = device;
  }
}

/** Everything that a device remembers, as others see it. */
export interface SavedFields {
  save(): DeviceState;
  /** What is wrong with a saved state, or null. */
  problem(saved: unknown, moment: SavedMoment): string | null;
  /** Only states without problem. */
  load(saved: DeviceState): void;
  /** Field by field, nested ones by their path. */
  show(): FieldView[];
}

export interface FieldView {
  readonly field: string;
  readonly text: string;
}

export interface FieldHooks<V> {
  /** What no single field can tell: called with values that have passed each for itself. */
  problem?(values: V, moment: SavedMoment): string | null;
  /** The values have been replaced. */
  loaded?(): void;
}

export class FieldTable<S extends Shape> implements Kind<FieldValues<S>> {
  readonly #kinds: readonly (readonly [string, Kind<unknown>])[];
  readonly #own: readonly (readonly [string, Kind<unknown>])[];
  readonly #names: ReadonlySet<string>;
  /** For its type alone. */
  readonly shape: S;

  constructor(shape: S) {
    this.shape = shape;
    this.#kinds = Object.entries(shape);
    this.#own = this.#kinds.filter(([, kind]) => !('isDerived' in kind));
    this.#names = new Set(Object.keys(shape));
  }

  initial(): FieldValues<S> {
    return Object.fromEntries(this.#own.map(([name, kind]) => [name, kind.initial()])) as FieldValues<S>;
  }

  /** All fields as after power-on. */
  clear(values: FieldValues<S>): void {
    const into = values as Record<string, unknown>;
    for (const [name, kind] of this.#own) into[name] = kind.load(kind.save(kind.initial()), into[name]);
  }

  save(values: FieldValues<S>): DeviceState {
    const from = values as Readonly<Record<string, unknown>>;
    const saved: DeviceState = {};
    for (const [name, kind] of this.#kinds) saved[name] = kind.save(from[name]);
    return saved;
  }

  problem(saved: unknown, path: string): string | null {
    if (!isPlainObject(saved)) return `${path === '' ? 'it' : path} is ${describe(saved)}, expected named fields`;
    const prefix = path === '' ? '' : `${path}.`;
    for (const name of Object.keys(saved)) {
      if (!this.#names.has(name)) return `${prefix}${name} is no field of it`;
    }
    for (const [name, kind] of this.#kinds) {
      if (!Object.hasOwn(saved, name)) return `${prefix}${name} is missing`;
      const problem = kind.problem(saved[name], prefix + name);
      if (problem !== null) return problem;
    }
    return null;
  }

  load(saved: DeviceValue, values: FieldValues<S>): FieldValues<S> {
    const from = saved as DeviceState;
    const into = values as Record<string, unknown>;
    for (const [name, kind] of this.#own) into[name] = kind.load(from[name], into[name]);
    return values;
  }

  show(values: FieldValues<S>): string {
    return `{${this.rows(values)
      .map(({ field, text }) => `${field} ${text}`)
      .join(', ')}}`;
  }

  rows(values: FieldValues<S>, prefix = ''): FieldView[] {
    return this.#kinds.flatMap(([name, kind]) => {
      const value = (values as Readonly<Record<string, unknown>>)[name];
      if (kind instanceof FieldTable) return kind.rows(value as FieldValues<Shape>, `${prefix}${name}.`);
      return [{ field: prefix + name, text: kind.show(value) }];
    });
  }

  /** The values of one device, which the device holds itself (see withFields). */
  of(values: AllValues<S>, hooks: FieldHooks<AllValues<S>> = {}): SavedFields {
    return {
      save: () => this.save(values),
      problem: (saved, moment) => {
        const problem = this.problem(saved, '');
        if (problem !== null || hooks.problem === undefined) return problem;
        const all: Record<string, unknown> = this.load(saved as DeviceState, this.initial());
        for (const [name, kind] of this.#kinds) {
          if ('isDerived' in kind) all[name] = kind.load((saved as DeviceState)[name], kind.initial());
        }
        return hooks.problem(all as AllValues<S>, moment);
      },
      load: (saved) => {
        this.load(saved, values);
        hooks.loaded?.();
      },
      show: () => this.rows(values),
    };
  }
}

/** A class to extend: each instance has the fields of the table as its own, with their first values. */
export function withFields<S extends Shape>(table: FieldTable<S>): new () => FieldValues<S> {
  class Holder {
    constructor() {
      Object.assign(this, table.initial());
    }
  }
  return Holder as unknown as new () => FieldValues<S>;
}

export function fields<S extends Shape>(shape: S): FieldTable<S> {
  return new FieldTable(shape);
}

/** Of a device that remembers nothing. */
export const NO_FIELDS = fields({}).of({});

/** A value of unknown origin in a few words. */
export function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return value.length > 30 ? `a text of ${value.length} characters` : `"${value}"`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
