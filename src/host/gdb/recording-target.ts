// A recording under gdb: both directions, and nothing that could change it. All ways are the debugger's timeline, all
// monitor commands the debugger's own (debugger/commands.ts); a way that is interrupted stays where it is when it was
// going on, and leads back when it was a step.

import type { InputEvent } from '../../core/log/events.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';
import type { Stop, Way } from '../../core/timeline/timeline.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { openBranch } from './branch-target.ts';
import { type GdbTarget, type MonitorAnswer, type Motion, stopOf, type TargetStop } from './target.ts';

const READ_ONLY =
  'a recording cannot be changed: monitor branch FILE leaves it here for a live run with a log of its own, where ' +
  'registers and memory can be written';

export class RecordingTarget implements GdbTarget {
  private readonly debug: Debugger;

  constructor(debug: Debugger) {
    this.debug = debug;
  }

  get machine() {
    return this.debug.timeline.machine;
  }

  addBreakpoint(linear: number): number {
    return this.debug.timeline.addBreakpoint(linear).id;
  }

  addWatchpoint(physical: number, sizeBytes: number, kind: WatchKind): number {
    return this.debug.timeline.addWatchpoint(physical, sizeBytes, kind).id;
  }

  remove(id: number): void {
    this.debug.timeline.remove(id);
  }

  async move(motion: Motion): Promise<TargetStop> {
    const { debug } = this;
    let stop: Stop;
    try {
      stop = await debug.walk(this.way(motion), motion === 'continue' ? 'stay' : 'return');
    } catch (error) {
      if (error instanceof DebuggerError) return stopOf('interrupted');
      throw error;
    }
    debug.visit();
    if (stop.kind === 'start') return stopOf('start');
    if (stop.kind === 'end' || stop.kind === 'divergence') return stopOf('end');
    if (stop.breakpoint !== null) return stopOf('breakpoint', stop.breakpoint.id);
    if (stop.watchpoint !== null) return stopOf('watchpoint', stop.watchpoint.id);
    return stopOf('stopped');
  }

  private way(motion: Motion): Way<Stop> {
    const { timeline } = this.debug;
    switch (motion) {
      case 'continue':
        return timeline.continueForward();
      case 'step':
        return timeline.stepInstruction();
      case 'continue-back':
        return timeline.continueBackward();
      case 'step-back':
        return timeline.stepInstructionBack();
    }
  }

  write(_events: readonly InputEvent[]): void {
    throw new DebuggerError(READ_ONLY);
  }

  async monitor(line: string): Promise<MonitorAnswer> {
    const branch = /^\s*branch\s+(\S+)\s*$/.exec(line);
    if (branch !== null) return await openBranch(this.debug, branch[1], this);
    const { text } = await this.debug.execute(line);
    return { text };
  }

  textSegment(): number | null {
    const { guest, timeline } = this.debug;
    guest.refresh(timeline.machine.cpu);
    return guest.textSegment;
  }

  interrupt(): void {
    this.debug.isInterrupted = true;
  }

  rest(): void {
    this.debug.isInterrupted = false;
  }

  attach(): void {}
  leave(_isKill: boolean): void {}
}
