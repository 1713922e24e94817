/**
 * gdb on a live run: a recording made under a debugger that stops wherever it likes is the recording that nobody
 * stopped, byte for byte; what the debugger writes is an input and replays; where a recording could not say when
 * something was written, and for ways back, there is an explanation. With the real gdb too, where it is installed.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { logEvents, openLog, replay } from '../../src/library.ts';
import { loadEngine } from '../../src/engines.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { readBranchParent } from '../../src/core/timeline/branch.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { GdbStub } from '../../src/host/gdb/stub.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { go, recordGuest, timelineOf } from './fixture.ts';
import { type Client, liveRun } from './live-fixture.ts';
import { runGdb, skipGdb } from './gdb-client.ts';
import { debuggerOf } from './debugger-fixture.ts';

const sort = await recordGuest('sort', { append: '1', maxTicks: 60_000 });
const interrupts = await recordGuest('interrupts', { maxTicks: 1_600_000, hashEveryTicks: 1 << 20 });
const echo = await recordGuest('echo', { maxTicks: 420_000 });
const GUESTS = { sort, interrupts, echo };
const engines = {
  interp: await loadEngine('interp'),
  tiered: await loadEngine('tiered:threshold=2'),
  js: await loadEngine('js:threshold=2'),
};

/** Linear addresses and physical words that a run uses, to stop at. */
function places(name: keyof typeof GUESTS): { code: number[]; data: number[] } {
  const timeline = timelineOf(GUESTS[name]);
  const code: number[] = [];
  const data: number[] = [];
  for (let i = 0; i < 12; i++) {
    go(timeline.seek({ tick: Math.floor((timeline.endTick * (i + 0.5)) / 12), seq: 0 }));
    code.push(timeline.machine.cpu.eip >>> 0);
    data.push((timeline.machine.cpu.m32[4] - 4) & ~3);
  }
  return { code, data };
}

const hex = (value: number): string => (value >>> 0).toString(16);
/** A word as packets have it. */
const hexOf = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes.toString('hex');
};
const say = async (stub: GdbStub, packet: string): Promise<string> => (await stub.answer(packet)) ?? '';

type Deed =
  | { readonly kind: 'step'; readonly count: number }
  | { readonly kind: 'break' | 'watch'; readonly index: number }
  | { readonly kind: 'continue'; readonly interruptAfter: number | null }
  | { readonly kind: 'look' };

/** Does all that, then lets it run to its end. */
const clientOf =
  (deeds: readonly Deed[], { code, data }: ReturnType<typeof places>): Client =>
  async (stub) => {
    const points: string[] = [];
    for (const deed of deeds) {
      let answer = '';
      switch (deed.kind) {
        case 'step':
          for (let i = 0; i < deed.count && !answer.startsWith('W'); i++) answer = await say(stub, 's');
          break;
        case 'break':
          points.push(`0,${hex(code[deed.index])},1`);
          await say(stub, `Z${points[points.length - 1]}`);
          break;
        case 'watch':
          points.push(`${2 + (deed.index % 3)},${hex(data[deed.index])},4`);
          await say(stub, `Z${points[points.length - 1]}`);
          break;
        case 'continue': {
          const answering = say(stub, 'c');
          for (let i = 0; i < (deed.interruptAfter ?? 0); i++) await new Promise((resolve) => setImmediate(resolve));
          if (deed.interruptAfter !== null) stub.interrupt();
          answer = await answering;
          stub.rest();
          assert.match(answer, /^(T0[25]|W)/);
          break;
        }
        case 'look':
          assert.match(await say(stub, 'g'), /^[0-9a-f]+$/);
          await say(stub, `m${hex(code[0])},40`);
          break;
      }
      if (answer.startsWith('W')) return;
    }
    for (const point of points) await say(stub, `z${point}`);
    assert.equal(await say(stub, 'c'), 'W00');
  };

const index = fc.integer({ min: 0, max: 11 });
const deeds = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('step' as const), count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constantFrom('break' as const, 'watch' as const), index }),
    fc.record({
      kind: fc.constant('continue' as const),
      interruptAfter: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
    }),
    fc.record({ kind: fc.constant('look' as const) }),
  ),
  { maxLength: 14 },
);

