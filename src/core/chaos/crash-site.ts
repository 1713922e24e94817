/**
 * Where a run failed, as one word by which failures are told apart: the fault and its place, and the calls that led
 * there, as return addresses that lie on the stack behind a call. What is not code any more (a jump to a place that
 * an input made up) is `wild`, wherever it went, so that one bug is one site.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import { peekBytes } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { CS, EIP, ESP, MODE_CS32, MODE_KEY, MODE_SS32, SEG_BASE, SS } from '../state/layout.ts';

export interface CrashSite {
  /** Linear. */
  readonly address: number;
  readonly isWild: boolean;
  /** Innermost first. */
  readonly returns: readonly number[];
}

const STACK_WORDS = 48;
const RETURNS_MAX = 3;
/** Bytes before a return address that are looked at. */
const CALL_BYTES = 6;

/** Whether a CALL ends before the return address: E8 rel32, or FF /2 by a register or by an absolute address. */
function isBehindCall(cpu: Cpu, address: number): boolean {
  const before = new Uint8Array(CALL_BYTES);
  if (peekBytes(cpu, (address - CALL_BYTES) | 0, before) < CALL_BYTES) return false;
  if (before[1] === 0xe8) {
    const distance = before[2] | (before[3] << 8) | (before[4] << 16) | (before[5] << 24);
    return peekBytes(cpu, (address + distance) | 0, new Uint8Array(1)) === 1;
  }
  return (before[4] === 0xff && before[5] >>> 3 === 0x1a) || (before[0] === 0xff && before[1] === 0x15);
}

/** Of a processor at the instruction that failed. */
export function crashSite(cpu: Cpu): CrashSite {
  const { m32 } = cpu;
  const address = (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
  const two = new Uint8Array(2);
  // Zeros are an instruction too, of memory that nobody has written.
  const isWild = peekBytes(cpu, address, two) < 2 || (two[0] === 0 && two[1] === 0);
  const returns: number[] = [];
  const wide = MODE_CS32 | MODE_SS32;
  if ((m32[MODE_KEY] & wide) !== wide) return { address, isWild, returns };
  const stack = new Uint8Array(4 * STACK_WORDS);
  const there = peekBytes(cpu, (m32[ESP] + m32[SEG_BASE + SS]) | 0, stack);
  const words = new DataView(stack.buffer);
  for (let at = 0; at + 4 <= there && returns.length < RETURNS_MAX; at += 4) {
    const value = words.getUint32(at, true);
    if (value >= PAGE_BYTES && isBehindCall(cpu, value + m32[SEG_BASE + CS])) returns.push(value);
  }
  return { address, isWild, returns };
}

/** `fault-13 at 100a2f < 100b00`; `what` is how the run failed. */
export function siteName(what: string, { address, isWild, returns }: CrashSite): string {
  const calls = returns.map((each) => ` < ${each.toString(16)}`).join('');
  return `${what} at ${isWild ? 'wild' : address.toString(16)}${calls}`;
}
