/**
 * What the board says it has is there, and what it does not have it does not announce: the presence bits of PCI
 * configuration, of the RAM of the clock and of the fixed ACPI table, each against the ports behind it, for boards of
 * every composition. A guest that relies on a bit for something that is missing waits for ever. (Those of the processor
 * are system/presence.prop.ts.) PCI 2.1 §6.2; 82371AB data sheet; ACPI 6.4 §5.2.9; IBM's map of the clock's RAM.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BoardImage, BoardOptions } from '../../src/core/board/board.ts';
import { blankSource } from '../../src/core/board/image.ts';
import { SLEEP_TYPE_S5, ACPI_ADDRESS, buildAcpi } from '../../src/core/machine/boot/acpi.ts';
import { read16, read32 } from '../../src/core/machine/boot/bytes.ts';
import { Harness } from './harness.ts';

const MEBIBYTE = 1 << 20;
const FLOPPY_BYTES = 1440 * 1024;
const blank = (role: string, sizeBytes: number): BoardImage => ({
  role,
  source: blankSource(sizeBytes),
});
const FLOPPIES = ['fda', 'fdb'].map((role) => blank(role, FLOPPY_BYTES));
const DISK = blank('hda', 8 * MEBIBYTE);

const FIRMWARE = { romBytes: 1 << 18, files: new Map(), hasScreen: false, hasBootMenu: false, bootOrder: 'cd' };

/** Boards, each with what makes it another. */
const BOARDS: readonly [name: string, options: Partial<BoardOptions>][] = [
  ['of a direct boot', {}],
  ['without an APIC', { apic: false }],
  ['with everything', { vga: 'std', hpet: true, parallel: true }],
  ['of firmware', { firmware: FIRMWARE }],
  ['of firmware, with drives', { firmware: FIRMWARE, images: [FLOPPIES[0], DISK] }],
  ['of firmware, two diskettes', { firmware: FIRMWARE, vga: 'std', images: FLOPPIES }],
  ['with a disk alone', { images: [DISK] }],
  ['with a CD-ROM', { images: [blank('cdrom', 2 * MEBIBYTE)] }],
];

function configuration(harness: Harness, slot: number, offset: number, size: 1 | 2 | 4): number {
  harness.board.ports.write(0xcf8, 4, (0x80000000 | (slot << 8) | (offset & 0xfc)) >>> 0);
  return harness.board.ports.read(0xcfc + (offset & 3), size) >>> 0;
}

const functionsOf = (harness: Harness): number[] =>
  Array.from({ length: 256 }, (_, slot) => slot).filter((slot) => configuration(harness, slot, 0, 4) !== 0xffffffff);

function cmos(harness: Harness, register: number): number {
  harness.out8(0x70, register);
  return harness.in8(0x71);
}

/** The commands and answers of the keyboard controller; what comes next from it. */
function controller(harness: Harness, ...commands: number[]): number {
  for (const command of commands) harness.out8(0x64, command);
  harness.run(1_000_000);
  assert.equal(harness.in8(0x64) & 1, 1, 'the controller answers');
  return harness.in8(0x60);
}

for (const [name, options] of BOARDS) {
  test(`PCI functions of a board ${name} announce what they have`, () => {
    const harness = new Harness({ ...options, memoryBytes: 64 * MEBIBYTE });
    const slots = functionsOf(harness);
    assert.ok(slots.length >= 3);
    for (const slot of slots) {
      const at = `function ${slot.toString(16)}`;
      const others = slots.filter((other) => other !== slot && other >>> 3 === slot >>> 3);
      if ((slot & 7) === 0) {
        const isMany = (configuration(harness, slot, 0x0e, 1) & 0x80) !== 0;
        assert.equal(isMany, others.length > 0, `${at}: more functions`);
      } else assert.ok(slots.includes(slot & ~7), `${at} is found, since its device has a function 0`);
      assert.equal(configuration(harness, slot, 0x0e, 1) & 0x7f, 0, `${at}: no bridge to another bus`);
      assert.equal(configuration(harness, slot, 0x06, 2) & 0x10, 0, `${at}: no list of capabilities`);
      assert.equal(configuration(harness, slot, 0x34, 1), 0, `${at}: nor its begin`);
      assert.equal(configuration(harness, slot, 0x0f, 1) & 0x80, 0, `${at}: no self test`);
      const pin = configuration(harness, slot, 0x3d, 1);
      assert.ok(pin === 0 || slot === 0x0b, `${at}: pin ${pin}, and only the SCI is raised`);
    }
    const classes = slots.map((slot) => configuration(harness, slot, 0x08, 4) >>> 16);
    assert.equal(classes.includes(0x0300), options.vga !== undefined, 'a screen');
    assert.equal(classes.includes(0x0101), hasDrives(options), 'an IDE controller');
    assert.equal(classes.includes(0x0c03), false, 'no USB');
    // The ISA bridge decodes a clock and a keyboard controller (4Eh, bits 0 and 1), and has no I/O APIC of its own.
    assert.equal(configuration(harness, 0x08, 0x4e, 1) & 3, 3);
    assert.equal(cmos(harness, 0x0d) & 0x80, 0x80, 'the clock and its RAM are valid');
    assert.equal(controller(harness, 0xaa), 0x55, 'the keyboard controller is well');
    // SMM: nobody is asked to set it up (PIIX4 58h, bit 25), and its memory stays closed (i440FX 72h, bit 6).
    assert.equal((configuration(harness, 0x0b, 0x58, 4) >>> 25) & 1, options.firmware === undefined ? 0 : 1);
    assert.equal(configuration(harness, 0x00, 0x72, 1) & 0x40, 0);
  });

  test(`the RAM of the clock on a board ${name} says what is there`, () => {
    const memoryBytes = 96 * MEBIBYTE;
    const harness = new Harness({ ...options, memoryBytes });
    const word = (register: number): number => cmos(harness, register) | (cmos(harness, register + 1) << 8);
    assert.deepEqual([word(0x15), word(0x17), word(0x30)], [640, 0xffff, 0xffff], 'KiB');
    assert.equal(word(0x34), (memoryBytes - 16 * MEBIBYTE) / 0x10000);
    assert.deepEqual(
      [0x5b, 0x5c, 0x5d].map((register) => cmos(harness, register)),
      [0, 0, 0],
      'nothing above 4 GiB',
    );
    assert.equal(cmos(harness, 0x5f), 0, 'no second processor');
    assert.equal(cmos(harness, 0x12), 0, 'no disk by the table of the AT');
    const equipment = cmos(harness, 0x14);
    assert.equal(equipment & 2, 2, 'the x87');
    assert.equal(equipment & 4, 4, 'a port for the mouse');
    assert.equal(controller(harness, 0xa9), 0, 'which answers a test');
    const floppies = (options.images ?? []).filter(({ role }) => role.startsWith('fd'));
    const types = cmos(harness, 0x10);
    assert.equal(equipment & 1, floppies.length > 0 ? 1 : 0);
    assert.equal(equipment >>> 6, Math.max(0, floppies.length - 1));
    assert.deepEqual(
      [types >>> 4, types & 15],
      [0, 1].map((i) => (i < floppies.length ? 4 : 0)),
      '1.44 MB, or none',
    );
    assert.equal(equipment & 0x30, 0, 'the screen is no CGA or MDA');
    let sum = 0;
    for (let register = 0x10; register <= 0x2d; register++) sum += cmos(harness, register);
    assert.equal((cmos(harness, 0x2e) << 8) | cmos(harness, 0x2f), sum);
  });
}

