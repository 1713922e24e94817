// A recording under gdb: both directions, and nothing that could change it. All ways are the debugger's timeline, all
// monitor commands the debugger's own (debugger/commands.ts); a way that is interrupted stays where it is when it was
// going on, and leads back when it was a step.

import type { InputEvent } from '../../core/log/events.ts';
import type { Position, WatchKind } from '../../core/timeline/lookout.ts';
import type { Stop, Way } from '../../core/timeline/timeline.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { openBranch } from './branch-target.ts';
import { type GdbTarget, type MonitorAnswer, type Motion, stopOf, type TargetStop } from './target.ts';

const READ_ONLY =
  'a recording cannot be changed: monitor branch FILE leaves it here for a live run with a log of its own, where ' +
  'registers and memory can be written';

const HELP = `Under gdb:
  branch FILE                                  leave the recording for a live run with a log of its own
  leave                                        and come back (in the live run)
  checkpoint                                   number this moment
  restart [N]                                  go back to it; without a number to the start, as run does
Moves of gdb itself: stepi, continue, reverse-stepi, reverse-continue; with target extended-remote run, and starti c2
to go back to checkpoint 2.`;

export class RecordingTarget implements GdbTarget {
  readonly name = 'recording';
  private readonly debug: Debugger;
  /** Positions that `monitor checkpoint` has numbered, from 1. */
  private readonly numbered: Position[] = [];

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

  async restart(checkpoint?: number): Promise<void> {
    const position = checkpoint === undefined ? { tick: 0, seq: 0 } : this.numbered[checkpoint - 1];
    if (position === undefined) {
      const known = this.numbered.length === 0 ? 'none is set' : `there are 1 to ${this.numbered.length}`;
      throw new DebuggerError(`There is no checkpoint ${checkpoint}: ${known}, monitor checkpoint sets one.`);
    }
    await this.debug.walk(this.debug.timeline.seek(position));
    this.debug.visit();
  }

  async monitor(line: string): Promise<MonitorAnswer> {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word === 'branch' && rest.length === 1) return await openBranch(this.debug, rest[0], this);
    if (word === 'checkpoint' && rest.length === 0) return { text: this.checkpoint() };
    if (word === 'restart') return { text: await this.goBack(rest[0] ?? '') };
    const { text } = await this.debug.execute(line);
    return { text: word === 'help' && rest.length === 0 ? `${text}\n${HELP}` : text };
  }

  /** As gdb's own command numbers them. */
  private checkpoint(): string {
    const { timeline } = this.debug;
    timeline.checkpoint();
    this.numbered.push(timeline.position);
    const number = this.numbered.length;
    return `checkpoint ${number} at ${this.debug.describe(timeline.position)}: monitor restart ${number} leads back`;
  }

  private async goBack(number: string): Promise<string> {
    await this.restart(number === '' ? undefined : Number(number));
    return `${this.debug.describe(this.debug.timeline.position)}\n${this.debug.here()}`;
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
