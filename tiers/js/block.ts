// One block of IR as straight JavaScript, between the nesting that emit.ts makes: values as constants and expressions,
// guest registers and lazy flags in locals, checked accesses with their way out, handlers and attempts called. Flags
// are symbolic inside a block: what nobody looks at is computed on slow paths alone, unless it is cheap. What leads out
// moves values and computes nothing: V8 throws an optimised function away when it meets an operation that was never
// done before.

import { CC_EFLAGS } from '../../src/core/state/flags.ts';
import * as layout from '../../src/core/state/layout.ts';
import {
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
} from '../../src/core/memory/tlb.ts';
import {
  type Binary,
  type Block,
  exitUse,
  type IrFunction,
  type Op,
  REGISTER_NAMES,
  resultOf,
  type Temp,
  type Type,
  usesOf,
  WORDS_OF,
} from '../ir/ir.ts';
import { ATTEMPTS, type Role } from '../ir/attempts.ts';
import type { Structure } from '../ir/structure.ts';
import { MISS_UNALIGNED, MISS_WALK, MISS_WRITE } from '../runtime/miss.ts';
import type { Spelling } from './spelling.ts';
import { maskOf, shiftedWords, shuffledWords, vectorWords } from './vectors.ts';

const { ARITHMETIC_FLAGS, CC_DST, CC_OP, CC_SRC, DEADLINE_F64, EFLAGS, EIP, LEFT, MODE_CPL3, TSC_OFFSET_F64 } = layout;

const COMPARISONS: Readonly<Record<string, [string, boolean]>> = {
  eq: ['===', false],
  ne: ['!==', false],
  lt: ['<', false],
  le: ['<=', false],
  ltu: ['<', true],
  leu: ['<=', true],
};
/** Longest expression that may be repeated on slow paths; beyond it a value is computed where it is defined. */
const LAZY_COST_MAX = 24;
/** Operations that are one machine instruction, and how many a value of the flags may take to be computed at once. */
const PLAIN_OPERATIONS: ReadonlySet<Binary> = new Set(['add', 'sub', 'and', 'or', 'xor', 'shl', 'shr', 'sar']);
const EAGER_COST_MAX = 3;

/**
 * Expressions, which stand where they are used unless something makes them strict. All else is computed at its place.
 */
function isExpression(op: Op): boolean {
  switch (op.op) {
    case 'unary':
    case 'binary':
    case 'select':
    case 'quotient':
    case 'condition':
    case 'carry':
    case 'flags':
      return true;
    default:
      return false;
  }
}

/**
 * Where the flags are: in the locals (or memory, when nothing in the function writes them), or in a cc or bits
 * operation.
 */
type Flags = Extract<Op, { op: 'cc' | 'bits' }> | null;

/** What a function is as a whole. */
export interface FunctionFacts {
  readonly fn: IrFunction;
  readonly spelling: Spelling;
  readonly shape: Structure;
  readonly used: readonly number[];
  readonly dirty: readonly number[];
  readonly writesFlags: boolean;
  readonly returns: readonly number[];
}

/** Emits one block's straight code. */
export class BlockEmitter {
  readonly lines: string[] = [];
  /** Flags at the point reached. */
  flags: Flags = null;
  private readonly defs: (Op | undefined)[];
  /** Flags that a condition, carry or flags operation reads, by temp. */
  private readonly flagsAt = new Map<Temp, Flags>();
  private readonly isStrict: boolean[];
  private readonly hosts = new Map<Temp, string>();
  /** The words of i64 and v128 values, least significant first: names or numbers. */
  private readonly words = new Map<Temp, readonly string[]>();
  /** Addresses that a checked access uses again: their host address must be the real one. */
  private readonly isShared = new Set<Temp>();
  /** Number of different addresses by instruction. */
  private readonly addressesIn = new Map<number, number>();
  private readonly block: Block;
  private readonly all: FunctionFacts;
  private insn: Extract<Op, { op: 'insn' }> | null = null;

  constructor(all: FunctionFacts, block: Block) {
    this.all = all;
    this.block = block;
    this.defs = new Array(block.temps);
    this.isStrict = new Array(block.temps).fill(false);
    this.analyse();
  }

