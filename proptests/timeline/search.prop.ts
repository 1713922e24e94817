/**
 * A search is as good as the way that it goes: it compiles what becomes hot, leaves the checkpoints that a plain seek
 * leaves, looks up often enough to be given up, says how far it is, and is back at once when it was. Text is found
 * where it was sent, whatever of it is kept in memory. What runs is counted in ticks, never in seconds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { goTo, parsePosition, PositionError } from '../../src/core/timeline/positions.ts';
import { SerialHistory } from '../../src/core/timeline/serial-history.ts';
import type { Timeline, Way } from '../../src/core/timeline/timeline.ts';
import type { EngineFactory } from '../../src/core/session/session.ts';
import { loadEngine } from '../../src/engines.ts';
import { go, hashOf, recordRun, timelineOf } from './fixture.ts';

const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
/** Counts on the serial line, a letter every 20 000 ticks, and says goodbye. */
const kernel = assemble(
  `${HEADER}start: mov dx, 0x3f8\nmov ebx, 1500\nmov al, 97\n` +
    'x: mov ecx, 20000\ny: loop y\nout dx, al\ninc al\ncmp al, 123\njne z\nmov al, 97\nz: dec ebx\njnz x\n' +
    'mov al, 90\nout dx, al\nw: mov ecx, 1000000\nv: loop v\nnever: jmp w\n',
).bytes;
const END_TICK = 36_000_000;
const run = await recordRun('letters', { images: { kernel }, memoryMegabytes: 4, maxTicks: END_TICK });
const HOLD_TICKS = 1 << 21;

/** Ticks that engines have run, and how many of them when nothing was compiled. */
function counting(make: EngineFactory) {
  const counts = { all: 0, held: 0 };
  const makeCounting: EngineFactory = (cpu) => {
    const engine = make(cpu);
    const inner = engine.run.bind(engine);
    engine.run = (its) => {
      const before = its.left;
      inner(its);
      counts.all += before - its.left;
      if (engine.isHeld === true) counts.held += before - its.left;
    };
    return engine;
  };
  return { counts, makeCounting };
}

interface Walked {
  readonly yields: number;
  readonly isFound: boolean;
  readonly farthestPart: number;
}

function walk(timeline: Timeline, way: Way<unknown>): Walked {
  let yields = 0;
  let farthestPart = 0;
  try {
    while (way.next().done !== true) {
      yields++;
      const { progress } = timeline;
      assert.ok(progress !== null && progress.done <= progress.total, 'every way says how far it is');
      farthestPart = Math.max(farthestPart, progress.done / progress.total);
    }
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
    return { yields, isFound: false, farthestPart };
  }
  return { yields, isFound: true, farthestPart };
}

test('searching forward is a plain run: compiled, with its checkpoints, and with pauses', async () => {
  const engine = await loadEngine('tiered');
  const fresh = () => {
    const { counts, makeCounting } = counting(engine);
    return { counts, timeline: timelineOf(run, { makeEngine: makeCounting, holdTicks: HOLD_TICKS }) };
  };
  const plain = fresh();
  const chunkTicks = plain.timeline.chunkTicks / 4;
  walk(plain.timeline, plain.timeline.seek({ tick: END_TICK, seq: 0 }));
  const searches: readonly (readonly [string, boolean, (timeline: Timeline) => Way<unknown>])[] = [
    ['text', true, (timeline) => goTo(timeline, parsePosition('serial:"Z"'))],
    ['no text', false, (timeline) => goTo(timeline, parsePosition('serial:"ZZ"'))],
    ['no fault', false, (timeline) => goTo(timeline, parsePosition('fault:14'))],
    ['no value', false, (timeline) => goTo(timeline, parsePosition('ecx == 0x7fffffff'))],
    ['no breakpoint', true, (timeline) => timeline.continueForward()],
    ['no watchpoint', true, (timeline) => timeline.continueForward()],
  ];
  for (const [name, isFound, search] of searches) {
    const { timeline, counts } = fresh();
    timeline.chunkTicks = chunkTicks;
    if (name === 'no breakpoint') timeline.addBreakpoint(0x1fffff);
    if (name === 'no watchpoint') timeline.addWatchpoint(0x200000, 4);
    const walked = walk(timeline, search(timeline));
    assert.equal(walked.isFound, isFound, name);
    assert.ok(walked.yields >= 30_000_000 / chunkTicks - 2, `${name}: ${walked.yields} pauses`);
    assert.ok(walked.farthestPart > 0.8, `${name}: ${walked.farthestPart}`);
    const most = plain.timeline.checkpoints.count + 6;
    assert.ok(timeline.checkpoints.count <= most, `${name}: ${timeline.checkpoints.count} checkpoints, not ${most}`);
    // The last stretch before a place is short.
    assert.ok(counts.held <= 3 * HOLD_TICKS, `${name}: ${counts.held} of ${counts.all} ticks without compiling`);
  }
});

test('a search backwards compiles too, once it has become long', async () => {
  const { counts, makeCounting } = counting(await loadEngine('tiered'));
  const timeline = timelineOf(run, { makeEngine: makeCounting, holdTicks: HOLD_TICKS });
  const fromTick = 8 * HOLD_TICKS;
  go(timeline.seek({ tick: fromTick, seq: 0 }));
  [counts.all, counts.held] = [0, 0];
  // Behind RAM, where it is not known who writes: no interval can be passed over.
  timeline.addWatchpoint(0xfee0_0000, 4);
  const walked = walk(timeline, timeline.continueBackward());
  assert.ok(walked.farthestPart > 0.9, `${walked.farthestPart}`);
  assert.ok(counts.all > 0.9 * fromTick);
  assert.ok(counts.held <= 3 * HOLD_TICKS, `${counts.held} of ${counts.all} ticks without compiling`);
  assert.equal(timeline.position.tick, 0);
});

