/**
 * The debug adapter under the test client of its protocol: a kernel in C by source line, forwards and backwards; the
 * race of the demo from its symptom to the stale load with requests alone; a client that sends nonsense, lies about
 * lengths or floods gets sentences, and the process lives.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import { Random } from '../../src/core/base/random.ts';
import { MESSAGE_BYTES_MAX } from '../../src/host/dap/guard.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { record, serialText } from '../../src/library.ts';
import { reprisePath } from '../cli/command.ts';
import { buildKernel, lineOf, skipKernel } from '../symbols/kernel/kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-dap-'));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function listening(...words: string[]): Promise<number> {
  const env = { ...process.env, XDG_CACHE_HOME: folder, XDG_STATE_HOME: folder };
  const child = spawn(process.execPath, [reprisePath, 'dap', '--listen', '0', '--json', ...words], {
    cwd: folder,
    env,
  });
  children.push(child);
  const said = await new Promise<string>((resolve, reject) => {
    let heard = '';
    child.stdout.on('data', (data) => {
      heard += String(data);
      if (heard.includes('\n')) resolve(heard);
    });
    child.on('close', (code) => reject(new Error(`reprise dap ended with status ${code}`)));
  });
  return JSON.parse(said.split('\n')[0]).port;
}

/** A client, its recording open and everything set that `configure` sets; stopped at the entry. */
async function opened(
  port: number,
  launch: Record<string, unknown>,
  configure: (client: DebugClient) => Promise<unknown> = async () => {},
): Promise<DebugClient> {
  const client = new DebugClient('node', '', 'reprise');
  await client.start(port);
  await client.initializeRequest();
  const initialized = client.waitForEvent('initialized');
  const launched = client.launchRequest(launch as DebugProtocol.LaunchRequestArguments);
  await launched;
  await initialized;
  await configure(client);
  const stopped = client.waitForEvent('stopped');
  await client.configurationDoneRequest();
  assert.equal((await stopped).body.reason, 'entry');
  return client;
}

async function moved(client: DebugClient, command: string, args: object = { threadId: 1 }): Promise<string> {
  const stopped = client.waitForEvent('stopped');
  await client.send(command, args);
  return (await stopped).body.reason;
}

async function top(client: DebugClient): Promise<DebugProtocol.StackFrame> {
  return (await client.stackTraceRequest({ threadId: 1 })).body.stackFrames[0];
}

async function evaluated(client: DebugClient, expression: string, context = 'watch'): Promise<string> {
  return (await client.evaluateRequest({ expression, context, frameId: 1 })).body.result;
}

