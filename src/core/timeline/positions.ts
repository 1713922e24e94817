/**
 * Positions as people write them, and the ways to them:
 *
 *   1234567  1_234_567  1234567/1   a tick; after the first interrupt or exception that comes at it
 *   start  end  now  +100  -100     relative to here, in ticks
 *   12.5%                           of the run
 *   event:N  input:N                tick of the N-th event or input of the log, from 0
 *   serial:"text"  serial1:"text"   just after that text was sent, the first time; `#3` behind it: the third time
 *   reset                           after the next reset from here
 *   irq:20h  fault:14  nmi          before the next interrupt of this vector, exception, NMI from here
 *   irq  fault                      the same, of any vector
 *   eax == 5 && [esp] > 7           before the next instruction from here at which that holds (expression.ts)
 *   mark:NAME                       a bookmark
 *
 * What cannot be reached is a PositionError that says what there is instead; nothing has moved then, but for the
 * searches, which end where they end.
 */
import { inLine } from '../base/excerpt.ts';
import { compileCondition, type Condition, dependsOnState, ExpressionError } from './expression.ts';
import type { MistakePlace, SymbolLookup } from './expression.ts';
import { logEvents } from '../log/log.ts';
import type { Position } from './lookout.ts';
import type { Stop, Timeline, Way } from './timeline.ts';

export class PositionError extends Error {
  override readonly name = 'PositionError';
  /** As of an ExpressionError. */
  readonly place: MistakePlace | null;
  readonly isUnknownName: boolean;
  constructor(message: string, place: MistakePlace | null = null, isUnknownName = false) {
    super(message);
    this.place = place;
    this.isUnknownName = isUnknownName;
  }
}

export type PositionQuery =
  | { readonly kind: 'absolute'; readonly position: Position }
  | { readonly kind: 'relative'; readonly ticks: number }
  | { readonly kind: 'part'; readonly percent: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'event'; readonly number: number; readonly isInput: boolean }
  | { readonly kind: 'serial'; readonly line: number; readonly text: string; readonly occurrence: number }
  | { readonly kind: 'delivery'; readonly what: string; readonly vector: number | null }
  | { readonly kind: 'mark'; readonly name: string }
  | { readonly kind: 'condition'; readonly text: string; readonly condition: Condition };

const EXAMPLES =
  'a position is a tick (1234567), a percentage (50%), start, end, +N, -N, event:N, serial:"text", reset, ' +
  'irq:N, fault:N, mark:NAME or a condition such as eax == 5';

function numberOf(text: string): number {
  const plain = text.replaceAll('_', '');
  const value = /h$/i.test(plain) ? Number.parseInt(plain, 16) : Number(plain);
  if (plain === '' || !Number.isSafeInteger(value))
    throw new PositionError(`"${text}" is no whole number: ${EXAMPLES}.`);
  return value;
}

/** What a text asks for; throws PositionError. Looks at no machine. */
export function parsePosition(text: string, symbols?: SymbolLookup): PositionQuery {
  const trimmed = text.trim();
  const tick = /^(0x[0-9a-f_]+|\d[\d_]*)(?:\/(\d{1,6}))?$/i.exec(trimmed);
  if (tick !== null) {
    return { kind: 'absolute', position: { tick: numberOf(tick[1]), seq: Number(tick[2] ?? 0) } };
  }
  const relative = /^([+-])\s*(0x[0-9a-f_]+|\d[\d_]*)$/i.exec(trimmed);
  if (relative !== null) {
    const ticks = numberOf(relative[2]);
    return { kind: 'relative', ticks: relative[1] === '-' ? -ticks : ticks };
  }
  const part = /^(\d+(?:\.\d+)?)\s*%$/.exec(trimmed);
  if (part !== null) {
    const percent = Number(part[1]);
    if (percent > 100) throw new PositionError(`${trimmed} is beyond the end of the run, which is 100%.`);
    return { kind: 'part', percent };
  }
  if (trimmed === 'start') return { kind: 'absolute', position: { tick: 0, seq: 0 } };
  if (trimmed === 'end') return { kind: 'end' };
  if (trimmed === 'now') return { kind: 'relative', ticks: 0 };
  if (trimmed === 'reset') return { kind: 'delivery', what: 'reset', vector: null };
  if (trimmed === 'nmi' || trimmed === 'fault') return { kind: 'delivery', what: trimmed, vector: null };
  if (trimmed === 'irq') return { kind: 'delivery', what: 'interrupt', vector: null };
  const named = /^([a-z]+)(\d?):(.*)$/is.exec(trimmed);
  if (named !== null) return parseNamed(named[1].toLowerCase(), named[2], named[3].trim());
  if (trimmed === '') throw new PositionError(`The position is empty: ${EXAMPLES}.`);
  try {
    const condition = compileCondition(trimmed, symbols);
    if (dependsOnState(trimmed)) return { kind: 'condition', text: trimmed, condition };
    const advice = `seek eip == ${trimmed} goes to where it runs next`;
    throw new PositionError(`"${trimmed}" is a number or an address, no moment: ${advice}, and ${EXAMPLES}.`);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new PositionError(
      `"${inLine(trimmed)}" is no position, ${error.message}: ${EXAMPLES}.`,
      error.place,
      error.isUnknownName,
    );
  }
}

