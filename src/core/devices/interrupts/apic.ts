/**
 * The local APIC of the one processor, at FEE00000h (Intel SDM volume 3, chapter 10): priorities, EOI, self-directed
 * interprocessor interrupts, local vector table, error status, timer. LINT0 carries the 8259's output, LINT1 is free.
 *
 * After reset the local vector table stands as PC firmware leaves it (LINT0 ExtINT, LINT1 NMI: virtual wire), since a
 * directly booted kernel has no firmware before it. SMI and start-up messages have no effect with one processor;
 * no x2APIC, no TSC-deadline mode. IA32_APIC_BASE says where it answers, in the processor's own state; a local APIC
 * that it turns off answers nowhere.
 */
import {
  DELIVER_EXTINT,
  DELIVER_FIXED,
  DELIVER_INIT,
  DELIVER_LOWEST,
  DELIVER_NMI,
  deliveryOf,
  LEVEL,
  MASKED,
} from './entry.ts';
import type { Aperture, DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, Timer } from '../../board/device.ts';
import { bits, byte, cycle, flag, unsigned, word32, words } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import { PAGE_BYTES } from '../../base/pages.ts';

/** Where it answers after reset. */
export const apicAddress = 0xfee00000;
/** With the quirk `fixed-apic`, and in logs that have it. */
const FIXED_VERSION = 1;
/** Input clock of the timer, before its divider. */
export const apicTimerHertz = 1_000_000_000;

const version = 0x00050014;
const enableMsrBit = 0x800;

const ASSERT = 0x4000;
const PERIODIC = 0x20000;

/** Local vector table, in the order of the registers 320h, 330h … 370h, with the bits software can write. */
const TIMER = 0;
const LINT0 = 3;
const ERROR = 5;
const writableBits = [0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff];

const SEND_ACCEPT_ERROR = 0x04;
const SEND_ILLEGAL_VECTOR = 0x20;
const RECEIVE_ILLEGAL_VECTOR = 0x40;
const ILLEGAL_REGISTER = 0x80;

const FIELDS = fields({
  /** IA32_APIC_BASE bit 11. */
  enabled: flag(true),
  id: byte(),
  taskPriority: byte(),
  logicalDestination: bits(0xff000000),
  destinationFormat: word32(0xffffffff),
  spurious: bits(0x3ff, 0xff),
  /** 256 bits each. */
  inService: words(8),
  triggerMode: words(8),
  requests: words(8),
  errors: byte(),
  errorsLatched: byte(),
  commandLow: bits(0xccfff),
  commandHigh: bits(0xff000000),
  localVectors: words(6, writableBits),
  /** Levels of LINT0 and LINT1. */
  lints: unsigned(3),
  initialCount: word32(),
  divideConfiguration: bits(0xb),
  /** The timer stood at `timerCount` in cycle `timerStart` and counts down from there; stopped when the count is 0. */
  timerCount: word32(),
  timerStart: cycle(),
});

/** 256 bits in eight words. */
function highestVector(words: Uint32Array): number {
  for (let i = 7; i >= 0; i--) if (words[i] !== 0) return i * 32 + 31 - Math.clz32(words[i]);
  return -1;
}

export class LocalApic extends withFields(FIELDS) implements Device {
  readonly name = 'apic';
  readonly version: number;
  readonly fields = FIELDS.of(this, {
    problem: ({ timerStart }, { tick }) => {
      const present = this.#context.clock.cycles(tick, apicTimerHertz);
      return timerStart <= present ? null : `timerStart is ${timerStart}, expected at most ${present} at tick ${tick}`;
    },
  });
  readonly #context: DeviceContext;
  readonly #opensLints: boolean;
  readonly #isFixed: boolean;
  readonly #registers: Aperture;
  readonly #timer: Timer;

