/**
 * The SMBus host controller of the PIIX4's power management function (82371AB data sheet, "SMBus I/O space registers"),
 * with nothing on its bus: a transaction that is started is over at once, and nobody has acknowledged it. Its
 * interrupt is not wired, and nobody speaks to its slave side, whose registers read as 0. Imports base.
 */
import { bits, byte } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

export const SMBUS_PORTS = 16;
const HOST_STATUS = 0;
const HOST_CONTROL = 2;
const HOST_COMMAND = 3;
const HOST_ADDRESS = 4;
const HOST_DATA_0 = 5;
const HOST_DATA_1 = 6;

/** Host status: nobody acknowledged; software killed the transaction. */
const DEVICE_ERROR = 0x04;
const FAILED = 0x10;
/** Those that go when they are written as 1. */
const STATUS_BITS = 0x1e;
/** Host control: KILL and START, which acts and reads as 0. */
const KILL = 0x02;
const START = 0x40;
const CONTROL_BITS = 0x1f;

export const SMBUS = fields({
  status: bits(STATUS_BITS),
  control: bits(CONTROL_BITS),
  command: byte(),
  address: byte(),
  data0: byte(),
  data1: byte(),
});

export class Smbus extends withFields(SMBUS) {
  read(offset: number): number {
    switch (offset) {
      case HOST_STATUS:
        return this.status;
      case HOST_CONTROL:
        return this.control;
      case HOST_COMMAND:
        return this.command;
      case HOST_ADDRESS:
        return this.address;
      case HOST_DATA_0:
        return this.data0;
      case HOST_DATA_1:
        return this.data1;
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case HOST_STATUS:
        this.status &= ~value;
        break;
      case HOST_CONTROL:
        this.control = value & CONTROL_BITS;
        if ((value & KILL) !== 0) this.status |= FAILED;
        else if ((value & START) !== 0) this.status |= DEVICE_ERROR;
        break;
      case HOST_COMMAND:
        this.command = value;
        break;
      case HOST_ADDRESS:
        this.address = value;
        break;
      case HOST_DATA_0:
        this.data0 = value;
        break;
      case HOST_DATA_1:
        this.data1 = value;
    }
  }
}
