/**
 * A live guest that does nothing more says why: halted with interrupts off while timers still tick, or frozen at an x87
 * error that nobody acknowledges. It is told once, the host rests then, and the last sentence has it too.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { assemble } from '../../src/core/isa/assemble.ts';
import { inFolder, reprise, reprisePath } from './command.ts';

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

test('a guest that does nothing more is told once, and costs the host nothing', async () => {
  await inFolder(async (cwd) => {
    const watch = `const write = process.stderr.write.bind(process.stderr);
      process.stderr.write = (text, ...rest) => {
        if (String(text).includes('the guest is') && !globalThis.isWatched) {
          globalThis.isWatched = true;
          const from = process.cpuUsage();
          setTimeout(() => write('CPU ' + process.cpuUsage(from).user + '\\n'), 1500);
        }
        return write(text, ...rest);
      };`;
    writeFileSync(join(cwd, 'watch.mjs'), watch);
    for (const [name, kernel] of Object.entries({ dead: DEAD, frozen: FROZEN })) {
      writeFileSync(join(cwd, name), kernel);
      const words = ['--import', './watch.mjs', reprisePath, 'run', '--kernel', name, '--memory', '4'];
      const child = spawn(process.execPath, words, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
      child.stdout.resume();
      let told = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
      for (let waited = 0; !/CPU \d+/.test(told); waited += 20) {
        assert.ok(waited < 60_000, told);
        await later(20);
      }
      child.kill('SIGINT');
      const status = await new Promise((resolve) => child.once('close', resolve));
      assert.equal(status, 130);
      const says = SAYS[name as keyof typeof SAYS];
      assert.equal(told.split(`run: ${says}\n`).length, 2, `told once: ${told}`);
      assert.ok(told.includes(`run: stopped by the user; ${says}; `), told);
      const microseconds = Number(/CPU (\d+)/.exec(told)?.[1]);
      assert.ok(microseconds < 500_000, `${name}: ${microseconds} µs of processor time in 1.5 s`);
    }
  });
});

test('with an end in sight it goes there at once', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'frozen'), FROZEN);
    const words = 'record a.rlog --kernel frozen --memory 4 --max-ticks 20000000000'.split(' ');
    const { status, stderr } = await reprise(words, { cwd });
    assert.equal(status, 0, stderr);
    assert.ok(stderr.includes(`record: the ticks asked for are over; ${SAYS.frozen}; 20 000 000 000 ticks`), stderr);
    const replayed = await reprise(['replay', 'a.rlog'], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
  });
});
