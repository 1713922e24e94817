// What the worker stands for: one opened recording with the place where the user is, and ways that are walked in pieces
// so that messages are heard between them. The first pass moves the machine too; whoever looks finds it back where the
// user left it.

import type { Position } from '../../../../library.ts';
import { UsageError } from '../../../../library.ts';
import { CHUNK_TICKS } from '../../../../core/timeline/distances.ts';
import type { Way } from '../../../../core/timeline/timeline.ts';
import { comparePositions } from '../../../../core/timeline/lookout.ts';
import { type Pace, pacedChunk } from '../../../pace.ts';
import type { Notice } from '../protocol.ts';
import type { LiveGuest } from './live.ts';
import type { Opened } from './opened.ts';

/** The way in hand was given up. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

/** A message is heard within two frames of a screen. */
const PACE: Pace = { msMin: 8, msMax: 24 };
/** Between two notices of progress. */
const NOTICE_MS = 100;
/** Each makes the page draw its timeline anew. */
const PASS_NOTICE_MS = 1000;

/** A turn of the worker's own event loop, without the pause that timers make. */
const channel = new MessageChannel();
const turns: (() => void)[] = [];
channel.port1.onmessage = () => turns.shift()?.();
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    turns.push(resolve);
    channel.port2.postMessage(null);
  });
}

export class WorkerSession {
  readonly tell: (notice: Notice) => void;
  /** A request that is a move is being served. */
  isMoving = false;
  /** A guest that runs live, in the place of a recording. */
  live: LiveGuest | null = null;
  private opened: Opened | null = null;
  private wish: 'stay' | 'return' | null = null;
  private isPassing = false;
  private noticeMs = 0;

  constructor(tell: (notice: Notice) => void) {
    this.tell = tell;
  }

  open(opened: Opened | null): void {
    this.opened = opened;
  }

  /** The recording that is open, with the machine where the user is. Throws UsageError when none is. */
  async recording(): Promise<Opened> {
    const opened = this.present();
    const { timeline } = opened;
    if (comparePositions(timeline.position, opened.here) !== 0) await this.drive(opened, timeline.seek(opened.here));
    return opened;
  }

  /** The same wherever the machine is, for what does not look at it. Throws UsageError when none is open. */
  present(): Opened {
    if (this.opened === null) throw new UsageError('No recording is open: drop one on the page.');
    return this.opened;
  }

  giveUp(wish: 'stay' | 'return'): void {
    this.wish = wish;
  }

  /** Somebody wants something: the first pass waits. */
  interruptPass(): void {
    if (this.isPassing) this.wish = 'stay';
  }

  /** Walks a way. Rejects with GivenUp, back where it began unless another move is asked for. */
  async walk<T>(opened: Opened, way: Way<T>): Promise<T> {
    const from: Position = opened.here;
    this.wish = null;
    try {
      return await this.drive(opened, way, true);
    } catch (error) {
      if (error instanceof GivenUp && this.wish === 'return') await this.drive(opened, opened.timeline.seek(from));
      throw error;
    } finally {
      this.wish = null;
    }
  }

  private async drive<T>(opened: Opened, way: Way<T>, mayGiveUp = false): Promise<T> {
    const { timeline } = opened;
    timeline.chunkTicks = Math.min(timeline.chunkTicks, CHUNK_TICKS);
    this.noticeMs = performance.now() + NOTICE_MS;
    try {
      for (;;) {
        const startMs = performance.now();
        const { done, value } = way.next();
        if (done === true) return value;
        this.pace(timeline, performance.now() - startMs);
        await turn();
        this.tellWay(opened);
        if (mayGiveUp && this.wish !== null) throw new GivenUp();
      }
    } finally {
      way.return(undefined as T);
    }
  }

  private pace(timeline: Opened['timeline'], takenMs: number): void {
    timeline.chunkTicks = pacedChunk(timeline.chunkTicks, takenMs, PACE);
  }

  private tellWay({ timeline }: Opened): void {
    const nowMs = performance.now();
    if (nowMs < this.noticeMs || timeline.progress === null) return;
    this.noticeMs = nowMs + NOTICE_MS;
    this.tell({ notice: 'way', ...timeline.progress });
  }

  /** Goes on with the first pass until it is done or somebody wants something. */
  async passOn(): Promise<void> {
    const { opened } = this;
    if (opened === null || opened.pass.isDone) return;
    this.wish = null;
    this.isPassing = true;
    const { pass, timeline } = opened;
    let noticeMs = 0;
    try {
      for (const way = pass.steps(); ; ) {
        const startMs = performance.now();
        if (way.next().done === true) break;
        this.pace(timeline, performance.now() - startMs);
        await turn();
        if (performance.now() - noticeMs >= PASS_NOTICE_MS) {
          noticeMs = performance.now();
          this.tellPass(opened, '');
        }
        if (this.wish !== null) {
          way.return();
          return;
        }
      }
      this.tellPass(opened, pass.problem);
    } finally {
      this.isPassing = false;
    }
  }

  private tellPass({ pass, timeline }: Opened, problem: string): void {
    const { tick, isDone } = pass;
    this.tell({ notice: 'pass', tick, endTick: timeline.endTick, isDone, problem });
  }

  /** The pass cannot go on. */
  stopPass(problem: string): void {
    const { opened } = this;
    if (opened === null) return;
    opened.pass.isDone = true;
    this.tellPass(opened, problem);
  }
}
