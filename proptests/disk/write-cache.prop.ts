/**
 * A disk whose power fails: what was flushed, forced or written without a cache stays; of what was written since, each
 * sector holds one of its versions, whichever the seed chooses; a transfer on its way may come in part, its sectors
 * whole. The cut is an input of the log, which replays on every engine and without devices, and what remains is the
 * same disk every time. Without the option there is no cache, and the state of a machine is what it was.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { crash, cutInputs, diskContents, planCuts, writeTicksOf } from '../../src/core/chaos/power-cut.ts';
import type { AtaDrive } from '../../src/core/devices/disk/ata-drive.ts';
import type { Ide } from '../../src/core/devices/disk/ide.ts';
import { openLog } from '../../src/core/log/log.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { loadEngine } from '../../src/engines.ts';
import { engineNames, record, replay } from '../../src/library.ts';
import { hda, kernel } from './disk-guest.ts';
import { IdeDriver, numberedDisk } from './ide-driver.ts';

const SECTORS = 24;
const MEMORY = 0x10000;

/** A sector of which every byte says how often it has been written. */
const version = (count: number): Uint8Array => new Uint8Array(512).fill(count);

function driveOf(driver: IdeDriver): AtaDrive {
  const ide = driver.harness.board.devices.find(({ name }) => name === 'ide') as Ide;
  return ide.disks.get('hda') as AtaDrive;
}

/** What the medium holds, past the data port. */
function medium(driver: IdeDriver, sector: number): Uint8Array {
  const bytes = new Uint8Array(512);
  driveOf(driver).contents.read(sector * 512, bytes);
  return bytes;
}

function writeByPort(driver: IdeDriver, lba: number, count: number, value: number): void {
  driver.command(0x30, lba, count);
  for (let i = 0; i < count; i++) driver.dataOut(version(value));
  driver.wait();
}

function startByMaster(driver: IdeDriver, lba: number, count: number, value: number, isForced: boolean): void {
  driver.harness.memory.fill(value, MEMORY, MEMORY + count * 512);
  if (isForced) driver.commandExt(0x3d, lba, count);
  else driver.command(0xca, lba, count);
  // Regions that end inside sectors.
  driver.startMaster(
    [
      { address: MEMORY, count: 300 },
      { address: MEMORY + 300, count: count * 512 - 300 },
    ],
    false,
  );
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('port', 'master', 'forced'),
      lba: fc.nat(20),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('flush', 'cache-off', 'cache-on'),
      lba: fc.constant(0),
      count: fc.constant(1),
    }),
  },
);

test('after a cut each sector holds a version since the last flush, and whole sectors alone are torn apart', () => {
  const seen = { kept: 0, lost: 0, between: 0, torn: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(), fc.nat(4), (steps, seed, onItsWay) => {
      const before = numberedDisk(SECTORS);
      const driver = new IdeDriver({ hda: before }, 0, { writeCacheKilobytes: 64 });
      /** Of each sector: what may be on the medium, oldest first. */
      const versions: Uint8Array[][] = Array.from({ length: SECTORS }, (_, i) => [
        before.slice(i * 512, i * 512 + 512),
      ]);
      let isCaching = true;
      let value = 0;
      const written = (lba: number, count: number, isDurable: boolean): void => {
        for (let i = lba; i < lba + count; i++) {
          if (isDurable) versions[i] = [];
          versions[i].push(version(value));
        }
      };
      for (const { kind, lba, count } of steps) {
        value++;
        if (kind === 'port') {
          writeByPort(driver, lba, count, value);
          written(lba, count, !isCaching);
        } else if (kind === 'master' || kind === 'forced') {
          startByMaster(driver, lba, count, value, kind === 'forced');
          driver.wait();
          driver.stopMaster();
          written(lba, count, kind === 'forced' || !isCaching);
        } else {
          if (kind === 'flush') driver.command(0xe7);
          else driver.command(0xef, 0, 0, { features: kind === 'cache-on' ? 0x02 : 0x82 });
          driver.wait();
          if (kind !== 'flush') isCaching = kind === 'cache-on';
          if (kind !== 'cache-on') for (const list of versions) list.splice(0, list.length - 1);
        }
      }
      if (onItsWay > 0) {
        value++;
        startByMaster(driver, 3, onItsWay, value, false);
        written(3, onItsWay, false);
      }
      driver.harness.board.input({ kind: 'power-cut', drive: 'hda', seed });
      let arrived = 0;
      for (let sector = 0; sector < SECTORS; sector++) {
        const bytes = medium(driver, sector);
        const at = versions[sector].findIndex((each) => Buffer.from(each).equals(bytes));
        assert.ok(at >= 0, `sector ${sector} holds ${bytes.slice(0, 4).join(' ')}, which was never whole there`);
        const last = versions[sector].length - 1;
        if (last > 0) seen[at === last ? 'kept' : at === 0 ? 'lost' : 'between']++;
        if (sector >= 3 && sector < 3 + onItsWay && at === last) arrived++;
      }
      if (arrived > 0 && arrived < onItsWay) seen.torn++;
      assert.equal(driveOf(driver).cache?.count, 0);
      // It is as it is when the power comes back, and works.
      assert.equal(driver.wait() & 0x89, 0);
      assert.deepEqual(driver.sectors(5, 1), medium(driver, 5));
    }),
    { numRuns: 200 },
  );
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 5, `${what}: ${times} times`);
});

