/**
 * One 8254 counter as its data sheet describes it, clock pulse by clock pulse: what the computed counter of
 * devices/timers/pit.ts is held against. Registers change between pulses; pulse() is the falling edge of CLK.
 */

export class NaiveCounter {
  control = 0x30;
  gate = true;
  out = true;
  /** The counting element as a plain number; `modulus` counts are reached from 0. */
  element = 0;
  #count = 0;
  #loadNext = false;
  /** A count was written since the control word. */
  #armed = false;
  /** Loaded at least once since the control word. */
  #running = false;
  #newCount = false;
  #stoppedByWrite = false;
  #low = -1;
  nullCount = false;
  /** Modes 1, 4, 5: the end of the count has not been reported yet. */
  #expires = false;
  /** The strobe of modes 4 and 5 is on. */
  #strobe = false;
  /** Mode 3: the count in force, and pulses left in the half. */
  #loaded = 0;
  #halfLeft = 0;
  #high = true;

  get mode(): number {
    const mode = (this.control >> 1) & 7;
    return mode > 5 ? mode & 3 : mode;
  }

  get #modulus(): number {
    return (this.control & 1) !== 0 ? 10000 : 0x10000;
  }

  writeControl(control: number): void {
    this.control = control;
    this.out = this.mode !== 0;
    this.#armed = false;
    this.#running = false;
    this.#loadNext = false;
    this.#newCount = false;
    this.#stoppedByWrite = false;
    this.#low = -1;
    this.nullCount = true;
    this.#expires = false;
    this.#strobe = false;
    this.#high = true;
  }

  writeByte(byte: number): void {
    const order = (this.control >> 4) & 3;
    if (order === 3 && this.#low < 0) {
      this.#low = byte;
      if (this.mode === 0) {
        this.out = false;
        this.#stoppedByWrite = true;
        this.#loadNext = false;
      }
      return;
    }
    const raw = order === 1 ? byte : order === 2 ? byte * 256 : byte * 256 + this.#low;
    this.#low = -1;
    let value = raw;
    if ((this.control & 1) !== 0) {
      value = 0;
      for (const shift of [12, 8, 4, 0]) value = value * 10 + ((raw >> shift) & 15);
    }
    this.#count = value === 0 ? this.#modulus : value;
    this.nullCount = true;
    const first = !this.#armed;
    this.#armed = true;
    if (this.mode === 0) this.out = false;
    if (this.mode === 0 || this.mode === 4) this.#loadNext = true;
    else if (this.mode === 2 || this.mode === 3) {
      if (first) this.#loadNext = true;
      else this.#newCount = true;
    }
  }

  setGate(level: boolean): void {
    const rises = level && !this.gate;
    this.gate = level;
    const { mode } = this;
    if (rises && this.#armed && (mode === 1 || mode === 5 || mode === 2 || mode === 3)) this.#loadNext = true;
    if (!level && (mode === 2 || mode === 3)) this.out = true;
  }

  #load(): void {
    this.element = this.#count;
    this.#loaded = this.#count;
    this.#loadNext = false;
    this.#newCount = false;
    this.#running = true;
    this.#stoppedByWrite = false;
    this.nullCount = false;
    this.#expires = true;
    this.#strobe = false;
    if (this.mode === 1) this.out = false;
    else if (this.mode !== 0) this.out = true;
    if (this.mode === 3) {
      this.#high = true;
      this.#beginHalf();
    }
  }

  #beginHalf(): void {
    const odd = this.#loaded % 2;
    this.#halfLeft = (this.#loaded - odd) / 2 + (this.#high ? odd : 0);
    this.element = this.#loaded - odd;
    this.out = this.#high || !this.gate;
  }

  pulse(): void {
    if (this.#loadNext) {
      this.#load();
      if (!this.gate && (this.mode === 2 || this.mode === 3)) this.out = true;
      return;
    }
    const { mode } = this;
    const counts = this.#running && (mode === 1 || mode === 5 || this.gate) && !(mode === 0 && this.#stoppedByWrite);
    if (!counts) return;
    if (mode === 2) this.#pulseRate();
    else if (mode === 3) this.#pulseSquare();
    else this.#pulseOnce();
  }

  #pulseRate(): void {
    if (this.element === 1) {
      if (this.#newCount) this.#load();
      this.element = this.#loaded;
      this.out = true;
    } else {
      this.element--;
      this.out = this.element !== 1;
    }
    if (this.gate && this.#loaded !== 1 && this.element === 1) this.out = false;
  }

  #pulseSquare(): void {
    this.#halfLeft--;
    if (this.#halfLeft > 0) {
      this.element -= 2;
      return;
    }
    this.#high = this.#loaded === 1 || !this.#high;
    if (this.#newCount) {
      this.#loaded = this.#count;
      this.#newCount = false;
      this.nullCount = false;
    }
    // A count of 1 has no low half.
    if (this.#loaded === 1) this.#high = true;
    this.#beginHalf();
  }

  #pulseOnce(): void {
    if (this.#strobe) {
      this.#strobe = false;
      this.out = true;
    }
    this.element = this.element === 0 ? this.#modulus - 1 : this.element - 1;
    if (this.element !== 0 || !this.#expires) return;
    this.#expires = false;
    if (this.mode === 0 || this.mode === 1) this.out = true;
    else {
      this.out = false;
      this.#strobe = true;
    }
  }
}
