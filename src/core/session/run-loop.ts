/**
 * The loop around a session, for everybody who runs one to its end: legs whose ends lie at multiples of a fixed
 * number of ticks, so that nothing a host's speed decides can reach a log, and between them whatever watches the run.
 * It never waits: the host does, between legs, for keys, for the clock or for a debugger.
 */
import type { StopReason } from '../machine/machine.ts';
import { TICK_LIMIT } from '../base/defaults.ts';
import type { EndReason, Session } from './session.ts';

/** A leg is 5 to 10 ms of the interpreter; longer ones would make keys wait. */
export const LEG_TICKS = 1 << 19;
/**
 * A guest that halted and that nobody can wake is over after this much guest time: bytes on the line have left by then.
 * One that waits for people alone idles after more, since a slow line may have something to say.
 */
const DEAD_NANOSECONDS = 1e9;
const WAITING_NANOSECONDS = 100e9;

export interface RunLoopOptions {
  readonly session: Session;
  /** The run ends here at the latest. */
  readonly maxTick?: number;
  /** Legs end at multiples of this; infinite: nobody looks before the end. */
  readonly legTicks?: number;
  /** Runs the machine in the session's place, as a debugger does: may stop early with `break` or `tick`. */
  readonly advance?: (untilTick: number) => StopReason;
  /** Called between legs; false ends the run. */
  readonly watch?: (tick: number) => boolean;
  /**
   * Called at ticks that are the same whatever the legs: multiples of LEG_TICKS, and where a guest idles with
   * nothing to wake it. It may have an input for it.
   */
  readonly look?: (tick: number) => void;
  /** What ends the run by itself: it breaks in, and then has the tick at which the run ends. */
  readonly stopOn?: { readonly tick: number | null };
  /** Called between legs when the run just stopped at its tick, of which nothing has happened yet. */
  readonly passed?: () => void;
}

export class RunLoop {
  private readonly options: RunLoopOptions;
  private readonly legTicks: number;
  private readonly maxTick: number;
  private readonly isLive: boolean;
  private deadTick = -1;
  /** The last leg was stopped inside by who runs the machine: nothing that belongs between legs has been done. */
  isInsideLeg = false;

  constructor(options: RunLoopOptions) {
    this.options = options;
    this.legTicks = options.legTicks ?? LEG_TICKS;
    this.maxTick = Math.min(options.maxTick ?? TICK_LIMIT, TICK_LIMIT);
    this.isLive = options.session.port.endTick === Number.POSITIVE_INFINITY;
  }

  /** One leg; why the run is over, or null. After `idle` it can go on, once there is an input. */
  leg(): EndReason | null {
    const { session, advance } = this.options;
    if (session.tick >= this.maxTick) return 'max-ticks';
    const end = (ticks: number): number => (Math.floor(session.tick / ticks) + 1) * ticks;
    const lookTick = this.options.look === undefined ? Number.POSITIVE_INFINITY : end(LEG_TICKS);
    const untilTick = Math.min(this.maxTick, end(this.legTicks), lookTick);
    const reason = advance === undefined ? session.advance(untilTick) : advance(untilTick);
    const stopTick = this.options.stopOn?.tick ?? null;
    if (stopTick !== null && (reason === 'break' || reason === 'tick')) {
      const end = session.advance(stopTick);
      return end === 'tick' || end === 'idle' ? 'stopped' : end;
    }
    // Stopped by the debugger: what is done between legs is done where it would be without one.
    this.isInsideLeg = advance !== undefined && (reason === 'break' || (reason === 'tick' && session.tick < untilTick));
    if (this.isInsideLeg) return null;
    if (this.options.watch?.(session.tick) === false) return 'stopped';
    if (reason === 'idle' || session.tick % LEG_TICKS === 0) this.options.look?.(session.tick);
    if (reason === 'idle' && this.isLive && session.port.nextTick() !== Number.POSITIVE_INFINITY) return null;
    if (reason !== 'tick') return reason;
    this.options.passed?.();
    return this.isLive && this.hasDied() ? 'idle' : null;
  }

  /** Legs until the run is over. */
  run(): EndReason {
    for (;;) {
      const end = this.leg();
      if (end !== null) return end;
    }
  }

  /** Halted for a while with nothing that would wake it by itself, and nothing scripted to come. */
  private hasDied(): boolean {
    const { session } = this.options;
    const { wakers } = session;
    if (wakers === 'anything' || session.port.nextTick() !== Number.POSITIVE_INFINITY) {
      this.deadTick = -1;
      return false;
    }
    if (this.deadTick < 0) this.deadTick = session.tick;
    const nanoseconds = wakers === 'nobody' ? DEAD_NANOSECONDS : WAITING_NANOSECONDS;
    if ((session.tick - this.deadTick) * session.machine.options.nsPerTick < nanoseconds) return false;
    // An input may make it go on, and then it has as long again.
    this.deadTick = -1;
    return true;
  }
}
