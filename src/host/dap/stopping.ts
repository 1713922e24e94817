// The places where a client wants to stop, by kind, as the timeline knows them. A client sends each list whole whenever
// it changes; what stood before is taken away. Conditions are expressions (core/timeline/expression.ts); hit conditions
// count hits on the way forwards.

import { basename } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { peekPhysical } from '../../core/memory/peek.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { type Evaluator, ExpressionError, mistakeText } from '../../core/timeline/expression.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';
import type { Debugger } from '../debugger/debugger.ts';
import type { ProcessName } from '../symbols/process.ts';
import type { SourcePlace } from '../symbols/source-level.ts';
import { address, integer, list, optionalText, record, RequestError, text } from './arguments.ts';

type Reported = DebugProtocol.Breakpoint;
type Kind = 'function' | 'instruction' | 'data' | `source ${string}`;

interface HitCondition {
  readonly isEnough: (hits: number) => boolean;
  hits: number;
}

const BREAKPOINTS_MAX = 10_000;

function hitCondition(args: unknown): HitCondition | null {
  const wanted = optionalText(args, 'hitCondition');
  if (wanted === null) return null;
  const match = /^\s*(>=|>|==|=|%|<=|<)?\s*(\d{1,9})\s*$/.exec(wanted);
  if (match === null) throw new RequestError(`"${wanted}" is no hit condition: write 5, >= 5 or % 5.`);
  const [, sign = '==', digits] = match;
  const count = Number(digits);
  const isEnough: Readonly<Record<string, (hits: number) => boolean>> = {
    '==': (hits) => hits === count,
    '=': (hits) => hits === count,
    '>=': (hits) => hits >= count,
    '>': (hits) => hits > count,
    '<=': (hits) => hits <= count,
    '<': (hits) => hits < count,
    '%': (hits) => count > 0 && hits % count === 0,
  };
  return { isEnough: isEnough[sign], hits: 0 };
}

export class Stopping {
  private readonly debug: Debugger;
  /** Ids of the timeline, by what the client has set. */
  private readonly set = new Map<Kind, number[]>();
  private readonly hitConditions = new Map<number, HitCondition>();

  constructor(debug: Debugger) {
    this.debug = debug;
  }

  /** Whether a hit on the way forwards is one to stop at. */
  isWanted(id: number): boolean {
    const condition = this.hitConditions.get(id);
    return condition === undefined || condition.isEnough(++condition.hits);
  }

  /** The run begins anew, and so do hits. */
  forgetHits(): void {
    for (const condition of this.hitConditions.values()) condition.hits = 0;
  }

  source(path: string, lines: readonly unknown[]): Reported[] {
    return this.replace(`source ${path}`, lines, (each) => {
      const line = integer(each, 'line', 1, 10_000_000);
      const { source } = this.debug;
      const whole = source.addressesOf(path, line);
      // A folder of another machine than the one that built the guest: the name alone then.
      const places = whole.length > 0 ? whole : source.addressesOf(basename(path), line);
      if (places.length === 0) {
        const why = this.debug.source.hasLines ? 'no code belongs to this line' : 'the symbols tell no lines';
        return { ids: [], reported: { verified: false, line, message: why } };
      }
      const ids = places.map(({ from, process }) => this.add(from, each, process));
      const [place]: readonly SourcePlace[] = places;
      return { ids, reported: { verified: true, line: place.line, instructionReference: reference(place.from) } };
    });
  }

  functions(names: readonly unknown[]): Reported[] {
    return this.replace('function', names, (each) => {
      const name = text(each, 'name');
      const found = this.debug.symbols.placeOf(name);
      if (found === undefined) return { ids: [], reported: { verified: false, message: `no symbol ${name}` } };
      const { address: begin, source } = found;
      const at = this.debug.source.functionAt(begin, source.process !== null)?.body ?? begin;
      return {
        ids: [this.add(at, each, source.process)],
        reported: { verified: true, instructionReference: reference(at) },
      };
    });
  }

  instructions(wanted: readonly unknown[]): Reported[] {
    return this.replace('instruction', wanted, (each) => {
      const at = (address(each, 'instructionReference') + integer(each, 'offset', -(2 ** 31), 2 ** 31, 0)) >>> 0;
      return { ids: [this.add(at, each)], reported: { verified: true, instructionReference: reference(at) } };
    });
  }

  /** `dataId` is `physical:size`, as `dataInfo` gives it. */
  data(wanted: readonly unknown[]): Reported[] {
    return this.replace('data', wanted, (each) => {
      const match = /^(\d{1,12}):(\d{1,4})$/.exec(text(each, 'dataId'));
      if (match === null) return { ids: [], reported: { verified: false, message: 'not an id of this session' } };
      const access = optionalText(each, 'accessType') ?? 'write';
      const kind: WatchKind = access === 'read' ? 'read' : access === 'readWrite' ? 'access' : 'write';
      const hits = hitCondition(each);
      const { id } = this.debug.timeline.addWatchpoint(Number(match[1]), Number(match[2]), kind, this.condition(each));
      if (hits !== null) this.hitConditions.set(id, hits);
      return { ids: [id], reported: { verified: true } };
    });
  }

