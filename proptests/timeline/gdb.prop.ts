/**
 * The gdb server, driven by the real gdb through the scenario of QEMU's reverse-debugging test: ten steps forward and
 * ten back through the same states, breakpoints again in reverse order, back to the start and to the last of several
 * hits, a watchpoint backwards onto the writing instruction. Without gdb these tests are skipped by name; the protocol
 * itself is tested below with packets, among them a thousand malformed ones.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { Debugger } from '../../src/host/debugger/debugger.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { encodePacket, PacketReader } from '../../src/host/gdb/packets.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { GdbStub } from '../../src/host/gdb/stub.ts';
import { runGdb, skipGdb } from './gdb-client.ts';
import { go, hashOf, makeEngine, recordGuest, timelineOf } from './fixture.ts';

const run = await recordGuest('sort', { append: '1', maxTicks: 120_000 });
const { symbols } = assembleGuest('sort');
const quicksort = symbols.get('quicksort') ?? 0;

function debuggerOf(): Debugger {
  const disassemble = () => ({ text: '?', length: 1 });
  const options = {
    commands: COMMANDS,
    symbols: new SymbolTable(),
    disassemble,
    logName: 'test',
    images: run.images,
    makeEngine,
    appendFrame: null,
  };
  return new Debugger({ timeline: timelineOf(run), ...options });
}

/** Runs gdb commands against a fresh server; gives the lines that begin with `@`. */
async function withGdb(commands: readonly string[]): Promise<string[]> {
  const target = new RecordingTarget(debuggerOf());
  return runGdb(await serveGdb({ target, port: 0, isOnce: true }), [...commands, 'detach']);
}

const STATE = 'printf "@ %x %x %x %x %x %x\\n", $eip, $eax, $ecx, $esp, $esi, $eflags';

test('gdb steps ten forward and ten back through the same states', { skip: skipGdb }, async () => {
  const forward = Array.from({ length: 10 }, () => [STATE, 'stepi']).flat();
  const backward = Array.from({ length: 10 }, () => ['reverse-stepi', STATE]).flat();
  for (const start of ['start', '40%']) {
    const states = await withGdb([`monitor seek ${start}`, 'flushregs', ...forward, ...backward]);
    assert.equal(states.length, 20);
    assert.deepEqual(states.slice(10).reverse(), states.slice(0, 10));
  }
});

test('gdb hits breakpoints again in reverse order, and comes to the start and to the last of several hits', {
  skip: skipGdb,
}, async () => {
  const hits = await withGdb([
    `hbreak *${quicksort}`,
    ...Array.from({ length: 5 }, () => ['continue', STATE]).flat(),
    ...Array.from({ length: 4 }, () => ['reverse-continue', STATE]).flat(),
    'reverse-continue',
    'printf "@ start %x\\n", $eip',
    'delete',
    'continue',
    'printf "@ end %x\\n", $eip',
    `break *${quicksort}`,
    'reverse-continue',
    STATE,
    'continue',
    'printf "@ end %x\\n", $eip',
  ]);
  const forward = hits.slice(0, 5);
  assert.deepEqual(hits.slice(5, 9), forward.slice(0, 4).reverse());
  assert.match(hits[9], /@ start 100070/);
  assert.equal(hits[10], hits[12], 'from the last hit on there is only the end');
  assert.match(hits[11], new RegExp(`^@ ${quicksort.toString(16)} `));
});

test('gdb walks a watchpoint back onto the writing instruction', { skip: skipGdb }, async () => {
  const timeline = timelineOf(run);
  go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
  const address = 0x1efff8;
  const last = go(timeline.lastWrite(address, 4));
  assert.ok(last !== null);
  const lines = await withGdb([
    'monitor seek end',
    'flushregs',
    `watch *(int*)${address}`,
    'reverse-continue',
    'printf "@ %x\\n", $eip',
    'printf "@ fs %x cr0 %x st %d\\n", $fs_base, $cr0, $ftag',
  ]);
  go(timeline.seek(last.position));
  assert.equal(lines[0], `@ ${(timeline.machine.cpu.eip >>> 0).toString(16)}`);
  assert.match(lines[1], /fs 0 cr0 11/);
});

