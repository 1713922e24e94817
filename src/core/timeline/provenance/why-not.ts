/**
 * Why code was not reached: the last branches before a moment that could have led there and went the other way, with
 * what they tested and where that came from. Goes backwards from the address through code that leads there without a
 * choice, over direct jumps and calls; a branch that has not run either is gone past, to what could have led to it.
 */
import { flagMask } from '../../isa/ops.ts';
import type { Breakpoint, Position } from '../lookout.ts';
import { comparePositions } from '../lookout.ts';
import type { Way } from '../timeline.ts';
import { ECX } from '../../state/layout.ts';
import { type Coded, type CodeMap, conditionName, isTaken } from './code-map.ts';
import type { Origin, Origins, Question } from './origin.ts';
import { instructionHere } from './operands.ts';
import { flagsPlace, generalRegister, valueAt } from './place.ts';
import type { Step } from './writers.ts';

/** A branch as it went the last time. */
export interface Turning {
  readonly branch: Step;
  /** As the manual abbreviates it: z, nbe … or the instruction's own name. */
  readonly condition: string;
  readonly isTaken: boolean;
  /** Where the other way would have gone. */
  readonly towards: number;
  /** What set the flags, and from what. */
  readonly test: Step | null;
  readonly inputs: readonly Origin[];
}

export interface WhyNot {
  readonly address: number;
  /** The last time that it ran before the moment, in case that it did. */
  readonly ranLast: Position | null;
  /** The latest first. */
  readonly turnings: readonly Turning[];
  /** Places that nothing leads to directly: entered by a pointer, an interrupt, or never. */
  readonly dead: readonly number[];
}

const TURNINGS_MAX = 5;
/** Branches that are looked for at once, and instructions gone back over. */
const CANDIDATES_MAX = 256;
const VISITED_MAX = 20_000;

interface Candidate {
  readonly branch: Coded;
  /** The way that leads to the address. */
  readonly isTaken: boolean;
}

/** Asks before the machine's position; leaves the machine somewhere. */
export function* whyNot(origins: Origins, map: CodeMap, address: number, before: Position): Way<WhyNot> {
  const { timeline } = origins;
  yield* timeline.seek(before);
  const ran = yield* timeline.executionBefore([{ id: 1, address, condition: null }]);
  const search = new Backwards(map);
  const turnings: Turning[] = [];
  for (let candidates = search.from(address); candidates.length > 0 && turnings.length < TURNINGS_MAX; ) {
    const left = new Map(candidates.map((candidate) => [candidate.branch.linear, candidate]));
    while (left.size > 0 && turnings.length < TURNINGS_MAX) {
      const breakpoints: Breakpoint[] = [...left.keys()].map((linear) => ({ id: 1, address: linear, condition: null }));
      yield* timeline.seek(before);
      const hit = yield* timeline.executionBefore(breakpoints);
      if (hit === null || hit.breakpoint === null) break;
      const candidate = left.get(hit.breakpoint.address) as Candidate;
      left.delete(hit.breakpoint.address);
      const turning = yield* turningAt(origins, candidate, hit.position);
      if (turning !== null) turnings.push(turning);
    }
    candidates = [...left.values()].flatMap(({ branch }) => search.from(branch.linear)).slice(0, CANDIDATES_MAX);
  }
  turnings.sort((a, b) => comparePositions(b.branch.position, a.branch.position));
  return { address, ranLast: ran?.position ?? null, turnings, dead: search.dead };
}

/** The branches that lead to an address with no other between. */
class Backwards {
  readonly dead: number[] = [];
  private readonly map: CodeMap;
  private readonly visited = new Set<number>();

  constructor(map: CodeMap) {
    this.map = map;
  }

  from(address: number): Candidate[] {
    const found = new Map<number, Candidate>();
    const queue = [address];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (this.visited.has(at) || this.visited.size > VISITED_MAX) continue;
      this.visited.add(at);
      const leading = this.map.leadingTo(at);
      if (leading.length === 0) this.dead.push(at);
      for (const each of leading) {
        if (this.visited.has(each.linear)) continue;
        const candidate = { branch: each, isTaken: each.target === at };
        const other = found.get(each.linear);
        const isOnlyWay = other === undefined || other.isTaken === candidate.isTaken;
        if (each.kind === 'branch' && each.target !== each.next && isOnlyWay) found.set(each.linear, candidate);
        else {
          // Both ways of it lead there: it decides nothing.
          found.delete(each.linear);
          queue.push(each.linear);
        }
      }
    }
    return [...found.values()];
  }
}

/** Null when the branch went towards the address. */
function* turningAt(origins: Origins, candidate: Candidate, position: Position): Way<Turning | null> {
  const { timeline, writers } = origins;
  const { branch } = candidate;
  yield* timeline.seek(position);
  const { cpu } = timeline.machine;
  const instruction = instructionHere(cpu);
  if (instruction === null) return null;
  const taken = isTaken(cpu, instruction);
  if (taken === candidate.isTaken) return null;
  const step = writers.stepHere(instruction);
  const name = conditionName(instruction);
  const towards = taken ? branch.next : (branch.target ?? branch.next);
  const questions: Question[] = [];
  let test: Step | null = null;
  if (instruction.row.name !== 'JCC') {
    const place = generalRegister(ECX, 4);
    questions.push({ name: 'ecx', places: [place], position, value: valueAt(cpu, place) });
  }
  const read = flagMask(instruction.row.flags.read);
  if (read !== 0) {
    const writer = yield* writers.before(flagsPlace(read), position);
    if (writer.kind === 'instruction') {
      test = writer.step;
      const at = test.position;
      for (const { name: input, places } of writer.flow.inputs) {
        const value = places.length === 1 ? valueAt(cpu, places[0]) : null;
        questions.push({ name: input, places, position: at, value });
      }
    }
  }
  const inputs: Origin[] = [];
  for (const question of questions) if (question.places.length > 0) inputs.push(yield* origins.of(question));
  return { branch: step, condition: name, isTaken: taken, towards, test, inputs };
}
