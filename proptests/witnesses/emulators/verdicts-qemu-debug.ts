/**
 * What QEMU 7.2 does otherwise than the manual with breakpoints, single steps and RF. See verdicts.ts for what an entry
 * says and what the judge demands besides.
 */
import { RF } from '../../../src/core/state/layout.ts';
import { VECTOR_DB, VECTOR_UD } from '../../../src/core/base/vectors.ts';
import { isNextBreakpoint, isFault, isOnly, isResumeFlagBetweenIterations, ourVector, theirVector } from './facts.ts';
import type { Evidence, Verdict } from './verdicts.ts';

const wrong = 'qemu';

/** An instruction breakpoint of those in `dr6` is at this linear address. */
const hasBreakpointAt = ({ c }: Evidence, address: number, dr6: number): boolean =>
  c.system.dr.some(
    (place, k) => place === address && ((dr6 >>> k) & 1) !== 0 && ((c.system.dr7 >>> (16 + 4 * k)) & 3) === 0,
  );

export const QEMU_DEBUG_VERDICTS: readonly Verdict[] = [
  {
    name: 'TF after STI',
    reason: 'SDM 2, STI: it delays interrupts, not debug traps; QEMU leaves the single-step trap out.',
    wrong,
    departs: (e) => /\bsti\b/.test(e.c.program) && ourVector(e) === VECTOR_DB && (e.ours.fields.dr6 & 0x4000) !== 0,
  },
  {
    name: 'the breakpoint of the next instruction on a single step',
    reason:
      'SDM 3, Debug Status Register: B0–B3 may be set for conditions that raise nothing; ours are those of the trap.',
    wrong,
    knowsValue: true,
    explains: isNextBreakpoint,
  },
  {
    name: 'breakpoint for I/O without CR4.DE',
    reason: 'SDM 3, Debug Control Register: R/W = 10b is undefined without CR4.DE; ours never hits.',
    wrong,
    departs: (e) =>
      e.c.tags.has('debug') &&
      (e.c.system.cr4 & 8) === 0 &&
      /^out/.test(e.c.program) &&
      [0, 1, 2].some((k) => ((e.c.system.dr7 >>> (16 + 4 * k)) & 3) === 2) &&
      theirVector(e) === VECTOR_DB,
  },
  {
    name: 'one debug exception twice',
    reason: 'SDM 3, Debug Status Register: TF and a data breakpoint of one instruction are one #DB; QEMU raises two.',
    wrong,
    departs: (e) =>
      e.c.tags.has('debug') &&
      (e.c.registers.eflags & 0x100) !== 0 &&
      ourVector(e) === VECTOR_DB &&
      theirVector(e) === VECTOR_DB,
  },
  {
    name: 'data breakpoint of an instruction that faults',
    reason: 'SDM 3, Data Memory Breakpoint: a trap after the instruction; one that faults has none.',
    wrong,
    departs: (e) => e.c.tags.has('debug') && isFault(e) && theirVector(e) === VECTOR_DB,
  },
  {
    name: 'breakpoint after MOV SS',
    reason:
      'SDM 3, Masking Exceptions and Interrupts When Switching Stacks: breakpoints are held off for one instruction.',
    wrong,
    departs: (e) => e.c.tags.has('debug') && /\bmov ss/.test(e.c.program) && theirVector(e) === VECTOR_DB,
  },
  {
    name: 'breakpoint bits of DR6',
    reason: 'SDM 3, Debug Status Register: every enabled breakpoint that an access hits; QEMU looks at one.',
    wrong,
    explains: (d, e) => e.c.tags.has('debug') && d.place === 'dr6' && ourVector(e) === VECTOR_DB && isOnly(d, 15),
  },
  {
    name: 'RF of a repeated string instruction that has not ended',
    reason:
      'SDM 3, Instruction-Breakpoint Exception Condition: RF is cleared when the instruction has completed; QEMU ' +
      'clears it at the first iteration, and the breakpoint hits again.',
    wrong,
    departs: (e) =>
      e.c.tags.has('debug') &&
      e.c.program === 'rep movsd' &&
      (e.c.registers.eflags & RF) !== 0 &&
      e.ours.fields.ecx === 0 &&
      e.theirs.fields.ecx === 1 &&
      theirVector(e) === VECTOR_DB &&
      hasBreakpointAt(e, e.c.registers.eip, e.theirs.fields.dr6),
  },
  {
    name: 'RF of a trap between iterations',
    reason:
      'SDM 3, Instruction-Breakpoint Exception Condition: a trap after any iteration but the last pushes RF = 1; ' +
      'the silicon here does when the instruction began with it.',
    wrong,
    knowsValue: true,
    explains: isResumeFlagBetweenIterations,
  },
  {
    name: 'aborts on a data breakpoint in a complex instruction',
    reason:
      'SDM 3, Data Memory Breakpoint: a trap after the instruction; QEMU fails an assertion of its own or waits ' +
      'for ever.',
    wrong,
    departs: (e) =>
      e.c.tags.has('debug') &&
      ['stop', 'hang'].includes(e.theirs.end) &&
      ourVector(e) === VECTOR_DB &&
      (e.ours.fields.dr6 & 15) !== 0,
  },
  {
    name: 'INT1 is an invalid opcode',
    reason: 'SDM 2, INT n/INTO/INT3/INT1: F1h raises #DB without a DR6 bit.',
    wrong,
    departs: (e) => /0xf1/.test(e.c.program) && theirVector(e) === VECTOR_UD,
  },
];
