/**
 * How long time travel takes: after one pass over a recording, seeks to random positions, steps back near a visited
 * place, the last write of random words of memory. Times are of the whole operation, median and worst, with the memory
 * that checkpoints took. Recordings: the path in SEEK_LOG (its images in SEEK_IMAGES), else a built-in guest.
 */
import { performance } from 'node:perf_hooks';
import { readFileSync } from 'node:fs';
import type { LogReader } from '../src/core/replay/log.ts';
import type { Images } from '../src/core/replay/session.ts';
import { finish, Timeline } from '../src/core/replay/timeline.ts';
import { loadEngine } from '../src/host/engines.ts';
import { buildGuest } from '../src/host/guest-images.ts';
import { findImages } from '../src/host/images.ts';
import { openLog, record } from '../src/host/index.ts';

const SEEKS = 15;
const STEPS = 20;
const WRITES = 5;
const BUILT_IN = 'mix';

async function recording(): Promise<{ name: string; log: LogReader; images: Images }> {
  const path = process.env.SEEK_LOG;
  if (path !== undefined) {
    const log = openLog(readFileSync(path));
    return { name: path, log, images: findImages(log, { files: [], places: [process.env.SEEK_IMAGES ?? '.'] }) };
  }
  const kernel = buildGuest(BUILT_IN);
  const { log } = await record({ images: { kernel } });
  return { name: BUILT_IN, log: openLog(log), images: new Map([['kernel', kernel]]) };
}

/** xorshift32, so that every run asks for the same places. */
let state = 0x2545f491;
function random(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * limit);
}

function times(count: number, work: () => void): string {
  const list = Array.from({ length: count }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return `median ${list[list.length >> 1].toFixed(0)} ms, worst ${list[list.length - 1].toFixed(0)} ms (${count})`;
}

const { name, log, images } = await recording();
const makeEngine = await loadEngine('interp');
const timeline = new Timeline({ log, images, makeEngine });
const start = performance.now();
finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
const seconds = (performance.now() - start) / 1000;
const megabytes = (timeline.checkpoints.bytes / 2 ** 20).toFixed(0);
console.log(`${name}: ${timeline.endTick} ticks, first pass ${seconds.toFixed(1)} s`);
console.log(
  `checkpoints: ${timeline.checkpoints.count}, ${megabytes} MiB, intervals of ${timeline.intervalTicks} ticks`,
);
console.log(`random seek:  ${times(SEEKS, () => finish(timeline.seek({ tick: random(timeline.endTick), seq: 0 })))}`);
console.log(`reverse step: ${times(STEPS, () => finish(timeline.stepBack()))}`);
finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
const { ramSize } = timeline.machine.cpu;
console.log(`last write:   ${times(WRITES, () => finish(timeline.lastWrite(random(ramSize) & ~3, 4)))}`);
