// The engines by name, loaded only when asked for. The core knows none of them: the machine is handed a factory.
// An engine is added in one line of LOADERS.

import type { EngineFactory } from '../../core/session/session.ts';
import { type Arguments, UsageError } from '../cli/args.ts';

/** How each engine is loaded; an engine is added in one line. `policy`: what stands behind a colon, as in js:threshold=1. */
const LOADERS: Readonly<Record<string, (policy: string) => Promise<EngineFactory>>> = {
  interp: async () => {
    const { Interpreter } = await import('../../../tiers/interp/engine.ts');
    return (cpu) => new Interpreter(cpu);
  },
  step: async () => {
    const { StepInterpreter } = await import('../../../tiers/interp/step.ts');
    return () => new StepInterpreter();
  },
  js: async (policy) => {
    const { JsEngine, JS_POLICY, parseTierPolicy } = await import('../../../tiers/tiering.ts');
    const chosen = asUsage(() => parseTierPolicy(policy, JS_POLICY));
    return (cpu) => new JsEngine(cpu, chosen);
  },
  tiered: async (policy) => {
    const { TieredEngine, TIERED_POLICY, parseTierPolicy } = await import('../../../tiers/tiering.ts');
    const chosen = asUsage(() => parseTierPolicy(policy, TIERED_POLICY));
    return (cpu) => new TieredEngine(cpu, chosen);
  },
};

/** A policy that cannot be read is wrong usage. */
function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export const DEFAULT_ENGINE = 'tiered';

/** Names of the engines that this build has. */
export function engineNames(): string[] {
  return Object.keys(LOADERS);
}

/** Engines that have a tier policy. */
export const COMPILING: readonly string[] = ['js', 'tiered'];

/** `js:threshold=1` → `js`. */
export const baseName = (name: string): string => name.split(':')[0];

/** The engine with --tier-policy put behind its name; what stands there already has the last word. */
export function withTierPolicy(name: string, knobs: string): string {
  if (knobs.trim() === '') throw new UsageError('--tier-policy wants knobs, as in --tier-policy threshold=1,region=2.');
  const base = baseName(name);
  if (!COMPILING.includes(base)) {
    throw new UsageError(`The engine ${base} has no tiers: --tier-policy goes with ${COMPILING.join(' or ')}.`);
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

/** `name` or `name:policy` (tiers/tiering.ts). Throws UsageError for a name that is none. */
export async function loadEngine(given: string): Promise<EngineFactory> {
  const colon = given.indexOf(':');
  const name = colon < 0 ? given : given.slice(0, colon);
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  if (load === undefined) {
    throw new UsageError(
      `There is no engine "${name}" in this version: --engine is one of ${engineNames().join(', ')}.`,
    );
  }
  return load(colon < 0 ? '' : given.slice(colon + 1));
}
