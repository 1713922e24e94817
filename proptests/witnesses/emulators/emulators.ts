/**
 * Runs a batch of cases on one emulator, as a ROM that starts at the reset vector: a case that resets the machine costs
 * no new start. After one that hangs it the rest of the batch goes into a new image. Reprise is run like the others, as
 * a process. Needs Debian's packages qemu-system-x86 and bochs.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FIELDS, type Field } from './layout.ts';
import { type Monitor, romOf } from './monitor.ts';
import { buildImage, type CampaignCase } from './world.ts';

export type EmulatorName = 'reprise' | 'qemu' | 'bochs';

export interface Outcome {
  /** 'done', or how the emulator ended in this case. */
  readonly end: 'done' | 'reset' | 'hang' | 'stop';
  readonly fields: Readonly<Record<Field, number>>;
  /** Doublewords of the arena that the case changed. */
  readonly memory: ReadonlyMap<number, number>;
}

const NO_FIELDS = Object.fromEntries(FIELDS.map((field) => [field, 0])) as Record<Field, number>;
/**
 * A case takes far less than a millisecond, so an emulator hangs when it has computed for so long without a byte of
 * output, or slept for so long. Counted in processor time, so that a loaded machine makes no hang.
 */
const HANG_COMPUTING_MS = 1500;
const HANG_SLEEPING_POLLS = 6;
const POLL_MS = 500;
/** The first byte may take longer: Reprise from a fresh checkout builds itself first. */
const START_MS = 120_000;
/** Where the system does not tell processor time. */
const HANG_ELAPSED_MS = 20_000;

const reprise = fileURLToPath(new URL('../../../src/host/reprise.mjs', import.meta.url));
const here = fileURLToPath(import.meta.url);

/** The built file lies one folder deeper than its source. */
const launcher = here.includes('/dist/') ? join(here, '../../../../../src/host/reprise.mjs') : reprise;

function commandOf(name: EmulatorName, folder: string, image: Uint8Array): readonly string[] {
  const rom = romOf(image);
  const file = join(folder, 'image.rom');
  writeFileSync(file, rom);
  if (name === 'bochs') {
    writeFileSync(join(folder, 'vga.rom'), new Uint8Array(0x8000));
    // Debian's build has the debugger, which stops at every reset
    writeFileSync(join(folder, 'commands'), 'c\n'.repeat(1000));
    writeFileSync(
      join(folder, 'bochsrc'),
      [
        `romimage: file=${file}, address=0x${(0x1_0000_0000 - rom.length).toString(16)}`,
        `vgaromimage: file=${join(folder, 'vga.rom')}`,
        'megs: 32',
        'plugin_ctrl: speaker=0', // needs a sound card
        'cpu: model=core_duo_t2400_yonah, count=1, ips=500000000, reset_on_triple_fault=1, ignore_bad_msrs=0',
        'port_e9_hack: enabled=1',
        `log: ${join(folder, 'log')}`,
        'panic: action=report',
        'error: action=ignore',
        'info: action=ignore',
        'debug: action=ignore',
        'display_library: rfb, options="timeout=0"',
        'clock: sync=none, time0=1000000000',
        '',
      ].join('\n'),
    );
    return ['bochs', '-q', '-f', join(folder, 'bochsrc'), '-rc', join(folder, 'commands')];
  }
  if (name === 'reprise') {
    const options = ['--memory', '32', '--debugcon', 'stdio', '--serial', 'none'];
    return [process.execPath, launcher, 'run', '--bios', file, ...options];
  }
  const machine = ['-nodefaults', '-display', 'none', '-m', '32', '-cpu', 'coreduo,+nx', '-accel', 'tcg'];
  const devices = ['-debugcon', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  return ['qemu-system-i386', ...machine, ...devices, '-bios', file];
}

/** Null, or why the emulator cannot be had. */
export function whyMissing(name: EmulatorName): string | null {
  if (name === 'reprise') return null;
  const [command, argument] = name === 'qemu' ? ['qemu-system-i386', '--version'] : ['bochs', '--help'];
  const { error } = spawnSync(command, [argument], { stdio: 'ignore' });
  return error === undefined ? null : `${command} is not installed`;
}

/** Processor time that a process has used, in milliseconds; undefined where /proc does not say. */
function processorTimeMs(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(user) + Number(system)) * 10; // Linux counts in hundredths of a second
  } catch {
    return undefined;
  }
}

