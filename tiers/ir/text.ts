// IR as text and back: parse(print(f)) equals f. One operation a line; what follows a semicolon is a comment. The
// golden files, `explain` and reports of differences are written in it. Nothing in it depends on a run: the arena
// position of a record (pc) is the only number a reader may have to ignore.

import { CONDITIONS } from '../../src/core/base/names.ts';
import { OP, type OpName, rowOf } from '../../src/core/isa/ops.ts';
import { ATTEMPTS, type AttemptName, type Role, type ValueAttempt, type WordAttempt } from './attempts.ts';
import {
  BINARY,
  type Binary,
  type Block,
  CONVERT,
  type Convert,
  type Exit,
  type IrFunction,
  LANE_SHIFTS,
  type LaneShift,
  type Op,
  REGISTER_NAMES,
  type Size,
  type Temp,
  TYPES,
  type Type,
  UNARY,
  type Unary,
  unknown,
  VECTOR,
  type Vector,
  WORDS_OF,
} from './ir.ts';
import { isNamed, modeOf, modeText, wordIndex, wordName } from './names.ts';

const KINDS = ['add', 'adc', 'sub', 'sbb', 'logic', 'inc', 'dec', 'szp'];
const SIZES = ['8', '16', '32'];
/** Numbers of this size and more are written in hexadecimal: masks, addresses. */
const HEX_MIN = 1024;

const v = (temp: Temp): string => `v${temp}`;

function kindName(kind: number): string {
  return `${KINDS[Math.floor((kind - 1) / 3)]}${SIZES[(kind - 1) % 3]}`;
}

