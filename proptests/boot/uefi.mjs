/**
 * UEFI firmware for 32-bit processors: OVMF comes to its shell, which is spoken to on the serial line; recorded,
 * replayed with devices and without. What it says is what it says to QEMU.
 *
 *   node proptests/boot/uefi.mjs FOLDER OVMF.fd
 *
 * The image is one of edk2's OvmfPkg/OvmfPkgIa32.dsc without SMM_REQUIRE: with that it wants the host bridge of a Q35,
 * its SMRAM and flash to write to, and stops on an i440FX, QEMU's too. So does the one of Debian's package ovmf-ia32,
 * from whose sources (apt-get source edk2) another is built.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Checks, last, reprise } from '../debian/guest.mjs';

const MEMORY_MEGABYTES = 128;
/** It waits much, by the timer of power management: the more nanoseconds a tick is, the fewer times that is read. */
const NS_PER_TICK = 256;
const TICKS_MAX = 10_000_000_000;
const QEMU_SECONDS_MAX = 600;
const PROMPT = 'Shell> ';
/** What is typed at one prompt after the other. */
const TYPED = ['ver\r', 'echo said by the shell\r'];

const [folderWord, imageWord] = process.argv.slice(2);
if (imageWord === undefined) {
  console.error('usage: node proptests/boot/uefi.mjs FOLDER OVMF.fd');
  process.exit(2);
}
const [folder, bios] = [resolve(folderWord), resolve(imageWord)];
const path = (name) => join(folder, name);
const checks = new Checks('UEFI firmware');
mkdirSync(folder, { recursive: true });

/** What QEMU says on its serial line up to the last prompt. */
function saidToQemu() {
  return new Promise((done) => {
    const words = ['-M', 'pc', '-m', String(MEMORY_MEGABYTES), '-bios', bios, '-nodefaults', '-vga', 'std'];
    const qemu = spawn('qemu-system-i386', [...words, '-display', 'none', '-serial', 'stdio'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    let prompts = 0;
    const timer = setTimeout(() => qemu.kill('SIGKILL'), QEMU_SECONDS_MAX * 1000);
    qemu.stdout.setEncoding('latin1').on('data', (text) => {
      said += text;
      for (; said.split(PROMPT).length - 1 > prompts; prompts++) {
        if (prompts === TYPED.length) qemu.kill('SIGKILL');
        else qemu.stdin.write(TYPED[prompts]);
      }
    });
    qemu.on('close', () => {
      clearTimeout(timer);
      done(said);
    });
  });
}

/** Without the bytes by which a terminal is told where to put what and in which colours, and without empty lines. */
const plain = (text) =>
  text
    .replace(/\x1b\[[=\d;]*[A-Za-z]/g, '\n')
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');

const log = path('uefi.rlog');
const said = path('serial');
const picture = path('uefi.png');
for (const file of [log, said, picture]) rmSync(file, { force: true });
const lines = [...TYPED, undefined].map((text) => {
  return `when ${JSON.stringify(PROMPT)} ${text === undefined ? 'reset' : `serial ${JSON.stringify(text)}`}`;
});
writeFileSync(path('script'), `${lines.join('\n')}\n`);
const machine = ['--bios', bios, '--memory', String(MEMORY_MEGABYTES), '--ns-per-tick', String(NS_PER_TICK)];
const limits = ['--input', path('script'), '--no-reboot', '--max-ticks', String(TICKS_MAX)];
const recorded = reprise(['record', log, ...machine, ...limits, '--serial', `file:${said}`]);
/** Of a run that a reset has ended. */
const ENDED = 3;
checks.that('it is recorded to the last prompt', recorded.status === ENDED, last(recorded.errors));
const text = readFileSync(said, 'latin1');
checks.that('the shell says what it is', text.includes('UEFI Interactive Shell'));
checks.that('it echoes what it is told to', /^said by the shell$/m.test(plain(text)));
for (const devices of ['model', 'log']) {
  const wish = devices === 'model' ? ['--screenshot', `end=${picture}`] : [];
  const again = reprise(['replay', log, '--devices', devices, ...wish]);
  checks.that(`it is replayed, devices ${devices}`, again.status === 0, last(again.errors));
  checks.that(`it says the same, devices ${devices}`, again.output === text);
}
console.log(`     look at ${picture}`);
if (spawnSync('qemu-system-i386', ['--version']).status === 0) {
  const [mine, theirs] = [plain(text), plain(await saidToQemu())];
  checks.that('it says to QEMU what it says here', mine === theirs);
  if (mine !== theirs) console.log(`--- here\n${mine}\n--- QEMU\n${theirs}\n---`);
} else console.log('not compared with QEMU: needs qemu-system-i386 (Debian: qemu-system-x86)');
checks.end();
