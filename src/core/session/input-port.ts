/**
 * The one door. Everything that is not a function of the boot state enters the machine through an `InputPort`, and
 * everything that is passes it to be recorded or asserted. Live, recording and replaying ports have the same face;
 * the machine never asks which one it has (section 2 of the design's laws).
 *
 * What the machine loop must do:
 * - take inputs with `take(tick)` between instructions, when `tick >= nextTick()`, until it gives null;
 * - look at `nextTick()` again whenever a device access has ended the slice: serial output may have pushed an input;
 * - report checks in the order in which they happen. `interrupt`, `timer`, `dmaWrite`, `a20` and `guestReset` carry
 *   the tick of the loop at which they take effect, `portRead` and `mmioRead` the tick of the access;
 * - never run past `endTick`, and stop at the end of the slice when `divergence` is not null;
 * - where `runsDevices` is false: no device exists; `nextDelivery`/`takeDelivery` say what arrives and when.
 */
import { RunningDigest } from '../log/check-recorder.ts';
import { compareStates } from './divergence.ts';
import type { Divergence } from './divergence.ts';
import type { CheckEvent, DmaContent, InputEvent, LoggedCheck, StateHash } from '../log/events.ts';
import { CHECK_KIND } from '../log/events.ts';
import type { CheckCursor, CheckPlace, InputCursor, InputPlace, LogReader, LogWriter } from '../log/log.ts';
import { INPUT_BYTES_MAX } from '../log/log.ts';

/** What reaches a machine without devices from outside its CPU. */
export type Delivery = Extract<CheckEvent, { kind: 'interrupt' | 'a20' | 'dma-write' | 'guest-reset' }>;

export interface InputPort {
  /** False: reads, interrupts and DMA writes come from the log (`--devices log`). */
  readonly runsDevices: boolean;
  /** Tick that the run must not pass: the end of what the log knows; Infinity when live. */
  readonly endTick: number;
  /** The first check that failed. Live and recording: always null. */
  readonly divergence: Divergence | null;

  /** Tick of the next known input, Infinity when none is known; 0 for one that is due as soon as the slice ends. */
  nextTick(): number;
  /** Takes the next input due at or before `tick`, or null. */
  take(tick: number): InputEvent | null;
  /** Live and recording only: an input for `tick`, or for the end of the current slice. */
  push(event: InputEvent, tick?: number): void;

  interrupt(tick: number, vector: number): void;
  /** `size` in bytes; returns what the guest sees, unsigned. Without devices `value` is ignored. */
  portRead(tick: number, port: number, size: number, value: number): number;
  mmioRead(tick: number, address: number, size: number, value: number): number;
  timer(tick: number, id: number): void;
  a20(tick: number, enabled: boolean): void;
  /** `content` must name the same image and offset, or the same bytes, in every run. */
  dmaWrite(tick: number, address: number, content: DmaContent): void;
  guestReset(tick: number): void;
  stateHash(tick: number, hash: StateHash): void;

  /** How far the run is; called at the end of slices. Lets a recording close a frame of a quiet guest. */
  advance(tick: number): void;
  /** The run is over: the last call. A replay asserts that the recorded run ended the same way. */
  finish(tick: number, reason: string, hash: string | null): void;

  /** Without devices: the next thing to arrive and its tick, or null. */
  nextDelivery(): { readonly tick: number; readonly event: Delivery } | null;
  /** Without devices: takes it when its tick is at or before `tick` and it is next in order, else null. */
  takeDelivery(tick: number): Delivery | null;
}

/** Inputs waiting for their tick, in order of (tick, order of push). */
interface Pending {
  readonly tick: number;
  readonly event: InputEvent;
}

/** Records nothing: `run`. */
export class LivePort implements InputPort {
  readonly runsDevices = true;
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

  interrupt(_tick: number, _vector: number): void {}
  portRead(_tick: number, _port: number, _size: number, value: number): number {
    return value;
  }
  mmioRead(_tick: number, _address: number, _size: number, value: number): number {
    return value;
  }
  timer(_tick: number, _id: number): void {}
  a20(_tick: number, _enabled: boolean): void {}
  dmaWrite(_tick: number, _address: number, _content: DmaContent): void {}
  guestReset(_tick: number): void {}
  stateHash(_tick: number, _hash: StateHash): void {}
  advance(_tick: number): void {}
  finish(_tick: number, _reason: string, _hash: string | null): void {}
  nextDelivery(): null {
    return null;
  }
  takeDelivery(_tick: number): null {
    return null;
  }
}

