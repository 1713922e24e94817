// What every IR function must satisfy, whoever made it; a violation is a broken invariant and throws with the place.
// Values are assigned once, before they are read, and are of the type that each reader takes; instructions are in order
// and complete; within an instruction nothing that the guest can see changes before an operation that can go the slow
// way; words of the CPU block are those that the operation may touch, and scratch words are written in the same
// instruction before they are read; a checked access stands behind one that shows it to be plain; handlers are called
// as their rows allow.

import { ROWS } from '../../src/core/isa/ops.ts';
import { EFLAGS, INTR, PLACED, UNPROTECTED } from '../../src/core/state/layout.ts';
import { ATTEMPTS } from './attempts.ts';
import {
  type Block,
  canGoSlow,
  exitUse,
  type IrFunction,
  laneBits,
  type Op,
  type Temp,
  type Type,
  unknown,
  usesOf,
  WORDS_OF,
} from './ir.ts';
import { isNamed, isScratch } from './names.ts';

/** By word of the CPU block: scratch, x87 and SSE state, what handlers alone change, or none of these. */
const WORD_USES: readonly ('scratch' | 'float' | 'system' | 'other' | undefined)[] = (() => {
  const uses: ('scratch' | 'float' | 'system' | 'other')[] = [];
  for (const { group, offset, size } of PLACED.values()) {
    for (let word = offset >> 2; word < (offset + size) >> 2; word++) {
      if (isScratch(word)) uses[word] = 'scratch';
      else if (group === 'fpu' || group === 'sse') uses[word] = 'float';
      else uses[word] = group === 'segment' || group === 'system' ? 'system' : 'other';
    }
  }
  return uses;
})();

/** What the loop and the TLB say to compiled code. */
const LOOP_WORDS: ReadonlySet<number> = new Set([INTR, UNPROTECTED]);

/** The type of every value that the operation reads. */
function operandType(op: Op): Type {
  switch (op.op) {
    case 'vector':
    case 'shuffle':
    case 'laneShift':
    case 'mask':
      return 'v128';
    case 'convert':
      return op.how === 'promote' ? 'f32' : 'i32';
    case 'poke':
      return op.type;
    default:
      return 'i32';
  }
}

/** The types that the operation can give. */
function resultTypes(op: Extract<Op, { to: Temp }>): readonly Type[] {
  switch (op.op) {
    case 'vector':
    case 'shuffle':
    case 'laneShift':
      return ['v128'];
    case 'convert':
      return ['f64'];
    case 'const':
      return ['i32', 'i64'];
    case 'peek':
      return ['i32', 'i64', 'f32', 'f64', 'v128'];
    default:
      return ['i32'];
  }
}

const isBelow = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value < limit;

/** What is wrong with the numbers of an operation, '' when nothing is. Values and words are looked at elsewhere. */
function numbersOf(op: Op): string {
  switch (op.op) {
    case 'insn':
      return isBelow(op.row, ROWS.length) ? '' : `row ${op.row}`;
    case 'const':
      return (op.value | 0) === op.value ? '' : `value ${op.value}`;
    case 'get':
      return isBelow(op.register, 9) ? '' : `register ${op.register}`;
    case 'set':
      return isBelow(op.register, 8) ? '' : `register ${op.register}`;
    case 'shuffle': {
      const { length } = op.lanes;
      const isRight = (length === 4 || length === 16) && op.lanes.every((lane) => isBelow(lane, 2 * length));
      return isRight ? '' : `lanes ${op.lanes.join(' ')}`;
    }
    case 'laneShift':
      return isBelow(op.count, laneBits(op.how)) ? '' : `count ${op.count}`;
    case 'load':
      return isBelow(op.size, op.signed ? 2 : 3) ? '' : `size ${op.size}${op.signed ? ', signed' : ''}`;
    case 'store':
      return isBelow(op.size, 3) ? '' : `size ${op.size}`;
    case 'cc':
      return isBelow(op.kind - 1, 24) ? '' : `kind ${op.kind}`;
    case 'condition':
      return isBelow(op.code, 16) ? '' : `condition ${op.code}`;
    case 'handler':
      return isBelow(op.writes, 256) ? '' : `registers ${op.writes}`;
    default:
      return '';
  }
}

/** What an access proves, and what a checked one needs. */
interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  readonly size: number;
}

/** Whether the flags in front of an operation matter: it reads them, or its slow way hands them on. */
const seesFlags = (op: Op): boolean =>
  canGoSlow(op) || op.op === 'handler' || op.op === 'condition' || op.op === 'carry' || op.op === 'flags';

