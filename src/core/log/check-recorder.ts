/**
 * The three ways to record checks, one per profile, behind one interface, so that the machine and the port never ask
 * which profile is on. `FrameTurner` closes the frame at ticks that depend on the events alone: the same run gives the
 * same bytes, whenever the host flushes.
 */
import { accessOperand } from './access-operand.ts';
import { addSlot, appendCheck, appendRow } from './check-columns.ts';
import type { CheckEncoder } from './check-columns.ts';
import type { DmaContent, MapCheck, PortBlockCheck, RevealCheck, SignalCheck, StateHash } from './events.ts';
import { CHECK_KIND } from './events.ts';
import { hashBytes, hashToHex } from '../base/hash.ts';
import { MixedChecks } from './mixed-checks.ts';

/** Closes the frame that is being written. */
export interface FrameTurner {
  /** Tick at and after which `turnFrame` must be called before the next append; below 0 when no frame is open. */
  frameEndTick: number;
  turnFrame(tick: number): void;
}

export interface CheckRecorder {
  interrupt(tick: number, vector: number): void;
  portRead(tick: number, port: number, size: number, value: number): void;
  mmioRead(tick: number, address: number, size: number, value: number): void;
  timer(tick: number, id: number): void;
  a20(tick: number, enabled: boolean): void;
  dmaWrite(tick: number, address: number, content: DmaContent, isInAccess?: boolean): void;
  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void;
  signal(tick: number, event: SignalCheck): void;
  guestReset(tick: number): void;
  stateHash(tick: number, hash: StateHash): void;
  /** Called before a frame is closed: whatever is still held back is appended. */
  settle(): void;
  /** Called after a frame was closed. */
  reset(): void;
}

/** Every check with its value. */
export class FullRecorder implements CheckRecorder {
  private readonly encoder: CheckEncoder;
  private readonly frame: FrameTurner;
  /** Slot by operand; 0 when this frame has none yet. */
  private readonly portSlots = new Uint16Array(65536 * 4);
  private readonly vectorSlots = new Uint16Array(256);
  private readonly timerSlots = new Uint16Array(65536);
  private readonly mmioSlots = new Map<number, number>();
  private a20Slot = 0;
  private readonly usedPorts: number[] = [];

  constructor(encoder: CheckEncoder, frame: FrameTurner) {
    this.encoder = encoder;
    this.frame = frame;
  }

  interrupt(tick: number, vector: number): void {
    this.makeRoom(tick);
    let slot = this.vectorSlots[vector];
    if (slot === 0) {
      slot = addSlot(this.encoder, CHECK_KIND.interrupt, vector);
      this.vectorSlots[vector] = slot;
    }
    appendCheck(this.encoder, slot, tick, 0);
  }

  portRead(tick: number, port: number, size: number, value: number): void {
    if (tick >= this.frame.frameEndTick || this.encoder.isFull) this.frame.turnFrame(tick);
    const operand = accessOperand(port, size);
    let slot = this.portSlots[operand];
    if (slot === 0) {
      slot = addSlot(this.encoder, CHECK_KIND['port-read'], operand);
      this.portSlots[operand] = slot;
      this.usedPorts.push(operand);
    }
    appendCheck(this.encoder, slot, tick, value | 0);
  }

  mmioRead(tick: number, address: number, size: number, value: number): void {
    this.makeRoom(tick);
    const operand = accessOperand(address, size);
    let slot = this.mmioSlots.get(operand);
    if (slot === undefined) {
      slot = addSlot(this.encoder, CHECK_KIND['mmio-read'], operand);
      this.mmioSlots.set(operand, slot);
    }
    appendCheck(this.encoder, slot, tick, value | 0);
  }

  timer(tick: number, id: number): void {
    this.makeRoom(tick);
    let slot = this.timerSlots[id];
    if (slot === 0) {
      slot = addSlot(this.encoder, CHECK_KIND.timer, id);
      this.timerSlots[id] = slot;
    }
    appendCheck(this.encoder, slot, tick, 0);
  }

  a20(tick: number, enabled: boolean): void {
    this.makeRoom(tick);
    if (this.a20Slot === 0) this.a20Slot = addSlot(this.encoder, CHECK_KIND.a20, 0);
    appendCheck(this.encoder, this.a20Slot, tick, enabled ? 1 : 0);
  }

  dmaWrite(tick: number, address: number, content: DmaContent, isInAccess = false): void {
    this.makeRoom(tick);
    appendRow(this.encoder, tick, { kind: 'dma-write', address, content, ...(isInAccess ? { isInAccess } : {}) });
  }

  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void {
    this.makeRoom(tick);
    appendRow(this.encoder, tick, event);
  }

  signal(tick: number, event: SignalCheck): void {
    this.makeRoom(tick);
    appendRow(this.encoder, tick, event);
  }

  guestReset(tick: number): void {
    this.makeRoom(tick);
    appendRow(this.encoder, tick, { kind: 'guest-reset' });
  }

  stateHash(tick: number, hash: StateHash): void {
    this.makeRoom(tick);
    appendRow(this.encoder, tick, { kind: 'state-hash', hash });
  }

  settle(): void {}

  reset(): void {
    for (const operand of this.usedPorts) this.portSlots[operand] = 0;
    this.usedPorts.length = 0;
    this.vectorSlots.fill(0);
    this.timerSlots.fill(0);
    this.mmioSlots.clear();
    this.a20Slot = 0;
  }

  private makeRoom(tick: number): void {
    if (tick >= this.frame.frameEndTick || this.encoder.isFull) this.frame.turnFrame(tick);
  }
}

