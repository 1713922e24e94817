/**
 * Kills recordings with SIGKILL at random moments; every log must replay to its last whole frame. A few kills run in
 * `npm test`; a campaign is `node dist/proptests/replay/kill.js [--kills N] [--seed N]`.
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
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { describeDivergence, LogError, openLog, replay } from '../../src/library.ts';
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

function wildKernel(seed: number): Uint8Array {
  const { kernel } = wildRun(seed).images;
  if (kernel === undefined) throw new Error('a wild run boots a kernel');
  return kernel;
}

/** One recording, killed after a random time; what its log was worth. */
async function killOnce(folder: string, seed: number): Promise<{ ticks: number; hasLog: boolean }> {
  const dice = new Random(seed);
  // A steady guest with few checks, or one that floods the log with them.
  const name = dice.below(2) === 0 ? dice.pick(GUESTS) : 'wild';
  const image = name === 'wild' ? wildKernel(seed) : buildGuest(name);
  const kernel = join(folder, name);
  writeFileSync(kernel, image);
  const path = join(folder, `${seed}.rlog`);
  const words = ['record', path, '--kernel', kernel, '--append', '100000', '--memory', '4', '--serial', 'none'];
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
    const replayed = await replay(log, { images: { kernel: image } });
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

export async function killRecordings(kills: number, seed: number, say?: (line: string) => void): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-kill-'));
  let replayed = 0;
  let nothing = 0;
  let longestTicks = 0;
  try {
    for (let i = 0; i < kills; i++) {
      const { ticks, hasLog } = await killOnce(folder, seed + i);
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
  const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? 1);
  const report = await killRecordings(Number(values.kills ?? 200), seed, (line) => console.log(line));
  console.log(JSON.stringify({ seed, ...report }));
  // Recordings that never began prove nothing.
  if (report.replayed * 2 < report.kills) process.exitCode = 1;
}
