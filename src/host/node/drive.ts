// Runs a session to its end on the host's event loop: the legs are those of core/session/run-loop.ts; between them
// come output, input, signals and, where idle time shall pass at its own pace, sleep. Of all that only what people type
// reaches a log, and that is input.

import { performance } from 'node:perf_hooks';
import type { Machine, StopReason } from '../../core/machine/machine.ts';
import { RunLoop } from '../../core/session/run-loop.ts';
import type { EndReason, Session } from '../../core/session/session.ts';
import type { GuestOutput } from './guest-output.ts';
import type { Progress } from './progress.ts';
import type { InputEvent } from '../../core/log/events.ts';
import type { Terminal } from './terminal.ts';
import { ENDING_SIGNALS, TURN_MS } from './work.ts';

/** Idle guest time that may run ahead of the host's clock before it is slept off. */
const AHEAD_MS = 4;
const SLEEP_MS_MAX = 100;

/** A debugger that holds a live run and lets it go on. What it does between legs leaves no trace in a log. */
export interface DriveControl {
  /** The run may not go on now. */
  readonly isHeld: boolean;
  /** The debugger ended the run. */
  readonly isKilled: boolean;
  /** Set by the driver: called when one of the two has changed, or `poll` is wanted. */
  wake: () => void;
  /** Between legs: the moment at which a wish to stop is heard. */
  poll(): void;
  /** Runs to `untilTick` at most; stops earlier with `break`, or with `tick` after a step. */
  advance(untilTick: number): StopReason;
}

export interface Looks {
  /** Infinity: there is no more to see. */
  readonly nextTick: number;
  take(machine: Machine): void;
}

export interface DriveOptions {
  readonly session: Session;
  readonly output: GuestOutput;
  readonly maxTick?: number;
  /** Null: nobody types. */
  readonly terminal?: Terminal | null;
  /** What keys at the terminal are for the guest; bytes of the first serial line unless given. */
  readonly typed?: (bytes: Uint8Array) => readonly InputEvent[];
  /** Called with the output, about every 10 ms; `isWaiting`: nothing will change for a while. */
  readonly show?: (isWaiting: boolean) => void;
  readonly pace?: 'real' | 'none';
  readonly progress?: Progress | null;
  /** Called between legs; false ends the run. */
  readonly watch?: (tick: number) => boolean;
  /** Called between legs when the run just stopped at its tick, of which nothing has happened yet. */
  readonly passed?: () => void;
  readonly control?: DriveControl | null;
  /** See RunLoopOptions. */
  readonly look?: (tick: number) => void;
  /** Moments at which somebody looks at the machine; of what is due there nothing has happened yet. */
  readonly looks?: Looks | null;
  /** What ends the run by itself. */
  readonly stopOn?: { readonly tick: number | null } | null;
  /** Called about once a second while a person may be typing. */
  readonly flushLog?: () => void;
}

export interface DriveEnd {
  readonly reason: EndReason;
  /** Of `stopped`: who wanted it. */
  readonly stoppedBy: 'user' | 'gdb' | 'output' | 'condition' | 'watch';
  /** The signal that ended it, if one did. */
  readonly signal: NodeJS.Signals | null;
  readonly hostSeconds: number;
}

/** Resolves when the run is over; `session.end(reason)` is the caller's. */
export async function drive(options: DriveOptions): Promise<DriveEnd> {
  const driver = new Driver(options);
  try {
    return await driver.run();
  } finally {
    driver.release();
  }
}

/** To `untilTick`, or to where somebody looks. */
function advanceLooking(session: Session, looks: Looks, untilTick: number): StopReason {
  while (looks.nextTick <= session.tick) looks.take(session.machine);
  if (looks.nextTick > untilTick) return session.advance(untilTick);
  const reason = session.advance(looks.nextTick);
  if (reason === 'tick') looks.take(session.machine);
  return reason;
}

class Driver {
  private readonly options: DriveOptions;
  private readonly startMs = performance.now();
  private readonly loop: RunLoop;
  private readonly nsPerTick: number;
  private signal: NodeJS.Signals | null = null;
  private isStopped = false;
  /** Bytes typed since the last leg. */
  private typed: Uint8Array[] = [];
  /** Ends the sleep in hand. */
  private wake: () => void = () => {};
  private aheadMs = 0;
  private pacedMs = this.startMs;
  private pacedIdleTicks = 0;
  private flushedMs = this.startMs;

  constructor(options: DriveOptions) {
    this.options = options;
    const { session, maxTick, watch, passed, control, stopOn, looks, look } = options;
    this.nsPerTick = session.machine.options.nsPerTick;
    this.loop = new RunLoop({
      session,
      ...(maxTick === undefined ? {} : { maxTick }),
      ...(watch === undefined ? {} : { watch }),
      ...(passed === undefined ? {} : { passed }),
      ...(look === undefined ? {} : { look }),
      ...(stopOn ? { stopOn } : {}),
      ...(control ? { advance: (untilTick: number) => control.advance(untilTick) } : {}),
      ...(looks ? { advance: (untilTick: number) => advanceLooking(session, looks, untilTick) } : {}),
    });
    if (options.control) options.control.wake = () => this.wake();
    for (const signal of ENDING_SIGNALS) process.on(signal, this.onSignal);
    options.terminal?.start({
      bytes: (bytes) => {
        this.typed.push(bytes);
        this.wake();
      },
      ended: () => this.wake(),
      quit: () => {
        this.isStopped = true;
        this.wake();
      },
    });
  }

