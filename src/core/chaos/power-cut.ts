/**
 * Cuts of the power at many moments of one run: where, by a seed; what the disks hold then. A run is gone through once;
 * from each moment a trial with the cut alone goes on for one tick, and the machine is put back. What remains is what a
 * run of its own would leave, with the cut among its inputs. Half of the moments lie at writes, because between them
 * there is little to lose.
 */
import { Random } from '../base/random.ts';
import type { DiskContents } from '../devices/disk/disk-contents.ts';
import type { Ide } from '../devices/disk/ide.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Machine } from '../machine/machine.ts';
import type { Experiment } from './experiment.ts';

export interface PowerCut {
  readonly tick: number;
  /** Of what survives: an unsigned word. */
  readonly seed: number;
}

export interface CutSettings {
  readonly seed: number;
  readonly cuts: number;
  readonly fromTick: number;
  /** Not included. */
  readonly toTick: number;
  /** When a disk got something to write, ascending; any. */
  readonly writeTicks: readonly number[];
}

/** A transfer is on its way for so long before the disk has it, at the most of short ones. */
const BEFORE_WRITE_TICKS = 1 << 12;
const AFTER_WRITE_TICKS = 1 << 16;

/** In the order of their ticks; none twice at a tick with one seed. */
export function planCuts({ seed, cuts, fromTick, toTick, writeTicks }: CutSettings): PowerCut[] {
  const random = new Random(seed);
  const near = writeTicks.filter((tick) => tick >= fromTick && tick < toTick);
  const planned: PowerCut[] = [];
  for (let i = 0; i < cuts; i++) {
    let tick = fromTick + random.below(toTick - fromTick);
    if (near.length > 0 && !random.oneIn(2)) {
      const shift = random.oneIn(2) ? random.below(AFTER_WRITE_TICKS) : -random.below(BEFORE_WRITE_TICKS);
      tick = Math.min(toTick - 1, Math.max(fromTick, random.pick(near) + shift));
    }
    planned.push({ tick, seed: random.word() >>> 0 });
  }
  return planned.sort((a, b) => a.tick - b.tick || a.seed - b.seed);
}

const SEED_STEP = 0x9e3779b1;

/** The inputs of a cut: the power of all these drives fails at one tick, each loses what it loses. */
export function cutInputs({ tick, seed }: PowerCut, drives: readonly string[]): TimedInput[] {
  return drives.map((drive, i) => ({
    tick,
    event: { kind: 'power-cut', drive, seed: (seed + Math.imul(i, SEED_STEP)) >>> 0 },
  }));
}

/** What the disks of a machine hold, by role. */
export function diskContents({ board }: Machine): Map<string, DiskContents> {
  const ide = board.devices.find(({ name }) => name === 'ide') as Ide | undefined;
  return new Map([...(ide?.disks ?? [])].map(([role, { contents }]) => [role, contents]));
}

/** When disks get something to write, from the experiment's moment on. */
export function writeTicksOf(experiment: Experiment, inputs: readonly TimedInput[], toTick: number): number[] {
  const { machine } = experiment;
  const ide = machine.board.devices.find(({ name }) => name === 'ide') as Ide | undefined;
  const caches = [...(ide?.disks.values() ?? [])].flatMap(({ cache }) => cache ?? []);
  const ticks: number[] = [];
  for (const cache of caches) {
    cache.onWrite = () => {
      const tick = machine.cpu.now();
      if (ticks.at(-1) !== tick) ticks.push(tick);
    };
  }
  experiment.run(inputs, toTick);
  for (const cache of caches) cache.onWrite = () => {};
  return ticks;
}

/** The disks as a cut leaves them, until the experiment goes on. */
export function crash(
  experiment: Experiment,
  cut: PowerCut,
  drives: readonly string[],
): ReadonlyMap<string, DiskContents> {
  experiment.stand(cut.tick);
  experiment.run(cutInputs(cut, drives), cut.tick + 1);
  return diskContents(experiment.machine);
}
