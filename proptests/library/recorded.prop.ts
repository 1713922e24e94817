/**
 * A recorded run in a program: `openRun` goes where the debugger goes, finds every occurrence in order, and what it
 * says agrees with the log and with a replay that never looks back. One way at a time, and a way may be given up.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleGuest, buildGuest } from '../../src/host/node/guest-images.ts';
import { logEvents, openLog, openRun, record, type RecordedRun, serialText } from '../../src/library.ts';
import { plainHashes } from '../timeline/fixture.ts';

const kernel = buildGuest('echo');
const recorded = await record({
  images: { kernel },
  memoryMegabytes: 4,
  hashEveryTicks: 0,
  inputs: [
    { tick: 300_000, event: serialText('hello\n') },
    { tick: 600_000, event: serialText('hello\n') },
    { tick: 900_000, event: serialText('quit\n') },
  ],
});
const log = openLog(recorded.log);
const open = async (options = {}): Promise<RecordedRun> => await openRun(log, { images: { kernel }, ...options });

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of list) found.push(one);
  return found;
}

test('positions as people write them lead where a replay has been', async () => {
  const run = await open();
  const ticks: number[] = [];
  const hashes: string[] = [];
  for (const position of [123_456, '400_000', '75%', { tick: 9_999, seq: 0 }, 'end', 'start', '+100', '-50']) {
    await run.seek(position);
    ticks.push(run.position.tick);
    hashes.push(run.hash());
  }
  assert.deepEqual(ticks, [123_456, 400_000, Math.floor(run.endTick * 0.75), 9_999, run.endTick, 0, 100, 50]);
  const sorted = [...ticks].sort((a, b) => a - b);
  const plain = plainHashes({ name: 'echo', log, images: new Map([['kernel', kernel]]) }, sorted);
  hashes.forEach((hash, i) => assert.equal(hash, plain[sorted.indexOf(ticks[i])], `tick ${ticks[i]}`));
  await run.step(7);
  await run.step(-3);
  assert.equal(run.position.tick, 54);
  await assert.rejects(run.seek('nowhere!'), { name: 'PositionError' });
  await assert.rejects(run.seek('serial:"never"'), { name: 'PositionError' });
  assert.equal(run.position.tick, 54);
});

test('find gives every occurrence from here on, in order', async () => {
  const run = await open();
  const sent = await all(run.find('serial:"hello"'));
  assert.equal(sent.length, 2);
  for (const { position } of sent) {
    await run.seek(position);
    assert.match(Buffer.from(run.serial()).toString('latin1'), /hello$/);
  }
  assert.ok(sent[0].position.tick < sent[1].position.tick);
  // From the first on only the second is left; letters overlap with nothing.
  await run.seek(sent[0].position);
  assert.deepEqual(
    (await all(run.find('serial:"hello"'))).map(({ position }) => position),
    [sent[1].position],
  );
  await run.seek('start');
  assert.equal((await all(run.find('serial:"l"'))).length, 4);

  await run.seek(310_000);
  const logged = [...logEvents(log, { fromTick: 310_000, kinds: new Set(['interrupt']) })];
  const interrupts = await all(run.find('irq'));
  assert.deepEqual(
    interrupts.map(({ position }) => position.tick),
    logged.map(({ tick }) => tick),
  );
  assert.ok(interrupts.length >= 1);
  // Whoever leaves the loop leaves the run there.
  await run.seek('start');
  for await (const stop of run.find('irq')) {
    assert.deepEqual(run.position, stop.position);
    break;
  }
  assert.ok(run.position.tick > 0 && run.position.tick < run.endTick);
  await assert.rejects(all(run.find('50%')), { name: 'UsageError', message: /is one place/ });
});

test('breakpoints, watchpoints and the last write agree with each other', async () => {
  const run = await open();
  const { symbols } = assembleGuest('echo');
  const handler = [...symbols].find(([name]) => name === 'on_serial')?.[1] ?? 0;
  assert.ok(handler > 0);
  const breakpoint = run.breakAt(handler);
  const hits = await all(run.hits());
  assert.ok(hits.length >= 1 && hits.every((stop) => stop.kind === 'breakpoint'));
  assert.equal((await run.reverseContinue()).position.tick, hits.at(-1)?.position.tick);
  assert.equal(run.evaluate('eip'), handler);
  assert.equal(run.read(handler, 4).length, 4);
  assert.ok(run.remove(breakpoint) && !run.remove(breakpoint));

  const stack = run.evaluate('esp');
  const here = run.position;
  const last = await run.lastWrite(stack);
  assert.ok(last !== null && last.position.tick <= here.tick);
  assert.deepEqual(run.position, here);
  const watchpoint = run.watch(stack);
  const back = await run.reverseContinue();
  assert.deepEqual([back.kind, back.position], ['watchpoint', last.position]);
  run.remove(watchpoint);
  const conditional = run.breakAt(handler, { condition: '0' });
  assert.equal((await run.continue()).kind, 'end');
  run.remove(conditional);
  assert.throws(() => run.watch(0xf000_0000), { name: 'UsageError', message: /No memory is mapped/ });
});

test('bytes in memory are found, with the instruction that left them', async () => {
  const run = await open();
  await run.seek('end');
  const text = Buffer.from('quit');
  const places = await all(run.findBytes(text));
  assert.ok(places.length >= 1);
  for (const { physical } of places) assert.deepEqual(Buffer.from(run.readPhysical(physical, 4)), text);
  assert.ok(
    places.some(({ since }) => since === null),
    'the word is in the image of the kernel',
  );
  assert.equal(run.position.tick, run.endTick);
});

test('one way at a time, and a way may be given up', async () => {
  let pauses = 0;
  const run = await open({
    pause: async () => {
      if (++pauses === 2) throw new Error('enough');
    },
  });
  run.timeline.chunkTicks = 10_000;
  const way = run.seek('end');
  await assert.rejects(run.step(), { name: 'UsageError', message: /on its way already/ });
  await assert.rejects(way, /enough/);
  const { tick } = run.position;
  assert.ok(tick > 0 && tick < run.endTick);
  await run.seek(tick + 5);
  assert.equal(run.position.tick, tick + 5);
});
