// IR as text and back: parse(print(f)) equals f. One operation a line; what follows a semicolon is a comment. The
// golden files, `explain` and reports of differences are written in it. Nothing in it depends on a run: the arena
// position of a record (pc) is the only number a reader may have to ignore.

import { CONDITIONS } from '../../src/core/base/names.ts';
import {
  BINARY,
  type Binary,
  type Block,
  type Exit,
  type IrFunction,
  type Op,
  REGISTER_NAMES,
  type Size,
  type Temp,
  UNARY,
  type Unary,
  unknown,
  WIDE_NAMES,
} from './ir.ts';

const KINDS = ['add', 'adc', 'sub', 'sbb', 'logic', 'inc', 'dec', 'szp'];
const SIZES = ['8', '16', '32'];

const t = (temp: Temp): string => `t${temp}`;

function kindName(kind: number): string {
  return `${KINDS[Math.floor((kind - 1) / 3)]}${SIZES[(kind - 1) % 3]}`;
}

function printOp(op: Op): string {
  switch (op.op) {
    case 'insn':
      return `insn ${op.index} at=${op.delta} length=${op.length} pc=${op.pc}`;
    case 'const':
      return `${t(op.to)} = const ${op.value}`;
    case 'get':
      return `${t(op.to)} = get ${REGISTER_NAMES[op.register]}`;
    case 'set':
      return `set ${REGISTER_NAMES[op.register]} ${t(op.value)}`;
    case 'word':
      return `${t(op.to)} = word ${op.index}`;
    case 'unary':
      return `${t(op.to)} = ${op.how} ${t(op.a)}`;
    case 'binary':
      return `${t(op.to)} = ${op.how} ${t(op.a)} ${t(op.b)}`;
    case 'select':
      return `${t(op.to)} = select ${t(op.test)} ${t(op.a)} ${t(op.b)}`;
    case 'load': {
      const marks = `${op.write ? ' write' : ''}${op.checked ? ' checked' : ''}`;
      return `${t(op.to)} = load${SIZES[op.size]} ${t(op.address)}${marks}`;
    }
    case 'store':
      return `store${SIZES[op.size]} ${t(op.address)} ${t(op.value)}${op.checked ? ' checked' : ''}`;
    case 'guard':
      return `guard ${t(op.test)}`;
    case 'cc': {
      const left = op.left < 0 ? '' : ` left=${t(op.left)}`;
      const carry = op.carryIn < 0 ? '' : ` carry=${t(op.carryIn)}`;
      return `cc ${kindName(op.kind)} result=${t(op.result)} source=${t(op.source)}${left}${carry}`;
    }
    case 'bits':
      return `bits ${t(op.value)}`;
    case 'condition':
      return `${t(op.to)} = condition ${CONDITIONS[op.code]}`;
    case 'carry':
    case 'flags':
      return `${t(op.to)} = ${op.op}`;
    case 'handler':
      return op.writes ? 'handler writes' : 'handler';
    case 'assist':
      return `assist ${op.row}`;
    case 'peek':
      return `${t(op.to)} = peek ${op.index}`;
    case 'poke':
      return `poke ${op.index} ${t(op.value)}`;
    case 'fetch':
    case 'stash':
      return `${op.op}${32 * op.words} ${op.index} ${t(op.address)}${op.aligned ? ' aligned' : ''}`;
    case 'attempt':
      return `attempt ${op.how} ${op.a} ${op.b}`;
    default:
      return unknown(op);
  }
}

function printExit(exit: Exit): string {
  switch (exit.exit) {
    case 'jump':
      return `jump ${exit.delta}`;
    case 'branch':
      return `branch ${t(exit.test)} ${exit.taken} ${exit.next}`;
    case 'indirect':
      return `indirect ${t(exit.target)}`;
    case 'leave':
      return 'leave';
    default:
      return unknown(exit);
  }
}

