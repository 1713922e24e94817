/**
 * The door of a replay whose devices run: what they do is compared with the log's checks, each value of a `full` log,
 * running digests of a `checked` one, state hashes alone of an `inputs` one.
 */
import { accessOperand } from '../log/access-operand.ts';
import { RunningDigest } from '../log/check-recorder.ts';
import type {
  CheckEvent,
  DmaContent,
  MapCheck,
  PortBlockCheck,
  RevealCheck,
  SignalCheck,
  StateHash,
} from '../log/events.ts';
import { CHECK_KIND } from '../log/events.ts';
import type { LogReader } from '../log/log.ts';
import type { Checks } from '../machine/door.ts';
import { compareStates } from './divergence.ts';
import { LogPort, type PortMark } from './log-port.ts';

type CheckAssertion = 'values' | 'digests' | 'hashes';

/** Whether two checks say the same. */
function isSameCheck(a: CheckEvent, b: CheckEvent): boolean {
  if (a.kind === 'dma-write' && b.kind === 'dma-write') {
    return a.address === b.address && isSameContent(a.content, b.content);
  }
  if (a.kind === 'map' && b.kind === 'map') {
    return a.page === b.page && a.count === b.count && a.to === b.to && a.memoryPage === b.memoryPage;
  }
  if (a.kind === 'reveal' && b.kind === 'reveal') {
    return a.memoryPage === b.memoryPage && isSameContent(a, b);
  }
  if (a.kind === 'port-block' && b.kind === 'port-block') {
    return a.port === b.port && a.image === b.image && a.offset === b.offset && a.length === b.length;
  }
  if (a.kind === 'signal' && b.kind === 'signal') return a.pin === b.pin;
  return a.kind === 'guest-reset' && b.kind === 'guest-reset';
}

function isSameContent(a: DmaContent, b: DmaContent): boolean {
  if ('bytes' in a && 'bytes' in b) {
    return a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  }
  if ('bytes' in a || 'bytes' in b) return false;
  return a.image === b.image && a.offset === b.offset && a.length === b.length;
}

/** Injects the inputs of a log and asserts its checks. */
export class ReplayingPort extends LogPort implements Checks {
  readonly checks: Checks = this;
  readonly deliveries = null;
  private readonly assertion: CheckAssertion;
  private readonly running = new RunningDigest();

  constructor(log: LogReader) {
    super(log);
    const { profile } = log.header;
    this.assertion = profile === 'full' ? 'values' : profile === 'checked' ? 'digests' : 'hashes';
  }

  override save(): PortMark {
    return { ...super.save(), running: this.running.save() };
  }

  override restore(mark: PortMark): void {
    super.restore(mark);
    this.running.restore(mark.running);
  }

  interrupt(tick: number, vector: number): void {
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND.interrupt, vector, 0)) return;
    this.settle(tick, CHECK_KIND.interrupt, vector, 0, () => ({ kind: 'interrupt', vector }));
  }

  portRead(tick: number, port: number, size: number, value: number): void {
    const operand = accessOperand(port, size);
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND['port-read'], operand, value | 0)) return;
    this.settle(tick, CHECK_KIND['port-read'], operand, value, () => ({
      kind: 'port-read',
      port,
      size,
      value: value >>> 0,
    }));
  }

  mmioRead(tick: number, address: number, size: number, value: number): void {
    const operand = accessOperand(address, size);
    if (this.assertion === 'values' && this.cursor.matches(tick, CHECK_KIND['mmio-read'], operand, value | 0)) return;
    this.settle(tick, CHECK_KIND['mmio-read'], operand, value, () => ({
      kind: 'mmio-read',
      address,
      size,
      value: value >>> 0,
    }));
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
    this.heard?.({ kind: 'dma-write', address, content });
    if (this.assertion === 'digests') {
      this.running.mixDma(tick, address, content);
      this.compareDigest(() => ({ kind: 'dma-write', address, content }));
    } else {
      this.compareRow(tick, { kind: 'dma-write', address, content });
    }
  }

  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void {
    if (event.kind === 'port-block') this.heard?.(event);
    if (this.assertion === 'digests') {
      this.running.mixMemory(tick, event);
      this.compareDigest(() => event);
    } else {
      this.compareRow(tick, event);
    }
  }

  signal(tick: number, event: SignalCheck): void {
    if (this.assertion === 'digests') this.settle(tick, CHECK_KIND.signal, 0, event.pin.length, () => event);
    else this.compareRow(tick, event);
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
}
