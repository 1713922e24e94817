// The shape of an instruction's executor; src/core/CONTRACTS.md says what the interpreter promises before
// the call and does after it. Handlers throw GUEST_FAULT (through raise) and then have changed nothing that
// the guest can see, except the finished iterations of a repeated string instruction.

import type { Cpu } from '../../src/core/state/cpu.ts';

/** Execute the decoded record (isa/record.ts) at `pc` of the arena `code`. */
export type Handler = (cpu: Cpu, code: Int32Array, pc: number) => void;
