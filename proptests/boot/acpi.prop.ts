/**
 * The ACPI tables and the E820 map: every table is reachable from the RSDP, has its length and checksum right and says
 * what the machine has; iasl, when installed, finds nothing wrong with them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ACPI_ADDRESS, buildAcpi, type AcpiOptions } from '../../src/core/machine/boot/acpi.ts';
import { read16, read32 } from '../../src/core/machine/boot/bytes.ts';
import { E820_RAM, LOW_MEMORY_END, memoryMap } from '../../src/core/machine/boot/memory-map.ts';

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const ascii = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Every table that has a checksum, by signature, found as an operating system finds them. */
function walkTables(options: AcpiOptions): Map<string, Uint8Array> {
  const { bytes, rsdpAddress } = buildAcpi(options);
  const at = (address: number): number => address - options.address;
  const rsdp = bytes.subarray(at(rsdpAddress), at(rsdpAddress) + 36);
  assert.equal(ascii(rsdp.subarray(0, 8)), 'RSD PTR ');
  assert.equal(sum(rsdp.subarray(0, 20)), 0);
  assert.equal(sum(rsdp), 0);
  assert.equal(rsdpAddress % 16, 0);
  const tables = new Map<string, Uint8Array>();
  const open = (address: number): Uint8Array => {
    const table = bytes.subarray(at(address), at(address) + read32(bytes, at(address) + 4));
    assert.ok(table.length >= 36 && at(address) + table.length <= bytes.length);
    assert.equal(sum(table), 0, `checksum of ${ascii(table.subarray(0, 4))}`);
    tables.set(ascii(table.subarray(0, 4)), table);
    return table;
  };
  const rsdt = open(read32(rsdp, 16));
  const xsdt = open(read32(rsdp, 24));
  assert.equal((rsdt.length - 36) / 4, (xsdt.length - 36) / 8);
  for (let index = 0; index < (rsdt.length - 36) / 4; index++) {
    const address = read32(rsdt, 36 + index * 4);
    assert.equal(read32(xsdt, 36 + index * 8), address);
    assert.equal(read32(xsdt, 40 + index * 8), 0);
    open(address);
  }
  const fadt = tables.get('FACP');
  assert.ok(fadt !== undefined);
  assert.equal(read32(fadt, 36) % 64, 0);
  const facs = bytes.subarray(at(read32(fadt, 36)));
  assert.equal(ascii(facs.subarray(0, 4)), 'FACS');
  assert.equal(read32(fadt, 140), read32(fadt, 40));
  open(read32(fadt, 40));
  return tables;
}

const options = fc.record({
  address: fc.constantFrom(ACPI_ADDRESS, 0xf0000),
  ramSize: fc.integer({ min: 1, max: 3 << 10 }).map((mib) => mib * 0x100000),
  hasApic: fc.boolean(),
  hasPci: fc.boolean(),
  hasVga: fc.boolean(),
});

test('every table is found, whole, and has its checksum', () => {
  fc.assert(
    fc.property(options, (each) => {
      const tables = walkTables(each);
      assert.equal(tables.has('APIC'), each.hasApic);
      const fadt = tables.get('FACP') as Uint8Array;
      assert.equal((read16(fadt, 109) & 4) === 0, each.hasVga);
      assert.equal(Buffer.from(tables.get('DSDT') as Uint8Array).includes('PCI0'), each.hasPci);
      // \_S5 with sleep types 5, 5: the package starts with its length and count.
      const dsdt = Buffer.from(tables.get('DSDT') as Uint8Array);
      const s5 = dsdt.indexOf('_S5_');
      assert.deepEqual([...dsdt.subarray(s5 + 4, s5 + 13)], [0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0]);
    }),
    { seed: 11, numRuns: 60 },
  );
});

const iasl = spawnSync('iasl', ['-v']).status === 0;

test('iasl disassembles the tables and compiles them again', {
  skip: iasl ? false : 'iasl (acpica-tools) is not installed',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-acpi-'));
  try {
    for (const has of [false, true]) {
      const all = { address: ACPI_ADDRESS, ramSize: 256 << 20, hasApic: has, hasPci: has, hasVga: has };
      for (const [signature, table] of walkTables(all)) {
        const file = join(folder, `${signature}-${has}`);
        writeFileSync(`${file}.dat`, table);
        for (const args of [
          ['-d', `${file}.dat`],
          ['-f', `${file}.dsl`],
        ]) {
          const { status, stdout, stderr } = spawnSync('iasl', args, { cwd: folder, encoding: 'utf8' });
          const said = `${stdout}${stderr}`;
          assert.equal(status, 0, said);
          assert.ok(!/^(Error|Warning)|invalid|incorrect/im.test(said), said);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the E820 map is ascending, has no holes below 1 MiB and adds up to the memory', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 << 10 }), (mib) => {
      const ramSize = mib * 0x100000;
      let end = 0;
      for (const range of memoryMap(ramSize)) {
        assert.equal(range.address, end);
        assert.ok(range.size > 0);
        end += range.size;
      }
      assert.equal(end, ramSize);
      const usable = memoryMap(ramSize).filter((range) => range.type === E820_RAM);
      assert.equal(
        usable.reduce((total, range) => total + range.size, 0),
        ramSize - 0x100000 + LOW_MEMORY_END,
      );
    }),
    { seed: 12, numRuns: 100 },
  );
});