/** A live port whose inputs and checks go into a log. */
export class RecordingPort extends LivePort {
  private readonly log: LogWriter;

  constructor(log: LogWriter) {
    super();
    this.log = log;
  }

  override take(tick: number): InputEvent | null {
    const event = super.take(tick);
    if (event !== null) this.log.input(tick, event);
    return event;
  }
  override interrupt(tick: number, vector: number): void {
    this.log.checks.interrupt(tick, vector);
  }
  override portRead(tick: number, port: number, size: number, value: number): number {
    this.log.checks.portRead(tick, port, size, value);
    return value;
  }
  override mmioRead(tick: number, address: number, size: number, value: number): number {
    this.log.checks.mmioRead(tick, address, size, value);
    return value;
  }
  override timer(tick: number, id: number): void {
    this.log.checks.timer(tick, id);
  }
  override a20(tick: number, enabled: boolean): void {
    this.log.checks.a20(tick, enabled);
  }
  override dmaWrite(tick: number, address: number, content: DmaContent): void {
    this.log.checks.dmaWrite(tick, address, content);
  }
  override guestReset(tick: number): void {
    this.log.checks.guestReset(tick);
  }
  override stateHash(tick: number, hash: StateHash): void {
    this.log.checks.stateHash(tick, hash);
  }
  override advance(tick: number): void {
    this.log.advance(tick);
  }
  override finish(tick: number, reason: string, hash: string | null): void {
    this.log.end(tick, reason, hash);
  }
}

/** Whether two checks say the same. */
function isSameCheck(a: CheckEvent, b: CheckEvent): boolean {
  if (a.kind === 'dma-write' && b.kind === 'dma-write') {
    return a.address === b.address && isSameContent(a.content, b.content);
  }
  return a.kind === 'guest-reset' && b.kind === 'guest-reset';
}

function isSameContent(a: DmaContent, b: DmaContent): boolean {
  if ('bytes' in a && 'bytes' in b) {
    return a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  }
  if ('bytes' in a || 'bytes' in b) return false;
  return a.image === b.image && a.offset === b.offset && a.length === b.length;
}

/** How far a replaying port is, to come back to with the machine's snapshot of the same moment. */
export interface PortPlace {
  readonly inputs: InputPlace;
  readonly checks: CheckPlace;
  readonly ahead: CheckPlace | null;
  readonly running: ReturnType<RunningDigest['save']>;
  readonly agreedTick: number;
  readonly divergence: Divergence | null;
}

/** Injects the inputs of a log and asserts its checks. After the first failure it asserts nothing more. */
export class ReplayingPort implements InputPort {
  readonly runsDevices: boolean = true;
  readonly endTick: number;
  divergence: Divergence | null = null;
  protected readonly log: LogReader;
  protected readonly cursor: CheckCursor;
  private readonly inputs: InputCursor;
  private readonly assertion: CheckAssertion;
  /** Tick of the last check that agreed. */
  protected agreedTick = 0;

  constructor(log: LogReader) {
    this.log = log;
    this.endTick = log.lastTick;
    this.cursor = log.checks();
    this.inputs = log.inputs();
    const { profile } = log.header;
    this.assertion = profile === 'full' ? 'values' : profile === 'checked' ? 'digests' : 'hashes';
  }
  private readonly running = new RunningDigest();

  /** Checks of the log that agreed so far; in a `checked` log a digest is one. */
  get agreedChecks(): number {
    return this.cursor.seq;
  }

  save(): PortPlace {
    const { agreedTick, divergence } = this;
    const checks = this.cursor.save();
    return { inputs: this.inputs.save(), checks, ahead: null, running: this.running.save(), agreedTick, divergence };
  }

