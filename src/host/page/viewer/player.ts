// Playing: at guest time, a second a second, or as fast as it goes. Each frame asks for the way on, never two at once;
// a tab that sleeps gets no frames and goes on where it was.

import type { App, Speed } from './app.ts';

/** A frame that came later than this stands for this much: a tab that slept does not jump. */
export const FRAME_MS_MAX = 100;
const FAST_TICKS = 1 << 23;

export class Player {
  private readonly app: App;
  private isGoing = false;
  private lastMs = 0;

  constructor(app: App) {
    this.app = app;
  }

  toggle(speed: Speed): void {
    if (this.app.state.speed === speed) {
      this.stop();
      return;
    }
    this.app.set({ speed });
    this.lastMs = performance.now();
    if (!this.isGoing) void this.go();
  }

  stop(): void {
    this.app.set({ speed: null });
  }

  private async go(): Promise<void> {
    const { app } = this;
    this.isGoing = true;
    try {
      for (;;) {
        const nowMs = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        const { speed, facts, moment } = app.state;
        if (speed === null || facts === null || moment === null) return;
        const passedMs = Math.min(FRAME_MS_MAX, Math.max(1, nowMs - this.lastMs));
        this.lastMs = nowMs;
        const ticks = speed === 'fast' ? FAST_TICKS : (passedMs * 1e6) / facts.nsPerTick;
        const isThere = await app.move('play', { ticks });
        const after = app.state.moment;
        if (!isThere || after === null || after.tick >= facts.endTick || after.tick === moment.tick) {
          this.stop();
          return;
        }
      }
    } finally {
      this.isGoing = false;
    }
  }
}
