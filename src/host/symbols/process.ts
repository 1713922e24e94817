// The process that symbols are of: an address means something else in every address space, so the names of a program
// hold only where it is the one that runs. A process is named as its Linux knows it (name or pid), or by CR3 as any
// guest has it, or by a program that it has loaded. Looks at a moment, changes nothing.

import type { Cpu } from '../../core/state/cpu.ts';
import { CR0, CR0_PG, CR3, CR4, CR4_PAE } from '../../core/state/layout.ts';
import { currentTask, findOffsets, type Offsets } from './linux-tasks.ts';
import type { ProgramFile } from './program-file.ts';
import type { SymbolTable } from './symbol-table.ts';

export type ProcessName =
  | { readonly kind: 'space'; readonly cr3: number }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'name'; readonly name: string }
  /** Whoever has the program in its address space. */
  | { readonly kind: 'program'; readonly program: ProgramFile };

/** A task's name is no longer (TASK_COMM_LEN). */
const COMM_CHARACTERS_MAX = 15;

/** `0x1234000` is a value of CR3, `17` a pid, anything else the name of a task, of which Linux keeps 15 characters. */
export function parseProcess(text: string): ProcessName {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return { kind: 'space', cr3: Number(text) };
  if (/^\d{1,9}$/.test(text)) return { kind: 'pid', pid: Number(text) };
  return { kind: 'name', name: text.slice(0, COMM_CHARACTERS_MAX) };
}

/** Offsets in a task are those of the kernel's build: found once. */
const offsetsOf = new WeakMap<SymbolTable, { readonly init: number; readonly offsets: Offsets }>();

function taskOffsets(cpu: Cpu, table: SymbolTable): Offsets | null {
  const init = table.address('init_task');
  if (init === undefined) return null;
  const known = offsetsOf.get(table);
  if (known !== undefined && known.init === init) return known.offsets;
  const offsets = findOffsets(cpu, init);
  if (offsets !== null) offsetsOf.set(table, { init, offsets });
  return offsets;
}

/** Whether the process is the one whose address space the processor has. False where that cannot be known. */
export function isCurrent(cpu: Cpu, process: ProcessName, table: SymbolTable): boolean {
  if (process.kind === 'space') {
    const { m32 } = cpu;
    // The low bits are no part of the address (SDM 3, 4.3 and 4.4.1).
    const mask = (m32[CR4] & CR4_PAE) === 0 ? 0xffff_f000 : 0xffff_ffe0;
    return (m32[CR0] & CR0_PG) !== 0 && ((m32[CR3] ^ process.cr3) & mask) === 0;
  }
  if (process.kind === 'program') return process.program.isHere(cpu);
  const offsets = taskOffsets(cpu, table);
  const task = offsets === null ? null : currentTask(cpu, (name) => table.address(name) ?? null, offsets);
  if (task === null) return false;
  return process.kind === 'pid' ? task.pid === process.pid : task.comm === process.name;
}
