// The stretch of a recorded run that is measured: identical work every time. From its beginning it is a plain replay;
// a later window begins at a checkpoint, from where nothing derived is left. Every check of the log is asserted as in
// any replay, so that what was measured is what was recorded.

import { SILENT_OUTPUT } from '../../core/board/silent.ts';
import type { LogReader } from '../../core/log/log.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { describeDivergence, type Divergence } from '../../core/session/divergence.ts';
import { createReplay, type EngineFactory, type Images } from '../../core/session/session.ts';
import { goTo, parsePosition } from '../../core/timeline/positions.ts';
import { finish, Timeline } from '../../core/timeline/timeline.ts';
import { CommandError } from '../node/errors.ts';
import { count } from '../node/progress.ts';

export interface WindowTicks {
  readonly fromTick: number;
  readonly toTick: number;
}

/** What --from and --to ask for; refuses what lies beyond the run. */
export function windowOf(path: string, log: LogReader, from: number | undefined, to: number | undefined): WindowTicks {
  const { lastTick } = log;
  const fromTick = from ?? 0;
  const toTick = to ?? lastTick;
  const ends = `the run ends at tick ${count(lastTick)}`;
  if (fromTick >= lastTick) throw new CommandError(`${path}: no tick lies after --from ${count(fromTick)}: ${ends}.`);
  if (toTick > lastTick) throw new CommandError(`${path}: --to ${count(toTick)} is beyond the run: ${ends}.`);
  if (toTick <= fromTick) {
    throw new CommandError(
      `${path}: no tick lies between --from ${count(fromTick)} and --to ${count(toTick)}: give a greater --to.`,
    );
  }
  return { fromTick, toTick };
}

export interface WindowSetup extends WindowTicks {
  readonly path: string;
  readonly log: LogReader;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
}

export class Window {
  readonly machine: Machine;
  readonly fromTick: number;
  readonly toTick: number;
  private readonly path: string;
  private readonly divergence: () => Divergence | null;

  /** Goes to the first tick of the window: from there on everything is compiled anew. */
  constructor(setup: WindowSetup) {
    const { path, log, images, makeEngine, fromTick, toTick } = setup;
    this.path = path;
    this.fromTick = fromTick;
    this.toTick = toTick;
    if (fromTick === 0) {
      const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
      this.divergence = () => session.port.divergence;
      this.machine = session.machine;
      return;
    }
    // Short ways compile nothing on a timeline; what is measured shall be as in a replay.
    const timeline = new Timeline({ log, images, makeEngine, holdTicks: 0 });
    finish(goTo(timeline, parsePosition(String(fromTick))));
    const { machine } = timeline;
    machine.dropDerived();
    machine.engine.isHeld = false;
    this.machine = machine;
    this.divergence = () => timeline.divergence;
  }

  get isOver(): boolean {
    return this.machine.tick >= this.toTick;
  }

  /** On to a tick. Throws where the replay leaves the recorded run. False: the run is over there. */
  advance(untilTick: number): boolean {
    const reason = this.machine.run(Math.min(untilTick, this.toTick));
    const divergence = this.divergence();
    if (divergence !== null) {
      throw new CommandError(
        `${this.path}: what ran was not the recorded run. ${describeDivergence(divergence, this.path)}`,
      );
    }
    return reason === 'tick' && !this.isOver;
  }
}
