/**
 * At a real terminal (a pseudo-terminal of util-linux `script`): keys reach the guest as they are typed, Ctrl-C among
 * them, Ctrl-A x ends the run with a whole log, and an idle guest waits instead of burning the host's processor.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { logEvents, openLog } from '../../src/library.ts';
import { inFolder, reprise, reprisePath } from './command.ts';

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
const skip = hasScript ? false : 'needs the program `script` of util-linux';

test('an interactive session at a terminal is recorded and replayed exactly', { skip }, async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'echo'), buildGuest('echo'));
    const line = `'${process.execPath}' '${reprisePath}' record t.rlog --kernel echo --memory 4`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { cwd, env: { ...process.env, TERM: 'xterm' } });
    let shown = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (shown += text));
    const until = async (text: string): Promise<void> => {
      for (let waited = 0; !shown.includes(text); waited += 20) {
        assert.ok(waited < 30_000, `${JSON.stringify(text)} was not shown, but ${JSON.stringify(shown)}`);
        await later(20);
      }
    };
    await until('type quit to end');
    child.stdin.write('hel');
    await until('hel');
    child.stdin.write('\x01h');
    await until('Ctrl-A x ends the run');
    child.stdin.write('lo\r');
    await until('lo');
    child.stdin.write('\x03');
    await until('\x03');
    await later(300);
    child.stdin.write('\x01x');
    const status = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(status, 0, shown);
    const log = openLog(readFileSync(join(cwd, 't.rlog')));
    assert.equal(log.end?.reason, 'stopped');
    const typed = [...logEvents(log, { class: 'input' })].map(({ event }) =>
      event.kind === 'serial' ? new TextDecoder().decode(event.bytes) : event.kind,
    );
    assert.equal(typed.join(''), 'hello\r\x03');
    const replayed = await reprise(['replay', 't.rlog', '--kernel', 'echo'], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
    assert.equal(replayed.stdout, 'echo: type quit to end\nhello\n\x03');
  });
});

test('a guest that waits for a key sleeps', { skip }, async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'echo'), buildGuest('echo'));
    const watch = `import { resourceUsage } from 'node:process';
      const spent = () => {
        const { userCPUTime, systemCPUTime } = resourceUsage();
        return userCPUTime + systemCPUTime;
      };
      setTimeout(() => {
        const from = spent();
        setTimeout(() => process.stderr.write('CPU ' + (spent() - from) + '\\n'), 2000);
      }, 1500);`;
    writeFileSync(join(cwd, 'watch.mjs'), watch);
    const line = `'${process.execPath}' --import ./watch.mjs '${reprisePath}' run --kernel echo --memory 4`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { cwd });
    let shown = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (shown += text));
    for (let waited = 0; !/CPU \d+/.test(shown); waited += 50) {
      assert.ok(waited < 30_000, shown);
      await later(50);
    }
    child.stdin.write('\x01x');
    await new Promise((resolve) => child.once('close', resolve));
    const microseconds = Number(/CPU (\d+)/.exec(shown)?.[1]);
    assert.ok(microseconds < 700_000, `${microseconds} µs of processor time in 2 s of waiting`);
  });
});