test('a kernel in C by its lines: breakpoints, steps, frames and variables, forwards and backwards', {
  skip: skipKernel,
}, async () => {
  const elf = buildKernel(folder);
  const kernel = new Uint8Array(readFileSync(elf));
  const { log } = await record({ images: { kernel }, memoryMegabytes: 8, maxTicks: 100_000, embed: true });
  writeFileSync(join(folder, 'kernel.rlog'), log);
  const port = await listening();
  const source = { path: join(folder, 'kernel.c') };
  const client = await opened(port, { log: 'kernel.rlog', symbols: [elf] }, async (each) => {
    const lines = [lineOf('call add'), 1_000_000].map((line) => ({ line }));
    const { breakpoints } = (await each.setBreakpointsRequest({ source, breakpoints: lines })).body;
    assert.deepEqual(
      breakpoints.map(({ verified, line }) => [verified, line]),
      [
        [true, lineOf('call add')],
        [false, 1_000_000],
      ],
    );
  });
  assert.equal(await moved(client, 'continue'), 'breakpoint');
  const frame = await top(client);
  assert.deepEqual([frame.name, frame.line, frame.source?.path], ['kernel_main', lineOf('call add'), source.path]);
  await moved(client, 'stepIn');
  const stack = (await client.stackTraceRequest({ threadId: 1 })).body.stackFrames;
  assert.deepEqual(
    stack.slice(0, 2).map(({ name, line }) => [name, line]),
    [
      ['add', lineOf('add')],
      ['kernel_main', lineOf('call add')],
    ],
  );
  await moved(client, 'next');
  const { scopes } = (await client.scopesRequest({ frameId: 1 })).body;
  const { variables } = (await client.variablesRequest({ variablesReference: scopes[0].variablesReference })).body;
  assert.deepEqual(variables.map(({ name, value }) => `${name}=${value}`).sort(), ['a=0', 'b=30', 'sum=30']);
  assert.equal(await evaluated(client, 'sum'), '30');
  await moved(client, 'stepBack');
  assert.equal((await top(client)).line, lineOf('add'));
  await moved(client, 'stepOut');
  assert.equal((await top(client)).name, 'kernel_main');
  // The second round, by a hit condition that counts from here, and its data.
  const breakpoints = [{ line: lineOf('counted'), hitCondition: '2' }];
  await client.setBreakpointsRequest({ source, breakpoints });
  assert.equal(await moved(client, 'continue'), 'breakpoint');
  assert.equal(await evaluated(client, 'total'), '50');
  const { dataId } = (await client.send('dataBreakpointInfo', { name: 'total', frameId: 1 })).body;
  await client.setBreakpointsRequest({ source, breakpoints: [] });
  await client.send('setDataBreakpoints', { breakpoints: [{ dataId, accessType: 'write' }] });
  assert.equal(await moved(client, 'reverseContinue'), 'data breakpoint');
  assert.equal((await top(client)).line, lineOf('call add'));
  assert.equal(await evaluated(client, 'total'), '30');
  const { instructionPointerReference = '' } = await top(client);
  const listing = await client.send('disassemble', {
    memoryReference: instructionPointerReference,
    instructionOffset: -3,
    instructionCount: 7,
  });
  const { instructions } = listing.body as { instructions: DebugProtocol.DisassembledInstruction[] };
  assert.equal(instructions.length, 7);
  assert.equal(instructions[3].address, instructionPointerReference);
  const memory = await client.send('readMemory', { memoryReference: instructionPointerReference, count: 4 });
  assert.equal(Buffer.from(memory.body.data, 'base64').length, 4);
  assert.equal(await moved(client, 'restart'), 'entry');
  // At random, the way back leads to where the way forwards began.
  const random = new Random(7);
  await client.send('setDataBreakpoints', { breakpoints: [] });
  await client.setBreakpointsRequest({ source, breakpoints: [{ line: lineOf('begin') }] });
  await moved(client, 'continue');
  for (let i = 0; i < 24; i++) {
    const [before, tick] = [await top(client), await evaluated(client, 'tick')];
    if (random.oneIn(2)) {
      const step = { threadId: 1, granularity: 'instruction' };
      await moved(client, 'stepIn', step);
      await moved(client, 'stepBack', step);
      const after = await top(client);
      assert.equal(after.instructionPointerReference, before.instructionPointerReference);
      assert.equal(await evaluated(client, 'tick'), tick);
      for (let count = random.below(5); count > 0; count--) await moved(client, 'stepIn', step);
    } else {
      // From the beginning of a line, within one function: the way back is over calls as the way there was.
      await moved(client, 'next');
      const line = await top(client);
      await moved(client, 'next');
      if ((await top(client)).name !== line.name) continue;
      await moved(client, 'stepBack');
      const after = await top(client);
      assert.deepEqual([after.name, after.line], [line.name, line.line]);
    }
  }
  await client.stop();
});

