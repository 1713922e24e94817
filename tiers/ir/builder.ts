// Makes the operations of one block, in order. Lifters speak to it; passes that expand an operation do too.
// It numbers temps and folds nothing: simplifying is the work of tiers/opt.

import type { ValueAttempt, WordAttempt } from './attempts.ts';
import type { Binary, Convert, Exit, LaneShift, Op, Size, Temp, Type, Unary, Vector } from './ir.ts';

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

  insn(index: number, row: number, delta: number, length: number, pc: number): void {
    this.ops.push({ op: 'insn', index, row, delta, length, pc });
  }

  constant(value: number, type: 'i32' | 'i64' = 'i32'): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'const', to, type, value: value | 0 });
    return to;
  }

  get(register: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'get', to, type: 'i32', register });
    return to;
  }

  set(register: number, value: Temp): void {
    this.ops.push({ op: 'set', register, value });
  }

  word(index: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'word', to, type: 'i32', index });
    return to;
  }

  /** A word becomes `value`. */
  put(index: number, value: Temp): void {
    this.ops.push({ op: 'put', index, value });
  }

  spare(): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'spare', to, type: 'i32' });
    return to;
  }

  stamp(half: 'low' | 'high'): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'stamp', to, type: 'i32', half });
    return to;
  }

  unary(how: Unary, a: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'unary', to, type: 'i32', how, a });
    return to;
  }

  binary(how: Binary, a: Temp, b: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'binary', to, type: 'i32', how, a, b });
    return to;
  }

  /** A binary operation with a constant second operand. */
  with(how: Binary, a: Temp, value: number): Temp {
    return this.binary(how, a, this.constant(value));
  }

  select(test: Temp, a: Temp, b: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'select', to, type: 'i32', test, a, b });
    return to;
  }

  quotient(high: Temp, low: Temp, divisor: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'quotient', to, type: 'i32', high, low, divisor });
    return to;
  }

  vector(how: Vector, a: Temp, b: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'vector', to, type: 'v128', how, a, b });
    return to;
  }

  shuffle(a: Temp, b: Temp, lanes: readonly number[]): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'shuffle', to, type: 'v128', a, b, lanes });
    return to;
  }

  laneShift(how: LaneShift, a: Temp, count: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'laneShift', to, type: 'v128', how, a, count });
    return to;
  }

  mask(bits: 8 | 32 | 64, a: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'mask', to, type: 'i32', bits, a });
    return to;
  }

  convert(how: Convert, a: Temp): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'convert', to, type: 'f64', how, a });
    return to;
  }

  load(size: Size, address: Temp, { signed = false, write = false, quiet = false } = {}): Temp {
    const to = this.fresh();
    this.ops.push({
      op: 'load',
      to,
      type: 'i32',
      size,
      signed: signed && size < 2,
      address,
      write,
      checked: false,
      quiet,
    });
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
    this.ops.push({ op: 'condition', to, type: 'i32', code });
    return to;
  }

  carry(): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'carry', to, type: 'i32' });
    return to;
  }

  flags(): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'flags', to, type: 'i32' });
    return to;
  }

  /** `writes`: mask of the general registers that may change. */
  handler(writes: number): void {
    this.ops.push({ op: 'handler', writes });
  }

  assist(row: number): void {
    this.ops.push({ op: 'assist', row });
  }

  peek(index: number, type: Type = 'i32'): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'peek', to, type, index });
    return to;
  }

  poke(index: number, value: Temp, type: Type = 'i32'): void {
    this.ops.push({ op: 'poke', type, index, value });
  }

  fetch(words: 2 | 4, index: number, address: Temp, aligned = false): void {
    this.ops.push({ op: 'fetch', words, index, address, aligned });
  }

  stash(words: 2 | 4, index: number, address: Temp, aligned = false): void {
    this.ops.push({ op: 'stash', words, index, address, aligned });
  }

  attempt(how: WordAttempt, a: number, b: number, assisted = false): void {
    this.ops.push({ op: 'attempt', how, a, b, assisted });
  }

  /** An attempt that gives a value. */
  attemptValue(how: ValueAttempt, a: number, b: number): Temp {
    const to = this.fresh();
    this.ops.push({ op: 'attempt', to, type: 'i32', how, a, b });
    return to;
  }
}
