// The guest programs of the benchmarks do what they say on every engine: the same state and the same checksum, whatever
// is compiled; and the history of ratios is read as it was written, its page whole.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addToHistory, geometricMean, historyHtml, historyLines, readHistory } from './history.ts';
import { choosePrograms, PROGRAM_MEGABYTES, PROGRAMS } from './programs.ts';
import { createMachine } from '../src/library.ts';
import { inFolder } from '../proptests/cli/command.ts';

const TICKS_MAX = 100_000_000;
/** Prepares 8 MiB first. */
const SLOW = new Set(['chase']);

async function run(image: Uint8Array, engine: string) {
  let output = '';
  const machine = await createMachine({
    images: { kernel: image },
    memoryMegabytes: PROGRAM_MEGABYTES,
    append: 'guest 1',
    hashEveryTicks: 0,
    engine,
    onSerial: (_line, byte) => {
      output += String.fromCharCode(byte);
    },
  });
  return { reason: machine.run(TICKS_MAX), tick: machine.tick, hash: machine.hash(), output };
}

test('every program comes to its end with the same checksum on every engine', async () => {
  for (const { name, image, hasMarkers } of PROGRAMS) {
    const bytes = image();
    const [first, ...others] = SLOW.has(name) ? ['tiered'] : ['interp', 'wasm:threshold=2'];
    const expected = await run(bytes, first);
    assert.equal(expected.reason, 'debug-exit', name);
    if (hasMarkers) assert.match(expected.output, new RegExp(`^go\\n${name}: [0-9a-f]{8}\\n$`));
    for (const engine of others) assert.deepEqual(await run(bytes, engine), expected, `${name} on ${engine}`);
  }
});

test('programs are chosen by name', () => {
  assert.deepEqual(
    choosePrograms('crc,chase').map(({ name }) => name),
    ['crc', 'chase'],
  );
  assert.throws(() => choosePrograms('crc,nothing'), /there is no program "nothing": give some of crc, sha256/);
});

test('the history of ratios is read as it was written, and plotted', async () => {
  await inFolder((folder) => {
    const path = join(folder, 'history.jsonl');
    assert.deepEqual(readHistory(path), []);
    const facts = { commit: 'abc1234', node: 'v20.0.0', processor: 'a processor', engine: 'tiered' };
    const entry = { ...facts, date: '2026-01-01T00:00:00.000Z', ratios: { crc: { whole: 2, steady: 4 } } };
    addToHistory(entry, path);
    addToHistory({ ...entry, date: '2026-01-02T00:00:00.000Z', ratios: { crc: { whole: 3, steady: 5 } } }, path);
    const entries = readHistory(path);
    assert.deepEqual(entries[0], entry);
    assert.match(historyLines(entries).join('\n'), /^ {2}crc +2\.00 \/ 4\.00 +3\.00 \/ 5\.00$/m);
    assert.match(historyHtml(entries), /id="series1"/);
    writeFileSync(path, '{"cut');
    assert.throws(() => readHistory(path), /history\.jsonl:1 is no JSON/);
    return Promise.resolve();
  });
  assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-9);
});
