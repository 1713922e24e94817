/**
 * The machine table: one line per device, in the order in which they are created (which breaks ties between timers due
 * at one tick). Wires the port bus, the interrupt lines and the inputs; knows no CPU and no engine: the machine loop
 * hands in what a board needs of them (BoardContext) and asks for interrupts.
 */
import { AcpiPm, acpiPorts } from '../devices/timers/acpi-pm.ts';
import { LocalApic } from '../devices/interrupts/apic.ts';
import { DebugConsole } from '../devices/debug/debug-console.ts';
import { DebugExit } from '../devices/debug/debug-exit.ts';
import type { Device, DeviceContext, DeviceState, Dma, MmioHandler, OutputPort } from './device.ts';
import { Dma8237 } from '../devices/chipset/dma-8237.ts';
import { FwCfg } from '../devices/chipset/fw-cfg.ts';
import { Interrupts } from './interrupts.ts';
import { IoApic } from '../devices/interrupts/ioapic.ts';
import { IoBus } from './io-bus.ts';
import { boardFunctions, PciHost } from '../devices/chipset/pci.ts';
import { Pic } from '../devices/interrupts/pic.ts';
import { Pit } from '../devices/timers/pit.ts';
import { Port92 } from '../devices/chipset/port92.ts';
import { PostCode } from '../devices/debug/post.ts';
import { Ps2Controller } from '../devices/input/ps2.ts';
import { ResetControl } from '../devices/chipset/reset-control.ts';
import { Rtc } from '../devices/timers/rtc.ts';
import { TestDevice } from '../devices/debug/test-device.ts';
import { Uart, uartPlaces, type SerialTiming } from '../devices/serial/uart.ts';
import type { InputEvent } from '../log/events.ts';
import type { TickClock } from '../machine/clock.ts';

/** What the board is given by the machine around it. */
export interface BoardContext {
  readonly clock: TickClock;
  readonly output: OutputPort;
  readonly dma: Dma;
  mmio(address: number, size: number, handler: MmioHandler): void;
  /** The level of the CPU's INTR pin changed. */
  intr(level: boolean): void;
  nmi(): void;
  requestReset(): void;
  setA20(enabled: boolean): void;
}

export interface BoardOptions {
  readonly memoryBytes: number;
  /** 'instant' unless given. */
  readonly serialTiming?: SerialTiming;
  /** Local and I/O APIC; there unless false. */
  readonly apic?: boolean;
  /** The test device of kernel test suites; there unless false. */
  readonly testDevice?: boolean;
}

export interface Board {
  /** In order of creation; names are unique. */
  readonly devices: readonly Device[];
  readonly bus: IoBus;
  readonly clock: TickClock;
  readonly interrupts: Interrupts;
  readonly apic: LocalApic | undefined;
  /** Hand an input to the device it is for. Inputs for devices that are not there have no effect. */
  input(event: InputEvent): void;
  /** The reset line of every device. */
  reset(): void;
  /** State of every device by name, and of the clock as `clock`. */
  save(): readonly (readonly [string, DeviceState])[];
  load(states: readonly (readonly [string, DeviceState])[]): void;
}

/**
 * Program the chips as PC firmware leaves them to a boot loader: interrupts at vectors 08h and 70h, all lines but the
 * cascade masked. What else firmware does, devices have after reset. For guests that are started without firmware.
 */
export function programLikeFirmware(bus: IoBus): void {
  const program = (first: number, ...bytes: number[]): void => {
    bytes.forEach((byte, index) => {
      bus.write(index === 0 ? first : first + 1, 1, byte);
    });
  };
  program(0x20, 0x11, 0x08, 0x04, 0x01, 0xfb);
  program(0xa0, 0x11, 0x70, 0x02, 0x01, 0xff);
}

export function createBoard(context: BoardContext, options: BoardOptions): Board {
  const { clock } = context;
  const bus = new IoBus();
  const interrupts = new Interrupts((level) => context.intr(level));
  const wiring: DeviceContext = {
    clock,
    output: context.output,
    dma: context.dma,
    irq: (line) => interrupts.line(line),
    ports: (first, count, handler) => bus.register(first, count, handler),
    mmio: (address, size, handler) => context.mmio(address, size, handler),
    intr: (level) => context.intr(level),
    nmi: () => context.nmi(),
    requestReset: () => context.requestReset(),
    setA20: (enabled) => context.setA20(enabled),
  };
  const devices: Device[] = [interrupts];
  const add = <D extends Device>(device: D): D => {
    devices.push(device);
    return device;
  };

  const pic = add(new Pic(wiring, (level) => interrupts.picChanged(level)));
  const apic = options.apic === false ? undefined : add(new LocalApic(wiring, () => interrupts.update()));
  const ioapic = apic === undefined ? undefined : add(new IoApic(wiring, apic));
  if (apic !== undefined) apic.ioapic = ioapic;
  interrupts.attach(pic, apic, ioapic);
  add(new Pit(wiring));
  const rtc = add(new Rtc(wiring, { memoryBytes: options.memoryBytes }));
  const uarts = uartPlaces.map((place) => add(new Uart(wiring, place, options.serialTiming ?? 'instant')));
  const port92 = add(new Port92(wiring));
  const ps2 = add(new Ps2Controller(wiring, port92.gate));
  const acpi = add(new AcpiPm(wiring));
  add(new Dma8237(wiring));
  add(new PciHost(wiring, boardFunctions(acpiPorts.event)));
  add(new ResetControl(wiring));
  add(new FwCfg(wiring, { memoryBytes: options.memoryBytes }));
  add(new DebugExit(wiring));
  add(new DebugConsole(wiring));
  add(new PostCode(wiring));
  if (options.testDevice !== false) add(new TestDevice(wiring));

  const input = (event: InputEvent): void => {
    switch (event.kind) {
      case 'serial':
        uarts[event.port]?.receive(event.bytes);
        break;
      case 'epoch':
        rtc.setTime(event.seconds);
        break;
      case 'nmi':
        if (!rtc.nmiMasked) context.nmi();
        break;
      case 'reset':
        context.requestReset();
        break;
      case 'power-button':
        acpi.pressPowerButton();
        break;
      case 'key':
        ps2.keyboard.press(event.key, event.down);
        break;
      case 'scancode':
        ps2.keyboard.scan(event.bytes);
        break;
      case 'mouse':
        ps2.mouse.move(event.dx, event.dy, event.dz, event.buttons);
        break;
      case 'packet':
      case 'entropy':
      case 'end-of-input':
        break;
    }
  };

  return {
    devices,
    bus,
    clock,
    interrupts,
    apic,
    input,
    reset: () => {
      for (const device of devices) device.reset();
    },
    save: () => [...devices.map((device) => [device.name, device.save()] as const), ['clock', clock.save()] as const],
    load: (states) => {
      const byName = new Map(states);
      for (const device of devices) {
        const state = byName.get(device.name);
        if (state === undefined) throw new Error(`the state of device ${device.name} is missing`);
        device.load(state);
      }
      clock.load(byName.get('clock') ?? {});
    },
  };
}
