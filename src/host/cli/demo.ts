// `npm start`: a bug that shows once in a while, caught for good. The race guest (guests/race.asm) is disturbed, as
// reprise chaos does it, until a deposit is lost; shrink leaves out what the failure does not need, and that run is
// recorded, replayed on every engine and without any device. doom says when the loss became inevitable, and the
// debugger walks from the symptom back to the instruction that read the stale value.

import { finishCampaign } from '../../core/chaos/campaign.ts';
import { chaos } from '../../core/chaos/chaos.ts';
import { doom, type DoomResult } from '../../core/chaos/doom.ts';
import { Experiment } from '../../core/chaos/experiment.ts';
import { KNOBS_DEFAULT } from '../../core/chaos/perturb.ts';
import { parseFailure } from '../../core/chaos/predicate.ts';
import { shrink } from '../../core/chaos/shrink.ts';
import { eventToText } from '../../core/log/events.ts';
import { describeMachine } from '../../core/session/describe-machine.ts';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DEFAULT_ENGINE, engineNames, loadEngine } from '../../engines.ts';
import { assembleGuest } from '../node/guest-images.ts';
import { sha256 } from '../node/images.ts';
import { type MachineSettings, openLog, record, replay, serialText, type TimedInput } from '../../library.ts';
import { guardStandardStreams } from '../node/standard-streams.ts';
import { count } from '../node/progress.ts';
import { doomText } from './doom-picture.ts';
import { loadColors } from './report.ts';
import { planGuest } from './trials.ts';
import { type Moment, walkBack } from './walk-back.ts';

const RUNS_MAX = 2000;
const CUSTOMERS = 6;
const EXIT_FAIL = 0x11;
/** No run of the guest is longer. */
const TICKS_MAX = 8_000_000;
const TIMER_VECTOR = 0x20;
const SERIAL_VECTOR = 0x24;

/** Customers at regular moments: nothing goes wrong until they are moved. */
function customers(): TimedInput[] {
  return Array.from({ length: CUSTOMERS }, (_, i) => ({
    tick: 200_000 + i * 400_000,
    event: serialText(String(1 + i)),
  }));
}

const source = assembleGuest('race');
const base: MachineSettings = { images: { kernel: source.bytes }, memoryMegabytes: 4, epochSeconds: 0 };

interface Found {
  readonly run: number;
  /** All that the failing run needs. */
  readonly inputs: readonly TimedInput[];
  readonly doomed: DoomResult;
}

/** As chaos, shrink and doom do it; null: no run failed. */
async function findLoss(): Promise<Found | null> {
  const kernel = { name: 'race', data: source.bytes };
  const setup = describeMachine({ kernel }, { memoryMegabytes: 4, hashEveryTicks: 0 }, sha256);
  const makeEngine = await loadEngine(DEFAULT_ENGINE);
  const failures = [parseFailure(`exit:${EXIT_FAIL}`)];
  const experimentWith = (recorded: readonly TimedInput[]): Experiment =>
    new Experiment({ ...setup, makeEngine, recorded, script: [], failures });
  const experiment = experimentWith([]);
  const inputs = customers();
  const plain = experiment.run(inputs, TICKS_MAX);
  const horizonTick = TICKS_MAX;
  const guest = planGuest(setup.manifest);
  const shared = { knobs: KNOBS_DEFAULT, inputs, fromTick: 0, ...guest };
  const plan = { ...shared, endTick: plain.tick, interruptTicks: plain.interruptTicks };
  const { failing } = finishCampaign(
    experiment,
    chaos({ seed: 1, runs: RUNS_MAX, plan, horizonTick, machine: setup.manifest }),
  );
  if (failing === null) return null;
  const whole = { inputs: failing.inputs, horizonTick, recorded: null, startTick: 0 };
  const small = finishCampaign(experiment, shrink({ ...whole, onSmaller: () => {} }));
  const dated = experimentWith(small.inputs);
  const outcome = dated.run(small.inputs, horizonTick);
  const times = { fromTick: 0, symptomTick: outcome.tick, horizonTick, moments: 8, trials: 12 };
  const doomed = finishCampaign(
    dated,
    doom({
      ...{ seed: 1, ...times, knobs: KNOBS_DEFAULT, inputs: small.inputs },
      ...{ interruptTicks: outcome.interruptTicks, guest },
    }),
  );
  return { run: failing.run, inputs: small.inputs, doomed };
}

