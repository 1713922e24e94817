// Tasks of an i386 Linux, by its own data: where a task_struct has its name and its pid, which differs from build to
// build and is found by what init_task is known to hold, and which task is current. Looks at a moment, changes nothing.

import type { CurrentTask } from '../../core/query/current-task.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { CS, FS, SEG_BASE, SEG_SELECTOR } from '../../core/state/layout.ts';
import { guestBytes, guestPhysical, guestText, guestWord } from './guest-memory.ts';
import type { SymbolTable } from './symbol-table.ts';

/** None is larger. */
export const TASK_BYTES = 0x4000;
/** What linux-shapes.ts calls the pointer that it has found. */
export const CURRENT_POINTER = 'current_task_pointer';
const PID_MAX = 1 << 22;
const COMM_BYTES = 16;

export interface Task {
  /** Of its task_struct. */
  readonly address: number;
  readonly comm: string;
  /** Null: where it stands is not known. */
  readonly pid: number | null;
}

const nameAt = (cpu: Cpu, address: number): string | null =>
  /^([\x20-\x7e]+)\0/.exec(guestText(cpu, address, COMM_BYTES))?.[1] ?? null;

function taskText(cpu: Cpu, address: number): string {
  const bytes = new Uint8Array(TASK_BYTES);
  return Buffer.from(bytes.subarray(0, guestBytes(cpu, address, bytes))).toString('latin1');
}

export interface Offsets {
  readonly comm: number;
  /** Of the real parent; null: not found. */
  readonly parent: number | null;
  /** Null: not found. */
  readonly pid: number | null;
}

/** init_task is named swapper, and is its own parent and the leader of its group. */
export function findOffsets(cpu: Cpu, init: number): Offsets | null {
  const comm = taskText(cpu, init).search(/swapper(?:\/0)?\0/);
  if (comm < 0) return null;
  const word = (offset: number): number | null => guestWord(cpu, init + offset);
  for (let parent = 12; parent < comm; parent += 4) {
    // real_parent, parent, children, sibling, group_leader
    if (word(parent) !== init || word(parent + 4) !== init || word(parent + 24) !== init) continue;
    // pid and tgid, both 0, stand before; between them and real_parent there may be the canary of the stack protector.
    const pid = word(parent - 4) === 0 ? parent - 8 : parent - 12;
    return { comm, parent, pid: word(pid) === 0 && word(pid + 4) === 0 ? pid : null };
  }
  return { comm, parent: null, pid: null };
}

/** Where a task has its name, from its beginning on; −1: not known. */
export function taskNameOffset(cpu: Cpu, symbols: SymbolTable): number {
  const init = symbols.address('init_task');
  return (init === undefined ? null : findOffsets(cpu, init))?.comm ?? -1;
}

/** What looks like a task: it has a name, a pid, and a parent that has a name; null: it is none. */
export function taskAt(cpu: Cpu, address: number, { comm, parent, pid }: Offsets): Task | null {
  const name = nameAt(cpu, address + comm);
  const above = parent === null ? null : guestWord(cpu, address + parent);
  const number = pid === null ? null : guestWord(cpu, address + pid);
  if (name === null || above === null || nameAt(cpu, above + comm) === null) return null;
  return number === null || number > PID_MAX ? null : { address, comm: name, pid: number };
}

/** Linear address of the pointer to the current task, as it is found at the moment; null: not known. */
function currentPointer(
  cpu: Cpu,
  at: (name: string) => number | null,
  { comm }: Offsets,
  notes: string[] = [],
): number | null {
  const found = at(CURRENT_POINTER);
  if (found !== null) return guestWord(cpu, found) === null ? null : found;
  // Since Linux 6.2 current_task is the first member of pcpu_hot.
  const variable = at('current_task') ?? at('pcpu_hot');
  if (variable === null) {
    notes.push('the symbols have neither current_task nor pcpu_hot, so the current task is not known');
    return null;
  }
  // Variables of the processor are moved by an offset: the table of them, or the base of FS in the kernel.
  const table = at('__per_cpu_offset');
  const isKernel = (cpu.m32[SEG_SELECTOR + CS] & 3) === 0;
  const candidates = [table === null ? null : guestWord(cpu, table), isKernel ? cpu.m32[SEG_BASE + FS] : null, 0];
  for (const base of candidates) {
    if (base === null) continue;
    const task = guestWord(cpu, variable + base);
    if (task !== null && task !== 0 && nameAt(cpu, task + comm) !== null) return (variable + base) >>> 0;
  }
  notes.push('current_task leads to no task: too early in the boot, or the kernel is not mapped here');
  return null;
}

export function currentTask(
  cpu: Cpu,
  at: (name: string) => number | null,
  offsets: Offsets,
  notes: string[] = [],
): Task | null {
  const pointer = currentPointer(cpu, at, offsets, notes);
  const address = pointer === null ? null : guestWord(cpu, pointer);
  const comm = address === null ? null : nameAt(cpu, address + offsets.comm);
  if (address === null || comm === null) return null;
  const pid = offsets.pid === null ? null : guestWord(cpu, address + offsets.pid);
  if (pid === null) notes.push('where a task has its pid could not be found out');
  return { address, comm, pid };
}

/** Where the kernel says which task runs, by physical addresses, for those who ask at many moments; null: not known. */
export function currentTaskPlace(cpu: Cpu, symbols: SymbolTable): CurrentTask | null {
  const at = (name: string): number | null => symbols.address(name) ?? null;
  const init = at('init_task');
  const offsets = init === null ? null : findOffsets(cpu, init);
  const pointer = offsets === null ? null : currentPointer(cpu, at, offsets);
  if (init === null || offsets === null || pointer === null) return null;
  const [pointerAt, initAt] = [pointer, init].map((linear) => guestPhysical(cpu, linear));
  return pointerAt < 0 || initAt < 0 ? null : { pointerAt, directOffset: init - initAt, nameOffset: offsets.comm };
}

/** The name of the current task; null: not known, for want of symbols or of a task. */
export function currentTaskName(cpu: Cpu, symbols: SymbolTable): string | null {
  const at = (name: string): number | null => symbols.address(name) ?? null;
  const init = at('init_task');
  const offsets = init === null ? null : findOffsets(cpu, init);
  return offsets === null ? null : (currentTask(cpu, at, offsets)?.comm ?? null);
}
