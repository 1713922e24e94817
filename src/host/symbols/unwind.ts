// The call chain of a guest at rest: by what a caller knows of frames (call frame information, dwarf/), by frame
// pointers, across the frames that an i386 Linux pushes at an interrupt (arch/x86/entry/entry_32.S, unwind_frame.c),
// and where nothing leads on, by the words on the stack that can be return addresses of code with a name: those are
// guesses, and marked. Changes nothing.

import type { Cpu } from '../../core/state/cpu.ts';
import { CS, EBP, EIP, ESP, MODE_CS32, MODE_KEY, SEG_BASE, SEG_SELECTOR, SS } from '../../core/state/layout.ts';
import { peekNumber } from '../../core/memory/peek.ts';
import { callBefore } from './calls.ts';
import type { SymbolTable } from './symbol-table.ts';

const FRAMES_MAX = 128;
/** A stack is searched up to its end, where stacks have this size and alignment. */
const STACK_BYTES = 0x2000;
const GUESS_BYTES_MAX = 0x2000;
/** pt_regs of i386: bx cx dx si di bp ax ds es fs gs orig_ax ip cs flags. */
const REGS_BP = 20;
const REGS_IP = 48;
const REGS_CS = 52;
const REGS_BYTES = 60;
/** Selectors of a kernel are small. */
const CS_MAX = 0x1ff;
/** What a handler has pushed before it saves registers as a whole. */
const PUSHED_BYTES_MAX = 72;
/** Bit 1 of EFLAGS is always set, bits 3, 5, 15 and those from 22 on are never (SDM 1, 3.4.3). */
const EFLAGS_ALWAYS = 0xffc0_802a;
const EFLAGS_ONE = 2;
const NONE: readonly (number | null)[] = [null, null, null, null, null, null];
/** The kernel marks a frame pointer that leads to pt_regs by taking this bit away. */
const REGS_MARK = 0x8000_0000;

/**
 * here: the next instruction. caller: a return address, by frames. interrupted: where an interrupt came. guess: a word
 * on the stack that can be a return address.
 */
export type FrameKind = 'here' | 'caller' | 'interrupted' | 'guess';

export interface Frame {
  readonly kind: FrameKind;
  /** The next instruction of the function: a return address, but for `here` and `interrupted`. */
  readonly address: number;
  /** Name and offset; '' where there is none. */
  readonly symbol: string;
  /** Of the function's frame: stack pointer and frame pointer as they are there, where known. */
  readonly registers: FrameRegisters;
  readonly isUser: boolean;
}

export interface FrameRegisters {
  readonly eip: number;
  readonly esp: number;
  readonly ebp: number;
  /** EAX, ECX, EDX, EBX, ESI, EDI where they are known in this frame; null: not. */
  readonly others: readonly (number | null)[];
}

/** One step outwards by call frame information; null: it has none for this address. */
export type FrameStep = (registers: FrameRegisters, isReturn: boolean) => FrameRegisters | null;

export function backtrace(cpu: Cpu, symbols: SymbolTable, step: FrameStep = () => null, limit = FRAMES_MAX): Frame[] {
  const { m32 } = cpu;
  const isUser = (m32[SEG_SELECTOR + CS] & 3) !== 0;
  const others = [0, 1, 2, 3, 6, 7].map((register) => m32[register] >>> 0);
  const registers = {
    eip: (m32[EIP] + m32[SEG_BASE + CS]) >>> 0,
    esp: (m32[ESP] + m32[SEG_BASE + SS]) >>> 0,
    ebp: m32[EBP] >>> 0,
    others,
  };
  const walk = new Walk(cpu, symbols, step, isUser);
  walk.push('here', registers);
  if ((m32[MODE_KEY] & MODE_CS32) === 0) return walk.frames;
  let current: FrameRegisters | null = registers;
  while (current !== null && walk.frames.length < limit) current = walk.outwards(current);
  return walk.frames;
}

