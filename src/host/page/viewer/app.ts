// What every view and control has: the client, the state that they show, and the moves. The state is one object; who
// wants to hear of a change subscribes. Moves that are given up in favour of others end quietly.

import { type Client, ProblemError } from './client.ts';
import type { AnswerOf, AskOf, Moment, Question } from './protocol.ts';
import type { OpenedFacts } from './worker/answers/opening.ts';

export interface Bookmark {
  readonly name: string;
  readonly note: string;
  readonly position: { readonly tick: number; readonly seq: number };
}

export interface State {
  /** Null: nothing is open. */
  readonly facts: OpenedFacts | null;
  readonly logName: string;
  readonly moment: Moment | null;
  /** Registers of the moment before, to tell what has changed. */
  readonly pass: { readonly tick: number; readonly isDone: boolean };
  readonly bookmarks: readonly Bookmark[];
  /** Where this run and the one beside it part; null: nowhere that is known. */
  readonly differenceTick: number | null;
  /** The stretch of the run that the timeline shows. */
  readonly window: { readonly from: number; readonly to: number };
  /** How far a long way is; null: none is walked. */
  readonly way: { readonly done: number; readonly total: number } | null;
  readonly speed: Speed | null;
  readonly engines: readonly string[];
  /** A guest runs live, in the place of a recording. */
  readonly isLive: boolean;
}

/** Guest seconds a second; `fast`: as fast as it goes. */
export type Speed = 'guest' | 'fast';

export type Change = keyof State;

type Listener = (changed: ReadonlySet<Change>) => void;

export class App {
  readonly client: Client;
  state: State = {
    facts: null,
    logName: '',
    moment: null,
    pass: { tick: 0, isDone: false },
    bookmarks: [],
    differenceTick: null,
    window: { from: 0, to: 1 },
    way: null,
    speed: null,
    engines: [],
    isLive: false,
  };
  /** Another run beside this one, in a worker of its own: of the same recording unless a file is given. */
  openBeside: (engine: string, file: File | null) => Promise<{ client: Client; facts: OpenedFacts }> = () =>
    Promise.reject(new Error('nothing is open'));
  /** Shows another run's bench beside the page's own; null: the page has its own alone. */
  showBeside: (bench: HTMLElement | null) => void = () => {};
  /** Tells a person a sentence. */
  say: (text: string, kind: 'note' | 'problem') => void = () => {};
  private readonly listeners = new Set<Listener>();
  /** Views that show a moment, each told after a move. */
  private moveNumber = 0;

  constructor(client: Client) {
    this.client = client;
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(change: Partial<State>): void {
    const changed = new Set<Change>();
    for (const key of Object.keys(change) as Change[]) if (this.state[key] !== change[key]) changed.add(key);
    if (changed.size === 0) return;
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener(changed);
  }

  /** A question that may fail: the problem is told and the answer null. */
  async ask<Q extends Question>(question: Q, ask: AskOf<Q>): Promise<AnswerOf<Q> | null> {
    try {
      return await this.client.ask(question, ask);
    } catch (error) {
      this.tell(error);
      return null;
    }
  }

  /** A move; false when another took its place or it could not be made. */
  async move<Q extends 'seek' | 'step' | 'stepOver' | 'goTo' | 'play' | 'nextEvent'>(
    question: Q,
    ask: AskOf<Q>,
  ): Promise<boolean> {
    if (this.state.facts === null) return false;
    const number = ++this.moveNumber;
    try {
      const moment = await this.client.move(question, ask);
      this.set({ moment, way: null });
      return true;
    } catch (error) {
      this.tell(error);
      return false;
    } finally {
      if (number === this.moveNumber) this.set({ way: null });
    }
  }

  seek(tick: number, seq = 0): Promise<boolean> {
    const end = this.state.facts?.endTick ?? 0;
    return this.move('seek', { tick: Math.max(0, Math.min(end, Math.round(tick))), seq });
  }

  /** To one of so many ticks from there on, whichever is at hand. */
  seekWithin(tick: number, ticks: number): Promise<boolean> {
    const end = this.state.facts?.endTick ?? 0;
    const from = Math.max(0, Math.min(end, Math.round(tick)));
    return this.move('seek', { tick: from, within: Math.min(Math.floor(ticks), end - from) });
  }

  tell(error: unknown): void {
    if (error instanceof ProblemError) {
      if (error.problem.kind !== 'given-up') this.say(error.problem.text, 'problem');
    } else this.say(error instanceof Error ? error.message : String(error), 'problem');
  }
}
