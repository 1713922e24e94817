/**
 * The library's example runs and says what it should; settings that cannot be are refused with a sentence; and the
 * library knows no host: no module that it reaches is of Node or of src/host, and it does the same without what only
 * Node has. Everything else about the library is tested where the sessions are, in proptests/replay.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { sha256 } from '../../src/core/base/sha256.ts';
import { multibootFlat } from '../boot/images.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { forgeMachine } from '../cli/forge.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { sha256 as sha256OfNode } from '../../src/host/node/images.ts';
import { createMachine, openLog, record, type RecordSettings, replay, VERSION } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { resolveImport } from '../tidy/tidy.ts';
import { importsOf, tokenize } from '../tidy/tokens.ts';
import { tour } from './example.ts';

test('the example of the library says what happened', async () => {
  const said = await tour(buildGuest('echo'));
  assert.equal(said[0], 'at tick 2000000 the guest has said "echo: type quit to end\\nhi\\n"');
  assert.match(said[1], /^recorded 5000\d{3} ticks, ended by debug-exit 16$/);
  assert.deepEqual(said.slice(2, 4), [
    'input at tick 3000000: serial0 "hi\\n"',
    'input at tick 5000000: serial0 "quit\\n"',
  ]);
  assert.match(said[4], /^checks of [3-9] kinds$/);
  assert.equal(said[5], 'replayed: the same');
  assert.match(said[6], /after tick 3000000 and by tick 4000000/);
  assert.match(said[6], /page 768 /);
});

test('what cannot be is refused with a sentence', async () => {
  const kernel = buildGuest('echo');
  await assert.rejects(createMachine({ images: {} }), { name: 'UsageError', message: /nothing to boot/ });
  await assert.rejects(createMachine({ images: { kernel }, engine: 'warp' }), /no engine "warp"/);
  await assert.rejects(createMachine({ images: { kernel: new Uint8Array(100) } }), { name: 'BootError' });
  await assert.rejects(
    createMachine({ images: { kernel, initrd: kernel } }),
    /takes no initial RAM disk: give modules/,
  );
  await assert.rejects(createMachine({ images: { kernel, bios: kernel } }), /firmware boots without a kernel/);
  await assert.rejects(createMachine({ images: { kernel }, nsPerTick: 3 }), /power of two/);
  await assert.rejects(
    createMachine({ images: { kernel }, memoryMegabytes: 0.5 }),
    /memoryMegabytes wants a whole number/,
  );
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 1000 });
  await assert.rejects(replay(log), {
    name: 'LogError',
    message: /needs the kernel image.*SHA-256 [0-9a-f]{64}.*none was given/,
  });
  assert.throws(() => openLog(new Uint8Array(0)), { name: 'LogError' });
});

test('every length of a tick that is accepted records and replays; from a log too, others get a sentence', async () => {
  const images = { kernel: buildGuest('interrupts') };
  let last: Uint8Array | null = null;
  for (let nsPerTick = 1 / 1024; nsPerTick <= 1 << 20; nsPerTick *= 2) {
    const { log } = await record({ images, memoryMegabytes: 4, maxTicks: 200_000, nsPerTick });
    const { divergence } = await replay(log, { images });
    assert.equal(divergence, null, `${nsPerTick}`);
    last = log;
  }
  assert.ok(last !== null);
  for (const nsPerTick of [2 ** -20, 2 ** -11, 2 ** 21, 3, 0, -8, Number.NaN, Number.POSITIVE_INFINITY]) {
    await assert.rejects(createMachine({ images, nsPerTick }), { name: 'UsageError', message: /power of two/ });
    const forged = forgeMachine(last, { nsPerTick });
    await assert.rejects(replay(forged, { images }), ({ name, message }: Error) => {
      return /^(LogError|SessionError)$/.test(name) && /^[^\n]+\.$/.test(message) && !/bug/.test(message);
    });
  }
});

/** Every source that `path` reaches, with what it names of packages, Node and the host. */
function reachedFrom(path: string, read: (path: string) => string | undefined) {
  const sources = new Set<string>();
  const packages = new Set<string>();
  const foreign: string[] = [];
  const visit = (from: string): void => {
    if (sources.has(from)) return;
    sources.add(from);
    const text = read(from);
    if (text === undefined) foreign.push(`${from} cannot be read`);
    for (const { specifier, typeOnly } of importsOf(tokenize(text ?? ''))) {
      if (typeOnly) continue;
      const target = resolveImport(from, specifier);
      if (target !== undefined) visit(target);
      else if (specifier.startsWith('node:')) foreign.push(`${from} imports ${specifier}`);
      else packages.add(specifier);
    }
  };
  visit(path);
  foreign.push(...[...sources].filter((source) => source.startsWith('src/host/')));
  return { sources, packages: [...packages].sort(), foreign };
}

test('nothing that the library reaches, at once or when an engine is asked for, is of Node or of src/host', () => {
  const read = (path: string): string | undefined =>
    existsSync(join(projectRoot, path)) ? readFileSync(join(projectRoot, path), 'utf8') : undefined;
  const { sources, packages, foreign } = reachedFrom('src/library.ts', read);
  assert.deepEqual(foreign, []);
  assert.deepEqual(packages, ['fflate/browser', 'msgpackr/pack', 'msgpackr/unpack']);
  for (const engine of ['tiers/interp/engine.ts', 'tiers/tiering.ts']) assert.ok(sources.has(engine), engine);
  assert.ok(sources.size > 100, `${sources.size} sources`);
});