  private analyse(): void {
    const { ops, exit } = this.block;
    const cost = new Array<number>(this.block.temps).fill(0);
    let flags: Flags = null;
    const addresses = new Set<Temp>();
    let instruction = -1;
    for (const op of ops) {
      if (op.op === 'insn') {
        instruction = op.index;
        addresses.clear();
      } else if (op.op === 'load' || op.op === 'store' || op.op === 'fetch' || op.op === 'stash') {
        // Page tables are not read where an address is not the instruction's.
        if (op.op === 'load' && op.quiet) addresses.add(-1).add(-2);
        this.addressesIn.set(instruction, addresses.add(op.address).size);
        if ((op.op === 'load' || op.op === 'store') && op.checked) this.isShared.add(op.address);
      }
      const to = resultOf(op);
      if (op.op === 'cc' || op.op === 'bits') {
        flags = op;
        for (const temp of usesOf(op)) this.computeIfCheap(temp, cost);
      } else if (op.op === 'handler') flags = null;
      if (to < 0) continue;
      this.defs[to] = op;
      if (op.op === 'condition' || op.op === 'carry' || op.op === 'flags') {
        this.flagsAt.set(to, flags);
        cost[to] = 3 + (flags === null ? 0 : usesOf(flags).reduce((sum, temp) => sum + cost[temp], 0));
      } else if (op.op === 'unary' || op.op === 'binary' || op.op === 'select' || op.op === 'quotient') {
        cost[to] = 1 + usesOf(op).reduce((sum, temp) => sum + cost[temp], 0);
      }
      if (cost[to] > LAZY_COST_MAX) {
        this.isStrict[to] = true;
        cost[to] = 0;
      }
    }
    if (ops.some((op, index) => op.op === 'handler' && index < ops.length - 1)) this.strictBeforeHandlers();
    const use = exitUse(exit);
    // A comparison that is only tested stays an expression of the test; what it compares is computed before.
    const tested = new Set<Temp>();
    const test = (temp: Temp): void => {
      const op = this.defs[temp];
      if (op?.op === 'binary' && op.how in COMPARISONS) tested.add(temp);
      else this.isStrict[temp] = true;
    };
    if (exit.exit === 'branch') test(use);
    else if (use >= 0) this.isStrict[use] = true;
    for (let index = ops.length - 1; index >= 0; index--) {
      const op = ops[index];
      const to = resultOf(op);
      if (op.op === 'cc' || op.op === 'bits') continue;
      const executed = to < 0 || !isExpression(op) || this.isStrict[to] || tested.has(to);
      if (!executed) continue;
      if (op.op === 'guard') test(op.test);
      else for (const temp of usesOf(op)) this.isStrict[temp] = true;
      const read = this.flagsAt.get(to);
      if (read) for (const temp of usesOf(read)) this.isStrict[temp] = true;
    }
  }

  /**
   * What flags are made of is computed where it is defined when that is a few plain operations: an operation that a
   * slow path is the first to do makes V8 throw the optimised function away. V8 moves it to where it is used by itself.
   */
  private computeIfCheap(temp: Temp, cost: number[]): void {
    const op = this.defs[temp];
    if (op?.op !== 'binary' || !PLAIN_OPERATIONS.has(op.how) || cost[temp] > EAGER_COST_MAX) return;
    this.isStrict[temp] = true;
    cost[temp] = 0;
  }

  /** The flag locals change at a handler: what reads them before it must have been read then. */
  private strictBeforeHandlers(): void {
    for (const [temp, flags] of this.flagsAt) if (flags === null) this.isStrict[temp] = true;
  }

  private line(text: string): void {
    this.lines.push(text);
  }

  /** A temp as an expression; always atomic or in parentheses. */
  value(temp: Temp): string {
    const op = this.defs[temp];
    if (op === undefined) throw new Error(`v${temp} is read before it is defined`);
    if (op.op === 'const') return op.value < 0 ? `(${op.value})` : `${op.value}`;
    return this.isStrict[temp] || !isExpression(op) ? `v${temp}` : `(${this.expression(op)})`;
  }

