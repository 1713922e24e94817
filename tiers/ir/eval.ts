// Runs an IR function on a CPU, deliberately simply: one array of values, one switch; an access is plain by the TLB's
// word or goes the slow way. The referee between lifters, passes and emitters: what it gives is what the IR means.

import {
  ARITHMETIC_FLAGS,
  CC_DST,
  CC_OP,
  CC_SRC,
  CS,
  DEADLINE_F64,
  EFLAGS,
  EIP,
  MODE_CPL3,
  SEG_LIMIT,
  TSC_OFFSET_F64,
} from '../../src/core/state/layout.ts';
import {
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
} from '../../src/core/memory/tlb.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { binary, carryOf, conditionOf, flagsOf, highHalf, lowHalf, quotient, unary } from './arithmetic.ts';
import type { Wide } from './attempts.ts';
import { BASE, type Block, type IrFunction, type Op, type Temp, type Type, unknown } from './ir.ts';
import { laneShift, mask, shuffle, vector, type Vector128 } from './lanes.ts';
import { isWithin, reachOf } from './reach.ts';

/** What evaluation calls: a part of the Runtime of compiled code (tiers/runtime/runtime.ts). */
export interface EvaluationServices {
  /** Decoded records, at the arena positions that the IR names. */
  readonly code: Int32Array;
  readonly handlers: readonly ((cpu: Cpu, code: Int32Array, pc: number) => void)[];
  readonly step: (cpu: Cpu, pc: number, at: number, left: number, rest: number) => boolean;
  readonly wide: Wide;
}

/** i32 as a signed number, i64 as a bigint, f32 and f64 as numbers, v128 as four words. */
type Value = number | bigint | Vector128;

/** No delta: those are within a page. */
const LEFT = 2 ** 33;

