/**
 * From rows of a table to the rows that were asked for: where, select, group by, order by, limit, last. Rows come one
 * by
 * one in the order of their positions; what needs no others goes on at once. What has to be kept is bounded.
 */
import { UsageError } from '../base/usage-error.ts';
import { type Aggregate, type Compiled, Compiler, type Row, type Scope } from './compile.ts';
import { QueryError } from './query-error.ts';
import type { Item, Query } from './syntax.ts';
import { compareValues, type Value, type ValueType } from './values.ts';

export interface OutputColumn {
  readonly name: string;
  readonly type: ValueType;
}

/** Rows or groups that are kept at most. */
const KEPT_MAX = 4_000_000;

export interface Shape {
  readonly columns: readonly OutputColumn[];
  /** Columns of the table that are looked at. */
  readonly used: ReadonlySet<number>;
  /** A machine for one answer. `emit` gets rows as they are ready. */
  readonly start: (emit: (row: Row) => void) => Shaping;
  /** Whether a row can go on as soon as it comes. */
  readonly isStreaming: boolean;
}

export interface Shaping {
  /** False: nothing that comes can change the answer. */
  add(row: Row): boolean;
  /** No more rows come. */
  end(): void;
}

interface Planned {
  readonly outputs: readonly (OutputColumn & { readonly of: (row: Row) => Value })[];
  readonly orders: readonly { readonly of: (row: Row) => Value; readonly isDescending: boolean }[];
  readonly aggregates: readonly Aggregate[];
}

/** `shown`: the columns of the table that a query without select has. Throws QueryError. */
export function shapeOf(query: Query, scope: Scope, shown: readonly number[]): Shape {
  const plain = new Compiler(scope, false);
  const where = query.where === null ? null : plain.condition(query.where);
  const keys = query.groupBy?.map(({ expression, label }) => ({ label, ...plain.compile(expression) })) ?? null;
  const groups = new Compiler(scope, true);
  const planned = plan(query, groups, keys, scope, shown);
  const used = new Set([...plain.used, ...groups.used]);
  const isGrouped = keys !== null || planned.aggregates.length > 0;
  if (isGrouped) checkGrouped(query, scope, keys ?? []);
  const columns = planned.outputs.map(({ name, type }) => ({ name, type }));
  const isStreaming = !isGrouped && planned.orders.length === 0 && query.last === null;
  const start = (emit: (row: Row) => void): Shaping => {
    const last = new Tail(query, planned, emit);
    const next: Shaping = isGrouped ? new Groups(keys ?? [], planned.aggregates, scope.columns.length, last) : last;
    if (where === null) return next;
    return { add: (row) => (where(row) ? next.add(row) : true), end: () => next.end() };
  };
  return { columns, used, start, isStreaming };
}

function plan(
  query: Query,
  compiler: Compiler,
  keys: readonly (Compiled & { readonly label: string })[] | null,
  { columns }: Scope,
  shown: readonly number[],
): Planned {
  const output = ({ expression, label }: Item) => {
    // What is grouped by has a name too.
    const key = expression.kind === 'name' ? keys?.find((each) => each.label === expression.name) : undefined;
    const { of, type } = key ?? compiler.compile(expression);
    return { name: label, type, of };
  };
  let outputs = query.select?.map(output);
  const asked = compiler.aggregates.length > 0 || keys !== null;
  if (outputs === undefined && asked) {
    const count = compiler.compile({ kind: 'call', name: 'count', args: [], at: 0 });
    outputs = [...(keys ?? []).map(({ label, type, of }) => ({ name: label, type, of })), { name: 'count', ...count }];
  }
  outputs ??= shown.map((index) => {
    compiler.used.add(index);
    return { ...columns[index], of: (row: Row) => row[index] };
  });
  const orders = query.orderBy.map(({ expression, isDescending }) => {
    // The name of a column of the answer is that column.
    const named = expression.kind === 'name' ? outputs.find(({ name }) => name === expression.name) : undefined;
    return { of: (named ?? compiler.compile(expression)).of, isDescending };
  });
  return { outputs, orders, aggregates: compiler.aggregates };
}

/** In groups a plain column says nothing, unless it is what they are grouped by or within an aggregate. */
function checkGrouped(query: Query, scope: Scope, keys: readonly { readonly label: string }[]): void {
  for (const { expression, label } of query.select ?? []) {
    if (expression.kind !== 'name' || keys.some((key) => key.label === label || key.label === expression.name))
      continue;
    if (!scope.columns.some(({ name }) => name === expression.name.toLowerCase())) continue;
    throw new QueryError(
      scope.text,
      expression.at,
      `Of many rows "${expression.name}" has many values: group by it, or take min, max, first or last of it`,
    );
  }
}

