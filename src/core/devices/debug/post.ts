/**
 * Port 80h, where firmware writes its power-on self test codes and kernels write to wait a microsecond (IBM AT
 * Technical Reference: the unused DMA page register). A latch that reads back; the last code is kept for reports.
 */
import type { Device, DeviceContext, DeviceState } from '../../board/device.ts';

export class PostCode implements Device {
  readonly name = 'post';
  readonly version = 1;
  code = 0;

  constructor(context: DeviceContext) {
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

  save(): DeviceState {
    return { code: this.code };
  }

  load(state: DeviceState): void {
    this.code = state.code as number;
  }
}
