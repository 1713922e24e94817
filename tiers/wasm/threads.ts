// The module that stands between JavaScript and guest code, one a processor: `enter` starts a function of guest code,
// `out`, `leave`, `jump` and `jumpInSegment` end one. What the handler has done is gone on from here, without
// JavaScript's or the interpreter's loop, when the jump cache knows the place. `miss` makes an access plain. Conditions
// are in conditions.ts, the x87 is in x87.ts.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { INSTRUCTION_BYTES_MAX } from '../../src/core/isa/record.ts';
import { TLB_NO_SUPER_FETCH, TLB_NO_USER_FETCH } from '../../src/core/memory/tlb.ts';
import {
  AC,
  CC_DST,
  CC_OP,
  CC_SRC,
  CS,
  EFLAGS,
  EIP,
  LEFT,
  MODE_CPL3,
  MODE_KEY,
  SEG_BASE,
} from '../../src/core/state/layout.ts';
import { ATTEMPTS } from '../ir/attempts.ts';
import { defineConditions } from './conditions.ts';
import * as convention from './convention.ts';
import { Body, type FunctionType, I32, ModuleBuilder, W } from './encode.ts';
import { defineX87, X87_ATTEMPTS } from './x87.ts';

const { CODE_TYPE, P_CC_DST, P_CC_OP, P_CC_SRC, P_EIP, P_LEFT, P_REGISTERS, PARAMETERS } = convention;

export interface Places {
  readonly tlbBase: number;
  readonly sharedBase: number;
  /** Pages of 64 KiB of the memory. */
  readonly pages: number;
  /** Answers of the jump cache are counted. */
  readonly isCounted: boolean;
}

/** Names under which modules import what they share. */
export const ENVIRONMENT = 'e';

/** Byte address of each parameter when nothing runs. */
function homes(): number[] {
  const found = new Array<number>(PARAMETERS);
  found[P_EIP] = 4 * EIP;
  found[P_LEFT] = 4 * LEFT;
  for (let k = 0; k < 8; k++) found[P_REGISTERS + k] = 4 * k;
  found[P_CC_OP] = 4 * CC_OP;
  found[P_CC_DST] = 4 * CC_DST;
  found[P_CC_SRC] = 4 * CC_SRC;
  return found;
}

function spill(body: Body): void {
  homes().forEach((address, parameter) => {
    body.i32(0);
    body.get(parameter);
    body.memory(W.i32_store, 2, address);
  });
}

function pushAll(body: Body): void {
  for (const address of homes()) {
    body.i32(0);
    body.memory(W.i32_load, 2, address);
  }
}

/** Push the TLB entry of the linear address in a local. */
function pushEntry(body: Body, linear: number, places: Places): void {
  body.get(linear);
  body.i32(12);
  body.op(W.i32_shr_u);
  body.i32(2);
  body.op(W.i32_shl);
  body.memory(W.i32_load, 2, places.tlbBase);
}

/** Add 1 to a shared word. */
function countUp(body: Body, places: Places, offset: number): void {
  if (!places.isCounted) return;
  body.i32(0);
  body.i32(0);
  body.memory(W.i32_load, 2, places.sharedBase + offset);
  body.i32(1);
  body.op(W.i32_add);
  body.memory(W.i32_store, 2, places.sharedBase + offset);
}

/**
 * When code for the EIP in a local is known, push the parameters by `push` and go on there; falls through otherwise.
 * The page is looked up in the TLB first, so the cache need not know of mappings. `hasBase`: CS may have one.
 */
