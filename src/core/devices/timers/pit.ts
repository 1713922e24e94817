/**
 * Intel 8254 programmable interval timer and the system control port 61h that gates and reads its third counter
 * (data sheet 231164; IBM AT Technical Reference for port 61h). Six modes, BCD, counter latch, read-back, byte order.
 *
 * No event per clock: a counter remembers the cycle at which its counting element was loaded, and everything else is
 * computed from the cycles of the 1.193182 MHz clock since. "Cycle c" is the time between clock pulse c and c + 1; a
 * write in cycle c takes effect on the next pulse, that is in cycle c + 1. Where the data sheet is silent we choose:
 * a count of 1 in modes 2 and 3 leaves OUT high; a control word freezes the counting element until a count arrives.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, Timer } from '../../board/device.ts';
import { bits, cycle, flag, integer } from '../../base/field-kinds.ts';
import { fields, type FieldValues, type SavedMoment, withFields } from '../../base/fields.ts';

export const pitHertz = 1193182;

const NEVER = -1;
/** The count of 0, in binary. */
const countMax = 0x10000;

const COUNTER = fields({
  /** Bits 5–0 of the control word: byte order (1 low, 2 high, 3 both), mode, BCD. */
  control: bits(0x3f, 0x30),
  gate: flag(true),
  /** A count was written since the control word. */
  armed: flag(),
  /** The count register CR, decoded (1 … 65536 or 10000). */
  count: integer(1, countMax, countMax),
  /** The count in force: what the counting element was last loaded with. */
  loaded: integer(1, countMax, countMax),
  /** The counting element runs from `loaded` since cycle `start`; until the first load it stands at `element`. */
  running: flag(),
  start: cycle(),
  element: integer(0, countMax),
  /** Mode 3: the half that began at `start` is the high one. */
  startHigh: flag(true),
  /** Clocks counted when counting stopped (gate low, or mode 0 half written), −1 while it goes on. */
  stopped: cycle(NEVER, NEVER),
  /** Cycle at which the count register goes into the counting element, −1 for none. */
  loadAt: cycle(NEVER, NEVER),
  loadHigh: flag(true),
  /** That load waits for the end of a period, which a falling gate calls off. */
  loadWaits: flag(),
  nullCount: flag(),
  /** First byte of a two-byte write, −1 when the next byte written is the first. */
  writtenLow: integer(-1, 0xff, -1),
  /** The next byte read is the high one. */
  readHigh: flag(),
  latchedCount: integer(-1, 0xffff, -1),
  latchedStatus: integer(-1, 0xff, -1),
});

/** One counter. All times are cycles since tick 0. Call sync(cycle) before looking at anything else. */
export class Counter8254 extends withFields(COUNTER) {
  /** As after power-on, with the gate at the given level. */
  clear(gate: boolean): void {
    COUNTER.clear(this);
    this.gate = gate;
  }

  get mode(): number {
    const mode = (this.control >> 1) & 7;
    return mode > 5 ? mode & 3 : mode;
  }

