// Origins in lines and as plain data: where each step was, its instruction and source line, what it did, and at the end
// where the value came from. Steps that come again and again, as in a loop, are told once.

import { placeName, type Place } from '../../core/timeline/provenance/place.ts';
import type { Chain, Choice, Stale } from '../../core/timeline/provenance/chain.ts';
import type { End, Origin, Question } from '../../core/timeline/provenance/origin.ts';
import type { Step, Writer } from '../../core/timeline/provenance/writers.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import type { Debugger } from './debugger.ts';
import { placeText, type Row, rowsOf, stepText, valueText } from './origin-text.ts';
import { sourceLine } from './source.ts';

/** A loop's rows come again with other moments: so many that repeat are looked for. */
const PERIOD_MAX = 8;

function rowLines(debug: Debugger, rows: readonly Row[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < rows.length; ) {
    const { position, step, said } = rows[i];
    const when = position === null ? '' : `tick ${describePosition(position)}`;
    const place = step === null ? '' : sourceLine(debug, step.linear);
    if (step !== null) lines.push(`  ${when.padEnd(16)} ${stepText(debug, step)}${place === '' ? '' : `   ${place}`}`);
    lines.push(`  ${(step === null ? when : '').padEnd(16)}   ${said}`);
    i++;
    const { period, times } = repetition(rows, i);
    if (times < 2) continue;
    i += period * times;
    const rest = period === 1 ? 'the same' : `the last ${period} steps`;
    const last = rows[i - 1].position;
    const until = last === null ? '' : `, back to tick ${last.tick}`;
    lines.push(`  ${''.padEnd(16)} … ${rest} ${times} times more${until}`);
  }
  return lines;
}

/** How often the rows before `at` come again from there on, for the shortest stretch of them that does. */
function repetition(rows: readonly Row[], at: number): { period: number; times: number } {
  for (let period = 1; period <= Math.min(PERIOD_MAX, at); period++) {
    let length = 0;
    while (at + length < rows.length && rows[at + length].kind === rows[at + length - period].kind) length++;
    const times = Math.floor(length / period);
    if (times >= 2) return { period, times };
  }
  return { period: 1, times: 0 };
}

function writerText(debug: Debugger, writer: Writer): string {
  switch (writer.kind) {
    case 'instruction':
    case 'processor':
      return `tick ${describePosition(writer.step.position)} ${stepText(debug, writer.step)}`;
    case 'dma':
      return `a bus master at tick ${describePosition(writer.position)}`;
    case 'edit':
      return `a change from outside at tick ${describePosition(writer.position)}`;
    default:
      return writer.position === null ? 'the boot loader' : `tick ${describePosition(writer.position)}`;
  }
}

export function staleText(debug: Debugger, { load, place, by, store }: Stale): string {
  return [
    `stale: ${placeText(debug, place)} was loaded at tick ${describePosition(load.position)} by`,
    `    ${stepText(debug, load)}`,
    `  and stored over at tick ${describePosition(store.position)} by`,
    `    ${stepText(debug, store)}`,
    '  though in between there had written',
    `    ${writerText(debug, by)}`,
  ].join('\n');
}

/** An origin in one line: what was asked, the first step and the last. */
export function originBrief(debug: Debugger, answer: Origin): string {
  const rows = rowsOf(debug, answer);
  const first = rows[0];
  const last = rows.at(-1);
  const brief = (row: Row | undefined): string =>
    row === undefined
      ? 'bytes that came different ways'
      : `${row.said}${row.position === null ? '' : ` at tick ${describePosition(row.position)}`}`;
  const tail = rows.length > 1 ? `, … ${brief(last)}` : '';
  const { name, value } = answer.question;
  return `${name}${valueText(value)}: ${brief(first)}${tail}`;
}

function choiceText(debug: Debugger, { number, answer, stale }: Choice): string {
  const lines = [`  ${number}  ${originBrief(debug, answer)}`];
  return [...lines, ...stale.map((each) => staleText(debug, each).replace(/^/gm, '     '))].join('\n');
}

