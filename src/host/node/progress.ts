// One line on standard error that says how far a long run is: ticks, guest time, instructions per second of the host.
// Only on a terminal, only after a second, and never in the middle of a line of the guest.

import { performance } from 'node:perf_hooks';

const FIRST_AFTER_MS = 1000;
const EVERY_MS = 250;

export interface ProgressOptions {
  readonly label: string;
  readonly nsPerTick: number;
  /** Tick of the end, Infinity when unknown. */
  readonly endTick: number;
}

export class Progress {
  private readonly options: ProgressOptions;
  private readonly startMs = performance.now();
  private shownMs = this.startMs + FIRST_AFTER_MS - EVERY_MS;
  private isShown = false;
  /** Of the last line shown: when, and how many instructions had run. */
  private lastMs = this.startMs;
  private lastInstructions = 0;

  constructor(options: ProgressOptions) {
    this.options = options;
  }

  static isWanted(): boolean {
    return process.stderr.isTTY === true;
  }

  update(tick: number, idleTicks: number): void {
    const nowMs = performance.now();
    if (nowMs - this.shownMs < EVERY_MS) return;
    const { label, nsPerTick, endTick } = this.options;
    const instructions = tick - idleTicks;
    const rate = (instructions - this.lastInstructions) / ((nowMs - this.lastMs) * 1000);
    this.shownMs = nowMs;
    this.lastMs = nowMs;
    this.lastInstructions = instructions;
    const part =
      Number.isFinite(endTick) && endTick > 0 ? ` of ${count(endTick)} (${Math.floor((tick / endTick) * 100)} %)` : '';
    const line =
      `${label}: ${count(tick)}${part} ticks, ${seconds(tick * nsPerTick)} s of guest time, ` +
      `${rate.toFixed(1)} M instr/s`;
    const { columns = 80 } = process.stderr;
    process.stderr.write(`\r\x1b[K${line.slice(0, columns - 1)}`);
    this.isShown = true;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.isShown) process.stderr.write('\r\x1b[K');
    this.isShown = false;
  }
}

/** 12 345 678 with narrow gaps, for people. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

export function seconds(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(2);
}
