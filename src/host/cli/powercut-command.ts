// `reprise powercut LOG`: the power of the disks is cut at many moments of a recording, and a command of the user's
// looks at what each cut leaves. A cut whose command fails is written as a log, a recording like any other, which ends
// with the cut. Images are raw files; nothing is overwritten.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../core/base/usage-error.ts';
import { WRITE_CACHE_KILOBYTES_DEFAULT } from '../../core/base/defaults.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { Experiment } from '../../core/chaos/experiment.ts';
import { crash, cutInputs, diskContents, planCuts, type PowerCut, writeTicksOf } from '../../core/chaos/power-cut.ts';
import { type DiskContents, SECTOR_BYTES } from '../../core/devices/disk/disk-contents.ts';
import { SNAPSHOT_ROLE } from '../../core/log/manifest.ts';
import { deviceRecords, memoryProblem } from '../../core/session/session.ts';
import { PIECE_BYTES } from '../node/disks.ts';
import { CommandError } from '../node/errors.ts';
import { withLogProblems } from '../node/log-file.ts';
import { whyUnwritable } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { readCut } from './read-cut.ts';
import { EXIT, printJson, say } from './report.ts';
import { checkFree, type Guest, guestOfLog, readFrom, standAt, writeTrial } from './trials.ts';

const CUTS_DEFAULT = 1000;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** The same machine with write caches, which guests cannot see before the power is cut. */
function withCaches(guest: Guest): Guest {
  const { manifest } = guest;
  if (manifest.options['write-cache'] !== undefined) return guest;
  if (manifest.images.some(({ role }) => role === SNAPSHOT_ROLE)) {
    throw new CommandError(
      'The recording begins at a snapshot of a machine without write caches: record what comes before with ' +
        '--write-cache KB, and take the snapshot from there.',
    );
  }
  const changed = { ...manifest, options: { ...manifest.options, 'write-cache': WRITE_CACHE_KILOBYTES_DEFAULT } };
  const problem = memoryProblem(changed);
  if (problem !== null) throw new CommandError(`With write caches this would be ${problem}: record it with less.`);
  return { ...guest, manifest: { ...changed, devices: deviceRecords(changed) } };
}

function makeFolder(path: string): void {
  try {
    // Not with its parents: where nothing can be made, as in /proc, that never ends on some versions of Node.
    if (!existsSync(path)) mkdirSync(path);
  } catch (error) {
    throw new CommandError(`The folder ${path} cannot be made, ${whyUnwritable(error)}: name another with --images.`);
  }
}

/** Only what is not zero is written: the rest is a hole. */
function writeRaw(path: string, contents: DiskContents): void {
  let file = -1;
  try {
    file = openSync(path, 'wx');
    const sizeBytes = contents.sectors * SECTOR_BYTES;
    ftruncateSync(file, sizeBytes);
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, sizeBytes - at));
      contents.read(at, part);
      for (let done = 0; done < part.length; done += PAGE_BYTES) {
        const page = part.subarray(done, done + PAGE_BYTES);
        if (!page.equals(ZEROS.subarray(0, page.length))) writeSync(file, page, 0, page.length, at + done);
      }
    }
  } catch (error) {
    throw new CommandError(`The image ${path} cannot be written, ${whyUnwritable(error)}: name another folder.`);
  } finally {
    if (file >= 0) closeSync(file);
  }
}

