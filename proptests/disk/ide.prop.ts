/**
 * IDE disks by register: what ATA/ATAPI-6 says of each command, each way of naming a sector, each way of moving data,
 * and what nonsense gets. The image below is never written; what is written is read back, and random histories of reads
 * and writes agree with an array of bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytesSource } from '../../src/core/board/image.ts';
import { Harness } from '../devices/harness.ts';
import type { Ide } from '../../src/core/devices/disk/ide.ts';
import { ABRT, DRQ, ERR, IDNF } from '../../src/core/devices/disk/drive.ts';
import { IdeDriver, numberedDisk } from './ide-driver.ts';

const SECTORS = 4096;
const disk = numberedDisk(SECTORS);

const sectorsOf = (bytes: Uint8Array, lba: number, count: number): Uint8Array =>
  bytes.slice(lba * 512, (lba + count) * 512);

/** Bytes that are on no image. */
function fresh(count: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) ^ 0x5a);
}

function word(bytes: Uint8Array, index: number): number {
  return bytes[index * 2] | (bytes[index * 2 + 1] << 8);
}

function text(bytes: Uint8Array, first: number, count: number): string {
  return Array.from({ length: count * 2 }, (_, i) => String.fromCharCode(bytes[(first * 2 + i) ^ 1]))
    .join('')
    .trimEnd();
}

test('after reset a disk shows its signature, and a place without a drive shows none', () => {
  const driver = new IdeDriver({ hda: disk });
  driver.harness.out8(0x3f6, 4);
  driver.harness.out8(0x3f6, 0);
  assert.deepEqual(
    [2, 3, 4, 5, 1].map((register) => driver.read(register)),
    [1, 1, 0, 0, 1],
  );
  assert.equal(driver.read(7), 0x50);
  driver.write(6, 0xb0);
  assert.equal(driver.read(7), 0);
  assert.deepEqual([driver.read(4), driver.read(5), driver.read(6)], [0, 0, 0xb0], 'the other drive answers for it');
  assert.equal(new IdeDriver({ hda: disk }, 1).read(7), 0);
});

test('IDENTIFY DEVICE says what the disk has, and an interrupt announces it until the status is read', () => {
  const driver = new IdeDriver({ hda: disk });
  driver.command(0xec);
  assert.equal(driver.status & 0x80, 0x80);
  driver.wait();
  assert.ok(driver.interruptLine);
  driver.read(7);
  assert.ok(!driver.interruptLine);
  const identity = driver.dataIn(512);
  assert.equal(driver.status, 0x50);
  assert.equal(text(identity, 27, 20), 'REPRISE DISK');
  assert.equal(word(identity, 60) + word(identity, 61) * 65536, SECTORS);
  assert.equal(word(identity, 100), SECTORS);
  assert.deepEqual([word(identity, 1), word(identity, 3), word(identity, 6)], [4, 16, 63]);
  assert.equal(word(identity, 47) & 0xff, 16);
  driver.command(0xef, 0, 0x22, { features: 3 });
  driver.wait();
  driver.command(0xec);
  assert.equal(word(driver.dataIn(512), 63), 0x0407);
});

test('sectors are read by number, by 48 bits and by cylinder, head and sector, by words and double words', () => {
  const driver = new IdeDriver({ hda: disk });
  assert.deepEqual(driver.sectors(5, 3), sectorsOf(disk, 5, 3));
  driver.command(0x20, 100, 0);
  assert.deepEqual(driver.dataIn(256 * 512, 4), sectorsOf(disk, 100, 256));
  driver.commandExt(0x24, 1000, 300);
  assert.deepEqual(driver.dataIn(300 * 512, 4), sectorsOf(disk, 1000, 300));
  driver.write(2, 2);
  for (const [register, value] of [
    [6, 0xa0 | 3],
    [4, 2],
    [5, 0],
    [3, 7],
    [7, 0x20],
  ]) {
    driver.write(register, value);
  }
  assert.deepEqual(driver.dataIn(1024), sectorsOf(disk, (2 * 16 + 3) * 63 + 6, 2));
});

