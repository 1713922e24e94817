// Another run beside the one of the page: the same recording on another engine, or another recording. It runs in a
// worker of its own, has a bench of its own to look around on, and follows wherever the page goes, to the same tick or
// to the same event of a lane.

import { App } from './app.ts';
import { type Bench, makeBench } from './bench.ts';
import type { View } from './views/view.ts';

/** Aligned by tick, not by a lane. */
export const BY_TICK = 'tick';

/** Of bookmarks there are the page's, and a third run has no place. */
const NOT_BESIDE: ReadonlySet<string> = new Set(['bookmarks', 'compare']);
const EVENTS_AT_ONCE = 4096;

export class Beside {
  readonly app: App;
  readonly bench: Bench;
  readonly name: string;
  /** A lane's key, or BY_TICK. */
  alignment = BY_TICK;
  private readonly main: App;
  private readonly leave: () => void;

  private constructor(main: App, app: App, name: string, views: readonly View[]) {
    this.main = main;
    this.app = app;
    this.name = name;
    const shown = views.filter(({ id }) => !NOT_BESIDE.has(id));
    this.bench = makeBench(app, shown, { prefix: 'beside-', label: 'Other run: ', onChange: () => {} });
    this.leave = main.subscribe((changed) => {
      if (changed.has('moment')) void this.follow();
      if (changed.has('window')) this.followWindow();
    });
  }

  /** Rejects with a sentence. */
  static async open(main: App, engine: string, file: File | null, views: readonly View[]): Promise<Beside> {
    const { client, facts } = await main.openBeside(engine, file);
    const app = new App(client);
    const name = file === null ? `on ${engine}` : `${file.name} on ${engine}`;
    app.say = (text, kind) => main.say(`${name}: ${text}`, kind);
    // What is under way there is under way on the page.
    let rested = (): void => {};
    client.onBusy = (isBusy) => {
      rested();
      if (isBusy) void main.client.during(() => new Promise<void>((resolve) => (rested = resolve)));
    };
    client.onNotice = (notice) => {
      if (notice.notice === 'pass') app.set({ pass: { tick: notice.tick, isDone: notice.isDone } });
      else if (notice.notice === 'warning') app.say(notice.text, 'note');
    };
    client.onReplaced = (why) => {
      app.set({ facts: null, moment: null });
      app.say(`it could not be run (${why})`, 'problem');
    };
    const beside = new Beside(main, app, name, views);
    const { engines } = main.state;
    const window = { from: 0, to: Math.max(1, facts.endTick) };
    app.set({ facts, logName: name, moment: facts.moment, bookmarks: facts.bookmarks, window, engines });
    await beside.follow();
    return beside;
  }

  /** Where this run is when the page's is at a tick. */
  private async tickFor(tick: number): Promise<number> {
    if (this.alignment === BY_TICK) return tick;
    const rank = await this.main.client.ask('laneRank', { key: this.alignment, tick });
    if (rank === null) return tick;
    return (await this.app.client.ask('laneTick', { key: this.alignment, index: rank })) ?? tick;
  }

  /** Goes where the page is. */
  async follow(): Promise<void> {
    const { main, app } = this;
    await main.client.during(async () => {
      const { moment } = main.state;
      if (moment === null) return;
      try {
        const tick = await this.tickFor(moment.tick);
        await app.seek(tick, this.alignment === BY_TICK ? moment.seq : 0);
      } catch (error) {
        app.tell(error);
      }
    });
  }

  private followWindow(): void {
    const { window } = this.main.state;
    const end = Math.max(1, this.app.state.facts?.endTick ?? 1);
    if (this.alignment === BY_TICK && window.from < end) {
      this.app.set({ window: { from: window.from, to: Math.max(window.from + 1, Math.min(end, window.to)) } });
    }
  }

  /**
   * The first tick at which the whole states differ, or of a lane the first event that is another; null: none. States
   * that differ stay different, so the run can be halved. `tell` hears between which ticks it is looked for.
   */
  async firstDifference(tell: (low: number, high: number) => void): Promise<{ ours: number; theirs: number } | null> {
    if (this.alignment !== BY_TICK) return this.firstEvent();
    const [ours, theirs] = [this.main.client, this.app.client];
    const isSame = async (tick: number): Promise<boolean> => {
      await Promise.all([ours.move('seek', { tick }), theirs.move('seek', { tick })]);
      const [mine, its] = await Promise.all([ours.ask('digest', null), theirs.ask('digest', null)]);
      return mine.hash === its.hash;
    };
    const end = Math.min(this.main.state.facts?.endTick ?? 0, this.app.state.facts?.endTick ?? 0);
    let [low, high] = [0, end];
    if (await isSame(high)) {
      await this.main.seek(high);
      return null;
    }
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      tell(low, high);
      if (await isSame(middle)) low = middle + 1;
      else high = middle;
    }
    await this.main.seek(high);
    return { ours: high, theirs: high };
  }

  private async firstEvent(): Promise<{ ours: number; theirs: number } | null> {
    for (let from = 0; ; from += EVENTS_AT_ONCE) {
      const ask = { key: this.alignment, from, count: EVENTS_AT_ONCE };
      const [ours, theirs] = await Promise.all([
        this.main.client.ask('laneValues', ask),
        this.app.client.ask('laneValues', ask),
      ]);
      const count = Math.max(ours.ticks.length, theirs.ticks.length);
      for (let i = 0; i < count; i++) {
        if (i < ours.ticks.length && i < theirs.ticks.length && ours.values[i] === theirs.values[i]) continue;
        // Where one has no such event any more, it has ended.
        const found = {
          ours: ours.ticks[i] ?? this.main.state.facts?.endTick ?? 0,
          theirs: theirs.ticks[i] ?? this.app.state.facts?.endTick ?? 0,
        };
        await this.main.seek(found.ours);
        return found;
      }
      if (count < EVENTS_AT_ONCE) return null;
    }
  }

  /** Its worker is ended, and the page is alone again. */
  close(): void {
    this.leave();
    this.bench.element.remove();
    this.app.client.onBusy(false);
    this.app.client.close();
  }
}
