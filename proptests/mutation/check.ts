/**
 * What must notice an injected fault, as a process of its own: node check.js LOGS SOUND ENGINE...
 * Verifies every log in the folder LOGS, recorded by the sound program, on the engines given: first in lockstep, then,
 * when SOUND (the root of a build without fault) is not empty, by replay, and last under a schedule. The first
 * difference ends it with status 1 and one line of JSON (Noticed). Where all engines share the fault only the log can
 * tell; then the sound build, run beside this one, says at which instruction. Status 0: nothing noticed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeDivergence } from '../../src/core/session/divergence.ts';
import { compileBeside } from '../../src/engines.ts';
import { replay, verify } from '../../src/library.ts';
import { promptCompiler } from '../engines/scratch-compiler.ts';

const [folder, sound = '', ...engines] = process.argv.slice(2);

// Engines whose policy has thread=1, as wasm has by itself, hand over what they compile.
compileBeside(async () => promptCompiler());

/** What was noticed. */
export interface Noticed {
  readonly log: string;
  readonly by: 'verify' | 'schedule' | 'replay' | 'failure';
  /** The instruction in this project's words; empty when it was not found. */
  readonly instruction: string;
  /** What the suspect runs in one piece from there on. */
  readonly piece: readonly string[];
  /** Names of the registers that differ, `memory`, names of devices, or `digest` alone. */
  readonly differs: readonly string[];
  /** `replay`: the divergence; `failure`: what was thrown. */
  readonly text: string;
}

/**
 * Random programs and worlds: short, so that little of what was wrong has been overwritten again. Guests: less often.
 */
const intervalOf = (log: string): number => (log.includes('program') ? 997 : log.includes('world') ? 1499 : 4096);

function notice(noticed: Partial<Noticed> & { log: string; by: Noticed['by'] }): never {
  const all: Noticed = { instruction: '', piece: [], differs: [], text: '', ...noticed };
  process.stdout.write(`${JSON.stringify(all)}\n`);
  process.exit(1);
}

async function lookByVerify(log: Uint8Array, name: string, schedules: number) {
  let verified: Awaited<ReturnType<typeof verify>>;
  try {
    verified = await verify(log, { engines, intervalTicks: intervalOf(name), schedules, seed: 1 });
  } catch (error) {
    notice({ log: name, by: 'failure', text: String(error) });
  }
  const { difference } = verified;
  if (difference === null) return;
  // Time itself goes wrong, say: from a snapshot it does not come again, and beside the sound build it does.
  if (difference.precision !== 'instruction' && sound !== '') await lookByReplay(log, name);
  const { registers, memoryBytes, devices } = difference.differences;
  const { referenceOutcome, suspectOutcome, noticedFailure } = difference;
  const differs = [
    ...registers.filter((row) => row.differs).map((row) => row.name),
    ...(memoryBytes > 0 ? ['memory'] : []),
    ...devices.map(({ device }) => device),
  ];
  // A page that was written unnoted keeps the digest that it had.
  if (differs.length === 0 && referenceOutcome.root !== suspectOutcome.root) differs.push('digest');
  notice({
    log: name,
    by: / \(schedule /.test(difference.suspect) ? 'schedule' : 'verify',
    instruction: difference.precision === 'instruction' ? difference.instruction.text : '',
    piece: difference.piece.map(({ text }) => text),
    differs,
    text: suspectOutcome.failure ?? noticedFailure ?? '',
  });
}

async function lookByReplay(log: Uint8Array, name: string) {
  const { divergence } = await replay(log, { engine: 'interp' });
  if (divergence === null) return;
  const instruction = await instructionBesideSound(log);
  notice({ log: name, by: 'replay', instruction, text: describeDivergence(divergence) });
}

/** The parts of a build that run a log. */
interface Build {
  readonly verify: typeof import('../../src/core/verify/lockstep.ts');
  readonly instructions: typeof import('../../src/core/verify/instruction-at.ts');
  readonly log: typeof import('../../src/core/log/log.ts');
  readonly images: typeof import('../../src/core/log/log-images.ts');
  readonly inputs: typeof import('../../src/core/log/timed-input.ts');
  readonly contestants: typeof import('../../src/contestants.ts');
}

async function loadBuild(root: string): Promise<Build> {
  const load = (path: string) => import(pathToFileURL(join(root, 'dist/src', path)).href);
  const [verifying, instructions, log, images, inputs, contestants] = await Promise.all([
    load('core/verify/lockstep.js'),
    load('core/verify/instruction-at.js'),
    load('core/log/log.js'),
    load('core/log/log-images.js'),
    load('core/log/timed-input.js'),
    load('contestants.js'),
  ]);
  return { verify: verifying, instructions, log, images, inputs, contestants };
}

/**
 * The last instruction before which this build and the sound one agree: both run from the start to ever closer ticks.
 */
async function instructionBesideSound(log: Uint8Array): Promise<string> {
  const builds = [await loadBuild(sound), await loadBuild(process.cwd())];
  const runTo = async (build: Build, tick: number) => {
    const reader = build.log.openLog(log);
    const images = new Map(
      reader.header.machine.images.map(({ role }, i) => [role, build.images.readImage(reader, i)] as const),
    );
    const [contestant] = await build.contestants.loadContestants(['interp']);
    const inputs = build.inputs.inputsOf(reader);
    const runner = new build.verify.Runner(contestant, reader, images, inputs, reader.lastTick);
    return { outcome: runner.runTo(tick), machine: runner.session.machine };
  };
  let [low, high] = [0, builds[0].log.openLog(log).lastTick];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    const [a, b] = [await runTo(builds[0], middle), await runTo(builds[1], middle)];
    if (builds[0].verify.isSameOutcome(a.outcome, b.outcome)) low = middle;
    else high = middle;
  }
  const { machine } = await runTo(builds[0], low);
  return builds[0].instructions.instructionAt(machine.cpu, machine.tick).text;
}

if (folder !== undefined) {
  const logs = readdirSync(folder).sort();
  const read = (name: string): Uint8Array => readFileSync(join(folder, name));
  for (const name of logs) await lookByVerify(read(name), name, 0);
  if (sound !== '') for (const name of logs) await lookByReplay(read(name), name);
  for (const name of logs) await lookByVerify(read(name), name, 1);
}
