// A process that runs a window once and says what it took, as one line of JSON on standard output: what `reprise bench`
// starts again and again, also of another build. Either timed, with nothing in the way, or sampled by V8's profiler
// (host-profile.ts). Its one argument is a Job as JSON.

import { PerformanceObserver } from 'node:perf_hooks';
import { readFileSync, readSync, writeSync } from 'node:fs';
import { openLog } from '../../core/log/log.ts';
import { loadEngine } from '../../engines.ts';
import { findImages, type GivenImages } from '../node/find-images.ts';
import { setV8Flags } from '../node/v8-flags.ts';
import { type HostTime, hostTime, mainMs, since } from './host-clock.ts';
import { type HostProfile, Profiler } from './host-profile.ts';
import { Window } from './window.ts';

/** Spoken between builds: another number is refused by name. */
export const PROTOCOL = 1;

export interface Job {
  readonly protocol: number;
  readonly path: string;
  readonly given: GivenImages;
  readonly isSalvaged: boolean;
  readonly engine: string;
  readonly fromTick: number;
  readonly toTick: number;
  /** Pieces that are timed one by one. */
  readonly pieces: number;
  readonly isSampled: boolean;
  /** Before each piece it writes an empty line to standard output and waits for a byte on standard input. */
  readonly isInTurns?: boolean;
}

export interface ChildResult {
  readonly protocol: number;
  readonly engine: string;
  readonly ticks: number;
  readonly idleTicks: number;
  /** Of the window; the machine was at its first tick before. */
  readonly time: HostTime;
  /** Of the whole process up to there and to the end: loading, images, the way to the window. */
  readonly loading: HostTime;
  /** Main thread, by piece, in ms; ticks by piece without halted ones. */
  readonly pieceMs: readonly number[];
  readonly pieceTicks: readonly number[];
  readonly compile: { readonly times: number; readonly functions: number; readonly ms: number; readonly size: number };
  readonly garbage: { readonly times: number; readonly ms: number };
  readonly memory: { readonly peakMegabytes: number; readonly heapMegabytes: number };
  readonly profile: HostProfile | null;
}

interface Figures {
  readonly figures?: { readonly size: number };
}

function awaitTurn({ isInTurns }: Job): void {
  if (isInTurns !== true) return;
  writeSync(1, '\n');
  readSync(0, Buffer.alloc(1));
}

export async function runJob(job: Job): Promise<ChildResult> {
  setV8Flags();
  const makeEngine = await loadEngine(job.engine);
  const log = openLog(new Uint8Array(readFileSync(job.path)), { salvage: job.isSalvaged });
  const images = findImages({ log, path: job.path, given: job.given, warn: () => {} });
  const { path, fromTick, toTick } = job;
  const window = new Window({ path, log, images, makeEngine, fromTick, toTick });
  const { machine } = window;
  const { engine } = machine;
  const garbage = { times: 0, ms: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      garbage.times++;
      garbage.ms += duration;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const compile = { times: 0, functions: 0, ms: 0, size: 0 };
  let beganMs = 0;
  engine.onCompile = (isBeginning) => {
    if (isBeginning) beganMs = mainMs();
    else {
      compile.times++;
      compile.ms += mainMs() - beganMs;
    }
  };
  engine.onUnit = (what) => {
    if (what === 'compile') compile.functions++;
  };
  const sizeBefore = (engine as Figures).figures?.size ?? 0;
  const profiler = job.isSampled ? await Profiler.begin() : null;
  const loading = hostTime();
  const idleBefore = machine.idleTicks;
  const pieceMs: number[] = [];
  const pieceTicks: number[] = [];
  const step = Math.max(1, Math.ceil((toTick - fromTick) / job.pieces));
  awaitTurn(job);
  let ms = mainMs();
  let busy = fromTick - machine.idleTicks;
  for (let goesOn = true; goesOn; ) {
    goesOn = window.advance(fromTick + step * (pieceMs.length + 1));
    const nowMs = mainMs();
    const nowBusy = machine.tick - machine.idleTicks;
    pieceMs.push(nowMs - ms);
    pieceTicks.push(nowBusy - busy);
    if (goesOn) awaitTurn(job);
    ms = job.isInTurns === true ? mainMs() : nowMs;
    busy = nowBusy;
  }
  const time = since(loading);
  const profile = profiler === null ? null : await profiler.end(time, machine.cpu.ramBase);
  // Entries of the collector are handed out in turns of the event loop.
  await new Promise<void>((resolve) => setImmediate(resolve));
  observer.disconnect();
  compile.size = ((engine as Figures).figures?.size ?? 0) - sizeBefore;
  const { heapUsed } = process.memoryUsage();
  return {
    protocol: PROTOCOL,
    engine: job.engine,
    ticks: machine.tick - fromTick,
    idleTicks: machine.idleTicks - idleBefore,
    time,
    loading,
    pieceMs,
    pieceTicks,
    compile,
    garbage,
    memory: { peakMegabytes: process.resourceUsage().maxRSS / 1024, heapMegabytes: heapUsed / 2 ** 20 },
    profile,
  };
}

async function main(text: string): Promise<void> {
  const job = JSON.parse(text) as Job;
  if (job.protocol !== PROTOCOL) {
    throw new Error(`this build measures by protocol ${PROTOCOL}, not ${job.protocol}: build both from newer sources`);
  }
  process.stdout.write(`${JSON.stringify(await runJob(job))}\n`);
}

if (process.argv[2] !== undefined && process.argv[1]?.endsWith('child-run.js') === true) {
  main(process.argv[2]).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
