// The temps of one block on WebAssembly's stack machine. A temp that is used once is computed where it is used; others
// live in locals, which are used again after the last use. A temp that is what a register holds is read from the
// register's parameter until that is overwritten. Constants are pushed wherever they are read.

import { type Binary, type Block, exitUse, isPure, type Op, type Temp, type Type, usesOf } from '../ir/ir.ts';
import { PARAMETERS } from './convention.ts';
import { type Body, F32, F64, I32, I64, V, V128, type ValueType, W } from './encode.ts';
import { pushVector } from './vectors.ts';

const SIMPLE: Readonly<Partial<Record<Binary, number>>> = {
  add: W.i32_add,
  sub: W.i32_sub,
  mul: W.i32_mul,
  divu: W.i32_div_u,
  remu: W.i32_rem_u,
  divs: W.i32_div_s,
  rems: W.i32_rem_s,
  and: W.i32_and,
  or: W.i32_or,
  xor: W.i32_xor,
  shl: W.i32_shl,
  shr: W.i32_shr_u,
  sar: W.i32_shr_s,
  eq: W.i32_eq,
  ne: W.i32_ne,
  lt: W.i32_lt_s,
  le: W.i32_le_s,
  ltu: W.i32_lt_u,
  leu: W.i32_le_u,
};

const MASKS = { 8: V.i8x16_bitmask, 32: V.i32x4_bitmask, 64: V.i64x2_bitmask } as const;

const VALUE_TYPES: Readonly<Record<Type, ValueType>> = { i32: I32, i64: I64, f32: F32, f64: F64, v128: V128 };

/** Where a temp is. */
const UNKNOWN = -1;
/** Nowhere yet: its one use computes it. */
const DEFERRED = -2;

/** A local that holds what is read more than once. `isOwn`: it was taken for that, and is given back. */
export interface Held {
  readonly local: number;
  readonly isOwn: boolean;
}

export class Values {
  readonly body: Body;
  private readonly free: Readonly<Record<Type, number[]>> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private defs: (Op | undefined)[] = [];
  /** Uses that have not been emitted yet. */
  remaining = new Int32Array(0);
  /** Local of a temp, or UNKNOWN or DEFERRED. */
  private where = new Int32Array(0);
  /** By parameter: temps that are read from it. */
  private readonly aliases: readonly Set<Temp>[] = Array.from({ length: PARAMETERS }, () => new Set());

  constructor(body: Body) {
    this.body = body;
  }

  /** A block begins: no temp of another is read any more. */
  begin(block: Block): void {
    this.defs = new Array(block.temps);
    this.remaining = new Int32Array(block.temps);
    this.where = new Int32Array(block.temps).fill(UNKNOWN);
    for (const temps of this.aliases) if (temps.size !== 0) temps.clear();
    for (const op of block.ops) {
      for (const temp of usesOf(op)) this.remaining[temp]++;
      if ('to' in op) this.defs[op.to] = op;
    }
    const use = exitUse(block.exit);
    if (use >= 0) this.remaining[use]++;
  }

  takeLocal(type: Type = 'i32'): number {
    return this.free[type].pop() ?? this.body.local(VALUE_TYPES[type]);
  }

  giveLocal(local: number, type: Type = 'i32'): void {
    this.free[type].push(local);
  }

  private typeOf(temp: Temp): Type {
    const op = this.defs[temp];
    return op !== undefined && 'type' in op ? op.type : 'i32';
  }

  /** The temp is what a parameter holds now. */
  alias(temp: Temp, parameter: number): void {
    if (this.remaining[temp] === 0) return;
    this.where[temp] = parameter;
    this.aliases[parameter].add(temp);
  }

  /** A pure operation: where it is used, if that is once, otherwise here. */
  compute(op: Op & { readonly to: Temp }): void {
    if (this.remaining[op.to] === 0) this.forget(op);
    else if (this.remaining[op.to] === 1 && isPure(op)) this.where[op.to] = DEFERRED;
    else {
      this.expression(op);
      this.define(op.to);
    }
  }

  /** One use less of a temp: its local is free after the last. */
  used(temp: Temp): void {
    if (--this.remaining[temp] > 0) return;
    const at = this.where[temp];
    if (at < 0) return;
    if (at < PARAMETERS) this.aliases[at].delete(temp);
    else this.giveLocal(at, this.typeOf(temp));
  }

  /** Push a temp: one use of it. */
  value(temp: Temp): void {
    const op = this.defs[temp];
    if (op === undefined) throw new Error(`t${temp} is read before it is defined`);
    if (op.op === 'const') {
      if (op.type === 'i64') this.body.i64(BigInt(op.value));
      else this.body.i32(op.value);
      this.used(temp);
      return;
    }
    const at = this.where[temp];
    if (at === UNKNOWN) throw new Error(`t${temp} is nowhere`);
    if (at === DEFERRED) this.expression(op);
    else this.body.get(at);
    this.used(temp);
  }

