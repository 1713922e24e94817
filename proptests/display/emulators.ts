/**
 * Runs a VGA guest (vga-guest.ts) and takes its screen at every pause: here, and in QEMU by its monitor. What the guest
 * prints between is kept too.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Screen } from '../../src/core/devices/display/screen.ts';
import { drawScreen } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { createMachine, serialText } from '../../src/library.ts';

export interface Taken {
  readonly screens: readonly Screen[];
  readonly serial: string;
}

const TICKS_MAX = 400_000_000;

export async function runHere(kernel: Uint8Array, engine = 'tiered'): Promise<Taken> {
  const screens: Screen[] = [];
  let serial = '';
  const booted = await createMachine({
    images: { kernel },
    memoryMegabytes: 8,
    vga: 'std',
    engine,
    onSerial: (_line, byte) => {
      serial += String.fromCharCode(byte);
    },
  });
  const vga = vgaOf(booted.machine.board);
  if (vga === null) throw new Error('the machine has no VGA');
  let seen = 0;
  for (;;) {
    const reason = booted.run(booted.tick + 200_000);
    const pauses = serial.split('#').length - 1;
    if (pauses > seen) {
      seen = pauses;
      screens.push(drawScreen(vga.picture()));
      booted.push(serialText('.'));
    }
    if (reason !== 'tick') return { screens, serial };
    if (booted.tick > TICKS_MAX) throw new Error(`the guest goes on and on: ${serial.slice(-200)}`);
  }
}

export function hasQemu(): boolean {
  return spawnSync('qemu-system-i386', ['--version']).status === 0;
}

/** A screen as QEMU's `screendump` writes it: a binary PPM file. */
export function readPpm(bytes: Uint8Array): Screen {
  const header = /^P6\n(\d+) (\d+)\n255\n/.exec(Buffer.from(bytes.subarray(0, 64)).toString('latin1'));
  if (header === null) throw new Error('no PPM file');
  const [width, height] = [Number(header[1]), Number(header[2])];
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0, at = header[0].length; i < width * height; i++, at += 3) {
    rgba.set(bytes.subarray(at, at + 3), i * 4);
    rgba[i * 4 + 3] = 0xff;
  }
  return { width, height, rgba };
}

/** QEMU's std VGA. */
export async function runQemu(kernel: Uint8Array): Promise<Taken> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-vga-'));
  const path = (name: string): string => join(folder, name);
  writeFileSync(path('kernel'), kernel);
  const devices = ['-vga', 'std', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-net', 'none'];
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const monitor = ['-monitor', `unix:${path('monitor')},server=on,wait=off`];
  const qemu = spawn(
    'qemu-system-i386',
    ['-m', '32', '-accel', 'tcg', '-kernel', path('kernel'), ...devices, ...exit, ...monitor],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  try {
    const screens: Screen[] = [];
    let serial = '';
    let heard = (): void => {};
    const over = new Promise<void>((resolve) => qemu.on('close', () => resolve()));
    qemu.stdout.on('data', (data: Buffer) => {
      serial += data.toString('latin1');
      heard();
    });
    let seen = 0;
    let isOver = false;
    void over.then(() => {
      isOver = true;
      heard();
    });
    for (;;) {
      await new Promise<void>((resolve) => {
        heard = () => {
          if (isOver || serial.split('#').length - 1 > seen) resolve();
        };
        heard();
      });
      if (isOver) return { screens, serial };
      seen++;
      await screendump(path('monitor'), path('screen.ppm'));
      screens.push(readPpm(readFileSync(path('screen.ppm'))));
      qemu.stdin.write('.');
    }
  } finally {
    qemu.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

function screendump(monitor: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(monitor);
    let answer = '';
    let isAsked = false;
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      const prompts = answer.split('(qemu) ').length - 1;
      if (prompts >= 1 && !isAsked) {
        isAsked = true;
        socket.write(`screendump ${file}\n`);
      } else if (prompts >= 2) {
        socket.end();
        resolve();
      }
    });
  });
}