test('sectors that are written are read back, and the image stays as it is', () => {
  const before = disk.slice();
  const driver = new IdeDriver({ hda: disk });
  const bytes = fresh(5 * 512, 1);
  driver.command(0x30, 77, 5);
  assert.ok(!driver.interruptLine, 'the first block is asked for without an interrupt');
  driver.dataOut(bytes);
  assert.equal(driver.wait() & (ERR | DRQ), 0);
  assert.ok(driver.interruptLine);
  assert.deepEqual(
    driver.sectors(76, 7),
    Uint8Array.from([...sectorsOf(disk, 76, 1), ...bytes, ...sectorsOf(disk, 82, 1)]),
  );
  driver.commandExt(0x34, SECTORS - 1, 1);
  driver.dataOut(bytes.slice(0, 512), 4);
  driver.wait();
  assert.deepEqual(driver.sectors(SECTORS - 1, 1), bytes.slice(0, 512));
  assert.deepEqual(disk, before);
});

test('SET MULTIPLE MODE makes blocks of several sectors, the last one shorter', () => {
  const driver = new IdeDriver({ hda: disk });
  driver.command(0xc4, 0, 8);
  driver.wait();
  assert.deepEqual([driver.read(7) & ERR, driver.read(1)], [ERR, ABRT], 'not before it is set');
  driver.command(0xc6, 0, 3);
  assert.equal(driver.wait() & ERR, ERR);
  driver.command(0xc6, 0, 8);
  driver.wait();
  driver.command(0xc4, 10, 20);
  let interrupts = 0;
  const bytes: number[] = [];
  for (const sectors of [8, 8, 4]) {
    driver.wait();
    if (driver.interruptLine) interrupts++;
    driver.read(7);
    bytes.push(...driver.dataIn(sectors * 512));
  }
  assert.equal(interrupts, 3);
  assert.deepEqual(Uint8Array.from(bytes), sectorsOf(disk, 10, 20));
  driver.command(0xc5, 200, 20);
  driver.dataOut(fresh(20 * 512, 9));
  driver.wait();
  assert.deepEqual(driver.sectors(200, 20), fresh(20 * 512, 9));
});

test('bus master: regions of any even length are filled and emptied; the overlay goes before the image', () => {
  const driver = new IdeDriver({ hda: disk });
  const bytes = fresh(512, 3);
  driver.command(0x30, 302, 1);
  driver.dataOut(bytes);
  driver.wait();
  driver.read(7);
  driver.command(0xc8, 300, 4);
  driver.startMaster(
    [
      { address: 0x20000, count: 700 },
      { address: 0x30002, count: 1348 },
    ],
    true,
  );
  assert.equal(driver.masterStatus & 1, 1);
  assert.equal(driver.wait() & (ERR | DRQ), 0);
  assert.equal(driver.masterStatus & 7, 4, 'done, with an interrupt');
  const { memory } = driver.harness;
  const expected = sectorsOf(disk, 300, 4);
  expected.set(bytes, 1024);
  assert.deepEqual(
    Uint8Array.from([...memory.slice(0x20000, 0x20000 + 700), ...memory.slice(0x30002, 0x30002 + 1348)]),
    expected,
  );
  driver.stopMaster();
  assert.equal(driver.masterStatus, 0);
  memory.set(fresh(2048, 4), 0x40000);
  driver.startMaster([{ address: 0x40000, count: 2048 }], false);
  driver.commandExt(0x35, 3000, 4);
  driver.wait();
  driver.stopMaster();
  assert.deepEqual(driver.sectors(3000, 4), fresh(2048, 4));
});

test('a bus master that is started late, runs out, or goes the other way leaves the drive waiting with data', () => {
  const driver = new IdeDriver({ hda: disk });
  driver.command(0xc8, 0, 2);
  assert.equal(driver.wait() & DRQ, DRQ);
  driver.startMaster([{ address: 0x20000, count: 512 }], true);
  assert.equal(driver.wait() & DRQ, DRQ, 'half of it has no place');
  assert.equal(driver.masterStatus & 5, 0);
  driver.startMaster([{ address: 0x20200, count: 512 }], false);
  assert.equal(driver.wait() & DRQ, DRQ);
  driver.harness.out8(driver.master, 0);
  driver.startMaster([{ address: 0x20200, count: 512 }], true);
  assert.equal(driver.wait() & (DRQ | ERR), 0);
  assert.deepEqual(driver.harness.memory.slice(0x20000, 0x20400), sectorsOf(disk, 0, 2));
});

test('a table of two-byte regions in a circle takes time, not the host', () => {
  const driver = new IdeDriver({ hda: disk });
  const view = new DataView(driver.harness.memory.buffer);
  for (let at = 0; at < 0x10000; at += 8) {
    view.setUint32(0x10000 + at, 0x20000, true);
    view.setUint32(0x10000 + at + 4, 2, true);
  }
  driver.harness.board.bus.write(driver.master + 4, 4, 0x10000);
  driver.command(0xc8, 0, 0);
  driver.harness.out8(driver.master, 9);
  assert.equal(driver.wait() & (ERR | DRQ), 0);
});

