/**
 * What must notice an injected fault, as a process of its own: node check.js FOLDER [ENGINE...]
 * Verifies every log in FOLDER, recorded by the sound program, on the engines given, first in lockstep and then under a
 * schedule too, and lets the first difference end it with status 1 and one line of JSON (Noticed). When all engines leave the
 * log alike, a replay says where. Status 0: nothing noticed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeDivergence } from '../../src/core/replay/divergence.ts';
import { replay, verify } from '../../src/host/index.ts';

/** What was noticed. */
export interface Noticed {
  readonly log: string;
  readonly by: 'verify' | 'schedule' | 'replay' | 'failure';
  /** `verify`: the instruction in this project's words; empty when it was not found. */
  readonly instruction: string;
  /** What the suspect runs in one piece from there on. */
  readonly piece: readonly string[];
  /** Names of the registers that differ, `memory` and names of devices. */
  readonly differs: readonly string[];
  /** `replay`: the divergence; `failure`: what was thrown. */
  readonly text: string;
}

/** Random programs: short, so that little of what was wrong has been overwritten again. Guests: less often. */
const intervalOf = (log: string): number => (log.startsWith('a') ? 499 : 4096);

function notice(noticed: Partial<Noticed> & { log: string; by: Noticed['by'] }): never {
  const all: Noticed = { instruction: '', piece: [], differs: [], text: '', ...noticed };
  process.stdout.write(`${JSON.stringify(all)}\n`);
  process.exit(1);
}

async function look(folder: string, name: string, engines: readonly string[], schedules: number): Promise<void> {
  const log = readFileSync(join(folder, name));
  let verified: Awaited<ReturnType<typeof verify>>;
  try {
    verified = await verify(log, { engines, intervalTicks: intervalOf(name), schedules, seed: 1 });
  } catch (error) {
    notice({ log: name, by: 'failure', text: String(error) });
  }
  const { difference } = verified;
  if (difference !== null) {
    const { registers, memoryBytes, devices } = difference.differences;
    notice({
      log: name,
      by: verified.schedules.length < schedules && / \(schedule /.test(difference.suspect) ? 'schedule' : 'verify',
      instruction: difference.precision === 'instruction' ? difference.instruction.text : '',
      piece: difference.piece.map(({ text }) => text),
      differs: [
        ...registers.filter(({ differs }) => differs).map((row) => row.name),
        ...(memoryBytes > 0 ? ['memory'] : []),
        ...devices.map(({ device }) => device),
      ],
      text: difference.suspectOutcome.failure ?? '',
    });
  }
  if (verified.log === null) return;
  const { divergence } = await replay(log, { engine: 'interp' });
  notice({ log: name, by: 'replay', text: divergence === null ? '' : describeDivergence(divergence) });
}

const [folder, ...engines] = process.argv.slice(2);
if (folder !== undefined) {
  const logs = readdirSync(folder).sort();
  for (const schedules of [0, 1]) for (const name of logs) await look(folder, name, engines, schedules);
}
