/**
 * The debug adapter where it stops and where it is stopped: conditions and hit counts of every kind of breakpoint,
 * mistakes in them, where the replay leaves the recording, long ways that show their progress and are given up, and
 * requests that wait and are not wanted any more.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { assemble } from '../../src/core/isa/assemble.ts';
import { record } from '../../src/library.ts';
import { forgeImage } from '../cli/forge.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { skipKernel } from '../symbols/kernel/kernel.ts';
import { buildProgram } from '../symbols/loaded-program.ts';
import { Adapters, evaluated, moved, opened, top } from './client.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-dap-stops-'));
const adapters = new Adapters(folder);
after(() => {
  adapters.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Ten writes, and a loop in which a condition that never holds is looked at for long. */
const { bytes: kernel, symbols } = assemble(
  flatGuest(`  mov edx, 10
write:
  mov [0x200000], edx
  dec edx
  jnz write
  mov ecx, 20000000
again:
  dec ecx
  jnz again
  cli
  hlt
`),
);
const hex = (address: number | undefined): string => `0x${(address ?? 0).toString(16).padStart(8, '0')}`;
const at = (name: string): string => hex(symbols.get(name));
const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 50_000_000, embed: true });
writeFileSync(join(folder, 'loop.rlog'), log);
writeFileSync(join(folder, 'loop.map'), ['write', 'again'].map((name) => `${at(name).slice(2)} T ${name}\n`).join(''));

async function withClient(work: (client: DebugClient) => Promise<void>): Promise<void> {
  const client = await opened(await adapters.listening(), { log: 'loop.rlog', symbols: ['loop.map'] });
  await work(client);
  await client.stop();
}

test('conditions and hit counts of instructions, functions and data; mistakes have their place', async () => {
  await withClient(async (client) => {
    const edx = async (): Promise<number> => Number(await evaluated(client, 'edx'));
    const here = { instructionReference: at('write') };
    const instruction = async (wanted: object): Promise<string> => {
      const breakpoints = [{ ...here, ...wanted }];
      const set = (await client.send('setInstructionBreakpoints', { breakpoints })).body.breakpoints[0];
      return set.verified ? '' : set.message;
    };
    assert.equal(await instruction({ condition: 'edx == 7' }), '');
    assert.equal(await moved(client, 'continue'), 'breakpoint');
    assert.equal(await edx(), 7);
    assert.equal(await moved(client, 'continue'), 'pause', 'it holds once');
    assert.equal(await instruction({ condition: 'edx s< 4', hitCondition: '>= 2' }), '');
    await moved(client, 'restart');
    assert.equal(await moved(client, 'continue'), 'breakpoint');
    assert.equal(await edx(), 2);
    // From the beginning hits count anew.
    await moved(client, 'restart');
    assert.equal(await moved(client, 'continue'), 'breakpoint');
    assert.equal(await edx(), 2);
    assert.match(await instruction({ condition: 'edx == (4' }), /"\)" is missing.*\n {2}edx == \(4\n {11}\^$/);
    assert.match(await instruction({ hitCondition: 'often' }), /"often" is no hit condition/);
    assert.equal(
      await instruction({ offset: 2_147_483_648 + 1 }),
      'The request wants a whole number from -2147483648 to 2147483648 as "offset".',
    );
    await client.send('setInstructionBreakpoints', { breakpoints: [] });
    await moved(client, 'restart');
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'write', condition: '[0x200000] == 5' }] });
    assert.equal(await moved(client, 'continue'), 'breakpoint');
    assert.equal(await edx(), 4);
    await client.setFunctionBreakpointsRequest({ breakpoints: [] });
    await moved(client, 'restart');
    const { dataId } = (await client.send('dataBreakpointInfo', { name: '0x00200000', bytes: 4 })).body;
    const data = { breakpoints: [{ dataId, accessType: 'write', hitCondition: '% 4' }] };
    await client.send('setDataBreakpoints', data);
    assert.equal(await moved(client, 'continue'), 'data breakpoint');
    assert.equal(Number(await evaluated(client, '[0x200000]')), 7);
    assert.equal(await moved(client, 'continue'), 'data breakpoint');
    assert.equal(Number(await evaluated(client, '[0x200000]')), 3);
  });
});

