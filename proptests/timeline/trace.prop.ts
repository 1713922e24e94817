/**
 * The formats of `reprise trace` beside Trace Events, against what a plain walk through the same recording sees: every
 * begun instruction is counted once, every access to a range is told with what was there before, every port access
 * has its place in the log; what the engine compiles is told by tick.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unpackMultiple } from 'msgpackr';
import { CS, EIP, SEG_BASE } from '../../src/core/state/layout.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { logEvents, openLog, record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { go, type Recorded, timelineOf } from './fixture.ts';

const { bytes: kernel, symbols } = assembleGuest('sort');
const recording = await record({ images: { kernel }, append: '1', memoryMegabytes: 4, embed: true });
const run: Recorded = { name: 'sort', log: openLog(recording.log), images: new Map([['kernel', kernel]]) };
const FROM = 1000;
const TO = 6000;

/** The lines of the file that `trace` makes, and its counts. */
async function trace(
  ...options: string[]
): Promise<{ lines: string[]; counts: Record<string, number>; listing: string[] }> {
  return await inFolder(async (folder) => {
    const path = join(folder, 'sort.rlog');
    const target = join(folder, 'out');
    writeFileSync(path, recording.log);
    const ended = await reprise(['trace', path, target, '--json', ...options], { timeoutMs: 120_000 });
    assert.equal(ended.status, 0, ended.stderr);
    const { events } = JSON.parse(ended.stdout) as { events: Record<string, number> };
    const listing = existsSync(`${target}.listing`) ? readFileSync(`${target}.listing`, 'utf8').split('\n') : [];
    return { lines: readFileSync(target, 'utf8').trim().split('\n'), counts: events, listing };
  });
}

const window = ['--from', String(FROM), '--to', String(TO)];