test('the race from its symptom to the stale load, by requests alone', async () => {
  const { bytes: kernel, symbols } = assembleGuest('race');
  const deposit = symbols.get('deposit') ?? 0;
  const hex = (address: number): string => `0x${address.toString(16).padStart(8, '0')}`;
  const inputs = [100_000, 500_000, 899_957].map((tick, i) => ({ tick, event: serialText(String(i + 1)) }));
  const { log } = await record({
    images: { kernel },
    memoryMegabytes: 4,
    epochSeconds: 0,
    inputs,
    maxTicks: 4_000_000,
    embed: true,
  });
  writeFileSync(join(folder, 'race.rlog'), log);
  const client = await opened(await listening(), { log: 'race.rlog' }, async (each) => {
    const wanted = [{ name: 'audit_wrong' }, { name: 'no_such_name' }];
    const { breakpoints } = (await each.setFunctionBreakpointsRequest({ breakpoints: wanted })).body;
    assert.deepEqual(
      breakpoints.map(({ verified }) => verified),
      [true, false],
    );
  });
  const at = async (): Promise<string> => (await top(client)).instructionPointerReference ?? '';
  const number = async (expression: string): Promise<number> => Number(await evaluated(client, expression));
  const arrived = client.waitForEvent('stopped');
  assert.match(await evaluated(client, 'seek serial:"LOST UPDATE"', 'repl'), /tick \d+/);
  assert.equal((await arrived).body.reason, 'goto');
  assert.equal(await moved(client, 'reverseContinue'), 'breakpoint');
  assert.equal((await top(client)).name, 'audit_wrong');
  // Who stored a sum that was not made from what stood there?
  const watch = async (accessType: string, condition: string): Promise<void> => {
    const { dataId } = (await client.send('dataBreakpointInfo', { name: '0x00200000', bytes: 4 })).body;
    const breakpoints = [{ dataId, accessType, condition }];
    const set = (await client.send('setDataBreakpoints', { breakpoints })).body.breakpoints;
    assert.equal(set[0].verified, true, set[0].message);
  };
  await client.setFunctionBreakpointsRequest({ breakpoints: [] });
  await watch('write', '[0x200000] + ebx != eax');
  assert.equal(await moved(client, 'reverseContinue'), 'data breakpoint');
  assert.equal(await at(), hex(deposit + 0xe));
  const [lost, stored, amount] = [await number('[0x200000]'), await number('eax'), await number('ebx')];
  // The load of the same call read what stood there before.
  await watch('read', `esp == ${await number('esp')}`);
  assert.equal(await moved(client, 'reverseContinue'), 'data breakpoint');
  assert.equal(await at(), hex(deposit));
  const stale = await number('[0x200000]');
  assert.equal(stored, stale + amount);
  assert.notEqual(stale, lost, 'somebody has deposited in between');
  // The place is kept in the log, and offered.
  await evaluated(client, 'bookmark stale', 'repl');
  const { targets } = (await client.send('gotoTargets', { source: {}, line: 1 })).body;
  assert.deepEqual(
    targets.map(({ label }: { label: string }) => label),
    ['bookmark stale'],
  );
  // Exceptions: the guest has none, so a filter changes nothing.
  await client.send('setDataBreakpoints', { breakpoints: [] });
  await client.send('setExceptionBreakpoints', { filters: ['fault', 'reset'] });
  assert.equal(await moved(client, 'continue'), 'pause');
  await client.stop();
});

/** Sends bytes to a fresh session and hears what comes until it ends or answers. */
function talk(port: number, bytes: Buffer | string, untilText: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let heard = '';
    socket.on('data', (data) => {
      heard += String(data);
      if (untilText !== '' && heard.includes(untilText)) socket.destroy();
    });
    socket.on('close', () => resolve(heard));
    socket.on('error', reject);
    setTimeout(() => socket.destroy(), 20_000).unref();
  });
}

const message = (body: unknown): string => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};

test('nonsense, lies and floods get a sentence or the end of the session, and the next client is served', async () => {
  const port = await listening();
  const initialize = { seq: 1, type: 'request', command: 'initialize', arguments: {} };
  /** The session before may still be leaving: then the connection ends without a word. */
  const served = async (bytes: string, untilText: string): Promise<string> => {
    for (let tries = 0; tries < 100; tries++) {
      const heard = await talk(port, bytes, untilText);
      if (heard !== '') return heard;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return assert.fail('nobody is served any more');
  };
  const well = async (): Promise<void> =>
    assert.match(await served(message(initialize), 'supportsStepBack'), /supportsStepBack/);
  await well();
  for (const bytes of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    `Content-Length: ${MESSAGE_BYTES_MAX + 1}\r\n\r\n`,
    'Content-Length: -5\r\n\r\n{}',
    'x'.repeat(10_000),
    message('{'),
    message('null'),
    message('[]'),
    message('"x"'),
  ]) {
    assert.equal(await talk(port, bytes, ''), '');
    await well();
  }
  const odd = ['{"type":"request"}', '{"seq":"x","type":"request","command":5}', '{"type":7}', '{}'];
  assert.match(await served(odd.map(message).join('') + message(initialize), 'supportsStepBack'), /supportsStepBack/);
  const requests = ['stackTrace', 'launch', 'evaluate', 'no such thing', 'toString', 'constructor'];
  const asked = requests.map((command, i) => message({ seq: i + 2, type: 'request', command, arguments: { log: 7 } }));
  const answers = await served(asked.join(''), '"request_seq":7');
  assert.equal(answers.match(/"success":false/g)?.length, requests.length, answers);
  assert.match(answers, /Which recording\?/);
  const flood = Array.from({ length: 5000 }, (_, i) => message({ ...initialize, seq: i + 1 })).join('');
  assert.match(await served(flood, '"request_seq":5000'), /"request_seq":5000/);
  await well();
});
