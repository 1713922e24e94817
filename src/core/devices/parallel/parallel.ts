/**
 * A parallel port as a PC has it (IBM AT Technical Reference, "Printer adapter"; IEEE 1284-1994, compatibility mode),
 * with a printer behind it that takes every byte: data 378h, status 379h, control 37Ah, interrupt 7. A byte goes over
 * when STROBE# is pulled; BUSY follows, and ACK# ends it, which is what interrupts. The printer is slow by the tick
 * alone: what is strobed while it is busy is taken too, so that the bytes follow from the writes (ParallelTap).
 * Bit 5 of control turns the data lines around, as on a PS/2: nobody drives them then.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, OutputPort, Timer } from '../../board/device.ts';
import { bits, byte, oneOf } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

const FIRST_PORT = 0x378;
const PORT_COUNT = 3;
const IRQ = 7;

/** Control: written bits as software sees them; STROBE, AUTO FEED and SELECT IN are inverted on the cable. */
const STROBE = 0x01;
/** The printer is not being reset. */
const INIT = 0x04;
const SELECT_IN = 0x08;
const INTERRUPT_ENABLE = 0x10;
const INWARD = 0x20;
const CONTROL_MASK = 0x3f;
/** Status. BUSY is inverted: 1 is ready. The three lowest bits are not connected. */
const NOT_BUSY = 0x80;
const ACKNOWLEDGED = 0x40;
const SELECTED = 0x10;
const NO_ERROR = 0x08;
const UNCONNECTED = 0x07;
/** Control as it is after reset. */
const CONTROL_INITIAL = INIT | SELECT_IN;

/** How long the printer is busy with a byte, and how long it pulls ACK#: some twenty thousand bytes a second. */
const BUSY_NS = 40_000;
const ACKNOWLEDGE_NS = 10_000;

const PHASES = ['ready', 'busy', 'acknowledging'] as const;

/** Whether that value of control, written over the one before, sends what is on the data lines. */
function sends(before: number, value: number): boolean {
  return (value & ~before & STROBE) !== 0 && (value & INIT) !== 0;
}

const FIELDS = fields({
  data: byte(),
  control: bits(CONTROL_MASK, CONTROL_INITIAL),
  phase: oneOf<(typeof PHASES)[number]>(PHASES, 'a phase of a byte', 'ready'),
});

export class ParallelPort extends withFields(FIELDS) implements Device {
  readonly name = 'parallel';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ phase }, { due }) =>
      (phase === 'ready') === (due(this.name) === Number.POSITIVE_INFINITY)
        ? null
        : `phase is ${phase}, with its timer ${phase === 'ready' ? 'armed' : 'disarmed'}`,
  });
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #timer: Timer;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    this.#irq = context.irq(IRQ);
    this.#timer = context.clock.timer(this.name, () => this.#goOn());
    context.ports(FIRST_PORT, PORT_COUNT, {
      read: (port) => this.#read(port - FIRST_PORT),
      write: (port, _size, value) => this.#write(port - FIRST_PORT, value),
    });
  }

  #read(register: number): number {
    if (register === 0) return (this.control & INWARD) !== 0 ? 0xff : this.data;
    if (register === 2) return this.control | ~CONTROL_MASK;
    const ready = this.phase === 'ready' ? NOT_BUSY : 0;
    return ready | (this.phase === 'acknowledging' ? 0 : ACKNOWLEDGED) | SELECTED | NO_ERROR | UNCONNECTED;
  }

  #write(register: number, value: number): void {
    if (register === 0) this.data = value;
    else if (register === 2) {
      const isSent = sends(this.control, value);
      this.control = value & CONTROL_MASK;
      if (isSent) {
        this.#enter('busy', BUSY_NS);
        this.#context.output.parallel((value & INWARD) !== 0 ? 0xff : this.data);
      }
      this.#settle();
    }
  }

  #enter(phase: (typeof PHASES)[number], nanoseconds: number): void {
    const { clock } = this.#context;
    this.phase = phase;
    this.#timer.arm(clock.now() + Math.max(1, Math.ceil(nanoseconds / clock.nsPerTick)));
  }

  #goOn(): void {
    if (this.phase === 'busy') this.#enter('acknowledging', ACKNOWLEDGE_NS);
    else this.phase = 'ready';
    this.#settle();
  }

  /** The edge at the beginning of ACK# is what the 8259 sees. */
  #settle(): void {
    this.#irq.set(this.phase === 'acknowledging' && (this.control & INTERRUPT_ENABLE) !== 0);
  }

  reset(): void {
    FIELDS.clear(this);
    this.#timer.disarm();
    this.#settle();
  }
}

export const parallel: DeviceEntry = {
  isPresent: ({ parallel: isThere }) => isThere === true,
  create: (context) => new ParallelPort(context),
};

const TAP = fields({ data: byte(), control: bits(CONTROL_MASK, CONTROL_INITIAL) });

/** What is printed where no device runs (board/log-board.ts): it follows from the guest's writes alone. */
export class ParallelTap extends withFields(TAP) {
  readonly name = 'parallel-tap';
  readonly fields = TAP.of(this);
  readonly #output: OutputPort;

  constructor(output: OutputPort) {
    super();
    this.#output = output;
  }

  /** One access of the guest, split into bytes as the bus does. */
  write(port: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) {
      const register = port + i - FIRST_PORT;
      const written = (value >>> (i * 8)) & 0xff;
      if (register === 0) this.data = written;
      else if (register === 2) {
        const isSent = sends(this.control, written);
        this.control = written & CONTROL_MASK;
        if (isSent) this.#output.parallel((written & INWARD) !== 0 ? 0xff : this.data);
      }
    }
  }

  reset(): void {
    TAP.clear(this);
  }
}
