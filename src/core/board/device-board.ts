/**
 * The board of device models: the port bus, the interrupt wiring, the PCI bus and the devices of the table (table.ts).
 * Everything that the devices do to the guest (values read, timers, DMA, interrupts, A20, what addresses lead to) is
 * reported to the checks as it happens.
 */
import { StateError } from '../base/fields.ts';
import type { InputEvent, MapCheck, PortBlockCheck, RevealCheck, SignalPin } from '../log/events.ts';
import type { QuirkName } from '../log/quirks.ts';
import type { Checks } from '../machine/door.ts';
import { BELOW_RAM, type MappedRun, OVER_ALL, OVER_ROM, type Shown } from '../memory/address-space.ts';
import type { BulkMemory } from '../memory/bulk.ts';
import type { PortBus } from '../state/cpu.ts';
import { type Board, type BoardContext, type BoardOptions, type BoardState, ERROR_PORT } from './board.ts';
import { ERROR_PORT_COUNT, type SavedStates, type Wakers } from './board.ts';
import type { TickClock } from './clock.ts';
import type {
  Bulk,
  DeviceContext,
  DeviceDma,
  DeviceImage,
  InputKind,
  InputOf,
  Services,
  Aperture,
  ApertureContent,
} from './context.ts';
import type { Device, IrqLine, MmioHandler } from './device.ts';
import { Interrupts, ISA_LINES } from './interrupts.ts';
import { IoBus } from './io-bus.ts';
import { loggedState } from './logged-state.ts';
import { loadParts, type Part, partsProblem, saveParts } from './parts.ts';
import { PciBus } from './pci-bus.ts';
import { presentDevices } from './table.ts';

/** Bytes of an image that go into memory at a time. */
const PIECE_BYTES = 1 << 16;

export class DeviceBoard implements Board {
  readonly bus = new IoBus();
  readonly interrupts: Interrupts;
  readonly clock: TickClock;
  readonly errorLine: IrqLine;
  readonly devices: readonly Device[];
  readonly services: Services = {};
  /** What IN and OUT reach. */
  readonly ports: PortBus;
  readonly #context: BoardContext;
  readonly #checks: Checks;
  readonly #takers = new Map<InputKind, ((event: never) => void)[]>();
  /** An instruction's access to a device is under way. */
  #isInAccess = false;
  /** The port that an instruction reads, −1 for none; and the same where the checks know what it will give. */
  #readPort = -1;
  #blockPort = -1;
  /** Apertures are being placed as the machine is made, or as a saved state says: nothing that a log could tell. */
  #isQuiet = true;

