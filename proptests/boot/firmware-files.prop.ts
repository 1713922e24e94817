/**
 * The files that firmware finds in fw_cfg, as firmware uses them: the script that places ACPI tables leaves tables
 * whose checksums are right and whose pointers lead to one another, wherever they are put; SMBIOS structures follow on
 * one another to the end, as many as the entry point says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { acpiFiles } from '../../src/core/machine/boot/acpi-loader.ts';
import { smbiosFiles } from '../../src/core/machine/boot/smbios.ts';

const platform = { hasApic: true, hasPci: true, hasVga: true, pirqLines: [10, 10, 11, 11] };
const files = new Map(acpiFiles(platform, 64 << 20));
const text = (bytes: Uint8Array, at: number, count: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + count)).replace(/\0.*$/, '');
const sumOf = (bytes: Uint8Array, from: number, count: number): number =>
  bytes.subarray(from, from + count).reduce((sum, byte) => sum + byte, 0) & 0xff;

/** What a loader makes of the script: memory with both files at those addresses. */
function load(places: Readonly<Record<string, number>>): Uint8Array {
  const memory = new Uint8Array(1 << 20);
  const view = new DataView(memory.buffer);
  const script = files.get('etc/table-loader') as Uint8Array;
  const commands = new DataView(script.buffer, script.byteOffset, script.length);
  for (let at = 0; at < script.length; at += 128) {
    const name = text(script, at + 4, 56);
    const place = places[name];
    const number = commands.getUint32(at, true);
    if (number === 1) {
      assert.equal(place % commands.getUint32(at + 60, true), 0);
      memory.set(files.get(name) as Uint8Array, place);
    } else if (number === 2) {
      const field = place + commands.getUint32(at + 116, true);
      const target = places[text(script, at + 60, 56)];
      assert.ok([4, 8].includes(script[at + 120]));
      view.setUint32(field, view.getUint32(field, true) + target, true);
    } else {
      assert.equal(number, 3);
      const [field, from, count] = [60, 64, 68].map((offset) => commands.getUint32(at + offset, true));
      memory[place + field] = 0;
      memory[place + field] = -sumOf(memory, place + from, count);
    }
  }
  return memory;
}

test('the script leaves ACPI tables that are whole, wherever they are put', () => {
  const address = fc.integer({ min: 1, max: 0x3fff }).map((unit) => unit * 64);
  fc.assert(
    fc.property(address, address, (root, tables) => {
      if (Math.abs(root - tables) < 0x4000 || Math.max(root, tables) > 0xf8000) return;
      const memory = load({ 'etc/acpi/rsdp': root, 'etc/acpi/tables': tables });
      const view = new DataView(memory.buffer);
      const word = (at: number): number => view.getUint32(at, true);
      assert.equal(text(memory, root, 8), 'RSD PTR ');
      assert.deepEqual([sumOf(memory, root, 20), sumOf(memory, root, 36)], [0, 0]);
      const whole = (at: number, signature: string): number => {
        assert.equal(text(memory, at, 4), signature);
        assert.equal(sumOf(memory, at, word(at + 4)), 0, signature);
        return at;
      };
      const rsdt = whole(word(root + 16), 'RSDT');
      const xsdt = whole(word(root + 24), 'XSDT');
      const [fadt, madt] = [word(rsdt + 36), word(rsdt + 40)];
      assert.deepEqual([word(xsdt + 36), word(xsdt + 44)], [fadt, madt]);
      whole(fadt, 'FACP');
      whole(madt, 'APIC');
      whole(word(fadt + 40), 'DSDT');
      assert.equal(word(fadt + 140), word(fadt + 40));
      const facs = word(fadt + 36);
      assert.equal(text(memory, facs, 4), 'FACS');
      assert.equal(facs % 64, 0);
    }),
    { seed: 2, numRuns: 50 },
  );
});

test('SMBIOS structures lead to the end, as many as the entry point says', () => {
  for (const megabytes of [1, 64, 2032]) {
    const smbios = new Map(smbiosFiles(megabytes << 20));
    const tables = smbios.get('etc/smbios/smbios-tables') as Uint8Array;
    const anchor = smbios.get('etc/smbios/smbios-anchor') as Uint8Array;
    assert.deepEqual([text(anchor, 0, 4), text(anchor, 16, 5)], ['_SM_', '_DMI_']);
    assert.deepEqual([sumOf(anchor, 0, anchor.length), sumOf(anchor, 16, 15)], [0, 0]);
    assert.equal(anchor[22] | (anchor[23] << 8), tables.length);
    const types: number[] = [];
    for (let at = 0; at < tables.length; ) {
      types.push(tables[at]);
      at += tables[at + 1];
      // Texts end with an empty one.
      while (tables[at] !== 0 || tables[at + 1] !== 0) at++;
      at += 2;
    }
    assert.equal(types.length, anchor[28]);
    assert.equal(types.at(-1), 127);
  }
});
