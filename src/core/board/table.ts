/**
 * The machine table: one line per device, in the order in which they are created (which breaks ties between timers due
 * at one tick, and numbers the sources of an interrupt line). To add a device: its file, and its line here.
 */
import { dma8237 } from '../devices/chipset/dma-8237.ts';
import { fwCfg } from '../devices/chipset/fw-cfg.ts';
import { pciHost } from '../devices/chipset/pci.ts';
import { port92 } from '../devices/chipset/port92.ts';
import { resetControl } from '../devices/chipset/reset-control.ts';
import { debugConsole } from '../devices/debug/debug-console.ts';
import { debugExit } from '../devices/debug/debug-exit.ts';
import { postCode } from '../devices/debug/post.ts';
import { testDevice } from '../devices/debug/test-device.ts';
import { vga } from '../devices/display/vga.ts';
import { floppy } from '../devices/disk/floppy.ts';
import { ide } from '../devices/disk/ide.ts';
import { ps2 } from '../devices/input/ps2.ts';
import { parallel } from '../devices/parallel/parallel.ts';
import { localApic } from '../devices/interrupts/apic.ts';
import { ioApic } from '../devices/interrupts/ioapic.ts';
import { pic } from '../devices/interrupts/pic.ts';
import { uarts } from '../devices/serial/uart.ts';
import { acpiPm } from '../devices/timers/acpi-pm.ts';
import { hpet } from '../devices/timers/hpet.ts';
import { pit } from '../devices/timers/pit.ts';
import { rtc } from '../devices/timers/rtc.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { BoardOptions } from './board.ts';
import type { DeviceEntry } from './context.ts';

export const DEVICES: readonly DeviceEntry[] = [
  pic,
  localApic,
  ioApic,
  pit,
  rtc,
  ...uarts,
  port92,
  ps2,
  acpiPm,
  dma8237,
  pciHost,
  resetControl,
  ide,
  floppy,
  fwCfg,
  debugExit,
  debugConsole,
  postCode,
  testDevice,
  vga,
  hpet,
  parallel,
];

/** The lines that a machine of these options has. */
export function presentDevices(options: BoardOptions): DeviceEntry[] {
  return DEVICES.filter((entry) => entry.isPresent?.(options) ?? true);
}

/** Where a bulk memory lies behind guest RAM, in bytes from its begin. */
export interface BulkPlan {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The bulk memories of a machine, one behind the other in the order of the table. */
export function planBulk(options: BoardOptions): BulkPlan[] {
  const plans: BulkPlan[] = [];
  let offset = 0;
  for (const entry of presentDevices(options)) {
    for (const [name, sizeBytes] of Object.entries(entry.bulk?.(options) ?? {})) {
      if (plans.some((plan) => plan.name === name)) throw new Error(`two bulk memories are called ${name}`);
      if (!(sizeBytes > 0) || sizeBytes % PAGE_BYTES !== 0) throw new Error(`${name} has ${sizeBytes} bytes`);
      plans.push({ name, offset, sizeBytes });
      offset += sizeBytes;
    }
  }
  return plans;
}
