/**
 * What counting branches costs (tiers/coverage.ts), on the programs of programs.ts: two machines in one process, one of
 * them counted, run stretches in turn, and of the CPU times of each the least one counts, which others on the machine
 * disturb least. `npm run bench coverage`. Stretches before everything hot is compiled are left out: a fuzzer runs the
 * same code thousands of times.
 */
import { SILENT_OUTPUT } from '../src/core/board/silent.ts';
import { describeMachine } from '../src/core/session/describe-machine.ts';
import { LivePort } from '../src/core/session/live-port.ts';
import { type EngineFactory, Session } from '../src/core/session/session.ts';
import { DEFAULT_ENGINE, loadCoveringEngine, loadEngine } from '../src/engines.ts';
import { sha256 } from '../src/host/node/images.ts';
import { PROGRAMS } from './programs.ts';

const GUESTS = ['sort', 'sieve', 'sha256', 'bytecode', 'recursion', 'text', 'flags', 'crc'];
const STRETCH_TICKS = 1 << 22;
const WARM_STRETCHES = 4;
const STRETCHES = 12;
/** So that no program ends before the measurement does. */
const COUNT = 1_000_000;

const [plain, covering] = [await loadEngine(DEFAULT_ENGINE), await loadCoveringEngine(DEFAULT_ENGINE)];

function start(data: Uint8Array, makeEngine: EngineFactory): Session {
  const kernel = { name: 'program', data };
  const settings = { memoryMegabytes: 16, hashEveryTicks: 0, append: String(COUNT) };
  const setup = describeMachine({ kernel }, settings, sha256);
  return new Session({ ...setup, makeEngine, port: new LivePort(), output: SILENT_OUTPUT });
}

let product = 1;
let guests = 0;
for (const { name, image } of PROGRAMS) {
  if (!GUESTS.includes(name)) continue;
  const sessions = [plain, covering].map((factory) => start(image(), factory));
  const spentMicroseconds: number[][] = [[], []];
  for (let stretch = 0; stretch < WARM_STRETCHES + STRETCHES; stretch++) {
    for (const [i, session] of sessions.entries()) {
      const before = process.cpuUsage();
      const reason = session.advance(session.tick + STRETCH_TICKS);
      if (reason !== 'tick') throw new Error(`${name} ended: ${reason}`);
      // Both: the host knows their sum to the microsecond, and only samples which of the two it was.
      const { user, system } = process.cpuUsage(before);
      if (stretch >= WARM_STRETCHES) spentMicroseconds[i].push(user + system);
    }
  }
  const least = spentMicroseconds.map((each) => Math.min(...each));
  const ratio = least[1] / least[0];
  product *= ratio;
  guests++;
  const [a, b] = least.map((each) => ((each * 1000) / STRETCH_TICKS).toFixed(3));
  process.stdout.write(`${name.padEnd(12)} ${a} ns a tick, counted ${b}: ${((ratio - 1) * 100).toFixed(1)} %\n`);
}
const mean = product ** (1 / guests) - 1;
process.stdout.write(`${'mean'.padEnd(12)} ${(mean * 100).toFixed(1)} % (geometric, ${guests} programs)\n`);
