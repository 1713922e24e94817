/**
 * `reprise snapshot save` and `--from`: a recording is left at a moment, gone on from, recorded from there, embedded
 * and packed; images are found as those of logs are; what cannot be is said in a sentence that names the next step.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { inFolder, reprise } from './command.ts';

test('a recording is left at a moment and gone on from', async () => {
  await inFolder(async (folder) => {
    const env = { XDG_STATE_HOME: join(folder, 'state'), XDG_CACHE_HOME: join(folder, 'cache') };
    const go = (...words: string[]) => reprise(words, { cwd: folder, env });
    const fails = async (sentence: RegExp, ...words: string[]): Promise<void> => {
      const { status, stderr } = await go(...words);
      assert.equal(status, 2, stderr);
      assert.match(stderr, sentence);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    };
    writeFileSync(join(folder, 'race.bin'), buildGuest('race'));
    const machine = ['--kernel', 'race.bin', '--memory', '4', '--epoch', '2026-01-01'];
    const whole = await go('record', 'whole.rlog', ...machine, '--json');
    assert.equal(whole.status, 33, whole.stderr);
    const { hash, tick } = JSON.parse(whole.stdout) as { hash: string; tick: number };

    const saved = await go('snapshot', 'save', 'whole.rlog@serial:"round 512"', 'half.snap');
    assert.equal(saved.status, 0, saved.stderr);
    assert.match(saved.stderr, /half\.snap, .* bytes, is whole\.rlog at tick .*: reprise run --from half\.snap/);
    assert.match((await go('info', 'half.snap')).stdout, /^end +snapshot at tick/m);
    // The image is found where the recording had it, and where --image says.
    const ran = await go('run', '--from', 'half.snap', '--json');
    assert.deepEqual([ran.status, JSON.parse(ran.stdout).hash, JSON.parse(ran.stdout).tick], [33, hash, tick]);
    const some = JSON.parse((await go('run', '--from', 'half.snap', '--max-ticks', '1000', '--json')).stdout);
    assert.equal(some.tick - some.startTick, 1000);
    renameSync(join(folder, 'race.bin'), join(folder, 'elsewhere'));
    assert.equal((await go('run', '--from', 'half.snap', '--image', 'elsewhere', '--json')).status, 33);

    const on = await go('record', 'on.rlog', '--from', 'half.snap', '--embed', '--json');
    assert.equal(JSON.parse(on.stdout).hash, hash, on.stderr);
    assert.match((await go('info', 'on.rlog')).stdout, /^snapshot +half\.snap, .* embedded$/m);
    renameSync(join(folder, 'half.snap'), join(folder, 'gone'));
    for (const devices of ['model', 'log']) {
      const again = await go('replay', 'on.rlog', '--devices', devices, '--serial', 'none');
      assert.equal(again.status, 0, again.stderr);
      assert.match(again.stderr, /from tick [\d ]+ on [\d ]+ ticks/);
    }
    renameSync(join(folder, 'gone'), join(folder, 'half.snap'));

    // With the image inside, the snapshot stands for all of it, also for recordings that begin at it.
    assert.equal((await go('pack', 'half.snap', '--out', 'packed.snap')).status, 0);
    const alone = { cwd: folder, env: { ...env, XDG_STATE_HOME: join(folder, 'other') } };
    renameSync(join(folder, 'elsewhere'), join(folder, 'state', 'away'));
    const begun = await reprise(['record', 'begun.rlog', '--from', 'packed.snap', '--json'], alone);
    assert.equal(JSON.parse(begun.stdout).hash, hash, begun.stderr);
    assert.equal((await reprise(['replay', 'begun.rlog', '--serial', 'none'], alone)).status, 0);

    writeFileSync(join(folder, 'early.txt'), 'at 5 serial "x"\n');
    const packed = readFileSync(join(folder, 'packed.snap'));
    writeFileSync(join(folder, 'cut.snap'), packed.subarray(0, packed.length - 70));
    writeFileSync(join(folder, 'short.snap'), packed.subarray(0, 900));
    await fails(/has the whole machine, and --memory is part of it/, 'run', '--from', 'packed.snap', '--memory', '8');
    await fails(/is the log of a run and no snapshot: take one/, 'run', '--from', 'whole.rlog');
    await fails(
      /Line 1 .* tick 5, and packed\.snap begins at tick/,
      'run',
      '--from',
      'packed.snap',
      '--input',
      'early.txt',
    );
    await fails(/cut\.snap: The snapshot cannot be used, its file was cut off/, 'run', '--from', 'cut.snap');
    await fails(/short\.snap was cut off, or is the log of a run/, 'run', '--from', 'short.snap');
    await fails(/nowhere.*there is no such file/, 'run', '--from', 'nowhere');
    await fails(/--image is for the images of a snapshot/, 'run', ...machine, '--image', 'x');
    await fails(/This is a snapshot, which has no run of its own/, 'replay', 'packed.snap');
    await fails(/wants LOG@POSITION/, 'snapshot', 'save', 'whole.rlog', 'x.snap');
    await fails(/is one of save/, 'snapshot', 'load', 'whole.rlog@1', 'x.snap');
    await fails(/exists, and nothing is overwritten/, 'snapshot', 'save', 'begun.rlog@50%', 'packed.snap');
    await fails(/beyond the end of the run/, 'snapshot', 'save', 'begun.rlog@99999999', 'x.snap');
    await fails(/The run is over at tick/, 'snapshot', 'save', 'begun.rlog@end', 'x.snap');
    assert.equal(existsSync(join(folder, 'x.snap')), false);
  });
});
