/**
 * The first point at which a replay is not the recorded run, as a closed union: what the log says, what happened, and
 * between which ticks the cause lies. `describeDivergence` puts it into words with the command that looks closer.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import type { CheckEvent, InputEvent, StateHash } from '../log/events.ts';
import { eventToText } from '../log/events.ts';

interface DivergencePoint {
  /** Tick at which it showed. */
  readonly tick: number;
  /** Everything up to this tick was asserted and agreed; the cause lies after it. */
  readonly agreedTick: number;
  /** Number of the check in the log (of the input, for `missed-input`). */
  readonly seq: number;
  /** Frame of the log that holds it, -1 when the log holds nothing there. */
  readonly frame: number;
}

/** A check that came out different, came at another tick, or came instead of another. */
export interface CheckDivergence extends DivergencePoint {
  readonly kind: 'check';
  /** Null: the log has no more checks. */
  readonly expected: { readonly tick: number; readonly event: CheckEvent } | null;
  /** Null: the run went past the tick of the expected check without making it. */
  readonly actual: { readonly tick: number; readonly event: CheckEvent } | null;
}

/** In a `checked` log: one of `count` checks differs. */
export interface DigestDivergence extends DivergencePoint {
  readonly kind: 'digest';
  readonly count: number;
  readonly expected: string;
  readonly actual: string;
}

export type StateDifference =
  | { readonly part: 'register'; readonly name: string; readonly expected: number; readonly actual: number }
  | { readonly part: 'device'; readonly name: string; readonly expected: string | null; readonly actual: string | null }
  /** A 4 KiB page of RAM; a null digest: that side did not write the page in this interval. */
  | { readonly part: 'page'; readonly page: number; readonly expected: number | null; readonly actual: number | null }
  | { readonly part: 'cpu' | 'ram' | 'root'; readonly expected: string; readonly actual: string };

/** The machine's state differs. `differences` go from the most exact to the least and are never empty. */
export interface StateDivergence extends DivergencePoint {
  readonly kind: 'state';
  readonly differences: readonly StateDifference[];
}

/** The run went past the tick of an input without taking it. */
export interface MissedInputDivergence extends DivergencePoint {
  readonly kind: 'missed-input';
  readonly input: InputEvent;
  readonly inputTick: number;
}

/** The run ended elsewhere or otherwise than the recorded one. */
export interface EndDivergence extends DivergencePoint {
  readonly kind: 'end';
  readonly expected: { readonly tick: number; readonly reason: string; readonly hash: string | null };
  readonly actual: { readonly tick: number; readonly reason: string; readonly hash: string | null };
}

export type Divergence = CheckDivergence | DigestDivergence | StateDivergence | MissedInputDivergence | EndDivergence;

const DIFFERENCES_MAX = 64;

/** Where two states differ: registers first, then pages, devices, and the parts that only have a digest. */
export function compareStates(expected: StateHash, actual: StateHash): StateDifference[] {
  const differences: StateDifference[] = [];
  if (expected.registers !== undefined && actual.registers !== undefined) {
    const now = new Map(actual.registers);
    for (const [name, value] of expected.registers) {
      const other = now.get(name);
      if (other !== undefined && other >>> 0 !== value >>> 0) {
        differences.push({ part: 'register', name, expected: value >>> 0, actual: other >>> 0 });
      }
    }
  }
  comparePages(expected, actual, differences);
  if (expected.devices !== undefined && actual.devices !== undefined) {
    const before = new Map(expected.devices);
    const now = new Map(actual.devices);
    for (const name of new Set([...before.keys(), ...now.keys()])) {
      const [was, is] = [before.get(name) ?? null, now.get(name) ?? null];
      if (was !== is) differences.push({ part: 'device', name, expected: was, actual: is });
    }
  }
  for (const part of ['cpu', 'ram', 'root'] as const) {
    const [was, is] = [expected[part], actual[part]];
    if (was !== undefined && is !== undefined && was !== is) differences.push({ part, expected: was, actual: is });
  }
  return differences;
}

