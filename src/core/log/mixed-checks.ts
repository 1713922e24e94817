/**
 * Checks that go into a digest by kind, operand and value: what a log of running digests and machines in lockstep have
 * in common. Where the digest is kept and when it is taken is theirs; so are checks with bytes.
 */
import { accessOperand } from './access-operand.ts';
import { CHECK_KIND, type SignalCheck } from './events.ts';

export abstract class MixedChecks {
  protected abstract mix(tick: number, kind: number, operand: number, value: number): void;

  interrupt(tick: number, vector: number): void {
    this.mix(tick, CHECK_KIND.interrupt, vector, 0);
  }

  portRead(tick: number, port: number, size: number, value: number): void {
    this.mix(tick, CHECK_KIND['port-read'], accessOperand(port, size), value);
  }

  mmioRead(tick: number, address: number, size: number, value: number): void {
    this.mix(tick, CHECK_KIND['mmio-read'], accessOperand(address, size), value);
  }

  timer(tick: number, id: number): void {
    this.mix(tick, CHECK_KIND.timer, id, 0);
  }

  a20(tick: number, enabled: boolean): void {
    this.mix(tick, CHECK_KIND.a20, 0, enabled ? 1 : 0);
  }

  signal(tick: number, { pin }: SignalCheck): void {
    this.mix(tick, CHECK_KIND.signal, 0, pin.length);
  }

  guestReset(tick: number): void {
    this.mix(tick, CHECK_KIND['guest-reset'], 0, 0);
  }
}
