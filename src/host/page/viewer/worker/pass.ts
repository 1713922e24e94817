// The first pass: the run from its beginning to its end once, while nobody wants anything. It leaves checkpoints, so
// that every later way is short, and fills the lanes of the timeline by listening to what goes past. Where it was
// interrupted it goes on.

import { describeDivergence, logEvents } from '../../../../library.ts';
import type { Timeline, Way } from '../../../../core/timeline/timeline.ts';
import type { GuestSymbols } from '../../../symbols/guest-symbols.ts';
import { currentTaskName } from '../../../symbols/linux-tasks.ts';
import { Listener, type ScreenSeen } from './listener.ts';
import type { Lanes } from './lanes.ts';

/** The screen is looked at once in so many ticks, wherever the pass was paused. */
const LOOK_TICKS = 1 << 24;

export class Pass {
  /** The run has been listened to up to here. */
  tick = 0;
  isDone = false;
  problem = '';
  private readonly timeline: Timeline;
  private readonly lanes: Lanes;
  private readonly guest: GuestSymbols;
  private hasInputs = false;
  private readonly screen: ScreenSeen = { digest: 0 };
  /** Symbols are not looked for before. */
  private symbolsTick = 0;

  constructor(timeline: Timeline, lanes: Lanes, guest: GuestSymbols) {
    this.timeline = timeline;
    this.lanes = lanes;
    this.guest = guest;
  }

  /** Of the current task, where the kernel's symbols are known: they are looked for ever less often. */
  private taskName(): string | null {
    const { guest, timeline } = this;
    const { cpu } = timeline.machine;
    if (guest.table.address('init_task') === undefined) {
      if (cpu.now() < this.symbolsTick) return null;
      this.symbolsTick = cpu.now() * 2;
      guest.refresh(cpu);
    }
    return currentTaskName(cpu, guest.table);
  }

  /** What the outside did stands in the log. */
  private noteInputs(): void {
    if (this.hasInputs) return;
    this.hasInputs = true;
    for (const { tick, event } of logEvents(this.timeline.log, { class: 'input' })) {
      this.lanes.add('inputs', `input:${event.kind}`, `input ${event.kind}`, tick);
    }
  }

  /** Ends when the pass is done; may be given up at each step. */
  *steps(): Way<void> {
    const { timeline, lanes } = this;
    yield* timeline.seek({ tick: this.tick, seq: 0 });
    if (this.tick === 0) this.noteInputs();
    const listener = new Listener(timeline.machine, lanes, this.tick, this.screen, () => this.taskName());
    timeline.serial.listener = (line, _index, byte, tick) => listener.heard(line, byte, tick);
    try {
      for (let isOver = false; !isOver; ) {
        const lookTick = Math.min(timeline.endTick, (Math.floor(this.tick / LOOK_TICKS) + 1) * LOOK_TICKS);
        for (const way = timeline.runOn(lookTick, true); ; ) {
          const { done } = way.next();
          this.tick = Math.max(this.tick, timeline.position.tick);
          if (done === true) break;
          yield undefined;
        }
        listener.look();
        isOver = this.tick >= timeline.endTick || this.tick < lookTick;
      }
      this.isDone = true;
      const { divergence } = timeline;
      this.problem = divergence === null ? '' : describeDivergence(divergence);
    } finally {
      timeline.serial.listener = null;
      listener.leave();
    }
  }
}