  /** The words of an i64 or a v128. */
  private wordsOf(temp: Temp): readonly string[] {
    const found = this.words.get(temp);
    if (found === undefined) throw new Error(`v${temp} is read before it is defined, or has no words`);
    return found;
  }

  /** Name the words of a value and compute them. */
  private defineWords(temp: Temp, texts: readonly string[]): void {
    const names = texts.map((_, k) => `v${temp}${'abcd'[k]}`);
    this.line(`const ${names.map((name, k) => `${name} = ${texts[k]}`).join(', ')};`);
    this.words.set(temp, names);
  }

  /** A word of the CPU block. */
  private word(index: number): string {
    return `m32[${this.all.spelling.word(index)}]`;
  }

  /** An f32 or f64 in words of the CPU block. */
  private float(type: 'f32' | 'f64', index: number): string {
    const { spelling } = this.all;
    return type === 'f32' ? `f32[${spelling.word(index)}]` : `f64[${spelling.pair(index)}]`;
  }

  private peek(to: Temp, type: Type, index: number): void {
    if (type === 'i32') this.define(to, this.word(index));
    else if (type === 'f32' || type === 'f64') this.define(to, this.float(type, index));
    else
      this.defineWords(
        to,
        Array.from({ length: WORDS_OF[type] }, (_, k) => this.word(index + k)),
      );
  }

  private poke(type: Type, index: number, temp: Temp): void {
    if (type === 'i32') this.line(`${this.word(index)} = ${this.value(temp)};`);
    else if (type === 'f32' || type === 'f64') this.line(`${this.float(type, index)} = ${this.value(temp)};`);
    else
      this.line(
        this.wordsOf(temp)
          .map((word, k) => `${this.word(index + k)} = ${word};`)
          .join(' '),
      );
  }

  private attempt(op: Extract<Op, { op: 'attempt' }>): string {
    const { a, b } = ATTEMPTS[op.how];
    const spell = (role: Role, value: number): string =>
      role.is === 'words' ? this.all.spelling.word(value, role.words) : `${value}`;
    return `wide.${op.how}(${spell(a, op.a)}, ${spell(b, op.b)})`;
  }

  private readFlags(flags: Flags): string {
    if (flags === null) return `co, cd, cs, ${this.word(EFLAGS)}`;
    if (flags.op === 'bits') return `${CC_EFLAGS}, 0, 0, ${this.value(flags.value)}`;
    return `${this.kind(flags)}, ${this.value(flags.result)}, ${this.value(flags.source)}, ${this.word(EFLAGS)}`;
  }

  private kind(flags: Extract<Op, { op: 'cc' }>): string {
    return flags.carryIn < 0 ? `${flags.kind}` : `${flags.kind} + 3 * ${this.value(flags.carryIn)}`;
  }

  private expression(op: Op): string {
    const v = (temp: Temp): string => this.value(temp);
    switch (op.op) {
      case 'get':
        return REGISTER_NAMES[op.register];
      case 'word':
        return this.word(op.index);
      case 'unary':
        if (op.how === 'sext8') return `${v(op.a)} << 24 >> 24`;
        if (op.how === 'sext16') return `${v(op.a)} << 16 >> 16`;
        return op.how === 'clz' ? `Math.clz32(${v(op.a)})` : `parityFlag(${v(op.a)})`;
      case 'select':
        return `${this.test(op.test)} ? ${v(op.a)} : ${v(op.b)}`;
      case 'quotient':
        return `quotient(${v(op.high)}, ${v(op.low)}, ${v(op.divisor)})`;
      case 'condition':
        return `conditionOf(${op.code}, ${this.readFlags(this.flagsAt.get(op.to) ?? null)})`;
      case 'carry':
        return `carryOf(${this.readFlags(this.flagsAt.get(op.to) ?? null)})`;
      case 'flags':
        return `flagsOf(${this.readFlags(this.flagsAt.get(op.to) ?? null)})`;
      case 'binary':
        return this.binary(op);
      default:
        throw new Error(`${op.op} is no expression`);
    }
  }