test('stops leave no trace: a run that is recorded under a debugger gives the same log', async () => {
  const plain = new Map<string, Uint8Array>();
  const known = { sort: places('sort'), interrupts: places('interrupts'), echo: places('echo') };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('sort', 'interrupts', 'echo'),
      fc.constantFrom('interp', 'tiered', 'js'),
      deeds,
      async (name, engine, list) => {
        const makeEngine = engines[engine];
        if (!plain.has(name)) plain.set(name, (await liveRun(GUESTS[name], null, { makeEngine })).log);
        const { log, end } = await liveRun(GUESTS[name], clientOf(list, known[name]), { makeEngine });
        assert.ok(Buffer.from(log).equals(plain.get(name) ?? new Uint8Array(0)), 'the logs differ');
        const replayed = await replay(log, { images: { kernel: GUESTS[name].images.get('kernel') } });
        assert.equal(replayed.divergence, null);
        assert.equal(replayed.hash, end.hash);
      },
    ),
    { numRuns: 16, seed: 11 },
  );
});

/** The first instruction of the handler of the first interrupt, and the tick at which it comes. */
function handler(): { address: number; tick: number } {
  const timeline = timelineOf(interrupts);
  const { kind, position } = go(timeline.continueToDelivery((each) => each === 'interrupt'));
  assert.equal(kind, 'delivery');
  go(timeline.seek({ ...position, seq: position.seq + 1 }));
  return { address: timeline.machine.cpu.eip >>> 0, tick: position.tick };
}

test('what is written becomes an input and replays; where a recording could not say when, it is refused', async () => {
  const { address } = handler();
  const word = 0x3f_f000;
  const client: Client = async (stub) => {
    assert.equal(await say(stub, 'P3=78563412'), 'OK');
    assert.equal(await say(stub, 'p3'), '78563412', 'gdb sees at once what it has written');
    assert.equal(await say(stub, `M${hex(word)},4:01020304`), 'OK');
    assert.equal(await say(stub, `m${hex(word)},4`), '01020304');
    assert.match(await say(stub, 'Pa=08000000'), /^E\.cs cannot be written: eax/);
    assert.match(await say(stub, 'P9=02000200'), /^E\.of eflags only/);
    assert.match(await say(stub, 'Mffffff00,1:00'), /^E\.no memory that can be written is mapped at 0xffffff00/);
    await say(stub, `Z0,${hex(address)},1`);
    assert.equal(await say(stub, 'c'), 'T05thread:01;');
    assert.match(await say(stub, 'P3=00000000'), /^E\.something has happened at this tick already.*stepi/);
    await say(stub, `z0,${hex(address)},1`);
    await say(stub, 's');
    const all = await say(stub, 'g');
    assert.equal(await say(stub, `G${'21436587'}${all.slice(8)}`), 'OK');
    assert.match(await say(stub, `P0=21436587`), /^OK$/);
    assert.match(await say(stub, 'bs'), /^E\.a live run has no way back.*reprise debug/);
    assert.match(await say(stub, 'bc'), /^E\.a live run has no way back/);
    assert.equal(await say(stub, 'c'), 'W00');
  };
  const { log, end } = await liveRun(interrupts, client);
  const reader = openLog(log);
  const edits = [...logEvents(reader)].flatMap(({ tick, event }) =>
    event.kind === 'edit-register' || event.kind === 'edit-memory' ? [{ tick, kind: event.kind }] : [],
  );
  const { tick } = handler();
  assert.deepEqual(
    edits.map(({ kind }) => kind),
    ['edit-register', 'edit-memory', 'edit-register', 'edit-register'],
  );
  assert.deepEqual(
    edits.map((edit) => edit.tick),
    [0, 0, tick + 1, tick + 1],
  );
  for (const devices of ['model', 'log'] as const) {
    const replayed = await replay(log, { devices, images: { kernel: interrupts.images.get('kernel') } });
    assert.equal(replayed.divergence, null);
    if (devices === 'model') assert.equal(replayed.hash, end.hash);
  }
});

test('a run that is not recorded takes what is written at any moment', async () => {
  const { address } = handler();
  await liveRun(
    interrupts,
    async (stub) => {
      await say(stub, `Z1,${hex(address)},1`);
      await say(stub, 'c');
      assert.equal(await say(stub, 'P0=21436587'), 'OK');
      assert.equal(await say(stub, 'p0'), '21436587');
      await say(stub, 'k');
    },
    { isRecorded: false, maxTick: Number.POSITIVE_INFINITY },
  );
});

