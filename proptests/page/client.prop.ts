// The page's end of the protocol, without a browser: a worker that does not hear of a way being given up is replaced,
// one that was only asleep with its tab is not; a worker that runs out of memory is, and its page hears why.

import assert from 'node:assert/strict';
import { after, mock, test } from 'node:test';
import { Client, ProblemError } from '../../src/host/page/viewer/client.ts';
import type { FromWorker } from '../../src/host/page/viewer/protocol.ts';

interface FakeWorker {
  onmessage: ((event: { data: FromWorker }) => void) | null;
  readonly posted: unknown[];
  isEnded: boolean;
}

function makeClient(): { client: Client; workers: FakeWorker[]; replaced: [string, boolean][] } {
  const workers: FakeWorker[] = [];
  const client = new Client(() => {
    const worker = {
      onmessage: null,
      isEnded: false,
      posted: [] as unknown[],
      postMessage: (message: unknown) => worker.posted.push(message),
      terminate: () => {
        worker.isEnded = true;
      },
    };
    workers.push(worker);
    return worker as unknown as ReturnType<ConstructorParameters<typeof Client>[0]>;
  });
  after(() => client.close());
  const replaced: [string, boolean][] = [];
  client.onReplaced = (why, isShort) => replaced.push([why, isShort]);
  return { client, workers, replaced };
}

test('a worker that says nothing any more is replaced, one that slept with its tab is listened for again', () => {
  let nowMs = 0;
  const now = mock.method(performance, 'now', () => nowMs);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const pass = (ms: number, sleptMs = 0): void => {
      nowMs += ms + sleptMs;
      mock.timers.tick(ms);
    };
    const { client, replaced, workers } = makeClient();
    client.move('seek', { tick: 1 }).catch(() => {});
    client.giveUp();
    // The tab sleeps for an hour: its timers come when it wakes, before what the worker has said meanwhile.
    pass(5000, 3_600_000);
    assert.deepEqual(replaced, []);
    workers[0].onmessage?.({ data: [{ notice: 'way', done: 1, total: 2 }] });
    pass(20_000);
    assert.deepEqual(replaced, []);
    client.giveUp();
    pass(5000);
    assert.equal(replaced.length, 1);
    assert.ok(workers[0].isEnded && !workers[1].isEnded);
  } finally {
    mock.timers.reset();
    now.mock.restore();
  }
});

test('a worker without memory is replaced, in an answer or unasked, and the page hears why', async () => {
  const { client, replaced, workers } = makeClient();
  const asked = client.ask('registers', { withUnits: false });
  workers[0].onmessage?.({ data: [{ id: 1, problem: { kind: 'memory', text: 'no more' } }] });
  await assert.rejects(asked, (error) => error instanceof ProblemError && error.problem.kind === 'memory');
  // What the one that is gone still had to say nobody hears.
  workers[1].onmessage?.({
    data: [
      { notice: 'short', text: 'again' },
      { notice: 'short', text: 'late' },
    ],
  });
  assert.deepEqual(replaced, [
    ['no more', true],
    ['again', true],
  ]);
  assert.equal(workers.length, 3);
});

test('what is asked in one turn goes as one message, before the wish to give up', async () => {
  const { client, workers } = makeClient();
  const quietly = (asked: Promise<unknown>): void => void asked.catch(() => {});
  quietly(client.move('seek', { tick: 1 }));
  await Promise.resolve();
  quietly(client.ask('registers', { withUnits: false }));
  assert.equal(workers[0].posted.length, 0);
  while (workers[0].posted.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(workers[0].posted.length, 1);
  const [first] = workers[0].posted as { requests: { question: string; isMove: boolean }[] }[];
  assert.deepEqual(
    first.requests.map(({ isMove, question }) => [question, isMove]),
    [
      ['seek', true],
      ['registers', false],
    ],
  );
  quietly(client.move('seek', { tick: 2 }));
  client.giveUp();
  assert.deepEqual(
    workers[0].posted.slice(1).map((message) => Object.keys(message as object)),
    [['requests'], ['giveUp']],
  );
});
