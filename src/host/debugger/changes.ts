// The command `changes`: every value that a word, a variable, or an expression at an address had in the whole run, with
// who wrote it, as a table and in one line. Comes back to where it was asked; given up by Ctrl-C it tells what it has.

import { type Change, changesOf, valuesAt } from '../../core/timeline/provenance/changes.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import { registerPlace } from '../../core/timeline/provenance/what.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError, Interrupted } from './debugger-error.ts';
import { askAbout } from './origin.ts';
import { placeText } from './origin-text.ts';
import { sourceLine } from './source.ts';
import { sparkline } from './sparkline.ts';
import { hex, hexValue } from './views.ts';

/** More are counted and not kept, unless a limit says otherwise. */
const LIMIT_DEFAULT = 10_000;
const LIMIT_MAX = 1_000_000;
/** Of a long table the beginning and the end are shown. */
const SHOWN_MAX = 40;
const COLUMNS = 72;

interface Asked {
  readonly title: string;
  readonly way: (note: (change: Change) => boolean) => Way<number | null>;
  readonly isMemory: boolean;
}

function wayOf(debug: Debugger, rest: string): Asked {
  const { timeline } = debug;
  const start = { tick: 0, seq: 0 };
  const end = { tick: timeline.endTick, seq: 0 };
  const at = /^(.+?)\s+at\s+(.+)$/s.exec(rest);
  if (at !== null) {
    const address = debug.evaluate(at[2]) >>> 0;
    const evaluate = debug.condition(at[1]);
    const title = `${at[1]} at ${hex(address)}${nameOf(debug, address)}`;
    const isMemory = false;
    return {
      title,
      isMemory,
      way: function* (note) {
        yield* valuesAt(timeline, evaluate, address, start, end, note);
        return null;
      },
    };
  }
  if (registerPlace(rest) !== null && debug.symbols.address(rest) === undefined) {
    throw new DebuggerError(`A register changes all the time: say where it is looked at, changes ${rest} at ADDRESS.`);
  }
  const { places } = askAbout(debug, rest);
  const [place] = places;
  if (places.length !== 1 || place.space !== 'memory') {
    throw new DebuggerError(`${rest} does not lie in one stretch of memory: ask about a part of it.`);
  }
  if (place.size > 4) throw new DebuggerError(`${rest} has ${place.size} bytes: ask about up to 4 of them.`);
  return {
    title: placeText(debug, place),
    isMemory: true,
    way: (note) => changesOf(timeline, place, start, end, note),
  };
}

const nameOf = (debug: Debugger, address: number): string => {
  const name = debug.symbols.describe(address);
  return name === '' ? '' : ` <${name}>`;
};

/** `WHAT`, `WHAT limit N`. */
function takeApart(rest: string): { what: string; limit: number } {
  const match = /^(.*?)\s+limit\s+(\S+)$/s.exec(rest);
  const what = (match === null ? rest : match[1]).trim();
  if (what === '') throw new DebuggerError('Of what? Give memory or an address, such as changes balance.');
  const limit = match === null ? LIMIT_DEFAULT : Number(match[2]);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new DebuggerError(`"${match?.[2]}" is no limit: give a whole number from 1 to ${LIMIT_MAX}.`);
  }
  return { what, limit };
}

async function changes(debug: Debugger, rest: string): Promise<Output> {
  const { what, limit } = takeApart(rest);
  const asked = wayOf(debug, what);
  const { timeline } = debug;
  const from = timeline.position;
  const rows: Change[] = [];
  let isFull = false;
  let isCut = false;
  let first: number | null = null;
  const note = (change: Change): boolean => {
    isFull = rows.length === limit;
    if (!isFull) rows.push(change);
    return !isFull;
  };
  try {
    first = await debug.walk(asked.way(note), 'stay');
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    isCut = true;
  } finally {
    for (const back = timeline.seek(from); back.next().done !== true; ) {
      // Always back, whatever happened.
    }
  }
  const data = {
    what,
    first,
    isWhole: !isFull && !isCut,
    changes: rows.map(({ position, value, by, linear }) => ({
      ...position,
      value,
      by,
      address: linear,
      symbol: debug.symbols.describe(linear),
      ...placeOf(debug, linear),
    })),
  };
  return { text: textOf(debug, asked, rows, { first, isFull, isCut, limit }), data };
}

function placeOf(debug: Debugger, linear: number): { file?: string; line?: number } {
  const place = debug.source.placeAt(linear);
  return place === null ? {} : { file: place.file, line: place.line };
}

function textOf(
  debug: Debugger,
  { title, isMemory }: Asked,
  rows: readonly Change[],
  { first, isFull, isCut, limit }: { first: number | null; isFull: boolean; isCut: boolean; limit: number },
): string {
  const before = first === null ? '' : `, ${hexValue(first)} at the start`;
  const distinct = new Set(rows.map(({ value }) => value)).size;
  const lines = [`${title}: ${rows.length} ${isMemory ? 'writes' : 'times'}, ${distinct} values${before}`];
  if (rows.length > 1) {
    const values = rows.map(({ value }) => value);
    const [least, largest] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const samples = rows.map(({ position, value }) => ({ tick: position.tick, value }));
    lines.push(`${sparkline(samples, COLUMNS)}  ${hexValue(least)} to ${hexValue(largest)}`);
  }
  const row = ({ position, value, by, linear }: Change): string => {
    const who = by === 'bus master' ? 'a bus master' : `${by === 'delivery' ? 'a delivery at ' : ''}${hex(linear)}`;
    const where = by === 'bus master' ? '' : nameOf(debug, linear);
    const shown = `${describePosition(position).padStart(14)}  ${hexValue(value).padEnd(10)}  ${who}${where}`;
    return `${shown}   ${sourceLine(debug, linear)}`.trimEnd();
  };
  const half = SHOWN_MAX / 2;
  if (rows.length <= SHOWN_MAX) lines.push(...rows.map(row));
  else {
    lines.push(...rows.slice(0, half).map(row), `… ${rows.length - SHOWN_MAX} more`, ...rows.slice(-half).map(row));
  }
  if (isFull) lines.push(`There are more than ${limit}: changes … limit N takes up to ${LIMIT_MAX}.`);
  if (isCut) lines.push('Interrupted: this is what was found until then.');
  return lines.join('\n');
}

export const CHANGES: Command = {
  names: ['changes'],
  usage: 'WHAT [at ADDRESS] [limit N]',
  summary: 'every value a word had in the whole run, and who wrote it',
  details:
    'WHAT is memory (byte [x]), an address and its bytes, a symbol or a variable of up to 4 bytes. With at ADDRESS ' +
    'it is a register or any expression, looked at each time that the instruction there is about to run.',
  group: 'ask',
  completes: ['symbol'],
  run: changes,
};
