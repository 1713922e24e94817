/**
 * The board of device models: the port bus, the interrupt wiring and the devices of the table (table.ts). Everything
 * that the devices do to the guest (values read, timers, DMA, interrupts, A20) is reported to the checks as it happens.
 */
import type { InputEvent } from '../log/events.ts';
import type { TickClock } from './clock.ts';
import type { Checks } from '../machine/door.ts';
import type { LocalApic } from '../devices/interrupts/apic.ts';
import type { Board, BoardContext, BoardOptions, BoardState, SavedStates } from './board.ts';
import { ERROR_PORT, ERROR_PORT_COUNT } from './board.ts';
import type { Device, DeviceContext, IrqLine, MmioHandler } from './device.ts';
import { Interrupts } from './interrupts.ts';
import { StateError } from '../base/fields.ts';
import { IoBus } from './io-bus.ts';
import { loadParts, type Part, partsProblem, saveParts } from './parts.ts';
import { createDevices, type DeviceSet } from './table.ts';

export class DeviceBoard implements Board {
  readonly bus = new IoBus();
  readonly interrupts: Interrupts;
  readonly clock: TickClock;
  readonly errorLine: IrqLine;
  readonly #set: DeviceSet;
  readonly #checks: Checks;

  constructor(context: BoardContext, checks: Checks, options: BoardOptions) {
    const { bus } = this;
    const { clock, dma } = context;
    this.clock = clock;
    this.#checks = checks;
    this.interrupts = new Interrupts((level) => context.intr(level));
    clock.fired = (index) => checks.timer(clock.now(), index);
    bus.onRead = (port, size, value) => checks.portRead(clock.now(), port, size, value);
    const reported = (address: number, handler: MmioHandler): MmioHandler => ({
      read: (offset, size) => {
        const value = handler.read(offset, size);
        checks.mmioRead(clock.now(), address + offset, size, value);
        return value;
      },
      write: (offset, size, value) => handler.write(offset, size, value),
    });
    const wiring: DeviceContext = {
      clock,
      output: context.output,
      dma: {
        read: (address, target) => dma.read(address, target),
        write: (address, source) => {
          checks.dmaWrite(clock.now(), address, { bytes: source });
          dma.write(address, source);
        },
      },
      irq: (line) => this.interrupts.line(line),
      ports: (first, count, handler) => bus.register(first, count, handler),
      mmio: (address, size, handler) => context.mmio(address, size, reported(address, handler)),
      nmi: () => context.nmi(),
      requestReset: () => context.requestReset(),
      setA20: (enabled) => {
        context.setA20(enabled);
        checks.a20(clock.now(), enabled);
      },
    };
    this.#set = createDevices(wiring, this.interrupts, options);
    this.errorLine = this.interrupts.line(13);
    bus.register(ERROR_PORT, ERROR_PORT_COUNT, {
      read: () => 0xff,
      write: () => context.acknowledgeError(),
    });
  }

  get ports(): IoBus {
    return this.bus;
  }

  get devices(): readonly Device[] {
    return this.#set.devices;
  }

  get apic(): LocalApic | undefined {
    return this.#set.apic;
  }

  get hasApic(): boolean {
    return this.apic !== undefined;
  }

  nextDue(): number {
    return this.clock.nextDue();
  }

  runDue(tick: number): boolean {
    const { clock } = this;
    if (clock.nextDue() > tick) return false;
    clock.runDue(tick);
    return true;
  }

  input(event: InputEvent): void {
    this.#set.input(event);
  }

  get intr(): boolean {
    return this.interrupts.output;
  }

  takeInterrupt(tick: number): number {
    if (!this.interrupts.output) return -1;
    const vector = this.interrupts.acknowledge();
    this.#checks.interrupt(tick, vector);
    return vector;
  }

  setApicBase(low: number): void {
    const { apic } = this;
    if (apic !== undefined) apic.baseMsr = low >>> 0;
  }

  reset(): void {
    for (const device of this.devices) device.reset();
  }

  hashParts(): BoardState {
    return this.save();
  }

  /** Every device by its name, then the clock as `clock`. */
  get #parts(): readonly Part[] {
    return [...this.devices, this.clock];
  }

  save(): BoardState {
    return saveParts(this.#parts);
  }

  problem(states: SavedStates, tick: number): StateError | null {
    const { clock } = this;
    const saved = states.find(([name]) => name === clock.name)?.[1];
    const problem = clock.problem(saved);
    if (problem !== null) return new StateError(clock.name, problem);
    const armed = saved as Readonly<Record<string, number>>;
    const due = (id: string): number => (Object.hasOwn(armed, id) ? armed[id] : Number.POSITIVE_INFINITY);
    return partsProblem(this.#parts, states, { tick, due });
  }

  load(states: BoardState): void {
    loadParts(this.#parts, states);
  }
}
