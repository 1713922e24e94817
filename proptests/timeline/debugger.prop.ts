/**
 * The debugger by script: positions of every kind and what bad ones get, questions over time, bookmarks in the log,
 * JSON. Runs the real command, as a user does.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBookmarks } from '../../src/core/timeline/bookmarks.ts';
import { compileExpression, ExpressionError, mistakeText } from '../../src/core/timeline/expression.ts';
import { goTo, parsePosition, PositionError } from '../../src/core/timeline/positions.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { splitScript } from '../../src/host/debugger/script.ts';
import { assembleGuest, buildGuest } from '../../src/host/node/guest-images.ts';
import { logEvents, openLog, record, replay } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { hashOf, recordGuest, timelineOf } from './fixture.ts';

const kernel = buildGuest('paging');
const recording = await record({ images: { kernel }, memoryMegabytes: 4, embed: true });

async function inLog<T>(work: (path: string) => Promise<T>): Promise<T> {
  return await inFolder(async (folder) => {
    const path = join(folder, 'paging.rlog');
    writeFileSync(path, recording.log);
    return await work(path);
  });
}

/** One object a command. */
async function script(path: string, commands: string): Promise<Record<string, unknown>[]> {
  const ended = await reprise(['debug', path, '--json', '--exec', commands], { timeoutMs: 200_000 });
  assert.equal(ended.status, 0, ended.stderr);
  return ended.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('a script walks to the page fault, asks who wrote and who called, and comes back', async () => {
  await inLog(async (path) => {
    const [fault, registers, step, back, write, caller, found, difference, again] = await script(
      path,
      'seek fault:14; r; step; reverse-step; last-write esp; who-called; find "an alias reads"; diff 1000 2000; when',
    );
    const { symbols } = assembleGuest('paging');
    assert.equal(fault.kind, 'delivery');
    assert.equal(registers.eip, fault.eip);
    assert.match(String(step.symbol), /on_page_fault/);
    assert.equal(back.tick, fault.tick);
    assert.ok(Number(write.tick) < Number(fault.tick));
    assert.match(JSON.stringify(caller), /"tick":\d+/);
    assert.ok((found.now as unknown[]).length > 0, 'the text lies in memory');
    assert.ok((difference.memory as unknown[]).length > 0);
    assert.equal(again.tick, fault.tick, 'questions do not move');
    assert.ok(symbols.size > 0);
  });
});

test('bookmarks are frames of the log, survive, are replaced and taken away; the run is as it was', async () => {
  await inLog(async (path) => {
    await script(
      path,
      'seek 5000; bookmark here what I saw; seek 6000; bookmark there; bookmark gone; unbookmark gone',
    );
    const file = readFileSync(path);
    assert.deepEqual(file.subarray(0, recording.log.length), Buffer.from(recording.log), 'appended only');
    assert.deepEqual(readBookmarks(openLog(file)), [
      { name: 'here', note: 'what I saw', position: { tick: 5000, seq: 0 } },
      { name: 'there', note: '', position: { tick: 6000, seq: 0 } },
    ]);
    const replayed = await replay(file);
    assert.equal(replayed.divergence, null);
    assert.equal(replayed.hash, recording.hash);
    const what = `${path}.branch`;
    const [, branched] = await script(
      path,
      `seek 5000; branch ${what} 100 eax = 5, byte[0x3f0000] = 90h; bookmark here`,
    );
    const branch = await replay(readFileSync(what), {});
    assert.equal(branch.divergence, null);
    assert.equal(branch.hash, branched.hash);
    assert.equal(branch.tick, 5100);
    await script(path, 'seek end; bookmark here');
    const [moved, there] = await script(path, 'seek mark:here; seek mark:there');
    assert.equal(moved.tick, recording.tick);
    assert.equal(there.tick, 6000);
  });
});

test('a checkpoint is made where one asks for it', async () => {
  await inLog(async (path) => {
    const [, before, made, after] = await script(path, 'seek 5001; checkpoints; checkpoint; checkpoints');
    assert.equal(made.value, 5001);
    assert.ok(!(before.value as number[]).includes(5001));
    assert.ok((after.value as number[]).includes(5001));
  });
});

test('what cannot be done is one sentence and status 2', async () => {
  await inLog(async (path) => {
    const bad = [
      ['seek 99999999', /beyond the end of the run/],
      ['seek 120%', /beyond the end/],
      ['seek serial:"never"', /never sends/],
      ['seek fault:6', /No fault 6/],
      ['seek mark:x', /no bookmark "x"/],
      ['seek eax ==', /value is missing.*\n {2}eax ==\n {8}\^$/s],
      ['x 90000000h', /not mapped/],
      ['watch 0xfffff000', /No memory is mapped/],
      ['break nowhere', /no register, number or symbol/],
      ['engine steam', /no engine "steam"/],
      ['stpe', /no command "stpe"/],
      ['delete 9', /no breakpoint/],
      ['step x', /no count/],
    ] as const;
    const told = async (command: string): Promise<string> => {
      const { status, stderr } = await reprise(['debug', path, '--exec', command]);
      assert.equal(status, 2, command);
      return stderr.trim();
    };
    for (const [command, wanted] of bad) {
      const line = await told(command);
      assert.match(line, wanted);
      const lines = line.split('\n');
      assert.ok(lines.length === 1 || (lines.length === 3 && /^ +\^$/.test(lines[2])), line);
    }
    const { status, stdout, stderr } = await reprise(['debug', path, '--exec', 'seek 99999999; when']);
    assert.equal(status, 2);
    assert.match(stderr, /^reprise: seek 99999999: Tick 99999999 is beyond the end/i);
    assert.equal(stdout, '');
  });
});

test('a trace is Trace Event JSON, and its counts are those of the log', async () => {
  await inLog(async (path) => {
    const file = `${path}.json`;
    const ended = await reprise(['trace', path, file, '--functions', '--io', '--json']);
    assert.equal(ended.status, 0, ended.stderr);
    const { events } = JSON.parse(ended.stdout) as { events: Record<string, number> };
    const list = JSON.parse(readFileSync(file, 'utf8')) as {
      ph: string;
      ts: number;
      dur?: number;
      cat?: string;
      pid: number;
      tid: number;
      name: string;
    }[];
    const counted: Record<string, number> = {};
    for (const { ph, ts, dur, cat, pid, tid, name } of list) {
      assert.ok(
        ['X', 'i', 'M'].includes(ph) &&
          Number.isFinite(ts) &&
          ts >= 0 &&
          pid === 1 &&
          Number.isInteger(tid) &&
          name !== '',
      );
      assert.ok(ph !== 'X' || (dur !== undefined && dur > 0));
      if (cat !== undefined) counted[cat] = (counted[cat] ?? 0) + 1;
    }
    assert.deepEqual(counted, events);
    const logged: Record<string, number> = {};
    for (const { event } of logEvents(openLog(recording.log))) logged[event.kind] = (logged[event.kind] ?? 0) + 1;
    for (const kind of ['interrupt', 'timer', 'port-read', 'serial'])
      assert.equal(events[kind] ?? 0, logged[kind] ?? 0, kind);
    assert.ok(events.exception > 0 && events.function > 0);
    assert.ok(list.some(({ name }) => name === 'on_page_fault'));
    assert.equal((await reprise(['trace', path, file])).status, 2, 'an existing file is kept');
  });
});

test('positions lead where they say', async () => {
  const run = await recordGuest('paging');
  const timeline = timelineOf(run);
  const at = (text: string): number => finish(goTo(timeline, parsePosition(text))).position.tick;
  assert.equal(at('50%'), Math.floor(timeline.endTick / 2));
  assert.equal(at('start'), 0);
  assert.equal(at('+10'), 10);
  assert.equal(at('-3'), 7);
  const fault = at('fault:14');
  assert.ok(at('fault:14') > fault);
  const text = 'paging on: ok\n';
  const told = at(`serial:"paging on: ok\\n"`);
  assert.ok(Buffer.from(timeline.serial.sent(0)).toString('latin1').endsWith(text));
  finish(timeline.seek({ tick: told - 1, seq: 0 }));
  assert.ok(!Buffer.from(timeline.serial.sent(0)).toString('latin1').endsWith(text));
  at('start');
  const held = at('eax == 5 && ecx != 1');
  const { m32 } = timeline.machine.cpu;
  assert.equal(m32[0], 5);
  const hash = hashOf(timeline);
  assert.equal(at(String(held)), held);
  assert.equal(hashOf(timeline), hash);
  assert.equal(at('event:3') >= 0, true);
  assert.ok(m32[EIP] !== 0);
});

test('expressions mean what C means, and nonsense is refused, not run', () => {
  const cpu = timelineOf(run()).machine.cpu;
  const value = (text: string): number =>
    compileExpression(text, (name) => (name === 'label' ? 0x1234 : undefined))(cpu);
  assert.equal(value('1 + 2 * 3 == 7 && !(4 & 3)'), 1);
  assert.equal(value('0x10 << 4 | 1fh'), 0x11f);
  assert.equal(value('-1 s< 0'), 1);
  assert.equal(value('-1 < 0'), 0);
  assert.equal(value('label + 1'), 0x1235);
  assert.equal(value('dword[0x100000]'), value('[0x100000]'));
  assert.equal(value('byte[0x100000] | word[0x100001] << 8 & 0xff00') >= 0, true);
  assert.equal(value('7 / 0'), 0);
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), (text) => {
      try {
        assert.equal(typeof value(text), 'number');
      } catch (error) {
        assert.ok(error instanceof ExpressionError && error.place !== null, String(error));
        assert.ok(error.place.at >= 0 && error.place.at <= text.length, `${text}: ${error.place.at}`);
      }
      try {
        parsePosition(text);
      } catch (error) {
        assert.ok(error instanceof PositionError, String(error));
      }
    }),
    { numRuns: 2000, seed: 11 },
  );
  assert.throws(() => value(`${'('.repeat(5000)}1`), ExpressionError);
  // Each mistake with its place: before the mark.
  for (const [marked, wanted] of [
    ['eax == ^', /value is missing/],
    ['(eax + ^)', /value is missing/],
    ['(eax ^', /"\)" is missing/],
    ['byte [esi + 4 ^5]', /"]" is missing/],
    ['eax ^= 5', /operator was expected/],
    ['1 + ^nowhere - 2', /no register, number or symbol/],
    ['eax ^ebx', /operator was expected/],
    ['3 ^5', /operator was expected/],
  ] as const) {
    const at = marked.indexOf('^');
    const text = marked.replace('^', '').trimEnd();
    const holds = (error: unknown): boolean =>
      error instanceof ExpressionError &&
      wanted.test(error.message) &&
      mistakeText(error) === `${error.message}\n  ${text}\n  ${' '.repeat(Math.min(at, text.length))}^`;
    assert.throws(() => value(text), holds, marked);
    assert.throws(
      () => parsePosition(text),
      (error) => error instanceof PositionError && error.place?.text === text,
    );
  }
  assert.deepEqual(splitScript('a; seek serial:"x; y" ;b'), ['a', 'seek serial:"x; y"', 'b']);
});

function run() {
  return { name: 'paging', log: openLog(recording.log), images: new Map([['kernel', kernel]]) };
}
