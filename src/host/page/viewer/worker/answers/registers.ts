// Registers as names and values, the flags that are set, and the units' registers as text on demand.
// Reads only.

import { flagNames, registers as registersOf } from '../../../../debugger/views.ts';
import { fpuLines, xmmLines } from '../../../../debugger/units.ts';
import type { WorkerSession } from '../session.ts';

export async function registers(session: WorkerSession, ask: { withUnits: boolean }) {
  const { timeline } = await session.recording();
  const { cpu } = timeline.machine;
  const values = registersOf(cpu);
  return {
    values,
    flags: flagNames(values.eflags),
    fpu: ask.withUnits ? fpuLines(cpu) : '',
    xmm: ask.withUnits ? xmmLines(cpu) : '',
  };
}
