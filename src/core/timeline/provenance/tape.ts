/**
 * Stretches of a run, instruction by instruction, as far as the search for the last write to a register needs them:
 * where each began and which registers its row may change. A stretch is run again once and kept; what a candidate
 * really does is then asked of flows.ts at its position.
 */
import { registersWritten } from '../../isa/effects.ts';
import {
  KIND_MMX,
  KIND_REGISTER,
  KIND_XMM,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  SIZE_8,
} from '../../isa/record.ts';
import { ESP, FP_SIGNIFICAND, XMM } from '../../state/layout.ts';
import { comparePositions, type Position } from '../lookout.ts';
import type { Timeline, Way } from '../timeline.ts';
import { type Instruction, instructionAt } from './operands.ts';
import type { Place } from './place.ts';

/** Ticks of a stretch: run again in some 10 ms. Where a processor is halted most of the time they may be more. */
const STRETCH_TICKS = 1 << 12;
const STRETCH_TICKS_MAX = 1 << 22;
/** With fewer instructions than this the next stretch is twice as long; with more than it twice, half as long. */
const STRETCH_STEPS = 1 << 10;
const STRETCHES_MAX = 256;

// What an instruction may write, besides the general registers in bits 0–7.
const FLAGS = 1 << 8;
const WIDE = 1 << 9;
const OTHER = 1 << 10;
/** No instruction: an interrupt or exception has been delivered before this one, which writes ESP. */
const DELIVERY = 1 << 11;
/** No instruction: the processor has been reset. */
const RESET = 1 << 12;

export interface Candidate {
  readonly kind: 'instruction' | 'delivery' | 'reset';
  /** Before it. */
  readonly position: Position;
}

interface Stretch {
  readonly ticks: number[];
  readonly seqs: number[];
  readonly written: number[];
}

export class Tape {
  private readonly timeline: Timeline;
  /** By beginning and size, those used last at the end. */
  private readonly stretches = new Map<string, Stretch>();

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  /** What may have written a place of the processor before a position, the last one first. */
  *candidates(place: Place, before: Position): Generator<undefined | Candidate, void> {
    const wanted = maskOf(place);
    let end = before.tick + 1;
    const { startTick } = this.timeline;
    for (let size = STRETCH_TICKS; end > startTick; ) {
      const begin = Math.max(startTick, Math.floor((end - 1) / size) * size);
      const { ticks, seqs, written } = yield* this.stretch(begin, size);
      for (let i = ticks.length - 1; i >= 0; i--) {
        if ((written[i] & wanted) === 0) continue;
        const position = { tick: ticks[i], seq: seqs[i] };
        if (comparePositions(position, before) >= 0 || ticks[i] >= end) continue;
        // One that faults is there again behind its delivery.
        const hasRetired = (written[i] & (DELIVERY | RESET)) !== 0 || ticks[i + 1] !== ticks[i];
        if (!hasRetired) continue;
        yield { kind: kindOf(written[i]), position };
      }
      end = begin;
      if (ticks.length < STRETCH_STEPS) size = Math.min(size * 2, STRETCH_TICKS_MAX);
      else if (ticks.length > 2 * STRETCH_STEPS) size = Math.max(size / 2, STRETCH_TICKS);
      yield undefined;
    }
  }

  private *stretch(begin: number, size: number): Way<Stretch> {
    const key = `${begin} ${size}`;
    const known = this.stretches.get(key);
    this.stretches.delete(key);
    const found = known ?? (yield* this.record(begin, size));
    this.stretches.set(key, found);
    const [oldest] = this.stretches.keys();
    if (this.stretches.size > STRETCHES_MAX) this.stretches.delete(oldest);
    return found;
  }

  private *record(begin: number, size: number): Way<Stretch> {
    const { timeline } = this;
    const stretch: Stretch = { ticks: [], seqs: [], written: [] };
    const note = ({ tick, seq }: Position, mask: number): void => {
      stretch.ticks.push(tick);
      stretch.seqs.push(seq);
      stretch.written.push(mask);
    };
    yield* timeline.seek({ tick: begin, seq: 0 });
    const { cpu } = timeline.machine;
    let delivered: Position | null = null;
    const deliveryHere = (kind: string): void => {
      const tick = cpu.now();
      const seq = timeline.machine.deliveryTick === tick ? timeline.machine.deliveryCount : 0;
      delivered = { tick, seq };
      note(delivered, kind === 'reset' ? RESET | OTHER | WIDE | FLAGS | 0xff : DELIVERY | (1 << ESP) | FLAGS | OTHER);
    };
    yield* timeline.listen(
      { tick: (Math.floor(begin / size) + 1) * size, seq: 0 },
      {
        step: (position, linear) => {
          const instruction = instructionAt(cpu, linear);
          if (instruction !== null) note(position, writtenBy(instruction));
        },
        delivered: deliveryHere,
      },
    );
    return stretch;
  }
}

function kindOf(written: number): Candidate['kind'] {
  return (written & RESET) !== 0 ? 'reset' : (written & DELIVERY) !== 0 ? 'delivery' : 'instruction';
}

function maskOf({ space, at }: Place): number {
  if (space === 'flags') return FLAGS;
  if (at < 32) return 1 << (at >> 2);
  const isWide = (at >= FP_SIGNIFICAND * 4 && at < FP_SIGNIFICAND * 4 + 64) || (at >= XMM * 4 && at < XMM * 4 + 128);
  return isWide ? WIDE : OTHER;
}

/** General registers that an instruction may write, by its row and operands, and what else. */
function writtenBy({ code, row, meta }: Instruction): number {
  let mask = registersWritten(code, 0);
  const operand = (kindShift: number, sizeShift: number, word: number): number => {
    const kind = (meta >> kindShift) & 15;
    if (kind === KIND_XMM || kind === KIND_MMX) return WIDE;
    if (kind !== KIND_REGISTER) return 0;
    return 1 << (((meta >> sizeShift) & 7) === SIZE_8 ? word & 3 : word);
  };
  if (row.writes.a) mask |= operand(META_KIND_A_SHIFT, META_SIZE_A_SHIFT, code[R_A]);
  if (row.writes.b) mask |= operand(META_KIND_B_SHIFT, META_SIZE_B_SHIFT, code[R_B]);
  if (row.name.startsWith('F')) mask |= WIDE;
  if (row.flags.written !== '' || row.flags.undefined !== '') mask |= FLAGS;
  if (row.kind === 'system' || row.kind === 'branch') mask |= OTHER;
  // Far returns of every kind, which may change the stack.
  if (row.writes.task) mask |= FLAGS | (1 << ESP);
  return mask;
}
