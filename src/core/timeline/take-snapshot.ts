/**
 * A snapshot file of the moment that a timeline stands at (session/snapshot-file.ts): the beginning of the tick, since
 * between the interrupts of one tick nobody can go on.
 */
import type { LogSink } from '../log/log.ts';
import { SessionError } from '../session/session.ts';
import { writeSnapshot } from '../session/snapshot-file.ts';
import type { Timeline, Way } from './timeline.ts';

/** Its tick. Throws `SessionError` where there is no machine to go on with. */
export function* takeSnapshot(timeline: Timeline, creator: string, sink: LogSink): Way<number> {
  const { tick, seq } = timeline.position;
  if (seq > 0) yield* timeline.seek({ tick, seq: 0 });
  const { machine, divergence, ending } = timeline;
  if (divergence !== null) {
    throw new SessionError(`The replay has left the log by tick ${divergence.tick}: take the snapshot before that.`);
  }
  if (timeline.isAtEnd && ending !== null && ending !== 'log-end' && ending !== 'tick') {
    throw new SessionError(`The run is over at tick ${tick}: take the snapshot before its end.`);
  }
  if (!timeline.checkpoint()) {
    throw new SessionError(`Something is happening at tick ${tick}: take the snapshot a little earlier or later.`);
  }
  const { snapshot } = timeline.checkpoints.before(tick);
  writeSnapshot({ creator, manifest: timeline.log.header.machine, machine, snapshot, sink });
  return tick;
}
