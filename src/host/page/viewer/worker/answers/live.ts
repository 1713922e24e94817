// A live guest by questions: boot, go on, type, end. One at a time; it takes the place of an open recording, and the
// page opens its log afterwards.

import { isKeyName } from '../../../../../core/base/key-names.ts';
import type { InputEvent } from '../../../../../core/log/events.ts';
import { UsageError } from '../../../../../library.ts';
import { type BootAsk, LiveGuest, type LiveState } from '../live.ts';
import type { WorkerSession } from '../session.ts';

export async function boot(session: WorkerSession, ask: BootAsk): Promise<{ readonly nsPerTick: number }> {
  session.open(null);
  session.live = null;
  session.live = await LiveGuest.boot(ask);
  return { nsPerTick: session.live.nsPerTick };
}

function liveOf(session: WorkerSession): LiveGuest {
  if (session.live === null) throw new UsageError('No guest is running: boot one.');
  return session.live;
}

export function advance(session: WorkerSession, { ticks }: { ticks: number }): LiveState {
  return liveOf(session).advance(ticks);
}

/** Bytes for the first serial line, and keys of the keyboard as they go down and up. */
export function type(
  session: WorkerSession,
  ask: { bytes: Uint8Array | null; keys: readonly { key: string; isDown: boolean }[] },
): null {
  const events: InputEvent[] = [];
  if (ask.bytes !== null) events.push({ kind: 'serial', port: 0, bytes: ask.bytes });
  for (const { key, isDown } of ask.keys) if (isKeyName(key)) events.push({ kind: 'key', key, down: isDown });
  liveOf(session).push(events);
  return null;
}

export function finishLive(session: WorkerSession, _ask: null) {
  const ended = liveOf(session).finish();
  session.live = null;
  return ended;
}