/** Sends packets one after another, gives the answers. */
async function talk(debug: Debugger, packets: readonly string[]): Promise<(string | null)[]> {
  const stub = new GdbStub(new RecordingTarget(debug), { console: () => {} });
  const answers: (string | null)[] = [];
  for (const packet of packets) answers.push(await stub.answer(packet));
  return answers;
}

test('the protocol answers in both directions and refuses every change', async () => {
  const debug = debuggerOf();
  const before = hashOf(debug.timeline);
  const [supported, xml, , stop, step, back, begin] = await talk(debug, [
    'qSupported:swbreak+;hwbreak+',
    'qXfer:features:read:target.xml:0,3fff',
    '?',
    'bc',
    's',
    'bs',
    'bs',
  ]);
  assert.match(supported ?? '', /ReverseStep\+;ReverseContinue\+/);
  assert.match(xml ?? '', /^l<\?xml.*org\.gnu\.gdb\.i386\.core/s);
  assert.equal(stop, 'T05thread:01;replaylog:begin;');
  assert.equal(step, 'T05thread:01;');
  assert.equal(back, 'T05thread:01;');
  assert.equal(begin, 'T05thread:01;replaylog:begin;');
  for (const answer of await talk(debug, ['M100000,1:00', 'X100000,1:a', 'P0=00000000', 'G00'])) {
    assert.match(answer ?? '', /^E\.a recording cannot be changed/);
  }
  assert.equal(hashOf(debug.timeline), before);
  const atEnd = await talk(debug, ['c', 'c', 's']);
  assert.deepEqual(
    atEnd,
    Array.from({ length: 3 }, () => 'T05thread:01;replaylog:end;'),
  );
});

test('a step over a breakpoint that runs out of history ends plainly, since gdb would wait for ever', async () => {
  const debug = debuggerOf();
  go(debug.timeline.seek({ tick: debug.timeline.endTick, seq: 0 }));
  const eip = (debug.timeline.machine.cpu.eip >>> 0).toString(16);
  const plain = 'T05thread:01;';
  const atEnd = 'T05thread:01;replaylog:end;';
  // What gdb sends: at a stop it takes its breakpoints away, and puts in all but the one that it steps over.
  const answers = await talk(debug, ['s', `Z0,${eip},1`, 's', `z0,${eip},1`, 'Z0,1,1', 's', 'c', 'vCont;s:1']);
  assert.deepEqual(answers, [atEnd, 'OK', atEnd, 'OK', 'OK', plain, atEnd, plain]);
});

test('malformed packets get an answer, an error or nothing, and change nothing', async () => {
  const debug = debuggerOf();
  go(debug.timeline.seek({ tick: 1000, seq: 0 }));
  const before = hashOf(debug.timeline);
  const letters = [...'?gpGPmMXZzHTqQvbsD!_RAidxF0123456789abcdef,;:*#$}'];
  const piece = fc.oneof(
    fc.constantFrom(...letters),
    fc.constantFrom(
      'qXfer:features:read:',
      'qRcmd,',
      'vCont;',
      'Z0,',
      'Z2,',
      'z0,',
      'ffffffff',
      'target.xml:',
      'qSupported',
      'm',
      'p',
    ),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 6 }),
  );
  // Without the packets that run: those are tested above, and take long.
  const packet = fc
    .array(piece, { maxLength: 8 })
    .map((parts) => parts.join(''))
    .filter((text) => !/^([cCsSk]|b[cs]|vCont;[cs]|D|qRcmd)/i.test(text));
  await fc.assert(
    fc.asyncProperty(packet, async (text) => {
      const [answer] = await talk(debug, [text]);
      assert.ok(answer === null || typeof answer === 'string');
    }),
    { numRuns: 1000, seed: 5 },
  );
  assert.equal(hashOf(debug.timeline), before);
});

