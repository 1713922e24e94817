/**
 * The one door, as types: everything that is not a function of the boot state enters a machine here, and what its
 * devices do goes out here to be recorded or asserted. Four small interfaces, so that each part of a machine sees the
 * side that it needs; who stands behind them (live, recording, replaying: src/core/session) the machine never asks.
 *
 * Ticks: `guestReset` and `stateHash` and the checks `interrupt`, `timer`, `dmaWrite` and `a20` carry the tick of the
 * loop at which they take effect, `portRead` and `mmioRead` the tick of the access. Reports come in the order in which
 * things happen.
 */
import type {
  CheckEvent,
  DmaContent,
  InputEvent,
  MapCheck,
  PortBlockCheck,
  RevealCheck,
  SignalCheck,
  StateHash,
} from '../log/events.ts';
import type { Divergence } from '../session/divergence.ts';

/** What the world does to the guest. Taken by the loop between instructions; looked at again after serial output. */
export interface Inputs {
  /** Tick of the next known input, Infinity when none is known; 0 for one that is due as soon as the slice ends. */
  nextTick(): number;
  /** Takes the next input due at or before `tick`, or null. */
  take(tick: number): InputEvent | null;
  /** An input for `tick`, or for the end of the current slice. A replay takes inputs from its log alone and throws. */
  push(event: InputEvent, tick?: number): void;
}

/** What the devices of a machine do, reported as it happens. */
export interface Checks {
  interrupt(tick: number, vector: number): void;
  /** `size` in bytes; `value` is what the guest sees. */
  portRead(tick: number, port: number, size: number, value: number): void;
  mmioRead(tick: number, address: number, size: number, value: number): void;
  timer(tick: number, id: number): void;
  a20(tick: number, enabled: boolean): void;
  /** `content` must name the same image and offset, or the same bytes, in every run. */
  dmaWrite(tick: number, address: number, content: DmaContent, isInAccess?: boolean): void;
  /** What addresses lead to, what bulk memory holds that a processor is shown, and what a data port gives next. */
  memory(tick: number, event: MapCheck | RevealCheck | PortBlockCheck): void;
  signal(tick: number, event: SignalCheck): void;
}

/** What reaches a machine without devices from outside its CPU. */
export type Delivery = Extract<
  CheckEvent,
  { kind: 'interrupt' | 'a20' | 'dma-write' | 'map' | 'reveal' | 'signal' | 'port-block' | 'guest-reset' }
>;

/** The log in the place of the devices. */
export interface Deliveries {
  /** The next thing to arrive and its tick, or null. */
  nextDelivery(): { readonly tick: number; readonly event: Delivery } | null;
  /** Takes it when its tick is at or before `tick` and it is next in order, else null. */
  takeDelivery(tick: number): Delivery | null;
  /** What the guest reads, unsigned; `size` in bytes. */
  portRead(tick: number, port: number, size: number): number;
  mmioRead(tick: number, address: number, size: number): number;
}

/** The run as a whole, reported by the loop. */
export interface Lifecycle {
  /** Tick that the run must not pass: the end of what the log knows; Infinity when live. */
  readonly endTick: number;
  /** The first check that failed: the loop stops at the end of the slice. Live and recording: always null. */
  readonly divergence: Divergence | null;
  guestReset(tick: number): void;
  stateHash(tick: number, hash: StateHash): void;
  /**
   * How far the run is; called at the end of slices. The last `idleTicks` of it were idle, all of them or none. Lets a
   * recording close a frame of a quiet guest.
   */
  advance(tick: number, idleTicks: number): void;
  /** The run is over: the last call. A replay asserts that the recorded run ended the same way. */
  finish(tick: number, reason: string, hash: string | null): void;
}

/** The whole door of one machine: its devices run and are heard, or the log delivers in their place. */
export type InputPort = Inputs &
  Lifecycle &
  ({ readonly checks: Checks; readonly deliveries: null } | { readonly checks: null; readonly deliveries: Deliveries });
