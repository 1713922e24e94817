/**
 * What stands between the parentheses of a table: numbers, names of the guest, texts, words; by their place, or by
 * name.
 * Everything is known before anything runs.
 */
import { Compiler, type Scope } from './compile.ts';
import type { CurrentTask } from './current-task.ts';
import { QueryError, UnknownNameError } from './query-error.ts';
import type { Argument, Expression, Query } from './syntax.ts';

/** What the host knows of the guest. */
export interface GuestView {
  readonly symbolOf: (name: string) => number | undefined;
  /** All names, for patterns. */
  readonly names: () => Iterable<string>;
  /** Of a name without an address: what else is known of it, as the end of a sentence; '': nothing. */
  readonly remarkOn: (name: string) => string;
  /** Where a linear address leads at the moment at which the query is planned; null: nowhere. */
  readonly physicalOf: (linear: number) => number | null;
  /** How its functions take their arguments, as far as that is known: kernel addresses of a Linux by registers. */
  readonly passesInRegisters: (address: number) => boolean;
  /** Of a Linux: where it says which task runs; null: not known. */
  readonly currentTask: CurrentTask | null;
  /** Of a Linux: how tasks are switched. */
  readonly tasks: { readonly switchTo: number; readonly nameOffset: number } | null;
}

const PATTERN_NAMES_MAX = 256;

export class TableArguments {
  readonly guest: GuestView;
  private readonly query: Query;
  private readonly scope: Scope;
  private readonly taken = new Set<Argument>();

  constructor(query: Query, scope: Scope, guest: GuestView) {
    this.query = query;
    this.scope = { ...scope, columns: [] };
    this.guest = guest;
  }

  private get text(): string {
    return this.query.text;
  }

  fail(at: number, problem: string): never {
    throw new QueryError(this.text, at, problem);
  }

  private find(index: number, name: string): Argument | undefined {
    const named = this.query.args.find((argument) => argument.name === name);
    const placed = index < 0 ? undefined : this.query.args.filter((argument) => argument.name === null)[index];
    if (named !== undefined && placed !== undefined) this.fail(named.value.at, `${name} is given twice`);
    const found = named ?? placed;
    if (found !== undefined) this.taken.add(found);
    return found;
  }

  /** The rest, by place. */
  rest(from: number): readonly Expression[] {
    const placed = this.query.args.filter(({ name }) => name === null).slice(from);
    for (const argument of placed) this.taken.add(argument);
    return placed.map(({ value }) => value);
  }

  /** Undefined: it is not given. */
  number(index: number, name: string, range: readonly [number, number]): number | undefined {
    const found = this.find(index, name);
    if (found === undefined) return undefined;
    const value = this.value(found.value);
    if (!Number.isInteger(value) || value < range[0] || value > range[1]) {
      this.fail(found.value.at, `${name} is a whole number from ${range[0]} to ${range[1]}`);
    }
    return value;
  }

  /** A word such as cdecl, in quotes or not. */
  word(index: number, name: string, choices: readonly string[]): string | undefined {
    const found = this.find(index, name);
    if (found === undefined) return undefined;
    const { value } = found;
    const word = value.kind === 'name' ? value.name : value.kind === 'text' ? value.value : '';
    if (choices.includes(word.toLowerCase())) return word.toLowerCase();
    return this.fail(value.at, `${name} is one of ${choices.join(', ')}`);
  }

  /** Physical address; a linear one is followed through the page tables of the moment. */
  physical(index: number, name: string): number {
    const found = this.find(index, name);
    if (found === undefined) this.missing(name);
    const { value } = found;
    if (value.kind === 'call' && value.name === 'physical' && value.args.length === 1) return this.value(value.args[0]);
    const linear = this.addressOf(value);
    const physical = this.guest.physicalOf(linear);
    if (physical !== null) return physical;
    return this.fail(
      value.at,
      `No memory is mapped at 0x${linear.toString(16)} where the query begins to look: give from TICK, or ` +
        'physical(ADDRESS)',
    );
  }

  missing(name: string): never {
    const { tableAt, table } = this.query;
    return this.fail(tableAt + table.length + 1, `${table}(…) wants ${name}`);
  }

  /** Linear address of a name, a text that is one, or a number. */
  addressOf(expression: Expression): number {
    if (expression.kind !== 'text') return this.value(expression) >>> 0;
    const address = this.guest.symbolOf(expression.value);
    if (address !== undefined) return address;
    const remark = this.guest.remarkOn(expression.value);
    const problem = `The guest has no name "${expression.value}" that is known${remark}`;
    throw new UnknownNameError(this.text, expression.at, problem);
  }

  /** Linear addresses of a name, of all names of a pattern such as "vfs_*", or of a number. */
  addressesOf(expression: Expression): number[] {
    if (expression.kind !== 'text' || !/[*?]/.test(expression.value)) return [this.addressOf(expression)];
    const pattern = new RegExp(
      `^${expression.value
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    );
    const addresses = new Set<number>();
    for (const name of this.guest.names()) {
      const address = pattern.test(name) ? this.guest.symbolOf(name) : undefined;
      if (address !== undefined) addresses.add(address);
      if (addresses.size > PATTERN_NAMES_MAX) {
        this.fail(expression.at, `More than ${PATTERN_NAMES_MAX} names are like this: be more precise`);
      }
    }
    if (addresses.size > 0) return [...addresses];
    throw new UnknownNameError(this.text, expression.at, `The guest has no name like "${expression.value}"`);
  }

  value(expression: Expression): number {
    const { type, of } = new Compiler(this.scope, false).compile(expression);
    const value = of([]);
    if (typeof value === 'number') return value;
    return this.fail(expression.at, `A number or a name of the guest is wanted, and this is a ${type}`);
  }

  /** What nobody has asked for is one too many. */
  finish(usage: string): void {
    const extra = this.query.args.find((argument) => !this.taken.has(argument));
    if (extra !== undefined) this.fail(extra.value.at, `This is one too many: ${usage}`);
  }
}
