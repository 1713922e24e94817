/**
 * Where a value came from. A value is followed backwards through copies by itself (memory, the stack, strings, a pipe
 * between two processes: what is physical is the same for all), piece by piece where its bytes came different ways, to
 * what made it: an instruction that computed it from inputs, an immediate, a port, a bus master, the image that was
 * booted. Going on from an instruction's inputs is chain.ts.
 */
import { comparePositions, type Position } from '../lookout.ts';
import type { Timeline, Way } from '../timeline.ts';
import { type FlowInput, inputsOf } from './flow.ts';
import type { AddressPart } from './operands.ts';
import { joined, part, type Place, valueAt } from './place.ts';
import { deviceSource, dmaSource, editSource, portSource, type Source } from './sources.ts';
import { positionOf, type Step, type Writer, Writers } from './writers.ts';

/** A copy that a value went through. */
export interface Link {
  readonly step: Step;
  /** What it filled, and from where. */
  readonly to: Place;
  readonly from: Place;
  readonly value: number | null;
  readonly what: string;
}

/** Something that a value depends on, at a moment. */
export interface Question {
  readonly name: string;
  readonly places: readonly Place[];
  readonly position: Position;
  readonly value: number | null;
}

export type End =
  | { readonly kind: 'computed'; readonly step: Step; readonly to: Place; readonly inputs: readonly Question[] }
  | { readonly kind: 'constant'; readonly step: Step; readonly what: string; readonly value: number | null }
  | { readonly kind: 'source'; readonly step: Step | null; readonly position: Position; readonly source: Source }
  /** Nobody has written it since the machine was started; `picked`: what chose it, where it was loaded from a table. */
  | { readonly kind: 'image'; readonly place: Place; readonly picked: readonly Question[] }
  | { readonly kind: 'reset'; readonly position: Position | null }
  | {
      readonly kind: 'delivery';
      readonly position: Position;
      readonly what: string;
      readonly inputs: readonly Question[];
    }
  | { readonly kind: 'processor'; readonly step: Step; readonly what: string }
  /** Bytes that came different ways. */
  | { readonly kind: 'parts'; readonly parts: readonly { readonly from: number; readonly node: Origin }[] }
  | { readonly kind: 'unknown'; readonly what: string };

export interface Origin {
  readonly question: Question;
  /** The copies passed, the latest first. */
  readonly links: readonly Link[];
  readonly end: End;
}

interface Piece {
  /** Its first byte in the value. */
  readonly from: number;
  readonly place: Place;
  readonly position: Position;
  readonly links: readonly Link[];
  /** Of the load that it came by last. */
  readonly picked: readonly Question[];
  readonly end: End | null;
}

/** Copies that one question passes; beyond it is told where it was left. */
const LINKS_MAX = 4096;

