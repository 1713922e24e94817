/**
 * The reset control register of the PIIX3 (82371SB data sheet, "RC", port CF9h): bit 2 resets when it rises, hard or
 * soft according to bit 1. Both are the same reset here. It lies inside the PCI configuration address port and is a
 * byte register, as the data sheet demands.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { bits } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

const WRITABLE = 0x0e;

const FIELDS = fields({ value: bits(WRITABLE) });

export class ResetControl extends withFields(FIELDS) implements Device {
  readonly name = 'reset-control';
  readonly version = 1;
  readonly fields = FIELDS.of(this);

  constructor(context: DeviceContext) {
    super();
    context.input('reset', () => context.requestReset('an input'));
    context.ports(0xcf9, 1, {
      read: () => this.value,
      write: (_port, _size, value) => {
        const resets = (value & ~this.value & 4) !== 0;
        this.value = value & WRITABLE;
        if (resets) context.requestReset('port CF9h');
      },
    });
  }

  reset(): void {
    this.value = 0;
  }
}

export const resetControl: DeviceEntry = { create: (context) => new ResetControl(context) };