  release(): void {
    for (const signal of ENDING_SIGNALS) process.off(signal, this.onSignal);
    this.options.terminal?.stop();
    this.options.progress?.clear();
    this.options.output.flush();
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    this.signal = signal;
    this.isStopped = true;
    this.wake();
  };

  async run(): Promise<DriveEnd> {
    const { output, control } = this.options;
    let turnMs = performance.now();
    for (;;) {
      if (control) await this.hold(control);
      if (this.isStopped || output.isClosed || control?.isKilled) return this.over('stopped');
      const end = this.loop.leg();
      if (end !== null && !(end === 'idle' && (await this.waitForInput()))) return this.over(end);
      if (this.loop.isInsideLeg) continue;
      if (this.options.pace === 'real') await this.keepPace();
      if (performance.now() - turnMs >= TURN_MS) {
        await this.turn();
        turnMs = performance.now();
      }
      this.pushTyped(0);
    }
  }

  /** Waits while the debugger holds the run; for how long. */
  private async hold(control: DriveControl): Promise<number> {
    control.poll();
    if (!control.isHeld) return 0;
    this.writeOutput(true);
    const startMs = performance.now();
    while (control.isHeld && !control.isKilled && !this.isStopped) await this.sleep(1000);
    this.pacedMs = performance.now();
    return this.pacedMs - startMs;
  }

  private over(reason: EndReason): DriveEnd {
    const { output, control, stopOn } = this.options;
    const isCondition = (stopOn?.tick ?? null) !== null;
    const other = control?.isKilled === true ? 'gdb' : output.isClosed ? 'output' : 'watch';
    const stoppedBy = isCondition ? 'condition' : this.isStopped ? 'user' : other;
    return { reason, stoppedBy, signal: this.signal, hostSeconds: (performance.now() - this.startMs) / 1000 };
  }

  /** Output, progress, and everything that waits in the event loop. */
  private async turn(): Promise<void> {
    const { output, progress, session, flushLog } = this.options;
    this.writeOutput();
    if (flushLog !== undefined && performance.now() - this.flushedMs > 1000) {
      flushLog();
      this.flushedMs = performance.now();
    }
    await output.settle();
    await new Promise<void>((resolve) => setImmediate(resolve));
    // Last, when a change of the terminal's width has been heard of.
    if (progress && (!process.stdout.isTTY || !output.usesStdout || output.isAtLineStart)) {
      progress.update(session.tick, session.machine.idleTicks);
    }
  }

  private writeOutput(isWaiting = false): void {
    const { output, progress, show } = this.options;
    show?.(isWaiting);
    if (!output.hasPending) return;
    progress?.clear();
    output.flush();
  }

  private pushTyped(tick: number): void {
    if (this.typed.length === 0) return;
    const { session } = this.options;
    const { typed = (bytes) => [{ kind: 'serial', port: 0, bytes: Uint8Array.from(bytes) }] } = this.options;
    for (const event of this.typed.flatMap(typed)) session.port.push(event, tick);
    this.typed = [];
  }

  /**
   * Idle with nothing that would wake it by itself: waits until somebody types. False: nobody can, or nothing could
   * wake the guest.
   */
  private async waitForInput(): Promise<boolean> {
    const { session, terminal, pace, flushLog, control } = this.options;
    if (terminal === undefined || terminal === null || session.wakers === 'nobody') return false;
    this.writeOutput(true);
    flushLog?.();
    let startMs = performance.now();
    while (this.typed.length === 0 && !this.isStopped) {
      if (terminal.hasEnded) return false;
      if (control) startMs += await this.hold(control);
      if (control?.isKilled) return true;
      await this.sleep(1000);
    }
    // The wait becomes guest time, where guest time is meant to be real.
    const waitedNs = pace === 'real' ? (performance.now() - startMs) * 1e6 : 0;
    this.pushTyped(session.tick + Math.floor(waitedNs / this.nsPerTick));
    return true;
  }

  /** Sleeps off idle guest time that the host's clock has not seen. */
  private async keepPace(): Promise<void> {
    const { session } = this.options;
    const nowMs = performance.now();
    const { idleTicks } = session.machine;
    this.aheadMs += ((idleTicks - this.pacedIdleTicks) * this.nsPerTick) / 1e6 - (nowMs - this.pacedMs);
    if (this.aheadMs < 0) this.aheadMs = 0;
    this.pacedIdleTicks = idleTicks;
    this.pacedMs = nowMs;
    if (this.aheadMs < AHEAD_MS || this.typed.length > 0) return;
    this.writeOutput(true);
    await this.sleep(Math.min(this.aheadMs, SLEEP_MS_MAX));
  }

  /** At most `milliseconds`; input and signals end it. */
  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