export class Origins {
  readonly timeline: Timeline;
  readonly writers: Writers;
  private readonly known = new Map<string, Origin>();

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.writers = new Writers(timeline);
  }

  /** Answers where the machine stands, and leaves it somewhere. */
  *of(question: Question): Way<Origin> {
    const { tick, seq } = question.position;
    const key = `${tick}/${seq} ${question.places.map(({ space, at, size }) => `${space}:${at}:${size}`).join()}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const answer = yield* this.trace(question);
    this.known.set(key, answer);
    return answer;
  }

  private *trace(question: Question): Way<Origin> {
    let offset = 0;
    let pieces: Piece[] = question.places.map((place) => {
      const piece = { from: offset, place, position: question.position, links: [], picked: [], end: null };
      offset += place.size;
      return piece;
    });
    const apart = new Set<string>();
    for (let count = 0; count < LINKS_MAX; count++) {
      pieces = yield* this.merge(pieces, apart);
      const open = latest(pieces);
      if (open === null) return answerOf(question, pieces);
      const writer = yield* this.writers.before(open.place, open.position);
      const others = pieces.filter((piece) => piece !== open);
      pieces = [...others, ...(yield* this.pass(open, writer))].sort((a, b) => a.from - b.from);
      yield undefined;
    }
    const what = `followed through ${LINKS_MAX} copies and no further`;
    return answerOf(
      question,
      pieces.map((piece) => ({ ...piece, end: piece.end ?? { kind: 'unknown', what } })),
    );
  }

  /** A piece before its writer: what it was made of, and what the writer left as it was. */
  private *pass(piece: Piece, writer: Writer): Way<Piece[]> {
    const { place } = piece;
    if (writer.kind !== 'instruction') return [{ ...piece, end: this.endOf(piece, writer) }];
    const { step, flow, written } = writer;
    const { position } = step;
    const skip = place.space === 'flags' ? 0 : written.at - place.at;
    const rest: Piece[] = [];
    if (place.space !== 'flags') {
      const behind = skip + written.size;
      if (skip > 0) rest.push({ ...piece, place: part(place, 0, skip) });
      if (behind < place.size) {
        rest.push({ ...piece, from: piece.from + behind, place: part(place, behind, place.size - behind) });
      }
    }
    const { cpu } = this.timeline.machine;
    const from = piece.from + skip;
    if (flow.how === 'move' && flow.from !== null) {
      const source = part(flow.from, place.space === 'flags' ? 0 : written.at - flow.to.at, written.size);
      const link = { step, to: flow.to, from: flow.from, value: valueAt(cpu, flow.from), what: flow.what };
      const picked = flow.address.map((each) => this.questionOf(each, position));
      const links = [...piece.links, link];
      if (source.space === 'device') {
        const end = { kind: 'source', step, position, source: deviceSource(source.at) } as const;
        return [...rest, { from, place: source, position, links, picked, end }];
      }
      return [...rest, { from, place: source, position, links, picked, end: null }];
    }
    const end = yield* this.made(writer, written);
    return [...rest, { ...piece, from, place: written, end }];
  }

  /** What an instruction made that copied nothing. */
  private *made(writer: Extract<Writer, { kind: 'instruction' }>, written: Place): Way<End> {
    const { step, flow } = writer;
    const { position } = step;
    const { cpu } = this.timeline.machine;
    if (flow.how === 'computed') {
      const inputs = inputsOf(flow, written).map((input) => this.questionOf(input, position));
      return { kind: 'computed', step, to: flow.lanes === null ? flow.to : written, inputs };
    }
    if (flow.how === 'constant') {
      yield* this.timeline.seek({ tick: position.tick + 1, seq: 0 });
      const value = valueAt(cpu, written);
      return { kind: 'constant', step, what: flow.what, value };
    }
    const { port } = flow;
    const source: Source =
      port === null
        ? { kind: flow.what.includes('counter') ? 'clock' : 'processor', text: flow.what, value: null }
        : yield* portSource(this.timeline, position, port.port, port.size, written.at - flow.to.at);
    return { kind: 'source', step, position, source };
  }

  private endOf(piece: Piece, writer: Exclude<Writer, { kind: 'instruction' }>): End {
    switch (writer.kind) {
      case 'boot': {
        if (piece.place.space === 'memory') return { kind: 'image', place: piece.place, picked: piece.picked };
        return { kind: 'reset', position: writer.position };
      }
      case 'dma': {
        const { position, content, skip } = writer;
        return { kind: 'source', step: null, position, source: dmaSource(this.timeline, content, skip) };
      }
      case 'edit':
        return { kind: 'source', step: null, position: writer.position, source: editSource(writer.event) };
      case 'processor':
        return { kind: 'processor', step: writer.step, what: writer.what };
      case 'delivery': {
        const { position, what, from } = writer;
        const inputs = from === null ? [] : [this.questionOf({ name: 'the stack pointer', places: [from] }, position)];
        return { kind: 'delivery', position, what, inputs };
      }
    }
  }

  /** About an input of the instruction that the machine stands before. */
  private questionOf(input: FlowInput | AddressPart, position: Position): Question {
    const places = 'places' in input ? input.places.filter(isAskable) : [input.place];
    const [place] = places;
    const value = places.length === 1 ? valueAt(this.timeline.machine.cpu, place) : null;
    return { name: input.name, places, position, value };
  }

  /** Neighbours that have come to lie together are one again, where nobody wrote between their moments. */
  private *merge(pieces: readonly Piece[], apart: Set<string>): Way<Piece[]> {
    const merged: Piece[] = [];
    for (const piece of pieces) {
      const last = merged.at(-1);
      const both = last === undefined ? null : yield* this.together(last, piece, apart);
      if (both === null) merged.push(piece);
      else merged[merged.length - 1] = both;
    }
    return merged;
  }

  private *together(a: Piece, b: Piece, apart: Set<string>): Way<Piece | null> {
    if (a.end !== null || b.end !== null) return null;
    const place = joined(a.place, b.place);
    if (place === null) return null;
    const [first, second] = comparePositions(a.position, b.position) <= 0 ? [a, b] : [b, a];
    if (comparePositions(first.position, second.position) !== 0) {
      const key = [a, b].map((each) => `${each.place.at} ${each.position.tick}/${each.position.seq}`).join();
      if (apart.has(key)) return null;
      apart.add(key);
      const writer = yield* this.writers.before(place, second.position);
      const written = positionOf(writer);
      if (written !== null && comparePositions(written, first.position) >= 0) return null;
    }
    return { ...a, place, position: second.position, links: inOrder([...a.links, ...b.links]), picked: a.picked };
  }
}

const isAskable = ({ space, size }: Place): boolean => space === 'flags' || size > 0;

/** The open piece of the latest moment; null when all have ended. */
function latest(pieces: readonly Piece[]): Piece | null {
  let found: Piece | null = null;
  for (const piece of pieces) {
    if (piece.end !== null) continue;
    if (found === null || comparePositions(piece.position, found.position) > 0) found = piece;
  }
  return found;
}

function answerOf(question: Question, pieces: readonly Piece[]): Origin {
  const parts = pieces.map(({ from, place, position, links, end }) => {
    const asked = { name: question.name, places: [place], position, value: null };
    return {
      from,
      node: { question: asked, links, end: end ?? { kind: 'unknown', what: 'nothing is known' } } as Origin,
    };
  });
  if (parts.length === 1) return { ...parts[0].node, question };
  if (parts.length === 0) return { question, links: [], end: { kind: 'unknown', what: 'there is no such place' } };
  const whole = imageOf(parts.map(({ node }) => node));
  if (whole !== null) return { question, ...whole };
  // Pieces that one instruction made are one.
  const [{ node }] = parts;
  const { end, links } = node;
  if (end.kind === 'computed' || end.kind === 'constant') {
    const isOne = parts.every(({ node: each }) => {
      const other = each.end;
      const isMade = other.kind === 'computed' || other.kind === 'constant';
      return isMade && comparePositions(other.step.position, end.step.position) === 0;
    });
    const inputs = parts.flatMap(({ node: each }) => (each.end.kind === 'computed' ? each.end.inputs : []));
    if (isOne && inputs.length === 0) return { question, links, end };
  }
  return { question, links: [], end: { kind: 'parts', parts } };
}

/** Pieces of one stretch of the image are one, however they were brought. */
function imageOf(nodes: readonly Origin[]): Pick<Origin, 'links' | 'end'> | null {
  let place: Place | null = null;
  let picked: readonly Question[] = [];
  for (const { end } of nodes) {
    if (end.kind !== 'image') return null;
    place = place === null ? end.place : joined(place, end.place);
    if (place === null) return null;
    if (picked.length === 0) picked = end.picked;
  }
  if (place === null) return null;
  const links = nodes.flatMap((node) => node.links);
  return { links: inOrder(links), end: { kind: 'image', place, picked } };
}

/** The latest first, each once. */
function inOrder(links: readonly Link[]): Link[] {
  return [...new Set(links)].sort((x, y) => comparePositions(y.step.position, x.step.position));
}
