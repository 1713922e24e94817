/**
 * How long time travel takes: after one pass over a recording, seeks to random positions, steps back near a visited
 * place, the last write of random words of memory. Times are of the whole operation, median and worst, with the memory
 * that checkpoints took. Recordings: the path in SEEK_LOG (its images in SEEK_IMAGES), else a built-in guest. The last
 * writes are those of random words in pages that are not empty. SEEK_PAUSE: waits for a byte after the first pass.
 */
import { Random } from '../src/core/base/random.ts';
import { PAGE_BYTES } from '../src/core/base/pages.ts';
import { performance } from 'node:perf_hooks';
import { readFileSync, readSync } from 'node:fs';
import type { LogReader } from '../src/core/log/log.ts';
import type { Images } from '../src/core/session/session.ts';
import { finish, Timeline } from '../src/core/timeline/timeline.ts';
import { RAM_BASE } from '../src/core/state/layout.ts';
import { DEFAULT_ENGINE, loadEngine } from '../src/engines.ts';
import { buildGuest } from '../src/host/node/guest-images.ts';
import { findImages } from '../src/host/node/find-images.ts';
import { openLog, record } from '../src/library.ts';

const SEEKS = 40;
const STEPS = 20;
const WRITES = 10;
const BUILT_IN = 'mix';

async function recording(): Promise<{ name: string; log: LogReader; images: Images }> {
  const path = process.env.SEEK_LOG;
  if (path !== undefined) {
    const log = openLog(readFileSync(path));
    const given = { files: [], places: [process.env.SEEK_IMAGES ?? '.'] };
    return { name: path, log, images: findImages({ log, path, given, warn: console.error }) };
  }
  const kernel = buildGuest(BUILT_IN);
  const { log } = await record({ images: { kernel } });
  return { name: BUILT_IN, log: openLog(log), images: new Map([['kernel', kernel]]) };
}

/** Every run asks for the same places. */
const random = new Random(1);

function times(count: number, work: () => void): string {
  const list = Array.from({ length: count }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return `median ${list[list.length >> 1].toFixed(0)} ms, worst ${list[list.length - 1].toFixed(0)} ms (${count})`;
}

const { name, log, images } = await recording();
const makeEngine = await loadEngine(DEFAULT_ENGINE);
const timeline = new Timeline({ log, images, makeEngine });
const start = performance.now();
finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
const seconds = (performance.now() - start) / 1000;
const megabytes = (timeline.checkpoints.bytes / 2 ** 20).toFixed(0);
console.log(`${name}: ${timeline.endTick} ticks, first pass ${seconds.toFixed(1)} s`);
console.log(
  `checkpoints: ${timeline.checkpoints.count}, ${megabytes} MiB, intervals of ${timeline.intervalTicks} ticks`,
);
const ticks = timeline.checkpoints.ticks();
const gaps = ticks.map((tick, i) => (ticks[i + 1] ?? timeline.endTick) - tick);
console.log(`longest gap between checkpoints: ${Math.max(...gaps)} ticks`);
if (process.env.SEEK_PAUSE !== undefined) readSync(0, new Uint8Array(1));
console.log(
  `random seek:  ${times(SEEKS, () => finish(timeline.seek({ tick: random.below(timeline.endTick), seq: 0 })))}`,
);
console.log(`reverse step: ${times(STEPS, () => finish(timeline.stepBack()))}`);
finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
const { m32, ramPages } = timeline.machine.memory;
function usedWord(): number {
  for (;;) {
    const page = random.below(ramPages) * PAGE_BYTES;
    const first = (RAM_BASE + page) >>> 2;
    if (m32.subarray(first, first + 1024).some((word) => word !== 0)) return page + random.below(1024) * 4;
  }
}
console.log(`last write:   ${times(WRITES, () => finish(timeline.lastWrite(usedWord(), 4)))}`);