/** The command with `{hda}` and the like as paths, {} as that of the first disk. Its status, and what it said. */
function check(command: string, paths: ReadonlyMap<string, string>): { status: number; text: string } {
  const [first] = paths.values();
  const words = command.replaceAll(/\{(\w*)\}/g, (whole, role: string) =>
    role === '' ? first : (paths.get(role) ?? whole),
  );
  const { status, stdout, stderr, error } = spawnSync('sh', ['-c', words], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw new CommandError(`The check cannot be run (${error.message}): look at --check.`);
  return { status: status ?? -1, text: `${stdout}${stderr}`.trim() };
}

export async function powercutCommand(args: Arguments): Promise<number> {
  return await withLogProblems(args.positionals[0], () => powercutLog(args));
}

async function powercutLog(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const command = args.text('check') ?? null;
  const single = args.text('cut') === undefined ? null : readCut(args.text('cut') ?? '', 'cut');
  const images = args.text('images') ?? null;
  const out = args.text('out') ?? (single === null ? `${path.replace(/\.rlog$/, '')}.cut.rlog` : null);
  if (command === null && images === null && single === null) {
    throw new UsageError('What is looked at? Give --check COMMAND, or --images FOLDER to have the images.');
  }
  if (out !== null) checkFree(out);
  if (images !== null) makeFolder(images);
  const guest = withCaches(await guestOfLog(args, path, 'powercut'));
  const experiment = new Experiment({ ...guest, recorded: guest.inputs, failures: [] });
  const drives = [...diskContents(experiment.machine).keys()];
  if (drives.length === 0) throw new UsageError(`The machine of ${path} has no disk whose power could fail.`);
  const endTick = guest.endTick ?? 0;
  const fromTick = readFrom(args, guest);
  const toTick = Math.min(args.number('to') ?? endTick, endTick);
  if (toTick <= fromTick) throw new UsageError(`The run of ${path} has nothing from --from up to --to: give others.`);
  if (single !== null && (single.tick < guest.startTick || single.tick >= endTick)) {
    throw new UsageError(`The run of ${path} goes from tick ${count(guest.startTick)} to ${count(endTick)}.`);
  }
  const cuts = single === null ? plan(args, guest, experiment, fromTick, toTick) : [single];
  const folder = images ?? mkdtempSync(join(tmpdir(), 'reprise-powercut-'));
  const work = new Work(Progress.atTerminal({ label: 'powercut', unit: 'runs', end: cuts.length }, args.has('json')));
  const results: { readonly cut: PowerCut; readonly status: number; readonly text: string }[] = [];
  const mayFail = args.number('failures') ?? 1;
  let failed = 0;
  try {
    for (const cut of cuts) {
      if (!(await work.turn(results.length)) || failed >= mayFail) break;
      standAt(experiment, cut.tick);
      const contents = crash(experiment, cut, drives);
      const named = new Map(
        [...contents.keys()].map((role) => [role, join(folder, `${cut.tick}-${cut.seed}.${role}`)]),
      );
      for (const [role, file] of named) writeRaw(file, contents.get(role) as DiskContents);
      const checked = command === null ? { status: 0, text: '' } : check(command, named);
      if (images === null) for (const file of named.values()) rmSync(file);
      results.push({ cut, ...checked });
      if (checked.status === 0) continue;
      if (failed++ === 0 && out !== null) writeCut(guest, cut, drives, out);
    }
    if (single !== null && failed === 0 && out !== null) writeCut(guest, single, drives, out);
  } finally {
    work.release();
    if (images === null) rmSync(folder, { recursive: true, force: true });
  }
  const log = out !== null && (failed > 0 || single !== null) ? out : null;
  const status = failed > 0 ? EXIT.divergence : work.signal === null ? EXIT.ok : signalStatus(work.signal);
  if (args.has('json')) {
    const told = results.map(({ cut, status, text }) => ({ ...cut, status, text }));
    printJson({ command: 'powercut', status, log, drives, cuts: told });
    return status;
  }
  say(`powercut: ${count(failed)} of ${count(results.length)} cuts fail the check`);
  for (const { cut, text } of results.filter(({ status }) => status !== 0).slice(0, 1)) {
    say(`  at tick ${count(cut.tick)}, seed ${cut.seed}: ${text.split('\n').slice(-3).join(' | ')}`);
  }
  if (log !== null) process.stdout.write(`${log}\n`);
  return status;
}

function plan(args: Arguments, guest: Guest, experiment: Experiment, fromTick: number, toTick: number): PowerCut[] {
  standAt(experiment, fromTick);
  const inputs = guest.inputs.filter(({ tick }) => tick >= fromTick);
  const writeTicks = writeTicksOf(experiment, inputs, toTick);
  const seed = args.number('seed') ?? 1;
  return planCuts({ seed, cuts: args.number('cuts') ?? CUTS_DEFAULT, fromTick, toTick, writeTicks });
}

/** The run up to the cut and the cut, as a recording. */
function writeCut(guest: Guest, cut: PowerCut, drives: readonly string[], path: string): void {
  const before = guest.inputs.filter(({ tick }) => tick < cut.tick);
  writeTrial(guest, [], [...before, ...cutInputs(cut, drives)], cut.tick + 1, path);
}