function lookUp(body: Body, eip: number, hasBase: boolean, places: Places, codeType: number, push: () => void): void {
  const linear = hasBase ? body.local() : eip;
  const mode = body.local();
  const entry = body.local();
  const host = body.local();
  const at = body.local();
  countUp(body, places, convention.SHARED_ASKED);
  const none = body.open(W.block);
  body.i32(0);
  body.memory(W.i32_load, 2, 4 * MODE_KEY);
  body.set(mode);
  if (hasBase) {
    body.get(eip);
    body.i32(0);
    body.memory(W.i32_load, 2, 4 * (SEG_BASE + CS));
    body.op(W.i32_add);
    body.set(linear);
  }
  pushEntry(body, linear, places);
  body.tee(entry);
  body.i32(TLB_NO_USER_FETCH);
  body.i32(TLB_NO_SUPER_FETCH);
  body.get(mode);
  body.i32(MODE_CPL3);
  body.op(W.i32_and);
  body.op(W.select);
  body.op(W.i32_and);
  body.branch(W.br_if, none);
  body.get(entry);
  body.i32(-4096);
  body.op(W.i32_and);
  body.get(linear);
  body.op(W.i32_add);
  body.tee(host);
  body.get(host);
  body.i32(14);
  body.op(W.i32_shr_u);
  body.op(W.i32_xor);
  body.i32(convention.JUMP_ENTRIES - 1);
  body.op(W.i32_and);
  body.i32(3);
  body.op(W.i32_shl);
  body.tee(at);
  body.memory(W.i32_load, 2, places.sharedBase);
  body.get(host);
  body.op(W.i32_ne);
  body.open(W.if);
  body.get(at);
  body.i32(1 << 3);
  body.op(W.i32_xor);
  body.tee(at);
  body.memory(W.i32_load, 2, places.sharedBase);
  body.get(host);
  body.op(W.i32_ne);
  body.branch(W.br_if, none);
  body.end();
  body.get(at);
  body.memory(W.i32_load, 2, places.sharedBase + 4);
  body.tee(at);
  body.i32((1 << convention.JUMP_MODE_BITS) - 1);
  body.op(W.i32_and);
  body.get(mode);
  body.op(W.i32_ne);
  body.branch(W.br_if, none);
  push();
  body.get(at);
  body.i32(convention.JUMP_MODE_BITS);
  body.op(W.i32_shr_u);
  body.callIndirect(W.return_call_indirect, codeType);
  body.end();
  countUp(body, places, convention.SHARED_IN_VAIN);
}

/** Everything is in memory: call the function, which says whether to leave, and go on at EIP where code is known. */
function goingOn(body: Body, mustLeave: number, places: Places, codeType: number): Body {
  body.call(W.call, mustLeave);
  body.open(W.if);
  body.op(W.return);
  body.end();
  body.i32(0);
  body.memory(W.i32_load, 2, 4 * EIP);
  body.set(P_EIP);
  lookUp(body, P_EIP, true, places, codeType, () => pushAll(body));
  return body;
}

/** The way out of slow paths and used-up budgets: everything to memory, then the handler, if there is one to call. */
function out(places: Places, codeType: number, goOn: number): Body {
  const body = new Body(PARAMETERS);
  spill(body);
  body.i32(0);
  body.memory(W.i32_load, 2, places.sharedBase + convention.SHARED_PC);
  body.op(W.i32_eqz);
  body.open(W.if);
  body.op(W.return);
  body.end();
  return goingOn(body, goOn, places, codeType);
}

/**
 * A jump to another page or to a computed place. What has no function there, and may cross the end of its page, is
 * `cross`'s: it lies in no block, and the code behind it is gone on with.
 */
function jump(hasBase: boolean, places: Places, codeType: number, cross: number): Body {
  const body = new Body(PARAMETERS);
  lookUp(body, P_EIP, hasBase, places, codeType, () => {
    for (let k = 0; k < PARAMETERS; k++) body.get(k);
  });
  spill(body);
  body.get(P_EIP);
  if (hasBase) {
    body.i32(0);
    body.memory(W.i32_load, 2, 4 * (SEG_BASE + CS));
    body.op(W.i32_add);
  }
  body.i32(PAGE_BYTES - 1);
  body.op(W.i32_and);
  body.i32(PAGE_BYTES - INSTRUCTION_BYTES_MAX);
  body.op(W.i32_le_u);
  body.open(W.if);
  body.op(W.return);
  body.end();
  return goingOn(body, cross, places, codeType);
}

/** What stands in the table for code that is not compiled. */
function leave(): Body {
  const body = new Body(PARAMETERS);
  spill(body);
  return body;
}

/** (table entry): run from what is in memory. */
function enter(codeType: number): Body {
  const body = new Body(1);
  pushAll(body);
  body.get(0);
  body.callIndirect(W.return_call_indirect, codeType);
  return body;
}

/**
 * (linear, how): as convention.MISS_*; of a store with its value. What lies unaligned inside one page is plain here.
 */
