/**
 * The door of a run that nobody records: inputs are pushed by the host and wait for their tick; what the devices do is
 * of no interest to anyone. Recording (recording-port.ts) is this and a log.
 */
import { SILENT_CHECKS } from '../board/silent.ts';
import type { InputEvent, StateHash } from '../log/events.ts';
import { INPUT_BYTES_MAX } from '../log/log.ts';
import type { Checks, Inputs, Lifecycle } from '../machine/door.ts';

/** Inputs waiting for their tick, in order of (tick, order of push). */
interface Pending {
  readonly tick: number;
  readonly event: InputEvent;
}

/** Records nothing: `run`. */
export class LivePort implements Inputs, Lifecycle {
  readonly checks: Checks = SILENT_CHECKS;
  readonly deliveries = null;
  readonly endTick = Number.POSITIVE_INFINITY;
  readonly divergence = null;
  private readonly pending: Pending[] = [];

  nextTick(): number {
    return this.pending.length === 0 ? Number.POSITIVE_INFINITY : this.pending[0].tick;
  }

  take(tick: number): InputEvent | null {
    if (this.pending.length === 0 || this.pending[0].tick > tick) return null;
    const first = this.pending.shift();
    return first === undefined ? null : first.event;
  }

  push(event: InputEvent, tick = 0): void {
    if (event.kind === 'serial' && event.bytes.length > INPUT_BYTES_MAX) {
      for (let at = 0; at < event.bytes.length; at += INPUT_BYTES_MAX) {
        this.push({ ...event, bytes: event.bytes.slice(at, at + INPUT_BYTES_MAX) }, tick);
      }
      return;
    }
    let at = this.pending.length;
    while (at > 0 && this.pending[at - 1].tick > tick) at--;
    this.pending.splice(at, 0, { tick, event });
  }

  /** Nothing is waiting any more. */
  clear(): void {
    this.pending.length = 0;
  }

  guestReset(_tick: number): void {}
  stateHash(_tick: number, _hash: StateHash): void {}
  advance(_tick: number, _idleTicks: number): void {}
  finish(_tick: number, _reason: string, _hash: string | null): void {}
}
