/**
 * Symbols of a kernel that has moved: a built-in guest that gets a banner where no file says, and a System.map of names
 * as far away as a kernel that placed itself at random. Every part that names addresses goes by where it is: the
 * debugger, gdb, traces, coverage; and says so while that is not known.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { Debugger } from '../../src/host/debugger/debugger.ts';
import { LiveTarget } from '../../src/host/gdb/live-target.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { GdbStub } from '../../src/host/gdb/stub.ts';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { readElfSymbols, readSystemMap } from '../../src/host/symbols/read-symbols.ts';
import { readSymbolFile, symbolsFromBytes } from '../../src/host/symbols/symbol-files.ts';
import { SymbolSource, symbolOf, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { openLog, record, type InputEvent } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { go, makeEngine, recordGuest, timelineOf } from '../timeline/fixture.ts';
import { runGdb, skipGdb } from '../timeline/gdb-client.ts';

const SLIDE = 0x60_0000;
const BANNER = 0x3f_8500;
/** The kernel "runs" from here on. */
const PLACED_TICK = 20_000;
const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

const { bytes: kernel, symbols } = assembleGuest('sort');
const quicksort = symbols.get('quicksort') ?? 0;
const banner: InputEvent = {
  kind: 'edit-memory',
  address: BANNER,
  bytes: Uint8Array.from(Buffer.from('Linux version 6.1 of our own\0')),
};
// Every built-in guest is known by its bytes: with one more it is nobody's, and all names come from the map.
const image = Uint8Array.from([...kernel, 0]);
const recording = await record({
  images: { kernel: image },
  append: '1',
  memoryMegabytes: 4,
  embed: true,
  maxTicks: 120_000,
  inputs: [{ tick: PLACED_TICK, event: banner }],
});
const run = { name: 'sort', log: openLog(recording.log), images: new Map([['kernel', image]]) };

const places = [...symbols].filter(([, address]) => address >= 0x10_0000 && address < 0x10_0000 + kernel.length);
const map = [
  '00000042 A an_absolute',
  `${hex8(BANNER - SLIDE)} D linux_banner`,
  ...places.map(([name, address]) => `${hex8(address - SLIDE)} T ${name}`),
].join('\n');

async function inMap<T>(work: (log: string, map: string) => Promise<T>, text = map): Promise<T> {
  return await inFolder(async (folder) => {
    const [log, path] = [join(folder, 'sort.rlog'), join(folder, 'System.map')];
    writeFileSync(log, recording.log);
    writeFileSync(path, text);
    return await work(log, path);
  });
}