  get #modulus(): number {
    return (this.control & 1) !== 0 ? 10000 : 0x10000;
  }

  /** Gate low stops the clock in all modes but 1 and 5, where only its rising edge matters. */
  get #gated(): boolean {
    return this.mode !== 1 && this.mode !== 5;
  }

  /** Bring the load that became due into force. */
  sync(cycle: number): void {
    if (this.loadAt === NEVER || this.loadAt > cycle) return;
    this.start = this.loadAt;
    this.startHigh = this.loadHigh;
    this.loaded = this.count;
    this.running = true;
    this.nullCount = false;
    this.loadAt = NEVER;
    this.stopped = !this.gate && this.#gated ? 0 : NEVER;
  }

  /** Clocks counted since the load. */
  #elapsed(cycle: number): number {
    return this.stopped !== NEVER ? this.stopped : cycle - this.start;
  }

  out(cycle: number): boolean {
    const elapsed = this.#elapsed(cycle);
    const { loaded } = this;
    switch (this.mode) {
      case 0:
        // Low from the first byte of a count until it has run out.
        return this.running && this.loadAt === NEVER && this.writtenLow < 0 && elapsed >= loaded;
      case 1:
        return !this.running || elapsed >= loaded;
      case 2:
        return !this.running || this.stopped !== NEVER || loaded === 1 || elapsed % loaded !== loaded - 1;
      case 3: {
        if (!this.running || this.stopped !== NEVER) return true;
        const position = elapsed % loaded;
        return this.startHigh ? position < (loaded + 1) >> 1 : position >= loaded >> 1;
      }
      default:
        return !this.running || elapsed !== loaded;
    }
  }

  /** The first cycle after this one at which OUT differs or a count is loaded, if nobody writes; Infinity for none. */
  nextChange(cycle: number): number {
    const change = this.#nextOutChange(cycle);
    return this.loadAt === NEVER ? change : Math.min(change, this.loadAt);
  }

  #nextOutChange(cycle: number): number {
    if (!this.running || this.stopped !== NEVER) return Infinity;
    const elapsed = cycle - this.start;
    const { loaded } = this;
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed < loaded ? this.start + loaded : Infinity;
      case 2: {
        if (loaded === 1) return Infinity;
        const position = elapsed % loaded;
        return position < loaded - 1 ? cycle - position + loaded - 1 : cycle + 1;
      }
      case 3: {
        if (loaded === 1) return Infinity;
        const position = elapsed % loaded;
        const half = this.startHigh ? (loaded + 1) >> 1 : loaded >> 1;
        return cycle - position + (position < half ? half : loaded);
      }
      default:
        return elapsed < loaded ? this.start + loaded : elapsed === loaded ? cycle + 1 : Infinity;
    }
  }

  /** The counting element as a number, before BCD. */
  #elementValue(cycle: number): number {
    if (!this.running) return this.element;
    const elapsed = this.#elapsed(cycle);
    const { loaded } = this;
    if (this.mode === 2) return loaded - (elapsed % loaded);
    if (this.mode === 3) {
      const position = elapsed % loaded;
      const half = this.startHigh ? (loaded + 1) >> 1 : loaded >> 1;
      return (loaded & ~1) - 2 * (position < half ? position : position - half);
    }
    const rest = (loaded - elapsed) % this.#modulus;
    return rest < 0 ? rest + this.#modulus : rest;
  }

  /** The 16 bits a guest reads. */
  readable(cycle: number): number {
    const value = this.#elementValue(cycle) % this.#modulus;
    return (this.control & 1) !== 0 ? toBcd(value) : value & 0xffff;
  }

  writeControl(cycle: number, control: number): void {
    this.element = this.#elementValue(cycle);
    this.control = control & 0x3f;
    this.armed = false;
    this.running = false;
    this.stopped = NEVER;
    this.loadAt = NEVER;
    this.nullCount = true;
    this.writtenLow = -1;
    this.readHigh = false;
    this.latchedCount = -1;
    this.latchedStatus = -1;
  }

  writeCount(cycle: number, value: number): void {
    const order = (this.control >> 4) & 3;
    if (order === 3 && this.writtenLow < 0) {
      this.writtenLow = value;
      // Mode 0: the first byte stops the counter, takes OUT low at once and holds back a load that was due.
      if (this.mode === 0) {
        if (this.running && this.stopped === NEVER) this.stopped = this.#elapsed(cycle);
        this.loadAt = NEVER;
      }
      return;
    }
    const raw = order === 1 ? value : order === 2 ? value << 8 : (value << 8) | this.writtenLow;
    this.writtenLow = -1;
    this.count = (this.control & 1) !== 0 ? fromBcd(raw) || 10000 : raw || 0x10000;
    this.nullCount = true;
    const first = !this.armed;
    this.armed = true;
    switch (this.mode) {
      case 1:
      case 5:
        break; // waits for the trigger
      case 2:
      case 3:
        if (first) this.#loadNext(cycle);
        else if (this.loadAt === NEVER && this.running && this.stopped === NEVER) this.#loadAtEndOfPeriod(cycle);
        break;
      default:
        this.#loadNext(cycle);
    }
  }

  #loadNext(cycle: number): void {
    this.loadAt = cycle + 1;
    this.loadHigh = true;
    this.loadWaits = false;
  }

  /** A new count waits for the end of the period (mode 2) or of the half period (mode 3). */
  #loadAtEndOfPeriod(cycle: number): void {
    const { loaded } = this;
    const position = (cycle - this.start) % loaded;
    const begin = cycle - position;
    this.loadWaits = true;
    this.loadAt = begin + loaded;
    this.loadHigh = this.mode === 2 || loaded === 1 || this.startHigh;
    if (this.mode === 2 || loaded === 1) return;
    const half = this.startHigh ? (loaded + 1) >> 1 : loaded >> 1;
    if (position >= half) return;
    this.loadAt = begin + half;
    this.loadHigh = !this.startHigh;
  }

  setGate(cycle: number, level: boolean): void {
    if (level === this.gate) return;
    this.gate = level;
    const { mode } = this;
    if (!level) {
      if (!this.#gated) return;
      if (this.running && this.stopped === NEVER) this.stopped = this.#elapsed(cycle);
      // A count that waited for the end of a period now waits for the gate.
      if (this.loadAt !== NEVER && this.loadWaits) this.loadAt = NEVER;
      return;
    }
    if (mode === 0 || mode === 4) {
      if (this.running && this.stopped !== NEVER && (mode === 4 || this.writtenLow < 0)) {
        this.start = cycle - this.stopped;
        this.stopped = NEVER;
      }
    } else if (this.armed) this.#loadNext(cycle);
  }

  latchCount(cycle: number): void {
    if (this.latchedCount < 0) this.latchedCount = this.readable(cycle);
  }

  latchStatus(cycle: number): void {
    if (this.latchedStatus >= 0) return;
    this.latchedStatus = (this.out(cycle) ? 0x80 : 0) | (this.nullCount ? 0x40 : 0) | this.control;
  }

  read(cycle: number): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    const order = (this.control >> 4) & 3;
    const high = order === 2 || (order === 3 && this.readHigh);
    const value = this.latchedCount >= 0 ? this.latchedCount : this.readable(cycle);
    if (order === 3) this.readHigh = !high;
    if (order !== 3 || high) this.latchedCount = -1;
    return high ? value >> 8 : value & 0xff;
  }
}

