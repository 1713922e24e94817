/**
 * The CD-ROM drive by packet: what ATA/ATAPI-6 and MMC-4 say of each, data in blocks and by bus master, sense data,
 * tray and lock, media that come and go, and packets with lengths and addresses that no drive has.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DRQ, ERR } from '../../src/core/devices/disk/drive.ts';
import { IdeDriver, numberedDisk } from './ide-driver.ts';

const BLOCKS = 300;
const disc = numberedDisk(BLOCKS * 4);

class CdDriver extends IdeDriver {
  constructor(images: Readonly<Record<string, Uint8Array>> = { cdrom: disc }) {
    super(images, 1);
  }

  /** Sends a packet; `limit` bytes a block, or by bus master. */
  send(packet: readonly number[], limit = 0xfffe, isByMaster = false): void {
    this.write(6, 0xa0);
    this.write(1, isByMaster ? 1 : 0);
    this.write(4, limit & 0xff);
    this.write(5, limit >> 8);
    this.write(7, 0xa0);
    assert.equal(this.wait() & (DRQ | ERR), DRQ);
    assert.equal(this.read(2) & 3, 1, 'the packet is wanted');
    const padded = [...packet, ...new Array<number>(12).fill(0)].slice(0, 12);
    for (let i = 0; i < 12; i += 2) this.harness.board.bus.write(this.base, 2, padded[i] | (padded[i + 1] << 8));
  }

  /** All blocks of the answer, with their lengths. */
  receive(): { bytes: number[]; blocks: number[] } {
    const bytes: number[] = [];
    const blocks: number[] = [];
    while ((this.wait() & DRQ) !== 0) {
      assert.equal(this.read(2) & 3, 2, 'data for the host');
      const count = this.read(4) | (this.read(5) << 8);
      blocks.push(count);
      for (let i = 0; i < count; i += 2) {
        const word = this.harness.board.bus.read(this.base, 2);
        bytes.push(word & 0xff);
        if (i + 1 < count) bytes.push(word >> 8);
      }
    }
    assert.equal(this.read(2) & 3, 3, 'the status at the end');
    return { bytes, blocks };
  }

  ask(packet: readonly number[], limit?: number): number[] {
    this.send(packet, limit);
    const { bytes } = this.receive();
    assert.equal(this.read(7) & ERR, 0, `packet ${packet.join(' ')}`);
    return bytes;
  }

  /** Sense key and additional codes after a packet that fails. */
  refused(packet: readonly number[]): string {
    this.send(packet);
    this.wait();
    assert.equal(this.read(7) & ERR, ERR, `packet ${packet.join(' ')}`);
    const key = this.read(1) >> 4;
    const sense = this.ask([0x03, 0, 0, 0, 18]);
    assert.equal(sense[2], key);
    return `${key}/${sense[12].toString(16)}/${sense[13].toString(16)}`;
  }
}

const read10 = (block: number, count: number): number[] => [
  ...[0x28, 0, block >>> 24, (block >> 16) & 0xff, (block >> 8) & 0xff, block & 0xff, 0, count >> 8, count & 0xff],
];
const blocksOf = (block: number, count: number): number[] => [...disc.slice(block * 2048, (block + count) * 2048)];

test('a packet drive shows its signature, refuses to identify itself as a disk, and says what it is', () => {
  const driver = new CdDriver();
  driver.write(6, 0xa0);
  driver.write(7, 0xec);
  assert.equal(driver.wait() & ERR, ERR);
  assert.deepEqual([driver.read(4), driver.read(5)], [0x14, 0xeb]);
  driver.write(7, 0xa1);
  const identity = driver.dataIn(512);
  assert.equal(identity[0] | (identity[1] << 8), 0x8580);
  assert.equal(driver.wait() & (DRQ | ERR), 0);
  driver.write(7, 0x08);
  assert.equal(driver.read(7), 0);
  const inquiry = driver.ask([0x12, 0, 0, 0, 36]);
  assert.equal(inquiry[0], 5);
  assert.equal(String.fromCharCode(...inquiry.slice(8, 36)), 'REPRISE CD-ROM          1.0 ');
});