test('sectors behind the last, sector 0 of a track and unknown commands are refused', () => {
  const driver = new IdeDriver({ hda: disk });
  const errorOf = (): number => {
    assert.equal(driver.wait() & ERR, ERR);
    return driver.read(1);
  };
  driver.command(0x20, SECTORS - 1, 2);
  assert.equal(errorOf(), IDNF);
  driver.commandExt(0x25, 2 ** 47, 1);
  assert.equal(errorOf(), IDNF);
  driver.command(0x30, 0xfffffff, 1);
  assert.equal(errorOf(), IDNF);
  driver.write(6, 0xa0);
  driver.write(3, 0);
  driver.write(2, 1);
  driver.write(7, 0x20);
  assert.equal(errorOf(), IDNF);
  for (const command of [0x00, 0x01, 0x5f, 0xa0, 0xa1, 0xff, 0x08]) {
    driver.command(command);
    assert.equal(errorOf(), ABRT, `command ${command.toString(16)}`);
  }
});

test('commands without data: flush, power, seek, geometry, the last address, SMART', () => {
  const driver = new IdeDriver({ hda: disk });
  for (const command of [0xe7, 0xea, 0xe0, 0xe1, 0xe3, 0x10, 0x70, 0x40]) {
    driver.command(command, 3, 1);
    assert.equal(driver.wait() & ERR, 0, `command ${command.toString(16)}`);
  }
  driver.command(0xe5);
  driver.wait();
  assert.equal(driver.read(2), 0xff);
  driver.command(0xf8);
  driver.wait();
  assert.equal(driver.read(3) | (driver.read(4) << 8), SECTORS - 1);
  driver.command(0xb0, 0xc24f00, 0, { features: 0xda });
  assert.equal(driver.wait() & ERR, 0);
  assert.deepEqual([driver.read(4), driver.read(5)], [0x4f, 0xc2]);
  driver.command(0xb0, 0xc24f00, 1, { features: 0xd0 });
  assert.equal(driver.dataIn(512).reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  driver.command(0xb0, 0, 0, { features: 0xda });
  assert.equal(driver.wait() & ERR, ERR);
  driver.command(0x90);
  assert.equal(driver.read(1), 1);
});

test('nIEN holds the interrupt, and lets it through afterwards', () => {
  const driver = new IdeDriver({ hda: disk });
  driver.harness.out8(0x3f6, 2);
  driver.command(0xec);
  driver.wait();
  assert.ok(!driver.interruptLine);
  assert.equal(driver.masterStatus & 4, 0);
  driver.harness.out8(0x3f6, 0);
  assert.ok(driver.interruptLine);
  assert.equal(driver.masterStatus & 4, 4);
  driver.stopMaster();
  driver.harness.out8(0x3f6, 0);
  assert.equal(driver.masterStatus & 4, 0, 'the line has not risen again');
});

test('master and slave on both channels are disks of their own; an image of an odd size ends in zeros', () => {
  const images = {
    hda: numberedDisk(64),
    hdb: numberedDisk(65).reverse(),
    hdc: numberedDisk(80),
    hdd: numberedDisk(9, 100),
  };
  const first = new IdeDriver(images);
  first.command(0x20, 3, 1, { slave: true });
  assert.deepEqual(first.dataIn(512), sectorsOf(images.hdb, 3, 1));
  assert.deepEqual(first.sectors(3, 1), sectorsOf(images.hda, 3, 1));
  const second = new IdeDriver(images, 1);
  assert.deepEqual(second.sectors(3, 1), sectorsOf(images.hdc, 3, 1));
  second.command(0x20, 9, 1, { slave: true });
  assert.deepEqual(second.dataIn(512), Uint8Array.from([...images.hdd.slice(9 * 512), ...new Uint8Array(412)]));
});

test('where there is no room for what is written, the disk reports a fault and keeps what it has', () => {
  const driver = new IdeDriver({ hda: numberedDisk(4096) }, 0, { diskRoomMegabytes: 1 });
  const bytes = fresh(4096, 2);
  let written = 0;
  for (let page = 0; page < 512; page++) {
    driver.command(0x30, page * 8, 8);
    driver.dataOut(bytes.slice(0, 512));
    if ((driver.wait() & ERR) !== 0) break;
    driver.dataOut(bytes.slice(512));
    assert.equal(driver.wait() & ERR, 0);
    written++;
  }
  assert.equal(written, 256);
  assert.equal(driver.status & 0x21, 0x21);
  assert.deepEqual(driver.sectors(255 * 8, 8), bytes);
  assert.equal(
    (driver.harness.board.devices.find(({ name }) => name === 'ide') as Ide).disks.get('hda')?.contents.isFull,
    true,
  );
});

test('random histories of reads and writes agree with an array of bytes, through saving and loading', () => {
  const place = fc.integer({ min: 0, max: 255 });
  const step = fc.record({
    lba: place,
    count: fc.integer({ min: 1, max: 20 }),
    how: fc.constantFrom('read', 'write', 'dma-read', 'dma-write', 'save'),
    seed: fc.nat(255),
  });
  const image = numberedDisk(300);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const model = image.slice();
      let driver = new IdeDriver({ hda: image });
      for (const { lba, count, how, seed } of steps) {
        const bytes = fresh(count * 512, seed);
        const { memory } = driver.harness;
        if (how === 'read') assert.deepEqual(driver.sectors(lba, count), sectorsOf(model, lba, count));
        else if (how === 'write') {
          driver.command(0x30, lba, count);
          driver.dataOut(bytes);
          driver.wait();
          model.set(bytes, lba * 512);
        } else if (how === 'save') {
          const next = new IdeDriver({ hda: image }, 0, { tick: driver.harness.tick });
          for (const [name, bulk] of driver.harness.bulks) next.harness.bulks.get(name)?.bytes.set(bulk.bytes);
          next.harness.board.load(driver.harness.board.save());
          assert.equal(next.harness.save(), driver.harness.save());
          driver = next;
        } else {
          const isRead = how === 'dma-read';
          if (!isRead) memory.set(bytes, 0x20000);
          driver.command(isRead ? 0xc8 : 0xca, lba, count);
          driver.startMaster([{ address: 0x20000, count: count * 512 }], isRead);
          driver.wait();
          driver.stopMaster();
          if (isRead) assert.deepEqual(memory.slice(0x20000, 0x20000 + count * 512), sectorsOf(model, lba, count));
          else model.set(bytes, lba * 512);
        }
      }
      assert.deepEqual(driver.sectors(0, 256), sectorsOf(model, 0, 256));
    }),
    { seed: 14, numRuns: 25 },
  );
});

