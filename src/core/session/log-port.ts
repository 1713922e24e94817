/**
 * What the doors of a replay have in common, with devices (replaying-port.ts) and without (deviceless-port.ts): inputs
 * come from the log at their ticks, a cursor stands at the check that must come next, and the first thing that goes
 * another way than in the log is the divergence. After it nothing more is asserted.
 */
import type { CheckEvent, DmaWriteCheck, InputEvent, LoggedCheck, PortBlockCheck, StateHash } from '../log/events.ts';
import type { InputCursor, InputMark } from '../log/input-cursor.ts';
import type { CheckCursor, CheckMark, LogReader } from '../log/log.ts';
import type { RunningDigest } from '../log/check-recorder.ts';
import type { Inputs, Lifecycle } from '../machine/door.ts';
import type { Divergence } from './divergence.ts';

/** How far a replaying port is, to come back to with the machine's snapshot of the same moment. */
export interface PortMark {
  readonly inputs: InputMark;
  readonly checks: CheckMark;
  readonly ahead: CheckMark | null;
  readonly running: ReturnType<RunningDigest['save']>;
  readonly agreedTick: number;
  readonly divergence: Divergence | null;
}

export abstract class LogPort implements Inputs, Lifecycle {
  readonly endTick: number;
  divergence: Divergence | null = null;
  /** For somebody who asks where bytes came from: what bus masters write and data ports give, as it happens. */
  heard: ((event: DmaWriteCheck | PortBlockCheck) => void) | null = null;
  protected readonly log: LogReader;
  protected readonly cursor: CheckCursor;
  /** Tick of the last check that agreed. */
  protected agreedTick = 0;
  private readonly inputs: InputCursor;

  constructor(log: LogReader) {
    this.log = log;
    this.endTick = log.lastTick;
    this.cursor = log.checks();
    this.inputs = log.inputs();
  }

  /** Checks of the log that agreed so far; in a `checked` log a digest is one. */
  get agreedChecks(): number {
    return this.cursor.seq;
  }

  save(): PortMark {
    const { agreedTick, divergence } = this;
    const checks = this.cursor.save();
    return { inputs: this.inputs.save(), checks, ahead: null, running: [0, 0, 0, 0], agreedTick, divergence };
  }

  /** Inverse of save. */
  restore(mark: PortMark): void {
    this.inputs.restore(mark.inputs);
    this.cursor.restore(mark.checks);
    this.agreedTick = mark.agreedTick;
    this.divergence = mark.divergence;
  }

  nextTick(): number {
    const input = this.inputs.peek();
    return input === null ? Number.POSITIVE_INFINITY : input.tick;
  }

  take(tick: number): InputEvent | null {
    const input = this.inputs.peek();
    if (input === null || input.tick > tick) return null;
    if (input.tick < tick && this.divergence === null) {
      const { seq, frame, event, tick: inputTick } = input;
      this.divergence = {
        kind: 'missed-input',
        tick,
        agreedTick: this.agreedTick,
        seq,
        frame,
        input: event,
        inputTick,
      };
    }
    this.inputs.next();
    return input.event;
  }

  push(_event: InputEvent, _tick?: number): void {
    throw new Error('a replay takes its inputs from the log alone');
  }

  abstract guestReset(tick: number): void;
  abstract stateHash(tick: number, hash: StateHash): void;
  advance(_tick: number, _idleTicks: number): void {}

  finish(tick: number, reason: string, hash: string | null): void {
    if (this.divergence !== null) return;
    const { end } = this.log;
    const logged = this.cursor.peek();
    if (logged !== null && logged.event.kind !== 'digest' && logged.tick < tick) {
      this.fail(logged, tick, null);
      return;
    }
    const input = this.inputs.peek();
    if (input !== null && input.tick < tick) {
      this.take(tick);
      return;
    }
    if (end === null) return; // cut off: every check that the log still holds has been asserted
    const isSameHash = end.hash === null || hash === null || end.hash === hash;
    if (end.tick !== tick || end.reason !== reason || !isSameHash) {
      const expected = { tick: end.tick, reason: end.reason, hash: end.hash };
      const frame = this.log.frames.length - 1;
      const seq = this.cursor.seq;
      const actual = { tick, reason, hash };
      this.divergence = { kind: 'end', tick, agreedTick: this.agreedTick, seq, frame, expected, actual };
    } else if (logged !== null) {
      this.fail(logged, tick, null);
    }
  }

  /** `actual` null: the run passed `tick` without the check that the log has next. */
  protected fail(logged: LoggedCheck | null, tick: number, actual: CheckEvent | null): void {
    if (this.divergence !== null) return;
    // The log of a killed recording ends at a whole frame; beyond its last check nothing can be asserted.
    if (logged === null && this.log.end === null) return;
    this.divergence = {
      kind: 'check',
      tick: logged === null ? tick : Math.max(tick, Math.min(logged.tick, this.endTick)),
      agreedTick: this.agreedTick,
      seq: logged === null ? this.cursor.seq : logged.seq,
      frame: logged === null ? -1 : logged.frame,
      expected: logged === null ? null : { tick: logged.tick, event: logged.event },
      actual: actual === null ? null : { tick, event: actual },
    };
  }
}
