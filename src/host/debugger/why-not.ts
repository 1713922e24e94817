// The command `why-not`: the last branches that could have led to an address and did not. Which code there is, symbols
// say where they can; what lies around the address is looked through otherwise.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import { CodeMap } from '../../core/timeline/provenance/code-map.ts';
import { type Turning, type WhyNot, whyNot } from '../../core/timeline/provenance/why-not.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { askedOf } from './origin.ts';
import { originBrief, originData, stepData } from './origin-lines.ts';
import { stepText } from './origin-text.ts';
import { addressesOfLine } from './source.ts';
import { hex } from './views.ts';

/** So much code around the address is looked through. */
const AROUND_BYTES = 1 << 17;
/** Without symbols a sweep falls into step within some instructions: it begins so far before. */
const STEP_IN_BYTES = 64;

function addressOf(debug: Debugger, rest: string): number {
  if (rest === '')
    throw new DebuggerError('Which code? Give an address, a symbol or FILE:LINE, such as why-not panic.');
  const lines = addressesOfLine(debug, rest);
  return lines === null ? debug.evaluate(rest) >>> 0 : lines[0].from;
}

/** The code that is mapped around an address. */
function mapAround(debug: Debugger, address: number): CodeMap {
  const { cpu } = debug.timeline.machine;
  const isMapped = (at: number): boolean => {
    const physical = peekPhysical(cpu, at);
    return physical >= 0 && cpu.space.peekPage(physical) >= 0;
  };
  if (!isMapped(address)) {
    throw new DebuggerError(`No memory is mapped at ${hex(address)} now: seek a moment when it is.`);
  }
  const page = address - (address % PAGE_BYTES);
  let from = page;
  while (from > 0 && page - from < AROUND_BYTES && isMapped(from - PAGE_BYTES)) from -= PAGE_BYTES;
  let to = page + PAGE_BYTES;
  while (to < 2 ** 32 && to - page < AROUND_BYTES && isMapped(to)) to += PAGE_BYTES;
  const starts = debug.symbols.functionsIn(from, to).map(({ address: start }) => start);
  const known = [...new Set([...starts, address])].sort((a, b) => a - b);
  const map = new CodeMap();
  map.sweep(cpu, known.length > 1 ? from : Math.max(from, address - STEP_IN_BYTES * 64), to, known);
  return map;
}

function* run(debug: Debugger, rest: string): Way<Output> {
  const { timeline } = debug;
  const from = timeline.position;
  const address = addressOf(debug, rest);
  const map = mapAround(debug, address);
  try {
    const found = yield* whyNot(askedOf(debug).origins, map, address, from);
    return { text: textOf(debug, found), data: dataOf(debug, found) };
  } finally {
    for (const back = timeline.seek(from); back.next().done !== true; ) {
      // Always back, whatever happened.
    }
  }
}

const named = (debug: Debugger, address: number): string => {
  const name = debug.symbols.describe(address);
  return `${hex(address)}${name === '' ? '' : ` <${name}>`}`;
};

function turningLines(debug: Debugger, { branch, isTaken, towards, test, inputs }: Turning): string[] {
  const lines = [
    `tick ${describePosition(branch.position)}  ${stepText(debug, branch)}  was ${isTaken ? '' : 'not '}taken: ` +
      `the other way is ${named(debug, towards)}`,
  ];
  if (test !== null) lines.push(`    tested by ${stepText(debug, test)} at tick ${describePosition(test.position)}`);
  for (const input of inputs) lines.push(`    ${originBrief(debug, input)}`);
  return lines;
}

function textOf(debug: Debugger, { address, ranLast, turnings, dead }: WhyNot): string {
  const ran = ranLast === null ? 'has not run before here' : `ran last at tick ${describePosition(ranLast)}`;
  const lines = [`${named(debug, address)} ${ran}`];
  for (const turning of turnings) lines.push(...turningLines(debug, turning));
  if (turnings.length === 0) {
    lines.push('no branch that has run before here leads there');
    const entered = dead.map((each) => named(debug, each)).slice(0, 4);
    if (entered.length > 0) {
      lines.push(
        `nothing leads directly to ${entered.join(', ')}: entered by a pointer, an interrupt, or from elsewhere`,
      );
    }
  }
  return lines.join('\n');
}

function dataOf(debug: Debugger, { address, ranLast, turnings, dead }: WhyNot) {
  return {
    address,
    symbol: debug.symbols.describe(address),
    ranLast,
    turnings: turnings.map(({ branch, condition, isTaken, towards, test, inputs }) => ({
      branch: stepData(debug, branch),
      condition,
      isTaken,
      towards,
      test: test === null ? null : stepData(debug, test),
      inputs: inputs.map((input) => originData(debug, input)),
    })),
    dead,
  };
}

export const WHY_NOT: Command = {
  names: ['why-not', 'wn'],
  usage: 'ADDRESS|FILE:LINE',
  summary: 'the last branches that could have led there and did not',
  details:
    'For each branch: which way it went, what tested the values, and where they came from. Branches that lead there ' +
    'by direct jumps and calls are known; what is entered by a pointer is said to be.',
  group: 'ask',
  completes: ['symbol'],
  run,
};
