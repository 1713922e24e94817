// What a command says at its end: sentences on standard error for people, one line of JSON on standard output for
// programs, and the exit status that follows from how the run ended.

import type { ChalkInstance } from 'chalk';
import type { SessionEnd } from '../../core/session/session.ts';
import type { DriveEnd } from '../node/drive.ts';
import type { GuestOutput } from '../node/guest-output.ts';
import { count, seconds } from '../node/progress.ts';

export const EXIT = { ok: 0, divergence: 1, usage: 2, shutdown: 3 } as const;

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Status of `run` and `record`. */
export function exitStatus(end: SessionEnd, drive: DriveEnd): number {
  if (end.debugExit !== null && end.reason === 'debug-exit') return ((end.debugExit << 1) | 1) & 0xff;
  if (end.reason === 'shutdown') return EXIT.shutdown;
  if (drive.signal !== null) return 128 + (SIGNAL_NUMBERS[drive.signal] ?? 0);
  return EXIT.ok;
}

const WHY: Readonly<Record<string, string>> = {
  'power-off': 'the guest powered off',
  shutdown: 'the guest triple faulted or asked for a reset (--no-reboot)',
  idle: 'the guest halted and nothing can wake it',
  'max-ticks': 'the ticks asked for are over',
  stopped: 'stopped by the user',
  'log-end': 'the log ends here',
  divergence: 'the replay left the recorded run',
};

export function endSentence(end: SessionEnd): string {
  if (end.reason === 'debug-exit') return `the guest wrote ${end.debugExit ?? 0} to the debug-exit port`;
  return WHY[end.reason] ?? end.reason;
}

/** `12 345 ticks, 0.10 s of guest time, 61.2 M instr/s`. */
export function runFigures(end: SessionEnd, drive: DriveEnd, nsPerTick: number): string {
  const rate = (end.tick - end.idleTicks) / Math.max(drive.hostSeconds, 1e-3) / 1e6;
  return `${count(end.tick)} ticks, ${seconds(end.tick * nsPerTick)} s of guest time, ${rate.toFixed(1)} M instr/s`;
}

export function endToJson(end: SessionEnd, drive: DriveEnd, output: GuestOutput, nsPerTick: number) {
  return {
    reason: end.reason,
    tick: end.tick,
    idleTicks: end.idleTicks,
    guestSeconds: (end.tick * nsPerTick) / 1e9,
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
