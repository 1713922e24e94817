/**
 * Which process of a Linux guest runs at a moment: the name in the task that its variable of the processor points to.
 * Read by physical addresses, since user mode may not have the kernel mapped: tasks lie in the direct mapping, where
 * linear and physical addresses differ by one number. Looks, and changes nothing.
 */
import { peekPhysicalBytes } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';

/** Where a kernel says so, as a host has found out. */
export interface CurrentTask {
  /** Physical address of the pointer to the current task. */
  readonly pointerAt: number;
  /** Linear less physical address of what the direct mapping has. */
  readonly directOffset: number;
  /** Of the name in a task. */
  readonly nameOffset: number;
}

/** TASK_COMM_LEN. */
export const NAME_BYTES = 16;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;
const bytes = new Uint8Array(NAME_BYTES);
const word = new DataView(bytes.buffer);

/** Null: there is no task yet, or nothing that is named like one. */
export function runningTaskName(cpu: Cpu, { directOffset, nameOffset, pointerAt }: CurrentTask): string | null {
  if (peekPhysicalBytes(cpu, pointerAt, bytes.subarray(0, 4)) < 4) return null;
  const at = word.getUint32(0, true) - directOffset + nameOffset;
  if (at < 0 || peekPhysicalBytes(cpu, at, bytes) < NAME_BYTES) return null;
  const end = bytes.indexOf(0);
  if (end <= 0) return null;
  for (let i = 0; i < end; i++) if (bytes[i] < FIRST_PRINTABLE || bytes[i] > LAST_PRINTABLE) return null;
  return String.fromCharCode(...bytes.subarray(0, end));
}
