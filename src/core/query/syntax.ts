/**
 * A query as it was parsed, before anything is known of tables and columns: what parse.ts makes and compile.ts takes.
 * `at` is an offset in the text of the query, for those who have something to say about it.
 */

export type Expression =
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'text'; readonly value: string; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly at: number }
  | { readonly kind: 'unary'; readonly operator: string; readonly a: Expression; readonly at: number }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly a: Expression;
      readonly b: Expression;
      readonly at: number;
    }
  | { readonly kind: 'in'; readonly a: Expression; readonly list: readonly Expression[]; readonly at: number };

/** Of a table: by place, or by name as in `abi=cdecl`. */
export interface Argument {
  readonly name: string | null;
  readonly value: Expression;
}

export interface Item {
  readonly expression: Expression;
  /** How the column is called: what stands behind `as`, or the text of the expression. */
  readonly label: string;
}

export interface Order {
  readonly expression: Expression;
  readonly isDescending: boolean;
}

/** An end of the window: a tick, a part of the run, or a position as people write them. */
export type Bound =
  | { readonly kind: 'tick'; readonly tick: number; readonly at: number }
  | { readonly kind: 'part'; readonly percent: number; readonly at: number }
  | { readonly kind: 'position'; readonly text: string; readonly at: number };

export interface Query {
  readonly text: string;
  readonly table: string;
  readonly tableAt: number;
  readonly args: readonly Argument[];
  readonly from: Bound | null;
  readonly to: Bound | null;
  readonly where: Expression | null;
  /** Null: the table's own columns. */
  readonly select: readonly Item[] | null;
  readonly groupBy: readonly Item[] | null;
  readonly orderBy: readonly Order[];
  /** At most so many rows, the first ones. */
  readonly limit: number | null;
  /** At most so many rows, the last ones. */
  readonly last: number | null;
}
