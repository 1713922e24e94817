// The engines by name, loaded only when asked for. The core knows none of them: the machine is handed a factory.

import type { EngineFactory } from '../core/replay/session.ts';
import { UsageError } from './args.ts';

/** How each engine is loaded; an engine is added in one line. */
const LOADERS: Readonly<Record<string, () => Promise<EngineFactory>>> = {
  interp: async () => {
    const { Interpreter } = await import('../../tiers/interp/engine.ts');
    return (cpu) => new Interpreter(cpu);
  },
  step: async () => {
    const { StepInterpreter } = await import('../../tiers/interp/step.ts');
    return () => new StepInterpreter();
  },
  js: async () => {
    const { JsEngine } = await import('../../tiers/tiering.ts');
    return (cpu) => new JsEngine(cpu);
  },
  tiered: async () => {
    const { TieredEngine } = await import('../../tiers/tiering.ts');
    return (cpu) => new TieredEngine(cpu);
  },
};

export const DEFAULT_ENGINE = 'interp';

/** Names of the engines that this build has. */
export function engineNames(): string[] {
  return Object.keys(LOADERS);
}

/** Throws UsageError for a name that is none. */
export async function loadEngine(name: string): Promise<EngineFactory> {
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  if (load === undefined) {
    throw new UsageError(
      `There is no engine "${name}" in this version: --engine is one of ${engineNames().join(', ')}.`,
    );
  }
  return load();
}
