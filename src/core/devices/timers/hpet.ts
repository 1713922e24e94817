/**
 * The high precision event timers (IA-PC HPET specification 1.0a): a counter of 64 bits at 100 MHz and three
 * comparators at FED00000h. Each may interrupt once or periodically, by edge or level, through an input of the I/O APIC
 * from 20 on; with legacy replacement the first two take the places of the 8254 and of the CMOS clock. Values are
 * computed from the tick, not counted; a comparator matches where the counter equals it. There is no delivery through
 * the front side bus.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, Timer } from '../../board/device.ts';
import { bits, cycle, unsigned, words } from '../../base/field-kinds.ts';
import { type FieldValues, fields, type SavedMoment, withFields } from '../../base/fields.ts';

export const HPET_ADDRESS = 0xfed00000;
const SIZE_BYTES = 0x1000;
export const hpetHertz = 100_000_000;
/** Femtoseconds of a cycle. */
const PERIOD_FS = 1e15 / hpetHertz;
const TIMERS = 3;
/** Revision 1, the last timer, 64 bits, legacy replacement, Intel. */
export const HPET_CAPABILITIES = 0x80860000 + 0xa000 + ((TIMERS - 1) << 8) + 0x01;

const ENABLED = 1;
const LEGACY = 2;

const LEVEL = 0x0002;
const INTERRUPTS = 0x0004;
const PERIODIC = 0x0008;
const CAN_BE_PERIODIC = 0x0010;
const IS_64_BITS = 0x0020;
const SET_VALUE = 0x0040;
const IN_32_BITS = 0x0100;
const ROUTE = 0x3e00;
const ROUTE_SHIFT = 9;
const WRITABLE = LEVEL | INTERRUPTS | PERIODIC | SET_VALUE | IN_32_BITS | ROUTE;
/** Inputs that an interrupt can go to, by bit. */
const ROUTES = 0x00f00000;
const ROUTE_FIRST = 20;

const COMPARATOR = fields({
  config: bits(WRITABLE),
  /** Low and high double word. */
  value: words(2),
  period: words(2),
});
type Comparator = FieldValues<typeof COMPARATOR.shape>;

const FIELDS = fields({
  config: bits(ENABLED | LEGACY),
  /** Bit n: comparator n interrupts by level, and nobody has said that it was heard. */
  status: bits((1 << TIMERS) - 1),
  /** The counter at `start`, or where it stands. */
  counter: words(2),
  /** Since then it counts. */
  start: cycle(),
  /** Up to this cycle every match has been noticed. */
  seen: cycle(),
  comparator0: COMPARATOR,
  comparator1: COMPARATOR,
  comparator2: COMPARATOR,
  /** Levels of the lines: 0 and 8 of the board, then 20 to 23. */
  lines: unsigned(0x3f),
});

const WORD = 0x1_0000_0000n;
const wide = (pair: Uint32Array): bigint => BigInt(pair[1]) * WORD + BigInt(pair[0]);

function put(pair: Uint32Array, value: bigint): void {
  pair[0] = Number(value % WORD);
  pair[1] = Number((value / WORD) % WORD);
}

type Values = FieldValues<typeof FIELDS.shape>;

/** Cycles from `cycle` to the next match behind it; Infinity for none within the life of a machine. */
function cyclesToMatch(values: Values, comparator: Comparator, from: number): number {
  const modulus = (comparator.config & IN_32_BITS) !== 0 ? WORD : WORD * WORD;
  const counter = wide(values.counter) + BigInt(from - values.start);
  const distance = (((wide(comparator.value) - counter - 1n) % modulus) + modulus) % modulus;
  return distance >= BigInt(Number.MAX_SAFE_INTEGER) / 4n ? Number.POSITIVE_INFINITY : Number(distance) + 1;
}

