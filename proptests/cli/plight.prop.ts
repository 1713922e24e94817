/**
 * A live guest that can do nothing more ends its run and says why: halted with interrupts off while timers still tick,
 * or frozen at an x87 error that nobody acknowledges; not after the time that was asked for, and without the host
 * counting the ticks one by one.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { inFolder, reprise } from './command.ts';

const HEADER =
  'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start\nstart:\n';
const guest = (body: string): Uint8Array => assemble(HEADER + body).bytes;
const DEAD = guest('cli\nhlt\n');
const FROZEN = guest(`mov esp, 0x200000
  mov eax, cr0
  and eax, ~0x20
  mov cr0, eax
  fninit
  push dword 0x37b
  fldcw [esp]
  fldz
  fld1
  fdivrp st1, st0
  fwait
x: jmp x
`);
const SAYS = {
  dead: 'the guest is halted with interrupts off: only an NMI or a reset can wake it',
  frozen:
    'the guest is frozen at an x87 error (zero divide): CR0.NE is 0, so it waits for IRQ 13, which FERR# has raised, ' +
    'and interrupts are off',
};

for (const [name, kernel] of Object.entries({ dead: DEAD, frozen: FROZEN })) {
  test(`a ${name} guest ends its run and says why, and the log replays`, async () => {
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, name), kernel);
      const words = ['record', 'a.rlog', '--kernel', name, '--memory', '4', '--max-ticks', '900000000000'];
      const { status, stderr } = await reprise(words, { cwd, input: 'hold' });
      assert.equal(status, 0, stderr);
      const says = SAYS[name as keyof typeof SAYS];
      assert.ok(stderr.startsWith(`record: nothing can wake the guest; ${says}; `), stderr);
      const ticks = Number(/; ([\d ]+) ticks/.exec(stderr)?.[1].replaceAll(' ', ''));
      assert.ok(ticks < 1_000_000_000, stderr);
      const replayed = await reprise(['replay', 'a.rlog'], { cwd });
      assert.equal(replayed.status, 0, replayed.stderr);
    });
  });
}
