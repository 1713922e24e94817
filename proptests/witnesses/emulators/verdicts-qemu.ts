/**
 * What QEMU 7.2 does otherwise than the manual, and in what condition exactly. See verdicts.ts for what an entry says
 * and what the judge demands besides. SDM chapters are named, not numbered, where the edition matters.
 */
import { RF } from '../../../src/core/state/layout.ts';
import {
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  VECTOR_UD,
} from '../../../src/core/base/vectors.ts';
import { before, type Difference } from './compare.ts';
import {
  changed,
  errorCode,
  frameAt,
  frameFlagsAt,
  isDone,
  isLongV86Return,
  isFault,
  isIn,
  isOnly,
  isPartOfTableStore,
  isUpperHalfOfTask16,
  mayHoldFlags,
  ourMemory,
  ourVector,
  savedByDoubleFault,
  theirVector,
  VIF_VIP,
} from './facts.ts';
import * as at from './layout.ts';
import type { Evidence, Verdict } from './verdicts.ts';
import { QEMU_DEBUG_VERDICTS } from './verdicts-qemu-debug.ts';

const wrong = 'qemu';
const ACCESSED = 0x20;
const GD = 0x2000;
/** CR0: PE MP EM TS ET NE, WP, AM, NW CD PG. */
const CR0_DEFINED = 0xe005003f;
const CR4_DEFINED = 0x7ff;
const DR7_RESERVED = 0xd800;

const entryEflags = ({ c }: Evidence): number => c.registers.eflags;
const isV86 = ({ c }: Evidence): boolean => c.tags.has('v86');

/** VME in virtual-8086 mode, PVI at CPL 3. */
const hasVirtualInterrupts = (e: Evidence): boolean =>
  (isV86(e) && (e.c.system.cr4 & 1) !== 0) || (e.c.tags.has('cpl3') && (e.c.system.cr4 & 2) !== 0);

/** The program works on DR7, or on DR6, by either name. */
const ON_DR7 = /dr7|0x23, 0xe8/;
const ON_DR6 = /dr6|0x23, 0xe0/;

const READ_MODIFY_WRITE = /^(inc|add|xchg|cmpxchg|cmpxchg8b|bts|btr|xadd|rol|neg)\b|;inc byte/;

/** Ours or a monitor's task: vector 14 leads to RECOVER2 in some cases. */
const isPageFault = (e: Evidence): boolean =>
  ourVector(e) === VECTOR_PF || (ourVector(e) === 0x101 && e.c.patches.has(at.IDT + VECTOR_PF * 8));

/** The directory entry of the window has its accessed flag, as it must once it was used. */
const hasUsedDirectory = (e: Evidence): boolean => {
  const { ebx } = e.c.registers;
  if (e.c.area === 'paging' && (ebx < at.WINDOW || ebx >= 0x800000)) return true;
  const entry = ourMemory(e, e.c.tags.has('pae') ? at.PAE_DIRECTORY + 16 : at.PAGE_DIRECTORY + 4);
  return (entry & 1) === 0 || (entry & ACCESSED) !== 0;
};

/** The task that we ended in is busy, as a task that runs always is. */
const isTaskBusy = (e: Evidence): boolean => (ourMemory(e, at.GDT + (e.ours.fields.tr & 0xfff8) + 4) & 0x200) !== 0;

/**
 * We stopped at a breakpoint where the low half of the offset of a patched 16-bit gate leads, whose upper half is not
 * 0.
 */
function isAtLowHalfOfGate16(e: Evidence): boolean {
  const frame = frameAt(e);
  if (frame === undefined || ourVector(e) !== VECTOR_BP) return false;
  const target = (ourMemory(e, frame) - 1) >>> 0;
  for (const [address, high] of e.c.patches) {
    const isGate16 = address >= at.IDT && address < at.IDT + 0x800 && (address & 7) === 4 && (high & 0x9e00) === 0x8600;
    if (isGate16 && high >>> 16 !== 0 && ((e.c.patches.get(address - 4) ?? 0) & 0xffff) === target) return true;
  }
  return false;
}

