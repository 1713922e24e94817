// The engines by name, loaded only when asked for. The core knows none of them: the machine is handed a factory.
// An engine is one entry of ENGINES, with what the host must know of it: nothing else asks for an engine's name.

import type { EngineFactory } from '../../core/session/session.ts';
import { JS_POLICY, parseTierPolicy, TIERED_POLICY, type TierPolicy } from '../../../tiers/policy.ts';
import type { BackendFactory } from '../../../tiers/runtime/backend.ts';
import { type Arguments, UsageError } from '../cli/args.ts';

/** What the host must know of an engine before it is loaded. */
export interface EngineTraits {
  /** It has tiers, and so a policy behind a colon, as in js:threshold=1. */
  readonly compiles: boolean;
  /** It looks at each instruction of a page in which a debugger has a breakpoint, and leaves before it. */
  readonly asksAtBreakpoints: boolean;
  /** It interprets, so that a run of single instructions costs it no more than any other. */
  readonly canSingleStep: boolean;
}

interface EngineEntry extends EngineTraits {
  /** What it compiles with unless something else is asked for. */
  readonly policy?: TierPolicy;
  readonly loadBackend?: () => Promise<BackendFactory>;
  /** `policy`: what stands behind the colon. */
  load(policy: string): Promise<EngineFactory>;
}

const compiling = (name: string, policy: TierPolicy, loadBackend: () => Promise<BackendFactory>): EngineEntry => ({
  compiles: true,
  asksAtBreakpoints: true,
  canSingleStep: false,
  policy,
  loadBackend,
  load: async (knobs) => {
    const { CompilingEngine } = await import('../../../tiers/tiering.ts');
    const chosen = asUsage(() => parseTierPolicy(knobs, policy));
    const makeBackend = await loadBackend();
    return (cpu) => new CompilingEngine(cpu, name, chosen, makeBackend);
  },
});

const loadJs = async (): Promise<BackendFactory> => (await import('../../../tiers/js/backend.ts')).makeJsBackend;

/** An engine is added in one line. */
const ENGINES: Readonly<Record<string, EngineEntry>> = {
  interp: {
    compiles: false,
    asksAtBreakpoints: true,
    canSingleStep: true,
    load: async () => {
      const { Interpreter } = await import('../../../tiers/interp/engine.ts');
      return (cpu) => new Interpreter(cpu);
    },
  },
  step: {
    compiles: false,
    asksAtBreakpoints: false,
    canSingleStep: true,
    load: async () => {
      const { StepInterpreter } = await import('../../../tiers/interp/step.ts');
      return () => new StepInterpreter();
    },
  },
  js: compiling('js', JS_POLICY, loadJs),
  tiered: compiling('tiered', TIERED_POLICY, loadJs),
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
  return Object.keys(ENGINES);
}

/** `js:threshold=1` → `js`. */
export const baseName = (name: string): string => name.split(':')[0];

/** The entry of `name` or `name:policy`. */
function entryOf(given: string): EngineEntry | undefined {
  const name = baseName(given);
  return Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
}

const NO_TRAITS: EngineTraits = { compiles: false, asksAtBreakpoints: false, canSingleStep: false };

/** What is known of `name` or `name:policy`; nothing of an engine that is none of these. */
export const traitsOf = (given: string): EngineTraits => entryOf(given) ?? NO_TRAITS;

/** The tier policy that `name` has unless something else is asked for; undefined: it has no tiers. */
export const policyOf = (given: string): TierPolicy | undefined => entryOf(given)?.policy;

/** What its functions are made by; undefined: it has none. */
export const backendLoaderOf = (given: string): EngineEntry['loadBackend'] => entryOf(given)?.loadBackend;

const firstEngine = (fits: (traits: EngineTraits, name: string) => boolean): string => {
  const found = engineNames().find((name) => fits(ENGINES[name], name));
  if (found === undefined) throw new Error('no engine has the traits that are wanted');
  return found;
};

/** What debuggers put in the place of an engine that does not ask at breakpoints. */
export const stepperName = (): string => firstEngine((traits) => traits.canSingleStep && traits.asksAtBreakpoints);

/** The engine that follows a run on `given` as its shadow. */
export const shadowName = (given: string): string =>
  firstEngine((traits, name) => traits.canSingleStep && name !== baseName(given));

/** The engine with --tier-policy put behind its name; what stands there already has the last word. */
export function withTierPolicy(name: string, knobs: string): string {
  if (knobs.trim() === '') throw new UsageError('--tier-policy wants knobs, as in --tier-policy threshold=1,region=2.');
  const base = baseName(name);
  if (!traitsOf(base).compiles) {
    const compiling = engineNames().filter((other) => ENGINES[other].compiles);
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

/** `name` or `name:policy` (tiers/policy.ts). Throws UsageError for a name that is none. */
export async function loadEngine(given: string): Promise<EngineFactory> {
  const colon = given.indexOf(':');
  const entry = entryOf(given);
  if (entry === undefined) {
    throw new UsageError(
      `There is no engine "${baseName(given)}" in this version: --engine is one of ${engineNames().join(', ')}.`,
    );
  }
  return entry.load(colon < 0 ? '' : given.slice(colon + 1));
}
