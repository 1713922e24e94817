/**
 * National 16550A asynchronous receiver/transmitter (data sheet PC16550D): both FIFOs, trigger levels, character
 * timeout, transmitter-empty logic, interrupt priorities, line errors, modem status, loopback. OUT2 gates the
 * interrupt line, as on every PC board; the modem lines say that somebody is connected and ready.
 *
 * Timing `instant`: a byte leaves as it is written, and what the host sent arrives in bursts as large as the FIFO,
 * each when the guest has emptied it, so that no input is ever lost. Timing `baud`: bytes move at the programmed rate,
 * and a guest that reads too late gets an overrun. No modem, no parity errors, no 5/6/7-bit truncation.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, KnownOfDevice, Timer } from '../../board/device.ts';
import { bits, byte, byteList, byteQueue, flag, integer, list, unsigned, word16 } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

export type SerialTiming = 'instant' | 'baud';

export interface UartLine {
  /** 0 for COM1 … 3 for COM4: the number of the serial line in inputs and outputs. */
  readonly index: number;
  readonly firstPort: number;
  readonly irq: number;
}

export const uartLines: readonly UartLine[] = [
  { index: 0, firstPort: 0x3f8, irq: 4 },
  { index: 1, firstPort: 0x2f8, irq: 3 },
  { index: 2, firstPort: 0x3e8, irq: 4 },
  { index: 3, firstPort: 0x2e8, irq: 3 },
];

/** The crystal; one bit lasts 16 · divisor of its cycles. */
const crystalHertz = 1843200;
const fifoBytes = 16;
/** Instant timing: pause between an emptied FIFO and the next burst, and before the character timeout. */
const burstGapNanoseconds = 8192;

/** Line status. */
const DATA_READY = 0x01;
const OVERRUN = 0x02;
const FRAMING = 0x08;
const BREAK = 0x10;
const HOLDING_EMPTY = 0x20;
const TRANSMITTER_EMPTY = 0x40;
const FIFO_ERROR = 0x80;
const LINE_ERRORS = 0x1e;
/** Modem control. */
const OUT2 = 0x08;
const LOOP = 0x10;
/** Modem status of the connected line: DCD, DSR, CTS. */
const CONNECTED = 0xb0;

const triggerLevels = [1, 4, 8, 14];

const FIELDS = fields({
  interruptEnable: bits(0x0f),
  fifoControl: bits(0xc9),
  lineControl: byte(),
  modemControl: bits(0x1f),
  lineStatus: byte(HOLDING_EMPTY | TRANSMITTER_EMPTY),
  modemStatus: byte(CONNECTED),
  scratch: byte(),
  divisor: word16(12),
  /** Received, oldest first: byte in bits 7–0, its line errors (LSR bits) in bits 15–8. One entry without FIFOs. */
  received: list(unsigned((LINE_ERRORS << 8) | 0xff), fifoBytes),
  /** Read again when the receiver is empty: the receiver buffer keeps its last byte. */
  lastReceived: byte(),
  /** Sent by the host, not yet arrived. */
  arriving: byteQueue(),
  /** Written by the guest, waiting for the shift register (baud timing). */
  sending: byteList(fifoBytes),
  /** In the shift register, −1 when idle. */
  shifting: integer(-1, 0xff, -1),
  holdingEmptyPending: flag(),
  timeoutPending: flag(),
});