function fromBcd(raw: number): number {
  return (raw >> 12) * 1000 + ((raw >> 8) & 15) * 100 + ((raw >> 4) & 15) * 10 + (raw & 15);
}

function toBcd(value: number): number {
  const digit = (weight: number): number => Math.floor(value / weight) % 10;
  return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
}

/** Clocks between two refresh requests, as counter 1 is programmed in every PC; port 61h bit 4 toggles with each. */
const refreshCycles = 18;

const FIELDS = fields({
  counter0: COUNTER,
  counter1: COUNTER,
  counter2: COUNTER,
  /** Port 61h bits 3–0: gate 2, speaker data, parity check enables. */
  controlB: bits(0x0f),
  /** OUT of counter 0 as last driven on the line, and the cycle up to which its changes were driven. */
  outDriven: flag(),
  cycleDriven: cycle(),
});

/** A saved state may be so late with driving the line: what a guest that faults without end is late, and more. */
const lateCyclesMax = 2 ** 22;

export class Pit extends withFields(FIELDS) implements Device {
  readonly name = 'pit';
  readonly version = 1;
  readonly fields = FIELDS.of(this, { problem: (values, moment) => this.#problem(values, moment) });
  override readonly counter0 = new Counter8254();
  override readonly counter1 = new Counter8254();
  override readonly counter2 = new Counter8254();
  readonly #counters = [this.counter0, this.counter1, this.counter2];
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #timer: Timer;
  /** Until it is programmed it stands as at its creation, which need not lie before everything else. */
  readonly #createdCycle: number;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    this.#irq = context.irq(0);
    context.services.legacyLines = [...(context.services.legacyLines ?? []), () => this.#driveLine()];
    this.#timer = context.clock.timer('pit', () => this.#drive());
    this.#createdCycle = this.#cycle();
    context.ports(0x40, 4, {
      read: (port) => this.#read(port & 3),
      write: (port, _size, value) => this.#write(port & 3, value),
    });
    context.ports(0x61, 1, {
      read: () => this.#readControlB(),
      write: (_port, _size, value) => {
        const cycle = this.#sync();
        this.controlB = value & 0x0f;
        this.counter2.setGate(cycle, (value & 1) !== 0);
      },
    });
    this.reset();
  }

  #cycle(): number {
    return this.#context.clock.cycles(this.#context.clock.now(), pitHertz);
  }

  /** Drives what counter 0 did up to now, brings due loads into force, and gives the present cycle. */
  #sync(): number {
    const cycle = this.#cycle();
    this.#driveUntil(cycle);
    this.counter1.sync(cycle);
    this.counter2.sync(cycle);
    return cycle;
  }