class BlockValidator {
  private readonly block: Block;
  private readonly types: (Type | undefined)[];
  private index = -1;
  private insn: Extract<Op, { op: 'insn' }> | null = null;
  /** What has changed something that the guest can see, in this instruction. */
  private changed: Op | null = null;
  private handled = false;
  /** Scratch words that this instruction has written. */
  private readonly written = new Set<number>();
  /** An assist whose flags have not been taken from EFLAGS yet. */
  private hasFlags = false;
  /** They were not taken by its instruction: all is well only if nobody sees flags before others replace them. */
  private lacksFlags = false;
  private readonly proven = new Map<Temp, Rights[]>();

  constructor(block: Block) {
    this.block = block;
    this.types = new Array(block.temps).fill(undefined);
  }

  private complain(text: string): never {
    throw new Error(`block at ${this.block.delta}, instruction ${this.index}: ${text}`);
  }

  private read(temp: Temp, type: Type, by: string): void {
    const found = this.types[temp];
    if (found === undefined) this.complain(`${by} reads v${temp} before it is assigned`);
    if (found !== type) this.complain(`${by} takes ${type}, and v${temp} is ${found}`);
  }

  private define(op: Extract<Op, { to: Temp }>): void {
    if (!isBelow(op.to, this.block.temps)) this.complain(`v${op.to} is beyond the number of values`);
    if (this.types[op.to] !== undefined) this.complain(`v${op.to} is assigned twice`);
    if (!resultTypes(op).includes(op.type)) this.complain(`${op.op} gives no ${op.type}`);
    this.types[op.to] = op.type;
  }

  private readWords(index: number, count: number, by: string): void {
    if (!isNamed(index, count)) this.complain(`${by}: ${count} words at ${index} are no unit`);
    for (let word = index; word < index + count; word++) {
      if (WORD_USES[word] === 'float' || (by === 'peek' && LOOP_WORDS.has(word))) continue;
      if (WORD_USES[word] !== 'scratch') this.complain(`${by} reads word ${word}, which is neither float nor scratch`);
      if (!this.written.has(word)) this.complain(`${by} reads scratch that this instruction has not written`);
    }
  }

  private writeWords(index: number, count: number, op: Op): void {
    if (!isNamed(index, count)) this.complain(`${op.op}: ${count} words at ${index} are no unit`);
    for (let word = index; word < index + count; word++) {
      if (WORD_USES[word] === 'scratch') this.written.add(word);
      else if (WORD_USES[word] === 'float') this.changed = op;
      else this.complain(`${op.op} writes word ${word}, which is neither float nor scratch`);
    }
  }

  private attempt(op: Extract<Op, { op: 'attempt' }>): void {
    const { a, b, changes, gives } = ATTEMPTS[op.how];
    if (gives !== 'to' in op) this.complain(`attempt ${op.how} ${gives ? 'gives a value' : 'gives nothing'}`);
    const sides = [
      [a, op.a],
      [b, op.b],
    ] as const;
    for (const [role, value] of sides) {
      if (role.is === 'number' && !isBelow(value, role.below)) this.complain(`attempt ${op.how} with ${value}`);
      if (role.is !== 'words') continue;
      if (role.at !== undefined && role.at !== value) this.complain(`attempt ${op.how} with words at ${value}`);
      if (role.reads) this.readWords(value, role.words, `attempt ${op.how}`);
    }
    for (const [role, value] of sides) {
      if (role.is === 'words' && role.writes) this.writeWords(value, role.words, op);
    }
    if ('to' in op || !op.assisted) {
      if (changes !== 'none') this.changed = op;
      return;
    }
    if (changes === 'none') this.complain(`attempt ${op.how} or assist, which changes more`);
    this.assist(op, this.insn?.row ?? 0);
  }

  private access(op: Extract<Op, { op: 'load' | 'store' }>): void {
    const rights: Rights = { read: op.op === 'load', write: op.op === 'store' || op.write, size: op.size };
    const found = this.proven.get(op.address) ?? [];
    if (!op.checked) {
      this.proven.set(op.address, [...found, rights]);
      return;
    }
    const covers = ({ read, write, size }: Rights): boolean =>
      size >= rights.size && (read || !rights.read) && (write || !rights.write);
    if (!found.some(covers))
      this.complain(`${op.op} at v${op.address} is checked, and nothing before it has shown that`);
  }

  private begin(op: Extract<Op, { op: 'insn' }>): void {
    this.end();
    const following = this.insn === null ? this.block.delta : this.insn.delta + this.insn.length;
    this.index++;
    if (op.index !== this.index) this.complain(`it has number ${op.index}`);
    if (op.delta !== following) this.complain(`it is at ${op.delta}, not ${following}`);
    this.insn = op;
    this.changed = null;
    this.handled = false;
    this.written.clear();
  }