  /** Inverse of save. */
  restore(place: PortPlace): void {
    this.inputs.restore(place.inputs);
    this.cursor.restore(place.checks);
    this.running.restore(place.running);
    this.agreedTick = place.agreedTick;
    this.divergence = place.divergence;
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

  interrupt(tick: number, vector: number): void {
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND.interrupt, vector, 0)) return;
    this.settle(tick, CHECK_KIND.interrupt, vector, 0, () => ({ kind: 'interrupt', vector }));
  }

  portRead(tick: number, port: number, size: number, value: number): number {
    const operand = port * 4 + (size >> 1);
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND['port-read'], operand, value | 0))
      return value;
    this.settle(tick, CHECK_KIND['port-read'], operand, value, () => ({
      kind: 'port-read',
      port,
      size,
      value: value >>> 0,
    }));
    return value;
  }

  mmioRead(tick: number, address: number, size: number, value: number): number {
    const operand = address * 4 + (size >> 1);
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND['mmio-read'], operand, value | 0))
      return value;
    this.settle(tick, CHECK_KIND['mmio-read'], operand, value, () => ({
      kind: 'mmio-read',
      address,
      size,
      value: value >>> 0,
    }));
    return value;
  }

  timer(tick: number, id: number): void {
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND.timer, id, 0)) return;
    this.settle(tick, CHECK_KIND.timer, id, 0, () => ({ kind: 'timer', id }));
  }

  a20(tick: number, enabled: boolean): void {
    const value = enabled ? 1 : 0;
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND.a20, 0, value)) return;
    this.settle(tick, CHECK_KIND.a20, 0, value, () => ({ kind: 'a20', enabled }));
  }

  dmaWrite(tick: number, address: number, content: DmaContent): void {
    if (this.assertion === 'digests') {
      this.running.mixDma(tick, address, content);
      this.compareDigest(() => ({ kind: 'dma-write', address, content }));
    } else {
      this.compareRow(tick, { kind: 'dma-write', address, content });
    }
  }

  guestReset(tick: number): void {
    if (this.assertion === 'digests')
      this.settle(tick, CHECK_KIND['guest-reset'], 0, 0, () => ({ kind: 'guest-reset' }));
    else this.compareRow(tick, { kind: 'guest-reset' });
  }

  stateHash(tick: number, hash: StateHash): void {
    if (this.divergence !== null) return;
    const logged = this.cursor.peek();
    if (logged === null || logged.tick !== tick || logged.event.kind !== 'state-hash') {
      this.fail(logged, tick, { kind: 'state-hash', hash });
      return;
    }
    const expected = logged.event.hash;
    if (expected.root !== hash.root) {
      const { seq, frame } = logged;
      const differences = compareStates(expected, hash);
      this.divergence = { kind: 'state', tick, agreedTick: this.agreedTick, seq, frame, differences };
      return;
    }
    this.agreedTick = tick;
    this.cursor.step();
  }

  advance(_tick: number): void {}

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

  nextDelivery(): { readonly tick: number; readonly event: Delivery } | null {
    return null;
  }

  takeDelivery(_tick: number): Delivery | null {
    return null;
  }

  /** The way of every check that did not match at once: a digest, a profile without it, or a divergence. */
  private settle(tick: number, kind: number, operand: number, value: number, event: () => CheckEvent): void {
    if (this.divergence !== null || this.assertion === 'hashes') return;
    if (this.assertion === 'values') {
      this.fail(this.cursor.peek(), tick, event());
      return;
    }
    this.running.mix(tick, kind, operand, value);
    this.compareDigest(event);
  }

  /** `event` is the check that has just been mixed in. */
  private compareDigest(event: () => CheckEvent): void {
    if (this.divergence !== null) return;
    const logged = this.cursor.kind === CHECK_KIND.digest ? this.cursor.peek() : null;
    if (logged === null || logged.event.kind !== 'digest') {
      // Past the last digest of a log that was cut off nothing is asserted; in a whole log a digest must follow.
      if (!(this.log.end === null && this.cursor.isAtEnd))
        this.fail(this.cursor.peek(), this.running.lastTick, event());
      return;
    }
    if (this.running.count < logged.event.count) return;
    const { lastTick: tick, count } = this.running;
    const actual = this.running.take();
    const { seq, frame } = logged;
    if (actual !== logged.event.digest || tick !== logged.tick) {
      const expected = logged.event.digest;
      this.divergence = { kind: 'digest', tick, agreedTick: this.agreedTick, seq, frame, count, expected, actual };
      return;
    }
    this.agreedTick = tick;
    this.cursor.step();
  }

  private compareRow(tick: number, event: CheckEvent): void {
    if (this.divergence !== null || this.assertion === 'hashes') return;
    const logged = this.cursor.peek();
    if (logged === null || logged.tick !== tick || !isSameCheck(logged.event, event)) {
      this.fail(logged, tick, event);
      return;
    }
    this.cursor.step();
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

type CheckAssertion = 'values' | 'digests' | 'hashes';

/** Runs the CPU alone: the log plays every device. Needs a `full` log. */
export class DevicelessPort extends ReplayingPort {
  override readonly runsDevices = false;
  /** Runs ahead of the other cursor, from delivery to delivery. */
  private readonly ahead: CheckCursor;

  constructor(log: LogReader) {
    super(log);
    this.ahead = log.checks();
    this.seekDelivery();
  }

  override save(): PortPlace {
    return { ...super.save(), ahead: this.ahead.save() };
  }

  override restore(place: PortPlace): void {
    super.restore(place);
    if (place.ahead !== null) this.ahead.restore(place.ahead);
  }

  override portRead(tick: number, port: number, size: number, _value: number): number {
    return this.loggedRead(tick, CHECK_KIND['port-read'], port * 4 + (size >> 1), () => ({
      kind: 'port-read',
      port,
      size,
      value: 0,
    }));
  }

  override mmioRead(tick: number, address: number, size: number, _value: number): number {
    return this.loggedRead(tick, CHECK_KIND['mmio-read'], address * 4 + (size >> 1), () => ({
      kind: 'mmio-read',
      address,
      size,
      value: 0,
    }));
  }

  override nextDelivery(): { readonly tick: number; readonly event: Delivery } | null {
    const logged = this.ahead.peek();
    return logged === null ? null : { tick: logged.tick, event: logged.event as Delivery };
  }

  override takeDelivery(tick: number): Delivery | null {
    if (this.divergence !== null || this.ahead.isAtEnd || this.ahead.tick > tick) return null;
    this.skipTimers();
    const logged = this.cursor.peek();
    if (logged === null || logged.seq !== this.ahead.seq) {
      // Only a state hash may stand before a delivery at one tick; a read that does has not been made.
      if (logged !== null && (logged.tick < tick || logged.event.kind !== 'state-hash')) this.fail(logged, tick, null);
      return null;
    }
    if (logged.tick < tick) {
      this.fail(logged, tick, null);
      return null;
    }
    this.cursor.step();
    this.ahead.step();
    this.seekDelivery();
    return logged.event as Delivery;
  }

  /** State hashes cover devices, and there are none: the parts that remain are compared. */
  override stateHash(tick: number, hash: StateHash): void {
    this.skipTimers();
    const logged = this.cursor.peek();
    if (this.divergence !== null || logged === null || logged.event.kind !== 'state-hash' || logged.tick !== tick) {
      if (this.divergence === null) this.fail(logged, tick, { kind: 'state-hash', hash });
      return;
    }
    const { devices: _devices, root: _root, ...expected } = logged.event.hash;
    const differences = compareStates({ ...expected, root: '' }, { ...hash, root: '' });
    if (differences.length > 0) {
      const { seq, frame } = logged;
      this.divergence = { kind: 'state', tick, agreedTick: this.agreedTick, seq, frame, differences };
      return;
    }
    this.agreedTick = tick;
    this.cursor.step();
  }

  override interrupt(): void {}
  override timer(): void {}
  override a20(): void {}
  override dmaWrite(): void {}
  override guestReset(): void {}

  /** The root covers devices: it is not compared. */
  override finish(tick: number, reason: string, _hash: string | null): void {
    this.skipTimers();
    super.finish(tick, reason, null);
  }

  private loggedRead(tick: number, kind: number, operand: number, event: () => CheckEvent): number {
    if (this.divergence !== null) return 0;
    if (!this.cursor.matchesAccess(tick, kind, operand)) {
      this.skipTimers();
      if (!this.cursor.matchesAccess(tick, kind, operand)) {
        this.fail(this.cursor.peek(), tick, event());
        return 0;
      }
    }
    return this.cursor.lastValue >>> 0;
  }

  /** Timers fire inside devices: without devices they are no one's business. */
  private skipTimers(): void {
    while (this.cursor.kind === CHECK_KIND.timer) this.cursor.step();
  }

  private seekDelivery(): void {
    while (!this.ahead.isAtEnd && !isDelivery(this.ahead.kind)) this.ahead.step();
  }
}

function isDelivery(kind: number): boolean {
  return (
    kind === CHECK_KIND.interrupt ||
    kind === CHECK_KIND.a20 ||
    kind === CHECK_KIND['dma-write'] ||
    kind === CHECK_KIND['guest-reset']
  );
}
