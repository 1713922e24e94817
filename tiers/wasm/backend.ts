// The backend that encodes WebAssembly: many regions a module, each a function that has an entry of the one table while
// it is linked. The jump cache alone names entries. Functions of one page and module jump to each other as such, and so
// go together when code changes; those of one page and other modules through links.ts.

import type { IrFunction } from '../ir/ir.ts';
import { wordName } from '../ir/names.ts';
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
import * as convention from './convention.ts';
import { ModuleBuilder } from './encode.ts';
import { type Context, emitFunction } from './emit.ts';
import { hasTailCalls, makeThreads, type Threads } from './instantiate.ts';
import { Links } from './links.ts';
import { text } from './text.ts';
import { ENVIRONMENT } from './threads.ts';

/** V8 takes 5 to 40 µs a function when 50 and more share a module, and ten times as much when they do not. */
const LIMITS: BackendLimits = { blocks: 250, instructions: 5000, batch: 64 };

/** Imports that a module may need: what all share, and the attempts of its functions. */
function helpersOf(functions: readonly IrFunction[]): string[] {
  const names = new Set<string>(Object.keys(convention.HELPERS));
  for (const { blocks } of functions) {
    for (const { ops } of blocks) for (const op of ops) if (op.op === 'attempt') names.add(op.how);
  }
  return [...names];
}

interface Made {
  readonly bytes: Uint8Array;
  /**
   * In the order of the parts. `relies`: parts that it jumps to as functions; `jumps`: places relative to it that it
   * jumps to through entries of the module's table, the first of them `entry`.
   */
  readonly functions: readonly {
    readonly size: number;
    readonly relies: readonly number[];
    readonly entry: number;
    readonly jumps: readonly number[];
  }[];
  /** Entries of the module's table. */
  readonly entries: number;
}

/**
 * A function of a module: `next` says which function of the module is at a place relative to it, or OTHER_MODULE or
 * OTHER_PAGE.
 */
interface Part {
  readonly fn: IrFunction;
  readonly next: (delta: number) => number;
  /** In profiles; none for text. */
  readonly name?: string;
}
const OTHER_MODULE = -1;
const OTHER_PAGE = -2;

/** A module of functions as bytes, exported as `0`, `1` … Needs nothing of a processor but where things lie. */
export function encodeModule(parts: readonly Part[], places: Threads['places']): Made {
  const module = new ModuleBuilder();
  const codeType = module.type(convention.CODE_TYPE.parameters, convention.CODE_TYPE.results);
  module.importMemory(ENVIRONMENT, 'memory', places.pages);
  module.importTable(ENVIRONMENT, 'entries', 0);
  const helpers = new Map<string, number>();
  for (const name of helpersOf(parts.map(({ fn }) => fn))) {
    const { parameters, results } = convention.helperType(name);
    helpers.set(name, module.importFunction(ENVIRONMENT, name, module.type(parameters, results)));
  }
  const helper = (name: string): number => {
    const found = helpers.get(name);
    if (found === undefined) throw new Error(`no module imports ${name}`);
    return found;
  };
  const first = module.nextFunction;
  let entries = 0;
  const functions = parts.map(({ fn, next, name }, k) => {
    const relies = new Set<number>();
    const jumps: number[] = [];
    const entry = entries;
    const link: Context['link'] = (delta) => {
      const to = next(delta);
      if (to === OTHER_PAGE) return { to: 'lookup' };
      if (to === OTHER_MODULE) {
        const known = jumps.indexOf(delta);
        return { to: 'entry', entry: entry + (known >= 0 ? known : jumps.push(delta) - 1) };
      }
      if (to !== k) relies.add(to);
      return { to: 'function', index: first + to };
    };
    const body = emitFunction(fn, { helper, link, codeType, ...places });
    entries += jumps.length;
    const index = module.define(codeType, body);
    module.exportFunction(`${k}`, index);
    if (name !== undefined) module.nameFunction(index, name);
    return { size: body.code.length, relies: [...relies], entry, jumps };
  });
  if (entries > 0) module.element(0, new Array<number>(entries).fill(helper('jumpInSegment')));
  return { bytes: module.finish(), functions, entries };
}

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

const keyOf = (host: number, mode: number): number => host * (1 << convention.JUMP_MODE_BITS) + mode;

export class WasmBackend implements Backend {
  readonly name = WASM_EMITTER.name;
  readonly text = WASM_EMITTER.text;
  readonly limits = LIMITS;
  private readonly runtime: Runtime;
  private readonly lift: Lift;
  private readonly threads: Threads;
  private readonly links: Links;

  constructor(runtime: Runtime, lift: Lift) {
    if (!hasTailCalls()) throw new Error('this host has no tail calls');
    this.runtime = runtime;
    this.lift = lift;
    this.threads = makeThreads(runtime);
    this.links = new Links(this.threads.jump);
  }

  compile(batch: readonly Region[]): Batch {
    const places = new Map(batch.map(({ host, mode }, index) => [keyOf(host, mode), index]));
    const parts = batch.map((region): Part => {
      const { host, mode } = region;
      // Places of one page alone: another may be mapped elsewhere when the jump is taken.
      const next = (delta: number): number =>
        (host + delta) >>> 12 !== host >>> 12 ? OTHER_PAGE : (places.get(keyOf(host + delta, mode)) ?? OTHER_MODULE);
      return { fn: this.lift(region), next, name: functionName(region) };
    });
    const { bytes, functions, entries } = encodeModule(parts, this.threads.places);
    const { exported, table } = this.threads.instantiate(bytes, batch.length, entries);
    const made = batch.map((region, index) => this.compiled(region, exported[index], functions[index], table));
    return { take: () => made };
  }

  private compiled(
    { host, mode }: Region,
    code: unknown,
    made: Made['functions'][number],
    table: WebAssembly.Table,
  ): CompiledRegion {
    const { links } = this;
    const { m32, cpu } = this.runtime;
    const { enter, link, unlink } = this.threads;
    const key = keyOf(host, mode);
    const jumps = made.jumps.map((delta, k) => ({ table, entry: made.entry + k, key: keyOf(host + delta, mode) }));
    for (const each of jumps) links.add(each);
    const at = (cpu.compiledBase >>> 2) + 2 * convention.jumpIndex(host);
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
      // Another place of the same hash may have taken the slot.
      m32[at] = host;
      m32[at + 1] = word;
      enter(entry);
    };
    const release = (): void => {
      for (const each of jumps) links.remove(each);
      if (entry === 0) return;
      links.close(key, code);
      if (m32[at] === host && m32[at + 1] === word) m32[at] = 0;
      unlink(entry);
      entry = 0;
    };
    return { run, rehearsals: 0, size: made.size, relies: made.relies, release };
  }
}

export const makeWasmBackend: BackendFactory = (runtime, lift) => new WasmBackend(runtime, lift);
