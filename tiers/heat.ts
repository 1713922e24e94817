// What an engine that compiles knows of how hot its blocks are: how often the interpreter has entered each since it was
// decoded, and which are compiled by now, whose entries nobody counts any more. Reads the arena; changes nothing.

import type { Cpu } from '../src/core/state/cpu.ts';
import type { Engine } from '../src/core/machine/engine.ts';
import { MODE_KEY } from '../src/core/state/layout.ts';
import { B_BYTES, B_COUNT, B_HOST, NO_BLOCKS } from './interp/blocks.ts';
import { B_ARMED, B_COMPILED, B_HEAT } from './interp/tier-above.ts';
import { CompilingEngine } from './tiering.ts';

export interface BlockHeat {
  /** Address of its first instruction in memory. */
  readonly physical: number;
  readonly instructions: number;
  readonly bytes: number;
  /** By the interpreter, since it was decoded. */
  readonly entries: number;
  readonly isCompiled: boolean;
}

function heatOf(engine: CompilingEngine, cpu: Cpu, block: number): BlockHeat {
  const { code } = engine.blocks;
  return {
    physical: code[block + B_HOST] - cpu.ramBase,
    instructions: code[block + B_COUNT],
    bytes: code[block + B_BYTES],
    entries: Math.max(0, code[block + B_ARMED] - code[block + B_HEAT]),
    isCompiled: code[block + B_COMPILED] !== 0,
  };
}

/** The hottest blocks of the processor's mode; null: this engine counts nothing. */
export function hottestBlocks(engine: Engine, cpu: Cpu, count: number): BlockHeat[] | null {
  if (!(engine instanceof CompilingEngine)) return null;
  const found: BlockHeat[] = [];
  for (const table of engine.blocks.tablesOf(cpu.m32[MODE_KEY])) {
    if (table === NO_BLOCKS) continue;
    for (const block of table) if (block > 0) found.push(heatOf(engine, cpu, block));
  }
  return found.sort((a, b) => b.entries - a.entries || a.physical - b.physical).slice(0, count);
}

/** The block that begins at a place in memory; null: there is none, or this engine counts nothing. */
export function blockHeat(engine: Engine, cpu: Cpu, physical: number): BlockHeat | null {
  if (!(engine instanceof CompilingEngine)) return null;
  const block = engine.blocks.find(physical + cpu.ramBase, cpu.m32[MODE_KEY]);
  return block === 0 ? null : heatOf(engine, cpu, block);
}
