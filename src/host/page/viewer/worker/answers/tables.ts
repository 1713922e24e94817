// The tables that the processor reads, chips and devices, as text of reprise debug: page tables, descriptors, vectors,
// interrupt controllers, timers, and the fields of every device.

import { peekPhysical } from '../../../../../core/memory/peek.ts';
import { compileExpression } from '../../../../../core/timeline/expression.ts';
import { apicLines, picLines, pitLines } from '../../../../debugger/chips.ts';
import { gdtLines, idtLines, ldtLines, pageTableLines, tssLines } from '../../../../debugger/tables.ts';
import type { Opened } from '../opened.ts';
import type { WorkerSession } from '../session.ts';

const TABLES: Readonly<Record<string, (opened: Opened, linear: number | null) => string>> = {
  pagetable: ({ timeline }, linear) => {
    const { cpu } = timeline.machine;
    return pageTableLines(cpu, linear, (address) => peekPhysical(cpu, address));
  },
  idt: ({ timeline, symbols }) => idtLines(timeline.machine.cpu, symbols),
  gdt: ({ timeline }) => gdtLines(timeline.machine.cpu),
  ldt: ({ timeline }) => ldtLines(timeline.machine.cpu),
  tss: ({ timeline }) => tssLines(timeline.machine.cpu),
  pic: ({ timeline }) => picLines(timeline.machine),
  pit: ({ timeline }) => pitLines(timeline.machine),
  apic: ({ timeline }) => apicLines(timeline.machine),
};

/** `at`: an expression; of page tables the walk for that address is shown. */
export async function table(session: WorkerSession, ask: { name: string; at: string }): Promise<{ text: string }> {
  const opened = await session.recording();
  const { timeline, symbols } = opened;
  const show = Object.hasOwn(TABLES, ask.name) ? TABLES[ask.name] : TABLES.pagetable;
  const { cpu } = timeline.machine;
  const linear = ask.at === '' ? null : compileExpression(ask.at, (name) => symbols.address(name))(cpu) >>> 0;
  return { text: show(opened, linear) };
}

export async function devices(session: WorkerSession, _ask: null) {
  const { timeline } = await session.recording();
  const { machine } = timeline;
  return machine.board.devices.map(({ name, fields }) => ({ name, rows: fields.show() }));
}
