// The tasks of a Linux whose symbols say nothing of its data, as those that a kernel carries itself (without
// CONFIG_KALLSYMS_ALL): init_task is found by its name and its pointers to itself, the pointer to the current task by
// the code, since most of what reads a variable of the processor reads that one. Looks at a moment, changes nothing.

import type { Cpu } from '../../core/state/cpu.ts';
import { CS, FS, GDTR_BASE, SEG_BASE, SEG_SELECTOR } from '../../core/state/layout.ts';
import { guestBytes, guestRam, guestWord, KERNEL_MIN, PAGE_OFFSET } from './guest-memory.ts';
import { CURRENT_POINTER, findOffsets, type Offsets, TASK_BYTES, taskAt } from './linux-tasks.ts';
import { symbolOf, type GuestSymbol } from './symbol-table.ts';

const NAME = 'swapper';
const OCCURRENCES_MAX = 256;
/** Selector of the segment of variables of the processor (__KERNEL_PERCPU). */
const PERCPU_SELECTOR = 0xd8;
const TEXT_BYTES_MAX = 1 << 25;
/** Of variables that are read often so many are looked at. */
const CANDIDATES_MAX = 8;

/** Linear addresses. */
export interface FoundTasks {
  readonly init: number;
  /** Of the pointer to the current task. */
  readonly pointer: number;
}

/** Null: not here, now. `likely`: what an earlier search of this run found; looked at first. */
export function findTasks(
  cpu: Cpu,
  text: { readonly from: number; readonly to: number },
  likely: FoundTasks | null = null,
): FoundTasks | null {
  if (likely !== null && isThere(cpu, likely)) return likely;
  const init = findInitTask(cpu);
  const offsets = init === null ? null : findOffsets(cpu, init);
  const pointer = offsets === null ? null : findPointer(cpu, text, offsets);
  return init === null || pointer === null ? null : { init, pointer };
}

export const namesOfTasks = ({ init, pointer }: FoundTasks): GuestSymbol[] => [
  symbolOf('init_task', init, 'data'),
  symbolOf(CURRENT_POINTER, pointer, 'data'),
];

function isThere(cpu: Cpu, { init, pointer }: FoundTasks): boolean {
  const offsets = findOffsets(cpu, init);
  return offsets !== null && offsets.parent !== null && leadsToTask(cpu, pointer, offsets);
}

function leadsToTask(cpu: Cpu, pointer: number, offsets: Offsets): boolean {
  const task = guestWord(cpu, pointer);
  return task !== null && task >= KERNEL_MIN && taskAt(cpu, task, offsets) !== null;
}

/** Its real parent, its parent and the leader of its group are itself, and stand before its name. */
function findInitTask(cpu: Cpu): number | null {
  const ram = guestRam(cpu);
  let at = ram.indexOf(NAME);
  for (let count = 0; at >= 0 && count < OCCURRENCES_MAX; count++, at = ram.indexOf(NAME, at + 1)) {
    if (!/^swapper(?:\/0)?\0/.test(ram.toString('latin1', at, at + 16)) || at % 4 !== 0) continue;
    for (let word = at - 4; word >= Math.max(0, at - TASK_BYTES); word -= 4) {
      const task = ram.readUInt32LE(word);
      const begin = task - PAGE_OFFSET;
      if (begin < 0 || begin > word || at - begin > TASK_BYTES || word + 28 > ram.length) continue;
      if (ram.readUInt32LE(word + 4) === task && ram.readUInt32LE(word + 24) === task) return task;
    }
  }
  return null;
}

function findPointer(cpu: Cpu, { from, to }: { from: number; to: number }, offsets: Offsets): number | null {
  const base = processorBase(cpu);
  if (base === null) return null;
  const bytes = Buffer.alloc(Math.max(0, Math.min(to - from, TEXT_BYTES_MAX)));
  const code = bytes.subarray(0, guestBytes(cpu, from, bytes));
  const counts = new Map<number, number>();
  for (let at = code.indexOf(0x64); at >= 0 && at + 7 <= code.length; at = code.indexOf(0x64, at + 1)) {
    // mov eax, fs:[x] and mov reg, fs:[x]
    const isShort = code[at + 1] === 0xa1;
    if (!isShort && (code[at + 1] !== 0x8b || (code[at + 2] & 0xc7) !== 5)) continue;
    const variable = code.readUInt32LE(at + (isShort ? 2 : 3));
    counts.set(variable, (counts.get(variable) ?? 0) + 1);
  }
  const often = [...counts].sort(([, a], [, b]) => b - a).slice(0, CANDIDATES_MAX);
  for (const [variable] of often) {
    const pointer = (variable + base) >>> 0;
    if (leadsToTask(cpu, pointer, offsets)) return pointer;
  }
  return null;
}

/** Where the variables of the first processor lie; null: the kernel has not set that up. */
function processorBase(cpu: Cpu): number | null {
  const { m32 } = cpu;
  const isKernel = (m32[SEG_SELECTOR + CS] & 3) === 0;
  if (isKernel && (m32[SEG_SELECTOR + FS] & 0xfffc) === PERCPU_SELECTOR) return m32[SEG_BASE + FS] >>> 0;
  const [low, high] = [0, 4].map((offset) => guestWord(cpu, (m32[GDTR_BASE] >>> 0) + PERCPU_SELECTOR + offset));
  if (low === null || high === null || high === 0) return null;
  return ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0;
}
