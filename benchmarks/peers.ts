/**
 * The same images on other emulators: npm's v86 with and without its JIT, and Debian's qemu-system-i386 plain and
 * recording, beside Reprise interpreting, compiling and recording, in one interleaved run: `npm run peers`. Host time
 * is wall time between markers that the guest sends on its serial line, so that loading counts for nobody; checksums
 * must agree. Of the Debian guest one run has several parts; its boot begins with the process, firmware and all. A peer
 * that is absent is skipped by its name. --json prints what `reprise bench --peers` takes.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import type { PeerResult, Peers } from '../src/host/measure/peer-file.ts';
import { median, spreadOf } from '../src/host/measure/statistics.ts';
import { bar, table } from '../src/host/measure/text.ts';
import { DEBIAN, DEBIAN_MEGABYTES, DEBIAN_SECTIONS, debianCommandLine, debianImages, debianProblem } from './debian.ts';
import { choosePrograms, PROGRAM_MEGABYTES, PROGRAMS } from './programs.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const reprise = join(root, 'src/host/reprise.mjs');
const V86_RUN = fileURLToPath(new URL('./v86-run.js', import.meta.url));
const QEMU = 'qemu-system-i386';
const TIMEOUT_MS = 300_000;
const BAR_CELLS_PEERS = 24;
/** v86 boots a Linux kernel by a BIOS. */
const FIRMWARE = ['bios.bin', 'vgabios-stdvga.bin'].map((name) => join('/usr/share/seabios', name));

/** What is run: an image, and what is timed of it, in the order in which it ends. */
interface Work {
  readonly name: string;
  readonly image: string;
  /** Of a Linux kernel. */
  readonly initrd: string | null;
  readonly megabytes: string;
  readonly commandLine: string;
  readonly sections: readonly string[];
}

/** A run, as a command. `folder`: for files that go with it. */
interface Peer {
  readonly name: string;
  /** Why it cannot be had here; ''. */
  readonly problem: string;
  /** A string says why this work cannot be run. */
  readonly command: (work: Work, folder: string) => readonly [string, readonly string[]] | string;
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
  const initrdOf = (option: string, { initrd }: Work): string[] => (initrd === null ? [] : [option, initrd]);
  const ours = (name: string, engine: string, isRecorded: boolean): Peer => ({
    name,
    problem: '',
    command: (work, folder) => {
      const target = isRecorded ? ['record', join(folder, 'peer.rlog')] : ['run'];
      const images = ['--kernel', work.image, ...initrdOf('--initrd', work)];
      const machine = ['--append', work.commandLine, '--memory', work.megabytes, '--engine', engine];
      return [process.execPath, [reprise, ...target, ...images, ...machine]];
    },
  });
  const v86 = (name: string, mode: string): Peer => ({
    name,
    problem: noV86,
    command: ({ image, initrd, megabytes, commandLine }) => {
      const more = initrd === null ? [] : [initrd, ...FIRMWARE];
      if (more.some((path) => !existsSync(path))) return 'no firmware for it: apt-get install seabios';
      return [process.execPath, [V86_RUN, image, megabytes, commandLine, mode, ...more]];
    },
  });
  const qemu = (name: string, recording: (folder: string) => readonly string[]): Peer => ({
    name,
    problem: noQemu,
    command: (work, folder) => [
      QEMU,
      [
        ...['-accel', 'tcg', '-m', work.megabytes, '-kernel', work.image, ...initrdOf('-initrd', work)],
        ...['-append', work.commandLine, '-serial', 'stdio', '-display', 'none', '-monitor', 'none', '-no-reboot'],
        ...['-net', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', ...recording(folder)],
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
  readonly section: string;
  /** Between `go`, or the start of the process, and the line of the checksum. */
  readonly ms: number;
  readonly checksum: string;
}

/** Ctrl-C: what there is by then is told. */
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

/** Runs a peer until the guest has sent its last checksum. */
function runMarked(command: string, words: readonly string[], sections: readonly string[]): Promise<Marked[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], signal: stop.signal });
    let [rest, stderr] = ['', ''];
    let startMs = performance.now();
    const found: Marked[] = [];
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, TIMEOUT_MS);
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const nowMs = performance.now();
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        // A serial console may have sent something before it on the same line.
        if (/(^|\r)go\r*$/.test(line)) startMs = nowMs;
        const section = sections[found.length];
        const checksum = new RegExp(`(?:^|\\r)${section}: ([0-9a-f]{8})\\r*$`).exec(line)?.[1];
        if (checksum === undefined) continue;
        if (found.push({ section, ms: nowMs - startMs, checksum }) === sections.length) child.kill('SIGTERM');
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      if (found.length === sections.length) resolve(found);
      else if (isLate) reject(new Error(`it takes longer than ${TIMEOUT_MS / 1000} s`));
      else reject(new Error(stderr.trim().split('\n').at(-1) || 'it ended without the checksum'));
    });
  });
}

interface Entry {
  readonly peer: Peer;
  /** By section, by round. */
  readonly times: number[][];
  problem: string;
}