test('a block that the host is to fill holds nothing of an earlier one, which a saved state would not have', () => {
  const images = [{ role: 'hda', source: bytesSource(numberedDisk(64)) }];
  const first = new Harness({ images }).silenceTimer();
  const command = (harness: Harness, code: number): void => {
    harness.out8(0x1f6, 0xe0);
    harness.out8(0x1f2, 1);
    harness.out8(0x1f7, code);
    harness.run(10_000);
  };
  command(first, 0xec);
  for (let word = 0; word < 256; word++) first.board.bus.read(0x1f0, 2);
  const second = new Harness({ images, tick: first.tick });
  second.board.load(first.board.save());
  for (const harness of [first, second]) command(harness, 0x30);
  assert.equal(second.save(), first.save());
});

test('regions and a table where nothing is: what is read is lost, what is written is ones', () => {
  const driver = new IdeDriver({ hda: disk });
  const [hole, apic] = [0x5000_0000, 0xfee0_0000];
  driver.command(0xc8, 0, 3);
  driver.startMaster(
    [
      { address: hole, count: 512 },
      { address: apic, count: 512 },
      { address: 0xffff_fe00, count: 512 },
    ],
    true,
  );
  assert.equal(driver.wait() & (ERR | DRQ), 0);
  driver.stopMaster();
  driver.startMaster([{ address: hole, count: 512 }], false);
  driver.command(0xca, 7, 1);
  driver.wait();
  driver.stopMaster();
  assert.deepEqual(driver.sectors(7, 1), new Uint8Array(512).fill(0xff));
  // A table of ones: regions at odd addresses, of which the first is the last.
  driver.harness.board.bus.write(driver.master + 4, 4, hole);
  driver.command(0xc8, 0, 255);
  driver.harness.out8(driver.master, 9);
  driver.wait();
  driver.harness.out8(driver.master, 0);
  driver.write(0x206, 4);
  driver.write(0x206, 0);
  assert.equal(driver.wait() & (ERR | DRQ), 0);
});
