/**
 * Motorola MC146818A real-time clock with the 128 bytes of battery-backed RAM of a PC, ports 70h (index, and the NMI
 * mask in bit 7) and 71h (data). Time of day in BCD or binary, 12 or 24 hours, alarm, periodic and update-ended
 * interrupts on IRQ 8, the update-in-progress window.
 *
 * The registers are the storage, as in the chip: they are advanced by whole seconds when somebody looks, so no event
 * is needed while no interrupt is enabled. The century lives at 32h, where ACPI firmware puts it, and is kept up.
 * Daylight saving (register B bit 0) has no effect; an update is instantaneous at the end of its 244 µs window.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, KnownOfDevice, Timer } from '../../board/device.ts';
import { bytes, cycle, flag, unsigned } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import type { BoardImage, BoardOptions, FirmwareOptions } from '../../board/board.ts';
import { formatOf } from '../disk/floppy-formats.ts';
import { DISK_ROLES, FLOPPY_ROLES } from '../disk/roles.ts';
import { civilFromDays, daysFromCivil, daysInMonth } from './calendar.ts';

const oscillatorHertz = 32768;
/** 244 µs: register A bit 7 rises this many oscillator cycles before the update. */
const updateWindowCycles = 8;

const SECONDS = 0;
const SECONDS_ALARM = 1;
const MINUTES = 2;
const MINUTES_ALARM = 3;
const HOURS = 4;
const HOURS_ALARM = 5;
const DAY_OF_WEEK = 6;
const DAY = 7;
const MONTH = 8;
const YEAR = 9;
const REGISTER_A = 10;
const REGISTER_B = 11;
const REGISTER_C = 12;
const REGISTER_D = 13;
const CENTURY = 0x32;

/** Register B. */
const SET = 0x80;
const BINARY = 0x04;
const HOURS_24 = 0x02;
/** The same bits enable in register B and flag in register C. */
const PERIODIC = 0x40;
const ALARM = 0x20;
const UPDATE = 0x10;
const INTERRUPT = 0x80;

const FIELDS = fields({
  ram: bytes(128),
  index: unsigned(0x7f),
  nmiMasked: flag(),
  /** Oscillator cycle at which the divider chain last started from zero; half a second before a release from reset. */
  dividerStart: cycle(-oscillatorHertz / 2),
  /** Cycle up to which seconds and periods have been taken into the registers. */
  cycleSeen: cycle(),
});

export type CmosContents = Pick<BoardOptions, 'memoryBytes' | 'firmware' | 'images'>;

