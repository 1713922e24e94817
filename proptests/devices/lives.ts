/**
 * Random lives of a board, for the tests that every device must pass: for each device the ports and addresses that
 * matter to it, and the sequences of accesses that a driver makes, without which random bytes would hardly ever get
 * past an initialisation. state.prop.ts checks that together they reach every field of every device.
 */
import * as fc from 'fast-check';
import type { InputEvent } from '../../src/core/log/events.ts';
import type { Action } from './harness.ts';

const byte = fc.integer({ min: 0, max: 255 });
const size = fc.constantFrom(1, 1, 1, 2, 4);

/** Values that mean something somewhere more often than not. */
const value = fc.oneof(
  byte,
  fc.constantFrom(0, 1, 0x20, 0x36, 0x34, 0x30, 0xff, 0x60, 0xd4, 0xf4, 0xff00, 0x8000_0840),
);

export interface Neighbourhood {
  readonly name: string;
  /** Names of the devices that live there. */
  readonly devices: RegExp;
  readonly ports: readonly number[];
  readonly addresses?: readonly number[];
  /** What drivers do; each is one choice among the single accesses. */
  readonly recipes: readonly fc.Arbitrary<Action[]>[];
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);
const run = (ticks: number): Action => ({ do: 'run', ticks });
const out = (port: number, ...values: number[]): Action[] =>
  values.map((each) => ({ do: 'out', port, size: 1, value: each }));
const store = (address: number, word: number): Action => ({ do: 'store', address, value: word });
const read = (port: number): Action => ({ do: 'in', port, size: 1 });

const ICW4 = fc.constantFrom(0x01, 0x03, 0x11, 0x13);

const startPics = fc.tuple(ICW4, ICW4, fc.nat(15)).map(([master, slave, line]): Action[] => [
  // The local APIC as firmware leaves it: what the 8259 asks for comes through.
  ...[store(0xfee000f0, 0x1ff), store(0xfee00350, 0x8700)],
  ...[...out(0x20, 0x11), ...out(0x21, 0x20, 0x04, master, 0x00)],
  ...[...out(0xa0, 0x11), ...out(0xa1, 0x28, 0x02, slave, 0x00)],
  ...[...out(0x20, 0x0b), ...out(0xa0, 0x0b), ...out(0x2000 + line, 1), { do: 'ack' } as const],
]);

const startCounter = fc
  .record({
    counter: fc.nat(2),
    order: fc.nat(3),
    mode: fc.constantFrom(0, 1, 2, 3, 3, 3, 4, 5, 6, 7),
    bcd: fc.nat(1),
    count: fc.integer({ min: 1, max: 20 }),
    gates: fc.array(fc.constantFrom(0, 1, 1, 2, 3), { maxLength: 3 }),
    half: fc.boolean(),
  })
  .map(({ counter, order, mode, bcd, count, gates, half }): Action[] => [
    ...out(0x43, (counter << 6) | (order << 4) | (mode << 1) | bcd),
    ...out(0x40 + counter, count, 0),
    ...gates.flatMap((gate) => [run(300), ...out(0x61, gate)]),
    ...out(0x40 + counter, count + 3, 0),
    run(count * 60),
    ...(half ? out(0x40 + counter, 9) : []),
  ]);

/** Mode 0 with half a count written; mode 3 with a new count that comes into force after the high half. */
const halfWritten: Action[] = [...out(0x43, 0x30), ...out(0x40, 50, 0), run(500), ...out(0x40, 9), run(4)];
const newInLowHalf = fc
  .nat(2)
  .map((counter): Action[] => [
    ...[...out(0x61, 1), ...out(0x43, (counter << 6) | 0x36), ...out(0x40 + counter, 20, 0)],
    ...[run(500), ...out(0x40 + counter, 11, 0), run(900), ...out(0x43, 0xc0), run(1), run(1)],
  ]);

const setClockRegister = fc
  .tuple(fc.nat(13), byte)
  .map(([register, each]): Action[] => [...out(0x70, register), ...out(0x71, each)]);
const resetDivider: Action[] = [...out(0x70, 10), ...out(0x71, 0x70), run(99_999), ...out(0x71, 0x26)];

const serveUart = fc
  .tuple(fc.constantFrom(0, 1, 2, 3), fc.constantFrom(0x00, 0x01, 0x41, 0xc1), fc.nat(15), byte, fc.nat(5000))
  .map(([index, fifo, enable, each, ticks]): Action[] => {
    const first = [0x3f8, 0x2f8, 0x3e8, 0x2e8][index];
    const bytes = Uint8Array.from(range(each & 15, (each & 31) + 1));
    return [
      ...[
        ...out(first + 2, fifo),
        ...out(first + 3, 0x80 | (each & 0x7f)),
        ...out(first, each),
        ...out(first + 3, each & 0x7f),
      ],
      ...[...out(first + 4, 0x08 | (each & 0x17)), ...out(first + 1, enable), ...out(first + 7, each)],
      { do: 'input', event: { kind: 'serial', port: index, bytes } },
      ...[run(ticks), read(first), ...out(first, each, 0x55)],
    ];
  });

