// The verdicts of `reprise bench` on invented measurements whose truth is known: an unchanged build is not told as
// changed however noisy the machine, a slower one is, and where neither can be said that is what is said.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { compare, groupEnds, robustTotal, type Times, warmUp } from '../../src/host/measure/statistics.ts';

const PIECES = 40;
/** Long enough to be timed: shorter ones are put together. */
const PIECE_MS = 30;

/** Rounds of a run of pieces: `noise` on each piece, `drift` on each round, now and then a burst. */
function measured(random: Random, rounds: number, factor: number, noise: number, drift: number): Times {
  return Array.from({ length: rounds }, () => {
    const slow = 1 + (drift * random.below(1000)) / 1000;
    const burst = random.below(4) === 0 ? random.below(PIECES) : -1;
    return Array.from({ length: PIECES }, (_, piece) => {
      const isInBurst = burst >= 0 && piece >= burst && piece < burst + 5;
      return PIECE_MS * factor * slow * (1 + (noise * random.below(1000)) / 1000) * (isInBurst ? 3 : 1);
    });
  });
}

test('an unchanged build is not told as changed', () => {
  const random = new Random(3);
  let wrong = 0;
  let silent = 0;
  for (let k = 0; k < 120; k++) {
    const rounds = 5 + random.below(5);
    const [noise, drift] = [random.below(20) / 100, random.below(6) / 100];
    const first = measured(random, rounds, 1, noise, drift);
    const { verdict } = compare(first, measured(random, rounds, 1, noise, drift), k);
    if (verdict === 'slower' || verdict === 'faster') wrong++;
    if (verdict === 'too noisy') silent++;
  }
  assert.ok(wrong <= 3, `${wrong} of 120 told as changed`);
  assert.ok(silent < 12, `${silent} of 120 without a verdict`);
});

test('a build that is 3 % slower or faster is told on a machine that is quiet enough', () => {
  const random = new Random(4);
  for (const [factor, expected] of [
    [1.03, 'slower'],
    [0.97, 'faster'],
  ] as const) {
    let told = 0;
    for (let k = 0; k < 20; k++) {
      const first = measured(random, 7, 1, 0.05, 0.01);
      const result = compare(first, measured(random, 7, factor, 0.05, 0.01), k);
      assert.ok(result.low <= result.ratio && result.ratio <= result.high);
      if (result.verdict === expected) told++;
      else assert.equal(result.verdict, 'no difference');
    }
    assert.ok(told >= 19, `${told} of 20`);
  }
});

test('a machine that is too noisy is told, with the rounds that would do', () => {
  const random = new Random(5);
  const first = measured(random, 6, 1, 0.1, 2);
  const result = compare(first, measured(random, 6, 1, 0.1, 2));
  assert.equal(result.verdict, 'too noisy');
  assert.ok(result.spread > 0.1);
  assert.ok(result.roundsWanted === null || result.roundsWanted > 6);
  const few = compare(first.slice(0, 2), first.slice(0, 2));
  assert.deepEqual([few.verdict, few.roundsWanted], ['too noisy', 5]);
});

test('the same measurements give the same verdict', () => {
  const random = new Random(6);
  const [a, b] = [measured(random, 5, 1, 0.1, 0.05), measured(random, 5, 1.01, 0.1, 0.05)];
  assert.deepEqual(compare(a, b), compare(a, b));
});

test('a burst in one round of five counts for next to nothing', () => {
  const quiet = Array.from({ length: 5 }, () => new Array<number>(PIECES).fill(PIECE_MS));
  const burst = quiet.map((round, i) => (i === 1 ? round.map((time, k) => (k < 10 ? 9 * PIECE_MS : time)) : round));
  assert.ok(robustTotal(burst) / robustTotal(quiet) < 1.01);
});

test('the warm-up is what comes before the steady speed', () => {
  const pieces = Array.from({ length: 20 }, (_, k) => ({ ticks: 1000, ms: k < 4 ? 30 : 10 }));
  const { piece, extraMs } = warmUp(pieces);
  assert.equal(piece, 4);
  assert.ok(Math.abs(extraMs - 80) < 1e-9);
  assert.equal(warmUp(pieces.slice(4)).piece, 0);
});

test('pieces that are too short to be timed are put together', () => {
  const short = Array.from({ length: 6 }, () => new Array<number>(80).fill(0.1));
  const ends = groupEnds(short);
  assert.equal(ends.at(-1), 80);
  assert.ok(ends.length >= 3 && ends.length <= 5, `${ends.length} groups`);
  assert.ok(Math.abs(robustTotal(short) - 8) < 1e-9);
  assert.equal(compare(short, short).verdict, 'no difference');
});

test('rounds that are disturbed for a third of their time still tell 5 %', () => {
  const random = new Random(7);
  /** A third of the time at up to half the speed, in stretches of ten pieces, somewhere else in each round. */
  const disturbed = (factor: number): Times =>
    Array.from({ length: 9 }, () => {
      let slow = 1;
      return Array.from({ length: PIECES }, (_, piece) => {
        if (piece % 10 === 0) slow = random.below(3) > 0 ? 1 : 1 + random.below(1000) / 1000;
        return PIECE_MS * factor * slow * (1 + random.below(1000) / 50_000);
      });
    });
  let [told, wrong] = [0, 0];
  for (let k = 0; k < 20; k++) {
    if (compare(disturbed(1), disturbed(1.05), k).verdict === 'slower') told++;
    if (compare(disturbed(1), disturbed(1), k).verdict !== 'no difference') wrong++;
  }
  assert.ok(told >= 16 && wrong <= 3, `${told} of 20 told, ${wrong} of 20 wrong`);
});
