/**
 * Code as a graph of instructions, for those who ask what could have led somewhere: swept from a beginning on, in step
 * again at each known start of a function. Indirect jumps and calls lead nowhere that is known. SDM 2, Jcc, JMP, CALL,
 * LOOP.
 */
import { CONDITIONS } from '../../base/names.ts';
import { R_B, R_IMM } from '../../isa/record.ts';
import type { Cpu } from '../../state/cpu.ts';
import { CS, ECX, MODE_CS32, MODE_KEY, SEG_BASE, ZF } from '../../state/layout.ts';
import { condition, getFlags } from '../../state/flags.ts';
import { type Instruction, instructionAt } from './operands.ts';

/** What an instruction does to the flow. */
export type FlowKind = 'plain' | 'branch' | 'jump' | 'call' | 'stop';

export interface Coded {
  readonly linear: number;
  readonly next: number;
  readonly kind: FlowKind;
  /** Of direct branches, jumps and calls. */
  readonly target: number | null;
}

const BRANCHES = new Set(['JCC', 'LOOP', 'LOOPE', 'LOOPNE', 'JCXZ']);
const STOPS = new Set([
  ...['JMP_IND', 'JMP_FAR', 'JMP_FAR_IND', 'RET', 'RET_FAR', 'IRET', 'SYSEXIT', 'UD0', 'UD1', 'UD2', 'RSM'],
]);

export class CodeMap {
  private readonly byAddress = new Map<number, Coded>();
  /** Who leads to an address. */
  private readonly before = new Map<number, Coded[]>();

  /** Adds the code in [from, to); `starts` ascend. */
  sweep(cpu: Cpu, from: number, to: number, starts: readonly number[]): void {
    let index = starts.findIndex((start) => start > from);
    for (let at = from; at < to; ) {
      while (index >= 0 && index < starts.length && starts[index] <= at) index++;
      const limit = index < 0 || index >= starts.length ? to : starts[index];
      const found = instructionAt(cpu, at);
      const next = at + (found?.length ?? 1);
      if (next > limit && limit > at) {
        at = limit;
        continue;
      }
      if (found !== null) this.add(codedOf(cpu, found));
      at = next;
    }
  }

  has(linear: number): boolean {
    return this.byAddress.has(linear);
  }

  private add(coded: Coded): void {
    if (this.byAddress.has(coded.linear)) return;
    this.byAddress.set(coded.linear, coded);
    const { kind, next, target } = coded;
    if (kind !== 'stop' && kind !== 'jump') this.note(next, coded);
    if (target !== null) this.note(target, coded);
  }

  private note(address: number, coded: Coded): void {
    const list = this.before.get(address);
    if (list === undefined) this.before.set(address, [coded]);
    else list.push(coded);
  }

  /** Instructions after which the one at an address can come at once. */
  leadingTo(linear: number): readonly Coded[] {
    return this.before.get(linear) ?? [];
  }
}

function codedOf(cpu: Cpu, { row, code, linear, length }: Instruction): Coded {
  const base = cpu.m32[SEG_BASE + CS];
  const next = (linear + length) >>> 0;
  const is32 = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0;
  const isDirect = BRANCHES.has(row.name) || row.name === 'JMP' || row.name === 'CALL';
  const offset = next - base + code[R_IMM];
  const target = isDirect ? ((is32 ? offset : offset & 0xffff) + base) >>> 0 : null;
  const kind: FlowKind = BRANCHES.has(row.name)
    ? 'branch'
    : row.name === 'JMP'
      ? 'jump'
      : row.name === 'CALL'
        ? 'call'
        : STOPS.has(row.name)
          ? 'stop'
          : 'plain';
  return { linear, next, kind, target };
}

/** Whether the branch that the processor stands before will be taken. */
export function isTaken(cpu: Cpu, { row, code }: Instruction): boolean {
  const left = (cpu.m32[ECX] - 1) | 0;
  const isZero = (getFlags(cpu) & ZF) !== 0;
  switch (row.name) {
    case 'LOOP':
      return left !== 0;
    case 'LOOPE':
      return left !== 0 && isZero;
    case 'LOOPNE':
      return left !== 0 && !isZero;
    case 'JCXZ':
      return cpu.m32[ECX] === 0;
    default:
      return condition(cpu, code[R_B]);
  }
}

/** `z`, or what else a branch asks. */
export function conditionName({ row, code }: Instruction): string {
  return row.name === 'JCC' ? CONDITIONS[code[R_B]] : row.name.toLowerCase();
}
