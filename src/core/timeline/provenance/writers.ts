/**
 * Who wrote a place last: an instruction and what it did (flows.ts), the delivery of an interrupt or exception, a bus
 * master, somebody who changed the run from outside, or nobody since the machine was started. Memory is found by the
 * timeline's search, which page records make short; registers by tapes.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import { instructionText } from '../../isa/describe.ts';
import type { DmaContent, InputEvent } from '../../log/events.ts';
import { logEvents } from '../../log/log.ts';
import { MODE_CPL3, MODE_CS32, MODE_KEY, SEG_BASE, SEG_SELECTOR, TR } from '../../state/layout.ts';
import { REGISTERS_32 } from '../../base/names.ts';
import { comparePositions, type Position } from '../lookout.ts';
import type { Timeline, Way } from '../timeline.ts';
import type { Flow } from './flow.ts';
import { flowsOf } from './flows.ts';
import { type Instruction, instructionHere } from './operands.ts';
import { common, memoryAt, type Place } from './place.ts';
import { Tape } from './tape.ts';
import { peekBytes } from '../../memory/peek.ts';

/** An instruction of the run, as it stood when it began. */
export interface Step {
  readonly position: Position;
  readonly linear: number;
  readonly bytes: Uint8Array;
  readonly bits: 16 | 32;
  /** The decoder's words for it. */
  readonly text: string;
}

export type Writer =
  | { readonly kind: 'instruction'; readonly step: Step; readonly flow: Flow; readonly written: Place }
  /** By the processor itself: frames, descriptors, bits of page tables. */
  | { readonly kind: 'processor'; readonly step: Step; readonly what: string }
  | { readonly kind: 'delivery'; readonly position: Position; readonly what: string; readonly from: Place | null }
  | { readonly kind: 'dma'; readonly position: Position; readonly content: DmaContent; readonly skip: number }
  | { readonly kind: 'edit'; readonly position: Position; readonly event: InputEvent }
  /** Nobody since then: null is the beginning of the run. */
  | { readonly kind: 'boot'; readonly position: Position | null };

type Edit = { readonly tick: number; readonly event: InputEvent };

