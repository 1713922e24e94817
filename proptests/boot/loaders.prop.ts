/**
 * The boot loaders: what a good image leaves in the machine, and that a bad one (truncated, bits flipped, fields
 * replaced) is a BootError with a sentence or boots, never any other exception, hang or write outside of RAM.
 */
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BootError } from '../../src/core/machine/boot/boot-error.ts';
import { placeAcpi } from '../../src/core/machine/boot/acpi.ts';
import { bootBios, checkBiosImage, mapBios } from '../../src/core/machine/boot/bios.ts';
import { read32, write16, write32 } from '../../src/core/machine/boot/bytes.ts';
import { bootLinux, isLinuxImage } from '../../src/core/machine/boot/linux.ts';
import {
  bootMultiboot,
  findMultibootHeader,
  splitModuleList,
  type BootModule,
} from '../../src/core/machine/boot/multiboot.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { Cpu } from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';
import { linuxImage, LINUX_CODE_SIZE, multibootElf, multibootFlat } from './images.ts';

const RAM = 8 << 20;
const PLATFORM = { hasApic: false, hasPci: false, hasVga: false };
const BIOS_SIZE = 0x10000;

function newMachine(ramSize = RAM): Cpu {
  const cpu = new Cpu(new AddressSpace(new Memory(ramSize, BIOS_SIZE)));
  return cpu;
}

// One machine for the fuzzing: loaders reset what they depend on.
const shared = newMachine();

interface BootImages {
  readonly kernel: Uint8Array;
  readonly commandLine?: string;
  readonly modules?: readonly BootModule[];
}

function boot({ kernel, commandLine = '', modules = [] }: BootImages, cpu = shared): Cpu {
  const acpiRsdpAddress = placeAcpi(cpu.space, PLATFORM);
  if (isLinuxImage(kernel)) {
    const initrd = modules[0]?.data;
    bootLinux(cpu, cpu.space, { kernel, initrd, commandLine, acpiRsdpAddress, hasTextScreen: false });
  } else bootMultiboot(cpu, cpu.space, { kernel, modules, commandLine });
  return cpu;
}

function bytesAt(cpu: Cpu, address: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  cpu.space.readBytes(address, bytes);
  return bytes;
}

function textAt(cpu: Cpu, address: number): string {
  const bytes = bytesAt(cpu, address, PAGE_BYTES);
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('utf8');
}

function assertFlat(cpu: Cpu, code: number, data: number): void {
  assert.equal(cpu.m32[layout.CR0] & layout.CR0_PE, layout.CR0_PE);
  assert.equal(cpu.m32[layout.CR0] & layout.CR0_PG, 0);
  assert.equal(cpu.m32[layout.EFLAGS], 2);
  assert.equal(cpu.m32[layout.A20], 1);
  for (let segment = 0; segment < 6; segment++) {
    assert.equal(cpu.m32[layout.SEG_BASE + segment], 0);
    assert.equal(cpu.m32[layout.SEG_LIMIT + segment], -1);
    const selector = cpu.m32[layout.SEG_SELECTOR + segment];
    assert.equal(selector, segment === layout.CS ? code : data);
    const descriptor = cpu.m32[layout.GDTR_BASE] + selector;
    assert.equal(read32(bytesAt(cpu, descriptor, 4), 0), 0xffff);
    assert.equal(
      read32(bytesAt(cpu, descriptor + 4, 4), 0),
      segment === layout.CS ? 0x00cf9b00 : 0x00cf9300,
      'the GDT says what the segment registers hold',
    );
  }
  const all = layout.MODE_CS32 | layout.MODE_SS32 | layout.MODE_FLAT_CODE | layout.MODE_FLAT_DATA;
  assert.equal(cpu.m32[layout.MODE_KEY], all);
}

