// The engines by name, loaded only when asked for. The core knows none of them: the machine is handed a factory.
// An engine is one entry of ENGINES, with what the host must know of it: nothing else asks for an engine's name.
// Loads the tiers and nothing of the host.

import { UsageError } from './core/base/usage-error.ts';
import type { EngineFactory } from './core/session/session.ts';
import type { Engine } from './core/machine/engine.ts';
import type { Cpu } from './core/state/cpu.ts';
import {
  JS_POLICY,
  parseTierPolicy,
  TIERED_JS_POLICY,
  TIERED_POLICY,
  type TierPolicy,
  WASM_POLICY,
} from '../tiers/policy.ts';
import type { BackendFactory } from '../tiers/runtime/backend.ts';
import type { Compiler } from '../tiers/wasm/order.ts';
import type { Watch } from '../tiers/watch.ts';

/** A name or a tier policy that no engine has; one sentence that says which there are. */
export class EngineError extends UsageError {
  override readonly name = 'EngineError';
}

/** What the host must know of an engine before it is loaded. */
export interface EngineTraits {
  /** It has tiers, and so a policy behind a colon, as in js:threshold=1. */
  readonly compiles: boolean;
  /** It looks at each instruction of a page in which a debugger has a breakpoint, and leaves before it. */
  readonly asksAtBreakpoints: boolean;
  /** It interprets, so that a run of single instructions costs it no more than any other. */
  readonly canSingleStep: boolean;
}

/** An engine, and who counts what it does. */
export interface WatchedEngine {
  readonly engine: Engine;
  readonly watch: Watch;
}

export type WatchedFactory = (cpu: Cpu) => WatchedEngine;

/** `compiler`: who makes modules in another thread, where the backend can have it so; null: nobody. */
type LoadBackend = (compiler: Compiler | null) => Promise<BackendFactory>;

/** `isInAnyCase`: also where no processor is to spare. */
export type LoadCompiler = (isInAnyCase: boolean) => Promise<Compiler | null>;

let loadCompiler: LoadCompiler = async () => null;

/** From now on engines are loaded with this thread to compile for them, unless their policy has thread=0. */
export function compileBeside(load: LoadCompiler): void {
  loadCompiler = load;
}

interface EngineEntry extends EngineTraits {
  /** What it compiles with unless something else is asked for. */
  readonly policy?: TierPolicy;
  readonly loadBackend?: LoadBackend;
  /** `policy`: what stands behind the colon. */
  load(policy: string): Promise<EngineFactory>;
  /** The same engine, counted; null: it has nothing to count. */
  readonly loadWatched: ((policy: string) => Promise<WatchedFactory>) | null;
  /** The same engine with its branches counted; null: it cannot. */
  readonly loadCovering: ((policy: string) => Promise<EngineFactory>) | null;
}

const compiling = (name: string, policy: TierPolicy, loadBackend: LoadBackend): EngineEntry => ({
  compiles: true,
  asksAtBreakpoints: true,
  canSingleStep: false,
  policy,
  loadBackend,
  load: async (knobs) => {
    const { CompilingEngine } = await import('../tiers/tiering.ts');
    const chosen = asEngineError(() => parseTierPolicy(knobs, policy));
    const makeBackend = await loadBackend(chosen.thread === 0 ? null : await loadCompiler(chosen.thread > 1));
    return (cpu) => new CompilingEngine(cpu, name, chosen, makeBackend);
  },
  loadWatched: async (knobs) => {
    const { CompilingEngine } = await import('../tiers/tiering.ts');
    const { Watch } = await import('../tiers/watch.ts');
    const chosen = asEngineError(() => parseTierPolicy(knobs, policy));
    const makeBackend = await loadBackend(null);
    return (cpu) => {
      const watch = new Watch(cpu);
      return { watch, engine: new CompilingEngine(cpu, name, chosen, makeBackend, undefined, watch) };
    };
  },
  loadCovering: async (knobs) => {
    const { CompilingEngine } = await import('../tiers/tiering.ts');
    const { Coverage } = await import('../tiers/coverage.ts');
    const chosen = asEngineError(() => parseTierPolicy(knobs, policy));
    const makeBackend = await loadBackend(null);
    return (cpu) => new CompilingEngine(cpu, name, chosen, makeBackend, undefined, new Coverage(cpu));
  },
});