  constructor(context: BoardContext, checks: Checks, options: BoardOptions) {
    const { bus } = this;
    const { clock, space } = context;
    this.#context = context;
    this.clock = clock;
    this.#checks = checks;
    this.interrupts = new Interrupts((level) => context.intr(level), this.services);
    clock.fired = (index) => checks.timer(clock.now(), index);
    bus.onRead = (port, size, value) => {
      if (this.#blockPort !== port) checks.portRead(clock.now(), port, size, value);
      this.#blockPort = -1;
    };
    this.ports = {
      read: (port, size) => {
        this.#isInAccess = true;
        this.#readPort = port;
        const value = bus.read(port, size);
        this.#readPort = -1;
        this.#isInAccess = false;
        return value;
      },
      write: (port, size, value) => {
        this.#isInAccess = true;
        bus.write(port, size, value);
        this.#isInAccess = false;
      },
    };
    for (const bulk of space.bulks.values()) {
      bulk.wrap = (aperture, handler) => this.#reported(handler, aperture);
      bulk.onOpened = (page, bytes) => this.#tell({ kind: 'reveal', memoryPage: page, bytes });
    }
    space.onMapped = (run: MappedRun) => this.#tell({ kind: 'map', ...run });
    const devices: Device[] = [this.interrupts];
    const wiring = this.#wire(options);
    for (const entry of presentDevices(options)) devices.push(entry.create(wiring, options));
    this.devices = devices;
    // After all other sources, so that theirs keep their places.
    const outside = Array.from({ length: ISA_LINES }, (_, line) => this.interrupts.line(line));
    this.#take('irq-line', ({ line, level }) => outside[line].set(level));
    this.errorLine = this.interrupts.line(13);
    bus.register(ERROR_PORT, ERROR_PORT_COUNT, {
      read: () => 0xff,
      write: () => context.acknowledgeError(),
    });
    this.#isQuiet = false;
  }

  #tell(event: MapCheck | RevealCheck | PortBlockCheck): void {
    if (this.#isQuiet) return;
    this.#checks.memory(this.clock.now(), this.#isInAccess ? { ...event, isInAccess: true } : event);
  }

  /** Reads through it are told to the checks. */
  #reported(handler: MmioHandler, aperture: { readonly address: number }): MmioHandler {
    const { clock } = this;
    const checks = this.#checks;
    return {
      read: (offset, size) => {
        const address = aperture.address + offset;
        this.#isInAccess = true;
        const value = handler.read(offset, size);
        this.#isInAccess = false;
        checks.mmioRead(clock.now(), address, size, value);
        return value;
      },
      write: (offset, size, value) => {
        this.#isInAccess = true;
        handler.write(offset, size, value);
        this.#isInAccess = false;
      },
      // Nothing of it is in any log.
      writesQuietly: handler.writesQuietly,
    };
  }

  /** What devices are given. */
  #wire(options: BoardOptions): DeviceContext {
    const { clock, output } = this.#context;
    const context = this.#context;
    const { bus } = this;
    const dma = this.#deviceDma();
    const pciBus = new PciBus({
      dma,
      aperture: (sizeBytes, content) => this.#aperture(sizeBytes, BELOW_RAM, content),
      ports: (count, handler) => bus.aperture(count, handler),
    });
    return {
      clock,
      output,
      dma,
      services: this.services,
      interrupts: this.interrupts,
      pciBus,
      irq: (line) => this.interrupts.line(line),
      ports: (first, count, handler) => bus.register(first, count, handler),
      portAperture: (count, handler) => bus.aperture(count, handler),
      portBlock: (port, part) => {
        const { image, offset, count } = part ?? { image: null, offset: 0, count: 0 };
        this.#tell({ kind: 'port-block', port, image: image?.index ?? 0, offset, length: count });
      },
      portBlockRead: (port) => {
        if (port !== this.#readPort) return false;
        this.#blockPort = port;
        return true;
      },
      mmio: (address, sizeBytes, handler) => {
        const aperture = this.#aperture(sizeBytes, OVER_ALL, handler);
        aperture.place(address);
        return aperture;
      },
      aperture: (sizeBytes, content) => this.#aperture(sizeBytes, OVER_ROM, content),
      pci: (spec) => pciBus.add(spec),
      bulk: (name) => this.#bulk(name),
      hasQuirk: (name) => options.quirks?.includes(name) === true,
      image: (role) => findImage(options, role),
      input: (kind, take) => this.#take(kind, take),
      nmi: () => context.nmi(),
      signal: (pin) => this.#signal(pin, options),
      requestReset: (by) => context.requestReset(by),
      setA20: (enabled) => {
        context.setA20(enabled);
        this.#checks.a20(clock.now(), enabled);
      },
    };
  }