  /** Walk counter 0 from change to change: with long ticks several may fall into one, and each edge counts. */
  #driveUntil(cycle: number): void {
    const counter = this.counter0;
    for (;;) {
      const next = counter.nextChange(this.cycleDriven);
      if (next > cycle) break;
      this.cycleDriven = next;
      counter.sync(next);
      this.#setOut(counter.out(next));
    }
    this.cycleDriven = cycle;
    counter.sync(cycle);
  }

  #driveLine(): void {
    this.#irq.set(this.outDriven && this.#context.services.hpet?.replacesLegacy !== true);
  }

  #setOut(level: boolean): void {
    if (level === this.outDriven) return;
    this.outDriven = level;
    this.#driveLine();
  }

  #drive(): void {
    this.#driveUntil(this.#cycle());
    this.#arm();
  }

  #arm(): void {
    const next = this.counter0.nextChange(this.cycleDriven);
    if (next === Infinity) this.#timer.disarm();
    else this.#timer.arm(this.#context.clock.tickOfCycle(next, pitHertz));
  }

  #read(port: number): number {
    if (port === 3) return 0xff; // the control word register cannot be read
    const cycle = this.#sync();
    return this.#counters[port].read(cycle);
  }

  #write(port: number, value: number): void {
    const cycle = this.#sync();
    if (port < 3) this.#counters[port].writeCount(cycle, value);
    else if (value >> 6 === 3) {
      for (let index = 0; index < 3; index++) {
        if ((value & (2 << index)) === 0) continue;
        if ((value & 0x20) === 0) this.#counters[index].latchCount(cycle);
        if ((value & 0x10) === 0) this.#counters[index].latchStatus(cycle);
      }
    } else if ((value & 0x30) === 0) this.#counters[value >> 6].latchCount(cycle);
    else this.#counters[value >> 6].writeControl(cycle, value);
    this.#setOut(this.counter0.out(cycle));
    this.#arm();
  }

  #readControlB(): number {
    const cycle = this.#sync();
    const refresh = Math.floor(cycle / refreshCycles) % 2;
    const out = this.counter2.out(cycle) ? 0x20 : 0;
    return this.controlB | (refresh << 4) | out;
  }

  /** Counters run free in mode 3 with the longest count, as firmware leaves them; counter 2 waits for its gate. */
  reset(): void {
    const cycle = this.#cycle();
    this.cycleDriven = cycle;
    this.controlB = 0;
    for (let index = 0; index < 3; index++) {
      const counter = this.#counters[index];
      counter.clear(index !== 2);
      counter.writeControl(cycle, 0x36);
      counter.writeCount(cycle, 0);
      counter.writeCount(cycle, 0);
    }
    this.#setOut(true);
    this.#arm();
  }

  /** Times lie where the clock can have brought them; the timer is due at the next change of counter 0, or overdue. */
  #problem(values: FieldValues<typeof FIELDS.shape>, { tick, due }: SavedMoment): string | null {
    const { clock } = this.#context;
    const present = Math.max(clock.cycles(tick, pitHertz), this.#createdCycle);
    for (const name of ['counter0', 'counter1', 'counter2'] as const) {
      const { start, stopped, loadAt } = values[name];
      if (start > present) return `${name}.start is ${start}, expected at most ${present} at tick ${tick}`;
      if (stopped > present) return `${name}.stopped is ${stopped}, expected at most ${present} at tick ${tick}`;
      if (loadAt > present + countMax) return `${name}.loadAt is ${loadAt}, more than a period after tick ${tick}`;
    }
    const { cycleDriven } = values;
    if (cycleDriven > present) return `cycleDriven is ${cycleDriven}, expected at most ${present} at tick ${tick}`;
    const next = Object.assign(new Counter8254(), values.counter0).nextChange(cycleDriven);
    if (next < clock.cycles(tick, pitHertz) - lateCyclesMax)
      return `cycleDriven is ${cycleDriven}, long before tick ${tick}`;
    const expected = next === Infinity ? Infinity : clock.tickOfCycle(next, pitHertz);
    const armed = due('pit');
    if (armed === expected) return null;
    // Whoever looked at a counter at the tick of a change drove the line; the timer, still due, then finds it done.
    const isDone = armed <= Math.min(tick, clock.tickOfCycle(cycleDriven, pitHertz)) && expected > armed;
    return isDone ? null : `counter0 changes at tick ${expected}, where its timer is due at ${armed}`;
  }
}

export const pit: DeviceEntry = { create: (context) => new Pit(context) };
