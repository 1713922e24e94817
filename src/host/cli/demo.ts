// `npm start`: a bug that shows once in a while, caught for good. The race guest (guests/race.asm) is run with
// customers arriving at other moments for every seed until a deposit is lost; that run is recorded, replayed on every
// engine and without any device, and the debugger then walks from the symptom back to the instruction that read the
// stale value.

import { Random } from '../../core/base/random.ts';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { engineNames } from '../../engines.ts';
import { assembleGuest } from '../node/guest-images.ts';
import {
  createMachine,
  type MachineSettings,
  openLog,
  record,
  replay,
  serialText,
  type TimedInput,
} from '../../library.ts';
import { guardStandardStreams } from '../node/standard-streams.ts';
import { count } from '../node/progress.ts';
import { loadColors } from './report.ts';
import { type Moment, walkBack } from './walk-back.ts';

const SEEDS_MAX = 500;
const CUSTOMERS = 12;
const EXIT_FAIL = 0x11;
/** No run of the guest is longer. */
const TICKS_MAX = 8_000_000;
const TIMER_VECTOR = 0x20;
const SERIAL_VECTOR = 0x24;

/** Arrivals of a seed. */
function customersOf(seed: number): TimedInput[] {
  const random = new Random(seed);
  const inputs = Array.from({ length: CUSTOMERS }, () => ({
    tick: 20_000 + random.below(2_400_000),
    event: serialText(String(1 + random.below(9))),
  }));
  return inputs.sort((a, b) => a.tick - b.tick);
}

const source = assembleGuest('race');
const base: MachineSettings = { images: { kernel: source.bytes }, memoryMegabytes: 4, epochSeconds: 0 };

/** The first seed with which the guest finds its books wrong, or null. */
async function findSeed(): Promise<number | null> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const guest = await createMachine({ ...base, hashEveryTicks: 0 });
    for (const { tick, event } of customersOf(seed)) guest.push(event, tick);
    const reason = guest.run(TICKS_MAX);
    if (reason === 'debug-exit' && guest.machine.debugExitValue === EXIT_FAIL) return seed;
  }
  return null;
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
  const seed = await findSeed();
  if (seed === null) {
    say('search', `no deposit was lost with ${SEEDS_MAX} seeds`);
    return 1;
  }
  const searchSeconds = ((performance.now() - startMs) / 1000).toFixed(1);
  say('search', `${seed - 1} runs went well; with seed ${seed} a deposit is lost (${searchSeconds} s)`);

  const settings = { ...base, hashEveryTicks: 1 << 16, inputs: customersOf(seed), maxTicks: TICKS_MAX };
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