test('packets survive their way, whole or in pieces, among noise', () => {
  const data = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.array(data, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), (texts, pieceBytes) => {
      const reader = new PacketReader();
      const bytes = Buffer.concat(texts.map((text) => encodePacket(text)));
      const found: string[] = [];
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        for (const incoming of reader.read(bytes.subarray(at, at + pieceBytes))) {
          assert.equal(incoming.kind, 'packet');
          if (incoming.kind === 'packet') found.push(incoming.data);
        }
      }
      assert.deepEqual(found, texts);
    }),
    { numRuns: 300, seed: 6 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      for (const incoming of new PacketReader().read(noise)) assert.ok(incoming.kind.length > 0);
    }),
    { numRuns: 500, seed: 7 },
  );
});

test('a dropped connection leaves the server for the next client, without its breakpoints', async () => {
  const debug = debuggerOf();
  const server = await serveGdb({ target: new RecordingTarget(debug), port: 0 });
  const first = await connected(server.port);
  assert.match(await first.ask('?'), /T05/);
  await first.ask(`Z0,${quicksort.toString(16)},1`);
  first.tell('c');
  first.socket.destroy();
  const second = await connected(server.port);
  assert.match(await second.ask('?'), /T0[25]/);
  second.tell('s');
  let moved = await second.next();
  while (moved.startsWith('O')) moved = await second.next();
  assert.match(moved, /T05/);
  second.socket.destroy();
  server.close();
  await server.closed;
  assert.equal(debug.timeline.breakpoints.length, 0);
});

test('a second client looks, and moves when the first has gone, with breakpoints of its own', async () => {
  const debug = debuggerOf();
  const said: string[] = [];
  const server = await serveGdb({ target: new RecordingTarget(debug), port: 0, say: (line) => said.push(line) });
  const first = await connected(server.port);
  await first.ask('s');
  const second = await connected(server.port);
  assert.match(await second.ask('?'), /^T05/);
  assert.equal(await second.ask('g'), await first.ask('g'), 'looking harms nobody');
  assert.equal(await second.ask(`Z0,${quicksort.toString(16)},1`), 'OK');
  assert.equal(debug.timeline.breakpoints.length, 0);
  assert.match(await second.ask('P0=00000000'), /^E\.another debugger has this run/);
  second.tell('c');
  const word = Buffer.from(await second.next(), 'latin1')
    .toString()
    .slice(1);
  assert.match(Buffer.from(word, 'hex').toString(), /^Another debugger has this run: yours goes on when it has gone/);
  // Ctrl-C gives the waiting up, and does not reach the run of the first.
  second.socket.write('\x03');
  assert.match(await second.next(), /^T02/);
  second.tell('c');
  assert.match(await second.next(), /^O/);
  const before = debug.timeline.position.tick;
  await first.ask('s');
  assert.equal(debug.timeline.position.tick, before + 1);
  assert.equal(await first.ask('D'), 'OK');
  assert.match(await second.next(), /^T05/);
  assert.equal(debug.timeline.machine.cpu.eip >>> 0, quicksort);
  second.socket.destroy();
  const third = await connected(server.port);
  assert.match(await third.ask('?'), /^T05/, 'the server stays');
  third.tell('k');
  await server.closed;
  assert.ok(said.includes('gdb: another client is connected and waits for its turn'), said.join('\n'));
});

interface Connection {
  readonly socket: Socket;
  readonly tell: (packet: string) => void;
  readonly next: () => Promise<string>;
  readonly ask: (packet: string) => Promise<string>;
}

/** A client that speaks packets. */
async function connected(port: number): Promise<Connection> {
  const socket = connect(port, '127.0.0.1');
  const reader = new PacketReader();
  const come: string[] = [];
  let wake: () => void = () => {};
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    for (const incoming of reader.read(bytes)) if (incoming.kind === 'packet') come.push(incoming.data);
    wake();
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  const tell = (packet: string): void => void socket.write(encodePacket(packet));
  const next = async (): Promise<string> => {
    while (come.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return come.shift() ?? '';
  };
  const ask = async (packet: string): Promise<string> => {
    tell(packet);
    return await next();
  };
  return { socket, tell, next, ask };
}
