// The plainest engine: fetches, decodes and executes every instruction anew, each by its row's handler. No decoded
// block, no inlined case, no heat; so it cannot have a stale block, a miscounted tick of a block or a wrong inlined
// case, and finds what is wrong in hot.ts, blocks.ts and specialise.ts. Several times slower. It shares
// the handlers and the memory layer with the interpreter and finds nothing in those.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { VECTOR_GP, VECTOR_UD } from '../../src/core/base/vectors.ts';
import { DECODE_TRUNCATED, DECODE_UD, decodeInstruction } from '../../src/core/isa/decode.ts';
import { INSTRUCTION_BYTES_MAX, META_OP_MASK, RECORD_WORDS, R_META, R_POSITION } from '../../src/core/isa/record.ts';
import { translateFetch } from '../../src/core/memory/access.ts';
import {
  CPU_BLOCK_SIZE,
  CS,
  EIP,
  MODE_CPL3,
  MODE_CS32,
  MODE_KEY,
  SEG_BASE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import { EXIT_FAULT, GUEST_FAULT, setFault, type Cpu } from '../../src/core/state/cpu.ts';
import { runIfProbed } from '../../src/core/cpu/probed.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { HANDLER_TABLE } from './handlers.ts';

export class StepInterpreter implements Engine {
  readonly name = 'step';
  private readonly record = new Int32Array(RECORD_WORDS);
  private readonly bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);

  drop(): void {}

  run(cpu: Cpu): void {
    try {
      while (cpu.left > 0 && cpu.exitRequest === 0) this.step(cpu);
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      cpu.left -= cpu.extraTicks;
      cpu.extraTicks = 0;
    }
  }

  private step(cpu: Cpu): void {
    const { m32 } = cpu;
    const { record } = this;
    const length = this.fetch(cpu);
    if (length === 0) return;
    record[R_POSITION] = length << 16;
    cpu.nextEip = (m32[EIP] + length) | 0;
    if (cpu.probes === null) HANDLER_TABLE[record[R_META] & META_OP_MASK](cpu, record, 0);
    else runIfProbed(HANDLER_TABLE, cpu, record, 0);
    m32[EIP] = cpu.nextEip;
    cpu.left -= 1 + cpu.extraTicks;
    cpu.extraTicks = 0;
  }

  /**
   * Length of the instruction now in `record`; 0 with a fault recorded. No page beyond a whole instruction is touched.
   */
  private fetch(cpu: Cpu): number {
    const { m32, m8 } = cpu;
    const { bytes, record } = this;
    const mode = m32[MODE_KEY];
    const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
    /** Bytes up to the limit of the segment; none when EIP itself is beyond it. */
    const room = (m32[SEG_LIMIT + CS] >>> 0) - (m32[EIP] >>> 0) + 1;
    for (let count = 0; count < room; ) {
      const at = (linear + count) | 0;
      const host = translateFetch(cpu, at, (mode & MODE_CPL3) !== 0);
      if ((cpu.exitRequest & EXIT_FAULT) !== 0) return 0;
      const physical = cpu.walkPhysical;
      const pageEnd = Math.min(INSTRUCTION_BYTES_MAX, room, count + PAGE_BYTES - (at & 0xfff));
      for (let k = 0; count < pageEnd; k++, count++) {
        bytes[count] = host >= CPU_BLOCK_SIZE ? m8[host + k] : cpu.space.read(physical + k, 1);
      }
      const length = decodeInstruction(bytes, 0, count, (mode & MODE_CS32) !== 0, record, 0);
      if (length > 0) return length;
      if (length === DECODE_UD) setFault(cpu, VECTOR_UD);
      else if (length !== DECODE_TRUNCATED || count >= INSTRUCTION_BYTES_MAX) setFault(cpu, VECTOR_GP, 0);
      if (length !== DECODE_TRUNCATED || count >= INSTRUCTION_BYTES_MAX) return 0;
    }
    setFault(cpu, VECTOR_GP, 0);
    return 0;
  }
}
