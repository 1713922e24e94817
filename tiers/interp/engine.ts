// The interpreter as an Engine: the reference of all engines. It runs cached blocks in hot.ts and does
// single instructions here: the rest of a slice, instructions across page ends, code in devices or ROM
// holes, code near a segment limit. Exceptions are only recorded here; the machine loop delivers them.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { VECTOR_GP, VECTOR_UD } from '../../src/core/base/vectors.ts';
import { HANDLER_TABLE } from './handlers.ts';
import { B_COUNT, BLOCK_HEADER_WORDS, BlockCache } from './blocks.ts';
import { CrossingCache } from './crossing.ts';
import { LEFT_AT_END, LEFT_IN_OTHER_MODE, LEFT_ON_REQUEST, LEFT_TO_REST, runHot, type WhyLeft } from './hot.ts';
import { NOBODY_ABOVE, type TierAbove } from './tier-above.ts';
import { warmUp } from './warm-up.ts';
import { runIfProbed } from '../../src/core/cpu/probed.ts';
import { DECODE_GP, DECODE_UD, decodeInstruction } from '../../src/core/isa/decode.ts';
import {
  INSTRUCTION_BYTES_MAX,
  META_OP_MASK,
  META_REP,
  META_REPNE,
  RECORD_WORDS,
  R_HOT,
  R_META,
  R_POSITION,
} from '../../src/core/isa/record.ts';
import { translateFetch } from '../../src/core/memory/access.ts';
import {
  CPU_BLOCK_SIZE,
  CS,
  EIP,
  EXIT_REQUEST,
  LEFT,
  MODE_CPL3,
  MODE_CS32,
  MODE_FLAT_CODE,
  MODE_KEY,
  SEG_BASE,
  SEG_LIMIT,
} from '../../src/core/state/layout.ts';
import { EXIT_FAULT, EXIT_STOP, type FetchStops, GUEST_FAULT, setFault, type Cpu } from '../../src/core/state/cpu.ts';
import type { Engine } from '../../src/core/machine/engine.ts';

const META_REPEATS = META_REP | META_REPNE;

export class Interpreter implements Engine {
  readonly name = 'interp';
  readonly blocks: BlockCache;
  /** One record for instructions that live in no block. */
  private readonly scratch = new Int32Array(RECORD_WORDS);
  private readonly fetched = new Uint8Array(INSTRUCTION_BYTES_MAX);
  private readonly crossing = new CrossingCache();
  protected readonly tier: TierAbove;

  constructor(cpu: Cpu, blocks: BlockCache = new BlockCache(cpu), tier: TierAbove = NOBODY_ABOVE) {
    warmUp((other, ownBlocks, above) => new Interpreter(other, ownBlocks, above));
    this.blocks = blocks;
    this.tier = tier;
  }

  drop(): void {
    this.blocks.dropAll();
    this.crossing.drop();
  }

  run(cpu: Cpu): void {
    const { m32 } = cpu;
    do this.runOn(cpu);
    while (m32[LEFT] > 0 && m32[EXIT_REQUEST] !== 0 && cpu.loop.goOn());
  }

  /** Until the slice is used up or something is requested. */
  private runOn(cpu: Cpu): void {
    const { m32 } = cpu;
    const code = this.blocks.code;
    let isStuck = false;
    try {
      if (cpu.fetchStops?.isEverywhere === true) {
        this.runLooking(cpu, cpu.fetchStops);
        return;
      }
      while (m32[LEFT] > 0 && m32[EXIT_REQUEST] === 0) {
        const before = m32[LEFT];
        const why = this.runInner(cpu);
        if (why === LEFT_AT_END || why === LEFT_ON_REQUEST) return;
        if (why === LEFT_TO_REST) this.tier.rest();
        if (why === LEFT_TO_REST || why === LEFT_IN_OTHER_MODE) continue;
        const stops = cpu.fetchStops;
        let isLookedAt = false;
        if (stops !== null) {
          const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
          isLookedAt = stops.looksAt(linear, m32[MODE_KEY]);
          if (isLookedAt && stops.reached(linear)) {
            m32[EXIT_REQUEST] |= EXIT_STOP;
            return;
          }
        }
        const block = this.lookup(cpu);
        if ((m32[EXIT_REQUEST] & EXIT_FAULT) !== 0) return;
        if (isLookedAt && (block === 0 || (code[block + BLOCK_HEADER_WORDS + R_META] & META_REPEATS) !== 0)) {
          this.shortenSlice(cpu);
        }
        if (block === 0) this.stepAlone(cpu);
        else if (isLookedAt) this.stepBlock(cpu, code, block + BLOCK_HEADER_WORDS, 1);
        // Longer than the rest of the slice, or the loop got nowhere though all it needs is there: each instruction by
        // its handler. When block or translation were missing it gets another try.
        else if (code[block + B_COUNT] > m32[LEFT] || (m32[LEFT] === before && isStuck)) {
          this.stepBlock(cpu, code, block + BLOCK_HEADER_WORDS, Math.min(code[block + B_COUNT], m32[LEFT]));
        } else {
          isStuck = m32[LEFT] === before;
          continue;
        }
        isStuck = false;
      }
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      m32[LEFT] -= cpu.extraTicks;
      cpu.extraTicks = 0;
    }
  }

