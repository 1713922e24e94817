/**
 * The permanent recordings in replay-logs/: what they are made of, and how one is added. A log that is there stays as
 * it is for ever; `node dist/proptests/replay/golden.js` records those that are missing and adds them to the manifest.
 */
import { Random } from '../../src/core/base/random.ts';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { record, type RecordSettings, serialText } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';

export const goldenFolder = join(projectRoot, 'replay-logs');
const manifestFile = join(goldenFolder, 'manifest.json');

/** One recording, as the manifest has it. */
export interface GoldenLog {
  readonly file: string;
  readonly description: string;
  readonly sha256: string;
  readonly profile: 'full' | 'checked' | 'inputs';
  readonly reason: string;
  readonly tick: number;
  /** Digest of the final state. */
  readonly hash: string;
  /** SHA-256 of what the guest sent on its first serial line. */
  readonly serialSha256: string;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function goldenLogs(): GoldenLog[] {
  return existsSync(manifestFile) ? (JSON.parse(readFileSync(manifestFile, 'utf8')) as GoldenLog[]) : [];
}

interface Recipe {
  readonly name: string;
  readonly description: string;
  readonly settings: () => RecordSettings;
}

function builtIn(name: string, more: Partial<RecordSettings> = {}): () => RecordSettings {
  return () => ({
    images: { kernel: assembleGuest(name).bytes },
    memoryMegabytes: 4,
    hashEveryTicks: 1 << 18,
    ...more,
  });
}

/** Customers of the race guest at random moments. */
function raceInputs(): RecordSettings['inputs'] {
  const dice = new Random(1);
  return Array.from({ length: 40 }, () => 20_000 + dice.below(2_300_000))
    .sort((a, b) => a - b)
    .map((tick) => ({ tick, event: serialText(String(1 + dice.below(9))) }));
}

const RECIPES: readonly Recipe[] = [
  {
    name: 'echo',
    description: 'serial lines typed by a script, sent back by interrupts',
    settings: builtIn('echo', {
      script: 'when "quit to end" serial "hello\\n"\nat 9_000_000 serial "world\\nquit\\n"\n',
    }),
  },
  {
    name: 'race-full',
    description: 'two preemptive tasks and forty customers',
    settings: builtIn('race', { inputs: raceInputs() }),
  },
  {
    name: 'race-checked',
    description: 'the same run, checks as digests',
    settings: builtIn('race', { inputs: raceInputs(), profile: 'checked' }),
  },
  {
    name: 'race-inputs',
    description: 'the same run, inputs and state hashes only',
    settings: builtIn('race', { inputs: raceInputs(), profile: 'inputs' }),
  },
  { name: 'interrupts', description: 'timer, RTC, UART, masks, shadows, exceptions', settings: builtIn('interrupts') },
  { name: 'paging', description: 'page faults, aliases, large pages, PAE', settings: builtIn('paging') },
  { name: 'ring3', description: 'privilege, call gates, SYSENTER', settings: builtIn('ring3') },
  { name: 'tasks', description: 'hardware task switches and task gates', settings: builtIn('tasks') },
  { name: 'smc', description: 'code that rewrites itself', settings: builtIn('smc') },
  { name: 'strings', description: 'string instructions in both directions', settings: builtIn('strings') },
];

async function recordMissing(): Promise<void> {
  const logs = goldenLogs();
  for (const { name, description, settings } of RECIPES) {
    const file = `${name}.rlog`;
    if (logs.some((log) => log.file === file)) continue;
    const { profile = 'full', ...rest } = settings();
    const recorded = await record({ ...rest, profile, embed: true });
    writeFileSync(join(goldenFolder, file), recorded.log, { flag: 'wx' });
    const { reason, tick, hash } = recorded;
    logs.push({
      file,
      description,
      sha256: sha256(recorded.log),
      profile,
      reason,
      tick,
      hash,
      serialSha256: sha256(recorded.serial),
    });
    console.log(`${file}: ${reason} at tick ${tick}, ${recorded.log.length} bytes`);
  }
  writeFileSync(manifestFile, `${JSON.stringify(logs, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await recordMissing();
