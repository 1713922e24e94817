/**
 * Random sessions of the debug adapter, many times over:
 *
 *   node dist/proptests/dap/scenarios.js [--count N] [--seed S] [--only I]
 *
 * A scenario walks a recording of a kernel in C, or of the race of the demo, by requests alone: steps by line and by
 * instruction in both directions, continues and reverse continues with breakpoints of every kind, seeks, restarts. At
 * each stop the registers that the client sees are those of a timeline of our own at that position, which has gone
 * there straight; a step forward and one back lead to where they began; what stops forwards is passed backwards. A
 * failure names the scenario: --only runs it alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { DebugClient } from '@vscode/debugadapter-testsupport';
import { Random } from '../../src/core/base/random.ts';
import { REGISTERS_32 } from '../../src/core/base/names.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { finish, Timeline } from '../../src/core/timeline/timeline.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { openLog, record, serialText } from '../../src/library.ts';
import { buildKernel, lineOf, skipKernel } from '../symbols/kernel/kernel.ts';
import { makeEngine } from '../timeline/fixture.ts';
import { Adapters, evaluated, moved, opened, top } from './client.ts';

const ACTIONS = 8;
const MARKS = ['add', 'call add', 'counted', 'linked', 'recursion', 'base', 'line'];

interface Subject {
  readonly client: DebugClient;
  readonly timeline: Timeline;
  /** Where breakpoints may be: lines of a source, or functions. */
  readonly source: string | null;
  readonly functions: readonly string[];
  readonly word: number;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** The position of the last stop. */
async function positionOf(client: DebugClient): Promise<{ tick: number; seq: number }> {
  const said = await evaluated(client, 'when', 'repl');
  const match = /^tick (\d+)(?:\/(\d+))?/.exec(said);
  assert.ok(match !== null, said);
  return { tick: Number(match[1]), seq: Number(match[2] ?? 0) };
}

/** What the client sees is what is there. */
async function check({ client, timeline }: Subject): Promise<{ tick: number; seq: number }> {
  const position = await positionOf(client);
  finish(timeline.seek(position));
  assert.deepEqual(timeline.position, position);
  const { m32 } = timeline.machine.cpu;
  const { scopes } = (await client.scopesRequest({ frameId: 1 })).body;
  const registers = scopes.find(({ name }) => name === 'Registers');
  const { variables } = (await client.variablesRequest({ variablesReference: registers?.variablesReference ?? 0 }))
    .body;
  const seen = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
  for (const [i, name] of REGISTERS_32.entries()) assert.equal(seen[name], hex(m32[i]), `${name} at ${position.tick}`);
  assert.equal(seen.eip, hex(m32[EIP]));
  assert.equal((await top(client)).instructionPointerReference, hex(m32[EIP]));
  return position;
}

async function act(subject: Subject, random: Random): Promise<string> {
  const { client, timeline, source, functions, word } = subject;
  const step = { threadId: 1, granularity: 'instruction' };
  switch (random.below(9)) {
    case 0: {
      const tick = random.below(timeline.endTick);
      const stopped = client.waitForEvent('stopped');
      const before = await positionOf(client);
      if (before.tick !== tick || before.seq !== 0) {
        await evaluated(client, `seek ${tick}`, 'repl');
        await stopped;
      } else client.removeAllListeners('stopped');
      return `seek ${tick}`;
    }
    case 1: {
      const from = await positionOf(client);
      await moved(client, 'stepIn', step);
      const there = await positionOf(client);
      await moved(client, 'stepBack', step);
      const back = await positionOf(client);
      if (there.tick > from.tick && from.seq === 0) assert.deepEqual(back, from, 'a step and back');
      return 'step and back';
    }
    case 2:
      for (let count = 1 + random.below(4); count > 0; count--) await moved(client, 'stepIn', step);
      return 'instructions';
    case 3:
      await moved(client, random.oneIn(2) ? 'next' : 'stepIn');
      return 'a line';
    case 4:
      await moved(client, 'stepBack');
      return 'a line back';
    case 5: {
      const breakpoints: { dataId: string; accessType: 'write' }[] = [{ dataId: '', accessType: 'write' }];
      const info = await client.send('dataBreakpointInfo', { name: hex(word), bytes: 4 });
      breakpoints[0].dataId = String(info.body.dataId);
      const set = await client.send('setDataBreakpoints', { breakpoints: random.oneIn(2) ? [] : breakpoints });
      for (const each of set.body.breakpoints) assert.equal(each.verified, true);
      return 'data breakpoint';
    }
    case 6: {
      if (source !== null) {
        const lines = MARKS.filter(() => random.oneIn(3)).map((mark) => ({ line: lineOf(mark) }));
        const set = await client.setBreakpointsRequest({ source: { path: source }, breakpoints: lines });
        assert.deepEqual(
          set.body.breakpoints.map(({ line }) => line),
          lines.map(({ line }) => line),
        );
      } else {
        const breakpoints = functions.filter(() => random.oneIn(2)).map((name) => ({ name }));
        const set = await client.setFunctionBreakpointsRequest({ breakpoints });
        assert.ok(set.body.breakpoints.every(({ verified }) => verified));
      }
      return 'breakpoints';
    }
    case 7: {
      // What stops on the way there is passed on the way back.
      const reason = await moved(client, 'continue');
      if (reason !== 'breakpoint') return `continue: ${reason}`;
      const hit = await positionOf(client);
      await moved(client, 'stepIn', step);
      const why = await moved(client, 'reverseContinue');
      if (why === 'breakpoint') assert.deepEqual(await positionOf(client), hit, 'back to the breakpoint');
      return 'continue and back';
    }
    default:
      await moved(client, 'reverseContinue');
      return 'reverse continue';
  }
}

