// Return addresses: whether a near CALL can end just before an address, and where it led. Reads guest memory without
// touching it.

import { peekBytes } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';

const CALL_BYTES_MAX = 7;

export interface CallBefore {
  /** Of a direct call; null: through a register or memory. */
  readonly target: number | null;
}

/** The call that a return address may be of; null: there is none before it. */
export function callBefore(cpu: Cpu, address: number): CallBefore | null {
  const bytes = new Uint8Array(CALL_BYTES_MAX);
  const first = (address - CALL_BYTES_MAX) >>> 0;
  if (peekBytes(cpu, first, bytes) < CALL_BYTES_MAX) return null;
  if (bytes[2] === 0xe8) {
    // CALL rel32
    return { target: (address + new DataView(bytes.buffer).getInt32(3, true)) >>> 0 };
  }
  // CALL r/m32: FF /2 with 0, 1 or 4 bytes of displacement, with or without SIB.
  for (let length = 2; length <= CALL_BYTES_MAX; length++) {
    const modrm = bytes[CALL_BYTES_MAX + 1 - length];
    if (bytes[CALL_BYTES_MAX - length] === 0xff && ((modrm >>> 3) & 7) === 2 && lengthOf(bytes, length) === length) {
      return { target: null };
    }
  }
  return null;
}

/** Length of FF with its ModRM, SIB and displacement (SDM 2, table 2-2). */
function lengthOf(bytes: Uint8Array, length: number): number {
  const at = CALL_BYTES_MAX + 1 - length;
  const [mod, rm] = [bytes[at] >>> 6, bytes[at] & 7];
  if (mod === 3) return 2;
  const hasSib = rm === 4;
  const isBare = mod === 0 && (rm === 5 || (hasSib && (bytes[at + 1] & 7) === 5));
  return 2 + (hasSib ? 1 : 0) + (mod === 1 ? 1 : mod === 2 || isBare ? 4 : 0);
}
