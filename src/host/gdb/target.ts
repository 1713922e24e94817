// What the stub knows of the machine that it shows: one face for a recording (recording-target.ts) and for a live run
// (live-target.ts), so that one stub speaks for both.

import type { Machine } from '../../core/machine/machine.ts';
import type { InputEvent } from '../../core/log/events.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';

export type Motion = 'continue' | 'step' | 'continue-back' | 'step-back';

export interface TargetStop {
  readonly kind: 'stopped' | 'breakpoint' | 'watchpoint' | 'interrupted' | 'start' | 'end' | 'exited';
  /** Of the breakpoint or watchpoint, or −1. */
  readonly id: number;
  /** Exit status, when there is nothing more to debug. */
  readonly status: number;
}

export const stopOf = (kind: TargetStop['kind'], id = -1, status = 0): TargetStop => ({ kind, id, status });

export interface GdbTarget {
  /** Tells one from another. */
  readonly name: string;
  readonly machine: Machine;
  /** Ids are the target's own. */
  addBreakpoint(linear: number): number;
  addWatchpoint(physical: number, sizeBytes: number, kind: WatchKind): number;
  remove(id: number): void;
  /** Throws DebuggerError for a way that this target cannot go. */
  move(motion: Motion): Promise<TargetStop>;
  /** Changes registers or memory, here. Throws DebuggerError when that cannot be. */
  write(events: readonly InputEvent[]): void;
  /** A line after gdb's `monitor`. Throws DebuggerError. */
  monitor(line: string): Promise<MonitorAnswer>;
  /** Where the first segment of the program lies that the client has a file of; null: where its file says. */
  textSegment?(): number | null;
  /** From the beginning again, or from a numbered checkpoint (1, 2, …). Throws DebuggerError. */
  restart(checkpoint?: number): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
  /** Nothing is under way: a Ctrl-C that came too late is forgotten. */
  rest(): void;
  /** A client has come. */
  attach(): void;
  /** It has gone, or wants the run to end. */
  leave(isKill: boolean): void;
}

export interface MonitorAnswer {
  readonly text: string;
  /** What the client debugs from here on, when that is something else. */
  readonly target?: GdbTarget;
}
