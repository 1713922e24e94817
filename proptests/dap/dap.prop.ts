/**
 * The debug adapter under the test client of its protocol: a kernel in C by source line, forwards and backwards; the
 * race of the demo from its symptom to the stale load with requests alone; a client that sends nonsense, lies about
 * lengths or floods gets sentences, and the process lives.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Random } from '../../src/core/base/random.ts';
import { MESSAGE_BYTES_MAX } from '../../src/host/dap/guard.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { record, serialText } from '../../src/library.ts';
import { Adapters, evaluated, moved, opened, top } from './client.ts';
import { scenarios } from './scenarios.ts';
import { buildKernel, KERNEL_SOURCE, lineOf, skipKernel } from '../symbols/kernel/kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-dap-'));
const adapters = new Adapters(folder);
const listening = (): Promise<number> => adapters.listening();
after(() => {
  adapters.close();
  rmSync(folder, { recursive: true, force: true });
});

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
  const gotoTargets = ['serial:"LOST UPDATE"', 7];
  const client = await opened(await listening(), { log: 'race.rlog', gotoTargets }, async (each) => {
    const wanted = [{ name: 'audit_wrong' }, { name: 'no_such_name' }];
    const { breakpoints } = (await each.setFunctionBreakpointsRequest({ breakpoints: wanted })).body;
    assert.deepEqual(
      breakpoints.map(({ verified }) => verified),
      [true, false],
    );
  });
  const at = async (): Promise<string> => (await top(client)).instructionPointerReference ?? '';
  const number = async (expression: string): Promise<number> => Number(await evaluated(client, expression));
  const offered = (await client.send('gotoTargets', { source: {}, line: 1 })).body.targets;
  assert.equal(offered[0].label, gotoTargets[0]);
  assert.equal(await moved(client, 'goto', { threadId: 1, targetId: offered[0].id }), 'goto');
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
    ['bookmark stale', gotoTargets[0], 'the start of the recording', 'the end of the recording'],
  );
  await assert.rejects(client.send('goto', { threadId: 1, targetId: 99 }), /no target 99/);
  // Exceptions: the guest has none, so a filter changes nothing.
  await client.send('setDataBreakpoints', { breakpoints: [] });
  await client.send('setExceptionBreakpoints', { filters: ['fault', 'reset'] });
  assert.equal(await moved(client, 'continue'), 'pause');
  await client.stop();
});

test('a function that the compiler has put into its caller has a frame, forwards and backwards', {
  skip: skipKernel,
}, async () => {
  const inner = join(folder, 'inlined');
  mkdirSync(inner);
  const elf = buildKernel(inner, ['-O2']);
  const kernel = new Uint8Array(readFileSync(elf));
  const { log } = await record({ images: { kernel }, memoryMegabytes: 8, maxTicks: 100_000, embed: true });
  writeFileSync(join(folder, 'inlined.rlog'), log);
  const client = await opened(await listening(), { log: 'inlined.rlog', symbols: [elf] });
  const { modules } = (await client.send('modules')).body as DebugProtocol.ModulesResponse['body'];
  assert.ok(modules.some(({ path }: DebugProtocol.Module) => path === elf));
  assert.equal((await client.threadsRequest()).body.threads[0].name, 'processor');
  const source = { path: join(inner, 'kernel.c') };
  const lineWith = (text: string): number => KERNEL_SOURCE.findIndex((each) => each.includes(text)) + 1;
  const [inside, call] = [lineWith(': : "a"(c)'), lineWith('put(line[0]);')];
  const breakpoints = [{ line: inside }];
  const set = (await client.setBreakpointsRequest({ source, breakpoints })).body.breakpoints;
  assert.equal(set[0].verified, true);
  assert.equal(await moved(client, 'continue'), 'breakpoint');
  const check = async (): Promise<void> => {
    const { stackFrames, totalFrames } = (await client.stackTraceRequest({ threadId: 1 })).body;
    assert.equal(stackFrames.length, totalFrames);
    assert.deepEqual(
      stackFrames.slice(0, 2).map(({ name, line }) => [name, line]),
      [
        ['put (inlined)', inside],
        ['kernel_main', call],
      ],
    );
    // Both have registers, and the last frame is the last.
    for (const { id } of stackFrames) assert.equal((await client.scopesRequest({ frameId: id })).body.scopes.length, 3);
    await assert.rejects(client.scopesRequest({ frameId: stackFrames.length + 1 }), /no frame/);
  };
  await check();
  await moved(client, 'stepIn', { threadId: 1, granularity: 'instruction' });
  assert.equal(await moved(client, 'reverseContinue'), 'breakpoint');
  await check();
  // It has no address that could be asked about, and a query says why.
  await assert.rejects(evaluated(client, 'query calls("put")', 'repl'), /no name "put".*into its callers/);
  await assert.rejects(evaluated(client, 'query calls("kernel_mian")', 'repl'), /did you mean kernel_main\?/);
  await client.stop();
});

const CRASH = flatGuest(`  mov ecx, 1000
count:
  dec ecx
  jnz count
  int3
  mov ebx, 5
`);

test('exceptions by kind, moments by line, and requests that are given up', async () => {
  const { bytes: kernel } = assemble(CRASH);
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 400_000, embed: true });
  writeFileSync(join(folder, 'crash.rlog'), log);
  const client = await opened(await listening(), { log: 'crash.rlog' });
  await assert.rejects(client.send('exceptionInfo', { threadId: 1 }), /does not stand at an exception/);
  const filtered = async (filters: string[], condition?: string): Promise<string> => {
    const filterOptions = condition === undefined ? [] : [{ filterId: 'fault', condition }];
    await client.send('setExceptionBreakpoints', { filters, filterOptions });
    await moved(client, 'restart');
    const reason = await moved(client, 'continue');
    return reason === 'exception' ? (await client.send('exceptionInfo', { threadId: 1 })).body.exceptionId : reason;
  };
  assert.equal(await filtered(['triple-fault']), 'triple-fault');
  assert.equal(await filtered(['reset']), 'triple-fault', 'a triple fault makes a reset');
  assert.match(await filtered(['fault']), /^fault /);
  assert.equal(await filtered([], '99'), 'pause', 'there is no such exception');
  // What waits is not begun, and says so; what is unknown is nobody's.
  const waiting = [client.send('stackTrace', { threadId: 1 }), client.send('threads'), client.send('threads')];
  await client.send('cancel', { requestId: 1_000_000 });
  await Promise.all(waiting);
  await client.stop();
});

test('random sessions: what the client sees is what is there', async () => {
  await scenarios(4, 3);
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

const initialize = { seq: 1, type: 'request', command: 'initialize', arguments: {} };

/** The session before may still be leaving: then the connection ends without a word. */
async function servedAt(port: number, bytes: string, untilText: string): Promise<string> {
  for (let tries = 0; tries < 400; tries++) {
    const heard = await talk(port, bytes, untilText);
    if (heard !== '') return heard;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail('nobody is served any more');
}

test('nonsense, lies and floods get a sentence or the end of the session, and the next client is served', async () => {
  const port = await listening();
  const served = (bytes: string, untilText: string): Promise<string> => servedAt(port, bytes, untilText);
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

test('a client that never reads its answers is not listened to, and texts have an end', async () => {
  const port = await listening();
  const pid = adapters.lastPid;
  const residentKilobytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const before = residentKilobytes();
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  try {
    const flood = message({ seq: 1, type: 'request', command: 'threads'.repeat(40) }).repeat(1000);
    // As much as the adapter takes: once it has stopped, the rest stays here.
    let sent = 0;
    for (let still = 0; still < 8 && sent < 400; ) {
      const hasRoom = socket.write(flood);
      sent++;
      if (hasRoom) continue;
      const isDrained = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), 250);
        socket.once('drain', () => {
          clearTimeout(timer);
          resolve(true);
        });
      });
      still = isDrained ? 0 : still + 1;
    }
    assert.ok(sent < 400, 'the adapter has taken all of it');
    assert.ok(residentKilobytes() - before < 400_000, `${residentKilobytes() - before} kB more`);
  } finally {
    socket.destroy();
  }
  assert.match(await servedAt(port, message(initialize), 'supportsStepBack'), /supportsStepBack/);
  const { bytes: kernel } = assemble(CRASH);
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 400_000, embed: true });
  writeFileSync(join(folder, 'texts.rlog'), log);
  const client = await opened(await listening(), { log: 'texts.rlog' });
  const long = ' '.repeat(1_000_000);
  await assert.rejects(evaluated(client, `${long}!`), /"expression" has 1000001 characters/);
  const breakpoints = [{ instructionReference: '0x00100020', condition: `${long}!` }, { instructionReference: long }];
  const set = (await client.send('setInstructionBreakpoints', { breakpoints })).body.breakpoints;
  assert.ok(set.every(({ verified }: DebugProtocol.Breakpoint) => !verified));
  for (const deep of ['('.repeat(9000), '['.repeat(9000), '-'.repeat(9000), '1+'.repeat(4500)]) {
    await assert.rejects(evaluated(client, deep), (error: Error) => !/bug of Reprise/.test(error.message));
  }
  await client.stop();
});
