/**
 * Machine files: what `reprise info --machine LOG` prints makes the same machine again, for machines of every kind and
 * with images that lie elsewhere by now; options given beside the file go before it; what is wrong with a file is said
 * with its place. The schema and the options of the command line say the same.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { DRIVE_ROLES } from '../../src/core/devices/disk/roles.ts';
import { QUIRKS } from '../../src/core/log/quirks.ts';
import type { QuirkName } from '../../src/core/log/quirks.ts';
import { describeMachine, type GuestOptions } from '../../src/core/session/describe-machine.ts';
import { MACHINE_OPTIONS } from '../../src/host/cli/options.ts';
import { machineFileOf, withMachineFile } from '../../src/host/cli/machine-file.ts';
import { buildMachine } from '../../src/host/cli/machine-options.ts';
import { Arguments } from '../../src/host/cli/args.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { sha256 } from '../../src/host/node/images.ts';
import { projectRoot } from '../support/poison.ts';
import { inFolder, reprise } from './command.ts';

interface Schema {
  readonly properties: Readonly<Record<string, Record<string, unknown>>>;
}
const schema = JSON.parse(readFileSync(join(projectRoot, 'src/host/machine.schema.json'), 'utf8')) as Schema;

test('schema and options say the same', () => {
  const named = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { $schema: _schema, modules: _modules, quirks: _quirks, drives, ...others } = schema.properties;
  const fields = [...Object.keys(others).map(named), ...Object.keys(drives.properties as object)];
  const options = MACHINE_OPTIONS.map(({ name }) => name.replace(/^no-/, '')).filter((name) => name !== 'machine');
  assert.deepEqual(fields.sort(), options.sort());
  assert.deepEqual(Object.keys(drives.properties as object), [...DRIVE_ROLES]);
  for (const { name, range, choices } of MACHINE_OPTIONS) {
    const [, field] = Object.entries(others).find(([key]) => named(key) === name) ?? [];
    if (field === undefined) continue;
    if (range !== undefined) assert.deepEqual([field.minimum, field.maximum], range, name);
    const list = field.enum ?? (field.items as Record<string, unknown> | undefined)?.enum;
    if (choices !== undefined) assert.deepEqual(list, choices, name);
  }
});

test('what is printed makes the same manifest', async () => {
  await inFolder(async (folder) => {
    const dice = new Random(14);
    const kernel = { name: 'race.bin', data: buildGuest('race') };
    const bios = { name: 'bios.bin', data: new Uint8Array(0x10000).fill(0xf4) };
    const disk = { name: 'disk.img', data: new Uint8Array(8192).fill(7) };
    const floppy = { name: 'dos.img', data: new Uint8Array(1_474_560) };
    const module = { name: 'module.txt', data: new Uint8Array(100), commandLine: 'module.txt one two' };
    for (const { name, data } of [kernel, bios, disk, floppy, module]) writeFileSync(join(folder, name), data);
    for (let round = 0; round < 40; round++) {
      const isBios = dice.below(2) === 0;
      const some = <T>(value: T): T | undefined => (dice.below(2) === 0 ? value : undefined);
      const boot = {
        ...(isBios ? { bios } : { kernel, modules: dice.below(2) === 0 ? [module] : [] }),
        drives: { ...(dice.below(2) === 0 ? { hdb: disk } : {}), ...(dice.below(2) === 0 ? { fda: floppy } : {}) },
      };
      const options = {
        append: isBios ? undefined : some('quiet 7'),
        memoryMegabytes: some(1 + dice.below(64)),
        nsPerTick: some(dice.pick([1 / 8, 1, 32])),
        epochSeconds: some(dice.pick([0, -5, 1_700_000_000, 4e11])),
        hpet: some(true),
        parallel: some(true),
        seed: some(dice.below(1000)),
        reboot: some(false),
        serialTiming: some('baud' as const),
        vga: some(dice.pick(['std', 'none'] as const)),
        hashEveryTicks: some(dice.below(1e6)),
        bootOrder: isBios ? some('dc') : undefined,
        bootMenu: isBios ? some(true) : undefined,
        diskRoomMegabytes: some(1 + dice.below(100)),
        writeCacheKilobytes: some(1 + dice.below(1000)),
        quirks: some([dice.pick(Object.keys(QUIRKS) as QuirkName[])]),
      };
      const known = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
      const { manifest } = describeMachine(boot, known as GuestOptions, sha256);
      const path = join(folder, `pc${round}.json`);
      writeFileSync(path, JSON.stringify(machineFileOf(manifest, 'x.rlog')));
      const merged = await withMachineFile(new Arguments([], new Map([['machine', [path]]])));
      const again = buildMachine(merged);
      assert.deepEqual(again.manifest, manifest, `round ${round}: ${readFileSync(path, 'utf8')}`);
    }
  });
});

test('a user takes the machine of a log, changes it, and is told what is wrong', async () => {
  await inFolder(async (folder) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const go = (...words: string[]) => reprise(words, { cwd: folder, env });
    writeFileSync(join(folder, 'race.bin'), buildGuest('race'));
    const options = ['--memory', '4', '--epoch', '2026-01-31', '--seed', '9', '--max-ticks', '100000', '--json'];
    const first = JSON.parse((await go('record', 'a.rlog', '--kernel', 'race.bin', ...options)).stdout);
    const printed = await go('info', '--machine', 'a.rlog');
    mkdirSync(join(folder, 'elsewhere'));
    writeFileSync(join(folder, 'elsewhere', 'pc.json'), printed.stdout);
    // The kernel is found by its digest, and is called what it was called.
    const run = (...words: string[]) => go('run', '--machine', 'elsewhere/pc.json', '--max-ticks', '100000', ...words);
    assert.equal(JSON.parse((await run('--json')).stdout).hash, first.hash);
    assert.notEqual(JSON.parse((await run('--memory', '5', '--json')).stdout).hash, first.hash);
    renameSync(join(folder, 'race.bin'), join(folder, 'elsewhere', 'race.bin'));
    assert.equal(JSON.parse((await run('--json')).stdout).hash, first.hash);
    const machine = JSON.parse(printed.stdout) as Record<string, unknown>;
    const wrong: readonly (readonly [change: object, sentence: RegExp])[] = [
      [{ colour: 'red' }, /wrong at \/colour: .*machine\.schema\.json/],
      [{ memory: '64' }, /wrong at \/memory: .*"integer"/],
      [{ memory: 0 }, /wrong at \/memory: 0 is less than/],
      [{ drives: { hde: 'x' } }, /wrong at \/drives\/hde: /],
      [{ drives: { hda: { sha256: 'x' } } }, /wrong at \/drives\/hda/],
      [{ kernel: { file: 'race.bin', sha256: 'z' } }, /wrong at \/kernel\/sha256: /],
      [{ boot: { order: 'x' } }, /wrong at \/boot\/order: /],
      [{ quirks: ['brave'] }, /wrong at \/quirks: this version has no quirk "brave"/],
      [{ nsPerTick: 3 }, /--ns-per-tick wants/],
      [{ kernel: { file: 'race.bin', sha256: '0'.repeat(64) } }, /wants at \/kernel a file with the SHA-256 0000/],
      [{ kernel: 'nowhere' }, /nowhere cannot be used, there is no such file/],
      [{ initrd: 'a', modules: [{ file: 'b' }] }, /has \/initrd and \/modules: leave one out/],
    ];
    for (const [change, sentence] of wrong) {
      writeFileSync(join(folder, 'elsewhere', 'pc.json'), JSON.stringify({ ...machine, ...change }));
      const { status, stderr } = await run();
      assert.match(stderr, sentence);
      assert.equal(status, 2);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
    writeFileSync(join(folder, 'elsewhere', 'pc.json'), '{"memory": 4');
    assert.match((await run()).stderr, /is no JSON \(.*\): mend it/);
  });
});