const numberText = (value: number): string =>
  Math.abs(value) < HEX_MIN ? `${value}` : `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** Registers of a mask, `none`, or `all`. */
function registersText(mask: number): string {
  if (mask === 0) return 'none';
  if (mask === 0xff) return 'all';
  return REGISTER_NAMES.filter((_, register) => ((mask >> register) & 1) !== 0).join(' ');
}

function roleText(role: Role, value: number): string {
  return role.is === 'unused' ? '' : role.is === 'number' ? ` ${value}` : ` ${wordName(value, role.words)}`;
}

function attemptText(op: Extract<Op, { op: 'attempt' }>): string {
  const { a, b } = ATTEMPTS[op.how];
  const instead = !('to' in op) && op.assisted ? ' or assist' : '';
  return `attempt ${op.how}${roleText(a, op.a)}${roleText(b, op.b)}${instead}`;
}

/** Behind `v1: i32 = `. */
function valueText(op: Extract<Op, { to: Temp }>): string {
  switch (op.op) {
    case 'const':
      return `const ${numberText(op.value)}`;
    case 'get':
      return `get ${REGISTER_NAMES[op.register]}`;
    case 'word':
      return `word ${wordName(op.index, 1)}`;
    case 'unary':
    case 'convert':
      return `${op.how} ${v(op.a)}`;
    case 'binary':
    case 'vector':
      return `${op.how} ${v(op.a)} ${v(op.b)}`;
    case 'select':
      return `select ${v(op.test)} ${v(op.a)} ${v(op.b)}`;
    case 'quotient':
      return `quotient ${v(op.high)} ${v(op.low)} ${v(op.divisor)}`;
    case 'shuffle':
      return `shuffle ${v(op.a)} ${v(op.b)} ${op.lanes.join(' ')}`;
    case 'laneShift':
      return `${op.how} ${v(op.a)} ${op.count}`;
    case 'mask':
      return `mask${op.bits} ${v(op.a)}`;
    case 'load': {
      const sign = op.size === 2 ? '' : op.signed ? 's' : 'u';
      const marks = `${op.write ? ' write' : ''}${op.checked ? ' checked' : ''}${op.quiet ? ' quiet' : ''}`;
      return `load${SIZES[op.size]}${sign} ${v(op.address)}${marks}`;
    }
    case 'condition':
      return `condition ${CONDITIONS[op.code]}`;
    case 'stamp':
      return `stamp ${op.half}`;
    case 'spare':
    case 'carry':
    case 'flags':
      return op.op;
    case 'peek':
      return `peek ${wordName(op.index, WORDS_OF[op.type])}`;
    case 'attempt':
      return attemptText(op);
    default:
      return unknown(op);
  }
}

function printOp(op: Op): string {
  if ('to' in op) return `${v(op.to)}: ${op.type} = ${valueText(op)}`;
  switch (op.op) {
    case 'insn':
      return `insn ${op.index} ${rowOf(op.row).name} at=${op.delta} length=${op.length} pc=${op.pc}`;
    case 'set':
      return `set ${REGISTER_NAMES[op.register]} ${v(op.value)}`;
    case 'put':
      return `put ${wordName(op.index, 1)} ${v(op.value)}`;
    case 'store':
      return `store${SIZES[op.size]} ${v(op.address)} ${v(op.value)}${op.checked ? ' checked' : ''}`;
    case 'guard':
      return `guard ${v(op.test)}`;
    case 'cc': {
      const left = op.left < 0 ? '' : ` left=${v(op.left)}`;
      const carry = op.carryIn < 0 ? '' : ` carry=${v(op.carryIn)}`;
      return `cc ${kindName(op.kind)} result=${v(op.result)} source=${v(op.source)}${left}${carry}`;
    }
    case 'bits':
      return `bits ${v(op.value)}`;
    case 'handler':
      return `handler writes ${registersText(op.writes)}`;
    case 'assist':
      return `assist ${rowOf(op.row).name}`;
    case 'poke':
      return `poke.${op.type} ${wordName(op.index, WORDS_OF[op.type])} ${v(op.value)}`;
    case 'fetch':
    case 'stash':
      return `${op.op}${32 * op.words} ${wordName(op.index, op.words)} ${v(op.address)}${op.aligned ? ' aligned' : ''}`;
    case 'attempt':
      return attemptText(op);
    default:
      return unknown(op);
  }
}

function printExit(exit: Exit): string {
  switch (exit.exit) {
    case 'jump':
      return `jump ${exit.delta}`;
    case 'branch':
      return `branch ${v(exit.test)} ${exit.taken} ${exit.next}`;
    case 'indirect':
      return `indirect ${v(exit.target)}`;
    case 'leave':
      return 'leave';
    default:
      return unknown(exit);
  }
}

export function print(fn: IrFunction): string {
  const lines = [`function mode ${modeText(fn.mode)}`];
  for (const block of fn.blocks) {
    lines.push(`block ${block.delta} count=${block.count} values=${block.temps}`);
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
    if (!/^(-?\d+|0x[0-9a-f]{1,8})$/.test(text)) this.fail('a number');
    return text.startsWith('0x') ? Number(text) | 0 : Number(text);
  }

  temp(text = this.word()): Temp {
    if (!/^v\d+$/.test(text)) this.fail('a value');
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

  /** A name of so many words of the CPU block. */
  index(words: number): number {
    const name = this.word();
    const found = wordIndex(name);
    if (found < 0 || !isNamed(found, words) || wordName(found, words) !== name) {
      this.fail(words === 1 ? 'a word of the CPU block' : `${words} words of the CPU block`);
    }
    return found;
  }

  row(): number {
    const name = this.word();
    return Object.hasOwn(OP, name) ? OP[name as OpName] : this.fail('the name of a row');
  }

  rest(): string {
    return this.words.splice(0).join(' ');
  }

  get isEmpty(): boolean {
    return this.words.length === 0;
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

/** `a` and `b` of an attempt. */
function parseRole(role: Role, line: Line): number {
  return role.is === 'unused' ? 0 : role.is === 'number' ? line.number32() : line.index(role.words);
}

function parseAttempt(line: Line): { how: AttemptName; a: number; b: number } {
  const how = line.word();
  if (!Object.hasOwn(ATTEMPTS, how)) return line.fail('the name of an attempt');
  const { a, b } = ATTEMPTS[how as AttemptName];
  return { how: how as AttemptName, a: parseRole(a, line), b: parseRole(b, line) };
}

function parseRegisters(line: Line): number {
  if (line.is('none')) return 0;
  if (line.is('all')) return 0xff;
  let mask = 0;
  for (const name of line.rest().split(' ')) {
    const register = REGISTER_NAMES.indexOf(name as (typeof REGISTER_NAMES)[number]);
    if (register < 0 || register > 7) line.fail('general registers, "none" or "all"');
    mask |= 1 << register;
  }
  return mask;
}

/** The operations whose type is theirs alone. */
function parseTyped(to: Temp, type: Type, how: string, line: Line): Op {
  const is = (wanted: Type): void => {
    if (type !== wanted) line.fail(`type ${wanted} for ${how}`);
  };
  if (type === 'v128') {
    if ((VECTOR as readonly string[]).includes(how)) {
      return { op: 'vector', to, type, how: how as Vector, a: line.temp(), b: line.temp() };
    }
    if ((LANE_SHIFTS as readonly string[]).includes(how)) {
      return { op: 'laneShift', to, type, how: how as LaneShift, a: line.temp(), count: line.number32() };
    }
    if (how !== 'shuffle') return line.fail('an operation on v128');
    const [a, b] = [line.temp(), line.temp()];
    const lanes: number[] = [];
    while (!line.isEmpty) lanes.push(line.number32());
    return { op: 'shuffle', to, type, a, b, lanes };
  }
  if ((CONVERT as readonly string[]).includes(how)) {
    is('f64');
    return { op: 'convert', to, type: 'f64', how: how as Convert, a: line.temp() };
  }
  is('i32');
  const i32 = 'i32' as const;
  const load = /^load(?:32|(8|16)([su]))$/.exec(how);
  if (load !== null) {
    const address = line.temp();
    const size = (load[1] === undefined ? 2 : SIZES.indexOf(load[1])) as Size;
    const signed = load[2] === 's';
    const [write, checked, quiet] = [line.is('write'), line.is('checked'), line.is('quiet')];
    return { op: 'load', to, type: i32, size, signed, address, write, checked, quiet };
  }
  const mask = /^mask(8|32|64)$/.exec(how);
  if (mask !== null) return { op: 'mask', to, type: i32, bits: Number(mask[1]) as 8 | 32 | 64, a: line.temp() };
  if ((UNARY as readonly string[]).includes(how)) {
    return { op: 'unary', to, type: i32, how: how as Unary, a: line.temp() };
  }
  if ((BINARY as readonly string[]).includes(how)) {
    return { op: 'binary', to, type: i32, how: how as Binary, a: line.temp(), b: line.temp() };
  }
  switch (how) {
    case 'get':
      return { op: 'get', to, type: i32, register: line.oneOf(REGISTER_NAMES, 'a register') };
    case 'word':
      return { op: 'word', to, type: i32, index: line.index(1) };
    case 'quotient':
      return { op: 'quotient', to, type: i32, high: line.temp(), low: line.temp(), divisor: line.temp() };
    case 'select':
      return { op: 'select', to, type: i32, test: line.temp(), a: line.temp(), b: line.temp() };
    case 'condition':
      return { op: 'condition', to, type: i32, code: line.oneOf(CONDITIONS, 'a condition') };
    case 'stamp':
      return { op: 'stamp', to, type: i32, half: line.oneOf(['low', 'high'], 'a half') === 0 ? 'low' : 'high' };
    case 'spare':
    case 'carry':
    case 'flags':
      return { op: how, to, type: i32 };
    case 'attempt': {
      const attempt = parseAttempt(line);
      if (!ATTEMPTS[attempt.how].gives) line.fail('an attempt that gives a value');
      return { op: 'attempt', to, type: i32, ...attempt, how: attempt.how as ValueAttempt };
    }
    default:
      return line.fail('an operation');
  }
}

function parseValue(to: Temp, line: Line): Op {
  const type = TYPES[line.oneOf(TYPES, 'a type')];
  if (!line.is('=')) line.fail('=');
  const how = line.word();
  if (how === 'peek') return { op: 'peek', to, type, index: line.index(WORDS_OF[type]) };
  if (how !== 'const') return parseTyped(to, type, how, line);
  if (type !== 'i32' && type !== 'i64') return line.fail('type i32 or i64 for const');
  return { op: 'const', to, type, value: line.number32() };
}

function parseOp(first: string, line: Line): Op {
  if (first.endsWith(':')) return parseValue(line.temp(first.slice(0, -1)), line);
  const store = /^store(8|16|32)$/.exec(first);
  if (store !== null) {
    const [address, value] = [line.temp(), line.temp()];
    return { op: 'store', size: SIZES.indexOf(store[1]) as Size, address, value, checked: line.is('checked') };
  }
  const poke = /^poke\.(\w+)$/.exec(first);
  if (poke !== null) {
    const type = TYPES.find((name) => name === poke[1]) ?? line.fail('a type behind poke.');
    return { op: 'poke', type, index: line.index(WORDS_OF[type]), value: line.temp() };
  }
  const optional = (name: string): Temp => {
    const text = line.named(name);
    return text === null ? -1 : line.temp(text);
  };
  switch (first) {
    case 'insn': {
      const [index, row] = [line.number32(), line.row()];
      const [delta, length, pc] = ['at', 'length', 'pc'].map((name) => line.number32(line.required(name)));
      return { op: 'insn', index, row, delta, length, pc };
    }
    case 'put':
      return { op: 'put', index: line.index(1), value: line.temp() };
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
      if (!line.is('writes')) line.fail('writes and registers');
      return { op: 'handler', writes: parseRegisters(line) };
    case 'assist':
      return { op: 'assist', row: line.row() };
    case 'fetch64':
    case 'fetch128':
    case 'stash64':
    case 'stash128': {
      const words = first.endsWith('64') ? 2 : 4;
      const [index, address] = [line.index(words), line.temp()];
      const op = first.startsWith('fetch') ? 'fetch' : 'stash';
      return { op, words, index, address, aligned: line.is('aligned') };
    }
    case 'attempt': {
      const attempt = parseAttempt(line);
      if (ATTEMPTS[attempt.how].gives) line.fail('an attempt that gives nothing');
      const assisted = line.is('or') && (line.is('assist') || line.fail('"assist" behind "or"'));
      return { op: 'attempt', ...attempt, how: attempt.how as WordAttempt, assisted };
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

/** Inverse of print. Throws IrTextError; whether the function makes sense is for validate to say. */
export function parse(text: string): IrFunction {
  const blocks: Block[] = [];
  let mode = -1;
  let open: { delta: number; count: number; temps: number; ops: Op[] } | null = null;
  text.split('\n').forEach((source, index) => {
    if (source.replace(/;.*/, '').trim() === '') return;
    const line = new Line(source, index + 1);
    const first = line.word();
    if (first === 'function') {
      if (!line.is('mode')) line.fail('mode');
      mode = modeOf(line.rest());
      if (mode < 0) line.fail('a mode, as in "user32"');
    } else if (first === 'block') {
      if (mode < 0 || open !== null) line.fail('the end of the block before, after a function line');
      const delta = line.number32();
      const count = line.number32(line.required('count'));
      open = { delta, count, temps: line.number32(line.required('values')), ops: [] };
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
