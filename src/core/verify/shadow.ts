/**
 * A live run and its shadow: a second machine, on another engine, that is given what the first one took through its
 * door and runs some ticks behind it. The states that the first reports on its way are compared with the shadow's at
 * the same ticks. The host calls `catchUp` between slices and stops when it says false. Law 3, live.
 */
import { SILENT_OUTPUT } from '../board/silent.ts';
import { RecordingPort } from '../session/recording-port.ts';
import type { InputEvent, StateHash } from '../log/events.ts';
import type { LogWriter } from '../log/log.ts';
import type { MachineManifest } from '../log/manifest.ts';
import { type EngineFactory, type Images, Session } from '../session/session.ts';
import { LockstepPort } from './lockstep-port.ts';
import type { TimedInput } from '../log/timed-input.ts';

/** A recording port that also keeps what a shadow needs. */
export class ShadowedPort extends RecordingPort {
  readonly inputs: TimedInput[] = [];
  /** State by tick, until the shadow has been there. */
  readonly reported = new Map<number, string>();
  private last = -1;

  constructor(log: LogWriter) {
    super(log);
  }

  override take(tick: number): InputEvent | null {
    const event = super.take(tick);
    if (event !== null) this.inputs.push({ tick, event });
    return event;
  }

  /** The end of a run reports its state once more, maybe at a tick that has been reported: the first counts. */
  override stateHash(tick: number, hash: StateHash): void {
    super.stateHash(tick, hash);
    if (tick > this.last) this.reported.set(tick, hash.root);
    this.last = tick;
  }
}

export interface ShadowDifference {
  /** All was equal here. */
  readonly agreedTick: number;
  readonly tick: number;
}

export class Shadow {
  difference: ShadowDifference | null = null;
  /** Comparisons that agreed. */
  compared = 0;
  private readonly session: Session;
  private readonly port: LockstepPort;
  private readonly live: ShadowedPort;
  private agreedTick = 0;

  constructor(live: ShadowedPort, manifest: MachineManifest, images: Images, makeEngine: EngineFactory) {
    this.live = live;
    this.port = new LockstepPort(live.inputs, 0);
    this.port.onStateHash = (tick, root) => this.compare(tick, root);
    this.session = new Session({ manifest, images, makeEngine, port: this.port, output: SILENT_OUTPUT });
  }

  private compare(tick: number, root: string): void {
    const expected = this.live.reported.get(tick);
    this.live.reported.delete(tick);
    if (this.difference !== null) return;
    // A machine that has left the other's way reports nothing, or at other ticks.
    if (expected !== root) {
      this.difference = { agreedTick: this.agreedTick, tick };
      return;
    }
    this.agreedTick = tick;
    this.compared++;
  }

  /** Runs to where the live machine is, between two of its slices. False: they differ. */
  catchUp(tick: number): boolean {
    this.port.endTick = tick;
    if (this.difference === null && this.session.tick < tick) this.session.advance(tick);
    return this.difference === null;
  }

  /** The live run has ended at `tick` in the state `root`. */
  finish(tick: number, root: string): void {
    this.catchUp(tick);
    if (this.difference !== null) return;
    if (this.session.tick === tick && this.session.machine.hash().root === root) this.compared++;
    else this.difference = { agreedTick: this.agreedTick, tick };
  }
}
