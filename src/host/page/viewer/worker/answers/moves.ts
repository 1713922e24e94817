// Moves: each leads to a moment of the run and says which, and why it stopped there.
// One is on its way at a time (session.ts).

import { goTo as wayTo, parsePosition } from '../../../../../core/timeline/positions.ts';
import type { Stop } from '../../../../../core/timeline/timeline.ts';
import { instructions, linearEip } from '../../../../debugger/views.ts';
import type { Moment } from '../../protocol.ts';
import type { WorkerSession } from '../session.ts';

/** `within` so many ticks from there on each moment is as good: the one that is reached soonest is taken. */
export async function seek(
  session: WorkerSession,
  ask: { tick: number; seq?: number; within?: number },
): Promise<Moment> {
  const opened = session.present();
  const { timeline } = opened;
  const { tick, seq = 0, within = 0 } = ask;
  const way = within > 0 ? timeline.seekWithin(tick, within) : timeline.seek({ tick, seq });
  return opened.moved(await session.walk(opened, way));
}

/** Instructions forwards, or backwards where `count` is negative. */
export async function step(session: WorkerSession, { count }: { count: number }): Promise<Moment> {
  const opened = await session.recording();
  const { timeline } = opened;
  let stop: Stop | null = null;
  for (let i = 0; i < Math.abs(count); i++) {
    const way = count < 0 ? timeline.stepInstructionBack() : timeline.stepInstruction();
    stop = await session.walk(opened, way);
    opened.here = stop.position;
    if (stop.kind === 'end' || stop.kind === 'start' || stop.kind === 'divergence') break;
  }
  return opened.moved(stop, stop === null ? '' : wordsOf(stop));
}

/** On until the instruction behind this one is next: over a call, a repeated string instruction, an interrupt. */
export async function stepOver(session: WorkerSession, _ask: null): Promise<Moment> {
  const opened = await session.recording();
  const { timeline } = opened;
  const { cpu } = timeline.machine;
  const [first, second] = instructions(cpu, opened.disassemble, linearEip(cpu), 2);
  if (!/^(call|rep|int|loop)/.test(first.text) || second === undefined) return step(session, { count: 1 });
  const breakpoint = timeline.addBreakpoint(second.address, null, true);
  try {
    const stop = await session.walk(opened, timeline.continueForward());
    return opened.moved(stop, stop.kind === 'breakpoint' ? '' : wordsOf(stop));
  } finally {
    timeline.remove(breakpoint.id);
  }
}

/** To a position as people write it: `50%`, `end`, `serial:"panic"`, `fault:14`, `eax == 5`, a bookmark. */
export async function goTo(session: WorkerSession, { text }: { text: string }): Promise<Moment> {
  const opened = await session.recording();
  const { timeline, symbols, bookmarks } = opened;
  const query = parsePosition(text, (name) => symbols.address(name));
  const way = wayTo(timeline, query, (name) => bookmarks.find((each) => each.name === name)?.position);
  const stop = await session.walk(opened, way);
  return opened.moved(stop, wordsOf(stop));
}

/** On by so many ticks, without a checkpoint's short cut: what was heard on the way is shown. */
export async function play(session: WorkerSession, { ticks }: { ticks: number }): Promise<Moment> {
  const opened = await session.recording();
  const { timeline } = opened;
  const stop = await session.walk(opened, timeline.runOn(opened.here.tick + Math.max(1, Math.floor(ticks))));
  return opened.moved(stop, timeline.isAtEnd ? 'the end of the recording' : '');
}

/** To the next interrupt, exception or reset; or back to the last one. */
export async function nextEvent(session: WorkerSession, { isBack }: { isBack: boolean }): Promise<Moment> {
  const opened = await session.recording();
  const { timeline, lanes, pass, here } = opened;
  if (!isBack) {
    const stop = await session.walk(
      opened,
      timeline.continueToDelivery(() => true),
    );
    return opened.moved(stop, wordsOf(stop));
  }
  // What the lanes know is found at once.
  let best = -1;
  if (pass.tick >= here.tick) {
    for (const lane of lanes.all()) {
      if (lane.group !== 'interrupts' && lane.group !== 'faults' && lane.group !== 'resets') continue;
      best = Math.max(best, lane.tickAt(lane.indexAt(here.tick) - 1) ?? -1);
    }
  }
  return opened.moved(await session.walk(opened, timeline.seek({ tick: Math.max(0, best), seq: 0 })));
}

function wordsOf({ kind, access }: Stop): string {
  switch (kind) {
    case 'start':
      return 'the start of the recording';
    case 'end':
      return 'the end of the recording';
    case 'divergence':
      return 'the replay leaves the recorded run here';
    case 'watchpoint':
      return access === null ? '' : `${access.isWrite ? 'write' : 'read'} of ${access.sizeBytes} bytes`;
    case 'delivery':
      return 'an interrupt or exception is about to be delivered';
    default:
      return '';
  }
}
