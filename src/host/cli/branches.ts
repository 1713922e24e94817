// Conditional jumps of coverage: which instructions are one, and whether it will be taken, by the flags and ECX as they
// are before it (SDM 2: Jcc, JECXZ, LOOP, LOOPE, LOOPNE). Looks at bytes and registers, and changes nothing.

import type { Cpu } from '../../core/state/cpu.ts';
import { condition, getFlags } from '../../core/state/flags.ts';
import { ECX, ZF } from '../../core/state/layout.ts';

const ADDRESS_SIZE = 0x67;

/** The number of the condition: 0 to 15 of Jcc, E0h to E3h of those with ECX; null: no conditional jump. */
export function branchAt(bytes: Uint8Array): number | null {
  const at = prefixCount(bytes);
  const opcode = bytes[at] ?? 0;
  if (opcode >= 0x70 && opcode <= 0x7f) return opcode & 15;
  if (opcode >= 0xe0 && opcode <= 0xe3) return opcode;
  const second = opcode === 0x0f ? (bytes[at + 1] ?? 0) : 0;
  return second >= 0x80 && second <= 0x8f ? second & 15 : null;
}

/** Prefixes that a jump may have: hints, and its sizes. */
function prefixCount(bytes: Uint8Array): number {
  let count = 0;
  while ([0x2e, 0x3e, 0x66, ADDRESS_SIZE].includes(bytes[count])) count++;
  return count;
}

export function isTaken(cpu: Cpu, bytes: Uint8Array, bits: 16 | 32): boolean {
  const branch = branchAt(bytes);
  if (branch === null) return false;
  if (branch < 16) return condition(cpu, branch);
  const isShort = bytes.subarray(0, prefixCount(bytes)).includes(ADDRESS_SIZE) !== (bits === 16);
  const mask = isShort ? 0xffff : -1;
  const count = cpu.m32[ECX] & mask;
  if (branch === 0xe3) return count === 0;
  const goesOn = ((count - 1) & mask) !== 0;
  if (branch === 0xe2) return goesOn;
  return goesOn && ((getFlags(cpu) & ZF) !== 0) === (branch === 0xe1);
}