export class Writers {
  readonly timeline: Timeline;
  private readonly tape: Tape;
  /** What was changed from outside, in order. */
  private edits: readonly Edit[] | null = null;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.tape = new Tape(timeline);
  }

  /** The machine stands before the writer then, where there is one. */
  *before(place: Place, before: Position): Way<Writer> {
    const writer =
      place.space === 'memory' ? yield* this.ofMemory(place, before) : yield* this.ofRegister(place, before);
    const edit = this.editBetween(place, writer, before);
    return edit === null ? writer : { kind: 'edit', position: { tick: edit.tick, seq: 0 }, event: edit.event };
  }

  /** The instruction that the machine stands before. */
  stepHere(instruction: Instruction): Step {
    const { machine, position } = this.timeline;
    const { cpu } = machine;
    const bytes = new Uint8Array(instruction.length);
    peekBytes(cpu, instruction.linear, bytes);
    const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
    return { position, linear: instruction.linear, bytes, bits, text: instructionText(instruction.code, 0) };
  }

  private *ofRegister(place: Place, before: Position): Way<Writer> {
    const { timeline } = this;
    for (const candidate of this.tape.candidates(place, before)) {
      if (candidate === undefined) {
        yield undefined;
        continue;
      }
      const { kind, position } = candidate;
      if (kind === 'reset') return { kind: 'boot', position };
      yield* timeline.seek(position);
      if (kind === 'delivery') {
        const writer = this.delivery(place, position);
        if (writer !== null) return writer;
        continue;
      }
      const instruction = instructionHere(timeline.machine.cpu);
      if (instruction === null) continue;
      const found = this.flowInto(instruction, place) ?? (yield* this.taskSwitch(instruction, place, position));
      if (found !== null) return found;
    }
    yield* timeline.seek({ tick: 0, seq: 0 });
    return { kind: 'boot', position: null };
  }

  private flowInto(instruction: Instruction, place: Place): Writer | null {
    const flows = flowsOf(this.timeline.machine.cpu, instruction);
    // Of two that fill the same bytes the later one stays.
    for (let i = flows.length - 1; i >= 0; i--) {
      const written = common(flows[i].to, place);
      if (written !== null) {
        return { kind: 'instruction', step: this.stepHere(instruction), flow: flows[i], written };
      }
    }
    return null;
  }

  /** A frame is pushed: from an outer ring onto the stack that the task state segment names. */
  private delivery(place: Place, position: Position): Writer | null {
    const { cpu } = this.timeline.machine;
    const what = 'the delivery of an interrupt or exception';
    if (place.space === 'flags') return null;
    if (place.at < 16 || place.at >= 20) return null;
    const isOuter = (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0;
    const from = isOuter ? (memoryAt(cpu, (cpu.m32[SEG_BASE + TR] + 4) >>> 0, 4)[0] ?? null) : null;
    return { kind: 'delivery', position, what, from: from ?? { space: 'register', at: 16, size: 4 } };
  }

  /** A far transfer through a task gate loads every register from a task state segment. */
  private *taskSwitch(instruction: Instruction, place: Place, position: Position): Way<Writer | null> {
    const { timeline } = this;
    const { cpu } = timeline.machine;
    if (!instruction.row.writes.task || place.space !== 'register' || place.at >= 32) return null;
    const step = this.stepHere(instruction);
    const before = cpu.m32[SEG_SELECTOR + TR];
    yield* timeline.seek({ tick: position.tick + 1, seq: 0 });
    const hasSwitched = cpu.m32[SEG_SELECTOR + TR] !== before;
    const base = cpu.m32[SEG_BASE + TR];
    yield* timeline.seek(position);
    if (!hasSwitched) return null;
    const [from] = memoryAt(cpu, (base + 0x28 + place.at) >>> 0, place.size);
    if (from === undefined) return null;
    const what = 'loaded from a task state segment';
    const flow: Flow = { to: place, how: 'move', from, inputs: [], lanes: null, address: [], port: null, what };
    return { kind: 'instruction', step, flow, written: place };
  }

  private *ofMemory(place: Place, before: Position): Way<Writer> {
    const { timeline } = this;
    const position = yield* timeline.writeBefore(place.at, place.size, before);
    if (position === null) return { kind: 'boot', position: null };
    yield* timeline.seek(position);
    const instruction = instructionHere(timeline.machine.cpu);
    const found = instruction === null ? null : this.flowInto(instruction, place);
    return found ?? (yield* this.observe(place, position, instruction));
  }

  /** Runs the moment again and looks who writes. */
  private *observe(place: Place, position: Position, instruction: Instruction | null): Way<Writer> {
    const { timeline } = this;
    const step = instruction === null ? null : this.stepHere(instruction);
    let phase: 'instruction' | 'delivery' | 'reset' | null = null;
    let what = '';
    let writer: Writer = { kind: 'boot', position };
    const pages = [place.at, place.at + place.size - 1].map((at) => Math.floor(at / PAGE_BYTES));
    yield* timeline.listen(
      { tick: position.tick + 1, seq: 0 },
      {
        pages,
        step: () => {
          phase = 'instruction';
        },
        delivered: (kind, vector) => {
          phase = kind === 'reset' ? 'reset' : 'delivery';
          what = `the delivery of ${kind} ${vector}`;
        },
        written: (at, physical, size) => {
          if (common(place, { space: 'memory', at: physical, size }) === null) return;
          if (phase === 'reset') writer = { kind: 'boot', position: at };
          else if (phase === 'delivery') writer = { kind: 'delivery', position: at, what, from: null };
          else if (phase === 'instruction' && step !== null && writer.kind !== 'dma') {
            writer = { kind: 'processor', step, what: 'written by the processor itself' };
          }
        },
        outside: (at, event) => {
          if (event.kind !== 'dma-write') return;
          const { address, content } = event;
          const length = 'bytes' in content ? content.bytes.length : content.length;
          const hit = common(place, { space: 'memory', at: address, size: length });
          if (hit !== null) writer = { kind: 'dma', position: at, content, skip: hit.at - address };
        },
      },
    );
    yield* timeline.seek(position);
    return writer;
  }

  /** The last change from outside after the writer and at or before a position. */
  private editBetween(place: Place, writer: Writer, before: Position): Edit | null {
    // A change is what somebody who was no instruction wrote at its tick.
    const after = positionOf(writer);
    const afterTick = after === null ? -1 : writer.kind === 'boot' ? after.tick - 1 : after.tick;
    const kinds = new Set(['edit-register', 'edit-memory', 'flip-bit']);
    this.edits ??= [...logEvents(this.timeline.log, { class: 'input', kinds })].flatMap((logged) =>
      logged.class === 'input' ? [{ tick: logged.tick, event: logged.event }] : [],
    );
    const between = this.edits.filter(({ tick, event }) => {
      if (comparePositions({ tick, seq: 0 }, before) > 0 || tick <= afterTick) return false;
      const edited = placeOfEdit(event);
      return edited !== null && common(edited, place) !== null;
    });
    return between.at(-1) ?? null;
  }
}

function placeOfEdit(event: InputEvent): Place | null {
  if (event.kind === 'edit-memory') return { space: 'memory', at: event.address, size: event.bytes.length };
  if (event.kind === 'flip-bit') return { space: 'memory', at: event.address, size: 1 };
  if (event.kind !== 'edit-register') return null;
  const number = (REGISTERS_32 as readonly string[]).indexOf(event.register.toLowerCase());
  return number < 0 ? null : { space: 'register', at: number * 4, size: 4 };
}

export function positionOf(writer: Writer): Position | null {
  return writer.kind === 'instruction' || writer.kind === 'processor' ? writer.step.position : writer.position;
}
