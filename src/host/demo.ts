// `npm start`: a bug that shows once in a while, caught for good. The race guest (guests/race.asm) is run with customers
// arriving at other moments for every seed until a deposit is lost; that run is recorded, replayed on every engine and
// without any device, and the log then shows which interrupt came between which two instructions.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { EBX, EIP } from '../core/state/layout.ts';
import { engineNames } from './engines.ts';
import { assembleGuest } from './guest-images.ts';
import {
  createMachine,
  logEvents,
  type MachineSettings,
  openLog,
  record,
  replay,
  serialText,
  type TimedInput,
} from './index.ts';
import { count } from './progress.ts';
import { loadColors } from './report.ts';

const SEEDS_MAX = 500;
const CUSTOMERS = 12;
const EXIT_FAIL = 0x11;
/** No run of the guest is longer. */
const TICKS_MAX = 8_000_000;
const TIMER_VECTOR = 0x20;
const SERIAL_VECTOR = 0x24;

/** Arrivals of a seed: an xorshift generator, so that everybody sees the same. */
function customersOf(seed: number): TimedInput[] {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  const next = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const inputs = Array.from({ length: CUSTOMERS }, () => ({
    tick: 20_000 + next(2_400_000),
    event: serialText(String(1 + next(9))),
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

interface Culprit {
  readonly tick: number;
  readonly vector: number;
  readonly eip: number;
  readonly amount: number;
}

/** Walks through the log with the machine beside it: the last interrupt that came between load and store. */
async function findCulprit(bytes: Uint8Array): Promise<Culprit | null> {
  const load = source.symbols.get('deposit') ?? 0;
  const done = source.symbols.get('deposit_overflow') ?? 0;
  const log = openLog(bytes);
  const interrupts = [...logEvents(log, { kinds: new Set(['interrupt']) })];
  let culprit: Culprit | null = null;
  const guest = await createMachine({ ...base, hashEveryTicks: 0 });
  for (const { tick, event } of logEvents(log, { class: 'input' })) {
    if (event.kind === 'serial') guest.push(event, tick);
  }
  for (const { tick, event } of interrupts) {
    guest.run(tick);
    const eip = guest.machine.cpu.m32[EIP];
    if (event.kind === 'interrupt' && eip > load && eip < done) {
      culprit = { tick, vector: event.vector, eip, amount: guest.machine.cpu.m32[EBX] };
    }
  }
  return culprit;
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

  const culprit = await findCulprit(recorded.log);
  if (culprit === null) {
    say('where', 'no interrupt came between load and store');
    return 1;
  }
  const { tick, vector, eip, amount } = culprit;
  const line = source.lines.find(({ address, length }) => eip >= address && eip < address + length)?.line ?? 0;
  const what = vector === SERIAL_VECTOR ? 'a customer' : vector === TIMER_VECTOR ? 'the timer' : `interrupt ${vector}`;
  const microseconds = (tick * recorded.manifest.nsPerTick) / 1000;
  say('when', `tick ${count(tick)}, ${microseconds.toFixed(1)} µs of guest time`);
  say('where', `guests/race.asm:${line} (eip ${eip.toString(16)}h): ${what} interrupted a deposit of ${amount}`);
  say('', 'between the load of the balance and the store; what was stored meanwhile is lost');
  say('again', `npx reprise replay ${path}`);
  say('', `npx reprise events ${path} --from ${tick} --limit 5`);
  return isSame ? 0 : 1;
}

process.exitCode = await main();
