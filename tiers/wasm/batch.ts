// Many regions as one module of WebAssembly, in bytes: which functions jump to each other as such, which through
// entries of the module's table, which through the jump cache. Needs nothing of a processor but where things lie.

import type { IrFunction } from '../ir/ir.ts';
import type { Lift, Region } from '../runtime/backend.ts';
import { functionName } from '../runtime/function-name.ts';
import * as convention from './convention.ts';
import { type Context, emitFunction } from './emit.ts';
import { ModuleBuilder } from './encode.ts';
import { ENVIRONMENT, type Places } from './threads.ts';

/** Imports that a module may need: what all share, and the attempts of its functions. */
function helpersOf(functions: readonly IrFunction[]): string[] {
  const names = new Set<string>(Object.keys(convention.HELPERS));
  for (const { blocks } of functions) {
    for (const { ops } of blocks) for (const op of ops) if (op.op === 'attempt') names.add(op.how);
  }
  return [...names];
}

/** What there is to say of a function of a module. */
export interface MadeFunction {
  readonly size: number;
  /** Functions of the module that it jumps to as such. */
  readonly relies: readonly number[];
  /** First of its entries of the module's table. */
  readonly entry: number;
  /** Places relative to it that it jumps to through these entries, in their order. */
  readonly jumps: readonly number[];
}

export interface Made {
  readonly bytes: Uint8Array;
  /** In the order of the parts. */
  readonly functions: readonly MadeFunction[];
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
export function encodeModule(parts: readonly Part[], places: Places): Made {
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

export const keyOf = (host: number, mode: number): number => host * (1 << convention.JUMP_MODE_BITS) + mode;

/** The module of these regions. */
export function encodeRegions(regions: readonly Region[], lift: Lift, places: Places): Made {
  const known = new Map(regions.map(({ host, mode }, index) => [keyOf(host, mode), index]));
  const parts = regions.map((region): Part => {
    const { host, mode } = region;
    // Places of one page alone: another may be mapped elsewhere when the jump is taken.
    const next = (delta: number): number =>
      (host + delta) >>> 12 !== host >>> 12 ? OTHER_PAGE : (known.get(keyOf(host + delta, mode)) ?? OTHER_MODULE);
    return { fn: lift(region), next, name: functionName(region) };
  });
  return encodeModule(parts, places);
}
