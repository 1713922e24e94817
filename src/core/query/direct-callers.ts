/**
 * Places behind direct calls of functions (E8 rel32), found in memory: with them every part of a run knows from its
 * beginning where calls return to. Indirect calls are learnt on the way; a place that is none costs nothing but time.
 */
import { peekPhysical } from '../memory/peek.ts';
import type { Machine } from '../machine/machine.ts';
import { RAM_BASE } from '../state/layout.ts';

/** A kernel or a program is no longer than this, on either side. */
const REACH_BYTES = 1 << 24;
const CALL_OPCODE = 0xe8;
const CALL_BYTES = 5;

/** `machine` stands where the code is mapped; addresses are linear. */
export function directCallers({ cpu, memory }: Machine, addresses: readonly number[]): number[] {
  const wanted = new Set(addresses);
  const found = new Set<number>();
  const scanned = new Set<number>();
  const { m8, ramBytes, view } = memory;
  for (const address of addresses) {
    const physical = peekPhysical(cpu, address);
    if (physical < 0 || physical >= ramBytes) continue;
    const delta = address - physical;
    if (scanned.has(delta)) continue;
    scanned.add(delta);
    const last = Math.min(ramBytes, physical + REACH_BYTES) - CALL_BYTES;
    const first = Math.max(0, physical - REACH_BYTES);
    for (let at = m8.indexOf(CALL_OPCODE, RAM_BASE + first); at >= 0; at = m8.indexOf(CALL_OPCODE, at + 1)) {
      if (at > RAM_BASE + last) break;
      const next = (at - RAM_BASE + CALL_BYTES + delta) >>> 0;
      if (wanted.has((next + view.getInt32(at + 1, true)) >>> 0)) found.add(next);
    }
  }
  return [...found];
}
