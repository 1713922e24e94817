/**
 * Expressions over the rows of a table, as functions: names are found, kinds of values checked, before anything runs.
 * A name is a column of the table, else a name of the guest (its address). Aggregates are taken apart: what each is of,
 * and the expression over their results. Nothing compared with what there is not holds.
 */
import { QueryError, UnknownNameError } from './query-error.ts';
import type { Expression } from './syntax.ts';
import { compareValues, type Describe, isNumeric, type Value, type ValueType } from './values.ts';

export type Row = readonly Value[];

export interface ColumnType {
  readonly name: string;
  readonly type: ValueType;
}

export interface Scope {
  readonly text: string;
  readonly columns: readonly ColumnType[];
  /** Address of a name of the guest; undefined: there is none. */
  readonly symbolOf: (name: string) => number | undefined;
  readonly describe: Describe;
  /** For what is not known: names that are near. */
  readonly suggest: (name: string, names: readonly string[]) => string | undefined;
}

export interface Compiled {
  readonly type: ValueType;
  readonly of: (row: Row) => Value;
}

export type AggregateName = 'count' | 'min' | 'max' | 'sum' | 'avg' | 'first' | 'last';
const AGGREGATES: ReadonlySet<string> = new Set(['count', 'min', 'max', 'sum', 'avg', 'first', 'last']);

export interface Aggregate {
  readonly name: AggregateName;
  /** Null: of count(), which is of rows. */
  readonly operand: Compiled | null;
}

export const FUNCTIONS = ['symbol', 'hex', ...AGGREGATES];

/** What is compiled, and which columns and aggregates it has asked for. */
export class Compiler {
  readonly used = new Set<number>();
  readonly aggregates: Aggregate[] = [];
  private readonly scope: Scope;
  private isInAggregate = false;
  private readonly mayAggregate: boolean;

  /** `mayAggregate`: aggregates are values, behind the columns of the row. */
  constructor(scope: Scope, mayAggregate: boolean) {
    this.scope = scope;
    this.mayAggregate = mayAggregate;
  }

  private fail(at: number, problem: string): never {
    throw new QueryError(this.scope.text, at, problem);
  }

  compile(expression: Expression): Compiled {
    switch (expression.kind) {
      case 'number': {
        const { value } = expression;
        return { type: 'number', of: () => value };
      }
      case 'text': {
        const { value } = expression;
        return { type: 'text', of: () => value };
      }
      case 'name':
        return this.name(expression.name, expression.at);
      case 'call':
        return this.call(expression);
      case 'unary':
        return this.unary(expression);
      case 'binary':
        return this.binary(expression);
      case 'in': {
        const a = this.compile(expression.a);
        const list = expression.list.map((each) => this.equality(a, this.compile(each), expression.at));
        return { type: 'flag', of: (row) => list.some((each) => each(row)) };
      }
    }
  }

  /** The same where a condition is wanted. */
  condition(expression: Expression): (row: Row) => boolean {
    const { of } = this.compile(expression);
    return (row) => isTrue(of(row));
  }

  private name(name: string, at: number): Compiled {
    const { columns, symbolOf, suggest } = this.scope;
    const index = columns.findIndex((column) => column.name === name.toLowerCase());
    if (index >= 0) {
      this.used.add(index);
      return { type: columns[index].type, of: (row) => row[index] };
    }
    if (name.toLowerCase() === 'count' && this.mayAggregate) return this.aggregate('count', [], at);
    if (/^(null|none)$/i.test(name)) return { type: 'any', of: () => null };
    if (/^(true|false)$/i.test(name)) return { type: 'flag', of: () => /^t/i.test(name) };
    const address = symbolOf(name) ?? bareAddress(name);
    if (address !== undefined) return { type: 'address', of: () => address };
    const names = columns.map((column) => column.name);
    const near = suggest(name, names);
    const what = near === undefined ? `the columns are ${names.join(', ')}` : `did you mean ${near}?`;
    const problem =
      names.length === 0
        ? `The guest has no name "${name}" that is known`
        : `"${name}" is no column of this table and no name of the guest: ${what}`;
    throw new UnknownNameError(this.scope.text, at, problem);
  }

  private call({ name, args, at }: Extract<Expression, { kind: 'call' }>): Compiled {
    if (AGGREGATES.has(name)) return this.aggregate(name as AggregateName, args, at);
    const { describe } = this.scope;
    if (name !== 'symbol' && name !== 'hex') {
      return this.fail(at, `There is no function "${name}": there are ${FUNCTIONS.join(', ')}`);
    }
    if (args.length !== 1) this.fail(at, `${name} wants one value`);
    const value = this.numeric(this.compile(args[0]), args[0].at);
    if (name === 'hex') return { type: 'hex', of: value };
    return {
      type: 'text',
      of: (row) => {
        const address = value(row);
        return address === null ? null : describe(address).replace(/\+0x[0-9a-f]+/, '');
      },
    };
  }

  private aggregate(name: AggregateName, args: readonly Expression[], at: number): Compiled {
    if (!this.mayAggregate) this.fail(at, `${name}() is of many rows: it can stand behind select and order by only`);
    if (this.isInAggregate) this.fail(at, 'An aggregate within another says nothing');
    if (args.length > 1 || (args.length === 0 && name !== 'count')) this.fail(at, `${name} wants one value`);
    this.isInAggregate = true;
    const operand = args.length === 0 ? null : this.compile(args[0]);
    this.isInAggregate = false;
    if (operand !== null && (name === 'sum' || name === 'avg')) this.numeric(operand, args[0].at);
    const index = this.scope.columns.length + this.aggregates.push({ name, operand }) - 1;
    const isNumber = name === 'count' || name === 'sum' || name === 'avg' || operand === null;
    return { type: isNumber ? 'number' : operand.type, of: (row) => row[index] };
  }

