/**
 * The Intel 82093AA I/O APIC at FEC00000h: 24 redirection entries behind an index and a data register, edge and level
 * triggering with remote IRR, all but ExtINT delivery (no pin carries the 8259). A pin is given as asserted or not:
 * the polarity bit is kept and read back, and changes nothing.
 */
import { DELIVER_EXTINT, deliveryOf, LEVEL, MASKED } from './entry.ts';
import type { LocalApic } from './apic.ts';
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { bits, byte, words } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

export const ioapicAddress = 0xfec00000;
const pinCount = 24;
const version = 0x00170011;

/** Low word of an entry. */
const REMOTE_IRR = 0x4000;
const LOGICAL = 0x800;
const writableBits = 0x1afff;

const FIELDS = fields({
  id: bits(0x0f),
  index: byte(),
  /** Levels of the pins, and edges seen but not yet accepted. */
  pins: bits(0xffffff),
  edges: bits(0xffffff),
  /** Low and high word of entry n at 2n and 2n + 1. */
  entries: words(pinCount * 2, [writableBits | REMOTE_IRR, 0xff000000]),
});

export class IoApic extends withFields(FIELDS) implements Device {
  readonly name = 'ioapic';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  readonly #apic: LocalApic;

  constructor(context: DeviceContext) {
    super();
    const { localApic } = context.services;
    if (localApic === undefined) throw new Error('the I/O APIC stands below the local one in the table');
    this.#apic = localApic;
    context.services.ioApic = this;
    context.mmio(ioapicAddress, 0x1000, {
      read: (offset) => (offset === 0 ? this.index : offset === 0x10 ? this.#read() : 0),
      write: (offset, _size, value) => {
        if (offset === 0) this.index = value & 0xff;
        else if (offset === 0x10) this.#write(value >>> 0);
      },
    });
    this.reset();
  }

  setPin(pin: number, level: boolean): void {
    const bit = 1 << pin;
    const rises = level && (this.pins & bit) === 0;
    this.pins = level ? this.pins | bit : this.pins & ~bit;
    // An edge on a masked pin is not remembered.
    if (rises && (this.entries[pin * 2] & (LEVEL | MASKED)) === 0) this.edges |= bit;
    if (level) this.#servicePin(pin);
  }

  #servicePin(pin: number): void {
    const bit = 1 << pin;
    const low = this.entries[pin * 2];
    const level = (low & LEVEL) !== 0;
    if ((low & MASKED) !== 0) return;
    if (level ? (this.pins & bit) === 0 || (low & REMOTE_IRR) !== 0 : (this.edges & bit) === 0) return;
    const mode = deliveryOf(low);
    const destination = this.entries[pin * 2 + 1] >>> 24;
    if (mode !== DELIVER_EXTINT && !this.#apic.deliver(destination, (low & LOGICAL) !== 0, mode, low & 0xff, level))
      return;
    this.edges &= ~bit;
    // Only what ends with an EOI has a remote request.
    if (level && mode <= 1) this.entries[pin * 2] |= REMOTE_IRR;
  }

  /** Pins that are not masked, as a bit mask. */
  get openPins(): number {
    let open = 0;
    for (let pin = 0; pin < pinCount; pin++) if ((this.entries[pin * 2] & MASKED) === 0) open |= 1 << pin;
    return open;
  }

  service(): void {
    for (let pin = 0; pin < pinCount; pin++) this.#servicePin(pin);
  }

  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < pinCount; pin++) {
      const low = this.entries[pin * 2];
      if ((low & 0xff) !== vector || (low & REMOTE_IRR) === 0) continue;
      this.entries[pin * 2] = low & ~REMOTE_IRR;
      this.#servicePin(pin);
    }
  }

  #read(): number {
    if (this.index >= 0x10 && this.index < 0x10 + pinCount * 2) return this.entries[this.index - 0x10];
    if (this.index === 0 || this.index === 2) return this.id << 24;
    return this.index === 1 ? version : 0;
  }

  #write(value: number): void {
    if (this.index === 0) this.id = (value >>> 24) & 15;
    if (this.index < 0x10 || this.index >= 0x10 + pinCount * 2) return;
    const word = this.index - 0x10;
    if ((word & 1) !== 0) {
      this.entries[word] = value & 0xff000000;
      return;
    }
    const kept = (value & LEVEL) !== 0 ? this.entries[word] & REMOTE_IRR : 0;
    this.entries[word] = (value & writableBits) | kept;
    if ((value & (LEVEL | MASKED)) !== 0) this.edges &= ~(1 << (word >> 1));
    this.#servicePin(word >> 1);
  }

  reset(): void {
    this.id = 0;
    this.index = 0;
    this.edges = 0;
    for (let pin = 0; pin < pinCount; pin++) {
      this.entries[pin * 2] = MASKED;
      this.entries[pin * 2 + 1] = 0;
    }
  }
}

export const ioApic: DeviceEntry = {
  isPresent: ({ apic }) => apic !== false,
  create: (context) => new IoApic(context),
};
