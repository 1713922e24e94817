/**
 * Every value that something had: of words that instructions, strings, deliveries and bus masters write, and of
 * registers at an address, held against a run that looks before each instruction. Stretches that page records rule out
 * make no difference. And the three questions as verbs and commands: what they print, and what bad words get.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { changesOf, type Change, valuesAt } from '../../src/core/timeline/provenance/changes.ts';
import { type Place, valueAt } from '../../src/core/timeline/provenance/place.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { compileExpression } from '../../src/core/timeline/expression.ts';
import { sparkline } from '../../src/host/debugger/sparkline.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { openLog, openRun, record, serialText } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { numberedDisk } from '../disk/ide-driver.ts';
import { debuggerOf } from '../timeline/debugger-fixture.ts';
import { recordGuest, timelineOf } from '../timeline/fixture.ts';
import { DISK, planted, WAYS } from './planted.ts';

const START = { tick: 0, seq: 0 };

function changes(timeline: Timeline, at: number, size = 4): Change[] {
  const found: Change[] = [];
  const place: Place = { space: 'memory', at, size };
  finish(changesOf(timeline, place, START, { tick: timeline.endTick, seq: 0 }, (change) => found.push(change) > 0));
  return found;
}

/** The values that a word had before each instruction, one after another, without repetitions. */
function steppedValues(timeline: Timeline, at: number): number[] {
  const values: number[] = [];
  const { cpu } = timeline.machine;
  const look = (): void => {
    const value = valueAt(cpu, { space: 'memory', at, size: 4 }) ?? 0;
    if (values.at(-1) !== value) values.push(value);
  };
  finish(timeline.seek(START));
  finish(timeline.listen({ tick: timeline.endTick, seq: 0 }, { step: look }));
  look();
  return values;
}

const withoutRepeats = (values: readonly number[]): number[] => values.filter((value, i) => value !== values[i - 1]);

test('five words of planted guests and of the wild have the values that stepping sees', async () => {
  const ways = await planted(WAYS, {
    inputs: [
      { tick: 3000, event: serialText('Zq') },
      { tick: 9000, event: { kind: 'key', key: 'k', down: true } },
    ],
  });
  const disk = await planted(DISK, { images: { kernel: new Uint8Array(), drives: { hda: numberedDisk(64) } } });
  const tasks = timelineOf(await recordGuest('tasks'), { intervalTicks: 1 << 10 });
  for (const [timeline, at, least] of [
    [ways.timeline, 0x200000, 1],
    [ways.timeline, 0x201104, 1],
    [ways.timeline, 0x8fffc, 2],
    [disk.timeline, 0x300024, 1],
    [disk.timeline, 0x310208, 1],
    [tasks, 0x1efff0, 4],
    [tasks, 0x280028, 1],
  ] as const) {
    const stepped = steppedValues(timeline, at);
    const found = changes(timeline, at);
    assert.ok(found.length >= least, `${at.toString(16)}: ${found.length}`);
    assert.deepEqual(withoutRepeats([stepped[0], ...found.map(({ value }) => value)]), stepped, at.toString(16));
    // Once more, with what the first time has taught about pages.
    assert.deepEqual(changes(timeline, at), found);
  }
  assert.deepEqual(
    changes(disk.timeline, 0x310208).map(({ by }) => by),
    ['bus master'],
  );
  assert.equal(changes(disk.timeline, 0x300024).at(-1)?.by, 'instruction');
});

test('a register at an address has the values that stepping sees there', async () => {
  const { timeline, symbols } = await planted(WAYS, {
    inputs: [
      { tick: 3000, event: serialText('Z') },
      { tick: 9000, event: { kind: 'key', key: 'k', down: true } },
    ],
  });
  const address = symbols.get('adding') ?? 0;
  const seen: number[] = [];
  const evaluate = compileExpression('ecx + eax * 100');
  const end = { tick: timeline.endTick, seq: 0 };
  finish(valuesAt(timeline, evaluate, address, START, end, ({ value }) => seen.push(value) > 0));
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => 20 - i + (7 + 3 * i) * 100),
  );
});

test('a line of blocks: time to the right, values upwards', () => {
  const samples = [0, 1, 2, 3, 4, 5, 6, 7].map((value) => ({ tick: value * 10, value }));
  assert.equal(sparkline(samples, 8).length, 8);
  assert.match(sparkline(samples, 8), /^▁.*█$/);
  assert.equal(sparkline([], 8), '');
  assert.equal(sparkline([{ tick: 5, value: 7 }], 4), '▁▁▁▁');
});

const { bytes: kernel, symbols } = assembleGuest('race');
const inputs = [100_000, 500_000, 899_957].map((tick, i) => ({ tick, event: serialText(String(i + 1)) }));
const race = await record({
  images: { kernel },
  memoryMegabytes: 4,
  epochSeconds: 0,
  inputs,
  maxTicks: 4_000_000,
  embed: true,
});

