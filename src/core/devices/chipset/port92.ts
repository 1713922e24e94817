/**
 * System control port A, 92h (IBM PS/2 Hardware Interface Technical Reference): bit 0 resets the processor when it
 * rises, bit 1 opens the A20 gate. The gate is one thing that port 92h and the keyboard controller both set and both
 * read back: whoever wrote last decides, as in QEMU (a real board ORs two latches). Open after reset, as firmware
 * leaves it.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { bits, flag } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

export interface A20Gate {
  readonly enabled: boolean;
  set(enabled: boolean): void;
}

const FIELDS = fields({ enabled: flag(true), latch: bits(0xfd) });

export class Port92 extends withFields(FIELDS) implements Device {
  readonly name = 'port92';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  readonly gate: A20Gate;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    const enabled = (): boolean => this.enabled;
    this.gate = {
      get enabled() {
        return enabled();
      },
      set: (level) => this.#set(level),
    };
    context.services.a20Gate = this.gate;
    context.ports(0x92, 1, {
      read: () => this.latch | (this.enabled ? 2 : 0),
      write: (_port, _size, value) => {
        const resets = (value & ~this.latch & 1) !== 0;
        this.latch = value & ~2;
        this.#set((value & 2) !== 0);
        if (resets) context.requestReset('port 92h');
      },
    });
  }

  #set(enabled: boolean): void {
    if (enabled === this.enabled) return;
    this.enabled = enabled;
    this.#context.setA20(enabled);
  }

  reset(): void {
    this.latch = 0;
    this.#set(true);
  }
}

export const port92: DeviceEntry = { create: (context) => new Port92(context) };
