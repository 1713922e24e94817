/**
 * doom names the moment at which a failure became inevitable, on guests whose symptom comes 10^5 to 10^9 ticks later
 * (guests/races/late-*.asm): the interrupt that decided it, inside the code that must not be interrupted. What the
 * fault is, the test knows by itself: from the first arrival of the decisive interrupt in that code. A failure that
 * nothing keeps away, and a recording without the symptom, are said to be so.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { finishCampaign } from '../../src/core/chaos/campaign.ts';
import { doom, type DoomResult } from '../../src/core/chaos/doom.ts';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { KNOBS_DEFAULT } from '../../src/core/chaos/perturb.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { lastJump } from '../../src/core/chaos/share.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { assembleRace, assembleSource } from '../../src/host/node/guest-images.ts';
import { wilsonBand } from '../../src/host/measure/statistics.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { disturb, logOf, openRace, type Race, racyUntil, RUNS_MAX, shrunk } from './races.ts';

/** How long before the symptom the fault is, and behind which labels. */
const FAULTS: Readonly<
  Record<string, { readonly distance: readonly [number, number]; readonly code: readonly string[] }>
> = {
  'late-count': { distance: [1e5, 3e5], code: ['round'] },
  'late-list': { distance: [1e7, 2e7], code: ['round'] },
  'late-lock': { distance: [9e7, 2e8], code: ['object', 'work'] },
  'late-deadline': { distance: [1e8, 2e8], code: ['job'] },
  'late-cache': { distance: [9e8, 2e9], code: ['key'] },
};

/** No code behind those labels is longer. */
const CODE_BYTES = 64;

function doomOf({ setup, makeEngine, horizonTick }: Race, recorded: readonly TimedInput[]): [DoomResult, number] {
  const failures = [parseFailure('exit:0x11')];
  const experiment = new Experiment({ ...setup, makeEngine, recorded, script: [], failures });
  const plain = experiment.run(recorded, horizonTick);
  assert.ok(plain.fails);
  const settings = { seed: 1, fromTick: 0, symptomTick: plain.tick, horizonTick, moments: 10, trials: 16 };
  const guest = { ramBytes: setup.manifest.memoryMegabytes << 20, epochSeconds: 0, drives: [] };
  const more = { knobs: KNOBS_DEFAULT, inputs: recorded, interruptTicks: plain.interruptTicks, guest };
  return [finishCampaign(experiment, doom({ ...settings, ...more })), plain.tick];
}

for (const [name, { distance, code }] of Object.entries(FAULTS)) {
  test(`doom: ${name}`, async () => {
    const race = await openRace(name, false);
    const { failing } = disturb(race, RUNS_MAX, 1, racyUntil(name, race));
    assert.ok(failing !== null);
    const recorded = shrunk(race, failing.inputs);
    const [result, symptomTick] = doomOf(race, recorded);
    assert.equal(result.verdict, 'found');
    const { interval } = result;
    assert.ok(interval !== null && interval.toTick - interval.fromTick <= 1000, JSON.stringify(interval));
    const before = symptomTick - interval.fromTick;
    assert.ok(before >= distance[0] && before <= distance[1], `${before} ticks before the symptom`);
    // There the guest is in the code that must not be interrupted.
    const looking = new Experiment({ ...race.setup, makeEngine: race.makeEngine, recorded, script: [], failures: [] });
    looking.stand(interval.fromTick);
    const eip = looking.machine.cpu.m32[EIP] >>> 0;
    const { symbols } = assembleRace(name);
    const starts = code.map((label) => symbols.get(label) ?? 0);
    assert.ok(
      starts.some((at) => eip >= at && eip < at + CODE_BYTES),
      `${eip.toString(16)} is not in ${code.join(' or ')}`,
    );
    const [escapable, doomed] = result.sides ?? [];
    assert.ok(escapable !== undefined && doomed !== undefined && doomed.failing === doomed.trials);
    assert.ok(escapable.failing < escapable.trials);
  });
}

test('a jump is found where two levels are far more likely than one, the last of several', () => {
  const shares = (failing: readonly number[]) => failing.map((each) => ({ failing: each, trials: 16 }));
  assert.equal(lastJump(shares([0, 1, 0, 16, 16]))?.at, 3);
  assert.equal(lastJump(shares([0, 0, 0, 8, 8, 7, 9, 16, 16, 16]))?.at, 7);
  assert.equal(lastJump(shares([16, 16, 16, 16])), null);
  assert.equal(lastJump(shares([16, 16, 0, 0])), null, 'down is no jump');
  assert.equal(lastJump(shares([8, 7, 9, 8])), null);
  const { low, high } = wilsonBand(5, 16);
  assert.deepEqual([low.toFixed(3), high.toFixed(3)], ['0.142', '0.556']);
  assert.deepEqual(wilsonBand(0, 0), { low: 0, high: 1 });
});

test('the command: picture, place, other places, the command to stand there; refusals', async () => {
  await inFolder(async (cwd) => {
    const race = await openRace('late-count', false);
    const { failing } = disturb(race, RUNS_MAX, 1, racyUntil('late-count', race));
    assert.ok(failing !== null);
    writeFileSync(join(cwd, 'late'), assembleRace('late-count').bytes);
    writeFileSync(join(cwd, 'late.rlog'), logOf(race, failing.inputs));
    const words = ['doom', 'late.rlog', '--symptom', 'exit:0x11', '--moments', '6', '--image', 'late'];
    const told = await reprise([...words, '--svg', 'late.svg'], { cwd });
    assert.equal(told.status, 0, told.stderr);
    assert.match(told.stderr, /<- still to be escaped\n.*100 % of 64 .* <- inevitable/);
    assert.match(told.stderr, /became inevitable at tick [\d ]+, 1\d\d \d{3} ticks before\n {2}place {3}0x[0-9a-f]+ /);
    assert.match(told.stderr, /arrives interrupt 0x20\n {2}race on 0x200000, in this order:\n/);
    assert.match(told.stderr, /order:\n( {10}inter.*\n){3} {2}elsewhere, .* at 2:\n/);
    const stand = /^reprise debug late\.rlog --exec 'seek (\d+)'\n$/.exec(told.stdout);
    assert.ok(stand !== null, told.stdout);
    const stood = await reprise(['debug', 'late.rlog', '--image', 'late', '--exec', `seek ${stand[1]}`], { cwd });
    assert.equal(stood.status, 0, stood.stderr);
    const absent = await reprise(['doom', 'late.rlog', '--symptom', 'triple-fault', '--image', 'late'], { cwd });
    assert.equal(absent.status, 2);
    assert.match(absent.stderr, /The run of late\.rlog does not fail so: give the --symptom that it shows/);
    // A guest that always fails.
    const doomed = assembleSource(
      '%include "common.inc"\nmain:\n mov ecx, 9000\nturn: dec ecx\n jnz turn\n mov al, 3\n jmp exit',
    );
    writeFileSync(join(cwd, 'doomed'), doomed.bytes);
    await reprise(['record', 'doomed.rlog', '--kernel', 'doomed', '--memory', '4'], { cwd });
    const always = await reprise(['doom', 'doomed.rlog', '--symptom', 'exit:3', '--moments', '4'], { cwd });
    assert.equal(always.status, 1, always.stderr);
    assert.match(always.stderr, /comes whatever is disturbed: begin earlier \(--from\), or try other knobs/);
  });
});