/** `via` is what has been chosen on the way here. */
export function chainText(debug: Debugger, chain: Chain, via: readonly number[]): string {
  const [{ question }] = chain.origins;
  const shown = question.places.map((place) => placeText(debug, place)).join(' and ');
  const title = `${shown}${valueText(question.value)} at ${debug.describe(question.position)}`;
  const rows = chain.origins.flatMap((origin) => rowsOf(debug, origin));
  const lines = [title, ...rowLines(debug, rows)];
  for (const each of chain.stale) lines.push(staleText(debug, each));
  if (chain.stop === 'limit')
    lines.push(`${chain.origins.length} steps have been gone: ask from the last one's moment.`);
  if (chain.stop !== 'fork') return lines.join('\n');
  const next = [...via, 1].join('.');
  return [
    ...lines,
    'It depends on several: which one?',
    ...chain.choices.map((choice) => choiceText(debug, choice)),
    `origin via ${next} follows the first; origin all ${question.name} shows every way, origin dot draws it.`,
  ].join('\n');
}

// --- As plain data ---------------------------------------------------------------------------------------------------

export function stepData(debug: Debugger, step: Step) {
  const place = debug.source.placeAt(step.linear);
  return {
    ...step.position,
    address: step.linear,
    symbol: debug.symbols.describe(step.linear),
    instruction: debug.disassemble(step.bytes, step.linear, step.bits).text,
    ...(place === null ? {} : { file: place.file, line: place.line }),
  };
}

function placeData(place: Place) {
  const { space, at, size, linear } = place;
  return { name: placeName(place), space, at, size, ...(linear === undefined ? {} : { linear }) };
}

const questionData = ({ name, value, places, position }: Question) => ({
  name,
  value,
  places: places.map(placeData),
  position,
});

function endData(debug: Debugger, end: End): Record<string, unknown> {
  const { kind } = end;
  switch (end.kind) {
    case 'computed':
      return { kind, step: stepData(debug, end.step), inputs: end.inputs.map(questionData) };
    case 'constant':
      return { kind, step: stepData(debug, end.step), what: end.what, value: end.value };
    case 'source': {
      const { step, position, source } = end;
      return { kind, position, source, ...(step === null ? {} : { step: stepData(debug, step) }) };
    }
    case 'image':
      return { kind, place: placeData(end.place), picked: end.picked.map(questionData) };
    case 'reset':
      return { kind, position: end.position };
    case 'delivery':
      return { kind, position: end.position, what: end.what };
    case 'processor':
      return { kind, step: stepData(debug, end.step), what: end.what };
    case 'parts':
      return { kind, parts: end.parts.map(({ from, node }) => ({ from, ...originData(debug, node) })) };
    case 'unknown':
      return { kind, what: end.what };
  }
}

export function originData(debug: Debugger, { question, links, end }: Origin): Record<string, unknown> {
  return {
    question: questionData(question),
    copies: links.map(({ step, to, from, value }) => ({
      step: stepData(debug, step),
      to: placeData(to),
      from: placeData(from),
      value,
    })),
    end: endData(debug, end),
  };
}

function staleData(debug: Debugger, { load, store, place, by }: Stale) {
  const who = by.kind === 'instruction' || by.kind === 'processor' ? stepData(debug, by.step) : by.position;
  return { load: stepData(debug, load), store: stepData(debug, store), place: placeData(place), by: who };
}

export function chainData(debug: Debugger, chain: Chain) {
  return {
    stop: chain.stop,
    origins: chain.origins.map((origin) => originData(debug, origin)),
    choices: chain.choices.map(({ number, answer, stale }) => ({
      number,
      ...originData(debug, answer),
      stale: stale.map((each) => staleData(debug, each)),
    })),
    stale: chain.stale.map((each) => staleData(debug, each)),
  };
}