async function subjects(adapters: Adapters): Promise<Subject[]> {
  const { folder } = adapters;
  const found: Subject[] = [];
  const make = async (
    name: string,
    kernel: Uint8Array,
    launch: Record<string, unknown>,
    settings: { inputs?: { tick: number; event: ReturnType<typeof serialText> }[]; maxTicks: number },
  ) => {
    const images = { kernel };
    const { log } = await record({ images, memoryMegabytes: 4, epochSeconds: 0, embed: true, ...settings });
    writeFileSync(join(folder, `${name}.rlog`), log);
    const client = await opened(await adapters.listening(), { log: `${name}.rlog`, ...launch });
    const timeline = new Timeline({ log: openLog(log), images: new Map([['kernel', kernel]]), makeEngine });
    return { client, timeline };
  };
  if (skipKernel === false) {
    const elf = buildKernel(folder);
    const kernel = new Uint8Array(readFileSync(elf));
    const made = await make('kernel', kernel, { symbols: [elf] }, { maxTicks: 100_000 });
    const word = Number(await evaluated(made.client, '&total'));
    found.push({ ...made, source: join(folder, 'kernel.c'), functions: [], word });
  }
  const { bytes } = assembleGuest('race');
  const inputs = [20_000, 40_000].map((tick, i) => ({ tick, event: serialText(String(i + 1)) }));
  const made = await make('race', bytes, {}, { inputs, maxTicks: 60_000 });
  found.push({ ...made, source: null, functions: ['deposit', 'audit', 'on_serial', 'switch_task'], word: 0x200000 });
  return found;
}

export async function scenarios(count: number, seed: number, only: number | null = null): Promise<void> {
  const adapters = new Adapters(mkdtempSync(join(tmpdir(), 'reprise-scenarios-')));
  try {
    const all = await subjects(adapters);
    for (let number = 0; number < count; number++) {
      if (only !== null && number !== only) continue;
      const random = new Random(seed * 100_003 + number);
      const subject = all[number % all.length];
      const done: string[] = [];
      try {
        await moved(subject.client, 'restart');
        await subject.client.send('setDataBreakpoints', { breakpoints: [] });
        await subject.client.setFunctionBreakpointsRequest({ breakpoints: [] });
        if (subject.source !== null) {
          await subject.client.setBreakpointsRequest({ source: { path: subject.source }, breakpoints: [] });
        }
        for (let i = 0; i < ACTIONS; i++) {
          done.push(await act(subject, random));
          await check(subject);
        }
      } catch (error) {
        const how = `--seed ${seed} --only ${number}, after ${done.join(', ')}`;
        throw new Error(`scenario ${number} fails (${how}): ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    for (const { client } of all) await client.stop();
  } finally {
    adapters.close();
    rmSync(adapters.folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { count: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
  });
  const count = Number(values.count ?? 200);
  const seed = Number(values.seed ?? 1);
  await scenarios(count, seed, values.only === undefined ? null : Number(values.only));
  process.stdout.write(`dap: ${count} scenarios of seed ${seed} are well\n`);
}