class Walk {
  readonly frames: Frame[] = [];
  private readonly cpu: Cpu;
  private readonly symbols: SymbolTable;
  private readonly step: FrameStep;
  private readonly isUser: boolean;
  /** Frames that have been there: chains may lead in a circle. */
  private readonly seen = new Set<number>();

  constructor(cpu: Cpu, symbols: SymbolTable, step: FrameStep, isUser: boolean) {
    this.cpu = cpu;
    this.symbols = symbols;
    this.step = step;
    this.isUser = isUser;
  }

  push(kind: FrameKind, registers: FrameRegisters, isUser = this.isUser): void {
    const { eip } = registers;
    this.frames.push({ kind, address: eip, symbol: this.nameOf(eip, kind), registers, isUser });
  }

  /** A return address may lie behind the end of its function. */
  private nameOf(address: number, kind: FrameKind): string {
    if (kind === 'here' || kind === 'interrupted') return this.symbols.describe(address);
    const name = this.symbols.describe(address - 1);
    const match = /^(.*?)(?:\+0x([0-9a-f]+))?( \[\w+\])?$/.exec(name);
    if (match === null || name === '') return '';
    return `${match[1]}+0x${(Number.parseInt(match[2] ?? '0', 16) + 1).toString(16)}${match[3] ?? ''}`;
  }

  private word(address: number): number | null {
    return peekNumber(this.cpu, address >>> 0, 4);
  }

  private isCode(address: number): boolean {
    return address > 0xfff && this.symbols.functionAt(address - 1) !== null && callBefore(this.cpu, address) !== null;
  }

  /** The frame outside of this one, pushed; null at the end. */
  outwards(registers: FrameRegisters): FrameRegisters | null {
    const last = this.frames[this.frames.length - 1];
    const isReturn = last.kind === 'caller' || last.kind === 'guess';
    // The stack of a program is not looked at: no name of a kernel is on it.
    if (last.kind === 'interrupted' && last.isUser) return null;
    const known = this.step(registers, isReturn);
    if (known !== null) {
      if (known.eip === 0 || this.seen.has(known.esp)) return null;
      this.seen.add(known.esp);
      this.push('caller', known);
      return known;
    }
    const entered = isReturn ? null : this.atEntry(registers);
    if (entered !== null) return this.called(entered);
    const { ebp, esp } = registers;
    const before = last.kind === 'here' ? this.justInterrupted(registers) : null;
    if (before !== null) return before;
    if (ebp !== 0 && ebp < REGS_MARK) {
      const interrupted = this.interruption((ebp | REGS_MARK) >>> 0);
      if (interrupted !== null) return interrupted;
    }
    const [following, address] = [this.word(ebp), this.word(ebp + 4)];
    if ((ebp & 3) === 0 && ebp !== 0 && following !== null && address !== null && !this.seen.has(ebp)) {
      if (this.isCode(address)) {
        const skipped = this.frameless(registers, ebp);
        if (skipped !== null) return this.called(skipped);
        this.seen.add(ebp);
        return this.called({ eip: address, esp: ebp + 8, ebp: following, others: [] });
      }
      if (following === 0 && address === 0) return null;
    }
    return this.guess(Math.max(esp, last.registers.esp), ebp);
  }

  private called(registers: FrameRegisters, kind: FrameKind = 'caller'): FrameRegisters {
    const all = {
      ...registers,
      others: registers.others.length === 0 ? [null, null, null, null, null] : registers.others,
    };
    this.push(kind, all);
    return all;
  }

  /** Before a function has made its frame its caller's is still in EBP. */
  private atEntry({ eip, esp, ebp, others }: FrameRegisters): FrameRegisters | null {
    const found = this.symbols.functionAt(eip);
    if (found === null) return null;
    const bytes = Array.from({ length: 8 }, (_, i) => peekNumber(this.cpu, found.address + i, 1) ?? 0);
    // A call or five bytes of nothing for tracers stand first in a kernel.
    const skip =
      bytes[0] === 0xe8 || (bytes[0] === 0x3e && bytes[1] === 0x8d) || (bytes[0] === 0x0f && bytes[1] === 0x1f);
    const push = skip ? 5 : 0;
    if (bytes[push] !== 0x55) return null;
    const offset = eip - found.address;
    const at = offset <= push ? esp : offset === push + 1 ? esp + 4 : -1;
    const address = at < 0 ? null : this.word(at);
    return address !== null && this.isCode(address) ? { eip: address, esp: at + 4, ebp, others } : null;
  }

