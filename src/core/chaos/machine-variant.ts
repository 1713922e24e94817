/**
 * The same guest on another machine: more memory, or another ratio of instructions to time. What a guest must stand,
 * and what hides a bug on one machine and shows it on another. A variant is a manifest, so that its log says so.
 */
import { MEMORY_MEGABYTES_MAX } from '../base/defaults.ts';
import type { Random } from '../base/random.ts';
import type { MachineManifest } from '../log/manifest.ts';
import { deviceRecords } from '../session/session.ts';
import type { Knob } from './perturb.ts';

export interface MachineVariant {
  readonly memoryMegabytes: number;
  readonly nsPerTick: number;
}

/** More, never less: a guest may have been given no more than it needs. */
const MEMORY_QUARTERS = [4, 5, 6, 8] as const;
const TICK_RATIOS = [0.25, 0.5, 1, 2, 4] as const;

/** Null: the machine as it is. */
export function someVariant(random: Random, knobs: readonly Knob[], base: MachineVariant): MachineVariant | null {
  const quarters = knobs.includes('memory') ? random.pick(MEMORY_QUARTERS) : 4;
  const ratio = knobs.includes('ratio') ? random.pick(TICK_RATIOS) : 1;
  const more = Math.floor((base.memoryMegabytes * quarters) / 4);
  const memoryMegabytes = Math.max(base.memoryMegabytes, Math.min(MEMORY_MEGABYTES_MAX, more));
  const nsPerTick = base.nsPerTick * ratio;
  if (memoryMegabytes === base.memoryMegabytes && nsPerTick === base.nsPerTick) return null;
  return { memoryMegabytes, nsPerTick };
}

export function variantManifest(manifest: MachineManifest, variant: MachineVariant): MachineManifest {
  const changed = { ...manifest, ...variant };
  return { ...changed, devices: deviceRecords(changed) };
}

/** The horizon in ticks of the variant: as much time, and as many ticks at the least. */
export function variantHorizon(horizonTick: number, base: MachineVariant, variant: MachineVariant | null): number {
  const ratio = variant === null ? 1 : base.nsPerTick / variant.nsPerTick;
  return Math.ceil(horizonTick * Math.max(1, ratio));
}
