// Reprise's interpreter against npm's v86 with its JIT off, on the built-in compute guests: the same
// images, in turns in one process, so that a noisy machine disturbs both alike. Prints millions of guest
// instructions a second (median of the rounds) and the ratio. `npm run peers [-- --rounds N] [--json]`.
// The first round of each guest is warm-up: the host engine compiles our loop, v86's is compiled ahead.

import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { V86 } from 'v86';
import { SILENT_OUTPUT } from '../src/core/board/silent.ts';
import { bootMultiboot } from '../src/core/machine/boot/multiboot.ts';
import { LivePort } from '../src/core/session/live-port.ts';
import { Machine } from '../src/core/machine/machine.ts';
import { buildGuest, listGuests } from '../src/host/node/guest-images.ts';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import { Interpreter } from '../tiers/interp/engine.ts';

interface Run {
  readonly output: string;
  readonly instructions: number;
  readonly milliseconds: number;
}

const MEMORY_MEGABYTES = 64;

/** One run on our interpreter; the whole run is timed, start to debug-exit. */
function runReprise(image: Uint8Array): Run {
  let output = '';
  const machine = new Machine(
    {
      memoryMegabytes: MEMORY_MEGABYTES,
      nsPerTick: 8,
      epochSeconds: 0,
      reboot: false,
      serialTiming: 'instant',
      hashEveryTicks: 0,
    },
    new LivePort(),
    {
      ...SILENT_OUTPUT,
      serial: (_port, byte) => {
        output += String.fromCharCode(byte);
      },
    },
    (cpu) => new Interpreter(cpu),
  );
  machine.boot(() => bootMultiboot(machine.cpu, machine.space, { kernel: image, modules: [], commandLine: 'guest' }));
  const start = performance.now();
  machine.run(Number.MAX_SAFE_INTEGER);
  return { output, instructions: machine.tick, milliseconds: performance.now() - start };
}

const WASM = createRequire(import.meta.url).resolve('v86/build/v86.wasm');

/** One run on v86 without its JIT; timed from run() to the last byte of the expected output. */
function runV86(image: Uint8Array, expected: string): Promise<Run> {
  return new Promise((resolve, reject) => {
    let output = '';
    let start = 0;
    const buffer = image.slice().buffer as ArrayBuffer;
    const emulator = new V86({
      wasm_path: WASM,
      memory_size: MEMORY_MEGABYTES << 20,
      multiboot: { buffer },
      autostart: false,
      disable_jit: true,
      log_level: 0,
    });
    const timeout = setTimeout(() => reject(new Error('v86 printed nothing for two minutes')), 120_000);
    // v86 ends a run at the debug-exit port by throwing out of its timer callback, and says so on the console.
    const say = console.log;
    console.log = () => {};
    process.once('uncaughtException', (error: unknown) => {
      console.log = say;
      clearTimeout(timeout);
      if (error !== 'HALT') reject(error);
      else resolve({ output, instructions, milliseconds });
    });
    let milliseconds = 0;
    let instructions = 0;
    emulator.add_listener('serial0-output-byte', (byte) => {
      output += String.fromCharCode(byte);
      if (output.length !== expected.length) return;
      milliseconds = performance.now() - start;
      instructions = emulator.get_instruction_counter();
    });
    emulator.add_listener('emulator-ready', () => {
      start = performance.now();
      emulator.run();
    });
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const speed = (run: Run): number => run.instructions / run.milliseconds / 1000;

async function main(): Promise<void> {
  const args = scriptArguments({
    name: 'peers',
    program: 'npm run peers --',
    positionals: [],
    brief: 'the same work on other emulators',
    summary: "Runs the built-in compute guests on the interpreter and on npm's v86 without its JIT, in turns.",
    options: [{ name: 'rounds', value: 'N', range: [1, 1000], help: 'medians of so many rounds (default 5)' }],
  });
  const rounds = args.number('rounds') ?? 5;
  const isJson = args.has('json');
  const rows: { guest: string; reprise: number; v86: number; ratio: number }[] = [];
  for (const guest of listGuests().filter((each) => each.kind === 'benchmark')) {
    const image = buildGuest(guest.name);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const mine = runReprise(image);
      const peer = await runV86(image, guest.output);
      if (mine.output !== guest.output || peer.output !== guest.output) throw new Error(`${guest.name}: wrong output`);
      if (round === 0) continue;
      ours.push(speed(mine));
      theirs.push(speed(peer));
    }
    const ratio = median(ours.map((value, i) => value / theirs[i]));
    rows.push({ guest: guest.name, reprise: median(ours), v86: median(theirs), ratio });
    if (!isJson) {
      const row = rows[rows.length - 1];
      console.log(
        `${row.guest.padEnd(8)} reprise interp ${row.reprise.toFixed(1).padStart(6)} M/s   ` +
          `v86 without JIT ${row.v86.toFixed(1).padStart(6)} M/s   ratio ${row.ratio.toFixed(2)}`,
      );
    }
  }
  const summary = { medianReprise: median(rows.map((r) => r.reprise)), medianRatio: median(rows.map((r) => r.ratio)) };
  if (isJson) console.log(JSON.stringify({ rows, ...summary }));
  else
    console.log(`median: ${summary.medianReprise.toFixed(1)} M/s, ${summary.medianRatio.toFixed(2)} × v86 without JIT`);
  process.exit(0);
}

await main();