/** Firmware looks for drives; without any its controller is there all the same. */
const hasDrives = ({ images = [], firmware }: Partial<BoardOptions>): boolean =>
  firmware !== undefined || images.some(({ role }) => /^(hd[a-d]|cdrom)$/.test(role));

/** Offsets into the FADT. */
const FADT = { smiCommand: 48, enable: 52, event: 56, control: 64, timer: 76, bootArch: 109, flags: 112 } as const;
const RESET = { register: 116, value: 128 } as const;

test('the fixed ACPI table names ports that do what they are named for, and no others', () => {
  for (const hasVga of [false, true]) {
    const address = ACPI_ADDRESS;
    const { bytes } = buildAcpi({
      ...{ address, ramSize: 64 * MEBIBYTE, hasApic: true, hasPci: true, hasVga, hasHpet: true },
    });
    const text = Buffer.from(bytes).toString('latin1');
    const begin = text.indexOf('FACP');
    const fadt = bytes.subarray(begin, begin + read32(bytes, begin + 4));
    const harness = new Harness({ ...(hasVga ? { vga: 'std' } : {}), hpet: true });
    const { ports } = harness.board;
    // No C states, no second event block, no general purpose events.
    for (const offset of [60, 68, 72, 80, 84]) assert.equal(read32(fadt, offset), 0, `block at ${offset}`);
    assert.deepEqual(
      [92, 93, 95].map((offset) => fadt[offset]),
      [0, 0, 0],
    );
    assert.ok(read16(fadt, 96) > 100 && read16(fadt, 98) > 1000);
    // SMI_CMD turns ACPI on and off, without system management mode.
    const control = read32(fadt, FADT.control);
    const smi = read32(fadt, FADT.smiCommand);
    harness.out8(smi, fadt[FADT.enable]);
    assert.equal(ports.read(control, 2) & 1, 1);
    harness.out8(smi, fadt[FADT.enable + 1]);
    assert.equal(ports.read(control, 2) & 1, 0);
    // The timer counts.
    const timer = read32(fadt, FADT.timer);
    const before = ports.read(timer, 4);
    harness.run(1000);
    assert.ok(ports.read(timer, 4) > before);
    // The fixed power button is there, the sleep button is not.
    const flags = read32(fadt, FADT.flags);
    assert.equal(flags & (1 << 4), 0);
    harness.out8(smi, fadt[FADT.enable]);
    harness.board.input({ kind: 'power-button' });
    assert.equal(ports.read(read32(fadt, FADT.event), 2) & 0x100, 0x100);
    assert.notEqual(flags & (1 << 5), 0);
    assert.equal((flags >>> 8) & 1, 0, 'the timer has 24 bits');
    // The register that resets.
    assert.notEqual(flags & (1 << 10), 0);
    harness.trace.length = 0;
    harness.out8(read32(fadt, RESET.register + 4), fadt[RESET.value]);
    assert.ok(harness.trace.some((line) => line.endsWith(' reset')));
    // Devices of a PC: a keyboard controller, a clock, a VGA where there is one, no message-signalled interrupts.
    const boot = read16(fadt, FADT.bootArch);
    assert.equal(controller(harness, 0xaa), 0x55);
    assert.deepEqual([boot & 1, boot & 2, boot & 4, boot & 8, boot & 0x20], [1, 2, hasVga ? 0 : 4, 8, 0]);
    assert.ok(!/MCFG|SRAT|SSDT|BGRT/.test(text));
    // Soft off.
    harness.trace.length = 0;
    ports.write(control, 2, (SLEEP_TYPE_S5 << 10) | 0x2000);
    assert.ok(harness.trace.some((line) => line.endsWith('power off')));
  }
});