  #signal(pin: SignalPin, options: BoardOptions): void {
    const context = this.#context;
    const isUnheard = options.quirks?.includes('unheard-apic' satisfies QuirkName) === true;
    if (pin === 'init') {
      // What firmware does when it finds itself started without a reason: it resets the machine.
      if (findImage(options, 'bios') === null) {
        context.requestReset('INIT of the local APIC');
        return;
      }
    }
    const event = { kind: 'signal', pin } as const;
    if (!isUnheard) this.#checks.signal(this.clock.now(), this.#isInAccess ? { ...event, isInAccess: true } : event);
    if (pin === 'nmi') context.nmi();
    else context.init();
  }

  #deviceDma(): DeviceDma {
    const { clock, dma, space } = this.#context;
    const checks = this.#checks;
    // One for all: what is made anew for each page of a transfer is what the collector is busy with.
    const piece = new Uint8Array(PIECE_BYTES);
    return {
      read: (address, target) => dma.read(address, target),
      write: (address, source) => {
        space.openRange(address, source.length);
        checks.dmaWrite(clock.now(), address, { bytes: source }, this.#isInAccess);
        dma.write(address, source);
      },
      writeImage: (address, image, offset, count) => {
        space.openRange(address, count);
        checks.dmaWrite(clock.now(), address, { image: image.index, offset, length: count }, this.#isInAccess);
        for (let done = 0; done < count; done += piece.length) {
          const part = piece.subarray(0, Math.min(piece.length, count - done));
          image.read(offset + done, part);
          dma.write(address + done, part);
        }
      },
    };
  }

  #aperture(sizeBytes: number, priority: number, content: ApertureContent): Aperture {
    const { space } = this.#context;
    const shown = (each: ApertureContent): Shown => {
      if ('memory' in each) return { host: space.hostOf(each.memory, each.offset), isWritable: !each.isReadOnly };
      if (!('bulk' in each)) return { handler: this.#reported(each, aperture) };
      return { bulk: each.bulk as BulkMemory, offset: each.offset ?? 0, isWritable: each.isReadOnly !== true };
    };
    const aperture: { address: number } & Aperture = {
      address: -1,
      place: (address) => {
        placed.place(address);
        aperture.address = address;
      },
      show: (other) => placed.show(shown(other)),
    };
    const placed = space.aperture(sizeBytes, priority, shown(content));
    return aperture;
  }

  #bulk(name: string): Bulk {
    const found = this.#context.space.bulks.get(name);
    if (found === undefined) throw new Error(`no line of the table asks for a bulk memory ${name}`);
    return found;
  }

  #take<K extends InputKind>(kind: K, take: (event: InputOf<K>) => void): void {
    const takers = this.#takers.get(kind);
    if (takers === undefined) this.#takers.set(kind, [take]);
    else takers.push(take);
  }

  get apic(): Services['localApic'] {
    return this.services.localApic;
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
    for (const take of this.#takers.get(event.kind) ?? []) take(event as never);
  }

  get intr(): boolean {
    return this.interrupts.output;
  }

  get wakers(): Wakers {
    return this.interrupts.wakers;
  }

  takeInterrupt(tick: number): number {
    if (!this.interrupts.output) return -1;
    const vector = this.interrupts.acknowledge();
    this.#checks.interrupt(tick, vector);
    return vector;
  }

  setApicBase(base: number, isLoaded: boolean): void {
    this.#isQuiet = isLoaded;
    this.#isInAccess = true;
    this.apic?.setBase(base);
    this.#isInAccess = false;
    this.#isQuiet = false;
  }

  reset(): void {
    for (const device of this.devices) device.reset();
  }

  hashParts(): BoardState {
    return this.save();
  }

  /** Every device by its name, then every bulk memory by its own (its bytes are the memory's), then the clock. */
  get #parts(): readonly Part[] {
    return [...this.devices, ...this.#context.space.bulks.values(), this.clock];
  }

  save(): BoardState {
    return saveParts(this.#parts);
  }

  saveAsLogged(): BoardState {
    return loggedState(this.devices, this.#context.space.mapped());
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
    this.#isQuiet = true;
    loadParts(this.#parts, states);
    this.#isQuiet = false;
  }
}

function findImage({ images = [] }: BoardOptions, role: string): DeviceImage | null {
  const index = images.findIndex((image) => image.role === role);
  if (index < 0) return null;
  const { source } = images[index];
  return { index, sizeBytes: source.sizeBytes, read: (offset, target) => source.read(offset, target) };
}
