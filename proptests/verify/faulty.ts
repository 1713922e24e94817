/**
 * Engines with a known fault, to show that verification finds it. Each wraps the interpreter and does something wrong
 * from a tick on: what a miscompiled instruction, a dropped spill or a lost tick look like from outside.
 */
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { OP, rowOf } from '../../src/core/isa/ops.ts';
import { INSTRUCTION_BYTES_MAX, META_OP_MASK, R_META, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { peekBytes } from '../../src/core/memory/peek.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { CS, EIP, MODE_CS32, MODE_KEY, SEG_BASE } from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';

function bytesAt(cpu: Cpu, linear: number): Uint8Array {
  const bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);
  peekBytes(cpu, linear, bytes);
  return bytes;
}

export type Damage = (cpu: Cpu) => void;

/** The next `count` instructions of the slice as a slice of their own; whether all of them were done. */
export function runSome(inner: Engine, cpu: Cpu, count: number): boolean {
  const rest = cpu.left - count;
  cpu.left = count;
  cpu.deadlineTick -= rest;
  inner.run(cpu);
  const isDone = cpu.left === 0;
  cpu.left += rest;
  cpu.deadlineTick += rest;
  return isDone;
}

/** Runs exactly to `tick`, does one instruction there, then the damage: as if that instruction were wrong. */
export class FaultyAtTick implements Engine {
  readonly name = 'faulty';
  private readonly inner: Interpreter;
  private readonly tick: number;
  private readonly damage: Damage;
  constructor(cpu: Cpu, tick: number, damage: Damage) {
    this.inner = new Interpreter(cpu);
    this.tick = tick;
    this.damage = damage;
  }
  drop(): void {
    this.inner.drop();
  }
  run(cpu: Cpu): void {
    const now = cpu.now();
    const most = now < this.tick ? this.tick - now : now === this.tick ? 1 : cpu.left;
    const rest = Math.max(0, cpu.left - most);
    cpu.left -= rest;
    cpu.deadlineTick -= rest;
    this.inner.run(cpu);
    if (now === this.tick && cpu.left === 0) this.damage(cpu);
    cpu.left += rest;
    cpu.deadlineTick += rest;
  }
}

/**
 * Wrong when it comes to a linear address for the n-th time since its code was dropped, and ever after: what an engine
 * compiled long ago has gone stale. From a snapshot it is right until it has been there as often again.
 */
export class FaultyAfterVisits implements Engine {
  readonly name = 'faulty';
  private readonly inner: Interpreter;
  private readonly linear: number;
  private readonly right: number;
  private readonly damage: Damage;
  private visits = 0;
  constructor(cpu: Cpu, linear: number, right: number, damage: Damage) {
    this.inner = new Interpreter(cpu);
    this.linear = linear;
    this.right = right;
    this.damage = damage;
  }
  drop(): void {
    this.visits = 0;
    this.inner.drop();
  }
  run(cpu: Cpu): void {
    while (cpu.left > 0 && cpu.exitRequest === 0) {
      const isHere = ((cpu.m32[EIP] + cpu.m32[SEG_BASE + CS]) | 0) === this.linear;
      const isDone = runSome(this.inner, cpu, 1);
      if (isHere && isDone && ++this.visits > this.right) this.damage(cpu);
    }
  }
}

const PIECE_INSTRUCTIONS = 64;

/**
 * A compiler with a fault in one instruction. It compiles straight pieces of up to 64 instructions when it meets their
 * start for the second time, and runs a piece whole or, when the budget does not cover it, not at all; then, and at
 * first sight, it does instruction by instruction, rightly. The damage shows at the end of a piece that has `op` in it.
 */
export class FaultyInPieces implements Engine {
  readonly name = 'faulty';
  private readonly inner: Interpreter;
  private readonly op: number;
  private readonly damage: Damage;
  private readonly seen = new Set<number>();
  /** By linear address of the start; the guests here do not change their code. */
  private readonly pieces = new Map<number, number[]>();
  constructor(cpu: Cpu, op: keyof typeof OP, damage: Damage) {
    this.inner = new Interpreter(cpu);
    this.op = OP[op];
    this.damage = damage;
  }
  drop(): void {
    this.seen.clear();
    this.inner.drop();
  }
  run(cpu: Cpu): void {
    while (cpu.left > 0 && cpu.exitRequest === 0) {
      const start = (cpu.m32[EIP] + cpu.m32[SEG_BASE + CS]) | 0;
      const ops = this.pieces.get(start) ?? pieceAt(cpu, PIECE_INSTRUCTIONS);
      this.pieces.set(start, ops);
      const isCompiled = this.seen.has(start) && ops.length > 1 && ops.length <= cpu.left;
      this.seen.add(start);
      const count = isCompiled ? ops.length : 1;
      const left = cpu.left;
      runSome(this.inner, cpu, count);
      if (isCompiled && ops.includes(this.op) && left - cpu.left === count) this.damage(cpu);
    }
  }
}

/** Row numbers of the instructions from EIP on, up to the first that may go elsewhere. */
function pieceAt(cpu: Cpu, countMax: number): number[] {
  const { m32 } = cpu;
  const code = new Int32Array(RECORD_WORDS);
  const ops: number[] = [];
  let at = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
  while (ops.length < countMax) {
    const bytes = bytesAt(cpu, at);
    const length = decodeInstruction(bytes, 0, bytes.length, (m32[MODE_KEY] & MODE_CS32) !== 0, code, 0);
    if (length <= 0) break;
    const op = code[R_META] & META_OP_MASK;
    ops.push(op);
    at += length;
    // What repeats takes more ticks than one, so it ends a piece too.
    if (rowOf(op).endsBlock || /^(MOVS|STOS)$/.test(rowOf(op).name)) break;
  }
  return ops;
}

/** Wrong behind a string instruction, when no slice has ended since before it. */
export class FaultyBehindRepeat implements Engine {
  readonly name = 'faulty';
  private readonly inner: Interpreter;
  private readonly repeat: number;
  private readonly behind: number;
  private readonly damage: Damage;
  private before = 0;
  private isWhole = false;
  constructor(cpu: Cpu, repeat: number, behind: number, damage: Damage) {
    this.inner = new Interpreter(cpu);
    this.repeat = repeat;
    this.behind = behind;
    this.damage = damage;
  }
  drop(): void {
    this.inner.drop();
  }
  run(cpu: Cpu): void {
    const { m32 } = cpu;
    while (cpu.left > 0 && cpu.exitRequest === 0) {
      if (m32[EIP] === this.repeat && this.before !== this.repeat) this.isWhole = this.before !== 0;
      else if (m32[EIP] === this.behind && this.isWhole) this.damage(cpu);
      this.before = m32[EIP];
      runSome(this.inner, cpu, 1);
    }
    if (cpu.left > 0) return;
    this.before = 0;
    this.isWhole = false;
  }
}