test('a long way shows its progress and is given up; what waits behind it is not begun', async () => {
  const client = new DebugClient('node', '', 'reprise');
  await client.start(await adapters.listening());
  await client.initializeRequest({ adapterID: 'reprise', supportsProgressReporting: true });
  const initialized = client.waitForEvent('initialized');
  await client.send('launch', { log: 'loop.rlog' });
  await initialized;
  const entry = client.waitForEvent('stopped');
  await client.configurationDoneRequest();
  await entry;
  const breakpoints = [{ instructionReference: at('again'), condition: 'ecx == 0xffffffff' }];
  await client.send('setInstructionBreakpoints', { breakpoints });
  const [started, ended] = [client.waitForEvent('progressStart', 60_000), client.waitForEvent('progressEnd', 60_000)];
  const stopped = client.waitForEvent('stopped', 60_000);
  await client.send('continue', { threadId: 1 });
  const { body } = await started;
  assert.equal(body.cancellable, true);
  // The client of the tests numbers what it sends.
  const requestId = Number(Reflect.get(client, 'sequence'));
  const waiting = client.send('threads');
  const refused = assert.rejects(waiting, /cancelled/);
  await client.send('cancel', { requestId });
  await client.send('cancel', { progressId: body.progressId });
  assert.equal((await stopped).body.reason, 'pause');
  assert.equal((await ended).body.progressId, body.progressId);
  await refused;
  assert.ok(Number(await evaluated(client, 'ecx')) > 0, 'the loop is not over');
  await client.stop();
});

/** Counts down and says so at a port whose reads are checks of the log. */
const counting = (from: number): Uint8Array =>
  assemble(
    flatGuest(`  mov ecx, ${from}
  mov edx, 0x3fd
down:
  in al, dx
  dec ecx
  jnz down
  cli
  hlt
`),
  ).bytes;

test('where the replay leaves the recording a client may want to stop; the way ends in any case', async () => {
  const [own, other] = [counting(2000), counting(1000)];
  const images = { images: { kernel: own }, memoryMegabytes: 4, maxTicks: 50_000, hashEveryTicks: 1000 };
  const { log: made } = await record(images);
  writeFileSync(join(folder, 'other'), other);
  writeFileSync(join(folder, 'forged.rlog'), forgeImage(made, other));
  const client = await opened(await adapters.listening(), { log: 'forged.rlog', images: ['other'] });
  const info = async (): Promise<string> => (await client.send('exceptionInfo', { threadId: 1 })).body.exceptionId;
  const tick = async (): Promise<number> => Number(/tick (\d+)/.exec(await evaluated(client, 'when', 'repl'))?.[1]);
  assert.equal(await moved(client, 'continue'), 'exception', 'a client that sets no filters has it by default');
  assert.equal(await info(), 'divergence');
  const left = await tick();
  assert.ok(left > 0 && left < 50_000);
  for (const filters of [[], ['divergence']]) {
    await client.send('setExceptionBreakpoints', { filters });
    await moved(client, 'restart');
    assert.equal(await tick(), 0);
    assert.equal(await moved(client, 'continue'), filters.length === 0 ? 'pause' : 'exception');
    assert.equal(await tick(), left);
    if (filters.length > 0) assert.equal(await info(), 'divergence');
  }
  // Backwards there is the recorded run.
  assert.equal(await moved(client, 'stepBack', { threadId: 1, granularity: 'instruction' }), 'step');
  await assert.rejects(info(), /does not stand at an exception/);
  await client.stop();
});

test('lines of a program that is not loaded yet are looked for ahead', { skip: skipKernel }, async () => {
  const { kernel: image, line, path } = buildProgram(folder);
  const { log: made } = await record({ images: { kernel: image }, memoryMegabytes: 16, maxTicks: 60_000, embed: true });
  writeFileSync(join(folder, 'program.rlog'), made);
  const source = { path: join(folder, 'prog.c') };
  const client = await opened(await adapters.listening(), { log: 'program.rlog', symbols: [path] }, async (each) => {
    const wanted = [{ line }];
    const { breakpoints } = (await each.setBreakpointsRequest({ source, breakpoints: wanted })).body;
    assert.deepEqual(
      breakpoints.map(({ verified, line: at }) => [verified, at]),
      [[true, line]],
    );
  });
  assert.equal(Number(await evaluated(client, 'tick')), 0, 'it stands where it stood');
  for (let times = 0; times < 2; times++) {
    assert.equal(await moved(client, 'continue'), 'breakpoint');
    const { line: at, name } = await top(client);
    assert.deepEqual([name, at], ['work', line]);
  }
  const { modules } = (await client.send('modules')).body;
  assert.match(
    modules.find(({ id }: DebugProtocol.Module) => id === path)?.symbolStatus ?? '',
    /names and lines, moved by 0x00c00000/,
  );
  await client.stop();
});
