/**
 * The machine table: one line per device, in the order in which they are created (which breaks ties between timers due
 * at one tick), and which device an input is for. A device gets a DeviceContext and what it is wired to, nothing else.
 */
import type { InputEvent } from '../log/events.ts';
import type { QuirkName } from '../log/quirks.ts';
import { Dma8237 } from '../devices/chipset/dma-8237.ts';
import { FwCfg } from '../devices/chipset/fw-cfg.ts';
import { boardFunctions, PciHost } from '../devices/chipset/pci.ts';
import { Port92 } from '../devices/chipset/port92.ts';
import { ResetControl } from '../devices/chipset/reset-control.ts';
import { DebugConsole } from '../devices/debug/debug-console.ts';
import { DebugExit } from '../devices/debug/debug-exit.ts';
import { PostCode } from '../devices/debug/post.ts';
import { TestDevice } from '../devices/debug/test-device.ts';
import { Ps2Controller } from '../devices/input/ps2.ts';
import { LocalApic } from '../devices/interrupts/apic.ts';
import { IoApic } from '../devices/interrupts/ioapic.ts';
import { Pic } from '../devices/interrupts/pic.ts';
import { Uart, uartPlaces } from '../devices/serial/uart.ts';
import { AcpiPm, acpiPorts } from '../devices/timers/acpi-pm.ts';
import { Pit } from '../devices/timers/pit.ts';
import { Rtc } from '../devices/timers/rtc.ts';
import type { BoardOptions } from './board.ts';
import type { Device, DeviceContext } from './device.ts';
import type { Interrupts } from './interrupts.ts';

export interface DeviceSet {
  /** In order of creation; names are unique. */
  readonly devices: readonly Device[];
  readonly apic: LocalApic | undefined;
  /** Hand an input to the device it is for. Inputs for devices that are not there have no effect. */
  input(event: InputEvent): void;
}

export function createDevices(context: DeviceContext, interrupts: Interrupts, options: BoardOptions): DeviceSet {
  const devices: Device[] = [interrupts];
  const add = <D extends Device>(device: D): D => {
    devices.push(device);
    return device;
  };
  const has = (quirk: QuirkName): boolean => options.quirks?.includes(quirk) === true;
  const pic = add(new Pic(context, (level) => interrupts.picChanged(level), has('latching-8259')));
  const apic =
    options.apic === false ? undefined : add(new LocalApic(context, () => interrupts.update(), has('open-lint-reset')));
  const ioapic = apic === undefined ? undefined : add(new IoApic(context, apic));
  if (apic !== undefined) apic.ioapic = ioapic;
  interrupts.attach(pic, apic, ioapic);
  add(new Pit(context));
  const rtc = add(new Rtc(context, { memoryBytes: options.memoryBytes }));
  const uarts = uartPlaces.map((place) => add(new Uart(context, place, options.serialTiming ?? 'instant')));
  const port92 = add(new Port92(context));
  const ps2 = add(new Ps2Controller(context, port92.gate));
  const acpi = add(new AcpiPm(context));
  add(new Dma8237(context));
  add(new PciHost(context, boardFunctions(acpiPorts.event)));
  add(new ResetControl(context));
  add(new FwCfg(context, { memoryBytes: options.memoryBytes }));
  add(new DebugExit(context));
  add(new DebugConsole(context));
  add(new PostCode(context));
  if (options.testDevice !== false) add(new TestDevice(context));

  const input = (event: InputEvent): void => {
    switch (event.kind) {
      case 'serial':
        uarts[event.port]?.receive(event.bytes);
        break;
      case 'epoch':
        rtc.setTime(event.seconds);
        break;
      case 'nmi':
        if (!rtc.nmiMasked || has('unmasked-nmi')) context.nmi();
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
  return { devices, apic, input };
}