const loadJs: LoadBackend = async () => (await import('../tiers/js/backend.ts')).makeJsBackend;
const loadWasm: LoadBackend = async (compiler) => {
  if (!(await hasTailCalls())) {
    throw new EngineError(
      'The engine wasm needs a host whose WebAssembly has tail calls, as Node 20 and later have: take js or tiered.',
    );
  }
  return (await import('../tiers/wasm/backend.ts')).wasmBackendMaker(compiler);
};
const hasTailCalls = async (): Promise<boolean> => (await import('../tiers/wasm/instantiate.ts')).hasTailCalls();

/** With WebAssembly where the host can, else with JavaScript. */
function tiered(): EngineEntry {
  const first = compiling('tiered', TIERED_POLICY, loadWasm);
  const second = compiling('tiered', TIERED_JS_POLICY, loadJs);
  return {
    ...first,
    loadBackend: async (compiler) => ((await hasTailCalls()) ? loadWasm(compiler) : loadJs(compiler)),
    load: async (knobs) => ((await hasTailCalls()) ? first : second).load(knobs),
    loadWatched: async (knobs) => watchedLoader((await hasTailCalls()) ? first : second)(knobs),
    loadCovering: async (knobs) => coveringLoader((await hasTailCalls()) ? first : second)(knobs),
  };
}

/** An engine is added in one line. */
const ENGINES: Readonly<Record<string, EngineEntry>> = {
  interp: {
    compiles: false,
    asksAtBreakpoints: true,
    canSingleStep: true,
    load: async () => {
      const { Interpreter } = await import('../tiers/interp/engine.ts');
      return (cpu) => new Interpreter(cpu);
    },
    loadWatched: async () => {
      const { makeWatchedInterpreter } = await import('../tiers/watch.ts');
      return makeWatchedInterpreter;
    },
    loadCovering: async () => {
      const { makeCoveringInterpreter } = await import('../tiers/coverage.ts');
      return makeCoveringInterpreter;
    },
  },
  step: {
    compiles: false,
    asksAtBreakpoints: false,
    canSingleStep: true,
    load: async () => {
      const { StepInterpreter } = await import('../tiers/interp/step.ts');
      return () => new StepInterpreter();
    },
    loadWatched: null,
    loadCovering: null,
  },
  js: compiling('js', JS_POLICY, loadJs),
  wasm: compiling('wasm', WASM_POLICY, loadWasm),
  tiered: tiered(),
};

function asEngineError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new EngineError((error as Error).message);
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

const policyText = (given: string): string => (given.includes(':') ? given.slice(given.indexOf(':') + 1) : '');

function watchedLoader({ loadWatched }: EngineEntry): (policy: string) => Promise<WatchedFactory> {
  if (loadWatched === null) {
    const others = engineNames().filter((name) => ENGINES[name].loadWatched !== null);
    throw new EngineError(
      `The engine does every instruction by its handler and has nothing to count: give one of ${others.join(', ')}.`,
    );
  }
  return loadWatched;
}

function coveringLoader({ loadCovering }: EngineEntry): (policy: string) => Promise<EngineFactory> {
  if (loadCovering === null) {
    const others = engineNames().filter((name) => ENGINES[name].loadCovering !== null);
    throw new EngineError(`The engine cannot count branches: give one of ${others.join(', ')}.`);
  }
  return loadCovering;
}

/** The same engine with its branches counted (tiers/coverage.ts). Throws EngineError where it cannot. */
export async function loadCoveringEngine(given: string): Promise<EngineFactory> {
  return coveringLoader(requireEntry(given))(policyText(given));
}

/** The same engine with its counts (tiers/watch.ts). Throws EngineError where there is nothing to count. */
export async function loadWatchedEngine(given: string): Promise<WatchedFactory> {
  return watchedLoader(requireEntry(given))(policyText(given));
}

/** `name` or `name:policy` (tiers/policy.ts). Throws EngineError for a name that is none. */
export async function loadEngine(given: string): Promise<EngineFactory> {
  return requireEntry(given).load(policyText(given));
}

function requireEntry(given: string): EngineEntry {
  const entry = entryOf(given);
  if (entry === undefined) {
    throw new EngineError(
      `There is no engine "${baseName(given)}" in this version: give one of ${engineNames().join(', ')}.`,
    );
  }
  return entry;
}
