// The call chain, and the words on the stack, with names and, where debug information tells, source lines.
// Reads only.

import { backtrace } from '../../../../symbols/unwind.ts';
import { stackSlots } from '../../../../debugger/views.ts';
import type { WorkerSession } from '../session.ts';

const FRAMES_MAX = 64;

export async function stack(session: WorkerSession, ask: { slots: number }) {
  const { timeline, symbols, source } = await session.recording();
  const { cpu } = timeline.machine;
  const frames = backtrace(cpu, symbols, source.frameStep(cpu), FRAMES_MAX).map(({ kind, address, symbol, isUser }) => {
    const place = source.placeAt(kind === 'caller' || kind === 'guess' ? address - 1 : address);
    return { kind, address, symbol, isUser, place: place === null ? '' : `${place.file}:${place.line}` };
  });
  const slots = stackSlots(cpu, ask.slots).map((slot) => ({ ...slot, symbol: symbols.describe(slot.value) }));
  return { frames, slots };
}
