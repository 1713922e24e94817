/**
 * A log that is packed after the fact is byte for byte the log that `embed` would have made, in every profile, with and
 * without stored checkpoints, cut off at any place, with bookmarks behind its end; and what was damaged stays damaged.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatenate } from '../../src/core/base/bytes.ts';
import { encodeFrame, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND } from '../../src/core/log/frames.ts';
import { isPacked, packLog } from '../../src/core/log/pack.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { openLog, record, type RecordSettings, replay, serialText } from '../../src/library.ts';

const kernel = buildGuest('echo');
const settings: RecordSettings = {
  images: { kernel, modules: [{ name: 'm', data: new Uint8Array(9000).fill(7) }] },
  memoryMegabytes: 4,
  maxTicks: 400_000,
  hashEveryTicks: 20_000,
  inputs: [{ tick: 100_000, event: serialText('hi\n') }],
};
const images = [kernel, new Uint8Array(9000).fill(7)];

const packed = (bytes: Uint8Array): Uint8Array =>
  concatenate([...packLog(openLog(bytes), images)].map((frame) => frame.bytes));

test('packing gives the bytes of a recording with its images inside', async () => {
  for (const profile of ['full', 'checked', 'inputs'] as const) {
    for (const more of [{}, { checkpointEveryTicks: 100_000 }]) {
      if (profile === 'checked' && 'checkpointEveryTicks' in more) continue;
      const bare = await record({ ...settings, ...more, profile });
      const whole = await record({ ...settings, ...more, profile, embed: true });
      const made = packed(bare.log);
      assert.ok(Buffer.from(made).equals(whole.log), `profile ${profile}`);
      assert.ok(isPacked(openLog(made)) && !isPacked(openLog(bare.log)));
      const again = await replay(made);
      assert.deepEqual([again.divergence, again.hash], [null, bare.hash]);
      // Once more changes nothing.
      assert.ok(Buffer.from(packed(made)).equals(made));
      if (profile !== 'full') continue;
      const deviceless = await replay(made, { devices: 'log' });
      assert.deepEqual([deviceless.divergence, deviceless.tick], [null, bare.tick]);
    }
  }
});

test('a log that was cut off anywhere packs to one that replays as far', async () => {
  const { log } = await record({ ...settings, checkpointEveryTicks: 100_000 });
  const [header] = openLog(log).frames;
  const shortest = FRAME_HEADER_BYTES + header.payloadBytes;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: shortest, max: log.length }), async (bytes) => {
      const cut = log.subarray(0, bytes);
      const made = openLog(packed(cut));
      assert.equal(made.lastTick, openLog(cut).lastTick);
      assert.equal(made.truncated, openLog(cut).truncated);
      assert.ok(isPacked(made));
      assert.equal((await replay(made)).divergence, null);
    }),
    { numRuns: 12 },
  );
});

test('what was appended behind the end is kept, and more can be appended', async () => {
  const { log } = await record(settings);
  const bookmark = (file: Uint8Array, name: string): Uint8Array => {
    const seq = openLog(file).frames.length;
    return concatenate([file, encodeFrame(FRAME_KIND.bookmark, FRAME_FLAG.maySkip, seq, 7, [name, 0])]);
  };
  const made = packed(bookmark(log, 'one'));
  const more = openLog(bookmark(made, 'two'));
  assert.equal(more.frames.filter(({ kind }) => kind === FRAME_KIND.bookmark).length, 2);
  assert.equal((await replay(more)).divergence, null);
});

test('a damaged checkpoint does not become a sound one', async () => {
  const { log } = await record({ ...settings, checkpointEveryTicks: 100_000 });
  const checkpoint = openLog(log).frames.find(({ kind }) => kind === FRAME_KIND.checkpoint);
  assert.ok(checkpoint !== undefined);
  const damaged = log.slice();
  damaged[checkpoint.offset + FRAME_HEADER_BYTES + (checkpoint.payloadBytes >> 1)] ^= 1;
  const made = openLog(packed(damaged));
  assert.equal(made.frames.filter(({ isDamaged }) => isDamaged === true).length, 1);
  assert.equal((await replay(made)).divergence, null);
});

test('a log read as a buffer of Node is not changed', async () => {
  const { log } = await record(settings);
  const buffer = Buffer.concat([Buffer.from('before'), log]).subarray(6);
  const made = concatenate([...packLog(openLog(buffer), images)].map((frame) => frame.bytes));
  assert.ok(buffer.equals(log));
  assert.ok(Buffer.from(made).equals(packed(log)));
});