test('linux: kernel at 1 MiB, initrd as high as possible, boot_params say so', () => {
  const kernel = linuxImage();
  const initrd = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
  const cpu = boot(
    { kernel, commandLine: 'console=ttyS0 run="é"', modules: [{ data: initrd, commandLine: 'initrd' }] },
    newMachine(),
  );
  assertFlat(cpu, 0x10, 0x18);
  assert.equal(cpu.m32[layout.EIP], 0x100000);
  assert.deepEqual(bytesAt(cpu, 0x100000, LINUX_CODE_SIZE), kernel.subarray(kernel.length - LINUX_CODE_SIZE));
  const params = bytesAt(cpu, cpu.m32[layout.ESI], PAGE_BYTES);
  assert.deepEqual(params.subarray(0x1f1, 0x210), paramsHeader(kernel));
  assert.equal(read32(params, 0x218), (RAM - initrd.length) & ~4095);
  assert.equal(read32(params, 0x21c), initrd.length);
  assert.deepEqual(bytesAt(cpu, read32(params, 0x218), initrd.length), initrd);
  assert.equal(textAt(cpu, read32(params, 0x228)), 'console=ttyS0 run="é"');
  assert.equal(params[0x210], 0xff);
  assert.equal(params[0x1e8], 3);
  assert.equal(Buffer.from(bytesAt(cpu, read32(params, 0x70), 8)).toString(), 'RSD PTR ');
});

test('the size in a header before protocol 2.04 is not relied on; images that start in real mode are told so', () => {
  const old = linuxImage(0x203);
  write16(old, 0x1f4, 7);
  boot({ kernel: old });
  // A kernel of a whole mebibyte: the 16 bits of its size are 0.
  const large = new Uint8Array(5 * 512 + 2 ** 20);
  large.set(old);
  write16(large, 0x1f4, 0);
  boot({ kernel: large });
  write16(old, 0x1f4, 0);
  assert.throws(() => boot({ kernel: old }), /starts in real mode and asks firmware/);
  const withoutEntry = linuxImage();
  write32(withoutEntry, 0x214, 0);
  assert.throws(() => boot({ kernel: withoutEntry }), /starts in real mode and asks firmware/);
});

/** The setup header as the loader must hand it on up to the loader's own fields: only vid_mode differs. */
function paramsHeader(kernel: Uint8Array): Uint8Array {
  const header = kernel.slice(0x1f1, 0x210);
  header[0x1fa - 0x1f1] = 0xff;
  header[0x1fb - 0x1f1] = 0xff;
  return header;
}

test('multiboot: ELF segments, cleared bss, translated entry, modules, map and strings', () => {
  const kernel = multibootElf();
  const cpu = newMachine();
  cpu.m8.fill(0xcc, layout.RAM_BASE + 0x100000, layout.RAM_BASE + 0x110000);
  const modules = ['first a b', 'second'].map((commandLine, i) => ({
    commandLine,
    data: new Uint8Array(4097).fill(i + 1),
  }));
  boot({ kernel, commandLine: 'dir/kernel x y', modules }, cpu);
  assertFlat(cpu, 0x08, 0x10);
  assert.equal(cpu.m32[layout.EAX], 0x2badb002);
  assert.equal(cpu.m32[layout.EIP], 0x100010);
  assert.deepEqual(bytesAt(cpu, 0x100000, 0x1000), kernel.subarray(0x1000, 0x2000));
  assert.deepEqual(bytesAt(cpu, 0x102000, 0x800), kernel.subarray(0x2000, 0x2800));
  assert.deepEqual(bytesAt(cpu, 0x102800, 0x2345 - 0x800), new Uint8Array(0x2345 - 0x800));
  assert.equal(bytesAt(cpu, 0x102000 + 0x2345, 1)[0], 0xcc);
  const info = bytesAt(cpu, cpu.m32[layout.EBX], 88);
  assert.equal(read32(info, 0), 0x24d);
  assert.equal(read32(info, 4), 639);
  assert.equal(read32(info, 8), (RAM - 0x100000) / 1024);
  assert.equal(textAt(cpu, read32(info, 16)), 'dir/kernel x y');
  assert.equal(textAt(cpu, read32(info, 64)), 'reprise');
  assert.equal(read32(info, 20), 2);
  modules.forEach((module, index) => {
    const entry = bytesAt(cpu, read32(info, 24) + index * 16, 16);
    assert.equal(read32(entry, 0) % PAGE_BYTES, 0);
    assert.equal(read32(entry, 4) - read32(entry, 0), module.data.length);
    assert.deepEqual(bytesAt(cpu, read32(entry, 0), module.data.length), module.data);
    assert.equal(textAt(cpu, read32(entry, 8)), module.commandLine);
  });
  const map = bytesAt(cpu, read32(info, 48), read32(info, 44));
  let end = 0;
  for (let at = 0; at < map.length; at += read32(map, at) + 4) {
    assert.equal(read32(map, at + 4), end);
    end += read32(map, at + 12);
  }
  assert.equal(end, RAM);
});

