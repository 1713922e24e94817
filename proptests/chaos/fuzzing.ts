/**
 * The parser guest (guests/parser.asm) with its planted overflow, or its fixed twin, as it stands before it parses, for
 * the tests of `reprise fuzz` and for campaigns: node dist/proptests/chaos/fuzzing.js [--seeds N] [--runs N] prints for
 * each seed at which run the overflow was found, and that the twin stands as many.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { finishCampaign } from '../../src/core/chaos/campaign.ts';
import { comparedConstants } from '../../src/core/chaos/compared-constants.ts';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { type Finding, fuzz, type FuzzResult, type Kept } from '../../src/core/chaos/fuzz.ts';
import type { FuzzTarget } from '../../src/core/chaos/fuzz-target.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import type { Assembly } from '../../src/core/isa/assemble.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { loadCoveringEngine } from '../../src/engines.ts';
import { assembleSource, guestFolder } from '../../src/host/node/guest-images.ts';
import { projectRoot } from '../support/poison.ts';
import { smallMachine } from './small-machine.ts';

export const MESSAGE = 0x200000;
export const MESSAGE_LENGTH = 0x201000;
export const MESSAGE_MAX = 256;
const SLACK_TICKS = 1 << 16;

export interface FuzzedParser {
  readonly assembly: Assembly;
  readonly experiment: Experiment;
  readonly fromTick: number;
  readonly example: Uint8Array;
  readonly dictionary: readonly Uint8Array[];
}

export async function openParser(isFixed: boolean, engine = 'tiered'): Promise<FuzzedParser> {
  const source = readFileSync(join(guestFolder(), 'parser.asm'), 'utf8');
  const assembly = assembleSource(isFixed ? `%define FIXED\n${source}` : source);
  const setup = smallMachine('parser', assembly.bytes);
  const failures = ['fault:0', 'fault:6', 'fault:8', 'fault:13', 'fault:14', 'triple-fault', 'hang'].map(parseFailure);
  const makeEngine = await loadCoveringEngine(engine);
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  let fromTick = 1000;
  const parse = assembly.symbols.get('parse') ?? 0;
  for (experiment.stand(fromTick); experiment.machine.cpu.m32[EIP] !== parse; ) experiment.stand(++fromTick);
  // Before the length is loaded.
  fromTick -= 4;
  experiment.stand(fromTick);
  const { m8, ramBase, view } = experiment.machine.cpu;
  const length = view.getUint32(ramBase + MESSAGE_LENGTH, true);
  const example = m8.slice(ramBase + MESSAGE, ramBase + MESSAGE + length);
  const page = m8.slice(ramBase + 0x100000, ramBase + 0x101000);
  return { assembly, experiment, fromTick, example, dictionary: comparedConstants([page], true) };
}

export const PARSER_TARGET: FuzzTarget = {
  kind: 'memory',
  bytesMax: MESSAGE_MAX,
  pieces: [{ address: MESSAGE, sizeBytes: MESSAGE_MAX }],
  lengthAddress: MESSAGE_LENGTH,
};

export interface FuzzRun {
  readonly seed: number;
  readonly runs: number;
  readonly findingsMax?: number;
  readonly before?: { readonly runs: number; readonly kept: readonly Kept[]; readonly sites: readonly string[] };
}

export function fuzzParser(
  { experiment, fromTick, example, dictionary }: FuzzedParser,
  { seed, runs, findingsMax = Number.POSITIVE_INFINITY, before }: FuzzRun,
): { readonly result: FuzzResult; readonly kept: readonly Kept[]; readonly found: readonly Finding[] } {
  const kept: Kept[] = [];
  const found: Finding[] = [];
  const result = finishCampaign(
    experiment,
    fuzz({
      ...{ seed, runs, findingsMax, target: PARSER_TARGET, fromTick, horizonTick: fromTick + SLACK_TICKS },
      ...{ recorded: [], dictionary, kept: [{ run: -1, bytes: example }, ...(before?.kept ?? [])] },
      ...{ doneRuns: before?.runs ?? 0, knownSites: before?.sites ?? [] },
      onKept: (one) => kept.push(one),
      onFinding: (one) => found.push(one),
    }),
  );
  return { result, kept, found };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '3' }, runs: { type: 'string', default: '60000' } },
  });
  const [bug, twin] = [await openParser(false), await openParser(true)];
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const { found, result } = fuzzParser(bug, { seed, runs: Number(values.runs), findingsMax: 1 });
    const first = found[0];
    const where = first === undefined ? 'not found' : `run ${first.run}: ${first.site}`;
    const accused = fuzzParser(twin, { seed, runs: result.runs }).found.length;
    process.stdout.write(`seed ${seed}: ${where}; ${result.branches} words; the twin has ${accused} findings\n`);
  }
}

if (process.argv[1] === join(projectRoot, 'dist/proptests/chaos/fuzzing.js')) await main();
