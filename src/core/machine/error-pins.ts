/**
 * How a PC/AT reports x87 errors while CR0.NE is 0 (Intel SDM vol. 1, section 8.7.2 and appendix D): FERR# raises
 * IRQ 13 until port F0h (or F1h) is written, which also holds IGNNE# active until the error is gone, so that the
 * handler may use waiting instructions. The pins live in the CPU block above the status word: they are saved and
 * hashed with it, and work the same where a replay has no devices.
 */
import type { IrqLine } from '../board/device.ts';
import type { Cpu, ErrorPins } from '../state/cpu.ts';
import { FP_FERR, FP_IGNNE, FP_STATUS } from '../state/layout.ts';

export class BoardErrorPins implements ErrorPins {
  readonly #cpu: Cpu;
  readonly #line: IrqLine;

  /** `line` is IRQ 13, or goes nowhere. */
  constructor(cpu: Cpu, line: IrqLine) {
    this.#cpu = cpu;
    this.#line = line;
  }

  assert(): boolean {
    const { m32 } = this.#cpu;
    if ((m32[FP_STATUS] & FP_IGNNE) !== 0) return true;
    if ((m32[FP_STATUS] & FP_FERR) === 0) {
      m32[FP_STATUS] |= FP_FERR;
      this.#line.set(true);
    }
    return false;
  }

  release(): void {
    this.#cpu.m32[FP_STATUS] &= ~(FP_FERR | FP_IGNNE);
  }

  /** A write to ports F0h and F1h. */
  acknowledge(): void {
    const { m32 } = this.#cpu;
    this.#line.set(false);
    if ((m32[FP_STATUS] & FP_FERR) !== 0) m32[FP_STATUS] |= FP_IGNNE;
  }
}