  /** The quirk `open-lint-reset`: after reset LINT0 and LINT1 are as firmware sets them. */
  constructor(context: DeviceContext) {
    super();
    this.#opensLints = context.hasQuirk('open-lint-reset');
    this.#isFixed = context.hasQuirk('fixed-apic');
    this.version = this.#isFixed ? FIXED_VERSION : 2;
    this.#context = context;
    context.services.localApic = this;
    this.#timer = context.clock.timer('apic', () => {
      this.#advanceTimer();
      this.#armTimer();
    });
    this.#registers = context.mmio(apicAddress, PAGE_BYTES, {
      read: (offset, size) => narrowed(this.#read(offset & 0xff0), offset, size),
      write: (offset, _size, value) => this.#write(offset & 0xff0, value >>> 0),
    });
    this.reset();
  }

  // -------------------------------------------------------------------------------------------------------------
  // The processor's side

  /** IA32_APIC_BASE, 36 bits, from now on. Clearing the enable bit loses all state, as the manual says. */
  setBase(value: number): void {
    const enabled = (value & enableMsrBit) !== 0;
    const address = value - (value % PAGE_BYTES);
    // Nothing answers beyond 4 GiB.
    if (!this.#isFixed) this.#registers.place(enabled && address < 0x1_0000_0000 ? address : -1);
    if (enabled === this.enabled) return;
    this.enabled = enabled;
    if (!enabled) this.#clear();
    this.#context.interrupts.update();
  }

  /** Whether the 8259's output reaches the processor. */
  passesExternal(): boolean {
    if (!this.enabled) return true;
    return (this.localVectors[LINT0] & MASKED) === 0 && deliveryOf(this.localVectors[LINT0]) === DELIVER_EXTINT;
  }

  /** Whether the 8259's output can get to the processor in any way. */
  get hears8259(): boolean {
    return !this.enabled || (this.localVectors[LINT0] & MASKED) === 0;
  }

  /** Its timer runs, and will be heard. */
  get isTimed(): boolean {
    return this.enabled && this.timerCount !== 0 && (this.localVectors[TIMER] & MASKED) === 0;
  }

  /** A request whose priority class is above that of the processor. */
  hasRequest(): boolean {
    if (!this.enabled) return false;
    const vector = highestVector(this.requests);
    return vector >= 0 && vector >> 4 > this.#processorPriority() >> 4;
  }

  /** The vector of the highest request, now in service; the spurious vector if there is none. */
  acknowledge(): number {
    if (!this.hasRequest()) return this.spurious & 0xff;
    const vector = highestVector(this.requests);
    clearBit(this.requests, vector);
    setBit(this.inService, vector);
    return vector;
  }

  #processorPriority(): number {
    const service = Math.max(highestVector(this.inService), 0);
    return this.taskPriority >> 4 >= service >> 4 ? this.taskPriority : service & 0xf0;
  }

  #arbitrationPriority(): number {
    const service = Math.max(highestVector(this.inService), 0) >> 4;
    const request = Math.max(highestVector(this.requests), 0) >> 4;
    const task = this.taskPriority >> 4;
    if (task >= request && task > service) return this.taskPriority;
    return Math.max(task, service, request) << 4;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Receiving

  get #softwareEnabled(): boolean {
    return this.enabled && (this.spurious & 0x100) !== 0;
  }

  #accept(vector: number, level: boolean): boolean {
    if (!this.#softwareEnabled) return false;
    if (vector < 16) {
      this.#error(RECEIVE_ILLEGAL_VECTOR);
      return true;
    }
    setBit(this.requests, vector);
    if (level) setBit(this.triggerMode, vector);
    else clearBit(this.triggerMode, vector);
    this.#context.interrupts.update();
    return true;
  }

  /** A message from the bus; false when nobody took it. */
  deliver(destination: number, logical: boolean, mode: number, vector: number, level: boolean): boolean {
    return this.enabled && this.#isAddressed(destination, logical) && this.#receive(mode, vector, level);
  }

  #receive(mode: number, vector: number, level: boolean): boolean {
    if (mode === DELIVER_FIXED || mode === DELIVER_LOWEST) return this.#accept(vector, level);
    if (mode === DELIVER_NMI) this.#context.signal('nmi');
    if (mode === DELIVER_INIT && !this.#context.hasQuirk('unheard-apic')) this.#initialise();
    return true;
  }

  /** INIT: the state after power-up but for the ID (SDM 3, 10.4.7.3), and the processor starts anew. */
  #initialise(): void {
    const { id } = this;
    this.#clear();
    this.id = id;
    this.#context.interrupts.update();
    this.#context.signal('init');
  }

  #isAddressed(destination: number, logical: boolean): boolean {
    if (!logical) return destination === this.id || destination === 0x0f || destination === 0xff;
    const own = this.logicalDestination >>> 24;
    if (this.destinationFormat >>> 28 === 0xf) return (own & destination) !== 0;
    const cluster = destination >> 4;
    return (cluster === 0xf || cluster === own >> 4) && (own & destination & 0xf) !== 0;
  }

  /** An input pin, 0 or 1, changed. */
  setLint(pin: number, level: boolean): void {
    const bit = 1 << pin;
    const rises = level && (this.lints & bit) === 0;
    this.lints = level ? this.lints | bit : this.lints & ~bit;
    if (rises && this.enabled) this.#signal(LINT0 + pin);
  }

  /** A local source speaks. ExtINT is not a message: passesExternal() lets the level through. */
  #signal(entry: number): void {
    const local = this.localVectors[entry];
    if ((local & MASKED) !== 0) return;
    const mode = entry === TIMER || entry === ERROR ? DELIVER_FIXED : deliveryOf(local);
    if (mode === DELIVER_EXTINT) return;
    this.#receive(mode, local & 0xff, (entry === LINT0 || entry === LINT0 + 1) && (local & LEVEL) !== 0);
  }

  #error(bit: number): void {
    this.errors |= bit;
    // An illegal vector in the error entry itself would come back here for ever.
    if ((this.localVectors[ERROR] & 0xff) >= 16) this.#signal(ERROR);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Sending

  #send(): void {
    const vector = this.commandLow & 0xff;
    const mode = (this.commandLow >> 8) & 7;
    const shorthand = (this.commandLow >> 18) & 3;
    if ((mode === DELIVER_FIXED || mode === DELIVER_LOWEST) && vector < 16) {
      this.#error(SEND_ILLEGAL_VECTOR);
      return;
    }
    if (mode === DELIVER_INIT && (this.commandLow & (ASSERT | LEVEL)) === LEVEL) return; // INIT level de-assert
    if (shorthand === 3) return; // all but self: there is nobody else
    const logical = (this.commandLow & 0x800) !== 0;
    const addressed = shorthand !== 0 || this.#isAddressed(this.commandHigh >>> 24, logical);
    if (addressed) this.#receive(mode, vector, false);
    else this.#error(SEND_ACCEPT_ERROR);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Timer

  get #divider(): number {
    const code = (this.divideConfiguration & 3) | ((this.divideConfiguration >> 1) & 4);
    return code === 7 ? 1 : 2 << code;
  }

  #cycle(): number {
    return this.#context.clock.cycles(this.#context.clock.now(), apicTimerHertz);
  }

  /** Take expiries up to now into the count, and signal them. */
  #advanceTimer(): void {
    if (this.timerCount === 0) return;
    const cycle = this.#cycle();
    const first = this.timerStart + this.timerCount * this.#divider;
    if (cycle < first) return;
    if ((this.localVectors[TIMER] & PERIODIC) !== 0 && this.initialCount > 0) {
      const period = this.initialCount * this.#divider;
      this.timerStart = first + Math.floor((cycle - first) / period) * period;
      this.timerCount = this.initialCount;
    } else this.timerCount = 0;
    this.#signal(TIMER);
  }

  #currentCount(): number {
    if (this.timerCount === 0) return 0;
    return this.timerCount - Math.floor((this.#cycle() - this.timerStart) / this.#divider);
  }

  #armTimer(): void {
    if (this.timerCount === 0 || (this.localVectors[TIMER] & MASKED) !== 0) this.#timer.disarm();
    else {
      const { clock } = this.#context;
      const due = clock.tickOfCycle(this.timerStart + this.timerCount * this.#divider, apicTimerHertz);
      this.#timer.arm(Math.max(due, clock.now() + 1));
    }
  }

  // -------------------------------------------------------------------------------------------------------------
  // Registers

  #read(offset: number): number {
    if (!this.enabled) return 0xffffffff;
    this.#advanceTimer();
    if (offset >= 0x100 && offset < 0x180) return this.inService[(offset - 0x100) >> 4];
    if (offset >= 0x180 && offset < 0x200) return this.triggerMode[(offset - 0x180) >> 4];
    if (offset >= 0x200 && offset < 0x280) return this.requests[(offset - 0x200) >> 4];
    if (offset >= 0x320 && offset < 0x380) return this.localVectors[(offset - 0x320) >> 4];
    switch (offset) {
      case 0x20:
        return (this.id << 24) >>> 0;
      case 0x30:
        return version;
      case 0x80:
        return this.taskPriority;
      case 0x90:
        return this.#arbitrationPriority();
      case 0xa0:
        return this.#processorPriority();
      case 0xd0:
        return this.logicalDestination;
      case 0xe0:
        return this.destinationFormat;
      case 0xf0:
        return this.spurious;
      case 0x280:
        return this.errorsLatched;
      case 0x300:
        return this.commandLow;
      case 0x310:
        return this.commandHigh;
      case 0x380:
        return this.initialCount;
      case 0x390:
        return this.#currentCount();
      case 0x3e0:
        return this.divideConfiguration;
      case 0xb0:
      case 0xc0:
        return 0;
      default:
        this.#error(ILLEGAL_REGISTER);
        return 0;
    }
  }

  #write(offset: number, value: number): void {
    if (!this.enabled) return;
    this.#advanceTimer();
    if (offset >= 0x320 && offset < 0x380) this.#writeLocalVector((offset - 0x320) >> 4, value);
    else this.#writeRegister(offset, value);
    this.#context.interrupts.update();
  }

  #writeRegister(offset: number, value: number): void {
    switch (offset) {
      case 0x20:
        this.id = value >>> 24;
        break;
      case 0x80:
        this.taskPriority = value & 0xff;
        break;
      case 0xb0:
        this.#endOfInterrupt();
        break;
      case 0xd0:
        this.logicalDestination = (value & 0xff000000) >>> 0;
        break;
      case 0xe0:
        this.destinationFormat = (value | 0x0fffffff) >>> 0;
        break;
      case 0xf0:
        this.spurious = value & 0x3ff;
        if ((value & 0x100) === 0) for (let i = 0; i < 6; i++) this.localVectors[i] |= MASKED;
        else this.#context.services.ioApic?.service();
        this.#armTimer();
        break;
      case 0x280:
        this.errorsLatched = this.errors;
        this.errors = 0;
        break;
      case 0x300:
        this.commandLow = value & 0xccfff;
        this.#send();
        break;
      case 0x310:
        this.commandHigh = (value & 0xff000000) >>> 0;
        break;
      case 0x380:
        this.initialCount = value;
        this.timerCount = value;
        this.timerStart = this.#cycle();
        this.#armTimer();
        break;
      case 0x3e0:
        // The count goes on from where it is, at the new rate.
        this.timerCount = this.#currentCount();
        this.timerStart = this.#cycle();
        this.divideConfiguration = value & 0xb;
        this.#armTimer();
        break;
      case 0x30:
      case 0x90:
      case 0xa0:
      case 0xc0:
      case 0x390:
        break;
      default:
        if (offset < 0x100 || offset >= 0x280) this.#error(ILLEGAL_REGISTER);
    }
  }

  #writeLocalVector(entry: number, value: number): void {
    this.localVectors[entry] = value & writableBits[entry];
    if ((this.spurious & 0x100) === 0) this.localVectors[entry] |= MASKED;
    if (entry === TIMER) this.#armTimer();
  }

  #endOfInterrupt(): void {
    const vector = highestVector(this.inService);
    if (vector < 0) return;
    clearBit(this.inService, vector);
    if (testBit(this.triggerMode, vector)) this.#context.services.ioApic?.endOfInterrupt(vector);
  }

  #clear(): void {
    const { enabled, lints } = this;
    FIELDS.clear(this);
    this.enabled = enabled;
    this.lints = lints;
    this.localVectors.fill(MASKED);
    if (this.#opensLints) {
      this.localVectors[LINT0] = DELIVER_EXTINT << 8;
      this.localVectors[LINT0 + 1] = DELIVER_NMI << 8;
    }
    this.#timer.disarm();
  }

  reset(): void {
    this.#registers.place(apicAddress);
    this.enabled = true;
    this.#clear();
    this.#context.interrupts.update();
  }
}

/** Registers are 32 bits wide on 16-byte boundaries; a narrower read sees its part, what lies between reads as 0. */
function narrowed(value: number, offset: number, size: number): number {
  const within = offset & 15;
  if (within > 3) return 0;
  const shifted = value >>> (within * 8);
  return size === 4 ? shifted : shifted & (size === 2 ? 0xffff : 0xff);
}

function setBit(words: Uint32Array, bit: number): void {
  words[bit >> 5] |= 1 << (bit & 31);
}

function clearBit(words: Uint32Array, bit: number): void {
  words[bit >> 5] &= ~(1 << (bit & 31));
}

function testBit(words: Uint32Array, bit: number): boolean {
  return (words[bit >> 5] & (1 << (bit & 31))) !== 0;
}

export const localApic: DeviceEntry = {
  isPresent: ({ apic }) => apic !== false,
  create: (context) => new LocalApic(context),
};
