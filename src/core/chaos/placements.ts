/**
 * Which placements of an event cannot differ: between two neighbours lies one instruction, and where it and the
 * interrupt use nothing that the other one writes, it does not matter which comes first. A row of such neighbours is a
 * group, of which one placement is run. That is said of the instructions; of devices and clocks it is asked: the first
 * and the last of a group come to one state, apart from what lies below the stack pointer, or there is no group.
 */
import type { Cpu } from '../state/cpu.ts';
import type { Experiment } from './experiment.ts';
import { type ExploreSettings, type Group, placed } from './explore.ts';
import { type Footprint, footprintHere, isTimeless } from './footprint.ts';
import { commutes, followInterrupt, type Interruption } from './interruption.ts';

/** So far behind the window the plain run is looked at for what else is due. */
const BEHIND_TICKS = 4096;
/** Smaller groups cost more than they save. */
const GROUP_MIN = 6;
/** Where an interrupt cannot be followed, so many placements are left alone before the next one is tried. */
const ALONE_MIN = 32;

/** The run without the event. */
interface Plain {
  readonly footprints: readonly (Footprint | null)[];
  /** By place: the next tick, this one among them, whose instruction is not the same at another time. */
  readonly nextLoud: readonly number[];
  /** By place: the next tick at which something comes by itself. */
  readonly nextDue: readonly number[];
}

function lookAtPlain(experiment: Experiment, settings: ExploreSettings, toTick: number): Plain {
  const { fromTick, inputs } = settings;
  const { machine } = experiment;
  const footprints: (Footprint | null)[] = [];
  const loud: number[] = [];
  const due: number[] = [];
  let end = fromTick;
  const look = (cpu: Cpu, tick: number): boolean => {
    end = tick + 1;
    if (machine.dueTick === tick - 1) due.push(tick - 1);
    if (tick < toTick + settings.releaseTicks) {
      const footprint = footprintHere(cpu);
      footprints.push(footprint);
      if (!isTimeless(cpu, footprint)) loud.push(tick);
    }
    return true;
  };
  experiment.walk(inputs, toTick + BEHIND_TICKS, look, () => due.push(machine.tick) > 0);
  // Behind its end nothing is known.
  const next = (ticks: readonly number[]): number[] => {
    let i = 0;
    return Array.from({ length: end - fromTick }, (_, at) => {
      while (i < ticks.length && ticks[i] < fromTick + at) i++;
      return ticks[i] ?? end;
    });
  };
  return { footprints, nextLoud: next(loud), nextDue: next(due) };
}

/** A Grouping (explore.ts); the experiment stands elsewhere afterwards. */
export function groupPlacements(experiment: Experiment, settings: ExploreSettings, toTick: number): Group[] {
  const { fromTick, event, inputs } = settings;
  const isFollowed = event.kind === 'irq-line' || event.kind === 'serial' || event.kind === 'nmi';
  const groups: Group[] = [];
  let tick = fromTick;
  const close = (end: number): void => {
    groups.push({ fromTick: tick, toTick: end });
    tick = end;
  };
  experiment.stand(fromTick);
  const plain = isFollowed ? lookAtPlain(experiment, settings, toTick) : null;
  const releaseTicks = event.kind === 'irq-line' ? settings.releaseTicks : 0;
  const follow = (at: number): Interruption | null => {
    experiment.stand(at);
    const behind = { ...settings, fromTick: at, inputs: inputs.filter((input) => input.tick >= at) };
    return followInterrupt(experiment, placed(behind, at), at, event.kind === 'nmi' ? 'nmi' : 'interrupt');
  };
  const isSame = (first: number, last: number, interruption: Interruption): boolean => {
    const other = follow(last);
    if (other === null) return false;
    const dead = new Set([...interruption.own, ...other.own]);
    const end = Math.max(other.returnTick, last + releaseTicks) + 2;
    experiment.stand(fromTick);
    const state = experiment.stateAt(placed(settings, first), end, dead);
    return state !== null && state === experiment.stateAt(placed(settings, last), end, dead);
  };
  let alone = 0;
  let step = ALONE_MIN;
  while (tick < toTick) {
    const interruption = plain === null || alone-- > 0 ? null : follow(tick);
    if (plain === null || interruption === null) {
      if (alone < 0) [alone, step] = [step, step * 2];
      close(tick + 1);
      continue;
    }
    step = ALONE_MIN;
    let last = lastOf(plain, interruption, { fromTick, tick, toTick, releaseTicks });
    while (last - tick + 1 >= GROUP_MIN && !isSame(tick, last, interruption)) last = (tick + last) >>> 1;
    if (last - tick + 1 >= GROUP_MIN) close(last + 1);
    else for (const end = last + 1; tick < end; ) close(tick + 1);
  }
  return groups;
}

interface Range {
  readonly fromTick: number;
  readonly tick: number;
  readonly toTick: number;
  readonly releaseTicks: number;
}

/** The last placement that comes to the same as that at `tick`, by the instructions between them. */
function lastOf(plain: Plain, interruption: Interruption, { fromTick, tick, toTick, releaseTicks }: Range): number {
  const { deliveryTick, returnTick } = interruption;
  const dueTick = plain.nextDue[tick - fromTick];
  const lengthTicks = Math.max(returnTick - deliveryTick, releaseTicks) + 2;
  let last = tick;
  for (; last + 1 < toTick; last++) {
    if (Math.max(deliveryTick, last + 1) + lengthTicks >= dueTick) break;
    if (plain.nextLoud[last - fromTick] <= last + 1 + releaseTicks) break;
    if (last < deliveryTick) continue;
    const footprint = plain.footprints[last - fromTick];
    if (footprint === null || !commutes(footprint, interruption)) break;
  }
  return last;
}
