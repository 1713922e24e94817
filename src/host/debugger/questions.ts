// Questions that need the whole recording: who wrote this, who called this, what changed between two moments, where
// and when were these bytes. Those that travel come back to where they were asked.

import { describePosition } from '../../core/timeline/positions.ts';
import type { Position } from '../../core/timeline/lookout.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import { peekNumber, peekPhysical } from '../../core/memory/peek.ts';
import { RAM_BASE } from '../../core/state/layout.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { LinearPlaces } from './places.ts';
import { deviceStates, hex, hexValue, linearEip, registers, stackSlots } from './views.ts';

/** What stands at a position: needs to go there, and comes back. */
function* sightOf(debug: Debugger, position: Position): Way<{ eip: number; symbol: string; line: string }> {
  const { timeline } = debug;
  const from = timeline.position;
  yield* timeline.seek(position);
  const eip = linearEip(timeline.machine.cpu);
  const sight = { eip, symbol: debug.symbols.describe(eip), line: debug.here() };
  yield* timeline.seek(from);
  return sight;
}

const valueText = (value: number | null): string => (value === null ? 'not mapped' : hexValue(value));

/** What to type to be there. */
const wayTo = (position: Position): string => `to go there: seek ${describePosition(position)}`;

function* writerOf(debug: Debugger, linear: number, sizeBytes: number): Way<Output> {
  const { timeline } = debug;
  const { cpu, space } = timeline.machine;
  const physical = peekPhysical(cpu, linear);
  if (physical < 0 || space.hostPage(physical) < 0) {
    throw new DebuggerError(`No memory is mapped at ${hex(linear)} now: seek a moment when it is.`);
  }
  const stop = yield* timeline.lastWrite(physical, sizeBytes);
  const value = peekNumber(cpu, linear, sizeBytes === 2 || sizeBytes === 1 ? sizeBytes : 4);
  if (stop === null) {
    return {
      text: `nothing has written there: the boot loader left it so (${valueText(value)})`,
      data: null,
    };
  }
  const sight = yield* sightOf(debug, stop.position);
  const text =
    `${debug.describe(stop.position)}: the last write before here to ${hex(linear)}, value now ${valueText(value)}\n` +
    `${sight.line}\n${wayTo(stop.position)}`;
  return { text, data: { ...stop.position, eip: sight.eip, symbol: sight.symbol, physical, value } };
}

function* lastWrite(debug: Debugger, rest: string): Way<Output> {
  const match = /^(.+?)(?:\s+([1-9]\d{0,2}))?$/s.exec(rest);
  if (match === null) throw new DebuggerError('Which memory? Give an address, such as last-write esp.');
  return yield* writerOf(debug, debug.evaluate(match[1]), Number(match[2] ?? 4));
}

const RETURN_SEARCH_WORDS = 256;

function* whoCalled(debug: Debugger): Way<Output> {
  const slot = stackSlots(debug.timeline.machine.cpu, RETURN_SEARCH_WORDS).find(({ isReturn }) => isReturn);
  if (slot === undefined) throw new DebuggerError('No return address is on the stack here.');
  const written = yield* writerOf(debug, slot.address, 4);
  const to = debug.symbols.describe(slot.value);
  const name = to === '' ? '' : ` <${to}>`;
  const text = `returns to ${hex(slot.value)}${name} (the word at ${hex(slot.address)}), called at\n${written.text}`;
  return { text, data: { slot, call: written.data } };
}

interface Scene {
  readonly position: Position;
  readonly registers: Record<string, number>;
  readonly devices: ReadonlyMap<string, string>;
  readonly ram: Uint8Array;
}

function* sceneAt(debug: Debugger, place: string): Way<Scene> {
  yield* debug.go(place);
  const { machine, position } = debug.timeline;
  const { cpu } = machine;
  const devices = new Map(deviceStates(machine, '').map(({ name, state }) => [name, JSON.stringify(state)]));
  return {
    position,
    registers: registers(cpu),
    devices,
    ram: cpu.memory.m8.slice(RAM_BASE, RAM_BASE + cpu.memory.ramBytes),
  };
}