  /** A temp that can be pushed as often as is wanted; with `used` afterwards it is one use of it. */
  held(temp: Temp): () => void {
    const op = this.defs[temp];
    if (op?.op === 'const') return () => this.body.i32(op.value);
    if (this.where[temp] === DEFERRED && op !== undefined) {
      this.expression(op);
      const local = this.takeLocal(this.typeOf(temp));
      this.body.set(local);
      this.where[temp] = local;
    }
    const at = this.where[temp];
    if (at < 0) throw new Error(`t${temp} is nowhere`);
    return () => this.body.get(at);
  }

  /** What is on the stack becomes the value of a temp. */
  define(temp: Temp): void {
    if (this.remaining[temp] === 0) {
      this.body.op(W.drop);
      return;
    }
    const local = this.takeLocal(this.typeOf(temp));
    this.body.set(local);
    this.where[temp] = local;
  }

  /** A local that holds a temp's value, for code that reads it more than once; freed with the temp's last use. */
  localOf(temp: Temp): Held {
    const at = this.where[temp];
    if (at >= 0) return { local: at, isOwn: false };
    this.value(temp);
    const local = this.takeLocal();
    this.body.set(local);
    return { local, isOwn: true };
  }

  doneWith(temp: Temp, held: Held): void {
    if (held.isOwn) this.giveLocal(held.local);
    else this.used(temp);
  }

  private expression(op: Op): void {
    const { body } = this;
    switch (op.op) {
      case 'unary':
        this.value(op.a);
        if (op.how === 'sext8') body.op(W.i32_extend8_s);
        else if (op.how === 'sext16') body.op(W.i32_extend16_s);
        else if (op.how === 'clz') body.op(W.i32_clz);
        else {
          body.i32(0xff);
          body.op(W.i32_and);
          body.op(W.i32_popcnt);
          body.i32(-1);
          body.op(W.i32_xor);
          body.i32(1);
          body.op(W.i32_and);
          body.i32(2);
          body.op(W.i32_shl);
        }
        return;
      case 'binary':
        if (op.how === 'mulhu' || op.how === 'mulhs') {
          const extend = op.how === 'mulhu' ? W.i64_extend_i32_u : W.i64_extend_i32_s;
          this.value(op.a);
          body.op(extend);
          this.value(op.b);
          body.op(extend);
          body.op(W.i64_mul);
          body.i64(32n);
          body.op(W.i64_shr_u);
          body.op(W.i32_wrap_i64);
          return;
        }
        if (this.isZero(op.b) && (op.how === 'eq' || op.how === 'ne')) {
          this.value(op.a);
          this.used(op.b);
          if (op.how === 'eq') body.op(W.i32_eqz);
          else {
            body.i32(0);
            body.op(W.i32_ne);
          }
          return;
        }
        this.value(op.a);
        this.value(op.b);
        body.op(SIMPLE[op.how] as number);
        return;
      case 'select':
        this.value(op.a);
        this.value(op.b);
        this.value(op.test);
        body.op(W.select);
        return;
      case 'quotient':
        this.value(op.high);
        body.op(W.i64_extend_i32_u);
        body.i64(32n);
        body.op(W.i64_shl);
        this.value(op.low);
        body.op(W.i64_extend_i32_u);
        body.op(W.i64_or);
        this.value(op.divisor);
        body.op(W.i64_extend_i32_u);
        body.op(W.i64_div_u);
        body.op(W.i32_wrap_i64);
        return;
      case 'vector':
      case 'shuffle':
      case 'laneShift':
        pushVector(body, this, op);
        return;
      case 'mask':
        this.value(op.a);
        body.vector(MASKS[op.bits]);
        return;
      case 'convert':
        this.value(op.a);
        body.op(op.how === 'fromInt32' ? W.f64_convert_i32_s : W.f64_promote_f32);
        return;
      default:
        throw new Error(`${op.op} is no expression`);
    }
  }

  private isZero(temp: Temp): boolean {
    const op = this.defs[temp];
    return op?.op === 'const' && op.value === 0;
  }

  /** Push whether a temp is not 0, as an i32 that need not be 1. */
  test(temp: Temp): void {
    const op = this.defs[temp];
    if (op?.op === 'binary' && op.how === 'ne' && this.where[temp] === DEFERRED && this.isZero(op.b)) {
      this.value(op.a);
      this.used(op.b);
      this.used(temp);
      return;
    }
    this.value(temp);
  }

  /** A register's parameter is about to be overwritten: temps that are read from it move. */
  release(parameter: number): void {
    for (const temp of this.aliases[parameter]) {
      const local = this.takeLocal();
      this.body.get(parameter);
      this.body.set(local);
      this.where[temp] = local;
    }
    this.aliases[parameter].clear();
  }

  /** A use that nobody makes. */
  skip(temp: Temp): void {
    const op = this.defs[temp];
    if (this.where[temp] === DEFERRED && op !== undefined) this.forget(op);
    this.used(temp);
  }

  private forget(op: Op): void {
    for (const temp of usesOf(op)) this.skip(temp);
  }
}