/** At a terminal, what is being run; '' takes it away. */
function show(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text === '' ? '' : `peers: ${text}`}\x1b[K`);
}

async function measure(work: Work, peers: readonly Peer[], rounds: number, folder: string): Promise<Entry[]> {
  const entries = peers.map((peer): Entry => ({ peer, times: work.sections.map(() => []), problem: peer.problem }));
  const checksums: string[] = [];
  for (let round = 0; round < rounds; round++) {
    // What drifts hits all alike.
    for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
      if (entry.problem !== '' || stop.signal.aborted) continue;
      show(`${work.name}, round ${round + 1} of ${rounds}: ${entry.peer.name}`);
      const apart = mkdtempSync(join(folder, 'run-'));
      try {
        const command = entry.peer.command(work, apart);
        if (typeof command === 'string') throw new Error(command);
        for (const [at, { ms, section, checksum }] of (await runMarked(...command, work.sections)).entries()) {
          checksums[at] ??= checksum;
          if (checksum === checksums[at]) entry.times[at].push(ms);
          else entry.problem = `its checksum of ${section} is ${checksum}, not ${checksums[at]}`;
        }
      } catch (error) {
        if (!stop.signal.aborted) entry.problem = (error as Error).message;
      }
      rmSync(apart, { recursive: true, force: true });
    }
  }
  show('');
  return entries;
}

function resultOf({ peer, times, problem }: Entry, section: number): PeerResult {
  const list = times[section];
  const isDone = problem === '' && list.length > 0;
  return {
    peer: peer.name,
    medianMs: isDone ? median(list) : null,
    spread: isDone ? spreadOf(list).spread : 0,
    problem: problem === '' && list.length === 0 ? 'stopped by the user before its first round' : problem,
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

/** The work of that name; a string says why there is none. */
function workOf(name: string, commandLine: string, folder: string): Work | string {
  if (name === DEBIAN) {
    const { kernel, initrd } = debianImages;
    const problem = debianProblem();
    const megabytes = `${DEBIAN_MEGABYTES}`;
    const sections = DEBIAN_SECTIONS;
    return problem === ''
      ? { name, image: kernel, initrd, megabytes, commandLine: debianCommandLine(), sections }
      : problem;
  }
  const [program] = choosePrograms(name);
  if (!program.hasMarkers) {
    const marked = PROGRAMS.filter(({ hasMarkers }) => hasMarkers).map((one) => one.name);
    throw new Error(`${name} sends no markers: give some of ${marked.join(', ')}, ${DEBIAN}.`);
  }
  const image = join(folder, `${name}.bin`);
  writeFileSync(image, program.image());
  return { name, image, initrd: null, megabytes: `${PROGRAM_MEGABYTES}`, commandLine, sections: [name] };
}

async function main(): Promise<void> {
  const marked = PROGRAMS.filter(({ hasMarkers }) => hasMarkers).map(({ name }) => name);
  const all = [...marked, DEBIAN];
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
      {
        name: 'guest',
        value: 'A,B,...',
        help: `these programs: ${all.join(', ')} (default: all; ${DEBIAN} needs npm run guests -- ${DEBIAN})`,
      },
      { name: 'peer', value: 'TEXT,...', help: 'those whose name has one of these, or is one (default: all)' },
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
  const folder = mkdtempSync(join(tmpdir(), 'reprise-peers-'));
  const chosen = args.text('guest')?.split(',') ?? all;
  const everyone = peersOf(args.number('shift') ?? 3);
  const texts = args.text('peer')?.split(',') ?? [''];
  const isMeant = (text: string, name: string): boolean =>
    everyone.some((peer) => peer.name === text) ? name === text : name.includes(text);
  const peers = everyone.filter(({ name }) => texts.some((text) => isMeant(text, name)));
  const nobody = texts.find((text) => !everyone.some(({ name }) => name.includes(text)));
  if (nobody !== undefined) {
    throw new Error(`no peer's name has "${nobody}": they are ${everyone.map(({ name }) => name).join('; ')}.`);
  }
  try {
    for (const name of chosen) {
      if (stop.signal.aborted) break;
      const work = workOf(name, count === undefined ? 'guest' : `guest ${count}`, folder);
      if (typeof work === 'string') {
        if (!isJson) console.log(`${name}\n  skipped: ${work}\n`);
        continue;
      }
      const entries = await measure(work, peers, rounds, folder);
      for (const [at, section] of work.sections.entries()) {
        const results = entries.map((entry) => resultOf(entry, at));
        const program = work.sections.length > 1 ? `${name} ${section}` : name;
        rows.push({ program, results });
        if (!isJson) console.log(`${lines(program, results).join('\n')}\n`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const result: Peers = { format: 'reprise peers', date: new Date().toISOString(), rounds, rows };
  if (isJson) console.log(JSON.stringify(result));
  if (rows.some(({ results }) => results.some(({ problem }) => problem.startsWith('its checksum'))))
    process.exitCode = 1;
  if (stop.signal.aborted) {
    process.stderr.write('peers: stopped by the user; medians are those of the rounds that there were\n');
    process.exitCode = 130;
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`peers: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
