// Jumps to functions of other modules, from the same page: each has an entry of a table that its module alone has, and
// goes through it without asking anybody. An entry leads to `jump`, which looks the place up, until there is a function
// for it, and again when that is gone. A page is left by `jump` alone, so mappings do not matter here. Derived state.

/** One jump. */
export interface Link {
  readonly table: WebAssembly.Table;
  readonly entry: number;
  /** Names host address and mode of the place. */
  readonly key: number;
}

export class Links {
  private readonly jump: unknown;
  private readonly functions = new Map<number, unknown>();
  private readonly links = new Map<number, Set<Link>>();

  constructor(jump: unknown) {
    this.jump = jump;
  }

  /** A jump that may be taken from now on; its entry leads to `jump`. */
  add(link: Link): void {
    const { table, entry, key } = link;
    const others = this.links.get(key);
    if (others === undefined) this.links.set(key, new Set([link]));
    else others.add(link);
    const code = this.functions.get(key);
    if (code !== undefined) table.set(entry, code);
  }

  /** A jump that is taken by nobody any more but, once, by a function that has not come to its end. */
  remove(link: Link): void {
    const others = this.links.get(link.key);
    others?.delete(link);
    if (others?.size === 0) this.links.delete(link.key);
    link.table.set(link.entry, this.jump);
  }

  /** There is a function for the place. */
  open(key: number, code: unknown): void {
    this.functions.set(key, code);
    for (const { table, entry } of this.links.get(key) ?? []) table.set(entry, code);
  }

  /** The function is gone. */
  close(key: number, code: unknown): void {
    if (this.functions.get(key) !== code) return;
    this.functions.delete(key);
    for (const { table, entry } of this.links.get(key) ?? []) table.set(entry, this.jump);
  }
}