function parseOutcome(lines: readonly string[]): Outcome {
  const numbers = (line: string): number[] =>
    line
      .slice(2)
      .split(' ')
      .filter((text) => text !== '')
      .map((text) => Number.parseInt(text, 16));
  const values = numbers(lines[0]);
  const fields = Object.fromEntries(FIELDS.map((field, index) => [field, values[index]])) as Record<Field, number>;
  const memory = new Map<number, number>();
  const changes = numbers(lines[1] ?? '');
  for (let index = 0; index + 1 < changes.length; index += 2) memory.set(changes[index], changes[index + 1]);
  return { end: 'done', fields, memory };
}

/** One launch: outcomes of the first cases, and whether the next one stopped it. */
function launch(name: EmulatorName, image: Uint8Array): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'campaign-'));
  const [command, ...args] = commandOf(name, folder, image);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    const outcomes: Outcome[] = [];
    let partial = '';
    let pending: string[] = [];
    let isOpen = false;
    let ended = false;
    let hangs = false;
    let trouble = '';
    let lastOutputMs = 0;
    let elapsedMs = 0;
    let computedMs = 0;
    let computedAtOutputMs = 0;
    let sleepingPolls = 0;
    let hasSpoken = false;
    const poll = setInterval(() => {
      elapsedMs += POLL_MS;
      const now = processorTimeMs(child.pid);
      sleepingPolls = now === computedMs ? sleepingPolls + 1 : 0;
      computedMs = now ?? 0;
      const silentMs = elapsedMs - lastOutputMs;
      if (!hasSpoken) hangs = silentMs > START_MS;
      else if (now === undefined) hangs = silentMs > HANG_ELAPSED_MS;
      else hangs = computedMs - computedAtOutputMs > HANG_COMPUTING_MS || sleepingPolls >= HANG_SLEEPING_POLLS;
      if (hangs) child.kill('SIGKILL');
    }, POLL_MS);
    const take = (line: string): void => {
      if (line.startsWith('C ')) {
        isOpen = true;
        pending = [];
      } else if (line === 'X') {
        if (isOpen) outcomes.push({ end: 'reset', fields: NO_FIELDS, memory: new Map() });
        isOpen = false;
      } else if (line.startsWith('R ')) pending = [line];
      else if (line.startsWith('D') && pending.length === 1) {
        outcomes.push(parseOutcome([pending[0], line]));
        isOpen = false;
        pending = [];
      } else if (line.startsWith('E')) {
        ended = true;
        child.kill('SIGKILL');
      } else if (line.startsWith('!')) trouble += `${line}\n`;
    };
    child.stdout.on('data', (chunk: Buffer) => {
      hasSpoken = true;
      lastOutputMs = elapsedMs;
      computedAtOutputMs = processorTimeMs(child.pid) ?? 0;
      sleepingPolls = 0;
      const lines = (partial + chunk.toString('latin1')).split('\n');
      partial = lines.pop() ?? '';
      lines.forEach(take);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      trouble += chunk.toString('latin1');
    });
    child.on('close', () => {
      clearInterval(poll);
      if (isOpen) outcomes.push({ end: hangs ? 'hang' : 'stop', fields: NO_FIELDS, memory: new Map() });
      if (outcomes.length > 0 || ended) rmSync(folder, { recursive: true, force: true });
      if (outcomes.length === 0 && !ended)
        throw new Error(
          `${name} ran no case (status ${child.exitCode} ${child.signalCode}), image in ${folder}:\n${trouble}`,
        );
      resolve(outcomes);
    });
  });
}

/** The outcome of every case, in order. */
export async function runBatch(
  name: EmulatorName,
  monitor: Monitor,
  template: DataView,
  cases: readonly CampaignCase[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < cases.length) {
    const more = await launch(name, buildImage(monitor, template, cases.slice(outcomes.length)));
    if (more.length === 0) throw new Error(`${name} ended without a word after ${outcomes.length} cases`);
    outcomes.push(...more);
  }
  return outcomes;
}
