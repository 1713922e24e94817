/**
 * The same images on other emulators: npm's v86 with and without its JIT, and Debian's qemu-system-i386 plain and
 * recording, beside Reprise interpreting, compiling and recording, in one interleaved run: `npm run peers`. Host time
 * is wall time between markers that the guest sends on its serial line, so that loading counts for nobody; checksums
 * must agree. A peer that is absent is skipped by its name. --json prints what `reprise bench --peers` takes.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import type { PeerResult, Peers } from '../src/host/measure/peer-file.ts';
import { median, spreadOf } from '../src/host/measure/statistics.ts';
import { bar, table } from '../src/host/measure/text.ts';
import { choosePrograms, PROGRAM_MEGABYTES, type Program, PROGRAMS } from './programs.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const reprise = join(root, 'src/host/reprise.mjs');
const V86_RUN = fileURLToPath(new URL('./v86-run.js', import.meta.url));
const QEMU = 'qemu-system-i386';
const TIMEOUT_MS = 300_000;
const BAR_CELLS_PEERS = 24;

/** A run of an image, as a command. `folder`: for files that go with it. */
interface Peer {
  readonly name: string;
  /** Why it cannot be had here; ''. */
  readonly problem: string;
  readonly command: (image: string, commandLine: string, folder: string) => readonly [string, readonly string[]];
}

const has = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function hasPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

function peersOf(shift: number): Peer[] {
  const noQemu = has(QEMU) ? '' : `no ${QEMU}: apt-get install qemu-system-x86`;
  const noV86 = hasPackage('v86') ? '' : 'no v86: npm ci';
  const memory = `${PROGRAM_MEGABYTES}`;
  const ours = (name: string, engine: string, isRecorded: boolean): Peer => ({
    name,
    problem: '',
    command: (image, commandLine, folder) => {
      const target = isRecorded ? ['record', join(folder, 'peer.rlog')] : ['run'];
      const machine = ['--kernel', image, '--append', commandLine, '--memory', memory, '--engine', engine];
      return [process.execPath, [reprise, ...target, ...machine]];
    },
  });
  const v86 = (name: string, mode: string): Peer => ({
    name,
    problem: noV86,
    command: (image, commandLine) => [process.execPath, [V86_RUN, image, memory, commandLine, mode]],
  });
  const qemu = (name: string, recording: (folder: string) => readonly string[]): Peer => ({
    name,
    problem: noQemu,
    command: (image, commandLine, folder) => [
      QEMU,
      [
        ...['-accel', 'tcg', '-m', memory, '-kernel', image, '-append', commandLine, '-serial', 'stdio'],
        ...['-display', 'none', '-monitor', 'none', '-no-reboot', '-net', 'none'],
        ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', ...recording(folder)],
      ],
    ],
  });
  return [
    ours('reprise interp', 'interp', false),
    ours('reprise tiered', 'tiered', false),
    ours('reprise tiered, recording', 'tiered', true),
    v86('v86', 'jit'),
    v86('v86 without JIT', 'nojit'),
    qemu('qemu', () => []),
    qemu(`qemu -icount shift=${shift},rr=record`, (folder) => [
      '-icount',
      `shift=${shift},rr=record,rrfile=${join(folder, 'peer.replay')}`,
    ]),
  ];
}

interface Marked {
  /** Between `go` and the line of the checksum. */
  readonly ms: number;
  readonly checksum: string;
}

/** Runs a peer until the guest has sent its checksum. */
function runMarked(command: string, words: readonly string[], name: string): Promise<Marked> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    let goMs = 0;
    let found: Marked | null = null;
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const nowMs = performance.now();
      stdout += text;
      if (goMs === 0 && /(^|\n)go\r?\n/.test(stdout)) goMs = nowMs;
      const end = new RegExp(`\\n${name}: ([0-9a-f]{8})\\r?\\n`).exec(stdout);
      if (end === null || found !== null) return;
      found = { ms: nowMs - goMs, checksum: end[1] };
      child.kill('SIGTERM');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      if (found !== null) resolve(found);
      else reject(new Error(stderr.trim().split('\n').at(-1) || 'it ended without the checksum'));
    });
  });
}