test('multiboot: address fields of the header instead of ELF', () => {
  const kernel = multibootFlat();
  const cpu = boot({ kernel }, newMachine());
  assert.equal(cpu.m32[layout.EIP], 0x200100);
  assert.deepEqual(bytesAt(cpu, 0x200000, kernel.length), kernel);
});

test('multiboot: the boot information gives way to a kernel that wants its place', () => {
  const kernel = multibootFlat();
  const delta = 0x200000 - 0x8000;
  for (const at of [0x4c, 0x50, 0x54, 0x58, 0x5c]) write32(kernel, at, read32(kernel, at) - delta);
  const cpu = boot({ kernel }, newMachine());
  assert.deepEqual(bytesAt(cpu, 0x8000, kernel.length), kernel);
  assert.ok(cpu.m32[layout.EBX] >= 0x100000);
});

test('the module list is split as QEMU splits it', () => {
  assert.deepEqual(splitModuleList('a b c,d,,e f'), [
    { file: 'a', commandLine: 'a b c' },
    { file: 'd,e', commandLine: 'd,e f' },
  ]);
  assert.deepEqual(splitModuleList(''), []);
});

test('firmware starts at the reset vector, below 4 GiB read-only and, as it once was, copied below 1 MiB', () => {
  const image = Uint8Array.from({ length: BIOS_SIZE }, (_, i) => i * 11);
  const cpu = newMachine();
  mapBios(cpu.space, image);
  bootBios(cpu, cpu.space, image, true);
  assert.equal(cpu.m32[layout.SEG_BASE + layout.CS] + cpu.m32[layout.EIP], -16);
  assert.equal(cpu.m32[layout.MODE_KEY], layout.MODE_REAL);
  assert.deepEqual(bytesAt(cpu, 0x1_0000_0000 - BIOS_SIZE, BIOS_SIZE), image);
  assert.deepEqual(bytesAt(cpu, 0x100000 - BIOS_SIZE, BIOS_SIZE), image);
  cpu.space.write8(0xfffffff0, 0x55);
  assert.equal(cpu.space.read8(0xfffffff0), image[BIOS_SIZE - 16]);
  assert.throws(() => checkBiosImage(new Uint8Array(12345)), BootError);
  assert.throws(() => checkBiosImage(new Uint8Array(0x20000)), BootError);
  // What hardware maps below 4 GiB: whole pages, and no power of two is asked for.
  const ofSize = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
  for (const size of [0x10000, 0x37c000, 0x1000000]) checkBiosImage(ofSize(size));
  for (const size of [0xf000, 0x10800, 0x1001000]) assert.throws(() => checkBiosImage(ofSize(size)), /whole pages/);
});

/** Boots or throws a BootError that is one sentence; anything else fails the test. */
function bootsOrSaysWhy(images: BootImages, cpu = shared): boolean {
  try {
    boot(images, cpu);
    return true;
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    assert.match(error.message, /^(ELF|[a-z]).*\.$/s);
    assert.ok(!error.message.includes('\n') && !error.message.includes('NaN') && !error.message.includes('undefined'));
    return false;
  }
}

const IMAGES: [string, () => Uint8Array][] = [
  ['bzImage', linuxImage],
  ['multiboot ELF', multibootElf],
  ['multiboot flat', multibootFlat],
];

