/**
 * From a guest that fails once in a while to the instruction, by the commands alone: chaos finds a failing run, shrink
 * makes it smaller, explore shows at which instructions of a window a byte does harm, and a guest without the race is
 * never accused. Statuses, last lines and messages are part of it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { inFolder, reprise } from '../cli/command.ts';

const MACHINE = ['--kernel', 'race', '--memory', '4', '--epoch', '1970-01-01T00:00:00Z'];
const SCRIPT = [100_000, 500_000, 900_000, 1_400_000, 1_900_000]
  .map((tick, i) => `at ${tick} serial "${i + 1}"\n`)
  .join('');

test('chaos finds the race, shrink and explore narrow it down, all of it is replayed', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'race'), buildGuest('race'));
    writeFileSync(join(cwd, 'in.txt'), SCRIPT);
    const words = ['chaos', ...MACHINE, '--input', 'in.txt', '--fails', 'exit:0x11', '--runs', '4000', '-o', 'a.rlog'];
    const found = await reprise(words, { cwd });
    assert.equal(found.status, 1, found.stderr);
    assert.equal(found.stdout, 'a.rlog\n');
    assert.match(
      found.stderr,
      /chaos: run [\d ]+ fails at tick [\d ]+, with\n(?: {2}at tick [\d ]+: .*\n)+Make it smaller/,
    );
    const replayed = await reprise(['replay', 'a.rlog'], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
    assert.match(replayed.stdout, /LOST UPDATE/);

    const shrunk = await reprise(['shrink', 'a.rlog', '--fails', 'exit:0x11', '--json'], { cwd });
    assert.equal(shrunk.status, 0, shrunk.stderr);
    const { inputs, log } = JSON.parse(shrunk.stdout);
    assert.ok(inputs.length <= 3 && log === 'a.small.rlog', shrunk.stdout);
    const again = await reprise(['replay', log, '--engine', 'interp'], { cwd });
    assert.match(again.stdout, /LOST UPDATE/);
    // The same command goes on from what it has written; what is something else is not overwritten.
    const resumed = await reprise(['shrink', 'a.rlog', '--fails', 'exit:0x11'], { cwd });
    assert.equal(resumed.status, 0, resumed.stderr);
    assert.match(resumed.stderr, /^shrink: goes on from a\.small\.rlog, \d of 3 inputs\nshrink: 3 inputs became /);
    for (const other of ['in.txt', 'a.rlog.copy']) {
      writeFileSync(join(cwd, 'a.rlog.copy'), 'something');
      const kept = await reprise(['shrink', 'a.rlog', '--fails', 'exit:0x11', '-o', other], { cwd });
      assert.equal(kept.status, 2);
      assert.match(kept.stderr, /exists and is not what shrink has left of this log, and nothing is overwritten/);
    }
    const wrong = await reprise(['shrink', 'a.rlog', '--fails', 'triple-fault', '-o', 'b.rlog'], { cwd });
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /The run of a\.rlog does not fail so/);
    assert.ok(!existsSync(join(cwd, 'b.rlog')));
  });
});

test('explore names the instructions between which a byte does harm', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'race'), buildGuest('race'));
    const recorded = await reprise(['record', 'good.rlog', ...MACHINE, '--max-ticks', '2000000'], { cwd });
    assert.equal(recorded.status, 0, recorded.stderr);
    const words = ['explore', 'good.rlog', '--serial', '5', '--fails', 'exit:0x11'];
    const window = ['--window', '501800..502100', '--svg', 'w.svg'];
    const explored = await reprise([...words, ...window], { cwd });
    assert.equal(explored.status, 1, explored.stderr);
    assert.match(explored.stderr, /5 of 300 places fail/);
    assert.match(explored.stderr, /501 948 and 4 more: 0x00100441 <deposit\+0x5> add eax,ebx/);
    assert.equal(explored.stdout, 'explore-501948.rlog\n');
    const picture = readFileSync(join(cwd, 'w.svg'), 'utf8');
    assert.match(picture, />1: 501 948 and 4 more: 0x00100441 &lt;deposit\+0x5&gt; add eax,ebx<\/text>/);
    const replayed = await reprise(['replay', 'explore-501948.rlog'], { cwd });
    assert.match(replayed.stdout, /LOST UPDATE/);
    // Where nothing is called a failure, it is told to what the places come.
    const outcomes = await reprise([...words.slice(0, 4), '--window', '501800..502100'], { cwd });
    assert.deepEqual([outcomes.status, outcomes.stdout], [0, ''], outcomes.stderr);
    assert.match(outcomes.stderr, /300 places come to 2 different outcomes/);
    assert.match(outcomes.stderr, /\n {2}\. 295 places, the first 501 800: debug-exit 16 .*\n {2}A 5 places, /);
    assert.match(outcomes.stderr, /\n {2}A 501 948 and 4 more: 0x00100441 <deposit\+0x5> add eax,ebx/);
    const refusals: [string[], RegExp][] = [
      [['--window', '5..5'], /--window wants two ticks, the later one second/],
      [['--window', '1..99999999'], /The window ends at tick 99 999 999, the run of good\.rlog at/],
      [['--window', '10..20', '--irq', '3'], /What arrives\? Give one of/],
      [['--window', '501800..502100', '--fails', 'irq:20h'], /The failure comes before the window, at tick/],
      [['--window', '501800..502100', '--fails', 'ebx >= 0'], /The run fails without the event, at tick/],
    ];
    for (const [more, message] of refusals) {
      const { status, stderr } = await reprise([...words, ...more], { cwd });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
  });
});

test('a guest that stands every perturbation is not accused, and a failure of its own is refused', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'race'), buildGuest('race'));
    // Without a byte there is nobody to race with.
    const fine = await reprise(['chaos', ...MACHINE, '--fails', 'exit:0x11', '--runs', '150', '--json'], { cwd });
    assert.equal(fine.status, 0, fine.stderr);
    assert.deepEqual(
      { ...JSON.parse(fine.stdout), places: 0 },
      { command: 'chaos', status: 0, log: null, runs: 150, places: 0 },
    );
    const own = await reprise(['chaos', ...MACHINE, '--fails', 'exit:0x10'], { cwd });
    assert.equal(own.status, 2);
    assert.match(own.stderr, /The run fails without any perturbation, at tick/);
  });
});

test('failures that cannot be read are shown with a caret under the place', () => {
  for (const text of [
    'serial:"BUG"',
    'fault:14',
    'exit',
    'exit:17',
    'exit:0x11',
    'hang',
    'triple-fault',
    '[0x10] == 5',
  ]) {
    parseFailure(text);
  }
  assert.throws(() => parseFailure('[0x10] == == 5'), /\n {2}\[0x10\] == == 5\n {2} +\^$/);
  assert.throws(() => parseFailure('serial:"BUG'), /serial: wants a text between quotes.*\n {2}serial:"BUG\n {9}\^$/s);
  assert.throws(() => parseFailure('exti:0x11'), /there is none "exti:".*\n {2}exti:0x11\n {2}\^$/s);
  assert.throws(() => parseFailure('50%'), /is a place in a run, not a failure/);
  assert.throws(() => parseFailure('1 + 1 == 2'), /does not depend on the guest/);
});
