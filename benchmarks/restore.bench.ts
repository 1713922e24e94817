/**
 * What it costs to bring a machine of 64 MB back to a moment when 100 of its pages have been written, as a fuzzer does
 * before each run (machine/snapshot.ts), and how much of it is the pages: `npm run bench restore`. Median and quartiles
 * of single restores by the host's clock; the copy alone is the same pages moved by memmove.
 */
import { performance } from 'node:perf_hooks';
import { PAGE_BYTES } from '../src/core/base/pages.ts';
import { SILENT_OUTPUT } from '../src/core/board/silent.ts';
import { PageStore } from '../src/core/machine/snapshot.ts';
import { describeMachine } from '../src/core/session/describe-machine.ts';
import { LivePort } from '../src/core/session/live-port.ts';
import { Session } from '../src/core/session/session.ts';
import { DEFAULT_ENGINE, loadEngine } from '../src/engines.ts';
import { buildGuest } from '../src/host/node/guest-images.ts';
import { sha256 } from '../src/host/node/images.ts';

const FIRST_PAGE = 0x400;
const ROUNDS = 4000;

const setup = describeMachine(
  { kernel: { name: 'race', data: buildGuest('race') } },
  { memoryMegabytes: 64, hashEveryTicks: 0 },
  sha256,
);
const makeEngine = await loadEngine(DEFAULT_ENGINE);
const session = new Session({ ...setup, makeEngine, port: new LivePort(), output: SILENT_OUTPUT });
session.advance(200_000);
const { machine } = session;
const { memory } = machine;
const store = new PageStore(machine);

function write(pages: number, round: number): void {
  for (let i = 0; i < pages; i++) {
    const at = (FIRST_PAGE + i * 3) * PAGE_BYTES + (round & 0xffc);
    memory.touch(at, 4);
    memory.m32[(machine.cpu.ramBase + at) >>> 2] = round + i;
  }
}

write(400, 1);
const snapshot = store.take();
const hash = machine.hash().root;
for (const pages of [0, 10, 100, 400]) {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    write(pages, round);
    const start = performance.now();
    store.restore(snapshot, true);
    took.push((performance.now() - start) * 1000);
  }
  if (machine.hash().root !== hash) throw new Error('the machine is not what it was');
  took.sort((a, b) => a - b);
  const at = (share: number): string => took[Math.floor(share * ROUNDS)].toFixed(1).padStart(7);
  const name = `${pages} pages`.padEnd(10);
  process.stdout.write(`${name} median ${at(0.5)} µs, quartiles ${at(0.25)} and ${at(0.75)}\n`);
}
