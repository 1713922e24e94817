// Ways on a timeline that commands of the shell take: with a progress line, and given up at the first signal. What has
// been found up to there is the command's to show.

import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import type { GuestSymbols } from '../symbols/guest-symbols.ts';
import { Progress } from '../node/progress.ts';
import { Work } from '../node/work.ts';

export class Walk {
  /** Counts ticks of the window. */
  readonly work: Work;
  private readonly isQuiet: boolean;
  private readonly fromTick: number;
  private readonly toTick: number;
  private isInside = true;

  private readonly warn: (text: string) => void;

  constructor(isQuiet: boolean, fromTick: number, toTick: number, warn: (text: string) => void) {
    this.warn = warn;
    this.isQuiet = isQuiet;
    this.fromTick = fromTick;
    this.toTick = toTick;
    this.work = new Work(this.line('trace', toTick - fromTick));
  }

  private line(label: string, end: number): Progress | null {
    return Progress.atTerminal({ label, unit: 'ticks', end: Math.max(end, 0) }, this.isQuiet);
  }

  /** Finds out where the names of the guest are, and says so when that is not to be had. False: given up. */
  async place(guest: GuestSymbols, timeline: Timeline): Promise<boolean> {
    if (!(await this.go(timeline, guest.locate(timeline)))) return false;
    for (const problem of guest.problems()) this.warn(problem);
    return true;
  }

  /** False: given up on the way. Before the window the line says how far that is. */
  async go(timeline: Timeline, way: Way<unknown>): Promise<boolean> {
    const { machine } = timeline;
    for (let step = way.next(); step.done !== true; step = way.next()) {
      const isInside = machine.tick >= this.fromTick;
      if (isInside !== this.isInside) {
        const insideTicks = this.toTick - this.fromTick;
        this.work.show(isInside ? this.line('trace', insideTicks) : this.line('to the window', this.fromTick));
        this.isInside = isInside;
      }
      if (await this.work.turn(isInside ? machine.tick - this.fromTick : machine.tick)) continue;
      way.return(undefined);
      return false;
    }
    return true;
  }
}
