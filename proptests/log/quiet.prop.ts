/**
 * Logs of guests that do little: one that idles between the ticks of its timer, one that polls a port. What the first
 * leaves is small by the hour of guest time, whatever pieces the host ran it in, and replays on every engine and
 * without devices; a `checked` log of the second is smaller than a `full` one and still tells where a replay leaves it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatenate } from '../../src/core/base/bytes.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { FRAME_KIND } from '../../src/core/log/frames.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import { describeMachine } from '../../src/core/session/describe-machine.ts';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { Session } from '../../src/core/session/session.ts';
import { sha256 } from '../../src/core/base/sha256.ts';
import { loadEngine } from '../../src/engines.ts';
import { logEvents, openLog, record, replay } from '../../src/library.ts';

const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
/** Counts the ticks of the 8254 at 250 Hz, with a few instructions more or less at each, and idles. */
const idling = assemble(
  `${HEADER}start: mov eax, handler\nmov [0x200100], ax\nmov word [0x200102], 0x08\nmov word [0x200104], 0x8e00\n` +
    'shr eax, 16\nmov [0x200106], ax\nlgdt [gdtr]\njmp 8:flat\nflat: mov eax, 16\nmov ss, ax\nmov esp, 0x180000\n' +
    'lidt [idtr]\nmov al, 0x11\nout 0x20, al\nmov al, 0x20\nout 0x21, al\nmov al, 4\nout 0x21, al\nmov al, 1\n' +
    'out 0x21, al\nmov al, 0xfe\nout 0x21, al\nmov al, 0x34\nout 0x43, al\nmov al, 0xa5\nout 0x40, al\nmov al, 0x12\n' +
    'out 0x40, al\nagain: sti\nhlt\njmp again\n' +
    'handler: inc dword [0x201000]\nmov ecx, [0x201000]\nand ecx, 15\ninc ecx\nw: loop w\nmov al, 0x20\n' +
    'out 0x20, al\niret\nalign 8\ngdt: dd 0, 0, 0xffff, 0xcf9a00, 0xffff, 0xcf9200\ngdtr: dw 23\ndd gdt\n' +
    'idtr: dw 0x7ff\ndd 0x200000\n',
).bytes;
const polling = assemble(`${HEADER}start: mov dx, 0x3fd\nx: in al, dx\ntest al, 1\njz x\n`).bytes;

const guest = { memoryMegabytes: 4, hashEveryTicks: 2 ** 26, nsPerTick: 8 };
const settings = { images: { kernel: idling }, ...guest };
const HOUR_TICKS = 3600e9 / 8;

test('an hour of idling takes less than a megabyte, and replays on every engine and without devices', async () => {
  const maxTicks = 2 ** 33;
  const { log, hash } = await record({ ...settings, maxTicks });
  const hourBytes = (log.length / maxTicks) * HOUR_TICKS;
  assert.ok(hourBytes < 1_000_000, `${hourBytes} bytes`);
  const reader = openLog(log);
  const ticks = [...logEvents(reader, { kinds: new Set(['interrupt']) })].length;
  assert.ok(ticks > 15_000, `${ticks} interrupts`);
  for (const engine of ['interp', 'tiered']) {
    const again = await replay(log, { images: settings.images, engine });
    assert.deepEqual([again.divergence, again.hash], [null, hash], engine);
  }
  const without = await replay(log, { images: settings.images, devices: 'log' });
  assert.equal(without.divergence, null);
  // Now and then, and where something happens, a state hash has all its parts.
  const hashes = [...logEvents(reader, { kinds: new Set(['state-hash']) })].map(({ event }) => event);
  const whole = hashes.map((event) => event.kind === 'state-hash' && event.hash.devices !== undefined);
  assert.ok(hashes.length >= 127 && whole.filter((each) => each).length >= 2);
  for (let i = 0; i + 64 <= whole.length; i++) assert.ok(whole.slice(i, i + 64).includes(true));
  assert.ok(hashes.every((event) => event.kind === 'state-hash' && event.hash.ram !== undefined));
});

test('the pieces in which a host runs a guest leave no trace in its log', async () => {
  const maxTicks = 2 ** 30;
  const makeEngine = await loadEngine('interp');
  const logs = [2 ** 19, 2 ** 19 - 77, 12_345_678, maxTicks].map((pieceTicks) => {
    const { manifest, images } = describeMachine({ kernel: { name: 'kernel', data: idling } }, guest, sha256);
    const frames: Uint8Array[] = [];
    const writer = new LogWriter((frame) => frames.push(frame), {
      creator: 'test',
      profile: 'full',
      machine: manifest,
    });
    const session = new Session({
      manifest,
      images,
      makeEngine,
      port: new RecordingPort(writer),
      output: SILENT_OUTPUT,
    });
    while (session.tick < maxTicks) session.advance(Math.min(maxTicks, session.tick + pieceTicks));
    session.end('max-ticks');
    return concatenate(frames);
  });
  for (const log of logs) assert.deepEqual(log, logs[0]);
  const frames = openLog(logs[0]).frames.filter(({ kind }) => kind === FRAME_KIND.checks);
  assert.ok(frames.length < 8, `${frames.length} frames`);
});

test('a checked log of a guest that polls is smaller than a full one, and finds a difference', async () => {
  const images = { kernel: polling };
  const polled = { images, memoryMegabytes: 4, maxTicks: 20_000_000, hashEveryTicks: 0 };
  const [full, checked, inputs] = await Promise.all(
    (['full', 'checked', 'inputs'] as const).map(async (profile) => (await record({ ...polled, profile })).log),
  );
  assert.ok(checked.length < full.length, `${checked.length} bytes checked, ${full.length} full`);
  assert.ok(inputs.length <= checked.length);
  assert.equal((await replay(checked, { images })).divergence, null);
  // A byte arrives that the recording has not seen: the first digest behind it tells.
  const other = await replay(checked, {
    images,
    inspect: {
      everyTicks: 1_000_000,
      look: (machine) => {
        if (machine.tick === 4_000_000) machine.board.input({ kind: 'serial', port: 0, bytes: Uint8Array.of(65) });
      },
    },
  });
  assert.equal(other.divergence?.kind, 'digest');
  assert.ok((other.divergence?.tick ?? 0) < 14_000_000);
});