  /**
   * A function without a frame of its own was called by that of EBP: the return address lies between, and its call led
   * to where we are.
   */
  private frameless({ eip, esp, ebp, others }: FrameRegisters, limit: number): FrameRegisters | null {
    const last = this.frames[this.frames.length - 1];
    if (last.kind === 'caller' || last.kind === 'guess') return null;
    const start = this.symbols.functionAt(eip)?.address;
    if (start === undefined || this.hasFrame(start)) return null;
    for (let at = esp; at < limit && at < esp + GUESS_BYTES_MAX; at += 4) {
      const address = this.word(at);
      if (address === null) return null;
      if (this.isCode(address) && callBefore(this.cpu, address)?.target === start) {
        return { eip: address, esp: at + 4, ebp, others };
      }
    }
    return null;
  }

  /** Whether the function makes a frame within its first bytes: PUSH EBP; MOV EBP, ESP. */
  private hasFrame(start: number): boolean {
    const bytes = Array.from({ length: 16 }, (_, i) => peekNumber(this.cpu, start + i, 1) ?? 0);
    return bytes.some((byte, i) => byte === 0x55 && (bytes[i + 1] === 0x89 || bytes[i + 1] === 0x8b));
  }

  /** Where an interrupt or exception came, by the registers that the kernel saved. */
  private interruption(at: number): FrameRegisters | null {
    const [ebp, eip, cs] = [this.word(at + REGS_BP), this.word(at + REGS_IP), this.word(at + REGS_CS)];
    if (ebp === null || eip === null || cs === null || this.seen.has(at) || !this.isPlace(eip, cs)) return null;
    this.seen.add(at);
    return this.interrupted({ eip, esp: at + REGS_BYTES, ebp, others: NONE }, cs);
  }

  /** The handler has saved nothing yet: EIP, CS and EFLAGS as the processor pushed them are near the top. */
  private justInterrupted({ eip, esp, ebp, others }: FrameRegisters): FrameRegisters | null {
    const start = this.symbols.functionAt(eip)?.address;
    if (start === undefined || this.hasFrame(start)) return null;
    for (let at = esp; at < esp + PUSHED_BYTES_MAX; at += 4) {
      const [from, cs, eflags] = [this.word(at), this.word(at + 4), this.word(at + 8)];
      if (from === null || cs === null || eflags === null) return null;
      if ((eflags & EFLAGS_ALWAYS) !== EFLAGS_ONE || !this.isPlace(from, cs)) continue;
      return this.interrupted({ eip: from, esp: at + 12, ebp, others }, cs);
    }
    return null;
  }

  /** The kernel keeps notes in the upper half of the word that CS has. */
  private isPlace(eip: number, cs: number): boolean {
    const selector = cs & 0xffff;
    if (selector < 8 || selector > CS_MAX) return false;
    return (cs & 3) === 3 || ((cs & 3) === 0 && this.symbols.functionAt(eip) !== null);
  }

  private interrupted(registers: FrameRegisters, cs: number): FrameRegisters {
    this.push('interrupted', registers, (cs & 3) === 3);
    return registers;
  }

  /** The next word on the stack that can be a return address. */
  private guess(esp: number, ebp: number): FrameRegisters | null {
    const limit = Math.min(((esp & -STACK_BYTES) >>> 0) + STACK_BYTES, esp + GUESS_BYTES_MAX);
    for (let at = esp & ~3; at >>> 0 < limit; at += 4) {
      const value = this.word(at);
      if (value === null) return null;
      if (this.isCode(value))
        return this.called({ eip: value, esp: (at + 4) >>> 0, ebp: at + 4 <= ebp ? ebp : 0, others: [] }, 'guess');
    }
    return null;
  }
}
