/**
 * Kills recordings with SIGKILL at random moments; every log must replay to its last whole frame. A few kills run in
 * `npm test`; a campaign is `node dist/proptests/replay/kill.js [--kills N] [--seed N] [--disk]`.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assemble } from '../../src/core/isa/assemble.ts';
import { numberedDisk } from '../disk/ide-driver.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { describeDivergence, LogError, openLog, replay } from '../../src/library.ts';
import { IDE_ISSUE, IDE_WAITS } from '../support/ide-source.ts';
import { projectRoot } from '../support/poison.ts';
import { wildRun } from './wild.ts';

export interface KillReport {
  readonly kills: number;
  /** Logs that held more than their header. */
  readonly replayed: number;
  /** Killed before the log was created, or within its header. */
  readonly nothing: number;
  readonly longestTicks: number;
}

const GUESTS = ['mix', 'sort'];

/** Writes and reads sectors by the data port and by bus master, for ever. */
const DISK_GUEST = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x200000
  cld
again:
  inc ebx
  and ebx, 0x3fff
  call ready
  mov al, 0x30
  mov cl, 1
  call issue
  call await
  mov [0x300000], ebx
  mov esi, 0x300000
  mov ecx, 256
  mov dx, 0x1f0
  rep outsw
  mov dword [table], 0x310000
  mov dword [table + 4], 0x80000200
  mov dx, 0xc004
  mov eax, table
  out dx, eax
  call ready
  mov al, 0xc8
  mov cl, 1
  call issue
  mov dx, 0xc000
  mov al, 9
  out dx, al
  call ready
  mov dx, 0xc000
  mov al, 0
  out dx, al
  call ready
  mov al, 0x20
  mov cl, 1
  call issue
  call await
  mov edi, 0x320000
  mov ecx, 256
  mov dx, 0x1f0
  rep insw
  jmp again
${IDE_ISSUE}${IDE_WAITS}align 8
table: dd 0, 0
`;

function wildKernel(seed: number): Uint8Array {
  const { kernel } = wildRun(seed).images;
  if (kernel === undefined) throw new Error('a wild run boots a kernel');
  return kernel;
}

/** One recording, killed after a random time; what its log was worth. */
async function killOnce(folder: string, seed: number, isDisk: boolean): Promise<{ ticks: number; hasLog: boolean }> {
  const dice = new Random(seed);
  // A steady guest with few checks, or one that floods the log with them.
  const name = isDisk ? 'disk' : dice.below(2) === 0 ? dice.pick(GUESTS) : 'wild';
  const image = isDisk ? assemble(DISK_GUEST).bytes : name === 'wild' ? wildKernel(seed) : buildGuest(name);
  const hda = numberedDisk(0x4000);
  const kernel = join(folder, name);
  writeFileSync(kernel, image);
  const path = join(folder, `${seed}.rlog`);
  const words = ['record', path, '--kernel', kernel, '--append', '100000', '--memory', '4', '--serial', 'none'];
  const disk = join(folder, 'disk.img');
  if (isDisk) {
    writeFileSync(disk, hda);
    words.push('--hda', disk);
  }
  const script = join(folder, `${seed}.script`);
  const inputs = Array.from({ length: 400 }, () => dice.below(200_000_000)).sort((a, b) => a - b);
  writeFileSync(script, inputs.map((tick) => `at ${tick} serial "7"\n`).join(''));
  const options = [
    '--input',
    script,
    '--hash-every',
    '1000000',
    '--frame-ticks',
    '300000',
    '--profile',
    dice.pick(['full', 'checked', 'inputs']),
  ];
  const child = spawn(process.execPath, [join(projectRoot, 'src/host/reprise.mjs'), ...words, ...options], {
    stdio: 'ignore',
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  // Most kills wait for the log to be there, then strike at any moment.
  if (dice.below(8) > 0) {
    while (!existsSync(path) && child.exitCode === null) await later(5);
  }
  await later(dice.below(4500));
  child.kill('SIGKILL');
  await closed;
  if (!existsSync(path)) return { ticks: 0, hasLog: false };
  const bytes = readFileSync(path);
  try {
    const log = openLog(bytes);
    const images = { kernel: image, ...(isDisk ? { drives: { hda } } : {}) };
    const replayed = await replay(log, { images });
    if (isDisk) assert.deepEqual(new Uint8Array(readFileSync(disk)), hda, `seed ${seed}: the image stays as it is`);
    const { divergence } = replayed;
    assert.equal(divergence === null ? '' : describeDivergence(divergence), '', `seed ${seed}`);
    assert.equal(replayed.tick, log.lastTick, `seed ${seed}: to the last event of the last whole frame`);
    return { ticks: log.lastTick, hasLog: true };
  } catch (error) {
    if (error instanceof LogError && (error.kind === 'empty' || error.kind === 'headerless')) {
      return { ticks: 0, hasLog: false };
    }
    throw error;
  } finally {
    rmSync(path);
  }
}

/** `isDisk`: of a guest that writes to its disk and reads from it all the time. */
export async function killRecordings(
  kills: number,
  seed: number,
  isDisk = false,
  say?: (line: string) => void,
): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-kill-'));
  let replayed = 0;
  let nothing = 0;
  let longestTicks = 0;
  try {
    for (let i = 0; i < kills; i++) {
      const { ticks, hasLog } = await killOnce(folder, seed + i, isDisk);
      if (hasLog) replayed++;
      else nothing++;
      longestTicks = Math.max(longestTicks, ticks);
      say?.(`kill ${i + 1} of ${kills}, seed ${seed + i}: ${hasLog ? `replayed ${ticks} ticks` : 'no log yet'}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { kills, replayed, nothing, longestTicks };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { kills: { type: 'string' }, seed: { type: 'string' }, disk: { type: 'boolean' } },
  });
  const seed = Number(values.seed ?? 1);
  const report = await killRecordings(Number(values.kills ?? 200), seed, values.disk === true, (line) =>
    console.log(line),
  );
  console.log(JSON.stringify({ seed, ...report }));
  // Recordings that never began prove nothing.
  if (report.replayed * 2 < report.kills) process.exitCode = 1;
}
