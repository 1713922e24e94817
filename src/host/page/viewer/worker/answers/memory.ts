// Memory at an address, and which instruction wrote there last. Looking changes nothing;
// searching moves the machine and brings it back.

import { compileExpression } from '../../../../../core/timeline/expression.ts';
import { peekPhysical } from '../../../../../core/memory/peek.ts';
import { UsageError } from '../../../../../library.ts';
import type { WorkerSession } from '../session.ts';

const BYTES_MAX = 1 << 16;

/** `at` is an expression over registers, memory and symbols. */
export async function memory(session: WorkerSession, ask: { at: string; count: number; isPhysical: boolean }) {
  const { run, timeline, symbols } = await session.recording();
  const { cpu } = timeline.machine;
  const address = compileExpression(ask.at, (name) => symbols.address(name))(cpu) >>> 0;
  const size = Math.min(ask.count, BYTES_MAX);
  const bytes = (ask.isPhysical ? run.readPhysical(address, size) : run.read(address, size)).slice();
  return { address, bytes, physical: ask.isPhysical ? address : peekPhysical(cpu, address) };
}

/** The instruction that last wrote one of these bytes before here; it does not move. Null: only the loader did. */
export async function lastWrite(
  session: WorkerSession,
  ask: { address: number; sizeBytes: number; isPhysical: boolean },
) {
  const opened = await session.recording();
  const { timeline, symbols } = opened;
  const { cpu, space } = timeline.machine;
  const physical = ask.isPhysical ? ask.address : peekPhysical(cpu, ask.address);
  if (physical < 0 || space.hostPage(physical) < 0) {
    throw new UsageError(`No memory is mapped at ${ask.address.toString(16)}h now: go to a moment when it is.`);
  }
  const stop = await session.walk(opened, timeline.lastWrite(physical, ask.sizeBytes));
  if (stop === null) return null;
  const { position } = stop;
  return { tick: position.tick, seq: position.seq, symbols: symbols.sources.length > 0 };
}