  private binary(op: Extract<Op, { op: 'binary' }>): string {
    const a = this.value(op.a);
    const b = this.value(op.b);
    switch (op.how) {
      case 'add':
        return `${a} + ${b} | 0`;
      case 'sub':
        return `${a} - ${b} | 0`;
      case 'mul':
        return `Math.imul(${a}, ${b})`;
      case 'mulhu':
        return `multiplyHigh(${a}, ${b})`;
      case 'mulhs':
        return `multiplyHighSigned(${a}, ${b})`;
      case 'divu':
        return `(${a} >>> 0) / (${b} >>> 0) | 0`;
      case 'remu':
        return `(${a} >>> 0) % (${b} >>> 0) | 0`;
      case 'divs':
        return `${a} / ${b} | 0`;
      case 'rems':
        return `${a} % ${b} | 0`;
      case 'and':
        return `${a} & ${b}`;
      case 'or':
        return `${a} | ${b}`;
      case 'xor':
        return `${a} ^ ${b}`;
      case 'shl':
        return `${a} << ${b}`;
      case 'shr':
        return `${a} >>> ${b} | 0`;
      case 'sar':
        return `${a} >> ${b}`;
      default:
        return `${this.comparison(op)} ? 1 : 0`;
    }
  }

  private comparison(op: Extract<Op, { op: 'binary' }>): string {
    const [sign, unsigned] = COMPARISONS[op.how];
    const tail = unsigned ? ' >>> 0' : '';
    return `${this.value(op.a)}${tail} ${sign} ${this.value(op.b)}${tail}`;
  }

  /** A condition of `if` or `?:`: whether the temp is not 0. */
  test(temp: Temp): string {
    const op = this.defs[temp];
    if (op?.op === 'binary' && op.how in COMPARISONS && !this.isStrict[temp]) return `(${this.comparison(op)})`;
    return `${this.value(temp)} !== 0`;
  }

  /** Bring the flags into the locals, where the next block looks for them. */
  settle(): string {
    const { flags } = this;
    if (flags === null) return '';
    if (flags.op === 'bits') {
      const word = this.word(EFLAGS);
      return `${word} = ${word} & ${~ARITHMETIC_FLAGS} | ${this.value(flags.value)}; co = 0; `;
    }
    // The values may be computed from the locals that are assigned here.
    const [kind, result, source] = [this.kind(flags), this.value(flags.result), this.value(flags.source)];
    const names = /\bc[ods]\b/;
    if (![kind, result, source].some((text) => names.test(text))) {
      return `co = ${kind}; cd = ${result}; cs = ${source}; `;
    }
    return `{ const k = ${kind}, r = ${result}, s = ${source}; co = k; cd = r; cs = s; } `;
  }

  private at(delta: number): string {
    return delta === 0 ? 'base' : `base + ${delta} | 0`;
  }

  /** Leave with EIP = base + place: the code behind label E writes everything back. */
  exit(place: string): string {
    return `${this.settle()}at = ${place}; break E;`;
  }

  leaveTo(delta: number): string {
    return this.exit(`${delta}`);
  }

  private inside(): Extract<Op, { op: 'insn' }> {
    if (this.insn === null) throw new Error('an operation outside any instruction');
    return this.insn;
  }

  /** The handler does the instruction and the function is left: the code behind label E. */
  private slow(): string {
    const { pc, delta, index } = this.inside();
    return `{ ${this.settle()}pc = ${pc}; at = ${delta}; back = ${this.block.count - index}; break E; }`;
  }

  private define(temp: Temp, text: string): void {
    this.line(`const v${temp} = ${text};`);
  }

  /** The call that may make an access plain. */
  private miss(op: Extract<Op, { op: 'load' | 'store' }>, address: string): string {
    let how: number = op.size;
    if (this.addressesIn.get(this.inside().index) === 1) how |= MISS_WALK;
    if (op.op === 'load' && op.write) how |= MISS_WRITE;
    if (!this.isShared.has(op.address)) how |= MISS_UNALIGNED;
    return op.op === 'load' ? `loadMiss(${address}, ${how})` : `storeMiss(${address}, ${how}, ${this.value(op.value)})`;
  }

