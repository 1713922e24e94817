/**
 * The scenario of QEMU's reverse-debugging test with the real gdb, many times over:
 *
 *   node dist/proptests/timeline/gdb-scenario.js [--repeat N] [--seed S] [--only I] [LOG --images FOLDER]
 *
 * At a random place: ten steps forward and ten back through identical states; breakpoints hit, and hit again in reverse
 * order; back to the start of the run and to the last of several hits; a watchpoint back onto the instruction that
 * changed the word. A state is what gdb shows of the registers and the digest of the whole machine with its position.
 * Without LOG the places are in recordings of the built-in guests. One gdb process does all repetitions of a recording
 * by script; what it must find is worked out from its own output and from a replay that never looks back.
 */
import { Random } from '../../src/core/base/random.ts';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LogReader } from '../../src/core/log/log.ts';
import type { Images } from '../../src/core/session/session.ts';
import { finish, Timeline } from '../../src/core/timeline/timeline.ts';
import { HALTED } from '../../src/core/state/layout.ts';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { Debugger } from '../../src/host/debugger/debugger.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../src/engines.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { findImages } from '../../src/host/node/find-images.ts';
import { openLog } from '../../src/library.ts';
import { recordGuest } from './fixture.ts';

/** Flat code only: a breakpoint of gdb is an offset, ours a linear address. */
const GUESTS: readonly (readonly [name: string, append?: string])[] = [
  ['sort', '1'],
  ['interrupts'],
  ['paging'],
  ['ring3'],
  ['smc'],
  ['strings'],
  ['mix', '2000'],
  ['echo'],
];
const GUEST_TICKS_MAX = 1_500_000;
const STEPS = 10;
const HITS = 6;
const REGISTERS = [
  ...['eip', 'eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp', 'eflags', 'cs', 'ss', 'ds', 'es', 'fs', 'gs'],
  ...['cs_base', 'fs_base', 'gs_base', 'cr0', 'cr2', 'cr3', 'cr4', 'mxcsr', 'fctrl', 'ftag', 'tick'],
];

export interface Place {
  /** Number of the repetition, the same whichever are left out. */
  readonly number: number;
  readonly tick: number;
}

const state = (tag: string): string[] => [
  `printf "@ ${tag}${' %x'.repeat(REGISTERS.length)}\\n"${REGISTERS.map((name) => `, $${name}`).join('')}`,
  `monitor hash ${tag}`,
];
const goTo = (position: string): string[] => [
  `monitor seek ${position}`,
  'maintenance flush register-cache',
  'maintenance flush dcache',
];

/** What gdb is told at one place. */
function commandsOf({ number, tick }: Place): string[] {
  const tag = (name: string): string => `${number}.${name}`;
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return [
    ...goTo(String(tick)),
    ...upTo(STEPS).flatMap((i) => [
      ...state(tag(`f${i}`)),
      ...(i % 3 === 1 ? [`set $b${(i - 1) / 3} = (unsigned)$eip`] : []),
      'stepi',
    ]),
    ...state(tag('f10')),
    ...upTo(STEPS).flatMap((i) => ['reverse-stepi', ...state(tag(`b${STEPS - 1 - i}`))]),
    // Breakpoints where steps came by.
    ...upTo(3).map((i) => `${i === 1 ? 'break' : 'hbreak'} *$b${i}`),
    ...upTo(HITS).flatMap((i) => ['continue', ...state(tag(`c${i}`))]),
    ...upTo(HITS - 1).flatMap((i) => ['reverse-continue', ...state(tag(`r${HITS - 2 - i}`))]),
    // From a little after the last but one that was hit, back to it.
    ...upTo(HITS - 2).map(() => 'continue'),
    'stepi',
    ...state(tag('p')),
    'reverse-continue',
    ...state(tag('l')),
    'delete',
    'reverse-continue',
    ...state(tag('s')),
    // A word on the stack.
    ...goTo(String(tick)),
    'set $w = (unsigned)$esp & ~3',
    `printf "@ ${tag('v')} %x\\n", *(int*)$w`,
    'watch -location *(int*)$w',
    'reverse-continue',
    ...state(tag('w')),
    `printf "@ ${tag('x')} %x\\n", *(int*)$w`,
    'delete',
    'stepi',
    `printf "@ ${tag('y')} %x\\n", *(int*)$w`,
    ...state(tag('z')),
    ...goTo(String(tick)),
    'eval "monitor last-write %u 4", $w',
    'printf "@ end\\n"',
  ];
}