export class Hpet extends withFields(FIELDS) implements Device {
  readonly name = 'hpet';
  readonly version = 1;
  readonly fields = FIELDS.of(this, { problem: (values, moment) => this.#problem(values, moment) });
  readonly #context: DeviceContext;
  readonly #lines: readonly IrqLine[];
  readonly #timer: Timer;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    this.#lines = [0, 8, ...[0, 1, 2, 3].map((at) => ROUTE_FIRST + at)].map((line) => context.irq(line));
    this.#timer = context.clock.timer('hpet', () => this.#settle());
    context.mmio(HPET_ADDRESS, SIZE_BYTES, {
      read: (offset, size) => this.#readPart(offset, size),
      write: (offset, size, value) => {
        // Parts of a register are not written: the specification leaves open what would happen.
        if (size === 4 && offset % 4 === 0) this.#write(offset, value);
      },
    });
    context.services.hpet = this;
    this.reset();
  }

  /** The 8254 and the CMOS clock do not reach their lines. */
  get replacesLegacy(): boolean {
    return this.config === (ENABLED | LEGACY);
  }

  get #comparators(): readonly Comparator[] {
    return [this.comparator0, this.comparator1, this.comparator2];
  }

  #cycle(): number {
    const { clock } = this.#context;
    return clock.cycles(clock.now(), hpetHertz);
  }

  get #isOn(): boolean {
    return (this.config & ENABLED) !== 0;
  }

  #counterAt(cycle: number): bigint {
    const moved = this.#isOn ? BigInt(cycle - this.start) : 0n;
    return (wide(this.counter) + moved) % (WORD * WORD);
  }

  /** Notices every match up to now, drives the lines, and sees to the next one. */
  #settle(): void {
    const cycle = this.#cycle();
    if (this.#isOn) {
      this.#comparators.forEach((comparator, index) => {
        const distance = cyclesToMatch(this, comparator, this.seen);
        if (this.seen + distance > cycle) return;
        this.#match(comparator, index, cycle - this.seen - distance);
      });
    }
    this.seen = cycle;
    this.#drive();
    this.#arm();
  }

  /** `late`: cycles since the match; where a period is shorter the matches between are one. */
  #match(comparator: Comparator, index: number, late: number): void {
    const { config, value, period } = comparator;
    const step = wide(period);
    if ((config & PERIODIC) !== 0 && step > 0n) {
      const modulus = (config & IN_32_BITS) !== 0 ? WORD : WORD * WORD;
      put(value, (wide(value) + step * (BigInt(late) / step + 1n)) % modulus);
    }
    if ((config & INTERRUPTS) === 0) return;
    if ((config & LEVEL) !== 0) this.status |= 1 << index;
    else {
      const line = this.#lineOf(comparator, index);
      if (line === null) return;
      // An edge: the line is let go where it is not held by another.
      this.#set(line, false);
      this.#set(line, true);
    }
  }

  #set(line: number, level: boolean): void {
    this.lines = level ? this.lines | (1 << line) : this.lines & ~(1 << line);
    this.#lines[line].set(level);
  }

  /** Which of the lines it drives, null for none. */
  #lineOf({ config }: Comparator, index: number): number | null {
    if (this.replacesLegacy && index < 2) return index;
    const route = (config & ROUTE) >> ROUTE_SHIFT;
    return (ROUTES & (1 << route)) === 0 ? null : route - ROUTE_FIRST + 2;
  }

  /** A line stays high while a level holds it, and after an edge, which is otherwise gone before it is heard. */
  #drive(): void {
    let held = 0;
    this.#comparators.forEach((comparator, index) => {
      const line = this.#lineOf(comparator, index);
      if (line === null || (comparator.config & INTERRUPTS) === 0) return;
      const isLevel = (comparator.config & LEVEL) !== 0;
      if (isLevel ? (this.status & (1 << index)) !== 0 : (this.lines & (1 << line)) !== 0) held |= 1 << line;
    });
    for (let line = 0; line < this.#lines.length; line++) this.#set(line, (held & (1 << line)) !== 0);
  }

  #next(values: Values): number {
    if ((values.config & ENABLED) === 0) return Number.POSITIVE_INFINITY;
    const all = [values.comparator0, values.comparator1, values.comparator2];
    const wanted = all.filter(({ config }) => (config & (INTERRUPTS | PERIODIC)) !== 0);
    const distance = Math.min(...wanted.map((comparator) => cyclesToMatch(values, comparator, values.seen)));
    return distance === Number.POSITIVE_INFINITY ? distance : values.seen + distance;
  }

  #arm(): void {
    const next = this.#next(this);
    const { clock } = this.#context;
    if (next === Number.POSITIVE_INFINITY) this.#timer.disarm();
    else this.#timer.arm(clock.tickOfCycle(next, hpetHertz));
  }

  #readPart(offset: number, size: number): number {
    const shift = (offset & 3) * 8;
    const word = this.#read(offset & ~3) >>> shift;
    return size === 4 ? word >>> 0 : size === 2 ? word & 0xffff : word & 0xff;
  }

  #read(offset: number): number {
    this.#settle();
    if (offset >= 0x100) {
      const comparator = this.#comparators[(offset - 0x100) >> 5];
      if (comparator === undefined) return 0;
      switch (offset & 0x1c) {
        case 0x00:
          return comparator.config | CAN_BE_PERIODIC | IS_64_BITS;
        case 0x04:
          return ROUTES;
        case 0x08:
          return comparator.value[0];
        case 0x0c:
          return comparator.value[1];
        default:
          return 0;
      }
    }
    const counter = this.#counterAt(this.seen);
    switch (offset) {
      case 0x00:
        return HPET_CAPABILITIES;
      case 0x04:
        return PERIOD_FS;
      case 0x10:
        return this.config;
      case 0x20:
        return this.status;
      case 0xf0:
        return Number(counter % WORD);
      case 0xf4:
        return Number(counter / WORD);
      default:
        return 0;
    }
  }

  #write(offset: number, value: number): void {
    this.#settle();
    if (offset >= 0x100) {
      const comparator = this.#comparators[(offset - 0x100) >> 5];
      if (comparator !== undefined) this.#writeComparator(comparator, (offset - 0x100) >> 5, offset & 0x1c, value);
    } else if (offset === 0x10) this.#writeConfig(value);
    else if (offset === 0x20) this.status &= ~value;
    // The counter is written while it stands.
    else if ((offset === 0xf0 || offset === 0xf4) && !this.#isOn) this.counter[(offset & 4) >> 2] = value;
    this.#settle();
  }

  #writeConfig(value: number): void {
    const wasOn = this.#isOn;
    if (wasOn) put(this.counter, this.#counterAt(this.seen));
    this.start = this.seen;
    this.config = value & (ENABLED | LEGACY);
    for (const changed of this.#context.services.legacyLines ?? []) changed();
  }

  #writeComparator(comparator: Comparator, index: number, register: number, value: number): void {
    if (register === 0x00) {
      comparator.config = value & WRITABLE;
      if ((value & LEVEL) === 0) this.status &= ~(1 << index);
      if ((value & IN_32_BITS) !== 0) {
        comparator.value[1] = 0;
        comparator.period[1] = 0;
      }
      return;
    }
    if (register !== 0x08 && register !== 0x0c) return;
    const word = register === 0x08 ? 0 : 1;
    if (word === 1 && (comparator.config & IN_32_BITS) !== 0) return;
    const isPeriodic = (comparator.config & PERIODIC) !== 0;
    if (!isPeriodic || (comparator.config & SET_VALUE) !== 0) comparator.value[word] = value;
    if (isPeriodic) comparator.period[word] = value;
    comparator.config &= ~SET_VALUE;
  }

  reset(): void {
    const cycle = this.#cycle();
    FIELDS.clear(this);
    for (const line of this.#lines) line.set(false);
    this.start = cycle;
    this.seen = cycle;
    for (const comparator of this.#comparators) comparator.value.fill(0xffff_ffff);
    for (const changed of this.#context.services.legacyLines ?? []) changed();
    this.#timer.disarm();
  }

  #problem(values: Values, { tick, due }: SavedMoment): string | null {
    const { clock } = this.#context;
    const { start, seen } = values;
    const present = clock.cycles(tick, hpetHertz);
    if (start > seen || seen > present) return `start is ${start} and seen ${seen}, expected at most ${present}`;
    const next = this.#next(values);
    const expected = next === Number.POSITIVE_INFINITY ? next : clock.tickOfCycle(next, hpetHertz);
    if (due('hpet') === expected) return null;
    return `a comparator matches at tick ${expected}, where its timer is due at ${due('hpet')}`;
  }
}

export const hpet: DeviceEntry = {
  isPresent: ({ hpet: isThere }) => isThere === true,
  create: (context) => new Hpet(context),
};
