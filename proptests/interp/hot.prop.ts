// The inner loop's case numbers are literals (V8 makes jump tables of nothing else), so nothing but this
// test ties them to the names in specialise.ts. Also holds the loop and the handlers against each other on
// the built-in guests: the same run with every instruction done by its handler gives the same state.

import { CONDITION_SPELLINGS } from '../../src/core/base/names.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { bootMultiboot } from '../../src/core/machine/boot/multiboot.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import { Machine } from '../../src/core/machine/machine.ts';
import { buildGuest, listGuests } from '../../src/host/node/guest-images.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { HOT } from '../../tiers/interp/specialise.ts';
import { projectRoot } from '../support/poison.ts';

test('every case of the inner loop has the number of its name', () => {
  const source = readFileSync(join(projectRoot, 'tiers/interp/hot.ts'), 'utf8');
  const cases = [...source.matchAll(/^ {8}case (\d+):(?: \{)?\s*\/\/ (\w+)/gm)];
  const numbers = new Map<string, number>(Object.entries(HOT));
  CONDITION_SPELLINGS.forEach((spellings, i) => {
    for (const spelling of spellings) numbers.set(`J${spelling.toUpperCase()}`, HOT.JCC + i);
  });
  numbers.set('HOT_END', 1);
  assert.ok(cases.length > 90, `found ${cases.length} cases with a name`);
  for (const [, number, name] of cases)
    assert.equal(Number(number), numbers.get(name), `case ${number} is called ${name}`);
  assert.equal(new Set(cases.map(([, number]) => number)).size, cases.length, 'a number stands twice');
});

/** Final root hash of a guest run in slices of `sliceTicks`. */
function run(name: string, input: string, sliceTicks: number, untilTick: number): string {
  const port = new LivePort();
  const machine = new Machine(
    { memoryMegabytes: 16, nsPerTick: 8, epochSeconds: 0, reboot: false, serialTiming: 'instant', hashEveryTicks: 0 },
    port,
    SILENT_OUTPUT,
    (cpu) => new Interpreter(cpu),
  );
  machine.boot(() =>
    bootMultiboot(machine.cpu, machine.space, { kernel: buildGuest(name), modules: [], commandLine: 'guest 3' }),
  );
  if (input !== '') port.push({ kind: 'serial', port: 0, bytes: new TextEncoder().encode(input) }, 5000);
  let reason = 'tick';
  while (reason === 'tick' && machine.tick < untilTick)
    reason = machine.run(Math.min(untilTick, machine.tick + sliceTicks));
  return `${reason} ${machine.tick} ${machine.hash().root}`;
}

for (const guest of listGuests()) {
  test(`${guest.name}: handlers alone leave the same state as the inner loop`, () => {
    // Slices of one tick never let a block through, so every instruction is done by its handler.
    const until = 60_000;
    assert.equal(run(guest.name, guest.input ?? '', 1, until), run(guest.name, guest.input ?? '', until, until));
    assert.equal(run(guest.name, guest.input ?? '', 7, until), run(guest.name, guest.input ?? '', 1009, until));
  });
}
