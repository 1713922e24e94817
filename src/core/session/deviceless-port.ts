/**
 * The door of a replay without devices (`--devices log`): the log plays them. One cursor stands at the check that
 * must come next, a second runs ahead of it from delivery to delivery, so that the loop knows when to stop.
 */
import { accessOperand } from '../log/access-operand.ts';
import type { CheckEvent, StateHash } from '../log/events.ts';
import { CHECK_KIND } from '../log/events.ts';
import { LogError } from '../log/log-error.ts';
import type { CheckCursor, LogReader } from '../log/log.ts';
import type { Deliveries, Delivery } from '../machine/door.ts';
import { compareStates } from './divergence.ts';
import { LogPort, type PortMark } from './log-port.ts';

/** Runs the CPU alone. Needs a `full` log. */
export class DevicelessPort extends LogPort implements Deliveries {
  readonly checks = null;
  readonly deliveries: Deliveries = this;
  /** Runs ahead of the other cursor, from delivery to delivery. */
  private readonly ahead: CheckCursor;

  constructor(log: LogReader) {
    super(log);
    this.ahead = log.checks();
    this.seekDelivery();
  }

  override save(): PortMark {
    return { ...super.save(), ahead: this.ahead.save() };
  }

  override restore(mark: PortMark): void {
    super.restore(mark);
    if (mark.ahead !== null) this.ahead.restore(mark.ahead);
  }

  portRead(tick: number, port: number, size: number): number {
    return this.loggedRead(tick, CHECK_KIND['port-read'], accessOperand(port, size), () => ({
      kind: 'port-read',
      port,
      size,
      value: 0,
    }));
  }

  mmioRead(tick: number, address: number, size: number): number {
    return this.loggedRead(tick, CHECK_KIND['mmio-read'], accessOperand(address, size), () => ({
      kind: 'mmio-read',
      address,
      size,
      value: 0,
    }));
  }

  nextDelivery(): { readonly tick: number; readonly event: Delivery } | null {
    const logged = this.ahead.peek();
    return logged === null ? null : { tick: logged.tick, event: logged.event as Delivery };
  }

  takeDelivery(tick: number): Delivery | null {
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
    const event = logged.event as Delivery;
    this.checkPart(event, logged.frame);
    if (event.kind === 'dma-write' || event.kind === 'port-block') this.heard?.(event);
    this.cursor.step();
    this.ahead.step();
    this.seekDelivery();
    return event;
  }

  /** What a log says that a device took from an image must be in the image: this one may have been made up. */
  private checkPart(event: Delivery, frame: number): void {
    const part = event.kind === 'dma-write' ? event.content : event.kind === 'port-block' ? event : null;
    if (part === null || 'bytes' in part || part.length === 0) return;
    const { image, offset, length } = part;
    const found = this.log.header.machine.images[image];
    if (found !== undefined && offset + length <= found.sizeBytes) return;
    const what = found === undefined ? 'there is no such image' : `the ${found.role} has ${found.sizeBytes} bytes`;
    throw new LogError(
      'malformed',
      `Frame ${frame} of the log says that a device gave bytes ${offset} to ${offset + length} of image ${image}, ` +
        `and ${what}; it was not written by this program: record the run again.`,
      frame,
      this.log.frames[frame]?.offset,
    );
  }

  /** State hashes cover devices, and there are none: the parts that remain are compared. */
  stateHash(tick: number, hash: StateHash): void {
    this.skipTimers();
    const logged = this.cursor.peek();
    if (this.divergence !== null || logged === null || logged.event.kind !== 'state-hash' || logged.tick !== tick) {
      if (this.divergence === null) this.fail(logged, tick, { kind: 'state-hash', hash });
      return;
    }
    const { devices: _devices, root: _root, ...expected } = logged.event.hash;
    // Which pages were written since the hash before is no part of the state: after a seek other ones have been.
    const isSame = expected.cpu !== undefined && expected.cpu === hash.cpu && expected.ram === hash.ram;
    const differences = isSame ? [] : compareStates({ ...expected, root: '' }, { ...hash, root: '' });
    if (differences.length > 0) {
      const { seq, frame } = logged;
      this.divergence = { kind: 'state', tick, agreedTick: this.agreedTick, seq, frame, differences };
      return;
    }
    this.agreedTick = tick;
    this.cursor.step();
  }

  /** The log has delivered it. */
  guestReset(): void {}

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
    kind === CHECK_KIND.map ||
    kind === CHECK_KIND.reveal ||
    kind === CHECK_KIND.signal ||
    kind === CHECK_KIND['port-block'] ||
    kind === CHECK_KIND['guest-reset']
  );
}