test('the walk sees what it should, however deep and however loaded', () => {
  const invented: Record<string, string> = {
    'src/library.ts': "import './a.ts'; export const f = () => import('./b.ts'); import type { X } from './host/x.ts';",
    'src/a.ts': "import { readFileSync } from 'node:fs';",
    'src/b.ts': "import { y } from './host/y.ts'; import { Decoder } from 'iced-x86';",
    'src/host/y.ts': '',
  };
  const { packages, foreign } = reachedFrom('src/library.ts', (path) => invented[path]);
  assert.deepEqual(foreign, ['src/a.ts imports node:fs', 'src/host/y.ts']);
  assert.deepEqual(packages, ['iced-x86']);
});

test('the example says the same where there is nothing of Node', () => {
  const url = (path: string): string => JSON.stringify(pathToFileURL(join(projectRoot, 'dist', path)).href);
  const script = `
    const print = console.log.bind(console);
    const kernel = Uint8Array.from(Buffer.from(process.argv[1], 'base64'));
    for (const name of ['process', 'Buffer', 'setImmediate', 'setTimeout', 'setInterval', 'global', 'performance']) {
      Reflect.deleteProperty(globalThis, name);
      if (name in globalThis) throw new Error(name + ' is still there');
    }
    const { tour } = await import(${url('proptests/library/example.js')});
    print(JSON.stringify(await tour(kernel)));`;
  const kernel = buildGuest('echo');
  const words = ['--input-type=module', '-e', script, Buffer.from(kernel).toString('base64')];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const said = JSON.parse(stdout) as string[];
  assert.equal(said[5], 'replayed: the same');
  assert.equal(said.length, 7);
});

test('the lines of the README run as they stand', () => {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/<!-- library:.*-->\n\n```js\n([\s\S]*?)```/g)].map(([, block]) => block);
  assert.equal(blocks.length, 2);
  const lines = blocks.join('\n');
  assert.match(lines, /from 'reprise'/);
  const folder = mkdtempSync(join(tmpdir(), 'reprise-readme-'));
  try {
    // The package under its own name, as if it were installed here.
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(projectRoot, join(folder, 'node_modules', 'reprise'), 'dir');
    writeFileSync(join(folder, 'kernel.bin'), buildGuest('echo'));
    writeFileSync(join(folder, 'lines.mjs'), lines);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['lines.mjs'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const first = /^echo: type quit to end\nhello\nquit\nbye\n \d+ debug-exit\nthe same\n/;
    assert.match(stdout, first);
    assert.match(stdout.replace(first, ''), /^(an o was sent by tick \d+\n)+watchpoint at the last write\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

type RunSettings = Omit<RecordSettings, 'images'>;

/** CLI; HLT; JMP back: nothing but an NMI or a reset could wake it. */
function deadKernel(): Uint8Array {
  const image = multibootFlat();
  image.set([0xfa, 0xf4, 0xeb, 0xfd], 0x100);
  return image;
}

const SCRIPT = 'when "quit to end" serial "hello\\n"\nat 9_000_000 serial "quit\\n"\n';
const runs: readonly (readonly [what: string, kernel: () => Uint8Array, words: string, settings: RunSettings])[] = [
  ['a script', () => buildGuest('echo'), '--input script', { script: SCRIPT }],
  ['stored checkpoints', () => buildGuest('smc'), '--checkpoint-every 1000000', { checkpointEveryTicks: 1_000_000 }],
  ['a guest that is dead', deadKernel, '--profile checked', { profile: 'checked' }],
  ['an end in the middle', () => buildGuest('sieve'), '--max-ticks 1234567', { maxTicks: 1_234_567 }],
];

for (const [what, kernel, words, settings] of runs) {
  test(`library and command line record the same bytes: ${what}`, async () => {
    const { log, reason } = await record({
      images: { kernel: kernel() },
      memoryMegabytes: 4,
      embed: true,
      ...settings,
    });
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'kernel'), kernel());
      writeFileSync(join(cwd, 'script'), SCRIPT);
      const always = '--kernel kernel --memory 4 --embed --epoch 1970-01-01T00:00:00Z --serial none';
      const { status, stderr } = await reprise(['record', 'a.rlog', ...`${always} ${words}`.split(' ')], { cwd });
      assert.equal(status, reason === 'debug-exit' ? 33 : 0, stderr);
      assert.ok(Buffer.from(log).equals(readFileSync(join(cwd, 'a.rlog'))), `${log.length} bytes, ended by ${reason}`);
    });
  });
}

test('SHA-256 without Node is that of Node, at every length around a block and over many', () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 2_654_435_761) >>> 13);
  for (let length = 0; length < 200; length++) {
    assert.equal(sha256(bytes.subarray(7, 7 + length)), sha256OfNode(bytes.subarray(7, 7 + length)), `${length} bytes`);
  }
  assert.equal(sha256(bytes), sha256OfNode(bytes));
});

test('the version is the one of package.json', () => {
  const text = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  assert.equal(VERSION, (JSON.parse(text) as { version: string }).version);
});
