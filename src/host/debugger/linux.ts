// The command `linux`: what an i386 Linux guest is doing here, by its own data. Which task is current (comm and pid),
// the call chain, and the modules. Addresses come from the symbol table that was given, or from a listing of
// /proc/kallsyms that the guest sent on a serial line; offsets in task_struct are found by what init_task is known to
// hold, since they differ from build to build. What cannot be found is said; nothing is guessed in silence.

import { peekBytes, peekNumber } from '../../core/memory/peek.ts';
import type { SerialHistory } from '../../core/timeline/serial-history.ts';
import { SERIAL_LINES } from '../../core/timeline/serial-history.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { CS, FS, SEG_BASE, SEG_SELECTOR } from '../../core/state/layout.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { readSystemMap } from '../symbols/read-symbols.ts';
import { type GuestSymbol, SymbolSource, type SymbolTable } from '../symbols/symbol-table.ts';
import { backtrace, type Frame } from '../symbols/unwind.ts';
import { frameLines } from './backtrace.ts';
import { mayMove } from '../symbols/slide.ts';
import { hex } from './views.ts';

const TASK_BYTES = 0x4000;
const COMM_BYTES = 16;
const MODULES_MAX = 256;
/** In struct module: enum state, list_head, then the name. */
const MODULE_LIST = 4;
const MODULE_NAME = 12;
/** A listing is one when it has so many lines. */
const LISTING_LINES_MIN = 20;

export interface LinuxView {
  /** How far the kernel is from where its symbols say. */
  readonly slide: number;
  readonly task: { readonly address: number; readonly comm: string; readonly pid: number | null } | null;
  readonly frames: readonly Frame[];
  /** How the frames were found. */
  readonly how: 'frame pointers' | 'stack scan' | 'none';
  readonly modules: readonly string[];
  /** What could not be found, and why. */
  readonly notes: readonly string[];
}

export function lookAtLinux(cpu: Cpu, symbols: SymbolTable): LinuxView {
  const notes: string[] = [];
  const slide = symbols.sources.find((source) => mayMove(source) && source.slide !== null)?.slide ?? 0;
  const at = (name: string): number | null => symbols.address(name) ?? null;
  const init = at('init_task');
  const offsets = init === null ? null : findOffsets(cpu, init);
  if (init === null)
    notes.push(
      'the symbols have no init_task (a kernel carries it only with CONFIG_KALLSYMS_ALL), so no task can be named',
    );
  else if (offsets === null) {
    notes.push(
      `at init_task, ${hex(init)}, is no task "swapper": these may be symbols of another kernel, or the page ` +
        `tables of ` +
        'this moment hide the kernel (user mode with page-table isolation): seek a moment in the kernel',
    );
  }
  const task = offsets === null ? null : currentTask(cpu, at, offsets, notes);
  const frames = backtrace(cpu, symbols);
  if (frames[0].isUser) {
    notes.push('the processor is in user mode: the symbols of the kernel say nothing about this stack');
  }
  const how = frames.some(({ kind }) => kind === 'guess')
    ? 'stack scan'
    : frames.length > 1
      ? 'frame pointers'
      : 'none';
  return { slide, task, frames, how, modules: loadedModules(cpu, at('modules')), notes };
}

function textAt(cpu: Cpu, address: number, length: number): string {
  const bytes = new Uint8Array(length);
  return Buffer.from(bytes.subarray(0, peekBytes(cpu, address >>> 0, bytes))).toString('latin1');
}

const nameAt = (cpu: Cpu, address: number, length: number): string | null =>
  /^([\x20-\x7e]+)\0/.exec(textAt(cpu, address, length))?.[1] ?? null;

interface Offsets {
  readonly comm: number;
  /** Null: not found. */
  readonly pid: number | null;
}

/** init_task is named swapper, and is its own parent and the leader of its group. */
function findOffsets(cpu: Cpu, init: number): Offsets | null {
  const comm = textAt(cpu, init, TASK_BYTES).search(/swapper(?:\/0)?\0/);
  if (comm < 0) return null;
  const word = (offset: number): number | null => peekNumber(cpu, (init + offset) >>> 0, 4);
  for (let parent = 12; parent < comm; parent += 4) {
    // real_parent, parent, children, sibling, group_leader
    if (word(parent) !== init || word(parent + 4) !== init || word(parent + 24) !== init) continue;
    // pid and tgid, both 0, stand before; between them and real_parent there may be the canary of the stack protector.
    const pid = word(parent - 4) === 0 ? parent - 8 : parent - 12;
    return { comm, pid: word(pid) === 0 && word(pid + 4) === 0 ? pid : null };
  }
  return { comm, pid: null };
}

/** Where a task has its name, from its beginning on; −1: not known. */
export function taskNameOffset(cpu: Cpu, symbols: SymbolTable): number {
  const init = symbols.address('init_task');
  return (init === undefined ? null : findOffsets(cpu, init))?.comm ?? -1;
}

