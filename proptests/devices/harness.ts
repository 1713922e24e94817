/**
 * A board without a CPU for the device tests: time is a number that the test moves, port and MMIO accesses are calls,
 * and whatever comes out (serial bytes, INTR changes, reset requests …) is written to a trace with its tick. Two
 * boards that behave alike have equal traces; a failing test prints the notation of the actions that led there.
 */
import * as fc from 'fast-check';
import type { DeviceState, MmioHandler } from '../../src/core/devices/device.ts';
import { type Board, type BoardOptions, createBoard } from '../../src/core/machine/board.ts';
import { TickClock } from '../../src/core/machine/clock.ts';
import type { InputEvent } from '../../src/core/replay/events.ts';
import { hex } from '../../src/core/replay/events.ts';

export interface HarnessOptions extends Partial<BoardOptions> {
  readonly nsPerTick?: number;
  readonly epochSeconds?: number;
  readonly tick?: number;
}

export class Harness {
  tick: number;
  readonly clock: TickClock;
  readonly board: Board;
  readonly trace: string[] = [];
  intr = false;
  readonly #regions: { address: number; size: number; handler: MmioHandler }[] = [];

  constructor(options: HarnessOptions = {}) {
    this.tick = options.tick ?? 0;
    this.clock = new TickClock(() => this.tick, options.nsPerTick ?? 8, options.epochSeconds ?? 1_700_000_000);
    const say = (text: string): void => {
      this.trace.push(`${this.tick} ${text}`);
    };
    this.board = createBoard(
      {
        clock: this.clock,
        output: {
          serial: (port, byte) => say(`serial${port} ${byte}`),
          debugConsole: (byte) => say(`console ${byte}`),
          debugExit: (value) => say(`exit ${value}`),
          powerOff: () => say('power off'),
        },
        dma: { read: () => {}, write: () => {} },
        mmio: (address, size, handler) => {
          this.#regions.push({ address, size, handler });
        },
        intr: (level) => {
          this.intr = level;
          say(`intr ${level}`);
        },
        nmi: () => say('nmi'),
        requestReset: () => say('reset'),
        setA20: (enabled) => say(`a20 ${enabled}`),
      },
      { memoryBytes: 64 << 20, ...options },
    );
  }

  /** Counter 0 of the 8254 in mode 0 and without a count: no events but those a test makes. */
  silenceTimer(): this {
    this.out8(0x43, 0x30);
    return this;
  }

  in8(port: number): number {
    return this.board.bus.read(port, 1);
  }

  out8(port: number, ...values: number[]): void {
    for (const value of values) this.board.bus.write(port, 1, value);
  }

  #region(address: number): { offset: number; handler: MmioHandler } {
    for (const { address: first, size, handler } of this.#regions) {
      if (address >= first && address < first + size) return { offset: address - first, handler };
    }
    throw new Error(`no device at ${address.toString(16)}`);
  }

  load32(address: number): number {
    const { offset, handler } = this.#region(address);
    return handler.read(offset, 4) >>> 0;
  }

  store32(address: number, value: number): void {
    const { offset, handler } = this.#region(address);
    handler.write(offset, 4, value >>> 0);
  }

  /** Move time to `tick`, firing timers at their ticks, as the machine loop does. */
  runTo(tick: number): void {
    while (this.clock.nextDue() <= tick) {
      this.tick = this.clock.nextDue();
      this.clock.runDue(this.tick);
    }
    this.tick = tick;
  }

  run(ticks: number): void {
    this.runTo(this.tick + ticks);
  }

  save(): string {
    return printState(this.board.save());
  }
}