/** Where evaluation goes after a block: a delta, or LEFT: the function was left and EIP and cpu.left are exact. */
function evaluateBlock(cpu: Cpu, fn: IrFunction, block: Block, base: number, services: EvaluationServices): number {
  const { m8, m16, m32, tlb, view } = cpu;
  const values = new Array<Value>(block.temps).fill(0);
  const user = (fn.mode & MODE_CPL3) !== 0;
  const readDeny = user ? TLB_NO_USER_READ : TLB_NO_SUPER_READ;
  const writeDeny = user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE;
  const left = cpu.left;
  let insn: Extract<Op, { op: 'insn' }> | null = null;
  let extra = 0;

  /** Let the handler do the instruction; true when the function must be left. */
  const handle = (rest: number): boolean => {
    if (insn === null) throw new Error('an operation outside any instruction');
    const before = left - insn.index - extra;
    const leave = services.step(cpu, insn.pc, (base + insn.delta) | 0, before, rest);
    extra += before - 1 - cpu.left;
    return leave;
  };
  const assist = (row: number): void => {
    if (insn === null) throw new Error('an operation outside any instruction');
    m32[EIP] = (base + insn.delta) | 0;
    services.handlers[row](cpu, services.code, insn.pc);
  };
  /** Host address of a plain access, −1 when it goes the slow way. */
  const plain = (address: number, size: number, deny: number, checked: boolean): number => {
    const entry = tlb[address >>> 12];
    if (!checked && ((entry & deny) !== 0 || (address & ((1 << size) - 1)) !== 0)) return -1;
    return ((entry & -4096) + address) | 0;
  };
  const v = (temp: Temp): number => values[temp] as number;
  const lanes = (temp: Temp): Vector128 => values[temp] as Vector128;
  const peek = (type: Type, index: number): Value => {
    const at = index << 2;
    if (type === 'i32') return m32[index];
    if (type === 'i64') return view.getBigInt64(at, true);
    if (type === 'f32') return view.getFloat32(at, true);
    return type === 'f64' ? view.getFloat64(at, true) : m32.slice(index, index + 4);
  };
  const poke = (type: Type, index: number, value: Value): void => {
    const at = index << 2;
    if (type === 'i32') m32[index] = value as number;
    else if (type === 'i64') view.setBigInt64(at, value as bigint, true);
    else if (type === 'f32') view.setFloat32(at, value as number, true);
    else if (type === 'f64') view.setFloat64(at, value as number, true);
    else m32.set(value as Vector128, index);
  };

  for (const op of block.ops) {
    switch (op.op) {
      case 'insn':
        insn = op;
        break;
      case 'const':
        values[op.to] = op.type === 'i64' ? BigInt(op.value) : op.value;
        break;
      case 'get':
        values[op.to] = op.register === BASE ? base : m32[op.register];
        break;
      case 'set':
        m32[op.register] = v(op.value);
        break;
      case 'word':
        values[op.to] = m32[op.index];
        break;
      case 'spare':
        values[op.to] = left - block.count - extra;
        break;
      case 'stamp': {
        const now = cpu.f64[DEADLINE_F64] - (left - (insn?.index ?? 0) - extra);
        const stamp = now + cpu.f64[TSC_OFFSET_F64];
        values[op.to] = op.half === 'low' ? lowHalf(stamp) : highHalf(stamp);
        break;
      }
      case 'put':
        m32[op.index] =
          op.index === EFLAGS ? (m32[EFLAGS] & ARITHMETIC_FLAGS) | (v(op.value) & ~ARITHMETIC_FLAGS) : v(op.value);
        break;
      case 'unary':
        values[op.to] = unary(op.how, v(op.a));
        break;
      case 'binary':
        values[op.to] = binary(op.how, v(op.a), v(op.b));
        break;
      case 'select':
        values[op.to] = v(op.test) !== 0 ? v(op.a) : v(op.b);
        break;
      case 'quotient':
        values[op.to] = quotient(v(op.high), v(op.low), v(op.divisor));
        break;
      case 'vector':
        values[op.to] = vector(op.how, lanes(op.a), lanes(op.b));
        break;
      case 'shuffle':
        values[op.to] = shuffle(lanes(op.a), lanes(op.b), op.lanes);
        break;
      case 'laneShift':
        values[op.to] = laneShift(op.how, lanes(op.a), op.count);
        break;
      case 'mask':
        values[op.to] = mask(op.bits, lanes(op.a));
        break;
      case 'convert':
        // Numbers of the host are f64 already.
        values[op.to] = v(op.a);
        break;
      case 'load': {
        const host = plain(v(op.address), op.size, op.write ? readDeny | writeDeny : readDeny, op.checked);
        if (host < 0) {
          handle(0);
          return LEFT;
        }
        const bits = op.size === 2 ? m32[host >>> 2] : op.size === 1 ? m16[host >>> 1] : m8[host];
        const unused = 32 - (8 << op.size);
        values[op.to] = op.signed ? (bits << unused) >> unused : bits;
        break;
      }
      case 'store': {
        const host = plain(v(op.address), op.size, writeDeny, op.checked);
        if (host < 0) {
          handle(0);
          return LEFT;
        }
        if (op.size === 2) m32[host >>> 2] = v(op.value);
        else if (op.size === 1) m16[host >>> 1] = v(op.value);
        else m8[host] = v(op.value);
        break;
      }
      case 'guard':
        if (v(op.test) !== 0) {
          handle(0);
          return LEFT;
        }
        break;
      case 'cc':
        m32[CC_OP] = op.kind + (op.carryIn < 0 ? 0 : 3 * v(op.carryIn));
        m32[CC_DST] = v(op.result);
        m32[CC_SRC] = v(op.source);
        break;
      case 'bits':
        m32[EFLAGS] = (m32[EFLAGS] & ~ARITHMETIC_FLAGS) | v(op.value);
        m32[CC_OP] = 0;
        break;
      case 'condition':
        values[op.to] = conditionOf(op.code, m32[CC_OP], m32[CC_DST], m32[CC_SRC], m32[EFLAGS]);
        break;
      case 'carry':
        values[op.to] = carryOf(m32[CC_OP], m32[CC_DST], m32[CC_SRC], m32[EFLAGS]);
        break;
      case 'flags':
        values[op.to] = flagsOf(m32[CC_OP], m32[CC_DST], m32[CC_SRC], m32[EFLAGS]);
        break;
      case 'assist':
        assist(op.row);
        break;
      case 'peek':
        values[op.to] = peek(op.type, op.index);
        break;
      case 'poke':
        poke(op.type, op.index, values[op.value]);
        break;
      case 'fetch':
      case 'stash': {
        const isFetch = op.op === 'fetch';
        const host = plain(v(op.address), op.words === 2 ? 3 : 4, isFetch ? readDeny : writeDeny, false);
        if (host < 0) {
          handle(0);
          return LEFT;
        }
        const [to, from] = isFetch ? [op.index, host >>> 2] : [host >>> 2, op.index];
        for (let k = 0; k < op.words; k++) m32[to + k] = m32[from + k];
        break;
      }
      case 'attempt': {
        const done = services.wide[op.how](op.a, op.b);
        if (!('to' in op) && op.assisted && done === 0) assist(insn?.row ?? 0);
        else if ('to' in op ? done < 0 : done === 0) {
          handle(0);
          return LEFT;
        }
        if ('to' in op) values[op.to] = done;
        break;
      }
      case 'handler': {
        const rest = block.count - (insn?.index ?? 0) - 1;
        const last = block.exit.exit === 'leave' && rest === 0;
        if (handle(rest) || last) return LEFT;
        break;
      }
      default:
        return unknown(op);
    }
  }
  cpu.left = left - block.count - extra;
  const { exit } = block;
  switch (exit.exit) {
    case 'jump':
      return exit.delta;
    case 'branch':
      return v(exit.test) !== 0 ? exit.taken : exit.next;
    case 'indirect':
      m32[EIP] = v(exit.target);
      return LEFT;
    case 'leave':
      throw new Error('a block that leaves ends with its handler');
    default:
      return unknown(exit);
  }
}

/** Execute from EIP, which is at the entry, as a compiled function does. Lets GUEST_FAULT of handlers through. */
export function evaluate(cpu: Cpu, fn: IrFunction, services: EvaluationServices): void {
  const base = cpu.m32[EIP];
  const reach = reachOf(fn);
  if (reach !== null && !isWithin(reach, base >>> 0, cpu.m32[SEG_LIMIT + CS] >>> 0)) return;
  for (let delta = 0; ; ) {
    const block = fn.blocks.find((candidate) => candidate.delta === delta);
    if (block === undefined || cpu.left < block.count) {
      cpu.m32[EIP] = (base + delta) | 0;
      return;
    }
    const next = evaluateBlock(cpu, fn, block, base, services);
    if (next === LEFT) return;
    delta = next;
  }
}
