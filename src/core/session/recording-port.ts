/**
 * The door of a recorded run: inputs go into the log as they are taken, checks as the devices report them. What of
 * them is kept the log's profile says (log/check-recorder.ts).
 */
import type { InputEvent, StateHash } from '../log/events.ts';
import type { LogWriter } from '../log/log.ts';
import type { Checks } from '../machine/door.ts';
import { LivePort } from './live-port.ts';

/** A live port whose inputs and checks go into a log. */
export class RecordingPort extends LivePort {
  override readonly checks: Checks;
  private readonly log: LogWriter;

  constructor(log: LogWriter) {
    super();
    this.log = log;
    this.checks = log.checks;
  }

  override take(tick: number): InputEvent | null {
    const event = super.take(tick);
    if (event !== null) this.log.input(tick, event);
    return event;
  }
  override guestReset(tick: number): void {
    this.log.checks.guestReset(tick);
  }
  override stateHash(tick: number, hash: StateHash): void {
    this.log.stateHash(tick, hash);
  }
  override advance(tick: number, idleTicks: number): void {
    this.log.advance(tick, idleTicks);
  }
  override finish(tick: number, reason: string, hash: string | null): void {
    this.log.end(tick, reason, hash);
  }
}
