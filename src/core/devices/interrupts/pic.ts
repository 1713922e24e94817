/**
 * Two Intel 8259A interrupt controllers, cascaded as in the PC/AT (data sheet 231468; edge/level registers 4D0h/4D1h
 * of the 82371SB). Fully nested, special fully nested, special mask and poll modes, all rotations, automatic EOI,
 * spurious vectors.
 *
 * As the data sheet says, a request line must stay high until it is acknowledged: an edge-triggered request whose
 * line falls first is gone. MCS-80 vectors and buffered mode, which no PC wires, are accepted and have no effect;
 * LTIM of ICW1 is ignored in favour of the edge/level registers, as in the 82371SB.
 */
import type { DeviceContext, DeviceEntry, InterruptWires } from '../../board/context.ts';
import type { Device } from '../../board/device.ts';
import { bits, byte, flag, oneOf, unsigned } from '../../base/field-kinds.ts';
import { derived, fields, withFields } from '../../base/fields.ts';

/** Where the next byte written to the odd port goes. */
const EXPECT_MASK = 0;
const EXPECT_ICW2 = 2;
const EXPECT_ICW3 = 3;
const EXPECT_ICW4 = 4;

const CHIP = fields({
  /** Level of each input; IRR of an edge input is kept apart, since an acknowledged line may stay high. */
  lines: byte(),
  requests: byte(),
  inService: byte(),
  masked: byte(),
  /** Inputs that are level-triggered (ELCR). */
  levelTriggered: byte(),
  vectorBase: bits(0xf8),
  /** The line of lowest priority: 7 after initialisation; the next one up has the highest. */
  lowestPriority: unsigned(7, 7),
  expect: oneOf<number>([EXPECT_MASK, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4], '0, 2, 3 or 4', EXPECT_MASK),
  icw1: byte(),
  icw3: byte(),
  icw4: bits(0x1f),
  readInService: flag(),
  poll: flag(),
  specialMask: flag(),
  rotateOnAutoEoi: flag(),
});

/** One 8259A. Lines, requests and services are bit masks: bit n is IRn. */
export class Chip8259 extends withFields(CHIP) {
  /** The quirk `latching-8259`: works before ICW1, from what it has after power-on. */
  worksUnprogrammed = false;

