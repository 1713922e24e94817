// Serial text without a UART (`--devices log`): follows from the guest's port writes alone which bytes
// leave a 16550. Knows of the chip only what decides that: the divisor latch bit (LCR bit 7) turns register
// 0 into the divisor, loopback (MCR bit 4) keeps bytes inside (data sheet PC16550D). Never read by the
// guest, so it is no device. Bytes appear when written; of a full FIFO that drops bytes it knows nothing.

import { DEBUG_CONSOLE_PORTS } from '../devices/debug/debug-console.ts';
import type { OutputPort } from './device.ts';
import { byte, list } from '../base/field-kinds.ts';
import { fields, withFields } from '../base/fields.ts';

/** First ports of COM1 … COM4. */
const FIRST_PORTS = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
const DIVISOR_LATCH = 0x80;
const LOOPBACK = 0x10;

/** What is remembered of the lines. */
export const SERIAL_TAP = fields({
  /** By line. */
  lineControl: list(byte(), FIRST_PORTS.length, FIRST_PORTS.length),
  modemControl: list(byte(), FIRST_PORTS.length, FIRST_PORTS.length),
});

export class SerialTap extends withFields(SERIAL_TAP) {
  readonly name = 'serial-tap';
  readonly fields = SERIAL_TAP.of(this);
  private readonly output: OutputPort;

  constructor(output: OutputPort) {
    super();
    this.output = output;
  }

  /** One access of the guest, split into bytes as the bus does. */
  write(port: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) this.writeByte((port + i) & 0xffff, (value >>> (i * 8)) & 0xff);
  }

  /** The reset line of the chips. */
  reset(): void {
    SERIAL_TAP.clear(this);
  }

  private writeByte(port: number, byte: number): void {
    if (DEBUG_CONSOLE_PORTS.includes(port)) this.output.debugConsole(byte);
    const line = FIRST_PORTS.indexOf(port & ~7);
    if (line < 0) return;
    const register = port & 7;
    if (register === 3) this.lineControl[line] = byte;
    else if (register === 4) this.modemControl[line] = byte;
    else if (register === 0) {
      const isData = (this.lineControl[line] & DIVISOR_LATCH) === 0 && (this.modemControl[line] & LOOPBACK) === 0;
      if (isData) this.output.serial(line, byte);
    }
  }
}
