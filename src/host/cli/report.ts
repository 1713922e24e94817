// What a command says at its end: sentences on standard error for people, one line of JSON on standard output for
// programs, and the exit status that follows from how the run ended.

import type { ChalkInstance } from 'chalk';
import type { Plight } from '../../core/machine/plight.ts';
import { describeReset, type ResetCause } from '../../core/machine/reset-cause.ts';
import type { SessionEnd } from '../../core/session/session.ts';
import type { DriveEnd } from '../node/drive.ts';
import type { GuestOutput } from '../node/guest-output.ts';
import { count, seconds } from '../node/progress.ts';
import { signalStatus } from '../node/work.ts';

export const EXIT = { ok: 0, divergence: 1, usage: 2, shutdown: 3 } as const;

/** Status of `run` and `record`. */
export function exitStatus(end: SessionEnd, drive: DriveEnd): number {
  if (end.debugExit !== null && end.reason === 'debug-exit') return ((end.debugExit << 1) | 1) & 0xff;
  if (end.reason === 'shutdown') return EXIT.shutdown;
  if (drive.signal !== null) return signalStatus(drive.signal);
  return EXIT.ok;
}

const WHY: Readonly<Record<string, string>> = {
  'power-off': 'the guest powered off',
  idle: 'nothing can wake the guest',
  'max-ticks': 'the ticks asked for are over',
  'log-end': 'the log ends here',
  divergence: 'the replay left the recorded run',
};

const STOPPED_BY: Readonly<Record<DriveEnd['stoppedBy'], string>> = {
  user: 'stopped by the user',
  gdb: 'ended by gdb',
  output: 'nobody reads standard output any more',
  condition: 'stopped by --stop-on',
  watch: 'stopped because the shadow differs',
};

/** What is said of a run beside its figures. */
export interface RunNotes {
  /** The condition of --stop-on that has come. */
  readonly stopText: string | null;
  /** The reset that --no-reboot has ended the run at. */
  readonly shutdown: ResetCause | null;
  /** What keeps the guest from going on. */
  readonly plight: Plight | null;
}

export function endSentence(end: SessionEnd, drive: DriveEnd, notes: RunNotes): string {
  const { plight } = notes;
  const isStuck = plight !== null && ['dead', 'frozen', 'waiting'].includes(plight.kind);
  return `${whyEnded(end, drive, notes)}${isStuck ? `; the guest is ${plight.text}` : ''}`;
}

function whyEnded(end: SessionEnd, drive: DriveEnd, { stopText, shutdown, plight }: RunNotes): string {
  if (end.reason === 'idle' && plight?.kind === 'waiting') return 'nobody is there who could type';
  if (end.reason === 'debug-exit') return `the guest wrote ${end.debugExit ?? 0} to the debug-exit port`;
  if (end.reason === 'shutdown' && shutdown !== null) return `${describeReset(shutdown)} ended the run (--no-reboot)`;
  if (end.reason === 'stopped') return stopText === null ? STOPPED_BY[drive.stoppedBy] : `stopped at ${stopText}`;
  return WHY[end.reason] ?? end.reason;
}

export function resetsText(count: number): string {
  return count === 0 ? '' : `; ${count === 1 ? 'one reset' : `${count} resets`}`;
}

/** `12 345 ticks, 0.10 s of guest time, 61.2 M instr/s`. */
export function runFigures(end: SessionEnd, drive: DriveEnd, nsPerTick: number): string {
  const ticks = end.tick - end.startTick;
  const rate = (ticks - end.idleTicks) / Math.max(drive.hostSeconds, 1e-3) / 1e6;
  const from = end.startTick === 0 ? '' : `from tick ${count(end.startTick)} on `;
  return `${from}${count(ticks)} ticks, ${seconds(ticks * nsPerTick)} s of guest time, ${rate.toFixed(1)} M instr/s`;
}

export function endToJson(end: SessionEnd, drive: DriveEnd, output: GuestOutput, nsPerTick: number) {
  return {
    reason: end.reason,
    tick: end.tick,
    ...(end.startTick === 0 ? {} : { startTick: end.startTick }),
    idleTicks: end.idleTicks,
    guestSeconds: ((end.tick - end.startTick) * nsPerTick) / 1e9,
    hostSeconds: drive.hostSeconds,
    debugExit: end.debugExit,
    hash: end.hash,
    serialBytes: output.serialBytes,
    serialSha256: output.serialDigest(),
  };
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Colours for a stream, loaded only by commands that print something to colour. */
export async function loadColors(isPlain: boolean, stream: NodeJS.WriteStream): Promise<ChalkInstance> {
  const { Chalk } = await import('chalk');
  const noColor = process.env.NO_COLOR ?? '';
  const wantsNone = isPlain || noColor !== '' || stream.isTTY !== true;
  return new Chalk(wantsNone ? { level: 0 } : {});
}