  /** What a data breakpoint at a linear address would watch. */
  dataInfo(linear: number, sizeBytes: number): DebugProtocol.DataBreakpointInfoResponse['body'] {
    const { timeline, symbols } = this.debug;
    const physical = peekPhysical(timeline.machine.cpu, linear);
    if (physical < 0 || timeline.machine.space.hostPage(physical) < 0) {
      return { dataId: null, description: `no memory is mapped at ${reference(linear)} now` };
    }
    if ((linear & (PAGE_BYTES - 1)) + sizeBytes > PAGE_BYTES) {
      return { dataId: null, description: 'a data breakpoint lies within one page' };
    }
    const name = symbols.describe(linear);
    return {
      dataId: `${physical}:${sizeBytes}`,
      description: `${sizeBytes} bytes at ${reference(linear)}${name === '' ? '' : ` <${name}>`}`,
      accessTypes: ['read', 'write', 'readWrite'],
    };
  }

  private add(at: number, args: unknown, process: ProcessName | null = null): number {
    const condition = this.debug.inProcess(process, this.condition(args));
    const hits = hitCondition(args);
    const { id } = this.debug.timeline.addBreakpoint(at >>> 0, condition);
    if (hits !== null) this.hitConditions.set(id, hits);
    return id;
  }

  private condition(args: unknown): Evaluator | null {
    const wanted = optionalText(args, 'condition');
    return wanted === null ? null : this.debug.condition(wanted);
  }

  private replace(
    kind: Kind,
    wanted: readonly unknown[],
    place: (each: unknown) => { ids: readonly number[]; reported: Reported },
  ): Reported[] {
    for (const id of this.set.get(kind) ?? []) {
      this.debug.timeline.remove(id);
      this.hitConditions.delete(id);
    }
    const all: number[] = [];
    const reported = wanted.slice(0, BREAKPOINTS_MAX).map((each): Reported => {
      try {
        const { ids, reported } = place(record(each));
        all.push(...ids);
        return ids.length === 0 ? reported : { id: ids[0], ...reported };
      } catch (error) {
        if (!(error instanceof RequestError || error instanceof ExpressionError)) throw error;
        return { verified: false, message: error instanceof ExpressionError ? mistakeText(error) : error.message };
      }
    });
    // A client may name as many files as it likes.
    if (all.length > 0) this.set.set(kind, all);
    else this.set.delete(kind);
    return reported;
  }
}

export function reference(at: number): string {
  return `0x${(at >>> 0).toString(16).padStart(8, '0')}`;
}

/** The kind of exception stops that a client can ask for. */
export const EXCEPTION_FILTERS: readonly DebugProtocol.ExceptionBreakpointsFilter[] = [
  {
    filter: 'fault',
    label: 'Exceptions of the processor',
    description: 'Stops before an exception is delivered. Condition: its vectors, such as 6, 13, 14.',
    supportsCondition: true,
    conditionDescription: 'vectors, such as 6, 13',
  },
  { filter: 'triple-fault', label: 'Triple faults', description: 'Stops after the reset that a triple fault makes.' },
  { filter: 'reset', label: 'Resets', description: 'Stops after a reset, whatever else caused it.' },
  {
    filter: 'divergence',
    label: 'Divergences',
    description: 'Where the replay leaves the recorded run.',
    default: true,
  },
];

/** Which deliveries are wanted; null: none. */
export function wantedDeliveries(args: unknown): ((kind: string, vector: number) => boolean) | null {
  let faults: Set<number> | 'all' | null = null;
  const filters = list(record(args).filters).filter((name) => typeof name === 'string');
  const options = list(record(args).filterOptions).map((option) => record(option));
  if (filters.includes('fault')) faults = 'all';
  for (const option of options) {
    if (option.filterId !== 'fault') continue;
    const vectors = [...String(option.condition ?? '').matchAll(/0x[0-9a-f]+|\d+/gi)].map(([word]) => Number(word));
    faults = vectors.length === 0 ? 'all' : new Set(vectors);
  }
  const hasReset = isFilterSet(args, 'reset');
  const hasTriple = isFilterSet(args, 'triple-fault');
  if (faults === null && !hasReset && !hasTriple) return null;
  return (kind, vector) => {
    if (kind === 'reset') return hasReset;
    if (kind === 'triple-fault') return hasTriple || hasReset;
    return kind === 'fault' && faults !== null && (faults === 'all' || faults.has(vector));
  };
}

export function isFilterSet(args: unknown, name: string): boolean {
  const { filters, filterOptions } = record(args);
  return list(filters).includes(name) || list(filterOptions).some((option) => record(option).filterId === name);
}