interface State {
  readonly registers: string;
  readonly tick: number;
  /** Position and digest. */
  readonly digest: string;
}

/** What gdb printed at one place, by tag. */
class Transcript {
  readonly values = new Map<string, string>();
  readonly digests = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const value = /^@ (\d+\.\w+) (.*)$/.exec(line);
      if (value !== null) this.values.set(value[1], value[2]);
      const digest = /^hash (\d+\.\w+) (.*)$/.exec(line);
      if (digest !== null) this.digests.set(digest[1], digest[2]);
    }
  }

  state(tag: string): State {
    const registers = this.values.get(tag);
    const digest = this.digests.get(tag);
    if (registers === undefined || digest === undefined) throw new Error(`gdb did not come to ${tag}`);
    return { registers, digest, tick: Number.parseInt(digest, 10) };
  }
}

/** Sentences about what is wrong at a place; none when all is well. */
function problemsOf({ number, tick }: Place, transcript: Transcript, run: Run): string[] {
  const problems: string[] = [];
  const at = (name: string): State => transcript.state(`${number}.${name}`);
  const same = (a: State, b: State, what: string): void => {
    if (a.digest !== b.digest) problems.push(`${what}: ${a.digest}, not ${b.digest}`);
    else if (a.registers !== b.registers) problems.push(`${what}: gdb shows ${a.registers}, not ${b.registers}`);
  };
  const first = at('f0');
  if (first.tick !== tick) problems.push(`the seek to ${tick} came to ${first.digest}`);
  for (let i = 0; i < STEPS; i++) {
    same(at(`b${i}`), at(`f${i}`), `step ${i} back`);
    if (at(`f${i}`).tick >= at(`f${i + 1}`).tick) problems.push(`step ${i} does not lead forward`);
  }
  const isEnd = (name: string): boolean => at(name).tick === run.endTick;
  const hits = Array.from({ length: HITS }, (_, i) => `c${i}`).filter((name) => !isEnd(name));
  const addresses = [1, 4, 7].map((i) => at(`f${i}`).registers.split(' ')[0]);
  for (const name of hits) {
    if (!addresses.includes(at(name).registers.split(' ')[0]))
      problems.push(`${name} is no breakpoint: ${at(name).digest}`);
  }
  if (hits.length === HITS) {
    for (let i = 0; i < HITS - 1; i++) same(at(`r${i}`), at(`c${i}`), `hit ${i} again`);
    const [last, following, past] = [at(`c${HITS - 2}`), at(`c${HITS - 1}`), at('p')];
    same(at('l'), following.tick < past.tick ? following : last, 'the last of several hits');
  } else if (hits.length > 0 && hits.length < HITS - 1) {
    // At the end of the run several times: the first way back leads to the last hit.
    same(at(`r${HITS - 2}`), at(`c${hits.length - 1}`), 'the last hit before the end');
  }
  if (at('s').digest !== run.startDigest) problems.push(`the start is ${at('s').digest}, not ${run.startDigest}`);
  const word = (name: string): string => transcript.values.get(`${number}.${name}`) ?? '?';
  if (at('w').tick === 0) {
    if (word('x') !== word('v')) problems.push(`the word was changed (${word('x')}, ${word('v')}), and nothing did it`);
  } else {
    if (word('x') === word('y')) problems.push(`the watched word does not change at ${at('w').digest}`);
    if (word('y') !== word('v')) problems.push(`the word is ${word('y')} after its last change, ${word('v')} later`);
    if (at('w').tick >= tick) problems.push(`the watchpoint was found at ${at('w').digest}, not before ${tick}`);
  }
  return problems;
}

interface Run {
  readonly name: string;
  readonly endTick: number;
  readonly startDigest: string;
}

/** Whether so many instructions as the scenario steps come after here. */
function hasRoom(timeline: Timeline): boolean {
  const from = timeline.position;
  for (let i = 0; i < STEPS; i++) finish(timeline.stepInstruction());
  const isInside = !timeline.isAtEnd;
  finish(timeline.seek(from));
  return isInside;
}

