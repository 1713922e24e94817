// What --engine and --tier-policy come to: the name of an engine, as src/engines.ts takes it, for every verb that runs
// a machine.

import { baseName, DEFAULT_ENGINE, engineNames, traitsOf } from '../../engines.ts';
import type { Arguments } from './args.ts';
import { UsageError } from '../../core/base/usage-error.ts';

/** The engine with --tier-policy put behind its name; what stands there already has the last word. */
export function withTierPolicy(name: string, knobs: string): string {
  if (knobs.trim() === '') throw new UsageError('--tier-policy wants knobs, as in --tier-policy threshold=1,region=2.');
  const base = baseName(name);
  if (!traitsOf(base).compiles) {
    const compiling = engineNames().filter((other) => traitsOf(other).compiles);
    throw new UsageError(`The engine ${base} has no tiers: --tier-policy goes with one of ${compiling.join(', ')}.`);
  }
  const own = name.slice(base.length + 1);
  return own === '' ? `${base}:${knobs}` : `${base}:${knobs},${own}`;
}

/** The engine that --engine and --tier-policy ask for, as loadEngine takes it. */
export function chosenEngine(args: Arguments): string {
  const name = args.text('engine') ?? DEFAULT_ENGINE;
  const knobs = args.text('tier-policy');
  return knobs === undefined ? name : withTierPolicy(name, knobs);
}