const isDirectory = (d: Difference): boolean => isIn(d, at.PAGE_DIRECTORY, 0x1000) || isIn(d, at.PAE_DIRECTORY, 0x1000);

const isPageTable = (d: Difference): boolean => isIn(d, at.PAGE_DIRECTORY, at.PAGES - at.PAGE_DIRECTORY);

/** The image of EFLAGS in a TSS that a task switch has left. */
const isSavedFlags = (d: Difference): boolean => d.place === at.TSS + 0x24 || d.place === at.TSS_B + 0x24;

/**
 * What a double fault has saved of RF: Bochs has set it for the fault before, QEMU never has it, so neither is a
 * witness. It must be what it was in the task that is left.
 */
function isSavedResumeFlagRight(e: Evidence): boolean {
  const place = savedByDoubleFault(e);
  if (place === undefined) return true;
  const was = place === at.TSS + 0x24 ? entryEflags(e) : before(e.c, e.template, place);
  return (was & RF) !== 0 || (ourMemory(e, place) & RF) === 0;
}

const ALL: readonly Verdict[] = [
  {
    name: 'no RF in the frame of a fault',
    reason: 'SDM 3, Instruction-Breakpoint Exception Condition: a fault-class exception pushes EFLAGS with RF = 1.',
    wrong,
    knowsValue: true,
    explains: (d, e) => isFault(e) && d.place === frameFlagsAt(e) && changed(d) === RF && (d.ours & RF) !== 0,
  },
  {
    name: 'no RF in an image that a fault saves',
    reason:
      'The same in frames of 16 bits, at odd places, of an earlier fault, and in the TSS that a task gate leaves; ' +
      'not for #DF.',
    wrong,
    explains: (d, e) =>
      typeof d.place === 'number' &&
      d.place !== savedByDoubleFault(e) &&
      ((changed(d) === RF && (d.ours & RF) !== 0) ||
        (changed(d) === 1 && (d.ours & 1) !== 0 && (e.ours.fields.esp & 3) !== 0)),
  },
  {
    name: 'RF outlives an instruction',
    reason:
      'SDM 3, EFLAGS: RF is cleared after the successful execution of an instruction; QEMU waits for the end of ' +
      'its block.',
    wrong,
    explains: (d) => mayHoldFlags(d) && changed(d) === RF && (d.theirs & RF) !== 0,
  },
  {
    name: 'RF outlives an instruction until a double fault',
    reason: 'The same: EIP has moved on when the task is saved.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      isSavedFlags(d) &&
      ourVector(e) === 0x100 &&
      changed(d) === RF &&
      (d.ours & RF) === 0 &&
      ourMemory(e, (d.place as number) - 4) > e.c.registers.eip,
  },
  {
    name: 'VIF and VIP are not loaded by IRET to protected mode',
    reason: 'SDM 2, IRET: at CPL 0 a 32-bit image also loads VIF and VIP; the entry of the case does that.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      !isV86(e) &&
      (d.place === 'flags' ||
        d.place === e.ours.fields.esp - 4 || // pushed by the monitor to look at them
        d.place === frameFlagsAt(e) ||
        isSavedFlags(d)) &&
      isOnly(d, VIF_VIP) &&
      (d.theirs & VIF_VIP) === 0 &&
      (d.ours & VIF_VIP) === (entryEflags(e) & VIF_VIP),
  },
  {
    name: 'VIF, VIP and RF are not loaded by IRET to protected mode, nor RF pushed by faults',
    reason: 'Both of the above in one doubleword.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      !isV86(e) &&
      isFault(e) &&
      d.place === frameFlagsAt(e) &&
      isOnly(d, VIF_VIP | RF) &&
      (d.theirs & VIF_VIP) === 0 &&
      (d.ours & RF) !== 0 &&
      (d.ours & VIF_VIP) === (entryEflags(e) & VIF_VIP),
  },
  {
    name: 'VIF and VIP are lost',
    reason: 'SDM 2, IRET and PUSHF: what IRET loaded is seen in later images; QEMU has never loaded it.',
    wrong,
    explains: (d, e) =>
      mayHoldFlags(d) &&
      ((isOnly(d, VIF_VIP) && (changed(d) & d.theirs) === 0) ||
        (isOnly(d, VIF_VIP | RF) &&
          (changed(d) & VIF_VIP) !== 0 &&
          (changed(d) & VIF_VIP & d.theirs) === 0 &&
          (d.place !== savedByDoubleFault(e) || (d.theirs & RF) !== 0)) ||
        (isOnly(d, (VIF_VIP | RF) >>> 16) && (changed(d) & d.theirs) === 0)), // of an image at an odd word
  },
  {
    name: 'no VME and no PVI',
    reason:
      'SDM 3, 8086 Emulation: with CR4.VME or PVI, CLI, STI, POPF, PUSHF, INT n and IRET work on VIF, and VIF ' +
      'with VIP is #GP(0).',
    wrong,
    departs: (e) =>
      hasVirtualInterrupts(e) &&
      (/\b(cli|sti|popf|popfd|pushf|pushfd|int|iret|iretd)\b/.test(e.c.program) ||
        ([VECTOR_GP, 0x100, 0x101].includes(ourVector(e)) && (entryEflags(e) & VIF_VIP) === VIF_VIP)),
  },
  {
    name: 'VIF where PVI or VME changes it',
    reason: 'SDM 2, CLI, STI, POPF: with PVI or VME they change VIF instead of IF.',
    wrong,
    explains: (d, e) => hasVirtualInterrupts(e) && mayHoldFlags(d) && isOnly(d, VIF_VIP | RF | 0x200),
  },
  {
    name: 'segment limits are not checked',
    reason:
      'SDM 3, Limit Checking: an access beyond the limit is #GP, with SS #SS; QEMU accesses, or faults later ' +
      'elsewhere.',
    wrong,
    departs: (e) =>
      ['limits', 'stacks', 'real', 'segments'].includes(e.c.area) &&
      ([VECTOR_SS, VECTOR_GP, 0x101, 0x100].includes(ourVector(e)) || e.ours.end === 'reset') &&
      (e.c.isReal || errorCode(e) === 0 || errorCode(e) === undefined),
  },
  {
    name: 'selector of SYSENTER and SYSEXIT',
    reason: 'SDM 2, SYSENTER and SYSEXIT: #GP(0) if bits 15:2 of IA32_SYSENTER_CS are 0; QEMU looks at bits 1:0 too.',
    wrong,
    departs: (e) =>
      /^sys(enter|exit)$/.test(e.c.program) &&
      (e.c.system.sysenter[0] & 0xfffc) === 0 &&
      e.c.system.sysenter[0] !== 0 &&
      ourVector(e) === VECTOR_GP &&
      errorCode(e) === 0,
  },
  {
    name: 'model-specific registers that are not there',
    reason:
      'SDM 2, RDMSR and WRMSR: #GP(0) for a register that is not there or a type of memory that is none; QEMU ' +
      'reads 0 and takes all.',
    wrong,
    departs: (e) =>
      /^(wrmsr;)?rdmsr$/.test(e.c.program) &&
      [0xfe, 0x12345678, 0xc0000081, 0xffffffff, 0x200, 0x277, 0x2ff].includes(e.c.registers.ecx >>> 0) &&
      ourVector(e) === VECTOR_GP &&
      errorCode(e) === 0 &&
      theirVector(e) === 3,
  },
  {
    name: 'reserved bits of EFER',
    reason: 'SDM 2, WRMSR: #GP(0) if a reserved bit is set; without long mode EFER has NXE alone.',
    wrong,
    departs: (e) =>
      e.c.program === 'wrmsr;rdmsr' &&
      e.c.registers.ecx >>> 0 === 0xc0000080 &&
      ((e.c.registers.eax & ~0x800) !== 0 || e.c.registers.edx !== 0) &&
      ourVector(e) === VECTOR_GP &&
      errorCode(e) === 0,
  },
  {
    name: 'no general detect',
    reason: 'SDM 3, Debug Control Register: with DR7.GD, MOV from or to a debug register is #DB with DR6.BD.',
    wrong,
    departs: (e) =>
      (e.c.system.dr7 & GD) !== 0 &&
      (ourMemory(e, frameFlagsAt(e) ?? 0) & RF) !== 0 &&
      ourVector(e) === VECTOR_DB &&
      (e.ours.fields.dr6 & GD) !== 0,
  },
  {
    name: 'general detect where the monitor reads the debug registers',
    reason: 'The same: the monitor runs into #DB, which clears DR7.GD and leaves DR6.BD.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      (e.c.system.dr7 & GD) !== 0 &&
      ((d.place === 'dr6' && changed(d) === GD && (d.ours & GD) !== 0) ||
        (d.place === 'dr7' && isOnly(d, GD | DR7_RESERVED) && (d.ours & (GD | DR7_RESERVED)) === 0)),
  },
  {
    name: 'general detect after MOV DR7 has set it',
    reason: 'The same, with GD loaded by the case.',
    wrong,
    departs: (e) =>
      (e.c.registers.eax & GD) !== 0 &&
      /mov dr7|0x23, 0xe8/.test(e.c.program) &&
      (ourMemory(e, frameFlagsAt(e) ?? 0) & RF) !== 0 &&
      ourVector(e) === VECTOR_DB &&
      (e.ours.fields.dr7 & DR7_RESERVED) === 0 &&
      (e.ours.fields.dr6 & GD) !== 0,
  },
  {
    name: 'general detect by the monitor after MOV DR7 has set it',
    reason: 'The same.',
    wrong,
    explains: (d, e) =>
      (e.c.registers.eax & GD) !== 0 &&
      /mov dr7|0x23, 0xe8/.test(e.c.program) &&
      ((d.place === 'dr6' && changed(d) === GD && (d.ours & GD) !== 0) ||
        (d.place === 'dr7' && isOnly(d, GD | DR7_RESERVED) && (d.ours & (GD | DR7_RESERVED)) === 0)),
  },
  {
    name: 'reserved bits of DR7 and DR6 are kept',
    reason: 'SDM 3, Debug Registers: bits 11, 12, 14 and 15 of DR7 and bit 12 of DR6 are reserved and 0.',
    wrong,
    knowsValue: true,
    explains: (d, e) => {
      const reserved = ON_DR7.test(e.c.program) ? DR7_RESERVED : ON_DR6.test(e.c.program) ? 0x1000 : 0;
      const isRegister = d.place === 'ecx' || d.place === (ON_DR7.test(e.c.program) ? 'dr7' : 'dr6');
      return isRegister && isOnly(d, reserved) && (d.ours & reserved) === 0;
    },
  },
  {
    name: 'a control or debug register that is not there',
    reason:
      'SDM 2, MOV CRn: #UD for a register that is not there, at any privilege; QEMU looks at the privilege first.',
    wrong,
    departs: (e) => /^db 0x0f, 0x2[02]/.test(e.c.program) && ourVector(e) === VECTOR_UD && theirVector(e) === VECTOR_GP,
  },
  {
    name: 'reserved bits of CR0 are kept',
    reason: 'SDM 3, Control Registers: reserved bits of CR0 stay as they are, 0; ET is 1.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      (d.place === 'cr0' ||
        d.place === 'ecx' ||
        d.place === 'esi' ||
        (isIn(d, at.DATA, 4) && /smsw/.test(e.c.program))) &&
      /mov cr0|lmsw|smsw|cr0/.test(e.c.program) &&
      isOnly(d, ~CR0_DEFINED | 0x10) &&
      (d.ours & ~CR0_DEFINED) === 0 &&
      (d.ours & 0x10) !== 0,
  },
  {
    name: 'EXT of an error code',
    reason:
      'SDM 3, Error Code: EXT is set when the fault came up in the delivery of an event that is no software interrupt.',
    wrong,
    explains: (d, e) =>
      typeof d.place === 'number' && changed(d) === 1 && (d.ours & 1) === (/\bint/.test(e.c.program) ? 0 : 1),
  },
  {
    name: 'offset of a 16-bit gate',
    reason: 'SDM 3, Call Gates: a 16-bit gate holds an offset of 16 bits; QEMU takes 32.',
    wrong,
    explains: (d, e) =>
      /callgate16|type=[67]/.test(e.c.title) &&
      typeof d.place === 'number' &&
      (changed(d) === 0x20000 || changed(d) === 2) &&
      (changed(d) & d.ours) === 0,
  },
  {
    name: 'a 16-bit call gate whose offset has more than 16 bits',
    reason: 'The same, where the target is another one.',
    wrong,
    departs: (e) => /callgate16[^}]*:[0-9a-f]{5}/.test(e.c.title),
  },
  {
    name: 'a 16-bit interrupt gate whose upper half is not 0',
    reason: 'SDM 3, IDT Descriptors: these bits are reserved in a 16-bit gate; QEMU goes to an offset of 32 bits.',
    wrong,
    departs: isAtLowHalfOfGate16,
  },
  {
    name: 'RPL of CS after a gate',
    reason: 'SDM 2, CALL and INT: the RPL of CS becomes CPL; QEMU keeps that of the gate’s selector.',
    wrong,
    explains: (d, e) => /callgate|gate to/.test(e.c.title) && typeof d.place === 'number' && isOnly(d, 3),
  },
  {
    name: 'IRET to virtual-8086 mode at any privilege',
    reason: 'SDM 2, IRET: VM in the image counts at CPL 0 only; QEMU goes to virtual-8086 mode from every level.',
    wrong,
    departs: (e) => e.c.tags.has('tov86') && e.c.tags.has('iret') && (e.c.registers.cs & 3) !== 0 && !isV86(e),
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
    name: 'upper half of EBP after ENTER on a 16-bit stack that wraps',
    reason: 'SDM 2, ENTER: the frame pointer is the stack pointer after the push, whose upper half stays as it was.',
    wrong,
    explains: (d, e) => /enter/.test(e.c.program) && d.place === 'ebp' && isOnly(d, 0xffff0000),
  },
  {
    name: 'limit of the target of an interrupt gate',
    reason:
      'SDM 2, INT n: #GP(EXT) if the offset of the gate is beyond the limit of the code segment; QEMU goes there.',
    wrong,
    departs: (e) =>
      e.c.tags.has('interrupt') &&
      /limit=(13ff|1400|15ff|21400)/.test(e.c.title) &&
      [VECTOR_GP, 0x100, 0x101].includes(ourVector(e)),
  },
  {
    name: 'inner stack of an interrupt',
    reason:
      'SDM 2, INT n: #TS for stacks beyond the limit of the TSS, #SS(EXT) for those without room; QEMU looks for ' +
      'neither.',
    wrong,
    departs: (e) =>
      e.c.tags.has('interrupt') &&
      /tss limit=|esp\d=|ss\d=/.test(e.c.title) &&
      (e.ours.end === 'reset' || [VECTOR_TS, VECTOR_SS, 0x100, 0x101].includes(ourVector(e))),
  },
  {
    name: 'contradictory bits of CR0',
    reason: 'SDM 2, MOV CRn: #GP(0) for NW without CD and for PG without PE.',
    wrong,
    departs: (e) =>
      /^mov cr0, eax/.test(e.c.program) &&
      ((e.c.registers.eax & 0x60000000) === 0x20000000 || (e.c.registers.eax & 0x80000001) === 0x80000000 >> 0) &&
      ourVector(e) === VECTOR_GP &&
      (e.c.isReal || errorCode(e) === 0),
  },
  {
    name: 'reserved bits of CR4 hang it',
    reason: 'SDM 2, MOV CRn: #GP(0) for a reserved bit of CR4.',
    wrong,
    departs: (e) =>
      /^(mov cr4, eax|db 0x0f, 0x22, 0x20)/.test(e.c.program) &&
      (e.c.registers.eax & ~CR4_DEFINED) !== 0 &&
      ourVector(e) === VECTOR_GP &&
      (isDone(e) || e.theirs.end === 'hang'),
  },
  {
    name: 'accessed bit of a page-directory-pointer-table entry',
    reason: 'SDM 3, PAE paging: these entries are loaded with CR3 and have no accessed flag; QEMU sets one.',
    wrong,
    knowsValue: true,
    explains: (d, { c, template }) =>
      isIn(d, at.POINTERS, 0x20) &&
      changed(d) === 0x20 &&
      d.ours === (c.patches.get(d.place as number) ?? template.getUint32((d.place as number) - at.ARENA, true)) >>> 0,
  },
  {
    name: 'page fault of an instruction that reads and writes',
    reason:
      'SDM 3, Page-Fault Exception: W/R tells the access; one that reads to write back is a write. QEMU says read.',
    wrong,
    explains: (d, e) =>
      READ_MODIFY_WRITE.test(e.c.program) &&
      isPageFault(e) &&
      d.place === e.ours.fields.esp &&
      isOnly(d, 3) &&
      (d.ours & 2) !== 0,
  },
  {
    name: 'an instruction that reads and writes reads before it may write',
    reason:
      'The same: QEMU sets accessed flags for the read, or faults on the second page, before the write is refused.',
    wrong,
    explains: (d, e) =>
      READ_MODIFY_WRITE.test(e.c.program) &&
      isPageFault(e) &&
      isPageFault({ ...e, ours: e.theirs }) &&
      (d.place === 'cr2' ||
        (isPageTable(d) &&
          (!isDirectory(d) || ((d.ours & 0x80) !== 0 && (e.c.system.cr4 & 0x30) !== 0)) && // a large page
          changed(d) === ACCESSED &&
          (d.theirs & ACCESSED) !== 0)),
  },
  {
    name: 'an instruction that reads and writes faults on what it reads first',
    reason: 'The same: across two pages another one faults, or for another reason.',
    wrong,
    departs: (e) =>
      READ_MODIFY_WRITE.test(e.c.program) &&
      isPageFault(e) &&
      isPageFault({ ...e, ours: e.theirs }) &&
      hasUsedDirectory(e),
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
    name: 'FISTP of an empty register',
    reason:
      'SDM 1, Stack Overflow or Underflow Exception: the masked response stores the integer indefinite; QEMU stores 0.',
    wrong,
    explains: (d, e) => /fistp/.test(e.c.program) && isIn(d, at.PAGES, 0x2000) && (changed(d) & d.theirs) === 0,
  },
  {
    name: 'bits 19:16 of LAR',
    reason: 'SDM 2, LAR: these bits of the result are undefined; ours are those of the descriptor.',
    wrong,
    explains: (d, e) => /\blar e/.test(e.c.program) && d.place === 'ecx' && isOnly(d, 0xf0000),
  },
  {
    name: 'CR2 where an accessed bit is set in a descriptor',
    reason: 'SDM 3, Page-Fault Exceptions: the address that was accessed; QEMU writes the whole doubleword.',
    wrong,
    explains: (d, e) =>
      e.c.tags.has('pagedtables') && /\bldt\b/.test(e.c.title) && d.place === 'cr2' && d.ours >>> 2 === d.theirs >>> 2,
  },
  {
    name: 'flags of the pages of a TSS',
    reason:
      'SDM 3, Accessed and Dirty Flags: set for what is accessed; which parts of the old TSS that is before a ' +
      'fault is not said.',
    wrong,
    explains: (d, e) => e.c.tags.has('pagedtables') && /\btss \[/.test(e.c.title) && isPageTable(d) && isOnly(d, 0x60),
  },
  {
    name: 'VIF and VIP outlive a task switch',
    reason: 'SDM 3, Task Switching: EFLAGS is loaded from the TSS; QEMU keeps VIF and VIP of the old task.',
    wrong,
    explains: (d, e) =>
      e.ours.fields.kind === at.KIND_TASK && mayHoldFlags(d) && isOnly(d, VIF_VIP) && (changed(d) & d.ours) === 0,
  },
  {
    name: 'accessed and dirty flags of a page whose descriptor gets no accessed bit',
    reason: 'The same verdict, one level up: QEMU does not write to that page.',
    wrong,
    explains: (d, e) =>
      e.c.tags.has('pagedtables') && isPageTable(d) && isOnly(d, 0x60) && (changed(d) & d.theirs) === 0,
  },
  {
    name: 'page faults of structures: what is touched first, and when',
    reason:
      'SDM 3, Task Switching: all of both TSSs is found before anything changes; QEMU writes the old one first, ' +
      'sets no accessed bit of code, tests PUSHAD and ENTER otherwise.',
    wrong,
    departs: (e) =>
      e.c.tags.has('pagedtables') &&
      (e.ours.end === 'reset' || (hasUsedDirectory(e) && isTaskBusy(e))) &&
      (isPageFault(e) || isPageFault({ ...e, ours: e.theirs }) || ourVector(e) === 0x100 || e.ours.end === 'reset') &&
      (/\btss \[/.test(e.c.title) || /pushad|enter|jmp far/.test(e.c.program)),
  },
  {
    name: 'EIP after a data breakpoint of a repeated string instruction',
    reason: 'SDM 3, Data Memory Breakpoint: after the last iteration EIP is the next instruction.',
    wrong,
    explains: (d, e) =>
      e.c.program === 'rep movsd' && ourVector(e) === VECTOR_DB && d.place === frameAt(e) && isOnly(d, 2),
  },
  {
    name: 'no alignment check',
    reason: 'SDM 3, Alignment Check Exception: CR0.AM with EFLAGS.AC at CPL 3.',
    wrong,
    departs: (e) => ourVector(e) === 17 && errorCode(e) === 0,
  },
  {
    name: 'interrupt from virtual-8086 mode to a gate that does not lead to CPL 0',
    reason:
      'SDM 2, INT n, FROM-VIRTUAL-8086-MODE: #GP(selector) if the new code segment is conforming or its DPL is not 0.',
    wrong,
    departs: (e) =>
      isV86(e) &&
      e.c.tags.has('interrupt') &&
      /gate to/.test(e.c.title) &&
      ([8, 0x100, 0x101].includes(ourVector(e)) || (ourVector(e) === VECTOR_GP && (errorCode(e) ?? 4) > 3)),
  },
  {
    name: 'P of the error code for a reserved bit',
    reason:
      'SDM 3, Page-Fault Exceptions: RSVD is set only with P, for reserved bits are checked in present entries alone.',
    wrong,
    knowsValue: true,
    explains: (d, e) =>
      ourVector(e) === VECTOR_PF && d.place === e.ours.fields.esp && changed(d) === 1 && (d.ours & 9) === 9,
  },
  {
    name: 'P of the error code for a reserved bit, through a task gate',
    reason: 'The same.',
    wrong,
    explains: (d, e) => isPageFault(e) && d.place === e.ours.fields.esp && isOnly(d, 3) && (d.ours & 9) === 9,
  },
  {
    name: 'reserved bits of a page-directory-pointer-table entry',
    reason: 'SDM 3, PDPTE Registers: loading CR0 or CR3 with a present entry that has reserved bits set is #GP(0).',
    wrong,
    departs: (e) => {
      const entry = e.c.patches.get(at.POINTERS + 8) ?? 0;
      return e.c.tags.has('pdpte') && (entry & 1) !== 0 && (entry & 0x1e6) !== 0 && ourVector(e) === VECTOR_GP;
    },
  },
  {
    name: 'EIP of a fault that belongs to the new task',
    reason: 'SDM 3, Task Switching: after the commit point EIP is the new task’s; QEMU pushes the old one.',
    wrong,
    explains: (d, e) =>
      e.c.tags.has('task') &&
      isFault(e) &&
      d.place === frameAt(e) &&
      d.theirs === e.c.registers.eip &&
      d.ours !== d.theirs,
  },
  {
    name: 'a fault while the segments of a new task are loaded',
    reason:
      'SDM 3 table 7-1: each selector is checked, in this order; QEMU has another, and loads what it has refused.',
    wrong,
    departs: (e) =>
      (e.c.tags.has('task') || /taskgate/.test(e.c.title)) &&
      ([VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP, 0x100].includes(ourVector(e)) || e.ours.end === 'reset'),
  },
  {
    name: 'no T bit of a TSS',
    reason: 'SDM 3, Task-Switch Exception Condition: #DB with DR6.BT after the switch to a TSS whose T bit is set.',
    wrong,
    departs: (e) => e.c.tags.has('T') && ourVector(e) === VECTOR_DB && (e.ours.fields.dr6 & 0x8000) !== 0,
  },
  {
    name: 'no T bit of a TSS in DR6',
    reason: 'The same, where another debug exception comes too.',
    wrong,
    explains: (d, e) => e.c.tags.has('T') && d.place === 'dr6' && changed(d) === 0x8000 && (d.ours & 0x8000) !== 0,
  },
  {
    name: 'upper halves of registers from a 16-bit TSS',
    reason: 'SDM 3, 16-Bit Task-State Segment: it holds no upper halves; what they become is not said. Ours are 0.',
    wrong,
    knowsValue: true,
    explains: isUpperHalfOfTask16,
  },
  {
    name: 'accessed bit of descriptors',
    reason:
      'SDM 3, Code- and Data-Segment Descriptor Types: set whenever the selector is loaded; QEMU leaves it for CS ' +
      'and in IRET.',
    wrong,
    explains: (d) =>
      (isIn(d, at.GDT, 0x300) || isIn(d, at.PAGES, 0x2000)) && changed(d) === 0x100 && (d.ours & 0x1100) === 0x1100,
  },
  {
    name: 'limit of the target of a far transfer',
    reason:
      'SDM 2, JMP, CALL, RET, IRET: #GP(0) if the new EIP is beyond the limit, before anything changes; QEMU goes ' +
      'there.',
    wrong,
    departs: (e) =>
      (e.c.tags.has('far') || e.c.tags.has('iret')) && ourVector(e) === VECTOR_GP && (errorCode(e) ?? 0) === 0,
  },
  {
    name: 'general-protection and stack faults of a far transfer after it has stored',
    reason: 'SDM 2, CALL: privilege, presence and the inner stack are checked in this order before anything is pushed.',
    wrong,
    departs: (e) =>
      e.c.tags.has('far') &&
      ([VECTOR_TS, VECTOR_NP, VECTOR_SS, 0x100].includes(ourVector(e)) || e.ours.end === 'reset'),
  },
];

export const QEMU_VERDICTS: readonly Verdict[] = [...ALL, ...QEMU_DEBUG_VERDICTS].map((verdict) => {
  const { departs } = verdict;
  return departs === undefined ? verdict : { ...verdict, departs: (e) => isSavedResumeFlagRight(e) && departs(e) };
});
