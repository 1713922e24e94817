/**
 * The interrupt wiring of the board: sixteen ISA lines, each the OR of its sources, to the 8259 pair and (where there
 * is one) to the I/O APIC, and from those to the CPU's INTR pin: the 8259's output by way of LINT0 when there is a
 * local APIC (Intel MultiProcessor Specification 1.4, virtual wire mode), directly when there is none or it is off.
 *
 * acknowledge() is the CPU's interrupt acknowledge: it changes the controllers and gives the vector, spurious ones
 * included. Holds the level of every source, so that a device need not remember what it drives.
 */
import type { Device, IrqLine } from './device.ts';
import { flag, words } from '../base/field-kinds.ts';
import { fields, withFields } from '../base/fields.ts';
import type { IoApic } from '../devices/interrupts/ioapic.ts';
import type { LocalApic } from '../devices/interrupts/apic.ts';
import type { Pic } from '../devices/interrupts/pic.ts';

/** 0–15 are the ISA lines; 16–23 reach the I/O APIC alone. */
const lineCount = 24;
const isaLineCount = 16;
/** One bit a source, and none is the sign. */
const sourceCountMax = 31;

const FIELDS = fields({
  /** Bit s of a line is the level of its source s, in order of creation. */
  levels: words(lineCount, 0x7fffffff),
  output: flag(),
});

export class Interrupts extends withFields(FIELDS) implements Device {
  readonly name = 'interrupts';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ levels }) => {
      const line = levels.findIndex((level, i) => level >>> this.#sourceCounts[i] !== 0);
      return line < 0 ? null : `levels[${line}] is ${levels[line]}, of ${this.#sourceCounts[line]} sources`;
    },
  });
  readonly #sourceCounts = new Array<number>(lineCount).fill(0);
  readonly #intr: (level: boolean) => void;
  #pic: Pic | undefined;
  #apic: LocalApic | undefined;
  #ioapic: IoApic | undefined;

  constructor(intr: (level: boolean) => void) {
    super();
    this.#intr = intr;
  }

  attach(pic: Pic, apic: LocalApic | undefined, ioapic: IoApic | undefined): void {
    this.#pic = pic;
    this.#apic = apic;
    this.#ioapic = ioapic;
  }

  /** A new source on a line 0–23. */
  line(line: number): IrqLine {
    if (!(line >= 0 && line < lineCount)) throw new Error(`there is no interrupt line ${line}`);
    if (this.#sourceCounts[line] === sourceCountMax) throw new Error(`interrupt line ${line} has too many sources`);
    const bit = 1 << this.#sourceCounts[line]++;
    const { levels } = this;
    return {
      set: (level) => {
        const before = levels[line];
        const after = level ? before | bit : before & ~bit;
        if (after === before) return;
        levels[line] = after;
        if ((before === 0) !== (after === 0)) this.#drive(line, after !== 0);
      },
    };
  }

  #drive(line: number, level: boolean): void {
    if (line < isaLineCount) this.#pic?.setLine(line, level);
    // The timer takes pin 2, which the cascade leaves free.
    if (line !== 2) this.#ioapic?.setPin(line === 0 ? 2 : line, level);
  }

  /** The 8259's INT output, after anything that may have changed it. */
  picChanged(level: boolean): void {
    this.#apic?.setLint(0, level);
    this.update();
  }

  /** Something that INTR depends on may have changed. */
  update(): void {
    const output = this.#externalPending || (this.#apic !== undefined && this.#apic.hasRequest());
    if (output === this.output) return;
    this.output = output;
    this.#intr(output);
  }

  get #externalPending(): boolean {
    if (this.#pic === undefined || !this.#pic.output) return false;
    return this.#apic === undefined || this.#apic.passesExternal();
  }

  /** INTA. Legal at any time; without a request it gives a spurious vector, as the chips do. */
  acknowledge(): number {
    let vector: number;
    // What comes through ExtINT goes to the core without entering the local APIC's priorities.
    if (this.#externalPending || this.#apic === undefined || !this.#apic.enabled) {
      vector = (this.#pic as Pic).acknowledge();
    } else vector = this.#apic.acknowledge();
    this.update();
    return vector;
  }

  reset(): void {
    // Devices drive their lines; what they hold high after their own reset stays high.
  }
}
