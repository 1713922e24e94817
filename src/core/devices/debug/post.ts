/**
 * Port 80h, where firmware writes its power-on self test codes and kernels write to wait a microsecond (IBM AT
 * Technical Reference: the unused DMA page register). A latch that reads back; the last code is kept for reports.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { byte } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

const FIELDS = fields({ code: byte() });

export class PostCode extends withFields(FIELDS) implements Device {
  readonly name = 'post';
  readonly version = 1;
  readonly fields = FIELDS.of(this);

  constructor(context: DeviceContext) {
    super();
    context.ports(0x80, 1, {
      read: () => this.code,
      write: (_port, _size, value) => {
        this.code = value;
      },
    });
  }

  reset(): void {
    this.code = 0;
  }
}

export const postCode: DeviceEntry = { create: (context) => new PostCode(context) };