/** Runs gdb over the places of one recording; the problems found, by place. */
async function visit(name: string, log: LogReader, images: Images, places: readonly Place[]): Promise<string[]> {
  const makeEngine = await loadEngine(DEFAULT_ENGINE);
  const timeline = new Timeline({ log, images, makeEngine });
  const debug = new Debugger({
    timeline,
    commands: COMMANDS,
    symbols: new SymbolTable(),
    disassemble: () => ({ text: '?', length: 1 }),
    logName: name,
    images,
    makeEngine,
    appendFrame: null,
  });
  const startDigest = `0 ${timeline.machine.hash().root}`;
  // From within idle time gdb's steps do not lead back to where they began: begin where the guest is woken.
  const awake: Place[] = [];
  for (const { number, tick } of places) {
    finish(timeline.seek({ tick, seq: 0 }));
    if (timeline.machine.cpu.m32[HALTED] !== 0) finish(timeline.stepInstruction());
    // Nor is there anything to step through at the end of the run: then somewhere before.
    for (let back = tick; !hasRoom(timeline); ) {
      back = Math.floor(back * 0.9);
      finish(timeline.seek({ tick: back, seq: 0 }));
      if (timeline.machine.cpu.m32[HALTED] !== 0) finish(timeline.stepInstruction());
    }
    awake.push({ number, tick: timeline.position.tick });
  }
  const server = await serveGdb({ target: new RecordingTarget(debug), port: 0, isOnce: true });
  const folder = mkdtempSync(join(tmpdir(), 'reprise-gdb-'));
  const script = join(folder, 'commands');
  const commands = [
    'set debuginfod enabled off',
    'set confirm off',
    'set pagination off',
    'set width 0',
    'set architecture i386',
    `target remote :${server.port}`,
    ...awake.flatMap(commandsOf),
    'detach',
  ];
  writeFileSync(script, `${commands.join('\n')}\n`);
  const child = spawn('gdb', ['-nx', '-batch', '-x', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = ['', ''];
  [child.stdout, child.stderr].forEach((stream, i) => {
    stream.setEncoding('utf8').on('data', (part: string) => {
      texts[i] += part;
    });
  });
  await new Promise((resolve) => child.once('close', resolve));
  server.close();
  await server.closed;
  rmSync(folder, { recursive: true });
  const transcript = new Transcript(texts.join('\n'));
  const run = { name, endTick: timeline.endTick, startDigest };
  const problems: string[] = [];
  for (const place of awake) {
    try {
      for (const problem of problemsOf(place, transcript, run)) {
        problems.push(`${name}, repetition ${place.number} at tick ${place.tick}: ${problem}`);
      }
    } catch (error) {
      const last = texts[1].trim().split('\n').slice(-3).join(' | ');
      problems.push(`${name}, repetition ${place.number} at tick ${place.tick}: ${(error as Error).message}; ${last}`);
      break;
    }
  }
  return problems;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      repeat: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      images: { type: 'string', default: '.' },
    },
  });
  const repeat = Number(values.repeat);
  const dice = new Random(Number(values.seed));
  const runs: { name: string; log: LogReader; images: Images }[] = [];
  if (positionals.length > 0) {
    const [path] = positionals;
    const log = openLog(readFileSync(path));
    const given = { files: [], places: [values.images] };
    runs.push({ name: path, log, images: findImages({ log, path, given, warn: console.error }) });
  } else {
    for (const [name, append] of GUESTS.slice(0, repeat)) {
      const settings = append === undefined ? {} : { append };
      runs.push(await recordGuest(name, { maxTicks: GUEST_TICKS_MAX, hashEveryTicks: 1 << 18, ...settings }));
    }
  }
  const places: { run: (typeof runs)[number]; number: number; tick: number }[] = Array.from(
    { length: repeat },
    (_, number) => {
      const run = runs[number % runs.length];
      const room = run.log.lastTick - 4 * STEPS;
      const tick = Math.floor((dice.below(1 << 20) * 2 ** 11 + dice.below(1 << 11)) % room);
      return { run, number, tick };
    },
  ).filter(({ number }) => values.only === undefined || number === Number(values.only));
  let failed = 0;
  for (const run of runs) {
    const own = places.filter((place) => place.run === run);
    if (own.length === 0) continue;
    const problems = await visit(run.name, run.log, run.images, own);
    failed += problems.length;
    for (const problem of problems) console.log(problem);
    console.log(`${run.name}: ${own.length} repetitions, ${problems.length} problems`);
  }
  console.log(`gdb scenario: ${places.length} repetitions with seed ${values.seed}, ${failed} problems`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
