// The options that choose what executes the instructions, shared by every verb that runs a machine, and the name of an
// engine that they come to (src/engines.ts has the engines).

import { baseName, DEFAULT_ENGINE, engineNames, traitsOf } from '../../engines.ts';
import { type Arguments, type OptionSpec, UsageError } from './args.ts';

export const ENGINE_OPTION: OptionSpec = {
  group: 'Running',
  name: 'engine',
  value: 'NAME',
  help: `what executes the instructions; the guest cannot tell (default ${DEFAULT_ENGINE})`,
};

export const TIER_POLICY_OPTION: OptionSpec = {
  group: 'Running',
  name: 'tier-policy',
  value: 'KNOBS',
  help:
    'when and what js and tiered compile, as in threshold=500,region=10; also delay, ramp, steepest, instructions, ' +
    'cache, ahead, losses, optimise, wait, evict, seed',
};

/** The engine with --tier-policy put behind its name; what stands there already has the last word. */
export function withTierPolicy(name: string, knobs: string): string {
  if (knobs.trim() === '') throw new UsageError('--tier-policy wants knobs, as in --tier-policy threshold=1,region=2.');
  const base = baseName(name);
  if (!traitsOf(base).compiles) {
    const compiling = engineNames().filter((other) => traitsOf(other).compiles);
    throw new UsageError(`The engine ${base} has no tiers: --tier-policy goes with ${compiling.join(' or ')}.`);
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