function comparePages(expected: StateHash, actual: StateHash, differences: StateDifference[]): void {
  if (expected.pages === undefined || actual.pages === undefined) return;
  const { pages: was } = expected;
  const { pages: is } = actual;
  let i = 0;
  let j = 0;
  while ((i < was.numbers.length || j < is.numbers.length) && differences.length < DIFFERENCES_MAX) {
    const left = i < was.numbers.length ? was.numbers[i] : Number.POSITIVE_INFINITY;
    const right = j < is.numbers.length ? is.numbers[j] : Number.POSITIVE_INFINITY;
    const page = Math.min(left, right);
    const before = left === page ? was.digests[i++] : null;
    const now = right === page ? is.digests[j++] : null;
    if (before !== now) differences.push({ part: 'page', page, expected: before, actual: now });
  }
}

/** Some sentences for a person; `log` is how the person calls the log. */
export function describeDivergence(divergence: Divergence, log = 'LOG'): string {
  const { tick, agreedTick } = divergence;
  const interval = `after tick ${agreedTick} and by tick ${tick}`;
  const where = divergence.frame < 0 ? '' : ` (frame ${divergence.frame} of the log)`;
  const closer = `Look closer: reprise events ${log} --from ${agreedTick} --to ${tick}`;
  return `The replay left the recorded run ${interval}${where}.\n${describeCause(divergence)}\n${closer}`;
}

const DESCRIBED_MAX = 8;

function describeCause(divergence: Divergence): string {
  switch (divergence.kind) {
    case 'check': {
      const expected = moment(divergence.expected, 'no further check');
      return `Check ${divergence.seq}: expected ${expected}; got ${moment(divergence.actual, 'nothing')}.`;
    }
    case 'digest': {
      const { count, seq, expected, actual } = divergence;
      return `One of the ${count} checks before check ${seq} differs: expected digest ${expected}, got ${actual}.`;
    }
    case 'state': {
      const { differences } = divergence;
      const described = differences.slice(0, DESCRIBED_MAX).map(describeDifference).join('; ');
      const more = differences.length - DESCRIBED_MAX;
      return `The state differs: ${described}${more > 0 ? `; and ${more} more` : ''}.`;
    }
    case 'missed-input': {
      const input = `Input ${divergence.seq} (${eventToText(divergence.input)})`;
      return `${input} was taken at tick ${divergence.inputTick} while recording; the replay went past it.`;
    }
    case 'end': {
      const { expected, actual } = divergence;
      const recorded = `it was recorded to end at tick ${expected.tick} (${ending(expected)})`;
      return `The run ended at tick ${actual.tick} (${ending(actual)}); ${recorded}.`;
    }
  }
}

function moment(side: { readonly tick: number; readonly event: CheckEvent } | null, nothing: string): string {
  return side === null ? nothing : `${eventToText(side.event)} at tick ${side.tick}`;
}

function ending(end: { readonly reason: string; readonly hash: string | null }): string {
  return end.hash === null ? end.reason : `${end.reason}, state ${end.hash}`;
}

function describeDifference(difference: StateDifference): string {
  switch (difference.part) {
    case 'register':
      return (
        `register ${difference.name} is 0x${difference.actual.toString(16)}, recorded ` +
        `0x${difference.expected.toString(16)}`
      );
    case 'device':
      return `device ${difference.name}`;
    case 'page': {
      const address = `page ${difference.page} (physical address 0x${(difference.page * PAGE_BYTES).toString(16)})`;
      if (difference.expected === null) return `${address}, not written while recording`;
      return difference.actual === null ? `${address}, not written by the replay` : address;
    }
    case 'cpu':
    case 'ram':
    case 'root':
      return `${difference.part} digest is ${difference.actual}, recorded ${difference.expected}`;
  }
}
