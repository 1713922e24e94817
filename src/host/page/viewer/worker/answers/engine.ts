// What the engines make of the code that is about to run: rows, IR as lifted, what each pass makes of it,
// JavaScript and WebAssembly. The same text as reprise explain.

import { decodeInstruction } from '../../../../../core/isa/decode.ts';
import { ENDS_BLOCK } from '../../../../../core/isa/ops.ts';
import { META_OP_MASK, R_META, RECORD_WORDS } from '../../../../../core/isa/record.ts';
import { peekBytes, peekPhysical } from '../../../../../core/memory/peek.ts';
import { MODE_CS32, MODE_KEY } from '../../../../../core/state/layout.ts';
import { explainTiers } from '../../../../../../tiers/explain.ts';
import { type BlockHeat, blockHeat, hottestBlocks } from '../../../../../../tiers/heat.ts';
import { linearEip } from '../../../../debugger/views.ts';
import type { Opened } from '../opened.ts';
import type { WorkerSession } from '../session.ts';

/** A block, as far as it may go. */
const BLOCK_BYTES = 96;
const HOTTEST = 24;
/** Where Linux has the memory that its kernel lies in. */
const KERNEL_BASE = 0xc0000000;

export interface HotBlock extends BlockHeat {
  /** Where it is seen at this moment; null: it is not, as far as one can see from the place in memory. */
  readonly linear: number | null;
  readonly symbol: string;
}

export interface EngineAnswer {
  readonly engine: string;
  /** Names and texts, from rows to compiled code; empty where nothing is compiled. */
  readonly parts: readonly { readonly name: string; readonly text: string }[];
  readonly why: string;
  /** The block that is about to run, and the hottest of all in this mode; null: this engine counts nothing. */
  readonly here: BlockHeat | null;
  readonly hottest: readonly HotBlock[] | null;
}

export async function engine(session: WorkerSession, _ask: null): Promise<EngineAnswer> {
  const opened = await session.recording();
  const { timeline } = opened;
  const { cpu } = timeline.machine;
  const heat = heatOf(opened);
  const buffer = new Uint8Array(BLOCK_BYTES);
  const bytes = buffer.subarray(0, peekBytes(cpu, linearEip(cpu), buffer));
  const is32 = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0;
  const name = timeline.engine.name;
  if (!is32) return { engine: name, parts: [], why: 'Of 16-bit code its stages are not shown.', ...heat };
  const block = bytes.subarray(0, blockBytes(bytes));
  const explained = explainTiers(block, 32);
  if (explained === null) return { engine: name, parts: [], why: 'These bytes are no instruction.', ...heat };
  const parts = [
    { name: 'Interpreter', text: explained.inlined.join('\n') },
    { name: 'IR as lifted', text: explained.lifted },
    ...explained.passes.map((pass) => ({ name: `IR after ${pass.name}`, text: pass.text })),
    ...explained.compiled,
  ];
  return { engine: name, parts, why: '', ...heat };
}

function heatOf({ timeline, symbols }: Opened): Pick<EngineAnswer, 'here' | 'hottest'> {
  const { engine: runs, machine } = timeline;
  const { cpu } = machine;
  const linearOf = (physical: number): number | null =>
    [physical, physical + KERNEL_BASE].find((linear) => peekPhysical(cpu, linear >>> 0) === physical) ?? null;
  const hottest = hottestBlocks(runs, cpu, HOTTEST)?.map((block) => {
    const linear = linearOf(block.physical);
    return { ...block, linear, symbol: linear === null ? '' : symbols.describe(linear) };
  });
  return { here: blockHeat(runs, cpu, peekPhysical(cpu, linearEip(cpu))), hottest: hottest ?? null };
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