export function print(fn: IrFunction): string {
  const lines = [`function mode=${fn.mode}`];
  for (const block of fn.blocks) {
    lines.push(`block ${block.delta} count=${block.count} temps=${block.temps}`);
    for (const op of block.ops) lines.push(`${op.op === 'insn' ? '  ' : '    '}${printOp(op)}`);
    lines.push(`  exit ${printExit(block.exit)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Text that is no IR; names the line. */
export class IrTextError extends Error {}

/** Reads the words of one line. */
class Line {
  private readonly words: string[];
  private readonly text: string;
  private readonly number: number;

  constructor(text: string, number: number) {
    this.text = text;
    this.number = number;
    this.words = text.replace(/;.*/, '').trim().split(/\s+/);
  }

  fail(expected: string): never {
    throw new IrTextError(`line ${this.number}: expected ${expected} in "${this.text.trim()}"`);
  }

  word(): string {
    return this.words.shift() ?? this.fail('more');
  }

  is(word: string): boolean {
    if (this.words[0] !== word) return false;
    this.words.shift();
    return true;
  }

  number32(text = this.word()): number {
    if (!/^-?\d+$/.test(text)) this.fail('a number');
    return Number(text);
  }

  temp(text = this.word()): Temp {
    if (!/^t\d+$/.test(text)) this.fail('a temp');
    return Number(text.slice(1));
  }

  /** name=value; null when the next word has another name. */
  named(name: string): string | null {
    if (this.words[0]?.startsWith(`${name}=`) !== true) return null;
    return this.word().slice(name.length + 1);
  }

  required(name: string): string {
    return this.named(name) ?? this.fail(`${name}=`);
  }

  oneOf<T extends string>(list: readonly T[], what: string): number {
    const found = list.indexOf(this.word() as T);
    return found >= 0 ? found : this.fail(what);
  }

  end(): void {
    if (this.words.length > 0) this.fail('nothing more');
  }
}

function parseKind(line: Line): number {
  const match = /^([a-z]+)(8|16|32)$/.exec(line.word());
  const kind = KINDS.indexOf(match?.[1] ?? '');
  if (match === null || kind < 0) return line.fail('a kind of flags');
  return kind * 3 + SIZES.indexOf(match[2]) + 1;
}

function parseValue(to: Temp, line: Line): Op {
  const how = line.word();
  const load = /^load(8|16|32)$/.exec(how);
  if (load !== null) {
    const address = line.temp();
    const size = SIZES.indexOf(load[1]) as Size;
    return { op: 'load', to, size, address, write: line.is('write'), checked: line.is('checked') };
  }
  if ((UNARY as readonly string[]).includes(how)) return { op: 'unary', to, how: how as Unary, a: line.temp() };
  if ((BINARY as readonly string[]).includes(how)) {
    return { op: 'binary', to, how: how as Binary, a: line.temp(), b: line.temp() };
  }
  switch (how) {
    case 'const':
      return { op: 'const', to, value: line.number32() };
    case 'get':
      return { op: 'get', to, register: line.oneOf(REGISTER_NAMES, 'a register') };
    case 'word':
    case 'peek':
      return { op: how, to, index: line.number32() };
    case 'select':
      return { op: 'select', to, test: line.temp(), a: line.temp(), b: line.temp() };
    case 'condition':
      return { op: 'condition', to, code: line.oneOf(CONDITIONS, 'a condition') };
    case 'carry':
    case 'flags':
      return { op: how, to };
    default:
      return line.fail('an operation');
  }
}

function parseOp(first: string, line: Line): Op {
  if (/^t\d+$/.test(first)) {
    if (!line.is('=')) line.fail('=');
    return parseValue(line.temp(first), line);
  }
  const store = /^store(8|16|32)$/.exec(first);
  if (store !== null) {
    const [address, value] = [line.temp(), line.temp()];
    return { op: 'store', size: SIZES.indexOf(store[1]) as Size, address, value, checked: line.is('checked') };
  }
  const optional = (name: string): Temp => {
    const text = line.named(name);
    return text === null ? -1 : line.temp(text);
  };
  switch (first) {
    case 'insn': {
      const index = line.number32();
      const [delta, length, pc] = ['at', 'length', 'pc'].map((name) => line.number32(line.required(name)));
      return { op: 'insn', index, delta, length, pc };
    }
    case 'set':
      return { op: 'set', register: line.oneOf(REGISTER_NAMES, 'a register'), value: line.temp() };
    case 'guard':
      return { op: 'guard', test: line.temp() };
    case 'bits':
      return { op: 'bits', value: line.temp() };
    case 'cc': {
      const kind = parseKind(line);
      const result = line.temp(line.required('result'));
      const source = line.temp(line.required('source'));
      return { op: 'cc', kind, result, source, left: optional('left'), carryIn: optional('carry') };
    }
    case 'handler':
      return { op: 'handler', writes: line.is('writes') };
    case 'assist':
      return { op: 'assist', row: line.number32() };
    case 'poke':
      return { op: 'poke', index: line.number32(), value: line.temp() };
    case 'fetch64':
    case 'fetch128':
    case 'stash64':
    case 'stash128': {
      const [index, address] = [line.number32(), line.temp()];
      const op = first.startsWith('fetch') ? 'fetch' : 'stash';
      return { op, words: first.endsWith('64') ? 2 : 4, index, address, aligned: line.is('aligned') };
    }
    case 'attempt': {
      const how = WIDE_NAMES[line.oneOf(WIDE_NAMES, 'a function on wide values')];
      return { op: 'attempt', how, a: line.number32(), b: line.number32() };
    }
    default:
      return line.fail('an operation');
  }
}

function parseExit(line: Line): Exit {
  switch (line.word()) {
    case 'jump':
      return { exit: 'jump', delta: line.number32() };
    case 'branch':
      return { exit: 'branch', test: line.temp(), taken: line.number32(), next: line.number32() };
    case 'indirect':
      return { exit: 'indirect', target: line.temp() };
    case 'leave':
      return { exit: 'leave' };
    default:
      return line.fail('an exit');
  }
}

/** Inverse of print. Throws IrTextError; whether the function makes sense is for verify to say. */
export function parse(text: string): IrFunction {
  const blocks: Block[] = [];
  let mode = -1;
  let open: { delta: number; count: number; temps: number; ops: Op[] } | null = null;
  text.split('\n').forEach((source, index) => {
    if (source.replace(/;.*/, '').trim() === '') return;
    const line = new Line(source, index + 1);
    const first = line.word();
    if (first === 'function') mode = line.number32(line.required('mode'));
    else if (first === 'block') {
      if (mode < 0 || open !== null) line.fail('the end of the block before, after a function line');
      const delta = line.number32();
      const count = line.number32(line.required('count'));
      open = { delta, count, temps: line.number32(line.required('temps')), ops: [] };
    } else if (open === null) line.fail('a block');
    else if (first === 'exit') {
      blocks.push({ ...open, exit: parseExit(line) });
      open = null;
    } else open.ops.push(parseOp(first, line));
    line.end();
  });
  if (open !== null || mode < 0) throw new IrTextError('the text ends inside a block, or there is no function in it');
  return { mode, blocks };
}
