/**
 * Where a way of a timeline began and where it ends at the latest, and how far it has come: of a search that could end
 * anywhere, the most that there is to search.
 */
export interface WayProgress {
  /** In ticks, as `total`. */
  readonly done: number;
  readonly total: number;
}

export class Goal {
  private readonly beginTick: number;
  private readonly endTick: number;
  private done = 0;

  constructor(beginTick: number, endTick: number) {
    this.beginTick = beginTick;
    this.endTick = endTick;
  }

  /** Of a machine that stands at `tick`. A search backwards runs its intervals forwards: it never goes back. */
  progress(tick: number): WayProgress {
    const { beginTick, endTick } = this;
    const total = Math.abs(endTick - beginTick);
    const done = endTick < beginTick ? beginTick - tick : tick - beginTick;
    this.done = Math.max(this.done, Math.min(done, total));
    return { done: this.done, total };
  }
}