const RANGES_MAX = 200;
/** Equal bytes between two changed ones that still make one range. */
const RANGE_GAP_BYTES = 8;

function changedRanges(a: Uint8Array, b: Uint8Array): { address: number; length: number }[] {
  const ranges: { address: number; length: number }[] = [];
  const [wordsA, wordsB] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  for (let word = 0; word < wordsA.length; word++) {
    if (wordsA[word] === wordsB[word]) continue;
    for (let at = word * 4; at < word * 4 + 4; at++) {
      if (a[at] === b[at]) continue;
      const last = ranges.at(-1);
      if (last !== undefined && at - (last.address + last.length) <= RANGE_GAP_BYTES)
        last.length = at + 1 - last.address;
      else ranges.push({ address: at, length: 1 });
    }
  }
  return ranges;
}

/** Two positions: halves of the words, or separated by a comma. */
function splitPlaces(rest: string): [string, string] {
  const parts = rest.includes(',') ? rest.split(',') : rest.split(/\s+(?=\S+$)/);
  if (parts.length !== 2 || parts.some((part) => part.trim() === '')) {
    throw new DebuggerError('diff wants two positions, such as diff 1000 2000 or diff now, serial:"panic".');
  }
  return [parts[0].trim(), parts[1].trim()];
}

function* diff(debug: Debugger, rest: string): Way<Output> {
  const [first, second] = splitPlaces(rest);
  const { timeline } = debug;
  const from = timeline.position;
  try {
    const a = yield* sceneAt(debug, first);
    yield* timeline.seek(from);
    const b = yield* sceneAt(debug, second);
    const changed = Object.keys(a.registers).filter((name) => a.registers[name] !== b.registers[name]);
    const devices = [...a.devices.keys()].filter((name) => a.devices.get(name) !== b.devices.get(name));
    const memory = changedRanges(a.ram, b.ram);
    const places = new LinearPlaces(timeline.machine.cpu);
    const bytes = (ram: Uint8Array, at: number): string =>
      [...ram.subarray(at, at + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const lines = [
      `from ${debug.describe(a.position)} to ${debug.describe(b.position)}`,
      ...changed.map((name) => `${name.padEnd(8)} ${hex(a.registers[name])} -> ${hex(b.registers[name])}`),
      `devices changed: ${devices.length === 0 ? 'none' : devices.join(', ')}`,
      `memory changed: ${memory.length} ranges, ${memory.reduce((sum, { length }) => sum + length, 0)} bytes`,
      ...memory
        .slice(0, RANGES_MAX)
        .map(
          ({ address, length }) =>
            `${places.describe(address).padEnd(10)} ${String(length).padStart(6)}  ` +
            `${bytes(a.ram, address)} -> ${bytes(b.ram, address)}`,
        ),
      ...(memory.length > RANGES_MAX ? [`… and ${memory.length - RANGES_MAX} more`] : []),
    ];
    const data = {
      from: a.position,
      to: b.position,
      registers: changed.map((name) => ({ name, from: a.registers[name], to: b.registers[name] })),
      devices,
      memory,
    };
    return { text: lines.join('\n'), data };
  } finally {
    for (const back = timeline.seek(from); back.next().done !== true; ) {
      // Always back, whatever happened.
    }
  }
}

function patternOf(text: string): Buffer {
  const quoted = /^"(.*)"$/s.exec(text);
  if (quoted !== null && quoted[1] !== '') return Buffer.from(quoted[1], 'latin1');
  const digits = text.replace(/\s|0x/g, '');
  if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    throw new DebuggerError('find wants bytes, such as find "text" or find 90 90 c3.');
  }
  return Buffer.from(digits, 'hex');
}

const FOUND_MAX = 32;
/** For so many of the places it is told when the bytes came there. */
const DATED_MAX = 4;

/** Now in memory (and since when), else at which checkpoints. */
function* find(debug: Debugger, rest: string): Way<Output> {
  const pattern = patternOf(rest);
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const ram = Buffer.from(cpu.memory.m8.buffer, RAM_BASE, cpu.memory.ramBytes);
  const places: { physical: number; linear: number | null; since: Position | null }[] = [];
  const lines: string[] = [];
  for (let at = ram.indexOf(pattern); at >= 0 && places.length < FOUND_MAX; at = ram.indexOf(pattern, at + 1)) {
    places.push({ physical: at, linear: null, since: null });
  }
  const linear = new LinearPlaces(cpu);
  for (const [i, place] of places.entries()) {
    const seen = linear.linearOf(place.physical);
    place.linear = seen;
    const name = seen === null ? '' : debug.symbols.describe(seen);
    const text = `${linear.describe(place.physical)}${name === '' ? '' : ` <${name}>`}`;
    const look = `${seen === null ? 'xp' : 'x'} ${hexValue(seen ?? place.physical)}`;
    if (i >= DATED_MAX) {
      lines.push(`${text}  look: ${look}`);
      continue;
    }
    const stop = yield* timeline.lastWrite(place.physical, pattern.length);
    place.since = stop?.position ?? null;
    const since = stop === null ? 'since the boot' : `since tick ${describePosition(stop.position)}`;
    const way = stop === null ? '' : `, go there: seek ${describePosition(stop.position)}`;
    lines.push(`${text}  ${since}; look: ${look}${way}`);
  }
  if (places.length > 0) return { text: lines.join('\n'), data: { now: places, checkpoints: [] } };
  const ticks = timeline.checkpoints.ticksHolding((page) =>
    Buffer.from(page.buffer, page.byteOffset, page.length).includes(pattern),
  );
  const text =
    ticks.length === 0
      ? 'not in memory now, nor at any checkpoint'
      : `not in memory now; it was at the checkpoints of the ticks ${ticks.join(' ')}: seek ${ticks[0]}, find again`;
  return { text, data: { now: [], checkpoints: ticks } };
}

function bookmark(debug: Debugger, rest: string): Output {
  const [name] = rest.split(/\s+/, 1);
  if (name === undefined || name === '') return listBookmarks(debug);
  const note = rest.slice(name.length).trim();
  debug.setBookmark(name, note, debug.timeline.position);
  return {
    text: `bookmark ${name} at ${debug.describe(debug.timeline.position)}`,
    data: { name, note, ...debug.timeline.position },
  };
}

function listBookmarks(debug: Debugger): Output {
  const { bookmarks } = debug;
  const lines = bookmarks.map(({ name, note, position }) =>
    `${name.padEnd(16)} ${debug.describe(position)}  ${note}`.trimEnd(),
  );
  return { text: lines.length === 0 ? 'none' : lines.join('\n'), data: bookmarks };
}

export const QUESTIONS: readonly Command[] = [
  {
    names: ['last-write', 'lw'],
    usage: 'ADDRESS [BYTES]',
    summary: 'which instruction wrote this last',
    group: 'ask',
    completes: ['symbol'],
    run: lastWrite,
  },
  { names: ['who-called', 'wc'], usage: '', summary: 'the call that led here, and when', group: 'ask', run: whoCalled },
  {
    names: ['diff'],
    usage: 'POSITION POSITION',
    summary: 'what changed between two moments',
    group: 'ask',
    completes: ['position', 'bookmark'],
    run: diff,
  },
  { names: ['find'], usage: '"TEXT"|HEX', summary: 'where in memory, and since when', group: 'ask', run: find },
  {
    names: ['bookmark', 'bm'],
    usage: '[NAME [NOTE]]',
    summary: 'name this moment, in the log; without a name: list them',
    group: 'ask',
    completes: ['bookmark'],
    run: bookmark,
  },
  {
    names: ['unbookmark'],
    usage: 'NAME',
    summary: 'take a bookmark away',
    group: 'ask',
    completes: ['bookmark'],
    run: (debug, rest) => {
      if (!debug.bookmarks.some(({ name }) => name === rest))
        throw new DebuggerError(`There is no bookmark "${rest}".`);
      debug.setBookmark(rest, '', null);
      return { text: `bookmark ${rest} is gone`, data: null };
    },
  },
];