test('READ(10), READ(12) and READ CD give blocks, in pieces as large as the host allows, and by bus master', () => {
  const driver = new CdDriver();
  assert.deepEqual(driver.ask(read10(5, 3)), blocksOf(5, 3));
  driver.send(read10(7, 2), 1000);
  const { bytes, blocks } = driver.receive();
  assert.deepEqual(bytes, blocksOf(7, 2));
  assert.deepEqual(blocks, [1000, 1000, 1000, 1000, 96]);
  assert.deepEqual(driver.ask([0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 40]), blocksOf(9, 40));
  assert.deepEqual(driver.ask([0xbe, 0, 0, 0, 0, 9, 0, 0, 4, 0x10]), blocksOf(9, 4));
  driver.send(read10(100, 60), 0, true);
  driver.startMaster(
    [
      { address: 0x20000, count: 0x10000 },
      { address: 0x40000, count: 60 * 2048 - 0x10000 },
    ],
    true,
  );
  assert.equal(driver.wait() & (DRQ | ERR), 0);
  const { memory } = driver.harness;
  assert.deepEqual(
    [...memory.slice(0x20000, 0x30000), ...memory.slice(0x40000, 0x40000 + 60 * 2048 - 0x10000)],
    blocksOf(100, 60),
  );
  driver.stopMaster();
  driver.send([0x12, 0, 0, 0, 36], 0, true);
  driver.startMaster([{ address: 0x50000, count: 36 }], true);
  driver.wait();
  assert.equal(memory[0x50000], 5);
});

test('capacity, table of contents, configuration, modes', () => {
  const driver = new CdDriver();
  assert.deepEqual(driver.ask([0x25]), [0, 0, 1, 43, 0, 0, 8, 0]);
  const toc = driver.ask([0x43, 0, 0, 0, 0, 0, 0, 0, 100]);
  assert.deepEqual(toc, [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 1, 44]);
  const msf = driver.ask([0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100]);
  assert.deepEqual(msf.slice(8), [0, 0, 6, 0]);
  assert.deepEqual(driver.ask([0x43, 0, 1, 0, 0, 0, 0, 0, 12]).slice(0, 4), [0, 10, 1, 1]);
  const configuration = driver.ask([0x46, 0, 0, 0, 0, 0, 0, 1, 0]);
  assert.equal(configuration[7], 8, 'a CD');
  assert.equal(configuration[3], configuration.length - 4);
  const modes = driver.ask([0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0]);
  assert.equal((modes[0] << 8) | modes[1], modes.length - 2);
  assert.deepEqual(driver.ask([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 9]).length, 9);
});