/** `guests/race.asm:128` */
function sourceLine(eip: number): string {
  const found = source.lines.find(({ address, length }) => eip >= address && eip < address + length);
  return `guests/race.asm:${found?.line ?? 0}`;
}

function nameOf(vector: number): string {
  if (vector === SERIAL_VECTOR) return 'serial port, a customer';
  return vector === TIMER_VECTOR ? 'timer' : 'unexpected';
}

/** As one word of a shell. */
function quoted(script: readonly string[]): string {
  return `'${script.join('; ')}'`;
}

async function main(): Promise<number> {
  const colors = await loadColors(false, process.stdout);
  const say = (verb: string, text: string): void => {
    process.stdout.write(`${colors.bold(verb.padEnd(9))} ${text}\n`);
  };
  const startMs = performance.now();
  say('guest', 'guests/race.asm: two tasks share one balance, and nothing protects it');
  const found = await findLoss();
  if (found === null) {
    say('chaos', `no deposit was lost in ${RUNS_MAX} runs`);
    return 1;
  }
  const { run, inputs, doomed } = found;
  const searchSeconds = ((performance.now() - startMs) / 1000).toFixed(1);
  say('chaos', `${run - 1} runs went well under late interrupts and moved customers; in run ${run} a deposit is lost`);
  const needed = inputs.map(({ tick, event }) => `${eventToText(event)} at ${count(tick)}`);
  say('shrink', `what is left of it still fails: ${needed.join(', ')}`);
  for (const [i, line] of doomText(doomed).entries()) say(i === 0 ? 'doom' : '', line);
  const inevitable = doomed.interval;
  if (inevitable !== null) say('', `inevitable at tick ${count(inevitable.fromTick)} (found in ${searchSeconds} s)`);

  const settings = { ...base, hashEveryTicks: 1 << 16, inputs, maxTicks: TICKS_MAX };
  const recorded = await record({ ...settings, embed: true });
  const path = join(mkdtempSync(join(tmpdir(), 'reprise-demo-')), 'race.rlog');
  writeFileSync(path, recorded.log);
  const lastLine = new TextDecoder().decode(recorded.serial).trimEnd().split('\n').at(-1) ?? '';
  say('record', `${count(recorded.tick)} ticks in ${count(recorded.log.length)} bytes: ${path}`);
  say('guest', colors.yellow(lastLine));

  let isSame = true;
  const again = async (name: string, replaySettings: Parameters<typeof replay>[1]): Promise<void> => {
    const replayed = await replay(recorded.log, replaySettings);
    const agrees =
      replayed.divergence === null && (replaySettings?.devices === 'log' || replayed.hash === recorded.hash);
    isSame &&= agrees;
    const verdict = agrees ? colors.green('every check and every hash agreed') : colors.red('DIVERGED');
    say('replay', `${name}: ${count(replayed.checks)} checks, ${verdict}`);
  };
  for (const engine of engineNames()) await again(`engine ${engine}`, { engine });
  await again('without any device', { devices: 'log' });

  const kernel = new Map([['kernel', source.bytes]]);
  const { symptom, store, load, staleValue, lostValue, interruptions, script } = await walkBack(
    openLog(recorded.log),
    kernel,
  );
  const show = ({ tick, eip, symbol }: Moment): string => `tick ${count(tick)}, ${sourceLine(eip)} <${symbol}>`;
  say('symptom', `${show(symptom)}: the books do not agree`);
  say('back to', `${show(store)}: ${lostValue} is overwritten with a sum made from ${staleValue}`);
  say('back to', `${show(load)}: ${colors.yellow(`this instruction read the stale ${staleValue}`)}`);
  for (const between of interruptions) {
    const { vector } = between;
    say('between', `${show(between)}: interrupt 0x${vector.toString(16)} (${nameOf(vector)})`);
  }
  say('again', `npx reprise debug ${path} --exec ${quoted(script.filter((line) => !line.startsWith('print')))}`);
  const isExplained = interruptions.length > 0 && load.tick < store.tick;
  return isSame && isExplained ? 0 : 1;
}

guardStandardStreams();
process.exitCode = await main();
