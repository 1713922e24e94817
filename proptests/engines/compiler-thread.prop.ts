/**
 * A thread that makes modules beside the guest (host/node/compiler-thread.ts): what it makes runs, and runs end as they
 * do without it; where it ends, throws or never comes up it is said once, and the run goes on without it.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { compileBeside } from '../../src/engines.ts';
import { makeCompilerThread } from '../../src/host/node/compiler-thread.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { record } from '../../src/library.ts';
import type { Compiler } from '../../tiers/wasm/order.ts';

const ENGINE = 'wasm:threshold=2,wait=1,region=2';
const GUEST_TICKS = 400_000;
const TURN_MS = 50;
/** A machine that is busy takes seconds until a thread runs. */
const TURNS_MAX = 1200;

let threads: ReturnType<typeof makeCompilerThread>[] = [];
afterEach(async () => {
  compileBeside(async () => null);
  await Promise.all(threads.map((thread) => thread.end()));
  threads = [];
});

interface Heard {
  handedOver: number;
  answered: number;
  lost: number;
}

/** The thread, with what becomes of orders counted. */
function listened(compiler: Compiler): { compiler: Compiler; heard: Heard } {
  const heard: Heard = { handedOver: 0, answered: 0, lost: 0 };
  const begin: Compiler['begin'] = (order) => {
    const awaited = compiler.begin(order);
    if (awaited === null) return null;
    heard.handedOver++;
    return {
      take: () => {
        const answer = awaited.take();
        if (answer === 'lost') heard.lost++;
        else if (answer !== null) heard.answered++;
        return answer;
      },
    };
  };
  return { compiler: { begin }, heard };
}

async function hashOf(guest: string, engine: string): Promise<string> {
  const settings = { memoryMegabytes: 8, reboot: false, images: { kernel: buildGuest(guest) } };
  const { hash } = await record({ ...settings, maxTicks: GUEST_TICKS, engine, hashEveryTicks: 0 });
  return hash;
}

/** Runs guests with the thread until `isEnough`; each ends as the interpreter ends it. */
async function runUntil(thread: Compiler, isEnough: (heard: Heard) => boolean): Promise<Heard> {
  const { compiler, heard } = listened(thread);
  const guests = ['smc', 'sort', 'tasks', 'mix'];
  const right = new Map<string, string>();
  for (const guest of guests) right.set(guest, await hashOf(guest, 'interp'));
  compileBeside(async () => compiler);
  for (let turn = 0; turn < TURNS_MAX && !isEnough(heard); turn++) {
    const guest = guests[turn % guests.length];
    assert.equal(await hashOf(guest, ENGINE), right.get(guest), guest);
    await setTimeout(TURN_MS);
  }
  return heard;
}

test('modules of a thread run as those that are made in line', async () => {
  const warnings: string[] = [];
  const thread = makeCompilerThread((sentence) => warnings.push(sentence));
  threads.push(thread);
  const heard = await runUntil(thread, ({ answered }) => answered >= 8);
  assert.ok(heard.answered >= 8, JSON.stringify(heard));
  assert.deepEqual(warnings, []);
});

for (const [what, source, why] of [
  ['ends', 'process.exit(3)', /status 3/],
  ['throws', 'throw new Error("no room")', /no room/],
] as const) {
  test(`a thread that ${what} is missed once`, async () => {
    const warnings: string[] = [];
    const thread = makeCompilerThread(
      (sentence) => warnings.push(sentence),
      new URL(`data:text/javascript,${encodeURIComponent(source)}`),
    );
    threads.push(thread);
    const heard = await runUntil(thread, () => warnings.length > 0);
    assert.equal(heard.answered, 0);
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0], why);
    assert.match(warnings[0], /in line from now on/);
  });
}

test('what a thread had in hand when it ended is made in line', async () => {
  const warnings: string[] = [];
  // Ready, and gone with the first order.
  const source = `
    import { workerData } from 'node:worker_threads';
    workerData.port.on('message', () => process.exit(4));
    Atomics.store(workerData.shared, 0, 1);`;
  const thread = makeCompilerThread(
    (sentence) => warnings.push(sentence),
    new URL(`data:text/javascript,${encodeURIComponent(source)}`),
  );
  threads.push(thread);
  const heard = await runUntil(thread, ({ handedOver }) => handedOver > 0 && warnings.length > 0);
  assert.ok(heard.handedOver > 0, JSON.stringify(heard));
  assert.equal(warnings.length, 1, warnings.join('\n'));
});
