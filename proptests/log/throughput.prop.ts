/**
 * What recording and asserting a check costs, printed and not judged (a busy machine would fail it): a million port
 * reads shaped like a polled console with timer interrupts. What is asserted is the size, which no machine changes.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { ReplayingPort } from '../../src/core/session/replaying-port.ts';
import type { Checks } from '../../src/core/machine/door.ts';
import { LogWriter, openLog } from '../../src/core/log/log.ts';
import { concat, header } from './events.ts';

const READS = 1_000_000;

/** Lines of characters, each after a poll of the line status register; an interrupt every 500 000 ticks. */
function driveConsole(checks: Checks): number {
  const random = new Random(12345);
  let tick = 0;
  let interruptTick = 500_000;
  for (let reads = 0; reads < READS; ) {
    tick += 20_000 + random.below(300_000);
    for (let left = 40 + random.below(60); left > 0; left--, reads++) {
      tick += 61;
      checks.portRead(tick, 0x3fd, 1, 0x60);
      if (random.below(10) === 0) checks.portRead(tick + 9, 0x3fe, 1, 0xb0);
      tick += 120;
      if (tick <= interruptTick) continue;
      checks.timer(tick, 1);
      checks.interrupt(tick, 0x30);
      checks.portRead(tick + 200 + random.below(3), 0x40, 1, random.below(256));
      tick += 3000 + random.below(500);
      interruptTick += 500_000;
    }
  }
  return tick;
}

test('a million polls: time printed, size asserted', (t) => {
  for (const [profile, bytesMax] of [
    ['full', 400_000],
    ['checked', 40_000],
    ['inputs', 1000],
  ] as const) {
    const frames: Uint8Array[] = [];
    const started = performance.now();
    const recording = new RecordingPort(new LogWriter((frame) => frames.push(frame), header(profile)));
    const endTick = driveConsole(recording.checks);
    recording.finish(endTick, 'stopped', null);
    const recorded = performance.now();
    const file = concat(frames);
    const replaying = new ReplayingPort(openLog(file));
    assert.equal(driveConsole(replaying.checks), endTick);
    replaying.finish(endTick, 'stopped', null);
    const replayed = performance.now();
    assert.equal(replaying.divergence, null);
    assert.ok(file.length <= bytesMax, `${profile}: ${file.length} bytes`);
    const nanoseconds = (from: number, to: number): string => (((to - from) * 1e6) / READS).toFixed(0);
    const cost = `${nanoseconds(started, recorded)} ns to record, ${nanoseconds(recorded, replayed)} ns to assert`;
    t.diagnostic(`${profile}: a check takes ${cost}, ${file.length} bytes`);
  }
});