test('monitor branch leaves a recording for a live run that can be written, and comes back to it', async () => {
  const debug = debuggerOf(sort, { makeEngine: engines.interp });
  go(debug.timeline.seek({ tick: 30_000, seq: 0 }));
  const before = debug.timeline.machine.hash().root;
  let text = '';
  const stub = new GdbStub(new RecordingTarget(debug), {
    console: (packet) => (text += Buffer.from(packet.slice(1), 'hex').toString()),
  });
  const monitor = (line: string): Promise<string> => say(stub, `qRcmd,${Buffer.from(line).toString('hex')}`);
  const folder = mkdtempSync(join(tmpdir(), 'reprise-branch-'));
  try {
    const path = join(folder, 'what-if.rlog');
    assert.match(await say(stub, 'P3=78563412'), /^E\.a recording cannot be changed: monitor branch FILE/);
    const { symbols } = assembleGuest('sort');
    const quicksort = hex(symbols.get('quicksort') ?? 0);
    await say(stub, `Z1,${quicksort},1`);
    await monitor(`branch ${path}`);
    assert.match(text, /live from tick 30000 on/);
    assert.equal(await say(stub, `p${hex(8)}`), hexOf(debug.timeline.machine.cpu.eip), 'at the same place');
    assert.equal(await say(stub, 'P3=78563412'), 'OK');
    assert.equal(await say(stub, 'M3ff000,2:0102'), 'OK');
    assert.equal(await say(stub, 'c'), 'T05thread:01;', 'the breakpoint has come along');
    assert.equal(await say(stub, `p${hex(8)}`), hexOf(symbols.get('quicksort') ?? 0));
    assert.match(await say(stub, 'bs'), /^E\.a live run has no way back/);
    await monitor('branch another.rlog');
    assert.match(text, /nothing that a live run knows/);
    await monitor('leave');
    assert.match(text, /branched off at tick 30000, ended at tick 30037: stopped; back in the recording/);
    assert.equal(debug.timeline.machine.hash().root, before);
    assert.match(await say(stub, 'P3=78563412'), /^E\.a recording cannot be changed/);
    assert.equal(await say(stub, 'bs'), 'T05thread:01;');
    const log = openLog(readFileSync(path));
    assert.equal(readBranchParent(log)?.tick, 30_000);
    const edits = [...logEvents(log)].filter(({ event }) => event.kind.startsWith('edit'));
    assert.deepEqual(
      edits.map((edit) => edit.tick),
      [30_000, 30_000],
    );
    const replayed = await replay(log, { images: { kernel: sort.images.get('kernel') } });
    assert.equal(replayed.divergence, null);
    assert.equal(replayed.tick, 30_037);
    await monitor(`branch ${path}`);
    assert.match(text, /exists already/);
    // A client that goes ends its branch.
    await monitor(`branch ${join(folder, 'second.rlog')}`);
    stub.close();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(openLog(readFileSync(join(folder, 'second.rlog'))).end?.reason, 'stopped');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('gdb debugs a live run; the log says what nobody did but what gdb wrote', { skip: skipGdb }, async () => {
  const { symbols } = assembleGuest('sort');
  const quicksort = symbols.get('quicksort') ?? 0;
  let lines: string[] = [];
  const { log, end } = await liveRun(sort, async (stub, target) => {
    stub.close();
    target.attach();
    const server = await serveGdb({ target, port: 0, isOnce: true });
    lines = await runGdb(server, [
      'printf "@ %x\\n", $eip',
      'stepi',
      'printf "@ %d\\n", $tick',
      `hbreak *${quicksort}`,
      'continue',
      'printf "@ %x\\n", $eip',
      'delete',
      'watch *(int*)0x1efff0',
      'continue',
      'printf "@ %d\\n", $tick',
      'delete',
      'set $ebx = 0x1234',
      'printf "@ %x\\n", $ebx',
      'set *(int*)0x3ff000 = 77',
      'printf "@ %d\\n", *(int*)0x3ff000',
      'reverse-stepi',
      'detach',
    ]);
  });
  assert.deepEqual(lines, ['@ 100070', '@ 1', `@ ${hex(quicksort)}`, '@ 51352', '@ 1234', '@ 77']);
  assert.equal([...logEvents(openLog(log))].filter(({ event }) => event.kind.startsWith('edit')).length, 2);
  const replayed = await replay(log, { images: { kernel: sort.images.get('kernel') } });
  assert.equal(replayed.divergence, null);
  assert.equal(replayed.hash, end.hash);
});