test('a full cache writes its oldest sectors out', () => {
  for (let seed = 0; seed < 20; seed++) {
    const driver = new IdeDriver({ hda: numberedDisk(SECTORS) }, 0, { writeCacheKilobytes: 1 });
    for (const [i, lba] of [1, 2, 3, 4, 1].entries()) writeByPort(driver, lba, 1, 100 + i);
    driver.harness.board.input({ kind: 'power-cut', drive: 'hda', seed });
    // Room for two: the last two writes alone can be lost.
    assert.deepEqual(medium(driver, 2), version(101));
    assert.deepEqual(medium(driver, 3), version(102));
    assert.ok([100, 104].includes(medium(driver, 1)[0]));
  }
});

const images = { kernel, drives: { hda } };
const options = { images, memoryMegabytes: 4, writeCacheKilobytes: 64, maxTicks: 1 << 20 };

test('cuts of a run are what runs of their own leave, on every engine and without devices', async () => {
  const whole = await record(options);
  const log = openLog(whole.log);
  const setup = {
    manifest: log.header.machine,
    images: new Map(Object.entries({ kernel, hda })),
    makeEngine: await loadEngine('tiered'),
    recorded: [],
    script: [],
    failures: [],
  };
  const experiment = new Experiment(setup);
  const toTick = log.lastTick;
  const writeTicks = writeTicksOf(experiment, [], toTick);
  assert.ok(writeTicks.length > 0, 'the guest writes');
  const cuts = planCuts({ seed: 5, cuts: 200, fromTick: writeTicks[0] - 4096, toTick, writeTicks });
  assert.deepEqual(cuts, planCuts({ seed: 5, cuts: 200, fromTick: writeTicks[0] - 4096, toTick, writeTicks }));
  const left = new Map<string, Set<number>>();
  const bytesOf = (contents: { read(offset: number, target: Uint8Array): void } | undefined): Uint8Array => {
    const bytes = new Uint8Array(hda.length);
    contents?.read(0, bytes);
    return bytes;
  };
  for (const [i, cut] of cuts.entries()) {
    const bytes = bytesOf(crash(experiment, cut, ['hda']).get('hda'));
    const name = Buffer.from(bytes).toString('latin1');
    left.set(name, (left.get(name) ?? new Set()).add(i));
    if (i % 40 !== 0) continue;
    const { log: ended } = await record({ ...options, inputs: cutInputs(cut, ['hda']), maxTicks: cut.tick + 1 });
    for (const engine of engineNames()) {
      const again = await replay(ended, { images, engine });
      assert.equal(again.divergence, null, engine);
      const deviceless = await replay(ended, { images, engine, devices: 'log' });
      assert.equal(deviceless.divergence, null, `${engine}, devices log`);
      const makeEngine = await loadEngine(engine);
      const session = createReplay({ log: openLog(ended), images: setup.images, makeEngine, output: SILENT_OUTPUT });
      session.advance(Number.POSITIVE_INFINITY);
      assert.deepEqual(bytesOf(diskContents(session.machine).get('hda')), bytes, `${engine}, cut ${i}`);
    }
  }
  assert.ok(left.size > 1, 'cuts leave different disks');
});

test('a guest whose disk fails goes on, and its log replays on every engine and without devices', async () => {
  const { log } = await record({ ...options, inputs: cutInputs({ tick: 30_000, seed: 3 }, ['hda']) });
  for (const engine of engineNames()) {
    for (const devices of ['model', 'log'] as const) {
      const again = await replay(log, { images, engine, devices });
      assert.equal(again.divergence, null, `${engine}, devices ${devices}`);
    }
  }
});