export class Rtc extends withFields(FIELDS) implements Device {
  readonly name = 'rtc';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ dividerStart, cycleSeen }, { tick }) => {
      if (dividerStart > cycleSeen) return `dividerStart is ${dividerStart}, after cycleSeen ${cycleSeen}`;
      const present = Math.max(this.#context.clock.cycles(tick, oscillatorHertz), this.#createdCycle);
      return cycleSeen <= present ? null : `cycleSeen is ${cycleSeen}, expected at most ${present} at tick ${tick}`;
    },
  });
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #timer: Timer;
  /** Until somebody looks it stands as at its creation, which need not lie before everything else. */
  readonly #createdCycle: number;

  constructor(context: DeviceContext, contents: CmosContents) {
    super();
    this.#context = context;
    this.#createdCycle = this.#cycle();
    this.#irq = context.irq(8);
    context.services.legacyLines = [...(context.services.legacyLines ?? []), () => this.#settle()];
    this.#timer = context.clock.timer('rtc', () => {
      this.#advance();
      this.#settle();
    });
    fillCmos(this.ram, contents);
    this.ram[REGISTER_A] = 0x26;
    this.ram[REGISTER_B] = HOURS_24;
    this.ram[REGISTER_D] = 0x80;
    this.setTime(context.clock.epochSeconds);
    context.input('epoch', ({ seconds }) => this.setTime(seconds));
    context.input('nmi', () => {
      if (!this.nmiMasked || context.hasQuirk('unmasked-nmi')) context.nmi();
    });
    context.ports(0x70, 2, {
      read: (port) => (port === 0x71 ? this.#read() : 0xff),
      write: (port, _size, value) => {
        if (port === 0x71) this.#write(value);
        else {
          this.index = value & 0x7f;
          this.nmiMasked = (value & 0x80) !== 0;
        }
      },
    });
  }

  known(): KnownOfDevice {
    return { isNmiMasked: this.nmiMasked };
  }

  /** The wall clock, in seconds since 1970-01-01 UTC: written into the registers, whatever the SET bit says. */
  setTime(seconds: number): void {
    this.#advance();
    const days = Math.floor(seconds / 86400);
    this.#setDate(days);
    this.#setTimeOfDay(seconds - days * 86400);
    this.ram[DAY_OF_WEEK] = this.#encode(((((days + 4) % 7) + 7) % 7) + 1);
    this.#settle();
  }

  /** The reset line: interrupts and their flags go, the time and the RAM stay. */
  reset(): void {
    this.#advance();
    this.ram[REGISTER_B] &= ~(PERIODIC | ALARM | UPDATE | 0x08);
    this.ram[REGISTER_C] = 0;
    this.index = 0;
    this.nmiMasked = false;
    this.#settle();
  }

  #cycle(): number {
    return this.#context.clock.cycles(this.#context.clock.now(), oscillatorHertz);
  }

  /** DV: 010 runs on the 32.768 kHz crystal, 11x holds the divider in reset; the other crystals are not there. */
  get #running(): boolean {
    return (this.ram[REGISTER_A] & 0x70) === 0x20;
  }

  /** Oscillator cycles between two periodic flags, 0 for none. */
  get #periodCycles(): number {
    const rate = this.ram[REGISTER_A] & 15;
    return rate === 0 ? 0 : 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  /** Take everything that happened since last time into the registers. */
  #advance(): void {
    const before = this.cycleSeen - this.dividerStart;
    this.cycleSeen = this.#cycle();
    if (!this.#running) return;
    const after = this.cycleSeen - this.dividerStart;
    const period = this.#periodCycles;
    if (period > 0 && Math.floor(after / period) > Math.floor(before / period)) this.ram[REGISTER_C] |= PERIODIC;
    const seconds = Math.floor(after / oscillatorHertz) - Math.floor(before / oscillatorHertz);
    if (seconds > 0 && (this.ram[REGISTER_B] & SET) === 0) this.#addSeconds(seconds);
  }

  #addSeconds(seconds: number): void {
    this.ram[REGISTER_C] |= UPDATE;
    const start = this.#timeOfDay();
    if ((this.ram[REGISTER_C] & ALARM) === 0 && this.#alarmWithin(start, seconds)) this.ram[REGISTER_C] |= ALARM;
    const days = Math.floor((start + seconds) / 86400);
    this.#setTimeOfDay((start + seconds) % 86400);
    if (days === 0) return;
    this.#setDate(this.#date() + days);
    const weekday = this.#decode(this.ram[DAY_OF_WEEK]);
    this.ram[DAY_OF_WEEK] = this.#encode(((weekday + 6 + days) % 7) + 1);
  }

  /** Whether one of the seconds after `start` matches the alarm, each field of which may be a wildcard (11xxxxxx). */
  #alarmWithin(start: number, seconds: number): boolean {
    const last = Math.min(seconds, 86400);
    const ram = this.ram;
    const wanted = (register: number): number => (ram[register] >= 0xc0 ? -1 : ram[register]);
    const [second, minute, hour] = [wanted(SECONDS_ALARM), wanted(MINUTES_ALARM), wanted(HOURS_ALARM)];
    for (let i = 1; i <= last; i++) {
      const time = (start + i) % 86400;
      if (second >= 0 && second !== this.#encode(time % 60)) continue;
      if (minute >= 0 && minute !== this.#encode(Math.floor(time / 60) % 60)) continue;
      if (hour < 0 || hour === this.#encodeHour(Math.floor(time / 3600))) return true;
    }
    return false;
  }

  #encode(value: number): number {
    return (this.ram[REGISTER_B] & BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return (this.ram[REGISTER_B] & BINARY) !== 0 ? value : (value >> 4) * 10 + (value & 15);
  }

  #encodeHour(hour: number): number {
    if ((this.ram[REGISTER_B] & HOURS_24) !== 0) return this.#encode(hour);
    return this.#encode(((hour + 11) % 12) + 1) | (hour >= 12 ? 0x80 : 0);
  }

  /** Seconds since midnight; a guest's nonsense counts modulo what it should be. */
  #timeOfDay(): number {
    const ram = this.ram;
    let hour = this.#decode(ram[HOURS]);
    if ((ram[REGISTER_B] & HOURS_24) === 0) {
      hour = (this.#decode(ram[HOURS] & 0x7f) % 12) + ((ram[HOURS] & 0x80) !== 0 ? 12 : 0);
    }
    return (hour % 24) * 3600 + (this.#decode(ram[MINUTES]) % 60) * 60 + (this.#decode(ram[SECONDS]) % 60);
  }

  #setTimeOfDay(time: number): void {
    this.ram[SECONDS] = this.#encode(time % 60);
    this.ram[MINUTES] = this.#encode(Math.floor(time / 60) % 60);
    this.ram[HOURS] = this.#encodeHour(Math.floor(time / 3600));
  }

  /** Days since 1970-01-01. */
  #date(): number {
    const year = (this.#decode(this.ram[CENTURY]) % 100) * 100 + (this.#decode(this.ram[YEAR]) % 100);
    const month = Math.min(Math.max(this.#decode(this.ram[MONTH]), 1), 12);
    const day = Math.min(Math.max(this.#decode(this.ram[DAY]), 1), daysInMonth(year, month));
    return daysFromCivil(year, month, day);
  }

  #setDate(days: number): void {
    const { year, month, day } = civilFromDays(days);
    this.ram[CENTURY] = this.#encode(Math.floor(year / 100) % 100);
    this.ram[YEAR] = this.#encode(year % 100);
    this.ram[MONTH] = this.#encode(month);
    this.ram[DAY] = this.#encode(day);
  }

  #updateInProgress(): boolean {
    if (!this.#running || (this.ram[REGISTER_B] & SET) !== 0) return false;
    const phase = (((this.cycleSeen - this.dividerStart) % oscillatorHertz) + oscillatorHertz) % oscillatorHertz;
    return phase >= oscillatorHertz - updateWindowCycles;
  }

  #read(): number {
    this.#advance();
    const ram = this.ram;
    let value = ram[this.index];
    if (this.index === REGISTER_A) value |= this.#updateInProgress() ? 0x80 : 0;
    else if (this.index === REGISTER_C) {
      value |= (value & ram[REGISTER_B] & 0x70) !== 0 ? INTERRUPT : 0;
      ram[REGISTER_C] = 0;
    }
    this.#settle();
    return value;
  }

  #write(value: number): void {
    this.#advance();
    const ram = this.ram;
    switch (this.index) {
      case REGISTER_A: {
        const wasRunning = this.#running;
        ram[REGISTER_A] = value & 0x7f;
        // Released from reset, the divider reaches its first update half a second later.
        if (this.#running && !wasRunning) this.dividerStart = this.cycleSeen - oscillatorHertz / 2;
        break;
      }
      case REGISTER_B:
        ram[REGISTER_B] = (value & SET) !== 0 ? value & ~UPDATE : value;
        break;
      case REGISTER_C:
      case REGISTER_D:
        break;
      default:
        ram[this.index] = value;
    }
    this.#settle();
  }

  /** The interrupt line, and the timer for the next moment at which an enabled flag can rise. */
  #settle(): void {
    const flags = this.ram[REGISTER_C];
    const enabled = this.ram[REGISTER_B] & 0x70;
    this.#irq.set((flags & enabled) !== 0 && this.#context.services.hpet?.replacesLegacy !== true);
    const missing = enabled & ~flags;
    let next = Infinity;
    if (this.#running) {
      const since = this.cycleSeen - this.dividerStart;
      const period = this.#periodCycles;
      if ((missing & PERIODIC) !== 0 && period > 0) next = (Math.floor(since / period) + 1) * period;
      if ((missing & (ALARM | UPDATE)) !== 0 && (this.ram[REGISTER_B] & SET) === 0) {
        next = Math.min(next, (Math.floor(since / oscillatorHertz) + 1) * oscillatorHertz);
      }
    }
    if (next === Infinity) this.#timer.disarm();
    else this.#timer.arm(this.#context.clock.tickOfCycle(this.dividerStart + next, oscillatorHertz));
  }
}

/** What PC firmware keeps in the RAM: equipment, memory sizes (in KiB, and in 64 KiB above 16 MiB), checksum. */
function fillCmos(ram: Uint8Array, { memoryBytes, firmware, images = [] }: CmosContents): void {
  const word = (register: number, value: number): void => {
    ram[register] = value & 0xff;
    ram[register + 1] = (value >> 8) & 0xff;
  };
  const mebibyte = 1 << 20;
  const below4G = Math.min(memoryBytes, 0xe0000000);
  const extended = Math.min(Math.max(below4G - mebibyte, 0) / 1024, 0xffff);
  ram[0x14] = 0x06; // mouse port and coprocessor, no diskette
  word(0x15, 640);
  word(0x17, extended);
  word(0x30, extended);
  word(0x34, Math.min(Math.floor(Math.max(below4G - 16 * mebibyte, 0) / 0x10000), 0xffff));
  ram[0x3d] = 0x21; // boot order: disk, then diskette
  if (firmware !== undefined) fillDrives(ram, firmware, images);
  let sum = 0;
  for (let register = 0x10; register <= 0x2d; register++) sum += ram[register];
  ram[0x2e] = sum >> 8;
  ram[0x2f] = sum & 0xff;
}

/** What SeaBIOS boots from, by the letter that people know. */
const BOOT_DEVICES: Readonly<Record<string, number>> = { a: 1, c: 2, d: 3, n: 4 };
/** Beyond it a disk has more than 1024 cylinders of 16 heads and 63 sectors: heads are counted in another way. */
const CYLINDERS_BYTES = 1024 * 16 * 63 * 512;

/** Diskettes, disks and where to look for a boot sector (as SeaBIOS reads CMOS). */
function fillDrives(ram: Uint8Array, { bootOrder }: FirmwareOptions, images: readonly BoardImage[]): void {
  const sizeOf = (role: string): number => images.find((image) => image.role === role)?.source.sizeBytes ?? -1;
  const floppies = FLOPPY_ROLES.map((role) => formatOf(sizeOf(role))?.drive ?? 0);
  ram[0x10] = (floppies[0] << 4) | floppies[1];
  const count = floppies.filter((type) => type !== 0).length;
  if (count > 0) ram[0x14] |= 1 | ((count - 1) << 6);
  DISK_ROLES.forEach((role, index) => {
    if (sizeOf(role) > CYLINDERS_BYTES) ram[0x39] |= 1 << (index * 2);
  });
  const order = [...bootOrder].map((letter) => BOOT_DEVICES[letter] ?? 0);
  ram[0x3d] = (order[0] ?? 0) | ((order[1] ?? 0) << 4);
  ram[0x38] = 0x01 | ((order[2] ?? 0) << 4); // no check of a diskette's signature
}

export const rtc: DeviceEntry = { create: (context, options) => new Rtc(context, options) };
