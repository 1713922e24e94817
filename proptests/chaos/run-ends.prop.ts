/**
 * How the end of a run is called: what hangs and what has come to its good end, and by which fault a crash is told from
 * another one where a system stands between it and the machine.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import { loadCoveringEngine, loadEngine } from '../../src/engines.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { smallMachine } from './small-machine.ts';

test('a run that comes to an event that ends it well does not hang, one that never comes there does', async () => {
  const source = flatGuest("  mov dx, 0x3f8\n  mov al, '!'\n  out dx, al\nagain: jmp again");
  const setup = smallMachine('loud', assemble(source).bytes);
  const shared = { ...setup, makeEngine: await loadEngine('interp'), recorded: [], script: [] };
  for (const [ending, fails, reason] of [
    ['serial:"!"', false, 'event'],
    ['serial:"?"', true, 'tick'],
  ] as const) {
    const outcome = new Experiment({ ...shared, failures: [parseFailure('hang')], endings: [ending] }).run([], 1000);
    assert.deepEqual([outcome.fails, outcome.reason], [fails, reason]);
  }
});

/** A program in ring 3 that has two faults by what lies at 2 MiB, and one that its system mends each time. */
const SYSTEM = flatGuest(
  `  lgdt [gdtr3]
  mov dword [0x300004], 0x80000
  mov dword [0x300008], 0x10
  mov ax, 0x28
  ltr ax
  push 0x23
  push 0x70000
  push 2
  push 0x1b
  push program
  iretd
invalid:
  cmp dword [esp], mended
  jne crashed
  add dword [esp], 2
  iretd
crashed:
  mov dx, 0x3f8
  mov al, '!'
  out dx, al
done:
  mov al, 0
  out 0xf4, al
program:
  mov ax, 0x23
  mov ds, ax
mended:
  ud2
  mov al, [0x200000]
  cmp al, 1
  je first
  cmp al, 2
  je second
  int 0x30
first:
  ud2
second:
  nop
  ud2`,
  `gdtr3: dw 47
  dd gdt3
align 8
gdt3: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300, 0x0000ffff, 0x00cffb00, 0x0000ffff, 0x00cff300
  dd 0x00000067, 0x00008930
idt: times 48 db 0
  dw invalid - 0x100000, 0x08, 0x8e00, 0x10
  times 328 db 0
  dw done - 0x100000, 0x08, 0xee00, 0x10`,
  392,
);

test('crashes of a program are told apart by its faults, not by where its system tells of them', async () => {
  const setup = smallMachine('system', assemble(SYSTEM).bytes);
  const makeEngine = await loadCoveringEngine('tiered');
  const failures = [parseFailure('serial:"!"')];
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  const plain = experiment.run([], 1000);
  assert.deepEqual([plain.fails, plain.reason], [false, 'debug-exit']);
  experiment.plainNovelties = new Set(plain.novelties);
  const sites = [1, 2].map((byte) => {
    const event: InputEvent = { kind: 'edit-memory', address: 0x200000, bytes: Uint8Array.of(byte) };
    return experiment.run([{ tick: 0, event }], 1000).site;
  });
  for (const site of sites) assert.match(site, /^serial:"!", fault 6 at [0-9a-f]{6}$/);
  assert.notEqual(sites[0], sites[1]);
});
