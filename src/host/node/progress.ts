// One line on standard error that says how far something long is: a bar and a percentage where the end is known, the
// time that is left, averaged rates. Only at a terminal, from half a second after the program began, and never in the
// middle of a line of the guest. It is drawn by whoever is at work, between two pieces of it: no timer would fire while
// a machine runs. Redrawn when the terminal changes its width.

import { performance } from 'node:perf_hooks';

/** Of the life of the process: a boot gives a sign of life within a second. */
const FIRST_AT_MS = 500;
const EVERY_MS = 200;
/** Rates are averaged over about so long. */
const AVERAGED_MS = 5000;
/** Before that much work the rest is a guess. */
const FORECAST_AFTER_MS = 1500;
const BAR_CELLS = 20;
/** Below, the time that is left is worth more than a bar. */
const NARROW_COLUMNS = 60;

export interface ProgressOptions {
  readonly label: string;
  readonly unit: 'ticks' | 'bytes' | 'events' | 'runs' | 'checkpoints';
  /** Infinity when unknown. */
  readonly end: number;
  /** Of ticks: guest time and instructions per second are shown. */
  readonly nsPerTick?: number;
  /** Nothing is shown before the work itself has taken so long; default: the life of the process counts. */
  readonly afterMs?: number;
}

/** A rate that forgets: recent work counts more than what is long ago. */
class Rate {
  private value = 0;
  private weight = 0;

  add(amount: number, milliseconds: number): void {
    const kept = Math.exp(-milliseconds / AVERAGED_MS);
    this.value = this.value * kept + (amount / milliseconds) * (1 - kept);
    this.weight = this.weight * kept + (1 - kept);
  }

  get perSecond(): number {
    return this.weight === 0 ? 0 : (this.value / this.weight) * 1000;
  }
}

export class Progress {
  private readonly options: ProgressOptions;
  private readonly startMs = performance.now();
  private shownMs = this.startMs - EVERY_MS / 2;
  private lastMs = this.startMs;
  private lastDone = 0;
  private lastInstructions = 0;
  private readonly rate = new Rate();
  private readonly instructionRate = new Rate();
  /** What stands on the screen; empty when nothing does. */
  private line = '';

  constructor(options: ProgressOptions) {
    this.options = options;
  }

  /** Null where nobody would see it. */
  static atTerminal(options: ProgressOptions, isQuiet = false): Progress | null {
    return process.stderr.isTTY === true && !isQuiet ? new Progress(options) : null;
  }

  /** `idle`: of ticks, those in which nothing ran. */
  update(done: number, idle = 0): void {
    const nowMs = performance.now();
    const { afterMs } = this.options;
    if (afterMs === undefined ? nowMs < FIRST_AT_MS : nowMs - this.startMs < afterMs) return;
    if (nowMs - this.shownMs < EVERY_MS) return;
    const instructions = done - idle;
    if (nowMs > this.lastMs) {
      this.rate.add(done - this.lastDone, nowMs - this.lastMs);
      this.instructionRate.add(instructions - this.lastInstructions, nowMs - this.lastMs);
    }
    this.shownMs = nowMs;
    this.lastMs = nowMs;
    this.lastDone = done;
    this.lastInstructions = instructions;
    this.draw();
  }

  /** Takes the line away. */
  clear(): void {
    if (this.line === '') return;
    process.stderr.off('resize', this.onResize);
    process.stderr.write(eraseLine(this.line.length));
    this.line = '';
  }

  private readonly onResize = (): void => this.draw();

  private draw(): void {
    const erase = eraseLine(this.line.length);
    if (this.line === '') process.stderr.on('resize', this.onResize);
    this.line = fit(this.options.label, this.parts(), columns() - 1);
    process.stderr.write(`${erase}${NO_WRAP}${this.line}${WRAP}`);
  }

  /** What the line says, the most important first. */
  private parts(): string[] {
    const { unit, end, nsPerTick } = this.options;
    const { lastDone: done } = this;
    const parts: string[] = [];
    const perSecond = this.rate.perSecond;
    if (Number.isFinite(end) && end > 0) {
      const part = Math.min(done / end, 1);
      const cells = columns() < NARROW_COLUMNS ? '' : `${bar(part)} `;
      parts.push(`${cells}${String(Math.floor(part * 100)).padStart(3)} %`);
      if (this.lastMs - this.startMs >= FORECAST_AFTER_MS && perSecond > 0) {
        parts.push(`${duration((end - done) / perSecond)} left`);
      }
    } else parts.push(amount(done, unit));
    if (nsPerTick === undefined) parts.push(`${amount(perSecond, unit)}/s`);
    else {
      parts.push(`${(this.instructionRate.perSecond / 1e6).toFixed(1)} M instr/s`);
      parts.push(`${seconds(done * nsPerTick)} s of guest time`);
    }
    if (Number.isFinite(end) && end > 0) parts.push(`${amount(done, unit)} of ${amount(end, unit)}`);
    return parts;
  }
}

/** A terminal that does not know its width says 0. */
function columns(): number {
  return process.stderr.columns || 80;
}

/** As many parts as there is room for, whole ones as long as it goes. */
function fit(label: string, parts: readonly string[], width: number): string {
  let line = `${label}: ${parts[0]}`;
  for (const part of parts.slice(1)) {
    if (line.length + 2 + part.length > width) break;
    line += `, ${part}`;
  }
  return line.slice(0, Math.max(width, 1));
}

/**
 * Without wrapping, a line that is drawn before a narrower terminal has been heard of takes no row more than the line
 * that the terminal has wrapped: what is to be erased can be told.
 */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';

/** Terminals that cut lines when they become narrower; all others wrap them. */
const CUTS_LINES = process.env.XTERM_VERSION !== undefined || process.env.TERM === 'linux';

/** To the beginning of a line of this length, which the terminal may have wrapped meanwhile, and all of it gone. */
function eraseLine(length: number): string {
  const rows = CUTS_LINES ? 1 : Math.max(1, Math.ceil(length / columns()));
  return rows === 1 ? '\r\x1b[K' : `\r\x1b[${rows - 1}A\x1b[J`;
}

function bar(part: number): string {
  const full = Math.floor(part * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

function amount(value: number, unit: ProgressOptions['unit']): string {
  if (unit === 'bytes') return `${(value / 2 ** 20).toFixed(1)} MB`;
  return `${count(Math.round(value))} ${unit}`;
}

/** `0:07`, `12:03`, `1:02:03` */
export function duration(secondsLeft: number): string {
  const whole = Math.max(0, Math.ceil(secondsLeft));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** 12 345 678 with narrow gaps, for people. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

export function seconds(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(2);
}
