/**
 * The door of a machine that runs a log to be compared with other machines: inputs come from the log, nothing is
 * asserted. What passes the door besides (interrupts, values read, DMA, serial bytes) goes into a running digest, so
 * that two machines whose states have come together again are still told apart. The position in the inputs follows from
 * the tick alone: `seek` after a snapshot was restored is all that there is to do.
 */
import { SILENT_OUTPUT } from '../board/silent.ts';
import type { OutputPort } from '../board/device.ts';
import type { Checks, Inputs, Lifecycle } from '../machine/door.ts';
import { hashBytes } from '../base/hash.ts';
import type { DmaContent, InputEvent, MapCheck, PortBlockCheck, RevealCheck, StateHash } from '../log/events.ts';
import { CHECK_KIND } from '../log/events.ts';
import { MixedChecks } from '../log/mixed-checks.ts';
import type { TimedInput } from '../log/timed-input.ts';

/** Mixed in for a byte on serial line n: SERIAL_MARK + n. No kind of check has these numbers. */
const SERIAL_MARK = 1000;

export class LockstepPort extends MixedChecks implements Inputs, Lifecycle, Checks {
  readonly checks: Checks = this;
  readonly deliveries = null;
  readonly divergence = null;
  endTick: number;
  /** The machine's own report of its state, every `hash-every` ticks. */
  onStateHash: (tick: number, root: string) => void = () => {};
  /** May grow at its end while the machine runs (a live shadow). */
  private readonly inputs: readonly TimedInput[];
  private next = 0;
  private low = 0;
  private high = 0;
  private readonly words = new Int32Array(2);

  constructor(inputs: readonly TimedInput[], endTick: number) {
    super();
    this.inputs = inputs;
    this.endTick = endTick;
  }

  /** Of everything since the start or the last `seek`. */
  get digest(): string {
    return `${(this.high >>> 0).toString(16)}:${(this.low >>> 0).toString(16)}`;
  }

  /** The machine has been put to the state at `tick`: nothing due then has happened yet. */
  seek(tick: number): void {
    const { inputs } = this;
    let from = 0;
    let to = inputs.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (inputs[middle].tick < tick) from = middle + 1;
      else to = middle;
    }
    this.next = from;
    this.low = 0;
    this.high = 0;
  }

  nextTick(): number {
    return this.next < this.inputs.length ? this.inputs[this.next].tick : Number.POSITIVE_INFINITY;
  }

  take(tick: number): InputEvent | null {
    if (this.nextTick() > tick) return null;
    return this.inputs[this.next++].event;
  }

  push(): void {
    throw new Error('a replay takes its inputs from the log alone');
  }

  protected override mix(tick: number, what: number, operand: number, value: number): void {
    const word = Math.imul(tick | 0, 0x9e3779b1) ^ Math.imul(operand | 0, 0x85ebca6b) ^ (value | 0);
    this.low = Math.imul(this.low ^ word ^ what, 0xc2b2ae35);
    this.low ^= this.low >>> 15;
    this.high = Math.imul((this.high + this.low) ^ Math.floor(tick / 0x1_0000_0000), 0x27d4eb2f) ^ (value >>> 3);
  }

  dmaWrite(tick: number, address: number, content: DmaContent): void {
    if ('bytes' in content) {
      hashBytes(content.bytes, 0, content.bytes.length, this.words, 0);
      this.mix(tick, CHECK_KIND['dma-write'], address, this.words[0]);
      this.mix(tick, CHECK_KIND['dma-write'], content.bytes.length, this.words[1]);
    } else {
      this.mix(tick, CHECK_KIND['dma-write'], address, content.offset + content.image);
    }
  }
  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void {
    if (event.kind === 'map') {
      this.mix(tick, CHECK_KIND.map, event.page, event.count);
      this.mix(tick, CHECK_KIND.map, event.memoryPage, event.to.length);
      return;
    }
    if (event.kind === 'port-block') {
      this.mix(tick, CHECK_KIND['port-block'], event.port, event.offset);
      this.mix(tick, CHECK_KIND['port-block'], event.image, event.length);
      return;
    }
    hashBytes(event.bytes, 0, event.bytes.length, this.words, 0);
    this.mix(tick, CHECK_KIND.reveal, event.memoryPage, this.words[0]);
  }
  stateHash(tick: number, hash: StateHash): void {
    this.onStateHash(tick, hash.root);
  }
  advance(): void {}
  finish(): void {}

  /** Where the machine's output goes: into the digest, and on to `onSerial` if there is one. */
  output(now: () => number, onSerial?: (line: number, byte: number) => void): OutputPort {
    return {
      ...SILENT_OUTPUT,
      serial: (line, byte) => {
        this.mix(now(), SERIAL_MARK + line, 0, byte);
        onSerial?.(line, byte);
      },
      debugConsole: (byte) => this.mix(now(), SERIAL_MARK - 1, 0, byte),
      parallel: (byte) => this.mix(now(), SERIAL_MARK - 2, 0, byte),
    };
  }
}