  /** Before ICW1 the state of the chip is undefined (data sheet, "Initialization"); it then does nothing. */
  get #isDeaf(): boolean {
    return this.icw1 === 0 && !this.worksUnprogrammed;
  }

  setLine(line: number, level: boolean): void {
    const bit = 1 << line;
    if (level) {
      const asks = (this.lines & bit) === 0 || (this.levelTriggered & bit) !== 0;
      if (asks && !this.#isDeaf) this.requests |= bit;
      this.lines |= bit;
    } else {
      this.lines &= ~bit;
      this.requests &= ~bit;
    }
  }

  setLevelTriggered(bits: number): void {
    // A line that turns level-triggered asks at once; one that turns edge-triggered waits for an edge.
    this.requests = (this.requests & ~(bits ^ this.levelTriggered)) | (this.#isDeaf ? 0 : this.lines & bits);
    this.levelTriggered = bits;
  }

  /** 0 is the highest priority at present. */
  #rank(line: number): number {
    return (line - this.lowestPriority - 1) & 7;
  }

  /** The line of highest priority among the bits, −1 for none. */
  #highest(bits: number): number {
    if (bits === 0) return -1;
    for (let rank = 0; ; rank++) {
      const line = (this.lowestPriority + 1 + rank) & 7;
      if ((bits & (1 << line)) !== 0) return line;
    }
  }

  /** The request that the INT output stands for, −1 when it is low. */
  pendingLine(): number {
    const line = this.#highest(this.requests & ~this.masked);
    if (line < 0 || this.#isDeaf) return -1;
    const blocking = this.#highest(this.specialMask ? this.inService & ~this.masked : this.inService);
    if (blocking < 0 || this.#rank(line) < this.#rank(blocking)) return line;
    // Special fully nested: a slave in service may interrupt again with something more urgent.
    const again = line === blocking && (this.icw4 & 0x10) !== 0 && this.hasSlave(line);
    return again ? line : -1;
  }

  /** Inputs that are not masked. */
  get openInputs(): number {
    return this.#isDeaf ? 0 : ~this.masked & 0xff;
  }

  hasSlave(line: number): boolean {
    return (this.icw1 & 2) === 0 && (this.icw3 & (1 << line)) !== 0;
  }

  /** The interrupt acknowledge sequence, or a read in poll mode, for the line given by pendingLine(). */
  serve(line: number): void {
    const bit = 1 << line;
    if ((this.levelTriggered & bit) === 0) this.requests &= ~bit;
    if ((this.icw4 & 2) === 0) this.inService |= bit;
    else if (this.rotateOnAutoEoi) this.lowestPriority = line;
  }

  read(address: number): number {
    if (this.poll) {
      this.poll = false;
      const line = this.pendingLine();
      if (line < 0) return 0;
      this.serve(line);
      return 0x80 | line;
    }
    if (address === 1) return this.masked;
    return this.readInService ? this.inService : this.requests;
  }

  write(address: number, value: number): void {
    if (address === 1) this.#writeOdd(value);
    else if ((value & 0x10) !== 0) this.#writeIcw1(value);
    else if ((value & 0x08) !== 0) this.#writeOcw3(value);
    else this.#writeOcw2(value);
  }

  #writeIcw1(value: number): void {
    this.icw1 = value;
    this.requests = this.lines & this.levelTriggered;
    this.inService = 0;
    this.masked = 0;
    this.lowestPriority = 7;
    this.specialMask = false;
    this.readInService = false;
    this.poll = false;
    this.rotateOnAutoEoi = false;
    if ((value & 1) === 0) this.icw4 = 0;
    this.expect = EXPECT_ICW2;
  }

  #writeOdd(value: number): void {
    const needsIcw4 = (this.icw1 & 1) !== 0;
    switch (this.expect) {
      case EXPECT_ICW2:
        this.vectorBase = value & 0xf8;
        this.expect = (this.icw1 & 2) === 0 ? EXPECT_ICW3 : needsIcw4 ? EXPECT_ICW4 : EXPECT_MASK;
        break;
      case EXPECT_ICW3:
        this.icw3 = value;
        this.expect = needsIcw4 ? EXPECT_ICW4 : EXPECT_MASK;
        break;
      case EXPECT_ICW4:
        this.icw4 = value & 0x1f;
        this.expect = EXPECT_MASK;
        break;
      default:
        this.masked = value;
    }
  }

  #writeOcw3(value: number): void {
    if ((value & 0x40) !== 0) this.specialMask = (value & 0x20) !== 0;
    this.poll = (value & 0x04) !== 0;
    if ((value & 0x02) !== 0) this.readInService = (value & 0x01) !== 0;
  }

  /** OCW2: bit 7 rotate, bit 6 specific, bit 5 end of interrupt, bits 2–0 the line of a specific command. */
  #writeOcw2(value: number): void {
    const line = value & 7;
    switch (value >> 5) {
      case 0:
        this.rotateOnAutoEoi = false;
        break;
      case 4:
        this.rotateOnAutoEoi = true;
        break;
      case 1:
      case 5: {
        // In special mask mode a non-specific EOI passes over services whose line is masked.
        const served = this.#highest(this.specialMask ? this.inService & ~this.masked : this.inService);
        if (served < 0) break;
        this.inService &= ~(1 << served);
        if (value >> 5 === 5) this.lowestPriority = served;
        break;
      }
      case 3:
        this.inService &= ~(1 << line);
        break;
      case 7:
        this.inService &= ~(1 << line);
        this.lowestPriority = line;
        break;
      case 6:
        this.lowestPriority = line;
        break;
    }
  }

  /** As after power-on; the inputs stay as they are. */
  clear(): void {
    const { lines } = this;
    CHIP.clear(this);
    this.lines = lines;
  }
}

