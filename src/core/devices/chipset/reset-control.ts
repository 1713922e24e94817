/**
 * The reset control register of the PIIX3 (82371SB data sheet, "RC", port CF9h): bit 2 resets when it rises, hard or
 * soft according to bit 1. Both are the same reset here. It lies inside the PCI configuration address port and is a
 * byte register, as the data sheet demands.
 */
import type { Device, DeviceContext, DeviceState } from '../../board/device.ts';

export class ResetControl implements Device {
  readonly name = 'reset-control';
  readonly version = 1;
  #value = 0;

  constructor(context: DeviceContext) {
    context.ports(0xcf9, 1, {
      read: () => this.#value,
      write: (_port, _size, value) => {
        const resets = (value & ~this.#value & 4) !== 0;
        this.#value = value & 0x0e;
        if (resets) context.requestReset();
      },
    });
  }

  reset(): void {
    this.#value = 0;
  }

  save(): DeviceState {
    return { value: this.#value };
  }

  load(state: DeviceState): void {
    this.#value = state.value as number;
  }
}