const keyboardBytes = fc.constantFrom(
  0xed,
  0x05,
  0xf0,
  0x03,
  0x02,
  0xf3,
  0x20,
  0xf4,
  0xf5,
  0xf7,
  0xf9,
  0xfb,
  0x1c,
  0xff,
  0xee,
);
const mouseBytes = fc.constantFrom(
  0xf4,
  0xf4,
  0xf3,
  200,
  100,
  80,
  0xe7,
  0xe8,
  3,
  0xf0,
  0xee,
  0xec,
  0xe9,
  0xf2,
  0xeb,
  0xea,
  0xff,
);
const collect = [run(5000), read(0x60), run(5000), read(0x60)];
const talkToKeyboard = fc
  .array(keyboardBytes, { minLength: 1, maxLength: 4 })
  .map((bytes): Action[] => [
    ...bytes.flatMap((each) => [...out(0x60, each), ...collect]),
    { do: 'input', event: { kind: 'key', key: 'a', down: true } },
    { do: 'input', event: { kind: 'key', key: 'up', down: true } },
    { do: 'input', event: { kind: 'key', key: 'pause', down: true } },
    run(2500),
  ]);
const talkToMouse = fc
  .array(mouseBytes, { minLength: 1, maxLength: 6 })
  .map((bytes): Action[] => [
    ...bytes.flatMap((each) => [...out(0x64, 0xd4), ...out(0x60, each), ...collect]),
    { do: 'input', event: { kind: 'mouse', dx: 700, dy: -300, dz: 9, buttons: 1 } },
    run(4000),
  ]);
const setTypematic: Action[] = [...out(0x60, 0xf3), ...collect, ...out(0x60, 0x20), ...collect];
const wheel: Action[] = [0xff, 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4].flatMap((each) => [
  ...[...out(0x64, 0xd4), ...out(0x60, each)],
  ...[...collect, run(5000), read(0x60)],
]);
const setCommandByte = fc
  .constantFrom(0x47, 0x45, 0x05, 0x65, 0x57)
  .map((each): Action[] => [...out(0x64, 0x20, 0x60), ...out(0x60, each), ...out(0x64, 0x20, 0xaa), run(1), run(1)]);
const breakKey: Action[] = [
  ...range(0, 6).flatMap(() => [run(5000), read(0x60)]),
  ...out(0x64, 0xae),
  { do: 'input', event: { kind: 'scancode', bytes: Uint8Array.of(0xf0, 0x1c) } },
  run(3000),
];

const configure = fc
  .tuple(
    fc.constantFrom(0, 8, 11),
    fc.oneof(fc.constantFrom(1, 0x0f, 0x16, 0x17, 0x18), fc.nat(63)),
    fc.nat(0xffffffff),
  )
  .map(([slot, word, each]): Action[] => [
    { do: 'out', port: 0xcf8, size: 4, value: (0x80000000 | (slot << 8) | (word << 2)) >>> 0 },
    { do: 'out', port: 0xcfc, size: 4, value: each },
  ]);

const selectItem = fc
  .constantFrom(0, 1, 3, 5)
  .map((item): Action[] => [{ do: 'out', port: 0x510, size: 2, value: item }, read(0x511)]);

const selfInterrupt = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.boolean())
  .map(([vector, take]): Action[] => [
    ...[store(0xfee000f0, 0x1ff), store(0xfee00300, 0x40000 | vector)],
    ...(take ? [{ do: 'ack' } as const] : []),
  ]);
const identify: Action[] = [
  ...[store(0xfee00020, 0x03000000), store(0xfee000d0, 0x01000000), store(0xfee00310, 0x05000000)],
  ...[store(0xfee000f0, 0x1ff), store(0xfee00300, 0x00040), store(0xfee00280, 0)],
];
const redirect = fc
  .tuple(fc.nat(23), fc.constantFrom(0x0051, 0x8052, 0x10053, 0x0854), fc.constantFrom(0x1ff, 0x0ff))
  .map(([pin, low, spurious]): Action[] => [
    ...[store(0xfee000f0, spurious), store(0xfec00000, 0x10 + pin * 2), store(0xfec00010, low)],
    ...[...out(0x2000 + pin, 0, 1), { do: 'ack' } as const],
  ]);

const printByte = fc
  .tuple(byte, fc.constantFrom(0x0c, 0x1c, 0x08, 0x3c), fc.integer({ min: 1, max: 12_000 }))
  .map(([each, control, ticks]): Action[] => [...out(0x378, each), ...out(0x37a, control | 1, control), run(ticks)]);

