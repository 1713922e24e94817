// What another thread is told so that it makes a module: records and regions as words, names of passes, where things
// lie; and what it says then. It is carried out in tiers/carry-out.ts. The records are put where they lie in the arena,
// since functions name their places.

import { RECORD_WORDS } from '../../src/core/isa/record.ts';
import type { Region, RegionBlock } from '../runtime/backend.ts';
import type { Made, MadeFunction } from './batch.ts';
import type { WasmModule } from './instantiate.ts';
import type { Places } from './threads.ts';

/** Plain data that another thread can be given. */
export interface Order {
  /**
   * Where things lie: tlbBase, sharedBase, pages, isCounted; the number of regions; of each mode, host address, number
   * of blocks, of each block first record, instructions, delta; the records in this order.
   */
  readonly words: Int32Array;
  /** The arena's words. */
  readonly arenaWords: number;
  readonly passes: readonly string[];
}

/** What came of an order: a module, and what Made says of it. */
export interface Answer {
  readonly module: WasmModule;
  /** The entries of its table; of each function its size, entry, number of relies, number of jumps, and these. */
  readonly words: Int32Array;
}

/** An answer that is awaited; nobody need ask for it. */
export interface Awaited {
  /** Null: not yet. `lost`: there will be none. */
  take(): Answer | 'lost' | null;
}

/** Another thread that carries orders out. */
export interface Compiler {
  /** Null: not now; whoever asked makes the module itself. */
  begin(order: Order): Awaited | null;
}

const PLACES_WORDS = 4;
const REGION_WORDS = 3;
const BLOCK_WORDS = 3;

export function orderOf(
  code: Int32Array,
  regions: readonly Region[],
  passes: readonly string[],
  { tlbBase, sharedBase, pages, isCounted }: Places,
): Order {
  let length = PLACES_WORDS + 1;
  for (const { blocks } of regions) {
    length += REGION_WORDS;
    for (const { count } of blocks) length += BLOCK_WORDS + count * RECORD_WORDS;
  }
  const words = new Int32Array(length);
  words.set([tlbBase, sharedBase, pages, isCounted ? 1 : 0, regions.length]);
  let at = PLACES_WORDS + 1;
  for (const { mode, host, blocks } of regions) {
    words[at++] = mode;
    words[at++] = host;
    words[at++] = blocks.length;
    for (const { first, count, delta } of blocks) {
      words[at++] = first;
      words[at++] = count;
      words[at++] = delta;
    }
  }
  for (const { blocks } of regions) {
    for (const { first, count } of blocks) {
      words.set(code.subarray(first, first + count * RECORD_WORDS), at);
      at += count * RECORD_WORDS;
    }
  }
  return { words, arenaWords: code.length, passes };
}

/** The regions of an order, and where things lie; the records are put into `arena`, of the order's length. */
export function readOrder({ words }: Order, arena: Int32Array): { regions: readonly Region[]; places: Places } {
  const [tlbBase, sharedBase, pages, isCounted, count] = words;
  const regions: Region[] = [];
  let at = PLACES_WORDS + 1;
  for (let index = 0; index < count; index++) {
    const [mode, host, length] = words.subarray(at, at + REGION_WORDS);
    at += REGION_WORDS;
    const blocks: RegionBlock[] = [];
    for (let k = 0; k < length; k++, at += BLOCK_WORDS) {
      blocks.push({ block: 0, first: words[at], count: words[at + 1], delta: words[at + 2] });
    }
    regions.push({ mode, host, blocks });
  }
  for (const { blocks } of regions) {
    for (const block of blocks) {
      const recordWords = block.count * RECORD_WORDS;
      arena.set(words.subarray(at, at + recordWords), block.first);
      at += recordWords;
    }
  }
  return { regions, places: { tlbBase, sharedBase, pages, isCounted: isCounted !== 0 } };
}

/** What Made says beside the bytes. */
export function answerWords({ functions, entries }: Made): Int32Array {
  const words = [entries];
  for (const { size, entry, relies, jumps } of functions) {
    words.push(size, entry, relies.length, jumps.length, ...relies, ...jumps);
  }
  return Int32Array.from(words);
}

export function readAnswer(words: Int32Array): {
  readonly functions: readonly MadeFunction[];
  readonly entries: number;
} {
  const functions: MadeFunction[] = [];
  for (let at = 1; at < words.length; ) {
    const [size, entry, relied, jumped] = words.subarray(at, at + 4);
    at += 4;
    const relies = [...words.subarray(at, at + relied)];
    at += relied;
    const jumps = [...words.subarray(at, at + jumped)];
    at += jumped;
    functions.push({ size, entry, relies, jumps });
  }
  return { functions, entries: words[0] };
}