  /** The same where a debugger looks before every instruction: along blocks, by handlers, without the inner loop. */
  private runLooking(cpu: Cpu, stops: FetchStops): void {
    const { m32 } = cpu;
    const code = this.blocks.code;
    while (m32[LEFT] > 0 && m32[EXIT_REQUEST] === 0) {
      const mode = m32[MODE_KEY];
      const base = m32[SEG_BASE + CS];
      if (stops.reached((m32[EIP] + base) | 0)) {
        m32[EXIT_REQUEST] |= EXIT_STOP;
        return;
      }
      const block = this.lookup(cpu);
      if ((m32[EXIT_REQUEST] & EXIT_FAULT) !== 0) return;
      if (block === 0) {
        this.shortenSlice(cpu);
        this.stepAlone(cpu);
        continue;
      }
      const end = block + BLOCK_HEADER_WORDS + code[block + B_COUNT] * RECORD_WORDS;
      for (let pc = block + BLOCK_HEADER_WORDS; ; ) {
        if ((code[pc + R_META] & META_REPEATS) !== 0) this.shortenSlice(cpu);
        const following = (m32[EIP] + (code[pc + R_POSITION] >>> 16)) | 0;
        this.execute(cpu, code, pc, following);
        pc += RECORD_WORDS;
        if (m32[LEFT] <= 0 || m32[EXIT_REQUEST] !== 0 || pc === end) break;
        if (m32[EIP] !== following || m32[MODE_KEY] !== mode || m32[SEG_BASE + CS] !== base) break;
        if (stops.reached((following + base) | 0)) {
          m32[EXIT_REQUEST] |= EXIT_STOP;
          return;
        }
      }
    }
  }

  /** Each iteration of a REP is looked at, so that it does not matter where slices end. */
  private shortenSlice(cpu: Cpu): void {
    cpu.deadlineTick -= cpu.left - 1;
    cpu.left = 1;
  }

  /** The inner loop. Here and in `execute` whoever counts listens (tiers/watch.ts). */
  protected runInner(cpu: Cpu): WhyLeft {
    return runHot(cpu, this.blocks, this.tier);
  }

  /** Block at EIP, built when missing; 0 when there is none to be had (or EXIT_FAULT: the fetch faulted). */
  private lookup(cpu: Cpu): number {
    const m32 = cpu.m32;
    const mode = m32[MODE_KEY];
    const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
    if ((mode & MODE_FLAT_CODE) === 0 && m32[EIP] >>> 0 > m32[SEG_LIMIT + CS] >>> 0) {
      setFault(cpu, VECTOR_GP, 0);
      return 0;
    }
    const host = translateFetch(cpu, linear, (mode & MODE_CPL3) !== 0);
    if (host < CPU_BLOCK_SIZE) return 0;
    let block = this.blocks.find(host, mode);
    if (block === 0) {
      if (this.crossing.find(cpu.m8, host, (mode & MODE_CS32) !== 0) >= 0) return 0;
      block = this.blocks.build(host, mode);
    }
    if (block === 0 || (mode & MODE_FLAT_CODE) !== 0) return block;
    // A block that runs past the limit is done instruction by instruction.
    const bytes = this.blocks.bytesOf(block);
    return (m32[EIP] >>> 0) + bytes - 1 > m32[SEG_LIMIT + CS] >>> 0 ? 0 : block;
  }

  /** Up to `count` instructions of a block, each by its handler. */
  private stepBlock(cpu: Cpu, code: Int32Array, first: number, count: number): void {
    const m32 = cpu.m32;
    const mode = m32[MODE_KEY];
    let pc = first;
    for (let i = 0; i < count; i++) {
      const following = (m32[EIP] + (code[pc + R_POSITION] >>> 16)) | 0;
      this.execute(cpu, code, pc, following);
      if (m32[EXIT_REQUEST] !== 0 || m32[EIP] !== following || m32[MODE_KEY] !== mode) return;
      if (m32[LEFT] <= 0) return;
      pc += RECORD_WORDS;
    }
  }