  /** Behind an instruction's last operation. */
  private end(): void {
    if (this.hasFlags) this.lacksFlags = true;
    this.hasFlags = false;
  }

  private assist(op: Op, row: number): void {
    if (this.changed !== null) this.complain(`assist after ${this.changed.op}`);
    if (row !== this.insn?.row) this.complain(`assist of row ${row} in an instruction of row ${this.insn?.row}`);
    if (ROWS[row].assists === '') this.complain(`${ROWS[row].name} does not say that its handler may assist`);
    this.changed = op;
    this.hasFlags = ROWS[row].flags.written !== '';
  }

  private handler(op: Extract<Op, { op: 'handler' }>): void {
    if (this.changed !== null) this.complain(`handler after ${this.changed.op}`);
    const { name, writes } = ROWS[this.insn?.row ?? 0];
    if ((writes.registers & ~op.writes) !== 0)
      this.complain(`the handler of ${name} writes more registers than it says`);
    this.handled = true;
    this.proven.clear();
  }

  private effect(op: Op): void {
    switch (op.op) {
      case 'set':
        this.changed = op;
        break;
      case 'cc':
      case 'bits':
        this.changed = op;
        this.lacksFlags = false;
        break;
      case 'load':
        this.access(op);
        break;
      case 'store':
        this.access(op);
        this.changed = op;
        break;
      case 'handler':
        this.handler(op);
        break;
      case 'assist':
        this.assist(op, op.row);
        break;
      case 'word':
        if (WORD_USES[op.index] !== 'system' && op.index !== EFLAGS)
          this.complain(`word ${op.index} is not for handlers alone`);
        break;
      case 'put':
        if (WORD_USES[op.index] !== 'system' && op.index !== EFLAGS) this.complain(`put changes word ${op.index}`);
        this.changed = op;
        break;
      case 'peek':
        if (op.index === EFLAGS && op.type === 'i32' && this.hasFlags) this.hasFlags = false;
        else this.readWords(op.index, WORDS_OF[op.type], op.op);
        break;
      case 'poke':
        this.writeWords(op.index, WORDS_OF[op.type], op);
        break;
      case 'fetch':
        this.writeWords(op.index, op.words, op);
        break;
      case 'stash':
        this.readWords(op.index, op.words, op.op);
        this.changed = op;
        break;
      case 'attempt':
        this.attempt(op);
        break;
      case 'insn':
      case 'const':
      case 'get':
      case 'spare':
      case 'stamp':
      case 'unary':
      case 'binary':
      case 'select':
      case 'quotient':
      case 'vector':
      case 'shuffle':
      case 'laneShift':
      case 'mask':
      case 'convert':
      case 'guard':
      case 'condition':
      case 'carry':
      case 'flags':
        break;
      default:
        unknown(op);
    }
  }

  run(): void {
    const { block } = this;
    for (const op of block.ops) {
      if (op.op === 'insn') this.begin(op);
      if (this.insn === null) this.complain(`${op.op} before the first instruction`);
      if (this.handled) this.complain(`${op.op} after the handler`);
      const wrong = numbersOf(op);
      if (wrong !== '') this.complain(`${op.op} with ${wrong}`);
      const type = operandType(op);
      for (const temp of usesOf(op)) this.read(temp, type, op.op);
      if (canGoSlow(op) && this.changed !== null) this.complain(`${op.op} can go slow after ${this.changed.op}`);
      if (this.lacksFlags && seesFlags(op)) this.complain(`${op.op} sees flags that were not taken from a handler`);
      this.effect(op);
      if ('to' in op) this.define(op);
    }
    this.end();
    if (this.lacksFlags) this.complain('its exit sees flags that were not taken from a handler');
    if (this.index + 1 !== block.count) this.complain(`it is the last, and there should be ${block.count}`);
    const use = exitUse(block.exit);
    if (use >= 0) this.read(use, 'i32', block.exit.exit);
    if ((block.exit.exit === 'leave') !== (this.handled && block.exit.exit !== 'jump')) {
      this.complain(`exit ${block.exit.exit} does not fit the last instruction`);
    }
  }
}

/** Throws Error naming block, instruction and violation. */
export function validate(fn: IrFunction): void {
  const deltas = new Set<number>();
  if (fn.blocks.length === 0 || fn.blocks[0].delta !== 0) throw new Error('the entry block is not at delta 0');
  for (const block of fn.blocks) {
    if (deltas.has(block.delta)) throw new Error(`two blocks at delta ${block.delta}`);
    deltas.add(block.delta);
    new BlockValidator(block).run();
  }
}
