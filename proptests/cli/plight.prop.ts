/**
 * A live guest that can do nothing more ends its run and says why: halted with interrupts off or masked while timers
 * still tick, halted with nobody there who could type, or frozen at an x87 error that nobody acknowledges; not after
 * the time that was asked for, and without the host counting the ticks one by one.
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
/** All lines of both interrupt controllers are masked, the timer's too; interrupts are on. */
const MASKED = guest('mov al, 0xff\nout 0x21, al\nout 0xa1, al\nsti\nhlt\nhlt\n');
/** It hears the first serial line alone; at the first byte of it there is nothing to handle it, and it is reset. */
const WAITING = guest(`mov esp, 0x200000
  mov al, 0xef
  out 0x21, al
  mov al, 0xff
  out 0xa1, al
  mov dx, 0x3f9
  mov al, 1
  out dx, al
  mov dx, 0x3fc
  mov al, 0x0b
  out dx, al
  sti
x: hlt
  jmp x
`);
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
  masked: 'the guest is halted with every interrupt masked: only an NMI or a reset can wake it',
  frozen:
    'the guest is frozen at an x87 error (zero divide): CR0.NE is 0, so it waits for IRQ 13, which FERR# has raised, ' +
    'and interrupts are off',
};

for (const [name, kernel] of Object.entries({ dead: DEAD, masked: MASKED, frozen: FROZEN })) {
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

test('a guest that waits for a byte of its serial line ends when nobody can send one; the log replays', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'waiting'), WAITING);
    const words = ['--kernel', 'waiting', '--memory', '4', '--max-ticks', '900000000000', '--no-reboot'];
    const alone = await reprise(['record', 'a.rlog', ...words], { cwd, input: '' });
    assert.equal(alone.status, 0, alone.stderr);
    const says = 'the guest is halted: only a key, the mouse or a byte on a serial line can wake it';
    assert.ok(alone.stderr.startsWith(`record: nobody is there who could type; ${says}; `), alone.stderr);
    const replayed = await reprise(['replay', 'a.rlog'], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
    const typed = await reprise(['run', ...words], { cwd, input: 'x' });
    assert.match(typed.stderr, /triple fault.* ended the run/);
  });
});
