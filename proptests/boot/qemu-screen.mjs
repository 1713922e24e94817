/**
 * QEMU as a witness of whole systems: boots the same medium, is typed at by what stands on its screen, and tells by its
 * monitor what stands there at the end. The text page is read out of guest memory, from where the CRT controller has
 * its begin.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { unicodeOf } from '../../dist/src/core/devices/display/code-page.js';

const COLUMNS = 80;
const ROWS = 25;
const TEXT_BYTES = 0x8000;
/** Names of keys that are no letters or digits, as `sendkey` has them. */
const KEYS = {
  ...{ ' ': 'spc', '\n': 'ret', '-': 'minus', '.': 'dot', '/': 'slash', '=': 'equal', '\\': 'backslash' },
  ...{ $: 'shift-4', '{': 'shift-bracket_left', '}': 'shift-bracket_right' },
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A monitor that answers one command after another. */
async function openMonitor(path) {
  let socket;
  for (let tries = 0; socket === undefined; tries++) {
    socket = await new Promise((resolve) => {
      const tried = connect(path);
      tried.on('connect', () => resolve(tried));
      tried.on('error', () => resolve(undefined));
    });
    if (socket === undefined && tries > 600) throw new Error('the monitor of QEMU does not answer');
    if (socket === undefined) await pause(100);
  }
  let told = '';
  let heard = () => {};
  socket.on('data', (data) => {
    told += data.toString('latin1');
    heard();
  });
  socket.on('error', () => {});
  const answer = async () => {
    while (!told.includes('(qemu) ')) {
      await new Promise((resolve) => {
        heard = resolve;
      });
    }
    const [text] = told.split('(qemu) ');
    told = told.slice(text.length + '(qemu) '.length);
    return text;
  };
  await answer();
  return (command) => {
    socket.write(`${command}\n`);
    return answer();
  };
}

/** Lines of cells from that byte of the text memory on. */
function linesAt(bytes, from, rows) {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: COLUMNS }, (_each, column) => {
      const code = bytes[(from + (row * COLUMNS + column) * 2) % TEXT_BYTES];
      return code === 0 ? ' ' : unicodeOf(code);
    })
      .join('')
      .trimEnd(),
  );
}

/**
 * Boots QEMU with these options. `steps` are pairs of a text to wait for and what is typed then; `end` is waited for
 * last. Gives the 25 lines of the screen, or null where the time was over before.
 */
export async function qemuScreen({ folder, options, steps, end, secondsMax }) {
  const monitorPath = join(folder, 'monitor');
  const dump = join(folder, 'text.bin');
  const clock = ['-rtc', 'base=2026-01-01T00:00:00'];
  const quiet = [...clock, '-nodefaults', '-display', 'none', '-no-reboot'];
  const qemu = spawn(
    'qemu-system-i386',
    ['-accel', 'tcg', '-vga', 'std', ...quiet, '-monitor', `unix:${monitorPath},server=on,wait=off`, ...options],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const untilMs = Date.now() + secondsMax * 1000;
  try {
    const monitor = await openMonitor(monitorPath);
    const textMemory = async () => {
      await monitor(`pmemsave 0xb8000 ${TEXT_BYTES} "${dump}"`);
      return readFileSync(dump);
    };
    const count = async (text) =>
      linesAt(await textMemory(), 0, Math.floor(TEXT_BYTES / 2 / COLUMNS))
        .join('\n')
        .split(text).length - 1;
    const seen = new Map();
    for (const [text, typed] of [...steps, [end, '']]) {
      const before = seen.get(text) ?? 0;
      while ((await count(text)) <= before) {
        if (Date.now() > untilMs) return null;
        await pause(250);
      }
      await pause(500);
      seen.set(text, await count(text));
      const keys = typed.startsWith('<') ? [typed.slice(1, -1)] : [...typed].map((each) => KEYS[each] ?? each);
      for (const key of keys) {
        await monitor(`sendkey ${key} 20`);
        await pause(60);
      }
    }
    await pause(1000);
    await monitor('stop');
    const register = async (index) => {
      await monitor(`o /b 0x3d4 ${index}`);
      return Number(/= (0x[0-9a-f]+)/.exec(await monitor('i /b 0x3d5'))?.[1]);
    };
    const start = (await register(0x0c)) * 256 + (await register(0x0d));
    return linesAt(await textMemory(), start * 2, ROWS);
  } finally {
    qemu.kill('SIGKILL');
  }
}
