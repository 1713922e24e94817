// Steps of an origin in words: the place, the instruction, what it did, and at the end where the value came from. Of
// one node of a graph, or of rows that a chain is told by (origin-lines.ts). Knows no terminal and no files.

import { placeName, type Place } from '../../core/timeline/provenance/place.ts';
import type { End, Link, Origin, Question } from '../../core/timeline/provenance/origin.ts';
import type { Step } from '../../core/timeline/provenance/writers.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import type { Position } from '../../core/timeline/lookout.ts';
import type { Debugger } from './debugger.ts';
import { hex, hexValue } from './views.ts';

/** What names addresses and shows instructions. */
export type Named = Pick<Debugger, 'symbols' | 'disassemble'>;

/** One row of what is told. */
export interface Row {
  readonly position: Position | null;
  readonly step: Step | null;
  readonly said: string;
  /** Rows of one kind look the same but for their moment. */
  readonly kind: string;
}

export const valueText = (value: number | null): string => (value === null ? '' : ` = ${hexValue(value)}`);

const NEAR_BYTES = 0x1000;

/** A place with its symbol, where it has one. */
export function placeText(debug: Named, place: Place): string {
  const found = place.linear === undefined ? '' : debug.symbols.describe(place.linear);
  // A symbol far below says nothing of data.
  const name = Number(/\+(0x[0-9a-f]+)$/.exec(found)?.[1] ?? 0) < NEAR_BYTES ? found : '';
  return `${placeName(place)}${name === '' ? '' : ` <${name}>`}`;
}

export function stepText(debug: Named, step: Step): string {
  const name = debug.symbols.describe(step.linear);
  const { text } = debug.disassemble(step.bytes, step.linear, step.bits);
  return `${hex(step.linear)}${name === '' ? '' : ` <${name}>`}  ${text}`;
}

function linkRow(debug: Named, { step, to, from, value, what }: Link): Row {
  const how = what === '' ? '' : `, ${what}`;
  const said = `${placeText(debug, to)} from ${placeText(debug, from)}${valueText(value)}${how}`;
  return { position: step.position, step, said, kind: `copy ${step.linear}` };
}

const inputsText = (inputs: readonly Question[]): string =>
  inputs.map(({ name, value }) => `${name}${valueText(value)}`).join(', ');

function endRow(debug: Named, end: End): Row | null {
  switch (end.kind) {
    case 'computed': {
      const said = `${placeText(debug, end.to)} computed from ${inputsText(end.inputs)}`;
      return { position: end.step.position, step: end.step, said, kind: `computed ${end.step.linear}` };
    }
    case 'constant': {
      const said = `${end.what === '' ? 'a constant' : end.what}${valueText(end.value)}`;
      return { position: end.step.position, step: end.step, said, kind: `constant ${end.step.linear}` };
    }
    case 'source':
      return { position: end.position, step: end.step, said: end.source.text, kind: 'source' };
    case 'image': {
      const by = end.picked.length === 0 ? '' : `, picked by ${inputsText(end.picked.slice(0, 1))}`;
      const said = `${placeText(debug, end.place)}: as the image or the boot loader left it${by}`;
      return { position: null, step: null, said, kind: 'image' };
    }
    case 'reset':
      return { position: end.position, step: null, said: 'as the machine was started', kind: 'reset' };
    case 'delivery':
      return { position: end.position, step: null, said: end.what, kind: 'delivery' };
    case 'processor':
      return { position: end.step.position, step: end.step, said: end.what, kind: `processor ${end.step.linear}` };
    case 'unknown':
      return { position: null, step: null, said: end.what, kind: 'unknown' };
    case 'parts':
      return null;
  }
}

/** Parts that only say that the upper bytes are zero are left out of what is told. */
export function rowsOf(debug: Named, origin: Origin): Row[] {
  const end = endRow(debug, origin.end);
  return [...origin.links.map((link) => linkRow(debug, link)), ...(end === null ? [] : [end])];
}

/** A node of the graph in lines. */
export function originText(debug: Named, origin: Origin): string {
  const { name, value, position } = origin.question;
  const rows = rowsOf(debug, origin).map(({ position: at, step, said }) => {
    const when = at === null ? '' : `tick ${describePosition(at)} `;
    return `${when}${step === null ? '' : `${stepText(debug, step)}: `}${said}`;
  });
  const title = `${name}${valueText(value)} before tick ${describePosition(position)}`;
  return [title, ...(rows.length === 0 ? ['bytes that came different ways'] : rows)].join('\n');
}