/** A digest over checks as they pass; the recorder and the replaying port run the same one. */
export class RunningDigest {
  /** Checks since the last `take`. */
  count = 0;
  /** Tick of the last of them. */
  lastTick = 0;
  private low = 0x9e3779b1 | 0;
  private high = 0x85ebca6b | 0;
  private readonly scratch = new Int32Array(2);

  mix(tick: number, kind: number, operand: number, value: number): void {
    let a = Math.imul(this.low ^ tick, 0x9e3779b1);
    a = Math.imul(((a << 15) | (a >>> 17)) ^ operand ^ (kind << 27), 0x85ebca77);
    this.low = Math.imul(((a << 13) | (a >>> 19)) ^ value, 0xc2b2ae3d);
    const b = Math.imul(this.high ^ value, 0x27d4eb2f);
    this.high = Math.imul(((b << 16) | (b >>> 16)) ^ a, 0x9e3779b1) ^ (b >>> 15);
    this.count++;
    this.lastTick = tick;
  }

  mixDma(tick: number, address: number, content: DmaContent): void {
    const { scratch } = this;
    if ('bytes' in content) {
      hashBytes(content.bytes, 0, content.bytes.length, scratch, 0);
      this.mix(tick, CHECK_KIND['dma-write'], address, scratch[0]);
      this.high ^= scratch[1];
    } else {
      this.mix(tick, CHECK_KIND['dma-write'], address, content.offset);
      this.high = Math.imul(this.high ^ content.length, 0x85ebca77) ^ content.image;
    }
  }

  mixMemory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void {
    if (event.kind === 'map') {
      const { page, count, to, memoryPage } = event;
      this.mix(tick, CHECK_KIND.map, page, count);
      this.high = Math.imul(this.high ^ memoryPage, 0x85ebca77) ^ to.length;
      return;
    }
    if (event.kind === 'port-block') {
      this.mix(tick, CHECK_KIND['port-block'], event.port, event.offset);
      this.high = Math.imul(this.high ^ event.length, 0x85ebca77) ^ event.image;
      return;
    }
    const { scratch } = this;
    hashBytes(event.bytes, 0, event.bytes.length, scratch, 0);
    this.mix(tick, CHECK_KIND.reveal, event.memoryPage, scratch[0]);
    this.high ^= scratch[1];
  }

  save(): readonly [count: number, lastTick: number, low: number, high: number] {
    return [this.count, this.lastTick, this.low, this.high];
  }

  /** Inverse of save. */
  restore(saved: readonly [count: number, lastTick: number, low: number, high: number]): void {
    [this.count, this.lastTick, this.low, this.high] = saved;
  }

  /** The digest so far; the next one starts from its lanes, so that digests form a chain. */
  take(): string {
    this.count = 0;
    return hashToHex(this.low, this.high);
  }
}

/**
 * Checks of the first digest in each frame of a `checked` log, some 20 bytes; the next one has twice as many, and so
 * on: a guest that polls a port millions of times a frame takes a dozen.
 */
const CHECKS_PER_DIGEST = 1024;

/** Running digests in place of values; state hashes as they are. */
export class DigestRecorder extends MixedChecks implements CheckRecorder {
  private readonly encoder: CheckEncoder;
  private readonly frame: FrameTurner;
  private readonly running = new RunningDigest();
  private digestChecks = CHECKS_PER_DIGEST;

  constructor(encoder: CheckEncoder, frame: FrameTurner) {
    super();
    this.encoder = encoder;
    this.frame = frame;
  }

  dmaWrite(tick: number, address: number, content: DmaContent): void {
    this.makeRoom(tick);
    this.running.mixDma(tick, address, content);
    if (this.running.count === this.digestChecks) this.settle();
  }

  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void {
    this.makeRoom(tick);
    this.running.mixMemory(tick, event);
    if (this.running.count === this.digestChecks) this.settle();
  }

  stateHash(tick: number, hash: StateHash): void {
    this.makeRoom(tick);
    this.settle();
    appendRow(this.encoder, tick, { kind: 'state-hash', hash });
  }

  settle(): void {
    const { running } = this;
    if (running.count === 0) return;
    const { count, lastTick } = running;
    appendRow(this.encoder, lastTick, { kind: 'digest', count, digest: running.take() });
    if (count === this.digestChecks) this.digestChecks *= 2;
  }

  reset(): void {
    this.digestChecks = CHECKS_PER_DIGEST;
  }

  protected override mix(tick: number, kind: number, operand: number, value: number): void {
    this.makeRoom(tick);
    this.running.mix(tick, kind, operand, value);
    if (this.running.count === this.digestChecks) this.settle();
  }

  private makeRoom(tick: number): void {
    if (tick >= this.frame.frameEndTick || this.encoder.isFull) this.frame.turnFrame(tick);
  }
}

/** State hashes only. */
export class HashOnlyRecorder implements CheckRecorder {
  private readonly encoder: CheckEncoder;
  private readonly frame: FrameTurner;

  constructor(encoder: CheckEncoder, frame: FrameTurner) {
    this.encoder = encoder;
    this.frame = frame;
  }

  interrupt(): void {}
  portRead(): void {}
  mmioRead(): void {}
  timer(): void {}
  a20(): void {}
  dmaWrite(): void {}
  memory(): void {}
  signal(): void {}
  guestReset(): void {}
  stateHash(tick: number, hash: StateHash): void {
    if (tick >= this.frame.frameEndTick || this.encoder.isFull) this.frame.turnFrame(tick);
    appendRow(this.encoder, tick, { kind: 'state-hash', hash });
  }
  settle(): void {}
  reset(): void {}
}
