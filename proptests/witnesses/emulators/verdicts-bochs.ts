/**
 * What Bochs 2.7 does otherwise than the manual, and in what condition exactly. See verdicts.ts for what an entry says
 * and what the judge demands besides.
 */
import { RF } from '../../../src/core/state/layout.ts';
import { REGISTERS_32 } from '../../../src/core/base/names.ts';
import { VECTOR_DB, VECTOR_GP, VECTOR_PF, VECTOR_SS, VECTOR_TS, VECTOR_UD } from '../../../src/core/base/vectors.ts';
import { before, type Difference, type Place } from './compare.ts';
import {
  changed,
  errorCode,
  frameAt,
  frameFlagsAt,
  isCleanFault,
  isIn,
  isLongV86Return,
  isNextBreakpoint,
  isOnly,
  isPartOfTableStore,
  isResumeFlagBetweenIterations,
  isUpperHalfOfTask16,
  ourMemory,
  ourVector,
  savedByDoubleFault,
  theirVector,
  VIF_VIP,
} from './facts.ts';
import * as at from './layout.ts';
import type { Evidence, Verdict } from './verdicts.ts';

const wrong = 'bochs';
const GD = 0x2000;
const ACCESSED = 0x20;

const NAMES: readonly Place[] = REGISTERS_32;

/** A doubleword of the arena before the case, at any address. */
function stackDoubleword({ c, template }: Evidence, address: number): number {
  const shift = (address & 3) * 8;
  // The end of the 64 KiB segment is beyond the arena; the monitor fills it with breakpoints.
  const word = (at: number): number => (at >= 0x2ff00 && at < 0x30000 ? 0xcccccccc : before(c, template, at));
  const low = word(address & ~3) >>> shift;
  return shift === 0 ? low : (low | (word((address & ~3) + 4) << (32 - shift))) >>> 0;
}

/** A code segment, not conforming, whose DPL is not the RPL of `selector`. */
function isCodeOfOtherLevel({ c, template }: Evidence, selector: number): boolean {
  const high = before(c, template, ((selector & 4) !== 0 ? at.LDT : at.GDT) + (selector & 0xfff8) + 4);
  return (high & 0x1c00) === 0x1800 && ((high >>> 13) & 3) !== (selector & 3);
}

