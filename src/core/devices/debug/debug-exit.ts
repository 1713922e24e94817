/**
 * The debug-exit port of QEMU (hw/misc/debugexit.c, "isa-debug-exit", iobase F4h, 4 ports): a write of any size asks
 * the host to end the run, and the value decides the exit status (v << 1) | 1. Reads give 0. Keeps no state; the
 * machine loop decides what ending means.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { NO_FIELDS } from '../../base/fields.ts';

export class DebugExit implements Device {
  readonly name = 'debug-exit';
  readonly version = 1;
  readonly fields = NO_FIELDS;

  constructor(context: DeviceContext) {
    context.ports(0xf4, 4, {
      maxSize: 4,
      read: () => 0,
      write: (_port, _size, value) => context.output.debugExit(value),
    });
  }

  reset(): void {}
}

export const debugExit: DeviceEntry = { create: (context) => new DebugExit(context) };
