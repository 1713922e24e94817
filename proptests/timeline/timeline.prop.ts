/**
 * Every way to a position gives the same state: seeks in any order, from any checkpoint, with any budget of memory,
 * steps forwards and backwards, breakpoints and watchpoints in both directions, on built-in guests and on random ones.
 * A failure names the guest and the tick; `plainHashes` and `seek` show it again.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePositions, type Position } from '../../src/core/timeline/lookout.ts';
import { CS, EIP, HALTED, SEG_BASE } from '../../src/core/state/layout.ts';
import { loadEngine } from '../../src/engines.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { wildRun } from '../replay/wild.ts';
import { go, hashOf, plainHashes, recordGuest, recordRun, type Recorded, timelineOf } from './fixture.ts';
import { Judged } from '../support/judged.ts';

const GUESTS = ['paging', 'tasks', 'smc', 'interrupts'];
const WILD_SEEDS = [1, 2, 3, 4];

async function everyRun(): Promise<Recorded[]> {
  const runs: Recorded[] = [];
  for (const name of GUESTS) runs.push(await recordGuest(name, { maxTicks: 200_000 }));
  for (const seed of WILD_SEEDS) runs.push(await recordRun(`wildRun(${seed})`, wildRun(seed)));
  return runs;
}

const runs = await everyRun();

test('seeks in any order lead to the states of a replay from zero, whatever the memory and the interval', () => {
  for (const run of runs) {
    const dice = new Random(run.log.lastTick);
    for (const options of [{}, { intervalTicks: 4096, checkpointBytesMax: 200_000 }]) {
      const timeline = timelineOf(run, options);
      const ticks = Array.from({ length: 8 }, () => dice.below(timeline.endTick + 1));
      const sorted = [...ticks].sort((a, b) => a - b);
      const expected = new Map(plainHashes(run, sorted).map((hash, i) => [sorted[i], hash]));
      for (const tick of ticks) {
        go(timeline.seek({ tick, seq: 0 }));
        const { position } = timeline;
        const actual = position.tick === tick ? hashOf(timeline) : `tick ${position.tick}`;
        assert.equal(actual, expected.get(tick), `${run.name}, tick ${tick}`);
        assert.equal(position.seq, 0);
      }
      assert.equal(timeline.divergence, null, run.name);
    }
  }
});

test('code that stays compiled over seeks is the code that is there', async () => {
  for (const [engine, own] of [
    ['js:threshold=1', runs.filter((_, i) => i % 2 === 0)],
    ['tiered:threshold=20,cache=16', runs.filter((_, i) => i % 2 !== 0)],
  ] as const) {
    const compiling = await loadEngine(engine);
    for (const run of own) {
      const dice = new Random(3 + run.log.lastTick);
      const timeline = timelineOf(run, { makeEngine: compiling, makeStepper: compiling, holdTicks: 0 });
      go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
      const ticks = Array.from({ length: 4 }, () => dice.below(timeline.endTick));
      const sorted = [...ticks].sort((a, b) => a - b);
      const expected = new Map(plainHashes(run, sorted).map((hash, i) => [sorted[i], hash]));
      for (const tick of ticks) {
        go(timeline.seek({ tick, seq: 0 }));
        const actual = timeline.position.tick === tick ? hashOf(timeline) : `tick ${timeline.position.tick}`;
        assert.equal(actual, expected.get(tick), `${run.name}, ${engine}, tick ${tick}`);
        // On with what is compiled, and checked against the log.
        go(timeline.step(500));
      }
      assert.equal(timeline.divergence, null, `${run.name}, ${engine}`);
    }
  }
});

test('from every checkpoint the replay goes on to the end, with every check and the final hash', () => {
  for (const run of runs) {
    const timeline = timelineOf(run);
    go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
    const { end } = run.log;
    assert.ok(end !== null && end.hash !== null);
    const ticks = timeline.checkpoints.ticks();
    assert.ok(ticks.length > 1 || timeline.endTick < 8192, run.name);
    for (const tick of ticks.reverse().filter((_, i) => i % 8 === 3 || i < 2)) {
      go(timeline.seek({ tick, seq: 0 }));
      go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
      assert.equal(timeline.divergence, null, `${run.name} from ${tick}`);
      assert.equal(hashOf(timeline), end.hash, `${run.name} from ${tick}`);
    }
  }
});

test('steps back lead through the states of the steps forward', () => {
  for (const run of runs) {
    const timeline = timelineOf(run);
    const dice = new Random(7 + run.log.lastTick);
    for (let round = 0; round < 2; round++) {
      go(timeline.seek({ tick: dice.below(timeline.endTick), seq: 0 }));
      const seen: [Position, string][] = [[timeline.position, hashOf(timeline)]];
      for (let i = 0; i < 12; i++) {
        if (go(timeline.step()).kind === 'end') break;
        seen.push([timeline.position, hashOf(timeline)]);
      }
      seen.pop();
      for (const [position, hash] of seen.reverse()) {
        go(timeline.stepBack());
        assert.deepEqual(timeline.position, position, run.name);
        assert.equal(hashOf(timeline), hash, `${run.name}, tick ${position.tick}`);
      }
    }
  }
});

test('steps by instructions pass idle time in both directions, through the same states', async () => {
  const idle = await recordGuest('interrupts', { maxTicks: 2_500_000, hashEveryTicks: 1 << 20 });
  const timeline = timelineOf(idle);
  let passed = 0;
  const isHalted = (): boolean => timeline.machine.cpu.m32[HALTED] !== 0;
  let places = 0;
  for (let part = 1; part < 32 && places < 2; part++) {
    go(timeline.seek({ tick: Math.floor((timeline.endTick * part) / 32), seq: 0 }));
    if (!isHalted()) continue;
    places++;
    // To the instruction before the idle time; from within, steps do not lead back to where they began.
    while (isHalted()) go(timeline.stepInstructionBack());
    const seen: [Position, string][] = [[timeline.position, hashOf(timeline)]];
    for (let i = 0; i < 16; i++) {
      if (go(timeline.stepInstruction()).kind === 'end') break;
      if (timeline.isAtEnd) break;
      if (timeline.position.tick > seen[seen.length - 1][0].tick + 1) passed++;
      seen.push([timeline.position, hashOf(timeline)]);
    }
    go(timeline.seek(seen.pop()?.[0] ?? timeline.position));
    for (const [position, hash] of seen.reverse()) {
      go(timeline.stepInstructionBack());
      assert.deepEqual(timeline.position, position);
      assert.equal(hashOf(timeline), hash, `tick ${position.tick}`);
    }
  }
  assert.ok(passed > 0, 'some idle time was passed');
});

/** Ticks by the address of the instruction that begins at them, by single steps: the slow and obvious way. */
function ticksByAddress(run: Recorded, limit: number): Map<number, number[]> {
  const timeline = timelineOf(run);
  const found = new Map<number, number[]>();
  const { m32 } = timeline.machine.cpu;
  for (let tick = 0; tick < limit; tick++) {
    const address = (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
    found.set(address, [...(found.get(address) ?? []), tick]);
    go(timeline.seek({ tick: tick + 1, seq: 0 }));
  }
  return found;
}

test('breakpoints are hit backwards in reverse order, at the same states, where single steps find them', async () => {
  const run = await recordGuest('sort', { append: '1', maxTicks: 300_000 });
  const { symbols } = assembleGuest('sort');
  const byAddress = ticksByAddress(run, 1500);
  let hitCount = 0;
  for (const [name, address] of symbols) {
    const expected = (byAddress.get(address) ?? []).slice(0, 20);
    const timeline = timelineOf(run);
    timeline.addBreakpoint(address);
    // The first instruction of all is not hit: one stands there already.
    const wanted = expected.filter((tick) => tick > 0);
    const states: [Position, string][] = [];
    for (const tick of wanted) {
      const stop = go(timeline.continueForward());
      assert.equal(stop.kind, 'breakpoint', name);
      assert.deepEqual(stop.position, { tick, seq: 0 }, name);
      states.push([stop.position, hashOf(timeline)]);
      hitCount++;
    }
    states.pop();
    for (const [position, hash] of states.reverse()) {
      const stop = go(timeline.continueBackward());
      assert.deepEqual(stop.position, position, name);
      assert.equal(hashOf(timeline), hash, name);
    }
    if (hitCount > 40) break;
  }
  assert.ok(hitCount > 20, `${hitCount} hits`);
});

test('a search backwards runs only intervals that execute the page, and finds what a search through all finds', () => {
  for (const run of [runs[0], runs[2], runs[5]]) {
    const known = timelineOf(run, { intervalTicks: 2048 });
    go(known.seek({ tick: known.endTick, seq: 0 }));
    const dice = new Random(17 + run.log.lastTick);
    for (let round = 0; round < 2; round++) {
      go(known.seek({ tick: dice.below(known.endTick), seq: 0 }));
      const { m32 } = known.machine.cpu;
      const address = (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
      // One interval: it is the last one, about which nothing is known.
      const fresh = timelineOf(run, { intervalTicks: 2 ** 30 });
      for (const timeline of [known, fresh]) {
        go(timeline.seek({ tick: known.endTick, seq: 0 }));
        timeline.searchedIntervals = 0;
      }
      known.addBreakpoint(address);
      fresh.addBreakpoint(address);
      for (let i = 0; i < 3; i++) {
        const [a, b] = [known, fresh].map((timeline) => go(timeline.continueBackward()));
        assert.deepEqual(a.position, b.position, `${run.name}, ${address.toString(16)}`);
        assert.equal(hashOf(known), hashOf(fresh));
      }
      for (const { id } of [...known.breakpoints]) known.remove(id);
    }
    // Nowhere executed: nothing is run.
    known.addBreakpoint(0xfee1_d000);
    known.searchedIntervals = 0;
    go(known.seek({ tick: known.endTick, seq: 0 }));
    assert.equal(go(known.continueBackward()).kind, 'start');
    assert.ok(known.searchedIntervals <= 1, `${run.name}: ${known.searchedIntervals} intervals`);
  }
});

test('a breakpoint on a repeated instruction is hit at every iteration, in both directions', async () => {
  const run = await recordGuest('strings', { maxTicks: 60_000 });
  const timeline = timelineOf(run);
  const { m32 } = timeline.machine.cpu;
  // An instruction that takes several ticks without leaving its place.
  let tick = 2000;
  for (let eip = -1; eip !== m32[EIP]; tick += 3) {
    go(timeline.seek({ tick, seq: 0 }));
    eip = m32[EIP];
    go(timeline.step());
  }
  timeline.addBreakpoint((m32[EIP] + m32[SEG_BASE + CS]) >>> 0);
  const found: Position[] = [];
  for (let i = 0; i < 8; i++) found.push(go(timeline.continueForward()).position);
  assert.equal(found[1].tick, found[0].tick + 1);
  for (const position of found.slice(0, -1).reverse()) {
    assert.deepEqual(go(timeline.continueBackward()).position, position);
  }
});

test('handlers of interrupts and exceptions can be stopped at, and found again', () => {
  const judged = new Judged('deliveries');
  for (const run of runs) {
    const timeline = timelineOf(run);
    const entries: { position: Position; hash: string; address: number }[] = [];
    // Just before a delivery, then after it: the address of the handler.
    for (let i = 0; i < 6; i++) {
      const stop = go(timeline.continueToDelivery((kind) => kind !== 'reset'));
      if (stop.kind !== 'delivery') break;
      const before = stop.position;
      go(timeline.seek({ tick: before.tick, seq: before.seq + 1 }));
      const { m32 } = timeline.machine.cpu;
      const { position } = timeline;
      if (position.tick !== before.tick) continue;
      judged.add();
      entries.push({ position, hash: hashOf(timeline), address: (m32[EIP] + m32[SEG_BASE + CS]) >>> 0 });
    }
    const fresh = timelineOf(run);
    for (const { position, hash, address } of entries) {
      assert.ok(position.seq > 0, run.name);
      // An instruction that never began (the next delivery came first) cannot be stopped at.
      const breakpoint = fresh.addBreakpoint(address);
      go(fresh.seek({ tick: position.tick, seq: 0 }));
      const stop = go(fresh.continueForward());
      fresh.remove(breakpoint.id);
      if (comparePositions(stop.position, position) === 0)
        assert.equal(hashOf(fresh), hash, `${run.name} ${position.tick}`);
      go(fresh.seek(position));
      assert.equal(hashOf(fresh), hash, `${run.name}, tick ${position.tick}/${position.seq}`);
    }
  }
  judged.atLeast(2 * runs.length);
});

test('a watchpoint finds forwards and backwards what a comparison of memory finds', () => {
  const judged = new Judged('bytes');
  for (const run of runs) {
    const dice = new Random(99 + run.log.lastTick);
    const timeline = timelineOf(run);
    go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
    for (let round = 0; round < 3; round++) {
      // A byte that is written: near the stack, or what a random write touched.
      go(timeline.seek({ tick: dice.below(timeline.endTick), seq: 0 }));
      const { cpu } = timeline.machine;
      const physical = (cpu.m32[4] - 4 - dice.below(16)) >>> 0;
      if (physical >= cpu.memory.ramBytes) continue;
      const byte = (): number => timeline.machine.space.read8(physical);
      go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
      const last = go(timeline.lastWrite(physical, 1));
      if (last === null) continue;
      judged.add();
      assert.equal(timeline.position.tick, timeline.endTick, 'lastWrite does not move');
      const final = byte();
      // After the write nothing changes the byte any more.
      go(timeline.seek({ tick: last.position.tick + 1, seq: 0 }));
      assert.equal(byte(), final, `${run.name}: byte ${physical.toString(16)} after tick ${last.position.tick}`);
      // Both directions agree.
      const watchpoint = timeline.addWatchpoint(physical, 1);
      go(timeline.seek(last.position));
      const forward = go(timeline.continueForward());
      assert.equal(forward.kind, 'watchpoint', run.name);
      assert.ok(forward.position.tick <= last.position.tick + 1, run.name);
      assert.ok(forward.position.tick >= last.position.tick, run.name);
      assert.notEqual(go(timeline.continueForward()).kind, 'watchpoint', run.name);
      go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
      const backward = go(timeline.continueBackward());
      assert.deepEqual(backward.position, last.position, run.name);
      timeline.remove(watchpoint.id);
    }
  }
  judged.atLeast(runs.length);
});
