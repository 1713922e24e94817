/**
 * The guest's screen in a terminal: frames as control sequences, keys of a terminal as keys of a keyboard, and a
 * session at a pseudo-terminal whose keys are recorded.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { changesTo, frameOf } from '../../src/host/screen/curses.ts';
import { keysTyped } from '../../src/host/screen/terminal-keys.ts';
import { logEvents, openLog } from '../../src/library.ts';
import { inFolder, reprise, reprisePath } from '../cli/command.ts';
import { Bench } from './fixture.ts';
import { setMode, TEXT_80, VGA_320 } from './modes.ts';
import { Steps } from './vga-guest.ts';

test('a frame is rows with their colours, and only what has changed is written', async () => {
  const bench = await Bench.make();
  bench.mode(TEXT_80);
  for (let at = 0; at < 4000; at += 2) bench.write(0xb8000 + at, 0x0720, 2);
  for (const [i, letter] of [...'Hi!'].entries()) bench.write(0xb8000 + i * 2, letter.charCodeAt(0) | 0x1e00, 2);
  bench.write(0xb8000 + 6, 0x071b, 2);
  bench.register(0x3d4, 0x0f, 3);
  const size = { columns: 5, rows: 3 };
  const frame = () => frameOf(bench.vga.picture(), size);
  const first = frame();
  assert.deepEqual(first, {
    // Yellow on blue, then grey on black; what would be a control character is an arrow.
    rows: ['\x1b[0;93;44mHi!\x1b[0;37;40m← ', '\x1b[0;37;40m     ', '\x1b[0;37;40m     '],
    cursor: { row: 1, column: 4 },
  });
  assert.equal(changesTo(first, first), '');
  bench.write(0xb8000 + 160, 0x0741, 2);
  const second = frame();
  assert.equal(changesTo(second, first), '\x1b[2;1H\x1b[0m\x1b[2K\x1b[0;37;40mA    \x1b[1;4H\x1b[?25h');
  bench.register(0x3d4, 0x0a, 0x20);
  assert.equal(changesTo(frame(), second), '\x1b[?25l');
  bench.mode(VGA_320);
  assert.match(frameOf(bench.vga.picture(), { columns: 80, rows: 25 }).rows.join(), /640 × 400 dots of graphics/);
});

test('what a terminal sends is keys', () => {
  const typed = (text: string): string[] => keysTyped(new TextEncoder().encode(text)).map((keys) => keys.join('+'));
  assert.deepEqual(typed('a:\r\t\x7f'), ['a', 'left-shift+semicolon', 'enter', 'tab', 'backspace']);
  assert.deepEqual(typed('\x03\x1b'), ['left-ctrl+c', 'escape']);
  assert.deepEqual(typed('\x1b[A\x1bOB\x1b[3~\x1b[15~\x1b[Zx'), ['up', 'down', 'delete', 'f5', 'left-shift+tab', 'x']);
  assert.deepEqual(typed('\x1b[1;5C\x1b[6;2~'), ['left-ctrl+right', 'left-shift+page-down']);
  assert.deepEqual(typed('\x1bx\x1b\x1b'), ['left-alt+x', 'escape', 'escape']);
  assert.deepEqual(typed('é\x1b[99~\x1c'), []);
});

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
const skip = hasScript ? false : 'needs the program `script` of util-linux';

const kernel = setMode(new Steps(), TEXT_80)
  .fill(0xb8000, 4000, 0)
  .copy(0xb8000, Uint8Array.from([...'Hello terminal'].flatMap((each) => [each.charCodeAt(0), 0x07])))
  .pause()
  .kernel();

test('a session in a terminal: the screen is shown, keys are recorded', { skip }, async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'guest'), kernel);
    const words = 'record t.rlog --kernel guest --memory 4 --vga std --display curses';
    const line = `'${process.execPath}' '${reprisePath}' ${words}`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { cwd, env: { ...process.env, TERM: 'xterm' } });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    for (let waited = 0; !shown.includes('Hello terminal'); waited += 20) {
      if (waited >= 30_000) child.kill('SIGKILL');
      assert.ok(waited < 30_000, JSON.stringify(shown));
      await later(20);
    }
    child.stdin.write('b\x1b[A');
    await later(300);
    child.stdin.write('\x01x');
    const status = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(status, 0, shown);
    assert.ok(shown.startsWith('\x1b[?1049h'), 'the alternate screen');
    assert.match(shown, /\x1b\[\?1049lHello terminal/);
    const log = openLog(readFileSync(join(cwd, 't.rlog')));
    const keys = [...logEvents(log, { class: 'input' })].map(({ event }) =>
      event.kind === 'key' ? `${event.key} ${event.down ? 'down' : 'up'}` : event.kind,
    );
    assert.deepEqual(keys, ['b down', 'b up', 'up down', 'up up']);
  });
});

test('where it cannot be, it says why', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'guest'), kernel);
    const refused: readonly (readonly [string, RegExp])[] = [
      ['run --kernel guest --display curses', /nothing to show.*--vga std/],
      ['run --kernel guest --vga std --display curses', /wants a terminal/],
      ['run --kernel guest --vga std --display curses --serial stdio', /terminal for itself/],
    ];
    for (const [line, said] of refused) {
      const ended = await reprise(line.split(' '), { cwd });
      assert.match(ended.stderr, said, line);
      assert.equal(ended.status, 2, line);
    }
  });
});
