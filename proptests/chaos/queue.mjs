/**
 * A campaign over a real redis-server on loopback: node proptests/chaos/queue.mjs FOLDER
 *
 * Three workers, of which one is killed with -9 twice, and a server that is restarted without its memory: explore,
 * chaos, shrink, doom, fuzz and verify find what one process finds, nothing is lost and nothing counts twice. A worker
 * of another version is refused by name, and a queue that is away is waited for, or given up after --timeout. Needs
 * redis-server and a build.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? '.';
const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'src/host/reprise.mjs');
const processes = new Set();

function start(program, words) {
  const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  child.text = { out: '', err: '' };
  child.stdout.on('data', (bytes) => (child.text.out += bytes));
  child.stderr.on('data', (bytes) => (child.text.err += bytes));
  processes.add(child);
  child.ended = once(child, 'close').then(([code]) => {
    processes.delete(child);
    return code;
  });
  return child;
}

const reprise = (...words) => start(process.execPath, [command, ...words]);

async function told(child, text) {
  for (let i = 0; i < 600; i++, await sleep(100)) if (child.text.err.includes(text)) return;
  assert.fail(`"${text}" was not said: ${child.text.err}`);
}

async function finished(child, status) {
  const code = await child.ended;
  assert.equal(code, status, child.text.err);
  return JSON.parse(child.text.out);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
const url = `redis://127.0.0.1:${port}`;

async function startServer() {
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = start('redis-server', words);
  while (!server.text.out.includes('eady to accept')) await sleep(50);
  return server;
}

const startWorker = async () => {
  const worker = reprise('worker', '--queue', url, '--jobs', '1');
  await told(worker, 'one job at once');
  return worker;
};

function kill(child) {
  child.kill('SIGKILL');
  return child.ended;
}

const machine = ['--kernel', 'race', '--memory', '4', '--epoch', '1970-01-01T00:00:00Z'];
const exploring = ['explore', 'good.rlog', '--window', '500000..504000', '--serial', '5', '--fails', 'exit:0x11'];
const chaotic = ['chaos', ...machine, '--input', 'in.txt', '--fails', 'exit:0x11'];

try {
  const guests = join(root, 'dist/src/host/node/guests/guests.js');
  assert.equal(spawnSync(process.execPath, [guests, 'build', 'race', '--output', folder]).status, 0);
  const script = [100_000, 500_000, 900_000, 1_400_000].map((tick, i) => `at ${tick} serial "${i + 1}"\n`).join('');
  writeFileSync(join(folder, 'in.txt'), script);
  assert.equal(await reprise('record', 'good.rlog', ...machine, '--max-ticks', '2000000').ended, 0);

  const absent = reprise(...chaotic, '--queue', url, '--timeout', '2', '-o', 'absent.rlog');
  assert.equal(await absent.ended, 2);
  assert.match(absent.text.err, /does not answer: waiting[\s\S]*has not answered for 2 s: start it, or name another/);

  const alone = await finished(reprise(...exploring, '--json', '-o', 'alone.rlog'), 1);
  const threads = await finished(reprise(...exploring, '--json', '-o', 'threads.rlog', '--jobs', '2'), 1);
  assert.deepEqual({ ...threads, log: '' }, { ...alone, log: '' });

  let server = await startServer();
  const lonely = reprise(...chaotic, '--queue', url, '--timeout', '4', '-o', 'lonely.rlog');
  assert.equal(await lonely.ended, 2);
  assert.match(lonely.text.err, /nobody works for the queue yet[\s\S]*No worker has come to/);
  spawnSync('redis-cli', ['-p', String(port), 'flushall']);
  spawnSync('redis-cli', ['-p', String(port), 'set', 'reprise:worker:elsewhere:7', '0.0.9', 'EX', '60']);

  const workers = [await startWorker(), await startWorker(), await startWorker()];
  const queued = reprise(...exploring, '--json', '-o', 'queued.rlog', '--queue', url);
  await told(queued, 'the worker elsewhere:7 is refused: it is reprise 0.0.9, this is reprise');
  await kill(workers[0]);
  workers[0] = await startWorker();
  await sleep(500);
  await kill(workers[0]);
  assert.deepEqual({ ...(await finished(queued, 1)), log: '' }, { ...alone, log: '' });
  assert.deepEqual(readFileSync(join(folder, 'queued.rlog')), readFileSync(join(folder, 'alone.rlog')));
  process.stdout.write('queue: explore with three workers, one killed twice, found what one process finds\n');

  const first = await finished(reprise(...chaotic, '--json', '-o', 'first.rlog', '--runs', '4000'), 1);
  const second = reprise(...chaotic, '--json', '-o', 'second.rlog', '--runs', '4000', '--queue', url);
  await sleep(2000);
  await kill(server);
  server = await startServer();
  assert.deepEqual({ ...(await finished(second, 1)), log: '' }, { ...first, log: '' });
  assert.deepEqual(readFileSync(join(folder, 'second.rlog')), readFileSync(join(folder, 'first.rlog')));
  process.stdout.write('queue: chaos with a server that forgot everything found what one process finds\n');

  // What is left of the failing run, when it became inevitable, and a fuzzed parser, a worker dying in the middle.
  const shrinking = ['shrink', 'first.rlog', '--fails', 'exit:0x11', '--json'];
  const small = await finished(reprise(...shrinking, '-o', 'small.rlog'), 0);
  const smallQueued = await finished(reprise(...shrinking, '-o', 'small-queued.rlog', '--queue', url), 0);
  assert.deepEqual({ ...smallQueued, log: '', runs: 0 }, { ...small, log: '', runs: 0 });
  assert.deepEqual(readFileSync(join(folder, 'small-queued.rlog')), readFileSync(join(folder, 'small.rlog')));
  const dooming = ['doom', 'small.rlog', '--symptom', 'exit:0x11', '--moments', '6', '--trials', '8', '--json'];
  const doomed = await finished(reprise(...dooming), 0);
  const doomQueued = reprise(...dooming, '--queue', url);
  await sleep(1500);
  await kill(workers[1]);
  assert.deepEqual(await finished(doomQueued, 0), doomed);
  process.stdout.write('queue: shrink and doom find what one process finds, a worker dead\n');

  assert.equal(spawnSync(process.execPath, [guests, 'build', 'parser', '--output', folder]).status, 0);
  assert.equal(await reprise('record', 'p.rlog', '--kernel', 'parser', '--memory', '4').ended, 33);
  const place = ['--at', '1565', '--buffer', '0x200000:256', '--length-at', '0x201000'];
  const fuzzing = ['fuzz', 'p.rlog', ...place, '--seed', '2', '--runs', '3584', '--json', '--corpus'];
  const fuzzed = await finished(reprise(...fuzzing, 'one'), 1);
  const fuzzQueued = await finished(reprise(...fuzzing, 'many', '--queue', url), 1);
  const plain = ({ findings, ...rest }) => {
    return { ...rest, corpus: '', log: '', findings: findings.map(({ log, ...finding }) => finding) };
  };
  assert.deepEqual(plain(fuzzQueued), plain(fuzzed));
  assert.deepEqual(readdirSync(join(folder, 'many/queue')), readdirSync(join(folder, 'one/queue')));
  process.stdout.write('queue: fuzz finds what one process finds\n');

  const verifying = ['verify', 'good.rlog', '--schedules', '8', '--seed', '3', '--json'];
  const verified = await finished(reprise(...verifying), 0);
  assert.equal(verified.schedules.length, 8);
  const verifyQueued = await finished(reprise(...verifying, '--queue', url), 0);
  assert.deepEqual({ ...verifyQueued, hostSeconds: 0 }, { ...verified, hostSeconds: 0 });
  process.stdout.write('queue: verify runs its schedules as one process does\n');
  for (const worker of workers.slice(2)) {
    worker.kill('SIGTERM');
    assert.equal(await worker.ended, 143, worker.text.err);
  }
} finally {
  for (const child of processes) child.kill('SIGKILL');
}