const FIELDS = fields({
  master: CHIP,
  slave: CHIP,
  /** The INT output of the master. */
  output: derived(flag()),
});

export class Pic extends withFields(FIELDS) implements Device {
  readonly name = 'pic';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ master, output }) => {
      const { worksUnprogrammed } = this.master;
      const isPending = Object.assign(new Chip8259(), master, { worksUnprogrammed }).pendingLine() >= 0;
      return output === isPending ? null : `output is ${output}, the requests say ${isPending}`;
    },
  });
  override readonly master = new Chip8259();
  override readonly slave = new Chip8259();
  readonly #wires: InterruptWires;

  constructor(context: DeviceContext, worksUnprogrammed = false) {
    super();
    this.#wires = context.interrupts;
    context.services.pic = this;
    for (const chip of [this.master, this.slave]) chip.worksUnprogrammed = worksUnprogrammed;
    const chips = [
      { first: 0x20, chip: this.master },
      { first: 0xa0, chip: this.slave },
    ];
    for (const { first, chip } of chips) {
      context.ports(first, 2, {
        read: (port) => {
          const value = chip.read(port & 1);
          this.#settle();
          return value;
        },
        write: (port, _size, value) => {
          chip.write(port & 1, value);
          this.#settle();
        },
      });
    }
    // Lines that are edge-triggered whatever the register says: 0, 1, 2, 8 and 13.
    const fixed = [0x07, 0x21];
    context.ports(0x4d0, 2, {
      read: (port) => [this.master, this.slave][port & 1].levelTriggered,
      write: (port, _size, value) => {
        [this.master, this.slave][port & 1].setLevelTriggered(value & ~fixed[port & 1] & 0xff);
        this.#settle();
      },
    });
  }

  /** Interrupt line 0–15; line 2 is the cascade and nobody's. */
  setLine(line: number, level: boolean): void {
    if (line === 2) return;
    if (line < 8) this.master.setLine(line, level);
    else this.slave.setLine(line - 8, level);
    this.#settle();
  }

  /** The cascade wire and the output follow the chips. */
  #settle(): void {
    const cascade = this.slave.pendingLine() >= 0;
    if (cascade !== ((this.master.lines & 4) !== 0)) this.master.setLine(2, cascade);
    this.#wires.picChanged(this.output);
  }

  /** The INT output of the master; whoever owns the CPU's pin hears of it whenever it may have changed. */
  get output(): boolean {
    return this.master.pendingLine() >= 0;
  }

  /** Lines 0–15 whose requests can reach the output, as a bit mask. */
  get openLines(): number {
    const master = this.master.openInputs;
    return (master & ~4) | ((master & 4) === 0 ? 0 : this.slave.openInputs << 8);
  }

  /**
   * INTA: the vector, with the chips' state changed; IR7 of a chip that has no request left, as the data sheet says.
   */
  acknowledge(): number {
    const line = this.master.pendingLine();
    if (line < 0) return this.master.vectorBase | 7;
    this.master.serve(line);
    let vector = this.master.vectorBase | line;
    if (line === 2 && this.master.hasSlave(2)) {
      const slaveLine = this.slave.pendingLine();
      if (slaveLine >= 0) this.slave.serve(slaveLine);
      vector = this.slave.vectorBase | (slaveLine < 0 ? 7 : slaveLine);
      // The slave's INT falls during the sequence: one with automatic EOI and more to say makes a new edge.
      this.master.setLine(2, false);
    }
    this.#settle();
    return vector;
  }

  reset(): void {
    for (const chip of [this.master, this.slave]) chip.clear();
    this.master.lines &= ~4;
    this.#settle();
  }
}

export const pic: DeviceEntry = { create: (context) => new Pic(context, context.hasQuirk('latching-8259')) };