test('who gives a long search up is back at once', async () => {
  const { counts, makeCounting } = counting(await loadEngine('tiered'));
  const timeline = timelineOf(run, { makeEngine: makeCounting, holdTicks: HOLD_TICKS, intervalTicks: 1 << 24 });
  const here = { tick: 9_000_001, seq: 0 };
  go(timeline.seek(here));
  const hash = hashOf(timeline);
  const way = goTo(timeline, parsePosition('serial:"never sent"'));
  for (let i = 0; i < 4; i++) assert.equal(way.next().done, false);
  way.return({} as never);
  assert.ok(timeline.position.tick > here.tick + 8_000_000);
  [counts.all] = [0];
  go(timeline.seek(here));
  assert.ok(counts.all <= 1 << 20, `${counts.all} ticks to where it began`);
  assert.equal(hashOf(timeline), hash);
  assert.equal(timeline.progress, null);
});

test('text is found where it was sent, whatever is kept of it', async () => {
  const makeEngine = await loadEngine('tiered');
  const small = timelineOf(run, { makeEngine, holdTicks: HOLD_TICKS, serialBytesMax: 0, intervalTicks: 1 << 22 });
  const large = timelineOf(run, { makeEngine, holdTicks: HOLD_TICKS, intervalTicks: 1 << 22 });
  for (const text of ['serial:"c"#7', 'serial:"xyzabc"#31', 'serial:"Z"', 'serial:"a"', 'serial:"yz"#57']) {
    const [a, b] = [small, large].map((timeline) => go(goTo(timeline, parsePosition(text))).position);
    assert.deepEqual(a, b, text);
    assert.equal(hashOf(small), hashOf(large), text);
    const [sentA, sentB] = [small, large].map(({ serial }) => serial.sentCount(0));
    assert.equal(sentA, sentB, text);
  }
  // Found again without running: it is known.
  const { tick } = large.position;
  assert.equal(
    go(large.searchText(0, Uint8Array.of(90)).nth(1) as Way<never>),
    go(small.searchText(0, Uint8Array.of(90)).nth(1) as Way<never>),
  );
  assert.equal(large.position.tick, tick);
});

test('history of serial lines stays within its bound, and what it still has is what was sent', () => {
  for (let seed = 0; seed < 12; seed++) {
    const dice = new Random(seed);
    const bytesMax = seed % 2 === 0 ? 40_000 : 1 << 30;
    const history = new SerialHistory(bytesMax);
    const sent: { byte: number; tick: number }[] = [];
    let now = 0;
    const marks: { at: number; mark: readonly number[] }[] = [{ at: 0, mark: history.mark() }];
    const heard: number[] = [];
    history.listener = (line, index, byte, tick) => {
      assert.deepEqual([line, byte, tick], [2, sent[index].byte, sent[index].tick]);
      heard.push(index);
    };
    for (let round = 0; round < 12; round++) {
      for (let count = dice.below(9000); count > 0; count--, now++) {
        if (now === sent.length) {
          const step = dice.below(4) === 0 ? dice.below(2 ** 20) * 2 ** dice.below(20) : dice.below(40);
          sent.push({ byte: dice.below(256), tick: (sent.at(-1)?.tick ?? 0) + step });
        }
        history.add(2, sent[now].byte, sent[now].tick);
        if (dice.below(1000) === 0) marks.push({ at: now + 1, mark: history.mark() });
      }
      assert.equal(history.count(2), sent.length);
      assert.equal(history.sentCount(2), now);
      const tail = history.sent(2);
      assert.deepEqual(
        [...tail],
        sent.slice(now - tail.length, now).map(({ byte }) => byte),
      );
      if (bytesMax > 1 << 20) assert.equal(tail.length, now);
      // One block is always being written, another may be longer than what is left.
      assert.ok(history.bytes <= Math.max(bytesMax, 0) + 4096 * 9, `seed ${seed}: ${history.bytes} bytes`);
      for (let index = 0; index < sent.length; ) {
        const part = history.keptFrom(2, index);
        if (part === null) {
          const end = history.gapEnd(2, index);
          assert.ok(end > index && history.keptFrom(2, end - 1) === null);
          assert.ok(index === 0 || history.tickBefore(2, index) === sent[index - 1].tick);
          index = end;
          continue;
        }
        const wanted = sent.slice(index, index + part.bytes.length);
        assert.deepEqual(
          [...part.bytes],
          wanted.map(({ byte }) => byte),
        );
        assert.deepEqual(
          [...part.ticks],
          wanted.map(({ tick }) => tick),
        );
        index += part.bytes.length;
      }
      const { at, mark } = marks[dice.below(marks.length)];
      now = at;
      history.rewind(mark);
    }
    // What another knows is taken over, behind what is known already, also where something between them is missing.
    const learner = new SerialHistory();
    const known = Math.floor(sent.length / 3);
    for (const { byte, tick } of sent.slice(0, known)) learner.add(2, byte, tick);
    const since = sent[dice.below(sent.length)].tick;
    const parts = history.partsSince(since);
    learner.learn(parts);
    assert.equal(parts[2].start + parts[2].bytes.length, sent.length);
    assert.equal(learner.count(2), sent.length);
    assert.equal(learner.sentCount(2), known);
    const last = learner.keptFrom(2, sent.length - 1);
    assert.deepEqual(
      last === null ? null : [...last.bytes],
      parts[2].bytes.length === 0 && known < sent.length ? null : [sent[sent.length - 1].byte],
    );
  }
});
