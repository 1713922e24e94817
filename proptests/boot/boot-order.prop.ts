/**
 * In which order firmware tries the drives: the file that names them, and what SeaBIOS boots of a disk and a diskette
 * of which each says which one it is. Needs Debian's package seabios.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { bootOrderFile } from '../../src/core/machine/boot/boot-order.ts';
import { record, replay } from '../../src/library.ts';

const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const skip = existsSync(SEABIOS) ? false : `needs ${SEABIOS} (Debian: apt-get install seabios)`;

test('the file names the drives that are there, by letter and place, with a zero byte behind the last', () => {
  const lines = (order: string, ...roles: string[]): string[] => {
    const text = new TextDecoder().decode(bootOrderFile(order, new Set(roles)));
    assert.equal(text.indexOf('\0'), text.length - 1);
    return text.slice(0, -1).split('\n');
  };
  const ide = '/pci@i0cf8/ide@1,1';
  const floppy = '/pci@i0cf8/isa@1/fdc@03f0';
  assert.deepEqual(lines('cda', 'bios', 'hda', 'hdd', 'cdrom', 'fdb', 'medium1'), [
    `${ide}/drive@0/disk@0`,
    `${ide}/drive@1/disk@1`,
    `${ide}/drive@1/disk@0`,
    `${floppy}/floppy@1`,
  ]);
  assert.deepEqual(lines('ac', 'hdb', 'fda'), [`${floppy}/floppy@0`, `${ide}/drive@0/disk@1`]);
  assert.deepEqual(lines('nd', 'hda'), ['']);
});

/** A medium whose boot sector ends the run and says that number. */
function medium(number: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(assemble(`bits 16\norg 0x7c00\nmov al, ${number}\nout 0xf4, al\nhlt\n`).bytes);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

const DISK = 1;
const DISKETTE = 2;

// With the network alone, which nothing here boots from, the drives come in SeaBIOS's own order, as QEMU's show too.
for (const [bootOrder, expected] of Object.entries({ c: DISK, a: DISKETTE, nca: DISK, n: DISKETTE })) {
  test(`SeaBIOS boots with order=${bootOrder}`, { skip }, async () => {
    const bios = new Uint8Array(readFileSync(SEABIOS));
    const images = { bios, drives: { hda: medium(DISK, 1 << 20), fda: medium(DISKETTE, 1440 << 10) } };
    const run = await record({ images, memoryMegabytes: 16, bootOrder, maxTicks: 100_000_000 });
    assert.equal(run.debugExit, expected);
    const log = openLog(run.log);
    assert.ok(log.header.machine.devices.some(({ name, version }) => name === 'fw-cfg' && version === 2));
    const [withModels, without] = await Promise.all(
      (['model', 'log'] as const).map(async (devices) => {
        const said: number[] = [];
        const again = await replay(log, { images, devices, onDebugConsole: (byte) => said.push(byte) });
        assert.equal(again.divergence, null);
        return new TextDecoder().decode(Uint8Array.from(said));
      }),
    );
    assert.equal(without, withModels);
    const first = expected === DISK ? /1: .*\/drive@0\/disk@0/ : /1: .*\/floppy@0/;
    if (bootOrder !== 'n') assert.match(withModels, first);
  });
}
