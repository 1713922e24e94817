// Shows the host engine every case of the inner loop before it compiles it. V8 compiles hot.ts once it is
// hot and treats cases that never ran as impossible: the first guest that needs one throws the compiled
// loop away, and a loop of that size takes a second to compile again. So the first interpreter of a
// process runs a little program (warm-up-source.ts) that reaches each case with small, large and negative values, on a
// processor of its own, below two tiers in turn: what is called from one place only counts as never different.
// Nothing of it can be seen by a guest. Measured on the Debian boot: see MEASUREMENTS.md.

import { OP } from '../../src/core/isa/ops.ts';
import { META_OP_MASK, R_META } from '../../src/core/isa/record.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { enterFlatMode } from '../../src/core/machine/boot/flat-mode.ts';
import { Cpu, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { EIP, ESP, HALTED } from '../../src/core/state/layout.ts';
import { BLOCK_HEADER_WORDS, BlockCache } from './blocks.ts';
import { HANDLER_TABLE } from './handlers.ts';
import { StepInterpreter } from './step.ts';
import { WARM_UP_ORIGIN, WARM_UP_PROGRAM } from './warm-up-program.ts';
import { B_COMPILED, B_HEAT, type TierAbove } from './tier-above.ts';

const MEMORY_SIZE = 1 << 20;
/** Enough for stable feedback, far too little for the host to compile anything half seen. */
const ROUNDS = 6;

let isDone = false;

/** An engine as seen here: runs from EIP. */
interface Runs {
  run(cpu: Cpu): void;
}
type MakeEngine = (cpu: Cpu, blocks: BlockCache, tier: TierAbove) => Runs;

/** The program's end, a block of one HLT, becomes hot in each round; then its function runs, which is none again. */
class End {
  readonly blocks: BlockCache;
  private readonly steps = new StepInterpreter();
  private block = 0;

  constructor(cpu: Cpu) {
    this.blocks = new BlockCache(cpu, { onBuilt: (block) => this.built(block), onDropped: () => {} });
  }

  private built(block: number): void {
    const { code } = this.blocks;
    if ((code[block + BLOCK_HEADER_WORDS + R_META] & META_OP_MASK) !== OP.HLT) return;
    this.block = block;
    code[block + B_HEAT] = 1;
  }

  compile(block: number): void {
    this.blocks.code[block + B_COMPILED] = 1;
  }

  run(cpu: Cpu): void {
    const { code } = this.blocks;
    code[this.block + B_COMPILED] = 0;
    code[this.block + B_HEAT] = 1;
    this.steps.run(cpu);
  }
}

// Two functions, so that each has closures of its own.

function withTier(end: End): TierAbove {
  return {
    functions: [() => {}, (cpu) => end.run(cpu)],
    handlers: HANDLER_TABLE,
    onHot: (block) => end.compile(block),
    rest: () => {},
  };
}

function withOtherTier(end: End): TierAbove {
  return {
    functions: [() => {}, (cpu) => end.run(cpu)],
    handlers: HANDLER_TABLE,
    onHot: (block) => end.compile(block),
    rest: () => {},
  };
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}

/**
 * Run the program once a process. `run` executes from EIP as an engine does; `makeEngine` builds it of its blocks and
 * what is above it.
 */
export function warmUp(makeEngine: MakeEngine): void {
  if (isDone) return;
  isDone = true;
  const space = new AddressSpace(new Memory(MEMORY_SIZE));
  const cpu = new Cpu(space);
  // It reads no port; an engine with a fault might, and must come as far as being compared.
  cpu.ports = { read: () => 0, write: () => {} };
  resetCpu(cpu);
  enterFlatMode(cpu, space, WARM_UP_ORIGIN, 0x1000, 0x10, 0x18);
  space.writeBytes(WARM_UP_ORIGIN, bytesOf(WARM_UP_PROGRAM));
  const engines = [withTier, withOtherTier].map((tier) => {
    const end = new End(cpu);
    return makeEngine(cpu, end.blocks, tier(end));
  });
  for (let round = 0; round < ROUNDS; round++) {
    cpu.m32[EIP] = WARM_UP_ORIGIN;
    cpu.m32[HALTED] = 0;
    cpu.m32[ESP] = 0x30000;
    for (let slice = 0; slice < 1000; slice++) {
      cpu.left = 1000;
      cpu.deadlineTick = 1000;
      cpu.exitRequest = 0;
      try {
        engines[round & 1].run(cpu);
      } catch (error) {
        if (error !== GUEST_FAULT) throw error;
      }
      if (cpu.m32[HALTED] !== 0) break;
    }
  }
}