/** Base of the TSS that TR has at the beginning. */
function baseOfTask({ c, template }: Evidence): number {
  const place = at.GDT + (at.TSS_SELECTOR & 0xfff8);
  const high = before(c, template, place + 4);
  return ((before(c, template, place) >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
}

/** Within what a call through a gate would have pushed on one of the inner stacks. */
function isOnInnerStack({ place }: Difference, { c, template }: Evidence): boolean {
  const parameters = Number(/callgate32[^}]*count=(\d+)/.exec(c.title)?.[1] ?? Number.NaN);
  return [0, 1, 2].some((level) => {
    const top = before(c, template, at.TSS + 4 + level * 8);
    return typeof place === 'number' && place < top && place >= top - 4 * (4 + parameters);
  });
}

export const BOCHS_VERDICTS: readonly Verdict[] = [
  {
    name: 'RF of general detect',
    reason: 'SDM 3, General-Detect Exception Condition: a fault, and no instruction breakpoint, so RF is pushed as 1.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      ourVector(e) === VECTOR_DB &&
      (e.ours.fields.dr6 & GD) !== 0 &&
      d.place === frameFlagsAt(e) &&
      changed(d) === RF &&
      (d.ours & RF) !== 0,
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
    name: 'RF of a double fault',
    reason:
      'SDM 3, Instruction-Breakpoint Exception Condition: #DF is an abort, so RF is saved as it is; Bochs has set ' +
      'it for the first fault.',
    wrong,
    knowsValue: true,
    explains: (d, e) => {
      if (changed(d) !== RF || (d.ours & RF) !== 0) return false;
      // In a frame when vector 8 has a plain gate; INT 8 itself pushes RF = 0 too.
      if (ourVector(e) === 8) return typeof d.place === 'number' && (e.c.registers.eflags & RF) === 0;
      // The TSS that is left may lie behind pages.
      if (e.c.tags.has('pagedtables') && isIn(d, at.PAGES, 0x2000))
        return ourVector(e) === 0x100 && (e.c.registers.eflags & RF) === 0;
      if (typeof d.place !== 'number' || d.place !== savedByDoubleFault(e)) return false;
      const isFirst = d.place === at.TSS + 0x24;
      const was = isFirst ? e.c.registers.eflags : before(e.c, e.template, d.place);
      return (was & RF) === 0 || (isFirst && ourMemory(e, d.place - 4) > e.c.registers.eip);
    },
  },
  {
    name: 'a code segment of the wrong privilege comes before everything else of a new task',
    reason:
      'SDM 3 table 7-1, in the order of the P6 family: DPL of the code segment against its RPL, then SS; Bochs ' +
      'looks at it last.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      e.c.tags.has('task') &&
      ourVector(e) === VECTOR_TS &&
      theirVector(e) === VECTOR_TS &&
      d.place === e.ours.fields.esp &&
      (d.ours & ~1) >>> 0 === (before(e.c, e.template, at.TSS_B + 0x4c) & 0xfffc) &&
      isCodeOfOtherLevel(e, before(e.c, e.template, at.TSS_B + 0x4c) & 0xffff),
  },
  {
    name: 'POPA that faults in the middle',
    reason:
      'SDM 2, POPA: what was popped before the fault is not said; ours has changed, as on the processors compared.',
    wrong,
    knowsValue: true,
    explains: (d, e) => {
      if (!/^popa/.test(e.c.program) || ![VECTOR_SS, VECTOR_PF, 0x101].includes(ourVector(e))) return false;
      const register = typeof d.place === 'number' ? (d.place - at.TSS - 0x28) / 4 : NAMES.indexOf(d.place);
      if (register < 0 || register > 7 || register === 4 || register !== Math.floor(register)) return false;
      const { registers: r } = e.c;
      const wide = e.c.program === 'popad' || e.c.area === 'stacks';
      const entry = [r.eax, r.ecx, r.edx, r.ebx, r.esp, r.ebp, r.esi, r.edi][register] >>> 0;
      const popped = stackDoubleword(
        e,
        (e.c.area === 'real' ? 0x20000 : 0x21100) + (r.esp & 0xffff) + (7 - register) * (wide ? 4 : 2),
      );
      const value = wide ? popped : ((entry & 0xffff0000) | (popped & 0xffff)) >>> 0;
      return d.theirs === entry && d.ours === value;
    },
  },
  {
    name: 'POPFD in virtual-8086 mode under VME beyond the limit',
    reason:
      'SDM 2, POPF: with IOPL < 3 and a 32-bit operand #GP(0), which needs no look at the stack; Bochs reads it first.',
    wrong,
    departs: (e) =>
      e.c.tags.has('v86') &&
      /^o32 popf/.test(e.c.program) &&
      (e.c.registers.eflags & 0x3000) !== 0x3000 &&
      ourVector(e) === VECTOR_GP &&
      theirVector(e) === VECTOR_SS,
  },
  {
    name: 'part of an operand beyond the limit is stored',
    reason: 'SDM 2, FSTP and SGDT: they fault on any part of the operand, and then nothing is stored.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /fstp tword|sgdt|sidt/.test(e.c.program) &&
      e.c.tags.has('limit') &&
      ourVector(e) === VECTOR_GP &&
      isIn(d, at.DATA - 4, 0x1004) &&
      d.ours === before(e.c, e.template, d.place as number),
  },
  {
    name: 'part of an operand in a page that is there is stored',
    reason:
      'SDM 2, SGDT: a page fault of any part of the operand, and then nothing is stored; both peers store the limit.',
    wrong,
    knowsValue: true,
    explains: isPartOfTableStore,
  },
  {
    name: 'accessed bit of CS when a later segment of the new task is refused',
    reason: 'SDM 3, Code- and Data-Segment Descriptor Types: set when the selector is loaded; Bochs loads CS last.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      e.c.tags.has('task') &&
      isIn(d, at.GDT, 0x300) &&
      changed(d) === 0x100 &&
      d.ours === (before(e.c, e.template, d.place as number) | 0x100) >>> 0 &&
      (d.ours & 0x1800) === 0x1800,
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
    name: 'general detect after INT1',
    reason:
      'SDM 3, Debug Control Register: GD is cleared on entry to a debug handler; Bochs leaves it for INT1, and ' +
      'the monitor meets it.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /0xf1/.test(e.c.program) &&
      d.place === 'dr6' &&
      changed(d) === GD &&
      (d.ours & GD) === 0 &&
      (e.c.system.dr7 & GD) !== 0,
  },
  {
    name: 'busy bit when saving to the old TSS faults',
    reason: 'SDM 3, Task Switching: that both TSSs are there is found before the busy bit of the old task is cleared.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      e.c.tags.has('pagedtables') &&
      d.place === at.GDT + at.TSS_SELECTOR + 4 &&
      changed(d) === 0x200 &&
      (d.ours & 0x200) !== 0,
  },
  {
    name: 'CR2 for a TSS that is not there',
    reason:
      'SDM 3, Task Switching: the TSS must be in memory; which byte is touched first is not said. Ours is the ' +
      'first of the page.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      e.c.tags.has('pagedtables') &&
      /\btss \[/.test(e.c.title) &&
      d.place === 'cr2' &&
      isOnly(d, 0xfff) &&
      (d.ours & 0xfff) === 0 &&
      d.ours >= baseOfTask(e) + 0x20, // where what is saved begins
  },
  {
    name: 'EIP beyond 64 KiB on IRET to virtual-8086 mode',
    reason:
      'SDM 2, IRET, RETURN-TO-VIRTUAL-8086-MODE: #GP(0) if EIP is not within the limit; both peers cut it to 16 bits.',
    wrong,
    knowsValue: true,
    explains: (_, e) => isLongV86Return(e),
  },
  {
    name: 'return address below the stack pointer when the target is beyond the limit',
    reason: 'SDM 2, CALL: EIP is checked before the return address is pushed; Bochs pushes first and takes ESP back.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /call far/.test(e.c.program) &&
      ourVector(e) === VECTOR_GP &&
      theirVector(e) === VECTOR_GP &&
      (errorCode(e) ?? 0) === 0 &&
      ((frameAt(e) ?? 0) < at.ARENA || ourMemory(e, frameAt(e) ?? 0) === e.c.registers.eip) &&
      isIn(d, e.c.registers.esp - 8, 8) &&
      d.ours === before(e.c, e.template, d.place as number),
  },
  {
    name: 'frame of a call gate whose target is beyond the limit',
    reason:
      'SDM 2, CALL, MORE-PRIVILEGE: the offset is checked before anything is pushed; Bochs has filled the inner stack.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /call far/.test(e.c.program) &&
      ourVector(e) === VECTOR_GP &&
      theirVector(e) === VECTOR_GP &&
      errorCode(e) === 0 &&
      ourMemory(e, frameAt(e) ?? 0) === e.c.registers.eip &&
      isOnInnerStack(d, e) &&
      d.ours === before(e.c, e.template, d.place as number),
  },
  {
    name: 'CR4.VMXE',
    reason:
      'SDM 2, MOV CRn: #GP(0) for a reserved bit of CR4, as bit 13 is where CPUID has no VMX; that of Bochs has it.',
    wrong,
    knowsValue: true,
    explains: (_, e) =>
      /^(mov cr4, eax|db 0x0f, 0x22, 0x20)/.test(e.c.program) &&
      (e.c.registers.eax & 0x2000) !== 0 &&
      isCleanFault(e, VECTOR_GP, 0),
  },
  {
    name: 'single step of an instruction that general detect refuses',
    reason:
      'SDM 3, General-Detect Exception Condition: a fault before the instruction, after which no step is trapped.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      d.place === 'dr6' &&
      ourVector(e) === VECTOR_DB &&
      (e.c.system.dr7 & GD) !== 0 &&
      (e.c.registers.eflags & 0x100) !== 0 &&
      ourMemory(e, frameAt(e) ?? 0) === e.c.registers.eip &&
      d.ours === 0xffff2ff0 &&
      changed(d) === 0x4000,
  },
  {
    name: 'PUSH of a segment register with a 32-bit operand',
    reason:
      'SDM 2, PUSH: the selector is zero-extended or only 16 bits are written, as the processor likes. Ours is ' +
      'the former.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /push (cs|ss)/.test(e.c.program) &&
      typeof d.place === 'number' &&
      isOnly(d, 0xffff0000) &&
      d.ours === (/push cs/.test(e.c.program) ? e.c.registers.cs : e.c.registers.ss) &&
      d.theirs >>> 16 === before(e.c, e.template, d.place) >>> 16,
  },
  {
    name: 'MOV DRn: general detect and DR4/DR5 before privilege',
    reason:
      'SDM 2, MOV DRn names #GP(0), #UD and #DB without an order; we check privilege first, as for every ' +
      'privileged instruction.',
    wrong,
    departs: (e) =>
      /dr|0x2[13]/.test(e.c.program) &&
      (ourMemory(e, frameFlagsAt(e) ?? 0) & RF) !== 0 && // for which QEMU is no witness
      ourVector(e) === VECTOR_GP &&
      errorCode(e) === 0 &&
      [VECTOR_DB, VECTOR_UD].includes(theirVector(e)),
  },
  {
    name: 'bit 11 of DR7 is kept',
    reason: 'SDM 3, Debug Control Register: bit 11 is RTM on processors that have it and else reserved and 0.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      /dr7|0x23, 0xe8/.test(e.c.program) &&
      (d.place === 'dr7' || d.place === 'ecx') &&
      changed(d) === 0x800 &&
      (d.ours & 0x800) === 0,
  },
  {
    name: 'VIF with VIP in virtual-8086 mode under PVI alone',
    reason:
      'SDM 3, Protected-Mode Virtual Interrupts: PVI is for protected mode (VM = 0); Bochs raises #GP(0) in ' +
      'virtual-8086 mode too.',
    wrong,
    departs: (e) =>
      e.c.tags.has('v86') &&
      (e.c.system.cr4 & 3) === 2 &&
      (e.c.registers.eflags & VIF_VIP) === VIF_VIP &&
      theirVector(e) === VECTOR_GP,
  },
  {
    name: 'accessed flag of the directory entry when the table entry refuses',
    reason:
      'SDM 3, Accessed and Dirty Flags: set whenever an entry is used in a translation; Bochs sets it when the ' +
      'walk succeeds.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      (isIn(d, at.PAGE_DIRECTORY, 0x1000) || isIn(d, at.PAE_DIRECTORY, 0x1000)) &&
      ((d.ours & 0x80) === 0 || (e.c.system.cr4 & 0x30) === 0) && // a large page has no table entry
      changed(d) === ACCESSED &&
      d.ours === (before(e.c, e.template, d.place as number) | ACCESSED) >>> 0 &&
      (d.ours & 1) !== 0,
  },
  {
    name: 'upper halves of registers from a 16-bit TSS',
    reason:
      'SDM 3, 16-Bit Task-State Segment: it holds no upper halves; what they become is not said. Bochs sets ' +
      'FFFFh, ours are 0.',
    wrong,
    knowsValue: true,
    explains: (d, e) => isUpperHalfOfTask16(d, e) && (d.theirs >>> 16 === 0xffff || d.place === at.TSS16),
  },
  {
    name: 'ESP of a task whose entry check fails after its error code was pushed',
    reason:
      'SDM 2, INT, TASK-GATE: the error code is pushed before EIP is checked; ESP has moved. Bochs takes that back.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      e.c.tags.has('task') &&
      d.place === at.TSS_B + 0x38 &&
      ourVector(e) === 0x100 &&
      ((d.theirs - d.ours) & 0xffff) === 4 &&
      isOnly(d, 0xffff),
  },
];
