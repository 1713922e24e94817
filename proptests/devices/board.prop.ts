/**
 * The port bus and the small devices: how wide accesses are split, what nobody decodes, PCI configuration, ACPI power
 * management, DMA registers, fw_cfg, the debug ports and the test device of kernel test suites.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PortHandler } from '../../src/core/board/device.ts';
import { IoBus } from '../../src/core/board/io-bus.ts';
import { Harness } from './harness.ts';

test('accesses are split as on an ISA bus, and the hooks see each one whole', () => {
  const layout = fc.record({
    first: fc.nat(20),
    count: fc.integer({ min: 1, max: 8 }),
    maxSize: fc.constantFrom(1, 2, 4),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(layout, { maxLength: 4, selector: ({ first }) => first }),
      fc.nat(24),
      fc.constantFrom(1, 2, 4),
      fc.integer({ min: 0, max: 0xffffffff }),
      (layouts, port, size, value) => {
        const bus = new IoBus();
        const memory = new Uint8Array(64).fill(0xff);
        const owner = new Array<number>(64).fill(-1);
        const accesses: string[] = [];
        layouts.forEach(({ first, count, maxSize }, index) => {
          const handler: PortHandler = {
            maxSize: maxSize as 1 | 2 | 4,
            read: (at, width) => {
              assert.ok(width <= maxSize && at >= first && at + width <= first + count);
              let result = 0;
              for (let i = width - 1; i >= 0; i--) result = result * 256 + memory[at + i];
              return result;
            },
            write: (at, width, written) => {
              accesses.push(`${index}:${at}/${width}`);
              for (let i = 0; i < width; i++) memory[at + i] = written >>> (i * 8);
            },
          };
          const taken = owner.slice(first, first + count).some((each) => each >= 0);
          if (taken) return;
          bus.register(first, count, handler);
          owner.fill(index, first, first + count);
        });
        const seen: string[] = [];
        bus.onRead = (at, width, result) => {
          seen.push(`read ${at} ${width} ${result}`);
        };
        bus.onWrite = (at, width, written) => seen.push(`write ${at} ${width} ${written}`);
        bus.write(port, size, value);
        let expected = 0;
        for (let i = size - 1; i >= 0; i--) {
          const byte = owner[port + i] < 0 ? 0xff : (value >>> (i * 8)) & 0xff;
          assert.equal(memory[port + i], byte);
          expected = expected * 256 + byte;
        }
        assert.equal(bus.read(port, size), expected);
        const whole = size === 4 ? value : value & (size === 2 ? 0xffff : 0xff);
        assert.deepEqual(seen, [`write ${port} ${size} ${whole}`, `read ${port} ${size} ${expected}`]);
        const order = accesses.map((access) => Number(/:(\d+)/.exec(access)?.[1]));
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
          'low address first',
        );
      },
    ),
    { seed: 16, numRuns: 2000 },
  );
});

test('the last port wraps to the first, and two devices do not share a port', () => {
  const bus = new IoBus();
  const constant = (value: number): PortHandler => ({ read: () => value, write: () => {} });
  bus.register(0xffff, 1, constant(0x12));
  bus.register(0, 1, constant(0x34));
  assert.equal(bus.read(0xffff, 2), 0x3412);
  assert.throws(() => bus.register(0, 1, constant(0)), /decoded twice/);
  assert.throws(() => bus.register(0xfffe, 2, constant(0)), /decoded twice/);
  assert.throws(() => bus.register(0xffff, 2, constant(0)), /ports/);
});

const config = (slot: number, offset: number): number => (0x80000000 | (slot << 8) | (offset & 0xfc)) >>> 0;

function readConfig(harness: Harness, slot: number, offset: number, size = 4): number {
  harness.board.bus.write(0xcf8, 4, config(slot, offset));
  return harness.board.bus.read(0xcfc + (offset & 3), size);
}

function writeConfig(harness: Harness, slot: number, offset: number, size: number, value: number): void {
  harness.board.bus.write(0xcf8, 4, config(slot, offset));
  harness.board.bus.write(0xcfc + (offset & 3), size, value);
}

test('PCI: the functions of the board, and nothing at every other place', () => {
  const harness = new Harness();
  const found = new Map<number, number>();
  for (let slot = 0; slot < 256; slot++) {
    const identity = readConfig(harness, slot, 0);
    if (identity !== 0xffffffff) found.set(slot, identity);
  }
  assert.deepEqual(
    [...found],
    [
      [0x00, 0x12378086],
      [0x08, 0x70008086],
      [0x0b, 0x71138086],
    ],
  );
  assert.equal(readConfig(harness, 0x08, 0x0a, 2), 0x0601);
  assert.equal(readConfig(harness, 0x08, 0x0e, 1), 0x80);
  harness.board.bus.write(0xcf8, 4, 0x00000000);
  assert.equal(harness.board.bus.read(0xcfc, 4), 0xffffffff, 'not enabled');
  harness.board.bus.write(0xcf8, 4, 0x80010000);
  assert.equal(harness.board.bus.read(0xcfc, 4), 0xffffffff, 'bus 1');
  assert.equal(harness.board.bus.read(0xcf8, 4), 0x80010000);
  harness.board.bus.write(0xcf8, 1, 0);
  assert.equal(harness.board.bus.read(0xcf8, 4), 0x80010000, 'a byte is not the address register');
});

test('PCI: only writable bits change, in any access size', () => {
  const places = fc.record({ offset: fc.nat(255), size: fc.constantFrom(1, 2, 4), value: fc.nat(0xffffffff) });
  fc.assert(
    fc.property(fc.constantFrom(0, 8, 11), fc.array(places, { maxLength: 40 }), (slot, writes) => {
      const harness = new Harness();
      const before = Array.from({ length: 64 }, (_, word) => readConfig(harness, slot, word * 4));
      for (const { offset, size, value } of writes) writeConfig(harness, slot, offset & ~(size - 1), size, value);
      assert.equal(readConfig(harness, slot, 0), before[0]);
      assert.equal(readConfig(harness, slot, 8), before[2]);
      for (let bar = 0x10; bar < 0x28; bar += 4) assert.equal(readConfig(harness, slot, bar), 0);
      harness.board.reset();
      const after = Array.from({ length: 64 }, (_, word) => readConfig(harness, slot, word * 4));
      assert.deepEqual(after, before);
    }),
    { seed: 17, numRuns: 50 },
  );
});

test('the timing of the ISA bus is kept as software sets it, and changes nothing', () => {
  // 82371SB: recovery times (4Ch), decoded ROM (4Eh, 4Fh), top of memory (69h), status (6Ah), fast DMA (76h, 77h).
  const registers = [0x4c, 0x4e, 0x4f, 0x69, 0x6a, 0x70, 0x76, 0x77, 0x82];
  const harness = new Harness();
  const before = registers.map((register) => readConfig(harness, 8, register, 1));
  assert.deepEqual(before.slice(0, 2), [0x4d, 0x03], 'as after reset');
  for (const register of registers) writeConfig(harness, 8, register, 1, 0xa5);
  for (const register of registers) assert.equal(readConfig(harness, 8, register, 1), 0xa5, register.toString(16));
  // Ports that PCs write to for their delay alone.
  for (const port of [0x80, 0x84, 0xed]) harness.out8(port, 0x55);
  assert.equal(harness.in8(0x84), 0x55);
  assert.equal(harness.in8(0xed), 0xff);
  harness.board.reset();
  assert.deepEqual(
    registers.map((register) => readConfig(harness, 8, register, 1)),
    before,
  );
});

test('the ACPI timer is a function of the tick; its carry sets the status and interrupts', () => {
  const harness = new Harness({ apic: false, nsPerTick: 1024 }).silenceTimer();
  const { bus } = harness.board;
  const read = (): number => bus.read(0x608, 4);
  for (const tick of [0, 1000, 999_999, 12_345_678]) {
    harness.runTo(tick);
    assert.equal(BigInt(read()), ((BigInt(tick) * 1024n * 3_579_545n) / 1_000_000_000n) % (1n << 24n));
  }
  assert.equal(bus.read(0x600, 2), 1, 'bit 23 has changed since');
  bus.write(0x600, 2, 1);
  assert.equal(bus.read(0x600, 2), 0);
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 4, 1, 0xfb);
  harness.out8(0xa0, 0x11);
  harness.out8(0xa1, 0x28, 2, 1, 0xfd);
  harness.out8(0xb2, 0xf1);
  assert.equal(bus.read(0x604, 2), 1, 'ACPI is enabled');
  bus.write(0x602, 2, 1);
  const half = 2 ** 23;
  const due = harness.clock.tickOfCycle(
    (Math.floor(harness.clock.cycles(harness.tick, 3_579_545) / half) + 1) * half,
    3_579_545,
  );
  assert.equal(harness.clock.nextDue(), due);
  harness.runTo(due);
  assert.equal(harness.board.interrupts.acknowledge(), 0x29);
  bus.write(0x600, 2, 1);
  harness.out8(0xb2, 0xf0);
  assert.equal(bus.read(0x604, 2), 0);
});

test('the power button and soft off', () => {
  const harness = new Harness();
  const off = (): boolean => harness.trace.splice(0).some((line) => line.endsWith('power off'));
  harness.board.bus.write(0x604, 2, 0x2400);
  assert.ok(!off(), 'sleep type 1 is not off');
  harness.board.bus.write(0x604, 2, 0x0000);
  assert.ok(!off());
  harness.board.bus.write(0x604, 2, 0x2000);
  assert.ok(off(), 'as QEMU');
  harness.board.bus.write(0x604, 2, 0x3400);
  assert.ok(off(), 'sleep type 5');
  harness.out8(0xb2, 0xf1);
  harness.board.input({ kind: 'power-button' });
  assert.ok(!off(), 'the operating system decides');
  assert.equal(harness.board.bus.read(0x600, 2), 0x100);
  harness.out8(0xb2, 0xf0);
  harness.board.input({ kind: 'power-button' });
  assert.ok(off(), 'nobody else does');
});

test('DMA registers: byte pointer, current values, pages, terminal count', () => {
  const harness = new Harness();
  const { bus } = harness.board;
  harness.out8(0x0c, 0);
  harness.out8(0x04, 0x34, 0x12);
  harness.out8(0x05, 0xff, 0x01);
  harness.out8(0x81, 0x56);
  harness.out8(0x0b, 0x46);
  harness.out8(0x0a, 0x02);
  assert.equal(bus.read(0x04, 1) | (bus.read(0x04, 1) << 8), 0x1234);
  assert.equal(bus.read(0x05, 1) | (bus.read(0x05, 1) << 8), 0x01ff);
  assert.equal(bus.read(0x0f, 1), 0xfb);
  const { isaDma } = harness.board.services;
  assert.ok(isaDma !== undefined);
  assert.equal(isaDma.available(2, 'to-memory'), 512);
  assert.equal(isaDma.available(2, 'from-memory'), 0, 'the other direction');
  assert.equal(isaDma.available(1, 'to-memory'), 0, 'masked');
  assert.equal(isaDma.toMemory(2, new Uint8Array(100)), 100);
  assert.equal(bus.read(0x04, 1) | (bus.read(0x04, 1) << 8), 0x1234 + 100);
  assert.equal(isaDma.available(2, 'to-memory'), 412);
  assert.equal(isaDma.toMemory(2, new Uint8Array(1000)), 412);
  assert.equal(bus.read(0x08, 1) & 0x0f, 4, 'terminal count');
  assert.equal(bus.read(0x08, 1) & 0x0f, 0, 'told once');
  assert.equal(isaDma.available(2, 'to-memory'), 0, 'masked by itself');
  harness.out8(0x8c, 0x77);
  assert.equal(harness.in8(0x8c), 0x77, 'an unused page register is storage');
});

test('fw_cfg tells what kernels ask', () => {
  const harness = new Harness({ memoryBytes: 192 << 20 });
  const item = (selector: number, count: number): number[] => {
    harness.board.bus.write(0x510, 2, selector);
    return Array.from({ length: count }, () => harness.in8(0x511));
  };
  assert.equal(String.fromCharCode(...item(0, 4)), 'QEMU');
  assert.deepEqual(item(1, 4), [1, 0, 0, 0]);
  assert.deepEqual(item(3, 8), [0, 0, 0, 0x0c, 0, 0, 0, 0]);
  assert.deepEqual(item(5, 3), [1, 0, 0]);
  assert.deepEqual(item(15, 2), [1, 0]);
  assert.deepEqual(item(0x19, 6), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(item(0x4321, 2), [0, 0]);
});

test('debug exit, debug console, POST code', () => {
  const harness = new Harness();
  harness.board.bus.write(0xf4, 4, 0xdeadbeef);
  harness.board.bus.write(0xf4, 1, 5);
  assert.equal(harness.in8(0xe9), 0xe9);
  harness.out8(0xe9, 65);
  harness.out8(0x402, 66);
  harness.out8(0x80, 0x77);
  assert.equal(harness.in8(0x80), 0x77);
  assert.deepEqual(
    harness.trace.filter((line) => !line.includes('intr')),
    ['0 exit 3735928559', '0 exit 5', '0 console 65', '0 console 66'],
  );
});

test('the test device: storage of every size, memory, and it can be left out', () => {
  const harness = new Harness();
  const { bus } = harness.board;
  bus.write(0xe0, 4, 0x12345678);
  assert.equal(bus.read(0xe0, 1), 0x78);
  assert.equal(bus.read(0xe2, 2), 0x1234);
  assert.equal(bus.read(0xe8, 1), 0x78);
  bus.write(0xe1, 1, 0xff);
  assert.equal(bus.read(0xe0, 4), 0x1234ff78);
  bus.write(0xe4, 4, 0x1000);
  harness.store32(0xff000ffc, 0x89abcdef);
  assert.equal(harness.load32(0xff000ffc), 0x89abcdef);
  assert.equal(harness.load32(0xff000ffe) & 0xffff, 0x89ab);
  const without = new Harness({ testDevice: false });
  assert.equal(without.board.bus.read(0xe0, 4), 0xffffffff);
});