function parseNamed(name: string, digit: string, rest: string): PositionQuery {
  switch (name) {
    case 'event':
    case 'input':
      return { kind: 'event', number: numberOf(rest), isInput: name === 'input' };
    case 'irq':
    case 'fault': {
      const vector = numberOf(rest);
      if (vector < 0 || vector > 255) throw new PositionError(`${name}:${rest} is no vector, which is 0 to 255.`);
      return { kind: 'delivery', what: name === 'irq' ? 'interrupt' : 'fault', vector };
    }
    case 'serial': {
      const match = /^"((?:[^"\\]|\\.)*)"(?:#(\d+))?$/s.exec(rest) ?? /^([^"]+?)(?:#(\d+))?$/s.exec(rest);
      const line = digit === '' ? 0 : Number(digit);
      const occurrence = Number(match?.[2] ?? 1);
      if (match === null || line > 3 || occurrence < 1) {
        throw new PositionError(
          `serial${digit}:${rest} is not understood: write serial:"text", serial1:"text" or serial:"text"#2.`,
        );
      }
      return { kind: 'serial', line, text: unescapeText(match[1]), occurrence };
    }
    case 'mark':
      return { kind: 'mark', name: rest };
    default:
      throw new PositionError(`There are no positions of the kind "${name}": ${EXAMPLES}.`);
  }
}

function unescapeText(text: string): string {
  return text.replace(/\\(n|r|t|x[0-9a-f]{2}|.)/gis, (_all, code: string) => {
    if (code === 'n') return '\n';
    if (code === 'r') return '\r';
    if (code === 't') return '\t';
    return /^x../i.test(code) ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : code;
  });
}

/** So many percent of a run. */
export function tickOfPart(startTick: number, endTick: number, percent: number): number {
  return startTick + Math.floor(((endTick - startTick) * percent) / 100);
}

/** Goes there. Throws PositionError when the run has no such position. */
export function* goTo(
  timeline: Timeline,
  query: PositionQuery,
  markOf: (name: string) => Position | undefined = () => undefined,
): Way<Stop> {
  const { endTick } = timeline;
  switch (query.kind) {
    case 'absolute': {
      const { tick } = query.position;
      // `start` is tick 0, wherever the run begins.
      if (tick > 0 && tick < timeline.startTick) {
        throw new PositionError(`Tick ${tick} is before the snapshot that the run begins at, ${timeline.startTick}.`);
      }
      if (tick > endTick)
        throw new PositionError(`Tick ${tick} is beyond the end of the run, which is at tick ${endTick}.`);
      return yield* timeline.seek(query.position);
    }
    case 'relative': {
      const here = timeline.position;
      if (query.ticks === 0) return yield* timeline.seek(here);
      if (query.ticks < 0) return yield* timeline.stepBack(-query.ticks);
      return yield* timeline.step(query.ticks);
    }
    case 'part':
      return yield* timeline.seek({ tick: tickOfPart(timeline.startTick, endTick, query.percent), seq: 0 });
    case 'end':
      return yield* timeline.seek({ tick: endTick, seq: 0 });
    case 'event':
      return yield* timeline.seek({ tick: eventTick(timeline, query.number, query.isInput), seq: 0 });
    case 'serial':
      return yield* goToText(timeline, query);
    case 'delivery': {
      const { what, vector } = query;
      const here = timeline.position;
      const stop = yield* timeline.continueToDelivery(
        (kind, delivered) => kind === what && (vector === null || vector === delivered),
      );
      if (stop.kind === 'delivery') return stop;
      yield* timeline.seek(here);
      const name = vector === null ? what : `${what} ${vector} (0x${vector.toString(16)})`;
      throw new PositionError(`No ${name} comes after tick ${here.tick}: seek start first to search the whole run.`);
    }
    case 'mark': {
      const position = markOf(query.name);
      if (position === undefined) throw new PositionError(`There is no bookmark "${query.name}".`);
      return yield* timeline.seek(position);
    }
    case 'condition': {
      const here = timeline.position;
      const stop = yield* timeline.continueToCondition(query.condition);
      if (stop.kind === 'condition') return stop;
      yield* timeline.seek(here);
      throw new PositionError(
        `${query.text} never holds after tick ${here.tick}: seek start first to search the whole run.`,
      );
    }
  }
}

function eventTick(timeline: Timeline, number: number, isInput: boolean): number {
  let count = 0;
  for (const event of logEvents(timeline.log, isInput ? { class: 'input' } : {})) {
    if (count++ === number) return event.tick;
  }
  throw new PositionError(
    `The log has ${count} ${isInput ? 'inputs' : 'events'}, numbered from 0: there is no ${number}.`,
  );
}

/** The bytes that a text in a position means: one a character. */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function* goToText(
  timeline: Timeline,
  { line, text, occurrence }: Extract<PositionQuery, { kind: 'serial' }>,
): Way<Stop> {
  const wanted = bytesOfText(text);
  const here = timeline.position;
  const tick = yield* timeline.searchText(line, wanted).nth(occurrence);
  // Sent by the instruction of that tick, or by a timer due at it.
  if (tick >= 0) return yield* timeline.seek({ tick: tick + 1, seq: 0 });
  yield* timeline.seek(here);
  const times = occurrence === 1 ? '' : ` ${occurrence} times`;
  throw new PositionError(`The guest never sends ${JSON.stringify(text)}${times} on serial line ${line}.`);
}

export function describePosition({ tick, seq }: Position): string {
  return seq === 0 ? `${tick}` : `${tick}/${seq}`;
}