function miss(places: Places, fill: number, parameters: number): Body {
  const LINEAR = 0;
  const HOW = 1;
  const body = new Body(parameters);
  const size = body.local();
  const entry = body.local();
  const isOther = body.open(W.block);
  body.i32(1);
  body.get(HOW);
  body.i32(convention.MISS_SIZE_SHIFT);
  body.op(W.i32_shr_u);
  body.i32(7);
  body.op(W.i32_and);
  body.op(W.i32_shl);
  body.set(size);
  // Alignment that matters, and the page's end.
  body.get(LINEAR);
  body.get(size);
  body.i32(1);
  body.op(W.i32_sub);
  body.op(W.i32_and);
  body.open(W.if);
  body.get(HOW);
  body.i32(convention.MISS_ALIGNED);
  body.op(W.i32_and);
  body.branch(W.br_if, isOther);
  body.i32(0);
  body.memory(W.i32_load, 2, 4 * EFLAGS);
  body.i32(AC);
  body.op(W.i32_and);
  body.branch(W.br_if, isOther);
  body.get(LINEAR);
  body.i32(4095);
  body.op(W.i32_and);
  body.get(size);
  body.op(W.i32_add);
  body.i32(4096);
  body.op(W.i32_gt_u);
  body.branch(W.br_if, isOther);
  body.end();
  pushEntry(body, LINEAR, places);
  body.tee(entry);
  body.get(HOW);
  body.i32(convention.MISS_DENY_MASK);
  body.op(W.i32_and);
  body.op(W.i32_and);
  body.op(W.i32_eqz);
  body.open(W.if);
  body.get(entry);
  body.i32(-4096);
  body.op(W.i32_and);
  body.op(W.return);
  body.end();
  for (let k = 0; k < parameters; k++) body.get(k);
  body.call(W.return_call, fill);
  body.end();
  body.i32(convention.MISS_NONE);
  return body;
}

/**
 * A function that calls an imported one, so that other modules import WebAssembly alone: V8 compiles no wrapper for it.
 */
function forward(parameters: number, to: number): Body {
  const body = new Body(parameters);
  for (let k = 0; k < parameters; k++) body.get(k);
  body.call(W.return_call, to);
  return body;
}

const X87: ReadonlySet<string> = new Set(X87_ATTEMPTS);

/**
 * Functions of JavaScript that modules call through this one: `step`, `assist`, and the attempts that have no function
 * here.
 */
export const FORWARDED: readonly string[] = [
  'step',
  'assist',
  ...Object.keys(ATTEMPTS).filter((name) => !X87.has(name)),
];

/**
 * Imports `memory`, `table`, `goOn` and `cross` () → 1 to leave, `fill` (linear, how), `fillStore` (linear, how,
 * value) and FORWARDED; exports `enter`, `leave` and the helpers.
 */
export function encodeThreads(places: Places): Uint8Array {
  const module = new ModuleBuilder();
  const typeOf = ({ parameters, results }: FunctionType): number => module.type(parameters, results);
  const codeType = typeOf(CODE_TYPE);
  module.importMemory(ENVIRONMENT, 'memory', places.pages);
  module.importTable(ENVIRONMENT, 'table', 1);
  const goOn = module.importFunction(ENVIRONMENT, 'goOn', module.type([], [I32]));
  const cross = module.importFunction(ENVIRONMENT, 'cross', module.type([], [I32]));
  const pair = module.type([I32, I32], [I32]);
  const fill = module.importFunction(ENVIRONMENT, 'fill', pair);
  const storing = typeOf(convention.helperType('storeMiss'));
  const fillStore = module.importFunction(ENVIRONMENT, 'fillStore', storing);
  const imported = FORWARDED.map((name) =>
    module.importFunction(ENVIRONMENT, name, typeOf(convention.helperType(name))),
  );
  const found = new Map([...defineConditions(module), ...defineX87(module)]);
  found.set('out', module.define(codeType, out(places, codeType, goOn)));
  found.set('jump', module.define(codeType, jump(false, places, codeType, cross)));
  found.set('jumpInSegment', module.define(codeType, jump(true, places, codeType, cross)));
  found.set('miss', module.define(pair, miss(places, fill, 2)));
  found.set('storeMiss', module.define(storing, miss(places, fillStore, 3)));
  FORWARDED.forEach((name, k) => {
    const type = convention.helperType(name);
    found.set(name, module.define(typeOf(type), forward(type.parameters.length, imported[k])));
  });
  module.exportFunction('enter', module.define(module.type([I32], []), enter(codeType)));
  module.exportFunction('leave', module.define(codeType, leave()));
  for (const [name, index] of found) module.exportFunction(name, index);
  for (const [name, index] of [...found].sort((a, b) => a[1] - b[1])) module.nameFunction(index, `thread ${name}`);
  return module.finish();
}