for (const [name, make] of IMAGES) {
  test(`${name}: every truncation is refused or boots`, () => {
    const image = make();
    let booted = 0;
    const lengths = new Set<number>();
    for (let length = 0; length < Math.min(image.length, 0x400); length++) lengths.add(length);
    for (let length = 0x400; length < image.length; length += 97) lengths.add(length);
    for (const length of lengths) if (bootsOrSaysWhy({ kernel: image.subarray(0, length) })) booted++;
    assert.ok(bootsOrSaysWhy({ kernel: image }));
    // The ELF file has padding behind its last segment; the other two need their last byte (a bzImage its last
    // paragraph).
    if (name !== 'multiboot ELF') assert.equal(booted, 0);
  });

  test(`${name}: flipped bits and replaced fields are refused or boot`, () => {
    const image = make();
    for (let bit = 0; bit < 0x280 * 8; bit++) {
      const damaged = image.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      bootsOrSaysWhy({ kernel: damaged });
    }
    const interesting = fc.oneof(
      fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffff000, 0x9fc00, 0xa0000, 0x100000, RAM, RAM - 1),
      fc.integer({ min: 0, max: 0xffffffff }),
    );
    const change = fc.tuple(
      fc.integer({ min: 0, max: 0x9f }).map((index) => index * 4),
      interesting,
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(0x2000), (changes, initrdSize) => {
        const damaged = image.slice();
        for (const [at, value] of changes) write32(damaged, at, value);
        bootsOrSaysWhy({ kernel: damaged, modules: [{ data: new Uint8Array(initrdSize), commandLine: 'm' }] });
      }),
      { seed: 4711, numRuns: 1500 },
    );
  });
}

test('bytes that are no kernel at all are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), (kernel) => {
      assert.equal(bootsOrSaysWhy({ kernel }), false);
    }),
    { seed: 3, numRuns: 200 },
  );
});

function changed(image: Uint8Array, at: number, byte: number): Uint8Array {
  image[at] = byte;
  return image;
}

const REFUSALS: [string, RegExp, () => BootImages][] = [
  ['empty', /no multiboot header/, () => ({ kernel: new Uint8Array(0) })],
  ['64-bit ELF', /64-bit ELF/, () => ({ kernel: changed(multibootElf(), 4, 2) })],
  ['old protocol', /protocol 2\.01/, () => ({ kernel: linuxImage(0x201) })],
  ['wrong checksum', /checksum/, () => ({ kernel: changed(multibootFlat(), 0x48, 0) })],
  ['long command line', /at most 2047/, () => ({ kernel: linuxImage(), commandLine: 'x'.repeat(2048) })],
  [
    'initrd too large',
    /give it \d+ MB of memory or more/,
    () => ({ kernel: linuxImage(), modules: [{ data: new Uint8Array(RAM), commandLine: '' }] }),
  ],
  [
    'module too large',
    /give it \d+ MB of memory or more/,
    () => ({ kernel: multibootFlat(), modules: [{ data: new Uint8Array(RAM), commandLine: '' }] }),
  ],
];

for (const [name, message, make] of REFUSALS) {
  test(`refused with the next step: ${name}`, () => {
    assert.throws(
      () => boot(make()),
      (error) => error instanceof BootError && message.test(error.message),
    );
  });
}

test('what no machine can hold is not advised, and no address wraps', () => {
  const kernel = multibootFlat();
  // Loaded at the end of 32 bits, with more behind it.
  const header = findMultibootHeader(kernel);
  for (const [field, value] of [
    [12, 0xffffff00 + header],
    [16, 0xffffff00],
    [20, 0],
    [24, 0],
    [28, 0xffffff00],
  ])
    write32(kernel, header + field, value);
  assert.throws(
    () => boot({ kernel }),
    (error) =>
      error instanceof BootError &&
      error.memoryMegabytes === null &&
      /needs memory up to 0x1[0-9a-f]{8}, more than the 2032 MB that a machine here can have\.$/.test(error.message),
  );
});

test('a kernel that does not fit says how much memory it needs, and that is enough', () => {
  const kernel = linuxImage();
  write32(kernel, 0x260, 0x300000);
  const small = newMachine(3 << 20);
  assert.throws(
    () => boot({ kernel }, small),
    (error) => error instanceof BootError && error.memoryMegabytes === 4 && /give it 4 MB/.test(error.message),
  );
  boot({ kernel }, newMachine(4 << 20));
});
