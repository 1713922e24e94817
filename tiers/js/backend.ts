// The backend that prints JavaScript: one region a function, at once. V8 runs each new function slowly at first and
// optimises it when it is hot, but not when it is big; so it pays for the hottest code (MEASUREMENTS.md).

import type {
  Backend,
  BackendFactory,
  BackendLimits,
  Batch,
  CompiledRegion,
  Lift,
  Region,
} from '../runtime/backend.ts';
import { functionName } from '../runtime/function-name.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { emitFunction } from './emit.ts';
import { instantiate } from './instantiate.ts';
import { NAMES } from './spelling.ts';

/** Blocks nest in the source, and V8's parser has a stack; functions far smaller than this are never optimised. */
const LIMITS: BackendLimits = { blocks: 250, instructions: 5000, batch: 1 };

/**
 * Characters of a function for each rehearsal: V8 takes notes after about eight times a function's size has been run.
 */
const REHEARSED_CHARACTERS = 50;

/** What there is to say without compiling anything. */
export const JS_EMITTER: Pick<Backend, 'name' | 'text'> = {
  name: 'JavaScript',
  text: (fn) => emitFunction(fn, NAMES),
};

class JsBackend implements Backend {
  readonly name = JS_EMITTER.name;
  readonly text = JS_EMITTER.text;
  readonly limits = LIMITS;
  private readonly runtime: Runtime;
  private readonly lift: Lift;

  constructor(runtime: Runtime, lift: Lift) {
    this.runtime = runtime;
    this.lift = lift;
  }

  compile(batch: readonly Region[]): Batch {
    const made = batch.map((region) => this.make(region));
    return { take: () => made };
  }

  private make(region: Region): CompiledRegion {
    const source = emitFunction(this.lift(region));
    // Only a loop is optimised before its way out has been taken: it may turn a million times before.
    const loops = source.includes('for (;;)');
    return {
      run: instantiate(this.runtime, source, functionName(region)),
      rehearsals: loops ? Math.ceil(source.length / REHEARSED_CHARACTERS) : 0,
      size: source.length,
      relies: [],
      release: () => {},
    };
  }
}

export const makeJsBackend: BackendFactory = (runtime, lift) => new JsBackend(runtime, lift);