  /** One instruction by its handler, outside the inner loop. */
  protected execute(cpu: Cpu, code: Int32Array, pc: number, following: number): void {
    const { m32 } = cpu;
    cpu.nextEip = following;
    if (cpu.probes === null) HANDLER_TABLE[code[pc + R_META] & META_OP_MASK](cpu, code, pc);
    else runIfProbed(HANDLER_TABLE, cpu, code, pc);
    m32[EIP] = cpu.nextEip;
    m32[LEFT] -= 1 + cpu.extraTicks;
    cpu.extraTicks = 0;
  }

  /**
   * For compiled code that has come to a place without a function: the instruction there is done when it is known to
   * cross the end of its page; false: it is not, and nothing was done. Afterwards all is as when `run` returns.
   */
  cross(cpu: Cpu): boolean {
    const { m32 } = cpu;
    if (m32[LEFT] <= 0 || cpu.fetchStops !== null) return false;
    if ((m32[MODE_KEY] & MODE_FLAT_CODE) === 0 && m32[EIP] >>> 0 > m32[SEG_LIMIT + CS] >>> 0) return false;
    try {
      return this.stepKnown(cpu);
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      m32[LEFT] -= cpu.extraTicks;
      cpu.extraTicks = 0;
      return true;
    }
  }

  /**
   * The instruction at EIP, which lies inside the limit, where it is known to cross the end of its page, or what its
   * fetch faults with; false: nothing was done.
   */
  private stepKnown(cpu: Cpu): boolean {
    const { m8, m32 } = cpu;
    const { crossing } = this;
    const mode = m32[MODE_KEY];
    const eip = m32[EIP];
    const linear = (eip + m32[SEG_BASE + CS]) | 0;
    const isUser = (mode & MODE_CPL3) !== 0;
    const first = translateFetch(cpu, linear, isUser);
    if ((m32[EXIT_REQUEST] & EXIT_FAULT) !== 0) return true;
    if (first < CPU_BLOCK_SIZE) return false;
    const known = crossing.find(m8, first, (mode & MODE_CS32) !== 0);
    if (known < 0 || crossing.lengthOf(known) > (m32[SEG_LIMIT + CS] >>> 0) - (eip >>> 0) + 1) return false;
    const rest = translateFetch(cpu, ((linear | 0xfff) + 1) | 0, isUser);
    if ((m32[EXIT_REQUEST] & EXIT_FAULT) !== 0) return true;
    if (rest < CPU_BLOCK_SIZE || !crossing.goesOn(m8, known, rest)) return false;
    this.execute(cpu, crossing.words, known, (eip + crossing.lengthOf(known)) | 0);
    return true;
  }

  /** One instruction fetched byte by byte: crosses a page, lies in a device, or ends at the segment limit. */
  private stepAlone(cpu: Cpu): void {
    if (this.stepKnown(cpu)) return;
    const m32 = cpu.m32;
    const mode = m32[MODE_KEY];
    const eip = m32[EIP];
    const room = (m32[SEG_LIMIT + CS] >>> 0) - (eip >>> 0) + 1;
    const linear = (eip + m32[SEG_BASE + CS]) | 0;
    const bytes = this.fetched;
    const code = this.scratch;
    const isWide = (mode & MODE_CS32) !== 0;
    const isUser = (mode & MODE_CPL3) !== 0;
    const first = translateFetch(cpu, linear, isUser);
    let available = 0;
    for (;;) {
      if (available >= room) {
        setFault(cpu, VECTOR_GP, 0);
        return;
      }
      // Bytes are fetched one page at a time, so that a complete instruction never touches the next page.
      const at = (linear + available) | 0;
      const host = translateFetch(cpu, at, isUser);
      if ((m32[EXIT_REQUEST] & EXIT_FAULT) !== 0) return;
      const run = Math.min(INSTRUCTION_BYTES_MAX - available, PAGE_BYTES - (at & 0xfff), room - available);
      for (let k = 0; k < run; k++) {
        bytes[available + k] = host >= CPU_BLOCK_SIZE ? cpu.m8[host + k] : cpu.space.read(cpu.walkPhysical + k, 1);
      }
      available += run;
      const length = decodeInstruction(bytes, 0, available, isWide, code, 0);
      if (length > 0) {
        code[R_HOT] = 0;
        code[R_POSITION] = length << 16;
        const inPage = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
        if (first >= CPU_BLOCK_SIZE && length > inPage) this.crossing.enter(first, isWide, bytes, length, code);
        this.execute(cpu, code, 0, (eip + length) | 0);
        return;
      }
      if (length === DECODE_UD) {
        setFault(cpu, VECTOR_UD);
        return;
      }
      if (length === DECODE_GP || available >= INSTRUCTION_BYTES_MAX) {
        setFault(cpu, VECTOR_GP, 0);
        return;
      }
    }
  }
}
