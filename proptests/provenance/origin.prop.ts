/**
 * Where a value came from: planted ways (planted.ts) end at their true source; on the race of the demo the stale load
 * is named; and on guests that nobody planted anything in, who is said to have written a register or a word last is
 * held against the run itself, step by step.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { follow } from '../../src/core/timeline/provenance/chain.ts';
import { graphToDot, originGraph } from '../../src/core/timeline/provenance/graph.ts';
import { Origins, type Origin } from '../../src/core/timeline/provenance/origin.ts';
import { common, generalRegister, type Place, placeName, valueAt } from '../../src/core/timeline/provenance/place.ts';
import { questionOf } from '../../src/core/timeline/provenance/what.ts';
import { Writers } from '../../src/core/timeline/provenance/writers.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { ExpressionError } from '../../src/library.ts';
import { serialText } from '../../src/library.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { numberedDisk } from '../disk/ide-driver.ts';
import { recordGuest, recordRun, timelineOf } from '../timeline/fixture.ts';
import { DISK, PIPE, planted, WAYS } from './planted.ts';

const INPUTS = [
  { tick: 3000, event: serialText('Zq') },
  { tick: 9000, event: { kind: 'key', key: 'k', down: true } },
] as const;

const ways = await planted(WAYS, { inputs: [...INPUTS] });

const lastOf = (origins: readonly Origin[]): Origin['end'] => (origins.at(-1) as Origin).end;
const copiesOf = (origins: readonly Origin[]): string[] =>
  origins.flatMap(({ links }) => links.map(({ step }) => step.text.split(' ')[0]));

/** What a chain ends with, in a few words. */
function endOf(label: string, via: readonly number[] = []): string {
  const { origins, stop } = ways.chainAt(label, via);
  const end = lastOf(origins);
  if (stop !== 'end') return stop;
  switch (end.kind) {
    case 'source':
      return end.source.input === undefined ? end.source.text : `${end.source.kind} input ${end.source.input.number}`;
    case 'image':
      return `image ${placeName(end.place)}`;
    case 'constant':
      return `constant ${end.value}`;
    default:
      return end.kind;
  }
}

const inImage = (label: string, bytes: string): string =>
  `image ${bytes} at 0x${(ways.symbols.get(label) ?? 0).toString(16).padStart(8, '0')}`;

test('planted ways end at their source', () => {
  const serial = 'serial input 0';
  const key = 'key input 1';
  assert.deepEqual(
    Object.fromEntries([...WAYS.matchAll(/^check_(\w+):/gm)].map(([, name]) => [name, endOf(`check_${name}`)])),
    {
      memcpy: serial,
      bytes: inImage('picked', 'dword'),
      stack: key,
      all: key,
      xor: serial,
      table: serial,
      xlat: serial,
      sse: serial,
      loop: 'constant 7',
      tsc: 'the time stamp counter',
      pit: 'a read of port 0x40, the interval timer',
      lowest: serial,
      masked: key,
      added: inImage('constant', 'byte'),
      fork: 'fork',
      exchange: inImage('constant', 'dword'),
      interrupt: key,
    },
  );
  assert.equal(endOf('check_fork', [1]), serial);
  assert.equal(endOf('check_fork', [2]), key);
  assert.equal(endOf('check_fork', [3]), 'fork', 'there is no third way');
  assert.deepEqual(copiesOf(ways.chainAt('check_stack').origins), ['MOV', 'MOV', 'MOV', 'PUSH', 'MOVZX', 'MOV']);
  assert.deepEqual(
    ways.chainAt('check_fork').choices.map(({ number, answer }) => [number, answer.question.name]),
    [
      [1, 'eax'],
      [2, 'edx'],
    ],
  );
});

test('a graph has every way, and no more nodes than it may', () => {
  const { timeline, at } = ways;
  const question = { name: 'eax', places: [generalRegister(0, 4)], position: at('check_fork'), value: null };
  const graph = finish(originGraph(new Origins(timeline), question));
  const kinds = graph.nodes.map(({ end }) => (end.kind === 'source' ? end.source.kind : end.kind));
  assert.ok(kinds.includes('serial') && kinds.includes('key'), kinds.join());
  assert.equal(graph.leftOut, 0);
  const dot = graphToDot(graph, ({ question: { name } }) => `a "${name}"`);
  assert.match(dot, /^digraph origin \{\n(.*\n)*\}$/);
  assert.equal(dot.match(/ -> /g)?.length, graph.edges.length);
  const small = finish(originGraph(new Origins(timeline), question, 2));
  assert.equal(small.nodes.length, 2);
  assert.ok(small.leftOut > 0);
});

test('through a pipe of the kernel from one process to another', async () => {
  const { chainAt } = await planted(PIPE, { inputs: [{ tick: 3000, event: serialText('Zq') }] });
  const { origins, stop } = chainAt('check_pipe');
  const end = lastOf(origins);
  assert.equal(stop, 'end');
  assert.ok(end.kind === 'source' && end.source.input?.number === 0 && end.source.input.byte === 0);
  assert.deepEqual(copiesOf(origins), ['MOVZX', 'REP', 'REP', 'MOV']);
});

test('a sector by the data port, and by bus master', async () => {
  const { chainAt } = await planted(DISK, { images: { kernel: new Uint8Array(), drives: { hda: numberedDisk(64) } } });
  const byPort = lastOf(chainAt('check_port').origins);
  const byMaster = lastOf(chainAt('check_dma').origins);
  assert.ok(byPort.kind === 'source' && byMaster.kind === 'source');
  assert.deepEqual(byPort.source.image, { role: 'hda', name: 'hda', offset: 3 * 512 + 36, sector: 3 });
  assert.deepEqual(byMaster.source.image, { role: 'hda', name: 'hda', offset: 9 * 512 + 8, sector: 9 });
});