function currentTask(
  cpu: Cpu,
  at: (name: string) => number | null,
  offsets: Offsets,
  notes: string[],
): LinuxView['task'] {
  // Since Linux 6.2 current_task is the first member of pcpu_hot.
  const variable = at('current_task') ?? at('pcpu_hot');
  if (variable === null) {
    notes.push('the symbols have neither current_task nor pcpu_hot, so the current task is not known');
    return null;
  }
  // Variables of the processor are moved by an offset: the table of them, or the base of FS in the kernel.
  const table = at('__per_cpu_offset');
  const isKernel = (cpu.m32[SEG_SELECTOR + CS] & 3) === 0;
  const candidates = [table === null ? null : peekNumber(cpu, table, 4), isKernel ? cpu.m32[SEG_BASE + FS] : null, 0];
  for (const base of candidates) {
    if (base === null) continue;
    const address = peekNumber(cpu, (variable + base) >>> 0, 4);
    const comm = address === null || address === 0 ? null : nameAt(cpu, address + offsets.comm, COMM_BYTES);
    if (address === null || comm === null) continue;
    const pid = offsets.pid === null ? null : peekNumber(cpu, (address + offsets.pid) >>> 0, 4);
    if (pid === null) notes.push('where a task has its pid could not be found out');
    return { address, comm, pid };
  }
  notes.push('current_task leads to no task: too early in the boot, or the kernel is not mapped here');
  return null;
}

function loadedModules(cpu: Cpu, list: number | null): string[] {
  const names: string[] = [];
  if (list === null) return names;
  let entry = peekNumber(cpu, list, 4);
  while (entry !== null && entry !== 0 && entry !== list && names.length < MODULES_MAX) {
    const name = nameAt(cpu, entry - MODULE_LIST + MODULE_NAME, 56);
    if (name === null || !/^\w+$/.test(name)) break;
    names.push(name);
    entry = peekNumber(cpu, entry, 4);
  }
  return names;
}

/** Symbols of a listing that the guest sent; a reason when there are none. */
export function symbolsSent(serial: SerialHistory): { symbols: GuestSymbol[]; problem: string } {
  const parts = serial.partsSince(0);
  for (let line = 0; line < SERIAL_LINES; line++) {
    const text = Buffer.from(parts[line]?.bytes ?? []).toString('latin1');
    const symbols = readSystemMap(text);
    if (symbols.length >= LISTING_LINES_MIN) return { symbols, problem: '' };
    if ((text.match(/^00000000 [a-zA-Z] \S+/gm) ?? []).length >= LISTING_LINES_MIN) {
      const problem =
        'the listing of /proc/kallsyms in this run has no addresses: only root with kptr_restrict 0 sees them';
      return { symbols: [], problem };
    }
  }
  return { symbols: [], problem: 'this run has sent no listing of /proc/kallsyms so far' };
}

function linux(debug: Debugger): Output {
  const { symbols, guest, timeline } = debug;
  if (guest.isUnplaced) throw new DebuggerError(guest.problem);
  if (symbols.address('init_task') === undefined && symbols.address('start_kernel') === undefined) {
    const { symbols: sent, problem } = symbolsSent(timeline.serial);
    if (sent.length === 0) {
      throw new DebuggerError(
        `The symbols of the kernel are not known, and ${problem}: give a System.map or vmlinux with --symbols ` +
          `FILE, or ` +
          'let the guest print the listing.',
      );
    }
    symbols.add(new SymbolSource('the listing that the guest sent', sent));
  }
  const seen = lookAtLinux(timeline.machine.cpu, symbols);
  const loaded = seen.modules.length > 0 ? seen.modules : guest.modules.map(({ name }) => name);
  const view = { ...seen, modules: loaded, slide: guest.moved[0]?.slide ?? seen.slide };
  const { task, frames, how, modules, notes, slide } = view;
  const lines = [
    task === null
      ? 'current task: not known'
      : `current task: ${task.comm}, pid ${task.pid ?? 'not known'}, task_struct at ${hex(task.address)}`,
    ...(slide === 0 ? [] : [`the kernel is ${slide > 0 ? '' : '-'}${hex(Math.abs(slide))} from where its symbols say`]),
    `backtrace${how === 'none' ? '' : ` by ${how}`}:`,
    ...frameLines(frames),
    ...(modules.length === 0 ? [] : [`modules: ${modules.join(' ')}`]),
    ...notes.map((note) => `note: ${note}`),
  ];
  return { text: lines.join('\n'), data: view };
}

export const LINUX: Command = {
  names: ['linux'],
  usage: '',
  summary: 'of a Linux guest: current task, backtrace, modules (needs symbols)',
  group: 'look',
  run: linux,
};