export class Uart extends withFields(FIELDS) implements Device {
  readonly name: string;
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ shifting }, { due }) =>
      shifting < 0 === (due(`${this.name}-transmit`) === Infinity)
        ? null
        : `shifting is ${shifting}, with the transmit timer ${shifting < 0 ? 'armed' : 'disarmed'}`,
  });
  readonly #context: DeviceContext;
  readonly #line: UartLine;
  readonly #timing: SerialTiming;
  readonly #irq: IrqLine;
  /** Instant: the next burst from the host. Baud: the next byte from the line. */
  readonly #receiveTimer: Timer;
  readonly #transmitTimer: Timer;
  readonly #timeoutTimer: Timer;

  constructor(context: DeviceContext, line: UartLine, timing: SerialTiming) {
    super();
    this.name = `uart${line.index}`;
    this.#context = context;
    this.#line = line;
    this.#timing = timing;
    this.#irq = context.irq(line.irq);
    this.#receiveTimer = context.clock.timer(`${this.name}-receive`, () => this.#arrive());
    this.#transmitTimer = context.clock.timer(`${this.name}-transmit`, () => this.#shifted());
    this.#timeoutTimer = context.clock.timer(`${this.name}-timeout`, () => {
      this.timeoutPending = this.received.length > 0;
      this.#settle();
    });
    context.input('serial', ({ port, bytes: sent }) => {
      if (port === line.index) this.receive(sent);
    });
    context.input('serial-break', ({ port }) => {
      if (port === line.index) this.receiveBreak();
    });
    context.ports(line.firstPort, 8, {
      read: (port) => {
        const value = this.#read(port & 7);
        this.#settle();
        return value;
      },
      write: (port, _size, value) => {
        this.#write(port & 7, value);
        this.#settle();
      },
    });
  }

  known(): KnownOfDevice {
    const { lineControl, modemControl } = this;
    return { serial: { line: this.#line.index, lineControl, modemControl } };
  }

  /** Bytes from the other end of the line, all sent at this moment. */
  receive(bytes: Uint8Array): void {
    this.arriving.push(bytes);
    this.#expectArrival(0);
    this.#settle();
  }

  /** The other end holds the line low for longer than a character: it is received as one, at once. */
  receiveBreak(): void {
    if (!this.#looping) this.#put(0, BREAK | FRAMING);
    this.#settle();
  }

  get #fifos(): boolean {
    return (this.fifoControl & 1) !== 0;
  }

  get #looping(): boolean {
    return (this.modemControl & LOOP) !== 0;
  }

  /** The tick that is a number of characters from now. */
  #afterCharacters(count: number): number {
    const { clock } = this.#context;
    if (this.#timing === 'instant') return clock.now() + Math.max(1, Math.ceil(burstGapNanoseconds / clock.nsPerTick));
    const parity = (this.lineControl >> 3) & 1;
    // Start bit, 5–8 data bits, parity, one or two stop bits (1.5 with 5 data bits: halves counted up).
    const bits = 1 + 5 + (this.lineControl & 3) + parity + 1 + ((this.lineControl >> 2) & 1);
    const cycles = count * bits * 16 * (this.divisor || 0x10000);
    return clock.tickOfCycle(clock.cycles(clock.now(), crystalHertz) + cycles, crystalHertz);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Receiver

  /** Let the next bytes arrive: after the gap, or at once if nothing has come for a while (instant timing). */
  #expectArrival(gap: 0 | 1): void {
    if (this.arriving.length === 0 || this.#looping || this.#receiveTimer.dueTick !== Infinity) return;
    if (this.#timing === 'baud') this.#receiveTimer.arm(this.#afterCharacters(1));
    else if (this.received.length === 0) {
      if (gap === 0) this.#arrive();
      else this.#receiveTimer.arm(this.#afterCharacters(1));
    }
  }

  #arrive(): void {
    if (this.#looping || this.arriving.length === 0) return;
    if (this.#timing === 'baud') {
      this.#put(this.arriving.shift() as number, 0);
      this.#expectArrival(1);
    } else if (this.received.length === 0) {
      const count = Math.min(this.arriving.length, this.#fifos ? fifoBytes : 1);
      for (let i = 0; i < count; i++) this.#put(this.arriving.shift() as number, 0);
    }
    this.#settle();
  }

  /** A character has been assembled. */
  #put(byte: number, errors: number): void {
    const entry = byte | (errors << 8);
    if (this.received.length < (this.#fifos ? fifoBytes : 1)) this.received.push(entry);
    else {
      // With FIFOs the new character is lost in the shift register, without them it replaces the old one.
      this.lineStatus |= OVERRUN;
      if (!this.#fifos) this.received[0] = entry;
    }
    if (this.received.length === 1) this.lineStatus |= this.received[0] >> 8;
    this.lineStatus |= DATA_READY;
    this.#restartTimeout();
  }

  #take(): number {
    this.timeoutPending = false;
    if (this.received.length === 0) return this.lastReceived;
    this.lastReceived = (this.received.shift() as number) & 0xff;
    if (this.received.length > 0) this.lineStatus |= this.received[0] >> 8;
    else this.lineStatus &= ~DATA_READY;
    this.#restartTimeout();
    this.#expectArrival(1);
    return this.lastReceived;
  }

  /** Four characters without a read or an arrival, data below the trigger level or not, give the timeout. */
  #restartTimeout(): void {
    if (this.#fifos && this.received.length > 0) this.#timeoutTimer.arm(this.#afterCharacters(4));
    else this.#timeoutTimer.disarm();
  }

  #clearReceiver(): void {
    this.received = [];
    this.timeoutPending = false;
    this.#timeoutTimer.disarm();
    this.lineStatus &= ~DATA_READY;
    this.#expectArrival(1);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Transmitter

  #send(byte: number): void {
    this.holdingEmptyPending = false;
    if (this.#timing === 'instant') {
      // Low for a moment: the written byte withdraws the interrupt, its leaving raises it anew.
      this.lineStatus &= ~HOLDING_EMPTY;
      this.#settle();
      this.#leave(byte);
      this.lineStatus |= HOLDING_EMPTY;
      this.holdingEmptyPending = true;
      return;
    }
    // Written to a full transmitter, a byte takes the place of the last one.
    if (this.sending.length >= (this.#fifos ? fifoBytes : 1)) this.sending.pop();
    this.sending.push(byte);
    this.lineStatus &= ~(HOLDING_EMPTY | TRANSMITTER_EMPTY);
    if (this.shifting < 0) this.#startShifting();
  }

  #startShifting(): void {
    this.shifting = this.sending.shift() as number;
    this.#transmitTimer.arm(this.#afterCharacters(1));
    if (this.sending.length > 0) return;
    this.lineStatus |= HOLDING_EMPTY;
    this.holdingEmptyPending = true;
  }

  #shifted(): void {
    const byte = this.shifting;
    this.shifting = -1;
    if (this.sending.length > 0) this.#startShifting();
    else this.lineStatus |= TRANSMITTER_EMPTY;
    this.#leave(byte);
    this.#settle();
  }

  #leave(byte: number): void {
    if (this.#looping) this.#put(byte, 0);
    else this.#context.output.serial(this.#line.index, byte);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Interrupts

  /** Interrupt identification, bits 3–0, highest priority first. */
  #identify(): number {
    const enable = this.interruptEnable;
    if ((enable & 4) !== 0 && (this.lineStatus & LINE_ERRORS) !== 0) return 0x06;
    if ((enable & 1) !== 0 && this.timeoutPending) return 0x0c;
    if ((enable & 1) !== 0 && this.received.length >= this.#triggerLevel()) return 0x04;
    if ((enable & 2) !== 0 && this.holdingEmptyPending) return 0x02;
    if ((enable & 8) !== 0 && (this.modemStatus & 0x0f) !== 0) return 0x00;
    return 0x01;
  }

  #triggerLevel(): number {
    return this.#fifos ? triggerLevels[this.fifoControl >> 6] : 1;
  }

  #settle(): void {
    this.#irq.set((this.modemControl & OUT2) !== 0 && this.#identify() !== 0x01);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Registers

  get #divisorLatch(): boolean {
    return (this.lineControl & 0x80) !== 0;
  }

  #read(register: number): number {
    switch (register) {
      case 0:
        return this.#divisorLatch ? this.divisor & 0xff : this.#take();
      case 1:
        return this.#divisorLatch ? this.divisor >> 8 : this.interruptEnable;
      case 2: {
        const identification = this.#identify();
        if (identification === 0x02) this.holdingEmptyPending = false;
        return identification | (this.#fifos ? 0xc0 : 0);
      }
      case 3:
        return this.lineControl;
      case 4:
        return this.modemControl;
      case 5: {
        const fifoError = this.#fifos && this.received.some((entry) => entry >> 8 !== 0) ? FIFO_ERROR : 0;
        const status = this.lineStatus | fifoError;
        this.lineStatus &= ~LINE_ERRORS;
        // The errors of the oldest character have been told.
        if (this.received.length > 0) this.received[0] &= 0xff;
        return status;
      }
      case 6: {
        const status = this.modemStatus;
        this.modemStatus &= 0xf0;
        return status;
      }
      default:
        return this.scratch;
    }
  }

  #write(register: number, value: number): void {
    switch (register) {
      case 0:
        if (this.#divisorLatch) this.divisor = (this.divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case 1:
        if (this.#divisorLatch) this.divisor = (this.divisor & 0xff) | (value << 8);
        else {
          // Enabling the interrupt while the holding register is empty raises it.
          const enables = (value & ~this.interruptEnable & 2) !== 0;
          if (enables && (this.lineStatus & HOLDING_EMPTY) !== 0) this.holdingEmptyPending = true;
          this.interruptEnable = value & 0x0f;
        }
        break;
      case 2:
        this.#writeFifoControl(value);
        break;
      case 3: {
        const breakBegins = (value & ~this.lineControl & 0x40) !== 0;
        this.lineControl = value;
        if (breakBegins && this.#looping) this.#put(0, BREAK | FRAMING);
        break;
      }
      case 4:
        this.modemControl = value & 0x1f;
        this.#updateModemStatus();
        this.#expectArrival(1);
        break;
      case 7:
        this.scratch = value;
        break;
    }
  }

  #writeFifoControl(value: number): void {
    const enable = value & 1;
    const switched = enable !== (this.fifoControl & 1);
    if (switched || (enable !== 0 && (value & 2) !== 0)) this.#clearReceiver();
    if (switched || (enable !== 0 && (value & 4) !== 0)) {
      this.sending = [];
      if ((this.lineStatus & HOLDING_EMPTY) === 0) {
        this.lineStatus |= HOLDING_EMPTY;
        this.holdingEmptyPending = true;
      }
    }
    this.fifoControl = enable !== 0 ? value & 0xc9 : 0;
  }

  /** In loopback the modem inputs are the modem outputs: DTR→DSR, RTS→CTS, OUT1→RI, OUT2→DCD. */
  #updateModemStatus(): void {
    const control = this.modemControl;
    const looped = ((control & 1) << 5) | ((control & 2) << 3) | ((control & 4) << 4) | ((control & 8) << 4);
    const lines = this.#looping ? looped : CONNECTED;
    const changed = lines ^ (this.modemStatus & 0xf0);
    let deltas = this.modemStatus & 0x0f;
    deltas |= (changed >> 4) & 0x0b;
    if ((changed & 0x40) !== 0 && (lines & 0x40) === 0) deltas |= 0x04; // RI tells its trailing edge only
    this.modemStatus = lines | deltas;
  }

  reset(): void {
    this.interruptEnable = 0;
    this.fifoControl = 0;
    this.lineControl = 0;
    this.modemControl = 0;
    this.lineStatus = HOLDING_EMPTY | TRANSMITTER_EMPTY;
    this.modemStatus = CONNECTED;
    this.sending = [];
    this.shifting = -1;
    this.holdingEmptyPending = false;
    this.#transmitTimer.disarm();
    this.#clearReceiver();
    this.#settle();
  }
}

export const uarts: readonly DeviceEntry[] = uartLines.map((line) => ({
  create: (context, { serialTiming }) => new Uart(context, line, serialTiming ?? 'instant'),
}));
