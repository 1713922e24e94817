/**
 * From one origin to the next: what an instruction computed is followed to its one input that is not fixed, and where
 * there are several somebody has to choose. A load of an entry of a table that nobody has written leads on to what
 * picked the entry. And a look at each load on the way: whether somebody wrote there before the result was stored back,
 * so that what had been loaded was stale.
 */
import { comparePositions } from '../lookout.ts';
import type { Way } from '../timeline.ts';
import type { Origin, Origins, Question } from './origin.ts';
import { common, type Place } from './place.ts';
import { positionOf, type Step, type Writer } from './writers.ts';

/** Memory that was loaded, changed by somebody else, and stored over. */
export interface Stale {
  readonly load: Step;
  readonly place: Place;
  readonly by: Writer;
  readonly store: Step;
}

export interface Choice {
  /** From 1. */
  readonly number: number;
  readonly answer: Origin;
  readonly stale: readonly Stale[];
}

export interface Chain {
  /** From what was asked to where it ends. */
  readonly origins: readonly Origin[];
  /** At a fork: what could be followed. */
  readonly choices: readonly Choice[];
  /** `fork`: somebody has to choose; `limit`: so many steps have been gone. */
  readonly stop: 'end' | 'fork' | 'limit';
  readonly stale: readonly Stale[];
}

export interface ChainOptions {
  /** What to choose at forks, one after another, from 1. */
  readonly via?: readonly number[];
  readonly stepsMax?: number;
}

const STEPS_MAX = 2000;
/** So many origins are looked at to tell whether an input is fixed. */
const FIXED_LOOKS = 100;
const STORES_MAX = 64;

/** Leads from a question to where its value came from. Leaves the machine somewhere. */
export function* follow(origins: Origins, question: Question, options: ChainOptions = {}): Way<Chain> {
  const { via = [], stepsMax = STEPS_MAX } = options;
  const passed: Origin[] = [];
  const stale: Stale[] = [];
  const stores: Store[] = [];
  let chosen = 0;
  let answer = yield* origins.of(question);
  for (;;) {
    stale.push(...(yield* staleLoads(origins, stores, answer)));
    stores.push(...storesOf(answer).slice(0, STORES_MAX));
    stores.splice(0, Math.max(0, stores.length - STORES_MAX));
    passed.push(answer);
    if (passed.length >= stepsMax) return { origins: passed, choices: [], stop: 'limit', stale };
    const open = yield* openInputs(origins, answer);
    if (open.length === 0) return { origins: passed, choices: [], stop: 'end', stale };
    if (open.length > 1) {
      const wanted = via[chosen++];
      const picked = open[(wanted ?? 0) - 1];
      if (picked === undefined) {
        const choices: Choice[] = [];
        for (const [i, each] of open.entries()) {
          choices.push({ number: i + 1, answer: each, stale: yield* staleLoads(origins, stores, each) });
        }
        return { origins: passed, choices, stop: 'fork', stale };
      }
      answer = picked;
    } else [answer] = open;
  }
}

/** What a value depends on and could be followed to, one by one; fixed ones are left out where there are several. */
export function* openInputs(origins: Origins, answer: Origin): Way<Origin[]> {
  const inputs = yield* inputsOf(origins, answer);
  const isPicked = answer.end.kind === 'image';
  if (inputs.length < 2 && !isPicked) return inputs;
  const open: Origin[] = [];
  for (const input of inputs) if (!(yield* isFixed(origins, input, { left: FIXED_LOOKS }))) open.push(input);
  if (open.length > 0 || isPicked) return open;
  // Of fixed ones, what the image has says more than an immediate.
  for (const input of inputs) if (yield* leadsToImage(origins, input, { left: FIXED_LOOKS })) return [input];
  return [];
}

/** Of a fixed value: whether it is of the image or what a reset leaves, however that was put together. */
function* leadsToImage(origins: Origins, answer: Origin, budget: { left: number }): Way<boolean> {
  const { kind } = answer.end;
  if (kind === 'image' || kind === 'reset') return true;
  if (kind === 'constant' || budget.left-- <= 0) return false;
  for (const input of yield* inputsOf(origins, answer)) if (yield* leadsToImage(origins, input, budget)) return true;
  return false;
}

/** Every one of them. */
export function* inputsOf(origins: Origins, { end }: Origin): Way<Origin[]> {
  if (end.kind === 'parts') return end.parts.map(({ node }) => node);
  const questions: readonly Question[] =
    end.kind === 'computed' || end.kind === 'delivery'
      ? end.inputs
      : end.kind === 'image'
        ? end.picked.slice(0, 1)
        : [];
  const answers: Origin[] = [];
  for (const question of questions) {
    if (question.places.length > 0) answers.push(yield* origins.of(question));
  }
  return answers;
}

/** Whether nothing from outside is in a value: immediates and what the image has, however they were put together. */
function* isFixed(origins: Origins, answer: Origin, budget: { left: number }): Way<boolean> {
  const { kind } = answer.end;
  if (kind === 'constant' || kind === 'reset') return true;
  if (kind === 'source' || kind === 'unknown' || kind === 'processor' || budget.left-- <= 0) return false;
  for (const input of yield* inputsOf(origins, answer)) if (!(yield* isFixed(origins, input, budget))) return false;
  return true;
}

interface Store {
  readonly step: Step;
  readonly to: Place;
}

/** Stores of an origin: copies into memory, and what was computed there at once. */
function storesOf({ links, end }: Origin): Store[] {
  const made = end.kind === 'computed' ? [{ step: end.step, to: end.to }] : [];
  return [...links, ...made].filter(({ to }) => to.space === 'memory');
}

/** Loads of what the next store of the chain wrote over, with somebody else's write in between. */
function* staleLoads(origins: Origins, passed: readonly Store[], answer: Origin): Way<Stale[]> {
  const found: Stale[] = [];
  const stores = [...passed, ...storesOf(answer)];
  for (const load of answer.links) {
    if (load.from.space !== 'memory') continue;
    let next: { store: Store; place: Place } | null = null;
    for (const store of stores) {
      const place = common(store.to, load.from);
      if (place === null || comparePositions(load.step.position, store.step.position) >= 0) continue;
      const isNearer = next === null || comparePositions(store.step.position, next.store.step.position) < 0;
      if (isNearer) next = { store, place };
    }
    if (next === null) continue;
    const { store, place } = next;
    const by = yield* origins.writers.before(place, store.step.position);
    const written = positionOf(by);
    if (written === null || comparePositions(written, load.step.position) <= 0) continue;
    found.push({ load: load.step, place, by, store: store.step });
  }
  return found;
}