  private unary({ operator, a, at }: Extract<Expression, { kind: 'unary' }>): Compiled {
    const operand = this.compile(a);
    if (operator === 'not') return { type: 'flag', of: (row) => !isTrue(operand.of(row)) };
    const value = this.numeric(operand, at);
    return {
      type: 'number',
      of: (row) => {
        const number = value(row);
        return number === null ? null : -number;
      },
    };
  }

  private binary({ operator, a: left, b: right, at }: Extract<Expression, { kind: 'binary' }>): Compiled {
    const a = this.compile(left);
    const b = this.compile(right);
    switch (operator) {
      case 'and':
        return { type: 'flag', of: (row) => isTrue(a.of(row)) && isTrue(b.of(row)) };
      case 'or':
        return { type: 'flag', of: (row) => isTrue(a.of(row)) || isTrue(b.of(row)) };
      case '==':
        return { type: 'flag', of: this.equality(a, b, at) };
      case '!=': {
        const isEqual = this.equality(a, b, at);
        return { type: 'flag', of: (row) => !isEqual(row) };
      }
      case '~':
      case '!~': {
        const text = this.textOf(a);
        const part = this.textOf(b);
        const holds = (row: Row): boolean => {
          const wanted = part(row);
          return wanted !== null && text(row)?.includes(wanted) === true;
        };
        return { type: 'flag', of: operator === '~' ? holds : (row) => !holds(row) };
      }
      default:
        return operator in ORDERS ? this.ordering(a, b, operator, at) : this.arithmetic(a, b, operator, at);
    }
  }

  private equality(a: Compiled, b: Compiled, at: number): (row: Row) => boolean {
    // An address is compared with a text by its name.
    if (a.type === 'address' && b.type === 'text') return sameName(this.textOf(a), b.of);
    if (b.type === 'address' && a.type === 'text') return sameName(this.textOf(b), a.of);
    this.checkAlike(a, b, at);
    return (row) => a.of(row) === b.of(row);
  }

  private ordering(a: Compiled, b: Compiled, operator: string, at: number): Compiled {
    this.checkAlike(a, b, at);
    const holds = ORDERS[operator];
    return {
      type: 'flag',
      of: (row) => {
        const [left, right] = [a.of(row), b.of(row)];
        return left !== null && right !== null && holds(compareValues(left, right));
      },
    };
  }

  private arithmetic(a: Compiled, b: Compiled, operator: string, at: number): Compiled {
    const left = this.numeric(a, at);
    const right = this.numeric(b, at);
    const apply = ARITHMETIC[operator];
    const isOfBits = '&|^<<>>'.includes(operator);
    return {
      type: isOfBits ? 'hex' : 'number',
      of: (row) => {
        const [x, y] = [left(row), right(row)];
        return x === null || y === null ? null : apply(x, y);
      },
    };
  }

  private checkAlike(a: Compiled, b: Compiled, at: number): void {
    if (a.type === b.type || a.type === 'any' || b.type === 'any') return;
    if (isNumeric(a.type) && isNumeric(b.type)) return;
    this.fail(at, `A ${kindOf(a.type)} and a ${kindOf(b.type)} cannot be compared`);
  }

  private numeric({ type, of }: Compiled, at: number): (row: Row) => number | null {
    if (!isNumeric(type) && type !== 'any') this.fail(at, `A number is wanted, and this is a ${kindOf(type)}`);
    return (row) => {
      const value = of(row);
      return typeof value === 'number' ? value : null;
    };
  }

  /** What `~` looks into. */
  private textOf({ type, of }: Compiled): (row: Row) => string | null {
    const { describe } = this.scope;
    return (row) => {
      const value = of(row);
      if (value === null) return null;
      return type === 'address' && typeof value === 'number' ? describe(value) : String(value);
    };
  }
}

const kindOf = (type: ValueType): string => (isNumeric(type) ? 'number' : type === 'flag' ? 'condition' : type);

const isTrue = (value: Value): boolean => value !== null && value !== false && value !== 0 && value !== '';

/** `kfree` is `kfree+0x12` too, and `kfree+0x12` only that. */
function sameName(name: (row: Row) => string | null, wanted: (row: Row) => Value): (row: Row) => boolean {
  return (row) => {
    const [found, text] = [name(row), wanted(row)];
    return found === text || (found !== null && found.replace(/\+0x[0-9a-f]+/, '') === text);
  };
}

const bareAddress = (name: string): number | undefined =>
  /^[a-f][0-9a-f]{7}$/i.test(name) ? Number.parseInt(name, 16) : undefined;

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number | null>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? null : a / b),
  '%': (a, b) => (b === 0 ? null : a % b),
  '&': (a, b) => (a & b) >>> 0,
  '|': (a, b) => (a | b) >>> 0,
  '^': (a, b) => (a ^ b) >>> 0,
  '<<': (a, b) => (b > 31 ? 0 : (a << b) >>> 0),
  '>>': (a, b) => (b > 31 ? 0 : (a >>> 0) >>> b),
};