const keptTooMany = (what: string): UsageError =>
  new UsageError(`The query has to keep more than ${KEPT_MAX} ${what}: give it a where, a limit or a smaller window.`);

class State {
  value: Value = null;
  count = 0;

  add({ name, operand }: Aggregate, row: Row): void {
    const value = operand === null ? true : operand.of(row);
    if (value === null) return;
    this.count++;
    if (name === 'sum' || name === 'avg') this.value = Number(this.value ?? 0) + Number(value);
    else if (name === 'min') this.value = this.count === 1 || compareValues(value, this.value) < 0 ? value : this.value;
    else if (name === 'max') this.value = this.count === 1 || compareValues(value, this.value) > 0 ? value : this.value;
    else if (name === 'last' || this.count === 1) this.value = value;
  }

  result({ name }: Aggregate): Value {
    if (name === 'count') return this.count;
    if (name === 'avg') return this.count === 0 ? null : Number(this.value) / this.count;
    return this.value;
  }
}

/** One row a group, its first one, with the aggregates behind the columns. */
class Groups implements Shaping {
  private readonly keys: readonly Compiled[];
  private readonly aggregates: readonly Aggregate[];
  private readonly width: number;
  private readonly next: Shaping;
  private readonly groups = new Map<Value, { readonly row: Row; readonly states: readonly State[] }>();

  constructor(keys: readonly Compiled[], aggregates: readonly Aggregate[], width: number, next: Shaping) {
    this.keys = keys;
    this.aggregates = aggregates;
    this.width = width;
    this.next = next;
  }

  private keyOf(row: Row): Value {
    if (this.keys.length === 1) return this.keys[0].of(row);
    return JSON.stringify(this.keys.map(({ of }) => of(row)));
  }

  private group(key: Value, row: Row) {
    let group = this.groups.get(key);
    if (group === undefined) {
      if (this.groups.size >= KEPT_MAX) throw keptTooMany('groups');
      group = { row, states: this.aggregates.map(() => new State()) };
      this.groups.set(key, group);
    }
    return group;
  }

  add(row: Row): boolean {
    const { states } = this.group(this.keyOf(row), row);
    for (let i = 0; i < states.length; i++) states[i].add(this.aggregates[i], row);
    return true;
  }

  end(): void {
    // Without group by there is one row, also when there is nothing.
    if (this.keys.length === 0) this.group('[]', Array<Value>(this.width).fill(null));
    for (const { row, states } of this.groups.values()) {
      const whole = [...row.slice(0, this.width)];
      while (whole.length < this.width) whole.push(null);
      if (!this.next.add([...whole, ...states.map((state, i) => state.result(this.aggregates[i]))])) break;
    }
    this.next.end();
  }
}

/** Order, limit and the columns that were asked for. */
class Tail implements Shaping {
  private readonly query: Query;
  private readonly planned: Planned;
  private readonly emit: (row: Row) => void;
  private readonly kept: Row[] = [];
  private readonly keepsAll: boolean;
  private emitted = 0;

  constructor(query: Query, planned: Planned, emit: (row: Row) => void) {
    this.query = query;
    this.planned = planned;
    this.emit = emit;
    this.keepsAll = planned.orders.length > 0 || query.last !== null;
  }

  add(row: Row): boolean {
    const { limit, last } = this.query;
    if (!this.keepsAll) return this.give(row);
    this.kept.push(row);
    if (this.planned.orders.length === 0 && last !== null && this.kept.length >= 2 * last + 1024) {
      this.kept.splice(0, this.kept.length - last);
    } else if (limit !== null && last === null && this.kept.length >= 2 * limit + 1024) {
      this.sort();
      this.kept.length = limit;
    } else if (this.kept.length > KEPT_MAX) throw keptTooMany('rows');
    return true;
  }

  private give(row: Row): boolean {
    const { limit } = this.query;
    if (limit !== null && this.emitted >= limit) return false;
    this.emitted++;
    this.emit(this.planned.outputs.map(({ of }) => of(row)));
    return limit === null || this.emitted < limit;
  }

  private sort(): void {
    const { orders } = this.planned;
    this.kept.sort((a, b) => {
      for (const { of, isDescending } of orders) {
        const order = compareValues(of(a), of(b));
        if (order !== 0) return isDescending ? -order : order;
      }
      return 0;
    });
  }

  end(): void {
    this.sort();
    const { last } = this.query;
    for (const row of last === null ? this.kept : this.kept.slice(-last || this.kept.length)) {
      if (!this.give(row)) return;
    }
  }
}
