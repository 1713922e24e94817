/**
 * `reprise fuzz` finds the overflow that is planted in a parser (guests/parser.asm) from a snapshot, and nothing in the
 * fixed twin; the crash is a log that every engine replays. What it finds depends on the seed alone: not on who runs
 * the trials, nor on whether the campaign was interrupted. Mutated inputs keep to their bounds; bad use is told.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { comparedConstants } from '../../src/core/chaos/compared-constants.ts';
import { mutate } from '../../src/core/chaos/mutate.ts';
import { Random } from '../../src/core/base/random.ts';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { engineNames, replay } from '../../src/library.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { fuzzParser, openParser } from './fuzzing.ts';

/** A seed that finds the overflow soon; others take up to 40 000 runs (fuzzing.ts). */
const SEED = 2;
const RUNS = 3600;
const PARSE = ['--at', '1565', '--buffer', '0x200000:256', '--length-at', '0x201000'];

async function recordParser(cwd: string): Promise<void> {
  writeFileSync(join(cwd, 'parser'), buildGuest('parser'));
  const recorded = await reprise(['record', 'p.rlog', '--kernel', 'parser', '--memory', '4'], { cwd });
  assert.equal(recorded.status, 33, recorded.stderr);
}

test('a planted overflow is found from a snapshot, and its log replays on every engine', async () => {
  await inFolder(async (cwd) => {
    await recordParser(cwd);
    const words = ['fuzz', 'p.rlog', ...PARSE, '--runs', String(RUNS), '--seed', String(SEED), '--findings', '1'];
    const found = await reprise(words, { cwd });
    assert.equal(found.status, 1, found.stderr);
    const path = found.stdout.trim().split('\n').at(-1) ?? '';
    assert.match(path, /^p\.fuzz\/crashes\/\d+-[0-9a-f]{8}\.rlog$/);
    assert.match(found.stderr, /fuzz: run [\d ]+: fault \d+ at wild.*\nfuzz: [\d ]+ runs, \d+ a second: 1 crashes/);
    const input = readFileSync(join(cwd, path.replace('.rlog', '.input')));
    const note = input.indexOf('NOTE');
    assert.ok(note > 0 && input[note + 4] >= 0x80, 'a note that is longer than 127 bytes');
    const log = new Uint8Array(readFileSync(join(cwd, path)));
    const images = { kernel: buildGuest('parser') };
    for (const engine of engineNames()) {
      for (const devices of ['model', 'log'] as const) {
        const again = await replay(log, { images, engine, devices });
        assert.equal(again.divergence, null, `${engine}, devices ${devices}`);
      }
    }
    const smaller = await reprise(['shrink', path, '--fails', 'fault:6', '-o', 's.rlog'], { cwd });
    assert.equal(smaller.status, 0, smaller.stderr);
    // Found is found: the same command says so again, and runs nothing that was run.
    const again = await reprise([...words.slice(0, -2), '--json'], { cwd });
    assert.equal(again.status, 1, again.stderr);
    assert.equal(JSON.parse(again.stdout).findings.length, 1);
  });
});

test('the fixed twin is not accused', async () => {
  const { found, result } = fuzzParser(await openParser(true), { seed: SEED, runs: RUNS });
  assert.deepEqual(found, []);
  assert.ok(result.kept > 20 && result.branches > 80, `${result.kept} inputs, ${result.branches} words`);
});

test('a campaign that is gone on with, and another engine, find what one run finds', async () => {
  const parser = await openParser(false);
  const whole = fuzzParser(parser, { seed: 5, runs: 900 });
  const first = fuzzParser(parser, { seed: 5, runs: 341 });
  const before = { runs: 341, kept: first.kept, sites: [] };
  const second = fuzzParser(await openParser(false, 'interp'), { seed: 5, runs: 900, before });
  assert.deepEqual([...first.kept, ...second.kept], whole.kept);
  assert.equal(second.result.branches, whole.result.branches);
});