/** The ports and addresses of each device, and of those it works with. */
export const neighbourhoods: readonly Neighbourhood[] = [
  {
    name: 'pic',
    devices: /^(pic|interrupts)$/,
    ports: [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, ...range(0x2000, 16)],
    recipes: [startPics],
  },
  {
    name: 'pit',
    devices: /^pit$/,
    ports: [0x40, 0x41, 0x42, 0x43, 0x43, 0x61, 0x20, 0x21],
    recipes: [startCounter, fc.constant(halfWritten), newInLowHalf],
  },
  {
    name: 'rtc',
    devices: /^rtc$/,
    ports: [0x70, 0x71, 0x71, 0xa0],
    recipes: [setClockRegister, fc.constant(resetDivider)],
  },
  {
    name: 'uart',
    devices: /^uart/,
    ports: [...range(0x3f8, 8), 0x3f8, ...range(0x2f8, 8), 0x3fa],
    recipes: [serveUart],
  },
  {
    name: 'ps2',
    devices: /^ps2$/,
    ports: [0x60, 0x64, 0x92],
    recipes: [
      talkToKeyboard,
      talkToMouse,
      setCommandByte,
      ...[wheel, breakKey, setTypematic].map((actions) => fc.constant(actions)),
    ],
  },
  {
    name: 'acpi-pm',
    devices: /^acpi-pm$/,
    ports: [...range(0x600, 12), 0xb2, 0xb3],
    recipes: [fc.constant([run(400_000_000)])],
  },
  {
    name: 'parallel',
    devices: /^parallel$/,
    ports: [0x378, 0x379, 0x37a, 0x37a, 0x21],
    recipes: [printByte],
  },
  { name: 'dma', devices: /^dma$/, ports: [...range(0, 16), ...range(0xc0, 32), ...range(0x80, 16)], recipes: [] },
  {
    name: 'pci',
    devices: /^(pci|reset-control)$/,
    ports: [0xcf8, 0xcf8, 0xcfc, 0xcfd, 0xcfe, 0xcff, 0xcf9],
    recipes: [configure],
  },
  {
    name: 'small',
    devices: /^(fw-cfg|debug|post|test)/,
    ports: [0x510, 0x511, 0xf4, 0xe9, 0x402, 0x80, ...range(0xe0, 12)],
    addresses: [0xff000000, 0xff000004],
    recipes: [selectItem],
  },
  {
    name: 'apic',
    devices: /^apic$/,
    addresses: [
      ...[
        0x20, 0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390,
      ],
      0x3e0,
    ].map((offset) => 0xfee00000 + offset),
    ports: [0x21, 0x20],
    recipes: [selfInterrupt, fc.constant(identify)],
  },
  {
    name: 'ioapic',
    devices: /^ioapic$/,
    addresses: [0xfec00000, 0xfec00010, 0xfec00010, 0xfee000f0, 0xfee000b0],
    ports: range(0x2000, 24),
    recipes: [redirect, fc.constant([store(0xfec00000, 0), store(0xfec00010, 0x0a000000)])],
  },
];

const inputs: fc.Arbitrary<InputEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('serial' as const),
    port: fc.integer({ min: 0, max: 3 }),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('key' as const),
    key: fc.constantFrom('a', 'pause', 'print-screen', 'left-alt', 'kp-enter', 'up', 'f7'),
    down: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('scancode' as const), bytes: fc.uint8Array({ maxLength: 6 }) }),
  fc.record({
    kind: fc.constant('mouse' as const),
    dx: fc.integer({ min: -600, max: 600 }),
    dy: fc.integer({ min: -600, max: 600 }),
    dz: fc.integer({ min: -9, max: 9 }),
    buttons: fc.integer({ min: 0, max: 7 }),
  }),
  fc.record({ kind: fc.constant('epoch' as const), seconds: fc.integer({ min: 0, max: 4_000_000_000 }) }),
  fc.constantFrom<InputEvent>({ kind: 'power-button' }, { kind: 'nmi' }),
);

/** Actions around the given device, with time and inputs between them. */
export function actionsFor({
  ports,
  addresses = [],
  recipes,
}: Omit<Neighbourhood, 'name' | 'devices'>): fc.Arbitrary<Action[]> {
  const port = fc.constantFrom(...ports);
  const ticks = fc.integer({ min: 1, max: 200 });
  const manyTicks = fc.integer({ min: 1, max: 2_000_000 });
  const singles: fc.WeightedArbitrary<Action>[] = [
    { weight: 5, arbitrary: fc.record({ do: fc.constant('run' as const), ticks }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('run' as const), ticks: manyTicks }) },
    { weight: 2, arbitrary: fc.constant({ do: 'ack' }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('input' as const), event: inputs }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('in' as const), port, size }) },
    { weight: 12, arbitrary: fc.record({ do: fc.constant('out' as const), port, size, value }) },
  ];
  if (addresses.length > 0) {
    const address = fc.constantFrom(...addresses);
    const known = fc.constantFrom(0x31, 0x40, 0x51, 0x100ff, 0x1ff, 0x20030, 0x8031, 0x700);
    const word = fc.oneof(known, fc.nat(0xffff), fc.nat(100));
    singles.push(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('load' as const), address }) },
      { weight: 14, arbitrary: fc.record({ do: fc.constant('store' as const), address, value: word }) },
    );
  }
  const single = fc.oneof(...singles).map((action) => [action]);
  const choices = [{ weight: 10, arbitrary: single }, ...recipes.map((arbitrary) => ({ weight: 2, arbitrary }))];
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: 50 }).map((groups) => groups.flat());
}
