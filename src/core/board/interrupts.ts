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
import type { Wakers } from './board.ts';
import type { InterruptWires, Services } from './context.ts';

/** 0–15 are the ISA lines; 16–23 reach the I/O APIC alone. */
const lineCount = 24;
export const ISA_LINES = 16;
/** Keyboard, serial lines, mouse: without somebody who types, or a line that speaks, nothing comes of them. */
const PEOPLE_LINES = (1 << 1) | (1 << 3) | (1 << 4) | (1 << 12);
/** One bit a source, and none is the sign. */
const sourceCountMax = 31;

const FIELDS = fields({
  /** Bit s of a line is the level of its source s, in order of creation. */
  levels: words(lineCount, 0x7fffffff),
  output: flag(),
});

export class Interrupts extends withFields(FIELDS) implements Device, InterruptWires {
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
  readonly #services: Services;

  /** The controllers enter themselves into `services` when they are created. */
  constructor(intr: (level: boolean) => void, services: Services) {
    super();
    this.#intr = intr;
    this.#services = services;
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
    if (line < ISA_LINES) this.#services.pic?.setLine(line, level);
    // The timer takes pin 2, which the cascade leaves free.
    if (line !== 2) this.#services.ioApic?.setPin(line === 0 ? 2 : line, level);
  }

  /** The 8259's INT output, after anything that may have changed it. */
  picChanged(level: boolean): void {
    this.#services.localApic?.setLint(0, level);
    this.update();
  }

  /** Something that INTR depends on may have changed. */
  update(): void {
    const { localApic } = this.#services;
    const output = this.#externalPending || (localApic !== undefined && localApic.hasRequest());
    if (output === this.output) return;
    this.output = output;
    this.#intr(output);
  }

  get #externalPending(): boolean {
    const { pic, localApic } = this.#services;
    if (pic === undefined || !pic.output) return false;
    return localApic === undefined || localApic.passesExternal();
  }

  /** What is not masked: who can still interrupt a processor that takes interrupts and does nothing. */
  get wakers(): Wakers {
    const { pic, localApic, ioApic } = this.#services;
    if (localApic?.isTimed === true) return 'anything';
    const external = localApic === undefined || localApic.hears8259 ? (pic?.openLines ?? 0) : 0;
    const open = external | (ioApic?.openPins ?? 0);
    if (open === 0) return 'nobody';
    return (open & ~PEOPLE_LINES) === 0 ? 'people' : 'anything';
  }

  /** INTA. Legal at any time; without a request it gives a spurious vector, as the chips do. */
  acknowledge(): number {
    const { pic, localApic } = this.#services;
    let vector: number;
    // What comes through ExtINT goes to the core without entering the local APIC's priorities.
    if (this.#externalPending || localApic === undefined || !localApic.enabled) {
      if (pic === undefined) throw new Error('the board has no interrupt controller');
      vector = pic.acknowledge();
    } else vector = localApic.acknowledge();
    this.update();
    return vector;
  }

  reset(): void {
    // Devices drive their lines; what they hold high after their own reset stays high.
  }
}
