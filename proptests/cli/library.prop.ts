/**
 * The library's example runs and says what it should; settings that cannot be are refused with a sentence. Everything
 * else about the library is tested where the sessions are, in proptests/replay.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { createMachine, openLog, record, replay } from '../../src/host/index.ts';
import { tour } from './example.ts';

test('the example of the library says what happened', async () => {
  const said = await tour(buildGuest('echo'));
  assert.equal(said[0], 'at tick 2000000 the guest has said "echo: type quit to end\\nhi\\n"');
  assert.match(said[1], /^recorded 5000\d{3} ticks, ended by debug-exit 16$/);
  assert.deepEqual(said.slice(2, 4), [
    'input at tick 3000000: serial0 "hi\\n"',
    'input at tick 5000000: serial0 "quit\\n"',
  ]);
  assert.match(said[4], /^checks of [3-9] kinds$/);
  assert.equal(said[5], 'replayed: the same');
  assert.match(said[6], /after tick 3000000 and by tick 4000000/);
  assert.match(said[6], /page 768 /);
});

test('what cannot be is refused with a sentence', async () => {
  const kernel = buildGuest('echo');
  await assert.rejects(createMachine({ images: {} }), /needs an image/);
  await assert.rejects(createMachine({ images: { kernel }, engine: 'warp' }), /no engine "warp"/);
  await assert.rejects(createMachine({ images: { kernel: new Uint8Array(100) } }), { name: 'BootError' });
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 1000 });
  await assert.rejects(replay(log), /needs the kernel image with SHA-256 [0-9a-f]{64}/);
  assert.throws(() => openLog(new Uint8Array(0)), { name: 'LogError' });
});