interface Entry {
  readonly peer: Peer;
  readonly times: number[];
  problem: string;
}

async function measure(program: Program, peers: readonly Peer[], rounds: number, count: string): Promise<Entry[]> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-peers-'));
  const entries = peers.map((peer): Entry => ({ peer, times: [], problem: peer.problem }));
  let checksum = '';
  try {
    const image = join(folder, `${program.name}.bin`);
    writeFileSync(image, program.image());
    for (let round = 0; round < rounds; round++) {
      // What drifts hits all alike.
      for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
        if (entry.problem !== '') continue;
        const apart = mkdtempSync(join(folder, 'run-'));
        try {
          const run = await runMarked(...entry.peer.command(image, count, apart), program.name);
          if (checksum === '') checksum = run.checksum;
          if (run.checksum !== checksum) entry.problem = `its checksum is ${run.checksum}, not ${checksum}`;
          else entry.times.push(run.ms);
        } catch (error) {
          entry.problem = (error as Error).message;
        }
        rmSync(apart, { recursive: true, force: true });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return entries;
}

function resultOf({ peer, times, problem }: Entry): PeerResult {
  const isDone = problem === '' && times.length > 0;
  return {
    peer: peer.name,
    medianMs: isDone ? median(times) : null,
    spread: isDone ? spreadOf(times).spread : 0,
    problem,
  };
}

function lines(program: string, results: readonly PeerResult[]): string[] {
  const most = Math.max(...results.map(({ medianMs }) => medianMs ?? 0));
  const rows = results.map(({ peer, medianMs, spread, problem }) =>
    medianMs === null
      ? [peer, 'skipped:', problem]
      : [peer, `${medianMs.toFixed(0)} ms ± ${(100 * spread).toFixed(0)} %`, bar(medianMs / most, BAR_CELLS_PEERS)],
  );
  return [program, ...table(rows, ['left', 'right', 'left'])];
}

async function main(): Promise<void> {
  const marked = PROGRAMS.filter(({ hasMarkers }) => hasMarkers).map(({ name }) => name);
  const args = scriptArguments({
    name: 'peers',
    program: 'npm run peers --',
    positionals: [],
    brief: 'the same work on other emulators',
    summary:
      "Runs guest programs on Reprise, on npm's v86 and on qemu-system-i386, plain and recording, in turns; host " +
      'time is that between markers on the serial line.',
    options: [
      { name: 'rounds', value: 'N', range: [1, 1000], help: 'medians of so many rounds (default 3)' },
      { name: 'guest', value: 'A,B,...', help: `these programs: ${marked.join(', ')} (default: all)` },
      { name: 'count', value: 'N', range: [1, 1_000_000], help: 'repetitions in each program (default: its own)' },
      {
        name: 'shift',
        value: 'N',
        range: [0, 10],
        help: 'of -icount: 2^N ns an instruction (default 3, its best here)',
      },
    ],
  });
  const rounds = args.number('rounds') ?? 3;
  const isJson = args.has('json');
  const count = args.number('count');
  const rows: Peers['rows'][number][] = [];
  for (const program of choosePrograms(args.text('guest') ?? marked.join(','))) {
    if (!program.hasMarkers) throw new Error(`${program.name} sends no markers: give some of ${marked.join(', ')}.`);
    const peers = peersOf(args.number('shift') ?? 3);
    const results = (await measure(program, peers, rounds, count === undefined ? 'guest' : `guest ${count}`)).map(
      resultOf,
    );
    rows.push({ program: program.name, results });
    if (!isJson) console.log(`${lines(program.name, results).join('\n')}\n`);
  }
  const peers: Peers = { format: 'reprise peers', date: new Date().toISOString(), rounds, rows };
  if (isJson) console.log(JSON.stringify(peers));
  if (rows.some(({ results }) => results.some(({ problem }) => problem.startsWith('its checksum'))))
    process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`peers: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