  private access(op: Extract<Op, { op: 'load' | 'store' }>): string {
    const address = this.value(op.address);
    const known = this.hosts.get(op.address);
    let host = known;
    if (host === undefined || !op.checked) {
      const user = (this.all.fn.mode & MODE_CPL3) !== 0;
      let deny = 0;
      if (op.op === 'load') deny |= user ? TLB_NO_USER_READ : TLB_NO_SUPER_READ;
      if (op.op === 'store' || op.write) deny |= user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE;
      const name = `${this.lines.length}`;
      this.line(`const e${name} = tlb[${address} >>> 12];`);
      host = `h${name}`;
      const place = `h${name} = (e${name} & -4096) + ${address} | 0;`;
      if (op.checked) this.line(`const ${place}`);
      else {
        this.line(`let ${place}`);
        const aligned = (1 << op.size) - 1;
        const denied = `e${name} & ${deny}`;
        const test = aligned === 0 ? `(${denied})` : `(${denied} | ${address} & ${aligned})`;
        this.line(`if (${test} !== 0 && (h${name} = ${this.miss(op, address)}) === 0) ${this.slow()}`);
      }
      this.hosts.set(op.address, host);
    }
    return op.size === 2 ? `m32[${host} >>> 2]` : op.size === 1 ? `m16[${host} >>> 1]` : `m8[${host}]`;
  }

  /** Words between memory and the CPU block. */
  private transfer(op: Extract<Op, { op: 'fetch' | 'stash' }>): void {
    const address = this.value(op.address);
    const user = (this.all.fn.mode & MODE_CPL3) !== 0;
    const isFetch = op.op === 'fetch';
    const [denyUser, denySuper] = isFetch
      ? [TLB_NO_USER_READ, TLB_NO_SUPER_READ]
      : [TLB_NO_USER_WRITE, TLB_NO_SUPER_WRITE];
    let how = op.words === 2 ? 3 : 4;
    if (this.addressesIn.get(this.inside().index) === 1) how |= MISS_WALK;
    if (!op.aligned) how |= MISS_UNALIGNED;
    const name = `${this.lines.length}`;
    this.line(`const e${name} = tlb[${address} >>> 12];`);
    this.line(`if ((e${name} & ${user ? denyUser : denySuper} | ${address} & ${4 * op.words - 1}) !== 0) {`);
    const place = this.all.spelling.word(op.index, op.words);
    this.line(`if (${op.op}Miss(${address}, ${how}, ${place}) === 0) ${this.slow()}`);
    this.line(`} else { const h${name} = ((e${name} & -4096) + ${address}) >>> 2;`);
    for (let k = 0; k < op.words; k++) {
      const host = `m32[h${name} + ${k}]`;
      const word = this.word(op.index + k);
      this.line(isFetch ? `${word} = ${host};` : `${host} = ${word};`);
    }
    this.line('}');
  }

  /** Everything up to the exit. */
  body(): void {
    const { block } = this;
    this.line(`if (left < ${block.count}) { ${this.leaveTo(block.delta)} }`);
    this.line(`left = left - ${block.count} | 0;`);
    for (const op of block.ops) this.operation(op);
  }