async function debug(log: string, options: string[], commands: string): Promise<Record<string, unknown>[]> {
  const ended = await reprise(['debug', log, ...options, '--json', '--exec', commands]);
  assert.equal(ended.status, 0, ended.stderr);
  return ended.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('the debugger finds out where a kernel will be, and stops, disassembles and names there', async () => {
  await inMap(async (log, path) => {
    const answers = await debug(log, ['--symbols', path], 'b quicksort; when; c; u; p an_absolute; symbols');
    const [set, when, hit, listing, absolute, sources] = answers;
    assert.equal(set.address, quicksort);
    assert.equal(when.tick, 0, 'looking ahead does not move');
    assert.equal(hit.kind, 'breakpoint');
    assert.equal(hit.eip, quicksort);
    assert.equal(hit.symbol, 'quicksort');
    assert.match(JSON.stringify(listing), /"symbol":"quicksort\+0x/);
    assert.equal(absolute.value, 0x42);
    assert.match(JSON.stringify(sources), new RegExp(`"slide":${SLIDE}`));
  });
});

test('before it is known that is said; what is never found is said too', async () => {
  await inMap(async (log, path) => {
    const ended = await reprise(['debug', log, '--symbols', path, '--exec', 'symbols; u; seek 30000; symbols']);
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(ended.stdout, /not known yet/);
    assert.match(ended.stdout, /moved by 0x600000/);
    assert.match(ended.stdout, /in gdb type: symbol-file -o 0x600000 /);
  });
  await inMap(
    async (log, path) => {
      const ended = await reprise(['debug', log, '--symbols', path, '--exec', 'b quicksort']);
      assert.equal(ended.status, 2);
      assert.match(ended.stderr, /not known yet .* another kernel/);
    },
    map.replace(hex8(BANNER - SLIDE), hex8(BANNER - SLIDE + 0x30)),
  );
});

test('an offset that is given is taken as it is', async () => {
  await inMap(async (log, path) => {
    const [set] = await debug(log, ['--symbols', `${path}+0x${SLIDE.toString(16)}`], 'b quicksort');
    assert.equal(set.address, quicksort);
    const [more] = await debug(log, [], `symbols ${path}+${SLIDE}; b quicksort`).then((all) => all.slice(1));
    assert.equal(more.address, quicksort);
  });
});

test('coverage and traces name functions that have moved', async () => {
  await inMap(async (log, path) => {
    const window = ['--from', '1000', '--to', '40000', '--symbols', path, '--json'];

    for (const options of [['--format', 'coverage'], ['--functions']]) {
      const out = `${log}.${options.length}`;
      const ended = await reprise(['trace', log, out, ...options, ...window]);
      assert.equal(ended.status, 0, ended.stderr);
      const text = readFileSync(out, 'utf8');
      assert.match(text, /quicksort/);
      assert.doesNotMatch(text, /code_at_|"name":"\?"|an_absolute/);
    }
  });
});

test('gdb is told where the kernel is, and stops by its own symbols', { skip: skipGdb || skipCompiler() }, async () => {
  await inFolder(async (folder) => {
    // A file whose first segment is where the names say, without the slide.
    const source = join(folder, 'names.s');
    const script = join(folder, 'names.ld');
    const elf = join(folder, 'vmlinux');
    const base = 0x10_0000;
    const labels = places
      .filter(([name]) => /^\w+$/.test(name))
      .map(([name, address]) => `.globl ${name}\n.set ${name}, _text + ${address - base}\n`);
    writeFileSync(
      source,
      `.text\n.globl _text\n_text:\n.zero ${kernel.length}\n${labels.join('')}.data\n.globl linux_banner\n` +
        `linux_banner: .ascii "x"\n`,
    );
    const data = (BANNER - SLIDE) >>> 0;
    writeFileSync(
      script,
      `ENTRY(_text)\nSECTIONS { . = ${base - SLIDE + 2 ** 32}; .text : { *(.text) } ` +
        `. = ${data}; .data : { *(.data) } }\n`,
    );
    execFileSync('gcc', [
      '-m32',
      '-nostdlib',
      '-static',
      '-no-pie',
      '-Wl,--build-id=none',
      `-Wl,-T,${script}`,
      '-o',
      elf,
      source,
    ]);
    const table = new SymbolTable();
    table.add(readSymbolFile(elf));
    const options = { commands: COMMANDS, symbols: table, logName: 'test', images: run.images, makeEngine };
    const disassemble = () => ({ text: '?', length: 1 });
    const debugging = new Debugger({ timeline: timelineOf(run), ...options, disassemble, appendFrame: null });
    const target = new RecordingTarget(debugging);
    const stub = new GdbStub(target, { console: () => {}, note: () => {} });
    assert.equal(await stub.answer('qOffsets'), '', 'not known yet');
    await debugging.execute('seek 30000');
    assert.equal(await stub.answer('qOffsets'), `TextSeg=${base.toString(16)}`);
    const server = await serveGdb({ target, port: 0, isOnce: true });
    const lines = await runGdb(server, ['break *quicksort', 'continue', 'printf "@ %x\\n", $eip', 'detach'], elf);
    assert.deepEqual(lines, [`@ ${quicksort.toString(16)}`]);
  });
});

function skipCompiler(): string | false {
  const input = 'int x;';
  const made = spawnSync('gcc', ['-m32', '-x', 'c', '-c', '-o', '/dev/null', '-'], { input });
  return made.status === 0 ? false : 'gcc for 32 bits is not installed';
}

test('absolute symbols are no code, and the plainest of several names is shown', () => {
  const table = new SymbolTable();
  table.add(
    new SymbolSource(
      'map',
      readSystemMap('01000000 A phys_startup\n01000000 t local\n01000000 T _text\n01000000 T start\n'),
    ),
  );
  assert.equal(table.describe(0x100_0004), 'start+0x4');
  assert.equal(table.address('phys_startup'), 0x100_0000);
  const absolute = new SymbolTable();
  absolute.add(new SymbolSource('map', [symbolOf('number', 0x1000, 'absolute')], 0x500));
  assert.equal(absolute.describe(0x1000), '');
  assert.equal(absolute.address('number'), 0x1000);
  assert.equal(absolute.functionAt(0x1500), null);
});

test("Debian's stub of a System.map, and listings without addresses, say what to do", () => {
  const of =
    (text: string, path = 'System.map') =>
    () =>
      symbolsFromBytes(path, Buffer.from(text));
  const stub = 'ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n';
  assert.throws(of(stub), /linux-image-VERSION-dbg and give .*vmlinux-VERSION .* where VERSION is what uname -r says/);
  const of61 = of(stub, '/boot/System.map-6.1.0-50-686');
  assert.throws(of61, /linux-image-6\.1\.0-50-686-dbg and give \/usr\/lib\/debug\/boot\/vmlinux-6\.1\.0-50-686 /);
  assert.throws(of('00000000 T a\n00000000 T b\n'), /kptr_restrict/);
  assert.throws(of('hello'), /holds no symbols: give an ELF file/);
  assert.throws(of('\x7fELFxxx'), /no table of symbols/);
  assert.deepEqual(readElfSymbols(Buffer.from('\x7fELF')), []);
});

test('a live run under gdb names what it runs', async () => {
  const guest = await recordGuest('sort', { append: '1', maxTicks: 80_000 });
  const timeline = timelineOf(guest);
  go(timeline.seek({ tick: 60_000, seq: 0 }));
  const { machine } = timeline;
  const own = { machine, isRecorded: false, makeStepper: makeEngine, images: guest.images };
  const target = new LiveTarget(own);
  assert.match((await target.monitor('symbols')).text, /symbols from guests\/sort/);
  assert.match((await target.monitor('bt')).text, /^#0 .*\n(.*\n)*#\d+ .*start_flat\+0x/);
  assert.match((await target.monitor('u quicksort 2')).text, /<quicksort>/);
  assert.match((await target.monitor('help')).text, /backtrace .*\n.*symbols /);
  // What somebody names by hand comes first.
  const symbols = new SymbolTable();
  symbols.add(
    symbolsFromBytes(
      'mine',
      new TextEncoder().encode(`${machine.cpu.m32[EIP].toString(16).padStart(8, '0')} T here_it_is\n`),
    ),
  );
  const named = new LiveTarget({ ...own, symbols });
  assert.match((await named.monitor('u here_it_is 1')).text, /<here_it_is>/);
});
