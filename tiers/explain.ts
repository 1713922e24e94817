// What the tiers make of a few bytes: the inner loop's cases, the IR as lifted, the IR after the passes, and what each
// backend emits, as `reprise explain` shows them. 32-bit code is flat and at CPL 0, 16-bit code in real mode; jumps
// lead out unless their target is among the bytes.

import { decodeInstruction } from '../src/core/isa/decode.ts';
import { instructionText } from '../src/core/isa/describe.ts';
import { ENDS_BLOCK } from '../src/core/isa/ops.ts';
import { META_OP_MASK, R_HOT, R_META, R_POSITION, RECORD_WORDS } from '../src/core/isa/record.ts';
import { MODE_CS32, MODE_FLAT_CODE, MODE_FLAT_DATA, MODE_REAL, MODE_SS32 } from '../src/core/state/layout.ts';
import { hotText, specialise } from './interp/specialise.ts';
import type { IrFunction } from './ir/ir.ts';
import { print } from './ir/text.ts';
import { validate } from './ir/validate.ts';
import { JS_EMITTER } from './js/backend.ts';
import { WASM_EMITTER } from './wasm/backend.ts';
import { liftBlock } from './lift/lift.ts';
import { optimise, PASSES } from './opt/pipeline.ts';
import type { Backend } from './runtime/backend.ts';

export const FLAT_MODE = MODE_FLAT_CODE | MODE_FLAT_DATA | MODE_CS32 | MODE_SS32;

export interface TierExplanation {
  /** The case of the interpreter's inner loop that does each instruction. */
  readonly inlined: readonly string[];
  readonly lifted: string;
  /** After each pass that changed something, by its name. */
  readonly passes: readonly { readonly name: string; readonly text: string }[];
  readonly optimised: string;
  /** What backends make of it, by their names. */
  readonly compiled: readonly { readonly name: string; readonly text: string }[];
}

/** A backend, as far as text goes. */
export type Emitter = Pick<Backend, 'name' | 'text'>;

/** The backends that are explained; one is added in one line. */
export const EMITTERS: readonly Emitter[] = [JS_EMITTER, WASM_EMITTER];

interface Decoded {
  readonly code: Int32Array;
  readonly count: number;
  readonly start: number;
}

/** The blocks that the bytes are, from the first one; ends at what does not decode. */
function decodeBlocks(bytes: Uint8Array, mode: number): Decoded[] {
  const blocks: Decoded[] = [];
  let at = 0;
  for (let start = 0; start < bytes.length; start = at) {
    const code = new Int32Array((bytes.length - start + 1) * RECORD_WORDS);
    let count = 0;
    for (at = start; at < bytes.length; ) {
      const pc = count * RECORD_WORDS;
      const length = decodeInstruction(bytes, at, bytes.length, (mode & MODE_CS32) !== 0, code, pc);
      if (length <= 0) break;
      code[pc + R_POSITION] = (at - start) | (length << 16);
      code[pc + R_HOT] = specialise(code, pc, mode);
      at += length;
      count++;
      const op = code[pc + R_META] & META_OP_MASK;
      if (ENDS_BLOCK[op]) break;
    }
    if (count === 0) break;
    blocks.push({ code, count, start });
  }
  return blocks;
}

/** What the bytes are lifted to, block by block. */
export function liftBytes(bytes: Uint8Array, mode = FLAT_MODE): IrFunction {
  const blocks = decodeBlocks(bytes, mode);
  return { mode, blocks: blocks.map(({ code, count, start }) => liftBlock(code, 0, count, start, mode)) };
}

/** Null: the bytes decode to nothing. */
export function explainTiers(
  bytes: Uint8Array,
  bits: 16 | 32,
  all = PASSES,
  emitters = EMITTERS,
): TierExplanation | null {
  const mode = bits === 32 ? FLAT_MODE : MODE_REAL;
  let fn = liftBytes(bytes, mode);
  if (fn.blocks.length === 0) return null;
  validate(fn);
  const lifted = print(fn);
  const passes: { name: string; text: string }[] = [];
  let before = lifted;
  for (const pass of all) {
    fn = optimise(fn, [pass], true);
    const text = print(fn);
    if (text !== before) passes.push({ name: pass.name, text });
    before = text;
  }
  const inlined = decodeBlocks(bytes, mode).flatMap(({ code, count }) =>
    Array.from({ length: count }, (_, index) => {
      const pc = index * RECORD_WORDS;
      return `${instructionText(code, pc).padEnd(32)} ${hotText(code, pc)}`;
    }),
  );
  const compiled = emitters.map(({ name, text }) => ({ name, text: text(fn) }));
  return { inlined, lifted, passes, optimised: before, compiled };
}
