/**
 * The debug console of Bochs and QEMU: a byte written to port E9h, or to 402h where SeaBIOS writes, is text for the
 * host. A read gives E9h, by which a guest finds out that somebody listens. Keeps no state.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { NO_FIELDS } from '../../base/fields.ts';

export const DEBUG_CONSOLE_PORTS: readonly number[] = [0xe9, 0x402];
const presence = 0xe9;

export class DebugConsole implements Device {
  readonly name = 'debug-console';
  readonly version = 1;
  readonly fields = NO_FIELDS;

  constructor(context: DeviceContext) {
    for (const port of DEBUG_CONSOLE_PORTS) {
      context.ports(port, 1, {
        read: () => presence,
        write: (_port, _size, value) => context.output.debugConsole(value),
      });
    }
  }

  reset(): void {}
}

export const debugConsole: DeviceEntry = { create: (context) => new DebugConsole(context) };