/** Text of a saved state, with keys sorted: what a diff should show. */
export function printState(states: readonly (readonly [string, DeviceState])[]): string {
  const print = (_key: string, value: unknown): unknown => {
    if (value instanceof Uint8Array) return `${value.length} bytes ${hex(withoutTrailingZeros(value))}`;
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return states.map(([name, state]) => `${name} ${JSON.stringify(state, print)}`).join('\n');
}

function withoutTrailingZeros(bytes: Uint8Array): Uint8Array {
  let { length } = bytes;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return bytes.subarray(0, length);
}

/** One thing that a guest or the world does. Sizes in bytes, `run` in ticks. */
export type Action =
  | { readonly do: 'in'; readonly port: number; readonly size: number }
  | { readonly do: 'out'; readonly port: number; readonly size: number; readonly value: number }
  | { readonly do: 'load'; readonly address: number }
  | { readonly do: 'store'; readonly address: number; readonly value: number }
  | { readonly do: 'run'; readonly ticks: number }
  | { readonly do: 'ack' }
  | { readonly do: 'reset' }
  | { readonly do: 'input'; readonly event: InputEvent };

export function printActions(actions: readonly Action[]): string {
  return actions
    .map((action) => {
      const hexadecimal = (value: number): string => value.toString(16);
      switch (action.do) {
        case 'in':
          return `in${action.size} ${hexadecimal(action.port)}`;
        case 'out':
          return `out${action.size} ${hexadecimal(action.port)} ${hexadecimal(action.value)}`;
        case 'load':
          return `load ${hexadecimal(action.address)}`;
        case 'store':
          return `store ${hexadecimal(action.address)} ${hexadecimal(action.value)}`;
        case 'run':
          return `run ${action.ticks}`;
        case 'input':
          return JSON.stringify(action.event);
        default:
          return action.do;
      }
    })
    .join('; ');
}

/** Does it, and puts what the guest would see into the trace. */
export function perform(harness: Harness, action: Action): void {
  const { board } = harness;
  switch (action.do) {
    case 'in':
      harness.trace.push(`in ${action.port} = ${board.bus.read(action.port, action.size)}`);
      break;
    case 'out':
      board.bus.write(action.port, action.size, action.value);
      break;
    case 'load':
      harness.trace.push(`load ${action.address} = ${harness.load32(action.address)}`);
      break;
    case 'store':
      harness.store32(action.address, action.value);
      break;
    case 'run':
      harness.run(action.ticks);
      break;
    case 'ack':
      if (harness.intr) harness.trace.push(`vector ${board.interrupts.acknowledge()}`);
      break;
    case 'reset':
      board.reset();
      break;
    case 'input':
      board.input(action.event);
      break;
  }
}

const byte = fc.integer({ min: 0, max: 255 });
const size = fc.constantFrom(1, 1, 1, 2, 4);

/** Values that mean something somewhere more often than not. */
const value = fc.oneof(
  byte,
  fc.constantFrom(0, 1, 0x20, 0x36, 0x34, 0x30, 0xff, 0x60, 0xd4, 0xf4, 0xff00, 0x8000_0840),
);

export interface Neighbourhood {
  readonly name: string;
  readonly ports?: readonly number[];
  readonly addresses?: readonly number[];
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);

/** The ports and addresses of each device (and of those it works with). */
export const neighbourhoods: readonly Neighbourhood[] = [
  { name: 'pic', ports: [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, ...range(0x2000, 16)] },
  { name: 'pit', ports: [0x40, 0x41, 0x42, 0x43, 0x43, 0x61, 0x20, 0x21] },
  { name: 'rtc', ports: [0x70, 0x71, 0x71, 0xa0] },
  { name: 'uart', ports: [...range(0x3f8, 8), 0x3f8, ...range(0x2f8, 8), 0x3fa] },
  { name: 'ps2', ports: [0x60, 0x64, 0x60, 0x64, 0x92] },
  { name: 'acpi-pm', ports: [...range(0x600, 12), 0xb2, 0xb3] },
  { name: 'dma', ports: [...range(0, 16), ...range(0xc0, 32), ...range(0x80, 16)] },
  { name: 'pci', ports: [0xcf8, 0xcf8, 0xcfc, 0xcfd, 0xcfe, 0xcff, 0xcf9] },
  {
    name: 'small',
    ports: [0x510, 0x511, 0xf4, 0xe9, 0x402, 0x80, ...range(0xe0, 12)],
    addresses: [0xff000000, 0xff000004],
  },
  {
    name: 'apic',
    addresses: [
      ...[
        0x20, 0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390,
      ],
      0x3e0,
    ].map((offset) => 0xfee00000 + offset),
    ports: [0x21, 0x20],
  },
  { name: 'ioapic', addresses: [0xfec00000, 0xfec00010, 0xfec00010, 0xfee000f0, 0xfee000b0], ports: range(0x2000, 24) },
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
export function actionsFor({ ports = [], addresses = [] }: Neighbourhood): fc.Arbitrary<Action[]> {
  const choices: fc.WeightedArbitrary<Action>[] = [
    { weight: 5, arbitrary: fc.record({ do: fc.constant('run' as const), ticks: fc.integer({ min: 1, max: 200 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('run' as const), ticks: fc.integer({ min: 1, max: 2_000_000 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ do: 'ack' }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('input' as const), event: inputs }) },
  ];
  if (ports.length > 0) {
    const port = fc.constantFrom(...ports);
    choices.push(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('in' as const), port, size }) },
      { weight: 12, arbitrary: fc.record({ do: fc.constant('out' as const), port, size, value }) },
    );
  }
  if (addresses.length > 0) {
    const address = fc.constantFrom(...addresses);
    const word = fc.oneof(
      fc.constantFrom(0x31, 0x40, 0x51, 0x100ff, 0x1ff, 0x20030, 0x8031, 0x700),
      fc.nat(0xffff),
      fc.nat(100),
    );
    choices.push(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('load' as const), address }) },
      { weight: 14, arbitrary: fc.record({ do: fc.constant('store' as const), address, value: word }) },
    );
  }
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: 60 });
}
