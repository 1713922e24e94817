/**
 * What must notice an injected fault, as a process of its own: node check.js FOLDER [ENGINE...]
 * Replays every log in FOLDER, recorded by the sound program, on the engines given in lockstep, and lets the first
 * difference between them, or from the log, end it with status 1 and one line about it. Status 0: nothing noticed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verify } from '../../src/host/index.ts';

const [folder, ...engines] = process.argv.slice(2);
const INTERVAL_TICKS = 4096;

function notice(log: string, what: string): never {
  process.stdout.write(`${JSON.stringify({ log, what })}\n`);
  process.exit(1);
}

for (const name of readdirSync(folder).sort()) {
  let verified: Awaited<ReturnType<typeof verify>>;
  try {
    verified = await verify(readFileSync(join(folder, name)), { engines, intervalTicks: INTERVAL_TICKS, schedules: 1 });
  } catch (error) {
    notice(name, `the program fails: ${String(error)}`);
  }
  const { difference, log } = verified;
  if (difference !== null) {
    const { suspect, instruction, precision } = difference;
    const where = precision === 'instruction' ? instruction.text : `an interval from tick ${instruction.tick}`;
    notice(name, `${suspect} at ${where}`);
  }
  if (log !== null) notice(name, `all engines leave the log by tick ${log.tick}`);
}
