/**
 * Quirks: a log of format 1 replays with the behaviours of its time, which nothing in it names; a log of today has none
 * unless its manifest names one, as that of a branch of an old recording does; a name that nobody knows is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { crc32c } from '../../src/core/log/crc32c.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, LOG_FORMAT } from '../../src/core/log/frames.ts';
import { openLog } from '../../src/core/log/log.ts';
import { encodeHeader, type LogHeader } from '../../src/core/log/manifest.ts';
import { isQuirk, QUIRKS, quirksOfLog } from '../../src/core/log/quirks.ts';
import { goldenFolder, goldenLogs } from '../replay/golden.ts';
import { RAM_BASE } from '../../src/core/state/layout.ts';
import { type Machine, record, replay } from '../../src/library.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const RESULT = 0x200000;
const SOURCE = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  fninit
  fldpi
  fsin
  fstp tword [${RESULT}]
  mov al, 0
  out 0xf4, al
`;
const KERNEL = { boot: { method: 'multiboot' }, options: {}, devices: [] };
const settings = { images: { kernel: assemble(SOURCE).bytes }, memoryMegabytes: 4, hashEveryTicks: 1 };

/** The same log under another header, in frames that say they are of `format`. */
function withHeader(log: Uint8Array, change: (header: LogHeader) => LogHeader, format: number): Uint8Array {
  const { header, frames } = openLog(log);
  const first = encodeFrame(FRAME_KIND.header, 0, 0, 0, encodeHeader(change(header)));
  const whole = Buffer.concat([first, log.subarray(FRAME_HEADER_BYTES + frames[0].payloadBytes)]);
  for (const { offset, payloadBytes } of openLog(whole).frames) {
    whole.writeUInt16LE(format, offset + 6);
    whole.writeUInt32LE(crc32c(whole, offset, offset + 28), offset + 28);
    const end = offset + FRAME_HEADER_BYTES + payloadBytes;
    const payload = crc32c(whole, offset + FRAME_HEADER_BYTES, end, crc32c(whole, offset, offset + 32));
    whole.writeUInt32LE(payload, offset + 32);
  }
  return whole;
}

/** What FSIN of FLDPI left in the memory of the replayed guest, as sign and exponent, significand. */
async function sineIn(log: Uint8Array): Promise<{ text: string; agrees: boolean }> {
  let text = '';
  const inspect = {
    everyTicks: 1,
    look: ({ cpu }: { cpu: { view: DataView } }) => {
      const word = (offset: number): number => cpu.view.getUint32(RAM_BASE + RESULT + offset, true);
      const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
      text = `${hex(word(8) & 0xffff, 4)}:${hex(word(4), 8)}${hex(word(0), 8)}`;
    },
  };
  const { divergence } = await replay(log, { ...settings, inspect });
  return { text, agrees: divergence === null };
}

const SILICON = 'bfbf:8000000000000000';
const TRUE_PI = 'bfbe:ece675d1fc8f8cbb';

test('FSIN reduces as silicon does, in a log of format 1 as it did then', async () => {
  const { log } = await record(settings);
  assert.deepEqual(openLog(log).header.machine.quirks, []);
  assert.deepEqual(await sineIn(log), { text: SILICON, agrees: true });
  const old = withHeader(log, (header) => header, 1);
  assert.deepEqual(openLog(old).header.machine.quirks, quirksOfLog(1, KERNEL));
  // Recorded without quirks: with those of its format another machine runs, and the replay says so.
  assert.equal((await sineIn(old)).agrees, false);
  const named = withHeader(log, (header) => ({ ...header, machine: { ...header.machine, quirks: ['exact-pi'] } }), 2);
  assert.deepEqual(await sineIn(named), { text: TRUE_PI, agrees: false });
});

test('the recordings kept from before are of format 1 and have all its quirks', () => {
  let seen = 0;
  for (const { file } of goldenLogs()) {
    const log = openLog(readFileSync(join(goldenFolder, file)));
    if (log.frames[0].format !== 1) continue;
    const { devices } = log.header.machine;
    assert.deepEqual(log.header.machine.quirks, quirksOfLog(1, { ...KERNEL, devices }), file);
    assert.ok(log.header.machine.quirks.includes('fixed-apic'), file);
    seen++;
  }
  assert.ok(seen >= 10);
});

test('every quirk of a format has words, and a quirk that nobody knows is refused by name', async () => {
  for (let format = 1; format <= LOG_FORMAT; format++)
    for (const name of quirksOfLog(format, KERNEL)) assert.ok(isQuirk(name));
  assert.deepEqual(quirksOfLog(LOG_FORMAT, KERNEL), []);
  for (const words of Object.values(QUIRKS)) assert.ok(words.length > 20);
  const { log } = await record(settings);
  const unknown = withHeader(
    log,
    (header) => ({ ...header, machine: { ...header.machine, quirks: ['constructor'] } }),
    2,
  );
  await assert.rejects(() => replay(unknown, settings), /needs the behaviour "constructor".*newer version/);
});

test('power-on is at tick 0: chips that count begin there, which those of old logs did not', async () => {
  for (const quirks of [[], ['late-power-on']]) {
    const { log } = await record({ ...settings, hashEveryTicks: 0 });
    const named = withHeader(log, (header) => ({ ...header, machine: { ...header.machine, quirks } }), 2);
    let cycles: boolean[] = [];
    const look = ({ board }: Machine): void => {
      const states = new Map(board.save());
      // Cycles that a run of one instruction cannot have reached.
      const isFarOff = (part: string): boolean => /\d{10}/.test(JSON.stringify(states.get(part)));
      cycles = [isFarOff('pit'), isFarOff('rtc')];
    };
    await replay(named, { ...settings, inspect: { everyTicks: 1, look } });
    assert.deepEqual(cycles, quirks.length === 0 ? [false, false] : [true, true]);
  }
});
