/**
 * Executions a second of a parser from a snapshot, here and by QEMU's savevm and loadvm, in turns: npm run
 * peers:fuzz [-- --rounds N --megabytes N]. Here an execution is what `reprise fuzz` does: back to
 * the moment, another message, on to the end of the run, branches counted and looked at. Of QEMU it is loadvm and cont
 * of the same image and memory size, and a stop after it, without any message or coverage. Needs qemu-system-i386.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { comparedConstants } from '../src/core/chaos/compared-constants.ts';
import { finishCampaign } from '../src/core/chaos/campaign.ts';
import { Experiment } from '../src/core/chaos/experiment.ts';
import { fuzz } from '../src/core/chaos/fuzz.ts';
import { parseFailure } from '../src/core/chaos/predicate.ts';
import { describeMachine } from '../src/core/session/describe-machine.ts';
import { loadCoveringEngine } from '../src/engines.ts';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import { buildGuest } from '../src/host/node/guest-images.ts';
import { sha256 } from '../src/host/node/images.ts';

const args = scriptArguments({
  name: 'peers:fuzz',
  program: 'npm run peers:fuzz --',
  positionals: [],
  brief: 'executions a second from a snapshot, beside QEMU',
  summary: `Measures how often a second a parser is run from a snapshot, by reprise fuzz and by QEMU's loadvm, in turns.
Needs qemu-system-i386 and qemu-img.`,
  options: [
    { name: 'rounds', value: 'N', range: [1, 1000], help: 'so many of each (default 3)' },
    { name: 'megabytes', value: 'N', range: [8, 2048], help: 'memory of the guest (default 64)' },
  ],
});
const megabytes = args.number('megabytes') ?? 64;
const image = buildGuest('parser');
/** Before the parser takes its message. */
const FROM_TICK = 1565;
const HORIZON_TICKS = 1 << 16;
const MESSAGE = { kind: 'memory', bytesMax: 256, pieces: [{ address: 0x200000, sizeBytes: 256 }] } as const;
const RUNS = 8192;
const LOADS = 200;

const kernel = { name: 'parser', data: image };
const setup = describeMachine({ kernel }, { memoryMegabytes: megabytes, hashEveryTicks: 0 }, sha256);
const failures = ['fault:6', 'fault:13', 'triple-fault', 'hang'].map(parseFailure);
const makeEngine = await loadCoveringEngine('tiered');
const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
experiment.stand(FROM_TICK);
const { m8, ramBase } = experiment.machine.cpu;
const example = m8.slice(ramBase + 0x200000, ramBase + 0x200000 + 42);
const dictionary = comparedConstants([m8.slice(ramBase + 0x100000, ramBase + 0x101000)], true);

function here(seed: number): number {
  const start = performance.now();
  const settings = { seed, runs: RUNS, findingsMax: Number.POSITIVE_INFINITY, fromTick: FROM_TICK };
  const target = { ...MESSAGE, lengthAddress: 0x201000 };
  const ears = { onKept: () => {}, onFinding: () => {} };
  const known = { recorded: [], dictionary, kept: [{ run: -1, bytes: example }], doneRuns: 0, knownSites: [] };
  finishCampaign(experiment, fuzz({ ...settings, target, ...known, ...ears, horizonTick: FROM_TICK + HORIZON_TICKS }));
  return (RUNS * 1000) / (performance.now() - start);
}

async function qemu(folder: string): Promise<number> {
  const disk = join(folder, 'snapshots.qcow2');
  rmSync(disk, { force: true });
  if (spawnSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '64M']).status !== 0) throw new Error('no qemu-img');
  const words = ['-accel', 'tcg', '-m', String(megabytes), '-kernel', join(folder, 'parser'), '-display', 'none'];
  const child = spawn('qemu-system-i386', [...words, '-drive', `file=${disk},if=virtio`, '-S', '-qmp', 'stdio']);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (execute: string, more: object = {}): Promise<void> => {
    child.stdin.write(`${JSON.stringify({ execute, arguments: more })}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('QEMU has ended');
      const answer = JSON.parse(value) as { return?: unknown; error?: { desc: string } };
      if (answer.error !== undefined) throw new Error(answer.error.desc);
      if (answer.return === undefined) continue;
      if (typeof answer.return === 'string' && answer.return.includes('Error')) throw new Error(answer.return);
      return;
    }
  };
  const monitor = (line: string): Promise<void> => ask('human-monitor-command', { 'command-line': line });
  await ask('qmp_capabilities');
  await monitor('savevm start');
  const start = performance.now();
  for (let i = 0; i < LOADS; i++) {
    await monitor('loadvm start');
    await ask('cont');
    await ask('stop');
  }
  const rate = (LOADS * 1000) / (performance.now() - start);
  child.kill();
  return rate;
}

const folder = mkdtempSync(join(tmpdir(), 'reprise-fuzz-'));
writeFileSync(join(folder, 'parser'), image);
here(0);
for (let round = 1; round <= (args.number('rounds') ?? 3); round++) {
  const [ours, theirs] = [here(round), await qemu(folder)];
  const ratio = (ours / theirs).toFixed(0);
  const rates = `${ours.toFixed(0)} executions a second here, ${theirs.toFixed(0)} by loadvm`;
  process.stdout.write(`${megabytes} MB: ${rates}: ${ratio} times\n`);
}
rmSync(folder, { recursive: true });
