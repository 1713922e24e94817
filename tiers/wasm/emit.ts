// IR → the body of a WebAssembly function. Guest registers, the budget and the lazy flags are its parameters;
// whatever leaves the function is a tail call that hands them on (convention.ts). Slow paths and budget exits set
// two locals and break to one piece of code at the end of the function, which hands over to the runtime's `out`.
// Code with a limit asks first whether it lies inside (ir/reach.ts). values.ts says where temps are.

import {
  ARITHMETIC_FLAGS,
  CC_DST,
  CC_OP,
  CC_SRC,
  CS,
  EFLAGS,
  EIP,
  LEFT,
  MODE_CPL3,
  MODE_FLAT_CODE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import {
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
} from '../../src/core/memory/tlb.ts';
import { BASE, type Block, type IrFunction, type Op, type Temp } from '../ir/ir.ts';
import { reachOf } from '../ir/reach.ts';
import { returnPoints, type Structure, structure } from '../ir/structure.ts';
import * as convention from './convention.ts';
import { Body, V, W } from './encode.ts';
import { testInPlace } from './floats.ts';
import { pushStamp } from './time-stamp.ts';
import { type Held, Values } from './values.ts';

const { P_CC_DST, P_CC_OP, P_CC_SRC, P_EIP, P_LEFT, P_REGISTERS, PARAMETERS } = convention;

/** Where a jump that leaves the function goes. */
export type Link =
  /** A function of the same module, for a place of the same page. */
  | { readonly to: 'function'; readonly index: number }
  /** A place of the same page, in another module if there is a function for it: through the module's table. */
  | { readonly to: 'entry'; readonly entry: number }
  /** Another page: found by the jump cache when it is taken. */
  | { readonly to: 'lookup' };

/** What the body is emitted into. */
export interface Context {
  /** Number of a function that the module imports. */
  readonly helper: (name: string) => number;
  /** By place relative to the function's entry. */
  readonly link: (delta: number) => Link;
  /** Number of the type of functions. */
  readonly codeType: number;
  /** Byte addresses in the memory. */
  readonly tlbBase: number;
  readonly sharedBase: number;
}

/** Helper that answers a condition from the lazy flags, by half the condition's number. */
export const CONDITION_HELPERS = ['ifO', 'ifB', 'ifE', 'ifBe', 'ifS', 'ifP', 'ifL', 'ifLe'] as const;

const LOADS = [W.i32_load8_u, W.i32_load16_u, W.i32_load];
const LOADS_SIGNED = [W.i32_load8_s, W.i32_load16_s, W.i32_load];
const PEEKS = { i32: W.i32_load, i64: W.i64_load, f32: W.f32_load, f64: W.f64_load } as const;
const POKES = { i32: W.i32_store, i64: W.i64_store, f32: W.f32_store, f64: W.f64_store } as const;

/** `place` packs where in the function and how many ticks to give back. */
const PLACE_SHIFT = 8;

/** Of a store: what pushes its value, and the label of the block that ends behind it. */
interface Stored {
  readonly push: () => void;
  readonly done: number;
}

class Emitter {
  readonly body = new Body(PARAMETERS);
  private readonly values = new Values(this.body);
  private readonly fn: IrFunction;
  private readonly context: Context;
  private readonly shape: Structure;
  private readonly returns: readonly number[];
  private readonly pc: number;
  private readonly place: number;
  private exitDepth = 0;
  /** Depth of the label of a loop, and of the block that ends where a merge begins, by block. */
  private readonly loops: number[] = [];
  private readonly merges: number[] = [];
  private readonly deny: readonly [read: number, write: number];

  // Of the block in hand.
  private hosts = new Map<Temp, number>();
  private shared = new Set<Temp>();
  private addressesIn = new Map<number, number>();
  private block!: Block;
  private insn: Extract<Op, { op: 'insn' }> | null = null;

  constructor(fn: IrFunction, context: Context) {
    this.fn = fn;
    this.context = context;
    this.returns = returnPoints(fn);
    this.shape = structure(fn, (index) => (fn.blocks[index].exit.exit === 'indirect' ? this.returns : []));
    this.pc = this.body.local();
    this.place = this.body.local();
    const user = (fn.mode & MODE_CPL3) !== 0;
    this.deny = user ? [TLB_NO_USER_READ, TLB_NO_USER_WRITE] : [TLB_NO_SUPER_READ, TLB_NO_SUPER_WRITE];
  }

  emit(): Body {
    const { body, context } = this;
    this.exitDepth = body.open(W.block);
    this.requireReach();
    this.tree(0);
    body.end();
    // The way out: what the handler has to do, if anything, then EIP and ticks as they are there.
    body.i32(0);
    body.get(this.pc);
    body.memory(W.i32_store, 2, context.sharedBase + convention.SHARED_PC);
    body.get(P_EIP);
    body.get(this.place);
    body.i32(PLACE_SHIFT);
    body.op(W.i32_shr_s);
    body.op(W.i32_add);
    body.get(P_LEFT);
    body.get(this.place);
    body.i32((1 << PLACE_SHIFT) - 1);
    body.op(W.i32_and);
    body.op(W.i32_add);
    this.pushState();
    body.call(W.return_call, context.helper('out'));
    return body;
  }

  private requireReach(): void {
    const { body } = this;
    const reach = reachOf(this.fn);
    if (reach === null) return;
    this.at(reach.lowest);
    body.i32(reach.latest | 0);
    body.op(W.i32_gt_u);
    this.at(reach.highest);
    body.i32(0);
    body.memory(W.i32_load, 2, 4 * (SEG_LIMIT + CS));
    body.op(W.i32_gt_u);
    body.op(W.i32_or);
    body.hintUnlikely();
    body.open(W.if);
    this.breakOut(0, 0);
    body.end();
  }

  /** What looks up EIP when it is taken. */
  private lookUp(): number {
    return this.context.helper((this.fn.mode & MODE_FLAT_CODE) !== 0 ? 'jump' : 'jumpInSegment');
  }

  private pushState(): void {
    for (let k = P_REGISTERS; k < PARAMETERS; k++) this.body.get(k);
  }

  private begin(block: Block): void {
    this.block = block;
    this.insn = null;
    this.values.begin(block);
    this.hosts.clear();
    this.shared.clear();
    this.addressesIn.clear();
    const addresses = new Set<Temp>();
    let instruction = -1;
    for (const op of block.ops) {
      if (op.op === 'insn') {
        instruction = op.index;
        addresses.clear();
      } else if (op.op === 'load' || op.op === 'store' || op.op === 'fetch' || op.op === 'stash') {
        // Page tables are not read where an address is not the instruction's.
        if (op.op === 'load' && op.quiet) addresses.add(-1).add(-2);
        this.addressesIn.set(instruction, addresses.add(op.address).size);
        if ((op.op === 'load' || op.op === 'store') && op.checked) this.shared.add(op.address);
      }
    }
  }

  // Ways out

  private inside(): Extract<Op, { op: 'insn' }> {
    if (this.insn === null) throw new Error('an operation outside any instruction');
    return this.insn;
  }

  /** The handler does the instruction in hand, and the function is left. */
  private slow(): void {
    const { body } = this;
    const { pc, delta, index } = this.inside();
    body.i32(pc);
    body.set(this.pc);
    this.breakOut(delta, this.block.count - index);
  }

  private breakOut(delta: number, back: number): void {
    this.body.i32((delta << PLACE_SHIFT) | back);
    this.body.set(this.place);
    this.body.branch(W.br, this.exitDepth);
  }

  /** Push the EIP of a place of the function. */
  private at(delta: number): void {
    this.body.get(P_EIP);
    if (delta === 0) return;
    this.body.i32(delta);
    this.body.op(W.i32_add);
  }

  private leaveTo(delta: number): void {
    const { body, context } = this;
    const link = context.link(delta);
    this.at(delta);
    body.get(P_LEFT);
    this.pushState();
    if (link.to === 'entry') {
      body.i32(link.entry);
      body.callIndirect(W.return_call_indirect, context.codeType);
    } else body.call(W.return_call, link.to === 'function' ? link.index : this.lookUp());
  }

  // Memory

  /**
   * Push nothing; gives the local that holds the host address of a plain access, which has been made sure of. `own`:
   * the local is to be given back. `stored`: of a store whose place nobody else asks for.
   */
  private locate(
    address: Temp,
    deny: number,
    size: number,
    isAligned: boolean,
    keep: boolean,
    stored: Stored | null = null,
  ): Held {
    const { body, context } = this;
    const held = this.values.localOf(address);
    const host = this.values.takeLocal();
    this.pushEntry(held.local);
    body.tee(host);
    body.i32(deny);
    body.op(W.i32_and);
    if (size > 0) {
      body.get(held.local);
      body.i32((1 << size) - 1);
      body.op(W.i32_and);
      body.op(W.i32_or);
    }
    body.hintUnlikely();
    body.open(W.if);
    body.get(held.local);
    let how = deny | (size << convention.MISS_SIZE_SHIFT);
    if (this.addressesIn.get(this.inside().index) === 1) how |= convention.MISS_WALK;
    if (isAligned) how |= convention.MISS_ALIGNED;
    body.i32(how);
    stored?.push();
    body.call(W.call, context.helper(stored === null ? 'miss' : 'storeMiss'));
    body.tee(host);
    body.i32(convention.MISS_NONE);
    body.op(W.i32_and);
    body.hintUnlikely();
    body.open(W.if);
    this.slow();
    body.end();
    if (stored !== null) {
      body.get(host);
      body.i32(convention.MISS_STORED);
      body.op(W.i32_and);
      body.branch(W.br_if, stored.done);
    }
    body.end();
    body.get(host);
    body.i32(-4096);
    body.op(W.i32_and);
    body.get(held.local);
    body.op(W.i32_add);
    body.set(host);
    this.values.doneWith(address, held);
    if (keep) this.keep(address, host);
    return { local: host, isOwn: !keep };
  }

  /** Later accesses to the address find its host address. */
  private keep(address: Temp, host: number): void {
    const before = this.hosts.get(address);
    if (before !== undefined) this.values.giveLocal(before);
    this.hosts.set(address, host);
  }

  private pushEntry(address: number): void {
    const { body, context } = this;
    body.get(address);
    body.i32(12);
    body.op(W.i32_shr_u);
    body.i32(2);
    body.op(W.i32_shl);
    body.memory(W.i32_load, 2, context.tlbBase);
  }

  /** As locate, for a load or store, which may be known to be plain. */
  private place32(op: Extract<Op, { op: 'load' | 'store' }>): Held {
    const { body } = this;
    const known = this.hosts.get(op.address);
    if (op.checked && known !== undefined) {
      this.values.used(op.address);
      return { local: known, isOwn: false };
    }
    if (op.checked) {
      const held = this.values.localOf(op.address);
      const host = this.values.takeLocal();
      this.pushEntry(held.local);
      body.i32(-4096);
      body.op(W.i32_and);
      body.get(held.local);
      body.op(W.i32_add);
      body.set(host);
      this.values.doneWith(op.address, held);
      this.keep(op.address, host);
      return { local: host, isOwn: false };
    }
    let deny = 0;
    if (op.op === 'load') deny |= this.deny[0];
    if (op.op === 'store' || op.write) deny |= this.deny[1];
    return this.locate(op.address, deny, op.size, false, this.shared.has(op.address));
  }

  private load(op: Extract<Op, { op: 'load' }>): void {
    const { body } = this;
    const host = this.place32(op);
    if (this.values.remaining[op.to] > 0) {
      body.get(host.local);
      body.memory((op.signed ? LOADS_SIGNED : LOADS)[op.size], 0, 0);
      this.values.define(op.to);
    }
    if (host.isOwn) this.values.giveLocal(host.local);
  }

  private store(op: Extract<Op, { op: 'store' }>): void {
    const { body, values } = this;
    const isAlone = !op.checked && !this.shared.has(op.address);
    const push = values.held(op.value);
    const done = isAlone ? body.open(W.block) : 0;
    const host = isAlone
      ? this.locate(op.address, this.deny[1], op.size, false, false, { push, done })
      : this.place32(op);
    body.get(host.local);
    push();
    body.memory([W.i32_store8, W.i32_store16, W.i32_store][op.size], 0, 0);
    if (isAlone) body.end();
    values.used(op.value);
    if (host.isOwn) values.giveLocal(host.local);
  }

  /** Words between memory and the CPU block. */
  private transfer(op: Extract<Op, { op: 'fetch' | 'stash' }>): void {
    const { body } = this;
    const isFetch = op.op === 'fetch';
    const host = this.locate(op.address, this.deny[isFetch ? 0 : 1], op.words === 2 ? 3 : 4, op.aligned, false);
    const there = (): void => body.get(host.local);
    const here = (): void => body.i32(0);
    const [to, toOffset, from, fromOffset] = isFetch ? [here, 4 * op.index, there, 0] : [there, 0, here, 4 * op.index];
    to();
    from();
    if (op.words === 2) {
      body.memory(W.i64_load, 0, fromOffset);
      body.memory(W.i64_store, 0, toOffset);
    } else {
      body.vectorMemory(V.v128_load, 0, fromOffset);
      body.vectorMemory(V.v128_store, 0, toOffset);
    }
    this.values.giveLocal(host.local);
  }

  // Operations

  private operation(op: Op): void {
    const { body, context } = this;
    switch (op.op) {
      case 'insn':
        this.insn = op;
        break;
      case 'const':
        break;
      case 'get':
        this.values.alias(op.to, op.register === BASE ? P_EIP : P_REGISTERS + op.register);
        break;
      case 'set': {
        const parameter = P_REGISTERS + op.register;
        this.values.value(op.value);
        this.values.release(parameter);
        body.set(parameter);
        break;
      }
      case 'word':
      case 'peek':
        if (this.values.remaining[op.to] === 0) break;
        body.i32(0);
        if (op.type === 'v128') body.vectorMemory(V.v128_load, 2, 4 * op.index);
        else body.memory(PEEKS[op.type], 2, 4 * op.index);
        this.values.define(op.to);
        break;
      case 'poke':
        body.i32(0);
        this.values.value(op.value);
        if (op.type === 'v128') body.vectorMemory(V.v128_store, 2, 4 * op.index);
        else body.memory(POKES[op.type], 2, 4 * op.index);
        break;
      case 'spare':
        if (this.values.remaining[op.to] === 0) break;
        body.get(P_LEFT);
        this.values.define(op.to);
        break;
      case 'stamp':
        if (this.values.remaining[op.to] === 0) break;
        pushStamp(body, this.block.count - this.inside().index, op.half);
        this.values.define(op.to);
        break;
      case 'put':
        body.i32(0);
        if (op.index === EFLAGS) {
          body.i32(0);
          body.memory(W.i32_load, 2, 4 * EFLAGS);
          body.i32(ARITHMETIC_FLAGS);
          body.op(W.i32_and);
        }
        this.values.value(op.value);
        if (op.index === EFLAGS) {
          body.i32(~ARITHMETIC_FLAGS);
          body.op(W.i32_and);
          body.op(W.i32_or);
        }
        body.memory(W.i32_store, 2, 4 * op.index);
        break;
      case 'load':
        this.load(op);
        break;
      case 'store':
        this.store(op);
        break;
      case 'fetch':
      case 'stash':
        this.transfer(op);
        break;
      case 'guard':
        this.values.test(op.test);
        body.hintUnlikely();
        body.open(W.if);
        this.slow();
        body.end();
        break;
      case 'cc':
        body.i32(op.kind);
        if (op.carryIn >= 0) {
          this.values.value(op.carryIn);
          body.i32(3);
          body.op(W.i32_mul);
          body.op(W.i32_add);
        }
        this.values.value(op.result);
        this.values.value(op.source);
        // It helps conditions alone.
        if (op.left >= 0) this.values.skip(op.left);
        body.set(P_CC_SRC);
        body.set(P_CC_DST);
        body.set(P_CC_OP);
        break;
      case 'bits':
        body.i32(0);
        body.i32(0);
        body.memory(W.i32_load, 2, 4 * EFLAGS);
        body.i32(~ARITHMETIC_FLAGS);
        body.op(W.i32_and);
        this.values.value(op.value);
        body.op(W.i32_or);
        body.memory(W.i32_store, 2, 4 * EFLAGS);
        body.i32(0);
        body.set(P_CC_OP);
        break;
      case 'condition':
      case 'carry':
      case 'flags':
        if (this.values.remaining[op.to] === 0) break;
        for (const parameter of [P_CC_OP, P_CC_DST, P_CC_SRC]) body.get(parameter);
        if (op.op === 'condition') {
          body.call(W.call, context.helper(CONDITION_HELPERS[op.code >> 1]));
          if ((op.code & 1) !== 0) {
            body.i32(1);
            body.op(W.i32_xor);
          }
        } else body.call(W.call, context.helper(op.op));
        this.values.define(op.to);
        break;
      case 'attempt':
        this.attempt(op);
        break;
      case 'assist':
        this.assist(op.row);
        break;
      case 'handler':
        this.handler(op.writes);
        break;
      default:
        this.values.compute(op);
    }
  }

  /** In place where that can be (floats.ts), and by its function where not all is plain. */
  private attempt(op: Extract<Op, { op: 'attempt' }>): void {
    const { body, values } = this;
    const inPlace = testInPlace(body, values, op.how, op.a, op.b);
    const given = 'to' in op ? values.takeLocal() : -1;
    if (inPlace !== null) {
      body.op(W.i32_eqz);
      body.hintUnlikely();
      body.open(W.if);
    }
    body.i32(op.a);
    body.i32(op.b);
    body.call(W.call, this.context.helper(op.how));
    // What gives a value gives a negative one when it did nothing; another answers 0 then.
    if (given >= 0) {
      body.tee(given);
      body.i32(0);
      body.op(W.i32_lt_s);
    } else body.op(W.i32_eqz);
    body.hintUnlikely();
    body.open(W.if);
    if (!('to' in op) && op.assisted) this.assist(this.inside().row);
    else this.slow();
    body.end();
    if (inPlace !== null) {
      body.else();
      inPlace.done();
      if (given >= 0) body.set(given);
      body.end();
      inPlace.free();
    }
    if (!('to' in op)) return;
    body.get(given);
    values.giveLocal(given);
    values.define(op.to);
  }

  /** The handler in place. */
  private assist(row: number): void {
    const { body } = this;
    const { pc, delta } = this.inside();
    body.i32(0);
    this.at(delta);
    body.memory(W.i32_store, 2, 4 * EIP);
    body.i32(row);
    body.i32(pc);
    body.call(W.call, this.context.helper('assist'));
  }

  private handler(writes: number): void {
    const { body, block, context } = this;
    const { pc, delta, index } = this.inside();
    if (block.exit.exit === 'leave' && index === block.count - 1) {
      this.slow();
      return;
    }
    const written = [0, 1, 2, 3, 4, 5, 6, 7].filter((register) => ((writes >> register) & 1) !== 0);
    for (const register of written) this.values.release(P_REGISTERS + register);
    for (let k = 0; k < 8; k++) this.spill(P_REGISTERS + k, 4 * k);
    this.spill(P_CC_OP, 4 * CC_OP);
    this.spill(P_CC_DST, 4 * CC_DST);
    this.spill(P_CC_SRC, 4 * CC_SRC);
    const rest = block.count - index - 1;
    body.i32(pc);
    this.at(delta);
    body.get(P_LEFT);
    body.i32(rest + 1);
    body.op(W.i32_add);
    body.i32(rest);
    body.call(W.call, context.helper('step'));
    body.hintUnlikely();
    body.open(W.if);
    body.op(W.return);
    body.end();
    this.reload(P_LEFT, 4 * LEFT, rest);
    for (const register of written) this.reload(P_REGISTERS + register, 4 * register, 0);
    this.reload(P_CC_OP, 4 * CC_OP, 0);
    this.reload(P_CC_DST, 4 * CC_DST, 0);
    this.reload(P_CC_SRC, 4 * CC_SRC, 0);
    this.giveBack();
  }

  private spill(parameter: number, address: number): void {
    this.body.i32(0);
    this.body.get(parameter);
    this.body.memory(W.i32_store, 2, address);
  }

  private reload(parameter: number, address: number, less: number): void {
    this.body.i32(0);
    this.body.memory(W.i32_load, 2, address);
    if (less !== 0) {
      this.body.i32(less);
      this.body.op(W.i32_sub);
    }
    this.body.set(parameter);
  }

  // Blocks

  /** The blocks that `index` dominates. */
  private tree(index: number): void {
    const { shape, body } = this;
    const merges = shape.children[index].filter((child) => shape.isMerge[child]);
    if (shape.isLoop[index]) this.loops[index] = body.open(W.loop);
    // The last in reverse postorder is outermost: code after a block is reached by breaking out of it.
    for (const merge of [...merges].reverse()) this.merges[merge] = body.open(W.block);
    this.emitBlock(index);
    for (const merge of merges) {
      body.end();
      this.tree(merge);
    }
    if (shape.isLoop[index]) body.end();
  }

  private go(from: number, delta: number): void {
    const { shape, body } = this;
    const to = shape.indexOf(delta);
    if (to < 0 || !shape.isInside(from, to)) this.leaveTo(delta);
    else if (shape.order[to] <= shape.order[from]) body.branch(W.br, this.loops[to]);
    else if (shape.isMerge[to]) body.branch(W.br, this.merges[to]);
    else this.tree(to);
  }

  private emitBlock(index: number): void {
    const { body, fn } = this;
    const block = fn.blocks[index];
    this.begin(block);
    body.get(P_LEFT);
    body.i32(block.count);
    body.op(W.i32_sub);
    body.tee(P_LEFT);
    body.i32(0);
    body.op(W.i32_lt_s);
    body.hintUnlikely();
    body.open(W.if);
    this.breakOut(block.delta, block.count);
    body.end();
    for (const op of block.ops) this.operation(op);
    const { exit } = block;
    // Locals of temps are free from here on: no block reads those of another.
    if (exit.exit === 'jump') {
      this.giveBack();
      this.go(index, exit.delta);
    } else if (exit.exit === 'branch') {
      this.values.test(exit.test);
      this.giveBack();
      body.open(W.if);
      this.go(index, exit.taken);
      body.else();
      this.go(index, exit.next);
      body.end();
    } else if (exit.exit === 'indirect') this.indirect(index, exit.target);
  }

  private giveBack(): void {
    for (const host of this.hosts.values()) this.values.giveLocal(host);
    this.hosts.clear();
  }

  private indirect(index: number, target: Temp): void {
    const { body, shape } = this;
    const held = this.values.localOf(target);
    this.giveBack();
    for (const delta of this.returns) {
      const to = shape.indexOf(delta);
      if (!shape.isInside(index, to)) continue;
      body.get(held.local);
      this.at(delta);
      body.op(W.i32_eq);
      body.open(W.if);
      // Blocks emitted inside must not take the local.
      this.go(index, delta);
      body.end();
    }
    body.get(held.local);
    body.get(P_LEFT);
    this.pushState();
    body.call(W.return_call, this.lookUp());
    // Blocks emitted in between have their own temps: the local alone is left of this one.
    if (held.local >= PARAMETERS) this.values.giveLocal(held.local);
  }
}

/** Body of the function that the IR says. */
export function emitFunction(fn: IrFunction, context: Context): Body {
  return new Emitter(fn, context).emit();
}