test('what there is not is refused with the sense of it', () => {
  const driver = new CdDriver();
  assert.equal(driver.refused(read10(BLOCKS - 1, 2)), '5/21/0');
  assert.equal(driver.refused([0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), '5/21/0');
  assert.equal(driver.refused([0x5a, 0, 0x11, 0, 0, 0, 0, 1, 0]), '5/24/0');
  assert.equal(driver.refused([0x43, 0, 5, 0, 0, 0, 0, 1, 0]), '5/24/0');
  assert.equal(driver.refused([0x2a]), '5/20/0');
  driver.harness.board.input({ kind: 'disk-fault', drive: 'cdrom', isWrite: false, from: 12, to: 14 });
  assert.equal(driver.refused(read10(10, 4)), '3/11/0');
  assert.deepEqual(driver.ask(read10(14, 1)), blocksOf(14, 1));
});

test('a medium is taken out and another is put in: attention once, an event, other blocks', () => {
  const other = numberedDisk(40).reverse();
  const driver = new CdDriver({ cdrom: disc, medium1: other });
  const event = (): number[] => driver.ask([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]).slice(4, 6);
  assert.deepEqual(event(), [0, 2]);
  driver.harness.board.input({ kind: 'medium', drive: 'cdrom', medium: -1 });
  assert.equal(driver.refused([0x00]), '6/28/0');
  assert.equal(driver.refused([0x00]), '2/3a/0');
  assert.deepEqual(event(), [3, 0]);
  driver.harness.board.input({ kind: 'medium', drive: 'cdrom', medium: 1 });
  assert.deepEqual(event(), [2, 2]);
  assert.equal(driver.refused([0x25]), '6/28/0');
  assert.deepEqual(driver.ask([0x25]), [0, 0, 0, 9, 0, 0, 8, 0]);
  assert.deepEqual(driver.ask(read10(3, 1)), [...other.slice(3 * 2048, 4 * 2048)]);
});

test('the tray opens unless it is locked, and closes', () => {
  const driver = new CdDriver();
  driver.ask([0x1e, 0, 0, 0, 1]);
  assert.equal(driver.refused([0x1b, 0, 0, 0, 2]), '5/53/2');
  driver.ask([0x1e, 0, 0, 0, 0]);
  driver.ask([0x1b, 0, 0, 0, 2]);
  assert.equal(driver.refused(read10(0, 1)), '2/3a/0');
  driver.ask([0x1b, 0, 0, 0, 3]);
  assert.equal(driver.refused([0x00]), '6/28/0');
  assert.deepEqual(driver.ask(read10(0, 1)), blocksOf(0, 1));
});

test('random packets throw nothing, end, and are gone on with after saving', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const operation = fc.oneof(byte, fc.constantFrom(0x03, 0x12, 0x1b, 0x28, 0x43, 0x46, 0x4a, 0x5a, 0xa8, 0xbe));
  const packet = fc.tuple(
    operation,
    byte,
    fc.constantFrom(0, 0, 1, 0x2a, 0x3f),
    ...new Array(9).fill(fc.oneof(byte, fc.constant(0))),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(packet, fc.constantFrom(0, 1, 2, 3, 512, 0xffff)), { maxLength: 8 }), (packets) => {
      let driver = new CdDriver({ cdrom: disc, medium1: numberedDisk(10) });
      for (const [bytes, limit] of packets) {
        driver.send(bytes as number[], limit);
        for (let i = 0; i < 3000 && (driver.wait() & DRQ) !== 0; i++) driver.harness.board.bus.read(driver.base, 4);
        const next = new CdDriver({ cdrom: disc, medium1: numberedDisk(10) });
        next.harness.tick = driver.harness.tick;
        next.harness.board.load(driver.harness.board.save());
        assert.equal(next.harness.save(), driver.harness.save());
        driver = next;
        driver.write(7, 0x08);
      }
    }),
    { seed: 5, numRuns: 60 },
  );
});

test('lengths beyond what there is, odd ones and none: the reply, as much of it as is wanted', () => {
  const driver = new CdDriver();
  for (const packet of [
    [0x12, 0, 0, 0, 255],
    [0x46, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    [0x5a, 0, 0x3f, 0, 0, 0, 0, 0xff, 0xff],
    [0x43, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    [0x4a, 1, 0, 0, 0x10, 0, 0, 0xff, 0xff],
  ]) {
    const whole = driver.ask(packet);
    assert.ok(whole.length > 0 && whole.length < 1000, `${packet.join(' ')}: ${whole.length}`);
    const length = packet[0] === 0x12 ? 4 : 8;
    for (const wanted of [1, 3, 5]) {
      const shorter = packet.map((byte, i) => (i === length ? wanted : i === length - 1 && length === 8 ? 0 : byte));
      assert.deepEqual(driver.ask(shorter), whole.slice(0, wanted), `${packet[0]}: ${wanted}`);
    }
  }
  for (const packet of [read10(0, 0), [0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]]) {
    driver.send(packet);
    assert.equal(driver.wait() & (ERR | DRQ), 0, 'no block is no data');
  }
  assert.equal(driver.refused([0xbe, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x10]), '5/21/0');
});
