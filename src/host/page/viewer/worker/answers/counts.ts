// How often each instruction is executed in a stretch of the run around here: the stretch is run once more, and
// looked at instruction by instruction.

import { linearEip } from '../../../../debugger/views.ts';
import type { WorkerSession } from '../session.ts';

/** A second or so of looking at each instruction. */
const STRETCH_TICKS_MAX = 1 << 23;

export interface CountsAnswer {
  readonly fromTick: number;
  readonly toTick: number;
  readonly addresses: Float64Array;
  readonly counts: Float64Array;
}

/** The stretch has the moment in its middle, as far as the run has it. */
export async function counts(session: WorkerSession, ask: { ticks: number }): Promise<CountsAnswer> {
  const opened = await session.recording();
  const { timeline, here } = opened;
  const ticks = Math.min(STRETCH_TICKS_MAX, Math.max(2, ask.ticks));
  const fromTick = Math.max(0, Math.min(here.tick - Math.floor(ticks / 2), timeline.endTick - ticks));
  const toTick = Math.min(timeline.endTick, fromTick + ticks);
  await session.walk(opened, timeline.seek({ tick: fromTick, seq: 0 }));
  const found = new Map<number, number>();
  const note = (address: number): void => void found.set(address, (found.get(address) ?? 0) + 1);
  await session.walk(
    opened,
    timeline.continueUntil((cpu) => {
      if (cpu.now() >= toTick) return 1;
      note(linearEip(cpu));
      return 0;
    }),
  );
  return { fromTick, toTick, addresses: Float64Array.from(found.keys()), counts: Float64Array.from(found.values()) };
}