test('the questions as verbs: JSON, text, graphs, and sentences for what cannot be asked', async () => {
  await inFolder(async (folder) => {
    const log = join(folder, 'race.rlog');
    writeFileSync(log, race.log);
    const at = ['--at', 'serial:"LOST UPDATE"'];
    const json = async (...words: string[]): Promise<Record<string, unknown>> => {
      const ended = await reprise([...words, '--json'], { timeoutMs: 100_000 });
      assert.equal(ended.status, 0, ended.stderr);
      return JSON.parse(ended.stdout);
    };
    const origin = await json('origin', log, 'dword [0x200000]', '--via', '1.1.1', ...at);
    assert.equal((origin.stale as { load: { address: number } }[])[0].load.address, symbols.get('deposit'));
    const turnings = (await json('why-not', log, 'audit_wrong', '--at', '500000')).turnings as { condition: string }[];
    assert.equal(turnings[0].condition, 'nz');
    const found = await json('changes', log, '0x200010', '4', '--limit', '5');
    assert.equal((found.changes as unknown[]).length, 5);
    assert.equal(found.isWhole, false);
    const text = await reprise(['changes', log, 'ebx', '--each', 'deposit'], { timeoutMs: 100_000 });
    assert.match(text.stdout, /ebx at 0x[0-9a-f]{8} <deposit>: 771 times, 8 values\n.* 0x1 to 0x8\n/);
    const dot = await reprise(['origin', log, 'eax', '--format', 'dot', ...at], { timeoutMs: 100_000 });
    assert.match(dot.stdout, /^digraph origin \{/);
    // All of it as text: every node once, and each way leads to a node that there is.
    const nodes = dot.stdout.match(/^ {2}n\d+ \[/gm) ?? [];
    const edges = [...dot.stdout.matchAll(/^ {2}n(\d+) -> n(\d+) /gm)].map(([, from, to]) => [from, to].map(Number));
    const all = (await reprise(['origin', log, 'eax', '--all', ...at], { timeoutMs: 100_000 })).stdout;
    const numbers = [...all.matchAll(/^ {0,2}(\d+) {2}\S/gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      nodes.map((_, i) => i + 1),
    );
    assert.ok(nodes.length > 5);
    const ways = [...all.matchAll(/^ +-> (.*)$/gm)].flatMap(([, line]) =>
      [...line.matchAll(/ is (\d+)/g)].map(([, to]) => Number(to) - 1),
    );
    assert.deepEqual(
      ways,
      [...edges].sort(([a], [b]) => a - b).map(([, to]) => to),
    );
    for (const [words, wanted] of [
      [['origin', log, 'eip'], /why-not/],
      [['origin', log, '[['], /missing.*\n {2}\[\[\n {4}\^\n$/s],
      [['origin', log, 'eax', '--via', 'x'], /numbers of choices/],
      [['origin', log, 'eax', '--via', '1', '--all'], /one of them/],
      [['origin', log], /WHAT/],
      [['changes', log, 'eax'], /at ADDRESS|where/],
      [['changes', log, '0x200000', '9'], /up to 4/],
      [['why-not', log, '1 + nowhere'], /no register, number or symbol\n {2}1 \+ nowhere\n {6}\^\n$/],
      [['changes', log, 'byte [4 +'], /missing/],
      [['why-not', log, '0x3fff0000'], /No memory is mapped/],
    ] as const) {
      const ended = await reprise([...words], { timeoutMs: 100_000 });
      assert.equal(ended.status, 2, `${words.join(' ')}: ${ended.stderr}`);
      assert.match(ended.stderr, wanted);
      // A sentence, with what was typed and a caret where that tells more.
      const lines = ended.stderr.trimEnd().split('\n');
      assert.ok(lines.length === 1 || (lines.length === 3 && /^ +\^$/.test(lines[2])), ended.stderr);
    }
    // At the prompt a fork is gone on from.
    const prompt = await reprise(['debug', log, '--exec', 'seek 903525; origin [0x200000]; origin via 2; when'], {
      timeoutMs: 100_000,
    });
    assert.match(prompt.stdout, /which one\?[\s\S]*clerk[\s\S]*tick 903525 \(/);
  });
});

test('given up, changes tells what it has found, and the run stands where it stood', async () => {
  const debug = debuggerOf({ name: 'race', log: openLog(race.log), images: new Map([['kernel', kernel]]) });
  await debug.execute('seek 5000');
  const whole = await debug.execute('changes 0x200010');
  assert.doesNotMatch(whole.text, /Interrupted/);
  debug.isInterrupted = true;
  const { text, data } = await debug.execute('changes 0x200010');
  assert.match(text, /Interrupted: this is what was found until then/);
  assert.equal((data as { isWhole: boolean }).isWhole, false);
  assert.equal(debug.timeline.position.tick, 5000);
  debug.isInterrupted = true;
  await assert.rejects(debug.execute('origin [0x200010]'), /Interrupted/);
  assert.equal(debug.timeline.position.tick, 5000);
});

test('the questions of the library', async () => {
  const run = await openRun(race.log, { symbolOf: (name) => symbols.get(name) });
  await run.seek('serial:"LOST UPDATE"');
  const { position } = run;
  const chain = await run.origin('dword [0x200000]', { via: [1, 1, 1] });
  assert.equal(chain.stale[0].load.linear, symbols.get('deposit'));
  const graph = await run.originGraph('eax', 20);
  assert.equal(graph.nodes.length, 20);
  const values: number[] = [];
  for await (const { value } of run.changes('0x200010')) {
    values.push(value);
    if (values.length === 50) break;
  }
  assert.deepEqual(values, [0, ...Array.from({ length: 49 }, (_, i) => i + 1)]);
  const reasons = await run.whyNot(symbols.get('audit_later') ?? 0, [...symbols.values()]);
  assert.equal(reasons.turnings[0].branch.linear, (symbols.get('audit_wrong') ?? 0) - 5);
  assert.deepEqual(run.position, position, 'questions do not move');
});
