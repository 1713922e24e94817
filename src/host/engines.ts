// The engines by name, loaded only when asked for. The core knows none of them: the machine is handed a factory.
// An engine is added in one line of LOADERS.

import type { EngineFactory } from '../core/replay/session.ts';
import { UsageError } from './args.ts';

/** How each engine is loaded; an engine is added in one line. `policy`: what stands behind a colon, as in js:threshold=1. */
const LOADERS: Readonly<Record<string, (policy: string) => Promise<EngineFactory>>> = {
  interp: async () => {
    const { Interpreter } = await import('../../tiers/interp/engine.ts');
    return (cpu) => new Interpreter(cpu);
  },
  step: async () => {
    const { StepInterpreter } = await import('../../tiers/interp/step.ts');
    return () => new StepInterpreter();
  },
  js: async (policy) => {
    const { JsEngine, JS_POLICY, parseTierPolicy } = await import('../../tiers/tiering.ts');
    const chosen = asUsage(() => parseTierPolicy(policy, JS_POLICY));
    return (cpu) => new JsEngine(cpu, chosen);
  },
  tiered: async (policy) => {
    const { TieredEngine, TIERED_POLICY, parseTierPolicy } = await import('../../tiers/tiering.ts');
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