test('threads find what one thread finds', async () => {
  await inFolder(async (cwd) => {
    await recordParser(cwd);
    const words = ['fuzz', 'p.rlog', ...PARSE, '--runs', '700', '--json', '--corpus'];
    const [one, two] = [
      await reprise([...words, 'one'], { cwd }),
      await reprise([...words, 'two', '--jobs', '2'], { cwd }),
    ];
    assert.equal(one.status, 0, one.stderr);
    assert.deepEqual({ ...JSON.parse(two.stdout), corpus: '' }, { ...JSON.parse(one.stdout), corpus: '' });
    assert.deepEqual(readdirSync(join(cwd, 'two/queue')), readdirSync(join(cwd, 'one/queue')));
  });
});

test('inputs keep to their bounds and come from the seed alone', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(
      fc.integer(),
      bytes,
      fc.array(bytes, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (seed, parent, dictionary, isWhole) => {
        const settings = { bytesMax: 32, isWhole, dictionary };
        const before = parent.slice();
        const made = mutate(new Random(seed), parent, [parent, ...dictionary], settings);
        assert.ok(made.length <= 32 && (!isWhole || made.length === 32));
        assert.deepEqual(parent, before);
        assert.deepEqual(mutate(new Random(seed), parent, [parent, ...dictionary], settings), made);
      },
    ),
  );
});

test('the dictionary has what a program compares with', () => {
  const { bytes } = assemble('bits 32\norg 0\ncmp eax, 0x45544f4e\ncmp cl, 0x7b\nsub edx, 5\ncmp dword [esi], 1000\n');
  const page = new Uint8Array(PAGE_BYTES);
  page.set(bytes);
  const words = comparedConstants([page], true).map((word) => Buffer.from(word).toString('latin1'));
  for (const word of ['NOTE', '{', '\xe8\x03\0\0', '\xe8\x03']) assert.ok(words.includes(word), JSON.stringify(words));
  assert.ok(!words.includes('\x05'), 'small numbers are found without');
});

test('what cannot be fuzzed is told, with the next step', async () => {
  await inFolder(async (cwd) => {
    await recordParser(cwd);
    const at = ['--at', '1565'];
    const refusals: [string[], RegExp][] = [
      [PARSE.slice(2), /From which moment\? Give --at TICK/],
      [at, /What is fuzzed\? Give one of --buffer/],
      [[...at, '--serial', '0', '--keyboard'], /What is fuzzed\? Give one of/],
      [['--at', '99999', '--serial', '0'], /--at 99999 is not before the end of p\.rlog, tick/],
      [[...at, '--buffer', 'message'], /--buffer wants a place and a length of up to \d+ bytes/],
      [[...at, '--buffer', 'nowhere:4'], /--buffer: there is no symbol "nowhere" in the guest/],
      [[...at, '--buffer', '0xf0000000:4'], /--buffer: there is no memory at 0xf0000000 at that moment/],
      [[...at, '--sectors', 'hda:1'], /--sectors: the machine has no disk "hda"/],
      [[...at, '--serial', '0', '--fails', '[0x10] == == 5'], /\n {2}\[0x10\] == == 5\n {2} +\^/],
      [[...at, '--serial', '0', '--until', 'exit'], /--until wants serial:"TEXT"/],
      [[...PARSE, '--fails', 'exit:0x10'], /The run fails without any change, at tick/],
      [[...PARSE, '--engine', 'step'], /cannot count branches: give one of/],
    ];
    for (const [words, message] of refusals) {
      const { status, stderr } = await reprise(['fuzz', 'p.rlog', ...words], { cwd });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
    assert.ok(!existsSync(join(cwd, 'p.fuzz')));
    const one = await reprise(['fuzz', 'p.rlog', ...PARSE, '--runs', '10', '--corpus', 'c'], { cwd });
    assert.equal(one.status, 0, one.stderr);
    const other = await reprise(['fuzz', 'p.rlog', ...PARSE, '--runs', '10', '--corpus', 'c', '--seed', '3'], { cwd });
    assert.equal(other.status, 2);
    assert.match(other.stderr, /c is of another campaign, with seed 1, not 3: give the same, or another --corpus/);
  });
});
