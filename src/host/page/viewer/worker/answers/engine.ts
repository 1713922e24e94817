// What the engines make of the code that is about to run: rows, IR as lifted, what each pass makes of it,
// JavaScript and WebAssembly. The same text as reprise explain.

import { decodeInstruction } from '../../../../../core/isa/decode.ts';
import { ENDS_BLOCK } from '../../../../../core/isa/ops.ts';
import { META_OP_MASK, R_META, RECORD_WORDS } from '../../../../../core/isa/record.ts';
import { peekBytes } from '../../../../../core/memory/peek.ts';
import { MODE_CS32, MODE_KEY } from '../../../../../core/state/layout.ts';
import { explainTiers } from '../../../../../../tiers/explain.ts';
import { linearEip } from '../../../../debugger/views.ts';
import type { WorkerSession } from '../session.ts';

/** A block, as far as it may go. */
const BLOCK_BYTES = 96;

export interface EngineAnswer {
  readonly engine: string;
  readonly compiles: boolean;
  /** Names and texts, from rows to compiled code; empty where nothing is compiled. */
  readonly parts: readonly { readonly name: string; readonly text: string }[];
  readonly why: string;
}

export async function engine(session: WorkerSession, _ask: null): Promise<EngineAnswer> {
  const { timeline } = await session.recording();
  const { cpu } = timeline.machine;
  const buffer = new Uint8Array(BLOCK_BYTES);
  const bytes = buffer.subarray(0, peekBytes(cpu, linearEip(cpu), buffer));
  const is32 = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0;
  const name = timeline.engine.name;
  if (!is32) return { engine: name, compiles: false, parts: [], why: '16-bit code is interpreted.' };
  const block = bytes.subarray(0, blockBytes(bytes));
  const explained = explainTiers(block, 32);
  if (explained === null) return { engine: name, compiles: false, parts: [], why: 'These bytes are no instruction.' };
  const parts = [
    { name: 'Interpreter', text: explained.inlined.join('\n') },
    { name: 'IR as lifted', text: explained.lifted },
    ...explained.passes.map((pass) => ({ name: `IR after ${pass.name}`, text: pass.text })),
    ...explained.compiled,
  ];
  return { engine: name, compiles: true, parts, why: '' };
}

/** The instructions up to the first that ends a block. */
function blockBytes(bytes: Uint8Array): number {
  const code = new Int32Array(RECORD_WORDS);
  for (let at = 0; at < bytes.length; ) {
    const length = decodeInstruction(bytes, at, bytes.length, true, code, 0);
    if (length <= 0) return at;
    at += length;
    if (ENDS_BLOCK[code[R_META] & META_OP_MASK]) return at;
  }
  return bytes.length;
}
