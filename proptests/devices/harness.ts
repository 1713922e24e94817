/**
 * A board without a CPU for the device tests: time is a number that the test moves, port and MMIO accesses are calls,
 * and whatever comes out (serial bytes, INTR changes, reset requests …) is written to a trace with its tick. Two
 * boards that behave alike have equal traces; a failing test prints the notation of the actions that led there.
 */
import type { DeviceState, MmioHandler } from '../../src/core/board/device.ts';
import type { BoardOptions } from '../../src/core/board/board.ts';
import { DeviceBoard } from '../../src/core/board/device-board.ts';
import { BulkMemory } from '../../src/core/memory/bulk.ts';
import { planBulk } from '../../src/core/board/table.ts';
import { SILENT_CHECKS } from '../../src/core/board/silent.ts';
import { TickClock } from '../../src/core/board/clock.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import { hex } from '../../src/core/log/events.ts';

export interface HarnessOptions extends Partial<BoardOptions> {
  readonly nsPerTick?: number;
  readonly epochSeconds?: number;
  readonly tick?: number;
}

export class Harness {
  tick: number;
  readonly clock: TickClock;
  readonly board: DeviceBoard;
  readonly bulks: ReadonlyMap<string, BulkMemory>;
  readonly trace: string[] = [];
  /** What bus masters reach. */
  readonly memory = new Uint8Array(1 << 20);
  intr = false;
  readonly #regions: { address: number; size: number; handler: MmioHandler | null }[] = [];

  constructor(options: HarnessOptions = {}) {
    const all = { memoryBytes: 64 << 20, ...options };
    this.tick = options.tick ?? 0;
    this.bulks = new Map(planBulk(all).map(({ name, sizeBytes }) => [name, new BulkMemory(name, sizeBytes, null)]));
    this.clock = new TickClock(() => this.tick, options.nsPerTick ?? 8, options.epochSeconds ?? 1_700_000_000);
    const say = (text: string): void => {
      this.trace.push(`${this.tick} ${text}`);
    };
    this.board = new DeviceBoard(
      {
        clock: this.clock,
        output: {
          serial: (port, byte) => say(`serial${port} ${byte}`),
          debugConsole: (byte) => say(`console ${byte}`),
          parallel: (byte) => say(`printer ${byte}`),
          debugExit: (value) => say(`exit ${value}`),
          powerOff: () => say('power off'),
        },
        dma: {
          read: (address, target) => {
            target.fill(0xff);
            target.set(this.memory.subarray(address, address + target.length));
          },
          write: (address, source) => {
            const room = Math.max(0, this.memory.length - address);
            this.memory.set(source.subarray(0, room), Math.min(address, this.memory.length));
          },
        },
        space: {
          aperture: (size, _priority, shown) => {
            const region = { address: -1, size, handler: 'handler' in shown ? shown.handler : null };
            this.#regions.push(region);
            return {
              address: -1,
              place: (address) => {
                region.address = address;
              },
              show: (other) => {
                region.handler = 'handler' in other ? other.handler : null;
              },
            };
          },
          bulks: this.bulks,
          hostOf: (_memory, offset) => offset,
          openRange: () => {},
          mapped: () => [],
          onMapped: () => {},
        },
        intr: (level) => {
          this.intr = level;
          say(`intr ${level}`);
        },
        nmi: () => say('nmi'),
        init: () => say('init'),
        requestReset: () => say('reset'),
        setA20: (enabled) => say(`a20 ${enabled}`),
        acknowledgeError: () => say('error acknowledged'),
      },
      SILENT_CHECKS,
      all,
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
      if (handler !== null && first >= 0 && address >= first && address < first + size) {
        return { offset: address - first, handler };
      }
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
      // A timer of a loaded state may be late, as after a reset; time does not run backwards for it.
      this.tick = Math.max(this.tick, this.clock.nextDue());
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

/** Text of a saved value, with keys sorted and the zeros at the end of memories left out. */
export function printValue(value: unknown): string {
  const print = (_key: string, each: unknown): unknown => {
    if (each instanceof Uint8Array) return `${each.length} bytes ${hex(withoutTrailingZeros(each))}`;
    if (each === null || typeof each !== 'object' || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, print);
}

/** A line for each device: what a diff should show. */
export function printState(states: readonly (readonly [string, DeviceState])[]): string {
  return states.map(([name, state]) => `${name} ${printValue(state)}`).join('\n');
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
