// The command `linux`: what an i386 Linux guest is doing here, by its own data. Which task is current (comm and pid),
// the call chain, and the modules. Addresses come from the symbol table that was given, or from a listing of
// /proc/kallsyms that the guest sent on a serial line; offsets in task_struct are found by what init_task is known to
// hold, since they differ from build to build. What cannot be found is said; nothing is guessed in silence.

import { peekNumber } from '../../core/memory/peek.ts';
import type { SerialHistory } from '../../core/timeline/serial-history.ts';
import { SERIAL_LINES } from '../../core/timeline/serial-history.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { guestText } from '../symbols/guest-memory.ts';
import { currentTask, findOffsets } from '../symbols/linux-tasks.ts';
import { readSystemMap } from '../symbols/read-symbols.ts';
import { type GuestSymbol, SymbolSource, type SymbolTable } from '../symbols/symbol-table.ts';
import { backtrace, type Frame } from '../symbols/unwind.ts';
import { frameLines } from './backtrace.ts';
import { mayMove } from '../symbols/slide.ts';
import { hex } from './views.ts';

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

const nameAt = (cpu: Cpu, address: number, length: number): string | null =>
  /^([\x20-\x7e]+)\0/.exec(guestText(cpu, address >>> 0, length))?.[1] ?? null;

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
