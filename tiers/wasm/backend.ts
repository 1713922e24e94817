// The backend that encodes WebAssembly: many regions a module, each a function that has an entry of the one table while
// it is linked. The jump cache alone names entries. Functions of one page and module jump to each other as such, and so
// go together when code changes; those of one page and other modules through links.ts.

import { wordName } from '../ir/names.ts';
import type {
  Backend,
  BackendFactory,
  BackendLimits,
  Batch,
  CompiledRegion,
  Lift,
  Recipe,
  Region,
} from '../runtime/backend.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { encodeRegions, keyOf, type Made, type MadeFunction } from './batch.ts';
import * as convention from './convention.ts';
import { emitFunction } from './emit.ts';
import { hasTailCalls, makeThreads, moduleOf, type Threads, type WasmModule } from './instantiate.ts';
import { Links } from './links.ts';
import { type Compiler, orderOf, readAnswer } from './order.ts';
import { text } from './text.ts';

/** V8 takes 5 to 40 µs a function when 50 and more share a module, and ten times as much when they do not. */
const LIMITS: BackendLimits = { blocks: 250, instructions: 5000, batch: 64 };

/** Places that stand for any in text. */
const TEXT_PLACES: Threads['places'] = { tlbBase: 0x2000_0000, sharedBase: 0x3000_0000, pages: 0, isCounted: false };

/** What an offset of a load or store is, by name where it is a word of the CPU block. */
function offsetName(offset: number): string {
  if (offset === 0) return '';
  if (offset === TEXT_PLACES.tlbBase) return 'TLB';
  if (offset === TEXT_PLACES.sharedBase + convention.SHARED_PC) return 'PC';
  return wordName(offset >> 2, 1).toUpperCase();
}

/** A function as text, as if it stood alone in its module. */
export const WASM_EMITTER: Pick<Backend, 'name' | 'text'> = {
  name: 'WebAssembly',
  text: (fn) => {
    const names: string[] = [];
    const helper = (name: string): number => {
      const known = names.indexOf(name);
      return known >= 0 ? known : names.push(name) - 1;
    };
    const body = emitFunction(fn, { helper, link: () => ({ to: 'lookup' }), codeType: 0, ...TEXT_PLACES });
    return text(body, (index) => names[index], convention.PARAMETER_NAMES, offsetName);
  },
};

export class WasmBackend implements Backend {
  readonly name = WASM_EMITTER.name;
  readonly text = WASM_EMITTER.text;
  readonly limits = LIMITS;
  private readonly runtime: Runtime;
  private readonly lift: Lift;
  private readonly recipe: Recipe;
  private readonly compiler: Compiler | null;
  private readonly threads: Threads;
  private readonly links: Links;

  /** `compiler`: who makes modules in another thread, or null. */
  constructor(runtime: Runtime, lift: Lift, recipe: Recipe, compiler: Compiler | null) {
    if (!hasTailCalls()) throw new Error('this host has no tail calls');
    this.runtime = runtime;
    this.lift = lift;
    this.recipe = recipe;
    this.compiler = compiler;
    this.threads = makeThreads(runtime);
    this.links = new Links(this.threads.jump);
  }

  compile(batch: readonly Region[]): Batch {
    return this.ordered(batch) ?? this.inLine(batch);
  }

  private inLine(batch: readonly Region[]): Batch {
    const { bytes, ...rest } = encodeRegions(batch, this.lift, this.threads.places);
    const made = this.instantiated(batch, moduleOf(bytes), rest);
    return { take: () => made };
  }

  /** By another thread; null: there is none for it. */
  private ordered(batch: readonly Region[]): Batch | null {
    const passes = this.compiler === null ? null : this.recipe();
    if (this.compiler === null || passes === null) return null;
    const awaited = this.compiler.begin(orderOf(this.runtime.code, batch, passes, this.threads.places));
    if (awaited === null) return null;
    return {
      take: () => {
        const answer = awaited.take();
        if (answer === null) return null;
        // They become hot again, and are made in line then.
        if (answer === 'lost') return batch.map(() => null);
        return this.instantiated(batch, answer.module, readAnswer(answer.words));
      },
    };
  }

  private instantiated(
    batch: readonly Region[],
    module: WasmModule,
    { functions, entries }: Omit<Made, 'bytes'>,
  ): CompiledRegion[] {
    const { exported, table } = this.threads.instantiate(module, batch.length, entries);
    return batch.map((region, index) => this.compiled(region, exported[index], functions[index], table));
  }

  private compiled(
    { host, mode }: Region,
    code: unknown,
    made: MadeFunction,
    table: WebAssembly.Table,
  ): CompiledRegion {
    const { links } = this;
    const { m32, cpu } = this.runtime;
    const { enter, link, unlink } = this.threads;
    const key = keyOf(host, mode);
    const jumps = made.jumps.map((delta, k) => ({ table, entry: made.entry + k, key: keyOf(host + delta, mode) }));
    for (const each of jumps) links.add(each);
    const cache = cpu.compiledBase >>> 2;
    const at = cache + 2 * convention.jumpIndex(host);
    const beside = cache + 2 * (convention.jumpIndex(host) ^ 1);
    // It is in the table, and the jump cache and jumps of its page find it, from its first run until it is released:
    // it may be made long before it is handed out, or not at all.
    let entry = 0;
    let word = 0;
    const run = (): void => {
      if (entry === 0) {
        entry = link(code);
        word = (entry << convention.JUMP_MODE_BITS) | mode;
        links.open(key, code);
      }
      // It was not found, or in another mode: what is in its place goes beside it.
      if (m32[beside] === host) m32[beside] = 0;
      if (m32[at] !== host && m32[at] !== 0) {
        m32[beside] = m32[at];
        m32[beside + 1] = m32[at + 1];
      }
      m32[at] = host;
      m32[at + 1] = word;
      enter(entry);
    };
    const release = (): void => {
      for (const each of jumps) links.remove(each);
      if (entry === 0) return;
      links.close(key, code);
      for (const slot of [at, beside]) if (m32[slot] === host && m32[slot + 1] === word) m32[slot] = 0;
      unlink(entry);
      entry = 0;
    };
    return { run, rehearsals: 0, size: made.size, relies: made.relies, release };
  }
}

/** With modules made by another thread, or by this one where `compiler` is null. */
export const wasmBackendMaker =
  (compiler: Compiler | null): BackendFactory =>
  (runtime, lift, recipe) =>
    new WasmBackend(runtime, lift, recipe, compiler);

export const makeWasmBackend: BackendFactory = wasmBackendMaker(null);