test('coverage counts every instruction that a walk by single ticks comes to', async () => {
  const { lines, counts, listing } = await trace('--format', 'coverage', ...window);
  const timeline = timelineOf(run);
  const { m32 } = timeline.machine.cpu;
  const expected = new Map<number, number>();
  for (let tick = FROM; tick < TO; tick++) {
    go(timeline.seek({ tick, seq: 0 }));
    const address = (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
    expected.set(address, (expected.get(address) ?? 0) + 1);
  }
  const found = new Map<number, number>();
  for (const line of lines) {
    const [key, ...values] = line.split(/[:,]/);
    if (key === 'DA' && values[1] !== '0') {
      const address = /^ {2}(0x[0-9a-f]{8}) /.exec(listing[Number(values[0]) - 1])?.[1];
      found.set(Number(address), Number(values[1]));
    }
    if (key === 'FN') assert.equal(listing[Number(values[0]) - 1], `${values[1]}:`);
    if (key === 'FNDA') assert.equal(Number(values[0]), expected.get(symbols.get(values[1]) ?? 0) ?? 0, values[1]);
  }
  assert.deepEqual([...found].sort(), [...expected].sort());
  assert.equal(counts.instruction, expected.size);
  assert.equal(counts.time, TO - FROM);
});

test('accesses to memory are told in order, with what was there before', async () => {
  const timeline = timelineOf(run);
  go(timeline.seek({ tick: FROM, seq: 0 }));
  const stack = (timeline.machine.cpu.m32[4] - 64) & ~63;
  const range = `0x${stack.toString(16)}-0x${(stack + 128).toString(16)}`;
  const { lines, counts } = await trace('--format', 'memory', '--range', range, ...window);
  const accesses = lines.map((line) => JSON.parse(line) as Record<string, number & string>);
  assert.ok(counts.write > 10 && counts.read > 10);
  assert.equal(accesses.length, counts.write + counts.read);
  accesses.forEach(({ tick }, i) => assert.ok(i === 0 || tick >= accesses[i - 1].tick));
  for (const { tick, eip, physical, sizeBytes, before } of accesses.filter((_, i) => i % 40 === 0)) {
    go(timeline.seek({ tick, seq: 0 }));
    assert.equal(timeline.machine.cpu.eip >>> 0, Number.parseInt(eip, 16));
    const bytes = Array.from({ length: sizeBytes }, (_, i) => timeline.machine.space.read8(physical + i));
    assert.equal(Buffer.from(bytes).toString('hex'), before);
  }
  // Every write that a watchpoint finds is among them.
  timeline.addWatchpoint(stack, 4, 'write');
  go(timeline.seek({ tick: FROM, seq: 0 }));
  for (let stop = go(timeline.continueForward()); stop.kind === 'watchpoint'; stop = go(timeline.continueForward())) {
    if (stop.position.tick > TO) break;
    const at = stop.position.tick - 1;
    assert.ok(
      accesses.some(({ tick, access }) => tick === at && access === 'write'),
      `tick ${at}`,
    );
  }
});

test('accesses to ports are those of the log, and writes beside them', async () => {
  const { lines, counts } = await trace('--format', 'io');
  const reads = lines.map((line) => JSON.parse(line)).filter(({ access }) => access === 'port-read');
  const logged = [...logEvents(run.log, { kinds: new Set(['port-read']) })];
  assert.deepEqual(
    reads.map(({ tick, port, sizeBytes, value }) => [tick, port, sizeBytes, value]),
    logged.map(({ tick, event }) => (event.kind === 'port-read' ? [tick, event.port, event.size, event.value] : [])),
  );
  assert.ok(counts['port-write'] > 0);
});

test('as msgpack accesses are the same, one map after another', async () => {
  const { lines, counts } = await trace('--format', 'io');
  await inFolder(async (folder) => {
    const [path, target] = [join(folder, 'sort.rlog'), join(folder, 'io.msgpack')];
    writeFileSync(path, recording.log);
    const ended = await reprise(['trace', path, target, '--json', '--format', 'io', '--msgpack']);
    assert.equal(ended.status, 0, ended.stderr);
    assert.deepEqual((JSON.parse(ended.stdout) as { events: unknown }).events, counts);
    const packed = unpackMultiple(readFileSync(target)) as unknown[];
    assert.deepEqual(
      packed,
      lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown),
    );
    assert.ok(packed.length > 0);
  });
});

type Exits = Readonly<Record<'request' | 'budget' | 'outside', number>>;

test('what the engine compiles is told, and bad wishes are refused', async () => {
  const { lines, counts } = await trace('--engine-events');
  const list = JSON.parse(lines.join('\n')) as { cat?: string; args?: { tick: number; physical: number } }[];
  const compiled = list.filter(({ cat }) => cat === 'engine-compile');
  assert.equal(compiled.length, counts['engine-compile']);
  assert.ok(compiled.length > 0);
  for (const { args } of compiled) assert.ok(args !== undefined && args.physical >= 0x100000 && args.tick >= 0);
  const exits = list.filter(({ cat }) => cat === 'engine-exits') as unknown as { ph: string; args: Exits }[];
  assert.equal(exits.length, counts['engine-exits']);
  const left = exits.reduce((sum, { args }) => sum + args.request + args.budget + args.outside, 0);
  assert.ok(left >= compiled.length, `${left} exits of ${compiled.length} functions`);
  assert.ok(exits.every(({ ph }) => ph === 'C'));
  await inFolder(async (folder) => {
    const path = join(folder, 'sort.rlog');
    writeFileSync(path, recording.log);
    for (const [options, wanted] of [
      [['--format', 'memory'], /wants --range FROM-TO/],
      [['--format', 'memory', '--range', '0x10-0x5'], /wants --range FROM-TO/],
      [['--msgpack'], /--msgpack goes with --format memory or --format io/],
      [['--functions', '--engine-events'], /leave --engine-events out/],
    ] as const) {
      const { status, stderr } = await reprise(['trace', path, join(folder, 'x'), ...options]);
      assert.equal(status, 2);
      assert.match(stderr, wanted);
    }
  });
});