test('the race: the chain of the lost balance names the stale load', async () => {
  const { bytes: kernel, symbols } = assembleGuest('race');
  const deposit = symbols.get('deposit') ?? 0;
  const inputs = [100_000, 500_000, 899_957].map((tick, i) => ({ tick, event: serialText(String(i + 1)) }));
  const images = { kernel };
  const recorded = await recordRun('race', {
    images,
    memoryMegabytes: 4,
    epochSeconds: 0,
    inputs,
    maxTicks: 4_000_000,
  });
  const timeline = timelineOf(recorded);
  finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
  const wrong = { id: 1, address: symbols.get('audit_wrong') ?? 0, condition: null };
  const symptom = finish(timeline.executionBefore([wrong]));
  assert.ok(symptom !== null);
  finish(timeline.seek(symptom.position));
  const { cpu } = timeline.machine;
  const question = questionOf('balance', cpu, symptom.position, (name) => (name === 'balance' ? 0x200000 : undefined));
  const origins = new Origins(timeline);
  // Along the balance itself, until something is stale.
  const via: number[] = [];
  let chain = finish(follow(origins, question, { via }));
  while (chain.stale.length === 0 && chain.stop === 'fork' && via.length < 10) {
    assert.equal(chain.choices[0].answer.question.name, 'eax');
    via.push(1);
    chain = finish(follow(origins, question, { via }));
  }
  const [stale] = chain.stale;
  assert.ok(stale !== undefined, 'nothing is called stale');
  assert.equal(stale.load.linear, deposit);
  assert.equal(stale.store.linear, deposit + 0xe);
  assert.equal(stale.place.at, 0x200000);
  assert.ok(stale.by.kind === 'instruction' && stale.by.step.linear === deposit + 0xe);
  const order = [stale.load, stale.by.step, stale.store].map(({ position }) => position.tick);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    order,
    'loaded, written by the other task, stored over',
  );
});

/** The value of a place before a position. */
function valueBefore(timeline: Timeline, place: Place, position: { tick: number; seq: number }): number | null {
  finish(timeline.seek(position));
  return valueAt(timeline.machine.cpu, place);
}

const NEAR_TICKS = 30_000;

test('who wrote last is the last who wrote, on guests of all kinds', async () => {
  const random = new Random(5);
  for (const guest of ['paging', 'tasks', 'ring3', 'strings']) {
    const timeline = timelineOf(await recordGuest(guest));
    const { machine } = timeline;
    const writers = new Writers(timeline);
    let found = 0;
    for (let i = 0; i < 12; i++) {
      const tick = random.below(Math.min(timeline.endTick, 100_000));
      finish(timeline.seek({ tick, seq: 0 }));
      const { position } = timeline;
      const esp = machine.cpu.m32[4];
      const place: Place =
        i % 3 === 2 ? { space: 'memory', at: (esp & ~3) >>> 0, size: 4 } : generalRegister(random.below(8), 4);
      if (place.space === 'memory' && machine.space.hostPage(place.at) < 0) continue;
      const asked = valueBefore(timeline, place, position);
      const writer = finish(writers.before(place, position));
      const what = `${guest}: ${placeName(place)} before tick ${position.tick}/${position.seq}`;
      if (writer.kind !== 'instruction') continue;
      const { step, written } = writer;
      assert.ok(common(written, place) !== null, what);
      if (position.tick - step.position.tick > NEAR_TICKS) continue;
      found++;
      // From behind the writer on the bytes that it wrote stay as they are.
      const after = { tick: step.position.tick + 1, seq: 0 };
      finish(timeline.seek(after));
      const kept = valueAt(machine.cpu, written);
      const changed: number[] = [];
      if (place.space !== 'memory') {
        finish(
          timeline.listen(position, {
            step: (at) => {
              if (valueAt(machine.cpu, written) !== kept) changed.push(at.tick);
            },
          }),
        );
      }
      assert.deepEqual(changed, [], `${what}: changed behind ${step.text} at tick ${step.position.tick}`);
      finish(timeline.seek(position));
      assert.equal(valueAt(machine.cpu, written), kept, what);
      if (written.size === place.size) assert.equal(kept, asked, what);
    }
    assert.ok(found >= 5, `${guest}: only ${found} writers were looked at`);
  }
});

test('a copy copies: what is there before is there afterwards', () => {
  const { timeline } = ways;
  let count = 0;
  for (const [, label] of WAYS.matchAll(/^(check_\w+):/gm)) {
    for (const { links } of ways.chainAt(label).origins) {
      for (const { step, to, from } of links) {
        const before = valueBefore(timeline, from, step.position);
        const after = valueBefore(timeline, to, { tick: step.position.tick + 1, seq: 0 });
        if (before === null || after === null) continue;
        assert.equal(after, before, `${label}: ${step.text}`);
        count++;
      }
    }
  }
  assert.ok(count > 20);
});

test('what cannot be asked gets a sentence', () => {
  const { timeline } = ways;
  const { cpu } = timeline.machine;
  const ask = (text: string) => questionOf(text, cpu, timeline.position);
  for (const [text, wanted] of [
    ['eip', /why-not/],
    ['', /nothing is asked|missing|empty/],
    ['[[', /missing/],
    ['[eax] + [ebx', /missing|too many/],
    ['0x200000 99', /1 to 16/],
    ['0xfee00000', /no memory lies/],
    ['no_such_name', /no register, number or symbol/],
  ] as const) {
    assert.throws(
      () => ask(text),
      (error) => error instanceof ExpressionError && wanted.test(error.message),
      text,
    );
  }
  assert.equal(ask('byte [0x200000]').places[0].size, 1);
  assert.deepEqual(ask('ah').places, [generalRegister(4, 1)]);
});
