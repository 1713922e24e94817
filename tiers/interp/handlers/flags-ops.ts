// Instructions on single flags, SDM 2: CLC STC CMC CLD STD LAHF SAHF. CLI, STI, PUSHF and POPF, which depend on
// privilege, are with the system instructions.

import type { OpName } from '../../../src/core/isa/ops.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { carry, changeFlags, getFlags } from '../../../src/core/state/flags.ts';
import { AF, CF, DF, EAX, EFLAGS, PF, SF, ZF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';

/** Index of AH in the byte view. */
const AH = EAX + 1;
/** The flags that LAHF and SAHF move. */
const LOW_FLAGS = SF | ZF | AF | PF | CF;

function clc(cpu: Cpu): void {
  changeFlags(cpu, CF, 0);
}

function stc(cpu: Cpu): void {
  changeFlags(cpu, CF, CF);
}

function cmc(cpu: Cpu): void {
  changeFlags(cpu, CF, carry(cpu) ^ CF);
}

function cld(cpu: Cpu): void {
  cpu.m32[EFLAGS] &= ~DF;
}

function std(cpu: Cpu): void {
  cpu.m32[EFLAGS] |= DF;
}

/** AH := SF ZF 0 AF 0 PF 1 CF. */
function lahf(cpu: Cpu): void {
  cpu.m8[AH] = (getFlags(cpu) & LOW_FLAGS) | 2;
}

function sahf(cpu: Cpu): void {
  changeFlags(cpu, LOW_FLAGS, cpu.m8[AH]);
}

export const flagHandlers = {
  CLC: clc,
  STC: stc,
  CMC: cmc,
  CLD: cld,
  STD: std,
  LAHF: lahf,
  SAHF: sahf,
} satisfies Partial<Record<OpName, Handler>>;
