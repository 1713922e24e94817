// Makes the operations of one block, in order. Lifters speak to it; passes that expand an operation do too.
// It numbers temps and folds nothing: simplifying is the work of tiers/opt.

import type { Binary, Exit, Op, Size, Temp, Unary, WideName } from './ir.ts';

export class Builder {
  readonly ops: Op[] = [];
  temps = 0;
  exit: Exit | null = null;

  constructor(firstTemp = 0) {
    this.temps = firstTemp;
  }

  private fresh(): Temp {
    return this.temps++;
  }

  insn(index: number, delta: number, length: number, pc: number): void {
    this.ops.push({ op: 'insn', index, delta, length, pc });
  }

  constant(value: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'const', to, value: value | 0 });
    return to;
  }

  get(register: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'get', to, register });
    return to;
  }

  set(register: number, value: Temp): void {
    this.ops.push({ op: 'set', register, value });
  }

  word(index: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'word', to, index });
    return to;
  }

  unary(how: Unary, a: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'unary', to, how, a });
    return to;
  }

  binary(how: Binary, a: Temp, b: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'binary', to, how, a, b });
    return to;
  }

  /** A binary operation with a constant second operand. */
  with(how: Binary, a: Temp, value: number): Temp {
    return this.binary(how, a, this.constant(value));
  }

  select(test: Temp, a: Temp, b: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'select', to, test, a, b });
    return to;
  }

  load(size: Size, address: Temp, write = false): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'load', to, size, address, write, checked: false });
    return to;
  }

  store(size: Size, address: Temp, value: Temp, checked = false): void {
    this.ops.push({ op: 'store', size, address, value, checked });
  }

  guard(test: Temp): void {
    this.ops.push({ op: 'guard', test });
  }

  cc(kind: number, result: Temp, source: Temp, left: Temp = -1, carryIn: Temp = -1): void {
    this.ops.push({ op: 'cc', kind, result, source, left, carryIn });
  }

  bits(value: Temp): void {
    this.ops.push({ op: 'bits', value });
  }

  condition(code: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'condition', to, code });
    return to;
  }

  carry(): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'carry', to });
    return to;
  }

  flags(): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'flags', to });
    return to;
  }

  handler(writes = true): void {
    this.ops.push({ op: 'handler', writes });
  }

  assist(row: number): void {
    this.ops.push({ op: 'assist', row });
  }

  peek(index: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'peek', to, index });
    return to;
  }

  poke(index: number, value: Temp): void {
    this.ops.push({ op: 'poke', index, value });
  }

  fetch(words: 2 | 4, index: number, address: Temp, aligned = false): void {
    this.ops.push({ op: 'fetch', words, index, address, aligned });
  }

  stash(words: 2 | 4, index: number, address: Temp, aligned = false): void {
    this.ops.push({ op: 'stash', words, index, address, aligned });
  }

  attempt(how: WideName, a: number, b: number): void {
    this.ops.push({ op: 'attempt', how, a, b });
  }
}