  private operation(op: Op): void {
    switch (op.op) {
      case 'insn':
        this.insn = op;
        break;
      case 'set':
        this.line(`${REGISTER_NAMES[op.register]} = ${this.value(op.value)};`);
        break;
      case 'spare':
        this.define(op.to, 'left');
        break;
      case 'stamp': {
        const before = this.block.count - this.inside().index;
        const [end, offset] = [DEADLINE_F64, TSC_OFFSET_F64].map((pair) => this.float('f64', 2 * pair));
        const now = `${end} - (left + ${before}) + ${offset}`;
        this.define(op.to, `${op.half}Half(${now})`);
        break;
      }
      case 'put': {
        const word = this.word(op.index);
        const value = this.value(op.value);
        const merged = `${word} & ${ARITHMETIC_FLAGS} | ${value} & ${~ARITHMETIC_FLAGS}`;
        this.line(`${word} = ${op.index === EFLAGS ? merged : value};`);
        break;
      }
      case 'load':
        this.define(
          op.to,
          op.signed ? `${this.access(op)} << ${32 - (8 << op.size)} >> ${32 - (8 << op.size)}` : this.access(op),
        );
        break;
      case 'store':
        this.line(`${this.access(op)} = ${this.value(op.value)};`);
        break;
      case 'guard':
        this.line(`if (${this.test(op.test)}) ${this.slow()}`);
        break;
      case 'cc':
      case 'bits':
        this.flags = op;
        break;
      case 'handler':
        this.handler(op.writes);
        break;
      case 'assist':
        this.line(this.assist(op.row));
        break;
      case 'peek':
        this.peek(op.to, op.type, op.index);
        break;
      case 'poke':
        this.poke(op.type, op.index, op.value);
        break;
      case 'vector': {
        const [a, b] = [this.wordsOf(op.a), this.wordsOf(op.b)];
        this.defineWords(op.to, vectorWords(op.how, a, b));
        break;
      }
      case 'shuffle': {
        const words = shuffledWords(this.wordsOf(op.a), this.wordsOf(op.b), op.lanes);
        if (op.lanes.length === 4) this.words.set(op.to, words);
        else this.defineWords(op.to, words);
        break;
      }
      case 'laneShift':
        this.defineWords(op.to, shiftedWords(op.how, this.wordsOf(op.a), op.count));
        break;
      case 'mask':
        this.define(op.to, maskOf(op.bits, this.wordsOf(op.a)));
        break;
      case 'convert':
        // Numbers of JavaScript are f64.
        this.define(op.to, this.value(op.a));
        break;
      case 'fetch':
      case 'stash':
        this.transfer(op);
        break;
      case 'attempt':
        if ('to' in op) {
          this.define(op.to, this.attempt(op));
          this.line(`if (v${op.to} < 0) ${this.slow()}`);
        } else if (op.assisted) this.line(`if (${this.attempt(op)} === 0) { ${this.assist(this.inside().row)} }`);
        else this.line(`if (${this.attempt(op)} === 0) ${this.slow()}`);
        break;
      case 'const':
        if (op.type === 'i64') this.words.set(op.to, [`${op.value}`, `${op.value >> 31}`]);
        break;
      case 'get':
      case 'word':
        this.define(op.to, this.expression(op));
        break;
      default:
        if (this.isStrict[op.to]) this.define(op.to, this.expression(op));
    }
  }

  /** The handler in place. */
  private assist(row: number): string {
    const { pc, delta } = this.inside();
    const handler = `handlers[${this.all.spelling.row(row)}]`;
    return `${this.word(EIP)} = ${this.at(delta)}; ${handler}(cpu, code, ${pc});`;
  }

  private handler(writes: number): void {
    const { block, all } = this;
    const { pc, delta, index } = this.inside();
    if (block.exit.exit === 'leave' && index === block.count - 1) {
      this.line(this.slow().slice(2, -2));
      return;
    }
    this.line(this.settle());
    this.line(spill(all));
    const rest = block.count - index - 1;
    this.line(`if (step(cpu, ${pc}, ${this.at(delta)}, left + ${rest + 1} | 0, ${rest})) return;`);
    this.line(`left = ${this.word(LEFT)} - ${rest} | 0;`);
    for (const register of all.used) {
      if (((writes >> register) & 1) !== 0) this.line(`${REGISTER_NAMES[register]} = ${this.word(register)};`);
    }
    this.line(`co = ${this.word(CC_OP)}; cd = ${this.word(CC_DST)}; cs = ${this.word(CC_SRC)};`);
    this.hosts.clear();
    this.flags = null;
  }
}

/** Write registers and flags back to memory. */
export function spill(all: FunctionFacts): string {
  const word = (index: number): string => `m32[${all.spelling.word(index)}]`;
  const registers = all.dirty.map((register) => `${word(register)} = ${REGISTER_NAMES[register]}; `).join('');
  return all.writesFlags ? `${registers}${word(CC_OP)} = co; ${word(CC_DST)} = cd; ${word(CC_SRC)} = cs;` : registers;
}
